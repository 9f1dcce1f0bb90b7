# Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
"""Records what the official core answers to documents and users of our own, for tests that run without it.

One JSON object per line. The first is `{"core", "seed", "evaluated_at_ms"}`. Each further line is a case as
`floodgate evaluate` takes it with the answers beside it: `results`, one per user in the form that `floodgate evaluate`
prints (null for a user that the core refuses; a text in place of an answer on which the core crashed), or `error` if
the core refuses the document; and `responses`: whole client-initialize responses to the first users,
`[hash, client key or null, response without sdkInfo]`.
"""
import gzip
import json
import os
import time
from importlib.metadata import version

import oracle as oracles

SOUND_CASES, BROKEN_CASES = 60, 160
MOST_SPECS, MOST_REFUSED = 60, 40  # of a case; of all
MEMBERS = ("specs", "id_lists", "options", "overrides", "users", "persisted", "parameter_stores")
RESPONSES = [("none", None), ("djb2", None), ("sha256", None), ("djb2", "client-a"), ("none", "client-b")]


def record(path, seed, make_case):
    oracle = oracles.Oracle()
    head = {"core": "statsig-python-core " + version("statsig-python-core"), "seed": seed,
        "evaluated_at_ms": int(time.time() * 1000)}
    lines, left, number, refused = [head], {False: SOUND_CASES, True: BROKEN_CASES}, 0, 0
    while any(left.values()):
        case = make_case(seed, number, sizes=([2, 3, 5], [10, 24]))
        number += 1
        is_broken = len(case["users"]) < 10
        specs = sum(len(part) for part in case["specs"].values() if isinstance(part, dict))
        if not left[is_broken] or "text" in case or specs > MOST_SPECS and number > MOST_SPECS:
            continue  # the first few may be large: chains up to the depth limits
        case["users"] = case["users"][:2 if is_broken else 8]
        if "persisted" in case:
            case["persisted"] = case["persisted"][:len(case["users"])]
        found = answers(oracle, case, is_broken)
        refused += "error" in found
        if "error" in found and refused > MOST_REFUSED:
            continue
        left[is_broken] -= 1
        lines.append(dict({name: case[name] for name in MEMBERS if case.get(name)},
            **found))
    data = "".join(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n" for line in lines).encode()
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(path, "wb") as file, gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as packed:
        packed.write(data)
    print("%s: %d cases, %d bytes" % (path, len(lines) - 1, os.path.getsize(path)))
    return 0


def answers(oracle, case, is_broken):
    found = oracle.evaluate(case)
    if "error" in found or is_broken:
        return found
    few = dict(case, users=case["users"][:1])
    responses = [result["gcir"] if result else None for result in oracle.evaluate(few, RESPONSES)["results"]]
    for response in [each for whole in responses if isinstance(whole, list) for each in whole]:
        response.pop("sdkInfo", None)
    return dict(found, responses=[
        [[*options, response] for options, response in zip(RESPONSES, whole)] if isinstance(whole, list) else whole
        for whole in responses])
