/* SPDX-License-Identifier: BSD-2-Clause */
/* What a writer does with a directory, and what a reader makes of it: retention, clocks, filters. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "format/record.h"
#include "format/verify.h"
#include "format/walk.h"
#include "format/writer.h"
#include "tests/unit/harness.h"

#define SECOND 1000000000ull
#define EPOCH 1700000000000000000ll

enum { CPUS = 4, NAMES = 4096 };

/* Writing ------------------------------------------------------------------------------------ */

struct tape {
	struct reel_writer *w;
	struct reel_err err;
	uint64_t ts, random;
	uint64_t seq[CPUS];
};

static uint64_t draw(struct tape *t)
{
	t->random ^= t->random << 13;
	t->random ^= t->random >> 7;
	t->random ^= t->random << 17;
	return t->random;
}

static struct reel_writer_options options(const char *directory)
{
	struct reel_writer_options o = { .directory = directory,
					 .in_line = true,
					 .sync = REEL_SYNC_NONE };

	memset(o.meta.boot, 1, sizeof(o.meta.boot));
	snprintf(o.meta.host, sizeof(o.meta.host), "host");
	o.meta.start = (struct tape_start){ SECOND, EPOCH };
	return o;
}

static void begin(struct tape *t, const struct reel_writer_options *o)
{
	if (!t->ts)
		t->ts = o->meta.start.boottime_ns;
	if (!t->random)
		t->random = 88172645463325252ull;
	CHECK_EQ(reel_writer_open(o, &t->w, &t->err), 0);
}

static void put(struct tape *t, struct reel_record *rec, unsigned cpu)
{
	rec->header.ts = t->ts;
	rec->header.cpu = (uint16_t)cpu;
	rec->header.seq = t->seq[cpu]++;
	rec->header.tid = rec->header.pid;
	CHECK_EQ(reel_writer_append(t->w, rec, reel_record_end(rec), &t->err), 0);
}

static void put_event(struct tape *t, uint8_t type, unsigned cpu, uint32_t pid)
{
	struct reel_record rec;
	uint8_t bytes[24];

	reel_record_begin(&rec, reel_type_by_id(type));
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)draw(t);
	if (reel_type_by_id(type)->n_strings)
		reel_record_string(&rec, bytes, sizeof(bytes));
	rec.header.pid = pid;
	put(t, &rec, cpu);
}

static void put_clock(struct tape *t, int64_t realtime)
{
	struct reel_record rec;
	struct ev_clock *clock = reel_record_begin(&rec, reel_type_by_id(EV_clock));

	clock->realtime = realtime;
	rec.header.ts = t->ts;
	CHECK_EQ(reel_writer_append_own(t->w, &rec.header, reel_record_end(&rec), &t->err), 0);
}

static void put_keyframe(struct tape *t, uint8_t edge)
{
	struct reel_record rec;
	struct ev_keyframe *frame = reel_record_begin(&rec, reel_type_by_id(EV_keyframe));

	frame->edge = edge;
	frame->complete = edge;
	put(t, &rec, 0);
}

/* End of a round: what is before now is there, and now is a step later. */
static void settle(struct tape *t, uint64_t step)
{
	reel_writer_settle(t->w, t->ts);
	CHECK_EQ(reel_writer_tick(t->w, t->ts, &t->err), 0);
	t->ts += step;
}

static void end(struct tape *t)
{
	CHECK_EQ(reel_writer_close(t->w, &t->err), 0);
	t->w = NULL;
}

/* Events that compress badly, a second every 500 of them. */
static void fill(struct tape *t, unsigned seconds)
{
	for (unsigned i = 0; i < seconds; i++) {
		for (unsigned k = 0; k < 500; k++) {
			put_event(t, EV_open, k % CPUS, 100 + k % 7);
			t->ts += SECOND / 1000;
		}
		settle(t, SECOND / 2);
	}
}

/* Reading ------------------------------------------------------------------------------------ */

static struct reel_reader *opened(const char *path)
{
	struct reel_reader *r = NULL;
	struct reel_err err = { 0 };

	if (reel_reader_open(path, &r, &err) < 0)
		T_FAIL("%s", err.msg);
	return r;
}

static struct reel_walk *walked(const struct reel_reader *r, const struct reel_filter *f)
{
	struct reel_walk *w = NULL;
	struct reel_err err = { 0 };

