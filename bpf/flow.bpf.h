/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * TCP sockets from the first packet to the last. The hook runs in interrupts too, on top of another
 * program and with a process that has nothing to do with it. So it notes whose a socket is when
 * that process itself is at work: it connects, accepts, or closes. What it counts has a class of
 * its own, and its record is made where it will lie.
 */
#ifndef REEL_BPF_FLOW_BPF_H
#define REEL_BPF_FLOW_BPF_H

#include "bpf/sock.bpf.h"

enum {
	PROTO_TCP = 6,
	TCP_ESTABLISHED = 1,
	TCP_SYN_SENT = 2,
	TCP_SYN_RECV = 3,
	TCP_FIN_WAIT1 = 4,
	TCP_CLOSE = 7,
	TCP_CLOSE_WAIT = 8,
	TCP_LAST_ACK = 9,
	TCP_LISTEN = 10,
	SOCK_DONE_FLAG = 1 << 1, /* the peer's FIN has come */
};

/* An open socket, by its address. What finds no room is told with less known. */
struct flow_note {
	__u64 first; /* when it was established */
	__u64 owner; /* as bpf_get_current_pid_tgid() has it; 0: nobody knows */
	__u64 inode;
	__u64 unwanted; /* the owner is out of scope */
};
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, __u64);
	__type(value, struct flow_note);
} flow_notes SEC(".maps");

/* The current process, which is in scope, has taken a connection. */
static __always_inline void flow_accepted(__u64 sk, __u64 inode)
{
	struct flow_note fresh = { .inode = inode };
	struct flow_note *n = bpf_map_lookup_elem(&flow_notes, &sk);

	if (n) {
		n->inode = inode;
		n->unwanted = 0;
		n->owner = bpf_get_current_pid_tgid();
		return;
	}
	fresh.owner = bpf_get_current_pid_tgid();
	bpf_map_update_elem(&flow_notes, &sk, &fresh, BPF_ANY);
}

/* The number by which a process knows the socket, as long as it has it. */
static __always_inline __u64 sk_inode(__u64 sk)
{
	__u64 socket = KPTR(struct sock, sk, sk_socket);

	return socket ? KLOAD(struct socket_alloc, socket, vfs_inode.i_ino) : 0;
}

/* Only a process that has the socket can bring it into this state. */
static __always_inline void flow_owned(struct sock *sk, __u64 key, bool anew)
{
	struct flow_note fresh = {};
	struct flow_note *n = anew ? NULL : bpf_map_lookup_elem(&flow_notes, &key);

	if (n && n->owner)
		return;
	if (n)
		fresh.first = n->first;
	fresh.owner = bpf_get_current_pid_tgid();
	fresh.unwanted = !task_wanted(bpf_get_current_task_btf());
	fresh.inode = sk_inode(key);
	bpf_map_update_elem(&flow_notes, &key, &fresh, BPF_ANY);
}

static __always_inline void flow_established(__u64 key)
{
	struct flow_note fresh = { .first = bpf_ktime_get_boot_ns() };
	struct flow_note *n = bpf_map_lookup_elem(&flow_notes, &key);

	if (n)
		n->first = fresh.first;
	else
		bpf_map_update_elem(&flow_notes, &key, &fresh, BPF_ANY);
}

static __always_inline int flow_tell(struct sock *sk, __u64 key)
{
	struct flow_note *n = bpf_map_lookup_elem(&flow_notes, &key);
	struct cpu_counts *c = cpu_counts();
	struct ev_flow e = {
		.family = sk->__sk_common.skc_family,
		.sock_type = sk->sk_type,
		.proto = PROTO_TCP,
		.port = __builtin_bswap16(sk->__sk_common.skc_dport),
		.received_bytes = KLOAD(struct tcp_sock, key, bytes_received),
	};
	__u64 sent = KLOAD(struct tcp_sock, key, bytes_sent), owner = 0;
	__u64 again = KLOAD(struct tcp_sock, key, bytes_retrans);

	if (!c)
		return 0;
	c->extra[CLASS_SOFTIRQ]++;
	/* Who is not known is not in scope. */
	if (n ? n->unwanted || (config.scope && !n->owner) : config.scope) {
		c->filtered[CLASS_SOFTIRQ]++;
		return 0;
	}
	if (n) {
		e.inode = n->inode;
		e.first = n->first;
		owner = n->owner;
	}
	/* The number of the own port has been given back by now, what lies in packets has not. */
	e.lport = __builtin_bswap16(KLOAD(struct inet_sock, key, inet_sport));
	e.sent_bytes = sent - again;
	/* The kernel counts a FIN as a byte. */
	if (e.received_bytes && sk->__sk_common.skc_flags & SOCK_DONE_FLAG)
		e.received_bytes--;
	sock_addr_pair(key, e.family, &e.addr, &e.laddr);
	return emit_fixed_as(EV_flow, CLASS_SOFTIRQ, ring_of_flow, 0, -(__s64)sk->sk_err, 0, &e,
			     sizeof(e), owner);
}

SEC("tp_btf/inet_sock_set_state")
int inet_sock_set_state(__u64 *ctx)
{
	struct sock *sk = (struct sock *)ctx[0];
	int old = (int)ctx[1], new = (int)ctx[2];
	__u64 key = (__u64)sk;

	if (sk->sk_protocol != PROTO_TCP)
		return 0;
	switch (new) {
	case TCP_SYN_SENT:
		flow_owned(sk, key, true);
		break;
	case TCP_SYN_RECV:
		/* A new socket, where an old one may have been. */
		if (old != TCP_SYN_SENT)
			bpf_map_delete_elem(&flow_notes, &key);
		break;
	case TCP_ESTABLISHED:
		flow_established(key);
		break;
	case TCP_FIN_WAIT1:
	case TCP_LAST_ACK:
		flow_owned(sk, key, false);
		break;
	case TCP_CLOSE:
		/* Without an error it is closed at once, with data left or no time to linger. */
		if ((old == TCP_ESTABLISHED || old == TCP_CLOSE_WAIT) && !sk->sk_err)
			flow_owned(sk, key, false);
		if (old != TCP_LISTEN && old != TCP_CLOSE)
			flow_tell(sk, key);
		bpf_map_delete_elem(&flow_notes, &key);
		break;
	}
	return 0;
}

#endif
