/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Captures that end badly, and what is left of them. Events are opens with a number each, from 1
 * on, so that it is known which are there.
 */
#ifndef REEL_TESTS_BENCH_LIB_CRASH_H
#define REEL_TESTS_BENCH_LIB_CRASH_H

#include "format/walk.h"
#include "format/writer.h"

enum {
	CRASH_BATCH = 40, /* events of a round */
};

struct crash_options {
	const char *output; /* - is standard output */
	uint64_t segment_bytes, keep_bytes, block_bytes;
	bool drop_oldest, threaded;
	enum reel_sync sync;
	uint64_t step_ns; /* by which time goes on in a round; 0: it is the machine's */
	uint64_t seed;
};

struct crash_run {
	struct reel_writer *w;
	uint64_t number; /* of the last event that was taken */
	uint64_t clocks; /* that were taken */
	uint64_t step_ns, now_ns;
	uint64_t random, segment, blocks;
};

/* The first event has the next number. */
int crash_open(const struct crash_options *o, uint64_t number, struct crash_run *ret,
	       struct reel_err *err);

/*
 * A round: a batch of events, then what the recorder does at the end of each. With sure all of it
 * is in the kernel's hands at the end, and synced where each block is: a batch fits a block, so it
 * is known how many there will be.
 */
int crash_round(struct crash_run *run, bool sure, struct reel_err *err);

/* After a failure some more is offered, as by a caller who hears of it late. */
void crash_offer_more(struct crash_run *run);

struct crash_found {
	uint64_t first, last, events, clocks, retired, damages, segments;
	uint64_t whole;		    /* from first up to this one none is missing */
	uint64_t lost, lost_events; /* of all classes; of that of the events */
	enum reel_ending ending;
	uint64_t end_reason;
	bool has_end;
	bool in_order; /* no number is there twice, or missing between others */
};

/* Reads and verifies all of it. What is damaged is told on standard error. */
int crash_look_at(const char *path, struct crash_found *ret, struct reel_err *err);

uint64_t crash_draw(uint64_t *state);

#endif
