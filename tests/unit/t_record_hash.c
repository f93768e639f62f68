/* SPDX-License-Identifier: BSD-2-Clause */
/* Hashes of files that processes execute, each asked of the task itself and through a helper. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "record/hash.h"
#include "record/hash_cache.h"
#include "tests/unit/record_child.h"
#include "tests/unit/record_gather.h"

/* Files and processes -------------------------------------------------------------------------- */

static void write_file(const char *path, const void *bytes, size_t n, size_t times)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0755);

	for (size_t i = 0; i < times; i++)
		CHECK_EQ(write(fd, bytes, n), (ssize_t)n);
	close(fd);
}

/* What sha256sum says, as bytes. */
static bool sum_of(const char *path, uint8_t ret[HASH_BYTES])
{
	char command[512], hex[65] = "";
	FILE *f;

	snprintf(command, sizeof(command), "sha256sum < %s", path);
	f = popen(command, "r");
	if (!f)
		return false;
	(void)!fread(hex, 1, 64, f);
	pclose(f);
	return sodium_hex2bin(ret, HASH_BYTES, hex, 64, NULL, NULL, NULL) == 0;
}

static uint32_t kernel_dev(dev_t dev)
{
	return (uint32_t)(major(dev) << 20 | minor(dev));
}

static struct helper_request asked(pid_t pid, const char *file, const char *path)
{
	struct stat st = { 0 };

	if (stat(file, &st) < 0)
		T_FAIL("%s: %s", file, strerror(errno));
	return (struct helper_request){ .kind = HELPER_HASH,
					.pid = (uint32_t)pid,
					.dev = kernel_dev(st.st_dev),
					.inode = st.st_ino,
					.path = path,
					.path_length = strlen(path) };
}

/* A process that executes the file, a copy of sleep, and is there when this returns. */
static pid_t start_program(const char *path)
{
	char link[64], name[4096];
	pid_t pid = fork();
	struct stat want, is;

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execl(path, "sleep", "100", NULL);
		_exit(127);
	}
	snprintf(link, sizeof(link), "/proc/%d/exe", (int)pid);
	for (unsigned i = 0; i < 5000; i++) {
		const struct timespec pause = { 0, 1000000 };

		if (stat(path, &want) == 0 && stat(link, &is) == 0 && want.st_ino == is.st_ino &&
		    readlink(link, name, sizeof(name)) > 0)
			return pid;
		nanosleep(&pause, NULL);
	}
	T_FAIL("%s does not run", path);
	return pid;
}

static void end_program(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void copy_sleep(const char *to)
{
	char command[512];

	snprintf(command, sizeof(command), "cp $(command -v sleep) %s", to);
	CHECK_EQ(system(command), 0);
}

static uint64_t start_of(pid_t pid)
{
	char path[64], text[1024], *at;
	unsigned long long ticks = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "re");
	if (!f || !fgets(text, sizeof(text), f))
		return 0;
	fclose(f);
	at = strrchr(text, ')');
	for (unsigned i = 2; i < 22; i++)
		at = strchr(at + 1, ' ');
	ticks = strtoull(at, NULL, 10);
	/* In the midst of the tick, as the kernel's nanoseconds are. */
	return ticks * (1000000000ull / (unsigned long long)sysconf(_SC_CLK_TCK)) + 5000000;
}

/* The task, run here --------------------------------------------------------------------------- */

static struct gather gathered;

static struct hasher *hasher_with(uint64_t max_bytes, uint32_t cache)
{
	const struct hash_options o = { .max_bytes = max_bytes, .cache_files = cache };
	struct hasher *h = NULL;

	CHECK_EQ(hasher_new(&o, &h, NULL), 0);
	memset(&gathered, 0, sizeof(gathered));
	return h;
}

