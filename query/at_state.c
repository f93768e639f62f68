/* SPDX-License-Identifier: BSD-2-Clause */
#include "query/at_state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format/moment.h"
#include "query/at_fates.h"
#include "query/at_passing.h"

enum { ASK_EVENTS = 1 << 14 };

int64_t at_realtime(struct at_machine *m, uint64_t ts)
{
	return ts ? reel_clocks_realtime(&m->boot->clocks, ts, &m->clock) : 0;
}

void at_state_free(struct at_state *s)
{
	if (!s)
		return;
	for (unsigned i = 0; i < s->n; i++) {
		lives_free(s->machines[i].lives);
		life_files_free(s->machines[i].files);
		model_free(s->machines[i].model);
	}
	free(s->machines);
	free(s);
}

/* The boot that had begun last, and which ts the moment is in it. NULL: none had. */
static const struct reel_boot *boot_at(const struct reel_reader *r, const struct reel_source *s,
				       const struct reel_moment *at, uint64_t *ret_ts)
{
	for (unsigned i = s->n_boots; i-- > 0;) {
		const struct reel_boot *boot = &r->boots[s->first_boot + i];

		*ret_ts = (uint64_t)at->ns;
		if (at->kind == REEL_REALTIME && !reel_moment_ts(boot, at->ns, ret_ts))
			continue;
		if (boot->ts_max && *ret_ts >= boot->ts_min)
			return boot;
	}
	return NULL;
}

/* Of processes, before the events are told. */
struct known {
	struct at_passing *passing;
	struct at_fates *fates;
};

static int tell(struct at_machine *m, const struct known *known, const struct reel_event *ev,
		struct reel_err *err)
{
	struct model_change change = { 0 };
	struct model_process *by = NULL;
	int r = 0;

	/* Of a parent that is not known yet his first child tells something. */
	if (known->passing && at_passing_begins(known->passing, ev)) {
		if (model_find(m->model, ev->pid))
			return 0;
		at_passing_keep(known->passing, ev);
	}
	if (ev->type->id == EV_lost && ev->segment->schema->as_built[EV_lost]) {
		struct ev_lost scratch;
		const struct ev_lost *e = reel_event_as(ev, &scratch, sizeof(scratch));

		model_lost(m->model, e->lost_class, e->last);
	} else if (ev->type->stream == TAPE_STATE || ev->type->id == EV_seccomp) {
		r = model_event(m->model, ev, &change, err);
		by = change.process;
	} else if (ev->type->stream == TAPE_EVENTS && ev->pid) {
		by = model_find(m->model, ev->pid);
		if (!by) {
			r = model_event(m->model, ev, &change, err);
			by = change.process;
		}
	}
	if (!m->lives)
		return r;
	if (r == 0)
		r = lives_event(m->lives, ev, &change, by);
	do {
		if (r == 0 && change.ended_process)
			r = lives_ended(m->lives, change.ended_process, ev->ts);
	} while (r == 0 && model_more(m->model, &change));
	return r;
}

static void note_health(struct reel_capture *c, const struct reel_health *h)
{
	uint64_t known = c->reader->health.n_damages;

	/* What opening found is known already. */
	for (uint64_t i = known; i < h->n_damages && i < REEL_DAMAGES_MAX; i++)
		reel_health_add(&c->health, h->damages[i].path, h->damages[i].offset,
				h->damages[i].what);
	c->health.disordered += h->disordered;
}

/* Of what a keyframe tells, that of which no model of processes knows anything. */
static void choose_types(struct reel_filter *f, enum at_depth depth)
{
	static const uint8_t others[] = { EV_task,     EV_fd,	EV_map,	 EV_sock,
					  EV_inflight, EV_hash, EV_netif };

	f->some_types = true;
	memset(f->types, true, sizeof(f->types));
	for (unsigned i = 0; i < sizeof(others); i++)
		f->types[others[i]] = false;
	f->types[EV_mounted] = depth != AT_PROCESSES;
}

struct asking {
	bool (*is_interrupted)(void *context);
	void *context;
	enum at_depth depth;
};

