/* SPDX-License-Identifier: BSD-2-Clause */
/* Steps of the classes process, priv, mem, kernel and ipc: none does harm to another process. */
#ifndef REEL_TESTS_E2E_COUNT_REST_H
#define REEL_TESTS_E2E_COUNT_REST_H

#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/io_uring.h>
#include <linux/kexec.h>
#include <linux/keyctl.h>
#include <linux/landlock.h>
#include <linux/perf_event.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/shm.h>
#include <sys/timex.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "tests/e2e/count.h"

/* The child says nothing, so that its only events are those of its end, and of its program. */
static void child_note(struct worker *w, long pid, bool executes)
{
	if (pid <= 0)
		return;
	if (w->n_children == MAX_CHILDREN) {
		w->overflow = true;
		return;
	}
	w->children[w->n_children++] =
		(struct child){ .pid = (pid_t)pid, .has_executed = executes };
}

static long child_fork(struct worker *w, const char *program)
{
	char *argv[] = { (char *)(uintptr_t)program, (char *)(uintptr_t) "nothing", NULL };
	char *envp[] = { NULL };
	long pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

	if (pid == 0) {
		if (program)
			syscall(SYS_execve, program, argv, envp);
		syscall(SYS_exit_group, 0);
	}
	tally_add(w, EV_fork, SYS_clone, 0);
	child_note(w, pid, program);
	return pid;
}

static void step_fork(struct worker *w)
{
	int status;
	long pid;

	child_fork(w, NULL);
	pid = syscall(SYS_fork);
	if (pid == 0)
		syscall(SYS_exit_group, 3);
	tally_add(w, EV_fork, SYS_fork, 0);
	child_note(w, pid, false);
	for (int i = 0; i < 2; i++)
		QUIET(wait4, -1, P(&status), __WNOTHREAD, 0);
	DO(fork, clone, CLONE_SIGHAND, 0, 0, 0, 0);
	DO(fork, clone3, 0, 0);
}

/* A child that executes, and then makes calls that nobody counts. */
static void step_run(struct worker *w)
{
	int status;

	child_fork(w, w->self);
	QUIET(wait4, -1, P(&status), __WNOTHREAD, 0);
}

static void step_exec(struct worker *w)
{
	char *argv[] = { w->file, NULL };

	DO(exec, execve, P(w->missing), P(argv), 0);
	DO(exec, execve, P(w->dir), P(argv), 0);
	DO(exec, execveat, w->dir_fd, P("missing"), P(argv), 0, 0);
	DO(exec, execve, 1, P(argv), 0);
}

static void step_process(struct worker *w)
{
	DO(chdir, chdir, P(w->dir));
	DO(chdir, fchdir, w->cwd_fd);
	DO(chdir, chdir, P(w->missing));
	DO(chdir, fchdir, -1);
	DO(setsid, setsid, 0); /* this process leads its session */
	DO(setpgid, setpgid, 0, -5);
}

static void step_identity(struct worker *w)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct caps[2];
	gid_t group = 0;

	DO(setuid, setuid, 0);
	DO(setuid, setreuid, -1, -1);
	DO(setuid, setresuid, -1, -1, -1);
	DO(setuid, setfsuid, 0);
	DO(setgid, setgid, 0);
	DO(setgid, setregid, -1, -1);
	DO(setgid, setresgid, -1, -1, -1);
	DO(setgid, setfsgid, 0);
	DO(setgroups, setgroups, 1, P(&group));
	DO(setgroups, setgroups, 1 << 30, P(&group));
	QUIET(capget, P(&head), P(caps));
	DO(capset, capset, P(&head), P(caps));
	DO(capset, capset, 1, P(caps));
	DO(prctl, prctl, PR_SET_NAME, P("counter"), 0, 0, 0);
	DO(prctl, prctl, PR_SET_DUMPABLE, 99, 0, 0, 0);
	DO(personality, personality, 0);
}

static void step_confinement(struct worker *w)
{
	struct landlock_ruleset_attr attr = { .handled_access_fs = LANDLOCK_ACCESS_FS_READ_FILE };
	long fd;

	DO(setns, setns, -1, 0);
	DO(setns, setns, w->file_fd, CLONE_NEWNET);
	DO(unshare, unshare, 0);
	DO(unshare, unshare, 1);
	DO(chroot, chroot, P("/"));
	DO(chroot, chroot, P(w->missing));
	DO(pivot_root, pivot_root, P(w->missing), P(w->missing));
	DO(keyctl, keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_PROCESS_KEYRING, 0, 0, 0);
	DO(keyctl, add_key, P("nosuchtype"), P("reel"), 0, 0, KEY_SPEC_PROCESS_KEYRING);
	DO(keyctl, request_key, P("nosuchtype"), P("reel"), 0, 0);
	DO(seccomp, seccomp, SECCOMP_SET_MODE_FILTER, 0, 1);
	DO(seccomp, seccomp, 99, 0, 0);
	fd = DO(landlock, landlock_create_ruleset, P(&attr), sizeof(attr), 0);
	DO(landlock, landlock_add_rule, fd, 99, 0, 0);
	DO(landlock, landlock_restrict_self, -1, 0);
	if (fd >= 0)
		DO(close, close, fd);
}

