/* SPDX-License-Identifier: BSD-2-Clause */
#include "query/event_table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/case.h"
#include "query/plan.h"

/* What a module reads. */
struct source {
	struct reel_captures *captures;
	const struct reel_type *type; /* NULL: all */
};

struct table {
	sqlite3_vtab base;
	sqlite3 *db;
	struct plan_table plan;
	struct reel_columns *columns;
};

struct cursor {
	sqlite3_vtab_cursor base;
	struct reel_capture *capture;
	struct plan_question question;
	struct scan *scan;
	struct reel_row *row;
	sqlite3_stmt *beat; /* see is_interrupted() */
	sqlite3_int64 rowid;
	bool is_over, has_row;
};

static int fail(sqlite3_vtab *base, int r, const struct reel_err *err)
{
	if (r == -ENOMEM)
		return SQLITE_NOMEM;
	if (r == -ECANCELED)
		return SQLITE_INTERRUPT;
	sqlite3_free(base->zErrMsg);
	base->zErrMsg = sqlite3_mprintf("%s", err->msg);
	return SQLITE_ERROR;
}

/* Tables ------------------------------------------------------------------------------------- */

/* Types are named like words of SQL, too ("group"), so each name is quoted. */
static char *declaration_of(const struct reel_columns *c)
{
	sqlite3_str *s = sqlite3_str_new(NULL);

	sqlite3_str_appendall(s, "CREATE TABLE x(capture TEXT HIDDEN");
	for (unsigned i = 0; i < c->n; i++)
		sqlite3_str_appendf(s, ", \"%w\" %s", c->list[i].name,
				    reel_column_affinity(&c->list[i]));
	sqlite3_str_appendall(s, ")");
	return sqlite3_str_finish(s);
}

static int table_connect(sqlite3 *db, void *aux, int argc, const char *const *argv,
			 sqlite3_vtab **ret, char **ret_message)
{
	const struct source *source = aux;
	struct table *t = calloc(1, sizeof(*t));
	struct reel_err err;
	char *declaration;
	int r = SQLITE_NOMEM;

	(void)argc;
	(void)argv;
	if (!t)
		return SQLITE_NOMEM;
	if (reel_columns_new(source->type, &t->columns, &err) < 0)
		goto out;
	declaration = declaration_of(t->columns);
	r = declaration ? sqlite3_declare_vtab(db, declaration) : SQLITE_NOMEM;
	sqlite3_free(declaration);
	if (r != SQLITE_OK) {
		*ret_message = sqlite3_mprintf("%s", sqlite3_errmsg(db));
		goto out;
	}
	t->db = db;
	t->plan = (struct plan_table){ t->columns, source->captures };
	reel_captures_ref(source->captures);
	*ret = &t->base;
	return SQLITE_OK;
out:
	reel_columns_free(t->columns);
	free(t);
	return r;
}

static int table_disconnect(sqlite3_vtab *base)
{
	struct table *t = (struct table *)base;

	reel_captures_unref(t->plan.captures);
	reel_columns_free(t->columns);
	free(t);
	return SQLITE_OK;
}

static int table_best_index(sqlite3_vtab *base, sqlite3_index_info *info)
{
	return plan_best_index(&((struct table *)base)->plan, info);
}

/* Cursors ------------------------------------------------------------------------------------ */

/*
 * Whether sqlite3_interrupt() was called: SQLite 3.40 has no function that says so, but any
 * statement of the connection then ends with that.
 */
static bool is_interrupted(void *context)
{
	struct cursor *c = context;
	const struct table *t = (const struct table *)c->base.pVtab;
	int r;

	if (!c->beat && sqlite3_prepare_v2(t->db, "SELECT 1", -1, &c->beat, NULL) != SQLITE_OK)
		return false;
	r = sqlite3_step(c->beat);
	sqlite3_reset(c->beat);
	return r == SQLITE_INTERRUPT;
}

static int cursor_open(sqlite3_vtab *base, sqlite3_vtab_cursor **ret)
{
	const struct table *t = (const struct table *)base;
	struct cursor *c = calloc(1, sizeof(*c));
	struct reel_err err;

	if (!c)
		return SQLITE_NOMEM;
	if (reel_row_new(t->columns, &c->row, &err) < 0) {
		free(c);
		return SQLITE_NOMEM;
	}
	*ret = &c->base;
	return SQLITE_OK;
}

static void cursor_reset(struct cursor *c)
{
	scan_close(c->scan);
	c->scan = NULL;
	plan_question_done(&c->question);
	c->is_over = true;
	c->has_row = false;
	c->rowid = 0;
}

static int cursor_close(sqlite3_vtab_cursor *base)
{
	struct cursor *c = (struct cursor *)base;

	cursor_reset(c);
	reel_row_free(c->row);
	reel_capture_unref(c->capture);
	sqlite3_finalize(c->beat);
	free(c);
	return SQLITE_OK;
}

static int cursor_next(sqlite3_vtab_cursor *base)
{
	struct cursor *c = (struct cursor *)base;
	struct reel_err err = { 0 };
	int r = scan_next(c->scan, &err);

	c->has_row = false;
	if (r > 0) {
		c->rowid++;
		c->capture->reading.rows++;
		return SQLITE_OK;
	}
	c->is_over = true;
	return r < 0 ? fail(base->pVtab, r, &err) : SQLITE_OK;
}

