/* SPDX-License-Identifier: BSD-2-Clause */
#include "record/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "record/hash_cache.h"
#include "record/helper_files.h"

enum { CHUNK_BYTES = 64 << 10, CHUNKS_A_SLICE = 64, FRESH_NS = 100000000 };
_Static_assert((int)HASH_BYTES == (int)crypto_hash_sha256_BYTES, "the bytes of SHA-256");

struct job {
	struct job *next;
	int fd;
	struct hash_key key;
	struct helper_request q;
	crypto_hash_sha256_state state;
	uint64_t done_bytes;
	char path[];	/* what q.path points to */
};

struct hasher {
	uint64_t max_bytes;
	struct hash_cache cache;
	struct job *first, **last;
	unsigned n_jobs;
	struct reel_record record;
	uint8_t chunk[CHUNK_BYTES];
};

/* Records -------------------------------------------------------------------------------------- */

static int put_hash(struct reel_record *record, const struct helper_request *q,
		    const struct hash_key *key, const uint8_t *sha256, const char *reason,
		    const struct record_sink *sink, struct reel_err *err)
{
	struct ev_hash *hash = reel_record_begin(record, reel_type_by_id(EV_hash));

	/* Device and inode are the kernel's, as in the event that asked: stat() may say others. */
	hash->dev = q->dev;
	hash->inode = q->inode;
	if (key) {
		hash->ctime = key->ctime_ns;
		hash->size = key->size;
	}
	record->header.ts = q->ts;
	record->header.pid = record->header.tid = q->pid;
	if (q->again)
		record->header.flags |= EV_KEYFRAME;
	reel_record_string(record, q->path_length ? q->path : "", q->path_length);
	reel_record_string(record, sha256 ? (const void *)sha256 : "", sha256 ? HASH_BYTES : 0);
	reel_record_string(record, reason ? reason : "", reason ? strlen(reason) : 0);
	return record_put(sink, record, err);
}

int hash_put_reason(const struct helper_request *q, const char *reason,
		    const struct record_sink *sink, struct reel_err *err)
{
	struct reel_record record;

	return put_hash(&record, q, NULL, NULL, reason, sink, err);
}

/* Finding the file ----------------------------------------------------------------------------- */

/*
 * Is it the file that was executed? On overlay and btrfs stat() may give another device than the
 * one that the kernel's objects have; there the inode must do.
 */
static bool is_asked(const struct helper_request *q, int fd, const struct stat *st)
{
	uint32_t dev = (uint32_t)(major(st->st_dev) << 20 | minor(st->st_dev));
	struct statfs fs;

	if (st->st_ino != q->inode)
		return false;
	if (dev == q->dev)
		return true;
	return fstatfs(fd, &fs) == 0 &&
	       (fs.f_type == OVERLAYFS_SUPER_MAGIC || fs.f_type == BTRFS_SUPER_MAGIC);
}

