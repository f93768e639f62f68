/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef REEL_REPLAY_SCAN_IMPL_H
#define REEL_REPLAY_SCAN_IMPL_H

#include "replay/scan.h"

/* The lane of each probe, or NULL where all events have nothing there. */
struct scan_lanes {
	bool asks_all; /* another recorder's type: strings may not be where they should */
	const struct reel_lane *of[];
};

/*
 * What the first look says of an event. One that has no mark matters to nobody, unless something of
 * it could not be read: whom that concerns, only the event itself tells.
 */
enum {
	MARK_STEPS = 1,	 /* a step may hold */
	MARK_WANTED = 2, /* it is a candidate whatever the steps say */
	MARK_NAME = 4,	 /* it tells the name of a file, unless it failed */
	MARK_DULL = 8,	 /* of a string: no step follows from it */
};

struct scan_marks {
	struct scan_lanes *lanes[EV_MAX_TYPES]; /* NULL: no step asks of the type */
	const uint8_t *of[EV_MAX_TYPES];	/* by row; of types that are there */
};

/* The rows of its strings must have been made. */
int scan_marks_make(struct scanner *s, struct scan_block *b, bool is_state, struct scan_marks *ret);
/* How many events have one, or may be asked without; which is in b->marked. */
uint32_t scan_marks_list(const struct scan_marks *m, struct scan_block *b);
void scan_marks_done(struct scan_marks *m);

/* The row of a probe's string; NULL: nobody knows. */
const struct match_row *scan_find_row(struct scanner *s, const struct scan_block *b,
				      const struct scan_probe *p, uint16_t number);

static inline const struct match_row *scan_row(struct scanner *s, const struct scan_block *b,
					       const struct scan_probe *p, uint16_t number)
{
	const struct match_row *row = number <= b->u.strings.n ? b->rows.row[p->role][number] :
								 NULL;

	return row ? row : scan_find_row(s, b, p, number);
}

static inline bool scan_has_bytes(const struct reel_string_table *t, uint16_t number)
{
	return number && number <= t->n && t->at[number] > t->at[number - 1];
}

#endif
