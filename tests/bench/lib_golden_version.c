/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Captures of imagined other versions of reel, for tests/golden. Their types, SCHEMA and blocks are
 * made here, since the writer of this build makes only its own.
 */
#include <string.h>
#include <zstd.h>

#include "format/block.h"
#include "format/pack.h"
#include "tests/bench/lib_golden.h"

enum { ROOM = 1 << 20, PACK_BYTES = 32 << 10, KINDS_OF_EVENTS = 4, HAS_COLUMN = 12 };

struct golden_type {
	struct reel_type t;
	struct reel_field fields[EV_MAX_FIELDS];
	uint16_t string_offsets[EV_MAX_STRINGS];
	char names[EV_MAX_FIELDS][8];
};

struct version {
	FILE *f;
	const char *program;
	uint64_t id, capture, sequence, offset, settled, ts, seq[CPUS];
	uint8_t head[TAPE_TAG_BYTES];
	uint8_t boot;
	uint16_t extra_header; /* bytes in it that 1.0 does not know */
	uint8_t extra_flags;
	bool extra_column, zstd;
	struct golden_type types[EV_MAX_TYPES];
	unsigned n_types, n;
	uint8_t missing_class, first_new_class;
	struct reel_pack packs[KINDS_OF_EVENTS];
	struct tape_row rows[64];
	uint32_t n_rows;
	struct tape_totals totals;
	uint64_t events_of[EV_MAX_TYPES];
	uint8_t body[ROOM], scratch[ROOM], block[ROOM];
	struct reel_record rec;
};

/* Types --------------------------------------------------------------------------------------- */

static unsigned used_bytes(const struct golden_type *g)
{
	unsigned used = 0;

	for (unsigned i = 0; i < g->t.n_fields; i++) {
		unsigned width = reel_kind_width(g->fields[i].kind);

		if (!width && g->fields[i].kind != REEL_RESULT)
			width = 12; /* what golden_fill() gives to a kind that nobody knows */
		if (g->fields[i].offset + width > used)
			used = g->fields[i].offset + width;
	}
	return used;
}

/* What follows from the fields. */
static void complete(struct golden_type *g)
{
	g->t.fields = g->fields;
	g->t.string_offsets = g->string_offsets;
	g->t.fixed_bytes = (uint16_t)((used_bytes(g) + 7) & ~7u);
	g->t.n_strings = 0;
	for (unsigned i = 0; i < g->t.n_fields; i++)
		if (reel_field_is_string(&g->fields[i]))
			g->string_offsets[g->t.n_strings++] = g->fields[i].offset;
}

static struct golden_type *type_of(struct version *v, unsigned id)
{
	for (unsigned i = 0; i < v->n_types; i++)
		if (v->types[i].t.id == id)
			return &v->types[i];
	MUST(false);
	return NULL;
}

static void take_own_types(struct version *v, const uint8_t *but, size_t n_but)
{
	for (const struct reel_type *t = reel_types; t->name; t++) {
		struct golden_type *g = &v->types[v->n_types];

		if (n_but && memchr(but, t->id, n_but))
			continue;
		v->n_types++;
		g->t = *t;
		memcpy(g->fields, t->fields, t->n_fields * sizeof(g->fields[0]));
		complete(g);
	}
}

static struct golden_type *add_type(struct version *v, unsigned id, const char *name,
				    unsigned class_id, unsigned stream)
{
	struct golden_type *g = &v->types[v->n_types++];

	g->t = (struct reel_type){ .name = name,
				   .id = (uint8_t)id,
				   .class_id = (uint8_t)class_id,
				   .stream = (uint8_t)stream };
	complete(g);
	return g;
}

/* Behind the last one, in what had been padding if there is room. */
static void add_field(struct golden_type *g, const char *name, const char *hint, unsigned kind)
{
	unsigned width = reel_kind_width((uint8_t)kind), at = used_bytes(g);
	unsigned step = width > 8 ? 8 : width ? width : 4;

	at = kind == REEL_RESULT ? 0 : (at + step - 1) / step * step;
	g->fields[g->t.n_fields++] = (struct reel_field){ name, hint, (uint16_t)at, (uint8_t)kind };
	complete(g);
}

