#!/usr/bin/env python3
# Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
"""What it costs to take events, to keep them, and to bring them into the warehouse; called by Scripts/bench-intake.sh.

Batches of 1,000 events of some 392 bytes come gzipped over 8 connections, from processes of their own; then batches of 8,
each on a connection of its own; then what was taken with the warehouse off is loaded. Events by CPU second of the server
are what to compare: other work on the machine disturbs them least.
"""
import argparse
import contextlib
import gzip
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import time

from batches import BATCH, BODIES, CONNECTIONS, body, load
from delivery import cpu, free_port


class Server:
    """`floodgate serve` on a folder of its own, with or without a warehouse."""

    def __init__(self, arguments, name, warehouse):
        self.arguments, self.data, self.port = arguments, f"{arguments.state}/{name}", free_port()
        command = [arguments.program, "serve", "--demo", "--data", self.data, "--listen", f"127.0.0.1:{self.port}",
                   "--log-level", "error", "--access-log", "off"]
        command += ["--duckdb", arguments.duckdb] if warehouse else ["--warehouse", "none"]
        self.log = f"{arguments.state}/{name}.log"
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        for _ in range(600):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                connection.sendall(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                if b" 200 " in connection.recv(100):
                    break
            if self.process.poll() is not None:
                sys.exit(f"error: floodgate ended with {self.process.returncode}; {self.log} says why")
            time.sleep(0.05)
        else:
            sys.exit(f"error: floodgate is not ready after 30 s; {self.log} may say why")
        with open(f"{self.data}/initial-keys.json", encoding="utf-8") as file:
            self.key = {entry["kind"]: entry["key"] for entry in json.load(file)}["server"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()

    def own_cpu(self):
        """CPU seconds of the server with all its threads, without children."""
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def whole_cpu(self):
        """With the DuckDBs that run and those that have ended."""
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return cpu(self.process.pid) + (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")

    def log_bytes(self):
        """Bytes of batches in the log; its files also have room that is not used yet."""
        total = 0
        for path in pathlib.Path(self.data, "events").glob("segment-*.sqlite"):
            with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
                with contextlib.suppress(sqlite3.OperationalError):
                    total += database.execute("SELECT coalesce(sum(length(payload)), 0) FROM batch").fetchone()[0]
        return total

    def in_flight(self):
        done = subprocess.run([self.arguments.program, "events", "reconcile", "--json", "--data", self.data],
                              capture_output=True, text=True, check=False)
        # The warehouse is not ready yet.
        if done.returncode == 69:
            return None, 0
        report = json.loads(done.stdout)
        if not report["isBalanced"]:
            sys.exit(f"error: the ledger has gaps: {report['gaps'][:3]}")
        return report["total"]["inFlight"], report["total"]["loaded"]


def stored_bytes(folder):
    return sum(path.stat().st_size for path in pathlib.Path(folder, "warehouse").rglob("*.parquet"))


def measure_loading(arguments):
    """A backlog of different events that was made with the warehouse off, loaded by a server that does nothing else."""
    name = "backlog"
    with Server(arguments, name, False) as server:
        taken = load(server, False, [f"backlog {index}" for index in range(max(CONNECTIONS, arguments.backlog // BATCH))])
    begin = time.monotonic()
    with Server(arguments, name, True) as server:
        while True:
            left, loaded = server.in_flight()
            if left == 0 and loaded > 0:
                break
            if time.monotonic() - begin > 900:
                sys.exit(f"error: {left} events are in flight after 15 minutes")
            time.sleep(0.5)
        wall, spent = time.monotonic() - begin, server.whole_cpu()
    return {"events": loaded, "wall": wall, "cpu": spent, "bytes": stored_bytes(server.data),
            "log_bytes": taken["bytes"], "taken": taken["events"]}


def floor(arguments):
    """The least that a durable batch can cost with SQLite: the bytes as they come, each batch committed."""
    path = f"{arguments.state}/floor.sqlite"
    packed = [gzip.compress(body(f"floor {index}", BATCH), 6) for index in range(BODIES)]
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE batch (payload BLOB)")
        count, begin, before = 0, time.monotonic(), time.process_time()
        while time.monotonic() - begin < arguments.seconds:
            database.execute("INSERT INTO batch VALUES (?)", (packed[count % BODIES],))
            count += 1
        return {"events": count * BATCH, "cpu": time.process_time() - before, "wall": time.monotonic() - begin}


def peers(arguments, server):
    """Rows of the peer kit's table, with the server as one of them."""
    headers = f"Content-Encoding: gzip,statsig-api-key: {server.key},Content-Type: application/json"
    ours = f"floodgate={server.port},/v1/log_event,json.gz,{server.process.pid},{headers}"
    out = f"{arguments.state}/peers.json"
    done = subprocess.run(
        ["bash", f"{arguments.kit}/run.sh", "ingest", "--only", arguments.rivals, "--rounds", str(arguments.rounds),
         "--seconds", str(arguments.seconds), "--out", out, "--add", ours],
        env=os.environ | {"STATE": arguments.kit_state}, stdout=subprocess.DEVNULL, check=False)
    if done.returncode:
        print("note: the peer kit failed, so its rows are missing", file=sys.stderr)
        return {}
    with open(out, encoding="utf-8") as file:
        return json.load(file)


def middle(runs, value, digits=0):
    values = sorted(value(run) for run in runs)
    return f"{statistics.median(values):,.{digits}f} ({values[0]:,.{digits}f}–{values[-1]:,.{digits}f})"


def table(heads, rows):
    print("\n| " + " | ".join(heads) + " |\n|" + "|".join(" --- " for _ in heads) + "|")
    for row in rows:
        print("| " + " | ".join(str(cell) for cell in row) + " |")


def per_core(run):
    return run["events"] / max(run["cpu"], 0.01)


def requests_per_core(run):
    return run["requests"] / max(run["cpu"], 0.01)


def report(results):
    alone, paced, beside, small = (results[name] for name in ("alone", "paced", "beside", "small"))
    loading = results["loading"]
    accepted = statistics.median(map(per_core, alone))
    rate = loading["events"] / loading["wall"]
    rows = [
        ("durable events by core second, warehouse off", "900,000", middle(alone, per_core)),
        ("the same beside loading", "", middle(beside, per_core)),
        ("durable events a second, warehouse off", "", middle(alone, lambda run: run["events"] / run["wall"])),
        ("batch of 1,000 at 8 connections, p50 ms", "", middle(alone, lambda run: run["p50_ms"], 2)),
        ("p99 ms, each client waiting for its answers", "", middle(alone, lambda run: run["p99_ms"], 2)),
        ("by the clock at half of that rate, p50 ms", "", middle(paced, lambda run: run["p50_ms"], 2)),
        ("p99 ms", "5", middle(paced, lambda run: run["p99_ms"], 2)),
        ("p99.9 ms", "", middle(paced, lambda run: run["p999_ms"], 2)),
        ("p99 ms beside loading", "", middle(beside, lambda run: run["p99_ms"], 2)),
        ("batches of 8, new connection each, by core second", "5,000", middle(small, requests_per_core)),
        ("bytes of the log an event", "", f"{loading['log_bytes'] / loading['taken']:.1f}"),
        ("loading, events by core second with DuckDB", "", f"{per_core(loading):,.0f}"),
        ("loading, events a second on this machine", "", f"{rate:,.0f}"),
        ("loading by core second ÷ accepted by core second", "3", f"{per_core(loading) / accepted:.2f}"),
        ("bytes kept an event in the warehouse", "60", f"{loading['bytes'] / loading['events']:.1f}"),
        ("answers that were not as they should be", "0", sum(run["bad"] for run in alone + paced + beside + small)),
    ]
    table(("what", "goal", "measured, median (min–max)"), rows)
    always = "fsync before every answer"
    rivals = [("SQLite from Python, bytes as they come, a commit a batch", always, middle(results["floor"], per_core), "")]
    peers = {name: runs for name, runs in results["peers"].items() if runs}
    for name, runs in sorted(peers.items(), key=lambda item: -statistics.median(run["eps_core"] for run in item[1])):
        durable = always if name == "floodgate" else runs[0]["durable"]
        rivals.append((name, durable, middle(runs, lambda run: run["eps_core"]), middle(runs, lambda run: run["p99_ms"], 1)))
    table(("1,000 events a batch, same run", "durability", "events by core second", "p99 ms"), rivals)


def write_figures(path, results):
    """Puts what was measured into the file of figures, and leaves the others as they are."""
    with open(path, encoding="utf-8") as file:
        figures = json.load(file)
    loading = results["loading"]
    model = re.search(r"model name\s*: *(.+)", pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    figures |= {
        "origin": f"{os.cpu_count()} cores of {model.group(1) if model else 'unknown'}, {time.strftime('%Y-%m-%d')}",
        "intake_events_per_core_second": round_to(statistics.median(map(per_core, results["alone"])), 1_000),
        "intake_requests_per_core_second": round_to(statistics.median(map(requests_per_core, results["small"])), 100),
        "log_bytes_per_event": round_to(loading["log_bytes"] / loading["taken"], 1),
        "loader_events_per_core_second": round_to(per_core(loading), 1_000),
        "warehouse_bytes_per_event": round_to(loading["bytes"] / loading["events"], 1),
    }
    with open(path, "w", encoding="utf-8") as file:
        json.dump(figures, file, indent=2, ensure_ascii=False)
        file.write("\n")


def round_to(value, step):
    return max(step, round(value / step) * step)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    parser.add_argument("--duckdb", required=True)
    parser.add_argument("--state", required=True, help="a folder on a real disk; data in it is thrown away")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--backlog", type=int, default=2_000_000, help="events that are loaded")
    parser.add_argument("--kit", default="", help="the peer kit's folder")
    parser.add_argument("--kit-state", default="")
    parser.add_argument("--rivals", default="postgres,in-process")
    parser.add_argument("--write", default="", help="the file of figures to bring up to date")
    a = parser.parse_args()
    for name in ("alone", "beside", "backlog"):
        shutil.rmtree(f"{a.state}/{name}", ignore_errors=True)
    for leftover in pathlib.Path(a.state).glob("floor.sqlite*"):
        leftover.unlink()
    results = {name: [] for name in ("alone", "paced", "beside", "small", "floor")} | {"peers": {}}
    with Server(a, "alone", False) as alone:
        load(alone, False, 1)
        for number in range(a.rounds):
            closed = load(alone, False, a.seconds)
            results["alone"].append(closed)
            results["paced"].append(load(alone, False, a.seconds, closed["requests"] / closed["wall"] / 2))
            results["small"].append(load(alone, True, a.seconds))
            results["floor"].append(floor(a))
            for leftover in pathlib.Path(a.state).glob("floor.sqlite*"):
                leftover.unlink()
            print(f"round {number + 1} of {a.rounds}", file=sys.stderr, flush=True)
        if a.kit:
            results["peers"] = peers(a, alone)
    with Server(a, "beside", True) as beside:
        for _ in range(a.rounds):
            results["beside"].append(load(beside, False, a.seconds))
    results["loading"] = measure_loading(a)
    with open(f"{a.state}/intake.json", "w", encoding="utf-8") as file:
        json.dump(results, file, indent=1)
    report(results)
    if a.write:
        write_figures(a.write, results)
    for name in ("alone", "beside", "backlog"):
        shutil.rmtree(f"{a.state}/{name}", ignore_errors=True)
    sys.exit(1 if any(run["bad"] for name in ("alone", "paced", "beside", "small") for run in results[name]) else 0)


if __name__ == "__main__":
    main()
