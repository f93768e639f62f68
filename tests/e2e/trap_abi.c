/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls of other ABIs, made by a program of 64 bit: int 0x80 has other numbers, other registers and
 * narrow pointers; x32 calls have a bit in their number. A number alone says nothing.
 */
#include <netinet/in.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "tests/e2e/expect.h"

/* Numbers of i386. */
enum {
	I386_OPEN = 5,
	I386_CLOSE = 6,
	I386_WRITE = 4,
	I386_UNLINK = 10,
	I386_EXECVE = 11,
	I386_CHMOD = 15,
	I386_KILL = 37,
	I386_RENAME = 38,
	I386_MKDIR = 39,
	I386_DUP2 = 63,
	I386_FORK = 2,
	I386_EXIT = 1,
	I386_SOCKETCALL = 102,
	I386_WRITEV = 146,
	I386_MMAP2 = 192,
	I386_TRUNCATE64 = 193,
	I386_FTRUNCATE64 = 194,
	I386_CHOWN32 = 212,
	I386_SETRESUID32 = 208,
	I386_FCNTL64 = 221,
	I386_OPENAT = 295,
	I386_UTIMENSAT = 320,
	I386_CONNECT = 362,
	I386_SENDMSG = 370,
};

enum { X32 = 0x40000000 };

/* Room below 4 GiB, for what a narrow pointer must reach. */
static char *low;
static size_t low_used;

