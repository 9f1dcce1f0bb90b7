#!/usr/bin/env python3
# Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
"""Starts the client again and again, beside Statsig's Python core, and prints what that costs.

    sdk.py --program FILE --state FOLDER [--python FILE]         (started by Scripts/bench-sdk.sh)
    sdk.py core ...                                              one start of the core, in a process of its own

Raw results stay in the state folder, in sdk.json. ROUNDS, PARTS, SPECS, SLICE and FLOOD come from the environment, as
Scripts/bench-sdk.sh says.
"""
import argparse, gzip, json, os, resource, socket, subprocess, sys, threading, time
from statistics import median

TIME = 1_767_981_029_384  # of the made-up documents


def note(*words):
    print(*words, file=sys.stderr, flush=True)


# The server, on loopback, in this process: prepared bytes, so that its share of a start is small.

class Server:
    """`/plain/N` and `/gzip/N` serve a document of N specs, `/swap/N` a newer one each time while `swaps` is set, else
    the news that there is none. `/hang` takes events and never answers; everybody else's are taken at once."""

    def __init__(self, documents):
        self.plain = documents
        self.gzip = {specs: gzip.compress(bytes, 6) for specs, bytes in documents.items()}
        self.swaps, self.swapped = False, 0
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            connection, _ = self.listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        waiting = b""
        try:
            while True:
                while b"\r\n\r\n" not in waiting:
                    part = connection.recv(1 << 18)
                    if not part:
                        return
                    waiting += part
                head, _, waiting = waiting.partition(b"\r\n\r\n")
                lines = head.decode("latin-1").split("\r\n")
                method, path, _ = lines[0].split(" ", 2)
                headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
                # Bodies are read and forgotten.
                missing = int(headers.get("content-length", 0)) - len(waiting)
                waiting = waiting[len(waiting) + missing:] if missing < 0 else b""
                while missing > 0:
                    missing -= len(connection.recv(min(missing, 1 << 20))) or missing
                if path.startswith("/hang"):
                    time.sleep(3_600)
                connection.sendall(self.answer(method, path))
        except OSError:
            pass
        finally:
            connection.close()

    def answer(self, method, path):
        parts = path.split("/")
        encoding = ""
        if method == "POST":
            body = b'{"success":true}'
        elif parts[1] == "swap":
            body = b'{"has_updates":false}'
            if self.swaps or "sinceTime" not in path:
                self.swapped += 1
                newer = str(TIME + self.swapped).encode()
                body = self.plain[int(parts[2])].replace(str(TIME).encode(), newer, 1)
        elif parts[1] == "gzip":
            body, encoding = self.gzip[int(parts[2])], "content-encoding: gzip\r\n"
        else:
            body = self.plain[int(parts[2])]
        status = "202 Accepted" if method == "POST" else "200 OK"
        return (f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\n{encoding}"
                f"content-length: {len(body)}\r\n\r\n").encode() + body


# Statsig's core.

def kilobytes(key="VmRSS"):
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(key + ":"))


def trim():
    import ctypes
    ctypes.CDLL(None).malloc_trim(0)


def start_core(options):
    """What floodgate-sdk-bench does in `start`, with statsig-python-core as a Python program uses it."""
    import statsig_python_core as sc
    text = None
    entered = time.monotonic()
    trim()
    resident = kilobytes()
    more = {}
    if options.file:
        with open(options.file) as file:
            text = file.read()

        class Store(sc.DataStore):
            def initialize(self): pass
            def shutdown(self): pass
            def get(self, key): return sc.DataStoreResponse(result=text, time=TIME)
            def set(self, key, value, time=None): pass
            def support_polling_updates_for(self, key): return False
        more = {"data_store": Store(), "disable_network": True}
    else:
        more = {"specs_url": options.server + "/v2/download_config_specs", "init_timeout_ms": 60_000,
                "log_event_url": options.server + "/v1/log_event"}
    user = sc.StatsigUser(user_id="user-000001", country="US", app_version="3.1.4", email="user1@example.com",
                          custom={"plan": "pro", "age": 19})
    cpu, begin = time.process_time(), time.monotonic()
    statsig = sc.Statsig("secret-bench", sc.StatsigOptions(output_log_level="none", disable_country_lookup=True, **more))
    statsig.initialize().wait()
    loaded = time.monotonic()
    gate = statsig.get_feature_gate(user, "g00001")
    end, spent = time.monotonic(), time.process_time() - cpu
    kept = kilobytes() - resident
    more = text = None
    trim()
    reason = gate.details.reason
    if "Recognized" not in reason or "Unrecognized" in reason:
        sys.exit(f"error: the core did not start: {reason}")
    print(json.dumps({
        "process_ms": (entered - options.spawned) * 1e3, "start_ms": (end - begin) * 1e3,
        "initialize_ms": (loaded - begin) * 1e3, "start_cpu_ms": spent * 1e3, "source": reason, "rss_delta_kb": kept,
        "rss_trimmed_delta_kb": kilobytes() - resident, "peak_kb": kilobytes("VmHWM")}), flush=True)
    os._exit(0)


