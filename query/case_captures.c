/* SPDX-License-Identifier: BSD-2-Clause */
#include "query/case_captures.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HAS_EVENTS "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'event'"
#define PATHS "SELECT DISTINCT CAST(path AS TEXT) FROM capture ORDER BY id LIMIT 1024"
#define IDS "SELECT lower(capture_id) FROM capture"

struct places {
	char **v;
	unsigned n;
};

static void places_done(struct places *p)
{
	for (unsigned i = 0; i < p->n; i++)
		free(p->v[i]);
	free(p->v);
}

/* As it was given, or from where the case lies. NULL: there is nothing. */
static char *place_of(sqlite3 *db, const char *path)
{
	const char *file = sqlite3_db_filename(db, "main");
	const char *slash = file ? strrchr(file, '/') : NULL;
	char other[PATH_MAX];

	if (access(path, R_OK) == 0)
		return strdup(path);
	if (!slash || *path == '/')
		return NULL;
	if ((size_t)snprintf(other, sizeof(other), "%.*s%s", (int)(slash + 1 - file), file, path) >=
	    sizeof(other))
		return NULL;
	return access(other, R_OK) == 0 ? strdup(other) : NULL;
}

/* Without a table of captures, which is no error, there are none. */
static int find_places(sqlite3 *db, struct places *ret)
{
	sqlite3_stmt *statement;

	if (sqlite3_prepare_v2(db, PATHS, -1, &statement, NULL) != SQLITE_OK)
		return 0;
	ret->v = calloc(REEL_CAPTURE_PATHS_MAX, sizeof(*ret->v));
	while (ret->v && ret->n < REEL_CAPTURE_PATHS_MAX && sqlite3_step(statement) == SQLITE_ROW) {
		const char *path = (const char *)sqlite3_column_text(statement, 0);
		char *place = path ? place_of(db, path) : NULL;

		if (place)
			ret->v[ret->n++] = place;
	}
	sqlite3_finalize(statement);
	return ret->v ? 0 : -ENOMEM;
}

static bool holds(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *statement;
	bool found;

	if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
		return false;
	found = sqlite3_step(statement) == SQLITE_ROW;
	sqlite3_finalize(statement);
	return found;
}

static bool is_of_case(sqlite3 *db, const uint8_t id[TAPE_ID_BYTES])
{
	char sql[sizeof(IDS) + 32 + 2 * TAPE_ID_BYTES];
	char *end = sql + sprintf(sql, "%s WHERE capture_id = '", IDS);

	for (unsigned i = 0; i < TAPE_ID_BYTES; i++)
		end += sprintf(end, "%02x", id[i]);
	memcpy(end, "'", 2);
	return holds(db, sql);
}

/* Something else may lie there by now. */
static bool all_of_case(sqlite3 *db, const struct reel_reader *r)
{
	for (unsigned i = 0; i < r->n_sources; i++)
		if (!is_of_case(db, r->sources[i].capture))
			return false;
	return true;
}

/* Each alone first: one that cannot be read, or is another, does not take the rest with it. */
static void keep_right_ones(sqlite3 *db, struct reel_captures *captures, struct places *p)
{
	unsigned n = 0;

	for (unsigned i = 0; i < p->n; i++) {
		struct reel_err why;
		struct reel_reader *r;
		int opened =
			reel_reader_open_all(&p->v[i], 1, reel_captures_keys(captures), &r, &why);
		bool is_right = opened == 0;

		if (opened == -ENOKEY)
			reel_captures_note_closed(captures, why.msg);

		if (is_right) {
			is_right = all_of_case(db, r);
			reel_reader_close(r);
		}
		if (is_right)
			p->v[n++] = p->v[i];
		else
			free(p->v[i]);
	}
	p->n = n;
}

int case_captures_open(sqlite3 *db, struct reel_captures *captures, unsigned *ret_n,
		       struct reel_err *err)
{
	struct reel_capture *open;
	struct places places = { 0 };
	int r = reel_captures_get(captures, NULL, &open, NULL);

	*ret_n = 0;
	if (r == 0) {
		*ret_n = open->reader->n_sources;
		reel_capture_unref(open);
		return 0;
	}
	if (holds(db, HAS_EVENTS))
		return 0;
	r = find_places(db, &places);
	if (r < 0)
		r = reel_err_set(err, r, "no memory to look for captures");
	else
		keep_right_ones(db, captures, &places);
	if (r == 0 && places.n)
		r = reel_captures_open(captures, (const char *const *)places.v, places.n, err);
	if (r == 0)
		*ret_n = places.n;
	places_done(&places);
	return r;
}
