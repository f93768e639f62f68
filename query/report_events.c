/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What happened, for the timeline: the events of a case that has them, else what its tables tell.
 *
 * Where there are more than are wanted, those of processes that findings rest on come first, and of
 * each kind only every k-th is taken: what is shown is spread over all of the time. How many there
 * are of each class in each part of the time is told of all.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "query/database.h"
#include "query/report_page.h"
#include "query/report_sections.h"
#include "query/report_strings.h"

/* A hostile case cannot make the page hold more kinds than there are. */
enum { TYPES_MAX = 512, PARTS = 480 };

struct event {
	int64_t at_ns;
	int32_t process; /* 0: none */
	int32_t pid;
	uint32_t text;
	uint16_t type;
};

struct events {
	struct event *list;
	size_t n, cap;
	struct page_strings texts, types; /* a type is TYPE:CLASS */
	int64_t without_text;
	int64_t step, step_near; /* each how many-th is taken; 0: none */
};

/* What is chosen is sorted, what is counted is not. */
static const char chosen_sql[] =
	"SELECT ns - :t0, pid, process, class, type, text FROM page_event WHERE ns IS NOT NULL AND"
	" CASE WHEN near THEN :near > 0 AND id % max(:near, 1) = 0"
	" ELSE :step > 0 AND id % max(:step, 1) = 0 END ORDER BY ns LIMIT :limit";
static const char count_sql[] =
	"SELECT count(*), coalesce(sum(near), 0), count(*) - count(ns), min(ns), max(ns)"
	" FROM page_event";
static const char parts_sql[] =
	"SELECT class, CAST((ns - :t0) * 480.0 / (:t1 - :t0 + 1.0) AS INTEGER) AS part, count(*)"
	" FROM page_event WHERE ns BETWEEN :t0 AND :t1 GROUP BY 1, 2 ORDER BY 1, 2 LIMIT :limit";

int page_prepare_events(struct page *p, struct reel_err *err)
{
	sqlite3_stmt *s = NULL;
	const char *sql;
	int r;

	/* Of a case, not of captures: those are called otherwise in one. */
	p->has_events = database_number(p->db,
					"SELECT count(*) FROM main.sqlite_schema"
					" WHERE name = 'event' AND type = 'table'",
					0) > 0;
	sql = p->has_events ? page_of_events : page_of_tables;
	if (sqlite3_exec(p->db, sql, NULL, NULL, NULL) != SQLITE_OK)
		return page_failed(p, err);
	r = page_prepare(p, count_sql, 0, &s, err);
	if (r == 0 && sqlite3_step(s) != SQLITE_ROW)
		r = page_failed(p, err);
	if (r == 0) {
		p->events_there = sqlite3_column_int64(s, 0);
		p->events_near = sqlite3_column_int64(s, 1);
		p->events_without_time = sqlite3_column_int64(s, 2);
		if (sqlite3_column_int64(s, 3) > 0 && sqlite3_column_int64(s, 3) < p->from_ns)
			p->from_ns = sqlite3_column_int64(s, 3);
		if (sqlite3_column_int64(s, 4) > p->to_ns)
			p->to_ns = sqlite3_column_int64(s, 4);
	}
	sqlite3_finalize(s);
	return r;
}

/* Of THERE at most ROOM. */
static int64_t step_for(int64_t there, int64_t room)
{
	if (there <= 0)
		return 1;
	return room <= 0 ? 0 : (there + room - 1) / room;
}

static void choose(const struct page *p, struct events *e)
{
	int64_t room = (int64_t)p->max_events;

	/* A step takes about as many as it should: some room is left for that. */
	if (p->events_there > room)
		room -= room / 16;
	e->step_near = step_for(p->events_near, room);
	if (e->step_near)
		room -= p->events_near / e->step_near;
	e->step = step_for(p->events_there - p->events_near, room);
}

static int type_of(struct events *e, sqlite3_stmt *s, uint16_t *ret)
{
	const char *class = (const char *)sqlite3_column_text(s, 3);
	const char *type = (const char *)sqlite3_column_text(s, 4);
	uint32_t number = TYPES_MAX;
	char both[128];
	int n, r = 0;

	n = snprintf(both, sizeof(both), "%.60s:%.60s", type ? type : "?", class ? class : "?");
	if (e->types.n < TYPES_MAX)
		r = page_strings_add(&e->types, both, (size_t)n, &number);
	*ret = (uint16_t)(number < TYPES_MAX ? number : 0);
	return r;
}

static int keep(struct events *e, sqlite3_stmt *s, struct reel_err *err)
{
	const void *text = sqlite3_column_text(s, 5);
	size_t length = (size_t)sqlite3_column_bytes(s, 5);
	struct event *v;
	int r;

	if (e->n == e->cap) {
		size_t cap = e->cap ? e->cap * 2 : 4096;
		struct event *list = realloc(e->list, cap * sizeof(*list));

		if (!list)
			return reel_err_set(err, -ENOMEM, "no memory");
		e->list = list;
		e->cap = cap;
	}
	v = &e->list[e->n];
	v->at_ns = sqlite3_column_int64(s, 0);
	v->pid = sqlite3_column_int(s, 1);
	v->process = sqlite3_column_int(s, 2);
	v->text = PAGE_NO_STRING;
	if (length > PAGE_EVENT_TEXT_BYTES_MAX)
		length = PAGE_EVENT_TEXT_BYTES_MAX;
	r = type_of(e, s, &v->type);
	if (r == 0 && length)
		r = page_strings_add(&e->texts, text, length, &v->text);
	if (r < 0)
		return reel_err_set(err, r, "no memory");
	e->without_text += length && v->text == PAGE_NO_STRING;
	e->n++;
	return 0;
}