/* Blocks -------------------------------------------------------------------------------------- */

static struct version *begin(const char *path, uint8_t boot, uint64_t id, const char *program)
{
	struct version *v = calloc(1, sizeof(*v));

	MUST(v);
	v->f = fopen(path, "ae");
	MUST(v->f);
	v->boot = boot;
	v->id = id;
	v->capture = id * 0x9e3779b97f4a7c15;
	v->program = program;
	v->ts = 200 * SECOND;
	for (unsigned i = 0; i < KINDS_OF_EVENTS; i++) {
		MUST(reel_pack_init(&v->packs[i], PACK_BYTES, &golden_err) == 0);
		reel_pack_reset(&v->packs[i], (uint8_t)(TAPE_STATE + i));
	}
	return v;
}

static void put_bytes(struct version *v, const void *bytes, size_t n)
{
	MUST(fwrite(bytes, 1, n, v->f) == n);
	v->offset += n;
}

static void note_block(struct version *v, const struct tape_header *h, size_t total)
{
	struct tape_row *row = &v->rows[v->n_rows++];

	MUST(v->n_rows < COUNT(v->rows));
	*row = (struct tape_row){ v->offset,   h->ts_min,	h->ts_max,    h->settled,
				  h->n_events, h->stored_bytes, h->raw_bytes, h->header_bytes,
				  h->kind,     h->flags };
	memcpy(row->types, h->types, sizeof(row->types));
	v->totals.events += h->n_events;
	v->totals.raw_bytes += h->raw_bytes;
	v->totals.stored_bytes += total;
}

static void put_block(struct version *v, struct tape_header h, const struct reel_pack *p,
		      const uint8_t *body, size_t n)
{
	uint8_t *at = v->block + sizeof(h);
	size_t total;

	h.magic = TAPE_MAGIC;
	h.flags |= v->extra_flags;
	h.bloom_bytes = p ? (uint16_t)reel_pack_bloom_bytes(p) : 0;
	h.header_bytes = (uint16_t)(TAPE_HEADER_MIN + v->extra_header + h.bloom_bytes);
	h.segment = v->id;
	h.sequence = v->sequence++;
	h.raw_bytes = h.stored_bytes = (uint32_t)n;
	memcpy(h.link, v->head, sizeof(h.link));
	memset(at, 0x77, v->extra_header);
	at += v->extra_header;
	memset(at, 0, h.bloom_bytes);
	if (p)
		reel_pack_bloom(p, at, h.bloom_bytes);
	at += h.bloom_bytes + TAPE_SUM_BYTES;
	if (v->zstd && h.kind != TAPE_META && !(h.flags & TAPE_ENCRYPTED)) {
		h.flags |= TAPE_ZSTD;
		h.stored_bytes = (uint32_t)ZSTD_compress(at, ROOM / 2, body, n, 19);
		MUST(!ZSTD_isError(h.stored_bytes));
	} else {
		memcpy(at, body, n);
	}
	memcpy(v->block, &h, sizeof(h));
	total = reel_block_finish(v->block, NULL);
	if (h.flags & TAPE_SEALED) /* as if there were a key */
		memset(at + h.stored_bytes, 0x5e, TAPE_TAG_BYTES);
	memcpy(v->head, at + h.stored_bytes, sizeof(v->head));
	if (h.kind != TAPE_END)
		note_block(v, &h, total);
	put_bytes(v, v->block, total);
}

static void put_other_block(struct version *v, unsigned kind, unsigned flags)
{
	struct tape_header h = { .kind = (uint8_t)kind, .flags = (uint8_t)flags };

	memset(v->body, 0x11, 40);
	put_block(v, h, NULL, v->body, 40);
}

