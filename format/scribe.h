/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between the writer's caller and the archive: a thread to which packs are given, and from which
 * they come back empty, so that the caller waits only when all of them are on their way. Under load
 * the packs are compressed faster. Without a thread, if the options say so.
 */
#ifndef REEL_FORMAT_SCRIBE_H
#define REEL_FORMAT_SCRIBE_H

#include "format/archive.h"
#include "format/pack.h"
#include "format/writer.h"

struct reel_scribe;

int reel_scribe_open(const struct reel_writer_options *o, struct reel_scribe **ret,
		     struct reel_err *err);
uint64_t reel_scribe_first_number(const struct reel_scribe *s);

/*
 * An empty pack; waits until there is one. Fails once anything has failed: the archive counts on it
 * that no pack is used again then.
 */
int reel_scribe_take(struct reel_scribe *s, struct reel_pack **ret, struct reel_err *err);
/*
 * Gives it back, filled, to be written. settled: see tape_header. It is accepted in any case; an
 * error says that something could not be written, now or before: see reel_scribe_failure.
 */
int reel_scribe_give(struct reel_scribe *s, struct reel_pack *p, uint64_t settled,
		     struct reel_err *err);
int reel_scribe_rotate(struct reel_scribe *s, struct reel_err *err);
int reel_scribe_sync_in_time(struct reel_scribe *s, struct reel_err *err);
/* The first thing that failed, for good; 0: nothing has. */
int reel_scribe_failure(struct reel_scribe *s, struct reel_err *err);

uint64_t reel_scribe_own_seq(struct reel_scribe *s);
void reel_scribe_see_time(struct reel_scribe *s, uint64_t now_ns);
void reel_scribe_see_clock(struct reel_scribe *s, uint64_t boottime_ns, int64_t realtime_ns);
bool reel_scribe_segment_is_full(const struct reel_scribe *s, uint64_t bytes);
/* Segments that the archive began by itself. */
uint64_t reel_scribe_replaced(const struct reel_scribe *s);
void reel_scribe_stats(struct reel_scribe *s, struct reel_writer_stats *ret);

/* Both free it. close writes END. */
/* ret may be NULL. */
int reel_scribe_close(struct reel_scribe *s, const struct reel_words *words,
		      struct reel_writer_stats *ret, struct reel_err *err);
void reel_scribe_abandon(struct reel_scribe *s);

#endif
