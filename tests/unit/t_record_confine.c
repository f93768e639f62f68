/* SPDX-License-Identifier: BSD-2-Clause */
/* What the recorder can and cannot do once it is confined; each case in a process of its own. */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "format/confine_calls.h"
#include "format/replace.h"
#include "tests/unit/harness.h"
#include "tests/unit/record_confined.h"

/* Files ---------------------------------------------------------------------------------------- */

static void open_elsewhere(void *arg)
{
	char byte;
	int before = open("/etc/passwd", O_RDONLY), outside = open("elsewhere", O_PATH);

	(void)arg;
	confine(&in_capture);
	EXPECT_ERRNO(open("/etc/shadow", O_RDONLY), EACCES);
	EXPECT_ERRNO(open("/etc/passwd", O_RDONLY), EACCES);
	EXPECT_ERRNO(open("/proc/self/maps", O_RDONLY), EACCES);
	EXPECT_ERRNO(open("/", O_RDONLY | O_DIRECTORY), EACCES);
	EXPECT_ERRNO(open("elsewhere/file", O_WRONLY | O_CREAT, 0600), EACCES);
	EXPECT_ERRNO(openat(outside, "file", O_WRONLY | O_CREAT, 0600), EACCES);
	EXPECT_ERRNO(open("capture/../elsewhere/file", O_WRONLY | O_CREAT, 0600), EACCES);
	EXPECT_ERRNO(mkdir("elsewhere/directory", 0700), EACCES);
	EXPECT_ERRNO(unlinkat(AT_FDCWD, "elsewhere/there", 0), EACCES);
	/* Moving something out of the capture is refused as well. */
	EXPECT(close(open("capture/out", O_WRONLY | O_CREAT, 0600)) == 0);
	EXPECT(rename("capture/out", "elsewhere/out") < 0);
	EXPECT(linkat(AT_FDCWD, "capture/out", AT_FDCWD, "elsewhere/out", 0) < 0);
	EXPECT(linkat(AT_FDCWD, "elsewhere/there", AT_FDCWD, "capture/there", 0) < 0);
	EXPECT(unlinkat(AT_FDCWD, "capture/out", 0) == 0);
	/* What was open stays so. */
	EXPECT(read(before, &byte, 1) == 1);
}

TEST(files_elsewhere_are_out_of_reach)
{
	if (!has_landlock())
		SKIP("the kernel has no Landlock");
	make_capture();
	close(open("elsewhere/there", O_WRONLY | O_CREAT, 0600));
	CHECK_EQ(in_child(open_elsewhere, NULL), 0);
	CHECK(access("elsewhere/there", F_OK) == 0);
}

static void change_what_root_owns(void *arg)
{
	int fd = open("elsewhere/there", O_RDWR | O_CREAT, 0600);

	(void)arg;
	confine(&in_capture);
	EXPECT_ERRNO(chmod("elsewhere/there", 0666), EPERM);
	EXPECT_ERRNO(fchmod(fd, 0666), EPERM);
	EXPECT_ERRNO(fchmodat(AT_FDCWD, "elsewhere/there", 0666, 0), EPERM);
	EXPECT_ERRNO(chown("elsewhere/there", 1, 1), EPERM);
	EXPECT_ERRNO(setxattr("elsewhere/there", "user.x", "x", 1, 0), EPERM);
	EXPECT_ERRNO(utimensat(AT_FDCWD, "elsewhere/there", NULL, 0), EPERM);
	EXPECT_ERRNO(truncate("elsewhere/there", 1), EPERM);
	EXPECT_ERRNO(mknod("capture/device", S_IFCHR | 0600, 0x103), EPERM);
	EXPECT_ERRNO(symlink("/etc/shadow", "capture/link"), EPERM);
}

TEST(what_root_owns_stays_as_it_is)
{
	make_capture();
	CHECK_EQ(in_child(change_what_root_owns, NULL), 0);
}