static uint32_t low_put(const void *bytes, size_t n)
{
	char *at;

	if (!low) {
		low = mmap(NULL, 65536, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
		need(low != MAP_FAILED);
	}
	at = low + low_used;
	memcpy(at, bytes, n);
	low_used += (n + 15) & ~(size_t)15;
	return (uint32_t)(uintptr_t)at;
}

static uint32_t low_text(const char *text)
{
	return low_put(text, strlen(text) + 1);
}

/* Arguments that do not fit are cut by the kernel, not by us: the upper halves are full of ones. */
static long int80(int number, uint32_t a, uint32_t b, uint32_t c, uint32_t d, uint32_t e)
{
	const uint64_t dirt = 0xdeadbeefull << 32;
	long ret;

	__asm__ volatile("int $0x80"
			 : "=a"(ret)
			 : "a"((long)number), "b"(dirt | a), "c"(dirt | b), "d"(dirt | c),
			   "S"(dirt | d), "D"(dirt | e)
			 : "memory", "r8", "r9", "r10", "r11");
	return (int32_t)ret;
}

/* Where the kernel has no such ABI, the first call says so. */
static bool has_int80(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(int80(I386_CLOSE, (uint32_t)-1, 0, 0, 0, 0) != -EBADF);
	need(waitpid(pid, &status, 0) == pid);
	if (status == 0)
		return true;
	case_skip("this kernel has no i386 calls");
	return false;
}

static void int80_files(void)
{
	uint32_t name = low_text("file"), other = low_text("other"), dir = low_text("dir");
	int pid = getpid();
	long fd;

	if (!has_int80())
		return;
	fd = int80(I386_OPEN, name, O_RDWR | O_CREAT, 0600, 0, 0);
	need(fd >= 0);
	expect(1,
	       "'type':'open','abi':'i386','syscall':'open','pid':%d,'path':'%s/file','ret':%ld,"
	       "'fd':%ld,'flags':%d,'path_arg':'file',%s",
	       pid, case_dir, fd, fd, O_RDWR | O_CREAT, file_id((int)fd));
	need(int80(I386_OPENAT, (uint32_t)AT_FDCWD, low_text("missing"), O_RDONLY, 0, 0) ==
	     -ENOENT);
	expect(1,
	       "'type':'open','abi':'i386','syscall':'openat','pid':%d,'path':'%s/missing',"
	       "'errno':'ENOENT','path_from':'dir+name'",
	       pid, case_dir);
	need(int80(I386_RENAME, name, other, 0, 0, 0) == 0);
	expect(1,
	       "'type':'rename','abi':'i386','pid':%d,'oldpath':'%s/file','path':'%s/other',"
	       "'ret':0",
	       pid, case_dir, case_dir);
	need(int80(I386_CHMOD, other, 0640, 0, 0, 0) == 0);
	expect(1, "'type':'chmod','abi':'i386','pid':%d,'path':'%s/other','mode':%d,'ret':0", pid,
	       case_dir, 0640);
	need(int80(I386_CHOWN32, other, 70000, 80000, 0, 0) == 0);
	expect(1,
	       "'type':'chown','abi':'i386','pid':%d,'path':'%s/other','owner':70000,"
	       "'group':80000,'syscall':'chown32'",
	       pid, case_dir);
	/* A length of two halves. */
	need(int80(I386_TRUNCATE64, other, 5, 1, 0, 0) == 0);
	expect(1,
	       "'type':'truncate','abi':'i386','pid':%d,'path':'%s/other','size':4294967301,"
	       "'syscall':'truncate64'",
	       pid, case_dir);
	need(int80(I386_FTRUNCATE64, (uint32_t)fd, 7, 0, 0, 0) == 0);
	expect(1,
	       "'type':'truncate','abi':'i386','pid':%d,'fd':%ld,'size':7,"
	       "'syscall':'ftruncate64'",
	       pid, fd);
	need(int80(I386_MKDIR, dir, 0700, 0, 0, 0) == 0);
	expect(1, "'type':'mkdir','abi':'i386','pid':%d,'path':'%s/dir','mode':%d", pid, case_dir,
	       0700);
	need(int80(I386_UNLINK, other, 0, 0, 0, 0) == 0);
	expect(1, "'type':'unlink','abi':'i386','pid':%d,'path':'%s/other','ret':0", pid, case_dir);
	need(int80(I386_CLOSE, (uint32_t)fd, 0, 0, 0, 0) == 0);
	expect(1, "'type':'close','abi':'i386','pid':%d,'fd':%ld,'ret':0", pid, fd);
	/* Its numbers are other calls in the other table: none of those happened. */
	expect(0, "'type':'rename','abi!':0,'pid':%d", pid);
}

static void int80_pointers(void)
{
	struct {
		uint32_t base, length;
	} iov[2];
	struct {
		int32_t atime, atime_ns, mtime, mtime_ns;
	} times = { 1000000000, 5, 1100000000, 7 };
	int pid = getpid();
	uint32_t name;
	long fd;

	if (!has_int80())
		return;
	name = low_text("file");
	fd = int80(I386_OPEN, name, O_RDWR | O_CREAT, 0600, 0, 0);
	iov[0].base = low_text("first ");
	iov[0].length = 6;
	iov[1].base = low_text("second");
	iov[1].length = 6;
	need(int80(I386_WRITEV, (uint32_t)fd, low_put(iov, sizeof(iov)), 2, 0, 0) == 12);
	expect(1,
	       "'type':'write','abi':'i386','pid':%d,'fd':%ld,'ret':12,'content':'first second',"
	       "'syscall':'writev'",
	       pid, fd);
	need(int80(I386_UTIMENSAT, (uint32_t)AT_FDCWD, name, low_put(&times, sizeof(times)), 0,
		   0) == 0);
	expect(1,
	       "'type':'utimes','abi':'i386','pid':%d,'path':'%s/file',"
	       "'atime':1000000000000000005,'mtime':1100000000000000007",
	       pid, case_dir);
	/* Cut to 32 bit this is a good address; as it was passed it is none. */
	need(int80(I386_MKDIR, 16, 0700, 0, 0, 0) == -EFAULT);
	expect(1, "'type':'mkdir','abi':'i386','pid':%d,'errno':'EFAULT','fault':true", pid);
	need(int80(I386_DUP2, (uint32_t)fd, 50, 0, 0, 0) == 50);
	expect(1, "'type':'dup','abi':'i386','pid':%d,'fd':%ld,'newfd':50,'syscall':'dup2'", pid,
	       fd);
	need(int80(I386_FCNTL64, (uint32_t)fd, F_DUPFD, 60, 0, 0) == 60);
	expect(1, "'type':'dup','abi':'i386','pid':%d,'fd':%ld,'newfd':60,'syscall':'fcntl64'", pid,
	       fd);
	need(int80(I386_KILL, (uint32_t)pid, 0, 0, 0, 0) == 0);
	expect(1, "'type':'kill','abi':'i386','pid':%d,'target':%d,'signal':0,'ret':0", pid, pid);
	need(int80(I386_SETRESUID32, -1u, -1u, -1u, 0, 0) == 0);
	expect(1, "'type':'setuid','abi':'i386','pid':%d,'uid':0,'ret':0,'syscall':'setresuid32'",
	       pid);
	fd = open("/bin/true", O_RDONLY);
	need(fd >= 0);
	int80(I386_MMAP2, 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, (uint32_t)fd);
	expect(1,
	       "'type':'mmap','abi':'i386','pid':%d,'fd':%ld,'length':4096,'prot':%d,"
	       "'path~':'.*/bin/true','syscall':'mmap2'",
	       pid, fd, PROT_READ | PROT_EXEC);
}

static void int80_net(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(9),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	uint32_t args[3] = { AF_INET, SOCK_DGRAM, 0 }, address = low_put(&to, sizeof(to));
	struct {
		uint32_t base, length;
	} iov = { low_text("text"), 4 };
	struct {
		uint32_t name;
		int32_t name_length;
		uint32_t iov, iov_length, control, control_length, flags;
	} message = { address, sizeof(to), low_put(&iov, sizeof(iov)), 1, 0, 0, 0 };
	int pid = getpid();
	long fd;

	if (!has_int80())
		return;
	/* All of the old socket calls are one, with the arguments in memory. */
	fd = int80(I386_SOCKETCALL, 1, low_put(args, sizeof(args)), 0, 0, 0);
	need(fd >= 0);
	expect(1,
	       "'type':'socket','abi':'i386','pid':%d,'ret':%ld,'family':2,'sock_type':2,"
	       "'syscall':'socketcall'",
	       pid, fd);
	args[0] = (uint32_t)fd;
	args[1] = address;
	args[2] = sizeof(to);
	need(int80(I386_SOCKETCALL, 3, low_put(args, sizeof(args)), 0, 0, 0) == 0);
	expect(1,
	       "'type':'connect','abi':'i386','pid':%d,'fd':%ld,'addr':'127.0.0.1','port':9,"
	       "'ret':0,'syscall':'socketcall'",
	       pid, fd);
	need(int80(I386_CONNECT, (uint32_t)fd, address, sizeof(to), 0, 0) == 0);
	expect(1,
	       "'type':'connect','abi':'i386','pid':%d,'fd':%ld,'addr':'127.0.0.1','port':9,"
	       "'ret':0,'syscall':'connect'",
	       pid, fd);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	need(int80(I386_SENDMSG, (uint32_t)fd, low_put(&message, sizeof(message)), 0, 0, 0) == 4);
	expect(1,
	       "'type':'send','abi':'i386','pid':%d,'fd':%ld,'addr':'127.0.0.1','port':9,'ret':4,"
	       "'syscall':'sendmsg'",
	       pid, fd);
}

static void int80_exec(void)
{
	uint32_t argv[3] = { low_text("narrow"), low_text("argument"), 0 }, at;
	pid_t pid;

	if (!has_int80())
		return;
	at = low_put(argv, sizeof(argv));
	need(int80(I386_EXECVE, low_text("/nonexistent"), at, 0, 0, 0) == -ENOENT);
	expect(1,
	       "'type':'exec','abi':'i386','pid':%d,'errno':'ENOENT','path':'/nonexistent',"
	       "'argv':['narrow','argument']",
	       getpid());
	pid = fork();
	if (pid == 0) {
		int80(I386_EXECVE, low_text("/bin/true"), at, 0, 0, 0);
		_exit(1);
	}
	need(expect_exit(pid) == 0);
	expect(1, "'type':'exec','pid':%d,'ret':0,'argv':['narrow','argument'],'argv_arg!':0", pid);
	expect(1, "'type':'exec','pid':%d", pid);
	pid = (pid_t)int80(I386_FORK, 0, 0, 0, 0, 0);
	if (pid == 0)
		int80(I386_EXIT, 5, 0, 0, 0, 0);
	need(pid > 0);
	expect_exit(pid);
	expect(1, "'type':'fork','abi':'i386','pid':%d,'ret':%d,'child':%d,'syscall':'fork'",
	       getpid(), pid, pid);
	expect(0, "'type':'fork','pid':%d", pid);
}

/* Whether the kernel has it or not: it was this call, and this is how it ended. */
static void x32(void)
{
	char name[] = "made", program[] = "/nonexistent"; /* nobody else may look at them */
	long ret = syscall(SYS_mkdir | X32, name, 0700);
	const char *error = ret < 0 ? strerrorname_np(errno) : NULL;
	int pid = getpid();

	if (error)
		expect(1,
		       "'type':'mkdir','abi':'x32','syscall':'mkdir','pid':%d,'errno':'%s',"
		       "'path':'%s/made'",
		       pid, error, case_dir);
	else
		expect(1,
		       "'type':'mkdir','abi':'x32','syscall':'mkdir','pid':%d,'ret':0,"
		       "'path':'%s/made'",
		       pid, case_dir);
	ret = syscall(SYS_openat | X32, AT_FDCWD, "missing", O_RDONLY);
	need(ret == -1);
	expect(1, "'type':'open','abi':'x32','syscall':'openat','pid':%d,'errno':'%s'", pid,
	       strerrorname_np(errno));
	/* 512 and up are x32's own numbers: 520 is execve there. */
	ret = syscall(520 | X32, program, NULL, NULL);
	need(ret == -1);
	expect(1,
	       "'type':'exec','abi':'x32','syscall':'execve','pid':%d,'errno':'%s',"
	       "'path':'/nonexistent'",
	       pid, strerrorname_np(errno));
	expect(0, "'type':'mkdir','abi!':0,'pid':%d", pid);
}

/* Numbers that no table has, in each of them, are no event and do no harm. */
static void no_calls(void)
{
	need(syscall(1000) == -1 && errno == ENOSYS);
	need(syscall(0x3fffffff) == -1 && errno == ENOSYS);
	need(syscall(-7) == -1);
	need(syscall(X32 | 4000) == -1);
	if (has_int80())
		need(int80(3000, 0, 0, 0, 0, 0) == -ENOSYS);
	need(mkdir("after", 0700) == 0);
	expect(1, "'type':'mkdir','pid':%d,'path':'%s/after','abi!':0", getpid(), case_dir);
}

static const struct trap traps[] = {
	{ "int80-files", int80_files },
	{ "int80-pointers", int80_pointers },
	{ "int80-net", int80_net },
	{ "int80-exec", int80_exec },
	{ "x32", x32 },
	{ "no-calls", no_calls },
};

TRAPS_MAIN(traps)
