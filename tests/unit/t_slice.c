/* SPDX-License-Identifier: BSD-2-Clause */
/* Slices of cases that are made up at random: that they end, are trees, and keep their limits. What
 * is in them is asked by tests/cli/slices_random.py. */
#include <sqlite3.h>
#include <stdlib.h>

#include "format/case.h"
#include "format/out.h"
#include "query/slice.h"
#include "tests/unit/harness.h"

enum { PROCESSES = 30, FILES = 20, CONNECTIONS = 6, EDGES = 400, ROUNDS = 40 };

static uint32_t seed;

static uint32_t pick(uint32_t n)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 8) % n;
}

static bool run(sqlite3 *db, const char *sql)
{
	char *message = NULL;
	bool is_ok = sqlite3_exec(db, sql, NULL, NULL, &message) == SQLITE_OK;

	if (!is_ok)
		printf("# %s\n", message);
	sqlite3_free(message);
	return is_ok;
}

static void fill(sqlite3 *db)
{
	static const char *const kinds[] = { "write", "read", "exec", "rename",
					     "link",  "send", "recv", "fork" };
	char sql[512];

	CHECK(run(db,
		  "PRAGMA foreign_keys = OFF;"
		  "INSERT INTO capture(id, capture_id, hash, path, segments, bytes, events, lost, "
		  "damages, ending, is_cut, loaded_ns, loaded_by) "
		  "VALUES (1, 'c', 'h', 'p', 1, 1, 1, 0, 0, 'complete', 0, 1, 'x');"
		  "INSERT INTO boot(id, capture, boot_id, from_ns, from_ts) "
		  "VALUES (1, 1, 'b', 0, 0)"));
	for (int i = 1; i <= PROCESSES; i++) {
		snprintf(sql, sizeof(sql),
			 "INSERT INTO process(id, boot, pid, known_by, comm, exe, argv, ppid) "
			 "VALUES (%d, 1, %d, 'fork', %s, x'2f62ff0a', %s, %d)",
			 i, i, pick(4) ? "'p'" : "NULL",
			 pick(4) ? "'[\"a\", \"b\\u0007\"]'" : "'['", (int)pick(3));
		CHECK(run(db, sql));
	}
	for (int i = 1; i <= FILES; i++) {
		snprintf(sql, sizeof(sql),
			 "INSERT INTO file(id, capture, path, kind, writers, readers, executions) "
			 "VALUES (%d, 1, %s, '%s', 0, 0, 0)",
			 i, pick(3) ? "x'2f746d702f80'" : "'/tmp/\xc3\xa9'",
			 pick(4) ? "file" : "pipe");
		CHECK(run(db, sql));
	}
	for (int i = 1; i <= CONNECTIONS; i++) {
		snprintf(sql, sizeof(sql),
			 "INSERT INTO connection(id, boot, process, kind, family, addr, port, "
			 "peer) VALUES (%d, 1, 1, 'connect', 'AF_INET6', '2001:db8::%d', %d, %s)",
			 i, i, i, i > 1 && pick(2) ? "1" : "NULL");
		CHECK(run(db, sql));
	}
	for (int i = 0; i < EDGES; i++) {
		const char *kind = kinds[pick(8)];
		bool is_name = kind[0] == 'l' || (kind[0] == 'r' && kind[2] == 'n');
		bool is_net = kind[0] == 's' || (kind[0] == 'r' && kind[2] == 'c');
		bool is_in = strcmp(kind, "read") == 0 || kind[0] == 'e' ||
			     strcmp(kind, "recv") == 0;
		char ends[64];
		uint32_t from = pick(1000) * 50000;

		if (is_net)
			snprintf(ends, sizeof(ends), "NULL, NULL, %u", 1 + pick(CONNECTIONS));
		else if (kind[0] == 'f')
			snprintf(ends, sizeof(ends), "NULL, %u, NULL", 1 + pick(PROCESSES));
		else
			snprintf(ends, sizeof(ends), "%u, NULL, NULL", 1 + pick(FILES));
		snprintf(sql, sizeof(sql),
			 "INSERT INTO edge(boot, process, kind, is_out, file, child, connection, "
			 "old_file, from_ts, to_ts, from_ns, to_ns, count, bytes, event) VALUES "
			 "(1, %u, '%s', %d, %s, %s, %u, %u, %u, %u, 1, 2, 'e')",
			 1 + pick(PROCESSES), kind, !is_in, ends, is_name ? "1" : "NULL", from,
			 from + pick(3) * 100000, from, from + 1);
		CHECK(run(db, sql));
	}
}

static sqlite3 *new_case(void)
{
	struct reel_out o;
	sqlite3 *db = NULL;

	CHECK_EQ(out_init_mem(&o), 0);
	case_put_tables(&o);
	case_put_indexes(&o);
	out_char(&o, 0);
	CHECK_EQ(sqlite3_open(":memory:", &db), SQLITE_OK);
	CHECK(run(db, o.buf));
	CHECK_EQ(slice_register(db), SQLITE_OK);
	out_done(&o);
	fill(db);
	return db;
}

