/* SPDX-License-Identifier: BSD-2-Clause */
/* A whole capture is written by a confined process: the proof that nothing needed is missing. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "format/collect.h"
#include "format/keep.h"
#include "record/confine_impl.h"
#include "tests/unit/capture.h"
#include "tests/unit/record_child.h"

enum { ROUNDS = 60 };

static void confined(const struct confine_options *o)
{
	struct confine_report report;
	struct reel_err err = { 0 };

	if (confine_recorder(o, &report, &err) < 0) {
		printf("# %s\n", err.msg);
		_exit(1);
	}
	for (unsigned i = 0; i < CONFINE_MEASURES; i++)
		EXPECT(report.measure[i].status == CONFINE_DONE ||
		       report.measure[i].status == CONFINE_NOT_WANTED || i == CONFINE_LANDLOCK);
}

/* Small segments, a thread of the writer's own, everything synced, the oldest removed. */
static struct reel_writer_options busy(const char *directory)
{
	struct reel_writer_options o = options(directory);

	o.in_line = false;
	o.sync = REEL_SYNC_BLOCK;
	o.segment_bytes = 64 << 10;
	o.block_bytes = 8 << 10;
	o.keep_bytes = 300 << 10;
	o.drop_oldest = true;
	return o;
}

struct session {
	const char *directory;
	bool before;			  /* the writer is opened before the process is confined */
	const struct reel_public_key *to; /* NULL: it is not encrypted */
	const struct confine_owner *owner;
	uint64_t from_ns;
};

static void write_session(void *arg)
{
	const struct session *s = arg;
	struct reel_writer_options o = busy(s->directory);
	const struct confine_options confine = { .capture = s->directory, .owner = s->owner };
	struct reel_writer_stats stats;
	struct tape t = { .ts = s->from_ns };

	o.meta.start.boottime_ns = s->from_ns;
	o.recipients = s->to;
	o.n_recipients = s->to != NULL;
	if (s->before)
		begin(&t, &o);
	confined(&confine);
	if (!s->before)
		begin(&t, &o);
	EXPECT(t.w != NULL);
	fill(&t, ROUNDS);
	reel_writer_stats(t.w, &stats);
	EXPECT(stats.events >= ROUNDS * 500 && stats.malformed == 0);
	EXPECT(stats.retired > 3 && stats.segments > 3);
	EXPECT(reel_writer_rotate(t.w, &t.err) == 0);
	fill(&t, 1);
	end(&t);
	EXPECT(!t_state.failed);
}

static uint64_t segments_in(const char *directory)
{
	struct reel_reader *r = opened(directory);
	uint64_t n = r ? r->n_segments : 0;

	reel_reader_close(r);
	return n;
}

static void check_capture(const char *directory)
{
	CHECK_EQ(damages(directory), 0);
	CHECK(segments_in(directory) > 2);
	CHECK(count_events(directory, EV_retired) > 0);
	CHECK(count_events(directory, EV_open) > 500);
}

TEST(a_confined_process_writes_a_capture)
{
	struct session s = { .directory = "open.reel", .before = true, .from_ns = SECOND };

	CHECK_EQ(in_child(write_session, &s), 0);
	check_capture(s.directory);
	/* And goes on with it. */
	s.from_ns = 1000 * SECOND;
	CHECK_EQ(in_child(write_session, &s), 0);
	check_capture(s.directory);
}

TEST(a_confined_process_opens_a_capture)
{
	struct session s = { .directory = "later.reel", .from_ns = SECOND };

	CHECK_EQ(mkdir(s.directory, 0700), 0);
	CHECK_EQ(in_child(write_session, &s), 0);
	check_capture(s.directory);
}

/* Each new segment wants random numbers and a box; the keys lie in memory that is locked. */
TEST(a_confined_process_writes_an_encrypted_capture)
{
	struct session s = { .directory = "secret.reel", .before = true, .from_ns = SECOND };
	char *paths[] = { (char[]){ "secret.reel" } };
	struct reel_keys *keys = NULL;
	struct reel_public_key to;
	struct reel_reader *r = NULL;
	struct reel_err err = { 0 };

	unlink("confined.key");
	unlink("confined.pub");
	REQUIRE(reel_keys_make_pair("confined.key", "confined.pub", &to, &err) == 0);
	REQUIRE(reel_keys_new(&keys, &err) == 0 && reel_keys_add(keys, "confined.key", &err) == 0);
	s.to = &to;
	CHECK_EQ(in_child(write_session, &s), 0);
	CHECK_EQ(damages(s.directory), 0);
	CHECK_EQ(reel_reader_open(s.directory, &r, &err), -ENOKEY);
	REQUIRE(reel_reader_open_all(paths, 1, keys, &r, &err) == 0);
	CHECK(r->n_segments > 2 && r->health.ending == REEL_COMPLETE && !r->health.n_damages);
	reel_reader_close(r);
	reel_keys_free(keys);
}

