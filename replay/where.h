/* SPDX-License-Identifier: BSD-2-Clause */
/* A predicate of the policy language, asked of one event after the other. */
#ifndef REEL_REPLAY_WHERE_H
#define REEL_REPLAY_WHERE_H

#include "replay/eval.h"

struct where;

/* -EINVAL: it does not compile; the message says where and why. */
int where_new(const char *text, struct where **ret, struct reel_err *err);
void where_free(struct where *w);

/* Adds the types of which an event may be what is asked for. Returns whether files may have to be
 * called by their names to know that; of these any event may tell. */
bool where_types(const struct where *w, bool types[EV_MAX_TYPES]);

/* The event's process, and the model that it is in; both may be NULL. */
enum truth where_holds(struct where *w, const struct reel_event *ev, struct model *model,
		       struct model_process *process);

#endif
