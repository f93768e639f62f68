/* SPDX-License-Identifier: BSD-2-Clause */
/* Walking over a capture whose blocks are all known: files that nobody is writing to any more. */
#include "format/walk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format/merge.h"
#include "format/sieve.h"
#include "format/walk_impl.h"

/* A capture on its way through its boots: the blocks of one, in the order of their first event. */
struct lane {
	const struct reel_source *source;
	unsigned next_boot;
	const struct reel_boot *boot;
	uint32_t *order; /* of this boot */
	uint32_t n, next;
	struct reel_merge merge;
	struct reel_sieve sieve;
	struct reel_merge_event head; /* the next event of the lane */
	bool has_head, is_done;
};

struct indexed {
	struct reel_walk walk;
	const struct reel_reader *r;
	struct lane *lanes;
	unsigned n_lanes;
	struct lane *given; /* whose head was given out last */
};

struct order {
	uint64_t ts_min;
	uint32_t block;
};

static int by_ts_min(const void *a, const void *b)
{
	const struct order *x = a, *y = b;

	if (x->ts_min != y->ts_min)
		return x->ts_min < y->ts_min ? -1 : 1;
	return x->block < y->block ? -1 : x->block > y->block;
}

/* Whether the caller is asked about blocks of the kind, or types of such blocks. */
static const struct reel_picker *picker_of(const struct indexed *x, unsigned kind)
{
	const struct reel_filter *f = &x->walk.filter;

	return f->whole_state && (kind == TAPE_STATE || kind == TAPE_GAP) ? NULL : f->pick;
}

static int picks_block(const struct indexed *x, const struct reel_segment *s,
		       const struct reel_entry *e, struct reel_err *err)
{
	const struct reel_picker *pick = picker_of(x, e->kind);

	return pick && pick->block ? pick->block(pick->context, s, e, err) : 1;
}

/* Lists the blocks of the lane's next boot that may hold something wanted. */
static int enter_boot(struct indexed *x, struct lane *l, struct reel_err *err)
{
	const struct reel_reader *r = x->r;
	struct order *list;
	uint32_t room = 0;
	int wanted;

	l->boot = &r->boots[l->source->first_boot + l->next_boot++];
	for (unsigned i = 0; i < l->source->n_segments; i++) {
		const struct reel_segment *s = &r->segments[l->source->first_segment + i];

		room += s->boot == l->boot ? s->n_blocks : 0;
	}
	list = calloc(room + 1u, sizeof(*list));
	free(l->order);
	l->order = calloc(room + 1u, sizeof(*l->order));
	l->n = l->next = 0;
	if (!list || !l->order) {
		free(list);
		return reel_err_set(err, -ENOMEM, "no memory for the order of blocks");
	}
	reel_sieve_init(&l->sieve, &x->walk.filter, &l->boot->clocks);
	for (unsigned i = 0; i < l->source->n_segments; i++) {
		const struct reel_segment *s = &r->segments[l->source->first_segment + i];

		for (uint32_t b = 0; s->boot == l->boot && b < s->n_blocks; b++) {
			const struct reel_entry *e = &r->blocks[s->first_block + b];

			if (!reel_sieve_wants_block(&l->sieve, s, e))
				continue;
			wanted = picks_block(x, s, e, err);
			if (wanted < 0) {
				free(list);
				return wanted;
			}
			if (wanted)
				list[l->n++] = (struct order){ e->ts_min, s->first_block + b };
		}
	}
	qsort(list, l->n, sizeof(*list), by_ts_min);
	for (uint32_t i = 0; i < l->n; i++)
		l->order[i] = list[i].block;
	free(list);
	return 0;
}

static int load_block(struct indexed *x, struct lane *l, struct reel_err *err)
{
	const struct reel_entry *e = &x->r->blocks[l->order[l->next]];
	const struct reel_segment *s = &x->r->segments[e->segment];
	struct reel_merge_slot *slot = reel_merge_slot(&l->merge);
	const struct reel_picker *pick;
	struct reel_err why = { 0 };
	int r;

	if (!slot)
		return reel_err_set(err, -ENOMEM, "no memory for a block");
	r = reel_reader_unpack(x->r, l->order[l->next++], &slot->u, &why);
	if (r < 0) {
		reel_merge_drop(&l->merge, slot);
		if (r == -ENOMEM)
			return reel_err_set(err, r, "%s", why.msg);
		reel_health_add(&x->walk.health, s->path,
				s->path_offset + (uint64_t)(e->at - s->base), why.msg);
		return 0;
	}
	x->walk.stats.unpacked++;
	pick = picker_of(x, e->kind);
	r = pick && pick->unpacked ? pick->unpacked(pick->context, &slot->u, err) : 1;
	if (r > 0)
		return reel_merge_add(&l->merge, slot, err);
	reel_merge_drop(&l->merge, slot);
	return r;
}

static bool picks_event(const struct indexed *x, const struct reel_merge_event *e)
{
	const struct reel_filter *f = &x->walk.filter;

	return !f->pick || !f->pick->event || f->whole_state ||
	       f->pick->event(f->pick->context, e->u, e->i);
}

