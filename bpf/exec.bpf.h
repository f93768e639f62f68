/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* Processes execute programs: what was passed, what then runs, and as whom. */
#ifndef REEL_BPF_EXEC_BPF_H
#define REEL_BPF_EXEC_BPF_H

#include "bpf/process.bpf.h"

/* A path that the kernel has copied: as it was passed, or behind the working directory. */
static __always_inline __u16 build_beneath_cwd(struct build *b, struct task_struct *task,
					       __u64 name, __u8 *ret_from)
{
	__u64 start = b->used;
	__u32 n, m;
	long got;
	char first = 0;

	if (start > EV_MAX_PAYLOAD - 2 * PATH_BYTES)
		return build_took(b, 0, EV_UNKNOWN_LENGTH);
	bpf_probe_read_kernel(&first, 1, (void *)name);
	if (first == '/') {
		*ret_from = PATH_PASSED;
		return build_kernel_string(b, name, PATH_BYTES);
	}
	n = walk_put(b->s, kload_pointer((__u64)&task->fs->pwd.mnt),
		     kload_pointer((__u64)&task->fs->pwd.dentry), start) &
	    (PATH_BYTES - 1);
	if (n > 1)
		b->s->payload[in_payload(start + n++)] = '/';
	n &= PATH_BYTES - 1;
	got = bpf_probe_read_kernel_str(&b->s->payload[in_payload(start + n)], PATH_BYTES,
					(void *)name);
	m = got > 0 ? (got - 1) & (PATH_BYTES - 1) : 0;
	*ret_from = PATH_DIR_NAME;
	return build_took(b, n + m, n + m);
}

enum stdin_type { STDIN_NONE, STDIN_FILE, STDIN_PIPE, STDIN_SOCKET, STDIN_TTY, STDIN_OTHER };

static __always_inline __u8 stdin_type(struct task_struct *task)
{
	__u64 file = task_file(task, 0), inode;
	__u32 mode, major;

	if (!file)
		return STDIN_NONE;
	inode = file_inode(file);
	mode = KLOAD(struct inode, inode, i_mode) & MODE_TYPE;
	major = KLOAD(struct inode, inode, i_rdev) >> 20;
	if (mode == MODE_REGULAR)
		return STDIN_FILE;
	if (mode == MODE_FIFO)
		return STDIN_PIPE;
	if (mode == MODE_SOCKET)
		return STDIN_SOCKET;
	/* The consoles, serial lines and pseudo-terminals. */
	if (mode == MODE_CHAR && (major == 4 || major == 5 || (major >= 136 && major <= 143)))
		return STDIN_TTY;
	return STDIN_OTHER;
}

/* On overlayfs: does the file lie in the layer that can be written, not in the image? */
static __always_inline bool in_upper_layer(__u64 file)
{
	__u64 inode = file_inode(file);

	if (KLOAD(struct super_block, KPTR(struct inode, inode, i_sb), s_magic) != MAGIC_OVERLAYFS)
		return false;
	/* struct ovl_inode has the dentry of the upper layer behind the inode. */
	return kload_pointer(inode + bpf_core_type_size(struct inode)) != 0;
}

#define cred_caps(cred, set) kload_pointer((__u64) & (cred)->set)

