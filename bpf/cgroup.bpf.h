/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* Cgroups: made, removed, renamed; processes moved between them. */
#ifndef REEL_BPF_CGROUP_BPF_H
#define REEL_BPF_CGROUP_BPF_H

#include "bpf/process.bpf.h"

enum cgroup_change { CGROUP_THERE, CGROUP_MADE, CGROUP_REMOVED, CGROUP_RENAMED };

static __always_inline int emit_cgroup(__u64 *ctx, __u8 change)
{
	struct cgroup *cgroup = (struct cgroup *)ctx[0];
	struct task_struct *task = bpf_get_current_task_btf();
	struct build b;
	struct ev_cgroup *e = build_begin(&b, cgroup, call_now(task), 0);

	count_extra(EV_CLASS_state);
	e->cgroup = cgroup->kn->id;
	e->hierarchy = cgroup->root->hierarchy_id;
	e->change = change;
	e->path = build_kernel_string(&b, ctx[1], PATH_BYTES);
	return build_emit(&b, cgroup);
}

SEC("tp_btf/cgroup_mkdir")
int cgroup_mkdir(__u64 *ctx)
{
	return emit_cgroup(ctx, CGROUP_MADE);
}

SEC("tp_btf/cgroup_rmdir")
int cgroup_rmdir(__u64 *ctx)
{
	return emit_cgroup(ctx, CGROUP_REMOVED);
}

SEC("tp_btf/cgroup_rename")
int cgroup_rename(__u64 *ctx)
{
	return emit_cgroup(ctx, CGROUP_RENAMED);
}

SEC("tp_btf/cgroup_attach_task")
int cgroup_attach_task(__u64 *ctx)
{
	struct cgroup *cgroup = (struct cgroup *)ctx[0];
	struct task_struct *moved = (struct task_struct *)ctx[2];
	struct task_struct *task = bpf_get_current_task_btf();
	struct cpu_counts *own = cpu_counts();
	struct ev_cgroup_move *e;
	struct build b;

	if (!own)
		return 0;
	scope_refresh(moved);
	count_extra(EV_CLASS_process);
	if (!task_wanted(moved) && !task_wanted(task)) {
		own->filtered[EV_CLASS_process]++;
		return 0;
	}
	e = build_begin(&b, cgroup_move, call_now(task), 0);
	e->cgroup = cgroup->kn->id;
	e->target = moved->tgid;
	e->path = build_kernel_string(&b, ctx[1], PATH_BYTES);
	return build_emit(&b, cgroup_move);
}

#endif
