/* SPDX-License-Identifier: BSD-2-Clause */
#include "format/confine_calls.h"

#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

enum {
	R = CALLS_RECORDER,
	H = CALLS_HELPER,
	A = CALLS_ATTACHER,
	X = CALLS_EXECUTOR,
	P = CALLS_PARSER,
	D = CALLS_READER,
	M = CALLS_MAKER,
	B = CALLS_DATABASE,
	C = CALLS_COMPILER,
	N = CALLS_NARROWER,
	S = CALLS_SESSION,
	ALL = R | H | A | X | P | D | S,
};

/* The kernel's bit of O_TMPFILE; that of the C library has O_DIRECTORY in it too. */
#define TMPFILE_BIT 020000000

static const struct confine_check no_exec = { .test = FILTER_NO_BITS,
					      .arg = 2,
					      .n_values = 1,
					      .values = { PROT_EXEC } };

/* F_SETOWN would make the kernel send signals in our name. */
static const struct confine_check fcntl_commands = {
	.test = FILTER_ONE_OF,
	.arg = 1,
	.n_values = 14,
	.values = { F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_GETLK, F_SETLK, F_SETLKW,
		    F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW, F_DUPFD_CLOEXEC, F_SETPIPE_SZ,
		    F_GETPIPE_SZ },
};

/* TIOCSTI would type into the terminal. */
static const struct confine_check ioctl_commands = {
	.test = FILTER_ONE_OF,
	.arg = 1,
	.n_values = 4,
	.values = { TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO },
};

static const struct confine_check typing_ioctls = { .test = FILTER_ONE_OF,
						    .arg = 1,
						    .n_values = 2,
						    .values = { TIOCSTI, TIOCLINUX } };

static const struct confine_check perf_ioctls = {
	.test = FILTER_ONE_OF,
	.arg = 1,
	.n_values = 5,
	.values = { TCGETS, FIONREAD, PERF_EVENT_IOC_ENABLE, PERF_EVENT_IOC_DISABLE,
		    PERF_EVENT_IOC_SET_BPF },
};

static const struct confine_check own_name = {
	.test = FILTER_ONE_OF,
	.arg = 0,
	.n_values = 2,
	.values = { PR_SET_NAME, PR_GET_NAME },
};

/* What a child needs that gives up the rest. */
static const struct confine_check less_rights = {
	.test = FILTER_ONE_OF,
	.arg = 0,
	.n_values = 9,
	.values = { PR_SET_NAME, PR_GET_NAME, PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS,
		    PR_SET_DUMPABLE, PR_CAPBSET_READ, PR_CAPBSET_DROP, PR_CAP_AMBIENT,
		    PR_GET_DUMPABLE },
};

/* Maps and links that are open already: their values, what the kernel says of them, and another
 * run through an iterator. Nothing is made, changed or loaded. */
static const struct confine_check bpf_reading = {
	.test = FILTER_ONE_OF,
	.arg = 0,
	.n_values = 5,
	.values = { BPF_MAP_LOOKUP_ELEM, BPF_MAP_GET_NEXT_KEY, BPF_MAP_LOOKUP_BATCH,
		    BPF_OBJ_GET_INFO_BY_FD, BPF_ITER_CREATE },
};

/* It asks the kernel for interfaces and sockets. */
static const struct confine_check netlink_only = { .test = FILTER_ONE_OF,
						   .arg = 0,
						   .n_values = 1,
						   .values = { AF_NETLINK } };

static const struct confine_check a_thread = { .test = FILTER_ALL_BITS,
					       .arg = 0,
					       .n_values = 1,
					       .values = { CLONE_THREAD } };

static const struct confine_check no_namespaces = {
	.test = FILTER_NO_BITS,
	.arg = 0,
	.n_values = 1,
	.values = { CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |
		    CLONE_NEWPID | CLONE_NEWNET },
};

#define WRITING (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND | TMPFILE_BIT)
static const struct confine_check openat_reads = { .test = FILTER_NO_BITS,
						   .arg = 2,
						   .n_values = 1,
						   .values = { WRITING } };
