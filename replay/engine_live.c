/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Events one by one, from a pipe or a tape that is being written: what is not known in advance. Of
 * losses too nothing is known until they are told, soon after they happened; in the end rules that
 * look at processes are said to have been blind until then.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "replay/engine_impl.h"

/* How many blocks behind a hole may begin before its end does; as engine_gaps.c has it. */
enum { BLOCKS_BEHIND_A_HOLE = 8 };

/* For how long, and how much, events wait for the first keyframe to be whole: it tells who is who.
 * Where none has begun in the first second there will be none. */
#define KEYFRAME_NS (10 * 1000000000ull)
#define NO_KEYFRAME_NS 1000000000ull
enum { HELD_BYTES = 64 << 20 };

/* Whether what is asked of an event's segment is the same of both. */
static bool is_alike(const struct reel_segment *a, const struct reel_segment *b)
{
	return a->boot == b->boot && a->schema == b->schema && a->meta.run == b->meta.run &&
	       a->is_cut == b->is_cut && a->cut_from_ns == b->cut_from_ns &&
	       a->cut_to_ns == b->cut_to_ns &&
	       memcmp(a->meta.capture, b->meta.capture, TAPE_ID_BYTES) == 0 &&
	       strcmp(a->meta.host, b->meta.host) == 0;
}

/* A copy that stays where it is, since evidence refers to it: one for all of a run that are alike,
 * the first of them, so that memory does not grow with each segment. */
static int keep_segment(struct engine *e, const struct reel_segment *s, struct reel_err *err)
{
	struct reel_segment **list, *copy;

	e->segment_id = s->id;
	for (unsigned i = e->n_segments; i > 0; i--) {
		if (!is_alike(e->segments[i - 1], s))
			continue;
		e->segment = e->segments[i - 1];
		return 0;
	}
	list = reallocarray(e->segments, e->n_segments + 1u, sizeof(*list));
	if (list)
		e->segments = list;
	copy = list ? malloc(sizeof(*copy)) : NULL;
	if (!copy)
		return reel_err_set(err, -ENOMEM, "no memory for a segment");
	*copy = *s;
	/* What lies in its file, and the keys to it, go with the walk's own. */
	copy->path = NULL;
	copy->base = NULL;
	copy->crypt = NULL;
	e->segments[e->n_segments++] = copy;
	e->segment = copy;
	return 0;
}

/* Nobody recorded from the end of one recording to the beginning of the next. */
static int between_runs(struct engine *e, const struct reel_segment *before, struct reel_err *err)
{
	const struct reel_segment *s = e->segment;
	struct engine_gap gap = { .from_ns = e->now_ns,
				  .to_ns = s->meta.start.boottime_ns,
				  .reason = BLIND_END };

	if (!before || before == s || before->boot != s->boot || before->meta.run == s->meta.run ||
	    before->is_cut || gap.to_ns < gap.from_ns)
		return 0;
	return engine_add_gap(e, &gap, err);
}

void engine_want_names(struct engine *e)
{
	for (uint32_t i = 0; i < e->rules->n_steps; i++) {
		if (!e->rules->steps[i].reads_names)
			continue;
		scan_plan_want_names(e->scan_plan, NULL);
		return;
	}
}

static int look_at(struct engine *e, const struct reel_event *ev, struct reel_err *err)
{
	bool is_state = ev->type->stream == TAPE_STATE;

	if (ev->ts > e->now_ns)
		e->now_ns = ev->ts;
	e->stats.events++;
	if (ev->type->stream == TAPE_GAP)
		return engine_lost(e, ev, err);
	if (ev->type->stream == TAPE_CLOCK)
		return 0;
	scan_event(&e->scanner, ev);
	if (!e->scanner.n_found && !is_state && !e->scan_plan->wants[ev->type->id] &&
	    !scan_type_names(e->scan_plan, ev->segment->schema, ev->type->id))
		return 0;
	e->stats.candidates++;
	return engine_judge(e, ev, is_state, e->scanner.found, e->scanner.n_found, err);
}

/* Before the first keyframe ------------------------------------------------------------------- */

void engine_free_held(struct engine *e)
{
	for (uint32_t i = 0; i < e->held.n; i++)
		seen_unref(e->model, e->held.list[i]);
	free(e->held.list);
	memset(&e->held, 0, sizeof(e->held));
}

/* They take their turns. */
static int release(struct engine *e, struct reel_err *err)
{
	int r;

	if (!e->held.is_open)
		return 0;
	e->held.is_open = false;
	r = engine_introduce_held(e, e->held.list, e->held.n, err);
	for (uint32_t i = 0; i < e->held.n && r == 0; i++)
		r = look_at(e, &e->held.list[i]->event, err);
	engine_free_held(e);
	return r;
}