static void put_meta(struct version *v, unsigned major, uint64_t incompatible, bool is_newer)
{
	const uint16_t version[8] = { (uint16_t)major, is_newer ? 7 : 0, 0, 0, 1, 2, 3, 4 };
	const uint64_t features[2] = { incompatible, is_newer ? UINT64_MAX : 0 };
	const uint64_t capture[2] = { v->capture, ~v->capture }, number = 1, run = v->id + 1;
	const struct tape_start start[2] = { { v->ts, WALL }, { 1, 2 } };
	const size_t twice = is_newer ? 2 : 1; /* values that a later version has made longer */
	struct reel_meta m = { 0 };
	uint8_t *at = v->body;

	golden_machine(&m, v->boot);
	if (is_newer)
		at = reel_item_put(at, 40, "what is this?", 13);
	at = reel_item_put(at, TAPE_META_VERSION, version, 8 * twice);
	at = reel_item_put(at, TAPE_META_INCOMPATIBLE, features, 8 * twice);
	at = reel_item_put(at, TAPE_META_CAPTURE, capture, sizeof(capture));
	at = reel_item_put(at, TAPE_META_NUMBER, &number, sizeof(number));
	at = reel_item_put(at, TAPE_META_MACHINE, m.machine, sizeof(m.machine));
	at = reel_item_put(at, TAPE_META_BOOT, m.boot, sizeof(m.boot));
	at = reel_item_put(at, TAPE_META_HOST, m.host, strlen(m.host));
	at = reel_item_put(at, TAPE_META_KERNEL, m.kernel, strlen(m.kernel));
	at = reel_item_put(at, TAPE_META_ARCH, m.arch, strlen(m.arch));
	at = reel_item_put(at, TAPE_META_PROGRAM, v->program, strlen(v->program));
	at = reel_item_put(at, TAPE_META_CPUS, &m.cpus, is_newer ? 2 : 8); /* zeros follow */
	at = reel_item_put(at, TAPE_META_START, start, sizeof(start[0]) * twice);
	at = reel_item_put(at, TAPE_META_RUN, &run, sizeof(run));
	if (is_newer)
		at = reel_item_put(at, 0xffff, "", 0);
	put_block(v, (struct tape_header){ .kind = TAPE_META }, NULL, v->body,
		  (size_t)(at - v->body));
}

static uint8_t *put_name(uint8_t *at, const char *name)
{
	size_t n = strlen(name);

	*at++ = (uint8_t)n;
	memcpy(at, name, n);
	return at + n;
}

static uint8_t *put_class(uint8_t *at, unsigned id, const char *name)
{
	*at++ = (uint8_t)id;
	return put_name(at, name);
}

/* The order of classes and types is free, so it is another one here. */
static void put_schema(struct version *v)
{
	uint32_t counts[2] = { v->first_new_class ? 2 : 0, v->n_types };
	uint8_t *at = v->body + sizeof(counts);

	if (v->first_new_class) {
		at = put_class(at, 255, "edge");
		at = put_class(at, v->first_new_class, "future");
	}
	for (const struct reel_class *c = reel_classes; c->name; c++) {
		if (c->id == v->missing_class)
			continue;
		at = put_class(at, c->id, c->name);
		counts[0]++;
	}
	for (unsigned i = v->n_types; i-- > 0;) {
		const struct reel_type *t = &v->types[i].t;
		const uint8_t head[] = { t->id,
					 t->class_id,
					 t->stream,
					 t->n_fields,
					 (uint8_t)t->fixed_bytes,
					 (uint8_t)(t->fixed_bytes >> 8) };

		memcpy(at, head, sizeof(head));
		at = put_name(at + sizeof(head), t->name);
		for (unsigned k = 0; k < t->n_fields; k++) {
			const struct reel_field *f = &t->fields[k];
			const uint8_t row[] = { f->kind, 0, (uint8_t)f->offset,
						(uint8_t)(f->offset >> 8) };

			memcpy(at, row, sizeof(row));
			at = put_name(put_name(at + sizeof(row), f->name), f->hint);
		}
	}
	memcpy(v->body, counts, sizeof(counts));
	put_block(v, (struct tape_header){ .kind = TAPE_SCHEMA }, NULL, v->body,
		  (size_t)(at - v->body));
}

