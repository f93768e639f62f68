/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What of a SELECT is answered by reading less: from SQLite's constraints to a plan in words, which
 * EXPLAIN QUERY PLAN shows, and from the plan and its values to a question.
 *
 * A plan never leaves out a row that the SELECT wants; SQLite asks each row again.
 */
#ifndef REEL_QUERY_PLAN_H
#define REEL_QUERY_PLAN_H

#include "format/columns.h"
#include "query/scan.h"
#include "query/sqlite.h"

/* A table and its columns; the first of SQL, capture, is hidden and none of these. */
struct plan_table {
	const struct reel_columns *columns;
	struct reel_captures *captures;
};

/* idxNum of a plan. */
enum plan_flag {
	PLAN_ORDERED = 1,
	PLAN_BY_WALL = 2,	/* in the order of time_ns, else of ts */
	PLAN_CONTEXT = 4,
	PLAN_COUNTED = 8,
};

int plan_best_index(const struct plan_table *t, sqlite3_index_info *info);

/* A question with all that it refers to. */
struct plan_question {
	struct scan_question q;
	char *path;		/* of the capture; NULL: the open ones */
	uint8_t *string, *exe;
	bool is_nothing;	/* no row can be wanted */
};

/* The first part: which capture. -EINVAL: the plan is none of ours. */
int plan_capture(const struct plan_table *t, const char *words, sqlite3_value **values, int n,
		 struct plan_question *ret, struct reel_err *err);
/* And the rest, for which it has been opened. */
int plan_question(const struct plan_table *t, const struct reel_reader *r, int flags,
		  const char *words, sqlite3_value **values, int n, struct plan_question *ret,
		  struct reel_err *err);
void plan_question_done(struct plan_question *p);

/* Whether a walk over the capture is in the order of ts, or of time_ns. */
bool plan_is_in_order(const struct reel_reader *r, bool by_wall);

#endif
