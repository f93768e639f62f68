/* SPDX-License-Identifier: BSD-2-Clause */
/* Sockets and addresses of a network namespace, as a keyframe tells them. */
#include <arpa/inet.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "record/host_impl.h"
#include "tests/unit/record_proc.h"

/* Network ------------------------------------------------------------------------------------ */

enum sock {
	TCP_LISTEN,
	TCP_CLIENT,
	TCP_SERVER,
	TCP6_LISTEN,
	MAPPED_CLIENT,
	UDP_BOUND,
	UDP6_CLIENT,
	UNIX_PATH,
	UNIX_ABSTRACT,
	UNIX_PAIR,
	RAW,
	PACKET,
	SOCKS,
};

static uint64_t inode_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) < 0 ? 0 : st.st_ino;
}

static int inet(struct shared *s, int type, const struct sockaddr_in *own,
		const struct sockaddr_in *peer)
{
	int fd = socket(AF_INET, type, 0);

	must(s, fd);
	if (own)
		must(s, bind(fd, (const void *)own, sizeof(*own)));
	if (peer)
		must(s, connect(fd, (const void *)peer, sizeof(*peer)));
	return fd;
}

static int inet6(struct shared *s, int type, const char *address, uint16_t port, bool is_bound)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int fd = socket(AF_INET6, type, 0);

	inet_pton(AF_INET6, address, &a.sin6_addr);
	must(s, (is_bound ? bind : connect)(fd, (const void *)&a, sizeof(a)));
	return fd;
}

static int unix_bound(struct shared *s, int type, const char *name, size_t length)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, type, 0);

	memcpy(a.sun_path, name, length);
	must(s, bind(fd, (const void *)&a,
		     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)));
	return fd;
}

/* "ip address add 10.9.8.7 peer 10.9.8.6 dev lo" */
static void add_point_to_point(struct shared *s)
{
	struct {
		struct nlmsghdr h;
		struct ifaddrmsg m;
		struct {
			struct rtattr a;
			uint8_t address[4];
		} local, peer;
	} request = { { sizeof(request), RTM_NEWADDR, NLM_F_REQUEST | NLM_F_CREATE | NLM_F_ACK },
		      { .ifa_family = AF_INET, .ifa_prefixlen = 32, .ifa_index = 1 },
		      { { 8, IFA_LOCAL }, { 10, 9, 8, 7 } },
		      { { 8, IFA_ADDRESS }, { 10, 9, 8, 6 } } };
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
	struct {
		struct nlmsghdr h;
		struct nlmsgerr e;
		char rest[256];
	} answer = { 0 };

	must(s, send(fd, &request, sizeof(request), 0));
	must(s, recv(fd, &answer, sizeof(answer), 0));
	if (answer.e.error) {
		errno = -answer.e.error;
		must(s, -1);
	}
	close(fd);
}

static void have_network(struct shared *s, int ready)
{
	const struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(4001) };
	struct sockaddr_in there = { .sin_family = AF_INET, .sin_port = htons(4001) };
	struct sockaddr_in here = there, closed = there;
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fds[SOCKS], pair[2];

	(void)ready;
	must(s, leave_spaces(CLONE_NEWNET));
	s->number[20] = space_of("net");
	there.sin_addr.s_addr = closed.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	here.sin_addr.s_addr = inet_addr("127.1.2.3");
	here.sin_port = htons(5001);
	must(s, ioctl(socket(AF_INET, SOCK_DGRAM, 0), SIOCSIFFLAGS, &lo));
	add_point_to_point(s);
	fds[TCP_LISTEN] = inet(s, SOCK_STREAM, &any, NULL);
	must(s, listen(fds[TCP_LISTEN], 5));
	fds[TCP_CLIENT] = inet(s, SOCK_STREAM, &here, &there);
	fds[TCP_SERVER] = accept(fds[TCP_LISTEN], NULL, NULL);
	fds[TCP6_LISTEN] = inet6(s, SOCK_STREAM, "::1", 4002, true);
	must(s, listen(fds[TCP6_LISTEN], 5));
	fds[MAPPED_CLIENT] = inet6(s, SOCK_STREAM, "::ffff:127.0.0.1", 4001, false);
	must(s, accept(fds[TCP_LISTEN], NULL, NULL));
	here.sin_port = htons(5002);
	fds[UDP_BOUND] = inet(s, SOCK_DGRAM, &here, NULL);
	fds[UDP6_CLIENT] = inet6(s, SOCK_DGRAM, "::1", 4003, false);
	fds[UNIX_PATH] = unix_bound(s, SOCK_STREAM, "so ck", 5);
	must(s, listen(fds[UNIX_PATH], 5));
	fds[UNIX_ABSTRACT] = unix_bound(s, SOCK_DGRAM, "\0ab\0c\n", 6);
	must(s, socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair));
	fds[UNIX_PAIR] = pair[0];
	fds[RAW] = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
	fds[PACKET] = socket(AF_PACKET, SOCK_DGRAM, htons(ETH_P_ARP));
	for (unsigned i = 0; i < SOCKS; i++) {
		must(s, fds[i]);
		s->number[i] = inode_of(fds[i]);
	}
	/* A connection that is over. */
	here.sin_port = htons(5003);
	pair[0] = inet(s, SOCK_STREAM, &here, &there);
	pair[1] = accept(fds[TCP_LISTEN], NULL, NULL);
	close(pair[0]);
	close(pair[1]);
}

