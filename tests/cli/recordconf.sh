#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# record.conf: what it may say, what is wrong with it, by line; and that the command line wins.
. "${SRC:=$(dirname "$0")/../..}/tests/sh.inc"

conf=$TMP/record.conf
umask 022

# conf LINE...
conf() { printf '%s\n' "$@" >"$conf"; }
# refused NAME REGEX: that file is; nothing is recorded for it, not even with privilege
refused() {
	t_status "$1" 2 "$REEL" record --config "$conf" -o "$TMP/x.reel" -d 1
	t_match "$1: says where" "^reel record: $conf:$2" "$(t_err)"
	t_is "$1: and made nothing" "$(ls -d "$TMP"/x.reel 2>&1 | grep -c ^/)" 0
}

conf '# a comment' '' 'keep-size = 10G  # another' 'kepe-time = 7d'
refused "a wrong name" "4: unknown option 'kepe-time', did you mean 'keep-time'\\?$"
conf 'keep-size = many'
refused "a wrong value" "1: keep-size: 'many' is not a number$"
conf 'keep-size'
refused "a value that is missing" "1: 'keep-size' needs a value: keep-size = SIZE$"
conf 'io = some'
refused "a wrong choice" "1: io: 'some' is none of first\\|all\\|none$"
conf 'drop-oldest = maybe'
refused "a flag is yes or no" "1: 'drop-oldest' is yes or no$"
conf 'snapshot'
refused "what belongs on the line" "1: 'snapshot' belongs on the command line only$"
conf 'config = x'
refused "no other file" "1: 'config' belongs on the command line only$"
conf 'events = fiel'
t_status "a class that is none" 2 "$REEL" record --config "$conf" -o "$TMP/x.reel" -d 1
t_match "is named" "did you mean 'file'" "$(t_err)"

t_status "no such file" 6 "$REEL" record --config "$TMP/none" -o "$TMP/x.reel" -d 1
t_match "is said" "none: No such file" "$(t_err)"
conf 'note = a'
chmod 666 "$conf"
t_status "one that others may write to" 5 "$REEL" record --config "$conf" --snapshot -o "$TMP/x.reel"
t_match "is refused" 'can be written to by others' "$(t_err)"
t_status "two ways at once" 2 "$REEL" record --config "$conf" --no-config

# A snapshot needs no privilege, and shows what counted.
noted() { "$REEL" info --json "$1" | jq -r .note; }
rm -f "$conf"
conf 'note = from the file # really' 'drop-oldest' 'hash = no'
t_ok "a file that is right" "$REEL" record --config "$conf" --snapshot -o "$TMP/a.reel"
t_is "counts" "$(noted "$TMP/a.reel")" "from the file"
t_ok "with the same on the line" "$REEL" record --config "$conf" --note "from the line" --snapshot -o "$TMP/b.reel"
t_is "the line wins" "$(noted "$TMP/b.reel")" "from the line"
t_ok "what is installed is right" "$REEL" record --config "$SRC/record/record.conf" --snapshot -o "$TMP/c.reel"
sed 's/^#\([a-z-]* = \)/\1/' "$SRC/record/record.conf" >"$conf"
t_ok "also what it only mentions" "$REEL" record --config "$conf" --snapshot -o "$TMP/d.reel"
t_ok "which is more" test "$(grep -c '^[a-z]' "$conf")" -gt "$(grep -c '^[a-z]' "$SRC/record/record.conf")"
t_done
