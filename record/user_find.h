/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The file that a process has mapped, opened to be read: at its path as the process sees it, else
 * through the mapping itself. Runs in a child, since any of this may take forever.
 */
#ifndef REEL_RECORD_USER_FIND_H
#define REEL_RECORD_USER_FIND_H

#include <stdbool.h>
#include <stdint.h>

#include "format/err.h"

struct user_wanted {
	uint32_t pid; /* 0: no process, the path is the host's */
	uint32_t dev; /* major << 20 | minor; with inode 0: not known */
	uint64_t inode;
	bool if_executable; /* only if it is what the process executes */
	const char *path;
};

/*
 * A descriptor, or: -ENOENT, -ESRCH: the file or the process is gone; -ENOEXEC: not of interest;
 * -EOPNOTSUPP: it lies where reading it is somebody else's doing (FUSE); -EACCES, -EPERM.
 */
int user_find(const struct user_wanted *wanted, struct reel_err *err);

#endif
