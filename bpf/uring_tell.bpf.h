/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * How a request of an io_uring is told: as the event that a call of the same kind would be, from
 * what was noted when it was submitted. Programs of their own, which both ends jump to.
 */
#ifndef REEL_BPF_URING_TELL_BPF_H
#define REEL_BPF_URING_TELL_BPF_H

#include "bpf/fds.bpf.h"
#include "bpf/file.bpf.h"
#include "bpf/io.bpf.h"
#include "bpf/uring.bpf.h"

enum { OPEN_LARGEFILE = 0100000 };

/* The directory that a name is relative to, where the current task has the same. */
static __always_inline __s32 uring_dir(const struct uring_work *w, __s32 fd)
{
	return w->mine ? fd : -1;
}

/* The file that a request is about. */
static __always_inline __u64 uring_file(struct uring_work *w, struct net_work *nw)
{
	__u64 file = nw->call.flags & EV_PARTIAL ? 0 : URING_PTR(io_kiocb, file);

	return file || w->r.fixed ? file : files_file(w->r.files, w->r.fd);
}

/* As people know it: a slot is no descriptor. */
static __always_inline __s32 uring_fd(const struct uring_work *w)
{
	return w->r.fixed ? -1 : w->r.fd;
}

#define IN_KERNEL(how) ((how) | TARGET_IN_KERNEL)

/* A descriptor that a request has made. */
static __always_inline __u64 uring_made(struct uring_work *w, __s32 fd)
{
	__u64 file = w->r.to_slot ? 0 : files_file(w->r.files, fd);

	if (file)
		open_begin(w->r.files, fd, OPEN_FD, file, ENDED_BY_EVICTED);
	return file;
}

/*
 * A record whose type is known only when it is made: fields and strings are filled in where they
 * will lie, and it is begun and emitted in one place.
 */
enum { RECORD_BYTES = 96 };

static __always_inline bool uring_record_begin(struct build *b, const struct uring_work *w,
					       const struct net_work *nw)
{
	if (!build_open(b, 0, 0))
		return false;
	header_begin_as(&b->s->header, w->r.type, nw->call.id, nw->call.ret, nw->call.by);
	b->s->header.flags |= nw->call.flags;
	__builtin_memset(b->s->payload, 0, RECORD_BYTES);
	return true;
}

