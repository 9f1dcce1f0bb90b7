#!/usr/bin/env bash
# Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
#
# Looks for bytes that bring the readers, the evaluator and the front door down, guided by coverage: `fuzz.sh SECONDS [TARGET…]`, each
# target for so long, all if none is named. Built with libFuzzer and AddressSanitizer apart from other builds, in
# .build-fuzz. What was learnt stays in Fuzzing/corpus, what was found in Fuzzing/findings; a finding (a trap, a fault,
# a bad access, 5 seconds or 2 GB for one input) ends its target's run and makes the exit status 1.
# With FLOODGATE_FUZZ_ONLY_BUILD=1 it builds and ends.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

seconds=${1:-60}
[ $# -eq 0 ] || shift
case $seconds in
    '' | 0 | *[!0-9]*)
        echo "error: '$seconds' is no number of seconds; write for example 'make fuzz SECONDS=600 TARGET=document'" >&2
        exit 1
        ;;
esac
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(json document user events regex texts head proxy connection frames)

Scripts/bootstrap.sh build
# Of several sanitizers the Swift compiler heeds the last one alone unless they stand in one option, and SwiftPM writes
# them in an order that hangs on hashing; in another order all would be built anew. The linker says hundreds of times
# that it exports no local symbols; nobody needs to know.
FLOODGATE_FUZZ=1 SWIFT_DETERMINISTIC_HASHING=1 swift build -c release --scratch-path .build-fuzz --product Fuzz \
    --sanitize=fuzzer --sanitize=address -Xswiftc -sanitize=fuzzer,address 2>&1 |
    { grep -v 'Cannot export local symbol' || true; }
fuzz=.build-fuzz/release/Fuzz
[ "${FLOODGATE_FUZZ_ONLY_BUILD:-0}" != 1 ] || exit 0

# Swift's own crash handler would take the trap before libFuzzer writes the input down, and hashing must be repeatable.
export SWIFT_BACKTRACE=enable=no SWIFT_DETERMINISTIC_HASHING=1 ASAN_OPTIONS=handle_sigill=1:detect_leaks=0
mkdir -p Fuzzing/findings
failed=0
results=()
for target in "${targets[@]}"; do
    seeds=.build-fuzz/seeds/$target
    corpus=Fuzzing/corpus/$target
    rm -rf "$seeds"
    mkdir -p "$seeds" "$corpus"
    limits=$("$fuzz" --target="$target" --prepare="$seeds" </dev/null | grep '^max_len=') || {
        "$fuzz" --target="$target" </dev/null
        exit 1
    }
    printf '\n== %s: %s s, %s seeds, %s inputs kept from earlier runs\n' "$target" "$seconds" \
        "$(find "$seeds" -type f | wc -l)" "$(find "$corpus" -type f | wc -l)"
    known=()
    [ ! -d "Fuzzing/Regressions/$target" ] || known=("Fuzzing/Regressions/$target")
    log=.build-fuzz/$target.log
    result=clean
    timeout $((seconds + 300)) "$fuzz" --target="$target" -max_total_time="$seconds" "-$limits" -timeout=5 \
        -rss_limit_mb=2048 -dict=".build-fuzz/seeds/$target.dict" -artifact_prefix="Fuzzing/findings/$target-" \
        -report_slow_units=3 -print_final_stats=1 "$corpus" "$seeds" "${known[@]}" </dev/null >"$log" 2>&1 || result="FOUND, see $log"
    # Without counters it would go through inputs blindly and find nothing.
    counters=$(sed -n 's/.*Loaded 1 modules *(\([0-9]*\) inline.*/\1/p' "$log")
    [ "${counters:-0}" -gt 10000 ] || result="NOT INSTRUMENTED, see $log"
    if [ "$result" != clean ]; then
        failed=1
        grep -aE '^(Fault in|Fatal error|.*: Fatal error|==[0-9]+== ?ERROR|SUMMARY|ALARM|artifact_prefix)' "$log" || tail -n 20 "$log"
    fi
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    rate=$(sed -n 's/^stat::average_exec_per_sec: *//p' "$log")
    slowest=$(sed -n 's/^stat::slowest_unit_time_sec: *//p' "$log")
    coverage=$(grep -aoE 'cov: [0-9]+' "$log" | tail -n 1) || true
    results+=("$(printf '%-10s %10s runs %6s/s  %-11s slowest %s s  %s' "$target" "${runs:-?}" "${rate:-?}" \
        "${coverage:-cov: ?}" "${slowest:-?}" "$result")")
done

printf '\n'
printf '%s\n' "${results[@]}"
exit $failed
