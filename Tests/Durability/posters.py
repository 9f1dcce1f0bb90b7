# Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
"""Clients that post batches without end and note what became of each; the judge of what is in the log afterwards."""

import collections
import gzip
import http.client
import json
import pathlib
import random
import sqlite3
import threading
import time
import zlib

import zstandard

# Seconds after which the server gives up on a body of which hardly anything came (HTTPLimits.bodyGrace).
BODY_GRACE = 5


class Ledger:
    """What was sent, and what was said to it. A batch is known by `token`, an event by token and index."""

    def __init__(self):
        self.lock = threading.Lock()
        self.sizes, self.attempts, self.acknowledged = {}, collections.Counter(), {}
        self.statuses, self.oddities = collections.Counter(), []
        # Batches whose bytes were damaged on the disk, which may be there in part or not at all.
        self.exposed = set()
        self.slowest = 0.0

    def note(self, token, status, took, oddity=None):
        with self.lock:
            self.statuses[status] += 1
            if status == 202:
                self.acknowledged[token] = time.monotonic()
                self.slowest = max(self.slowest, took)
            if oddity:
                self.oddities.append(oddity)

    @property
    def events(self):
        return sum(self.sizes[token] for token in self.acknowledged)


class Posters:
    """Threads with a connection each, which they open again when it breaks."""

    def __init__(self, server, ledger, count=4, seed=0, largest=400, encodings=("plain", "gzip", "zstd"), resends=0.3):
        self.server, self.ledger, self.largest = server, ledger, largest
        self.encodings, self.resends = encodings, resends
        self.is_over, self.busy = False, set()
        self.may_post = threading.Event()
        self.may_post.set()
        # The batches that each port of a client sent, in order.
        self.ports = collections.defaultdict(list)
        names = [f"{seed}.{number}" for number in range(count)]
        self.threads = [threading.Thread(target=self.post, args=(name,), daemon=True) for name in names]
        for thread in self.threads:
            thread.start()

    def pause(self):
        """Returns when nothing is on its way any more."""
        self.may_post.clear()
        for thread in self.threads:
            while thread.is_alive() and self.busy:
                time.sleep(0.001)

    def go_on(self):
        self.may_post.set()

    def stop(self):
        """Returns when all threads have ended."""
        self.is_over = True
        self.may_post.set()
        for thread in self.threads:
            thread.join(60)

    def post(self, name):
        chance = random.Random(name)
        connection, port, number, again = None, None, 0, None
        while not self.is_over:
            self.busy.add(name)
            if not self.may_post.is_set():
                self.busy.discard(name)
                self.may_post.wait()
                continue
            if again is None:
                number += 1
                token = f"{name}.{number}"
                size = chance.randint(1, 5) if chance.random() < 0.5 else chance.randint(1, self.largest)
                with self.ledger.lock:
                    self.ledger.sizes[token] = size
                message = self.message(token, size, chance)
            else:
                token, message = again
                again = None
            with self.ledger.lock:
                self.ledger.attempts[token] += 1
            begin = time.monotonic()
            try:
                if connection is None:
                    connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=20)
                    connection.connect()
                    port = self.ports[str(connection.sock.getsockname()[1])]
                port.append(token)
                connection.request("POST", "/v1/log_event", *message)
                answer = connection.getresponse()
                body = answer.read()
                status, took = answer.status, time.monotonic() - begin
                self.ledger.note(token, status, took, self.oddity(answer, body, self.ledger.sizes[token], took))
                if answer.getheader("Connection") == "close":
                    connection.close()
                    connection = None
            except (OSError, http.client.HTTPException) as error:
                status = 0
                self.ledger.note(token, "timeout" if isinstance(error, TimeoutError) else "cut", 0)
                if connection is not None:
                    connection.close()
                connection = None
            if status != 202:
                if chance.random() < self.resends:
                    again = (token, message)
                time.sleep(0.004 if status == 0 else 0.02)

    def message(self, token, size, chance):
        noise = "".join(chance.choices("0123456789abcdefghijklmnopqrstuvwxyz", k=chance.choice((0, 20, 300))))
        events = [{"eventName": "durability", "time": int(time.time() * 1000), "user": {"userID": f"u-{index % 7}"},
                   "value": index, "metadata": {"id": f"{token}.{index}", "noise": noise}} for index in range(size)]
        body = json.dumps({"events": events}).encode()
        headers = {"STATSIG-API-KEY": self.server.key, "Content-Type": "application/json",
                   "statsig-client-time": str(client_time(token))}
        encoding = chance.choice(self.encodings)
        if encoding == "gzip":
            body = gzip.compress(body, 1)
        elif encoding == "zstd":
            body = zstandard.compress(body)
        if encoding != "plain":
            headers["Content-Encoding"] = encoding
        return body, headers

    @staticmethod
    def oddity(answer, body, size, took):
        """What is wrong with an answer, if anything."""
        status = answer.status
        if status == 202:
            said = json.loads(body)
            counted = said.get("accepted", 0) + said.get("duplicate", 0)
            return None if said.get("success") is True and counted == size else f"202 {body[:200]}"
        if status == 503:
            return None if answer.getheader("Retry-After") else f"503 without Retry-After: {body[:200]}"
        # On a machine with much else to do a poster may be slower than any body may come in.
        if status == 408 and took >= BODY_GRACE:
            return None
        return f"{status} {body[:200]}"


