/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first look at a block, type by type: lanes are walked one after the other, and each string is
 * judged once for each place that it stands at, so that most events are dropped by one mark.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "replay/scan_impl.h"

static struct scan_lanes *new_lanes(unsigned n)
{
	struct scan_lanes *l;

	return calloc(1, sizeof(*l) + n * sizeof(l->of[0]));
}

static void find_lanes(const struct scan_block *b, unsigned type, const struct scan_bucket *bucket,
		       struct scan_lanes *ret)
{
	const struct reel_group *g = &b->u.groups[type];
	uint16_t width = b->u.schema->fixed_bytes[type];

	ret->asks_all = !b->u.schema->as_built[type];
	for (unsigned i = 0; i < bucket->n_probes; i++) {
		if ((unsigned)bucket->probes[i].offset + 2 > width)
			ret->asks_all = true;
		else
			ret->of[i] =
				reel_lanes_find(g->lanes, g->n_lanes, bucket->probes[i].offset);
	}
}

/*
 * The rows of all strings that probes will ask for. Most of the time goes into waiting for memory,
 * so that many are asked for before the first answer is looked at.
 */
struct asked {
	struct match_ask asks[MATCH_MANY];
	const struct match_row **to[MATCH_MANY];
	unsigned n;
	uint32_t line_bytes; /* of the scanner's */
};

static const struct match_row asked_for;

static void answer(struct match_memo *memo, struct asked *a)
{
	match_prepared(memo, a->asks, a->n);
	for (unsigned i = 0; i < a->n; i++)
		*a->to[i] = a->asks[i].row;
	a->n = a->line_bytes = 0;
}

/* Command lines are put together first, as many as there is room for. */
static bool become_line(struct scanner *s, struct asked *a, struct match_memo *memo,
			struct reel_string *string)
{
	if (string->length > SCAN_LINES_BYTES)
		return false;
	if (string->length > SCAN_LINES_BYTES - a->line_bytes)
		answer(memo, a);
	eval_join(string, s->lines + a->line_bytes);
	a->line_bytes += string->length;
	return true;
}

static void ask_ahead(struct scanner *s, struct scan_block *b, const struct scan_probe *p,
		      const uint16_t *numbers, uint32_t n)
{
	const struct match_row **rows = b->rows.row[p->role];
	struct match_memo *memo = s->eval.memos[p->role];
	struct reel_event view = { .flags = EV_TRUNCATED, .strings = &b->u.strings };
	struct asked a;

	a.n = a.line_bytes = 0;
	for (uint32_t i = 0; i < n; i++) {
		struct reel_string string;
		uint16_t number = numbers[i];

		if (number > b->u.strings.n || rows[number])
			continue;
		view.fixed = (const uint8_t *)&numbers[i];
		string = reel_event_string_at(&view, 0);
		if (p->role == RULE_ROLE_LINE && !become_line(s, &a, memo, &string))
			continue;
		a.asks[a.n] = (struct match_ask){ .bytes = string.bytes,
						  .length = string.length,
						  .true_length = string.true_length };
		match_prepare(memo, &a.asks[a.n]);
		a.to[a.n] = &rows[number];
		rows[number] = &asked_for;
		if (++a.n == MATCH_MANY)
			answer(memo, &a);
	}
	answer(memo, &a);
}

const struct match_row *scan_find_row(struct scanner *s, const struct scan_block *b,
				      const struct scan_probe *p, uint16_t number)
{
	const struct reel_event view = { .flags = EV_TRUNCATED,
					 .strings = &b->u.strings,
					 .fixed = (const uint8_t *)&number };
	struct reel_string string = reel_event_string_at(&view, 0);

	return eval_row(&s->eval, p->role, number, &string);
}

/* What a string at the place of the probe means for its event. */
static uint8_t judge(struct scanner *s, const struct scan_block *b, const struct scan_probe *p,
		     uint16_t number)
{
	const struct match_row *row;

	if (number == 0 && p->empty_counts)
		return MARK_STEPS;
	row = scan_row(s, b, p, number);
	if (row && row->is_empty && !row->has_unknown && !p->n_unless)
		return MARK_DULL;
	if (!row)
		return MARK_STEPS;
	return *scan_list(&s->lists, s->plan, p, row, scan_has_bytes(&b->u.strings, number)) ?
		       MARK_STEPS :
		       MARK_DULL;
}

