#!/bin/sh
# dump: filters, times, formats, sources, what is wrong with a capture, following one.
. "${SRC:=$(dirname "$0")/../..}/tests/sh.inc"

[ -x "$BENCH/gen" ] || t_skip_all "there is no $BENCH/gen"
cd "$TMP" || exit 1
"$BENCH/gen" -o cap -n 40K -s 31 --segment-size 300K --block-size 32K >/dev/null || exit 1
"$BENCH/gen" -o other -n 5K -s 32 >/dev/null || exit 1

t_ok "everything" "$REEL" dump --json cap
cp "$TMP/out" all.json
t_is "nothing on stderr" "$(t_err)" ""
t_is "each line is an object with a type" "$(jq -r 'type + (.type | type)' all.json | sort -u)" objectstring
t_is "in the order of time" "$(jq -s '[.[].ts] == ([.[].ts] | sort)' all.json)" true
t_is "ids are unique" "$(jq -r .id all.json | sort | uniq -d | head -n 1)" ""

same() { # name, file
	if cmp -s "$TMP/out" "$2"; then t_pass "$1"; else t_fail "$1" "$(diff "$2" "$TMP/out" | head -n 5)"; fi
}

# Where it comes from.
cat cap/*.rls >all.rls
t_ok "one file" "$REEL" dump --json all.rls
same "is the same" all.json
t_ok "standard input" sh -c 'cat all.rls | "$REEL" dump --json -'
same "is the same as well" all.json
mkfifo fifo
cat all.rls >fifo &
t_ok "a named pipe" "$REEL" dump --json fifo
same "too" all.json
set -- cap/*.rls
t_ok "its segments one by one" "$REEL" dump --json "$@"
same "are the same again" all.json
t_ok "two captures" "$REEL" dump --json cap other
t_is "have all events" "$(wc -l <"$TMP/out")" \
	"$(($(wc -l <all.json) + $("$REEL" dump --json other | wc -l)))"
t_is "each says its host" "$(jq -r .host "$TMP/out" | sort -u)" generated
t_is "by wall time" "$(jq -s '[.[].time] == ([.[].time] | sort)' "$TMP/out")" true

# Types.
chosen() { jq -c "select($1)" all.json >want.json; }
squeeze() { jq -c . "$TMP/out" >got.json && mv got.json "$TMP/out"; }
t_ok "a type" "$REEL" dump --json --type exec cap
chosen '.type == "exec"'
squeeze
same "only that" want.json
t_ok "two types, by a call and twice" "$REEL" dump --json --type openat,exec --type exec cap
chosen '.type == "exec" or .type == "open"'
squeeze
same "only these" want.json
t_status "an unknown type" 2 "$REEL" dump --type exce cap
t_is "names the nearest" "$(t_err)" \
	"reel dump: no type of event is called 'exce', did you mean 'exec'? (see 'reel dump --help')"
t_status "an empty one" 2 "$REEL" dump --type exec, cap
t_ok "none of a type" "$REEL" dump --json --type kexec cap
t_is "is nothing" "$(t_out)" ""

# Processes.
pid=$(jq -r 'select(.type == "exec").pid' all.json | sed -n 20p)
t_ok "a process" "$REEL" dump --json --stats --pid "$pid" cap
chosen ".pid == $pid"
squeeze
same "only that" want.json
t_match "does not decompress all" \
	'^reel dump: [0-9]+ blocks, [0-9]+ decompressed, [0-9]+ events$' "$(t_err)"
# shellcheck disable=SC2046
set -- $(t_err | tr -dc '0-9 ')
if [ "$2" -lt "$1" ]; then t_pass "fewer blocks"; else t_fail "fewer blocks" "$(t_err)"; fi
t_ok "two and a type" "$REEL" dump --json --pid "$pid,1" --type exec,open cap
chosen "(.pid == $pid or .pid == 1) and (.type == \"exec\" or .type == \"open\")"
squeeze
same "both hold" want.json
t_status "no process id" 2 "$REEL" dump --pid x cap
t_status "a negative one" 2 "$REEL" dump --pid=-1 cap

# Times.
from=$(jq -r .time all.json | sed -n 10000p)
to=$(jq -r .time all.json | sed -n 20000p)
t_ok "from and to" "$REEL" dump --json --from "$from" --to "$to" cap
chosen ".time >= \"$from\" and .time < \"$to\""
squeeze
same "between them" want.json
ts_from=$(jq -r .ts all.json | sed -n 10000p)
ts_to=$(jq -r .ts all.json | sed -n 20000p)
t_ok "the same by ts" "$REEL" dump --json --from "@$ts_from" --to "@$ts_to" cap
squeeze
same "is the same" want.json
t_ok "the same from a pipe" sh -c "cat all.rls | \"\$REEL\" dump --json --from '$from' --to '$to' -"
squeeze
same "is the same too" want.json
end=$(jq -s 'map(.ts) | max' all.json)
t_ok "the last 100 ms" "$REEL" dump --json --from -100ms cap
chosen ".ts >= $((end - 100000000))"
squeeze
same "count from the end" want.json
t_status "which a pipe does not know" 2 sh -c 'cat all.rls | "$REEL" dump --from -100ms -'
t_ok "before everything" "$REEL" dump --json --to 1999-01-01T00:00:00Z cap
t_is "there is nothing" "$(t_out)" ""
t_status "no time" 2 "$REEL" dump --from yesterday cap
t_status "the wrong way round" 2 "$REEL" dump --from "$to" --to "$from" cap

# State.
t_ok "the state" "$REEL" dump --json --at "$to" cap
t_is "begins with a keyframe" "$(jq -r '.type + " " + .edge' "$TMP/out" | head -n 1)" "keyframe begin"
t_is "ends before the time" "$(jq -s "map(.time) | max <= \"$to\"" "$TMP/out")" true
first=$(head -n 1 "$TMP/out" | jq .ts)
"$REEL" list events --json | jq -r 'select(.stream == "state").name' >state.names
jq -c "select(.ts >= $first and .time <= \"$to\")" all.json |
	jq -c --rawfile names state.names '. as $e | select($names | split("\n") | index($e.type))' >want.json
squeeze
same "is all of the state stream" want.json
t_status "too early" 2 "$REEL" dump --at 1999-01-01T00:00:00Z cap
t_status "with --from" 2 "$REEL" dump --at "$to" --from "$from" cap
t_status "from a pipe" 2 sh -c "cat all.rls | \"\$REEL\" dump --at '$to' -"

# Formats.
t_ok "array" "$REEL" dump --format array --type exec cap
t_is "is one array" "$(jq -c 'type' "$TMP/out")" '"array"'
t_is "of the same" "$(jq length "$TMP/out")" "$(jq -c 'select(.type == "exec")' all.json | wc -l)"
t_ok "an empty array" "$REEL" dump --format array --type kexec cap
t_is "is one, too" "$(jq -c . "$TMP/out")" '[]'
t_ok "pretty" "$REEL" dump --format pretty --type exec cap
jq -c 'select(.type == "exec")' all.json >want.json
squeeze
same "is the same, squeezed" want.json
t_ok "csv of a type" "$REEL" dump --format csv --type exec cap
t_match "has its fields" '(^|,)argv(,|$)' "$(head -n 1 "$TMP/out")"
t_ok "csv" "$REEL" dump --format csv --type exec,exit cap
t_ok "text" "$REEL" dump --type exec cap
t_is "a line each" "$(wc -l <"$TMP/out")" "$(wc -l <want.json)"
t_ok "another zone" "$REEL" dump --json --tz +02:00 --type exec cap
t_match "in times" '"time":"[^"]*\+02:00"' "$(head -n 1 "$TMP/out")"
t_status "no zone" 2 "$REEL" dump --tz Nowhere cap

# What is wrong with a capture.
"$BENCH/gen" -o lossy -n 60K -s 33 --block-size 32K --loss >/dev/null
t_status "losses" 4 "$REEL" dump --json lossy
t_match "are said" '^reel dump: [0-9]+ events were lost when this was recorded$' "$(t_err)"
at=$(jq -r 'select(.type == "lost").time' "$TMP/out" | head -n 1)
before=$("$REEL" info --json lossy | jq -r '[.losses[].from] | min')
t_ok "not where they do not touch" "$REEL" dump --to "$before" lossy
t_status "where they do" 4 "$REEL" dump --from "$before" --to "$at" lossy
head -c -1000 all.rls >torn.rls
t_status "a torn end" 4 "$REEL" dump --json torn.rls
t_match "is said" 'never finished' "$(t_err)"
t_ok "not before it" "$REEL" dump --to "$to" torn.rls
t_status "from a pipe" 4 sh -c 'cat torn.rls | "$REEL" dump --json -'
cp all.rls bad.rls
block=$(grep -abo RLB1 all.rls | sed -n 12p | cut -d: -f1)
printf 'XXXX' | dd of=bad.rls bs=1 seek="$((block + 900))" conv=notrunc 2>/dev/null
t_status "damage" 4 "$REEL" dump --json bad.rls
t_match "is named" "^reel dump: bad.rls: damaged at byte $block: " "$(t_err)"
sort all.json >sorted.json
t_is "and costs only what is in it" "$(sort "$TMP/out" | comm -13 sorted.json - | wc -l)" 0
if [ "$(wc -l <"$TMP/out")" -gt "$(($(wc -l <all.json) - 3000))" ]; then
	t_pass "which is one block"
else
	t_fail "which is one block" "$(wc -l <"$TMP/out") events are left"
fi
head -c 5000 /dev/urandom >noise.rls
t_status "noise" 3 "$REEL" dump noise.rls
t_status "noise from a pipe" 3 sh -c 'cat noise.rls | "$REEL" dump -'
t_status "nothing from a pipe" 3 sh -c '"$REEL" dump - </dev/null'
t_status "what is not there" 6 "$REEL" dump nothing.rls
t_status "no operand" 2 "$REEL" dump
t_status "a pipe and a file" 2 "$REEL" dump - cap
if [ -w /dev/full ]; then
	t_status "a full disk" 6 sh -c '"$REEL" dump cap >/dev/full'
fi
t_is "a reader that has seen enough" "$("$REEL" dump cap | head -n 1 | wc -l)" 1

# Following.
grown() { # lines: until the follower has printed so many, or 10 s
	for _ in $(seq 100); do
		[ "$(wc -l <follow.json)" -lt "$1" ] || return 0
		sleep 0.1
	done
	return 1
}
mkdir live
set -- cap/*.rls
exec 9>live/.lock
flock 9
size=$(wc -c <"$1")
head -c "$((size / 2))" "$1" >"live/$(basename "$1")"
"$REEL" dump --json --follow live >follow.json 2>follow.err 9>&- &
follower=$!
if grown 100; then t_pass "what is there is shown"; else t_fail "what is there is shown" "$(cat follow.err)"; fi
lines=$(wc -l <follow.json)
tail -c "+$((size / 2 + 1))" "$1" >>"live/$(basename "$1")"
if grown "$((lines + 100))"; then t_pass "what comes, too"; else t_fail "what comes, too"; fi
shift
for f; do cp "$f" live; done
exec 9>&-
wait "$follower"
t_is "the end is the end" "$?" 0
cp follow.json "$TMP/out"
same "with all events" all.json

exec 9>live/.lock
flock 9
last=$(ls live/*.rls | tail -n 1)
head -c -5000 "$last" >live/x && mv live/x "$last"
"$REEL" dump --format array --follow live >follow.json 2>follow.err 9>&- &
follower=$!
grown 1000
sleep 0.3
kill -INT "$follower"
wait "$follower"
t_is "an interrupt is an end" "$?" 0
t_is "and what was written is whole" "$(jq type follow.json)" '"array"'
exec 9>&-
t_status "two cannot be followed" 2 "$REEL" dump --follow cap other

t_done
