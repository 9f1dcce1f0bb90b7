#!/usr/bin/env bash
# Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
#
# Builds the server and runs it with the demo project. FLOODGATE_DATA names another data folder, FLOODGATE_LISTEN
# another address; further arguments go to `floodgate serve`.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

data=${FLOODGATE_DATA:-$root/floodgate-data}
case $data in
    /*) ;;
    *) data=$PWD/$data ;;
esac
cd "$root"

Scripts/bootstrap.sh build
echo "Building floodgate in release mode (minutes the first time, seconds later)"
swift build -c release --product floodgate || {
    echo "error: the build failed; the lines above say where" >&2
    exit 1
}
# Without it events stay in the log, which the server says.
if duckdb=$(Scripts/find-duckdb.sh); then export FLOODGATE_DUCKDB=$duckdb; fi
exec .build/release/floodgate serve --data "$data" --listen "${FLOODGATE_LISTEN:-127.0.0.1:8080}" --demo "$@"
