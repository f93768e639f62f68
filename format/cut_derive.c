/* SPDX-License-Identifier: BSD-2-Clause */
/* By process or type: a new capture of the chosen events, which keep their times and numbers. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "format/cut.h"
#include "format/record.h"
#include "format/tail.h"
#include "format/version.h"
#include "format/writer.h"

enum { TICK_EVENTS = 1024 };

struct deriver {
	const struct reel_reader *r;
	const struct reel_filter *f;
	const char *chosen;
	struct reel_cut_range range;
	struct reel_cut_boot *boots;
	int fd;
	struct reel_cut *done;
	struct reel_writer *writer;
	uint64_t settled, since_tick, n_unsound;
	struct reel_unpacked u;
	struct reel_record record;
};

static bool is_chosen_pid(const struct reel_filter *f, uint32_t pid)
{
	for (unsigned i = 0; i < f->n_pids; i++)
		if (f->pids[i] == pid)
			return true;
	return f->n_pids == 0;
}

static bool wants(const struct deriver *x, const struct reel_event *ev, int64_t realtime)
{
	const struct reel_cut_boot *plan = &x->boots[ev->segment->boot - x->r->boots];
	const struct reel_segment *s = ev->segment;

	if (ev->type->stream == TAPE_STATE)
		return ev->ts >= plan->state_from && ev->ts <= plan->last &&
		       (ev->pid == 0 || is_chosen_pid(x->f, ev->pid));
	if (s->is_cut && (realtime < s->cut_from_ns || realtime >= s->cut_to_ns))
		return false;
	return realtime >= x->range.from_ns && realtime < x->range.to_ns &&
	       is_chosen_pid(x->f, ev->pid) && (!x->f->some_types || x->f->types[ev->type->id]);
}

/* The event as the record that a recorder had handed over, made anew from its parts. */
static int append(struct deriver *x, const struct reel_event *ev, struct reel_err *err)
{
	const struct reel_type *own = reel_type_by_id(ev->type->id);
	struct reel_record *record = &x->record;

	if (!own || !ev->segment->schema->as_built[own->id] ||
	    own->fixed_bytes != ev->type->fixed_bytes || own->n_strings != ev->type->n_strings)
		return reel_err_set(
			err, -EPROTONOSUPPORT,
			"'%s' was recorded by a reel that knows it otherwise; a cut by time "
			"alone keeps it as it is",
			ev->type->name);
	if (!reel_event_is_sound(ev)) {
		x->n_unsound++;
		return 0;
	}
	x->done->events++;
	return reel_writer_append(x->writer, &record->header, reel_record_of_event(record, ev),
				  err);
}

/* Clocks, and what was lost in the time. They go first, so that no promise of times is broken. */
static bool wants_ahead(const struct deriver *x, const struct reel_event *ev)
{
	const struct reel_boot *boot = ev->segment->boot;
	const struct reel_cut_boot *plan = &x->boots[boot - x->r->boots];
	struct ev_lost scratch;
	const struct ev_lost *lost;
	int64_t from, to;

	if (ev->type->id == EV_clock)
		return ev->ts >= plan->clock_from && ev->ts <= plan->last;
	if (ev->type->id != EV_lost || !ev->segment->schema->as_built[EV_lost])
		return false;
	lost = reel_event_as(ev, &scratch, sizeof(scratch));
	reel_clocks_range(&boot->clocks, lost->first, lost->last, &from, &to);
	return to >= x->range.from_ns && from < x->range.to_ns;
}

static int put_ahead(struct deriver *x, const struct reel_boot *boot, struct reel_err *err)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < x->r->n_blocks; i++) {
		const struct reel_entry *e = &x->r->blocks[i];

		if ((e->kind != TAPE_CLOCK && e->kind != TAPE_GAP) ||
		    x->r->segments[e->segment].boot != boot ||
		    reel_reader_unpack(x->r, i, &x->u, NULL) < 0)
			continue;	/* the walk will say that it is broken */
		for (uint32_t run = 0; r == 0 && run < x->u.n_runs; run++) {
			for (uint32_t k = x->u.run_at[run]; r == 0 && k < x->u.run_at[run + 1];
			     k++) {
				struct reel_event ev;

				reel_unpacked_event(&x->u, run, k, &ev);
				if (wants_ahead(x, &ev))
					r = append(x, &ev, err);
			}
		}
	}
	return r;
}

/* The tag of the last block of the source that was there to be read. */
static void find_head(const struct reel_reader *r, uint8_t head[TAPE_TAG_BYTES])
{
	struct reel_block b;
	uint64_t bytes;

	memset(head, 0, TAPE_TAG_BYTES);
	for (unsigned i = r->n_segments; i-- > 0;) {
		if (reel_tail_last(&r->segments[i], &b, &bytes) < 0)
			continue;
		memcpy(head, b.tag, TAPE_TAG_BYTES);
		return;
	}
}

