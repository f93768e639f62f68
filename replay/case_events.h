/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Events themselves in a case: the table `event`, in the order of time, whose columns are those of
 * format/columns.h and the capture; and for each type that occurs a view with its own fields,
 * event_TYPE, also under its own name where the case has no table of that name. They are there only
 * in a case that events were loaded into.
 */
#ifndef REEL_REPLAY_CASE_EVENTS_H
#define REEL_REPLAY_CASE_EVENTS_H

#include "format/reader.h"
#include "replay/case_captures.h"

/* What becomes of a capture's events when it is taken out. */
int case_events_take_out(struct case_writer *w, int64_t capture, struct reel_err *err);

/* Those of the captures that have `wants_events`. */
int case_events_write(struct case_writer *w, const struct reel_reader *r, struct case_captures *c,
		      struct reel_err *err);
/* When they are written. */
int case_events_index(struct case_writer *w, const struct case_captures *c, struct reel_err *err);

#endif
