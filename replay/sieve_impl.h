/* SPDX-License-Identifier: BSD-2-Clause */
/* What sieve.c and sieve_plan.c share, and nobody else includes. */
#ifndef REEL_REPLAY_SIEVE_IMPL_H
#define REEL_REPLAY_SIEVE_IMPL_H

#include "replay/eval.h"

/* How a leaf is asked of events of the type. */
uint8_t sieve_way(const struct eval_plan *p, unsigned type, uint32_t leaf);
/* Whether it is one of SIEVE_OF_WHO. */
bool sieve_asks_who(const struct eval_plan *p, unsigned type, uint32_t leaf);

/* What there is one value of: whether it fits. */
static inline enum truth sieve_with_op(const struct rule_leaf *l, enum truth fits)
{
	return l->op == RULE_NE || l->op == RULE_NOT_REGEX ? truth_not(fits) : fits;
}

#endif
