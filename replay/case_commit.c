/* SPDX-License-Identifier: BSD-2-Clause */
/* The end of writing a case: its keys are checked, and it is put where it belongs. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "replay/case_writer_impl.h"

static int key_error(struct case_writer *w, int64_t row, const char *table, const char *parent,
		     struct reel_err *err)
{
	return reel_err_set(err, -EINVAL, "%s: row %lld of %s has no row of %s", w->path,
			    (long long)row, table, parent);
}

/* Of one table, or of all. */
static int check_all_rows(struct case_writer *w, const char *table, struct reel_err *err)
{
	sqlite3_stmt *s = NULL;
	char sql[128];
	int code, result = 0;

	snprintf(sql, sizeof(sql), "PRAGMA foreign_key_check%s%s%s", table ? "(" : "",
		 table ? table : "", table ? ")" : "");
	code = sqlite3_prepare_v2(w->db, sql, -1, &s, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_step(s);
	if (code == SQLITE_ROW)
		result = key_error(w, sqlite3_column_int64(s, 1),
				   (const char *)sqlite3_column_text(s, 0),
				   (const char *)sqlite3_column_text(s, 2), err);
	else if (code != SQLITE_DONE)
		result = case_writer_error(w, "cannot check its keys", err);
	sqlite3_finalize(s);
	return result;
}

/* A number of the table; *ret_all: its ids are 1, 2 ... to that, without any left out. */
static int count_ids(struct case_writer *w, const char *table, int64_t *ret, bool *ret_all,
		     struct reel_err *err)
{
	char sql[128];
	int64_t last = 0;
	int result;

	snprintf(sql, sizeof(sql), "SELECT max(id) FROM %s", table);
	result = case_writer_ask(w, sql, &last, err);
	snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s WHERE id > 0", table);
	if (result == 0)
		result = case_writer_ask(w, sql, ret, err);
	*ret_all = last == *ret;
	return result;
}

/*
 * Whether all its keys hold for the reason that those of a new case do: where no id of a table was
 * left out, every number between the first and the last is one. *ret_holds false: look at each.
 */
static int check_ranges(struct case_writer *w, enum case_table_id id, bool *ret_holds,
			struct reel_err *err)
{
	const struct case_table *t = &case_tables[id];
	struct reel_out o;
	int64_t n = 0, beyond = 0;
	int result = 0;

	*ret_holds = true;
	if (out_init_mem(&o) < 0)
		return reel_err_set(err, -ENOMEM, "no memory to check a case");
	out_str(&o, "SELECT EXISTS (SELECT 1 FROM ");
	out_str(&o, t->name);
	out_str(&o, " WHERE 0");
	for (unsigned i = 0; result == 0 && *ret_holds && i < t->n_columns; i++) {
		char parent[64];

		if (!case_column_refers(&t->columns[i], parent, sizeof(parent)))
			continue;
		result = count_ids(w, parent, &n, ret_holds, err);
		out_str(&o, " OR ");
		out_str(&o, t->columns[i].name);
		out_str(&o, " NOT BETWEEN 1 AND ");
		out_u64(&o, (uint64_t)n);
	}
	out_str(&o, ")");
	out_char(&o, '\0');
	if (out_error(&o) < 0)
		result = reel_err_set(err, -ENOMEM, "no memory to check a case");
	if (result == 0 && *ret_holds)
		result = case_writer_ask(w, o.buf, &beyond, err);
	*ret_holds &= !beyond;
	out_done(&o);
	return result;
}

static int check_table(struct case_writer *w, enum case_table_id id, struct reel_err *err)
{
	bool holds;
	int result = check_ranges(w, id, &holds, err);

	return result == 0 && !holds ? check_all_rows(w, case_tables[id].name, err) : result;
}

static int check_new_rows(struct case_writer *w, enum case_table_id id, struct reel_err *err)
{
	const struct case_table *t = &case_tables[id];
	int result = 0;

	for (unsigned i = 0; result == 0 && i < t->n_columns; i++) {
		char parent[64], sql[512];
		int64_t row;

		if (!case_column_refers(&t->columns[i], parent, sizeof(parent)))
			continue;
		snprintf(sql, sizeof(sql),
			 "SELECT id FROM %s AS t WHERE id > %lld AND %s IS NOT NULL AND "
			 "NOT EXISTS (SELECT 1 FROM %s AS p WHERE p.id = t.%s) LIMIT 1",
			 t->name, (long long)w->last_old_id[id], t->columns[i].name, parent,
			 t->columns[i].name);
		result = case_writer_ask(w, sql, &row, err);
		if (result == 0 && row)
			result = key_error(w, row, t->name, parent, err);
	}
	return result;
}

/*
 * In a case that was there: rows of a capture refer to rows of that capture only, which are all old
 * or all new. What refers to captures from elsewhere are the tables of replays, which are small.
 */
static int check_keys(struct case_writer *w, struct reel_err *err)
{
	int result = 0;

	for (int t = 0; result == 0 && w->is_fresh && t < CASE_N_TABLES; t++)
		result = check_table(w, (enum case_table_id)t, err);
	if (w->is_fresh)
		return result;
	for (int t = 0; result == 0 && t < CASE_N_TABLES; t++) {
		if (t < CASE_container || t >= CASE_replay)
			result = check_all_rows(w, case_tables[t].name, err);
		else
			result = check_new_rows(w, (enum case_table_id)t, err);
	}
	return result;
}

static void close_db(struct case_writer *w)
{
	for (int t = 0; t < CASE_N_TABLES; t++) {
		case_rows_free(w->waiting[t]);
		w->waiting[t] = NULL;
	}
	sqlite3_close(w->db);
	w->db = NULL;
}

static int sync_file(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC), result = 0;

	if (fd < 0)
		return -errno;
	if (fsync(fd) < 0)
		result = -errno;
	close(fd);
	return result;
}

