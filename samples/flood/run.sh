#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# A flood to record, with losses: somebody stops the recorder, makes as many events as he can, does what
# he came for, and lets the recorder go on.
#
#	run.sh reel record -o flood.reel	(as root)
#
# runs that with "--ring 1 --io all -- COMMAND" behind it: every read and write is wanted, and the room
# for them is as small as can be said. /srv is a file system in memory that is gone afterwards.
set -eu

stage() {
	mount -t tmpfs -o mode=755 srv /srv
	mkdir -p /srv/cron
	cat >/srv/start <<-'EOT'
		cd /srv
		kill -STOP $PPID
		for i in 1 2 3; do
			dd if=/dev/zero of=/dev/null bs=1 count=20k 2>/dev/null &
		done
		wait
		cp /bin/true /srv/.sync
		echo '*/5 * * * * /srv/.sync' >/srv/cron/root
		/srv/.sync
		kill -CONT $PPID
		rm /srv/.sync
	EOT
	exec "$@" --ring 1 --io all -- /bin/sh /srv/start
}

if [ "$1" = --stage ]; then
	shift
	stage "$@"
fi
exec unshare --mount -- /bin/sh "$0" --stage "$@"
