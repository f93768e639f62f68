#!/bin/sh
# Threads that meet in a replay, in a build that watches them: each access that is not in order ends
# it. What comes out is what one thread makes.
# trust-checks: Threads that meet do so in order | replays under TSan
. "${SRC:=$(dirname "$0")/../..}/tests/sh.inc"

: "${TSAN_REEL:=$SRC/.output/tsan/reel}"
[ -x "$TSAN_REEL" ] || t_skip_all "there is no build that watches threads: make tsan"
cd "$TMP" || exit 1
TSAN_OPTIONS="halt_on_error=1 exitcode=66"
export TSAN_OPTIONS

for rules in policies sigma falco; do
	for capture in web-shell; do
		[ -d "$SRC/samples/$rules" ] || continue
		"$REEL" replay --json -j 1 -r "$SRC/samples/$rules" "$SRC/samples/$capture.rls" >one 2>err
		one=$?
		t_status "$rules, $capture: no race" "$one" \
			"$TSAN_REEL" replay --json -j 4 -r "$SRC/samples/$rules" "$SRC/samples/$capture.rls"
		t_unlike "nothing is said of one" 'ThreadSanitizer' "$(t_err)"
		# The last line has the hash of the program.
		t_is "and the same is found" "$(sed '$d' out)" "$(sed '$d' one)"
	done
done
t_status "a case is written, with its events" 0 \
	"$TSAN_REEL" replay -q --no-rules --load-events -j 4 -o case.db "$SRC/samples/web-shell.rls"
t_unlike "nothing is said of a race" 'ThreadSanitizer' "$(t_err)"

t_done
