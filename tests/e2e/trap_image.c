/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is executed, and what then runs: scripts, interpreters of interpreters, files without a
 * name, layers, long arguments. Recorded with --max-arg 4096.
 */
#include <linux/memfd.h>
#include <sys/mman.h>
#include <sys/mount.h>

#include "tests/e2e/expect.h"

static char *const no_env[] = { NULL };

#define ARGV(...) ((char *const[]){ __VA_ARGS__, NULL })

static pid_t run(const char *path, char *const *argv)
{
	pid_t pid = fork();

	need(pid >= 0);
	if (pid == 0) {
		execve(path, argv, no_env);
		_exit(126);
	}
	need(WEXITSTATUS(expect_exit(pid)) == 0);
	expect(1, "'type':'exec','pid':%d", pid);
	return pid;
}

static pid_t run_fd(int fd, char *const *argv)
{
	pid_t pid = fork();

	need(pid >= 0);
	if (pid == 0) {
		syscall(SYS_execveat, fd, "", argv, no_env, AT_EMPTY_PATH);
		_exit(126);
	}
	need(WEXITSTATUS(expect_exit(pid)) == 0);
	expect(1, "'type':'exec','pid':%d,'ret':0,'syscall':'execveat'", pid);
	return pid;
}

/* What was passed to a script is told by a hook that came with Linux 6.10; without it, nothing. */
static void expect_passed(pid_t pid, const char *argv)
{
	if (kernel_has("btf_trace_sched_prepare_exec"))
		expect(1, "'type':'exec','pid':%d,'argv_arg':[%s]", pid, argv);
	else
		expect(1, "'type':'exec','pid':%d,'argv_arg!':0", pid);
}

/*
 * The script is the file of the call; what runs is its interpreter, with other arguments. The
 * kernel has let go of the script by then, so that only its name is left.
 */
static void script(void)
{
	char *shell = realpath("/bin/sh", NULL);
	pid_t pid;

	file_write("script", "#!/bin/sh -e\ntrue\n", 0755);
	pid = run("./script", ARGV("named", "an argument"));
	expect(1,
	       "'type':'exec','pid':%d,'ret':0,'path':'%s/./script','path_arg':'./script',"
	       "'path_from':'dir+name','exe':'%s','argv':['/bin/sh','-e','./script','an argument'],"
	       "'comm':'script'",
	       pid, case_dir, shell);
	expect_passed(pid, "'named','an argument'");
}

static void script_of_script(void)
{
	char *shell = realpath("/bin/sh", NULL);
	char inner[3100], text[3200];
	pid_t pid;

	snprintf(inner, sizeof(inner), "%s/inner", case_dir);
	snprintf(text, sizeof(text), "#!%s one\n", inner);
	if (strlen(text) > 200) {
		case_skip("the path is too long for a first line");
		return;
	}
	file_write("inner", "#!/bin/sh\ntrue\n", 0755);
	file_write("outer", text, 0755);
	pid = run("outer", ARGV("outer", "two"));
	expect(1,
	       "'type':'exec','pid':%d,'path':'%s/outer','exe':'%s',"
	       "'argv':['/bin/sh','%s','one','outer','two']",
	       pid, case_dir, shell, inner);
	expect_passed(pid, "'outer','two'");
}

/* binfmt_misc of a user namespace (6.7 and later): the machine's own is left alone. */
static void binfmt(void)
{
	static const char rule[] = ":reel:M::REELTEST::/bin/true:";
	char *exe = realpath("/bin/true", NULL);
	pid_t pid;
	int fd;

	file_write("magic", "REELTEST and more", 0755);
	need(mkdir("binfmt", 0755) == 0);
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0) {
		case_skip("no user namespace: %s", strerror(errno));
		return;
	}
	file_write("/proc/self/uid_map", "0 0 1", 0644);
	file_write("/proc/self/setgroups", "deny", 0644);
	file_write("/proc/self/gid_map", "0 0 1", 0644);
	if (mount("none", "binfmt", "binfmt_misc", 0, NULL) < 0) {
		case_skip("no binfmt_misc of its own: %s", strerror(errno));
		return;
	}
	fd = open("binfmt/register", O_WRONLY);
	need(fd >= 0 && write(fd, rule, strlen(rule)) == (ssize_t)strlen(rule));
	close(fd);
	pid = run("magic", ARGV("magic", "x"));
	expect(1,
	       "'type':'exec','pid':%d,'path':'%s/magic','exe':'%s',"
	       "'argv':['/bin/true','magic','x']",
	       pid, case_dir, exe);
	expect_passed(pid, "'magic','x'");
}

static void memory(void)
{
	int fd = memfd_create("payload", MFD_CLOEXEC), in = open("/bin/true", O_RDONLY);
	char buffer[65536];
	pid_t pid;
	ssize_t n;

	while ((n = read(in, buffer, sizeof(buffer))) > 0)
		need(write(fd, buffer, (size_t)n) == n);
	pid = run_fd(fd, ARGV("fileless"));
	expect(1,
	       "'type':'exec','pid':%d,'memfd':true,'path':'/memfd:payload (deleted)',"
	       "'exe':'/memfd:payload (deleted)','argv':['fileless'],%s",
	       pid, file_id(fd));
}

