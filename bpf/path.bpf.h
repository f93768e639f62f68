/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Paths and files. A walk goes from an object up to the root of its mount namespace and notes the
 * names on its way; a second pass writes them down from the root. Nothing is locked: what a rename
 * at the same moment makes of a path may be half of one name and half of another. That is seen by
 * the count of changes that each dentry has, and the event is marked: raced.
 *
 * All is seen at the exit of the call. A mount that hangs nowhere, as one that was picked or is
 * detached by now, has a path that begins at its own root, as /proc/PID/fd shows it.
 */
#ifndef REEL_BPF_PATH_BPF_H
#define REEL_BPF_PATH_BPF_H

#include "bpf/call.bpf.h"

enum path_from { PATH_PASSED, PATH_DIR_NAME, PATH_OBJECT };

enum {
	MAGIC_PIPEFS = 0x50495045,
	MAGIC_SOCKFS = 0x534f434b,
	MAGIC_ANON_INODE = 0x09041934,
	MAGIC_PIDFS = 0x50494446,
	MAGIC_NSFS = 0x6e736673,
	MAGIC_OVERLAYFS = 0x794c7630,
	MNT_INTERNAL_FLAG = 0x4000,
	MODE_TYPE = 0170000,
	MODE_SOCKET = 0140000,
	MODE_REGULAR = 0100000,
	MODE_BLOCK = 0060000,
	MODE_CHAR = 0020000,
	MODE_FIFO = 0010000,
};

/* The mask is for the verifier, which the compiler would leave out where it knows better. */
static __always_inline void *payload_at(struct scratch *s, __u64 at)
{
	opaque(at);
	return &s->payload[in_payload(at)];
}

/* What a loop's body is given. The state of the walk lies in the scratch, where the verifier does
 * not follow every value that it could have. */
struct walk_context {
	struct scratch *s;
};

/*
 * Steps in a round: a round is a call, which costs more than a step. The first round of a walk is
 * not even that, and most need no other.
 */
enum { UP_STEPS = 8, DOWN_STEPS = 6, SAME_STEPS = 8, MORE_STEPS = 2 };

/* Goes up with each change of its name and parent, and is odd while one is under way. */
static __always_inline __u32 dentry_changes(__u64 dentry)
{
	return KLOAD(struct dentry, dentry, d_seq.seqcount.sequence);
}

/* What a step needs of a dentry: its parent and its name lie in a row. The count comes first. */
static __always_inline __u64 dentry_take(__u64 dentry, struct walk_part *part)
{
	struct {
		__u64 parent;
		struct qstr name;
	} taken;

	_Static_assert(sizeof(taken) == 24, "as in a dentry");
	part->dentry = dentry;
	part->changes = dentry_changes(dentry);
	in_order();
	if (DIRECT_LOADS) {
		struct dentry *d =
			bpf_rdonly_cast((void *)dentry, bpf_core_type_id_kernel(struct dentry));

		part->name = (__u64)d->d_name.name;
		part->length = d->d_name.len;
		return (__u64)d->d_parent;
	}
	if (bpf_core_field_offset(struct dentry, d_name) -
		    bpf_core_field_offset(struct dentry, d_parent) !=
	    sizeof(taken.parent)) {
		taken.parent = KPTR(struct dentry, dentry, d_parent);
		bpf_core_read(&taken.name, sizeof(taken.name), &((struct dentry *)dentry)->d_name);
	} else {
		bpf_probe_read_kernel(&taken, sizeof(taken),
				      (void *)(dentry +
					       bpf_core_field_offset(struct dentry, d_parent)));
	}
	part->name = (__u64)taken.name.name;
	part->length = taken.name.len;
	return taken.parent;
}

static __always_inline long walk_up(struct walk *w, const int steps)
{
	__u64 dentry = w->dentry, top = w->top, parent;
	__u32 n = w->n_parts;

	for (int k = 0; k < steps && dentry != top; k++) {
		struct walk_part part;

		parent = dentry_take(dentry, &part);
		/* Too deep, or not below the root of its mount: moved out of it, or opened by
		 * handle. */
		if (n >= PATH_PARTS || parent == dentry || !parent) {
			w->n_parts = n;
			w->lost = 1;
			return 1;
		}
		opaque(n);
		w->parts[n & (PATH_PARTS - 1)] = part;
		n++;
		dentry = parent;
	}
	w->n_parts = n;
	w->dentry = dentry;
	if (dentry != top)
		return 0;
	parent = KPTR(struct mount, w->mount, mnt_parent);
	if (parent == w->mount || !parent)
		return 1;
	dentry = KPTR(struct mount, w->mount, mnt_mountpoint);
	top = KPTR(struct mount, parent, mnt.mnt_root);
	w->mount = parent;
	w->dentry = dentry;
	w->top = top;
	/* The usual end: the root lies on the first root of the kernel. */
	return dentry == top && KPTR(struct mount, parent, mnt_parent) == parent;
}

