/* SPDX-License-Identifier: BSD-2-Clause */
/* reel query: SQL over a case, or straight over a capture. */
#include "query/case_captures.h"
#include "query/cmd_query.h"

#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum {
	FORMAT_DEFAULT, /* as --format names the others, in the order of enum show_format */
	STEPS_BETWEEN_LOOKS = 1000,
	FLUSH_NS = 200000000,
};

#define AT(field) offsetof(struct query_options, field)

static const struct reel_option query_table[] = {
	{ "file", 'f', "FILE", REEL_OPT_STRING, AT(file),
	  "read the SQL from FILE; -: standard input", .heading = "What is asked" },
	{ "queries", 0, "DIR", REEL_OPT_LIST, AT(directories),
	  "named queries of this directory, before those of others; may be repeated" },
	{ "list", 0, NULL, REEL_OPT_FLAG, AT(list), "show the named queries" },
	REEL_KEY_OPTION(AT(keys)),
	{ "write", 0, NULL, REEL_OPT_FLAG, AT(write), "open the case for writing, too: for notes" },
	{ "timeout", 0, "DURATION", REEL_OPT_DURATION, AT(timeout_ns),
	  "give up after this time: 30s" },
	{ "format", 0, NULL, REEL_OPT_CHOICE, AT(format),
	  "how to print rows; default: what the named query says, else a table on a terminal and "
	  "text elsewhere",
	  .choices = "default|" SHOW_FORMATS, .heading = "How it is shown" },
	{ "json", 0, NULL, REEL_OPT_SET, AT(format), "same as --format json",
	  .value = SHOW_JSON + 1 },
	{ "header", 0, NULL, REEL_OPT_FLAG, AT(header),
	  "print the names of columns (the default)" },
	{ "no-header", 0, NULL, REEL_OPT_FLAG, AT(no_header), "do not" },
	{ "null", 0, "TEXT", REEL_OPT_STRING, AT(null),
	  "print NULL as TEXT, where it is not JSON" },
	{ "redact", 0, "WHAT,...", REEL_OPT_LIST, AT(redact),
	  "hide what should not leave the house: home, args, content, env, or all" },
	{ 0 },
};

volatile int query_stop;
/* What a signal ends. SQLite says that this may be done at any time while it is open. */
static sqlite3 *volatile running;

static void handle_stop(int signal_number)
{
	/* Whoever asks twice does not want to wait. */
	if (query_stop == signal_number && signal_number != SIGALRM)
		(void)signal(signal_number, SIG_DFL);
	query_stop = signal_number;
	if (running)
		sqlite3_interrupt(running);
}

