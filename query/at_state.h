/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A machine as it was at a moment, as far as a capture tells: from the last keyframe before it on,
 * events are told to a model of its processes, and to what they have open.
 *
 * Of each capture it is the boot that had begun last by then; one that had none is left out.
 * Memory: those of replay/model.h and replay/lives.h for each capture.
 */
#ifndef REEL_QUERY_AT_STATE_H
#define REEL_QUERY_AT_STATE_H

#include "format/walk.h"
#include "query/captures.h"
#include "replay/lives.h"

/* What is to be known: processes; all that STATE blocks tell; or also what only events do. */
enum at_depth { AT_PROCESSES, AT_STATE, AT_EVENTS };

struct at_machine {
	const struct reel_boot *boot;
	const char *host;
	uint64_t ts; /* the moment */
	struct model *model;
	struct lives *lives; /* NULL: nobody asked for it */
	struct life_files *files;
	struct reel_clock_cache clock;
};

struct at_state {
	struct at_machine *machines;
	unsigned n;
};

/* IS_INTERRUPTED is asked now and then, and ends it with -ECANCELED. */
int at_state_new(struct reel_capture *c, const struct reel_moment *at, enum at_depth depth,
		 bool (*is_interrupted)(void *context), void *context, struct at_state **ret,
		 struct reel_err *err);
void at_state_free(struct at_state *s);

/* Wall time; 0: not known. */
int64_t at_realtime(struct at_machine *m, uint64_t ts);

#endif
