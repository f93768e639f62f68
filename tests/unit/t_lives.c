/* SPDX-License-Identifier: BSD-2-Clause */
/* What processes have open: descriptors, sockets, mounts, and when each of them ends. */
#include <fcntl.h>
#include <sched.h>

#include "replay/lives.h"
#include "tests/unit/model.h"

static struct {
	struct lives *l;
	struct life_files *files;
	/* What was told last. */
	int32_t fd;
	uint64_t from_ts, to_ts, bytes;
	unsigned fds, connections, mounts;
} t_l;

static int on_fd(void *context, struct life *of, struct life_fd *fd)
{
	(void)context;
	(void)of;
	t_l.fd = fd->fd;
	t_l.from_ts = fd->from_ts;
	t_l.to_ts = fd->to_ts;
	t_l.bytes = fd->read_bytes;
	t_l.fds++;
	return 0;
}

static int on_connection(void *context, struct life_connection *c)
{
	(void)context;
	t_l.connections++;
	t_l.bytes = c->received_bytes;
	t_l.to_ts = c->to_ts;
	return 0;
}

/* Each tells the other by its address. */
static int on_connected(void *context, struct life *of, struct life_connection *c,
			struct life_connection *peer)
{
	(void)context;
	(void)of;
	if (peer) {
		c->peer_row = (int64_t)(uintptr_t)peer;
		peer->peer_row = (int64_t)(uintptr_t)c;
	}
	return 0;
}

static int on_mount(void *context, struct life_mount *m)
{
	(void)context;
	t_l.mounts++;
	t_l.to_ts = m->to_ts;
	return 0;
}

static void begin(void)
{
	struct lives_tell tell = { .fd = on_fd,
				   .connected = on_connected,
				   .connection = on_connection,
				   .mount = on_mount };

	t_begin();
	memset(&t_l, 0, sizeof(t_l));
	if (life_files_new(&tell, &t_l.files, NULL) < 0 ||
	    lives_new(t_m.m, t_l.files, 1, &tell, &t_l.l, NULL) < 0)
		abort();
}

static void end(void)
{
	CHECK_EQ(lives_end(t_l.l), 0);
	lives_free(t_l.l);
	life_files_free(t_l.files);
	t_end();
}

/* The event that was made. */
static void tell(void)
{
	struct model_change change = { 0 };
	struct model_process *by;

	t_view();
	if (t_m.ev.type->stream == TAPE_STATE) {
		CHECK_EQ(model_event(t_m.m, &t_m.ev, &change, NULL), 0);
		by = change.process;
	} else {
		by = model_find(t_m.m, t_m.ev.pid);
	}
	CHECK_EQ(lives_event(t_l.l, &t_m.ev, &change, by), 0);
	do {
		if (change.ended_process)
			CHECK_EQ(lives_ended(t_l.l, change.ended_process, t_m.ev.ts), 0);
	} while (model_more(t_m.m, &change));
}

static void forked(uint32_t pid, uint32_t child)
{
	struct ev_fork *e = t_make(EV_fork, pid);

	e->child = e->vpid = child;
	e->child_start = t_m.now;
	tell();
}

static void executed(uint32_t pid)
{
	(void)t_make(EV_exec, pid);
	t_strings("x", "/x", "", "/x", NULL);
	tell();
}

static void opened(uint32_t pid, int fd, const char *path, uint64_t inode, uint32_t flags)
{
	struct ev_open *e;

	t_m.ret = fd;
	e = t_make(EV_open, pid);
	e->inode = inode;
	e->dev = 7;
	e->flags = flags;
	e->path_from = 2;
	t_strings(path, NULL);
	tell();
}

static void closed(uint32_t pid, int fd)
{
	struct ev_close *e = t_make(EV_close, pid);

	e->fd = fd;
	tell();
}

static void copied(uint32_t pid, int fd, int to, uint32_t flags)
{
	struct ev_dup *e;

	t_m.ret = to;
	e = t_make(EV_dup, pid);
	e->fd = fd;
	e->flags = flags;
	tell();
}

static void edge(unsigned which)
{
	struct ev_keyframe *e = t_make(EV_keyframe, 0);

	e->edge = (uint8_t)which;
	e->complete = which == 1;
	tell();
}

