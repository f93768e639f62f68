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
	t_match "$1: what came of it" '/var/spool/cron/crontabs/www-data  edge=write create' "$2"
	t_match "$1: a rule finds it" '^critical .*dropped script stays or steals' "$2"
	t_match "$1: the others are judged" '^clean +[0-9]+ rules: nothing matched' "$2"
	t_match "$1: it called out" 'connects to 203\.0\.113\.66:4444' "$2"
	t_match "$1: what was written is there" '/tmp/\.kworkerd +/var/spool/cron/crontabs/www-data +".*/tmp/\.kworkerd' "$2"
	t_match "$1: and what was removed" 'removes /var/log/www/access\.log' "$2"
	t_match "$1: a changed byte is found" ': damaged$' "$2"
	t_match "$1: a page is written" '^reel report: .*/report\.html: [0-9]+ findings, ' "$2"
	t_is "$1: which is there" "$(head -n 2 "$TMP/page/report.html" | tail -n 1)" '<!-- made by reel report -->'
	rm -f "$TMP/page/report.html"
	t_is "$1: nothing stays" "$(ls -A "$TMP/scratch")" ""
}

id -u www-data >/dev/null 2>&1 || t_skip_all "there is no user www-data"
chmod 755 "$TMP"
mkdir -m 1777 "$TMP/scratch"
mkdir -m 777 "$TMP/page"
export TMPDIR="$TMP/scratch" REPORT="$TMP/page/report.html"

if [ "$(id -u)" = 0 ] && "$REEL" doctor -q >/dev/null 2>&1; then
	t_ok "it records" "$demo"
	out=$(t_out)
	t_unlike "it says nothing of a sample" 'web-shell\.rls' "$out"
	look "recorded" "$out"
else
	t_skip "it records" "not with these rights, on this kernel"
fi

# Without rights to the tree itself, too: what it needs is read here.
cp "$REEL" "$(dirname "$REEL")/reel-record" "$TMP"
mkdir "$TMP/tests"
cp -r "$SRC/samples" "$demo" "$TMP/tests"
mv "$TMP/tests/samples" "$TMP"
alone=
[ "$(id -u)" != 0 ] || alone="setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs"
t_ok "without rights it takes the sample" env REEL="$TMP/reel" $alone "$TMP/tests/demo.sh"
out=$(t_out)
t_match "which it says in one line" '^Nothing can be recorded here \(.+\): what follows is samples/web-shell\.rls\.$' "$out"
look "sample" "$out"
t_done
