#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#	make.sh web-shell|intrusion
#
# records samples/web-shell.rls or samples/intrusion.rls anew, as root: on Debian's 6.1 kernel, in the
# guest of tests/kernel/vm, and there under a small root with an /etc of its own. So nothing of the
# machine that makes it is in it; the end of this script looks.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
src=$(dirname "$here")
root=/run/web1
machine=77656231000000000000000000000000

# All of the guest that a reader of the sample gets to see.
small_root() {
	mkdir $root
	mount -t tmpfs -o mode=755 web1 $root
	cd $root
	mkdir -p dev etc old proc root srv sys tmp usr var/log var/spool
	ln -s usr/bin usr/sbin usr/lib usr/lib64 .
	mount --bind /usr usr
	mount -t tmpfs -o mode=755 local usr/local
	for d in dev proc sys; do
		mount --rbind /$d $d
	done
	mkdir -p usr/local/bin usr/local/lib
	cp "$src/.output/reel" "$src/.output/reel-record" usr/local/bin
	cp -r "$here/web-shell" "$here/intrusion" usr/local/lib

	printf '%s\n' 'root:x:0:0::/root:/bin/sh' 'www-data:x:33:33::/srv/www:/usr/sbin/nologin' \
		>etc/passwd
	printf '%s\n' 'root:x:0:' 'www-data:x:33:' >etc/group
	printf '%s\n' 'passwd: files' 'group: files' 'hosts: files' >etc/nsswitch.conf
	printf '%s\n' '127.0.0.1 localhost' '198.51.100.10 web1' >etc/hosts
	echo $machine >etc/machine-id
	cp /etc/ld.so.cache etc
	echo web1 >/proc/sys/kernel/hostname
	: >etc/shadow
	cat >begin <<-EOT
		echo \$\$ >root/pid
		pivot_root . old
		umount -l old
		cd /root
		rm /begin
		exec /bin/sh /usr/local/lib/$name/run.sh reel record -o web1.reel
	EOT
}

# The ancestors of what is recorded are on tape too: there is none but the first process.
in_guest() {
	small_root
	setsid --fork env -i PATH=/usr/local/bin:/usr/bin:/usr/sbin LC_ALL=C.UTF-8 \
		unshare --mount -- /bin/sh begin </dev/null >root/log 2>&1
	until [ -s root/pid ]; do
		sleep 0.1
	done
	while kill -0 "$(cat root/pid)" 2>/dev/null; do
		sleep 0.1
	done
	cat root/log
	cp root/web1.reel/*.rls "/run/vm/out/$name.rls"
}

name=${1:-}
case $name in
web-shell | intrusion) ;;
*)
	sed -n 's/^#\t//p' "$0" >&2
	exit 2
	;;
esac

if [ "${2:-}" = guest ]; then
	in_guest
	exit
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd /
"$src/tests/kernel/vm" --out "$work" -- /bin/sh "$here/make.sh" "$name" guest
cd "$work"
reel=$src/.output/reel
$reel verify "$name.rls"
$reel dump --json "$name.rls" >json

# Names of accounts, of this host, and of the directory that all this lies in.
foreign=$(getent passwd | cut -d: -f1 | grep -vxE 'root|www-data|www|sys|bin|proxy|mail|games|man' |
	sed 's/.*/"&"/')
for word in "$src" "\"$(hostname)\"" "$(cat /etc/machine-id)" $foreign; do
	if grep -qF -e "$word" json; then
		echo "make.sh: $word is in the capture" >&2
		grep -F -e "$word" json | head -n 3 >&2
		exit 1
	fi
done
cp "$name.rls" "$here"
