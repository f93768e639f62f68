/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reel_health: what is wrong with the captures that the connection has open, as far as it is known:
 * what opening found, and what questions have met since. A capture without a row is sound so far.
 *
 * reel_reading: how much of each was read for that.
 */
#ifndef REEL_QUERY_HEALTH_TABLE_H
#define REEL_QUERY_HEALTH_TABLE_H

#include "query/captures.h"
#include "query/sqlite.h"

/* Returns SQLite's code. */
int reel_health_tables_register(sqlite3 *db, struct reel_captures *captures);

#endif
