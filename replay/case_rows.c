/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay/case_rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/out.h"

enum { ROWS_MAX = 64, TEXT_BYTES = 32 << 10 };

struct case_rows {
	const struct case_table *table;
	uint64_t never_null; /* bit i: column i, a number of the captures */
	unsigned n, room;
	size_t n_text, text_room;
	char *rows, *text;
};

static bool has_text(const struct case_column *c)
{
	return c->kind == CASE_TEXT || c->kind == CASE_BYTES;
}

void *case_rows_lend(struct case_rows *r, const void *row)
{
	const size_t n = r->table->row_bytes;

	return r->n < r->room ? memcpy(r->rows + n * r->n++, row, n) : NULL;
}

void *case_rows_add(struct case_rows *r, const void *row)
{
	const struct case_table *t = r->table;
	size_t n_text = r->n_text;
	char *copy = case_rows_lend(r, row);

	for (unsigned i = 0; copy && i < t->n_columns; i++) {
		struct case_text text;

		if (!has_text(&t->columns[i]))
			continue;
		memcpy(&text, copy + t->columns[i].offset, sizeof(text));
		if (!text.bytes)
			continue;
		if (text.length > r->text_room - n_text) {
			r->n--;
			return NULL;
		}
		text.bytes = memcpy(r->text + n_text, text.bytes, text.length);
		n_text += text.length;
		memcpy(copy + t->columns[i].offset, &text, sizeof(text));
	}
	r->n_text = n_text;
	return copy;
}

bool case_rows_wait(const struct case_rows *r)
{
	return r->n;
}

void case_rows_clear(struct case_rows *r)
{
	r->n = 0;
	r->n_text = 0;
}

/* The virtual table ---------------------------------------------------------------------------- */

struct waiting {
	sqlite3_vtab base;
	const struct case_rows *rows;
};

struct cursor {
	sqlite3_vtab_cursor base;
	const struct case_rows *rows;
	unsigned i;
};

static int table_connect(sqlite3 *db, void *client, int argc, const char *const *argv,
			 sqlite3_vtab **ret, char **ret_error)
{
	const struct case_rows *r = client;
	struct waiting *w = sqlite3_malloc(sizeof(*w));
	struct reel_out sql;
	int code = w && out_init_mem(&sql) == 0 ? SQLITE_OK : SQLITE_NOMEM;

	(void)argc;
	(void)argv;
	(void)ret_error;
	if (code == SQLITE_OK) {
		out_str(&sql, "CREATE TABLE x (");
		for (unsigned i = 0; i < r->table->n_columns; i++) {
			out_str(&sql, i ? ", " : "");
			out_str(&sql, r->table->columns[i].name);
		}
		out_str(&sql, ")");
		out_char(&sql, '\0');
		code = out_error(&sql) < 0 ? SQLITE_NOMEM : sqlite3_declare_vtab(db, sql.buf);
		out_done(&sql);
	}
	if (code != SQLITE_OK) {
		sqlite3_free(w);
		return code;
	}
	*w = (struct waiting){ .rows = r };
	*ret = &w->base;
	return SQLITE_OK;
}

static int table_disconnect(sqlite3_vtab *base)
{
	sqlite3_free(base);
	return SQLITE_OK;
}

static int table_best_index(sqlite3_vtab *base, sqlite3_index_info *info)
{
	(void)base;
	(void)info;
	return SQLITE_OK;
}

static int table_open(sqlite3_vtab *base, sqlite3_vtab_cursor **ret)
{
	struct cursor *c = sqlite3_malloc(sizeof(*c));

	if (!c)
		return SQLITE_NOMEM;
	*c = (struct cursor){ .rows = ((const struct waiting *)base)->rows };
	*ret = &c->base;
	return SQLITE_OK;
}

static int table_close(sqlite3_vtab_cursor *base)
{
	sqlite3_free(base);
	return SQLITE_OK;
}

static int table_filter(sqlite3_vtab_cursor *base, int plan, const char *text, int argc,
			sqlite3_value **argv)
{
	(void)plan;
	(void)text;
	(void)argc;
	(void)argv;
	((struct cursor *)base)->i = 0;
	return SQLITE_OK;
}

static int table_next(sqlite3_vtab_cursor *base)
{
	((struct cursor *)base)->i++;
	return SQLITE_OK;
}

static int table_eof(sqlite3_vtab_cursor *base)
{
	const struct cursor *c = (const struct cursor *)base;

	return c->i == c->rows->n;
}

