#!/usr/bin/env python3
# Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
"""Makes a long ID list, adds one unit to it, and prints what that costs the store, the server, an edge and a client.

    lists.py --program FILE --bench FILE --folder FOLDER [--members COUNT]         (started by Scripts/bench-lists.sh)
"""
import argparse, json, os, resource, shutil, signal, socket, subprocess, sys, time, urllib.request


def note(*words):
    print(*words, file=sys.stderr, flush=True)


def memory(process, name="VmRSS"):
    with open(f"/proc/{process.pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(name + ":")) / 1024


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def ask(url, key, method="POST", headers={}):
    request = urllib.request.Request(url, method=method, headers={"statsig-api-key": key, **headers})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.read()


def until(isThere, seconds=120):
    begin = time.monotonic()
    while time.monotonic() - begin < seconds:
        try:
            if isThere():
                return time.monotonic() - begin
        except OSError:
            pass
        time.sleep(0.005)
    raise SystemExit("error: what was waited for did not come")


def folder_bytes(path):
    return sum(os.path.getsize(os.path.join(folder, name)) for folder, _, names in os.walk(path) for name in names)


def written(process):
    """What the process wrote, by the kernel's count of bytes handed to write calls."""
    with open(f"/proc/{process.pid}/io") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("wchar"))


class Running:
    def __init__(self, program, command, data, *more):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.begin = time.monotonic()
        self.process = subprocess.Popen(
            [program, command, "--data", data, "--listen", f"127.0.0.1:{self.port}", *more],
            stdout=subprocess.DEVNULL, stderr=open(data + ".log", "a"))
        self.start = until(lambda: urllib.request.urlopen(self.url + "/readyz", timeout=5).status == 200)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--program", required=True)
    options.add_argument("--bench", required=True)
    options.add_argument("--folder", required=True)
    options.add_argument("--members", type=int, default=10_000_000)
    options = options.parse_args()
    # The last one comes by itself.
    program, count = options.program, options.members - 1
    shutil.rmtree(options.folder, ignore_errors=True)
    os.makedirs(options.folder)
    data, edge_data = options.folder + "/server", options.folder + "/edge"
    rows = []

    def row(what, value):
        rows.append((what, value))
        note(f"{what}: {value}")

    def tool(*words):
        begin = time.monotonic()
        outcome = subprocess.run([program, *words, "--data", data], stdout=subprocess.PIPE, text=True, check=True)
        return outcome.stdout, time.monotonic() - begin

    if options.bench != "none":
        found = json.loads(subprocess.check_output([options.bench, "structure", str(count)]))
        row("list alone: members", f"{found['members']:,}")
        row("list alone: made from lines", f"{found['load_s']:.2f} s")
        row("list alone: memory, at most meanwhile", f"{found['resident_kb'] / 1024:.1f} MiB, {found['peak_kb'] / 1024:.1f} MiB")
        row("list alone: a check, hash included", f"{found['check_ns']:.0f} ns")
        row("list alone: one line more, beside a copy that is read", f"{found['addition_us']:.1f} µs")

    units = options.folder + "/units"
    with open(units, "w") as file:
        for start in range(0, count, 100_000):
            file.write("".join(f"user-{number}\n" for number in range(start, min(start + 100_000, count))))
    server = Running(program, "serve", data, "--demo")
    row("server without the list: memory", f"{memory(server.process):.0f} MiB")
    with open(data + "/initial-keys.json") as file:
        key = next(word for word in json.dumps(json.load(file)).split('"') if word.startswith("secret-"))

    def size(url=server.url):
        return json.loads(ask(url + "/v1/get_id_lists", key)).get("long", {}).get("size", 0)

    _, taken = tool("list", "create", "long", "--file", units)
    row("list create: all units from a file", f"{taken:.1f} s")
    row("served after", f"{until(lambda: size() == count * 10):.2f} s more")
    row("server: memory, at most", f"{memory(server.process):.0f} MiB, {memory(server.process, 'VmHWM'):.0f} MiB")

    edge_key = tool("keys", "create", "edge")[0].strip().splitlines()[-1]
    root = next(line.split()[-1] for line in tool("signing", "show")[0].splitlines() if line.startswith("Root key"))
    follow = ["--upstream", server.url, "--key", edge_key, "--root-key", root]
    edge = Running(program, "edge", edge_data, *follow)
    row("edge: first start, all fetched", f"{edge.start:.2f} s")
    row("edge: memory, at most", f"{memory(edge.process):.0f} MiB, {memory(edge.process, 'VmHWM'):.0f} MiB")
    time.sleep(2)

    if options.bench != "none":
        found = json.loads(subprocess.check_output([options.bench, "client", server.url, key]))
        row("client: start with all lists", f"{found['load_s']:.2f} s")
        row("client: memory, at most", f"{found['resident_kb'] / 1024:.0f} MiB, {found['peak_kb'] / 1024:.0f} MiB")

    disk, wrote = folder_bytes(edge_data), written(edge.process)
    blocks = resource.getrusage(resource.RUSAGE_CHILDREN).ru_oublock
    begin = time.monotonic()
    _, taken = tool("list", "add", "long", "one-more")
    blocks = resource.getrusage(resource.RUSAGE_CHILDREN).ru_oublock - blocks
    row("list add: one unit", f"{taken:.2f} s")
    until(lambda: size() == count * 10 + 10)
    at_server = time.monotonic() - begin - taken
    until(lambda: size(edge.url) == count * 10 + 10)
    row("after that, at the server, at the edge", f"{at_server * 1e3:.0f} ms, {(time.monotonic() - begin - taken) * 1e3:.0f} ms")
    file = json.loads(ask(edge.url + "/v1/get_id_lists", key))["long"]["fileID"]
    news = ask(f"{edge.url}/v1/download_id_list_file/{file}", key, "GET", {"range": f"bytes={count * 10}-"})
    row("one unit: bytes that a client fetches", len(news))
    time.sleep(1)
    row("one unit: bytes that the command wrote to the disk, database pages and log", blocks * 512)
    row("one unit: bytes more in the edge's folder", folder_bytes(edge_data) - disk)
    row("one unit: bytes that the edge wrote to files and sockets", written(edge.process) - wrote)
    edge.process.kill()
    edge.process.wait()
    server.stop()
    edge = Running(program, "edge", edge_data, *follow)
    row("edge: start from the disk, no server", f"{edge.start:.2f} s")
    assert size(edge.url) == count * 10 + 10
    edge.stop()
    server = Running(program, "serve", data)
    row("server: start with the list", f"{server.start:.2f} s")
    server.stop()

    width = max(len(what) for what, _ in rows)
    for what, value in rows:
        print(f"{what:<{width}}  {value}")


main()
