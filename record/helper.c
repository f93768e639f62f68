/* SPDX-License-Identifier: BSD-2-Clause */
/* The recorder's side: it believes nothing that the helper sends before it has looked at it. */
#include "record/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "record/helper_wire.h"

enum { RECORDS_A_TAKE = 256, START_MS = 10000, END_TRIES = 500 };
#define MS 1000000ull

struct helper {
	int fd;
	int life_fd;	/* when its last copy is closed, the kernel ends the helper */
	pid_t pid;
	bool ready, stopping;
	bool told_gone, told_patience;
	bool has_task[HELPER_KINDS];
	bool believed[EV_MAX_TYPES];
	uint64_t waiting_since_ns;	/* since when something was asked and nothing answered */
	struct helper_stats stats;
	uint8_t packet[FRAME_MAX + 1];
	struct reel_record record;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void close_fds(struct helper *h)
{
	if (h->fd >= 0)
		close(h->fd);
	if (h->life_fd >= 0)
		close(h->life_fd);
	h->fd = h->life_fd = -1;
}

static void say_why(struct helper *h, const char *why)
{
	if (!h->stats.why[0])
		snprintf(h->stats.why, sizeof(h->stats.why), "%s", why);
}

/* The kernel kills it as soon as the pipe is closed, so that there is hardly a wait. */
static void collect(struct helper *h)
{
	const struct timespec pause = { 0, MS };
	char text[80];
	pid_t got = 0;
	int status;

	close_fds(h);
	h->stats.gone = true;
	for (unsigned i = 0; h->pid > 0 && got == 0 && i < END_TRIES; i++) {
		got = waitpid(h->pid, &status, WNOHANG);
		if (got < 0 && errno == EINTR)
			got = 0;
		if (got == 0)
			nanosleep(&pause, NULL);
	}
	if (got == h->pid && WIFSIGNALED(status)) {
		snprintf(text, sizeof(text), "signal %d", WTERMSIG(status));
		say_why(h, text);
	} else if (got == h->pid) {
		snprintf(text, sizeof(text), "status %d", WEXITSTATUS(status));
		say_why(h, text);
	} else {
		say_why(h, "nobody knows why");
	}
}

static int put_warning(const struct record_sink *sink, struct reel_record *record, const char *text,
		       struct reel_err *err)
{
	reel_record_begin(record, reel_type_by_id(EV_warning));
	record->header.ts = now_ns();
	reel_record_string(record, text, strlen(text));
	return record_put(sink, record, err);
}

/* What comes from the helper ------------------------------------------------------------------- */

/*
 * The record is made anew from what the packet says, so that nothing but its values gets through.
 * The length of a string is what the fixed part says; all together must be the whole.
 */
static int remake_record(struct helper *h, const uint8_t *from, size_t bytes)
{
	const uint8_t known = EV_KEYFRAME | EV_PARTIAL | EV_FAULT;
	const uint8_t *payload = from + sizeof(struct ev_header);
	const struct reel_type *type;
	struct ev_header header;
	uint32_t at, sum;
	bool cut;

	if (bytes < sizeof(header))
		return -EBADMSG;
	memcpy(&header, from, sizeof(header));
	type = h->believed[header.type] ? reel_type_by_id(header.type) : NULL;
	if (!type || header.length != bytes - sizeof(header) || header.length < type->fixed_bytes ||
	    header.length > EV_MAX_PAYLOAD || header.pid == UINT32_MAX)
		return -EBADMSG;
	cut = header.flags & EV_TRUNCATED;
	sum = type->fixed_bytes + (cut ? 4u * type->n_strings : 0);
	for (unsigned i = 0; i < type->n_strings; i++) {
		uint16_t length;

		memcpy(&length, payload + type->string_offsets[i], sizeof(length));
		sum += length;
	}
	if (sum != header.length)
		return -EBADMSG;
	memcpy(reel_record_begin(&h->record, type), payload, type->fixed_bytes);
	at = type->fixed_bytes;
	for (unsigned i = 0; i < type->n_strings; i++) {
		uint32_t true_length;
		uint16_t length;

		memcpy(&length, payload + type->string_offsets[i], sizeof(length));
		true_length = length;
		if (cut)
			memcpy(&true_length, payload + sum - 4u * (type->n_strings - i),
			       sizeof(true_length));
		reel_record_cut_string(&h->record, payload + at, length, true_length);
		at += length;
	}
	h->record.header.ts = now_ns();
	h->record.header.pid = header.pid;
	h->record.header.tid = header.tid;
	h->record.header.ret = header.ret;
	h->record.header.flags |= header.flags & known;
	return 0;
}

/* 1: a record is there; 0: none, but all is well. */
static int read_packet(struct helper *h, size_t bytes)
{
	struct helper_frame frame;
	const uint8_t *rest = h->packet + sizeof(frame);
	int r;

	if (bytes < sizeof(frame) || bytes > FRAME_MAX)
		return -EBADMSG;
	memcpy(&frame, h->packet, sizeof(frame));
	bytes -= sizeof(frame);
	switch (frame.kind) {
	case FRAME_READY:
		h->ready = true;
		return bytes ? -EBADMSG : 0;
	case FRAME_ANSWERED:
		if (bytes || frame.value > h->stats.asked - h->stats.answered)
			return -EBADMSG;
		h->stats.answered += frame.value;
		h->waiting_since_ns = h->stats.answered < h->stats.asked ? now_ns() : 0;
		h->told_patience = false;
		return 0;
	case FRAME_RECORD:
		r = frame.value == bytes ? remake_record(h, rest, bytes) : -EBADMSG;
		return r < 0 ? r : 1;
	}
	return -EBADMSG;
}

/* 1: the record is filled; 0: there is nothing (more); -EPIPE: the helper is gone. */
static int next_record(struct helper *h)
{
	while (h->fd >= 0) {
		ssize_t n = recv(h->fd, h->packet, sizeof(h->packet), MSG_DONTWAIT | MSG_TRUNC);
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n <= 0) {
			collect(h);
			break;
		}
		r = read_packet(h, (size_t)n);
		if (r < 0) {
			say_why(h, "it sent what makes no sense, and was ended");
			collect(h);
			break;
		}
		if (r > 0)
			return 1;
	}
	return -EPIPE;
}

