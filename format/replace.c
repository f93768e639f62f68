/* SPDX-License-Identifier: BSD-2-Clause */
#include "format/replace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

int reel_replace_file(const char *path, void (*put)(FILE *f, void *context), void *context,
		      struct reel_err *err)
{
	char temporary[4096];
	bool failed;
	FILE *f;
	int fd;

	if (snprintf(temporary, sizeof(temporary), "%s.new", path) >= (int)sizeof(temporary))
		return reel_err_set(err, -ENAMETOOLONG, "%s: the name is too long", path);
	/* What a killed one has left is replaced, never written to. unlink() is refused to the
	 * recorder. */
	(void)unlinkat(AT_FDCWD, temporary, 0);
	fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	f = fd < 0 ? NULL : fdopen(fd, "w");
	if (!f) {
		int error = errno;

		if (fd >= 0)
			close(fd);
		return reel_err_set(err, -error, "%s: %s", temporary, strerror(error));
	}
	put(f, context);
	failed = ferror(f) != 0;
	failed |= fclose(f) != 0;
	if (failed || rename(temporary, path) < 0)
		return reel_err_set(err, -EIO, "%s: cannot write it: %s", path, strerror(errno));
	return 0;
}
