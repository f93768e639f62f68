/* SPDX-License-Identifier: BSD-2-Clause */
/* The process record of a keyframe from /proc: each field, of processes that are odd. */
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <sys/fsuid.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <termios.h>
#include <time.h>

#include "record/now.h"
#include "tests/unit/record_proc.h"

/* What a test executes is the test again, which then sleeps. */
__attribute__((constructor)) static void sleep_if_told(void)
{
	if (getenv("REEL_TEST_SLEEP")) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		sleep_forever();
	}
}

static void be_plain(struct shared *s, int ready)
{
	(void)s;
	(void)ready;
}

/* Names and numbers -------------------------------------------------------------------------- */

static void be_named(struct shared *s, int ready)
{
	(void)ready;
	prctl(PR_SET_NAME, s->text);
}

TEST(a_name_may_hold_anything)
{
	static const char *const names[] = { "a) R 1 1 1\n(b", ") Z 1 2", "\n", "", "(((",
					     "\xff\x01" };
	struct shared *s = share();

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct kept k;
		struct item *item;
		pid_t pid;

		strcpy(s->text, names[i]);
		pid = start(be_named, s);
		k = look(pid, PROC_PROCESSES);
		item = nth(&k, EV_process, pid, 0);
		REQUIRE(item);
		CHECK_STRING(item, "comm", names[i]);
		CHECK_EQ(((struct ev_process *)item->payload)->ppid, getpid());
		CHECK_EQ(((struct ev_process *)item->payload)->zombie, 0);
		CHECK_EQ(item->h.flags, EV_KEYFRAME);
		forget(&k);
		reap(pid);
	}
	munmap(s, sizeof(*s));
}

static void be_leader(struct shared *s, int ready)
{
	(void)ready;
	s->number[0] = (uint64_t)getpid();
	must(s, setsid());
}

TEST(times_and_family)
{
	const uint64_t tick = 1000000000 / (uint64_t)sysconf(_SC_CLK_TCK);
	uint64_t before = now_boottime_ns(), after;
	struct shared *s = share();
	pid_t pid = start(be_leader, s);
	struct kept k;
	struct item *item, *own;
	struct ev_process *e, *parent;

	after = now_boottime_ns();
	k = look(pid, 0);
	item = nth(&k, EV_process, pid, 0);
	own = nth(&k, EV_process, getpid(), 0);
	REQUIRE(item && own && s->failed == -1);
	e = (void *)item->payload;
	parent = (void *)own->payload;
	CHECK(e->start + tick > before && e->start <= after && e->start % tick == 0);
	CHECK(item->h.ts >= after && item->h.ts <= now_boottime_ns());
	CHECK(parent->start && parent->start <= e->start);
	CHECK_EQ(e->parent_start, parent->start);
	CHECK_EQ(e->ppid, getpid());
	CHECK_EQ(item->h.tid, pid);
	CHECK_EQ(e->vpid, s->number[0]);
	CHECK_EQ(e->sid, pid);
	CHECK_EQ(e->pgid, pid);
	CHECK_EQ(parent->sid, getsid(0));
	CHECK_EQ(parent->pgid, getpgrp());
	CHECK_EQ(e->tty, 0);
	CHECK_EQ(e->kernel_thread, 0);
	CHECK_EQ(e->no_new_privs, prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	CHECK_EQ(e->seccomp_mode, prctl(PR_GET_SECCOMP, 0, 0, 0, 0));
	forget(&k);
	reap(pid);
	munmap(s, sizeof(*s));
}

static void have_terminal(struct shared *s, int ready)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY), slave = -1, unlock = 0;
	struct stat st;

	(void)ready;
	must(s, setsid());
	must(s, master < 0 ? -1 : ioctl(master, TIOCSPTLCK, &unlock));
	if (master >= 0)
		slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY);
	must(s, slave);
	must(s, ioctl(slave, TIOCSCTTY, 0));
	must(s, fstat(slave, &st));
	s->number[0] = major(st.st_rdev) << 20 | minor(st.st_rdev);
}

