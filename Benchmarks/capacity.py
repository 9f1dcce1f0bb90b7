# Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
"""The whole clustered stack at a small part of a load, and what it counts beside what `floodgate capacity` says."""
import argparse
import gzip
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import batches

NEAR = 0.20


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def brokers(folder):
    """Three brokers in a cluster, and the ports that clients use."""
    program = shutil.which("nats-server", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if program is None:
        sys.exit("error: there is no nats-server; install the package nats-server")
    ports = free_ports(6)
    routes = ",".join(f"nats://127.0.0.1:{port}" for port in ports[3:])
    running = []
    for number in range(3):
        running.append(subprocess.Popen(
            [program, "-js", "-sd", f"{folder}/broker-{number}", "-n", f"b{number}", "-a", "127.0.0.1", "-p", str(ports[number]),
             "--cluster_name", "c", "--cluster", f"nats://127.0.0.1:{ports[3 + number]}", "--routes", routes],
            stdout=subprocess.DEVNULL, stderr=open(f"{folder}/broker-{number}.log", "w")))
    return running, ports[:3]


def metrics(port, key):
    import urllib.request
    request = urllib.request.Request(f"http://127.0.0.1:{port}/metrics")
    found = {}
    for line in urllib.request.urlopen(request).read().decode().splitlines():
        name, _, value = line.rpartition(" ")
        if name and not line.startswith("#"):
            found[name] = float(value)
    return found


def post(port, sent):
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(sent)
        answer = connection.recv(65536)
    return answer.startswith(b"HTTP/1.1 202")


def stored(folder):
    return sum(path.stat().st_size for path in pathlib.Path(folder).rglob("*.parquet"))


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--program", required=True)
    options.add_argument("--events-per-day", type=float, default=3e11)
    options.add_argument("--part", type=float, default=10_000)
    options.add_argument("--seconds", type=float, default=90)
    options.add_argument("--warehouse")
    given = options.parse_args()
    part = given.events_per_day / given.part
    said = json.loads(subprocess.check_output(
        [given.program, "capacity", "--events-per-day", str(part), "--partitions", "1", "--replicas", "1", "--json"]))
    flows = {flow["name"]: flow["average"] for flow in said["flows"]}

    folder = tempfile.mkdtemp(prefix="floodgate-capacity-")
    running, ports = brokers(folder)
    server = None
    try:
        port = free_ports(1)[0]
        address = ",".join(f"127.0.0.1:{each}" for each in ports)
        arguments = [given.program, "serve", "--data", f"{folder}/data", "--demo", "--listen", f"127.0.0.1:{port}",
                     "--events", f"nats://{address}?replicas=3&partitions=1&size=1GiB"]
        if given.warehouse:
            arguments += ["--warehouse", given.warehouse]
        server = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=open(f"{folder}/server.log", "w"))
        deadline = time.time() + 60
        key = None
        while key is None and time.time() < deadline:
            time.sleep(0.5)
            if os.path.exists(f"{folder}/data/initial-keys.json"):
                found = subprocess.run([given.program, "keys", "list", "--data", f"{folder}/data", "--json"], capture_output=True)
                key = next((each["key"] for each in json.loads(found.stdout or "[]") if each["kind"] == "server"), None)
        warm = batches.request(key, gzip.compress(batches.body("warm", 10)), keep=False)
        while not post(port, warm):
            if time.time() > deadline:
                sys.exit(f"error: the server takes no events; see {folder}/server.log")
            time.sleep(1)
        time.sleep(8)

        before, size = metrics(port, key), stored(f"{folder}/data/warehouse")
        chance = random.Random(1)
        start, sent, size_sent = time.time(), 0, 0
        while time.time() < start + given.seconds:
            # Requests come when they come: an exponential pause around the mean.
            time.sleep(min(chance.expovariate(flows["intake requests"]), 30))
            content = gzip.compress(batches.body(f"{start} {sent}", 1_000))
            if not post(port, batches.request(key, content, keep=False)):
                sys.exit(f"error: a batch was refused; see {folder}/server.log")
            sent += 1
            size_sent += len(content)
        elapsed = time.time() - start
        time.sleep(12)
        after = metrics(port, key)

        def rate(name):
            return (after.get(name, 0) - before.get(name, 0)) / elapsed

        log = subprocess.check_output([given.program, "events", "count", "--data", f"{folder}/data", "--json"])
        # What chance sent is what the model is asked about: its averages are for any load.
        scale = sent / elapsed / flows["intake requests"]
        measured = {
            "events": rate("events_accepted_total"),
            "intake requests": rate("events_requests_accepted_total"),
            "intake bytes": size_sent / elapsed,
            "log bytes": json.loads(log)["stored_bytes"] / elapsed,
            "transport messages": rate("transport_published_total"),
            "rows loaded": rate("events_loaded_total"),
            "blocks loaded": rate("warehouse_blocks_total"),
        }
        if not given.warehouse:
            measured["warehouse bytes"] = (stored(f"{folder}/data/warehouse") - size) / elapsed
        print(f"{given.events_per_day:g} events a day at 1/{given.part:g}, {elapsed:.0f} s, {sent} requests\n")
        print("| flow | model | measured | ratio |\n| --- | --- | --- | --- |")
        far = []
        for name, value in measured.items():
            expected = flows[name] * scale
            if name == "blocks loaded":
                expected = 1 / (5 + elapsed / sent)
            ratio = value / expected
            if abs(ratio - 1) > NEAR:
                far.append(name)
            print(f"| {name} | {expected:,.3f} | {value:,.3f} | {ratio:.2f} |")
        print(f"\n{'All within' if not far else ', '.join(far) + ': not within'} {NEAR:.0%}.")
        sys.exit(1 if far else 0)
    finally:
        for process in ([server] if server else []) + running:
            process.send_signal(signal.SIGTERM)
        for process in ([server] if server else []) + running:
            process.wait(timeout=40)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
