/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Makes the golden captures that no generator makes, in the directory that is named:
 *
 *	all-types.rls		every type of event, with empty, usual and extreme values
 *	two-boots/		clocks set forward and back, a suspend, and a second boot
 *	older-schema.rls	by an imagined older reel: types with fewer fields, few types
 *	newer-schema.rls	by an imagined newer one: types with more fields, kinds of fields,
 *				blocks and items of META that are not known, longer headers
 *
 * tests/golden/make.sh makes the others from these.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include "format/block.h"
#include "format/pack.h"
#include "format/record.h"
#include "format/schema.h"
#include "format/writer.h"

static struct reel_record rec;
static struct reel_err err;

static void must(int r)
{
	if (r >= 0)
		return;
	fprintf(stderr, "make_golden: %s\n", err.msg);
	exit(1);
}

static void describe(struct reel_meta *m, uint8_t boot, int64_t realtime_ns)
{
	memset(m, 0, sizeof(*m));
	memset(m->machine, 0x11, sizeof(m->machine));
	memset(m->boot, boot, sizeof(m->boot));
	snprintf(m->host, sizeof(m->host), "golden");
	snprintf(m->kernel, sizeof(m->kernel), "6.1.0");
	snprintf(m->arch, sizeof(m->arch), "x86_64");
	snprintf(m->program, sizeof(m->program), "make_golden");
	m->cpus = 2;
	m->start = (struct tape_start){ 1000000000, realtime_ns };
}

static void append_clock(struct reel_writer *w, uint64_t ts, int64_t realtime_ns)
{
	struct ev_clock *clock = reel_record_begin(&rec, reel_type_by_id(EV_clock));

	clock->realtime = realtime_ns;
	clock->monotonic = ts;
	rec.header.ts = ts;
	must(reel_writer_append_own(w, &rec.header, reel_record_end(&rec), &err));
}

static uint8_t byte_of(unsigned number, unsigned field, unsigned byte)
{
	if (number == 2)
		return 0xff;
	return number == 1 && byte == 0 ? (uint8_t)(field + 1) : 0;
}

static void fill_numbers(const struct reel_type *t, unsigned number, uint8_t *fixed)
{
	for (unsigned i = 0; i < t->n_fields; i++) {
		unsigned width = reel_kind_width(t->fields[i].kind);

		for (unsigned b = 0; b < width && !reel_field_is_string(&t->fields[i]); b++)
			fixed[t->fields[i].offset + b] = byte_of(number, i, b);
	}
}

static void fill_strings(const struct reel_type *t, unsigned number)
{
	static const char odd[] = "/tmp/\xff\xfe \"\\\n\x1b[31m";
	static char longest[5000];

	memset(longest, 'x', sizeof(longest));
	for (unsigned i = 0; i < t->n_strings; i++) {
		if (number == 0)
			reel_record_string(&rec, "", 0);
		else if (number == 1)
			reel_record_string(&rec, "one\0two", 8);
		else if (number == 2)
			reel_record_string(&rec, odd, sizeof(odd) - 1);
		else if (i == 0)
			reel_record_cut_string(&rec, longest, sizeof(longest), 123456);
		else
			reel_record_cut_string(&rec, "caf\xc3\xa9", 5, EV_UNKNOWN_LENGTH);
	}
}

/* The event of this number, of four: all zero, usual, extreme, with cut strings. */
static void fill(const struct reel_type *t, unsigned number)
{
	static const int64_t rets[] = { 0, 3, -13, 0x7f0012345000 };

	fill_numbers(t, number, reel_record_begin(&rec, t));
	fill_strings(t, number);
	if (number == 2)
		rec.header.flags = 0xff - EV_TRUNCATED - EV_WIDE_RET;
	rec.header.ret = rets[number];
	rec.header.call = number ? EV_CALL(number, 200 + number) : 0;
}

static void make_all_types(const char *directory)
{
	struct reel_writer_options o = { .block_bytes = 16 << 10, .in_line = true };
	struct reel_writer *w;
	uint64_t ts = 1000000000, seq = 0;
	char path[4096];

	snprintf(path, sizeof(path), "%s/all-types.rls", directory);
	o.fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
	describe(&o.meta, 0xa1, 1750000000000000000);
	must(reel_writer_open(&o, &w, &err));
	append_clock(w, ts, 1750000000000000000);
	for (const struct reel_type *t = reel_types; t->name; t++) {
		for (unsigned number = 0; number < 4 && t->id != EV_clock; number++) {
			fill(t, number);
			rec.header.ts = ts += number == 3 ? 5000000000 : 1234567;
			rec.header.seq = seq++;
			rec.header.pid = 100u + t->id;
			rec.header.tid = rec.header.pid + number % 2;
			must(reel_writer_append(w, &rec, reel_record_end(&rec), &err));
		}
		reel_writer_settle(w, ts);
		must(reel_writer_tick(w, ts, &err));
	}
	must(reel_writer_close(w, &err));
}

