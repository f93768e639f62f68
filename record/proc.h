/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine as /proc shows it, as records of class state: what a keyframe has where no BPF
 * iterator gives it, and all that `reel record --snapshot` has. Needs no privilege; what privilege
 * does not allow to read is empty, its record has EV_FAULT, and it is counted.
 *
 * The ts of a record is taken before the thing is looked at: what changes while we look has an
 * event with a later ts. A process is held by its directory, so that another one that gets its pid
 * meanwhile is never taken for it; a process that ends while we look leaves no record, or a part of
 * them.
 *
 * Start times are in clock ticks (100 a second), rounded down, because /proc says no more: compare
 * them with those of events at that precision only. dev and inode are the kernel's own, also where
 * stat() says otherwise (btrfs, overlayfs), as far as the kernel tells.
 *
 * Memory: 400 KiB, 5 bytes a process, and 16 bytes a mount and mount namespace, for no more than
 * 65,536 of them.
 */
#ifndef REEL_RECORD_PROC_H
#define REEL_RECORD_PROC_H

#include <stdbool.h>
#include <stdint.h>

#include "record/host.h"
#include "record/sink.h"

enum proc_part {
	PROC_PROCESSES = 1, /* process and task */
	PROC_FDS = 2,
	PROC_MAPS = 4,
	PROC_CALLS = 8, /* inflight */
	PROC_ALL = 15,
};

enum {
	PROC_MAX_ARG = 4096,
	PROC_MAX_ARG_LIMIT = 20 << 10, /* a record has room for argv, env and four paths */
};

struct proc_options {
	/* NULL: all. Of the ancestors of those that are wanted only the process is written. */
	bool (*wants)(void *arg, uint32_t pid);
	void *wants_arg;
	const char *const *env; /* names of variables, NULL behind them; NULL: none */
	uint32_t max_arg;	/* bytes kept of argv, and of env, PROC_MAX_ARG_LIMIT at most; 0:
			     PROC_MAX_ARG */
	uint32_t parts;		/* of enum proc_part; 0: all */
};

/* A -errno only if /proc cannot be read at all, if memory is short or if the sink fails. */
int proc_keyframe(const struct proc_options *o, const struct record_sink *sink,
		  struct proc_totals *ret, struct reel_err *err);

/*
 * A whole keyframe: begin, the host, the processes, end. It is complete unless something was
 * refused.
 */
int proc_snapshot(const struct proc_options *o, const struct host_options *host,
		  const struct record_sink *sink, struct proc_totals *ret, struct reel_err *err);

#endif
