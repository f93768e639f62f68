/* SPDX-License-Identifier: BSD-2-Clause */
#include "query/at_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format/moment.h"
#include "query/at_columns.h"

struct module_of {
	struct reel_captures *captures;
	const struct at_kind *kind;
};

struct table {
	sqlite3_vtab base;
	sqlite3 *db;
	struct module_of of;
};

struct cursor {
	sqlite3_vtab_cursor base;
	struct reel_capture *capture;
	struct at_state *state;
	struct at_rows rows;
	size_t at;
	sqlite3_stmt *beat; /* see is_interrupted() */
	sqlite3_value *moment, *path;
};

/* The hidden columns come first. */
enum { COLUMN_AT, COLUMN_CAPTURE, COLUMN_FIRST };
enum { HAS_CAPTURE = 1 };

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

static char *declaration_of(const struct at_kind *kind)
{
	sqlite3_str *s = sqlite3_str_new(NULL);

	sqlite3_str_appendall(s, "CREATE TABLE x(at HIDDEN, capture TEXT HIDDEN");
	for (const struct at_column *c = kind->columns; c->name; c++)
		sqlite3_str_appendf(s, ", \"%w\" %s", c->name, c->affinity);
	sqlite3_str_appendall(s, ")");
	return sqlite3_str_finish(s);
}

static int table_connect(sqlite3 *db, void *aux, int argc, const char *const *argv,
			 sqlite3_vtab **ret, char **ret_message)
{
	const struct module_of *of = aux;
	char *declaration = declaration_of(of->kind);
	int r = declaration ? sqlite3_declare_vtab(db, declaration) : SQLITE_NOMEM;
	struct table *t;

	(void)argc;
	(void)argv;
	sqlite3_free(declaration);
	if (r != SQLITE_OK) {
		*ret_message = sqlite3_mprintf("%s", sqlite3_errmsg(db));
		return r;
	}
	t = calloc(1, sizeof(*t));
	if (!t)
		return SQLITE_NOMEM;
	t->db = db;
	t->of = *of;
	reel_captures_ref(of->captures);
	*ret = &t->base;
	return SQLITE_OK;
}

static int table_disconnect(sqlite3_vtab *base)
{
	struct table *t = (struct table *)base;

	reel_captures_unref(t->of.captures);
	free(t);
	return SQLITE_OK;
}

/* Only with a moment; the order of the arguments is that of their columns. */
static int best_index(sqlite3_vtab *base, sqlite3_index_info *info)
{
	int at = -1, capture = -1;
	bool at_is_there = false, capture_is_there = false;

	for (int i = 0; i < info->nConstraint; i++) {
		const struct sqlite3_index_constraint *c = &info->aConstraint[i];

		if (c->op != SQLITE_INDEX_CONSTRAINT_EQ)
			continue;
		at_is_there |= c->iColumn == COLUMN_AT;
		capture_is_there |= c->iColumn == COLUMN_CAPTURE;
		if (c->usable && c->iColumn == COLUMN_AT)
			at = i;
		if (c->usable && c->iColumn == COLUMN_CAPTURE)
			capture = i;
	}
	if (!at_is_there) {
		sqlite3_free(base->zErrMsg);
		base->zErrMsg = sqlite3_mprintf("%s needs a moment: %s('-15m')",
						((struct table *)base)->of.kind->name,
						((struct table *)base)->of.kind->name);
		return SQLITE_ERROR;
	}
	if (at < 0 || (capture_is_there && capture < 0))
		return SQLITE_CONSTRAINT;
	info->aConstraintUsage[at].argvIndex = 1;
	info->aConstraintUsage[at].omit = 1;
	if (capture >= 0) {
		info->aConstraintUsage[capture].argvIndex = 2;
		info->aConstraintUsage[capture].omit = 1;
		info->idxNum = HAS_CAPTURE;
	}
	info->estimatedCost = 100000;
	info->estimatedRows = 1000;
	return SQLITE_OK;
}

/* Cursors ------------------------------------------------------------------------------------ */

/* Any statement of the connection ends with that, once sqlite3_interrupt() was called. */
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
	struct cursor *c = calloc(1, sizeof(*c));

	(void)base;
	if (!c)
		return SQLITE_NOMEM;
	*ret = &c->base;
	return SQLITE_OK;
}

static void clear(struct cursor *c)
{
	free(c->rows.list);
	c->rows = (struct at_rows){ 0 };
	c->at = 0;
	at_state_free(c->state);
	c->state = NULL;
	reel_capture_unref(c->capture);
	c->capture = NULL;
	sqlite3_value_free(c->moment);
	sqlite3_value_free(c->path);
	c->moment = c->path = NULL;
}

static int cursor_close(sqlite3_vtab_cursor *base)
{
	struct cursor *c = (struct cursor *)base;

	clear(c);
	sqlite3_finalize(c->beat);
	free(c);
	return SQLITE_OK;
}