struct sock_want {
	const char *addr, *laddr; /* NULL: nothing */
	uint16_t port, lport, family, type, proto;
	uint8_t status;
	const char *path;
	size_t path_length;
};

static const struct sock_want wants[SOCKS] = {
	[TCP_LISTEN] = { "::ffff:0.0.0.0", "::ffff:0.0.0.0", 0, 4001, AF_INET, SOCK_STREAM, 6, 10 },
	[TCP_CLIENT] = { "::ffff:127.0.0.1", "::ffff:127.1.2.3", 4001, 5001, AF_INET, SOCK_STREAM,
			 6, 1 },
	[TCP_SERVER] = { "::ffff:127.1.2.3", "::ffff:127.0.0.1", 5001, 4001, AF_INET, SOCK_STREAM,
			 6, 1 },
	[TCP6_LISTEN] = { "::", "::1", 0, 4002, AF_INET6, SOCK_STREAM, 6, 10 },
	[MAPPED_CLIENT] = { "::ffff:127.0.0.1", "::ffff:127.0.0.1", 4001, 0, AF_INET6, SOCK_STREAM,
			    6, 1 },
	[UDP_BOUND] = { "::ffff:0.0.0.0", "::ffff:127.1.2.3", 0, 5002, AF_INET, SOCK_DGRAM, 17, 7 },
	[UDP6_CLIENT] = { "::1", "::1", 4003, 0, AF_INET6, SOCK_DGRAM, 17, 1 },
	[UNIX_PATH] = { NULL, NULL, 0, 0, AF_UNIX, SOCK_STREAM, 0, 10, "so ck", 5 },
	[UNIX_ABSTRACT] = { NULL, NULL, 0, 0, AF_UNIX, SOCK_DGRAM, 0, 7, "@ab\0c\n", 6 },
	[UNIX_PAIR] = { NULL, NULL, 0, 0, AF_UNIX, SOCK_SEQPACKET, 0, 1 },
	[RAW] = { "::ffff:0.0.0.0", "::ffff:0.0.0.0", 0, 0, AF_INET, SOCK_RAW, IPPROTO_ICMP, 7 },
	[PACKET] = { NULL, NULL, 0, 0, AF_PACKET, SOCK_DGRAM, ETH_P_ARP, 0 },
};

static void check_address(const struct ev_addr *got, const char *want)
{
	uint8_t bytes[16] = { 0 };

	if (want)
		CHECK_EQ(inet_pton(AF_INET6, want, bytes), 1);
	CHECK_MEM(got->byte, bytes, 16);
}

static const struct item *sock_of(const struct kept *k, uint64_t inode, uint64_t space)
{
	for (size_t i = 0; i < k->n; i++) {
		const struct ev_sock *e = (const void *)k->items[i]->payload;

		if (k->items[i]->h.type == EV_sock && e->inode == inode && e->net_ns == space)
			return k->items[i];
	}
	return NULL;
}

static void check_sock(const struct item *item, const struct sock_want *want)
{
	const struct ev_sock *e = (const void *)item->payload;

	check_address(&e->addr, want->addr);
	check_address(&e->laddr, want->laddr);
	CHECK_EQ(e->port, want->port);
	CHECK(want->lport ? e->lport == want->lport : want->port ? e->lport != 0 : e->lport == 0);
	CHECK_EQ(e->family, want->family);
	CHECK_EQ(e->sock_type, want->type);
	CHECK_EQ(e->proto, want->proto);
	CHECK_EQ(e->status, want->status);
	CHECK_BYTES(item, "unix_path", want->path ? want->path : "", want->path_length);
}

