/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Sockets: which one a descriptor is, both of its addresses, and what a call passed with it. All
 * that is found lies in the work of the CPU, from where a handler copies it into its record.
 */
#ifndef REEL_BPF_SOCK_BPF_H
#define REEL_BPF_SOCK_BPF_H

#include "bpf/iovec.bpf.h"
#include "bpf/path.bpf.h"

enum {
	FAMILY_UNIX = 1,
	FAMILY_INET = 2,
	FAMILY_INET6 = 10,
	KIND_RAW = 3,

	ADDRESS_MAX = 110, /* struct sockaddr_un, the longest that says something here */
	UNIX_NAME_MAX = 108,
};

/* A struct msghdr, or a buffer that was passed by itself: then there are no iovecs. */
struct message {
	__u64 name, iov, control;
	__u64 n_iov;
	__u64 control_bytes;
	__u64 room;  /* of the buffer */
	__u64 bytes; /* that were sent or received */
	__u32 name_bytes;
	__u32 in_iovecs;
};

struct net_work {
	struct {
		struct ev_addr addr, laddr;
		__u64 sk; /* address of the struct sock; 0: not a socket */
		__u64 inode;
		__u16 port, lport, family, sock_type, proto;
	} sock;
	struct ev_addr peer; /* as the kernel has it, where a message says another */
	struct ev_addr passed;
	__u16 peer_port, passed_port, passed_family;
	__u16 fault;	  /* some user memory could not be read */
	__u32 name_bytes; /* a UNIX address, passed or looked up, lies at address[2] */
	__u8 address[128];
	__u8 spare[128];
	struct message message;
	/* The call, its arguments by their roles, and as it had them. */
	struct {
		__u64 args[CALL_ROLES];
		__u64 raw[8];
		__s64 ret;
		__u64 moved; /* 0, or ret */
		__u64 by;    /* who has asked for it, as task_id() says; 0: the current task */
		__u32 slot;
		__u16 id;
		__u8 variant;
		__u8 type;
		__u8 flags;
		__u8 narrow; /* 32-bit layouts */
		__u8 done;   /* neither failed nor refused */
	} call;
	/* All messages of a call. */
	struct {
		__u64 at; /* user address of the next struct mmsghdr */
		__u64 total, first;
		__u32 sent;
		__u16 has_dns, has_control;
	} each;
	/* The walk over control messages. */
	struct {
		__u64 at, end, got, to;
	} control;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct net_work);
} net_works SEC(".maps");

static __always_inline struct net_work *net_work(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&net_works, &zero);
}

static __always_inline void addr_set(struct ev_addr *a, __u64 high, __u64 low)
{
	((__u64 *)a)[0] = high;
	((__u64 *)a)[1] = low;
}

/* An IPv4 address as the network has it, mapped. */
static __always_inline void addr_set_v4(struct ev_addr *a, __u32 address)
{
	addr_set(a, 0, (__u64)address << 32 | 0xffff0000);
}

/* The struct socket of a file; 0: it is none. A file opened by O_PATH has nothing behind it. */
static __always_inline __u64 file_socket(__u64 file)
{
	if (!file || (KLOAD(struct inode, file_inode(file), i_mode) & MODE_TYPE) != MODE_SOCKET)
		return 0;
	return KPTR(struct file, file, private_data);
}

#define SOCK_V6(sk, which) ((sk) + bpf_core_field_offset(struct sock, __sk_common.skc_v6_##which))

/* Both addresses as the kernel has them: peer, own. One that is not set stays zero. */
static __always_inline void sock_addr_pair(__u64 sk, __u16 family, struct ev_addr *addr,
					   struct ev_addr *laddr)
{
	if (family == FAMILY_INET) {
		__u32 peer = KLOAD(struct sock, sk, __sk_common.skc_daddr);

		if (peer)
			addr_set_v4(addr, peer);
		addr_set_v4(laddr, KLOAD(struct sock, sk, __sk_common.skc_rcv_saddr));
	} else if (family == FAMILY_INET6) {
		addr_set(addr, kload_pointer(SOCK_V6(sk, daddr)),
			 kload_pointer(SOCK_V6(sk, daddr) + 8));
		addr_set(laddr, kload_pointer(SOCK_V6(sk, rcv_saddr)),
			 kload_pointer(SOCK_V6(sk, rcv_saddr) + 8));
	}
}

/* What the kernel knows of the socket of a file, into the work; begins that anew. */
__noinline int sock_take(__u64 file)
{
	struct net_work *w = net_work();
	__u64 socket, sk;

	if (!w)
		return 0;
	__builtin_memset(&w->sock, 0, sizeof(w->sock));
	w->passed_family = 0;
	w->name_bytes = 0;
	w->fault = 0;
	socket = file_socket(file);
	sk = socket ? KPTR(struct socket, socket, sk) : 0;
	if (!sk)
		return 0;
	w->sock.sk = sk;
	w->sock.inode = KLOAD(struct inode, file_inode(file), i_ino);
	w->sock.family = KLOAD(struct sock, sk, __sk_common.skc_family);
	w->sock.sock_type = KLOAD(struct sock, sk, sk_type);
	w->sock.proto = KLOAD(struct sock, sk, sk_protocol);
	if (w->sock.family != FAMILY_INET && w->sock.family != FAMILY_INET6)
		return 0;
	sock_addr_pair(sk, w->sock.family, &w->sock.addr, &w->sock.laddr);
	w->sock.port = __builtin_bswap16(KLOAD(struct sock, sk, __sk_common.skc_dport));
	/* A raw socket has its protocol there. */
	if (w->sock.sock_type != KIND_RAW)
		w->sock.lport = KLOAD(struct sock, sk, __sk_common.skc_num);
	return 0;
}

