#!/usr/bin/env bash
# Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
#
# Compares the evaluator with Statsig's official core on random documents and users: `fuzz-eval.sh SEED PAIRS`, one
# process per CPU. Differences are shrunk and printed with the line that replays each; any makes the exit status 1.
# With FLOODGATE_RECORD=1 the golden file Tests/Fixtures/evaluation.jsonl.gz is recorded anew from the core instead.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

seed=${1:-1}
pairs=${2:-1000000}
case $pairs in
    '' | *[!0-9]*)
        echo "error: '$pairs' is no number of cases; write for example 'make fuzz-eval SEED=7 CASES=100000'" >&2
        exit 1
        ;;
esac

Scripts/bootstrap.sh test
if [ "${FLOODGATE_RECORD:-0}" = 1 ]; then
    exec .venv/bin/python Scripts/differential/fuzz.py record --out Tests/Fixtures/evaluation.jsonl.gz
fi
swift build -c release --product floodgate || {
    echo "error: the build failed; the lines above say where" >&2
    exit 1
}
exec .venv/bin/python Scripts/differential/fuzz.py run --evaluator .build/release/floodgate --seed "$seed" \
    --pairs "$pairs" --jobs "$(getconf _NPROCESSORS_ONLN)"