static void append_open(struct reel_writer *w, uint64_t ts, uint64_t seq, const char *path)
{
	struct ev_open *e = reel_record_begin(&rec, reel_type_by_id(EV_open));

	e->inode = seq + 7;
	rec.header.ts = ts;
	rec.header.seq = seq;
	rec.header.pid = rec.header.tid = 42;
	rec.header.call = EV_CALL(EV_ABI_NATIVE, 257);
	reel_record_string(&rec, path, strlen(path));
	must(reel_writer_append(w, &rec, reel_record_end(&rec), &err));
}

static void make_two_boots(const char *directory)
{
	const uint64_t second = 1000000000;
	char path[4096];

	snprintf(path, sizeof(path), "%s/two-boots", directory);
	for (unsigned boot = 0; boot < 2; boot++) {
		struct reel_writer_options o = { .directory = path, .in_line = true };
		int64_t real = 1750000000000000000 + (int64_t)(boot * 1000 * second);
		struct reel_writer *w;

		describe(&o.meta, (uint8_t)(0xb1 + boot), real);
		must(reel_writer_open(&o, &w, &err));
		append_open(w, 1 * second, 0, "/before/the/first/clock");
		append_clock(w, 2 * second, real + (int64_t)second);
		append_open(w, 3 * second, 1, "/after/it");
		append_clock(w, 4 * second, real + (int64_t)(3603 * second));
		append_open(w, 5 * second, 2, "/an/hour/forward");
		append_clock(w, 6 * second, real - (int64_t)(595 * second));
		append_open(w, 7 * second, 3, "/ten/minutes/back");
		append_open(w, 7207 * second, 4, "/after/two/hours/of/sleep");
		reel_writer_settle(w, 7208 * second);
		must(reel_writer_close(w, &err));
	}
}

/* A segment that is put together block by block, as the writer of this reel would not. */
struct hand {
	int fd;
	uint64_t sequence;
	uint64_t seq;			/* of the next event */
	uint8_t head[TAPE_TAG_BYTES];
	unsigned longer;		/* bytes that each header has more */
	uint8_t block[1 << 20], raw[1 << 19], scratch[1 << 19];
};

static void put(struct hand *x, struct tape_header h, size_t raw_bytes, const struct reel_pack *p)
{
	uint8_t *bloom = x->block + sizeof(h) + x->longer;
	size_t n;

	h.magic = TAPE_MAGIC;
	h.segment = 0x601de;
	h.sequence = x->sequence++;
	h.bloom_bytes = p ? (uint16_t)reel_pack_bloom_bytes(p) : 0;
	h.header_bytes = (uint16_t)(TAPE_HEADER_MIN + x->longer + h.bloom_bytes);
	h.raw_bytes = (uint32_t)raw_bytes;
	memcpy(h.link, x->head, sizeof(h.link));
	memset(x->block, 0, h.header_bytes);
	memset(x->block + sizeof(h), 0xee, x->longer);
	if (p)
		reel_pack_bloom(p, bloom, h.bloom_bytes);
	if (h.flags & TAPE_ZSTD) {
		h.stored_bytes = (uint32_t)ZSTD_compress(x->block + h.header_bytes, 1 << 19, x->raw,
							 raw_bytes, 1);
	} else {
		h.stored_bytes = h.raw_bytes;
		memcpy(x->block + h.header_bytes, x->raw, raw_bytes);
	}
	memcpy(x->block, &h, sizeof(h));
	n = reel_block_finish(x->block, NULL);
	memcpy(x->head, x->block + h.header_bytes + h.stored_bytes, sizeof(x->head));
	if (write(x->fd, x->block, n) != (ssize_t)n)
		exit(1);
}

static void put_events(struct hand *x, const struct reel_type *types, unsigned kind, uint64_t ts)
{
	struct tape_header h = { .kind = (uint8_t)kind, .flags = TAPE_ZSTD };
	struct reel_pack p;

	must(reel_pack_init(&p, 64 << 10, &err));
	reel_pack_reset(&p, (uint8_t)kind);
	for (const struct reel_type *t = types; t->name; t++) {
		for (unsigned number = 0; number < 4 && t->stream == kind; number++) {
			fill(t, number);
			rec.header.ts = ts += 1000;
			rec.header.seq = x->seq++;
			rec.header.pid = rec.header.tid = 7;
			reel_record_end(&rec);
			reel_pack_add(&p, t, &rec.header, rec.payload);
		}
	}
	h.ts_min = p.ts_min;
	h.ts_max = p.ts_max;
	h.n_events = p.n_events;
	reel_pack_types(&p, h.types);
	put(x, h, reel_pack_body(&p, x->raw, x->scratch), &p);
	reel_pack_done(&p);
}

