/* SPDX-License-Identifier: BSD-2-Clause */
/* What a capture is like, measured on the records themselves: the tables in README.md. */
#ifndef REEL_TESTS_BENCH_STATS_H
#define REEL_TESTS_BENCH_STATS_H

#include <stdio.h>

#include "format/types.h"
#include "tests/bench/lib_rand.h"

struct stats;

/* NULL without memory. */
struct stats *stats_new(void);
void stats_free(struct stats *s);
void stats_record(struct stats *s, const void *record);
void stats_print(struct stats *s, FILE *out);

#endif
