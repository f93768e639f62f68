/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A named query as a table: SELECT * FROM who_touched('/tmp/x'). Its columns are those of the
 * statement; the parameters are hidden columns behind them, in the order of their declaration.
 */
#include <errno.h>
#include <string.h>

#include "query/named.h"

struct table {
	sqlite3_vtab base;
	sqlite3 *db;
	const struct named_query *q;
	int n_columns; /* of the statement */
};

struct cursor {
	sqlite3_vtab_cursor base;
	sqlite3_stmt *statement;
	bool at_end;
	sqlite3_int64 row;
	sqlite3_value *given[NAMED_PARAMS_MAX];
};

static int prepare(sqlite3 *db, const struct named_query *q, sqlite3_stmt **ret, char **ret_message)
{
	const char *tail = NULL;
	int rc = sqlite3_prepare_v2(db, q->sql, -1, ret, &tail);

	if (rc != SQLITE_OK) {
		*ret_message = sqlite3_mprintf("%s: %s", q->name, sqlite3_errmsg(db));
		return rc;
	}
	if (!*ret || !sqlite3_stmt_readonly(*ret) || sqlite3_column_count(*ret) == 0) {
		*ret_message =
			sqlite3_mprintf("%s: the statement of %s is no question", q->name, q->file);
		sqlite3_finalize(*ret);
		*ret = NULL;
		return SQLITE_ERROR;
	}
	return SQLITE_OK;
}

static bool is_before(sqlite3_stmt *s, const char *name, int n)
{
	for (int i = 0; i < n; i++)
		if (sqlite3_stricmp(sqlite3_column_name(s, i), name) == 0)
			return true;
	return false;
}

/* Names are made unique: a second "pid" is "pid_2", a parameter "pid" then is "given_pid". */
static char *declaration(const struct named_query *q, sqlite3_stmt *s)
{
	sqlite3_str *text = sqlite3_str_new(NULL);
	int n = sqlite3_column_count(s);

	sqlite3_str_appendall(text, "CREATE TABLE x(");
	for (int i = 0; i < n; i++) {
		const char *name = sqlite3_column_name(s, i);
		const char *type = sqlite3_column_decltype(s, i);

		if (is_before(s, name, i))
			sqlite3_str_appendf(text, "%s\"%w_%d\"", i ? "," : "", name, i + 1);
		else
			sqlite3_str_appendf(text, "%s\"%w\"", i ? "," : "", name);
		if (type)
			sqlite3_str_appendf(text, " \"%w\"", type);
	}
	for (unsigned i = 0; i < q->n_params; i++) {
		const char *name = q->params[i].name;

		sqlite3_str_appendf(text, ",\"%s%w\" HIDDEN", is_before(s, name, n) ? "given_" : "",
				    name);
	}
	sqlite3_str_appendall(text, ")");
	return sqlite3_str_finish(text);
}

static int table_connect(sqlite3 *db, void *client, int argc, const char *const *argv,
			 sqlite3_vtab **ret, char **ret_message)
{
	const struct named_query *q = client;
	sqlite3_stmt *s = NULL;
	struct table *t = NULL;
	char *sql = NULL;
	int rc = prepare(db, q, &s, ret_message);

	(void)argc;
	(void)argv;
	if (rc != SQLITE_OK)
		return rc;
	sql = declaration(q, s);
	t = sqlite3_malloc(sizeof(*t));
	if (!sql || !t) {
		rc = SQLITE_NOMEM;
		goto out;
	}
	*t = (struct table){ .db = db, .q = q, .n_columns = sqlite3_column_count(s) };
	rc = sqlite3_declare_vtab(db, sql);
	if (rc != SQLITE_OK) {
		*ret_message = sqlite3_mprintf("%s: %s", q->name, sqlite3_errmsg(db));
		goto out;
	}
	*ret = &t->base;
	t = NULL;
out:
	sqlite3_finalize(s);
	sqlite3_free(sql);
	sqlite3_free(t);
	return rc;
}

static int table_disconnect(sqlite3_vtab *base)
{
	sqlite3_free(base);
	return SQLITE_OK;
}

