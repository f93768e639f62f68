/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* Memory: made executable, without a name, and that of another process. */
#ifndef REEL_BPF_MEM_BPF_H
#define REEL_BPF_MEM_BPF_H

#include "bpf/family.bpf.h"
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

/* What it was before is gone by now. */
static __always_inline int protect_tell(const struct call *c)
{
	struct build b;
	struct ev_mprotect *e = call_build(&b, mprotect, c);
	struct vma_found found = { .at = b.used };

	e->addr = c->args[0];
	e->length = c->args[1];
	e->prot = c->args[2];
	bpf_find_vma(bpf_get_current_task_btf(), e->addr, vma_take, &found, 0);
	e->inode = found.inode;
	e->dev = found.dev;
	e->path = build_put(&b, found.path);
	e->path_from = found.is_file ? PATH_OBJECT : PATH_PASSED;
	return build_emit(&b, mprotect);
}

/*
 * Files that are mapped executable, and memory that is made so. Most calls are neither, and have
 * cost little when that is known: all but the old mmap of i386 have the protection in the same
 * place.
 */
SEC("tp_btf/sys_exit")
int on_maps(__u64 *ctx)
{
	struct pt_regs *r = (struct pt_regs *)ctx[0];
	struct call_layout *l;
	struct call c;
	bool old_map;

	if (!call_open(&c))
		return 0;
	c.slot = slot_of(c.task, (__u32)r->orig_ax);
	l = bpf_map_lookup_elem(&layouts, &c.slot);
	if (!l)
		return 0;
	old_map = c.slot >= SLOTS_COMPAT && l->type == EV_mmap && l->variant != '2';
	if (!old_map && !(r->dx & PROT_EXEC_BIT) && !l->by_name)
		return call_no_event(&c, EV_CLASS_mem);
	call_take(&c, ctx);
	c.variant = l->variant;
	if (old_map && !map_take_narrow(&c))
		return call_is_other(&c, EV_CLASS_mem);
	if (!(c.args[2] & PROT_EXEC_BIT))
		return call_is_other(&c, EV_CLASS_mem);
	if (l->type == EV_mprotect)
		return protect_tell(&c);
	if (c.args[3] & MAP_ANONYMOUS_BIT)
		return call_is_other(&c, EV_CLASS_mem);
	return map_tell(&c);
}

/* Roles: name, flags. */
FILLER(memfd_create)
{
	__u64 file = call_worked(c) ? task_file(c->task, c->ret) : 0;

	e->flags = call_arg(c, 1);
	if (file)
		file_identify(file, e);
	e->name = build_user_string(b, call_arg(c, 0), 256);
	return true;
}

/* Where the other's memory begins that is read or written, and how much is asked for. */
static __always_inline bool fill_remote(const struct call *c, struct build *b,
					struct ev_process_vm_readv *e)
{
	struct iovec_compat narrow = { 0 };
	struct iovec_user wide = { 0 };
	__u64 iov = call_arg(c, 3);
	__u32 n = call_arg(c, 4);

	e->target = call_arg(c, 0);
	if (!n)
		return true;
	if (call_narrow(c) ? bpf_probe_read_user(&narrow, sizeof(narrow), (void *)iov) :
			     bpf_probe_read_user(&wide, sizeof(wide), (void *)iov))
		build_flag(b, EV_FAULT);
	e->addr = wide.base | narrow.base;
	e->count = user_iovecs_total(b->s, iov, n, call_narrow(c));
	return true;
}

FILLER(ptrace)
{
	e->request = call_arg(c, 0);
	e->target = call_arg(c, 1);
	e->addr = call_arg(c, 2);
	e->data = call_arg(c, 3);
	return true;
}

FILLER(userfaultfd)
{
	e->flags = call_arg(c, 0);
	return true;
}

/* Both directions have the same fields. */
#define fill_process_vm_readv fill_remote
#define fill_process_vm_writev(c, b, e) fill_remote(c, b, (void *)(e))

FILLED_FAMILY(memory, EV_CLASS_mem,
	      FILLED(memfd_create) FILLED(process_vm_readv) FILLED(process_vm_writev) FILLED(ptrace)
		      FILLED(userfaultfd))

#endif