	if (reel_walk_open(r, f, &w, &err) < 0)
		T_FAIL("%s", err.msg);
	return w;
}

static uint64_t count_events(const char *path, uint8_t type)
{
	struct reel_filter f = { .some_types = true };
	struct reel_reader *r = opened(path);
	struct reel_walk *w;
	struct reel_err err;
	struct reel_event ev;
	uint64_t n = 0;

	f.types[type] = true;
	w = walked(r, &f);
	while (reel_walk_next(w, &ev, &err) > 0)
		n++;
	CHECK_EQ(reel_walk_health(w)->ending, REEL_COMPLETE);
	reel_walk_close(w);
	reel_reader_close(r);
	return n;
}

static uint64_t damages(const char *path)
{
	char *paths[] = { (char *)(uintptr_t)path };
	struct reel_verification *v;
	struct reel_err err = { 0 };
	uint64_t n = 0;

	if (reel_verify(paths, 1, &v, &err) < 0) {
		T_FAIL("%s", err.msg);
		return 1;
	}
	for (unsigned i = 0; i < v->n; i++) {
		n += v->captures[i].n_damages + v->captures[i].head_is_missing;
		for (unsigned k = 0; k < v->captures[i].n_findings; k++)
			if (v->captures[i].findings[k].kind == REEL_FINDING_DAMAGE)
				printf("# %s\n", v->captures[i].findings[k].what);
	}
	reel_verification_free(v);
	return n;
}

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

/* Time --------------------------------------------------------------------------------------- */

TEST(wall_time_follows_the_clocks)
{
	static const struct {
		uint64_t at;  /* s after the start */
		int64_t step; /* against what would be, s */
	} clocks[] = { { 10, 0 }, { 20, 3600 }, { 30, -7200 }, { 30, -7100 }, { 45, 0 } };
	struct reel_writer_options o = options("clocks.reel");
	struct tape t = { 0 };
	struct reel_reader *r;
	struct reel_walk *w;
	struct reel_err err;
	struct reel_event ev;
	uint64_t n = 0;
	size_t c = 0;

	o.block_bytes = 4 << 10;
	begin(&t, &o);
	for (unsigned s = 0; s < 60; s++) {
		for (; c < 5 && clocks[c].at == s; c++)
			put_clock(&t, EPOCH + (int64_t)((s + 1) * SECOND) +
					      clocks[c].step * (int64_t)SECOND);
		put_event(&t, EV_open, s % CPUS, 1);
		put_event(&t, EV_fork, s % CPUS, 1);
		settle(&t, SECOND);
	}
	end(&t);
	r = opened(o.directory);
	w = walked(r, NULL);
	while (reel_walk_next(w, &ev, &err) > 0) {
		int64_t step = 0;

		for (size_t i = 0; i < 5; i++)
			if ((clocks[i].at + 1) * SECOND <= ev.ts)
				step = clocks[i].step * (int64_t)SECOND;
		CHECK_EQ(reel_walk_realtime(w, &ev), EPOCH + (int64_t)ev.ts + step);
		n++;
	}
	CHECK_EQ(n, 125);
	CHECK_EQ(reel_reader_end_ns(r), EPOCH + 60 * (int64_t)SECOND);
	reel_walk_close(w);
	reel_reader_close(r);
	CHECK_EQ(damages(o.directory), 0);
}

TEST(without_clocks_the_beginning_counts)
{
	struct reel_writer_options o = options("no_clocks.reel");
	struct tape t = { 0 };
	struct reel_reader *r;
	struct reel_walk *w;
	struct reel_err err;
	struct reel_event ev;

	begin(&t, &o);
	t.ts = 5 * SECOND;
	put_event(&t, EV_open, 0, 1);
	end(&t);
	r = opened(o.directory);
	w = walked(r, NULL);
	CHECK_EQ(reel_walk_next(w, &ev, &err), 1);
	CHECK_EQ(reel_walk_realtime(w, &ev), EPOCH + 4 * (int64_t)SECOND);
	reel_walk_close(w);
	reel_reader_close(r);
}