static void write_stream(void *arg)
{
	const struct confine_options confine = { 0 };
	struct reel_writer_options o = options(NULL);
	struct tape t = { 0 };

	(void)arg;
	o.fd = open("stream.rls", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	o.in_line = false;
	begin(&t, &o);
	confined(&confine);
	fill(&t, 5);
	end(&t);
	EXPECT(!t_state.failed);
}

TEST(a_confined_process_writes_a_stream)
{
	CHECK_EQ(in_child(write_stream, NULL), 0);
	CHECK_EQ(count_events("stream.rls", EV_open), 5 * 500);
}

static void keep_segments(void *arg)
{
	const struct confine_options confine = { .capture = "kept.reel" };
	struct reel_collection c = { .fd = -1 };
	struct reel_filter f = { 0 };
	bool wanted[256] = { false };
	struct reel_err err = { 0 };
	struct reel_reader *r;

	(void)arg;
	confined(&confine);
	r = opened("kept.reel");
	EXPECT(r && r->n_segments < 256);
	if (reel_keep(r, &f, "kept.reel/aside", &c, wanted, &err) < 0) {
		printf("# %s\n", err.msg);
		_exit(1);
	}
	reel_reader_close(r);
}

TEST(segments_are_kept_aside)
{
	struct session s = { .directory = "kept.reel", .before = true, .from_ns = SECOND };
	uint64_t n;

	CHECK_EQ(in_child(write_session, &s), 0);
	n = segments_in(s.directory);
	CHECK_EQ(in_child(keep_segments, NULL), 0);
	CHECK_EQ(segments_in("kept.reel/aside"), n);
}

/* Owner ---------------------------------------------------------------------------------------- */

static bool find_nobody(struct confine_owner *ret)
{
	return geteuid() == 0 && confine_find_owner("/etc/passwd", "nobody", ret, NULL) == 0;
}

static unsigned files_not_of(const char *directory, uid_t uid)
{
	DIR *dir = opendir(directory);
	unsigned n = 0, others = 0;
	struct dirent *e;

	while (dir && (e = readdir(dir))) {
		struct stat st;

		if (fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    strcmp(e->d_name, "..") == 0)
			continue;
		n++;
		if (st.st_uid != uid)
			others++;
		if (S_ISREG(st.st_mode))
			CHECK_EQ(st.st_mode & 0777, 0600);
	}
	if (dir)
		closedir(dir);
	CHECK(n > 3);
	return others;
}

TEST(files_belong_to_the_owner)
{
	struct confine_owner nobody;
	struct session s = { .directory = "owned.reel", .before = true, .from_ns = SECOND };

	if (!find_nobody(&nobody))
		SKIP("needs root and a user nobody");
	/* First as root; then what is there must become the owner's, too. */
	CHECK_EQ(in_child(write_session, &s), 0);
	CHECK_EQ(files_not_of(s.directory, 0), 0);
	s.owner = &nobody;
	s.from_ns = 1000 * SECOND;
	CHECK_EQ(in_child(write_session, &s), 0);
	CHECK_EQ(files_not_of(s.directory, nobody.uid), 0);
	check_capture(s.directory);
}

static void be_the_owner(void *arg)
{
	const struct confine_options confine = { .capture = "ids.reel", .owner = arg };
	const struct confine_owner *owner = arg;
	int fd;

	/* Where tests run may be for root alone. */
	EXPECT(chmod(".", 0711) == 0);
	EXPECT(mkdir("ids.reel", 0700) == 0);
	confined(&confine);
	EXPECT(getuid() == owner->uid && geteuid() == owner->uid);
	EXPECT(getgid() == owner->gid && getegid() == owner->gid);
	EXPECT_ERRNO(setuid(0), EPERM);
	fd = open("ids.reel/file", O_WRONLY | O_CREAT, 0600);
	EXPECT(fd >= 0);
}

TEST(the_recorder_becomes_the_owner)
{
	struct confine_owner nobody;

	if (!find_nobody(&nobody))
		SKIP("needs root and a user nobody");
	CHECK_EQ(in_child(be_the_owner, &nobody), 0);
}

TEST(links_are_not_given_away)
{
	struct confine_owner nobody;
	struct reel_err err = { 0 };
	struct stat st;
	int fd;

	if (!find_nobody(&nobody))
		SKIP("needs root and a user nobody");
	CHECK_EQ(mkdir("links.reel", 0700), 0);
	close(open("precious", O_WRONLY | O_CREAT, 0600));
	CHECK_EQ(link("precious", "links.reel/hard.rls"), 0);
	CHECK_EQ(symlink("../precious", "links.reel/soft.rls"), 0);
	close(open("links.reel/notes.txt", O_WRONLY | O_CREAT, 0600));
	close(open("links.reel/host-1.rls", O_WRONLY | O_CREAT, 0600));
	fd = open("links.reel", O_PATH | O_DIRECTORY);
	CHECK_EQ(confine_give_capture(fd, &nobody, &err), 0);
	close(fd);
	CHECK(stat("precious", &st) == 0 && st.st_uid == 0);
	CHECK(stat("links.reel/notes.txt", &st) == 0 && st.st_uid == 0);
	CHECK(stat("links.reel/host-1.rls", &st) == 0 && st.st_uid == nobody.uid);
	CHECK(stat("links.reel", &st) == 0 && st.st_uid == nobody.uid);
}

static void be_an_owner_who_cannot_write(void *arg)
{
	const struct confine_options confine = { .capture = "daemons.reel", .owner = arg };
	struct confine_report report;
	struct reel_err err = { 0 };

	EXPECT(mkdir("daemons.reel", 0755) == 0 && chown("daemons.reel", 1, 1) == 0);
	EXPECT(confine_recorder(&confine, &report, &err) == -EACCES);
	EXPECT(strstr(err.msg, "nobody cannot write"));
}

static void want_an_owner_without_being_root(void *arg)
{
	const struct confine_options confine = { .capture = ".", .owner = arg };
	struct confine_report report;
	struct reel_err err = { 0 };

	EXPECT(setuid(65534) == 0);
	EXPECT(confine_recorder(&confine, &report, &err) == -EPERM);
	EXPECT(strstr(err.msg, "only root"));
}

TEST(an_owner_is_refused_where_he_cannot_be)
{
	struct confine_owner nobody;

	if (!find_nobody(&nobody))
		SKIP("needs root and a user nobody");
	CHECK_EQ(in_child(be_an_owner_who_cannot_write, &nobody), 0);
	CHECK_EQ(in_child(want_an_owner_without_being_root, &nobody), 0);
}

TEST(owners_are_found_by_name)
{
	struct confine_owner o = { .uid = 77 };
	struct reel_err err = { 0 };
	FILE *f = fopen("passwd", "w");

	fputs("root:x:0:0::/root:/bin/sh\n# a remark\nbroken\nreel-1:x:1234:99::/:/bin/sh\n", f);
	for (unsigned i = 0; i < 9000; i++)
		fputc('l', f);
	fputs(":x:5:5::/:\nafter:x:6:7::/:\n", f);
	fclose(f);
	CHECK_EQ(confine_find_owner("passwd", "nemo", &o, &err), -ENOENT);
	CHECK(strstr(err.msg, "nemo") != NULL);
	CHECK_EQ(o.uid, 77);
	CHECK_EQ(confine_find_owner("no-such-file", "root", &o, &err), -ENOENT);
	CHECK_EQ(confine_find_owner("passwd", "reel-1", &o, &err), 0);
	CHECK_EQ(o.uid, 1234);
	CHECK_EQ(o.gid, 99);
	CHECK_EQ(confine_find_owner("passwd", "after", &o, &err), 0);
	CHECK_EQ(o.uid, 6);
}

/* Without root --------------------------------------------------------------------------------- */

static void write_as_nobody(void *arg)
{
	const struct confine_options confine = { .capture = "nobody.reel" };
	struct confine_report report;
	struct reel_err err = { 0 };
	int fd;

	(void)arg;
	EXPECT(setgid(65534) == 0 && setuid(65534) == 0);
	EXPECT(confine_recorder(&confine, &report, &err) == 0);
	EXPECT(report.measure[CONFINE_CAPABILITIES].status == CONFINE_DONE);
	EXPECT(report.measure[CONFINE_SECCOMP].status == CONFINE_DONE);
	/* Nobody can empty it without a capability, and no program will ever be executed. */
	EXPECT(report.measure[CONFINE_BOUNDING].status == CONFINE_REFUSED);
	EXPECT(strcmp(report.measure[CONFINE_BOUNDING].reason, strerror(EPERM)) == 0);
	fd = open("nobody.reel/file", O_WRONLY | O_CREAT, 0600);
	EXPECT(fd >= 0 && write(fd, "x", 1) == 1);
	EXPECT(open("/etc/passwd", O_RDONLY) < 0 || confine_landlock_abi() < 0);
}

TEST(nobody_is_confined_too)
{
	if (geteuid() != 0)
		SKIP("needs root");
	CHECK(mkdir("nobody.reel", 0777) == 0 && chmod("nobody.reel", 0777) == 0);
	CHECK(chmod(".", 0755) == 0);
	CHECK_EQ(in_child(write_as_nobody, NULL), 0);
}
