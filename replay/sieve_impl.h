/* SPDX-License-Identifier: BSD-2-Clause */
/* What sieve.c and sieve_plan.c share, and nobody else includes. */
#ifndef REEL_REPLAY_SIEVE_IMPL_H
#define REEL_REPLAY_SIEVE_IMPL_H

#include "replay/sieve.h"

/* How a leaf is asked of events of the type. */
uint8_t sieve_way(const struct eval_plan *p, unsigned type, uint32_t leaf);

#endif