/* One capture as if it were alone, as ts are of its own boots. */
static int build(struct reel_capture *c, const struct reel_source *s, struct at_machine *m,
		 const struct asking *asking, struct reel_err *err)
{
	struct reel_reader *one = malloc(sizeof(*one));
	struct reel_filter f = { .beyond_cut = true, .kinds = 1u << TAPE_STATE | 1u << TAPE_GAP };
	struct reel_picker picker = { .event = at_fates_stays };
	struct reel_walk_stats stats;
	struct reel_walk *walk = NULL;
	struct known known = { 0 };
	struct reel_event ev;
	uint64_t from, n = 0;
	int r;

	if (!one)
		return reel_err_set(err, -ENOMEM, "no memory");
	*one = *c->reader;
	one->sources = c->reader->sources + (s - c->reader->sources);
	one->n_sources = 1;
	if (asking->depth == AT_EVENTS) {
		f.kinds |= 1u << TAPE_EVENTS;
	} else {
		choose_types(&f, asking->depth);
		known.passing = at_passing_new(m->ts);
		if (!known.passing) {
			free(one);
			return reel_err_set(err, -ENOMEM, "no memory");
		}
		f.pick = at_passing_picker(known.passing);
	}
	r = reel_keyframe_before(c->reader, m->boot, m->ts, &from);
	f.from = (struct reel_moment){ REEL_BOOTTIME, (int64_t)from };
	f.to = (struct reel_moment){ REEL_BOOTTIME, (int64_t)m->ts + 1 };
	if (r == 0)
		r = model_new(s->host, &m->model, err);
	if (r == 0 && asking->depth > AT_PROCESSES)
		r = life_files_new(NULL, &m->files, err);
	if (r == 0 && m->files)
		r = lives_new(m->model, m->files, 1, NULL, &m->lives, err);
	if (r == 0 && asking->depth == AT_EVENTS)
		r = at_fates_new(c->reader, m->boot, from, m->ts, &known.fates, err);
	if (r == 0 && known.fates) {
		picker.context = known.fates;
		f.pick = &picker;
	}
	if (r == 0)
		r = reel_walk_open(one, &f, &walk, err);
	while (r == 0) {
		r = reel_walk_next(walk, &ev, err);
		if (r <= 0)
			break;
		r = ev.segment->boot == m->boot ? tell(m, &known, &ev, err) : 0;
		if (r == 0 && ++n % ASK_EVENTS == 0 && asking->is_interrupted(asking->context))
			r = -ECANCELED;
	}
	if (walk) {
		note_health(c, reel_walk_health(walk));
		reel_walk_stats(walk, &stats);
		c->reading.blocks += stats.blocks;
		c->reading.unpacked += stats.unpacked;
		c->reading.events += stats.events;
	}
	reel_walk_close(walk);
	at_passing_free(known.passing);
	at_fates_free(known.fates);
	free(one);
	return r;
}

int at_state_new(struct reel_capture *c, const struct reel_moment *at, enum at_depth depth,
		 bool (*is_interrupted)(void *context), void *context, struct at_state **ret,
		 struct reel_err *err)
{
	const struct reel_reader *r = c->reader;
	struct asking asking = { is_interrupted, context, depth };
	struct at_state *s = calloc(1, sizeof(*s));
	int result = 0;

	if (s)
		s->machines = calloc(r->n_sources + 1u, sizeof(*s->machines));
	if (!s || !s->machines) {
		free(s);
		return reel_err_set(err, -ENOMEM, "no memory");
	}
	for (unsigned i = 0; i < r->n_sources && result == 0; i++) {
		struct at_machine *m = &s->machines[s->n];

		m->boot = boot_at(r, &r->sources[i], at, &m->ts);
		if (!m->boot)
			continue;
		m->host = r->sources[i].host;
		s->n++;
		result = build(c, &r->sources[i], m, &asking, err);
	}
	if (result < 0) {
		at_state_free(s);
		return result;
	}
	*ret = s;
	return 0;
}