int query_fail(struct query *q, int r, const struct reel_err *err)
{
	if (r == -EINTR && query_stop == SIGALRM) {
		fputs("reel query: --timeout came before the end of the answer\n", stderr);
		return REEL_STATUS_INCOMPLETE;
	}
	if (r == -EINTR) {
		fputs("reel query: interrupted\n", stderr);
		return query_stop == SIGTERM ? 128 + SIGTERM : QUERY_STATUS_INTERRUPTED;
	}
	if (r == -EINVAL)
		return reel_command_fail(q->self, REEL_STATUS_USAGE, err);
	return reel_command_fail(q->self, reel_status_of(r), err);
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* An interrupt that came between two statements is forgotten by SQLite. */
static int look_at_stop(void *context)
{
	(void)context;
	return query_stop;
}

/* What was asked for -------------------------------------------------------------------------- */

static int read_all(struct query *q, const char *name, int fd)
{
	struct reel_err err = { 0 };
	size_t n = 0, cap = 1 << 16;
	ssize_t got = 1;

	q->text = malloc(cap + 1);
	while (q->text && got > 0 && n <= QUERY_SQL_BYTES_MAX) {
		if (n == cap) {
			char *grown = realloc(q->text, cap * 2 + 1);

			if (!grown)
				free(q->text);
			q->text = grown;
			cap *= 2;
			continue;
		}
		got = read(fd, q->text + n, cap - n);
		if (got < 0 && errno == EINTR && !query_stop)
			got = 1;
		else if (got > 0)
			n += (size_t)got;
	}
	if (!q->text)
		return query_fail(q, reel_err_set(&err, -ENOMEM, "no memory"), &err);
	if (got < 0)
		return query_fail(q, reel_err_set(&err, -errno, "%s: %s", name, strerror(errno)),
				  &err);
	if (n > QUERY_SQL_BYTES_MAX || memchr(q->text, '\0', n))
		return query_fail(q,
				  reel_err_set(&err, -EINVAL, "%s: this is not SQL: %s", name,
					       n > QUERY_SQL_BYTES_MAX ? "it is over 16 MiB" :
									 "it has a NUL in it"),
				  &err);
	q->text[n] = '\0';
	/* A byte order mark is not SQL. */
	q->script.text = q->text + (strncmp(q->text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0);
	q->script.name = name;
	return REEL_STATUS_OK;
}

static int read_file(struct query *q, const char *path)
{
	struct reel_err err = { 0 };
	int fd, status;

	if (strcmp(path, "-") == 0)
		return read_all(q, "(standard input)", STDIN_FILENO);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return query_fail(q, reel_err_set(&err, -errno, "%s: %s", path, strerror(errno)),
				  &err);
	status = read_all(q, path, fd);
	close(fd);
	return status;
}

/* The operands from I on are parameters. */
static int read_given(struct query *q, int i)
{
	q->given = calloc((size_t)(q->args.n - i) + 1, sizeof(*q->given));
	if (!q->given)
		return query_fail(q, -ENOMEM, &(struct reel_err){ -ENOMEM, "no memory" });
	for (; i < q->args.n; i++) {
		struct param_given *g = &q->given[q->script.n_given];

		if (!param_split(q->args.v[i], g))
			return reel_command_misuse(q->self,
						   "'%s' is no parameter of the form name=value",
						   q->args.v[i]);
		for (size_t k = 0; k < q->script.n_given; k++)
			if (q->given[k].name_len == g->name_len &&
			    memcmp(q->given[k].name, g->name, g->name_len) == 0)
				return reel_command_misuse(q->self, "'%s' is given twice",
							   q->args.v[i]);
		q->script.n_given++;
	}
	q->script.given = q->given;
	return REEL_STATUS_OK;
}

static int unknown_query(struct query *q, const char *name)
{
	struct reel_nearest near = REEL_NEAREST(name);

	for (size_t i = 0; i < q->named.n; i++)
		reel_nearest_offer(&near, q->named.v[i]->name);
	for (size_t i = 0; i < q->named.n_errors; i++)
		reel_command_note(q->self, &q->args.common, "%s", q->named.errors[i].msg);
	return reel_command_misuse(q->self, "no query is called '@%s'%s%s%s", name,
				   near.best ? ", did you mean '@" : "", near.best ? near.best : "",
				   near.best ? "'?" :
					       "; 'reel query --list' shows those there are");
}

static int choose_named(struct query *q, const char *name)
{
	struct named_query *n = named_find(&q->named, name);

	if (!n)
		return unknown_query(q, name);
	q->script.query = n;
	q->script.text = n->sql;
	q->script.name = n->file;
	q->script.first_line = n->sql_line;
	return REEL_STATUS_OK;
}

static int read_question(struct query *q)
{
	const char *sql = q->args.n > 1 ? q->args.v[1] : NULL;
	struct param_given g;
	int status, first = 2;

	q->script.first_line = 1;
	if (q->options.file || (sql && param_split(sql, &g)))
		first = 1;
	status = read_given(q, first < q->args.n ? first : q->args.n);
	if (status != REEL_STATUS_OK)
		return status;
	if (q->options.file)
		return read_file(q, q->options.file);
	if (sql && first == 2) {
		if (sql[0] == '@')
			return choose_named(q, sql + 1);
		q->script.text = sql;
		q->script.name = "SQL";
		return REEL_STATUS_OK;
	}
	status = read_file(q, "-");
	if (status == REEL_STATUS_OK && !*q->script.text)
		return reel_command_misuse(q->self, "what is asked? SQL, @NAME or -f FILE");
	return status;
}

static int choose_redaction(struct query *q)
{
	struct reel_err err = { 0 };

	for (size_t i = 0; i < q->options.redact.n; i++)
		if (redact_parse(q->options.redact.v[i], &q->redact.kinds, &err) < 0)
			return reel_command_misuse(q->self, "%s", err.msg);
	return REEL_STATUS_OK;
}

/* Opening ------------------------------------------------------------------------------------- */

int query_make_case(struct query *q)
{
	struct reel_err err = { 0 };
	int r;

	/* A question that another has to be asked for first takes its time. */
	if (isatty(STDERR_FILENO))
		reel_command_note(q->self, &q->args.common, "a case is made of %s first",
				  q->source);
	r = case_maker_make(&q->maker, q->passing, &query_stop, &err);
	return r < 0 ? query_fail(q, r, &err) : REEL_STATUS_OK;
}

static int prepare_connection(struct query *q)
{
	struct reel_err err = { 0 };
	int r = 0;

	running = q->db;
	sqlite3_progress_handler(q->db, STEPS_BETWEEN_LOOKS, look_at_stop, NULL);
	if (q->redact.kinds)
		r = redact_install(q->db, &q->redact, &err);
	for (size_t i = 0; r == 0 && i < q->named.n; i++)
		if (named_register(q->db, q->named.v[i]) != SQLITE_OK)
			r = reel_err_set(&err, -ENOMEM, "%s", sqlite3_errmsg(q->db));
	return r < 0 ? query_fail(q, r, &err) : REEL_STATUS_OK;
}

static int add_keys(struct query *q, struct reel_err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < q->options.keys.n; i++)
		r = reel_captures_add_key(q->captures, q->options.keys.v[i], err);
	return r;
}

static int open_source(struct query *q)
{
	struct reel_err err = { 0 };
	unsigned n_open;
	int r;

	if (q->is_case)
		r = database_open(q->source, q->options.write, &q->db, &q->captures, &err);
	else
		r = database_open_capture(q->source, &q->options.keys, &q->db, &q->captures, &err);
	if (r == 0 && q->is_case)
		r = add_keys(q, &err);
	if (r == 0)
		r = case_captures_open(q->db, q->captures, &n_open, &err);
	return r < 0 ? query_fail(q, r, &err) : prepare_connection(q);
}

/* The capture stays open, beside the case that was made of it. */
static int open_passing(struct query *q)
{
	struct reel_err err = { 0 };
	int status = query_make_case(q), r;

	if (status != REEL_STATUS_OK)
		return status;
	running = NULL;
	sqlite3_close(q->db);
	q->db = NULL;
	redact_done(&q->redact);
	(void)choose_redaction(q);
	r = database_open(q->passing, false, &q->db, &q->captures, &err);
	if (r == 0)
		r = add_keys(q, &err);
	if (r == 0)
		r = reel_captures_open(q->captures, &q->source, 1, &err);
	/* What is open stays readable, and nothing is left behind, whatever ends us. */
	case_maker_remove(&q->maker);
	return r < 0 ? query_fail(q, r, &err) : prepare_connection(q);
}

/* Is it for want of a case that the SQL does not compile? */
static bool wants_case(const struct query *q, const struct reel_err *err)
{
	const char *table = suggest_missing_table(err->msg);
	char name[64];

	if (q->is_case || q->passing[0])
		return false;
	if (table) {
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(table, ", "), table);
		return passing_case_has(name);
	}
	/* A type of event may be called as a table of the case is; but its columns are others. */
	return strstr(err->msg, "no such column: ") && passing_case_is_named(q->script.text);
}

