/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay/case_events.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replay/case_event_rows.h"
#include "replay/case_event_views.h"
#include "replay/case_feed.h"

struct job {
	struct case_writer *w;
	const struct reel_reader *reader;
	const struct case_captures *captures;
	struct reel_columns *columns;
	struct event_rows *rows;
	struct case_feed feed;
	const struct event_batch *batch;
	unsigned at; /* in the batch */
	int64_t *n_events;	 /* by source */
	bool seen[EV_MAX_TYPES]; /* types that are there */
	struct reel_err err;	 /* of who makes the rows */
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

int case_events_index(struct case_writer *w, const struct case_captures *c, struct reel_err *err)
{
	if (!c->n_events)
		return 0;
	return case_writer_exec(
		w,
		"CREATE INDEX IF NOT EXISTS event_by_ts ON event (ts);"
		"CREATE INDEX IF NOT EXISTS event_by_pid_ts ON event (pid, ts);"
		"CREATE INDEX IF NOT EXISTS event_by_type ON event (type);"
		"CREATE INDEX IF NOT EXISTS event_by_path ON event (path) WHERE path IS NOT NULL",
		err);
}

/* Rows ----------------------------------------------------------------------------------------- */

static int next(void *context)
{
	struct job *j = context;
	const struct event_batch *b = j->batch;
	int result;

	if (b && ++j->at < b->n)
		return 1;
	for (unsigned i = 0; b && i < b->n; i++) {
		j->n_events[b->sources[i]]++;
		j->seen[b->types[i]] = true;
	}
	result = event_rows_next(j->rows, &j->batch, &j->err);
	j->at = 0;
	return result;
}

static void value(void *context, int i, sqlite3_context *to)
{
	const struct job *j = context;
	const struct event_batch *b = j->batch;
	const unsigned n = j->columns->n;
	const struct reel_value *v = b->values + (size_t)j->at * n + i;

	if ((unsigned)i == n) {
		sqlite3_result_int64(to, j->captures->ids[b->sources[j->at]]);
		return;
	}
	switch (v->kind) {
	case REEL_VALUE_INTEGER:
		sqlite3_result_int64(to, v->integer);
		break;
	case REEL_VALUE_TEXT:
		sqlite3_result_text64(to, v->bytes, v->length, SQLITE_STATIC, SQLITE_UTF8);
		break;
	case REEL_VALUE_BLOB:
		sqlite3_result_blob64(to, v->bytes, v->length, SQLITE_STATIC);
		break;
	case REEL_VALUE_NULL:
		break;
	}
}

/* One statement for all of them. */
static int put_events(struct job *j, struct reel_err *err)
{
	sqlite3 *db = case_writer_db(j->w);
	int result =
		event_rows_new(j->reader, j->captures->wants_events, j->columns, &j->rows, err);

	if (result < 0)
		return result;
	j->feed = (struct case_feed){ "event", j->columns->n + 1, j, next, next, value, NULL };
	if (case_feed_begin(db, &j->feed) != SQLITE_OK)
		result = case_writer_error(j->w, "cannot write events", err);
	else if (sqlite3_step(j->feed.insert) != SQLITE_DONE)
		result = case_writer_error(j->w, "cannot write an event", err);
	case_feed_end(db, &j->feed);
	if (j->err.code) {
		*err = j->err;
		return j->err.code;
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

static int write_all(struct job *j, struct reel_err *err)
{
	int result = reel_columns_new(NULL, &j->columns, err);

	if (result == 0 && !has_table(j->w))
		result = make_table(j, err);
	if (result == 0)
		result = put_events(j, err);
	if (result == 0)
		result = case_event_views(j->w, j->seen, err);
	return result < 0 ? result : note_counts(j, err);
}

int case_events_write(struct case_writer *w, const struct reel_reader *r, struct case_captures *c,
		      struct reel_err *err)
{
	struct job j = { .w = w, .reader = r, .captures = c };
	int result = 0;

	if (!wants_any(c))
		return 0;
	j.n_events = calloc(c->n, sizeof(*j.n_events));
	if (!j.n_events)
		return reel_err_set(err, -ENOMEM, "no memory for events");
	result = write_all(&j, err);
	event_rows_free(j.rows);
	reel_columns_free(j.columns);
	for (unsigned i = 0; i < c->n; i++)
		c->n_events += j.n_events[i];
	free(j.n_events);
	return result;
}
