/* SPDX-License-Identifier: BSD-2-Clause */
/* Captures for tests: a few calls for what a recorder does, and for what a reader is asked. */
#ifndef REEL_TESTS_UNIT_CAPTURE_H
#define REEL_TESTS_UNIT_CAPTURE_H

#include <stdlib.h>
#include <string.h>

#include "format/record.h"
#include "format/verify.h"
#include "format/walk.h"
#include "format/writer.h"
#include "tests/unit/harness.h"

#define SECOND 1000000000ull
#define EPOCH 1700000000000000000ll

enum { CPUS = 4 };

struct tape {
	struct reel_writer *w;
	struct reel_err err;
	uint64_t ts, random;
	uint64_t seq[CPUS];
};

static inline uint64_t draw(struct tape *t)
{
	t->random ^= t->random << 13;
	t->random ^= t->random >> 7;
	t->random ^= t->random << 17;
	return t->random;
}

static inline struct reel_writer_options options(const char *directory)
{
	struct reel_writer_options o = { .directory = directory,
					 .in_line = true,
					 .sync = REEL_SYNC_NONE };

	memset(o.meta.boot, 1, sizeof(o.meta.boot));
	snprintf(o.meta.host, sizeof(o.meta.host), "host");
	o.meta.start = (struct tape_start){ SECOND, EPOCH };
	return o;
}

static inline void begin(struct tape *t, const struct reel_writer_options *o)
{
	if (!t->ts)
		t->ts = o->meta.start.boottime_ns;
	if (!t->random)
		t->random = 88172645463325252ull;
	CHECK_EQ(reel_writer_open(o, &t->w, &t->err), 0);
}

static inline void put(struct tape *t, struct reel_record *rec, unsigned cpu)
{
	rec->header.ts = t->ts;
	rec->header.cpu = (uint16_t)cpu;
	rec->header.seq = t->seq[cpu]++;
	rec->header.tid = rec->header.pid;
	CHECK_EQ(reel_writer_append(t->w, rec, reel_record_end(rec), &t->err), 0);
}

static inline void put_event(struct tape *t, uint8_t type, unsigned cpu, uint32_t pid)
{
	struct reel_record rec;
	uint8_t bytes[24];

	reel_record_begin(&rec, reel_type_by_id(type));
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)draw(t);
	if (reel_type_by_id(type)->n_strings)
		reel_record_string(&rec, bytes, sizeof(bytes));
	rec.header.pid = pid;
	put(t, &rec, cpu);
}

static inline void put_clock(struct tape *t, int64_t realtime)
{
	struct reel_record rec;
	struct ev_clock *clock = reel_record_begin(&rec, reel_type_by_id(EV_clock));

	clock->realtime = realtime;
	rec.header.ts = t->ts;
	CHECK_EQ(reel_writer_append_own(t->w, &rec.header, reel_record_end(&rec), &t->err), 0);
}

static inline void put_keyframe(struct tape *t, uint8_t edge)
{
	struct reel_record rec;
	struct ev_keyframe *frame = reel_record_begin(&rec, reel_type_by_id(EV_keyframe));

	frame->edge = edge;
	frame->complete = edge;
	put(t, &rec, 0);
}

/* End of a round: what is before now is there, and now is a step later. */
static inline void settle(struct tape *t, uint64_t step)
{
	reel_writer_settle(t->w, t->ts);
	CHECK_EQ(reel_writer_tick(t->w, t->ts, &t->err), 0);
	t->ts += step;
}

static inline void end(struct tape *t)
{
	CHECK_EQ(reel_writer_close(t->w, &t->err), 0);
	t->w = NULL;
}

/* Events that compress badly, a second every 500 of them. */
static inline void fill(struct tape *t, unsigned seconds)
{
	for (unsigned i = 0; i < seconds; i++) {
		for (unsigned k = 0; k < 500; k++) {
			put_event(t, EV_open, k % CPUS, 100 + k % 7);
			t->ts += SECOND / 1000;
		}
		settle(t, SECOND / 2);
	}
}

static inline struct reel_reader *opened(const char *path)
{
	struct reel_reader *r = NULL;
	struct reel_err err = { 0 };

	if (reel_reader_open(path, &r, &err) < 0)
		T_FAIL("%s", err.msg);
	return r;
}

static inline struct reel_walk *walked(const struct reel_reader *r, const struct reel_filter *f)
{
	struct reel_walk *w = NULL;
	struct reel_err err = { 0 };

	if (reel_walk_open(r, f, &w, &err) < 0)
		T_FAIL("%s", err.msg);
	return w;
}

static inline uint64_t count_events(const char *path, uint8_t type)
{
	struct reel_filter f = { .some_types = true };
	struct reel_reader *r = opened(path);
	struct reel_walk *w;
	struct reel_err err;
	struct reel_event ev;
	uint64_t n = 0;

	f.types[type] = true;
	w = walked(r, &f);
	while (reel_walk_next(w, &ev, &err) > 0)
		n++;
	CHECK_EQ(reel_walk_health(w)->ending, REEL_COMPLETE);
	reel_walk_close(w);
	reel_reader_close(r);
	return n;
}

static inline uint64_t damages(const char *path)
{
	char *paths[] = { (char *)(uintptr_t)path };
	struct reel_verification *v;
	struct reel_err err = { 0 };
	uint64_t n = 0;

	if (reel_verify(paths, 1, NULL, &v, &err) < 0) {
		T_FAIL("%s", err.msg);
		return 1;
	}
	for (unsigned i = 0; i < v->n; i++) {
		n += v->captures[i].n_damages + v->captures[i].head_is_missing;
		for (unsigned k = 0; k < v->captures[i].n_findings; k++)
			if (v->captures[i].findings[k].kind == REEL_FINDING_DAMAGE)
				printf("# %s\n", v->captures[i].findings[k].what);
	}
	reel_verification_free(v);
	return n;
}

#endif