/* The start of a process, in ticks since boot; 0: not to be had. */
static uint64_t start_ticks(int process_fd)
{
	char text[1024], *at;
	uint64_t ticks = 0;
	ssize_t n;
	int fd = openat(process_fd, "stat", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	/* The name of a program may have anything in it, so the fields are counted behind it. */
	at = strrchr(text, ')');
	for (unsigned field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	if (at)
		ticks = strtoull(at + 1, NULL, 10);
	return ticks;
}

/* A handle of the process directory, which stays with it even if its pid is used again. */
static int open_process(const struct helper_request *q)
{
	const uint64_t tick_ns = 1000000000u / (uint64_t)sysconf(_SC_CLK_TCK);
	char name[32];
	int fd;

	snprintf(name, sizeof(name), "/proc/%u", q->pid);
	fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	if (q->start_ns && start_ticks(fd) != q->start_ns / tick_ns) {
		close(fd);
		return -ESRCH;
	}
	return fd;
}

/* -ESTALE: there is a file, but it is another one. */
static int find_at(int directory_fd, const char *path, const struct helper_request *q,
		   struct stat *ret)
{
	int fd = helper_file_find(directory_fd, path, ret);

	if (fd >= 0 && !is_asked(q, fd, ret)) {
		close(fd);
		return -ESTALE;
	}
	return fd;
}

static int find_file(const struct helper_request *q, struct stat *ret)
{
	char below_root[HELPER_MAX_PATH + 8];
	int process = open_process(q), first = process, fd = -ENOENT;

	if (process >= 0) {
		first = fd = find_at(process, "exe", q, ret);
		/* A zombie has none. */
		if (first == -ENOENT)
			first = -ESRCH;
	}
	if (fd < 0 && q->path_length && q->path[0] == '/') {
		if (process >= 0) {
			snprintf(below_root, sizeof(below_root), "root%s", q->path);
			fd = find_at(process, below_root, q, ret);
		}
		if (fd < 0)
			fd = find_at(AT_FDCWD, q->path, q, ret);
	}
	if (process >= 0)
		close(process);
	return fd >= 0 ? fd : first;
}

static const char *reason_of(int code)
{
	const char *name;

	if (code == -ESRCH)
		return "process gone";
	if (code == -ESTALE)
		return "another file by now";
	if (code == -EINVAL)
		return "not a regular file";
	name = strerrorname_np(-code);
	return name ? name : "unknown error";
}

static struct hash_key key_of(const struct stat *st)
{
	return (struct hash_key){ .dev = st->st_dev,
				  .inode = st->st_ino,
				  .size = (uint64_t)st->st_size,
				  .ctime_ns =
					  st->st_ctim.tv_sec * 1000000000ll + st->st_ctim.tv_nsec };
}

/* The queue ------------------------------------------------------------------------------------ */

static bool is_waiting(const struct hasher *h, const struct hash_key *key)
{
	for (const struct job *j = h->first; j; j = j->next)
		if (memcmp(&j->key, key, sizeof(*key)) == 0)
			return true;
	return false;
}

static int add_job(struct hasher *h, const struct helper_request *q, const struct hash_key *key,
		   int fd)
{
	struct job *j = h->n_jobs < HASH_QUEUE ? malloc(sizeof(*j) + q->path_length + 1) : NULL;

	if (!j)
		return -EAGAIN;
	*j = (struct job){ .fd = fd, .key = *key, .q = *q };
	memcpy(j->path, q->path, q->path_length);
	j->path[q->path_length] = '\0';
	j->q.path = j->path;
	crypto_hash_sha256_init(&j->state);
	*h->last = j;
	h->last = &j->next;
	h->n_jobs++;
	return 0;
}

static void drop_first(struct hasher *h)
{
	struct job *j = h->first;

	h->first = j->next;
	if (!h->first)
		h->last = &h->first;
	h->n_jobs--;
	close(j->fd);
	free(j);
}

static int answer(struct hasher *h, const struct helper_request *q, const struct hash_key *key,
		  const char *reason, const struct record_sink *sink, struct reel_err *err)
{
	int r = put_hash(&h->record, q, key, NULL, reason, sink, err);

	return r < 0 ? r : HELPER_ANSWERED;
}

static int run(void *state, const struct helper_request *q, const struct record_sink *sink,
	       struct reel_err *err)
{
	struct hasher *h = state;
	const struct hash_known *known;
	struct hash_key key;
	struct stat st;
	int found = find_file(q, &st), fd, r;

	if (found < 0)
		return answer(h, q, NULL, reason_of(found), sink, err);
	key = key_of(&st);
	known = hash_cache_find(&h->cache, &key);
	if (known || is_waiting(h, &key)) {
		r = HELPER_ANSWERED;
		if (known && q->again)
			r = put_hash(&h->record, q, &key, known->reason ? NULL : known->sha256,
				     known->reason, sink, err);
		goto out;
	}
	if (key.size > h->max_bytes) {
		hash_cache_add(&h->cache, &key, NULL, "too big");
		r = answer(h, q, &key, "too big", sink, err);
		goto out;
	}
	fd = helper_file_open(found, &st);
	if (fd < 0) {
		r = answer(h, q, &key, reason_of(fd), sink, err);
		goto out;
	}
	r = HELPER_LATER;
	if (add_job(h, q, &key, fd) < 0) {
		close(fd);
		r = answer(h, q, &key, "helper busy", sink, err);
	}
out:
	close(found);
	return r;
}

/*
 * Some kernels count changes in ticks of up to 10 ms: a file that was changed just now may change
 * again and have the same time. It is not remembered, and so is hashed anew when it is executed
 * again.
 */
static bool may_change_unseen(const struct hash_key *key)
{
	struct timespec now;
	int64_t age_ns;

	clock_gettime(CLOCK_REALTIME, &now);
	age_ns = now.tv_sec * 1000000000ll + now.tv_nsec - key->ctime_ns;
	return age_ns > -FRESH_NS && age_ns < FRESH_NS;
}

/* 1: at the end of the file; 0: there is more; -errno. */
static int read_slice(struct hasher *h, struct job *j)
{
	for (unsigned i = 0; i < CHUNKS_A_SLICE; i++) {
		ssize_t n = read(j->fd, h->chunk, sizeof(h->chunk));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return 1;
		crypto_hash_sha256_update(&j->state, h->chunk, (size_t)n);
		j->done_bytes += (uint64_t)n;
		if (j->done_bytes > h->max_bytes)
			return -EFBIG;
	}
	return 0;
}

static int work(void *state, unsigned *answered, const struct record_sink *sink,
		struct reel_err *err)
{
	struct hasher *h = state;
	struct job *j = h->first;
	uint8_t sha256[HASH_BYTES];
	const char *reason = NULL;
	struct hash_key key;
	struct stat st;
	int r;

	if (!j)
		return 0;
	r = read_slice(h, j);
	if (r == 0)
		return 1;
	if (r < 0) {
		reason = reason_of(r);
	} else if (fstat(j->fd, &st) < 0) {
		reason = reason_of(-errno);
	} else {
		key = key_of(&st);
		if (memcmp(&key, &j->key, sizeof(key)) != 0 || j->done_bytes != key.size)
			reason = "changed while it was read";
	}
	if (!reason) {
		crypto_hash_sha256_final(&j->state, sha256);
		if (!may_change_unseen(&j->key))
			hash_cache_add(&h->cache, &j->key, sha256, NULL);
	}
	r = put_hash(&h->record, &j->q, &j->key, reason ? NULL : sha256, reason, sink, err);
	drop_first(h);
	++*answered;
	return r < 0 ? r : h->first != NULL;
}

/* Its life ------------------------------------------------------------------------------------- */

int hasher_new(const struct hash_options *o, struct hasher **ret, struct reel_err *err)
{
	struct hasher *h = calloc(1, sizeof(*h));
	int r;

	if (!h)
		return reel_err_set(err, -ENOMEM, "no memory for hashes");
	h->max_bytes = o->max_bytes ? o->max_bytes : HASH_MAX_BYTES;
	h->last = &h->first;
	r = hash_cache_init(&h->cache, o->cache_files ? o->cache_files : HASH_CACHE, err);
	if (r < 0) {
		free(h);
		return r;
	}
	*ret = h;
	return 0;
}

void hasher_free(struct hasher *h)
{
	if (!h)
		return;
	while (h->first)
		drop_first(h);
	hash_cache_done(&h->cache);
	free(h);
}

struct helper_task hash_task(struct hasher *h)
{
	return (struct helper_task){ .kind = HELPER_HASH,
				     .state = h,
				     .run = run,
				     .work = work,
				     .types = { EV_hash } };
}
