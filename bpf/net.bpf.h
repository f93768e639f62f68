/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * The calls of sockets.
 *
 * addr and port are the peer, on bind and listen the own side; laddr and lport are the own side. Of
 * both the kernel's socket is asked, and what the call passed goes before it: a connect that failed
 * or is under way has the peer that it was to have.
 * unix_path is what the call passed, else the name that the peer is bound to, else the own one: the
 * side that connects has seldom a name.
 *
 * Each call that sends or receives is an event, whatever --io says: there are few of them. count
 * and messages are what was moved. Data is kept as --content says of the first send of a socket,
 * and with --io all of each send and receipt.
 */
#ifndef REEL_BPF_NET_BPF_H
#define REEL_BPF_NET_BPF_H

#include "bpf/files.bpf.h"
#include "bpf/dns.bpf.h"
#include "bpf/flow.bpf.h"
#include "bpf/pass.bpf.h"

enum {
	CALL_SOCKETCALL = 102, /* of i386 */
};

/* What socketcall() asks for, as the call of i386 that does the same, and how many arguments. */
#define SOCKETCALL(number, n) ((n) << 12 | (number))
static const __u16 socketcalls[32] = {
	[1] = SOCKETCALL(359, 3),  /* socket */
	[2] = SOCKETCALL(361, 3),  /* bind */
	[3] = SOCKETCALL(362, 3),  /* connect */
	[4] = SOCKETCALL(363, 2),  /* listen */
	[5] = SOCKETCALL(364, 3),  /* accept, as accept4 */
	[8] = SOCKETCALL(360, 4),  /* socketpair */
	[9] = SOCKETCALL(369, 4),  /* send, as sendto */
	[10] = SOCKETCALL(371, 4), /* recv, as recvfrom */
	[11] = SOCKETCALL(369, 6), /* sendto */
	[12] = SOCKETCALL(371, 6), /* recvfrom */
	[13] = SOCKETCALL(373, 2), /* shutdown */
	[16] = SOCKETCALL(370, 3), /* sendmsg */
	[17] = SOCKETCALL(372, 3), /* recvmsg */
	[18] = SOCKETCALL(364, 4), /* accept4 */
	[19] = SOCKETCALL(337, 5), /* recvmmsg */
	[20] = SOCKETCALL(345, 4), /* sendmmsg */
};

/* The call that a socketcall() does; 0: none that is told. */
static __always_inline __u32 socketcall_does(__u64 what)
{
	return what < 32 ? socketcalls[what & 31] : 0;
}

/* Puts the arguments in the order of their roles, also those that lie in memory. */
__noinline int net_arguments(void)
{
	struct net_work *w = net_work();
	struct call_layout *l;
	__u32 words[8] = {};
	__u32 does, n;

	if (!w)
		return 0;
	if (w->call.slot == SLOTS_COMPAT + CALL_SOCKETCALL) {
		does = socketcall_does(w->call.raw[0]);
		n = (does >> 12 & 7) * sizeof(*words);
		if (n && bpf_probe_read_user(words, n, (void *)w->call.raw[1]) < 0)
			w->call.flags |= EV_FAULT;
		for (int i = 0; i < 6; i++)
			w->call.raw[i] = words[i];
		w->call.slot = SLOTS_COMPAT + (does & 0xfff);
	}
	l = bpf_map_lookup_elem(&layouts, &w->call.slot);
	if (!l)
		return 0;
	for (int i = 0; i < CALL_ROLES; i++)
		w->call.args[i] = w->call.raw[l->arg[i] & 7];
	w->call.variant = l->variant;
	w->call.type = l->type;
	return 0;
}

/*
 * A program for a family of calls, as with HANDLER_FAMILY, but with the call in the work: what is
 * not on the stack does not multiply what the verifier has to go through.
 */
#define NET_FAMILY(name)                                              \
	static __always_inline int handle_##name(struct net_work *w); \
	SEC("tp_btf/sys_exit")                                        \
	int on_##name(__u64 *ctx)                                     \
	{                                                             \
		struct net_work *w = net_work();                      \
		struct call c;                                        \
                                                                      \
		if (!w || !call_read(&c, ctx))                        \
			return 0;                                     \
		net_take_call(w, &c);                                 \
		net_arguments();                                      \
		return handle_##name(w);                              \
	}                                                             \
	static __always_inline int handle_##name(struct net_work *w)
#define NET_MEMBER(type) static __always_inline int handle_##type(struct net_work *w)

/* The socket that a call is about. */
static __always_inline __u64 net_file(__s64 fd)
{
	return task_file(bpf_get_current_task_btf(), (__s32)fd);
}

/* The one call of i386 that has all of them: what it does says which handler it is for. */
SEC("tp_btf/sys_exit")
int on_socketcall(__u64 *ctx)
{
	struct call c;
	__u32 does, slot;

	if (!call_read(&c, ctx))
		return 0;
	does = socketcall_does(c.args[0]);
	slot = SLOTS_COMPAT + (does & 0xfff);
	if (does && slot < SLOTS)
		bpf_tail_call(ctx, &handlers, slots[slot].jump);
	return call_no_event(&c, EV_CLASS_net);
}

