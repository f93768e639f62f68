/* SPDX-License-Identifier: BSD-2-Clause */
/* What is not on tape, as far as the tape tells, and what that makes of a match. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "replay/engine_impl.h"

static bool gap_concerns_type(const struct engine_gap *g, const struct reel_type *type)
{
	if (g->reason == BLIND_PROCESS)
		return false;
	if (g->by_types)
		return g->types[type->id / 8] >> type->id % 8 & 1;
	return g->reason == BLIND_END || !g->class_id || g->class_id == type->class_id;
}

void engine_tell_gap(struct engine *e, const struct engine_gap *gap)
{
	if (gap->reason != BLIND_PROCESS)
		model_lost(e->model, gap->class_id, gap->to_ns);
	if (gap_concerns_type(gap, reel_type_by_id(EV_dns)))
		model_dns_lost(e->model, gap->to_ns);
}

int engine_add_gap(struct engine *e, const struct engine_gap *gap, struct reel_err *err)
{
	struct engine_boot *b = e->boot;
	uint32_t at;

	if (b->n_gaps == b->gaps_room) {
		uint32_t room = b->gaps_room ? 2 * b->gaps_room : 16;
		struct engine_gap *gaps = reallocarray(b->gaps, room, sizeof(*gaps));

		if (!gaps)
			return reel_err_set(err, -ENOMEM, "no memory for gaps");
		b->gaps = gaps;
		b->gaps_room = room;
	}
	for (at = b->n_gaps++; at > 0 && b->gaps[at - 1].from_ns > gap->from_ns; at--)
		b->gaps[at] = b->gaps[at - 1];
	b->gaps[at] = *gap;
	/* One that began before now is told to the model at once. */
	if (at < e->gaps_passed) {
		e->gaps_passed++;
		engine_tell_gap(e, gap);
	}
	return 0;
}

static uint64_t read_field(const struct reel_event *ev, const char *name, uint64_t otherwise)
{
	const struct reel_field *f = reel_type_field(ev->type, name);

	return f && !reel_field_is_string(f) ? reel_event_number(ev, f) : otherwise;
}

int engine_lost(struct engine *e, const struct reel_event *ev, struct reel_err *err)
{
	struct engine_gap gap = { .reason = BLIND_LOST };
	int r;

	if (ev->type->id != EV_lost)
		return 0;
	gap.from_ns = read_field(ev, "first", 0);
	gap.to_ns = read_field(ev, "last", ev->ts);
	gap.count = read_field(ev, "count", 1);
	e->health.lost += gap.count;
	gap.class_id = (uint8_t)read_field(ev, "lost_class", 0);
	/* Nobody knows when: from the beginning up to when it was told. */
	if (!gap.to_ns || gap.to_ns < gap.from_ns)
		gap.to_ns = ev->ts > gap.from_ns ? ev->ts : gap.from_ns;
	r = engine_add_gap(e, &gap, err);
	if (r < 0 || !e->is_live || ev->ts <= gap.to_ns || !model_reads_class(gap.class_id))
		return r;
	/* Until now nobody knew that what is known of processes may be wrong. */
	gap.from_ns = gap.to_ns;
	gap.to_ns = ev->ts;
	gap.count = 0;
	gap.reason = BLIND_PROCESS;
	return engine_add_gap(e, &gap, err);
}

int engine_broken(struct engine *e, const struct reel_entry *entry, struct reel_err *err)
{
	struct engine_gap gap = { .from_ns = entry->ts_min,
				  .to_ns = entry->ts_max,
				  .count = entry->n_events,
				  .reason = BLIND_DAMAGE,
				  .by_types = true };
	int r;

	memcpy(gap.types, entry->types, sizeof(gap.types));
	/* Types of state make the model doubtful, those of events do not. */
	gap.class_id = entry->kind == TAPE_STATE ? 0 : EV_CLASS_tape;
	r = engine_add_gap(e, &gap, err);
	if (r == 0 && entry->kind == TAPE_STATE)
		model_lost(e->model, 0, gap.to_ns);
	return r;
}

/* Before the first event ----------------------------------------------------------------------- */

static int read_gap_block(struct engine *e, const struct reel_reader *r, uint32_t i,
			  struct reel_unpacked *u, struct reel_err *err)
{
	struct reel_err why = { 0 };
	int result = reel_reader_unpack(r, i, u, &why);

