/* SPDX-License-Identifier: BSD-2-Clause */
/* The events that a finding rests on, a row each, with a copy of the event. */
#ifndef REEL_REPLAY_CASE_EVIDENCE_H
#define REEL_REPLAY_CASE_EVIDENCE_H

#include "replay/case_writer.h"
#include "replay/engine.h"

struct case_evidence;

int case_evidence_new(struct case_writer *w, struct case_evidence **ret, struct reel_err *err);
void case_evidence_free(struct case_evidence *e);

/* Of a finding, whose row has this id: that of its first match, and of its last. */
int case_evidence_put(struct case_evidence *e, const struct engine *engine, const struct finding *f,
		      int64_t id, struct reel_err *err);

#endif
