/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How processes begin, execute and end, where the exit of a system call does not say it: see
 * tape.md, "What sys_exit does not say". Recorded with --io all --syscalls rt_sigreturn,getppid.
 */
#include <linux/sched.h>
#include <pthread.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "tests/e2e/expect.h"

static char *const no_env[] = { NULL };

#define ARGV(...) ((char *const[]){ __VA_ARGS__, NULL })

static pid_t child(void (*run)(void))
{
	pid_t pid = fork();

	need(pid >= 0);
	if (pid == 0) {
		run();
		_exit(0);
	}
	return pid;
}

static void exec_done(void)
{
	pid_t pid = fork();
	char *exe = realpath("/bin/true", NULL);

	need(exe);
	if (pid == 0) {
		execve("/bin/true", ARGV("true", "a b", "", "c"), no_env);
		_exit(1);
	}
	expect_exit(pid);
	expect(1,
	       "'type':'exec','pid':%d,'tid':%d,'ret':0,'syscall':'execve','path':'%s','exe':'%s',"
	       "'argv':['true','a b','','c'],'argv_arg!':0,'path_from':'object','comm':'true',"
	       "'memfd':false,'deleted':false,'upper_layer':false,'uid':0,'euid':0,'cwd':'%s'",
	       pid, pid, exe, exe, case_dir);
	if (strcmp(exe, "/bin/true") != 0)
		expect(1, "'type':'exec','pid':%d,'path_arg':'/bin/true'", pid);
	expect(1, "'type':'exec','pid':%d", pid);
}

static void exec_failed(void)
{
	file_write("garbage", "\1\2\3\4", 0755);
	file_write("plain", "#!/bin/sh\n", 0644);
	file_write("orphan", "#!/nonexistent/interpreter\n", 0755);
	execve("missing", ARGV("one", "two"), no_env);
	execve("/nonexistent/program", ARGV("three"), no_env);
	execve("garbage", ARGV("garbage"), no_env);
	execve("plain", ARGV("plain"), no_env);
	execve("orphan", ARGV("orphan"), no_env);
	syscall(SYS_execveat, open(".", O_RDONLY), "missing", ARGV("at"), no_env, 0);
	expect(1,
	       "'type':'exec','pid':%d,'errno':'ENOENT','path':'%s/missing','path_arg':'missing',"
	       "'path_from':'dir+name','argv':['one','two'],'syscall':'execve'",
	       getpid(), case_dir);
	expect(1,
	       "'type':'exec','pid':%d,'errno':'ENOENT','path':'/nonexistent/program',"
	       "'path_arg!':0,'path_from':'passed','argv':['three']",
	       getpid());
	expect(1, "'type':'exec','pid':%d,'errno':'ENOEXEC','path':'%s/garbage'", getpid(),
	       case_dir);
	expect(1, "'type':'exec','pid':%d,'errno':'EACCES','path':'%s/plain'", getpid(), case_dir);
	expect(1, "'type':'exec','pid':%d,'errno':'ENOENT','path':'%s/orphan'", getpid(), case_dir);
	expect(1,
	       "'type':'exec','pid':%d,'errno':'ENOENT','path':'%s/missing','argv':['at'],"
	       "'syscall':'execveat'",
	       getpid(), case_dir);
	expect(6, "'type':'exec','pid':%d", getpid());
}

static void *thread_exec(void *arg)
{
	(void)arg;
	execve("/bin/true", ARGV("from-a-thread"), no_env);
	return NULL;
}

static void *thread_wait(void *arg)
{
	(void)arg;
	for (;;)
		pause();
	return NULL;
}

static void exec_threads(void)
{
	pthread_t a, b;

	need(pthread_create(&a, NULL, thread_wait, NULL) == 0);
	need(pthread_create(&b, NULL, thread_exec, NULL) == 0);
	thread_wait(NULL);
}

/* The thread that executes takes the identity of the leader; the process does not end. */
static void exec_from_thread(void)
{
	pid_t pid = child(exec_threads);

	expect_exit(pid);
	expect(1, "'type':'exec','pid':%d,'tid':%d,'ret':0,'argv':['from-a-thread']", pid, pid);
	expect(1, "'type':'exec','pid':%d", pid);
	expect(2, "'type':'thread','pid':%d,'tid':%d", pid, pid);
}

static void exec_stdin_is(const char *kind, int fd)
{
	pid_t pid = fork();

	if (pid == 0) {
		close(0);
		if (fd >= 0)
			dup2(fd, 0);
		execve("/bin/true", ARGV("stdin"), no_env);
		_exit(1);
	}
	expect_exit(pid);
	expect(1, "'type':'exec','pid':%d,'stdin_type':'%s'", pid, kind);
}

