#!/usr/bin/env bash
# Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
#
# Runs the whole clustered stack (three brokers, a server, a warehouse) at a small part of a load, and compares what it counts
# with what `floodgate capacity` says of that part. From the environment:
#   EVENTS_PER_DAY=3e11   the whole load
#   PART=10000            which part of it is sent
#   SECONDS_EACH=90       for how long
#   WAREHOUSE=address     clickhouse://… (DuckDB)
#   PROGRAM=file          a floodgate that is built already
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

Scripts/bootstrap.sh test
if [ -z "${PROGRAM:-}" ]; then
    echo "Building floodgate in release mode (minutes the first time, seconds later)" >&2
    swift build -c release --product floodgate >&2
    PROGRAM=$(swift build -c release --show-bin-path)/floodgate
fi
FLOODGATE_DUCKDB=$(Scripts/find-duckdb.sh)
export FLOODGATE_DUCKDB
exec .venv/bin/python -B Benchmarks/capacity.py --program "$PROGRAM" --events-per-day "${EVENTS_PER_DAY:-3e11}" \
    --part "${PART:-10000}" --seconds "${SECONDS_EACH:-90}" ${WAREHOUSE:+--warehouse "$WAREHOUSE"}
