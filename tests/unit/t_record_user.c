/* SPDX-License-Identifier: BSD-2-Clause */
/* The class user, as far as it needs no kernel programs: tables, code that is read, files found. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "record/elf_child.h"
#include "record/user.h"
#include "record/user_code.h"
#include "record/user_find.h"
#include "record/user_seen.h"
#include "record/user_table.h"
#include "tests/unit/harness.h"
#include "tests/unit/record_child.h"

/* Code ---------------------------------------------------------------------------------------- */

struct code {
	const char *what;
	uint8_t bytes[32];
	uint8_t n;
	struct user_getter getter; /* no loads: it says nothing */
};

/* As compilers write them. */
static const struct code codes[] = {
	{ "mov (%rdi),%eax; xor; ret",
	  { 0x8b, 0x07, 0x31, 0xff, 0xc3 },
	  5,
	  { .at = { 0 }, .loads = 1, .bytes = 4 } },
	{ "endbr64; mov 0x38(%rdi),%eax; ret",
	  { 0xf3, 0x0f, 0x1e, 0xfa, 0x8b, 0x47, 0x38, 0xc3 },
	  8,
	  { .at = { 0x38 }, .loads = 1, .bytes = 4 } },
	{ "mov -8(%rdi),%rax; ret",
	  { 0x48, 0x8b, 0x47, 0xf8, 0xc3 },
	  5,
	  { .at = { -8 }, .loads = 1, .bytes = 8 } },
	{ "mov 0x918(%rdi),%rax; test; je; mov 0x2f8(%rax),%rax; ret",
	  { 0x48, 0x8b, 0x87, 0x18, 0x09, 0x00, 0x00, 0x48, 0x85, 0xc0,
	    0x74, 0x07, 0x48, 0x8b, 0x80, 0xf8, 0x02, 0x00, 0x00, 0xc3 },
	  20,
	  { .at = { 0x918, 0x2f8 }, .loads = 2, .bytes = 8 } },
	{ "mov 0xf8(%rdi),%rax; test; jne over a constant; mov 8(%rax),%eax; ret",
	  { 0x48, 0x8b, 0x87, 0xf8, 0x00, 0x00, 0x00, 0x48, 0x85, 0xc0, 0x75,
	    0x06, 0xb8, 0xff, 0x00, 0x00, 0x00, 0xc3, 0x8b, 0x40, 0x08, 0xc3 },
	  22,
	  { .at = { 0xf8, 8 }, .loads = 2, .bytes = 4 } },
	{ "lea of a name; test; je; mov 8(%rdi),%rax; xor; ret",
	  { 0x48, 0x8d, 0x05, 0xec, 0xf9, 0x04, 0x00, 0x48, 0x85, 0xff, 0x74, 0x04, 0x48, 0x8b,
	    0x47, 0x08, 0x31, 0xff, 0xc3 },
	  19,
	  { .at = { 8 }, .loads = 1, .bytes = 8 } },
	{ "xor; test; je; test %rsi; je; mov; mov %eax,(%rsi); mov 0x44(%rdi),%eax; ret",
	  { 0x31, 0xc0, 0x48, 0x85, 0xff, 0x74, 0x0d, 0x48, 0x85, 0xf6, 0x74,
	    0x05, 0x8b, 0x47, 0x48, 0x89, 0x06, 0x8b, 0x47, 0x44, 0xc3 },
	  21,
	  { .at = { 0x44 }, .loads = 1, .bytes = 4 } },
	/* What it returns is not, or not only, what it has loaded. */
	{ "a constant", { 0xb8, 0x01, 0x00, 0x00, 0x00, 0xc3 }, 6 },
	{ "mov (%rdi),%eax; xor %eax,%eax; ret", { 0x8b, 0x07, 0x31, 0xc0, 0xc3 }, 5 },
	{ "mov (%rdi),%eax; and $1,%eax; ret", { 0x8b, 0x07, 0x83, 0xe0, 0x01, 0xc3 }, 6 },
	{ "mov (%rdi),%edx; mov %edx,%eax; ret", { 0x8b, 0x17, 0x89, 0xd0, 0xc3 }, 5 },
	{ "mov (%rsi),%eax; ret", { 0x8b, 0x06, 0xc3 }, 3 },
	{ "mov %edi,%eax; ret", { 0x8b, 0xc7, 0xc3 }, 3 },
	{ "xor %edi,%edi; mov (%rdi),%eax; ret", { 0x31, 0xff, 0x8b, 0x07, 0xc3 }, 5 },
	{ "cmpl $0,(%rdi); jne", { 0x83, 0x3f, 0x00, 0x75, 0x02, 0x8b, 0x07, 0xc3 }, 8 },
	{ "je without a test", { 0x74, 0x00, 0x8b, 0x07, 0xc3 }, 5 },
	{ "a pointer of 4 bytes", { 0x8b, 0x07, 0x8b, 0x00, 0xc3 }, 5 },
	{ "three loads", { 0x48, 0x8b, 0x07, 0x48, 0x8b, 0x00, 0x48, 0x8b, 0x00, 0xc3 }, 10 },
	{ "call", { 0xe8, 0x00, 0x00, 0x00, 0x00, 0xc3 }, 6 },
	{ "jne out of what is known", { 0x48, 0x85, 0xff, 0x75, 0x7f, 0xc3 }, 6 },
	{ "jne backwards", { 0x48, 0x85, 0xff, 0x75, 0xfb, 0xc3 }, 6 },
};

