/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef REEL_RECORD_NOW_H
#define REEL_RECORD_NOW_H

#include <stdint.h>
#include <time.h>

static inline uint64_t now_of_ns(clockid_t clock)
{
	struct timespec t;

	(void)clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline uint64_t now_boottime_ns(void)
{
	return now_of_ns(CLOCK_BOOTTIME);
}

/* It stands still while the machine sleeps. */
static inline uint64_t now_monotonic_ns(void)
{
	return now_of_ns(CLOCK_MONOTONIC);
}

#endif
