#!/usr/bin/env bash
# Proves that the tests can fail: plants one defect after the other and expects the test that names it to go red.
#
# Usage: .ci/mutants.sh [NAME…]     (default: every file of Tests/Mutants; a NAME may be the beginning of one)
#
# An entry is a patch with three lines before it: `Shows:` the scenario or rule that it breaks, `Defect:` what is wrong then, and
# `Tests:` a regular expression for `swift test --filter`. Works on a copy of the tree, with the changes that are not committed, in
# .build/mutants/tree, which stays there so that the next time only what has changed is built; the logs are in .build/mutants/logs.
# Exits with 1 if an entry is missing, does not apply or build, or leaves its tests green. Ends what a red test has left behind.
set -euo pipefail
cd "$(dirname "$0")/.."

# What must have an entry. Rule 9 says what may be promised; no defect in the code breaks it.
scenarios="1 2 3 9 10 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 34 35 36 37 38 39 40 41 42 46 47 48 49 50 51 53 54 55 56 57 61 62"
rules="1 2 3 4 5 6 7 8 10"
# Seconds for the tests of one entry. One that breaks something may well hang.
limit=300

root=$(pwd -P)
entries=$root/Tests/Mutants
work=$root/.build/mutants
tree=$work/tree
logs=$work/logs

fail() { echo "mutants: $*" >&2; exit 1; }
header() { sed -n "s/^$1: //p" "$entries/$2.patch" | head -n 1; }
for tool in setsid timeout; do command -v "$tool" >/dev/null || { echo "mutants: there is no \"$tool\" here" >&2; exit 2; }; done

# ---- which entries