def client_time(token):
    """A number that stands in the batch's row as it is, so that the row is found again in bytes that were written."""
    poster, number = token.split(".")[-2:]
    return 1_700_000_000_000 + int(poster) * 1_000_000_000 + int(number)


def unpacked(payload):
    """A batch as JSON: kept as it came, in gzip or zstd, or written anew in zstd."""
    if payload[:2] == b"\x1f\x8b":
        return gzip.decompress(payload)
    return zstandard.ZstdDecompressor().decompressobj().decompress(payload)


class Found:
    """What is in a log: for each batch how often each event is there."""

    def __init__(self, folder, only=None, is_lenient=False):
        self.counts, self.batches, self.strange = {}, 0, []
        for path in sorted(pathlib.Path(folder).glob(only or "segment-*.sqlite")):
            if not path.is_file() or path.stat().st_size == 0:
                continue
            try:
                self.read(path, is_lenient)
            except sqlite3.DatabaseError:
                if not is_lenient:
                    raise

    def read(self, path, is_lenient):
        wal = pathlib.Path(f"{path}-wal")
        # Where no log is beside the file nothing is missing from it, and nothing is to be put there.
        how = "" if wal.exists() and wal.stat().st_size > 0 else "&immutable=1"
        database = sqlite3.connect(f"file:{path}?mode=ro{how}", uri=True)
        try:
            for count, payload in database.execute("SELECT event_count, payload FROM batch"):
                try:
                    identities = [event["metadata"]["id"].rsplit(".", 1) for event in
                                  json.loads(unpacked(payload))["events"]]
                except (ValueError, KeyError, TypeError, OSError, EOFError, zlib.error, zstandard.ZstdError):
                    if not is_lenient:
                        raise
                    continue
                self.batches += 1
                if len(identities) != count:
                    self.strange.append(f"{path.name}: {len(identities)} events where {count} are promised")
                for token, index in identities:
                    self.counts.setdefault(token, collections.Counter())[int(index)] += 1
        except sqlite3.OperationalError as error:
            # A file to which nothing was ever committed has no tables.
            if "no such table" not in str(error):
                raise
        finally:
            database.close()

    @property
    def events(self):
        return sum(sum(counts.values()) for counts in self.counts.values())

    def judge(self, ledger):
        """Acknowledged events that are lost, events that are there too often, and batches that are there in part."""
        lost = doubled = torn = 0
        self.lost = []
        for token, size in ledger.sizes.items():
            if token in ledger.exposed:
                continue
            counts = self.counts.get(token, {})
            copies = {counts.get(index, 0) for index in range(size)}
            if token in ledger.acknowledged:
                missing = sum(counts.get(index, 0) == 0 for index in range(size))
                lost += missing
                if missing:
                    self.lost.append(token)
            doubled += sum(max(0, count - ledger.attempts[token]) for count in counts.values())
            torn += len(copies) > 1
        unknown = set(self.counts) - set(ledger.sizes)
        return {"lost": lost, "doubled": doubled, "torn": torn + len(unknown) + len(self.strange)}
