/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the state of a machine at a moment can be read from. */
#include "format/walk.h"

#include <errno.h>
#include <stdlib.h>

/* The first end of a keyframe at or behind FROM. *ret_ts stays UINT64_MAX where there is none. */
static int find_end(const struct reel_reader *r, const struct reel_boot *boot, uint64_t from,
		    uint64_t before, uint64_t *ret_ts)
{
	struct reel_unpacked u = { 0 };

	*ret_ts = UINT64_MAX;
	for (uint32_t i = 0; i < r->n_blocks; i++) {
		const struct reel_entry *e = &r->blocks[i];

		if (e->kind != TAPE_STATE || r->segments[e->segment].boot != boot ||
		    !(e->types[EV_keyframe / 8] & 1u << EV_keyframe % 8) || e->ts_max < from ||
		    e->ts_min > before || reel_reader_unpack(r, i, &u, NULL) < 0 ||
		    !u.schema->as_built[EV_keyframe])
			continue;
		for (uint32_t run = 0; run < u.n_runs; run++) {
			for (uint32_t k = u.run_at[run]; k < u.run_at[run + 1]; k++) {
				const struct ev_keyframe *frame;
				struct ev_keyframe scratch;
				struct reel_event ev;

				if (u.type[k] != EV_keyframe || u.ts[k] < from)
					continue;
				reel_unpacked_event(&u, run, k, &ev);
				frame = reel_event_as(&ev, &scratch, sizeof(scratch));
				if (frame->edge == 1 && frame->complete && u.ts[k] < *ret_ts)
					*ret_ts = u.ts[k];
			}
		}
	}
	reel_unpack_done(&u);
	return *ret_ts == UINT64_MAX ? -ENOENT : 0;
}

int reel_keyframe_before(const struct reel_reader *r, const struct reel_boot *boot, uint64_t ts,
			 uint64_t *ret_ts)
{
	uint64_t limit = ts;

	for (;;) {
		uint64_t begin = 0, end;
		bool any = false;

		for (uint32_t i = 0; i < r->n_blocks; i++) {
			const struct reel_entry *e = &r->blocks[i];

			if (e->flags & TAPE_KEYFRAME && r->segments[e->segment].boot == boot &&
			    e->ts_min <= limit && e->ts_min >= begin) {
				begin = e->ts_min;
				any = true;
			}
		}
		if (!any) {
			*ret_ts = boot->ts_min;
			return 0;
		}
		if (find_end(r, boot, begin, ts, &end) == 0 && end <= ts) {
			*ret_ts = begin;
			return 0;
		}
		if (begin == 0) {
			*ret_ts = boot->ts_min;
			return 0;
		}
		limit = begin - 1;
	}
}
