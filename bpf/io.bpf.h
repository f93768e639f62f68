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
#include "bpf/iovec.bpf.h"

enum { FILE_WRITES = 2 };
enum io_direction { IO_READ, IO_WRITE };

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

/* Variant 'v': the data lies in iovecs. */
static __always_inline int io_event(const struct call *c, enum io_direction direction, __u64 file,
				    bool with_path)
{
	struct build b;
	struct ev_read *e;
	__u64 had = c->ret > 0 ? c->ret : 0, total = 0;
	__u32 keep = config.io == IO_ALL || direction == IO_WRITE ? config.content : 0;

	if (direction == IO_READ)
		e = (struct ev_read *)call_build(&b, read, c);
	else
		e = (struct ev_read *)call_build(&b, write, c);
	e->fd = c->args[0];
	e->count = c->args[2];
	if (file)
		file_identify(file, e);
	e->path_from = PATH_OBJECT;
	e->path = with_path ? build_file_path(&b, file) : build_nothing(&b);
	if (c->flags & EV_BLOCKED)
		had = 0;
	if (c->variant == 'v') {
		e->content = build_user_iovecs(&b, c->args[1], c->args[2], call_narrow(c),
					       keep ? had : 0, keep, &total);
		e->count = total;
	} else {
		e->content = build_user_bytes(&b, c->args[1], keep ? had : 0, keep);
	}
	if (file && task_file(c->task, e->fd) != file)
		build_flag(&b, EV_RACED);
	return direction == IO_READ ? build_emit(&b, read) : build_emit(&b, write);
}

/* The second half of a call that is not folded at once. */
static __always_inline int io_call(__u64 *ctx, enum io_direction direction)
{
	struct open_file *o;
	struct call_layout *l;
	struct call c;
	__u64 file, files;
	__u32 bit, was = 0;

	if (!call_read(&c, ctx))
		return 0;
	if (!(direction == IO_READ ? wants(read) : wants(write)))
		return call_no_event(&c, EV_CLASS_io);
	l = bpf_map_lookup_elem(&layouts, &c.slot);
	if (!l)
		return 0;
	c.variant = l->variant;
	c.args[0] = (__s32)c.args[0];
	files = task_files(c.task);
	file = files_file(files, c.args[0]);
	o = c.flags & EV_BLOCKED ? NULL : io_entry(files, c.args[0], OPEN_FD, file);
	if (o) {
		bit = io_seen_bit(direction, c.ret);
		was = __sync_fetch_and_or(&o->seen, bit);
		/* Another thread was first. */
		if (config.io == IO_FIRST && was & bit) {
			io_fold(o, direction, c.ret);
			c.counts->folded[EV_CLASS_io]++;
			return 0;
		}
	}
	ticks_set();
	return io_event(&c, direction, file, config.io == IO_FIRST || !(was & (SEEN_SOCKET - 1)));
}

/*
 * The way of almost every call: only what it needs is looked at. Returns false for a call that must
 * be looked at whole.
 */
static __always_inline bool io_folded(__u64 *ctx, struct task_struct *task, struct cpu_counts *own,
				      enum io_direction direction)
{
	struct pt_regs *r = (struct pt_regs *)ctx[0];
	bool compat = task->thread_info.status & TS_COMPAT;
	__s32 fd = compat ? r->bx : r->di;
	__s64 ret = compat ? (__s32)ctx[1] : ctx[1];
	struct open_file *o;

	if (config.io != IO_FIRST)
		return false;
	o = open_find(task_files(task), fd, OPEN_FD);
	if (!o || !o->file || o->file != task_file(task, fd))
		return false;
	if (!(o->seen & io_seen_bit(direction, ret)))
		return false;
	/* It may be one that seccomp refused. */
	if (ret == (__u32)r->orig_ax && task->seccomp.mode >= 2)
		return false;
	io_fold(o, direction, ret);
	own->folded[EV_CLASS_io]++;
	return true;
}

static __always_inline bool io_wanted(__u64 *ctx, struct task_struct *task, struct cpu_counts *own)
{
	__u32 scope = task_scope(task);

	if (scope == SCOPE_IN)
		return true;
	if (config.scope && scope == SCOPE_UNKNOWN)
		bpf_tail_call(ctx, &handlers, SLOT_SCOPE);
	own->filtered[EV_CLASS_io]++;
	return false;
}

#define IO_HANDLER(type, direction)                                                     \
	SEC("tp_btf/sys_exit")                                                          \
	int on_##type(__u64 *ctx)                                                       \
	{                                                                               \
		struct task_struct *task = bpf_get_current_task_btf();                  \
		struct cpu_counts *own = cpu_counts();                                  \
                                                                                        \
		if (!own)                                                               \
			return 0;                                                       \
		if (!io_wanted(ctx, task, own) || io_folded(ctx, task, own, direction)) \
			return 0;                                                       \
		return io_call(ctx, direction);                                         \
	}

IO_HANDLER(read, IO_READ)
IO_HANDLER(write, IO_WRITE)

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
