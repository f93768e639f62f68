/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the records go that user space makes itself. The record is begun and filled, but not ended:
 * the sink ends it, gives it cpu and seq, and is done with it when it returns. It may be called
 * from one thread at a time only.
 */
#ifndef REEL_RECORD_SINK_H
#define REEL_RECORD_SINK_H

#include "format/err.h"
#include "format/record.h"

struct record_sink {
	int (*put)(void *arg, struct reel_record *record, struct reel_err *err);
	void *arg;
};

static inline int record_put(const struct record_sink *sink, struct reel_record *record,
			     struct reel_err *err)
{
	return sink->put(sink->arg, record, err);
}

#endif
