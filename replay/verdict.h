/* SPDX-License-Identifier: BSD-2-Clause */
/* What a capture says of a rule: hit, clean, clean except, or not evaluable. */
#ifndef REEL_REPLAY_VERDICT_H
#define REEL_REPLAY_VERDICT_H

#include "replay/engine.h"

enum verdict_kind { VERDICT_HIT, VERDICT_CLEAN, VERDICT_EXCEPT, VERDICT_NOT_EVALUABLE };

struct verdict {
	enum verdict_kind kind;
	bool is_despite;     /* every match was blind to what could have prevented it */
	struct blind *blind; /* by boot of the engine */
	unsigned n_boots;
	uint64_t clear_ns, total_ns; /* boottime in which nothing it reads was missing */
	uint32_t reasons;	     /* bits 1 << enum blind_reason */
	char why[160];		     /* not evaluable: what is missing */
};

int verdict_of(const struct engine *e, uint32_t rule, struct verdict *ret, struct reel_err *err);
void verdict_done(struct verdict *v);
const char *verdict_name(enum verdict_kind kind);
/* Whether it is open because something is missing that should be there, and not because nobody
 * wanted it recorded. */
bool verdict_is_touched(const struct verdict *v);

#endif