/* Each boot has times of its own, and events of one never come among those of another. */
TEST(boots_follow_each_other)
{
	struct reel_writer_options o = options("boots.reel");
	struct tape t = { 0 };
	struct reel_reader *r;
	struct reel_walk *w;
	struct reel_err err;
	struct reel_event ev;
	uint8_t boot = 0;
	uint64_t last = 0, n = 0;
	int stop = 0;

	for (uint8_t i = 0; i < 3; i++) {
		memset(o.meta.boot, 3 - i, sizeof(o.meta.boot));
		o.meta.start = (struct tape_start){ (3 - i) * 10 * SECOND,
						    EPOCH + i * 1000 * (int64_t)SECOND };
		t.ts = 0;
		memset(t.seq, 0, sizeof(t.seq));
		begin(&t, &o);
		put_clock(&t, o.meta.start.realtime_ns);
		fill(&t, 5);
		end(&t);
	}
	CHECK_EQ(damages(o.directory), 0);
	r = opened(o.directory);
	CHECK_EQ(r->n_boots, 3);
	CHECK_EQ(r->n_sources, 1);
	CHECK_EQ(r->sources[0].n_boots, 3);
	for (unsigned way = 0; way < 2; way++) {
		boot = 4;
		n = last = 0;
		if (way == 0)
			w = walked(r, NULL);
		else
			REQUIRE(reel_walk_follow(o.directory, NULL, &stop, &w, &err) == 0);
		while (reel_walk_next(w, &ev, &err) > 0) {
			if (*reel_event_boot(&ev) != boot) {
				CHECK_EQ(*reel_event_boot(&ev), boot - 1);
				boot--;
				last = 0;
			}
			CHECK(ev.ts >= last);
			CHECK_EQ(reel_walk_realtime(w, &ev),
				 EPOCH + (3 - boot) * 1000 * (int64_t)SECOND +
					 (int64_t)(ev.ts - boot * 10 * SECOND));
			last = ev.ts;
			n++;
		}
		CHECK_EQ(boot, 1);
		CHECK_EQ(n, 3 * (5 * 500 + 1));
		reel_walk_close(w);
	}
	reel_reader_close(r);
}

/* Keyframes ---------------------------------------------------------------------------------- */

/* The keyframe that is whole at a moment, however the blocks lie around it. */
static void check_keyframe(const struct reel_reader *r, uint64_t ts, uint64_t want_from,
			   uint64_t want_to)
{
	uint64_t got = 0;

	CHECK_EQ(reel_keyframe_before(r, &r->boots[0], ts, &got), 0);
	if (got < want_from || got > want_to)
		T_FAIL("at %llu: %llu, not from %llu to %llu", (unsigned long long)ts,
		       (unsigned long long)got, (unsigned long long)want_from,
		       (unsigned long long)want_to);
}

TEST(the_last_keyframe_that_was_complete)
{
	struct reel_writer_options o = options("keyframes.reel");
	struct tape t = { 0 };
	struct reel_reader *r;
	uint64_t begun[3], ended[3];

	begin(&t, &o);
	for (unsigned i = 0; i < 3; i++) {
		put_event(&t, EV_fork, 0, 1);
		t.ts += SECOND;
		begun[i] = t.ts;
		put_keyframe(&t, 0);
		t.ts += SECOND;
		put_event(&t, EV_process, 0, 1);
		/* The rest of it lies in another block, in which the next one then begins too. */
		CHECK_EQ(reel_writer_flush(t.w, &t.err), 0);
		t.ts += SECOND;
		put_event(&t, EV_process, 0, 2);
		t.ts += SECOND;
		ended[i] = t.ts;
		put_keyframe(&t, 1);
		t.ts += SECOND;
	}
	end(&t);
	r = opened(o.directory);
	check_keyframe(r, begun[0], 0, begun[0]);
	check_keyframe(r, ended[0] - 1, 0, begun[0]);
	for (unsigned i = 0; i < 3; i++) {
		uint64_t from = i ? ended[i - 1] : 0;

		check_keyframe(r, ended[i], from, begun[i]);
		check_keyframe(r, ended[i] + SECOND / 2, from, begun[i]);
		if (i == 2)
			break;
		check_keyframe(r, begun[i + 1], from, begun[i]);
		check_keyframe(r, ended[i + 1] - 1, from, begun[i]);
	}
	reel_reader_close(r);
}

TEST(without_a_keyframe_the_boot_begins_it)
{
	struct reel_writer_options o = options("no_keyframe.reel");
	struct tape t = { 0 };
	struct reel_reader *r;
	uint64_t ts;

	begin(&t, &o);
	fill(&t, 2);
	end(&t);
	r = opened(o.directory);
	CHECK_EQ(reel_keyframe_before(r, &r->boots[0], t.ts, &ts), 0);
	CHECK_EQ(ts, SECOND);
	reel_reader_close(r);
}