/* The address that a program passed, or was given: in its memory, or a copy in the kernel. */
__noinline int passed_take_from(__u64 address, __u32 bytes, __u32 in_kernel)
{
	struct net_work *w = net_work();
	__u64 n = bytes > ADDRESS_MAX ? ADDRESS_MAX : bytes, *words;
	long length;

	if (!w)
		return 0;
	w->passed_family = 0;
	w->passed_port = 0;
	addr_set(&w->passed, 0, 0);
	if (!address || n < 2)
		return 0;
	words = (__u64 *)w->address;
	words[0] = words[1] = words[2] = 0;
	n &= 127;
	length = in_kernel ? bpf_probe_read_kernel(w->address, n, (void *)address) :
			     bpf_probe_read_user(w->address, n, (void *)address);
	if (length < 0) {
		w->fault = 1;
		return 0;
	}
	w->address[n & 127] = 0;
	w->passed_family = *(__u16 *)w->address;
	if (w->passed_family == FAMILY_INET && n >= 8) {
		w->passed_port = __builtin_bswap16(*(__u16 *)&w->address[2]);
		addr_set_v4(&w->passed, *(__u32 *)&w->address[4]);
	} else if (w->passed_family == FAMILY_INET6 && n >= 24) {
		w->passed_port = __builtin_bswap16(*(__u16 *)&w->address[2]);
		addr_set(&w->passed, words[1], words[2]);
	} else if (w->passed_family == FAMILY_UNIX) {
		w->name_bytes = n - 2;
		if (n == 2 || !w->address[2])
			return 0;
		/* A path ends at its NUL; an abstract name is as long as its address. */
		length = bpf_probe_read_kernel_str(w->spare, UNIX_NAME_MAX + 1, &w->address[2]);
		w->name_bytes = length > 0 ? length - 1 : 0;
	}
	return 0;
}

static __always_inline int passed_take(__u64 address, __u32 bytes)
{
	return passed_take_from(address, bytes, false);
}

/* The message is for this peer, and not for that of the connection. */
static __always_inline void passed_is_peer(struct net_work *w)
{
	if (w->passed_family != FAMILY_INET && w->passed_family != FAMILY_INET6)
		return;
	w->sock.addr = w->passed;
	w->sock.port = w->passed_port;
}

/* The name that a UNIX socket is bound to. */
__noinline int name_take(__u64 sk)
{
	struct net_work *w = net_work();
	__u64 address = KPTR(struct unix_sock, sk, addr);
	__u64 n;

	if (!w || !address)
		return 0;
	n = (__u32)KLOAD(struct unix_address, address, len);
	if (n <= 2)
		return 0;
	n = n - 2 > UNIX_NAME_MAX + 1 ? UNIX_NAME_MAX + 1 : n - 2;
	n &= 127;
	if (bpf_probe_read_kernel(&w->address[2], n,
				  (void *)(address +
					   bpf_core_field_offset(struct unix_address, name) + 2)))
		return 0;
	/* The length of a path counts its NUL. */
	w->name_bytes = w->address[2] ? n - 1 : n;
	return 0;
}

/* Where nothing was passed: the name of the peer, or else the own one. */
static __always_inline void names_take(struct net_work *w, bool of_peer)
{
	__u64 peer;

	if (w->sock.family != FAMILY_UNIX || w->name_bytes)
		return;
	peer = of_peer ? KPTR(struct unix_sock, w->sock.sk, peer) : 0;
	if (peer)
		name_take(peer);
	if (!w->name_bytes)
		name_take(w->sock.sk);
}

static __always_inline __u16 build_name(struct build *b, struct net_work *w)
{
	__u64 n = w->name_bytes;

	if (w->fault)
		build_flag(b, EV_FAULT);
	n &= 127;
	if (n)
		bpf_probe_read_kernel(build_at(b), n, &w->address[2]);
	return build_took(b, n, n);
}

/* Keeps the compiler from knowing what lies in a variable. */
#define opaque_memory(address) asm volatile("" : : "r"(address) : "memory")

static __always_inline void no_event(__u32 class)
{
	struct cpu_counts *c = cpu_counts();

	if (c)
		c->no_event[class & (CLASSES - 1)]++;
}

/* A record of the call. */
#define net_build(b, type, w)                                                                \
	({                                                                                   \
		struct ev_##type *made_ = build_begin(b, type, (w)->call.id, (w)->call.ret); \
		(b)->s->header.flags |= (w)->call.flags;                                     \
		if ((w)->call.by) {                                                          \
			(b)->s->header.pid = (w)->call.by >> 32;                             \
			(b)->s->header.tid = (__u32)(w)->call.by;                            \
		}                                                                            \
		made_;                                                                       \
	})

/* SOCK_ID and SOCK_KIND of a record. */
#define sock_put(e, w)                                \
	({                                            \
		(e)->addr = (w)->sock.addr;           \
		(e)->laddr = (w)->sock.laddr;         \
		(e)->inode = (w)->sock.inode;         \
		(e)->port = (w)->sock.port;           \
		(e)->lport = (w)->sock.lport;         \
		(e)->family = (w)->sock.family;       \
		(e)->sock_type = (w)->sock.sock_type; \
		(e)->proto = (w)->sock.proto;         \
	})

#endif
