/* SPDX-License-Identifier: BSD-2-Clause */
#include "query/database.h"

/* Before <errno.h>: it has a column of that name. */
#include "format/case.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "query/extension.h"

static const char magic[] = "SQLite format 3";

enum {
	HEADER_BYTES = 100,
	READ_VERSION_AT = 19, /* 2: it was last written with a write-ahead log */
	STRING_BYTES_MAX = 64 << 20,
};

static ssize_t read_header(const char *path, uint8_t header[HEADER_BYTES])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? read(fd, header, HEADER_BYTES) : -EINVAL;
	close(fd);
	return n;
}

static bool has_suffix(const char *path, const char *suffix)
{
	size_t n = strlen(path), m = strlen(suffix);

	return n > m && strcmp(path + n - m, suffix) == 0;
}

/* What is called a database is told to be none, rather than to be no capture. */
bool database_is_one(const char *path)
{
	uint8_t header[HEADER_BYTES];
	ssize_t n = read_header(path, header);

	return (n >= (ssize_t)sizeof(magic) && memcmp(header, magic, sizeof(magic)) == 0) ||
	       has_suffix(path, ".db") || has_suffix(path, ".sqlite");
}

int database_failed(sqlite3 *db, const char *path, struct reel_err *err)
{
	int rc = sqlite3_extended_errcode(db);
	int system = sqlite3_system_errno(db);

	switch (rc & 0xff) {
	case SQLITE_NOTADB:
		return reel_err_set(err, -ENODATA, "%s: this is not a database", path);
	case SQLITE_CORRUPT:
		return reel_err_set(err, -EBADMSG, "%s: the database is damaged: %s", path,
				    sqlite3_errmsg(db));
	case SQLITE_NOMEM:
		return reel_err_set(err, -ENOMEM, "no memory");
	case SQLITE_INTERRUPT:
		return reel_err_set(err, -EINTR, "interrupted");
	case SQLITE_READONLY:
		return reel_err_set(err, -EROFS,
				    "%s: its last writer has not finished, which can only be put "
				    "in order by --write",
				    path);
	case SQLITE_CANTOPEN:
		if (system)
			return reel_err_set(err, -system, "%s: %s", path, strerror(system));
		break;
	default:
		break;
	}
	return reel_err_set(err, -EIO, "%s: %s", path, sqlite3_errmsg(db));
}

/*
 * Reading a file that was written with a log makes one beside it, unless it is said that nobody
 * writes: which is so where there is no log, since its last writer takes it away.
 */
static char *uri_of(const char *path)
{
	char *log = sqlite3_mprintf("%s-wal", path), *uri = NULL;
	uint8_t header[HEADER_BYTES] = { 0 };
	sqlite3_str *text;

	if (!log)
		return NULL;
	if (read_header(path, header) > READ_VERSION_AT && header[READ_VERSION_AT] == 2 &&
	    access(log, F_OK) < 0) {
		text = sqlite3_str_new(NULL);
		sqlite3_str_appendall(text, "file:");
		for (const char *s = path; *s; s++) {
			if ((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || *s == '/' ||
			    (*s >= '0' && *s <= '9') || *s == '.' || *s == '-' || *s == '_')
				sqlite3_str_appendchar(text, 1, *s);
			else
				sqlite3_str_appendf(text, "%%%02X", (unsigned char)*s);
		}
		sqlite3_str_appendall(text, "?immutable=1");
		uri = sqlite3_str_finish(text);
	} else {
		/* A relative name that begins with "file:" is no URI. */
		uri = sqlite3_mprintf("%s%s", strncmp(path, "file:", 5) == 0 ? "./" : "", path);
	}
	sqlite3_free(log);
	return uri;
}

sqlite3_int64 database_number(sqlite3 *db, const char *sql, sqlite3_int64 otherwise)
{
	sqlite3_stmt *s = NULL;
	sqlite3_int64 n = otherwise;

	if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) == SQLITE_OK &&
	    sqlite3_step(s) == SQLITE_ROW && sqlite3_column_type(s, 0) == SQLITE_INTEGER)
		n = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return n;
}

static int check(sqlite3 *db, const char *path, struct reel_err *err)
{
	sqlite3_int64 id, version;

	/* The first look at the file. */
	if (sqlite3_exec(db, "SELECT count(*) FROM sqlite_schema", NULL, NULL, NULL) != SQLITE_OK)
		return database_failed(db, path, err);
	id = database_number(db, "PRAGMA application_id", 0);
	version = database_number(db, "PRAGMA user_version", 0);
	if (id == CASE_APPLICATION_ID && version != CASE_VERSION)
		return reel_err_set(err, -EPROTONOSUPPORT,
				    "%s: a case of version %lld, and this reel reads version %d: "
				    "make it again with reel replay, or use %s reel",
				    path, version, CASE_VERSION,
				    version > CASE_VERSION ? "a newer" : "an older");
	return 0;
}

/* Views and triggers of a file that somebody else has made may do nothing but show its tables, and
 * make no string that takes all memory. */
static int be_careful(sqlite3 *db, const char *path, struct reel_err *err)
{
	(void)sqlite3_limit(db, SQLITE_LIMIT_LENGTH, STRING_BYTES_MAX);
	if (sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL) != SQLITE_OK ||
	    sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL) != SQLITE_OK ||
	    sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_FKEY, 1, NULL) != SQLITE_OK)
		return database_failed(db, path, err);
	return 0;
}

int database_open(const char *path, bool write, sqlite3 **ret, struct reel_captures **ret_captures,
		  struct reel_err *err)
{
	char *uri = write ? sqlite3_mprintf("%s", path) : uri_of(path);
	int flags = write ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY | SQLITE_OPEN_URI;
	sqlite3 *db = NULL;
	int r = 0, rc;

	if (!uri)
		return reel_err_set(err, -ENOMEM, "no memory");
	rc = sqlite3_open_v2(uri, &db, flags, NULL);
	sqlite3_free(uri);
	if (!db)
		return reel_err_set(err, -ENOMEM, "no memory");
	(void)sqlite3_busy_timeout(db, 5000);
	if (rc != SQLITE_OK)
		r = database_failed(db, path, err);
	else
		r = check(db, path, err);
	if (r == 0)
		r = be_careful(db, path, err);
	if (r == 0 && reel_extension_register_with(db, ret_captures) != SQLITE_OK)
		r = database_failed(db, path, err);
	if (r < 0) {
		sqlite3_close(db);
		return r;
	}
	*ret = db;
	return 0;
}

int database_open_capture(const char *path, const struct reel_strings *keys, sqlite3 **ret,
			  struct reel_captures **ret_captures, struct reel_err *err)
{
	sqlite3 *db = NULL;
	int r = 0;

	if (sqlite3_open_v2(":memory:", &db,
			    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_MEMORY,
			    NULL) != SQLITE_OK ||
	    reel_extension_register_with(db, ret_captures) != SQLITE_OK)
		r = db ? database_failed(db, path, err) : reel_err_set(err, -ENOMEM, "no memory");
	for (size_t i = 0; r == 0 && i < keys->n; i++)
		r = reel_captures_add_key(*ret_captures, keys->v[i], err);
	if (r == 0)
		r = reel_captures_open(*ret_captures, &path, 1, err);
	if (r < 0) {
		sqlite3_close(db);
		return r;
	}
	*ret = db;
	return 0;
}
