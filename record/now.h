/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef REEL_RECORD_NOW_H
#define REEL_RECORD_NOW_H

#include <stdint.h>
#include <time.h>

static inline uint64_t now_boottime_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

#endif
