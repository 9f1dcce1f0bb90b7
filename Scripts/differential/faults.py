# Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
"""Documents with faults: members that are missing, of another type or unknown, and texts that are no JSON.

Left out of the texts, since Floodgate differs on purpose: members that stand twice (the core drops the spec, Floodgate
takes the last), lone surrogates and numbers beyond 64-bit floats (the core passes them over where it does not read
them, Floodgate refuses the document).
"""
import json
import re

NUMBERS = ["01", "1.", "+1", ".5", "-", "NaN", "Infinity", "1e", "1E5", "-0", "0x1", "1_0", "1.50",
    "100000000000000000000000"]
STRINGS = ['"\\ud83d\\udc4d"', '"\\x41"', '"a\tb"', "'a'", '"\\u00"', '"\\/"', '"\\u0000"', '"\x7f"', "a"]


def damage(document, values):
    """The document's text with one fault in it, or what may be one."""
    kind = values.random.random()
    text = json.dumps(document, ensure_ascii=values.chance(0.3))
    if kind < 0.4:
        return replaced(text, r"(?<=[ \[])-?\d[\d.e+-]*(?=[,\]}])", values.pick(NUMBERS), values)
    if kind < 0.8:
        return replaced(text, r'(?<=[ \[])"[^"\\]*"(?=[,\]}])', values.pick(STRINGS), values)
    place = values.random.randrange(len(text))
    if kind < 0.9:
        return text[:place] + values.pick(["", ",", "}", "]", "{", '"', " ", "null", "//", "\x0b", "\u00a0",
            "\ufeff"]) + text[place + 1:]
    return text[:place]


def replaced(text, pattern, new, values):
    found = list(re.finditer(pattern, text))
    if not found:
        return text
    match = values.pick(found)
    return text[:match.start()] + new + text[match.end():]


def break_somewhere(document, values):
    """Changes one to three places of a document: it is refused, specs are dropped, or members read otherwise."""
    for _ in range(values.pick([1, 1, 1, 2, 3])):
        holder, key = pick_place(document, values)
        if holder is None:
            return
        action = values.random.random()
        if action < 0.3 and isinstance(holder, dict):
            del holder[key]
        elif action < 0.5:
            holder[key] = None
        elif action < 0.9:
            holder[key] = values.pick([0, 1, -1, 1.0, 1.5, "", "1", True, False, [], {}, [None], {"a": 1}, 2 ** 32,
                2 ** 64, -2 ** 63, 1e300, values.value(), values.value()])
        elif isinstance(holder, dict):
            holder[values.pick(["unknown", str(key).upper(), str(key) + " ", "salt", "version", "isActive",
                "config"])] = values.value()


def pick_place(document, values):
    """A random member or item, shallow ones as often as deep ones."""
    node, path = document, []
    while isinstance(node, (dict, list)) and node:
        key = values.pick(list(node)) if isinstance(node, dict) else values.random.randrange(len(node))
        path.append((node, key))
        node = node[key]
    return values.pick(path) if path else (None, None)
