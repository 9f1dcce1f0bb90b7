#!/usr/bin/env bash
# Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
#
# Everything that must hold before a change lands: `make test` and CI are this script.
# The closing line is that of the tests; the exit status is that of the first step that failed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

step() { printf '\n== %s\n' "$*"; }

Scripts/bootstrap.sh test

sources=(Package.swift Sources Tests Examples Fuzzing)
[ ! -d Benchmarks ] || sources+=(Benchmarks)

step "Format and lint"
swift format lint --strict --recursive --parallel "${sources[@]}"
if grep -rlE --include='*.swift' '^ *(@testable )?import XCTest' Tests; then
    echo "error: the files above use XCTest, which this script does not run; write them with Swift Testing" >&2
    exit 1
fi

step "Each row of the SDK behaviour checklist has a test or a reason"
checklist=../shared/reference/sdk-behaviour-checklist.md
if [ -f "$checklist" ]; then
    Scripts/checklist.py "$checklist" | tail -1
else
    echo "Not compared: there is no $checklist beside this clone."
fi

# Release mode for all: one build serves the tests, and the end-to-end tests drive the program as users run it.
step "Build, release mode, imports checked against Package.swift"
swift build -c release --build-tests --explicit-target-dependency-import-check error || {
    echo "error: the build failed; an import that Package.swift does not declare fails it even when all compiles" >&2
    exit 1
}

step "Documentation"
Scripts/docs.sh

step "Tests"
exec Scripts/tests.py
