/* SPDX-License-Identifier: BSD-2-Clause */
/* Near misses: what a name in a wrong statement was meant to be. */
#ifndef REEL_QUERY_SUGGEST_H
#define REEL_QUERY_SUGGEST_H

#include "query/sqlite.h"

enum { SUGGEST_BYTES = 200 };

/* MESSAGE is what SQLite says of the SQL. The result begins with a comma, or is empty. */
void suggest_for(sqlite3 *db, const char *sql, const char *message, char ret[SUGGEST_BYTES]);

/* The table that MESSAGE says is not there, or NULL; without its database. */
const char *suggest_missing_table(const char *message);

#endif
