/* SPDX-License-Identifier: BSD-2-Clause */
#include "options_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char blanks[] = " \t\r";

/* A file that anybody may change would be a way to root: it can name a command. */
static int check(const char *path, const struct stat *st, struct reel_err *err)
{
	if (!S_ISREG(st->st_mode))
		return reel_err_set(err, -EPERM, "%s is not a file", path);
	if ((st->st_uid != 0 && st->st_uid != geteuid()) || st->st_mode & (S_IWGRP | S_IWOTH))
		return reel_err_set(err, -EPERM,
				    "%s can be written to by others: chown root and chmod go-w it",
				    path);
	if (st->st_size > OPTIONS_FILE_MAX)
		return reel_err_set(err, -EINVAL, "%s is larger than 1 MiB", path);
	return 0;
}

static int slurp(const char *path, char **ret, struct reel_err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	size_t used = 0, room;
	char *text = NULL;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0) {
		r = reel_err_set(err, -errno, "%s: %s", path, strerror(errno));
		goto out;
	}
	r = check(path, &st, err);
	if (r < 0)
		goto out;
	room = (size_t)st.st_size;
	text = malloc(room + 1);
	if (!text) {
		r = reel_err_set(err, -ENOMEM, "out of memory");
		goto out;
	}
	while (used < room) {
		ssize_t n = read(fd, text + used, room - used);

		if (n < 0) {
			r = reel_err_set(err, -errno, "%s: %s", path, strerror(errno));
			goto out;
		}
		if (n == 0)
			break;
		used += (size_t)n;
	}
	text[used] = '\0';
	if (strlen(text) != used)
		r = reel_err_set(err, -EINVAL, "%s: a byte in it is 0", path);
out:
	if (fd >= 0)
		close(fd);
	if (r < 0)
		free(text);
	else
		*ret = text;
	return r;
}

static char *trim(char *text)
{
	size_t n;

	text += strspn(text, blanks);
	for (n = strlen(text); n && strchr(blanks, text[n - 1]); n--)
		text[n - 1] = '\0';
	return text;
}

static void cut_comment(char *line)
{
	for (char *p = line; *p; p++)
		if (*p == '#' && (p == line || strchr(blanks, p[-1]))) {
			*p = '\0';
			return;
		}
}

static bool is_among(const char *name, const char *const *names)
{
	for (; *names; names++)
		if (strcmp(name, *names) == 0)
			return true;
	return false;
}

static int unknown(const struct reel_option *table, const char *name, const char *const *not_here,
		   struct reel_err *err)
{
	struct reel_nearest near = REEL_NEAREST(name);

	if (is_among(name, not_here))
		return reel_err_set(err, -EINVAL, "'%s' belongs on the command line only", name);
	for (; table->name; table++)
		if (!is_among(table->name, not_here))
			reel_nearest_offer(&near, table->name);
	if (near.best)
		return reel_err_set(err, -EINVAL, "unknown option '%s', did you mean '%s'?", name,
				    near.best);
	return reel_err_set(err, -EINVAL, "unknown option '%s'", name);
}

static int set_line(char *line, const struct reel_option *table, void *opts,
		    const struct reel_args *args, const char *const *not_here, struct reel_err *err)
{
	char *equals = strchr(line, '='), *name = line, *value = NULL;
	const struct reel_option *row;
	size_t i;

	if (equals) {
		*equals = '\0';
		value = trim(equals + 1);
	}
	name = trim(name);
	for (i = 0; table[i].name && strcmp(table[i].name, name) != 0; i++)
		;
	row = &table[i];
	if (!row->name || is_among(name, not_here))
		return unknown(table, name, not_here, err);
	if (reel_option_has_value(row)) {
		if (!value || !*value)
			return reel_err_set(err, -EINVAL, "'%s' needs a value: %s = %s", name, name,
					    row->arg ? row->arg : row->choices);
	} else if (value && strcmp(value, "no") == 0) {
		return 0;
	} else if (value && strcmp(value, "yes") != 0) {
		return reel_err_set(err, -EINVAL, "'%s' is yes or no", name);
	}
	return reel_args_have(args, i) ? 0 : reel_option_set(row, opts, value, err);
}

int options_file_read(const char *path, const struct reel_option *table, void *opts,
		      const struct reel_args *args, const char *const *not_here, char **ret_text,
		      struct reel_err *err)
{
	struct reel_err why = { 0 };
	unsigned number = 0;
	char *text, *line, *rest;
	int r;

	r = slurp(path, &text, err);
	if (r < 0)
		return r;
	rest = text;
	while (r == 0 && (line = strsep(&rest, "\n"))) {
		number++;
		cut_comment(line);
		line = trim(line);
		if (*line)
			r = set_line(line, table, opts, args, not_here, &why);
	}
	/* Lists may have got strings of it already. */
	*ret_text = text;
	return r < 0 ? reel_err_set(err, r, "%s:%u: %s", path, number, why.msg) : 0;
}
