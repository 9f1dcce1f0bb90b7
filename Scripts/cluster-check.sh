#!/usr/bin/env bash
# Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
#
# Tests the warehouse on two ClickHouse shards of two replicas with ZooKeeper, each replica killed in turn.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

Scripts/bootstrap.sh cluster
export FLOODGATE_TEST_CLUSTER=yes
swift test -c release --disable-xctest --filter 'ClickHouseClusterTests'