/* All rows as one text, or SQLite's message. */
static char *ask(sqlite3 *db, const char *question, unsigned *ret_nodes)
{
	char *sql = sqlite3_mprintf("SELECT depth, label, edge, count, bytes, first, last, note, "
				    "node, node_id, event FROM slice(%s)",
				    question);
	char *all = sqlite3_mprintf("%s", "");
	sqlite3_stmt *s = NULL;
	int depth = -1, code;

	*ret_nodes = 0;
	CHECK_EQ(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
	while ((code = sqlite3_step(s)) == SQLITE_ROW) {
		const char *note = (const char *)sqlite3_column_text(s, 7);

		CHECK(sqlite3_column_int(s, 0) <= depth + 1);
		depth = sqlite3_column_int(s, 0);
		*ret_nodes += !note || (strncmp(note, "already", 7) && strncmp(note, "shown", 5));
		all = sqlite3_mprintf("%z%d %s %s %s %s\n", all, depth, sqlite3_column_text(s, 1),
				      sqlite3_column_text(s, 2), sqlite3_column_text(s, 6), note);
	}
	if (code != SQLITE_DONE)
		all = sqlite3_mprintf("%z%s", all, sqlite3_errmsg(db));
	sqlite3_finalize(s);
	sqlite3_free(sql);
	return all;
}

static void ask_some(sqlite3 *db, char **ret, unsigned n)
{
	static const char *const kinds[] = { "process", "file", "connection" };

	for (unsigned i = 0; i < n; i++) {
		char question[128], at[16] = "NULL";
		unsigned nodes = 1 + pick(60), steps = pick(12), width = 1 + pick(8), got;

		if (pick(2))
			snprintf(at, sizeof(at), "%u", pick(50000000));
		snprintf(question, sizeof(question), "'%s', '%s', %u, %s, %u, %u, %u, %u",
			 pick(2) ? "forward" : "backward", kinds[pick(3)], 1 + pick(CONNECTIONS),
			 at, steps, nodes, width, pick(2));
		ret[i] = ask(db, question, &got);
		CHECK(got <= nodes && got >= 1);
	}
}

TEST(trees_within_their_limits)
{
	for (unsigned round = 0; round < ROUNDS; round++) {
		char *first[20], *again[20];
		sqlite3 *db;

		seed = round;
		db = new_case();
		ask_some(db, first, 20);
		sqlite3_close(db);
		/* A case without these indexes answers the same. */
		seed = round;
		db = new_case();
		CHECK(run(db, "DROP INDEX edge_by_old_file; DROP INDEX edge_by_child;"
			      "DROP INDEX edge_by_file_is_out_boot_from_ts;"
			      "DROP INDEX edge_by_process_is_out_boot_from_ts"));
		ask_some(db, again, 20);
		for (int i = 0; i < 20; i++) {
			CHECK_STR(again[i], first[i]);
			sqlite3_free(first[i]);
			sqlite3_free(again[i]);
		}
		sqlite3_close(db);
	}
}

TEST(names_are_made_harmless)
{
	unsigned nodes;
	sqlite3 *db;
	char *all;

	seed = 7;
	db = new_case();
	CHECK(run(db, "UPDATE process SET comm = x'411b5b33316d', exe = '/x', "
		      "argv = '[\"a\",\"\xc2\x9b\"]' WHERE id = 1;"
		      "UPDATE file SET path = x'2f61e9ed', kind = 'file' WHERE id = 2"));
	all = ask(db, "'forward', 'process', 1, NULL, 0", &nodes);
	CHECK(strncmp(all, "0 A\\x1b[31m[1] (/x) \\xc2\\x9b ", 28) == 0);
	sqlite3_free(all);
	all = ask(db, "'forward', 'path', x'2f61e9ed', NULL, 0", &nodes);
	CHECK(strncmp(all, "0 /a\\xe9\\xed ", 13) == 0);
	sqlite3_free(all);
	all = ask(db, "'forward', 'addr', '[2001:db8::1]:1', NULL, 0", &nodes);
	CHECK(strncmp(all, "0 inet6 [2001:db8::1]:1", 23) == 0);
	sqlite3_free(all);
	all = ask(db, "'forward', 'addr', '2001:db8::1', NULL, 0", &nodes);
	CHECK(strncmp(all, "0 inet6 [2001:db8::1]:1", 23) == 0);
	sqlite3_free(all);
	sqlite3_close(db);
}

/* A file that a hundred thousand processes read, and one that one process wrote as often. */
TEST(hubs_are_cut_and_counted)
{
	unsigned nodes;
	sqlite3 *db;
	char *all;

	seed = 3;
	db = new_case();
	CHECK(run(db, "DELETE FROM edge;"
		      "WITH RECURSIVE n(i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n "
		      "WHERE i < 100099) "
		      "INSERT INTO process(id, boot, pid, known_by, comm, ppid) "
		      "SELECT i, 1, i, 'fork', 'p', 5 FROM n;"
		      "WITH RECURSIVE n(i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n "
		      "WHERE i < 100099) "
		      "INSERT INTO edge(boot, process, kind, is_out, file, from_ts, to_ts, count, "
		      "event) SELECT 1, i, 'read', 0, 1, i, i, 1, 'e' FROM n "
		      "UNION ALL SELECT 1, 1, 'write', 1, 1, i, i, 1, 'e' FROM n;"
		      "UPDATE file SET kind = 'file' WHERE id = 1"));
	all = ask(db, "'forward', 'file', 1", &nodes);
	CHECK_EQ(nodes, SLICE_WIDTH + 1);
	CHECK(strstr(all, "cut: 19900 more beyond the width, 80000 edges not looked at\n") != NULL);
	sqlite3_free(all);
	all = ask(db, "'backward', 'file', 1", &nodes);
	CHECK_EQ(nodes, 2);
	CHECK(strstr(all, "cut: 80000 edges not looked at\n") != NULL);
	sqlite3_free(all);
	sqlite3_close(db);
}
