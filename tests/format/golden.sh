#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The golden captures are read as they were when they were made; see tests/golden/README.md.
. "${SRC:=$(dirname "$0")/../..}/tests/sh.inc"

same() { # NAME GOT WANT
	if cmp -s "$2" "$3"; then
		t_pass "$1"
	else
		t_fail "$1" "$(diff "$3" "$2" | cut -c1-200 | head -n 20)"
	fi
}

cd "$SRC/tests/golden" || exit 1
secret=$TMP/examiner.key
(umask 077 && cat examiner.key >"$secret")
for c in *.rls */; do
	c=${c%/} name=$(basename "$c" .rls)
	set --
	[ "$name" != encrypted ] || set -- --key "$secret"
	zcat "$name.json.gz" >"$TMP/want"
	"$REEL" dump --json "$@" "$c" >"$TMP/json" 2>/dev/null
	same "$name: events" "$TMP/json" "$TMP/want"
	"$REEL" info "$@" "$c" >"$TMP/info" 2>&1
	same "$name: info" "$TMP/info" "$name.info"
	[ "$name" != sealed ] || set -- --key "$secret" --key sealed.root
	{ "$REEL" verify "$@" "$c" 2>&1; echo "status $?"; } >"$TMP/verify"
	same "$name: verify" "$TMP/verify" "$name.verify"
	if [ -x "$ASAN_REEL" ]; then
		"$ASAN_REEL" dump --json "$@" "$c" >"$TMP/json" 2>/dev/null
		same "$name: events, with the sanitizers" "$TMP/json" "$TMP/want"
	fi
	# A stream has no way to put what it reads in another order, so only what is one capture.
	case $name in joined | refused | two-captures | lost-meta-*) continue ;; esac
	if [ -f "$c" ]; then
		"$REEL" dump --json - <"$c" >"$TMP/json" 2>/dev/null
		same "$name: events, as a stream" "$TMP/json" "$TMP/want"
	fi
done
t_done