static void check_time_wait(const struct kept *k, uint64_t space)
{
	unsigned n = 0;

	for (size_t i = 0; i < k->n; i++) {
		const struct ev_sock *e = (const void *)k->items[i]->payload;

		if (k->items[i]->h.type != EV_sock || e->net_ns != space || e->lport != 5003)
			continue;
		CHECK_EQ(e->port, 4001);
		CHECK_EQ(e->inode, 0);
		CHECK_EQ(e->status, 6);
		n++;
	}
	CHECK_EQ(n, 1);
}

static void check_loopback(const struct kept *k, uint64_t space)
{
	static const char *const wanted[] = { "::ffff:127.0.0.1", "::ffff:10.9.8.7", "::1" };
	static const uint8_t prefixes[] = { 8, 32, 128 };
	unsigned seen = 0;

	for (size_t i = 0; i < k->n; i++) {
		const struct ev_netif *e = (const void *)k->items[i]->payload;
		unsigned which;

		if (k->items[i]->h.type != EV_netif || e->net_ns != space)
			continue;
		/* Some kernels give each namespace tunnels, which have no address. */
		if (string_of(k->items[i], "name").length != 2)
			continue;
		which = e->addr.byte[12] == 127 ? 0 : e->addr.byte[12] == 10 ? 1 : 2;
		check_address(&e->addr, wanted[which]);
		CHECK_EQ(e->prefix, prefixes[which]);
		CHECK_EQ(e->index, 1);
		CHECK_STRING(k->items[i], "name", "lo");
		CHECK_BYTES(k->items[i], "mac", "\0\0\0\0\0\0", 6);
		seen |= 1 << which;
	}
	CHECK_EQ(seen, 7);
}

/* What the text of /proc/PID/net says, without a word from the sockets of the kernel. */
static struct kept look_at_text(pid_t pid, uint32_t space)
{
	static const struct host_sock_kind kinds[] = {
		{ AF_INET, IPPROTO_TCP, SOCK_STREAM, "net/tcp" },
		{ AF_INET6, IPPROTO_TCP, SOCK_STREAM, "net/tcp6" },
		{ AF_INET, IPPROTO_UDP, SOCK_DGRAM, "net/udp" },
		{ AF_INET6, IPPROTO_UDP, SOCK_DGRAM, "net/udp6" },
		{ AF_UNIX, 0, 0, "net/unix" },
	};
	struct kept k = { 0 };
	struct record_sink sink = { keep, &k };
	struct proc_look *l;
	char path[32];
	int dir;

	snprintf(path, sizeof(path), "/proc/%d", pid);
	dir = open(path, O_PATH | O_DIRECTORY);
	CHECK(dir >= 0);
	if (proc_look_start(&sink, NULL, &l) < 0)
		abort();
	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		CHECK_EQ(host_put_socks_of_text(l, &kinds[i], dir, space), 0);
	/* The newline in an abstract name makes a line of nothing. */
	CHECK_EQ(l->totals.left_out, 1);
	proc_look_free(l);
	close(dir);
	return k;
}

TEST(sockets_and_addresses)
{
	struct shared *s = share();
	char scratch[4096];
	struct kept k;
	bool made;
	pid_t pid;

	enter_scratch(scratch, sizeof(scratch));
	pid = start(have_network, s);
	made = s->failed == -1;
	if (made) {
		k = look_at_host(pid, HOST_SOCKS | HOST_NETIFS);
		/* Who may not enter the namespace has the text only. */
		for (unsigned i = 0; i < SOCKS && geteuid() == 0; i++) {
			const struct item *item = sock_of(&k, s->number[i], s->number[20]);

			REQUIRE(item);
			check_sock(item, &wants[i]);
			CHECK_EQ(((const struct ev_sock *)item->payload)->owner, geteuid());
			CHECK_EQ(item->h.flags, EV_KEYFRAME);
		}
		check_time_wait(&k, s->number[20]);
		if (geteuid() == 0) {
			check_loopback(&k, s->number[20]);
			CHECK_EQ(k.totals.left_out, 0);
		} else {
			CHECK(k.totals.refused >= 1);
		}
		forget(&k);

		k = look_at_text(pid, (uint32_t)s->number[20]);
		for (unsigned i = 0; i < UNIX_ABSTRACT; i++) {
			const struct item *item = sock_of(&k, s->number[i], s->number[20]);

			REQUIRE(item);
			check_sock(item, &wants[i]);
		}
		REQUIRE(sock_of(&k, s->number[UNIX_PAIR], s->number[20]));
		check_sock(sock_of(&k, s->number[UNIX_PAIR], s->number[20]), &wants[UNIX_PAIR]);
		check_time_wait(&k, s->number[20]);
		forget(&k);
	}
	reap(pid);
	leave_scratch(scratch);
	munmap(s, sizeof(*s));
	if (!made)
		SKIP("no network namespace can be made here");
}
