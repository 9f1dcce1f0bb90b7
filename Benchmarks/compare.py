#!/usr/bin/env python3
# Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
"""Runs floodgate-bench beside the peers of the kit and prints one table of medians and ratios.

    compare.py --program FILE --state FOLDER [--kit FOLDER]      (started by Scripts/bench-eval.sh)

Raw results stay in the state folder: eval.json, threads.json and insn.json as the kit writes them, own.json for the rows
that only Floodgate has. ROUNDS, WORKS, SLICE and COUNT come from the environment, as Scripts/bench-eval.sh says.
"""
import argparse, json, os, shlex, subprocess, sys
from statistics import median

PEERS = ["floor-c", "statsig-core-vec", "statsig-core", "eppo"]
COUNTED = ["floor-c", "statsig-core-vec", "eppo-vec"]
WORKS = {"a": "gate on", "b": "50 % gate", "c": "targeted gate", "d": "experiment, 4 parameters",
         "e": "everything for one user", "m": "200 gates in turn", "f": "load 10,000 specs"}
# What Statsig's core answers for the kit's users.
ANSWERS = {"b": 506, "c": 59}
SIZES = [10, 1_000, 10_000]


def note(*words):
    print(*words, file=sys.stderr, flush=True)


def nanoseconds(value):
    return f"{value / 1e6:.2f} ms" if value >= 1e6 else f"{value / 1e3:.1f} µs" if value >= 1e4 else f"{value:,.0f} ns"


def times(value):
    return f"{value:.2f}×" if value < 10 else f"{value:.0f}×"


class Table:
    """Rows of one measure each: a cell for every contestant, then what Floodgate's is to the others'."""

    def __init__(self, contestants):
        self.contestants = contestants
        self.rows = []

    def add(self, title, values, text, compares=True):
        """`values` by contestant; less is better. `text` writes one."""
        cells = [text(values[name]) if values.get(name) is not None else "" for name in self.contestants]
        own = values.get("floodgate")
        ratios = ["", "", ""]
        if compares and own:
            floor, core = values.get("floor-c"), values.get("statsig-core", values.get("statsig-core-vec"))
            others = [v for k, v in values.items() if k not in ("floor-c", "floodgate") and v]
            ratios = [times(own / floor) if floor else "", times(core / own) if core else "",
                      times(min(others) / own) if others else ""]
        self.rows.append([title] + cells + ratios)

    def text(self):
        head = ["work"] + self.contestants + ["floodgate ÷ floor", "statsig-core ÷ floodgate", "best peer ÷ floodgate"]
        return markdown(head, self.rows)


def markdown(head, rows):
    # Columns that say nothing are left out.
    used = [i for i in range(len(head)) if any(row[i] for row in rows)]
    rows = [[row[i] for i in used] for row in [head] + rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(used))]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |" for row in rows]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


