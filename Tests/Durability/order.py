# Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
"""EV-1 from the order of calls: the sync that covers a batch has returned before the first byte of its 202 leaves."""

import collections
import re
import struct
import time

from case import Case, expect
from posters import client_time

RECORD = struct.Struct("<cB46sqq")


def records(path):
    """Kind, failed, id, offset or descriptor, bytes of each call."""
    with open(path, "rb") as file:
        while head := file.read(RECORD.size):
            kind, failed, name, place, length = RECORD.unpack(head)
            carries = kind in b"wa"
            yield kind.decode(), bool(failed), name.rstrip(b"\0").decode(), place, file.read(length) if carries else b""


class Order(Case):
    """No kill: every answer is looked at."""

    name, only, has_trace = "order of write, fdatasync and 202", "/events", True

    def run(self):
        self.prepare(count=8)
        self.launch(self.disk)
        time.sleep(self.options.seconds)
        self.posters.stop()
        self.server.kill()
        self.runs = self.prove()
        return self.finish()

    def prove(self):
        """How many answers were looked at."""
        # Which batch an answer is for: the requests of a connection are answered in their order.
        waiting = {port: collections.deque(tokens) for port, tokens in self.posters.ports.items()}
        # The client's time of each batch, as SQLite writes an integer of 48 bits into the row.
        batches = {client_time(token).to_bytes(6, "big"): token for token in self.ledger.sizes}
        starts = re.compile(b"|".join(sorted({re.escape(number[:3]) for number in batches})), re.DOTALL)
        syncing, written, covered = {}, collections.defaultdict(set), set()
        syncs, answers, calls = 0, 0, collections.Counter()
        for kind, failed, name, place, data in records(self.disk.trace):
            calls[kind] += 1
            if kind == "w" and not failed:
                for match in starts.finditer(data):
                    token = batches.get(data[match.start():match.start() + 6])
                    if token is not None and token not in covered:
                        written[name].add(token)
            elif kind == "s":
                # What is written from here on is not covered by this sync; two may go on at once.
                syncing[name, place] = set(written[name])
            elif kind == "S":
                covers = syncing.pop((name, place), set())
                if failed:
                    continue
                syncs += bool(covers)
                covered |= covers
                written[name] -= covered
            elif kind == "a" and name in waiting:
                token = waiting[name].popleft()
                if data.startswith(b"HTTP/1.1 202"):
                    answers += 1
                    expect(token in covered, f"the 202 for batch {token} leaves before a sync covers it")
        came = len(self.ledger.acknowledged)
        expect(answers == came, f"{answers} answers were seen, {came} came")
        self.remarks.append(f"{answers} times 202, each after its sync; {syncs} syncs covered {len(covered)} batches; "
                            f"{calls['w']} writes")
        return answers
