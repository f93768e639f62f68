/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Makes further captures of tests/golden in the directory that is named; README.md there says what
 * each of them holds.
 *
 * Some are written by the real writer; some by an imagined earlier or later one, out of types that
 * this build does not have; some are others that something befell.
 */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "format/block.h"
#include "format/record.h"
#include "format/writer.h"
#include "tests/bench/lib_golden.h"

enum { FILE_MAX = 1 << 20 };

/* Whole files ---------------------------------------------------------------------------------- */

static uint8_t *load(const char *path, size_t *n)
{
	uint8_t *bytes = malloc(FILE_MAX);
	FILE *f = fopen(path, "re");

	MUST(bytes && f);
	*n = fread(bytes, 1, FILE_MAX, f);
	MUST(*n && *n < FILE_MAX && fclose(f) == 0);
	return bytes;
}

static void save(const char *path, const void *bytes, size_t n, const char *mode)
{
	FILE *f = fopen(path, mode);

	MUST(f && fwrite(bytes, 1, n, f) == n && fclose(f) == 0);
}

static void append_file(const char *to, const char *from)
{
	size_t n;
	uint8_t *bytes = load(from, &n);

	save(to, bytes, n, "ae");
	free(bytes);
}

/* What the writer keeps beside the segments is no part of a capture. */
static void tidy(const char *directory)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/.lock", directory);
	unlink(path);
	snprintf(path, sizeof(path), "%s/.reserve", directory);
	unlink(path);
}

/* The I-th segment of a directory, in the order of names. */
static void path_of(const char *directory, int i, char path[512])
{
	struct dirent **names;
	int n = scandir(directory, &names, NULL, alphasort);

	MUST(n > i + 2); /* "." and ".." sort before */
	snprintf(path, 512, "%s/%s", directory, names[i + 2]->d_name);
	while (n > 0)
		free(names[--n]);
	free(names);
}

/* A directory that was made only for others to be made of it. */
static void drop(const char *directory)
{
	char path[512];

	for (int i = 0; i < 3; i++) {
		path_of(directory, 0, path);
		unlink(path);
	}
	MUST(rmdir(directory) == 0);
}

/* By the real writer --------------------------------------------------------------------------- */

struct tape {
	struct reel_writer *w;
	uint64_t ts, seq[CPUS], monotonic_lag;
	int64_t offset; /* wall time - ts */
	unsigned n;
	struct reel_record rec;
};

static void begin(struct tape *t, const char *path, uint8_t boot, uint64_t ts, int64_t start,
		  struct reel_writer_options o)
{
	size_t n = strlen(path);

	o.in_line = true;
	o.sync = REEL_SYNC_NONE;
	golden_machine(&o.meta, boot);
	o.meta.start.boottime_ns = ts;
	o.meta.start.realtime_ns = start;
	if (strcmp(path + n - 4, TAPE_SUFFIX) == 0)
		o.fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	else
		o.directory = path;
	MUST(o.fd >= 0);
	memset(t, 0, sizeof(*t));
	t->ts = ts;
	t->offset = start - (int64_t)ts;
	MUST(reel_writer_open(&o, &t->w, &golden_err) == 0);
}

static void put(struct tape *t)
{
	MUST(reel_writer_append(t->w, &t->rec, reel_record_end(&t->rec), &golden_err) == 0);
	t->n++;
}

static void put_next(struct tape *t)
{
	t->rec.header.ts = t->ts += 1000 * 1000;
	t->rec.header.seq = t->seq[t->rec.header.cpu]++;
	put(t);
}

static void put_own(struct tape *t)
{
	t->rec.header.ts = t->ts;
	t->rec.header.pid = t->rec.header.tid = 0;
	MUST(reel_writer_append_own(t->w, &t->rec.header, reel_record_end(&t->rec), &golden_err) ==
	     0);
}

