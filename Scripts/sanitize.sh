#!/usr/bin/env bash
# Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
#
# Runs the client's tests under ThreadSanitizer: `sanitize.sh [FILTER]`, all of them if no filter is given. Only the client
# and what it is made of are built, apart from other builds, in .build-tsan. A report makes the exit status 1, like a test
# that fails; it stands in the output from "WARNING: ThreadSanitizer" on.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

Scripts/bootstrap.sh build
export FLOODGATE_PART=sdk
swift build --build-tests --sanitize thread --scratch-path .build-tsan
# Not the test that counts memory, where the sanitizer's own would count; one by one, since all at once are too slow for
# their time limits on few cores.
swift test --skip-build --sanitize thread --scratch-path .build-tsan --disable-xctest --no-parallel --skip "takes no more memory" \
    --filter "${1:-^(FloodgateTests|FloodgateOpenFeatureTests)\.}"
