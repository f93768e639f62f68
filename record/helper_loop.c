/* SPDX-License-Identifier: BSD-2-Clause */
/* The helper's side: what a process is that was just forked, and what it does until it ends. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "record/helper_wire.h"

enum {
	NICE = 10,
	REQUESTS_A_ROUND = 64,
	REQUEST_MAX = sizeof(struct helper_wire_request) + HELPER_MAX_PATH,
};

struct life {
	const struct helper_options *o;
	int fd;
	bool ended;	/* no request comes any more */
	bool busy[HELPER_MAX_TASKS];
	struct record_sink sink;
};

/* A packet goes as a whole or not at all. It waits while the recorder has other things to do. */
static int send_frame(int fd, enum helper_frame_kind kind, uint32_t value, const void *rest,
		      size_t rest_bytes, struct reel_err *err)
{
	uint8_t packet[FRAME_MAX];
	struct helper_frame frame = { kind, value };
	size_t bytes = sizeof(frame) + rest_bytes;
	ssize_t n;

	if (bytes > sizeof(packet))
		return reel_err_set(err, -EMSGSIZE, "a record is too long");
	memcpy(packet, &frame, sizeof(frame));
	if (rest_bytes)
		memcpy(packet + sizeof(frame), rest, rest_bytes);
	do {
		n = send(fd, packet, bytes, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? reel_err_set(err, -errno, "the recorder is gone: %s", strerror(errno)) : 0;
}

static int send_record(void *arg, struct reel_record *record, struct reel_err *err)
{
	struct life *l = arg;
	size_t bytes = reel_record_end(record);

	return send_frame(l->fd, FRAME_RECORD, (uint32_t)bytes, &record->header, bytes, err);
}

static int send_answered(struct life *l, unsigned n, struct reel_err *err)
{
	return n ? send_frame(l->fd, FRAME_ANSWERED, n, NULL, 0, err) : 0;
}

/* What a process inherits that it has no use for. */

static int is_kept(const struct helper_options *o, int fd)
{
	for (unsigned i = 0; i < o->n_keep_fds; i++)
		if (o->keep_fds[i] == fd)
			return 1;
	return 0;
}

/* Descriptors are closed from one that is kept to the next. */
static void close_others(const struct helper_options *o, int fd, int life_fd)
{
	int from = 0;

	for (;;) {
		int next = -1;

		for (unsigned i = 0; i < o->n_keep_fds; i++)
			if (o->keep_fds[i] >= from && (next < 0 || o->keep_fds[i] < next))
				next = o->keep_fds[i];
		if (fd >= from && (next < 0 || fd < next))
			next = fd;
		if (life_fd >= from && (next < 0 || life_fd < next))
			next = life_fd;
		if (next < 0)
			break;
		if (next > from)
			close_range((unsigned)from, (unsigned)next - 1, 0);
		from = next + 1;
	}
	close_range((unsigned)from, ~0u, 0);
}

/* So that whatever is opened later is not taken for a standard stream. */
static void fill_standard_fds(const struct helper_options *o)
{
	for (int i = 0; i < 3; i++)
		if (!is_kept(o, i) && fcntl(i, F_GETFD) < 0)
			(void)open("/dev/null", O_RDWR);
}

/* Signals for the recorder, from a terminal or a service manager, are the recorder's to hear: it
 * lets us finish. */
static void forget_signals(void)
{
	static const int ignored[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2,
				       SIGPIPE, SIGTSTP, SIGTTIN, SIGTTOU, SIGWINCH };
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		signal(i, SIG_DFL);
	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/*
 * When the recorder dies, so do we, even in the midst of a call. Twice, since the kernel sends the
 * first signal in the name of the recorder, who may have become somebody else by then, and the
 * second, for a pipe of which the other end is gone, in our own name.
 */
static int bind_to_life(int life_fd, pid_t recorder)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 ||
	    fcntl(life_fd, F_SETOWN, getpid()) < 0 || fcntl(life_fd, F_SETSIG, SIGKILL) < 0 ||
	    fcntl(life_fd, F_SETFL, O_RDONLY | O_NONBLOCK | O_ASYNC) < 0)
		return -errno;
	return getppid() == recorder ? 0 : -ESRCH;
}

static bool has_recorder(int life_fd)
{
	struct pollfd p = { .fd = life_fd, .events = POLLIN };

	return poll(&p, 1, 0) == 0;
}

/* Requests. */

static int run_request(struct life *l, const struct helper_request *q, struct reel_err *err)
{
	for (unsigned i = 0; i < l->o->n_tasks; i++) {
		const struct helper_task *t = &l->o->tasks[i];
		int r;

		if (t->kind != q->kind)
			continue;
		r = t->run(t->state, q, &l->sink, err);
		if (r == HELPER_LATER)
			l->busy[i] = true;
		if (r != HELPER_ANSWERED)
			return r < 0 ? r : 0;
		break;
	}
	return send_answered(l, 1, err);
}

/* 0: nothing is there; 1: there was a request. */
static int take_request(struct life *l, struct reel_err *err)
{
	uint8_t packet[REQUEST_MAX + 1];
	struct helper_wire_request wire;
	struct helper_request q;
	ssize_t n = recv(l->fd, packet, REQUEST_MAX, MSG_DONTWAIT);
	int r;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0) {
		l->ended = true;
		return 0;
	}
	if ((size_t)n < sizeof(wire))
		return 1;
	memcpy(&wire, packet, sizeof(wire));
	if ((size_t)n != sizeof(wire) + wire.path_length)
		return 1;
	packet[n] = '\0';
	q = (struct helper_request){
		.kind = (enum helper_kind)wire.kind,
		.pid = wire.pid,
		.start_ns = wire.start_ns,
		.ts = wire.ts,
		.inode = wire.inode,
		.cgroup = wire.cgroup,
		.dev = wire.dev,
		.again = wire.again,
		.path = (const char *)packet + sizeof(wire),
		.path_length = wire.path_length,
	};
	r = run_request(l, &q, err);
	return r < 0 ? r : 1;
}

