/* SPDX-License-Identifier: BSD-2-Clause */
#include "format/unpack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

static int malformed(struct reel_err *err, const char *what)
{
	return reel_err_set(err, -EBADMSG, "block is malformed: %s", what);
}

/* Grows a buffer that may lose what is in it. */
static void *room_for(void *buffer, size_t *room, size_t bytes, bool zero)
{
	void *larger;

	if (bytes <= *room && buffer)
		return buffer;
	larger = zero ? calloc(1, bytes) : malloc(bytes);
	if (!larger)
		return NULL;
	free(buffer);
	*room = bytes;
	return larger;
}

/* What is left of the body, taken off in pieces that begin at multiples of 8. */
struct rest {
	const uint8_t *at;
	size_t bytes;
};

static const void *take(struct rest *rest, uint64_t bytes)
{
	uint64_t padded = (bytes + 7) & ~7ull;
	const void *piece = rest->at;

	if (padded > rest->bytes)
		return NULL;
	rest->at += padded;
	rest->bytes -= padded;
	return piece;
}

static const struct {
	uint8_t width;
} known_columns[TAPE_COLUMNS] = {
	[TAPE_COL_TYPE] = { 1 }, [TAPE_COL_FLAGS] = { 1 },   [TAPE_COL_CALL] = { 2 },
	[TAPE_COL_STRINGS] = { 2 }, [TAPE_COL_TS] = { 4 },   [TAPE_COL_PID] = { 4 },
	[TAPE_COL_TID] = { 4 },	 [TAPE_COL_RET] = { 4 },
};

static void join_planes(uint8_t *to, const uint8_t *from, size_t n)
{
	const uint8_t *p1 = from + n, *p2 = p1 + n, *p3 = p2 + n;
	uint32_t *value = (uint32_t *)(void *)to;

	for (size_t i = 0; i < n; i++)
		value[i] = from[i] | (uint32_t)p1[i] << 8 | (uint32_t)p2[i] << 16 |
			   (uint32_t)p3[i] << 24;
}

static int take_columns(struct reel_unpacked *u, struct rest *rest, const struct tape_column *rows,
			uint32_t n_columns, const void *columns[TAPE_COLUMNS], struct reel_err *err)
{
	size_t planes_used = 0;

	for (uint32_t i = 0; i < n_columns; i++) {
		const struct tape_column *row = &rows[i];
		const uint8_t *values = take(rest, row->bytes);

		if (!values || row->bytes != (uint64_t)row->width * u->n_events)
			return malformed(err, "a column is cut");
		if (row->id == 0 || row->id >= TAPE_COLUMNS)
			continue;	/* of a later version */
		if (row->width != known_columns[row->id].width || columns[row->id])
			return malformed(err, "a column has a wrong shape");
		if (row->encoding == TAPE_PLANES && row->width == 4) {
			/* Room for one column is kept; a second one in planes is no bytes we write. */
			if (planes_used)
				return malformed(err, "two columns in planes");
			u->planes = room_for(u->planes, &u->planes_room, row->bytes + 8, false);
			if (!u->planes)
				return reel_err_set(err, -ENOMEM, "no memory for a block");
			join_planes(u->planes, values, u->n_events);
			planes_used = row->bytes;
			values = u->planes;
		} else if (row->encoding != TAPE_PLAIN) {
			return malformed(err, "a column in an unknown encoding");
		}
		columns[row->id] = values;
	}
	return 0;
}

/* Columns that are all zero were left out. */
static int fill_columns(struct reel_unpacked *u, const void *columns[TAPE_COLUMNS],
			struct reel_err *err)
{
	for (unsigned id = 1; id < TAPE_COLUMNS; id++) {
		if (columns[id])
			continue;
		u->zeros = room_for(u->zeros, &u->zeros_room, 4ull * u->n_events + 8, true);
		if (!u->zeros)
			return reel_err_set(err, -ENOMEM, "no memory for a block");
	}
	for (unsigned id = 1; id < TAPE_COLUMNS; id++)
		if (!columns[id])
			columns[id] = u->zeros;
	return 0;
}

