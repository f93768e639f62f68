/* SPDX-License-Identifier: BSD-2-Clause */
/* What a command line chooses of a capture: times, types and processes, as parts of a filter. */
#ifndef REEL_FORMAT_MOMENT_H
#define REEL_FORMAT_MOMENT_H

#include "format/options.h"
#include "format/walk.h"

/*
 * The text of --from, --to and the like. What is relative counts back from the end of the capture;
 * without a reader it is refused. -EINVAL, -ERANGE: the message says what is wrong.
 */
int reel_moment_parse(const char *text, const struct reel_reader *r, struct reel_moment *ret,
		      struct reel_err *err);

/*
 * The ts at which the boot was at that wall time; where the clock was set over it, the last one
 * before, and at most that of the last event. Of a wall time that came twice the later one is
 * taken. false: the boot began later.
 */
bool reel_moment_ts(const struct reel_boot *boot, int64_t realtime_ns, uint64_t *ret_ts);

/* The first and the last ts of the boot between two wall times, the second not included. */
bool reel_moment_span(const struct reel_boot *boot, int64_t from_ns, int64_t to_ns,
		      uint64_t *ret_first, uint64_t *ret_last);

/*
 * Types by their names or those of calls, with commas between, also those that only the capture
 * knows. *ret_only: the type if it is one alone, else NULL. -EINVAL: the message names the nearest.
 */
int reel_choose_types(const struct reel_strings *lists, const struct reel_reader *r,
		      struct reel_filter *f, const struct reel_type **ret_only,
		      struct reel_err *err);
int reel_choose_pids(const struct reel_strings *lists, struct reel_filter *f, struct reel_err *err);

#endif