/* Filters ------------------------------------------------------------------------------------ */

struct known {
	uint64_t ts, seq;
	int64_t realtime;
	uint32_t pid;
	uint16_t cpu;
	uint8_t type, stream;
};

struct list {
	struct known *v;
	size_t n, room;
};

static void gather(struct reel_walk *w, struct list *l)
{
	struct reel_err err;
	struct reel_event ev;

	l->n = 0;
	while (reel_walk_next(w, &ev, &err) > 0) {
		if (l->n == l->room) {
			l->room = l->room ? 2 * l->room : 4096;
			l->v = reallocarray(l->v, l->room, sizeof(*l->v));
		}
		l->v[l->n++] = (struct known){ ev.ts,	       ev.seq, reel_walk_realtime(w, &ev),
					       ev.pid,	       ev.cpu, ev.type->id,
					       ev.type->stream };
	}
}

static bool wants(const struct reel_filter *f, const struct known *e)
{
	bool pid = f->n_pids == 0;

	for (unsigned i = 0; i < f->n_pids; i++)
		pid |= f->pids[i] == e->pid;
	return pid && (!f->some_types || f->types[e->type]) &&
	       (!f->kinds || f->kinds & 1u << e->stream) &&
	       (f->from.kind != REEL_BOOTTIME || (int64_t)e->ts >= f->from.ns) &&
	       (f->from.kind != REEL_REALTIME || e->realtime >= f->from.ns) &&
	       (f->to.kind != REEL_BOOTTIME || (int64_t)e->ts < f->to.ns) &&
	       (f->to.kind != REEL_REALTIME || e->realtime < f->to.ns);
}

static struct reel_filter any_filter(struct tape *t, const struct list *all)
{
	static const uint8_t types[] = { EV_open, EV_fork, EV_exec, EV_connect, EV_clock, EV_dns };
	struct reel_filter f = { 0 };
	const struct known *from = &all->v[draw(t) % all->n], *to = &all->v[draw(t) % all->n];

	if (draw(t) % 2) {
		f.from.kind = draw(t) % 2 ? REEL_REALTIME : REEL_BOOTTIME;
		f.from.ns = f.from.kind == REEL_REALTIME ? from->realtime : (int64_t)from->ts;
	}
	if (draw(t) % 2) {
		f.to.kind = draw(t) % 2 ? REEL_REALTIME : REEL_BOOTTIME;
		f.to.ns = (f.to.kind == REEL_REALTIME ? to->realtime : (int64_t)to->ts) +
			  (int64_t)(draw(t) % 2);
	}
	f.some_types = draw(t) % 2;
	for (unsigned i = 0; i < sizeof(types); i++)
		f.types[types[i]] = draw(t) % 3 == 0;
	for (f.n_pids = draw(t) % 2 ? (unsigned)(draw(t) % 4) : 0; f.n_pids;) {
		for (unsigned i = 0; i < f.n_pids; i++)
			f.pids[i] = 100 + (uint32_t)(draw(t) % 300);
		break;
	}
	f.kinds = draw(t) % 4 == 0 ? 1u << (TAPE_STATE + draw(t) % 4) : 0;
	return f;
}

/* Pids come and go, the clock is set forth and back, and a new segment begins now and then. */
static void write_for_filters(struct tape *t, const char *directory)
{
	static const uint8_t types[] = { EV_open, EV_open, EV_fork, EV_exec, EV_connect };
	struct reel_writer_options o = options(directory);

	o.block_bytes = 4 << 10;
	o.segment_bytes = 100 << 10;
	begin(t, &o);
	for (unsigned s = 0; s < 200; s++) {
		if (s % 25 == 3)
			put_clock(t, EPOCH + (int64_t)t->ts +
					     ((int64_t)(draw(t) % 200) - 100) * (int64_t)SECOND);
		for (unsigned k = 0; k < 60; k++) {
			put_event(t, types[draw(t) % sizeof(types)], draw(t) % CPUS,
				  100 + s + (uint32_t)(draw(t) % 20));
			t->ts += draw(t) % (SECOND / 60);
		}
		settle(t, SECOND / 10);
	}
	end(t);
}

