/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Named queries: files NAME.sql of one statement, behind a block of comments that says what the
 * statement is for.
 *
 *	-- title: Who touched a path
 *	-- param path text: the path, or a pattern of GLOB
 *	-- param limit integer = 100: how many rows at most
 *	-- shape: tree
 *	-- verbose: node_id event
 *	-- needs: case
 *	-- nulls: omitted
 *	--
 *	-- Free text.
 *	SELECT ... WHERE path GLOB :path LIMIT :limit
 *
 * Every parameter of the statement is declared. A default is a number, null or 'text'; without one
 * the parameter has to be given. shape names the format in which the answer is best shown; columns
 * after verbose are in a tree with --verbose only.
 * What needs a case is not asked of a capture before one is made of it. Where nulls are omitted,
 * objects of JSON have no member for a column that is NULL.
 */
#ifndef REEL_QUERY_NAMED_H
#define REEL_QUERY_NAMED_H

#include "query/params.h"

enum {
	NAMED_PARAMS_MAX = 30,
	NAMED_BYTES_MAX = 1 << 20, /* of a file */
	NAMED_FILES_MAX = 4096,	   /* of a directory */
};

struct named_param {
	char *name;
	char *what;
	enum param_type type;
	bool has_default;
	struct param_value value; /* the default */
	char *value_text;	  /* as the file has it, and of value.text */
};

struct named_query {
	unsigned references;
	char *name;
	char *file;
	char *title;
	char *shape;   /* NULL: none is named */
	char *verbose; /* names of columns, or NULL */
	char *needs;   /* "case", or NULL */
	bool omits_nulls;
	char *text; /* the free comment, lines with newlines; may be empty */
	struct named_param params[NAMED_PARAMS_MAX];
	unsigned n_params;
	const char *sql; /* in all */
	unsigned sql_line;
	char *all; /* the file */
};

struct named_queries {
	struct named_query **v; /* by name */
	size_t n, cap;
	struct reel_err *errors; /* files that are none, each with file and line */
	size_t n_errors, cap_errors;
	char **directories; /* that were read */
	size_t n_directories;
};

/* ALL is taken over, also on error. -EINVAL: the message has file and line. */
int named_parse(const char *name, const char *file, char *all, struct named_query **ret,
		struct reel_err *err);
struct named_query *named_hold(struct named_query *q);
void named_release(struct named_query *q);

/*
 * Adds those of a directory; a name that is there already stays what it is. A file that is no
 * query is noted. -errno: the directory cannot be read.
 */
int named_add_directory(struct named_queries *all, const char *path, struct reel_err *err);
void named_done(struct named_queries *all);

struct named_query *named_find(const struct named_queries *all, const char *name);

/* The tables of queries, see named_table.c; a table of that name that exists already hides one. */
int named_register(sqlite3 *db, struct named_query *q);
/* The function reel_queries('DIRECTORY', ...), which makes tables of all queries there. */
int named_register_function(sqlite3 *db);

/* Binds all its parameters: the ones given, else their defaults. -EINVAL: the message says why. */
int named_bind(const struct named_query *q, sqlite3_stmt *statement, struct param_given *given,
	       size_t n_given, struct reel_err *err);

#endif
