/* SPDX-License-Identifier: BSD-2-Clause */
/* Events in their order, and whose they are. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "query/scan_impl.h"
#include "replay/context.h"

_Static_assert(sizeof(((struct scan_event *)0)->beside) ==
		       CONTEXT_VALUES_MAX * sizeof(struct reel_render_value),
	       "scan_event has room for what is known of a process");

struct ordered {
	struct scan scan;
	struct reel_picker pick;
	struct reel_walk *walk;
	struct context *context;  /* NULL: nobody asks */
	struct scan_lives *lives; /* NULL: of any process */
};

static int pick_block(void *context, const struct reel_segment *s, const struct reel_entry *e,
		      struct reel_err *err)
{
	const struct ordered *o = context;
	const struct scan_question *q = o->scan.q;
	const struct reel_capture *c = o->scan.capture;

	(void)err;
	if (q->has_id &&
	    !reel_capture_may_have(c, (uint32_t)(e - c->reader->blocks), q->cpu, q->seq))
		return 0;
	return !o->lives || scan_lives_may_be_in(o->lives, s, e);
}

static int pick_unpacked(void *context, struct reel_unpacked *u, struct reel_err *err)
{
	const struct ordered *o = context;
	const struct scan_question *q = o->scan.q;
	int r = scan_interrupted(q, err);

	if (r < 0)
		return r;
	return !q->string.field || scan_block_has(&q->string, &u->strings);
}

/* What is given for the model alone is not what was asked for. */
static bool is_asked_for(const struct scan_question *q, const struct reel_event *ev, int64_t real)
{
	const struct reel_filter *f = &q->filter;
	const struct reel_segment *s = ev->segment;
	bool is_of_pid = f->n_pids == 0;

	for (unsigned i = 0; i < f->n_pids && !is_of_pid; i++)
		is_of_pid = f->pids[i] == ev->pid;
	if (!is_of_pid || (f->some_types && !f->types[ev->type->id]))
		return false;
	if (s->is_cut && (real < s->cut_from_ns || real >= s->cut_to_ns))
		return false;
	if (f->from.kind == REEL_BOOTTIME && ev->ts < (uint64_t)f->from.ns)
		return false;
	return f->from.kind != REEL_REALTIME || real >= f->from.ns;
}

static bool is_of_id(const struct scan_question *q, const struct reel_event *ev)
{
	const uint8_t *boot = reel_event_boot(ev);
	uint32_t first = (uint32_t)boot[0] << 24 | (uint32_t)boot[1] << 16 |
			 (uint32_t)boot[2] << 8 | boot[3];

	return !q->has_id || (ev->cpu == q->cpu && ev->seq == q->seq && first == q->boot8);
}

/* Text or blob, it has these bytes. */
static bool is_of_exe(const struct scan_question *q, const struct scan_event *e)
{
	for (unsigned i = 0; i < e->n_beside; i++) {
		const struct reel_string *s = &e->beside[i].string;

		if (strcmp(e->beside[i].name, "exe") == 0)
			return s->length == q->exe_length &&
			       memcmp(s->bytes, q->exe, s->length) == 0;
	}
	return false;
}

static int ordered_next(struct scan *s, struct reel_err *err)
{
	struct ordered *o = (struct ordered *)s;
	const struct scan_question *q = s->q;
	struct scan_event *e = &s->event;
	int r;

	s->has_event = true;
	e->n_beside = 0;
	while ((r = reel_walk_next(o->walk, &e->ev, err)) > 0) {
		e->realtime_ns = reel_walk_realtime(o->walk, &e->ev);
		if (o->context) {
			r = context_event(o->context, &e->ev, e->beside, &e->n_beside, err);
			if (r < 0)
				return r;
			if (!is_asked_for(q, &e->ev, e->realtime_ns) ||
			    (q->exe && !is_of_exe(q, e)))
				continue;
		}
		if (is_of_id(q, &e->ev) && (!q->string.field || scan_event_has(&q->string, &e->ev)))
			return 1;
	}
	return r;
}

/* What the walk has met, beside what opening the capture had. */
static void keep_health(struct ordered *o)
{
	const struct reel_health *h = reel_walk_health(o->walk);
	struct reel_health *kept = &o->scan.capture->health;
	struct reel_walk_stats stats;

	for (uint64_t i = 0; i < h->n_damages && i < REEL_DAMAGES_MAX; i++)
		reel_health_add(kept, h->damages[i].path, h->damages[i].offset, h->damages[i].what);
	kept->disordered += h->disordered;
	reel_walk_stats(o->walk, &stats);
	o->scan.capture->reading.unpacked += stats.unpacked;
	o->scan.capture->reading.events += stats.events;
}

static void ordered_close(struct scan *s)
{
	struct ordered *o = (struct ordered *)s;

	if (o->walk)
		keep_health(o);
	reel_walk_close(o->walk);
	context_free(o->context);
	scan_lives_free(o->lives);
	free(o);
}

static const struct scan_ops ordered_ops = { ordered_next, NULL, ordered_close };

int scan_open_ordered(struct reel_capture *c, const struct scan_question *q, struct scan **ret,
		      struct reel_err *err)
{
	struct ordered *o = calloc(1, sizeof(*o));
	struct reel_filter f = q->filter;
	int r = 0;

	if (!o)
		return reel_err_set(err, -ENOMEM, "no memory for a scan");
	o->scan.ops = &ordered_ops;
	o->scan.capture = c;
	o->scan.q = q;
	o->pick = (struct reel_picker){ pick_block, pick_unpacked, NULL, o };
	f.pick = &o->pick;
	f.no_losses = true;
	if (q->with_context || q->exe) {
		f.whole_state = true;
		f.state_from = context_from(c->reader, &f.from);
		f.beyond_cut = true;
		r = context_new(&o->context, err);
	}
	if (r == 0 && q->exe)
		r = scan_lives_read(c, q, &o->lives, err);
	if (r == 0)
		r = reel_walk_open(c->reader, &f, &o->walk, err);
	if (r < 0) {
		ordered_close(&o->scan);
		return r;
	}
	*ret = &o->scan;
	return 0;
}
