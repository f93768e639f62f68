/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the files of the confinement, here and in record/; for their tests too. */
#ifndef REEL_FORMAT_CONFINE_IMPL_H
#define REEL_FORMAT_CONFINE_IMPL_H

#include <stdint.h>

#include "format/confine.h"

/* Rights of Landlock on files, with the bits of the kernel. */
enum {
	LANDLOCK_EXECUTE = 1 << 0,
	LANDLOCK_WRITE_FILE = 1 << 1,
	LANDLOCK_READ_FILE = 1 << 2,
	LANDLOCK_READ_DIR = 1 << 3,
	LANDLOCK_REMOVE_DIR = 1 << 4,
	LANDLOCK_REMOVE_FILE = 1 << 5,
	LANDLOCK_MAKE_DIR = 1 << 7,
	LANDLOCK_MAKE_REG = 1 << 8,
	LANDLOCK_REFER = 1 << 13,
	LANDLOCK_TRUNCATE = 1 << 14,
	LANDLOCK_IOCTL_DEV = 1 << 15,
};

/* Rights of Landlock, as a kernel with this ABI knows them. */
struct confine_landlock_rights {
	uint64_t fs; /* all that the ABI can refuse */
	uint64_t net;
	uint64_t scoped;
	uint64_t directory; /* what is allowed beneath a directory that we write to */
};
void confine_landlock_rights(int abi, struct confine_landlock_rights *ret);

/* The ABI of this kernel, or -EOPNOTSUPP. */
int confine_landlock_abi(void);
/* A rule set that refuses these rights on files wherever nothing allows them, and the network. */
int confine_landlock_begin(int abi, uint64_t fs, int *ret_fd);
/* Those of RIGHTS that make sense for it, on what the path is that is open as PATH_FD. */
int confine_landlock_allow(int landlock_fd, int path_fd, uint64_t rights);
/* A rule set that allows to write beneath the directories of these descriptors, and no more. */
int confine_landlock_ruleset(int abi, const int *directories, unsigned n, int *ret_fd);

/* What one thread gives up. Safe in a signal handler; errors are noted, the first of each. */
struct confine_rights {
	int landlock_fd;		   /* -1: none */
	const struct confine_owner *owner; /* or NULL */
	uint64_t keep_caps;
	uint64_t keep_bounding;		      /* for a program of root's that is run next */
	_Atomic int failed[CONFINE_MEASURES]; /* negative errno */
	_Atomic uint64_t kept_caps;	      /* of those to keep, which there were */
};
void confine_give_up(void *rights);

__attribute__((format(printf, 4, 5))) void confine_tell(struct confine_report *report,
							enum confine_what what,
							enum confine_status status, const char *fmt,
							...);
/* What root needs to read what belongs to others, to write into their directories, and to give a
 * second name to their files. */
uint64_t confine_reader_caps(const struct confine_reader *c);

/* What the threads have noted of a measure. */
void confine_tell_result(struct confine_report *report, const struct confine_rights *rights,
			 enum confine_what what);
/* Of all that confine_give_up() does. */
void confine_tell_rights(struct confine_report *report, const struct confine_rights *rights);

void confine_forbid_dumps(struct confine_report *report);
/* ROLES: of enum confine_role; SIGNALLED: whom the process may signal, 0: nobody. All threads. */
void confine_filter_calls(uint32_t roles, pid_t signalled, struct confine_report *report);

#endif
