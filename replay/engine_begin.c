/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who was there before the first event. The first keyframe tells, but takes its time, and things
 * happen meanwhile: so its records are looked for first. Who a process is, and which family it is
 * of, holds from the beginning; what it ran and could do does so only if it changed nothing before
 * its record was made.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "replay/engine_impl.h"

enum { RECORDS_MAX = 1 << 20, BLOCKS_MAX = 256 };

/* Something that the first keyframe says, or that a process did before it said it. */
struct note {
	uint64_t ts;
	uint32_t pid;
	uint32_t order;
	uint8_t type;
	bool has_changed, has_session; /* by what it did before */
	struct seen *record;	       /* NULL: not a record */
};

struct notes {
	struct note *list;
	size_t n, room;
	uint64_t end_ns; /* of the keyframe; 0: not met yet */
};

static bool is_record(unsigned type)
{
	return type == EV_process || type == EV_account || type == EV_cgroup ||
	       type == EV_container;
}

static bool tells_something(const struct reel_type *t)
{
	return is_record(t->id) || (t->class_id != EV_CLASS_tape && t->class_id != EV_CLASS_state);
}

static int add_note(struct engine *e, struct notes *n, const struct reel_event *ev)
{
	struct note *to;

	if (n->n == n->room) {
		size_t room = n->room ? 2 * n->room : 256;
		struct note *list = reallocarray(n->list, room, sizeof(*list));

		if (!list)
			return -ENOMEM;
		n->list = list;
		n->room = room;
	}
	to = &n->list[n->n];
	*to = (struct note){ .ts = ev->ts,
			     .pid = ev->pid,
			     .order = (uint32_t)n->n,
			     .type = ev->type->id };
	if (is_record(ev->type->id) && ev->flags & EV_KEYFRAME) {
		to->record = seen_new(e->model, ev, NULL, 0);
		if (!to->record)
			return -ENOMEM;
	}
	n->n++;
	return 0;
}

static int take_event(struct engine *e, const struct reel_event *ev, struct notes *n)
{
	struct ev_keyframe scratch;

	if (ev->type->id == EV_keyframe && ev->segment->schema->as_built[EV_keyframe]) {
		const struct ev_keyframe *k = reel_event_as(ev, &scratch, sizeof(scratch));

		if (k->edge && !n->end_ns)
			n->end_ns = ev->ts;
		return 0;
	}
	return n->n < RECORDS_MAX && tells_something(ev->type) ? add_note(e, n, ev) : 0;
}

static int read_block(struct engine *e, struct reel_unpacked *u, struct notes *n)
{
	int r = 0;

	for (uint32_t run = 0; run < u->n_runs && r == 0; run++) {
		for (uint32_t i = u->run_at[run]; i < u->run_at[run + 1] && r == 0; i++) {
			struct reel_event ev;

			reel_unpacked_event(u, run, i, &ev);
			r = take_event(e, &ev, n);
		}
	}
	return r;
}

static int by_process(const void *a, const void *b)
{
	const struct note *x = a, *y = b;

	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	if (x->ts != y->ts)
		return x->ts < y->ts ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

static int by_order(const void *a, const void *b)
{
	const struct note *x = a, *y = b;

	return x->order < y->order ? -1 : x->order > y->order;
}

/* What each process did between the beginning and its record. */
static void find_deeds(struct notes *n)
{
	if (!n->n)
		return;
	qsort(n->list, n->n, sizeof(*n->list), by_process);
	for (size_t i = 0; i < n->n; i++) {
		struct note *x = &n->list[i];
		const struct note *before = i && x[-1].pid == x->pid ? &x[-1] : NULL;
		bool is_deed = before && !before->record && before->type != EV_fork &&
			       before->type != EV_thread;

		x->has_changed = before && (before->has_changed || is_deed);
		x->has_session = before &&
				 (before->has_session || (is_deed && before->type == EV_setsid));
	}
	qsort(n->list, n->n, sizeof(*n->list), by_order);
}

static int introduce(struct engine *e, const struct notes *n, size_t i, struct reel_err *err)
{
	struct seen *record = n->list[i].record;
	struct ev_process *p = (struct ev_process *)(void *)record->memory;
	bool is_process = n->list[i].type == EV_process;
	struct model_change change;
	int r;

	if (is_process) {
		/* A younger one comes with its fork. */
		if (record->event.type->fixed_bytes < sizeof(*p) || !p->start ||
		    p->start >= e->boot->first_ns)
			return 0;
		if (n->list[i].has_session)
			p->sid = 0;
	}
	r = model_event(e->model, &record->event, &change, err);
	if (r == 0 && is_process && n->list[i].has_changed && change.process)
		model_doubt(change.process);
	return r;
}

static int introduce_all(struct engine *e, const struct notes *n, struct reel_err *err)
{
	int r = 0;

	/* Accounts and cgroups first: a process is put into its container at once. */
	for (unsigned processes = 0; processes < 2; processes++)
		for (size_t i = 0; i < n->n && r == 0; i++)
			if (n->list[i].record && n->list[i].ts <= n->end_ns &&
			    (n->list[i].type == EV_process) == (processes == 1))
				r = introduce(e, n, i, err);
	/* Asking puts parents and children together. */
	(void)model_find(e->model, 1);
	return r;
}

/* RESULT: of collecting the notes, which are used up. */
static int conclude(struct engine *e, struct notes *n, int result, struct reel_err *err)
{
	if (result < 0)
		reel_err_set(err, result, "no memory for the first keyframe");
	if (result == 0 && n->end_ns) {
		find_deeds(n);
		result = introduce_all(e, n, err);
	}
	for (size_t i = 0; i < n->n; i++)
		seen_unref(e->model, n->list[i].record);
	free(n->list);
	return result;
}

int engine_introduce_held(struct engine *e, struct seen *const *list, uint32_t n_events,
			  struct reel_err *err)
{
	struct notes n = { 0 };
	int result = 0;

	for (uint32_t i = 0; i < n_events && result == 0; i++)
		if (list[i]->event.type->stream == TAPE_STATE)
			result = take_event(e, &list[i]->event, &n);
	return conclude(e, &n, result, err);
}

int engine_introduce(struct engine *e, const struct reel_reader *r, const uint32_t *list,
		     uint32_t n_blocks, struct reel_err *err)
{
	struct reel_unpacked u = { 0 };
	struct notes n = { 0 };
	unsigned read = 0;
	int result = 0;

	for (uint32_t i = 0; i < n_blocks && result == 0 && read < BLOCKS_MAX; i++) {
		const struct reel_entry *entry = &r->blocks[list[i]];

		if (n.end_ns && entry->ts_min > n.end_ns)
			break;
		if (entry->kind != TAPE_STATE)
			continue;
		read++;
		/* What is broken is told when its turn comes. */
		if (reel_reader_unpack(r, list[i], &u, NULL) == 0)
			result = read_block(e, &u, &n);
	}
	reel_unpack_done(&u);
	return conclude(e, &n, result, err);
}
