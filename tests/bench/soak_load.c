/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Work that goes on for long at a steady rate, for tests/crash/soak.py:
 *
 *	soak_load SECONDS EVENTS_A_SECOND DIR SECRET
 *
 * Files below DIR are opened, renamed, made and removed, children come and go, and now and then the
 * file SECRET is opened. What is late is made up for within a second; what is later still is not
 * done at all. Says in JSON what it did.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/pace.h"

enum {
	THREADS = 2,
	TICK_NS = 10 * 1000 * 1000,
	FILES = 512,
	/* Ticks between two of them, by all threads together. */
	TICKS_A_CHILD = 10,
	TICKS_A_SECRET = 25,
};

struct done {
	uint64_t getppid, files, children, secrets, ticks_left_out;
};

struct worker {
	const char *self, *secret;
	int dir, number;
	uint64_t seconds, rate;
	struct done done;
};

/* 12 events of files, of which the open of a name that is gone fails. */
static void use_files(struct worker *w, uint64_t n)
{
	char name[48], other[48];

	for (unsigned i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), "%d/%" PRIu64, w->number, (n * 3 + i) % FILES);
		close(openat(w->dir, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	}
	snprintf(other, sizeof(other), "%d/other", w->number);
	(void)renameat(w->dir, name, w->dir, other);
	(void)openat(w->dir, name, O_RDONLY | O_CLOEXEC);
	(void)unlinkat(w->dir, other, 0);
	snprintf(other, sizeof(other), "%d/d%" PRIu64, w->number, n);
	(void)mkdirat(w->dir, other, 0700);
	(void)!fchmodat(w->dir, other, 0750, 0);
	(void)unlinkat(w->dir, other, AT_REMOVEDIR);
	w->done.files += 12;
}

static void run_child(struct worker *w)
{
	extern char **environ;
	char *argv[] = { (char *)(uintptr_t)w->self, NULL };
	pid_t pid;

	if (posix_spawn(&pid, w->self, NULL, NULL, argv, environ) == 0 &&
	    waitpid(pid, NULL, 0) == pid)
		w->done.children++;
}

static void do_tick(struct worker *w, uint64_t tick, uint64_t events)
{
	static const unsigned calls_a_turn = 48;

	for (uint64_t n = 0; n < events; n += 12 + calls_a_turn) {
		use_files(w, tick * 100000 + n);
		for (unsigned i = 0; i < calls_a_turn; i++)
			(void)syscall(SYS_getppid);
		w->done.getppid += calls_a_turn;
	}
	if (tick % (THREADS * TICKS_A_CHILD) == (uint64_t)w->number * TICKS_A_CHILD)
		run_child(w);
	if (tick % TICKS_A_SECRET == 0 && w->number == 0) {
		int fd = open(w->secret, O_RDONLY | O_CLOEXEC);

		w->done.secrets += fd >= 0;
		close(fd);
	}
}

static void *work(void *arg)
{
	struct worker *w = arg;
	uint64_t begin = now_ns(), ticks = w->seconds * SECOND_NS / TICK_NS;

	for (uint64_t tick = 0; tick < ticks; tick++) {
		uint64_t due = begin + tick * TICK_NS, now = now_ns();

		if (now < due)
			sleep_until(due);
		if (now > due + SECOND_NS)
			w->done.ticks_left_out++;
		else
			do_tick(w, tick, w->rate * TICK_NS / SECOND_NS / THREADS);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	struct worker workers[THREADS] = { 0 };
	pthread_t threads[THREADS];
	struct done all = { 0 };
	uint64_t begin = now_ns();
	int dir;

	/* A child: it has been there, that is all. */
	if (argc == 1)
		return 0;
	dir = argc == 5 ? open(argv[3], O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	if (dir < 0) {
		fputs("usage: soak_load SECONDS EVENTS_A_SECOND DIR SECRET\n", stderr);
		return 2;
	}
	for (int i = 0; i < THREADS; i++) {
		char name[16];

		snprintf(name, sizeof(name), "%d", i);
		(void)mkdirat(dir, name, 0700);
		workers[i] = (struct worker){ .self = argv[0],
					      .secret = argv[4],
					      .dir = dir,
					      .number = i,
					      .seconds = strtoull(argv[1], NULL, 10),
					      .rate = strtoull(argv[2], NULL, 10) };
		if (pthread_create(&threads[i], NULL, work, &workers[i]) != 0)
			return 1;
	}
	for (int i = 0; i < THREADS; i++) {
		const struct done *d = &workers[i].done;

		pthread_join(threads[i], NULL);
		all.getppid += d->getppid;
		all.files += d->files;
		all.children += d->children;
		all.secrets += d->secrets;
		all.ticks_left_out += d->ticks_left_out;
	}
	printf("{\"seconds\":%.1f,\"getppid\":%" PRIu64 ",\"files\":%" PRIu64
	       ",\"children\":%" PRIu64 ",\"secrets\":%" PRIu64 ",\"ticks_left_out\":%" PRIu64
	       "}\n",
	       (double)(now_ns() - begin) / 1e9, all.getppid, all.files, all.children, all.secrets,
	       all.ticks_left_out);
	return 0;
}
