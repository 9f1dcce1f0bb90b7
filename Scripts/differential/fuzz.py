#!/usr/bin/env python3
# Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
"""Compares Floodgate's evaluation with that of Statsig's official core, on random documents and users.

    fuzz.py run    --evaluator PROGRAM [--seed S] [--pairs N] [--jobs N]   random cases, until N (spec, user) pairs
    fuzz.py replay --evaluator PROGRAM CASE.json                           one case again: both answers
    fuzz.py record --out FILE.jsonl.gz [--seed S]                          golden file from the core alone

PROGRAM reads cases on standard input as `floodgate evaluate --cases -` does; `floodgate` alone is asked that way. Any
difference is shrunk to the smallest document and one user, written to a file and printed with the line that replays it.
Exit status 1 if there was a difference. The same seed makes the same cases.
"""
import argparse
import copy
import json
import multiprocessing
import multiprocessing.connection
import os
import random
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
try:
    import oracle as oracles  # noqa: E402
except ModuleNotFoundError as error:
    sys.exit("error: %s; run 'Scripts/bootstrap.sh test', then use the repository's .venv/bin/python" % error)
import assignments  # noqa: E402
import documents  # noqa: E402
import faults  # noqa: E402
import users  # noqa: E402
import values  # noqa: E402
from shrink import shrink  # noqa: E402

REPORTED_PER_JOB = 5
SMALL = ([4, 8], [10, 24])


