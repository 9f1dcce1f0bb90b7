#!/usr/bin/env python3
# Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
"""A server that takes events into its warehouse while faults happen to it, and whether its ledger balances at the end.

    Tests/Soak/soak_test.py --program .build/release/floodgate --duckdb duckdb [--seconds 600] [--seed text]

README.md says what happens and what must hold. Prints one table; exits with 1 if a promise was not kept, and keeps the
folder then.
"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "Durability"))

# pylint: disable=wrong-import-position
from case import Failure, eventually
from posters import Ledger
from server import Server

from clients import Clients
from storm import Storm
from verdict import Stored, ask, counted

# How long loading may take to catch up when the faults are over.
CATCH_UP = 180
# Memory is flat if the last third has no more than this beyond a quarter more than the first.
SLACK = 32 << 20
# Seconds after a start that do not count for it, and how many are too few to tell.
WARM, FEW = 15, 60


class Memory(threading.Thread):
    """Resident bytes of the server, twice a second, with the process and its age."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server, self.samples, self.is_over = server, [], False
        self.start()

    def run(self):
        births = {}
        while not self.is_over:
            process = self.server.process
            if process is not None and process.poll() is None:
                now = time.monotonic()
                born = births.setdefault(process.pid, now)
                try:
                    with open(f"/proc/{process.pid}/status", encoding="ascii") as file:
                        size = int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1)) << 10
                    self.samples.append((process.pid, now - born, size))
                except (OSError, AttributeError):
                    pass
            time.sleep(0.5)

    def thirds(self):
        """Medians of the first and last third of the samples of the process that lived longest, and the most of all."""
        lives = {}
        for process, age, size in self.samples:
            # What the first batches and blocks take is no growth.
            if age > WARM:
                lives.setdefault(process, []).append(size)
        longest = max(lives.values(), key=len, default=[])
        third = max(1, len(longest) // 3)
        most = max(size for *_, size in self.samples)
        return median(longest[:third] or [0]), median(longest[-third:] or [0]), most, len(longest) / 2


def median(values):
    return sorted(values)[len(values) // 2]


class Soak:
    """One run, whose figures become the table."""

    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.data = f"{folder}/data"
        os.makedirs(self.data)
        self.is_mounted = options.tmpfs > 0 and subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={options.tmpfs}m", "none", self.data], check=False).returncode == 0
        self.arguments = ["--duckdb", options.duckdb]
        self.server = Server(options.program, self.data, f"{folder}/log")
        self.ledger, self.clients, self.memory = Ledger(), None, None
        self.begin, self.rows, self.failures, self.looks = time.monotonic(), [], [], 0

    def say(self, what):
        print(f"{time.monotonic() - self.begin:7.1f} s  {what}", file=sys.stderr, flush=True)

    def row(self, name, value, promise=None):
        text = f"{value:,}" if type(value) is int else str(value)
        self.rows.append((name, text, {None: "", True: "yes", False: "NO"}[promise]))
        if promise is False:
            self.failures.append(f"{name}: {value}")

    def run(self):
        self.server.start(arguments=["--demo", *self.arguments])
        self.memory = Memory(self.server)
        self.clients = Clients(self.server, self.ledger, self.options.pause, count=self.options.clients,
                               seed=self.options.seed, largest=1500)
        storm = Storm(self.server, self.arguments, self.options.seed, self.is_mounted, self.say)
        end, look = self.begin + self.options.seconds, 0
        while (now := time.monotonic()) < end:
            time.sleep(min(storm.chance.uniform(0.5, 5), end - now))
            # In the middle of the soak one process lives, so that its memory can be looked at.
            part = (time.monotonic() - self.begin) / self.options.seconds
            storm.one(may_end_server=not 0.3 < part < 0.7)
            if time.monotonic() > look:
                look = time.monotonic() + 15
                self.look()
        self.clients.stop()
        self.judge(storm, self.settle())

    def look(self):
        """The ledger may have events in flight at any time, and a gap at none."""
        try:
            report = ask(self.server, "reconcile")
        except Failure as failure:
            # The program that is asked may just have been killed.
            self.say(f"no answer: {failure}")
            return
        self.looks += 1
        if not report["isBalanced"]:
            self.failures.append(f"a gap in the ledger under faults: {report['gaps'][:3]}")
            self.say(self.failures[-1])

    def settle(self):
        """Waits until all is in the warehouse."""
        last = "nothing is asked"

        def is_settled():
            nonlocal last
            try:
                report = ask(self.server, "reconcile")
            except Failure as failure:
                # The warehouse has just been started.
                last = str(failure)
                return False
            last = f"{report['total']['inFlight']} events are in flight"
            return report["total"]["inFlight"] == 0

        took = eventually(is_settled, CATCH_UP, 0.5)
        if took is None:
            raise Failure(f"after {CATCH_UP} s without faults: {last}")
        return took

    def judge(self, storm, caught_up):
        summary = ask(self.server, "summary", "--hours", "24")
        report = ask(self.server, "reconcile")
        self.memory.is_over = True
        self.server.stop()
        # Once more, since what a start removes must not be missed.
        self.server.start(arguments=self.arguments)
        self.settle()
        again = ask(self.server, "reconcile")
        self.server.stop()
        stored = Stored(self.options.duckdb, f"{self.data}/warehouse")
        lost, strange = stored.compare(self.clients.acknowledged())
        self.table(storm, caught_up, report, again, counted(summary), stored, lost, strange)

    def table(self, storm, caught_up, report, again, summed, stored, lost, strange):
        total, marks = report["total"], self.clients.acknowledged()
        acknowledged = sum(sum(events) for events in marks.values())
        statuses = ", ".join(f"{count}×{status}" for status, count in sorted(self.ledger.statuses.items(), key=str))
        first, last, most, age = self.memory.thirds()
        faults = ", ".join(f"{count} {name}" for name, count in storm.counts.most_common())
        self.row("seconds under faults", round(self.options.seconds))
        self.row("faults", faults or "none", bool(faults))
        self.row("slowest start, s", f"{storm.slowest_start:.1f}")
        self.row("answers", statuses)
        self.row("odd answers", len(self.ledger.oddities), not self.ledger.oddities)
        self.row("batches acknowledged", len(self.ledger.acknowledged))
        self.row("events in them, resent ones each time", self.ledger.events)
        self.row("different events acknowledged", acknowledged, acknowledged > 0)
        self.row("bad events sent among them", self.clients.bad_events)
        self.row("accepted, by the ledger", total["accepted"], total["accepted"] >= self.ledger.events)
        self.row("= loaded", total["loaded"])
        self.row("+ duplicate", total["duplicate"], total["duplicate"] > 0)
        self.row("+ dead", total["dead"], total["dead"] == 0)
        self.row("+ in flight", total["inFlight"], total["inFlight"] == 0)
        self.row("ledger balanced", "", report["isBalanced"])
        self.row("the same after one more restart", "", again["isBalanced"] and again["total"] == total)
        self.row("looks at the ledger under faults", self.looks, self.looks > 0)
        self.row("caught up after, s", f"{caught_up:.1f}")
        self.row("rows in the warehouse", stored.rows)
        self.row("events in the warehouse, each once", len(stored.users))
        self.row("acknowledged and not there", len(lost), not lost)
        self.row("there and never sent", strange, strange == 0)
        self.row("with two ids", stored.doubled, stored.doubled == 0)
        self.row("counted by events summary", summed, summed == len(stored.users))
        self.row("memory of one process, first third, MiB", first >> 20)
        self.row(f"last third of its {age:.0f} s, MiB", last >> 20,
                 last <= first + first // 4 + SLACK if age >= FEW else None)
        self.row("most of any, MiB", most >> 20)
        if lost:
            self.failures.append(f"lost, as client and number: {lost[:10]}")
        if self.ledger.oddities:
            self.failures.append(f"odd: {self.ledger.oddities[:3]}")

    def clean(self, is_kept):
        """Ends all; what lies in memory is put beside it if it is to be kept."""
        if self.clients:
            self.clients.is_over = True
        if self.memory:
            self.memory.is_over = True
        self.server.kill()
        if self.is_mounted:
            if is_kept:
                shutil.copytree(self.data, f"{self.folder}/kept", symlinks=True)
            subprocess.run(["umount", "-l", self.data], check=False)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    parser.add_argument("--duckdb", required=True)
    parser.add_argument("--seconds", type=float, default=600, help="how long faults happen")
    parser.add_argument("--clients", type=int, default=6)
    parser.add_argument("--pause", type=float, default=0.15, help="seconds between two batches of a client, on average")
    parser.add_argument("--tmpfs", type=int, default=1024, help="MiB of a disk in memory that can be full; 0 is none")
    parser.add_argument("--seed", default=str(int(time.time())))
    parser.add_argument("--folder", default=None, help="where the data is kept meanwhile")
    options = parser.parse_args()
    options.program, options.duckdb = os.path.realpath(options.program), os.path.realpath(options.duckdb)
    folder = tempfile.mkdtemp(prefix="floodgate-soak-", dir=options.folder)
    print(f"seed {options.seed}", file=sys.stderr, flush=True)
    soak = Soak(options, folder)
    if not soak.is_mounted:
        print("note: the disk is never full, since no tmpfs was mounted (--tmpfs, as root)", file=sys.stderr, flush=True)
    try:
        soak.run()
    except (Exception, SystemExit) as error:  # pylint: disable=broad-except
        soak.failures.append(f"{error}")
        if not isinstance(error, (Failure, SystemExit)):
            traceback.print_exc()
    finally:
        soak.clean(is_kept=bool(soak.failures))
    widths = [max((len(row[column]) for row in soak.rows), default=0) for column in range(2)]
    for name, value, promise in soak.rows:
        print(f"{name.ljust(widths[0])}  {value.rjust(min(widths[1], 16))}  {promise}".rstrip())
    for failure in soak.failures:
        print(f"FAILED {failure}")
    if soak.failures:
        print(f"The log and the data are in {folder}")
    else:
        shutil.rmtree(folder)
    sys.exit(1 if soak.failures else 0)


if __name__ == "__main__":
    main()
