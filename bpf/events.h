/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * The contract between the kernel programs and user space: what a record is, and every type of
 * record there is. Nothing else describes them. The structs below, the SCHEMA block of a segment,
 * JSON names, SQL columns and rule fields are all made from these rows, so that a new event type is
 * one row, its list of fields and one handler.
 *
 * A record, as a handler writes it into a ring and as the tape keeps it:
 *
 *	struct ev_header | fixed part: struct ev_TYPE | bytes of its strings, in order | [true lengths]
 *
 * - All integers are little-endian. The fixed part is a multiple of 8 bytes; new fields are only ever
 *   appended to it, and ids are never used again.
 * - A string field is a __u16 in the fixed part: how many of its bytes follow. No terminating NUL.
 * - When EV_TRUNCATED is set, one __u32 for each string field of the type, in order, follows the
 *   bytes: the length before it was cut, EV_UNKNOWN_LENGTH where nobody knows it. A string was cut
 *   if and only if that is not the number of bytes kept.
 * - A field that could not be read is zero, or an empty string, and EV_FAULT is set.
 */
#ifndef REEL_BPF_EVENTS_H
#define REEL_BPF_EVENTS_H

#include <linux/types.h>

struct ev_header {
	__u64 ts;		/* CLOCK_BOOTTIME in ns, at the exit of the call */
	__u64 seq;		/* counts, for each CPU, every event the CPU wants to keep */
	__s64 ret;		/* result of the call, -errno where it failed */
	__u32 pid;		/* process (tgid) and thread, as the initial PID namespace sees them */
	__u32 tid;
	__u16 cpu;		/* EV_NO_CPU: made by the recorder itself, which then counts seq */
	__u16 length;		/* bytes after this header */
	__u16 call;		/* EV_CALL(abi, number), 0 where no call caused the event */
	__u8 type;
	__u8 flags;
};

enum {
	EV_NO_CPU = 0xffff,
	EV_MAX_TYPES = 256,
	EV_MAX_CPUS = 8192,
	EV_MAX_PAYLOAD = 0xffff & ~7,
	EV_MAX_STRINGS = 12,
	EV_MAX_FIELDS = 64,
};

#define EV_UNKNOWN_LENGTH 0xffffffffu

/* Which table of calls a number belongs to; x32 numbers are kept without their own bit. Without an
 * ABI: 1 and more are what was asked of an io_uring (uring.h). */
enum ev_abi { EV_ABI_NONE, EV_ABI_NATIVE, EV_ABI_COMPAT, EV_ABI_X32 };

#define EV_CALL(abi, number) ((__u16)((abi) << 14 | ((number) & 0x3fff)))
#define EV_CALL_ABI(call)    ((call) >> 14)
#define EV_CALL_NUMBER(call) ((call) & 0x3fff)

enum ev_flag {
	EV_FAULT = 1,		/* user memory could not be read: some field is missing */
	EV_TRUNCATED = 2,	/* some string was cut */
	EV_RACED = 4,		/* fd or path changed while the path was being walked */
	EV_BLOCKED = 8,		/* seccomp refused the call: ret is not its result */
	EV_RESTARTED = 16,	/* interrupted by a signal; the kernel runs it again */
	EV_KEYFRAME = 32,	/* says how things are, not that they changed */
	EV_PARTIAL = 64,	/* totals that may have missed a part; a result that is not known */
	EV_WIDE_RET = 128,	/* on tape only: ret does not fit 32 bits; a handler leaves it 0 */
};

/*
 * Classes: what `reel record -e` selects by.
 *	C(id, name, on by default, what it holds)
 */
#define EV_CLASSES(C)                                                                           \
	C(1, process, 1, "processes and threads begin, execute, move and end")                  \
	C(2, file, 1, "files are opened, made, renamed, removed and changed; mounts")           \
	C(3, io, 1, "data is read and written")                                                 \
	C(4, net, 1, "sockets, connections and names looked up")                                \
	C(5, priv, 1, "identity, capabilities, namespaces and confinement change")              \
	C(6, mem, 1, "memory is made executable, shared with or read from another process")     \
	C(7, kernel, 1, "the kernel itself is changed or asked")                                \
	C(8, ipc, 1, "descriptors are copied and passed, signals and shared memory")            \
	C(9, look, 0, "files are looked at without being opened")                               \
	C(10, sys, 0, "any other call, with its raw arguments")                                 \
	C(11, user, 0, "TLS set-up and shell lines, seen inside the program")                   \
	C(12, state, 1, "how things were when the recorder looked")                             \
	C(13, tape, 1, "what the recorder says about the recording")

/*
 * Types. A segment keeps each stream in blocks of its own: STATE is all that a model of the machine
 * needs, so that "the machine at T" does not read the rest.
 *	T(id, name, class, stream, other names of it: the calls that end in it, what it says)
 */
