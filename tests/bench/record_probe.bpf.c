/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Probes on getpid() of people who measured what a probe costs: one that does nothing, one that
 * counts by pid in a hash map, and one whose key is pid, a number that looks random and the name of
 * the process. Each as the hook of all calls (tp_btf), and as that of getpid() alone.
 */
#include "bpf/kernel.h"

#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

enum { RANDOM_NUMBERS = 1024, COMM_BYTES = 32, MOST_KEYS = 1 << 17 };

struct complex_key {
	__u32 pid;
	__u32 random;
	char comm[COMM_BYTES];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MOST_KEYS);
	__type(key, __u32);
	__type(value, __u64);
} by_pid SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MOST_KEYS);
	__type(key, struct complex_key);
	__type(value, __u64);
} by_much SEC(".maps");

static __always_inline void count(void *map, const void *key)
{
	__u64 one = 1, *n = bpf_map_lookup_elem(map, key);

	if (n)
		__sync_fetch_and_add(n, 1);
	else
		bpf_map_update_elem(map, key, &one, BPF_NOEXIST);
}

static __always_inline int simple(void)
{
	__u32 pid = bpf_get_current_pid_tgid() >> 32;

	count(&by_pid, &pid);
	return 0;
}

static __always_inline int complex(void)
{
	struct complex_key key = {
		.pid = bpf_get_current_pid_tgid() >> 32,
		.random = bpf_ktime_get_ns() % RANDOM_NUMBERS,
	};

	bpf_get_current_comm(key.comm, sizeof(key.comm));
	count(&by_much, &key);
	return 0;
}

#define PROBES(kind, where)           \
	SEC(where)                    \
	int kind##_empty(void *ctx)   \
	{                             \
		return 0;             \
	}                             \
	SEC(where)                    \
	int kind##_simple(void *ctx)  \
	{                             \
		return simple();      \
	}                             \
	SEC(where)                    \
	int kind##_complex(void *ctx) \
	{                             \
		return complex();     \
	}

PROBES(tp_btf, "tp_btf/sys_enter")
PROBES(tracepoint, "tracepoint/syscalls/sys_enter_getpid")
PROBES(fentry, "fentry/__do_sys_getpid")
PROBES(kprobe, "kprobe/__do_sys_getpid")
