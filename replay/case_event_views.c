/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fields are JSON, where a list of labels is words: the view has the number again under the field's
 * name and the word as FIELD_name, as the tables over captures have it. Other names of numbers only
 * these have.
 */
#include "replay/case_event_views.h"

#include <errno.h>
#include <string.h>

#include "format/columns.h"

static void put_extract(struct reel_out *o, const struct reel_type *t, const struct reel_field *f)
{
	out_str(o, "json_extract(fields, '$.");
	if (reel_render_is_common(f->name)) {
		out_str(o, t->name);
		out_char(o, '_');
	}
	out_str(o, f->name);
	out_str(o, "')");
}

static bool has_labels(const struct reel_field *f)
{
	return !reel_field_is_string(f) && strchr(f->hint, '|');
}

/* The number of a label; of one that has none the number is there itself. */
static void put_number(struct reel_out *o, const struct reel_type *t, const struct reel_field *f)
{
	uint64_t number = 0;

	out_str(o, "CASE ");
	put_extract(o, t, f);
	for (const char *at = f->hint; *at; number++) {
		size_t n = strcspn(at, "|");

		out_str(o, " WHEN '");
		out_mem(o, at, n);
		out_str(o, "' THEN ");
		out_u64(o, number);
		at += n + (at[n] == '|');
	}
	out_str(o, " ELSE ");
	put_extract(o, t, f);
	out_str(o, " END");
}

/* Some are words of SQL. */
static void put_name(struct reel_out *o, const char *name)
{
	out_char(o, '"');
	out_str(o, name);
	out_char(o, '"');
}

static void put_view(struct reel_out *o, const struct reel_columns *c)
{
	const struct reel_type *t = c->type;

	out_str(o, "CREATE VIEW IF NOT EXISTS event_");
	out_str(o, t->name);
	out_str(o, " AS SELECT capture");
	for (unsigned i = 0; i < c->n; i++) {
		const struct reel_column *column = &c->list[i];

		if (column->id == REEL_COLUMN_FIELD_NAME && !has_labels(column->field))
			continue;
		out_str(o, ", ");
		if (column->id == REEL_COLUMN_FIELD && has_labels(column->field))
			put_number(o, t, column->field);
		else if (column->field)
			put_extract(o, t, column->field);
		if (column->field)
			out_str(o, " AS ");
		put_name(o, column->name);
	}
	out_str(o, " FROM event WHERE type = '");
	out_str(o, t->name);
	out_str(o, "';\n");
}

/* Tables and other views go before; they are all there by now. */
static bool is_taken(struct case_writer *w, const char *name)
{
	sqlite3_stmt *s = NULL;
	bool taken;

	sqlite3_prepare_v2(case_writer_db(w), "SELECT 1 FROM sqlite_schema WHERE name = ?", -1, &s,
			   NULL);
	sqlite3_bind_text(s, 1, name, -1, SQLITE_STATIC);
	taken = sqlite3_step(s) == SQLITE_ROW;
	sqlite3_finalize(s);
	return taken || case_table_by_name(name);
}

static int put_type(struct case_writer *w, const struct reel_type *t, struct reel_out *o,
		    struct reel_err *err)
{
	struct reel_columns *c;
	int result = reel_columns_new(t, &c, err);

	if (result < 0)
		return result;
	put_view(o, c);
	if (!is_taken(w, t->name)) {
		out_str(o, "CREATE VIEW ");
		put_name(o, t->name);
		out_str(o, " AS SELECT * FROM event_");
		out_str(o, t->name);
		out_str(o, ";\n");
	}
	reel_columns_free(c);
	return 0;
}

int case_event_views(struct case_writer *w, const bool types[EV_MAX_TYPES], struct reel_err *err)
{
	struct reel_out o;
	int result = out_init_mem(&o);

	for (const struct reel_type *t = reel_types; result == 0 && t->name; t++)
		if (types[t->id])
			result = put_type(w, t, &o, err);
	out_char(&o, '\0');
	if (result == 0)
		result = out_error(&o);
	if (result < 0)
		reel_err_set(err, result, "no memory for the views of events");
	else
		result = case_writer_exec(w, o.buf, err);
	out_done(&o);
	return result;
}
