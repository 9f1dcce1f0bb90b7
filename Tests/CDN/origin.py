# Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
"""The origin as a cache sees it: a front that counts, delays, fails and judges, before a stub or a real server."""

import base64
import collections
import gzip
import hashlib
import http.client
import json
import re
import socket
import socketserver
import subprocess
import threading
import time
import urllib.parse

import caches
import wire

Seen = collections.namedtuple("Seen", "method target fields body_size")
Reply = collections.namedtuple("Reply", "status fields body")

DELIVERY = re.compile(r"^/delivery/v1/(?:objects/[0-9a-f]{64}|[A-Za-z0-9_-]+(?:/manifest|/kill)?)$")
# What may reach the origin with a request for something that is cached; all else would be outside of the cache's key.
EXPECTED = {"host", "accept-encoding", "if-none-match", "if-modified-since", "connection", "x-varnish", "via"}
HEALTH = ("/readyz", "/readyz/intake", "/livez")
EVENTS = ("/v1/log_event", "/v1/rgstr", "/v1/log_custom_exposure", "/v1/webhooks/event_webhook", "/edge/v1/events")
EVIL = "evil"  # in every field that the tests send to poison a cache


class Stub:
    """A Floodgate of a few routes, for as long as there is no other."""

    def __init__(self):
        self.delivery_id, self.unknown_id, self.key = "dlv_3kTq0VdXxW9bYh2nP5sJ7g", "dlv_nobody", "secret-9aXkWz4xQ1"
        self.objects, self.ids, self.opened, self.condition = {}, {self.delivery_id}, set(), threading.Condition()
        self.version, self.signature = 0, lambda size: base64.urlsafe_b64encode(bytes(size)).decode().rstrip("=")
        self.publish()

    def publish(self):
        with self.condition:
            self.version += 1
            document = {"version": self.version, "filler": [hashlib.md5(b"%d" % i).hexdigest() for i in range(1500)]}
            self.payload = json.dumps(document).encode()
            self.tag = hashlib.sha256(self.payload).hexdigest()
            self.objects[self.tag] = self.payload
            self.condition.notify_all()
        return self.tag

    def stream(self):
        held = 0
        while True:
            with self.condition:
                self.condition.wait_for(lambda: self.version != held, 20)
                held = self.version
            yield b"event: specs\ndata: %d\n\n" % held

    def answer(self, seen, body):
        path, _, query = seen.target.partition("?")
        fields = dict((name.lower(), value) for name, value in seen.fields)
        if path in HEALTH:
            return Reply(200, [], b"ok\n")
        if path.endswith("stream") or path == "/v2/stream_config_specs":
            kind = [("Content-Type", "text/event-stream"), ("Cache-Control", "no-store"), ("X-Accel-Buffering", "no")]
            return Reply(200, kind, self.stream())
        if not path.startswith("/delivery/"):
            echo = {"target": seen.target, "size": len(body), "version": self.version, "fields": seen.fields}
            return Reply(200, [("Cache-Control", "private, no-cache"), ("ETag", '"x"')], json.dumps(echo).encode())
        parts = path.split("/")[3:]
        known = [("Access-Control-Allow-Origin", "*"), ("Content-Type", "application/json")]
        if query or not DELIVERY.match(path):
            return Reply(400, [("Cache-Control", "no-store")], b"{}")
        if parts[0] == "objects":
            payload = self.objects.get(parts[1])
            known.append(("Cache-Control", "public, max-age=31536000, immutable"))
        else:
            payload = self.payload if parts[0] in self.ids else None
        if payload is None:
            return Reply(404, [("Cache-Control", "public, max-age=10")], b"{}")
        if parts[1:] == ["manifest"] or parts[1:] == ["kill"]:
            seconds = 5 if parts[1] == "manifest" else 2
            payload = json.dumps({"seq": self.version, "kind": parts[1]}).encode()
            known.append(("Cache-Control", f"public, s-maxage={seconds}, stale-if-error=86400"))
        elif len(parts) == 1:
            known.append(
                ("Cache-Control", "public, max-age=10, s-maxage=10, stale-while-revalidate=30, " "stale-if-error=86400")
            )
            for name, size in (("manifest", 300), ("signature", 64), ("key-set", 675)):
                known.append((f"floodgate-{name}", self.signature(size)))
        tag = hashlib.sha256(payload).hexdigest()
        if len(parts) == 1 or parts[0] == "objects":
            known.append(("Vary", "Accept-Encoding"))
            if "gzip" in fields.get("accept-encoding", ""):
                payload, tag = gzip.compress(payload, 1, mtime=0), tag + "-gzip"
                known.append(("Content-Encoding", "gzip"))
        known.append(("ETag", f'"{tag}"'))
        if fields.get("if-none-match") == f'"{tag}"':
            return Reply(304, known, b"")
        return Reply(200, known, payload)


