/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether a case is sound by itself: as a database, in its tables and views, and in what follows
 * from what. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "format/out.h"
#include "replay/proof_impl.h"

enum { COMPLAINTS = 20 }; /* of one kind */

/* As SQLite sees it ---------------------------------------------------------------------------- */

/* Behind this no column has a value of another type, nor NULL where that cannot be. */
static int check_pages(struct prover *x)
{
	sqlite3_stmt *s;
	int r = proof_prepare(x, "PRAGMA integrity_check(20)", &s);

	while (r == 0 && sqlite3_step(s) == SQLITE_ROW) {
		const char *what = (const char *)sqlite3_column_text(s, 0);

		if (what && strcmp(what, "ok") == 0)
			continue;
		proof_say(x, PROOF_ALTERED, NULL, "integrity_check: %.300s", what ? what : "?");
		x->has_tables = false;
	}
	return r < 0 ? r : proof_finish(x, s);
}

static int check_keys(struct prover *x)
{
	sqlite3_stmt *s;
	int n = 0, r = proof_prepare(x, "PRAGMA foreign_key_check", &s);

	while (r == 0 && n++ < COMPLAINTS && sqlite3_step(s) == SQLITE_ROW) {
		const char *parent = (const char *)sqlite3_column_text(s, 2);
		struct proof_place at = { .table = (const char *)sqlite3_column_text(s, 0),
					  .row = (const char *)sqlite3_column_text(s, 1) };

		proof_say(x, PROOF_ALTERED, &at, "it has no row of %s", parent ? parent : "?");
	}
	return r < 0 ? r : proof_finish(x, s);
}

/* Tables, indexes and views ------------------------------------------------------------------- */

static int run(sqlite3 *db, void (*put)(struct reel_out *o), struct reel_err *err)
{
	struct reel_out o;
	int r = out_init_mem(&o);

	if (r == 0) {
		put(&o);
		out_char(&o, '\0');
		r = out_error(&o);
	}
	if (r == 0 && sqlite3_exec(db, o.buf, NULL, NULL, NULL) != SQLITE_OK)
		r = -ENOMEM;
	out_done(&o);
	return r < 0 ? reel_err_set(err, r, "no memory for the tables of a case") : 0;
}

/* What SQLite makes of our statements, in the words in which it keeps them. */
static int make_model(sqlite3 **ret, struct reel_err *err)
{
	int r;

	*ret = NULL;
	if (sqlite3_open(":memory:", ret) != SQLITE_OK)
		return reel_err_set(err, -ENOMEM, "no memory for the tables of a case");
	r = run(*ret, case_put_tables, err);
	if (r == 0)
		r = run(*ret, case_put_indexes, err);
	return r < 0 ? r : run(*ret, case_put_views, err);
}

#define OBJECTS "SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL "

static bool is_event_object(const char *name)
{
	return strcmp(name, "event") == 0 || strncmp(name, "event_", 6) == 0;
}

static int compare_object(struct prover *x, sqlite3_stmt *ours, sqlite3_stmt *find)
{
	const char *type = (const char *)sqlite3_column_text(ours, 0);
	const char *name = (const char *)sqlite3_column_text(ours, 1);
	struct proof_place at = { .table = name };
	bool is_table = strcmp(type, "table") == 0;

	sqlite3_reset(find);
	sqlite3_bind_text(find, 1, name, -1, SQLITE_TRANSIENT);
	if (sqlite3_step(find) != SQLITE_ROW) {
		proof_say(x, PROOF_ALTERED, &at, "this %s of a case is missing", type);
		return is_table ? -ENOENT : 0;
	}
	if (strcmp(type, (const char *)sqlite3_column_text(find, 0)) == 0 &&
	    strcmp((const char *)sqlite3_column_text(ours, 2),
		   (const char *)sqlite3_column_text(find, 2)) == 0)
		return 0;
	at.column = "sql";
	proof_differs(x, &at, find, 2, ours, 2);
	return is_table ? -ENOENT : 0;
}

