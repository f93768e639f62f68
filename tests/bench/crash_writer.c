/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Captures that end badly, and what is left of them: for tests/crash.
 *
 *	crash_writer fill -o DIR|- [-n EVENTS] ...	writes until it fails or is done
 *	crash_writer check PATH				reads it all back
 *	crash_writer kill -o DIR [-n TIMES] [--seed S]	writers that are killed
 *
 * Events are numbered from 1. check prints in one line what it found, and fails if a number is
 * there twice, or is missing between others.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "format/options.h"
#include "format/record.h"
#include "format/verify.h"
#include "format/walk.h"
#include "format/writer.h"

enum { BATCH = 40, CPUS = 2 };

struct options {
	const char *output;
	uint64_t n, seed, segment_bytes, keep_bytes, block_bytes;
	bool drop_oldest, threaded;
};

static const struct reel_option table[] = {
	{ "output", 'o', "DIR", REEL_OPT_STRING, offsetof(struct options, output),
	  "the capture; - for standard output" },
	{ "number", 'n', "N", REEL_OPT_U64, offsetof(struct options, n), "how many" },
	{ "seed", 0, "S", REEL_OPT_U64, offsetof(struct options, seed), "of the delays" },
	{ "segment-size", 0, "SIZE", REEL_OPT_SIZE, offsetof(struct options, segment_bytes),
	  "when the next segment begins" },
	{ "keep-size", 0, "SIZE", REEL_OPT_SIZE, offsetof(struct options, keep_bytes),
	  "how much is kept" },
	{ "block-size", 0, "SIZE", REEL_OPT_SIZE, offsetof(struct options, block_bytes),
	  "when a block is full" },
	{ "drop-oldest", 0, NULL, REEL_OPT_FLAG, offsetof(struct options, drop_oldest),
	  "on a full disk remove the oldest segment" },
	{ "threaded", 0, NULL, REEL_OPT_FLAG, offsetof(struct options, threaded),
	  "write in a thread of its own" },
	{ 0 },
};

