/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * A probe that is hit: which function it is, its arguments, and what is kept of them until it
 * returns, under the thread, its stack pointer and the function. A function that is probed twice
 * (two names for it, two mounts of its file) finds its arguments once, so that it is told once.
 */
#ifndef REEL_BPF_USER_HIT_BPF_H
#define REEL_BPF_USER_HIT_BPF_H

#include "bpf/scope.bpf.h"
#include "bpf/user.h"

enum {
	USER_CODE_I386 = 0x23, /* the code segment of 32-bit programs */
	USER_ARGS = 4,
};

/* Set by the recorder before it drains its rings for the last time. */
__u32 user_ended SEC(".data.user");

struct user_frame {
	__u64 thread;
	__u64 sp;
	__u64 function;
};

struct user_args {
	__u64 arg[USER_ARGS];
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct user_frame);
	__type(value, struct user_args);
} user_frames SEC(".maps");

/* The outermost probed function of each group that a thread is in. */
enum user_group { GROUP_HANDSHAKE, GROUP_SETUP, GROUP_CRYPTO, GROUPS, GROUP_NONE = GROUPS };
struct user_inside {
	__u64 sp[GROUPS];
	__u64 arg[GROUPS];
	__u32 function[GROUPS];
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, struct user_inside);
} user_insides SEC(".maps");

static const struct user_inside user_inside_nothing;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, USER_FILES);
	__type(key, __u32);
	__type(value, struct user_file);
} user_files SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, USER_FUNCTIONS);
	__type(key, __u32);
	__type(value, struct user_function);
} user_functions SEC(".maps");

/* A probe that is hit. */
struct user_hit {
	const struct user_function *function;
	const struct user_file *file;
	__u64 arg[USER_ARGS];
	__u64 sp; /* at the entry of the function */
	__u64 thread;
	__u64 ret;
	__u64 code;  /* where the segment of code begins */
	__u32 index; /* of the function */
	__u32 file_index;
	bool narrow; /* a 32-bit program */
};

static __always_inline bool user_hit_begin(struct user_hit *h, struct pt_regs *regs)
{
	__u64 cookie = bpf_get_attach_cookie(regs);

	if (user_ended)
		return false;
	h->index = cookie & 0xffff;
	h->file_index = (cookie >> 16) & 0xffff;
	h->function = bpf_map_lookup_elem(&user_functions, &h->index);
	h->file = bpf_map_lookup_elem(&user_files, &h->file_index);
	h->thread = bpf_get_current_pid_tgid();
	h->narrow = (regs->cs & 0xffff) == USER_CODE_I386;
	h->sp = regs->sp;
	h->code = regs->ip - (cookie >> 32); /* at an entry */
	return h->function && h->file;
}

static __always_inline void user_args_read(struct user_hit *h, struct pt_regs *regs)
{
	if (h->narrow) {
		__u32 on_stack[USER_ARGS] = { 0 };

		bpf_probe_read_user(on_stack, sizeof(on_stack), (void *)(h->sp + 4));
		for (int i = 0; i < USER_ARGS; i++)
			h->arg[i] = on_stack[i];
		return;
	}
	h->arg[0] = regs->di;
	h->arg[1] = regs->si;
	h->arg[2] = regs->dx;
	h->arg[3] = regs->cx;
}

static __always_inline __u32 user_group(const struct user_function *f)
{
	switch (f->kind) {
	case USER_HANDSHAKE:
		return GROUP_HANDSHAKE;
	case USER_SETUP:
		return GROUP_SETUP;
	case USER_CRYPTO:
		return GROUP_CRYPTO;
	default:
		return GROUP_NONE;
	}
}

/*
 * Libraries call their own functions: SSL_connect() is SSL_do_handshake(). Only the outermost is
 * told. But what a program does when a handshake calls it back is its own doing.
 */
static __always_inline bool user_is_inner(const struct user_hit *h, struct user_inside *in,
					  __u32 group)
{
	for (__u32 g = 0; g < GROUPS; g++) {
		if (g > group || in->sp[g] < h->sp)
			continue; /* the stack is shorter now than it was then: that one is gone */
		if (g == group && in->function[g] == h->index)
			continue; /* it never returned, and is called again */
		if (group == GROUP_CRYPTO ||
		    (g == group && (group != GROUP_HANDSHAKE || in->arg[g] == h->arg[0])))
			return true;
	}
	return false;
}

/*
 * Libraries also encrypt for themselves, to make random numbers, and ask themselves why something
 * failed that is no failure then.
 */
static __always_inline bool user_is_own_call(const struct user_hit *h)
{
	__u64 from = 0;

	return h->file->code_bytes &&
	       bpf_probe_read_user(&from, h->narrow ? 4 : 8, (void *)h->sp) == 0 &&
	       from - h->code < h->file->code_bytes;
}

/* Keeps the arguments until the return. */
static __always_inline void user_enter_frame(const struct user_hit *h)
{
	struct user_frame key = { h->thread, h->sp, h->index };
	__u32 group = user_group(h->function);
	struct user_inside *in;
	struct user_args args;

	if (group < GROUPS) {
		in = bpf_map_lookup_elem(&user_insides, &h->thread);
		if (!in) {
			bpf_map_update_elem(&user_insides, &h->thread, &user_inside_nothing,
					    BPF_NOEXIST);
			in = bpf_map_lookup_elem(&user_insides, &h->thread);
		}
		if (!in || user_is_inner(h, in, group))
			return;
		in->sp[group] = h->sp;
		in->arg[group] = h->arg[0];
		in->function[group] = h->index;
	}
	__builtin_memcpy(args.arg, h->arg, sizeof(args.arg));
	bpf_map_update_elem(&user_frames, &key, &args, BPF_ANY);
}

/* False: its beginning was not seen, or was not worth it. */
static __always_inline bool user_leave_frame(struct user_hit *h)
{
	struct user_frame key = { h->thread, h->sp, h->index };
	struct user_args *args = bpf_map_lookup_elem(&user_frames, &key);
	__u32 group = user_group(h->function);
	struct user_inside *in;

	if (!args)
		return false;
	__builtin_memcpy(h->arg, args->arg, sizeof(h->arg));
	if (bpf_map_delete_elem(&user_frames, &key) < 0)
		return false;
	if (group < GROUPS) {
		in = bpf_map_lookup_elem(&user_insides, &h->thread);
		if (in && in->sp[group] == h->sp)
			in->sp[group] = 0;
	}
	return true;
}

#endif