static void make_by_hand(const char *directory, const char *name, const struct reel_class *classes,
			 const struct reel_type *types, bool is_newer)
{
	static struct hand x;
	struct reel_meta meta;
	char path[4096];
	size_t n;

	snprintf(path, sizeof(path), "%s/%s.rls", directory, name);
	memset(&x, 0, sizeof(x));
	x.fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
	x.longer = is_newer ? 16 : 0;
	describe(&meta, 0xc1, 1750000000000000000);
	memset(meta.capture, 0xcc, sizeof(meta.capture));
	meta.number = 1;
	n = reel_meta_encode(&meta, x.raw);
	if (is_newer) {
		n = (size_t)(reel_item_put(x.raw + n, 999, "from the future", 15) - x.raw);
		x.raw[sizeof(struct tape_item) + 2] = 9; /* the minor version */
	}
	put(&x, (struct tape_header){ .kind = TAPE_META }, n, NULL);
	put(&x, (struct tape_header){ .kind = TAPE_SCHEMA, .flags = TAPE_ZSTD },
	    reel_schema_encode_tables(classes, types, x.raw), NULL);
	if (is_newer) {
		memset(x.raw, 0x5a, 100);
		put(&x, (struct tape_header){ .kind = 99 }, 100, NULL);
	}
	put_events(&x, types, TAPE_STATE, 2000000000);
	put_events(&x, types, TAPE_EVENTS, 2000000500);
	if (is_newer)
		put(&x, (struct tape_header){ .kind = 200 }, 50, NULL);
	close(x.fd);
}

/* The type without its last fields, none of which may be a string. */
static struct reel_type shorter(unsigned id, unsigned n_fields, unsigned fixed_bytes)
{
	struct reel_type t = *reel_type_by_id(id);

	t.n_fields = (uint8_t)n_fields;
	t.fixed_bytes = (uint16_t)fixed_bytes;
	return t;
}

static void make_older(const char *directory)
{
	const struct reel_class classes[] = { { "process", "", 1, true },
					      { "file", "", 2, true },
					      { "ipc", "", 8, true },
					      { 0 } };
	const struct reel_type types[] = { shorter(EV_exit, 2, 16),
					   shorter(EV_open, 7, 24),
					   shorter(EV_kill, 2, 8),
					   { 0 } };

	make_by_hand(directory, "older-schema", classes, types, false);
}

static void make_newer(const char *directory)
{
	const struct reel_class classes[] = { { "process", "", 1, true },
					      { "file", "", 2, true },
					      { "weather", "", 40, true },
					      { 0 } };
	const uint16_t exit_strings[] = { 48, 50, 0xffff }, rain_strings[] = { 12, 0xffff };
	const struct reel_field rain_fields[] = { { "drops", "dec", 0, REEL_U64 },
						  { "how", "drizzle|shower", 8, REEL_U32 },
						  { "place", "", 12, REEL_TEXT },
						  { 0 } };
	struct reel_type types[4] = { *reel_type_by_id(EV_exit), *reel_type_by_id(EV_close) };
	struct reel_type *exit_type = &types[0];
	struct reel_field fields[16];

	/* exit as it is, then a number, a string, and kinds of string and number nobody knows. */
	memcpy(fields, exit_type->fields, exit_type->n_fields * sizeof(fields[0]));
	fields[exit_type->n_fields++] = (struct reel_field){ "wait_ns", "ns", 40, REEL_U64 };
	fields[exit_type->n_fields++] = (struct reel_field){ "farewell", "", 48, REEL_TEXT };
	fields[exit_type->n_fields++] = (struct reel_field){ "scent", "", 50, 30 };
	fields[exit_type->n_fields++] = (struct reel_field){ "mood", "", 52, 13 };
	exit_type->fields = fields;
	exit_type->string_offsets = exit_strings;
	exit_type->n_strings = 2;
	exit_type->fixed_bytes = 56;
	types[2] = (struct reel_type){ .name = "rain",
				       .fields = rain_fields,
				       .string_offsets = rain_strings,
				       .fixed_bytes = 16,
				       .id = 250,
				       .class_id = 40,
				       .stream = TAPE_EVENTS,
				       .n_fields = 3,
				       .n_strings = 1 };
	make_by_hand(directory, "newer-schema", classes, types, true);
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: make_golden DIR\n");
		return 2;
	}
	make_all_types(argv[1]);
	make_two_boots(argv[1]);
	make_older(argv[1]);
	make_newer(argv[1]);
	return 0;
}
