/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * The map of open files: which file a descriptor showed when it was last looked at, and what its
 * reads and writes add up to. It is what a close knows its file from, and where io is folded.
 *
 * An entry belongs to a table of descriptors, which the threads of a process share; a forked
 * process begins its own. It is made when the descriptor gets a file, or at the first io, and
 * emptied when the file is closed, copied over, or closed by exec. The entry itself stays for the
 * next file of the same descriptor, so that open and close insert and delete nothing, and is
 * deleted with the table. A change that nobody saw is noticed when the descriptor shows another
 * struct file: then the totals are told as partial.
 */
#ifndef REEL_BPF_FILES_BPF_H
#define REEL_BPF_FILES_BPF_H

#include "bpf/path.bpf.h"

enum ended_by {
	ENDED_BY_CLOSE,
	ENDED_BY_DUP,
	ENDED_BY_CLOSE_RANGE,
	ENDED_BY_EXEC,
	ENDED_BY_EXIT,
	ENDED_BY_EVICTED,
	ENDED_BY_END,
};

enum { FDS_MAX = 1 << 20 };

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__type(key, struct open_key);
	__type(value, struct open_file);
} open_files SEC(".maps");

/* By the address of the table. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, __u64);
	__type(value, struct open_list);
} open_lists SEC(".maps");

/* Of tick 0. The exact clock costs half of what folding a call may cost. */
__u64 tick_base_ns;

static __always_inline void ticks_set(void)
{
	tick_base_ns = bpf_ktime_get_boot_ns() - bpf_jiffies64() * config.tick_ns;
}

static __always_inline __u64 ticks_now_ns(void)
{
	return tick_base_ns + bpf_jiffies64() * config.tick_ns;
}

/* The table of a task, as a number. */
static __always_inline __u64 task_files(struct task_struct *task)
{
	return kload_pointer((__u64)&task->files);
}

/* The file that a descriptor of a table shows now. */
static __always_inline __u64 files_file(__u64 files, __s64 fd)
{
	__u64 table = files ? KPTR(struct files_struct, files, fdt) : 0;

	if (!table || fd < 0 || fd >= KLOAD(struct fdtable, table, max_fds))
		return 0;
	return kload_pointer(KPTR(struct fdtable, table, fd) + 8 * (__u64)fd);
}

static __always_inline struct open_file *open_find(__u64 files, __s32 fd, __u32 kind)
{
	struct open_key key = { .files = files, .fd = fd, .kind = kind };

	return bpf_map_lookup_elem(&open_files, &key);
}

static __always_inline void raise(__u32 *highest, __u32 to)
{
	for (int i = 0; i < 4; i++) {
		__u32 was = *highest;

		if (was >= to || __sync_val_compare_and_swap(highest, was, to) == was)
			break;
	}
}

/* An empty entry, and its place in the list of the table. There is none where a map is full. */
static __noinline int open_insert(__u64 files, __u32 fd, __u32 kind)
{
	struct open_key key = { .files = files, .fd = fd, .kind = kind };
	struct open_file empty = { 0 };
	struct open_list *list, no_list = { 0 };

	if (fd >= FDS_MAX)
		return 0;
	list = bpf_map_lookup_elem(&open_lists, &files);
	if (!list) {
		bpf_map_update_elem(&open_lists, &files, &no_list, BPF_NOEXIST);
		list = bpf_map_lookup_elem(&open_lists, &files);
		if (!list)
			return 0;
	}
	if (bpf_map_update_elem(&open_files, &key, &empty, BPF_NOEXIST) < 0)
		return 0;
	if (kind == OPEN_SLOT) {
		raise(&list->slots, fd + 1);
		return 0;
	}
	raise(&list->highest, fd + 1);
	if (fd < LIST_BITS)
		__sync_fetch_and_or(&list->bits[(fd / 64) & 3], 1ull << (fd & 63));
	return 0;
}

/* Totals that are not told yet become a record, and are zero again. */
static __noinline int open_tell(struct open_file *o, __s32 fd, __u32 kind, __u32 ended_by)
{
	struct ev_fold e = { .fd = kind == OPEN_FD ? fd : -1, .ended_by = ended_by };
	__u64 id = bpf_get_current_pid_tgid();

	if (!o || !(o->reads | o->writes))
		return 0;
	e.reads = __sync_lock_test_and_set(&o->reads, 0);
	e.writes = __sync_lock_test_and_set(&o->writes, 0);
	e.read_bytes = __sync_lock_test_and_set(&o->read_bytes, 0);
	e.written_bytes = __sync_lock_test_and_set(&o->written_bytes, 0);
	e.inode = o->inode;
	e.dev = o->dev;
	e.first = o->first;
	e.last = o->last < e.first ? e.first : o->last;
	o->first = 0;
	/* Of the process whose file it was, which need not be the one that finds it out. */
	if (id >> 32 != o->pid)
		id = (__u64)o->pid << 32 | o->pid;
	count_extra(EV_CLASS_io);
	return emit_fixed_as(EV_fold, class_of_fold, ring_of_fold, 0, 0,
			     ended_by == ENDED_BY_EVICTED ? EV_PARTIAL : 0, &e, sizeof(e), id);
}

