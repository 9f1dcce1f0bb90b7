#!/usr/bin/env bash
# Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
#
# Measures how fast changes reach thousands of event streams and what that costs, beside a bare epoll server in C on the
# same core; Benchmarks/README.md says how to read the tables. Needs two cores. From the environment:
#   PARTS=fur          fan-out beside the rival, commit to client with more streams, reconnection after all were cut
#   ROUNDS=3           how often the fan-out is measured, each time with fresh servers
#   STREAMS=5000       streams of the fan-out and of the reconnection
#   MANY=10000         streams of commit to client
#   PUBLISHES=20       publications in a round
#   PROGRAM=file       a floodgate that is built already; `none` measures the rival alone
#   STATE=folder       where the C programs, logs and raw results are kept
#   FOLDER=folder      where the server's data is kept meanwhile; by default in memory, so that what is measured is the
#                      server and not a disk that others write to as well
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

state=${STATE:-$PWD/Benchmarks/.build/streams}
case $state in
    /*) ;;
    *) state=$PWD/$state ;;
esac
mkdir -p "$state"

compiler=${CC:-$(command -v clang || command -v cc || true)}
missing=()
[ -n "$compiler" ] || missing+=(gcc)
command -v python3 >/dev/null || missing+=(python3)
command -v taskset >/dev/null || missing+=(util-linux)
[ ${#missing[@]} -eq 0 ] || {
    echo "error: missing: ${missing[*]} (Debian's names); run 'apt-get install ${missing[*]}' as root and try again" >&2
    exit 1
}
[ "$(nproc)" -ge 2 ] || {
    echo "error: this needs two processors, one for the server and one for the streams; here is one" >&2
    exit 1
}
flags=(-std=gnu17 -O2 -Wall -Wextra -Werror)
sources=Benchmarks/Streams
"$compiler" "${flags[@]}" -o "$state/epoll_server" "$sources/epoll_server.c"
"$compiler" "${flags[@]}" -o "$state/streams_client" "$sources"/{streams_client,stream_loop,event_stream}.c

if [ -z "${PROGRAM:-}" ]; then
    Scripts/bootstrap.sh build
    echo "Building floodgate in release mode (minutes the first time, seconds later)" >&2
    swift build -c release --product floodgate >&2
    PROGRAM=$(swift build -c release --show-bin-path)/floodgate
fi
program=()
[ "$PROGRAM" = none ] || program=(--program "$PROGRAM")

parent=${FOLDER:-/dev/shm}
[ -w "$parent" ] || parent=${TMPDIR:-/tmp}
folder=$(mktemp -d -p "$parent")
trap 'rm -rf "$folder"' EXIT
python3 -B Benchmarks/streams.py ${program[@]+"${program[@]}"} --state "$state" --folder "$folder" \
    --rival "$state/epoll_server" --client "$state/streams_client" --parts "${PARTS:-fur}" \
    --rounds "${ROUNDS:-3}" --streams "${STREAMS:-5000}" --many "${MANY:-10000}" --publishes "${PUBLISHES:-20}"
