/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay/scan_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int scanner_init(struct scanner *s, const struct scan_plan *plan, struct reel_err *err)
{
	uint32_t n = plan->eval->rules->n_steps + 1u;
	int r;

	memset(s, 0, sizeof(*s));
	s->plan = plan;
	s->stamp = calloc(n, sizeof(*s->stamp));
	s->found = calloc(n, sizeof(*s->found));
	s->lines = malloc(SCAN_LINES_BYTES);
	r = s->stamp && s->found && s->lines && scan_lists_init(&s->lists, plan) == 0 ?
		    eval_init(&s->eval, plan->eval, err) :
		    reel_err_set(err, -ENOMEM, "no memory for a scanner");
	s->eval.is_slow = plan->is_slow;
	if (r == 0 && plan->profile) {
		s->profile = profile_new(plan->profile->n_steps, plan->profile->n_rules);
		if (!s->profile)
			r = reel_err_set(err, -ENOMEM, "no memory for a profile");
	}
	if (r < 0)
		scanner_done(s);
	return r;
}

void scanner_done(struct scanner *s)
{
	if (s->profile)
		profile_add(s->plan->profile, s->profile);
	profile_free(s->profile);
	eval_done(&s->eval);
	scan_lists_done(&s->lists, s->plan);
	free(s->stamp);
	free(s->found);
	free(s->lines);
	free(s->spare);
	memset(s, 0, sizeof(*s));
}

static void begin_event(struct scanner *s)
{
	s->n_found = 0;
	if (++s->now == 0) { /* the stamps of 4 billion events ago would count again */
		memset(s->stamp, 0, s->plan->eval->rules->n_steps * sizeof(*s->stamp));
		s->now = 1;
	}
}

static void find_step(struct scanner *s, uint32_t step)
{
	if (s->stamp[step] == s->now)
		return;
	s->stamp[step] = s->now;
	s->found[s->n_found++] = step;
}

static void find_steps(struct scanner *s, const uint32_t *steps, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		find_step(s, steps[i]);
}

static void find_by_row(struct scanner *s, const struct scan_probe *p, const struct match_row *row,
			bool is_there)
{
	const uint32_t *list = scan_list(&s->lists, s->plan, p, row, is_there);

	find_steps(s, list + 1, list[0]);
}

static bool ask_measured(struct scanner *s, uint32_t step, const struct reel_event *ev)
{
	uint64_t begin_ns = profile_begin(s->profile);
	bool answer = eval_may_hold(&s->eval, step, ev);

	profile_end(s->profile, &s->profile->steps[step], begin_ns);
	return answer;
}

/*
 * Asks those steps that were found; what is left may matter. Of state, which is a candidate anyway,
 * the late ones are left to whoever knows whether there is a token.
 */
static void keep_possible(struct scanner *s, const struct reel_event *ev, bool is_state)
{
	const bool *is_late = is_state ? s->plan->is_late : NULL;
	uint32_t kept = 0;

	if (s->plan->keeps_all)
		return;
	for (uint32_t i = 0; i < s->n_found; i++) {
		uint32_t step = s->found[i];

		if ((is_late && is_late[step]) ||
		    (s->profile ? ask_measured(s, step, ev) : eval_may_hold(&s->eval, step, ev)))
			s->found[kept++] = step;
	}
	s->n_found = kept;
}

void scan_event(struct scanner *s, const struct reel_event *ev)
{
	const struct scan_bucket *b = s->plan->buckets[ev->type->id];

	begin_event(s);
	if (!b)
		return;
	find_steps(s, b->always, b->n_always);
	for (unsigned i = 0; i < b->n_probes; i++) {
		const struct scan_probe *p = &b->probes[i];
		struct reel_string string;
		const struct match_row *row;

		if ((unsigned)p->offset + 2 > ev->type->fixed_bytes || s->plan->is_slow) {
			find_steps(s, b->all, b->n_all);
			break;
		}
		string = reel_event_string_at(ev, p->offset);
		if (string.length == 0 && (p->empty_counts || ev->flags & EV_FAULT))
			find_steps(
				s, p->steps,
				p->first[matcher_n_tests(s->plan->eval->rules->matchers[p->role])]);
		row = eval_row(&s->eval, p->role, reel_event_string_number(ev, p->offset), &string);
		if (!row)
			find_steps(s, b->all, b->n_all);
		else
			find_by_row(s, p, row, string.length > 0);
	}
	keep_possible(s, ev, false);
}

/* Blocks --------------------------------------------------------------------------------------- */

static int make_rows(struct scanner *s, struct scan_block *b)
{
	size_t each = b->u.strings.n + 1u, all = each * RULE_ROLES;

	if (b->row_room < all) {
		free(b->row_memory);
		b->row_memory = calloc(all, sizeof(*b->row_memory));
		b->row_room = b->row_memory ? all : 0;
		if (!b->row_memory)
			return -ENOMEM;
	} else {
		memset(b->row_memory, 0, all * sizeof(*b->row_memory));
	}
	b->rows.strings = &b->u.strings;
	for (unsigned role = 0; role < RULE_ROLES; role++)
		b->rows.row[role] = b->row_memory + role * each;
	s->eval.rows = &b->rows;
	return 0;
}

