/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* What a process may do: its identity, capabilities, namespaces, root and confinement. */
#ifndef REEL_BPF_PRIV_BPF_H
#define REEL_BPF_PRIV_BPF_H

#include <linux/prctl.h>

#include "bpf/family.bpf.h"
#include "bpf/process.bpf.h"

enum {
	GROUPS_BYTES = 1024,
	OVERFLOW_ID = 65534,
	USER_NS_FIRST = 0xeffffffd,
	KEY_TYPE_BYTES = 64,
	KEY_TEXT_BYTES = PATH_BYTES,
	KEYCTL_JOIN = 1,
	KEYCTL_SEARCH = 10,
	PERSONALITY_ASK = 0xffffffff,
	SECCOMP_ASK_ACTION = 2,
	SECCOMP_ASK_SIZES = 3,
	LANDLOCK_ASKS = 3, /* flags: for the version, for errata */
	PR_FUTEX_HASH_NUMBER = 78,
};

/*
 * The credentials after the call and before it, into the scratch. What nobody knows is all ones: of
 * a task that was there before the recorder, and has not executed or changed them since.
 */
__noinline int creds_compare(struct scratch *s, __u32 changed)
{
	struct task_struct *task = task_to_load();
	struct seen_creds *kept = creds_place(task);
	struct creds_change *change = &s->creds;

	if (!s || !task)
		return 0;
	creds_take(&change->now, kload_pointer((__u64)&task->cred));
	change->now.start = task->start_boottime;
	if (!changed)
		change->before = change->now;
	else if (kept && kept->start == change->now.start)
		change->before = *kept;
	else
		__builtin_memset(&change->before, 0xff, sizeof(change->before));
	if (kept)
		*kept = change->now;
	return 0;
}

/*
 * Variant 'f', setfsuid and setfsgid: they never fail, say what was before, and change nothing
 * else. What they say is an id of the user namespace, and cut to 16 bits in old calls of i386.
 */
static __always_inline __u32 fs_id_before(const struct call *c, __u32 kept)
{
	__u64 ns = KPTR(struct cred, kload_pointer((__u64)&c->task->cred), user_ns);

	if (kept != -1u || KLOAD(struct user_namespace, ns, ns.inum) != (__u32)USER_NS_FIRST ||
	    c->ret < 0 || c->ret >= OVERFLOW_ID)
		return kept;
	return c->ret;
}

#define fill_ids(c, e, id)                                                                       \
	({                                                                                       \
		bool fs_only_ = (c)->variant == 'f' && !((c)->flags & EV_BLOCKED);               \
		struct seen_creds *now_ = &b->s->creds.now, *before_ = &b->s->creds.before;      \
                                                                                                 \
		creds_compare(b->s, fs_only_ || call_worked(c));                                 \
		(e)->id = now_->id;                                                              \
		(e)->e##id = now_->e##id;                                                        \
		(e)->s##id = now_->s##id;                                                        \
		(e)->fs##id = now_->fs##id;                                                      \
		(e)->old_##id = fs_only_ ? now_->id : before_->id;                               \
		(e)->old_e##id = fs_only_ ? now_->e##id : before_->e##id;                        \
		(e)->old_s##id = fs_only_ ? now_->s##id : before_->s##id;                        \
		(e)->old_fs##id = fs_only_ ? fs_id_before(c, before_->fs##id) : before_->fs##id; \
		true;                                                                            \
	})

FILLER(setuid)
{
	return fill_ids(c, e, uid);
}

FILLER(setgid)
{
	return fill_ids(c, e, gid);
}

