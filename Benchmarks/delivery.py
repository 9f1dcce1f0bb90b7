#!/usr/bin/env python3
# Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
"""Config delivery by `floodgate serve` beside nginx (and Varnish) with the same bytes; called by Scripts/bench-http.sh.

Every server has core 0 for itself while it is under load, the load generator has core 1. Rounds are interleaved, and
what is compared is requests by CPU second of the server, which other work on the machine disturbs least.
"""
import argparse
import contextlib
import gzip
import hashlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time

CORE, LOAD = ["taskset", "-c", "0"], ["taskset", "-c", "1"]
SPECS = "/v1/download_config_specs"
WRK = """wrk.headers = {{ {headers} }}
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format("RESULT %d %d %.1f %.1f %d\\n", summary.requests, summary.duration, latency:percentile(50),
    latency:percentile(99), e.status + e.connect + e.read + e.write + e.timeout))
end
"""
NGINX = """daemon off; worker_processes 1; pid {d}/nginx.pid; error_log {d}/nginx.err;
events {{ worker_connections 20000; use epoll; multi_accept on; }}
http {{
  access_log off; sendfile on; tcp_nopush on; tcp_nodelay on; keepalive_requests 1000000000; keepalive_timeout 75;
  open_file_cache max=100; open_file_cache_valid 60s; types {{ application/json json; }}
  client_body_temp_path {d}/t1; proxy_temp_path {d}/t2; fastcgi_temp_path {d}/t3; uwsgi_temp_path {d}/t4; scgi_temp_path {d}/t5;
  server {{
    listen 127.0.0.1:{port} backlog=4096; listen 127.0.0.1:{h2} http2; listen 127.0.0.1:{tls} ssl;
    ssl_certificate {d}/cert.pem; ssl_certificate_key {d}/key.pem;
    root {d}/www; etag on; gzip_static on; gzip_vary on; add_header Cache-Control "private, max-age=0, must-revalidate";
  }}
}}
"""
VCL = """vcl 4.1; backend b {{ .host = "127.0.0.1"; .port = "{port}"; }}
sub vcl_backend_response {{ unset beresp.http.Cache-Control; set beresp.ttl = 1h; return (deliver); }}
"""


def document(size):
    """A config-specs document of about `size` bytes, with names and salts as hard to compress as real ones."""
    gates, i = {}, 0
    whole = {"dynamic_configs": {}, "feature_gates": gates, "layer_configs": {}, "has_updates": True,
             "experiment_to_layer": {}, "time": 1700000000000,
             "condition_map": {"c": {"type": "public", "targetValue": None, "operator": None, "field": None,
                                     "additionalValues": {}, "idType": "userID"}}}
    while True:
        h = hashlib.sha512(b"%d" % i).hexdigest()
        gates["gate_" + h[:12]] = {
            "type": "feature_gate", "salt": h[12:48], "enabled": True, "defaultValue": False, "idType": "userID",
            "entity": "feature_gate", "rules": [{"name": h[48:68], "passPercentage": i % 100, "conditions": ["c"],
                                                 "returnValue": True, "id": h[68:90], "salt": h[90:126],
                                                 "idType": "userID"}]}
        if i > 0 and len(json.dumps(whole)) > size:
            return json.dumps(whole)
        i += 1


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def cpu(pid):
    """CPU seconds of a process and of its children that are alive (Varnish and nginx work in children)."""
    ticks = os.sysconf("SC_CLK_TCK")
    total, children = 0, [pid]
    while children:
        one = children.pop()
        try:
            stat = open(f"/proc/{one}/stat").read().rsplit(")", 1)[1].split()
            total += int(stat[11]) + int(stat[12])
            for task in os.listdir(f"/proc/{one}/task"):
                children += map(int, open(f"/proc/{one}/task/{task}/children").read().split())
        except FileNotFoundError:
            pass
    return total / ticks


def resident(pid):
    """Resident bytes of a process, or of its only child where that does the work (nginx)."""
    children = open(f"/proc/{pid}/task/{pid}/children").read().split()
    return int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{children[0] if len(children) == 1 else pid}/status").read())
               .group(1)) * 1024


@contextlib.contextmanager
def server(command, port, log):
    with open(log, "wb") as out:
        process = subprocess.Popen(CORE + command, stdout=out, stderr=out, stdin=subprocess.DEVNULL)
    try:
        for _ in range(600):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            if process.poll() is not None:
                sys.exit(f"error: {command[0]} ended with {process.returncode}; {log} says why")
            time.sleep(0.05)
        else:
            sys.exit(f"error: {command[0]} does not listen at port {port} after 30 s; {log} may say why")
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


