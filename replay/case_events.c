/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay/case_events.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/columns.h"
#include "format/walk.h"
#include "replay/case_event_views.h"
#include "replay/context.h"

enum { EVENTS_BETWEEN_LOOKS = 4096 };

struct job {
	struct case_writer *w;
	const struct reel_reader *reader;
	const struct case_captures *captures;
	struct reel_columns *columns;
	struct reel_row *row;
	struct context *context;
	struct reel_walk *walk;
	sqlite3_stmt *insert;
	int64_t *n_events;	 /* by source */
	bool seen[EV_MAX_TYPES]; /* types that are there */
};

/* Tables --------------------------------------------------------------------------------------- */

static bool has_table(struct case_writer *w)
{
	return sqlite3_table_column_metadata(case_writer_db(w), "main", "event", "ts", NULL, NULL,
					     NULL, NULL, NULL) == SQLITE_OK;
}

int case_events_take_out(struct case_writer *w, int64_t capture, struct reel_err *err)
{
	char sql[64];

	if (!has_table(w))
		return 0;
	snprintf(sql, sizeof(sql), "DELETE FROM event WHERE capture = %lld", (long long)capture);
	return case_writer_exec(w, sql, err);
}

static void put_table(struct reel_out *o, const struct reel_columns *c)
{
	out_str(o, "CREATE TABLE event (");
	for (unsigned i = 0; i < c->n; i++) {
		const struct reel_column *column = &c->list[i];

		out_str(o, column->name);
		out_char(o, ' ');
		out_str(o, reel_column_strict_type(column));
		out_str(o, ", ");
	}
	out_str(o, "capture INTEGER NOT NULL REFERENCES capture) STRICT;");
}

static int make_table(struct job *j, struct reel_err *err)
{
	struct reel_out o;
	int result = out_init_mem(&o);

	if (result == 0) {
		put_table(&o, j->columns);
		out_char(&o, '\0');
		result = out_error(&o);
	}
	if (result < 0)
		reel_err_set(err, result, "no memory for the table of events");
	else
		result = case_writer_exec(j->w, o.buf, err);
	out_done(&o);
	return result;
}

static int make_indexes(struct case_writer *w, struct reel_err *err)
{
	return case_writer_exec(
		w,
		"CREATE INDEX IF NOT EXISTS event_by_ts ON event (ts);"
		"CREATE INDEX IF NOT EXISTS event_by_pid_ts ON event (pid, ts);"
		"CREATE INDEX IF NOT EXISTS event_by_type_ts ON event (type, ts);"
		"CREATE INDEX IF NOT EXISTS event_by_path ON event (path) WHERE path IS NOT NULL",
		err);
}

static int prepare_insert(struct job *j, struct reel_err *err)
{
	char sql[256] = "INSERT INTO event VALUES (?";

	for (unsigned i = 0; i < j->columns->n; i++)
		strcat(sql, ",?");
	strcat(sql, ")");
	if (sqlite3_prepare_v3(case_writer_db(j->w), sql, -1, SQLITE_PREPARE_PERSISTENT, &j->insert,
			       NULL) != SQLITE_OK)
		return case_writer_error(j->w, "cannot write events", err);
	return 0;
}

/* Rows ----------------------------------------------------------------------------------------- */

static int bind(sqlite3_stmt *s, int n, const struct reel_value *v)
{
	switch (v->kind) {
	case REEL_VALUE_INTEGER:
		return sqlite3_bind_int64(s, n, v->integer);
	case REEL_VALUE_TEXT:
		return sqlite3_bind_text64(s, n, v->bytes, v->length, SQLITE_STATIC, SQLITE_UTF8);
	case REEL_VALUE_BLOB:
		return sqlite3_bind_blob64(s, n, v->bytes, v->length, SQLITE_STATIC);
	case REEL_VALUE_NULL:
		break;
	}
	return sqlite3_bind_null(s, n);
}

static int put_event(struct job *j, const struct reel_event *ev,
		     const struct reel_render_value *beside, unsigned n_beside,
		     struct reel_err *err)
{
	const unsigned source = ev->segment->source;
	int64_t realtime = reel_walk_realtime(j->walk, ev);
	int code = SQLITE_OK;

