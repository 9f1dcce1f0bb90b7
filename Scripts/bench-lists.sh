#!/usr/bin/env bash
# Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
#
# Measures an ID list of ten million units: memory and time of the list itself, of a server, an edge and a client that hold
# it, and what one unit more costs each; Benchmarks/README.md says how to read the table. From the environment:
#   MEMBERS=10000000   how long the list is
#   PROGRAM=file       a floodgate that is built already
#   BENCH=file         a floodgate-lists-bench that is built already; `none` leaves its rows out
#   FOLDER=folder      where everything is kept meanwhile: some 700 MB, removed afterwards
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

command -v python3 >/dev/null || {
    echo "error: python3 is not there; it makes the measurements. Install it and try again" >&2
    exit 1
}
if [ -z "${PROGRAM:-}" ]; then
    Scripts/bootstrap.sh build
    swift build -c release --product floodgate >&2
    PROGRAM=$(swift build -c release --show-bin-path)/floodgate
fi
if [ -z "${BENCH:-}" ]; then
    # The same versions as the package itself.
    [ -f Benchmarks/Package.resolved ] || [ ! -f Package.resolved ] || cp Package.resolved Benchmarks/
    echo "Building floodgate-lists-bench in release mode (minutes the first time, seconds later)" >&2
    swift build --package-path Benchmarks -c release --product floodgate-lists-bench >&2 || {
        echo "error: the build failed; the lines above say where" >&2
        exit 1
    }
    BENCH=$(swift build --package-path Benchmarks -c release --show-bin-path)/floodgate-lists-bench
fi
folder=${FOLDER:-$(mktemp -d)}/lists
trap 'rm -rf "$folder"' EXIT
python3 -B Benchmarks/lists.py --program "$PROGRAM" --bench "$BENCH" --folder "$folder" --members "${MEMBERS:-10000000}"
