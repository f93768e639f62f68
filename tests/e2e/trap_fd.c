/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Each way in which a descriptor gets its file and loses it, and what becomes of the totals of its
 * reads and writes. Recorded with --io first: of each open file and process, the first read and the
 * first write are events, the others are in a fold, which ends when the descriptor loses its file.
 */
#include <linux/close_range.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "tests/e2e/expect.h"

static char *const no_env[] = { NULL };

#define ARGV(...) ((char *const[]){ __VA_ARGS__, NULL })

static int file_open(void)
{
	int fd = open("file", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	need(fd >= 0);
	return fd;
}

/* Four reads and three writes, of which the first of each is told by itself. */
static void use(int fd)
{
	char bytes[100] = "first bytes of what is written";

	need(pwrite(fd, bytes, 100, 0) == 100);
	need(pwrite(fd, bytes, 50, 0) == 50);
	need(pwrite(fd, bytes, 25, 0) == 25);
	need(pread(fd, bytes, 10, 0) == 10);
	for (int i = 0; i < 3; i++)
		need(pread(fd, bytes, 20, 0) == 20);
}

static void expect_use(pid_t pid, int fd, const char *id, const char *ended_by)
{
	expect(1, "'type':'write','pid':%d,'fd':%d,'ret':100,'count':100,%s", pid, fd, id);
	expect(1, "'type':'read','pid':%d,'fd':%d,'ret':10,'count':10,%s", pid, fd, id);
	expect(1,
	       "'type':'fold','pid':%d,'fd':%d,'ended_by':'%s','reads':3,'writes':2,"
	       "'read_bytes':60,'written_bytes':75,%s",
	       pid, fd, ended_by, id);
	expect(1, "'type':'read','pid':%d,'fd':%d,%s", pid, fd, id);
	expect(1, "'type':'write','pid':%d,'fd':%d,%s", pid, fd, id);
	expect(1, "'type':'fold','pid':%d,'fd':%d,%s", pid, fd, id);
}

static void by_close(void)
{
	int fd = file_open();
	const char *id = file_id(fd);

	use(fd);
	close(fd);
	expect(1, "'type':'close','pid':%d,'fd':%d,'ret':0,%s", getpid(), fd, id);
	expect(0, "'type':'fold','pid':%d,'partial':true", getpid());
	expect_use(getpid(), fd, id, "close");
	need(close(fd) == -1);
	expect(1, "'type':'close','pid':%d,'fd':%d,'errno':'EBADF','inode':0,'dev':0", getpid(),
	       fd);
}

static void by_dup2(void)
{
	int fd = file_open(), null = open("/dev/null", O_RDONLY);
	const char *id = file_id(fd), *null_id = file_id(null);

	use(fd);
	need(dup2(null, fd) == fd);
	expect(1, "'type':'dup','pid':%d,'fd':%d,'ret':%d,'newfd':%d,'syscall':'dup2',%s", getpid(),
	       null, fd, fd, null_id);
	expect_use(getpid(), fd, id, "dup");
}

static void by_dup3(void)
{
	int fd = file_open(), null = open("/dev/null", O_RDONLY);
	const char *id = file_id(fd);

	use(fd);
	need(dup3(null, fd, O_CLOEXEC) == fd);
	expect(1, "'type':'dup','pid':%d,'fd':%d,'newfd':%d,'flags':%d,'syscall':'dup3'", getpid(),
	       null, fd, O_CLOEXEC);
	expect_use(getpid(), fd, id, "dup");
}

static void by_close_range(void)
{
	int fd = file_open();
	const char *id = file_id(fd);

	fd = fcntl(fd, F_DUPFD, 200);
	need(fd >= 200);
	use(fd);
	need(syscall(SYS_close_range, 200, 300, 0) == 0);
	expect(1, "'type':'close_range','pid':%d,'first_fd':200,'last_fd':300,'flags':0,'ret':0",
	       getpid());
	expect_use(getpid(), fd, id, "close_range");
}

/* Only marked: the descriptor stays until the next program. */
static void by_mark_and_exec(void)
{
	pid_t pid = fork();
	const char *id;
	int fd;

	if (pid == 0) {
		fd = open("file", O_RDWR | O_CREAT, 0600);
		fd = fcntl(fd, F_DUPFD, 200);
		id = file_id(fd);
		need(syscall(SYS_close_range, 200, 300, CLOSE_RANGE_CLOEXEC) == 0);
		expect(1, "'type':'close_range','pid':%d,'flags':%d", getpid(),
		       CLOSE_RANGE_CLOEXEC);
		use(fd);
		expect_use(getpid(), fd, id, "exec");
		execve("/bin/true", ARGV("true"), no_env);
		_exit(1);
	}
	need(expect_exit(pid) == 0);
}

static void by_cloexec(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		int fd = file_open();

		use(fd);
		expect_use(getpid(), fd, file_id(fd), "exec");
		execve("/bin/true", ARGV("true"), no_env);
		_exit(1);
	}
	need(expect_exit(pid) == 0);
}

