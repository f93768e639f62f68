/* SPDX-License-Identifier: BSD-2-Clause */
/* All that reel brings to a connection of SQLite: tables over captures, and functions. */
#ifndef REEL_QUERY_EXTENSION_H
#define REEL_QUERY_EXTENSION_H

#include "query/sqlite.h"

/* Returns SQLITE_OK, or SQLite's own error. What it makes is freed with the connection. */
int reel_extension_register(sqlite3 *db);

#endif