#define EV_TYPES(T)										\
	T(1, fork, process, STATE, "clone clone3 vfork", "a new process")			\
	T(2, thread, process, STATE, "", "a new thread of the same process")			\
	T(3, exec, process, STATE, "execve execveat", "a program is executed")			\
	T(4, exit, process, STATE, "exit_group", "the last thread of a process is gone")	\
	T(5, chdir, process, STATE, "fchdir", "the working directory changes")			\
	T(6, setsid, process, STATE, "", "a new session")					\
	T(7, setpgid, process, STATE, "", "a process changes its group")			\
	T(8, cgroup_move, process, STATE, "", "a process is moved to another cgroup")		\
												\
	T(16, open, file, EVENTS, "openat openat2", "a file is opened")				\
	T(17, close, file, EVENTS, "", "a descriptor is closed")				\
	T(18, create, file, EVENTS, "creat", "a file is made by creat()")			\
	T(19, unlink, file, EVENTS, "unlinkat", "a name of a file is removed")			\
	T(20, rename, file, EVENTS, "renameat renameat2", "a file gets another name")		\
	T(21, link, file, EVENTS, "linkat", "a file gets one more name")			\
	T(22, symlink, file, EVENTS, "symlinkat", "a symbolic link is made")			\
	T(23, mkdir, file, EVENTS, "mkdirat", "a directory is made")				\
	T(24, rmdir, file, EVENTS, "", "a directory is removed")				\
	T(25, chmod, file, EVENTS, "fchmod fchmodat fchmodat2", "the mode of a file changes")	\
	T(26, chown, file, EVENTS,								\
	  "fchown lchown fchownat chown32 fchown32 lchown32",					\
	  "the owner of a file changes")							\
	T(27, truncate, file, EVENTS,								\
	  "ftruncate truncate64 ftruncate64",							\
	  "a file is cut or lengthened")							\
	T(28, mknod, file, EVENTS, "mknodat", "a device, FIFO or socket file is made")		\
	T(29, setxattr, file, EVENTS,								\
	  "lsetxattr fsetxattr setxattrat removexattr lremovexattr fremovexattr "		\
	  "removexattrat",									\
	  "an extended attribute is set or removed")						\
	T(30, utimes, file, EVENTS,								\
	  "utime futimesat utimensat utimensat_time64",						\
	  "the times of a file are set")							\
	T(31, setflags, file, EVENTS, "file_setattr", "the attributes of chattr are set")	\
	T(32, mount, file, STATE, "", "a file system is mounted")				\
	T(33, umount, file, STATE, "umount2", "a file system is unmounted")			\
	T(34, move_mount, file, STATE, "", "a mount is attached or moved")			\
	T(35, mount_setattr, file, STATE, "", "properties of a mount change")			\
	T(36, open_tree, file, EVENTS, "open_tree_attr fspick", "a mount is picked")		\
	T(37, fsopen, file, EVENTS, "", "a file system context is opened")			\
	T(38, fsconfig, file, EVENTS, "", "a file system context is configured")		\
	T(39, fsmount, file, EVENTS, "", "a mount is made from a context")			\
	T(40, open_by_handle, file, EVENTS, "open_by_handle_at", "a file is opened by handle")	\
												\
	T(48, read, io, EVENTS, "pread64 readv preadv preadv2", "data is read")			\
	T(49, write, io, EVENTS, "pwrite64 writev pwritev pwritev2", "data is written")		\
	T(50, copy, io, EVENTS,									\
	  "sendfile splice tee vmsplice copy_file_range sendfile64",				\
	  "data goes from one descriptor to another inside the kernel")				\
	T(51, fold, io, EVENTS, "", "totals of the reads and writes of an open file")		\
												\
	T(64, socket, net, EVENTS, "socketpair", "a socket is made")				\
	T(65, bind, net, EVENTS, "", "a socket gets its own address")				\
	T(66, listen, net, EVENTS, "", "a socket waits for connections")			\
	T(67, connect, net, EVENTS, "", "a socket connects to a peer")				\
	T(68, accept, net, EVENTS, "accept4", "a connection is accepted")			\
	T(69, send, net, EVENTS, "sendto sendmsg sendmmsg", "data is sent")			\
	T(70, recv, net, EVENTS,								\
	  "recvfrom recvmsg recvmmsg recvmmsg_time64",						\
	  "data is received")									\
	T(71, shutdown, net, EVENTS, "", "a direction of a connection is closed")		\
	T(72, dns, net, EVENTS, "", "a DNS message")						\
	T(73, flow, net, EVENTS, "", "totals of a TCP socket when it closes")			\
												\
	T(80, setuid, priv, STATE,								\
	  "setreuid setresuid setfsuid setuid32 setreuid32 setresuid32 setfsuid32",		\
	  "user ids change")									\
	T(81, setgid, priv, STATE,								\
	  "setregid setresgid setfsgid setgid32 setregid32 setresgid32 setfsgid32",		\
	  "group ids change")									\
	T(82, setgroups, priv, STATE, "setgroups32", "supplementary groups change")		\
	T(83, capset, priv, STATE, "", "capabilities change")					\
	T(84, prctl, priv, STATE, "", "a process changes a property of itself")			\
	T(85, setns, priv, STATE, "", "a process enters a namespace")				\
	T(86, unshare, priv, STATE, "", "a process leaves shared namespaces")			\
	T(87, chroot, priv, STATE, "", "the root directory changes")				\
	T(88, pivot_root, priv, STATE, "", "the root mount changes")				\
	T(89, keyctl, priv, EVENTS, "add_key request_key", "a key ring is used")		\
	T(90, personality, priv, EVENTS, "", "the execution domain changes")			\
	T(91, seccomp, priv, EVENTS, "", "a system call filter is installed")			\
	T(92, landlock, priv, EVENTS,								\
	  "landlock_create_ruleset landlock_add_rule landlock_restrict_self",			\
	  "a process restricts itself by Landlock")						\
												\
	T(96, mmap, mem, EVENTS, "mmap2", "a file is mapped executable")			\
	T(97, mprotect, mem, EVENTS, "pkey_mprotect", "memory is made executable")		\
	T(98, memfd_create, mem, EVENTS, "memfd_secret", "a file without a name is made")	\
	T(99, process_vm_readv, mem, EVENTS, "", "memory of another process is read")		\
	T(100, process_vm_writev, mem, EVENTS, "", "memory of another process is written")	\
	T(101, ptrace, mem, EVENTS, "", "a process traces another")				\
	T(102, userfaultfd, mem, EVENTS, "", "page faults are handled in user space")		\
												\
	T(112, init_module, kernel, EVENTS, "", "a kernel module is loaded from memory")	\
	T(113, finit_module, kernel, EVENTS, "", "a kernel module is loaded from a file")	\
	T(114, delete_module, kernel, EVENTS, "", "a kernel module is removed")			\
	T(115, bpf, kernel, EVENTS, "", "a BPF command")					\
	T(116, perf_event_open, kernel, EVENTS,							\
	  "",											\
	  "a performance counter or probe is opened")						\
	T(117, kexec, kernel, EVENTS,								\
	  "kexec_load kexec_file_load",								\
	  "another kernel is loaded")								\
	T(118, io_uring_setup, kernel, EVENTS, "", "an io_uring is made")			\
	T(119, syslog, kernel, EVENTS, "", "the kernel log is read or cleared")			\
	T(120, reboot, kernel, EVENTS, "", "the machine is restarted or stopped")		\
	T(121, clock_settime, kernel, EVENTS,							\
	  "settimeofday clock_adjtime adjtimex clock_settime64 clock_adjtime64 stime",		\
	  "the clock is set")									\
												\
	T(128, dup, ipc, EVENTS, "dup2 dup3", "a descriptor is copied, also by F_DUPFD")	\
	T(129, pipe, ipc, EVENTS, "pipe2", "a pipe is made")					\
	T(130, kill, ipc, EVENTS,								\
	  "tkill tgkill pidfd_send_signal rt_sigqueueinfo rt_tgsigqueueinfo",			\
	  "a process sends a signal")								\
	T(131, pidfd_getfd, ipc, EVENTS, "", "a descriptor is taken from another process")	\
	T(132, signal, ipc, EVENTS, "", "a deadly signal is delivered")				\
	T(133, shm, ipc, EVENTS, "shmget shmat shmdt shmctl", "shared memory is used")		\
	T(134, tiocsti, ipc, EVENTS, "", "a character is put into a terminal's input")		\
	T(135, close_range, ipc, EVENTS, "", "a range of descriptors is closed or marked")	\
	T(136, pass, ipc, EVENTS, "", "descriptors go over a UNIX socket")			\
												\
	T(144, stat, look, EVENTS,								\
	  "lstat fstat newfstatat statx stat64 lstat64 fstat64 fstatat64 oldstat "		\
	  "oldlstat oldfstat",									\
	  "a file is looked at")								\
	T(145, access, look, EVENTS, "faccessat faccessat2", "access to a file is asked")	\
	T(146, readlink, look, EVENTS, "readlinkat", "a symbolic link is read")			\
	T(147, getdents, look, EVENTS, "getdents64", "a directory is listed")			\
												\
	T(152, sys, sys, EVENTS, "", "any other call")						\
												\
	T(160, tls, user, EVENTS, "", "a TLS handshake ended")					\
	T(161, tls_setup, user, EVENTS, "", "a TLS library is given a key, file or cipher")	\
	T(162, line, user, EVENTS, "", "a shell has read a line")				\
												\
	T(176, process, state, STATE, "", "a process as it is")					\
	T(177, task, state, STATE, "", "a further thread of a process, as it is")		\
	T(178, fd, state, STATE, "", "an open descriptor")					\
	T(179, map, state, STATE, "", "a file that a process has mapped executable")		\
	T(180, mounted, state, STATE, "", "a mount as it is")					\
	T(181, cgroup, state, STATE, "", "a cgroup appears, is there, or goes")			\
	T(182, account, state, STATE, "", "a user or group of the machine")			\
	T(183, sock, state, STATE, "", "a socket as it is")					\
	T(184, inflight, state, STATE, "", "the call that a thread is in")			\
	T(185, container, state, STATE, "", "what a container runtime says of a container")	\
	T(186, hash, state, STATE, "", "the SHA-256 of a file that was executed")		\
	T(187, netif, state, STATE, "", "an address of a network interface")			\
												\
	T(200, clock, tape, CLOCK, "", "what the clocks showed at the same moment")		\
	T(201, lost, tape, GAP, "", "events that were wanted and are not on tape")		\
	T(202, retired, tape, GAP, "", "a segment was removed by retention")			\
	T(203, coverage, tape, STATE, "", "a hook that works, or not, or a filter that holds")	\
	T(204, keyframe, tape, STATE, "", "a keyframe begins or ends")				\
	T(205, counters, tape, GAP, "", "how many events of a class a CPU has counted so far")	\
	T(206, warning, tape, STATE, "", "the recorder noticed something")