static void *write_in_capture(void *arg)
{
	int directory = *(int *)arg;
	int fd = openat(directory, "new", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	struct statvfs fs;
	struct stat st;

	EXPECT(fd >= 0);
	EXPECT(flock(fd, LOCK_EX | LOCK_NB) == 0);
	EXPECT(write(fd, "0123456789", 10) == 10);
	EXPECT(fdatasync(fd) == 0 && fsync(directory) == 0);
	EXPECT(posix_fallocate(fd, 0, 65536) == 0);
	EXPECT(ftruncate(fd, 5) == 0 && fstat(fd, &st) == 0 && st.st_size == 5);
	EXPECT(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0);
	EXPECT(statvfs("capture", &fs) == 0);
	EXPECT(rename("capture/new", "capture/renamed") == 0);
	EXPECT(mkdirat(directory, "kept", 0700) == 0);
	if (confine_landlock_abi() != 1)
		EXPECT(linkat(directory, "renamed", directory, "kept/linked", 0) == 0);
	EXPECT(unlinkat(directory, "kept/linked", 0) == 0 || errno == ENOENT);
	EXPECT(unlinkat(directory, "kept", AT_REMOVEDIR) == 0);
	EXPECT(unlinkat(directory, "renamed", 0) == 0);
	EXPECT(close(fd) == 0);
	return NULL;
}

static void write_in_threads(void *arg)
{
	int directory = open("capture", O_RDONLY | O_DIRECTORY);
	pthread_t thread;

	(void)arg;
	confine(&in_capture);
	write_in_capture(&directory);
	for (unsigned i = 0; i < 20; i++) {
		EXPECT(pthread_create(&thread, NULL, write_in_capture, &directory) == 0);
		EXPECT(pthread_join(thread, NULL) == 0);
	}
}

TEST(the_capture_stays_writable)
{
	make_capture();
	CHECK_EQ(in_child(write_in_threads, NULL), 0);
}

static void put_figure(FILE *f, void *context)
{
	fputs(context, f);
}

/* Also where one that was killed has left its temporary file. */
static void write_metrics(void *arg)
{
	const struct confine_options o = { .capture = "capture", .beside = { "elsewhere" } };
	struct reel_err err = { 0 };
	int fd = open("elsewhere/metrics.new", O_WRONLY | O_CREAT | O_EXCL, 0600);

	(void)arg;
	EXPECT(fd >= 0 && close(fd) == 0);
	confine(&o);
	for (int i = 0; i < 2; i++)
		EXPECT(reel_replace_file("elsewhere/metrics", put_figure, "1\n", &err) == 0);
	if (has_landlock())
		EXPECT_ERRNO(open("/etc/passwd", O_RDONLY), EACCES);
}

TEST(metrics_are_written_beside)
{
	make_capture();
	CHECK_EQ(in_child(write_metrics, NULL), 0);
	CHECK(access("elsewhere/metrics", R_OK) == 0);
}

static void write_nowhere(void *arg)
{
	const struct confine_options o = { 0 };

	(void)arg;
	confine(&o);
	EXPECT_ERRNO(open("capture/x", O_WRONLY | O_CREAT, 0600), EACCES);
	EXPECT(write(STDOUT_FILENO, "", 0) == 0);
}

TEST(a_stream_needs_no_directory)
{
	if (!has_landlock())
		SKIP("the kernel has no Landlock");
	make_capture();
	CHECK_EQ(in_child(write_nowhere, NULL), 0);
}

TEST(a_directory_must_be_there)
{
	const struct confine_options o = { .capture = "nowhere" };
	struct confine_report report;
	struct reel_err err = { 0 };

	CHECK_EQ(confine_recorder(&o, &report, &err), -ENOENT);
	CHECK(strstr(err.msg, "nowhere") != NULL);
	CHECK_EQ(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 0);
}

/* Others --------------------------------------------------------------------------------------- */

static void open_sockets(void *arg)
{
	int pair[2], before[2];
	char text[8];

	(void)arg;
	EXPECT(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, before) == 0);
	confine(&in_capture);
	EXPECT_ERRNO(socket(AF_INET, SOCK_STREAM, 0), EPERM);
	EXPECT_ERRNO(socket(AF_INET6, SOCK_DGRAM, 0), EPERM);
	EXPECT_ERRNO(socket(AF_UNIX, SOCK_STREAM, 0), EPERM);
	EXPECT_ERRNO(socket(AF_NETLINK, SOCK_RAW, 0), EPERM);
	EXPECT_ERRNO(socket(AF_PACKET, SOCK_RAW, 0), EPERM);
	EXPECT_ERRNO(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), EPERM);
	/* The one to the helper is open. */
	EXPECT(send(before[0], "hello", 5, MSG_NOSIGNAL) == 5);
	EXPECT(recv(before[1], text, sizeof(text), MSG_DONTWAIT) == 5);
}

TEST(sockets_are_refused)
{
	make_capture();
	CHECK_EQ(in_child(open_sockets, NULL), 0);
}

static pid_t start_sleeper(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	return pid;
}