static int take_requests(struct life *l, struct reel_err *err)
{
	int r = 1;

	for (unsigned i = 0; r == 1 && !l->ended && i < REQUESTS_A_ROUND; i++)
		r = take_request(l, err);
	return r < 0 ? r : 0;
}

static int work(struct life *l, struct reel_err *err)
{
	for (unsigned i = 0; i < l->o->n_tasks; i++) {
		const struct helper_task *t = &l->o->tasks[i];
		unsigned answered = 0;
		int r, sent;

		if (!l->busy[i])
			continue;
		r = t->work(t->state, &answered, &l->sink, err);
		if (r < 0)
			return r;
		l->busy[i] = r > 0;
		sent = send_answered(l, answered, err);
		if (sent < 0)
			return sent;
	}
	return 0;
}

static bool is_busy(const struct life *l)
{
	for (unsigned i = 0; i < l->o->n_tasks; i++)
		if (l->busy[i])
			return true;
	return false;
}

static int live(struct life *l, struct reel_err *err)
{
	int r = 0;

	while (r == 0 && (!l->ended || is_busy(l))) {
		struct pollfd p = { .fd = l->fd, .events = POLLIN };

		/* What waits is taken in between slices of work, since processes end. */
		if (!l->ended && poll(&p, 1, is_busy(l) ? 0 : -1) < 0 && errno != EINTR)
			return -errno;
		if (!l->ended)
			r = take_requests(l, err);
		if (r == 0)
			r = work(l, err);
	}
	return r;
}

int helper_live(const struct helper_options *o, int fd, int life_fd, pid_t recorder)
{
	struct life l = { .o = o, .fd = fd };
	struct confine_report report;
	struct reel_err err = { 0 };

	l.sink = (struct record_sink){ send_record, &l };
	forget_signals();
	close_others(o, fd, life_fd);
	fill_standard_fds(o);
	(void)setsid();
	umask(077);
	(void)setpriority(PRIO_PROCESS, 0, NICE);
	(void)prctl(PR_SET_NAME, "reel-helper", 0, 0, 0);
	if (chdir("/") < 0 || bind_to_life(life_fd, recorder) < 0 || !has_recorder(life_fd))
		return 1;
	if (confine_helper(&o->confine, &report, &err) < 0 ||
	    send_frame(fd, FRAME_READY, 0, NULL, 0, &err) < 0 ||
	    confine_report_put(&report, "helper", &l.sink, &err) < 0)
		return 1;
	return live(&l, &err) < 0;
}
