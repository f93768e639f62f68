/* SPDX-License-Identifier: BSD-2-Clause */
#include "format/case.h"

#include <stdbool.h>
#include <string.h>

#include "format/out.h"

#define CASE_KIND_key CASE_KEY
#define CASE_KIND_num CASE_NUM
#define CASE_KIND_text CASE_TEXT
#define CASE_KIND_bytes CASE_BYTES
#define CASE_KIND_real CASE_REAL

#define COLUMN(R, kind, name, constraint, doc) \
	{ #name, constraint, doc, offsetof(struct row_##R, name), CASE_KIND_##kind },
#define T(name, constraint, doc) \
	static const struct case_column columns_##name[] = { COLUMNS_##name(COLUMN, name) };
CASE_TABLES(T)
#undef T

#define T(name, constraint, doc)                              \
	{ #name,                                              \
	  constraint,                                         \
	  doc,                                                \
	  columns_##name,                                     \
	  sizeof(columns_##name) / sizeof(columns_##name[0]), \
	  sizeof(struct row_##name) },
const struct case_table case_tables[] = { CASE_TABLES(T){ 0 } };
#undef T

#define X(table, columns) { #table, columns },
const struct case_index case_indexes[] = { CASE_INDEXES(X){ 0 } };
#undef X

const struct case_table *case_table_by_name(const char *name)
{
	for (const struct case_table *t = case_tables; t->name; t++)
		if (strcmp(t->name, name) == 0)
			return t;
	return NULL;
}

void case_clear(enum case_table_id table, void *row)
{
	const struct case_table *t = &case_tables[table];

	memset(row, 0, t->row_bytes);
	for (unsigned i = 0; i < t->n_columns; i++) {
		const struct case_column *c = &t->columns[i];
		const int64_t none = CASE_NONE;

		if (c->kind == CASE_KEY || c->kind == CASE_NUM)
			memcpy((char *)row + c->offset, &none, sizeof(none));
	}
}

bool case_column_refers(const struct case_column *c, char *ret, size_t size)
{
	static const char word[] = "REFERENCES ";
	const char *at = strstr(c->constraint, word);
	size_t n;

	if (!at)
		return false;
	at += sizeof(word) - 1;
	n = strcspn(at, " ");
	if (n >= size)
		return false;
	memcpy(ret, at, n);
	ret[n] = '\0';
	return true;
}

/* Statements ----------------------------------------------------------------------------------- */

const char *case_column_type(const struct case_column *c)
{
	static const char *const names[] = {
		[CASE_KEY] = "INTEGER PRIMARY KEY",
		[CASE_NUM] = "INTEGER",
		[CASE_TEXT] = "TEXT",
		[CASE_BYTES] = "ANY",
		[CASE_REAL] = "REAL",
	};

	return names[c->kind];
}

void case_put_tables(struct reel_out *o)
{
	for (const struct case_table *t = case_tables; t->name; t++) {
		out_str(o, "CREATE TABLE ");
		out_str(o, t->name);
		out_str(o, " (");
		for (unsigned i = 0; i < t->n_columns; i++) {
			const struct case_column *c = &t->columns[i];

			out_str(o, i ? ", " : "");
			out_str(o, c->name);
			out_char(o, ' ');
			out_str(o, case_column_type(c));
			out_str(o, c->constraint[0] ? " " : "");
			out_str(o, c->constraint);
		}
		out_str(o, t->constraint[0] ? ", " : "");
		out_str(o, t->constraint);
		out_str(o, ") STRICT;\n");
	}
}

static void put_index_name(struct reel_out *o, const struct case_index *x)
{
	out_str(o, x->table);
	out_str(o, "_by_");
	for (const char *p = x->columns; *p; p++)
		if (*p != ' ')
			out_char(o, *p == ',' ? '_' : *p);
}

/* Whether most rows have nothing there. They are left out of the index: it is smaller, and SQLite
 * does not take how often NULL comes for how often a value does. */
static bool is_sparse(const struct case_index *x)
{
	const struct case_table *t = case_table_by_name(x->table);
	size_t n = strcspn(x->columns, ",");

	for (unsigned i = 0; t && i < t->n_columns; i++) {
		const struct case_column *c = &t->columns[i];

		if (strlen(c->name) == n && memcmp(c->name, x->columns, n) == 0)
			return strncmp(c->constraint, "REFERENCES", 10) == 0;
	}
	return false;
}

void case_put_indexes(struct reel_out *o)
{
	for (const struct case_index *x = case_indexes; x->table; x++) {
		out_str(o, "CREATE INDEX IF NOT EXISTS ");
		put_index_name(o, x);
		out_str(o, " ON ");
		out_str(o, x->table);
		out_str(o, " (");
		out_str(o, x->columns);
		out_char(o, ')');
		if (is_sparse(x)) {
			out_str(o, " WHERE ");
			out_mem(o, x->columns, strcspn(x->columns, ","));
			out_str(o, " IS NOT NULL");
		}
		out_str(o, ";\n");
	}
}

static bool is_time(const struct case_column *c)
{
	size_t n = strlen(c->name);

	return n > 2 && strcmp(c->name + n - 2, "ns") == 0 && (n == 2 || c->name[n - 3] == '_');
}

bool case_has_iso(const struct case_table *t)
{
	for (unsigned i = 0; i < t->n_columns; i++)
		if (is_time(&t->columns[i]))
			return true;
	return false;
}

static void put_iso(struct reel_out *o, const char *column)
{
	out_str(o, "strftime('%Y-%m-%dT%H:%M:%S', ");
	out_str(o, column);
	out_str(o, " / 1000000000, 'unixepoch') || printf('.%09dZ', ");
	out_str(o, column);
	out_str(o, " % 1000000000) AS ");
	out_mem(o, column, strlen(column) - 2);
	out_str(o, "time");
}

static void put_iso_view(struct reel_out *o, const struct case_table *t)
{
	out_str(o, "CREATE VIEW ");
	out_str(o, t->name);
	out_str(o, "_iso AS SELECT ");
	for (unsigned i = 0; i < t->n_columns; i++) {
		const struct case_column *c = &t->columns[i];

		out_str(o, i ? ", " : "");
		if (is_time(c))
			put_iso(o, c->name);
		else
			out_str(o, c->name);
	}
	out_str(o, " FROM ");
	out_str(o, t->name);
	out_str(o, ";\n");
}

void case_put_views(struct reel_out *o)
{
	for (const struct case_table *t = case_tables; t->name; t++)
		if (case_has_iso(t))
			put_iso_view(o, t);
	for (const struct case_view *v = case_views; v->name; v++) {
		out_str(o, "CREATE VIEW ");
		out_str(o, v->name);
		out_str(o, " AS ");
		out_str(o, v->sql);
		out_str(o, ";\n");
	}
}