static void put_clock(struct tape *t, unsigned reason)
{
	struct ev_clock *clock = reel_record_begin(&t->rec, reel_type_by_id(EV_clock));

	clock->realtime = (int64_t)t->ts + t->offset;
	clock->monotonic = t->ts - t->monotonic_lag;
	clock->tai_offset = 37;
	clock->reason = (uint8_t)reason;
	clock->synchronized = reason == 1;
	put_own(t);
}

static void put_keyframe(struct tape *t, unsigned edge, uint64_t records)
{
	struct ev_keyframe *k = reel_record_begin(&t->rec, reel_type_by_id(EV_keyframe));

	k->records = records;
	k->edge = (uint8_t)edge;
	k->source = 1;
	k->complete = (uint8_t)edge;
	put_own(t);
}

/* The end of a round of the recorder. */
static void settle(struct tape *t, bool flush)
{
	t->ts += 1000;
	reel_writer_settle(t->w, t->ts);
	MUST((flush ? reel_writer_flush(t->w, &golden_err) :
		      reel_writer_tick(t->w, t->ts, &golden_err)) == 0);
}

static void end(struct tape *t)
{
	MUST(reel_writer_close(t->w, &golden_err) == 0);
}

static void put_any(struct tape *t, unsigned id, enum golden_shape shape, unsigned i)
{
	golden_fill(&t->rec, reel_type_by_id(id), shape, i);
	t->rec.header.call = EV_CALL(EV_ABI_NATIVE, 257);
	put_next(t);
}

/* Names of calls that are in no header today may be in one tomorrow: no such number is used. */
static const uint16_t calls[] = { EV_CALL(1, 0), EV_CALL(1, 59),     EV_CALL(2, 11),
				  EV_CALL(3, 1), EV_CALL(3, 520),    EV_CALL(1, 0x3fff),
				  EV_CALL(0, 5), EV_CALL(2, 0x3ffe), EV_CALL(3, 0x3fff) };

static void put_shape(struct tape *t, const struct reel_type *type, enum golden_shape shape,
		      unsigned i)
{
	static const int64_t wide[] = { INT64_MIN,	  INT64_MAX,	1ll << 31,
					-(1ll << 31) - 1, -(1ll << 32), 0x123456789abcdef };
	struct ev_header *h = &t->rec.header;

	golden_fill(&t->rec, type, shape, i);
	if (shape != EMPTY)
		h->call = calls[i % COUNT(calls)];
	if (shape == USUAL) {
		h->flags |= (uint8_t)(1u << i % 8 & ~(unsigned)(EV_TRUNCATED | EV_WIDE_RET));
		h->ret = i % 50;
	} else if (shape == EXTREME) {
		h->flags = (EV_WIDE_RET - 1) & ~EV_TRUNCATED;
		h->ret = wide[i % COUNT(wide)];
	} else if (shape == CUT) {
		h->flags |= i % 5 ? 0 : EV_BLOCKED;
		h->flags |= i % 7 || !(h->flags & EV_TRUNCATED) ? 0 : EV_WIDE_RET - 1;
		h->ret = -(int64_t)(i % 200);
	}
	put_next(t);
}

