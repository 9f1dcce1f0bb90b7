#!/usr/bin/env bash
# Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
#
# Measures what it costs to take events, to keep them and to bring them into the warehouse, beside the databases of
# ../shared/bench/peers where that folder is there; Benchmarks/README.md says how to read the tables. From the environment:
#   ROUNDS=3           how often everything is measured
#   SECONDS_EACH=5     how long each contestant is under load in a round
#   BACKLOG=2000000    events that are loaded
#   RIVALS=postgres,in-process   which groups of the kit
#   WRITE=1            keeps the figures for `floodgate capacity`
#   PROGRAM=file       a floodgate that is built already
#   DUCKDB=file        DuckDB's program (FLOODGATE_DUCKDB, or duckdb on PATH)
#   STATE=folder       where data, logs and raw results are kept, which should be on a real disk
#   PEERS=folder       where the kit keeps its environment and data
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

absolute() {
    case $1 in
        /*) echo "$1" ;;
        *) echo "$PWD/$1" ;;
    esac
}
state=$(absolute "${STATE:-Benchmarks/.build/intake}")
peers=$(absolute "${PEERS:-Benchmarks/.build/peers}")
mkdir -p "$state" "$peers"

command -v python3 >/dev/null || {
    echo "error: python3 is not there; it makes the load and the tables. Install it and try again" >&2
    exit 1
}
Scripts/bootstrap.sh build >&2
duckdb=$(Scripts/find-duckdb.sh)
if [ -z "${PROGRAM:-}" ]; then
    echo "Building floodgate in release mode (minutes the first time, seconds later)" >&2
    swift build -c release --product floodgate >&2
    PROGRAM=$(swift build -c release --show-bin-path)/floodgate
fi

kit=../shared/bench/peers
rivals=()
if [ ! -f "$kit/run.sh" ]; then
    echo "note: ../shared/bench/peers is not there, so PostgreSQL and DuckDB are missing below" >&2
else
    if [ ! -x "$peers/post" ] || [ ! -f "$peers/events/b039.tsv" ] ||
        ! "$peers/venv/bin/python" -c 'import duckdb, psycopg' 2>/dev/null; then
        echo "Setting the peers up (some minutes, once)" >&2
        STATE=$peers bash "$kit/run.sh" setup >&2 || {
            echo "error: the peers could not be set up; the lines above say why. As root the kit installs Debian packages" >&2
            exit 1
        }
    fi
    rivals=(--kit "$kit" --kit-state "$peers" --rivals "${RIVALS:-postgres,in-process}")
fi
exec python3 -B Benchmarks/intake.py --program "$PROGRAM" --duckdb "$duckdb" --state "$state" --rounds "${ROUNDS:-3}" \
    --seconds "${SECONDS_EACH:-5}" --backlog "${BACKLOG:-2000000}" "${rivals[@]}" \
    ${WRITE:+--write Sources/FloodgateOperations/Figures/figures.json}