/* Where the file system cannot rename without replacing, a second link can only be made where there
 * is nothing. */
static int name_it(struct case_writer *w)
{
	if (renameat2(AT_FDCWD, w->open_path, AT_FDCWD, w->path, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -errno;
	if (link(w->open_path, w->path) < 0)
		return -errno;
	(void)unlink(w->open_path);
	return 0;
}

static int put_in_place(struct case_writer *w, struct reel_err *err)
{
	int result = sync_file(w->open_path, O_RDONLY);
	char *directory;

	if (result < 0)
		return reel_err_set(err, result, "%s: cannot write it: %s", w->path,
				    strerror(-result));
	result = name_it(w);
	if (result == -EEXIST)
		return reel_err_set(err, result, "%s: somebody else has made it meanwhile",
				    w->path);
	if (result < 0)
		return reel_err_set(err, result, "%s: cannot give it its name: %s", w->path,
				    strerror(-result));
	w->is_beside = false;
	directory = strdup(w->open_path);
	if (directory)
		(void)sync_file(dirname(directory), O_RDONLY | O_DIRECTORY);
	free(directory);
	return 0;
}

int case_writer_index(struct case_writer *w, struct reel_err *err)
{
	int result = case_writer_flush(w, err);

	if (result < 0 || !w->is_fresh || w->is_indexed)
		return result;
	w->is_indexed = true;
	return case_writer_run(w, case_put_indexes, err);
}

int case_writer_commit(struct case_writer *w, struct reel_err *err)
{
	int result = case_writer_index(w, err);

	if (result == 0 && w->is_fresh)
		result = case_writer_run(w, case_put_views, err);
	if (result == 0)
		result = check_keys(w, err);
	if (result == 0)
		result = case_writer_exec(w, "PRAGMA analysis_limit = 1000; ANALYZE; COMMIT", err);
	if (result < 0)
		return result;
	close_db(w);
	return w->is_beside ? put_in_place(w, err) : 0;
}

void case_writer_free(struct case_writer *w)
{
	if (!w)
		return;
	close_db(w);
	if (w->is_beside)
		(void)unlink(w->open_path);
	free(w->open_path);
	free(w->path);
	free(w);
}
