/* SPDX-License-Identifier: BSD-2-Clause */
/* What a keyframe from /proc says of a process beyond its own record. */
#include <elf.h>
#include <pthread.h>
#include <sys/syscall.h>

#include "tests/unit/record_proc.h"

/* What a test executes is the test again: it sleeps, perhaps under another title. */
__attribute__((constructor)) static void sleep_if_told(int argc, char **argv)
{
	const char *told = getenv("REEL_TEST_SLEEP");

	if (!told)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (told[0] == 't') {
		char *last = argv[argc - 1];

		memset(argv[0], 'T', (size_t)(last + strlen(last) + 1 - argv[0]));
	}
	/* The parent waits for the end of this one, which exec has left open for it. */
	close(499);
	sleep_forever();
}

/* Arguments ---------------------------------------------------------------------------------- */

static char *const *exec_argv, *const *exec_envp;

static void exec_self(struct shared *s, int ready)
{
	/* Without FD_CLOEXEC: the constructor closes it. */
	if (dup2(ready, 499) < 0)
		abort();
	close(ready);
	must(s, execve("/proc/self/exe", exec_argv, exec_envp));
}

static struct kept look_at_exec(char *const *argv, char *const *envp, struct proc_options o,
				pid_t *ret_pid)
{
	struct shared *s = share();
	struct kept k = { 0 };

	exec_argv = argv;
	exec_envp = envp;
	*ret_pid = start(exec_self, s);
	CHECK_EQ(s->failed, 0);
	o.parts = PROC_PROCESSES;
	CHECK_EQ(look_with(&k, o, &(struct only){ { *ret_pid } }), 0);
	munmap(s, sizeof(*s));
	return k;
}

static char sleeping[] = "REEL_TEST_SLEEP=s";

TEST(arguments_are_exact_bytes)
{
	static char want[] = "\0a b\0\n\xff\0\0--x=\0";
	char *const argv[] = { want, want + 1, want + 5, want + 8, want + 9, NULL };
	char *const envp[] = { sleeping, NULL };
	pid_t pid;
	struct kept k = look_at_exec(argv, envp, (struct proc_options){ 0 }, &pid);

	REQUIRE(nth(&k, EV_process, pid, 0));
	CHECK_BYTES(nth(&k, EV_process, pid, 0), "argv", want, sizeof(want) - 1);
	CHECK_EQ(nth(&k, EV_process, pid, 0)->h.flags, EV_KEYFRAME);
	forget(&k);
	reap(pid);
}

TEST(long_arguments_are_cut_and_counted)
{
	enum { EACH = 100000, N = 10 };
	static const uint32_t max[][2] = { { 100, 100 },
					   { 0, PROC_MAX_ARG },
					   { 1 << 20, PROC_MAX_ARG_LIMIT } };
	char *argv[N + 1] = { NULL }, *const envp[] = { sleeping, NULL };

	for (unsigned i = 0; i < N; i++) {
		argv[i] = malloc(EACH);
		memset(argv[i], 'a' + (int)i, EACH - 1);
		argv[i][EACH - 1] = 0;
	}
	for (unsigned i = 0; i < 3; i++) {
		pid_t pid;
		struct kept k = look_at_exec(argv, envp,
					     (struct proc_options){ .max_arg = max[i][0] }, &pid);
		struct bytes b;

		REQUIRE(nth(&k, EV_process, pid, 0));
		b = string_of(nth(&k, EV_process, pid, 0), "argv");
		CHECK_EQ(b.length, max[i][1]);
		CHECK_EQ(b.true_length, EACH * N);
		CHECK_MEM(b.at, argv[0], max[i][1]);
		CHECK(nth(&k, EV_process, pid, 0)->h.flags & EV_TRUNCATED);
		/* What comes after it is not starved. */
		CHECK(string_of(nth(&k, EV_process, pid, 0), "cwd").length > 0);
		forget(&k);
		reap(pid);
	}
	for (unsigned i = 0; i < N; i++)
		free(argv[i]);
}

TEST(a_title_over_the_arguments)
{
	static char program[] = "program", arg[] = "argument", title[] = "REEL_TEST_SLEEP=t";
	char *const argv[] = { program, arg, NULL }, *const envp[] = { title, NULL };
	pid_t pid;
	struct kept k = look_at_exec(argv, envp, (struct proc_options){ 0 }, &pid);
	struct bytes b;

	REQUIRE(nth(&k, EV_process, pid, 0));
	b = string_of(nth(&k, EV_process, pid, 0), "argv");
	/* The kernel goes on in the environment, where long titles are. */
	CHECK(b.length >= 17);
	CHECK_MEM(b.at, "TTTTTTTTTTTTTTTTT", 17);
	forget(&k);
	reap(pid);
}

