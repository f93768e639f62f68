/* SPDX-License-Identifier: BSD-2-Clause */
#include "query/at_passing.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

/* Of a block: between which times, and how many. */
struct window {
	uint64_t ts_min, ts_max;
	uint32_t n_events;
};

struct one {
	uint32_t pid, parent; /* 0: the slot is free */
	uint64_t from_ts, to_ts;
	bool is_needed;
};

struct at_passing {
	struct reel_picker picker;
	uint64_t until;
	/* All blocks, by their beginnings, once the first is there. */
	struct window *windows;
	size_t n_windows, room, next;
	bool is_sorted;
	uint64_t before; /* until when those before the next tell */
	/* Of the last block; a power of two, at most half of them used. */
	struct one *ones;
	uint32_t n_slots;
};

/* What others may have to do with: mounts, namespaces, cgroups, and what a keyframe tells. */
static const bool needs_whom[EV_MAX_TYPES] = {
	[EV_mount] = true,	   [EV_umount] = true,	   [EV_move_mount] = true,
	[EV_mount_setattr] = true, [EV_setns] = true,	   [EV_unshare] = true,
	[EV_chroot] = true,	   [EV_pivot_root] = true, [EV_cgroup_move] = true,
	[EV_process] = true,	   [EV_task] = true,	   [EV_fd] = true,
	[EV_map] = true,	   [EV_inflight] = true,
};

static int by_ts_min(const void *a, const void *b)
{
	const struct window *x = a, *y = b;

	return x->ts_min < y->ts_min ? -1 : x->ts_min > y->ts_min;
}

static int note_block(void *context, const struct reel_segment *s, const struct reel_entry *e,
		      struct reel_err *err)
{
	struct at_passing *p = context;

	(void)s;
	if (e->kind != TAPE_STATE)
		return 1;
	if (p->n_windows == p->room) {
		size_t room = p->room ? 2 * p->room : 256;
		struct window *windows = reallocarray(p->windows, room, sizeof(*windows));

		if (!windows)
			return reel_err_set(err, -ENOMEM, "no memory for a list of blocks");
		p->windows = windows;
		p->room = room;
	}
	p->windows[p->n_windows++] = (struct window){ e->ts_min, e->ts_max, e->n_events };
	return 1;
}

/* Times of which only this block tells, neither included. */
static bool find_own_times(struct at_passing *p, const struct reel_unpacked *u, uint64_t *ret_after,
			   uint64_t *ret_before)
{
	uint64_t first = UINT64_MAX, last = 0;

	for (uint32_t r = 0; r < u->n_runs; r++) {
		uint64_t end = u->ts[u->run_at[r + 1] - 1];

		first = u->runs[r].ts < first ? u->runs[r].ts : first;
		last = end > last ? end : last;
	}
	if (!p->is_sorted && p->n_windows)
		qsort(p->windows, p->n_windows, sizeof(*p->windows), by_ts_min);
	p->is_sorted = true;
	/* Those in between could not be read. */
	while (p->next < p->n_windows) {
		const struct window *w = &p->windows[p->next++];

		*ret_after = p->before;
		p->before = w->ts_max > p->before ? w->ts_max : p->before;
		if (w->n_events != u->n_events || w->ts_min > first || w->ts_max < last)
			continue;
		*ret_before = p->next < p->n_windows ? p->windows[p->next].ts_min : UINT64_MAX;
		return true;
	}
	return false;
}

static struct one *slot_of(const struct at_passing *p, uint32_t pid)
{
	uint32_t i = pid * 0x9e3779b1u & (p->n_slots - 1);

	while (p->ones[i].pid && p->ones[i].pid != pid)
		i = (i + 1) & (p->n_slots - 1);
	return &p->ones[i];
}

/* So is everybody whose child he is. */
static void need(struct at_passing *p, uint32_t pid)
{
	while (pid) {
		struct one *o = slot_of(p, pid);

		if (!o->pid || o->is_needed)
			return;
		o->is_needed = true;
		pid = o->parent;
	}
}

static int make_room(struct at_passing *p, uint32_t forks, struct reel_err *err)
{
	uint32_t n = 64;

	while (n < 2 * forks)
		n *= 2;
	if (n > p->n_slots) {
		free(p->ones);
		p->n_slots = 0;
		p->ones = calloc(n, sizeof(*p->ones));
		if (!p->ones)
			return reel_err_set(err, -ENOMEM, "no memory for a list of processes");
		p->n_slots = n;
	} else {
		memset(p->ones, 0, p->n_slots * sizeof(*p->ones));
	}
	return 0;
}

