/* SPDX-License-Identifier: BSD-2-Clause */
#include "format/pack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "format/bloom.h"
#include "format/lanes.h"

enum { SLOTS_FIRST = 4096, SLOTS_LAST = 2 * (TAPE_STRINGS_MAX + 1), WORD_BYTES = 4 };

static size_t align8(size_t n)
{
	return (n + 7) & ~(size_t)7;
}

/* Events take at least PACK_EVENT_BYTES, and the one that fills the pack may be of any size. */
static uint32_t most_events(uint32_t limit_bytes)
{
	return limit_bytes / PACK_EVENT_BYTES + 1;
}

/* A string that is new takes at least its length and a byte. */
static uint32_t most_strings(uint32_t limit_bytes)
{
	uint32_t n = limit_bytes / 3 + EV_MAX_STRINGS;

	return n < TAPE_STRINGS_MAX ? n : TAPE_STRINGS_MAX;
}

static uint32_t slots_for(uint32_t n)
{
	uint32_t slots = 64;

	while (slots < 2 * n)
		slots *= 2;
	return slots;
}

int reel_pack_init(struct reel_pack *p, uint32_t limit_bytes, struct reel_err *err)
{
	size_t events = align8(most_events(limit_bytes)), heap = limit_bytes + EV_MAX_PAYLOAD + 8;
	size_t strings = align8(most_strings(limit_bytes) + 1u), total = 0;

	memset(p, 0, sizeof(*p));
	p->limit_bytes = limit_bytes;
	p->pid_slots = slots_for((uint32_t)events);

	/* The same list twice: for the size of it all, then for the places. */
	for (int pass = 0; pass < 2; pass++) {
		size_t at = 0;
#define PLACE(field, n)                                                 \
	do {                                                            \
		if (pass)                                               \
			p->field = (void *)((uint8_t *)p->memory + at); \
		at += align8((n) * sizeof(*p->field));                  \
	} while (0)
		PLACE(ts, events);
		PLACE(pid, events);
		PLACE(tid, events);
		PLACE(ret, events);
		PLACE(call, events);
		PLACE(type, events);
		PLACE(flags, events);
		PLACE(runs, events);
		PLACE(wide, events);
		PLACE(pid_set, p->pid_slots);
		PLACE(pid_slots_used, events);
		PLACE(fixed, heap);
		PLACE(strings, heap);
		PLACE(string_lengths, strings);
		PLACE(string_hashes, strings);
		PLACE(string_at, strings);
		PLACE(cuts, strings);
		PLACE(string_slots, SLOTS_LAST);
#undef PLACE
		if (!pass) {
			total = at;
			p->memory = calloc(1, total);
			if (!p->memory)
				return reel_err_set(err, -ENOMEM,
						    "no memory for a block of %u bytes",
						    limit_bytes);
		}
	}
	p->slots_in_use = SLOTS_FIRST;
	return 0;
}

void reel_pack_done(struct reel_pack *p)
{
	free(p->memory);
	memset(p, 0, sizeof(*p));
}

void reel_pack_reset(struct reel_pack *p, uint8_t kind)
{
	for (uint32_t i = 0; i < p->n_pids; i++)
		p->pid_set[p->pid_slots_used[i]] = 0;
	if (p->n_strings)
		memset(p->string_slots, 0, p->slots_in_use * sizeof(*p->string_slots));
	memset(p->groups, 0, sizeof(p->groups));
	p->kind = kind;
	p->keyframe = false;
	p->raw_bytes = 0;
	p->n_events = p->n_runs = p->n_wide = 0;
	p->fixed_bytes = p->string_bytes = 0;
	p->n_strings = p->n_cuts = 0;
	p->slots_in_use = SLOTS_FIRST;
	p->ts_min = UINT64_MAX;
	p->ts_max = 0;
	p->n_pids = 0;
}

static void add_pid(struct reel_pack *p, uint32_t pid)
{
	uint32_t slot = (uint32_t)bloom_hash(pid) & (p->pid_slots - 1);

	while (p->pid_set[slot] && p->pid_set[slot] != pid + 1)
		slot = (slot + 1) & (p->pid_slots - 1);
	if (!p->pid_set[slot]) {
		p->pid_set[slot] = pid + 1;
		p->pid_slots_used[p->n_pids++] = slot;
	}
	p->last_pid = pid;
}

