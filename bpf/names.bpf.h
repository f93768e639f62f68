/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Names: given to files, changed, removed. Of the file itself the call leaves nothing to look at.
 */
#ifndef REEL_BPF_NAMES_BPF_H
#define REEL_BPF_NAMES_BPF_H

#include "bpf/path.bpf.h"

/* Roles: dirfd, path, flags. */
MEMBER(unlink)
{
	struct build b;
	struct ev_unlink *e = call_build(&b, unlink, c);

	e->flags = call_arg(c, 2);
	build_target(&b, e, call_arg(c, 0), call_arg(c, 1), TARGET_PATH);
	return build_emit(&b, unlink);
}

/* Roles: olddirfd, oldpath, dirfd, path, flags. */
MEMBER(rename)
{
	struct build b;
	struct ev_rename *e = call_build(&b, rename, c);

	e->flags = call_arg(c, 4);
	build_target_of(&b, e, old, call_arg(c, 0), call_arg(c, 1), TARGET_PATH);
	build_target(&b, e, call_arg(c, 2), call_arg(c, 3), TARGET_PATH);
	return build_emit(&b, rename);
}

/* Roles: olddirfd, oldpath, dirfd, path, flags. */
MEMBER(link)
{
	struct build b;
	struct ev_link *e = call_build(&b, link, c);

	e->flags = call_arg(c, 4);
	build_target_of(&b, e, old, call_arg(c, 0), call_arg(c, 1), target_at(e->flags));
	build_target(&b, e, call_arg(c, 2), call_arg(c, 3), TARGET_PATH);
	return build_emit(&b, link);
}

/* Roles: dirfd, path, what the link says. */
MEMBER(symlink)
{
	struct build b;
	struct ev_symlink *e = call_build(&b, symlink, c);

	e->link_target = build_user_string(&b, call_arg(c, 2), PATH_BYTES);
	build_target(&b, e, call_arg(c, 0), call_arg(c, 1), TARGET_PATH);
	return build_emit(&b, symlink);
}

/* Roles: dirfd, path, mode. */
MEMBER(mkdir)
{
	struct build b;
	struct ev_mkdir *e = call_build(&b, mkdir, c);

	e->mode = call_arg(c, 2);
	build_target(&b, e, call_arg(c, 0), call_arg(c, 1), TARGET_PATH);
	return build_emit(&b, mkdir);
}

MEMBER(rmdir)
{
	struct build b;
	struct ev_rmdir *e = call_build(&b, rmdir, c);

	build_target(&b, e, FD_CWD, call_arg(c, 0), TARGET_PATH);
	return build_emit(&b, rmdir);
}

/* Roles: dirfd, path, mode, device. */
MEMBER(mknod)
{
	struct build b;
	struct ev_mknod *e = call_build(&b, mknod, c);
	__u32 device = call_arg(c, 3), type;

	e->mode = (__u16)call_arg(c, 2);
	type = e->mode & MODE_TYPE;
	/*
	 * From the numbering of programs into that of the kernel; else the argument means nothing.
	 */
	if (type == MODE_CHAR || type == MODE_BLOCK)
		e->device = (device & 0xfff00) << 12 | (device >> 12 & 0xfff00) | (device & 0xff);
	build_target(&b, e, call_arg(c, 0), call_arg(c, 1), TARGET_PATH);
	return build_emit(&b, mknod);
}

HANDLER_FAMILY(names)
{
	switch (c->type) {
	case EV_unlink:
		return handle_unlink(c);
	case EV_rename:
		return handle_rename(c);
	case EV_link:
		return handle_link(c);
	case EV_symlink:
		return handle_symlink(c);
	case EV_mkdir:
		return handle_mkdir(c);
	case EV_rmdir:
		return handle_rmdir(c);
	case EV_mknod:
		return handle_mknod(c);
	}
	return call_no_event(c, EV_CLASS_file);
}

#endif
