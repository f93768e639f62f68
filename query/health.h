/* SPDX-License-Identifier: BSD-2-Clause */
/* What an answer may lack, since it is not on tape. */
#ifndef REEL_QUERY_HEALTH_H
#define REEL_QUERY_HEALTH_H

#include "format/command.h"
#include "query/captures.h"
#include "query/sqlite.h"

typedef void (*health_say_fn)(void *context, const char *line);

/*
 * What is to be said of a case, by its tables, and of captures, line by line: of those that were
 * read for the answer, or ALSO_UNREAD ones.
 * Returns how the answer stands: ok, incomplete, or unreadable if no block of a capture was sound.
 */
enum reel_status health_of_case(sqlite3 *db, health_say_fn say, void *context);
enum reel_status health_of_captures(struct reel_captures *captures, bool also_unread,
				    health_say_fn say, void *context);

#endif
