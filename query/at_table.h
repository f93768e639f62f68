/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tables of a machine as it was at a moment, from a capture:
 *
 *	SELECT ... FROM processes_at('2026-11-21T14:08:05Z')
 *	SELECT ... FROM files_open_at('-15m', 'incident') WHERE pid = 1234
 *	SELECT ... FROM sockets_at(1795270085000000000)
 *	SELECT ... FROM mounts_at('@28370000000')
 *
 * The first argument is the moment, as format/moment.h has it, or ns since 1970 as a number; the
 * second a capture, by default those that the connection has open.
 */
#ifndef REEL_QUERY_AT_TABLE_H
#define REEL_QUERY_AT_TABLE_H

#include "query/captures.h"
#include "query/sqlite.h"

/* Returns SQLite's code. */
int reel_at_tables_register(sqlite3 *db, struct reel_captures *captures);

#endif