static int tell_gone(struct helper *h, const struct record_sink *sink, struct reel_err *err)
{
	uint64_t open = h->stats.asked - h->stats.answered;
	char text[320];

	if (h->told_gone || (h->stopping && !open))
		return 0;
	h->told_gone = true;
	snprintf(text, sizeof(text), "the helper has ended (%s): %llu requests are not answered%s",
		 h->stats.why, (unsigned long long)open,
		 h->stopping ? "" : ", and none will be from now on");
	return put_warning(sink, &h->record, text, err);
}

static int tell_patience(struct helper *h, const struct record_sink *sink, struct reel_err *err)
{
	char text[160];

	if (h->told_patience || !h->waiting_since_ns ||
	    now_ns() - h->waiting_since_ns < HELPER_PATIENCE_NS)
		return 0;
	h->told_patience = true;
	snprintf(text, sizeof(text), "the helper has not answered for %llu s: %llu requests wait",
		 HELPER_PATIENCE_NS / (1000 * MS),
		 (unsigned long long)(h->stats.asked - h->stats.answered));
	return put_warning(sink, &h->record, text, err);
}

int helper_take(struct helper *h, const struct record_sink *sink, struct reel_err *err)
{
	int r = 0;

	for (unsigned i = 0; i < RECORDS_A_TAKE; i++) {
		int got = next_record(h);

		if (got < 0)
			return tell_gone(h, sink, err);
		if (got == 0)
			break;
		h->stats.records++;
		r = record_put(sink, &h->record, err);
		if (r < 0)
			return r;
	}
	return tell_patience(h, sink, err);
}

/* What goes to it ------------------------------------------------------------------------------ */

int helper_ask(struct helper *h, const struct helper_request *q)
{
	struct helper_wire_request wire = {
		.kind = q->kind,
		.pid = q->pid,
		.start_ns = q->start_ns,
		.ts = q->ts,
		.inode = q->inode,
		.cgroup = q->cgroup,
		.dev = q->dev,
		.again = q->again,
	};
	uint8_t packet[sizeof(wire) + HELPER_MAX_PATH];
	ssize_t n;

	if ((unsigned)q->kind >= HELPER_KINDS || !h->has_task[q->kind])
		return -ENOSYS;
	if (q->path_length <= HELPER_MAX_PATH)
		wire.path_length = (uint16_t)q->path_length;
	memcpy(packet, &wire, sizeof(wire));
	if (wire.path_length)
		memcpy(packet + sizeof(wire), q->path, wire.path_length);
	n = send(h->fd, packet, sizeof(wire) + wire.path_length, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0) {
		h->stats.dropped++;
		return errno == EAGAIN || errno == ENOBUFS ? -EAGAIN : -EPIPE;
	}
	if (h->stats.asked++ == h->stats.answered)
		h->waiting_since_ns = now_ns();
	return 0;
}