	reel_row_begin(j->row, ev, realtime < 0 ? 0 : realtime, beside, n_beside);
	for (unsigned i = 0; code == SQLITE_OK && i < j->columns->n; i++) {
		struct reel_value value;

		if (reel_row_value(j->row, i, &value) < 0)
			return reel_err_set(err, -ENOMEM, "no memory for rows");
		code = bind(j->insert, (int)i + 1, &value);
	}
	if (code == SQLITE_OK)
		code = sqlite3_bind_int64(j->insert, (int)j->columns->n + 1,
					  j->captures->ids[source]);
	if (code == SQLITE_OK)
		code = sqlite3_step(j->insert);
	if (code != SQLITE_DONE) {
		int result = case_writer_error(j->w, "cannot write an event", err);

		sqlite3_reset(j->insert);
		return result;
	}
	sqlite3_reset(j->insert);
	j->n_events[source]++;
	j->seen[ev->type->id] = true;
	return 0;
}

static int put_events(struct job *j, const volatile int *stop, struct reel_err *err)
{
	struct reel_render_value beside[CONTEXT_VALUES_MAX];
	const struct reel_filter everything = { 0 };
	struct reel_event ev;
	unsigned n_beside;
	int result = reel_walk_open(j->reader, &everything, &j->walk, err);

	if (result < 0)
		return result;
	for (uint64_t n = 1; (result = reel_walk_next(j->walk, &ev, err)) > 0; n++) {
		if (!j->captures->wants_events[ev.segment->source])
			continue;
		result = context_event(j->context, &ev, beside, &n_beside, err);
		if (result == 0)
			result = put_event(j, &ev, beside, n_beside, err);
		if (result == 0 && n % EVENTS_BETWEEN_LOOKS == 0 && *stop)
			result = reel_err_set(err, -EINTR, "interrupted");
		if (result < 0)
			return result;
	}
	return result;
}

static int note_counts(struct job *j, struct reel_err *err)
{
	int result = 0;

	for (unsigned i = 0; result == 0 && i < j->captures->n; i++) {
		char sql[128];

		if (!j->captures->wants_events[i])
			continue;
		snprintf(sql, sizeof(sql),
			 "UPDATE capture SET events_loaded = %lld WHERE id = %lld",
			 (long long)j->n_events[i], (long long)j->captures->ids[i]);
		result = case_writer_exec(j->w, sql, err);
	}
	return result;
}

static bool wants_any(const struct case_captures *c)
{
	for (unsigned i = 0; i < c->n; i++)
		if (c->wants_events[i])
			return true;
	return false;
}

static int write_all(struct job *j, const volatile int *stop, struct reel_err *err)
{
	int result = reel_columns_new(NULL, &j->columns, err);

	if (result == 0)
		result = reel_row_new(j->columns, &j->row, err);
	if (result == 0)
		result = context_new(&j->context, err);
	if (result == 0 && !has_table(j->w))
		result = make_table(j, err);
	if (result == 0)
		result = prepare_insert(j, err);
	if (result == 0)
		result = put_events(j, stop, err);
	if (result == 0)
		result = make_indexes(j->w, err);
	if (result == 0)
		result = case_event_views(j->w, j->seen, err);
	return result < 0 ? result : note_counts(j, err);
}

int case_events_write(struct case_writer *w, const struct reel_reader *r,
		      const struct case_captures *c, const volatile int *stop, struct reel_err *err)
{
	struct job j = { .w = w, .reader = r, .captures = c };
	int result = 0;

	if (!wants_any(c))
		return 0;
	j.n_events = calloc(c->n, sizeof(*j.n_events));
	if (!j.n_events)
		return reel_err_set(err, -ENOMEM, "no memory for events");
	result = write_all(&j, stop, err);
	sqlite3_finalize(j.insert);
	reel_walk_close(j.walk);
	context_free(j.context);
	reel_row_free(j.row);
	reel_columns_free(j.columns);
	free(j.n_events);
	return result;
}
