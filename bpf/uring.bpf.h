/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * What a program asks of the kernel through an io_uring. A request is looked at when it is
 * submitted, while what it was given is still there, and told when its result is posted, by
 * whichever thread that happens; it is the submitter's. Both always happen in a process, never in
 * an interrupt.
 *
 * Told at once, without a result and as partial, are requests that ask for no result where they
 * succeed, and those for which there is no room: many with names at a time, or very long ones.
 * A request that the kernel refuses before it is submitted says nothing of itself, and is not told.
 */
#ifndef REEL_BPF_URING_BPF_H
#define REEL_BPF_URING_BPF_H

#include "bpf/net.bpf.h"
#include "bpf/process.bpf.h"
#include "bpf/uring.h"

enum {
	REQUEST_FIXED_FILE = 1 << 0,
	REQUEST_BUFFER_SELECT = 1 << 5,
	REQUEST_SKIPS_RESULT = 1 << 6,
	MULTISHOT_ACCEPT = 1 << 0,
	MULTISHOT_RECV = 1 << 1,
	SPLICE_FIXED_FILE = 1u << 31,
	MSG_WITHOUT_SIGNAL = 0x4000,
	NAME_BYTES = 1024,
	DATA_BYTES = 112,
};

struct uring_request {
	__u64 by;      /* as task_id() says */
	__u64 files;   /* its table of descriptors */
	__u64 address; /* of the struct io_kiocb */
	__u64 ring, user_data;
	__u64 args[4];
	__s32 fd, fd2;
	__u32 data_bytes;
	__u8 op, type, narrow;
	__u8 fixed;   /* fd is a slot of the ring's files */
	__u8 to_slot; /* the result goes into one */
	__u8 n_names;
	__u8 many; /* results may come without it, by ring and user_data */
	__u8 unused[5];
	__u8 data[DATA_BYTES]; /* a socket's address, the value of an attribute */
};

struct uring_names {
	char text[2][NAME_BYTES];
};

struct uring_work {
	struct uring_request r;
	__u64 name_at[2]; /* kernel addresses */
	__u64 data_at;
	__u32 too_long;
	__u32 mine; /* the current task has the memory and files of the request */
	struct uring_names names;
	char long_names[2][PATH_BYTES];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct uring_work);
} uring_works SEC(".maps");

/* By the address of the struct io_kiocb. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, __u64);
	__type(value, struct uring_request);
} uring_requests SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, __u64);
	__type(value, struct uring_names);
} uring_names SEC(".maps");

/* Results of a request that has more than one may say only this of it. */
struct uring_alias {
	__u64 ring, user_data;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 2048);
	__type(key, struct uring_alias);
	__type(value, __u64);
} uring_aliases SEC(".maps");

static const __u8 uring_types[URING_OPS_MAX] = {
#define O(number, name, type) [number] = type,
	URING_OPS(O)
#undef O
};

static const __u8 classes_of_types[EV_MAX_TYPES] = {
#define T(id, name, class, stream, aliases, doc) [id] = EV_CLASS_##class,
	EV_TYPES(T)
#undef T
};

/*
 * What tells a request, in programs of their own: both ends jump to them. For that they must be
 * raw, since programs of typed tracepoints only jump to such of the same one.
 */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, URING_TELLERS);
	__type(key, __u32);
	__type(value, __u32);
} uring_tellers SEC(".maps");

static __always_inline struct uring_work *uring_work(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&uring_works, &zero);
}

static __always_inline bool type_is_wanted(__u8 type)
{
	return config.types[type / 64 & 3] >> (type & 63) & 1;
}

/* Is there anything to tell of it, or to do for others? */
static __always_inline bool uring_wants(__u8 type)
{
	if (type == EV_close || type == EV_dup)
		return type_is_wanted(type) || wants(fold);
	if (type == EV_read || type == EV_write)
		return type_is_wanted(type) || (config.dns && wants(dns));
	if (type == EV_send || type == EV_recv)
		return type_is_wanted(type) || wants(dns) || wants(pass);
	return type_is_wanted(type);
}

/* What was given */

#define URING_LOAD(type, member) KLOAD(struct type, w->r.address, member)
#define URING_PTR(type, member) KPTR(struct type, w->r.address, member)

/* i is a constant. */
static __always_inline void uring_name(struct uring_work *w, __u32 i, __u64 filename)
{
	__u64 name = KPTR(struct filename, filename, name);
	long n = bpf_probe_read_kernel_str(w->names.text[i], NAME_BYTES, (void *)name);

	w->name_at[i] = (__u64)w->names.text[i];
	if (n == NAME_BYTES) {
		bpf_probe_read_kernel_str(w->long_names[i], PATH_BYTES, (void *)name);
		w->name_at[i] = (__u64)w->long_names[i];
		w->too_long = 1;
	}
	w->r.n_names = i + 1;
}

