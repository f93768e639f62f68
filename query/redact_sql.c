/* SPDX-License-Identifier: BSD-2-Clause */
/* Views before the tables of a connection, so that statements do not see what is redacted. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "query/redact.h"

/* The value, the kinds of its column, what is to be redacted. */
static void function_redact(sqlite3_context *context, int n, sqlite3_value **values)
{
	unsigned of_column = (unsigned)sqlite3_value_int(values[1]);
	unsigned kinds = (unsigned)sqlite3_value_int(values[2]);
	int type = sqlite3_value_type(values[0]);
	struct reel_out o = { 0 };
	const char *text;
	size_t len;

	(void)n;
	if (type == SQLITE_NULL || type == SQLITE_INTEGER || type == SQLITE_FLOAT) {
		sqlite3_result_value(context, values[0]);
		return;
	}
	text = sqlite3_value_blob(values[0]);
	len = (size_t)sqlite3_value_bytes(values[0]);
	if (out_init_mem(&o) < 0) {
		sqlite3_result_error_nomem(context);
		return;
	}
	if (of_column & REDACT_JSON)
		redact_json(kinds, &o, text ? text : "", len);
	else
		redact_value(of_column & kinds, &o, text ? text : "", len);
	if (out_error(&o) < 0)
		sqlite3_result_error_nomem(context);
	else if (type == SQLITE_BLOB)
		sqlite3_result_blob64(context, o.buf, o.len, SQLITE_TRANSIENT);
	else
		sqlite3_result_text64(context, o.buf, o.len, SQLITE_TRANSIENT, SQLITE_UTF8);
	out_done(&o);
}

static bool is_hidden(const struct redact *r, const char *table, const char *column)
{
	unsigned of_column = redact_column(table, column);

	return of_column & REDACT_JSON ? r->kinds & ~REDACT_HOME : of_column & r->kinds;
}