/* Files that are there already are opened to be read; new ones have a name or none. */
static const struct confine_check openat_makes = { .test = FILTER_BITS_ONLY_WITH,
						   .arg = 2,
						   .n_values = 3,
						   .values = { WRITING, O_CREAT | O_EXCL,
							       TMPFILE_BIT } };
static const struct confine_check to_itself = { .test = FILTER_ONE_OF,
						.value = VALUE_SELF,
						.arg = 0 };
static const struct confine_check of_itself = { .test = FILTER_ONE_OF,
						.value = VALUE_SELF_OR_0,
						.arg = 0 };
static const struct confine_check to_the_command = { .test = FILTER_ONE_OF,
						     .value = VALUE_SIGNALLED,
						     .arg = 0 };

#define CALL(name, roles) { #name, __NR_##name, (roles), FILTER_ALLOW, FILTER_EPERM, NULL }
#define CALL_IF(name, roles, check) \
	{ #name, __NR_##name, (roles), FILTER_ALLOW, FILTER_EPERM, &(check) }
#define KILL_UNLESS(name, roles, check) \
	{ #name, __NR_##name, (roles), FILTER_ALLOW, FILTER_KILL, &(check) }
#define KILL(name, roles) { #name, __NR_##name, (roles), FILTER_KILL, FILTER_KILL, NULL }
#define REFUSE_IF(name, roles, check) \
	{ #name, __NR_##name, (roles), FILTER_EPERM, FILTER_ALLOW, &(check) }
#define REFUSE(name, roles) { #name, __NR_##name, (roles), FILTER_EPERM, FILTER_EPERM, NULL }
#define ABSENT(name, roles) { #name, __NR_##name, (roles), FILTER_ENOSYS, FILTER_ENOSYS, NULL }

/*
 * Of the recorder and its helper, what is allowed is what a recording uses, as
 * tests/e2e/calls_used.py sees it, and what that names a reason for.
 *
 * Everything that is in no row gives EPERM (to the executor and the session: is allowed). Among it,
 * for the recorder and readers, and because neither Landlock nor lost capabilities stop root from
 * it: chmod, chown, setxattr and utimes of root's files, and kill, prlimit and priorities of root's
 * processes.
 */
const struct confine_call confine_calls[] = {
	/* Files that are open */
	CALL(read, ALL),
	CALL(readv, R | H | D),
	CALL(pread64, R | H | P | D),
	CALL(write, R | H | P | D),
	CALL(writev, R | H | D),
	CALL(pwrite64, M | B),
	CALL(pwritev, M | B),
	CALL(lseek, R | H | P | D),
	CALL(close, R | H | P | D),
	CALL(close_range, H | D),
	CALL(fstat, R | H | P | D),
	CALL(fstatfs, H | D),
	CALL(getdents64, R | H | D),
	CALL(fsync, R | D),
	CALL(fdatasync, R | D),
	CALL(ftruncate, R | M | B),
	CALL(fallocate, R | M | B),
	CALL(fadvise64, R | D),
	CALL(copy_file_range, M | B),
	CALL(sendfile, M | B),
	CALL(flock, R | D),
	CALL(dup, D),
	CALL(pipe2, H),
	CALL(sendto, R | H),
	CALL(recvfrom, R | H),
	CALL(shutdown, R),
	CALL_IF(socket, H, netlink_only),
	CALL(setsockopt, H),
	CALL_IF(fcntl, R | H | P | D, fcntl_commands),
	CALL_IF(ioctl, A, perf_ioctls),
	CALL_IF(ioctl, R | D, ioctl_commands),

	/* Files by name: the recorder's are Landlock's to judge */
	CALL(openat, R | B),
	CALL_IF(openat, M, openat_makes),
	CALL_IF(openat, H | D, openat_reads),
	CALL(newfstatat, R | H | P | D),
	CALL(statx, H | D),
	CALL(statfs, R | D),
	CALL(faccessat, H | D),
	CALL(faccessat2, H | D),
	CALL(readlinkat, H | D),
	CALL(getcwd, D),
	CALL(umask, M | B),
	CALL(mkdirat, R | M | B),
	CALL(unlinkat, R | M | B),
	CALL(renameat2, M | B),
	CALL(linkat, R | M | B),
#ifdef __x86_64__
	CALL(stat, R | H | D),
	CALL(lstat, D),
	CALL(access, D),
	CALL(readlink, H | D),
	CALL(mkdir, R | M | B),
	CALL(rmdir, R | M | B),
	CALL(unlink, M | B),
	CALL(rename, R | M | B),
	CALL(renameat, M | B),
	CALL(link, M | B),
#endif

	/* Memory */
	CALL(mmap, C),
	CALL_IF(mmap, R | H | P | D, no_exec),
	CALL_IF(mprotect, R | H | P | D, no_exec),
	CALL(munmap, R | H | P | D),
	CALL(mremap, R | H | P | D),
	CALL(madvise, R | H | P | D),
	CALL(brk, R | H | P | D),
	CALL(mlock, R | D),
	CALL(munlock, R | D),

	/* Threads. No filter can see what clone3 makes, so that the C library must do without. */
	CALL_IF(clone, R | D, a_thread),
	CALL_IF(clone, H, no_namespaces),
	ABSENT(clone3, R | H | D),
	CALL(futex, R | H | P | D),
	CALL(set_robust_list, R | H | D),
	CALL(rseq, R | H | D),
	CALL(set_tid_address, R | H | D),
	CALL(gettid, R | H | P | D),
	CALL(sched_yield, R | H | P | D),
	CALL(membarrier, R | D),
	CALL(sched_getaffinity, R | H | D),
	CALL(getcpu, D),
	CALL(exit, R | H | P | D),
	CALL(exit_group, R | H | P | D),
	CALL_IF(prctl, R | D, own_name),
	CALL_IF(prctl, H, less_rights),

	/* Waiting and time */
	CALL(ppoll, R | H | D),
	CALL(pselect6, D),
	CALL(timerfd_settime, R),
	CALL(setitimer, H | D),
	CALL(getitimer, D),
	CALL(clock_gettime, R | H | P | D),
	CALL(clock_getres, R | H | D),
	CALL(clock_nanosleep, R | H | D),
	CALL(nanosleep, R | H | D),
	CALL(gettimeofday, D),
	CALL(adjtimex, R),
	CALL(clock_adjtime, R),
#ifdef __x86_64__
	CALL(poll, R | H | D),
	CALL(select, D),
	CALL(time, R | D),
	CALL(alarm, H | D),
	CALL(pause, D),
#endif

	/* Signals */
	CALL(rt_sigaction, R | H | P | D),
	CALL(rt_sigprocmask, R | H | P | D),
	CALL(rt_sigreturn, R | H | P | D),
	CALL(rt_sigtimedwait, D),
	CALL(sigaltstack, R | H | P | D),
	CALL(restart_syscall, R | H | P | D),
	CALL_IF(tgkill, R | H | P | D | S, to_itself),
	CALL_IF(kill, R | D, to_the_command),
	CALL(wait4, R | H | D),

	/* What it is told of itself and the machine */
	CALL(getpid, R | H | P | D),
	CALL(getppid, H | D),
	CALL(getuid, R | H | D),
	CALL(geteuid, R | H | D),
	CALL(getgid, R | D),
	CALL(getegid, R | D),
	CALL(capget, H),
	CALL(getrandom, R | H | P | D),
	CALL(uname, D),
	CALL(sysinfo, R | D),
	CALL(getrusage, R | D),
	CALL(times, D),
	CALL_IF(prlimit64, R | H | D, of_itself),
#ifdef __x86_64__
	CALL(getrlimit, D),
#endif

	/* For a child of the helper to confine itself, and for a reader to do it once more */
	CALL(capset, H),
	CALL(seccomp, H),
	CALL(landlock_create_ruleset, H | N),
	CALL(landlock_add_rule, N),
	CALL(landlock_restrict_self, H | N),

	/* Kernel programs */
	CALL(bpf, A),
	CALL(perf_event_open, A),
	KILL_UNLESS(bpf, R, bpf_reading),
	KILL(bpf, H | X | P | D | S),
	KILL(perf_event_open, R | H | X | P | D | S),

	/* Nothing comes here that is not broken or broken into, but for what is only tried: the
	 * helper can do without other namespaces, and programs of the executor without these */
	REFUSE(setns, H),
	REFUSE_IF(ioctl, S, typing_ioctls),
	REFUSE(socket, S),
	REFUSE(kill, S),
	REFUSE(tkill, S),
	REFUSE(rt_sigqueueinfo, S),
	REFUSE(rt_tgsigqueueinfo, S),
	REFUSE(pidfd_open, S),
	REFUSE(pidfd_send_signal, S),
	REFUSE(io_uring_setup, X | S),
	REFUSE(userfaultfd, X | S),
	REFUSE(unshare, X | S),
	REFUSE(add_key, X | S),
	REFUSE(request_key, X | S),
	REFUSE(keyctl, X | S),
	CALL(execve, X | S),
	CALL(execveat, X | S),
	KILL(execve, ALL),
	KILL(execveat, ALL),
	KILL(ptrace, ALL),
	KILL(process_vm_readv, ALL),
	KILL(process_vm_writev, ALL),
	KILL(pidfd_getfd, ALL),
	KILL(process_madvise, ALL),
	KILL(userfaultfd, ALL),
	KILL(io_uring_setup, ALL),
	KILL(mount, ALL),
	KILL(umount2, ALL),
	KILL(move_mount, ALL),
	KILL(open_tree, ALL),
	KILL(mount_setattr, ALL),
	KILL(fsopen, ALL),
	KILL(fsconfig, ALL),
	KILL(fsmount, ALL),
	KILL(fspick, ALL),
	KILL(pivot_root, ALL),
	KILL(chroot, ALL),
	KILL(unshare, ALL),
	KILL(setns, R | X | P | D | S),
	KILL(open_by_handle_at, ALL),
	KILL(init_module, ALL),
	KILL(finit_module, ALL),
	KILL(delete_module, ALL),
	KILL(kexec_load, ALL),
	KILL(kexec_file_load, ALL),
	KILL(reboot, ALL),
	KILL(swapon, ALL),
	KILL(swapoff, ALL),
	KILL(acct, ALL),
	KILL(syslog, ALL),
	KILL(quotactl, ALL),
	KILL(settimeofday, ALL),
	KILL(clock_settime, ALL),
	KILL(sethostname, ALL),
	KILL(setdomainname, ALL),
	KILL(add_key, ALL),
	KILL(request_key, ALL),
	KILL(keyctl, ALL),
	KILL(fanotify_init, ALL),
#ifdef __x86_64__
	KILL(iopl, ALL),
	KILL(ioperm, ALL),
	KILL(modify_ldt, ALL),
#endif
	{ 0 },
};

static void add_value(struct filter_row *row, enum confine_value value, pid_t self, pid_t signalled)
{
	switch (value) {
	case VALUE_NONE:
		break;
	case VALUE_SELF_OR_0:
		row->values[row->n_values++] = 0;
		row->values[row->n_values++] = (uint32_t)self;
		break;
	case VALUE_SELF:
		row->values[row->n_values++] = (uint32_t)self;
		break;
	case VALUE_SIGNALLED:
		if (signalled > 0)
			row->values[row->n_values++] = (uint32_t)signalled;
		break;
	}
}

static void row_of_call(const struct confine_call *call, pid_t self, pid_t signalled,
			struct filter_row *ret)
{
	const struct confine_check *check = call->check;

	*ret = (struct filter_row){ .nr = call->nr,
				    .action = call->action,
				    .otherwise = call->otherwise };
	if (!check)
		return;
	ret->test = check->test;
	ret->arg = check->arg;
	ret->n_values = check->n_values;
	for (unsigned i = 0; i < check->n_values; i++)
		ret->values[i] = check->values[i];
	add_value(ret, check->value, self, signalled);
}

int confine_calls_filter(uint32_t roles, pid_t self, pid_t signalled, struct filter *ret)
{
	struct filter_row row;

	filter_begin(ret);
	for (const struct confine_call *call = confine_calls; call->name; call++) {
		if (!(call->roles & roles))
			continue;
		row_of_call(call, self, signalled, &row);
		filter_add(ret, &row);
	}
	return filter_end(ret, roles & (X | S) ? FILTER_ALLOW : FILTER_EPERM);
}
