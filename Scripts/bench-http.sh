#!/usr/bin/env bash
# Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
#
# Measures how the server hands configuration out, beside nginx (and Varnish, where it is installed) with the same bytes
# on the same core; Benchmarks/README.md says how to read the table. From the environment:
#   ROUNDS=3           how often everything is measured
#   SECONDS_EACH=3     how long each contestant is under load in a round
#   CASES=words        only cases whose names contain one of these words, separated by commas
#   STATE=folder       where data folders, configurations, logs and raw results are kept
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

state=${STATE:-$PWD/Benchmarks/.build/http}
case $state in
    /*) ;;
    *) state=$PWD/$state ;;
esac
mkdir -p "$state"

missing=()
command -v python3 >/dev/null || missing+=(python3)
command -v openssl >/dev/null || missing+=(openssl)
command -v nginx >/dev/null || missing+=(nginx-light)
command -v wrk >/dev/null || missing+=(wrk)
command -v h2load >/dev/null || missing+=(nghttp2-client)
command -v taskset >/dev/null || missing+=(util-linux)
[ ${#missing[@]} -eq 0 ] || {
    echo "error: missing: ${missing[*]} (Debian's names); run 'apt-get install ${missing[*]}' as root and try again" >&2
    exit 1
}
command -v varnishd >/dev/null || echo "note: varnish is not installed, so its rows are missing below" >&2
[ "$(nproc)" -ge 2 ] || {
    echo "error: this needs two processors, one for the server and one for the load; here is one" >&2
    exit 1
}
Scripts/bootstrap.sh build
echo "Building floodgate in release mode (minutes the first time, seconds later)" >&2
swift build -c release --product floodgate >&2 || {
    echo "error: the build failed; the lines above say where" >&2
    exit 1
}
exec python3 -B Benchmarks/delivery.py --program "$PWD/.build/release/floodgate" --state "$state" \
    --rounds "${ROUNDS:-3}" --seconds "${SECONDS_EACH:-3}" --cases "${CASES:-}"
