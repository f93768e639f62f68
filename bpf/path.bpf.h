/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Paths and files. A walk goes from an object up to the root of its mount namespace and notes the
 * names on its way; a second pass writes them down from the root. Nothing is locked: a rename at the
 * same moment can show a path that never was, but no memory that is not a name.
 */
#ifndef REEL_BPF_PATH_BPF_H
#define REEL_BPF_PATH_BPF_H

#include "bpf/call.bpf.h"

enum path_from { PATH_PASSED, PATH_DIR_NAME, PATH_OBJECT };

enum {
	MAGIC_PIPEFS = 0x50495045,
	MAGIC_SOCKFS = 0x534f434b,
	MAGIC_ANON_INODE = 0x09041934,
	MAGIC_TMPFS = 0x01021994,
	MAGIC_OVERLAYFS = 0x794c7630,
	MAGIC_HUGETLBFS = 0x958458f6,
	MNT_INTERNAL_FLAG = 0x4000,
	MODE_TYPE = 0170000,
	MODE_SOCKET = 0140000,
	MODE_REGULAR = 0100000,
	MODE_CHAR = 0020000,
	MODE_FIFO = 0010000,
};

/* What a loop's body is given. The state of the walk lies in the scratch, where the verifier does not
 * follow every value that it could have. */
struct walk_context {
	struct scratch *s;
};

static long walk_up(__u32 i, struct walk_context *context)
{
	struct walk *w = &context->s->walk;
	__u64 parent;

	if (w->dentry == KPTR(struct mount, w->mount, mnt.mnt_root)) {
		parent = KPTR(struct mount, w->mount, mnt_parent);
		if (parent == w->mount || !parent)
			return 1;
		w->dentry = KPTR(struct mount, w->mount, mnt_mountpoint);
		w->mount = parent;
		return 0;
	}
	parent = KPTR(struct dentry, w->dentry, d_parent);
	if (parent == w->dentry || !parent)
		return 1;
	if (w->n_parts >= PATH_PARTS) {
		w->lost = 1;
		return 1;
	}
	w->parts[w->n_parts & (PATH_PARTS - 1)] = w->dentry;
	w->n_parts++;
	w->dentry = parent;
	return 0;
}

/* Short names lie in the dentry itself: five loads instead of a helper call. */
static __always_inline void name_put(void *to, __u64 dentry, __u64 name, __u32 length)
{
	if (config.direct_loads && bpf_core_field_exists(struct dentry, d_shortname) &&
	    name == dentry + bpf_core_field_offset(struct dentry, d_shortname)) {
		struct dentry *d =
			bpf_rdonly_cast((void *)dentry, bpf_core_type_id_kernel(struct dentry));
		__u64 *words = to;

		words[0] = d->d_shortname.words[0];
		if (length > 8)
			words[1] = d->d_shortname.words[1];
		if (length > 16) {
			words[2] = d->d_shortname.words[2];
			words[3] = d->d_shortname.words[3];
			words[4] = d->d_shortname.words[4];
		}
		return;
	}
	bpf_probe_read_kernel(to, (length & 255) ? (length & 255) : 1, (void *)name);
}

static long walk_down(__u32 i, struct walk_context *context)
{
	struct scratch *s = context->s;
	struct walk *w = &s->walk;
	__u64 dentry, name, at = w->at;
	__u32 length;

	if (i >= w->n_parts)
		return 1;
	dentry = w->parts[(w->n_parts - 1 - i) & (PATH_PARTS - 1)];
	length = KLOAD(struct dentry, dentry, d_name.len);
	name = KPTR(struct dentry, dentry, d_name.name);
	if (length > 255 || at + 1 + length > w->end) {
		w->lost = 1;
		return 1;
	}
	s->payload[at & 0xffff] = '/';
	name_put(&s->payload[(at + 1) & 0xffff], dentry, name, length);
	w->at = at + 1 + length;
	return 0;
}

/*
 * The path of (mount, dentry) at payload[at]. Returns its bytes, and bit 31 when a part is missing:
 * the beginning of a path that is too deep, or the end of one that is too long.
 */
__u32 walk_put(__u64 vfsmount, __u64 dentry, __u32 at)
{
	struct walk_context context = { .s = cpu_scratch() };
	struct walk *w = &context.s->walk;

	if (!context.s || !vfsmount || !dentry || at > EV_MAX_PAYLOAD - PATH_BYTES)
		return 0;
	w->dentry = dentry;
	w->mount = vfsmount - bpf_core_field_offset(struct mount, mnt);
	w->n_parts = 0;
	w->at = at;
	w->end = (__u64)at + PATH_BYTES - 16;
	w->lost = 0;
	bpf_loop(PATH_PARTS + 64, walk_up, &context, 0);
	bpf_loop(PATH_PARTS, walk_down, &context, 0);
	if (w->at == at) {
		context.s->payload[at & 0xffff] = '/';
		w->at++;
	}
	return (__u32)(w->at - at) | (w->lost ? 1u << 31 : 0);
}

