/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Puts the events of overlapping blocks in order: a heap with one cursor for each chain of runs.
 * Blocks are given in when their time comes, and go when their last event has been taken.
 */
#ifndef REEL_FORMAT_MERGE_H
#define REEL_FORMAT_MERGE_H

#include <stddef.h>
#include <stdint.h>

#include "format/err.h"
#include "format/unpack.h"

struct reel_merge_slot {
	struct reel_unpacked u;
	uint32_t cursors;		/* chains that are not at their end */
	size_t bytes;
};

struct reel_merge_cursor {
	uint64_t ts, seq;
	struct reel_merge_slot *slot;
	uint32_t run, i, end;
	uint16_t cpu;
};

struct reel_merge {
	struct reel_merge_cursor *heap;
	size_t n, room;
	struct reel_merge_slot **slots;	/* in use, then free ones */
	size_t n_slots, n_used;
	struct reel_merge_slot *spent;	/* its last event was given out by the last call */
	size_t bytes;			/* of the blocks in use */
	struct reel_unpacked tools;	/* what only unpacking needs: once, not for each slot */
};

/* Event i of u, which is in its given run. */
struct reel_merge_event {
	struct reel_unpacked *u;
	uint32_t run, i;
};

/* A place to unpack the next block into; NULL: no memory. It is in use from now on. */
struct reel_merge_slot *reel_merge_slot(struct reel_merge *m);
/* What was unpacked takes part. */
int reel_merge_add(struct reel_merge *m, struct reel_merge_slot *slot, struct reel_err *err);
/* It could not be unpacked after all. */
void reel_merge_drop(struct reel_merge *m, struct reel_merge_slot *slot);

/* The next event before the bound; valid until the next call. false: there is none. */
bool reel_merge_next(struct reel_merge *m, uint64_t bound, struct reel_merge_event *ret);

/* Time of the next event, UINT64_MAX if there is none. */
static inline uint64_t reel_merge_head(const struct reel_merge *m)
{
	return m->n ? m->heap[0].ts : UINT64_MAX;
}

void reel_merge_done(struct reel_merge *m);

#endif
