/* SPDX-License-Identifier: BSD-2-Clause */
/* Files of named queries, and what is given for their parameters. */
#include "harness.h"

#include <errno.h>
#include <stdlib.h>

#include "query/named.h"

static int parse(const char *text, struct named_query **ret, struct reel_err *err)
{
	*ret = NULL;
	return named_parse("q", "q.sql", strdup(text), ret, err);
}

TEST(a_file_has_its_parts)
{
	struct named_query *q;

	REQUIRE(parse("-- title: Who  was it\n"
		      "-- param path text: the path: all of it\n"
		      "-- param n integer = 10: how many\n"
		      "--param x = 'it''s : x' : odd\n"
		      "-- param z=null: none\n"
		      "-- shape: tree\n-- needs: case\n"
		      "--\n-- One.\n--   Two.\n\n--\n"
		      "SELECT :path, :n -- not a header\n",
		      &q, NULL) == 0);
	CHECK_STR(q->title, "Who  was it");
	CHECK_STR(q->shape, "tree");
	CHECK_STR(q->needs, "case");
	CHECK_STR(q->text, "One.\n  Two.");
	CHECK_STR(q->sql, "SELECT :path, :n -- not a header\n");
	CHECK_EQ(q->sql_line, 13);
	REQUIRE(q->n_params == 4);
	CHECK_STR(q->params[0].name, "path");
	CHECK_STR(q->params[0].what, "the path: all of it");
	CHECK_EQ(q->params[0].type, PARAM_TEXT);
	CHECK(!q->params[0].has_default);
	CHECK_EQ(q->params[1].value.type, SQLITE_INTEGER);
	CHECK_EQ(q->params[1].value.integer, 10);
	CHECK_STR(q->params[2].value_text, "it's : x");
	CHECK_STR(q->params[2].what, "odd");
	CHECK_EQ(q->params[3].value.type, SQLITE_NULL);
	named_release(q);
}

TEST(what_is_wrong_is_said_with_its_line)
{
	static const struct {
		const char *text, *message;
	} wrong[] = {
		{ "SELECT 1", "q.sql:1: there is no line '-- title: ...' above the statement" },
		{ "-- title: a\n-- title: b\nSELECT 1", "q.sql:2: this is there twice: b" },
		{ "-- title: a\n", "q.sql:2: there is no statement behind the comment" },
		{ "-- title: a", "q.sql:1: there is no statement behind the comment" },
		{ "", "q.sql:1: there is no statement behind the comment" },
		{ "-- param 1: x\n",
		  "q.sql:1: a parameter is 'param NAME [TYPE] [= DEFAULT]: what it is'" },
		{ "-- param a txt: x\n",
		  "q.sql:1: a type is text, integer, real, time or any, not: txt: x" },
		{ "-- param a: x\n-- param a: y\n", "q.sql:2: the parameter is there twice: a" },
		{ "-- param a = 'x: y\n", "q.sql:1: the default has no end" },
		{ "-- param a = x: y\n", "q.sql:1: a default is a number, null or 'text', not: x" },
		{ "-- param a text\n", "q.sql:1: what the parameter is belongs behind a colon: a" },
		{ "-- needs: love\n", "q.sql:1: what a query may need is a case, not: love" },
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		struct reel_err err = { 0 };
		struct named_query *q;

		CHECK_EQ(parse(wrong[i].text, &q, &err), -EINVAL);
		CHECK_STR(err.msg, wrong[i].message);
	}
}

TEST(values_have_types)
{
	struct param_value v;
	struct reel_err err;

	CHECK_EQ(param_parse("12", PARAM_ANY, NULL, &v, NULL), 0);
	CHECK_EQ(v.type, SQLITE_INTEGER);
	CHECK_EQ(param_parse("-9223372036854775808", PARAM_ANY, NULL, &v, NULL), 0);
	CHECK_EQ(v.integer, INT64_MIN);
	/* Too large to be a whole number, it stays what it is. */
	CHECK_EQ(param_parse("9223372036854775808", PARAM_ANY, NULL, &v, NULL), 0);
	CHECK_EQ(v.type, SQLITE_TEXT);
	CHECK_EQ(param_parse("12", PARAM_TEXT, NULL, &v, NULL), 0);
	CHECK_EQ(v.type, SQLITE_TEXT);
	CHECK_EQ(param_parse("", PARAM_ANY, NULL, &v, NULL), 0);
	CHECK_EQ(v.type, SQLITE_TEXT);
	CHECK_EQ(param_parse(" 1", PARAM_INTEGER, NULL, &v, &err), -EINVAL);
	CHECK_EQ(param_parse("1e3", PARAM_REAL, NULL, &v, NULL), 0);
	CHECK(v.real == 1000);
	CHECK_EQ(param_parse("inf", PARAM_REAL, NULL, &v, &err), -EINVAL);
	CHECK_EQ(param_parse("\xff", PARAM_ANY, NULL, &v, NULL), 0);
	CHECK_EQ(v.type, SQLITE_BLOB);
	CHECK_EQ(param_parse("1970-01-01T00:00:01Z", PARAM_TIME, NULL, &v, &err), 0);
	CHECK_EQ(v.integer, 1000000000);
	CHECK_EQ(param_parse("-5m", PARAM_TIME, NULL, &v, &err), -EINVAL);
	CHECK_EQ(param_parse("@5", PARAM_TIME, NULL, &v, &err), -EINVAL);
	CHECK_EQ(param_parse("1970-01-01T00:00:01Z", PARAM_ANY, NULL, &v, NULL), 0);
	CHECK_EQ(v.type, SQLITE_TEXT);
}

TEST(a_query_is_a_table)
{
	struct named_query *q;
	sqlite3 *db = NULL;
	sqlite3_stmt *s = NULL;

	REQUIRE(sqlite3_open(":memory:", &db) == SQLITE_OK);
	REQUIRE(sqlite3_exec(db,
			     "CREATE TABLE t(a, b); INSERT INTO t VALUES (1,'x'),(2,'y'),(3,'y')",
			     NULL, NULL, NULL) == SQLITE_OK);
	REQUIRE(parse("-- title: t\n-- param b: b\n-- param least integer = 2: a\n"
		      "SELECT a, b, a * 2 AS b FROM t WHERE b = :b AND a >= :least",
		      &q, NULL) == 0);
	REQUIRE(named_register(db, q) == SQLITE_OK);
	named_release(q);
	REQUIRE(sqlite3_prepare_v2(db,
				   "SELECT group_concat(a || b || b_3 || given_b || least) FROM q"
				   " WHERE given_b = 'y' AND least = 3",
				   -1, &s, NULL) == SQLITE_OK);
	CHECK_EQ(sqlite3_step(s), SQLITE_ROW);
	CHECK_STR((const char *)sqlite3_column_text(s, 0), "3y6y3");
	sqlite3_finalize(s);
	REQUIRE(sqlite3_prepare_v2(db, "SELECT count(*) FROM t, q(t.b, 0) WHERE t.a < 3", -1, &s,
				   NULL) == SQLITE_OK);
	CHECK_EQ(sqlite3_step(s), SQLITE_ROW);
	CHECK_EQ(sqlite3_column_int(s, 0), 3);
	sqlite3_finalize(s);
	CHECK_EQ(sqlite3_exec(db, "SELECT * FROM q", NULL, NULL, NULL), SQLITE_ERROR);
	CHECK_STR(sqlite3_errmsg(db), "@q needs b=VALUE: b");
	CHECK_EQ(sqlite3_close(db), SQLITE_OK);
}