static __always_inline void exec_identity(struct ev_exec *e, struct task_struct *task)
{
	const struct cred *cred = task->cred;

	e->cap_effective = cred_caps(cred, cap_effective);
	e->cap_permitted = cred_caps(cred, cap_permitted);
	e->cap_inheritable = cred_caps(cred, cap_inheritable);
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

/* A stretch of the new program's stack: its arguments or its environment. */
static __always_inline __u16 build_args(struct build *b, __u64 from, __u64 to, __u32 limit)
{
	return build_user_bytes(b, from, to > from ? to - from : 0, limit);
}

/*
 * The arguments of a failed execve are still the caller's array of pointers. State of the loop is
 * in the scratch: match.text is where the next one goes, match.star how many there were.
 */
enum { POINTERS_MAX = 512 };

struct args_context {
	struct scratch *s;
	__u64 array;
	__u32 compat;
};

static long args_step(__u32 i, struct args_context *context)
{
	struct scratch *s = context->s;
	struct match *m = &s->match;
	__u64 pointer = 0;
	__u32 narrow = 0;
	long n;

	if (context->compat ? bpf_probe_read_user(&narrow, 4, (void *)(context->array + 4 * i)) :
			      bpf_probe_read_user(&pointer, 8, (void *)(context->array + 8 * i))) {
		s->header.flags |= EV_FAULT;
		return 1;
	}
	pointer |= narrow;
	if (!pointer)
		return 1;
	if (m->text >= m->text_end) {
		m->matched = 1;
		return 1;
	}
	n = bpf_probe_read_user_str(&s->payload[in_payload(m->text)], PATH_BYTES, (void *)pointer);
	if (n < 0) {
		s->header.flags |= EV_FAULT;
		return 1;
	}
	/* Old kernels say 0 of an empty string. */
	if (!n) {
		s->payload[in_payload(m->text)] = 0;
		n = 1;
	}
	m->text += n;
	m->matched = n == PATH_BYTES;
	return m->matched;
}

/* Returns bytes, and bit 31 when that is not all. */
__u32 args_put(__u64 array, __u32 compat, __u32 at)
{
	struct args_context context = { .s = cpu_scratch(), .array = array, .compat = compat };
	struct match *m = &context.s->match;

	if (!context.s || at > EV_MAX_PAYLOAD - 2 * STRING_BYTES_MAX)
		return 0;
	m->text = at;
	m->text_end = at + config.max_arg;
	m->matched = 0;
	if (bpf_loop(POINTERS_MAX, args_step, &context, 0) == POINTERS_MAX)
		m->matched = 1;
	return (m->text - at) | (m->matched ? 1u << 31 : 0);
}

static __always_inline __u16 build_pointer_array(struct build *b, __u64 array, bool compat)
{
	__u32 r = args_put(array, compat, b->used), n = r & 0x7fff;

	return build_took(b, n, r >> 31 ? EV_UNKNOWN_LENGTH : n);
}

/*
 * What the caller passed is gone once the new program is there. Newer kernels have a hook just
 * before: from it come the arguments where an interpreter has changed them, and the call itself.
 */
enum { ARGS_KEPT = 8192 };
struct passed_args {
	__u32 bytes; /* bit 31: not all */
	__u32 call;
	__u8 text[ARGS_KEPT];
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 256);
	__type(key, __u64);
	__type(value, struct passed_args);
} exec_args SEC(".maps");

static __always_inline bool is_script(struct linux_binprm *bprm)
{
	/* An interpreter was put in front, which made a name of its own. */
	return kload_pointer((__u64)&bprm->filename) != kload_pointer((__u64)&bprm->interp);
}

enum { CALL_execve = 59, CALL_execveat = 322, CALL_execveat_compat = 358 };

SEC("tp_btf/sched_prepare_exec")
int sched_prepare_exec(__u64 *ctx)
{
	struct task_struct *task = (struct task_struct *)ctx[0];
	struct linux_binprm *bprm = (struct linux_binprm *)ctx[1];
	struct pt_regs *r = (struct pt_regs *)bpf_task_pt_regs(task);
	bool compat = task->thread_info.status & TS_COMPAT;
	bool at = kload_pointer((__u64)&bprm->fdpath) != 0;
	struct scratch *s = cpu_scratch();
	struct passed_args *p;
	__u64 key = (__u64)task, array;

	if (!s || !is_script(bprm) || !current_wanted(task))
		return 0;
	array = compat ? (at ? (__u32)r->dx : (__u32)r->cx) : (at ? r->dx : r->si);
	p = (struct passed_args *)s->payload;
	p->bytes = args_put(array, compat, 8);
	p->call = call_now(task);
	bpf_map_update_elem(&exec_args, &key, p, BPF_ANY);
	return 0;
}

static __always_inline __u16 build_passed_args(struct build *b, struct task_struct *task)
{
	__u64 key = (__u64)task;
	struct passed_args *p = bpf_map_lookup_elem(&exec_args, &key);
	__u32 n;

	if (!p || b->used > EV_MAX_PAYLOAD - 2 * STRING_BYTES_MAX)
		return build_nothing(b);
	n = p->bytes & (ARGS_KEPT - 1);
	bpf_probe_read_kernel(build_at(b), n, p->text);
	n = build_took(b, n, p->bytes >> 31 ? EV_UNKNOWN_LENGTH : n);
	bpf_map_delete_elem(&exec_args, &key);
	return n;
}

