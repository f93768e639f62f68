/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "record/host_impl.h"
#include "record/now.h"

static int talk_socket(int protocol)
{
	/* Nothing that the kernel does here takes long; should it, we go on without. */
	const struct timeval patience = { .tv_sec = 2 };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	return fd;
}

static void open_both(struct host_talk *t)
{
	t->route = talk_socket(NETLINK_ROUTE);
	t->diag = talk_socket(NETLINK_SOCK_DIAG);
}

struct visit {
	int net_ns;
	struct host_talk *talk;
};

static void *enter_and_open(void *arg)
{
	struct visit *v = arg;

	if (setns(v->net_ns, CLONE_NEWNET) < 0)
		v->talk->route = v->talk->diag = -errno;
	else
		open_both(v->talk);
	return NULL;
}

/*
 * A socket stays in the namespace that it was made in. A thread of its own enters another one, so
 * that nobody has to come back.
 */
void host_talk_open(int dir, struct host_talk *ret)
{
	struct visit v = { -1, ret };
	pthread_t thread;
	int r;

	*ret = (struct host_talk){ 0 };
	if (dir < 0) {
		open_both(ret);
		return;
	}
	r = v.net_ns = proc_open(dir, "ns/net", O_RDONLY);
	if (r >= 0)
		r = -pthread_create(&thread, NULL, enter_and_open, &v);
	if (r == 0)
		pthread_join(thread, NULL);
	else
		ret->route = ret->diag = r;
	if (v.net_ns >= 0)
		close(v.net_ns);
}

void host_talk_close(struct host_talk *t)
{
	if (t->route >= 0)
		close(t->route);
	if (t->diag >= 0)
		close(t->diag);
}

/* 1: there is more to come, 0: that was all. */
static int take_all(const char *bytes, size_t left, uint32_t seq, uint64_t ts,
		    int (*take)(void *arg, const struct nlmsghdr *m, uint64_t ts), void *arg)
{
	while (left >= sizeof(struct nlmsghdr)) {
		const struct nlmsghdr *m = (const void *)bytes;
		size_t step = NLMSG_ALIGN((size_t)m->nlmsg_len);
		int r = 0, code = 0;

		if (m->nlmsg_len < sizeof(*m) || m->nlmsg_len > left)
			return -EBADMSG;
		if (m->nlmsg_seq == seq) {
			if (m->nlmsg_len >= NLMSG_HDRLEN + sizeof(code))
				memcpy(&code, bytes + NLMSG_HDRLEN, sizeof(code));
			if (m->nlmsg_type == NLMSG_ERROR)
				return code < 0 ? code : -EBADMSG;
			if (m->nlmsg_type == NLMSG_DONE)
				return code < 0 ? code : 0;
			if (m->nlmsg_type >= NLMSG_MIN_TYPE)
				r = take(arg, m, ts);
			if (r < 0)
				return r;
		}
		bytes += step;
		left -= step < left ? step : left;
	}
	return 1;
}

int host_talk_list(struct proc_look *l, int fd, uint32_t seq, struct nlmsghdr *request,
		   int (*take)(void *arg, const struct nlmsghdr *m, uint64_t ts), void *arg)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	uint64_t ts = now_boottime_ns(), next;
	int r = 1;

	if (fd < 0)
		return fd;
	request->nlmsg_seq = seq;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	if (sendto(fd, request, request->nlmsg_len, 0, (void *)&kernel, sizeof(kernel)) < 0)
		return -errno;
	while (r > 0) {
		ssize_t n;

		/* The kernel makes the next part ready when it hands out the one before. */
		next = now_boottime_ns();
		n = recv(fd, l->buffer, sizeof(l->buffer), 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		r = take_all(l->buffer, (size_t)n, seq, ts, take, arg);
		ts = next;
	}
	return r;
}

const void *host_body(const struct nlmsghdr *m, size_t length)
{
	return m->nlmsg_len < NLMSG_HDRLEN + length ? NULL : (const char *)m + NLMSG_HDRLEN;
}

const void *host_attribute(const struct nlmsghdr *m, size_t offset, unsigned type,
			   size_t *ret_length)
{
	const char *bytes = (const char *)m;

	offset = NLMSG_HDRLEN + NLMSG_ALIGN(offset);
	while (offset + sizeof(struct rtattr) <= m->nlmsg_len) {
		const struct rtattr *a = (const void *)(bytes + offset);

		if (a->rta_len < sizeof(*a) || a->rta_len > m->nlmsg_len - offset)
			break;
		if ((a->rta_type & NLA_TYPE_MASK) == type) {
			*ret_length = a->rta_len - sizeof(*a);
			return a + 1;
		}
		offset += RTA_ALIGN((size_t)a->rta_len);
	}
	*ret_length = 0;
	return NULL;
}
