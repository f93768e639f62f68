/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reel query without SQL: the stock sqlite3, with our tables and the named queries in it. Whether
 * the case is sound, and which queries there are, is looked at by a child that is confined as any
 * other reading command is; sqlite3 is confined by rules of its own.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "query/cmd_query.h"

extern char **environ;

enum { WORDS_MAX = 32, WORD_BYTES = PATH_MAX * 3 };

struct words {
	char *v[WORDS_MAX + 1];
	unsigned n;
	bool failed;
};

static void add(struct words *w, char *word)
{
	if (!word || w->n == WORDS_MAX) {
		w->failed = true;
		free(word);
		return;
	}
	w->v[w->n++] = word;
}

static void add_command(struct words *w, char *command)
{
	add(w, strdup("-cmd"));
	add(w, command);
}

static void words_done(struct words *w)
{
	for (unsigned i = 0; i < w->n; i++)
		free(w->v[i]);
}

/* A word of a dot command: between double quotes, as the shell of SQLite reads it. */
static char *dot_command(const char *command, const char *path)
{
	char *text = malloc(WORD_BYTES);
	size_t n = text ? (size_t)snprintf(text, WORD_BYTES, "%s \"", command) : 0;

	for (; text && *path && n + 8 < WORD_BYTES; path++) {
		if (*path == '"' || *path == '\\')
			text[n++] = '\\';
		text[n++] = *path;
	}
	if (text)
		memcpy(text + n, "\"", 2);
	return text;
}

/* SELECT of a function for what it does; what it returns is not shown. */
static char *sql_command(const char *function, char *const *words, size_t n)
{
	sqlite3_str *text = sqlite3_str_new(NULL);
	char *sql, *copy;

	sqlite3_str_appendf(text, "SELECT 1 WHERE %s(", function);
	for (size_t i = 0; i < n; i++)
		sqlite3_str_appendf(text, "%s%Q", i ? ", " : "", words[i]);
	sqlite3_str_appendall(text, ") < 0;");
	sql = sqlite3_str_finish(text);
	copy = sql ? strdup(sql) : NULL;
	sqlite3_free(sql);
	return copy;
}

static bool find_in_path(const char *name, char *ret, size_t size)
{
	const char *path = getenv("PATH");

	for (path = path ? path : "/usr/bin:/bin"; *path;) {
		size_t n = strcspn(path, ":");

		if ((size_t)snprintf(ret, size, "%.*s/%s", (int)n, n ? path : ".", name) < size &&
		    access(ret, X_OK) == 0)
			return true;
		path += n + (path[n] == ':');
	}
	return false;
}

static void say_hello(const struct query *q, const char *case_path)
{
	if (q->args.common.quiet)
		return;
	printf("reel query: %s%s. '.tables' shows the tables of the case; of a capture there is\n"
	       "'event', and a table for each type of event: 'exec', 'open', 'connect' ...\n",
	       q->source, case_path == q->source ? "" : ", and a case made of it");
	if (q->named.n) {
		printf("Named queries are tables too:");
		for (size_t i = 0; i < q->named.n && i < 8; i++)
			printf(" %s(...)", q->named.v[i]->name);
		printf("%s\n'reel query --list' says what they want and tell.\n",
		       q->named.n > 8 ? " ..." : "");
	}
	printf("'.quit' ends.\n");
	fflush(stdout);
}

/* How the SQL function has them. */
static char *queries_command(const struct reel_strings *directories)
{
	char **words = calloc(directories->n + 1, sizeof(*words)), *command = NULL;
	size_t n = 0;

	for (; words && n < directories->n && (words[n] = strdup(directories->v[n])); n++)
		continue;
	if (words && n == directories->n)
		command = sql_command("reel_queries", words, n);
	for (size_t i = 0; words && i < n; i++)
		free(words[i]);
	free(words);
	return command;
}

static void build(struct words *w, const struct query *q, const char *case_path,
		  const char *extension, const struct reel_strings *directories)
{
	add(w, strdup("sqlite3"));
	if (!q->options.write)
		add(w, strdup("-readonly"));
	add_command(w, dot_command(".load", extension));
	if (q->options.keys.n)
		add_command(w, sql_command("reel_key", (char *const *)(uintptr_t)q->options.keys.v,
					   q->options.keys.n));
	if (q->is_case)
		add_command(w, sql_command("reel_open_case", NULL, 0));
	else
		add_command(w, sql_command("reel_open", &q->args.v[0], 1));
	if (directories->n)
		add_command(w, queries_command(directories));
	add_command(w, strdup(".headers on"));
	add_command(w, strdup(q->options.format == SHOW_LINE + 1 ? ".mode line" : ".mode box"));
	if (q->options.null)
		add_command(w, dot_command(".nullvalue", q->options.null));
	add(w, strdup("-interactive"));
	add(w, strdup(case_path));
}

/* Children ------------------------------------------------------------------------------------- */

static void reset_signals(void)
{
	static const int caught[] = { SIGINT, SIGTERM, SIGALRM };

	for (unsigned i = 0; i < sizeof(caught) / sizeof(caught[0]); i++)
		(void)signal(caught[i], SIG_DFL);
}