/*
 * Fields of each type:
 *	F(E, kind, name, hint)
 *
 * Numbers: u8 u16 u32 u64 s32 s64, and addr: 16 bytes, an IPv6 address, IPv4 as v4-mapped; result:
 * what the call returned, under a name of its own, which takes no bytes.
 * Strings: path text bytes args (each argument ends with a NUL). With _opt behind it, an empty
 * string says "nothing to add" and is left out of what is shown: path_arg when the program passed
 * what path says.
 * A hint says how people want to see the number: a list "a|b" gives a name to 0 and 1.
 *
 * In each list numbers go from wide to narrow, so that the struct has no holes; that is checked.
 */
/* How well a path is known; goes behind the strings, being narrower. */
#define HOW "passed|dir+name|object"
#define PATH_FROM(F, E) F(E, u8, path_from, HOW)
#define OLDPATH_FROM(F, E) F(E, u8, oldpath_from, HOW)

#define FIELDS_fork(F, E)									\
	F(E, u64, child_start, "boottime") F(E, u64, clone_flags, "clone_flags")			\
	F(E, u64, cgroup, "dec") F(E, u32, child, "pid") F(E, u32, vpid, "pid")			\
	F(E, u32, pid_ns, "dec")
#define FIELDS_thread(F, E)									\
	F(E, u64, child_start, "boottime") F(E, u64, clone_flags, "clone_flags")			\
	F(E, u32, child, "pid") F(E, u32, vpid, "pid")
