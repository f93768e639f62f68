/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Processes: how they begin, what they execute, how they end; and whose they are, since that is
 * decided at the same moments.
 */
#ifndef REEL_BPF_PROCESS_BPF_H
#define REEL_BPF_PROCESS_BPF_H

#include "bpf/files.bpf.h"
#include "bpf/match.bpf.h"
#include "bpf/path.bpf.h"
#include "bpf/task.bpf.h"

/* What the walk may overwrite: at this moment no record is being made. */
enum { SCOPE_AT = 0, ANCESTORS = 8, CGROUP_DEPTH = 12 };

static __always_inline __u32 same_text(const volatile struct scope_term *t, const char *comm)
{
	for (__u32 i = 0; i < 16; i++) {
		char c = i < t->length ? t->text[i] : 0;

		if (c != comm[i])
			return 0;
		if (!c)
			return 1;
	}
	return 1;
}

/* A cgroup, or one of those above it, has this id. */
static __always_inline __u32 beneath_cgroup(__u64 kn, __u64 id)
{
	for (int i = 0; i < CGROUP_DEPTH && kn; i++) {
		if (KLOAD(struct kernfs_node, kn, id) == id)
			return 1;
		kn = kernfs_parent(kn);
	}
	return 0;
}

/* 64 hex digits somewhere in the name of the cgroup or of one above it are a container's id. */
static long hex_step(__u32 i, struct match_context *context)
{
	struct scratch *s = context->s;
	struct match *m = &s->match;
	__u8 c = s->payload[in_payload(SCOPE_AT + i)];
	bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');

	if (!c)
		return 1;
	m->star = hex ? m->star + 1 : 0;
	if (m->star == 64) {
		m->text = SCOPE_AT + i - 63;
		m->matched = 1;
		return 1;
	}
	return 0;
}

static __always_inline __u32 in_container(__u64 kn, __u32 term)
{
	struct match_context context = { .s = cpu_scratch() };
	struct scratch *s = context.s;

	if (!s || term >= SCOPE_TERMS)
		return 0;
	for (int i = 0; i < 6 && kn; i++) {
		__u64 name = KPTR(struct kernfs_node, kn, name);

		if (bpf_probe_read_kernel_str(&s->payload[SCOPE_AT], 256, (void *)name) < 0)
			return 0;
		s->match.star = 0;
		s->match.matched = 0;
		bpf_loop(255, hex_step, &context, 0);
		if (s->match.matched) {
			__u32 at = s->match.text, same = 1;

			for (__u32 k = 0; k < 64; k++) {
				if (k >= scope_terms[term].length)
					break;
				if (s->payload[in_payload(at + k)] !=
				    (__u8)scope_terms[term].text[k])
					same = 0;
			}
			return same;
		}
		kn = kernfs_parent(kn);
	}
	return 0;
}

static __always_inline __u32 term_matches(struct task_struct *task, __u32 i)
{
	const volatile struct scope_term *t = &scope_terms[i];
	__u64 exe;

	switch (t->kind) {
	case SCOPE_PID:
		return (__u32)task->tgid == t->value;
	case SCOPE_UID:
		return task->cred->uid.val == t->value;
	case SCOPE_COMM:
		return same_text(t, task->group_leader->comm);
	case SCOPE_EXE:
		if (!task->mm)
			return 0;
		exe = kload_pointer((__u64)&task->mm->exe_file);
		if (!exe)
			return 0;
		return pattern_matches(0, i, SCOPE_AT,
				       walk_put(cpu_scratch(), KPTR(struct file, exe, f_path.mnt),
						KPTR(struct file, exe, f_path.dentry), SCOPE_AT) &
					       (PATH_BYTES - 1));
	case SCOPE_CGROUP:
		for (int k = 0; k < 3; k++)
			if (beneath_cgroup(task_kernfs(task, k), t->value))
				return 1;
		return 0;
	case SCOPE_CONTAINER:
		for (int k = 0; k < 3; k++)
			if (in_container(task_kernfs(task, k), i))
				return 1;
		return 0;
	}
	return 0;
}

/* The terms alone, for this task alone. What it overwrites in the scratch is in no record yet. */
static __noinline __u32 scope_by_terms(struct task_struct *task)
{
	__u32 found = 0;

	for (__u32 i = 0; i < SCOPE_TERMS; i++) {
		if (i >= config.n_terms)
			break;
		if (!term_matches(task, i))
			continue;
		if (scope_terms[i].negated)
			return SCOPE_NEVER;
		found |= 1u << scope_terms[i].kind;
	}
	return (found & config.positive_kinds) == config.positive_kinds ? SCOPE_IN : SCOPE_OUT;
}

static __always_inline __u32 scope_of(struct task_struct *task, const struct task_note *note)
{
	if (config.scope_tree && !note->in_tree)
		return SCOPE_OUT;
	return config.n_terms ? scope_by_terms(task) : SCOPE_IN;
}