static __always_inline __u64 file_inode(__u64 file)
{
	return KPTR(struct file, file, f_inode);
}

/* Which file it is: the FILE_ID of a record. */
#define file_identify(file, e)                                                                    \
	({                                                                                        \
		__u64 inode_ = file_inode(file);                                                  \
		(e)->inode = KLOAD(struct inode, inode_, i_ino);                                  \
		(e)->dev = KLOAD(struct super_block, KPTR(struct inode, inode_, i_sb), s_dev);   \
	})

static __always_inline __u64 task_file(struct task_struct *task, __s64 fd)
{
	struct files_struct *files = task->files;
	struct fdtable *table;

	if (fd < 0 || !files)
		return 0;
	table = files->fdt;
	if (!table || fd >= table->max_fds)
		return 0;
	return kload_pointer(kload_pointer((__u64)&table->fd) + 8 * (__u64)fd);
}

static const char text_socket[] = "socket:[%lu]";
static const char text_pipe[] = "pipe:[%lu]";

/* The names that the kernel makes up for what lies in no directory. Returns bytes, 0: not such a
 * one. */
__u32 walk_put_unnamed(__u64 file, __u32 at)
{
	struct scratch *s = cpu_scratch();
	__u64 dentry = KPTR(struct file, file, f_path.dentry);
	__u64 inode = file_inode(file);
	__u64 name = KPTR(struct dentry, dentry, d_name.name);
	__u64 magic = KLOAD(struct super_block, KPTR(struct inode, inode, i_sb), s_magic);
	__u64 number = KLOAD(struct inode, inode, i_ino);
	long n = 0;

	if (!s || at > EV_MAX_PAYLOAD - PATH_BYTES)
		return 0;
	if (magic == MAGIC_SOCKFS)
		n = bpf_snprintf((char *)&s->payload[at & 0xffff], 40, text_socket, &number, 8) - 1;
	else if (magic == MAGIC_PIPEFS)
		n = bpf_snprintf((char *)&s->payload[at & 0xffff], 40, text_pipe, &number, 8) - 1;
	else if (magic == MAGIC_ANON_INODE) {
		__builtin_memcpy(&s->payload[at & 0xffff], "anon_inode:", 11);
		n = bpf_probe_read_kernel_str(&s->payload[(at + 11) & 0xffff], 256, (void *)name);
		n = n > 0 ? n + 10 : 11;
	} else if (magic == MAGIC_TMPFS || magic == MAGIC_HUGETLBFS) {
		__u64 mnt = KPTR(struct file, file, f_path.mnt);

		if (!(KLOAD(struct vfsmount, mnt, mnt_flags) & MNT_INTERNAL_FLAG))
			return 0;
		s->payload[at & 0xffff] = '/';
		n = bpf_probe_read_kernel_str(&s->payload[(at + 1) & 0xffff], 256, (void *)name);
		n = n > 0 ? n : 1;
		__builtin_memcpy(&s->payload[(at + n) & 0xffff], " (deleted)", 10);
		n += 10;
	}
	return n > 0 && n < PATH_BYTES ? n : 0;
}

/* The path of an object, as a string. */
static __always_inline __u16 build_path(struct build *b, __u64 vfsmount, __u64 dentry)
{
	__u32 r, n;

	if (b->used > EV_MAX_PAYLOAD - PATH_BYTES)
		return build_took(b, 0, EV_UNKNOWN_LENGTH);
	r = walk_put(vfsmount, dentry, b->used);
	n = r & (PATH_BYTES - 1);
	if (dentry && !KPTR(struct dentry, dentry, d_hash.pprev) &&
	    KPTR(struct dentry, dentry, d_parent) != dentry && n) {
		__builtin_memcpy(&b->s->payload[(b->used + n) & 0xffff], " (deleted)", 10);
		n += 10;
	}
	return build_took(b, n, r >> 31 ? EV_UNKNOWN_LENGTH : n);
}

static __always_inline __u16 build_file_path(struct build *b, __u64 file)
{
	__u32 n;

	if (!file || b->used > EV_MAX_PAYLOAD - PATH_BYTES)
		return build_nothing(b);
	/* Only a dentry without a parent can have such a name, or a file of tmpfs. */
	n = walk_put_unnamed(file, b->used) & (PATH_BYTES - 1);
	if (n)
		return build_took(b, n, n);
	return build_path(b, KPTR(struct file, file, f_path.mnt),
			  KPTR(struct file, file, f_path.dentry));
}

/*
 * A path that was only passed: as it is when it begins at the root, else behind the directory that
 * it is relative to. *ret_passed is what was passed, for path_arg.
 */
struct passed {
	__u16 path;
	__u16 arg;
	__u8 from;
};

/*
 * The two strings of a passed path, in their order. Empty with a descriptor: the descriptor's own
 * file (AT_EMPTY_PATH).
 */
