/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Events as rows, made by a thread of their own while the caller writes those before: each of both
 * takes about as long.
 *
 * Memory: EVENT_BATCHES of EVENT_BATCH_ROWS rows with what they point to, beside the walk's.
 */
#ifndef REEL_REPLAY_CASE_EVENT_ROWS_H
#define REEL_REPLAY_CASE_EVENT_ROWS_H

#include <stdbool.h>

#include "format/columns.h"
#include "format/reader.h"

enum { EVENT_BATCHES = 4, EVENT_BATCH_ROWS = 256 };

struct event_batch {
	unsigned n;
	struct reel_value *values; /* of each row as many as there are columns */
	uint8_t types[EVENT_BATCH_ROWS];
	uint16_t sources[EVENT_BATCH_ROWS];
	struct reel_out bytes;
};

struct event_rows;

/* All events of the sources that are wanted, in the order of time. */
int event_rows_new(const struct reel_reader *r, const bool *wanted_sources,
		   const struct reel_columns *columns, struct event_rows **ret,
		   struct reel_err *err);
void event_rows_free(struct event_rows *e);

/* 1: some, valid until the next call; 0: there are no more. */
int event_rows_next(struct event_rows *e, const struct event_batch **ret, struct reel_err *err);

#endif