names=()
for file in "$entries"/*.patch; do
    name=$(basename "$file" .patch)
    for key in Shows Defect Tests; do
        if [ -z "$(header "$key" "$name")" ]; then fail "$name.patch has no line \"$key: …\""; fi
    done
    if [ $# -eq 0 ]; then names+=("$name"); continue; fi
    for wanted in "$@"; do
        case $name in "$wanted"*) names+=("$name"); break ;; esac
    done
done
if [ "${#names[@]}" -eq 0 ]; then echo "mutants: no entry begins with: $*" >&2; exit 64; fi
shown=$(sed -n 's/^Shows: //p' "$entries"/*.patch)
missing=()
for number in $scenarios; do grep -qxF "Scenario $number" <<<"$shown" || missing+=("Scenario $number"); done
for number in $rules; do grep -qxF "Rule $number" <<<"$shown" || missing+=("Rule $number"); done
if [ "${#missing[@]}" -gt 0 ]; then fail "there is no entry for ${missing[*]}"; fi

# ---- what it starts and ends

scratch=$(mktemp -d "${TMPDIR:-/tmp}/mutants.XXXXXX")
# Sockets and data of the tests' own servers: gone with this script, also where a test was killed.
export TMPDIR=$scratch
session=
# A test that was killed leaves servers and workers: they are in its session, whatever groups they have made.
end_session() {
    local pids
    # In a trap, `return` alone gives the status of what came before the trap.
    if [ -z "$session" ]; then return 0; fi
    pids=$(ps -eo pid=,sess= | awk -v session="$session" '$2 == session { print $1 }')
    session=
    # shellcheck disable=SC2086
    if [ -n "$pids" ]; then kill -KILL $pids 2>/dev/null || true; fi
}
clean() {
    local status=$?
    trap - EXIT
    end_session
    rm -rf "$scratch"
    exit "$status"
}
trap clean EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# run_tests LOG SECONDS FILTER…
run_tests() {
    local log=$1 seconds=$2 filters=() status=0
    shift 2
    for filter in "$@"; do filters+=(--filter "$filter"); done
    (cd "$tree" && exec setsid timeout -k 5 "$seconds" swift test --no-parallel --skip-build "${filters[@]}") \
        </dev/null >"$log" 2>&1 &
    session=$!
    wait "$session" || status=$?
    end_session
    return "$status"
}
# A defect may leave a warning behind, such as a variable that nobody uses.
build() { (cd "$tree" && STEPWISE_WARNINGS_AS_ERRORS=0 swift build --build-tests) </dev/null >"$1" 2>&1; }
# Without the ceiling, git would take the copy for a folder of this repository and leave its files alone.
patch_tree() { GIT_CEILING_DIRECTORIES=$work git -C "$tree" apply "$@" >/dev/null 2>&1; }

# ---- the copy

mkdir -p "$tree" "$logs"
# What is the same keeps its time, so that it is not built again.
{
    git ls-files --cached --others --exclude-standard
    if [ -f Package.resolved ]; then echo Package.resolved; fi
} | LC_ALL=C sort -u | while IFS= read -r path; do if [ -f "$path" ]; then echo "$path"; fi; done >"$scratch/files"
while IFS= read -r path; do
    if cmp -s "$path" "$tree/$path"; then continue; fi
    mkdir -p "$tree/$(dirname "$path")"
    cp "$path" "$tree/$path"
done <"$scratch/files"
(cd "$tree" && find . -path ./.build -prune -o -type f -print) | sed 's|^\./||' | LC_ALL=C sort >"$scratch/found"
LC_ALL=C comm -13 "$scratch/files" "$scratch/found" | while IFS= read -r path; do rm -f "$tree/$path"; done

# ---- without a defect

begin=$SECONDS
echo "mutants: building the copy in .build/mutants/tree"
build "$logs/build.log" || { tail -n 20 "$logs/build.log"; fail "the tree without a defect does not build"; }
(cd "$tree" && swift test list --skip-build) </dev/null >"$scratch/tests" 2>/dev/null || fail "swift test list failed"
filters=()
for name in "${names[@]}"; do
    filter=$(header Tests "$name")
    grep -Eq -- "$filter" "$scratch/tests" || fail "$name: no test matches \"$filter\""
    case " ${filters[*]-} " in *" $filter "*) ;; *) filters+=("$filter") ;; esac
done
built=$SECONDS
echo "mutants: built in $((built - begin)) s; the tests of ${#names[@]} entries, without a defect"
if ! run_tests "$logs/green.log" 1800 "${filters[@]}"; then
    grep -F '✘' "$logs/green.log" | head -n 20 || true
    fail "not green without a defect; see .build/mutants/logs/green.log"
fi
echo "mutants: green in $((SECONDS - built)) s"

# ---- with each defect

bad=()
for name in "${names[@]}"; do
    start=$SECONDS
    log=$logs/$name.log
    if ! patch_tree "$entries/$name.patch"; then
        verdict="does not apply"
    elif ! build "$log"; then
        verdict="does not build"
    else
        status=0
        run_tests "$log" "$limit" "$(header Tests "$name")" || status=$?
        if [ "$status" -eq 0 ]; then
            verdict="STILL GREEN"
        elif [ "$status" -eq 124 ] || [ "$status" -eq 137 ] || grep -qE '✘ Test|unexpected signal' "$log"; then
            verdict="red as expected"
        else
            # Neither a failed test nor a crash: `swift test` itself did not work.
            verdict="NO VERDICT"
        fi
    fi
    if [ "$verdict" != "does not apply" ]; then patch_tree -R "$entries/$name.patch" || fail "$name cannot be taken back"; fi
    if [ "$verdict" != "red as expected" ]; then bad+=("$name"); fi
    printf '%-16s %4d s  %s\n' "$verdict" $((SECONDS - start)) "$name"
done

echo "mutants: $((${#names[@]} - ${#bad[@]})) of ${#names[@]} red as expected, in $((SECONDS - begin)) s"
if [ "${#bad[@]}" -gt 0 ]; then
    echo "mutants: look at ${bad[*]}, with their logs in .build/mutants/logs" >&2
    exit 1
fi
