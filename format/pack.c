/* SPDX-License-Identifier: BSD-2-Clause */
#include "format/pack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format/bloom.h"

static size_t align8(size_t n)
{
	return (n + 7) & ~(size_t)7;
}

/* Events are at least PACK_EVENT_BYTES, and the one that fills the pack may be of any size. */
static uint32_t most_events(uint32_t limit_bytes)
{
	return limit_bytes / PACK_EVENT_BYTES + 1;
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
	size_t n = most_events(limit_bytes), heap = limit_bytes + EV_MAX_PAYLOAD + 8;
	size_t columns = align8(n) * PACK_EVENT_BYTES;
	uint8_t *at;

	memset(p, 0, sizeof(*p));
	p->limit_bytes = limit_bytes;
	p->pid_slots = slots_for((uint32_t)n);
	p->memory = calloc(1, columns + n * (sizeof(struct tape_run) + sizeof(struct tape_wide)) +
				      2 * heap + p->pid_slots * sizeof(uint32_t));
	if (!p->memory)
		return reel_err_set(err, -ENOMEM, "no memory for a block of %u bytes", limit_bytes);
	at = p->memory;
	n = align8(n);
#define TAKE(field, bytes) (p->field = (void *)at, at += (bytes))
	TAKE(ts, n * 4);
	TAKE(pid, n * 4);
	TAKE(tid, n * 4);
	TAKE(ret, n * 4);
	TAKE(call, n * 2);
	TAKE(strings_of, n * 2);
	TAKE(type, n);
	TAKE(flags, n);
	n = most_events(limit_bytes);
	TAKE(runs, n * sizeof(struct tape_run));
	TAKE(wide, n * sizeof(struct tape_wide));
	TAKE(pid_set, p->pid_slots * sizeof(uint32_t));
	TAKE(fixed, align8(heap));
	TAKE(strings, heap);
#undef TAKE
	return 0;
}

void reel_pack_done(struct reel_pack *p)
{
	free(p->memory);
	memset(p, 0, sizeof(*p));
}

void reel_pack_reset(struct reel_pack *p, uint8_t kind)
{
	if (p->n_pids)
		memset(p->pid_set, 0, p->pid_slots * sizeof(uint32_t));
	memset(p->has_type, 0, sizeof(p->has_type));
	p->kind = kind;
	p->keyframe = false;
	p->raw_bytes = 0;
	p->n_events = p->n_runs = p->n_wide = 0;
	p->fixed_bytes = p->string_bytes = 0;
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
		p->n_pids++;
	}
	p->last_pid = pid;
}

void reel_pack_add(struct reel_pack *p, const struct ev_header *h, const uint8_t *payload,
		   uint32_t fixed_bytes)
{
	uint32_t i = p->n_events++, string_bytes = h->length - fixed_bytes;
	struct tape_run *run = &p->runs[p->n_runs - (p->n_runs > 0)];
	uint64_t step = h->ts - p->last_ts;

	p->type[i] = h->type;
	p->flags[i] = h->flags & (uint8_t)~EV_WIDE_RET;
	p->call[i] = h->call;
	p->strings_of[i] = (uint16_t)string_bytes;
	p->pid[i] = h->pid;
	p->tid[i] = h->tid - h->pid;
	p->ret[i] = (int32_t)h->ret;
	p->raw_bytes += PACK_EVENT_BYTES + h->length;

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
	p->has_type[h->type] = 1;
	if (h->pid != p->last_pid || !p->n_pids)
		add_pid(p, h->pid);

	memcpy(p->fixed + p->fixed_bytes, payload, fixed_bytes);
	p->fixed_bytes += fixed_bytes;
	memcpy(p->strings + p->string_bytes, payload + fixed_bytes, string_bytes);
	p->string_bytes += string_bytes;
}

size_t reel_pack_body_max(uint32_t limit_bytes)
{
	return limit_bytes + EV_MAX_PAYLOAD + 2 * sizeof(struct tape_run) +
	       sizeof(struct tape_body) + TAPE_COLUMNS * (sizeof(struct tape_column) + 8) + 64;
}

/* A column of zeros says nothing. Most are not, and show it early. */
static bool is_zero(const uint8_t *at, size_t bytes)
{
	return bytes == 0 || (at[0] == 0 && memcmp(at, at + 1, bytes - 1) == 0);
}

static void put_planes(uint8_t *to, const uint8_t *from, size_t n, unsigned width)
{
	for (unsigned plane = 0; plane < width; plane++)
		for (size_t i = 0; i < n; i++)
			to[plane * n + i] = from[i * width + plane];
}

static uint8_t *put(uint8_t *to, const void *from, size_t bytes)
{
	memcpy(to, from, bytes);
	memset(to + bytes, 0, align8(bytes) - bytes);
	return to + align8(bytes);
}

size_t reel_pack_body(const struct reel_pack *p, uint8_t *body)
{
	const struct {
		const void *values;
		uint8_t id, width, encoding;
	} columns[] = {
		{ p->type, TAPE_COL_TYPE, 1, TAPE_PLAIN },
		{ p->flags, TAPE_COL_FLAGS, 1, TAPE_PLAIN },
		{ p->call, TAPE_COL_CALL, 2, TAPE_PLAIN },
		{ p->strings_of, TAPE_COL_STRINGS, 2, TAPE_PLAIN },
		{ p->ts, TAPE_COL_TS, 4, TAPE_PLANES },
		{ p->pid, TAPE_COL_PID, 4, TAPE_PLAIN },
		{ p->tid, TAPE_COL_TID, 4, TAPE_PLAIN },
		{ p->ret, TAPE_COL_RET, 4, TAPE_PLAIN },
	};
	struct tape_body head = {
		.n_events = p->n_events,
		.n_runs = p->n_runs,
		.n_wide = p->n_wide,
		.fixed_bytes = p->fixed_bytes,
		.string_bytes = p->string_bytes,
	};
	struct tape_column rows[TAPE_COLUMNS];
	const void *values[TAPE_COLUMNS];
	uint8_t *at = body;

	for (unsigned i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
		uint32_t bytes = columns[i].width * p->n_events;

		if (is_zero(columns[i].values, bytes))
			continue;
		values[head.n_columns] = columns[i].values;
		rows[head.n_columns++] = (struct tape_column){ columns[i].id, columns[i].width,
							       columns[i].encoding, 0, bytes };
	}
	at = put(at, &head, sizeof(head));
	at = put(at, rows, head.n_columns * sizeof(rows[0]));
	at = put(at, p->runs, p->n_runs * sizeof(p->runs[0]));
	for (unsigned i = 0; i < head.n_columns; i++) {
		size_t bytes = rows[i].bytes;

		if (rows[i].encoding == TAPE_PLANES) {
			put_planes(at, values[i], p->n_events, rows[i].width);
			memset(at + bytes, 0, align8(bytes) - bytes);
			at += align8(bytes);
		} else {
			at = put(at, values[i], bytes);
		}
	}
	at = put(at, p->wide, p->n_wide * sizeof(p->wide[0]));
	at = put(at, p->fixed, p->fixed_bytes);
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
	for (uint32_t i = 0; i < p->pid_slots; i++)
		if (p->pid_set[i])
			bloom_add(bloom, bytes, p->pid_set[i] - 1);
}

void reel_pack_types(const struct reel_pack *p, uint8_t types[32])
{
	memset(types, 0, 32);
	for (unsigned t = 0; t < EV_MAX_TYPES; t++)
		types[t / 8] |= (uint8_t)(p->has_type[t] << t % 8);
}
