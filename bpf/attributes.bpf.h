/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* What a file is apart from its names and bytes: mode, owner, size, times, attributes. */
#ifndef REEL_BPF_ATTRIBUTES_BPF_H
#define REEL_BPF_ATTRIBUTES_BPF_H

#include "bpf/path.bpf.h"

/* Variant 'f' of all these has a descriptor and no path. */
static __always_inline __u32 target_of(const struct call *c, __u32 flags)
{
	return c->variant == 'f' ? TARGET_FD : target_at(flags);
}

/* Roles: dirfd, path, mode, flags. */
MEMBER(chmod)
{
	struct build b;
	struct ev_chmod *e = call_build(&b, chmod, c);

	e->fd = call_arg(c, 0);
	e->mode = call_arg(c, 2);
	e->flags = call_arg(c, 3);
	build_target_id(&b, e, e->fd, call_arg(c, 1), target_of(c, e->flags));
	return build_emit(&b, chmod);
}

/* Ids were 16 bits wide once; all ones is no id in either width. */
static __always_inline __s32 id_widen(__u32 id)
{
	return (__u16)id == 0xffff ? -1 : (__u16)id;
}

/*
 * Roles: dirfd, path, owner, group, flags. Variants: 'l' does not follow a link, 'f'; in upper case
 * the i386 calls with ids of 32 bits, 'A' those that have no other.
 */
MEMBER(chown)
{
	struct build b;
	struct ev_chown *e = call_build(&b, chown, c);
	__u32 variant = c->variant & ~0x20;

	e->fd = call_arg(c, 0);
	e->owner = call_arg(c, 2);
	e->group = call_arg(c, 3);
	if (c->compat && c->variant != variant) {
		e->owner = id_widen(e->owner);
		e->group = id_widen(e->group);
	}
	e->flags = variant == 'L' ? AT_NOFOLLOW : call_arg(c, 4);
	build_target_id(&b, e, e->fd, call_arg(c, 1),
			variant == 'F' ? TARGET_FD : target_at(e->flags));
	return build_emit(&b, chown);
}

/* Roles: fd, path, size, upper half of the size. Variants: 'f', 'w' and 'W' in two halves. */
MEMBER(truncate)
{
	struct build b;
	struct ev_truncate *e = call_build(&b, truncate, c);
	__u64 size = call_arg(c, 2);

	e->fd = call_arg(c, 0);
	if (c->variant == 'w' || c->variant == 'W')
		size |= call_arg(c, 3) << 32;
	else if (c->compat)
		size = (__s32)size;
	e->size = size;
	build_target_id(&b, e, e->fd, call_arg(c, 1),
			c->variant == 'f' || c->variant == 'W' ? TARGET_FD : TARGET_PATH);
	return build_emit(&b, truncate);
}

struct xattr_args_given {
	__u64 value;
	__u32 size;
	__u32 flags;
};

/*
 * Roles: fd, path, name, value, size, flags, flags of the path. Variants: 's' and 'f' set, 'a' has
 * value, size and flags in a struct; 'r', 'R' (of a descriptor) and 'q' remove.
 */
MEMBER(setxattr)
{
	struct build b;
	struct ev_setxattr *e = call_build(&b, setxattr, c);
	struct xattr_args_given given = { call_arg(c, 3), call_arg(c, 4), call_arg(c, 5) };
	__u32 variant = c->variant;

	if (variant == 'a' &&
	    bpf_probe_read_user(&given, sizeof(given), (void *)call_arg(c, 3)) < 0)
		build_flag(&b, EV_FAULT);
	e->fd = call_arg(c, 0);
	e->flags = given.flags;
	e->removed = variant == 'r' || variant == 'R' || variant == 'q';
	build_target_id(&b, e, e->fd, call_arg(c, 1),
			variant == 'f' || variant == 'R' ? TARGET_FD : target_at(call_arg(c, 6)));
	e->name = build_user_string(&b, call_arg(c, 2), 256);
	e->value = build_user_bytes(&b, given.value, given.size, PATH_BYTES - 1);
	return build_emit(&b, setxattr);
}

enum {
	NS_PER_SEC = 1000000000,
	NSEC_NOW = (1 << 30) - 1,
	NSEC_OMIT = (1 << 30) - 2,
};
/* What atime and mtime say where no time was given: both later than any time that is. */
#define TIME_NOW ((__s64)0x7fffffffffffffff)
#define TIME_OMIT ((__s64)0x7ffffffffffffffe)

