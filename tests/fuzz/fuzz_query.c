/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SQL over a capture, made as fuzz_segment makes its files: byte 1 chooses the statements. Tables
 * read every event in each way of scanning, and what two ways say of it must be the same.
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "query/extension.h"
#include "tests/fuzz/making.h"
#include "tests/fuzz/secret.h"
#include "tests/fuzz/touch.h"

/* Rows are bounded, so that no input takes seconds. */
#define SOME " LIMIT 400"

static const char *const questions[] = {
	"SELECT * FROM event" SOME,
	"SELECT * FROM event ORDER BY ts" SOME,
	"SELECT id, type, path, fields FROM event WHERE path GLOB 'a*'" SOME,
	"SELECT * FROM event WHERE exe = '/bin/sh' AND ts > 1000000" SOME,
	"SELECT * FROM event WHERE time < '2023-11-15' AND pid IN (100, 101, 7)" SOME,
	"SELECT type, class, count(*) FROM event GROUP BY type",
	"SELECT * FROM event WHERE id IN (SELECT id FROM event LIMIT 3)",
	"SELECT * FROM event WHERE time_ns >= 1700000000002000000 AND type = 'open'" SOME,
	"SELECT * FROM open" SOME,
	"SELECT * FROM exec" SOME,
	"SELECT * FROM event_process" SOME,
	"SELECT * FROM connect" SOME,
	"SELECT * FROM lost" SOME,
	"SELECT * FROM event_clock ORDER BY time_ns" SOME,
	"SELECT * FROM reel_health",
	"SELECT * FROM reel_reading",
};

enum { N_QUESTIONS = sizeof(questions) / sizeof(questions[0]), ROWS_MAX = 3000 };

static void touch_row(sqlite3_stmt *s)
{
	for (int i = 0; i < sqlite3_column_count(s); i++) {
		const uint8_t *bytes = sqlite3_column_blob(s, i);
		int n = sqlite3_column_bytes(s, i);

		for (int at = 0; at < n; at++)
			touch_sink += bytes[at];
		touch_sink += (uint64_t)sqlite3_column_int64(s, i);
	}
}

static void ask(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *s;
	int r;

	MUST(sqlite3_prepare_v2(db, sql, -1, &s, NULL) == SQLITE_OK);
	while ((r = sqlite3_step(s)) == SQLITE_ROW)
		touch_row(s);
	MUST(r == SQLITE_DONE);
	sqlite3_finalize(s);
}

static sqlite3_int64 count(sqlite3 *db, const char *sql)
{
	sqlite3_int64 n;
	sqlite3_stmt *s;

	MUST(sqlite3_prepare_v2(db, sql, -1, &s, NULL) == SQLITE_OK);
	MUST(sqlite3_step(s) == SQLITE_ROW);
	n = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return n;
}

static void compare_ways(sqlite3 *db)
{
	sqlite3_int64 n = count(db, "SELECT count(*) FROM event");

	if (n > ROWS_MAX)
		return;
	MUST(n == count(db, "SELECT count(pid) FROM event"));
	MUST(n == count(db, "SELECT count(ts) FROM (SELECT ts FROM event ORDER BY ts)"));
	MUST(n == count(db, "SELECT sum(n) FROM (SELECT count(*) AS n FROM event GROUP BY type "
			    "UNION ALL SELECT 0)"));
	MUST(n == count(db, "SELECT count(*) FROM (SELECT exe, pid FROM event)"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct making m;
	static struct reel_public_key to;
	static int fd = -1;
	static char path[40], key_path[SECRET_PATH];
	struct reel_captures *captures;
	const char *paths[] = { path };
	sqlite3 *db;

	if (size < 2 || size > ROOM)
		return 0;
	if (fd < 0) {
		fd = memfd_create("segment", 0);
		MUST(fd >= 0);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		make_secret(&to, key_path);
	}
	m.to = data[0] & SEGMENT_ENCRYPTED ? &to : NULL;
	if (data[0] & SEGMENT_RAW)
		memcpy(m.file, data + 2, m.n = size - 2);
	else
		make_file(&m, data + 2, size - 2);
	MUST(ftruncate(fd, 0) == 0 && pwrite(fd, m.file, m.n, 0) == (ssize_t)m.n);

	MUST(sqlite3_open(":memory:", &db) == SQLITE_OK);
	MUST(reel_extension_register_with(db, &captures) == SQLITE_OK);
	MUST(reel_captures_add_key(captures, key_path, NULL) == 0);
	if (reel_captures_open(captures, paths, 1, NULL) == 0) {
		ask(db, questions[data[1] % N_QUESTIONS]);
		ask(db, questions[data[1] / N_QUESTIONS % N_QUESTIONS]);
		compare_ways(db);
	}
	MUST(sqlite3_close(db) == SQLITE_OK);
	return 0;
}