#define FIELDS_exec(F, E)									\
	F(E, u64, inode, "dec") F(E, u64, cap_effective, "caps")				\
	F(E, u64, cap_permitted, "caps") F(E, u64, cap_inheritable, "caps")			\
	F(E, u64, cap_ambient, "caps") F(E, u32, dev, "dev") F(E, u32, uid, "dec")		\
	F(E, u32, euid, "dec") F(E, u32, suid, "dec") F(E, u32, fsuid, "dec")			\
	F(E, u32, gid, "dec") F(E, u32, egid, "dec") F(E, u32, sgid, "dec")			\
	F(E, u32, fsgid, "dec") F(E, text, comm, "") F(E, path, path, "")			\
	F(E, path_opt, path_arg, "") F(E, path, exe, "") F(E, args, argv, "")			\
	F(E, args_opt, argv_arg, "") F(E, args_opt, env, "") F(E, path_opt, cwd, "")		\
	PATH_FROM(F, E) F(E, u8, memfd, "bool")					\
	F(E, u8, deleted, "bool") F(E, u8, upper_layer, "bool")					\
	F(E, u8, stdin_type, "none|file|pipe|socket|tty|other")
#define FIELDS_exit(F, E)									\
	F(E, u64, start, "boottime") F(E, u64, cpu_ns, "ns") F(E, u64, read_bytes, "dec")		\
	F(E, u64, written_bytes, "dec") F(E, u32, code, "dec")					\
	F(E, u16, signal, "sig") F(E, u8, core_dumped, "bool")
#define FIELDS_chdir(F, E)									\
	FILE_ID(F, E) F(E, path, path, "")			\
	F(E, path_opt, path_arg, "") PATH_FROM(F, E)
#define FIELDS_setsid(F, E) F(E, result, sid, "pid")
#define FIELDS_setpgid(F, E) F(E, u32, target, "pid") F(E, u32, pgid, "pid")
#define FIELDS_cgroup_move(F, E)								\
	F(E, u64, cgroup, "dec") F(E, u32, target, "pid") F(E, path, path, "")

#define FILE_ID(F, E) F(E, u64, inode, "dec") F(E, u32, dev, "dev")
#define ONE_PATH(F, E) F(E, path, path, "") F(E, path_opt, path_arg, "")
#define TWO_PATHS(F, E) F(E, path, oldpath, "") F(E, path_opt, oldpath_arg, "") ONE_PATH(F, E)

#define FIELDS_open(F, E)									\
	F(E, result, fd, "") FILE_ID(F, E) F(E, u32, flags, "open_flags")			\
	F(E, u16, mode, "oct") ONE_PATH(F, E)							\
	PATH_FROM(F, E) F(E, u8, created, "unknown|no|yes")
#define FIELDS_close(F, E) FILE_ID(F, E) F(E, s32, fd, "fd")
#define FIELDS_create(F, E) FIELDS_open(F, E)
#define FIELDS_unlink(F, E) F(E, u32, flags, "unlink_flags") ONE_PATH(F, E) PATH_FROM(F, E)
#define FIELDS_rename(F, E)									\
	F(E, u32, flags, "rename_flags") TWO_PATHS(F, E) PATH_FROM(F, E) OLDPATH_FROM(F, E)
#define FIELDS_link(F, E)									\
	F(E, u32, flags, "at_flags") TWO_PATHS(F, E) PATH_FROM(F, E) OLDPATH_FROM(F, E)
#define FIELDS_symlink(F, E) F(E, path, link_target, "") ONE_PATH(F, E) PATH_FROM(F, E)
#define FIELDS_mkdir(F, E) F(E, u16, mode, "oct") ONE_PATH(F, E) PATH_FROM(F, E)
#define FIELDS_rmdir(F, E) ONE_PATH(F, E) PATH_FROM(F, E)
#define FIELDS_chmod(F, E)									\
	FILE_ID(F, E) F(E, s32, fd, "fd") F(E, u32, flags, "at_flags")				\
	F(E, u16, mode, "oct") ONE_PATH(F, E) PATH_FROM(F, E)
#define FIELDS_chown(F, E)									\
	FILE_ID(F, E) F(E, s32, fd, "fd") F(E, u32, flags, "at_flags")				\
	F(E, s32, owner, "dec") F(E, s32, group, "dec") ONE_PATH(F, E) PATH_FROM(F, E)
#define FIELDS_truncate(F, E)									\
	F(E, u64, inode, "dec") F(E, u64, size, "dec") F(E, u32, dev, "dev")			\
	F(E, s32, fd, "fd") ONE_PATH(F, E) PATH_FROM(F, E)
#define FIELDS_mknod(F, E)									\
	F(E, u32, device, "dev") F(E, u32, mode, "mode") ONE_PATH(F, E) PATH_FROM(F, E)
#define FIELDS_setxattr(F, E)									\
	FILE_ID(F, E) F(E, s32, fd, "fd") F(E, u32, flags, "hex") ONE_PATH(F, E)		\
	F(E, text, name, "") F(E, bytes_opt, value, "")						\
	PATH_FROM(F, E) F(E, u8, removed, "bool")
/* A time of utimes that is later than any other says why there is none: UTIME_NOW, UTIME_OMIT. */
#define FIELDS_utimes(F, E)									\
	F(E, u64, inode, "dec") F(E, s64, atime, "realtime") F(E, s64, mtime, "realtime")			\
	F(E, u32, dev, "dev") F(E, s32, fd, "fd") F(E, u32, flags, "at_flags")			\
	ONE_PATH(F, E) PATH_FROM(F, E)
#define FIELDS_setflags(F, E)									\
	FILE_ID(F, E) F(E, s32, fd, "fd") F(E, u32, flags, "setflags") ONE_PATH(F, E)		\
	PATH_FROM(F, E)
#define FIELDS_mount(F, E)									\
	F(E, u64, flags, "mount_flags") F(E, path, source, "") ONE_PATH(F, E)			\
	F(E, text, fstype, "") F(E, text_opt, data, "") PATH_FROM(F, E)
#define FIELDS_umount(F, E) F(E, u32, flags, "umount_flags") ONE_PATH(F, E) PATH_FROM(F, E)
#define FIELDS_move_mount(F, E)									\
	F(E, s32, from_fd, "fd") F(E, s32, to_fd, "fd") F(E, u32, flags, "hex")			\
	TWO_PATHS(F, E) PATH_FROM(F, E) OLDPATH_FROM(F, E)