/* A column that 1.0 does not know, before all others; three bytes for each event. */
static size_t insert_column(struct version *v, size_t n)
{
	struct tape_column row = { .id = HAS_COLUMN, .width = 3, .encoding = 9 };
	uint8_t *to = v->scratch;
	struct tape_body head;
	size_t rows, columns, bytes;

	memcpy(&head, v->body, sizeof(head));
	rows = sizeof(head);
	columns = rows + head.n_columns * sizeof(row) + head.n_runs * sizeof(struct tape_run) +
		  head.n_types * sizeof(struct tape_group);
	row.bytes = 3 * head.n_events;
	bytes = (row.bytes + 7) & ~7u;
	head.n_columns++;
	memcpy(to, &head, sizeof(head));
	memcpy(to + rows, &row, sizeof(row));
	memcpy(to + rows + sizeof(row), v->body + rows, columns - rows);
	memset(to + columns + sizeof(row), 0, bytes);
	memset(to + columns + sizeof(row), 0xcc, row.bytes);
	memcpy(to + columns + sizeof(row) + bytes, v->body + columns, n - columns);
	n += sizeof(row) + bytes;
	memcpy(v->body, to, n);
	return n;
}

static void flush_kind(struct version *v, unsigned kind, uint64_t settled)
{
	struct reel_pack *p = &v->packs[kind - TAPE_STATE];
	struct tape_header h = { .kind = (uint8_t)kind, .settled = settled };
	size_t n;

	if (!p->n_events)
		return;
	h.flags = kind == TAPE_STATE && p->keyframe ? TAPE_KEYFRAME : 0;
	h.ts_min = p->ts_min;
	h.ts_max = p->ts_max;
	h.n_events = p->n_events;
	reel_pack_types(p, h.types);
	n = reel_pack_body(p, v->body, v->scratch);
	if (v->extra_column)
		n = insert_column(v, n);
	for (unsigned t = 0; t < EV_MAX_TYPES; t++)
		v->events_of[t] += p->groups[t].n;
	put_block(v, h, p, v->body, n);
	reel_pack_reset(p, (uint8_t)kind);
}

static void flush(struct version *v)
{
	uint64_t before = v->settled;

	v->settled = v->ts + 1;
	flush_kind(v, TAPE_CLOCK, before);
	flush_kind(v, TAPE_GAP, before);
	flush_kind(v, TAPE_STATE, before);
	flush_kind(v, TAPE_EVENTS, v->settled);
}

static void put_end(struct version *v, bool is_newer)
{
	const uint64_t reason[2] = { TAPE_ENDED, 99 };
	struct tape_header h = { .kind = TAPE_END };
	struct tape_trailer t;
	uint64_t offset = v->offset;
	uint8_t *at = v->body;

	if (is_newer)
		at = reel_item_put(at, 9, "and that?", 9);
	at = reel_item_put(at, TAPE_END_REASON, reason, is_newer ? 16 : 8);
	at = reel_item_put(at, TAPE_END_ROWS, v->rows, v->n_rows * sizeof(v->rows[0]));
	at = reel_item_put(at, TAPE_END_TYPES, v->events_of, sizeof(v->events_of));
	at = reel_item_put(at, TAPE_END_TOTALS, &v->totals, sizeof(v->totals));
	put_block(v, h, NULL, v->body, (size_t)(at - v->body));
	memcpy(&h, v->block, sizeof(h));
	reel_trailer_make(&h, offset, &t);
	put_bytes(v, &t, sizeof(t));
}

static void finish(struct version *v)
{
	MUST(fclose(v->f) == 0);
	for (unsigned i = 0; i < KINDS_OF_EVENTS; i++)
		reel_pack_done(&v->packs[i]);
	free(v);
}

/* Events -------------------------------------------------------------------------------------- */

static void put_event(struct version *v, const struct reel_type *t, enum golden_shape shape,
		      unsigned i)
{
	struct ev_header *h = &v->rec.header;
	struct reel_pack *p = &v->packs[t->stream - TAPE_STATE];

	golden_fill(&v->rec, t, shape, i);
	h->ts = v->ts += 1000 * 1000;
	h->seq = v->seq[h->cpu]++;
	h->ret = shape == CUT ? -2 : shape == EXTREME ? 1ll << 40 : 3;
	h->call = EV_CALL(EV_ABI_NATIVE, 257);
	(void)reel_record_end(&v->rec);
	reel_pack_add(p, t, h, v->rec.payload);
	p->keyframe |= t->id == EV_keyframe &&
		       v->rec.payload[offsetof(struct ev_keyframe, edge)] == 0;
	v->n++;
}