static long walk_up_more(__u32 i, struct walk_context *context)
{
	return walk_up(&context->s->walk, MORE_STEPS);
}

/*
 * A name, and some bytes behind it. One that is short enough lies in its dentry, where so much can
 * be read: a few loads instead of a helper call.
 */
static __always_inline void name_put(void *to, __u64 name, __u32 length)
{
	if (DIRECT_LOADS && bpf_core_type_exists(union shortname_store) &&
	    length < bpf_core_type_size(union shortname_store)) {
		union shortname_store *from =
			bpf_rdonly_cast((void *)name,
					bpf_core_type_id_kernel(union shortname_store));

		/* Most names are short. */
		for (int k = 0; k < 2; k++)
			((__u64 *)to)[k] = from->words[k];
		if (length > 16)
			for (int k = 2; k < 5; k++)
				((__u64 *)to)[k] = from->words[k];
		return;
	}
	bpf_probe_read_kernel(to, length & 255, (void *)name);
}

static __always_inline long walk_down(struct scratch *s, const int steps)
{
	struct walk *w = &s->walk;
	struct walk_part *part;
	__u32 length, left;
	__u64 at;

	/* A counter that lies on the stack looks like an endless loop to old kernels. */
#pragma clang loop unroll(full)
	for (int k = 0; k < steps; k++) {
		left = w->n_parts;
		if (!left)
			return 1;
		left--;
		opaque(left);
		part = &w->parts[left & (PATH_PARTS - 1)];
		length = part->length;
		at = w->at;
		if (length > 255 || at + 1 + length > w->end) {
			w->lost = 1;
			return 1;
		}
		*(char *)payload_at(s, at) = '/';
		name_put(payload_at(s, at + 1), part->name, length);
		in_order();
		w->changed |= (part->changes & 1) | (dentry_changes(part->dentry) ^ part->changes);
		w->at = at + 1 + length;
		w->n_parts = left;
	}
	return 0;
}

static long walk_down_more(__u32 i, struct walk_context *context)
{
	return walk_down(context->s, MORE_STEPS);
}

static const char text_socket[] = "socket:[%lu]";
static const char text_pipe[] = "pipe:[%lu]";
static const char text_ns[] = "%s:[%lu]";

/* The names that the kernel makes up for what lies in no directory. */
static __always_inline long unnamed_put(struct scratch *s, __u64 dentry, __u32 at)
{
	__u64 inode = KPTR(struct dentry, dentry, d_inode);
	__u64 super = KPTR(struct inode, inode, i_sb);
	__u64 magic = KLOAD(struct super_block, super, s_magic);
	__u64 words[2] = { KLOAD(struct inode, inode, i_ino) };
	__u64 name = KPTR(struct dentry, dentry, d_name.name), ns;
	char *to = payload_at(s, at);
	long n;

	switch (magic) {
	case MAGIC_SOCKFS:
		return bpf_snprintf(to, 40, text_socket, words, 8) - 1;
	case MAGIC_PIPEFS:
		return bpf_snprintf(to, 40, text_pipe, words, 8) - 1;
	case MAGIC_NSFS:
		words[1] = words[0];
		ns = KPTR(struct inode, inode, i_private);
		words[0] = KPTR(struct proc_ns_operations, KPTR(struct ns_common, ns, ops), name);
		return bpf_snprintf(to, 64, text_ns, words, 16) - 1;
	case MAGIC_PIDFS:
		__builtin_memcpy(to, "anon_inode:[pidfd]", 18);
		return 18;
	case MAGIC_ANON_INODE:
		__builtin_memcpy(to, "anon_inode:", 11);
		n = bpf_probe_read_kernel_str(to + 11, 256, (void *)name);
		return n > 0 ? n + 10 : 11;
	}
	/* Memory files, of memfd_create() and shmget(), and what else has a name but no place. */
	*to = '/';
	n = bpf_probe_read_kernel_str(to + 1, 256, (void *)name);
	n = n > 0 ? n & 511 : 1;
	__builtin_memcpy(payload_at(s, at + n), " (deleted)", 10);
	return n + 10;
}

