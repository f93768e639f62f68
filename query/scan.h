/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The events of a capture that a question asks for, one after the other. Not all that comes is
 * wanted: what cannot be told from a block cheaply is left to whoever asks.
 *
 * - Without an order blocks are gone through as they lie, and of an event that nobody looks into
 *   nothing is made.
 * - In order, and where somebody wants to know whose an event is, it is a walk (format/walk.h).
 * - Where no more than the type is wanted, events are counted first and then given as so many rows
 *   of each type in a row.
 *
 * Memory: one block (reel_unpack), in order REEL_WALK_BYTES, and a model of the machine
 * (replay/model.h) where somebody wants to know whose an event is.
 */
#ifndef REEL_QUERY_SCAN_H
#define REEL_QUERY_SCAN_H

#include "format/render.h"
#include "query/captures.h"

enum scan_way {
	SCAN_AS_IT_LIES,
	SCAN_IN_ORDER,
	SCAN_COUNTED,
};

/* A string that the event has in some field: it must be among those of the block. */
struct scan_string {
	const char *field;	/* NULL: none is asked for */
	const uint8_t *bytes;
	uint32_t length;
	enum scan_where {
		SCAN_WHOLE,
		SCAN_PREFIX,
		SCAN_PART,
	} where;
	bool any_case;		/* of ASCII letters */
};
/* What a longer part is asked for by. */
enum { SCAN_PART_MAX = 256 };

struct scan_question {
	struct reel_filter filter; /* time, types, pids */
	enum scan_way way;
	bool with_context;
	struct scan_string string;
	const uint8_t *exe;	/* what the process runs; NULL: anything */
	uint32_t exe_length;
	bool has_id;		/* one event alone: */
	uint32_t boot8;		/* its boot's first four bytes, as they read */
	uint16_t cpu;
	uint64_t seq;
	/* To be asked before each block: ends the scan with -ECANCELED. */
	bool (*is_interrupted)(void *context);
	void *context;
};

struct scan;

/* Q, and what it refers to, has to stay as long as the scan. */
int scan_open(struct reel_capture *c, const struct scan_question *q, struct scan **ret,
	      struct reel_err *err);
void scan_close(struct scan *s);

/* 1: there is an event. 0: there are no more. -ECANCELED: interrupted. */
int scan_next(struct scan *s, struct reel_err *err);

/* The event that next came to; valid until the next call. */
struct scan_event {
	struct reel_event ev;
	int64_t realtime_ns;
	struct reel_render_value beside[4]; /* of replay/context.h */
	unsigned n_beside;
};
const struct scan_event *scan_current(struct scan *s);

#endif
