/* SPDX-License-Identifier: BSD-2-Clause */
/* All that reel brings to a connection of SQLite: tables over captures, and functions. */
#ifndef REEL_QUERY_EXTENSION_H
#define REEL_QUERY_EXTENSION_H

#include "query/captures.h"
#include "query/sqlite.h"

/* Returns SQLITE_OK, or SQLite's own error. What it makes is freed with the connection. */
int reel_extension_register(sqlite3 *db);

/*
 * The same, and the captures of the connection, valid as long as it is: for opening them
 * (reel_captures_open), and for what was found broken or lost in them (reel_captures_each).
 */
int reel_extension_register_with(sqlite3 *db, struct reel_captures **ret);

#endif
