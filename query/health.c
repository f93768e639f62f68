/* SPDX-License-Identifier: BSD-2-Clause */
#include "query/health.h"

#include <stdio.h>
#include <string.h>

#include "format/outcome.h"
#include "format/tape.h"
#include "format/walk.h"

int health_of_capture(const char *path, void (*say)(void *context, const char *line), void *context,
		      struct reel_err *err)
{
	struct reel_filter filter = { .kinds = 1u << TAPE_GAP };
	struct reel_reader *reader = NULL;
	struct reel_walk *walk = NULL;
	struct reel_event event;
	char line[REEL_HEALTH_LINE];
	int n = 0, r = reel_reader_open(path, &reader, err);

	if (r == 0)
		r = reel_walk_open(reader, &filter, &walk, err);
	if (r == 0)
		while ((r = reel_walk_next(walk, &event, err)) > 0)
			;
	if (r == 0 && reel_health_touches(reel_walk_health(walk), reader, &filter))
		for (unsigned i = 0; reel_health_line(reel_walk_health(walk), i, line); i++) {
			say(context, line);
			n++;
		}
	reel_walk_close(walk);
	reel_reader_close(reader);
	return r < 0 ? r : n;
}

/* Captures that are not whole, and what is known to be missing, a line each. */
static const char incomplete_sql[] =
	"SELECT printf('%s: %s', path, trim("
	" CASE WHEN lost THEN lost || ' events were lost when it was recorded; ' ELSE '' END ||"
	" CASE WHEN damages THEN damages || ' places are damaged or missing; ' ELSE '' END ||"
	" CASE WHEN ending NOT IN ('complete', 'damaged') THEN 'its end is ' || ending ELSE '' END,"
	" '; ')) FROM capture WHERE lost OR damages OR ending <> 'complete'";
static const char gaps_sql[] =
	"SELECT printf('%d gaps: %s', count(*), group_concat(DISTINCT kind)) FROM gap"
	" WHERE NOT EXISTS (SELECT 1 FROM capture WHERE lost OR damages OR ending <> 'complete')"
	" HAVING count(*)";

int health_of_case(sqlite3 *db, void (*say)(void *context, const char *line), void *context,
		   struct reel_err *err)
{
	static const char *const questions[] = { incomplete_sql, gaps_sql };
	int n = 0;

	(void)err;
	for (unsigned i = 0; i < sizeof(questions) / sizeof(*questions); i++) {
		sqlite3_stmt *s = NULL;

		/* A database that is no case has nothing to say. */
		if (sqlite3_prepare_v2(db, questions[i], -1, &s, NULL) == SQLITE_OK)
			while (sqlite3_step(s) == SQLITE_ROW) {
				say(context, (const char *)sqlite3_column_text(s, 0));
				n++;
			}
		sqlite3_finalize(s);
	}
	return n;
}
