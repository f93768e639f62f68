/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A program that knows it is recorded, and lies: about its arguments, its name, its file, the paths
 * it opens; and that reaches for the recorder, which is its parent. It does no harm to it here:
 * attacks.py does that.
 */
#include <linux/prctl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

#include "tests/e2e/expect.h"

/* Who records, and what began all cases. */
static pid_t recorder;
static char **own_argv;
static char own_path[1000];

/* Arguments and names ------------------------------------------------------------------------- */

/* Runs this program again as one case with arguments of our choice; the case prints for itself. */
static pid_t again(const char *what, const char *argument)
{
	pid_t pid = fork();

	if (pid == 0) {
		char *argv[] = { own_path, (char *)(uintptr_t)what, (char *)(uintptr_t)argument,
				 NULL };

		execv(own_path, argv);
		_exit(99);
	}
	need(pid > 0);
	return pid;
}

/* The stack has what ps shows; the tape has what was executed, before the program could do
 * anything. */
static void argv_in_memory(void)
{
	pid_t pid = again("overwrite-argv", "--password=secret");
	int status = 0;

	need(waitpid(pid, &status, 0) == pid && status == 0);
	expect(1,
	       "'type':'exec','pid':%d,'ret':0,"
	       "'argv':['%s','overwrite-argv','--password=secret']",
	       pid, own_path);
}

static int overwrite_argv(void)
{
	for (int i = 0; own_argv[i]; i++)
		memset(own_argv[i], 0, strlen(own_argv[i]));
	return mkdir("after-argv", 0700) < 0;
}

/* And the kernel is told that they are elsewhere. */
static int move_argv(void)
{
	static char innocent[] = "[kworker/0:1-events]";
	unsigned long begin = (unsigned long)innocent;

	return prctl(PR_SET_MM, PR_SET_MM_ARG_START, begin, 0, 0) < 0 ||
	       prctl(PR_SET_MM, PR_SET_MM_ARG_END, begin + sizeof(innocent), 0, 0) < 0;
}

static void argv_by_prctl(void)
{
	pid_t pid = again("move-argv", "x");
	int status = 0;

	need(waitpid(pid, &status, 0) == pid);
	if (status) {
		expect(1, "'type':'prctl','pid':%d,'option':%d,'arg2':%d,'errno':'EPERM'", pid,
		       PR_SET_MM, PR_SET_MM_ARG_START);
		return;
	}
	expect(1, "'type':'exec','pid':%d,'ret':0,'argv':['%s','move-argv','x']", pid, own_path);
	expect(1, "'type':'prctl','pid':%d,'option':%d,'arg2':%d,'ret':0", pid, PR_SET_MM,
	       PR_SET_MM_ARG_START);
	expect(1, "'type':'prctl','pid':%d,'option':%d,'arg2':%d,'ret':0", pid, PR_SET_MM,
	       PR_SET_MM_ARG_END);
}

static void name(void)
{
	need(prctl(PR_SET_NAME, "kworker/0:1") == 0);
	need(mkdir("as-kworker", 0700) == 0);
	expect(1, "'type':'prctl','pid':%d,'option':%d,'text':'kworker/0:1','ret':0", getpid(),
	       PR_SET_NAME);
	expect(1, "'type':'mkdir','pid':%d,'path':'%s/as-kworker'", getpid(), case_dir);
}

/* Another name by writing to a file: no call says so, but the open and the write do. */
static void name_by_file(void)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/comm", getpid());
	fd = open(path, O_WRONLY);
	need(fd >= 0 && write(fd, "sshd", 4) == 4);
	expect(1, "'type':'open','pid':%d,'path':'%s','fd':%d", getpid(), path, fd);
	expect(1, "'type':'write','pid':%d,'fd':%d,'content':'sshd'", getpid(), fd);
}

/* The kernel lets a program say that it is another file, once its own is mapped nowhere: so the
 * rest of it runs from memory that belongs to no file. */
