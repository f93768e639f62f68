#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Use of cryptography to record: a service makes itself a key, and two visitors shake hands with it.
#
#	run.sh reel record -o crypto.reel	(as root, with openssl)
#
# runs that with "-e +user -- COMMAND" behind it. The first visitor asks for TLS 1.3, the second for
# TLS 1.1, which the service should not know any more. Both are on loopback, and the key lies in a
# file system in memory that is gone afterwards.
set -eu

stage() {
	mount -t tmpfs -o mode=755 srv /srv
	mkdir -p /srv/tls/private
	cd /srv/tls
	printf '%s\n' '[req]' 'distinguished_name = dn' '[dn]' >openssl.cnf
	cat >start <<-'EOT'
		cd /srv/tls
		export OPENSSL_CONF=/srv/tls/openssl.cnf
		key=private/server.key
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=tls1 -days 2 \
			-keyout $key -out server.crt
		visit() {
			openssl s_server -accept 127.0.0.1:4433 -key $key -cert server.crt -naccept 1 -quiet \
				-cipher ALL:@SECLEVEL=0 </dev/null &
			until grep -q ' 0100007F:1151 00000000:0000 0A ' /proc/net/tcp; do
				sleep 0.2
			done
			echo Q | openssl s_client -connect 127.0.0.1:4433 "$@"
			wait
		}
		visit -tls1_3
		visit -tls1_1 -cipher ALL:@SECLEVEL=0
	EOT
	exec "$@" -e +user -- /bin/sh -c '. /srv/tls/start >/dev/null 2>&1'
}

if [ "$1" = --stage ]; then
	shift
	stage "$@"
fi
exec unshare --mount -- /bin/sh "$0" --stage "$@"