class Real:
    """A running server, behind the same face as the stub."""

    def __init__(self, url, delivery_id, key, publish):
        parts = urllib.parse.urlsplit(url)
        self.host, self.port = parts.hostname, parts.port or 80
        self.delivery_id, self.unknown_id, self.key, self.command = delivery_id, "dlv_nobody", key, publish
        self.enabled = True
        # Caches are tested side by side, and share the gate.
        self.lock = threading.Lock()

    def publish(self):
        with self.lock:
            return self.toggle()

    def toggle(self):
        before = self.current()
        self.enabled = not self.enabled
        state = "enable" if self.enabled else "disable"
        subprocess.run(self.command.replace("{state}", state), shell=True, check=True, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while (tag := self.current()) == before:
            if time.monotonic() > deadline:
                raise RuntimeError("the origin has the same document 20 s after a publish")
            time.sleep(0.05)
        return tag

    def current(self):
        return wire.ask(self.port, "GET", f"/delivery/v1/{self.delivery_id}").tag

    @property
    def tag(self):
        return self.current()

    def answer(self, seen, body):
        connection = http.client.HTTPConnection(self.host, self.port, timeout=100)
        connection.putrequest(seen.method, seen.target, skip_host=True, skip_accept_encoding=True)
        for name, value in seen.fields:
            if name.lower() not in ("connection", "transfer-encoding", "content-length"):
                connection.putheader(name, value)
        if body or seen.method == "POST":
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body or None)
        response = connection.getresponse()
        hop = ("connection", "transfer-encoding", "content-length", "keep-alive")
        fields = [(name, value) for name, value in response.getheaders() if name.lower() not in hop]
        if response.getheader("content-length") is None and seen.method != "HEAD" and response.status == 200:
            return Reply(response.status, fields, iter(lambda: response.read1(65536), b""))
        data = response.read()
        connection.close()
        return Reply(response.status, fields, data)


