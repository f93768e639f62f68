/* SPDX-License-Identifier: BSD-2-Clause */
#include "format/directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "format/block.h"
#include "format/files.h"
#include "format/mapped.h"

enum { STUB_MAX = 32 << 10, LOCK_TRIES = 10, LOCK_PAUSE_MS = 10 };

static bool is_segment_name(const char *name)
{
	return reel_files_is_segment(name) && strlen(name) < REEL_SEGMENT_NAME_MAX;
}

/* Bytes of a segment file, mapped while it is walked over. */
struct mapping {
	const uint8_t *bytes;
	size_t size;
};

static int map_segment(struct reel_directory *d, const char *name, struct mapping *ret,
		       struct stat *ret_st, struct reel_err *err)
{
	int fd = TEMP_FAILURE_RETRY(openat(d->fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
	int r = 0;

	if (fd < 0 || fstat(fd, ret_st) < 0) {
		r = reel_err_set(err, -errno, "%s/%s: %s", d->path, name, strerror(errno));
		goto out;
	}
	ret->size = (size_t)ret_st->st_size;
	r = reel_mapped_open(fd, ret->size, &ret->bytes);
	if (r < 0)
		reel_err_set(err, r, "%s/%s: %s", d->path, name, strerror(-r));
out:
	if (fd >= 0)
		close(fd);
	return r;
}

static void unmap(struct mapping *m)
{
	reel_mapped_close(m->bytes, m->size);
}

static int read_meta(const struct mapping *m, struct reel_meta *ret, struct reel_err *err)
{
	struct reel_block b;
	int r = reel_block_parse(m->bytes, m->size, &b, err);

	if (r < 0)
		return r;
	if (b.h.kind != TAPE_META || b.h.flags & (TAPE_ZSTD | TAPE_ENCRYPTED) ||
	    !reel_block_body_is_sound(&b))
		return reel_err_set(err, -EBADMSG, "does not begin with META");
	return reel_meta_decode(b.body, b.h.stored_bytes, ret, err);
}

static int by_number(const void *a, const void *b)
{
	const struct reel_finished *x = a, *y = b;

	return (x->number > y->number) - (x->number < y->number);
}

int reel_directory_note_finished(struct reel_directory *d, const char *name, uint64_t number,
				 uint64_t size, int64_t ended_realtime_ns, struct reel_err *err)
{
	struct reel_finished *f;

	if (d->n_finished == d->room) {
		unsigned room = d->room ? 2 * d->room : 64;

		f = reallocarray(d->finished, room, sizeof(*f));
		if (!f)
			return reel_err_set(err, -ENOMEM, "no memory for the list of segments");
		d->finished = f;
		d->room = room;
	}
	f = &d->finished[d->n_finished++];
	snprintf(f->name, sizeof(f->name), "%s", name);
	f->number = number;
	f->size = size;
	f->ended_realtime_ns = ended_realtime_ns;
	d->finished_bytes += size;
	return 0;
}

/* What a writer leaves that dies before the first block of a segment is whole. */
static bool is_stub(const struct mapping *m, const char *name)
{
	struct reel_scan scan = { .base = m->bytes, .size = m->size };
	struct reel_block b;
	size_t n = m->size < 4 ? m->size : 4;

	return strchr(name, '-') && m->size <= STUB_MAX &&
	       (n == 0 || memcmp(m->bytes, &(uint32_t){ TAPE_MAGIC }, n) == 0) &&
	       reel_scan_next(&scan, &b) == 0;
}

static int note_existing(struct reel_directory *d, const char *name, struct reel_err *err)
{
	struct reel_meta *meta = malloc(sizeof(*meta));
	struct mapping m = { 0 };
	struct stat st;
	int r = -ENOMEM;

	if (!meta)
		return reel_err_set(err, -ENOMEM, "no memory for the list of segments");
	r = map_segment(d, name, &m, &st, err);
	if (r < 0)
		goto out;
	if (read_meta(&m, meta, err) < 0) {
		/* Its number is free, and so must be its name. */
		if (d->lock_fd >= 0 && is_stub(&m, name))
			reel_directory_discard(d, name);
		goto out;
	}
	r = reel_directory_note_finished(d, name, meta->number, m.size,
					 st.st_mtim.tv_sec * 1000000000ll + st.st_mtim.tv_nsec,
					 err);
out:
	unmap(&m);
	free(meta);
	return r;
}

/* Lists the segments that are there. *ret_others: whether anything else is, too. */
static int list_segments(struct reel_directory *d, bool *ret_others, struct reel_err *err)
{
	int fd = TEMP_FAILURE_RETRY(openat(d->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	int r = 0;

	*ret_others = false;
	d->n_finished = 0;
	d->finished_bytes = 0;
	if (!dir) {
		r = reel_err_set(err, -errno, "%s: %s", d->path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return r;
	}
	while (r == 0 && (e = readdir(dir))) {
		if (is_segment_name(e->d_name))
			r = note_existing(d, e->d_name, err);
		else if (e->d_name[0] != '.')
			*ret_others = true;
	}
	closedir(dir);
	if (d->n_finished)
		qsort(d->finished, d->n_finished, sizeof(*d->finished), by_number);
	return r;
}

/* Finds the last sound block, which the next segment will name as the one before it. */
static int find_end(struct reel_directory *d, const struct reel_finished *f,
		    struct reel_meta *ret_meta, struct tape_previous *ret, struct reel_err *err)
{
	struct reel_scan scan = { 0 };
	struct mapping m = { 0 };
	struct reel_block b;
	struct stat st;
	int r = map_segment(d, f->name, &m, &st, err);

	if (r < 0)
		return r;
	r = read_meta(&m, ret_meta, err);
	scan.base = m.bytes;
	scan.size = m.size;
	while (r == 0 && reel_scan_next(&scan, &b) > 0) {
		if (b.h.settled > d->last_settled)
			d->last_settled = b.h.settled;
		ret->segment = b.h.segment;
		ret->sequence = b.h.sequence;
		memcpy(ret->head, b.tag, sizeof(ret->head));
	}
	unmap(&m);
	return r;
}

/* Some file systems cannot, and then know the names anyway. */
static int sync_names(int fd)
{
	if (TEMP_FAILURE_RETRY(fsync(fd)) == 0 || errno == EINVAL || errno == EOPNOTSUPP)
		return 0;
	return -errno;
}

/* As far as it can be done: it may be a directory that we may not read. */
static void sync_parent(struct reel_directory *d)
{
	int fd = TEMP_FAILURE_RETRY(openat(d->fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC));

	if (fd < 0)
		return;
	(void)sync_names(fd);
	close(fd);
}

/* A reader that looks whether somebody writes holds the lock for a moment, and is waited for. */
static int take_lock(int fd)
{
	for (unsigned i = 0; i < LOCK_TRIES; i++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return 0;
		poll(NULL, 0, LOCK_PAUSE_MS);
	}
	return -EBUSY;
}

int reel_directory_open(struct reel_directory *d, const char *path, bool *ret_is_new,
			struct reel_meta *ret_meta, struct tape_previous *ret_last,
			struct reel_err *err)
{
	bool others, is_made;
	int r;

	memset(d, 0, sizeof(*d));
	d->fd = d->lock_fd = -1;
	d->path = strdup(path);
	if (!d->path)
		return reel_err_set(err, -ENOMEM, "no memory");
	r = TEMP_FAILURE_RETRY(mkdir(path, 0700));
	is_made = r == 0;
	if (r < 0 && errno != EEXIST) {
		r = reel_err_set(err, -errno, "%s: cannot make the directory: %s", path,
				 strerror(errno));
		goto out;
	}
	d->fd = TEMP_FAILURE_RETRY(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	if (d->fd < 0) {
		r = errno == ENOTDIR ? reel_err_set(err, -ENOTDIR,
						    "%s: not a directory, so no capture can be "
						    "continued in it",
						    path) :
				       reel_err_set(err, -errno, "%s: %s", path, strerror(errno));
		goto out;
	}
	if (is_made)
		sync_parent(d);
	r = list_segments(d, &others, err);
	if (r < 0)
		goto out;
	if (others && !d->n_finished) {
		r = reel_err_set(err, -EEXIST, "%s: is no capture, and is not empty", path);
		goto out;
	}
	d->lock_fd = TEMP_FAILURE_RETRY(
		openat(d->fd, ".lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
	if (d->lock_fd < 0) {
		r = reel_err_set(err, -errno, "%s/.lock: %s", path, strerror(errno));
		goto out;
	}
	if (take_lock(d->lock_fd) < 0) {
		r = reel_err_set(err, -EBUSY, "%s: another recorder is writing to this capture",
				 path);
		goto out;
	}
	/* Until now the writer before may have been at work. */
	r = list_segments(d, &others, err);
	if (r < 0)
		goto out;
	*ret_is_new = d->n_finished == 0;
	if (d->n_finished)
		r = find_end(d, &d->finished[d->n_finished - 1], ret_meta, ret_last, err);
out:
	if (r < 0)
		reel_directory_close(d);
	return r;
}

void reel_directory_close(struct reel_directory *d)
{
	if (d->fd >= 0 && d->lock_fd >= 0)
		reel_directory_free_reserve(d);
	if (d->lock_fd >= 0)
		close(d->lock_fd);
	if (d->fd >= 0)
		close(d->fd);
	free(d->finished);
	free(d->path);
	memset(d, 0, sizeof(*d));
	d->fd = d->lock_fd = -1;
}

/* A host name is somebody else's text: what could mean something in a path becomes '_'. */
static void safe_host(const char *host, char *to, size_t size)
{
	size_t n = strnlen(host, size - 1);

	for (size_t i = 0; i < n; i++) {
		bool plain = (host[i] >= 'a' && host[i] <= 'z') ||
			     (host[i] >= 'A' && host[i] <= 'Z') ||
			     (host[i] >= '0' && host[i] <= '9') || host[i] == '_' ||
			     (i > 0 && (host[i] == '-' || host[i] == '.'));

		to[i] = plain ? host[i] : '_';
	}
	if (n == 0)
		to[n++] = '_';
	to[n] = '\0';
}

int reel_directory_create(struct reel_directory *d, const struct reel_meta *meta,
			  char name[REEL_SEGMENT_NAME_MAX], int *ret_fd, struct reel_err *err)
{
	time_t seconds = (time_t)(meta->start.realtime_ns / 1000000000);
	char host[65], utc[32];
	struct tm tm;
	int fd, r;

	/* What is hidden inside is not told outside. */
	safe_host(meta->is_encrypted ? "reel" : meta->host, host, sizeof(host));
	gmtime_r(&seconds, &tm);
	strftime(utc, sizeof(utc), "%Y%m%dT%H%M%SZ", &tm);
	snprintf(name, REEL_SEGMENT_NAME_MAX, "%s-%06llu-%s" TAPE_SUFFIX, host,
		 (unsigned long long)meta->number, utc);
	fd = TEMP_FAILURE_RETRY(
		openat(d->fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
	if (fd < 0)
		return reel_err_set(err, -errno, "%s/%s: %s", d->path, name, strerror(errno));
	r = sync_names(d->fd);
	if (r < 0) {
		close(fd);
		reel_directory_discard(d, name);
		return reel_err_set(err, r, "%s/%s: cannot sync its name: %s", d->path, name,
				    strerror(-r));
	}
	*ret_fd = fd;
	return 0;
}

void reel_directory_discard(struct reel_directory *d, const char *name)
{
	(void)TEMP_FAILURE_RETRY(unlinkat(d->fd, name, 0));
}

int reel_directory_describe(struct reel_directory *d, const struct reel_finished *f,
			    struct reel_retired *ret, struct reel_err *err)
{
	struct reel_scan scan = { 0 };
	struct mapping m = { 0 };
	struct reel_block b;
	struct stat st;
	bool any = false;
	int r = map_segment(d, f->name, &m, &st, err);

	if (r < 0)
		return r;
	memset(ret, 0, sizeof(*ret));
	scan.base = m.bytes;
	scan.size = m.size;
	while (reel_scan_next(&scan, &b) > 0) {
		if (!any)
			ret->first_block = b.h.sequence;
		any = true;
		ret->segment = b.h.segment;
		ret->last_block = b.h.sequence;
		memcpy(ret->head, b.tag, sizeof(ret->head));
		if (!b.h.n_events)
			continue;
		ret->events += b.h.n_events;
		if (!ret->first_ns || b.h.ts_min < ret->first_ns)
			ret->first_ns = b.h.ts_min;
		if (b.h.ts_max > ret->last_ns)
			ret->last_ns = b.h.ts_max;
	}
	unmap(&m);
	return 0;
}

int reel_directory_remove_oldest(struct reel_directory *d, struct reel_err *err)
{
	struct reel_finished *f = d->finished;

	if (TEMP_FAILURE_RETRY(unlinkat(d->fd, f->name, 0)) < 0 && errno != ENOENT)
		return reel_err_set(err, -errno, "%s/%s: cannot be removed: %s", d->path, f->name,
				    strerror(errno));
	d->finished_bytes -= f->size;
	d->n_finished--;
	memmove(f, f + 1, d->n_finished * sizeof(*f));
	return 0;
}

void reel_directory_keep_reserve(struct reel_directory *d)
{
	int fd = openat(d->fd, ".reserve", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return;
	if (posix_fallocate(fd, 0, REEL_RESERVE_BYTES) != 0)
		unlinkat(d->fd, ".reserve", 0);
	close(fd);
}

void reel_directory_free_reserve(struct reel_directory *d)
{
	(void)TEMP_FAILURE_RETRY(unlinkat(d->fd, ".reserve", 0));
}
