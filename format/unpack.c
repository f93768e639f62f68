/* SPDX-License-Identifier: BSD-2-Clause */
#include "format/unpack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

static int malformed(struct reel_err *err, const char *what)
{
	return reel_err_set(err, -EBADMSG, "block is malformed: %s", what);
}

/* Makes room in a buffer, whose content may be lost; new room is zero. */
#define RESERVE(buffer, bytes) reserve(&(buffer).memory, &(buffer).room, (bytes))

static void *reserve(void **memory, size_t *room, size_t bytes)
{
	void *larger;

	if (bytes <= *room && *memory)
		return *memory;
	larger = calloc(1, bytes + 64);
	if (!larger)
		return NULL;
	free(*memory);
	*memory = larger;
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

static const uint8_t known_widths[TAPE_COLUMNS] = {
	[TAPE_COL_TYPE] = 1, [TAPE_COL_FLAGS] = 1, [TAPE_COL_CALL] = 2, [TAPE_COL_TS] = 4,
	[TAPE_COL_PID] = 4,  [TAPE_COL_TID] = 4,   [TAPE_COL_RET] = 4,
};

static void join_planes(uint32_t *value, const uint8_t *from, size_t n)
{
	const uint8_t *p1 = from + n, *p2 = p1 + n, *p3 = p2 + n;
	size_t i = 0;

#ifdef __SSE2__
	for (; i + 16 <= n; i += 16) {
		__m128i a = _mm_loadu_si128((const void *)(from + i));
		__m128i b = _mm_loadu_si128((const void *)(p1 + i));
		__m128i c = _mm_loadu_si128((const void *)(p2 + i));
		__m128i d = _mm_loadu_si128((const void *)(p3 + i));
		__m128i ab = _mm_unpacklo_epi8(a, b), cd = _mm_unpacklo_epi8(c, d);
		__m128i *to = (__m128i *)(value + i);

		_mm_storeu_si128(to, _mm_unpacklo_epi16(ab, cd));
		_mm_storeu_si128(to + 1, _mm_unpackhi_epi16(ab, cd));
		ab = _mm_unpackhi_epi8(a, b);
		cd = _mm_unpackhi_epi8(c, d);
		_mm_storeu_si128(to + 2, _mm_unpacklo_epi16(ab, cd));
		_mm_storeu_si128(to + 3, _mm_unpackhi_epi16(ab, cd));
	}
#endif
	for (; i < n; i++)
		value[i] = from[i] | (uint32_t)p1[i] << 8 | (uint32_t)p2[i] << 16 |
			   (uint32_t)p3[i] << 24;
}

static int take_columns(struct reel_unpacked *u, struct rest *rest, const struct tape_column *rows,
			uint32_t n_columns, const void *columns[TAPE_COLUMNS], struct reel_err *err)
{
	bool planes_used = false;

	for (uint32_t i = 0; i < n_columns; i++) {
		const struct tape_column *row = &rows[i];
		const void *values = take(rest, row->bytes);

		if (!values || row->bytes != (uint64_t)row->width * u->n_events)
			return malformed(err, "a column is cut");
		if (row->id == 0 || row->id >= TAPE_COLUMNS)
			continue; /* of a later version */
		if (row->width != known_widths[row->id] || columns[row->id])
			return malformed(err, "a column has a wrong shape");
		if (row->encoding == TAPE_PLANES && row->width == 4 && !planes_used) {
			if (!RESERVE(u->planes, row->bytes))
				return reel_err_set(err, -ENOMEM, "no memory for a block");
			join_planes(u->planes.memory, values, u->n_events);
			planes_used = true; /* there is room for one, and nobody writes more */
			values = u->planes.memory;
		} else if (row->encoding != TAPE_PLAIN) {
			return malformed(err, "a column in an unknown encoding");
		}
		columns[row->id] = values;
	}
	if (!RESERVE(u->zeros, 4ull * u->n_events))
		return reel_err_set(err, -ENOMEM, "no memory for a block");
	for (unsigned id = 1; id < TAPE_COLUMNS; id++)
		if (!columns[id])
			columns[id] = u->zeros.memory;
	return 0;
}

/* Which types there are, and how much room their lanes and rows take. */
static int take_groups(struct reel_unpacked *u, const struct tape_group *groups, uint32_t n_types,
		       uint64_t *ret_lane_bytes, struct reel_err *err)
{
	uint64_t row_bytes = 0, lanes = 0;
	int last = -1;

	*ret_lane_bytes = 0;
	for (uint32_t i = 0; i < n_types; i++) {
		const struct tape_group *g = &groups[i];
		uint32_t width = u->schema->fixed_bytes[g->type];
		uint64_t bytes = g->bytes;

		if (g->type <= last || g->n == 0 || g->n > u->n_events)
			return malformed(err, "its types are not in order");
		if (width == REEL_NO_TYPE)
			return malformed(err, "an event of a type that its schema lacks");
		if (g->coding == TAPE_WORDS) {
			if ((width < 512 && g->words[width / 256] >> width / 4 % 64) ||
			    (width < 256 && g->words[1]))
				return malformed(err, "a type has more than its schema says");
			bytes = 4ull * g->n *
				(unsigned)(__builtin_popcountll(g->words[0]) +
					   __builtin_popcountll(g->words[1]));
		} else if (g->coding != TAPE_FORMS || bytes > TAPE_RAW_MAX) {
			return malformed(err, "a type in an unknown coding");
		}
		*ret_lane_bytes += bytes;
		row_bytes += (uint64_t)width * g->n;
		lanes += width / 2;
		last = g->type;
	}
	/* Lanes that are left out cost nothing on tape, so the rows are bounded for themselves. */
	if (row_bytes > 4ull * TAPE_RAW_MAX)
		return malformed(err, "its events are too large");
	if (!RESERVE(u->rows, row_bytes) || !RESERVE(u->lanes, lanes * sizeof(struct reel_lane)))
		return reel_err_set(err, -ENOMEM, "no memory for a block");
	return 0;
}

/* Whose lanes lie where, and where their rows will be. */
static int take_lanes(struct reel_unpacked *u, struct rest *rest, const struct tape_group *groups,
		      uint32_t n_types, struct reel_err *err)
{
	struct reel_lane *lanes;
	uint64_t bytes;
	const uint8_t *at;
	uint8_t *rows;
	int r = take_groups(u, groups, n_types, &bytes, err);

	if (r < 0)
		return r;
	at = take(rest, bytes);
	if (!at)
		return malformed(err, "a type is cut");
	lanes = u->lanes.memory;
	rows = u->rows.memory;
	for (uint32_t i = 0; i < n_types; i++) {
		const struct tape_group *g = &groups[i];
		uint32_t width = u->schema->fixed_bytes[g->type];
		struct reel_group *to = &u->groups[g->type];

		*to = (struct reel_group){ .n = g->n,
					   .usual_call = g->usual_call,
					   .lanes = lanes,
					   .rows = rows };
		if (g->coding == TAPE_WORDS) {
			reel_lanes_take_words(at, g->words, g->n, lanes, &to->n_lanes);
			at += 2ull * g->n * to->n_lanes;
		} else if (reel_lanes_take(at, g->bytes, width, g->n, lanes, &to->n_lanes) < 0) {
			return malformed(err, "a type has not what its forms say");
		} else {
			at += g->bytes;
		}
		lanes += to->n_lanes;
		rows += (size_t)width * g->n;
	}
	return 0;
}

void reel_unpacked_make_rows(struct reel_unpacked *u, unsigned type)
{
	struct reel_group *g = &u->groups[type];
	uint32_t width = u->schema->fixed_bytes[type];
	const uint32_t some = REEL_LANES_ROWS;

	for (uint32_t i = 0; i < g->n; i += some)
		reel_lanes_make_rows(g->lanes, g->n_lanes, width, i,
				     g->n - i < some ? g->n - i : some,
				     g->rows + (size_t)width * i);
	g->has_rows = true;
}

static int take_strings(struct reel_unpacked *u, struct rest *rest, const struct tape_body *head,
			struct reel_err *err)
{
	const uint16_t *lengths = take(rest, head->n_strings * sizeof(*lengths));
	const struct tape_cut_string *cuts = take(rest, head->n_cuts * sizeof(*cuts));
	const uint8_t *bytes = take(rest, head->string_bytes);
	uint32_t *at = RESERVE(u->string_at, (head->n_strings + 1) * sizeof(*at));
	uint32_t sum = 0;

	if (!lengths || !cuts || !bytes || rest->bytes)
		return malformed(err, "its parts do not add up");
	if (!at)
		return reel_err_set(err, -ENOMEM, "no memory for a block");
	for (uint32_t i = 0; i < head->n_strings; i++) {
		at[i] = sum;
		sum += lengths[i];
	}
	at[head->n_strings] = sum;
	if (sum != head->string_bytes)
		return malformed(err, "lengths of strings do not add up");
	for (uint32_t i = 0; i < head->n_cuts; i++)
		if (cuts[i].number == 0 || cuts[i].number > head->n_strings ||
		    (i && cuts[i].number <= cuts[i - 1].number))
			return malformed(err, "cut strings are not in order");
	u->strings = (struct reel_string_table){ head->n_strings, head->n_cuts, at, bytes, cuts };
	return 0;
}

static int make_room(struct reel_unpacked *u, struct reel_err *err)
{
	size_t n = u->n_events, runs = (size_t)u->n_runs + 1;
	uint64_t *events = RESERVE(u->events, n * 12);
	uint32_t *run_tables = RESERVE(u->run_tables, runs * 12);

	if (!u->tail_of_cpu)
		u->tail_of_cpu = calloc(0x10000, sizeof(uint32_t));
	if (!events || !run_tables || !u->tail_of_cpu)
		return reel_err_set(err, -ENOMEM, "no memory for a block");
	u->ts = events;
	u->row = (uint32_t *)(events + n);
	u->run_at = run_tables;
	u->next_run = u->run_at + runs;
	u->chains = u->next_run + runs;
	return 0;
}

/* Which of its type each event is. Two at a time, since a count that was just written has to be
 * waited for. */
static int number_events(struct reel_unpacked *u, struct reel_err *err)
{
	uint32_t count[EV_MAX_TYPES] = { 0 }, i = 0;

	for (; i + 2 <= u->n_events; i += 2) {
		unsigned a = u->type[i], b = u->type[i + 1];
		uint32_t of_a = count[a], of_b = count[b] + (a == b);

		u->row[i] = of_a;
		u->row[i + 1] = of_b;
		count[a] = of_a + 1;
		count[b] = of_b + 1;
	}
	if (i < u->n_events)
		u->row[i] = count[u->type[i]]++;
	for (unsigned t = 0; t < EV_MAX_TYPES; t++)
		if (count[t] != u->groups[t].n)
			return malformed(err, "types are not counted rightly");
	return 0;
}

static int work_out_times(struct reel_unpacked *u, const uint32_t *steps, struct reel_err *err)
{
	uint32_t i = 0;

	for (uint32_t r = 0; r < u->n_runs; r++) {
		uint32_t n = u->runs[r].n;
		uint64_t ts = u->runs[r].ts;

		u->run_at[r] = i;
		if (n == 0 || n > u->n_events - i)
			return malformed(err, "runs do not cover the events");
		for (uint32_t end = i + n; i < end; i++) {
			ts += steps[i];
			u->ts[i] = ts;
		}
		if (ts < u->runs[r].ts)
			return malformed(err, "time runs over");
	}
	u->run_at[u->n_runs] = i;
	return i == u->n_events ? 0 : malformed(err, "runs do not cover the events");
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

/* Eight at a time: every event passes here. */
static uint32_t count_wide(const uint8_t *flags, uint32_t n)
{
	const uint64_t ones = 0x0101010101010101;
	uint32_t count = 0, i = 0;

	_Static_assert(EV_WIDE_RET == 0x80, "the highest bit of each byte");
	for (; i + 8 <= n; i += 8) {
		uint64_t eight;

		memcpy(&eight, flags + i, sizeof(eight));
		count += (uint32_t)((eight >> 7 & ones) * ones >> 56);
	}
	for (; i < n; i++)
		count += flags[i] >> 7;
	return count;
}

static int check_wide(const struct reel_unpacked *u, struct reel_err *err)
{
	if (count_wide(u->flags, u->n_events) != u->n_wide)
		return malformed(err, "wide results are not counted rightly");
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
	for (unsigned t = 0; t < EV_MAX_TYPES; t++)
		if (u->groups[t].n && !(h->types[t / 8] & 1u << t % 8))
			return malformed(err, "a type that its header does not name");
	for (uint32_t r = 0; r < u->n_runs; r++)
		if (u->runs[r].ts < h->ts_min || u->ts[u->run_at[r + 1] - 1] > h->ts_max)
			return malformed(err, "events are outside the time that its header gives");
	if (h->ts_max == UINT64_MAX)
		return malformed(err, "time without end");
	return 0;
}

int reel_unpack(struct reel_unpacked *u, const struct reel_block *b,
		const struct reel_schema *schema, const struct reel_segment *segment,
		struct reel_err *err)
{
	const void *columns[TAPE_COLUMNS] = { 0 };
	const struct tape_column *rows;
	const struct tape_group *groups;
	struct tape_body head;
	struct rest rest;
	int r;

	if (!u->zstd)
		u->zstd = ZSTD_createDCtx();
	if (!u->zstd || !RESERVE(u->raw, b->h.raw_bytes))
		return reel_err_set(err, -ENOMEM, "no memory for a block");
	r = reel_block_inflate(b, u->zstd, u->raw.memory, err);
	if (r < 0)
		return r;
	u->schema = schema;
	u->segment = segment;
	memset(u->groups, 0, sizeof(u->groups));
	rest = (struct rest){ u->raw.memory, b->h.raw_bytes };
	if (rest.bytes < sizeof(head))
		return malformed(err, "it is too short");
	memcpy(&head, take(&rest, sizeof(head)), sizeof(head));
	if (head.n_events != b->h.n_events || head.n_events > TAPE_EVENTS_MAX ||
	    head.n_runs > head.n_events || head.n_wide > head.n_events || head.n_columns > 64 ||
	    head.n_types > EV_MAX_TYPES || head.n_strings > TAPE_STRINGS_MAX ||
	    head.n_cuts > head.n_strings)
		return malformed(err, "its counts do not agree");
	u->n_events = head.n_events;
	u->n_runs = head.n_runs;
	u->n_wide = head.n_wide;
	rows = take(&rest, head.n_columns * sizeof(*rows));
	u->runs = take(&rest, head.n_runs * sizeof(struct tape_run));
	groups = take(&rest, head.n_types * sizeof(struct tape_group));
	if (!rows || !u->runs || !groups)
		return malformed(err, "it is too short");
	r = take_columns(u, &rest, rows, head.n_columns, columns, err);
	if (r < 0)
		return r;
	u->type = columns[TAPE_COL_TYPE];
	u->flags = columns[TAPE_COL_FLAGS];
	u->call = columns[TAPE_COL_CALL];
	u->pid = columns[TAPE_COL_PID];
	u->tid = columns[TAPE_COL_TID];
	u->ret = columns[TAPE_COL_RET];
	u->wide = take(&rest, head.n_wide * sizeof(struct tape_wide));
	if (!u->wide)
		return malformed(err, "it is too short");
	r = take_lanes(u, &rest, groups, head.n_types, err);
	if (r == 0)
		r = take_strings(u, &rest, &head, err);
	if (r == 0)
		r = make_room(u, err);
	if (r == 0)
		r = work_out_times(u, columns[TAPE_COL_TS], err);
	if (r == 0)
		r = number_events(u, err);
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

size_t reel_unpacked_bytes(const struct reel_unpacked *u)
{
	return u->raw.room + u->events.room + u->run_tables.room + u->string_at.room +
	       u->zeros.room + u->planes.room + u->lanes.room + u->rows.room + u->plain.room;
}

void reel_unpack_done(struct reel_unpacked *u)
{
	ZSTD_freeDCtx(u->zstd);
	free(u->raw.memory);
	free(u->events.memory);
	free(u->run_tables.memory);
	free(u->string_at.memory);
	free(u->zeros.memory);
	free(u->planes.memory);
	free(u->lanes.memory);
	free(u->rows.memory);
	free(u->tail_of_cpu);
	reel_plain_done(&u->plain);
	memset(u, 0, sizeof(*u));
}