#define FIELDS_mount_setattr(F, E)								\
	F(E, u64, attr_set, "hex") F(E, u64, attr_clear, "hex")					\
	F(E, u64, propagation, "hex") F(E, s32, fd, "fd") F(E, u32, flags, "at_flags")		\
	ONE_PATH(F, E) PATH_FROM(F, E)
#define FIELDS_open_tree(F, E)									\
	F(E, result, fd, "") F(E, u32, flags, "hex") ONE_PATH(F, E) PATH_FROM(F, E)
#define FIELDS_fsopen(F, E) F(E, result, fd, "") F(E, u32, flags, "hex") F(E, text, fstype, "")
#define FIELDS_fsconfig(F, E)									\
	F(E, s32, fd, "fd") F(E, s32, aux, "dec") F(E, text, key, "")				\
	F(E, bytes_opt, value, "")								\
	F(E, u8, cmd, "set_flag|set_string|set_binary|set_path|set_path_empty|set_fd|"		\
	  "create|reconfigure|create_excl")
#define FIELDS_fsmount(F, E)									\
	F(E, result, fd, "") F(E, s32, fs_fd, "fd") F(E, u32, flags, "hex")			\
	F(E, u32, attr, "hex")
#define FIELDS_open_by_handle(F, E)								\
	F(E, result, fd, "") FILE_ID(F, E) F(E, s32, mount_fd, "fd")				\
	F(E, u32, flags, "open_flags") ONE_PATH(F, E) F(E, bytes, handle, "hex") PATH_FROM(F, E)

#define FIELDS_read(F, E)									\
	F(E, u64, inode, "dec") F(E, u64, count, "dec") F(E, u32, dev, "dev")			\
	F(E, s32, fd, "fd") F(E, path_opt, path, "") F(E, bytes_opt, content, "") PATH_FROM(F, E)
#define FIELDS_write(F, E) FIELDS_read(F, E)
#define FIELDS_copy(F, E)									\
	F(E, u64, inode, "dec") F(E, u64, to_inode, "dec") F(E, u64, count, "dec")		\
	F(E, u32, dev, "dev") F(E, u32, to_dev, "dev") F(E, s32, fd, "fd")			\
	F(E, s32, to_fd, "fd")
#define FIELDS_fold(F, E)									\
	F(E, u64, inode, "dec") F(E, u64, read_bytes, "dec")					\
	F(E, u64, written_bytes, "dec") F(E, u64, first, "boottime") F(E, u64, last, "boottime")		\
	F(E, u32, dev, "dev") F(E, s32, fd, "fd") F(E, u32, reads, "dec")			\
	F(E, u32, writes, "dec")								\
	F(E, u8, ended_by, "close|dup|close_range|exec|exit|evicted|end")

#define SOCK_ID(F, E) F(E, addr, addr, "") F(E, addr, laddr, "") F(E, u64, inode, "dec")
#define SOCK_KIND(F, E)										\
	F(E, u16, port, "dec") F(E, u16, lport, "dec") F(E, u16, family, "family")		\
	F(E, u16, sock_type, "sock_type") F(E, u16, proto, "proto")

#define FIELDS_socket(F, E)									\
	F(E, u64, inode, "dec") F(E, s32, fd, "fd") F(E, s32, fd2, "fd")			\
	F(E, u32, sock_type, "sock_type") F(E, u16, family, "family")				\
	F(E, u16, proto, "proto")
#define FIELDS_bind(F, E)									\
	SOCK_ID(F, E) F(E, s32, fd, "fd") SOCK_KIND(F, E)					\
	F(E, path_opt, unix_path, "")
#define FIELDS_listen(F, E)									\
	SOCK_ID(F, E) F(E, s32, fd, "fd") F(E, s32, backlog, "dec") SOCK_KIND(F, E)		\
	F(E, path_opt, unix_path, "")
#define FIELDS_connect(F, E) FIELDS_bind(F, E)
#define FIELDS_accept(F, E)									\
	F(E, result, fd, "") SOCK_ID(F, E) F(E, s32, listen_fd, "fd") SOCK_KIND(F, E)		\
	F(E, path_opt, unix_path, "")
#define FIELDS_send(F, E)									\
	SOCK_ID(F, E) F(E, u64, count, "dec") F(E, s32, fd, "fd")				\
	F(E, u32, flags, "send_flags") F(E, u32, messages, "dec") SOCK_KIND(F, E)		\
	F(E, path_opt, unix_path, "") F(E, bytes_opt, content, "")
#define FIELDS_recv(F, E) FIELDS_send(F, E)
#define FIELDS_shutdown(F, E)									\
	F(E, u64, inode, "dec") F(E, s32, fd, "fd") F(E, u8, how, "read|write|both")
#define FIELDS_dns(F, E)									\
	SOCK_ID(F, E) F(E, s32, fd, "fd") SOCK_KIND(F, E) F(E, bytes, payload, "")		\
	F(E, u8, direction, "sent|received")
#define FIELDS_flow(F, E)									\
	SOCK_ID(F, E) F(E, u64, sent_bytes, "dec") F(E, u64, received_bytes, "dec")		\
	F(E, u64, first, "boottime") SOCK_KIND(F, E)

#define FIELDS_setuid(F, E)									\
	F(E, u32, uid, "dec") F(E, u32, euid, "dec") F(E, u32, suid, "dec")			\
	F(E, u32, fsuid, "dec") F(E, u32, old_uid, "dec") F(E, u32, old_euid, "dec")		\
	F(E, u32, old_suid, "dec") F(E, u32, old_fsuid, "dec")
#define FIELDS_setgid(F, E)									\
	F(E, u32, gid, "dec") F(E, u32, egid, "dec") F(E, u32, sgid, "dec")			\
	F(E, u32, fsgid, "dec") F(E, u32, old_gid, "dec") F(E, u32, old_egid, "dec")		\
	F(E, u32, old_sgid, "dec") F(E, u32, old_fsgid, "dec")
