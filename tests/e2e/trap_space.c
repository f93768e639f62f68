/* SPDX-License-Identifier: BSD-2-Clause */
/* Other namespaces, other roots, other groups: whose names and numbers an event has. */
#include <grp.h>
#include <sys/mount.h>
#include <sys/prctl.h>

#include "tests/e2e/expect.h"

static unsigned long namespace_of(const char *name)
{
	struct stat st;
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/ns/%s", name);
	need(stat(path, &st) == 0);
	return st.st_ino;
}

/* A second process of a new PID namespace, which knows itself and its child by other numbers. */
static void pid_namespace(void)
{
	pid_t parent = getpid(), pid;

	need(unshare(CLONE_NEWPID) == 0);
	pid = fork();
	if (pid == 0) {
		pid_t outside = pid_outside(), inside;
		int fds[2];
		char byte;

		need(getpid() == 1 && pipe(fds) == 0);
		expect(1, "'type':'fork','child':%d,'vpid':1,'pid_ns':%lu,'pid':%d", outside,
		       namespace_of("pid"), parent);
		inside = fork();
		if (inside == 0) {
			pid_t grandchild = pid_outside();

			need(getpid() == 2);
			mkdir("inside", 0755);
			expect(1, "'type':'mkdir','pid':%d,'tid':%d,'path':'%s/inside'", grandchild,
			       grandchild, case_dir);
			expect(1, "'type':'fork','pid':%d,'ret':2,'child':%d,'vpid':2", outside,
			       grandchild);
			expect(1, "'type':'exit','pid':%d,'signal':9", grandchild);
			need(write(fds[1], "x", 1) == 1);
			pause();
		}
		need(read(fds[0], &byte, 1) == 1);
		need(kill(inside, SIGKILL) == 0);
		waitpid(inside, NULL, 0);
		/* What the program saw stays as it saw it. */
		expect(1, "'type':'kill','pid':%d,'target':2,'signal':9,'ret':0", outside);
		_exit(12);
	}
	need(WEXITSTATUS(expect_exit(pid)) == 12);
	expect(1, "'type':'unshare','pid':%d,'flags':%d,'ret':0", getpid(), CLONE_NEWPID);
}

/* The child's parent is outside of the namespace, where its own number is 0. The number of the
 * namespace may be that of one that is gone. */
static void pid_namespace_of_fork(void)
{
	unsigned long old = namespace_of("pid");
	pid_t parent = getpid();
	pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWPID | CLONE_NEWNS | SIGCHLD, 0, 0, 0, 0);

	if (pid == 0) {
		need(namespace_of("pid") != old);
		expect(1, "'type':'fork','pid':%d,'vpid':1,'pid_ns':%lu", parent,
		       namespace_of("pid"));
		_exit(0);
	}
	need(pid > 0);
	expect_exit(pid);
	expect(1, "'type':'fork','pid':%d,'child':%d,'ret':%d,'vpid':1,'clone_flags':%d", getpid(),
	       pid, pid, CLONE_NEWPID | CLONE_NEWNS);
}

/* Paths go to the root of the mount namespace, past that of the process. */
static void chrooted(void)
{
	int outside = open(".", O_RDONLY | O_DIRECTORY), fd;

	need(mkdir("root", 0755) == 0 && mkdir("root/sub", 0755) == 0);
	file_write("root/sub/file", "x", 0644);
	need(chroot("root") == 0 && chdir("/sub") == 0);
	expect(1,
	       "'type':'chroot','pid':%d,'path':'%s/root','path_arg':'root','path_from':'object',"
	       "'ret':0",
	       getpid(), case_dir);
	expect(1,
	       "'type':'chdir','pid':%d,'path':'%s/root/sub','path_arg':'/sub',"
	       "'path_from':'object'",
	       getpid(), case_dir);
	fd = open("/sub/file", O_RDONLY);
	need(fd >= 0);
	expect(1,
	       "'type':'open','pid':%d,'path':'%s/root/sub/file','path_arg':'/sub/file',"
	       "'path_from':'object','ret':%d,%s",
	       getpid(), case_dir, fd, file_id(fd));
	need(open("/missing", O_RDONLY) == -1);
	expect(1,
	       "'type':'open','pid':%d,'path':'%s/root/missing','path_arg':'/missing',"
	       "'path_from':'dir+name','errno':'ENOENT'",
	       getpid(), case_dir);
	need(mkdir("made", 0755) == 0);
	expect(1, "'type':'mkdir','pid':%d,'path':'%s/root/sub/made','path_arg':'made'", getpid(),
	       case_dir);
	need(mkdirat(outside, "outside", 0755) == 0);
	expect(1, "'type':'mkdir','pid':%d,'path':'%s/outside','path_arg':'outside'", getpid(),
	       case_dir);
	need(chroot("/missing") == -1);
	expect(1,
	       "'type':'chroot','pid':%d,'path':'%s/root/missing','path_arg':'/missing',"
	       "'errno':'ENOENT','path_from':'dir+name'",
	       getpid(), case_dir);
}

