/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The blocks of a boot, scanned by all threads and given out as candidates in the order of (ts,
 * cpu, seq), whatever the number of threads.
 *
 * Memory: PIPELINE_AHEAD blocks a thread that are scanned ahead, and those whose times overlap,
 * REEL_WALK_BYTES at most. Beyond that, and only then, order is given up and `disordered` counts.
 */
#ifndef REEL_REPLAY_PIPELINE_H
#define REEL_REPLAY_PIPELINE_H

#include "replay/scan.h"

enum { PIPELINE_AHEAD = 3, PIPELINE_THREADS_MAX = 256 };

struct pipeline;

struct pipeline_item {
	const struct scan_block *block; /* NULL: it could not be unpacked */
	const struct scan_candidate *candidate;
	uint32_t entry; /* in the reader's blocks */
	bool is_state;
	const struct reel_err *err; /* why it could not be unpacked */
};

struct pipeline_stats {
	uint64_t blocks, unpacked, events, candidates, disordered;
	uint64_t bytes; /* of blocks that are done */
};

/* ENTRIES: blocks in the order of their ts_min, the caller's. THREADS 1: none of its own. */
int pipeline_new(const struct reel_reader *r, const struct scan_plan *plan, unsigned threads,
		 const uint32_t *entries, uint32_t n, struct pipeline **ret, struct reel_err *err);
/* 1: a candidate, or a block that is broken, valid until the next call. 0: there are no more. */
int pipeline_next(struct pipeline *p, struct pipeline_item *ret, struct reel_err *err);
void pipeline_stats(const struct pipeline *p, struct pipeline_stats *ret);
void pipeline_free(struct pipeline *p);

#endif
