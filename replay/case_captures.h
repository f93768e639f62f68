/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which captures a case has, and what becomes of them when it is written to again: one that is
 * there with the same hash stays as it is, one that has changed is taken out and loaded again under
 * the same id. Findings of earlier replays stay, and are tied to the new rows.
 */
#ifndef REEL_REPLAY_CASE_CAPTURES_H
#define REEL_REPLAY_CASE_CAPTURES_H

#include "format/reader.h"
#include "replay/case_writer.h"

/* By the reader's sources. */
struct case_captures {
	unsigned n, n_to_load;
	int64_t n_events; /* that were written into the table event */
	int64_t *ids;	  /* in the table capture */
	int64_t *to_load; /* the same, or CASE_NONE: it is there already */
	bool *wants_events;
	char (*hashes)[65];
};

/* WITH_EVENTS: they are to be in the table event, where they are not. Those that were there of a
 * capture that is loaded again will be again. */
int case_captures_begin(struct case_writer *w, const struct reel_reader *r, bool with_events,
			struct case_captures *ret, struct reel_err *err);
void case_captures_done(struct case_captures *c);

/* When all tables of those that were to be loaded are filled: what there is to say of the captures
 * themselves. OPERANDS are what the user called them. */
int case_captures_end(struct case_writer *w, const struct reel_reader *r,
		      const struct case_captures *c, char *const *operands, unsigned n_operands,
		      struct reel_err *err);

/* What is missing, in all: events that were lost when they were recorded, and places that cannot be
 * read. */
int case_captures_missing(struct case_writer *w, const struct case_captures *c, uint64_t *ret_lost,
			  uint64_t *ret_damages, struct reel_err *err);

/* Which rows of a table are of the capture ?1. Only of those that are filled from captures. */
const char *case_rows_of_capture(enum case_table_id table);

/* Findings without a process are given theirs, and its image. Needs the indexes. */
int case_tie_findings(struct case_writer *w, struct reel_err *err);

/* Id in the table boot; CASE_NONE: there is none. */
int case_find_boot(struct case_writer *w, int64_t capture, const uint8_t boot[16], int64_t *ret,
		   struct reel_err *err);

#endif