static __always_inline void build_passed(struct build *b, struct task_struct *task, __s64 dirfd,
					 __u64 address, struct passed *ret)
{
	struct scratch *s = b->s;
	__u64 start = b->used, file = 0, vfsmount, dentry;
	__u32 n, m;
	long got;

	ret->from = PATH_PASSED;
	if (start > EV_MAX_PAYLOAD - 3 * PATH_BYTES) {
		ret->path = build_took(b, 0, EV_UNKNOWN_LENGTH);
		ret->arg = build_nothing(b);
		return;
	}
	/* First where path_arg would lie if path were as long as can be: then nothing moves but
	 * the arg. */
	got = bpf_probe_read_user_str(&s->payload[(start + PATH_BYTES) & 0xffff], PATH_BYTES,
				      (void *)address);
	if (got < 0 || (got == 0)) {
		if (address)
			build_flag(b, EV_FAULT);
		got = 1;
		s->payload[(start + PATH_BYTES) & 0xffff] = 0;
		if (!address && dirfd < 0) {
			ret->path = build_nothing(b);
			ret->arg = build_nothing(b);
			return;
		}
	}
	m = (__u32)(got - 1) & (PATH_BYTES - 1);
	if (m && s->payload[(start + PATH_BYTES) & 0xffff] == '/') {
		bpf_probe_read_kernel(&s->payload[start & 0xffff], m,
				      &s->payload[(start + PATH_BYTES) & 0xffff]);
		ret->path = build_took(b, m, m);
		ret->arg = build_nothing(b);
		return;
	}
	if (s->header.flags & EV_FAULT) {
		ret->path = build_nothing(b);
		ret->arg = build_nothing(b);
		return;
	}
	if ((__s32)dirfd == FD_CWD) {
		vfsmount = kload_pointer((__u64)&task->fs->pwd.mnt);
		dentry = kload_pointer((__u64)&task->fs->pwd.dentry);
	} else {
		file = task_file(task, (__s32)dirfd);
		vfsmount = file ? KPTR(struct file, file, f_path.mnt) : 0;
		dentry = file ? KPTR(struct file, file, f_path.dentry) : 0;
	}
	if (!dentry) {
		bpf_probe_read_kernel(&s->payload[start & 0xffff], m ? m : 1,
				      &s->payload[(start + PATH_BYTES) & 0xffff]);
		ret->path = build_took(b, m, m);
		ret->arg = build_nothing(b);
		return;
	}
	if (!m) {
		ret->from = PATH_OBJECT;
		ret->path = file ? build_file_path(b, file) : build_path(b, vfsmount, dentry);
		ret->arg = build_nothing(b);
		return;
	}
	ret->from = PATH_DIR_NAME;
	n = walk_put(vfsmount, dentry, start) & (PATH_BYTES - 1);
	/* "/" needs no second one. */
	if (n > 1)
		s->payload[(start + n++) & 0xffff] = '/';
	n &= PATH_BYTES - 1;
	if (n + m >= PATH_BYTES) {
		/* Longer than any path may be: what was passed is what counts. */
		bpf_probe_read_kernel(&s->payload[start & 0xffff], m ? m : 1,
				      &s->payload[(start + PATH_BYTES) & 0xffff]);
		ret->from = PATH_PASSED;
		ret->path = build_took(b, m, m);
		ret->arg = build_nothing(b);
		return;
	}
	bpf_probe_read_kernel(&s->payload[(start + n) & 0xffff], m ? m : 1,
			      &s->payload[(start + PATH_BYTES) & 0xffff]);
	ret->path = build_took(b, n + m, n + m);
	bpf_probe_read_kernel(build_at(b), m ? m : 1, &s->payload[(start + n) & 0xffff]);
	ret->arg = build_took(b, m, m);
}

/* Are these bytes of the payload the same? Long ones count as different. */
__u32 payload_same(__u32 a, __u32 b, __u32 bytes)
{
	struct scratch *s = cpu_scratch();

	if (!s)
		return 0;
	for (__u32 i = 0; i < 32; i++) {
		__u64 x, y;

		__builtin_memcpy(&x, &s->payload[(a + 8 * i) & 0xffff], 8);
		__builtin_memcpy(&y, &s->payload[(b + 8 * i) & 0xffff], 8);
		if (8 * i + 8 >= bytes) {
			int unused = 8 * (8 * i + 8 - bytes);

			return unused >= 64 || (x << (unused & 63)) == (y << (unused & 63));
		}
		if (x != y)
			return 0;
	}
	return 0;
}

/* path_arg behind path: what was passed, unless it is what path says. */
static __always_inline __u16 build_path_arg(struct build *b, __u64 address, __u32 path_bytes)
{
	__u64 at = b->used;
	__u16 n = build_user_string(b, address, PATH_BYTES);

	if (n && n == path_bytes && payload_same(at - path_bytes, at, n))
		return build_drop(b, n);
	return n;
}

#endif