static bool is_text(const uint8_t *p, size_t length)
{
	const uint8_t *end = p + length;

	while (p < end) {
		uint32_t character;
		size_t invalid, n;
		uint64_t eight;

		/* Eight characters of ASCII, none of them NUL. */
		if (end - p >= 8) {
			memcpy(&eight, p, 8);
			if (!((eight | (eight - 0x0101010101010101)) & 0x8080808080808080)) {
				p += 8;
				continue;
			}
		}
		if (*p < 0x80) {
			if (!*p++)
				return false;
			continue;
		}
		n = out_utf8_next(p, (size_t)(end - p), &character, &invalid);
		if (!n)
			return false;
		p += n;
	}
	return true;
}

/* A number that nobody may leave out can be any, also the one that else stands for NULL. */
static int table_column(sqlite3_vtab_cursor *base, sqlite3_context *context, int i)
{
	const struct cursor *c = (const struct cursor *)base;
	const struct case_rows *r = c->rows;
	const struct case_column *column = &r->table->columns[i];
	const char *at = r->rows + (size_t)c->i * r->table->row_bytes + column->offset;
	struct case_text text;
	int64_t number;
	double real;

	switch ((enum case_kind)column->kind) {
	case CASE_KEY:
	case CASE_NUM:
		memcpy(&number, at, sizeof(number));
		if (number != CASE_NONE || (r->never_null >> i & 1))
			sqlite3_result_int64(context, number);
		return SQLITE_OK;
	case CASE_REAL:
		memcpy(&real, at, sizeof(real));
		sqlite3_result_double(context, real);
		return SQLITE_OK;
	case CASE_TEXT:
	case CASE_BYTES:
		memcpy(&text, at, sizeof(text));
		if (!text.bytes)
			return SQLITE_OK;
		if (column->kind == CASE_TEXT || is_text(text.bytes, text.length))
			sqlite3_result_text64(context, text.bytes, text.length, SQLITE_STATIC,
					      SQLITE_UTF8);
		else
			sqlite3_result_blob64(context, text.bytes, text.length, SQLITE_STATIC);
		return SQLITE_OK;
	}
	return SQLITE_MISUSE;
}

static int table_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *ret)
{
	*ret = ((const struct cursor *)base)->i;
	return SQLITE_OK;
}

/* Without xCreate it is there under its name, and in no schema. */
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

/* Making --------------------------------------------------------------------------------------- */

static uint64_t never_null(const struct case_table *t)
{
	uint64_t columns = 0;

	for (unsigned i = 0; i < t->n_columns && i < 64; i++) {
		const struct case_column *c = &t->columns[i];

		if (c->kind == CASE_NUM && strstr(c->constraint, "NOT NULL") &&
		    !strstr(c->constraint, "REFERENCES"))
			columns |= 1ull << i;
	}
	return columns;
}

/*
 * FAIL: rows before one that cannot be written would stay, which nobody will commit; to be able to
 * take them back SQLite would keep each page as it was. The parentheses: a table of that name in a
 * case that was there is not meant.
 */
static int prepare(sqlite3 *db, struct case_rows *r, sqlite3_stmt **ret_insert)
{
	const char *table = r->table->name;
	char name[64], sql[256];
	int code;

	snprintf(name, sizeof(name), "waiting_%s", table);
	code = sqlite3_create_module(db, name, &module, r);
	if (code != SQLITE_OK)
		return code;
	snprintf(sql, sizeof(sql), "INSERT OR FAIL INTO main.%s SELECT * FROM %s()", table, name);
	return sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, ret_insert, NULL);
}

int case_rows_new(sqlite3 *db, enum case_table_id table, bool is_many, struct case_rows **ret,
		  sqlite3_stmt **ret_insert)
{
	struct case_rows *r = calloc(1, sizeof(*r));

	*ret = r;
	if (!r)
		return SQLITE_NOMEM;
	r->table = &case_tables[table];
	r->never_null = never_null(r->table);
	r->room = is_many ? ROWS_MAX : 1;
	r->text_room = is_many ? TEXT_BYTES : 0;
	r->rows = malloc((size_t)r->room * r->table->row_bytes);
	r->text = malloc(r->text_room + 1);
	return r->rows && r->text ? prepare(db, r, ret_insert) : SQLITE_NOMEM;
}

void case_rows_free(struct case_rows *r)
{
	if (!r)
		return;
	free(r->rows);
	free(r->text);
	free(r);
}
