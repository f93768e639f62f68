/* SPDX-License-Identifier: BSD-2-Clause */
#include "format/feed.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "format/files.h"

enum { POLL_MS = 50, READ_BYTES = 256 << 10 };

const char *reel_feed_path(const struct reel_feed *f)
{
	return f->path ? f->path : "standard input";
}

void reel_feed_open_fd(struct reel_feed *f, int fd)
{
	memset(f, 0, sizeof(*f));
	f->fd = fd;
}

void reel_feed_close(struct reel_feed *f)
{
	if (f->path && f->fd >= 0)
		close(f->fd);
	for (size_t i = 0; i < f->n_old_paths; i++)
		free(f->old_paths[i]);
	free(f->old_paths);
	free(f->directory);
	free(f->path);
	free(f->buffer);
	memset(f, 0, sizeof(*f));
	f->fd = -1;
}

void reel_feed_forget(struct reel_feed *f, bool (*is_used)(const void *context, const char *path),
		      const void *context)
{
	size_t n = 0;

	for (size_t i = 0; i < f->n_old_paths; i++)
		if (is_used(context, f->old_paths[i]))
			f->old_paths[n++] = f->old_paths[i];
		else
			free(f->old_paths[i]);
	f->n_old_paths = n;
}

/* The number in a segment's name, HOST-NUMBER-UTC, by which they follow each other. */
static unsigned long long number_of(const char *name)
{
	const char *dash = strrchr(name, '-');

	while (dash && dash > name && *--dash != '-')
		;
	return dash ? strtoull(dash + 1, NULL, 10) : 0;
}

/* Name of the segment that comes next after the given one; NULL: the first. False: there is
 * none. */
static bool find_next(const char *directory, const char *after, char *ret, size_t size)
{
	unsigned long long last = after ? number_of(after) : 0, best = 0;
	DIR *dir = opendir(directory);
	struct dirent *e;
	bool found = false;

	while (dir && (e = readdir(dir))) {
		unsigned long long n = number_of(e->d_name);

		if (!reel_files_is_segment(e->d_name) || (after && n <= last) ||
		    (found && n >= best))
			continue;
		best = n;
		found = true;
		snprintf(ret, size, "%s", e->d_name);
	}
	if (dir)
		closedir(dir);
	return found;
}

/* Whether a recorder holds the capture's lock. */
static bool is_being_written(const struct reel_feed *f)
{
	char *copy = f->directory ? NULL : strdup(f->path), *lock = NULL;
	const char *directory = f->directory ? f->directory : copy ? dirname(copy) : ".";
	bool held = false;
	int fd = -1;

	if (asprintf(&lock, "%s/.lock", directory) >= 0) {
		fd = open(lock, O_RDONLY | O_CLOEXEC);
		held = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0;
		free(lock);
	}
	if (fd >= 0)
		close(fd);
	free(copy);
	return held;
}

static int open_file(struct reel_feed *f, const char *path, struct reel_err *err)
{
	char **old = reallocarray(f->old_paths, f->n_old_paths + 1, sizeof(*old));
	char *copy = strdup(path);
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (old)
		f->old_paths = old;
	if (fd < 0 || !copy || !old) {
		int code = fd < 0 ? -errno : -ENOMEM;

		free(copy);
		if (fd >= 0)
			close(fd);
		return reel_err_set(err, code, "%s: %s", path, strerror(-code));
	}
	if (f->path) {
		close(f->fd);
		f->old_paths[f->n_old_paths++] = f->path;
	}
	f->path = copy;
	f->fd = fd;
	f->start = f->end = 0;
	f->position = 0;
	return 0;
}

static int open_next(struct reel_feed *f, struct reel_err *err)
{
	const char *slash = f->path ? strrchr(f->path, '/') : NULL;
	char name[256], *path;
	int r;

	if (!f->directory ||
	    !find_next(f->directory, slash ? slash + 1 : f->path, name, sizeof(name)))
		return 0;
	if (asprintf(&path, "%s/%s", f->directory, name) < 0)
		return reel_err_set(err, -ENOMEM, "no memory for a path");
	r = open_file(f, path, err);
	free(path);
	return r < 0 ? r : 1;
}

int reel_feed_open_path(struct reel_feed *f, const char *path, const volatile int *stop,
			struct reel_err *err)
{
	struct stat st;
	int r;