static void put_clock(struct version *v)
{
	struct reel_type *t = &type_of(v, EV_clock)->t;
	struct reel_pack *p = &v->packs[TAPE_CLOCK - TAPE_STATE];
	int64_t realtime = WALL + (int64_t)(v->ts - 199 * SECOND);

	golden_fill(&v->rec, t, USUAL, v->n);
	memcpy(v->rec.payload + t->fields[0].offset, &realtime, sizeof(realtime));
	v->rec.header.ts = v->ts += 1000;
	v->rec.header.cpu = EV_NO_CPU;
	v->rec.header.seq = v->ts;
	(void)reel_record_end(&v->rec);
	reel_pack_add(p, t, &v->rec.header, v->rec.payload);
}

/* Each type in each shape, but clocks, which are to be believed. */
static void put_all(struct version *v, enum golden_shape last)
{
	put_clock(v);
	for (unsigned i = 0; i < v->n_types; i++)
		for (unsigned shape = 0; shape <= last && v->types[i].t.id != EV_clock; shape++)
			put_event(v, &v->types[i].t, (enum golden_shape)shape, i);
	flush(v);
}

/* Captures ------------------------------------------------------------------------------------ */

void golden_older_schema(const char *path)
{
	static const uint8_t unknown[] = { EV_setflags,	 EV_clock_settime, EV_pass, EV_tls,
					   EV_tls_setup, EV_line,	   EV_netif };
	static const struct {
		uint8_t id, drop;
	} shorter[] = {
		{ EV_exec, 6 },	    { EV_open, 2 }, { EV_process, 5 }, { EV_fold, 2 },
		{ EV_connect, 1 },  { EV_send, 1 }, { EV_mounted, 1 }, { EV_sys, 2 },
		{ EV_clock, 2 },    { EV_lost, 1 }, { EV_retired, 1 }, { EV_coverage, 2 },
		{ EV_keyframe, 1 }, { EV_fork, 5 }, { EV_close, 3 },   { EV_counters, 1 },
	};
	struct version *v = begin(path, 0xd1, 0x0901, "reel 0.9");

	v->missing_class = EV_CLASS_user;
	take_own_types(v, unknown, sizeof(unknown));
	for (size_t i = 0; i < COUNT(shorter); i++) {
		struct golden_type *g = type_of(v, shorter[i].id);

		g->t.n_fields = (uint8_t)(g->t.n_fields - shorter[i].drop);
		complete(g);
	}
	put_meta(v, 1, 0, false);
	put_schema(v);
	v->zstd = true;
	put_all(v, EMPTY);
	put_end(v, false);
	finish(v);
}