static void exec_stdin(void)
{
	int fds[2];

	exec_stdin_is("none", -1);
	exec_stdin_is("file", open("/bin/true", O_RDONLY));
	exec_stdin_is("other", open("/dev/null", O_RDONLY));
	need(pipe(fds) == 0);
	exec_stdin_is("pipe", fds[0]);
	need(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
	exec_stdin_is("socket", fds[0]);
	fds[0] = posix_openpt(O_RDWR | O_NOCTTY);
	need(grantpt(fds[0]) == 0 && unlockpt(fds[0]) == 0);
	exec_stdin_is("tty", open(ptsname(fds[0]), O_RDWR | O_NOCTTY));
}

/* Whoever made the child: one fork, told by the parent; the 0 that the child returns is nothing. */
static void expect_fork(pid_t pid, const char *call, uint64_t flags)
{
	need(pid > 0);
	expect_exit(pid);
	expect(1,
	       "'type':'fork','pid':%d,'tid':%d,'ret':%d,'child':%d,'vpid':%d,'syscall':'%s',"
	       "'clone_flags':%llu",
	       getpid(), getpid(), pid, pid, pid, call, (unsigned long long)flags);
	expect(0, "'type':'fork','pid':%d", pid);
	expect(0, "'type':'fork','child':0,'pid':%d,'ret':0", getpid());
}

static void forks(void)
{
	struct clone_args args = { .exit_signal = SIGCHLD };
	int tid;
	long pid;

	pid = syscall(SYS_fork);
	if (pid == 0)
		syscall(SYS_exit_group, 1);
	expect_fork((pid_t)pid, "fork", 0);
	pid = vfork();
	if (pid == 0)
		_exit(2);
	expect_fork((pid_t)pid, "vfork", CLONE_VFORK | CLONE_VM);
	pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	if (pid == 0)
		syscall(SYS_exit_group, 3);
	expect_fork((pid_t)pid, "clone", 0);
	pid = syscall(SYS_clone, CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | SIGCHLD, 0, &tid, &tid,
		      0);
	if (pid == 0)
		syscall(SYS_exit_group, 4);
	expect_fork((pid_t)pid, "clone", CLONE_PARENT_SETTID | CLONE_CHILD_SETTID);
	pid = syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0)
		syscall(SYS_exit_group, 5);
	expect_fork((pid_t)pid, "clone3", 0);
	/* No signal at the end: its parent does not hear of it, the tape does. */
	args.exit_signal = 0;
	pid = syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0)
		syscall(SYS_exit_group, 6);
	expect_fork((pid_t)pid, "clone3", 0);

	need(syscall(SYS_clone, CLONE_SIGHAND, 0, 0, 0, 0) == -1 && errno == EINVAL);
	expect(1, "'type':'fork','pid':%d,'errno':'EINVAL','child':0,'clone_flags':%d", getpid(),
	       CLONE_SIGHAND);
}

static void spawned(void)
{
	pid_t pid;

	need(posix_spawn(&pid, "/bin/true", NULL, NULL, ARGV("spawned"), no_env) == 0);
	expect_exit(pid);
	expect(1, "'type':'fork','pid':%d,'ret':%d,'child':%d", getpid(), pid, pid);
	expect(1, "'type':'exec','pid':%d,'argv':['spawned'],'ret':0", pid);
	errno = posix_spawn(&pid, "/nonexistent", NULL, NULL, ARGV("spawned"), no_env);
	need(errno == ENOENT);
	expect(1, "'type':'exec','errno':'ENOENT','path':'/nonexistent','argv':['spawned']");
}

static void *thread_end(void *arg)
{
	*(pid_t *)arg = (pid_t)syscall(SYS_gettid);
	return NULL;
}

static void threads(void)
{
	pid_t tids[5];
	pthread_t t;

	for (int i = 0; i < 5; i++) {
		need(pthread_create(&t, NULL, thread_end, &tids[i]) == 0);
		pthread_join(t, NULL);
		expect(1, "'type':'thread','pid':%d,'tid':%d,'ret':%d,'child':%d,'vpid':%d",
		       getpid(), getpid(), tids[i], tids[i], tids[i]);
		expect(0, "'type':'exit','tid':%d", tids[i]);
	}
	expect(5, "'type':'thread','pid':%d", getpid());
	expect(0, "'type':'fork','pid':%d", getpid());
}

static void end_group(void)
{
	pthread_t t;

	for (int i = 0; i < 4; i++)
		need(pthread_create(&t, NULL, thread_wait, NULL) == 0);
	_exit(42);
}

static void *thread_last(void *arg)
{
	(void)arg;
	usleep(50000);
	syscall(SYS_exit, 9);
	return NULL;
}

/* The leader is gone long before its process. */
static void end_leader(void)
{
	pthread_t t;

	need(pthread_create(&t, NULL, thread_last, NULL) == 0);
	syscall(SYS_exit, 7);
}

static void *thread_group(void *arg)
{
	(void)arg;
	_exit(11);
	return NULL;
}

