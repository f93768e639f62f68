/* SPDX-License-Identifier: BSD-2-Clause */
#include "record/confine_impl.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { THREADS_MAX = 256, ANSWER_MS = 2000 };

struct visit {
	void (*run)(void *arg);
	void *arg;
	_Atomic int answered;
	_Atomic bool found_free;	/* one of them could still get more rights */
};

/* The signal brings the address of what is to be done; only our own process is believed. */
static void visit_thread(int signal, siginfo_t *info, void *context)
{
	int saved = errno;
	struct visit *v = info->si_value.sival_ptr;

	(void)signal;
	(void)context;
	if (info->si_code == SI_QUEUE && info->si_pid == getpid() && v) {
		if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0)
			v->found_free = true;
		v->run(v->arg);
		v->answered = 1;
	}
	errno = saved;
}

static bool thread_is_there(pid_t tid)
{
	return syscall(SYS_tgkill, getpid(), tid, 0) == 0;
}

static int send_visit(pid_t tid, struct visit *v)
{
	siginfo_t info;

	memset(&info, 0, sizeof(info));
	info.si_signo = CONFINE_SIGNAL;
	info.si_code = SI_QUEUE;
	info.si_pid = getpid();
	info.si_uid = getuid();
	info.si_value.sival_ptr = v;
	return syscall(SYS_rt_tgsigqueueinfo, getpid(), tid, CONFINE_SIGNAL, &info) < 0 ? -errno :
											  0;
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* One that ends meanwhile has nothing left to give up. */
static int visit_one(pid_t tid, struct visit *v)
{
	const struct timespec pause = { 0, 100 * 1000 };
	uint64_t deadline;
	int r;

	v->answered = 0;
	r = send_visit(tid, v);
	if (r < 0)
		return r == -ESRCH ? 0 : r;
	deadline = now_ns() + ANSWER_MS * 1000000ull;
	while (!v->answered) {
		if (!thread_is_there(tid))
			return 0;
		if (now_ns() > deadline)
			return -ETIMEDOUT;
		nanosleep(&pause, NULL);
	}
	return 0;
}

static bool is_in(const pid_t *list, unsigned n, pid_t tid)
{
	for (unsigned i = 0; i < n; i++)
		if (list[i] == tid)
			return true;
	return false;
}

static int visit_new_ones(struct visit *v, pid_t *seen, unsigned *n, struct reel_err *err)
{
	DIR *tasks = opendir("/proc/self/task");
	struct dirent *e;
	int r = 0;

	if (!tasks)
		return reel_err_set(err, -errno, "/proc/self/task: %s", strerror(errno));
	while (r == 0 && (e = readdir(tasks))) {
		pid_t tid = (pid_t)strtol(e->d_name, NULL, 10);

		if (tid <= 0 || tid == gettid() || is_in(seen, *n, tid))
			continue;
		if (*n == THREADS_MAX) {
			r = reel_err_set(err, -E2BIG, "too many threads to confine");
			break;
		}
		seen[(*n)++] = tid;
		r = visit_one(tid, v);
		if (r < 0)
			reel_err_set(err, r, "thread %d cannot be confined: %s", (int)tid,
				     r == -ETIMEDOUT ? "it does not answer" : strerror(-r));
	}
	closedir(tasks);
	return r;
}

int confine_in_every_thread(void (*run)(void *arg), void *arg, struct reel_err *err)
{
	struct sigaction action = { .sa_sigaction = visit_thread,
				    .sa_flags = SA_SIGINFO | SA_RESTART };
	/* Not on the stack: a thread that answers too late still reads it. */
	struct visit *v = malloc(sizeof(*v));
	struct sigaction before;
	pid_t seen[THREADS_MAX];
	unsigned n = 0;
	int r;

	if (!v)
		return reel_err_set(err, -ENOMEM, "no memory to confine threads");
	*v = (struct visit){ .run = run, .arg = arg };
	sigfillset(&action.sa_mask);
	if (sigaction(CONFINE_SIGNAL, &action, &before) < 0) {
		r = reel_err_set(err, -errno, "sigaction: %s", strerror(errno));
		goto out;
	}
	/* A thread may have begun another before its turn came. Those of confined threads are
	 * confined from the first. */
	r = visit_new_ones(v, seen, &n, err);
	do {
		v->found_free = false;
		if (r == 0)
			r = visit_new_ones(v, seen, &n, err);
	} while (r == 0 && v->found_free);
	if (r == -ETIMEDOUT)
		return r;
	sigaction(CONFINE_SIGNAL, &before, NULL);
	if (r == 0)
		run(arg);
out:
	free(v);
	return r;
}
