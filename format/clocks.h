/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Wall time of an event: what CLOCK_REALTIME showed at the last CLOCK record that is not after it,
 * plus the boottime that has passed since. The first record also reaches back. Nothing is
 * interpolated, so a step of the clock is a step of the times.
 */
#ifndef REEL_FORMAT_CLOCKS_H
#define REEL_FORMAT_CLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "format/tape.h"

struct reel_clock {
	uint64_t ts;
	int64_t offset_ns;		/* CLOCK_REALTIME - CLOCK_BOOTTIME */
};

struct reel_clocks {
	struct reel_clock *list; /* by rising ts; of equal ones the later record is the last */
	size_t n, room;
	/* What META said when the segment began: used as long as no record is known. */
	bool has_start;
	int64_t start_offset_ns;
};

int reel_clocks_add(struct reel_clocks *c, uint64_t ts, int64_t realtime_ns);
/* All records of a CLOCK block. */
struct reel_unpacked;
int reel_clocks_add_block(struct reel_clocks *c, struct reel_unpacked *u);
void reel_clocks_done(struct reel_clocks *c);

/* The stretch of boottime with one offset in which the last look-up fell. Zero: none yet. */
struct reel_clock_cache {
	uint64_t from, to;		/* to is not in it */
	int64_t offset_ns;
};

/* What META says of the beginning of a segment; the first to say it counts. */
void reel_clocks_start(struct reel_clocks *c, const struct tape_start *start);

/* 0 where nothing is known. */
int64_t reel_clocks_realtime(const struct reel_clocks *c, uint64_t ts,
			     struct reel_clock_cache *cache);
/* Least and greatest wall time that an event between two times may have. */
void reel_clocks_range(const struct reel_clocks *c, uint64_t ts_min, uint64_t ts_max,
		       int64_t *ret_min, int64_t *ret_max);

#endif