/* All that becomes of a request; returns how many records there are. */
static unsigned ask(struct hasher *h, const struct helper_request *q)
{
	const struct helper_task t = hash_task(h);
	const struct record_sink sink = gather_sink(&gathered);
	unsigned before = gathered.n, answered = 0;
	int r = t.run(t.state, q, &sink, NULL);

	CHECK(r == HELPER_ANSWERED || r == HELPER_LATER);
	if (r == HELPER_LATER) {
		while (t.work(t.state, &answered, &sink, NULL) > 0)
			;
		CHECK_EQ(answered, 1);
	}
	return gathered.n - before;
}

static const struct gathered *last(void)
{
	return &gathered.list[gathered.n - 1];
}

/* "<path><...><reason>" */
static bool has_reason(const char *reason)
{
	char tail[64];
	size_t n = strlen(last()->text), k;

	snprintf(tail, sizeof(tail), "<><%s>", reason);
	k = strlen(tail);
	if (n >= k && strcmp(last()->text + n - k, tail) == 0)
		return true;
	printf("# %s\n", last()->text);
	return false;
}

static struct ev_hash hash_of(const struct gathered *g)
{
	struct ev_hash hash;

	memcpy(&hash, g->fixed, sizeof(hash));
	return hash;
}

/* The bytes of the hash lie behind those of the path. */
struct sunk {
	unsigned n;
	uint8_t sha256[HASH_BYTES];
	uint16_t sha256_bytes, reason_bytes;
	char reason[64];
};

static int sink_hash(void *arg, struct reel_record *record, struct reel_err *err)
{
	const uint8_t *at = record->payload + record->type->fixed_bytes;
	struct sunk *s = arg;
	struct ev_hash hash;

	(void)err;
	reel_record_end(record);
	if (record->header.type != EV_hash)
		return 0;
	memcpy(&hash, record->payload, sizeof(hash));
	s->n++;
	s->sha256_bytes = hash.sha256;
	s->reason_bytes = hash.reason;
	at += hash.path;
	if (hash.sha256 == HASH_BYTES)
		memcpy(s->sha256, at, HASH_BYTES);
	snprintf(s->reason, sizeof(s->reason), "%.*s", hash.reason, (const char *)at + hash.sha256);
	return 0;
}

static struct sunk hash_through_helper(const struct helper_request *q)
{
	struct hasher *hasher = hasher_with(0, 0);
	const struct helper_task task = hash_task(hasher);
	const struct helper_options o = { .tasks = &task, .n_tasks = 1 };
	struct sunk sunk = { 0 };
	const struct record_sink sink = { sink_hash, &sunk };
	struct reel_err err = { 0 };
	struct helper *h;

	if (helper_start(&o, &h, &err) < 0) {
		T_FAIL("%s", err.msg);
	} else {
		CHECK_EQ(helper_ask(h, q), 0);
		CHECK_EQ(helper_stop(h, boot_ns() + 20000000000ull, &sink, NULL), 0);
	}
	hasher_free(hasher);
	return sunk;
}

TEST(a_hash_is_that_of_sha256sum)
{
	uint8_t want[HASH_BYTES];
	struct helper_request q;
	struct sunk got;
	char real[PATH_MAX];
	pid_t pid;

	copy_sleep("program");
	REQUIRE(realpath("program", real) != NULL);
	REQUIRE(sum_of("program", want));
	pid = start_program("./program");
	q = asked(pid, "program", real);
	q.start_ns = start_of(pid);
	got = hash_through_helper(&q);
	CHECK_EQ(got.n, 1);
	CHECK_EQ(got.sha256_bytes, HASH_BYTES);
	CHECK_EQ(got.reason_bytes, 0);
	CHECK_MEM(got.sha256, want, HASH_BYTES);
	/* Its path is gone, the process is not. */
	REQUIRE(unlink("program") == 0);
	memset(got.sha256, 0, HASH_BYTES);
	got = hash_through_helper(&q);
	CHECK_MEM(got.sha256, want, HASH_BYTES);
	end_program(pid);
}