static int compare_ours(struct prover *x, sqlite3 *model)
{
	sqlite3_stmt *ours = NULL, *find;
	int r = proof_prepare(x, OBJECTS "AND name = ?1", &find);

	if (r < 0)
		return r;
	if (sqlite3_prepare_v2(model, OBJECTS, -1, &ours, NULL) != SQLITE_OK) {
		sqlite3_finalize(find);
		return -ENOMEM;
	}
	x->has_tables = true;
	while (sqlite3_step(ours) == SQLITE_ROW)
		if (compare_object(x, ours, find) < 0)
			x->has_tables = false;
	sqlite3_finalize(ours);
	return proof_finish(x, find);
}

/* Whoever examines a case may put tables of his own into it. Those of events come later. */
static int list_others(struct prover *x, sqlite3 *model)
{
	sqlite3_stmt *s, *ours = NULL;
	int r = proof_prepare(x, OBJECTS "ORDER BY name", &s);

	if (r < 0)
		return r;
	if (sqlite3_prepare_v2(model, "SELECT 1 FROM sqlite_schema WHERE name = ?1", -1, &ours,
			       NULL) != SQLITE_OK) {
		sqlite3_finalize(s);
		return -ENOMEM;
	}
	while (sqlite3_step(s) == SQLITE_ROW) {
		const char *name = (const char *)sqlite3_column_text(s, 1);
		struct proof_place at = { .table = name };

		sqlite3_reset(ours);
		sqlite3_bind_text(ours, 1, name, -1, SQLITE_TRANSIENT);
		if (strncmp(name, "sqlite_", 7) == 0 || is_event_object(name) ||
		    sqlite3_step(ours) == SQLITE_ROW)
			continue;
		/* reel.so's own short names for the views of events */
		if (strstr((const char *)sqlite3_column_text(s, 2), "SELECT * FROM event_"))
			continue;
		proof_say(x, PROOF_PROVEN, &at, "a %s that somebody has added",
			  (const char *)sqlite3_column_text(s, 0));
	}
	sqlite3_finalize(ours);
	return proof_finish(x, s);
}

/* What follows from what ----------------------------------------------------------------------- */

