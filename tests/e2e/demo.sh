#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# timeout: 300
# The demonstration works, with the right to record and without it, and leaves nothing behind.
. "${SRC:=$(dirname "$0")/../..}/tests/sh.inc"

demo=$SRC/tests/demo.sh

look() {
	t_match "$1: nothing was lost" '^verdict +complete, nothing was lost' "$2"
	t_match "$1: the command that came in is there" 'www-data +/usr/bin/(dash|bash|sh) +/bin/sh -c getent hosts localhost; id' "$2"
	t_match "$1: the implant ran" 'www-data +/tmp/\.kworkerd +"/tmp/\.kworkerd -c exec' "$2"
	t_match "$1: it looked around" 'find /srv /usr/bin -perm -4000' "$2"
	for rule in "dropped script stays or steals" "root by a file outside the system" \
		"loot is carried away" "Page talks to a stranger" "Key added to an account by a web server"; do
		t_match "$1: found: $rule" "^(critical|high) .*\"$rule\"" "$2"
	done
	t_match "$1: the others are judged" '^clean +[0-9]+ rules: nothing matched' "$2"
	t_match "$1: it called home" 'tcp 203\.0\.113\.66:4444  edge=send connect' "$2"
	t_match "$1: what it took went out" 'tcp 203\.0\.113\.66:8443  edge=send connect .*bytes=[0-9]{5}' "$2"
	t_match "$1: what came of it" '/var/spool/cron/crontabs/www-data  edge=write create' "$2"
	t_match "$1: what was written is there" '/tmp/\.kworkerd +/var/spool/cron/crontabs/www-data +".*/tmp/\.kworkerd' "$2"
	t_match "$1: and what was removed" 'rm\[[0-9]+\] /var/log/www/access\.log' "$2"
	t_match "$1: it says where the report is" '/demo/report\.html$' "$2"
	t_match "$1: a changed byte is found" ': damaged$' "$2"
	t_is "$1: nothing stays" "$(ls -A "$TMP/scratch")" ""
}

id -u www-data >/dev/null 2>&1 || t_skip_all "there is no user www-data"
chmod 755 "$TMP"
mkdir -m 1777 "$TMP/scratch"
export TMPDIR="$TMP/scratch"

if [ "$(id -u)" = 0 ] && "$REEL" doctor -q >/dev/null 2>&1; then
	t_ok "it records" "$demo"
	out=$(t_out)
	t_unlike "it says nothing of a sample" 'intrusion\.rls' "$out"
	look "recorded" "$out"
else
	t_skip "it records" "not with these rights, on this kernel"
fi

# Without rights to the tree itself, too: what it needs is read here.
cp "$REEL" "$(dirname "$REEL")/reel-record" "$TMP"
mkdir "$TMP/tests"
cp -r "$SRC/samples" "$demo" "$TMP/tests"
mv "$TMP/tests/samples" "$TMP"
mkdir -m 1777 "$TMP/demo"
alone=
[ "$(id -u)" != 0 ] || alone="setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs"
t_ok "without rights it takes the sample" env REEL="$TMP/reel" $alone "$TMP/tests/demo.sh"
out=$(t_out)
t_match "which it says in one line" '^Nothing can be recorded here \(.+\): what follows is samples/intrusion\.rls\.$' "$out"
look "sample" "$out"
t_is "and keeps the page, the case and the capture" "$(ls "$TMP/demo" | tr '\n' ' ')" "case.db intrusion.rls report.html "
t_match "the page is one" '<!-- made by reel report -->' "$(head -n 2 "$TMP/demo/report.html")"
t_done
