#!/usr/bin/env bash
# Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
#
# Measures what a client's `/v1/initialize` costs the server beside the bare evaluation and serialisation of the same
# answers; Benchmarks/README.md says how to read the table. Needs two cores. From the environment:
#   SPECS=250          how many specs the document has
#   ROUNDS=5           how often everything is measured
#   SECONDS_EACH=3     how long each side is measured in a round
#   PROGRAM=file       a floodgate that is built already
#   BARE=file          a floodgate-bench that is built already
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

missing=()
command -v python3 >/dev/null || missing+=(python3)
command -v wrk >/dev/null || missing+=(wrk)
command -v taskset >/dev/null || missing+=(util-linux)
[ ${#missing[@]} -eq 0 ] || {
    echo "error: missing: ${missing[*]} (Debian's names); run 'apt-get install ${missing[*]}' as root and try again" >&2
    exit 1
}
[ "$(nproc)" -ge 2 ] || {
    echo "error: this needs two processors, one for the server and one for the load; here is one" >&2
    exit 1
}
Scripts/bootstrap.sh build
if [ -z "${PROGRAM:-}" ]; then
    echo "Building floodgate in release mode (minutes the first time, seconds later)" >&2
    swift build -c release --product floodgate >&2
    PROGRAM=$(swift build -c release --show-bin-path)/floodgate
fi
if [ -z "${BARE:-}" ]; then
    # The same versions as the package itself.
    [ -f Benchmarks/Package.resolved ] || [ ! -f Package.resolved ] || cp Package.resolved Benchmarks/
    echo "Building floodgate-bench in release mode" >&2
    swift build --package-path Benchmarks -c release --product floodgate-bench >&2
    BARE=$(swift build --package-path Benchmarks -c release --show-bin-path)/floodgate-bench
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -B Benchmarks/initialize.py --program "$PROGRAM" --bare "$BARE" --folder "$folder" --specs "${SPECS:-250}" \
    --rounds "${ROUNDS:-5}" --seconds "${SECONDS_EACH:-3}"
