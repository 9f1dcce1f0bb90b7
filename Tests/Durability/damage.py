# Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
"""LOG-2, LOG-4, LOG-5, EV-18: files that are not what they were, a second process, and a log that is long."""

import os
import pathlib
import re
import shutil
import sqlite3
import time

from case import Case, expect
from posters import Found

# LOG-4: how long a file may hold a start up.
PATIENCE = 5


class Damage(Case):
    """Before each start a file of the log is cut, flipped, zeroed or replaced, or a strange one is put beside them."""

    name, is_lenient = "damaged and foreign files before a start", True

    def run(self):
        self.prepare(count=3, resends=0)
        damaged, begin = set(), time.monotonic()
        salvaged = gone = 0
        while self.runs == 0 or time.monotonic() - begin < self.options.seconds:
            self.runs += 1
            self.launch(self.disk)
            # Two segments each time, so that one is left.
            self.disk.seconds_ahead += 3700
            self.await_batches(len(self.ledger.acknowledged), time.monotonic(), count=5)
            self.posters.pause()
            if self.random.random() < 0.5:
                self.server.kill()
            else:
                self.server.stop()
            victim, tokens = self.spoil()
            took = self.server.start(self.disk, within=PATIENCE)
            self.returns.append(took)
            if victim:
                names = os.listdir(self.events_folder)
                is_there = victim in names or any(name.startswith(f"{victim}.corrupt-") for name in names)
                expect(is_there, f"{victim} is gone")
                kept = self.kept(tokens)
                salvaged += kept
                gone += len(tokens) - kept
                damaged |= tokens
            self.server.stop()
            self.posters.go_on()
        self.remarks.append(f"of {salvaged + gone} batches in damaged segments {salvaged} are readable afterwards")
        self.ledger.exposed = damaged
        return self.finish()

    def kept(self, tokens):
        found = Found(self.events_folder, is_lenient=True)
        return sum(token in found.counts for token in tokens)

    def spoil(self):
        """The name of the segment that is damaged now, if one is, and the batches that it had."""
        folder = pathlib.Path(self.events_folder)
        # Not what was put there before, which may have no end.
        segments = [path for path in sorted(folder.glob("segment-*.sqlite"))
                    if path.is_file() and not path.is_symlink() and path.stat().st_size < 1 << 30]
        victim = self.random.choice(segments)
        kind = self.random.choice(("cut", "flip", "zero", "noise", "wal", "foreign", "strange", "empty"))
        if kind in ("foreign", "strange"):
            self.strange(folder, len(segments) + 1000, kind)
            return None, set()
        if kind == "wal":
            # Bytes of a write that was never finished, beside the newest.
            with open(f"{segments[-1]}-wal", "ab") as file:
                file.write(self.random.randbytes(self.random.randint(1, 100_000)))
            return None, set()
        tokens = set(Found(folder, only=victim.name, is_lenient=True).counts)
        victim.chmod(0o644)
        data = bytearray(victim.read_bytes())
        wal = pathlib.Path(f"{victim}-wal")
        if len(data) < 1000 or wal.exists() and wal.stat().st_size > 0:
            return None, set()
        start = self.random.randrange(len(data))
        if kind == "cut":
            del data[start:]
        elif kind == "flip":
            for _ in range(self.random.choice((1, 3, 30))):
                data[self.random.randrange(len(data))] ^= self.random.randint(1, 255)
        elif kind == "zero":
            end = min(len(data), start + self.random.choice((512, 4096, 1 << 20)))
            data[start:end] = bytes(end - start)
        elif kind == "empty":
            data = bytearray()
        else:
            data = bytearray(self.random.randbytes(self.random.randint(1, 200_000)))
        victim.write_bytes(data)
        return victim.name, tokens

    def strange(self, folder, number, kind):
        number += self.runs
        path = folder / f"segment-{number:08}.sqlite"
        if kind == "foreign":
            self.random.choice((
                lambda: path.write_bytes(self.random.randbytes(self.random.randint(1, 100_000))),
                lambda: sqlite3.connect(path).executescript("CREATE TABLE batch (id); PRAGMA user_version = 1"),
                lambda: path.write_bytes(b"SQLite format 3\0" + self.random.randbytes(5000)),
                lambda: pathlib.Path(f"{path}-wal").write_bytes(self.random.randbytes(5000)),
                lambda: (folder / f"noise-{number}").write_bytes(self.random.randbytes(5000))))()
        else:
            self.random.choice((
                lambda: path.mkdir(),
                lambda: os.mkfifo(path),
                lambda: path.symlink_to("/dev/zero"),
                lambda: path.symlink_to(folder / "nowhere"),
                lambda: (path.touch(), os.truncate(path, 1 << 40))))()


