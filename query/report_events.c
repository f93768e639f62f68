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
	uint64_t without_text, without_time;
	int64_t there, there_near; /* in the case; of processes in question */
	int64_t step, step_near;   /* each how many-th is taken; 0: none */
	bool of_case;
};

/*
 * Both give id, ns, pid, process, class, type, text, and near. ids rise with time, or are spread
 * evenly over it; the same number in two tables does no harm.
 */
static const char events_view[] =
	"CREATE TEMP VIEW page_event AS SELECT e.rowid AS id, e.time_ns AS ns, e.pid AS pid,"
	" (SELECT q.id FROM boot AS b JOIN process AS q ON q.boot = b.id AND q.pid = e.pid"
	" AND (q.from_ts IS NULL OR q.from_ts <= e.ts) WHERE b.capture = e.capture"
	" AND substr(b.boot_id, 1, 8) = substr(e.id, 1, 8) ORDER BY q.from_ts DESC LIMIT 1) AS process,"
	" e.class AS class, e.type AS type, trim(CASE WHEN e.type = 'exec' THEN coalesce("
	" (SELECT group_concat(value, ' ') FROM json_each(e.fields, '$.argv')), e.path, '')"
	" ELSE coalesce(e.path, json_extract(e.fields, '$.unix_path'),"
	" iif(e.class = 'net' AND json_extract(e.fields, '$.addr') IS NOT NULL,"
	" json_extract(e.fields, '$.addr') || ' port ' || json_extract(e.fields, '$.port'), NULL),"
	" json_extract(e.fields, '$.hook'), json_extract(e.fields, '$.name'),"
	" json_extract(e.fields, '$.text'), '') END || coalesce(' (' || e.errno || ')', '')) AS text,"
	" e.pid IN (SELECT pid FROM page_pid) AS near FROM event AS e";

#define NEAR_OF(process) process " IN (SELECT id FROM page_core)"
#define PART(id, ns, process, class, type, text, from)                                            \
	"SELECT " id ", " ns ", (SELECT pid FROM process WHERE id = " process "), " process       \
	", " class ", " type ", " text ", " NEAR_OF(process) " FROM " from

static const char tables_view[] =
	"CREATE TEMP VIEW page_event(id, ns, pid, process, class, type, text, near) AS "
	PART("i.id", "i.from_ns", "i.process", "'process'", "'exec'",
	     "coalesce((SELECT group_concat(value, ' ') FROM json_each(i.argv)), i.exe, i.path)",
	     "image AS i WHERE i.how = 'exec'")
	" UNION ALL "
	PART("p.id", "p.from_ns", "p.id", "'process'", "'fork'", "p.exe",
	     "process AS p WHERE p.known_by = 'fork'")
	" UNION ALL "
	PART("p.id", "p.to_ns", "p.id", "'process'", "'exit'",
	     "coalesce(p.exit_signal_name, 'status ' || p.exit_code)",
	     "process AS p WHERE p.to_ns IS NOT NULL")
	" UNION ALL "
	PART("e.id", "e.from_ns", "e.process", "'file'", "e.kind",
	     "(SELECT path FROM file WHERE id = e.file)",
	     "edge AS e WHERE e.file IS NOT NULL AND e.kind <> 'exec'")
	" UNION ALL "
	PART("k.id", "k.ns", "k.process", "'file'", "k.kind",
	     "(SELECT path FROM file WHERE id = k.file) || coalesce(' ' || k.detail, '')",
	     "file_change AS k")
	" UNION ALL "
	PART("n.id", "n.from_ns", "n.process", "'net'", "n.kind",
	     "coalesce(n.unix_path, n.addr || ' port ' || n.port, n.laddr || ' port ' || n.lport,"
	     " n.family) || coalesce(' (' || n.error || ')', '')",
	     "connection AS n WHERE n.kind <> 'keyframe'")
	" UNION ALL "
	PART("d.id", "d.ns", "d.process", "'net'", "'dns'", "coalesce(d.question, d.name)",
	     "dns AS d WHERE d.direction = 'sent'")
	" UNION ALL "
	PART("c.id", "c.from_ns", "c.process", "'priv'", "c.how", "'euid ' || c.euid",
	     "credential AS c WHERE c.how NOT IN ('fork', 'keyframe', 'guess', 'exec')")
	" UNION ALL "
	PART("m.id", "m.from_ns", "m.process", "'file'", "'mount'", "m.path",
	     "mount AS m WHERE m.process IS NOT NULL")
	" UNION ALL "
	PART("y.id", "y.ns", "y.process", "'user'", "y.kind",
	     "coalesce(y.server_name, y.path, y.library)", "crypto_call AS y");

