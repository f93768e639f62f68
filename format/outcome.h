/* SPDX-License-Identifier: BSD-2-Clause */
/* What a reading came to: what has to be said about it, and the exit status it ends with. */
#ifndef REEL_FORMAT_OUTCOME_H
#define REEL_FORMAT_OUTCOME_H

#include "format/command.h"
#include "format/walk.h"

enum { REEL_HEALTH_LINE = 1000 };

/* The status for an error of opening or reading a capture. */
enum reel_status reel_status_of(int r);

/* What is to be said of a reading, line by line from 0. false: there are no more. */
bool reel_health_line(const struct reel_health *h, unsigned i, char text[REEL_HEALTH_LINE]);

/*
 * Whether what is wrong, or lost, touches the time that the filter asks for; without a reader
 * anything does. A segment that somebody is still writing to is not wrong.
 */
bool reel_health_touches(const struct reel_health *h, const struct reel_reader *r,
			 const struct reel_filter *f);

/* Wall time from the first to the last event of a segment; without events, of its beginning. */
void reel_segment_range(const struct reel_reader *r, const struct reel_segment *s,
			int64_t *ret_from, int64_t *ret_to);

#endif