/* The file of a descriptor is gone. */
static __always_inline void open_end(struct open_file *o, __s32 fd, __u32 kind, __u32 ended_by)
{
	if (o->reads | o->writes)
		open_tell(o, fd, kind, ended_by);
	o->file = 0;
}

/* A descriptor shows this file from now on; what it showed before ends by this. */
int open_begin(__u64 files, __u32 fd, __u32 kind, __u64 file, __u32 before)
{
	struct open_file *o = open_find(files, fd, kind);
	__u64 inode;

	if (!o) {
		open_insert(files, fd, kind);
		o = open_find(files, fd, kind);
		if (!o)
			return 0;
	}
	open_end(o, fd, kind, before);
	inode = file_inode(file);
	o->inode = KLOAD(struct inode, inode, i_ino);
	o->dev = KLOAD(struct super_block, KPTR(struct inode, inode, i_sb), s_dev);
	o->pid = bpf_get_current_pid_tgid() >> 32;
	o->seen = (KLOAD(struct inode, inode, i_mode) & MODE_TYPE) == MODE_SOCKET ? SEEN_SOCKET : 0;
	o->file = file;
	return 0;
}

/*
 * For whoever makes a descriptor: it is new, and shows this file (0: look). A file that was there
 * before has been closed unseen.
 */
static __always_inline void files_opened(struct task_struct *task, __s64 fd, __u64 file)
{
	__u64 files = task_files(task);

	if (fd < 0)
		return;
	if (!file)
		file = files_file(files, fd);
	if (file)
		open_begin(files, fd, OPEN_FD, file, ENDED_BY_EVICTED);
}

struct end_context {
	struct open_list *list;
	__u64 files;
	__u32 first;
	__u32 kind;
	__u32 ended_by;
	/* What becomes of the entry. */
	bool delete;
	/* Only where the descriptor does not show the file any more. */
	bool look;
};

static long end_step(__u32 i, struct end_context *c)
{
	__u32 fd = c->first + i;
	struct open_key key = { .files = c->files, .fd = fd, .kind = c->kind };
	struct open_file *o;

	if (c->kind == OPEN_FD && fd < LIST_BITS &&
	    !(c->list->bits[(fd / 64) & 3] >> (fd & 63) & 1))
		return 0;
	o = bpf_map_lookup_elem(&open_files, &key);
	if (!o)
		return 0;
	if (o->file && !(c->look && files_file(c->files, fd) == o->file))
		open_end(o, fd, c->kind, c->ended_by);
	if (c->delete)
		bpf_map_delete_elem(&open_files, &key);
	return 0;
}

/* The table goes: everything in it ends. */
int files_end(__u64 files, __u32 ended_by)
{
	struct end_context c = {
		.list = bpf_map_lookup_elem(&open_lists, &files),
		.files = files,
		.ended_by = ended_by,
		.delete = true,
	};

	if (!c.list)
		return 0;
	bpf_loop(c.list->highest, end_step, &c, 0);
	c.kind = OPEN_SLOT;
	if (c.list->slots)
		bpf_loop(c.list->slots, end_step, &c, 0);
	bpf_map_delete_elem(&open_lists, &files);
	return 0;
}

/* Descriptors from first to last, those that do not show their file any more. */
int files_end_range(__u64 files, __u32 first, __u32 last, __u32 ended_by)
{
	struct end_context c = {
		.list = bpf_map_lookup_elem(&open_lists, &files),
		.files = files,
		.first = first,
		.ended_by = ended_by,
		.look = true,
	};
	__u32 end;

	if (!c.list)
		return 0;
	end = c.list->highest;
	if (last < end)
		end = last + 1;
	if (first < end)
		bpf_loop(end - first, end_step, &c, 0);
	return 0;
}

/*
 * For the exit of a process's last thread. A table that another process shares lives on: more hold
 * it than this process has threads.
 */
static __always_inline void files_end_all(struct task_struct *task, __u32 ended_by)
{
	__u64 files = task_files(task), signal = KPTR(struct task_struct, task, signal);

	if (files && KLOAD(struct files_struct, files, count.counter) <=
			     KLOAD(struct signal_struct, signal, nr_threads))
		files_end(files, ended_by);
}

/* For exec: what was marked close-on-exec is closed by now. */
static __always_inline void files_end_closed(struct task_struct *task)
{
	files_end_range(task_files(task), 0, -1u, ENDED_BY_EXEC);
}

/* For a new process: the address of its table may be that of one whose end was not seen. */
static __always_inline void files_new(struct task_struct *child)
{
	files_end(task_files(child), ENDED_BY_EVICTED);
}

#endif