/* Asking -------------------------------------------------------------------------------------- */

static int new_show(struct query *q)
{
	bool terminal = isatty(STDOUT_FILENO);
	struct show_options how = {
		.format = terminal ? SHOW_TABLE : SHOW_TEXT,
		.null = q->options.null,
		.no_header = q->options.no_header,
		.omit_nulls = q->script.query && q->script.query->omits_nulls,
		.hidden = q->script.query && !q->args.common.verbose ? q->script.query->verbose :
								       NULL,
		.redact = q->redact.kinds & REDACT_HOME ? &q->redact : NULL,
	};
	struct reel_err err = { 0 };
	struct winsize size;
	int shape, r;

	if (q->script.query && q->script.query->shape &&
	    reel_parse_choice(q->script.query->shape, SHOW_FORMATS, &shape, NULL) == 0 &&
	    shape != SHOW_TABLE)
		how.format = (enum show_format)shape;
	if (q->options.format != FORMAT_DEFAULT)
		how.format = (enum show_format)(q->options.format - 1);
	(void)setlocale(LC_CTYPE, "");
	how.ascii = strcmp(nl_langinfo(CODESET), "UTF-8") != 0;
	if (terminal && !q->args.common.verbose && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
		how.columns = size.ws_col;
	r = out_init(&q->out, STDOUT_FILENO);
	if (r < 0)
		return query_fail(q, r, &(struct reel_err){ r, "no memory to print with" });
	r = show_new(&q->out, &how, &q->show, &err);
	return r < 0 ? query_fail(q, r, &err) : REEL_STATUS_OK;
}

/* Rows are seen when they come, without a call for each where they come fast. */
static void flush_sometimes(struct query *q)
{
	uint64_t now = now_ns();

	if (now - q->flushed_ns < FLUSH_NS)
		return;
	q->flushed_ns = now;
	(void)out_flush(&q->out);
}

static int run_statement(struct query *q, sqlite3_stmt *statement)
{
	bool has_rows = sqlite3_column_count(statement) > 0;
	struct reel_err err = { 0 };
	int rc = SQLITE_ROW, r = 0;

	while (r == 0 && rc == SQLITE_ROW) {
		rc = query_stop ? SQLITE_INTERRUPT : sqlite3_step(statement);
		/* Before the first row it is not known whether there will be an answer. */
		if (has_rows && (rc == SQLITE_ROW || rc == SQLITE_DONE)) {
			r = show_begin(q->show, statement, &err);
			has_rows = false;
		}
		if (r == 0 && rc == SQLITE_ROW)
			r = show_row(q->show, statement, &err);
		flush_sometimes(q);
		if (r == 0 && out_error(&q->out) < 0)
			r = reel_err_set(&err, out_error(&q->out), "cannot write: %s",
					 strerror(-out_error(&q->out)));
	}
	if (r == 0 && rc == SQLITE_DONE && sqlite3_column_count(statement))
		r = show_end(q->show, &err);
	if (rc == SQLITE_INTERRUPT)
		r = -EINTR;
	else if (r == 0 && rc != SQLITE_DONE) {
		(void)out_flush(&q->out);
		r = script_failed(&q->script, q->db, &err);
		if (r == -EIO)
			r = database_failed(q->db, q->source, &err);
	}
	(void)out_flush(&q->out);
	return r < 0 ? query_fail(q, r, &err) : REEL_STATUS_OK;
}

static int run_script(struct query *q)
{
	int status = REEL_STATUS_OK;

	while (status == REEL_STATUS_OK) {
		struct reel_err err = { 0 };
		sqlite3_stmt *statement = NULL;
		int r = script_next(&q->script, q->db, &statement, &err);

		if (r == -EINVAL && wants_case(q, &err)) {
			status = open_passing(q);
			continue;
		}
		if (r == -EIO)
			r = database_failed(q->db, q->source, &err);
		if (r < 0)
			return query_fail(q, r, &err);
		if (!statement)
			break;
		status = run_statement(q, statement);
		sqlite3_finalize(statement);
	}
	return status;
}

static void say_line(void *context, const char *line)
{
	struct query *q = context;

	reel_command_note(q->self, &q->args.common, "%s", line);
}

/* What the answer may lack. */
static int conclude(struct query *q)
{
	enum reel_status of_case = REEL_STATUS_OK;
	enum reel_status of_captures = health_of_captures(q->captures, !q->is_case, say_line, q);

	/* A passing case tells of the capture the same once more. */
	if (q->is_case)
		of_case = health_of_case(q->db, say_line, q);
	return of_captures == REEL_STATUS_OK ? (int)of_case : (int)of_captures;
}

/* Again and again, since an interrupt may come between two statements. */
static void start_timeout(const struct query *q)
{
	const uint64_t second = 1000000000;
	struct itimerval timer = {
		.it_value = { (time_t)(q->options.timeout_ns / second),
			      (suseconds_t)(q->options.timeout_ns % second / 1000) },
		.it_interval = { 0, 100000 },
	};

	if (q->options.timeout_ns)
		(void)setitimer(ITIMER_REAL, &timer, NULL);
}

static int answer(struct query *q)
{
	struct reel_err err = { 0 };
	int status = new_show(q);

	if (status == REEL_STATUS_OK && script_check_names(&q->script, &err) < 0)
		status = reel_command_misuse(q->self, "%s", err.msg);
	if (status == REEL_STATUS_OK)
		start_timeout(q);
	if (status == REEL_STATUS_OK && !q->is_case && q->script.query && q->script.query->needs)
		status = open_passing(q);
	else if (status == REEL_STATUS_OK)
		status = open_source(q);
	if (status == REEL_STATUS_OK)
		status = run_script(q);
	if (status == REEL_STATUS_OK && script_check_given(&q->script, &err) < 0)
		status = reel_command_misuse(q->self, "%s", err.msg);
	if (status == REEL_STATUS_OK)
		status = conclude(q);
	return status;
}

static void catch_signals(void)
{
	struct sigaction action = { .sa_handler = handle_stop };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGALRM, &action, NULL);
}

