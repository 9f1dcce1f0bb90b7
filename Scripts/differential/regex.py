#!/usr/bin/env python3
# Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
"""Asks the core which texts match which patterns, and writes the golden file of FloodgateRegex.

    python3 -m venv venv && venv/bin/pip install statsig-python-core==0.24.0 google-re2
    venv/bin/python Scripts/differential/regex.py --random 1200 --seed 1 --out Tests/Fixtures/regex.jsonl

One line for each pattern: {"pattern", "texts", "expected"}, with a 0 or 1 in "expected" for each text. Patterns come
from regex-patterns.txt beside this file (pattern, tab, texts; texts have Python's escapes) and from a random grammar.
Where RE2 accepts a pattern too it is asked as well, as far as both mean the same by it; a disagreement is printed.
Everything is served from a loopback port and no request leaves the machine.
"""
import argparse
import json
import os
import random
import threading

os.environ["HTTPS_PROXY"] = os.environ["https_proxy"] = "http://127.0.0.1:9"
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1"

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer  # noqa: E402

import statsig_python_core as core  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
EXTRA = ["", "a", "ab", "aab", "A", "\u00e9", "1", "-", "\n", "ba", "\\"]
# The core loops for ever in a repeated condition without consuming, and then gives up.
CORE_GIVES_UP = {"(?(a)b)*x"}
# A class that holds an unescaped [ as the end of a range: refused, as the documentation of `Pattern` says.
BRACKET_RANGES = {"[!-\\h]", "[!-\\h]]"}
# RE2 accepts what the core does not, or reads it otherwise.
RE2_DIFFERS = {"(?:)*", "(?)a", "a{01}"}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def reply(self):
        data = self.server.routes.get(self.path.split("?")[0], "{}").encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = reply

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length") or 0))
        self.reply()


class Oracle:
    def __init__(self):
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.routes = {"/v1/log_event": '{"success":true}'}
        self.rounds = 0
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def session(self, patterns):
        """A function that tells whether the pattern with an index is found in a user's attribute x."""
        conditions, gates = {}, {}
        for index, pattern in enumerate(patterns):
            name = "g%d" % index
            conditions[name] = {"type": "user_field", "operator": "str_matches", "targetValue": pattern, "field": "x", "idType": "userID"}
            rule = {"name": "r", "id": "r", "passPercentage": 100, "conditions": [name], "returnValue": True, "idType": "userID", "salt": "s"}
            gates[name] = {"type": "feature_gate", "entity": "feature_gate", "salt": "s", "enabled": True, "defaultValue": False, "idType": "userID", "rules": [rule]}
        document = {"has_updates": True, "time": 1700000000000, "company_id": "c", "response_format": "dcs-v2", "condition_map": conditions,
                    "feature_gates": gates, "dynamic_configs": {}, "layer_configs": {}, "experiment_to_layer": {}}
        self.rounds += 1
        key = "secret-%d" % self.rounds
        base = "http://127.0.0.1:%d" % self.server.server_port
        self.server.routes["/v2/download_config_specs/%s.json" % key] = json.dumps(document)
        statsig = core.Statsig(key, core.StatsigOptions(
            specs_url=base + "/v2/download_config_specs", id_lists_url=base + "/v1/get_id_lists", log_event_url=base + "/v1/log_event",
            output_log_level="none", disable_all_logging=True, specs_sync_interval_ms=10 ** 8))
        statsig.initialize().wait()
        quiet = core.FeatureGateEvaluationOptions(disable_exposure_logging=True)
        return lambda index, user: statsig.check_gate(user, "g%d" % index, quiet)

    def ask(self, cases):
        """For each (pattern, texts), a list of booleans."""
        check = self.session([pattern for pattern, _ in cases])

        def user(text):
            result = core.StatsigUser("")
            result.__setstate__(json.dumps({"userID": "u", "custom": {"x": text}}).encode())
            return result

        return [[check(i, user(t)) for t in texts] for i, (_, texts) in enumerate(cases)]


