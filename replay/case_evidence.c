/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay/case_evidence.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct case_evidence {
	struct case_writer *w;
	sqlite3_stmt *split;
};

int case_evidence_new(struct case_writer *w, struct case_evidence **ret, struct reel_err *err)
{
	struct case_evidence *e = calloc(1, sizeof(*e));

	*ret = NULL;
	if (!e)
		return reel_err_set(err, -ENOMEM, "no memory for the evidence of a case");
	e->w = w;
	/* A list of objects, which have the event under its name. */
	if (sqlite3_prepare_v3(case_writer_db(w),
			       "SELECT json_extract(value, '$.event.id'), "
			       "json_extract(value, '$.event.ts'), "
			       "json_extract(value, '$.event.type'), "
			       "json_extract(value, '$.event.pid'), json_extract(value, '$.event') "
			       "FROM json_each(?1)",
			       -1, SQLITE_PREPARE_PERSISTENT, &e->split, NULL) != SQLITE_OK) {
		free(e);
		return case_writer_error(w, "cannot take evidence apart", err);
	}
	*ret = e;
	return 0;
}

void case_evidence_free(struct case_evidence *e)
{
	if (!e)
		return;
	sqlite3_finalize(e->split);
	free(e);
}

static struct case_text column_text(sqlite3_stmt *s, int n)
{
	const void *bytes = sqlite3_column_text(s, n);

	return (struct case_text){ bytes, bytes ? (size_t)sqlite3_column_bytes(s, n) : 0 };
}

static int put_match(struct case_evidence *e, const struct engine *engine, const struct finding *f,
		     const struct finding_match *m, const char *match, int64_t id,
		     struct reel_err *err)
{
	const char *json = findings_blob(engine->findings, &m->json);
	struct row_evidence row;
	int result = 0;

	if (!json)
		return reel_err_set(err, -EIO, "evidence cannot be read again");
	sqlite3_bind_text64(e->split, 1, json, m->json.length, SQLITE_STATIC, SQLITE_UTF8);
	case_clear(CASE_evidence, &row);
	row.finding = id;
	row.match = (struct case_text){ match, strlen(match) };
	for (row.n = 1; result == 0 && sqlite3_step(e->split) == SQLITE_ROW; row.n++) {
		int64_t ns;

		row.event = column_text(e->split, 0);
		row.ts = sqlite3_column_int64(e->split, 1);
		ns = engine_realtime(engine->boots[f->boot], (uint64_t)row.ts);
		row.ns = ns > 0 ? ns : CASE_NONE;
		row.type = column_text(e->split, 2);
		row.pid = sqlite3_column_int64(e->split, 3);
		row.json = column_text(e->split, 4);
		result = case_write(e->w, CASE_evidence, &row, err);
	}
	if (sqlite3_reset(e->split) != SQLITE_OK && result == 0)
		result = case_writer_error(e->w, "cannot take evidence apart", err);
	return result;
}

int case_evidence_put(struct case_evidence *e, const struct engine *engine, const struct finding *f,
		      int64_t id, struct reel_err *err)
{
	int result = put_match(e, engine, f, &f->first, "first", id, err);

	if (result == 0 && f->count > 1 && !f->latest)
		result = put_match(e, engine, f, &f->last, "last", id, err);
	return result;
}
