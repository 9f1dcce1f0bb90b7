#!/usr/bin/env bash
# Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
#
# Posts events to a server with its warehouse while faults happen to both, and looks whether the ledger balances and each
# event is there once; Tests/Soak/README.md says how. From the environment:
#   SECONDS_EACH=600    how long faults happen
#   SEED=text           which choices are made; another one each time
#   PROGRAM=file        a floodgate that is built already
#   DUCKDB=file         DuckDB's program (FLOODGATE_DUCKDB, or duckdb on PATH)
#   TMPFS=1024          MiB of the disk in memory that is full at times, which needs root; 0 is a folder on FOLDER's disk
#   FOLDER=folder       where logs, and without TMPFS the data, are kept meanwhile
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

Scripts/bootstrap.sh test
duckdb=$(Scripts/find-duckdb.sh)
if [ -z "${PROGRAM:-}" ]; then
    echo "Building floodgate in release mode (minutes the first time, seconds later)" >&2
    swift build -c release --product floodgate >&2
    PROGRAM=$(swift build -c release --show-bin-path)/floodgate
fi
exec .venv/bin/python -B Tests/Soak/soak_test.py --program "$PROGRAM" --duckdb "$duckdb" --seconds "${SECONDS_EACH:-600}" \
    --tmpfs "${TMPFS:-1024}" ${SEED:+--seed "$SEED"} --folder "${FOLDER:-${TMPDIR:-/tmp}}"
