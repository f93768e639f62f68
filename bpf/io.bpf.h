/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Data is read and written.
 *
 * By default the first read and the first write of an open file are events, and the first of each
 * that fails: a program that asks a descriptor again and again would else hide behind its first
 * EAGAIN what it got later. All others are folded into the entry of the file (files.bpf.h), failed
 * ones as a call without bytes. A call is in an event or in a fold, never in both, so that the sum
 * of both is what happened. Where the map of entries is full each call is an event.
 */
#ifndef REEL_BPF_IO_BPF_H
#define REEL_BPF_IO_BPF_H

#include "bpf/files.bpf.h"
#include "bpf/net.bpf.h"

enum { FILE_WRITES = 2 };

static __always_inline __u32 io_seen_bit(enum io_direction direction, __s64 ret)
{
	return (direction == IO_READ ? SEEN_READ : SEEN_WRITE) << (ret < 0 ? 2 : 0);
}

/* One call more in an entry. Threads on other CPUs may do the same at the same time. */
static __always_inline void io_fold(struct open_file *o, enum io_direction direction, __s64 ret)
{
	__sync_fetch_and_add(direction == IO_READ ? &o->reads : &o->writes, 1);
	if (ret > 0)
		__sync_fetch_and_add(direction == IO_READ ? &o->read_bytes : &o->written_bytes,
				     ret);
	o->last = ticks_now_ns();
	if (!o->first)
		o->first = bpf_ktime_get_boot_ns();
}

/* Of an io that becomes an event: the entry of its file, made where there is none. */
static __always_inline struct open_file *io_entry(__u64 files, __s32 fd, __u32 kind, __u64 file)
{
	struct open_file *o;

	if (!file)
		return NULL;
	o = open_find(files, fd, kind);
	if (o && o->file == file)
		return o;
	open_begin(files, fd, kind, file, ENDED_BY_EVICTED);
	o = open_find(files, fd, kind);
	return o && o->file == file ? o : NULL;
}

/*
 * The event of the call in the work: its arguments are fd, address, bytes or iovecs. Variant 'v':
 * the data lies in iovecs. Returns whether a filter of paths has dropped it.
 */
enum { IO_TELL_WRITE = 1, IO_TELL_PATH = 2, IO_TELL_SLOT = 4 };
__noinline int io_tell(__u64 files, __u64 file, __u32 what)
{
	bool written = what & IO_TELL_WRITE;
	__u32 keep = config.io == IO_ALL || written ? config.content : 0;
	struct net_work *w = net_work();
	struct build b;
	struct ev_read *e;
	__u64 total = 0;
	bool unwanted;

	if (!w)
		return 0;
	e = net_build(&b, read, w);
	if (written)
		b.s->header.type = EV_write;
	e->fd = what & IO_TELL_SLOT ? -1 : (__s32)w->call.args[0];
	e->count = w->call.args[2];
	e->path_from = PATH_OBJECT;
	if (file)
		file_identify(file, e);
	e->path = what & IO_TELL_PATH ? build_file_path(&b, file) : build_nothing(&b);
	if (w->call.variant == 'v') {
		e->content = build_user_iovecs(&b, w->call.args[1], w->call.args[2], w->call.narrow,
					       keep ? w->call.moved : 0, keep, &total);
		e->count = total;
	} else {
		e->content = build_user_bytes(&b, w->call.args[1], keep ? w->call.moved : 0, keep);
	}
	if (file && !(what & IO_TELL_SLOT) && files_file(files, e->fd) != file)
		build_flag(&b, EV_RACED);
	unwanted = config.n_paths && !path_is_wanted(b.s);
	build_emit(&b, read);
	return unwanted;
}

/* Does DNS go over this socket? */
static __always_inline bool io_has_dns(__u64 file)
{
	__u64 socket, sk;

	if (!config.dns || !wants(dns))
		return false;
	socket = file_socket(file);
	sk = socket ? KPTR(struct socket, socket, sk) : 0;
	return sk && (KLOAD(struct sock, sk, __sk_common.skc_num) == PORT_DNS ||
		      KLOAD(struct sock, sk, __sk_common.skc_dport) == __builtin_bswap16(PORT_DNS));
}

/* What the call in the work has read or written is a DNS message. */
__noinline int io_tell_dns(__u64 file, __u32 what)
{
	struct net_work *w = net_work();

	if (!w)
		return 0;
	__builtin_memset(&w->message, 0, sizeof(w->message));
	w->message.iov = w->call.args[1];
	w->message.room = w->message.n_iov = w->call.args[2];
	w->message.in_iovecs = w->call.variant == 'v';
	w->message.bytes = w->call.moved;
	w->each.sent = what & IO_TELL_WRITE;
	/* No flags. */
	w->call.args[3] = 0;
	sock_take(file);
	if (sock_has_dns(w) && dns_counts(w))
		dns_tell();
	return 0;
}

