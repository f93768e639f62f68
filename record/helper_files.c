/* SPDX-License-Identifier: BSD-2-Clause */
#include "record/helper_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int helper_file_find(int directory_fd, const char *path, struct stat *ret)
{
	int fd = openat(directory_fd, path, O_PATH | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (fstat(fd, ret) < 0) {
		int code = -errno;

		close(fd);
		return code;
	}
	return fd;
}

int helper_file_open(int found_fd, const struct stat *st)
{
	char self[32];
	int fd;

	if (!S_ISREG(st->st_mode))
		return -EINVAL;
	snprintf(self, sizeof(self), "/proc/self/fd/%d", found_fd);
	fd = open(self, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int read_all(int fd, size_t max, char **ret, size_t *ret_length)
{
	size_t length = 0, room = 0;
	char *text = NULL;
	int r = 0;

	for (;;) {
		ssize_t n;

		if (room - length < 2) {
			char *more;

			room = room ? 2 * room : 16 << 10;
			more = realloc(text, room);
			if (!more) {
				r = -ENOMEM;
				break;
			}
			text = more;
		}
		n = read(fd, text + length, room - length - 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			r = n < 0 ? -errno : 0;
			break;
		}
		length += (size_t)n;
		if (length > max) {
			r = -EFBIG;
			break;
		}
	}
	if (r < 0) {
		free(text);
		return r;
	}
	text[length] = '\0';
	*ret = text;
	*ret_length = length;
	return 0;
}

int helper_file_read(const char *path, size_t max, uid_t owner, char **ret, size_t *ret_length)
{
	struct stat st;
	int found = helper_file_find(AT_FDCWD, path, &st), fd = -1, r;

	if (found < 0)
		return found;
	r = owner != (uid_t)-1 && st.st_uid != owner ? -EPERM : 0;
	if (r == 0)
		r = fd = helper_file_open(found, &st);
	if (r >= 0)
		r = read_all(fd, max, ret, ret_length);
	if (fd >= 0)
		close(fd);
	close(found);
	return r;
}
