/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tables over captures: event (reel_event) with all events, and for each type T of event one
 * (event_T, T) with the type's own columns. format/columns.h says which columns they have.
 */
#ifndef REEL_QUERY_EVENT_TABLE_H
#define REEL_QUERY_EVENT_TABLE_H

#include "query/captures.h"
#include "query/sqlite.h"

/* Returns SQLite's code. */
int reel_event_tables_register(sqlite3 *db, struct reel_captures *captures);

#endif
