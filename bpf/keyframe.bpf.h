/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * How things are: iterators over processes, their files and their executable maps. They write the
 * same records as the hooks, but into the iterator's own file, which a thread of the recorder
 * reads.
 *
 * Processes in scope have all of it, others nothing but that they are there, as the ancestors of
 * somebody.
 */
#ifndef REEL_BPF_KEYFRAME_BPF_H
#define REEL_BPF_KEYFRAME_BPF_H

#include "bpf/exec.bpf.h"

enum { EXIT_ZOMBIE_STATE = 0x20, PFA_NO_NEW_PRIVS_BIT = 0, VM_EXEC_FLAG = 4 };

/* The processes above the command, or above those chosen by pid: set by the recorder. */
__u32 keyframe_ancestors[ANCESTORS_TOLD];

static __always_inline struct ev_header *keyframe_header(struct build *b, struct task_struct *task,
							 __u8 type)
{
	struct ev_header *h = &b->s->header;

	h->ts = bpf_ktime_get_boot_ns();
	h->seq = 0;
	h->ret = 0;
	h->pid = task->tgid;
	h->tid = task->pid;
	h->cpu = EV_NO_CPU;
	h->call = 0;
	h->type = type;
	h->flags = EV_KEYFRAME;
	return h;
}

#define keyframe_begin(b, type, task)                                    \
	({                                                               \
		if (!build_open(b, EV_##type, sizeof(struct ev_##type))) \
			return 0;                                        \
		keyframe_header(b, task, EV_##type);                     \
		struct ev_##type *fixed_ = (void *)(b)->s->payload;      \
		__builtin_memset(fixed_, 0, sizeof(*fixed_));            \
		fixed_;                                                  \
	})

static __always_inline void keyframe_emit(struct build *b, struct seq_file *seq)
{
	struct scratch *s = b->s;
	__u64 used = b->used;

	if (s->header.flags & EV_TRUNCATED) {
		for (__u32 i = 0; i < EV_MAX_STRINGS && i < b->strings; i++) {
			__builtin_memcpy(&s->payload[in_payload(used)], &s->true_lengths[i], 4);
			used += 4;
		}
	}
	opaque(used);
	if (used > EV_MAX_PAYLOAD)
		return;
	s->header.length = used;
	bpf_seq_write(seq, s, sizeof(s->header) + used);
}

/* Where there is a scope: in it, or the parent, at any distance, of one that is. */
static __always_inline bool keyframe_wants(struct task_struct *task)
{
	struct task_note *note;

	if (!config.scope)
		return true;
	note = bpf_task_storage_get(&notes, task, NULL, 0);
	/* One that has been idle so far is looked at here for the first time. */
	return (note ? note->scope : scope_find(task)) == SCOPE_IN;
}

/* Is it above the command? Its children's notes cannot be asked, but its descendant is known. */
static __always_inline bool is_ancestor(struct task_struct *task)
{
	__u32 pid = task->tgid;

	for (int i = 0; i < ANCESTORS_TOLD; i++)
		if (keyframe_ancestors[i] == pid)
			return true;
	return false;
}

static __always_inline void keyframe_cred(struct ev_process *e, const struct cred *cred)
{
	e->cap_effective = cred_caps(cred, cap_effective);
	e->cap_permitted = cred_caps(cred, cap_permitted);
	e->cap_inheritable = cred_caps(cred, cap_inheritable);
	e->cap_bounding = cred_caps(cred, cap_bset);
	e->cap_ambient = cred_caps(cred, cap_ambient);
	e->uid = cred->uid.val;
	e->euid = cred->euid.val;
	e->suid = cred->suid.val;
	e->fsuid = cred->fsuid.val;
	e->gid = cred->gid.val;
	e->egid = cred->egid.val;
	e->sgid = cred->sgid.val;
	e->fsgid = cred->fsgid.val;
}

/* The number of a process group or a session, as the initial namespace has it. */
static __always_inline __u32 group_pid(__u64 signal, int type)
{
	return pid_at_level(kload_pointer(signal +
					  bpf_core_field_offset(struct signal_struct, pids) +
					  8 * type),
			    0);
}

/* Memory of another process; a page that has to be fetched first is fetched. */
static __always_inline __u16 build_foreign(struct build *b, struct task_struct *task, __u64 from,
					   __u64 to, __u32 limit)
{
	__u64 bytes = to > from ? to - from : 0, n = bytes > limit ? limit : bytes;

	if (b->used > EV_MAX_PAYLOAD - 2 * STRING_BYTES_MAX)
		return build_took(b, 0, bytes);
	n &= STRING_BYTES_MAX - 1;
	if (n && bpf_copy_from_user_task(build_at(b), n, (void *)from, task, 0) < 0) {
		build_flag(b, EV_FAULT);
		return build_nothing(b);
	}
	return build_took(b, n, bytes > EV_UNKNOWN_LENGTH ? EV_UNKNOWN_LENGTH : bytes);
}

static __always_inline int keyframe_process(struct seq_file *seq, struct task_struct *task)
{
	struct build b;
	struct ev_process *e = keyframe_begin(&b, process, task);
	__u64 signal = kload_pointer((__u64)&task->signal), tty, fs, exe, driver;
	__u64 mm = kload_pointer((__u64)&task->mm);
	struct task_struct *parent = task->real_parent;

	e->start = task_start(task);
	e->parent_start = parent->group_leader->start_boottime;
	e->ppid = parent->tgid;
	e->cgroup = task_cgroup(task);
	e->vpid = task_vpid(task);
	e->pgid = group_pid(signal, 2);
	e->sid = group_pid(signal, 3);
	tty = KPTR(struct signal_struct, signal, tty);
	if (tty) {
		driver = KPTR(struct tty_struct, tty, driver);
		e->tty = KLOAD(struct tty_driver, driver, major) << 20 |
			 (KLOAD(struct tty_driver, driver, minor_start) +
			  KLOAD(struct tty_struct, tty, index));
	}
	e->loginuid = task->loginuid.val;
	e->sessionid = task->sessionid;
	keyframe_cred(e, task->cred);
	task_namespaces(task, e);
	e->kernel_thread = (task->flags & PF_KTHREAD) != 0;
	e->seccomp_mode = task->seccomp.mode;
	e->no_new_privs = task->atomic_flags >> PFA_NO_NEW_PRIVS_BIT & 1;
	e->zombie = (task->exit_state & EXIT_ZOMBIE_STATE) != 0;
	e->comm = build_kernel_string(&b, (__u64)&task->comm, 16);
	exe = mm ? KPTR(struct mm_struct, mm, exe_file) : 0;
	if (exe)
		file_identify(exe, e);
	e->exe = exe ? build_file_path(&b, exe) : build_nothing(&b);
	e->argv = mm ? build_foreign(&b, task, KLOAD(struct mm_struct, mm, arg_start),
				     KLOAD(struct mm_struct, mm, arg_end), config.max_arg) :
		       build_nothing(&b);
	fs = kload_pointer((__u64)&task->fs);
	e->cwd = fs ? build_path(&b, KPTR(struct fs_struct, fs, pwd.mnt),
				 KPTR(struct fs_struct, fs, pwd.dentry)) :
		      build_nothing(&b);
	e->root = fs ? build_path(&b, KPTR(struct fs_struct, fs, root.mnt),
				  KPTR(struct fs_struct, fs, root.dentry)) :
		       build_nothing(&b);
	/* "/" is nothing to add. */
	if (e->root == 1)
		e->root = build_drop(&b, 1);
	e->env = config.env && mm ?
			 build_foreign(&b, task, KLOAD(struct mm_struct, mm, env_start),
				       KLOAD(struct mm_struct, mm, env_end), STRING_BYTES_MAX - 1) :
			 build_nothing(&b);
	keyframe_emit(&b, seq);
	return 0;
}

static __always_inline int keyframe_thread(struct seq_file *seq, struct task_struct *task)
{
	struct build b;
	struct ev_task *e = keyframe_begin(&b, task, task);

	e->start = task_start(task);
	e->vpid = task_vpid(task);
	e->comm = build_kernel_string(&b, (__u64)&task->comm, 16);
	keyframe_emit(&b, seq);
	return 0;
}

/* Blocked in the kernel with the number of a call: that call it is in. */
static __always_inline int keyframe_inflight(struct seq_file *seq, struct task_struct *task)
{
	struct pt_regs *r = (struct pt_regs *)bpf_task_pt_regs(task);
	struct build b;
	struct ev_inflight *e;

	if ((task->flags & PF_KTHREAD) || task->on_cpu || !task->__state || (__s32)r->orig_ax < 0 ||
	    task->exit_state)
		return 0;
	e = keyframe_begin(&b, inflight, task);
	if (task->thread_info.status & TS_COMPAT) {
		b.s->header.call = EV_CALL(EV_ABI_COMPAT, (__u32)r->orig_ax);
		e->arg1 = (__u32)r->bx;
		e->arg2 = (__u32)r->cx;
		e->arg3 = (__u32)r->dx;
		e->arg4 = (__u32)r->si;
		e->arg5 = (__u32)r->di;
		e->arg6 = (__u32)r->bp;
	} else {
		b.s->header.call = EV_CALL(r->orig_ax & X32_BIT ? EV_ABI_X32 : EV_ABI_NATIVE,
					   (__u32)r->orig_ax & ~X32_BIT);
		e->arg1 = r->di;
		e->arg2 = r->si;
		e->arg3 = r->dx;
		e->arg4 = r->r10;
		e->arg5 = r->r8;
		e->arg6 = r->r9;
	}
	keyframe_emit(&b, seq);
	return 0;
}

SEC("iter.s/task")
int keyframe_task(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct seq_file *seq = ctx->meta->seq;
	bool wanted;

	if (!task)
		return 0;
	wanted = keyframe_wants(task);
	if (task->pid == task->tgid) {
		if (wanted || is_ancestor(task))
			keyframe_process(seq, task);
	} else if (wanted) {
		keyframe_thread(seq, task);
	}
	if (wanted)
		keyframe_inflight(seq, task);
	return 0;
}

SEC("iter/task_file")
int keyframe_file(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct seq_file *seq = ctx->meta->seq;
	__u64 file, inode;
	__u32 fd = ctx->fd;
	struct ev_fd *e;
	struct build b;

	if (!task || !keyframe_wants(task))
		return 0;
	file = task_file(task, fd);
	if (!file)
		return 0;
	e = keyframe_begin(&b, fd, task);
	inode = file_inode(file);
	file_identify(file, e);
	e->fd = fd;
	e->flags = KLOAD(struct file, file, f_flags);
	e->mode = KLOAD(struct inode, inode, i_mode);
	e->path = build_file_path(&b, file);
	keyframe_emit(&b, seq);
	return 0;
}

SEC("iter/task_vma")
int keyframe_map(struct bpf_iter__task_vma *ctx)
{
	struct task_struct *task = ctx->task;
	struct vm_area_struct *vma = ctx->vma;
	struct seq_file *seq = ctx->meta->seq;
	struct ev_map *e;
	struct build b;
	__u64 file;

	if (!task || !vma || !(vma->vm_flags & VM_EXEC_FLAG) || !keyframe_wants(task))
		return 0;
	file = kload_pointer((__u64)&vma->vm_file);
	if (!file)
		return 0;
	e = keyframe_begin(&b, map, task);
	file_identify(file, e);
	e->addr = vma->vm_start;
	e->length = vma->vm_end - vma->vm_start;
	e->prot = vma->vm_flags & 7;
	e->path = build_file_path(&b, file);
	keyframe_emit(&b, seq);
	return 0;
}

#endif