static __always_inline void uring_data(struct uring_work *w, __u64 address, __u32 bytes,
				       bool in_kernel)
{
	__u64 n = bytes > DATA_BYTES ? DATA_BYTES : bytes;

	opaque(n);
	n &= 127;
	if (n > DATA_BYTES)
		n = DATA_BYTES;
	if ((in_kernel ? bpf_probe_read_kernel(w->r.data, n, (void *)address) :
			 bpf_probe_read_user(w->r.data, n, (void *)address)) < 0)
		n = 0;
	w->r.data_bytes = n;
}

/* The address that a message goes to, which the kernel has copied. */
static __always_inline void uring_copied_address(struct uring_work *w)
{
	__u64 m = URING_PTR(io_kiocb, async_data);

	if (m && KPTR(struct io_async_msghdr, m, msg.msg_name))
		uring_data(w, m + bpf_core_field_offset(struct io_async_msghdr, addr),
			   KLOAD(struct io_async_msghdr, m, msg.msg_namelen), true);
}

static __always_inline void uring_take_names(struct uring_work *w)
{
	switch (w->r.type) {
	case EV_open:
		w->r.fd = URING_LOAD(io_open, dfd);
		w->r.args[0] = URING_LOAD(io_open, how.flags);
		w->r.args[1] = URING_LOAD(io_open, how.mode);
		w->r.to_slot = URING_LOAD(io_open, file_slot) != 0;
		uring_name(w, 0, URING_PTR(io_open, filename));
		break;
	case EV_unlink:
		w->r.fd = URING_LOAD(io_unlink, dfd);
		w->r.args[0] = (__u32)URING_LOAD(io_unlink, flags);
		uring_name(w, 0, URING_PTR(io_unlink, filename));
		break;
	case EV_mkdir:
		w->r.fd = URING_LOAD(io_mkdir, dfd);
		w->r.args[0] = URING_LOAD(io_mkdir, mode);
		uring_name(w, 0, URING_PTR(io_mkdir, filename));
		break;
	case EV_stat:
		w->r.fd = URING_LOAD(io_statx, dfd);
		w->r.args[0] = URING_LOAD(io_statx, flags);
		uring_name(w, 0, URING_PTR(io_statx, filename));
		break;
	case EV_rename:
		w->r.fd = URING_LOAD(io_rename, old_dfd);
		w->r.fd2 = URING_LOAD(io_rename, new_dfd);
		w->r.args[0] = (__u32)URING_LOAD(io_rename, flags);
		uring_name(w, 0, URING_PTR(io_rename, oldpath));
		uring_name(w, 1, URING_PTR(io_rename, newpath));
		break;
	case EV_link:
	case EV_symlink:
		w->r.fd = URING_LOAD(io_link, old_dfd);
		w->r.fd2 = URING_LOAD(io_link, new_dfd);
		w->r.args[0] = (__u32)URING_LOAD(io_link, flags);
		uring_name(w, 0, URING_PTR(io_link, oldpath));
		uring_name(w, 1, URING_PTR(io_link, newpath));
		break;
	case EV_setxattr:
		w->r.args[0] = URING_LOAD(io_xattr, ctx.flags);
		w->r.args[1] = URING_LOAD(io_xattr, ctx.size);
		uring_data(w, URING_PTR(io_xattr, ctx.kvalue), w->r.args[1], true);
		if (w->r.op == URING_setxattr)
			uring_name(w, 0, URING_PTR(io_xattr, filename));
		bpf_probe_read_kernel_str(w->names.text[1], 256,
					  (void *)URING_PTR(io_xattr, ctx.kname));
		w->name_at[1] = (__u64)w->names.text[1];
		w->r.n_names = 2;
		break;
	}
}

