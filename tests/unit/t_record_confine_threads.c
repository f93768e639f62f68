/* SPDX-License-Identifier: BSD-2-Clause */
/* Every thread is confined, and what became of each measure is told. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "format/schema.h"
#include "tests/unit/harness.h"
#include "tests/unit/record_confined.h"

/* Threads -------------------------------------------------------------------------------------- */

struct lazy {
	pthread_t thread;
	_Atomic int go, open_result;
	int pipe[2];
};

/* In a read() while the others are confined, then tries what it must not. */
static void *wait_then_open(void *arg)
{
	struct lazy *l = arg;
	char byte;

	EXPECT(read(l->pipe[0], &byte, 1) == 1);
	l->open_result = open("/etc/shadow", O_RDONLY) < 0 ? errno : 0;
	l->go = 2;
	for (;;)
		pause();
	return NULL;
}

static void check_status(const char *directory, const char *tid)
{
	char path[512], line[256];
	unsigned n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s/status", directory, tid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		char name[32];
		unsigned long long value;

		if (sscanf(line, "%31[A-Za-z_]: %llx", name, &value) != 2)
			continue;
		if (strncmp(name, "Cap", 3) == 0 && value != 0)
			T_FAIL("thread %s: %s", tid, line);
		if (strcmp(name, "NoNewPrivs") == 0 && value != 1)
			T_FAIL("thread %s: %s", tid, line);
		if (strcmp(name, "Seccomp") == 0 && value != 2)
			T_FAIL("thread %s: %s", tid, line);
		n++;
	}
	if (f)
		fclose(f);
	CHECK(n > 10);
}

enum { LAZY = 3 };

static void confine_threads(void *arg)
{
	int *ready = arg;
	struct lazy lazy[LAZY];
	char byte = 0;

	memset(lazy, 0, sizeof(lazy));
	for (unsigned i = 0; i < LAZY; i++) {
		EXPECT(pipe(lazy[i].pipe) == 0);
		EXPECT(pthread_create(&lazy[i].thread, NULL, wait_then_open, &lazy[i]) == 0);
	}
	confine(&in_capture);
	for (unsigned i = 0; i < LAZY; i++) {
		EXPECT(write(lazy[i].pipe[1], "x", 1) == 1);
		while (lazy[i].go != 2)
			sched_yield();
		EXPECT(!has_landlock() || lazy[i].open_result == EACCES);
	}
	EXPECT(write(ready[1], "x", 1) == 1);
	EXPECT(read(ready[2], &byte, 1) >= 0);
}

TEST(no_thread_keeps_a_right)
{
	int ready[4], status;
	char tasks[64], byte;
	struct dirent *e;
	unsigned n = 0;
	pid_t pid;
	DIR *dir;

	if (geteuid() != 0)
		SKIP("needs root");
	make_capture();
	REQUIRE(pipe(ready) == 0 && pipe(ready + 2) == 0);
	pid = start_child(confine_threads, ready);
	close(ready[1]);
	REQUIRE(read(ready[0], &byte, 1) == 1);
	snprintf(tasks, sizeof(tasks), "/proc/%d/task", (int)pid);
	dir = opendir(tasks);
	while (dir && (e = readdir(dir))) {
		if (e->d_name[0] == '.')
			continue;
		check_status(tasks, e->d_name);
		n++;
	}
	if (dir)
		closedir(dir);
	CHECK_EQ(n, LAZY + 1);
	close(ready[3]);
	close(ready[2]);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	close(ready[0]);
}

static void *block_all_signals(void *arg)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	*(_Atomic int *)arg = 1;
	for (;;)
		pause();
	return NULL;
}

static void confine_a_deaf_thread(void *arg)
{
	struct confine_report report;
	struct reel_err err = { 0 };
	_Atomic int deaf = 0;
	pthread_t thread;

	(void)arg;
	EXPECT(pthread_create(&thread, NULL, block_all_signals, &deaf) == 0);
	while (!deaf)
		sched_yield();
	EXPECT(confine_recorder(&in_capture, &report, &err) == -ETIMEDOUT);
	EXPECT(strstr(err.msg, "does not answer"));
}

TEST(a_thread_that_does_not_answer_is_told)
{
	make_capture();
	CHECK_EQ(in_child(confine_a_deaf_thread, NULL), 0);
}

static void *end_at_once(void *arg)
{
	return arg;
}

