/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When a process may have run a program: it executes it, or is forked by somebody who runs it, or a
 * keyframe finds it so; until it executes another, or its number goes to somebody else. All of this
 * is said in STATE, so that the blooms of all other blocks can be asked for the few processes.
 *
 * After its exit a process has events for a moment; what comes later is the `flow` of a connection
 * that outlived it, so only blocks with such are still asked for it then.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format/bloom.h"
#include "format/sieve.h"
#include "query/scan_impl.h"
#include "replay/context.h"

enum { LIVES_MAX = 1 << 16 };
static const uint64_t after_exit_ns = 10000000000;

struct life {
	const struct reel_boot *boot;
	uint64_t from, to; /* both included */
	uint64_t exit;	   /* UINT64_MAX: it lives */
	uint32_t pid;
	uint32_t next; /* that began earlier and has the same hash, + 1 */
};

struct scan_lives {
	struct life *list;
	uint32_t n, room;
	uint32_t *heads; /* open lives, by a hash of the pid; index + 1 */
	bool is_full;	 /* there are too many: every block may have one */
};

enum { HEADS = 1 << 12 };

static uint32_t *head_of(struct scan_lives *l, uint32_t pid)
{
	return &l->heads[bloom_hash(pid) % HEADS];
}

/* Where the open life of a process is linked; *0: it has none. */
static uint32_t *find_open(struct scan_lives *l, const struct reel_boot *boot, uint32_t pid)
{
	uint32_t *at = head_of(l, pid);

	while (*at && (l->list[*at - 1].pid != pid || l->list[*at - 1].boot != boot))
		at = &l->list[*at - 1].next;
	return at;
}

static void end_life(struct scan_lives *l, const struct reel_boot *boot, uint32_t pid, uint64_t ts)
{
	uint32_t *at = find_open(l, boot, pid);
	struct life *life = *at ? &l->list[*at - 1] : NULL;

	if (!life)
		return;
	life->to = ts;
	*at = life->next;
}

static int begin_life(struct scan_lives *l, const struct reel_boot *boot, uint32_t pid, uint64_t ts)
{
	uint32_t *at = find_open(l, boot, pid);

	if (*at) {
		l->list[*at - 1].exit = UINT64_MAX;
		return 0;
	}
	if (l->n == LIVES_MAX) {
		l->is_full = true;
		return 0;
	}
	if (l->n == l->room) {
		uint32_t room = l->room ? 2 * l->room : 256;
		struct life *larger = reallocarray(l->list, room, sizeof(*larger));

		if (!larger)
			return -ENOMEM;
		l->list = larger;
		l->room = room;
	}
	at = head_of(l, pid);
	l->list[l->n++] = (struct life){ boot, ts, UINT64_MAX, UINT64_MAX, pid, *at };
	*at = l->n;
	return 0;
}

static bool is_exe(const struct scan_question *q, const struct reel_event *ev, const char *name)
{
	const struct scan_string wish = { name, q->exe, q->exe_length, false, false };

	return scan_event_has(&wish, ev);
}

static int take(struct scan_lives *l, const struct scan_question *q, const struct reel_event *ev)
{
	const struct reel_boot *boot = ev->segment->boot;
	const struct ev_fork *e;
	struct ev_fork scratch;
	uint32_t at;

	switch (ev->type->id) {
	case EV_exec:
		if (is_exe(q, ev, "exe"))
			return begin_life(l, boot, ev->pid, ev->ts);
		if (ev->ret >= 0)
			end_life(l, boot, ev->pid, ev->ts);
		return 0;
	case EV_process:
		return is_exe(q, ev, "exe") ? begin_life(l, boot, ev->pid, ev->ts) : 0;
	case EV_fork:
		if (!ev->segment->schema->as_built[EV_fork])
			return 0;
		e = reel_event_as(ev, &scratch, sizeof(scratch));
		end_life(l, boot, e->child, ev->ts);
		at = *find_open(l, boot, ev->pid);
		return at ? begin_life(l, boot, e->child, ev->ts) : 0;
	case EV_exit:
		at = *find_open(l, boot, ev->pid);
		if (at)
			l->list[at - 1].exit = ev->ts;
		return 0;
	}
	return 0;
}

static int read_all(struct scan_lives *l, struct reel_walk *walk, const struct scan_question *q,
		    struct reel_err *err)
{
	struct reel_event ev;
	unsigned n = 0;
	int r;

	while ((r = reel_walk_next(walk, &ev, err)) > 0) {
		if (take(l, q, &ev) < 0)
			return reel_err_set(err, -ENOMEM, "no memory for whoever ran it");
		r = ++n % 4096 ? 0 : scan_interrupted(q, err);
		if (r < 0)
			return r;
	}
	return r;
}

int scan_lives_read(struct reel_capture *c, const struct scan_question *q, struct scan_lives **ret,
		    struct reel_err *err)
{
	struct reel_filter f = {
		.from = context_from(c->reader, &q->filter.from),
		.to = q->filter.to,
		.some_types = true,
		.kinds = 1u << TAPE_STATE,
		.beyond_cut = true,
		.no_losses = true,
	};
	struct scan_lives *l = calloc(1, sizeof(*l));
	struct reel_walk *walk = NULL;
	int r = 0;

	if (l)
		l->heads = calloc(HEADS, sizeof(*l->heads));
	if (!l || !l->heads)
		r = reel_err_set(err, -ENOMEM, "no memory for whoever ran it");
	f.types[EV_exec] = f.types[EV_process] = f.types[EV_fork] = f.types[EV_exit] = true;
	if (r == 0)
		r = reel_walk_open(c->reader, &f, &walk, err);
	if (r == 0)
		r = read_all(l, walk, q, err);
	reel_walk_close(walk);
	if (r < 0) {
		scan_lives_free(l);
		return r;
	}
	*ret = l;
	return 0;
}

bool scan_lives_may_be_in(const struct scan_lives *l, const struct reel_segment *s,
			  const struct reel_entry *e)
{
	bool has_flow = e->types[EV_flow / 8] & 1u << EV_flow % 8;
	struct reel_block_filter filter;

	if (l->is_full)
		return true;
	reel_entry_filter(s, e, &filter);
	for (uint32_t i = 0; i < l->n; i++) {
		const struct life *life = &l->list[i];

		if (life->boot != s->boot || e->ts_max < life->from || e->ts_min > life->to)
			continue;
		if (!has_flow && life->exit < e->ts_min && e->ts_min - life->exit > after_exit_ns)
			continue;
		if (bloom_may_have(filter.bytes, filter.n, life->pid))
			return true;
	}
	return false;
}

void scan_lives_free(struct scan_lives *l)
{
	if (!l)
		return;
	free(l->list);
	free(l->heads);
	free(l);
}
