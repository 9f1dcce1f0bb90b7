#!/usr/bin/env bash
# Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
#
# Measures evaluation, in one run beside the peers of ../shared/bench/peers where that folder is there, alone where it
# is not; Benchmarks/README.md says how to read the table. From the environment:
#   ROUNDS=3           interleaved rounds
#   WORKS=abcdemf      which works (letters of the kit's README)
#   SLICE=0.4          seconds each contestant runs a work in a round
#   COUNT=abcd         works of which instructions and allocations are counted, which takes minutes; empty: none
#   STATE=folder       where the kit keeps its environment, data and raw results
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export ROUNDS=${ROUNDS:-3} WORKS=${WORKS:-abcdemf} SLICE=${SLICE:-0.4} COUNT=${COUNT-abcd}

kit=../shared/bench/peers
state=${STATE:-$PWD/Benchmarks/.build/peers}
case $state in
    /*) ;;
    *) state=$PWD/$state ;;
esac
mkdir -p "$state"

command -v python3 >/dev/null || {
    echo "error: python3 is not there; it makes the table. Install it and try again" >&2
    exit 1
}
Scripts/bootstrap.sh build
# The same versions as the package itself.
[ -f Benchmarks/Package.resolved ] || [ ! -f Package.resolved ] || cp Package.resolved Benchmarks/
echo "Building floodgate-bench in release mode (minutes the first time, seconds later)" >&2
swift build --package-path Benchmarks -c release --product floodgate-bench >&2 || {
    echo "error: the build failed; the lines above say where" >&2
    exit 1
}
program=$(swift build --package-path Benchmarks -c release --show-bin-path)/floodgate-bench
# valgrind 3.19 cannot read the debug information that Swift 6.3 writes, and gives up.
if command -v strip >/dev/null; then
    strip --strip-debug -o "$state/floodgate-bench" "$program"
    program=$state/floodgate-bench
fi

peers=()
if [ ! -f "$kit/run.sh" ]; then
    echo "note: ../shared/bench/peers is not there, so nothing is compared: floor-c, statsig-core, eppo, instructions" \
        "and allocations are missing below" >&2
else
    if [ ! -x "$state/floor" ] || [ ! -x "$state/venv/bin/python" ] || [ ! -f "$state/data/req/flipt-a.bin" ]; then
        echo "Setting the peers up (a few minutes, once)" >&2
        STATE=$state bash "$kit/run.sh" setup-quick >&2 || {
            echo "error: the peers could not be set up; the lines above say why. As root the kit installs Debian" \
                "packages itself; else install gcc, valgrind, python3-venv and libssl-dev first" >&2
            exit 1
        }
    fi
    peers=(--kit "$kit")
fi
exec python3 -B Benchmarks/compare.py --program "$program" --state "$state" "${peers[@]}"