/* The new descriptor has an entry, by which its close will know what it was. */
static __always_inline void net_opened(__s32 fd)
{
	if (wants(close) || wants(fold))
		files_opened(bpf_get_current_task_btf(), fd, 0);
}

/* Roles: family, type, protocol, where the two descriptors go. */
NET_MEMBER(socket)
{
	struct ev_socket e = {
		.fd = -1,
		.fd2 = -1,
		.family = w->call.args[0],
		.sock_type = w->call.args[1],
		.proto = w->call.args[2],
	};
	__s32 fds[2] = { w->call.ret, -1 };

	if (w->call.done) {
		if (w->call.args[3] &&
		    bpf_probe_read_user(fds, sizeof(fds), (void *)w->call.args[3]) < 0) {
			w->call.flags |= EV_FAULT;
			fds[0] = fds[1] = -1;
		}
		e.fd = fds[0];
		e.fd2 = fds[1];
		sock_take(net_file(e.fd));
		e.inode = w->sock.inode;
	}
	return emit_fixed_flags(EV_socket, class_of_socket, ring_of_socket, w->call.id, w->call.ret,
				w->call.flags, &e, sizeof(e));
}

/* The own side in the place of the peer. */
static __always_inline void own_is_addr(struct net_work *w)
{
	w->sock.addr = w->sock.laddr;
	w->sock.port = w->sock.lport;
}

/* The passed address in the place of the peer, and if it was none, none. */
static __always_inline void passed_is_addr(struct net_work *w)
{
	w->sock.addr = w->passed;
	w->sock.port = w->passed_port;
	if (!w->sock.family)
		w->sock.family = w->passed_family;
}

/* Roles: fd, address, its length. */
NET_MEMBER(bind)
{
	struct ev_bind *e;
	struct build b;

	sock_take(net_file(w->call.args[0]));
	passed_take(w->call.args[1], w->call.args[2]);
	if (w->call.done) {
		/* The kernel may have chosen the port, or the name. */
		w->name_bytes = 0;
		own_is_addr(w);
		names_take(w, false);
	} else {
		passed_is_addr(w);
	}
	e = net_build(&b, bind, w);
	sock_put(e, w);
	e->fd = w->call.args[0];
	e->unix_path = build_name(&b, w);
	return build_emit(&b, bind);
}

/* Roles: fd, address, its length. */
NET_MEMBER(connect)
{
	struct ev_connect *e;
	struct build b;

	sock_take(net_file(w->call.args[0]));
	passed_take(w->call.args[1], w->call.args[2]);
	passed_is_addr(w);
	e = net_build(&b, connect, w);
	sock_put(e, w);
	e->fd = w->call.args[0];
	e->unix_path = build_name(&b, w);
	return build_emit(&b, connect);
}

/* Roles: fd, backlog. */
NET_MEMBER(listen)
{
	struct ev_listen *e;
	struct build b;

	sock_take(net_file(w->call.args[0]));
	own_is_addr(w);
	names_take(w, false);
	e = net_build(&b, listen, w);
	sock_put(e, w);
	e->fd = w->call.args[0];
	e->backlog = w->call.args[1];
	e->unix_path = build_name(&b, w);
	return build_emit(&b, listen);
}

/* Role: fd. What is told is the new socket; where there is none, the own side of the old one. */
NET_MEMBER(accept)
{
	struct ev_accept *e;
	struct build b;

	sock_take(net_file(w->call.done ? w->call.ret : w->call.args[0]));
	if (w->call.done)
		net_opened(w->call.ret);
	else
		w->sock.inode = 0;
	if (w->call.done && wants(flow) && w->sock.proto == PROTO_TCP &&
	    w->sock.family != FAMILY_UNIX)
		flow_accepted(w->sock.sk, w->sock.inode);
	names_take(w, w->call.done);
	e = net_build(&b, accept, w);
	sock_put(e, w);
	e->listen_fd = w->call.args[0];
	e->unix_path = build_name(&b, w);
	return build_emit(&b, accept);
}

/* Roles: fd, how. */
NET_MEMBER(shutdown)
{
	struct ev_shutdown e;

	/* Also what lies behind the last field, which the compiler would take from anywhere. */
	__builtin_memset(&e, 0, sizeof(e));
	opaque_memory(&e);
	sock_take(net_file(w->call.args[0]));
	e.inode = w->sock.inode;
	e.fd = w->call.args[0];
	e.how = w->call.args[1];
	return emit_fixed_flags(EV_shutdown, class_of_shutdown, ring_of_shutdown, w->call.id,
				w->call.ret, w->call.flags, &e, sizeof(e));
}

