/* SPDX-License-Identifier: BSD-2-Clause */
/* What a writer does with its directory: names, retention, segments, errors, followers. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/capture.h"

enum { NAMES = 4096 };

/* Names ever seen in a directory; each is of a segment. */
struct names {
	char *name[NAMES];
	unsigned n;
	unsigned present;
	uint64_t bytes;
};

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void look(struct names *all, const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *e;

	all->present = 0;
	all->bytes = 0;
	while (dir && (e = readdir(dir))) {
		struct stat st;
		char file[512];
		unsigned i = 0;

		if (!strstr(e->d_name, TAPE_SUFFIX))
			continue;
		snprintf(file, sizeof(file), "%s/%s", path, e->d_name);
		if (stat(file, &st) == 0)
			all->bytes += (uint64_t)st.st_size;
		all->present++;
		while (i < all->n && strcmp(all->name[i], e->d_name) != 0)
			i++;
		if (i == all->n && all->n < NAMES)
			all->name[all->n++] = strdup(e->d_name);
	}
	if (dir)
		closedir(dir);
	qsort(all->name, all->n, sizeof(all->name[0]), by_text);
}

static void forget(struct names *all)
{
	for (unsigned i = 0; i < all->n; i++)
		free(all->name[i]);
	memset(all, 0, sizeof(*all));
}

/* Retention ---------------------------------------------------------------------------------- */

/* RETIRED records name all that is gone, without a hole, up to where the capture begins now. */
static void check_retired(const char *path, uint64_t n)
{
	struct reel_filter f = { .some_types = true };
	struct reel_reader *r = opened(path);
	struct reel_walk *w;
	struct reel_err err;
	struct reel_event ev;
	uint64_t number = 0, next_block = 0, seen = 0;

	f.types[EV_retired] = true;
	w = walked(r, &f);
	while (reel_walk_next(w, &ev, &err) > 0) {
		const struct ev_retired *retired = (const void *)ev.fixed;
		const struct reel_field *file = reel_type_field(ev.type, "file");
		struct reel_string name = reel_event_string(&ev, file);
		char full[512];

		if (seen++) {
			CHECK_EQ(retired->segment_number, number + 1);
			CHECK_EQ(retired->first_block, next_block);
		}
		number = retired->segment_number;
		next_block = retired->last_block + 1;
		CHECK(retired->size > 0 && retired->events > 0 && retired->last >= retired->first);
		snprintf(full, sizeof(full), "%s/%.*s", path, (int)name.length,
			 (const char *)name.bytes);
		CHECK(access(full, F_OK) < 0);
	}
	CHECK_EQ(number, n);
	CHECK_EQ(r->segments[0].meta.number, number + 1);
	CHECK_EQ(r->segments[0].first_sequence, next_block);
	reel_walk_close(w);
	reel_reader_close(r);
}

TEST(the_oldest_segments_go_by_size)
{
	struct reel_writer_options o = options("by_size.reel");
	struct tape t = { 0 };
	static struct names all;
	struct reel_writer_stats stats;
	uint64_t most = 0, retired = 0;

	o.segment_bytes = 64 << 10;
	o.block_bytes = 8 << 10;
	o.keep_bytes = 300 << 10;
	for (unsigned session = 0; session < 2; session++) {
		begin(&t, &o);
		for (unsigned i = 0; i < 40; i++) {
			fill(&t, 1);
			look(&all, o.directory);
			most = all.bytes > most ? all.bytes : most;
		}
		reel_writer_stats(t.w, &stats);
		retired += stats.retired;
		end(&t);
		look(&all, o.directory);
		o.meta.start.boottime_ns = t.ts;
	}
	CHECK(retired > 10);
	/* What is being written may stand out by a block and its RETIRED record. */
	CHECK(most > 200 << 10 && most < 340 << 10);
	CHECK_EQ(all.n, all.present + retired);
	CHECK_EQ(damages(o.directory), 0);
	/* Those of the first segments are gone with the segments that they were in. */
	CHECK(count_events(o.directory, EV_retired) > 0);
	check_retired(o.directory, retired);
	forget(&all);
}

TEST(the_oldest_segments_go_by_age)
{
	struct reel_writer_options o = options("by_age.reel");
	struct tape t = { 0 };
	static struct names all;

	o.segment_ns = 10 * SECOND;
	o.keep_ns = 35 * SECOND;
	begin(&t, &o);
	for (unsigned i = 0; i < 60; i++)
		fill(&t, 1);
	end(&t);
	look(&all, o.directory);
	/* Three that are not too old, the one of which the end is, and the open one. */
	CHECK(all.present >= 4 && all.present <= 6);
	CHECK(count_events(o.directory, EV_retired) > 0);
	CHECK_EQ(damages(o.directory), 0);
	forget(&all);
}

