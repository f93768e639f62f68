#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# timeout: 600
# What is done to the whole machine, and so in the guest only: the clock is set while it is recorded, and
# the attacks on a recorder, with all the rights that a root has there.
. "${SRC:=$(dirname "$0")/../..}/tests/sh.inc"

vm=$SRC/tests/kernel/vm

in_guest() {
	"$REEL" record -q -o "$TMP/clock.reel" -- /bin/sh -c \
		'mkdir before; date -s "2031-01-01 00:00:00 UTC" >/dev/null; sleep 1; mkdir after' >/dev/null
	"$REEL" dump --json "$TMP/clock.reel" >"$TMP/json"
	t_is "the clock is set: an event" \
		"$(jq -c 'select(.type == "clock_settime") | .ret' "$TMP/json")" 0
	t_match "and a record of the step" '^step$' "$(jq -r 'select(.type == "clock").reason' "$TMP/json")"
	t_is "the order is that of time since boot" "$(jq -r 'select(.type == "mkdir" and (.path | test("/(before|after)$"))) |
		"\(.ts) \(.path | split("/")[-1])"' "$TMP/json" | sort -n | cut -d ' ' -f 2 | xargs)" "before after"
	t_match "what came later has the new date" '^2031-01-01T00:00:0' \
		"$(jq -r 'select(.type == "mkdir" and (.path | endswith("/after"))).time' "$TMP/json")"
	t_ok "and it verifies" "$REEL" verify "$TMP/clock.reel"
	t_done
}

if [ -e /run/vm/shared/started ]; then
	cd "$TMP" || exit 1
	in_guest
fi

# The guest's lines are counted as they come.
"$vm" --timeout 300 -- "$SRC/tests/kernel/attacks.sh"
status=$?
[ "$status" != 77 ] || t_skip_all "no such guest on this machine"
[ "$status" = 0 ] || exit "$status"
