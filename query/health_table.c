/* SPDX-License-Identifier: BSD-2-Clause */
#include "query/health_table.h"

#include <stdlib.h>
#include <string.h>

/* What is counted, in the order of its rows; the damages follow one by one. */
struct trouble {
	const char *what;
	uint64_t (*count)(const struct reel_health *h);
	const char *detail;
};

static uint64_t lost(const struct reel_health *h)
{
	return h->lost;
}

static uint64_t missing_blocks(const struct reel_health *h)
{
	return h->missing_blocks;
}

static uint64_t torn_bytes(const struct reel_health *h)
{
	return h->torn_bytes;
}

static uint64_t unclean_segments(const struct reel_health *h)
{
	return h->unclean_segments;
}

static uint64_t disordered(const struct reel_health *h)
{
	return h->disordered;
}

static uint64_t unlisted(const struct reel_health *h)
{
	return h->n_damages > REEL_DAMAGES_MAX ? h->n_damages - REEL_DAMAGES_MAX : 0;
}

static const struct trouble troubles[] = {
	{ "lost", lost, "events in the time asked for that are not on tape" },
	{ "missing_blocks", missing_blocks, "blocks that the numbers of others show to be gone" },
	{ "torn_bytes", torn_bytes, "bytes behind the last sound block" },
	{ "unclean_segments", unclean_segments, "segments that no recorder has closed" },
	{ "disordered", disordered, "times that order was given up to bound the memory" },
	{ "unlisted", unlisted, "further places that are damaged" },
};

enum { N_TROUBLES = sizeof(troubles) / sizeof(troubles[0]) };

enum shown { SHOWS_HEALTH, SHOWS_READING };

static const char *const declarations[] = {
	[SHOWS_HEALTH] = "CREATE TABLE x(capture TEXT, what TEXT, n INTEGER, path TEXT,"
			 " \"offset\" INTEGER, detail TEXT)",
	[SHOWS_READING] = "CREATE TABLE x(capture TEXT, segments INTEGER, blocks INTEGER,"
			  " passed INTEGER, unpacked INTEGER, events INTEGER, \"rows\" INTEGER)",
};

struct module_of {
	struct reel_captures *captures;
	enum shown shown;
};

struct table {
	sqlite3_vtab base;
	struct module_of of;
};

struct cursor {
	sqlite3_vtab_cursor base;
	struct reel_capture *capture; /* NULL: it is over */
	unsigned row;		      /* of the capture: troubles, then damages */
	sqlite3_int64 rowid;
};

static const struct table *table_of(const struct cursor *c)
{
	return (const struct table *)c->base.pVtab;
}