/* Twice as many slots; each string finds its place by the hash that was kept. */
static void spread_strings(struct reel_pack *p)
{
	memset(p->string_slots, 0, p->slots_in_use * sizeof(*p->string_slots));
	p->slots_in_use *= 2;
	memset(p->string_slots, 0, p->slots_in_use * sizeof(*p->string_slots));
	for (uint32_t n = 1; n <= p->n_strings; n++) {
		uint32_t slot = p->string_hashes[n - 1] & (p->slots_in_use - 1);

		while (p->string_slots[slot])
			slot = (slot + 1) & (p->slots_in_use - 1);
		p->string_slots[slot] = (uint16_t)n;
	}
}

static uint16_t new_string(struct reel_pack *p, const uint8_t *bytes, uint16_t length,
			   uint32_t hash)
{
	memcpy(p->strings + p->string_bytes, bytes, length);
	p->string_lengths[p->n_strings] = length;
	p->string_hashes[p->n_strings] = hash;
	p->string_at[p->n_strings] = p->string_bytes;
	p->string_bytes += length;
	p->raw_bytes += 2u + length;
	return (uint16_t)++p->n_strings;
}

/* Number of the string, which is given one if it has not been met in this block. */
static uint16_t number_of(struct reel_pack *p, const uint8_t *bytes, uint16_t length)
{
	uint32_t hash = (uint32_t)XXH3_64bits(bytes, length), slot;

	if (2 * p->n_strings >= p->slots_in_use && p->slots_in_use < SLOTS_LAST)
		spread_strings(p);
	slot = hash & (p->slots_in_use - 1);
	while (p->string_slots[slot]) {
		uint32_t i = p->string_slots[slot] - 1u;

		if (p->string_hashes[i] == hash && p->string_lengths[i] == length &&
		    memcmp(p->strings + p->string_at[i], bytes, length) == 0)
			return p->string_slots[slot];
		slot = (slot + 1) & (p->slots_in_use - 1);
	}
	return p->string_slots[slot] = new_string(p, bytes, length, hash);
}

/* Strings go to the table, and in the fixed part their lengths make room for their numbers. */
static void add_strings(struct reel_pack *p, const struct reel_type *t, uint8_t *fixed,
			const uint8_t *bytes)
{
	for (unsigned i = 0; i < t->n_strings; i++) {
		uint16_t length, number = 0;

		memcpy(&length, fixed + t->string_offsets[i], sizeof(length));
		if (length)
			number = number_of(p, bytes, length);
		memcpy(fixed + t->string_offsets[i], &number, sizeof(number));
		bytes += length;
	}
}

/* Some of them were cut. Those are told apart from whole ones that look the same, so each is
 * new. */
static void add_cut_strings(struct reel_pack *p, const struct reel_type *t, uint8_t *fixed,
			    const uint8_t *bytes)
{
	const uint8_t *true_lengths = bytes;

	for (unsigned i = 0; i < t->n_strings; i++) {
		uint16_t length;

		memcpy(&length, fixed + t->string_offsets[i], sizeof(length));
		true_lengths += length;
	}
	for (unsigned i = 0; i < t->n_strings; i++) {
		uint16_t length, number = 0;
		uint32_t true_length;

		memcpy(&length, fixed + t->string_offsets[i], sizeof(length));
		memcpy(&true_length, true_lengths + 4 * i, sizeof(true_length));
		if (true_length != length) {
			number = new_string(p, bytes, length, 0);
			p->cuts[p->n_cuts++] = (struct tape_cut_string){ number, true_length };
			p->raw_bytes += sizeof(struct tape_cut_string);
		} else if (length) {
			number = number_of(p, bytes, length);
		}
		memcpy(fixed + t->string_offsets[i], &number, sizeof(number));
		bytes += length;
	}
}