static void end_by_thread(void)
{
	pthread_t t;

	need(pthread_create(&t, NULL, thread_group, NULL) == 0);
	pause();
}

static void exits(void)
{
	expect_exit(child(end_group));
	expect_exit(child(end_leader));
	expect_exit(child(end_by_thread));
}

static void wait_forever(void)
{
	int fds[2];
	char byte;

	need(pipe(fds) == 0);
	need(read(fds[0], &byte, 1) == 1);
}

static void segfault(void)
{
	struct rlimit none = { 0, 0 };

	setrlimit(RLIMIT_CORE, &none);
	*(volatile int *)0x1234 = 1;
}

static void killed(void)
{
	static const int signals[] = { SIGKILL, SIGTERM, SIGHUP, SIGUSR1 };
	pid_t pid;

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		/* Whoever started us may have ignored it. */
		if (signals[i] != SIGKILL)
			signal(signals[i], SIG_DFL);
		pid = child(wait_forever);
		usleep(30000);
		need(kill(pid, signals[i]) == 0);
		expect_exit(pid);
		expect(1, "'type':'signal','pid':%d,'signal':%d,'sender':%d,'code':0", pid,
		       signals[i], getpid());
		expect(1, "'type':'kill','pid':%d,'target':%d,'signal':%d,'ret':0", getpid(), pid,
		       signals[i]);
		/* It never came back from the call that it was in. */
		expect(1, "'type':'read','pid':%d,'restarted':true,'fd':3", pid);
		expect(1, "'type':'read','pid':%d", pid);
	}
	pid = child(segfault);
	expect_exit(pid);
	expect(1, "'type':'signal','pid':%d,'signal':%d,'code':1,'addr':%d", pid, SIGSEGV, 0x1234);
	pid = child(abort);
	expect_exit(pid);
	expect(1, "'type':'signal','pid':%d,'signal':%d,'sender':%d", pid, SIGABRT, pid);
}

static void handle(int signal)
{
	(void)signal;
}

/* A handler that returns: rt_sigreturn comes back with the registers of the interrupted call. */
static void handled(void)
{
	struct sigaction action = { .sa_handler = handle };
	enum { TIMES = 7 };
	int parent = 0;

	need(sigaction(SIGUSR1, &action, NULL) == 0);
	for (int i = 0; i < TIMES; i++)
		need(kill(getpid(), SIGUSR1) == 0);
	for (int i = 0; i < 3; i++)
		parent = (int)syscall(SYS_getppid, 1, 2, 3, 4, 5, 6);
	expect(TIMES, "'type':'sys','syscall':'rt_sigreturn','pid':%d", getpid());
	expect(3,
	       "'type':'sys','syscall':'getppid','pid':%d,'ret':%d,'arg1':1,'arg2':2,'arg3':3,"
	       "'arg4':4,'arg5':5,'arg6':6",
	       getpid(), parent);
	expect(TIMES + 3, "'type':'sys','pid':%d", getpid());
	expect(0, "'type':'signal','pid':%d", getpid());
}

/* A signal while it waits: the call is run again, which is a second event, or it fails. */
static void interrupted(bool restart)
{
	struct sigaction action = { .sa_handler = handle, .sa_flags = restart ? SA_RESTART : 0 };
	pid_t self = getpid(), pid;
	char byte;
	int fds[2];
	ssize_t n;

	need(pipe(fds) == 0);
	need(sigaction(SIGUSR1, &action, NULL) == 0);
	pid = fork();
	if (pid == 0) {
		usleep(50000);
		kill(self, SIGUSR1);
		usleep(50000);
		_exit(write(fds[1], "x", 1) != 1);
	}
	n = read(fds[0], &byte, 1);
	need(restart ? n == 1 : n == -1 && errno == EINTR);
	expect(1, "'type':'read','pid':%d,'fd':%d,'restarted':true,'ret':-512", self, fds[0]);
	expect(restart, "'type':'read','pid':%d,'fd':%d,'restarted!':0,'ret':1", self, fds[0]);
	expect(1 + restart, "'type':'read','pid':%d,'fd':%d", self, fds[0]);
	waitpid(pid, NULL, 0);
}

static void restarted(void)
{
	interrupted(true);
}

static void not_restarted(void)
{
	interrupted(false);
}

static const struct trap traps[] = {
	{ "exec-done", exec_done },
	{ "exec-failed", exec_failed },
	{ "exec-from-a-thread", exec_from_thread },
	{ "exec-stdin", exec_stdin },
	{ "forks", forks },
	{ "spawned", spawned },
	{ "threads", threads },
	{ "exits", exits },
	{ "killed-in-a-call", killed },
	{ "handled", handled },
	{ "restarted", restarted },
	{ "not-restarted", not_restarted },
};

TRAPS_MAIN(traps)
