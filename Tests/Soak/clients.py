# Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
"""Clients whose events are known by a number: what they sent, in which batches, and what was acknowledged."""

import gzip
import json
import random
import time

import zstandard

from posters import Posters

# What is left out of a batch, and why.
BAD = (7, None, "text", {"time": 1}, {"eventName": 5}, {"eventName": ""}, {"eventName": "purchase", "time": "soon"},
       {"eventName": "purchase", "value": {"nested": True}})
# The demo project has these, and not those.
GATES = ("new_checkout", "free_shipping", "no_such_gate", "another_gate_that_nobody_made")


class Clients(Posters):
    """Each has a sequence of events, and sends a window of it at a time: mostly the next, sometimes one that lies across
    batches that were sent already."""

    def __init__(self, server, ledger, pause, **options):
        self.pause_seconds, self.since = pause, int(time.time() * 1000)
        # By token: the client's number, and from where to where its window goes.
        self.windows = {}
        self.ends, self.bad_events = {}, 0
        super().__init__(server, ledger, **options)

    def message(self, token, size, chance):
        time.sleep(chance.expovariate(1 / self.pause_seconds))
        client = int(token.split(".")[-2])
        end = self.ends.get(client, 0)
        again = end > 0 and chance.random() < 0.3
        start = chance.randrange(end) if again else end
        if again:
            # Across the bounds of what was sent before, and no further than that.
            size = min(size, end - start)
        events = [self.event(client, number) for number in range(start, start + size)]
        if chance.random() < 0.1:
            for _ in range(chance.randint(1, 5)):
                events.insert(chance.randint(0, len(events)), chance.choice(BAD))
        with self.ledger.lock:
            self.ends[client] = max(end, start + size)
            self.windows[token] = (client, start, start + size)
            self.ledger.sizes[token] = size
            self.bad_events += len(events) - size
        body = json.dumps({"events": events, "statsigMetadata": {
            "sdkType": "soak", "sdkVersion": "1.0.0", "sessionID": f"session-{client}"}}).encode()
        headers = {"STATSIG-API-KEY": self.server.key, "Content-Type": "application/json",
                   "statsig-client-time": str(int(time.time() * 1000))}
        encoding = chance.choice(self.encodings)
        if encoding != "plain":
            body = gzip.compress(body, 1) if encoding == "gzip" else zstandard.compress(body)
            headers["Content-Encoding"] = encoding
        return body, headers

    def event(self, client, number):
        """The same event each time it is asked for."""
        user = {"userID": f"u.{client}.{number}", "country": "DE", "customIDs": {"companyID": f"c{number % 500}"}}
        chance = random.Random(client * 1_000_003 + number)
        head = {"time": self.since + number, "user": user}
        if chance.random() < 0.6:
            gate = chance.choice(GATES)
            return head | {"eventName": "statsig::gate_exposure", "value": None, "secondaryExposures": [], "metadata": {
                "gate": gate, "gateValue": chance.choice(("true", "false")), "ruleID": f"rule_{number % 3}",
                "reason": "Network:Recognized"}}
        return head | {"eventName": chance.choice(("page_view", "add_to_cart", "purchase")), "value": number % 1000 / 10,
                       "metadata": {"page": f"/p/{number % 977}", "sku": f"SKU{chance.randrange(10 ** 6):06}"}}

    def acknowledged(self):
        """By client a byte for each event that was ever sent: 1 if it was acknowledged."""
        with self.ledger.lock:
            marks = {client: bytearray(end) for client, end in self.ends.items()}
            for token in self.ledger.acknowledged:
                client, start, end = self.windows[token]
                marks[client][start:end] = b"\1" * (end - start)
        return marks