TEST(terminal)
{
	struct shared *s = share();
	pid_t pid = start(have_terminal, s);
	struct kept k;

	if (s->failed != -1) {
		reap(pid);
		SKIP("no pseudo-terminal");
	}
	k = look(pid, PROC_PROCESSES);
	REQUIRE(nth(&k, EV_process, pid, 0));
	CHECK(s->number[0]);
	CHECK_EQ(((struct ev_process *)nth(&k, EV_process, pid, 0)->payload)->tty, s->number[0]);
	forget(&k);
	reap(pid);
	munmap(s, sizeof(*s));
}

/* Identity ----------------------------------------------------------------------------------- */

static void change_identity(struct shared *s, int ready)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct caps[2] = { { 0 } };

	(void)ready;
	must(s, setresgid(11, 12, 13));
	setfsgid(14);
	prctl(PR_SET_KEEPCAPS, 1);
	must(s, setresuid(0, 0, 0));
	must(s, prctl(PR_CAPBSET_DROP, CAP_SYS_BOOT));
	must(s, setresuid(21, 22, 23));
	setfsuid(21);
	caps[0].permitted = 1 << CAP_NET_BIND_SERVICE | 1 << CAP_SYS_CHROOT | 1 << CAP_KILL;
	caps[0].effective = 1 << CAP_NET_BIND_SERVICE;
	caps[0].inheritable = 1 << CAP_SYS_CHROOT | 1 << CAP_NET_BIND_SERVICE;
	must(s, syscall(SYS_capset, &h, caps));
	must(s, prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_SYS_CHROOT, 0, 0));
	for (unsigned i = 0; i < 64; i++)
		s->number[0] |= prctl(PR_CAPBSET_READ, i) == 1 ? 1ull << i : 0;
	must(s, prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
}

TEST(ids_and_capabilities)
{
	struct shared *s;
	struct ev_process *e;
	struct kept k;
	pid_t pid;

	if (geteuid() != 0)
		SKIP("not root: other ids cannot be taken");
	s = share();
	pid = start(change_identity, s);
	CHECK_EQ(s->failed, -1);
	k = look(pid, PROC_PROCESSES);
	REQUIRE(nth(&k, EV_process, pid, 0));
	e = (void *)nth(&k, EV_process, pid, 0)->payload;
	CHECK_EQ(e->uid, 21);
	CHECK_EQ(e->euid, 22);
	CHECK_EQ(e->suid, 23);
	CHECK_EQ(e->fsuid, 21);
	CHECK_EQ(e->gid, 11);
	CHECK_EQ(e->egid, 12);
	CHECK_EQ(e->sgid, 13);
	CHECK_EQ(e->fsgid, 14);
	CHECK_EQ(e->cap_effective, 1ull << CAP_NET_BIND_SERVICE);
	CHECK_EQ(e->cap_permitted,
		 1ull << CAP_NET_BIND_SERVICE | 1ull << CAP_SYS_CHROOT | 1ull << CAP_KILL);
	CHECK_EQ(e->cap_inheritable, 1ull << CAP_SYS_CHROOT | 1ull << CAP_NET_BIND_SERVICE);
	CHECK_EQ(e->cap_ambient, 1ull << CAP_SYS_CHROOT);
	CHECK_EQ(e->cap_bounding, s->number[0]);
	CHECK(!(e->cap_bounding & 1ull << CAP_SYS_BOOT));
	CHECK_EQ(e->no_new_privs, 1);
	forget(&k);
	reap(pid);
	munmap(s, sizeof(*s));
}

static void take_login(struct shared *s, int ready)
{
	int fd = open("/proc/self/loginuid", O_WRONLY);

	(void)ready;
	must(s, fd < 0 ? -1 : write(fd, "4242", 4));
	close(fd);
	fd = open("/proc/self/sessionid", O_RDONLY);
	must(s, fd < 0 ? -1 : read(fd, s->text, 20));
	close(fd);
	s->number[0] = strtoul(s->text, NULL, 10);
}

