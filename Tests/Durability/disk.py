# Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
"""The harness's side of disk.c: faults while a server runs, and what a loss of power leaves of its folder."""

import ctypes
import errno
import mmap
import os
import pathlib
import shutil
import stat
import struct
import subprocess

SECTOR = 512
FIELDS = ("sync_errno", "sync_failures", "sync_per_million", "write_errno", "write_failures", "write_per_million",
          "short_per_million", "kill_in", "seconds_ahead", "sync_microseconds", "open_errno")
COUNTERS = ("syncs", "failed_syncs", "writes", "failed_writes", "short_writes", "names")
PLACES = {name: place for place, name in enumerate(FIELDS)} | {name: 16 + place for place, name in enumerate(COUNTERS)}
EIO, ENOSPC = errno.EIO, errno.ENOSPC


def build(folder):
    """Compiles the disk; the file to preload."""
    preload, here = pathlib.Path(folder) / "disk.so", pathlib.Path(__file__).parent
    sources = [here / name for name in ("disk.c", "calls.c", "sync.c")]
    subprocess.run(["cc", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-fvisibility=hidden", "-pthread",
                    "-o", preload, *sources], check=True)
    return preload


class Disk:
    """A folder whose disk can be told to fail; its fields are those of `enum field` in disk.h."""

    def __init__(self, preload, root, work, only="", has_shadow=False, has_trace=False):
        self.preload, self.root, self.only = preload, os.path.realpath(root), only
        os.makedirs(self.root, exist_ok=True)
        os.makedirs(work, exist_ok=True)
        self.control = f"{work}/control"
        self.shadow = f"{work}/shadow" if has_shadow else None
        self.trace = f"{work}/trace" if has_trace else None
        with open(self.control, "wb") as file:
            file.write(bytes(512))
        with open(self.control, "r+b") as file:
            self.page = mmap.mmap(file.fileno(), 512)
        if has_shadow:
            self.keep_all()

    def __getattr__(self, name):
        if name not in PLACES:
            raise AttributeError(name)
        return struct.unpack_from("<q", self.page, PLACES[name] * 8)[0]

    def __setattr__(self, name, value):
        if name in PLACES:
            struct.pack_into("<q", self.page, PLACES[name] * 8, value)
        else:
            super().__setattr__(name, value)

    def heal(self):
        """Ends all faults."""
        for name in FIELDS:
            if name != "seconds_ahead":
                setattr(self, name, 0)

    @property
    def environment(self):
        values = {"LD_PRELOAD": self.preload, "FAULTY_DISK_ROOT": self.root, "FAULTY_DISK_CONTROL": self.control,
                  "FAULTY_DISK_ONLY": self.only, "FAULTY_DISK_SHADOW": self.shadow,
                  "FAULTY_DISK_TRACE": self.trace}
        return {name: str(value) for name, value in values.items() if value}

    # What a loss of power leaves

    def keep_all(self):
        """All that is in the folder counts as synced."""
        shutil.rmtree(self.shadow, ignore_errors=True)
        for kind in ("content", "names", "dirty"):
            os.makedirs(f"{self.shadow}/{kind}")
        for folder, _, files in os.walk(self.root):
            with open(f"{self.shadow}/names/{identity(folder)}", "w", encoding="utf-8") as listing:
                listing.writelines(lines(folder))
            for name in files:
                path = f"{folder}/{name}"
                if not name.endswith("-shm"):
                    shutil.copyfile(path, f"{self.shadow}/content/{identity(path)}")

    def lose_power(self, random=None):
        """Makes the folder what its disk held; with `random`, some of what was not synced is there as well.

        Call it when the server is dead.
        """
        live = {}
        if random:
            for folder, _, files in os.walk(self.root):
                live |= {identity(f"{folder}/{name}"): f"{folder}/{name}" for name in files}
        after = f"{self.root}.after"
        shutil.rmtree(after, ignore_errors=True)
        self.restore(self.root, after, live, random)
        shutil.rmtree(self.root)
        os.rename(after, self.root)
        self.keep_all()

    def restore(self, folder, target, live, random, listing=None):
        os.makedirs(target)
        if listing is None:
            listing = f"{self.shadow}/names/{identity(folder)}"
        entries = []
        if os.path.exists(listing):
            with open(listing, encoding="utf-8") as file:
                entries = file.read().splitlines()
        if random and os.path.isdir(folder) and random.random() < 0.5:
            entries = [line.rstrip("\n") for line in lines(folder)]
        for entry in entries:
            kind, mode, key, name = entry.split(" ", 3)
            path = f"{target}/{name}"
            if kind == "d":
                self.restore(f"{folder}/{name}", path, live, random, f"{self.shadow}/names/{key}")
            elif not name.endswith("-shm"):
                content = self.content(key, live, random)
                with open(path, "wb") as file:
                    file.write(content)
            else:
                continue
            os.chmod(path, int(mode, 8))

    def content(self, key, live, random):
        path = f"{self.shadow}/content/{key}"
        synced = read(path) if os.path.exists(path) else b""
        if not random or key not in live:
            return synced
        written = read(live[key])
        size = random.choice((len(synced), len(written), random.randint(*sorted((len(synced), len(written))))))
        mixed = bytearray(max(size, len(synced)))
        mixed[:len(synced)] = synced
        share = random.choice((0.05, 0.5, 0.95))
        for start in range(0, size, SECTOR):
            part = written[start:start + SECTOR]
            if mixed[start:start + len(part)] != part and random.random() < share:
                mixed[start:start + len(part)] = part
        return bytes(mixed[:size])


def read(path):
    with open(path, "rb") as file:
        return file.read()


def lines(folder):
    """The names in a folder, as disk.c writes them down."""
    for entry in os.scandir(folder):
        status = entry.stat(follow_symlinks=False)
        kind = "d" if stat.S_ISDIR(status.st_mode) else "f"
        yield f"{kind} {stat.S_IMODE(status.st_mode):o} {identity(entry.path)} {entry.name}\n"


LIBC = ctypes.CDLL(None, use_errno=True)


def identity(path):
    """Inode and time of birth, as disk.c names a file."""
    buffer = ctypes.create_string_buffer(256)
    if LIBC.statx(-100, os.fsencode(path), 0x100, 0xFFF, buffer) != 0:
        raise OSError(ctypes.get_errno(), "statx", path)
    inode, = struct.unpack_from("<Q", buffer, 32)
    seconds, nanoseconds = struct.unpack_from("<qI", buffer, 80)
    return f"{inode}-{seconds * 1_000_000_000 + nanoseconds}"