/* idxNum has a bit for each parameter that is given; they are handed over in their order. */
static int table_best_index(sqlite3_vtab *base, sqlite3_index_info *info)
{
	const struct table *t = (const struct table *)base;
	int at[NAMED_PARAMS_MAX];
	int n = 0;

	memset(at, -1, sizeof(at));
	for (int i = 0; i < info->nConstraint; i++) {
		const struct sqlite3_index_constraint *c = &info->aConstraint[i];
		int p = c->iColumn - t->n_columns;

		if (p < 0 || c->op != SQLITE_INDEX_CONSTRAINT_EQ)
			continue;
		if (!c->usable)
			return SQLITE_CONSTRAINT;
		at[p] = i;
	}
	info->idxNum = 0;
	for (unsigned p = 0; p < t->q->n_params; p++) {
		if (at[p] < 0)
			continue;
		info->idxNum |= 1 << p;
		info->aConstraintUsage[at[p]].argvIndex = ++n;
		info->aConstraintUsage[at[p]].omit = 1;
	}
	info->estimatedCost = 1e6;
	info->estimatedRows = 1000;
	return SQLITE_OK;
}

static int table_open(sqlite3_vtab *base, sqlite3_vtab_cursor **ret)
{
	struct table *t = (struct table *)base;
	struct cursor *c = sqlite3_malloc(sizeof(*c));
	char *message = NULL;
	int rc;

	if (!c)
		return SQLITE_NOMEM;
	*c = (struct cursor){ 0 };
	rc = prepare(t->db, t->q, &c->statement, &message);
	if (rc != SQLITE_OK) {
		sqlite3_free(base->zErrMsg);
		base->zErrMsg = message;
		sqlite3_free(c);
		return rc;
	}
	*ret = &c->base;
	return SQLITE_OK;
}

static void forget_given(struct cursor *c)
{
	for (unsigned i = 0; i < NAMED_PARAMS_MAX; i++) {
		sqlite3_value_free(c->given[i]);
		c->given[i] = NULL;
	}
}

static int table_close(sqlite3_vtab_cursor *base)
{
	struct cursor *c = (struct cursor *)base;

	forget_given(c);
	sqlite3_finalize(c->statement);
	sqlite3_free(c);
	return SQLITE_OK;
}

static int fail(struct table *t, int rc)
{
	sqlite3_free(t->base.zErrMsg);
	t->base.zErrMsg = sqlite3_mprintf("%s: %s", t->q->name, sqlite3_errmsg(t->db));
	return rc;
}

static int table_next(sqlite3_vtab_cursor *base)
{
	struct cursor *c = (struct cursor *)base;
	int rc = sqlite3_step(c->statement);

	c->row++;
	c->at_end = rc != SQLITE_ROW;
	if (rc == SQLITE_ROW || rc == SQLITE_DONE)
		return SQLITE_OK;
	return fail((struct table *)base->pVtab, rc);
}

static int refuse(struct table *t, const char *message)
{
	sqlite3_free(t->base.zErrMsg);
	t->base.zErrMsg = sqlite3_mprintf("%s", message);
	return SQLITE_ERROR;
}

/* A time may come as text; all else is as it is. */
static int bind_given(struct table *t, const struct named_param *p, sqlite3_stmt *statement,
		      int index, sqlite3_value *value)
{
	struct param_value time = { 0 };
	struct reel_err err;
	int rc;

	if (p->type == PARAM_TIME && sqlite3_value_type(value) == SQLITE_TEXT) {
		if (param_parse((const char *)sqlite3_value_text(value), PARAM_TIME, t->db, &time,
				&err) < 0) {
			(void)refuse(t, err.msg);
			return -EINVAL;
		}
		rc = param_bind(statement, index, &time);
	} else {
		rc = sqlite3_bind_value(statement, index, value);
	}
	if (rc == SQLITE_OK)
		return 0;
	(void)refuse(t, "no memory");
	return -ENOMEM;
}