/* More of everything. Names that are taken are among those of the fields. */
static void add_newer_types(struct version *v)
{
	static const struct {
		uint8_t id, kind;
		const char *name, *hint;
	} more[] = {
		{ EV_open, REEL_U64, "mount_id", "dec" },
		{ EV_open, REEL_U32, "resolve", "resolve_flags" },
		{ EV_open, REEL_TEXT | REEL_OPTIONAL, "label", "" },
		{ EV_chdir, REEL_U8, "speed", "slow|fast|odd" },
		{ EV_exec, REEL_PATH, "interpreter", "" },
		{ EV_exec, REEL_U32, "parent", "pid" },
		{ EV_connect, REEL_ADDR, "via", "" },
		{ EV_connect, 9, "mark", "" },
		{ EV_connect, REEL_U8, "tainted", "bool" },
		{ EV_write, 24, "digest", "hex" },
		{ EV_write, 100 | REEL_OPTIONAL, "extents", "u32" },
		{ EV_write, 127 | REEL_OPTIONAL, "rest", "sparkle" },
		{ EV_clock, REEL_U8, "leap", "none|insert|delete" },
		{ EV_lost, REEL_U16, "shard", "dec" },
		{ EV_keyframe, REEL_U8, "depth", "dec" },
		{ EV_process, 24, "scheduler", "" },
		{ EV_process, REEL_S64, "born", "realtime" },
		{ EV_fork, REEL_S64, "time", "realtime" },
		{ EV_fork, REEL_TEXT, "host", "" },
		{ EV_fork, REEL_U32, "child_hex", "dec" },
		{ EV_fork, REEL_U32, "fork_time", "dec" },
		{ EV_fork, REEL_U16, "blocked", "dec" },
		{ EV_fork, REEL_TEXT | REEL_OPTIONAL, "vpid_length", "" },
		{ EV_fork, REEL_BYTES, "raw_hex", "" },
		{ EV_fork, REEL_BYTES, "raw", "" },
	};
	struct golden_type *g;

	take_own_types(v, NULL, 0);
	for (size_t i = 0; i < COUNT(more); i++)
		add_field(type_of(v, more[i].id), more[i].name, more[i].hint, more[i].kind);

	g = add_type(v, 208, "quantum", 14, TAPE_EVENTS);
	add_field(g, "up_down", "up|down|strange-charm|TOP", REEL_U8);
	add_field(g, "wave", "", 9);
	add_field(g, "spin", "sparkle", REEL_S32);
	add_field(g, "peer", "", REEL_ADDR);
	add_field(g, "what_class", "class", REEL_U8);
	add_field(g, "observed", "", REEL_RESULT);
	add_field(g, "note", "", REEL_TEXT);
	add_field(g, "blob", "", 30);
	add_field(g, "words", "", REEL_ARGS | REEL_OPTIONAL);
	add_field(g, "phase", "dec", 15);

	g = add_type(v, 209, "broad", 14, TAPE_STATE);
	for (unsigned i = 0; i < EV_MAX_FIELDS; i++) {
		snprintf(g->names[i], sizeof(g->names[i]), "f%u", i);
		add_field(g, g->names[i], "", i < EV_MAX_STRINGS ? REEL_TEXT : REEL_U64);
	}
	add_type(v, 255, "bare", 255, TAPE_GAP);
	add_field(add_type(v, 0, "zero", 77, TAPE_EVENTS), "none", "a|b", REEL_U16);
}

void golden_newer_schema(const char *path)
{
	static const uint8_t ids[] = { EV_fork, EV_open, EV_connect, EV_write, 208, 0, EV_exec };
	struct version *v = begin(path, 0xd2, 0x0902, "reel 9.0");

	v->first_new_class = 14;
	v->extra_header = 40;
	v->extra_column = v->zstd = true;
	add_newer_types(v);
	put_meta(v, 1, 0, true);
	put_schema(v);
	put_other_block(v, 130, 0);
	put_other_block(v, 9, 0);
	put_all(v, EMPTY);
	put_other_block(v, 127, 0);
	v->extra_flags = 0xe0;
	put_clock(v);
	for (unsigned i = 0; i < COUNT(ids) * 4; i++)
		put_event(v, &type_of(v, ids[i / 4])->t, i % 2 ? CUT : EXTREME, i);
	flush(v);
	put_other_block(v, 255, 0);
	put_end(v, true);
	finish(v);
}

void golden_reserved(const char *path)
{
	struct tape_header secret = { .kind = TAPE_EVENTS, .flags = TAPE_ENCRYPTED };
	struct version *v = begin(path, 0xd3, 0x0903, "reel 1.9");

	take_own_types(v, NULL, 0);
	put_meta(v, 1, 0, false);
	v->zstd = true;
	put_schema(v);
	for (unsigned round = 0; round < 4; round++) {
		put_clock(v);
		v->extra_flags = round == 2 ? TAPE_SEALED : 0;
		for (unsigned i = 0; i < 5; i++)
			put_event(v, &type_of(v, EV_open)->t, USUAL, i);
		flush(v);
		if (round == 0)
			put_other_block(v, 10, TAPE_REQUIRED);
		if (round != 1)
			continue;
		secret.ts_min = secret.ts_max = v->ts;
		secret.n_events = 1;
		secret.types[EV_open / 8] = 1 << EV_open % 8;
		memset(v->body, 0xee, 200);
		put_block(v, secret, NULL, v->body, 200);
		v->events_of[EV_open]++;
	}
	put_end(v, false);
	finish(v);
}

void golden_refused(const char *path, unsigned major, uint64_t incompatible)
{
	struct version *v = begin(path, 0xd4, 0x0904 + major, "reel 99");

	take_own_types(v, NULL, 0);
	put_meta(v, major, incompatible, false);
	v->zstd = true;
	put_schema(v);
	put_all(v, USUAL);
	put_end(v, false);
	finish(v);
}
