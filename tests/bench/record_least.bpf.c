/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * The least that can be recorded of a command and its children: of a call its registers, written
 * where they will lie, and of a read or write two sums in a map. No paths, no strings, no handles.
 */
#include "bpf/files.bpf.h"
#include "bpf/match.bpf.h"
#include "bpf/sys.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

enum least_does { LEAST_NOTHING, LEAST_RECORD, LEAST_SUM };

/* By the number of a native call; set before it is attached. */
__u8 least_does[SLOTS_COMPAT];

SEC("tp_btf/task_newtask")
int least_follow(__u64 *ctx)
{
	struct task_struct *child = (struct task_struct *)ctx[0];

	if (bpf_task_storage_get(&notes, bpf_get_current_task_btf(), NULL, 0))
		bpf_task_storage_get(&notes, child, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	return 0;
}

static __always_inline int least_sum(struct cpu_counts *c, __s32 fd, __s64 ret)
{
	struct open_key key = { .files = bpf_get_current_pid_tgid() >> 32, .fd = fd };
	struct open_file *o = bpf_map_lookup_elem(&open_files, &key), empty = { 0 };

	c->folded[EV_CLASS_io]++;
	if (!o) {
		bpf_map_update_elem(&open_files, &key, &empty, BPF_NOEXIST);
		return 0;
	}
	__sync_fetch_and_add(&o->reads, 1);
	__sync_fetch_and_add(&o->read_bytes, ret);
	return 0;
}

SEC("tp_btf/sys_exit")
int least_call(__u64 *ctx)
{
	struct pt_regs *r = (struct pt_regs *)ctx[0];
	__u32 number = r->orig_ax;
	struct cpu_counts *c = cpu_counts();
	struct ev_sys e;

	if (!c || number >= SLOTS_COMPAT || least_does[number] == LEAST_NOTHING ||
	    !bpf_task_storage_get(&notes, bpf_get_current_task_btf(), NULL, 0))
		return 0;
	if (least_does[number] == LEAST_SUM)
		return least_sum(c, r->di, ctx[1]);
	e.arg1 = r->di;
	e.arg2 = r->si;
	e.arg3 = r->dx;
	e.arg4 = r->r10;
	e.arg5 = r->r8;
	e.arg6 = r->r9;
	return emit_fixed(sys, number, ctx[1], &e);
}
