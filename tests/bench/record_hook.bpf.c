/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Ways of bringing a record of getpid() into the ring of its CPU, alike in all else: written where
 * it will lie, or put together in a scratch and copied, in one go or into space reserved before.
 *
 * And the least that asks whose a call is, and that adds one to the sums of a file.
 */
#include "bpf/files.bpf.h"
#include "bpf/match.bpf.h"
#include "bpf/sys.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile __u32 only_pid;

enum { CALL_GETPID = 39 };

static __always_inline bool is_it(__u64 *ctx)
{
	struct pt_regs *r = (struct pt_regs *)ctx[0];

	return r->orig_ax == CALL_GETPID && bpf_get_current_pid_tgid() >> 32 == only_pid;
}

static __always_inline void take_args(struct ev_sys *e, __u64 *ctx)
{
	struct pt_regs *r = (struct pt_regs *)ctx[0];

	e->arg1 = r->di;
	e->arg2 = r->si;
	e->arg3 = r->dx;
	e->arg4 = r->r10;
	e->arg5 = r->r8;
	e->arg6 = r->r9;
}

SEC("tp_btf/sys_exit")
int in_place(__u64 *ctx)
{
	struct ev_sys e;

	if (!is_it(ctx))
		return 0;
	take_args(&e, ctx);
	return emit_fixed(sys, CALL_GETPID, ctx[1], &e);
}

SEC("tp_btf/sys_exit")
int by_scratch(__u64 *ctx)
{
	struct build b;
	struct ev_sys *e;

	if (!is_it(ctx))
		return 0;
	e = build_begin(&b, sys, CALL_GETPID, ctx[1]);
	take_args(e, ctx);
	return build_emit(&b, sys);
}

SEC("tp_btf/sys_exit")
int by_output(__u64 *ctx)
{
	struct cpu_counts *c = cpu_counts();
	void *ring = ring_get(0);
	struct build b;
	struct ev_sys *e;

	if (!is_it(ctx) || !c || !ring)
		return 0;
	e = build_begin(&b, sys, CALL_GETPID, ctx[1]);
	take_args(e, ctx);
	if (c->lost_untold)
		losses_tell(0);
	b.s->header.seq = seq_next(c);
	b.s->header.length = sizeof(*e);
	b.s->header.cpu = bpf_get_smp_processor_id();
	b.s->header.ts = bpf_ktime_get_boot_ns();
	if (bpf_ringbuf_output(ring, b.s, sizeof(b.s->header) + sizeof(*e), BPF_RB_NO_WAKEUP) < 0)
		loss_count(c, EV_CLASS_sys);
	return 0;
}

SEC("tp_btf/sys_exit")
int ask_scope(void *ctx)
{
	struct task_note *note = bpf_task_storage_get(&notes, bpf_get_current_task_btf(), NULL, 0);

	return note && note->scope == SCOPE_OUT;
}

/* In any table of descriptors, the same for all: that of a task takes a load or two. */
SEC("tp_btf/sys_exit")
int ask_and_fold(__u64 *ctx)
{
	struct task_note *note = bpf_task_storage_get(&notes, bpf_get_current_task_btf(), NULL, 0);
	struct open_key key = { .files = 1 };
	struct open_file *o;

	if (!note || !is_it(ctx))
		return 0;
	o = bpf_map_lookup_elem(&open_files, &key);
	if (!o)
		return 0;
	__sync_fetch_and_add(&o->reads, 1);
	__sync_fetch_and_add(&o->read_bytes, ctx[1]);
	return 0;
}