static void told_process(uint32_t pid)
{
	struct ev_process *e = t_make_process(pid, 1);

	e->mnt_ns = 5;
	t_strings("comm", "/exe", NULL);
	tell();
}

static void told_fd(uint32_t pid, int fd, const char *path, uint64_t inode)
{
	struct ev_fd *e;

	t_m.flags |= EV_KEYFRAME;
	e = t_make(EV_fd, pid);
	e->fd = fd;
	e->inode = inode;
	e->dev = 7;
	t_strings(path, NULL);
	tell();
}

/* What a descriptor shows; NULL: it is not open. */
static const char *shows(uint32_t pid, int fd)
{
	struct life_fd *f = lives_fd(lives_of(model_find(t_m.m, pid)), fd);

	return f ? (const char *)f->file->path : NULL;
}

static bool certain(uint32_t pid, int fd)
{
	return lives_fd_is_certain(t_l.l, lives_fd(lives_of(model_find(t_m.m, pid)), fd));
}

TEST(a_descriptor_lives_from_open_to_close)
{
	uint64_t from;

	begin();
	executed(10);
	opened(10, 3, "/a", 1, 0);
	from = t_m.now;
	CHECK_STR(shows(10, 3), "/a");
	CHECK(certain(10, 3));
	closed(10, 3);
	CHECK(!shows(10, 3));
	CHECK_EQ(t_l.fds, 1);
	CHECK_EQ(t_l.from_ts, from);
	CHECK_EQ(t_l.to_ts, t_m.now);
	/* An open over it says that a close was missed. */
	opened(10, 3, "/b", 2, 0);
	opened(10, 3, "/c", 3, 0);
	CHECK_EQ(t_l.fds, 2);
	CHECK_STR(shows(10, 3), "/c");
	/* A close of what another thread has got meanwhile. */
	t_m.flags = EV_RACED;
	closed(10, 3);
	CHECK_STR(shows(10, 3), "/c");
	t_m.ret = -9;
	closed(10, 3);
	CHECK_STR(shows(10, 3), "/c");
	end();
}

TEST(a_child_has_what_its_parent_has)
{
	begin();
	executed(10);
	opened(10, 3, "/a", 1, 0);
	opened(10, 4, "/b", 2, O_CLOEXEC);
	forked(10, 11);
	CHECK_STR(shows(11, 3), "/a");
	CHECK_STR(shows(11, 4), "/b");
	closed(10, 3);
	CHECK_STR(shows(11, 3), "/a");
	executed(11);
	CHECK_STR(shows(11, 3), "/a");
	CHECK(!shows(11, 4));
	CHECK_STR(shows(10, 4), "/b");
	/* It may have been marked since it was opened. */
	CHECK(!certain(11, 3));
	t_make(EV_exit, 11);
	tell();
	CHECK(!shows(11, 3));
	end();
}

TEST(copies_show_the_same)
{
	begin();
	executed(10);
	opened(10, 3, "/a", 1, O_CLOEXEC);
	opened(10, 4, "/b", 2, 0);
	copied(10, 3, 4, 0);
	CHECK_STR(shows(10, 4), "/a");
	CHECK_EQ(t_l.fd, 4);
	copied(10, 3, 3, 0);
	CHECK_STR(shows(10, 3), "/a");
	executed(10);
	CHECK(!shows(10, 3));
	CHECK_STR(shows(10, 4), "/a");
	end();
}

TEST(a_range_is_closed_or_marked)
{
	struct ev_close_range *e;

	begin();
	executed(10);
	for (int fd = 3; fd < 9; fd++)
		opened(10, fd, "/a", 1, 0);
	e = t_make(EV_close_range, 10);
	e->first_fd = 5;
	e->last_fd = 6;
	tell();
	CHECK(shows(10, 4) && !shows(10, 5) && !shows(10, 6) && shows(10, 7));
	e = t_make(EV_close_range, 10);
	e->first_fd = 7;
	e->last_fd = UINT32_MAX;
	e->flags = 4;
	tell();
	CHECK(shows(10, 7) && shows(10, 8));
	executed(10);
	CHECK(shows(10, 4) && !shows(10, 7) && !shows(10, 8));
	end();
}

