/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a slice asks of the case. Names are not qualified: a view of that name in front of a table,
 * which leaves out what is not to be shown, is asked instead.
 *
 * The indexes are named, since statistics mislead about columns that are mostly NULL: with a few
 * renames among millions of rows a look-up by old_file seems to find a good part of them. A case
 * that lacks one is asked without.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "query/slice_impl.h"

#define COLUMNS                                                               \
	"SELECT id, kind, file, child, connection, old_file, process, boot, " \
	"from_ts, to_ts, from_ns, to_ns, count, bytes "
#define BY " INDEXED BY edge_by_"
#define BY_TIME(column) "edge" BY column "_is_out_boot_from_ts "
#define EDGE(column) COLUMNS "FROM " BY_TIME(column)

/* ?1 node, ?2 is_out, ?3 and ?4 boot and ts, ?5 how many at most. */
#define FROM_THEN_ON(column)                     \
	EDGE(column)                             \
	"WHERE " column " = ?1 AND is_out = ?2 " \
	"AND (boot, from_ts) >= (?3, ?4) ORDER BY boot, from_ts LIMIT ?5"
#define UNTIL_THEN(column)                       \
	EDGE(column)                             \
	"WHERE " column " = ?1 AND is_out = ?2 " \
	"AND (boot, from_ts) <= (?3, ?4) "       \
	"ORDER BY boot DESC, from_ts DESC LIMIT ?5"
/* Those that began before and went on; of many only the last few can be looked at. */
#define GOING_ON(column)                                                             \
	"SELECT * FROM (" EDGE(column) "WHERE " column " = ?1 AND is_out = ?2 "      \
				       "AND boot = ?3 AND from_ts < ?4 "             \
				       "ORDER BY boot DESC, from_ts DESC LIMIT ?5) " \
				       "WHERE to_ts >= ?4"
#define HOW_MANY(column, compare)                                                            \
	"SELECT count(*) FROM (SELECT 1 FROM " BY_TIME(                                      \
		column) "WHERE " column " = ?1 AND is_out = ?2 AND (boot, from_ts) " compare \
			" (?3, ?4) LIMIT ?5)"

static const char *const forward_sql[S_STATEMENTS] = {
	[S_PROCESS] = FROM_THEN_ON("process"),
	[S_FILE] = FROM_THEN_ON("file"),
	[S_CONNECTION] = FROM_THEN_ON("connection"),
	[S_EARLIER_PROCESS] = GOING_ON("process"),
	[S_EARLIER_FILE] = GOING_ON("file"),
	[S_EARLIER_CONNECTION] = GOING_ON("connection"),
	[S_COUNT_PROCESS] = HOW_MANY("process", ">="),
	[S_COUNT_FILE] = HOW_MANY("file", ">="),
	[S_COUNT_CONNECTION] = HOW_MANY("connection", ">="),
	/* ?1 file, ?2 process: whether somebody else has it from there. */
	[S_OTHERS] = "SELECT 1 FROM (SELECT process FROM " BY_TIME(
		"file") "WHERE file = ?1 AND is_out = 0 LIMIT 1000) WHERE process <> ?2 LIMIT 1",
};

static const char *const backward_sql[S_STATEMENTS] = {
	[S_PROCESS] = UNTIL_THEN("process"),
	[S_FILE] = UNTIL_THEN("file"),
	[S_CONNECTION] = UNTIL_THEN("connection"),
	[S_COUNT_PROCESS] = HOW_MANY("process", "<="),
	[S_COUNT_FILE] = HOW_MANY("file", "<="),
	[S_COUNT_CONNECTION] = HOW_MANY("connection", "<="),
	/* ?1 file, ?2 process, ?3 and ?4 until when: 1, it came from somebody else; 0, from the
	 * process itself alone; no row: from nobody. */
	[S_OTHERS] = "SELECT max(process <> ?2 OR old_file IS NOT NULL) FROM ("
		     "SELECT process, old_file FROM " BY_TIME(
			     "file") "WHERE file = ?1 AND is_out = 1 "
				     "AND (boot, from_ts) <= (?3, ?4) "
				     "ORDER BY boot DESC, from_ts DESC LIMIT 1000) HAVING count(*) "
				     "UNION ALL SELECT 1 FROM edge" BY "old_file "
				     "WHERE old_file = ?1 AND kind = 'link' "
				     "ORDER BY 1 DESC LIMIT 1",
};