static __always_inline void uring_take_rest(struct uring_work *w, __u32 flags)
{
	switch (w->r.type) {
	case EV_read:
	case EV_write:
		w->r.args[0] = flags & REQUEST_BUFFER_SELECT ? 0 : URING_LOAD(io_rw, addr);
		w->r.args[1] = URING_LOAD(io_rw, len);
		w->r.many = w->r.op == URING_read_multishot;
		break;
	case EV_send:
	case EV_recv:
		w->r.args[0] = flags & REQUEST_BUFFER_SELECT ? 0 : URING_PTR(io_sr_msg, buf);
		w->r.args[1] = URING_LOAD(io_sr_msg, len);
		/* The kernel sets this flag itself. */
		w->r.args[2] = URING_LOAD(io_sr_msg, msg_flags) & ~MSG_WITHOUT_SIGNAL;
		w->r.many = w->r.type == EV_recv && URING_LOAD(io_sr_msg, flags) & MULTISHOT_RECV;
		/* Where there is no such member, the address has been copied. */
		if (w->r.op == URING_sendmsg || w->r.op == URING_sendmsg_zc || w->r.type == EV_recv)
			break;
		if (bpf_core_field_exists(struct io_sr_msg, addr))
			uring_data(w, URING_PTR(io_sr_msg, addr), URING_LOAD(io_sr_msg, addr_len),
				   false);
		else if (bpf_core_field_exists(struct io_async_msghdr, msg))
			uring_copied_address(w);
		break;
	case EV_accept:
		w->r.to_slot = URING_LOAD(io_accept, file_slot) != 0;
		w->r.many = !bpf_core_field_exists(struct io_accept, iou_flags) ||
			    URING_LOAD(io_accept, iou_flags) & MULTISHOT_ACCEPT;
		break;
	case EV_connect:
		uring_data(w, URING_PTR(io_connect, addr), URING_LOAD(io_connect, addr_len), false);
		break;
	case EV_bind:
		if (bpf_core_type_exists(struct io_bind))
			uring_data(w,
				   URING_PTR(io_kiocb, async_data) +
					   bpf_core_field_offset(struct io_async_msghdr, addr),
				   URING_LOAD(io_bind, addr_len), true);
		break;
	case EV_listen:
		if (bpf_core_type_exists(struct io_listen))
			w->r.args[0] = (__u32)URING_LOAD(io_listen, backlog);
		break;
	case EV_shutdown:
		w->r.args[0] = URING_LOAD(io_shutdown, how);
		break;
	case EV_socket:
		w->r.args[0] = (__u32)URING_LOAD(io_socket, domain);
		w->r.args[1] = (__u32)URING_LOAD(io_socket, type);
		w->r.args[2] = (__u32)URING_LOAD(io_socket, protocol);
		w->r.to_slot = URING_LOAD(io_socket, file_slot) != 0;
		break;
	case EV_close:
		w->r.fd = URING_LOAD(io_close, fd);
		w->r.fixed = URING_LOAD(io_close, file_slot) != 0;
		if (w->r.fixed)
			w->r.fd = URING_LOAD(io_close, file_slot) - 1;
		break;
	case EV_copy:
		w->r.fd2 = URING_LOAD(io_splice, splice_fd_in);
		w->r.args[0] = URING_LOAD(io_splice, len);
		if (URING_LOAD(io_splice, flags) & SPLICE_FIXED_FILE)
			w->r.fd2 = -1;
		break;
	case EV_truncate:
		if (bpf_core_type_exists(struct io_ftrunc))
			w->r.args[0] = URING_LOAD(io_ftrunc, len);
		break;
	case EV_pipe:
		if (bpf_core_type_exists(struct io_pipe)) {
			w->r.args[0] = URING_PTR(io_pipe, fds);
			w->r.args[1] = (__u32)URING_LOAD(io_pipe, flags);
			w->r.to_slot = URING_LOAD(io_pipe, file_slot) != 0;
		}
		break;
	case EV_dup:
		if (bpf_core_type_exists(struct io_fixed_install))
			w->r.args[0] = URING_LOAD(io_fixed_install, o_flags);
		break;
	}
}

static __always_inline __u32 uring_teller(__u8 type)
{
	switch (type) {
	case EV_read:
	case EV_write:
		return TELL_IO;
	case EV_send:
	case EV_recv:
		return TELL_TRANSFERS;
	case EV_accept:
	case EV_connect:
	case EV_bind:
	case EV_listen:
		return TELL_SOCKETS;
	case EV_open:
	case EV_unlink:
	case EV_mkdir:
	case EV_stat:
	case EV_rename:
	case EV_link:
	case EV_symlink:
		return TELL_NAMES;
	}
	return TELL_FILES;
}

/* The request in the work has this result. */
static __always_inline int uring_tell(__u64 *ctx, struct uring_work *w, __s64 ret, __u32 flags)
{
	struct net_work *nw = net_work();
	struct cpu_counts *own = cpu_counts();
	__u8 type = w->r.type;
	__u32 class = classes_of_types[type] & (CLASSES - 1);

	if (!nw || !own)
		return 0;
	w->mine = w->r.by >> 32 == (__u32)task_to_load()->tgid;
	w->data_at = (__u64)w->r.data;
	nw->call.ret = ret;
	nw->call.by = w->r.by;
	nw->call.id = EV_CALL_URING(w->r.op);
	nw->call.flags = flags;
	nw->call.variant = 0;
	nw->call.narrow = w->r.narrow;
	nw->call.done = ret >= 0 && !(flags & EV_PARTIAL);
	nw->call.moved = nw->call.done ? ret : 0;
	if (type_is_wanted(type))
		own->extra[class]++;
	bpf_tail_call(ctx, &uring_tellers, uring_teller(type));
	/* The kernel has refused the program. */
	if (type_is_wanted(type))
		loss_count(own, class);
	return 0;
}

/* Both ends */

