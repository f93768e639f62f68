/* SPDX-License-Identifier: BSD-2-Clause */
/* Rows of a case against those that were computed again, in the order of their keys. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "format/out.h"
#include "replay/proof_impl.h"

/* What can be computed of a column only sometimes, or never. */
enum when {
	NEVER,	  /* it says when, or by whom */
	CAPTURES, /* where captures lay */
	RULES,	  /* where rules lay */
	PROGRAM,  /* how a program understands rules */
};

/* What is compared else in their place. NULL: nothing. */
static const struct stated {
	const char *table, *column;
	enum when when;
	const char *instead;
} stated[] = {
	{ "capture", "path", CAPTURES, NULL },
	{ "capture", "loaded_ns", NEVER, NULL },
	{ "capture", "loaded_by", NEVER, NULL },
	{ "source", "path", CAPTURES, NULL },
	{ "source", "offset", CAPTURES, NULL },
	{ "gap", "cause", CAPTURES,
	  "CASE WHEN kind IN ('damaged', 'torn') THEN NULL ELSE cause END" },
	{ "replay", "at_ns", NEVER, NULL },
	{ "replay", "program", NEVER, NULL },
	{ "replay", "program_hash", NEVER, NULL },
	{ "replay", "compiled_hash", PROGRAM, NULL },
	{ "replay", "rules_paths", RULES, NULL },
	{ "rule", "file", RULES, NULL },
	{ "rule_file", "path", RULES, NULL },
};

static const struct stated *find_stated(const struct prover *x, const char *table,
					const char *column)
{
	const bool computed[] = {
		[NEVER] = false,
		[CAPTURES] = x->captures_as_stated,
		[RULES] = x->rules_as_stated,
		[PROGRAM] = x->is_same_program,
	};

	for (size_t i = 0; i < sizeof(stated) / sizeof(stated[0]); i++)
		if (strcmp(stated[i].table, table) == 0 && strcmp(stated[i].column, column) == 0)
			return computed[stated[i].when] ? NULL : &stated[i];
	return NULL;
}

/* Columns that make the key: the first, or as many as the table's own key has. */
static int key_columns(const struct case_table *t)
{
	const char *key = strstr(t->constraint, "PRIMARY KEY (");
	int n = 1;

	for (; key && *key && *key != ')'; key++)
		n += *key == ',';
	return n;
}

static void put_select(struct reel_out *o, const struct prover *x, const struct case_table *t,
		       const char *where)
{
	int keys = key_columns(t);

	for (unsigned i = 0; i < t->n_columns; i++) {
		const struct stated *s = find_stated(x, t->name, t->columns[i].name);

		out_str(o, i ? ", " : "SELECT ");
		out_str(o, !s ? t->columns[i].name : s->instead ? s->instead : "NULL");
	}
	out_str(o, " FROM main.");
	out_str(o, t->name);
	if (where) {
		out_str(o, " WHERE ");
		out_str(o, where);
	}
	for (int i = 0; i < keys; i++) {
		out_str(o, i ? ", " : " ORDER BY ");
		out_u64(o, (uint64_t)i + 1);
	}
	out_char(o, '\0');
}

/* Side by side --------------------------------------------------------------------------------- */

struct pair {
	struct prover *x;
	const struct case_table *table; /* NULL: events */
	int n_columns, n_keys;
	sqlite3_stmt *stored, *computed;
	bool has_stored, has_computed;
};

static bool is_same(sqlite3_stmt *a, sqlite3_stmt *b, int n)
{
	int type = sqlite3_column_type(a, n);
	double x, y;

	if (type != sqlite3_column_type(b, n))
		return false;
	switch (type) {
	case SQLITE_NULL:
		return true;
	case SQLITE_INTEGER:
		return sqlite3_column_int64(a, n) == sqlite3_column_int64(b, n);
	case SQLITE_FLOAT:
		x = sqlite3_column_double(a, n);
		y = sqlite3_column_double(b, n);
		return memcmp(&x, &y, sizeof(x)) == 0;
	default: {
		const void *p = sqlite3_column_blob(a, n), *q = sqlite3_column_blob(b, n);
		int length = sqlite3_column_bytes(a, n);

		return length == sqlite3_column_bytes(b, n) &&
		       (!length || memcmp(p, q, (size_t)length) == 0);
	}
	}
}

/* Keys are numbers and short texts, and no column of one has both. */
static int compare_keys(const struct pair *p)
{
	for (int i = 0; i < p->n_keys; i++) {
		int r;

		if (sqlite3_column_type(p->stored, i) == SQLITE_INTEGER) {
			int64_t a = sqlite3_column_int64(p->stored, i);
			int64_t b = sqlite3_column_int64(p->computed, i);

			r = a < b ? -1 : a > b;
		} else {
			r = strcmp((const char *)sqlite3_column_text(p->stored, i),
				   (const char *)sqlite3_column_text(p->computed, i));
		}
		if (r)
			return r;
	}
	return 0;
}

static void name_row(const struct pair *p, sqlite3_stmt *s, char *ret, size_t size)
{
	size_t n = 0;

	*ret = '\0';
	for (int i = 0; i < p->n_keys && n < size; i++)
		n += (size_t)snprintf(ret + n, size - n, "%s%s", i ? ", " : "",
				      (const char *)sqlite3_column_text(s, i));
}

