/* SPDX-License-Identifier: BSD-2-Clause */
/* What a keyframe says of the host: of namespaces, files and cgroups that the test has made. */
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <linux/magic.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/vfs.h>

#include "record/host_impl.h"
#include "tests/unit/record_proc.h"

static struct kept look_at_host(pid_t pid, uint32_t parts)
{
	struct only who = { { pid } };
	struct host_options o = { .wants = is_one_of, .wants_arg = &who, .parts = parts };
	struct kept k = { 0 };
	struct record_sink sink = { keep, &k };

	CHECK_EQ(host_keyframe(&o, &sink, &k.totals, NULL), 0);
	CHECK_EQ(k.totals.records, k.n);
	for (size_t i = 0; i < k.n; i++)
		CHECK(k.items[i]->h.flags & EV_KEYFRAME && k.items[i]->h.ts && !k.items[i]->h.pid);
	return k;
}

static uint64_t space_of(const char *name)
{
	char path[32];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/self/ns/%s", name);
	return stat(path, &st) < 0 ? 0 : st.st_ino;
}

static int leave(int spaces)
{
	return unshare(spaces) == 0 ? 0 : unshare(CLONE_NEWUSER | spaces);
}

/* Mounts ------------------------------------------------------------------------------------- */

#define ODD "a b\t\n\\134#c"

