/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "replay/policy_files.h"

static int read_all(int fd, struct policy_contents *ret)
{
	size_t room = 0;

	for (;;) {
		ssize_t n;

		if (ret->length == room) {
			char *larger;

			room = room ? room * 2 : 16 << 10;
			larger = realloc(ret->bytes, room);
			if (!larger)
				return -ENOMEM;
			ret->bytes = larger;
		}
		n = read(fd, ret->bytes + ret->length, room - ret->length);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return 0;
		ret->length += (size_t)n;
		if (ret->length > RULES_FILE_MAX)
			return -EFBIG;
	}
}

int policy_read_file(const char *path, struct policy_contents *ret)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	int r = 0;

	*ret = (struct policy_contents){ 0 };
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		r = -errno;
	else if (S_ISDIR(st.st_mode))
		r = -EISDIR;
	else if (!S_ISREG(st.st_mode))
		r = -EINVAL;
	else
		r = read_all(fd, ret);
	(void)close(fd);
	if (r < 0) {
		free(ret->bytes);
		*ret = (struct policy_contents){ 0 };
		return r;
	}
	ret->dev = st.st_dev;
	ret->inode = st.st_ino;
	return 0;
}

const char *policy_why(int r)
{
	return r == -EFBIG ? "larger than 16 MiB" : strerror(-r);
}

char *policy_resolve(struct policy_file *f, const char *name)
{
	size_t n = f->directory ? strlen(f->directory) : 0, length = strlen(name);
	char *path;

	if (*name == '/' || !n)
		return policy_text(f, name, length);
	path = policy_alloc(f, n + 1 + length + 1);
	if (!path)
		return NULL;
	memcpy(path, f->directory, n);
	path[n] = '/';
	memcpy(path + n + 1, name, length);
	return path;
}