static uint64_t draw(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static uint64_t clock_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* Writing ------------------------------------------------------------------------------------ */

static size_t make_event(struct reel_record *rec, uint64_t number, uint64_t *random)
{
	struct ev_open *open = reel_record_begin(rec, reel_type_by_id(EV_open));
	char path[64];
	int n = snprintf(path, sizeof(path), "/tmp/%llu-%016llx%016llx", (unsigned long long)number,
			 (unsigned long long)draw(random), (unsigned long long)draw(random));

	open->inode = number;
	reel_record_string(rec, path, (size_t)n);
	rec->header.ts = clock_ns(CLOCK_BOOTTIME);
	rec->header.cpu = (uint16_t)(number % CPUS);
	rec->header.seq = number / CPUS;
	rec->header.pid = rec->header.tid = 1000 + (uint32_t)(number % 50);
	return reel_record_end(rec);
}

static int append_clock(struct reel_writer *w, struct reel_err *err)
{
	struct reel_record rec;
	struct ev_clock *clock = reel_record_begin(&rec, reel_type_by_id(EV_clock));

	rec.header.ts = clock_ns(CLOCK_BOOTTIME);
	clock->realtime = (int64_t)clock_ns(CLOCK_REALTIME);
	return reel_writer_append_own(w, &rec.header, reel_record_end(&rec), err);
}

static int open_writer(const struct options *o, struct reel_writer **ret, struct reel_err *err)
{
	struct reel_writer_options w = {
		.segment_bytes = o->segment_bytes,
		.keep_bytes = o->keep_bytes,
		.block_bytes = (uint32_t)o->block_bytes,
		.drop_oldest = o->drop_oldest,
		.in_line = !o->threaded,
		.sync = REEL_SYNC_NONE,
	};

	if (strcmp(o->output, "-") == 0)
		w.fd = dup(STDOUT_FILENO);
	else
		w.directory = o->output;
	reel_meta_this_machine(&w.meta);
	w.meta.start.boottime_ns = clock_ns(CLOCK_BOOTTIME);
	w.meta.start.realtime_ns = (int64_t)clock_ns(CLOCK_REALTIME);
	return reel_writer_open(&w, ret, err);
}

/* What was taken: the number of the last event, and how many clocks. */
struct taken {
	uint64_t number, clocks;
};

/*
 * A round: a batch of events, then what the recorder does at the end of each. With sure all of it
 * is in the kernel's hands at the end: a batch fits a block, so it is known how many there will be.
 */
static int write_round(struct reel_writer *w, struct taken *taken, bool sure, uint64_t *random,
		       struct reel_err *err)
{
	static uint64_t segment, blocks;
	struct reel_writer_stats stats;
	struct reel_record rec;
	int r = 0;

	if (segment != reel_writer_segment_number(w)) {
		r = append_clock(w, err);
		taken->clocks += r == 0;
		blocks++;
	}
	segment = reel_writer_segment_number(w);
	blocks++;
	for (unsigned i = 0; r == 0 && i < BATCH; i++) {
		size_t length = make_event(&rec, taken->number + 1, random);

		r = reel_writer_append(w, &rec, length, err);
		taken->number += r == 0;
	}
	reel_writer_settle(w, clock_ns(CLOCK_BOOTTIME));
	if (r == 0 && sure)
		r = reel_writer_flush(w, err);
	do
		reel_writer_stats(w, &stats);
	while (r == 0 && sure && stats.blocks < blocks);
	if (r == 0)
		r = reel_writer_tick(w, clock_ns(CLOCK_BOOTTIME), err);
	return r;
}

/* After a failure some more is offered, as by a caller who hears of it late. */
static void offer_more(struct reel_writer *w, struct taken *taken, uint64_t *random)
{
	struct reel_record rec;

	for (unsigned i = 0; i < BATCH; i++) {
		size_t length = make_event(&rec, taken->number + 1, random);

		taken->number += reel_writer_append(w, &rec, length, NULL) == 0;
	}
}

static int fill(const struct options *o)
{
	struct taken taken = { 0 };
	uint64_t random = 88172645463325252ull;
	struct reel_writer_stats stats = { 0 };
	struct reel_err err = { 0 }, ignored;
	struct reel_writer *w;
	int r;

	signal(SIGPIPE, SIG_IGN);
	r = open_writer(o, &w, &err);
	if (r == 0) {
		while (r == 0 && taken.number < o->n)
			r = write_round(w, &taken, false, &random, &err);
		if (r < 0)
			offer_more(w, &taken, &random);
		reel_writer_stats(w, &stats);
		if (r < 0)
			reel_writer_close(w, &ignored);
		else
			r = reel_writer_close(w, &err);
	}
	fprintf(stderr, "appended=%llu taken=%llu clocks_taken=%llu retired=%llu\n",
		(unsigned long long)stats.events, (unsigned long long)taken.number,
		(unsigned long long)taken.clocks, (unsigned long long)stats.retired);
	if (r < 0)
		fprintf(stderr, "crash_writer: %s\n", err.msg);
	return r < 0;
}

/* Reading ------------------------------------------------------------------------------------ */

struct found {
	uint64_t first, last, events, clocks, lost, retired, damages, segments;
	enum reel_ending ending;
	uint64_t end_reason;
	bool has_end, in_order;
};

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* The numbers that are there follow each other without a hole. */
static void check_numbers(struct found *f, uint64_t *numbers)
{
	if (!f->events)
		return;
	qsort(numbers, f->events, sizeof(*numbers), by_number);
	f->first = numbers[0];
	f->last = numbers[f->events - 1];
	for (uint64_t i = 1; i < f->events; i++)
		f->in_order &= numbers[i] == numbers[i - 1] + 1;
}

static int read_events(struct reel_walk *walk, struct found *f, struct reel_err *err)
{
	uint64_t *numbers = NULL, room = 0, last_ts = 0;
	struct reel_event ev;
	int r;

	f->in_order = true;
	while ((r = reel_walk_next(walk, &ev, err)) > 0) {
		f->in_order &= ev.ts >= last_ts;
		last_ts = ev.ts;
		f->retired += ev.type->id == EV_retired;
		f->clocks += ev.type->id == EV_clock;
		if (ev.type->id != EV_open)
			continue;
		if (f->events == room) {
			room = room ? 2 * room : 1024;
			numbers = reallocarray(numbers, room, sizeof(*numbers));
			if (!numbers)
				abort();
		}
		memcpy(&numbers[f->events++], ev.fixed + offsetof(struct ev_open, inode), 8);
	}
	check_numbers(f, numbers);
	free(numbers);
	f->ending = reel_walk_health(walk)->ending;
	f->lost = reel_walk_health(walk)->lost;
	return r;
}

static int count_damages(const char *path, struct found *f, struct reel_err *err)
{
	char *paths[] = { (char *)(uintptr_t)path };
	struct reel_verification *v;
	int r = reel_verify(paths, 1, NULL, &v, err);

	if (r < 0)
		return r;
	for (unsigned i = 0; i < v->n; i++) {
		f->damages += v->captures[i].n_damages;
		for (unsigned k = 0; k < v->captures[i].n_findings; k++)
			if (v->captures[i].findings[k].kind == REEL_FINDING_DAMAGE)
				fprintf(stderr, "%s+%llu: %s\n", v->captures[i].findings[k].path,
					(unsigned long long)v->captures[i].findings[k].offset,
					v->captures[i].findings[k].what);
	}
	reel_verification_free(v);
	return 0;
}

static int look_at(const char *path, struct found *f, struct reel_err *err)
{
	struct reel_reader *reader;
	struct reel_walk *walk;
	int r;

	memset(f, 0, sizeof(*f));
	r = reel_reader_open(path, &reader, err);
	if (r < 0)
		return r;
	r = reel_walk_open(reader, NULL, &walk, err);
	if (r == 0) {
		r = read_events(walk, f, err);
		reel_walk_close(walk);
	}
	f->segments = reader->n_segments;
	f->has_end = reader->segments[reader->n_segments - 1].has_end;
	f->end_reason = reader->segments[reader->n_segments - 1].end_reason;
	reel_reader_close(reader);
	return r < 0 ? r : count_damages(path, f, err);
}

static int check(const char *path)
{
	struct reel_err err = { 0 };
	struct found f;

	if (look_at(path, &f, &err) < 0) {
		fprintf(stderr, "crash_writer: %s\n", err.msg);
		return 1;
	}
	printf("first=%llu last=%llu events=%llu clocks=%llu lost=%llu retired=%llu segments=%llu "
	       "damages=%llu ending=%s reason=%s\n",
	       (unsigned long long)f.first, (unsigned long long)f.last,
	       (unsigned long long)f.events, (unsigned long long)f.clocks,
	       (unsigned long long)f.lost, (unsigned long long)f.retired,
	       (unsigned long long)f.segments, (unsigned long long)f.damages,
	       reel_ending_name(f.ending),
	       !f.has_end		      ? "none" :
	       f.end_reason == TAPE_DISK_FULL ? "full" :
	       f.end_reason == TAPE_ROTATED   ? "rotated" :
						"ended");
	return !f.in_order;
}

/* Killing ------------------------------------------------------------------------------------ */

/* What the writer says before it dies: nothing of it is lost by being killed. */
struct progress {
	_Atomic uint64_t sure; /* up to this number all is written */
	_Atomic uint64_t is_open;
	char error[480];
};

static void write_until_killed(const struct options *o, uint64_t number, uint64_t until,
			       struct progress *p)
{
	struct taken taken = { .number = number };
	uint64_t random = o->seed + number + 1;
	struct reel_err err = { 0 };
	struct reel_writer *w;
	int r = open_writer(o, &w, &err);

	p->is_open = r == 0;
	while (r == 0 && taken.number < until) {
		r = write_round(w, &taken, true, &random, &err);
		if (r == 0)
			p->sure = taken.number;
	}
	if (r == 0)
		r = reel_writer_close(w, &err);
	snprintf(p->error, sizeof(p->error), "%s", r < 0 ? err.msg : "");
	_exit(r < 0);
}

/* A writer that goes on from a number; killed after so many microseconds, or let alone. */
static int run_writer(const struct options *o, uint64_t number, uint64_t until, uint64_t delay_us,
		      struct progress *p)
{
	pid_t pid;
	int status;

	p->sure = number;
	p->is_open = 0;
	p->error[0] = '\0';
	pid = fork();
	if (pid == 0)
		write_until_killed(o, number, until, p);
	if (delay_us) {
		struct timespec t = { 0, (long)delay_us * 1000 };

		nanosleep(&t, NULL);
		kill(pid, SIGKILL);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -ECHILD;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL ? 1 : -EIO;
}

struct tally {
	uint64_t killed, unborn, unclean, torn, continued, failed;
};

static void fail(struct tally *t, const char *directory, const char *why, const struct found *f,
		 const struct progress *p)
{
	printf("# %s: %s (%llu to %llu, %llu sure, %s, %llu damages) %s\n", directory, why,
	       (unsigned long long)f->first, (unsigned long long)f->last,
	       (unsigned long long)p->sure, reel_ending_name(f->ending),
	       (unsigned long long)f->damages, p->error);
	t->failed++;
}

/* What is left holds all that was sure. Returns the number of the last event, or -1. */
static int64_t judge(struct tally *t, const char *directory, const struct progress *p)
{
	struct reel_err err = { 0 };
	struct found f = { 0 };
	int r = look_at(directory, &f, &err);

	if (r < 0) {
		/* It died before the first block was there: then nothing was sure either. */
		if ((r == -ENODATA || r == -ENOENT) && !p->sure) {
			t->unborn++;
			return 0;
		}
		fail(t, directory, err.msg, &f, p);
		return -1;
	}
	t->unclean += f.ending == REEL_UNCLEAN;
	t->torn += f.ending == REEL_TORN;
	if (f.last < p->sure)
		fail(t, directory, "events are gone that were sure", &f, p);
	else if (!f.in_order || (f.events && f.first != 1))
		fail(t, directory, "events are missing or out of order", &f, p);
	else if (f.ending == REEL_DAMAGED || f.damages)
		fail(t, directory, "it is damaged", &f, p);
	else
		return (int64_t)f.last;
	return -1;
}

/* The same capture is continued, killed once more, and at last written to its end. */
static void continue_capture(const struct options *o, struct tally *t, int64_t last,
			     uint64_t delay_us, struct progress *p)
{
	struct reel_err err = { 0 };
	struct found f = { 0 };

	if (run_writer(o, (uint64_t)last, UINT64_MAX, delay_us, p) < 0) {
		fail(t, o->output, "cannot be continued", &f, p);
		return;
	}
	last = judge(t, o->output, p);
	if (last < 0)
		return;
	if (run_writer(o, (uint64_t)last, (uint64_t)last + 10 * BATCH, 0, p) != 0) {
		fail(t, o->output, "cannot be continued to its end", &f, p);
		return;
	}
	if (look_at(o->output, &f, &err) < 0 || f.damages || !f.in_order ||
	    f.last != (uint64_t)last + 10 * BATCH || f.first != 1)
		fail(t, o->output, err.code ? err.msg : "is not whole after it was continued", &f,
		     p);
	t->continued++;
}

static int kill_writers(const struct options *all)
{
	uint64_t random = all->seed * 2654435761 + 88172645463325252ull;
	struct tally t = { 0 };
	struct progress *p =
		mmap(NULL, sizeof(*p), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED || (mkdir(all->output, 0700) < 0 && errno != EEXIST))
		return 1;
	for (uint64_t i = 0; i < all->n; i++) {
		/* One in four dies at once, while it is still opening. */
		uint64_t delay_us = 1 + draw(&random) % (i % 4 ? 40000 : 2500);
		struct options o = *all;
		char directory[512];
		int64_t last;

		snprintf(directory, sizeof(directory), "%s/%llu", all->output,
			 (unsigned long long)i);
		o.output = directory;
		o.threaded = i % 2;
		o.block_bytes = 16 << 10;
		o.segment_bytes = i % 3 ? 64 << 10 : 0;
		if (run_writer(&o, 0, UINT64_MAX, delay_us, p) != 1) {
			fail(&t, directory, "the writer failed", &(struct found){ 0 }, p);
			continue;
		}
		t.killed++;
		last = judge(&t, directory, p);
		if (last >= 0 && i % 10 < 2)
			continue_capture(&o, &t, last, 1 + draw(&random) % 20000, p);
	}
	printf("killed=%llu unborn=%llu unclean=%llu torn=%llu continued=%llu failed=%llu\n",
	       (unsigned long long)t.killed, (unsigned long long)t.unborn,
	       (unsigned long long)t.unclean, (unsigned long long)t.torn,
	       (unsigned long long)t.continued, (unsigned long long)t.failed);
	return t.failed != 0;
}

int main(int argc, char **argv)
{
	struct options o = { .n = 1000, .seed = 1 };
	struct reel_err err = { 0 };
	struct reel_args args;
	int status = 2;

	if (reel_options_parse(table, &o, argc, argv, &args, &err) < 0)
		fprintf(stderr, "crash_writer: %s\n", err.msg);
	else if (args.n == 1 && strcmp(args.v[0], "fill") == 0 && o.output)
		status = fill(&o);
	else if (args.n == 2 && strcmp(args.v[0], "check") == 0)
		status = check(args.v[1]);
	else if (args.n == 1 && strcmp(args.v[0], "kill") == 0 && o.output)
		status = kill_writers(&o);
	else
		fprintf(stderr, "usage: crash_writer fill -o DIR | check PATH | kill -o DIR\n");
	reel_options_done(table, &o);
	return status;
}