struct disguise {
	struct {
		unsigned long at, bytes;
	} parts[16];
	int n, fd;
	char made[16];
};

__attribute__((noinline, no_stack_protector,
	       optimize("O1", "no-tree-loop-distribute-patterns"))) static void
disguise_rest(struct disguise *d)
{
#define CALL3(nr, a, b, c)                                                          \
	({                                                                          \
		long ret_;                                                          \
		register long r10_ __asm__("r10") = 0;                              \
		register long r8_ __asm__("r8") = 0;                                \
		__asm__ volatile("syscall"                                          \
				 : "=a"(ret_)                                       \
				 : "a"((long)(nr)), "D"((long)(a)), "S"((long)(b)), \
				   "d"((long)(c)), "r"(r10_), "r"(r8_)              \
				 : "rcx", "r11", "memory");                         \
		ret_;                                                               \
	})
	long bad;

	for (int i = 0; i < d->n; i++)
		CALL3(SYS_munmap, d->parts[i].at, d->parts[i].bytes, 0);
	bad = CALL3(SYS_prctl, PR_SET_MM, PR_SET_MM_EXE_FILE, d->fd);
	CALL3(SYS_mkdir, d->made, 0700, 0);
	CALL3(SYS_exit_group, bad != 0, 0, 0);
	__builtin_unreachable();
}

static int disguise(void)
{
	enum { CODE = 4096 };
	FILE *f = fopen("/proc/self/maps", "re");
	unsigned long from, to, inode;
	struct disguise *d;
	struct stat st;
	char line[512];
	uint8_t *room = mmap(NULL, 2 * CODE, PROT_READ | PROT_WRITE | PROT_EXEC,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (!f || room == MAP_FAILED || stat("/proc/self/exe", &st) < 0)
		return 1;
	memcpy(room, (const void *)disguise_rest, 2048);
	d = (void *)(room + CODE);
	strcpy(d->made, "disguised");
	d->fd = open("/bin/true", O_RDONLY);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx %*s %*s %*s %lu", &from, &to, &inode) != 3 ||
		    inode != st.st_ino || d->n == 16)
			continue;
		d->parts[d->n].at = from;
		d->parts[d->n++].bytes = to - from;
	}
	((void (*)(struct disguise *))(void *)room)(d);
	return 1;
}

static void file(void)
{
	pid_t pid = again("disguise", "x");
	int status = 0;

	need(waitpid(pid, &status, 0) == pid);
	expect(1, "'type':'exec','pid':%d,'ret':0,'exe':'%s'", pid, own_path);
	expect(1, "'type':'prctl','pid':%d,'option':%d,'arg2':%d,'ret':%d", pid, PR_SET_MM,
	       PR_SET_MM_EXE_FILE, status ? -EPERM : 0);
	expect(1, "'type':'mkdir','pid':%d,'path~':'.*/disguised'", pid);
}

/* Paths that change while they are looked at -------------------------------------------------- */

enum { TURNS = 150 };
static atomic_bool race_ends;

static void *swap_links(void *arg)
{
	(void)arg;
	while (!race_ends) {
		need(symlink("good", "next") == 0 && rename("next", "link") == 0);
		need(symlink("evil", "next") == 0 && rename("next", "link") == 0);
	}
	return NULL;
}

static void *exchange_directories(void *arg)
{
	(void)arg;
	while (!race_ends)
		need(renameat2(AT_FDCWD, "left", AT_FDCWD, "right", RENAME_EXCHANGE) == 0);
	return NULL;
}

static void *rename_file(void *arg)
{
	(void)arg;
	while (!race_ends)
		need(rename("one", "two") == 0 && rename("two", "one") == 0);
	return NULL;
}

