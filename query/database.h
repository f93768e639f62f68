/* SPDX-License-Identifier: BSD-2-Clause */
/* What is asked: a case, or captures in a database of memory. */
#ifndef REEL_QUERY_DATABASE_H
#define REEL_QUERY_DATABASE_H

#include <stdbool.h>

#include "format/err.h"
#include "format/options.h"
#include "query/captures.h"
#include "query/sqlite.h"

/* A file that begins as SQLite's do, or that is empty and is called so. */
bool database_is_one(const char *path);

/*
 * Opens a case. Nothing beside it is made or changed unless WRITE. -ENODATA, -EBADMSG: it is no
 * database, or damaged; -EPROTONOSUPPORT: of another version; -errno of opening.
 */
int database_open(const char *path, bool write, sqlite3 **ret, struct reel_captures **ret_captures,
		  struct reel_err *err);

/* An empty database with our tables over captures, and the capture open in it. */
int database_open_capture(const char *path, const struct reel_strings *keys, sqlite3 **ret,
			  struct reel_captures **ret_captures, struct reel_err *err);

/* A negative errno for what SQLite last said of DB, with the file in the message. */
int database_failed(sqlite3 *db, const char *path, struct reel_err *err);

/* One number that a statement asks for; OTHERWISE if there is none. */
sqlite3_int64 database_number(sqlite3 *db, const char *sql, sqlite3_int64 otherwise);

#endif
