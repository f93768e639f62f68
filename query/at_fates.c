/* SPDX-License-Identifier: BSD-2-Clause */
#include "query/at_fates.h"

#include <errno.h>
#include <stdlib.h>

enum what { EXITS, PASSES, FORKS };

/* PID forks CHILD, exits, or passes descriptors. */
struct step {
	uint64_t ts;
	uint32_t pid, child;
	enum what what;
};

/* One that has ended: first of its pid in the slot, then the others. */
struct gone {
	uint64_t from_ts, to_ts;
	uint32_t next; /* its place + 1 */
};

struct slot {
	uint32_t pid;  /* 0: free */
	uint32_t gone; /* place of the first + 1 */
	/* Of the one whose end has been met, and whose beginning not yet: */
	uint64_t to_ts;
	bool has_end, is_needed;
};

struct at_fates {
	struct step *steps;
	size_t n, room;
	struct slot *slots; /* a power of two, at most half of them used */
	size_t n_slots;
	struct gone *gone;
	uint32_t n_gone;
};

static int add(struct at_fates *f, const struct step *step)
{
	if (f->n == f->room) {
		size_t room = f->room ? 2 * f->room : 4096;
		struct step *steps = reallocarray(f->steps, room, sizeof(*steps));

		if (!steps)
			return -ENOMEM;
		f->steps = steps;
		f->room = room;
	}
	f->steps[f->n++] = *step;
	return 0;
}

static int add_event(struct at_fates *f, const struct reel_event *ev)
{
	const bool worked = ev->ret >= 0 && !(ev->flags & EV_BLOCKED);
	struct ev_fork scratch;
	const struct ev_fork *e;

	switch (ev->type->id) {
	case EV_exit:
		return add(f, &(struct step){ ev->ts, ev->pid, 0, EXITS });
	case EV_pass:
		return add(f, &(struct step){ ev->ts, ev->pid, 0, PASSES });
	default:
		e = reel_event_as(ev, &scratch, sizeof(scratch));
		return worked ? add(f, &(struct step){ ev->ts, ev->pid, e->child, FORKS }) : 0;
	}
}

static int add_block(struct at_fates *f, struct reel_unpacked *u, uint64_t from, uint64_t to)
{
	for (uint32_t run = 0; run < u->n_runs; run++) {
		for (uint32_t i = u->run_at[run]; i < u->run_at[run + 1]; i++) {
			struct reel_event ev;
			uint8_t type = u->type[i];

			if ((type != EV_fork && type != EV_exit && type != EV_pass) ||
			    u->ts[i] < from || u->ts[i] > to)
				continue;
			reel_unpacked_event(u, run, i, &ev);
			if (add_event(f, &ev) < 0)
				return -ENOMEM;
		}
	}
	return 0;
}

static bool has_type(const struct reel_entry *e, unsigned type)
{
	return e->types[type / 8] & 1u << type % 8;
}

/* What cannot be read is told of by the walk that follows; whoever ends in it does not end here. */
static int collect(struct at_fates *f, const struct reel_reader *r, const struct reel_boot *boot,
		   uint64_t from, uint64_t to)
{
	struct reel_unpacked u = { 0 };
	int result = 0;

	for (uint32_t i = 0; i < r->n_blocks && result == 0; i++) {
		const struct reel_entry *e = &r->blocks[i];

		if (r->segments[e->segment].boot != boot || e->ts_min > to || e->ts_max < from ||
		    !(has_type(e, EV_fork) || has_type(e, EV_exit) || has_type(e, EV_pass)))
			continue;
		if (reel_reader_unpack(r, i, &u, NULL) < 0 || !u.schema->as_built[EV_fork])
			continue;
		result = add_block(f, &u, from, to);
	}
	reel_unpack_done(&u);
	return result;
}

/* The latest first; of the same time a fork comes behind an exit, as it may be of its child. */
static int latest_first(const void *a, const void *b)
{
	const struct step *x = a, *y = b;

	if (x->ts != y->ts)
		return x->ts > y->ts ? -1 : 1;
	return x->what < y->what ? -1 : x->what > y->what;
}