class Front:
    """Listens for one cache. Its settings are the faults; its record is what the tests count."""

    def __init__(self, source):
        self.source, self.port, self.server = source, caches.free_port(), None
        self.calm()
        self.seen, self.breaches, self.open, self.lock = [], [], set(), threading.Lock()
        self.chunk_at = 0.0
        self.start()

    def calm(self):
        self.delay, self.status, self.forced = 0.0, None, None
        self.takes_events = True  # or else as a server whose disk is full
        self.lifetime = 1  # seconds, in place of those of the answers, so that a test need not wait for 10 s

    def start(self):
        front = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                front.serve(self.request)

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address, daemon_threads, block_on_close, request_queue_size = True, True, False, 4096

            def handle_error(self, *_):
                pass

        self.server = Server(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        with self.lock:
            for connection in list(self.open):
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def count(self, prefix="/"):
        with self.lock:
            return sum(1 for seen in self.seen if seen.target.startswith(prefix))

    def forget(self):
        with self.lock:
            self.seen.clear()

    def serve(self, connection):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self.lock:
            self.open.add(connection)
        try:
            reader = wire.Reader(connection)
            while (top := reader.until(b"\r\n\r\n")) is not None:
                if not self.exchange(connection, reader, top.decode("latin-1")):
                    break
        except (OSError, ValueError):
            pass
        finally:
            with self.lock:
                self.open.discard(connection)
            connection.close()

    def exchange(self, connection, reader, top):
        lines = top.split("\r\n")
        method, target, _ = lines[0].split(" ", 2)
        fields = [tuple(part.strip() for part in line.split(":", 1)) for line in lines[1:] if ":" in line]
        names = collections.Counter(name.lower() for name, _ in fields)
        framing = dict((name.lower(), value) for name, value in fields)
        if any(
            line[:1] in " \t" or ":" not in line or re.search(r"[\s\x00]", line.split(":")[0]) for line in lines[1:]
        ):
            self.breaches.append(f"malformed head reached the origin: {top!r}")
        if "transfer-encoding" in names and "content-length" in names or names["content-length"] > 1:
            self.breaches.append(f"two framings reached the origin: {top!r}")
        if names["host"] != 1:
            self.breaches.append(f"{names['host']} Host fields reached the origin: {top!r}")
        # Here the length wins, as in origins that are easily deceived.
        if "content-length" in framing:
            body = reader.exactly(int(framing["content-length"]))
        elif "transfer-encoding" in framing:
            body = b"".join(reader.chunks())
        else:
            body = b""
        seen = Seen(method, target, fields, len(body))
        with self.lock:
            if target not in HEALTH:
                self.seen.append(seen)
        cached = method in ("GET", "HEAD") and DELIVERY.match(target)
        if self.delay:
            time.sleep(self.delay)
        if not self.takes_events and target in (*EVENTS, "/readyz/intake"):
            reply = Reply(503, [("Retry-After", "30")], b'{"reasons":["storage_full"]}')
        elif self.status:
            reply = Reply(self.status, [], b"{}")
        else:
            reply = self.source.answer(seen, body)
        evil = EVIL in top.lower()
        if cached:
            if unexpected := [name for name in names if name not in EXPECTED]:
                self.breaches.append(f"fields outside the key reached the origin: {unexpected}")
            if evil or body:
                # The worst origin that there is: it believes, and says that it may be kept.
                self.breaches.append(f"poison reached the origin: {top!r}")
                reply = Reply(200, [("Cache-Control", "public, max-age=60")], b"POISONED")
        out = [(name, value) for name, value in reply.fields if name.lower() not in ("connection", "content-length")]
        if cached and "objects" not in target:
            out = [
                (
                    (name, re.sub(r"(max-?age)=\d+", rf"\g<1>={self.lifetime}", value))
                    if name.lower() == "cache-control"
                    else (name, value)
                )
                for name, value in out
            ]
        if self.forced:
            out = [(name, value) for name, value in out if name.lower() != self.forced[0].lower()] + [self.forced]
        goes_on = self.send(connection, method, reply._replace(fields=out))
        return goes_on and framing.get("connection", "").lower() != "close"

    def send(self, connection, method, reply):
        start = f"HTTP/1.1 {reply.status} Status\r\n" + "".join(f"{n}: {v}\r\n" for n, v in reply.fields)
        if isinstance(reply.body, bytes):
            length = "" if reply.status == 304 else f"Content-Length: {len(reply.body)}\r\n"
            connection.sendall((start + length + "\r\n").encode("latin-1") + (reply.body if method != "HEAD" else b""))
            return True
        connection.sendall((start + "Transfer-Encoding: chunked\r\n\r\n").encode("latin-1"))
        for part in reply.body:
            self.chunk_at = time.monotonic()
            connection.sendall(b"%x\r\n%b\r\n" % (len(part), part))
        connection.sendall(b"0\r\n\r\n")
        return True


class PurgeRelay:
    """Where a server sends PURGE; hands it on to the cache at `target`, and refuses it while there is none."""

    def __init__(self, port):
        self.target, self.count = None, 0
        relay = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                method, path, _ = self.rfile.readline().decode("latin-1").split(" ", 2)
                while self.rfile.readline().strip():
                    pass
                status = wire.ask(relay.target, method, path).status if relay.target else 405
                relay.count += relay.target is not None
                self.wfile.write(b"HTTP/1.1 %d Status\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % status)

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address, daemon_threads, block_on_close = True, True, False

        self.server = Server(("127.0.0.1", port), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