TEST(sizes_around_those_of_a_read)
{
	static const size_t sizes[] = { 0, 1, 65535, 65536, 65537, 4194303, 4194304, 4194305 };
	static uint8_t bytes[4194305];
	char real[PATH_MAX];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 2654435761u >> 13);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint8_t want[HASH_BYTES];
		struct helper_request q;
		struct sunk got;

		write_file("sized", bytes, sizes[i], 1);
		REQUIRE(realpath("sized", real) != NULL);
		crypto_hash_sha256(want, bytes, sizes[i]);
		/* Of no process: it is found at its path. */
		q = asked(0, "sized", real);
		got = hash_through_helper(&q);
		CHECK_EQ(got.sha256_bytes, HASH_BYTES);
		CHECK_MEM(got.sha256, want, HASH_BYTES);
	}
}

TEST(a_record_says_which_file)
{
	struct hasher *h = hasher_with(0, 0);
	struct helper_request q;
	struct ev_hash hash;
	struct stat st;
	char real[PATH_MAX];

	write_file("which", "abc", 3, 1);
	REQUIRE(realpath("which", real) != NULL && stat("which", &st) == 0);
	q = asked(77, "which", real);
	CHECK_EQ(ask(h, &q), 1);
	hash = hash_of(last());
	CHECK_EQ(last()->type, EV_hash);
	CHECK_EQ(last()->pid, 77);
	CHECK_EQ(hash.dev, kernel_dev(st.st_dev));
	CHECK_EQ(hash.inode, st.st_ino);
	CHECK_EQ(hash.size, 3);
	CHECK_EQ(hash.ctime, st.st_ctim.tv_sec * 1000000000ll + st.st_ctim.tv_nsec);
	CHECK(strncmp(last()->text + 1, real, strlen(real)) == 0);
	hasher_free(h);
}

/* Once ----------------------------------------------------------------------------------------- */

/* Until the change is old enough to be told from the next. */
static void let_it_age(void)
{
	const struct timespec pause = { 0, 150 * 1000 * 1000 };

	nanosleep(&pause, NULL);
}

TEST(a_file_is_hashed_once)
{
	struct hasher *h = hasher_with(0, 0);
	struct helper_request q;
	char real[PATH_MAX];

	write_file("once", "abc", 3, 1);
	REQUIRE(realpath("once", real) != NULL);
	let_it_age();
	q = asked(0, "once", real);
	CHECK_EQ(ask(h, &q), 1);
	CHECK_EQ(ask(h, &q), 0);
	CHECK_EQ(ask(h, &q), 0);
	/* For a keyframe it is said again. */
	q.again = true;
	CHECK_EQ(ask(h, &q), 1);
	CHECK_EQ(last()->flags, EV_KEYFRAME);
	CHECK_STR(last()->text, gathered.list[0].text);
	/* Under another name it is the same file. */
	q.again = false;
	REQUIRE(link("once", "twice") == 0);
	let_it_age();
	q.path = "/nowhere";
	q.path_length = 8;
	CHECK_EQ(ask(h, &q), 1);
	CHECK(has_reason("process gone"));
	/* The link has changed its ctime, so that it counts as changed; as when it is written. */
	q.path = real;
	q.path_length = strlen(real);
	CHECK_EQ(ask(h, &q), 1);
	CHECK_EQ(ask(h, &q), 0);
	write_file("once", "abd", 3, 1);
	CHECK_EQ(ask(h, &q), 1);
	CHECK(strcmp(last()->text, gathered.list[0].text) != 0);
	hasher_free(h);
}