/* Those that the process has now, also where the call has failed. */
FILLER(setgroups)
{
	__u64 cred = kload_pointer((__u64)&c->task->cred);
	__u64 groups = KPTR(struct cred, cred, group_info), bytes, n;

	bytes = 4ull * (__u32)KLOAD(struct group_info, groups, ngroups);
	n = (bytes < GROUPS_BYTES ? bytes : GROUPS_BYTES) & (2 * GROUPS_BYTES - 1);
	e->count = call_arg(c, 0);
	if (n)
		bpf_probe_read_kernel(build_at(b), n,
				      (void *)(groups +
					       bpf_core_field_offset(struct group_info, gid)));
	e->groups = build_took(b, n, bytes);
	return true;
}

/* Of its header the second number is whose. */
FILLER(capset)
{
	const struct seen_creds *now = &b->s->creds.now, *before = &b->s->creds.before;
	__u32 header[2] = { 0 };

	if (bpf_probe_read_user(header, sizeof(header), (void *)call_arg(c, 0)) < 0)
		build_flag(b, EV_FAULT);
	creds_compare(b->s, call_worked(c));
	e->target = header[1];
	e->cap_effective = now->cap_effective;
	e->cap_permitted = now->cap_permitted;
	e->cap_inheritable = now->cap_inheritable;
	e->old_effective = before->cap_effective;
	e->old_permitted = before->cap_permitted;
	e->old_inheritable = before->cap_inheritable;
	return true;
}

/* Those that only ask, and timer slack, that only tunes. */
#define BIT(n) (1ull << ((n)&63))
#define PRCTL_ASKS                                                                            \
	(BIT(PR_GET_PDEATHSIG) | BIT(PR_GET_DUMPABLE) | BIT(PR_GET_UNALIGN) |                 \
	 BIT(PR_GET_KEEPCAPS) | BIT(PR_GET_FPEMU) | BIT(PR_GET_FPEXC) | BIT(PR_GET_TIMING) |  \
	 BIT(PR_GET_NAME) | BIT(PR_GET_ENDIAN) | BIT(PR_GET_SECCOMP) | BIT(PR_CAPBSET_READ) | \
	 BIT(PR_GET_TSC) | BIT(PR_GET_SECUREBITS) | BIT(PR_GET_TIMERSLACK) |                  \
	 BIT(PR_SET_TIMERSLACK) | BIT(PR_MCE_KILL_GET) | BIT(PR_GET_CHILD_SUBREAPER) |        \
	 BIT(PR_GET_NO_NEW_PRIVS) | BIT(PR_GET_TID_ADDRESS) | BIT(PR_GET_THP_DISABLE) |       \
	 BIT(PR_GET_FP_MODE) | BIT(PR_SVE_GET_VL) | BIT(PR_GET_SPECULATION_CTRL) |            \
	 BIT(PR_GET_TAGGED_ADDR_CTRL) | BIT(PR_GET_IO_FLUSHER) | BIT(PR_PAC_GET_ENABLED_KEYS))
/*
 * Vector length, write and execute, memory merging, RISC-V, PowerPC, shadow stack: the even ones.
 */
#define PRCTL_ASKS_FROM_64 (BIT(64) | BIT(66) | BIT(68) | BIT(70) | BIT(72) | BIT(74))

static __always_inline bool prctl_only_asks(__u32 option, __u64 arg2)
{
	switch (option) {
	case PR_CAP_AMBIENT:
		return arg2 == PR_CAP_AMBIENT_IS_SET;
	case PR_SCHED_CORE:
		return arg2 == PR_SCHED_CORE_GET;
	case PR_FUTEX_HASH_NUMBER:
		return arg2 == 2;
	case PR_SET_VMA: /* names for memory */
	case 0x41555856: /* PR_GET_AUXV */
		return true;
	}
	return option < 128 && (option < 64 ? PRCTL_ASKS : PRCTL_ASKS_FROM_64) & BIT(option);
}

FILLER(prctl)
{
	__u32 option = call_arg(c, 0);

	if (prctl_only_asks(option, call_arg(c, 1)))
		return false;
	e->option = option;
	e->arg2 = call_arg(c, 1);
	e->arg3 = call_arg(c, 2);
	e->arg4 = call_arg(c, 3);
	e->arg5 = call_arg(c, 4);
	e->text = build_user_string(b, option == PR_SET_NAME ? e->arg2 : 0, 64);
	return true;
}

