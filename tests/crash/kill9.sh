#!/bin/sh
# timeout: 200
# A writer that is killed at any moment leaves a capture that opens, holds everything that had been
# written, verifies, and can be continued.

. "${SRC:=$(dirname "$0")/../..}/tests/sh.inc"

seed=$(date +%s)
"$BENCH/crash_writer" kill -o "$TMP/killed" -n 200 --seed "$seed" >"$TMP/out" 2>"$TMP/err"
status=$?
result=$(tail -n 1 "$TMP/out")
echo "# seed $seed: $result"

if [ $status = 0 ]; then
	t_pass "200 killed writers lost nothing that was written"
else
	t_fail "200 killed writers lost nothing that was written" "$(t_out; t_err)"
fi
t_match "all of them were killed" '^killed=200 ' "$result"
t_match "some while a block was open" ' unclean=[1-9]' "$result"
t_match "captures were continued" ' continued=[34][0-9] ' "$result"
t_done
