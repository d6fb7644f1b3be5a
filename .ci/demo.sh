#!/usr/bin/env bash
# Digests a folder with a fleet of workers, kills one of them while a step's body runs in it, and checks every figure.
#
# Usage: .ci/demo.sh [WORKERS] [DIR]
#
# Exits with 0 if the manifest says what sha256sum and wc say and `stepwise doctor` finds nothing. Uses a redis-server of its own on
# a unix socket in a temporary folder, and ends what it has started, by process number, however it ends itself.
set -euo pipefail
cd "$(dirname "$0")/.."

workers=${1:-3}
dir=${2:-}
concurrency=4
lease=2
if [ -z "$dir" ]; then
    # On every Debian and Ubuntu; elsewhere this project's own sources.
    dir=/usr/share/perl5/Debconf
    if [ ! -d "$dir" ]; then dir=Sources; fi
fi
dir=$(cd "$dir" && pwd)
case $workers in "" | *[!0-9]* | 0) echo "demo: WORKERS is \"$workers\"; it must be a number from 1 on" >&2; exit 64 ;; esac
files=$(find "$dir" -type f -print0 | tr -dc '\0' | wc -c | tr -d ' ')
if [ "$files" -eq 0 ]; then echo "demo: there are no files under $dir" >&2; exit 64; fi

# ---- what it says, starts and ends

# A progress bar may stand on the line.
say() { if [ -t 1 ]; then printf '\r\033[K'; fi; printf '%s\n' "$*"; }
title() { say ""; say "== $*"; }
fail() { say "demo: $*"; exit 1; }

folder=$(mktemp -d "${TMPDIR:-/tmp}/stepwise-demo.XXXXXX")
started=()
clean() {
    local status=$? pid
    trap - EXIT
    for pid in ${started[@]+"${started[@]}"}; do kill -KILL "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$folder"
    exit "$status"
}
trap clean EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# The numbers of processes are forgotten when they have ended: they may become another's.
forget() {
    local pid kept=()
    for pid in "${started[@]}"; do if [ "$pid" != "$1" ]; then kept+=("$pid"); fi; done
    started=(${kept[@]+"${kept[@]}"})
}

socket=$folder/redis.sock
export STEPWISE_REDIS_URL=unix://$socket
export STEPWISE_NAMESPACE=default
keys='stepwise:{default}:'
# Counts its calls, so that what the demo itself asks is not taken for a cost of the run.
redis() { echo >>"$folder/asked"; redis-cli -s "$socket" "$@"; }