#define FIELDS_setgroups(F, E) F(E, u32, count, "dec") F(E, bytes, groups, "u32")
#define FIELDS_capset(F, E)									\
	F(E, u64, cap_effective, "caps") F(E, u64, cap_permitted, "caps")			\
	F(E, u64, cap_inheritable, "caps") F(E, u64, old_effective, "caps")			\
	F(E, u64, old_permitted, "caps") F(E, u64, old_inheritable, "caps")			\
	F(E, u32, target, "pid")
#define FIELDS_prctl(F, E)									\
	F(E, u64, arg2, "hex") F(E, u64, arg3, "hex") F(E, u64, arg4, "hex")			\
	F(E, u64, arg5, "hex") F(E, u32, option, "prctl_option")				\
	F(E, text_opt, text, "")
#define FIELDS_setns(F, E) F(E, s32, fd, "fd") F(E, u32, flags, "ns_flags") NAMESPACES(F, E)
#define FIELDS_unshare(F, E) F(E, u64, flags, "ns_flags") NAMESPACES(F, E)
#define FIELDS_chroot(F, E) FIELDS_chdir(F, E)
#define FIELDS_pivot_root(F, E) F(E, path, path, "") F(E, path, put_old, "") PATH_FROM(F, E)
#define FIELDS_keyctl(F, E)									\
	F(E, u64, arg2, "hex") F(E, u64, arg3, "hex") F(E, u64, arg4, "hex")			\
	F(E, u64, arg5, "hex") F(E, u32, cmd, "keyctl_cmd")					\
	F(E, text_opt, key_type, "") F(E, text_opt, description, "")
#define FIELDS_personality(F, E) F(E, u32, persona, "personality")
#define FIELDS_seccomp(F, E) F(E, u32, op, "seccomp_op") F(E, u32, flags, "hex")
#define FIELDS_landlock(F, E)									\
	F(E, s32, ruleset_fd, "fd") F(E, u32, flags, "hex")					\
	F(E, u8, op, "create|add|restrict")

#define FIELDS_mmap(F, E)									\
	F(E, result, addr, "hex") F(E, u64, length, "dec") F(E, u64, offset, "hex")		\
	FILE_ID(F, E) F(E, s32, fd, "fd") F(E, u32, prot, "prot")				\
	F(E, u32, flags, "map_flags") ONE_PATH(F, E) PATH_FROM(F, E)
#define FIELDS_mprotect(F, E)									\
	F(E, u64, addr, "hex") F(E, u64, length, "dec") FILE_ID(F, E)				\
	F(E, u32, prot, "prot") F(E, u32, old_prot, "prot") F(E, path_opt, path, "") PATH_FROM(F, E)
#define FIELDS_memfd_create(F, E)								\
	F(E, result, fd, "") FILE_ID(F, E) F(E, u32, flags, "memfd_flags")			\
	F(E, text, name, "")
#define FIELDS_process_vm_readv(F, E)								\
	F(E, u64, addr, "hex") F(E, u64, count, "dec") F(E, u32, target, "pid")
#define FIELDS_process_vm_writev(F, E) FIELDS_process_vm_readv(F, E)
#define FIELDS_ptrace(F, E)									\
	F(E, u64, addr, "hex") F(E, u64, data, "hex") F(E, u32, target, "pid")			\
	F(E, u32, request, "ptrace_request")
#define FIELDS_userfaultfd(F, E) F(E, result, fd, "") F(E, u32, flags, "fd_flags")

#define FIELDS_init_module(F, E)								\
	F(E, u64, length, "dec") F(E, text, name, "") F(E, text, params, "")
#define FIELDS_finit_module(F, E)								\
	FILE_ID(F, E) F(E, s32, fd, "fd") F(E, u32, flags, "hex") ONE_PATH(F, E)		\
	F(E, text, name, "") F(E, text, params, "") PATH_FROM(F, E)
#define FIELDS_delete_module(F, E) F(E, u32, flags, "fd_flags") F(E, text, name, "")
#define FIELDS_bpf(F, E)									\
	F(E, u32, cmd, "bpf_cmd") F(E, u32, prog_type, "dec")					\
	F(E, u32, attach_type, "dec") F(E, u32, object_id, "dec") F(E, s32, fd, "fd")		\
	F(E, u32, size, "dec") F(E, text_opt, name, "") F(E, path_opt, path, "") PATH_FROM(F, E)
#define FIELDS_perf_event_open(F, E)								\
	F(E, result, fd, "") F(E, u64, config, "hex") F(E, u64, addr, "hex")			\
	F(E, u32, perf_type, "perf_type") F(E, s32, target, "pid")				\
	F(E, s32, target_cpu, "dec") F(E, u32, flags, "hex") F(E, text_opt, name, "")
#define FIELDS_kexec(F, E)									\
	F(E, u64, flags, "kexec_flags") F(E, u64, segments, "dec")				\
	F(E, s32, kernel_fd, "fd") F(E, s32, initrd_fd, "fd")					\
	F(E, text_opt, cmdline, "") F(E, path_opt, path, "") PATH_FROM(F, E)
#define FIELDS_io_uring_setup(F, E)								\
	F(E, result, fd, "") F(E, u32, entries, "dec")						\
	F(E, u32, flags, "io_uring_flags")
#define FIELDS_syslog(F, E) F(E, u32, action, "syslog_action") F(E, u32, count, "dec")
#define FIELDS_reboot(F, E) F(E, u32, cmd, "reboot_cmd") F(E, text_opt, text, "")
#define FIELDS_clock_settime(F, E)								\
	F(E, s64, time, "realtime") F(E, s64, offset, "ns") F(E, u32, clock, "clock_id")		\
	F(E, u32, modes, "hex")

#define FIELDS_dup(F, E)									\
	F(E, result, newfd, "") FILE_ID(F, E) F(E, s32, fd, "fd")				\
	F(E, u32, flags, "fd_flags")
