#!/bin/sh
# timeout: 600
# Calls of the writer that fail, one after the other: errors of the disk, a full one, a quota, half a
# write, a sync that fails, interruptions. Here one in FAULT_PART (30) of all calls, by chance; "make
# crash" tries each. In memory, where there is a place for that: no fault here is the disk's, and its
# syncs would take nine parts in ten of the time.

. "${SRC:=$(dirname "$0")/../..}/tests/sh.inc"

fault=$(dirname "$REEL")/fault.so
seed=$(date +%s)
work=$(mktemp -d /dev/shm/faults.XXXXXX 2>/dev/null) || work=$(mktemp -d "$TMP/faults.XXXXXX")
LD_PRELOAD=$fault "$BENCH/crash_faults" -o "$work/tape" --part "${FAULT_PART:-30}" --seed "$seed" \
	>"$TMP/out" 2>"$TMP/err"
status=$?
rm -rf "$work"
[ -z "${REEL_TRIES:-}" ] || cat "$TMP/out" >>"$REEL_TRIES"
sum() { jq -s "map(.$1) | add" "$TMP/out"; }
tries=$(sum tries)
echo "# seed $seed: $tries tries, $(sum refused) refused, $(sum ended_early) ended early," \
	"$(sum untold) where nothing could be told"

t_is "each failed call keeps what was written, and what was lost is told" "$status $(t_err)" "0 "
t_ok "and there were enough of them" test "$tries" -ge 100
t_is "each kind of fault struck" \
	"$(jq -s -r 'group_by(.fault) | map(select((map(.tries) | add) == 0))[] | .[0].fault' "$TMP/out" |
		grep -v -e getrandom -e ftruncate)" ""
t_done
