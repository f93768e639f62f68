/* SPDX-License-Identifier: BSD-2-Clause */
/* reel query without SQL: the stock sqlite3, with our tables and the named queries in it. */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
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

static void build(struct words *w, const struct query *q, const char *case_path,
		  const char *extension)
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
	if (q->named.n)
		add_command(w, sql_command("reel_queries", q->named.directories,
					   q->named.n_directories));
	add_command(w, strdup(".headers on"));
	add_command(w, strdup(q->options.format == SHOW_LINE + 1 ? ".mode line" : ".mode box"));
	if (q->options.null)
		add_command(w, dot_command(".nullvalue", q->options.null));
	add(w, strdup("-interactive"));
	add(w, strdup(case_path));
}

/* The terminal's signals are for sqlite3, which ends a statement by them; we clean up behind it. */
static int run(const char *program, char **argv)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN }, before;
	posix_spawnattr_t attributes;
	sigset_t defaults;
	pid_t child;
	int status, r;

	sigaction(SIGINT, &ignore, &before);
	sigemptyset(&defaults);
	sigaddset(&defaults, SIGINT);
	sigaddset(&defaults, SIGTERM);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setsigdefault(&attributes, &defaults);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
	r = -posix_spawn(&child, program, NULL, &attributes, argv, environ);
	posix_spawnattr_destroy(&attributes);
	while (r == 0 && waitpid(child, &status, 0) < 0) {
		if (errno != EINTR)
			r = -errno;
		else if (query_stop)
			(void)kill(child, SIGTERM);
	}
	sigaction(SIGINT, &before, NULL);
	if (r < 0)
		return r;
	/* sqlite3 ends with 1 if any statement was wrong, which has been seen. */
	if (WIFEXITED(status))
		return WEXITSTATUS(status) > 1 ? WEXITSTATUS(status) : 0;
	return 128 + WTERMSIG(status);
}

int query_session(struct query *q)
{
	static const char *const extensions[] = { "reel.so", "../lib/reel/reel.so", NULL };
	char program[PATH_MAX], extension[PATH_MAX + 64];
	const char *case_path = q->source;
	struct words w = { 0 };
	struct reel_err err = { 0 };
	int status = REEL_STATUS_OK, r;

	if (q->redact.kinds)
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
	if (q->is_case) {
		/* What is wrong with it is said by us. */
		r = database_open(q->source, q->options.write, &q->db, &q->captures, &err);
		if (r < 0)
			return query_fail(q, r, &err);
		sqlite3_close(q->db);
		q->db = NULL;
	} else {
		status = query_make_case(q);
		case_path = q->passing.path;
	}
	if (status != REEL_STATUS_OK)
		return status;
	build(&w, q, case_path, extension);
	if (w.failed) {
		status = query_fail(q, reel_err_set(&err, -ENOMEM, "no memory"), &err);
	} else {
		say_hello(q, case_path);
		status = run(program, w.v);
	}
	words_done(&w);
	if (status < 0)
		return query_fail(q,
				  reel_err_set(&err, status, "cannot run sqlite3: %s",
					       strerror(-status)),
				  &err);
	return status;
}
