#!/usr/bin/env bash
# Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
#
# Kills servers, cuts the power of their disks and damages their files, and counts what was acknowledged and is lost;
# Tests/Durability/README.md says how. From the environment:
#   FAULTS=kpqfernstdlb which cases
#   KILLS=500           how often the cases k, p, q and f kill
#   SECONDS_EACH=20     how long each other case goes on
#   GIB=2               how long the log of case b is
#   SEED=text           which choices are made; another one each time
#   PROGRAM=file        a floodgate that is built already
#   FOLDER=folder       where the data is kept meanwhile, which should be on a real disk
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

Scripts/bootstrap.sh test
if [ -z "${PROGRAM:-}" ]; then
    echo "Building floodgate in release mode (minutes the first time, seconds later)" >&2
    swift build -c release --product floodgate >&2
    PROGRAM=$(swift build -c release --show-bin-path)/floodgate
fi
exec .venv/bin/python -B Tests/Durability/durability_test.py --program "$PROGRAM" --faults "${FAULTS:-kpqfernstdlb}" \
    --kills "${KILLS:-500}" --seconds "${SECONDS_EACH:-20}" --gib "${GIB:-2}" ${SEED:+--seed "$SEED"} \
    --folder "${FOLDER:-${TMPDIR:-/tmp}}"
