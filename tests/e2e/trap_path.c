/* SPDX-License-Identifier: BSD-2-Clause */
/* Whose path it is: each path_from, what the kernel made up, what nobody could read. */
#include <linux/fs.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/xattr.h>

#include "tests/e2e/expect.h"

/* Only a successful open leaves an object; where it lies is what links and dots come to. */
static void objects(void)
{
	int fd;

	need(mkdir("d", 0755) == 0);
	file_write("d/file", "some text", 0644);
	need(symlink("d/file", "link") == 0);
	fd = open("d/../link", O_RDONLY | O_CLOEXEC);
	need(fd >= 0);
	expect(1,
	       "'type':'open','pid':%d,'path':'%s/d/file','path_arg':'d/../link',"
	       "'path_from':'object','flags':%d,'ret':%d,'fd':%d,'syscall':'openat',%s",
	       getpid(), case_dir, O_RDONLY | O_CLOEXEC, fd, fd, file_id(fd));
	fd = open("/proc/self/cwd/d/file", O_RDONLY);
	need(fd >= 0);
	expect(1,
	       "'type':'open','pid':%d,'path':'%s/d/file','path_arg':'/proc/self/cwd/d/file',"
	       "'path_from':'object','ret':%d",
	       getpid(), case_dir, fd);
	fd = (int)syscall(SYS_open, "d/file", O_RDWR);
	expect(1, "'type':'open','syscall':'open','pid':%d,'path':'%s/d/file','ret':%d,'flags':%d",
	       getpid(), case_dir, fd, O_RDWR);
	fd = (int)syscall(SYS_creat, "d/made", 0640);
	need(fd >= 0);
	expect(1,
	       "'type':'create','pid':%d,'path':'%s/d/made','path_arg':'d/made','mode':%d,"
	       "'path_from':'object','ret':%d,%s",
	       getpid(), case_dir, 0640, fd, file_id(fd));
	fd = open("/", O_RDONLY | O_DIRECTORY);
	expect(1, "'type':'open','pid':%d,'path':'/','path_arg!':1,'ret':%d", getpid(), fd);
	fd = open("/dev/null", O_RDONLY);
	expect(1, "'type':'open','pid':%d,'path':'/dev/null','path_arg!':1,'ret':%d,%s", getpid(),
	       fd, file_id(fd));
}

/* A name as it was passed, behind the directory that it is relative to. */
static void names(void)
{
	int dir, pid = getpid();

	need(mkdir("d", 0755) == 0 && mkdir("d/e", 0755) == 0);
	expect(1,
	       "'type':'mkdir','pid':%d,'path':'%s/d','path_arg':'d','path_from':'dir+name',"
	       "'mode':%d,'ret':0",
	       pid, case_dir, 0755);
	dir = open("d", O_RDONLY | O_DIRECTORY);
	need(mkdirat(dir, "./e/../f", 0700) == 0);
	expect(1,
	       "'type':'mkdir','pid':%d,'path':'%s/d/./e/../f','path_arg':'./e/../f',"
	       "'path_from':'dir+name','ret':0,'syscall':'mkdirat'",
	       pid, case_dir);
	need(openat(dir, "missing", O_RDONLY) == -1);
	expect(1,
	       "'type':'open','pid':%d,'path':'%s/d/missing','path_arg':'missing',"
	       "'path_from':'dir+name','errno':'ENOENT','fd':null,'inode':0",
	       pid, case_dir);
	need(openat(999, "missing", O_RDONLY) == -1);
	expect(1,
	       "'type':'open','pid':%d,'path':'missing','path_arg!':1,'path_from':'passed',"
	       "'errno':'EBADF'",
	       pid);
	need(mkdir("/nonexistent/d", 0755) == -1);
	expect(1,
	       "'type':'mkdir','pid':%d,'path':'/nonexistent/d','path_arg!':1,"
	       "'path_from':'passed','errno':'ENOENT'",
	       pid);
	need(chdir("/") == 0 && mkdir("proc", 0755) == -1);
	expect(1, "'type':'mkdir','pid':%d,'path':'/proc','path_arg':'proc','errno':'EEXIST'", pid);
}

