/* SPDX-License-Identifier: BSD-2-Clause */
/* Sockets: both ends of each connection, the addresses that a call passed or met, and DNS. */
#include <arpa/inet.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

#include "tests/e2e/expect.h"

static struct sockaddr_in v4(const char *address, unsigned port)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };

	need(inet_pton(AF_INET, address, &in.sin_addr) == 1);
	return in;
}

static unsigned port_of(int fd, bool peer)
{
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);

	need((peer ? getpeername : getsockname)(fd, (struct sockaddr *)&address, &length) == 0);
	return ntohs(((struct sockaddr_in *)&address)->sin_port); /* in v6 at the same place */
}

static unsigned long inode_of(int fd)
{
	struct stat st;

	need(fstat(fd, &st) == 0);
	return st.st_ino;
}

static int socket_made(int family, int type, int proto)
{
	int fd = socket(family, type, proto);

	need(fd >= 0);
	expect(1,
	       "'type':'socket','pid':%d,'ret':%d,'fd':%d,'family':%d,'sock_type':%d,"
	       "'proto':%d,'inode':%lu",
	       getpid(), fd, fd, family, type, proto, inode_of(fd));
	return fd;
}

static int listening(const char *address)
{
	int fd = socket_made(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in own = v4(address, 0);

	need(bind(fd, (struct sockaddr *)&own, sizeof(own)) == 0);
	need(listen(fd, 7) == 0);
	expect(1,
	       "'type':'bind','pid':%d,'fd':%d,'ret':0,'family':2,'sock_type':1,'proto':6,"
	       "'addr':'%s','port':%d,'inode':%lu",
	       getpid(), fd, address, port_of(fd, false), inode_of(fd));
	expect(1,
	       "'type':'listen','pid':%d,'fd':%d,'ret':0,'backlog':7,'addr':'%s','port':%d,"
	       "'family':2,'inode':%lu",
	       getpid(), fd, address, port_of(fd, false), inode_of(fd));
	return fd;
}

static void tcp(void)
{
	int server = listening("127.0.0.1"), a = socket_made(AF_INET, SOCK_STREAM, IPPROTO_TCP), b;
	struct sockaddr_in to = v4("127.0.0.1", port_of(server, false)), peer;
	unsigned port = ntohs(to.sin_port), own;
	socklen_t length = sizeof(peer);
	struct linger linger = { 1, 3 };
	char bytes[1000] = "request";
	int pid = getpid();
	unsigned long inode_a, inode_b;

	need(connect(a, (struct sockaddr *)&to, sizeof(to)) == 0);
	own = port_of(a, false);
	inode_a = inode_of(a);
	expect(1,
	       "'type':'connect','pid':%d,'fd':%d,'ret':0,'addr':'127.0.0.1','port':%d,"
	       "'laddr':'127.0.0.1','lport':%d,'family':2,'sock_type':1,'proto':6,'inode':%lu",
	       pid, a, port, own, inode_a);
	b = accept4(server, (struct sockaddr *)&peer, &length, SOCK_CLOEXEC);
	need(b >= 0);
	inode_b = inode_of(b);
	expect(1,
	       "'type':'accept','pid':%d,'ret':%d,'fd':%d,'listen_fd':%d,'addr':'127.0.0.1',"
	       "'port':%d,'laddr':'127.0.0.1','lport':%d,'family':2,'inode':%lu,"
	       "'syscall':'accept4'",
	       pid, b, b, server, own, port, inode_b);
	need(send(a, bytes, 700, MSG_NOSIGNAL) == 700);
	expect(1,
	       "'type':'send','pid':%d,'fd':%d,'ret':700,'count':700,'addr':'127.0.0.1',"
	       "'port':%d,'lport':%d,'flags':%d,'inode':%lu,'syscall':'sendto'",
	       pid, a, port, own, MSG_NOSIGNAL, inode_a);
	need(recv(b, bytes, sizeof(bytes), 0) == 700);
	expect(1,
	       "'type':'recv','pid':%d,'fd':%d,'ret':700,'addr':'127.0.0.1','port':%d,"
	       "'lport':%d,'syscall':'recvfrom'",
	       pid, b, own, port);
	need(write(b, bytes, 300) == 300 && read(a, bytes, sizeof(bytes)) == 300);
	expect(1, "'type':'write','pid':%d,'fd':%d,'ret':300,'inode':%lu", pid, b, inode_b);
	expect(1, "'type':'read','pid':%d,'fd':%d,'ret':300,'inode':%lu", pid, a, inode_a);
	need(shutdown(a, SHUT_WR) == 0);
	expect(1, "'type':'shutdown','pid':%d,'fd':%d,'how':'write','ret':0,'inode':%lu", pid, a,
	       inode_a);
	need(recv(b, bytes, sizeof(bytes), 0) == 0);
	setsockopt(b, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(b);
	close(a);
	usleep(100000);
	/* Totals need no tracking: the kernel keeps them, and tells them when the socket closes. */
	expect(1,
	       "'type':'flow','laddr':'127.0.0.1','lport':%d,'addr':'127.0.0.1','port':%d,"
	       "'sent_bytes':700,'received_bytes':300,'family':2",
	       own, port);
	expect(1, "'type':'flow','lport':%d,'port':%d,'sent_bytes':300,'received_bytes':700", port,
	       own);
}

static void refused(void)
{
	int server = listening("127.0.0.2"), fd = socket_made(AF_INET, SOCK_STREAM, 0);
	unsigned port = port_of(server, false);
	struct sockaddr_in to = v4("127.0.0.2", port);

	close(server);
	need(connect(fd, (struct sockaddr *)&to, sizeof(to)) == -1 && errno == ECONNREFUSED);
	expect(1,
	       "'type':'connect','pid':%d,'fd':%d,'errno':'ECONNREFUSED','addr':'127.0.0.2',"
	       "'port':%d",
	       getpid(), fd, port);
	/* Nobody answers there, and nobody waits for an answer. */
	fd = socket_made(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	to = v4("127.0.0.3", port);
	server = socket(AF_INET, SOCK_STREAM, 0);
	need(bind(server, (struct sockaddr *)&to, sizeof(to)) == 0 && listen(server, 1) == 0);
	need(connect(fd, (struct sockaddr *)&to, sizeof(to)) == -1 && errno == EINPROGRESS);
	expect(1,
	       "'type':'connect','pid':%d,'fd':%d,'errno':'EINPROGRESS','addr':'127.0.0.3',"
	       "'port':%d",
	       getpid(), fd, port);
	need(connect(777, (struct sockaddr *)&to, sizeof(to)) == -1);
	expect(1,
	       "'type':'connect','pid':%d,'fd':777,'errno':'EBADF','addr':'127.0.0.3','port':%d,"
	       "'inode':0",
	       getpid(), port);
	need(connect(open("/dev/null", O_RDONLY), (struct sockaddr *)&to, sizeof(to)) == -1);
	expect(1, "'type':'connect','pid':%d,'errno':'ENOTSOCK','addr':'127.0.0.3'", getpid());
	need(bind(fd, (struct sockaddr *)&to, 5) == -1);
	expect(1, "'type':'bind','pid':%d,'fd':%d,'errno':'EINVAL'", getpid(), fd);
	need(accept(server, NULL, NULL) >= 0);
	fcntl(server, F_SETFL, O_NONBLOCK);
	need(accept(server, NULL, NULL) == -1);
	expect(1, "'type':'accept','pid':%d,'listen_fd':%d,'errno':'EAGAIN','fd':null", getpid(),
	       server);
}

static void six(void)
{
	struct sockaddr_in6 own = { .sin6_family = AF_INET6, .sin6_addr = in6addr_loopback };
	struct sockaddr_in6 mapped = { .sin6_family = AF_INET6 };
	int server = socket(AF_INET6, SOCK_STREAM, 0), fd = socket(AF_INET6, SOCK_STREAM, 0);
	unsigned port;

	if (server < 0 || bind(server, (struct sockaddr *)&own, sizeof(own)) < 0) {
		case_skip("no IPv6 here");
		return;
	}
	need(listen(server, 1) == 0);
	port = port_of(server, false);
	expect(1, "'type':'bind','pid':%d,'fd':%d,'addr':'::1','port':%d,'family':10", getpid(),
	       server, port);
	own.sin6_port = htons((uint16_t)port);
	need(connect(fd, (struct sockaddr *)&own, sizeof(own)) == 0);
	expect(1,
	       "'type':'connect','pid':%d,'fd':%d,'addr':'::1','port':%d,'laddr':'::1',"
	       "'lport':%d,'family':10,'ret':0",
	       getpid(), fd, port, port_of(fd, false));
	/* The address of an IPv4 host in a socket of the other family is that host's. */
	server = listening("127.0.0.1");
	port = port_of(server, false);
	need(inet_pton(AF_INET6, "::ffff:127.0.0.1", &mapped.sin6_addr) == 1);
	mapped.sin6_port = htons((uint16_t)port);
	fd = socket(AF_INET6, SOCK_STREAM, 0);
	need(connect(fd, (struct sockaddr *)&mapped, sizeof(mapped)) == 0);
	expect(1,
	       "'type':'connect','pid':%d,'fd':%d,'addr':'127.0.0.1','port':%d,"
	       "'laddr':'127.0.0.1','family':10,'ret':0",
	       getpid(), fd, port);
}

static void udp(void)
{
	int a = socket_made(AF_INET, SOCK_DGRAM, 0), b = socket_made(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_in own = v4("127.0.0.1", 0), to, from;
	socklen_t length = sizeof(from);
	char bytes[500] = "datagram";
	struct iovec iov = { bytes, 100 };
	struct mmsghdr two[2] = { 0 };
	unsigned port, mine;
	int pid = getpid();

	need(bind(b, (struct sockaddr *)&own, sizeof(own)) == 0);
	port = port_of(b, false);
	to = v4("127.0.0.1", port);
	need(sendto(a, bytes, 50, 0, (struct sockaddr *)&to, sizeof(to)) == 50);
	mine = port_of(a, false);
	expect(1,
	       "'type':'send','pid':%d,'fd':%d,'ret':50,'count':50,'addr':'127.0.0.1','port':%d,"
	       "'lport':%d,'family':2,'sock_type':2,'proto':17",
	       pid, a, port, mine);
	need(recvfrom(b, bytes, sizeof(bytes), 0, (struct sockaddr *)&from, &length) == 50);
	expect(1, "'type':'recv','pid':%d,'fd':%d,'ret':50,'addr':'127.0.0.1','port':%d,'lport':%d",
	       pid, b, mine, port);
	for (int i = 0; i < 2; i++) {
		two[i].msg_hdr.msg_name = &to;
		two[i].msg_hdr.msg_namelen = sizeof(to);
		two[i].msg_hdr.msg_iov = &iov;
		two[i].msg_hdr.msg_iovlen = 1;
	}
	need(sendmsg(a, &two[0].msg_hdr, 0) == 100);
	expect(1,
	       "'type':'send','pid':%d,'fd':%d,'ret':100,'count':100,'addr':'127.0.0.1',"
	       "'port':%d,'syscall':'sendmsg'",
	       pid, a, port);
	need(sendmmsg(a, two, 2, 0) == 2);
	expect(1,
	       "'type':'send','pid':%d,'fd':%d,'ret':2,'messages':2,'addr':'127.0.0.1','port':%d,"
	       "'syscall':'sendmmsg'",
	       pid, a, port);
	need(recvmsg(b, &two[0].msg_hdr, 0) == 100);
	expect(1,
	       "'type':'recv','pid':%d,'fd':%d,'ret':100,'addr':'127.0.0.1','port':%d,"
	       "'syscall':'recvmsg'",
	       pid, b, mine);
	need(recvmmsg(b, two, 2, 0, NULL) == 2);
	expect(1, "'type':'recv','pid':%d,'fd':%d,'ret':2,'messages':2,'syscall':'recvmmsg'", pid,
	       b);
	to = v4("127.0.0.1", port);
	/* A datagram socket that is connected says its peer although no call names it. */
	need(connect(a, (struct sockaddr *)&to, sizeof(to)) == 0 && send(a, bytes, 9, 0) == 9);
	expect(1, "'type':'send','pid':%d,'fd':%d,'ret':9,'addr':'127.0.0.1','port':%d", pid, a,
	       port);
	need(recv(b, bytes, sizeof(bytes), 0) == 9);
	need(recv(b, bytes, sizeof(bytes), MSG_DONTWAIT) == -1);
	expect(1, "'type':'recv','pid':%d,'fd':%d,'errno':'EAGAIN','flags':%d", pid, b,
	       MSG_DONTWAIT);
}

static void local(void)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX, .sun_path = "socket" };
	struct sockaddr_un hidden = { .sun_family = AF_UNIX, .sun_path = "\0reel trap" };
	socklen_t hidden_length = offsetof(struct sockaddr_un, sun_path) + 10;
	int a = socket_made(AF_UNIX, SOCK_STREAM, 0), b = socket(AF_UNIX, SOCK_STREAM, 0);
	int pid = getpid(), c;

	need(bind(a, (struct sockaddr *)&name, sizeof(name)) == 0 && listen(a, 3) == 0);
	expect(1, "'type':'bind','pid':%d,'fd':%d,'ret':0,'family':1,'unix_path~':'(%s/)?socket'",
	       pid, a, case_dir);
	expect(1,
	       "'type':'listen','pid':%d,'fd':%d,'ret':0,'backlog':3,'unix_path~':'(%s/)?socket'",
	       pid, a, case_dir);
	need(connect(b, (struct sockaddr *)&name, sizeof(name)) == 0);
	expect(1,
	       "'type':'connect','pid':%d,'fd':%d,'ret':0,'family':1,'unix_path~':'(%s/)?socket'",
	       pid, b, case_dir);
	c = accept(a, NULL, NULL);
	need(c >= 0);
	expect(1, "'type':'accept','pid':%d,'ret':%d,'listen_fd':%d,'family':1", pid, c, a);
	need(bind(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&name, sizeof(name)) == -1);
	expect(1, "'type':'bind','pid':%d,'errno':'EADDRINUSE','unix_path~':'(%s/)?socket'", pid,
	       case_dir);
	/* A name that is no path begins with a NUL. */
	a = socket(AF_UNIX, SOCK_DGRAM, 0);
	need(bind(a, (struct sockaddr *)&hidden, hidden_length) == 0);
	expect(1, "'type':'bind','pid':%d,'fd':%d,'unix_path':'\\u0000reel trap','ret':0", pid, a);
	b = socket(AF_UNIX, SOCK_DGRAM, 0);
	need(sendto(b, "x", 1, 0, (struct sockaddr *)&hidden, hidden_length) == 1);
	expect(1, "'type':'send','pid':%d,'fd':%d,'ret':1,'unix_path':'\\u0000reel trap'", pid, b);
}

static void netlink(void)
{
	struct sockaddr_nl own = { .nl_family = AF_NETLINK };
	int fd = socket_made(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);

	need(bind(fd, (struct sockaddr *)&own, sizeof(own)) == 0);
	expect(1, "'type':'bind','pid':%d,'fd':%d,'family':%d,'ret':0,'proto':%d", getpid(), fd,
	       AF_NETLINK, NETLINK_ROUTE);
	need(socket(AF_INET, SOCK_STREAM, 99) == -1);
	expect(1,
	       "'type':'socket','pid':%d,'family':2,'proto':99,'errno':'EPROTONOSUPPORT','fd':-1",
	       getpid());
}

/* A question and its answer, by each way in which programs send one. */
static void dns(void)
{
	static const unsigned char question[] = "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"
						"\x04reel\x04test\x00\x00\x01\x00\x01";
	size_t length = sizeof(question) - 1;
	int server = socket(AF_INET, SOCK_DGRAM, 0), fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_in to = v4("127.0.0.99", 53), from;
	struct iovec iov[2] = { { (void *)(uintptr_t)question, 10 },
				{ (void *)(uintptr_t)(question + 10), length - 10 } };
	struct msghdr message = { .msg_iov = iov, .msg_iovlen = 2 };
	socklen_t from_length = sizeof(from);
	char bytes[512];
	int pid = getpid();

	if (bind(server, (struct sockaddr *)&to, sizeof(to)) < 0) {
		case_skip("no port 53: %s", strerror(errno));
		return;
	}
	need(connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0);
	need(send(fd, question, length, 0) == (ssize_t)length);
	need(recvfrom(server, bytes, sizeof(bytes), 0, (struct sockaddr *)&from, &from_length) ==
	     (ssize_t)length);
	need(sendto(server, question, length, 0, (struct sockaddr *)&from, from_length) ==
	     (ssize_t)length);
	need(read(fd, bytes, sizeof(bytes)) == (ssize_t)length);
	need(writev(fd, iov, 2) == (ssize_t)length);
	need(recv(server, bytes, sizeof(bytes), 0) == (ssize_t)length);
	need(sendmsg(fd, &message, 0) == (ssize_t)length);
	need(write(fd, question, length) == (ssize_t)length);
	expect(4,
	       "'type':'dns','pid':%d,'fd':%d,'direction':'sent','addr':'127.0.0.99','port':53,"
	       "'proto':17",
	       pid, fd);
	expect(1,
	       "'type':'dns','pid':%d,'fd':%d,'direction':'received','addr':'127.0.0.99','port':53",
	       pid, fd);
	expect(1, "'type':'dns','pid':%d,'fd':%d,'direction':'sent','lport':53", pid, server);
	expect(2, "'type':'dns','pid':%d,'fd':%d,'direction':'received','lport':53", pid, server);
	/* Every one has all of it; what is text in it can be read. */
	expect(8, "'type':'dns','pid':%d,'payload~':'.*reel.test.*'", pid);
	expect(8, "'type':'dns','pid':%d", pid);
}

static void files(void)
{
	int fds[2], in, out;
	loff_t from = 0;

	file_write("in", "0123456789abcdef", 0600);
	in = open("in", O_RDONLY);
	out = open("out", O_RDWR | O_CREAT, 0600);
	need(pipe(fds) == 0);
	need(sendfile(out, in, NULL, 10) == 10);
	expect(1,
	       "'type':'copy','pid':%d,'syscall':'sendfile','fd':%d,'to_fd':%d,'ret':10,"
	       "'count':10,%s",
	       getpid(), in, out, file_id(in));
	need(splice(in, &from, fds[1], NULL, 5, 0) == 5);
	expect(1, "'type':'copy','pid':%d,'syscall':'splice','fd':%d,'to_fd':%d,'ret':5,%s",
	       getpid(), in, fds[1], file_id(in));
	from = 0;
	need(copy_file_range(in, &from, out, NULL, 7, 0) == 7);
	expect(1, "'type':'copy','pid':%d,'syscall':'copy_file_range','fd':%d,'to_fd':%d,'ret':7",
	       getpid(), in, out);
	need(sendfile(-1, in, NULL, 10) == -1);
	expect(1, "'type':'copy','pid':%d,'syscall':'sendfile','fd':%d,'to_fd':-1,'errno':'EBADF'",
	       getpid(), in);
}

/* The first bytes of what is read and written: with --content 64. */
static void content(void)
{
	struct iovec parts[2] = { { (char[]){ "one " }, 4 }, { (char[]){ "two" }, 3 } };
	char long_text[200], back[200];
	int fd = open("file", O_RDWR | O_CREAT, 0600);

	memset(long_text, 'z', sizeof(long_text));
	need(write(fd, "short", 5) == 5);
	expect(1, "'type':'write','pid':%d,'fd':%d,'ret':5,'content':'short','path':'%s/file'",
	       getpid(), fd, case_dir);
	need(writev(fd, parts, 2) == 7);
	expect(1, "'type':'write','pid':%d,'fd':%d,'ret':7,'content':'one two','syscall':'writev'",
	       getpid(), fd);
	need(write(fd, long_text, 200) == 200);
	expect(1, "'type':'write','pid':%d,'fd':%d,'ret':200,'content~':'z{64}'", getpid(), fd);
	need(pread(fd, back, 5, 0) == 5);
	expect(1, "'type':'read','pid':%d,'fd':%d,'ret':5,'syscall':'pread64'", getpid(), fd);
}

static const struct trap traps[] = {
	{ "tcp", tcp }, { "refused", refused }, { "ipv6", six },
	{ "udp", udp }, { "unix", local },	{ "netlink", netlink },
	{ "dns", dns }, { "files", files },	{ "content", content },
};

TRAPS_MAIN(traps)
