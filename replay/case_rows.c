/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay/case_rows.h"

#include <stdlib.h>
#include <string.h>

#include "replay/case_feed.h"

enum { ROWS_MAX = 64, TEXT_BYTES = 32 << 10 };

struct case_rows {
	sqlite3 *db;
	const struct case_table *table;
	const struct case_column *columns;
	struct case_feed feed;
	uint64_t never_null; /* bit i: column i, a number of the captures */
	unsigned n, room;
	const char *at; /* the row that SQLite takes */
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

int case_rows_write(struct case_rows *r)
{
	return r->n ? sqlite3_step(r->feed.insert) : SQLITE_DONE;
}

void case_rows_clear(struct case_rows *r)
{
	sqlite3_reset(r->feed.insert);
	r->n = 0;
	r->n_text = 0;
}

/* Feeding -------------------------------------------------------------------------------------- */

static int first(void *context)
{
	struct case_rows *r = context;

	r->at = r->rows;
	return r->n > 0;
}

static int next(void *context)
{
	struct case_rows *r = context;

	r->at += r->table->row_bytes;
	return r->at < r->rows + (size_t)r->n * r->table->row_bytes;
}

static void put_text(sqlite3_context *to, const struct case_text *text, bool is_surely)
{
	if (text->bytes && is_surely)
		sqlite3_result_text64(to, text->bytes, text->length, SQLITE_STATIC, SQLITE_UTF8);
	else if (text->bytes)
		case_feed_bytes(to, text->bytes, text->length);
}

/* A number that nobody may leave out can be any, also the one that else stands for NULL. */
static void value(void *context, int i, sqlite3_context *to)
{
	const struct case_rows *r = context;
	const struct case_column *column = &r->columns[i];
	const char *at = r->at + column->offset;
	int64_t number;
	double real;

	switch ((enum case_kind)column->kind) {
	case CASE_KEY:
	case CASE_NUM:
		memcpy(&number, at, sizeof(number));
		if (number != CASE_NONE || (r->never_null >> i & 1))
			sqlite3_result_int64(to, number);
		break;
	case CASE_REAL:
		memcpy(&real, at, sizeof(real));
		sqlite3_result_double(to, real);
		break;
	case CASE_TEXT:
	case CASE_BYTES:
		put_text(to, (const void *)at, column->kind == CASE_TEXT);
		break;
	}
}

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

int case_rows_new(sqlite3 *db, enum case_table_id table, bool is_many, struct case_rows **ret)
{
	struct case_rows *r = calloc(1, sizeof(*r));

	*ret = r;
	if (!r)
		return SQLITE_NOMEM;
	r->db = db;
	r->table = &case_tables[table];
	r->columns = r->table->columns;
	r->feed = (struct case_feed){
		r->table->name, r->table->n_columns, r, first, next, value, NULL
	};
	r->never_null = never_null(r->table);
	r->room = is_many ? ROWS_MAX : 1;
	r->text_room = is_many ? TEXT_BYTES : 0;
	r->rows = malloc((size_t)r->room * r->table->row_bytes);
	r->text = malloc(r->text_room + 1);
	return r->rows && r->text ? case_feed_begin(db, &r->feed) : SQLITE_NOMEM;
}

void case_rows_free(struct case_rows *r)
{
	if (!r)
		return;
	case_feed_end(r->db, &r->feed);
	free(r->rows);
	free(r->text);
	free(r);
}
