/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table `slice`: SELECT * FROM slice('forward', 'path', '/tmp/x'), or backward; from a path, a
 * pid or an addr, or the id of a process, file or connection of the case. Behind these, each NULL
 * if it shall be as always: at (wall time in ns or ISO 8601: forwards from then on, backwards until
 * then), steps, nodes, width, unwritten (1: files that nobody had written are shown, too).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "format/timetext.h"
#include "query/slice.h"

static const char schema[] =
	"CREATE TABLE slice(depth INTEGER, label TEXT, edge TEXT, count INTEGER, bytes INTEGER, "
	"first TEXT, last TEXT, note TEXT, node TEXT, node_id INTEGER, event TEXT, "
	"direction HIDDEN, kind HIDDEN, value HIDDEN, at HIDDEN, steps HIDDEN, nodes HIDDEN, "
	"width HIDDEN, unwritten HIDDEN)";

enum {
	C_DEPTH,
	C_LABEL,
	C_EDGE,
	C_COUNT,
	C_BYTES,
	C_FIRST,
	C_LAST,
	C_NOTE,
	C_NODE,
	C_NODE_ID,
	C_EVENT,
	C_DIRECTION,
	C_KIND,
	C_VALUE,
	C_AT,
	C_STEPS,
	C_NODES,
	C_WIDTH,
	C_UNWRITTEN,
	C_ALL,
	N_PARAMETERS = C_ALL - C_DIRECTION,
};

struct table {
	sqlite3_vtab base;
	sqlite3 *db;
};

struct cursor {
	sqlite3_vtab_cursor base;
	sqlite3_value *given[N_PARAMETERS];
	struct slice slice;
	unsigned at;
	struct reel_timefmt time;
	sqlite3_stmt *event;
};

static int connect_table(sqlite3 *db, void *aux, int argc, const char *const *argv,
			 sqlite3_vtab **ret, char **ret_message)
{
	struct table *t;
	int result = sqlite3_declare_vtab(db, schema);

	(void)aux;
	(void)argc;
	(void)argv;
	(void)ret_message;
	if (result != SQLITE_OK)
		return result;
	t = sqlite3_malloc(sizeof(*t));
	if (!t)
		return SQLITE_NOMEM;
	*t = (struct table){ .db = db };
	*ret = &t->base;
	return SQLITE_OK;
}

static int disconnect_table(sqlite3_vtab *vtab)
{
	sqlite3_free(vtab);
	return SQLITE_OK;
}

/* idxNum has a bit for each parameter that is given; their values come in their order. */
static int best_index(sqlite3_vtab *vtab, sqlite3_index_info *info)
{
	int of[N_PARAMETERS], n = 0;

	(void)vtab;
	memset(of, -1, sizeof(of));
	info->idxNum = 0;
	for (int i = 0; i < info->nConstraint; i++) {
		int column = info->aConstraint[i].iColumn - C_DIRECTION;

		if (column < 0 || info->aConstraint[i].op != SQLITE_INDEX_CONSTRAINT_EQ)
			continue;
		if (!info->aConstraint[i].usable)
			return SQLITE_CONSTRAINT;
		of[column] = i;
	}
	for (int i = 0; i < N_PARAMETERS; i++) {
		if (of[i] < 0)
			continue;
		info->aConstraintUsage[of[i]].argvIndex = ++n;
		info->aConstraintUsage[of[i]].omit = 1;
		info->idxNum |= 1 << i;
	}
	info->estimatedCost = 1e6;
	info->estimatedRows = SLICE_NODES;
	return SQLITE_OK;
}

static int open_cursor(sqlite3_vtab *vtab, sqlite3_vtab_cursor **ret)
{
	struct cursor *c = sqlite3_malloc(sizeof(*c));

	(void)vtab;
	if (!c)
		return SQLITE_NOMEM;
	*c = (struct cursor){ 0 };
	reel_timefmt_init(&c->time, (struct reel_tz){ REEL_TZ_UTC, 0 });
	*ret = &c->base;
	return SQLITE_OK;
}

static void forget(struct cursor *c)
{
	slice_done(&c->slice);
	for (int i = 0; i < N_PARAMETERS; i++) {
		sqlite3_value_free(c->given[i]);
		c->given[i] = NULL;
	}
	sqlite3_finalize(c->event);
	c->event = NULL;
	c->at = 0;
}

