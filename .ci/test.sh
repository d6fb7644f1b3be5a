#!/usr/bin/env bash
# The whole suite, or what the arguments of `swift test` choose, one test at a time. What failed is said again at the end, where a long
# log is looked at first. That nothing was executed is a failure.
set -euo pipefail
cd "$(dirname "$0")/.."

log=$(mktemp "${TMPDIR:-/tmp}/stepwise-test.XXXXXX")
trap 'rm -f "$log"' EXIT
echo "test: building (some minutes, the first time)"
if ! swift build --build-tests >"$log" 2>&1; then
    grep -avE '^\[[0-9]+/[0-9]+\] ' "$log" | tail -n 200
    exit 1
fi
status=0
swift test --skip-build --no-parallel "$@" 2>&1 | tee "$log" || status=$?
if [ "$status" -eq 0 ] && ! grep -qaE 'Test run with [1-9]' "$log"; then
    echo "test: there is no such test"
    exit 1
fi
# Who reads the log looks for the closing line at the beginning of a line.
if [ "$status" -eq 0 ] && ! grep -qaE '^✔ Test run with [1-9]' "$log"; then
    echo "test: something stands before the closing line: a test, or what it started, wrote to the output without ending its line"
    exit 1
fi
if [ "$status" -ne 0 ]; then
    echo "test: failed with $status; in short:"
    grep -aE '✘|error:|Fatal error|unexpected signal' "$log" | tail -n 40 || true
    grep -aE 'Test run with' "$log" | tail -n 1 || true
fi
exit "$status"
