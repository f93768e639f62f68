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
	__u32 slot = slot_of(task, (__u32)r->orig_ax);
	struct cpu_counts *c = cpu_counts();

	opaque(slot);
	if (!c || slot >= SLOTS)
		return 0;
	if (scope_find(task) == SCOPE_IN) {
		bpf_tail_call(ctx, &handlers, slots[slot].jump);
		loss_count(c, slots[slot].class);
	} else {
		c->filtered[slots[slot].class & (CLASSES - 1)]++;
	}
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

#endif
