/* SPDX-License-Identifier: BSD-2-Clause */
/* What is not shown, and what is. */
#include "harness.h"

#include <errno.h>
#include <stdlib.h>

#include "query/json_text.h"
#include "query/redact.h"

static void check(void (*redact)(unsigned, struct reel_out *, const char *, size_t), unsigned kinds,
		  const char *text, const char *want)
{
	struct reel_out o;

	if (out_init_mem(&o) < 0)
		return;
	redact(kinds, &o, text, strlen(text));
	out_char(&o, '\0');
	CHECK_STR(o.buf, want);
	out_done(&o);
}

static void check_shown(const char *text, const char *want)
{
	char *names[] = { (char[]){ "alice" }, (char[]){ "bob.b" } };
	const struct redact r = { .kinds = REDACT_HOME, .names = names, .n_names = 2 };
	struct reel_out o;

	if (out_init_mem(&o) < 0)
		return;
	redact_shown(&r, &o, text, strlen(text));
	out_char(&o, '\0');
	CHECK_STR(o.buf, want);
	out_done(&o);
}

TEST(homes)
{
	check_shown("/home/carol/x", "/home/USER/x");
	check_shown("/home/carol", "/home/USER");
	check_shown("/home/", "/home/");
	check_shown("/home", "/home");
	check_shown("/mnt/home/carol/x", "/mnt/home/USER/x");
	check_shown("cat '/home/c.d-e/x' /home/\xc3\xa4/y", "cat '/home/USER/x' /home/USER/y");
	check_shown("{\"path\":\"/home/carol\"}", "{\"path\":\"/home/USER\"}");
	check_shown("PATH=/root/bin:/home/c/bin", "PATH=/home/ROOT/bin:/home/USER/bin");
	check_shown("/root", "/home/ROOT");
	check_shown("/rooted /mnt/root /a/root", "/rooted /mnt/root /a/root");
	check_shown("--dir=/root/x", "--dir=/home/ROOT/x");
}

TEST(names_of_users)
{
	check_shown("alice", "USER");
	check_shown("su - alice.", "su - USER.");
	check_shown("~alice/x, bob.b: alice@host", "~USER/x, USER: USER@host");
	check_shown("malice alices alice2 bob", "malice alices alice2 bob");
	check_shown("/var/mail/alice", "/var/mail/USER");
}

TEST(arguments)
{
	check(redact_value, REDACT_ARGS,
	      "[\"/usr/bin/curl\",\"-H\",\"Auth: x\",\"--password=y\",\"-py\",\"--\",\"a\",\"\"]",
	      "[\"/usr/bin/curl\",\"-H\",\"[arg]\",\"--password=[arg]\",\"-p[arg]\",\"--\","
	      "\"[arg]\",\"[arg]\"]");
	check(redact_value, REDACT_ARGS, "sh -c 'curl --user=a:b c' --x--y",
	      "sh -c [arg] --user=[arg] [arg] --x--y");
	check(redact_value, REDACT_ARGS, "[\"sshd: alice [priv]\"]", "[\"sshd: [arg]\"]");
	check(redact_value, REDACT_ARGS, "[\"a\\\" b\",\"--\\u0041=x\"]",
	      "[\"a [arg]\",\"[arg]\"]");
	check(redact_value, REDACT_ARGS | REDACT_CONTENT, "cat secret", "cat [arg]");
	check(redact_value, REDACT_ARGS, "", "");
}

TEST(variables_and_contents)
{
	check(redact_value, REDACT_ENV, "[\"HOME=/x\",\"A=\",\"odd\"]",
	      "[\"HOME=[env]\",\"A=[env]\",\"[env]\"]");
	check(redact_value, REDACT_CONTENT, "GET / HTTP/1.0", "[content]");
}

TEST(json)
{
	check(redact_json, REDACT_ALL,
	      "{\"pid\": 1, \"argv\": [\"a\", \"b\"], \"content\":\"x\", \"content_hex\":\"00\","
	      "\"env\":[\"A=b\"],\"deep\":{\"argv_arg\":[\"c\",\"d\"]},\"line\":\"rm x\"}",
	      "{\"pid\": 1, \"argv\": [\"a\", \"[arg]\"], \"content\":\"[content]\", "
	      "\"content_hex\":\"[content]\","
	      "\"env\":[\"A=[env]\"],\"deep\":{\"argv_arg\":[\"c\",\"[arg]\"]},"
	      "\"line\":\"rm [arg]\"}");
	check(redact_json, REDACT_ENV, "{\"argv\":[\"a\",\"b\"],\"content\":\"x\"}",
	      "{\"argv\":[\"a\",\"b\"],\"content\":\"x\"}");
	/* What is no JSON cannot be looked into. */
	check(redact_json, REDACT_ENV, "{\"argv\":[\"a\"", "[redacted]");
	check(redact_json, REDACT_ENV, "secret", "[redacted]");
}

