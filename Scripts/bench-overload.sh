#!/usr/bin/env bash
# Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
#
# Offers a server many times what it can do and measures what becomes of it; Benchmarks/README.md says how to read the
# tables. Needs two cores. From the environment:
#   ROUTES=initialize,rgstr   which routes are overloaded
#   FACTOR=10          by how much
#   SECONDS_OVER=15    for how long
#   SECONDS_CALM=10    how long half the load is offered afterwards
#   CONNECTIONS=2000   at once, at most
#   CORES="0 1"        the server's, and the load's
#   PROGRAM=file       a floodgate that is built already
#   FOLDER=folder      where the server's data is kept meanwhile; by default in memory, so that what is measured is the
#                      server and not a disk that others write to as well
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

command -v taskset >/dev/null || {
    echo "error: taskset is not there (package util-linux); install it and try again" >&2
    exit 1
}
read -r server_core load_core <<<"${CORES:-0 1}"
Scripts/bootstrap.sh build
# The same versions as the package itself.
[ -f Benchmarks/Package.resolved ] || [ ! -f Package.resolved ] || cp Package.resolved Benchmarks/
if [ -z "${PROGRAM:-}" ]; then
    echo "Building floodgate in release mode" >&2
    swift build -c release --product floodgate >&2
    PROGRAM=$(swift build -c release --show-bin-path)/floodgate
fi
echo "Building floodgate-load in release mode (minutes the first time, seconds later)" >&2
swift build --package-path Benchmarks -c release --product floodgate-load >&2
load=$(swift build --package-path Benchmarks -c release --show-bin-path)/floodgate-load

parent=${FOLDER:-/dev/shm}
[ -w "$parent" ] || parent=${TMPDIR:-/tmp}
folder=$(mktemp -d -p "$parent")
trap 'rm -rf "$folder"' EXIT
for route in $(tr , ' ' <<<"${ROUTES:-initialize,rgstr}"); do
    mkdir "$folder/$route"
    "$load" --program "$PROGRAM" --folder "$folder/$route" --routes "$route" --factor "${FACTOR:-10}" \
        --seconds "${SECONDS_OVER:-15}" --calm "${SECONDS_CALM:-10}" --connections "${CONNECTIONS:-2000}" \
        --server-core "$server_core" --load-core "$load_core"
done
