/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "format/record.h"
#include "tests/bench/lib_crash.h"

enum { CPUS = 2 };

uint64_t crash_draw(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static uint64_t clock_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* Where time is made up it goes on by a little with each look at it. */
static uint64_t now_ns(struct crash_run *run)
{
	if (!run->step_ns)
		run->now_ns = clock_ns(CLOCK_BOOTTIME);
	return run->step_ns ? run->now_ns++ : run->now_ns;
}

static size_t make_event(struct crash_run *run, struct reel_record *rec, uint64_t number)
{
	struct ev_open *open = reel_record_begin(rec, reel_type_by_id(EV_open));
	char path[64];
	int n = snprintf(path, sizeof(path), "/tmp/%llu-%016llx%016llx", (unsigned long long)number,
			 (unsigned long long)crash_draw(&run->random),
			 (unsigned long long)crash_draw(&run->random));

	open->inode = number;
	reel_record_string(rec, path, (size_t)n);
	rec->header.ts = now_ns(run);
	rec->header.cpu = (uint16_t)(number % CPUS);
	rec->header.seq = number / CPUS;
	rec->header.pid = rec->header.tid = 1000 + (uint32_t)(number % 50);
	return reel_record_end(rec);
}

static int append_clock(struct crash_run *run, struct reel_err *err)
{
	struct reel_record rec;
	struct ev_clock *clock = reel_record_begin(&rec, reel_type_by_id(EV_clock));

	rec.header.ts = now_ns(run);
	clock->realtime = (int64_t)clock_ns(CLOCK_REALTIME);
	return reel_writer_append_own(run->w, &rec.header, reel_record_end(&rec), err);
}

int crash_open(const struct crash_options *o, uint64_t number, struct crash_run *ret,
	       struct reel_err *err)
{
	struct reel_writer_options w = {
		.segment_bytes = o->segment_bytes,
		.keep_bytes = o->keep_bytes,
		.block_bytes = (uint32_t)o->block_bytes,
		.drop_oldest = o->drop_oldest,
		.in_line = !o->threaded,
		.sync = o->sync,
	};

	*ret = (struct crash_run){
		.number = number,
		.step_ns = o->step_ns,
		.now_ns = clock_ns(CLOCK_BOOTTIME),
		.random = 88172645463325252ull + o->seed,
	};
	if (strcmp(o->output, "-") == 0)
		w.fd = dup(STDOUT_FILENO);
	else
		w.directory = o->output;
	reel_meta_this_machine(&w.meta);
	w.meta.start.boottime_ns = ret->now_ns;
	w.meta.start.realtime_ns = (int64_t)clock_ns(CLOCK_REALTIME);
	return reel_writer_open(&w, &ret->w, err);
}

int crash_round(struct crash_run *run, bool sure, struct reel_err *err)
{
	uint64_t segment = reel_writer_segment_number(run->w);
	struct reel_writer_stats stats;
	struct reel_record rec;
	int r = 0;

	if (run->segment != segment) {
		r = append_clock(run, err);
		run->clocks += r == 0;
		run->blocks++;
	}
	run->segment = segment;
	run->blocks++;
	for (unsigned i = 0; r == 0 && i < CRASH_BATCH; i++) {
		size_t length = make_event(run, &rec, run->number + 1);

		r = reel_writer_append(run->w, &rec, length, err);
		run->number += r == 0;
	}
	reel_writer_settle(run->w, now_ns(run));
	do {
		if (r == 0 && sure)
			r = reel_writer_flush(run->w, err);
		reel_writer_stats(run->w, &stats);
	} while (r == 0 && sure && stats.blocks < run->blocks);
	run->now_ns += run->step_ns;
	if (r == 0)
		r = reel_writer_tick(run->w, now_ns(run), err);
	return r;
}

void crash_offer_more(struct crash_run *run)
{
	struct reel_record rec;

	for (unsigned i = 0; i < CRASH_BATCH; i++) {
		size_t length = make_event(run, &rec, run->number + 1);

		run->number += reel_writer_append(run->w, &rec, length, NULL) == 0;
	}
}
