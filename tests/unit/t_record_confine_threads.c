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
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "format/schema.h"
#include "record/child.h"
#include "format/confine_calls.h"
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

/* The command --------------------------------------------------------------------------------- */

static void record_a_command(void *arg)
{
	static char script[] = "grep -q '^NoNewPrivs:.0' /proc/self/status && "
			       "grep -q '^Seccomp:.0' /proc/self/status && "
			       "grep \"^CapEff:\" /proc/self/status >elsewhere/caps && "
			       "test ! -e /proc/self/fd/40 && exit 17";
	char *command[] = { (char[]){ "sh" }, (char[]){ "-c" }, script, NULL };
	struct reel_err err = { 0 };
	struct child child;
	int status;

	(void)arg;
	EXPECT(fcntl(0, F_DUPFD_CLOEXEC, 40) == 40);
	EXPECT(child_fork(command, &child, &err) == 0);
	confine(&in_capture);
	EXPECT(child_go(&child, &err) == 0);
	EXPECT(waitpid(child.pid, &status, 0) == child.pid);
	EXPECT(child_status(status) == 17);
}

TEST(the_command_keeps_what_it_had)
{
	char own[256] = "", its[256] = "";
	FILE *f;

	make_capture();
	CHECK_EQ(in_child(record_a_command, NULL), 0);
	f = popen("grep ^CapEff: /proc/self/status", "r");
	REQUIRE(f && fgets(own, sizeof(own), f));
	pclose(f);
	f = fopen("elsewhere/caps", "re");
	REQUIRE(f && fgets(its, sizeof(its), f));
	fclose(f);
	CHECK_STR(its, own);
}

/* The owner ----------------------------------------------------------------------------------- */

static void be_owned(void *arg)
{
	const struct confine_owner nobody = { .name = "nobody", .uid = 65534, .gid = 65534 };
	const struct confine_options o = { .owner = &nobody };
	const gid_t groups[] = { 1, 2 };
	int *ready = arg;

	EXPECT(syscall(SYS_setgroups, 2, groups) == 0);
	confine(&o);
	EXPECT(write(ready[1], "x", 1) == 1);
	for (;;)
		(void)!read(ready[2], &(char){ 0 }, 1);
}

static void trace_as_nobody(void *arg)
{
	pid_t pid = *(pid_t *)arg;
	char path[64];

	EXPECT(setgid(65534) == 0 && setuid(65534) == 0);
	EXPECT_ERRNO(syscall(SYS_ptrace, 0x4206 /* PTRACE_SEIZE */, pid, 0, 0), EPERM);
	snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
	EXPECT_ERRNO(open(path, O_RDONLY), EACCES);
	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	EXPECT_ERRNO(open(path, O_RDONLY), EACCES);
}

static void check_groups(pid_t pid)
{
	char path[64], line[256];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		if (strncmp(line, "Groups:", 7) != 0)
			continue;
		found = true;
		CHECK_EQ(strspn(line + 7, " \t\n"), strlen(line + 7));
	}
	if (f)
		fclose(f);
	CHECK(found);
}

TEST(its_owner_cannot_trace_it)
{
	int ready[4];
	pid_t pid;
	char byte;

	if (geteuid() != 0)
		SKIP("needs root");
	REQUIRE(pipe(ready) == 0 && pipe(ready + 2) == 0);
	pid = start_child(be_owned, ready);
	CHECK_EQ(read(ready[0], &byte, 1), 1);
	check_groups(pid);
	CHECK_EQ(in_child(trace_as_nobody, &pid), 0);
	kill(pid, SIGKILL);
	CHECK_EQ(end_of_child(pid), KILLED_BY(SIGKILL));
	for (unsigned i = 0; i < 4; i++)
		close(ready[i]);
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

/* The table of threats ------------------------------------------------------------------------ */

static char *read_source(const char *name)
{
	const char *source = getenv("SRC");
	static char text[200000];
	char path[4096];
	size_t n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", source ? source : ".", name);
	f = fopen(path, "re");
	if (f) {
		n = fread(text, 1, sizeof(text) - 1, f);
		fclose(f);
	}
	text[n] = '\0';
	return n ? text : NULL;
}

/* `file/name`, of which all but those of crypt are the recorder's. */
static unsigned check_named_tests(const char *threats)
{
	const char *at, *end;
	unsigned n = 0;

	for (at = strchr(threats, '`'); at && (end = strchr(at + 1, '`'));
	     at = strchr(end + 1, '`')) {
		char file[128], test[160], path[256];
		const char *slash = memchr(at, '/', (size_t)(end - at)), *text;

		if (!slash || memchr(at, ' ', (size_t)(end - at)) || slash[1] < 'a')
			continue;
		snprintf(file, sizeof(file), "%.*s", (int)(slash - at - 1), at + 1);
		snprintf(test, sizeof(test), "TEST(%.*s)", (int)(end - slash - 1), slash + 1);
		if (strcmp(file, "tests") == 0 || strcmp(test, "TEST(name)") == 0)
			continue;
		snprintf(path, sizeof(path), "tests/unit/t_%s%s.c",
			 strcmp(file, "crypt") == 0 ? "" : "record_", file);
		text = read_source(path);
		if (!text || !strstr(text, test))
			T_FAIL("%s has no %s", path, test);
		n++;
	}
	return n;
}

/* Whole files of tests, between backquotes or not. */
static unsigned check_named_files(const char *threats)
{
	static const char of_path[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789_-./";
	unsigned n = 0;

	for (const char *at = threats; (at = strstr(at, "tests/")); at++) {
		size_t bytes = strspn(at, of_path);
		char path[256];

		while (at[bytes - 1] == '.')
			bytes--;
		snprintf(path, sizeof(path), "%.*s", (int)bytes, at);
		if (strcmp(path, "tests/unit/t_record_FILE.c") == 0)
			continue;
		if (!read_source(path))
			T_FAIL("there is no %s", path);
		n++;
	}
	return n;
}

TEST(threats_name_tests_that_are_there)
{
	char *threats = read_source("record/THREATS.md");

	if (!threats)
		SKIP("the sources are not here");
	threats = strdup(threats);
	REQUIRE(threats);
	CHECK(check_named_tests(threats) > 60);
	CHECK(check_named_files(threats) > 10);
	free(threats);
}

#ifdef __x86_64__
static unsigned calls_of(uint32_t role, bool kill)
{
	unsigned n = 0;

	for (const struct confine_call *c = confine_calls; c->name; c++) {
		bool first = true;

		for (const struct confine_call *b = confine_calls; b < c; b++)
			if (b->nr == c->nr && (b->roles & role))
				first = false;
		if (first && (c->roles & role))
			n += c->action == (kill ? FILTER_KILL : FILTER_ALLOW);
	}
	return n;
}

TEST(threats_have_the_right_figures)
{
	char *threats = read_source("record/THREATS.md");
	char want[256];

	if (!threats)
		SKIP("the sources are not here");
	snprintf(want, sizeof(want),
		 "| %u by a table, others EPERM, %u kill "
		 "| %u by the table, others EPERM, %u kill "
		 "| %u by the table, others EPERM, %u kill |",
		 calls_of(CALLS_RECORDER, false), calls_of(CALLS_RECORDER, true),
		 calls_of(CALLS_HELPER, false), calls_of(CALLS_HELPER, true),
		 calls_of(CALLS_PARSER, false), calls_of(CALLS_PARSER, true));
	if (!strstr(threats, want))
		T_FAIL("it should say %s", want);
}
#endif
