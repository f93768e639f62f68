/* SPDX-License-Identifier: BSD-2-Clause */
#include "query/suggest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/options.h"
#include "query/script.h"

enum { NAME_BYTES = 128 };

static const char tables_sql[] = "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')"
				 " UNION SELECT name FROM pragma_module_list"
				 " WHERE name NOT GLOB 'pragma_*'";
static const char functions_sql[] = "SELECT DISTINCT name FROM pragma_function_list";
static const char columns_sql[] = "SELECT name FROM pragma_table_xinfo(?)";

struct offer {
	sqlite3 *db;
	struct reel_nearest near;
	char best[NAME_BYTES];
};

/* The nearest keeps a pointer; the names do not stay. */
static void offer_name(struct offer *o, const char *name)
{
	struct reel_nearest before = o->near;

	reel_nearest_offer(&o->near, name);
	if (o->near.best == before.best)
		return;
	snprintf(o->best, sizeof(o->best), "%s", name);
	o->near.best = o->best;
}

static void offer_all(struct offer *o, const char *sql, const char *table)
{
	sqlite3_stmt *s = NULL;

	if (sqlite3_prepare_v2(o->db, sql, -1, &s, NULL) == SQLITE_OK) {
		if (table)
			sqlite3_bind_text(s, 1, table, -1, SQLITE_STATIC);
		while (sqlite3_step(s) == SQLITE_ROW)
			offer_name(o, (const char *)sqlite3_column_text(s, 0));
	}
	sqlite3_finalize(s);
}

static bool offer_columns(void *context, const char *word)
{
	struct offer *o = context;

	offer_all(o, columns_sql, word);
	return true;
}

/* The last part of a name that may have a table or database before it. */
static const char *last_part(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot ? dot + 1 : name;
}

const char *suggest_missing_table(const char *message)
{
	static const char head[] = "no such table: ";
	const char *found = strstr(message, head);

	return found ? last_part(found + sizeof(head) - 1) : NULL;
}

void suggest_for(sqlite3 *db, const char *sql, const char *message, char ret[SUGGEST_BYTES])
{
	static const char no_column[] = "no such column: ", no_function[] = "no such function: ";
	const char *table = suggest_missing_table(message);
	struct offer o = { .db = db };
	const char *found;

	*ret = '\0';
	if (table) {
		o.near.word = table;
		offer_all(&o, tables_sql, NULL);
	} else if ((found = strstr(message, no_column))) {
		o.near.word = last_part(found + sizeof(no_column) - 1);
		script_words(sql, offer_columns, &o);
	} else if ((found = strstr(message, no_function))) {
		o.near.word = found + sizeof(no_function) - 1;
		offer_all(&o, functions_sql, NULL);
	}
	if (o.near.best && strcmp(o.near.best, o.near.word) != 0)
		snprintf(ret, SUGGEST_BYTES, ", did you mean '%s'?", o.best);
}
