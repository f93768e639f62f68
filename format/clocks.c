/* SPDX-License-Identifier: BSD-2-Clause */
#include "format/clocks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format/unpack.h"

int reel_clocks_add(struct reel_clocks *c, uint64_t ts, int64_t realtime_ns)
{
	size_t i = c->n;

	if (c->n == c->room) {
		size_t room = c->room ? 2 * c->room : 16;
		struct reel_clock *list = reallocarray(c->list, room, sizeof(*list));

		if (!list)
			return -ENOMEM;
		c->list = list;
		c->room = room;
	}
	while (i > 0 && c->list[i - 1].ts > ts)
		i--;
	memmove(c->list + i + 1, c->list + i, (c->n - i) * sizeof(*c->list));
	c->list[i] = (struct reel_clock){ ts, (int64_t)((uint64_t)realtime_ns - ts) };
	c->n++;
	return 0;
}

int reel_clocks_add_block(struct reel_clocks *c, struct reel_unpacked *u)
{
	if (!u->schema->as_built[EV_clock])
		return 0;
	for (uint32_t run = 0; run < u->n_runs; run++) {
		for (uint32_t i = u->run_at[run]; i < u->run_at[run + 1]; i++) {
			const struct ev_clock *clock;
			struct ev_clock scratch;
			struct reel_event ev;

			if (u->type[i] != EV_clock)
				continue;
			reel_unpacked_event(u, run, i, &ev);
			clock = reel_event_as(&ev, &scratch, sizeof(scratch));
			if (reel_clocks_add(c, ev.ts, clock->realtime) < 0)
				return -ENOMEM;
		}
	}
	return 0;
}

void reel_clocks_done(struct reel_clocks *c)
{
	free(c->list);
	memset(c, 0, sizeof(*c));
}

/* Index of the last clock that is not after ts; of the first if there is none. */
static size_t clock_at(const struct reel_clocks *c, uint64_t ts)
{
	size_t low = 0, high = c->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (c->list[middle].ts <= ts)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? low - 1 : 0;
}

static int64_t realtime_of(uint64_t ts, int64_t offset_ns)
{
	return (int64_t)(ts + (uint64_t)offset_ns);
}

void reel_clocks_start(struct reel_clocks *c, const struct tape_start *start)
{
	if (c->has_start || !start->realtime_ns)
		return;
	c->has_start = true;
	c->start_offset_ns = (int64_t)((uint64_t)start->realtime_ns - start->boottime_ns);
}

int64_t reel_clocks_realtime(const struct reel_clocks *c, uint64_t ts,
			     struct reel_clock_cache *cache)
{
	if (ts - cache->from >= cache->to - cache->from) {
		size_t i;

		if (!c->n)
			return c->has_start ? realtime_of(ts, c->start_offset_ns) : 0;
		i = clock_at(c, ts);
		cache->from = i ? c->list[i].ts : 0;
		cache->to = i + 1 < c->n ? c->list[i + 1].ts : UINT64_MAX;
		cache->offset_ns = c->list[i].offset_ns;
	}
	return realtime_of(ts, cache->offset_ns);
}

void reel_clocks_range(const struct reel_clocks *c, uint64_t ts_min, uint64_t ts_max,
		       int64_t *ret_min, int64_t *ret_max)
{
	*ret_min = 0;
	*ret_max = 0;
	if (!c->n && c->has_start) {
		*ret_min = realtime_of(ts_min, c->start_offset_ns);
		*ret_max = realtime_of(ts_max, c->start_offset_ns);
	}
	for (size_t i = clock_at(c, ts_min); i < c->n && (i == 0 || c->list[i].ts <= ts_max); i++) {
		uint64_t from = i && c->list[i].ts > ts_min ? c->list[i].ts : ts_min;
		uint64_t to = i + 1 < c->n && c->list[i + 1].ts < ts_max ? c->list[i + 1].ts :
									   ts_max;
		int64_t a = realtime_of(from, c->list[i].offset_ns);
		int64_t b = realtime_of(to, c->list[i].offset_ns);

		if (!*ret_max || a < *ret_min)
			*ret_min = a;
		if (!*ret_max || b > *ret_max)
			*ret_max = b;
	}
}