/* The rows are made by the types of a capture's schemas, which are no longer than it is. */
static int change_capture(struct cursor *c, struct reel_capture *to, struct reel_err *err)
{
	const struct table *t = (const struct table *)c->base.pVtab;
	int r = 0;

	if (c->capture && c->capture != to) {
		reel_row_free(c->row);
		c->row = NULL;
		r = reel_row_new(t->columns, &c->row, err);
	}
	reel_capture_unref(c->capture);
	c->capture = to;
	return r;
}

static int cursor_filter(sqlite3_vtab_cursor *base, int flags, const char *words, int n,
			 sqlite3_value **values)
{
	struct cursor *c = (struct cursor *)base;
	struct table *t = (struct table *)base->pVtab;
	struct reel_capture *capture;
	struct reel_err err = { 0 };
	int r;

	cursor_reset(c);
	r = plan_capture(&t->plan, words, values, n, &c->question, &err);
	if (r < 0)
		return fail(base->pVtab, r, &err);
	if (c->question.is_nothing)
		return SQLITE_OK;
	r = reel_captures_get(t->plan.captures, c->question.path, &capture, &err);
	if (r == 0)
		r = change_capture(c, capture, &err);
	if (r == 0)
		r = plan_question(&t->plan, capture->reader, flags, words, values, n, &c->question,
				  &err);
	if (r < 0)
		return fail(base->pVtab, r, &err);
	if (c->question.is_nothing)
		return SQLITE_OK;
	c->question.q.is_interrupted = is_interrupted;
	c->question.q.context = c;
	r = scan_open(capture, &c->question.q, &c->scan, &err);
	if (r < 0)
		return fail(base->pVtab, r, &err);
	c->is_over = false;
	return cursor_next(base);
}

static int cursor_eof(sqlite3_vtab_cursor *base)
{
	return ((struct cursor *)base)->is_over;
}

static int cursor_column(sqlite3_vtab_cursor *base, sqlite3_context *context, int column)
{
	struct cursor *c = (struct cursor *)base;
	struct reel_value v;

	if (column == 0) {
		if (c->question.path)
			sqlite3_result_text(context, c->question.path, -1, SQLITE_TRANSIENT);
		return SQLITE_OK;
	}
	if (!c->has_row) {
		const struct scan_event *e = scan_current(c->scan);

		reel_row_begin(c->row, &e->ev, e->realtime_ns, e->beside, e->n_beside);
		c->has_row = true;
	}
	if (reel_row_value(c->row, (unsigned)column - 1, &v) < 0)
		return SQLITE_NOMEM;
	switch (v.kind) {
	case REEL_VALUE_NULL:
		break;
	case REEL_VALUE_INTEGER:
		sqlite3_result_int64(context, v.integer);
		break;
	case REEL_VALUE_TEXT:
		sqlite3_result_text(context, v.bytes, (int)v.length, SQLITE_TRANSIENT);
		break;
	case REEL_VALUE_BLOB:
		sqlite3_result_blob(context, v.bytes, (int)v.length, SQLITE_TRANSIENT);
		break;
	}
	return SQLITE_OK;
}

static int cursor_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *ret)
{
	*ret = ((struct cursor *)base)->rowid;
	return SQLITE_OK;
}

/* No xCreate: the tables are there without a CREATE, and no other can be made of a module. */
static const sqlite3_module module = {
	.iVersion = 0,
	.xConnect = table_connect,
	.xBestIndex = table_best_index,
	.xDisconnect = table_disconnect,
	.xOpen = cursor_open,
	.xClose = cursor_close,
	.xFilter = cursor_filter,
	.xNext = cursor_next,
	.xEof = cursor_eof,
	.xColumn = cursor_column,
	.xRowid = cursor_rowid,
};

/* Registering -------------------------------------------------------------------------------- */

static void source_free(void *context)
{
	struct source *s = context;

	reel_captures_unref(s->captures);
	free(s);
}

static int add_table(sqlite3 *db, struct reel_captures *captures, const struct reel_type *type,
		     const char *name)
{
	struct source *s = calloc(1, sizeof(*s));

	if (!s)
		return SQLITE_NOMEM;
	reel_captures_ref(captures);
	*s = (struct source){ captures, type };
	return sqlite3_create_module_v2(db, name, &module, s, source_free);
}

int reel_event_tables_register(sqlite3 *db, struct reel_captures *captures)
{
	int r = add_table(db, captures, NULL, "event");

	if (r == SQLITE_OK)
		r = add_table(db, captures, NULL, "reel_event");
	for (const struct reel_type *t = reel_types; t->name && r == SQLITE_OK; t++) {
		char name[64];

		snprintf(name, sizeof(name), "event_%s", t->name);
		r = add_table(db, captures, t, name);
		/* What a case has a table of is that table, also where there is none yet. */
		if (r == SQLITE_OK && !case_table_by_name(t->name))
			r = add_table(db, captures, t, t->name);
	}
	return r;
}