static int take(struct page *p, struct events *e, struct reel_err *err)
{
	sqlite3_stmt *s = NULL;
	int r = page_prepare(p, chosen_sql, (int64_t)p->max_events, &s, err), rc = SQLITE_DONE;

	if (r == 0) {
		(void)sqlite3_bind_int64(s, sqlite3_bind_parameter_index(s, ":near"), e->step_near);
		(void)sqlite3_bind_int64(s, sqlite3_bind_parameter_index(s, ":step"), e->step);
		while (r == 0 && (rc = sqlite3_step(s)) == SQLITE_ROW)
			r = keep(e, s, err);
		if (r == 0 && rc != SQLITE_DONE)
			r = page_failed(p, err);
	}
	sqlite3_finalize(s);
	return r;
}

/* What is written --------------------------------------------------------------------------- */

static void put_strings(struct page *p, const char *name, const struct page_strings *s)
{
	out_str(p->out, name);
	for (uint32_t i = 0; i < s->n; i++) {
		size_t n;
		const void *text = page_strings_get(s, i, &n);

		out_str(p->out, i ? "," : "");
		page_put_text(p, text, n, SIZE_MAX);
	}
	out_char(p->out, ']');
}

static void put_member(struct page *p, const char *name, int64_t value)
{
	out_str(p->out, name);
	out_s64(p->out, value);
}

/* A column after the other: they take less room so, and are read sooner. Times are differences. */
static void put_columns(struct page *p, const struct events *e)
{
	struct reel_out *o = p->out;
	int64_t before = 0;

	out_str(o, ",\n\"at\":[");
	for (size_t i = 0; i < e->n; i++) {
		out_str(o, i ? "," : "");
		/* A forged time may be anything; one that is true does not overflow. */
		out_s64(o, (int64_t)((uint64_t)e->list[i].at_ns - (uint64_t)before));
		before = e->list[i].at_ns;
	}
	out_str(o, "],\n\"type\":[");
	for (size_t i = 0; i < e->n; i++) {
		out_str(o, i ? "," : "");
		out_u64(o, e->list[i].type);
	}
	out_str(o, "],\n\"pid\":[");
	for (size_t i = 0; i < e->n; i++) {
		out_str(o, i ? "," : "");
		out_s64(o, e->list[i].pid);
	}
	out_str(o, "],\n\"process\":[");
	for (size_t i = 0; i < e->n; i++) {
		out_str(o, i ? "," : "");
		out_s64(o, e->list[i].process);
	}
	out_str(o, "],\n\"text\":[");
	for (size_t i = 0; i < e->n; i++) {
		out_str(o, i ? "," : "");
		out_s64(o, e->list[i].text == PAGE_NO_STRING ? -1 : (int64_t)e->list[i].text);
	}
	out_char(o, ']');
}

static int put_parts(struct page *p, struct reel_err *err)
{
	sqlite3_stmt *s = NULL;
	int r = page_prepare(p, parts_sql, PARTS * 64, &s, err), rc;

	if (r < 0)
		return r;
	out_str(p->out, ",\n\"parts\":[");
	for (bool first = true; (rc = sqlite3_step(s)) == SQLITE_ROW; first = false) {
		const char *class = (const char *)sqlite3_column_text(s, 0);

		out_str(p->out, first ? "[" : ",[");
		page_put_string(p, class ? class : "?");
		put_member(p, ",", sqlite3_column_int64(s, 1));
		put_member(p, ",", sqlite3_column_int64(s, 2));
		out_char(p->out, ']');
	}
	put_member(p, "],\"n_parts\":", PARTS);
	if (rc != SQLITE_DONE)
		r = page_failed(p, err);
	sqlite3_finalize(s);
	return r;
}

static int put_all(struct page *p, const struct events *e, struct reel_err *err)
{
	out_str(p->out, ",\n\"events\":{\"of\":");
	page_put_string(p, p->has_events ? "events" : "tables");
	put_member(p, ",\"there\":", p->events_there);
	put_member(p, ",\"there_near\":", p->events_near);
	put_member(p, ",\"step\":", e->step);
	put_member(p, ",\"step_near\":", e->step_near);
	put_member(p, ",\"without_time\":", p->events_without_time);
	put_member(p, ",\"without_text\":", e->without_text);
	put_strings(p, ",\n\"types\":[", &e->types);
	put_strings(p, ",\n\"texts\":[", &e->texts);
	put_columns(p, e);
	if (put_parts(p, err) < 0)
		return err->code;
	out_char(p->out, '}');
	return 0;
}

int page_put_events(struct page *p, struct reel_err *err)
{
	struct events e = { .texts.max_bytes = PAGE_TEXTS_BYTES_MAX, .types.max_bytes = 1 << 16 };
	uint32_t other;
	int r = page_strings_add(&e.types, "?:?", 3, &other); /* the first: of too many kinds */

	choose(p, &e);
	r = r < 0 ? reel_err_set(err, r, "no memory") : take(p, &e, err);
	if (r == 0)
		r = put_all(p, &e, err);
	p->events_shown = (int64_t)e.n;
	page_strings_done(&e.texts);
	page_strings_done(&e.types);
	free(e.list);
	return r;
}