static __always_inline __s64 time_of(__s64 sec, __s64 nsec)
{
	const __s64 far = 0x7fffffffffffffff / NS_PER_SEC - 1;

	if (nsec == NSEC_NOW)
		return TIME_NOW;
	if (nsec == NSEC_OMIT)
		return TIME_OMIT;
	if (sec > far)
		sec = far;
	else if (sec < -far)
		sec = -far;
	return sec * NS_PER_SEC + nsec;
}

/*
 * The two times, as each call has them: 'u' seconds, 'v' with microseconds, 't' with nanoseconds,
 * 'T' the same in 64 bits for i386 too.
 */
static __always_inline long times_read(const struct call *c, __u64 address, __s64 times[4])
{
	__s32 narrow[4] = { 0 };
	long r;

	if (!c->compat || c->variant == 'T')
		return bpf_probe_read_user(times, c->variant == 'u' ? 16 : 32, (void *)address);
	r = bpf_probe_read_user(narrow, c->variant == 'u' ? 8 : 16, (void *)address);
	for (int i = 0; i < 4; i++)
		times[i] = narrow[i];
	return r;
}

/* Roles: dirfd, path, times, flags. */
MEMBER(utimes)
{
	struct build b;
	struct ev_utimes *e = call_build(&b, utimes, c);
	__s64 t[4] = { 0 };
	__u64 path = call_arg(c, 1), times = call_arg(c, 2);
	__u32 how;

	e->fd = call_arg(c, 0);
	e->flags = call_arg(c, 3);
	if (!times) {
		e->atime = TIME_NOW;
		e->mtime = TIME_NOW;
	} else if (times_read(c, times, t) < 0) {
		build_flag(&b, EV_FAULT);
	} else if (c->variant == 'u') {
		e->atime = time_of(t[0], 0);
		e->mtime = time_of(t[1], 0);
	} else if (c->variant == 'v') {
		e->atime = time_of(t[0], t[1] * 1000);
		e->mtime = time_of(t[2], t[3] * 1000);
	} else {
		/* Of the nanoseconds i386 has only the lower half, even of 64 bits. */
		e->atime = time_of(t[0], c->compat ? (__s32)t[1] : t[1]);
		e->mtime = time_of(t[2], c->compat ? (__s32)t[3] : t[3]);
	}
	/* Without a path it is the descriptor's file. */
	how = !path && e->fd != FD_CWD ? TARGET_FD : target_at(e->flags);
	build_target_id(&b, e, e->fd, path, how);
	return build_emit(&b, utimes);
}

/* From the bits of FS_IOC_FSSETXATTR and file_setattr() to those of FS_IOC_SETFLAGS. */
static __always_inline __u32 setflags_of_xflags(__u32 x)
{
	return (x & 0x8) << 1 | (x & 0x10) << 1 | (x & 0x20) >> 2 | (x & 0x40) << 1 |
	       (x & 0x80) >> 1 | (x & 0x200) << 20 | (x & 0x8000) << 10 | (x & 0x20000) << 3;
}

/* file_setattr(); ioctl() says the same in control.bpf.h. */
MEMBER(setflags)
{
	struct build b;
	struct ev_setflags *e = call_build(&b, setflags, c);
	__u32 xflags = 0;

	/* The lower half of a 64-bit number. */
	if (bpf_probe_read_user(&xflags, sizeof(xflags), (void *)call_arg(c, 2)) < 0)
		build_flag(&b, EV_FAULT);
	e->fd = call_arg(c, 0);
	e->flags = setflags_of_xflags(xflags);
	build_target_id(&b, e, e->fd, call_arg(c, 1), target_at(call_arg(c, 4)));
	return build_emit(&b, setflags);
}

HANDLER_FAMILY(attributes)
{
	switch (c->type) {
	case EV_chmod:
		return handle_chmod(c);
	case EV_chown:
		return handle_chown(c);
	case EV_truncate:
		return handle_truncate(c);
	case EV_setxattr:
		return handle_setxattr(c);
	case EV_utimes:
		return handle_utimes(c);
	case EV_setflags:
		return handle_setflags(c);
	}
	return call_no_event(c, EV_CLASS_file);
}

#endif
