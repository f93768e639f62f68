#!/bin/sh
# timeout: 400
# A writer that is killed at any moment leaves a capture that opens, holds everything that had been
# written, verifies, and can be continued.

. "${SRC:=$(dirname "$0")/../..}/tests/sh.inc"

seed=$(date +%s)
n=$((200 * ${CRASH_COUNT:-1}))
"$BENCH/crash_writer" kill -o "$TMP/killed" -n $n --seed "$seed" >"$TMP/out" 2>"$TMP/err"
status=$?
result=$(tail -n 1 "$TMP/out")
echo "# seed $seed: $result"

if [ $status = 0 ]; then
	t_pass "$n killed writers lost nothing that was written"
else
	t_fail "$n killed writers lost nothing that was written" "$(t_out; t_err)"
fi
t_match "all of them were killed" "^killed=$n " "$result"
t_match "some while a block was open" ' unclean=[1-9]' "$result"
t_match "captures were continued" ' continued=[1-9][0-9]+ ' "$result"
[ -z "${REEL_TRIES:-}" ] || printf \
	'{"fault": "kill -9", "where": "writer", "promise": "17.1", "tries": %d, "broken": %d, "lost": 0}\n' \
	"$n" "$(printf '%s\n' "$result" | sed 's/.*failed=//')" >>"$REEL_TRIES"
t_done