/* Its time may be the same, so it is not relied on. */
TEST(a_file_that_was_just_changed_is_hashed_again)
{
	struct hasher *h = hasher_with(0, 0);
	struct helper_request q;
	char real[PATH_MAX], text[4] = "aaa";

	write_file("fresh", text, 3, 1);
	REQUIRE(realpath("fresh", real) != NULL);
	q = asked(0, "fresh", real);
	for (unsigned i = 0; i < 20; i++) {
		text[0]++;
		write_file("fresh", text, 3, 1);
		CHECK_EQ(ask(h, &q), 1);
		if (i)
			CHECK(strcmp(last()->text, gathered.list[i - 1].text) != 0);
	}
	CHECK_EQ(ask(h, &q), 1);
	CHECK_STR(last()->text, gathered.list[19].text);
	hasher_free(h);
}

/* Reasons -------------------------------------------------------------------------------------- */

TEST(a_process_that_is_gone_has_a_reason)
{
	struct hasher *h = hasher_with(0, 0);
	struct helper_request q;
	pid_t pid;

	copy_sleep("gone");
	pid = start_program("./gone");
	q = asked(pid, "gone", "/nowhere/gone");
	end_program(pid);
	CHECK_EQ(ask(h, &q), 1);
	CHECK(has_reason("process gone"));
	q.path_length = 0;
	CHECK_EQ(ask(h, &q), 1);
	CHECK_STR(last()->text, "<><><process gone>");
	hasher_free(h);
}

TEST(a_pid_that_is_used_again_is_another_process)
{
	struct hasher *h = hasher_with(0, 0);
	struct helper_request q;
	pid_t pid;

	copy_sleep("again");
	pid = start_program("./again");
	q = asked(pid, "again", "/nowhere/again");
	q.start_ns = start_of(pid) - 20000000000ull;
	CHECK_EQ(ask(h, &q), 1);
	CHECK(has_reason("process gone"));
	q.start_ns = start_of(pid);
	CHECK_EQ(ask(h, &q), 1);
	CHECK_EQ(hash_of(last()).inode, q.inode);
	CHECK(!strstr(last()->text, "gone>"));
	end_program(pid);
	hasher_free(h);
}

