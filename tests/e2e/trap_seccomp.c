/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls that a seccomp filter refuses: refused is not failed, and neither is told as the other. */
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "tests/e2e/expect.h"

/* A refused call never looked at its path: that it can be read at all is ours to see to. */
static const char *touched(const char *name)
{
	static char copy[100];

	return strcpy(copy, name);
}

/* mkdir() gets ACTION, all else goes through. */
static void filter_mkdir(unsigned action)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mkdir, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, action),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };
	struct rlimit none = { 0, 0 };

	setrlimit(RLIMIT_CORE, &none);
	need(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	need(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0);
}

static void failed_by_filter(void)
{
	filter_mkdir(SECCOMP_RET_ERRNO | EXDEV);
	need(mkdir(touched("refused"), 0755) == -1 && errno == EXDEV);
	expect(1,
	       "'type':'mkdir','pid':%d,'errno':'EXDEV','path':'%s/refused','blocked!':0,"
	       "'path_from':'dir+name','mode':%d",
	       getpid(), case_dir, 0755);
	expect(1, "'type':'seccomp','pid':%d,'op':%d,'flags':0,'ret':0", getpid(),
	       SECCOMP_SET_MODE_FILTER);
	/* PR_SET_NO_NEW_PRIVS itself is told as well. */
	expect(1, "'type':'prctl','pid':%d,'option':%d,'arg2':1,'ret':0", getpid(),
	       PR_SET_NO_NEW_PRIVS);
}

static void caught(int signal)
{
	(void)signal;
}

static void trapped(void)
{
	struct sigaction action = { .sa_handler = caught };

	need(sigaction(SIGSYS, &action, NULL) == 0);
	filter_mkdir(SECCOMP_RET_TRAP);
	mkdir(touched("trapped"), 0755);
	need(access("trapped", F_OK) == -1);
	expect(1, "'type':'mkdir','pid':%d,'path':'%s/trapped','blocked':true", getpid(), case_dir);
	expect(1, "'type':'mkdir','pid':%d", getpid());
	expect(0, "'type':'signal','pid':%d", getpid());
	/* And once the signal is gone, nothing is blocked any more. */
	need(rmdir("nothing") == -1);
	expect(1, "'type':'rmdir','pid':%d,'errno':'ENOENT','blocked!':0", getpid());
}

static void killed_by(unsigned action)
{
	pid_t pid = fork();

	if (pid == 0) {
		filter_mkdir(action);
		mkdir(touched("killed"), 0755);
		_exit(0);
	}
	need(WTERMSIG(expect_exit(pid)) == SIGSYS);
	expect(1, "'type':'mkdir','pid':%d,'path':'%s/killed','blocked':true", pid, case_dir);
	expect(1, "'type':'mkdir','pid':%d", pid);
	expect(1, "'type':'signal','pid':%d,'signal':%d", pid, SIGSYS);
}

static void killed(void)
{
	killed_by(SECCOMP_RET_KILL_PROCESS);
	killed_by(SECCOMP_RET_KILL_THREAD);
}

static void *thread_mkdir(void *arg)
{
	(void)arg;
	filter_mkdir(SECCOMP_RET_KILL_THREAD);
	mkdir("thread", 0755);
	return NULL;
}

/* Only a thread dies: nothing comes back from its call, and the process lives on. */
static void thread_killed(void)
{
	pthread_t t;
	pid_t pid = fork();

	if (pid == 0) {
		need(pthread_create(&t, NULL, thread_mkdir, NULL) == 0);
		usleep(100000);
		rmdir("alive");
		_exit(6);
	}
	expect_exit(pid);
	expect(0, "'type':'mkdir','pid':%d,'blocked!':0", pid);
	expect(1, "'type':'rmdir','pid':%d", pid);
	expect(0, "'type':'signal','pid':%d", pid);
}

static void untraced(void)
{
	filter_mkdir(SECCOMP_RET_TRACE);
	need(mkdir("untraced", 0755) == -1 && errno == ENOSYS);
	expect(1, "'type':'mkdir','pid':%d,'errno':'ENOSYS','blocked!':0", getpid());
}

/* Strict mode: everything but read, write and exit ends the thread at once. */
static void strict(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		need(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) == 0);
		syscall(SYS_mkdir, "strict", 0755);
		syscall(SYS_exit, 0);
	}
	need(WTERMSIG(expect_exit(pid)) == SIGKILL);
	expect(0, "'type':'mkdir','pid':%d,'blocked!':0", pid);
	expect(1, "'type':'prctl','pid':%d,'option':%d,'arg2':1", pid, PR_SET_SECCOMP);
}

/* The number of a call is a result that a call may well have. */
static void same_number(void)
{
	int fd;

	filter_mkdir(SECCOMP_RET_TRAP);
	fd = dup2(1, SYS_dup2);
	need(fd == SYS_dup2);
	expect(1, "'type':'dup','pid':%d,'ret':%ld,'newfd':%ld,'blocked!':0,'syscall':'dup2'",
	       getpid(), (long)SYS_dup2, (long)SYS_dup2);
}

static const struct trap traps[] = {
	{ "failed-by-filter", failed_by_filter }, { "trapped", trapped },   { "killed", killed },
	{ "thread-killed", thread_killed },	  { "untraced", untraced }, { "strict", strict },
	{ "same-number", same_number },
};

TRAPS_MAIN(traps)
