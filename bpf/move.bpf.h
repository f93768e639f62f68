/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* Where a process works: its directory, its root, its session and its group. */
#ifndef REEL_BPF_MOVE_BPF_H
#define REEL_BPF_MOVE_BPF_H

#include "bpf/path.bpf.h"

/* Of chdir, and of chroot, which has the same fields. */
static __always_inline int emit_moved(const struct call *c, __u32 class, __u64 mnt, __u64 dentry)
{
	struct build b;
	struct ev_chdir *e = call_build(&b, chdir, c);
	struct passed p;

	b.s->header.type = c->type;
	if (!call_worked(c)) {
		build_passed(&b, c->task, call_arg(c, 0), call_arg(c, 1), &p);
		e->path = p.path;
		e->path_arg = p.arg;
		e->path_from = p.from;
		return emit_scratch(b.s, b.used, b.strings, class, ring_of_chdir);
	}
	__u64 inode = KPTR(struct dentry, dentry, d_inode);

	e->inode = KLOAD(struct inode, inode, i_ino);
	e->dev = KLOAD(struct super_block, KPTR(struct inode, inode, i_sb), s_dev);
	e->path = build_path(&b, mnt, dentry);
	/* fchdir has no path. */
	e->path_arg = c->variant == 'f' ? build_nothing(&b) :
					  build_path_arg(&b, call_arg(c, 1), e->path);
	e->path_from = PATH_OBJECT;
	return emit_scratch(b.s, b.used, b.strings, class, ring_of_chdir);
}

/* Roles: fd, path. fchdir has no path: variant f. */
HANDLER_FAMILY(moves)
{
	struct fs_struct *fs = TASK_PTR(struct fs_struct, c->task, fs);
	struct path *where = c->type == EV_chroot ? &fs->root : &fs->pwd;
	__u32 class = c->type == EV_chroot ? class_of_chroot : class_of_chdir;

	return emit_moved(c, class, kload_pointer((__u64)&where->mnt),
			  kload_pointer((__u64)&where->dentry));
}

HANDLER(setsid)
{
	struct ev_setsid e;

	return emit_fixed_flags(EV_setsid, class_of_setsid, ring_of_setsid, c->id, c->ret, c->flags,
				&e, 0);
}

HANDLER(setpgid)
{
	struct ev_setpgid e = { .target = call_arg(c, 0), .pgid = call_arg(c, 1) };

	return call_emit_fixed(setpgid, c, &e);
}

#endif