class Grammar:
    """Random patterns; `hard` is 0 for plain ones, 1 with look-around and atomic groups, 2 with references."""

    ITEMS = ["a", "b", "c", "x", "1", "_", "\u00e9", "\u03c3", "k", "a-c", "b-d", "0-9", "A-Z", "\\d", "\\w", "\\s", "\\W", "\\S", "\\pL", "\\p{Lu}",
             "\\P{Lu}", "[:alpha:]", "[:^digit:]", "[:upper:]", "\\x61", "\\n", "\\h", "&&", "--", "~~", "^", " ", "."]
    ESCAPES = ["\\d", "\\w", "\\s", "\\W", "\\D", "\\S", "\\h", "\\H", "\\n", "\\pL", "\\p{Lu}", "\\p{Greek}", "\\x61", "\\u0062", "\\O", "\\-"]
    PLACES = ["^", "$", "\\b", "\\B", "\\A", "\\z", "\\Z", "\\<", "\\>", "\\b{start}", "\\b{end}", "\\b{start-half}", "\\b{end-half}", "\\G", "\\K", "(?#x)"]
    COUNTS = ["*", "+", "?", "{2}", "{1,2}", "{0,2}", "{2,}", "{,2}", "*?", "+?", "??"]

    def __init__(self, rng, hard):
        self.rng, self.hard, self.groups = rng, hard, 0

    def set(self, depth=0):
        items = []
        for _ in range(self.rng.randint(1, 4)):
            item = self.rng.choice(self.ITEMS)
            items.append("[%s]" % item if item.startswith("[:") else item)
            if depth < 2 and self.rng.random() < .12:
                items.append(self.set(depth + 1))
        return "[" + self.rng.choice(["", "", "^"]) + "".join(items) + "]"

    def atom(self, depth):
        rng, r = self.rng, self.rng.random()
        if r < .45:
            return rng.choice("aaaabbbccx1 _-\u00e9\u03c3kKS")
        if r < .52:
            return "."
        if r < .60:
            return self.set()
        if r < .66:
            return rng.choice(self.ESCAPES)
        if r < .74:
            return rng.choice(self.PLACES)
        if depth > 3:
            return "b"
        if r < .82:
            self.groups += 1
            return "(" + self.choice(depth + 1) + ")"
        if r < .87:
            return "(?:" + self.choice(depth + 1) + ")"
        if r < .90:
            return "(?" + rng.choice(["i", "m", "s", "x", "U", "i-s", "-i", "im", "sx"]) + rng.choice([":%s)" % self.choice(depth + 1), ")"])
        if self.hard and r < .93:
            return "(?" + rng.choice(["=", "!"]) + self.choice(depth + 1) + ")"
        if self.hard and r < .955:
            return "(?" + rng.choice(["<=", "<!"]) + self.choice(depth + 1) + ")"
        if self.hard and r < .97:
            return "(?>" + self.choice(depth + 1) + ")"
        if self.hard > 1:
            return "\\%d" % rng.randint(1, max(1, self.groups))
        return "a"

    def piece(self, depth):
        atom = self.atom(depth)
        if self.rng.random() < .3:
            atom += self.rng.choice(self.COUNTS)
            if self.hard and self.rng.random() < .15:
                atom += "+"
        return atom

    def choice(self, depth=0):
        def sequence():
            count = self.rng.choice([0, 1, 1, 2, 2, 3, 4]) if depth else self.rng.randint(1, 5)
            return "".join(self.piece(depth) for _ in range(count))
        return "|".join(sequence() for _ in range(self.rng.choice([1, 1, 1, 2, 3])))


def listed():
    for line in open(os.path.join(HERE, "regex-patterns.txt"), encoding="utf-8"):
        pattern, *texts = line.rstrip("\n").split("\t")
        if pattern and pattern not in CORE_GIVES_UP | BRACKET_RANGES:
            yield pattern, [t.encode("latin1", "backslashreplace").decode("unicode_escape") if "\\" in t else t for t in texts] + EXTRA


def randomly(seed, count):
    rng = random.Random(seed)
    alphabet = list("aaaabbbccx1 _-\u00e9\u03c3kKS\nAB\u03c2") + ["\u017f", "\u03b1", "\U0001f600", "\r"]
    for index in range(count):
        pattern = Grammar(rng, index % 3).choice()
        if "-[" not in pattern and "-\\h" not in pattern and "-\\H" not in pattern:
            yield pattern, ["".join(rng.choice(alphabet) for _ in range(rng.randint(0, 9))) for _ in range(7)] + ["aab", ""]


def compare_with_re2(cases, answers):
    """RE2 means ASCII by \\d, \\w, \\s, \\b and less by flags, classes and escapes, so only the rest is compared."""
    import re2
    asked = 0
    quiet = re2.Options()
    quiet.log_errors = False
    for (pattern, texts), answer in zip(cases, answers):
        if any(part in pattern for part in ("\\", "[", "(?x", "(?s", "(?#", "{,", "(?P=", "(?U", "(?i", "(?m", "u", ")+", "++", "*+", "?+", "}+")):
            continue
        if pattern in RE2_DIFFERS:
            continue
        try:
            compiled = re2.compile(pattern, quiet)
        except re2.error:
            continue
        asked += len(texts)
        for text, expected in zip(texts, answer):
            if bool(compiled.search(text)) != expected:
                print("RE2 disagrees:", repr(pattern), repr(text))
    print("RE2 was asked", asked, "times")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--random", type=int, default=1200, help="random patterns")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", required=True)
    options = parser.parse_args()
    cases = list(listed()) + list(randomly(options.seed, options.random))
    oracle = Oracle()
    answers = []
    for start in range(0, len(cases), 2000):
        answers += oracle.ask(cases[start:start + 2000])
    with open(options.out, "w", encoding="utf-8") as out:
        for (pattern, texts), answer in zip(cases, answers):
            line = {"pattern": pattern, "texts": texts, "expected": "".join(str(int(x)) for x in answer)}
            out.write(json.dumps(line, ensure_ascii=True, separators=(",", ":")) + "\n")
    print(len(cases), "patterns,", sum(len(t) for _, t in cases), "pairs,", sum(map(sum, answers)), "matches")
    compare_with_re2(cases, answers)


if __name__ == "__main__":
    main()
