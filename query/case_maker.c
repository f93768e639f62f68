/* SPDX-License-Identifier: BSD-2-Clause */
#include "query/case_maker.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LOOK_MS = 50 };

#define PROGRAM "/proc/self/exe"

enum request { MAKE = 'm', STOP = 's', REMOVE = 'r' };

struct answer {
	char path[PASSING_CASE_PATH];
	int result;
	struct reel_err err;
};

/* The maker ------------------------------------------------------------------------------------ */

static int make(struct passing_case *c, int fd, const char *capture,
		const struct reel_strings *keys, bool quiet)
{
	struct answer a;

	memset(&a, 0, sizeof(a));
	a.result = passing_case_make(c, PROGRAM, capture, keys, quiet, fd, &a.err);
	memcpy(a.path, c->path, sizeof(a.path));
	return write(fd, &a, sizeof(a)) == sizeof(a) ? 0 : -EPIPE;
}

/* What a terminal sends to all of us is for the parent, and for what is run here. */
static void ignore_signals(void)
{
	static const int ignored[] = { SIGINT, SIGTERM, SIGHUP, SIGPIPE };
	const struct sigaction ignore = { .sa_handler = SIG_IGN };

	for (unsigned i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		sigaction(ignored[i], &ignore, NULL);
}

static void serve(int fd, const char *capture, const struct reel_strings *keys, bool quiet)
{
	struct passing_case c = { 0 };
	char request;

	ignore_signals();
	while (read(fd, &request, 1) == 1) {
		if (request == MAKE && !c.directory[0] && make(&c, fd, capture, keys, quiet) < 0)
			break;
		if (request == REMOVE)
			passing_case_remove(&c);
	}
	passing_case_remove(&c);
}

/* Its parent ----------------------------------------------------------------------------------- */

int case_maker_start(struct case_maker *m, const char *capture, const struct reel_strings *keys,
		     bool quiet, struct reel_err *err)
{
	int fds[2];

	*m = (struct case_maker){ .fd = -1 };
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return reel_err_set(err, -errno, "socketpair: %s", strerror(errno));
	m->pid = fork();
	if (m->pid < 0) {
		int r = reel_err_set(err, -errno, "fork: %s", strerror(errno));

		m->pid = 0;
		close(fds[0]);
		close(fds[1]);
		return r;
	}
	if (m->pid == 0) {
		close(fds[0]);
		serve(fds[1], capture, keys, quiet);
		_exit(0);
	}
	close(fds[1]);
	m->fd = fds[0];
	return 0;
}

static bool ask(struct case_maker *m, enum request request)
{
	char byte = (char)request;

	return write(m->fd, &byte, 1) == 1;
}

/* It is made of a few system calls of the other side, and comes as a whole or not at all. */
static bool read_answer(struct case_maker *m, struct answer *ret)
{
	size_t n = 0;

	while (n < sizeof(*ret)) {
		ssize_t got = read(m->fd, (char *)ret + n, sizeof(*ret) - n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		n += (size_t)got;
	}
	return true;
}

int case_maker_make(struct case_maker *m, char path[PASSING_CASE_PATH], const volatile int *stop,
		    struct reel_err *err)
{
	struct pollfd from = { .fd = m->fd, .events = POLLIN };
	bool told = false;
	struct answer a;

	if (!m->pid || !ask(m, MAKE))
		return reel_err_set(err, -EIO, "nobody is there to make a case");
	while (poll(&from, 1, LOOK_MS) <= 0) {
		if (!*stop || told)
			continue;
		told = true;
		(void)ask(m, STOP);
	}
	if (!read_answer(m, &a))
		return reel_err_set(err, -EIO, "whoever was to make a case has ended");
	a.path[sizeof(a.path) - 1] = '\0';
	memcpy(path, a.path, sizeof(a.path));
	if (a.result < 0)
		*err = a.err;
	return a.result;
}

void case_maker_remove(struct case_maker *m)
{
	if (m->pid)
		(void)ask(m, REMOVE);
}

void case_maker_end(struct case_maker *m)
{
	if (!m->pid)
		return;
	close(m->fd);
	while (waitpid(m->pid, NULL, 0) < 0 && errno == EINTR)
		continue;
	m->pid = 0;
}