static int make_room(struct reel_unpacked *u, struct reel_err *err)
{
	size_t n = (size_t)u->n_events + 1, runs = (size_t)u->n_runs + 1, room;

	if (n > u->events_room || !u->worked_out) {
		room = 0;
		u->worked_out = room_for(u->worked_out, &room, n * 16 + 16, false);
		u->events_room = u->worked_out ? (uint32_t)n : 0;
	}
	if (runs > u->runs_room || !u->worked_out_runs) {
		room = 0;
		u->worked_out_runs = room_for(u->worked_out_runs, &room, runs * 12, false);
		u->runs_room = u->worked_out_runs ? (uint32_t)runs : 0;
	}
	if (!u->tail_of_cpu)
		u->tail_of_cpu = calloc(0x10000, sizeof(uint32_t));
	if (!u->worked_out || !u->worked_out_runs || !u->tail_of_cpu)
		return reel_err_set(err, -ENOMEM, "no memory for a block");
	u->ts = u->worked_out;
	u->fixed_at = (uint32_t *)(u->ts + u->events_room);
	u->string_at = u->fixed_at + u->events_room;
	u->run_at = u->worked_out_runs;
	u->next_run = u->run_at + u->runs_room;
	u->chains = u->next_run + u->runs_room;
	return 0;
}

/* Times, and where the parts of each event lie. */
static int work_out_events(struct reel_unpacked *u, const uint32_t *steps,
			   const uint16_t *strings_of, const struct tape_body *head,
			   struct reel_err *err)
{
	const uint16_t *fixed_bytes = u->schema->fixed_bytes;
	uint64_t fixed = 0, strings = 0;
	uint32_t i = 0;

	for (uint32_t r = 0; r < u->n_runs; r++) {
		uint64_t ts = u->runs[r].ts;
		uint32_t end = i + u->runs[r].n;

		u->run_at[r] = i;
		if (u->runs[r].n == 0 || u->runs[r].n > u->n_events || end > u->n_events)
			return malformed(err, "runs do not cover the events");
		for (; i < end; i++) {
			uint32_t bytes = fixed_bytes[u->type[i]];

			if (bytes == REEL_NO_TYPE)
				return malformed(err, "an event of a type that its schema lacks");
			ts += steps[i];
			u->ts[i] = ts;
			u->fixed_at[i] = (uint32_t)fixed;
			u->string_at[i] = (uint32_t)strings;
			fixed += bytes;
			strings += strings_of[i];
		}
		if (ts < u->runs[r].ts)
			return malformed(err, "time runs over");
	}
	u->run_at[u->n_runs] = i;
	if (i != u->n_events)
		return malformed(err, "runs do not cover the events");
	if (fixed != head->fixed_bytes || strings != head->string_bytes)
		return malformed(err, "lengths of the events do not add up");
	u->fixed_at[i] = (uint32_t)fixed;
	u->string_at[i] = (uint32_t)strings;
	return 0;
}

/* A run goes on the chain of its CPU unless time fell between the two. */
static void link_runs(struct reel_unpacked *u)
{
	u->n_chains = 0;
	for (uint32_t r = 0; r < u->n_runs; r++) {
		uint32_t *tail = &u->tail_of_cpu[u->runs[r].cpu];

		u->next_run[r] = REEL_NO_RUN;
		if (*tail && u->ts[u->run_at[*tail] - 1] <= u->runs[r].ts)
			u->next_run[*tail - 1] = r;
		else
			u->chains[u->n_chains++] = r;
		*tail = r + 1;
	}
	for (uint32_t r = 0; r < u->n_runs; r++)
		u->tail_of_cpu[u->runs[r].cpu] = 0;
}

static int check_wide(const struct reel_unpacked *u, struct reel_err *err)
{
	for (uint32_t i = 0; i < u->n_wide; i++)
		if (u->wide[i].index >= u->n_events ||
		    (i && u->wide[i].index <= u->wide[i - 1].index) ||
		    !(u->flags[u->wide[i].index] & EV_WIDE_RET))
			return malformed(err, "wide results are not in order");
	return 0;
}