static void make_all_types(const char *path)
{
	static const int16_t errors[] = { 11,  35,  41,	 58,  95,  133,	 134,  511,
					  512, 516, 517, 520, 531, 4094, 4095, 4096 };
	struct reel_writer_options o = { .block_bytes = 64 << 10 };
	char argument[32];
	struct tape t;
	unsigned i = 0;

	snprintf(o.meta.note, sizeof(o.meta.note),
		 "every type, \xe2\x82\xac \"quoted\" \\ \x1b[1m");
	begin(&t, path, 0xa1, 1000 * SECOND, WALL, o);
	put_clock(&t, 0);
	for (const struct reel_type *type = reel_types; type->name; type++, i++) {
		/* The last clocks come at the end: nothing is dated by numbers at their limits. */
		for (unsigned shape = 0; shape < SHAPES && type->id != EV_clock; shape++)
			put_shape(&t, type, (enum golden_shape)shape, i);
		if (i % 20 == 0)
			settle(&t, true);
	}
	for (i = 0; i < COUNT(errors); i++) {
		golden_fill(&t.rec, reel_type_by_id(EV_setsid), USUAL, i);
		t.rec.header.call = EV_CALL(1 + i % 3, 1);
		t.rec.header.ret = -errors[i];
		put_next(&t);
	}
	for (i = 0; i < GOLDEN_ODD; i++) {
		golden_fill(&t.rec, reel_type_by_id(EV_exec), EMPTY, i);
		t.rec.n_strings = 0;
		for (unsigned k = 0; k < 8; k++)
			reel_record_string(&t.rec, golden_odd[i].bytes,
					   k == 4 ? golden_odd[i].n : 0);
		put_next(&t);
	}
	golden_fill(&t.rec, reel_type_by_id(EV_exec), EMPTY, 0);
	t.rec.used = t.rec.type->fixed_bytes;
	t.rec.n_strings = 0;
	for (unsigned k = 0; k < 4; k++)
		reel_record_string(&t.rec, "long", 4);
	for (size_t n = 0; n < 60000; n += 16)
		snprintf((char *)t.rec.payload + t.rec.used + n, 17, "argument-%06zu", n / 16);
	((struct ev_exec *)(void *)t.rec.payload)->argv = 60000;
	t.rec.used += 60000;
	t.rec.true_lengths[t.rec.n_strings++] = 60000;
	put_next(&t);
	/* More than there is room for: cut by the record itself. */
	golden_fill(&t.rec, reel_type_by_id(EV_warning), EMPTY, 0);
	t.rec.n_strings = 0;
	memset(argument, 'w', sizeof(argument));
	reel_record_cut_string(&t.rec, argument, sizeof(argument), 1 << 30);
	put_next(&t);
	/* The last of all CPUs, and the last number. */
	golden_fill(&t.rec, reel_type_by_id(EV_close), USUAL, 0);
	t.rec.header.ts = t.ts += 1000;
	t.rec.header.cpu = EV_MAX_CPUS - 1;
	t.rec.header.seq = UINT64_MAX - 1;
	put(&t);
	settle(&t, true);
	for (unsigned shape = EMPTY; shape <= EXTREME; shape++) {
		t.ts += HOUR * 24;
		golden_fill(&t.rec, reel_type_by_id(EV_clock), (enum golden_shape)shape, 0);
		put_own(&t);
	}
	golden_fill(&t.rec, reel_type_by_id(EV_clock), EXTREME, 1);
	put_own(&t);
	end(&t);
}

