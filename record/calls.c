/* SPDX-License-Identifier: BSD-2-Clause */
#include "record/calls.h"

#include <errno.h>
#include <string.h>

#include "bpf/events.h"
#include "format/names.h"

/*
 * The roles of a handler, in its order, and where a call has them: 0 to 5, "c" the working
 * directory, "-" nothing. A call that is not here has its arguments where its handler looks.
 */
static const struct {
	const char *name;
	const char *roles;
	char variant;
} layouts[] = {
	/* open, create: dirfd, path, flags, mode, how */
	{ "open", "c012-" },
	{ "openat", "0123-" },
	{ "creat", "c0-1-", 'c' },
	{ "openat2", "01--2", 'h' },
	/* unlink: dirfd, path, flags */
	{ "unlink", "c0-" },
	{ "unlinkat", "012" },
	/* rename, link: olddirfd, oldpath, dirfd, path, flags */
	{ "rename", "c0c1-" },
	{ "renameat", "0123-" },
	{ "renameat2", "01234" },
	{ "link", "c0c1-" },
	{ "linkat", "01234" },
	/* symlink: dirfd, path, what it says */
	{ "symlink", "c10" },
	{ "symlinkat", "120" },
	/* mkdir, mknod: dirfd, path, mode, device */
	{ "mkdir", "c01" },
	{ "mkdirat", "012" },
	{ "mknod", "c012" },
	{ "mknodat", "0123" },
	/* chmod: dirfd, path, mode, flags */
	{ "chmod", "c01-" },
	{ "fchmod", "0-1-", 'f' },
	{ "fchmodat", "012-" },
	{ "fchmodat2", "0123" },
	/* chown: dirfd, path, owner, group, flags */
	{ "chown", "c012-", 'c' },
	{ "lchown", "c012-", 'l' },
	{ "fchown", "0-12-", 'f' },
	{ "chown32", "c012-", 'C' },
	{ "lchown32", "c012-", 'L' },
	{ "fchown32", "0-12-", 'F' },
	{ "fchownat", "01234", 'A' },
	/* truncate: fd, path, size, its upper half */
	{ "truncate", "c01-" },
	{ "ftruncate", "0-1-", 'f' },
	{ "truncate64", "c012", 'w' },
	{ "ftruncate64", "0-12", 'W' },
	/* setxattr: fd, path, name, value, size, flags, flags of the path */
	{ "setxattr", "c01234-", 's' },
	{ "lsetxattr", "c01234-", 's' },
	{ "fsetxattr", "0-1234-", 'f' },
	{ "setxattrat", "0134--2", 'a' },
	{ "removexattr", "c01----", 'r' },
	{ "lremovexattr", "c01----", 'r' },
	{ "fremovexattr", "0-1----", 'R' },
	{ "removexattrat", "013---2", 'q' },
	/* utimes: dirfd, path, times, flags */
	{ "utime", "c01-", 'u' },
	{ "utimes", "c01-", 'v' },
	{ "futimesat", "012-", 'v' },
	{ "utimensat", "0123", 't' },
	{ "utimensat_time64", "0123", 'T' },
	/* umount: path, flags */
	{ "umount", "0-" },
	{ "umount2", "01" },
	/* open_tree: dirfd, path, flags */
	{ "fspick", "012", 'p' },
	/* stat: dirfd, path, flags */
	{ "stat", "c0-" },
	{ "stat64", "c0-" },
	{ "oldstat", "c0-" },
	{ "lstat", "c0-", 'l' },
	{ "lstat64", "c0-", 'l' },
	{ "oldlstat", "c0-", 'l' },
	{ "fstat", "0--", 'f' },
	{ "fstat64", "0--", 'f' },
	{ "oldfstat", "0--", 'f' },
	{ "newfstatat", "013" },
	{ "fstatat64", "013" },
	{ "statx", "012" },
	/* access: dirfd, path, access, flags */
	{ "access", "c01-" },
	{ "faccessat", "012-" },
	{ "faccessat2", "0123" },
	/* readlink: dirfd, path, buffer */
	{ "readlink", "c01" },
	{ "readlinkat", "012", 'a' },
	/* fork: flags */
	{ "clone", "0", 'c' },
	{ "clone3", "0", '3' },
	{ "fork", "-", 'f' },
	{ "vfork", "-", 'v' },
	/* exec: dirfd, path, argv */
	{ "execve", "c01" },
	{ "execveat", "012" },
	/* chdir: fd, path */
	{ "chdir", "c0" },
	{ "fchdir", "0-", 'f' },
	/* read, write: 'v' has iovecs */
	{ "readv", "012345", 'v' },
	{ "writev", "012345", 'v' },
	{ "preadv", "012345", 'v' },
	{ "pwritev", "012345", 'v' },
	{ "preadv2", "012345", 'v' },
	{ "pwritev2", "012345", 'v' },
	/* copy: fd, to_fd, count */
	{ "sendfile", "103" },
	{ "sendfile64", "103" },
	{ "splice", "024" },
	{ "tee", "012" },
	{ "copy_file_range", "024" },
	{ "vmsplice", "012", 'v' },
	/* dup: fd, -, flags */
	{ "dup", "0--" },
	{ "dup2", "0--", 'o' },
	{ "dup3", "0-2", 'o' },
	/* pipe: where to, flags */
	{ "pipe", "0-" },
	/* mmap: mmap2 counts pages */
	{ "mmap2", "012345", '2' },
	/* memfd_create: name, flags */
	{ "memfd_secret", "-0" },
	/* setuid, setgid: 'f' changes the id that counts for files alone */
	{ "setfsuid", "0", 'f' },
	{ "setfsuid32", "0", 'f' },
	{ "setfsgid", "0", 'f' },
	{ "setfsgid32", "0", 'f' },
	/* chroot: dirfd, path */
	{ "chroot", "c0" },
	/* keyctl */
	{ "add_key", "01234", 'a' },
	{ "request_key", "01234", 'r' },
	/* landlock: ruleset, flags */
	{ "landlock_create_ruleset", "-2", 'c' },
	{ "landlock_add_rule", "03", 'a' },
	{ "landlock_restrict_self", "01", 'r' },
	/* kill: target, target_tid, signal, pidfd */
	{ "kill", "0-1-" },
	{ "tkill", "-01-" },
	{ "tgkill", "012-" },
	{ "rt_sigqueueinfo", "0-1-" },
	{ "rt_tgsigqueueinfo", "012-" },
	{ "pidfd_send_signal", "--10", 'p' },
	/* shm: as passed */
	{ "shmget", "012", 'g' },
	{ "shmat", "012", 'a' },
	{ "shmdt", "0", 'd' },
	{ "shmctl", "012", 'c' },
	{ "ipc", "012345", 'm' },
	/* kexec: flags, segments, kernel, initrd, command line */
	{ "kexec_load", "31---" },
	{ "kexec_file_load", "4-013", 'f' },
	/* clock_settime: clock, where the time is */
	{ "clock_settime", "01", 's' },
	{ "clock_settime64", "01", 'S' },
	{ "settimeofday", "-0", 'v' },
	{ "stime", "-0", 't' },
	{ "adjtimex", "-0", 'a' },
	{ "clock_adjtime", "01", 'a' },
	{ "clock_adjtime64", "01", 'A' },
	/* socket: family, type, protocol, where two descriptors go */
	{ "socket", "012-" },
	/* send, recv: fd, buffer or header, bytes or messages, flags, address, its length */
	{ "sendmsg", "01-2--", 'm' },
	{ "recvmsg", "01-2--", 'm' },
	{ "sendmmsg", "0123--", 'v' },
	{ "recvmmsg", "0123--", 'v' },
	{ "recvmmsg_time64", "0123--", 'v' },
	{ 0 },
};

