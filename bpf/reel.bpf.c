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

SEC("tp_btf/sys_exit")
int sys_exit(__u64 *ctx)
{
	struct pt_regs *regs = (struct pt_regs *)ctx[0];
	struct cpu_counts *c = cpu_counts();
	__u32 slot = slot_of(task_to_load(), (__u32)regs->orig_ax);

	opaque(slot);
	if (!c || slot >= SLOTS)
		return 0;
	c->calls[slot]++;
	bpf_tail_call(ctx, &handlers, slot);
	return 0;
}