TEST(code_that_is_simple_enough_is_read)
{
	for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++) {
		const struct code *c = &codes[i];
		struct user_getter got = { .loads = 9 };
		bool read = user_code_read(c->bytes, c->n, &got);

		if (read != (c->getter.loads > 0))
			T_FAIL("%s: %s", c->what, read ? "read" : "not read");
		if (!read)
			CHECK_EQ(got.loads, 9);
		else if (memcmp(&got, &c->getter, sizeof(got)) != 0)
			T_FAIL("%s: %u loads at %d, %d, %u bytes", c->what, got.loads, got.at[0],
			       got.at[1], got.bytes);
		/* Cut off, it has no return. */
		for (size_t n = 0; read && n < c->n; n++)
			CHECK(!user_code_read(c->bytes, n, &got));
	}
}

/* Tables -------------------------------------------------------------------------------------- */

TEST(files_of_interest_by_their_names)
{
	static const struct {
		const char *path;
		unsigned libraries;
	} files[] = {
		{ "/usr/lib/x86_64-linux-gnu/libssl.so.3", USER_IN(USER_OPENSSL) },
		{ "/x/libcrypto.so.1.1", USER_IN(USER_OPENSSL) },
		{ "/site-packages/psycopg2_binary.libs/libssl-0b3c0f6a.so.1.1",
		  USER_IN(USER_OPENSSL) },
		{ "/x/libgnutls.so.30.34.3", USER_IN(USER_GNUTLS) },
		{ "/x/libgnutls.so.30 (deleted)", USER_IN(USER_GNUTLS) },
		{ "/x/libreadline.so.8", USER_IN(USER_READLINE) },
		{ "/x/libssl3.so", 0 },
		{ "/x/libgnutls-dane.so.0", 0 },
		{ "/x/libc.so.6", 0 },
		{ "/x/ld-linux-x86-64.so.2", 0 },
		{ "", 0 },
		{ "/directory/", 0 },
	};
	bool if_executable;

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		CHECK_EQ(user_libraries_of(files[i].path, &if_executable), files[i].libraries);
		CHECK_EQ(if_executable, false);
		CHECK_EQ(user_path_matters(files[i].path, strlen(files[i].path)),
			 files[i].libraries != 0);
	}
	CHECK_EQ(user_libraries_of("/usr/bin/bash", &if_executable), 7);
	CHECK_EQ(if_executable, true);
	/* Bytes, not a string. */
	CHECK(user_path_matters("/x/libssl.so.3/y", 14));
	CHECK(!user_path_matters("/x/libc.so.6ssl", 12));
}