static struct slot *slot_of(const struct at_fates *f, uint32_t pid)
{
	size_t i = pid * 0x9e3779b1u & (f->n_slots - 1);

	while (f->slots[i].pid && f->slots[i].pid != pid)
		i = (i + 1) & (f->n_slots - 1);
	return &f->slots[i];
}

static struct slot *take_slot(struct at_fates *f, uint32_t pid)
{
	struct slot *s = slot_of(f, pid);

	s->pid = pid;
	return s;
}

static void is_gone(struct at_fates *f, struct slot *s, uint64_t from_ts)
{
	if (s->has_end && !s->is_needed) {
		f->gone[f->n_gone++] = (struct gone){ from_ts, s->to_ts, s->gone };
		s->gone = f->n_gone;
	}
	s->has_end = s->is_needed = false;
}

/* From the end to the beginning: whoever comes to a fork knows what becomes of the child. */
static void take(struct at_fates *f, const struct step *step)
{
	struct slot *s = take_slot(f, step->pid), *child;

	switch (step->what) {
	case EXITS:
		/* Two ends: the beginning of the later one was not seen. */
		s->to_ts = step->ts;
		s->has_end = true;
		s->is_needed = false;
		break;
	case PASSES:
		s->is_needed = true;
		break;
	case FORKS:
		child = take_slot(f, step->child);
		if (!child->has_end || child->is_needed)
			s->is_needed = true;
		is_gone(f, child, step->ts);
		break;
	}
}

static int work_out(struct at_fates *f)
{
	size_t n_exits = 0;

	f->n_slots = 64;
	while (f->n_slots < 4 * f->n)
		f->n_slots *= 2;
	for (size_t i = 0; i < f->n; i++)
		n_exits += f->steps[i].what == EXITS;
	f->slots = calloc(f->n_slots, sizeof(*f->slots));
	f->gone = calloc(n_exits + 1, sizeof(*f->gone));
	if (!f->slots || !f->gone)
		return -ENOMEM;
	if (f->n)
		qsort(f->steps, f->n, sizeof(*f->steps), latest_first);
	for (size_t i = 0; i < f->n; i++)
		if (f->steps[i].pid && (f->steps[i].what != FORKS || f->steps[i].child))
			take(f, &f->steps[i]);
	/* Those that were there from the beginning. */
	for (size_t i = 0; i < f->n_slots; i++)
		if (f->slots[i].pid)
			is_gone(f, &f->slots[i], 0);
	return 0;
}

int at_fates_new(const struct reel_reader *r, const struct reel_boot *boot, uint64_t from,
		 uint64_t to, struct at_fates **ret, struct reel_err *err)
{
	struct at_fates *f = calloc(1, sizeof(*f));
	int result = f ? collect(f, r, boot, from, to) : -ENOMEM;

	if (result == 0)
		result = work_out(f);
	if (result < 0) {
		at_fates_free(f);
		return reel_err_set(err, result, "no memory for what becomes of processes");
	}
	free(f->steps);
	f->steps = NULL;
	*ret = f;
	return 0;
}

bool at_fates_stays(void *fates, const struct reel_unpacked *u, uint32_t i)
{
	const struct at_fates *f = fates;
	const struct slot *s;

	if (u->schema->types[u->type[i]]->stream != TAPE_EVENTS)
		return true;
	s = slot_of(f, u->pid[i]);
	for (uint32_t g = s->pid ? s->gone : 0; g; g = f->gone[g - 1].next)
		if (u->ts[i] >= f->gone[g - 1].from_ts && u->ts[i] <= f->gone[g - 1].to_ts)
			return false;
	return true;
}

void at_fates_free(struct at_fates *f)
{
	if (!f)
		return;
	free(f->steps);
	free(f->slots);
	free(f->gone);
	free(f);
}
