/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* Memory: made executable, without a name, and that of another process. */
#ifndef REEL_BPF_MEM_BPF_H
#define REEL_BPF_MEM_BPF_H

#include "bpf/iovec.bpf.h"
#include "bpf/path.bpf.h"

enum { PROT_EXEC_BIT = 4, MAP_ANONYMOUS_BIT = 0x20 };

/* Old i386 programs pass one pointer, to this. */
struct map_narrow {
	__u32 addr, length, prot, flags, fd, offset;
};

static __always_inline bool map_take_narrow(struct call *c)
{
	struct map_narrow m;

	if (bpf_probe_read_user(&m, sizeof(m), (void *)c->args[0]) < 0)
		return false;
	c->args[1] = m.length;
	c->args[2] = m.prot;
	c->args[3] = m.flags;
	c->args[4] = m.fd;
	c->args[5] = m.offset;
	return true;
}

static __always_inline int map_tell(const struct call *c)
{
	struct build b;
	struct ev_mmap *e = call_build(&b, mmap, c);
	__u64 file;

	e->length = c->args[1];
	e->prot = c->args[2];
	e->flags = c->args[3];
	e->fd = c->args[4];
	/* mmap2 counts pages. */
	e->offset = c->variant == '2' ? c->args[5] << 12 : c->args[5];
	file = task_file(c->task, e->fd);
	if (file)
		file_identify(file, e);
	e->path = build_file_path(&b, file);
	e->path_arg = build_nothing(&b);
	e->path_from = file ? PATH_OBJECT : PATH_PASSED;
	if (file && task_file(c->task, e->fd) != file)
		build_flag(&b, EV_RACED);
	return build_emit(&b, mmap);
}

/* Executable files alone. Most calls are none, and have cost little when that is known. */
SEC("tp_btf/sys_exit")
int on_mmap(__u64 *ctx)
{
	struct pt_regs *r = (struct pt_regs *)ctx[0];
	struct call_layout *l;
	struct call c;

	if (!call_open(&c))
		return 0;
	c.compat = c.task->thread_info.status & TS_COMPAT;
	if (!c.compat && !(r->dx & PROT_EXEC_BIT))
		return call_no_event(&c, EV_CLASS_mem);
	if (!call_begin(&c, ctx, EV_CLASS_mem))
		return 0;
	l = bpf_map_lookup_elem(&layouts, &c.slot);
	c.variant = l ? l->variant : 0;
	if (c.compat && c.variant != '2' && !map_take_narrow(&c))
		return call_no_event(&c, EV_CLASS_mem);
	if (!(c.args[2] & PROT_EXEC_BIT) || (c.args[3] & MAP_ANONYMOUS_BIT))
		return call_no_event(&c, EV_CLASS_mem);
	return map_tell(&c);
}

/* What the memory at an address shows; the file stays while the kernel holds the map for us. */
struct vma_found {
	__u64 at; /* in payload */
	__u64 inode;
	__u32 dev;
	__u32 path; /* as file_put() says it */
	__u32 is_file;
};

static long vma_take(struct task_struct *task, struct vm_area_struct *vma, struct vma_found *f)
{
	__u64 file = kload_pointer((__u64)&vma->vm_file);

	if (!file)
		return 0;
	f->is_file = 1;
	file_identify(file, f);
	f->path = file_put(cpu_scratch(), file, f->at);
	return 0;
}

/* Memory that is made executable; what it was before is gone by now. */
SEC("tp_btf/sys_exit")
int on_mprotect(__u64 *ctx)
{
	struct pt_regs *r = (struct pt_regs *)ctx[0];
	struct vma_found found = { 0 };
	struct ev_mprotect *e;
	struct build b;
	struct call c;

	/* i386 has it in the same register. */
	if (!(r->dx & PROT_EXEC_BIT)) {
		if (call_open(&c))
			call_no_event(&c, EV_CLASS_mem);
		return 0;
	}
	if (!call_begin(&c, ctx, EV_CLASS_mem))
		return 0;
	e = call_build(&b, mprotect, &c);
	e->addr = c.args[0];
	e->length = c.args[1];
	e->prot = c.args[2];
	found.at = b.used;
	bpf_find_vma(bpf_get_current_task_btf(), e->addr, vma_take, &found, 0);
	e->inode = found.inode;
	e->dev = found.dev;
	e->path = build_put(&b, found.path);
	e->path_from = found.is_file ? PATH_OBJECT : PATH_PASSED;
	return build_emit(&b, mprotect);
}

/* Roles: name, flags. */
HANDLER_ROLES(memfd_create)
{
	struct build b;
	struct ev_memfd_create *e = call_build(&b, memfd_create, c);
	__u64 file = call_worked(c) ? task_file(c->task, c->ret) : 0;

	e->flags = call_arg(c, 1);
	if (file)
		file_identify(file, e);
	e->name = build_user_string(&b, call_arg(c, 0), 256);
	return build_emit(&b, memfd_create);
}

/* Where the other's memory begins that is read or written, and how much is asked for. */
static __always_inline __u64 remote_begin(const struct call *c, __u8 *flags)
{
	struct iovec_compat narrow = { 0 };
	struct iovec_user wide = { 0 };

	if (!c->args[4])
		return 0;
	if (call_narrow(c)) {
		if (bpf_probe_read_user(&narrow, sizeof(narrow), (void *)c->args[3]) < 0)
			*flags |= EV_FAULT;
		return narrow.base;
	}
	if (bpf_probe_read_user(&wide, sizeof(wide), (void *)c->args[3]) < 0)
		*flags |= EV_FAULT;
	return wide.base;
}

#define REMOTE_HANDLER(type)                                                                       \
	HANDLER(type)                                                                              \
	{                                                                                          \
		__u8 flags = c->flags;                                                             \
		fixed_new(type, e);                                                                \
                                                                                                   \
		e.target = call_arg(c, 0);                                                         \
		e.addr = remote_begin(c, &flags);                                                  \
		e.count = user_iovecs_total(cpu_scratch(), call_arg(c, 3), call_arg(c, 4),         \
					    call_narrow(c));                                       \
		return emit_fixed_flags(EV_##type, class_of_##type, ring_of_##type, c->id, c->ret, \
					flags, &e, sizeof(e));                                     \
	}

REMOTE_HANDLER(process_vm_readv)
REMOTE_HANDLER(process_vm_writev)

HANDLER(ptrace)
{
	fixed_new(ptrace, e);

	e.request = call_arg(c, 0);
	e.target = call_arg(c, 1);
	e.addr = call_arg(c, 2);
	e.data = call_arg(c, 3);
	return call_emit_fixed(ptrace, c, &e);
}

HANDLER(userfaultfd)
{
	fixed_new(userfaultfd, e);

	e.flags = call_arg(c, 0);
	return call_emit_fixed(userfaultfd, c, &e);
}

#endif
