/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a slice starts: everything that fits what was asked for. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "query/slice_impl.h"

enum { ADDRESS_TEXT = 64 };

/*
 * Each gives ids and the captures that they are of. ?1 is the value, ?2 the port or NULL, ?3 the
 * time or NULL, ?4 how many at most; of two with the same type the second is asked if the first
 * finds nothing.
 */
struct start {
	const char *kind;
	enum slice_type type;
	const char *sql;
};

static const struct start starts[] = {
	{ "path", SLICE_FILE, "SELECT id, capture FROM file WHERE path = ?1 ORDER BY id LIMIT ?4" },
	{ "path", SLICE_FILE,
	  "SELECT id, capture FROM file WHERE path GLOB ?1 ORDER BY id LIMIT ?4" },
	{ "path", SLICE_CONNECTION,
	  "SELECT DISTINCT min(c.id, coalesce(c.peer, c.id)), b.capture "
	  "FROM connection AS c JOIN boot AS b ON b.id = c.boot "
	  "WHERE c.unix_path = ?1 ORDER BY 1 LIMIT ?4" },
	{ "file", SLICE_FILE, "SELECT id, capture FROM file WHERE id = ?1 LIMIT ?4" },
	{ "pid", SLICE_PROCESS,
	  "SELECT p.id, b.capture FROM process AS p JOIN boot AS b ON b.id = p.boot "
	  "WHERE p.pid = ?1 AND (?3 IS NULL OR (coalesce(p.from_ns, ?3) <= ?3 "
	  "AND coalesce(p.to_ns, ?3) >= ?3)) ORDER BY p.id LIMIT ?4" },
	{ "process", SLICE_PROCESS,
	  "SELECT p.id, b.capture FROM process AS p JOIN boot AS b ON b.id = p.boot "
	  "WHERE p.id = ?1 LIMIT ?4" },
	{ "addr", SLICE_CONNECTION,
	  "SELECT DISTINCT min(c.id, coalesce(c.peer, c.id)), b.capture "
	  "FROM connection AS c JOIN boot AS b ON b.id = c.boot "
	  "WHERE c.addr = ?1 AND (?2 IS NULL OR c.port = ?2) ORDER BY 1 LIMIT ?4" },
	{ "addr", SLICE_CONNECTION,
	  "SELECT DISTINCT min(c.id, coalesce(c.peer, c.id)), b.capture "
	  "FROM connection AS c JOIN boot AS b ON b.id = c.boot "
	  "WHERE c.name = ?1 AND (?2 IS NULL OR c.port = ?2) ORDER BY 1 LIMIT ?4" },
	{ "connection", SLICE_CONNECTION,
	  "SELECT min(c.id, coalesce(c.peer, c.id)), b.capture "
	  "FROM connection AS c JOIN boot AS b ON b.id = c.boot WHERE c.id = ?1 LIMIT ?4" },
};

/* What the clocks of the capture's last boot before showed then; without any, its first event. */
static const char moment_sql[] =
	"SELECT b.id, coalesce((SELECT c.ts + (?2 - c.realtime_ns) FROM clock AS c "
	"WHERE c.boot = b.id AND c.realtime_ns <= ?2 ORDER BY c.ts DESC LIMIT 1), "
	"(SELECT c.ts + (?2 - c.realtime_ns) FROM clock AS c WHERE c.boot = b.id "
	"ORDER BY c.ts LIMIT 1), b.from_ts + (?2 - b.from_ns)) "
	"FROM boot AS b WHERE b.capture = ?1 AND b.from_ns <= ?2 ORDER BY b.id DESC LIMIT 1";

static int moment_of(struct slice_work *w, int64_t capture, struct slice_moment *ret)
{
	sqlite3_stmt *s = NULL;
	int result = 0;

	if (!w->q->has_at) {
		int64_t ts = w->q->is_backward ? INT64_MAX : INT64_MIN;

		*ret = (struct slice_moment){ ts, ts };
		return 0;
	}
	*ret = (struct slice_moment){ INT64_MIN, INT64_MIN };
	if (sqlite3_prepare_v2(w->db, moment_sql, -1, &s, NULL) != SQLITE_OK)
		return slice_sql_error(w);
	sqlite3_bind_int64(s, 1, capture);
	sqlite3_bind_int64(s, 2, w->q->at_ns);
	result = slice_next(w, s);
	if (result == 1)
		*ret = (struct slice_moment){ sqlite3_column_int64(s, 0),
					      sqlite3_column_int64(s, 1) };
	sqlite3_finalize(s);
	return result < 0 ? result : 0;
}

