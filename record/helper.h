/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The helper: a process of its own for what needs rights that the recorder has given up. It gets
 * requests and answers with records; ring and tape it never sees.
 *
 *	helper_start(&options, &helper, err);	before rings are mapped and keys are read, since a
 *						fork has a copy of them
 *	confine_recorder(...);
 *	helper_ask(helper, &request);		never waits
 *	poll helper_fd(), then helper_take(helper, sink, err);
 *	helper_stop(helper, deadline_ns, sink, err);
 *
 * All of it from one thread, the one that begins it: the helper dies with that thread.
 *
 * Memory: 200 KiB in the recorder; what waits between the two lies in a socket, some 200 KiB a
 * direction.
 */
#ifndef REEL_RECORD_HELPER_H
#define REEL_RECORD_HELPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "record/confine.h"
#include "record/sink.h"

enum helper_kind {
	HELPER_HASH = 1,	/* pid, start_ns, dev, inode, path: of what was executed */
	HELPER_CONTAINER = 2,	/* cgroup, path: of a cgroup that has appeared */
	HELPER_UPROBE = 3,	/* pid, start_ns, dev, inode, path: of what was mapped executable */
	HELPER_HOST = 4,	/* what a keyframe says of the machine apart from its processes */
	HELPER_PROCESSES = 5,	/* from /proc, where no iterator shows them; pid: that one */
	HELPER_ANCHOR = 6,	/* path: a line for the command of --anchor */
	HELPER_KINDS = 8,
};

enum { HELPER_MAX_PATH = 4096, HELPER_MAX_TASKS = 6, HELPER_MAX_FDS = 64 };

struct helper_request {
	enum helper_kind kind;
	uint32_t pid;
	uint64_t start_ns;	/* of the process, CLOCK_BOOTTIME; 0: not known */
	uint64_t ts;		/* when it was wanted */
	uint64_t inode;
	uint64_t cgroup;
	uint32_t dev;		/* major << 20 | minor */
	bool again;		/* for a keyframe: say it even if it has been said before */
	/* Its bytes; one longer than HELPER_MAX_PATH is left out. In a task a NUL follows. */
	const char *path;
	size_t path_length;
};

/* What run() returns. */
enum { HELPER_ANSWERED, HELPER_LATER };

/*
 * What the helper can do; these functions run in it. They fail only as the sink does, when nobody
 * listens any more; what went wrong otherwise they say in a record.
 */
struct helper_task {
	enum helper_kind kind;
	void *state;
	/* Quick. What takes long is noted, and done by work(): HELPER_LATER. */
	int (*run)(void *state, const struct helper_request *q, const struct record_sink *sink,
		   struct reel_err *err);
	/* A slice of it, some milliseconds. 1: there is more. Adds to *answered what it finished.
	 * NULL: nothing takes long. */
	int (*work)(void *state, unsigned *answered, const struct record_sink *sink,
		    struct reel_err *err);
	/* Types of the records it makes, besides coverage and warning: no other is believed. */
	uint8_t types[6];
};

struct helper_options {
	const struct helper_task *tasks;
	unsigned n_tasks;
	struct confine_helper_options confine;
	const int *keep_fds;	/* what the tasks need open; all else is closed in the helper */
	unsigned n_keep_fds;
};

struct helper;

/*
 * Comes back when the helper is at work and confined; what became of its measures are the first
 * records it sends.
 */
int helper_start(const struct helper_options *o, struct helper **ret, struct reel_err *err);

/* -EAGAIN: it has too much to do, the request is dropped; -EPIPE: it is gone; -ENOSYS: no task. */
int helper_ask(struct helper *h, const struct helper_request *q);

int helper_fd(const struct helper *h);	/* -1: gone */
pid_t helper_pid(const struct helper *h);

/*
 * Reads what has come, a bounded number of records, and puts it to the sink, at the time of now. A
 * helper that ends, or sends what makes no sense and is ended for it, becomes a warning record, and
 * so does one that has not answered anything for HELPER_PATIENCE_NS. Fails only as the sink does.
 */
#define HELPER_PATIENCE_NS (30ull * 1000 * 1000 * 1000)
int helper_take(struct helper *h, const struct record_sink *sink, struct reel_err *err);

struct helper_stats {
	uint64_t asked;		/* requests that it was given */
	uint64_t answered;
	uint64_t dropped;	/* requests that it was not given */
	uint64_t records;
	bool gone;
	char why[160];		/* it is gone */
};
void helper_stats(const struct helper *h, struct helper_stats *ret);

/* Lets it do what it was asked for, until the deadline (CLOCK_BOOTTIME), then ends it; frees it in
 * any case, NULL too. What was not answered becomes a warning record. */
int helper_stop(struct helper *h, uint64_t deadline_ns, const struct record_sink *sink,
		struct reel_err *err);

#endif
