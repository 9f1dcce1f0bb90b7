# Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
"""Disks that fail, fill up or refuse to be written while the server runs: it answers 503 and comes back by itself."""

import os
import subprocess
import time

from case import Case, eventually, expect

# EV-9: how soon events are taken again.
SOON = 10


class Faults(Case):
    """A server that is up from the first fault to the last."""

    def run(self):
        self.prepare(count=4)
        self.launch(self.disk)
        begin = time.monotonic()
        try:
            while self.runs == 0 or time.monotonic() - begin < self.options.seconds:
                self.runs += 1
                self.one()
                expect(self.server.is_running(), "the server has ended")
            return self.finish()
        finally:
            self.clean()

    def clean(self):
        pass

    def status_count(self, status):
        return self.ledger.statuses[status]

    def await_refusals(self, count=3):
        """Until clients are told to try again later, and none of them is told anything else."""
        before = self.status_count(503)
        expect(eventually(lambda: self.status_count(503) >= before + count, 20) is not None, "no 503 under the fault")
        expect(self.server.serves_configuration(), "configuration is not served under the fault")
        expect(self.server.get("/readyz")[0] == 200, "/readyz, which is about configuration, says no under the fault")

    def await_return(self):
        before, begin = len(self.ledger.acknowledged), time.monotonic()
        self.await_batches(before, begin, SOON)

    def segments(self):
        return sorted(name for name in os.listdir(self.events_folder) if name.endswith(".sqlite"))


class FailingSyncs(Faults):
    """EV-8: the batch is refused, the segment is left, another is begun; what is synced beside commits is no reason to."""

    name, only = "EIO on fsync, server running", ".sqlite-wal"

    def one(self):
        before, failed = self.segments(), self.disk.failed_syncs
        self.disk.sync_errno, self.disk.sync_failures = 5, 1
        expect(eventually(lambda: self.disk.failed_syncs > failed, 10) is not None, "nothing is synced")
        self.await_return()
        is_new = eventually(lambda: len(self.segments()) > len(before), 5) is not None
        expect(is_new, "no new segment after a failed sync")
        # A disk that does not come back for a while.
        self.disk.sync_failures = -1
        self.await_refusals(self.random.randint(3, 12))
        self.disk.heal()
        self.await_return()


class ReadOnly(Faults):
    """As when the kernel makes a file system read-only after an error: no write, no file made or removed."""

    name, only = "read-only folder, server running", "/events"

    def one(self):
        self.disk.write_errno = self.disk.open_errno = 30
        self.disk.write_failures = -1
        self.await_refusals(self.random.randint(3, 12))
        self.disk.heal()
        self.await_return()


class Full(Faults):
    """EV-9, in part: a disk without room while the server runs."""

    name, size = "no space (tmpfs), server running", 64 << 20

    def prepare(self, **posters):
        os.makedirs(self.data)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={self.size}", "none", self.data], check=False)
        expect(done.returncode == 0, "no tmpfs can be mounted; run this case as root")
        super().prepare(**posters)

    def launch(self, disk):
        super().launch(None)

    def room(self):
        status = os.statvfs(self.data)
        return status.f_bavail * status.f_frsize

    def fill(self):
        """Leaves little room or none; the file to remove when it is enough."""
        filler = f"{self.data}/filler"
        left = self.random.randint(0, 2 << 20)
        with open(filler, "wb") as file:
            while (room := self.room() - left) > 0:
                try:
                    os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, room)
                except OSError:
                    # The server was quicker.
                    time.sleep(0.01)
        self.await_refusals()
        return filler

    def one(self):
        filler = self.fill()
        os.unlink(filler)
        self.await_return()

    def clean(self):
        if self.posters:
            self.posters.is_over = True
        self.server.kill()
        subprocess.run(["umount", "-l", self.data], check=False)


class KilledWhenFull(Full):
    """A server that is killed on a full disk starts, serves configuration, and takes events when there is room."""

    name = "no space (tmpfs), kill and start"

    def one(self):
        filler = self.fill()
        self.server.kill()
        self.server.start()
        expect(self.server.serves_configuration(), "a server that started on a full disk serves no configuration")
        self.await_refusals()
        os.unlink(filler)
        self.await_return()