/* The clock is set in every way that there is, over four boots. */
static void make_clock_steps(const char *path)
{
	struct tape t;

	begin(&t, path, 0xb1, 10 * SECOND, WALL, (struct reel_writer_options){ 0 });
	for (unsigned i = 0; i < 3; i++) /* before the first clock */
		put_any(&t, EV_close, USUAL, i);
	put_clock(&t, 0);
	for (unsigned step = 0; step < 6; step++) {
		static const int64_t by[] = { HOUR, -90ll * (int64_t)MINUTE, 1, -1, 0, HOUR };

		for (unsigned i = 0; i < 3; i++) {
			t.ts += 20 * SECOND;
			put_any(&t, EV_chdir, USUAL, i);
		}
		t.offset += by[step];
		if (step == 4) { /* suspended */
			t.ts += 8 * HOUR;
			t.monotonic_lag += 8 * HOUR;
		}
		if (step == 5) { /* set twice at the same moment: the later one counts */
			put_clock(&t, 2);
			t.offset += 1234567;
		}
		put_clock(&t, step == 4 ? 1 : 2);
		put_any(&t, EV_close, USUAL, step);
		settle(&t, step % 2);
		if (step == 3) {
			MUST(reel_writer_rotate(t.w, &golden_err) == 0);
			put_clock(&t, 0);
		}
	}
	put_clock(&t, 3);
	end(&t);

	/* A machine without a clock of its own: 1970, until the network is there. */
	begin(&t, path, 0xb2, 5 * SECOND, 0, (struct reel_writer_options){ 0 });
	t.offset = -7 * (int64_t)SECOND;
	put_clock(&t, 0);
	for (unsigned i = 0; i < 4; i++) {
		t.ts = 6 * SECOND - 1000 * 1000 + i / 2 * SECOND + i % 2;
		put_any(&t, EV_open, USUAL, i);
	}
	t.ts += SECOND;
	t.offset = WALL;
	put_clock(&t, 2);
	put_any(&t, EV_open, USUAL, 4);
	settle(&t, true);
	end(&t);

	/* No CLOCK at all: START stands in for it, and where that is 0 nobody knows. */
	begin(&t, path, 0xb3, 20 * SECOND, WALL + (int64_t)HOUR, (struct reel_writer_options){ 0 });
	put_any(&t, EV_open, USUAL, 5);
	settle(&t, true);
	end(&t);
	begin(&t, path, 0xb4, 30 * SECOND, 0, (struct reel_writer_options){ 0 });
	put_any(&t, EV_open, USUAL, 6);
	settle(&t, true);
	end(&t);
	tidy(path);
}

static void put_lost(struct tape *t, unsigned cpu, unsigned n, unsigned class_id, unsigned cause)
{
	struct ev_lost *lost = reel_record_begin(&t->rec, reel_type_by_id(EV_lost));

	lost->first = t->ts;
	lost->last = t->ts + n;
	lost->count = n;
	lost->lost_cpu = (uint16_t)cpu;
	lost->lost_class = (uint8_t)class_id;
	lost->cause = (uint8_t)cause;
	t->seq[cpu % CPUS] += n;
	t->rec.header.cpu = (uint16_t)(cpu % CPUS);
	put_next(t);
}

static void make_losses(const char *path)
{
	struct reel_writer_options o = { .keep_bytes = 36 << 10, .segment_bytes = 9 << 10 };
	uint64_t segment = 0;
	struct tape t;

	begin(&t, path, 0xc1, 100 * SECOND, WALL, o);
	for (unsigned i = 0; i < 240; i++) {
		if (segment != reel_writer_segment_number(t.w)) {
			segment = reel_writer_segment_number(t.w);
			put_clock(&t, 0);
			for (unsigned k = 0; k < 6; k++) {
				golden_fill(&t.rec, reel_type_by_id(EV_coverage), USUAL, k);
				put_own(&t);
			}
			put_keyframe(&t, 0, 0);
			for (unsigned k = 0; k < 3; k++) {
				golden_fill(&t.rec, reel_type_by_id(EV_process), USUAL, k);
				t.rec.header.flags = EV_KEYFRAME;
				put_own(&t);
			}
			put_keyframe(&t, 1, 3);
		}
		for (unsigned k = 0; k < 4; k++)
			put_any(&t, k == 2 ? EV_exec : EV_open, USUAL, i * 4 + k);
		if (i % 9 == 4)
			put_lost(&t, i, i, i % 14, i / 9 % 6);
		if (i % 30 == 29)
			put_lost(&t, EV_NO_CPU, 5, 0, 2);
		if (i % 20 == 10)
			put_any(&t, EV_counters, USUAL, i);
		t.ts += 20 * MINUTE / 240;
		settle(&t, i % 8 == 7);
	}
	put_clock(&t, 3);
	end(&t);
	tidy(path);
}

