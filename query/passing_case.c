/* SPDX-License-Identifier: BSD-2-Clause */
#include "query/passing_case.h"

/* Before <errno.h>: it has a column of that name. */
#include "format/case.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/wait.h>
#include <unistd.h>

#include "query/script.h"

enum { LOOK_MS = 50 };

extern char **environ;

bool passing_case_has(const char *name)
{
	char table[64];
	size_t n = strlen(name);

	/* A table with times has a view in which they are text. */
	if (n > 4 && strcasecmp(name + n - 4, "_iso") == 0)
		n -= 4;
	if (n >= sizeof(table))
		return false;
	for (size_t i = 0; i < n; i++)
		table[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] + 32 : name[i]);
	table[n] = '\0';
	return case_table_by_name(table) != NULL;
}

static bool is_no_table(void *context, const char *word)
{
	bool *found = context;

	*found = passing_case_has(word);
	return !*found;
}

bool passing_case_is_named(const char *sql)
{
	bool found = false;

	script_words(sql, is_no_table, &found);
	return found;
}

static int make_directory(struct passing_case *c, struct reel_err *err)
{
	const char *tmp = getenv("TMPDIR");
	int n = snprintf(c->directory, sizeof(c->directory), "%s/reel-case-XXXXXX",
			 tmp && *tmp ? tmp : "/tmp");

	if (n < 0 || (size_t)n >= sizeof(c->directory)) {
		c->directory[0] = '\0';
		return reel_err_set(err, -ENAMETOOLONG, "TMPDIR is too long a name");
	}
	if (!mkdtemp(c->directory)) {
		int e = errno;

		reel_err_set(err, -e, "cannot make %s: %s", c->directory, strerror(e));
		c->directory[0] = '\0';
		return -e;
	}
	snprintf(c->path, sizeof(c->path), "%s/case.db", c->directory);
	return 0;
}

/* Returns the status of waitpid(), or -errno. */
static int wait_for(pid_t child, int stop_fd, bool *ret_stopped)
{
	struct pollfd stop = { .fd = stop_fd, .events = POLLIN };
	int status;

	*ret_stopped = false;
	for (;;) {
		pid_t got = waitpid(child, &status, WNOHANG);

		if (got == child)
			return status;
		if (got < 0 && errno != EINTR)
			return -errno;
		if (poll(&stop, *ret_stopped ? 0 : 1, LOOK_MS) > 0 && !*ret_stopped) {
			(void)kill(child, SIGTERM);
			*ret_stopped = true;
		}
	}
}

/* The child has the signals that anybody has, and its answer does not mix with ours. */
static int start(const struct passing_case *c, const char *program, const char *capture,
		 const struct reel_strings *keys, bool quiet, pid_t *ret)
{
	const char *const head[] = { "reel", "replay", "--no-rules", "-o", c->path };
	size_t n = 0, n_head = sizeof(head) / sizeof(head[0]);
	/* The child gets a copy of the words and changes none of ours. */
	const char **words = calloc(n_head + 2 * keys->n + 3, sizeof(*words));
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t defaults;
	int r = words ? 0 : ENOMEM;

	while (words && n < n_head) {
		words[n] = head[n];
		n++;
	}
	for (size_t i = 0; words && i < keys->n; i++) {
		words[n++] = "--key";
		words[n++] = keys->v[i];
	}
	if (words) {
		words[n++] = "--";
		words[n] = capture;
	}
	sigemptyset(&defaults);
	sigaddset(&defaults, SIGINT);
	sigaddset(&defaults, SIGTERM);
	if (r == 0)
		r = posix_spawn_file_actions_init(&actions);
	if (r == 0) {
		posix_spawnattr_init(&attributes);
		posix_spawnattr_setsigdefault(&attributes, &defaults);
		posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
		posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
		posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
		if (quiet)
			posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null",
							 O_WRONLY, 0);
		r = posix_spawn(ret, program, &actions, &attributes,
				(char *const *)(uintptr_t)words, environ);
		posix_spawn_file_actions_destroy(&actions);
		posix_spawnattr_destroy(&attributes);
	}
	free(words);
	return -r;
}

int passing_case_make(struct passing_case *c, const char *program, const char *capture,
		      const struct reel_strings *keys, bool quiet, int stop_fd,
		      struct reel_err *err)
{
	bool stopped;
	pid_t child;
	int status, r;

	*c = (struct passing_case){ 0 };
	r = make_directory(c, err);
	if (r < 0)
		return r;
	r = start(c, program, capture, keys, quiet, &child);
	if (r < 0) {
		passing_case_remove(c);
		return reel_err_set(err, r, "cannot run %s: %s", program, strerror(-r));
	}
	status = wait_for(child, stop_fd, &stopped);
	if (stopped)
		r = reel_err_set(err, -EINTR, "interrupted");
	else if (status < 0)
		r = reel_err_set(err, status, "cannot wait for reel replay: %s", strerror(-status));
	else if (WIFSIGNALED(status))
		r = reel_err_set(err, -EIO, "reel replay was killed by signal %d",
				 WTERMSIG(status));
	else if (access(c->path, R_OK) < 0)
		r = reel_err_set(err, WEXITSTATUS(status) == 3 ? -ENODATA : -EIO,
				 "reel replay could not make a case of %s (status %d)", capture,
				 WEXITSTATUS(status));
	if (r < 0)
		passing_case_remove(c);
	return r;
}

void passing_case_remove(struct passing_case *c)
{
	DIR *dir = c->directory[0] ? opendir(c->directory) : NULL;
	const struct dirent *e;

	/* Whatever a replay that was ended leaves beside the case: it is all ours. */
	while (dir && (e = readdir(dir)))
		if (e->d_name[0] != '.' || e->d_name[1 + (e->d_name[1] == '.')] != '\0')
			(void)unlinkat(dirfd(dir), e->d_name, 0);
	if (dir)
		closedir(dir);
	if (c->directory[0])
		(void)rmdir(c->directory);
	c->directory[0] = '\0';
}
