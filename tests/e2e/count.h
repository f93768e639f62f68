/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the steps of count.c share. A step makes a few system calls, each through DO(), which counts
 * it with the result that the kernel gave: the truth is what happened, not what somebody thought
 * would happen. A call that the recorder is to keep silent about is made through QUIET().
 */
#ifndef REEL_TESTS_E2E_COUNT_H
#define REEL_TESTS_E2E_COUNT_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bpf/events.h"

enum {
	MAX_WORKERS = 64,
	MAX_TALLIES = 1024,
	MAX_CHILDREN = 4096,
	MAX_NAME = 128,
};

/* How often a call ended in this way. A free place has count 0. */
struct tally {
	uint32_t count;
	uint16_t number;
	uint16_t error;
	uint8_t type;
};

struct child {
	pid_t pid;
	bool has_executed;
};

/* A thread that makes calls; lies in memory that all processes share. */
struct worker {
	int process, thread;
	int cpu; /* -1: wherever the scheduler likes */
	pid_t pid, tid;
	uint64_t rounds, done;

	/* What the steps work on: made before the counting begins, and this worker's own. */
	char dir[MAX_NAME], file[MAX_NAME], other[MAX_NAME], missing[MAX_NAME], sub[MAX_NAME];
	char mount[MAX_NAME], address[MAX_NAME];
	const char *self;
	int dir_fd, file_fd, other_fd, null_fd, zero_fd, cwd_fd, tty_fd, pidfd, listen_fd, udp_fd;
	int pipe[2], tee[2], unix_pair[2];
	uint16_t port, udp_port;
	void *page;

	bool overflow;
	uint32_t n_children;
	struct child children[MAX_CHILDREN];
	struct tally tallies[MAX_TALLIES];
};

static inline void tally_add(struct worker *w, int type, long number, long error)
{
	uint32_t at = ((uint32_t)type * 31u + (uint32_t)number * 7u + (uint32_t)error * 131u);

	for (int i = 0; i < MAX_TALLIES; i++, at++) {
		struct tally *t = &w->tallies[at % MAX_TALLIES];

		if (!t->count) {
			t->type = (uint8_t)type;
			t->number = (uint16_t)number;
			t->error = (uint16_t)error;
		}
		if (t->type == type && t->number == number && t->error == error) {
			t->count++;
			return;
		}
	}
	w->overflow = true;
}

/* TYPE 0 is no event. Returns what the kernel returned. */
static inline long worker_call(struct worker *w, int type, long number, const long *a)
{
	long ret = syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);

	if (ret == -1)
		ret = -errno;
	if (type)
		tally_add(w, type, number, ret < 0 && ret > -4096 ? -ret : 0);
	return ret;
}

#define ARGS(...) ((const long[6]){ __VA_ARGS__ })
#define P(pointer) ((long)(uintptr_t)(pointer))
#define DO(type, call, ...) worker_call(w, EV_##type, SYS_##call, ARGS(__VA_ARGS__))
#define QUIET(call, ...) worker_call(w, 0, SYS_##call, ARGS(__VA_ARGS__))
/* A call that leaves an event of a second type. */
#define ALSO(type, call, ret) tally_add(w, EV_##type, SYS_##call, (ret) < 0 ? -(ret) : 0)

struct step {
	const char *name;
	void (*run)(struct worker *w);
	unsigned every; /* run in one round of so many */
};

/* A call newer than the headers. */
#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif

#endif