static int begin(struct deriver *x, const struct reel_boot *boot, struct reel_err *err)
{
	const struct reel_cut_boot *plan = &x->boots[boot - x->r->boots];
	struct reel_writer_options *o = calloc(1, sizeof(*o));
	struct reel_clock_cache cache = { 0 };
	int r;

	if (!o)
		return reel_err_set(err, -ENOMEM, "no memory for a cut");
	for (unsigned i = 0; i < x->r->n_segments; i++)
		if (x->r->segments[i].boot == boot && !*o->meta.host)
			o->meta = x->r->segments[i].meta;
	o->meta.has_previous = false;
	o->meta.is_cut = false;
	o->meta.is_derived = true;
	memcpy(o->meta.source.capture, x->r->sources[0].capture, TAPE_ID_BYTES);
	find_head(x->r, o->meta.source.head);
	snprintf(o->meta.chosen, sizeof(o->meta.chosen), "%s", x->chosen);
	snprintf(o->meta.program, sizeof(o->meta.program), "reel %s", REEL_VERSION);
	o->meta.start.boottime_ns = plan->state_from;
	o->meta.start.realtime_ns = reel_clocks_realtime(&boot->clocks, plan->state_from, &cache);
	/* The writer closes what it is given. Its input does not get old. */
	o->fd = fcntl(x->fd, F_DUPFD_CLOEXEC, 3);
	o->in_line = true;
	o->sync = REEL_SYNC_NONE;
	o->latency_ns = o->segment_ns = o->segment_bytes = UINT64_MAX;
	r = o->fd < 0 ? reel_err_set(err, -errno, "%s", strerror(errno)) :
			reel_writer_open(o, &x->writer, err);
	x->settled = 0;
	free(o);
	return r < 0 ? r : put_ahead(x, boot, err);
}

static int end(struct deriver *x, struct reel_err *err)
{
	struct reel_writer *w = x->writer;

	x->writer = NULL;
	x->done->segments += w != NULL;
	return reel_writer_close(w, err);
}

static int put_event(struct deriver *x, const struct reel_event *ev, struct reel_err *err)
{
	int r = append(x, ev, err);

	if (r < 0)
		return r;
	/* They come in order unless that would take too much memory: then nothing is promised. */
	if (ev->ts >= x->settled) {
		x->settled = ev->ts;
		reel_writer_settle(x->writer, ev->ts);
	}
	if (++x->since_tick % TICK_EVENTS)
		return 0;
	return reel_writer_tick(x->writer, ev->ts, err);
}

/* The boots come one after the other, each as a capture of its own: one has one boot at a time. */
static int put_all(struct deriver *x, struct reel_walk *walk, struct reel_err *err)
{
	const struct reel_boot *boot = x->r->boots, *stop = boot + x->r->n_boots;
	struct reel_event ev;
	int r = 0, more = reel_walk_next(walk, &ev, err);

	for (; more >= 0 && r == 0 && boot < stop; boot++) {
		const struct reel_cut_boot *plan = &x->boots[boot - x->r->boots];

		if (plan->boot)
			r = begin(x, boot, err);
		while (more > 0 && r == 0 && ev.segment->boot == boot) {
			if (plan->boot && wants(x, &ev, reel_walk_realtime(walk, &ev)))
				r = put_event(x, &ev, err);
			if (r == 0)
				more = reel_walk_next(walk, &ev, err);
		}
		if (r == 0 && more >= 0)
			r = end(x, err);
	}
	return more < 0 ? more : r;
}

/* What the walk must give: also the state, from where it begins; `wants` takes its part of it. */
static void widen(const struct deriver *x, struct reel_filter *ret)
{
	struct reel_cut_range wide = x->range;

	for (unsigned i = 0; i < x->r->n_boots; i++) {
		const struct reel_cut_boot *plan = &x->boots[i];
		int64_t from, to;

		if (!plan->boot)
			continue;
		/* A clock that was set makes them lie anywhere. */
		reel_clocks_range(&plan->boot->clocks, plan->state_from, plan->last, &from, &to);
		if (from < wide.from_ns)
			wide.from_ns = from;
		if (to >= wide.to_ns)
			wide.to_ns = to < INT64_MAX ? to + 1 : to;
	}
	*ret = *x->f;
	ret->kinds = 1u << TAPE_STATE | 1u << TAPE_EVENTS;
	ret->from = (struct reel_moment){ REEL_REALTIME, wide.from_ns };
	ret->to = (struct reel_moment){ REEL_REALTIME, wide.to_ns };
	ret->beyond_cut = true;
	for (unsigned i = 0; i < x->r->n_segments; i++) {
		const struct reel_schema *s = x->r->segments[i].schema;

		for (unsigned t = 0; s && t < EV_MAX_TYPES; t++)
			if (s->types[t] && s->types[t]->stream == TAPE_STATE)
				ret->types[t] = true;
	}
	/* What belongs to no process has pid 0. */
	if (ret->n_pids == REEL_FILTER_PIDS)
		ret->n_pids = 0;
	else if (ret->n_pids)
		ret->pids[ret->n_pids++] = 0;
}

int reel_cut_by_content(const struct reel_reader *r, const struct reel_filter *f,
			const char *chosen, int fd, struct reel_cut *ret,
			struct reel_health *health, struct reel_err *err)
{
	char unsound[64];
	struct deriver *x = calloc(1, sizeof(*x));
	struct reel_walk *walk = NULL;
	struct reel_filter wide;
	int result;

	memset(ret, 0, sizeof(*ret));
	if (!x)
		return reel_err_set(err, -ENOMEM, "no memory for a cut");
	*x = (struct deriver){ .r = r, .f = f, .chosen = chosen, .fd = fd, .done = ret };
	if (strlen(chosen) >= sizeof(((struct reel_meta *)0)->chosen))
		result =
			reel_err_set(err, -EINVAL, "what is chosen is too long to be written down");
	else
		result = reel_cut_plan(r, f, &x->range, &x->boots, err);
	if (result < 0)
		goto out;
	widen(x, &wide);
	result = reel_walk_open(r, &wide, &walk, err);
	if (result == 0)
		result = put_all(x, walk, err);
	if (walk)
		*health = *reel_walk_health(walk);
	snprintf(unsound, sizeof(unsound), "%llu malformed events were left out",
		 (unsigned long long)x->n_unsound);
	if (x->n_unsound)
		reel_health_add(health, r->files.list[0].path, 0, unsound);
out:
	reel_writer_abandon(x->writer);
	reel_walk_close(walk);
	reel_unpack_done(&x->u);
	free(x->boots);
	free(x);
	return result;
}
