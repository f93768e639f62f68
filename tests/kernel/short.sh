#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# timeout: 600
# Debian's 6.1 kernel in a few seconds: does reel work there at all? The whole of the end-to-end
# tests is for "make test-kernel". This script runs here, and again in the guest.
. "${SRC:=$(dirname "$0")/../..}/tests/sh.inc"

vm=$SRC/tests/kernel/vm

in_guest() {
	t_match "the kernel is Linux 6.1" '^6\.1\.' "$(uname -r)"

	if [ ! -x "$SRC/.output/reel-record" ]; then
		t_skip "a short record" "there is no recorder"
		t_done
	fi
	t_ok "reel doctor" "$REEL" doctor
	t_status "a command is recorded, its status returned" 3 \
		"$REEL" record -q -o "$TMP/short.reel" -- /bin/sh -c '/bin/cat /etc/hostname; exit 3'
	t_ok "reel verify" "$REEL" verify "$TMP/short.reel"
	t_ok "reel info" "$REEL" info "$TMP/short.reel"
	t_match "nothing was lost" '^verdict +complete, nothing was lost' "$(t_out)"

	"$REEL" dump --json "$TMP/short.reel" >"$TMP/json"
	t_match "exec of cat" . "$(jq -c 'select(.type == "exec" and .path == "/usr/bin/cat")' "$TMP/json")"
	t_match "open of the file" . \
		"$(jq -c 'select(.type == "open" and .path == "/etc/hostname")' "$TMP/json")"
	t_match "exit of the shell" . \
		"$(jq -c 'select(.type == "exit" and .code == 3)' "$TMP/json")"
	t_done
}

if [ -e /run/vm/shared/started ]; then
	in_guest
fi

# The guest's lines are counted as they come.
"$vm" --timeout 300 -- "$SRC/tests/kernel/short.sh"
status=$?
[ "$status" != 77 ] || t_skip_all "no such guest on this machine"
[ "$status" = 0 ] || exit "$status"
