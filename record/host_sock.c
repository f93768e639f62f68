/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sockets of a network namespace, by the kernel's own list where it has one, else by the text of
 * /proc/PID/net. Connections in TIME_WAIT are told too: they are over, with nobody's inode, but say
 * who was talked to.
 */
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "record/host_impl.h"

struct listing {
	struct proc_look *l;
	const struct host_sock_kind *kind;
	uint32_t net_ns;
	uint64_t n;
	int failed;
};

static struct ev_sock *begin(struct listing *t, uint64_t ts)
{
	struct ev_sock *e = proc_record(t->l, EV_sock, 0, 0);

	t->l->record.header.ts = ts;
	e->net_ns = t->net_ns;
	e->family = t->kind->family;
	e->sock_type = t->kind->type;
	e->proto = t->kind->proto;
	return e;
}

static int put(struct listing *t)
{
	t->n++;
	t->failed = proc_put(t->l);
	return t->failed;
}

static int take_inet(void *arg, const struct nlmsghdr *m, uint64_t ts)
{
	struct listing *t = arg;
	const struct inet_diag_msg *d = host_body(m, sizeof(*d));
	size_t length = t->kind->family == AF_INET ? 4 : 16;
	struct ev_sock *e;

	if (!d)
		return 0;
	e = begin(t, ts);
	e->addr = host_addr(d->id.idiag_dst, length);
	e->laddr = host_addr(d->id.idiag_src, length);
	e->port = ntohs(d->id.idiag_dport);
	e->lport = ntohs(d->id.idiag_sport);
	e->inode = d->idiag_inode;
	e->owner = d->idiag_uid;
	e->status = d->idiag_state;
	return put(t);
}

static int list_inet(struct listing *t, struct host_talk *talk)
{
	struct {
		struct nlmsghdr h;
		struct inet_diag_req_v2 m;
	} request = { { .nlmsg_len = sizeof(request), .nlmsg_type = SOCK_DIAG_BY_FAMILY },
		      { .sdiag_family = (uint8_t)t->kind->family,
			.sdiag_protocol = (uint8_t)t->kind->proto,
			.idiag_states = UINT32_MAX } };

	return host_talk_list(t->l, talk->diag, ++talk->seq, &request.h, take_inet, t);
}

/* A path ends with a NUL or not; a name that is no file begins with one. */
static void put_unix_name(struct proc_look *l, const char *name, size_t length)
{
	char text[256];

	if (!length || *name) {
		reel_record_string(&l->record, length ? name : "", strnlen(name, length));
		return;
	}
	if (length > sizeof(text))
		length = sizeof(text);
	memcpy(text, name, length);
	text[0] = '@';
	reel_record_string(&l->record, text, length);
}

static int take_unix(void *arg, const struct nlmsghdr *m, uint64_t ts)
{
	struct listing *t = arg;
	const struct unix_diag_msg *d = host_body(m, sizeof(*d));
	const void *uid, *name;
	struct ev_sock *e;
	size_t length;

	if (!d)
		return 0;
	e = begin(t, ts);
	e->sock_type = d->udiag_type;
	e->inode = d->udiag_ino;
	e->status = d->udiag_state;
	uid = host_attribute(m, sizeof(*d), UNIX_DIAG_UID, &length);
	if (uid && length == sizeof(e->owner))
		memcpy(&e->owner, uid, length);
	else
		t->l->fault = true;
	name = host_attribute(m, sizeof(*d), UNIX_DIAG_NAME, &length);
	put_unix_name(t->l, name ? name : "", length);
	return put(t);
}

static int list_unix(struct listing *t, struct host_talk *talk)
{
	struct {
		struct nlmsghdr h;
		struct unix_diag_req m;
	} request = { { .nlmsg_len = sizeof(request), .nlmsg_type = SOCK_DIAG_BY_FAMILY },
		      { .sdiag_family = AF_UNIX,
			.udiag_states = UINT32_MAX,
			.udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_UID } };

	return host_talk_list(t->l, talk->diag, ++talk->seq, &request.h, take_unix, t);
}

/* The kernel says what there is of the first two only when asked by family and protocol. */
static const struct {
	struct host_sock_kind kind;
	int (*list)(struct listing *t, struct host_talk *talk); /* NULL: there is the text only */
} kinds[] = {
	{ { AF_INET, IPPROTO_TCP, SOCK_STREAM, "net/tcp" }, list_inet },
	{ { AF_INET6, IPPROTO_TCP, SOCK_STREAM, "net/tcp6" }, list_inet },
	{ { AF_INET, IPPROTO_UDP, SOCK_DGRAM, "net/udp" }, list_inet },
	{ { AF_INET6, IPPROTO_UDP, SOCK_DGRAM, "net/udp6" }, list_inet },
	{ { AF_INET, 0, SOCK_RAW, "net/raw" }, NULL },
	{ { AF_INET6, 0, SOCK_RAW, "net/raw6" }, NULL },
	{ { AF_UNIX, 0, 0, "net/unix" }, list_unix },
	{ { AF_PACKET, 0, 0, "net/packet" }, NULL },
};

int host_put_socks(struct proc_look *l, struct host_talk *talk, int dir, uint32_t net_ns)
{
	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct listing t = { .l = l, .kind = &kinds[i].kind, .net_ns = net_ns };
		int r = kinds[i].list ? kinds[i].list(&t, talk) : -ENOENT;

		if (t.failed)
			return t.failed;
		/* What was cut short is not told twice. */
		l->totals.left_out += r < 0 && t.n;
		if (r < 0 && !t.n)
			r = host_put_socks_of_text(l, t.kind, dir, net_ns);
		if (r < 0 && !t.n)
			return r;
	}
	return 0;
}
