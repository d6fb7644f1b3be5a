#!/usr/bin/env bash
# The whole suite, one test at a time. What failed is said again at the end, where a long log is looked at first.
set -euo pipefail
cd "$(dirname "$0")/.."

log=$(mktemp "${TMPDIR:-/tmp}/stepwise-test.XXXXXX")
trap 'rm -f "$log"' EXIT
status=0
swift test --no-parallel "$@" 2>&1 | tee "$log" || status=$?
if [ "$status" -ne 0 ]; then
    echo "test: failed with $status; in short:"
    grep -aE '✘|error:|Fatal error|unexpected signal' "$log" | tail -n 40 || true
    grep -aE 'Test run with' "$log" | tail -n 1 || true
fi
exit "$status"