TEST(only_the_variables_that_are_wanted)
{
	enum { EACH = 100000, N = 20 };
	static const char *const names[] = { "AB", "EMPTY", "BIG", "LAST", NULL };
	static const char *const none[] = { NULL };
	static char one[] = "AB=1", longer[] = "ABC=2", shorter[] = "A=3", bare[] = "AB",
		    empty[] = "EMPTY=", again[] = "AB=\n=x", last[] = "LAST=z";
	char *envp[N + 16] = { sleeping, one, longer, shorter, bare, empty, again };
	char *const argv[] = { sleeping, NULL };
	size_t n = 7;
	struct kept k;
	struct bytes b;
	pid_t pid;

	/* So much that it takes several reads, with a wanted one in the middle. */
	for (unsigned i = 0; i < N; i++) {
		envp[n] = malloc(EACH);
		memset(envp[n], 'x', EACH - 1);
		memcpy(envp[n], i == N / 2 ? "BIG=" : "SMALL", i == N / 2 ? 4 : 5);
		envp[n++][EACH - 1] = 0;
	}
	envp[n++] = last;
	k = look_at_exec(argv, envp, (struct proc_options){ .env = names }, &pid);
	REQUIRE(nth(&k, EV_process, pid, 0));
	b = string_of(nth(&k, EV_process, pid, 0), "env");
	CHECK_EQ(b.length, PROC_MAX_ARG);
	CHECK_EQ(b.true_length, 5 + 7 + 7 + EACH + 7);
	CHECK_MEM(b.at, "AB=1\0EMPTY=\0AB=\n=x\0BIG=xxxx", 27);
	forget(&k);
	reap(pid);
	k = look_at_exec(argv, envp, (struct proc_options){ .env = none }, &pid);
	REQUIRE(nth(&k, EV_process, pid, 0));
	CHECK_STRING(nth(&k, EV_process, pid, 0), "env", "");
	forget(&k);
	reap(pid);
	for (unsigned i = 0; i < N; i++)
		free(envp[7 + i]);
}

/* Threads and calls -------------------------------------------------------------------------- */

static void *sleep_named(void *arg)
{
	prctl(PR_SET_NAME, arg);
	sleep_forever();
	return NULL;
}

static char wait_here[100];

static void have_threads(struct shared *s, int ready)
{
	static char names[3][16] = { "t) 0\n", "", "fifteen letters" };
	int ends[2];

	for (unsigned i = 0; i < 3; i++) {
		pthread_t thread;

		must(s, -pthread_create(&thread, NULL, sleep_named, names[i]));
	}
	must(s, pipe(ends));
	s->number[0] = (uint64_t)ends[0];
	s->number[1] = (uint64_t)(uintptr_t)wait_here;
	say_ready(s, ready);
	while (read(ends[0], wait_here, 77) < 0)
		;
}

/* Until all threads wait in a call. */
static struct kept look_until(pid_t pid, size_t n_calls)
{
	struct kept k = look(pid, PROC_PROCESSES | PROC_CALLS);

	for (unsigned i = 0; i < 2000 && count(&k, EV_inflight, pid) < n_calls; i++) {
		forget(&k);
		usleep(1000);
		k = look(pid, PROC_PROCESSES | PROC_CALLS);
	}
	return k;
}

TEST(threads_and_their_calls)
{
	struct shared *s = share();
	pid_t pid = start(have_threads, s);
	struct kept k = look_until(pid, 4);
	struct item *item = nth(&k, EV_process, pid, 0);
	struct ev_inflight *call;
	unsigned named = 0;

	REQUIRE(item);
	CHECK_EQ(count(&k, EV_process, pid), 1);
	REQUIRE(count(&k, EV_task, pid) == 3);
	for (unsigned i = 0; i < 3; i++) {
		struct item *task = nth(&k, EV_task, 0, i);
		struct ev_task *e = (void *)task->payload;
		struct bytes comm = string_of(task, "comm");

		CHECK_EQ(task->h.pid, pid);
		CHECK(task->h.tid != (uint32_t)pid);
		CHECK_EQ(e->vpid, task->h.tid);
		CHECK(e->start >= ((struct ev_process *)item->payload)->start);
		named |= comm.length == 5 && !memcmp(comm.at, "t) 0\n", 5) ? 1 : 0;
		named |= comm.length == 0 ? 2 : 0;
		named |= comm.length == 15 && !memcmp(comm.at, "fifteen letters", 15) ? 4 : 0;
		REQUIRE(nth(&k, EV_inflight, (pid_t)task->h.tid, 0));
		CHECK_EQ(nth(&k, EV_inflight, (pid_t)task->h.tid, 0)->h.call,
			 EV_CALL(EV_ABI_NATIVE, SYS_pause));
	}
	CHECK_EQ(named, 7);
	item = nth(&k, EV_inflight, pid, 0);
	REQUIRE(item);
	call = (void *)item->payload;
	CHECK_EQ(item->h.call, EV_CALL(EV_ABI_NATIVE, SYS_read));
	CHECK_EQ(item->h.pid, pid);
	CHECK_EQ(call->since, 0);
	CHECK_EQ(call->arg1, s->number[0]);
	CHECK_EQ(call->arg2, s->number[1]);
	CHECK_EQ(call->arg3, 77);
	forget(&k);
	reap(pid);
	munmap(s, sizeof(*s));
}