/* What is chosen is sorted, what is counted is not. */
static const char chosen_sql[] =
	"SELECT ns - :t0, pid, process, class, type, text FROM page_event WHERE ns IS NOT NULL AND"
	" CASE WHEN near THEN :near > 0 AND id % max(:near, 1) = 0"
	" ELSE :step > 0 AND id % max(:step, 1) = 0 END ORDER BY ns LIMIT :limit";
static const char count_sql[] =
	"SELECT count(*), coalesce(sum(near), 0), count(*) - count(ns) FROM page_event";
static const char parts_sql[] =
	"SELECT class, CAST((ns - :t0) * 480.0 / (:t1 - :t0 + 1.0) AS INTEGER) AS part, count(*)"
	" FROM page_event WHERE ns BETWEEN :t0 AND :t1 GROUP BY 1, 2 ORDER BY 1, 2 LIMIT :limit";

static int count(struct page *p, struct events *e, struct reel_err *err)
{
	sqlite3_stmt *s = NULL;
	int r;

	/* Of a case, not of captures: those are called otherwise in one. */
	e->of_case = database_number(p->db,
				     "SELECT count(*) FROM main.sqlite_schema WHERE name = 'event'"
				     " AND type = 'table'",
				     0) > 0;
	if (sqlite3_exec(p->db, e->of_case ? events_view : tables_view, NULL, NULL, NULL) !=
	    SQLITE_OK)
		return page_failed(p, err);
	r = page_prepare(p, count_sql, 0, &s, err);
	if (r == 0 && sqlite3_step(s) != SQLITE_ROW)
		r = page_failed(p, err);
	if (r == 0) {
		e->there = sqlite3_column_int64(s, 0);
		e->there_near = sqlite3_column_int64(s, 1);
		e->without_time = (uint64_t)sqlite3_column_int64(s, 2);
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
	if (e->there > room)
		room -= room / 16;
	e->step_near = step_for(e->there_near, room);
	if (e->step_near)
		room -= e->there_near / e->step_near;
	e->step = step_for(e->there - e->there_near, room);
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
	const void *text = sqlite3_column_blob(s, 5);
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
		out_s64(o, e->list[i].at_ns - before);
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
	page_put_string(p, e->of_case ? "events" : "tables");
	put_member(p, ",\"there\":", e->there);
	put_member(p, ",\"there_near\":", e->there_near);
	put_member(p, ",\"step\":", e->step);
	put_member(p, ",\"step_near\":", e->step_near);
	put_member(p, ",\"without_time\":", (int64_t)e->without_time);
	put_member(p, ",\"without_text\":", (int64_t)e->without_text);
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
	struct events e = { .texts.max_bytes = PAGE_TEXTS_BYTES_MAX,
			    .types.max_bytes = 1 << 16 };
	uint32_t other;
	int r = page_strings_add(&e.types, "?:?", 3, &other); /* the first: of too many kinds */

	r = r < 0 ? reel_err_set(err, r, "no memory") : count(p, &e, err);
	if (r == 0) {
		choose(p, &e);
		r = take(p, &e, err);
	}
	if (r == 0)
		r = put_all(p, &e, err);
	p->events = e.n;
	p->events_there = (uint64_t)e.there;
	page_strings_done(&e.texts);
	page_strings_done(&e.types);
	free(e.list);
	return r;
}