/* Without the mark it lives on in the next program, and ends with it. */
static void past_exec(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		int fd = open("file", O_RDWR | O_CREAT, 0600);

		use(fd);
		expect_use(getpid(), fd, file_id(fd), "exit");
		execve("/bin/true", ARGV("true"), no_env);
		_exit(1);
	}
	need(expect_exit(pid) == 0);
}

static void by_exit(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		int fd = file_open();

		use(fd);
		expect_use(getpid(), fd, file_id(fd), "exit");
		_exit(0);
	}
	need(expect_exit(pid) == 0);
	pid = fork();
	if (pid == 0) {
		int fd = file_open();

		use(fd);
		expect_use(getpid(), fd, file_id(fd), "exit");
		kill(getpid(), SIGKILL);
	}
	expect_exit(pid);
}

/* The child's descriptors are its own, though the file is the same. */
static void inherited(void)
{
	int fd = file_open(), own;
	const char *id = file_id(fd);
	pid_t pid;

	use(fd);
	pid = fork();
	if (pid == 0) {
		use(fd);
		expect_use(getpid(), fd, id, "exit");
		_exit(0);
	}
	need(expect_exit(pid) == 0);
	close(fd);
	expect_use(getpid(), fd, id, "close");
	/* The number is free again; what gets it is another file. */
	own = open("/dev/zero", O_RDWR);
	need(own == fd);
	use(own);
	close(own);
	expect_use(getpid(), own, file_id(open("/dev/zero", O_RDONLY)), "close");
}

/* Two descriptors of one open file are two. */
static void copies(void)
{
	int fd = file_open(), a = dup(fd), b = fcntl(fd, F_DUPFD, 100);
	int c = fcntl(fd, F_DUPFD_CLOEXEC, 100);
	const char *id = file_id(fd);

	need(a >= 0 && b >= 100 && c > b);
	expect(1, "'type':'dup','pid':%d,'fd':%d,'ret':%d,'newfd':%d,'syscall':'dup',%s", getpid(),
	       fd, a, a, id);
	expect(1,
	       "'type':'dup','pid':%d,'fd':%d,'ret':%d,'newfd':%d,'syscall':'fcntl','flags':0,%s",
	       getpid(), fd, b, b, id);
	expect(1,
	       "'type':'dup','pid':%d,'fd':%d,'ret':%d,'newfd':%d,'syscall':'fcntl','flags':%d,%s",
	       getpid(), fd, c, c, O_CLOEXEC, id);
	expect(3, "'type':'dup','pid':%d", getpid());
	use(a);
	use(b);
	close(a);
	expect_use(getpid(), a, id, "close");
	close(b);
	expect_use(getpid(), b, id, "close");
	need(fcntl(fd, F_GETFD) >= 0);
}

static void message_fd(struct msghdr *message, char *control, size_t bytes, struct iovec *iov)
{
	*message = (struct msghdr){ .msg_iov = iov,
				    .msg_iovlen = 1,
				    .msg_control = control,
				    .msg_controllen = bytes };
}

/* Over a socket, to another process, in one message. */
static void passed(void)
{
	char control[CMSG_SPACE(2 * sizeof(int))] = { 0 };
	int pair[2], fd = file_open(), second = open("/dev/null", O_RDONLY), fds[2];
	struct iovec iov = { control, 1 };
	const char *id = file_id(fd);
	struct msghdr message;
	struct cmsghdr *head;
	pid_t pid;

	iov.iov_base = (char[]){ 'x' };
	need(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	pid = fork();
	if (pid == 0) {
		message_fd(&message, control, sizeof(control), &iov);
		need(recvmsg(pair[1], &message, 0) == 1);
		head = CMSG_FIRSTHDR(&message);
		need(head && head->cmsg_type == SCM_RIGHTS);
		memcpy(fds, CMSG_DATA(head), sizeof(fds));
		expect(1,
		       "'type':'pass','pid':%d,'fd':%d,'count':2,'fds':[%d,%d],"
		       "'direction':'received'",
		       getpid(), pair[1], fds[0], fds[1]);
		use(fds[0]);
		close(fds[0]);
		expect_use(getpid(), fds[0], id, "close");
		_exit(0);
	}
	message_fd(&message, control, sizeof(control), &iov);
	head = CMSG_FIRSTHDR(&message);
	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof(fds));
	fds[0] = fd;
	fds[1] = second;
	memcpy(CMSG_DATA(head), fds, sizeof(fds));
	need(sendmsg(pair[0], &message, 0) == 1);
	expect(1, "'type':'pass','pid':%d,'fd':%d,'count':2,'fds':[%d,%d],'direction':'sent'",
	       getpid(), pair[0], fd, second);
	need(expect_exit(pid) == 0);
}

