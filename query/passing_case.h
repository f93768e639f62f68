/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A case that is made of a capture for as long as a question takes: by `reel replay`, in a
 * directory of its own, which goes with the question.
 */
#ifndef REEL_QUERY_PASSING_CASE_H
#define REEL_QUERY_PASSING_CASE_H

#include <stdbool.h>

#include "format/err.h"
#include "format/options.h"

enum { PASSING_CASE_PATH = 280 };

struct passing_case {
	char directory[256]; /* empty: there is none */
	char path[PASSING_CASE_PATH];
};

/* Is NAME a table or view that a case has? */
bool passing_case_has(const char *name);
/* Does the SQL name one? */
bool passing_case_is_named(const char *sql);

/*
 * PROGRAM is what is run as `PROGRAM replay --no-rules -o CASE --key FILE ... CAPTURE`; what it
 * says goes to our standard error, or nowhere if QUIET. It ends early as soon as there is something
 * to read from STOP_FD, or nobody at its other end. -EINTR: it did; -EIO: it failed, and has said
 * why.
 */
int passing_case_make(struct passing_case *c, const char *program, const char *capture,
		      const struct reel_strings *keys, bool quiet, int stop_fd,
		      struct reel_err *err);
/* Removes it. A connection that has it open may go on to read. */
void passing_case_remove(struct passing_case *c);

#endif
