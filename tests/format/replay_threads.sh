#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# timeout: 600
# A replay says the same bytes whatever the number of threads, and whether or not events are passed
# over by their strings: over losses, steps of the clock, several segments, large and small blocks.
. "${SRC:=$(dirname "$0")/../..}/tests/sh.inc"

"${PYTHON:-python3}" "$SRC/tests/bench/make_policies.py" 150 7 >"$TMP/made.policy"
rules=(-r "$TMP/made.policy" -r "$SRC/tests/bench/planted.policy")

# replayed OUTPUT OPTION...: what of the tape is damaged is said on standard error, and compared too
replayed() {
	local to=$1
	shift
	"$REEL" replay --json --all "${rules[@]}" "$@" "$TMP/capture" >"$TMP/$to" 2>"$TMP/$to.err"
	echo "status $?" >>"$TMP/$to"
	cat "$TMP/$to.err" >>"$TMP/$to"
}

# same NAME EVENTS OPTION...: options of gen
same() {
	local name=$1 events=$2 reference=-j1 other
	shift 2
	rm -rf "$TMP/capture"
	"$BENCH/gen" -o "$TMP/capture" -n "$events" --plants 16 --no-sync "$@" >/dev/null
	[ -n "${damage:-}" ] && flip
	replayed one $reference
	t_match "$name: something is found" '"finding"' "$(head -c 20000 "$TMP/one")"
	for other in "${ways[@]}"; do
		# shellcheck disable=SC2086
		replayed other $other
		if cmp -s "$TMP/one" "$TMP/other"; then
			t_pass "$name: $other"
		else
			t_fail "$name: $other" "$(diff "$TMP/one" "$TMP/other" | cut -c1-400 | head -n 10)"
		fi
	done
}

# A byte of each of some blocks is another.
flip() {
	local file size at
	file=$(find "$TMP/capture" -name '*.rls' | sort | head -n 1)
	size=$(stat -c %s "$file")
	for at in 3 5 8; do
		printf '\377\000\377' | dd of="$file" bs=1 seek=$((size * at / 10)) conv=notrunc 2>/dev/null
	done
}

ways=(-j2 -j8)
same "a million events" 1M -s 11
same "with losses" 1M -s 12 --loss
same "with steps of the clock, and losses" 1M -s 13 --clock-steps --loss --rate 10000
same "small blocks and segments" 500K -s 14 --block-size 16K --segment-size 2M
same "large blocks" 500K -s 15 --block-size 2M
same "blocks closed by age" 300K -s 16 --rate 2000 --latency-ms 20
damage=1 same "damaged" 500K -s 17 --block-size 64K

ways=("-j1 --no-shortcuts" "-j2 --no-shortcuts")
same "without shortcuts" 200K -s 21
same "without shortcuts, with losses" 200K -s 22 --loss --segment-size 2M

# Few tokens: what is thrown away is the same, too.
rules+=(--max-state 50)
ways=(-j8)
same "fifty tokens" 500K -s 23
t_done
