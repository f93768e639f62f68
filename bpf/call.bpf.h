/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * A system call as its exit shows it. One program sits on the hook, leaves out what is not wanted
 * by its slot or its process, and jumps to the handler of the others.
 */
#ifndef REEL_BPF_CALL_BPF_H
#define REEL_BPF_CALL_BPF_H

#include "bpf/scope.bpf.h"

enum {
	FD_CWD = -100,
	TS_COMPAT = 2,
	X32_BIT = 0x40000000,
	CALL_RT_SIGRETURN = 15,
	SIGSYS_BIT = 30,
};

struct call {
	__u64 args[8];		  /* [ARG_CWD] and [ARG_NONE]: what a call does not have */
	struct task_struct *task; /* to load from */
	struct cpu_counts *counts;
	__s64 ret;
	__u32 number;
	__u32 slot;
	__u16 id; /* EV_CALL */
	__u16 variant;
	__u16 type; /* once arranged */
	__u8 flags;
	bool compat;
};

static __always_inline __u32 slot_of(const struct task_struct *task, __u32 number)
{
	if (task->thread_info.status & TS_COMPAT)
		return number < 512 ? SLOTS_COMPAT + number : SLOT_UNKNOWN;
	if (number == -1u)
		return CALL_RT_SIGRETURN;
	number &= ~X32_BIT;
	if (number < 512)
		return number;
	return number < 512 + SLOTS_END - SLOTS_X32 ? SLOTS_X32 - 512 + number : SLOT_UNKNOWN;
}

/* Whose call it is. */
static __always_inline bool call_open(struct call *c)
{
	c->task = task_to_load();
	c->counts = cpu_counts();
	return c->counts != NULL;
}

/* What it was. */
static __always_inline void call_take(struct call *c, __u64 *ctx)
{
	struct pt_regs *r = (struct pt_regs *)ctx[0];

	c->ret = ctx[1];
	c->number = (__u32)r->orig_ax;
	c->slot = slot_of(c->task, c->number);
	c->flags = 0;
	c->variant = 0;
	c->args[ARG_CWD] = FD_CWD;
	c->args[ARG_NONE] = 0;
	c->compat = c->task->thread_info.status & TS_COMPAT;
	if (c->compat) {
		c->ret = (__s32)c->ret;
		c->id = EV_CALL(EV_ABI_COMPAT, c->number);
		c->args[0] = (__u32)r->bx;
		c->args[1] = (__u32)r->cx;
		c->args[2] = (__u32)r->dx;
		c->args[3] = (__u32)r->si;
		c->args[4] = (__u32)r->di;
		c->args[5] = (__u32)r->bp;
	} else {
		c->args[0] = r->di;
		c->args[1] = r->si;
		c->args[2] = r->dx;
		c->args[3] = r->r10;
		c->args[4] = r->r8;
		c->args[5] = r->r9;
		if (c->number == -1u) {
			c->id = EV_CALL(EV_ABI_NATIVE, CALL_RT_SIGRETURN);
		} else if (c->number & X32_BIT) {
			c->number &= ~X32_BIT;
			c->id = EV_CALL(EV_ABI_X32, c->number);
		} else {
			c->id = EV_CALL(EV_ABI_NATIVE, c->number);
		}
	}
	/* A refused call comes back with its own number, and the signal that says so waits. */
	if (c->ret == c->number && c->task->seccomp.mode >= 2 &&
	    c->task->pending.signal.sig[0] >> SIGSYS_BIT & 1)
		c->flags = EV_BLOCKED;
}

static __always_inline bool call_read(struct call *c, __u64 *ctx)
{
	if (!call_open(c))
		return false;
	call_take(c, ctx);
	return true;
}

/* Argument n from 0, as wide as its ABI has it: for calls that all have it in the same place. */
#define call_arg(c, n) ((c)->args[n])

/* Is ret its result, and no error? */
static __always_inline bool call_worked(const struct call *c)
{
	return c->ret >= 0 && !(c->flags & EV_BLOCKED);
}

/* For a moment, the arguments as they were passed: the stack is short. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64[8]);
} passed_args SEC(".maps");

/* Puts the arguments in the order of their roles: args[0] is role 0, and so on. */
static __always_inline bool call_arrange(struct call *c)
{
	struct call_layout *l = bpf_map_lookup_elem(&layouts, &c->slot);
	__u32 zero = 0;
	__u64 *args = bpf_map_lookup_elem(&passed_args, &zero);

	if (!l || !args)
		return false;
	__builtin_memcpy(args, c->args, sizeof(c->args));
	for (int i = 0; i < CALL_ROLES; i++)
		c->args[i] = args[l->arg[i] & 7];
	c->variant = l->variant;
	c->type = l->type;
	return true;
}

/* The call was no event of its type at all. */
static __always_inline int call_no_event(const struct call *c, __u32 class)
{
	c->counts->no_event[class]++;
	return 0;
}

static __always_inline bool call_as_it_is(struct call *c)
{
	return true;
}

/*
 * HANDLER(mkdir) { ... c ... } is the program of the calls that end in a type: exactly one record,
 * or call_no_event().
 */
#define HANDLER_OF(name, arrange)                                       \
	static __always_inline int handle_##name(const struct call *c); \
	SEC("tp_btf/sys_exit")                                          \
	int on_##name(__u64 *ctx)                                       \
	{                                                               \
		struct call c;                                          \
                                                                        \
		if (!call_read(&c, ctx) || !arrange(&c))                \
			return 0;                                       \
		return handle_##name(&c);                               \
	}                                                               \
	static __always_inline int handle_##name(const struct call *c)

/* For calls that have their arguments in the same places, and for those that do not. */
#define HANDLER(type) HANDLER_OF(type, call_as_it_is)
#define HANDLER_ROLES(type) HANDLER_OF(type, call_arrange)

/*
 * Types with much in common share a program, so that the kernel checks what they share but once:
 * each is a MEMBER(mkdir) { ... c ... }, and HANDLER_FAMILY(names) { ... } goes by c->type.
 * Which types are in it is said in record/calls.c.
 */
#define MEMBER(type) static __always_inline int handle_##type(const struct call *c)
#define HANDLER_FAMILY(name) HANDLER_OF(name, call_arrange)

/* The record of a call. */
#define call_build(b, type, c)                                                     \
	({                                                                         \
		struct ev_##type *made_ = build_begin(b, type, (c)->id, (c)->ret); \
		(b)->s->header.flags |= (c)->flags;                                \
		made_;                                                             \
	})

#define call_emit_fixed(type, c, value)                                                 \
	emit_fixed_flags(EV_##type, class_of_##type, ring_of_##type, (c)->id, (c)->ret, \
			 (c)->flags, value, sizeof(*(value)))

#endif
