/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Whose events are wanted. Each task carries the answer in its storage: it is worked out when the
 * task is first seen, when it executes, changes its user or its cgroup, so that a call costs one
 * look.
 */
#ifndef REEL_BPF_SCOPE_BPF_H
#define REEL_BPF_SCOPE_BPF_H

#include "bpf/emit.bpf.h"

const volatile struct scope_term scope_terms[SCOPE_TERMS];

/* The recorder, its helper, and what the helper starts. */
static __always_inline bool task_is_ours(struct task_struct *task)
{
	__u32 tgid = task->tgid, helper = helper_pid;

	return tgid == config.recorder_pid || tgid == helper ||
	       (helper &&
		(__u32)KLOAD(struct task_struct, KPTR(struct task_struct, task, real_parent),
			     tgid) == helper);
}

/* SCOPE_UNKNOWN only where there is a scope. Most of a machine is out of it: that comes first. */
static __always_inline __u32 task_scope(struct task_struct *task)
{
	struct task_note *note = NULL;

	if (config.scope) {
		note = bpf_task_storage_get(&notes, task, NULL, 0);
		if (note && note->scope == SCOPE_OUT)
			return SCOPE_OUT;
	}
	if (task_is_ours(task))
		return SCOPE_OUT;
	if (!config.scope)
		return SCOPE_IN;
	return note ? note->scope : SCOPE_UNKNOWN;
}

static __always_inline bool task_wanted(struct task_struct *task)
{
	return task_scope(task) == SCOPE_IN;
}

#endif