class Run:
    def __init__(self, options):
        self.program, self.state, self.kit = options.program, options.state, options.kit
        self.rounds, self.slice = int(os.environ["ROUNDS"]), float(os.environ["SLICE"])
        self.works, self.count = os.environ["WORKS"], os.environ["COUNT"]
        self.data = f"{self.state}/data" if self.kit else None
        self.faults = []

    def peer_kit(self, part, name, *arguments):
        """One part of the kit; its own report goes beside the raw results."""
        out = f"{self.state}/{name}.json"
        command = ["bash", f"{self.kit}/run.sh", part, *arguments, "--add",
                   "floodgate=" + shlex.quote(self.program), "--out", out]
        note(f"{part}: {' '.join(arguments)}")
        with open(f"{self.state}/{name}.md", "w") as report:
            status = subprocess.run(command, stdout=report, env={**os.environ, "STATE": self.state}).returncode
        if status != 0 or not os.path.exists(out):
            sys.exit(f"error: the kit's part '{part}' failed; the lines above say why")
        with open(out) as file:
            return json.load(file)

    def own(self, **options):
        """One run of Floodgate alone."""
        command = [self.program]
        for key, value in options.items():
            command += ["--" + key, str(value)]
        result = subprocess.run(command, capture_output=True, text=True)
        if result.returncode != 0:
            sys.exit(f"error: '{shlex.join(command)}' failed: {result.stderr.strip()}")
        line = json.loads(result.stdout)
        line.pop("batches_ns", None)
        return line

    def own_rounds(self, cases):
        """Every case once, then again: the results by title."""
        results = {title: [] for title in cases}
        for index in range(self.rounds):
            for title, options in cases.items():
                results[title].append(self.own(seconds=self.slice, **options))
            note(f"own rows: round {index + 1}/{self.rounds} done")
        return results

    def peers(self):
        table = Table(PEERS[:1] + PEERS[1:] + (["eppo-vec"] if self.count else []) + ["floodgate"])
        timed = "".join(work for work in self.works if work != "f")
        results = self.peer_kit(
            "eval", "eval", "--rounds", str(self.rounds), "--seconds", str(self.slice), "--work", timed,
            "--loads", str(self.rounds if "f" in self.works else 0), "--only", ",".join(PEERS))
        self.examine(results)

        def values(work, exposures, key):
            found = {name: results.get(f"{name}|{work}|{exposures}|1", []) for name in PEERS + ["floodgate"]}
            return {name: median(line[key] for line in lines) for name, lines in found.items() if lines}

        for exposures in ("off", "on"):
            for work in timed:
                if work == "e" and exposures == "on":
                    continue
                table.add(f"{work}: {WORKS[work]}, exposures {exposures}", values(work, exposures, "cpu_ns_per_op"),
                          nanoseconds)
        if "f" in self.works:
            table.add(f"f: {WORKS['f']}", values("f", "off", "load_cpu_ms"), lambda value: f"{value:.1f} ms")
            table.add("f: memory kept", values("f", "off", "rss_delta_kb"), lambda value: f"{value / 1024:.1f} MB")
        self.scaling(table)
        if self.count:
            self.counts(table)
        return table

    def scaling(self, table):
        works = "".join(work for work in self.works if work in "bm")
        if not works:
            return
        results = self.peer_kit(
            "eval", "threads", "--rounds", str(self.rounds), "--seconds", str(self.slice), "--work", works,
            "--loads", "0", "--threads", "1,2", "--only", "floor-c")
        for exposures in ("off", "on"):
            for work in works:
                for key, title in (("ops_per_s", "throughput"), ("cpu_ns_per_op", "CPU an operation")):
                    values = {}
                    for name in ("floor-c", "floodgate"):
                        one, two = (results.get(f"{name}|{work}|{exposures}|{threads}") for threads in (1, 2))
                        if one and two:
                            values[name] = median(x[key] for x in two) / median(x[key] for x in one)
                    table.add(f"{work}: {title}, two threads ÷ one, exposures {exposures}", values, times, compares=False)

    def counts(self, table):
        results = self.peer_kit("insn", "insn", "--heap", "--work", self.count, "--only", ",".join(COUNTED))
        names = COUNTED + ["floodgate"]
        for key, title in (("ir_per_op", "instructions"), ("allocs_per_op", "allocations")):
            for work in self.count:
                lines = {name: results.get(f"{name}|{work}", {}).get(key) for name in names}
                text = (lambda value: f"{value:,.0f}") if key == "ir_per_op" else (lambda value: f"{value:.1f}")
                table.add(f"{work}: {title}, exposures off", lines, text, compares=key == "ir_per_op")

    def examine(self, results):
        for key, lines in results.items():
            name, work, exposures, _ = key.split("|")
            if name != "floodgate":
                continue
            for line in lines:
                if work in ANSWERS and line["check"] != ANSWERS[work]:
                    self.faults.append(f"{work} gives {line['check']} users, Statsig's core {ANSWERS[work]}")
                if work == "m" and exposures == "on" and line["events"] < line["ops"]:
                    self.faults.append(f"m: {line['ops'] - line['events']} exposures were repeated; take a shorter SLICE")
                if line.get("events_dropped"):
                    self.faults.append(f"{work}, exposures {exposures}: {line['events_dropped']} events were dropped")

    def alone(self):
        """The rows that only Floodgate has."""
        cases = {}
        source = {"dir": self.data} if self.data else {}
        timed = [work for work in self.works if work != "f"]
        # What each layer adds.
        for work in timed:
            for interface in ("evaluator", "client", "logging"):
                if work == "e" and interface == "logging":
                    continue
                cases[work, "off", interface] = {"work": work, "api": interface, **source}
            if work != "e" and (not self.kit or work in "bm"):
                cases[work, "on", "client"] = {"work": work, "api": "client", "expo": "on", **source}
        for work in (work for work in "bdm" if work in self.works):
            for specs in SIZES:
                cases[work, "specs", specs] = {"work": work, "specs": specs}
        if not self.kit:
            for work in (work for work in "bm" if work in self.works):
                for exposures in ("off", "on"):
                    cases[work, exposures, "two"] = {"work": work, "threads": 2, "expo": exposures}
            if "f" in self.works:
                cases["f", "off", "client"] = {"work": "f", "specs": 10_000}
        results = self.own_rounds(cases)
        with open(f"{self.state}/own.json", "w") as file:
            json.dump({"|".join(map(str, key)): lines for key, lines in results.items()}, file, indent=1)

        def cpu(*key):
            lines = results.get(key)
            return nanoseconds(median(line["cpu_ns_per_op"] for line in lines)) if lines else ""

        print("\n## What each layer adds, exposures off\n")
        print(markdown(["work", "evaluator", "client", "client that logs, check without exposure"],
                       [[f"{work}: {WORKS[work]}"] + [cpu(work, "off", x) for x in ("evaluator", "client", "logging")]
                        for work in timed]))
        logged = [work for work in "bm" if work in self.works]
        if logged:
            print("\n## What exposures cost, and whom\n")
            rows = []
            for work in logged:
                key = (work, "on", "client")
                caller = nanoseconds(median(line["caller_cpu_ns_per_op"] for line in results[key]))
                rows.append([f"{work}: {WORKS[work]}, " + ("repeated" if work == "b" else "distinct"),
                             cpu(work, "off", "client"), caller, cpu(*key)])
            print(markdown(["work", "check without exposure", "with one, caller's thread", "with one, all threads"], rows))
        flat = [work for work in "bdm" if work in self.works]
        if flat:
            print("\n## Flatness: CPU of a check by the number of specs, exposures off\n")
            rows = []
            for work in flat:
                few, many = (median(x["cpu_ns_per_op"] for x in results[work, "specs", n]) for n in (SIZES[0], SIZES[-1]))
                title = WORKS[work] if work != "m" else "all gates in turn"
                rows.append([f"{work}: {title}"] + [cpu(work, "specs", n) for n in SIZES] + [times(many / few)])
            print(markdown(["work"] + [f"{n:,} specs" for n in SIZES] + [f"{SIZES[-1]:,} ÷ {SIZES[0]}"], rows))
        if not self.kit:
            self.alone_without_peers(results, cpu, timed)

    def alone_without_peers(self, results, cpu, timed):
        rows = [[f"{work}: {WORKS[work]}, exposures on", cpu(work, "on", "client")] for work in timed if work != "e"]
        for work in (work for work in "bm" if work in self.works):
            for exposures in ("off", "on"):
                one, two = (median(x["ops_per_s"] for x in results[work, exposures, key]) for key in ("client", "two"))
                rows.append([f"{work}: two threads ÷ one, exposures {exposures}", times(two / one)])
        if "f" in self.works:
            lines = results["f", "off", "client"]
            rows.append([f"f: {WORKS['f']}", f"{median(x['load_cpu_ms'] for x in lines):.1f} ms"])
            rows.append(["f: memory kept", f"{median(x['rss_delta_kb'] for x in lines) / 1024:.1f} MB"])
        print("\n## Without peers\n")
        print(markdown(["work", "floodgate"], rows))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    parser.add_argument("--state", required=True)
    parser.add_argument("--kit")
    run = Run(parser.parse_args())
    unknown = set(run.works + run.count) - set(WORKS)
    if unknown or "f" in run.count:
        sys.exit(f"error: there is no work '{''.join(sorted(unknown)) or 'f'}' here; the letters are {''.join(WORKS)}")
    if run.kit:
        table = run.peers()
        print(f"\n## Beside the peers: CPU an operation, median of {run.rounds} interleaved rounds\n")
        print(table.text())
    run.alone()
    print(f"\nRaw results: {run.state}")
    for fault in dict.fromkeys(run.faults):
        note("error:", fault)
    sys.exit(1 if run.faults else 0)


if __name__ == "__main__":
    main()
