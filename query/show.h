/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rows of an answer, printed: begin, a call for each row, end. Streams where the format allows it:
 * a table looks at its first rows to find its widths, a tree at all below one root.
 *
 * Memory: a table keeps at most SHOW_ROWS_MAX rows or SHOW_BYTES_MAX bytes, as does a tree; a
 * summary at most SUMMARY_VALUES_MAX different values of each column.
 */
#ifndef REEL_QUERY_SHOW_H
#define REEL_QUERY_SHOW_H

#include <stdbool.h>

#include "format/err.h"
#include "format/out.h"
#include "query/redact.h"
#include "query/sqlite.h"

enum show_format {
	SHOW_TABLE,
	SHOW_TREE,
	SHOW_LINE,
	SHOW_CSV,
	SHOW_JSON,
	SHOW_ARRAY,
	SHOW_PRETTY,
	SHOW_TEXT,
	SHOW_SUMMARY,
};

/* As --format and the shape of a named query name them. */
#define SHOW_FORMATS "table|tree|line|csv|json|array|pretty|text|summary"

enum {
	SHOW_ROWS_MAX = 1000,
	SHOW_TREE_ROWS_MAX = 100000,
	SHOW_BYTES_MAX = 64 << 20,
	SUMMARY_VALUES_MAX = 10000,
};

struct show_options {
	enum show_format format;
	const char *null; /* how NULL is shown; NULL: as the format does */
	bool no_header;
	bool omit_nulls;	     /* in JSON */
	bool ascii;		     /* trees without line drawing characters */
	const char *hidden;	     /* columns that trees leave out, blanks between; or NULL */
	unsigned columns;	     /* cut lines to this width; 0: never */
	const struct redact *redact; /* NULL: everything is shown */
};

struct show_cell {
	int type;
	sqlite3_int64 integer;
	double real;
	char *text; /* of TEXT and BLOB */
	size_t len;
	bool is_borrowed; /* of the statement, until its next step */
};

struct show;

int show_new(struct reel_out *out, const struct show_options *options, struct show **ret,
	     struct reel_err *err);
void show_free(struct show *s);

/* The columns of S, which may not change until the end. -EINVAL: they do not fit the format. */
int show_begin(struct show *s, sqlite3_stmt *statement, struct reel_err *err);
/* The row that S is at. */
int show_row(struct show *s, sqlite3_stmt *statement, struct reel_err *err);
int show_end(struct show *s, struct reel_err *err);

#endif