static void *begin_and_end(void *arg)
{
	pthread_t thread;

	while (*(_Atomic int *)arg)
		if (pthread_create(&thread, NULL, end_at_once, NULL) == 0)
			pthread_join(thread, NULL);
	return NULL;
}

/* Not allowed, but it must not hang or leave anything open either. */
static void confine_restless_threads(void *arg)
{
	_Atomic int go = 1;
	pthread_t thread;

	(void)arg;
	EXPECT(pthread_create(&thread, NULL, begin_and_end, &go) == 0);
	confine(&in_capture);
	go = 0;
	EXPECT(pthread_join(thread, NULL) == 0);
}

TEST(threads_that_come_and_go_are_confined)
{
	make_capture();
	CHECK_EQ(in_child(confine_restless_threads, NULL), 0);
}

/* Reports -------------------------------------------------------------------------------------- */

struct seen {
	unsigned n, refused;
	char hooks[8][64];
	char landlock[64];
};

static int see(void *arg, struct reel_record *record, struct reel_err *err)
{
	struct reel_record_strings strings;
	struct seen *s = arg;
	struct reel_event ev;
	struct reel_string hook, reason;

	(void)err;
	reel_record_end(record);
	CHECK_EQ(record->header.type, EV_coverage);
	s->refused += ((const struct ev_coverage *)(const void *)record->payload)->status ==
		      CONFINE_REFUSED;
	reel_record_view(record, &strings, &ev);
	hook = reel_event_string(&ev, reel_type_field(ev.type, "hook"));
	reason = reel_event_string(&ev, reel_type_field(ev.type, "reason"));
	snprintf(s->hooks[s->n++ % 8], 64, "%.*s", (int)hook.length, (const char *)hook.bytes);
	if (strstr(s->hooks[s->n - 1], "landlock"))
		snprintf(s->landlock, sizeof(s->landlock), "%.*s", (int)reason.length,
			 (const char *)reason.bytes);
	return 0;
}

TEST(measures_become_coverage)
{
	struct seen seen = { 0 };
	const struct record_sink sink = { see, &seen };
	struct confine_report report;

	memset(&report, 0, sizeof(report));
	report.measure[CONFINE_LANDLOCK].status = CONFINE_REFUSED;
	snprintf(report.measure[CONFINE_LANDLOCK].reason, 64, "why not");
	CHECK_EQ(confine_report_put(&report, "recorder", &sink, NULL), 0);
	CHECK_EQ(seen.n, CONFINE_MEASURES);
	CHECK_EQ(seen.refused, 1);
	CHECK_STR(seen.hooks[CONFINE_CAPABILITIES], "recorder: capabilities");
	CHECK_STR(seen.hooks[CONFINE_SECCOMP], "recorder: seccomp");
	CHECK_STR(seen.landlock, "why not");
}

TEST(landlock_asks_for_what_the_kernel_knows)
{
	static const struct {
		int abi;
		uint64_t fs, net, scoped;
	} rows[] = {
		{ 1, 0x1fff, 0, 0 }, { 2, 0x3fff, 0, 0 }, { 3, 0x7fff, 0, 0 },	{ 4, 0x7fff, 3, 0 },
		{ 5, 0xffff, 3, 0 }, { 6, 0xffff, 3, 1 }, { 99, 0xffff, 3, 1 },
	};
	struct confine_landlock_rights r;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		confine_landlock_rights(rows[i].abi, &r);
		CHECK_EQ(r.fs, rows[i].fs);
		CHECK_EQ(r.net, rows[i].net);
		CHECK_EQ(r.scoped, rows[i].scoped);
		CHECK_EQ(r.directory & ~r.fs, 0);
		/* Never to execute, nor to make devices, sockets, FIFOs and links, nor ioctl. */
		CHECK_EQ(r.directory & 0x9e41, 0);
	}
}

/* Each kernel takes the rule sets of all before it. */
TEST(landlock_of_older_kernels_works)
{
	int abi = confine_landlock_abi(), directory, fd;

	if (abi < 0)
		SKIP("the kernel has no Landlock");
	make_capture();
	directory = open("capture", O_PATH | O_DIRECTORY);
	for (int i = 1; i <= abi; i++) {
		CHECK_EQ(confine_landlock_ruleset(i, &directory, 1, &fd), 0);
		close(fd);
	}
	close(directory);
}