static void *outlive(void *arg)
{
	struct shared *s = arg;

	s->number[0] = (uint64_t)syscall(SYS_gettid);
	sleep_forever();
	return NULL;
}

static void end_first_thread(struct shared *s, int ready)
{
	pthread_t thread;

	must(s, -pthread_create(&thread, NULL, outlive, s));
	while (!s->number[0])
		usleep(100);
	say_ready(s, ready);
	syscall(SYS_exit, 0);
}

/* ps shows such a process as a zombie. */
TEST(a_process_whose_first_thread_has_ended)
{
	struct shared *s = share();
	pid_t pid = start(end_first_thread, s);
	char self[4096] = "";
	struct ev_process *e;
	struct kept k;

	CHECK(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
	usleep(20000);
	k = look(pid, 0);
	REQUIRE(nth(&k, EV_process, pid, 0));
	e = (void *)nth(&k, EV_process, pid, 0)->payload;
	CHECK_EQ(e->zombie, 0);
	CHECK_STRING(nth(&k, EV_process, pid, 0), "exe", self);
	CHECK(e->inode && e->mnt_ns);
	CHECK(string_of(nth(&k, EV_process, pid, 0), "argv").length);
	CHECK(count(&k, EV_fd, pid) >= 3);
	CHECK(count(&k, EV_map, pid) >= 1);
	CHECK_EQ(count(&k, EV_task, pid), 1);
	CHECK(nth(&k, EV_task, (pid_t)s->number[0], 0));
	forget(&k);
	reap(pid);
	munmap(s, sizeof(*s));
}

#ifdef __x86_64__

/* A thread with its code and stack below 4 GiB, in a program of 64 bits. */
static void wait_low(struct shared *s, int ready)
{
	/* mov $34, %eax; syscall; jmp back: pause() */
	static const uint8_t code[] = { 0xb8, 34, 0, 0, 0, 0x0f, 0x05, 0xeb, 0xf7 };
	uint8_t *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE | PROT_EXEC,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

	if (page == MAP_FAILED) {
		must(s, -1);
		return;
	}
	memcpy(page, code, sizeof(code));
	say_ready(s, ready);
	__asm__ volatile("mov %0, %%rsp\n\tjmp *%1" : : "r"(page + 8192), "r"(page));
	__builtin_unreachable();
}

/* A whole program of 32 bits, which is mov $29, %eax; int $0x80; jmp back: pause(). */
static void exec_32_bit(struct shared *s, int ready)
{
	static const uint8_t code[] = { 0xb8, 29, 0, 0, 0, 0xcd, 0x80, 0xeb, 0xf7 };
	struct {
		Elf32_Ehdr e;
		Elf32_Phdr p;
		uint8_t code[sizeof(code)];
	} program = {
		.e = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS32, ELFDATA2LSB, EV_CURRENT },
		       .e_type = ET_EXEC,
		       .e_machine = EM_386,
		       .e_version = EV_CURRENT,
		       .e_entry = 0x10000 + sizeof(Elf32_Ehdr) + sizeof(Elf32_Phdr),
		       .e_phoff = sizeof(Elf32_Ehdr),
		       .e_ehsize = sizeof(Elf32_Ehdr),
		       .e_phentsize = sizeof(Elf32_Phdr),
		       .e_phnum = 1 },
		.p = { .p_type = PT_LOAD,
		       .p_vaddr = 0x10000,
		       .p_filesz = sizeof(program),
		       .p_memsz = sizeof(program),
		       .p_flags = PF_R | PF_X,
		       .p_align = 4096 },
	};
	int fd = memfd_create("32", MFD_CLOEXEC);
	char name[] = "32";
	char *const argv[] = { name, NULL }, *const envp[] = { NULL };

	(void)ready;
	memcpy(program.code, code, sizeof(code));
	if (write(fd, &program, sizeof(program)) != sizeof(program))
		abort();
	s->number[0] = 1;
	must(s, fexecve(fd, argv, envp));
}