	if (result == -ENOMEM)
		return reel_err_set(err, result, "%s", why.msg);
	if (result < 0) {
		/* What was lost then nobody knows any more. */
		struct engine_gap gap = { .to_ns = r->blocks[i].ts_max, .reason = BLIND_DAMAGE };

		return engine_add_gap(e, &gap, err);
	}
	for (uint32_t run = 0; run < u->n_runs; run++) {
		for (uint32_t k = u->run_at[run]; k < u->run_at[run + 1]; k++) {
			struct reel_event ev;

			if (u->type[k] != EV_lost)
				continue;
			reel_unpacked_event(u, run, k, &ev);
			result = engine_lost(e, &ev, err);
			if (result < 0)
				return result;
		}
	}
	return 0;
}

static uint64_t sequence_of(const struct reel_entry *entry)
{
	struct tape_header h;

	memcpy(&h, entry->at, sizeof(h));
	return h.sequence;
}

/*
 * Blocks that are not there between two that are. What was in them is younger than what had been
 * settled before, and not younger than what comes soon behind them.
 */
static int missing_blocks(struct engine *e, const struct reel_reader *r,
			  const struct reel_segment *s, struct reel_err *err)
{
	uint64_t expected = s->first_sequence + 2, settled = 0;
	int result = 0;

	if (s->is_cut)
		return 0;
	for (uint32_t b = 0; result == 0 && b < s->n_blocks; b++) {
		const struct reel_entry *entry = &r->blocks[s->first_block + b];
		uint64_t sequence = sequence_of(entry);

		if (sequence > expected) {
			struct engine_gap gap = { .from_ns = settled ? settled : s->boot->ts_min,
						  .reason = BLIND_DAMAGE };

			for (uint32_t k = b; k < s->n_blocks && k < b + 8; k++)
				if (r->blocks[s->first_block + k].ts_max > gap.to_ns)
					gap.to_ns = r->blocks[s->first_block + k].ts_max;
			result = engine_add_gap(e, &gap, err);
		}
		expected = sequence + 1;
		if (entry->settled > settled)
			settled = entry->settled;
	}
	return result;
}

static uint64_t settled_by_end(const struct reel_reader *r, const struct reel_segment *s)
{
	uint64_t settled = 0;

	for (uint32_t b = 0; b < s->n_blocks; b++)
		if (r->blocks[s->first_block + b].settled > settled)
			settled = r->blocks[s->first_block + b].settled;
	return settled;
}

static uint64_t end_of(const struct reel_reader *r, const struct reel_segment *s)
{
	uint64_t end = 0;

	for (uint32_t b = 0; b < s->n_blocks; b++)
		if (r->blocks[s->first_block + b].ts_max > end)
			end = r->blocks[s->first_block + b].ts_max;
	return end;
}

/* From the end of a segment to the beginning of the next, or to the end of the boot. */
static int between_segments(struct engine *e, const struct reel_reader *r,
			    const struct reel_segment *s, const struct reel_segment *next,
			    struct reel_err *err)
{
	struct engine_gap gap = { .from_ns = end_of(r, s), .reason = BLIND_END };

	if (s->is_cut)
		return 0;
	if (s->ending != REEL_COMPLETE) {
		uint64_t settled = settled_by_end(r, s);

		if (settled && settled < gap.from_ns)
			gap.from_ns = settled;
	} else if (!next || (s->has_end && next->first_sequence == s->last_sequence + 1 &&
			     next->meta.run == s->meta.run)) {
		return 0;
	}
	/* Behind the last segment nothing comes that could be doubtful. */
	gap.class_id = next ? 0 : EV_CLASS_tape;
	gap.to_ns = next ? next->meta.start.boottime_ns : s->boot->ts_max;
	if (gap.to_ns < gap.from_ns)
		gap.to_ns = gap.from_ns;
	return engine_add_gap(e, &gap, err);
}

int engine_find_gaps(struct engine *e, const struct reel_reader *r, struct reel_err *err)
{
	const struct reel_boot *boot = e->boot->boot;
	const struct reel_source *source = &r->sources[boot->source];
	const struct reel_segment *before = NULL;
	struct reel_unpacked u = { 0 };
	int result = 0;

	for (unsigned i = 0; result == 0 && i < source->n_segments; i++) {
		const struct reel_segment *s = &r->segments[source->first_segment + i];

		if (s->boot != boot)
			continue;
		if (before)
			result = between_segments(e, r, before, s, err);
		/* Whether there are any, the index knows: it has also seen blocks of kinds that
		 * nobody reads. */
		if (result == 0 && r->health.missing_blocks)
			result = missing_blocks(e, r, s, err);
		for (uint32_t b = 0; result == 0 && b < s->n_blocks; b++)
			if (r->blocks[s->first_block + b].kind == TAPE_GAP)
				result = read_gap_block(e, r, s->first_block + b, &u, err);
		before = s;
	}
	if (result == 0 && before)
		result = between_segments(e, r, before, NULL, err);
	reel_unpack_done(&u);
	return result;
}