static void two_names(void)
{
	int pid = getpid(), d, e;

	need(mkdir("d", 0755) == 0 && mkdir("e", 0755) == 0);
	d = open("d", O_RDONLY | O_DIRECTORY);
	e = open("e", O_RDONLY | O_DIRECTORY);
	file_write("d/one", "1", 0644);
	need(renameat(d, "one", e, "two") == 0);
	expect(1,
	       "'type':'rename','pid':%d,'oldpath':'%s/d/one','oldpath_arg':'one',"
	       "'oldpath_from':'dir+name','path':'%s/e/two','path_arg':'two',"
	       "'path_from':'dir+name','flags':0,'ret':0,'syscall':'renameat'",
	       pid, case_dir, case_dir);
	need(rename("e/two", "/nonexistent/three") == -1);
	expect(1,
	       "'type':'rename','pid':%d,'oldpath':'%s/e/two','oldpath_from':'dir+name',"
	       "'path':'/nonexistent/three','path_from':'passed','errno':'ENOENT'",
	       pid, case_dir);
	need(syscall(SYS_renameat2, e, "two", d, "one", 1) == 0);
	expect(1,
	       "'type':'rename','pid':%d,'oldpath':'%s/e/two','path':'%s/d/one','flags':1,"
	       "'syscall':'renameat2'",
	       pid, case_dir, case_dir);
	need(linkat(d, "one", AT_FDCWD, "linked", AT_SYMLINK_FOLLOW) == 0);
	expect(1,
	       "'type':'link','pid':%d,'oldpath':'%s/d/one','path':'%s/linked','flags':%d,'ret':0",
	       pid, case_dir, case_dir, AT_SYMLINK_FOLLOW);
	need(symlinkat("any thing", e, "sym") == 0);
	expect(1,
	       "'type':'symlink','pid':%d,'link_target':'any thing','path':'%s/e/sym',"
	       "'path_arg':'sym','path_from':'dir+name','ret':0",
	       pid, case_dir);
	need(unlinkat(e, "sym", 0) == 0);
	expect(1, "'type':'unlink','pid':%d,'path':'%s/e/sym','flags':0,'ret':0", pid, case_dir);
	need(unlinkat(AT_FDCWD, "e", AT_REMOVEDIR) == 0);
	expect(1, "'type':'unlink','pid':%d,'path':'%s/e','flags':%d,'ret':0", pid, case_dir,
	       AT_REMOVEDIR);
	need(rmdir("d") == -1);
	expect(1, "'type':'rmdir','pid':%d,'path':'%s/d','errno':'ENOTEMPTY'", pid, case_dir);
	need(mknod("fifo", S_IFIFO | 0600, 0) == 0);
	expect(1, "'type':'mknod','pid':%d,'path':'%s/fifo','mode':%d,'device':0,'ret':0", pid,
	       case_dir, S_IFIFO | 0600);
	if (mknod("null", S_IFCHR | 0600, makedev(1, 3)) == 0)
		expect(1, "'type':'mknod','pid':%d,'path':'%s/null','mode':%d,'device':%d", pid,
		       case_dir, S_IFCHR | 0600, 1 << 20 | 3);
}

