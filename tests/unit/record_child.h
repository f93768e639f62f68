/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of what a process may do, in a process of its own that ends there. */
#ifndef REEL_TESTS_UNIT_RECORD_CHILD_H
#define REEL_TESTS_UNIT_RECORD_CHILD_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define EXPECT(cond)                                                                      \
	do {                                                                              \
		if (!(cond)) {                                                            \
			printf("# %s:%d: %s (%s)\n", __FILE__, __LINE__, #cond,           \
			       strerror(errno));                                          \
			_exit(1);                                                         \
		}                                                                         \
	} while (0)

#define EXPECT_ERRNO(call, code)                                                          \
	do {                                                                              \
		errno = 0;                                                                \
		if ((call) != -1 || errno != (code)) {                                    \
			printf("# %s:%d: %s: %s\n", __FILE__, __LINE__, #call,            \
			       strerror(errno));                                          \
			_exit(1);                                                         \
		}                                                                         \
	} while (0)

#define KILLED_BY(signal) (1000 + (signal))

static inline pid_t start_child(void (*run)(void *arg), void *arg)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		run(arg);
		fflush(stdout);
		_exit(0);
	}
	return pid;
}

/* Exit status, or KILLED_BY() the signal. */
static inline int end_of_child(pid_t pid)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : KILLED_BY(WTERMSIG(status));
}

static inline int in_child(void (*run)(void *arg), void *arg)
{
	return end_of_child(start_child(run, arg));
}

#endif