static int close_cursor(sqlite3_vtab_cursor *cursor)
{
	struct cursor *c = (struct cursor *)cursor;

	forget(c);
	sqlite3_free(c);
	return SQLITE_OK;
}

static sqlite3_value *given(const struct cursor *c, int column)
{
	sqlite3_value *v = c->given[column - C_DIRECTION];

	return v && sqlite3_value_type(v) != SQLITE_NULL ? v : NULL;
}

static const char *text_of(const struct cursor *c, int column)
{
	sqlite3_value *v = given(c, column);

	return v ? (const char *)sqlite3_value_text(v) : NULL;
}

static int number(const struct cursor *c, int column, const char *name, unsigned *ret,
		  struct reel_err *err)
{
	sqlite3_value *v = given(c, column);
	sqlite3_int64 n;

	if (!v)
		return 0;
	n = sqlite3_value_int64(v);
	if (sqlite3_value_numeric_type(v) != SQLITE_INTEGER || n < 0 || n > INT32_MAX)
		return reel_err_set(err, -EINVAL, "slice: %s is a number, not \"%s\"", name,
				    text_of(c, column));
	*ret = (unsigned)n;
	return 0;
}

static int moment(const struct cursor *c, struct slice_question *q, struct reel_err *err)
{
	sqlite3_value *v = given(c, C_AT);
	struct reel_when when;
	int result;

	if (!v)
		return 0;
	q->has_at = true;
	if (sqlite3_value_numeric_type(v) == SQLITE_INTEGER) {
		q->at_ns = sqlite3_value_int64(v);
		return 0;
	}
	result = reel_time_parse((const char *)sqlite3_value_text(v),
				 (uint64_t)time(NULL) * 1000000000, &when, err);
	if (result)
		return result;
	if (when.kind != REEL_WHEN_REALTIME)
		return reel_err_set(err, -EINVAL,
				    "slice: at is wall time, in ns or as ISO 8601 with a zone");
	q->at_ns = (int64_t)when.ns;
	return 0;
}

static int read_question(const struct cursor *c, struct slice_question *q, struct reel_err *err)
{
	const char *direction = text_of(c, C_DIRECTION);
	unsigned unwritten = 0;
	int result;

	*q = (struct slice_question){ .steps = SLICE_STEPS,
				      .nodes = SLICE_NODES,
				      .width = SLICE_WIDTH };
	q->kind = text_of(c, C_KIND);
	q->value = given(c, C_VALUE);
	if (!direction || !q->kind || !q->value)
		return reel_err_set(err, -EINVAL,
				    "slice: needs a direction, what it starts at and its value: "
				    "slice('forward', 'path', '/tmp/x')");
	q->is_backward = strcmp(direction, "backward") == 0;
	if (!q->is_backward && strcmp(direction, "forward") != 0)
		return reel_err_set(err, -EINVAL,
				    "slice: a direction is forward or backward, not \"%s\"",
				    direction);
	result = moment(c, q, err);
	if (!result)
		result = number(c, C_STEPS, "steps", &q->steps, err);
	if (!result)
		result = number(c, C_NODES, "nodes", &q->nodes, err);
	if (!result)
		result = number(c, C_WIDTH, "width", &q->width, err);
	if (!result)
		result = number(c, C_UNWRITTEN, "unwritten", &unwritten, err);
	q->with_unwritten = unwritten;
	return result;
}

static int filter(sqlite3_vtab_cursor *cursor, int number_of_index, const char *name, int argc,
		  sqlite3_value **argv)
{
	struct cursor *c = (struct cursor *)cursor;
	struct table *t = (struct table *)cursor->pVtab;
	struct slice_question q;
	struct reel_err err = { 0 };
	int n = 0, result;

	(void)name;
	forget(c);
	for (int i = 0; i < N_PARAMETERS && n < argc; i++) {
		if (!(number_of_index & 1 << i))
			continue;
		c->given[i] = sqlite3_value_dup(argv[n++]);
		if (!c->given[i])
			return SQLITE_NOMEM;
	}
	result = read_question(c, &q, &err);
	if (!result)
		result = slice_ask(t->db, &q, &c->slice, &err);
	if (!result)
		return SQLITE_OK;
	if (result == -ENOMEM)
		return SQLITE_NOMEM;
	if (result == -EINTR)
		return SQLITE_INTERRUPT;
	sqlite3_free(t->base.zErrMsg);
	t->base.zErrMsg = sqlite3_mprintf("%s", err.msg);
	return SQLITE_ERROR;
}