static bool is_same(const struct list *all, const struct reel_filter *f, const struct list *got)
{
	size_t n = 0;

	for (size_t i = 0; i < all->n; i++) {
		if (!wants(f, &all->v[i]))
			continue;
		if (n == got->n || memcmp(&got->v[n], &all->v[i], sizeof(got->v[n])) != 0)
			return false;
		n++;
	}
	return n == got->n;
}

TEST(filters_let_through_what_they_say)
{
	struct tape t = { 0 };
	struct list all = { 0 }, got = { 0 };
	struct reel_reader *r;
	struct reel_walk *w;
	struct reel_walk_stats stats;
	struct reel_err err;
	int stop = 0;

	write_for_filters(&t, "filters.reel");
	CHECK_EQ(damages("filters.reel"), 0);
	r = opened("filters.reel");
	w = walked(r, NULL);
	gather(w, &all);
	reel_walk_close(w);
	CHECK_EQ(all.n, 200 * 60 + 8);
	for (unsigned i = 0; i < 300; i++) {
		struct reel_filter f = any_filter(&t, &all);

		w = walked(r, &f);
		gather(w, &got);
		reel_walk_stats(w, &stats);
		reel_walk_close(w);
		CHECK_EQ(stats.events, got.n);
		CHECK(stats.unpacked <= stats.blocks);
		if (!is_same(&all, &f, &got))
			T_FAIL("filter %u: %zu events", i, got.n);
		if (i % 10)
			continue;
		/*
		 * A stream knows only the clocks that have come so far: events before the first of them
		 * have other wall times there, so only filters by boottime are compared.
		 */
		if (f.from.kind == REEL_REALTIME || f.to.kind == REEL_REALTIME)
			continue;
		REQUIRE(reel_walk_follow("filters.reel", &f, &stop, &w, &err) == 0);
		gather(w, &got);
		reel_walk_close(w);
		for (size_t k = 0; k < got.n; k++)
			got.v[k].realtime = 0;
		struct list dateless = { calloc(all.n, sizeof(*all.v)), all.n, all.n };

		memcpy(dateless.v, all.v, all.n * sizeof(*all.v));
		for (size_t k = 0; k < dateless.n; k++)
			dateless.v[k].realtime = 0;
		if (!is_same(&dateless, &f, &got))
			T_FAIL("filter %u of a stream: %zu events", i, got.n);
		free(dateless.v);
	}
	reel_reader_close(r);
	free(all.v);
	free(got.v);
}

TEST(blocks_without_anything_wanted_are_not_read)
{
	struct tape t = { 0 };
	struct reel_reader *r;
	struct reel_filter f = { 0 };
	struct list got = { 0 };
	struct reel_walk *w;
	struct reel_walk_stats stats;

	write_for_filters(&t, "skipped.reel");
	r = opened("skipped.reel");
	f.n_pids = 1;
	f.pids[0] = 200;
	w = walked(r, &f);
	gather(w, &got);
	reel_walk_stats(w, &stats);
	CHECK(got.n > 20);
	CHECK(stats.unpacked < stats.blocks / 4);
	reel_walk_close(w);

	f = (struct reel_filter){ .from = { REEL_BOOTTIME, (int64_t)(100 * SECOND) },
				  .to = { REEL_BOOTTIME, (int64_t)(101 * SECOND) } };
	w = walked(r, &f);
	gather(w, &got);
	reel_walk_stats(w, &stats);
	CHECK(got.n > 20);
	CHECK(stats.unpacked < stats.blocks / 20);
	reel_walk_close(w);

	f = (struct reel_filter){ .some_types = true };
	f.types[EV_dns] = true;
	w = walked(r, &f);
	gather(w, &got);
	reel_walk_stats(w, &stats);
	CHECK_EQ(got.n, 0);
	CHECK_EQ(stats.unpacked, 0);
	reel_walk_close(w);
	reel_reader_close(r);
	free(got.v);
}

/* Memory ------------------------------------------------------------------------------------- */

/* Every block spans the whole time, so that all of them would have to be open at once. */
static size_t write_overlapping(const char *directory, unsigned n_blocks, unsigned n_events)
{
	struct reel_writer_options o = options(directory);
	struct tape t = { 0 };
	size_t n = 0;

	o.block_bytes = 2 << 20;
	begin(&t, &o);
	for (unsigned block = 0; block < n_blocks; block++) {
		struct reel_record rec;
		size_t length;

		reel_record_begin(&rec, reel_type_by_id(EV_process));
		length = reel_record_end(&rec);
		for (unsigned i = 0; i < n_events; i++, n++) {
			rec.header.ts = SECOND + i * 1000ull;
			rec.header.cpu = (uint16_t)block;
			rec.header.seq = i;
			CHECK_EQ(reel_writer_append(t.w, &rec, length, &t.err), 0);
		}
		CHECK_EQ(reel_writer_flush(t.w, &t.err), 0);
	}
	end(&t);
	return n;
}

