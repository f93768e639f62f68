/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay/profile.h"

#include <stdlib.h>

enum { OVERHEAD_TRIES = 200 };

static uint64_t clock_overhead_ns(void)
{
	uint64_t least = UINT64_MAX;

	for (unsigned i = 0; i < OVERHEAD_TRIES; i++) {
		uint64_t begin = profile_now_ns(), ns = profile_now_ns() - begin;

		least = ns < least ? ns : least;
	}
	return least;
}

struct profile *profile_new(uint32_t n_steps, uint32_t n_rules)
{
	struct profile *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	*p = (struct profile){ .n_steps = n_steps, .n_rules = n_rules, .until = 1, .random = 1 };
	p->steps = calloc(n_steps + 1u, sizeof(*p->steps));
	p->rules = calloc(n_rules + 1u, sizeof(*p->rules));
	if (!p->steps || !p->rules) {
		profile_free(p);
		return NULL;
	}
	p->overhead_ns = clock_overhead_ns();
	return p;
}

void profile_free(struct profile *p)
{
	if (!p)
		return;
	free(p->steps);
	free(p->rules);
	free(p);
}

static void add(struct profile_count *to, const struct profile_count *from, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		to[i].times += from[i].times;
		to[i].timed += from[i].timed;
		to[i].ns += from[i].ns;
	}
}

void profile_add(struct profile *to, const struct profile *from)
{
	add(to->steps, from->steps, to->n_steps);
	add(to->rules, from->rules, to->n_rules);
}

void profile_sum(const struct profile_count *list, uint32_t n, struct profile_count *ret)
{
	*ret = (struct profile_count){ 0 };
	for (uint32_t i = 0; i < n; i++)
		add(ret, &list[i], 1);
}

uint64_t profile_estimate_ns(const struct profile_count *c, const struct profile_count *all)
{
	if (c->timed)
		return (uint64_t)((__uint128_t)c->ns * c->times / c->timed);
	return all->timed ? (uint64_t)((__uint128_t)all->ns * c->times / all->timed) : 0;
}
