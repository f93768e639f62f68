/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A part of a capture, as a capture. By time alone its blocks are taken over byte for byte, so that
 * their tags still hold; by process or type it is a new capture, which names the one it is from.
 */
#ifndef REEL_FORMAT_CUT_H
#define REEL_FORMAT_CUT_H

#include "format/walk.h"

struct reel_cut {
	uint64_t segments, events;	/* by time: events of all blocks that touch it */
};

/* The time of a filter as wall time; open ends reach from 1970 to the end of time. */
struct reel_cut_range {
	int64_t from_ns, to_ns;
};

/* What of a boot belongs to the time, in its ts. */
struct reel_cut_boot {
	const struct reel_boot *boot;	/* NULL: nothing of it */
	uint64_t state_from;		/* its state is told from here on */
	uint64_t clock_from;		/* and that is dated from here on */
	uint64_t last;			/* still in the time */
};

/*
 * The reader has one source. -EINVAL: it has several, or the time cannot be told in wall time;
 * -ENODATA: nothing was recorded then. *ret_boots has r->n_boots of them; the caller frees it.
 */
int reel_cut_plan(const struct reel_reader *r, const struct reel_filter *f,
		  struct reel_cut_range *ret_range, struct reel_cut_boot **ret_boots,
		  struct reel_err *err);

int reel_cut_by_time(const struct reel_reader *r, const struct reel_filter *f, int fd,
		     struct reel_cut *ret, struct reel_err *err);

/*
 * By the types and processes of the filter, which CHOSEN tells in words. The state stream is kept
 * whole unless processes are chosen; then of it what they did and what belongs to none. *health is
 * that of the reading.
 */
int reel_cut_by_content(const struct reel_reader *r, const struct reel_filter *f,
			const char *chosen, int fd, struct reel_cut *ret,
			struct reel_health *health, struct reel_err *err);

#endif
