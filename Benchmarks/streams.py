#!/usr/bin/env python3
# Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
"""Event streams of `floodgate serve` beside a bare epoll server in C; called by Scripts/bench-streams.sh.

The servers have core 0, the clients that hold all streams have core 1. Both servers hold as many streams and send
events of the same size, one after the other, so that each pair meets the same machine. Events carry the time of their
publication, so that what happens before the first byte is measured, too.
"""
import argparse
import contextlib
import http.client
import json
import os
import re
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time

from delivery import CORE, LOAD, document, fetch, free_port

SPECS, STREAM = "/v2/download_config_specs", "/v2/stream_config_specs"
# Documents of these sizes make events of some 10 KB (the document itself), of some 500 bytes (what changed in it) and of
# some 100 bytes (its announcement).
CASES = {"whole document": 10_000, "change": 10_000, "announcement": 80_000}
EVENTS = {"whole document": 10_000, "change": 500, "announcement": 200}
SOURCES, FEW, PAUSE, PATIENCE = 16, 200, 0.15, 20_000


class Failure(Exception):
    pass


class Child:
    """A process that goes before others, in a session of its own: Linux shares cores among sessions first."""

    def __init__(self, command, log, pipes=False):
        with open(log, "ab") as out:
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE if pipes else subprocess.DEVNULL,
                stdout=subprocess.PIPE if pipes else out, stderr=out, text=True, start_new_session=True)
        self.pid, self.log = self.process.pid, log
        with contextlib.suppress(OSError), open(f"/proc/{self.pid}/autogroup", "w") as file:
            file.write("-15")

    def tell(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise Failure(f"{self.process.args[3]} ended; {self.log} may say why")
        return json.loads(line)

    def ask(self, line):
        self.tell(line)
        return self.answer()

    def wait_for(self, port):
        for _ in range(1200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                return
            if self.process.poll() is not None:
                raise Failure(f"{self.process.args[3]} ended with {self.process.returncode}; {self.log} says why")
            time.sleep(0.05)
        raise Failure(f"nobody listens at port {port} after a minute; {self.log} may say why")

    def end(self, how=signal.SIGKILL):
        self.process.send_signal(how)
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe:
                pipe.close()


class Rival:
    name = "epoll"

    def __init__(self, a):
        self.program, self.log = a.rival, f"{a.state}/epoll.log"
        self.request = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"

    def start(self, case):
        # As long as the other's, once that is known.
        self.port, self.bytes = free_port(), EVENTS[case]
        self.child = Child(CORE + [self.program, str(self.port)], self.log, pipes=True)
        self.child.wait_for(self.port)

    def publish(self):
        self.child.ask(f"publish {self.bytes}")


class Floodgate:
    name = "floodgate"

    def __init__(self, a):
        self.program, self.log, self.folder, self.gate = a.program, f"{a.state}/floodgate.log", a.folder, {}
        for case, size in CASES.items():
            data, source = self.data(case), f"{a.folder}/document.json"
            shutil.rmtree(data, ignore_errors=True)
            text = document(size - 300)
            with open(source, "w") as file:
                file.write(text)
            self.gate[case] = next(iter(json.loads(text)["feature_gates"]))
            command = [a.program, "import", "statsig", "--data", data, source]
            run = subprocess.run(command, capture_output=True, text=True)
            if run.returncode:
                raise Failure(f"the import failed: {run.stdout}{run.stderr}")

    def data(self, case):
        return f"{self.folder}/{case.replace(' ', '-')}"

    def start(self, case, port=None):
        self.case, self.port, self.enabled = case, port or free_port(), True
        self.child = Child(CORE + [self.program, "serve", "--data", self.data(case), "--listen",
                                   f"127.0.0.1:{self.port}", "--log-level", "error"], self.log)
        self.child.wait_for(self.port)
        with open(f"{self.data(case)}/initial-keys.json") as file:
            keys = {entry["kind"]: entry["key"] for entry in json.load(file)}
        status, body, _ = fetch(self.port, SPECS, {"statsig-api-key": keys["server"]})
        if status != 200:
            raise Failure(f"{SPECS} was answered with {status}")
        held = json.loads(body)
        self.console = {"statsig-api-key": keys["console"], "content-type": "application/json"}
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        more = "&deltas=1" if case == "change" else ""
        self.request = (f"GET {STREAM}?sinceTime={held['time']}&checksum={held['checksum']}{more} HTTP/1.1\r\n"
                        f"host: localhost:{self.port}\r\nstatsig-api-key: {keys['server']}\r\n"
                        "accept: text/event-stream\r\ncache-control: no-cache\r\n\r\n")

    def publish(self):
        self.enabled = not self.enabled
        self.connection.request("PATCH", f"/console/v1/gates/{self.gate[self.case]}",
                                json.dumps({"isEnabled": self.enabled}), self.console)
        answer = self.connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise Failure(f"a change was answered with {answer.status}: {body[:300]}")

    def publish_elsewhere(self):
        """Another process commits, and the server finds out by itself."""
        self.enabled = not self.enabled
        subprocess.run(LOAD + [self.program, "gate", "enable" if self.enabled else "disable", self.gate[self.case],
                               "--data", self.data(self.case), "--reason", "bench"], check=True, capture_output=True)


@contextlib.contextmanager
def running(a, server, case, streams):
    """The server, and a client that can open so many streams."""
    children = []
    try:
        server.start(case)
        request = f"{a.folder}/request"
        with open(request, "w") as file:
            file.write(server.request)
        client = Child(LOAD + [a.client, str(server.port), str(streams), str(SOURCES), request],
                       f"{a.state}/client.log", pipes=True)
        children.append(client)
        yield client
    finally:
        for child in children + ([server.child] if hasattr(server, "child") else []):
            child.end()


def cpu(pid):
    """CPU nanoseconds of a process with all its threads, by the clock that Linux keeps for it: finer than /proc."""
    return time.clock_gettime_ns((~pid << 3) | 2)


def anonymous(pid):
    """Bytes of a process's own memory: neither what files back nor what the kernel keeps for its sockets."""
    with open(f"/proc/{pid}/smaps_rollup") as file:
        return int(re.search(r"^Anonymous:\s+(\d+) kB", file.read(), re.M).group(1)) * 1024


def open_streams(client, count):
    answer = client.ask(f"open {count}")
    if answer["open"] != count:
        raise Failure(f"{answer['open']} of {count} streams opened: {answer}")
    return answer["seconds"]


def publication(server, client, publish=None):
    """Publishes once: when the document came to how many streams, and what that cost the server."""
    time.sleep(PAUSE)
    client.ask("arm")
    before, start = cpu(server.child.pid), time.monotonic()
    client.tell(f"collect {PATIENCE}")
    (publish or server.publish)()
    row = client.answer()
    row["cpu"], row["wall"] = (cpu(server.child.pid) - before) / 1e6, (time.monotonic() - start) * 1e3
    if not row["count"]:
        raise Failure(f"no document came to any of {row['streams']} streams: {row}")
    # The commit's time is in whole milliseconds, so what is counted from it is up to one too much.
    committed = row["time"] * 1_000_000 - row["wall_offset_ns"]
    for name in ("first", "p50", "p99", "p999", "last"):
        row[name] = (row[f"{name}_ns"] - committed) / 1e6
    row["span"], row["work"] = row["last"] - row["first"], row["client_work_ns"] / 1e6
    return row


class Run:
    """One server with its streams."""

    def __init__(self, server, client, streams, publishes):
        self.server, self.client, self.pid, self.streams, self.rows = server, client, server.child.pid, streams, []
        # What a publication costs whoever listens: the change, the commit, the new document.
        open_streams(client, 1)
        self.alone = [publication(server, client) for _ in range(3 + max(5, publishes // 2))][3:]
        # The first streams pay for what all share.
        open_streams(client, FEW)
        publication(server, client)
        self.few = anonymous(self.pid)
        self.seconds_to_open = open_streams(client, streams)
        time.sleep(1)
        self.idle_bytes = self.bytes_a_stream()
        before = cpu(self.pid)
        time.sleep(2)
        self.idle_ms = (cpu(self.pid) - before) / 2e6

    def bytes_a_stream(self):
        return (anonymous(self.pid) - self.few) / (self.streams - FEW)

    def result(self):
        rows = self.rows
        mean = lambda of, what="cpu": statistics.fmean(row[what] for row in of)
        idle = (mean(rows, "wall") - mean(self.alone, "wall")) * self.idle_ms / 1e3
        return {name: statistics.median(row[name] for row in rows)
                for name in ("first", "p50", "p99", "p999", "last", "span", "work")} | {
            "rows": rows, "event": rows[0]["event"], "bytes": rows[0]["bytes"],
            "cpu": mean(rows) / self.streams * 1e3, "cpu_alone": mean(self.alone),
            "cpu_delivery": (mean(rows) - mean(self.alone) - idle) / self.streams * 1e3,
            "idle_bytes": self.idle_bytes, "used_bytes": self.bytes_a_stream(), "idle_ms": self.idle_ms,
            "seconds_to_open": self.seconds_to_open, "missing": sum(row["missing"] for row in rows),
            "wrong": sum(row["duplicates"] + row["others"] + row["different"] for row in rows),
            "lost": rows[-1]["failed"] + rows[-1]["ended"]}


def measure(a, servers, case, streams):
    """Results of each server by its name; they publish by turns, and who begins changes."""
    with contextlib.ExitStack() as stack:
        runs = []
        for server in servers:
            client = stack.enter_context(running(a, server, case, streams))
            if runs:
                server.bytes = runs[0].alone[0]["bytes"]
            runs.append(Run(server, client, streams, a.publishes))
        for number in range(a.publishes):
            for run in runs if number % 2 == 0 else runs[::-1]:
                run.rows.append(publication(run.server, run.client))
        time.sleep(1)
        return {run.server.name: run.result() for run in runs}


def commit_to_client(a, server, case):
    """With many streams: publications through the server itself, and by another process."""
    with running(a, server, case, a.many) as client:
        open_streams(client, a.many)
        time.sleep(1)
        publication(server, client)
        return {"by the console API": [publication(server, client) for _ in range(a.publishes)],
                "by another process": [publication(server, client, server.publish_elsewhere) for _ in range(5)]}


def reconnect(a, server, streams):
    """Kills the server under all its streams and starts it again."""
    with running(a, server, "whole document", streams) as client:
        open_streams(client, streams)
        time.sleep(1)
        client.tell("follow 240000")
        time.sleep(0.2)
        server.child.end()
        server.start("whole document", server.port)
        return client.answer() | {"after": publication(server, client)}


# Label, member of a result, format, whether the ratio is shown, goal.
FAN_OUT = [
    ("commit to last, ms", "last", ",.1f", True, "≤ 1.25"),
    ("first to last, ms", "span", ",.1f", True, "≤ 1.25"),
    ("server CPU an event, µs", "cpu", ".2f", True, "≤ 1.25"),
    ("the same without publication and idling, µs", "cpu_delivery", ".2f", True, "≤ 1.25"),
    ("publication with one stream, CPU ms", "cpu_alone", ".2f", False, ""),
    ("commit to first, ms", "first", ",.1f", False, ""),
    ("commit to p50, ms", "p50", ",.1f", True, ""),
    ("commit to p99, ms", "p99", ",.1f", True, ""),
    ("commit to p99.9, ms", "p999", ",.1f", True, ""),
    ("client at work from first to last, ms", "work", ",.1f", False, ""),
    ("user memory an idle stream, bytes", "idle_bytes", ",.0f", False, "≤ 4,096"),
    ("the same after the events, bytes", "used_bytes", ",.0f", False, ""),
    ("CPU of idle streams, ms a second", "idle_ms", ".2f", False, ""),
    ("missing", "missing", ",.0f", False, "0"),
    ("twice, stale or different", "wrong", ",.0f", False, "0"),
    ("streams that ended", "lost", ",.0f", False, "0"),
]


def compare(title, results):
    """A table of the medians of all rounds."""
    ours, rival = results.get("floodgate"), results["epoll"]
    last = (ours or rival)[-1]
    title = f"{title}: `{last['event']}`, {last['bytes']:,} bytes"
    print(f"| {title} | epoll | floodgate | ÷ epoll: median (min–max) | goal |")
    print("|---|---|---|---|---|")
    for label, member, form, is_compared, goal in FAN_OUT:
        middle = lambda rows: format(statistics.median(row[member] for row in rows), form) if rows else ""
        ratio = ""
        if ours and is_compared:
            ratios = [one[member] / other[member] for one, other in zip(ours, rival)]
            ratio = f"{statistics.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})"
        print(f"| {label} | {middle(rival)} | {middle(ours)} | {ratio} | {goal} |")
    print(flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", help="a floodgate; without it the rival is measured alone")
    for name in ("rival", "client", "state", "folder"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--streams", type=int, default=5_000)
    parser.add_argument("--many", type=int, default=10_000)
    parser.add_argument("--publishes", type=int, default=20)
    parser.add_argument("--parts", default="fur")
    a = parser.parse_args()
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    # Floodgate keeps a fifth of its descriptors for files.
    most = limit * 8 // 10 - 100
    for name in ("streams", "many"):
        if getattr(a, name) > most:
            print(f"note: `ulimit -Hn` is {limit:,}: {most:,} streams, not {getattr(a, name):,}", file=sys.stderr)
            setattr(a, name, most)
    servers = ([Floodgate(a)] if a.program else []) + [Rival(a)]
    raw, faults = {}, 0
    if "f" in a.parts:
        raw["fan-out"] = {case: {server.name: [] for server in servers} for case in CASES}
        for number in range(a.rounds):
            for case, results in raw["fan-out"].items():
                for name, result in measure(a, servers, case, a.streams).items():
                    results[name].append(result)
            print(f"round {number + 1} of {a.rounds}", file=sys.stderr, flush=True)
        for case, results in raw["fan-out"].items():
            compare(f"{a.streams:,} streams, {case}", results)
            faults += sum(row["missing"] + row["wrong"] + row["lost"] for rows in results.values() for row in rows)
    if "u" in a.parts and a.program:
        raw["use"] = {case: commit_to_client(a, servers[0], case) for case in CASES}
        print(f"| {a.many:,} streams, commit to client, ms | p50 | p99 | p99.9 | last | worst p99 | missing | goal |")
        print("|---|---|---|---|---|---|---|---|")
        for case, result in raw["use"].items():
            for how, rows in result.items():
                faults += sum(row["missing"] for row in rows)
                values = [statistics.median(row[name] for row in rows) for name in ("p50", "p99", "p999", "last")]
                values.append(max(row["p99"] for row in rows))
                print(f"| {case}, {how} | " + " | ".join(f"{value:,.1f}" for value in values) +
                      f" | {sum(row['missing'] for row in rows)} | p99 < 1,000 |")
        print(flush=True)
    if "r" in a.parts and a.program:
        raw["again"] = result = reconnect(a, servers[0], a.streams)
        seconds = lambda name: (result[name] - result["cut_ns"]) / 1e9
        print(f"| {a.streams:,} streams cut at once | | goal |\n|---|---|---|")
        print(f"| attempts in the worst second | {result['peak_attempts']:,} | ≤ {2 * a.streams / 60:,.0f} |")
        print(f"| streams that open in the worst second | {result['peak_openings']:,} | |")
        print(f"| pause that the server asked for, ms | {result['base_ms']:,} | |")
        print(f"| attempts in all | {result['attempts']:,} | |")
        print(f"| back after, s: half, all | {seconds('half_back_ns'):.1f}, {seconds('all_back_ns'):.1f} | |")
        print(f"| not back; without the next document | {result['streams'] - result['open']}; "
              f"{result['after']['missing']} | 0; 0 |")
        print(f"| answers other than streams | {json.dumps(result['statuses'])} | |\n", flush=True)
        faults += result["streams"] - result["open"] + result["after"]["missing"]
    with open(f"{a.state}/streams.json", "w") as file:
        json.dump(raw, file, indent=1)
    if faults:
        raise Failure(f"{faults:,} times a document did not come as it should, or a stream ended; see the tables")


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        sys.exit(f"error: {failure}")
