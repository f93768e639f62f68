/* SPDX-License-Identifier: BSD-2-Clause */
/* The command that is recorded: forked before anything else, and let go when the hooks are live. */
#ifndef REEL_RECORD_CHILD_H
#define REEL_RECORD_CHILD_H

#include <sys/types.h>

#include "format/err.h"

struct child {
	pid_t pid;
	int go_fd;     /* a byte lets it go; closing it ends it */
	int failed_fd; /* its errno, if it cannot execute */
};

/* The program is looked for in PATH at once: -ENOENT, -EACCES as for execvp. */
int child_fork(char **command, struct child *ret, struct reel_err *err);

/* Returns 0 when it has executed, else what execve() said. */
int child_go(struct child *c, struct reel_err *err);

/* 128 + signal where it was killed, as shells say it. */
int child_status(int wait_status);

#endif
