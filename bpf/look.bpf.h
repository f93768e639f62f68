/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* Files that are looked at without being opened. */
#ifndef REEL_BPF_LOOK_BPF_H
#define REEL_BPF_LOOK_BPF_H

#include "bpf/path.bpf.h"

/* Roles: dirfd, path, flags. Variants: 'l' does not follow a link, 'f' has no path. */
MEMBER(stat)
{
	struct build b;
	struct ev_stat *e = call_build(&b, stat, c);

	e->fd = call_arg(c, 0);
	e->flags = c->variant == 'l' ? AT_NOFOLLOW : call_arg(c, 2);
	build_target_path(&b, e, e->fd, call_arg(c, 1),
			  c->variant == 'f' ? TARGET_FD : target_at(e->flags));
	return build_emit(&b, stat);
}

/* Roles: dirfd, path, access, flags. */
MEMBER(access)
{
	struct build b;
	struct ev_access *e = call_build(&b, access, c);

	e->access = call_arg(c, 2);
	e->flags = call_arg(c, 3);
	build_target_path(&b, e, call_arg(c, 0), call_arg(c, 1), target_at(e->flags));
	return build_emit(&b, access);
}

/* Roles: dirfd, path, buffer. Variant 'a' knows links without a path. */
MEMBER(readlink)
{
	struct build b;
	struct ev_readlink *e = call_build(&b, readlink, c);

	build_target_path(&b, e, call_arg(c, 0), call_arg(c, 1),
			  c->variant == 'a' ? TARGET_EMPTY : TARGET_PATH);
	e->link_target =
		build_user_bytes(&b, call_arg(c, 2), call_worked(c) ? c->ret : 0, PATH_BYTES - 1);
	return build_emit(&b, readlink);
}

MEMBER(getdents)
{
	struct build b;
	struct ev_getdents *e = call_build(&b, getdents, c);

	e->fd = call_arg(c, 0);
	build_target_path(&b, e, e->fd, 0, TARGET_FD);
	e->inode = b.s->target.inode;
	e->dev = b.s->target.dev;
	return build_emit(&b, getdents);
}

HANDLER_FAMILY(looks)
{
	switch (c->type) {
	case EV_stat:
		return handle_stat(c);
	case EV_access:
		return handle_access(c);
	case EV_readlink:
		return handle_readlink(c);
	case EV_getdents:
		return handle_getdents(c);
	}
	return call_no_event(c, EV_CLASS_look);
}

#endif