TEST(nothing_goes_unless_asked)
{
	struct reel_writer_options o = options("all.reel");
	struct tape t = { 0 };
	static struct names all;

	o.segment_bytes = 64 << 10;
	o.block_bytes = 8 << 10;
	begin(&t, &o);
	fill(&t, 40);
	end(&t);
	look(&all, o.directory);
	CHECK(all.present > 5);
	CHECK_EQ(count_events(o.directory, EV_open), 40 * 500);
	CHECK_EQ(damages(o.directory), 0);
	forget(&all);
}

TEST(segments_change_by_time)
{
	struct reel_writer_options o = options("by_time.reel");
	struct tape t = { 0 };
	struct reel_reader *r;

	o.segment_ns = 5 * SECOND;
	begin(&t, &o);
	fill(&t, 30);
	CHECK_EQ(reel_writer_segment_number(t.w), 6);
	end(&t);
	r = opened(o.directory);
	CHECK_EQ(r->n_segments, 6);
	for (unsigned i = 0; i < r->n_segments; i++) {
		CHECK_EQ(r->segments[i].meta.number, i + 1);
		CHECK_EQ(r->segments[i].end_reason, i < 5 ? TAPE_ROTATED : TAPE_ENDED);
	}
	reel_reader_close(r);
	CHECK_EQ(damages(o.directory), 0);
}

/* Directories -------------------------------------------------------------------------------- */