/*
 * Calls that are not simply one type's: the program that handles them, and all that it may tell of
 * them. They are counted in the class of the first type.
 */
static const struct call_mixed mixed[] = {
	{ "socketcall", "on_socketcall",
	  "socket bind listen connect accept send recv shutdown dns pass" },
	{ "sendmsg", "on_transfers", "send dns pass" },
	{ "sendmmsg", "on_transfers", "send dns pass" },
	{ "recvmsg", "on_transfers", "recv dns pass" },
	{ "recvmmsg", "on_transfers", "recv dns pass" },
	{ "recvmmsg_time64", "on_transfers", "recv dns pass" },
	{ "read", "on_io", "read fold dns" },
	{ "readv", "on_io", "read fold dns" },
	{ "write", "on_io", "write fold dns" },
	{ "writev", "on_io", "write fold dns" },
	{ "close", "on_close", "close fold" },
	{ "dup2", "on_dup", "dup fold" },
	{ "dup3", "on_dup", "dup fold" },
	{ "close_range", "on_close_range", "close_range fold" },
	{ "ipc", "on_ipc", "shm" },
	{ "ioctl", "on_ioctl", "setflags tiocsti" },
	{ "fcntl", "on_fcntl", "dup fold" },
	{ "fcntl64", "on_fcntl", "dup fold" },
};

