/* SPDX-License-Identifier: BSD-2-Clause */
/* The two ways of scanning blocks as they lie: event by event, or counted by type. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format/clocks.h"
#include "query/scan_impl.h"

/* Event by event ----------------------------------------------------------------------------- */

struct lying {
	struct scan scan;
	struct scan_blocks blocks;
	struct reel_clock_cache clock;
	const struct reel_boot *boot; /* that the clock is of */
	uint32_t at, n;		      /* the event, and how many the block has */
	uint32_t run;
	bool any_event;
};

static int lying_next(struct scan *s, struct reel_err *err)
{
	struct lying *l = (struct lying *)s;

	for (;;) {
		int r;

		if (++l->at < l->n && l->any_event)
			return 1;
		if (l->at < l->n)
			l->at = scan_blocks_find(&l->blocks, l->at, &l->run);
		if (l->at < l->n)
			return 1;
		r = scan_blocks_next(&l->blocks, err);
		if (r <= 0)
			return r;
		l->n = l->blocks.u.n_events;
		l->any_event = l->blocks.any_event;
		l->run = 0;
		l->at = UINT32_MAX; /* one before the first */
	}
}

static void lying_event(struct scan *s)
{
	struct lying *l = (struct lying *)s;
	struct reel_unpacked *u = &l->blocks.u;

	while (l->at >= u->run_at[l->run + 1])
		l->run++;
	reel_unpacked_event(u, l->run, l->at, &s->event.ev);
	if (l->boot != u->segment->boot) {
		l->boot = u->segment->boot;
		l->clock = (struct reel_clock_cache){ 0 };
	}
	s->event.realtime_ns = reel_clocks_realtime(&l->boot->clocks, s->event.ev.ts, &l->clock);
	s->event.n_beside = 0;
}

static void lying_close(struct scan *s)
{
	struct lying *l = (struct lying *)s;

	scan_blocks_done(&l->blocks);
	free(l);
}

static const struct scan_ops lying_ops = { lying_next, lying_event, lying_close };

int scan_open_lying(struct reel_capture *c, const struct scan_question *q, struct scan **ret,
		    struct reel_err *err)
{
	struct lying *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return reel_err_set(err, -ENOMEM, "no memory for a scan");
	l->scan.ops = &lying_ops;
	r = scan_blocks_init(&l->blocks, c, q, err);
	if (r < 0) {
		free(l);
		return r;
	}
	*ret = &l->scan;
	return 0;
}

/* Counted ------------------------------------------------------------------------------------ */

/* So many events of a type. Another schema has another one, but mostly of the same name. */
struct tally {
	const struct reel_segment *segment; /* one that has it */
	const struct reel_type *type;
	uint64_t n;
};

struct counted {
	struct scan scan;
	struct scan_blocks blocks;
	bool has_counted;
	struct tally *tallies; /* by the names of their types, when all is counted */
	size_t n_tallies, at;
	uint64_t left; /* of the one before at */
};

static int add(struct counted *x, unsigned id, uint64_t n)
{
	const struct reel_unpacked *u = &x->blocks.u;
	const struct reel_type *type = u->schema->types[id];
	struct tally *larger;

	for (size_t i = 0; i < x->n_tallies; i++) {
		if (x->tallies[i].type == type) {
			x->tallies[i].n += n;
			return 0;
		}
	}
	larger = reallocarray(x->tallies, x->n_tallies + 1, sizeof(*larger));
	if (!larger)
		return -ENOMEM;
	x->tallies = larger;
	larger[x->n_tallies++] = (struct tally){ u->segment, type, n };
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct tally *)a)->type->name, ((const struct tally *)b)->type->name);
}

static int count_block(struct counted *x)
{
	struct scan_blocks *b = &x->blocks;
	const struct scan_question *q = x->scan.q;
	const struct reel_unpacked *u = &b->u;
	uint64_t n_of[EV_MAX_TYPES] = { 0 };
	uint32_t run = 0;
	int r = 0;

	if (b->any_time && !q->filter.n_pids && !q->string.field && !q->has_id) {
		for (unsigned t = 0; t < EV_MAX_TYPES; t++)
			if (!q->filter.some_types || q->filter.types[t])
				n_of[t] = u->groups[t].n;
	} else {
		for (uint32_t i = 0; (i = scan_blocks_find(b, i, &run)) < u->n_events; i++)
			n_of[u->type[i]]++;
	}
	for (unsigned t = 0; t < EV_MAX_TYPES && r == 0; t++)
		if (n_of[t])
			r = add(x, t, n_of[t]);
	return r;
}

static int count_all(struct counted *x, struct reel_err *err)
{
	int r;

	while ((r = scan_blocks_next(&x->blocks, err)) > 0)
		if (count_block(x) < 0)
			return reel_err_set(err, -ENOMEM, "no memory to count events by type");
	if (x->n_tallies)
		qsort(x->tallies, x->n_tallies, sizeof(*x->tallies), by_name);
	x->has_counted = r == 0;
	return r;
}

static int counted_next(struct scan *s, struct reel_err *err)
{
	struct counted *x = (struct counted *)s;
	int r = x->has_counted ? 0 : count_all(x, err);

	if (r < 0)
		return r;
	s->has_event = true;
	if (x->left) {
		x->left--;
		return 1;
	}
	if (x->at == x->n_tallies)
		return 0;
	s->event = (struct scan_event){
		.ev = { .type = x->tallies[x->at].type, .segment = x->tallies[x->at].segment },
	};
	x->left = x->tallies[x->at++].n - 1;
	return 1;
}

static void counted_close(struct scan *s)
{
	struct counted *x = (struct counted *)s;

	free(x->tallies);
	scan_blocks_done(&x->blocks);
	free(x);
}

static const struct scan_ops counted_ops = { counted_next, NULL, counted_close };

int scan_open_counted(struct reel_capture *c, const struct scan_question *q, struct scan **ret,
		      struct reel_err *err)
{
	struct counted *x = calloc(1, sizeof(*x));
	int r;

	if (!x)
		return reel_err_set(err, -ENOMEM, "no memory for a scan");
	x->scan.ops = &counted_ops;
	r = scan_blocks_init(&x->blocks, c, q, err);
	if (r < 0) {
		free(x);
		return r;
	}
	*ret = &x->scan;
	return 0;
}
