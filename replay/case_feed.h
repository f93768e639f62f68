/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How rows get into a table of a case: SQLite takes them from a virtual table, so that what a
 * statement costs at its beginning and at its end is paid once for many rows, and nothing is bound.
 */
#ifndef REEL_REPLAY_CASE_FEED_H
#define REEL_REPLAY_CASE_FEED_H

#include <sqlite3.h>
#include <stddef.h>

/* Of a TABLE that is there. */
struct case_feed {
	const char *table;
	unsigned n_columns;
	void *context;
	/* The statement begins: the first row, as next() has it. */
	int (*first)(void *context);
	/* 1: a row; 0: there are no more; else a negative errno ends the statement. */
	int (*next)(void *context);
	/* Of that row, by a sqlite3_result_...(); static until the next. Else it is NULL. */
	void (*value)(void *context, int column, sqlite3_context *to);
	sqlite3_stmt *insert; /* a step writes all rows */
};

/* For value(): TEXT where it is UTF-8 without a NUL, else a BLOB. */
void case_feed_bytes(sqlite3_context *to, const void *bytes, size_t length);

/* Makes the statement; F stays where it is until the end. Returns SQLite's code. */
int case_feed_begin(sqlite3 *db, struct case_feed *f);
/* Also of one that did not begin. */
void case_feed_end(sqlite3 *db, struct case_feed *f);

#endif