/* An event, or one more in the entry of its file. */
static __always_inline int io_count(struct net_work *w, struct cpu_counts *own, __u64 files,
				    __u64 file, __u32 kind, __u32 what)
{
	enum io_direction direction = what & IO_TELL_WRITE ? IO_WRITE : IO_READ;
	__u32 bit = io_seen_bit(direction, w->call.ret), was = 0;
	struct open_file *o;

	o = w->call.flags & EV_BLOCKED ? NULL : io_entry(files, w->call.args[0], kind, file);
	if (o)
		was = __sync_fetch_and_or(&o->seen, bit);
	if (o && was & SEEN_UNWANTED) {
		own->filtered[EV_CLASS_io]++;
		return 0;
	}
	/* The bit may be another thread's that was first. */
	if (o && config.io == IO_FIRST && was & bit) {
		io_fold(o, direction, w->call.ret);
		own->folded[EV_CLASS_io]++;
		return 0;
	}
	ticks_set();
	if (config.io == IO_FIRST || !(was & SEEN_ANY))
		what |= IO_TELL_PATH;
	if (io_tell(files, file, what) && o)
		__sync_fetch_and_or(&o->seen, SEEN_UNWANTED);
	return 0;
}

/* A call that is not folded at once. */
SEC("tp_btf/sys_exit")
int on_io(__u64 *ctx)
{
	struct net_work *w = net_work();
	struct call_layout *l;
	struct call c;
	__u64 files, file;
	__u32 what;

	if (!w || !call_read(&c, ctx))
		return 0;
	l = bpf_map_lookup_elem(&layouts, &c.slot);
	if (!l)
		return 0;
	net_take_call(w, &c);
	w->call.variant = l->variant;
	for (int i = 0; i < 3; i++)
		w->call.args[i] = w->call.raw[i];
	what = l->type == EV_write ? IO_TELL_WRITE : 0;
	files = task_files(c.task);
	file = files_file(files, (__s32)w->call.args[0]);
	if (what ? wants(write) : wants(read))
		io_count(w, c.counts, files, file, OPEN_FD, what);
	else
		call_no_event(&c, EV_CLASS_io);
	return io_has_dns(file) ? io_tell_dns(file, what) : 0;
}

/*
 * The way of almost every call, in the hook itself: only what it needs is looked at. Returns false
 * for a call that must be looked at whole.
 */
static __always_inline bool io_folded(__u64 *ctx, struct task_struct *task, struct cpu_counts *own,
				      enum io_direction direction)
{
	struct pt_regs *r = (struct pt_regs *)ctx[0];
	bool compat = task->thread_info.status & TS_COMPAT;
	__s32 fd = compat ? r->bx : r->di;
	__s64 ret = compat ? (__s32)ctx[1] : ctx[1];
	__u64 files = task_files(task);
	struct open_file *o = open_find(files, fd, OPEN_FD);

	if (!o || !o->file || o->file != files_file(files, fd))
		return false;
	if (!(o->seen & io_seen_bit(direction, ret)) || o->seen & SEEN_UNWANTED)
		return false;
	if (o->seen & SEEN_SOCKET && io_has_dns(o->file))
		return false;
	/* It may be one that seccomp refused. */
	if (ret == (__u32)r->orig_ax && task->seccomp.mode >= 2)
		return false;
	io_fold(o, direction, ret);
	own->folded[EV_CLASS_io]++;
	return true;
}

/* Roles: fd, to_fd, count. Variant 'v', vmsplice: from or to memory, as the pipe's end says. */
HANDLER_ROLES(copy)
{
	struct ev_copy e = { .fd = c->args[0], .to_fd = c->args[1], .count = c->args[2] };
	__u64 from, to;

	if (c->variant == 'v') {
		__u64 pipe = task_file(c->task, e.fd);

		if (pipe && KLOAD(struct file, pipe, f_mode) & FILE_WRITES) {
			e.to_fd = e.fd;
			e.fd = -1;
		} else {
			e.to_fd = -1;
		}
		e.count = user_iovecs_total(cpu_scratch(), c->args[1], c->args[2], call_narrow(c));
	}
	from = task_file(c->task, e.fd);
	to = task_file(c->task, e.to_fd);
	if (from)
		file_identify(from, &e);
	if (to) {
		__u64 inode = file_inode(to);

		e.to_inode = KLOAD(struct inode, inode, i_ino);
		e.to_dev = KLOAD(struct super_block, KPTR(struct inode, inode, i_sb), s_dev);
	}
	return call_emit_fixed(copy, c, &e);
}

#endif
