/* SPDX-License-Identifier: BSD-2-Clause */
#include "format/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "format/mapped.h"
#include "format/tape.h"

enum { DEEPEST = 2 }; /* a directory of captures, as merge makes it */

int reel_files_is_segment(const char *name)
{
	size_t n = strlen(name), suffix = strlen(TAPE_SUFFIX);

	return n > suffix && name[0] != '.' && strcmp(name + n - suffix, TAPE_SUFFIX) == 0;
}

static int map(struct reel_files *f, const char *path, int fd, size_t size, struct reel_err *err)
{
	struct reel_file *file;
	const uint8_t *bytes;
	int r;

	if (f->n == f->room) {
		unsigned room = f->room ? 2 * f->room : 16;

		file = reallocarray(f->list, room, sizeof(*file));
		if (!file)
			return reel_err_set(err, -ENOMEM, "no memory for a list of files");
		f->list = file;
		f->room = room;
	}
	r = reel_mapped_open(fd, size, &bytes);
	if (r < 0)
		return reel_err_set(err, r, "%s: %s", path, strerror(-r));
	file = &f->list[f->n];
	*file = (struct reel_file){ strdup(path), bytes, size };
	if (!file->path) {
		reel_mapped_close(bytes, size);
		return reel_err_set(err, -ENOMEM, "no memory for a list of files");
	}
	f->n++;
	return 0;
}

static int not_dots(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

static int add(struct reel_files *f, const char *path, unsigned depth, struct reel_err *err);

static int add_directory(struct reel_files *f, const char *path, unsigned depth,
			 struct reel_err *err)
{
	struct dirent **names = NULL;
	int n = scandir(path, &names, not_dots, alphasort), r = 0;

	if (n < 0)
		return reel_err_set(err, -errno, "%s: %s", path, strerror(errno));
	for (int i = 0; i < n; i++) {
		char *inner;

		if (r == 0 && asprintf(&inner, "%s/%s", path, names[i]->d_name) >= 0) {
			r = add(f, inner, depth + 1, err);
			free(inner);
		} else if (r == 0) {
			r = reel_err_set(err, -ENOMEM, "no memory for a list of files");
		}
		free(names[i]);
	}
	free(names);
	return r;
}

static int add(struct reel_files *f, const char *path, unsigned depth, struct reel_err *err)
{
	const char *name = strrchr(path, '/');
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | (depth ? O_NOFOLLOW : 0)), r = 0;
	struct stat st;

	if (fd < 0)
		return depth && errno == ELOOP ?
			       0 :
			       reel_err_set(err, -errno, "%s: %s", path, strerror(errno));
	if (fstat(fd, &st) < 0)
		r = reel_err_set(err, -errno, "%s: %s", path, strerror(errno));
	else if (S_ISDIR(st.st_mode) && depth < DEEPEST)
		r = add_directory(f, path, depth, err);
	else if (S_ISREG(st.st_mode) && (!depth || reel_files_is_segment(name ? name + 1 : path)))
		r = map(f, path, fd, (size_t)st.st_size, err);
	else if (!depth)
		r = reel_err_set(err, -EINVAL, "%s: neither a directory nor a file", path);
	close(fd);
	return r;
}

int reel_files_add(struct reel_files *f, const char *path, struct reel_err *err)
{
	unsigned before = f->n;
	int r = add(f, path, 0, err);

	if (r == 0 && f->n == before)
		r = reel_err_set(err, -ENODATA, "%s: no segment (*" TAPE_SUFFIX ") is in it", path);
	return r;
}

void reel_files_done(struct reel_files *f)
{
	for (unsigned i = 0; i < f->n; i++) {
		free(f->list[i].path);
		reel_mapped_close(f->list[i].bytes, f->list[i].size);
	}
	free(f->list);
	memset(f, 0, sizeof(*f));
}
