/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fills the tables of a case that come from captures: boot, clock, coverage, gap, user, container,
 * session, process, image, credential, file, fd, connection, mount, dns and edge. One walk over all
 * events in order, a model for each boot.
 *
 * The rows of capture and source are the caller's.
 */
#ifndef REEL_REPLAY_CASE_LOAD_H
#define REEL_REPLAY_CASE_LOAD_H

#include "format/reader.h"
#include "replay/case_writer.h"

struct case_load_options {
	const volatile int *stop; /* may be NULL; when it is set the load ends with -EINTR */
	void (*progress)(void *context, uint64_t done, uint64_t all); /* may be NULL */
	void *context;
};

/* What the caller's rows of capture have to say of what was read. */
struct case_loaded {
	uint64_t events, lost;
};

/*
 * CAPTURES and RET are by the reader's sources. The first has their ids in the table capture;
 * CASE_NONE: the case has it already, and nothing is written of it.
 */
int case_load(struct case_writer *w, const struct reel_reader *r, const int64_t *captures,
	      const struct case_load_options *o, struct case_loaded *ret, struct reel_err *err);

#endif