static const char *misuse_of(const struct query *q)
{
	if (q->args.n == 0)
		return "of which case or capture?";
	if (q->options.header && q->options.no_header)
		return "--header and --no-header exclude each other";
	if (q->options.write && q->source && !q->is_case)
		return "--write: a capture is never changed";
	return NULL;
}

static int ask(struct query *q)
{
	int status = REEL_STATUS_OK;

	if (!q->source) {
		const struct named_query *n = named_find(&q->named, q->args.v[0] + 1);

		return n ? query_explain(q, n) : unknown_query(q, q->args.v[0] + 1);
	}
	status = choose_redaction(q);
	if (status == REEL_STATUS_OK)
		status = read_question(q);
	return status == REEL_STATUS_OK ? answer(q) : status;
}

/* Confined, and with whoever makes a case of a capture if one is needed. */
static int run_confined(struct query *q)
{
	struct reel_err err = { 0 };
	int status, r = 0;

	if (q->source && !q->is_case)
		r = case_maker_start(&q->maker, q->source, &q->options.keys, q->args.common.quiet,
				     &err);
	if (r < 0)
		return query_fail(q, r, &err);
	query_confine(q);
	status = query_load_named(q);
	if (status != REEL_STATUS_OK)
		return status;
	return q->options.list ? query_list(q) : ask(q);
}

