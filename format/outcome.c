/* SPDX-License-Identifier: BSD-2-Clause */
#include "format/outcome.h"

#include <errno.h>
#include <stdio.h>

#include "format/tail.h"

enum reel_status reel_status_of(int r)
{
	switch (r) {
	case 0:
		return REEL_STATUS_OK;
	case -ENODATA:
	case -EBADMSG:
	case -EPROTONOSUPPORT:
	case -ENOKEY:
	case -E2BIG:
		return REEL_STATUS_UNREADABLE;
	default:
		return REEL_STATUS_IO;
	}
}

static void say_count(char text[REEL_HEALTH_LINE], uint64_t n, const char *one, const char *many)
{
	snprintf(text, REEL_HEALTH_LINE, "%llu %s", (unsigned long long)n, n == 1 ? one : many);
}

bool reel_health_line(const struct reel_health *h, unsigned i, char text[REEL_HEALTH_LINE])
{
	char closed[sizeof(h->closed_why) + 64];
	const struct {
		uint64_t n;
		const char *one, *many;
	} counts[] = {
		{ h->closed_segments, closed, closed },
		{ h->n_damages > REEL_DAMAGES_MAX ? h->n_damages - REEL_DAMAGES_MAX : 0,
		  "more place is damaged", "more places are damaged" },
		{ h->missing_blocks, "block is missing", "blocks are missing" },
		{ h->torn_bytes, "byte behind the last whole block, which was never finished",
		  "bytes behind the last whole block, which was never finished" },
		{ h->unclean_segments, "segment has no END: its writer died, or still writes",
		  "segments have no END: their writer died, or still writes" },
		{ h->lost, "event was lost when this was recorded",
		  "events were lost when this was recorded" },
		{ h->disordered, "event is out of order, since order would take too much memory",
		  "events are out of order, since order would take too much memory" },
	};
	uint64_t listed = h->n_damages < REEL_DAMAGES_MAX ? h->n_damages : REEL_DAMAGES_MAX;

	snprintf(closed, sizeof(closed), "%s of which nothing was read: %s",
		 h->closed_segments == 1 ? "segment" : "segments", h->closed_why);
	if (i < listed) {
		const struct reel_damage *d = &h->damages[i];

		snprintf(text, REEL_HEALTH_LINE, "%s: damaged at byte %llu: %s",
			 d->path ? d->path : "?", (unsigned long long)d->offset, d->what);
		return true;
	}
	i -= (unsigned)listed;
	for (unsigned k = 0; k < sizeof(counts) / sizeof(counts[0]); k++) {
		if (!counts[k].n || i--)
			continue;
		say_count(text, counts[k].n, counts[k].one, counts[k].many);
		return true;
	}
	return false;
}

void reel_segment_range(const struct reel_reader *r, const struct reel_segment *s,
			int64_t *ret_from, int64_t *ret_to)
{
	uint64_t ts_min = UINT64_MAX, ts_max = 0;

	for (uint32_t i = 0; i < s->n_blocks; i++) {
		const struct reel_entry *e = &r->blocks[s->first_block + i];

		if (!e->n_events)
			continue;
		if (e->ts_min < ts_min)
			ts_min = e->ts_min;
		if (e->ts_max > ts_max)
			ts_max = e->ts_max;
	}
	if (ts_min > ts_max)
		*ret_from = *ret_to = s->meta.start.realtime_ns;
	else
		reel_clocks_range(&s->boot->clocks, ts_min, ts_max, ret_from, ret_to);
}

static bool touches(const struct reel_reader *r, const struct reel_segment *s,
		    const struct reel_filter *f)
{
	const struct reel_source *source = &r->sources[s->source];
	int64_t from, to, next_to;

	if ((f->from.kind != REEL_REALTIME && f->to.kind != REEL_REALTIME) ||
	    f->from.kind == REEL_BOOTTIME || f->to.kind == REEL_BOOTTIME)
		return true;
	reel_segment_range(r, s, &from, &to);
	/* Of one that is closed nothing was read; what a torn end lacks came behind its last event
	 * and before the next segment. */
	if (s->ending != REEL_DAMAGED && !s->is_closed)
		from = to;
	if (s + 1 < &r->segments[source->first_segment + source->n_segments])
		reel_segment_range(r, s + 1, &to, &next_to);
	else
		to = INT64_MAX;
	return !(f->to.kind == REEL_REALTIME && f->to.ns <= from) &&
	       !(f->from.kind == REEL_REALTIME && f->from.ns > to);
}

bool reel_health_touches(const struct reel_health *h, const struct reel_reader *r,
			 const struct reel_filter *f)
{
	if (h->lost || h->disordered)
		return true;
	if (!r)
		return h->ending != REEL_COMPLETE || h->closed_segments;
	/* Damage that only reading the blocks has shown is in what was asked for. */
	if (h->n_damages > r->health.n_damages)
		return true;
	for (unsigned i = 0; i < r->n_segments; i++) {
		const struct reel_segment *s = &r->segments[i];

		if (s->is_closed && touches(r, s, f))
			return true;
		if (s->ending != REEL_COMPLETE &&
		    !(s->ending != REEL_DAMAGED && reel_tail_is_being_written(r, s)) &&
		    touches(r, s, f))
			return true;
	}
	return false;
}