/* Finds the lane's next wanted event. */
static int advance(struct indexed *x, struct lane *l, struct reel_err *err)
{
	l->has_head = false;
	while (!l->is_done) {
		uint64_t bound = l->next < l->n ? x->r->blocks[l->order[l->next]].ts_min :
						  UINT64_MAX;
		uint64_t head = reel_merge_head(&l->merge);
		bool is_over = l->merge.bytes > REEL_WALK_BYTES / x->n_lanes && head != UINT64_MAX;
		int r;

		if (is_over && head >= bound) {
			x->walk.health.disordered++;
			bound = UINT64_MAX;
		}
		while (reel_merge_next(&l->merge, bound, &l->head)) {
			if (reel_sieve_wants_event(&l->sieve, &l->head) &&
			    picks_event(x, &l->head)) {
				l->has_head = true;
				return 0;
			}
			if (is_over)
				break;
		}
		if (is_over)
			continue;
		if (l->next < l->n) {
			r = load_block(x, l, err);
		} else if (l->next_boot < l->source->n_boots) {
			r = enter_boot(x, l, err);
		} else {
			l->is_done = true;
			return 0;
		}
		if (r < 0)
			return r;
	}
	return 0;
}

static int64_t head_realtime(struct lane *l)
{
	return reel_clocks_realtime(&l->boot->clocks, l->head.u->ts[l->head.i], &l->sieve.clock);
}

static int indexed_next(struct reel_walk *w, struct reel_event *ret, struct reel_err *err)
{
	struct indexed *x = (struct indexed *)w;
	struct lane *best = NULL;
	int r;

	if (x->given) {
		r = advance(x, x->given, err);
		if (r < 0)
			return r;
	}
	if (x->n_lanes == 1 && x->lanes[0].has_head)
		best = &x->lanes[0];
	else
		for (unsigned i = 0; i < x->n_lanes; i++)
			if (x->lanes[i].has_head &&
			    (!best || head_realtime(&x->lanes[i]) < head_realtime(best)))
				best = &x->lanes[i];
	x->given = best;
	if (!best)
		return 0;
	reel_unpacked_event(best->head.u, best->head.run, best->head.i, ret);
	w->stats.events++;
	return 1;
}

static int64_t indexed_realtime(struct reel_walk *w, const struct reel_event *ev)
{
	struct indexed *x = (struct indexed *)w;

	return reel_clocks_realtime(&x->given->boot->clocks, ev->ts, &x->given->sieve.clock);
}

static void indexed_close(struct reel_walk *w)
{
	struct indexed *x = (struct indexed *)w;

	for (unsigned i = 0; x->lanes && i < x->n_lanes; i++) {
		reel_merge_done(&x->lanes[i].merge);
		free(x->lanes[i].order);
	}
	free(x->lanes);
	free(x);
}

static const struct reel_walk_ops indexed_ops = { indexed_next, indexed_realtime, indexed_close,
						  NULL, NULL };

/* GAP blocks are read in any case: whoever asks must hear what was lost in the time asked for. */
static void count_losses(struct indexed *x)
{
	struct reel_unpacked u = { 0 };

	for (uint32_t i = 0; i < x->r->n_blocks; i++) {
		const struct reel_entry *e = &x->r->blocks[i];
		const struct reel_segment *s = &x->r->segments[e->segment];
		struct reel_sieve sieve;
		struct reel_err why;

		if (e->kind != TAPE_GAP)
			continue;
		if (reel_reader_unpack(x->r, i, &u, &why) < 0) {
			reel_health_add(&x->walk.health, s->path,
					s->path_offset + (uint64_t)(e->at - s->base), why.msg);
			continue;
		}
		reel_sieve_init(&sieve, &x->walk.filter, &s->boot->clocks);
		x->walk.health.lost += reel_sieve_count_lost(&sieve, &u);
	}
	reel_unpack_done(&u);
}

int reel_walk_open(const struct reel_reader *r, const struct reel_filter *f, struct reel_walk **ret,
		   struct reel_err *err)
{
	struct indexed *x = calloc(1, sizeof(*x));
	int result = 0;

	if (!x)
		return reel_err_set(err, -ENOMEM, "no memory for a walk");
	x->walk.ops = &indexed_ops;
	if (f)
		x->walk.filter = *f;
	x->walk.health = r->health;
	x->walk.stats.blocks = r->n_blocks;
	x->r = r;
	x->lanes = calloc(r->n_sources + 1u, sizeof(*x->lanes));
	if (!x->lanes)
		result = reel_err_set(err, -ENOMEM, "no memory for a walk");
	x->n_lanes = r->n_sources;
	if (!x->walk.filter.no_losses)
		count_losses(x);
	for (unsigned i = 0; result == 0 && i < x->n_lanes; i++) {
		x->lanes[i].source = &r->sources[i];
		result = advance(x, &x->lanes[i], err);
	}
	if (result < 0) {
		indexed_close(&x->walk);
		return result;
	}
	*ret = &x->walk;
	return 0;
}

int reel_walk_next(struct reel_walk *w, struct reel_event *ret, struct reel_err *err)
{
	return w->ops->next(w, ret, err);
}

int64_t reel_walk_realtime(struct reel_walk *w, const struct reel_event *ev)
{
	return w->ops->realtime(w, ev);
}

void reel_walk_wait(struct reel_walk *w, const struct reel_walk_wait *wait)
{
	if (w->ops->wait)
		w->ops->wait(w, wait);
}

const struct reel_boot *reel_walk_settled(const struct reel_walk *w, uint64_t *ret_ts)
{
	*ret_ts = 0;
	return w->ops->settled ? w->ops->settled(w, ret_ts) : NULL;
}

const uint8_t *reel_event_boot(const struct reel_event *ev)
{
	return ev->segment->meta.boot;
}

const struct reel_health *reel_walk_health(const struct reel_walk *w)
{
	return &w->health;
}

void reel_walk_stats(const struct reel_walk *w, struct reel_walk_stats *ret)
{
	*ret = w->stats;
}

void reel_walk_close(struct reel_walk *w)
{
	if (w)
		w->ops->close(w);
}