NET_FAMILY(sockets)
{
	switch (w->call.type) {
	case EV_socket:
		return handle_socket(w);
	case EV_bind:
		return handle_bind(w);
	case EV_connect:
		return handle_connect(w);
	case EV_listen:
		return handle_listen(w);
	case EV_accept:
		return handle_accept(w);
	case EV_shutdown:
		return handle_shutdown(w);
	}
	return 0;
}

/*
 * Sockets whose first data has been seen, by their address, with the inode: an address comes again,
 * an inode does not. One that was pushed out has its next send kept too.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, __u64);
} first_sends SEC(".maps");

static __always_inline bool send_is_first(struct net_work *w)
{
	__u64 *inode = bpf_map_lookup_elem(&first_sends, &w->sock.sk);

	if (inode && *inode == w->sock.inode)
		return false;
	bpf_map_update_elem(&first_sends, &w->sock.sk, &w->sock.inode, BPF_ANY);
	return true;
}

/* How many bytes of the data are kept. */
static __always_inline __u32 transfer_keeps(struct net_work *w)
{
	if (!config.content || !w->call.moved || !w->sock.sk || config.io == IO_NONE)
		return 0;
	if (config.io != IO_ALL && !(w->each.sent && send_is_first(w)))
		return 0;
	return config.content < STRING_BYTES_MAX ? config.content : STRING_BYTES_MAX - 1;
}

/* What the call was given: the first message, the sum of all, and the peer. */
__noinline int transfer_look(void)
{
	struct net_work *w = net_work();
	struct message *m = &w->message;
	__u32 bytes;

	if (!w)
		return 0;
	w->each.total = w->call.moved;
	w->each.has_dns = 0;
	if (w->call.variant) {
		message_take(w->call.args[1], w->call.narrow);
		m->bytes = w->call.moved;
	} else {
		bytes = w->call.args[5];
		/* Where the length of an address lies, that was received. */
		if (!w->each.sent &&
		    (!w->call.args[4] ||
		     bpf_probe_read_user(&bytes, sizeof(bytes), (void *)w->call.args[5]) < 0))
			bytes = 0;
		__builtin_memset(m, 0, sizeof(*m));
		m->iov = w->call.args[1];
		m->room = w->call.args[2];
		m->name = w->call.args[4];
		m->name_bytes = bytes;
		m->bytes = w->call.moved;
	}
	w->each.has_control = m->control != 0;
	w->peer = w->sock.addr;
	w->peer_port = w->sock.port;
	if (w->call.variant == 'v') {
		w->each.total = w->each.first = 0;
		w->each.at = w->call.args[1];
		bpf_loop(messages_of(w), sum_step, NULL, 0);
		m->bytes = w->each.first;
	}
	if (w->each.sent || w->call.done)
		passed_take(m->name, m->name_bytes);
	passed_is_peer(w);
	names_take(w, true);
	return 0;
}

/* The record; both types have the same fields. */
__noinline int transfer_tell(void)
{
	struct net_work *w = net_work();
	struct ev_send *e;
	struct build b;
	__u32 keep;

	if (!w)
		return 0;
	keep = transfer_keeps(w);
	e = net_build(&b, send, w);
	if (!w->each.sent)
		b.s->header.type = EV_recv;
	sock_put(e, w);
	e->fd = w->call.args[0];
	e->count = w->each.total;
	e->flags = w->call.args[3];
	e->messages = w->call.variant == 'v' ? w->call.moved : w->call.done;
	e->unix_path = build_name(&b, w);
	e->content = build_message(&b, w, keep);
	return build_emit(&b, send);
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

/* Events beyond the call. */
static __always_inline int transfer_beyond(struct net_work *w)
{
	if (w->sock.family == FAMILY_UNIX) {
		if (!wants(pass) || !w->call.done || !w->each.has_control)
			return 0;
	} else if (!wants(dns) || !(w->each.has_dns || sock_has_dns(w)) || !dns_counts(w) ||
		   w->call.args[3] & (FLAG_PEEK | FLAG_ERRQUEUE)) {
		return 0;
	}
	if (w->call.variant == 'v') {
		w->each.at = w->call.args[1];
		/* What was refused is the first. */
		bpf_loop(w->call.done ? messages_of(w) : 1, tell_step, NULL, 0);
	} else if (w->sock.family == FAMILY_UNIX) {
		pass_tell();
	} else {
		dns_tell();
	}
	return 0;
}

/*
 * Roles: fd, buffer or message header, bytes or number of messages, flags, address, its length.
 * Variants: 'm' one message header, 'v' many. Receiving, the length lies at an address.
 */
NET_FAMILY(transfers)
{
	bool sent = w->call.type == EV_send;

	sock_take(net_file(w->call.args[0]));
	w->each.sent = sent;
	transfer_look();
	if (sent ? wants(send) : wants(recv))
		transfer_tell();
	else
		no_event(EV_CLASS_net);
	return transfer_beyond(w);
}

#endif
