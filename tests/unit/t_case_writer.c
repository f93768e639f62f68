/* SPDX-License-Identifier: BSD-2-Clause */
/* The writer of cases: what a row becomes, what is refused, what an end without a commit leaves. */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "replay/case_writer.h"
#include "tests/unit/harness.h"

static struct case_text text(const char *s)
{
	return (struct case_text){ s, s ? strlen(s) : 0 };
}

static struct case_writer *opened(const char *path)
{
	struct case_writer *w = NULL;
	struct reel_err err = { 0 };

	if (case_writer_open(path, &w, &err) < 0)
		T_FAIL("%s", err.msg);
	return w;
}

static int64_t put_capture(struct case_writer *w, const char *id)
{
	struct reel_err err = { 0 };
	struct row_capture c;

	case_clear(CASE_capture, &c);
	c.id = case_new_id(w, CASE_capture);
	c.capture_id = text(id);
	c.hash = text("00");
	c.path = text("somewhere");
	c.ending = text("complete");
	c.segments = c.bytes = c.events = c.lost = c.damages = c.is_cut = c.loaded_ns = 0;
	c.loaded_by = text("reel");
	CHECK_EQ(case_write(w, CASE_capture, &c, &err), 0);
	return c.id;
}

static void put_user(struct case_writer *w, int64_t capture, const void *name, size_t length)
{
	struct reel_err err = { 0 };
	struct row_user u;

	case_clear(CASE_user, &u);
	u.capture = capture;
	u.kind = text("user");
	u.number = 1000;
	u.name = (struct case_text){ name, length };
	CHECK_EQ(case_write(w, CASE_user, &u, &err), 0);
}

static int put_file(struct case_writer *w, const void *path, size_t length, struct reel_err *err)
{
	struct row_file f;

	case_clear(CASE_file, &f);
	f.capture = 1;
	f.path = (struct case_text){ path, length };
	f.kind = text("file");
	f.writers = f.readers = f.executions = 0;
	return case_write(w, CASE_file, &f, err);
}

static void committed(struct case_writer *w)
{
	struct reel_err err = { 0 };

	if (case_writer_commit(w, &err) < 0)
		T_FAIL("%s", err.msg);
	case_writer_free(w);
}

/* The only answer of a question, as text. */
static const char *answer(const char *path, const char *sql)
{
	static char result[512];
	sqlite3_stmt *s = NULL;
	sqlite3 *db = NULL;

	strcpy(result, "?");
	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK &&
	    sqlite3_prepare_v2(db, sql, -1, &s, NULL) == SQLITE_OK &&
	    sqlite3_step(s) == SQLITE_ROW && sqlite3_column_text(s, 0))
		snprintf(result, sizeof(result), "%s", sqlite3_column_text(s, 0));
	sqlite3_finalize(s);
	sqlite3_close(db);
	return result;
}