/* While events go by --------------------------------------------------------------------------- */

int engine_folded(struct engine *e, const struct reel_event *ev, struct reel_err *err)
{
	struct ev_fold scratch;
	const struct ev_fold *fold = reel_event_as(ev, &scratch, sizeof(scratch));
	int r = 0;

	if (!ev->segment->schema->as_built[EV_fold])
		return 0;
	if (fold->reads)
		r = blind_add(&e->boot->folded_reads, BLIND_FOLDED, fold->first, fold->last,
			      fold->reads);
	if (r == 0 && fold->writes)
		r = blind_add(&e->boot->folded_writes, BLIND_FOLDED, fold->first, fold->last,
			      fold->writes);
	return r < 0 ? reel_err_set(err, r, "no memory for gaps") : 0;
}

int engine_covered(struct engine *e, struct reel_err *err)
{
	struct engine_boot *b = e->boot;
	struct missing_types *last = b->n_missing ? &b->missing[b->n_missing - 1] : NULL;

	e->coverage_changed = false;
	if (last && memcmp(last->types, b->coverage.missing, sizeof(last->types)) == 0)
		return 0;
	if (b->n_missing == b->missing_room) {
		uint32_t room = b->missing_room ? 2 * b->missing_room : 4;
		struct missing_types *list = reallocarray(b->missing, room, sizeof(*list));

		if (!list)
			return reel_err_set(err, -ENOMEM, "no memory for coverage");
		b->missing = list;
		b->missing_room = room;
	}
	last = &b->missing[b->n_missing++];
	/* What is said at the beginning holds from there on. */
	last->from_ns = b->n_missing == 1 ? 0 : e->coverage_ns;
	memcpy(last->types, b->coverage.missing, sizeof(last->types));
	model_dns_missing(e->model, last->types[EV_dns / 8] >> EV_dns % 8 & 1, e->coverage_ns);
	return 0;
}

/* Whether one of the steps reads what is missing, or was lost, in this time. */
static bool is_unseen(const struct engine *e, const uint32_t *steps, uint32_t n, uint64_t from_ns,
		      uint64_t to_ns)
{
	const struct engine_boot *b = e->boot;

	for (uint32_t i = 0; i < n; i++) {
		const uint8_t *types = e->rules->steps[steps[i]].types;

		for (unsigned t = 0; t < EV_MAX_TYPES; t++) {
			const struct reel_type *type = reel_type_by_id(t);

			if (!(types[t / 8] >> t % 8 & 1) || !type)
				continue;
			for (uint32_t k = 0; k < b->n_missing; k++)
				if (b->missing[k].types[t / 8] >> t % 8 & 1 &&
				    b->missing[k].from_ns <= to_ns &&
				    (k + 1 == b->n_missing || b->missing[k + 1].from_ns > from_ns))
					return true;
			for (uint32_t k = 0; k < b->n_gaps && b->gaps[k].from_ns <= to_ns; k++) {
				const struct engine_gap *g = &b->gaps[k];
				if (g->to_ns >= from_ns && gap_concerns_type(g, type))
					return true;
			}
			if ((t == EV_read && blind_touches(&b->folded_reads, from_ns, to_ns)) ||
			    (t == EV_write && blind_touches(&b->folded_writes, from_ns, to_ns)))
				return true;
		}
	}
	return false;
}

bool engine_is_despite(const struct engine *e, const struct match *m)
{
	const struct rule *rule = &e->rules->list[m->rule];
	uint64_t to_ns = m->last_ns + rule->nodes[m->node].wait_ns;

	if (m->is_despite || is_unseen(e, rule->unlesses, rule->n_unlesses, m->first_ns, to_ns))
		return true;
	for (int32_t n = (int32_t)m->node; n >= 0; n = rule->nodes[n].parent) {
		const struct rule_node *node = &rule->nodes[n];

		if (is_unseen(e, node->unlesses, node->n_unlesses, m->first_ns, to_ns) ||
		    is_unseen(e, node->stops, node->n_stops, m->first_ns, m->last_ns) ||
		    is_unseen(e, node->guards, node->n_guards, m->first_ns, m->last_ns))
			return true;
	}
	return false;
}
