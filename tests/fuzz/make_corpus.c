/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Makes the seeds of the fuzzers in the current directory: what this build writes, taken apart. To
 * be run again, by make_corpus.sh, whenever the bytes of the tape change.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "format/block.h"
#include "format/record.h"
#include "format/schema.h"
#include "format/writer.h"
#include "tests/fuzz/piece.h"

#define MUST(cond)                                      \
	do {                                            \
		if (!(cond)) {                          \
			fprintf(stderr, "%s\n", #cond); \
			exit(1);                        \
		}                                       \
	} while (0)

enum { ROOM = 1 << 20 };

struct seed {
	uint8_t bytes[ROOM];
	size_t n;
};

static void put(struct seed *s, const void *bytes, size_t n)
{
	MUST(s->n + n <= ROOM);
	memcpy(s->bytes + s->n, bytes, n);
	s->n += n;
}

static void put_byte(struct seed *s, unsigned byte)
{
	put(s, &(uint8_t){ (uint8_t)byte }, 1);
}

static void save(const struct seed *s, const char *fuzzer, const char *name)
{
	char path[256];
	FILE *f;

	mkdir(fuzzer, 0755);
	snprintf(path, sizeof(path), "%s/%s", fuzzer, name);
	f = fopen(path, "w");
	MUST(f && fwrite(s->bytes, 1, s->n, f) == s->n && fclose(f) == 0);
}

/* A schema of a few types only, since this build's own is longer than a seed should be. */
static void put_name(struct seed *s, const char *name)
{
	put_byte(s, (unsigned)strlen(name));
	put(s, name, strlen(name));
}

static const uint8_t few[] = { EV_fork,	 EV_exec, EV_open,    EV_close,	   EV_connect,
			       EV_clock, EV_lost, EV_retired, EV_keyframe, EV_sys };

static void put_schema(struct seed *s, const uint8_t *types, uint32_t n)
{
	put(s, &(uint32_t){ 1 }, 4);
	put(s, &n, 4);
	put_byte(s, EV_CLASS_file);
	put_name(s, "file");
	for (uint32_t i = 0; i < n; i++) {
		const struct reel_type *t = reel_type_by_id(types[i]);

		put_byte(s, t->id);
		put_byte(s, t->class_id);
		put_byte(s, t->stream);
		put_byte(s, t->n_fields);
		put(s, &t->fixed_bytes, 2);
		put_name(s, t->name);
		for (unsigned f = 0; f < t->n_fields; f++) {
			put_byte(s, t->fields[f].kind);
			put_byte(s, 0);
			put(s, &t->fields[f].offset, 2);
			put_name(s, t->fields[f].name);
			put_name(s, t->fields[f].hint);
		}
	}
}

struct writing {
	struct reel_writer *w;
	struct reel_err err;
	uint64_t ts, seq[2];
	unsigned n;
};

static void append(struct writing *x, struct reel_record *rec)
{
	unsigned cpu = x->n++ % 3 == 0;

	x->ts += x->n % 5 ? 1000 : 70000;
	rec->header.ts = x->ts;
	rec->header.cpu = (uint16_t)cpu;
	rec->header.seq = x->seq[cpu] += x->n % 7 ? 1 : 2;
	rec->header.pid = 100 + x->n % 3;
	rec->header.tid = rec->header.pid + x->n % 2;
	rec->header.ret = x->n % 6 ? (int64_t)x->n - 3 : (int64_t)x->n << 33;
	rec->header.call = EV_CALL(x->n % 4, 257);
	MUST(reel_writer_append(x->w, rec, reel_record_end(rec), &x->err) == 0);
}

/* Any type, with every string in it, one of them cut. */
static void append_any(struct writing *x, uint8_t id)
{
	static const char *const texts[] = { "/etc/passwd", "sh\0-c\0id\0", "\xff\xfe", "" };
	static const size_t lengths[] = { 11, 9, 2, 0 };
	const struct reel_type *t = reel_type_by_id(id);
	struct reel_record rec;
	uint8_t *fixed = reel_record_begin(&rec, t);

	for (unsigned i = 0; i < t->fixed_bytes; i++)
		fixed[i] = (uint8_t)(x->n % 4 ? 0 : i * 3 + x->n);
	for (unsigned i = 0; i < t->n_strings; i++) {
		unsigned k = (i + x->n) % 4;

		if (x->n % 5 == 0 && i == 0)
			reel_record_cut_string(&rec, texts[k], lengths[k], 4097);
		else
			reel_record_string(&rec, texts[k], lengths[k]);
	}
	append(x, &rec);
}

static void append_clock(struct writing *x)
{
	struct reel_record rec;
	struct ev_clock *clock = reel_record_begin(&rec, reel_type_by_id(EV_clock));

	clock->realtime = 1700000000000000000 + (int64_t)x->ts;
	append(x, &rec);
}

static void append_lost(struct writing *x)
{
	struct reel_record rec;
	struct ev_lost *lost = reel_record_begin(&rec, reel_type_by_id(EV_lost));

	lost->first = x->ts - 5000;
	lost->last = x->ts;
	lost->count = 2;
	append(x, &rec);
}

static void append_keyframe(struct writing *x, uint8_t edge)
{
	struct reel_record rec;
	struct ev_keyframe *frame = reel_record_begin(&rec, reel_type_by_id(EV_keyframe));

	frame->edge = edge;
	append(x, &rec);
}

static void write_segment(struct writing *x, unsigned n)
{
	append_clock(x);
	append_keyframe(x, 0);
	append_any(x, EV_fork);
	append_keyframe(x, 1);
	for (unsigned i = 0; i < n; i++) {
		append_any(x, few[i % 5]);
		if (i % 8 == 7) {
			reel_writer_settle(x->w, x->ts);
			MUST(reel_writer_flush(x->w, &x->err) == 0);
		}
	}
	append_lost(x);
	append_clock(x);
	reel_writer_settle(x->w, x->ts + 1);
}

/* A capture in memory. */
static uint8_t *write_capture(unsigned n_segments, unsigned n, bool another_boot, size_t *ret_size)
{
	int fd = memfd_create("seed", 0);
	struct writing x = { .ts = 1000000 };
	struct reel_writer_options o = { .in_line = true, .block_bytes = 4 << 10 };
	uint8_t *bytes;

	for (unsigned boot = 0; boot < 1u + another_boot; boot++) {
		memset(o.meta.boot, (int)boot + 1, sizeof(o.meta.boot));
		snprintf(o.meta.host, sizeof(o.meta.host), "host");
		o.meta.start = (struct tape_start){ x.ts, 1700000000000000000 + (int64_t)x.ts };
		o.fd = dup(fd);
		MUST(reel_writer_open(&o, &x.w, &x.err) == 0);
		for (unsigned i = 0; i < n_segments; i++) {
			if (i)
				MUST(reel_writer_rotate(x.w, &x.err) == 0);
			write_segment(&x, n);
		}
		MUST(reel_writer_close(x.w, &x.err) == 0);
	}
	*ret_size = (size_t)lseek(fd, 0, SEEK_END);
	bytes = malloc(*ret_size);
	MUST(bytes && pread(fd, bytes, *ret_size, 0) == (ssize_t)*ret_size);
	close(fd);
	return bytes;
}

static size_t inflate(const struct reel_block *b, uint8_t *to)
{
	static ZSTD_DCtx *zstd;

	if (!zstd)
		zstd = ZSTD_createDCtx();
	MUST(reel_block_inflate(b, zstd, to, NULL) == 0);
	return b->h.raw_bytes;
}

static uint32_t low(uint64_t ts)
{
	return ts > UINT32_MAX ? UINT32_MAX : (uint32_t)ts;
}

static void put_piece(struct seed *s, const struct reel_block *b, unsigned flags)
{
	static uint8_t raw[TAPE_RAW_MAX];
	static struct seed schema;
	struct piece p = {
		.kind = b->h.kind,
		.flags = (uint8_t)((b->h.flags & ~TAPE_ZSTD) | flags),
		.types = 0xff,
		.n_events = b->h.n_events,
		.ts_min = low(b->h.ts_min),
		.ts_max = low(b->h.ts_max),
		.settled = low(b->h.settled),
	};
	size_t n = inflate(b, raw);
	const uint8_t *body = raw;

	if (b->h.kind == TAPE_META)
		p.flags = 0;
	if (b->h.kind == TAPE_SCHEMA) {
		schema.n = 0;
		put_schema(&schema, few, sizeof(few));
		body = schema.bytes;
		n = schema.n;
	}
	if (b->h.kind == TAPE_END)
		n = 16; /* the reason; the table is made for what there will be */
	p.body_bytes = (uint16_t)n;
	put(s, &p, sizeof(p));
	put(s, body, n);
}

/* A capture as pieces; without the blocks of one kind, if that is wanted. */
static void save_pieces(const uint8_t *bytes, size_t size, unsigned how, unsigned filter,
			unsigned zstd, uint8_t without, const char *name)
{
	static struct seed s;
	struct reel_scan scan = { .base = bytes, .size = size };
	struct reel_block b;

	s.n = 0;
	put_byte(&s, how);
	put_byte(&s, filter);
	while (reel_scan_next(&scan, &b) > 0)
		if (b.h.kind != without)
			put_piece(&s, &b, zstd);
	save(&s, "fuzz_segment", name);
}

static void make_segments(void)
{
	static struct seed s;
	size_t size;
	uint8_t *bytes = write_capture(1, 12, false, &size);

	save_pieces(bytes, size, SEGMENT_FOLLOWED | SEGMENT_VERIFIED, 0, 0, 0, "one");
	save_pieces(bytes, size, SEGMENT_VERIFIED, 0, TAPE_ZSTD, 0, "compressed");
	save_pieces(bytes, size, 0, 1 | 2, 0, 0, "filtered");
	save_pieces(bytes, size, 0, 4 | 8 | 16, 0, 0, "from_to");
	save_pieces(bytes, size, SEGMENT_VERIFIED, 0, 0, TAPE_META, "no_meta");
	save_pieces(bytes, size, SEGMENT_VERIFIED, 0, 0, TAPE_SCHEMA, "no_schema");
	save_pieces(bytes, size, SEGMENT_VERIFIED, 0, 0, TAPE_END, "no_end");
	save_pieces(bytes, size, SEGMENT_VERIFIED, 0, 0, TAPE_CLOCK, "no_clock");
	save_pieces(bytes, size, SEGMENT_VERIFIED, 0, 0, TAPE_STATE, "no_state");
	save_pieces(bytes, size, SEGMENT_VERIFIED | SEGMENT_ENCRYPTED | SEGMENT_FOLLOWED, 0,
		    TAPE_ZSTD, 0, "encrypted");
	save_pieces(bytes, size, SEGMENT_ENCRYPTED, 1 | 2, TAPE_ZSTD, 0, "encrypted_filtered");
	save_pieces(bytes, size, SEGMENT_VERIFIED | SEGMENT_ENCRYPTED, 0, 0, TAPE_META,
		    "encrypted_no_meta");
	free(bytes);

	bytes = write_capture(2, 4, false, &size);
	save_pieces(bytes, size, SEGMENT_VERIFIED, 0, 0, 0, "two");
	free(bytes);
	bytes = write_capture(1, 4, true, &size);
	save_pieces(bytes, size, SEGMENT_VERIFIED, 0, 0, 0, "two_boots");
	free(bytes);

	bytes = write_capture(1, 1, false, &size);
	s.n = 0;
	put_byte(&s, SEGMENT_RAW | SEGMENT_VERIFIED);
	put_byte(&s, 0);
	put(&s, bytes, size);
	save(&s, "fuzz_segment", "as_written");
	free(bytes);
}

static void make_blocks(void)
{
	static uint8_t raw[TAPE_RAW_MAX];
	static struct seed s;
	size_t size;
	uint8_t *bytes = write_capture(1, 20, false, &size);
	struct reel_scan scan = { .base = bytes, .size = size };
	struct reel_block b;
	unsigned n = 0;

	while (reel_scan_next(&scan, &b) > 0) {
		char name[64];

		if (b.h.kind < TAPE_STATE || b.h.kind > TAPE_CLOCK)
			continue;
		for (unsigned how = 0; how < 2; how++) {
			s.n = 0;
			put_byte(&s, how | n % 5 << 4);
			put_byte(&s, b.h.kind);
			put(&s, raw, inflate(&b, raw));
			snprintf(name, sizeof(name), "kind%u_%u_%u", b.h.kind, n, how);
			save(&s, "fuzz_block", name);
		}
		s.n = 0;
		put_byte(&s, 8);
		put_byte(&s, 0);
		put(&s, b.at, b.total_bytes);
		snprintf(name, sizeof(name), "raw_%u", n++);
		if (n < 4)
			save(&s, "fuzz_block", name);
	}
	free(bytes);
}

static void make_schema_seeds(const struct reel_block *events, const struct reel_block *meta,
			      const struct reel_block *end)
{
	static uint8_t raw[TAPE_RAW_MAX];
	static struct seed s, schema;

	for (uint32_t n = 1; n <= sizeof(few); n += 3) {
		char name[32];

		schema.n = s.n = 0;
		put_schema(&schema, few, n);
		put_byte(&s, 0);
		put(&s, &(uint16_t){ (uint16_t)schema.n }, 2);
		put(&s, schema.bytes, schema.n);
		if (n > 4)
			put(&s, raw, inflate(events, raw));
		snprintf(name, sizeof(name), "types_%u", n);
		save(&s, "fuzz_schema", name);
	}
	s.n = 0;
	put_byte(&s, 1);
	put(&s, raw, inflate(meta, raw));
	save(&s, "fuzz_schema", "meta");
	s.n = 0;
	put_byte(&s, 2);
	put(&s, raw, inflate(end, raw));
	save(&s, "fuzz_schema", "end");
}

/* META of every shape that there is. */
static void save_meta(const char *name, bool is_cut, bool is_derived)
{
	static struct reel_meta m;
	static uint8_t buffer[REEL_META_MAX];
	static struct seed s;

	memset(&m, 0, sizeof(m));
	m.number = 3;
	m.has_previous = true;
	m.is_cut = is_cut;
	m.cut.n_segments = 2;
	m.is_derived = is_derived;
	snprintf(m.chosen, sizeof(m.chosen), "--type open");
	snprintf(m.note, sizeof(m.note), "a note");
	s.n = 0;
	put_byte(&s, 1);
	put(&s, buffer, reel_meta_encode(&m, buffer));
	save(&s, "fuzz_schema", name);
}

static void make_schemas(void)
{
	size_t size;
	uint8_t *bytes = write_capture(1, 10, false, &size);
	struct reel_scan scan = { .base = bytes, .size = size };
	struct reel_block b, events = { 0 }, meta = { 0 }, end = { 0 };

	while (reel_scan_next(&scan, &b) > 0) {
		if (b.h.kind == TAPE_META)
			meta = b;
		if (b.h.kind == TAPE_EVENTS)
			events = b;
		if (b.h.kind == TAPE_END)
			end = b;
	}
	make_schema_seeds(&events, &meta, &end);
	save_meta("meta_cut", true, false);
	save_meta("meta_derived", false, true);
	free(bytes);
}

int main(void)
{
	make_segments();
	make_blocks();
	make_schemas();
	return 0;
}
