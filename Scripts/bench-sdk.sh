#!/usr/bin/env bash
# Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
#
# Measures how the client starts and behaves while documents change, beside Statsig's Python core where that can be
# installed; Benchmarks/README.md says how to read the tables. From the environment:
#   PARTS=sdfc         starts, checks while documents are replaced, a flood of events, what is left behind
#   ROUNDS=5           how often each start, and each slice of checks, is repeated
#   SPECS="100 1000 10000"   how large the documents are
#   SLICE=5            seconds of a slice of checks
#   FLOOD=20           seconds of the flood
#   STATE=folder       where documents, raw results and the Python environment are kept
#   PYTHON=file        a python3 that has statsig-python-core already
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export PARTS=${PARTS:-sdfc} ROUNDS=${ROUNDS:-5} SPECS=${SPECS:-100 1000 10000} SLICE=${SLICE:-5} FLOOD=${FLOOD:-20}

state=${STATE:-$PWD/Benchmarks/.build/sdk}
case $state in
    /*) ;;
    *) state=$PWD/$state ;;
esac
mkdir -p "$state"

command -v python3 >/dev/null || {
    echo "error: python3 is not there; it serves the documents and makes the tables. Install it and try again" >&2
    exit 1
}
Scripts/bootstrap.sh build
# The same versions as the package itself.
[ -f Benchmarks/Package.resolved ] || [ ! -f Package.resolved ] || cp Package.resolved Benchmarks/
echo "Building floodgate-sdk-bench in release mode (minutes the first time, seconds later)" >&2
swift build --package-path Benchmarks -c release --product floodgate-sdk-bench >&2 || {
    echo "error: the build failed; the lines above say where" >&2
    exit 1
}
program=$(swift build --package-path Benchmarks -c release --show-bin-path)/floodgate-sdk-bench

has_core() { "$1" -c 'import statsig_python_core' 2>/dev/null; }
python=
for candidate in ${PYTHON:+"$PYTHON"} .venv/bin/python Benchmarks/.build/peers/venv/bin/python "$state/venv/bin/python"; do
    if [ -x "$candidate" ] && has_core "$candidate"; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    echo "Installing statsig-python-core in $state/venv (once)" >&2
    if python3 -m venv "$state/venv" >&2 && "$state/venv/bin/pip" install -q statsig-python-core >&2; then
        python=$state/venv/bin/python
    else
        echo "note: statsig-python-core could not be installed, so its rows are missing below" >&2
    fi
fi
exec python3 -B Benchmarks/sdk.py --program "$program" --state "$state" --python "$python"
