# Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
"""Asks one gate for one user again and again, with Statsig's Python core SDK polling each second.

    watch_gate.py SERVER KEY GATE USER

stdout: a line "true" or "false" at first and at each change. Ends with its standard input.
"""

import sys
import threading

from core_client import make_client, make_user


def main():
    server, key, gate, unit = sys.argv[1:]
    statsig = make_client(server, key, specs_sync_interval_ms=1000, event_logging_flush_interval_ms=1000)
    statsig.initialize().wait()
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    user = make_user({"userID": unit})
    before = None
    while not ended.is_set():
        value = statsig.check_gate(user, gate)
        if value != before:
            print("true" if value else "false", flush=True)
            statsig.flush_events().wait()
        before = value
        ended.wait(0.05)
    statsig.shutdown().wait()


if __name__ == "__main__":
    main()