/* The io_kiocb in the work is submitted. */
static __always_inline int uring_begin(__u64 *ctx)
{
	__u64 request = ctx[0];
	struct task_struct *task = bpf_get_current_task_btf();
	struct uring_work *w = uring_work();
	struct cpu_counts *own = cpu_counts();
	__u64 ring, sq, address;
	__u32 flags, room = 1;
	__u8 op, type;

	op = KLOAD(struct io_kiocb, request, opcode);
	type = op < URING_OPS_MAX ? uring_types[op & (URING_OPS_MAX - 1)] : 0;
	if (!w || !own || !type || !uring_wants(type))
		return 0;
	if (!current_wanted(task)) {
		if (type_is_wanted(type)) {
			own->extra[classes_of_types[type] & (CLASSES - 1)]++;
			own->filtered[classes_of_types[type] & (CLASSES - 1)]++;
		}
		return 0;
	}
	__builtin_memset(&w->r, 0, sizeof(w->r));
	w->too_long = 0;
	w->r.address = request;
	w->r.op = op;
	w->r.type = type;
	flags = KLOAD(struct io_kiocb, request, flags);
	ring = KPTR(struct io_kiocb, request, ctx);
	w->r.ring = ring;
	w->r.user_data = KLOAD(struct io_kiocb, request, cqe.user_data);
	w->r.fd = KLOAD(struct io_kiocb, request, cqe.fd);
	w->r.fixed = (flags & REQUEST_FIXED_FILE) != 0;
	w->r.files = task_files(task);
	w->r.narrow = BPF_CORE_READ_BITFIELD_PROBED((struct io_ring_ctx *)ring, compat);
	/* Where a thread of the kernel polls the ring it submits, for the process. */
	sq = KPTR(struct io_ring_ctx, ring, sq_data);
	w->r.by = sq ? (__u64)task->tgid << 32 | (__u32)task->tgid : task_id(task);
	uring_take_names(w);
	uring_take_rest(w, flags);
	address = w->r.address;
	if (!(flags & REQUEST_SKIPS_RESULT) && !w->too_long) {
		room = bpf_map_update_elem(&uring_requests, &address, &w->r, BPF_ANY);
		if (!room && w->r.n_names) {
			room = bpf_map_update_elem(&uring_names, &address, &w->names, BPF_ANY);
			if (room)
				bpf_map_delete_elem(&uring_requests, &address);
		}
		if (!room && w->r.many) {
			struct uring_alias alias = { w->r.ring, w->r.user_data };

			bpf_map_update_elem(&uring_aliases, &alias, &address, BPF_ANY);
		}
	}
	return room ? uring_tell(ctx, w, 0, EV_PARTIAL) : 0;
}

/* A result is posted; request is 0 where the kernel does not say of which. */
static __always_inline int uring_end(__u64 *ctx, __u64 user_data, __s64 ret)
{
	__u64 request = ctx[1];
	struct uring_alias alias = { ctx[0], user_data };
	struct uring_work *w = uring_work();
	struct uring_request *r;
	struct uring_names *names;
	__u64 address = request, *of;

	if (!request) {
		of = bpf_map_lookup_elem(&uring_aliases, &alias);
		if (!of)
			return 0;
		address = *of;
	}
	r = bpf_map_lookup_elem(&uring_requests, &address);
	if (!r || !w)
		return 0;
	w->r = *r;
	if (w->r.n_names) {
		names = bpf_map_lookup_elem(&uring_names, &address);
		for (int i = 0; i < 2 && names; i++) {
			bpf_probe_read_kernel_str(w->names.text[i], NAME_BYTES, names->text[i]);
			w->name_at[i] = (__u64)w->names.text[i];
		}
	}
	if (request) {
		bpf_map_delete_elem(&uring_requests, &address);
		if (w->r.n_names)
			bpf_map_delete_elem(&uring_names, &address);
		if (w->r.many)
			bpf_map_delete_elem(&uring_aliases, &alias);
	}
	return uring_tell(ctx, w, ret, 0);
}

SEC("raw_tp/io_uring_submit_req")
int uring_submit(__u64 *ctx)
{
	return uring_begin(ctx);
}

/* Before 6.4. */
SEC("raw_tp/io_uring_submit_sqe")
int uring_submit_old(__u64 *ctx)
{
	return uring_begin(ctx);
}

SEC("raw_tp/io_uring_complete")
int uring_complete(__u64 *ctx)
{
	return uring_end(ctx, KLOAD(struct io_uring_cqe, ctx[2], user_data),
			 KLOAD(struct io_uring_cqe, ctx[2], res));
}

/* Before 6.11. */
SEC("raw_tp/io_uring_complete")
int uring_complete_old(__u64 *ctx)
{
	return uring_end(ctx, ctx[2], (__s32)ctx[3]);
}

#endif