static void mark_all(uint8_t *marks, uint32_t n, uint8_t mark)
{
	for (uint32_t i = 0; i < n; i++)
		marks[i] |= mark;
}

static void mark_by_string(struct scanner *s, struct scan_block *b, const struct scan_probe *p,
			   const uint16_t *numbers, uint8_t *marks, uint32_t n_rows)
{
	memset(b->judged, 0, b->u.strings.n + 1u);
	for (uint32_t i = 0; i < n_rows; i++) {
		uint16_t number = numbers[i];

		if (number > b->u.strings.n) {
			marks[i] |= MARK_STEPS;
			continue;
		}
		if (!b->judged[number])
			b->judged[number] = judge(s, b, p, number);
		marks[i] |= b->judged[number] & MARK_STEPS;
	}
}

/* Where all events have one string it is looked at once. */
static void mark_by_lane(struct scanner *s, struct scan_block *b, const struct scan_probe *p,
			 const struct reel_lane *lane, uint8_t *marks, uint32_t n)
{
	if (!lane)
		mark_all(marks, n, judge(s, b, p, 0) & MARK_STEPS);
	else if (lane->form == TAPE_SAME)
		mark_all(marks, n, judge(s, b, p, lane->value) & MARK_STEPS);
	else
		mark_by_string(s, b, p, b->values, marks, n);
}

static void mark_steps(struct scanner *s, struct scan_block *b, unsigned type,
		       const struct scan_lanes *lanes, uint8_t *marks)
{
	const struct scan_bucket *bucket = s->plan->buckets[type];
	const struct reel_lane *read = NULL;
	uint32_t n = b->u.groups[type].n;
	bool all = lanes->asks_all || s->plan->is_slow || bucket->n_always;

	for (unsigned i = 0; i < bucket->n_probes && !s->plan->is_slow; i++) {
		const struct reel_lane *lane = lanes->of[i];

		if (lane) {
			uint32_t some = lane->form == TAPE_SAME ? 1 : n;

			if (lane != read)
				reel_lane_read(lane, 0, some, b->values);
			ask_ahead(s, b, &bucket->probes[i], b->values, some);
			read = lane;
		}
		if (!all)
			mark_by_lane(s, b, &bucket->probes[i], lane, marks, n);
	}
	if (all)
		mark_all(marks, n, MARK_STEPS);
}

/* Of the types that may name files: where they have what tells which. */
struct naming {
	const struct reel_lane *inode[2];	 /* of its low 32 bits; both NULL: any */
	const struct reel_lane *dev_high, *path; /* NULL: there is none */
	bool may;
};

enum { DEV_MINOR_BITS = 20 };

static const struct reel_lane *lane_of(const struct reel_group *g, const struct reel_field *f,
				       unsigned offset)
{
	return f ? reel_lanes_find(g->lanes, g->n_lanes, f->offset + offset) : NULL;
}

static void find_naming(const struct scanner *s, const struct scan_block *b, unsigned type,
			struct naming *ret)
{
	const struct reel_group *g = &b->u.groups[type];
	const struct reel_type *t = b->u.schema->types[type];
	const struct reel_field *inode;

	*ret = (struct naming){ .may = g->n && scan_type_names(s->plan, b->u.schema, type) };
	if (!ret->may || !s->plan->asked || !b->u.schema->as_built[type])
		return;
	inode = rule_own_field(t, "inode");
	ret->inode[0] = lane_of(g, inode, 0);
	ret->inode[1] = lane_of(g, inode, 2);
	ret->dev_high = lane_of(g, rule_own_field(t, "dev"), 2);
	ret->path = lane_of(g, rule_own_field(t, "path"), 0);
}

/* A socket by its name tells the device of all sockets. */
static bool may_be_socket(const struct scan_block *b, const struct naming *n, uint32_t row)
{
	struct reel_event view = { .flags = EV_TRUNCATED, .strings = &b->u.strings };
	struct reel_string path;
	uint16_t number;

	_Static_assert(DEV_MINOR_BITS > 16, "the major is in the high half");
	if (n->dev_high && reel_lane_value(n->dev_high, row) >> (DEV_MINOR_BITS - 16))
		return false;
	if (!n->path)
		return false;
	number = reel_lane_value(n->path, row);
	view.fixed = (const uint8_t *)&number;
	path = reel_event_string_at(&view, 0);
	return path.length && path.bytes[0] != '/';
}

