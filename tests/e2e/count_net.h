/* SPDX-License-Identifier: BSD-2-Clause */
/* Steps of the class net. */
#ifndef REEL_TESTS_E2E_COUNT_NET_H
#define REEL_TESTS_E2E_COUNT_NET_H

#include <arpa/inet.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

#include "tests/e2e/count.h"

static struct sockaddr_in loopback(uint16_t port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
				     .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				     .sin_port = htons(port) };
}

static void step_socket(struct worker *w)
{
	static const int kinds[][3] = {
		{ AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0 },
		{ AF_INET, SOCK_DGRAM, 0 },
		{ AF_INET6, SOCK_STREAM, 0 },
		{ AF_INET6, SOCK_DGRAM, 0 },
		{ AF_UNIX, SOCK_STREAM, 0 },
		{ AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0 },
		{ AF_NETLINK, SOCK_RAW, NETLINK_ROUTE },
		{ AF_PACKET, SOCK_RAW, 0 },
	};
	int pair[2];

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		long fd = DO(socket, socket, kinds[i][0], kinds[i][1], kinds[i][2]);

		DO(close, close, fd);
	}
	DO(socket, socket, 12345, SOCK_STREAM, 0);
	DO(socket, socket, AF_INET, 77, 0);
	if (DO(socket, socketpair, AF_UNIX, SOCK_DGRAM, 0, P(pair)) == 0) {
		DO(close, close, pair[0]);
		DO(close, close, pair[1]);
	}
	DO(socket, socketpair, AF_INET, SOCK_DGRAM, 0, P(pair));
}

/* A whole TCP connection, and connections that come to nothing. */
static void step_tcp(struct worker *w)
{
	struct sockaddr_in to = loopback(w->port), nobody = loopback(1);
	struct sockaddr_in6 to6 = { .sin6_family = AF_INET6,
				    .sin6_addr = in6addr_loopback,
				    .sin6_port = htons(1) };
	struct linger linger = { 1, 0 };
	char buffer[64] = "hello";
	long fd, peer, other;

	fd = DO(socket, socket, AF_INET, SOCK_STREAM, 0);
	/* A reset leaves no address behind in TIME_WAIT: the ports do not run out. */
	QUIET(setsockopt, fd, SOL_SOCKET, SO_LINGER, P(&linger), sizeof(linger));
	DO(connect, connect, fd, P(&to), sizeof(to));
	peer = DO(accept, accept4, w->listen_fd, 0, 0, SOCK_CLOEXEC);
	DO(send, sendto, fd, P(buffer), 5, 0, 0, 0);
	DO(recv, recvfrom, peer, P(buffer), sizeof(buffer), 0, 0, 0);
	DO(write, write, peer, P(buffer), 5);
	DO(read, read, fd, P(buffer), sizeof(buffer));
	DO(shutdown, shutdown, peer, SHUT_WR);
	DO(shutdown, shutdown, w->udp_fd, 7);
	DO(connect, connect, fd, P(&to), sizeof(to));
	DO(close, close, fd);
	DO(close, close, peer);
	DO(accept, accept, w->listen_fd, 0, 0);
	DO(accept, accept, w->udp_fd, 0, 0);

	other = DO(socket, socket, AF_INET, SOCK_STREAM, 0);
	DO(connect, connect, other, P(&nobody), sizeof(nobody));
	DO(bind, bind, other, P(&to), sizeof(to));
	DO(bind, bind, other, P(&to), 3);
	DO(listen, listen, w->udp_fd, 5);
	DO(connect, connect, -1, P(&to), sizeof(to));
	DO(connect, connect, other, 1, sizeof(to));
	DO(close, close, other);
	other = DO(socket, socket, AF_INET6, SOCK_STREAM, 0);
	DO(connect, connect, other, P(&to6), sizeof(to6));
	to6.sin6_port = 0;
	DO(bind, bind, other, P(&to6), sizeof(to6));
	DO(listen, listen, other, 5);
	DO(close, close, other);
}

static void step_udp(struct worker *w)
{
	struct sockaddr_in to = loopback(w->udp_port);
	char buffer[64] = "datagram";
	struct iovec iov = { buffer, 8 };
	struct mmsghdr messages[2] = { { .msg_hdr = { .msg_name = &to,
						      .msg_namelen = sizeof(to),
						      .msg_iov = &iov,
						      .msg_iovlen = 1 } },
				       { .msg_hdr = { .msg_name = &to,
						      .msg_namelen = sizeof(to),
						      .msg_iov = &iov,
						      .msg_iovlen = 1 } } };

	DO(send, sendto, w->udp_fd, P(buffer), 8, 0, P(&to), sizeof(to));
	DO(recv, recvfrom, w->udp_fd, P(buffer), sizeof(buffer), 0, 0, 0);
	DO(send, sendmsg, w->udp_fd, P(&messages[0].msg_hdr), 0);
	DO(recv, recvmsg, w->udp_fd, P(&messages[0].msg_hdr), 0);
	DO(send, sendmmsg, w->udp_fd, P(messages), 2, 0);
	DO(recv, recvmmsg, w->udp_fd, P(messages), 2, 0, 0);
	DO(recv, recvfrom, w->udp_fd, P(buffer), sizeof(buffer), MSG_DONTWAIT, 0, 0);
	DO(recv, recvmmsg, w->udp_fd, P(messages), 2, MSG_DONTWAIT, 0);
	DO(send, sendto, -1, P(buffer), 8, 0, 0, 0);
	DO(send, sendto, w->file_fd, P(buffer), 8, 0, 0, 0);
	DO(recv, recvmsg, w->udp_fd, 1, 0);
}

static void step_unix(struct worker *w)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	long a, b, c;

	memcpy(name.sun_path, w->address, strlen(w->address) + 1);
	a = DO(socket, socket, AF_UNIX, SOCK_STREAM, 0);
	DO(bind, bind, a, P(&name), sizeof(name));
	DO(bind, bind, a, P(&name), sizeof(name));
	DO(listen, listen, a, 1);
	b = DO(socket, socket, AF_UNIX, SOCK_STREAM, 0);
	DO(connect, connect, b, P(&name), sizeof(name));
	c = DO(accept, accept, a, 0, 0);
	DO(send, sendto, b, P("x"), 1, 0, 0, 0);
	DO(close, close, c);
	DO(send, sendto, b, P("x"), 1, MSG_NOSIGNAL, 0, 0);
	DO(close, close, b);
	DO(close, close, a);
	DO(unlink, unlink, P(name.sun_path));
	a = DO(socket, socket, AF_UNIX, SOCK_STREAM, 0);
	DO(connect, connect, a, P(&name), sizeof(name));
	DO(close, close, a);
}

/* A descriptor goes over a socket: the message is one event, what it carries another. */
static void step_pass(struct worker *w)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(2 * sizeof(int))];
	} control;
	char byte = 'x';
	struct iovec iov = { &byte, 1 };
	struct msghdr message = { .msg_iov = &iov,
				  .msg_iovlen = 1,
				  .msg_control = control.bytes,
				  .msg_controllen = sizeof(control.bytes) };
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);
	int fds[2] = { w->null_fd, w->zero_fd };
	long ret;

	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(head), fds, sizeof(fds));
	ret = DO(send, sendmsg, w->unix_pair[0], P(&message), 0);
	ALSO(pass, sendmsg, ret);
	ret = DO(recv, recvmsg, w->unix_pair[1], P(&message), 0);
	ALSO(pass, recvmsg, ret);
	memcpy(fds, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fds));
	DO(close, close, fds[0]);
	DO(close, close, fds[1]);
}

#endif