TEST(login)
{
	struct shared *s = share();
	pid_t pid = start(take_login, s);
	struct kept k = look(pid, PROC_PROCESSES);
	struct ev_process *e;
	bool set = s->failed == -1;

	REQUIRE(nth(&k, EV_process, pid, 0));
	e = (void *)nth(&k, EV_process, pid, 0)->payload;
	if (set) {
		CHECK_EQ(e->loginuid, 4242);
		CHECK_EQ(e->sessionid, s->number[0]);
		CHECK(e->sessionid != UINT32_MAX);
	}
	reap(pid);
	forget(&k);
	munmap(s, sizeof(*s));
	if (!set)
		SKIP("the login uid cannot be set here");
}

static void be_strict(struct shared *s, int ready)
{
	say_ready(s, ready);
	prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
	for (;;)
		;
}

static void be_filtered(struct shared *s, int ready)
{
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog program = { 1, &allow };

	(void)ready;
	must(s, prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	must(s, prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program));
}

TEST(seccomp)
{
	void (*const run[])(struct shared * s, int ready) = { be_strict, be_filtered };

	for (unsigned i = 0; i < 2; i++) {
		struct shared *s = share();
		pid_t pid = start(run[i], s);
		struct ev_process *e;
		struct kept k = { 0 };

		CHECK_EQ(s->failed, -1);
		/* The strict one says so before it is, since it cannot afterwards. */
		for (unsigned wait = 0; wait < 1000; wait++) {
			forget(&k);
			k = look(pid, PROC_PROCESSES);
			REQUIRE(nth(&k, EV_process, pid, 0));
			e = (void *)nth(&k, EV_process, pid, 0)->payload;
			if (e->seccomp_mode)
				break;
			usleep(1000);
		}
		CHECK_EQ(e->seccomp_mode, i + 1);
		forget(&k);
		reap(pid);
		munmap(s, sizeof(*s));
	}
}

/* Namespaces --------------------------------------------------------------------------------- */

static const char *const spaces[] = { "mnt", "pid", "net", "user", "uts", "ipc", "cgroup" };

static void check_spaces(const struct ev_process *e, const volatile uint64_t *want)
{
	CHECK_EQ(e->mnt_ns, want[0]);
	CHECK_EQ(e->pid_ns, want[1]);
	CHECK_EQ(e->net_ns, want[2]);
	CHECK_EQ(e->user_ns, want[3]);
	CHECK_EQ(e->uts_ns, want[4]);
	CHECK_EQ(e->ipc_ns, want[5]);
	CHECK_EQ(e->cgroup_ns, want[6]);
}

static void leave_most(struct shared *s, int ready)
{
	(void)ready;
	must(s, unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC |
			CLONE_NEWCGROUP));
	for (unsigned i = 0; i < 7; i++)
		s->number[i] = space_of(spaces[i]);
}

TEST(namespaces)
{
	struct shared *s = share();
	uint64_t own[7];
	struct kept k = look(getpid(), PROC_PROCESSES);
	bool left;
	pid_t pid;

	for (unsigned i = 0; i < 7; i++)
		own[i] = space_of(spaces[i]);
	REQUIRE(nth(&k, EV_process, getpid(), 0));
	check_spaces((void *)nth(&k, EV_process, getpid(), 0)->payload, own);
	forget(&k);
	pid = start(leave_most, s);
	left = s->failed == -1;
	if (left) {
		k = look(pid, PROC_PROCESSES);
		REQUIRE(nth(&k, EV_process, pid, 0));
		check_spaces((void *)nth(&k, EV_process, pid, 0)->payload, s->number);
		for (unsigned i = 0; i < 7; i++)
			CHECK(i == 1 || s->number[i] != own[i]);
		forget(&k);
	}
	reap(pid);
	munmap(s, sizeof(*s));
	if (!left)
		SKIP("namespaces cannot be left here");
}

