/* SPDX-License-Identifier: BSD-2-Clause */
/* trust-checks: A process of reel can do no more than it needs |
 * reading commands, from inside */
/* What a reading command can do once it is confined, and cannot; each in a process of its own. */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#include "format/confine_calls.h"
#include "format/confine_impl.h"
#include "tests/unit/harness.h"
#include "tests/unit/record_child.h"

/* Asked before the first child is confined, who could not ask any more. */
static int landlock_abi(void)
{
	static int abi;

	if (!abi)
		abi = confine_landlock_abi();
	return abi;
}

static bool has_landlock(void)
{
	return landlock_abi() > 0;
}

static void put(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	if (f) {
		fputs(text, f);
		fclose(f);
	}
}

static void make_files(void)
{
	(void)landlock_abi();
	(void)mkdir("capture", 0700);
	(void)mkdir("out", 0700);
	(void)mkdir("elsewhere", 0777);
	put("capture/x.rls", "segment");
	put("capture/.lock", "");
	put("elsewhere/there", "secret");
}

static void end(struct confine_reader *c)
{
	struct confine_report report;

	confine_reader_end(c, &report);
	EXPECT(report.measure[CONFINE_SECCOMP].status == CONFINE_DONE);
	EXPECT(report.measure[CONFINE_NO_NEW_PRIVS].status == CONFINE_DONE);
	EXPECT(report.measure[CONFINE_CAPABILITIES].status == CONFINE_DONE);
	EXPECT(has_landlock() ? report.measure[CONFINE_LANDLOCK].status == CONFINE_DONE :
				report.measure[CONFINE_LANDLOCK].status == CONFINE_NOT_THERE);
}

static void confine_to_capture(void)
{
	struct confine_reader c = { 0 };

	confine_reader_begin(&c);
	confine_reader_may_read_capture(&c, "capture");
	end(&c);
}

/* Files ---------------------------------------------------------------------------------------- */

static void *read_capture(void *arg)
{
	char bytes[8];
	int fd = open("capture/x.rls", O_RDONLY | O_CLOEXEC);
	DIR *dir = opendir("capture");
	struct stat st;
	void *map;

	(void)arg;
	EXPECT(fd >= 0 && fstat(fd, &st) == 0 && read(fd, bytes, 7) == 7);
	map = mmap(NULL, 7, PROT_READ, MAP_PRIVATE, fd, 0);
	EXPECT(map != MAP_FAILED && memcmp(map, "segment", 7) == 0);
	EXPECT(dir && readdir(dir) && closedir(dir) == 0);
	EXPECT(flock(fd, LOCK_SH | LOCK_NB) == 0 && close(fd) == 0);
	return NULL;
}

static void read_in_threads(void *arg)
{
	pthread_t thread;

	confine_to_capture();
	read_capture(arg);
	for (unsigned i = 0; i < 20; i++) {
		EXPECT(pthread_create(&thread, NULL, read_capture, NULL) == 0);
		EXPECT(pthread_join(thread, NULL) == 0);
	}
	EXPECT(write(STDOUT_FILENO, "", 0) == 0);
}

TEST(the_capture_is_read)
{
	make_files();
	CHECK_EQ(in_child(read_in_threads, NULL), 0);
}

static void open_elsewhere(void *arg)
{
	int outside = open("elsewhere", O_PATH | O_CLOEXEC);

	(void)arg;
	confine_to_capture();
	EXPECT_ERRNO(open("/etc/passwd", O_RDONLY), EACCES);
	EXPECT_ERRNO(open("/proc/self/maps", O_RDONLY), EACCES);
	EXPECT_ERRNO(open("/", O_RDONLY | O_DIRECTORY), EACCES);
	EXPECT_ERRNO(open("elsewhere/there", O_RDONLY), EACCES);
	EXPECT_ERRNO(openat(outside, "there", O_RDONLY), EACCES);
	EXPECT_ERRNO(open("capture/../elsewhere/there", O_RDONLY), EACCES);
}

TEST(files_elsewhere_are_not_read)
{
	if (!has_landlock())
		SKIP("the kernel has no Landlock");
	make_files();
	CHECK_EQ(in_child(open_elsewhere, NULL), 0);
}