static int parse_moment(sqlite3_value *value, const struct reel_reader *r, struct reel_moment *ret,
			struct reel_err *err)
{
	const unsigned char *text;

	switch (sqlite3_value_type(value)) {
	case SQLITE_INTEGER:
		*ret = (struct reel_moment){ REEL_REALTIME, sqlite3_value_int64(value) };
		return 0;
	case SQLITE_TEXT:
		text = sqlite3_value_text(value);
		return text ? reel_moment_parse((const char *)text, r, ret, err) : -ENOMEM;
	}
	return reel_err_set(err, -EINVAL,
			    "a moment is a time as text, or ns since 1970 as an integer");
}

static int find_rows(struct cursor *c, const struct reel_moment *moment, struct reel_err *err)
{
	const struct at_kind *kind = ((const struct table *)c->base.pVtab)->of.kind;
	struct reel_filter all = { 0 };
	int r = reel_capture_ask(c->capture, &all, err);

	if (r == 0)
		r = at_state_new(c->capture, moment, kind->depth, is_interrupted, c, &c->state,
				 err);
	for (unsigned i = 0; r == 0 && i < c->state->n; i++)
		r = kind->collect(&c->state->machines[i], &c->rows);
	return r;
}

static int cursor_filter(sqlite3_vtab_cursor *base, int number, const char *words, int n,
			 sqlite3_value **values)
{
	struct cursor *c = (struct cursor *)base;
	const struct table *t = (const struct table *)base->pVtab;
	bool has_path = number & HAS_CAPTURE && n > 1;
	const char *path = has_path ? (const char *)sqlite3_value_text(values[1]) : NULL;
	struct reel_moment moment;
	struct reel_err err = { 0 };
	int r;

	(void)words;
	clear(c);
	/* NULL = NULL is not true: no capture at all. */
	if ((has_path && !path) || sqlite3_value_type(values[0]) == SQLITE_NULL)
		return SQLITE_OK;
	r = reel_captures_get(t->of.captures, path, &c->capture, &err);
	if (r == 0)
		r = parse_moment(values[0], c->capture->reader, &moment, &err);
	if (r == 0)
		r = find_rows(c, &moment, &err);
	if (r < 0)
		return fail(base->pVtab, r, &err);
	c->moment = sqlite3_value_dup(values[0]);
	c->path = has_path ? sqlite3_value_dup(values[1]) : NULL;
	return c->moment && (!has_path || c->path) ? SQLITE_OK : SQLITE_NOMEM;
}

static int cursor_next(sqlite3_vtab_cursor *base)
{
	struct cursor *c = (struct cursor *)base;

	c->at++;
	if (c->capture)
		c->capture->reading.rows++;
	return SQLITE_OK;
}

static int cursor_eof(sqlite3_vtab_cursor *base)
{
	const struct cursor *c = (const struct cursor *)base;

	return c->at >= c->rows.n;
}

static int cursor_column(sqlite3_vtab_cursor *base, sqlite3_context *context, int column)
{
	const struct cursor *c = (const struct cursor *)base;
	const struct at_kind *kind = ((const struct table *)base->pVtab)->of.kind;

	if (column == COLUMN_AT)
		sqlite3_result_value(context, c->moment);
	else if (column == COLUMN_CAPTURE && c->path)
		sqlite3_result_value(context, c->path);
	else if (column >= COLUMN_FIRST)
		kind->put(context, &c->rows.list[c->at], (unsigned)(column - COLUMN_FIRST));
	return SQLITE_OK;
}

static int cursor_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *ret)
{
	*ret = (sqlite3_int64)((const struct cursor *)base)->at + 1;
	return SQLITE_OK;
}

static const sqlite3_module module = {
	.iVersion = 0,
	.xConnect = table_connect,
	.xBestIndex = best_index,
	.xDisconnect = table_disconnect,
	.xOpen = cursor_open,
	.xClose = cursor_close,
	.xFilter = cursor_filter,
	.xNext = cursor_next,
	.xEof = cursor_eof,
	.xColumn = cursor_column,
	.xRowid = cursor_rowid,
};

static void forget(void *context)
{
	struct module_of *of = context;

	reel_captures_unref(of->captures);
	free(of);
}

int reel_at_tables_register(sqlite3 *db, struct reel_captures *captures)
{
	int r = SQLITE_OK;

	for (const struct at_kind *k = at_kinds; k->name && r == SQLITE_OK; k++) {
		struct module_of *of = calloc(1, sizeof(*of));

		if (!of)
			return SQLITE_NOMEM;
		*of = (struct module_of){ captures, k };
		reel_captures_ref(captures);
		r = sqlite3_create_module_v2(db, k->name, &module, of, forget);
	}
	return r;
}
