/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whose each event is: a model of each boot of each capture, and of the process of an event what is
 * worth to be shown beside it. What a loss has made uncertain is not shown.
 */
#ifndef REEL_REPLAY_CONTEXT_H
#define REEL_REPLAY_CONTEXT_H

#include "format/err.h"
#include "format/event.h"
#include "format/render.h"
#include "format/walk.h"
#include "replay/model.h"

enum { CONTEXT_VALUES_MAX = 4 };

struct context;

int context_new(struct context **ret, struct reel_err *err);
void context_free(struct context *c);

/* All events, in their order. The values are valid until the next one. */
int context_event(struct context *c, const struct reel_event *ev,
		  struct reel_render_value ret[CONTEXT_VALUES_MAX], unsigned *ret_n,
		  struct reel_err *err);

/* Also what events tell of files by device and inode; for that all events have to be given. */
void context_want_names(struct context *c);
/* Of the last event; NULL: nobody's. */
struct model *context_model(const struct context *c);
struct model_process *context_process(const struct context *c);

/* Where to begin to read so as to know everybody at a moment, whichever boot it is in: at the last
 * keyframe before it. */
struct reel_moment context_from(const struct reel_reader *r, const struct reel_moment *moment);

/* Types that have to be given, besides those that values are wanted for. */
void context_types(bool types[EV_MAX_TYPES]);

#endif