static void enter(struct at_passing *p, const struct reel_event *ev, uint64_t after,
		  uint64_t before)
{
	struct ev_fork scratch;
	const struct ev_fork *e = reel_event_as(ev, &scratch, sizeof(scratch));
	struct one *o = e->child ? slot_of(p, e->child) : NULL;

	if (!o)
		return;
	if (o->pid)
		o->is_needed = true;
	if (o->pid)
		return;
	*o = (struct one){ .pid = e->child,
			   .parent = ev->pid,
			   .from_ts = ev->ts,
			   .is_needed = ev->ts <= after || ev->ts >= before || ev->ret < 0 ||
					ev->flags & EV_BLOCKED || e->clone_flags & CLONE_NEWNS };
}

static void leave(struct at_passing *p, uint32_t pid, uint64_t ts, uint64_t before)
{
	struct one *o = slot_of(p, pid);

	if (!o->pid)
		return;
	if (o->to_ts || ts < o->from_ts || ts > p->until || ts >= before)
		o->is_needed = true;
	o->to_ts = ts;
}

typedef void each_event(struct at_passing *p, struct reel_unpacked *u, uint32_t run, uint32_t i,
			uint64_t after, uint64_t before);

static void take_fork(struct at_passing *p, struct reel_unpacked *u, uint32_t run, uint32_t i,
		      uint64_t after, uint64_t before)
{
	struct reel_event ev;

	if (u->type[i] != EV_fork)
		return;
	reel_unpacked_event(u, run, i, &ev);
	enter(p, &ev, after, before);
}

static void take_other(struct at_passing *p, struct reel_unpacked *u, uint32_t run, uint32_t i,
		       uint64_t after, uint64_t before)
{
	(void)run;
	(void)after;
	if (u->type[i] == EV_exit)
		leave(p, u->pid[i], u->ts[i], before);
	else if (needs_whom[u->type[i]])
		need(p, u->pid[i]);
}

static void each(struct at_passing *p, struct reel_unpacked *u, each_event *take, uint64_t after,
		 uint64_t before)
{
	for (uint32_t run = 0; run < u->n_runs; run++)
		for (uint32_t i = u->run_at[run]; i < u->run_at[run + 1]; i++)
			take(p, u, run, i, after, before);
}

static int look_at(void *context, struct reel_unpacked *u, struct reel_err *err)
{
	struct at_passing *p = context;
	uint64_t after = 0, before = 0;
	int r;

	if (!u->groups[EV_fork].n || !u->schema->as_built[EV_fork])
		return 1;
	r = make_room(p, u->groups[EV_fork].n, err);
	if (r < 0)
		return r;
	if (!find_own_times(p, u, &after, &before))
		return 1;
	each(p, u, take_fork, after, before);
	each(p, u, take_other, after, before);
	for (uint32_t i = 0; i < p->n_slots; i++) {
		struct one *o = &p->ones[i];

		if (o->pid && (o->is_needed || !o->to_ts)) {
			o->is_needed = true;
			need(p, o->parent);
		}
	}
	return 1;
}

static struct one *child_of(const struct at_passing *p, const struct reel_event *ev)
{
	return slot_of(p, ((const struct ev_fork *)(const void *)ev->fixed)->child);
}

static bool stays(void *context, const struct reel_unpacked *u, uint32_t i)
{
	const struct at_passing *p = context;
	const struct one *o = p->n_slots && u->pid[i] ? slot_of(p, u->pid[i]) : NULL;

	return !o || !o->pid || o->is_needed || u->ts[i] < o->from_ts || u->ts[i] > o->to_ts;
}

bool at_passing_begins(const struct at_passing *p, const struct reel_event *ev)
{
	const struct one *o;

	if (!p->n_slots || ev->type->id != EV_fork || !ev->segment->schema->as_built[EV_fork])
		return false;
	o = child_of(p, ev);
	return ev->pid && o->pid && !o->is_needed && ev->ts == o->from_ts;
}

void at_passing_keep(struct at_passing *p, const struct reel_event *ev)
{
	child_of(p, ev)->is_needed = true;
}

const struct reel_picker *at_passing_picker(const struct at_passing *p)
{
	return &p->picker;
}

struct at_passing *at_passing_new(uint64_t ts)
{
	struct at_passing *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->until = ts;
	p->picker = (struct reel_picker){ note_block, look_at, stays, p };
	return p;
}

void at_passing_free(struct at_passing *p)
{
	if (!p)
		return;
	free(p->windows);
	free(p->ones);
	free(p);
}