# A text as it is inside a JSON string.
escaped() {
    local text=${1//\\/\\\\}
    text=${text//\"/\\\"}
    text=${text//$'\n'/\\n}
    text=${text//$'\t'/\\t}
    text=${text//$'\r'/\\r}
    printf '%s' "$text"
}
# until_true SECONDS COMMAND…: repeats the command until it succeeds.
until_true() {
    local rounds=$(($1 * 20))
    shift
    while ! "$@"; do
        rounds=$((rounds - 1))
        if [ "$rounds" -le 0 ]; then return 1; fi
        sleep 0.05
    done
}

start_worker() {
    # At this level a worker logs the beginning of each body.
    "$bin/Digest" worker --concurrency "$concurrency" --lease "$lease" --log-level debug \
        </dev/null >"$folder/worker-$1.log" 2>&1 &
    fleet+=("$!")
    started+=("$!")
}
# The name under which the worker with this process number is registered.
name_of() { redis ZRANGE "${keys}workers" 0 -1 | grep -e "-$1-" || true; }
are_registered() { [ "$(redis ZCARD "${keys}workers")" -ge "$1" ]; }

# ---- build

title "building"
swift build --product Digest
swift build --product stepwise
bin=$(swift build --show-bin-path)

# ---- a server and a fleet

title "a redis-server of its own and $workers workers"
redis-server --port 0 --unixsocket "$socket" --dir "$folder" --logfile "$folder/redis.log" --daemonize no \
    --save "" --appendonly yes --appendfsync everysec --maxmemory-policy noeviction </dev/null >/dev/null 2>&1 &
server=$!
started+=("$server")
answers() { redis PING >/dev/null 2>&1; }
until_true 10 answers || fail "redis-server did not start: $(tail -n 5 "$folder/redis.log" 2>/dev/null)"
fleet=()
for ((number = 1; number <= workers; number++)); do start_worker "$number"; done
until_true 20 are_registered "$workers" || fail "the workers did not start: $(cat "$folder"/worker-*.log)"
redis ZRANGE "${keys}workers" 0 -1

# ---- the run, and the death of a worker

title "$files files under $dir"
# About six seconds in all, so that there is a middle to kill somebody in.
slots=$((workers * concurrency))
slow=$((6000 * slots / files))
if [ "$slow" -lt 20 ]; then slow=20; fi
if [ "$slow" -gt 4000 ]; then slow=4000; fi
redis CONFIG RESETSTAT >/dev/null
: >"$folder/asked"
"$bin/Digest" run --dir "$dir" --out "$folder/manifest.json" --id demo --slow-ms "$slow" &
run=$!
started+=("$run")

enough=1
if [ "$files" -gt $((4 * slots)) ]; then enough=$((files / 4)); fi
is_under_way() { local recorded; recorded=$(redis HGET "${keys}run:demo" recorded); [ "${recorded:-0}" -ge "$enough" ]; }
until_true 60 is_under_way || fail "the run does not advance"

# Finds a worker whose claim list holds a step of which its log says that the body has begun. A frozen worker neither claims nor
# completes, so that what is seen still holds when it is killed.
victim= name= claims=
find_victim() {
    local pid number=0 step
    for pid in "${fleet[@]}"; do
        number=$((number + 1))
        name=$(name_of "$pid")
        kill -STOP "$pid"
        # What it had sent is executed by then.
        sleep 0.05
        claims=$(redis LRANGE "${keys}claimed:$name:default" 0 -1)
        while read -r word _ _ _ step; do
            if [ "$word" = step ] && grep -F 'body begins' "$folder/worker-$number.log" | grep -qF "step=$step"; then
                victim=$pid
                return 0
            fi
        done <<<"$claims"
        kill -CONT "$pid"
    done
    return 1
}
until_true 20 find_victim || fail "no worker was caught with a claim whose body runs"
# Without disown the shell itself reports the death, in the middle of the progress.
disown "$victim"
kill -KILL "$victim"
is_gone() { ! kill -0 "$victim" 2>/dev/null; }
until_true 5 is_gone || fail "process $victim outlives SIGKILL"
forget "$victim"
say "killed (SIGKILL) worker $name, whose claims were, with the bodies of the steps running:"
while read -r line; do say "  $line"; done <<<"$claims"
survivors=()
for pid in "${fleet[@]}"; do if [ "$pid" != "$victim" ]; then survivors+=("$pid"); fi; done
fleet=(${survivors[@]+"${survivors[@]}"})
start_worker $((workers + 1))
say "started another one; the lease is $lease s"

# The third word of an open step is the number of workers that were lost with it.
lost_steps() { redis HGETALL "${keys}open:demo" | awk 'NR % 2 { step = $0; next } $3 > 0 { print step " -> " $0 }'; }
has_lost() { lost=$(lost_steps); [ -n "$lost" ] || ! kill -0 "$run" 2>/dev/null; }
lost=
until_true 30 has_lost || fail "what the dead worker held did not come back within 30 s"
if [ -n "$lost" ]; then
    say "redelivered: HGETALL '${keys}open:demo' (kind, attempt, workers lost with it, where it is) has"
    while read -r line; do say "  $line"; done <<<"$lost"
fi
wait "$run" || fail "the run failed"
forget "$run"
stats=$(redis INFO commandstats | tr -d '\r')
asked=$(wc -l <"$folder/asked" | tr -d ' ')

title "what became of the dead worker's claims"
say "$(grep -hF 'stood still for a lease' "$folder"/worker-*.log || true)"
redelivered=0
while read -r word _ _ _ step; do
    if [ "$word" != step ]; then continue; fi
    record=$(redis HVALS "${keys}steps:demo" | grep -F "\"step\":\"$(escaped "$step")\"" || true)
    case $record in
        "") fail "step $step was never recorded" ;;
        *"$name"*) say "step $step was recorded by the dead worker before its end" ;;
        *)
            redelivered=$((redelivered + 1))
            say "step $step was executed again, by $(sed 's/.*"claim":"\([^/]*\).*/\1/' <<<"$record")"
            ;;
    esac
done <<<"$claims"
if [ "$redelivered" -eq 0 ]; then fail "no step was executed again, though its worker died"; fi

# ---- the check

title "the manifest against sha256sum and wc"
sum_of() { if command -v sha256sum >/dev/null; then sha256sum <"$1"; else shasum -a 256 <"$1"; fi; }
# In the C locale some versions of wc count bytes that are not printable as parts of words, and some do not: the example does not.
if [ "$(printf '\351' | LC_ALL=C wc -w | tr -d ' ')" = 0 ]; then
    words_of() { LC_ALL=C wc -w <"$1"; }
else
    words_of() { LC_ALL=C tr -d '\000-\010\016-\037\177-\377' <"$1" | LC_ALL=C wc -w; }
fi
expected() {
    local path sum bytes lines words all_bytes=0 all_lines=0 all_words=0 comma=
    printf '{"directory":"%s","files":[\n' "$(escaped "$dir")"
    while IFS= read -r -d '' path; do
        path=${path#./}
        sum=$(sum_of "$dir/$path")
        bytes=$(($(wc -c <"$dir/$path")))
        lines=$(($(wc -l <"$dir/$path")))
        words=$(($(words_of "$dir/$path")))
        all_bytes=$((all_bytes + bytes)) all_lines=$((all_lines + lines)) all_words=$((all_words + words))
        printf '%s{"bytes":%d,"lines":%d,"path":"%s","sha256":"%s","words":%d}' \
            "$comma" "$bytes" "$lines" "$(escaped "$path")" "${sum%% *}" "$words"
        comma=$',\n'
    done < <(cd "$dir" && find . -type f -print0 | LC_ALL=C sort -z)
    printf '\n],"totals":{"bytes":%d,"files":%d,"lines":%d,"words":%d}}\n' "$all_bytes" "$files" "$all_lines" "$all_words"
}
expected >"$folder/expected.json"
diff "$folder/expected.json" "$folder/manifest.json" || fail "the manifest is wrong (<: sha256sum and wc, >: the manifest)"
say "all $files files agree; the first of them: $(sed -n 2p "$folder/manifest.json")"

title "stepwise doctor"
"$bin/stepwise" doctor || fail "doctor complains"

# ---- what it cost, and how to look

title "what it cost"
awk -F '[:=,]' -v steps=$((files + 2)) -v asked="$asked" '
    /^cmdstat_/ { name = substr($1, 9); calls[name] = $3; spent[name] = $5; all += $3 }
    END {
        scripts = calls["evalsha"] + calls["eval"]
        printf "%d steps: %d script calls (%.1f a step)", steps, scripts, scripts / steps
        printf ", %d commands with those inside the scripts (%.1f a step)\n", all - asked, (all - asked) / steps
        printf "redis spent %.1f ms in the scripts (%.0f us a step)\n", spent["evalsha"] / 1000, spent["evalsha"] / steps
        print "with the heartbeats, the takeover and the progress display; without what this script asked"
    }' <<<"$stats"

title "how to look at such a run"
say "redis-cli HGETALL '${keys}run:demo'                   its status, input and output"
say "redis-cli HGETALL '${keys}steps:demo'                 its history: number, outcome"
say "redis-cli HGETALL '${keys}open:demo'                  the steps that are open"
say "redis-cli LRANGE '${keys}queue:default' 0 -1          what waits for a worker"
say "redis-cli ZRANGE '${keys}workers' 0 -1 WITHSCORES     the workers and their last beats"
say "stepwise history demo                                             the same as a table"
say ""
say "\$ redis-cli HMGET '${keys}run:demo' workflow status recorded output"
redis HMGET "${keys}run:demo" workflow status recorded output
say "\$ redis-cli HGET '${keys}steps:demo' 2"
redis HGET "${keys}steps:demo" 2

# ---- the end

title "ending"
for pid in "${fleet[@]}"; do kill -TERM "$pid"; done
for pid in "${fleet[@]}"; do
    wait "$pid" || fail "a worker that was asked to end (SIGTERM) ended with $?"
    forget "$pid"
done
left=$(redis ZRANGE "${keys}workers" 0 -1 | grep -vxF "$name" || true)
if [ -n "$left" ]; then fail "workers that have ended are still registered: $left"; fi
kill -TERM "$server"
wait "$server" || true
forget "$server"
say "the workers gave back what they held and left; nothing runs any more"