TEST(totals_come_behind_an_exec)
{
	struct ev_fold *e;

	begin();
	executed(10);
	opened(10, 3, "/a", 1, O_CLOEXEC);
	executed(10);
	CHECK_EQ(t_l.fds, 0);
	e = t_make(EV_fold, 10);
	e->fd = 3;
	e->inode = 1;
	e->dev = 7;
	e->read_bytes = 77;
	e->reads = 2;
	tell();
	CHECK(!shows(10, 3));
	opened(10, 3, "/b", 2, 0);
	CHECK_EQ(t_l.fds, 1);
	CHECK_EQ(t_l.bytes, 77);
	end();
}

TEST(a_keyframe_says_what_is_open)
{
	uint64_t from;

	begin();
	edge(0);
	told_process(10);
	told_fd(10, 0, "/dev/null", 9);
	edge(1);
	CHECK_STR(shows(10, 0), "/dev/null");
	opened(10, 3, "/a", 1, 0);
	opened(10, 4, "/b", 2, 0);
	t_m.now += 10;
	edge(0);
	from = t_m.now;
	told_process(10);
	told_fd(10, 0, "/dev/null", 9);
	told_fd(10, 4, "/other", 5);
	opened(10, 5, "/late", 6, 0);
	edge(1);
	CHECK(!shows(10, 3));
	CHECK_STR(shows(10, 0), "/dev/null");
	CHECK_STR(shows(10, 4), "/other");
	CHECK_STR(shows(10, 5), "/late");
	CHECK_EQ(t_l.fd, 3);
	CHECK_EQ(t_l.to_ts, from);
	end();
}

TEST(a_loss_makes_uncertain_until_it_is_told)
{
	struct ev_lost *lost;
	struct ev_read *e;

	begin();
	executed(10);
	opened(10, 3, "/a", 1, 0);
	lost = t_make(EV_lost, 0);
	lost->first = lost->last = t_m.now;
	lost->lost_class = EV_CLASS_file;
	tell();
	CHECK(!certain(10, 3));
	t_m.ret = 5;
	e = t_make(EV_read, 10);
	e->fd = 3;
	e->inode = 1;
	e->dev = 7;
	tell();
	CHECK(certain(10, 3));
	/* What is read from is not what was known: a close and an open were lost. */
	t_m.ret = 5;
	e = t_make(EV_read, 10);
	e->fd = 3;
	e->inode = 8;
	e->dev = 7;
	t_strings("/new", NULL);
	tell();
	CHECK_STR(shows(10, 3), "/new");
	end();
}

static void loopback(unsigned type, uint32_t pid, int fd, uint64_t inode, uint16_t port,
		     uint16_t lport)
{
	struct ev_connect *e;

	t_m.ret = type == EV_accept ? fd : 0;
	e = t_make(type, pid);
	e->addr.byte[15] = e->laddr.byte[15] = 1;
	e->port = port;
	e->lport = lport;
	e->family = 2;
	e->proto = 6;
	e->inode = inode;
	if (type == EV_connect)
		e->fd = fd;
	t_strings("", NULL);
	tell();
}

TEST(a_connection_lives_as_long_as_its_socket)
{
	struct ev_socket *s;
	struct ev_flow *f;

	begin();
	executed(10);
	t_m.ret = 3;
	s = t_make(EV_socket, 10);
	s->fd = 3;
	s->fd2 = -1;
	s->inode = 100;
	s->family = 2;
	tell();
	loopback(EV_connect, 10, 3, 100, 80, 5000);
	CHECK(lives_connection(lives_socket(t_l.l, 100)));
	CHECK_EQ(lives_connection(lives_socket(t_l.l, 100))->kind, EV_connect);
	forked(10, 11);
	closed(10, 3);
	CHECK(!lives_socket(t_l.l, 100)->is_closed);
	closed(11, 3);
	CHECK(lives_socket(t_l.l, 100)->is_closed);
	CHECK_EQ(lives_connection(lives_socket(t_l.l, 100))->to_ts, t_m.now);
	/* Totals come later. */
	f = t_make(EV_flow, 10);
	f->inode = 100;
	f->port = 80;
	f->lport = 5000;
	f->received_bytes = 4711;
	tell();
	CHECK_EQ(t_l.connections, 0);
	end();
	CHECK_EQ(t_l.connections, 1);
	CHECK_EQ(t_l.bytes, 4711);
}

