/* SPDX-License-Identifier: BSD-2-Clause */
#include "format/keyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "format/options.h"

enum { VERSION = 1 };

void *reel_secret_new(size_t bytes)
{
	void *memory = sodium_init() < 0 ? NULL : sodium_malloc(bytes);

	if (memory)
		memset(memory, 0, bytes);
	return memory;
}

/* Reading */

static int refuse(const char *path, unsigned line, const char *why, struct reel_err *err)
{
	return reel_err_set(err, -EBADMSG, "%s: line %u: %s", path, line, why);
}

static int read_all(int fd, const char *path, char *to, size_t *ret, struct reel_err *err)
{
	size_t n = 0;

	while (n < REEL_KEYFILE_MAX) {
		ssize_t got = pread(fd, to + n, REEL_KEYFILE_MAX - n, (off_t)n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return reel_err_set(err, -errno, "%s: %s", path, strerror(errno));
		if (got == 0)
			break;
		n += (size_t)got;
	}
	if (n == REEL_KEYFILE_MAX || memchr(to, '\0', n))
		return reel_err_set(err, -EBADMSG, "%s: this is no file of keys", path);
	if (n == 0 || to[n - 1] != '\n')
		return reel_err_set(err, -EBADMSG, "%s: its end is missing", path);
	to[n] = '\0';
	*ret = n;
	return 0;
}

/* Exactly so many bytes, in digits. */
static bool take_bytes(const char *text, uint8_t *to, size_t bytes)
{
	size_t n;

	return strlen(text) == 2 * bytes &&
	       sodium_hex2bin(to, bytes, text, 2 * bytes, NULL, &n, NULL) == 0 && n == bytes;
}

static bool take_value(const struct reel_keyfile_row *row, const char *text, uint8_t *base)
{
	unsigned *count = row->most ? (unsigned *)(void *)(base + row->count) : NULL;
	uint8_t *to = base + row->offset + (count ? *count * row->bytes : 0);
	size_t n = strlen(text);

	if (count && (*count)++ == row->most)
		return false;
	switch (row->how) {
	case REEL_KEYFILE_BYTES:
		return take_bytes(text, to, row->bytes);
	case REEL_KEYFILE_NUMBER:
		return reel_parse_u64(text, (uint64_t *)(void *)to, NULL) == 0;
	case REEL_KEYFILE_TEXT:
		if (n >= row->bytes)
			return false;
		memcpy(to, text, n + 1);
		return true;
	}
	return false;
}

/* TEXT is taken apart. */
static int parse(const struct reel_keyfile_kind *kind, const char *path, char *text, void *to,
		 struct reel_err *err)
{
	const struct reel_keyfile_row *row;
	unsigned n = 2, seen = 0;

	for (char *line = text, *next; *line; line = next, n++) {
		char *value;

		next = strchr(line, '\n');
		*next++ = '\0';
		value = strchr(line, ' ');
		if (!value)
			return refuse(path, n, "a name and a value are expected", err);
		*value++ = '\0';
		for (row = kind->rows; row->name && strcmp(row->name, line) != 0; row++)
			;
		if (!row->name)
			return refuse(path, n, "what it names does not belong here", err);
		if (!row->most && seen & 1u << (row - kind->rows))
			return refuse(path, n, "it stands twice", err);
		seen |= 1u << (row - kind->rows);
		if (!take_value(row, value, to))
			return refuse(path, n, "the value is not as it must be", err);
	}
	for (row = kind->rows; row->name; row++)
		if (!(seen & 1u << (row - kind->rows)))
			return reel_err_set(err, -EBADMSG, "%s: it has no line '%s'", path,
					    row->name);
	return 0;
}

/* The first line, which says what kind of file this is. */
static int find_kind(const char *path, char *text, const struct reel_keyfile_kind *const *kinds,
		     unsigned *ret, char **ret_rest, struct reel_err *err)
{
	char *end = strchr(text, '\n'), *version = strchr(text, ' ');
	uint64_t number;

	if (!version || version > end)
		return refuse(path, 1, "this is no file of keys", err);
	*end = *version++ = '\0';
	for (unsigned i = 0; kinds[i]; i++) {
		if (strcmp(kinds[i]->name, text) != 0)
			continue;
		if (reel_parse_u64(version, &number, NULL) < 0 || number != VERSION)
			return refuse(path, 1, "it needs another version of reel", err);
		*ret = i;
		*ret_rest = end + 1;
		return 0;
	}
	return reel_err_set(err, -EBADMSG, "%s: this is no %s%s%s", path, kinds[0]->what,
			    kinds[1] ? " and no " : "", kinds[1] ? kinds[1]->what : "");
}

int reel_keyfile_read_fd(int fd, const char *path, const struct reel_keyfile_kind *const *kinds,
			 void *const *to, unsigned *ret_kind, struct reel_err *err)
{
	char *text = reel_secret_new(REEL_KEYFILE_MAX + 1), *rest = NULL;
	struct stat st;
	size_t size;
	int r;

	if (!text)
		return reel_err_set(err, -ENOMEM, "no memory for a key");
	if (fstat(fd, &st) < 0) {
		r = reel_err_set(err, -errno, "%s: %s", path, strerror(errno));
		goto out;
	}
	if (!S_ISREG(st.st_mode)) {
		r = reel_err_set(err, -EINVAL, "%s: this is not a file", path);
		goto out;
	}
	r = read_all(fd, path, text, &size, err);
	if (r == 0)
		r = find_kind(path, text, kinds, ret_kind, &rest, err);
	if (r == 0 && kinds[*ret_kind]->is_secret && st.st_mode & 077)
		r = reel_err_set(err, -EPERM,
				 "%s: others may read or write it (mode %03o), so it is no secret: "
				 "chmod 600, if nobody has",
				 path, st.st_mode & 0777);
	if (r == 0)
		r = parse(kinds[*ret_kind], path, rest, to[*ret_kind], err);
out:
	sodium_free(text);
	return r;
}

int reel_keyfile_read(const char *path, const struct reel_keyfile_kind *const *kinds,
		      void *const *to, unsigned *ret_kind, struct reel_err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int r;

	if (fd < 0)
		return reel_err_set(err, -errno, "%s: %s", path, strerror(errno));
	r = reel_keyfile_read_fd(fd, path, kinds, to, ret_kind, err);
	close(fd);
	return r;
}

/* Writing */

struct text {
	char *at;
	size_t left;
	bool is_full;
};

__attribute__((format(printf, 2, 3))) static void put(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->at, t->left, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= t->left) {
		t->is_full = true;
		return;
	}
	t->at += n;
	t->left -= (size_t)n;
}