static int table_connect(sqlite3 *db, void *aux, int argc, const char *const *argv,
			 sqlite3_vtab **ret, char **ret_message)
{
	const struct module_of *of = aux;
	struct table *t;
	int r = sqlite3_declare_vtab(db, declarations[of->shown]);

	(void)argc;
	(void)argv;
	if (r != SQLITE_OK) {
		*ret_message = sqlite3_mprintf("%s", sqlite3_errmsg(db));
		return r;
	}
	t = calloc(1, sizeof(*t));
	if (!t)
		return SQLITE_NOMEM;
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

static int best_index(sqlite3_vtab *base, sqlite3_index_info *info)
{
	(void)base;
	info->estimatedCost = 100;
	return SQLITE_OK;
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

/* Holds the next one while its rows are given: a question between them may close it. */
static void enter(struct cursor *c, struct reel_capture *next)
{
	if (next)
		next->refs++;
	reel_capture_unref(c->capture);
	c->capture = next;
	c->row = 0;
}

static int cursor_close(sqlite3_vtab_cursor *base)
{
	struct cursor *c = (struct cursor *)base;

	enter(c, NULL);
	free(c);
	return SQLITE_OK;
}

static bool has_row(const struct cursor *c)
{
	const struct reel_health *h = &c->capture->health;

	if (table_of(c)->of.shown == SHOWS_READING)
		return c->row == 0;
	if (c->row < N_TROUBLES)
		return troubles[c->row].count(h) != 0;
	return true;
}

static unsigned rows_of(const struct cursor *c)
{
	uint64_t n = c->capture->health.n_damages;

	if (table_of(c)->of.shown == SHOWS_READING)
		return 1;
	return N_TROUBLES + (unsigned)(n < REEL_DAMAGES_MAX ? n : REEL_DAMAGES_MAX);
}

static void find_row(struct cursor *c)
{
	while (c->capture) {
		for (; c->row < rows_of(c); c->row++)
			if (has_row(c))
				return;
		enter(c, reel_captures_each(table_of(c)->of.captures, c->capture));
	}
}

static int cursor_filter(sqlite3_vtab_cursor *base, int number, const char *words, int n,
			 sqlite3_value **values)
{
	struct cursor *c = (struct cursor *)base;

	(void)number;
	(void)words;
	(void)n;
	(void)values;
	c->rowid = 1;
	enter(c, reel_captures_each(table_of(c)->of.captures, NULL));
	find_row(c);
	return SQLITE_OK;
}

static int cursor_next(sqlite3_vtab_cursor *base)
{
	struct cursor *c = (struct cursor *)base;

	c->row++;
	c->rowid++;
	find_row(c);
	return SQLITE_OK;
}

static int cursor_eof(sqlite3_vtab_cursor *base)
{
	return !((struct cursor *)base)->capture;
}

static void put_text(sqlite3_context *context, const char *text)
{
	sqlite3_result_text(context, text, -1, SQLITE_TRANSIENT);
}

static void put_reading(sqlite3_context *context, const struct reel_capture *c, int column)
{
	const uint64_t figures[] = {
		c->reader->n_segments, c->reader->n_blocks, c->reading.blocks,
		c->reading.unpacked,   c->reading.events,   c->reading.rows,
	};

	sqlite3_result_int64(context, (sqlite3_int64)figures[column - 1]);
}

static void put_trouble(sqlite3_context *context, const struct cursor *c, int column)
{
	const struct trouble *t = &troubles[c->row];

	if (column == 1)
		put_text(context, t->what);
	else if (column == 2)
		sqlite3_result_int64(context, (sqlite3_int64)t->count(&c->capture->health));
	else if (column == 5)
		put_text(context, t->detail);
}

static void put_damage(sqlite3_context *context, const struct cursor *c, int column)
{
	const struct reel_damage *d = &c->capture->health.damages[c->row - N_TROUBLES];

	if (column == 1)
		put_text(context, "damage");
	else if (column == 2)
		sqlite3_result_int64(context, 1);
	else if (column == 3 && d->path)
		put_text(context, d->path);
	else if (column == 4)
		sqlite3_result_int64(context, (sqlite3_int64)d->offset);
	else if (column == 5)
		put_text(context, d->what);
}

static int cursor_column(sqlite3_vtab_cursor *base, sqlite3_context *context, int column)
{
	const struct cursor *c = (const struct cursor *)base;

	if (column == 0) {
		if (c->capture->path)
			put_text(context, c->capture->path);
	} else if (table_of(c)->of.shown == SHOWS_READING) {
		put_reading(context, c->capture, column);
	} else if (c->row < N_TROUBLES) {
		put_trouble(context, c, column);
	} else {
		put_damage(context, c, column);
	}
	return SQLITE_OK;
}

static int cursor_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *ret)
{
	*ret = ((struct cursor *)base)->rowid;
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

static int add_table(sqlite3 *db, struct reel_captures *captures, enum shown shown,
		     const char *name)
{
	struct module_of *of = calloc(1, sizeof(*of));

	if (!of)
		return SQLITE_NOMEM;
	*of = (struct module_of){ captures, shown };
	reel_captures_ref(captures);
	return sqlite3_create_module_v2(db, name, &module, of, forget);
}

int reel_health_tables_register(sqlite3 *db, struct reel_captures *captures)
{
	int r = add_table(db, captures, SHOWS_HEALTH, "reel_health");

	return r == SQLITE_OK ? add_table(db, captures, SHOWS_READING, "reel_reading") : r;
}
