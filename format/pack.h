/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A block while it is being filled: records come in as the kernel wrote them and are split into
 * columns, fixed parts and strings. Each distinct string is kept once. Adding is a few stores, a
 * copy and a look-up for each string; what costs more is done once, when the block is closed.
 */
#ifndef REEL_FORMAT_PACK_H
#define REEL_FORMAT_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/events.h"
#include "format/err.h"
#include "format/tape.h"
#include "format/types.h"

struct reel_pack {
	uint8_t kind;			/* enum tape_kind */
	bool keyframe;			/* a keyframe begins in it */
	uint32_t limit_bytes;		/* full when raw_bytes has reached this */
	uint32_t raw_bytes;		/* at most what it will be, before compression */
	uint32_t n_events;
	uint32_t n_runs;
	uint32_t n_wide;
	uint32_t fixed_bytes;
	uint32_t n_strings, n_cuts;
	uint32_t string_bytes;
	uint64_t ts_min, ts_max;
	uint64_t since_ns;		/* when the first event came in, by the writer's clock */
	uint64_t settled_before;	/* what was settled then */

	uint8_t *type;
	uint8_t *flags;
	uint16_t *call;
	uint32_t *ts;
	uint32_t *pid;
	uint32_t *tid;
	int32_t *ret;
	struct tape_run *runs;
	struct tape_wide *wide;
	uint8_t *fixed;			/* of each event, one behind the other */
	uint8_t *strings;
	uint16_t *string_lengths;
	struct tape_cut_string *cuts;

	/* Which strings are there: a hash table of their numbers, of which a part is in use that
	 * grows with them, so that a block with few strings stays in the cache. */
	uint16_t *string_slots;
	uint32_t *string_hashes;
	uint32_t *string_at;
	uint32_t slots_in_use;		/* a power of two */

	uint64_t last_ts, next_seq;	/* of the open run */
	uint32_t last_pid;
	uint32_t n_pids;
	uint32_t pid_slots;		/* a power of two, at least twice the events that fit */
	uint32_t *pid_set;		/* pid + 1, 0 where free */
	uint32_t *pid_slots_used;	/* the n_pids that are not */
	struct {
		const struct reel_type *type;
		uint32_t n;
		uint16_t usual_call;
	} groups[EV_MAX_TYPES];
	void *memory;
};

/* What an event takes beside its fixed part and strings, when no column can be left out. */
enum { PACK_EVENT_BYTES = 20, PACK_LIMIT_MAX = 2 << 20, PACK_LIMIT_MIN = 4 << 10 };

int reel_pack_init(struct reel_pack *p, uint32_t limit_bytes, struct reel_err *err);
void reel_pack_done(struct reel_pack *p);
void reel_pack_reset(struct reel_pack *p, uint8_t kind);

static inline bool reel_pack_is_full(const struct reel_pack *p)
{
	return p->raw_bytes >= p->limit_bytes || p->n_strings > TAPE_STRINGS_MAX - EV_MAX_STRINGS;
}

/* The pack must not be full, and the lengths in the record must add up. */
void reel_pack_add(struct reel_pack *p, const struct reel_type *t, const struct ev_header *h,
		   const uint8_t *payload);

/* Upper bound of what reel_pack_body() writes, for any pack with this limit. */
size_t reel_pack_body_max(uint32_t limit_bytes);
/* The body before compression; scratch is as large. Returns its length. */
size_t reel_pack_body(const struct reel_pack *p, uint8_t *body, uint8_t *scratch);

/* Bytes that the filter of the pids takes, and the filter itself (zeroed by the caller). */
uint32_t reel_pack_bloom_bytes(const struct reel_pack *p);
void reel_pack_bloom(const struct reel_pack *p, uint8_t *bloom, uint32_t bytes);
void reel_pack_types(const struct reel_pack *p, uint8_t types[32]);

#endif