static const char *const common_sql[S_STATEMENTS] = {
	[S_OLD_FILE] = COLUMNS "FROM edge" BY "old_file WHERE old_file = ?1 LIMIT ?5",
	/* A name that was made by link() is so by one of the first things that happened to it. */
	[S_LINKS] = "SELECT * FROM (" EDGE(
		"file") "WHERE file = ?1 AND is_out = 1 "
			"ORDER BY boot, from_ts LIMIT ?5) WHERE kind = 'link'",
	[S_CHILD] = COLUMNS "FROM edge" BY "child WHERE child = ?1 LIMIT ?5",
	/* In the order of enum slice_file_way. */
	[S_FILE_WAY] = "SELECT CASE WHEN kind IN ('pipe', 'socket', 'anon') THEN 2 "
		       "WHEN path IN ('/dev/null', '/dev/zero', '/dev/full', '/dev/random', "
		       "'/dev/urandom', '/dev/console', '/dev/ptmx') "
		       "OR path GLOB '/dev/tty*' OR path GLOB '/dev/pts/*' THEN 3 "
		       "WHEN path GLOB '/proc/*' OR path GLOB '/sys/*' THEN 4 ELSE 1 END "
		       "FROM file WHERE id = ?1",
	/* 1: founded a family; 2: init or a thread of the kernel. */
	[S_FOUNDER] = "SELECT CASE WHEN pid = 1 OR kernel_thread = 1 THEN 2 "
		      "WHEN ppid = 1 OR id = (SELECT leader FROM session AS s "
		      "WHERE s.id = p.session) OR (container IS NOT NULL AND parent IS NOT NULL "
		      "AND container IS NOT (SELECT container FROM process AS q "
		      "WHERE q.id = p.parent)) THEN 1 ELSE 0 END "
		      "FROM process AS p WHERE id = ?1",
	[S_PROCESS_LABEL] = "SELECT pid, comm, exe, CASE WHEN json_valid(argv) THEN "
			    "(SELECT group_concat(value, ' ') FROM (SELECT value FROM "
			    "json_each(argv) WHERE key > 0 LIMIT 32)) END FROM process "
			    "WHERE id = ?1",
	[S_FILE_LABEL] = "SELECT path, kind FROM file WHERE id = ?1",
	[S_CONNECTION_LABEL] = "SELECT family, proto, addr, port, name, unix_path, laddr, lport, "
			       "peer, inode, kind FROM connection WHERE id = ?1",
};

int slice_sql_error(struct slice_work *w)
{
	int code = sqlite3_errcode(w->db) & 0xff;

	if (code == SQLITE_NOMEM)
		return reel_err_set(w->err, -ENOMEM, "no memory for a slice");
	if (code == SQLITE_INTERRUPT)
		return reel_err_set(w->err, -EINTR, "interrupted");
	return reel_err_set(w->err, -EIO, "slice: %s", sqlite3_errmsg(w->db));
}

static int prepare_without_indexes(struct slice_work *w, const char *sql, sqlite3_stmt **ret)
{
	static const char by[] = " INDEXED BY ";
	char *copy = strdup(sql), *at;
	int code;

	if (!copy)
		return reel_err_set(w->err, -ENOMEM, "no memory for a slice");
	while ((at = strstr(copy, by))) {
		char *end = at + sizeof(by) - 1;

		end += strcspn(end, " ");
		memmove(at, end, strlen(end) + 1);
	}
	code = sqlite3_prepare_v2(w->db, copy, -1, ret, NULL);
	free(copy);
	return code == SQLITE_OK ? 0 : slice_sql_error(w);
}

int slice_statement(struct slice_work *w, enum slice_statement which, sqlite3_stmt **ret)
{
	const char *sql = common_sql[which];
	int result = 0;

	if (!sql)
		sql = w->q->is_backward ? backward_sql[which] : forward_sql[which];
	if (!w->statements[which] &&
	    sqlite3_prepare_v2(w->db, sql, -1, &w->statements[which], NULL) != SQLITE_OK)
		result = prepare_without_indexes(w, sql, &w->statements[which]);
	*ret = w->statements[which];
	return result;
}

int slice_next(struct slice_work *w, sqlite3_stmt *s)
{
	int code = sqlite3_step(s), result = 0;

	if (code == SQLITE_ROW)
		return 1;
	if (code != SQLITE_DONE)
		result = slice_sql_error(w);
	sqlite3_reset(s);
	return result;
}
