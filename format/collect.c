/* SPDX-License-Identifier: BSD-2-Clause */
#include "format/collect.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "format/directory.h"
#include "format/tail.h"

int reel_write_whole(int fd, const void *bytes, size_t n)
{
	const uint8_t *at = bytes;

	while (n) {
		ssize_t done = write(fd, at, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return done < 0 ? -errno : -EIO;
		at += done;
		n -= (size_t)done;
	}
	return 0;
}

int reel_collection_make(struct reel_collection *c, const char *path, struct reel_err *err)
{
	*c = (struct reel_collection){ .fd = -1 };
	if (mkdir(path, 0700) < 0)
		return reel_err_set(err, -errno, "%s: cannot be made: %s", path, strerror(errno));
	c->path = strdup(path);
	c->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (!c->path || c->fd < 0) {
		int r = c->path ? -errno : -ENOMEM;

		rmdir(path);
		reel_collection_done(c);
		return reel_err_set(err, r, "%s: %s", path, strerror(-r));
	}
	return 0;
}

void reel_collection_done(struct reel_collection *c)
{
	for (unsigned i = 0; i < c->n_names; i++)
		free(c->names[i]);
	free(c->names);
	if (c->fd >= 0)
		close(c->fd);
	free(c->path);
	*c = (struct reel_collection){ .fd = -1 };
}

void reel_collection_undo(struct reel_collection *c)
{
	if (!c->path)
		return;
	for (unsigned i = 0; i < c->n_names; i++)
		unlinkat(c->fd, c->names[i], 0);
	rmdir(c->path);
}

int reel_collection_finish(struct reel_collection *c, struct reel_err *err)
{
	/* Some file systems cannot sync a directory, and then know the names anyway. */
	if (fsync(c->fd) < 0 && errno != EINVAL)
		return reel_err_set(err, -errno, "%s: %s", c->path, strerror(errno));
	return 0;
}

static int note_name(struct reel_collection *c, const char *name, struct reel_err *err)
{
	if (c->n_names == c->room) {
		unsigned room = c->room ? 2 * c->room : 16;
		char **names = reallocarray(c->names, room, sizeof(*names));

		if (!names)
			return reel_err_set(err, -ENOMEM, "no memory for a list of files");
		c->names = names;
		c->room = room;
	}
	c->names[c->n_names] = strdup(name);
	if (!c->names[c->n_names])
		return reel_err_set(err, -ENOMEM, "no memory for a list of files");
	c->n_names++;
	return 0;
}

/* A file with the name that a recorder would give to the segment. */
static int create(struct reel_collection *c, const struct reel_segment *s,
		  char name[REEL_SEGMENT_NAME_MAX], int *ret_fd, struct reel_err *err)
{
	struct reel_directory d = { .path = c->path, .fd = c->fd, .lock_fd = -1 };
	int r = reel_directory_create(&d, &s->meta, name, ret_fd, err);

	return r < 0 ? r : note_name(c, name, err);
}

static int copy_range(struct reel_collection *c, const struct reel_segment *s, const uint8_t *from,
		      uint64_t bytes, struct reel_err *err)
{
	char name[REEL_SEGMENT_NAME_MAX];
	int fd = -1, r = create(c, s, name, &fd, err);

	if (r < 0)
		goto out;
	r = reel_write_whole(fd, from, bytes);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	if (r < 0) {
		reel_err_set(err, r, "%s/%s: %s", c->path, name, strerror(-r));
		goto out;
	}
	c->copied++;
	c->bytes += bytes;
out:
	if (fd >= 0)
		close(fd);
	return r;
}

/* A link, if it can be had and is what was read; false: it must be copied. */
static bool link_file(struct reel_collection *c, const struct reel_file *f, const char *name)
{
	struct stat st;

	if (linkat(AT_FDCWD, f->path, c->fd, name, AT_SYMLINK_FOLLOW) < 0)
		return false;
	if (fstatat(c->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
	    (uint64_t)st.st_size == f->size)
		return true;
	unlinkat(c->fd, name, 0);
	return false;
}

static int put_file(struct reel_collection *c, const struct reel_file *f,
		    const struct reel_segment *first, struct reel_err *err)
{
	const char *slash = strrchr(f->path, '/'), *name = slash ? slash + 1 : f->path;

	if (!reel_files_is_segment(name) || !link_file(c, f, name))
		return copy_range(c, first, f->bytes, f->size, err);
	c->linked++;
	c->bytes += f->size;
	return note_name(c, name, err);
}

/* One of several segments of a file; what lies torn between it and the next one stays with it. */
static int put_segment(struct reel_collection *c, const struct reel_reader *r,
		       const struct reel_segment *s, struct reel_err *err)
{
	uint64_t bytes = s->bytes;
	struct reel_block last;

	if (reel_tail_is_being_written(r, s) && reel_tail_last(s, &last, &bytes) < 0)
		return 0;	/* it has only just been begun */
	return copy_range(c, s, s->base, bytes, err);
}

/* What is wanted of a file, in short. */
struct portion {
	const struct reel_segment *first;
	unsigned n, n_wanted;
	bool has_cut, is_open;
};

static void look_at(const struct reel_reader *r, const struct reel_file *f, const bool *wanted,
		    struct portion *p)
{
	memset(p, 0, sizeof(*p));
	for (unsigned i = 0; i < r->n_segments; i++) {
		const struct reel_segment *s = &r->segments[i];

		if (s->path != f->path)
			continue;
		if (!p->first || s->path_offset < p->first->path_offset)
			p->first = s;
		p->n++;
		p->n_wanted += wanted[i];
		p->has_cut |= s->is_cut;
		p->is_open |= reel_tail_is_being_written(r, s);
	}
}

int reel_collection_put(struct reel_collection *c, const struct reel_reader *r, const bool *wanted,
			struct reel_err *err)
{
	int result = 0;

	for (unsigned k = 0; result == 0 && k < r->files.n; k++) {
		const struct reel_file *f = &r->files.list[k];
		struct portion p;

		look_at(r, f, wanted, &p);
		if (!p.n_wanted)
			continue;
		c->segments += p.n_wanted;
		if (p.has_cut || (p.n_wanted == p.n && !p.is_open)) {
			result = put_file(c, f, p.first, err);
			continue;
		}
		for (unsigned i = 0; result == 0 && i < r->n_segments; i++)
			if (wanted[i] && r->segments[i].path == f->path)
				result = put_segment(c, r, &r->segments[i], err);
	}
	return result;
}