static void *sleep_in_thread(void *arg)
{
	(void)arg;
	sleep_forever();
	return NULL;
}

/* The child's child is the first of a PID namespace, and has a thread. */
static void begin_pid_space(struct shared *s, int ready)
{
	pid_t pid;

	if (leave_spaces(CLONE_NEWPID) < 0) {
		must(s, -1);
		return;
	}
	pid = fork();
	if (pid == 0) {
		pthread_t thread;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		s->number[1] = (uint64_t)getpid();
		must(s, -pthread_create(&thread, NULL, sleep_in_thread, NULL));
		s->number[2] = 1;
		close(ready);
		sleep_forever();
	}
	s->number[0] = (uint64_t)pid;
	s->number[3] = space_of("pid_for_children");
	while (!s->number[2] && is_there(pid))
		usleep(1000);
}

TEST(pid_namespace)
{
	struct shared *s = share();
	pid_t pid = start(begin_pid_space, s), first = (pid_t)s->number[0];
	bool left = s->failed == -1;
	struct kept k = look(left ? first : pid, PROC_PROCESSES);

	if (left) {
		struct item *item = nth(&k, EV_process, first, 0), *task = nth(&k, EV_task, 0, 0);
		struct ev_process *e;

		REQUIRE(item && task);
		e = (void *)item->payload;
		CHECK_EQ(s->number[1], 1);
		CHECK_EQ(e->vpid, 1);
		CHECK_EQ(e->ppid, pid);
		CHECK_EQ(e->pid_ns, s->number[3]);
		CHECK_EQ(task->h.pid, first);
		CHECK(task->h.tid != (uint32_t)first);
		CHECK_EQ(((struct ev_task *)task->payload)->vpid, 2);
		kill(first, SIGKILL);
	}
	forget(&k);
	reap(pid);
	munmap(s, sizeof(*s));
	if (!left)
		SKIP("no PID namespace can be made here");
}

/* Programs ----------------------------------------------------------------------------------- */

static char sleeping[] = "REEL_TEST_SLEEP=1";
static char *const only_sleeping[] = { sleeping, NULL };

/* A copy of this program. */
static void copy_self(int to)
{
	char buffer[65536];
	int from = open("/proc/self/exe", O_RDONLY);
	ssize_t n;

	while ((n = read(from, buffer, sizeof(buffer))) > 0)
		if (write(to, buffer, (size_t)n) != n)
			abort();
	close(from);
}

static void exec_deleted(struct shared *s, int ready)
{
	char arg[] = "x";
	char *const argv[] = { arg, NULL };

	(void)ready;
	must(s, execve("pro\ngram", argv, only_sleeping));
}

static void exec_memfd(struct shared *s, int ready)
{
	char *const none[] = { NULL };
	int fd = memfd_create("secret \xfe", MFD_CLOEXEC);
	struct stat st;

	(void)ready;
	copy_self(fd);
	fstat(fd, &st);
	s->number[0] = st.st_ino;
	s->number[1] = dev_of(&st);
	must(s, fexecve(fd, none, only_sleeping));
}