TEST(calls_of_32_bits)
{
	struct shared *s = share();
	pid_t pid = start(wait_low, s);
	struct kept k = look_until(pid, 1);
	bool ran;

	REQUIRE(nth(&k, EV_inflight, pid, 0));
	CHECK_EQ(nth(&k, EV_inflight, pid, 0)->h.call, EV_CALL(EV_ABI_NATIVE, SYS_pause));
	forget(&k);
	reap(pid);
	s->failed = 0;
	pid = start(exec_32_bit, s);
	ran = s->failed == 0;
	if (ran) {
		k = look_until(pid, 1);
		REQUIRE(nth(&k, EV_inflight, pid, 0));
		CHECK_EQ(nth(&k, EV_inflight, pid, 0)->h.call, EV_CALL(EV_ABI_COMPAT, 29));
		forget(&k);
	}
	reap(pid);
	munmap(s, sizeof(*s));
	if (!ran)
		SKIP("this kernel runs no programs of 32 bits");
}

#endif

/* Whose --------------------------------------------------------------------------------------- */

static void have_child(struct shared *s, int ready)
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(ready);
		sleep_forever();
	}
	s->number[0] = (uint64_t)pid;
}

TEST(ancestors_of_the_wanted)
{
	struct shared *s = share();
	pid_t pid = start(have_child, s), grandchild = (pid_t)s->number[0];
	struct kept k = look(grandchild, 0);

	CHECK_EQ(count(&k, EV_process, grandchild), 1);
	CHECK(count(&k, EV_fd, grandchild) >= 3);
	CHECK(count(&k, EV_map, grandchild) >= 1);
	CHECK_EQ(count(&k, EV_process, pid), 1);
	CHECK_EQ(count(&k, EV_process, getpid()), 1);
	CHECK_EQ(count(&k, EV_process, 1), 1);
	CHECK_EQ(count(&k, EV_fd, 0), count(&k, EV_fd, grandchild));
	CHECK_EQ(count(&k, EV_map, 0), count(&k, EV_map, grandchild));
	CHECK_EQ(count(&k, EV_task, 0), 0);
	CHECK_EQ(count(&k, EV_inflight, 0), count(&k, EV_inflight, grandchild));
	CHECK_EQ(k.totals.records, k.n);
	CHECK_EQ(k.totals.by_type[EV_process], count(&k, EV_process, 0));
	CHECK_EQ(k.totals.by_type[EV_fd], count(&k, EV_fd, 0));
	forget(&k);
	kill(grandchild, SIGKILL);
	reap(pid);
	munmap(s, sizeof(*s));
}

static pid_t looked_at;

/* As nobody, at a process of root's. */
static void look_without_privilege(struct shared *s, int ready)
{
	struct ev_process *e;
	struct item *item;
	struct kept k;

	(void)ready;
	must(s, setresgid(65534, 65534, 65534));
	must(s, setresuid(65534, 65534, 65534));
	k = look(looked_at, 0);
	item = nth(&k, EV_process, looked_at, 0);
	s->number[0] = k.totals.refused;
	if (!item)
		return;
	e = (void *)item->payload;
	s->number[1] = item->h.flags;
	s->number[2] = string_of(item, "exe").length + string_of(item, "cwd").length + e->inode +
		       e->mnt_ns;
	s->number[3] = string_of(item, "comm").length && e->ppid && e->start && e->vpid;
	s->number[4] = e->cap_bounding;
	s->number[5] = count(&k, EV_fd, looked_at) + count(&k, EV_map, looked_at) +
		       count(&k, EV_inflight, looked_at);
	forget(&k);
}

TEST(without_privilege)
{
	struct shared *s, *t;
	pid_t pid;

	if (geteuid() != 0)
		SKIP("not root: there is no process that may not be looked at");
	s = share();
	t = share();
	looked_at = start(have_child, t);
	pid = start(look_without_privilege, s);
	CHECK_EQ(s->failed, -1);
	CHECK(s->number[0] >= 1);
	CHECK_EQ(s->number[1], EV_KEYFRAME | EV_FAULT);
	CHECK_EQ(s->number[2], 0);
	CHECK_EQ(s->number[3], 1);
	CHECK(s->number[4] != 0);
	CHECK_EQ(s->number[5], 0);
	kill((pid_t)t->number[0], SIGKILL);
	reap(looked_at);
	reap(pid);
	munmap(s, sizeof(*s));
	munmap(t, sizeof(*t));
}

static int refuse(void *arg, struct reel_record *record, struct reel_err *err)
{
	(void)arg;
	(void)record;
	return reel_err_set(err, -ENOSPC, "no more");
}

TEST(a_sink_that_fails_ends_it)
{
	struct only self = { { getpid() } };
	struct proc_options o = { .wants = is_one_of, .wants_arg = &self };
	struct record_sink sink = { refuse, NULL };
	struct proc_totals totals = { .records = 7 };
	struct reel_err err;

	CHECK_EQ(proc_keyframe(&o, &sink, &totals, &err), -ENOSPC);
	CHECK_STR(err.msg, "no more");
	CHECK_EQ(totals.records, 7);
}