TEST(functions_are_sound)
{
	for (size_t i = 0; i < n_user_rows; i++) {
		const struct user_row *row = &user_rows[i];

		CHECK(strlen(row->name) < USER_FUNCTION_BYTES);
		CHECK(user_row_enters(row) || user_row_returns(row));
		CHECK(row->path[0] <= 4 && row->path[1] <= 4 && row->cipher <= 4);
		CHECK_EQ(row->kind == USER_SETUP, row->path[0] || row->cipher);
		for (size_t k = 0; k < i; k++)
			CHECK(strcmp(row->name, user_rows[k].name) != 0);
	}
	CHECK(n_user_rows > 50);
}

TEST(what_has_been_looked_at_is_remembered)
{
	struct user_seen *seen = calloc(1, sizeof(*seen));
	struct user_look *l;
	unsigned n = 0;

	CHECK(!user_seen_find(seen, 1, 2, "/a"));
	l = user_seen_add(seen, 1, 2, "/a");
	l->again = true;
	CHECK(user_seen_find(seen, 1, 2, "/a") == l && l->again);
	CHECK(!user_seen_find(seen, 1, 2, "/b"));
	CHECK(!user_seen_find(seen, 1, 3, "/a"));
	CHECK(!user_seen_find(seen, 2, 2, "/a"));
	/* Far more than there is room for: the last are there, the first have made way. */
	for (uint64_t i = 0; i < 40 * USER_SEEN; i++) {
		user_seen_add(seen, 7, i, "/library");
		CHECK(user_seen_find(seen, 7, i, "/library") != NULL);
	}
	CHECK(!user_seen_find(seen, 1, 2, "/a"));
	for (uint64_t i = 0; i < 40 * USER_SEEN; i++)
		n += user_seen_find(seen, 7, i, "/library") != NULL;
	CHECK(n > USER_SEEN / 2 && n <= USER_SEEN);
	/* Its count of looks goes round. */
	seen->looks = UINT32_MAX;
	CHECK_EQ(user_seen_add(seen, 1, 2, "/a")->used, 1);
	free(seen);
}

/* Files --------------------------------------------------------------------------------------- */

struct mapped {
	char path[256];
	struct user_wanted wanted;
	void *at;
	size_t bytes;
};

/* A file with one page that we have mapped executable. */
static bool map_file(struct mapped *m)
{
	struct stat st;
	int fd;

	strcpy(m->path, "/tmp/reel-user-XXXXXX");
	fd = mkstemp(m->path);
	if (fd < 0 || ftruncate(fd, 4096) < 0 || fchmod(fd, 0700) < 0 || fstat(fd, &st) < 0)
		return false;
	m->bytes = 4096;
	m->at = mmap(NULL, m->bytes, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	close(fd);
	m->wanted = (struct user_wanted){
		.pid = (uint32_t)getpid(),
		.dev = (uint32_t)(major(st.st_dev) << 20 | minor(st.st_dev)),
		.inode = st.st_ino,
		.path = m->path,
	};
	return m->at != MAP_FAILED;
}

static bool is_file(int fd, const struct mapped *m)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_ino == m->wanted.inode;
}

TEST(a_file_is_found_by_its_path)
{
	struct mapped m;
	struct reel_err err = { 0 };
	int fd;

	REQUIRE(map_file(&m));
	fd = user_find(&m.wanted, &err);
	CHECK(fd >= 0 && is_file(fd, &m));
	close(fd);
	/* Nobody maps it: the path must do. */
	m.wanted.pid = 0;
	fd = user_find(&m.wanted, &err);
	CHECK(fd >= 0 && is_file(fd, &m));
	close(fd);
	munmap(m.at, m.bytes);
	unlink(m.path);
	CHECK_EQ(user_find(&m.wanted, &err), -ENOENT);
	CHECK_STR(err.msg, "cannot find it: No such file or directory");
}

TEST(one_that_is_gone_is_found_by_its_mapping)
{
	struct mapped m;
	struct reel_err err = { 0 };
	char deleted[300];
	int fd;

	REQUIRE(map_file(&m));
	unlink(m.path);
	snprintf(deleted, sizeof(deleted), "%s (deleted)", m.path);
	m.wanted.path = deleted;
	fd = user_find(&m.wanted, &err);
	if (fd == -EPERM) {
		munmap(m.at, m.bytes);
		SKIP("needs CAP_CHECKPOINT_RESTORE");
	}
	CHECK(fd >= 0 && is_file(fd, &m));
	close(fd);
	/* Another file is at its path now. */
	m.wanted.path = "/proc/version";
	fd = user_find(&m.wanted, &err);
	CHECK(fd >= 0 && is_file(fd, &m));
	close(fd);
	munmap(m.at, m.bytes);
	CHECK_EQ(user_find(&m.wanted, &err), -ENOENT);
}