/* Many turns, each with a descriptor that stays open and so names the event. */
static int race(void *(*other)(void *), const char *path, int fds[TURNS])
{
	pthread_t thread;
	int n = 0;

	race_ends = false;
	need(pthread_create(&thread, NULL, other, NULL) == 0);
	for (int i = 0; i < 50 * TURNS && n < TURNS; i++) {
		fds[n] = open(path, O_RDONLY);
		need(fds[n] >= 0 || errno == ENOENT);
		/* The other may wait for a CPU just where there is no such file. */
		if (fds[n] < 0)
			usleep(100);
		n += fds[n] >= 0;
	}
	race_ends = true;
	pthread_join(thread, NULL);
	need(n == TURNS);
	return n;
}

/* Where the link leads at the time of the open is what was opened, whatever it says now. */
static void links_that_swap(void)
{
	int fds[TURNS], n;
	struct stat good, st;

	file_write("good", "good", 0644);
	file_write("evil", "evil", 0644);
	need(symlink("good", "link") == 0 && stat("good", &good) == 0);
	n = race(swap_links, "link", fds);
	for (int i = 0; i < n; i++) {
		need(fstat(fds[i], &st) == 0);
		expect(1,
		       "'type':'open','pid':%d,'fd':%d,'flags':0,'path_arg':'link',"
		       "'path':'%s/%s',%s",
		       getpid(), fds[i], case_dir, st.st_ino == good.st_ino ? "good" : "evil",
		       file_id(fds[i]));
	}
}

/* The inode is that of the file that was opened; its path is one that it had at that moment, or the
 * event says that it changed meanwhile. */
static void directories_that_swap(void)
{
	int fds[TURNS], n;

	need(mkdir("left", 0755) == 0 && mkdir("right", 0755) == 0);
	file_write("left/file", "left", 0644);
	file_write("right/file", "right", 0644);
	n = race(exchange_directories, "left/file", fds);
	for (int i = 0; i < n; i++)
		expect(1, "'type':'open','pid':%d,'fd':%d,'flags':0,'path_arg':'left/file',%s",
		       getpid(), fds[i], file_id(fds[i]));
	expect(0,
	       "'type':'open','pid':%d,'path_arg':'left/file','raced!':0,"
	       "'path~':'(?!%s/(left|right)/file$).*'",
	       getpid(), case_dir);
	expect_some("'type':'open','pid':%d,'path_arg':'left/file','raced!':0", getpid());
}

static void file_that_moves(void)
{
	int fds[TURNS], n;

	file_write("one", "text", 0644);
	n = race(rename_file, "one", fds);
	for (int i = 0; i < n; i++)
		expect(1, "'type':'open','pid':%d,'fd':%d,'flags':0,'path~':'%s/(one|two)',%s",
		       getpid(), fds[i], case_dir, file_id(fds[i]));
}

/* Another thread puts another file into the slot of the descriptor before the call is over: rare,
 * and told by "raced". That no event shows the file of the other without it is what counts. */
static atomic_int slot;

static void *replace_descriptor(void *arg)
{
	int other = *(int *)arg;

	while (!race_ends)
		if (slot >= 0)
			(void)dup2(other, slot);
	return NULL;
}

static void descriptors_that_swap(void)
{
	pthread_t thread;
	struct stat st;
	int other, expected;

	file_write("good", "good", 0644);
	file_write("evil", "evil", 0644);
	other = open("evil", O_RDONLY);
	expected = fcntl(other, F_DUPFD, 0);
	need(expected >= 0 && fstat(other, &st) == 0);
	close(expected);
	slot = expected;
	race_ends = false;
	need(pthread_create(&thread, NULL, replace_descriptor, &other) == 0);
	for (int i = 0; i < 2000; i++) {
		int fd = open("good", O_RDONLY);

		if (fd >= 0)
			close(fd);
	}
	race_ends = true;
	pthread_join(thread, NULL);
	expect(0,
	       "'type':'open','pid':%d,'path_arg':'good','path':'%s/evil','raced!':0,"
	       "'inode':%llu",
	       getpid(), case_dir, (unsigned long long)st.st_ino);
	expect_some("'type':'open','pid':%d,'path':'%s/good'", getpid(), case_dir);
}