static int add_text(char ***list, size_t *n, const char *text)
{
	char **grown = realloc(*list, (*n + 1) * sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	*list = grown;
	grown[*n] = strdup(text);
	if (!grown[*n])
		return -ENOMEM;
	++*n;
	return 0;
}

static bool is_covered(const struct redact *r, const char *table)
{
	for (size_t i = 0; i < r->n_tables; i++)
		if (strcasecmp(r->tables[i], table) == 0)
			return true;
	return false;
}

static int sql_error(sqlite3 *db, struct reel_err *err)
{
	return reel_err_set(err, -EINVAL, "cannot redact: %s", sqlite3_errmsg(db));
}

/*
 * A view of the table's columns, without those that are only arguments. A table that is asked with
 * arguments cannot have one: what it would hide is NULL. A capture as an argument is left out.
 */
static int cover(sqlite3 *db, struct redact *r, const char *table, struct reel_err *err)
{
	sqlite3_str *text = sqlite3_str_new(db);
	sqlite3_stmt *s = NULL;
	unsigned n = 0, n_hidden = 0;
	bool has_arguments = false;
	char *sql;
	int result = 0;

	sqlite3_str_appendf(text, "CREATE TEMP VIEW \"%w\" AS SELECT ", table);
	if (sqlite3_prepare_v2(db, "SELECT name, hidden FROM pragma_table_xinfo(?, 'main')", -1, &s,
			       NULL) != SQLITE_OK)
		result = sql_error(db, err);
	else
		sqlite3_bind_text(s, 1, table, -1, SQLITE_STATIC);
	while (result == 0 && sqlite3_step(s) == SQLITE_ROW) {
		const char *column = (const char *)sqlite3_column_text(s, 0);

		if (!column)
			continue;
		if (sqlite3_column_int(s, 1) == 1) {
			has_arguments |= strcmp(column, "capture") != 0;
			continue;
		}
		if (is_hidden(r, table, column)) {
			sqlite3_str_appendf(text, "%sreel_redact(\"%w\", %u, %u) AS \"%w\"",
					    n ? ", " : "", column, redact_column(table, column),
					    r->kinds, column);
			n_hidden++;
		} else {
			sqlite3_str_appendf(text, "%s\"%w\"", n ? ", " : "", column);
		}
		n++;
	}
	sqlite3_finalize(s);
	sqlite3_str_appendf(text, " FROM main.\"%w\"", table);
	sql = sqlite3_str_finish(text);
	if (result == 0 && !sql)
		result = reel_err_set(err, -ENOMEM, "no memory");
	if (result == 0 && n_hidden) {
		if (!has_arguments && sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
			result = sql_error(db, err);
		else if (add_text(&r->tables, &r->n_tables, table) < 0)
			result = reel_err_set(err, -ENOMEM, "no memory");
	}
	sqlite3_free(sql);
	return result;
}

/* Views of the case once more, where they find the views before the tables. */
static int copy_view(sqlite3 *db, const char *sql, struct reel_err *err)
{
	static const char head[] = "CREATE VIEW ";
	char *again;
	int rc;

	if (strncasecmp(sql, head, sizeof(head) - 1) != 0)
		return 0;
	again = sqlite3_mprintf("CREATE TEMP VIEW %s", sql + sizeof(head) - 1);
	rc = again ? sqlite3_exec(db, again, NULL, NULL, NULL) : SQLITE_NOMEM;
	sqlite3_free(again);
	return rc == SQLITE_OK ? 0 : sql_error(db, err);
}

static const char list_sql[] =
	"SELECT name, CASE type WHEN 'view' THEN sql END FROM main.sqlite_schema"
	" WHERE type IN ('table', 'view')"
	" UNION ALL SELECT name, NULL FROM pragma_module_list"
	" WHERE name NOT GLOB 'pragma_*' AND name NOT IN ('json_each', 'json_tree')"
	" AND name NOT IN (SELECT name FROM main.sqlite_schema)"
	" AND NOT EXISTS (SELECT 1 FROM main.sqlite_schema WHERE sql LIKE"
	" 'CREATE VIRTUAL TABLE % USING ' || pragma_module_list.name || '%')";

struct found {
	char **names, **views;
	size_t n_names, n_views;
};

static int find_tables(sqlite3 *db, struct found *f)
{
	sqlite3_stmt *s = NULL;
	int r = 0;

	if (sqlite3_prepare_v2(db, list_sql, -1, &s, NULL) != SQLITE_OK)
		return -EINVAL;
	while (r == 0 && sqlite3_step(s) == SQLITE_ROW) {
		const char *name = (const char *)sqlite3_column_text(s, 0);
		const char *view = (const char *)sqlite3_column_text(s, 1);

		if (view)
			r = add_text(&f->views, &f->n_views, view);
		else if (name)
			r = add_text(&f->names, &f->n_names, name);
	}
	sqlite3_finalize(s);
	return r;
}

static void found_done(struct found *f)
{
	for (size_t i = 0; i < f->n_names; i++)
		free(f->names[i]);
	for (size_t i = 0; i < f->n_views; i++)
		free(f->views[i]);
	free(f->names);
	free(f->views);
}

/* Who has a home, from a case or from the accounts of a capture; where there are neither, nobody
 * is known, and only paths are redacted. */
static int learn_names(sqlite3 *db, struct redact *r, const char *from)
{
	char *sql = sqlite3_mprintf("SELECT DISTINCT name FROM %s WHERE home GLOB '/home/?*'"
				    " UNION SELECT DISTINCT substr(home, 7) FROM %s"
				    " WHERE home GLOB '/home/?*' AND home NOT GLOB '/home/*/*'"
				    " ORDER BY 1",
				    from, from);
	sqlite3_stmt *s = NULL;
	int result = sql ? 0 : -ENOMEM;

	if (sql && sqlite3_prepare_v2(db, sql, -1, &s, NULL) == SQLITE_OK)
		while (result == 0 && r->n_names < REDACT_NAMES_MAX &&
		       sqlite3_step(s) == SQLITE_ROW) {
			const char *name = (const char *)sqlite3_column_text(s, 0);

			if (name && *name)
				result = add_text(&r->names, &r->n_names, name);
		}
	sqlite3_finalize(s);
	sqlite3_free(sql);
	return result;
}

static bool changes(int action)
{
	switch (action) {
	case SQLITE_SELECT:
	case SQLITE_READ:
	case SQLITE_FUNCTION:
	case SQLITE_RECURSIVE:
	case SQLITE_PRAGMA:
	case SQLITE_TRANSACTION:
	case SQLITE_SAVEPOINT:
		return false;
	default:
		return true;
	}
}

/* What is read of a covered table by anything but the view before it is NULL. */
static int authorize(void *client, int action, const char *a, const char *b, const char *database,
		     const char *by)
{
	const struct redact *r = client;

	/* A virtual table declares its columns by a statement that is never run. */
	if (action == SQLITE_CREATE_TABLE || action == SQLITE_CREATE_VTABLE ||
	    (changes(action) && a && strcmp(a, "sqlite_master") == 0))
		return SQLITE_OK;
	if (changes(action))
		return SQLITE_DENY;
	if (action != SQLITE_READ || !a || !b || !is_covered(r, a) || !is_hidden(r, a, b))
		return SQLITE_OK;
	if (database && strcmp(database, "temp") == 0)
		return SQLITE_OK;
	return by && strcasecmp(by, a) == 0 ? SQLITE_OK : SQLITE_IGNORE;
}

int redact_install(sqlite3 *db, struct redact *r, struct reel_err *err)
{
	struct found f = { 0 };
	int result = 0;

	if (sqlite3_create_function(db, "reel_redact", 3,
				    SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS, NULL,
				    function_redact, NULL, NULL) != SQLITE_OK ||
	    sqlite3_exec(db, "PRAGMA temp_store = MEMORY", NULL, NULL, NULL) != SQLITE_OK ||
	    find_tables(db, &f) < 0) {
		found_done(&f);
		return sql_error(db, err);
	}
	if (r->kinds & REDACT_HOME && (learn_names(db, r, "user") < 0 ||
				       (!r->n_names && learn_names(db, r, "event_account") < 0)))
		result = reel_err_set(err, -ENOMEM, "no memory");
	for (size_t i = 0; result == 0 && r->kinds & ~REDACT_HOME && i < f.n_names; i++)
		result = cover(db, r, f.names[i], err);
	for (size_t i = 0; result == 0 && r->n_tables && i < f.n_views; i++)
		result = copy_view(db, f.views[i], err);
	found_done(&f);
	if (result == 0 && r->kinds & ~REDACT_HOME &&
	    sqlite3_set_authorizer(db, authorize, r) != SQLITE_OK)
		result = sql_error(db, err);
	return result;
}