static void compare_columns(struct pair *p, const char *row)
{
	for (int i = 0; i < p->n_columns; i++) {
		struct proof_place at = { .table = p->table ? p->table->name : "event",
					  .row = row,
					  .column = sqlite3_column_name(p->stored, i) };

		if (is_same(p->stored, p->computed, i))
			continue;
		/* Of an expression in its place the name is none. */
		if (p->table)
			at.column = p->table->columns[i].name;
		proof_differs(p->x, &at, p->stored, i, p->computed, i);
	}
}

/* One that the other side has not. */
static void say_alone(struct pair *p, bool is_stored)
{
	char row[80];
	struct proof_place at = { .table = p->table->name, .row = row };
	bool is_old = is_stored && p->table == &case_tables[CASE_boot] &&
		      p->x->p->steps[PROOF_REPLAYS].n_unchecked;

	name_row(p, is_stored ? p->stored : p->computed, row, sizeof(row));
	/* A boot that its capture has lost stays while an older replay has findings in it. */
	if (is_old)
		proof_say(p->x, PROOF_UNCHECKED, &at, "a boot that the capture does not have");
	else
		proof_say(p->x, PROOF_ALTERED, &at,
			  is_stored ? "it is stored, and nothing makes it" :
				      "it is not stored, and should be there");
}

static void next(struct pair *p, bool stored, bool computed)
{
	if (stored)
		p->has_stored = sqlite3_step(p->stored) == SQLITE_ROW;
	if (computed)
		p->has_computed = sqlite3_step(p->computed) == SQLITE_ROW;
}

static int compare_rows(struct pair *p)
{
	uint64_t *n = &p->x->p->steps[p->x->step].n_checked;
	char row[80];

	next(p, true, true);
	while (p->has_stored || p->has_computed) {
		int order = !p->has_stored ? 1 : !p->has_computed ? -1 : compare_keys(p);

		if (order == 0) {
			bool same = true;

			for (int i = 0; same && i < p->n_columns; i++)
				same = is_same(p->stored, p->computed, i);
			if (!same) {
				name_row(p, p->stored, row, sizeof(row));
				compare_columns(p, row);
			}
		} else {
			say_alone(p, order < 0);
		}
		next(p, order <= 0, order >= 0);
		if ((++*n & 0xffff) == 0 && proof_stopped(p->x))
			return -EINTR;
	}
	return 0;
}

/* Events have names, and no order but that in which they were written. */
static int compare_events(struct pair *p)
{
	uint64_t *n = &p->x->p->steps[p->x->step].n_checked;

	next(p, true, true);
	while (p->has_stored && p->has_computed) {
		const char *row = (const char *)sqlite3_column_text(p->stored, 0);
		struct proof_place at = { .table = "event", .row = row ? row : "NULL" };

		if (!is_same(p->stored, p->computed, 0)) {
			at.column = "id";
			proof_differs(p->x, &at, p->stored, 0, p->computed, 0);
			proof_say(p->x, PROOF_UNCHECKED, &at,
				  "from here on the events were not compared");
			return 0;
		}
		compare_columns(p, at.row);
		next(p, true, true);
		if ((++*n & 0xffff) == 0 && proof_stopped(p->x))
			return -EINTR;
	}
	if (p->has_stored || p->has_computed)
		proof_say(p->x, PROOF_ALTERED, &(struct proof_place){ .table = "event" },
			  p->has_stored ? "there are more events than in the capture" :
					  "the last events of the capture are not there");
	return 0;
}

static int run(struct pair *p, const char *sql, int64_t bound)
{
	sqlite3 *again = case_writer_db(p->x->again);
	int r = proof_prepare(p->x, sql, &p->stored), code;

	if (r < 0)
		return r;
	code = sqlite3_prepare_v2(again, sql, -1, &p->computed, NULL);
	if (code != SQLITE_OK)
		r = code == SQLITE_NOMEM ? -ENOMEM : -EIO;
	if (r == 0 && sqlite3_bind_parameter_count(p->stored)) {
		sqlite3_bind_int64(p->stored, 1, bound);
		sqlite3_bind_int64(p->computed, 1, bound);
	}
	p->n_columns = sqlite3_column_count(p->stored);
	if (r == 0)
		r = p->table ? compare_rows(p) : compare_events(p);
	if (sqlite3_finalize(p->computed) != SQLITE_OK && r == 0)
		r = -EIO;
	if (r < 0) {
		sqlite3_finalize(p->stored);
		return r;
	}
	return proof_finish(p->x, p->stored);
}

int proof_rows(struct prover *x, const struct case_table *t, const char *where, int64_t bound)
{
	struct pair p = { .x = x, .table = t, .n_keys = key_columns(t) };
	struct reel_out o;
	int r = out_init_mem(&o);

	if (r == 0) {
		put_select(&o, x, t, where);
		r = out_error(&o);
	}
	if (r == 0)
		r = run(&p, o.buf, bound);
	out_done(&o);
	return r;
}

int proof_event_rows(struct prover *x, int64_t capture)
{
	struct pair p = { .x = x };

	return run(&p, "SELECT id, * FROM main.event WHERE capture = ?1 ORDER BY rowid", capture);
}