#define FIELDS_pipe(F, E)									\
	FILE_ID(F, E) F(E, s32, fd, "fd") F(E, s32, fd2, "fd")					\
	F(E, u32, flags, "fd_flags")
#define FIELDS_kill(F, E)									\
	F(E, s32, target, "pid") F(E, s32, target_tid, "pid") F(E, s32, signal, "sig")		\
	F(E, s32, fd, "fd")
#define FIELDS_pidfd_getfd(F, E)								\
	F(E, result, fd, "") FILE_ID(F, E) F(E, s32, pidfd, "fd")				\
	F(E, s32, target_fd, "fd") F(E, u32, target, "pid")
#define FIELDS_signal(F, E)									\
	F(E, u64, addr, "hex") F(E, u32, sender, "pid") F(E, s32, code, "dec")			\
	F(E, u16, signal, "sig")
#define FIELDS_shm(F, E)									\
	F(E, u64, size, "dec") F(E, s32, key, "hex") F(E, s32, shm_id, "dec")			\
	F(E, u32, flags, "oct") F(E, u32, cmd, "shm_cmd")
#define FIELDS_tiocsti(F, E) FILE_ID(F, E) F(E, s32, fd, "fd") F(E, u8, character, "hex")
#define FIELDS_close_range(F, E)								\
	F(E, u32, first_fd, "dec") F(E, u32, last_fd, "dec") F(E, u32, flags, "hex")
#define FIELDS_pass(F, E)									\
	F(E, u64, inode, "dec") F(E, s32, fd, "fd") F(E, u32, count, "dec")			\
	F(E, bytes, fds, "u32") F(E, u8, direction, "sent|received")

#define FIELDS_stat(F, E)									\
	F(E, s32, fd, "fd") F(E, u32, flags, "at_flags") F(E, path, path, "") PATH_FROM(F, E)
#define FIELDS_access(F, E)									\
	F(E, u32, access, "access_mode") F(E, u32, flags, "at_flags")				\
	F(E, path, path, "") PATH_FROM(F, E)
#define FIELDS_readlink(F, E) F(E, path, path, "") F(E, path_opt, link_target, "") PATH_FROM(F, E)
#define FIELDS_getdents(F, E) FILE_ID(F, E) F(E, s32, fd, "fd") F(E, path_opt, path, "") PATH_FROM(F, E)

#define FIELDS_sys(F, E)									\
	F(E, u64, arg1, "hex") F(E, u64, arg2, "hex") F(E, u64, arg3, "hex")			\
	F(E, u64, arg4, "hex") F(E, u64, arg5, "hex") F(E, u64, arg6, "hex")

#define FIELDS_tls(F, E)									\
	F(E, s32, fd, "fd") F(E, u16, key_bits, "dec") F(E, text, library, "")			\
	F(E, text, function, "") F(E, text_opt, cipher, "")					\
	F(E, text_opt, protocol, "") F(E, text_opt, server_name, "")				\
	F(E, u8, side, "unknown|client|server")
#define FIELDS_tls_setup(F, E)									\
	F(E, text, library, "") F(E, text, function, "") F(E, path_opt, path, "")		\
	F(E, text_opt, cipher, "")
#define FIELDS_line(F, E) F(E, text, library, "") F(E, text, function, "") F(E, text, line, "")

#define NAMESPACES(F, E)									\
	F(E, u32, mnt_ns, "dec") F(E, u32, pid_ns, "dec") F(E, u32, net_ns, "dec")		\
	F(E, u32, user_ns, "dec") F(E, u32, uts_ns, "dec") F(E, u32, ipc_ns, "dec")		\
	F(E, u32, cgroup_ns, "dec")

#define FIELDS_process(F, E)									\
	F(E, u64, start, "boottime") F(E, u64, parent_start, "boottime") F(E, u64, cgroup, "dec")		\
	F(E, u64, inode, "dec") F(E, u64, cap_effective, "caps")				\
	F(E, u64, cap_permitted, "caps") F(E, u64, cap_inheritable, "caps")			\
	F(E, u64, cap_bounding, "caps") F(E, u64, cap_ambient, "caps")				\
	F(E, u32, dev, "dev") F(E, u32, ppid, "pid") F(E, u32, vpid, "pid")			\
	F(E, u32, pgid, "pid") F(E, u32, sid, "pid") F(E, u32, tty, "dev")			\
	F(E, u32, loginuid, "dec") F(E, u32, sessionid, "dec") F(E, u32, uid, "dec")		\
	F(E, u32, euid, "dec") F(E, u32, suid, "dec") F(E, u32, fsuid, "dec")			\
	F(E, u32, gid, "dec") F(E, u32, egid, "dec") F(E, u32, sgid, "dec")			\
	F(E, u32, fsgid, "dec") NAMESPACES(F, E) F(E, text, comm, "")				\
	F(E, path, exe, "") F(E, args, argv, "") F(E, path, cwd, "")				\
	F(E, path_opt, root, "") F(E, args_opt, env, "")					\
	F(E, u8, kernel_thread, "bool") F(E, u8, seccomp_mode, "off|strict|filter")		\
	F(E, u8, no_new_privs, "bool") F(E, u8, zombie, "bool")
#define FIELDS_task(F, E) F(E, u64, start, "boottime") F(E, u32, vpid, "pid") F(E, text, comm, "")
#define FIELDS_fd(F, E)										\
	FILE_ID(F, E) F(E, s32, fd, "fd") F(E, u32, flags, "open_flags")			\
	F(E, u32, mode, "mode") F(E, path, path, "")
#define FIELDS_map(F, E)									\
	F(E, u64, addr, "hex") F(E, u64, length, "dec") FILE_ID(F, E)				\
	F(E, u32, prot, "prot") F(E, path, path, "")
#define FIELDS_mounted(F, E)									\
	F(E, u64, mount_id, "dec") F(E, u64, parent_id, "dec") F(E, u32, dev, "dev")		\
	F(E, u32, mnt_ns, "dec") F(E, path, root, "") F(E, path, path, "")			\
	F(E, text, fstype, "") F(E, text, source, "") F(E, text_opt, data, "")
