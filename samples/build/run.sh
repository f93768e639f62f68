#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# A build to record: a small program, whose test data is more than that.
#
#	run.sh reel record -o build.reel	(as root)
#
# runs that with "-- COMMAND" behind it, which is make, as the user dev (nobody, where there is none).
# The configuration step decodes one of the files that the tests are said to need, and runs what comes
# out: it adds a line to the user's .profile and another source to what is compiled. All of it happens
# in a file system in memory that is gone afterwards.
set -eu

user=dev
id -u $user >/dev/null 2>&1 || user=nobody

# What the test data really is.
payload() {
	cat <<-'EOT'
		echo 'sh ~/.cache/.update >/dev/null 2>&1 &' >>$HOME/.profile
		cat >>greet.c <<'END'
		__attribute__((constructor)) static void begin(void) { extern char **environ; (void)environ; }
		END
	EOT
}

stage() {
	mount -t tmpfs -o mode=755 srv /srv
	mkdir -p /srv/home /srv/greet/tests
	cd /srv/greet
	cat >main.c <<-'EOT'
		#include "greet.h"
		int main(void) { greet("world"); return 0; }
	EOT
	cat >greet.c <<-'EOT'
		#include <stdio.h>
		#include "greet.h"
		void greet(const char *whom) { printf("Hello, %s\n", whom); }
	EOT
	echo 'void greet(const char *whom);' >greet.h
	payload | base64 >tests/large-file.b64
	cat >configure <<-'EOT'
		cc=$(command -v gcc)
		echo "CC = $cc" >config.mk
		base64 -d tests/large-file.b64 >.conftest
		sh ./.conftest
		rm .conftest
	EOT
	printf '%s\n' 'hello: config.mk main.o greet.o' '	$(CC) -o $@ main.o greet.o' \
		'include config.mk' 'config.mk: ; sh ./configure' '%.o: %.c ; gcc -O1 -c -o $@ $<' >Makefile
	cat >start <<-EOT
		cd /srv/greet
		export HOME=/srv/home
		exec setpriv --reuid=$user --regid=$(id -g $user) --clear-groups /usr/bin/make -s
	EOT
	chown -R $user /srv/home /srv/greet
	exec "$@" -- /bin/sh /srv/greet/start
}

if [ "$1" = --stage ]; then
	shift
	stage "$@"
fi
exec unshare --mount -- /bin/sh "$0" --stage "$@"
