/* SPDX-License-Identifier: BSD-2-Clause */
/* Values that a user gives for the parameters of a statement: name=value. */
#ifndef REEL_QUERY_PARAMS_H
#define REEL_QUERY_PARAMS_H

#include <stdbool.h>
#include <stddef.h>

#include "format/err.h"
#include "query/sqlite.h"

enum param_type { PARAM_ANY, PARAM_TEXT, PARAM_INTEGER, PARAM_REAL, PARAM_TIME };

struct param_value {
	int type; /* SQLITE_NULL, SQLITE_INTEGER, SQLITE_FLOAT, SQLITE_TEXT, SQLITE_BLOB */
	sqlite3_int64 integer;
	double real;
	const char *text; /* borrowed */
	size_t len;
};

/* NAME=VALUE, as it stands on the command line. */
struct param_given {
	const char *name;
	size_t name_len;
	const char *value;
	bool is_used;
};

/* -1: no type is called so. */
int param_type_of(const char *name, size_t len);
const char *param_type_name(enum param_type type);

bool param_is_name(const char *text, size_t len);

/* false: TEXT is not of the form name=value. */
bool param_split(const char *text, struct param_given *ret);

/*
 * What TEXT is as a value of this type. Of PARAM_ANY: an integer if it looks like one, else text.
 * Of PARAM_TIME: wall time in ns, from ISO 8601, "now", or these ns themselves; -15m counts back
 * from the end of the case in DB, which may be NULL. Text that is not UTF-8 becomes a BLOB of the
 * same bytes. -EINVAL: it is none of this type.
 */
int param_parse(const char *text, enum param_type type, sqlite3 *db, struct param_value *ret,
		struct reel_err *err);

/* SQLite's own result. */
int param_bind(sqlite3_stmt *statement, int index, const struct param_value *value);

#endif