/* Returns the status of waitpid(), or -errno. */
static int wait_for(pid_t child)
{
	int status;

	while (waitpid(child, &status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
		if (query_stop)
			(void)kill(child, SIGTERM);
	}
	return status;
}

/* What is wrong with the case is said by us, and not by sqlite3. */
static int look_at_source(struct query *q, const char *case_path)
{
	struct reel_err err = { 0 };
	int status, r;

	query_confine(q);
	status = query_load_named(q);
	if (status == REEL_STATUS_OK && q->is_case) {
		r = database_open(q->source, q->options.write, &q->db, &q->captures, &err);
		if (r < 0)
			status = query_fail(q, r, &err);
	}
	if (status == REEL_STATUS_OK)
		say_hello(q, case_path);
	return status;
}

static int look_in_child(struct query *q, const char *case_path)
{
	struct reel_err err = { 0 };
	pid_t child = fork();
	int status;

	if (child == 0) {
		reset_signals();
		_exit(look_at_source(q, case_path));
	}
	status = child < 0 ? -errno : wait_for(child);
	if (status >= 0 && WIFEXITED(status))
		return WEXITSTATUS(status);
	if (status >= 0 && query_stop)
		return query_fail(q, -EINTR, &err);
	reel_err_set(&err, -EIO, "%s: cannot be looked at: %s", q->source,
		     status < 0 ? strerror(-status) : strsignal(WTERMSIG(status)));
	return query_fail(q, -EIO, &err);
}

static void become(const struct query *q, const char *program, char **argv)
{
	const struct reel_common *common = &q->args.common;
	struct confine_report report;
	int r;

	reset_signals();
	confine_session(program, q->options.write ? q->source : NULL, &report);
	if (common->verbose && report.measure[CONFINE_LANDLOCK].status != CONFINE_DONE)
		reel_command_note(q->self, common, "sqlite3 goes on without Landlock: %s",
				  report.measure[CONFINE_LANDLOCK].reason);
	execve(program, argv, environ);
	r = errno;
	reel_command_note(q->self, common, "cannot run %s: %s", program, strerror(r));
	_exit(REEL_STATUS_IO);
}

/* The terminal's signals are for sqlite3, which ends a statement by them; we clean up behind it. */
static int run(const struct query *q, const char *program, char **argv)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN }, before;
	pid_t child;
	int status;

	sigaction(SIGINT, &ignore, &before);
	child = fork();
	if (child == 0)
		become(q, program, argv);
	status = child < 0 ? -errno : wait_for(child);
	sigaction(SIGINT, &before, NULL);
	if (status < 0)
		return status;
	/* sqlite3 ends with 1 if any statement was wrong, which has been seen. */
	if (WIFEXITED(status))
		return WEXITSTATUS(status) > 1 ? WEXITSTATUS(status) : 0;
	return 128 + WTERMSIG(status);
}

static int session_of(struct query *q, const char *program, const char *extension,
		      const struct reel_strings *directories)
{
	const char *case_path = q->is_case ? q->source : q->passing;
	struct words w = { 0 };
	struct reel_err err = { 0 };
	int status = look_in_child(q, case_path);

	if (status != REEL_STATUS_OK)
		return status;
	build(&w, q, case_path, extension, directories);
	if (w.failed)
		status = query_fail(q, reel_err_set(&err, -ENOMEM, "no memory"), &err);
	else
		status = run(q, program, w.v);
	words_done(&w);
	if (status < 0)
		return query_fail(q,
				  reel_err_set(&err, status, "cannot run sqlite3: %s",
					       strerror(-status)),
				  &err);
	return status;
}

int query_session(struct query *q)
{
	static const char *const extensions[] = { "reel.so", "../lib/reel/reel.so", NULL };
	char program[PATH_MAX], extension[PATH_MAX + 64];
	struct reel_strings directories = { 0 };
	struct reel_err err = { 0 };
	int status = REEL_STATUS_OK, r = 0;

	if (q->options.redact.n)
		return reel_command_misuse(
			q->self, "--redact goes with SQL that is given, not with a session");
	if (!find_in_path("sqlite3", program, sizeof(program)))
		return query_fail(q,
				  reel_err_set(&err, -ENOENT,
					       "there is no SQL, and no sqlite3 to type it in: "
					       "install sqlite3, or give SQL"),
				  &err);
	if (query_find_beside(extensions, extension, sizeof(extension)) < 0)
		return query_fail(q,
				  reel_err_set(&err, -ENOENT,
					       "reel.so is neither beside reel nor in ../lib/reel"),
				  &err);
	if (!q->is_case) {
		r = case_maker_start(&q->maker, q->source, &q->options.keys, q->args.common.quiet,
				     &err);
		status = r < 0 ? query_fail(q, r, &err) : query_make_case(q);
	}
	if (status == REEL_STATUS_OK)
		status = query_find_directories(q, &directories);
	if (status == REEL_STATUS_OK)
		status = session_of(q, program, extension, &directories);
	query_directories_done(&directories);
	return status;
}
