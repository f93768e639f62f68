/* SPDX-License-Identifier: BSD-2-Clause */
/* Texts with fields in them, filled for an event. */
#ifndef REEL_REPLAY_RULE_OUTPUT_H
#define REEL_REPLAY_RULE_OUTPUT_H

#include "format/out.h"
#include "replay/eval.h"

/* What is not known of the event, or what it does not have, is <NA>. WALL_NS: 0 if not known. */
void rule_output_fill(struct reel_out *o, const struct rule_output *output, struct eval *e,
		      const struct reel_event *ev, int64_t wall_ns);

#endif
