#!/usr/bin/env bash
# Fails when a step has become more expensive than .ci/figures allows, and names the figure.
#
# Counts, and measures no time: what one worker process (valgrind's callgrind executes it) and Redis do for each step of runs of ten steps in
# a row. Two workers execute different numbers of runs. The difference is what the steps cost, and what a worker does by the clock meanwhile:
# on a busy machine up to 2 % of the instructions. That only adds. So the script counts again, at most three times, while a figure is above
# its limit. A count takes half a minute; valgrind sees no debug information of this compiler, so it executes a copy without.
#
# The profiles stay in .build/guard: `callgrind_annotate .build/guard/callgrind.600` shows where the instructions go.
set -euo pipefail
cd "$(dirname "$0")/.."
figures=.ci/figures
if [ "$(uname -s)" = Darwin ]; then echo "guard: there is no valgrind on a Mac; nothing was counted"; exit 0; fi

echo "guard: a release build of the bench (some minutes, the first time)"
log=$(mktemp "${TMPDIR:-/tmp}/stepwise-guard.XXXXXX")
trap 'rm -f "$log"' EXIT
if ! swift build -c release --product StepwiseBench >"$log" 2>&1; then
    grep -avE '^\[[0-9]+/[0-9]+\] ' "$log" | tail -n 200
    exit 1
fi
bench=$(swift build -c release --show-bin-path)/StepwiseBench
work=.build/guard
rm -rf "$work"
mkdir -p "$work"
strip -g "$bench" -o "$work/worker"
cc -shared -fPIC -O1 -Wall -o "$work/guard.so" .ci/guard.c

launcher="env LD_PRELOAD=$PWD/$work/guard.so GUARD_ALLOCATIONS=$PWD/$work/allocations.{runs}"
launcher+=" valgrind -q --tool=callgrind --fair-sched=yes --callgrind-out-file=$PWD/$work/callgrind.{runs}"
launcher+=" --log-file=$PWD/$work/valgrind.{runs} $PWD/$work/worker"
for try in 1 2 3; do
    echo "guard: counting"
    rm -f "$work"/callgrind.* "$work"/allocations.* "$work"/valgrind.*
    if ! timeout 300 "$bench" counts --runs 200,600 --launcher "$launcher" \
        --callgrind "$work/callgrind.{runs}" --allocations "$work/allocations.{runs}" >"$work/counts" 2>"$log"; then
        echo "guard: the steps could not be counted; what was said:" >&2
        for file in "$log" "$work"/valgrind.*; do if [ -s "$file" ]; then tail -n 20 "$file" >&2; fi; done
        exit 2
    fi

    # A figure without a limit, and a limit without a figure, are mistakes too.
    status=0
    awk '
        /^#/ || NF == 0 { next }
        FNR == NR { counted[$1] = $2; next }
        !($1 in counted) { printf "guard: .ci/figures has a limit for \"%s\", which nobody counts\n", $1; failed = 1; next }
        {
            limited[$1] = 1
            over = counted[$1] + 0 > $3 + 0
            printf "guard: %-20s %12.3f a step; was %.3f, allowed %.3f%s\n", $1, counted[$1], $2, $3, over ? "   TOO MANY" : ""
            if (over) failed = 1
        }
        END {
            for (name in counted) if (!(name in limited)) { printf "guard: .ci/figures has no limit for \"%s\"\n", name; failed = 1 }
            exit failed
        }' "$work/counts" "$figures" || status=1
    if [ "$status" -eq 0 ]; then break; fi
done
if [ "$status" -ne 0 ]; then
    cat <<EOF
guard: a step has become more expensive. Where the worker's instructions go, functions and what they call:
  callgrind_annotate --inclusive=yes $work/callgrind.600 | swift demangle --simplified | head -n 60
Who asks for memory:
  callgrind_annotate --tree=caller $work/callgrind.600 | awk -v RS= '/[*] .*:(malloc .*guard.so|swift_allocObject )/' | sort -r | swift demangle --simplified | head -n 40
What a step makes Redis do: make bench ARGS='--only chain', and redis-cli MONITOR while it runs.
If it has to cost that much, say why in the commit that changes .ci/figures. The most expensive functions now:
EOF
    callgrind_annotate "$work/callgrind.600" 2>/dev/null | grep -E '^ *[0-9,]+ \(' | head -n 12 | swift demangle --simplified | cut -c 1-160 || true
fi
exit "$status"
