/* SPDX-License-Identifier: BSD-2-Clause */
/* Loads that keep a rate: the time, and waiting for one. */
#ifndef REEL_BENCH_PACE_H
#define REEL_BENCH_PACE_H

#include <errno.h>
#include <stdint.h>
#include <time.h>

#define SECOND_NS 1000000000ull

static inline uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * SECOND_NS + (uint64_t)t.tv_nsec;
}

static inline void sleep_until(uint64_t ns)
{
	struct timespec t = { (time_t)(ns / SECOND_NS), (long)(ns % SECOND_NS) };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
		;
}

#endif