/*
 * The path of (mount, dentry) at payload[at], as /proc/PID/fd shows it. Returns its bytes, and bit
 * 31 when a part is missing: the beginning of a path that is too deep, or the end of one that is
 * too long.
 */
__noinline __u32 walk_put(struct scratch *s, __u64 vfsmount, __u64 dentry, __u32 at)
{
	struct walk_context context = { .s = s };
	struct walk *w = &s->walk;
	__u64 parent;

	if (!s || !vfsmount || !dentry || at > EV_MAX_PAYLOAD - PATH_BYTES)
		return 0;
	parent = KPTR(struct dentry, dentry, d_parent);
	if (parent == dentry && KLOAD(struct vfsmount, vfsmount, mnt_flags) & MNT_INTERNAL_FLAG) {
		long n = unnamed_put(s, dentry, at);

		return n > 0 && n < PATH_BYTES ? n : 0;
	}
	w->dentry = dentry;
	w->mount = vfsmount - bpf_core_field_offset(struct mount, mnt);
	w->top = KPTR(struct vfsmount, vfsmount, mnt_root);
	w->n_parts = 0;
	w->at = at;
	w->end = (__u64)at + PATH_BYTES - 16;
	w->lost = 0;
	w->changed = 0;
	/* Removed, and not the root of a mount. */
	w->gone = dentry != w->top && parent != dentry &&
		  !KPTR(struct dentry, dentry, d_hash.pprev);
	if (!walk_up(w, UP_STEPS))
		bpf_loop(PATH_PARTS + 64, walk_up_more, &context, 0);
	if (!walk_down(s, DOWN_STEPS))
		bpf_loop(PATH_PARTS, walk_down_more, &context, 0);
	if (w->changed)
		s->header.flags |= EV_RACED;
	if (w->at == at && !w->lost) {
		*(char *)payload_at(s, at) = '/';
		w->at++;
	}
	if (w->gone) {
		__builtin_memcpy(payload_at(s, w->at), " (deleted)", 10);
		w->at += 10;
	}
	return (__u32)(w->at - at) | (w->lost ? 1u << 31 : 0);
}

static __always_inline __u32 file_put(struct scratch *s, __u64 file, __u32 at)
{
	return walk_put(s, KPTR(struct file, file, f_path.mnt),
			KPTR(struct file, file, f_path.dentry), at);
}

static __always_inline __u64 file_inode(__u64 file)
{
	return KPTR(struct file, file, f_inode);
}

/* Which file it is: the FILE_ID of a record. */
#define inode_identify(address, e)                                                             \
	({                                                                                     \
		__u64 inode_ = (address);                                                      \
		(e)->inode = KLOAD(struct inode, inode_, i_ino);                               \
		(e)->dev = KLOAD(struct super_block, KPTR(struct inode, inode_, i_sb), s_dev); \
	})
#define file_identify(file, e) inode_identify(file_inode(file), e)

static __always_inline __u64 task_file(struct task_struct *task, __s64 fd)
{
	struct files_struct *files = TASK_PTR(struct files_struct, task, files);
	struct fdtable *table;

	if (fd < 0 || !files)
		return 0;
	table = files->fdt;
	if (!table || fd >= table->max_fds)
		return 0;
	return kload_pointer(kload_pointer((__u64)&table->fd) + 8 * (__u64)fd);
}

/* A string that a function has put, as it said. */
static __always_inline __u16 build_put(struct build *b, __u32 r)
{
	__u32 n = r & 0xffff;

	return build_took(b, n, r >> 31 ? EV_UNKNOWN_LENGTH : n);
}

/* The path of an object, as a string. */
static __always_inline __u16 build_path(struct build *b, __u64 vfsmount, __u64 dentry)
{
	if (b->used > EV_MAX_PAYLOAD - PATH_BYTES)
		return build_took(b, 0, EV_UNKNOWN_LENGTH);
	return build_put(b, walk_put(b->s, vfsmount, dentry, b->used));
}

static __always_inline __u16 build_file_path(struct build *b, __u64 file)
{
	if (!file)
		return build_nothing(b);
	if (b->used > EV_MAX_PAYLOAD - PATH_BYTES)
		return build_took(b, 0, EV_UNKNOWN_LENGTH);
	return build_put(b, file_put(b->s, file, b->used));
}