int helper_fd(const struct helper *h)
{
	return h->fd;
}

pid_t helper_pid(const struct helper *h)
{
	return h->pid;
}

void helper_stats(const struct helper *h, struct helper_stats *ret)
{
	*ret = h->stats;
}

/* Its life ------------------------------------------------------------------------------------- */

static int check_tasks(const struct helper_options *o, struct helper *h, struct reel_err *err)
{
	h->believed[EV_coverage] = h->believed[EV_warning] = true;
	if (o->n_tasks > HELPER_MAX_TASKS || o->n_keep_fds > HELPER_MAX_FDS)
		return reel_err_set(err, -E2BIG, "the helper cannot have so much to do");
	for (unsigned i = 0; i < o->n_tasks; i++) {
		const struct helper_task *t = &o->tasks[i];

		h->has_task[t->kind] = true;
		for (size_t k = 0; k < sizeof(t->types) && t->types[k]; k++)
			h->believed[t->types[k]] = true;
	}
	return 0;
}

/* The first packet must say that all is set up. */
static int wait_until_ready(struct helper *h, struct reel_err *err)
{
	struct pollfd p = { .fd = h->fd, .events = POLLIN };
	ssize_t n = -1;

	if (poll(&p, 1, START_MS) > 0)
		n = recv(h->fd, h->packet, sizeof(h->packet), MSG_DONTWAIT | MSG_TRUNC);
	if (n > 0 && read_packet(h, (size_t)n) == 0 && h->ready)
		return 0;
	collect(h);
	return reel_err_set(err, -EPIPE, "the helper did not start: %s", h->stats.why);
}

static int make_channel(struct helper *h, int *ret_fd, int *ret_life_fd, struct reel_err *err)
{
	int pair[2], life[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return reel_err_set(err, -errno, "no socket to a helper: %s", strerror(errno));
	if (pipe2(life, O_CLOEXEC) < 0) {
		int code = -errno;

		close(pair[0]);
		close(pair[1]);
		return reel_err_set(err, code, "no pipe to a helper: %s", strerror(-code));
	}
	h->fd = pair[0];
	h->life_fd = life[1];
	*ret_fd = pair[1];
	*ret_life_fd = life[0];
	return 0;
}

int helper_start(const struct helper_options *o, struct helper **ret, struct reel_err *err)
{
	struct helper *h = calloc(1, sizeof(*h));
	int fd = -1, life_fd = -1, r;
	pid_t self = getpid();

	if (!h)
		return reel_err_set(err, -ENOMEM, "no memory for a helper");
	h->fd = h->life_fd = -1;
	r = check_tasks(o, h, err);
	if (r == 0)
		r = make_channel(h, &fd, &life_fd, err);
	if (r < 0)
		goto out;
	h->pid = fork();
	if (h->pid == 0) {
		close_fds(h);
		_exit(helper_live(o, fd, life_fd, self));
	}
	if (h->pid < 0) {
		r = reel_err_set(err, -errno, "cannot fork a helper: %s", strerror(errno));
		goto out;
	}
	close(fd);
	close(life_fd);
	fd = life_fd = -1;
	r = wait_until_ready(h, err);
	if (r < 0)
		goto out;
	*ret = h;
	return 0;
out:
	if (fd >= 0)
		close(fd);
	if (life_fd >= 0)
		close(life_fd);
	close_fds(h);
	free(h);
	return r;
}

int helper_stop(struct helper *h, uint64_t deadline_ns, const struct record_sink *sink,
		struct reel_err *err)
{
	int r = 0;

	if (!h)
		return 0;
	h->stopping = true;
	if (h->fd >= 0)
		shutdown(h->fd, SHUT_WR);
	while (r == 0 && h->fd >= 0) {
		struct pollfd p = { .fd = h->fd, .events = POLLIN };
		uint64_t now = now_ns();

		if (now >= deadline_ns) {
			say_why(h, "stopped, since it took too long");
			collect(h);
		} else {
			uint64_t ms = (deadline_ns - now) / MS + 1;

			(void)poll(&p, 1, ms < START_MS ? (int)ms : START_MS);
		}
		r = helper_take(h, sink, err);
	}
	if (h->fd >= 0)
		collect(h);
	free(h);
	return r;
}
