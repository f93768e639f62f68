#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Record samples anew, as root: make.sh [NAME...], by default all. It happens on Debian's 6.1 kernel, in
# the guest of tests/kernel/vm, and there under a small root with an /etc of its own. So nothing of
# the machine that makes them is in them; the end of this script looks.
#
# NAME/run.sh sets the stage, and records what happens on it with the command that it is given.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
src=$(dirname "$here")
machine=77656231000000000000000000000000

# Which there are, on which host, and what their run.sh is given.
hosts='web-shell=web1 intrusion=web1 build=build1 container=node1 crypto=tls1 flood=busy1 torn=far1'

host_of() {
	for pair in $hosts; do
		[ "${pair%=*}" != "$1" ] || echo "${pair#*=}"
	done
}

# All of the guest that a reader of a sample gets to see.
small_root() {
	name=$1 root=$2 host=$3
	mkdir "$root"
	mount -t tmpfs -o mode=755 "$host" "$root"
	cd "$root"
	mkdir -p dev etc old proc root run srv sys tmp usr var/lib var/log var/spool
	ln -s usr/bin usr/sbin usr/lib usr/lib64 .
	mount --bind /usr usr
	mount -t tmpfs -o mode=755 local usr/local
	for d in dev proc sys; do
		mount --rbind /$d $d
	done
	mkdir -p usr/local/bin usr/local/lib
	cp "$src/.output/reel" "$src/.output/reel-record" usr/local/bin
	# intrusion is played on the stage of web-shell
	cp -r "$here/web-shell" usr/local/lib
	[ "$name" = web-shell ] || cp -r "$here/$name" usr/local/lib
	: >etc/shadow

	printf '%s\n' 'root:x:0:0::/root:/bin/sh' 'www-data:x:33:33::/srv/www:/usr/sbin/nologin' \
		'dev:x:1000:1000::/home/dev:/bin/sh' >etc/passwd
	printf '%s\n' 'root:x:0:' 'www-data:x:33:' 'dev:x:1000:' >etc/group
	printf '%s\n' 'passwd: files' 'group: files' 'hosts: files' >etc/nsswitch.conf
	printf '%s\n' '127.0.0.1 localhost' "198.51.100.10 $host" >etc/hosts
	echo $machine >etc/machine-id
	cp /etc/ld.so.cache etc
	echo "$host" >/proc/sys/kernel/hostname
	into="reel record -o /root/$host.reel"
	[ "$name" != torn ] || into='reel record >torn.rls'
	cat >begin <<-EOT
		echo \$\$ >root/pid
		pivot_root . old
		umount -l old
		cd /root
		rm /begin
		exec /bin/sh /usr/local/lib/$name/run.sh $into
	EOT
}

# The ancestors of what is recorded are on tape too: there is none but the first process.
in_guest() {
	small_root "$1" "/run/$1" "$(host_of "$1")"
	setsid --fork env -i PATH=/usr/local/bin:/usr/bin:/usr/sbin LC_ALL=C.UTF-8 \
		unshare --mount -- /bin/sh begin </dev/null >root/log 2>&1
	until [ -s root/pid ]; do
		sleep 0.1
	done
	while kill -0 "$(cat root/pid)" 2>/dev/null; do
		sleep 0.1
	done
	cat root/log
	if [ -e root/torn.rls ]; then
		cp root/torn.rls /run/vm/out
	else
		cat root/*.reel/*.rls >"/run/vm/out/$1.rls"
	fi
}

if [ "${1:-}" = guest ]; then
	shift
	for name; do
		in_guest "$name"
	done
	exit
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ $# = 0 ]; then
	for pair in $hosts; do
		set -- "$@" "${pair%=*}"
	done
fi
for name; do
	[ -n "$(host_of "$name")" ] || {
		echo "make.sh: no sample is called $name" >&2
		exit 2
	}
done
cd /
"$src/tests/kernel/vm" --timeout 900 --out "$work" -- /bin/sh "$here/make.sh" guest "$@"
cd "$work"
reel=$src/.output/reel

# Names of accounts, of this host, of the directory that all this lies in, and of those at the root.
foreign=$(getent passwd | cut -d: -f1 | grep -vxE 'root|www-data|www|sys|bin|dev|proxy|mail|games|man' |
	sed 's/.*/"&"/')
usual='bin boot dev etc home lib lib32 lib64 libx32 lost+found media mnt opt proc root run sbin srv sys tmp usr var'
for directory in /*; do
	case " $usual " in
	*" ${directory#/} "*) ;;
	*) foreign="$foreign \"root\":\"$directory\" \"$directory/" ;;
	esac
done
for name; do
	$reel dump --json "$name.rls" >json || [ $? = 4 ]
	for word in "$src" "\"$(hostname)\"" "$(cat /etc/machine-id)" $foreign; do
		if grep -qF -e "$word" json; then
			echo "make.sh: $word is in $name.rls" >&2
			grep -F -e "$word" json | head -n 3 >&2
			exit 1
		fi
	done
	if [ "$(stat -c %s "$name.rls")" -gt 300000 ]; then
		echo "make.sh: $name.rls is too large for a sample" >&2
		exit 1
	fi
done
for name; do
	cp "$name.rls" "$here/$name.rls"
done
