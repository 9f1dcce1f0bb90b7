#!/usr/bin/env python3
# Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
"""How soon an edge serves what is on its disk, with nothing upstream; called by Scripts/bench-coldstart.sh.

A server publishes a document, an edge follows it and keeps it on disk, and the server is stopped. Then the edge is started
again and again, and asked from the start on until the first byte of a whole answer is there.
"""
import argparse
import gzip
import json
import os
import socket
import statistics
import subprocess
import time

from delivery import free_port

FORMS = {"v2, gzip": ("/v2/download_config_specs", "gzip"), "v2": ("/v2/download_config_specs", "identity"),
         "v1, gzip": ("/v1/download_config_specs", "gzip")}


def document(count):
    """A document of `count` gates, which share 200 conditions."""
    conditions = {f"c{i}": {"type": "user_field", "targetValue": [f"v{i}", f"w{i}"], "operator": "any",
                            "field": f"f{i % 50}", "additionalValues": {}, "idType": "userID"} for i in range(200)}
    gates = {f"gate_{i}": {
        "type": "feature_gate", "entity": "feature_gate", "enabled": True, "salt": f"s{i}", "idType": "userID",
        "defaultValue": False, "version": 1, "rules": [{
            "name": f"r{i}", "id": f"id{i}", "salt": f"rs{i}", "passPercentage": 50, "returnValue": True,
            "idType": "userID", "conditions": [f"c{i % 200}"]}]} for i in range(count)}
    return {"has_updates": True, "time": 1750000000000, "checksum": "1", "response_format": "dcs-v2",
            "feature_gates": gates, "dynamic_configs": {}, "layer_configs": {}, "condition_map": conditions,
            "experiment_to_layer": {}}


class Bench:
    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        self.server_port, self.edge_port = free_port(), free_port()

    def run(self, *arguments):
        return subprocess.run([self.program, *arguments], capture_output=True, text=True, check=True).stdout.strip()

    def start(self, *arguments):
        with open(f"{self.folder}/log", "ab") as log:
            return subprocess.Popen([self.program, *arguments, "--log-level", "error"], stdout=log, stderr=log)

    def stop(self, process):
        process.terminate()
        process.wait(30)

    def edge(self):
        return self.start("edge", "--data", f"{self.folder}/edge", "--listen", f"127.0.0.1:{self.edge_port}",
                          "--upstream", f"http://127.0.0.1:{self.server_port}", "--key", self.edge_key,
                          "--root-key", self.root_key)

    def wait(self, form, port, begin, whole=False):
        """Seconds from `begin` to the first byte of an answer with status 200; with `whole`, the answer as well."""
        path, coding = FORMS[form]
        request = (f"GET {path} HTTP/1.1\r\nHost: a\r\nstatsig-api-key: {self.key}\r\naccept-encoding: {coding}\r\n"
                   "connection: close\r\n\r\n").encode()
        while time.monotonic() - begin < 60:
            try:
                with socket.create_connection(("127.0.0.1", port)) as connection:
                    connection.sendall(request)
                    first = connection.recv(65536)
                    took = time.monotonic() - begin
                    if first.startswith(b"HTTP/1.1 200"):
                        while whole and (more := connection.recv(1 << 20)):
                            first += more
                        return took, first
            except OSError:
                pass
            time.sleep(0.001)
        raise SystemExit(f"no answer for a minute; {self.folder}/log may say why")

    def prepare(self, count):
        text = json.dumps(document(count))
        with open(f"{self.folder}/document.json", "w") as file:
            file.write(text)
        data = f"{self.folder}/server"
        server = self.start("serve", "--data", data, "--listen", f"127.0.0.1:{self.server_port}")
        while not os.path.exists(f"{data}/initial-keys.json"):
            time.sleep(0.05)
        with open(f"{data}/initial-keys.json") as file:
            self.key = next(key["key"] for key in json.load(file) if key["kind"] == "server")
        self.wait("v2", self.server_port, time.monotonic())
        self.run("import", "statsig", f"{self.folder}/document.json", "--data", data)
        self.edge_key = self.run("keys", "create", "edge", "--data", data)
        lines = self.run("signing", "show", "--data", data).split("\n")
        self.root_key = next(line.split()[-1] for line in lines if line.startswith("Root key"))
        edge = self.edge()
        end = time.monotonic() + 60
        # On disk, too: the documents of both sides are the same, and the edge's folder has it.
        while time.monotonic() < end:
            here, there = (self.wait("v2", port, time.monotonic(), whole=True)[1].partition(b"\r\n\r\n")[2]
                           for port in (self.server_port, self.edge_port))
            if here == there and here.count(b'"gate_') >= count and self.kept(here):
                break
            time.sleep(0.1)
        else:
            raise SystemExit("the edge did not take the document")
        self.stop(server)
        self.stop(edge)
        return len(here)

    def kept(self, payload):
        for folder, _, names in os.walk(f"{self.folder}/edge/snapshots"):
            for name in (name for name in names if name.endswith(".json.gz")):
                with open(f"{folder}/{name}", "rb") as file:
                    if gzip.decompress(file.read()) == payload and os.path.exists(f"{folder}/cell.0.json"):
                        return True
        return False


def main():
    parser = argparse.ArgumentParser()
    for name in ("program", "folder"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--rounds", type=int, required=True)
    parser.add_argument("--specs", required=True)
    options = parser.parse_args()
    print("| specs | document | asked for | median ms | worst ms |\n|---|---|---|---|---|")
    for number, count in enumerate(map(int, options.specs.split())):
        folder = f"{options.folder}/{number}"
        os.mkdir(folder)
        bench = Bench(options.program, folder)
        size = bench.prepare(count)
        for form in FORMS:
            times = []
            for _ in range(options.rounds):
                begin = time.monotonic()
                edge = bench.edge()
                times.append(bench.wait(form, bench.edge_port, begin)[0] * 1000)
                bench.stop(edge)
            print(f"| {count} | {size / 1e6:.2f} MB | {form} | {statistics.median(times):.0f} | {max(times):.0f} |",
                  flush=True)


if __name__ == "__main__":
    main()