static int next_row(sqlite3_vtab_cursor *cursor)
{
	((struct cursor *)cursor)->at++;
	return SQLITE_OK;
}

static int is_end(sqlite3_vtab_cursor *cursor)
{
	const struct cursor *c = (const struct cursor *)cursor;

	return c->at >= c->slice.n_rows;
}

static void put_kinds(sqlite3_context *context, uint32_t kinds)
{
	char text[128];
	size_t n = 0;

	if (!kinds)
		return;
	for (unsigned i = 0; slice_kinds[i]; i++) {
		if (!(kinds & 1u << i))
			continue;
		if (n)
			text[n++] = ' ';
		memcpy(text + n, slice_kinds[i], strlen(slice_kinds[i]));
		n += strlen(slice_kinds[i]);
	}
	sqlite3_result_text(context, text, (int)n, SQLITE_TRANSIENT);
}

static void put_time(sqlite3_context *context, struct cursor *c, int64_t ns)
{
	char text[REEL_TIME_TEXT];

	if (ns < 0)
		return;
	sqlite3_result_text(context, text, (int)reel_time_format(&c->time, (uint64_t)ns, text),
			    SQLITE_TRANSIENT);
}

static int put_event(sqlite3_context *context, struct cursor *c, int64_t edge)
{
	struct table *t = (struct table *)c->base.pVtab;
	int result = SQLITE_OK;

	if (!edge)
		return SQLITE_OK;
	if (!c->event)
		result = sqlite3_prepare_v2(t->db, "SELECT event FROM edge WHERE id = ?1", -1,
					    &c->event, NULL);
	if (result != SQLITE_OK)
		return result;
	sqlite3_bind_int64(c->event, 1, edge);
	if (sqlite3_step(c->event) == SQLITE_ROW)
		sqlite3_result_value(context, sqlite3_column_value(c->event, 0));
	return sqlite3_reset(c->event);
}

static int column(sqlite3_vtab_cursor *cursor, sqlite3_context *context, int n)
{
	static const char *const nodes[] = { [SLICE_PROCESS] = "process",
					     [SLICE_FILE] = "file",
					     [SLICE_CONNECTION] = "connection" };
	struct cursor *c = (struct cursor *)cursor;
	const struct slice_row *r = &c->slice.rows[c->at];

	switch (n) {
	case C_DEPTH:
		sqlite3_result_int64(context, r->depth);
		break;
	case C_LABEL:
		sqlite3_result_text(context, r->label, -1, SQLITE_TRANSIENT);
		break;
	case C_EDGE:
		put_kinds(context, r->kinds);
		break;
	case C_COUNT:
		if (r->kinds)
			sqlite3_result_int64(context, r->count);
		break;
	case C_BYTES:
		if (r->bytes >= 0)
			sqlite3_result_int64(context, r->bytes);
		break;
	case C_FIRST:
		put_time(context, c, r->from_ns);
		break;
	case C_LAST:
		put_time(context, c, r->to_ns);
		break;
	case C_NOTE:
		sqlite3_result_text(context, r->note, -1, SQLITE_TRANSIENT);
		break;
	case C_NODE:
		sqlite3_result_text(context, nodes[r->type], -1, SQLITE_STATIC);
		break;
	case C_NODE_ID:
		sqlite3_result_int64(context, r->id);
		break;
	case C_EVENT:
		return put_event(context, c, r->edge);
	default:
		if (c->given[n - C_DIRECTION])
			sqlite3_result_value(context, c->given[n - C_DIRECTION]);
		break;
	}
	return SQLITE_OK;
}

static int row_id(sqlite3_vtab_cursor *cursor, sqlite3_int64 *ret)
{
	*ret = ((struct cursor *)cursor)->at;
	return SQLITE_OK;
}

static const sqlite3_module module = {
	.xConnect = connect_table,
	.xBestIndex = best_index,
	.xDisconnect = disconnect_table,
	.xDestroy = disconnect_table,
	.xOpen = open_cursor,
	.xClose = close_cursor,
	.xFilter = filter,
	.xNext = next_row,
	.xEof = is_end,
	.xColumn = column,
	.xRowid = row_id,
};

int slice_register(sqlite3 *db)
{
	return sqlite3_create_module(db, "slice", &module, NULL);
}
