/* SPDX-License-Identifier: BSD-2-Clause */
/* What goes into a writer comes out of a reader: random events of every type, with every edge. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "format/record.h"
#include "format/walk.h"
#include "format/writer.h"
#include "tests/unit/harness.h"

enum { CPUS = 3, MOST = 60000 };

struct story {
	uint64_t random;
	uint8_t *records[MOST];		/* header and payload, 8-aligned */
	size_t n;
	uint64_t ts[CPUS], seq[CPUS];
	struct reel_writer *w;
};

static uint64_t draw(struct story *s)
{
	s->random ^= s->random << 13;
	s->random ^= s->random >> 7;
	s->random ^= s->random << 17;
	return s->random;
}

/* Empty, short, with NULs and bytes that are no UTF-8, now and then as long as a payload allows. */
static void add_string(struct story *s, struct reel_record *rec)
{
	static uint8_t bytes[EV_MAX_PAYLOAD];
	size_t n = draw(s) % 4 ? draw(s) % 40 : 0;

	if (draw(s) % 1000 == 0)
		n = draw(s) % sizeof(bytes);
	if (draw(s) % 3000 == 0)
		n = sizeof(bytes);
	for (size_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)draw(s);
	if (draw(s) % 16 == 0)
		reel_record_cut_string(rec, bytes, n,
				       draw(s) % 2 ? EV_UNKNOWN_LENGTH : (uint32_t)n + 7);
	else
		reel_record_string(rec, bytes, n);
}

static const struct reel_type *any_type(struct story *s)
{
	for (;;) {
		const struct reel_type *t = reel_type_by_id(draw(s) % EV_MAX_TYPES);

		/* Clocks decide about times, and are tested where times are. */
		if (t && t->id != EV_clock && t->id != EV_lost)
			return t;
	}
}

static void add_event(struct story *s, unsigned cpu)
{
	static struct reel_record rec;
	const struct reel_type *t = any_type(s);
	uint8_t *fixed = reel_record_begin(&rec, t);
	struct reel_err err;
	size_t length;

	for (unsigned i = 0; i < t->fixed_bytes; i++)
		fixed[i] = draw(s) % 3 ? 0 : (uint8_t)draw(s);
	s->ts[cpu] += draw(s) % 8 ? draw(s) % 100000 : draw(s) % 3 ? 0 : draw(s) % (9ull << 32);
	rec.header.ts = s->ts[cpu];
	s->seq[cpu] += draw(s) % 50 == 0 ? 1 + draw(s) % 5 : 1;
	rec.header.seq = s->seq[cpu];
	rec.header.cpu = (uint16_t)cpu;
	rec.header.ret = draw(s) % 9 ? (int64_t)(draw(s) % 200) - 100 : (int64_t)draw(s);
	rec.header.pid = (uint32_t)(draw(s) % 30);
	rec.header.tid = rec.header.pid + (draw(s) % 4 ? 0 : (uint32_t)draw(s) % 100);
	rec.header.call = draw(s) % 5 ? EV_CALL(EV_ABI_NATIVE, draw(s) % 400) : (uint16_t)draw(s);
	rec.header.flags = (uint8_t)(draw(s) & ~(EV_TRUNCATED | EV_WIDE_RET));
	for (unsigned i = 0; i < t->n_strings; i++)
		add_string(s, &rec);
	length = reel_record_end(&rec);
	s->records[s->n] = malloc(length);
	memcpy(s->records[s->n++], &rec, length);
	CHECK_EQ(reel_writer_append(s->w, &rec, length, &err), 0);
}

static int in_order(const void *a, const void *b)
{
	const struct ev_header *x = *(const struct ev_header *const *)a;
	const struct ev_header *y = *(const struct ev_header *const *)b;

	if (x->ts != y->ts)
		return x->ts < y->ts ? -1 : 1;
	if (x->cpu != y->cpu)
		return x->cpu < y->cpu ? -1 : 1;
	return x->seq < y->seq ? -1 : 1;
}

static bool is_same(const struct reel_event *ev, const struct ev_header *h)
{
	static struct reel_record again;
	size_t length = reel_record_of_event(&again, ev);

	return length == sizeof(*h) + h->length && memcmp(&again, h, length) == 0 &&
	       reel_event_is_sound(ev);
}

/* Rounds as the recorder has them: each CPU's events up to a moment, then the next CPU's. */
static void record(struct story *s, const struct reel_writer_options *o, unsigned n_rounds)
{
	struct reel_err err = { 0 };
	uint64_t now = 1000000;

	REQUIRE(reel_writer_open(o, &s->w, &err) == 0);
	for (unsigned round = 0; round < n_rounds; round++) {
		now += 20000000;
		for (unsigned cpu = 0; cpu < CPUS; cpu++) {
			while (s->ts[cpu] < now && s->n < MOST)
				add_event(s, cpu);
			if (s->ts[cpu] > now)
				now = s->ts[cpu];
		}
		/* Every CPU has passed the least of their times. */
		uint64_t settled = s->ts[0];
		for (unsigned cpu = 1; cpu < CPUS; cpu++)
			settled = s->ts[cpu] < settled ? s->ts[cpu] : settled;
		reel_writer_settle(s->w, settled);
		CHECK_EQ(reel_writer_tick(s->w, now, &err), 0);
	}
	CHECK_EQ(reel_writer_close(s->w, &err), 0);
	qsort(s->records, s->n, sizeof(s->records[0]), in_order);
}

