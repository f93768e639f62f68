/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay/case_writer_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Errors --------------------------------------------------------------------------------------- */

static int errno_of(sqlite3 *db, int code)
{
	int system = db ? sqlite3_system_errno(db) : 0;

	switch (code & 0xff) {
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_NOTADB:
	case SQLITE_CORRUPT:
		return -EBADMSG;
	case SQLITE_TOOBIG:
		return -E2BIG;
	case SQLITE_INTERRUPT:
		return -EINTR;
	case SQLITE_READONLY:
		return system > 0 ? -system : -EROFS;
	case SQLITE_PERM:
	case SQLITE_CANTOPEN:
	case SQLITE_IOERR:
		return system > 0 ? -system : -EIO;
	default:
		return -EINVAL;
	}
}

int case_writer_error(struct case_writer *w, const char *what, struct reel_err *err)
{
	int code = w->db ? sqlite3_extended_errcode(w->db) : SQLITE_NOMEM;
	int result = errno_of(w->db, code);

	switch (code & 0xff) {
	case SQLITE_NOTADB:
		return reel_err_set(err, result, "%s: it is no SQLite database", w->path);
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return reel_err_set(err, result, "%s: another program has locked it", w->path);
	case SQLITE_READONLY:
		return reel_err_set(err, result, "%s: it cannot be written to", w->path);
	case SQLITE_FULL:
		return reel_err_set(err, result, "%s: %s: no space left", w->path, what);
	case SQLITE_CANTOPEN:
	case SQLITE_IOERR:
		return reel_err_set(err, result, "%s: %s: %s", w->path, what, strerror(-result));
	default:
		return reel_err_set(err, result, "%s: %s: %s", w->path, what,
				    w->db ? sqlite3_errmsg(w->db) : sqlite3_errstr(code));
	}
}

int case_writer_exec(struct case_writer *w, const char *sql, struct reel_err *err)
{
	if (sqlite3_exec(w->db, sql, NULL, NULL, NULL) != SQLITE_OK)
		return case_writer_error(w, "cannot write it", err);
	return 0;
}

int case_writer_ask(struct case_writer *w, const char *sql, int64_t *ret, struct reel_err *err)
{
	sqlite3_stmt *s = NULL;
	int code = sqlite3_prepare_v2(w->db, sql, -1, &s, NULL);

	if (code == SQLITE_OK)
		code = sqlite3_step(s);
	*ret = code == SQLITE_ROW ? sqlite3_column_int64(s, 0) : 0;
	if (code != SQLITE_ROW && code != SQLITE_DONE) {
		int result = case_writer_error(w, "cannot read it", err);

		sqlite3_finalize(s);
		return result;
	}
	sqlite3_finalize(s);
	return 0;
}

/* Opening -------------------------------------------------------------------------------------- */

/* SQLite gives some names a meaning; none begins with a slash or a dot and a slash. */
static char *plain_name(const char *path, const char *suffix, long number)
{
	char *name = NULL;
	int n;

	if (suffix)
		n = asprintf(&name, "%s%s%s%ld", path[0] == '/' ? "" : "./", path, suffix, number);
	else
		n = asprintf(&name, "%s%s", path[0] == '/' ? "" : "./", path);
	return n < 0 ? NULL : name;
}

