/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads the rings that the kernel programs fill, in rounds. A round reads the clock, then how far
 * each ring is filled, then empties each up to there and no further. Space in a ring is reserved
 * before the time of an event is taken, so every event before the clock's reading is in the round.
 *
 * Nothing wakes the reader: the one who fills a ring does not even look.
 */
#ifndef REEL_RECORD_RINGS_H
#define REEL_RECORD_RINGS_H

#include <stddef.h>
#include <stdint.h>

#include "bpf/events.h"
#include "format/err.h"
#include "record/load.h"

struct rings;

int rings_open(const struct programs *p, struct rings **ret, struct reel_err *err);
void rings_close(struct rings *r);

struct round {
	uint64_t settled_ns; /* everything before this has been taken */
	uint64_t records;
	unsigned pause_ms; /* for which the rings may be left alone */
	unsigned shifted;  /* rings that somebody else has read from, or tried to */
};

/*
 * One round. take gets each record, header and payload, in the order of its ring; a negative
 * result ends the round. A record lies 8-byte aligned and is only there during the call.
 */
int rings_round(struct rings *r,
		int (*take)(void *arg, const struct ev_header *record, size_t bytes,
			    struct reel_err *err),
		void *arg, struct round *ret, struct reel_err *err);

/* The most that a ring was ever filled, in percent. */
unsigned rings_high_percent(const struct rings *r, unsigned ring);

#endif