void reel_pack_add(struct reel_pack *p, const struct reel_type *t, const struct ev_header *h,
		   const uint8_t *payload)
{
	uint32_t i = p->n_events++, fixed_bytes = t->fixed_bytes;
	struct tape_run *run = &p->runs[p->n_runs - (p->n_runs > 0)];
	uint8_t *fixed = p->fixed + p->fixed_bytes;
	uint64_t step = h->ts - p->last_ts;

	p->type[i] = h->type;
	p->flags[i] = h->flags & (uint8_t)~EV_WIDE_RET;
	p->pid[i] = h->pid;
	p->tid[i] = h->tid - h->pid;
	p->ret[i] = (int32_t)h->ret;
	if (!p->groups[h->type].n++) {
		p->groups[h->type].type = t;
		p->groups[h->type].usual_call = h->call;
		p->raw_bytes += sizeof(struct tape_group) + fixed_bytes / 2;
	}
	p->call[i] = h->call ^ p->groups[h->type].usual_call;
	p->raw_bytes += PACK_EVENT_BYTES + fixed_bytes;

	if (p->n_runs && run->cpu == h->cpu && p->next_seq == h->seq && h->ts >= p->last_ts &&
	    step <= UINT32_MAX) {
		p->ts[i] = (uint32_t)step;
		run->n++;
	} else {
		p->ts[i] = 0;
		p->runs[p->n_runs++] = (struct tape_run){ h->ts, h->seq, 1, h->cpu, 0 };
		p->raw_bytes += sizeof(struct tape_run);
	}
	p->last_ts = h->ts;
	p->next_seq = h->seq + 1;

	if (p->ret[i] != h->ret) {
		p->flags[i] |= EV_WIDE_RET;
		p->wide[p->n_wide++] = (struct tape_wide){ i, (int32_t)(h->ret >> 32) };
		p->raw_bytes += sizeof(struct tape_wide);
	}
	if (h->ts < p->ts_min)
		p->ts_min = h->ts;
	if (h->ts > p->ts_max)
		p->ts_max = h->ts;
	if (h->pid != p->last_pid || !p->n_pids)
		add_pid(p, h->pid);

	memcpy(fixed, payload, fixed_bytes);
	p->fixed_bytes += fixed_bytes;
	if (h->flags & EV_TRUNCATED)
		add_cut_strings(p, t, fixed, payload + fixed_bytes);
	else
		add_strings(p, t, fixed, payload + fixed_bytes);
}

size_t reel_pack_body_max(uint32_t limit_bytes)
{
	return limit_bytes + EV_MAX_PAYLOAD + sizeof(struct tape_body) +
	       TAPE_COLUMNS * (sizeof(struct tape_column) + 8) + 256;
}

/* A column of zeros says nothing. Most are not, and show it early. */
static bool is_zero(const void *values, size_t bytes)
{
	const uint8_t *at = values;

	return bytes == 0 || (at[0] == 0 && memcmp(at, at + 1, bytes - 1) == 0);
}

/* First bytes of all values, then second ones and so on. */
static void put_planes(uint8_t *to, const uint32_t *from, size_t n)
{
	size_t i = 0;

#ifdef __SSE2__
	const __m128i low = _mm_set1_epi32(0xff);

	for (; i + 16 <= n; i += 16) {
		__m128i v[4];

		for (unsigned k = 0; k < 4; k++)
			v[k] = _mm_loadu_si128((const void *)(from + i + 4 * k));
		for (unsigned plane = 0; plane < 4; plane++) {
			__m128i ab =
				_mm_packs_epi32(_mm_and_si128(v[0], low), _mm_and_si128(v[1], low));
			__m128i cd =
				_mm_packs_epi32(_mm_and_si128(v[2], low), _mm_and_si128(v[3], low));

			_mm_storeu_si128((void *)(to + plane * n + i), _mm_packus_epi16(ab, cd));
			for (unsigned k = 0; k < 4; k++)
				v[k] = _mm_srli_epi32(v[k], 8);
		}
	}
#endif
	for (; i < n; i++)
		for (unsigned plane = 0; plane < 4; plane++)
			to[plane * n + i] = (uint8_t)(from[i] >> 8 * plane);
}

static uint8_t *put(uint8_t *to, const void *from, size_t bytes)
{
	memcpy(to, from, bytes);
	memset(to + bytes, 0, align8(bytes) - bytes);
	return to + align8(bytes);
}

/*
 * Turns rows into lanes: what stands at the same place in the events of a type comes together,
 * since it is alike. SCRATCH gets the words of all types, each lane of them 4 * n bytes.
 */
static void make_lanes(const struct reel_pack *p, uint8_t *scratch)
{
	struct {
		uint8_t *next;
		uint32_t stride, width;
	} of[EV_MAX_TYPES];
	const uint8_t *row = p->fixed;

	for (unsigned t = 0; t < EV_MAX_TYPES; t++) {
		if (!p->groups[t].n)
			continue;
		of[t].next = scratch;
		of[t].stride = WORD_BYTES * p->groups[t].n;
		of[t].width = p->groups[t].type->fixed_bytes;
		scratch += (size_t)of[t].width * p->groups[t].n;
	}
	for (uint32_t i = 0; i < p->n_events; i++) {
		unsigned t = p->type[i];
		uint8_t *to = of[t].next;

		of[t].next += WORD_BYTES;
		for (const uint8_t *end = row + of[t].width; row < end; row += WORD_BYTES) {
			memcpy(to, row, WORD_BYTES);
			to += of[t].stride;
		}
	}
}

