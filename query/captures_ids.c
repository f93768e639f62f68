/* SPDX-License-Identifier: BSD-2-Clause */
/* Which block an event of an id is in: headers do not say, so all blocks are read for it once. */
#include <errno.h>
#include <stdlib.h>

#include "query/captures.h"

struct numbering {
	struct reel_capture *capture;
	struct reel_id_range *list;
	uint32_t n, room;
	uint32_t *at; /* of each block, and behind the last */
	struct reel_unpacked u;
};

static int add_range(struct numbering *x, uint32_t begin, const struct tape_run *run)
{
	uint64_t last = run->seq + run->n - 1;
	struct reel_id_range *larger;

	/* Runs of a CPU follow each other within a block, which has few of them. */
	for (uint32_t i = x->n; i-- > begin;) {
		if (x->list[i].cpu != run->cpu)
			continue;
		if (run->seq < x->list[i].first)
			x->list[i].first = run->seq;
		if (last > x->list[i].last)
			x->list[i].last = last;
		return 0;
	}
	if (x->n == x->room) {
		x->room = x->room ? 2 * x->room : 1024;
		larger = reallocarray(x->list, x->room, sizeof(*larger));
		if (!larger)
			return -ENOMEM;
		x->list = larger;
	}
	x->list[x->n++] = (struct reel_id_range){ run->seq, last, run->cpu };
	return 0;
}

/* A block that is broken has nothing that could be found. */
static int number_block(struct numbering *x, uint32_t i)
{
	struct reel_capture *c = x->capture;
	const struct reel_entry *e = &c->reader->blocks[i];
	const struct reel_segment *s = &c->reader->segments[e->segment];
	struct reel_err why = { 0 };
	uint32_t begin = x->n;
	int r = reel_reader_unpack(c->reader, i, &x->u, &why);

	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		reel_health_add(&c->health, s->path, s->path_offset + (uint64_t)(e->at - s->base),
				why.msg);
		return 0;
	}
	c->reading.unpacked++;
	for (uint32_t run = 0; run < x->u.n_runs; run++)
		if (add_range(x, begin, &x->u.runs[run]) < 0)
			return -ENOMEM;
	return 0;
}

int reel_capture_number(struct reel_capture *c, bool (*stop)(void *context), void *context,
			struct reel_err *err)
{
	struct numbering x = { .capture = c };
	uint32_t n = c->reader->n_blocks, i = 0;
	int r = 0;

	if (c->has_tried_ids)
		return 0;
	x.at = calloc(n + 1ul, sizeof(*x.at));
	if (!x.at)
		return reel_err_set(err, -ENOMEM, "no memory for the numbers of events");
	for (; i < n && r == 0 && x.n <= REEL_IDS_MAX; i++) {
		x.at[i] = x.n;
		r = stop && stop(context) ? -ECANCELED : number_block(&x, i);
	}
	reel_unpack_done(&x.u);
	c->has_tried_ids = r == 0;
	if (r == 0 && i == n && x.n <= REEL_IDS_MAX) {
		x.at[n] = x.n;
		c->ids = x.list;
		c->ids_at = x.at;
		return 0;
	}
	free(x.list);
	free(x.at);
	return r < 0 ? reel_err_set(err, r, "no memory for the numbers of events, or interrupted") :
		       0;
}

bool reel_capture_may_have(const struct reel_capture *c, uint32_t i, uint16_t cpu, uint64_t seq)
{
	if (!c->ids)
		return true;
	for (uint32_t k = c->ids_at[i]; k < c->ids_at[i + 1]; k++)
		if (c->ids[k].cpu == cpu && seq >= c->ids[k].first && seq <= c->ids[k].last)
			return true;
	return false;
}
