#!/usr/bin/env bash
# Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
#
# Measures how soon an edge answers from its disk while nothing upstream does; Benchmarks/README.md says how to read the
# table. From the environment:
#   ROUNDS=7           how often each start is measured
#   SPECS="1000 10000" how many specs the document has
#   PROGRAM=file       a floodgate that is built already
#   FOLDER=folder      where the data is kept meanwhile; by default in memory, so that a disk that others write to is not
#                      measured
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

command -v python3 >/dev/null || {
    echo "error: python3 is not there (package python3); install it and try again" >&2
    exit 1
}
if [ -z "${PROGRAM:-}" ]; then
    Scripts/bootstrap.sh build
    echo "Building floodgate in release mode (minutes the first time, seconds later)" >&2
    swift build -c release --product floodgate >&2
    PROGRAM=$(swift build -c release --show-bin-path)/floodgate
fi
parent=${FOLDER:-/dev/shm}
[ -w "$parent" ] || parent=${TMPDIR:-/tmp}
folder=$(mktemp -d -p "$parent")
trap 'rm -rf "$folder"' EXIT
python3 -B Benchmarks/coldstart.py --program "$PROGRAM" --folder "$folder" --rounds "${ROUNDS:-7}" \
    --specs "${SPECS:-1000 10000}"
