/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay/case_feed.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "format/out.h"

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

void case_feed_bytes(sqlite3_context *to, const void *bytes, size_t length)
{
	if (is_text(bytes, length))
		sqlite3_result_text64(to, bytes, length, SQLITE_STATIC, SQLITE_UTF8);
	else
		sqlite3_result_blob64(to, bytes, length, SQLITE_STATIC);
}

/* The virtual table ---------------------------------------------------------------------------- */

struct table {
	sqlite3_vtab base;
	const struct case_feed *feed;
};

struct cursor {
	sqlite3_vtab_cursor base;
	const struct case_feed *feed;
	sqlite3_int64 row;
	bool is_over;
};

static int table_connect(sqlite3 *db, void *client, int argc, const char *const *argv,
			 sqlite3_vtab **ret, char **ret_error)
{
	const struct case_feed *f = client;
	struct table *t = sqlite3_malloc(sizeof(*t));
	struct reel_out sql;
	int code = SQLITE_NOMEM;

	(void)argc;
	(void)argv;
	(void)ret_error;
	if (t && out_init_mem(&sql) == 0) {
		for (unsigned i = 0; i < f->n_columns; i++) {
			out_str(&sql, i ? ", c" : "CREATE TABLE x (c");
			out_u64(&sql, i);
		}
		out_mem(&sql, ")", 2);
		if (out_error(&sql) == 0)
			code = sqlite3_declare_vtab(db, sql.buf);
		if (code == SQLITE_OK)
			code = sqlite3_vtab_config(db, SQLITE_VTAB_DIRECTONLY);
		out_done(&sql);
	}
	if (code != SQLITE_OK) {
		sqlite3_free(t);
		return code;
	}
	*t = (struct table){ .feed = f };
	*ret = &t->base;
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
	*c = (struct cursor){ .feed = ((const struct table *)base)->feed };
	*ret = &c->base;
	return SQLITE_OK;
}

static int table_close(sqlite3_vtab_cursor *base)
{
	sqlite3_free(base);
	return SQLITE_OK;
}

static int moved(struct cursor *c, int result)
{
	c->row++;
	c->is_over = result <= 0;
	return result < 0 ? SQLITE_ERROR : SQLITE_OK;
}

static int table_filter(sqlite3_vtab_cursor *base, int plan, const char *text, int argc,
			sqlite3_value **argv)
{
	struct cursor *c = (struct cursor *)base;

	(void)plan;
	(void)text;
	(void)argc;
	(void)argv;
	return moved(c, c->feed->first(c->feed->context));
}

static int table_next(sqlite3_vtab_cursor *base)
{
	struct cursor *c = (struct cursor *)base;

	return moved(c, c->feed->next(c->feed->context));
}

static int table_eof(sqlite3_vtab_cursor *base)
{
	return ((const struct cursor *)base)->is_over;
}

static int table_column(sqlite3_vtab_cursor *base, sqlite3_context *to, int i)
{
	const struct case_feed *f = ((const struct cursor *)base)->feed;

	f->value(f->context, i, to);
	return SQLITE_OK;
}

static int table_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *ret)
{
	*ret = ((const struct cursor *)base)->row;
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

/* Statements ----------------------------------------------------------------------------------- */

static void put_name(const struct case_feed *f, char ret[64])
{
	snprintf(ret, 64, "rows_of_%s", f->table);
}

/*
 * FAIL: rows before one that cannot be written stay, which nobody will commit; to be able to take
 * them back SQLite would keep each page as it was. The parentheses: a table of that name in a case
 * that was there is not meant.
 */
int case_feed_begin(sqlite3 *db, struct case_feed *f)
{
	char name[64], sql[256];
	int code;

	put_name(f, name);
	snprintf(sql, sizeof(sql), "INSERT OR FAIL INTO main.%s SELECT * FROM %s()", f->table,
		 name);
	code = sqlite3_create_module(db, name, &module, f);
	if (code != SQLITE_OK)
		return code;
	return sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &f->insert, NULL);
}

void case_feed_end(sqlite3 *db, struct case_feed *f)
{
	char name[64];

	put_name(f, name);
	sqlite3_finalize(f->insert);
	f->insert = NULL;
	(void)sqlite3_create_module(db, name, NULL, NULL);
}
