/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* Descriptors: closed, copied, made in pairs, taken from others. */
#ifndef REEL_BPF_FDS_BPF_H
#define REEL_BPF_FDS_BPF_H

#include "bpf/files.bpf.h"
#include "bpf/task.bpf.h"

enum { NO_SUCH_FD = -9, CLOSE_RANGE_MARKS = 4 };

HANDLER(close)
{
	struct ev_close e = { .fd = call_arg(c, 0) };
	__u64 files = task_files(c->task);
	struct open_file *o = open_find(files, e.fd, OPEN_FD);
	__u8 flags = c->flags;

	if (o && o->file && !(flags & EV_BLOCKED)) {
		if (o->file == files_file(files, e.fd)) {
			/* Another thread has been given the descriptor and was here before. */
			flags |= EV_RACED;
		} else if (c->ret == NO_SUCH_FD) {
			open_end(o, e.fd, OPEN_FD, ENDED_BY_EVICTED);
		} else {
			e.inode = o->inode;
			e.dev = o->dev;
			open_end(o, e.fd, OPEN_FD, ENDED_BY_CLOSE);
		}
	}
	if (!wants(close))
		return call_no_event(c, class_of_close);
	return emit_fixed_flags(EV_close, class_of_close, ring_of_close, c->id, c->ret, flags, &e,
				sizeof(e));
}

static __always_inline int dup_emit_over(const struct call *c, __s32 fd, __u32 flags,
					 enum ended_by ended_by)
{
	struct ev_dup e = { .fd = fd, .flags = flags };
	__u64 files = task_files(c->task), file = files_file(files, c->ret < 0 ? fd : c->ret);

	if (file && !(c->flags & EV_BLOCKED)) {
		file_identify(file, &e);
		if (c->ret >= 0 && c->ret != fd)
			open_begin(files, c->ret, OPEN_FD, file, ended_by);
	}
	if (!wants(dup))
		return call_no_event(c, class_of_dup);
	return call_emit_fixed(dup, c, &e);
}

/* For a copy that has got a free descriptor. flags as those of open. */
static __always_inline int dup_emit(const struct call *c, __s32 fd, __u32 flags)
{
	return dup_emit_over(c, fd, flags, ENDED_BY_EVICTED);
}

/* Roles: fd, -, flags. Variant 'o': over a descriptor that may be open. */
HANDLER_ROLES(dup)
{
	return dup_emit_over(c, c->args[0], c->args[2],
			     c->variant == 'o' ? ENDED_BY_DUP : ENDED_BY_EVICTED);
}

/* Roles: address of the descriptors, flags. */
HANDLER_ROLES(pipe)
{
	struct ev_pipe e = { .fd = -1, .fd2 = -1, .flags = c->args[1] };
	__u8 flags = c->flags;
	__u64 files = task_files(c->task), file;
	__s32 fds[2];

	if (c->ret == 0 && !(flags & EV_BLOCKED)) {
		if (bpf_probe_read_user(fds, sizeof(fds), (void *)c->args[0]) < 0) {
			flags |= EV_FAULT;
		} else {
			e.fd = fds[0];
			e.fd2 = fds[1];
			file = files_file(files, e.fd);
			if (file) {
				file_identify(file, &e);
				open_begin(files, e.fd, OPEN_FD, file, ENDED_BY_EVICTED);
			}
			files_opened(c->task, e.fd2, 0);
		}
	}
	return emit_fixed_flags(EV_pipe, class_of_pipe, ring_of_pipe, c->id, c->ret, flags, &e,
				sizeof(e));
}

HANDLER(close_range)
{
	struct ev_close_range e = {
		.first_fd = c->args[0],
		.last_fd = c->args[1],
		.flags = c->args[2],
	};

	if (c->ret == 0 && !(c->flags & EV_BLOCKED) && !(e.flags & CLOSE_RANGE_MARKS))
		files_end_range(task_files(c->task), e.first_fd, e.last_fd, ENDED_BY_CLOSE_RANGE);
	if (!wants(close_range))
		return call_no_event(c, class_of_close_range);
	return call_emit_fixed(close_range, c, &e);
}

/* The process that a pidfd stands for; 0: it is none, or the process is gone. */
static __always_inline __u32 pidfd_target(struct task_struct *task, __s32 fd)
{
	__u64 file = task_file(task, fd), inode, pid;

	if (!file)
		return 0;
	inode = file_inode(file);
	/* They have a file system of their own since 6.9. */
	if (KLOAD(struct super_block, KPTR(struct inode, inode, i_sb), s_magic) == MAGIC_PIDFS)
		pid = KPTR(struct inode, inode, i_private);
	else
		pid = KPTR(struct file, file, private_data);
	return pid_at_level(pid, 0);
}

HANDLER(pidfd_getfd)
{
	struct ev_pidfd_getfd e = {
		.pidfd = c->args[0],
		.target_fd = c->args[1],
		.target = pidfd_target(c->task, c->args[0]),
	};
	__u64 files = task_files(c->task);
	__u64 file = c->flags & EV_BLOCKED ? 0 : files_file(files, c->ret);

	if (file) {
		file_identify(file, &e);
		open_begin(files, c->ret, OPEN_FD, file, ENDED_BY_EVICTED);
	}
	return call_emit_fixed(pidfd_getfd, c, &e);
}

#endif
