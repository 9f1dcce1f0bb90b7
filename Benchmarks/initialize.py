#!/usr/bin/env python3
# Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
"""What `/v1/initialize` costs beside its evaluation and serialisation; called by Scripts/bench-initialize.sh.

The server has core 0 for itself while it is under load, and so has the bare function, in a process of its own, with the
document that the server hands out and the users that it is asked for. Rounds are interleaved; compared is CPU time.
"""
import argparse
import contextlib
import hashlib
import http.client
import json
import os
import re
import statistics
import subprocess
import sys

import delivery

PATH = "/v1/initialize"
SCRIPT = """local bodies = {{ {bodies} }}
local turn = 0
request = function()
  turn = turn % #bodies + 1
  return wrk.format("POST", "{path}", {{ {headers} }}, bodies[turn])
end
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format("RESULT %d %d %.1f %.1f %d\\n", summary.requests, summary.duration, latency:percentile(50),
    latency:percentile(99), e.status + e.connect + e.read + e.write + e.timeout))
end
"""
COUNTRIES = ["US", "CA", "GB", "DE", "FR", "ES", "IT", "JP", "BR", "IN", "MX", "KR", "AU", "SE", "PL", "NG"]
GROUPS = [("control", {"color": "red", "size": 10, "rounded": True, "copy": "Buy now"}),
          ("test_a", {"color": "green", "size": 12, "rounded": False, "copy": "Add to basket"}),
          ("test_b", {"color": "blue", "size": 14, "rounded": True, "copy": "Continue"})]


