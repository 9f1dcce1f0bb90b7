# Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
"""What wins over a document: local overrides, and sticky values that were kept for a user."""
import values as v

KINDS = ["gate", "dynamic_config", "experiment", "experiment_group", "layer", "parameter_store"]


def make_overrides(case, pool):
    """A list of `[kind, name, value, unit ID or null]`; kind `remove` takes away those of the kind in its value."""
    pick, specs = pool.pick, case["specs"]
    names = {
        "gate": known(specs, "feature_gates"), "dynamic_config": known(specs, "dynamic_configs"),
        "layer": known(specs, "layer_configs"), "parameter_store": known(specs, "param_stores"),
    }
    names["experiment"] = names["experiment_group"] = names["dynamic_config"]
    overrides = []
    for _ in range(pick([1, 2, 4, 8])):
        kind = pick(KINDS)
        name = pick(names[kind] + ["stranger"] if pool.chance(0.9) else ["g0", "e0", "l0", ""])
        if kind == "gate":
            value = pool.chance(0.5)
        elif kind == "experiment_group":
            value = pick(["Control", "Test", "", "é", "ghost"])
        else:
            value = members(pool)
        unit = None if pool.chance(0.5) else pick([text_of(unit) for unit in pool.units])
        overrides.append([kind, name, value, unit])
        if pool.chance(0.15):
            kind = "experiment" if kind == "experiment_group" else kind
            overrides.append(["remove", pick([name, "stranger"]), kind, pick([None, unit])])
    return overrides


def is_tidy(maker):
    """Whether the core changes what is kept only for what it is asked.

    Where a condition asks an experiment for its group, the core forgets what is kept of that experiment by the way; it
    forgets something under the name of a contextual bandit's targeting gate; and it confuses the names where a mapping
    of a bandit or of a delegate does not apply. Floodgate does nothing of this.
    """
    return maker.is_tidy


def make_persisted(case, pool):
    """For each user null, or what is kept for the user and how it is asked for."""
    return [{"values": sticky_values(case["specs"], pool) if pool.chance(0.9) else None,
        "enforce_targeting": pool.chance(0.3), "enforce_overrides": pool.chance(0.3)} if pool.chance(0.9) else None
        for _ in case["users"]]


def sticky_values(specs, pool):
    experiments, layers = known(specs, "dynamic_configs"), known(specs, "layer_configs")
    names = [name for name in experiments + layers + ["stranger"] if pool.chance(0.4)]
    return {name: sticky_value(experiments, pool) for name in names}


def sticky_value(experiments, pool):
    pick = pool.pick

    def exposures():
        return [{"gate": pick(["g0", "segment:x", "é"]), "gateValue": pick(["true", "false"]),
            "ruleID": pick(["r0", "", "default"])} for _ in range(pool.random.randint(0, 2))]

    value = {
        "value": True, "json_value": pick([members(pool), members(pool), {}, None]), "rule_id": pick(["kept", "r0", ""]),
        "group_name": pick(["Kept", "", None]), "secondary_exposures": exposures(),
        "undelegated_secondary_exposures": exposures(),
        "config_delegate": pick([None, pick(experiments + ["ghost"]), pick(experiments + ["ghost"]), ""]),
        "explicit_parameters": pick([None, [], ["a", "é"]]), "time": pick([1, 1600000000000, None]),
        "config_version": pick([3, 0, 2 ** 32 - 1, None]),
    }
    if pool.chance(0.05):
        value.pop(pick(list(value)))
    return value


def members(pool):
    """Parameters that Python can hand to the core: no integers beyond 64 bits."""
    return {name: bounded(pool.value()) for name in pool.random.sample(["a", "b", "c", "é", ""],
        pool.random.randint(0, 4))}


def bounded(value):
    if isinstance(value, dict):
        return {name: bounded(item) for name, item in value.items()}
    if isinstance(value, list):
        return [bounded(item) for item in value]
    if isinstance(value, int) and not -2 ** 63 <= value < 2 ** 63:
        return 5
    return value


def text_of(unit):
    return unit if isinstance(unit, str) else str(unit)


def known(specs, part):
    return list(specs[part]) if isinstance(specs.get(part), dict) else []


def store_parameters(specs):
    """The names to read from each parameter store."""
    stores = specs.get("param_stores")
    return {name: [*parameters_of(store), "missing"] for name, store in stores.items()} | {"stranger": ["missing"]} \
        if isinstance(stores, dict) else {}


def parameters_of(store):
    parameters = store.get("parameters") if isinstance(store, dict) else None
    return list(parameters) if isinstance(parameters, dict) else []


def as_python_reads(parameters):
    """Parameters as Python hears of them from the core, which makes 0 of floats in lists on the way."""
    def without_floats(item):
        if isinstance(item, list):
            return [without_floats(each) for each in item]
        return 0 if isinstance(item, float) or isinstance(item, int) and item >= 2 ** 63 else item

    return parameters and {name: readings[:4] + [without_floats(readings[4])] + readings[5:]
        for name, readings in parameters.items()}
