/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* Mounts, by the one call and by the many. */
#ifndef REEL_BPF_MOUNT_BPF_H
#define REEL_BPF_MOUNT_BPF_H

#include "bpf/path.bpf.h"

/* A byte below the blank somewhere in these eight? */
#define HAS_CONTROL(x) (((x)-0x2020202020202020ull) & ~(x)&0x8080808080808080ull)

static long text_step(__u32 i, struct walk_context *context)
{
	struct scratch *s = context->s;
	struct walk *w = &s->walk;
	__u64 x;

	if (w->at + 8 > w->end)
		return 1;
	__builtin_memcpy(&x, &s->payload[in_payload(w->at)], 8);
	w->at += 8;
	w->lost |= HAS_CONTROL(x) != 0;
	return w->lost != 0;
}

/*
 * Some file systems take a struct where others take text. All but the last few bytes are looked at.
 */
static __always_inline bool payload_is_text(struct scratch *s, __u64 at, __u32 bytes)
{
	struct walk_context context = { .s = s };
	struct walk *w = &s->walk;

	if (bytes && *(__u8 *)payload_at(s, at) < ' ')
		return false;
	w->at = at;
	w->end = at + bytes;
	w->lost = 0;
	bpf_loop(PATH_BYTES / 8, text_step, &context, 0);
	return !w->lost;
}

MEMBER(mount)
{
	struct build b;
	struct ev_mount *e = call_build(&b, mount, c);

	e->flags = call_arg(c, 3);
	e->source = build_user_string(&b, call_arg(c, 0), PATH_BYTES);
	build_target(&b, e, FD_CWD, call_arg(c, 1), TARGET_PATH);
	e->fstype = build_user_string(&b, call_arg(c, 2), PATH_BYTES);
	e->data = build_user_string(&b, call_arg(c, 4), PATH_BYTES);
	if (!payload_is_text(b.s, b.used - e->data, e->data))
		e->data = build_drop(&b, e->data);
	return build_emit(&b, mount);
}

/* Roles: path, flags. */
MEMBER(umount)
{
	struct build b;
	struct ev_umount *e = call_build(&b, umount, c);

	e->flags = call_arg(c, 1);
	build_target(&b, e, FD_CWD, call_arg(c, 0), TARGET_PATH);
	return build_emit(&b, umount);
}

enum { MOVE_FROM_EMPTY = 4, MOVE_TO_EMPTY = 0x40, PICK_EMPTY = 8 };

MEMBER(move_mount)
{
	struct build b;
	struct ev_move_mount *e = call_build(&b, move_mount, c);
	__u32 from;

	e->from_fd = call_arg(c, 0);
	e->to_fd = call_arg(c, 2);
	e->flags = call_arg(c, 4);
	/* Once it has moved, the descriptor shows where it is now, not where it was. */
	from = e->flags & MOVE_FROM_EMPTY && !call_worked(c) ? TARGET_EMPTY : TARGET_PATH;
	build_target_of(&b, e, old, e->from_fd, call_arg(c, 1), from);
	build_target(&b, e, e->to_fd, call_arg(c, 3),
		     e->flags & MOVE_TO_EMPTY ? TARGET_EMPTY : TARGET_PATH);
	return build_emit(&b, move_mount);
}

struct mount_attr_given {
	__u64 set, clear, propagation;
};

MEMBER(mount_setattr)
{
	struct build b;
	struct ev_mount_setattr *e = call_build(&b, mount_setattr, c);
	struct mount_attr_given given = { 0 };

	if (bpf_probe_read_user(&given, sizeof(given), (void *)call_arg(c, 3)) < 0)
		build_flag(&b, EV_FAULT);
	e->fd = call_arg(c, 0);
	e->flags = call_arg(c, 2);
	e->attr_set = given.set;
	e->attr_clear = given.clear;
	e->propagation = given.propagation;
	build_target(&b, e, e->fd, call_arg(c, 1), target_at(e->flags));
	return build_emit(&b, mount_setattr);
}

/* Roles: dirfd, path, flags. Variant 'p', fspick, has its own flag for an empty path. */
MEMBER(open_tree)
{
	struct build b;
	struct ev_open_tree *e = call_build(&b, open_tree, c);
	__u32 how;

	e->flags = call_arg(c, 2);
	how = c->variant != 'p'	    ? target_at(e->flags) :
	      e->flags & PICK_EMPTY ? TARGET_EMPTY :
				      TARGET_PATH;
	build_target(&b, e, call_arg(c, 0), call_arg(c, 1), how);
	return build_emit(&b, open_tree);
}

MEMBER(fsopen)
{
	struct build b;
	struct ev_fsopen *e = call_build(&b, fsopen, c);

	e->flags = call_arg(c, 1);
	e->fstype = build_user_string(&b, call_arg(c, 0), PATH_BYTES);
	return build_emit(&b, fsopen);
}

enum fsconfig_cmd { SET_FLAG, SET_STRING, SET_BINARY, SET_PATH, SET_PATH_EMPTY, SET_FD };

MEMBER(fsconfig)
{
	struct build b;
	struct ev_fsconfig *e = call_build(&b, fsconfig, c);
	__u32 cmd = call_arg(c, 1);

	e->fd = call_arg(c, 0);
	e->aux = call_arg(c, 4);
	e->cmd = cmd > 0xff ? 0xff : cmd;
	e->key = build_user_string(&b, call_arg(c, 2), 256);
	if (cmd == SET_STRING || cmd == SET_PATH || cmd == SET_PATH_EMPTY)
		e->value = build_user_string(&b, call_arg(c, 3), PATH_BYTES);
	else if (cmd == SET_BINARY)
		e->value = build_user_bytes(&b, call_arg(c, 3), (__u32)e->aux, PATH_BYTES - 1);
	else
		e->value = build_nothing(&b);
	return build_emit(&b, fsconfig);
}

MEMBER(fsmount)
{
	struct ev_fsmount e = {
		.fs_fd = call_arg(c, 0),
		.flags = call_arg(c, 1),
		.attr = call_arg(c, 2),
	};

	return call_emit_fixed(fsmount, c, &e);
}

HANDLER_FAMILY(mounts)
{
	switch (c->type) {
	case EV_mount:
		return handle_mount(c);
	case EV_umount:
		return handle_umount(c);
	case EV_move_mount:
		return handle_move_mount(c);
	case EV_mount_setattr:
		return handle_mount_setattr(c);
	case EV_open_tree:
		return handle_open_tree(c);
	case EV_fsopen:
		return handle_fsopen(c);
	case EV_fsconfig:
		return handle_fsconfig(c);
	case EV_fsmount:
		return handle_fsmount(c);
	}
	return call_no_event(c, EV_CLASS_file);
}

#endif