static int run(struct query *q)
{
	const char *misuse;

	if (!q->options.list && q->args.n && q->args.v[0][0] != '@') {
		q->source = q->args.v[0];
		q->is_case = database_is_one(q->source);
	}
	misuse = q->options.list ? NULL : misuse_of(q);
	if (misuse)
		return reel_command_misuse(q->self, "%s", misuse);
	catch_signals();
	/* There is no SQL, and nobody to give it but a user. */
	if (q->source && q->args.n == 1 && !q->options.file && isatty(STDIN_FILENO))
		return query_session(q);
	return run_confined(q);
}

static int query_run(const struct reel_command *self, int argc, char **argv)
{
	struct query *q = calloc(1, sizeof(*q));
	const struct reel_err no_memory = { -ENOMEM, "no memory" };
	int status;

	if (!q)
		return reel_command_fail(self, REEL_STATUS_IO, &no_memory);
	q->self = self;
	if (!reel_command_parse(self, argc, argv, &q->options, &q->args, &status)) {
		free(q);
		return status;
	}
	status = run(q);
	running = NULL;
	show_free(q->show);
	out_done(&q->out);
	sqlite3_close(q->db);
	case_maker_end(&q->maker);
	redact_done(&q->redact);
	named_done(&q->named);
	free(q->given);
	free(q->text);
	reel_options_done(query_table, &q->options);
	free(q);
	return status;
}

const struct reel_command reel_cmd_query = {
	.name = "query",
	.summary = "SQL over a case, or straight over a capture",
	.usage = "CASE.db|CAPTURE [SQL | @NAME] [name=value...]",
	.examples = { "reel query web1.reel 'SELECT type, count(*) FROM event GROUP BY type'",
		      "reel query case.db @who_touched path=/etc/shadow" },
	.options = query_table,
	.run = query_run,
	.complete = query_complete,
};