/* By the filter alone, so also where there is no Landlock. */
static void write_somewhere(void *arg)
{
	(void)arg;
	confine_to_capture();
	EXPECT_ERRNO(open("capture/x.rls", O_RDWR), EPERM);
	EXPECT_ERRNO(open("capture/x.rls", O_RDONLY | O_TRUNC), EPERM);
	EXPECT_ERRNO(open("capture/new", O_WRONLY | O_CREAT, 0600), EPERM);
	EXPECT_ERRNO(open("capture", O_RDWR | O_TMPFILE, 0600), EPERM);
	EXPECT_ERRNO(unlink("capture/x.rls"), EPERM);
	EXPECT_ERRNO(rename("capture/x.rls", "capture/y.rls"), EPERM);
	EXPECT_ERRNO(mkdir("capture/d", 0700), EPERM);
	EXPECT_ERRNO(link("capture/x.rls", "capture/y.rls"), EPERM);
	EXPECT_ERRNO(symlink("x.rls", "capture/y.rls"), EPERM);
	EXPECT_ERRNO(truncate("capture/x.rls", 0), EPERM);
	EXPECT_ERRNO(chmod("capture/x.rls", 0666), EPERM);
	EXPECT_ERRNO(chown("capture/x.rls", 1, 1), EPERM);
	EXPECT_ERRNO(setxattr("capture/x.rls", "user.x", "x", 1, 0), EPERM);
}

TEST(nothing_is_written)
{
	make_files();
	CHECK_EQ(in_child(write_somewhere, NULL), 0);
	CHECK(access("capture/x.rls", R_OK) == 0);
}

static void read_one_segment(void *arg)
{
	struct confine_reader c = { 0 };

	(void)arg;
	confine_reader_begin(&c);
	confine_reader_may_read_capture(&c, "capture/x.rls");
	end(&c);
	EXPECT(open("capture/x.rls", O_RDONLY) >= 0);
	EXPECT(open("capture/.lock", O_RDONLY) >= 0);
	if (has_landlock())
		EXPECT_ERRNO(open("capture", O_RDONLY | O_DIRECTORY), EACCES);
}

TEST(of_a_segment_its_lock_is_read_too)
{
	make_files();
	CHECK_EQ(in_child(read_one_segment, NULL), 0);
}

static void make_new_files(void *arg)
{
	struct confine_reader c = { .makes_files = true };
	int fd;

	(void)arg;
	confine_reader_begin(&c);
	confine_reader_may_read_capture(&c, "capture");
	confine_reader_may_write_in(&c, "out");
	end(&c);
	fd = open("out/new", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	EXPECT(fd >= 0 && write(fd, "x", 1) == 1 && fsync(fd) == 0 && close(fd) == 0);
	EXPECT(open("out", O_RDWR | O_TMPFILE, 0600) >= 0);
	if (landlock_abi() != 1)
		EXPECT(link("capture/x.rls", "out/x.rls") == 0);
	EXPECT(unlink("out/x.rls") == 0 || errno == ENOENT);
	EXPECT(mkdir("out/d", 0700) == 0 && rmdir("out/d") == 0);
	EXPECT_ERRNO(open("out/new", O_WRONLY), EPERM);
	EXPECT_ERRNO(open("out/new", O_WRONLY | O_CREAT, 0600), EPERM);
	EXPECT_ERRNO(open("capture/x.rls", O_RDWR), EPERM);
	EXPECT_ERRNO(open("elsewhere/there", O_WRONLY), EPERM);
	EXPECT(unlink("out/new") == 0);
	if (!has_landlock())
		return;
	EXPECT_ERRNO(open("capture/new", O_WRONLY | O_CREAT | O_EXCL, 0600), EACCES);
	EXPECT_ERRNO(open("elsewhere/new", O_WRONLY | O_CREAT | O_EXCL, 0600), EACCES);
	EXPECT_ERRNO(unlink("capture/x.rls"), EACCES);
	EXPECT_ERRNO(unlink("elsewhere/there"), EACCES);
	EXPECT(rename("capture/x.rls", "out/stolen") < 0);
}

TEST(new_files_are_made_where_it_was_said)
{
	make_files();
	CHECK_EQ(in_child(make_new_files, NULL), 0);
	CHECK(access("capture/x.rls", R_OK) == 0);
}

static void write_database(void *arg)
{
	struct confine_reader c = { .writes_database = true, .reads_anywhere = true };
	int fd;

	(void)arg;
	confine_reader_begin(&c);
	confine_reader_may_write(&c, "out/case.db");
	end(&c);
	fd = open("out/case.db", O_RDWR | O_CREAT, 0600);
	EXPECT(fd >= 0 && pwrite(fd, "x", 1, 0) == 1 && ftruncate(fd, 0) == 0 && close(fd) == 0);
	EXPECT(rename("out/case.db", "out/other.db") == 0 && unlink("out/other.db") == 0);
	EXPECT(open("/etc/passwd", O_RDONLY) >= 0);
	if (!has_landlock())
		return;
	EXPECT_ERRNO(open("elsewhere/there", O_RDWR), EACCES);
	EXPECT_ERRNO(open("capture/new", O_RDWR | O_CREAT, 0600), EACCES);
}

TEST(a_database_is_written_where_it_was_said)
{
	make_files();
	CHECK_EQ(in_child(write_database, NULL), 0);
}

static void narrow(void *arg)
{
	struct confine_reader c = { .reads_anywhere = true, .narrows_later = true };

	(void)arg;
	confine_reader_begin(&c);
	end(&c);
	EXPECT(open("elsewhere/there", O_RDONLY) >= 0);
	c = (struct confine_reader){ 0 };
	confine_reader_begin(&c);
	confine_reader_may_read(&c, "capture");
	confine_reader_narrow(&c);
	EXPECT(open("capture/x.rls", O_RDONLY) >= 0);
	EXPECT_ERRNO(open("elsewhere/there", O_RDONLY), EACCES);
}

TEST(what_it_reads_can_become_less)
{
	if (!has_landlock())
		SKIP("the kernel has no Landlock");
	make_files();
	CHECK_EQ(in_child(narrow, NULL), 0);
}

static void name_what_is_odd(void *arg)
{
	struct confine_reader c = { 0 };
	int fds[2];
	char path[64], byte;

	(void)arg;
	EXPECT(pipe(fds) == 0 && write(fds[1], "x", 1) == 1);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fds[0]);
	confine_reader_begin(&c);
	confine_reader_may_read_capture(&c, "-");
	confine_reader_may_read_capture(&c, "nowhere");
	confine_reader_may_read_capture(&c, "");
	confine_reader_may_read_capture(&c, path);
	end(&c);
	EXPECT(read(open(path, O_RDONLY), &byte, 1) == 1);
	EXPECT_ERRNO(open("nowhere", O_RDONLY), ENOENT);
}

