/* SPDX-License-Identifier: BSD-2-Clause */
/* Rows of a table of a case that wait to be written together. */
#ifndef REEL_REPLAY_CASE_ROWS_H
#define REEL_REPLAY_CASE_ROWS_H

#include <sqlite3.h>
#include <stdbool.h>

#include "format/case.h"

struct case_rows;

/* For one at a time, or for many. Freed before the connection is closed. Returns SQLite's code. */
int case_rows_new(sqlite3 *db, enum case_table_id table, bool is_many, struct case_rows **ret);
void case_rows_free(struct case_rows *r);

/* The copy of a row, with its texts; NULL: there is no room for it. */
void *case_rows_add(struct case_rows *r, const void *row);
/* The same, but its texts have to live until it is written. When none waits there is room. */
void *case_rows_lend(struct case_rows *r, const void *row);

/* SQLITE_DONE: all that waited are written. */
int case_rows_write(struct case_rows *r);
/* Afterwards, when it has been said what was wrong. */
void case_rows_clear(struct case_rows *r);

#endif