/* The recorder -------------------------------------------------------------------------------- */

static void recorder_is_looked_at(void)
{
	char path[64], bytes[64];
	struct iovec here = { bytes, sizeof(bytes) }, there = { (void *)(uintptr_t)own_path, 64 };
	int fd, pidfd, pid = getpid();
	long ret;

	snprintf(path, sizeof(path), "/proc/%d/mem", recorder);
	fd = open(path, O_RDWR);
	expect(1, "'type':'open','pid':%d,'path':'%s','ret':%d", pid, path, fd < 0 ? -errno : fd);
	snprintf(path, sizeof(path), "/proc/%d/environ", recorder);
	fd = open(path, O_RDONLY);
	expect(1, "'type':'open','pid':%d,'path':'%s','ret':%d", pid, path, fd < 0 ? -errno : fd);
	ret = process_vm_readv(recorder, &here, 1, &there, 1, 0);
	expect(1, "'type':'process_vm_readv','pid':%d,'target':%d,'ret':%ld", pid, recorder,
	       ret < 0 ? -(long)errno : ret);
	/* Nothing is written, but it is asked for. */
	there.iov_base = NULL;
	ret = process_vm_writev(recorder, &here, 1, &there, 1, 0);
	expect(1, "'type':'process_vm_writev','pid':%d,'target':%d,'ret':%ld", pid, recorder,
	       ret < 0 ? -(long)errno : ret);
	pidfd = (int)syscall(SYS_pidfd_open, recorder, 0);
	need(pidfd >= 0);
	fd = (int)syscall(SYS_pidfd_getfd, pidfd, 3, 0);
	expect(1, "'type':'pidfd_getfd','pid':%d,'target':%d,'target_fd':3,'ret':%d", pid, recorder,
	       fd < 0 ? -errno : fd);
}

static void recorder_is_traced(void)
{
	long ret = ptrace(PTRACE_SEIZE, recorder, 0, 0);

	expect(1, "'type':'ptrace','pid':%d,'target':%d,'request':%d,'ret':%ld", getpid(), recorder,
	       PTRACE_SEIZE, ret < 0 ? -(long)errno : ret);
}

static void recorder_is_signalled(void)
{
	need(kill(recorder, SIGCONT) == 0);
	expect(1, "'type':'kill','pid':%d,'target':%d,'signal':%d,'ret':0", getpid(), recorder,
	       SIGCONT);
	need(kill(recorder, 0) == 0);
	expect(1, "'type':'kill','pid':%d,'target':%d,'signal':0,'ret':0", getpid(), recorder);
}

static const struct trap traps[] = {
	{ "argv-in-memory", argv_in_memory },
	{ "argv-by-prctl", argv_by_prctl },
	{ "name", name },
	{ "name-by-file", name_by_file },
	{ "file", file },
	{ "links-that-swap", links_that_swap },
	{ "directories-that-swap", directories_that_swap },
	{ "file-that-moves", file_that_moves },
	{ "descriptors-that-swap", descriptors_that_swap },
	{ "recorder-is-looked-at", recorder_is_looked_at },
	{ "recorder-is-traced", recorder_is_traced },
	{ "recorder-is-signalled", recorder_is_signalled },
};

int main(int argc, char **argv)
{
	own_argv = argv;
	recorder = getppid();
	if (argc > 1 && strcmp(argv[1], "overwrite-argv") == 0)
		return overwrite_argv();
	if (argc > 1 && strcmp(argv[1], "move-argv") == 0)
		return move_argv();
	if (argc > 1 && strcmp(argv[1], "disguise") == 0)
		return disguise();
	if (readlink("/proc/self/exe", own_path, sizeof(own_path) - 1) < 0)
		return 1;
	return traps_run(traps, sizeof(traps) / sizeof(*traps), argc, argv);
}
