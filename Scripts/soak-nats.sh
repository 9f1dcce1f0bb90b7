#!/usr/bin/env bash
# Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
#
# Publishes and loads through three brokers of which one and then two are killed, again and again: `soak-nats.sh [ROUNDS]`,
# 20 rounds of about half a minute if it is not said how many. All that was acknowledged must come, and nothing twice.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

Scripts/bootstrap.sh test
export FLOODGATE_NATS_ROUNDS=${1:-20}
swift test -c release --disable-xctest --filter 'NATSClusterTests'
