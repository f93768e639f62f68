/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* Messages, as sendmsg() and its kin describe them. */
#ifndef REEL_BPF_MESSAGE_BPF_H
#define REEL_BPF_MESSAGE_BPF_H

#include "bpf/sock.bpf.h"

enum {
	MESSAGES_MAX = 1024,
	PORT_DNS = 53,
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

static __always_inline void net_take_call(struct net_work *w, const struct call *c)
{
	for (int i = 0; i < 6; i++)
		w->call.raw[i] = c->args[i];
	w->call.raw[ARG_CWD] = w->call.raw[ARG_NONE] = 0;
	w->call.ret = c->ret;
	w->call.by = 0;
	w->call.slot = c->slot;
	w->call.id = c->id;
	w->call.flags = c->flags;
	w->call.narrow = call_narrow(c);
	w->call.done = c->ret >= 0 && !(c->flags & EV_BLOCKED);
	w->call.moved = w->call.done ? c->ret : 0;
}

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

enum { NO_STRING = 15 }; /* a place for a length that is no field's */

/* The first bytes of the message in the work, into payload. Returns how many; bytes is all. */
__noinline __u32 message_put(__u64 at, __u32 limit)
{
	struct build b = { .s = cpu_scratch(), .used = at, .strings = NO_STRING };
	struct net_work *w = net_work();
	struct message *m = &w->message;
	__u64 room;
	__u32 n;

	if (!b.s || !w || limit >= STRING_BYTES_MAX)
		return 0;
	/* What was refused is as long as the program wanted. */
	if (w->call.ret < 0)
		m->bytes = m->in_iovecs ? EV_UNKNOWN_LENGTH : m->room;
	if (!m->in_iovecs)
		return build_user_bytes(&b, m->iov, m->bytes, m->room < limit ? m->room : limit);
	n = build_user_iovecs(&b, m->iov, m->n_iov, w->call.narrow, m->bytes, limit, &room);
	if (w->call.ret < 0)
		m->bytes = room;
	return n;
}

static __always_inline __u16 build_message(struct build *b, struct net_work *w, __u32 limit)
{
	bool cut = b->s->header.flags & EV_TRUNCATED;
	__u64 n;

	if (!limit || (!w->message.bytes && w->call.ret >= 0))
		return build_nothing(b);
	n = message_put(b->used, limit) & (STRING_BYTES_MAX - 1);
	/* That is for the field to say. */
	if (!cut)
		b->s->header.flags &= ~EV_TRUNCATED;
	return build_took(b, n, b->s->header.flags & EV_FAULT ? n : w->message.bytes);
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
	if (wants(dns) && !w->each.has_dns && !w->sock.port &&
	    (w->sock.family == FAMILY_INET || w->sock.family == FAMILY_INET6)) {
		bpf_probe_read_user(&name, w->call.narrow ? 4 : 8, (void *)w->each.at);
		if (name && bpf_probe_read_user(begin, sizeof(begin), (void *)name) == 0 &&
		    begin[1] == __builtin_bswap16(PORT_DNS))
			w->each.has_dns = 1;
	}
	w->each.at += mmsg_bytes(w->call.narrow);
	return 0;
}

#endif
