/* SPDX-License-Identifier: BSD-2-Clause */
/* Blocks as they lie, and which of their events may be wanted. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format/sieve.h"
#include "query/scan_impl.h"

int scan_blocks_init(struct scan_blocks *b, struct reel_capture *c, const struct scan_question *q,
		     struct reel_err *err)
{
	memset(b, 0, sizeof(*b));
	b->capture = c;
	b->q = q;
	b->sieve = calloc(1, sizeof(*b->sieve));
	return b->sieve ? 0 : reel_err_set(err, -ENOMEM, "no memory for a scan");
}

void scan_blocks_done(struct scan_blocks *b)
{
	reel_unpack_done(&b->u);
	free(b->sieve);
	b->sieve = NULL;
}

static bool is_of_boot(const struct scan_question *q, const struct reel_boot *boot)
{
	uint32_t first = (uint32_t)boot->id[0] << 24 | (uint32_t)boot->id[1] << 16 |
			 (uint32_t)boot->id[2] << 8 | boot->id[3];

	return !q->has_id || first == q->boot8;
}

/* Whether every moment between the two is in the time that is wanted. */
static bool is_inside(const struct reel_filter *f, const struct reel_segment *s,
		      const struct reel_entry *e)
{
	int64_t real_min, real_max;

	if (f->from.kind == REEL_BOOTTIME && e->ts_min < (uint64_t)f->from.ns)
		return false;
	if (f->to.kind == REEL_BOOTTIME && e->ts_max >= (uint64_t)f->to.ns)
		return false;
	if (f->from.kind != REEL_REALTIME && f->to.kind != REEL_REALTIME && !s->is_cut)
		return true;
	reel_clocks_range(&s->boot->clocks, e->ts_min, e->ts_max, &real_min, &real_max);
	if (f->from.kind == REEL_REALTIME && real_min < f->from.ns)
		return false;
	if (f->to.kind == REEL_REALTIME && real_max >= f->to.ns)
		return false;
	return !s->is_cut || (real_min >= s->cut_from_ns && real_max < s->cut_to_ns);
}

static bool has_event_of_id(const struct scan_question *q, const struct reel_unpacked *u)
{
	for (uint32_t run = 0; run < u->n_runs; run++)
		if (u->runs[run].cpu == q->cpu && q->seq - u->runs[run].seq < u->runs[run].n)
			return true;
	return false;
}

/* 1: the block is in b->u and may hold something. 0: it does not, or it is broken. */
static int read_block(struct scan_blocks *b, uint32_t i, struct reel_err *err)
{
	struct reel_capture *c = b->capture;
	const struct reel_entry *e = &c->reader->blocks[i];
	const struct reel_segment *s = &c->reader->segments[e->segment];
	const struct scan_question *q = b->q;
	struct reel_err why = { 0 };
	int r;

	if (s->boot != b->boot) {
		b->boot = s->boot;
		reel_sieve_init(b->sieve, &q->filter, &s->boot->clocks);
	}
	if (!is_of_boot(q, s->boot) || !reel_sieve_wants_block(b->sieve, s, e) ||
	    (q->has_id && !reel_capture_may_have(c, i, q->cpu, q->seq)))
		return 0;
	r = scan_interrupted(q, err);
	if (r < 0)
		return r;
	r = reel_reader_unpack(c->reader, i, &b->u, &why);
	if (r == -ENOMEM)
		return reel_err_set(err, r, "%s", why.msg);
	if (r < 0) {
		reel_health_add(&c->health, s->path, s->path_offset + (uint64_t)(e->at - s->base),
				why.msg);
		return 0;
	}
	c->reading.unpacked++;
	if (q->string.field && !scan_block_has(&q->string, &b->u.strings))
		return 0;
	if (q->has_id && !has_event_of_id(q, &b->u))
		return 0;
	b->entry = e;
	b->any_time = is_inside(&q->filter, s, e);
	b->any_event = b->any_time && !q->filter.some_types && !q->filter.n_pids &&
		       !q->string.field && !q->has_id;
	c->reading.events += b->u.n_events;
	return 1;
}

int scan_blocks_next(struct scan_blocks *b, struct reel_err *err)
{
	while (b->next < b->capture->reader->n_blocks) {
		int r = read_block(b, b->next++, err);

		if (r)
			return r;
	}
	return 0;
}

static bool is_wanted_pid(const struct reel_filter *f, uint32_t pid)
{
	for (unsigned i = 0; i < f->n_pids; i++)
		if (f->pids[i] == pid)
			return true;
	return f->n_pids == 0;
}

/* What is left to ask of an event, when its type and process are wanted. */
static bool is_wanted(struct scan_blocks *b, uint32_t i, uint32_t run)
{
	const struct scan_question *q = b->q;
	struct reel_unpacked *u = &b->u;
	struct reel_event ev;

	if (q->has_id &&
	    (u->runs[run].cpu != q->cpu || u->runs[run].seq + (i - u->run_at[run]) != q->seq))
		return false;
	if (!b->any_time) {
		const struct reel_merge_event e = { u, run, i };

		if (!reel_sieve_wants_event(b->sieve, &e))
			return false;
	}
	if (!q->string.field)
		return true;
	reel_unpacked_event(u, run, i, &ev);
	return scan_event_has(&q->string, &ev);
}

uint32_t scan_blocks_find(struct scan_blocks *b, uint32_t i, uint32_t *run)
{
	const struct scan_question *q = b->q;
	const struct reel_filter *f = &q->filter;
	struct reel_unpacked *u = &b->u;
	bool asks_more = q->has_id || !b->any_time || q->string.field;
	uint32_t n = u->n_events;

	for (; i < n; i++) {
		if (f->some_types && !f->types[u->type[i]])
			continue;
		if (f->n_pids && !is_wanted_pid(f, u->pid[i]))
			continue;
		while (i >= u->run_at[*run + 1])
			++*run;
		if (!asks_more || is_wanted(b, i, *run))
			break;
	}
	return i;
}