class Lock(Case):
    """One writer per folder: the second process says who the first is."""

    name = "second process on the folder"

    def run(self):
        self.prepare(count=2)
        self.launch(self.disk)
        for self.runs in range(1, 11):
            code, _, errors = self.server.run("serve", "--listen", "127.0.0.1:0", "--log-level", "error")
            expect(code == 69, f"the second process ends with {code}, not 69")
            is_named = re.search(rf"\b{self.server.process.pid}\b", errors)
            expect(is_named, f"the second process does not name the first: {errors}")
        self.await_batches(len(self.ledger.acknowledged), time.monotonic())
        return self.finish()


class Long(Case):
    """A start after kill -9 with a long log and a newest segment that is all but full."""

    name, segment = "start with a long log", 250 << 20

    def run(self):
        self.prepare(count=4, largest=2000)
        self.launch(self.disk)
        self.await_batches(len(self.ledger.acknowledged), time.monotonic(), count=50)
        self.disk.seconds_ahead += 3700
        self.await_batches(len(self.ledger.acknowledged), time.monotonic(), count=5)
        self.posters.pause()
        self.server.stop()
        made = self.lengthen()
        self.posters.go_on()
        self.returns.clear()
        for self.runs in range(1, 4):
            self.launch(self.disk)
            self.await_batches(len(self.ledger.acknowledged), time.monotonic(), count=20)
            self.returns.pop()
            self.server.kill()
        size = sum(path.stat().st_size for path in pathlib.Path(self.events_folder).iterdir())
        self.remarks.append(f"{size / (1 << 30):.1f} GiB of log in {len(os.listdir(self.events_folder))} files")
        expect(max(self.returns) < 10, f"nothing is acknowledged within 10 s of a start: {max(self.returns):.1f} s")
        for path in made:
            path.unlink()
        return self.finish()

    def lengthen(self):
        """Adds copies of a sealed segment, made large, and one that is open, with a higher number than all."""
        folder = pathlib.Path(self.events_folder)
        segments = sorted(folder.glob("segment-*.sqlite"))
        model, count = segments[0], max(1, int(self.options.gib * 4))
        large = folder / "large"
        shutil.copyfile(model, large)
        database = sqlite3.connect(large)
        columns = [row[1] for row in database.execute("PRAGMA table_info(batch)") if row[1] != "id"]
        names = ", ".join(columns)
        rows, size = database.execute("SELECT count(*), sum(length(payload)) FROM batch").fetchone()
        # From one batch after another, over and over, until there is enough.
        steps = self.segment * rows // size
        database.execute(f"WITH RECURSIVE step(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM step WHERE n < {steps}) "
                         f"INSERT INTO batch ({names}) "
                         f"SELECT {names} FROM step JOIN batch ON batch.id = n % {rows} + 1")
        database.execute("UPDATE total SET last_id = (SELECT max(id) FROM batch)")
        database.commit()
        made = []
        for number in range(1000, 1000 + count):
            database.execute("UPDATE segment SET number = ?", (number,))
            if number == 999 + count:
                database.execute("UPDATE segment SET sealed_at = NULL")
                database.execute("DELETE FROM total")
            database.commit()
            made.append(folder / f"segment-{number:08}.sqlite")
            shutil.copyfile(large, made[-1])
        database.close()
        large.unlink()
        # What was copied is not to be written while the start is measured.
        os.sync()
        return made
