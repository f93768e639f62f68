/* SPDX-License-Identifier: BSD-2-Clause */
#include "format/seal_state.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "format/keyfile.h"
#include "format/seal.h"

enum { LOCK_TRIES = 100 };

#define ROW(name, how, field)                                              \
	{                                                                  \
		name, how, offsetof(struct reel_seal_state, field),        \
			sizeof(((struct reel_seal_state *)0)->field), 0, 0 \
	}

static const struct reel_keyfile_kind state_kind = {
	.name = "reel-host-state",
	.what = "state of a host's seal",
	.is_secret = true,
	.rows = (const struct reel_keyfile_row[]){ ROW("host-key", REEL_KEYFILE_BYTES, host),
						   ROW("run", REEL_KEYFILE_NUMBER, n),
						   ROW("key", REEL_KEYFILE_BYTES, root),
						   ROW("check", REEL_KEYFILE_BYTES, check),
						   { 0 } },
};

#undef ROW

static void make_check(const struct reel_seal_state *s, uint8_t check[16])
{
	static const char word[10] = "reel state";
	uint8_t said[sizeof(word) + TAPE_ID_BYTES + 8];

	memcpy(said, word, sizeof(word));
	memcpy(said + sizeof(word), s->host, TAPE_ID_BYTES);
	memcpy(said + sizeof(word) + TAPE_ID_BYTES, &s->n, sizeof(s->n));
	crypto_generichash_blake2b(check, 16, said, sizeof(said), s->root, sizeof(s->root));
}

int reel_seal_state_make(const char *path, const uint8_t host[TAPE_ID_BYTES],
			 const uint8_t root[TAPE_KEY_BYTES], struct reel_err *err)
{
	struct reel_seal_state *s = reel_secret_new(sizeof(*s));
	int r;

	if (!s)
		return reel_err_set(err, -ENOMEM, "no memory for a key");
	memcpy(s->host, host, sizeof(s->host));
	memcpy(s->root, root, sizeof(s->root));
	make_check(s, s->check);
	r = reel_keyfile_write_new(path, &state_kind, s, err);
	sodium_free(s);
	return r;
}

static int open_state(const char *path, struct reel_err *err)
{
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);

	if (fd >= 0)
		return fd;
	if (errno == ENOENT)
		return reel_err_set(err, -ENOENT,
				    "%s: it is not there: reel keygen --host makes it", path);
	if (errno == ELOOP)
		return reel_err_set(err, -ELOOP, "%s: it is a link", path);
	return reel_err_set(err, -errno, "%s: %s", path, strerror(errno));
}

/*
 * Opens and locks the file that has the name. Whoever had the lock before has put another in its
 * place, so that one is looked for then. Who waits here waits for a few syncs.
 */
static int lock_state(const char *path, int *ret, struct stat *ret_st, struct reel_err *err)
{
	for (unsigned i = 0; i < LOCK_TRIES; i++) {
		int fd = open_state(path, err), r;
		struct stat named;

		if (fd < 0)
			return fd;
		do
			r = flock(fd, LOCK_EX);
		while (r < 0 && errno == EINTR);
		if (r < 0 || fstat(fd, ret_st) < 0) {
			r = reel_err_set(err, -errno, "%s: cannot lock it: %s", path,
					 strerror(errno));
			close(fd);
			return r;
		}
		if (stat(path, &named) == 0 && named.st_ino == ret_st->st_ino &&
		    named.st_dev == ret_st->st_dev) {
			*ret = fd;
			return 0;
		}
		close(fd);
	}
	return reel_err_set(err, -EBUSY, "%s: it is replaced again and again", path);
}

static int read_state(int fd, const struct stat *st, const char *path, struct reel_seal_state *ret,
		      struct reel_err *err)
{
	const struct reel_keyfile_kind *const kinds[] = { &state_kind, NULL };
	uint8_t check[sizeof(ret->check)];
	unsigned kind;
	int r;

	if (st->st_uid != 0 && st->st_uid != geteuid())
		return reel_err_set(err, -EPERM, "%s: it belongs to another user", path);
	r = reel_keyfile_read_fd(fd, path, kinds, (void *[]){ ret }, &kind, err);
	if (r < 0)
		return r;
	make_check(ret, check);
	if (sodium_memcmp(check, ret->check, sizeof(check)) != 0)
		return reel_err_set(err, -EBADMSG, "%s: its lines do not belong together", path);
	if (ret->n >= REEL_SEAL_RUNS_MAX)
		return reel_err_set(err, -E2BIG,
				    "%s: %u runs were sealed with it, and that is enough: make a "
				    "new one with reel keygen --host",
				    path, REEL_SEAL_RUNS_MAX);
	return 0;
}

/* The old content has no name any more. File systems that write elsewhere keep it nevertheless. */
static void overwrite(int fd, const struct stat *st)
{
	static const uint8_t zeros[512];

	for (off_t at = 0; at < st->st_size && at < REEL_KEYFILE_MAX; at += sizeof(zeros))
		if (pwrite(fd, zeros, sizeof(zeros), at) < 0)
			return;
	(void)fsync(fd);
}

static int replace(const char *path, const struct reel_seal_state *next, struct reel_err *err)
{
	char beside[4096];
	int r;

	if (snprintf(beside, sizeof(beside), "%s.new", path) >= (int)sizeof(beside))
		return reel_err_set(err, -ENAMETOOLONG, "%s: the name is too long", path);
	(void)unlink(beside); /* of one that died here: we have the lock */
	r = reel_keyfile_write_new(beside, &state_kind, next, err);
	if (r < 0)
		return r;
	if (rename(beside, path) < 0) {
		r = reel_err_set(err, -errno, "%s: cannot be replaced: %s", path, strerror(errno));
		(void)unlink(beside);
		return r;
	}
	return reel_keyfile_sync_name(path, err);
}

int reel_seal_state_take(const char *path, struct reel_seal_state *ret, struct reel_err *err)
{
	struct reel_seal_state *now = reel_secret_new(2 * sizeof(*now)), *next = now + 1;
	struct stat st;
	int fd = -1, r;

	if (!now)
		return reel_err_set(err, -ENOMEM, "no memory for a key");
	r = lock_state(path, &fd, &st, err);
	if (r == 0)
		r = read_state(fd, &st, path, now, err);
	if (r < 0)
		goto out;
	*next = *now;
	next->n++;
	reel_seal_next_root(next->root);
	make_check(next, next->check);
	r = replace(path, next, err);
	if (r < 0)
		goto out;
	overwrite(fd, &st);
	*ret = *now;
out:
	if (fd >= 0)
		close(fd);
	sodium_free(now);
	return r;
}