def fetch(port, path, headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body, answer.headers


def wrk(state, url, headers, seconds, connections):
    script = f"{state}/wrk.lua"
    with open(script, "w") as file:
        file.write(WRK.format(headers=", ".join(f"[{json.dumps(k)}]={json.dumps(v)}" for k, v in headers.items())))
    run = subprocess.run(LOAD + ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", script, url],
                         capture_output=True, text=True, timeout=seconds + 60)
    found = re.search(r"RESULT (\d+) (\d+) ([\d.]+) ([\d.]+) (\d+)", run.stdout)
    if not found:
        sys.exit(f"error: wrk {url} failed: {run.stdout}{run.stderr}")
    count, micros, p50, p99, errors = map(float, found.groups())
    return {"count": count, "per_s": count / micros * 1e6, "p50": p50, "p99": p99, "errors": int(errors)}


def h2load(state, url, headers, seconds, connections):
    command = LOAD + ["h2load", "-t1", f"-c{connections}", "-m10", f"-D{seconds}"]
    for name, value in headers.items():
        command += ["-H", f"{name}: {value}"]
    run = subprocess.run(command + [url], capture_output=True, text=True, timeout=seconds + 60)
    found = re.search(r"finished in .*?, ([\d.]+) req/s", run.stdout)
    counts = re.search(r"(\d+) succeeded, (\d+) failed, (\d+) errored", run.stdout)
    if not found or not counts:
        sys.exit(f"error: h2load {url} failed: {run.stdout}{run.stderr}")
    # Requests that are under way when the time is over count as failed there; they are none of the server's faults.
    status = re.search(r"(\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", run.stdout)
    return {"count": float(counts.group(1)), "per_s": float(found.group(1)), "p50": 0, "p99": 0,
            "errors": int(status.group(3)) + int(status.group(4))}


def idle_bytes(pid, port, path, count):
    """Resident bytes that each of `count` connections adds after one request."""
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    sockets, before = [], None
    try:
        for i in range(count + 200):
            # The first ones pay for what all share.
            if i == 200:
                before = resident(pid)
            s = socket.create_connection(("127.0.0.1", port), 5)
            sockets.append(s)
            s.sendall(request)
            while b"\r\n\r\n" not in s.recv(65536):
                pass
        time.sleep(0.5)
        return (resident(pid) - before) / count
    finally:
        for s in sockets:
            s.close()


def certificate(state):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-keyout", f"{state}/key.pem", "-out", f"{state}/cert.pem", "-days", "365", "-subj",
                    "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
                   check=True, capture_output=True)