TEST(a_zombie_has_no_file)
{
	struct hasher *h = hasher_with(0, 0);
	struct helper_request q;
	siginfo_t info;
	pid_t pid;

	copy_sleep("zombie");
	pid = start_program("./zombie");
	q = asked(pid, "zombie", "");
	kill(pid, SIGKILL);
	CHECK_EQ(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	CHECK_EQ(ask(h, &q), 1);
	CHECK(has_reason("process gone"));
	waitpid(pid, NULL, 0);
	hasher_free(h);
}

TEST(another_program_by_now_is_not_hashed_instead)
{
	struct hasher *h = hasher_with(0, 0);
	struct helper_request q;
	char real[PATH_MAX];
	pid_t pid;

	copy_sleep("first");
	copy_sleep("second");
	REQUIRE(realpath("first", real) != NULL);
	pid = start_program("./second");
	/* Asked for the one before, whose path is still there. */
	q = asked(pid, "first", real);
	CHECK_EQ(ask(h, &q), 1);
	CHECK_EQ(hash_of(last()).inode, q.inode);
	CHECK(!strstr(last()->text, "another"));
	/* A file that took its path is not taken for it. */
	REQUIRE(rename("second", "first") == 0);
	q.inode += 1000000;
	CHECK_EQ(ask(h, &q), 1);
	CHECK(has_reason("another file by now"));
	CHECK_EQ(hash_of(last()).size, 0);
	end_program(pid);
	hasher_free(h);
}

TEST(what_is_no_file_is_not_opened)
{
	struct hasher *h = hasher_with(0, 0);
	struct helper_request q;
	char real[PATH_MAX];

	REQUIRE(mkfifo("fifo", 0600) == 0);
	REQUIRE(realpath("fifo", real) != NULL);
	/* Opening one to read would wait for a writer. */
	q = asked(0, "fifo", real);
	CHECK_EQ(ask(h, &q), 1);
	CHECK(has_reason("not a regular file"));
	q = asked(0, "/dev/null", "/dev/null");
	CHECK_EQ(ask(h, &q), 1);
	CHECK(has_reason("not a regular file"));
	q = asked(0, "/", "/");
	CHECK_EQ(ask(h, &q), 1);
	CHECK(has_reason("not a regular file"));
	hasher_free(h);
}

TEST(what_is_too_big_is_said_once)
{
	struct hasher *h = hasher_with(1000, 0);
	struct helper_request q;
	char real[PATH_MAX];

	write_file("big", "0123456789", 10, 101);
	REQUIRE(realpath("big", real) != NULL);
	q = asked(0, "big", real);
	CHECK_EQ(ask(h, &q), 1);
	CHECK(has_reason("too big"));
	CHECK_EQ(hash_of(last()).size, 1010);
	CHECK_EQ(ask(h, &q), 0);
	q.again = true;
	CHECK_EQ(ask(h, &q), 1);
	CHECK(has_reason("too big"));
	write_file("big", "0123456789", 10, 100);
	q.again = false;
	CHECK_EQ(ask(h, &q), 1);
	CHECK(!strstr(last()->text, "too big"));
	hasher_free(h);
}

static void hash_as_nobody(void *arg)
{
	const struct helper_request q = { .kind = HELPER_HASH, .pid = 1, .inode = 1, .path = "" };
	struct hasher *h = hasher_with(0, 0);

	(void)arg;
	EXPECT(setgid(65534) == 0 && setuid(65534) == 0);
	EXPECT(ask(h, &q) == 1);
	EXPECT(has_reason("EACCES"));
	hasher_free(h);
}

TEST(what_may_not_be_read_has_its_errno)
{
	if (geteuid() != 0)
		SKIP("needs root");
	CHECK_EQ(in_child(hash_as_nobody, NULL), 0);
}

/* A file that is written to while it is read has no hash that means anything. */
TEST(a_file_that_changes_meanwhile_has_no_hash)
{
	struct hasher *h = hasher_with(0, 0);
	const struct helper_task t = hash_task(h);
	const struct record_sink sink = gather_sink(&gathered);
	static uint8_t block[1 << 20];
	struct helper_request q;
	unsigned answered = 0;
	char real[PATH_MAX];
	int fd;

	write_file("moving", block, sizeof(block), 12);
	REQUIRE(realpath("moving", real) != NULL);
	q = asked(0, "moving", real);
	CHECK_EQ(t.run(t.state, &q, &sink, NULL), HELPER_LATER);
	CHECK_EQ(t.work(t.state, &answered, &sink, NULL), 1);
	fd = open("moving", O_WRONLY | O_APPEND);
	CHECK_EQ(write(fd, "x", 1), 1);
	close(fd);
	while (t.work(t.state, &answered, &sink, NULL) > 0)
		;
	CHECK_EQ(answered, 1);
	CHECK_EQ(gathered.n, 1);
	CHECK(has_reason("changed while it was read"));
	/* Once it rests it is hashed. */
	CHECK_EQ(ask(h, &q), 1);
	CHECK(!strstr(last()->text, "changed"));
	hasher_free(h);
}

/* The queue ------------------------------------------------------------------------------------ */

static unsigned open_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n;
}

