/* SPDX-License-Identifier: BSD-2-Clause */
/* What the recorder itself says: clocks, keyframes, coverage, counters. */
#ifndef REEL_TESTS_BENCH_KEYFRAME_H
#define REEL_TESTS_BENCH_KEYFRAME_H

#include "format/writer.h"
#include "tests/bench/lib_machine.h"

struct own {
	struct machine *m;
	struct reel_writer *w; /* NULL: only counted */
	struct reel_err *err;
	uint64_t ts;
	struct rng rng; /* not the machine's: what happens there does not depend on us */
	uint64_t records;
	int64_t realtime_offset; /* realtime - boottime */
	int ret;
};

enum clock_reason { CLOCK_START, CLOCK_MINUTE, CLOCK_STEP, CLOCK_END };

void own_clock(struct own *o, enum clock_reason reason);
void own_coverage(struct own *o);
/* The machine as it was at o->ts, which moves on a little. */
void own_keyframe(struct own *o);
void own_counters(struct own *o);

#endif
