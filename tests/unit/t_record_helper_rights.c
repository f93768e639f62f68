/* SPDX-License-Identifier: BSD-2-Clause */
/* What the helper may do, and a child of it that parses: tried from within. */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "record/confine_impl.h"
#include "tests/unit/record_child.h"
#include "tests/unit/record_gather.h"

/* A task says what it found wrong, in a warning; "fine" if nothing. */
static int say(const struct record_sink *sink, const char *text)
{
	static struct reel_record record;

	reel_record_begin(&record, reel_type_by_id(EV_warning));
	reel_record_string(&record, text, strlen(text));
	return record_put(sink, &record, NULL) < 0 ? -1 : HELPER_ANSWERED;
}

#define WRONG_UNLESS(cond)                                                                         \
	do {                                                                                       \
		errno = 0;                                                                         \
		if (!(cond)) {                                                                     \
			snprintf(wrong, sizeof(wrong), "%s (%s)", #cond, strerror(errno));         \
			return say(sink, wrong);                                                   \
		}                                                                                  \
	} while (0)

#define FAILS(call, code) ((call) == -1 && errno == (code))

typedef int run_fn(void *state, const struct helper_request *q, const struct record_sink *sink,
		   struct reel_err *err);

static struct gather gathered;

/* What a task says that runs in a helper with these options. */
static const char *said_by(run_fn *run, void *state, const struct helper_options *options)
{
	const struct helper_task task = { .kind = HELPER_HASH, .state = state, .run = run };
	const struct helper_request q = { .kind = HELPER_HASH };
	struct helper_options o = *options;
	struct reel_err err = { 0 };
	struct helper *h;

	memset(&gathered, 0, sizeof(gathered));
	o.tasks = &task;
	o.n_tasks = 1;
	if (helper_start(&o, &h, &err) < 0) {
		T_FAIL("%s", err.msg);
		return "";
	}
	CHECK_EQ(helper_ask(h, &q), 0);
	gather_until(&gathered, h, 1);
	CHECK_EQ(gather_stop(&gathered, h), 0);
	return gathered.n ? gathered.list[0].text : "";
}

static const struct helper_options usual;

/* Files ---------------------------------------------------------------------------------------- */

static int try_files(void *state, const struct helper_request *q, const struct record_sink *sink,
		     struct reel_err *err)
{
	char wrong[256], byte;
	int fd;

	(void)q;
	(void)err;
	(void)state;
	WRONG_UNLESS((fd = open("/etc/passwd", O_RDONLY)) >= 0 && read(fd, &byte, 1) == 1);
	WRONG_UNLESS(open("/proc/self/exe", O_RDONLY) >= 0);
	WRONG_UNLESS(FAILS(open("/tmp/reel-helper", O_WRONLY | O_CREAT, 0600), EPERM));
	WRONG_UNLESS(FAILS(open("/etc/passwd", O_RDWR), EPERM));
	WRONG_UNLESS(FAILS(open("/etc/passwd", O_WRONLY), EPERM));
	WRONG_UNLESS(FAILS(open("/etc/passwd", O_RDONLY | O_TRUNC), EPERM));
	WRONG_UNLESS(FAILS(open("/etc/passwd", O_RDONLY | O_APPEND), EPERM));
	WRONG_UNLESS(FAILS(open("/tmp", O_TMPFILE | O_WRONLY, 0600), EPERM));
	WRONG_UNLESS(FAILS(creat("/tmp/reel-helper", 0600), EPERM));
	WRONG_UNLESS(FAILS(mkdir("/tmp/reel-helper", 0700), EPERM));
	WRONG_UNLESS(FAILS(unlink("/tmp/reel-helper"), EPERM));
	WRONG_UNLESS(FAILS(rename("/tmp/reel-helper", "/tmp/reel-helper2"), EPERM));
	WRONG_UNLESS(FAILS(chmod("/tmp/reel-helper", 0777), EPERM));
	WRONG_UNLESS(FAILS(truncate("/tmp/reel-helper", 0), EPERM));
	WRONG_UNLESS(FAILS(symlink("/etc/passwd", "/tmp/reel-helper"), EPERM));
	WRONG_UNLESS(FAILS(syscall(SYS_openat2, AT_FDCWD, "/etc/passwd", NULL, 0), EPERM));
	return say(sink, "fine");
}

TEST(the_helper_only_reads_files)
{
	CHECK_STR(said_by(try_files, NULL, &usual), "<fine>");
}

static int try_descriptors(void *state, const struct helper_request *q,
			   const struct record_sink *sink, struct reel_err *err)
{
	const int *fds = state;
	char wrong[256];
	struct stat null, st;

	(void)q;
	(void)err;
	WRONG_UNLESS(fcntl(fds[0], F_GETFD) >= 0);
	WRONG_UNLESS(FAILS(fcntl(fds[1], F_GETFD), EBADF));
	WRONG_UNLESS(fcntl(fds[2], F_GETFD) >= 0);
	WRONG_UNLESS(stat("/dev/null", &null) == 0);
	for (int fd = 0; fd < 3; fd++)
		WRONG_UNLESS(fstat(fd, &st) == 0 && st.st_rdev == null.st_rdev);
	return say(sink, "fine");
}

TEST(the_helper_has_only_what_it_needs_open)
{
	int fds[3] = { open("/dev/zero", O_RDONLY), open("/dev/zero", O_RDONLY), 500 };
	int keep[2] = { fds[0], fds[2] };
	const struct helper_options o = { .keep_fds = keep, .n_keep_fds = 2 };

	REQUIRE(dup2(fds[0], fds[2]) == fds[2]);
	CHECK_STR(said_by(try_descriptors, fds, &o), "<fine>");
	for (unsigned i = 0; i < 3; i++)
		close(fds[i]);
}

/* Others --------------------------------------------------------------------------------------- */

static int try_others(void *state, const struct helper_request *q, const struct record_sink *sink,
		      struct reel_err *err)
{
	char wrong[256];
	int pair[2];

	(void)q;
	(void)err;
	(void)state;
	WRONG_UNLESS(FAILS(socket(AF_INET, SOCK_STREAM, 0), EPERM));
	WRONG_UNLESS(FAILS(socket(AF_INET6, SOCK_DGRAM, 0), EPERM));
	WRONG_UNLESS(FAILS(socket(AF_UNIX, SOCK_STREAM, 0), EPERM));
	WRONG_UNLESS(FAILS(socket(AF_PACKET, SOCK_RAW, 0), EPERM));
	WRONG_UNLESS(FAILS(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), EPERM));
	WRONG_UNLESS(socket(AF_NETLINK, SOCK_RAW, 0) >= 0);
	WRONG_UNLESS(FAILS(kill(getppid(), 0), EPERM));
	WRONG_UNLESS(FAILS(kill(1, SIGTERM), EPERM));
	WRONG_UNLESS(FAILS(setuid(0), EPERM));
	WRONG_UNLESS(FAILS(setns(0, 0), EPERM));
	WRONG_UNLESS(FAILS(syscall(SYS_clone, SIGCHLD | CLONE_NEWUSER, 0, 0, 0, 0), EPERM));
	WRONG_UNLESS(FAILS(syscall(SYS_clone, SIGCHLD | CLONE_NEWPID, 0, 0, 0, 0), EPERM));
	WRONG_UNLESS(FAILS(fcntl(0, F_SETOWN, 1), EPERM));
	WRONG_UNLESS(mmap(NULL, 4096, PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
	WRONG_UNLESS(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
	return say(sink, "fine");
}

TEST(the_helper_leaves_others_alone)
{
	CHECK_STR(said_by(try_others, NULL, &usual), "<fine>");
}

static int look_at_parent(void *state, const struct helper_request *q,
			  const struct record_sink *sink, struct reel_err *err)
{
	char wrong[256], path[64];

	(void)q;
	(void)err;
	(void)state;
	snprintf(path, sizeof(path), "/proc/%d/exe", (int)getppid());
	WRONG_UNLESS(open(path, O_RDONLY) >= 0);
	snprintf(path, sizeof(path), "/proc/%d/root/etc/passwd", (int)getppid());
	WRONG_UNLESS(open(path, O_RDONLY) >= 0);
	return say(sink, "fine");
}

TEST(the_helper_sees_programs_of_others)
{
	CHECK_STR(said_by(look_at_parent, NULL, &usual), "<fine>");
}

/* Capabilities --------------------------------------------------------------------------------- */

static uint64_t status_of(pid_t pid, const char *name)
{
	char path[64], line[256];
	uint64_t value = UINT64_MAX;
	size_t n = strlen(name);
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (strncmp(line, name, n) == 0 && line[n] == ':')
			value = strtoull(line + n + 1, NULL, 16);
	if (f)
		fclose(f);
	return value;
}

static int do_nothing(void *state, const struct helper_request *q, const struct record_sink *sink,
		      struct reel_err *err)
{
	(void)state;
	(void)q;
	(void)sink;
	(void)err;
	return HELPER_ANSWERED;
}

static void check_caps(bool attaches, bool by_perf, uint64_t wanted, uint64_t perhaps)
{
	const struct helper_task task = { .kind = HELPER_HASH, .run = do_nothing };
	const struct helper_options o = { .tasks = &task,
					  .n_tasks = 1,
					  .confine = { .attaches = attaches, .by_perf = by_perf } };
	struct reel_err err = { 0 };
	struct helper *h;

	memset(&gathered, 0, sizeof(gathered));
	REQUIRE(helper_start(&o, &h, &err) == 0);
	CHECK_EQ(status_of(helper_pid(h), "CapPrm") & ~perhaps, wanted);
	CHECK_EQ(status_of(helper_pid(h), "CapEff") & ~perhaps, wanted);
	CHECK_EQ(status_of(helper_pid(h), "CapInh"), 0);
	CHECK_EQ(status_of(helper_pid(h), "CapAmb"), 0);
	CHECK_EQ(status_of(helper_pid(h), "CapBnd"), 0);
	CHECK_EQ(status_of(helper_pid(h), "NoNewPrivs"), 1);
	CHECK_EQ(status_of(helper_pid(h), "Seccomp"), 2);
	CHECK_EQ(gather_stop(&gathered, h), 0);
}

TEST(the_helper_keeps_what_its_tasks_need)
{
	const uint64_t reads = 1ull << CAP_SYS_PTRACE | 1ull << CAP_DAC_READ_SEARCH;
	const uint64_t attaches = reads | 1ull << CAP_PERFMON | 1ull << CAP_BPF |
				  1ull << CAP_CHECKPOINT_RESTORE;

	if (geteuid() != 0)
		SKIP("needs root");
	check_caps(false, true, reads, 0);
	check_caps(true, false, attaches, 0);
	/* Some kernels ask for more. */
	check_caps(true, true, attaches, 1ull << CAP_SYS_ADMIN);
}

static void start_helper_as_nobody(void *arg)
{
	const struct helper_task task = { .kind = HELPER_HASH, .run = do_nothing };
	const struct helper_options o = { .tasks = &task, .n_tasks = 1 };
	struct reel_err err = { 0 };
	struct helper *h;

	(void)arg;
	EXPECT(setgid(65534) == 0 && setuid(65534) == 0);
	EXPECT(helper_start(&o, &h, &err) == 0);
	EXPECT(gather_stop(&gathered, h) == 0);
	EXPECT(gathered.coverage == CONFINE_MEASURES);
}

TEST(a_helper_without_rights_says_so)
{
	if (geteuid() != 0)
		SKIP("needs root");
	memset(&gathered, 0, sizeof(gathered));
	CHECK_EQ(in_child(start_helper_as_nobody, NULL), 0);
}

/* Uprobes and programs ------------------------------------------------------------------------- */

static int try_to_attach(void *state, const struct helper_request *q,
			 const struct record_sink *sink, struct reel_err *err)
{
	union bpf_attr map = { .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8,
			       .max_entries = 1 };
	struct perf_event_attr probe = { .size = sizeof(probe) };
	char wrong[256], text[16] = "";
	int fd = open("/sys/bus/event_source/devices/uprobe/type", O_RDONLY);

	(void)q;
	(void)err;
	(void)state;
	WRONG_UNLESS(syscall(SYS_bpf, BPF_MAP_CREATE, &map, sizeof(map)) >= 0);
	if (fd < 0)
		return say(sink, "no uprobes");
	WRONG_UNLESS(read(fd, text, sizeof(text) - 1) > 0);
	probe.type = (uint32_t)strtoul(text, NULL, 10);
	probe.config1 = (uintptr_t) "/bin/true";
	probe.config2 = 0x1000;
	WRONG_UNLESS(syscall(SYS_perf_event_open, &probe, -1, 0, -1, PERF_FLAG_FD_CLOEXEC) >= 0);
	return say(sink, "fine");
}

TEST(the_helper_attaches_where_it_is_to)
{
	const struct helper_options o = { .confine = { .attaches = true, .by_perf = true } };
	const char *said;

	if (geteuid() != 0)
		SKIP("needs root");
	said = said_by(try_to_attach, NULL, &o);
	if (strcmp(said, "<no uprobes>") == 0)
		SKIP("the kernel has no uprobes");
	CHECK_STR(said, "<fine>");
	/* Else it is killed for it. */
	said = said_by(try_to_attach, NULL, &usual);
	CHECK(strstr(said, "signal 31") != NULL);
}

static int execute(void *state, const struct helper_request *q, const struct record_sink *sink,
		   struct reel_err *err)
{
	char wrong[256];
	int status = -1;
	pid_t pid;

	(void)q;
	(void)err;
	(void)state;
	WRONG_UNLESS((pid = fork()) >= 0);
	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", "exit 7", NULL);
		_exit(1);
	}
	WRONG_UNLESS(waitpid(pid, &status, 0) == pid);
	snprintf(wrong, sizeof(wrong), "%s %d", WIFEXITED(status) ? "status" : "signal",
		 WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
	return say(sink, wrong);
}

TEST(the_helper_executes_where_it_is_to)
{
	const struct helper_options o = { .confine = { .executes = true } };

	CHECK_STR(said_by(execute, NULL, &o), "<status 7>");
	CHECK_STR(said_by(execute, NULL, &usual), "<signal 31>");
}

static int trace(void *state, const struct helper_request *q, const struct record_sink *sink,
		 struct reel_err *err)
{
	(void)q;
	(void)err;
	(void)state;
	syscall(SYS_ptrace, 0x4206 /* PTRACE_SEIZE */, getppid(), 0, 0);
	return say(sink, "traced");
}

TEST(an_executor_does_not_trace)
{
	const struct helper_options o = { .confine = { .executes = true } };

	CHECK(strstr(said_by(trace, NULL, &o), "signal 31") != NULL);
}

/* Its parser ----------------------------------------------------------------------------------- */

static void parse(void *arg)
{
	int fd = open("/etc/passwd", O_RDONLY), outside = open("/", O_PATH);
	struct confine_report report;
	struct reel_err err = { 0 };
	char *map, byte;
	struct stat st;

	(void)arg;
	EXPECT(confine_parser(5, &report, &err) == 0);
	EXPECT(report.measure[CONFINE_SECCOMP].status == CONFINE_DONE);
	EXPECT(report.measure[CONFINE_CAPABILITIES].status == CONFINE_DONE);
	EXPECT(report.measure[CONFINE_LANDLOCK].status == CONFINE_DONE ||
	       confine_landlock_abi() < 0);
	EXPECT(fstat(fd, &st) == 0 && lseek(fd, 0, SEEK_SET) == 0 && read(fd, &byte, 1) == 1);
	map = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	EXPECT(map != MAP_FAILED && map[0] == byte);
	EXPECT(malloc(1 << 20) && malloc(10));
	EXPECT_ERRNO(open("/etc/passwd", O_RDONLY), EPERM);
	EXPECT_ERRNO(openat(outside, "etc/passwd", O_RDONLY), EPERM);
	EXPECT_ERRNO(socket(AF_UNIX, SOCK_STREAM, 0), EPERM);
	EXPECT_ERRNO(socket(AF_NETLINK, SOCK_RAW, 0), EPERM);
	EXPECT_ERRNO(fork(), EPERM);
	EXPECT_ERRNO(kill(getppid(), 0), EPERM);
	EXPECT_ERRNO(send(1, "", 0, 0), EPERM);
}

TEST(a_parser_has_nothing_but_its_file)
{
	CHECK_EQ(in_child(parse, NULL), 0);
}

static int parse_in_child(void *state, const struct helper_request *q,
			  const struct record_sink *sink, struct reel_err *err)
{
	char text[32];

	(void)state;
	(void)q;
	(void)err;
	snprintf(text, sizeof(text), "%d", in_child(parse, NULL));
	return say(sink, text);
}

TEST(a_parser_of_the_helper_has_no_more)
{
	CHECK_STR(said_by(parse_in_child, NULL, &usual), "<0>");
}

static void parse_without_end(void *arg)
{
	struct confine_report report;

	EXPECT(confine_parser(1, &report, NULL) == 0);
	/* Asleep in a read, or at work. */
	if (arg)
		for (volatile unsigned i = 0;; i++)
			;
	for (;;)
		(void)!read(STDIN_FILENO, &(char){ 0 }, 1);
}

TEST(a_parser_has_an_end)
{
	int fds[2], stdin_fd = dup(0), status;

	REQUIRE(pipe(fds) == 0);
	dup2(fds[0], 0);
	CHECK_EQ(in_child(parse_without_end, NULL), KILLED_BY(SIGALRM));
	status = in_child(parse_without_end, "busy");
	CHECK(status == KILLED_BY(SIGALRM) || status == KILLED_BY(SIGXCPU) ||
	      status == KILLED_BY(SIGKILL));
	dup2(stdin_fd, 0);
	close(stdin_fd);
	close(fds[0]);
	close(fds[1]);
}