TEST(the_queue_has_an_end)
{
	struct hasher *h = hasher_with(0, 0);
	const struct helper_task t = hash_task(h);
	const struct record_sink sink = gather_sink(&gathered);
	unsigned answered = 0, later = 0, before = open_files();
	char name[32], real[PATH_MAX];
	struct helper_request q;

	for (unsigned i = 0; i < HASH_QUEUE + 10; i++) {
		snprintf(name, sizeof(name), "queued-%u", i);
		write_file(name, &i, sizeof(i), 1);
		REQUIRE(realpath(name, real) != NULL);
		q = asked(0, name, real);
		later += t.run(t.state, &q, &sink, NULL) == HELPER_LATER;
		/* Asked for again while it waits: once is enough. */
		if (i < HASH_QUEUE)
			CHECK_EQ(t.run(t.state, &q, &sink, NULL), HELPER_ANSWERED);
	}
	CHECK_EQ(later, HASH_QUEUE);
	CHECK_EQ(gathered.n, 10);
	CHECK(has_reason("helper busy"));
	CHECK_EQ(open_files(), before + HASH_QUEUE);
	while (t.work(t.state, &answered, &sink, NULL) > 0)
		;
	CHECK_EQ(answered, HASH_QUEUE);
	CHECK_EQ(gathered.n, HASH_QUEUE + 10);
	CHECK_EQ(open_files(), before);
	CHECK_EQ(t.work(t.state, &answered, &sink, NULL), 0);
	/* What waits is let go with it. */
	write_file("last", "x", 1, 1);
	REQUIRE(realpath("last", real) != NULL);
	q = asked(0, "last", real);
	CHECK_EQ(t.run(t.state, &q, &sink, NULL), HELPER_LATER);
	hasher_free(h);
	CHECK_EQ(open_files(), before);
}

TEST(a_request_that_was_dropped_has_a_record)
{
	const struct record_sink sink = gather_sink(&gathered);
	struct helper_request q = asked(5, "/", "/bin/x");

	memset(&gathered, 0, sizeof(gathered));
	CHECK_EQ(hash_put_reason(&q, "helper busy", &sink, NULL), 0);
	CHECK_EQ(gathered.n, 1);
	CHECK_STR(last()->text, "</bin/x><><helper busy>");
	CHECK_EQ(hash_of(last()).inode, q.inode);
}

/* In other places ------------------------------------------------------------------------------ */

static void hash_memfd(void *arg)
{
	struct hasher *h = hasher_with(0, 0);
	int fd = memfd_create("program", 0), from = open("/bin/sleep", O_RDONLY);
	static uint8_t bytes[1 << 20];
	ssize_t n = read(from, bytes, sizeof(bytes));
	struct helper_request q = { .kind = HELPER_HASH };
	struct stat st;
	char path[64];
	pid_t pid;

	(void)arg;
	EXPECT(n > 0 && write(fd, bytes, (size_t)n) == n);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	pid = start_program(path);
	EXPECT(fstat(fd, &st) == 0);
	q.pid = (uint32_t)pid;
	q.inode = st.st_ino;
	q.dev = kernel_dev(st.st_dev);
	q.path = "/memfd:program (deleted)";
	q.path_length = strlen(q.path);
	EXPECT(ask(h, &q) == 1);
	EXPECT(hash_of(last()).size == (uint64_t)n);
	EXPECT(!strstr(last()->text, "gone") && !strstr(last()->text, "another"));
	end_program(pid);
	hasher_free(h);
}

TEST(a_file_without_a_name_is_hashed)
{
	CHECK_EQ(in_child(hash_memfd, NULL), 0);
}

/* A process with another root: the path is its own, and the file is found there. */
static void hash_below_root(void *arg)
{
	struct hasher *h = hasher_with(0, 0);
	struct helper_request q;
	int ready[2];
	pid_t pid;
	char byte;

	(void)arg;
	EXPECT(mkdir("root", 0755) == 0 && mkdir("root/bin", 0755) == 0);
	write_file("root/bin/tool", "tool", 4, 1);
	EXPECT(pipe(ready) == 0);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (chroot("root") == 0 && chdir("/") == 0)
			(void)!write(ready[1], "x", 1);
		for (;;)
			pause();
	}
	close(ready[1]);
	EXPECT(read(ready[0], &byte, 1) == 1);
	/* It does not execute it any more: another program came after. */
	q = asked(pid, "root/bin/tool", "/bin/tool");
	EXPECT(ask(h, &q) == 1);
	EXPECT(hash_of(last()).size == 4);
	end_program(pid);
	hasher_free(h);
}

TEST(a_path_is_that_of_the_process)
{
	if (geteuid() != 0)
		SKIP("needs root");
	CHECK_EQ(in_child(hash_below_root, NULL), 0);
}
