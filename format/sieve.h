/* SPDX-License-Identifier: BSD-2-Clause */
/* A filter, applied to one boot of one capture: to the headers of blocks, then to events. */
#ifndef REEL_FORMAT_SIEVE_H
#define REEL_FORMAT_SIEVE_H

#include "format/merge.h"
#include "format/walk.h"

struct reel_sieve {
	const struct reel_filter *f;
	const struct reel_clocks *clocks;
	struct reel_clock_cache clock;
	uint8_t type_bits[32];
	bool any_time, any_event;
};

void reel_sieve_init(struct reel_sieve *s, const struct reel_filter *f,
		     const struct reel_clocks *clocks);

/* Whether something between two moments, both included, may be in the time that is wanted. */
bool reel_sieve_wants_time(const struct reel_sieve *s, uint64_t ts_min, uint64_t ts_max);

/* False only if nothing in the block can be wanted. Looks at its bloom filter last. */
bool reel_sieve_wants_block(const struct reel_sieve *s, const struct reel_segment *segment,
			    const struct reel_entry *e);

/* The filter of pids in a block's header, for bloom_may_have(). n 0: nothing is known. */
struct reel_block_filter {
	const uint8_t *bytes;
	uint32_t n;
	uint8_t plain[TAPE_BLOOM_MAX];		/* where it was encrypted */
};
void reel_entry_filter(const struct reel_segment *s, const struct reel_entry *e,
		       struct reel_block_filter *ret);

bool reel_sieve_wants_slowly(struct reel_sieve *s, const struct reel_merge_event *e);

static inline bool reel_sieve_wants_event(struct reel_sieve *s, const struct reel_merge_event *e)
{
	return (s->any_event && !e->u->segment->is_cut) || reel_sieve_wants_slowly(s, e);
}

/* Events that the LOST records of a GAP block count, as far as they touch the time that is
 * wanted. */
uint64_t reel_sieve_count_lost(struct reel_sieve *s, struct reel_unpacked *u);

#endif
