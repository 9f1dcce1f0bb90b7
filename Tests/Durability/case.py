# Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
"""What every case has: a folder, a server, posters, a ledger, and a line in the table at the end."""

import os
import random
import time

import disk as disks
from posters import Found, Ledger, Posters
from server import Server

COLUMNS = ("case", "runs", "acked batches", "acked events", "lost", "doubled", "torn", "back p50 ms", "back max ms")


class Failure(Exception):
    """A promise that was not kept."""


def expect(is_kept, promise):
    if not is_kept:
        raise Failure(promise)


def eventually(condition, within, step=0.01):
    """Seconds until `condition` holds; None if it does not."""
    begin = time.monotonic()
    while time.monotonic() - begin < within:
        if condition():
            return time.monotonic() - begin
        time.sleep(step)
    return None


class Case:
    """One subject; `name` is what the table calls it."""

    name, only, has_shadow, has_trace = "", "", False, False
    # Whether rows may be damaged, which nobody promises anything about.
    is_lenient = False

    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.random = random.Random(f"{options.seed}{self.name}")
        os.makedirs(folder, exist_ok=True)
        self.data = f"{folder}/data"
        self.server = Server(options.program, self.data, f"{folder}/log")
        self.ledger, self.posters, self.disk = Ledger(), None, None
        self.runs, self.returns, self.remarks = 0, [], []
        # What happened when.
        self.history = []

    @property
    def events_folder(self):
        return f"{self.data}/events"

    def prepare(self, **posters):
        """A project with keys, and whoever posts to it; the server is down then."""
        self.server.start(arguments=["--demo"])
        self.server.stop()
        self.disk = disks.Disk(self.options.preload, self.data, f"{self.folder}/work", self.only, self.has_shadow,
                               self.has_trace)
        self.posters = Posters(self.server, self.ledger, seed=self.options.seed, **posters)

    def launch(self, disk):
        """Starts the server and waits until it acknowledges something."""
        before = len(self.ledger.acknowledged)
        begin = self.server.launch(disk)
        self.await_batches(before, begin)

    def await_batches(self, before, begin, within=20, count=1):
        def has_come():
            if not self.server.is_running():
                raise Failure(f"the server has ended with {self.server.process.returncode}; {self.server.log} says why")
            return len(self.ledger.acknowledged) >= before + count
        expect(eventually(has_come, within, 0.002) is not None, f"nothing is acknowledged for {within} s")
        self.returns.append(time.monotonic() - begin)

    def finish(self):
        """Stops all, and judges what is in the log."""
        self.posters.stop()
        if self.server.is_running():
            self.server.kill()
        # Once more without faults: whatever was left has to be recovered by the program itself.
        self.server.start()
        self.server.stop()
        found = Found(self.events_folder, is_lenient=self.is_lenient)
        verdict = found.judge(self.ledger)
        code, output, errors = self.server.run("events", "count", "--json")
        expect(self.is_lenient or code == 0 and f'"events":{found.events}' in output.replace(" ", ""),
               f"events count says {output} {errors}, and {found.events} are in the log")
        expect(not self.ledger.oddities, f"odd answers: {self.ledger.oddities[:3]}")
        statuses = ", ".join(f"{count}×{status}" for status, count in sorted(self.ledger.statuses.items(), key=str))
        for token in found.lost:
            when = self.ledger.acknowledged[token]
            after = next((what for time_, what in self.history if time_ > when), "the end")
            self.remarks.append(f"batch {token} is lost, which was acknowledged before {after}")
        slowest = self.ledger.slowest * 1000
        self.remarks.append(f"{found.batches} batches in the log; answers {statuses}; slowest 202 {slowest:.0f} ms")
        return verdict

    def row(self, verdict):
        back = sorted(self.returns)
        middle, most = (f"{back[len(back) // 2] * 1000:.0f}", f"{back[-1] * 1000:.0f}") if back else ("–", "–")
        return (self.name, self.runs, len(self.ledger.acknowledged), self.ledger.events, verdict["lost"],
                verdict["doubled"], verdict["torn"], middle, most)
