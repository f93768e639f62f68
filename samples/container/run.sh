#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# A container to record, without a container engine: a cgroup that is named as docker names one, what
# docker keeps of it on disk, and namespaces and a root of its own.
#
#	run.sh reel record -o container.reel	(as root, with the v2 cgroups)
#
# runs that with "-- COMMAND" behind it, which is what docker would do. Inside, a worker does its work,
# and then what somebody does who found a way in: he reads the token of the cluster, tries to mount the
# host's disk, and opens what the kernel runs when a program crashes. The disk is not there, and in
# core_pattern stays what was there.
set -eu

id=3c9d2b7a51f04e8896ad30c1b27e5f64d8a9017c4b6e2f3580d1ac97e4b3625f
group=/sys/fs/cgroup/docker/$id
name=worker

# In a mount namespace of its own: what docker knows, and the container's root.
stage() {
	mount -t tmpfs -o mode=711 docker /var/lib
	mkdir -p /var/lib/docker/containers/$id /var/lib/root
	cat >/var/lib/docker/containers/$id/config.v2.json <<-EOT
		{"State":{"Running":true},"ID":"$id","Config":{"Hostname":"$name","User":"","Image":"registry.example/$name:1.4","Labels":{"team":"billing"}},"Name":"/$name-1","Driver":"overlay2"}
	EOT
	echo '{"Privileged":true}' >/var/lib/docker/containers/$id/hostconfig.json
	cd /var/lib/root
	mkdir -p dev etc proc tmp usr old data run/secrets/kubernetes.io/serviceaccount
	ln -s usr/bin usr/sbin usr/lib usr/lib64 .
	mount --bind /usr usr
	cp /etc/ld.so.cache etc
	echo 'eyJhbGciOiJub25lIn0.bm9ib2R5.' >run/secrets/kubernetes.io/serviceaccount/token
	seq 1000 >data/jobs
	cat >work <<-'EOT'
		sort -n /data/jobs | tail -n 1 >/data/done
		cat /run/secrets/kubernetes.io/serviceaccount/token >/tmp/.t
		mkdir /tmp/host
		mount -t ext4 /dev/vda1 /tmp/host
		cp /proc/sys/kernel/core_pattern /tmp/.p
		cp /tmp/.p /proc/sys/kernel/core_pattern
		rm /tmp/.p /tmp/.t
	EOT
	cat >/var/lib/start <<-EOT
		mkdir $group
		echo \$\$ >$group/cgroup.procs
		exec unshare --mount --uts --ipc --pid --fork /bin/sh /var/lib/inside
	EOT
	cat >/var/lib/inside <<-EOT
		echo $name >/proc/sys/kernel/hostname
		cd /var/lib/root
		mount --rbind . .
		cd /var/lib/root
		mount -t proc proc proc
		mount --rbind /dev dev
		pivot_root . old
		umount -l /old
		/bin/sh /work 2>/tmp/said || :
	EOT
	cd /
	"$@" -- /bin/sh /var/lib/start
}

if [ "$1" = --stage ]; then
	shift
	stage "$@"
	exit
fi
mkdir -p ${group%/*}
trap 'rmdir $group ${group%/*} 2>/dev/null || :' EXIT
unshare --mount -- /bin/sh "$0" --stage "$@"