/* What they are on tape, and in the rows of the groups how much each has. */
static uint8_t *put_lanes(const struct reel_pack *p, struct tape_group *groups, uint8_t *to,
			  const uint8_t *scratch)
{
	uint8_t *start = to;

	for (unsigned t = 0; t < EV_MAX_TYPES; t++) {
		uint32_t n = p->groups[t].n, width;
		uint8_t *begin = to;

		if (!n)
			continue;
		width = p->groups[t].type->fixed_bytes;
		to = reel_lanes_put(to, scratch, width, n);
		scratch += (size_t)width * n;
		groups->bytes = (uint64_t)(to - begin);
		groups++;
	}
	memset(to, 0, -(size_t)(to - start) & 7);
	return start + align8((size_t)(to - start));
}

static uint32_t list_groups(const struct reel_pack *p, struct tape_group *groups)
{
	uint32_t n = 0;

	for (unsigned t = 0; t < EV_MAX_TYPES; t++)
		if (p->groups[t].n)
			groups[n++] = (struct tape_group){ .n = p->groups[t].n,
							   .usual_call = p->groups[t].usual_call,
							   .type = (uint8_t)t,
							   .coding = TAPE_FORMS };
	return n;
}

size_t reel_pack_body(const struct reel_pack *p, uint8_t *body, uint8_t *scratch)
{
	const struct {
		const void *values;
		uint8_t id, width, encoding;
	} columns[] = {
		{ p->type, TAPE_COL_TYPE, 1, TAPE_PLAIN },
		{ p->flags, TAPE_COL_FLAGS, 1, TAPE_PLAIN },
		{ p->call, TAPE_COL_CALL, 2, TAPE_PLAIN },
		{ p->ts, TAPE_COL_TS, 4, TAPE_PLANES },
		{ p->pid, TAPE_COL_PID, 4, TAPE_PLAIN },
		{ p->tid, TAPE_COL_TID, 4, TAPE_PLAIN },
		{ p->ret, TAPE_COL_RET, 4, TAPE_PLAIN },
	};
	struct tape_body head = {
		.n_events = p->n_events,
		.n_runs = p->n_runs,
		.n_wide = p->n_wide,
		.n_strings = p->n_strings,
		.n_cuts = p->n_cuts,
		.string_bytes = p->string_bytes,
	};
	struct tape_group groups[EV_MAX_TYPES];
	struct tape_column rows[TAPE_COLUMNS];
	const void *values[TAPE_COLUMNS];
	uint8_t *at = body, *groups_at;

	for (unsigned i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
		uint32_t bytes = columns[i].width * p->n_events;

		if (is_zero(columns[i].values, bytes))
			continue;
		values[head.n_columns] = columns[i].values;
		rows[head.n_columns++] = (struct tape_column){ columns[i].id, columns[i].width,
							       columns[i].encoding, 0, bytes };
	}
	head.n_types = list_groups(p, groups);
	at = put(at, &head, sizeof(head));
	at = put(at, rows, head.n_columns * sizeof(rows[0]));
	at = put(at, p->runs, p->n_runs * sizeof(p->runs[0]));
	groups_at = at;
	at += head.n_types * sizeof(groups[0]);
	for (unsigned i = 0; i < head.n_columns; i++) {
		size_t bytes = rows[i].bytes;

		if (rows[i].encoding == TAPE_PLANES) {
			put_planes(at, values[i], p->n_events);
			memset(at + bytes, 0, align8(bytes) - bytes);
			at += align8(bytes);
		} else {
			at = put(at, values[i], bytes);
		}
	}
	at = put(at, p->wide, p->n_wide * sizeof(p->wide[0]));
	make_lanes(p, scratch);
	at = put_lanes(p, groups, at, scratch);
	put(groups_at, groups, head.n_types * sizeof(groups[0]));
	at = put(at, p->string_lengths, p->n_strings * sizeof(p->string_lengths[0]));
	at = put(at, p->cuts, p->n_cuts * sizeof(p->cuts[0]));
	at = put(at, p->strings, p->string_bytes);
	return (size_t)(at - body);
}

uint32_t reel_pack_bloom_bytes(const struct reel_pack *p)
{
	uint32_t bytes = 8;

	while (bytes * 8 < p->n_pids * BLOOM_BITS_PER_PID && bytes < TAPE_BLOOM_MAX)
		bytes *= 2;
	return bytes;
}

void reel_pack_bloom(const struct reel_pack *p, uint8_t *bloom, uint32_t bytes)
{
	for (uint32_t i = 0; i < p->n_pids; i++)
		bloom_add(bloom, bytes, p->pid_set[p->pid_slots_used[i]] - 1);
}

void reel_pack_types(const struct reel_pack *p, uint8_t types[32])
{
	memset(types, 0, 32);
	for (unsigned t = 0; t < EV_MAX_TYPES; t++)
		if (p->groups[t].n)
			types[t / 8] |= (uint8_t)(1u << t % 8);
}