static void end_sleeper(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void signal_others(void *arg)
{
	pid_t other = *(pid_t *)arg;
	siginfo_t info = { .si_code = SI_QUEUE };
	struct rlimit limit;

	confine(&in_capture);
	EXPECT_ERRNO(kill(other, 0), EPERM);
	EXPECT_ERRNO(kill(other, SIGTERM), EPERM);
	EXPECT_ERRNO(kill(-1, 0), EPERM);
	EXPECT_ERRNO(kill(1, SIGHUP), EPERM);
	EXPECT_ERRNO(syscall(SYS_tgkill, other, other, SIGTERM), EPERM);
	EXPECT_ERRNO(syscall(SYS_tkill, other, SIGTERM), EPERM);
	EXPECT_ERRNO(syscall(SYS_rt_sigqueueinfo, other, SIGTERM, &info), EPERM);
	EXPECT_ERRNO(syscall(SYS_pidfd_open, other, 0), EPERM);
	EXPECT_ERRNO(fcntl(0, F_SETOWN, other), EPERM);
	EXPECT_ERRNO(ioctl(0, TIOCSTI, "x"), EPERM);
	EXPECT_ERRNO(prlimit(other, RLIMIT_NOFILE, NULL, &limit), EPERM);
	EXPECT_ERRNO(setpriority(PRIO_PROCESS, (id_t)other, 10), EPERM);
	EXPECT_ERRNO(syscall(SYS_sched_setaffinity, other, 8, &(uint64_t){ 1 }), EPERM);
	EXPECT(prlimit(0, RLIMIT_NOFILE, NULL, &limit) == 0);
	EXPECT(raise(SIGWINCH) == 0);
	EXPECT(pthread_kill(pthread_self(), 0) == 0);
}

static void signal_the_command(void *arg)
{
	struct confine_options o = { .capture = "capture", .may_signal = *(pid_t *)arg };

	confine(&o);
	EXPECT(kill(o.may_signal, 0) == 0);
	EXPECT_ERRNO(kill(-o.may_signal, 0), EPERM);
	EXPECT_ERRNO(kill(getppid(), 0), EPERM);
}

TEST(others_cannot_be_signalled)
{
	pid_t other = start_sleeper();

	make_capture();
	CHECK_EQ(in_child(signal_others, &other), 0);
	CHECK_EQ(in_child(signal_the_command, &other), 0);
	CHECK_EQ(waitpid(other, NULL, WNOHANG), 0);
	end_sleeper(other);
}

static void fork_a_process(void *arg)
{
	(void)arg;
	confine(&in_capture);
	EXPECT_ERRNO(fork(), EPERM);
	EXPECT_ERRNO(syscall(SYS_vfork), EPERM);
	EXPECT_ERRNO(syscall(SYS_clone, SIGCHLD | CLONE_NEWUSER, 0, 0, 0, 0), EPERM);
	EXPECT_ERRNO(syscall(SYS_clone3, NULL, 0), ENOSYS);
}

TEST(no_process_is_begun)
{
	make_capture();
	CHECK_EQ(in_child(fork_a_process, NULL), 0);
}

static void make_memory_executable(void *arg)
{
	void *memory;

	(void)arg;
	confine(&in_capture);
	memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	EXPECT(memory != MAP_FAILED);
	EXPECT_ERRNO(mprotect(memory, 4096, PROT_READ | PROT_EXEC), EPERM);
	EXPECT(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
	       MAP_FAILED);
	EXPECT(mprotect(memory, 4096, PROT_READ) == 0);
}

TEST(memory_is_not_made_executable)
{
	make_capture();
	CHECK_EQ(in_child(make_memory_executable, NULL), 0);
}

/* Calls ---------------------------------------------------------------------------------------- */

struct deadly {
	void (*confine)(void);
	uint32_t nr;
};

static void call_it(void *arg)
{
	const struct deadly *d = arg;

	d->confine();
	syscall(d->nr, 0, 0, 0, 0, 0, 0);
	/* Had it been let through, all of these would have failed and come back. */
}

static void confine_as_recorder(void)
{
	confine(&in_capture);
}

static void confine_as_helper(void)
{
	const struct confine_helper_options o = { 0 };
	struct confine_report report;

	EXPECT(confine_helper(&o, &report, NULL) == 0);
}

static void confine_as_parser(void)
{
	struct confine_report report;

	EXPECT(confine_parser(10, &report, NULL) == 0);
}

TEST(deadly_calls_kill)
{
	static const struct {
		const char *name;
		uint32_t role;
		void (*confine)(void);
	} roles[] = {
		{ "recorder", CALLS_RECORDER, confine_as_recorder },
		{ "helper", CALLS_HELPER, confine_as_helper },
		{ "parser", CALLS_PARSER, confine_as_parser },
	};
	unsigned n = 0;

	make_capture();
	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
		for (const struct confine_call *c = confine_calls; c->name; c++) {
			struct deadly d = { roles[i].confine, c->nr };
			int status;

			if (!(c->roles & roles[i].role) || c->action != FILTER_KILL)
				continue;
			/* reboot() and its like need more than zeros to do anything. */
			status = in_child(call_it, &d);
			if (status != KILLED_BY(SIGSYS))
				T_FAIL("%s by the %s: %d", c->name, roles[i].name, status);
			n++;
		}
	}
	CHECK(n > 120);
}