/* A task that was there before the recorder: like the nearest of its ancestors that is in scope. */
static __noinline __u32 scope_find(struct task_struct *task)
{
	struct task_note *note =
		bpf_task_storage_get(&notes, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	struct task_struct *t = task->group_leader;

	if (!note)
		return SCOPE_OUT;
	note->scope = scope_of(t, note);
	if (!config.follow || config.scope_tree)
		return note->scope;
	for (int i = 0; i < ANCESTORS && note->scope == SCOPE_OUT; i++) {
		t = t->real_parent;
		if (!t || t->tgid <= 1)
			break;
		note->scope = scope_by_terms(t);
	}
	return note->scope;
}

SEC("tp_btf/sys_exit")
int scope_first(__u64 *ctx)
{
	struct pt_regs *r = (struct pt_regs *)ctx[0];
	struct task_struct *task = bpf_get_current_task_btf();

	scope_find(task);
	bpf_tail_call(ctx, &handlers, slot_of(task, (__u32)r->orig_ax));
	return 0;
}

/* What decides about a process has changed. */
static __noinline __u32 scope_refresh(struct task_struct *task)
{
	struct task_note *note;
	__u32 scope;

	if (!config.scope || !config.n_terms)
		return 0;
	note = bpf_task_storage_get(&notes, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!note || (config.follow && note->scope == SCOPE_NEVER))
		return 0;
	scope = scope_of(task, note);
	/* What is in scope by birth stays so, unless it is excluded. */
	if (!config.follow || note->scope != SCOPE_IN || scope == SCOPE_NEVER)
		note->scope = scope;
	return 0;
}

/* The end of a call that has changed the user. */
SEC("tp_btf/sys_exit")
int scope_again(__u64 *ctx)
{
	return scope_refresh(bpf_get_current_task_btf());
}

/* Is the current task's doing wanted, outside of a call? */
static __always_inline bool current_wanted(struct task_struct *task)
{
	__u32 scope = task_scope(task);

	if (config.scope && scope == SCOPE_UNKNOWN)
		scope = scope_find(task);
	return scope == SCOPE_IN;
}

/* Begin */

/* The call that the current task is in, for hooks that are not the exit of one. */
static __always_inline __u16 call_now(struct task_struct *task)
{
	struct pt_regs *r = (struct pt_regs *)bpf_task_pt_regs(task);
	__u32 number = (__u32)r->orig_ax;

	/* Or in none, but in a fault or an interrupt. */
	if ((task->flags & PF_KTHREAD) || (__s32)number < 0)
		return 0;
	if (task->thread_info.status & TS_COMPAT)
		return EV_CALL(EV_ABI_COMPAT, number);
	if (number & X32_BIT)
		return EV_CALL(EV_ABI_X32, number & ~X32_BIT);
	return EV_CALL(EV_ABI_NATIVE, number);
}

SEC("tp_btf/task_newtask")
int task_newtask(__u64 *ctx)
{
	struct task_struct *child = (struct task_struct *)ctx[0], *task;
	__u64 flags = ctx[1];
	struct task_note *note, *own;
	__u32 scope;

	task = bpf_get_current_task_btf();
	if (!(flags & CLONE_FILES_FLAG))
		files_new(child);
	scope = current_wanted(task) ? SCOPE_IN : task_scope(task);
	creds_keep(child);
	if (config.scope && !task_is_ours(task)) {
		own = bpf_task_storage_get(&notes, task, NULL, 0);
		note = bpf_task_storage_get(&notes, child, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
		if (note && own) {
			note->in_tree = config.follow ? own->in_tree : 0;
			if (config.follow || (flags & CLONE_THREAD_FLAG))
				note->scope = own->scope;
			else
				note->scope = scope_of(child, note);
		}
	}
	count_extra(EV_CLASS_process);
	if (scope != SCOPE_IN) {
		struct cpu_counts *c = cpu_counts();

		if (c)
			c->filtered[EV_CLASS_process]++;
		return 0;
	}
	if (flags & CLONE_THREAD_FLAG) {
		struct ev_thread e = {
			.child_start = task_start(child),
			.clone_flags = flags,
			.child = child->pid,
			.vpid = task_vpid(child),
		};

		return emit_fixed(thread, call_now(task), pid_as_seen(task, child), &e);
	}
	struct ev_fork e = {
		.child_start = task_start(child),
		.clone_flags = flags,
		.cgroup = task_cgroup(child),
		.child = child->tgid,
		.vpid = task_vpid(child),
		.pid_ns = task_pid_ns(child),
	};

	return emit_fixed(fork, call_now(task), pid_as_seen(task, child), &e);
}

enum {
	SIGCHLD_NUMBER = 17,
	CLONE_VM_FLAG = 0x100,
	CLONE_VFORK_FLAG = 0x4000,
};

/*
 * Role: flags. The parent's exit from a fork that worked and the child's first are told by
 * task_newtask.
 */
HANDLER_ROLES(fork)
{
	struct ev_fork e = { 0 };
	__u8 fault = 0;

	if (c->ret >= 0)
		return call_no_event(c, EV_CLASS_process);
	if (c->variant == 'f')
		e.clone_flags = SIGCHLD_NUMBER;
	else if (c->variant == 'v')
		e.clone_flags = CLONE_VFORK_FLAG | CLONE_VM_FLAG | SIGCHLD_NUMBER;
	else if (c->variant != '3')
		e.clone_flags = call_arg(c, 0);
	else if (bpf_probe_read_user(&e.clone_flags, 8, (void *)call_arg(c, 0)))
		fault = EV_FAULT;
	return emit_fixed_flags(EV_fork, class_of_fork, ring_of_fork, c->id, c->ret,
				c->flags | fault, &e, sizeof(e));
}

/* Execute */

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

/* End */

enum { SIGNAL_GROUP_EXIT = 4 };

/* The last thread of a process goes. */
SEC("tp_btf/sched_process_exit")
int sched_process_exit(__u64 *ctx)
{
	/* One that the verifier trusts, and the same one to load from. */
	struct task_struct *trusted = (struct task_struct *)ctx[0], *task = task_to_load();
	struct task_struct *leader = trusted->group_leader;
	struct signal_struct *signal = task->signal;
	struct cpu_counts *own = cpu_counts();
	struct task_note *note;
	__u32 status;

	if (!own || signal->live.counter != 0)
		return 0;
	/* Two threads that end at once may both see that nobody is left: the first one tells. */
	note = bpf_task_storage_get(&notes, leader, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (note && __sync_lock_test_and_set(&note->ended, 1))
		return 0;
	files_end_all(task, ENDED_BY_EXIT);
	count_extra(EV_CLASS_process);
	if (!current_wanted(trusted)) {
		own->filtered[EV_CLASS_process]++;
		return 0;
	}
	status = signal->flags & SIGNAL_GROUP_EXIT ? signal->group_exit_code : leader->exit_code;
	struct ev_exit e = {
		.start = task_start(leader),
		.cpu_ns = signal->sum_sched_runtime + task->se.sum_exec_runtime,
		.read_bytes = signal->ioac.rchar + task->ioac.rchar,
		.written_bytes = signal->ioac.wchar + task->ioac.wchar,
		.code = status >> 8 & 0xff,
		.signal = status & 0x7f,
		.core_dumped = status >> 7 & 1,
	};

	return emit_fixed(exit, call_now(trusted), 0, &e);
}

/* Where it works */

/* Of chdir, and of chroot, which has the same fields. */
static __always_inline int emit_moved(const struct call *c, __u32 class, __u64 mnt, __u64 dentry)
{
	struct build b;
	struct ev_chdir *e = call_build(&b, chdir, c);
	struct passed p;

	b.s->header.type = c->type;
	if (!call_worked(c)) {
		build_passed(&b, c->task, call_arg(c, 0), call_arg(c, 1), &p);
		e->path = p.path;
		e->path_arg = p.arg;
		e->path_from = p.from;
		return emit_scratch(b.s, b.used, b.strings, class, ring_of_chdir);
	}
	__u64 inode = KPTR(struct dentry, dentry, d_inode);

	e->inode = KLOAD(struct inode, inode, i_ino);
	e->dev = KLOAD(struct super_block, KPTR(struct inode, inode, i_sb), s_dev);
	e->path = build_path(&b, mnt, dentry);
	/* fchdir has no path. */
	e->path_arg = c->variant == 'f' ? build_nothing(&b)
					: build_path_arg(&b, call_arg(c, 1), e->path);
	e->path_from = PATH_OBJECT;
	return emit_scratch(b.s, b.used, b.strings, class, ring_of_chdir);
}

/* Roles: fd, path. fchdir has no path: variant f. */
SEC("tp_btf/sys_exit")
int on_moves(__u64 *ctx)
{
	struct call_layout *l;
	struct fs_struct *fs;
	struct path *where;
	struct call c;
	__u32 class;

	if (!call_read(&c, ctx))
		return 0;
	l = bpf_map_lookup_elem(&layouts, &c.slot);
	class = l && l->type == EV_chroot ? class_of_chroot : class_of_chdir;
	if (!call_begin(&c, ctx, class) || !call_arrange(&c))
		return 0;
	fs = TASK_PTR(struct fs_struct, c.task, fs);
	where = c.type == EV_chroot ? &fs->root : &fs->pwd;
	return emit_moved(&c, class, kload_pointer((__u64)&where->mnt),
			  kload_pointer((__u64)&where->dentry));
}

HANDLER(setsid)
{
	struct ev_setsid e;

	return emit_fixed_flags(EV_setsid, class_of_setsid, ring_of_setsid, c->id, c->ret, c->flags,
				&e, 0);
}

HANDLER(setpgid)
{
	struct ev_setpgid e = { .target = call_arg(c, 0), .pgid = call_arg(c, 1) };

	return call_emit_fixed(setpgid, c, &e);
}

#endif
