/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What became of every event, by CPU and class:
 *
 *	seen = kept + folded + filtered + lost
 *
 * seen is counted by the dispatcher and the hooks, apart from what became of it. The sums are exact
 * once the programs are detached and the rings are empty. Runs that the kernel itself left out
 * (missed) it counts for a program, not for a class.
 */
#ifndef REEL_RECORD_SUMS_H
#define REEL_RECORD_SUMS_H

#include "record/load.h"
#include "record/sink.h"

/* As lost.cause has them. */
enum loss_cause {
	LOSS_RING_FULL,
	LOSS_MISSED_RUN,
	LOSS_MALFORMED,
	LOSS_DISK_FULL,
	LOSS_WRITE_ERROR,
	LOSS_STOPPED,
};

struct sum {
	uint64_t seen, kept, folded, filtered, lost, missed;
};

struct sums;

int sums_new(const struct programs *p, struct sums **ret, struct reel_err *err);
void sums_free(struct sums *s);

/* A record that came out of a ring. */
void sums_keep(struct sums *s, const struct ev_header *record);
/* A program's own record of a loss that does not get on tape: what it tells is untold again. */
void sums_untell(struct sums *s, const struct ev_lost *lost);

/* The counts as they are now. */
struct sum sums_get(const struct sums *s, unsigned cpu, unsigned class_id);
struct sum sums_of_class(const struct sums *s, unsigned class_id);
struct sum sums_of_all(const struct sums *s);

/* As counters records: for each CPU and class that has any. */
int sums_put(const struct sums *s, const struct record_sink *sink, struct reel_err *err);

/*
 * After the end. If others have read from the rings, what is missing in the sums did not reach us,
 * and is lost. Returns how many records came that no program has made.
 */
uint64_t sums_balance(struct sums *s, bool others_read);

/*
 * After the end: losses that no program had the occasion to tell any more, and missed runs. What
 * the sink has taken is told, and is not put again when this is called again.
 */
int sums_put_untold(struct sums *s, uint64_t since_ns, const struct record_sink *sink,
		    struct reel_err *err);

#endif