/* A file system mounted where nobody else sees it; mounts on mounts are crossed. */
static void mount_namespace(void)
{
	int fd;

	need(unshare(CLONE_NEWNS) == 0);
	expect(1, "'type':'unshare','pid':%d,'flags':%d,'mnt_ns':%lu,'ret':0", getpid(),
	       CLONE_NEWNS, namespace_of("mnt"));
	need(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	need(mkdir("m", 0755) == 0);
	need(mount("source", "m", "tmpfs", MS_NOSUID, "size=64k") == 0);
	expect(1,
	       "'type':'mount','pid':%d,'path':'%s/m','path_arg':'m','source':'source',"
	       "'fstype':'tmpfs','data':'size=64k','flags':%d,'ret':0",
	       getpid(), case_dir, MS_NOSUID);
	need(mkdir("m/n", 0755) == 0);
	need(mount("none", "m/n", "tmpfs", 0, NULL) == 0);
	fd = open("m/n/file", O_RDWR | O_CREAT, 0600);
	need(fd >= 0);
	expect(1, "'type':'open','pid':%d,'path':'%s/m/n/file','path_arg':'m/n/file',%s", getpid(),
	       case_dir, file_id(fd));
	need(umount2("m/n", MNT_DETACH) == 0);
	expect(1, "'type':'umount','pid':%d,'path':'%s/m/n','path_arg':'m/n','flags':%d,'ret':0",
	       getpid(), case_dir, MNT_DETACH);
	/* A bind mount shows the file where it was opened. */
	need(mkdir("b", 0755) == 0);
	need(mount("m", "b", NULL, MS_BIND, NULL) == 0);
	fd = open("b/bound", O_RDWR | O_CREAT, 0600);
	need(fd >= 0);
	expect(1, "'type':'open','pid':%d,'path':'%s/b/bound'", getpid(), case_dir);
	need(umount2("nowhere", 0) == -1);
	expect(1, "'type':'umount','pid':%d,'errno':'ENOENT','path':'%s/nowhere'", getpid(),
	       case_dir);
}

static void pivoted(void)
{
	int fd;

	need(unshare(CLONE_NEWNS) == 0);
	need(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	need(mkdir("new", 0755) == 0);
	need(mount("none", "new", "tmpfs", 0, NULL) == 0);
	need(mkdir("new/old", 0755) == 0);
	need(syscall(SYS_pivot_root, "new", "new/old") == 0);
	expect(1, "'type':'pivot_root','pid':%d,'path~':'.*new','put_old~':'.*new/old','ret':0",
	       getpid());
	need(chdir("/") == 0);
	fd = open("/file", O_RDWR | O_CREAT, 0600);
	need(fd >= 0);
	expect(1, "'type':'open','pid':%d,'path':'/file','path_arg!':0,'ret':%d", getpid(), fd);
	fd = open("/old/bin/true", O_RDONLY);
	need(fd >= 0);
	expect(1, "'type':'open','pid':%d,'path~':'/old/(usr/)?bin/true','ret':%d", getpid(), fd);
}

static void user_namespace(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		if (setgid(1000) < 0 || setuid(1000) < 0 || unshare(CLONE_NEWUSER) < 0) {
			case_skip("no user namespaces: %s", strerror(errno));
			_exit(0);
		}
		expect(1, "'type':'unshare','pid':%d,'flags':%d,'user_ns':%lu,'ret':0", getpid(),
		       CLONE_NEWUSER, namespace_of("user"));
		prctl(PR_SET_DUMPABLE, 1);
		/* All capabilities, over nothing but this namespace. */
		need(unshare(CLONE_NEWUTS) == 0);
		expect(1, "'type':'unshare','pid':%d,'flags':%d,'uts_ns':%lu,'ret':0", getpid(),
		       CLONE_NEWUTS, namespace_of("uts"));
		_exit(0);
	}
	expect_exit(pid);
	expect(1,
	       "'type':'setuid','pid':%d,'old_uid':0,'old_euid':0,'old_suid':0,'old_fsuid':0,"
	       "'uid':1000,'euid':1000,'suid':1000,'fsuid':1000,'ret':0",
	       pid);
	expect(1,
	       "'type':'setgid','pid':%d,'old_gid':0,'old_egid':0,'old_sgid':0,'old_fsgid':0,"
	       "'gid':1000,'egid':1000,'sgid':1000,'fsgid':1000,'ret':0",
	       pid);
}

static void entered(void)
{
	int old = open("/proc/self/ns/uts", O_RDONLY);
	unsigned long before = namespace_of("uts");

	need(unshare(CLONE_NEWUTS) == 0);
	need(namespace_of("uts") != before);
	need(setns(old, CLONE_NEWUTS) == 0);
	expect(1, "'type':'setns','pid':%d,'fd':%d,'flags':%d,'uts_ns':%lu,'ret':0", getpid(), old,
	       CLONE_NEWUTS, before);
	need(setns(old, CLONE_NEWNET) == -1);
	expect(1, "'type':'setns','pid':%d,'fd':%d,'errno':'EINVAL'", getpid(), old);
}

static void sessions(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		need(setsid() == getpid());
		need(setsid() == -1);
		_exit(0);
	}
	expect_exit(pid);
	expect(1, "'type':'setsid','pid':%d,'ret':%d,'sid':%d", pid, pid, pid);
	expect(1, "'type':'setsid','pid':%d,'errno':'EPERM'", pid);
	pid = fork();
	if (pid == 0) {
		need(setpgid(0, 0) == 0);
		_exit(0);
	}
	expect_exit(pid);
	expect(1, "'type':'setpgid','pid':%d,'ret':0", pid);
}