TEST(odd_operands_do_no_harm)
{
	make_files();
	CHECK_EQ(in_child(name_what_is_odd, NULL), 0);
}

/* Others --------------------------------------------------------------------------------------- */

static void leave_the_process(void *arg)
{
	pid_t parent = getppid();
	struct rlimit limit;
	int pair[2];

	(void)arg;
	confine_to_capture();
	EXPECT_ERRNO(socket(AF_INET, SOCK_STREAM, 0), EPERM);
	EXPECT_ERRNO(socket(AF_UNIX, SOCK_STREAM, 0), EPERM);
	EXPECT_ERRNO(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), EPERM);
	EXPECT_ERRNO(fork(), EPERM);
	EXPECT_ERRNO(syscall(SYS_vfork), EPERM);
	EXPECT_ERRNO(syscall(SYS_clone3, NULL, 0), ENOSYS);
	EXPECT_ERRNO(kill(parent, 0), EPERM);
	EXPECT_ERRNO(kill(-1, 0), EPERM);
	EXPECT_ERRNO(syscall(SYS_tgkill, parent, parent, 0), EPERM);
	EXPECT_ERRNO(syscall(SYS_pidfd_open, parent, 0), EPERM);
	EXPECT_ERRNO(prlimit(parent, RLIMIT_NOFILE, NULL, &limit), EPERM);
	EXPECT_ERRNO(ioctl(0, TIOCSTI, "x"), EPERM);
	EXPECT_ERRNO(fcntl(0, F_SETOWN, parent), EPERM);
	EXPECT_ERRNO(syscall(SYS_seccomp, 0, 0, NULL), EPERM);
	EXPECT_ERRNO(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0), EPERM);
}

TEST(others_are_out_of_reach)
{
	make_files();
	CHECK_EQ(in_child(leave_the_process, NULL), 0);
}

static void make_memory_executable(void *arg)
{
	struct confine_reader c = { .makes_code = arg != NULL };
	void *memory;

	confine_reader_begin(&c);
	end(&c);
	memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
		      -1, 0);
	EXPECT((memory != MAP_FAILED) == (arg != NULL));
	memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	EXPECT(memory != MAP_FAILED);
	EXPECT_ERRNO(mprotect(memory, 4096, PROT_READ | PROT_EXEC), EPERM);
}

TEST(memory_is_executable_for_expressions_only)
{
	CHECK_EQ(in_child(make_memory_executable, NULL), 0);
	CHECK_EQ(in_child(make_memory_executable, &(int){ 1 }), 0);
}

