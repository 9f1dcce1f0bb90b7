# Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
"""Batches of events as Statsig's server SDKs send them, and clients in processes of their own that post them."""
import gzip
import multiprocessing
import random
import re
import socket
import sys
import threading
import time

CONNECTIONS, BATCH, SMALL = 8, 1_000, 8
# Different batches that each connection posts in turn.
BODIES = 25
# Small batches that each process has under way at a time.
AT_ONCE = 8


def event(chance, now):
    unit = chance.randrange(200_000)
    country = chance.choice(("US", "GB", "DE", "JP", "BR"))
    user = (f'{{"userID":"user-{unit:06d}-{unit * 2654435761 % 2 ** 32:08x}","country":"{country}",'
            f'"appVersion":"{chance.randint(1, 5)}.{chance.randint(0, 9)}.{chance.randint(0, 20)}",'
            f'"statsigEnvironment":{{"tier":"production"}},"customIDs":{{"companyID":"c{unit % 5000:04d}"}}}}')
    at = now - chance.randrange(60_000)
    kind = chance.random()
    if kind < 0.6:
        gate = chance.randrange(200)
        rest = (f'"eventName":"statsig::gate_exposure","value":null,"metadata":{{"gate":"g{gate:05d}","gateValue":'
                f'"{chance.choice(("true", "false"))}","ruleID":"r_g{gate:05d}","reason":"Network:Recognized",'
                f'"lcut":"{now - 500_000}","receivedAt":"{at - 5_000}"}},"secondaryExposures":[]')
    elif kind < 0.75:
        experiment = chance.randrange(50)
        rest = (f'"eventName":"statsig::config_exposure","value":null,"metadata":{{"config":"e{experiment:05d}","ruleID":'
                f'"e{experiment:05d}_{unit % 3}","rulePassed":"true","configVersion":"3","reason":"Network:Recognized",'
                f'"lcut":"{now - 500_000}","receivedAt":"{at - 5_000}"}},"secondaryExposures":'
                '[{"gate":"segment:all_users","gateValue":"true","ruleID":"public"}]')
    else:
        name = chance.choice(("page_view", "add_to_cart", "checkout", "purchase", "search"))
        rest = (f'"eventName":"{name}","value":{chance.randrange(10_000) / 100},"metadata":{{"page":'
                f'"/p/{chance.randrange(10_000)}","sku":"SKU{chance.randrange(1_000_000):06d}","referrer":'
                f'"{chance.choice(("direct", "search", "email"))}"}},'
                '"secondaryExposures":null')
    return f'{{"user":{user},"time":{at},{rest}}}'


def body(seed, count):
    """A batch of `count` events that no other seed has, as JSON."""
    chance, now = random.Random(seed), int(time.time() * 1000)
    events = ",".join(event(chance, now) for _ in range(count))
    return (f'{{"events":[{events}],"statsigMetadata":{{"sdkType":"statsig-server-core-python","sdkVersion":"0.24.0",'
            f'"sessionID":"{chance.getrandbits(128):032x}","os":"linux","arch":"x86_64"}}}}').encode()


def request(key, content, keep=True):
    return (f"POST /v1/log_event HTTP/1.1\r\nHost: localhost\r\nstatsig-api-key: {key}\r\nContent-Type: application/json\r\n"
            f"Content-Encoding: gzip\r\n{'' if keep else 'Connection: close' + chr(13) + chr(10)}"
            f"Content-Length: {len(content)}\r\n\r\n").encode() + content


def requests(key, seeds, count, keep=True):
    return [request(key, gzip.compress(body(seed, count), 6), keep) for seed in seeds]


def answer(connection):
    """Status and body of one answer."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            raise ConnectionError("the server closed the connection")
        data += more
    head, rest = data.split(b"\r\n\r\n", 1)
    length = int(re.search(rb"(?i)content-length: *(\d+)", head).group(1))
    while len(rest) < length:
        rest += connection.recv(65536)
    return int(head[9:12]), rest


def dial(port):
    connection = socket.create_connection(("127.0.0.1", port), 30)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def post(port, sent, small, plan, pace, results):
    """Posts over one connection, or a new one each time; until `plan` seconds are over, or once all if it is a list.

    With a pace, seconds before the first batch and between two, batches are due by the clock, whatever becomes of those before,
    and their time runs from when they were due.
    """
    times, bad, is_list = [], 0, isinstance(plan, list)
    connection = None if small else dial(port)
    begin = time.perf_counter()
    for turn in range(len(sent) if is_list else sys.maxsize):
        start = begin + pace[0] + turn * pace[1] if pace else time.perf_counter()
        if not is_list and start - begin > plan:
            break
        if pace:
            time.sleep(max(0, start - time.perf_counter()))
        if small:
            connection = dial(port)
        connection.sendall(sent[turn % len(sent)])
        status, said = answer(connection)
        if small:
            connection.close()
        times.append(time.perf_counter() - start)
        bad += status != 202 or b'"rejected":[]' not in said
    results.append((times, bad, time.perf_counter() - begin))


def client(port, key, number, small, plan, pace, ready, go, results):
    """A process that posts over one connection, or over several at once if batches are small."""
    seeds = plan if isinstance(plan, list) else [f"{number}.{small}.{index}" for index in range(BODIES)]
    sent, found = requests(key, seeds, SMALL if small else BATCH, keep=not small), []
    threads = [threading.Thread(target=post, args=(port, sent, small, plan, pace, found)) for _ in range(AT_ONCE if small else 1)]
    ready.release()
    go.wait()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    results.put(found)


def load(server, small, plan, rate=None):
    """Posts over all connections at once, at `rate` batches a second if there is one; what it cost the server and how long
    batches took."""
    ready, go, results = multiprocessing.Semaphore(0), multiprocessing.Event(), multiprocessing.Queue()
    clients = []
    for number in range(CONNECTIONS):
        own = plan[number::CONNECTIONS] if isinstance(plan, list) else plan
        pace = (number / rate, CONNECTIONS / rate) if rate else None
        clients.append(multiprocessing.Process(
            target=client, args=(server.port, server.key, number, small, own, pace, ready, go, results)))
        clients[-1].start()
    for _ in clients:
        ready.acquire()
    before, bytes_before = server.own_cpu(), server.log_bytes()
    go.set()
    answers = [one for _ in clients for one in results.get(timeout=900)]
    spent = server.own_cpu() - before
    for one in clients:
        one.join()
    times = sorted(took for some, _, _ in answers for took in some)
    return {"requests": len(times), "events": len(times) * (SMALL if small else BATCH), "cpu": spent,
            "wall": max(wall for *_, wall in answers), "bad": sum(bad for _, bad, _ in answers),
            "p50_ms": times[len(times) // 2] * 1e3, "p99_ms": times[int(len(times) * 0.99)] * 1e3,
            "p999_ms": times[int(len(times) * 0.999)] * 1e3,
            "bytes": server.log_bytes() - bytes_before}