/* "192.0.2.1:443", "[2001:db8::1]:443"; what has no port stays as it is. */
static bool split_port(const char *text, char ret_addr[ADDRESS_TEXT], int *ret_port)
{
	const char *colon = strrchr(text, ':'), *end = colon;
	char *rest;
	long port;

	if (!colon || !colon[1] || (colon != strchr(text, ':') && text[0] != '['))
		return false;
	if (text[0] == '[') {
		if (colon == text || colon[-1] != ']')
			return false;
		text++;
		end = colon - 1;
	}
	port = strtol(colon + 1, &rest, 10);
	if (*rest || port < 0 || port > 65535 || end - text >= ADDRESS_TEXT)
		return false;
	memcpy(ret_addr, text, (size_t)(end - text));
	ret_addr[end - text] = 0;
	*ret_port = (int)port;
	return true;
}

static void bind_value(sqlite3_stmt *s, const struct slice_question *q)
{
	char addr[ADDRESS_TEXT];
	const char *text = NULL;
	int port;

	if (strcmp(q->kind, "addr") == 0)
		text = (const char *)sqlite3_value_text(q->value);
	if (text && split_port(text, addr, &port)) {
		sqlite3_bind_text(s, 1, addr, -1, SQLITE_TRANSIENT);
		sqlite3_bind_int(s, 2, port);
	} else if (text && text[0] == '[' && text[strlen(text) - 1] == ']') {
		sqlite3_bind_text(s, 1, text + 1, (int)strlen(text) - 2, SQLITE_TRANSIENT);
	} else {
		sqlite3_bind_value(s, 1, q->value);
	}
}

static int start_at(struct slice_work *w, const struct start *start, unsigned *ret_found)
{
	struct slice_step step = { .parent = SLICE_NONE, .bytes = -1 };
	sqlite3_stmt *s = NULL;
	int result;

	step.from_ns = step.to_ns = INT64_MIN;
	if (sqlite3_prepare_v2(w->db, start->sql, -1, &s, NULL) != SQLITE_OK)
		return slice_sql_error(w);
	bind_value(s, w->q);
	if (w->q->has_at && sqlite3_bind_parameter_count(s) >= 3)
		sqlite3_bind_int64(s, 3, w->q->at_ns);
	sqlite3_bind_int64(s, 4, (int64_t)w->q->nodes + 1);
	while ((result = slice_next(w, s)) == 1) {
		++*ret_found;
		step.to = slice_key(start->type, sqlite3_column_int64(s, 0));
		step.edge = *ret_found;
		result = moment_of(w, sqlite3_column_int64(s, 1), &step.at);
		if (!result)
			result = slice_push(w, &step);
		if (result)
			break;
	}
	sqlite3_finalize(s);
	return result;
}

static const char *known_kinds = "path, pid, addr, process, file or connection";

int slice_start(struct slice_work *w)
{
	const char *kind = w->q->kind, *text;
	bool is_known = false;
	unsigned found = 0;
	int result;

	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]) && !found; i++) {
		if (strcmp(starts[i].kind, kind) != 0)
			continue;
		is_known = true;
		result = start_at(w, &starts[i], &found);
		if (result)
			return result;
	}
	text = sqlite3_value_type(w->q->value) == SQLITE_BLOB ?
		       "(bytes)" :
		       (const char *)sqlite3_value_text(w->q->value);
	if (!is_known)
		return reel_err_set(w->err, -EINVAL, "slice: starts at one of %s, not at \"%s\"",
				    known_kinds, kind);
	if (!found)
		return reel_err_set(w->err, -ENOENT, "slice: the case has no %s %s%s", kind,
				    text ? text : "", w->q->has_at ? " at that time" : "");
	if (found > w->q->nodes)
		return reel_err_set(w->err, -EINVAL,
				    "slice: %s %s fits more than %u: say more exactly which", kind,
				    text ? text : "", w->q->nodes);
	return 0;
}
