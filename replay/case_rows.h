/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rows of a table of a case that are about to be written. SQLite takes them from a virtual table,
 * waiting_TABLE: what a statement costs at its beginning and at its end is paid once for all that
 * wait, and no value is bound.
 */
#ifndef REEL_REPLAY_CASE_ROWS_H
#define REEL_REPLAY_CASE_ROWS_H

#include <sqlite3.h>
#include <stdbool.h>

#include "format/case.h"

struct case_rows;

/* For one row at a time, or for many. *ret_insert writes all that wait; finalized, and the
 * connection closed, before they are freed. Returns SQLite's code. */
int case_rows_new(sqlite3 *db, enum case_table_id table, bool is_many, struct case_rows **ret,
		  sqlite3_stmt **ret_insert);
void case_rows_free(struct case_rows *r);

/* The copy of a row, with its texts; NULL: there is no room for it. */
void *case_rows_add(struct case_rows *r, const void *row);
/* The same, but its texts have to live until it is written. When none waits there is room. */
void *case_rows_lend(struct case_rows *r, const void *row);

bool case_rows_wait(const struct case_rows *r);
void case_rows_clear(struct case_rows *r);

#endif
