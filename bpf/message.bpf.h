/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Messages, as sendmsg() and its kin describe them, and what goes beyond the call that carries
 * them: a DNS message, and descriptors in control messages. Those are events of their own, made
 * when the record of the call is on its way, since there is one place to make records.
 */
#ifndef REEL_BPF_MESSAGE_BPF_H
#define REEL_BPF_MESSAGE_BPF_H

#include "bpf/sock.bpf.h"

enum {
	PORT_DNS = 53,
	DNS_BYTES = 512,
	MESSAGES_MAX = 1024,
	CONTROLS_MAX = 64,
	RIGHTS_MAX = 253,	/* of one message */
	LEVEL_SOCKET = 1,
	CONTROL_RIGHTS = 1,
	FLAG_PEEK = 2,
	FLAG_ERRQUEUE = 0x2000,
	ERR_AGAIN = 11,
	ERR_RESTART = 512,
};

struct message_user {
	__u64 name;
	__u32 name_bytes, unused;
	__u64 iov, n_iov, control, control_bytes;
	__u32 flags, unused2;
};
struct message_narrow {
	__u32 name, name_bytes, iov, n_iov, control, control_bytes, flags;
};

static __always_inline __u32 mmsg_bytes(bool narrow)
{
	return narrow ? sizeof(struct message_narrow) + 4 : sizeof(struct message_user) + 8;
}

static __always_inline __u32 messages_of(const struct net_work *w)
{
	return w->call.moved < MESSAGES_MAX ? w->call.moved : MESSAGES_MAX;
}

/* Where struct mmsghdr has the bytes of its message. */
static __always_inline __u64 mmsg_length_at(bool narrow, __u64 at)
{
	return at + (narrow ? sizeof(struct message_narrow) : sizeof(struct message_user));
}

/* The message header of the program at this address. */
__noinline int message_take(__u64 address, __u32 narrow)
{
	struct net_work *w = net_work();
	struct message *m = &w->message;

	if (!w)
		return 0;
	__builtin_memset(m, 0, sizeof(*m));
	m->in_iovecs = 1;
	if (narrow) {
		struct message_narrow u;

		if (bpf_probe_read_user(&u, sizeof(u), (void *)address) < 0) {
			w->fault = 1;
			return 0;
		}
		m->name = u.name;
		m->name_bytes = u.name_bytes;
		m->iov = u.iov;
		m->n_iov = u.n_iov;
		m->control = u.control;
		m->control_bytes = u.control_bytes;
	} else {
		struct message_user u;

		if (bpf_probe_read_user(&u, sizeof(u), (void *)address) < 0) {
			w->fault = 1;
			return 0;
		}
		m->name = u.name;
		m->name_bytes = u.name_bytes;
		m->iov = u.iov;
		m->n_iov = u.n_iov;
		m->control = u.control;
		m->control_bytes = u.control_bytes;
	}
	return 0;
}

/* The first bytes of the message. */
static __always_inline __u16 build_message(struct build *b, const struct message *m, bool narrow,
					   __u32 limit)
{
	__u64 total;

	if (m->in_iovecs)
		return build_user_iovecs(b, m->iov, m->n_iov, narrow, m->bytes, limit, &total);
	return build_user_bytes(b, m->iov, m->bytes, m->room < limit ? m->room : limit);
}

/* Is this a socket that DNS goes over? */
static __always_inline bool sock_has_dns(const struct net_work *w)
{
	return (w->sock.family == FAMILY_INET || w->sock.family == FAMILY_INET6) &&
	       (w->sock.port == PORT_DNS || w->sock.lport == PORT_DNS);
}

/* What was to be sent counts even if it was refused, but not what the program will send again. */
static __always_inline bool dns_counts(const struct net_work *w)
{
	__s64 ret = w->call.ret;

	if (!config.dns || !wants(dns) || w->call.args[3] & (FLAG_PEEK | FLAG_ERRQUEUE))
		return false;
	return w->call.moved ||
	       (w->each.sent && ret < 0 && ret > -ERR_RESTART && ret != -ERR_AGAIN);
}

/* The message in the work goes over such a socket. */
__noinline int dns_tell(void)
{
	struct net_work *w = net_work();
	struct ev_dns *e;
	struct build b;

	if (!w)
		return 0;
	e = net_build(&b, dns, w);
	sock_put(e, w);
	e->fd = w->call.args[0];
	e->direction = !w->each.sent;
	if (w->call.ret < 0)
		w->message.bytes = w->message.in_iovecs ?
					   user_iovecs_total(b.s, w->message.iov, w->message.n_iov,
							     w->call.narrow) :
					   w->message.room;
	e->payload = build_message(&b, &w->message, w->call.narrow, DNS_BYTES);
	count_extra(class_of_dns);
	return build_emit(&b, dns);
}

