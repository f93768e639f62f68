/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What does not leave the house. Two ways:
 *
 * - args, content and env are replaced where they come from: a statement sees "[arg]" and never
 *   what was there, whatever it does with it. For this, views of the same names stand before the
 *   tables, and what reaches around them gets NULL.
 * - home is replaced in all that is printed, so that paths can still be asked for as they are.
 */
#ifndef REEL_QUERY_REDACT_H
#define REEL_QUERY_REDACT_H

#include <stdbool.h>
#include <stddef.h>

#include "format/err.h"
#include "format/out.h"
#include "query/sqlite.h"

enum redact_kind {
	REDACT_HOME = 1,
	REDACT_ARGS = 2,
	REDACT_CONTENT = 4,
	REDACT_ENV = 8,
	REDACT_ALL = 15,
	REDACT_JSON = 16, /* of a column: may have any of these in it */
};

enum { REDACT_NAMES_MAX = 4096 };

struct redact {
	unsigned kinds;
	char **names; /* of users who have a home; sorted */
	size_t n_names;
	char **tables; /* that views stand before */
	size_t n_tables;
};

/* "home,args". -EINVAL: the message names the nearest. */
int redact_parse(const char *text, unsigned *ret_kinds, struct reel_err *err);
void redact_done(struct redact *r);

/* What a column of this name of this table holds: kinds, or REDACT_JSON; 0: nothing of the sort. */
unsigned redact_column(const char *table, const char *column);

/* What is printed: homes. */
void redact_shown(const struct redact *r, struct reel_out *o, const char *text, size_t len);

/* A value of a column of these kinds, or JSON that may have some in it. */
void redact_value(unsigned kinds, struct reel_out *o, const char *text, size_t len);
void redact_json(unsigned kinds, struct reel_out *o, const char *text, size_t len);

/*
 * Puts views before the tables of a connection, learns who has a home, and forbids everything but
 * questions from then on. R lives as long as the connection.
 */
int redact_install(sqlite3 *db, struct redact *r, struct reel_err *err);

#endif
