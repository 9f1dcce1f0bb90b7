#!/usr/bin/env bash
# Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
#
# Tests the warehouse on two ClickHouse shards of two replicas with ZooKeeper, each replica killed in turn, and on a current
# ClickHouse in a process (the Python package chdb, half a gigabyte, put into .chdb): alone, with tables of earlier builds,
# and as a shard that a replica joins. From the environment:
#   CHDB=file   a Python that has chdb already
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

Scripts/bootstrap.sh cluster
if [ -z "${CHDB:-}" ]; then
    CHDB=$PWD/.chdb/bin/python
    version=26.9.0
    if [ "$(cat .chdb/.stamp 2>/dev/null)" != "$version" ]; then
        echo "Installing chdb 4.4.0 with the engine $version into .chdb"
        rm -rf .chdb
        .venv/bin/python -m venv .chdb
        .chdb/bin/python -m pip install --quiet --disable-pip-version-check "chdb==4.4.0" "chdb-core==$version" </dev/null
        echo "$version" >.chdb/.stamp
    fi
fi
export FLOODGATE_TEST_CLUSTER=yes FLOODGATE_CHDB=$CHDB
swift test -c release --disable-xctest --filter 'ClickHouseClusterTests|CurrentTablesTests'