/* What a call names: a path, and what an empty one means, or a descriptor. */
enum target_how {
	TARGET_PATH,  /* "" is no file */
	TARGET_EMPTY, /* "" is the descriptor itself, as with AT_EMPTY_PATH */
	TARGET_FD,
	TARGET_MEANS = 3,
	TARGET_IN_KERNEL = 4, /* besides: the path does not lie in the program */
};

static __always_inline long target_read(void *to, __u32 n, __u64 address, __u32 how)
{
	if (how & TARGET_IN_KERNEL)
		return bpf_probe_read_kernel_str(to, n, (void *)address);
	return bpf_probe_read_user_str(to, n, (void *)address);
}

/* Does the task's "/" lead to the root of its mount namespace? */
static __always_inline bool root_is_top(__u64 vfsmount, __u64 dentry)
{
	__u64 mount = vfsmount - bpf_core_field_offset(struct mount, mnt), parent;

	/* The root lies on the kernel's first root, and there may be another between. */
	for (int i = 0; i < 3; i++) {
		if (dentry != KPTR(struct mount, mount, mnt.mnt_root))
			return false;
		parent = KPTR(struct mount, mount, mnt_parent);
		if (parent == mount || !parent)
			return true;
		dentry = KPTR(struct mount, mount, mnt_mountpoint);
		mount = parent;
	}
	return false;
}

/*
 * Where a path begins, into s->target: the object, or the directory, or nothing for the root of the
 * mount namespace and for a bad descriptor. What is found here is read back from there, so that the
 * verifier need not follow each way on its own.
 */
static __always_inline void target_begin(struct target *t, struct task_struct *task, __s32 dirfd,
					 __u32 first, __u32 means)
{
	__u64 file = 0, path;

	t->first = first;
	t->dirfd = dirfd;
	t->file = 0;
	t->dentry = 0;
	if (first == '/') {
		path = KPTR(struct task_struct, task, fs) +
		       bpf_core_field_offset(struct fs_struct, root);
	} else if (dirfd == FD_CWD && means != TARGET_FD) {
		path = KPTR(struct task_struct, task, fs) +
		       bpf_core_field_offset(struct fs_struct, pwd);
	} else {
		file = task_file(task, dirfd);
		if (!file)
			return;
		path = file + bpf_core_field_offset(struct file, f_path);
	}
	t->file = file;
	t->mnt = KPTR(struct path, path, mnt);
	t->dentry = KPTR(struct path, path, dentry);
	if (first == '/' && root_is_top(t->mnt, t->dentry))
		t->dentry = 0;
}

/* Few bytes are copied here, and some behind them. */
static __always_inline void payload_copy(struct scratch *s, __u64 to, __u64 from, __u32 bytes)
{
	if (bytes > 32) {
		bpf_probe_read_kernel(payload_at(s, to), bytes & (PATH_BYTES - 1),
				      payload_at(s, from));
		return;
	}
	__u64 *a = payload_at(s, to), *b = payload_at(s, from);

	for (int k = 0; k < 4; k++)
		a[k] = b[k];
}

/*
 * The path that a call was given, and behind it what was passed where that differs: s->target says
 * what became of it.
 */
__noinline int target_put(struct scratch *s, __u64 at, __s32 dirfd, __u64 address, __u32 how)
{
	struct task_struct *task = task_to_load();
	struct target *t = &s->target;
	__u32 n, m = 0, lost, cut = 0, first = 0, means = how & TARGET_MEANS;

	if (!s)
		return 0;
	t->inode = 0;
	t->dev = 0;
	t->path = 0;
	t->arg = 0;
	t->from = PATH_PASSED;
	if (at > EV_MAX_PAYLOAD - 3 * PATH_BYTES) {
		t->path = 1u << 31;
		return 0;
	}
	if (means != TARGET_FD && (address || means != TARGET_EMPTY)) {
		long got = target_read(payload_at(s, at), PATH_BYTES, address, how);

		if (got < 0) {
			s->header.flags |= EV_FAULT;
			return 0;
		}
		cut = got == PATH_BYTES ? 1u << 31 : 0;
		/* Old kernels say 0 of an empty string. */
		m = got ? got - 1 : 0;
		first = m ? *(__u8 *)payload_at(s, at) : 0;
	}
	if (!first && means == TARGET_PATH)
		return 0;
	t->path = cut | m;
	target_begin(t, task, dirfd, first, means);
	if (!t->dentry)
		return 0;
	/* Out of the way, to begin with. */
	payload_copy(s, at + 2 * PATH_BYTES, at, t->path & (PATH_BYTES - 1));
	n = walk_put(s, t->mnt, t->dentry, at);
	lost = n & 1u << 31;
	n &= 2 * PATH_BYTES - 1;
	if (t->file && task_file(task, t->dirfd) != t->file)
		s->header.flags |= EV_RACED;
	if (!t->first) {
		t->from = PATH_OBJECT;
		t->path = lost | n;
		inode_identify(KPTR(struct dentry, t->dentry, d_inode), t);
		return 0;
	}
	t->from = PATH_DIR_NAME;
	/* "/" needs no second one. */
	if (t->first == '/')
		n = n == 1 ? 0 : n;
	else if (n > 1)
		*(char *)payload_at(s, at + n++) = '/';
	m = t->path & (PATH_BYTES - 1);
	payload_copy(s, at + n, at + 2 * PATH_BYTES, m);
	payload_copy(s, at + n + m, at + 2 * PATH_BYTES, m);
	t->arg = t->path;
	t->path = lost | (t->path & 1u << 31) | (n + m);
	return 0;
}

