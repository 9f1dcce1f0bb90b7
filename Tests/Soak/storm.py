# Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
"""Faults at random moments: to the server, to DuckDB's program that it runs, and to the disk."""

import collections
import contextlib
import os
import random
import signal
import time

from case import Failure

# How soon after it was killed and started again a server answers.
PATIENCE = 20


def children(pid, name):
    """The processes of that name that `pid` started and that are alive."""
    found = []
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError):
                with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as file:
                    found += map(int, file.read().split())
    return [child for child in found if command(child) == name]


def command(pid):
    with contextlib.suppress(OSError), open(f"/proc/{pid}/comm", encoding="ascii") as file:
        return file.read().strip()
    return None


def tell(pid, number):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


class Storm:
    """What happens to a server that was started with `arguments` on a folder; `may_fill` says whether its disk is its own."""

    def __init__(self, server, arguments, seed, may_fill, say):
        self.server, self.arguments, self.may_fill, self.say = server, arguments, may_fill, say
        self.chance = random.Random(f"{seed}storm")
        self.counts = collections.Counter()
        self.slowest_start = 0.0

    def one(self, may_end_server):
        """One fault, from its beginning to its end."""
        kinds = {self.kill_child: 3, self.hold_child: 2}
        if may_end_server:
            kinds |= {self.kill: 4, self.terminate: 2}
        if self.may_fill:
            kinds[self.fill] = 2
        kind, = self.chance.choices(list(kinds), list(kinds.values()))
        if kind() is not False:
            name = kind.__name__.replace("_", " ")
            self.counts[name] += 1
            self.say(name)
        if not self.server.is_running():
            raise Failure(f"the server has ended with {self.server.process.returncode}; {self.server.log} says why")

    def restart(self):
        took = self.server.start(arguments=self.arguments, within=PATIENCE)
        self.slowest_start = max(self.slowest_start, took)

    def kill(self):
        self.server.kill()
        if self.chance.random() < 0.3:
            # Once more, while it recovers.
            self.server.launch(arguments=self.arguments)
            time.sleep(self.chance.uniform(0, 0.3))
            self.server.kill()
        self.restart()

    def terminate(self):
        self.server.stop()
        self.restart()

    def kill_child(self):
        """In the middle of a load if there is one; False if no child is alive."""
        found = children(self.server.process.pid, "duckdb")
        if not found:
            return False
        tell(self.chance.choice(found), signal.SIGKILL)
        return True

    def hold_child(self):
        found = children(self.server.process.pid, "duckdb")
        if not found:
            return False
        child = self.chance.choice(found)
        tell(child, signal.SIGSTOP)
        time.sleep(self.chance.uniform(0.5, 6))
        tell(child, signal.SIGCONT)
        return True

    def fill(self):
        """Leaves little room or none for some seconds, for log and warehouse alike."""
        filler = f"{self.server.data}/filler"
        status = os.statvfs(self.server.data)
        room = status.f_bavail * status.f_frsize
        with open(filler, "wb") as file:
            with contextlib.suppress(OSError):
                os.posix_fallocate(file.fileno(), 0, max(1, room - self.chance.randint(0, 2 << 20)))
        try:
            time.sleep(self.chance.uniform(1, 6))
            if self.chance.random() < 0.3:
                self.server.kill()
                self.server.start(arguments=self.arguments, within=PATIENCE)
        finally:
            os.unlink(filler)
