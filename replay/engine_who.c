/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The stream of state once more than needed, and before all else: with a model of its own, which
 * tells what each process runs. It is a small part of a tape, and for some rules all events of a
 * type would have to be looked at in order otherwise.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "replay/engine_impl.h"

struct telling {
	struct who_look look;
	struct who_life *lives;
	uint32_t n, room;
	uint32_t *of_serial; /* by serial number of a process: which life, + 1; 0: none */
	uint64_t serials;
	int result;
};

static struct who_life *life_of(struct telling *t, uint64_t serial)
{
	return serial < t->serials && t->of_serial[serial] ? &t->lives[t->of_serial[serial] - 1] :
							     NULL;
}

static int make_room(struct telling *t, uint64_t serial)
{
	if (t->n == t->room) {
		uint32_t room = t->room ? 2 * t->room : 1024;
		struct who_life *lives = reallocarray(t->lives, room, sizeof(*lives));

		if (!lives)
			return -ENOMEM;
		t->lives = lives;
		t->room = room;
	}
	if (serial >= t->serials) {
		uint64_t serials = 2 * serial + 1024;
		uint32_t *of_serial = reallocarray(t->of_serial, serials, sizeof(*of_serial));

		if (!of_serial)
			return -ENOMEM;
		memset(of_serial + t->serials, 0, (serials - t->serials) * sizeof(*of_serial));
		t->of_serial = of_serial;
		t->serials = serials;
	}
	return 0;
}

/* Of those beyond the most there can be nothing is known. */
static void tell_of(struct telling *t, struct model_process *p, uint64_t ts)
{
	struct who_life *life;

	if (!p || t->result < 0)
		return;
	life = life_of(t, p->serial);
	if (!life) {
		if (t->n == WHO_LIVES_MAX)
			return;
		t->result = make_room(t, p->serial);
		if (t->result < 0)
			return;
		life = &t->lives[t->n++];
		*life = (struct who_life){ .from_ns = ts,
					   .until_ns = UINT64_MAX,
					   .serial = p->serial,
					   .pid = p->pid };
		t->of_serial[p->serial] = t->n;
	}
	t->result = who_look(&t->look, p, life);
}

/* Who has vanished without an exit may be there yet for the other model, which hears of more. */
static void tell_end(struct telling *t, const struct model_change *c, const struct reel_event *ev)
{
	struct who_life *life = life_of(t, c->ended_process);

	if (!life)
		return;
	life->until_ns = ev->ts;
	if (ev->type->id != EV_exit || ev->pid != life->pid)
		life->said = (struct who_answers){ UINT64_MAX, UINT64_MAX };
}

static int tell_event(struct engine *e, struct telling *t, const struct reel_event *ev,
		      struct reel_err *err)
{
	struct model_change change;
	int r = model_event(e->model, ev, &change, err);

	if (r < 0)
		return r;
	tell_of(t, change.process, ev->ts);
	tell_of(t, change.child, ev->ts);
	do {
		if (change.ended_process)
			tell_end(t, &change, ev);
	} while (model_more(e->model, &change));
	return t->result;
}

/* Of the blocks those of the state. 1: it cannot be relied on. */
static int tell_blocks(struct engine *e, struct telling *t, const struct reel_reader *r,
		       const uint32_t *list, uint32_t n, struct reel_err *err)
{
	const struct scan_plan nothing = { .eval = e->eval_plan };
	struct pipeline_stats stats;
	struct pipeline_item item;
	struct pipeline *p = NULL;
	int result = pipeline_new(r, &nothing, e->o.threads, list, n, &p, err);

	if (result < 0)
		return result;
	while ((result = pipeline_next(p, &item, err)) > 0) {
		struct reel_event ev;

		if (!item.block || (e->o.stop && *e->o.stop))
			break;
		scan_block_event(item.block, item.candidate, &ev);
		result = tell_event(e, t, &ev, err);
		if (result < 0)
			break;
	}
	pipeline_stats(p, &stats);
	pipeline_free(p);
	return result == 0 && stats.disordered ? 1 : result;
}