class Floodgate:
    """One data folder with one document and its servers."""

    def __init__(self, arguments, stack, name, size):
        self.folder = f"{arguments.state}/data-{name}"
        shutil.rmtree(self.folder, ignore_errors=True)
        source = f"{arguments.state}/{name}.json"
        with open(source, "w") as file:
            file.write(document(size))
        program = arguments.program
        run = subprocess.run([program, "import", "statsig", "--data", self.folder, source],
                             capture_output=True, text=True)
        if run.returncode:
            sys.exit(f"error: the import failed: {run.stdout}{run.stderr}")
        self.port = free_port()
        command = [program, "serve", "--data", self.folder, "--listen", f"127.0.0.1:{self.port}", "--log-level", "error"]
        log = f"{arguments.state}/floodgate-{name}.log"
        self.pid = stack.enter_context(server(command, self.port, log))
        for _ in range(100):
            text = open(log).read()
            if found := re.search(r"secret-\w+", text):
                break
            time.sleep(0.05)
        else:
            sys.exit(f"error: {log} names no server key")
        self.key = found.group(0)
        self.path = f"{SPECS}/{self.key}.json"

    def serve_tls(self, arguments, stack):
        """Another server with the same content, since a server encrypts everywhere or nowhere."""
        folder = self.folder + "-tls"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.folder, folder, ignore=lambda d, names: [n for n in names if "lock" in n])
        port = free_port()
        command = [arguments.program, "serve", "--data", folder, "--listen", f"127.0.0.1:{port}", "--log-level", "error",
                   "--tls-certificate", f"{arguments.state}/cert.pem", "--tls-key", f"{arguments.state}/key.pem"]
        pid = stack.enter_context(server(command, port, f"{arguments.state}/floodgate-tls.log"))
        return port, pid


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    parser.add_argument("--state", required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--cases", default="")
    a = parser.parse_args()
    state = a.state
    os.makedirs(f"{state}/www", exist_ok=True)
    certificate(state)
    with contextlib.ExitStack() as stack:
        small = Floodgate(a, stack, "small", 800)
        large = Floodgate(a, stack, "large", 100_000)
        tls_port, tls_pid = small.serve_tls(a, stack)
        _, body, headers = fetch(small.port, small.path, {})
        tag, since = headers["ETag"], headers["X-Since-Time"]
        _, packed, _ = fetch(large.port, large.path, {"Accept-Encoding": "gzip"})
        whole = gzip.decompress(packed)
        for name, content in (("small", body), ("large", whole)):
            with open(f"{state}/www/{name}.json", "wb") as file:
                file.write(content)
        with open(f"{state}/www/large.json.gz", "wb") as file:
            file.write(packed)
        for name in ("large.json", "large.json.gz"):
            os.utime(f"{state}/www/{name}", (1_700_000_000, 1_700_000_000))
        port, h2, tls, cache = (free_port() for _ in range(4))
        with open(f"{state}/nginx.conf", "w") as file:
            file.write(NGINX.format(d=state, port=port, h2=h2, tls=tls))
        nginx = stack.enter_context(server(["nginx", "-c", f"{state}/nginx.conf"], port, f"{state}/nginx.log"))
        varnish = None
        if shutil.which("varnishd"):
            with open(f"{state}/cache.vcl", "w") as file:
                file.write(VCL.format(port=port))
            varnish = stack.enter_context(server(
                ["varnishd", "-F", "-n", f"{state}/varnish", "-a", f"127.0.0.1:{cache}", "-f", f"{state}/cache.vcl",
                 "-s", "malloc,64m", "-p", "thread_pools=1", "-p", "thread_pool_min=50"], cache, f"{state}/varnish.log"))
        _, _, from_nginx = fetch(port, "/small.json", {})
        http_port, close = "http://127.0.0.1:", {"Connection": "close"}
        ours = f"{http_port}{small.port}{small.path}"
        theirs = f"{http_port}{port}/small.json"
        fresh = {"If-None-Match": from_nginx["ETag"]}
        zipped = {"Accept-Encoding": "gzip"}
        # Name, tool, connections, goal, contestants: name, process, address, headers.
        cases = [
            ("nothing new ÷ 304", wrk, 32, 0.6, [
                ("nginx", nginx, theirs, fresh), ("floodgate", small.pid, f"{ours}?sinceTime={since}", {})]),
            ("304", wrk, 32, 0.6, [
                ("nginx", nginx, theirs, fresh), ("floodgate", small.pid, ours, {"If-None-Match": tag})]),
            (f"200, {len(body):,} bytes", wrk, 32, 0.7, [
                ("nginx", nginx, theirs, {}), ("floodgate", small.pid, ours, {})]),
            (f"200, {len(packed):,} bytes gzip", wrk, 32, 0.6, [
                ("nginx", nginx, f"{http_port}{port}/large.json", zipped),
                ("floodgate", large.pid, f"{http_port}{large.port}{large.path}", zipped)] + ([
                    ("varnish", varnish, f"{http_port}{cache}/large.json", zipped)] if varnish else [])),
            ("new connection each, 200", wrk, 32, 0.7, [
                ("nginx", nginx, theirs, close), ("floodgate", small.pid, ours, close)]),
            ("new TLS connection each, 200", wrk, 32, 0.7, [
                ("nginx", nginx, f"https://127.0.0.1:{tls}/small.json", close),
                ("floodgate", tls_pid, f"https://127.0.0.1:{tls_port}{small.path}", close)]),
            ("HTTP/2, 200", h2load, 8, 0.6, [
                ("nginx", nginx, f"{http_port}{h2}/small.json", {}), ("floodgate", small.pid, ours, {})]),
        ]
        if a.cases:
            cases = [c for c in cases if any(w in c[0] for w in a.cases.split(","))]
        results = {}
        for number in range(a.rounds):
            for name, tool, connections, _, contestants in cases:
                for who, pid, url, headers in contestants:
                    tool(state, url, headers, 1, connections)
                    before = cpu(pid)
                    result = tool(state, url, headers, a.seconds, connections)
                    result["per_core"] = result["count"] / max(0.01, cpu(pid) - before)
                    results.setdefault(name, {}).setdefault(who, []).append(result)
            print(f"round {number + 1} of {a.rounds}", file=sys.stderr, flush=True)
        idle = [("nginx", idle_bytes(nginx, port, "/small.json", 2_000)),
                ("floodgate", idle_bytes(small.pid, small.port, small.path, 2_000))]
    with open(f"{state}/http.json", "w") as file:
        json.dump({"results": results, "idle": idle}, file, indent=1)
    report(cases, results, idle)


def report(cases, results, idle):
    middle = lambda rows, what: statistics.median(row[what] for row in rows)
    print("| | server | requests a core-second | ÷ nginx: median (min–max) | goal | requests/s | p50 µs | p99 µs | errors |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, _, _, goal, contestants in cases:
        peers = results[name]["nginx"]
        for who, *_ in contestants:
            rows = results[name][who]
            ratios = [row["per_core"] / peer["per_core"] for row, peer in zip(rows, peers)]
            ratio = "" if who == "nginx" else f"{statistics.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})"
            p50, p99 = (f"{middle(rows, what):,.0f}" if middle(rows, what) > 0 else "–" for what in ("p50", "p99"))
            print(f"| {name} | {who} | {middle(rows, 'per_core'):,.0f} | {ratio} | "
                  f"{f'≥ {goal}' if who == 'floodgate' else ''} | {middle(rows, 'per_s'):,.0f} | "
                  f"{p50} | {p99} | {sum(row['errors'] for row in rows)} |")
    print()
    print("| | resident bytes an idle connection, after one request | goal |")
    print("|---|---|---|")
    for who, size in idle:
        print(f"| {who} | {size:,.0f} | {'≤ 8,192' if who == 'floodgate' else ''} |")


if __name__ == "__main__":
    main()
