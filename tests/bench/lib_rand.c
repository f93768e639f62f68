/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/bench/lib_rand.h"

#include <errno.h>
#include <stdlib.h>

void rng_seed(struct rng *r, uint64_t seed)
{
	/* splitmix64, as the authors of xoshiro advise */
	for (unsigned i = 0; i < 4; i++) {
		uint64_t z = seed += 0x9e3779b97f4a7c15;

		z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
		z = (z ^ z >> 27) * 0x94d049bb133111eb;
		r->s[i] = z ^ z >> 31;
	}
}

static double natural_exp(double x)
{
	double term = 1, sum = 1;
	unsigned halved = 0;

	while (x > 0.5 || x < -0.5) {
		x /= 2;
		halved++;
	}
	for (unsigned i = 1; i < 16; i++) {
		term *= x / i;
		sum += term;
	}
	while (halved--)
		sum *= sum;
	return sum;
}

static double natural_log(double x)
{
	double y = 0;

	while (x > 1.5) {
		x /= 2;
		y += 0.69314718055994531;
	}
	while (x < 0.75) {
		x *= 2;
		y -= 0.69314718055994531;
	}
	x = (x - 1) / (x + 1);
	for (double power = x, n = 1; n < 40; n += 2, power *= x * x)
		y += 2 * power / n;
	return y;
}

static double square_root(double x)
{
	double root = x > 1 ? x : 1;

	for (unsigned i = 0; i < 60; i++)
		root = (root + x / root) / 2;
	return root;
}

/* Abramowitz and Stegun 26.2.23: good to 0.0005, which no event notices. */
static double normal_quantile(double p)
{
	double tail = p < 0.5 ? p : 1 - p, t = square_root(-2 * natural_log(tail)), z;

	z = t - (2.515517 + t * (0.802853 + t * 0.010328)) /
			(1 + t * (1.432788 + t * (0.189269 + t * 0.001308)));
	return p < 0.5 ? -z : z;
}

static void spread_from(struct spread *s, const double *quantiles)
{
	double sum = 0;

	for (unsigned i = 0; i < SPREAD_CELLS; i++)
		sum += (quantiles[i] + quantiles[i + 1]) / 2;
	for (unsigned i = 0; i <= SPREAD_CELLS; i++)
		s->q[i] = (uint32_t)(quantiles[i] * SPREAD_CELLS / sum * (1 << 20));
}

static double inside(unsigned i)
{
	/* The ends of the scale are infinite: stop a quarter of a cell before them. */
	double p = (double)i / SPREAD_CELLS, edge = 0.25 / SPREAD_CELLS;

	return p < edge ? edge : p > 1 - edge ? 1 - edge : p;
}

void spread_log_normal(struct spread *s, double sigma)
{
	double quantiles[SPREAD_CELLS + 1];

	for (unsigned i = 0; i <= SPREAD_CELLS; i++)
		quantiles[i] = natural_exp(sigma * normal_quantile(inside(i)));
	spread_from(s, quantiles);
}

void spread_exponential(struct spread *s)
{
	double quantiles[SPREAD_CELLS + 1];

	for (unsigned i = 0; i <= SPREAD_CELLS; i++)
		quantiles[i] = -natural_log(1 - inside(i));
	spread_from(s, quantiles);
}

int alias_init(struct alias *a, const double *weights, uint32_t n)
{
	double *scaled = malloc(n * sizeof(*scaled)), sum = 0;
	uint32_t *small = malloc(n * sizeof(*small)), *large = malloc(n * sizeof(*large));
	uint32_t n_small = 0, n_large = 0;

	a->cells = malloc(n * sizeof(*a->cells));
	a->n = n;
	if (!scaled || !small || !large || !a->cells) {
		free(scaled);
		free(small);
		free(large);
		alias_done(a);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < n; i++)
		sum += weights[i];
	for (uint32_t i = 0; i < n; i++) {
		scaled[i] = weights[i] * n / sum;
		a->cells[i] = (struct alias_cell){ UINT32_MAX, i };
		if (scaled[i] < 1)
			small[n_small++] = i;
		else
			large[n_large++] = i;
	}
	while (n_small && n_large) {
		uint32_t s = small[--n_small], l = large[n_large - 1];

		a->cells[s] = (struct alias_cell){ (uint32_t)(scaled[s] * UINT32_MAX), l };
		scaled[l] -= 1 - scaled[s];
		if (scaled[l] < 1) {
			n_large--;
			small[n_small++] = l;
		}
	}
	free(scaled);
	free(small);
	free(large);
	return 0;
}

int alias_init_zipf(struct alias *a, struct rng *r, uint32_t n, double exponent)
{
	double *weights = malloc(n * sizeof(*weights));
	int ret;

	if (!weights)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		weights[i] = natural_exp(-exponent * natural_log(i + 1));
	for (uint32_t i = n; i-- > 1;) {
		uint32_t other = rng_below(r, i + 1);
		double swap = weights[i];

		weights[i] = weights[other];
		weights[other] = swap;
	}
	ret = alias_init(a, weights, n);
	free(weights);
	return ret;
}

void alias_done(struct alias *a)
{
	free(a->cells);
	*a = (struct alias){ 0 };
}