static void *grow(void *memory, uint32_t *room, size_t size)
{
	uint32_t more = *room ? 2 * *room : 256;
	void *larger = reallocarray(memory, more, size);

	if (larger)
		*room = more;
	return larger;
}

/* Candidates point into the room for fixed parts, so that it must be there before. */
static int make_fixed_room(struct scan_block *b)
{
	size_t bytes = 64;

	for (unsigned t = 0; t < EV_MAX_TYPES; t++)
		if (b->u.groups[t].n)
			bytes += (size_t)b->u.groups[t].n * b->u.schema->fixed_bytes[t];
	b->fixed_used = 0;
	if (bytes <= b->fixed_room)
		return 0;
	free(b->fixed);
	b->fixed = malloc(bytes);
	b->fixed_room = b->fixed ? bytes : 0;
	return b->fixed ? 0 : -ENOMEM;
}

static void event_at(const struct scan_block *b, uint32_t i, const struct tape_run *run,
		     uint32_t run_at, const uint8_t *fixed, struct reel_event *ret)
{
	const struct reel_unpacked *u = &b->u;
	unsigned type = u->type[i];

	ret->ts = u->ts[i];
	ret->seq = run->seq + (i - run_at);
	ret->ret = u->flags[i] & EV_WIDE_RET ? reel_unpacked_wide_ret(u, i) : u->ret[i];
	ret->pid = u->pid[i];
	ret->tid = u->pid[i] + u->tid[i];
	ret->cpu = run->cpu;
	ret->call = u->call[i] ^ u->groups[type].usual_call;
	ret->flags = u->flags[i] & (uint8_t)~EV_WIDE_RET;
	ret->type = u->schema->types[type];
	ret->fixed = fixed;
	ret->strings = &u->strings;
	ret->segment = u->segment;
}

static int keep(struct scanner *s, struct scan_block *b, uint32_t i, uint32_t run,
		const uint8_t *fixed)
{
	const struct reel_unpacked *u = &b->u;
	struct scan_candidate *c;

	if (b->n == b->room) {
		c = grow(b->candidates, &b->room, sizeof(*c));
		if (!c)
			return -ENOMEM;
		b->candidates = c;
	}
	while (b->steps_room - b->n_steps < s->n_found) {
		uint32_t *steps = grow(b->steps, &b->steps_room, sizeof(*steps));

		if (!steps)
			return -ENOMEM;
		b->steps = steps;
	}
	if (s->n_found)
		memcpy(b->steps + b->n_steps, s->found, s->n_found * sizeof(*s->found));
	c = &b->candidates[b->n++];
	*c = (struct scan_candidate){ u->ts[i],	       u->runs[run].seq + (i - u->run_at[run]),
				      fixed,	       i,
				      b->n_steps,      s->n_found,
				      u->runs[run].cpu };
	b->n_steps += s->n_found;
	if (fixed == b->fixed + b->fixed_used)
		b->fixed_used += u->schema->fixed_bytes[u->type[i]];
	return 0;
}

/* The fixed part of an event: where all of its type have theirs, or put together for it alone. */
static const uint8_t *fixed_part(const struct scan_block *b, unsigned type, uint32_t row)
{
	const struct reel_group *g = &b->u.groups[type];
	uint32_t width = b->u.schema->fixed_bytes[type];
	uint8_t *own = b->fixed + b->fixed_used;

	if (g->has_rows)
		return g->rows + (size_t)width * row;
	reel_lanes_make_row(g->lanes, g->n_lanes, width, row, own);
	return own;
}

/* Finds the steps of one event by its strings. */
static void probe(struct scanner *s, struct scan_block *b, const struct scan_bucket *bucket,
		  const struct scan_lanes *lanes, uint32_t i)
{
	find_steps(s, bucket->always, bucket->n_always);
	if (lanes->asks_all || s->plan->is_slow) {
		find_steps(s, bucket->all, bucket->n_all);
		return;
	}
	for (unsigned k = 0; k < bucket->n_probes; k++) {
		const struct scan_probe *p = &bucket->probes[k];
		const struct match_row *row;
		uint16_t number = lanes->of[k] ? reel_lane_value(lanes->of[k], b->u.row[i]) : 0;

		if (number == 0 && (p->empty_counts || b->u.flags[i] & EV_FAULT)) {
			find_steps(s, bucket->all, bucket->n_all);
			return;
		}
		row = scan_row(s, b, p, number);
		if (!row)
			find_steps(s, bucket->all, bucket->n_all);
		else if (!row->is_empty || row->has_unknown || p->n_unless)
			find_by_row(s, p, row, scan_has_bytes(&b->u.strings, number));
	}
}