static void call_it(void *arg)
{
	confine_to_capture();
	syscall(*(uint32_t *)arg, 0, 0, 0, 0, 0, 0);
}

TEST(deadly_calls_kill)
{
	unsigned n = 0;

	make_files();
	for (const struct confine_call *c = confine_calls; c->name; c++) {
		uint32_t nr = c->nr;

		if (!(c->roles & CALLS_READER) || c->action != FILTER_KILL)
			continue;
		/* reboot() and its like need more than zeros to do anything. */
		if (in_child(call_it, &nr) != KILLED_BY(SIGSYS))
			T_FAIL("%s does not kill", c->name);
		n++;
	}
	CHECK(n > 40);
}

static void exec_a_shell(void *arg)
{
	(void)arg;
	confine_to_capture();
	execl("/bin/sh", "sh", "-c", "exit 0", NULL);
}

TEST(a_program_that_is_run_kills)
{
	make_files();
	CHECK_EQ(in_child(exec_a_shell, NULL), KILLED_BY(SIGSYS));
}

#ifdef __x86_64__
static void call_as_x32(void *arg)
{
	(void)arg;
	confine_to_capture();
	syscall(0x40000000 | SYS_getpid);
}

static void call_as_i386(void *arg)
{
	long result;

	(void)arg;
	confine_to_capture();
	__asm__ volatile("int $0x80" : "=a"(result) : "a"(20 /* getpid */) : "memory");
}

TEST(other_tables_of_calls_kill)
{
	make_files();
	CHECK_EQ(in_child(call_as_x32, NULL), KILLED_BY(SIGSYS));
	CHECK_EQ(in_child(call_as_i386, NULL), KILLED_BY(SIGSYS));
}
#endif

static uint64_t effective_caps(void)
{
	FILE *f = fopen("/proc/self/status", "re");
	unsigned long long caps = 0;
	char line[256];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "CapEff: %llx", &caps) == 1)
			break;
	if (f)
		fclose(f);
	return caps;
}

static void look_at_caps(void *arg)
{
	struct confine_reader c = { .reads_anywhere = true, .makes_files = arg != NULL };
	uint64_t caps;

	confine_reader_begin(&c);
	end(&c);
	caps = effective_caps();
	EXPECT((caps & ~confine_reader_caps(&c)) == 0);
	EXPECT(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == -1 || geteuid() != 0);
}

TEST(root_keeps_what_reading_needs)
{
	CHECK_EQ(in_child(look_at_caps, NULL), 0);
	CHECK_EQ(in_child(look_at_caps, &(int){ 1 }), 0);
}

/* A session ------------------------------------------------------------------------------------ */

static void begin_session(void *arg)
{
	const char *const *argv = arg;
	struct confine_report report;

	confine_session(argv[0], "out/case.db", &report);
	EXPECT(report.measure[CONFINE_SECCOMP].status == CONFINE_DONE);
	execv(argv[0], (char *const *)(uintptr_t)argv);
	_exit(99);
}

TEST(a_session_runs_one_program)
{
	static const char text[] =
		"exec 3<elsewhere/there || exit 1; (: >out/case.db-journal) || exit 2;"
		"(: >elsewhere/new) && exit 3; (: >>elsewhere/there) && exit 4;"
		"/bin/cat elsewhere/there && exit 5; rm -f elsewhere/there && exit 6; exit 0";
	const char *argv[] = { "/bin/sh", "-c", text, NULL };

	if (!has_landlock())
		SKIP("the kernel has no Landlock");
	make_files();
	setenv("TMPDIR", "out", 1);
	CHECK_EQ(in_child(begin_session, argv), 0);
	CHECK(access("elsewhere/there", R_OK) == 0);
}

static void reach_out_in_session(void *arg)
{
	struct confine_report report;

	(void)arg;
	confine_session("/bin/sh", NULL, &report);
	EXPECT_ERRNO(socket(AF_INET, SOCK_STREAM, 0), EPERM);
	EXPECT_ERRNO(kill(getppid(), 0), EPERM);
	EXPECT_ERRNO(ioctl(0, TIOCSTI, "x"), EPERM);
	syscall(SYS_ptrace, 16 /* PTRACE_ATTACH */, getppid(), 0, 0);
}

TEST(a_session_leaves_others_alone)
{
	CHECK_EQ(in_child(reach_out_in_session, NULL), KILLED_BY(SIGSYS));
}
