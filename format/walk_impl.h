/* SPDX-License-Identifier: BSD-2-Clause */
/* What the ways of walking have in common: over files (walk.c), over a stream (stream.c). */
#ifndef REEL_FORMAT_WALK_IMPL_H
#define REEL_FORMAT_WALK_IMPL_H

#include "format/walk.h"

struct reel_walk_ops {
	int (*next)(struct reel_walk *w, struct reel_event *ret, struct reel_err *err);
	int64_t (*realtime)(struct reel_walk *w, const struct reel_event *ev);
	void (*close)(struct reel_walk *w);
	/* NULL: everything is there, so nothing is waited for. */
	void (*wait)(struct reel_walk *w, const struct reel_walk_wait *wait);
	const struct reel_boot *(*settled)(const struct reel_walk *w, uint64_t *ret_ts);
};

struct reel_walk {
	const struct reel_walk_ops *ops;
	struct reel_filter filter;
	struct reel_health health;
	struct reel_walk_stats stats;
};

#endif
