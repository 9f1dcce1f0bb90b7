# Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
"""Servers that are killed and machines that lose power, at random moments and between two calls of the system."""

import collections
import time

from case import Case, eventually, expect


class Kills(Case):
    """kill -9: under load, while starting, while recovering, while a segment is sealed and the next one begun."""

    name = "kill -9"
    # Enough that no call from the start through a seal is left out.
    calls_of_start, calls_of_seal = 60, 80

    def run(self):
        self.prepare(count=4)
        moments = collections.Counter()
        for self.runs in range(1, self.options.kills + 1):
            moment = self.one()
            moments[moment] += 1
            self.after_kill()
            self.history.append((time.monotonic(), f"kill {self.runs}, {moment}"))
        self.remarks.append("kills " + ", ".join(f"{count} {moment}" for moment, count in moments.most_common()))
        self.disk.heal()
        return self.finish()

    def after_kill(self):
        pass

    def one(self):
        """Kills once; says at what moment."""
        self.disk.heal()
        choice = self.random.random()
        if choice < 0.15:
            self.server.launch(self.disk)
            time.sleep(self.random.uniform(0, 0.25))
            self.server.kill()
            return "while starting"
        if choice < 0.35:
            # Opening control store and event log, and the first batches: recovery, from the second kill on.
            self.disk.kill_in = self.random.randint(1, self.calls_of_start)
            self.server.launch(self.disk)
            return self.wait_for_kill("at a call while starting")
        self.launch(self.disk)
        if choice < 0.7:
            # With an hour gone the next append seals the segment and begins another.
            self.disk.kill_in = self.random.randint(1, self.calls_of_seal)
            self.disk.seconds_ahead += 3700
            return self.wait_for_kill("at a call around a seal")
        time.sleep(self.random.uniform(0, 0.3))
        self.server.kill()
        return "under load"

    def wait_for_kill(self, moment):
        ended = eventually(lambda: not self.server.is_running(), 5, 0.002)
        self.server.kill()
        return moment if ended is not None else "under load"


class PowerLoss(Kills):
    """What was not synced is gone."""

    name, has_shadow = "loss of power", True

    def after_kill(self):
        self.disk.lose_power()


class PartialPowerLoss(Kills):
    """Of what was not synced some sectors are there and some are not, in any order."""

    name, has_shadow = "loss of power, some sectors written", True

    def after_kill(self):
        self.disk.lose_power(self.random)


class FailingDisk(Kills):
    """Syncs fail, writes fail or are cut, the disk is full; then the server is killed or its machine loses power."""

    name, only, has_shadow = "failing syncs and writes, then kill or loss of power", "/events", True

    def one(self):
        self.disk.heal()
        self.launch(self.disk)
        kind = self.random.choice(("sync", "write", "full", "short", "both"))
        if kind in ("sync", "both"):
            self.disk.sync_per_million = self.random.choice((1000, 20_000, 300_000))
            self.disk.sync_errno = 5
        if kind in ("write", "full", "both"):
            self.disk.write_per_million = self.random.choice((1000, 10_000, 100_000))
            self.disk.write_errno = 28 if kind == "full" else 5
        if kind in ("short", "both"):
            self.disk.short_per_million = 100_000
        if self.random.random() < 0.4:
            self.disk.seconds_ahead += 3700
        time.sleep(self.random.uniform(0, 0.5))
        if self.random.random() < 0.5:
            # The server has to come back by itself, before it is killed.
            self.disk.heal()
            before, begin = len(self.ledger.acknowledged), time.monotonic()
            seconds = eventually(lambda: len(self.ledger.acknowledged) > before, 12, 0.002)
            expect(seconds is not None, "nothing is acknowledged for 12 s after the disk has healed")
            self.healed = max(getattr(self, "healed", 0), time.monotonic() - begin)
        if self.random.random() < 0.2:
            # Between a sync that fails and whatever the server does about it.
            self.disk.heal()
            failed = self.disk.failed_syncs
            self.disk.sync_microseconds, self.disk.sync_errno, self.disk.sync_failures = 60_000, 5, 1
            eventually(lambda: self.disk.failed_syncs > failed, 5, 0.001)
            kind = "at a failed sync"
        self.server.kill()
        self.kind = kind
        return kind

    def after_kill(self):
        # A kernel that lives on has what it could not write in memory, where the next start finds it.
        if self.kind != "at a failed sync" and self.random.random() < 0.7:
            self.disk.lose_power(self.random if self.random.random() < 0.5 else None)

    def run(self):
        verdict = super().run()
        self.remarks.append(f"acknowledging again at most {getattr(self, 'healed', 0):.1f} s after the disk has healed")
        return verdict