/* A small machine: what the captures that something befalls are made of. */
static void make_plain(const char *path, uint8_t boot)
{
	struct tape t;

	begin(&t, path, boot, 50 * SECOND, WALL, (struct reel_writer_options){ 0 });
	for (unsigned segment = 0; segment < 3; segment++) {
		put_clock(&t, 0);
		put_keyframe(&t, 0, 0);
		for (unsigned i = 0; i < 5; i++) {
			golden_fill(&t.rec, reel_type_by_id(EV_process), USUAL, i);
			t.rec.header.flags = EV_KEYFRAME;
			put_own(&t);
		}
		put_keyframe(&t, 1, 5);
		for (unsigned i = 0; i < 60; i++) {
			static const uint8_t ids[] = { EV_open, EV_close, EV_exec,  EV_connect,
						       EV_fork, EV_write, EV_setuid };

			put_any(&t, ids[i % COUNT(ids)], USUAL, i);
			t.ts += 200 * 1000 * 1000;
			if (i % 20 == 19)
				settle(&t, true);
		}
		if (segment < 2)
			MUST(reel_writer_rotate(t.w, &golden_err) == 0);
	}
	put_clock(&t, 3);
	end(&t);
	tidy(path);
}

/* What befalls captures ------------------------------------------------------------------------ */

/* Where block N of a file begins; behind the last one for a larger N. */
static size_t block_at(const uint8_t *bytes, size_t size, unsigned n, struct reel_block *b)
{
	struct reel_scan scan = { .base = bytes, .size = size };

	for (unsigned i = 0; reel_scan_next(&scan, b) > 0; i++)
		if (i == n)
			return (size_t)(b->at - bytes);
	return size;
}

/* Where META is lost, what follows is read all the same: of a segment that others come before. */
static void make_lost_meta(const char *from)
{
	char first[512], second[512];
	struct reel_block b;
	uint8_t *bytes;
	size_t n, at;

	path_of(from, 0, first);
	path_of(from, 1, second);
	bytes = load(second, &n);
	at = block_at(bytes, n, 0, &b);
	append_file("lost-meta-header.rls", first);
	bytes[at + 20] ^= 0x01;
	save("lost-meta-header.rls", bytes, n, "ae");
	append_file("lost-meta-body.rls", first);
	bytes[at + 20] ^= 0x01;
	bytes[at + b.h.header_bytes + 100] ^= 0x01;
	save("lost-meta-body.rls", bytes, n, "ae");
	free(bytes);
}

/* Segments in any order are a capture; a torn one may be followed by those of another one. */
static void make_concatenated(const char *a, const char *b, const char *c)
{
	struct reel_block block;
	char path[512];
	uint8_t *bytes;
	size_t n, at;

	for (int i = 2; i >= 0; i--) {
		path_of(a, i, path);
		append_file("two-captures.rls", path);
	}
	path_of(b, 0, path);
	bytes = load(path, &n);
	at = block_at(bytes, n, 9, &block);
	save("two-captures.rls", bytes, at + block.total_bytes * 2 / 3, "ae");
	free(bytes);
	append_file("two-captures.rls", c);
}

static void make_refused(const char *from)
{
	char path[512];

	path_of(from, 0, path);
	append_file("refused.rls", path);
	golden_refused("refused.rls", 2, 0);
	golden_refused("refused.rls", 1, 1ull << 63);
}

int main(int argc, char **argv)
{
	if (argc != 2 || (mkdir(argv[1], 0755) < 0 && access(argv[1], W_OK) < 0) ||
	    chdir(argv[1]) < 0) {
		fprintf(stderr, "usage: make_golden_more DIR\n");
		return 2;
	}
	umask(022);
	make_all_types("limits.rls");
	make_clock_steps("clock-steps");
	make_losses("retired");
	make_plain("plain", 0xe1);
	make_plain("other", 0xe2);
	make_lost_meta("plain");
	make_refused("plain");
	golden_older_schema("older-all.rls");
	golden_newer_schema("newer-all.rls");
	golden_reserved("reserved.rls");
	make_concatenated("plain", "other", "older-all.rls");
	drop("plain");
	drop("other");
	return 0;
}