/* Calls on a descriptor, or on an empty name with one: it is the object that they are about. */
static void descriptors(void)
{
	struct timespec times[2] = { { 1000000000, 5 }, { 1100000000, 7 } };
	int pid = getpid(), fd, flags = 0;

	file_write("file", "text", 0644);
	fd = open("file", O_RDWR);
	need(fchmod(fd, 0600) == 0);
	expect(1,
	       "'type':'chmod','pid':%d,'path':'%s/file','path_arg!':1,'path_from':'object',"
	       "'fd':%d,'mode':%d,'ret':0,'syscall':'fchmod',%s",
	       pid, case_dir, fd, 0600, file_id(fd));
	need(fchown(fd, 12, 34) == 0);
	expect(1,
	       "'type':'chown','pid':%d,'path':'%s/file','path_from':'object','fd':%d,"
	       "'owner':12,'group':34,'ret':0,%s",
	       pid, case_dir, fd, file_id(fd));
	need(syscall(SYS_fchownat, fd, "", -1, 5, AT_EMPTY_PATH) == 0);
	expect(1,
	       "'type':'chown','pid':%d,'path':'%s/file','path_from':'object','owner':-1,"
	       "'group':5,'flags':%d,'ret':0",
	       pid, case_dir, AT_EMPTY_PATH);
	need(ftruncate(fd, 7) == 0);
	expect(1,
	       "'type':'truncate','pid':%d,'path':'%s/file','path_from':'object','fd':%d,"
	       "'size':7,%s",
	       pid, case_dir, fd, file_id(fd));
	need(futimens(fd, times) == 0);
	expect(1,
	       "'type':'utimes','pid':%d,'path':'%s/file','path_from':'object',"
	       "'atime':1000000000000000005,'mtime':1100000000000000007,'ret':0",
	       pid, case_dir);
	need(fsetxattr(fd, "trusted.name", "value", 5, XATTR_CREATE) == 0);
	expect(1,
	       "'type':'setxattr','pid':%d,'path':'%s/file','fd':%d,'name':'trusted.name',"
	       "'value':'value','flags':%d,'removed':false,'ret':0",
	       pid, case_dir, fd, XATTR_CREATE);
	need(fremovexattr(fd, "trusted.name") == 0);
	expect(1,
	       "'type':'setxattr','pid':%d,'path':'%s/file','fd':%d,'name':'trusted.name',"
	       "'removed':true,'ret':0",
	       pid, case_dir, fd);
	if (ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0 && ioctl(fd, FS_IOC_SETFLAGS, &flags) == 0)
		expect(1,
		       "'type':'setflags','pid':%d,'path':'%s/file','fd':%d,'flags':%d,'ret':0,"
		       "'syscall':'ioctl'",
		       pid, case_dir, fd, flags);
	need(chmod("file", 0640) == 0 && fchmodat(AT_FDCWD, "missing", 0640, 0) == -1);
	expect(1, "'type':'chmod','pid':%d,'path':'%s/file','path_arg':'file','mode':%d", pid,
	       case_dir, 0640);
	expect(1, "'type':'chmod','pid':%d,'path':'%s/missing','errno':'ENOENT'", pid, case_dir);
	need(truncate("file", 3) == 0);
	expect(1, "'type':'truncate','pid':%d,'path':'%s/file','path_arg':'file','size':3", pid,
	       case_dir);
	need(fchmod(12345, 0600) == -1);
	expect(1, "'type':'chmod','pid':%d,'fd':12345,'errno':'EBADF','inode':0", pid);
}

/* What lies in no directory has the name that /proc/PID/fd shows. */
static void expect_chmod(int fd, const char *what)
{
	int pid = getpid();
	char path[64], name[200] = "";

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	need(readlink(path, name, sizeof(name) - 1) > 0);
	need(strstr(name, what));
	fchmod(fd, 0600);
	expect(1, "'type':'chmod','pid':%d,'fd':%d,'path':'%s','path_from':'object',%s", pid, fd,
	       name, file_id(fd));
}