static void local(unsigned type, uint32_t pid, int fd, uint64_t inode, const char *name,
		  int listen_fd)
{
	struct ev_connect *e;

	t_m.ret = type == EV_accept ? fd : 0;
	e = t_make(type, pid);
	e->family = 1;
	e->inode = inode;
	e->sock_type = 1;
	if (type == EV_connect)
		e->fd = fd;
	if (type == EV_listen)
		((struct ev_listen *)(void *)e)->fd = fd;
	if (type == EV_accept)
		((struct ev_accept *)(void *)e)->listen_fd = listen_fd;
	t_strings(name, NULL);
	tell();
}

static uint64_t peer_of(uint64_t inode)
{
	const struct life_connection *c = lives_connection(lives_socket(t_l.l, inode));

	const struct life_connection *peer = c ? (const void *)(uintptr_t)c->peer_row : NULL;

	return peer ? peer->socket->inode : 0;
}

TEST(ends_of_unix_connections_meet)
{
	struct ev_lost *lost;

	begin();
	executed(10);
	executed(11);
	local(EV_listen, 10, 3, 100, "/run/s", 0);
	local(EV_connect, 11, 3, 101, "/run/s", 0);
	local(EV_connect, 11, 4, 102, "/run/s", 0);
	local(EV_connect, 11, 5, 103, "/run/other", 0);
	/* What the event names may be the peer's own. */
	local(EV_accept, 10, 4, 111, "/own", 3);
	CHECK_EQ(peer_of(111), 101);
	CHECK_EQ(peer_of(101), 111);
	local(EV_accept, 10, 5, 112, "/run/s", 3);
	CHECK_EQ(peer_of(112), 102);
	local(EV_accept, 10, 6, 113, "/run/s", 3);
	CHECK_EQ(peer_of(113), 0);
	/* Its connect is told a little later, or it is another's. */
	local(EV_connect, 11, 6, 104, "/run/s", 0);
	CHECK_EQ(peer_of(113), 104);
	local(EV_accept, 10, 7, 114, "/run/s", 3);
	t_m.now += 2000000000;
	local(EV_connect, 11, 7, 105, "/run/s", 0);
	CHECK_EQ(peer_of(105), 0);
	/* It waits; but its accept may be among what was lost. */
	lost = t_make(EV_lost, 0);
	lost->first = lost->last = t_m.now;
	lost->lost_class = EV_CLASS_net;
	tell();
	local(EV_connect, 11, 8, 106, "/run/s", 0);
	local(EV_accept, 10, 8, 115, "/run/s", 3);
	CHECK_EQ(peer_of(115), 106);
	end();
}

static struct life_socket *of_fd(uint32_t pid, int fd)
{
	struct life_fd *f = lives_fd(lives_of(model_find(t_m.m, pid)), fd);

	return f ? f->socket : NULL;
}

static void sent(uint32_t pid, int fd, uint64_t inode)
{
	struct ev_send *e;

	t_m.ret = 1;
	e = t_make(EV_send, pid);
	e->fd = fd;
	e->inode = inode;
	e->messages = 1;
	t_strings("", "", NULL);
	tell();
}

TEST(a_pair_is_known_by_its_two_ends)
{
	struct ev_socket *s;

	begin();
	executed(10);
	s = t_make(EV_socket, 10);
	s->fd = 3;
	s->fd2 = 4;
	s->inode = 100;
	s->family = 1;
	tell();
	CHECK(of_fd(10, 4) && of_fd(10, 4)->is_unnamed);
	forked(10, 11);
	closed(10, 4);
	/* The child is the first who uses it. */
	sent(11, 4, 105);
	CHECK_STR(shows(11, 4), "socket:[105]");
	CHECK(!of_fd(11, 4)->is_unnamed);
	CHECK(lives_socket(t_l.l, 105) == of_fd(11, 4));
	CHECK_EQ(peer_of(105), 100);
	CHECK_EQ(peer_of(100), 105);
	CHECK_EQ(lives_connection(lives_socket(t_l.l, 105))->sent_bytes, 1);
	copied(11, 4, 5, 0);
	CHECK(of_fd(11, 5) == of_fd(11, 4));
	end();
	CHECK_EQ(t_l.connections, 2);
}