static void exec_a_shell(void *arg)
{
	(void)arg;
	confine(&in_capture);
	execl("/bin/sh", "sh", "-c", "exit 0", NULL);
}

static void trace_another(void *arg)
{
	confine(&in_capture);
	syscall(SYS_ptrace, 16 /* PTRACE_ATTACH */, *(pid_t *)arg, 0, 0);
}

static void make_a_map(void *arg)
{
	union bpf_attr attr = { .map_type = BPF_MAP_TYPE_ARRAY,
				.key_size = 4,
				.value_size = 8,
				.max_entries = 1 };

	(void)arg;
	confine(&in_capture);
	syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr));
}

TEST(exec_ptrace_and_bpf_kill)
{
	pid_t other = start_sleeper();

	make_capture();
	CHECK_EQ(in_child(exec_a_shell, NULL), KILLED_BY(SIGSYS));
	CHECK_EQ(in_child(trace_another, &other), KILLED_BY(SIGSYS));
	CHECK_EQ(in_child(make_a_map, NULL), KILLED_BY(SIGSYS));
	end_sleeper(other);
}

#ifdef __x86_64__
static void call_as_x32(void *arg)
{
	(void)arg;
	confine(&in_capture);
	syscall(0x40000000 | SYS_getpid);
}

static void call_as_i386(void *arg)
{
	long result;

	(void)arg;
	confine(&in_capture);
	__asm__ volatile("int $0x80" : "=a"(result) : "a"(20 /* getpid */) : "memory");
}

TEST(other_tables_of_calls_kill)
{
	make_capture();
	CHECK_EQ(in_child(call_as_x32, NULL), KILLED_BY(SIGSYS));
	CHECK_EQ(in_child(call_as_i386, NULL), KILLED_BY(SIGSYS));
}
#endif

static void read_a_map(void *arg)
{
	union bpf_attr attr = { .map_type = BPF_MAP_TYPE_ARRAY,
				.key_size = 4,
				.value_size = 8,
				.max_entries = 1 };
	uint64_t value = 7;
	uint32_t key = 0;
	long map = syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr));

	(void)arg;
	if (map < 0)
		_exit(77);
	confine(&in_capture);
	memset(&attr, 0, sizeof(attr));
	attr.map_fd = (uint32_t)map;
	attr.key = (uintptr_t)&key;
	attr.value = (uintptr_t)&value;
	EXPECT(syscall(SYS_bpf, BPF_MAP_LOOKUP_ELEM, &attr, sizeof(attr)) == 0 && value == 0);
	/* Let through, though there is no such link. */
	memset(&attr, 0, sizeof(attr));
	attr.iter_create.link_fd = 12345;
	EXPECT_ERRNO(syscall(SYS_bpf, BPF_ITER_CREATE, &attr, sizeof(attr)), EBADF);
}

TEST(open_maps_can_be_read)
{
	int status;

	make_capture();
	status = in_child(read_a_map, NULL);
	if (status == 77)
		SKIP("no right to make a map");
	CHECK_EQ(status, 0);
}

TEST(a_call_has_one_row_for_a_role)
{
	unsigned n = 0;

	for (const struct confine_call *a = confine_calls; a->name; a++, n++)
		for (const struct confine_call *b = a + 1; b->name; b++)
			if (a->nr == b->nr && (a->roles & b->roles) && a->action == b->action)
				T_FAIL("%s has two", a->name);
	CHECK(n > 150);
}

static unsigned instructions_of(uint32_t roles)
{
	static struct filter f;

	CHECK_EQ(confine_calls_filter(roles, 1, 0, &f), 0);
	return f.n;
}

TEST(filters_fit)
{
	CHECK(instructions_of(CALLS_RECORDER) < FILTER_MAX / 2);
	CHECK(instructions_of(CALLS_HELPER | CALLS_ATTACHER) < FILTER_MAX / 2);
	CHECK(instructions_of(CALLS_PARSER) < instructions_of(CALLS_RECORDER));
}