/* A message without descriptors passes none. */
static void not_passed(void)
{
	int pair[2];
	char byte = 'x';
	struct iovec iov = { &byte, 1 };
	struct msghdr message;

	need(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	message_fd(&message, NULL, 0, &iov);
	need(sendmsg(pair[0], &message, 0) == 1 && recvmsg(pair[1], &message, 0) == 1);
	expect(0, "'type':'pass','pid':%d", getpid());
	expect(1, "'type':'send','pid':%d,'fd':%d,'ret':1", getpid(), pair[0]);
	expect(1, "'type':'recv','pid':%d,'fd':%d,'ret':1", getpid(), pair[1]);
}

static void taken(void)
{
	int fd = file_open(), pidfd, got;
	pid_t pid = fork();

	if (pid == 0) {
		pause();
		_exit(0);
	}
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	need(pidfd >= 0);
	got = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
	need(got >= 0);
	expect(1,
	       "'type':'pidfd_getfd','pid':%d,'ret':%d,'fd':%d,'pidfd':%d,'target_fd':%d,"
	       "'target':%d,%s",
	       getpid(), got, got, pidfd, fd, pid, file_id(fd));
	use(got);
	close(got);
	expect_use(getpid(), got, file_id(fd), "close");
	need(syscall(SYS_pidfd_getfd, pidfd, 9999, 0) == -1);
	expect(1, "'type':'pidfd_getfd','pid':%d,'target_fd':9999,'errno':'EBADF','target':%d",
	       getpid(), pid);
	need(syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0) == 0);
	expect(1,
	       "'type':'kill','pid':%d,'target':%d,'signal':9,'fd':%d,"
	       "'syscall':'pidfd_send_signal'",
	       getpid(), pid, pidfd);
	expect_exit(pid);
}

/* Failed reads and writes are no totals: they are told. */
static void failures(void)
{
	int fd = open("/dev/null", O_RDONLY);
	char byte;

	for (int i = 0; i < 3; i++)
		need(write(fd, "x", 1) == -1 && errno == EBADF);
	for (int i = 0; i < 3; i++)
		need(read(4321, &byte, 1) == -1 && errno == EBADF);
	expect_some("'type':'write','pid':%d,'fd':%d,'errno':'EBADF'", getpid(), fd);
	expect_some("'type':'read','pid':%d,'fd':4321,'errno':'EBADF','inode':0", getpid());
}

static void made_by(int fd, const char *call, const char *type)
{
	need(fd >= 0);
	expect(1, "'type':'%s','pid':%d,'ret':%d,'fd':%d,'syscall':'%s',%s", type, getpid(), fd, fd,
	       call, file_id(fd));
	need(close(fd) == 0);
}

/* What else makes a descriptor. Numbers go up, so that each is named once. */
static void others(void)
{
	int fds[2];

	need(open("/", O_RDONLY) >= 0);
	made_by(memfd_create("m", MFD_CLOEXEC), "memfd_create", "memfd_create");
	need(pipe2(fds, O_NONBLOCK) == 0);
	expect(1, "'type':'pipe','pid':%d,'fd':%d,'fd2':%d,'flags':%d,'syscall':'pipe2',%s",
	       getpid(), fds[0], fds[1], O_NONBLOCK, file_id(fds[0]));
	need(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, fds) == 0);
	expect(1,
	       "'type':'socket','pid':%d,'fd2':%d,'family':%d,'sock_type':%d,"
	       "'syscall':'socketpair'",
	       getpid(), fds[1], AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC);
}

static const struct trap traps[] = {
	{ "close", by_close },
	{ "dup2-over", by_dup2 },
	{ "dup3-over", by_dup3 },
	{ "close-range", by_close_range },
	{ "close-range-and-exec", by_mark_and_exec },
	{ "cloexec", by_cloexec },
	{ "past-exec", past_exec },
	{ "exit", by_exit },
	{ "inherited", inherited },
	{ "copies", copies },
	{ "passed", passed },
	{ "not-passed", not_passed },
	{ "taken", taken },
	{ "failures", failures },
	{ "others", others },
};

TRAPS_MAIN(traps)
