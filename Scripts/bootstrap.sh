#!/usr/bin/env bash
# Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
#
# Brings the machine to where the build (`bootstrap.sh build`) or the tests (`bootstrap.sh test`) can start: checks the
# Swift toolchain, installs the missing Debian packages and, for the tests, makes the Python environment .venv.
# Does nothing, and needs no network, when everything is there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

fail() {
    echo "error: $*" >&2
    exit 1
}

purpose=${1:-build}
case $purpose in
    build | test) ;;
    cluster) with_zookeeper=yes purpose=test ;;
    *) fail "unknown purpose '$purpose'; write 'Scripts/bootstrap.sh build', 'test' or 'cluster'" ;;
esac

# 1. The toolchain.
command -v swift >/dev/null ||
    fail "there is no Swift toolchain on PATH; install Swift 6.3 (https://www.swift.org/install) and try again"
swift_version=$({ swift --version 2>/dev/null || true; } | sed -n 's/.*Swift version \([0-9]*\.[0-9]*\).*/\1/p' | head -n 1)
[ -n "$swift_version" ] ||
    fail "'swift --version' does not work; see what it says, repair the toolchain and try again"
swift_number=$((${swift_version%%.*} * 100 + ${swift_version#*.}))
[ "$swift_number" -ge 602 ] ||
    fail "this is Swift $swift_version; Floodgate needs 6.2 or newer, and 6.3 is what it is tested with"
[ "$swift_number" -ge 603 ] || echo "note: this is Swift $swift_version; Floodgate is tested with 6.3" >&2

# 2. System packages. What counts is that the thing is there, wherever it came from.
pythons() {
    type -aP python3 || true
}

# The first python3 on PATH that can make a virtual environment.
find_python() {
    local candidate
    while IFS= read -r candidate; do
        if "$candidate" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 9))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done < <(pythons)
    return 1
}

# Servers lie where an ordinary user's PATH may not lead.
find_server() {
    PATH=$PATH:/usr/sbin:/usr/local/sbin command -v "$1"
}

missing=()
need() {
    local package=$1
    shift
    "$@" >/dev/null 2>&1 || missing+=("$package")
}

list_missing() {
    missing=()
    need ca-certificates test -e /etc/ssl/certs/ca-certificates.crt
    need git command -v git
    need make command -v make
    need pkg-config command -v pkg-config
    need libnats-dev pkg-config --exists libnats
    need libsqlite3-dev pkg-config --exists sqlite3
    need libzstd-dev pkg-config --exists libzstd
    need libdeflate-dev pkg-config --exists libdeflate
    need libsimdjson-dev pkg-config --exists simdjson
    need libxxhash-dev pkg-config --exists libxxhash
    need zlib1g-dev pkg-config --exists zlib
    need python3 find_python
    need python3-venv find_python
    if [ "$purpose" = test ]; then
        need curl command -v curl
        need openssl command -v openssl
        need chromium command -v chromium
        need chromium-driver command -v chromedriver
        need fonts-dejavu-core test -e /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf
        need nats-server find_server nats-server
        need clickhouse-server find_server clickhouse-server
        [ -z "${with_zookeeper:-}" ] || need zookeeper test -e /usr/share/java/zookeeper.jar
    fi
}

install_missing() {
    local as_root=() log how="as root"
    command -v apt-get >/dev/null ||
        fail "missing: ${missing[*]} (Debian's names); there is no apt-get here, so install them by hand and try again"
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || fail "missing: ${missing[*]}; run 'apt-get install ${missing[*]}' as root"
        as_root=(sudo)
        how="with sudo"
        [ -t 0 ] || as_root+=(-n)
    fi
    as_root+=(env DEBIAN_FRONTEND=noninteractive apt-get -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300)

    echo "Installing system packages $how: ${missing[*]}"
    log=$(mktemp)
    if ! { "${as_root[@]}" update && "${as_root[@]}" install -y --no-install-recommends "${missing[@]}"; } \
        </dev/null >"$log" 2>&1; then
        tail -n 10 "$log" >&2
        rm -f "$log"
        fail "apt-get could not install ${missing[*]} (its last lines stand above);" \
            "check the network, or run 'apt-get update && apt-get install ${missing[*]}' as root"
    fi
    rm -f "$log"
}

list_missing
if [ ${#missing[@]} -gt 0 ]; then
    install_missing
    hash -r
    list_missing
    [ ${#missing[@]} -eq 0 ] || fail "still missing after the installation: ${missing[*]}; see whether PATH hides them"
fi

# 3. The Python environment that the end-to-end tests drive: Statsig's SDKs and a browser driver.
make_environment() {
    local requirements=Tests/IntegrationTests/requirements.txt stamp=.venv/.stamp python wanted
    python=$(find_python)
    wanted=$("$python" -c '
import hashlib, sys
print(hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest(), sys.version.split()[0])' "$requirements")
    if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && .venv/bin/python -c pass 2>/dev/null; then
        return
    fi
    echo "Installing Python packages into .venv: $(grep -v '^ *\(#\|$\)' "$requirements" | tr '\n' ' ')"
    rm -rf .venv
    "$python" -m venv .venv ||
        fail "'$python -m venv .venv' failed; install python3-venv, or put another python3 first on PATH"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement "$requirements" </dev/null ||
        fail "pip could not install what $requirements names; check the network and try again"
    echo "$wanted" >"$stamp"
}

# DuckDB, in which the server analyses events: where it is not installed, its program from PyPI, in .duckdb.
make_duckdb() {
    local version=1.5.6 python
    ! command -v duckdb >/dev/null || return 0
    [ "$(cat .duckdb/.stamp 2>/dev/null)" != "$version" ] || return 0
    python=$(find_python) || python=
    echo "Installing DuckDB $version into .duckdb"
    rm -rf .duckdb
    if [ -z "$python" ] || ! "$python" -m venv .duckdb >/dev/null 2>&1 ||
        ! .duckdb/bin/python -m pip install --quiet --disable-pip-version-check "duckdb-cli==$version" </dev/null; then
        echo "note: DuckDB could not be installed; events stay in the log until there is one (pip install duckdb-cli)" >&2
        rm -rf .duckdb
        return 0
    fi
    echo "$version" >.duckdb/.stamp
}

if [ "$purpose" = test ]; then
    make_environment
else
    make_duckdb
fi