TEST(what_is_executed_is_found_and_nothing_else_is_wanted)
{
	struct user_wanted wanted = { .pid = (uint32_t)getpid(), .if_executable = true };
	struct reel_err err = { 0 };
	struct mapped m;
	struct stat st;
	char path[4096] = "";
	int fd;

	REQUIRE(stat("/proc/self/exe", &st) == 0);
	REQUIRE(readlink("/proc/self/exe", path, sizeof(path) - 1) > 0);
	wanted.path = path;
	wanted.inode = st.st_ino;
	wanted.dev = (uint32_t)(major(st.st_dev) << 20 | minor(st.st_dev));
	fd = user_find(&wanted, &err);
	CHECK(fd >= 0);
	close(fd);
	wanted.path = "/no/longer/there";
	fd = user_find(&wanted, &err);
	CHECK(fd >= 0);
	close(fd);
	REQUIRE(map_file(&m));
	m.wanted.if_executable = true;
	CHECK_EQ(user_find(&m.wanted, &err), -ENOEXEC);
	munmap(m.at, m.bytes);
	unlink(m.path);
}

TEST(what_is_no_file_is_not_opened)
{
	char path[] = "/tmp/reel-fifo-XXXXXX";
	struct user_wanted wanted = { .path = path };
	struct reel_err err = { 0 };

	REQUIRE(mkdtemp(path));
	CHECK_EQ(user_find(&wanted, &err), -ENOEXEC);
	rmdir(path);
	/* One to read from a FIFO would wait for ever. */
	REQUIRE(mkfifo(path, 0600) == 0);
	CHECK_EQ(user_find(&wanted, &err), -ENOEXEC);
	CHECK_STR(err.msg, "not a regular file");
	unlink(path);
	wanted.path = "relative";
	CHECK_EQ(user_find(&wanted, &err), -ENOENT);
	wanted.path = "/proc/version";
	wanted.pid = 0x7fffffff;
	CHECK_EQ(user_find(&wanted, &err), -ENOENT);
}

/* A file system whose process does not answer ------------------------------------------------- */

static int find_it(void *arg, struct reel_err *err)
{
	return user_find(arg, err);
}

enum { NOT_HERE = 77 };

/* Its mounts are its own, and end with it. */
static void meet_fuse(void *arg)
{
	struct user_wanted wanted = { .path = "/proc/self/environ" };
	const char *const names[] = { "main" };
	struct elf_request q = { find_it, &wanted, names, 1 };
	struct elf_parser *p = NULL;
	struct reel_err err = { 0 };
	char directory[] = "/tmp/reel-fuse-XXXXXX", options[128], path[64];
	int fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	struct stat st;

	(void)arg;
	if (fuse < 0 || unshare(CLONE_NEWNS) < 0 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		_exit(NOT_HERE);
	EXPECT(mkdtemp(directory));
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", fuse);
	if (mount("nobody", directory, "fuse", MS_NOSUID | MS_NODEV, options) < 0) {
		rmdir(directory);
		_exit(NOT_HERE);
	}
	snprintf(path, sizeof(path), "%s/libssl.so.3", directory);
	wanted.path = path;
	EXPECT(elf_parser_new(&p, &err) == 0);
	EXPECT(elf_child_open(p, &q, &st, &err) == -ETIMEDOUT);
	EXPECT(strcmp(err.msg, "no answer within 3 s") == 0);
	/* The next one is not held up. */
	wanted.path = "/proc/self/exe";
	EXPECT(elf_child_open(p, &q, &st, &err) >= 0);
	elf_parser_free(p);
	umount2(directory, MNT_DETACH);
	rmdir(directory);
}

TEST(who_does_not_answer_holds_nobody_up)
{
	int status = in_child(meet_fuse, NULL);

	if (status == NOT_HERE)
		SKIP("no FUSE, or no right to mount");
	CHECK_EQ(status, 0);
}