# The tables.

def markdown(head, rows):
    rows = [[str(cell) for cell in row] for row in [head] + rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |" for row in rows]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def megabytes(kilobytes):
    return f"{kilobytes / 1024:.1f}"


class Run:
    def __init__(self, options):
        self.program, self.state, self.python = options.program, options.state, options.python
        self.rounds, self.slice = int(os.environ["ROUNDS"]), float(os.environ["SLICE"])
        self.flood_seconds = float(os.environ["FLOOD"])
        self.sizes = [int(text) for text in os.environ["SPECS"].split()]
        self.results = {}
        documents = {}
        for specs in sorted({*self.sizes, 1_000}):
            made = subprocess.run([self.program, "document", "--specs", str(specs)], capture_output=True, check=True)
            documents[specs] = made.stdout
            with open(self.document(specs), "wb") as file:
                file.write(made.stdout)
        self.server = Server(documents)

    def document(self, specs):
        return f"{self.state}/document-{specs}.json"

    def child(self, *command, on_line=None):
        """The last line that a child says; those before go to `on_line`."""
        if "start" in command or "core" in command:
            command += ("--spawned", repr(time.monotonic()))
        with subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, text=True) as process:
            line = None
            for text in process.stdout:
                if line is not None and on_line:
                    on_line(line)
                line = json.loads(text)
                if on_line and "mode" in line:
                    on_line(line)
                    line = None
        if process.returncode != 0 or line is None:
            sys.exit(f"error: '{' '.join(map(str, command))}' failed; the lines above say why")
        return line

    # Starts

    def start_cases(self, specs):
        own = (self.program, "start")
        folder = f"{self.state}/cache-{specs}"
        cases = {
            "Floodgate, network": (*own, "--from", "network", "--server", f"{self.server.url}/plain/{specs}"),
            "Floodgate, network, gzip": (*own, "--from", "network", "--server", f"{self.server.url}/gzip/{specs}"),
            "Floodgate, disk, no server": (*own, "--from", "disk", "--folder", folder),
            "Floodgate, bootstrap bytes": (*own, "--from", "bootstrap", "--file", self.document(specs)),
        }
        if self.python:
            core = (self.python, "-B", os.path.abspath(__file__), "core")
            cases |= {
                "statsig-core, network": (*core, "--server", f"{self.server.url}/plain/{specs}"),
                "statsig-core, network, gzip": (*core, "--server", f"{self.server.url}/gzip/{specs}"),
                "statsig-core, data store": (*core, "--file", self.document(specs)),
            }
        # Leaves the last good document behind.
        self.child(*own, "--from", "network", "--server", f"{self.server.url}/plain/{specs}", "--folder", folder)
        return cases

    def starts(self):
        rows, memory = [], []
        for specs in self.sizes:
            cases = self.start_cases(specs)
            lines = {title: [] for title in cases}
            for index in range(self.rounds):
                for title, command in cases.items():
                    lines[title].append(self.child(*command))
                note(f"starts, {specs} specs: round {index + 1}/{self.rounds} done")
            self.results[f"starts-{specs}"] = lines
            for title, found in lines.items():
                def value(key): return median(line[key] for line in found)
                rows.append([f"{specs:,}", title, f"{value('start_ms'):.1f}", f"{min(l['start_ms'] for l in found):.1f}",
                             f"{max(l['start_ms'] for l in found):.1f}", f"{value('start_cpu_ms'):.1f}",
                             f"{value('process_ms'):.1f}", found[0]["source"]])
                memory.append([f"{specs:,}", title, megabytes(value("rss_delta_kb")),
                               megabytes(value("rss_trimmed_delta_kb")), megabytes(value("peak_kb"))])
        print(f"\n## Start until the first gate is answered, ms (median of {self.rounds}, each in a new process)\n")
        print(markdown(["specs", "from", "wall", "least", "most", "CPU", "process start, apart", "source"], rows))
        print("\n## Memory after the start, MB (median)\n")
        print(markdown(["specs", "from", "resident, more than before", "the same, trimmed", "peak of the process"], memory))

    # Swaps

    def swaps(self):
        rows, longest = [], []
        for specs in [size for size in self.sizes if size >= 1_000]:
            def switch(line): self.server.swaps = line["mode"] == "swap"
            note(f"checks during swaps, {specs} specs: {self.rounds * 4} slices of {self.slice} s and 1.3 s")
            slices = self.child(
                self.program, "swaps", "--server", f"{self.server.url}/swap/{specs}", "--specs", specs,
                "--rounds", self.rounds, "--seconds", self.slice, on_line=switch)["slices"]
            self.server.swaps = False
            self.results[f"swaps-{specs}"] = slices
            for swapping in (False, True):
                found = [s for s in slices if s["swapping"] == swapping and not s["timed"]]
                timed = [s for s in slices if s["swapping"] == swapping and s["timed"]]
                seconds = self.slice * len(found)
                rows.append([
                    f"{specs:,}", "yes" if swapping else "no", f"{sum(s['documents'] for s in found) / seconds:.2f}",
                    f"{median(s['checks_per_s'] for s in found) / 1e6:.2f}", f"{min(s['checks_per_s'] for s in found) / 1e6:.2f}",
                    f"{median(s['cpu_ns_per_check'] for s in found):.1f}", f"{max(s['cpu_ns_per_check'] for s in found):.1f}",
                    f"{median(s['other_cpu_share'] for s in found) * 100:.1f} %",
                    f"{max(s['longest_us'] for s in timed):,.0f}", f"{max(s['longest_undisturbed_us'] for s in timed):,.0f}",
                    sum(s["above_100_us"] for s in timed)])
            quiet, swapping = rows[-2:]
            longest.append(f"{specs:,} specs: swaps change throughput by {(float(swapping[3]) / float(quiet[3]) - 1) * 100:+.1f} %"
                           f" and the thread's own CPU time a check by {(float(swapping[5]) / float(quiet[5]) - 1) * 100:+.1f} %.")
        print(f"\n## Checks on one thread while documents are replaced ({self.rounds} slices of {self.slice:g} s of each kind)\n")
        print(markdown(["specs", "swaps", "documents/s", "M checks/s, median", "worst slice", "CPU ns a check, median",
                        "worst slice", "other threads, of a core", "longest check, µs", "longest not preempted, µs",
                        "checks above 100 µs"], rows))
        print("\n" + "\n".join(longest))

    # Events that nobody takes

    def flood(self):
        note(f"events that nobody takes: {self.flood_seconds:g} s")
        line = self.child(self.program, "flood", "--server", f"{self.server.url}/hang", "--seconds", self.flood_seconds,
                          "--specs", 1_000)
        self.results["flood"] = line
        # What waits as it was logged, and what waits encoded, each within the bound; and 4 MiB for the 100,000 exposures
        # that are remembered so as not to be logged twice.
        ceiling = 2 * line["bound_kb"] + 4_096
        print(f"\n## Memory while events are logged for {self.flood_seconds:g} s that nobody takes\n")
        print(markdown(["events logged", "sent", "waiting", "dropped", "logged − sent − waiting", "ceiling, MB",
                        "most, MB", "every 2 s, MB"],
                       [[f"{line['logged']:,}", line["sent"], f"{line['waiting']:,}", f"{line['dropped']:,}",
                         f"{line['logged'] - line['sent'] - line['waiting']:,}", megabytes(ceiling),
                         megabytes(line["highest_kb"]), " ".join(megabytes(kb) for kb in line["every_2_s_kb"])]]))
        print(f"\nThe shutdown took {line['shutdown_ms']:,.0f} ms and left {line['waiting_at_end']} waiting,"
              f" {line['dropped_at_end']:,} dropped and {megabytes(line['trimmed_at_end_kb'])} MB.")

    # Nothing is left behind

    def cycles(self):
        note("starts and shutdowns, new users")
        url = f"{self.server.url}/plain/1000"
        cycles = self.child(self.program, "cycles", "--server", url, "--count", 100)
        users = self.child(self.program, "users", "--server", url, "--count", 1_000_000)
        self.results |= {"cycles": cycles, "users": users}
        rows = [[title, megabytes(facts["rss_kb"]), facts["threads"], facts["descriptors"]] for title, facts in [
            ("after 10 starts and shutdowns", cycles["before"]), ("after 100 more", cycles["after"]),
            *((f"after {(i + 1) * 250_000:,} new users", facts) for i, facts in enumerate(users["quarters"]))]]
        print("\n## What is left behind\n")
        print(markdown(["", "resident, trimmed, MB", "threads", "descriptors"], rows))
        print(f"\nA start and shutdown takes {cycles['cycle_ms']:.1f} ms; new users: {users['users_per_s']:,.0f}/s,"
              f" {users['sent']:,} events sent, {users['dropped']:,} dropped.")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    parser.add_argument("--state", required=True)
    parser.add_argument("--python", default="")
    run = Run(parser.parse_args())
    load = os.getloadavg()[0]
    print(f"{os.cpu_count()} cores, load {load:.1f} at the beginning. Times on a busy machine are too long: compare within"
          " a table, and CPU rather than wall.")
    for letter, part in {"s": run.starts, "d": run.swaps, "f": run.flood, "c": run.cycles}.items():
        if letter in os.environ["PARTS"]:
            part()
            sys.stdout.flush()
            with open(f"{run.state}/sdk.json", "w") as file:
                json.dump(run.results, file, indent=1)


if __name__ == "__main__":
    if sys.argv[1:2] == ["core"]:
        parser = argparse.ArgumentParser()
        parser.add_argument("--server")
        parser.add_argument("--file")
        parser.add_argument("--spawned", type=float)
        start_core(parser.parse_args(sys.argv[2:]))
    else:
        main()