TEST(program_without_a_name)
{
	struct shared *s = share();
	char scratch[4096], want[5000];
	struct ev_process *e;
	struct stat st;
	struct kept k;
	pid_t pid;
	int fd;

	enter_scratch(scratch, sizeof(scratch));
	fd = open("pro\ngram", O_CREAT | O_WRONLY, 0755);
	copy_self(fd);
	close(fd);
	CHECK_EQ(stat("pro\ngram", &st), 0);
	pid = start(exec_deleted, s);
	CHECK_EQ(s->failed, 0);
	unlink("pro\ngram");
	k = look(pid, PROC_PROCESSES | PROC_MAPS);
	REQUIRE(nth(&k, EV_process, pid, 0) && nth(&k, EV_map, pid, 0));
	e = (void *)nth(&k, EV_process, pid, 0)->payload;
	CHECK_EQ(e->inode, st.st_ino);
	CHECK_EQ(e->dev, dev_of(&st));
	snprintf(want, sizeof(want), "%s/pro\ngram (deleted)", scratch);
	CHECK_STRING(nth(&k, EV_process, pid, 0), "exe", want);
	CHECK_STRING(nth(&k, EV_process, pid, 0), "comm", "pro\ngram");
	CHECK_BYTES(nth(&k, EV_process, pid, 0), "argv", "x", 2);
	CHECK_STRING(nth(&k, EV_process, pid, 0), "cwd", scratch);
	CHECK_STRING(nth(&k, EV_process, pid, 0), "root", "");
	CHECK_STRING(nth(&k, EV_process, pid, 0), "env", "");
	CHECK_STRING(nth(&k, EV_map, pid, 0), "path", want);
	forget(&k);
	reap(pid);

	pid = start(exec_memfd, s);
	CHECK_EQ(s->failed, 0);
	k = look(pid, PROC_PROCESSES | PROC_MAPS);
	REQUIRE(nth(&k, EV_process, pid, 0) && nth(&k, EV_map, pid, 0));
	e = (void *)nth(&k, EV_process, pid, 0)->payload;
	CHECK_EQ(e->inode, s->number[0]);
	CHECK_EQ(e->dev, s->number[1]);
	CHECK_STRING(nth(&k, EV_process, pid, 0), "exe", "/memfd:secret \xfe (deleted)");
	/* Of a program that is given no arguments the kernel makes one that is empty. */
	CHECK_BYTES(nth(&k, EV_process, pid, 0), "argv", "", 1);
	CHECK_STRING(nth(&k, EV_map, pid, 0), "path", "/memfd:secret \xfe (deleted)");
	CHECK_EQ(((struct ev_map *)nth(&k, EV_map, pid, 0)->payload)->inode, s->number[0]);
	CHECK_EQ(((struct ev_map *)nth(&k, EV_map, pid, 0)->payload)->dev, s->number[1]);
	forget(&k);
	reap(pid);
	leave_scratch(scratch);
	munmap(s, sizeof(*s));
}

static void lose_directory(struct shared *s, int ready)
{
	(void)ready;
	must(s, mkdir("g\x01ne", 0755));
	must(s, chdir("g\x01ne"));
	must(s, rmdir("../g\x01ne"));
}

static void change_root(struct shared *s, int ready)
{
	(void)ready;
	must(s, mkdir("root", 0755));
	must(s, mkdir("root/in", 0755));
	if (chroot("root") < 0) {
		must(s, unshare(CLONE_NEWUSER));
		must(s, chroot("root"));
	}
	must(s, chdir("/in"));
}

TEST(directories)
{
	struct shared *s = share();
	char scratch[4096], want[5000];
	struct kept k;
	bool rooted;
	pid_t pid;

	enter_scratch(scratch, sizeof(scratch));
	pid = start(lose_directory, s);
	CHECK_EQ(s->failed, -1);
	k = look(pid, PROC_PROCESSES);
	REQUIRE(nth(&k, EV_process, pid, 0));
	snprintf(want, sizeof(want), "%s/g\x01ne (deleted)", scratch);
	CHECK_STRING(nth(&k, EV_process, pid, 0), "cwd", want);
	CHECK_STRING(nth(&k, EV_process, pid, 0), "root", "");
	forget(&k);
	reap(pid);

	s->failed = 0;
	pid = start(change_root, s);
	rooted = s->failed == -1;
	k = look(pid, PROC_PROCESSES);
	if (rooted) {
		REQUIRE(nth(&k, EV_process, pid, 0));
		snprintf(want, sizeof(want), "%s/root", scratch);
		CHECK_STRING(nth(&k, EV_process, pid, 0), "root", want);
		strcat(want, "/in");
		CHECK_STRING(nth(&k, EV_process, pid, 0), "cwd", want);
	}
	forget(&k);
	reap(pid);
	leave_scratch(scratch);
	munmap(s, sizeof(*s));
	if (!rooted)
		SKIP("chroot is not allowed");
}

