/* SPDX-License-Identifier: BSD-2-Clause */
/* Directories of named queries. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "query/named.h"

static int by_name(const void *a, const void *b)
{
	const struct named_query *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

struct named_query *named_find(const struct named_queries *all, const char *name)
{
	for (size_t i = 0; i < all->n; i++)
		if (strcmp(all->v[i]->name, name) == 0)
			return all->v[i];
	return NULL;
}

static int add(struct named_queries *all, struct named_query *q)
{
	if (all->n == all->cap) {
		size_t cap = all->cap ? all->cap * 2 : 32;
		struct named_query **grown = realloc(all->v, cap * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		all->v = grown;
		all->cap = cap;
	}
	all->v[all->n++] = q;
	return 0;
}

static int add_error(struct named_queries *all, const struct reel_err *e)
{
	if (all->n_errors == all->cap_errors) {
		size_t cap = all->cap_errors ? all->cap_errors * 2 : 8;
		struct reel_err *grown = realloc(all->errors, cap * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		all->errors = grown;
		all->cap_errors = cap;
	}
	all->errors[all->n_errors++] = *e;
	return 0;
}

static int read_file(int dir, const char *name, const char *path, char **ret, struct reel_err *err)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char *text = NULL;
	struct stat st;
	size_t n = 0;
	int r = 0;

	if (fd < 0 || fstat(fd, &st) < 0)
		r = reel_err_set(err, -errno, "%s: %s", path, strerror(errno));
	else if (!S_ISREG(st.st_mode) || st.st_size > NAMED_BYTES_MAX)
		r = reel_err_set(err, -EINVAL, "%s: not a file of at most %u bytes", path,
				 NAMED_BYTES_MAX);
	if (r == 0 && !(text = malloc((size_t)st.st_size + 1)))
		r = reel_err_set(err, -ENOMEM, "no memory");
	while (r == 0 && n < (size_t)st.st_size) {
		ssize_t got = read(fd, text + n, (size_t)st.st_size - n);

		if (got <= 0)
			break;
		n += (size_t)got;
	}
	if (r == 0 && memchr(text, '\0', n))
		r = reel_err_set(err, -EINVAL, "%s: this is no text", path);
	if (fd >= 0)
		close(fd);
	if (r < 0) {
		free(text);
		return r;
	}
	text[n] = '\0';
	*ret = text;
	return 0;
}

static int add_file(struct named_queries *all, int dir, const char *dir_path, const char *file)
{
	char path[PATH_MAX], name[NAME_MAX + 1];
	struct named_query *q = NULL;
	struct reel_err err = { 0 };
	char *text = NULL;
	int r;

	snprintf(name, sizeof(name), "%.*s", (int)(strlen(file) - strlen(".sql")), file);
	if (named_find(all, name))
		return 0;
	snprintf(path, sizeof(path), "%s/%s", dir_path, file);
	r = read_file(dir, file, path, &text, &err);
	if (r == 0)
		r = named_parse(name, path, text, &q, &err);
	if (r == 0) {
		r = add(all, q);
		if (r < 0)
			named_release(q);
		return r;
	}
	return r == -ENOMEM ? r : add_error(all, &err);
}

static bool is_query_file(const char *name)
{
	size_t n = strlen(name);

	return n > 4 && name[0] != '.' && strcmp(name + n - 4, ".sql") == 0;
}

static int add_directory(struct named_queries *all, const char *path)
{
	char **grown = realloc(all->directories, (all->n_directories + 1) * sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	all->directories = grown;
	grown[all->n_directories] = strdup(path);
	if (!grown[all->n_directories])
		return -ENOMEM;
	all->n_directories++;
	return 0;
}

int named_add_directory(struct named_queries *all, const char *path, struct reel_err *err)
{
	DIR *dir = opendir(path);
	unsigned n = 0;
	int r = 0;

	if (!dir)
		return reel_err_set(err, -errno, "%s: %s", path, strerror(errno));
	while (r == 0) {
		const struct dirent *e = readdir(dir);

		if (!e)
			break;
		if (!is_query_file(e->d_name))
			continue;
		if (++n > NAMED_FILES_MAX)
			r = -E2BIG;
		else
			r = add_file(all, dirfd(dir), path, e->d_name);
	}
	closedir(dir);
	if (r == 0)
		r = add_directory(all, path);
	if (r == -E2BIG)
		return reel_err_set(err, r, "%s: more than %u queries", path, NAMED_FILES_MAX);
	if (r < 0)
		return reel_err_set(err, r, "no memory for the queries of %s", path);
	if (all->n)
		qsort(all->v, all->n, sizeof(*all->v), by_name);
	return 0;
}

void named_done(struct named_queries *all)
{
	for (size_t i = 0; i < all->n; i++)
		named_release(all->v[i]);
	for (size_t i = 0; i < all->n_directories; i++)
		free(all->directories[i]);
	free(all->directories);
	free(all->v);
	free(all->errors);
	*all = (struct named_queries){ 0 };
}
