/* SPDX-License-Identifier: BSD-2-Clause */
/* Of the rules that were loaded those that are wanted. */
#ifndef REEL_REPLAY_RULES_CHOOSE_H
#define REEL_REPLAY_RULES_CHOOSE_H

#include "format/options.h"
#include "replay/rules.h"

/* An empty list wants all. */
struct rules_choice {
	struct reel_strings names; /* globs, of their names or titles */
	struct reel_strings tags;
	int severity; /* this one or a higher */
};

void rules_choose(struct rules *rules, const struct rules_choice *choice);
/* Only these are left, and looked for. */
void rules_keep_first(struct rules *rules, uint32_t n);

#endif