static void put_bytes(struct text *t, const uint8_t *from, size_t bytes)
{
	if (2 * bytes >= t->left) {
		t->is_full = true;
		return;
	}
	sodium_bin2hex(t->at, t->left, from, bytes);
	t->at += 2 * bytes;
	t->left -= 2 * bytes;
}

static void put_row(struct text *t, const struct reel_keyfile_row *row, const uint8_t *base)
{
	unsigned n = row->most ? *(const unsigned *)(const void *)(base + row->count) : 1;

	for (unsigned i = 0; i < n; i++) {
		const uint8_t *from = base + row->offset + i * row->bytes;

		put(t, "%s ", row->name);
		if (row->how == REEL_KEYFILE_BYTES)
			put_bytes(t, from, row->bytes);
		else if (row->how == REEL_KEYFILE_NUMBER)
			put(t, "%llu", *(const unsigned long long *)(const void *)from);
		else
			put(t, "%s", (const char *)from);
		put(t, "\n");
	}
}

int reel_keyfile_sync_name(const char *path, struct reel_err *err)
{
	const char *slash = strrchr(path, '/');
	char *directory = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
	int fd = directory ? open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	int r = 0;

	if (fd < 0 || fsync(fd) < 0)
		r = reel_err_set(err, -errno, "%s: cannot sync its directory: %s", path,
				 strerror(errno));
	if (fd >= 0)
		close(fd);
	free(directory);
	return r;
}

static int write_text(int fd, const char *path, const char *text, size_t bytes,
		      struct reel_err *err)
{
	for (size_t done = 0; done < bytes;) {
		ssize_t n = write(fd, text + done, bytes - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return reel_err_set(err, n < 0 ? -errno : -EIO, "%s: cannot write it: %s",
					    path, strerror(n < 0 ? errno : EIO));
		done += (size_t)n;
	}
	if (fsync(fd) < 0)
		return reel_err_set(err, -errno, "%s: cannot write it: %s", path, strerror(errno));
	return 0;
}

int reel_keyfile_write_new(const char *path, const struct reel_keyfile_kind *kind, const void *from,
			   struct reel_err *err)
{
	char *text = reel_secret_new(REEL_KEYFILE_MAX);
	struct text t = { text, REEL_KEYFILE_MAX, false };
	int fd = -1, r;

	if (!text)
		return reel_err_set(err, -ENOMEM, "no memory for a key");
	put(&t, "%s %d\n", kind->name, VERSION);
	for (const struct reel_keyfile_row *row = kind->rows; row->name; row++)
		put_row(&t, row, from);
	if (t.is_full) {
		r = reel_err_set(err, -E2BIG, "%s: there is too much to be written", path);
		goto out;
	}
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
		  kind->is_secret ? 0600 : 0644);
	if (fd < 0) {
		r = errno == EEXIST ? reel_err_set(err, -EEXIST,
						   "%s: it exists, and is not overwritten", path) :
				      reel_err_set(err, -errno, "%s: %s", path, strerror(errno));
		goto out;
	}
	r = write_text(fd, path, text, (size_t)(t.at - text), err);
	if (r == 0)
		r = reel_keyfile_sync_name(path, err);
	if (r < 0)
		(void)unlink(path);
out:
	if (fd >= 0)
		close(fd);
	sodium_free(text);
	return r;
}
