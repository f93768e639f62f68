/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* The maps of the recorder, the constants of its run, and what every program begins with. */
#ifndef REEL_BPF_MAPS_BPF_H
#define REEL_BPF_MAPS_BPF_H

#include "bpf/kernel.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "bpf/events.h"
#include "bpf/recorder.h"

const volatile struct recorder_config config;

/* For programs that tell of more than one type. */
#define wants(type) (config.types[EV_##type / 64] >> EV_##type % 64 & 1)

/* Set after loading: the helper is forked later, and not every program can be loaded. */
__u32 helper_pid;
struct call_slot slots[SLOTS];

enum {
	PATH_BYTES = 4096,
	PATH_PARTS = 128,	/* deeper paths lose their beginning */
};

/*
 * Where a record is put together, one for each CPU: programs in tasks cannot interrupt each other,
 * since they run with preemption off. The room behind payload lets a string of any allowed length
 * be read at any allowed place.
 */
struct scratch {
	struct ev_header header;
	__u8 payload[(EV_MAX_PAYLOAD + 9) + 8 * PATH_BYTES];
	__u32 true_lengths[16];
	struct walk {
		__u64 dentry;
		__u64 mount;
		__u64 top;	/* the dentry that is the root of mount */
		__u64 n_parts;
		__u64 at;	/* in payload */
		__u64 end;
		__u64 other;	/* in payload, what is compared */
		__u64 lost;	/* the path did not fit, or is not the same */
		__u64 gone;	/* the name is removed */
		__u64 changed;	/* not 0: a part did while it was read */
		struct walk_part {
			__u64 name;	/* address */
			__u32 length;
			__u32 changes;	/* of the dentry when this was read */
			__u64 dentry;
		} parts[PATH_PARTS];
	} walk;
	/* What target_put() has found. */
	struct target {
		__u64 inode;
		__u64 file, mnt, dentry;	/* where it begins, or what it is */
		__u32 dev;
		__u32 path, arg;	/* bytes; bit 31: not all */
		__u32 from;		/* enum path_from */
		__u32 first;		/* byte of what was passed */
		__s32 dirfd;
	} target;
	struct creds_change {
		struct seen_creds now, before;
	} creds;
	struct match {
		__u32 text, text_end;		/* in payload */
		__u32 pattern, pattern_end;	/* in the pattern */
		__u32 star, star_text;		/* star: one behind the last "*"; 0: none yet */
		__u32 term;			/* whose pattern */
		__u32 matched;
	} match;
	struct gather {
		__u64 iov;		/* user address of the next iovec */
		__u64 room;		/* bytes that may still be kept */
		__u64 at;		/* in payload */
		__u64 total;		/* what all iovecs ask for */
		__u64 faults;
	} gather;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);			/* one for each CPU, and one more */
	__type(key, __u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);			/* one for each CPU */
	__type(key, __u32);
	__type(value, struct cpu_counts);
} counts SEC(".maps");

struct ring {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);		/* each is made with its own size */
};

/* A ring for the events of each CPU, then the one for state. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct ring);
} rings SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, JUMPS);
	__type(key, __u32);
	__type(value, __u32);
} handlers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SLOTS);
	__type(key, __u32);
	__type(value, struct call_layout);
} layouts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct task_note);
} notes SEC(".maps");

/*
 * The programs are compiled twice: for kernels that have this, and for those that do not. Were it
 * asked when a program is loaded, what is not taken would have to be cut out of it at each place,
 * and the kernel moves all that follows for each cut: a fifth of the time that a start takes.
 */
#ifndef DIRECT_LOADS
#define DIRECT_LOADS 1
#endif
extern void *bpf_rdonly_cast(void *obj, __u32 btf_id) __ksym __weak;

/*
 * A member of the kernel object at an address: a plain load where the kernel allows to say what
 * lies there, else a helper call. Either gives 0 where nothing can be read.
 */
