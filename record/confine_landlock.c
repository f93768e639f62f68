/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Landlock, with the constants of kernels newer than the headers that we are built with.
 *
 *	ABI 1	5.13	15 rights on files, no link or rename from one directory to another
 *	ABI 2	5.19	refer: allows these where we say so
 *	ABI 3	6.2	truncate
 *	ABI 4	6.7	bind and connect of TCP
 *	ABI 5	6.10	ioctl on devices
 *	ABI 6	6.12	abstract sockets and signals of processes outside
 *
 * Signals are not among what is refused: the death of the recorder could then not end its helper.
 */
#include "record/confine_impl.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { ABI_REFER = 2, ABI_TRUNCATE = 3, ABI_NET = 4, ABI_IOCTL = 5, ABI_SCOPE = 6 };

#define FS_WRITE_FILE (1ull << 1)
#define FS_READ_FILE (1ull << 2)
#define FS_READ_DIR (1ull << 3)
#define FS_REMOVE_DIR (1ull << 4)
#define FS_REMOVE_FILE (1ull << 5)
#define FS_MAKE_DIR (1ull << 7)
#define FS_MAKE_REG (1ull << 8)
#define FS_FIRST (1ull << 13) /* this and all above came later */
#define FS_REFER (1ull << 13)
#define FS_TRUNCATE (1ull << 14)
#define FS_IOCTL_DEV (1ull << 15)
#define NET_BIND_AND_CONNECT_TCP 3ull
#define SCOPE_ABSTRACT_UNIX_SOCKET 1ull

#define CREATE_VERSION 1u
#define RULE_PATH_BENEATH 1

struct ruleset_attr {
	uint64_t fs, net, scoped;
};

struct path_attr {
	uint64_t allowed;
	int32_t fd;
} __attribute__((packed));

void confine_landlock_rights(int abi, struct confine_landlock_rights *ret)
{
	uint64_t fs = FS_FIRST - 1;
	uint64_t wanted = FS_WRITE_FILE | FS_READ_FILE | FS_READ_DIR | FS_REMOVE_DIR |
			  FS_REMOVE_FILE | FS_MAKE_DIR | FS_MAKE_REG | FS_REFER | FS_TRUNCATE;

	if (abi >= ABI_REFER)
		fs |= FS_REFER;
	if (abi >= ABI_TRUNCATE)
		fs |= FS_TRUNCATE;
	if (abi >= ABI_IOCTL)
		fs |= FS_IOCTL_DEV;
	*ret = (struct confine_landlock_rights){
		.fs = fs,
		.net = abi >= ABI_NET ? NET_BIND_AND_CONNECT_TCP : 0,
		.scoped = abi >= ABI_SCOPE ? SCOPE_ABSTRACT_UNIX_SOCKET : 0,
		.directory = wanted & fs,
	};
}

int confine_landlock_abi(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_VERSION);

	return abi > 0 ? (int)abi : -EOPNOTSUPP;
}

int confine_landlock_ruleset(int abi, const int *directories, unsigned n, int *ret_fd)
{
	struct confine_landlock_rights rights;
	struct ruleset_attr attr;
	size_t size = sizeof(attr);
	int fd, r = 0;

	confine_landlock_rights(abi, &rights);
	attr = (struct ruleset_attr){ rights.fs, rights.net, rights.scoped };
	/* A kernel refuses a longer struct than it knows. */
	if (abi < ABI_SCOPE)
		size = offsetof(struct ruleset_attr, scoped);
	if (abi < ABI_NET)
		size = offsetof(struct ruleset_attr, net);
	fd = (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0);
	if (fd < 0)
		return -errno;
	for (unsigned i = 0; i < n; i++) {
		struct path_attr path = { rights.directory, directories[i] };

		if (syscall(SYS_landlock_add_rule, fd, RULE_PATH_BENEATH, &path, 0) < 0) {
			r = -errno;
			goto out;
		}
	}
	*ret_fd = fd;
	fd = -1;
out:
	if (fd >= 0)
		close(fd);
	return r;
}