static void mark_names(const struct scanner *s, const struct scan_block *b, unsigned type,
		       uint8_t *marks)
{
	uint32_t n_rows = b->u.groups[type].n;
	uint16_t *halves[2] = { b->values, b->values + n_rows };
	struct naming n;

	find_naming(s, b, type, &n);
	if (!n.may)
		return;
	if (!n.inode[0] && !n.inode[1]) {
		mark_all(marks, n_rows, MARK_NAME);
		return;
	}
	for (unsigned h = 0; h < 2; h++) {
		if (n.inode[h])
			reel_lane_read(n.inode[h], 0, n_rows, halves[h]);
		else
			memset(halves[h], 0, n_rows * sizeof(*halves[h]));
	}
	for (uint32_t i = 0; i < n_rows; i++) {
		uint32_t inode = halves[0][i] | (uint32_t)halves[1][i] << 16;

		if (model_is_asked(s->plan->asked, inode) || may_be_socket(b, &n, i))
			marks[i] |= MARK_NAME;
	}
}

static int make_room(struct scan_block *b)
{
	size_t n = b->u.n_events, each = sizeof(*b->marked) + 2 * sizeof(*b->values) + 1;
	size_t bytes = each * n + b->u.strings.n + 1u;

	if (bytes > b->marks_room) {
		free(b->marked);
		b->marked = malloc(bytes);
		b->marks_room = b->marked ? bytes : 0;
		if (!b->marked)
			return -ENOMEM;
	}
	b->values = (uint16_t *)(b->marked + n);
	b->marks = (uint8_t *)(b->values + 2 * n);
	b->judged = b->marks + n;
	return 0;
}

/* Where one in so many events is looked at, making the fixed parts of all is less work. */
enum { ROWS_SHARE = 6 };

/* Eight at a time: every event passes here. */
static uint32_t count_marked(const uint8_t *marks, uint32_t n)
{
	const uint64_t ones = 0x0101010101010101;
	uint32_t count = 0, i = 0;

	_Static_assert(MARK_DULL < 0x80, "a mark and 127 do not run over a byte");
	for (; i + 8 <= n; i += 8) {
		uint64_t eight;

		memcpy(&eight, marks + i, sizeof(eight));
		count += (uint32_t)(((eight + ones * 0x7f) >> 7 & ones) * ones >> 56);
	}
	for (; i < n; i++)
		count += marks[i] != 0;
	return count;
}

int scan_marks_make(struct scanner *s, struct scan_block *b, bool is_state, struct scan_marks *ret)
{
	uint8_t *marks;
	int r = make_room(b);

	memset(ret, 0, sizeof(*ret));
	marks = b->marks;
	for (unsigned t = 0; r == 0 && t < EV_MAX_TYPES; t++) {
		uint32_t n = b->u.groups[t].n;

		if (!n)
			continue;
		memset(marks, is_state || s->plan->wants[t] ? MARK_WANTED : 0, n);
		mark_names(s, b, t, marks);
		if (s->plan->buckets[t]) {
			ret->lanes[t] = new_lanes(s->plan->buckets[t]->n_probes);
			if (!ret->lanes[t])
				return -ENOMEM;
			find_lanes(b, t, s->plan->buckets[t], ret->lanes[t]);
			mark_steps(s, b, t, ret->lanes[t], marks);
		}
		if (count_marked(marks, n) > n / ROWS_SHARE)
			reel_unpacked_make_rows(&b->u, t);
		ret->of[t] = marks;
		marks += n;
	}
	return r;
}

/* Without a branch that nobody could foretell: one event in ten has a mark, here and there. */
uint32_t scan_marks_list(const struct scan_marks *m, struct scan_block *b)
{
	const struct reel_unpacked *u = &b->u;
	uint32_t n = 0;

	for (uint32_t i = 0; i < u->n_events; i++) {
		b->marked[n] = i;
		n += (m->of[u->type[i]][u->row[i]] | (u->flags[i] & EV_FAULT)) != 0;
	}
	return n;
}

void scan_marks_done(struct scan_marks *m)
{
	for (unsigned t = 0; t < EV_MAX_TYPES; t++)
		free(m->lanes[t]);
}
