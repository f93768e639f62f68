/* SPDX-License-Identifier: BSD-2-Clause */
#include "record/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int notify_parse_fd(const char *text, void *field, struct reel_err *err)
{
	uint64_t fd;

	if (reel_parse_u64(text, &fd, NULL) < 0 || fd > 1u << 20 || fcntl((int)fd, F_GETFD) < 0)
		return reel_err_set(err, -EINVAL, "'%s' is no open descriptor", text);
	*(int *)field = (int)fd;
	return 0;
}

/* The protocol of sd_notify(): a datagram of lines to the socket that the environment names. */
static void tell_systemd(const char *lines)
{
	const char *name = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	size_t length = name ? strlen(name) : 0;
	int fd;

	if (!length || length >= sizeof(to.sun_path))
		return;
	memcpy(to.sun_path, name, length);
	/* An abstract name begins with a NUL. */
	if (name[0] == '@')
		to.sun_path[0] = 0;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	(void)!sendto(fd, lines, strlen(lines), MSG_NOSIGNAL, (struct sockaddr *)&to,
		      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length));
	close(fd);
}

void notify_ready(int fd)
{
	if (fd >= 0) {
		(void)!write(fd, "recording\n", 10);
		close(fd);
	}
	tell_systemd("READY=1\n");
}
