/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A block of events, decompressed and ready to be walked. What it holds stays valid until the next
 * block is decoded into it; events are views into it.
 *
 * A run is events of one CPU in their order. Runs of a CPU that follow each other form a chain, so
 * that a block is as many sorted sequences as it has chains, about one a CPU.
 */
#ifndef REEL_FORMAT_UNPACK_H
#define REEL_FORMAT_UNPACK_H

#include <stddef.h>
#include <stdint.h>

#include "format/block.h"
#include "format/crypt.h"
#include "format/event.h"
#include "format/lanes.h"
#include "format/schema.h"
#include "format/tape.h"

enum { REEL_NO_RUN = 0xffffffff };

/* The events of one type in the block. */
struct reel_group {
	uint32_t n;
	uint16_t usual_call;
	bool has_rows;			/* made from the lanes when the first of them is wanted */
	const struct reel_lane *lanes;
	uint32_t n_lanes;
	uint8_t *rows;
};

struct reel_unpacked {
	uint32_t n_events, n_runs, n_wide;
	const uint8_t *type;
	const uint8_t *flags;
	const uint16_t *call;			/* exclusive or with the usual one of its type */
	const uint32_t *pid;
	const uint32_t *tid;			/* tid - pid */
	const int32_t *ret;
	const struct tape_run *runs;
	const struct tape_wide *wide;
	struct reel_string_table strings;

	/* Worked out: */
	uint64_t *ts;
	uint32_t *row;				/* which of its type the event is */
	uint32_t *run_at;			/* first event of each run; n_runs + 1 */
	uint32_t *next_run;			/* in its chain, or REEL_NO_RUN */
	uint32_t *chains;			/* first run of each */
	uint32_t n_chains;
	struct reel_group groups[EV_MAX_TYPES];

	const struct reel_schema *schema;
	const struct reel_segment *segment;

	/* Buffers, kept from block to block. */
	struct {
		void *memory;
		size_t room;
	} raw, events, run_tables, string_at, zeros, planes, lanes, rows;
	struct reel_plain plain;		/* of who decrypts a block before it */
	uint32_t *tail_of_cpu;			/* last run of a CPU's chain, + 1 */
	struct ZSTD_DCtx_s *zstd;
};

/* u is zero, or was used before. Memory: at most five times TAPE_RAW_MAX, 1 MiB for lanes, and 24
 * bytes an event. */
int reel_unpack(struct reel_unpacked *u, const struct reel_block *b,
		const struct reel_schema *schema, const struct reel_segment *segment,
		struct reel_err *err);
void reel_unpack_done(struct reel_unpacked *u);
/* What its buffers take. */
size_t reel_unpacked_bytes(const struct reel_unpacked *u);

int64_t reel_unpacked_wide_ret(const struct reel_unpacked *u, uint32_t i);
void reel_unpacked_make_rows(struct reel_unpacked *u, unsigned type);

/* Event i, which is in the given run. */
static inline void reel_unpacked_event(struct reel_unpacked *u, uint32_t run, uint32_t i,
				       struct reel_event *ret)
{
	const struct tape_run *r = &u->runs[run];
	unsigned type = u->type[i];
	struct reel_group *g = &u->groups[type];

	if (!g->has_rows)
		reel_unpacked_make_rows(u, type);
	ret->ts = u->ts[i];
	ret->seq = r->seq + (i - u->run_at[run]);
	ret->ret = u->flags[i] & EV_WIDE_RET ? reel_unpacked_wide_ret(u, i) : u->ret[i];
	ret->pid = u->pid[i];
	ret->tid = u->pid[i] + u->tid[i];
	ret->cpu = r->cpu;
	ret->call = u->call[i] ^ g->usual_call;
	ret->flags = u->flags[i] & (uint8_t)~EV_WIDE_RET;
	ret->type = u->schema->types[type];
	ret->fixed = g->rows + (size_t)u->row[i] * u->schema->fixed_bytes[type];
	ret->strings = &u->strings;
	ret->segment = u->segment;
}

#endif