TEST(names_are_safe)
{
	static const struct {
		const char *host, *in_name;
	} rows[] = {
		{ "plain-host.example", "plain-host.example-000001-20231114T221320Z.rls" },
		{ "../../etc", "_._.._etc-0" },
		{ "-rf", "_rf-0" },
		{ ".hidden", "_hidden-0" },
		{ "a b\n\x1b[31m", "a_b___31m-0" },
		{ "", "_-0" },
		{ "h\xc3\xb6st", "h__st-0" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct reel_writer_options o = options("names.reel");
		struct tape t = { 0 };
		static struct names all;
		char path[512];

		snprintf(o.meta.host, sizeof(o.meta.host), "%s", rows[i].host);
		begin(&t, &o);
		end(&t);
		look(&all, o.directory);
		CHECK_EQ(all.n, 1);
		if (strncmp(all.name[0], rows[i].in_name, strlen(rows[i].in_name)) != 0)
			T_FAIL("\"%s\" became %s", rows[i].host, all.name[0]);
		CHECK(!strchr(all.name[0], '/') && all.name[0][0] != '.' && all.name[0][0] != '-');
		snprintf(path, sizeof(path), "%s/%s", o.directory, all.name[0]);
		CHECK_EQ(unlink(path), 0);
		forget(&all);
	}
}

TEST(one_writer_at_a_time)
{
	struct reel_writer_options o = options("busy.reel");
	struct tape t = { 0 };
	struct reel_writer *second;
	struct reel_err err = { 0 };

	begin(&t, &o);
	CHECK_EQ(reel_writer_open(&o, &second, &err), -EBUSY);
	CHECK(strstr(err.msg, "another recorder") != NULL);
	put_event(&t, EV_open, 0, 1);
	end(&t);
	begin(&t, &o);
	end(&t);
	CHECK_EQ(damages(o.directory), 0);
}

TEST(only_captures_are_continued)
{
	struct reel_writer_options o = options("other");
	struct reel_writer *w;
	struct reel_err err = { 0 };
	int fd;

	CHECK_EQ(mkdir("other", 0700), 0);
	fd = open("other/letter.txt", O_WRONLY | O_CREAT, 0600);
	close(fd);
	CHECK_EQ(reel_writer_open(&o, &w, &err), -EEXIST);
	CHECK(access("other/.lock", F_OK) < 0);
	o.directory = "other/letter.txt";
	CHECK_EQ(reel_writer_open(&o, &w, &err), -ENOTDIR);
	o.directory = "no/such/directory";
	CHECK_EQ(reel_writer_open(&o, &w, &err), -ENOENT);
}

/* A writer that died before it had written a block leaves a name behind. */
TEST(a_stub_is_no_obstacle)
{
	struct reel_writer_options o = options("stub.reel");
	struct tape t = { 0 };
	const char *const stubs[] = { "host-000001-20231114T221320Z.rls",
				      "host-000002-20231114T221320Z.rls" };

	CHECK_EQ(mkdir(o.directory, 0700), 0);
	for (unsigned i = 0; i < 2; i++) {
		char path[256];
		int fd;

		snprintf(path, sizeof(path), "%s/%s", o.directory, stubs[i]);
		fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
		/* Nothing, or a part of META. */
		if (i && write(fd, "RLB1\1", 5) != 5)
			T_FAIL("cannot write");
		close(fd);
		begin(&t, &o);
		put_event(&t, EV_open, 0, 1);
		end(&t);
	}
	CHECK_EQ(count_events(o.directory, EV_open), 2);
	CHECK_EQ(damages(o.directory), 0);
}

/* What is no segment, and what may be one, is not touched. */
TEST(what_may_be_a_segment_is_kept)
{
	struct reel_writer_options o = options("kept.reel");
	struct tape t = { 0 };
	int fd;

	begin(&t, &o);
	end(&t);
	fd = open("kept.reel/mine.rls", O_WRONLY | O_CREAT, 0600);
	CHECK_EQ(write(fd, "my own file", 11), 11);
	close(fd);
	fd = open("kept.reel/host-1-000009.rls", O_WRONLY | O_CREAT, 0600);
	CHECK_EQ(write(fd, "another one", 11), 11);
	close(fd);
	begin(&t, &o);
	end(&t);
	CHECK(access("kept.reel/mine.rls", F_OK) == 0);
	CHECK(access("kept.reel/host-1-000009.rls", F_OK) == 0);
}

/* Live --------------------------------------------------------------------------------------- */

static uint64_t boottime(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

enum { LIVE_EVENTS = 3000, LIVE_ROUND = 20 };

/* Rounds of 5 ms, in which the events of one CPU come after those of another. */
static void *write_live(void *arg)
{
	struct tape *t = arg;
	unsigned n = 0;

	while (n < LIVE_EVENTS) {
		uint64_t since = boottime();
		struct timespec pause = { 0, 5000000 };

		for (unsigned cpu = 0; cpu < CPUS; cpu++) {
			for (unsigned i = 0; i < LIVE_ROUND / CPUS; i++, n++) {
				t->ts = since + i * 1000 + cpu * 100;
				put_event(t, n % 10 ? EV_open : EV_fork, cpu, 1 + n % 3);
			}
		}
		nanosleep(&pause, NULL);
		t->ts = boottime();
		settle(t, 0);
	}
	end(t);
	return NULL;
}

TEST(a_follower_hears_everything_in_order)
{
	struct reel_writer_options o = options("live.reel");
	struct tape t = { 0 };
	struct reel_walk *w;
	struct reel_err err = { 0 };
	struct reel_event ev;
	pthread_t writer;
	uint64_t n = 0, last = 0, latest = 0;
	int stop = 0, r;

	o.in_line = false;
	o.latency_ns = SECOND / 10;
	o.segment_bytes = 40 << 10;
	o.block_bytes = 16 << 10;
	o.meta.start.boottime_ns = boottime();
	begin(&t, &o);
	REQUIRE(pthread_create(&writer, NULL, write_live, &t) == 0);
	REQUIRE(reel_walk_follow(o.directory, NULL, NULL, &stop, &w, &err) == 0);
	while ((r = reel_walk_next(w, &ev, &err)) > 0) {
		uint64_t late = boottime() - ev.ts;

		CHECK(ev.ts >= last);
		last = ev.ts;
		latest = late > latest ? late : latest;
		n++;
	}
	pthread_join(writer, NULL);
	CHECK_EQ(r, 0);
	CHECK_EQ(n, LIVE_EVENTS);
	CHECK_EQ(reel_walk_health(w)->ending, REEL_COMPLETE);
	CHECK_EQ(reel_walk_health(w)->disordered, 0);
	/* The latency, the follower's look every 50 ms, and much for a busy machine. */
	CHECK(latest < 2 * SECOND);
	printf("# the latest came after %llu ms\n", (unsigned long long)(latest / 1000000));
	reel_walk_close(w);
	CHECK_EQ(damages(o.directory), 0);
}

/* After an error a caller may go on as if nothing were: nothing more happens. */
TEST(appending_after_an_error)
{
	struct reel_writer_options o = options(NULL);
	struct reel_record rec;
	struct reel_writer *w;
	struct reel_err err = { 0 };
	size_t length;
	int fds[2], failed = 0;

	signal(SIGPIPE, SIG_IGN);
	REQUIRE(pipe(fds) == 0);
	o.fd = fds[1];
	o.block_bytes = 4 << 10;
	REQUIRE(reel_writer_open(&o, &w, &err) == 0);
	close(fds[0]);
	reel_record_begin(&rec, reel_type_by_id(EV_open));
	length = reel_record_end(&rec);
	for (unsigned i = 0; i < 3000; i++) {
		rec.header.seq = i;
		failed += reel_writer_append(w, &rec, length, &err) < 0;
	}
	CHECK(failed > 1000);
	CHECK_EQ(reel_writer_tick(w, 100 * SECOND, &err), -EPIPE);
	CHECK(strstr(err.msg, "Broken pipe") != NULL);
	CHECK_EQ(reel_writer_close(w, &err), -EPIPE);
}
