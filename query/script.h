/* SPDX-License-Identifier: BSD-2-Clause */
/* SQL as it was given: where in it something is, and statement by statement. */
#ifndef REEL_QUERY_SCRIPT_H
#define REEL_QUERY_SCRIPT_H

#include "query/named.h"

struct script {
	const char *text;
	const char *name;    /* of its file; what is said before a place */
	unsigned first_line; /* of the text in that file */
	size_t began, at;    /* where the last statement began, and the next one will */
	struct named_query *query;
	struct param_given *given;
	size_t n_given;
};

struct script_place {
	unsigned line, column; /* from 1; columns are characters */
};

struct script_place script_place(const struct script *s, size_t offset);

/*
 * The next statement, with its parameters bound; NULL at the end. -EINVAL: it does not compile, and
 * the message says where and why; S stays before it. -ENOMEM; -EINTR; -EIO: what SQLite says of the
 * file, to be looked at with sqlite3_errcode().
 */
int script_next(struct script *s, sqlite3 *db, sqlite3_stmt **ret, struct reel_err *err);

/* -EINVAL: values were given that no statement has asked for; before any was run, as far as their
 * names tell, and afterwards. */
int script_check_names(const struct script *s, struct reel_err *err);
int script_check_given(const struct script *s, struct reel_err *err);

/* What went wrong when the statement that was taken last was run. */
int script_failed(const struct script *s, sqlite3 *db, struct reel_err *err);

/* Is WORD a name in the SQL, outside of strings and comments? */
bool script_names(const char *sql, const char *word);

/* Gives each word that is no string or comment to VISIT, until that returns false. */
void script_words(const char *sql, bool (*visit)(void *context, const char *word), void *context);

#endif
