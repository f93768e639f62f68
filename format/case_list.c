/* SPDX-License-Identifier: BSD-2-Clause */
/* The tables of a case, as they are shown. */
#include <string.h>

#include "format/case.h"
#include "format/out.h"

enum { NAME_COLUMNS = 22, TYPE_COLUMNS = 9 };

static const char *short_type(const struct case_column *c)
{
	return c->kind == CASE_KEY ? "key" : case_column_type(c);
}

static void put_padded(struct reel_out *o, const char *text, size_t columns)
{
	out_str(o, text);
	for (size_t n = strlen(text); n < columns; n++)
		out_char(o, ' ');
	out_char(o, ' ');
}

/* What it refers to goes before what it says; some of them say enough by that. */
static void put_doc(struct reel_out *o, const struct case_column *c)
{
	char table[64];

	if (case_column_refers(c, table, sizeof(table))) {
		out_str(o, "a row of ");
		out_str(o, table);
		out_str(o, c->doc[0] ? ": " : "");
	}
	out_str(o, c->doc);
}

/* Text ----------------------------------------------------------------------------------------- */

static void put_table_text(struct reel_out *o, const struct case_table *t)
{
	out_str(o, t->name);
	out_str(o, ": ");
	out_str(o, t->doc);
	out_char(o, '\n');
	for (unsigned i = 0; i < t->n_columns; i++) {
		const struct case_column *c = &t->columns[i];

		out_str(o, "    ");
		put_padded(o, c->name, NAME_COLUMNS);
		put_padded(o, short_type(c), TYPE_COLUMNS);
		put_doc(o, c);
		while (o->buf[o->len - 1] == ' ')
			o->len--;
		out_char(o, '\n');
	}
	out_char(o, '\n');
}

void case_list_text(struct reel_out *o)
{
	for (const struct case_table *t = case_tables; t->name; t++)
		put_table_text(o, t);
	out_str(o, "Views:\n");
	for (const struct case_view *v = case_views; v->name; v++) {
		out_str(o, "    ");
		put_padded(o, v->name, NAME_COLUMNS);
		out_str(o, v->doc);
		out_char(o, '\n');
	}
	out_str(o, "    ");
	put_padded(o, "TABLE_iso", NAME_COLUMNS);
	out_str(o, "each table that has times, with these as text\n");
}

/* JSON ----------------------------------------------------------------------------------------- */

static void put_string(struct reel_out *o, const char *key, const char *value)
{
	out_str(o, key);
	(void)out_json_string(o, value, strlen(value));
}

static void put_column_json(struct reel_out *o, const struct case_column *c)
{
	char table[64];

	put_string(o, "{\"name\":", c->name);
	put_string(o, ",\"type\":", c->kind == CASE_KEY ? "INTEGER" : case_column_type(c));
	out_str(o, ",\"key\":");
	out_str(o, c->kind == CASE_KEY ? "true" : "false");
	out_str(o, ",\"null\":");
	out_str(o, c->kind == CASE_KEY || strstr(c->constraint, "NOT NULL") ? "false" : "true");
	out_str(o, ",\"references\":");
	if (case_column_refers(c, table, sizeof(table)))
		(void)out_json_string(o, table, strlen(table));
	else
		out_str(o, "null");
	put_string(o, ",\"doc\":", c->doc);
	out_char(o, '}');
}

void case_list_json(struct reel_out *o)
{
	for (const struct case_table *t = case_tables; t->name; t++) {
		put_string(o, "{\"table\":", t->name);
		put_string(o, ",\"doc\":", t->doc);
		out_str(o, ",\"iso\":");
		out_str(o, case_has_iso(t) ? "true" : "false");
		out_str(o, ",\"columns\":");
		for (unsigned i = 0; i < t->n_columns; i++) {
			out_char(o, i ? ',' : '[');
			put_column_json(o, &t->columns[i]);
		}
		out_str(o, "]}\n");
	}
	for (const struct case_view *v = case_views; v->name; v++) {
		put_string(o, "{\"view\":", v->name);
		put_string(o, ",\"doc\":", v->doc);
		put_string(o, ",\"sql\":", v->sql);
		out_str(o, "}\n");
	}
}

/* Markdown ------------------------------------------------------------------------------------- */

static void put_table_markdown(struct reel_out *o, const struct case_table *t)
{
	out_str(o, "### ");
	out_str(o, t->name);
	out_str(o, "\n\n");
	out_str(o, t->doc);
	out_str(o, t->constraint[0] ? "; `" : "");
	out_str(o, t->constraint);
	out_str(o, t->constraint[0] ? "`" : "");
	out_str(o, ".\n\n| Column | Type | |\n| --- | --- | --- |\n");
	for (unsigned i = 0; i < t->n_columns; i++) {
		const struct case_column *c = &t->columns[i];

		out_str(o, "| `");
		out_str(o, c->name);
		out_str(o, "` | ");
		out_str(o, short_type(c));
		if (c->kind != CASE_KEY && !strstr(c->constraint, "NOT NULL"))
			out_str(o, ", NULL");
		out_str(o, " | ");
		put_doc(o, c);
		out_str(o, c->doc[0] || strstr(c->constraint, "REFERENCES") ? " |\n" : "|\n");
	}
	out_char(o, '\n');
}

void case_list_markdown(struct reel_out *o)
{
	out_str(o, "## Tables\n\n");
	for (const struct case_table *t = case_tables; t->name; t++)
		put_table_markdown(o, t);
	out_str(o, "## Views\n\n| View | |\n| --- | --- |\n");
	for (const struct case_view *v = case_views; v->name; v++) {
		out_str(o, "| `");
		out_str(o, v->name);
		out_str(o, "` | ");
		out_str(o, v->doc);
		out_str(o, " |\n");
	}
	out_str(o, "| `TABLE_iso` | each table that has times, with these as text |\n");
}
