/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* What is asked of a task. */
#ifndef REEL_BPF_TASK_BPF_H
#define REEL_BPF_TASK_BPF_H

#include "bpf/maps.bpf.h"

enum {
	PF_KTHREAD = 0x00200000,
	CLONE_FILES_FLAG = 0x00000400,
	CLONE_THREAD_FLAG = 0x00010000,
};

enum cgroup_subsys_id {
	pids_cgrp_id___reel = 1,
	memory_cgrp_id___reel = 2,
};

static __always_inline __u64 task_start(struct task_struct *task)
{
	return task->start_boottime;
}

/* The credentials at an address. */
static __always_inline void creds_take(struct seen_creds *to, __u64 address)
{
	if (DIRECT_LOADS) {
		const struct cred *cred =
			bpf_rdonly_cast((void *)address, bpf_core_type_id_kernel(struct cred));

		to->uid = cred->uid.val;
		to->gid = cred->gid.val;
		to->suid = cred->suid.val;
		to->sgid = cred->sgid.val;
		to->euid = cred->euid.val;
		to->egid = cred->egid.val;
		to->fsuid = cred->fsuid.val;
		to->fsgid = cred->fsgid.val;
	} else {
		bpf_probe_read_kernel(&to->uid, 8 * sizeof(to->uid),
				      (void *)(address + bpf_core_field_offset(struct cred, uid)));
	}
	to->cap_inheritable = KPTR(struct cred, address, cap_inheritable);
	to->cap_permitted = KPTR(struct cred, address, cap_permitted);
	to->cap_effective = KPTR(struct cred, address, cap_effective);
}

/*
 * By the number of the thread, without its upper bits: who comes last has the place. At each fork
 * the task's own storage, or a hash table, would cost several times what all the rest of it does.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, CREDS_SEEN);
	__type(key, __u32);
	__type(value, struct seen_creds);
} seen_creds SEC(".maps");

static __always_inline struct seen_creds *creds_place(struct task_struct *task)
{
	__u32 place = (__u32)task->pid % CREDS_SEEN;

	return bpf_map_lookup_elem(&seen_creds, &place);
}

static __always_inline void creds_keep(struct task_struct *task)
{
	struct seen_creds *s = creds_place(task);

	if (!s)
		return;
	creds_take(s, kload_pointer((__u64)&task->cred));
	s->start = task->start_boottime;
}

/* The pid in the pid namespace of this level. */
static __always_inline __u32 pid_at_level(__u64 pid, __u32 level)
{
	if (!pid || level > 32)
		return 0;
	return KLOAD(struct upid,
		     pid + bpf_core_field_offset(struct pid, numbers) +
			     level * bpf_core_type_size(struct upid),
		     nr);
}

/* As the task sees itself. */
static __always_inline __u32 task_vpid(struct task_struct *task)
{
	__u64 pid = kload_pointer((__u64)&task->thread_pid);

	return pid_at_level(pid, KLOAD(struct pid, pid, level));
}

/* As another sees it: 0 if it cannot. */
static __always_inline __u32 pid_as_seen(struct task_struct *by, struct task_struct *task)
{
	__u64 own = kload_pointer((__u64)&by->thread_pid);
	__u64 pid = kload_pointer((__u64)&task->thread_pid);

	return pid_at_level(pid, KLOAD(struct pid, own, level));
}

static __always_inline __u32 task_pid_ns(struct task_struct *task)
{
	__u64 pid = kload_pointer((__u64)&task->thread_pid);
	__u32 level = KLOAD(struct pid, pid, level);
	__u64 ns;

	if (level > 32)
		return 0;
	ns = KPTR(struct upid,
		  pid + bpf_core_field_offset(struct pid, numbers) +
			  level * bpf_core_type_size(struct upid),
		  ns);
	return KLOAD(struct pid_namespace, ns, ns.inum);
}

/* The NAMESPACES of a record. */
#define task_namespaces(task, e)                                                                  \
	({                                                                                        \
		__u64 proxy_ = kload_pointer((__u64) & (task)->nsproxy);                          \
		__u64 cred_ = kload_pointer((__u64) & (task)->cred);                              \
                                                                                                  \
		(e)->pid_ns = task_pid_ns(task);                                                  \
		(e)->user_ns =                                                                    \
			KLOAD(struct user_namespace, KPTR(struct cred, cred_, user_ns), ns.inum); \
		/* A zombie has left the others. */                                               \
		if (proxy_) {                                                                     \
			(e)->mnt_ns = namespace_of(proxy_, mnt);                                  \
			(e)->net_ns =                                                             \
				KLOAD(struct net, KPTR(struct nsproxy, proxy_, net_ns), ns.inum); \
			(e)->uts_ns = namespace_of(proxy_, uts);                                  \
			(e)->ipc_ns = namespace_of(proxy_, ipc);                                  \
			(e)->cgroup_ns = namespace_of(proxy_, cgroup);                            \
		}                                                                                 \
	})
#define namespace_of(proxy, kind) \
	KLOAD(struct kind##_namespace, KPTR(struct nsproxy, proxy, kind##_ns), ns.inum)

static __always_inline __u64 kernfs_parent(__u64 kn)
{
	if (bpf_core_field_exists(struct kernfs_node, parent))
		return KPTR(struct kernfs_node, kn, parent);
	return KPTR(struct kernfs_node___new, kn, __parent);
}

/*
 * The cgroup of a task as a directory of its hierarchy: 0 the v2 one, then those of v1 that
 * container runtimes make directories in.
 */
static __always_inline __u64 task_kernfs(struct task_struct *task, int which)
{
	__u64 set = kload_pointer((__u64)&task->cgroups), css, cgroup;
	__u32 id;

	if (which == 0) {
		cgroup = KPTR(struct css_set, set, dfl_cgrp);
	} else {
		if (which == 1) {
			if (!bpf_core_enum_value_exists(enum cgroup_subsys_id, pids_cgrp_id___reel))
				return 0;
			id = bpf_core_enum_value(enum cgroup_subsys_id, pids_cgrp_id___reel);
		} else {
			if (!bpf_core_enum_value_exists(enum cgroup_subsys_id,
							memory_cgrp_id___reel))
				return 0;
			id = bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id___reel);
		}
		css = kload_pointer(set + bpf_core_field_offset(struct css_set, subsys) + 8 * id);
		cgroup = css ? KPTR(struct cgroup_subsys_state, css, cgroup) : 0;
	}
	return cgroup ? KPTR(struct cgroup, cgroup, kn) : 0;
}

/* Its id: of the v2 cgroup, or, where all are in the root of that, of the first v1 one that says
 * more. */
static __always_inline __u64 task_cgroup(struct task_struct *task)
{
	__u64 root = 0;

	for (int which = 0; which < 3; which++) {
		__u64 kn = task_kernfs(task, which), id;

		if (!kn)
			continue;
		id = KLOAD(struct kernfs_node, kn, id);
		if (kernfs_parent(kn))
			return id;
		if (!root)
			root = id;
	}
	return root;
}

#endif
