#!/bin/sh
# timeout: 400
# A disk that fills up, a pipe that closes: the recording ends with a message and a capture that reads
# back and says what is not in it; or the oldest segments make room.

. "${SRC:=$(dirname "$0")/../..}/tests/sh.inc"

# Everything that is mounted here goes with the namespace.
if [ -z "${FULLDISK_INSIDE:-}" ]; then
	[ "$(id -u)" = 0 ] || t_skip_all "only root may mount a tmpfs"
	unshare -m true 2>/dev/null || t_skip_all "no mount namespace of its own"
	FULLDISK_INSIDE=1 exec unshare -m --propagation private "$0"
fi
mkdir -p "$TMP/disk"
mount -t tmpfs -o size=6m tmpfs "$TMP/disk" 2>/dev/null || t_skip_all "a tmpfs cannot be mounted"
capture=$TMP/disk/capture

# value NAME LINE: the number behind NAME= in the line
value() { printf '%s\n' "$2" | sed -n "s/.*\\b$1=\\([^ ]*\\).*/\\1/p"; }

# fill SIZE OPTION...: a fresh disk of that many KiB, filled
fill() {
	rm -rf "$capture"
	mount -o "remount,size=$1k" "$TMP/disk"
	shift
	"$BENCH/crash_writer" fill -o "$capture" "$@" >"$TMP/out" 2>"$TMP/fill"
	echo $? >"$TMP/status"
}

# is_whole: all verifies, and every event that was accepted is on tape or counted as lost; so it is
# with those of which an append said that it was taken
is_whole() {
	found=$("$BENCH/crash_writer" check "$capture" 2>&1) || return 1
	[ "$(value damages "$found")" = 0 ] && [ "$(value ending "$found")" = complete ] &&
		[ "$(value appended "$(cat "$TMP/fill")")" = \
			$(($(value events "$found") + $(value clocks "$found") + $(value lost "$found"))) ] &&
		[ "$(value appended "$(cat "$TMP/fill")")" = \
			$(($(value taken "$(cat "$TMP/fill")") + $(value clocks_taken "$(cat "$TMP/fill")"))) ]
}

# tell_tries FAULT TRIES: those that went wrong are the lines of $bad
tell_tries() {
	[ -z "${REEL_TRIES:-}" ] || printf \
		'{"fault": "%s", "where": "writer, tmpfs", "promise": "17.4", "tries": %d, "broken": %d, "lost": 0}\n' \
		"$1" "$2" "$(printf '%s' "$bad" | grep -c ' KiB ')" >>"$REEL_TRIES"
}

fill 6144 -n 1000000
t_is "a full disk ends the recording" "$(cat "$TMP/status")" 1
t_match "and is named" 'crash_writer: .*No space left' "$(cat "$TMP/fill")"
found=$("$BENCH/crash_writer" check "$capture" 2>&1)
t_match "what was written is there from the beginning" '^first=1 ' "$found"
t_match "what was not is counted" ' lost=[1-9]' "$found"
t_match "END says why, and all verifies" ' damages=0 ending=complete reason=full' "$found"
t_ok "the room that was kept is given back" test ! -e "$capture/.reserve"

# The end may come at any place: in a block, in END, at the beginning of a segment.
bad=
for size in 2000 2100 2204 2308 2412 2516 2620 2724 2828 2932 3036 3140 3244 3348 3452; do
	for how in "" --threaded; do
		# shellcheck disable=SC2086
		fill $size -n 1000000 --segment-size 300K --block-size 32K $how
		if ! is_whole || [ "$(value reason "$found")" != full ] || [ "$(cat "$TMP/status")" != 1 ]; then
			bad="$bad
$size KiB $how: $(cat "$TMP/fill"), $found"
		fi
	done
done
t_is "wherever it ends, it is whole and the sums agree" "$bad" ""
tell_tries "ENOSPC, 15 sizes of disk" 30

bad=
for size in 2500 2604 2708 2812 2916 3020 3124 3228; do
	for how in "" --threaded; do
		# shellcheck disable=SC2086
		fill $size -n 60000 --segment-size 300K --block-size 32K --drop-oldest $how
		found=$("$BENCH/crash_writer" check "$capture" 2>&1)
		if [ "$(cat "$TMP/status")" != 0 ] || [ "$(value lost "$found")" != 0 ] ||
			[ "$(value last "$found")" != 60000 ] || [ "$(value first "$found")" -lt 2 ] ||
			[ "$(value ending "$found")" != complete ] || [ "$(value reason "$found")" != ended ] ||
			[ "$(value damages "$found")" != 0 ] || [ "$(value retired "$found")" -lt 1 ]; then
			bad="$bad
$size KiB $how: $(cat "$TMP/fill"), $found"
		fi
	done
done
t_is "the oldest segments make room for the newest events" "$bad" ""
tell_tries "ENOSPC, --drop-oldest" 16

fill 3000 -n 60000 --segment-size 300K --block-size 32K --keep-size 1M
found=$("$BENCH/crash_writer" check "$capture" 2>&1)
t_match "less than the disk is kept, so it never fills" \
	' lost=0 retired=[1-9][0-9]* .* damages=0 ending=complete reason=ended' "$found"

# Nothing can be begun on a full disk.
rm -rf "$capture"
mount -o remount,size=64k "$TMP/disk"
dd if=/dev/zero of="$TMP/disk/ballast" bs=4k 2>/dev/null
t_status "there is no room for a first block" 1 "$BENCH/crash_writer" fill -o "$capture" -n 10
t_match "and that is said" 'No space left' "$(t_err)"
t_is "nothing is left behind" "$(ls "$capture" 2>/dev/null)" ""
t_status "a device that is full" 1 sh -c '"$BENCH/crash_writer" fill -o - -n 10 >/dev/full'
t_match "is said too" 'No space left' "$(t_err)"

# A pipe whose reader goes away. The disk is not needed any more.
{
	"$BENCH/crash_writer" fill -o - -n 200000 2>"$TMP/err"
	echo $? >"$TMP/status"
} | head -c 1000000 >"$TMP/piped.rls"
t_is "a closed pipe ends the recording" "$(cat "$TMP/status")" 1
t_match "and is named" 'Broken pipe' "$(t_err)"
found=$("$BENCH/crash_writer" check "$TMP/piped.rls" 2>&1)
t_match "what came through is read" '^first=1 last=[1-9][0-9]{3,} .* ending=(torn|unclean) reason=none' \
	"$found"
t_match "and is sound" ' damages=0 ' "$found"
t_done