enum { N_MIXED = sizeof(mixed) / sizeof(*mixed) };

const struct call_mixed *call_mixed(const char *name)
{
	for (size_t i = 0; i < N_MIXED; i++)
		if (strcmp(mixed[i].name, name) == 0)
			return &mixed[i];
	return NULL;
}

const struct call_mixed *call_mixed_of(const char *program)
{
	for (size_t i = 0; i < N_MIXED; i++)
		if (strcmp(mixed[i].program, program) == 0)
			return &mixed[i];
	return NULL;
}

/* Programs that serve all calls of several types, see HANDLER_FAMILY. */
static const struct {
	const char *program;
	const char *types;
} families[] = {
	{ "on_opens", "open create open_by_handle" },
	{ "on_names", "unlink rename link symlink mkdir rmdir mknod" },
	{ "on_attributes", "chmod chown truncate setxattr utimes setflags" },
	{ "on_mounts", "mount umount move_mount mount_setattr open_tree fsopen fsconfig fsmount" },
	{ "on_looks", "stat access readlink getdents" },
	{ "on_rights",
	  "setuid setgid setgroups capset prctl setns unshare pivot_root keyctl personality "
	  "seccomp landlock" },
	{ "on_moves", "chdir chroot" },
	{ "on_io", "read write fold dns" },
	{ "on_ipc", "kill shm" },
	{ "on_kernel",
	  "init_module finit_module delete_module bpf perf_event_open kexec io_uring_setup "
	  "syslog reboot clock_settime" },
	{ "on_maps", "mmap mprotect" },
	{ "on_memory", "memfd_create process_vm_readv process_vm_writev ptrace userfaultfd" },
	{ "on_sockets", "socket bind connect listen accept shutdown" },
	{ "on_transfers", "send recv dns pass" },
};

const char *call_family(const char *program)
{
	for (size_t i = 0; i < sizeof(families) / sizeof(*families); i++)
		if (strcmp(families[i].program, program) == 0)
			return families[i].types;
	return NULL;
}

const struct reel_type *call_types_next(const char **types)
{
	const char *word = *types + strspn(*types, " ");
	size_t length = strcspn(word, " ");

	*types = word + length;
	return length ? reel_type_by_name(word, length) : NULL;
}

struct call_layout call_layout(const char *name)
{
	struct call_layout l = { .arg = { 0, 1, 2, 3, 4, 5, ARG_NONE } };

	for (size_t i = 0; layouts[i].name; i++) {
		if (strcmp(layouts[i].name, name) != 0)
			continue;
		for (unsigned k = 0; k < CALL_ROLES; k++) {
			char place = k < strlen(layouts[i].roles) ? layouts[i].roles[k] : '-';

			l.arg[k] = place == 'c' ? ARG_CWD :
				   place == '-' ? ARG_NONE :
						  (__u8)(place - '0');
		}
		l.variant = (__u8)layouts[i].variant;
		break;
	}
	return l;
}

const struct reel_type *call_type(const char *name)
{
	const struct call_mixed *m = call_mixed(name);
	const char *types = m ? m->types : name;
	const struct reel_type *t = call_types_next(&types);

	/* A name of a state record may be that of a call by chance. */
	if (!t || t->class_id == EV_CLASS_state || t->class_id == EV_CLASS_tape ||
	    t->class_id == EV_CLASS_user)
		t = reel_type_by_id(EV_sys);
	return t;
}

int call_slot(unsigned abi, const char *name, unsigned *ret_slot)
{
	unsigned number;
	int r = reel_syscall_number(abi, name, strlen(name), &number);

	if (r < 0)
		return r;
	if (number >= 512 && abi != EV_ABI_X32)
		return -ENOENT;
	if (abi == EV_ABI_COMPAT)
		number += SLOTS_COMPAT;
	else if (number >= 512)
		number += SLOTS_X32 - 512;
	if (number >= SLOTS_END)
		return -ENOENT;
	*ret_slot = number;
	return 0;
}

const char *call_name(unsigned slot)
{
	if (slot < SLOTS_COMPAT)
		return reel_syscall_name(EV_ABI_NATIVE, slot);
	if (slot < SLOTS_X32)
		return reel_syscall_name(EV_ABI_COMPAT, slot - SLOTS_COMPAT);
	if (slot < SLOTS_END)
		return reel_syscall_name(EV_ABI_X32, slot - SLOTS_X32 + 512);
	return NULL;
}