static void mounted(const char *source, const char *path, uint64_t flags)
{
	struct ev_mount *e = t_make(EV_mount, 10);

	e->flags = flags;
	t_strings(source, path, "", "tmpfs", NULL);
	tell();
}

static const struct life_mount *mount_at(const char *path, uint32_t mnt_ns)
{
	for (const struct life_mount *m = lives_mounts(t_l.l); m; m = m->next)
		if (m->mnt_ns == mnt_ns && strcmp(m->path, path) == 0)
			return m;
	return NULL;
}

TEST(mounts_are_made_moved_and_removed)
{
	struct ev_unshare *n;

	begin();
	edge(0);
	told_process(10);
	edge(1);
	mounted("none", "/mnt", 0);
	CHECK(mount_at("/mnt", 5));
	mounted("/mnt/data", "/data", 1 << 12);
	CHECK(mount_at("/data", 5));
	CHECK_STR(mount_at("/data", 5)->root, "/data");
	CHECK_STR(mount_at("/data", 5)->fstype, "tmpfs");
	/* Who leaves takes them along. */
	n = t_make(EV_unshare, 10);
	n->flags = CLONE_NEWNS;
	n->mnt_ns = 6;
	tell();
	CHECK(mount_at("/mnt", 6) && mount_at("/data", 6) && mount_at("/mnt", 5));
	mounted("/mnt", "/moved", 1 << 13);
	CHECK(!mount_at("/mnt", 6) && mount_at("/moved", 6) && mount_at("/mnt", 5));
	(void)t_make(EV_umount, 10);
	t_strings("/moved", NULL);
	tell();
	CHECK(!mount_at("/moved", 6));
	CHECK_EQ(t_l.to_ts, t_m.now);
	end();
}

/* Whatever it is told, it stays within its bounds and gives everything back. */
TEST(anything_can_be_told)
{
	static const uint8_t types[] = {
		EV_open,	  EV_close,	 EV_dup,	  EV_fork,	  EV_exec,
		EV_exit,	  EV_socket,	 EV_read,	  EV_write,	  EV_fold,
		EV_flow,	  EV_connect,	 EV_bind,	  EV_accept,	  EV_listen,
		EV_send,	  EV_recv,	 EV_pipe,	  EV_fd,	  EV_sock,
		EV_mount,	  EV_umount,	 EV_copy,	  EV_mmap,	  EV_keyframe,
		EV_pass,	  EV_process,	 EV_lost,	  EV_mounted,	  EV_unshare,
		EV_pivot_root,	  EV_move_mount, EV_memfd_create, EV_close_range, EV_pidfd_getfd,
		EV_open_by_handle
	};
	uint64_t random = 88172645463325252ull;

	begin();
	for (unsigned i = 0; i < 200000; i++) {
		const struct reel_type *type;
		uint8_t *fixed;

		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		type = reel_type_by_id(types[random % sizeof(types)]);
		t_m.ret = (int64_t)(random >> 20 & 7) - 1;
		fixed = t_make(type->id, (uint32_t)(random >> 24 & 15) + 1);
		/* Small numbers, so that they meet. */
		for (unsigned k = 0; k < type->fixed_bytes; k += 4)
			fixed[k] = (uint8_t)(random >> (k % 50) & 7);
		for (unsigned k = 0; k < type->n_strings; k++) {
			static const char *const some[] = { "/", "/a",		"/a/b",
							    "b", "pipe:[3]",	"socket:[2]",
							    "",	 "/a (deleted)" };
			const char *s = some[random >> (3 * k % 40) & 7];

			memset(fixed + type->string_offsets[k], 0, 2);
			reel_record_string(&t_m.record, s, strlen(s));
		}
		tell();
	}
	end();
	CHECK(t_l.fds > 1000);
	CHECK(t_l.connections > 100);
}
