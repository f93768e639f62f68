/* SPDX-License-Identifier: BSD-2-Clause */
/* The questions of report_sections.c, and their answers as JSON: columns once, then rows. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "query/database.h"
#include "query/report_page.h"
#include "query/report_sections.h"

/* What a double holds exactly. */
#define EXACT (1ll << 53)

int page_failed(struct page *p, struct reel_err *err)
{
	return database_failed(p->db, p->path, err);
}

static void bind(sqlite3_stmt *s, const char *name, int64_t value)
{
	int at = sqlite3_bind_parameter_index(s, name);

	if (at)
		(void)sqlite3_bind_int64(s, at, value);
}

int page_prepare(struct page *p, const char *sql, int64_t limit, sqlite3_stmt **ret,
		 struct reel_err *err)
{
	if (sqlite3_prepare_v2(p->db, sql, -1, ret, NULL) != SQLITE_OK)
		return page_failed(p, err);
	bind(*ret, ":t0", p->from_ns);
	bind(*ret, ":t1", p->to_ns);
	bind(*ret, ":limit", limit);
	return 0;
}

static void put_number(struct reel_out *o, sqlite3_int64 v)
{
	bool exact = v > -EXACT && v < EXACT;

	if (!exact)
		out_char(o, '"');
	out_s64(o, v);
	if (!exact)
		out_char(o, '"');
}

static void put_real(struct reel_out *o, double v)
{
	char text[32];
	int n = isfinite(v) ? snprintf(text, sizeof(text), "%.17g", v) : 0;

	if (n > 0)
		out_mem(o, text, (size_t)n);
	else
		out_str(o, "null");
}

static bool holds_json(const char *column)
{
	size_t n = strlen(column);

	return n > 5 && strcmp(column + n - 5, "_json") == 0;
}

static void put_value(struct page *p, sqlite3_stmt *s, int i)
{
	int type = sqlite3_column_type(s, i);
	const void *bytes;

	switch (type) {
	case SQLITE_NULL:
		out_str(p->out, "null");
		return;
	case SQLITE_INTEGER:
		put_number(p->out, sqlite3_column_int64(s, i));
		return;
	case SQLITE_FLOAT:
		put_real(p->out, sqlite3_column_double(s, i));
		return;
	default:
		/* As UTF-8, however the case has it. */
		bytes = type == SQLITE_TEXT ? (const void *)sqlite3_column_text(s, i) :
					      sqlite3_column_blob(s, i);
		page_put_text(p, bytes ? bytes : "", (size_t)sqlite3_column_bytes(s, i),
			      holds_json(sqlite3_column_name(s, i)) ? PAGE_EVIDENCE_BYTES_MAX :
								      PAGE_TEXT_BYTES_MAX);
	}
}

static int put_rows(struct page *p, sqlite3_stmt *s, struct reel_err *err)
{
	int n = sqlite3_column_count(s), rc;

	out_str(p->out, "{\"columns\":[");
	for (int i = 0; i < n; i++) {
		out_str(p->out, i ? "," : "");
		page_put_string(p, sqlite3_column_name(s, i));
	}
	out_str(p->out, "],\"rows\":[");
	for (bool first = true; (rc = sqlite3_step(s)) == SQLITE_ROW; first = false) {
		out_str(p->out, first ? "\n[" : ",\n[");
		for (int i = 0; i < n; i++) {
			out_str(p->out, i ? "," : "");
			put_value(p, s, i);
		}
		out_char(p->out, ']');
		if (out_error(p->out) < 0)
			break;
	}
	out_char(p->out, ']');
	if (rc != SQLITE_DONE && rc != SQLITE_ROW)
		return page_failed(p, err);
	return 0;
}

static int put_section(struct page *p, const struct page_section *of, struct reel_err *err)
{
	sqlite3_stmt *s = NULL;
	int r = page_prepare(p, of->sql, of->limit, &s, err);

	if (r == 0) {
		out_str(p->out, ",\n");
		page_put_string(p, of->name);
		out_char(p->out, ':');
		r = put_rows(p, s, err);
	}
	sqlite3_finalize(s);
	if (r == 0 && of->total_sql) {
		out_str(p->out, ",\"total\":");
		put_number(p->out, database_number(p->db, of->total_sql, 0));
	}
	out_char(p->out, '}');
	return r;
}

int page_put_sections(struct page *p, struct reel_err *err)
{
	int r = 0;

	for (const struct page_section *s = page_sections; r == 0 && s->name; s++)
		r = put_section(p, s, err);
	return r;
}

/* What the case covers: all that has a time and can be shown lies in it. */
static const char from_sql[] =
	"SELECT min(t) FROM (SELECT min(from_ns) AS t FROM boot"
	" UNION ALL SELECT min(from_ns) FROM gap UNION ALL SELECT min(first_ns) FROM finding)"
	" WHERE t > 0";
static const char to_sql[] =
	"SELECT max(t) FROM (SELECT max(to_ns) AS t FROM boot"
	" UNION ALL SELECT max(to_ns) FROM gap UNION ALL SELECT max(ns) FROM finding) WHERE t > 0";
static const char findings_sql[] =
	"SELECT count(*) FROM finding AS f JOIN latest_replay AS l ON l.id = f.replay"
	" WHERE NOT f.suppressed";

int page_prepare_case(struct page *p, struct reel_err *err)
{
	for (const char *const *sql = page_preparations; *sql; sql++)
		if (sqlite3_exec(p->db, *sql, NULL, NULL, NULL) != SQLITE_OK)
			return page_failed(p, err);
	p->from_ns = database_number(p->db, from_sql, 0);
	p->to_ns = database_number(p->db, to_sql, p->from_ns);
	p->findings = (uint64_t)database_number(p->db, findings_sql, 0);
	return 0;
}