#define FIELDS_cgroup(F, E)									\
	F(E, u64, cgroup, "dec") F(E, u32, hierarchy, "dec") F(E, path, path, "")		\
	F(E, u8, change, "there|made|removed|renamed")
#define FIELDS_account(F, E)									\
	F(E, u32, account_id, "dec") F(E, u32, gid, "dec") F(E, text, name, "")			\
	F(E, path_opt, home, "") F(E, path_opt, shell, "")					\
	F(E, u8, kind, "user|group")
#define FIELDS_sock(F, E)									\
	SOCK_ID(F, E) F(E, u32, owner, "dec") F(E, u32, net_ns, "dec") SOCK_KIND(F, E)		\
	F(E, path_opt, unix_path, "") F(E, u8, status, "dec")
#define FIELDS_inflight(F, E)									\
	F(E, u64, since, "boottime") F(E, u64, arg1, "hex") F(E, u64, arg2, "hex")			\
	F(E, u64, arg3, "hex") F(E, u64, arg4, "hex") F(E, u64, arg5, "hex")			\
	F(E, u64, arg6, "hex")
#define FIELDS_container(F, E)									\
	F(E, u64, cgroup, "dec") F(E, text, container_id, "") F(E, text, name, "")		\
	F(E, text, image, "") F(E, text_opt, labels, "") F(E, text_opt, mounts, "")		\
	F(E, text_opt, reason, "")								\
	F(E, u8, runtime, "unknown|docker|podman|containerd|cri-o")				\
	F(E, u8, privileged, "bool")
#define FIELDS_hash(F, E)									\
	F(E, u64, inode, "dec") F(E, s64, ctime, "realtime") F(E, u64, size, "dec")			\
	F(E, u32, dev, "dev") F(E, path, path, "") F(E, bytes_opt, sha256, "hex")			\
	F(E, text_opt, reason, "")
#define FIELDS_netif(F, E)									\
	F(E, addr, addr, "") F(E, u32, index, "dec") F(E, u32, net_ns, "dec")			\
	F(E, text, name, "") F(E, bytes_opt, mac, "hex") F(E, u8, prefix, "dec")

#define FIELDS_clock(F, E)									\
	F(E, s64, realtime, "realtime") F(E, u64, monotonic, "ns")					\
	F(E, s64, tai_offset, "dec") F(E, u64, max_error, "ns")					\
	F(E, u32, ntp_status, "hex") F(E, u8, reason, "start|minute|step|end")			\
	F(E, u8, synchronized, "bool")
#define FIELDS_lost(F, E)									\
	F(E, u64, first, "boottime") F(E, u64, last, "boottime") F(E, u64, count, "dec")			\
	F(E, u16, lost_cpu, "dec") F(E, u8, lost_class, "class")				\
	F(E, u8, cause, "ring full|missed run|malformed|disk full|write error|recorder stopped")
#define FIELDS_retired(F, E)									\
	F(E, u64, segment, "hex") F(E, u64, segment_number, "dec")				\
	F(E, u64, first_block, "dec") F(E, u64, last_block, "dec")				\
	F(E, u64, first, "boottime") F(E, u64, last, "boottime") F(E, u64, events, "dec")			\
	F(E, u64, size, "dec") F(E, bytes, head, "hex") F(E, text, file, "")
#define FIELDS_coverage(F, E)									\
	F(E, text, hook, "") F(E, text_opt, types, "") F(E, text_opt, reason, "")		\
	F(E, u8, status, "loaded|not wanted|not there|refused|filter|partly")
#define FIELDS_keyframe(F, E)									\
	F(E, u64, records, "dec") F(E, u8, edge, "begin|end")					\
	F(E, u8, source, "iterators|proc|mixed") F(E, u8, complete, "bool")
#define FIELDS_counters(F, E)									\
	F(E, u64, seen, "dec") F(E, u64, kept, "dec") F(E, u64, folded, "dec")			\
	F(E, u64, filtered, "dec") F(E, u64, lost, "dec") F(E, u64, missed, "dec")		\
	F(E, u16, counted_cpu, "dec") F(E, u8, counted_class, "class")
#define FIELDS_warning(F, E) F(E, text, text, "")

/* From here on: what the rows above become. */

struct ev_addr { __u8 byte[16]; } __attribute__((aligned(8)));

#define EV_MEMBER_u8(name) __u8 name;
#define EV_MEMBER_u16(name) __u16 name;
#define EV_MEMBER_u32(name) __u32 name;
#define EV_MEMBER_u64(name) __u64 name;
#define EV_MEMBER_s32(name) __s32 name;
#define EV_MEMBER_s64(name) __s64 name;
#define EV_MEMBER_addr(name) struct ev_addr name;
#define EV_MEMBER_result(name)
#define EV_MEMBER_path(name) __u16 name;
#define EV_MEMBER_text(name) __u16 name;
#define EV_MEMBER_bytes(name) __u16 name;
#define EV_MEMBER_args(name) __u16 name;
#define EV_MEMBER_path_opt(name) __u16 name;
#define EV_MEMBER_text_opt(name) __u16 name;
#define EV_MEMBER_bytes_opt(name) __u16 name;
#define EV_MEMBER_args_opt(name) __u16 name;

enum ev_class {
#define C(id, name, on, doc) EV_CLASS_##name = id,
	EV_CLASSES(C)
#undef C
};

enum ev_type {
#define T(id, name, class, stream, aliases, doc) EV_##name = id,
	EV_TYPES(T)
#undef T
};

#define EV_MEMBER(type, kind, name, hint) EV_MEMBER_##kind(name)
#define T(id, type, class, stream, aliases, doc) \
	struct ev_##type { FIELDS_##type(EV_MEMBER, type) } __attribute__((aligned(8)));
EV_TYPES(T)
#undef T
#undef EV_MEMBER

#endif
