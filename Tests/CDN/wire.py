# Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1 on bare sockets: clients that may send what no library would, and a crowd of them at once."""

import asyncio
import dataclasses
import gzip
import hashlib
import re
import socket
import time

TIMEOUT = 30


@dataclasses.dataclass
class Answer:
    """What came back: status 0 if the connection was closed without an answer."""

    status: int
    fields: list
    body: bytes
    seconds: float

    def field(self, name):
        return ", ".join(value for key, value in self.fields if key.lower() == name)

    @property
    def tag(self):
        return self.field("etag").removeprefix("W/").strip('"')

    @property
    def text(self):
        """The body without its encoding."""
        return gzip.decompress(self.body) if self.field("content-encoding") == "gzip" else self.body

    @property
    def is_whole(self):
        """Whether the tag is the hash of the body that it came with, in the encoding that it names."""
        suffix = "-gzip" if self.field("content-encoding") == "gzip" else ""
        return self.tag == hashlib.sha256(self.text).hexdigest() + suffix


def head(method, target, fields=(), host="flags.example"):
    lines = [f"{method} {target} HTTP/1.1"] + ([f"Host: {host}"] if host is not None else [])
    return ("\r\n".join(lines + [f"{name}: {value}" for name, value in fields]) + "\r\n\r\n").encode("latin-1")


class Reader:
    """Takes messages from a socket."""

    def __init__(self, connection):
        self.connection, self.rest = connection, b""

    def more(self):
        data = self.connection.recv(65536)
        self.rest += data
        return bool(data)

    def drain(self, quiet=0.25):
        """Takes what is on its way, until nothing more comes for a while."""
        patience = self.connection.gettimeout()
        self.connection.settimeout(quiet)
        try:
            while self.connection.recv(65536):
                pass
        except TimeoutError:
            pass
        finally:
            self.connection.settimeout(patience)
            self.rest = b""

    def until(self, mark):
        while mark not in self.rest:
            if not self.more():
                return None
        found, self.rest = self.rest.split(mark, 1)
        return found

    def exactly(self, count):
        while len(self.rest) < count:
            if not self.more():
                break
        found, self.rest = self.rest[:count], self.rest[count:]
        return found

    def chunks(self):
        while (line := self.until(b"\r\n")) is not None:
            size = int(line.split(b";")[0], 16)
            if size == 0:
                self.until(b"\r\n")
                return
            yield self.exactly(size)
            self.exactly(2)

    def answer(self, method, start, body=True):
        top = self.until(b"\r\n\r\n")
        if top is None:
            return Answer(0, [], b"", time.monotonic() - start)
        lines = top.decode("latin-1").split("\r\n")
        answer = Answer(
            int(lines[0].split(" ")[1]), [tuple(p.strip() for p in x.split(":", 1)) for x in lines[1:]], b"", 0
        )
        if body and method != "HEAD" and answer.status not in (204, 304):
            if "chunked" in answer.field("transfer-encoding"):
                answer.body = b"".join(self.chunks())
            elif length := answer.field("content-length"):
                answer.body = self.exactly(int(length))
            else:
                while self.more():
                    pass
                answer.body, self.rest = self.rest, b""
        answer.seconds = time.monotonic() - start
        return answer


class Client:
    """One connection, kept alive."""

    def __init__(self, port, source="127.0.0.1", timeout=TIMEOUT):
        self.connection = socket.create_connection(("127.0.0.1", port), timeout, (source, 0))
        self.reader = Reader(self.connection)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()

    def ask(self, method, target, fields=(), body=b"", host="flags.example", wait=True):
        start = time.monotonic()
        fields = list(fields) + ([("Content-Length", len(body))] if body else [])
        try:
            self.connection.sendall(head(method, target, fields, host) + body)
        except ConnectionError:
            pass  # a refusal may come before the body is sent
        try:
            return self.reader.answer(method, start, wait)
        except (ConnectionError, socket.timeout):
            return Answer(0, [], b"", time.monotonic() - start)


def ask(port, method, target, fields=(), body=b"", host="flags.example", source="127.0.0.1", timeout=TIMEOUT):
    with Client(port, source, timeout) as client:
        return client.ask(method, target, fields, body, host)


def raw(port, data, timeout=2):
    """All that comes back for some bytes within a time."""
    with Client(port, timeout=timeout) as client:
        client.connection.sendall(data)
        got = b""
        try:
            while data := client.connection.recv(65536):
                got += data
        except (ConnectionError, socket.timeout):
            pass
        return got


def crowd(port, target, count, fields=()):
    """Many clients: all connect, then all ask at the same moment. Their answers."""

    async def one(everyone, start):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 24)
        everyone.append(1)
        await start.wait()
        begun = time.monotonic()
        writer.write(head("GET", target, fields))
        try:
            async with asyncio.timeout(TIMEOUT):
                data = await reader.readuntil(b"\r\n\r\n")
                if length := re.search(rb"(?i)\ncontent-length: *(\d+)", data):
                    data += await reader.readexactly(int(length[1]))
                else:
                    data += await reader.readuntil(b"\r\n0\r\n\r\n")
        except (OSError, EOFError, TimeoutError):
            data = b""
        seconds = time.monotonic() - begun
        writer.close()
        return data, seconds

    async def together():
        start, everyone = asyncio.Event(), []
        tasks = []
        for _ in range(count):
            tasks.append(asyncio.create_task(one(everyone, start)))
            if len(tasks) % 100 == 0:
                await asyncio.sleep(0.01)
        while len(everyone) < count:
            await asyncio.sleep(0.01)
        start.set()
        return await asyncio.gather(*tasks)

    answers = []
    for data, seconds in asyncio.run(together()):
        reader = Reader(_Ended())
        reader.rest = data
        answers.append(reader.answer("GET", 0))
        answers[-1].seconds = seconds
    return answers


class _Ended:
    def recv(self, _):
        return b""