static int table_filter(sqlite3_vtab_cursor *base, int mask, const char *text, int argc,
			sqlite3_value **argv)
{
	struct cursor *c = (struct cursor *)base;
	struct table *t = (struct table *)base->pVtab;
	struct reel_err err = { 0 };
	struct named_query rest = *t->q;
	int n = 0;

	(void)text;
	(void)argc;
	sqlite3_reset(c->statement);
	forget_given(c);
	c->row = 0;
	/* What is given needs no default; any will do until it is bound. */
	for (unsigned p = 0; p < rest.n_params; p++)
		if (mask & 1 << p)
			rest.params[p].has_default = true;
	if (named_bind(&rest, c->statement, NULL, 0, &err) < 0)
		return refuse(t, err.msg);
	for (unsigned p = 0; p < t->q->n_params; p++) {
		char *name;
		int index;

		if (!(mask & 1 << p))
			continue;
		name = sqlite3_mprintf(":%s", t->q->params[p].name);
		index = name ? sqlite3_bind_parameter_index(c->statement, name) : 0;
		sqlite3_free(name);
		c->given[p] = sqlite3_value_dup(argv[n]);
		if (index && bind_given(t, &t->q->params[p], c->statement, index, argv[n]) < 0)
			return SQLITE_ERROR;
		n++;
	}
	return table_next(base);
}

static int table_eof(sqlite3_vtab_cursor *base)
{
	return ((struct cursor *)base)->at_end;
}

static int table_column(sqlite3_vtab_cursor *base, sqlite3_context *context, int i)
{
	struct cursor *c = (struct cursor *)base;
	int n = ((struct table *)base->pVtab)->n_columns;

	if (i < n)
		sqlite3_result_value(context, sqlite3_column_value(c->statement, i));
	else if (c->given[i - n])
		sqlite3_result_value(context, c->given[i - n]);
	return SQLITE_OK;
}

static int table_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *ret)
{
	*ret = ((struct cursor *)base)->row;
	return SQLITE_OK;
}

static const sqlite3_module module = {
	.xConnect = table_connect,
	.xBestIndex = table_best_index,
	.xDisconnect = table_disconnect,
	.xOpen = table_open,
	.xClose = table_close,
	.xFilter = table_filter,
	.xNext = table_next,
	.xEof = table_eof,
	.xColumn = table_column,
	.xRowid = table_rowid,
};

static void release(void *client)
{
	named_release(client);
}

static bool module_exists(sqlite3 *db, const char *name)
{
	sqlite3_stmt *s = NULL;
	bool found = false;

	if (sqlite3_prepare_v2(db, "SELECT 1 FROM pragma_module_list WHERE name = ? COLLATE NOCASE",
			       -1, &s, NULL) == SQLITE_OK &&
	    sqlite3_bind_text(s, 1, name, -1, SQLITE_STATIC) == SQLITE_OK)
		found = sqlite3_step(s) == SQLITE_ROW;
	sqlite3_finalize(s);
	return found;
}

int named_register(sqlite3 *db, struct named_query *q)
{
	if (module_exists(db, q->name))
		return SQLITE_OK;
	return sqlite3_create_module_v2(db, q->name, &module, named_hold(q), release);
}

/* Returns how many queries there are. */
static void function_queries(sqlite3_context *context, int n, sqlite3_value **values)
{
	sqlite3 *db = sqlite3_context_db_handle(context);
	struct named_queries all = { 0 };
	struct reel_err err = { 0 };
	int r = 0;

	for (int i = 0; r == 0 && i < n; i++) {
		const char *path = (const char *)sqlite3_value_text(values[i]);

		if (path)
			r = named_add_directory(&all, path, &err);
	}
	for (size_t i = 0; r == 0 && i < all.n; i++)
		if (named_register(db, all.v[i]) != SQLITE_OK)
			r = reel_err_set(&err, -ENOMEM, "no memory");
	if (r < 0)
		sqlite3_result_error(context, err.msg, -1);
	else
		sqlite3_result_int64(context, (sqlite3_int64)all.n);
	named_done(&all);
}

int named_register_function(sqlite3 *db)
{
	return sqlite3_create_function(db, "reel_queries", -1, SQLITE_UTF8 | SQLITE_DIRECTONLY,
				       NULL, function_queries, NULL, NULL);
}