static void step_memory(struct worker *w)
{
	char buffer[64];
	struct iovec here = { buffer, sizeof(buffer) }, there = { w->page, sizeof(buffer) };
	long at, fd;

	at = DO(mmap, mmap, 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, w->file_fd, 0);
	QUIET(munmap, at, 4096);
	at = QUIET(mmap, 0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	DO(mprotect, mprotect, at, 4096, PROT_READ | PROT_EXEC);
	QUIET(munmap, at, 4096);
	fd = DO(memfd_create, memfd_create, P("counted"), 1);
	DO(close, close, fd);
	DO(memfd_create, memfd_create, P("counted"), 0x8000);
	DO(process_vm_readv, process_vm_readv, w->pid, P(&here), 1, P(&there), 1, 0);
	DO(process_vm_writev, process_vm_writev, w->pid, P(&here), 1, P(&there), 1, 0);
	DO(process_vm_readv, process_vm_readv, 0x7ffffff0, P(&here), 1, P(&there), 1, 0);
	DO(ptrace, ptrace, PTRACE_PEEKDATA, 0x7ffffff0, 0, 0);
	DO(ptrace, ptrace, PTRACE_ATTACH, w->pid, 0, 0);
	fd = DO(userfaultfd, userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
	if (fd >= 0)
		DO(close, close, fd);
	DO(userfaultfd, userfaultfd, 0x7f);
}

/* Each is refused, by an argument that no kernel takes, or only asks. */
static void step_kernel(struct worker *w)
{
	struct perf_event_attr perf = { .type = PERF_TYPE_SOFTWARE,
					.size = sizeof(perf),
					.config = PERF_COUNT_SW_PAGE_FAULTS };
	struct timespec time = { 0, 2000000000 };
	struct timeval old = { 0, 2000000 };
	struct io_uring_params ring = { 0 };
	union bpf_attr ask = { .start_id = 0 };
	struct timex timex = { 0 };
	long fd;

	DO(init_module, init_module, P("no module"), 9, P(""));
	DO(finit_module, finit_module, w->null_fd, P(""), 0);
	DO(delete_module, delete_module, P("no_such_module_of_reel"), O_NONBLOCK);
	DO(bpf, bpf, BPF_PROG_GET_NEXT_ID, P(&ask), sizeof(ask));
	DO(bpf, bpf, 9999, P(&ask), sizeof(ask));
	fd = DO(perf_event_open, perf_event_open, P(&perf), 0, -1, -1, 0);
	if (fd >= 0)
		DO(close, close, fd);
	perf.type = 0xfffffff0;
	DO(perf_event_open, perf_event_open, P(&perf), 0, -1, -1, 0);
	DO(kexec, kexec_load, 0, 0, 0, 0x7000);
	DO(kexec, kexec_file_load, -1, -1, 0, 0, 0x7000);
	fd = DO(io_uring_setup, io_uring_setup, 1, P(&ring));
	if (fd >= 0)
		DO(close, close, fd);
	DO(io_uring_setup, io_uring_setup, 0, P(&ring));
	DO(syslog, syslog, 10, 0, 0);
	DO(syslog, syslog, 99, 0, 0);
	DO(reboot, reboot, 1, 2, 3, 0);
	DO(clock_settime, clock_settime, 99, P(&time));
	DO(clock_settime, clock_settime, 0, P(&time));
	DO(clock_settime, settimeofday, P(&old), 0);
	DO(clock_settime, clock_adjtime, 99, P(&timex));
}

static void step_descriptors(struct worker *w)
{
	int fds[2];
	long fd;

	fd = DO(dup, dup, w->null_fd);
	DO(dup, dup2, w->zero_fd, fd);
	DO(dup, dup3, w->null_fd, fd, O_CLOEXEC);
	DO(dup, dup3, fd, fd, 0);
	DO(close, close, fd);
	fd = DO(dup, fcntl, w->null_fd, F_DUPFD, 10);
	DO(close, close, fd);
	fd = DO(dup, fcntl, w->null_fd, F_DUPFD_CLOEXEC, 10);
	DO(close, close, fd);
	DO(dup, fcntl, -1, F_DUPFD, 10);
	DO(dup, dup, -1);
	QUIET(fcntl, w->null_fd, F_GETFL);
	if (DO(pipe, pipe, P(fds)) == 0) {
		DO(close, close, fds[0]);
		DO(close, close, fds[1]);
	}
	if (DO(pipe, pipe2, P(fds), O_CLOEXEC) == 0) {
		DO(close, close, fds[0]);
		DO(close, close, fds[1]);
	}
	DO(pipe, pipe2, P(fds), 1);
	DO(pipe, pipe, 1);
	fd = DO(pidfd_getfd, pidfd_getfd, w->pidfd, w->null_fd, 0);
	if (fd >= 0)
		DO(close, close, fd);
	DO(pidfd_getfd, pidfd_getfd, w->pidfd, 99999, 0);
	DO(close_range, close_range, 100000, 100001, 0);
	DO(close_range, close_range, 2, 1, 0);
	DO(tiocsti, ioctl, w->tty_fd, TIOCSTI, P("r"));
	DO(tiocsti, ioctl, w->null_fd, TIOCSTI, P("r"));
}

static void step_signals(struct worker *w)
{
	siginfo_t info = { .si_code = SI_QUEUE, .si_signo = 0 };
	void *at;
	long id;

	DO(kill, kill, w->pid, 0);
	DO(kill, kill, 0x7ffffff0, 0);
	DO(kill, kill, w->pid, SIGURG); /* ignored by default */
	DO(kill, tkill, w->tid, 0);
	DO(kill, tgkill, w->pid, w->tid, 0);
	DO(kill, tgkill, w->pid, w->tid, 999);
	DO(kill, pidfd_send_signal, w->pidfd, 0, 0, 0);
	DO(kill, rt_sigqueueinfo, w->pid, 0, P(&info));
	id = DO(shm, shmget, IPC_PRIVATE, 4096, 0600);
	at = (void *)DO(shm, shmat, id, 0, 0);
	DO(shm, shmdt, P(at));
	DO(shm, shmctl, id, IPC_RMID, 0);
	DO(shm, shmat, -1, 0, 0);
}

#endif