enum { AT_NOFOLLOW = 0x100, AT_EMPTY = 0x1000 };

static __always_inline __u32 target_at(__u32 flags)
{
	return flags & AT_EMPTY ? TARGET_EMPTY : TARGET_PATH;
}

/* The fields of a target, in e: path and how well it is known. old: nothing, or old. */
#define build_target_path_of(b, e, old, fd, address, how)           \
	({                                                          \
		target_put((b)->s, (b)->used, fd, address, how);    \
		(e)->old##path = build_put(b, (b)->s->target.path); \
		(e)->old##path##_from = (b)->s->target.from;        \
	})
#define build_target_path(b, e, fd, address, how) build_target_path_of(b, e, , fd, address, how)

/* And what was passed. */
#define build_target_of(b, e, old, fd, address, how)                     \
	({                                                               \
		build_target_path_of(b, e, old, fd, address, how);       \
		(e)->old##path##_arg = build_put(b, (b)->s->target.arg); \
	})
#define build_target(b, e, fd, address, how) build_target_of(b, e, , fd, address, how)

/* And which file it is. */
#define build_target_id(b, e, fd, address, how)       \
	({                                            \
		build_target(b, e, fd, address, how); \
		(e)->inode = (b)->s->target.inode;    \
		(e)->dev = (b)->s->target.dev;        \
	})

struct passed {
	__u16 path;
	__u16 arg;
	__u8 from;
};

/* The two strings of a passed path, in their order. Empty with a descriptor: its own file. */
static __always_inline void build_passed(struct build *b, struct task_struct *task, __s64 dirfd,
					 __u64 address, struct passed *ret)
{
	struct target *t = &b->s->target;

	target_put(b->s, b->used, dirfd, address, TARGET_EMPTY);
	ret->path = build_put(b, t->path);
	ret->arg = build_put(b, t->arg);
	ret->from = t->from;
}

static __always_inline long same_step(struct scratch *s, const int steps)
{
	struct walk *w = &s->walk;
	__u64 at = w->at, other = w->other, end = w->end, x;

	for (int k = 0; k < steps && at < end; k++) {
		x = *(__u64 *)payload_at(s, at) ^ *(__u64 *)payload_at(s, other);
		/* What lies behind the end does not count. */
		if (at + 8 > end)
			x <<= 8 * (at + 8 - end);
		if (x) {
			w->lost = 1;
			return 1;
		}
		at += 8;
		other += 8;
	}
	w->at = at;
	w->other = other;
	return at >= end;
}

static long same_step_more(__u32 i, struct walk_context *context)
{
	return same_step(context->s, MORE_STEPS);
}

/* Are these bytes of the payload the same? */
__noinline __u32 payload_same(struct scratch *s, __u32 a, __u32 b, __u32 bytes)
{
	struct walk_context context = { .s = s };
	struct walk *w = &s->walk;

	if (!s)
		return 0;
	w->at = a;
	w->end = a + bytes;
	w->other = b;
	w->lost = 0;
	if (!same_step(s, SAME_STEPS))
		bpf_loop(PATH_BYTES / 8, same_step_more, &context, 0);
	return !w->lost;
}

/* path_arg behind path: what was passed, unless it is what path says. */
static __always_inline __u16 build_path_arg(struct build *b, __u64 address, __u32 path_bytes)
{
	__u64 at = b->used;
	__u16 n = build_user_string(b, address, PATH_BYTES);

	if (n && n == path_bytes && payload_same(b->s, at - path_bytes, at, n))
		return build_drop(b, n);
	return n;
}

#endif