static void deleted(void)
{
	pid_t pid;
	int fd;

	file_copy("/bin/true", "program");
	fd = open("program", O_RDONLY | O_CLOEXEC);
	need(fd >= 0 && unlink("program") == 0);
	pid = run_fd(fd, ARGV("gone"));
	expect(1,
	       "'type':'exec','pid':%d,'deleted':true,'memfd':false,'argv':['gone'],"
	       "'path':'%s/program (deleted)','exe':'%s/program (deleted)',%s",
	       pid, case_dir, case_dir, file_id(fd));
}

static void descriptor(void)
{
	pid_t pid;
	int fd;

	file_copy("/bin/true", "program");
	fd = open("program", O_RDONLY | O_CLOEXEC);
	pid = run_fd(fd, ARGV("by-descriptor"));
	expect(1,
	       "'type':'exec','pid':%d,'deleted':false,'memfd':false,'path':'%s/program',"
	       "'exe':'%s/program','path_from':'object',%s",
	       pid, case_dir, case_dir, file_id(fd));
}

/* A file of the image, and the same one once somebody has touched it. */
static void layers(void)
{
	char data[6200];
	pid_t pid;

	need(unshare(CLONE_NEWNS) == 0);
	need(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	need(mkdir("t", 0755) == 0 && mount("none", "t", "tmpfs", 0, NULL) == 0);
	need(mkdir("t/lower", 0755) == 0 && mkdir("t/upper", 0755) == 0 &&
	     mkdir("t/work", 0755) == 0 && mkdir("t/merged", 0755) == 0);
	file_copy("/bin/true", "t/lower/program");
	snprintf(data, sizeof(data), "lowerdir=t/lower,upperdir=t/upper,workdir=t/work");
	if (mount("none", "t/merged", "overlay", 0, data) < 0) {
		case_skip("no overlayfs: %s", strerror(errno));
		return;
	}
	pid = run("t/merged/program", ARGV("lower"));
	expect(1, "'type':'exec','pid':%d,'upper_layer':false,'path':'%s/t/merged/program'", pid,
	       case_dir);
	need(chmod("t/merged/program", 0700) == 0);
	pid = run("t/merged/program", ARGV("upper"));
	expect(1, "'type':'exec','pid':%d,'upper_layer':true,'path':'%s/t/merged/program'", pid,
	       case_dir);
	pid = run("t/upper/program", ARGV("beside"));
	expect(1, "'type':'exec','pid':%d,'upper_layer':false,'path':'%s/t/upper/program'", pid,
	       case_dir);
}

/* Longer than --max-arg: what is left is said, and how long it was. */
static void long_arguments(void)
{
	static char big[10001];
	pid_t pid;

	memset(big, 'y', sizeof(big) - 1);
	pid = run("/bin/true", ARGV("long", big, "end"));
	expect(1, "'type':'exec','pid':%d,'truncated':true,'argv_length':%zu", pid,
	       strlen("long") + 1 + sizeof(big) + strlen("end") + 1);
	pid = run("/bin/true", ARGV("fits"));
	expect(1, "'type':'exec','pid':%d,'truncated!':1,'argv':['fits']", pid);
	/* Just so long, and one byte more. */
	big[4096 - 5 - 1] = '\0';
	pid = run("/bin/true", ARGV("just", big));
	expect(1, "'type':'exec','pid':%d,'truncated!':1", pid);
	big[4096 - 5 - 1] = 'y';
	big[4096 - 5] = '\0';
	pid = run("/bin/true", ARGV("over", big));
	expect(1, "'type':'exec','pid':%d,'truncated':true,'argv_length':4097", pid);
}

static void no_arguments(void)
{
	pid_t pid = run("/bin/true", ARGV(""));

	expect(1, "'type':'exec','pid':%d,'argv':['']", pid);
	pid = run("/bin/true", ARGV("", "", ""));
	expect(1, "'type':'exec','pid':%d,'argv':['','','']", pid);
}

/* The kernel gives a program without arguments an empty one; what was passed was none. */
static void null_arguments(void)
{
	pid_t pid = run("/bin/true", no_env);

	expect(1, "'type':'exec','pid':%d,'argv':[''],'ret':0", pid);
}

static const struct trap traps[] = {
	{ "script", script },
	{ "script-of-script", script_of_script },
	{ "binfmt", binfmt },
	{ "memory", memory },
	{ "deleted", deleted },
	{ "descriptor", descriptor },
	{ "layers", layers },
	{ "long-arguments", long_arguments },
	{ "no-arguments", no_arguments },
	{ "null-arguments", null_arguments },
};

TRAPS_MAIN(traps)