static void execute(const char *path, const char *sql)
{
	sqlite3 *db = NULL;

	CHECK_EQ(sqlite3_open(path, &db), SQLITE_OK);
	CHECK_EQ(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void refused(const char *path, int code, const char *why)
{
	struct case_writer *w = NULL;
	struct reel_err err = { 0 };

	CHECK_EQ(case_writer_open(path, &w, &err), code);
	CHECK(w == NULL);
	if (!strstr(err.msg, why) || !strstr(err.msg, path))
		T_FAIL("'%s' does not say '%s'", err.msg, why);
}

TEST(bytes_become_text_where_they_are_text)
{
	static const struct {
		const char *bytes;
		size_t length;
		const char *is;
	} names[] = {
		{ "plain", 5, "text" },
		{ "", 0, "text" },
		{ "eight ch", 8, "text" },
		{ "eight ch\0", 9, "blob" },
		{ "eight\0ch", 8, "blob" },
		{ "\0", 1, "blob" },
		{ "caf\xc3\xa9 and so on", 15, "text" },
		{ "caf\xe9 and so on..", 16, "blob" },
		{ "12345678\xc3", 9, "blob" },
		{ "\xed\xa0\x80", 3, "blob" },
		{ NULL, 0, "null" },
	};
	char sql[100];

	for (size_t i = 0; i + 1 < sizeof(names) / sizeof(names[0]); i++) {
		struct case_writer *w = opened("bytes.db");

		if (!w)
			return;
		put_user(w, put_capture(w, "one"), names[i].bytes, names[i].length);
		committed(w);
		if (strcmp(answer("bytes.db", "SELECT typeof(name) FROM user"), names[i].is) != 0)
			T_FAIL("name %zu is no %s", i, names[i].is);
		snprintf(sql, sizeof(sql), "SELECT length(CAST(name AS BLOB)) = %zu FROM user",
			 names[i].length);
		CHECK_STR(answer("bytes.db", sql), "1");
		unlink("bytes.db");
	}
}

TEST(numbers_and_texts_that_nobody_knows_are_null)
{
	struct case_writer *w = opened("null.db");

	REQUIRE(w);
	put_capture(w, "one");
	committed(w);
	CHECK_STR(answer("null.db", "SELECT host IS NULL AND from_ns IS NULL AND kernel IS NULL "
				    "AND arch IS NULL AND note IS NULL FROM capture"),
		  "1");
	CHECK_STR(answer("null.db", "PRAGMA integrity_check"), "ok");
	CHECK_STR(answer("null.db", "PRAGMA application_id"), "1382376812");
	CHECK_STR(answer("null.db", "PRAGMA user_version"), "2");
	unlink("null.db");
}

TEST(ids_go_on_where_they_ended)
{
	struct case_writer *w = opened("ids.db");

	REQUIRE(w);
	CHECK(case_writer_is_new(w));
	CHECK_EQ(put_capture(w, "one"), 1);
	committed(w);
	w = opened("ids.db");
	REQUIRE(w);
	CHECK(!case_writer_is_new(w));
	CHECK_EQ(put_capture(w, "two"), 2);
	committed(w);
	CHECK_STR(answer("ids.db", "SELECT group_concat(capture_id) FROM capture"), "one,two");
	unlink("ids.db");
}

TEST(without_a_commit_all_is_as_it_was)
{
	struct case_writer *w = opened("left.db");

	REQUIRE(w);
	put_capture(w, "one");
	CHECK(access("left.db", F_OK) < 0);
	case_writer_free(w);
	CHECK(access("left.db", F_OK) < 0);
	w = opened("left.db");
	REQUIRE(w);
	put_capture(w, "one");
	committed(w);
	w = opened("left.db");
	REQUIRE(w);
	put_capture(w, "two");
	case_writer_free(w);
	CHECK_STR(answer("left.db", "SELECT count(*) FROM capture"), "1");
	unlink("left.db");
}

TEST(a_key_that_points_to_nothing_ends_the_commit)
{
	struct case_writer *w = opened("keys.db");
	struct reel_err err = { 0 };

	REQUIRE(w);
	put_user(w, 77, "somebody", 8);
	CHECK_EQ(case_writer_commit(w, &err), -EINVAL);
	CHECK(strstr(err.msg, "row 1 of user has no row of capture"));
	case_writer_free(w);
	CHECK(access("keys.db", F_OK) < 0);
}

TEST(in_a_case_that_is_there_new_keys_are_checked)
{
	struct case_writer *w = opened("more.db");
	struct reel_err err = { 0 };
	struct row_fd d;

	REQUIRE(w);
	put_capture(w, "one");
	committed(w);
	w = opened("more.db");
	REQUIRE(w);
	CHECK_EQ(put_file(w, "/etc/passwd", 11, &err), 0);
	case_clear(CASE_fd, &d);
	d.process = 4711;
	d.fd = 3;
	d.file = 1;
	d.how = text("open");
	CHECK_EQ(case_write(w, CASE_fd, &d, &err), 0);
	CHECK_EQ(case_writer_commit(w, &err), -EINVAL);
	CHECK(strstr(err.msg, "row 1 of fd has no row of process"));
	case_writer_free(w);
	CHECK_STR(answer("more.db", "SELECT count(*) FROM file"), "0");
	unlink("more.db");
}

TEST(a_row_that_breaks_a_constraint_is_an_error)
{
	struct case_writer *w = opened("twice.db");
	struct reel_err err = { 0 };
	struct row_capture c;

	REQUIRE(w);
	case_clear(CASE_capture, &c);
	CHECK_EQ(case_write(w, CASE_capture, &c, &err), -EINVAL);
	CHECK(strstr(err.msg, "twice.db: cannot write a row of capture: NOT NULL"));
	case_writer_free(w);
}

/* Short, empty, unknown, and some that are longer than all that may wait. */
TEST(rows_that_wait_are_written_as_they_came)
{
	enum { N = 500, LONG = 100000 };
	struct case_writer *w = opened("many.db");
	char *name = malloc(LONG);
	struct reel_err err = { 0 };

	REQUIRE(w && name);
	put_capture(w, "one");
	for (unsigned i = 1; i <= N; i++) {
		size_t length = i % 100 == 0 ? LONG : i * 7 % 1000;

		memset(name, 'a' + (int)(i % 26), LONG);
		CHECK_EQ(put_file(w, name, length, &err), 0);
	}
	memset(name, 'z', LONG);
	CHECK_EQ(case_writer_rows(w), N + 1);
	CHECK_EQ(case_writer_flush(w, &err), 0);
	committed(w);
	CHECK_STR(answer("many.db",
			 "SELECT count(*) || ' ' || max(id) || ' ' || "
			 "sum(length(path) = iif(id % 100, id * 7 % 1000, 100000)) || ' ' || "
			 "sum(trim(path, char(97 + id % 26)) = '') FROM file"),
		  "500 500 500 500");
	free(name);
	unlink("many.db");
}

TEST(a_row_that_waits_and_cannot_be_written_is_an_error)
{
	struct case_writer *w = opened("late.db");
	struct reel_err err = { 0 };

	REQUIRE(w);
	put_capture(w, "one");
	CHECK_EQ(put_file(w, NULL, 0, &err), 0);
	CHECK_EQ(case_writer_flush(w, &err), -EINVAL);
	CHECK(strstr(err.msg, "late.db: cannot write a row of file: NOT NULL"));
	case_writer_free(w);
	CHECK(access("late.db", F_OK) < 0);
}

/* By a name of ours, or by rows that its triggers would have looked at. */
TEST(a_case_that_was_there_cannot_reach_what_waits)
{
	struct case_writer *w = opened("theirs.db");

	REQUIRE(w);
	put_capture(w, "one");
	committed(w);
	execute("theirs.db", "CREATE TABLE rows_of_file (a)");
	refused("theirs.db", -EINVAL, "'rows_of_file' is not a function");
	execute("theirs.db",
		"DROP TABLE rows_of_file; CREATE TRIGGER t AFTER INSERT ON file BEGIN "
		"DELETE FROM gap WHERE id IN (SELECT 1 FROM rows_of_file LIMIT 1); END");
	refused("theirs.db", -EINVAL, "unsafe use of virtual table");
	unlink("theirs.db");
}

TEST(what_is_no_case_is_refused)
{
	struct case_writer *w;
	FILE *f = fopen("words", "w");

	REQUIRE(f);
	fputs("These words are no database at all, and are longer than a header of one has to be: "
	      "SQLite looks at the first hundred bytes.",
	      f);
	fclose(f);
	refused("words", -EBADMSG, "it is no SQLite database");
	unlink("words");

	execute("other.db", "CREATE TABLE t (a)");
	refused("other.db", -EBADMSG, "no case of reel");
	unlink("other.db");

	w = opened("newer.db");
	REQUIRE(w);
	committed(w);
	execute("newer.db", "PRAGMA user_version = 999");
	refused("newer.db", -EBADMSG, "a case of version 999; this reel has version 2");
	unlink("newer.db");

	CHECK_EQ(mkdir("directory.db", 0755), 0);
	refused("directory.db", -EISDIR, "it is no file");
	rmdir("directory.db");
	refused("nowhere/case.db", -ENOENT, "No such file");
}

TEST(who_writes_keeps_others_out)
{
	struct case_writer *w = opened("busy.db");
	sqlite3 *db = NULL;

	REQUIRE(w);
	committed(w);
	CHECK_EQ(sqlite3_open("busy.db", &db), SQLITE_OK);
	CHECK_EQ(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	refused("busy.db", -EBUSY, "another program has locked it");
	sqlite3_close(db);
	unlink("busy.db");
}

TEST(what_somebody_else_made_meanwhile_stays)
{
	struct case_writer *w = opened("race.db");
	struct reel_err err = { 0 };
	FILE *f;

	REQUIRE(w);
	put_capture(w, "one");
	f = fopen("race.db", "w");
	REQUIRE(f);
	fputs("theirs", f);
	fclose(f);
	CHECK_EQ(case_writer_commit(w, &err), -EEXIST);
	case_writer_free(w);
	f = fopen("race.db", "r");
	REQUIRE(f);
	CHECK_EQ(fgetc(f), 't');
	fclose(f);
	unlink("race.db");
}

TEST(names_that_mean_something_to_sqlite_are_files)
{
	struct case_writer *w = opened(":memory:");

	REQUIRE(w);
	put_capture(w, "one");
	committed(w);
	CHECK_EQ(access("./:memory:", F_OK), 0);
	CHECK_STR(answer("./:memory:", "SELECT count(*) FROM capture"), "1");
	unlink("./:memory:");
}
