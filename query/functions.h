/* SPDX-License-Identifier: BSD-2-Clause */
/* Functions of SQL: what an examiner asks of single values. Their table says what each does. */
#ifndef REEL_QUERY_FUNCTIONS_H
#define REEL_QUERY_FUNCTIONS_H

#include "query/captures.h"
#include "query/sqlite.h"

struct reel_function {
	const char *name;
	const char *arguments;	/* as people write them */
	const char *doc;
	int n;			/* -1: any number */
	int flags;		/* of sqlite3_create_function */
	void (*call)(sqlite3_context *context, int n, sqlite3_value **values);
};

/* Ends with an entry whose name is NULL. */
extern const struct reel_function reel_functions[];

/* Returns SQLite's code. */
int reel_functions_register(sqlite3 *db, struct reel_captures *captures);

#endif