	memset(f, 0, sizeof(*f));
	f->fd = -1;
	f->follows = true;
	f->stop = stop;
	if (stat(path, &st) < 0)
		return reel_err_set(err, -errno, "%s: %s", path, strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return open_file(f, path, err);
	f->directory = strdup(path);
	if (!f->directory)
		return reel_err_set(err, -ENOMEM, "no memory for a path");
	r = open_next(f, err);
	if (r == 0)
		return reel_err_set(err, -ENODATA, "%s: no segment is in it", path);
	return r < 0 ? r : 0;
}

/* Room for READ_BYTES more behind what is there. */
static int make_room(struct reel_feed *f, struct reel_err *err)
{
	size_t used = f->end - f->start;
	uint8_t *buffer;

	if (f->room - f->end >= READ_BYTES)
		return 0;
	if (f->start) {
		memmove(f->buffer, f->buffer + f->start, used);
		f->start = 0;
		f->end = used;
	}
	if (f->room - f->end >= READ_BYTES)
		return 0;
	buffer = realloc(f->buffer, 2 * f->room + READ_BYTES);
	if (!buffer)
		return reel_err_set(err, -ENOMEM, "no memory for a block");
	f->buffer = buffer;
	f->room = 2 * f->room + READ_BYTES;
	return 0;
}

/* Others may do something meanwhile. */
static int be_idle(struct reel_feed *f, struct reel_err *err)
{
	return f->idle ? f->idle(f->context, err) : 0;
}

/* A pipe: until something comes, or nobody wants it any more. */
static int await_pipe(struct reel_feed *f, struct reel_err *err)
{
	struct pollfd p = { .fd = f->fd, .events = POLLIN };
	int r = 0;

	while (r == 0 && !(f->stop && *f->stop) && poll(&p, 1, POLL_MS) <= 0)
		r = be_idle(f, err);
	return r;
}

/*
 * 1: there is more in the buffer. 0: there will not be. 2: the next file has begun, and what is
 * left of the last one is given up.
 */
static int read_more(struct reel_feed *f, struct reel_err *err)
{
	bool last_try = false;
	int r = make_room(f, err);

	if (r < 0)
		return r;
	for (;;) {
		ssize_t n;

		r = f->idle && !f->follows ? await_pipe(f, err) : 0;
		if (r < 0)
			return r;
		if (f->stop && *f->stop && !f->follows)
			return 0;
		n = read(f->fd, f->buffer + f->end, f->room - f->end);
		if (n > 0) {
			f->end += (size_t)n;
			return 1;
		}
		if (n < 0 && errno != EINTR)
			return reel_err_set(err, -errno, "%s: %s", reel_feed_path(f),
					    strerror(errno));
		if (f->stop && *f->stop)
			return 0;
		if (n < 0)
			continue;
		if (!f->follows)
			return 0;
		/* The end of what is written so far. Whether a writer is there is asked before the
		 * last look, since it may write and go in between. */
		if (last_try) {
			r = open_next(f, err);
			return r == 1 ? 2 : r;
		}
		if (is_being_written(f)) {
			char name[256];
			const char *slash = strrchr(f->path, '/');

			/* A writer that has begun the next file will add nothing to this one. */
			if (f->directory && find_next(f->directory, slash ? slash + 1 : f->path,
						      name, sizeof(name)))
				last_try = true;
			else
				poll(NULL, 0, POLL_MS);
			r = be_idle(f, err);
			if (r < 0)
				return r;
		} else {
			last_try = true;
		}
	}
}

static void pass_over(struct reel_feed *f, size_t bytes)
{
	f->start += bytes;
	f->position += bytes;
}

/* Gives up the byte at the start and all that cannot begin a block. */
static void skip_to_magic(struct reel_feed *f, uint64_t *skipped_bytes)
{
	static const uint8_t magic[4] = { 'R', 'L', 'B', '1' };
	const uint8_t *from = f->buffer + f->start + 1;
	size_t left = f->end - f->start - 1;
	const uint8_t *hit = left ? memmem(from, left, magic, sizeof(magic)) : NULL;
	/* Without a hit the last three bytes may be the beginning of one. */
	size_t bytes = hit ? (size_t)(hit - from) + 1 : left > 3 ? left - 3 + 1 : 1;

	pass_over(f, bytes);
	*skipped_bytes += bytes;
}

/* An END is followed by its trailer, which was written with it. */
static int pass_trailer(struct reel_feed *f, struct reel_err *err)
{
	struct tape_trailer t;
	int r = 1;

	f->is_behind_end = false;
	while (r == 1 && f->end - f->start < sizeof(t))
		r = read_more(f, err);
	if (r < 0 || f->end - f->start < sizeof(t))
		return r < 0 ? r : 0;
	memcpy(&t, f->buffer + f->start, sizeof(t));
	if (reel_trailer_is_right(&f->last_end, &t, f->end_at - f->segment_at))
		pass_over(f, sizeof(t));
	return 0;
}

int reel_feed_next(struct reel_feed *f, struct reel_feed_block *ret, struct reel_err *err)
{
	int r = be_idle(f, err);

	if (r < 0)
		return r;
	if (f->is_behind_end) {
		r = pass_trailer(f, err);
		if (r < 0)
			return r;
	}
	memset(ret, 0, sizeof(*ret));
	ret->skipped_at = f->position;
	for (;;) {
		size_t left = f->end - f->start;

		r = left ? reel_block_parse(f->buffer + f->start, left, &ret->block, NULL) :
			   -ENODATA;
		if (r == 0 && !reel_block_body_is_sound(&ret->block))
			r = -EBADMSG;
		if (r == 0)
			break;
		if (r == -EBADMSG) {
			skip_to_magic(f, &ret->skipped_bytes);
			continue;
		}
		r = f->is_at_end ? 0 : read_more(f, err);
		if (r < 0)
			return r;
		f->is_at_end = r == 0;
		if (r == 0 && left) {
			/* What promised to be longer is cut, but whole blocks may lie behind it. */
			skip_to_magic(f, &ret->skipped_bytes);
			continue;
		}
		if (r == 0) {
			ret->offset = f->position;
			return 0;
		}
		if (r == 2)
			ret->skipped_bytes += left;
	}
	ret->offset = f->position;
	if (ret->block.h.kind == TAPE_META)
		f->segment_at = f->position;
	if (ret->block.h.kind == TAPE_END) {
		f->is_behind_end = true;
		f->last_end = ret->block.h;
		f->end_at = f->position;
	}
	pass_over(f, ret->block.total_bytes);
	return 1;
}