/* User namespaces come with capabilities: those that are known are no more. */
FILLER(setns)
{
	e->fd = call_arg(c, 0);
	e->flags = call_arg(c, 1);
	task_namespaces(c->task, e);
	creds_keep(c->task);
	return true;
}

FILLER(unshare)
{
	e->flags = call_arg(c, 0);
	task_namespaces(c->task, e);
	creds_keep(c->task);
	return true;
}

/* What was passed was meant in a tree that is gone by now. */
FILLER(pivot_root)
{
	e->path_from = PATH_PASSED;
	e->path = build_user_string(b, call_arg(c, 0), PATH_BYTES);
	e->put_old = build_user_string(b, call_arg(c, 1), PATH_BYTES);
	return true;
}

/* Variants: 'a' add_key and 'r' request_key have no command, but names. */
FILLER(keyctl)
{
	__u64 type = 0, text = 0;

	e->arg2 = call_arg(c, 1);
	e->arg3 = call_arg(c, 2);
	e->arg4 = call_arg(c, 3);
	e->arg5 = call_arg(c, 4);
	if (c->variant) {
		e->cmd = -1;
		type = call_arg(c, 0);
		text = e->arg2;
	} else {
		e->cmd = call_arg(c, 0);
		if (e->cmd == KEYCTL_SEARCH)
			type = e->arg3;
		if (e->cmd == KEYCTL_SEARCH || e->cmd == KEYCTL_JOIN)
			text = e->cmd == KEYCTL_JOIN ? e->arg2 : e->arg4;
	}
	e->key_type = build_user_string(b, type, KEY_TYPE_BYTES);
	e->description = build_user_string(b, text, KEY_TEXT_BYTES);
	return true;
}

FILLER(personality)
{
	e->persona = call_arg(c, 0);
	if (e->persona == (__u32)PERSONALITY_ASK)
		return false;
	return true;
}

FILLER(seccomp)
{
	e->op = call_arg(c, 0);
	e->flags = call_arg(c, 1);
	if (e->op == SECCOMP_ASK_ACTION || e->op == SECCOMP_ASK_SIZES)
		return false;
	return true;
}

enum landlock_op { LANDLOCK_CREATE, LANDLOCK_ADD, LANDLOCK_RESTRICT };

/* Roles: ruleset, flags. Variants: 'c' create, 'a' add, 'r' restrict. */
FILLER(landlock)
{
	e->flags = call_arg(c, 1);
	e->ruleset_fd = call_arg(c, 0);
	e->op = c->variant == 'c' ? LANDLOCK_CREATE :
		c->variant == 'a' ? LANDLOCK_ADD :
				    LANDLOCK_RESTRICT;
	if (e->op == LANDLOCK_CREATE) {
		if (e->flags & LANDLOCK_ASKS)
			return false;
		e->ruleset_fd = call_worked(c) ? c->ret : -1;
	}
	return true;
}

FILLED_TELLER(rights, EV_CLASS_priv,
	      FILLED(setuid) FILLED(setgid) FILLED(setgroups) FILLED(capset) FILLED(prctl)
		      FILLED(setns) FILLED(unshare) FILLED(pivot_root) FILLED(keyctl)
			      FILLED(personality) FILLED(seccomp) FILLED(landlock))

/*
 * A change of the user may bring into scope, or out of it: the program for that has its own stack.
 */
SEC("tp_btf/sys_exit")
int on_rights(__u64 *ctx)
{
	struct call c;

	if (!call_read(&c, ctx) || !call_arrange(&c))
		return 0;
	tell_rights(&c);
	if (config.scope && c.slot < SLOTS && slots[c.slot].rescopes)
		bpf_tail_call(ctx, &handlers, JUMP_RESCOPE);
	return 0;
}

#endif