/* Its own name says who it was for, if something ends us. */
static int make_beside(struct case_writer *w, struct reel_err *err)
{
	int fd;

	w->open_path = plain_name(w->path, ".new-", (long)getpid());
	if (!w->open_path)
		return reel_err_set(err, -ENOMEM, "no memory for the name of a case");
	fd = open(w->open_path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
	if (fd < 0)
		return reel_err_set(err, -errno, "%s: cannot make it: %s", w->path,
				    strerror(errno));
	w->is_beside = true;
	close(fd);
	return 0;
}

static int find_place(struct case_writer *w, struct reel_err *err)
{
	struct stat st;

	if (lstat(w->path, &st) < 0 && errno == ENOENT)
		return make_beside(w, err);
	if (stat(w->path, &st) < 0)
		return reel_err_set(err, -errno, "%s: %s", w->path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return reel_err_set(err, S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL,
				    "%s: it is no file", w->path);
	w->open_path = plain_name(w->path, NULL, 0);
	return w->open_path ? 0 : reel_err_set(err, -ENOMEM, "no memory for the name of a case");
}

static int tune(struct case_writer *w, struct reel_err *err)
{
	char sql[256];

	snprintf(sql, sizeof(sql),
		 "PRAGMA foreign_keys = OFF; PRAGMA cache_size = -%d; PRAGMA threads = 2; %s",
		 CASE_CACHE_BYTES >> 10,
		 w->is_beside ? "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; "
				"PRAGMA locking_mode = EXCLUSIVE; PRAGMA page_size = 8192" :
				"PRAGMA synchronous = FULL");
	sqlite3_busy_timeout(w->db, CASE_BUSY_MS);
	return case_writer_exec(w, sql, err);
}

/* Inside of the transaction: nobody can change it any more. */
static int check_kind(struct case_writer *w, struct reel_err *err)
{
	int64_t application = 0, version = 0, tables = 0;
	int result = case_writer_ask(w, "PRAGMA application_id", &application, err);

	if (result == 0)
		result = case_writer_ask(w, "PRAGMA user_version", &version, err);
	if (result == 0)
		result = case_writer_ask(w, "SELECT count(*) FROM sqlite_schema", &tables, err);
	if (result < 0)
		return result;
	w->is_fresh = tables == 0 && application == 0 && version == 0;
	if (w->is_fresh)
		return 0;
	if (application != CASE_APPLICATION_ID)
		return reel_err_set(err, -EBADMSG, "%s: it is a database, but no case of reel",
				    w->path);
	if (version != CASE_VERSION)
		return reel_err_set(err, -EBADMSG,
				    "%s: a case of version %lld; this reel has version %d", w->path,
				    (long long)version, CASE_VERSION);
	return 0;
}

int case_writer_run(struct case_writer *w, void (*put)(struct reel_out *o), struct reel_err *err)
{
	struct reel_out o;
	int result = out_init_mem(&o);

	if (result == 0) {
		put(&o);
		out_char(&o, '\0');
		result = out_error(&o);
	}
	if (result < 0)
		reel_err_set(err, result, "no memory for the statements of a case");
	else
		result = case_writer_exec(w, o.buf, err);
	out_done(&o);
	return result;
}

static int make_tables(struct case_writer *w, struct reel_err *err)
{
	char sql[128];
	int result = case_writer_run(w, case_put_tables, err);

	snprintf(sql, sizeof(sql), "PRAGMA application_id = %d; PRAGMA user_version = %d",
		 CASE_APPLICATION_ID, CASE_VERSION);
	return result < 0 ? result : case_writer_exec(w, sql, err);
}

int case_writer_count_again(struct case_writer *w, enum case_table_id table, struct reel_err *err)
{
	char sql[128];

	w->next_id[table] = 0;
	if (case_tables[table].columns[0].kind != CASE_KEY)
		return 0;
	snprintf(sql, sizeof(sql), "SELECT max(id) FROM %s", case_tables[table].name);
	return case_writer_ask(w, sql, &w->next_id[table], err);
}

/* What a capture is full of. */
static bool is_many(enum case_table_id table)
{
	return table >= CASE_process && table <= CASE_edge;
}

static int prepare(struct case_writer *w, struct reel_err *err)
{
	int result = 0;

	for (int i = 0; result == 0 && i < CASE_N_TABLES; i++) {
		enum case_table_id t = (enum case_table_id)i;

		if (case_rows_new(w->db, t, is_many(t), &w->waiting[t]) != SQLITE_OK)
			return case_writer_error(w, "cannot write to its tables", err);
		result = case_writer_count_again(w, t, err);
		w->last_old_id[t] = w->next_id[t];
	}
	return result;
}

int case_writer_open(const char *path, struct case_writer **ret, struct reel_err *err)
{
	struct case_writer *w = calloc(1, sizeof(*w));
	int result;

	*ret = NULL;
	if (!w || !(w->path = strdup(path))) {
		free(w);
		return reel_err_set(err, -ENOMEM, "no memory to write a case");
	}
	result = find_place(w, err);
	if (result == 0 &&
	    sqlite3_open_v2(w->open_path, &w->db,
			    SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
			    NULL) != SQLITE_OK)
		result = case_writer_error(w, "cannot open it", err);
	if (result == 0)
		result = tune(w, err);
	if (result == 0)
		result = case_writer_exec(w, "BEGIN IMMEDIATE", err);
	if (result == 0)
		result = check_kind(w, err);
	if (result == 0 && w->is_fresh)
		result = make_tables(w, err);
	if (result == 0)
		result = prepare(w, err);
	if (result < 0) {
		case_writer_free(w);
		return result;
	}
	*ret = w;
	return 0;
}

/* Writing -------------------------------------------------------------------------------------- */

int64_t case_new_id(struct case_writer *w, enum case_table_id table)
{
	return ++w->next_id[table];
}

void case_set_next_id(struct case_writer *w, enum case_table_id table, int64_t id)
{
	w->next_id[table] = id - 1;
}

static int is_to_stop(void *context)
{
	const struct case_writer *w = context;

	return *w->stop;
}

void case_writer_stop_on(struct case_writer *w, const volatile int *stop)
{
	w->stop = stop;
	sqlite3_progress_handler(w->db, 100000, is_to_stop, w);
}

sqlite3 *case_writer_db(struct case_writer *w)
{
	return w->db;
}

bool case_writer_is_new(const struct case_writer *w)
{
	return w->is_fresh;
}

uint64_t case_writer_rows(const struct case_writer *w)
{
	return w->rows;
}

static int write_waiting(struct case_writer *w, enum case_table_id table, struct reel_err *err)
{
	int result = 0;

	if (case_rows_write(w->waiting[table]) != SQLITE_DONE) {
		char what[64];

		snprintf(what, sizeof(what), "cannot write a row of %s", case_tables[table].name);
		result = case_writer_error(w, what, err);
	}
	case_rows_clear(w->waiting[table]);
	return result;
}

int case_writer_flush(struct case_writer *w, struct reel_err *err)
{
	int result = 0;

	for (int t = 0; result == 0 && t < CASE_N_TABLES; t++)
		result = write_waiting(w, (enum case_table_id)t, err);
	return result;
}

static void give_id(struct case_writer *w, enum case_table_id table, void *row)
{
	const struct case_column *key = &case_tables[table].columns[0];
	int64_t id;

	if (key->kind != CASE_KEY)
		return;
	memcpy(&id, (char *)row + key->offset, sizeof(id));
	if (id == CASE_NONE)
		id = case_new_id(w, table);
	memcpy((char *)row + key->offset, &id, sizeof(id));
}

/* What is too long to wait is written at once. */
int case_write(struct case_writer *w, enum case_table_id table, const void *row,
	       struct reel_err *err)
{
	struct case_rows *r = w->waiting[table];
	void *copy = is_many(table) ? case_rows_add(r, row) : NULL;
	bool waits = copy;
	int result = 0;

	if (!copy && is_many(table)) {
		result = write_waiting(w, table, err);
		copy = result == 0 ? case_rows_add(r, row) : NULL;
		waits = copy;
	}
	if (!copy && result == 0)
		copy = case_rows_lend(r, row);
	if (copy)
		give_id(w, table, copy);
	if (!waits && result == 0)
		result = write_waiting(w, table, err);
	if (result == 0)
		w->rows++;
	return result;
}

void case_boot_text(const uint8_t id[16], char ret[CASE_BOOT_TEXT])
{
	static const char digits[] = "0123456789abcdef";

	for (unsigned i = 0; i < 16; i++) {
		*ret++ = digits[id[i] >> 4];
		*ret++ = digits[id[i] & 15];
		if (i == 3 || i == 5 || i == 7 || i == 9)
			*ret++ = '-';
	}
	*ret = '\0';
}
