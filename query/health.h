/* SPDX-License-Identifier: BSD-2-Clause */
/* What an answer may lack, since it is not on tape. */
#ifndef REEL_QUERY_HEALTH_H
#define REEL_QUERY_HEALTH_H

#include <stdbool.h>

#include "format/err.h"
#include "query/sqlite.h"

enum { HEALTH_LINE_BYTES = 1200 };

/*
 * Gives what is to be said, line by line, to SAY. Returns how many lines, or -errno. For a case
 * from its tables; for a capture from its blocks about losses.
 */
int health_of_case(sqlite3 *db, void (*say)(void *context, const char *line), void *context,
		   struct reel_err *err);
int health_of_capture(const char *path, void (*say)(void *context, const char *line), void *context,
		      struct reel_err *err);

#endif
