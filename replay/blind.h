/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a rule could not see: intervals with their reason, from which its verdict is made. */
#ifndef REEL_REPLAY_BLIND_H
#define REEL_REPLAY_BLIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum blind_reason {
	BLIND_LOST,	/* events that it reads were lost */
	BLIND_DAMAGE,	/* a block is broken or missing */
	BLIND_CUT,	/* a string was cut, and that decides */
	BLIND_FAULT,	/* memory could not be read */
	BLIND_PROCESS,	/* it is not known which process, or what that was */
	BLIND_NAME,	/* it is not known what the descriptor was */
	BLIND_HOST,	/* it is not known by which name an address was looked up */
	BLIND_RESULT,	/* the result of a request is not known */
	BLIND_FOLDED,	/* reads or writes are in totals only */
	BLIND_FILTERED, /* what it reads was not recorded */
	BLIND_OLD,	/* recorded by a version that did not have the field */
	BLIND_LIMIT,	/* a pattern took too long */
	BLIND_EVICTED,	/* state was thrown away to bound memory */
	BLIND_END,	/* the capture ends there, or is torn */
	BLIND_REASONS,
};

struct blind_interval {
	uint64_t from_ns, to_ns; /* boottime, both in it */
	uint64_t count;		 /* of events that are unknown or were lost */
	uint8_t reason;
};

/*
 * By rising from_ns; intervals of one reason that touch are one. At most BLIND_INTERVALS_MAX:
 * beyond that the two of a reason that lie closest to each other become one, so that the list only
 * ever claims more blindness than there was.
 */
enum { BLIND_INTERVALS_MAX = 256 };
struct blind {
	struct blind_interval *list;
	uint32_t n, room;
	bool is_whole; /* there was no memory to say where: everywhere */
};

int blind_add(struct blind *b, enum blind_reason reason, uint64_t from_ns, uint64_t to_ns,
	      uint64_t count);
void blind_done(struct blind *b);
/* Boottime between two moments that lies in none of the intervals. */
uint64_t blind_clear_ns(const struct blind *b, uint64_t from_ns, uint64_t to_ns);
/* Whether some interval touches this time. */
bool blind_touches(const struct blind *b, uint64_t from_ns, uint64_t to_ns);

/* "events lost", "a string was cut" ... */
const char *blind_reason_text(enum blind_reason reason);
/* "lost", "cut" ...: for programs */
const char *blind_reason_name(enum blind_reason reason);

#endif