class Evaluator:
    """Floodgate's side: one process that is asked line by line."""

    def __init__(self, program):
        self.command = [program, "evaluate", "--cases", "-"] if os.path.basename(program) == "floodgate" else [program]
        self.process = None

    def send(self, case):
        if self.process is None:
            self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        line = json.dumps({key: value for key, value in case.items() if key not in ("specs", "text", "over_http")},
            ensure_ascii=False)
        line = '{"specs": %s, %s' % (case.get("text") or json.dumps(case["specs"], ensure_ascii=False), line[1:])
        try:
            self.process.stdin.write(line.encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass

    def receive(self):
        line = self.process.stdout.readline()
        if line:
            return json.loads(line)
        status = self.process.wait()
        self.process = None
        return {"died": status}

    def evaluate(self, case):
        self.send(case)
        return self.receive()


def make_case(seed, number, sizes=([4, 8, 12], [20, 80, 160])):
    """Case `number` of a seed; `sizes` are numbers of specs in broken and in sound documents."""
    rng = random.Random("%s/%d" % (seed, number))
    pool = values.Values(rng)
    maker = documents.DocumentMaker(pool)
    is_broken = rng.random() < 0.93
    specs = maker.document(rng.choice(sizes[0] if is_broken else sizes[1]))
    if is_broken:
        faults.break_somewhere(specs, pool)
        if documents.depends_on_chance(specs):
            del specs["cmab_configs"]
    case = {"specs": specs, "users": [users.make_user(pool) for _ in range(rng.choice([2, 4]) if is_broken
        else rng.choice([40, 60]))]}
    options = {}
    if rng.random() < 0.4:
        options["environment"] = rng.choice(values.TIERS)
    if rng.random() < 0.2:
        options["global_custom_fields"] = {name: rng.choice(["g", 5, 1.5, True, "Σ"])
            for name in rng.sample(["x", "level", "foo", "Plan", "email", "userid"], 2)}
    if rng.random() < 0.25:
        case["overrides"] = assignments.make_overrides(case, pool)
        if rng.random() < 0.4:
            options["include_local_overrides"] = True
    if rng.random() < 0.35 and assignments.is_tidy(maker):
        case["persisted"] = assignments.make_persisted(case, pool)
    case["parameter_stores"] = assignments.store_parameters(specs)
    if options:
        case["options"] = options
    if maker.lists:
        case["id_lists"] = maker.lists
    if is_broken and rng.random() < 0.3:
        case["text"] = faults.damage(specs, pool)
    if not maker.lists and rng.random() < 0.05:
        case["over_http"] = True
    return case


def same(left, right):
    """Whether two JSON values say the same: numbers by value, but true is not 1."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    return left == right and isinstance(left, bool) == isinstance(right, bool)


def differences(theirs, ours):
    """(user, part, name, the core's answer, ours), lazily; user is None where the whole case differs."""
    if "died" in ours:
        yield None, "case", "evaluator", "an answer", "died with status %s" % ours["died"]
        return
    if "crashed" in theirs:
        return
    if ("error" in theirs) != ("error" in ours):
        yield None, "case", "document", theirs.get("error", "accepted"), ours.get("error", "accepted")
        return
    if "error" in theirs:
        return
    for number, (wanted, found) in enumerate(zip(theirs["results"], ours["results"])):
        if wanted is None or (wanted == found and number % 8):
            continue
        for part in ("gates", "configs", "experiments", "layers", "sticky_experiments", "sticky_layers",
            "parameter_stores"):
            for name, answer in wanted.get(part, {}).items():
                other = found.get(part, {}).get(name)
                if answer == oracles.CRASHED or other is None and is_unrecognized(answer):
                    continue
                if part == "parameter_stores":
                    other = assignments.as_python_reads(other)
                if not same(answer, other):
                    yield number, part, name, answer, other
        if wanted["gcir"] == oracles.CRASHED:
            continue
        for part, entries in wanted["gcir"].items():
            for name in sorted(set(entries) | set(found["gcir"][part])):
                if not same(entries.get(name), found["gcir"][part].get(name)):
                    yield number, "gcir." + part, name, entries.get(name), found["gcir"][part].get(name)


def is_unrecognized(answer):
    return isinstance(answer, list) and "Unrecognized" in (answer[4:5] or answer[0][4:5])


def signature(difference):
    """What a difference must keep while its case is shrunk: the part, and the first element that differs."""
    _, part, _, wanted, found = difference
    if isinstance(wanted, list) and isinstance(found, list):
        return part, next((i for i, pair in enumerate(zip(wanted, found)) if not same(*pair)), -1)
    if isinstance(wanted, dict) and isinstance(found, dict):
        return part, next((key for key in sorted(set(wanted) | set(found))
            if not same(wanted.get(key), found.get(key))), "")
    return part, str(type(wanted)), str(type(found))


def shrunk(case, difference, oracle, evaluator, seconds):
    wanted = signature(difference)
    small = copy.deepcopy(case)
    if difference[0] is not None:
        small["users"] = [case["users"][difference[0]]]
        if "persisted" in case:
            small["persisted"] = [case["persisted"][difference[0]]]

    def is_bad(candidate):
        if not isinstance(candidate.get("specs"), dict) or not isinstance(candidate.get("users"), list):
            return False
        if documents.depends_on_chance(candidate["specs"]) or "text" in case and "text" not in candidate:
            return False
        ours = evaluator.evaluate(candidate)
        theirs = oracle.evaluate(candidate)
        return any(signature(one) == wanted for one in differences(theirs, ours))

    try:
        return shrink(small, is_bad, seconds)
    except Exception as error:  # whatever goes wrong here must not hide the difference
        print("note: shrinking stopped: %r" % error, file=sys.stderr)
        return small


def describe(case, oracle, evaluator, command):
    """A difference for people: the case, what both say, how to see it again."""
    folder = os.path.join(tempfile.gettempdir(), "floodgate-differential")
    os.makedirs(folder, exist_ok=True)
    text = json.dumps(case, ensure_ascii=False, indent=1)
    handle, path = tempfile.mkstemp(suffix=".json", prefix="case-", dir=folder)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    lines = ["", "DIFFERENCE", json.dumps(case, ensure_ascii=False)]
    for user, part, name, wanted, found in list(differences(oracle.evaluate(case), evaluator.evaluate(case)))[:4]:
        place = "document" if user is None else "user %d, %s %s" % (user, part, json.dumps(name, ensure_ascii=False))
        lines += [place, "  core:      " + json.dumps(wanted, ensure_ascii=False),
            "  floodgate: " + json.dumps(found, ensure_ascii=False)]
    return "\n".join(lines + ["replay: %s %s" % (command, path), ""])


def work(arguments, number, counts, report):
    """Runs every jobs-th case from `number` on until its share of the pairs is done; says where it is as it goes."""
    oracles.hush()
    oracle, evaluator = oracles.Oracle(), Evaluator(arguments.evaluator)
    share = arguments.pairs / arguments.jobs
    pairs, cases, refused, found, crashes = counts
    seen = set()
    replay = "%s %s replay --evaluator %s" % (sys.executable, os.path.relpath(__file__), arguments.evaluator)
    while pairs < share or cases < arguments.cases:
        case = make_case(arguments.seed, number, *([SMALL] if arguments.small else []))
        report.send(("core", number, (pairs, cases, refused, found, crashes + oracle.crashes)))
        evaluator.send(case)
        theirs = oracle.evaluate(case)
        report.send(("ours", number))
        ours = evaluator.receive()
        for difference in differences(theirs, ours):
            found += 1
            key = signature(difference)
            if key not in seen and len(seen) < arguments.reports:
                seen.add(key)
                report.send(("shrinking", number))
                small = shrunk(case, difference, oracle, evaluator, arguments.shrink_seconds)
                if json.dumps(small["specs"], sort_keys=True) not in seen:
                    seen.add(json.dumps(small["specs"], sort_keys=True))
                    report.send(("text", "case %d" % number + describe(small, oracle, evaluator, replay)))
        refused += "error" in theirs
        cases += 1
        number += arguments.jobs
        pairs += sum(len(case["specs"].get(part) or ()) for part in ("feature_gates", "dynamic_configs",
            "layer_configs") if isinstance(case["specs"].get(part), dict)) * len(case["users"])
    report.send(("done", number, (pairs, cases, refused, found, crashes + oracle.crashes)))


class Worker:
    """One process, started again behind a case on which the core does not end: some documents keep it busy for hours."""

    # Seconds in one state; a case takes a few hundredths of one.
    PATIENCE = {"core": 30, "ours": 30, "shrinking": 600, "text": 600}

    def __init__(self, arguments, job):
        self.arguments, self.counts, self.endless = arguments, [0] * 5, 0
        self.start(job + arguments.first)

    def start(self, number):
        self.report, theirs = multiprocessing.Pipe(duplex=False)
        self.process = multiprocessing.Process(target=work, daemon=True,
            args=(self.arguments, number, tuple(self.counts), theirs))
        self.process.start()
        theirs.close()
        self.state, self.number, self.since = "core", number, time.monotonic()

    def read(self):
        """Takes one message, or the end of the process."""
        try:
            message = self.report.recv()
        except EOFError:
            self.process.join()
            sys.exit("error: the core, or this program, died in case %s of seed %s; see it with --first and --pairs 1"
                % (self.number, self.arguments.seed))
        self.state, self.since = message[0], time.monotonic()
        if message[0] == "text":
            print(message[1], flush=True)
            return
        self.number = message[1]
        if len(message) > 2:
            self.counts = message[2]

    def watch(self):
        if time.monotonic() - self.since < self.PATIENCE.get(self.state, 30):
            return
        self.process.kill()
        self.process.join()
        if self.state != "core":
            sys.exit("error: Floodgate did not end in case %s of seed %s (%s); see it with --first and --pairs 1"
                % (self.number, self.arguments.seed, self.state))
        self.endless += 1
        self.start(self.number + self.arguments.jobs)


def run(arguments):
    started = time.monotonic()
    workers = [Worker(arguments, job) for job in range(arguments.jobs)]
    while running := [worker for worker in workers if worker.state != "done"]:
        ready = multiprocessing.connection.wait([worker.report for worker in running], timeout=5)
        for worker in running:
            if worker.report in ready:
                worker.read()
            else:
                worker.watch()
    seconds = time.monotonic() - started
    pairs, cases, refused, found, crashes = (sum(each) for each in zip(*(worker.counts for worker in workers)))
    endless = sum(worker.endless for worker in workers)
    print(
        "seed %s: %d pairs of spec and user in %d cases (%d documents refused by both, %d answers on which the core "
        "crashed, %d cases on which it did not end), %d differences, %.0f s, %.0f pairs/s"
        % (arguments.seed, pairs, cases, refused, crashes, endless, found, seconds, pairs / seconds))
    return 1 if found else 0


def replay(arguments):
    with open(arguments.case, encoding="utf-8") as file:
        case = json.load(file)
    theirs, ours = oracles.Oracle().evaluate(case), Evaluator(arguments.evaluator).evaluate(case)
    found = list(differences(theirs, ours))
    print("core:      " + json.dumps(theirs, ensure_ascii=False))
    print("floodgate: " + json.dumps(ours, ensure_ascii=False))
    for user, part, name, wanted, answer in found:
        print("differs: %s %s %s: %s, %s" % (user, part, name, json.dumps(wanted, ensure_ascii=False),
            json.dumps(answer, ensure_ascii=False)))
    return 1 if found else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    running = commands.add_parser("run", help="compare random cases")
    running.add_argument("--evaluator", required=True)
    running.add_argument("--seed", default="1")
    running.add_argument("--pairs", type=int, default=1_000_000)
    running.add_argument("--cases", type=int, default=0, help="the least number of cases of each job")
    running.add_argument("--jobs", type=int, default=1)
    running.add_argument("--first", type=int, default=0, help="number of the first case")
    running.add_argument("--small", action="store_true", help="small documents: more of them for the same pairs")
    running.add_argument("--reports", type=int, default=REPORTED_PER_JOB)
    running.add_argument("--shrink-seconds", type=float, default=20)
    running.add_argument("--without", default="", metavar="OPERATORS",
        help="operators to leave out, with commas between")
    replaying = commands.add_parser("replay", help="compare one case")
    replaying.add_argument("--evaluator", required=True)
    replaying.add_argument("case")
    recording = commands.add_parser("record", help="write a golden file")
    recording.add_argument("--out", required=True)
    recording.add_argument("--seed", default="golden")
    arguments = parser.parse_args()
    if getattr(arguments, "without", ""):
        values.OPERATORS = [name for name in values.OPERATORS if name not in arguments.without.split(",")]
    if arguments.command == "record":
        import record
        return record.record(arguments.out, arguments.seed, make_case)
    return run(arguments) if arguments.command == "run" else replay(arguments)


if __name__ == "__main__":
    sys.exit(main())