static inline bool is_before(const struct scan_candidate *x, const struct scan_candidate *y)
{
	if (x->ts != y->ts)
		return x->ts < y->ts;
	return x->cpu != y->cpu ? x->cpu < y->cpu : x->seq < y->seq;
}

/* Where the run that begins at FROM ends. */
static uint32_t end_of_run(const struct scan_candidate *list, uint32_t from, uint32_t n)
{
	while (++from < n && !is_before(&list[from], &list[from - 1]))
		;
	return from < n ? from : n;
}

static void merge_runs(const struct scan_candidate *a, const struct scan_candidate *a_end,
		       const struct scan_candidate *b, const struct scan_candidate *b_end,
		       struct scan_candidate *to)
{
	while (a < a_end && b < b_end)
		*to++ = is_before(b, a) ? *b++ : *a++;
	while (a < a_end)
		*to++ = *a++;
	while (b < b_end)
		*to++ = *b++;
}

/* A block is a few runs, each in order: neighbours are merged until there is one. */
static int put_in_order(struct scanner *s, struct scan_block *b)
{
	while (b->n && end_of_run(b->candidates, 0, b->n) < b->n) {
		struct scan_candidate *list = b->candidates;
		uint32_t room = b->room;

		if (s->spare_room < b->n) {
			free(s->spare);
			s->spare = calloc(b->room, sizeof(*s->spare));
			s->spare_room = s->spare ? b->room : 0;
			if (!s->spare)
				return -ENOMEM;
		}
		for (uint32_t i = 0; i < b->n;) {
			uint32_t middle = end_of_run(list, i, b->n);
			uint32_t end = middle < b->n ? end_of_run(list, middle, b->n) : middle;

			merge_runs(list + i, list + middle, list + middle, list + end,
				   s->spare + i);
			i = end;
		}
		b->candidates = s->spare;
		b->room = s->spare_room;
		s->spare = list;
		s->spare_room = room;
	}
	return 0;
}

/* What failed names nothing, but that a connection may go on without the caller. */
static bool may_name(const struct reel_unpacked *u, uint32_t i)
{
	return u->ret[i] >= 0 || u->flags[i] & EV_WIDE_RET || u->type[i] == EV_connect;
}

/* The steps that an event may matter to, and whether it is a candidate without any. */
static int look_at(struct scanner *s, struct scan_block *b, const struct scan_marks *m, uint32_t i,
		   uint32_t run, bool is_state)
{
	const struct reel_unpacked *u = &b->u;
	unsigned type = u->type[i];
	uint8_t mark = m->of[type][u->row[i]];
	bool is_wanted = mark & MARK_WANTED || (mark & MARK_NAME && may_name(u, i));
	const uint8_t *fixed;
	struct reel_event ev;

	begin_event(s);
	if (m->lanes[type] && (mark & MARK_STEPS || u->flags[i] & EV_FAULT))
		probe(s, b, s->plan->buckets[type], m->lanes[type], i);
	if (!s->n_found && !is_wanted)
		return 0;
	fixed = fixed_part(b, type, u->row[i]);
	if (s->n_found) {
		event_at(b, i, &u->runs[run], u->run_at[run], fixed, &ev);
		keep_possible(s, &ev, is_state);
	}
	return s->n_found || is_wanted ? keep(s, b, i, run, fixed) : 0;
}

int scan_block(struct scanner *s, struct scan_block *b, bool is_state, struct reel_err *err)
{
	const struct reel_unpacked *u = &b->u;
	struct scan_marks marks = { 0 };
	uint32_t run = 0, n;
	int r = make_rows(s, b);

	b->n = b->n_steps = 0;
	if (r == 0)
		r = make_fixed_room(b);
	if (r == 0)
		r = scan_marks_make(s, b, is_state, &marks);
	n = r == 0 ? scan_marks_list(&marks, b) : 0;
	for (uint32_t k = 0; r == 0 && k < n; k++) {
		uint32_t i = b->marked[k];

		while (i >= u->run_at[run + 1])
			run++;
		r = look_at(s, b, &marks, i, run, is_state);
	}
	scan_marks_done(&marks);
	s->eval.rows = NULL;
	if (r == 0)
		r = put_in_order(s, b);
	return r < 0 ? reel_err_set(err, r, "no memory for a block") : 0;
}

void scan_block_event(const struct scan_block *b, const struct scan_candidate *c,
		      struct reel_event *ret)
{
	const struct tape_run run = { .seq = c->seq, .cpu = c->cpu };

	event_at(b, c->index, &run, c->index, c->fixed, ret);
}

void scan_block_done(struct scan_block *b)
{
	reel_unpack_done(&b->u);
	free(b->row_memory);
	free(b->candidates);
	free(b->steps);
	free(b->fixed);
	free(b->marked);
	memset(b, 0, sizeof(*b));
}
