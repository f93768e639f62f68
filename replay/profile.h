/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What rules cost. Every evaluation of a step is counted, and about one in PROFILE_EVERY is timed;
 * so are the turns that rules take with their tokens. Each thread has counts of its own.
 */
#ifndef REEL_REPLAY_PROFILE_H
#define REEL_REPLAY_PROFILE_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

enum { PROFILE_EVERY = 64 };

struct profile_count {
	uint64_t times, timed, ns; /* ns: of those that were timed */
};

struct profile {
	uint32_t n_steps, n_rules;
	struct profile_count *steps, *rules;
	uint32_t until;	      /* so many more, and then one is timed */
	uint32_t random;      /* so that nothing that repeats itself is always met, or never */
	uint64_t overhead_ns; /* of looking at the clock */
};

/* NULL: no memory. */
struct profile *profile_new(uint32_t n_steps, uint32_t n_rules);
void profile_free(struct profile *p);
void profile_add(struct profile *to, const struct profile *from);

/* All of them, by those that were timed; where none was, by the mean of all others. */
uint64_t profile_estimate_ns(const struct profile_count *c, const struct profile_count *all);
void profile_sum(const struct profile_count *list, uint32_t n, struct profile_count *ret);

/* CPU time of the thread: whoever gets the CPU in between costs the rule nothing. */
static inline uint64_t profile_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* 0: this one is not timed. */
static inline uint64_t profile_begin(struct profile *p)
{
	if (--p->until)
		return 0;
	p->random = p->random * 1664525 + 1013904223;
	p->until = PROFILE_EVERY / 2 + 1 + (p->random >> 16) % PROFILE_EVERY;
	return profile_now_ns();
}

static inline void profile_end(const struct profile *p, struct profile_count *c, uint64_t begin_ns)
{
	uint64_t ns;

	c->times++;
	if (!begin_ns)
		return;
	ns = profile_now_ns() - begin_ns;
	c->timed++;
	c->ns += ns > p->overhead_ns ? ns - p->overhead_ns : 0;
}

#endif
