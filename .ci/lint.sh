#!/usr/bin/env bash
# Everything that reads the code without executing it. Stops at the first that complains.
set -euo pipefail
# With this in a shell's environment `make test` builds nothing that `make lint` has built; .ci/run has it.
export STEPWISE_WARNINGS_AS_ERRORS=1
cd "$(dirname "$0")/.."

echo "lint: Swift's format"
swift format lint --strict --parallel --recursive Package.swift Sources Tests

echo "lint: the Lua scripts"
find Sources -name '*.lua' -print0 | sort -z | xargs -0 luacheck --quiet

echo "lint: the shell scripts"
for script in .ci/run .ci/*.sh; do bash -n "$script"; done

echo "lint: docker/compose.yaml"
if command -v docker-compose >/dev/null; then
    docker-compose -f docker/compose.yaml config -q
else
    docker compose -f docker/compose.yaml config -q
fi

echo "lint: words that the project no longer uses"
status=0
git grep -niE 'carr(y|ie[rsd])|in[c]arnation|run[c]opy|give[b]ack|\bunex[p]ect\b' -- . ':!LICENSE' ':!*Architecture.md' || status=$?
case $status in
    0) echo "lint: use the words of the page Architecture instead"; exit 1 ;;
    1) ;;
    *) exit "$status" ;;
esac

echo "lint: numbers and texts from outside are bounded in one place"
python3 .ci/numbers.py

echo "lint: a build of everything, tests too, in which a warning is an error (some minutes, the first time)"
log=$(mktemp "${TMPDIR:-/tmp}/stepwise-lint.XXXXXX")
trap 'rm -f "$log"' EXIT
if ! swift build --build-tests >"$log" 2>&1; then
    grep -avE '^\[[0-9]+/[0-9]+\] ' "$log" | tail -n 200
    exit 1
fi
echo "lint: the rooms of Sources/Stepwise"
python3 .ci/rooms.py "$(swift build --show-bin-path)/index/store"
echo "lint: nothing to complain about"