static void have_mounts(struct shared *s, int ready)
{
	struct stat st;

	(void)ready;
	must(s, leave(CLONE_NEWNS));
	must(s, mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	must(s, mkdir(ODD, 0755));
	must(s, mount("so urce", ODD, "tmpfs", MS_NOSUID | MS_NOEXEC, "size=64k"));
	must(s, stat(ODD, &st));
	s->number[0] = space_of("mnt");
	s->number[1] = dev_of(&st);
	must(s, mkdir(ODD "/sub", 0755));
	must(s, mkdir("bound", 0755));
	must(s, mount(ODD "/sub", "bound", NULL, MS_BIND, NULL));
	must(s, mount(NULL, "bound", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL));
}

/* One that sees the same mounts, but not all of them, with a lower pid. */
static void chroot_into(struct shared *s, const char *root)
{
	char path[64];
	int fd;

	while (!s->number[10])
		usleep(1000);
	snprintf(path, sizeof(path), "/proc/%d/ns/mnt", (int)s->number[10]);
	fd = open(path, O_RDONLY);
	must(s, setns(fd, CLONE_NEWNS));
	must(s, chroot(root));
	close(fd);
}

static const struct item *mount_of(const struct kept *k, uint64_t space, const char *path)
{
	for (size_t i = 0; i < k->n; i++) {
		struct bytes b;

		if (k->items[i]->h.type != EV_mounted ||
		    ((struct ev_mounted *)k->items[i]->payload)->mnt_ns != space)
			continue;
		b = string_of(k->items[i], "path");
		if (b.length == strlen(path) && memcmp(b.at, path, b.length) == 0)
			return k->items[i];
	}
	return NULL;
}

static size_t lines_of(const char *path)
{
	FILE *f = fopen(path, "r");
	size_t n = 0;
	int c;

	while (f && (c = getc(f)) != EOF)
		n += c == '\n';
	if (f)
		fclose(f);
	return n;
}

static void check_mounts(const struct kept *k, const struct shared *s, const char *scratch)
{
	const struct ev_mounted *e, *bound;
	const struct item *item;
	struct bytes data;
	char path[5000];

	snprintf(path, sizeof(path), "%s/" ODD, scratch);
	item = mount_of(k, s->number[0], path);
	if (!item) {
		T_FAIL("no mount %s", path);
		return;
	}
	e = (const void *)item->payload;
	CHECK_EQ(e->dev, s->number[1]);
	CHECK_STRING(item, "root", "/");
	CHECK_STRING(item, "fstype", "tmpfs");
	CHECK_STRING(item, "source", "so urce");
	data = string_of(item, "data");
	CHECK(data.length > 3 && memcmp(data.at, "rw,", 3) == 0);
	CHECK(memmem(data.at, data.length, ",nosuid", 7) &&
	      memmem(data.at, data.length, ",noexec", 7));
	CHECK(memmem(data.at, data.length, ",size=64k", 9));
	CHECK(!memmem(data.at, data.length, ",rw", 3));

	snprintf(path, sizeof(path), "%s/bound", scratch);
	item = mount_of(k, s->number[0], path);
	if (!item) {
		T_FAIL("no mount %s", path);
		return;
	}
	bound = (const void *)item->payload;
	CHECK_STRING(item, "root", "/sub");
	CHECK_EQ(bound->dev, e->dev);
	CHECK_EQ(bound->parent_id, e->parent_id);
	CHECK(bound->mount_id != e->mount_id);
	/* Of the two it is the mount that is read-only. */
	CHECK(memcmp(string_of(item, "data").at, "ro,", 3) == 0);
}

TEST(mounts_of_each_namespace)
{
	struct shared *s = share();
	char scratch[2000], path[64];
	bool made;
	struct kept k;
	pid_t pid;

	enter_scratch(scratch, sizeof(scratch));
	pid = start(have_mounts, s);
	made = s->failed == -1;
	if (made) {
		size_t own = lines_of("/proc/self/mountinfo");

		k = look_at_host(pid, HOST_MOUNTS);
		snprintf(path, sizeof(path), "/proc/%d/mountinfo", pid);
		CHECK_EQ(count(&k, EV_mounted, 0), own + lines_of(path));
		CHECK(mount_of(&k, space_of("mnt"), "/"));
		check_mounts(&k, s, scratch);
		forget(&k);
	}
	reap(pid);
	leave_scratch(scratch);
	munmap(s, sizeof(*s));
	if (!made)
		SKIP("no mount namespace can be made here");
}

TEST(mounts_where_the_first_process_is_chrooted)
{
	struct shared *s, *t;
	char scratch[2000];
	struct only who;
	struct host_options o = { .wants = is_one_of, .wants_arg = &who, .parts = HOST_MOUNTS };
	struct kept k = { 0 };
	struct record_sink sink = { keep, &k };
	pid_t inner, outer;

	if (geteuid() != 0)
		SKIP("not root: a mount namespace cannot be entered");
	s = share();
	t = share();
	enter_scratch(scratch, sizeof(scratch));
	/* The one that waits to be chrooted comes first. */
	inner = fork();
	if (inner == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		chroot_into(t, scratch);
		t->number[11] = 1;
		sleep_forever();
	}
	outer = start(have_mounts, s);
	t->number[10] = (uint64_t)outer;
	for (unsigned i = 0; i < 5000 && !t->number[11]; i++)
		usleep(1000);
	CHECK_EQ(s->failed, -1);
	CHECK_EQ(t->failed, 0);
	who = (struct only){ { inner, outer } };
	CHECK_EQ(host_keyframe(&o, &sink, &k.totals, NULL), 0);
	check_mounts(&k, s, scratch);
	forget(&k);
	/* Alone it is better than nothing. */
	who = (struct only){ { inner } };
	CHECK_EQ(host_keyframe(&o, &sink, &k.totals, NULL), 0);
	CHECK(mount_of(&k, s->number[0], "/" ODD));
	forget(&k);
	reap(inner);
	reap(outer);
	leave_scratch(scratch);
	munmap(s, sizeof(*s));
	munmap(t, sizeof(*t));
}

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

static void have_network(struct shared *s, int ready)
{
	const struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(4001) };
	struct sockaddr_in there = { .sin_family = AF_INET, .sin_port = htons(4001) };
	struct sockaddr_in here = there, closed = there;
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fds[SOCKS], pair[2];

	(void)ready;
	must(s, leave(CLONE_NEWNET));
	s->number[20] = space_of("net");
	there.sin_addr.s_addr = closed.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	here.sin_addr.s_addr = inet_addr("127.1.2.3");
	here.sin_port = htons(5001);
	must(s, ioctl(socket(AF_INET, SOCK_DGRAM, 0), SIOCSIFFLAGS, &lo));
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
	unsigned seen = 0;

	for (size_t i = 0; i < k->n; i++) {
		const struct ev_netif *e = (const void *)k->items[i]->payload;
		bool v4;

		if (k->items[i]->h.type != EV_netif || e->net_ns != space)
			continue;
		/* Some kernels give each namespace tunnels, which have no address. */
		if (string_of(k->items[i], "name").length != 2)
			continue;
		v4 = e->addr.byte[10] == 0xff;
		check_address(&e->addr, v4 ? "::ffff:127.0.0.1" : "::1");
		CHECK_EQ(e->prefix, v4 ? 8 : 128);
		CHECK_EQ(e->index, 1);
		CHECK_STRING(k->items[i], "name", "lo");
		CHECK_BYTES(k->items[i], "mac", "\0\0\0\0\0\0", 6);
		seen |= v4 ? 1 : 2;
	}
	CHECK_EQ(seen, 3);
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
		for (unsigned i = 0; i < SOCKS; i++) {
			const struct item *item = sock_of(&k, s->number[i], s->number[20]);

			REQUIRE(item);
			check_sock(item, &wants[i]);
			CHECK_EQ(((const struct ev_sock *)item->payload)->owner, geteuid());
			CHECK_EQ(item->h.flags, EV_KEYFRAME);
		}
		check_time_wait(&k, s->number[20]);
		check_loopback(&k, s->number[20]);
		CHECK_EQ(k.totals.left_out, 0);
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

/* Accounts ----------------------------------------------------------------------------------- */

static void write_file(const char *path, const char *text, unsigned extra)
{
	FILE *f = fopen(path, "w");

	if (!f)
		abort();
	fputs(text, f);
	for (unsigned i = 0; i < extra; i++)
		fprintf(f, "u%u:x:%u:7::/:\n", i, i);
	fclose(f);
}

static void long_line(const char *path)
{
	FILE *f = fopen(path, "a");

	if (!f)
		abort();
	fprintf(f, "huge:x:9:");
	for (unsigned i = 0; i < 300000; i++)
		putc('m', f);
	fprintf(f, "\nlast:x:10:");
	fclose(f);
}

/* With files of its own over those of the host. Checks here, since nobody else sees them. */
static void have_accounts(struct shared *s, int ready)
{
	const struct ev_account *e;
	struct kept k;

	(void)ready;
	write_file("passwd",
		   "root:x:0:0:root:/root:/bin/sh\n# comment\n\n+nis\nbad:x:y:0::/:/\n"
		   "short:x:1\nna\xffme:x:4000000000:5:a,b:/ho me:\n",
		   70000);
	write_file("group", "wheel:x:3:root,a\n-x\nbad:x\n", 0);
	long_line("group");
	must(s, leave(CLONE_NEWNS));
	must(s, mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	must(s, mount("passwd", "/etc/passwd", NULL, MS_BIND, NULL));
	must(s, mount("group", "/etc/group", NULL, MS_BIND, NULL));
	if (s->failed)
		return;
	k = look_at_host(0, HOST_ACCOUNTS);
	s->number[1] = k.n;
	s->number[2] = k.totals.left_out;
	if (k.n > 65536) {
		CHECK_STRING(k.items[0], "name", "root");
		CHECK_STRING(k.items[0], "home", "/root");
		CHECK_STRING(k.items[0], "shell", "/bin/sh");
		CHECK_STRING(k.items[1], "name", "na\xffme");
		CHECK_STRING(k.items[1], "home", "/ho me");
		CHECK_STRING(k.items[1], "shell", "");
		e = (const void *)k.items[1]->payload;
		CHECK_EQ(e->account_id, 4000000000);
		CHECK_EQ(e->gid, 5);
		CHECK_EQ(e->kind, 0);
		CHECK_STRING(k.items[k.n - 2], "name", "wheel");
		CHECK_STRING(k.items[k.n - 2], "home", "");
		e = (const void *)k.items[k.n - 2]->payload;
		CHECK_EQ(e->account_id, 3);
		CHECK_EQ(e->gid, 3);
		CHECK_EQ(e->kind, 1);
		CHECK_STRING(k.items[k.n - 1], "name", "last");
	}
	s->number[0] = t_state.failed;
	forget(&k);
}

TEST(accounts)
{
	struct shared *s = share();
	char scratch[4096];
	struct kept k = look_at_host(0, HOST_ACCOUNTS);
	bool made;
	pid_t pid;

	CHECK(k.n > 0 || access("/etc/passwd", R_OK) < 0);
	forget(&k);
	enter_scratch(scratch, sizeof(scratch));
	pid = start(have_accounts, s);
	made = s->failed == -1;
	if (made) {
		CHECK_EQ(s->number[0], 0);
		/* Of 65,536 lines in passwd 5 are no users. */
		CHECK_EQ(s->number[1], 65536 - 5 + 2);
		/* Two bad users, what is over the limit, a bad group, one that is too long. */
		CHECK_EQ(s->number[2], 5);
	}
	reap(pid);
	leave_scratch(scratch);
	munmap(s, sizeof(*s));
	if (!made)
		SKIP("nothing can be mounted here");
}

/* Cgroups ------------------------------------------------------------------------------------- */

static bool enter_cgroup(const char *path, pid_t pid)
{
	char file[400], text[20];
	int fd, n = snprintf(text, sizeof(text), "%d", pid);
	bool entered;

	snprintf(file, sizeof(file), "%s/cgroup.procs", path);
	fd = open(file, O_WRONLY);
	entered = fd >= 0 && write(fd, text, (size_t)n) == n;
	if (fd >= 0)
		close(fd);
	return entered;
}

static void be_plain(struct shared *s, int ready)
{
	(void)s;
	(void)ready;
}

static void check_cgroup(pid_t pid, const char *mount, const char *path, bool is_v2)
{
	struct kept k = look_at_host(0, HOST_CGROUPS), p = look(pid, PROC_PROCESSES);
	const char *want = path + strlen(mount);
	const struct item *item = NULL;
	const struct ev_cgroup *e;
	struct stat st;
	bool root = false;

	CHECK_EQ(stat(path, &st), 0);
	for (size_t i = 0; i < k.n; i++) {
		struct bytes b = string_of(k.items[i], "path");

		e = (const void *)k.items[i]->payload;
		root |= b.length == 1 && !e->hierarchy == is_v2;
		/* Ids are those of a hierarchy: another one may have the same. */
		if (b.length == strlen(want) && !memcmp(b.at, want, b.length))
			item = k.items[i];
	}
	CHECK(root);
	CHECK(item);
	if (item) {
		e = (const void *)item->payload;
		CHECK_EQ(e->cgroup, st.st_ino);
		CHECK_EQ(!e->hierarchy, is_v2);
		CHECK_EQ(e->change, 0);
	}
	item = nth(&p, EV_process, pid, 0);
	CHECK(item);
	if (item)
		CHECK_EQ(((const struct ev_process *)item->payload)->cgroup, st.st_ino);
	forget(&k);
	forget(&p);
}

TEST(cgroups)
{
	static const char *const mounts[] = { "/sys/fs/cgroup/unified", "/sys/fs/cgroup",
					      "/sys/fs/cgroup/pids" };
	unsigned n = 0;

	for (unsigned i = 0; i < 3; i++) {
		char outer[300], inner[320];
		struct statfs fs;
		struct shared *s;
		bool is_v2;
		pid_t pid;

		if (statfs(mounts[i], &fs) < 0)
			continue;
		is_v2 = fs.f_type == CGROUP2_SUPER_MAGIC;
		if (!is_v2 && fs.f_type != CGROUP_SUPER_MAGIC)
			continue;
		snprintf(outer, sizeof(outer), "%s/reel test %d \xff", mounts[i], getpid());
		snprintf(inner, sizeof(inner), "%s/in", outer);
		if (mkdir(outer, 0755) < 0)
			continue;
		s = share();
		pid = start(be_plain, s);
		if (mkdir(inner, 0755) == 0 && enter_cgroup(inner, pid)) {
			check_cgroup(pid, mounts[i], inner, is_v2);
			n++;
		}
		reap(pid);
		rmdir(inner);
		CHECK_EQ(rmdir(outer), 0);
		munmap(s, sizeof(*s));
	}
	if (!n)
		SKIP("no cgroup can be made here");
}
