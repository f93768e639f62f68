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
#include "format/event.h"
#include "format/schema.h"
#include "format/tape.h"

enum { REEL_NO_RUN = 0xffffffff };

struct reel_unpacked {
	uint32_t n_events, n_runs, n_wide;
	const uint8_t *type;
	const uint8_t *flags;
	const uint16_t *call;
	const uint32_t *pid;
	const uint32_t *tid;			/* tid - pid */
	const int32_t *ret;
	const struct tape_run *runs;
	const struct tape_wide *wide;
	const uint8_t *fixed;
	const uint8_t *strings;

	/* Worked out: */
	uint64_t *ts;
	uint32_t *fixed_at;			/* n_events + 1 */
	uint32_t *string_at;			/* n_events + 1 */
	uint32_t *run_at;			/* first event of each run; n_runs + 1 */
	uint32_t *next_run;			/* in its chain, or REEL_NO_RUN */
	uint32_t *chains;			/* first run of each */
	uint32_t n_chains;

	const struct reel_schema *schema;
	const struct reel_segment *segment;

	/* Buffers, kept from block to block. */
	uint8_t *raw;
	size_t raw_room;
	uint32_t events_room, runs_room;
	void *worked_out, *worked_out_runs;
	uint8_t *zeros;				/* a column that was left out */
	size_t zeros_room;
	uint8_t *planes;			/* a column put together again */
	size_t planes_room;
	uint32_t *tail_of_cpu;			/* last run of a CPU's chain, + 1 */
	struct ZSTD_DCtx_s *zstd;
};

/* u is zero, or was used before. Memory: at most TAPE_RAW_MAX and 40 bytes an event. */
int reel_unpack(struct reel_unpacked *u, const struct reel_block *b,
		const struct reel_schema *schema, const struct reel_segment *segment,
		struct reel_err *err);
void reel_unpack_done(struct reel_unpacked *u);

int64_t reel_unpacked_wide_ret(const struct reel_unpacked *u, uint32_t i);

/* Event i, which is in the given run. */
static inline void reel_unpacked_event(const struct reel_unpacked *u, uint32_t run, uint32_t i,
				       struct reel_event *ret)
{
	const struct tape_run *r = &u->runs[run];

	ret->ts = u->ts[i];
	ret->seq = r->seq + (i - u->run_at[run]);
	ret->ret = u->flags[i] & EV_WIDE_RET ? reel_unpacked_wide_ret(u, i) : u->ret[i];
	ret->pid = u->pid[i];
	ret->tid = u->pid[i] + u->tid[i];
	ret->cpu = r->cpu;
	ret->call = u->call[i];
	ret->flags = u->flags[i] & (uint8_t)~EV_WIDE_RET;
	ret->string_bytes = u->string_at[i + 1] - u->string_at[i];
	ret->type = u->schema->types[u->type[i]];
	ret->fixed = u->fixed + u->fixed_at[i];
	ret->strings = u->strings + u->string_at[i];
	ret->segment = u->segment;
}

#endif
