/* SPDX-License-Identifier: BSD-2-Clause */
/* Views over the table `event`, one for each type: its own fields as columns. */
#ifndef REEL_REPLAY_CASE_EVENT_VIEWS_H
#define REEL_REPLAY_CASE_EVENT_VIEWS_H

#include "bpf/events.h"
#include "replay/case_writer.h"

/* Of those that TYPES has, as far as they are not there yet. */
int case_event_views(struct case_writer *w, const bool types[EV_MAX_TYPES], struct reel_err *err);

#endif