static void compare(struct story *s, struct reel_walk *walk)
{
	struct reel_err err = { 0 };
	struct reel_event ev;
	size_t i = 0;
	int r;

	while ((r = reel_walk_next(walk, &ev, &err)) > 0) {
		REQUIRE(i < s->n);
		REQUIRE(is_same(&ev, (const struct ev_header *)(const void *)s->records[i]));
		i++;
	}
	CHECK_EQ(r, 0);
	CHECK_EQ(i, s->n);
	CHECK_EQ(reel_walk_health(walk)->ending, REEL_COMPLETE);
	CHECK_EQ(reel_walk_health(walk)->disordered, 0);
	reel_walk_close(walk);
}

static struct story *new_story(uint64_t seed)
{
	struct story *s = calloc(1, sizeof(*s));

	s->random = seed;
	for (unsigned cpu = 0; cpu < CPUS; cpu++)
		s->ts[cpu] = 1000 + cpu;
	return s;
}

static void free_story(struct story *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->records[i]);
	free(s);
}

static void read_files(struct story *s, const char *path)
{
	struct reel_reader *r;
	struct reel_walk *walk;
	struct reel_err err = { 0 };

	REQUIRE(reel_reader_open(path, &r, &err) == 0);
	REQUIRE(reel_walk_open(r, NULL, &walk, &err) == 0);
	compare(s, walk);
	reel_reader_close(r);
}

TEST(a_directory_of_many_segments)
{
	struct story *s = new_story(88172645463325252ull);
	struct reel_writer_options o = { .directory = "many.reel", .segment_bytes = 200 << 10,
					 .block_bytes = 16 << 10 };

	record(s, &o, 400);
	CHECK(s->n > 20000);
	read_files(s, o.directory);
	free_story(s);
}

TEST(written_without_a_thread)
{
	struct story *s = new_story(123456789);
	struct reel_writer_options o = { .directory = "inline.reel", .in_line = true };

	record(s, &o, 100);
	read_files(s, o.directory);
	free_story(s);
}

TEST(through_a_pipe_or_a_file)
{
	struct story *s = new_story(42);
	struct reel_writer_options o = { .segment_bytes = 100 << 10, .block_bytes = 8 << 10 };
	struct reel_walk *walk;
	struct reel_err err = { 0 };

	o.fd = open("one.rls", O_RDWR | O_CREAT, 0600);
	record(s, &o, 100);
	read_files(s, "one.rls");
	int fd = open("one.rls", O_RDONLY);
	REQUIRE(reel_walk_stream(fd, NULL, NULL, &walk, &err) == 0);
	compare(s, walk);
	close(fd);
	free_story(s);
}

TEST(following_a_directory_that_is_complete)
{
	struct story *s = new_story(4711);
	struct reel_writer_options o = { .directory = "followed.reel", .segment_bytes = 100 << 10,
					 .block_bytes = 8 << 10 };
	struct reel_walk *walk;
	struct reel_err err = { 0 };
	int stop = 0;

	record(s, &o, 100);
	REQUIRE(reel_walk_follow(o.directory, NULL, NULL, &stop, &walk, &err) == 0);
	compare(s, walk);
	free_story(s);
}

TEST(a_capture_is_continued)
{
	struct story *s = new_story(99);
	struct reel_writer_options o = { .directory = "continued.reel" };
	struct reel_reader *r;
	struct reel_err err = { 0 };

	memset(o.meta.boot, 1, sizeof(o.meta.boot));
	record(s, &o, 30);
	record(s, &o, 30);
	read_files(s, o.directory);
	REQUIRE(reel_reader_open(o.directory, &r, &err) == 0);
	CHECK_EQ(r->n_segments, 2);
	CHECK_EQ(r->segments[1].meta.number, 2);
	CHECK_EQ(r->segments[1].first_sequence, r->segments[0].last_sequence + 1);
	reel_reader_close(r);
	free_story(s);
}

TEST(a_malformed_record_is_a_loss_on_tape)
{
	struct reel_writer_options o = { .directory = "malformed.reel" };
	struct reel_record rec;
	struct reel_writer *w;
	struct reel_reader *r;
	struct reel_walk *walk;
	struct reel_err err = { 0 };

	REQUIRE(reel_writer_open(&o, &w, &err) == 0);
	reel_record_begin(&rec, reel_type_by_id(EV_open));
	size_t length = reel_record_end(&rec);
	CHECK_EQ(reel_writer_append(w, &rec, length, &err), 0);
	CHECK_EQ(reel_writer_append(w, &rec, length - 1, &err), 0);
	CHECK_EQ(reel_writer_append(w, &rec, 3, &err), 0);
	rec.payload[0x18 - 8] = 0xff;
	rec.header.type = 250;
	CHECK_EQ(reel_writer_append(w, &rec, length, &err), 0);
	CHECK_EQ(reel_writer_close(w, &err), 0);
	REQUIRE(reel_reader_open(o.directory, &r, &err) == 0);
	REQUIRE(reel_walk_open(r, NULL, &walk, &err) == 0);
	CHECK_EQ(reel_walk_health(walk)->lost, 3);
	reel_walk_close(walk);
	reel_reader_close(r);
}