static void unnamed(void)
{
	int fds[2], fd;

	need(pipe(fds) == 0);
	expect_chmod(fds[0], "pipe:[");
	need(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
	expect_chmod(fds[0], "socket:[");
	expect_chmod((int)syscall(SYS_eventfd2, 0, 0), "anon_inode:[eventfd]");
	expect_chmod(memfd_create("some memory", 0), "/memfd:some memory (deleted)");
	file_write("gone", "x", 0600);
	fd = open("gone", O_RDWR);
	need(fd >= 0 && unlink("gone") == 0);
	expect_chmod(fd, "/gone (deleted)");
	fd = open(".", O_TMPFILE | O_RDWR, 0600);
	if (fd >= 0)
		expect_chmod(fd, " (deleted)");
}

/* Bytes that are no text, and characters that a reader of lines would stumble over. */
static void odd_names(void)
{
	int fd = open("odd\xff\xfe\"\n\\", O_RDWR | O_CREAT, 0600);

	need(fd >= 0);
	expect(1, "'type':'open','pid':%d,'ret':%d,'path_arg_hex':'6f6464fffe220a5c'", getpid(),
	       fd);
	fd = open("caf\xc3\xa9 \t\x01", O_RDWR | O_CREAT, 0600);
	need(fd >= 0);
	expect(1, "'type':'open','pid':%d,'ret':%d,'path':'%s/caf\xc3\xa9 \\t\\u0001'", getpid(),
	       fd, case_dir);
}

static void faults(void)
{
	char *page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int pid = getpid(), fd = open("/dev/null", O_WRONLY);

	need(page != MAP_FAILED && fd >= 0);
	need(syscall(SYS_mkdir, page, 0711) == -1 && errno == EFAULT);
	expect(1, "'type':'mkdir','pid':%d,'errno':'EFAULT','fault':true,'path':'','mode':%d", pid,
	       0711);
	need(syscall(SYS_openat, AT_FDCWD, page, O_RDONLY) == -1);
	expect(1, "'type':'open','pid':%d,'errno':'EFAULT','fault':true,'path':''", pid);
	need(syscall(SYS_rename, page, "to") == -1);
	expect(1,
	       "'type':'rename','pid':%d,'errno':'EFAULT','fault':true,'oldpath':'',"
	       "'path':'%s/to'",
	       pid, case_dir);
	need(syscall(SYS_execve, page, NULL, NULL) == -1);
	expect(1, "'type':'exec','pid':%d,'errno':'EFAULT','fault':true,'path':''", pid);
	need(syscall(SYS_connect, socket(AF_INET, SOCK_STREAM, 0), page, 16) == -1);
	expect(1, "'type':'connect','pid':%d,'errno':'EFAULT','fault':true", pid);
	/* The call itself does not look at the data, so that nobody brings it in. */
	need(syscall(SYS_write, fd, page, 33) == 33);
	expect(1, "'type':'write','pid':%d,'fd':%d,'ret':33,'count':33,'fault':true,'content!':1",
	       pid, fd);
	expect(0, "'type':'write','pid':%d,'fd':%d,'fault!':1", pid, fd);
}

/* A path that no path can be: its end is there, and it is said that something is missing. */
static void deep(void)
{
	char name[201];
	int fd;

	memset(name, 'x', 200);
	name[200] = '\0';
	for (int i = 0; i < 25; i++)
		need(mkdir(name, 0755) == 0 && chdir(name) == 0);
	fd = open("file", O_RDWR | O_CREAT, 0600);
	need(fd >= 0);
	expect(1, "'type':'open','pid':%d,'ret':%d,'path_arg':'file','truncated':true,%s", getpid(),
	       fd, file_id(fd));
	need(mkdir("end", 0755) == 0);
	expect(1, "'type':'mkdir','pid':%d,'path~':'.*end','ret':0", getpid());
	need(chdir(case_dir) == 0);
	/* Many short names are no shorter. */
	for (int i = 0; i < 200; i++)
		need(mkdir("d", 0755) == 0 && chdir("d") == 0);
	fd = open("file", O_RDWR | O_CREAT, 0600);
	need(fd >= 0);
	expect(1, "'type':'open','pid':%d,'ret':%d,'path~':'.*(/d){100}/file'", getpid(), fd);
	expect(0, "'type':'open','pid':%d,'ret':%d,'path~':'(/d)*/file','truncated!':1", getpid(),
	       fd);
}

struct race {
	int target, other;
	volatile int round, done;
};

/* Waits for the file to be there, and puts the other in its place. */
static void *race_run(void *arg)
{
	struct race *race = arg;

	for (int i = 1; race->round >= 0; i++) {
		while (race->round < i && race->round >= 0)
			;
		while (race->round >= 0 && fcntl(race->target, F_GETFD) < 0)
			;
		dup2(race->other, race->target);
		race->done = i;
	}
	return NULL;
}

/*
 * Another thread puts another file in the place of the one that was just opened, while its path,
 * which is a long one, is being walked. That this is seen, sooner or later, is all that can be
 * said.
 */
static void raced(void)
{
	struct race race = { 0 };
	pthread_t thread;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2) {
		case_skip("needs two CPUs");
		return;
	}
	for (int i = 0; i < 100; i++)
		need(mkdir("d", 0755) == 0 && chdir("d") == 0);
	file_write("file", "x", 0600);
	race.other = open("/dev/null", O_RDONLY);
	race.target = race.other + 1;
	need(pthread_create(&thread, NULL, race_run, &race) == 0);
	for (int i = 1; i <= 5000; i++) {
		race.round = i;
		need(open("file", O_RDONLY) == race.target);
		while (race.done < i)
			;
		close(race.target);
	}
	race.round = -1;
	pthread_join(thread, NULL);
	expect_some("'type':'open','pid':%d,'ret':%d,'raced':true", getpid(), race.target);
}

static const struct trap traps[] = {
	{ "objects", objects },		{ "names", names },	{ "two-names", two_names },
	{ "descriptors", descriptors }, { "unnamed", unnamed }, { "odd-names", odd_names },
	{ "faults", faults },		{ "deep", deep },	{ "raced", raced },
};

TRAPS_MAIN(traps)