static long control_step(__u32 i, void *unused)
{
	struct net_work *w = net_work();
	struct scratch *s = cpu_scratch();
	struct {
		__u64 length;
		__u32 level, type;
	} h;
	__u64 head = sizeof(h), align = 7, n, at;

	if (!w || !s)
		return 1;
	at = w->control.at;
	if (w->call.narrow) {
		__u32 narrow[3];

		if (bpf_probe_read_user(narrow, sizeof(narrow), (void *)at) < 0)
			return 1;
		h.length = narrow[0];
		h.level = narrow[1];
		h.type = narrow[2];
		head = sizeof(narrow);
		align = 3;
	} else if (bpf_probe_read_user(&h, sizeof(h), (void *)at) < 0) {
		return 1;
	}
	if (h.length < head || at + h.length > w->control.end)
		return 1;
	n = h.length - head;
	if (h.level == LEVEL_SOCKET && h.type == CONTROL_RIGHTS && n <= 4 * RIGHTS_MAX &&
	    w->control.got + n <= 4 * RIGHTS_MAX) {
		n &= 1023;
		n &= ~3ull;
		if (n && bpf_probe_read_user(&s->payload[in_payload(w->control.to)], n,
					     (void *)(at + head)) == 0) {
			w->control.got += n;
			w->control.to += n;
		}
	}
	w->control.at = at + ((h.length + align) & ~align);
	return w->control.at + head > w->control.end;
}

/* Descriptors that the message in the work carries, if any. */
__noinline int pass_tell(void)
{
	struct net_work *w = net_work();
	struct ev_pass *e;
	struct build b;

	if (!w || !w->message.control || w->message.control_bytes < 12)
		return 0;
	e = net_build(&b, pass, w);
	w->control.at = w->message.control;
	w->control.end = w->message.control + w->message.control_bytes;
	w->control.got = 0;
	w->control.to = b.used;
	bpf_loop(CONTROLS_MAX, control_step, NULL, 0);
	if (!w->control.got)
		return 0;
	e->inode = w->sock.inode;
	e->fd = w->call.args[0];
	e->direction = !w->each.sent;
	e->count = w->control.got / 4;
	e->fds = build_took(&b, w->control.got & 1023, w->control.got & 1023);
	count_extra(class_of_pass);
	return build_emit(&b, pass);
}

/* Adds up what sendmmsg() and recvmmsg() say of each message. */
static long sum_step(__u32 i, void *unused)
{
	struct net_work *w = net_work();
	__u64 name = 0;
	__u32 bytes = 0;
	__u16 begin[2] = {};

	if (!w)
		return 1;
	if (bpf_probe_read_user(&bytes, sizeof(bytes),
				(void *)mmsg_length_at(w->call.narrow, w->each.at)) < 0) {
		w->fault = 1;
		return 1;
	}
	w->each.total += bytes;
	if (!i)
		w->each.first = bytes;
	/* Each message of a socket that is not connected has an address of its own. */
	if (config.dns && !w->each.has_dns && !w->sock.port &&
	    (w->sock.family == FAMILY_INET || w->sock.family == FAMILY_INET6)) {
		bpf_probe_read_user(&name, w->call.narrow ? 4 : 8, (void *)w->each.at);
		if (name && bpf_probe_read_user(begin, sizeof(begin), (void *)name) == 0 &&
		    begin[1] == __builtin_bswap16(PORT_DNS))
			w->each.has_dns = 1;
	}
	w->each.at += mmsg_bytes(w->call.narrow);
	return 0;
}

/* What lies beyond the call, of each of its messages. */
static long tell_step(__u32 i, void *unused)
{
	struct net_work *w = net_work();
	__u64 at;
	__u32 bytes = 0;

	if (!w)
		return 1;
	at = w->each.at;
	w->each.at = at + mmsg_bytes(w->call.narrow);
	message_take(at, w->call.narrow);
	if (w->sock.family == FAMILY_UNIX) {
		pass_tell();
		return 0;
	}
	bpf_probe_read_user(&bytes, sizeof(bytes), (void *)mmsg_length_at(w->call.narrow, at));
	w->message.bytes = bytes;
	w->sock.addr = w->peer;
	w->sock.port = w->peer_port;
	passed_take(w->message.name, w->message.name_bytes);
	passed_is_peer(w);
	if (sock_has_dns(w))
		dns_tell();
	return 0;
}

#endif
