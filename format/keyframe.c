/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the state of a machine at a moment can be read from. */
#include "format/walk.h"

#include <errno.h>
#include <stdlib.h>

/* Where a keyframe begins, or ends. */
struct edge {
	uint64_t ts, seq;
	bool is_end;
};

struct edges {
	struct edge *list;
	size_t n, room;
};

/* A block that has some, and the latest time in all blocks that are looked at after it. */
struct candidate {
	uint32_t block;
	uint64_t ts_min, ts_max, rest_max;
};

static int by_time(const void *a, const void *b)
{
	const struct edge *x = a, *y = b;

	if (x->ts != y->ts)
		return x->ts < y->ts ? -1 : 1;
	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

static int latest_first(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->ts_min != y->ts_min)
		return x->ts_min > y->ts_min ? -1 : 1;
	return x->block > y->block ? -1 : x->block < y->block;
}

static int add(struct edges *e, const struct reel_event *ev)
{
	const struct ev_keyframe *frame;
	struct ev_keyframe scratch;

	if (e->n == e->room) {
		size_t room = e->room ? 2 * e->room : 16;
		struct edge *list = reallocarray(e->list, room, sizeof(*list));

		if (!list)
			return -ENOMEM;
		e->list = list;
		e->room = room;
	}
	frame = reel_event_as(ev, &scratch, sizeof(scratch));
	/* One that gave up is none. */
	if (frame->edge == 0 || (frame->edge == 1 && frame->complete))
		e->list[e->n++] = (struct edge){ ev->ts, ev->seq, frame->edge == 1 };
	return 0;
}

static int add_block(struct edges *e, struct reel_unpacked *u, uint64_t until)
{
	for (uint32_t run = 0; run < u->n_runs; run++) {
		for (uint32_t i = u->run_at[run]; i < u->run_at[run + 1]; i++) {
			struct reel_event ev;

			if (u->type[i] != EV_keyframe || u->ts[i] > until)
				continue;
			reel_unpacked_event(u, run, i, &ev);
			if (add(e, &ev) < 0)
				return -ENOMEM;
		}
	}
	return 0;
}

/* Where the last keyframe that has an end begins. */
static bool find_last(struct edges *e, uint64_t *ret_ts)
{
	const struct edge *begin = NULL;
	bool found = false;

	if (e->n)
		qsort(e->list, e->n, sizeof(*e->list), by_time);
	for (size_t i = 0; i < e->n; i++) {
		if (!e->list[i].is_end) {
			begin = &e->list[i];
		} else if (begin) {
			*ret_ts = begin->ts;
			found = true;
			begin = NULL;
		}
	}
	return found;
}

static size_t find_candidates(const struct reel_reader *r, const struct reel_boot *boot,
			      uint64_t ts, struct candidate *list)
{
	size_t n = 0;
	uint64_t rest = 0;

	for (uint32_t i = 0; i < r->n_blocks; i++) {
		const struct reel_entry *e = &r->blocks[i];

		if (e->kind == TAPE_STATE && r->segments[e->segment].boot == boot &&
		    e->ts_min <= ts && e->types[EV_keyframe / 8] & 1u << EV_keyframe % 8)
			list[n++] = (struct candidate){ i, e->ts_min, e->ts_max, 0 };
	}
	if (n)
		qsort(list, n, sizeof(*list), latest_first);
	for (size_t i = n; i-- > 0;) {
		list[i].rest_max = rest;
		rest = list[i].ts_max > rest ? list[i].ts_max : rest;
	}
	return n;
}

int reel_keyframe_before(const struct reel_reader *r, const struct reel_boot *boot, uint64_t ts,
			 uint64_t *ret_ts)
{
	struct candidate *list = calloc(r->n_blocks + 1u, sizeof(*list));
	struct reel_unpacked u = { 0 };
	struct edges edges = { 0 };
	uint64_t found = 0;
	int result = list ? 0 : -ENOMEM;
	size_t n = list ? find_candidates(r, boot, ts, list) : 0;

	*ret_ts = boot->ts_min;
	for (size_t i = 0; result == 0 && i < n; i++) {
		if (reel_reader_unpack(r, list[i].block, &u, NULL) < 0 ||
		    !u.schema->as_built[EV_keyframe])
			continue;
		result = add_block(&edges, &u, ts);
		if (result == 0 && find_last(&edges, &found)) {
			*ret_ts = found;
			if (list[i].rest_max < found)
				break;
		}
	}
	reel_unpack_done(&u);
	free(edges.list);
	free(list);
	return result;
}
