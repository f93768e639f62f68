/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random numbers of the generator: the same seed gives the same numbers everywhere. No libm, whose
 * last digits differ between machines.
 */
#ifndef REEL_TESTS_BENCH_RAND_H
#define REEL_TESTS_BENCH_RAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* xoshiro256++ */
struct rng {
	uint64_t s[4];
};

void rng_seed(struct rng *r, uint64_t seed);

static inline uint64_t rng_rotate(uint64_t v, int by)
{
	return v << by | v >> (64 - by);
}

static inline uint64_t rng_next(struct rng *r)
{
	uint64_t *s = r->s, ret = rng_rotate(s[0] + s[3], 23) + s[0], t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rng_rotate(s[3], 45);
	return ret;
}

static inline uint32_t rng_below(struct rng *r, uint32_t n)
{
	return (uint32_t)((rng_next(r) >> 32) * n >> 32);
}

/* Both ends included. */
static inline uint32_t rng_between(struct rng *r, uint32_t from, uint32_t to)
{
	return from + rng_below(r, to - from + 1);
}

static inline bool rng_chance(struct rng *r, unsigned per_mille)
{
	return rng_below(r, 1000) < per_mille;
}

/* A distribution as a table of its quantiles, in parts of 2^20 of its mean. */
enum { SPREAD_CELLS = 2048 };
struct spread {
	uint32_t q[SPREAD_CELLS + 1];
};

/* Log-normal: times between events, sizes of files. */
void spread_log_normal(struct spread *s, double sigma);
void spread_exponential(struct spread *s);

static inline uint64_t spread_next(const struct spread *s, struct rng *r, uint64_t mean)
{
	uint64_t random = rng_next(r);
	uint32_t i = random >> 53, low = s->q[i], step = s->q[i + 1] - low;

	return (low + (step * (random >> 21 & 0xffffffff) >> 32)) * mean >> 20;
}

/* One of n with given weights, in constant time (Walker's aliases). */
struct alias_cell {
	uint32_t cut;
	uint32_t other;
};
struct alias {
	struct alias_cell *cells;
	uint32_t n;
};

int alias_init(struct alias *a, const double *weights, uint32_t n);
/* The weights are 1 / rank^exponent, the ranks are dealt out at random. */
int alias_init_zipf(struct alias *a, struct rng *r, uint32_t n, double exponent);
void alias_done(struct alias *a);

static inline uint32_t alias_next(const struct alias *a, struct rng *r)
{
	uint64_t random = rng_next(r);
	uint32_t i = (uint32_t)((random >> 32) * a->n >> 32);

	return (uint32_t)random < a->cells[i].cut ? i : a->cells[i].other;
}

#endif