/* Rows that are wrong: how they are called, what is stored, what it must be. */
static const struct check {
	const char *table, *column, *sql;
} checks[] = {
#define EVIDENCE(column, must)                                                             \
	{                                                                                  \
		"evidence", #column,                                                       \
			"SELECT finding || ', ' || match || ', ' || n, " #column ", " must \
			" FROM evidence WHERE CASE WHEN json_valid(json) THEN " #column    \
			" IS NOT " must " ELSE 0 END"                                      \
	}
	{ "evidence", "json",
	  "SELECT finding || ', ' || match || ', ' || n, json, 'an object of JSON' FROM evidence "
	  "WHERE NOT json_valid(json) OR json_type(json) <> 'object'" },
	EVIDENCE(event, "json_extract(json, '$.id')"),
	EVIDENCE(type, "json_extract(json, '$.type')"),
	EVIDENCE(ts, "coalesce(json_extract(json, '$.ts'), 0)"),
	EVIDENCE(pid, "coalesce(json_extract(json, '$.pid'), 0)"),
	{ "evidence", "n",
	  "SELECT finding || ', ' || match || ', ' || n, n, must FROM (SELECT finding, match, n, "
	  "row_number() OVER (PARTITION BY finding, match ORDER BY n) AS must FROM evidence) "
	  "WHERE n <> must" },
	{ "evidence", "match",
	  "SELECT finding || ', ' || match || ', ' || n, match, 'first or last' FROM evidence "
	  "WHERE match NOT IN ('first', 'last')" },
	{ "finding", "id",
	  "SELECT f.id, f.id, 'evidence of its first match' FROM finding AS f WHERE NOT EXISTS "
	  "(SELECT 1 FROM evidence AS e WHERE e.finding = f.id AND e.match = 'first')" },
	{ "finding", "replay",
	  "SELECT f.id, f.replay, r.replay FROM finding AS f JOIN rule AS r ON r.id = f.rule "
	  "WHERE f.replay <> r.replay" },
	{ "finding", "boot",
	  "SELECT f.id, f.boot, 'a boot of a capture that was replayed' FROM finding AS f "
	  "JOIN boot AS b ON b.id = f.boot WHERE NOT EXISTS (SELECT 1 FROM replayed AS d "
	  "WHERE d.replay = f.replay AND d.capture = b.capture)" },
	/* As case_tie_findings() has it. */
	{ "finding", "process",
	  "SELECT id, process, must FROM (SELECT f.id, f.process, (SELECT p.id FROM process AS p "
	  "WHERE p.boot = f.boot AND p.pid = f.pid AND (p.from_ts IS NULL OR p.from_ts <= f.ts) "
	  "ORDER BY p.from_ts DESC LIMIT 1) AS must FROM finding AS f) "
	  "WHERE process IS NOT must" },
	{ "finding", "image",
	  "SELECT id, image, must FROM (SELECT f.id, f.image, (SELECT i.id FROM image AS i "
	  "WHERE i.process = f.process AND (i.from_ts IS NULL OR i.from_ts <= f.ts) "
	  "ORDER BY i.from_ts DESC LIMIT 1) AS must FROM finding AS f) WHERE image IS NOT must" },
	{ "rule", "severity_rank",
	  "SELECT id, severity_rank, must FROM (SELECT id, severity_rank, CASE severity "
	  "WHEN 'informational' THEN 0 WHEN 'low' THEN 1 WHEN 'medium' THEN 2 WHEN 'high' THEN 3 "
	  "WHEN 'critical' THEN 4 END AS must FROM rule) WHERE severity_rank IS NOT must" },
	{ "rule", "file",
	  "SELECT r.id, r.file, 'a file of rule_file' FROM rule AS r WHERE r.file IS NOT NULL AND "
	  "NOT EXISTS (SELECT 1 FROM rule_file AS f WHERE f.replay = r.replay AND "
	  "f.path = r.file)" },
	{ "rule", "id",
	  "SELECT r.id, r.id, 'a verdict of it' FROM rule AS r WHERE NOT EXISTS "
	  "(SELECT 1 FROM verdict AS v WHERE v.rule = r.id AND v.replay = r.replay)" },
	{ "rule_file", "n",
	  "SELECT replay || ', ' || n, n, must FROM (SELECT replay, n, row_number() OVER "
	  "(PARTITION BY replay ORDER BY n) AS must FROM rule_file) WHERE n <> must" },
	{ "replay", "rules",
	  "SELECT id, rules, must FROM (SELECT id, rules, (SELECT count(*) FROM rule WHERE "
	  "replay = r.id) AS must FROM replay AS r) WHERE rules <> must" },
	{ "replay", "findings",
	  "SELECT id, findings, must FROM (SELECT id, findings, (SELECT count(*) FROM finding "
	  "WHERE replay = r.id) AS must FROM replay AS r) WHERE findings <> must" },
	{ "replay", "id",
	  "SELECT id, id, 'captures that it was over' FROM replay WHERE id NOT IN "
	  "(SELECT replay FROM replayed)" },
	{ "verdict", "findings",
	  "SELECT id, findings, must FROM (SELECT id, findings, (SELECT count(*) FROM finding "
	  "WHERE rule = v.rule) AS must FROM verdict AS v) WHERE findings <> must" },
	{ "capture", "segments",
	  "SELECT id, segments, must FROM (SELECT id, segments, (SELECT count(*) FROM source "
	  "WHERE capture = c.id) AS must FROM capture AS c) WHERE segments <> must" },
	{ "capture", "head",
	  "SELECT id, head, must FROM (SELECT id, head, (SELECT head FROM source "
	  "WHERE capture = c.id ORDER BY id DESC LIMIT 1) AS must FROM capture AS c) "
	  "WHERE head IS NOT must" },
	{ "capture", "damages",
	  "SELECT id, damages, must FROM (SELECT id, damages, (SELECT count(*) FROM gap "
	  "WHERE capture = c.id AND kind NOT IN ('lost', 'retired')) AS must FROM capture AS c) "
	  "WHERE damages <> must" },
	{ "source", "path",
	  "SELECT s.id, s.path, c.path FROM source AS s JOIN capture AS c ON c.id = s.capture "
	  "WHERE substr(CAST(s.path AS BLOB), 1, length(CAST(c.path AS BLOB))) <> "
	  "CAST(c.path AS BLOB)" },
	{ "source", "boot",
	  "SELECT s.id, s.boot, 'a boot of its capture' FROM source AS s JOIN boot AS b "
	  "ON b.id = s.boot WHERE b.capture <> s.capture" },
};

