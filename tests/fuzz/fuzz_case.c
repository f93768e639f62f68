/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A case that comes from somebody else, asked as reel query asks it, or as reel report does, in
 * whose page it must be no markup. Byte 0 chooses
 *
 *	bit 0	the rest is the file; else it is values of every kind, put into rows of a sound case
 *	1-3	how rows are shown
 *	4-7	which questions are asked; 15: those of a report
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "format/case.h"
#include "query/case_captures.h"
#include "query/database.h"
#include "query/health.h"
#include "query/named.h"
#include "query/report_page.h"
#include "query/show.h"

#define MUST(cond)               \
	do {                     \
		if (!(cond))     \
			abort(); \
	} while (0)

enum { ROWS_MAX = 64, STEPS = 200000, CASE_BYTES_MAX = 1 << 20 };

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const questions[] = {
	"SELECT * FROM process LIMIT 50",
	"SELECT * FROM process_iso LIMIT 50",
	"SELECT * FROM finding JOIN evidence ON evidence.finding = finding.id LIMIT 50",
	"SELECT * FROM connection JOIN image ON image.process = connection.process LIMIT 50",
	"SELECT time_text(from_ns), reel_version(), size_text(id) FROM file LIMIT 50",
	"SELECT * FROM slice('forward', 'path', '*')",
	"SELECT * FROM slice('backward', 'path', '*', NULL, 20, 100, 20, 1)",
	"SELECT * FROM slice('forward', 'process', 1)",
	"SELECT * FROM slice('backward', 'pid', 1)",
	"SELECT * FROM slice('backward', 'addr', '*')",
	"SELECT json(fields) FROM evidence LIMIT 50",
	"SELECT * FROM events_at(5) LIMIT 5",
	"SELECT * FROM processes_at(1700000000000000000) LIMIT 50",
	"SELECT * FROM event LIMIT 50",
	"SELECT * FROM sqlite_schema LIMIT 50",
	"SELECT * FROM capture JOIN source JOIN gap LIMIT 50",
};

enum { N_QUESTIONS = sizeof(questions) / sizeof(questions[0]) };

static struct {
	sqlite3_int64 bytes;
	unsigned char *image;	    /* a case without rows */
	struct named_queries named; /* those of samples/, if they are found */
	int fd;
	char path[40];
} all;

static void run_each(sqlite3 *db, void (*put)(struct reel_out *o))
{
	struct reel_out o;

	MUST(out_init_mem(&o) == 0);
	put(&o);
	out_char(&o, '\0');
	MUST(sqlite3_exec(db, o.buf, NULL, NULL, NULL) == SQLITE_OK);
	out_done(&o);
}

static void put_version(struct reel_out *o)
{
	out_str(o, "PRAGMA application_id = ");
	out_u64(o, CASE_APPLICATION_ID);
	out_str(o, "; PRAGMA user_version = ");
	out_u64(o, CASE_VERSION);
}

static void remove_file(void)
{
	(void)unlink(all.path);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *src = getenv("SRC");
	char directory[4096];
	sqlite3 *db;

	(void)argc;
	(void)argv;
	MUST(sqlite3_open(":memory:", &db) == SQLITE_OK);
	MUST(sqlite3_exec(db, "PRAGMA page_size = 512", NULL, NULL, NULL) == SQLITE_OK);
	run_each(db, case_put_tables);
	run_each(db, case_put_indexes);
	run_each(db, case_put_views);
	run_each(db, put_version);
	all.image = sqlite3_serialize(db, "main", &all.bytes, 0);
	MUST(all.image);
	sqlite3_close(db);
	snprintf(directory, sizeof(directory), "%s/samples/queries", src ? src : ".");
	(void)named_add_directory(&all.named, directory, NULL);
	/* SQLite follows links, which those of /proc do not outlive. */
	snprintf(all.path, sizeof(all.path), "/dev/shm/fuzz-case-XXXXXX");
	all.fd = mkstemp(all.path);
	MUST(all.fd >= 0 && atexit(remove_file) == 0);
	return 0;
}

/* Bytes that are left to be used up. */
struct input {
	const uint8_t *at;
	size_t n;
};

static uint8_t take(struct input *in)
{
	if (!in->n)
		return 0;
	in->n--;
	return *in->at++;
}

static void bind_value(sqlite3_stmt *s, int i, struct input *in)
{
	uint8_t how = take(in);
	size_t length = how >> 3;

	if (length > in->n)
		length = in->n;
	switch (how & 7) {
	case 0:
		sqlite3_bind_null(s, i);
		break;
	case 1:
	case 2:
		sqlite3_bind_int64(s, i, how >> 3);
		break;
	case 3:
		sqlite3_bind_int64(s, i, INT64_MIN + (sqlite3_int64)(how >> 3));
		break;
	case 4:
		sqlite3_bind_int64(s, i, 1700000000000000000 + (sqlite3_int64)(how >> 3));
		break;
	case 5:
		sqlite3_bind_double(s, i, how >> 3 ? 1e300 * (how >> 3) : -0.5);
		break;
	case 6:
		sqlite3_bind_text(s, i, (const char *)in->at, (int)length, SQLITE_TRANSIENT);
		break;
	case 7:
		sqlite3_bind_blob(s, i, in->at, (int)length, SQLITE_TRANSIENT);
		break;
	}
	if ((how & 7) >= 6) {
		in->at += length;
		in->n -= length;
	}
}