static void directories(void)
{
	int top = open(".", O_RDONLY | O_DIRECTORY);

	need(mkdir("d", 0755) == 0 && symlink("d", "link") == 0);
	need(chdir("link") == 0);
	expect(1,
	       "'type':'chdir','pid':%d,'path':'%s/d','path_arg':'link','path_from':'object',"
	       "'ret':0,'syscall':'chdir'",
	       getpid(), case_dir);
	need(fchdir(top) == 0);
	expect(1,
	       "'type':'chdir','pid':%d,'path':'%s','path_from':'object','ret':0,"
	       "'syscall':'fchdir',%s",
	       getpid(), case_dir, file_id(top));
	need(chdir("missing") == -1);
	expect(1,
	       "'type':'chdir','pid':%d,'path':'%s/missing','path_arg':'missing',"
	       "'path_from':'dir+name','errno':'ENOENT'",
	       getpid(), case_dir);
}

static void cgroup_enter(const char *path)
{
	char procs[220];
	int fd;

	snprintf(procs, sizeof(procs), "%s/cgroup.procs", path);
	fd = open(procs, O_WRONLY);
	need(fd >= 0 && write(fd, "0", 1) == 1);
	close(fd);
}

static void cgroup_moved(void)
{
	static const char *const roots[] = { "/sys/fs/cgroup/unified", "/sys/fs/cgroup" };
	char path[200] = "", procs[220], *made;

	for (size_t i = 0; i < 2; i++) {
		snprintf(procs, sizeof(procs), "%s/cgroup.procs", roots[i]);
		if (access(procs, W_OK) == 0) {
			snprintf(path, sizeof(path), "%s/reel-trap-%d", roots[i], getpid());
			break;
		}
	}
	if (!path[0] || mkdir(path, 0755) < 0) {
		case_skip("no cgroup can be made");
		return;
	}
	made = strdup(path);
	cgroup_enter(path);
	expect(1, "'type':'cgroup_move','target':%d,'path':'%s'", getpid(), strrchr(path, '/'));
	*strrchr(path, '/') = '\0';
	cgroup_enter(path);
	expect_some("'type':'cgroup_move','target':%d,'path':'/'", getpid());
	need(rmdir(made) == 0);
}

static const struct trap traps[] = {
	{ "pid-namespace", pid_namespace },
	{ "pid-namespace-of-fork", pid_namespace_of_fork },
	{ "chroot", chrooted },
	{ "mount-namespace", mount_namespace },
	{ "pivot-root", pivoted },
	{ "user-namespace", user_namespace },
	{ "setns", entered },
	{ "sessions", sessions },
	{ "directories", directories },
	{ "cgroup-move", cgroup_moved },
};

TRAPS_MAIN(traps)
