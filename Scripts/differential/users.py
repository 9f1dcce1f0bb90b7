# Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
"""Random users whose attributes often are what the document's conditions look for."""
import values as v


def make_user(values):
    pick, chance = values.pick, values.chance
    user = {}
    if chance(0.92):
        user["userID"] = pick(values.units) if chance(0.9) else values.value()
    if chance(0.6):
        user["customIDs"] = {name: pick(values.units) if chance(0.9) else values.value()
            for name in values.random.sample(v.ID_TYPES, values.random.randint(0, 5))}
    for name in ("email", "locale"):
        if chance(0.4):
            user[name] = values.text() if chance(0.8) else values.value()
    for name, maker in (("ip", values.address), ("userAgent", values.agent),
        ("country", lambda: pick(values.countries)), ("appVersion", lambda: pick(v.VERSIONS))):
        if chance(0.45):
            user[name] = maker() if chance(0.93) else values.value()
    if chance(0.9):
        user["custom"] = attributes(values, values.random.randint(0, 9))
    if chance(0.25):
        user["privateAttributes"] = attributes(values, values.random.randint(0, 4))
    if chance(0.3):
        user["statsigEnvironment"] = {name: pick(v.TIERS) if chance(0.9) else values.value()
            for name in values.random.sample(["tier", "Tier", "region", ""], values.random.randint(0, 2))}
    if chance(0.03):
        user[pick(["customIDs", "custom", "privateAttributes", "statsigEnvironment", "unknown"])] = pick([None, {}, 5,
            []])
    return user


def attributes(values, count):
    names = values.random.sample(v.FIELDS, min(count, len(v.FIELDS)))
    members = {name: values.value() for name in names}
    for name in ("x", "y"):
        if values.chance(0.6):
            members[name] = values.value()
    if values.chance(0.05):
        members[values.pick(["os_name", "browser_version", "country", "ip", "useragent"])] = values.pick(["Chrome",
            "8.8.8.8", "US", None, values.agent()])
    return members