static int tell_all(struct engine *e, struct telling *t, const struct reel_reader *r,
		    const uint32_t *list, uint32_t n, struct reel_err *err)
{
	struct model_stats stats;
	int result = engine_introduce(e, r, list, n, err);

	if (result < 0)
		return result;
	for (struct model_process *p = model_next(e->model, NULL); p; p = model_next(e->model, p))
		tell_of(t, p, 0);
	result = tell_blocks(e, t, r, list, n, err);
	model_stats(e->model, &stats);
	return result == 0 && stats.evicted ? 1 : result;
}

/* Blocks that are looked at to see what is worth it; and how many events it takes that may be
 * dropped, for one of the state. */
enum { SAMPLES = 8, WORTH = 4 };

static uint64_t count_asked(const struct scan_plan *p, const struct reel_unpacked *u)
{
	uint64_t n = 0;

	for (unsigned t = 0; t < EV_MAX_TYPES; t++)
		if (p->buckets[t] && p->buckets[t]->of_who)
			n += u->groups[t].n;
	return n;
}

static bool is_worth_it(const struct engine *e, const struct reel_reader *r, const uint32_t *list,
			uint32_t n_blocks)
{
	uint64_t n_state = 0, n_events = 0, asked = 0, looked_at = 0;
	struct reel_unpacked u = { 0 };
	uint32_t n = 0, at = 0;

	for (uint32_t i = 0; i < n_blocks; i++) {
		bool is_state = r->blocks[list[i]].kind == TAPE_STATE;

		*(is_state ? &n_state : &n_events) += r->blocks[list[i]].n_events;
		n += !is_state;
	}
	for (uint32_t i = 0; i < n_blocks; i++) {
		if (r->blocks[list[i]].kind == TAPE_STATE || at++ % (n / SAMPLES + 1) ||
		    reel_reader_unpack(r, list[i], &u, NULL) < 0)
			continue;
		asked += count_asked(e->scan_plan, &u);
		looked_at += u.n_events;
	}
	reel_unpack_done(&u);
	return looked_at && (double)asked / (double)looked_at * (double)n_events >
				    (double)WORTH * (double)n_state;
}

static bool is_wanted(const struct engine *e)
{
	const struct engine_boot *b = e->boot;

	for (uint32_t i = 0; i < b->n_gaps; i++)
		if (b->gaps[i].reason != BLIND_PROCESS && model_reads_class(b->gaps[i].class_id) &&
		    b->gaps[i].from_ns <= b->last_ns)
			return false;
	return e->scan_plan->who_plan.n_tests && !e->without_who && !e->has_lost && !e->o.is_slow &&
	       !e->o.explain;
}

int engine_find_who(struct engine *e, const struct reel_reader *r, const uint32_t *list,
		    uint32_t n_blocks, struct reel_err *err)
{
	struct telling t = { .look.plan = &e->scan_plan->who_plan };
	struct model *model = e->model;
	uint32_t *state, n = 0;
	int result;

	if (!is_wanted(e) || !is_worth_it(e, r, list, n_blocks))
		return 0;
	state = calloc(n_blocks + 1u, sizeof(*state));
	if (!state)
		return reel_err_set(err, -ENOMEM, "no memory for the order of blocks");
	for (uint32_t i = 0; i < n_blocks; i++)
		if (r->blocks[list[i]].kind == TAPE_STATE)
			state[n++] = list[i];
	result = eval_init(&t.look.eval, e->eval_plan, err);
	if (result == 0)
		result = model_new(e->boot->host, &e->model, err);
	if (result == 0) {
		t.look.eval.model = e->model;
		result = tell_all(e, &t, r, state, n, err);
		model_free(e->model);
	}
	e->model = model;
	if (result == 0) {
		result = who_new(t.lives, t.n, &e->who);
		t.lives = NULL;
		e->scan_plan->who = e->who;
	}
	eval_done(&t.look.eval);
	who_look_done(&t.look);
	free(t.lives);
	free(t.of_serial);
	free(state);
	return result > 0 ? 0 :
	       result < 0 ? reel_err_set(err, result, "no memory for processes") :
			    0;
}

void engine_forget_who(struct engine *e)
{
	if (e->scan_plan)
		e->scan_plan->who = NULL;
	who_free(e->who);
	e->who = NULL;
}

bool engine_misled_by_who(const struct engine *e, const struct pipeline_stats *stats)
{
	struct model_stats m;

	if (!e->who)
		return false;
	model_stats(e->model, &m);
	return e->has_lost || m.evicted || stats->disordered;
}
