/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * The programs that the kernel runs, as one object: they share maps and helpers. Each subsystem has
 * a file of handlers; here is the hook that leads to them.
 */
#include "bpf/attributes.bpf.h"
#include "bpf/cgroup.bpf.h"
#include "bpf/control.bpf.h"
#include "bpf/exec.bpf.h"
#include "bpf/fds.bpf.h"
#include "bpf/file.bpf.h"
#include "bpf/keyframe.bpf.h"
#include "bpf/look.bpf.h"
#include "bpf/ipc.bpf.h"
#include "bpf/mem.bpf.h"
#include "bpf/mount.bpf.h"
#include "bpf/move.bpf.h"
#include "bpf/names.bpf.h"
#include "bpf/io.bpf.h"
#include "bpf/net.bpf.h"
#include "bpf/priv.bpf.h"
#include "bpf/process.bpf.h"
#include "bpf/sys.bpf.h"
#include "bpf/system.bpf.h"
#include "bpf/uring_tell.bpf.h"
#include "bpf/user.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define JUMP_1(n)                                      \
	case n:                                        \
		bpf_tail_call_static(ctx, &handlers, n); \
		break;
#define JUMP_4(n) JUMP_1(n) JUMP_1(n + 1) JUMP_1(n + 2) JUMP_1(n + 3)
#define JUMP_16(n) JUMP_4(n) JUMP_4(n + 4) JUMP_4(n + 8) JUMP_4(n + 12)

SEC("tp_btf/sys_exit")
int sys_exit(__u64 *ctx)
{
	struct pt_regs *regs = (struct pt_regs *)ctx[0];
	/* Storage is only for a task that the verifier trusts. */
	struct task_struct *task = bpf_get_current_task_btf();
	__u32 slot = slot_of(task, (__u32)regs->orig_ax), scope;
	struct cpu_counts *c = cpu_counts();
	const struct call_slot *s;

	opaque(slot);
	if (!c || slot >= SLOTS)
		return 0;
	c->calls[slot]++;
	s = &slots[slot];
	if (s->jump == JUMP_NONE)
		return 0;
	scope = task_scope(task);
	if (scope != SCOPE_IN) {
		/* Seen for the first time: that program jumps to the handler, or counts it here. */
		if (config.scope && scope == SCOPE_UNKNOWN)
			bpf_tail_call_static(ctx, &handlers, JUMP_SCOPE);
		c->filtered[s->class & (CLASSES - 1)]++;
		if (config.scope && s->rescopes)
			bpf_tail_call_static(ctx, &handlers, JUMP_RESCOPE);
		return 0;
	}
	if (s->folds != IO_NEITHER && io_folded(ctx, task, c, s->folds))
		return 0;
	switch (s->jump) {
		JUMP_16(0)
		JUMP_16(16)
		JUMP_16(32)
		JUMP_16(48)
	}
	/* The kernel has refused that program. */
	loss_count(c, s->class);
	return 0;
}
