/* SPDX-License-Identifier: BSD-2-Clause */
#include "query/health.h"

#include "format/outcome.h"

static enum reel_status health_of(const struct reel_capture *c, health_say_fn say, void *context)
{
	const struct reel_filter all = { 0 };
	const struct reel_health *h = &c->health;
	char line[REEL_HEALTH_LINE];

	if (!reel_health_touches(h, c->reader, &all))
		return REEL_STATUS_OK;
	for (unsigned i = 0; reel_health_line(h, i, line); i++)
		say(context, line);
	if (h->n_damages && c->reading.blocks && !c->reading.unpacked && !c->reading.events)
		return REEL_STATUS_UNREADABLE;
	return REEL_STATUS_INCOMPLETE;
}

enum reel_status health_of_captures(struct reel_captures *captures, bool also_unread,
				    health_say_fn say, void *context)
{
	enum reel_status status = REEL_STATUS_OK;

	for (struct reel_capture *c = reel_captures_each(captures, NULL); c;
	     c = reel_captures_each(captures, c)) {
		enum reel_status one;

		if (!also_unread && !c->reading.blocks)
			continue;
		one = health_of(c, say, context);
		if (one == REEL_STATUS_UNREADABLE || status == REEL_STATUS_OK)
			status = one;
	}
	return status;
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
	" WHERE kind <> 'retired' AND NOT EXISTS"
	" (SELECT 1 FROM capture WHERE lost OR damages OR ending <> 'complete')"
	" HAVING count(*)";

enum reel_status health_of_case(sqlite3 *db, health_say_fn say, void *context)
{
	static const char *const questions[] = { incomplete_sql, gaps_sql };
	enum reel_status status = REEL_STATUS_OK;

	for (unsigned i = 0; i < sizeof(questions) / sizeof(*questions); i++) {
		sqlite3_stmt *s = NULL;

		/* A database that is no case has nothing to say. */
		if (sqlite3_prepare_v2(db, questions[i], -1, &s, NULL) == SQLITE_OK)
			while (sqlite3_step(s) == SQLITE_ROW) {
				say(context, (const char *)sqlite3_column_text(s, 0));
				status = REEL_STATUS_INCOMPLETE;
			}
		sqlite3_finalize(s);
	}
	return status;
}