def document(specs):
    """Of five specs four are gates (open, two half, targeted), one is an experiment of three groups."""
    def condition(kind, operator=None, target=None, field=None, more={}):
        return {"type": kind, "operator": operator, "targetValue": target, "field": field, "additionalValues": more,
                "idType": "userID"}

    def rule(name, share, conditions, value):
        return {"name": name, "id": name, "salt": name, "passPercentage": share, "conditions": conditions,
                "returnValue": value, "idType": "userID"}

    def spec(name, entity, default, rules):
        kind = "feature_gate" if entity == "feature_gate" else "dynamic_config"
        return {"type": kind, "entity": entity, "salt": "salt-" + name, "enabled": True, "defaultValue": default,
                "rules": rules, "idType": "userID", "version": 1}

    conditions = {"public": condition("public"),
                  "country": condition("user_field", "any", COUNTRIES[:8], "country"),
                  "version": condition("user_field", "version_gte", "3.2.0", "appVersion")}
    gates, configs = {}, {}
    for i in range(specs - specs // 5):
        name, kind = f"g{i:05}", i % 4
        share = {0: 100, 3: 20}.get(kind, 50)
        gates[name] = spec(name, "feature_gate", False, [
            rule("r_" + name, share, ["country", "version"] if kind == 3 else ["public"], True)])
    for i in range(specs // 5):
        name, rules = f"e{i:05}", []
        for group, ((title, value), limit) in enumerate(zip(GROUPS, (333, 666, 1000))):
            key = f"c_{name}_{group}"
            conditions[key] = condition("user_bucket", "lt", limit, more={"salt": "salt-" + name})
            rules.append(rule(f"{name}_{group}", 100, [key], value) | {"groupName": title, "isExperimentGroup": True})
        configs[name] = spec(name, "experiment", {}, rules) | {
            "isActive": True, "hasSharedParams": False, "explicitParameters": []}
    return {"has_updates": True, "time": 1700000000000, "feature_gates": gates, "dynamic_configs": configs,
            "layer_configs": {}, "condition_map": conditions, "experiment_to_layer": {}}


def users(count):
    """In the shape of the peer kit, which the bare function reads."""
    made = []
    for i in range(count):
        mixed = hashlib.sha256(b"%d" % i).digest()
        made.append({"id": f"user-{i:06}-{mixed[:4].hex()}", "country": COUNTRIES[mixed[4] % 16],
                     "appVersion": f"{mixed[5] % 5 + 1}.{mixed[6] % 10}.{mixed[7] % 20}",
                     "email": f"user{i}@example.com", "plan": ["free", "pro", "team"][i % 3], "age": 18 + i % 60})
    return made


def body(user):
    """As Statsig's JavaScript client asks, with as much of the user as the bare function is given."""
    return json.dumps({
        "user": {"userID": user["id"], "email": user["email"], "country": user["country"],
                 "appVersion": user["appVersion"], "custom": {"plan": user["plan"], "age": user["age"]}},
        "hash": "djb2", "deltasResponseRequested": False, "full_checksum": None,
        "statsigMetadata": {"sdkType": "javascript-client", "sdkVersion": "3.33.3",
                            "sessionID": "218c29c1-8a02-4b43-9f6b-0c43b0a0c0d1"}}, separators=(",", ":"))


class Server:
    """A server with the document, by the name that the table has for it."""

    def __init__(self, arguments, stack):
        folder, source = f"{arguments.folder}/data", f"{arguments.folder}/document.json"
        with open(source, "w") as file:
            json.dump(document(arguments.specs), file)
        run = subprocess.run([arguments.program, "import", "statsig", "--data", folder, source], capture_output=True,
                             text=True)
        if run.returncode:
            sys.exit(f"error: the import failed: {run.stdout}{run.stderr}")
        self.port = delivery.free_port()
        command = [arguments.program, "serve", "--data", folder, "--listen", f"127.0.0.1:{self.port}", "--log-level",
                   "error"]
        log = f"{arguments.folder}/floodgate.log"
        self.pid = stack.enter_context(delivery.server(command, self.port, log))
        found = None
        while not found:
            found = re.search(r"Client key +(\S+)", open(log).read())
        self.client_key = found.group(1)
        self.server_key = re.search(r"secret-\w+", open(log).read()).group(0)

    def ask(self, method, path, headers={}, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        data = answer.read()
        if answer.status != 200:
            sys.exit(f"error: {path} is answered {answer.status}: {data[:200]!r}")
        return data


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    parser.add_argument("--bare", required=True, help="the program floodgate-bench")
    parser.add_argument("--folder", required=True)
    parser.add_argument("--specs", type=int, default=250)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=16)
    a = parser.parse_args()
    # The bare function takes the first 20 in turn.
    people = users(20)
    rows = []
    with contextlib.ExitStack() as stack:
        server = Server(a, stack)
        os.makedirs(f"{a.folder}/std")
        with open(f"{a.folder}/users.json", "w") as file:
            json.dump(people, file)
        served = server.ask("GET", f"/v2/download_config_specs/{server.server_key}.json")
        with open(f"{a.folder}/std/statsig.json", "wb") as file:
            file.write(served)
        headers = {"statsig-api-key": server.client_key, "content-type": "application/json"}
        size = statistics.mean(len(server.ask("POST", PATH, headers, body(user))) for user in people)
        script = f"{a.folder}/wrk.lua"
        with open(script, "w") as file:
            file.write(SCRIPT.format(path=PATH, bodies=", ".join(json.dumps(body(user)) for user in people),
                                     headers=", ".join(f"[{json.dumps(k)}]={json.dumps(v)}" for k, v in headers.items())))
        load = delivery.LOAD + ["wrk", "-t1", f"-c{a.connections}", "-s", script, f"http://127.0.0.1:{server.port}{PATH}"]
        bare = delivery.CORE + [a.bare, "--dir", a.folder, "--work", "e", "--api", "evaluator", "--seconds", str(a.seconds)]
        subprocess.run(load + ["-d2s"], check=True, capture_output=True)
        for number in range(a.rounds):
            alone = json.loads(subprocess.run(bare, check=True, capture_output=True, text=True).stdout)
            before = delivery.cpu(server.pid)
            run = subprocess.run(load + [f"-d{a.seconds}s"], check=True, capture_output=True, text=True).stdout
            spent = delivery.cpu(server.pid) - before
            found = re.search(r"RESULT (\d+) (\d+) ([\d.]+) ([\d.]+) (\d+)", run)
            if not found:
                sys.exit(f"error: wrk failed: {run}")
            count, micros, p50, p99, errors = map(float, found.groups())
            rows.append({"bare": alone["cpu_ns_per_op"] / 1e3, "route": spent / count * 1e6, "p50": p50, "p99": p99,
                         "per_s": count / micros * 1e6, "errors": errors})
            print(f"round {number + 1} of {a.rounds}", file=sys.stderr, flush=True)
    if sum(row["errors"] for row in rows):
        sys.exit(f"error: answers were missing: {rows}")
    ratios = [row["route"] / row["bare"] for row in rows]
    middle = lambda what: statistics.median(row[what] for row in rows)
    print(f"`/v1/initialize`, {a.specs} specs, {size:,.0f} bytes, {len(people)} users in turn, medians of {a.rounds} rounds\n")
    print("| | CPU µs a request | ÷ bare: median (min–max) | goal | requests/s | p50 µs | p99 µs |")
    print("|---|---|---|---|---|---|---|")
    print(f"| evaluation and serialisation alone | {middle('bare'):,.1f} | 1 | | | | |")
    print(f"| the route, HTTP included | {middle('route'):,.1f} | {statistics.median(ratios):.2f} "
          f"({min(ratios):.2f}–{max(ratios):.2f}) | ≤ 2 | {middle('per_s'):,.0f} | {middle('p50'):,.0f} | "
          f"{middle('p99'):,.0f} |")


if __name__ == "__main__":
    main()