/* The header is what blocks are skipped by, so it must not say less than is there. */
static int check_header(const struct reel_unpacked *u, const struct tape_header *h,
			struct reel_err *err)
{
	for (uint32_t r = 0; r < u->n_runs; r++)
		if (u->runs[r].ts < h->ts_min || u->ts[u->run_at[r + 1] - 1] > h->ts_max)
			return malformed(err, "events are outside the time that its header gives");
	return 0;
}

int reel_unpack(struct reel_unpacked *u, const struct reel_block *b,
		const struct reel_schema *schema, const struct reel_segment *segment,
		struct reel_err *err)
{
	const void *columns[TAPE_COLUMNS] = { 0 };
	const struct tape_column *rows;
	struct tape_body head;
	struct rest rest;
	int r;

	if (!u->zstd)
		u->zstd = ZSTD_createDCtx();
	u->raw = room_for(u->raw, &u->raw_room, b->h.raw_bytes + 8, false);
	if (!u->zstd || !u->raw)
		return reel_err_set(err, -ENOMEM, "no memory for a block");
	r = reel_block_inflate(b, u->zstd, u->raw, err);
	if (r < 0)
		return r;
	u->schema = schema;
	u->segment = segment;
	rest = (struct rest){ u->raw, b->h.raw_bytes };
	if (rest.bytes < sizeof(head))
		return malformed(err, "it is too short");
	memcpy(&head, take(&rest, sizeof(head)), sizeof(head));
	if (head.n_events != b->h.n_events || head.n_events > TAPE_EVENTS_MAX ||
	    head.n_runs > head.n_events || head.n_wide > head.n_events || head.n_columns > 64)
		return malformed(err, "its counts do not agree");
	u->n_events = head.n_events;
	u->n_runs = head.n_runs;
	u->n_wide = head.n_wide;
	rows = take(&rest, head.n_columns * sizeof(*rows));
	u->runs = take(&rest, head.n_runs * sizeof(struct tape_run));
	if (!rows || !u->runs)
		return malformed(err, "it is too short");
	r = take_columns(u, &rest, rows, head.n_columns, columns, err);
	if (r == 0)
		r = fill_columns(u, columns, err);
	if (r < 0)
		return r;
	u->wide = take(&rest, head.n_wide * sizeof(struct tape_wide));
	u->fixed = take(&rest, head.fixed_bytes);
	u->strings = take(&rest, head.string_bytes);
	if (!u->wide || !u->fixed || !u->strings || rest.bytes)
		return malformed(err, "its parts do not add up");
	u->type = columns[TAPE_COL_TYPE];
	u->flags = columns[TAPE_COL_FLAGS];
	u->call = columns[TAPE_COL_CALL];
	u->pid = columns[TAPE_COL_PID];
	u->tid = columns[TAPE_COL_TID];
	u->ret = columns[TAPE_COL_RET];

	r = make_room(u, err);
	if (r == 0)
		r = work_out_events(u, columns[TAPE_COL_TS], columns[TAPE_COL_STRINGS], &head, err);
	if (r == 0)
		r = check_wide(u, err);
	if (r == 0)
		r = check_header(u, &b->h, err);
	if (r == 0)
		link_runs(u);
	return r;
}

int64_t reel_unpacked_wide_ret(const struct reel_unpacked *u, uint32_t i)
{
	uint32_t low = 0, high = u->n_wide;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (u->wide[middle].index < i)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == u->n_wide || u->wide[low].index != i)
		return u->ret[i];
	return (int64_t)((uint64_t)(uint32_t)u->wide[low].high << 32 | (uint32_t)u->ret[i]);
}

void reel_unpack_done(struct reel_unpacked *u)
{
	ZSTD_freeDCtx(u->zstd);
	free(u->raw);
	free(u->worked_out);
	free(u->worked_out_runs);
	free(u->zeros);
	free(u->planes);
	free(u->tail_of_cpu);
	memset(u, 0, sizeof(*u));
}
