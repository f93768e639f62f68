/* SPDX-License-Identifier: BSD-2-Clause */
/* Clock records: what the clocks of the machine show at one moment, and how good they are. */
#ifndef REEL_RECORD_TAPECLOCK_H
#define REEL_RECORD_TAPECLOCK_H

#include "record/sink.h"

enum clock_reason { CLOCK_AT_START, CLOCK_EACH_MINUTE, CLOCK_STEPPED, CLOCK_AT_END };

int tapeclock_put(struct reel_record *record, enum clock_reason reason,
		  const struct record_sink *sink, struct reel_err *err);

/* A descriptor that becomes readable when somebody sets the clock; -errno. */
int tapeclock_watch(void);
/* Reads it. Returns whether the clock was set; then it must be watched anew. */
bool tapeclock_stepped(int fd);

#endif