/* The kernel makes every exec look like execve; a path from a descriptor tells the other. */
static __always_inline __u16 exec_call(struct task_struct *task, struct linux_binprm *bprm)
{
	if (!kload_pointer((__u64)&bprm->fdpath))
		return call_now(task);
	if (task->thread_info.status & TS_COMPAT)
		return EV_CALL(EV_ABI_COMPAT, CALL_execveat_compat);
	return EV_CALL(EV_ABI_NATIVE, CALL_execveat);
}

SEC("tp_btf/sched_process_exec")
int sched_process_exec(__u64 *ctx)
{
	/* One that the verifier trusts, and the same one to load from. */
	struct task_struct *trusted = (struct task_struct *)ctx[0], *task = task_to_load();
	struct linux_binprm *bprm = (struct linux_binprm *)ctx[2];
	struct cpu_counts *own = cpu_counts();
	struct build b;
	struct ev_exec *e;
	__u64 file, name, mnt;
	bool script;

	if (!own)
		return 0;
	creds_keep(trusted);
	scope_refresh(trusted);
	count_extra(EV_CLASS_process);
	if (!current_wanted(trusted)) {
		own->filtered[EV_CLASS_process]++;
		return 0;
	}
	files_end_closed(task);
	e = build_begin(&b, exec, exec_call(trusted, bprm), 0);
	file = kload_pointer((__u64)&bprm->file);
	name = kload_pointer((__u64)&bprm->filename);
	script = is_script(bprm);
	mnt = KPTR(struct file, file, f_path.mnt);
	file_identify(file, e);
	exec_identity(e, task);
	e->memfd = (KLOAD(struct vfsmount, mnt, mnt_flags) & MNT_INTERNAL_FLAG) != 0;
	e->deleted = !KPTR(struct dentry, KPTR(struct file, file, f_path.dentry), d_hash.pprev);
	e->upper_layer = in_upper_layer(file);
	e->stdin_type = stdin_type(task);
	e->comm = build_kernel_string(&b, (__u64)&task->comm, 16);
	if (script) {
		e->path = build_beneath_cwd(&b, task, name, &e->path_from);
		e->path_arg = e->path_from == PATH_DIR_NAME ?
				      build_kernel_string(&b, name, PATH_BYTES) :
				      build_nothing(&b);
		e->exe = build_file_path(&b, file);
	} else {
		__u64 at;

		e->path = build_file_path(&b, file);
		e->path_from = PATH_OBJECT;
		at = b.used;
		e->path_arg = build_kernel_string(&b, name, PATH_BYTES);
		if (e->path_arg == e->path && payload_same(b.s, at - e->path, at, e->path))
			e->path_arg = build_drop(&b, e->path_arg);
		e->exe = build_file_path(&b, file);
	}
	e->argv = build_args(&b, task->mm->arg_start, task->mm->arg_end, config.max_arg);
	e->argv_arg = script ? build_passed_args(&b, trusted) : build_nothing(&b);
	e->env = config.env ? build_args(&b, task->mm->env_start, task->mm->env_end,
					 STRING_BYTES_MAX - 1) :
			      build_nothing(&b);
	e->cwd = build_path(&b, kload_pointer((__u64)&task->fs->pwd.mnt),
			    kload_pointer((__u64)&task->fs->pwd.dentry));
	return build_emit(&b, exec);
}

/* Roles: dirfd, path, argv. What worked is told by sched_process_exec. */
HANDLER_ROLES(exec)
{
	struct build b;
	struct ev_exec *e;
	struct passed p;

	if (c->ret == 0)
		return call_no_event(c, EV_CLASS_process);
	e = call_build(&b, exec, c);
	exec_identity(e, c->task);
	e->stdin_type = stdin_type(c->task);
	e->comm = build_kernel_string(&b, (__u64)&c->task->comm, 16);
	build_passed(&b, c->task, call_arg(c, 0), call_arg(c, 1), &p);
	e->path = p.path;
	e->path_arg = p.arg;
	e->path_from = p.from;
	e->exe = build_nothing(&b);
	e->argv = build_pointer_array(&b, call_arg(c, 2), c->compat);
	e->argv_arg = build_nothing(&b);
	e->env = build_nothing(&b);
	e->cwd = build_path(&b, kload_pointer((__u64)&c->task->fs->pwd.mnt),
			    kload_pointer((__u64)&c->task->fs->pwd.dentry));
	return build_emit(&b, exec);
}

#endif