/* Keys and types are as they come, which whoever made the file could have had as well. */
static void fill(sqlite3 *db, struct input *in)
{
	for (unsigned row = 0; in->n && row < ROWS_MAX; row++) {
		enum case_table_id t = (enum case_table_id)(take(in) % CASE_N_TABLES);
		sqlite3_stmt *s = NULL;
		struct reel_out o;

		MUST(out_init_mem(&o) == 0);
		out_str(&o, "INSERT INTO ");
		out_str(&o, case_tables[t].name);
		for (int i = 0; i < case_tables[t].n_columns; i++)
			out_str(&o, i ? ",?" : " VALUES (?");
		out_str(&o, ")");
		out_char(&o, '\0');
		MUST(sqlite3_prepare_v2(db, o.buf, -1, &s, NULL) == SQLITE_OK);
		for (int i = 1; i <= case_tables[t].n_columns; i++)
			bind_value(s, i, in);
		(void)sqlite3_step(s);
		sqlite3_finalize(s);
		out_done(&o);
	}
}

static void write_file(const void *bytes, size_t n)
{
	MUST(ftruncate(all.fd, 0) == 0 && pwrite(all.fd, bytes, n, 0) == (ssize_t)n);
}

static void make_file(struct input *in)
{
	unsigned char *image = sqlite3_malloc64((sqlite3_uint64)all.bytes);
	sqlite3_int64 n = 0;
	sqlite3 *db;

	MUST(image && sqlite3_open(":memory:", &db) == SQLITE_OK);
	memcpy(image, all.image, (size_t)all.bytes);
	MUST(sqlite3_deserialize(db, "main", image, all.bytes, all.bytes,
				 SQLITE_DESERIALIZE_FREEONCLOSE | SQLITE_DESERIALIZE_RESIZEABLE) ==
	     SQLITE_OK);
	sqlite3_exec(db, "PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON", NULL,
		     NULL, NULL);
	fill(db, in);
	image = sqlite3_serialize(db, "main", &n, SQLITE_SERIALIZE_NOCOPY);
	if (image)
		write_file(image, (size_t)n);
	sqlite3_close(db);
}

/* A view may go on for ever, which its user ends by an interrupt, or by --timeout. */
static int is_enough(void *context)
{
	unsigned *calls = context;

	return ++*calls > STEPS / 1000;
}

static void show_all(sqlite3_stmt *s, unsigned how)
{
	const struct show_options options = { .format = (enum show_format)how, .columns = 80 };
	struct reel_out out;
	struct show *show;
	unsigned rows = 0;
	int r;

	MUST(out_init_mem(&out) == 0);
	MUST(show_new(&out, &options, &show, NULL) == 0);
	r = show_begin(show, s, NULL);
	while (r == 0 && rows++ < 500 && sqlite3_step(s) == SQLITE_ROW)
		r = show_row(show, s, NULL);
	if (r == 0)
		(void)show_end(show, NULL);
	show_free(show);
	out_done(&out);
}

static void ask(sqlite3 *db, const char *sql, struct named_query *named, unsigned how)
{
	struct reel_err err;
	unsigned calls = 0;
	sqlite3_stmt *s;

	sqlite3_progress_handler(db, 1000, is_enough, &calls);
	if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) == SQLITE_OK) {
		if (s && (!named || named_bind(named, s, NULL, 0, &err) == 0))
			show_all(s, how);
		sqlite3_finalize(s);
	}
	sqlite3_progress_handler(db, 0, NULL, NULL);
}

/* All but the frame of the page, which takes longer than the rest. */
static void report(sqlite3 *db)
{
	struct reel_out out;
	struct page page = { .db = db, .path = all.path, .out = &out, .max_events = 20 };
	struct reel_err err = { 0 };
	unsigned calls = 0;

	sqlite3_progress_handler(db, 1000, is_enough, &calls);
	MUST(out_init_mem(&out) == 0 && out_init_mem(&page.scratch) == 0);
	if (page_prepare_case(&page, &err) == 0 && page_prepare_events(&page, &err) == 0 &&
	    page_put_sections(&page, &err) == 0)
		(void)page_put_events(&page, &err);
	MUST(out_error(&out) == 0 && !memchr(out.buf, '<', out.len));
	MUST(page.events_shown <= 20);
	out_done(&page.scratch);
	out_done(&out);
	sqlite3_progress_handler(db, 0, NULL, NULL);
}

static void say_line(void *context, const char *line)
{
	*(size_t *)context += strlen(line);
}

static void question(unsigned which, unsigned how)
{
	struct reel_captures *captures;
	struct reel_err err = { 0 };
	sqlite3 *db = NULL;
	unsigned n_open;
	size_t said = 0;

	if (database_open(all.path, false, &db, &captures, &err) < 0)
		return;
	(void)case_captures_open(db, captures, &n_open, &err);
	for (unsigned i = 0; i < 2; i++)
		ask(db, questions[(which + i * 7) % N_QUESTIONS], NULL, how);
	for (size_t i = which; i < all.named.n; i += 16) {
		MUST(named_register(db, all.named.v[i]) == SQLITE_OK);
		ask(db, all.named.v[i]->sql, all.named.v[i], how);
	}
	if (which == 15)
		report(db);
	(void)health_of_case(db, say_line, &said);
	MUST(sqlite3_close(db) == SQLITE_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data + 1, size - 1 };

	if (size < 2 || size > CASE_BYTES_MAX)
		return 0;
	if (data[0] & 1)
		write_file(in.at, in.n);
	else
		make_file(&in);
	question(data[0] >> 4, (data[0] >> 1 & 7) % (SHOW_SUMMARY + 1));
	return 0;
}
