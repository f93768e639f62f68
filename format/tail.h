/* SPDX-License-Identifier: BSD-2-Clause */
/* How a segment ends: its END block with the table, or whatever the last sound block is. */
#ifndef REEL_FORMAT_TAIL_H
#define REEL_FORMAT_TAIL_H

#include "format/reader.h"

/* What END says of its segment. */
struct reel_tail {
	struct tape_totals totals;
	uint64_t events_of[EV_MAX_TYPES];
	uint64_t reason;
};

/* -ENODATA: there is no END, or none that is sound and says all of this. */
int reel_tail_read(const struct reel_segment *s, struct reel_tail *ret, struct reel_err *err);

/*
 * The last block of the segment whose body is sound; *ret_bytes counts from META up to its end,
 * with the trailer if it has one. -ENODATA: there is none.
 */
int reel_tail_last(const struct reel_segment *s, struct reel_block *ret, uint64_t *ret_bytes);

/*
 * Whether somebody still writes to this file: a recorder holds the lock of its directory, and no
 * later segment has been begun.
 */
bool reel_tail_is_being_written(const struct reel_reader *r, const struct reel_segment *s);

/* Whether a recorder holds the lock of the directory that the file at PATH lies in. */
bool reel_tail_is_locked(const char *path);

#endif
