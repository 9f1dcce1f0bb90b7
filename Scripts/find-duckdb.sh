#!/usr/bin/env bash
# Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
#
# Prints where DuckDB's program is: DUCKDB, FLOODGATE_DUCKDB, on PATH, or where Scripts/bootstrap.sh puts it. Prints nothing,
# and fails, if there is none.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

for program in "${DUCKDB:-}" "${FLOODGATE_DUCKDB:-}" "$(command -v duckdb || true)" \
    "$PWD"/.duckdb/lib/python3*/site-packages/duckdb_cli/duckdb "$PWD"/.venv/lib/python3*/site-packages/duckdb_cli/duckdb; do
    if [ -n "$program" ] && [ -x "$program" ]; then
        echo "$program"
        exit
    fi
done
echo "DuckDB's program is not there; install it (https://duckdb.org/install) or say where it is with DUCKDB=file" >&2
exit 1