static size_t allocated(void)
{
	struct mallinfo2 m = mallinfo2(); /* of a sanitizer: nothing */

	return m.uordblks + m.hblkhd;
}

/* Returns what was taken beyond what was there before, in bytes. */
static size_t read_overlapping(const struct reel_reader *r, size_t n_events, bool *ret_disordered)
{
	size_t n = 0, before = allocated(), most = before;
	struct reel_walk *w = walked(r, NULL);
	struct reel_err err;
	struct reel_event ev;

	while (reel_walk_next(w, &ev, &err) > 0) {
		if (n++ % 5000 == 0 && allocated() > most)
			most = allocated();
	}
	CHECK_EQ(n, n_events);
	*ret_disordered = reel_walk_health(w)->disordered > 0;
	reel_walk_close(w);
	return most - before;
}

TEST(memory_is_bounded)
{
	size_t n = write_overlapping("overlap.reel", 180, 9000), got = 0, most;
	struct reel_reader *r = opened("overlap.reel");
	struct reel_walk *w;
	struct reel_err err;
	struct reel_event ev;
	bool disordered;
	int stop = 0;

	most = read_overlapping(r, n, &disordered);
	CHECK(disordered);
	if (most > REEL_WALK_BYTES + (16u << 20))
		T_FAIL("%zu MiB were taken", most >> 20);
	reel_reader_close(r);
	REQUIRE(reel_walk_follow("overlap.reel", NULL, &stop, &w, &err) == 0);
	while (reel_walk_next(w, &ev, &err) > 0)
		got++;
	CHECK_EQ(got, n);
	reel_walk_close(w);
}

/* Blocks that hold little take little, however many of them overlap. */
TEST(small_blocks_take_little_memory)
{
	size_t n = write_overlapping("many_small.reel", 2000, 2), most;
	struct reel_reader *r = opened("many_small.reel");
	bool disordered;

	most = read_overlapping(r, n, &disordered);
	CHECK(!disordered);
	if (most > 64u << 20)
		T_FAIL("%zu MiB were taken", most >> 20);
	reel_reader_close(r);
}

/* Threads ------------------------------------------------------------------------------------ */

struct share {
	const struct reel_reader *r;
	unsigned first, step;
	uint64_t events;
	int failed;
};

static void *unpack_share(void *arg)
{
	struct share *s = arg;
	struct reel_unpacked u = { 0 };
	struct reel_event ev;

	for (uint32_t i = s->first; i < s->r->n_blocks; i += s->step) {
		if (reel_reader_unpack(s->r, i, &u, NULL) < 0) {
			s->failed++;
			continue;
		}
		for (uint32_t run = 0; run < u.n_runs; run++) {
			for (uint32_t k = u.run_at[run]; k < u.run_at[run + 1]; k++) {
				reel_unpacked_event(&u, run, k, &ev);
				s->events += reel_event_is_sound(&ev);
			}
		}
	}
	reel_unpack_done(&u);
	return NULL;
}

TEST(threads_unpack_side_by_side)
{
	struct share shares[4];
	pthread_t threads[4];
	struct tape t = { 0 };
	struct reel_reader *r;
	uint64_t events = 0;

	write_for_filters(&t, "threads.reel");
	r = opened("threads.reel");
	for (unsigned i = 0; i < 4; i++) {
		shares[i] = (struct share){ .r = r, .first = i, .step = 4 };
		REQUIRE(pthread_create(&threads[i], NULL, unpack_share, &shares[i]) == 0);
	}
	for (unsigned i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		CHECK_EQ(shares[i].failed, 0);
		events += shares[i].events;
	}
	CHECK_EQ(events, 200 * 60 + 8);
	reel_reader_close(r);
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
	REQUIRE(reel_walk_follow(o.directory, NULL, &stop, &w, &err) == 0);
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
	/* The latency, the follower's look every 50 ms, and much for a machine that does other things. */
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
