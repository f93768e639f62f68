/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A capture with one byte changed, and one that ends anywhere: reading neither crashes nor hangs,
 * gives no event that was not written, and never keeps quiet about one that it does not give.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xxhash.h>

#include "format/block.h"
#include "format/record.h"
#include "format/verify.h"
#include "format/walk.h"
#include "format/writer.h"
#include "tests/unit/harness.h"

enum { CPUS = 2, MOST = 1000, MOST_BLOCKS = 64 };

/* What there is to know of an event, in a form that can be compared. */
struct truth {
	uint64_t ts, seq, content;
	int64_t realtime;
	uint16_t cpu;
};

struct place {
	size_t at, end; /* end: behind its padding */
	uint8_t kind;
};

/* A capture as bytes, what is in it, and a file that looks like it but for what a test changes. */
struct tape {
	uint8_t *bytes;
	size_t size;
	int fd;
	char path[64];
	struct truth events[MOST];
	size_t n_events;
	struct place blocks[MOST_BLOCKS];
	size_t n_blocks;
	uint32_t block_of[MOST]; /* of each event */
};

/* Events are told apart by these, and nothing else is compared to find one. */
static int by_name(const void *a, const void *b)
{
	const struct truth *x = a, *y = b;

	if (x->cpu != y->cpu)
		return x->cpu < y->cpu ? -1 : 1;
	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

static uint64_t content_of(const struct reel_event *ev)
{
	uint64_t own[] = { (uint64_t)ev->ret, ev->pid, ev->tid, ev->call, ev->flags, ev->type->id };
	uint64_t sum = XXH3_64bits(own, sizeof(own));

	sum = XXH3_64bits_withSeed(ev->fixed, ev->type->fixed_bytes, sum);
	for (unsigned i = 0; i < ev->type->n_fields; i++) {
		struct reel_string s;

		if (!reel_field_is_string(&ev->type->fields[i]))
			continue;
		s = reel_event_string(ev, &ev->type->fields[i]);
		sum = XXH3_64bits_withSeed(s.bytes, s.length, sum + s.true_length);
	}
	return sum;
}

static uint64_t draw(void)
{
	static uint64_t state = 88172645463325252ull;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

struct writing {
	struct reel_writer *w;
	uint64_t ts;
	uint64_t seq[CPUS];
};

static void append(struct writing *x, struct reel_record *rec)
{
	unsigned cpu = draw() % CPUS;
	struct reel_err err;

	rec->header.ts = x->ts += draw() % 5000;
	rec->header.cpu = (uint16_t)cpu;
	rec->header.seq = x->seq[cpu]++;
	rec->header.pid = 100 + (uint32_t)(draw() % 7);
	rec->header.tid = rec->header.pid;
	rec->header.ret = draw() % 20 ? (int64_t)(draw() % 50) : (int64_t)draw();
	CHECK_EQ(reel_writer_append(x->w, &rec->header, reel_record_end(rec), &err), 0);
}

/* As the recorder has them that it makes itself. */
static void append_own(struct writing *x, struct reel_record *rec)
{
	struct reel_err err;

	rec->header.ts = x->ts += draw() % 5000;
	CHECK_EQ(reel_writer_append_own(x->w, &rec->header, reel_record_end(rec), &err), 0);
}

static void append_clock(struct writing *x)
{
	struct reel_record rec;
	struct ev_clock *clock = reel_record_begin(&rec, reel_type_by_id(EV_clock));

	clock->realtime = 1700000000000000000 + (int64_t)x->ts + (int64_t)(draw() % 1000000);
	append_own(x, &rec);
}

static void append_lost(struct writing *x)
{
	struct reel_record rec;
	struct ev_lost *lost = reel_record_begin(&rec, reel_type_by_id(EV_lost));

	lost->first = x->ts;
	lost->last = x->ts + 10;
	lost->count = 3;
	append_own(x, &rec);
}

static void append_open(struct writing *x)
{
	struct reel_record rec;
	struct ev_open *open = reel_record_begin(&rec, reel_type_by_id(EV_open));
	uint8_t path[40];

	open->inode = draw();
	for (size_t i = 0; i < sizeof(path); i++)
		path[i] = (uint8_t)('a' + draw() % 26);
	reel_record_string(&rec, path, draw() % sizeof(path));
	append(x, &rec);
}

static void append_fork(struct writing *x)
{
	struct reel_record rec;
	struct ev_fork *fork = reel_record_begin(&rec, reel_type_by_id(EV_fork));

	fork->child_start = draw();
	fork->child = (uint32_t)draw();
	append(x, &rec);
}

static void write_segment(struct writing *x, unsigned n_opens)
{
	struct reel_err err;

	append_clock(x);
	for (unsigned i = 0; i < n_opens; i++) {
		append_open(x);
		if (i % 8 == 0)
			append_fork(x);
		if (i == n_opens / 2) {
			append_lost(x);
			append_clock(x);
			reel_writer_settle(x->w, x->ts);
			CHECK_EQ(reel_writer_flush(x->w, &err), 0);
		}
	}
	reel_writer_settle(x->w, x->ts + 1);
}

static void copy_of_file(struct tape *t, int fd)
{
	t->size = (size_t)lseek(fd, 0, SEEK_END);
	t->bytes = malloc(t->size);
	CHECK_EQ(pread(fd, t->bytes, t->size, 0), t->size);
	t->fd = fd;
	snprintf(t->path, sizeof(t->path), "/proc/self/fd/%d", fd);
}

static void note_truth(struct tape *t, struct reel_walk *walk)
{
	struct reel_err err = { 0 };
	struct reel_event ev;

	while (reel_walk_next(walk, &ev, &err) > 0)
		t->events[t->n_events++] = (struct truth){ ev.ts, ev.seq, content_of(&ev),
							   reel_walk_realtime(walk, &ev), ev.cpu };
	CHECK_EQ(reel_walk_health(walk)->ending, REEL_COMPLETE);
	CHECK_EQ(reel_walk_health(walk)->n_damages, 0);
	CHECK_EQ(reel_walk_health(walk)->lost % 3, 0);
	qsort(t->events, t->n_events, sizeof(t->events[0]), by_name);
}

static struct truth *find(struct tape *t, uint16_t cpu, uint64_t seq)
{
	struct truth key = { .cpu = cpu, .seq = seq };

	return bsearch(&key, t->events, t->n_events, sizeof(key), by_name);
}

/* Which events lie in which block, by the bytes alone. */
static void note_blocks(struct tape *t, const struct reel_reader *r)
{
	struct reel_scan scan = { .base = t->bytes, .size = t->size };
	struct reel_unpacked u = { 0 };
	struct reel_block b;

	while (reel_scan_next(&scan, &b) > 0) {
		struct place *p = &t->blocks[t->n_blocks++];
		size_t at = (size_t)(b.at - t->bytes);

		*p = (struct place){ at, at + b.total_bytes, b.h.kind };
		if (b.h.kind < TAPE_STATE || b.h.kind > TAPE_CLOCK)
			continue;
		CHECK_EQ(reel_unpack(&u, &b, r->segments[0].schema, NULL, NULL), 0);
		for (uint32_t run = 0; run < u.n_runs; run++) {
			for (uint32_t i = u.run_at[run]; i < u.run_at[run + 1]; i++) {
				uint64_t seq = u.runs[run].seq + (i - u.run_at[run]);
				struct truth *e = find(t, u.runs[run].cpu, seq);

				if (e)
					t->block_of[e - t->events] = (uint32_t)t->n_blocks - 1;
				CHECK(e != NULL);
			}
		}
	}
	reel_unpack_done(&u);
}

static struct tape *make_tape(unsigned n_segments, unsigned n_opens)
{
	struct tape *t = calloc(1, sizeof(*t));
	struct writing x = { .ts = 1000000 };
	struct reel_writer_options o = { .block_bytes = 4 << 10, .in_line = true };
	struct reel_reader *r;
	struct reel_walk *walk;
	struct reel_err err = { 0 };
	int fd = memfd_create("tape", 0);

	memset(o.meta.boot, 7, sizeof(o.meta.boot));
	snprintf(o.meta.host, sizeof(o.meta.host), "here");
	o.meta.start = (struct tape_start){ 1000, 1700000000000000000 };
	o.fd = dup(fd);
	CHECK_EQ(reel_writer_open(&o, &x.w, &err), 0);
	for (unsigned i = 0; i < n_segments; i++) {
		if (i)
			CHECK_EQ(reel_writer_rotate(x.w, &err), 0);
		write_segment(&x, n_opens);
	}
	CHECK_EQ(reel_writer_close(x.w, &err), 0);
	copy_of_file(t, fd);
	CHECK_EQ(reel_reader_open(t->path, &r, &err), 0);
	CHECK_EQ(reel_walk_open(r, NULL, &walk, &err), 0);
	note_truth(t, walk);
	reel_walk_close(walk);
	note_blocks(t, r);
	CHECK_EQ(r->n_segments, n_segments);
	reel_reader_close(r);
	return t;
}

static void free_tape(struct tape *t)
{
	free(t->bytes);
	close(t->fd);
	free(t);
}

/* What one reading gave. */
struct seen {
	int code; /* of opening, or of the walk where it failed */
	bool has[MOST];
	size_t n, n_dated; /* events; those of them with their true wall time */
	size_t n_wrong;	   /* never written so, or given twice, or out of order */
	struct reel_health health;
	uint64_t last_ts;
	uint8_t last_boot; /* the order of time holds within one */
};

static bool says_something(const struct seen *s)
{
	return s->code < 0 || s->health.ending != REEL_COMPLETE || s->health.n_damages ||
	       s->health.missing_blocks || s->health.torn_bytes || s->health.unclean_segments;
}

static void look_at(struct tape *t, struct seen *s, struct reel_walk *walk)
{
	struct reel_err err = { 0 };
	struct reel_event ev;

	while ((s->code = reel_walk_next(walk, &ev, &err)) > 0) {
		struct truth *e = find(t, ev.cpu, ev.seq);
		size_t i = e ? (size_t)(e - t->events) : 0;

		if (!e || s->has[i] || e->ts != ev.ts || e->content != content_of(&ev) ||
		    (ev.ts < s->last_ts && *reel_event_boot(&ev) == s->last_boot)) {
			s->n_wrong++;
			continue;
		}
		s->has[i] = true;
		s->n++;
		s->n_dated += reel_walk_realtime(walk, &ev) == e->realtime;
		s->last_ts = ev.ts;
		s->last_boot = *reel_event_boot(&ev);
	}
	s->health = *reel_walk_health(walk);
	reel_walk_close(walk);
}

static void read_file(struct tape *t, const struct reel_filter *f, struct seen *s)
{
	struct reel_reader *r;
	struct reel_walk *walk;
	struct reel_err err = { 0 };

	memset(s, 0, sizeof(*s));
	s->code = reel_reader_open(t->path, &r, &err);
	if (s->code < 0)
		return;
	s->code = reel_walk_open(r, f, &walk, &err);
	if (s->code == 0)
		look_at(t, s, walk);
	reel_reader_close(r);
}

static void read_stream(struct tape *t, const struct reel_filter *f, struct seen *s)
{
	struct reel_walk *walk;
	struct reel_err err = { 0 };

	memset(s, 0, sizeof(*s));
	lseek(t->fd, 0, SEEK_SET);
	s->code = reel_walk_stream(t->fd, f, NULL, &walk, &err);
	if (s->code == 0)
		look_at(t, s, walk);
}

static void put_byte(struct tape *t, size_t at, uint8_t byte)
{
	if (pwrite(t->fd, &byte, 1, (off_t)at) != 1)
		T_FAIL("cannot change byte %zu", at);
}

static const struct place *block_at(const struct tape *t, size_t at)
{
	for (size_t i = 0; i < t->n_blocks; i++)
		if (at >= t->blocks[i].at && at < t->blocks[i].end)
			return &t->blocks[i];
	return NULL;
}

/* All events of all other blocks are given, and all are dated by the clocks that are left. */
static bool is_spared(const struct tape *t, const struct seen *s, size_t at)
{
	const struct place *hit = block_at(t, at);

	if (hit && hit->kind == TAPE_SCHEMA)
		return true;
	for (size_t i = 0; i < t->n_events; i++)
		if (!s->has[i] && &t->blocks[t->block_of[i]] != hit)
			return false;
	return true;
}

typedef void reading(struct tape *t, const struct reel_filter *f, struct seen *s);

static const uint8_t masks[] = { 0x01, 0x80, 0xff };

/* SCHEMA is the longest block and its body is one like any other, so not all of it is tried. */
static bool is_tried(const struct tape *t, size_t at)
{
	const struct place *hit = block_at(t, at);

	return !hit || hit->kind != TAPE_SCHEMA || at < hit->at + TAPE_HEADER_MIN ||
	       hit->end - at < 2 * TAPE_TAG_BYTES || at % 16 == 0;
}

#ifdef __SANITIZE_ADDRESS__
enum { IS_SLOW = 1 };
#else
enum { IS_SLOW = 0 };
#endif

/* Thorough: every byte is changed by each mask; but for that body, where one each must do. In a
 * build that is slow it is one each of every fourth byte. */
static bool is_tried_with(const struct tape *t, size_t at, size_t mask, bool thorough)
{
	if (IS_SLOW && at % 4)
		return false;
	if (IS_SLOW)
		return mask == at / 4 % sizeof(masks) && (thorough || is_tried(t, at));
	if (thorough && is_tried(t, at))
		return true;
	return mask == at % sizeof(masks) && (thorough || is_tried(t, at));
}

static void flip_all(struct tape *t, reading *read, const char *how, bool thorough)
{
	static struct seen s;
	unsigned complaints = 0;

	for (size_t at = 0; at < t->size && complaints < 10; at++) {
		for (size_t m = 0; m < sizeof(masks); m++) {
			const struct place *hit = block_at(t, at);

			if (!is_tried_with(t, at, m, thorough))
				continue;
			put_byte(t, at, t->bytes[at] ^ masks[m]);
			read(t, NULL, &s);
			if (s.code < 0 || s.n_wrong || !is_spared(t, &s, at) ||
			    ((s.n < t->n_events || s.n_dated < s.n) && !says_something(&s))) {
				T_FAIL("%s, byte %zu ^ %02x (block of kind %d at %zu): code %d, "
				       "%zu of %zu events, %zu wrong, %zu dated, %s, %llu damages",
				       how, at, masks[m], hit ? hit->kind : 0, hit ? hit->at : 0,
				       s.code, s.n, t->n_events, s.n_wrong, s.n_dated,
				       reel_ending_name(s.health.ending),
				       (unsigned long long)s.health.n_damages);
				complaints++;
			}
		}
		put_byte(t, at, t->bytes[at]);
	}
}

TEST(a_flipped_byte_of_a_file)
{
	struct tape *t = make_tape(1, 100);

	printf("# %zu bytes, %zu blocks, %zu events\n", t->size, t->n_blocks, t->n_events);
	flip_all(t, read_file, "file", true);
	free_tape(t);
}

TEST(a_flipped_byte_of_a_stream)
{
	struct tape *t = make_tape(1, 100);

	flip_all(t, read_stream, "stream", false);
	free_tape(t);
}

TEST(a_flipped_byte_of_segments_in_a_row)
{
	struct tape *t = make_tape(2, 30);

	flip_all(t, read_file, "file", false);
	flip_all(t, read_stream, "stream", false);
	free_tape(t);
}

/* Whoever asks for some events only must still hear that their times or the losses are unsure. */
TEST(a_flipped_byte_under_a_filter)
{
	struct tape *t = make_tape(1, 40);
	struct reel_filter f = { .some_types = true };
	static struct seen s;
	unsigned complaints = 0;
	size_t n_forks;

	f.types[EV_fork] = true;
	read_file(t, &f, &s);
	n_forks = s.n;
	CHECK_EQ(n_forks, 5);
	CHECK_EQ(s.health.lost, 3);
	for (size_t at = 0; at < t->size && complaints < 10; at++) {
		static reading *const ways[] = { read_file, read_stream };

		if (!is_tried(t, at))
			continue;
		put_byte(t, at, t->bytes[at] ^ 0x10);
		for (size_t way = 0; way < 2; way++) {
			ways[way](t, &f, &s);
			if (s.code == 0 && !s.n_wrong &&
			    ((s.n == n_forks && s.n_dated == s.n && s.health.lost == 3) ||
			     says_something(&s)))
				continue;
			T_FAIL("%s, byte %zu: %zu of %zu events, %zu dated, %llu lost, %s",
			       way ? "stream" : "file", at, s.n, n_forks, s.n_dated,
			       (unsigned long long)s.health.lost,
			       reel_ending_name(s.health.ending));
			complaints++;
		}
		put_byte(t, at, t->bytes[at]);
	}
	free_tape(t);
}

/* Every block that is whole is read, and what is said of the end is true. */
static bool cut_is_right(const struct tape *t, const struct seen *s, size_t size)
{
	bool at_edge = false, has_end = false;

	if (size < t->blocks[0].end)
		return s->code == -ENODATA && s->n == 0;
	for (size_t i = 0; i < t->n_blocks; i++) {
		const struct place *p = &t->blocks[i];
		size_t end = p->end + (p->kind == TAPE_END ? sizeof(struct tape_trailer) : 0);

		at_edge |= size == p->end || size == end;
		if (p->end <= size)
			has_end = p->kind == TAPE_END;
	}
	for (size_t i = 0; i < t->n_events; i++)
		if (s->has[i] != (t->blocks[t->block_of[i]].end <= size))
			return false;
	if (s->code < 0 || s->n_wrong || s->health.n_damages)
		return false;
	if (!at_edge)
		return s->health.ending == REEL_TORN && s->health.torn_bytes > 0;
	return s->health.ending == (has_end ? REEL_COMPLETE : REEL_UNCLEAN);
}

static void cut_all(struct tape *t, reading *read, const char *how)
{
	static struct seen s;
	unsigned complaints = 0;

	for (size_t size = t->size; size-- > 0 && complaints < 10;) {
		if (!is_tried(t, size))
			continue;
		if (ftruncate(t->fd, (off_t)size) < 0)
			T_FAIL("cannot cut the file");
		read(t, NULL, &s);
		if (cut_is_right(t, &s, size))
			continue;
		T_FAIL("%s of %zu bytes: code %d, %zu events, %zu wrong, %s, %llu damages", how,
		       size, s.code, s.n, s.n_wrong, reel_ending_name(s.health.ending),
		       (unsigned long long)s.health.n_damages);
		complaints++;
	}
	if (pwrite(t->fd, t->bytes, t->size, 0) != (ssize_t)t->size)
		T_FAIL("cannot restore the file");
}

TEST(cut_anywhere)
{
	struct tape *t = make_tape(1, 60);

	cut_all(t, read_file, "file");
	cut_all(t, read_stream, "stream");
	free_tape(t);
}

TEST(segments_in_a_row_cut_anywhere)
{
	struct tape *t = make_tape(2, 20);

	cut_all(t, read_file, "file");
	cut_all(t, read_stream, "stream");
	free_tape(t);
}

/*
 * A stream may begin anywhere: what is missing before is said, and what can be understood is read:
 * segments that have their SCHEMA.
 */
TEST(without_its_beginning)
{
	struct tape *t = make_tape(2, 20);
	size_t second = 0;
	static struct seen s;

	for (size_t i = 1; i < t->n_blocks; i++)
		if (t->blocks[i].kind == TAPE_META)
			second = i;
	for (size_t i = 1; i < t->n_blocks; i++) {
		size_t n = t->size - t->blocks[i].at, expected = 0;
		static reading *const ways[] = { read_file, read_stream };

		for (size_t e = 0; e < t->n_events; e++)
			expected += t->block_of[e] >= (i == 1 ? 0 : second);
		CHECK_EQ(pwrite(t->fd, t->bytes + t->blocks[i].at, n, 0), n);
		CHECK_EQ(ftruncate(t->fd, (off_t)n), 0);
		for (size_t way = 0; way < 2; way++) {
			ways[way](t, NULL, &s);
			CHECK_EQ(s.code, i <= second + 1 ? 0 : -ENODATA);
			CHECK_EQ(s.n_wrong, 0);
			CHECK_EQ(s.n, i <= second + 1 ? expected : 0);
			CHECK_EQ(says_something(&s), i != second);
		}
	}
	free_tape(t);
}

/* What reel verify ends with another status than 0 for. */
static bool is_found(struct tape *t)
{
	char *paths[] = { t->path };
	struct reel_verification *v;
	struct reel_err err;
	bool found = false;

	if (reel_verify(paths, 1, NULL, &v, &err) < 0)
		return true;
	for (unsigned i = 0; i < v->n; i++)
		found |= v->captures[i].n_damages || v->captures[i].torn_bytes ||
			 v->captures[i].unclean_segments;
	reel_verification_free(v);
	return found;
}

static void verify_flips(struct tape *t, bool thorough)
{
	unsigned complaints = 0;

	CHECK(!is_found(t));
	for (size_t at = 0; at < t->size && complaints < 10; at++) {
		for (size_t m = 0; m < sizeof(masks); m++) {
			const struct place *hit = block_at(t, at);

			if (!is_tried_with(t, at, m, thorough))
				continue;
			put_byte(t, at, t->bytes[at] ^ masks[m]);
			if (is_found(t))
				continue;
			T_FAIL("byte %zu ^ %02x (block of kind %d at %zu) is not found", at,
			       masks[m], hit ? hit->kind : 0, hit ? hit->at : 0);
			complaints++;
		}
		put_byte(t, at, t->bytes[at]);
	}
}

TEST(no_flipped_byte_is_verified)
{
	struct tape *t = make_tape(1, 100);

	verify_flips(t, true);
	free_tape(t);
	t = make_tape(2, 30);
	verify_flips(t, false);
	free_tape(t);
}

TEST(no_cut_is_verified)
{
	struct tape *t = make_tape(1, 20);
	unsigned complaints = 0;

	for (size_t size = t->size; size-- > 0 && complaints < 10;) {
		if (!is_tried(t, size))
			continue;
		CHECK_EQ(ftruncate(t->fd, (off_t)size), 0);
		/* Where the trailer alone is gone, nothing is. */
		if (is_found(t) || size == t->blocks[t->n_blocks - 1].end)
			continue;
		T_FAIL("the end behind byte %zu is not missed", size);
		complaints++;
	}
	free_tape(t);
}