static int hold(struct engine *e, const struct reel_event *ev, struct reel_err *err)
{
	bool is_end = false;
	struct seen *copy;

	if (e->held.n == e->held.room) {
		uint32_t room = e->held.room ? 2 * e->held.room : 256;
		struct seen **list = reallocarray(e->held.list, room, sizeof(*list));

		if (!list)
			return reel_err_set(err, -ENOMEM, "no memory for the first keyframe");
		e->held.list = list;
		e->held.room = room;
	}
	copy = seen_new(e->model, ev, NULL, 0);
	if (!copy)
		return reel_err_set(err, -ENOMEM, "no memory for the first keyframe");
	e->held.list[e->held.n++] = copy;
	e->held.bytes += copy->bytes;
	if (ev->type->id == EV_keyframe && ev->segment->schema->as_built[EV_keyframe]) {
		struct ev_keyframe scratch;
		const struct ev_keyframe *k = reel_event_as(ev, &scratch, sizeof(scratch));

		e->held.has_keyframe = true;
		is_end = k->edge;
	}
	return is_end || e->held.bytes > HELD_BYTES ||
			       ev->ts - e->boot->first_ns >
				       (e->held.has_keyframe ? KEYFRAME_NS : NO_KEYFRAME_NS) ?
		       release(e, err) :
		       0;
}

/* Events -------------------------------------------------------------------------------------- */

int engine_event(struct engine *e, const struct reel_event *event, struct reel_err *err)
{
	const struct reel_segment *before = e->segment;
	struct reel_event ev = *event;
	int r = 0;

	if (!e->is_live)
		engine_want_names(e);
	e->is_live = true;
	if (!e->segment || e->segment_id != ev.segment->id || e->segment->boot != ev.segment->boot)
		r = keep_segment(e, ev.segment, err);
	if (r < 0)
		return r;
	ev.segment = e->segment;
	if (!e->boot || e->boot->boot != ev.segment->boot) {
		r = release(e, err);
		if (r == 0)
			r = engine_end_boot(e, err);
		if (r == 0)
			r = engine_begin_boot(e, ev.segment->boot, ev.segment, err);
		if (r == 0)
			r = scanner_init(&e->scanner, e->scan_plan, err);
		if (r < 0)
			return r;
		e->has_scanner = true;
		e->settled_ns = 0;
		e->boot->first_ns = ev.ts;
		e->held.is_open = true;
	} else if (before != e->segment) {
		r = between_runs(e, before, err);
		if (r < 0)
			return r;
	}
	return e->held.is_open ? hold(e, &ev, err) : look_at(e, &ev, err);
}

int engine_settled(struct engine *e, const struct reel_boot *boot, uint64_t settled_ns,
		   struct reel_err *err)
{
	if (!e->boot || e->boot->boot != boot || settled_ns <= e->settled_ns)
		return 0;
	e->settled_ns = settled_ns;
	if (e->held.is_open)
		return settled_ns > e->boot->first_ns + KEYFRAME_NS ? release(e, err) : 0;
	if (e->now_ns > e->boot->last_ns)
		e->boot->last_ns = e->now_ns;
	return sequence_time(e->sequence, settled_ns, err);
}

static int add_hole(struct engine *e, uint64_t to_ns, struct reel_err *err)
{
	struct engine_gap gap = { .from_ns = e->hole.from_ns, .reason = e->hole.reason };

	gap.to_ns = to_ns > gap.from_ns ? to_ns : gap.from_ns;
	e->hole.from_ns = gap.to_ns;
	return engine_add_gap(e, &gap, err);
}

/*
 * What is missing was not settled when it should have come, so it is no older than what has been
 * looked at; and not younger than what comes in the next few blocks.
 */
int engine_walked(struct engine *e, const struct reel_walk *w, struct reel_err *err)
{
	const struct reel_health *h = reel_walk_health(w);
	struct reel_walk_stats stats;
	int r = 0;

	if (!e->boot || (!e->hole.is_open && h->n_damages == e->hole.n_damages &&
			 h->torn_bytes == e->hole.torn_bytes &&
			 h->unclean_segments == e->hole.unclean_segments))
		return 0;
	reel_walk_stats(w, &stats);
	if (h->n_damages != e->hole.n_damages || h->torn_bytes != e->hole.torn_bytes ||
	    h->unclean_segments != e->hole.unclean_segments) {
		if (!e->hole.is_open)
			e->hole.from_ns = e->now_ns;
		e->hole.is_open = true;
		/* A writer that died leaves an end, and no damage. */
		e->hole.reason = h->n_damages != e->hole.n_damages ? BLIND_DAMAGE : BLIND_END;
		e->hole.n_damages = h->n_damages;
		e->hole.torn_bytes = h->torn_bytes;
		e->hole.unclean_segments = h->unclean_segments;
		e->hole.until_block = stats.blocks + BLOCKS_BEHIND_A_HOLE;
		r = add_hole(e, stats.newest_ns, err);
	}
	if (r == 0 && stats.blocks >= e->hole.until_block) {
		e->hole.is_open = false;
		r = add_hole(e, stats.newest_ns, err);
	}
	return r;
}

int engine_end(struct engine *e, const struct reel_health *health, struct reel_err *err)
{
	int r = release(e, err);

	if (r == 0 && e->boot && e->hole.is_open)
		r = add_hole(e, e->now_ns, err);
	e->hole.is_open = false;
	/* What follows the last event of a stream that was cut off nobody has seen. */
	if (r == 0 && e->boot && health->ending != REEL_COMPLETE) {
		struct engine_gap gap = { .from_ns = e->now_ns,
					  .to_ns = e->now_ns,
					  .reason = health->n_damages ? BLIND_DAMAGE : BLIND_END,
					  .class_id = EV_CLASS_tape };

		r = engine_add_gap(e, &gap, err);
	}
	e->health = *health;
	return r < 0 ? r : engine_end_boot(e, err);
}
