/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * What can be asked of an io_uring, and as what it is recorded: for the kernel programs, and for
 * readers, who show a call without an ABI as "io_uring." and the name.
 *	O(number, name, type)
 */
#ifndef REEL_BPF_URING_H
#define REEL_BPF_URING_H

#include "bpf/events.h"

/* The number of a request in ev_header.call: 0 says that there was no call. */
#define EV_CALL_URING(op) EV_CALL(EV_ABI_NONE, 1 + (op))

enum { URING_NO_TYPE = 0, URING_OPS_MAX = 64 };

#define URING_OPS(O)                          \
	O(0, nop, URING_NO_TYPE)              \
	O(1, readv, EV_read)                  \
	O(2, writev, EV_write)                \
	O(3, fsync, URING_NO_TYPE)            \
	O(4, read_fixed, EV_read)             \
	O(5, write_fixed, EV_write)           \
	O(6, poll_add, URING_NO_TYPE)         \
	O(7, poll_remove, URING_NO_TYPE)      \
	O(8, sync_file_range, URING_NO_TYPE)  \
	O(9, sendmsg, EV_send)                \
	O(10, recvmsg, EV_recv)               \
	O(11, timeout, URING_NO_TYPE)         \
	O(12, timeout_remove, URING_NO_TYPE)  \
	O(13, accept, EV_accept)              \
	O(14, async_cancel, URING_NO_TYPE)    \
	O(15, link_timeout, URING_NO_TYPE)    \
	O(16, connect, EV_connect)            \
	O(17, fallocate, URING_NO_TYPE)       \
	O(18, openat, EV_open)                \
	O(19, close, EV_close)                \
	O(20, files_update, URING_NO_TYPE)    \
	O(21, statx, EV_stat)                 \
	O(22, read, EV_read)                  \
	O(23, write, EV_write)                \
	O(24, fadvise, URING_NO_TYPE)         \
	O(25, madvise, URING_NO_TYPE)         \
	O(26, send, EV_send)                  \
	O(27, recv, EV_recv)                  \
	O(28, openat2, EV_open)               \
	O(29, epoll_ctl, URING_NO_TYPE)       \
	O(30, splice, EV_copy)                \
	O(31, provide_buffers, URING_NO_TYPE) \
	O(32, remove_buffers, URING_NO_TYPE)  \
	O(33, tee, EV_copy)                   \
	O(34, shutdown, EV_shutdown)          \
	O(35, renameat, EV_rename)            \
	O(36, unlinkat, EV_unlink)            \
	O(37, mkdirat, EV_mkdir)              \
	O(38, symlinkat, EV_symlink)          \
	O(39, linkat, EV_link)                \
	O(40, msg_ring, URING_NO_TYPE)        \
	O(41, fsetxattr, EV_setxattr)         \
	O(42, setxattr, EV_setxattr)          \
	O(43, fgetxattr, URING_NO_TYPE)       \
	O(44, getxattr, URING_NO_TYPE)        \
	O(45, socket, EV_socket)              \
	O(46, uring_cmd, URING_NO_TYPE)       \
	O(47, send_zc, EV_send)               \
	O(48, sendmsg_zc, EV_send)            \
	O(49, read_multishot, EV_read)        \
	O(50, waitid, URING_NO_TYPE)          \
	O(51, futex_wait, URING_NO_TYPE)      \
	O(52, futex_wake, URING_NO_TYPE)      \
	O(53, futex_waitv, URING_NO_TYPE)     \
	O(54, fixed_fd_install, EV_dup)       \
	O(55, ftruncate, EV_truncate)         \
	O(56, bind, EV_bind)                  \
	O(57, listen, EV_listen)              \
	O(58, recv_zc, EV_recv)               \
	O(59, epoll_wait, URING_NO_TYPE)      \
	O(60, readv_fixed, EV_read)           \
	O(61, writev_fixed, EV_write)         \
	O(62, pipe, EV_pipe)

enum uring_op {
#define O(number, name, type) URING_##name = number,
	URING_OPS(O)
#undef O
};

#endif