#define KLOAD(type, address, member) KLOAD_(type, address, member, __COUNTER__)
#define KLOAD_(type, address, member, n) KLOAD__(type, address, member, n)
#define KLOAD__(type, address, member, n)                                                         \
	({                                                                                        \
		__u64 at_##n = (__u64)(address);                                                  \
		typeof(((type *)0)->member) value_##n;                                            \
		if (DIRECT_LOADS)                                                          \
			value_##n = ((type *)bpf_rdonly_cast((void *)at_##n,                      \
							     bpf_core_type_id_kernel(type)))      \
					    ->member;                                             \
		else                                                                              \
			bpf_core_read(&value_##n, sizeof(value_##n), &((type *)at_##n)->member);  \
		value_##n;                                                                        \
	})

/* The pointer at an address, as a number: one that may be handed to any function. */
static __always_inline __u64 kload_pointer(__u64 address)
{
	return KLOAD(struct qstr, address, hash_len);
}

/* A member that is a pointer. */
#define KPTR(type, address, member)                                                               \
	kload_pointer((__u64)(address) + bpf_core_field_offset(type, member))

/*
 * A pointer in the current task. Where the kernel has a notion of pointers that it trusts, a plain
 * load of a pointer from one makes the verifier look through the names of all its types several
 * times: milliseconds for each such place in a program.
 */
#define TASK_PTR(type, task, member)                                                              \
	(DIRECT_LOADS ?                                                                    \
		 (type *)bpf_rdonly_cast((void *)KPTR(struct task_struct, task, member),          \
					 bpf_core_type_id_kernel(type)) :                         \
		 (task)->member)

/* Keeps the compiler from checking one copy of a value and using another. */
#define opaque(value) asm volatile("" : "+r"(value))

/* Keeps the compiler from loading before it what is loaded behind it. */
#define in_order() asm volatile("" : : : "memory")

/* Where each CPU has its current task: looked up once, and out of reach of user space. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} current_at SEC(".maps");

/* In the run queue of the CPU, which the task itself leads to. */
__noinline __u64 current_find(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u64 rq;

	if (!bpf_core_field_exists(task->se.cfs_rq) || !bpf_core_field_exists(struct cfs_rq, rq))
		return 0;
	rq = KPTR(struct cfs_rq, kload_pointer((__u64)&task->se.cfs_rq), rq);
	if (KPTR(struct rq, rq, curr) != (__u64)task ||
	    KLOAD(struct rq, rq, cpu) != (int)bpf_get_smp_processor_id())
		return 0;
	return rq + bpf_core_field_offset(struct rq, curr);
}

/*
 * The current task, to load from and nothing else. For each pointer that is loaded from one that it
 * trusts, the verifier searches all types of the kernel for a name; so this one it does not trust.
 * To load it from where the CPU has it costs far less than to ask for it.
 */
static __always_inline struct task_struct *task_to_load(void)
{
	__u32 zero = 0;
	__u64 *at;

	if (!DIRECT_LOADS)
		return bpf_get_current_task_btf();
	at = bpf_map_lookup_elem(&current_at, &zero);
	if (at && *at)
		return bpf_rdonly_cast((void *)kload_pointer(*at),
				       bpf_core_type_id_kernel(struct task_struct));
	if (at)
		*at = current_find();
	return bpf_rdonly_cast(bpf_get_current_task_btf(),
			       bpf_core_type_id_kernel(struct task_struct));
}

/*
 * A place in payload. Compilers drop a mask that an earlier comparison makes needless, and older
 * verifiers have forgotten that comparison by then.
 */
static __always_inline __u64 in_payload(__u64 at)
{
	opaque(at);
	return at & 0xffff;
}

/* Process and thread, as bpf_get_current_pid_tgid() has them. */
static __always_inline __u64 task_id(struct task_struct *task)
{
	return (__u64)task->tgid << 32 | (__u32)task->pid;
}

static __always_inline struct cpu_counts *cpu_counts(void)
{
	__u32 cpu = bpf_get_smp_processor_id();

	return bpf_map_lookup_elem(&counts, &cpu);
}

/*
 * The recorder itself is never recorded: what runs in its name is the iterator of a keyframe, which
 * can be interrupted and has a scratch of its own, behind those of the CPUs.
 */
static __always_inline struct scratch *cpu_scratch(void)
{
	__u32 cpu = bpf_get_smp_processor_id();

	if ((__u32)task_to_load()->tgid == config.recorder_pid)
		cpu = config.n_cpus;
	return bpf_map_lookup_elem(&scratches, &cpu);
}

#endif