/* Endings ------------------------------------------------------------------------------------ */

static void just_end(struct shared *s, int ready)
{
	(void)s;
	(void)ready;
	_exit(3);
}

/* What cannot be read of the test's ancestors, which are in each of its keyframes. */
static uint64_t refused_above(void)
{
	struct kept k = look(getpid(), PROC_PROCESSES);
	uint64_t n = k.totals.refused;

	forget(&k);
	return n;
}

TEST(kernel_thread)
{
	struct kept k = look(2, 0);
	struct item *item = nth(&k, EV_process, 2, 0);
	bool there = item && string_of(item, "comm").length == 8 &&
		     !memcmp(string_of(item, "comm").at, "kthreadd", 8);

	if (there) {
		CHECK_EQ(((struct ev_process *)item->payload)->kernel_thread, 1);
		CHECK_EQ(((struct ev_process *)item->payload)->ppid, 0);
		CHECK_EQ(((struct ev_process *)item->payload)->parent_start, 0);
		CHECK_STRING(item, "exe", "");
		CHECK_EQ(k.n, 1);
	}
	forget(&k);
	if (!there)
		SKIP("this PID namespace has no kernel threads");
}

TEST(zombie)
{
	struct shared *s = share();
	pid_t pid = start(just_end, s);
	struct ev_process *e;
	struct kept k;
	siginfo_t info;

	CHECK_EQ(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	k = look(pid, 0);
	REQUIRE(nth(&k, EV_process, pid, 0));
	e = (void *)nth(&k, EV_process, pid, 0)->payload;
	CHECK_EQ(e->zombie, 1);
	CHECK_EQ(e->ppid, getpid());
	CHECK_EQ(e->uid, getuid());
	CHECK_EQ(e->vpid, pid);
	CHECK_STRING(nth(&k, EV_process, pid, 0), "exe", "");
	CHECK_STRING(nth(&k, EV_process, pid, 0), "argv", "");
	/* Nothing was refused: there is no more. */
	CHECK_EQ(nth(&k, EV_process, pid, 0)->h.flags, EV_KEYFRAME);
	CHECK_EQ(count(&k, EV_fd, pid), 0);
	CHECK_EQ(count(&k, EV_inflight, pid), 0);
	CHECK_EQ(k.totals.refused, refused_above());
	CHECK_EQ(k.totals.vanished, 0);
	forget(&k);
	reap(pid);
	munmap(s, sizeof(*s));
}

static pid_t victim;

static bool end_it(void *arg, uint32_t pid)
{
	if (pid != (uint32_t)victim)
		return false;
	if (arg)
		reap(victim);
	return true;
}

TEST(processes_that_vanish)
{
	struct shared *s = share();
	struct proc_options o = { .wants = end_it, .wants_arg = s };
	struct kept k = { 0 };
	struct record_sink sink = { keep, &k };

	/* Between the list and the look. */
	victim = start(be_plain, s);
	CHECK_EQ(proc_keyframe(&o, &sink, &k.totals, NULL), 0);
	CHECK_EQ(k.totals.vanished, 1);
	CHECK_EQ(count(&k, 0, victim), 0);
	CHECK_EQ(count(&k, EV_process, victim), 0);
	forget(&k);
	/* Between its own record and the rest. */
	victim = start(be_plain, s);
	o.wants_arg = NULL;
	k.kill_on_process = victim;
	CHECK_EQ(proc_keyframe(&o, &sink, &k.totals, NULL), 0);
	CHECK_EQ(count(&k, EV_process, victim), 1);
	CHECK_EQ(count(&k, EV_fd, victim), 0);
	CHECK_EQ(count(&k, EV_inflight, victim), 0);
	CHECK_EQ(k.totals.refused, refused_above());
	forget(&k);
	munmap(s, sizeof(*s));
}