#define uring_record(b, type)                                                                   \
	({                                                                                      \
		_Static_assert(sizeof(struct ev_##type) <= RECORD_BYTES, "larger than others"); \
		(b)->used = sizeof(struct ev_##type);                                           \
		(struct ev_##type *)(void *)(b)->s->payload;                                    \
	})

static __always_inline int uring_record_emit(struct build *b, const struct uring_work *w)
{
	opaque(b->used);
	opaque(b->strings);
	return emit_scratch(b->s, b->used, b->strings, classes_of_types[w->r.type], 0);
}

static __always_inline void uring_fill_open(struct build *b, struct uring_work *w,
					    struct net_work *nw)
{
	struct ev_open *e = uring_record(b, open);
	__u64 file = nw->call.done ? uring_made(w, nw->call.ret) : 0, at;

	/* The kernel sets the flag itself. */
	e->flags = w->r.args[0] & ~OPEN_LARGEFILE;
	e->mode = w->r.args[1];
	if (!file) {
		e->created = e->flags & (OPEN_CREAT | OPEN_TMPFILE) ? CREATED_UNKNOWN : CREATED_NO;
		build_target(b, e, uring_dir(w, w->r.fd), w->name_at[0], IN_KERNEL(TARGET_PATH));
		return;
	}
	file_identify(file, e);
	e->created = KLOAD(struct file, file, f_mode) & FMODE_CREATED_BIT ||
				     e->flags & OPEN_TMPFILE ?
			     CREATED_YES :
			     CREATED_NO;
	e->path = build_file_path(b, file);
	at = b->used;
	e->path_arg = build_kernel_string(b, w->name_at[0], PATH_BYTES);
	if (e->path_arg && e->path_arg == e->path && payload_same(b->s, at - e->path, at, e->path))
		e->path_arg = build_drop(b, e->path_arg);
	e->path_from = PATH_OBJECT;
	if (files_file(w->r.files, nw->call.ret) != file)
		build_flag(b, EV_RACED);
}

/* A request that names a file: its name is all there is. */
SEC("raw_tp/io_uring_complete")
int uring_tell_names(__u64 *ctx)
{
	struct uring_work *w = uring_work();
	struct net_work *nw = net_work();
	struct build b;

	if (!w || !nw || !uring_record_begin(&b, w, nw))
		return 0;
	switch (w->r.type) {
	case EV_open:
		uring_fill_open(&b, w, nw);
		break;
	case EV_unlink: {
		struct ev_unlink *e = uring_record(&b, unlink);

		e->flags = w->r.args[0];
		build_target(&b, e, uring_dir(w, w->r.fd), w->name_at[0], IN_KERNEL(TARGET_PATH));
		break;
	}
	case EV_mkdir: {
		struct ev_mkdir *e = uring_record(&b, mkdir);

		e->mode = w->r.args[0];
		build_target(&b, e, uring_dir(w, w->r.fd), w->name_at[0], IN_KERNEL(TARGET_PATH));
		break;
	}
	case EV_stat: {
		struct ev_stat *e = uring_record(&b, stat);

		e->fd = w->r.fd;
		e->flags = w->r.args[0];
		build_target_path(&b, e, uring_dir(w, w->r.fd), w->name_at[0],
				  IN_KERNEL(target_at(e->flags)));
		break;
	}
	case EV_rename: {
		struct ev_rename *e = uring_record(&b, rename);

		e->flags = w->r.args[0];
		build_target_of(&b, e, old, uring_dir(w, w->r.fd), w->name_at[0],
				IN_KERNEL(TARGET_PATH));
		build_target(&b, e, uring_dir(w, w->r.fd2), w->name_at[1], IN_KERNEL(TARGET_PATH));
		break;
	}
	case EV_link: {
		struct ev_link *e = uring_record(&b, link);

		e->flags = w->r.args[0];
		build_target_of(&b, e, old, uring_dir(w, w->r.fd), w->name_at[0],
				IN_KERNEL(target_at(e->flags)));
		build_target(&b, e, uring_dir(w, w->r.fd2), w->name_at[1], IN_KERNEL(TARGET_PATH));
		break;
	}
	default: {
		struct ev_symlink *e = uring_record(&b, symlink);

		e->link_target = build_kernel_string(&b, w->name_at[0], PATH_BYTES);
		build_target(&b, e, uring_dir(w, w->r.fd2), w->name_at[1], IN_KERNEL(TARGET_PATH));
	}
	}
	return uring_record_emit(&b, w);
}

/* Of a file that is open, without looking where: path, path_arg, path_from and which file it is. */
#define build_open_file(b, e, file)                   \
	({                                            \
		if (file)                             \
			file_identify(file, e);       \
		(e)->path = build_file_path(b, file); \
		(e)->path_arg = build_nothing(b);     \
		(e)->path_from = PATH_OBJECT;         \
	})

static __always_inline void uring_fill_setxattr(struct build *b, struct uring_work *w,
						struct net_work *nw)
{
	struct ev_setxattr *e = uring_record(b, setxattr);
	__u64 n;

	e->flags = w->r.args[0];
	if (w->r.op == URING_fsetxattr) {
		__u64 file = uring_file(w, nw);

		e->fd = uring_fd(w);
		build_open_file(b, e, file);
	} else {
		e->fd = FD_CWD;
		build_target_id(b, e, uring_dir(w, FD_CWD), w->name_at[0], IN_KERNEL(TARGET_PATH));
	}
	e->name = build_kernel_string(b, w->name_at[1], 256);
	n = w->r.data_bytes;
	opaque(n);
	n &= 127;
	if (n > DATA_BYTES || b->used > EV_MAX_PAYLOAD - 256)
		n = 0;
	if (n)
		bpf_probe_read_kernel(build_at(b), n, w->r.data);
	e->value = build_took(b, n, w->r.args[1]);
}

static __always_inline void uring_fill_close(struct build *b, struct uring_work *w,
					     struct net_work *nw)
{
	struct ev_close *e = uring_record(b, close);
	__u32 kind = w->r.fixed ? OPEN_SLOT : OPEN_FD;
	struct open_file *o = open_find(w->r.files, w->r.fd, kind);

	e->fd = uring_fd(w);
	if (!o || !o->file || nw->call.ret == NO_SUCH_FD || nw->call.flags & EV_PARTIAL)
		return;
	if (kind == OPEN_FD && o->file == files_file(w->r.files, w->r.fd)) {
		build_flag(b, EV_RACED);
		return;
	}
	e->inode = o->inode;
	e->dev = o->dev;
	open_end(o, w->r.fd, kind, ENDED_BY_CLOSE);
}

static __always_inline void uring_fill_pipe(struct build *b, struct uring_work *w,
					    struct net_work *nw)
{
	struct ev_pipe *e = uring_record(b, pipe);
	__s32 fds[2];
	__u64 file;

	e->fd = -1;
	e->fd2 = -1;
	e->flags = w->r.args[1];
	if (!nw->call.done || w->r.to_slot)
		return;
	if (!w->mine || bpf_probe_read_user(fds, sizeof(fds), (void *)w->r.args[0]) < 0) {
		build_flag(b, EV_FAULT);
		return;
	}
	e->fd = fds[0];
	e->fd2 = fds[1];
	file = uring_made(w, fds[0]);
	if (file)
		file_identify(file, e);
	uring_made(w, fds[1]);
}

static __always_inline void uring_fill_copy(struct build *b, struct uring_work *w,
					    struct net_work *nw)
{
	struct ev_copy *e = uring_record(b, copy);
	__u64 file, inode;

	e->fd = w->r.fd2;
	e->to_fd = uring_fd(w);
	e->count = w->r.args[0];
	file = files_file(w->r.files, e->fd);
	if (file)
		file_identify(file, e);
	file = uring_file(w, nw);
	if (!file)
		return;
	inode = file_inode(file);
	e->to_inode = KLOAD(struct inode, inode, i_ino);
	e->to_dev = KLOAD(struct super_block, KPTR(struct inode, inode, i_sb), s_dev);
}

/* A request about descriptors. */
SEC("raw_tp/io_uring_complete")
int uring_tell_files(__u64 *ctx)
{
	struct uring_work *w = uring_work();
	struct net_work *nw = net_work();
	struct build b;
	__u64 file;

	if (!w || !nw || !uring_record_begin(&b, w, nw))
		return 0;
	switch (w->r.type) {
	case EV_truncate: {
		struct ev_truncate *e = uring_record(&b, truncate);

		file = uring_file(w, nw);
		e->fd = uring_fd(w);
		e->size = w->r.args[0];
		build_open_file(&b, e, file);
		break;
	}
	case EV_setxattr:
		uring_fill_setxattr(&b, w, nw);
		break;
	case EV_close:
		uring_fill_close(&b, w, nw);
		break;
	case EV_dup: {
		struct ev_dup *e = uring_record(&b, dup);

		e->fd = -1;
		e->flags = w->r.args[0];
		file = nw->call.done ? uring_made(w, nw->call.ret) : 0;
		if (file)
			file_identify(file, e);
		break;
	}
	case EV_pipe:
		uring_fill_pipe(&b, w, nw);
		break;
	case EV_copy:
		uring_fill_copy(&b, w, nw);
		break;
	case EV_socket: {
		struct ev_socket *e = uring_record(&b, socket);

		e->fd = nw->call.done && !w->r.to_slot ? nw->call.ret : -1;
		e->fd2 = -1;
		e->family = w->r.args[0];
		e->sock_type = w->r.args[1];
		e->proto = w->r.args[2];
		file = nw->call.done ? uring_made(w, nw->call.ret) : 0;
		if (file)
			e->inode = KLOAD(struct inode, file_inode(file), i_ino);
		break;
	}
	default: {
		struct ev_shutdown *e = uring_record(&b, shutdown);

		file = uring_file(w, nw);
		e->fd = uring_fd(w);
		e->how = w->r.args[0];
		if (file)
			e->inode = KLOAD(struct inode, file_inode(file), i_ino);
	}
	}
	/* A close or a copy may only have been of use to others. */
	return type_is_wanted(w->r.type) ? uring_record_emit(&b, w) : 0;
}

/* A request about a socket and its addresses. */
SEC("raw_tp/io_uring_complete")
int uring_tell_sockets(__u64 *ctx)
{
	struct uring_work *w = uring_work();
	struct net_work *nw = net_work();
	__u64 file;
	struct build b;

	if (!w || !nw)
		return 0;
	file = uring_file(w, nw);
	if (w->r.type == EV_accept && nw->call.done && !w->r.to_slot)
		file = uring_made(w, nw->call.ret);
	sock_take(file);
	passed_take_from((__u64)w->data_at, w->r.data_bytes, true);
	switch (w->r.type) {
	case EV_accept: {
		bool known = nw->call.done && !w->r.to_slot;

		if (!known)
			nw->sock.inode = 0;
		else if (wants(flow) && nw->sock.proto == PROTO_TCP &&
			 nw->sock.family != FAMILY_UNIX)
			flow_accepted(nw->sock.sk, nw->sock.inode);
		names_take(nw, known);
		struct ev_accept *e = net_build(&b, accept, nw);

		sock_put(e, nw);
		e->listen_fd = uring_fd(w);
		e->unix_path = build_name(&b, nw);
		return build_emit(&b, accept);
	}
	case EV_listen: {
		own_is_addr(nw);
		names_take(nw, false);
		struct ev_listen *e = net_build(&b, listen, nw);

		sock_put(e, nw);
		e->fd = uring_fd(w);
		e->backlog = w->r.args[0];
		e->unix_path = build_name(&b, nw);
		return build_emit(&b, listen);
	}
	default: {
		if (w->r.type == EV_bind && nw->call.done) {
			nw->name_bytes = 0;
			own_is_addr(nw);
			names_take(nw, false);
		} else {
			passed_is_addr(nw);
		}
		struct ev_connect *e = net_build(&b, connect, nw);

		nw = net_work();
		if (!nw)
			return 0;
		b.s->header.type = w->r.type;
		sock_put(e, nw);
		e->fd = uring_fd(w);
		e->unix_path = build_name(&b, nw);
		return build_emit(&b, connect);
	}
	}
}

/* Data goes to or comes from a socket: what follows is what the call of that name does. */
SEC("raw_tp/io_uring_complete")
int uring_tell_transfers(__u64 *ctx)
{
	struct uring_work *w = uring_work();
	struct net_work *nw = net_work();
	__u64 file;

	if (!w || !nw)
		return 0;
	file = uring_file(w, nw);
	nw->call.args[0] = uring_fd(w);
	nw->call.args[1] = w->mine ? w->r.args[0] : 0;
	nw->call.args[2] = w->r.args[1];
	nw->call.args[3] = w->r.args[2];
	nw->call.args[4] = nw->call.args[5] = 0;
	if ((w->r.op == URING_sendmsg || w->r.op == URING_recvmsg || w->r.op == URING_sendmsg_zc) &&
	    nw->call.args[1])
		nw->call.variant = 'm';
	sock_take(file);
	nw->each.sent = w->r.type == EV_send;
	transfer_look();
	if (w->r.data_bytes) {
		passed_take_from((__u64)w->data_at, w->r.data_bytes, true);
		passed_is_peer(nw);
	}
	if (type_is_wanted(w->r.type))
		transfer_tell();
	return transfer_beyond(nw);
}

SEC("raw_tp/io_uring_complete")
int uring_tell_io(__u64 *ctx)
{
	struct uring_work *w = uring_work();
	struct net_work *nw = net_work();
	struct cpu_counts *own = cpu_counts();
	__u32 what, kind;
	__u64 file;

	if (!w || !nw || !own)
		return 0;
	what = w->r.type == EV_write ? IO_TELL_WRITE : 0;
	kind = w->r.fixed ? OPEN_SLOT : OPEN_FD;
	file = uring_file(w, nw);
	nw->call.args[0] = w->r.fd;
	nw->call.args[1] = w->mine ? w->r.args[0] : 0;
	nw->call.args[2] = w->r.args[1];
	if (w->r.op == URING_readv || w->r.op == URING_writev || w->r.op == URING_readv_fixed ||
	    w->r.op == URING_writev_fixed)
		nw->call.variant = 'v';
	if (w->r.fixed)
		what |= IO_TELL_SLOT;
	if (type_is_wanted(w->r.type))
		io_count(nw, own, w->r.files, file, kind, what);
	return io_has_dns(file) ? io_tell_dns(file, what) : 0;
}

#endif
