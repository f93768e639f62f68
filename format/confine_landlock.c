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
#include "format/confine_impl.h"

#include <errno.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { ABI_REFER = 2, ABI_TRUNCATE = 3, ABI_NET = 4, ABI_IOCTL = 5, ABI_SCOPE = 6 };

#define FS_FIRST LANDLOCK_REFER /* this and all above came later */
/* The rest makes sense for directories only. */
#define FS_OF_FILES                                                                       \
	(LANDLOCK_EXECUTE | LANDLOCK_WRITE_FILE | LANDLOCK_READ_FILE | LANDLOCK_TRUNCATE | \
	 LANDLOCK_IOCTL_DEV)
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
	uint64_t wanted = LANDLOCK_WRITE_FILE | LANDLOCK_READ_FILE | LANDLOCK_READ_DIR |
			  LANDLOCK_REMOVE_DIR | LANDLOCK_REMOVE_FILE | LANDLOCK_MAKE_DIR |
			  LANDLOCK_MAKE_REG | LANDLOCK_REFER | LANDLOCK_TRUNCATE;

	if (abi >= ABI_REFER)
		fs |= LANDLOCK_REFER;
	if (abi >= ABI_TRUNCATE)
		fs |= LANDLOCK_TRUNCATE;
	if (abi >= ABI_IOCTL)
		fs |= LANDLOCK_IOCTL_DEV;
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

int confine_landlock_begin(int abi, uint64_t fs, int *ret_fd)
{
	struct confine_landlock_rights rights;
	struct ruleset_attr attr;
	size_t size = sizeof(attr);
	int fd;

	confine_landlock_rights(abi, &rights);
	attr = (struct ruleset_attr){ rights.fs & fs, rights.net, rights.scoped };
	/* A kernel refuses a longer struct than it knows. */
	if (abi < ABI_SCOPE)
		size = offsetof(struct ruleset_attr, scoped);
	if (abi < ABI_NET)
		size = offsetof(struct ruleset_attr, net);
	fd = (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0);
	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}

int confine_landlock_allow(int landlock_fd, int path_fd, uint64_t rights)
{
	struct path_attr path = { rights, path_fd };
	struct stat st;

	if (fstat(path_fd, &st) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode))
		path.allowed &= FS_OF_FILES;
	if (!path.allowed)
		return 0;
	return syscall(SYS_landlock_add_rule, landlock_fd, RULE_PATH_BENEATH, &path, 0) < 0 ?
		       -errno :
		       0;
}

int confine_landlock_ruleset(int abi, const int *directories, unsigned n, int *ret_fd)
{
	struct confine_landlock_rights rights;
	int fd = -1, r;

	confine_landlock_rights(abi, &rights);
	r = confine_landlock_begin(abi, rights.fs, &fd);
	for (unsigned i = 0; r == 0 && i < n; i++)
		r = confine_landlock_allow(fd, directories[i], rights.directory);
	if (r == 0)
		*ret_fd = fd;
	else if (fd >= 0)
		close(fd);
	return r;
}
