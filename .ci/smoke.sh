#!/usr/bin/env bash
# The tests that need no redis-server: less than a minute, once built. Leaves out the suites of .ci/smoke.skip, and no others.
#
# A redis-server that a test starts all the same is one that ends at once, so that the test fails. Also fails if a suite of
# .ci/smoke.skip does not exist, and if not exactly the tests that are left were executed.
set -euo pipefail
cd "$(dirname "$0")/.."
begin=$SECONDS

work=$(mktemp -d "${TMPDIR:-/tmp}/stepwise-smoke.XXXXXX")
trap 'rm -rf "$work"' EXIT
echo "smoke: building (some minutes, the first time)"
if ! swift build --build-tests >"$work/log" 2>&1; then
    grep -avE '^\[[0-9]+/[0-9]+\] ' "$work/log" | tail -n 200
    exit 1
fi
built=$SECONDS
swift test list --skip-build >"$work/left" 2>/dev/null

skip=()
while IFS= read -r suite; do
    case $suite in "" | "#"*) continue ;; esac
    pattern="^${suite//./\\.}/"
    if ! grep -q -- "$pattern" "$work/left"; then echo "smoke: there is no suite $suite, of .ci/smoke.skip" >&2; exit 1; fi
    grep -v -- "$pattern" "$work/left" >"$work/rest" || true
    mv "$work/rest" "$work/left"
    skip+=(--skip "$pattern")
done <.ci/smoke.skip
expected=$(grep -c . "$work/left" || true)

mkdir "$work/bin"
printf '#!/bin/sh\necho "make smoke has no redis-server" >&2\nexit 1\n' >"$work/bin/redis-server"
chmod +x "$work/bin/redis-server"
status=0
PATH=$work/bin:$PATH swift test --skip-build --no-parallel "${skip[@]}" 2>&1 | tee "$work/log" || status=$?
if [ "$status" -ne 0 ]; then
    echo "smoke: failed with $status; in short:"
    grep -aE '✘|error:|Fatal error|unexpected signal' "$work/log" | tail -n 40 || true
    exit "$status"
fi
if [ "$expected" -eq 0 ] || ! grep -qa "Test run with $expected tests" "$work/log"; then
    echo "smoke: not the $expected tests were executed that there are without the suites of .ci/smoke.skip" >&2
    exit 1
fi
echo "smoke: built in $((built - begin)) s, $expected tests in $((SECONDS - built)) s"
