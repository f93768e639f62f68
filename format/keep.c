/* SPDX-License-Identifier: BSD-2-Clause */
#include "format/keep.h"

#include <errno.h>
#include <string.h>

#include "format/outcome.h"

/* In ts, for times that are given so. */
static void ts_range(const struct reel_reader *r, const struct reel_segment *s, uint64_t *ret_from,
		     uint64_t *ret_to)
{
	*ret_from = *ret_to = s->meta.start.boottime_ns;
	for (uint32_t i = 0; i < s->n_blocks; i++) {
		const struct reel_entry *e = &r->blocks[s->first_block + i];

		if (e->n_events && e->ts_min < *ret_from)
			*ret_from = e->ts_min;
		if (e->n_events && e->ts_max > *ret_to)
			*ret_to = e->ts_max;
	}
}

static bool touches(const struct reel_reader *r, const struct reel_segment *s,
		    const struct reel_filter *f)
{
	int64_t from, to, next_from, next_to;
	uint64_t ts_from, ts_to;

	ts_range(r, s, &ts_from, &ts_to);
	if ((f->from.kind == REEL_BOOTTIME && ts_to < (uint64_t)f->from.ns) ||
	    (f->to.kind == REEL_BOOTTIME && ts_from >= (uint64_t)f->to.ns))
		return false;
	reel_segment_range(r, s, &from, &to);
	/* How things stood in a quiet hour is told by the segment before it. */
	if (s + 1 < r->segments + r->n_segments && s[1].boot == s->boot) {
		reel_segment_range(r, s + 1, &next_from, &next_to);
		to = next_from > to ? next_from : to;
	}
	return !(f->from.kind == REEL_REALTIME && to < f->from.ns) &&
	       !(f->to.kind == REEL_REALTIME && from >= f->to.ns);
}

/* From the first to the last one that touches, since a capture with a hole is a damaged one. */
static unsigned choose(const struct reel_reader *r, const struct reel_filter *f, bool *wanted)
{
	unsigned n = 0;

	memset(wanted, 0, r->n_segments * sizeof(*wanted));
	for (unsigned k = 0; k < r->n_sources; k++) {
		unsigned begin = r->sources[k].first_segment;
		unsigned end = begin + r->sources[k].n_segments;
		unsigned first = end, last = begin;

		for (unsigned i = begin; i < end; i++) {
			if (!touches(r, &r->segments[i], f))
				continue;
			first = first == end ? i : first;
			last = i;
		}
		for (unsigned i = first; i < end && i <= last; i++, n++)
			wanted[i] = true;
	}
	return n;
}

int reel_keep(const struct reel_reader *r, const struct reel_filter *f, const char *path,
	      struct reel_collection *ret, bool *ret_wanted, struct reel_err *err)
{
	int result = 0;

	if (!choose(r, f, ret_wanted))
		result = reel_err_set(err, -ENODATA, "nothing was recorded in that time");
	else if (!ret->path)
		result = reel_collection_make(ret, path, err);
	if (result == 0)
		result = reel_collection_put(ret, r, ret_wanted, err);
	if (result == 0)
		result = reel_collection_finish(ret, err);
	if (result < 0) {
		reel_collection_undo(ret);
		reel_collection_done(ret);
	}
	return result;
}
