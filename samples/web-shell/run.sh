#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# An intrusion to record: a page that trusts what it is given, and a visitor who notices.
#
#	run.sh reel record -o web1.reel		(as root)
#
# runs that with "-- COMMAND" behind it, which is the web server (app.py). Those who visit it
# (visitors.py) are started apart, because they would be elsewhere; what the intruder wants is in
# the file orders. With PLAY=DIR in the environment the orders are DIR's, and DIR/scenery.sh adds to
# the stage. Nothing of it gets out, and nothing stays:
#
# - the network is loopback alone, in a namespace of its own, with addresses that RFC 5737 keeps for
#   documentation;
# - /srv, /tmp, /var/log and /var/spool are empty file systems in memory, in a mount namespace of
#   its own, and gone when it ends.
set -eu

user=www-data
id -u $user >/dev/null 2>&1 || user=nobody

stage() {
	# What is copied may lie under /tmp.
	mount -t tmpfs -o mode=755 srv /srv
	mkdir /srv/www /srv/elsewhere
	cp "$1/app.py" /srv/www/app.py
	cp "$1/visitors.py" "$2/orders" /srv/elsewhere
	[ ! -e "$2/scenery.sh" ] || cp "$2/scenery.sh" /srv/elsewhere
	cat >/srv/www/start <<-EOT
		cd /srv/www
		exec setpriv --reuid=$user --regid=$(id -g $user) --clear-groups /usr/bin/python3 -IS app.py
	EOT
	mount -t tmpfs -o mode=1777 tmp /tmp
	mount -t tmpfs -o mode=755 log /var/log
	mount -t tmpfs -o mode=755 spool /var/spool
	mkdir -p /var/log/www /var/spool/cron/crontabs
	echo 'password = correct horse battery staple' >/srv/www/db.conf
	chmod 600 /srv/www/db.conf
	chown $user /srv/www /srv/www/db.conf /var/log/www /var/spool/cron/crontabs
	[ ! -e /srv/elsewhere/scenery.sh ] || . /srv/elsewhere/scenery.sh
	cd /srv/elsewhere
	exec /usr/bin/python3 -IS visitors.py
}

if [ "$1" = --stage ]; then
	stage "$2" "$3"
fi

here=$(cd "$(dirname "$0")" && pwd)
play=${PLAY:-$here}
work=$(mktemp -d)
stage=
trap '[ -z "$stage" ] || kill $stage 2>/dev/null || :; rm -rf "$work"' EXIT
mkfifo "$work/ready"
unshare --mount --net -- /bin/sh "$here/run.sh" --stage "$here" "$play" >"$work/ready" &
stage=$!
read -r said <"$work/ready"
[ "$said" = ready ]

"$@" -- nsenter --target=$stage --mount --net -- /bin/sh /srv/www/start
wait $stage
stage=
