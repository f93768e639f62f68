/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* ioctl() and fcntl(): of the many things that they do, those that are events. */
#ifndef REEL_BPF_CONTROL_BPF_H
#define REEL_BPF_CONTROL_BPF_H

#include "bpf/attributes.bpf.h"
#include "bpf/fds.bpf.h"
#include "bpf/sys.bpf.h"

enum {
	/* With the size that long has in an ABI; both mean an int. */
	IOCTL_SETFLAGS = 0x40086602,
	IOCTL_SETFLAGS_NARROW = 0x40046602,
	IOCTL_FSSETXATTR = 0x401c5820,
	IOCTL_TIOCSTI = 0x5412,

	FCNTL_DUPFD = 0,
	FCNTL_DUPFD_CLOEXEC = 1030,
	OPEN_CLOEXEC = 02000000,
};

static __always_inline int ioctl_setflags(const struct call *c, bool xflags)
{
	struct build b;
	struct ev_setflags *e = call_build(&b, setflags, c);
	__u32 flags = 0;

	if (bpf_probe_read_user(&flags, sizeof(flags), (void *)call_arg(c, 2)) < 0)
		build_flag(&b, EV_FAULT);
	e->fd = call_arg(c, 0);
	e->flags = xflags ? setflags_of_xflags(flags) : flags;
	build_target_id(&b, e, e->fd, 0, TARGET_FD);
	return build_emit(&b, setflags);
}

static __always_inline int ioctl_tiocsti(const struct call *c)
{
	struct ev_tiocsti e = { .fd = call_arg(c, 0) };
	__u64 file = task_file(c->task, e.fd);
	__u8 flags = c->flags;

	call_changes_class(c, class_of_setflags, class_of_tiocsti);
	if (bpf_probe_read_user(&e.character, 1, (void *)call_arg(c, 2)) < 0)
		flags |= EV_FAULT;
	if (file)
		file_identify(file, &e);
	return emit_fixed_flags(EV_tiocsti, class_of_tiocsti, ring_of_tiocsti, c->id, c->ret, flags,
				&e, sizeof(e));
}

HANDLER(ioctl)
{
	__u32 request = call_arg(c, 1);

	switch (request) {
	case IOCTL_SETFLAGS:
	case IOCTL_SETFLAGS_NARROW:
	case IOCTL_FSSETXATTR:
		if (wants(setflags))
			return ioctl_setflags(c, request == IOCTL_FSSETXATTR);
		break;
	case IOCTL_TIOCSTI:
		if (wants(tiocsti))
			return ioctl_tiocsti(c);
		break;
	}
	return call_is_other(c, class_of_setflags);
}

HANDLER(fcntl)
{
	__u32 command = call_arg(c, 1);

	if (command == FCNTL_DUPFD || command == FCNTL_DUPFD_CLOEXEC)
		return dup_emit(c, call_arg(c, 0),
				command == FCNTL_DUPFD_CLOEXEC ? OPEN_CLOEXEC : 0);
	return call_is_other(c, class_of_dup);
}

#endif
