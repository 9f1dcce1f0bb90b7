#!/usr/bin/env bash
# Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
#
# Tests the caches of deploy/cdn in front of a real server; arguments go to Tests/CDN/cdn_test.py. From the environment:
#   PROGRAM=path   the floodgate to test (.build/release/floodgate)
#   GATE=name      the gate of the demo project that is switched to and fro, to have something new to publish
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
program=$(realpath "${PROGRAM:-$root/.build/release/floodgate}")
gate=${GATE:-new_checkout}

[ -x "$program" ] || {
    echo "error: $program is not there; build it, or name another with PROGRAM=path" >&2
    exit 1
}

folder=$(mktemp -d)
server=
stop() {
    [ -z "$server" ] || kill "$server" 2>/dev/null && wait "$server" 2>/dev/null || true
    rm -rf "$folder"
}
trap stop EXIT

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
port=$(free_port)
# Where the test takes purges in, for whichever cache it has before it.
purge_port=$(free_port)
"$program" serve --data "$folder/data" --listen "127.0.0.1:$port" --demo --trusted-proxy 127.0.0.0/8 \
    --purge "http://127.0.0.1:$purge_port" >"$folder/server.log" 2>&1 &
server=$!
for _ in $(seq 100); do
    python3 - "$port" 2>/dev/null <<'PYTHON' && break
import sys, urllib.request
urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[1]}/readyz", timeout=1)
PYTHON
    kill -0 "$server" 2>/dev/null || break
    sleep 0.1
done
kill -0 "$server" 2>/dev/null || {
    echo "error: the server has stopped:" >&2
    tail -n 20 "$folder/server.log" >&2
    exit 1
}

id=$("$program" keys create delivery --data "$folder/data" --reason cdn-check)
key=$("$program" keys create server --data "$folder/data" --reason cdn-check)
# A running server knows of new keys within 10 s.
for _ in $(seq 150); do
    status=$(python3 - "$port" "$id" <<'PYTHON'
import http.client, sys
connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=5)
connection.request("GET", f"/delivery/v1/{sys.argv[2]}")
print(connection.getresponse().status)
PYTHON
    )
    [ "$status" != 200 ] || break
    sleep 0.1
done
[ "$status" = 200 ] || {
    echo "error: /delivery/v1/$id is answered $status; the end of the server's log:" >&2
    tail -n 20 "$folder/server.log" >&2
    exit 1
}

publish=$(printf '%q gate {state} %q --data %q --reason cdn-check' "$program" "$gate" "$folder/data")
python3 -B "$root/Tests/CDN/cdn_test.py" --origin "http://127.0.0.1:$port" --delivery-id "$id" --server-key "$key" \
    --publish "$publish" --purge-port "$purge_port" "$@"