static int check_rows(struct prover *x, const struct check *c)
{
	sqlite3_stmt *s;
	int n = 0, r = proof_prepare(x, c->sql, &s);

	while (r == 0 && n++ < COMPLAINTS && sqlite3_step(s) == SQLITE_ROW) {
		char row[80];
		struct proof_place at = { .table = c->table, .row = row, .column = c->column };

		snprintf(row, sizeof(row), "%s", (const char *)sqlite3_column_text(s, 0));
		proof_differs(x, &at, s, 1, s, 2);
	}
	return r < 0 ? r : proof_finish(x, s);
}

/* The table is only there if somebody wanted it. */
static int check_events(struct prover *x)
{
	static const struct check loaded = {
		"capture", "events_loaded",
		"SELECT c.id, c.events_loaded, n FROM capture AS c LEFT JOIN (SELECT capture, "
		"count(*) AS n FROM event GROUP BY capture) AS e ON e.capture = c.id "
		"WHERE coalesce(c.events_loaded, 0) <> coalesce(n, 0)"
	};

	if (!proof_number(x, "SELECT count(*) FROM sqlite_schema WHERE name = 'event'", 0))
		return 0;
	return check_rows(x, &loaded);
}

static void count(struct prover *x)
{
	struct proof *p = x->p;

	for (const struct case_table *t = case_tables; t->name; t++) {
		char sql[96];

		snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s", t->name);
		p->n_rows += (uint64_t)proof_number(x, sql, 0);
	}
	p->n_captures = (uint64_t)proof_number(x, "SELECT count(*) FROM capture", 0);
	p->n_replays = (uint64_t)proof_number(x, "SELECT count(*) FROM replay", 0);
	p->n_findings = (uint64_t)proof_number(x, "SELECT count(*) FROM finding", 0);
	p->n_evidence = (uint64_t)proof_number(x, "SELECT count(*) FROM evidence", 0);
	p->n_notes = (uint64_t)proof_number(x, "SELECT count(*) FROM note", 0);
	p->n_rows -= p->n_notes;
	p->steps[PROOF_DATABASE].n_checked = p->n_rows;
}

/* What it is proven to be altered in is said; only a database that cannot be read ends it. */
int proof_database(struct prover *x, struct reel_err *err)
{
	sqlite3 *model = NULL;
	int r = make_model(&model, err);

	x->step = PROOF_DATABASE;
	proof_progress(x, "looking at the database", 0, 0);
	if (r == 0)
		r = compare_ours(x, model);
	if (r == 0)
		r = list_others(x, model);
	sqlite3_close(model);
	if (r == 0)
		r = check_pages(x);
	if (r == 0 && x->has_tables) {
		r = check_keys(x);
		for (size_t i = 0; r == 0 && i < sizeof(checks) / sizeof(checks[0]); i++)
			r = check_rows(x, &checks[i]);
		if (r == 0)
			r = check_events(x);
		count(x);
	}
	if (r == -EBADMSG)
		x->has_tables = false;
	return r == -EBADMSG ? 0 : r;
}