TEST(json_is_told_from_text)
{
	static const char *const good[] = { "[]", "{}", "[1,-2.5e3,true,null,\"\\u00e4\\n\"]",
					    "{\"a\":{\"b\":[]}}", "[ 0 ]" };
	static const char *const bad[] = { "",	       "[",    "[1,]",	"{\"a\"}", "[01]",
					   "[\"\n\"]", "1",    "\"a\"", "[1] ",	   "{a:1}",
					   "[.5]",     "[1.]", "[1e]",	"[nul]",   "[\"\\x\"]" };
	char deep[2 * JSON_TEXT_DEPTH_MAX + 3];

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		if (!json_text_is_nested(good[i], strlen(good[i])))
			T_FAIL("%s is JSON", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (json_text_is_nested(bad[i], strlen(bad[i])))
			T_FAIL("%s is none", bad[i]);
	memset(deep, '[', JSON_TEXT_DEPTH_MAX);
	memset(deep + JSON_TEXT_DEPTH_MAX, ']', JSON_TEXT_DEPTH_MAX);
	CHECK(json_text_is_nested(deep, 2 * JSON_TEXT_DEPTH_MAX));
	memset(deep, '[', JSON_TEXT_DEPTH_MAX + 1);
	memset(deep + JSON_TEXT_DEPTH_MAX + 1, ']', JSON_TEXT_DEPTH_MAX + 1);
	CHECK(!json_text_is_nested(deep, 2 * JSON_TEXT_DEPTH_MAX + 2));
}

TEST(kinds)
{
	unsigned kinds = 0;
	struct reel_err err;

	CHECK_EQ(redact_parse("home,args", &kinds, NULL), 0);
	CHECK_EQ(kinds, REDACT_HOME | REDACT_ARGS);
	CHECK_EQ(redact_parse("contnet", &kinds, &err), -EINVAL);
	CHECK_STR(err.msg, "nothing to redact is called 'contnet', did you mean 'content'? (home, "
			   "args, content, env or all)");
	CHECK_EQ(redact_parse("", &kinds, &err), -EINVAL);
	CHECK_EQ(redact_column("dns", "data"), 0);
	CHECK_EQ(redact_column("mount", "DATA"), REDACT_CONTENT);
	CHECK_EQ(redact_column(NULL, "argv_hex"), REDACT_ARGS);
	CHECK_EQ(redact_column("exec", "exe"), 0);
}

/* What SQL can see of a table behind which something is hidden. */
static char *ask(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *s = NULL;
	char *text = NULL;

	if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW)
		text = strdup(sqlite3_column_text(s, 0) ? (const char *)sqlite3_column_text(s, 0) :
							  "(null)");
	sqlite3_finalize(s);
	return text;
}

TEST(statements_do_not_see_it)
{
	static const char *const tries[] = {
		"SELECT argv FROM p",
		"SELECT argv AS x FROM p",
		"SELECT substr(argv, 1) FROM p",
		"SELECT group_concat(argv) FROM p",
		"SELECT argv FROM main.p",
		"SELECT a FROM (SELECT argv AS a FROM main.p)",
		("WITH c(a) AS (SELECT '' UNION ALL SELECT argv FROM p)"
		 " SELECT group_concat(a) FROM c"),
		"SELECT what FROM v",
		"SELECT what FROM main.v",
		"SELECT x.argv FROM p AS x NATURAL JOIN p AS y",
		"SELECT argv FROM p WHERE argv LIKE '%secret%'",
		"SELECT json_extract(fields, '$.argv[1]') FROM p",
		"SELECT fields FROM p",
		"SELECT max(argv) OVER () FROM p",
		"SELECT (SELECT argv FROM main.p LIMIT 1)",
		"SELECT quote(argv) || quote(fields) FROM main.p",
		"SELECT group_concat(value) FROM p, json_each(argv)",
		"SELECT group_concat(atom) FROM main.p, json_tree(p.fields)",
	};
	struct redact r = { .kinds = REDACT_ARGS };
	sqlite3 *db = NULL;
	char *text;

	REQUIRE(sqlite3_open(":memory:", &db) == SQLITE_OK);
	REQUIRE(sqlite3_exec(db,
			     "CREATE TABLE p(id INTEGER PRIMARY KEY, argv, fields);"
			     "CREATE VIEW v AS SELECT argv || '!' AS what FROM p;"
			     "INSERT INTO p VALUES (1, '[\"a\",\"secret\"]',"
			     " '{\"argv\":[\"a\",\"secret\"]}')",
			     NULL, NULL, NULL) == SQLITE_OK);
	text = ask(db, "SELECT what FROM v");
	CHECK(text && strstr(text, "secret"));
	free(text);
	REQUIRE(redact_install(db, &r, NULL) == 0);
	for (size_t i = 0; i < sizeof(tries) / sizeof(*tries); i++) {
		text = ask(db, tries[i]);
		if (text && strstr(text, "secret"))
			T_FAIL("%s: %s", tries[i], text);
		free(text);
	}
	text = ask(db, "SELECT what FROM v");
	CHECK_STR(text, "[\"a\",\"[arg]\"]!");
	free(text);
	text = ask(db, "SELECT group_concat(value) FROM p, json_each(argv)");
	CHECK_STR(text, "a,[arg]");
	free(text);
	CHECK_EQ(sqlite3_exec(db, "CREATE TEMP TABLE x AS SELECT argv FROM main.p", NULL, NULL,
			      NULL),
		 SQLITE_AUTH);
	CHECK_EQ(sqlite3_exec(db, "DROP VIEW temp.p", NULL, NULL, NULL), SQLITE_AUTH);
	CHECK_EQ(sqlite3_exec(db, "ATTACH ':memory:' AS other", NULL, NULL, NULL), SQLITE_AUTH);
	sqlite3_close(db);
	redact_done(&r);
}
