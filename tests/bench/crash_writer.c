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
#include "tests/bench/lib_crash.h"

struct options {
	struct crash_options writer;
	uint64_t n;
};

#define AT(field) offsetof(struct options, writer.field)

static const struct reel_option table[] = {
	{ "output", 'o', "DIR", REEL_OPT_STRING, AT(output), "the capture; - for standard output" },
	{ "number", 'n', "N", REEL_OPT_U64, offsetof(struct options, n), "how many" },
	{ "seed", 0, "S", REEL_OPT_U64, AT(seed), "of the delays" },
	{ "segment-size", 0, "SIZE", REEL_OPT_SIZE, AT(segment_bytes),
	  "when the next segment begins" },
	{ "keep-size", 0, "SIZE", REEL_OPT_SIZE, AT(keep_bytes), "how much is kept" },
	{ "block-size", 0, "SIZE", REEL_OPT_SIZE, AT(block_bytes), "when a block is full" },
	{ "drop-oldest", 0, NULL, REEL_OPT_FLAG, AT(drop_oldest),
	  "on a full disk remove the oldest segment" },
	{ "threaded", 0, NULL, REEL_OPT_FLAG, AT(threaded), "write in a thread of its own" },
	{ "sync", 0, NULL, REEL_OPT_CHOICE, AT(sync), "when to", .choices = "seconds|block|none" },
	{ 0 },
};

static int fill(const struct options *o)
{
	struct reel_writer_stats stats = { 0 };
	struct reel_err err = { 0 }, ignored;
	struct crash_run run;
	int r;

	signal(SIGPIPE, SIG_IGN);
	r = crash_open(&o->writer, 0, &run, &err);
	if (r == 0) {
		while (r == 0 && run.number < o->n)
			r = crash_round(&run, false, &err);
		if (r < 0)
			crash_offer_more(&run);
		reel_writer_stats(run.w, &stats);
		if (r < 0)
			reel_writer_close(run.w, &ignored);
		else
			r = reel_writer_close(run.w, &err);
	}
	fprintf(stderr, "appended=%llu taken=%llu clocks_taken=%llu retired=%llu\n",
		(unsigned long long)stats.events, (unsigned long long)run.number,
		(unsigned long long)run.clocks, (unsigned long long)stats.retired);
	if (r < 0)
		fprintf(stderr, "crash_writer: %s\n", err.msg);
	return r < 0;
}

static int check(const char *path)
{
	struct reel_err err = { 0 };
	struct crash_found f;

	if (crash_look_at(path, &f, &err) < 0) {
		fprintf(stderr, "crash_writer: %s\n", err.msg);
		return 1;
	}
	printf("first=%llu last=%llu whole=%llu events=%llu clocks=%llu lost=%llu retired=%llu "
	       "segments=%llu damages=%llu ending=%s reason=%s\n",
	       (unsigned long long)f.first, (unsigned long long)f.last, (unsigned long long)f.whole,
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

static void write_until_killed(const struct crash_options *o, uint64_t number, uint64_t until,
			       struct progress *p)
{
	struct reel_err err = { 0 };
	struct crash_run run;
	int r = crash_open(o, number, &run, &err);

	p->is_open = r == 0;
	while (r == 0 && run.number < until) {
		r = crash_round(&run, true, &err);
		if (r == 0)
			p->sure = run.number;
	}
	if (r == 0)
		r = reel_writer_close(run.w, &err);
	snprintf(p->error, sizeof(p->error), "%s", r < 0 ? err.msg : "");
	_exit(r < 0);
}

/* A writer that goes on from a number; killed after so many microseconds, or let alone. */
static int run_writer(const struct crash_options *o, uint64_t number, uint64_t until,
		      uint64_t delay_us, struct progress *p)
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

static void fail(struct tally *t, const char *directory, const char *why,
		 const struct crash_found *f, const struct progress *p)
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
	struct crash_found f = { 0 };
	int r = crash_look_at(directory, &f, &err);

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
static void continue_capture(const struct crash_options *o, struct tally *t, int64_t last,
			     uint64_t delay_us, struct progress *p)
{
	struct reel_err err = { 0 };
	struct crash_found f = { 0 };

	if (run_writer(o, (uint64_t)last, UINT64_MAX, delay_us, p) < 0) {
		fail(t, o->output, "cannot be continued", &f, p);
		return;
	}
	last = judge(t, o->output, p);
	if (last < 0)
		return;
	if (run_writer(o, (uint64_t)last, (uint64_t)last + 10 * CRASH_BATCH, 0, p) != 0) {
		fail(t, o->output, "cannot be continued to its end", &f, p);
		return;
	}
	if (crash_look_at(o->output, &f, &err) < 0 || f.damages || !f.in_order ||
	    f.last != (uint64_t)last + 10 * CRASH_BATCH || f.first != 1)
		fail(t, o->output, err.code ? err.msg : "is not whole after it was continued", &f,
		     p);
	t->continued++;
}

static int kill_writers(const struct options *all)
{
	uint64_t random = all->writer.seed * 2654435761 + 88172645463325252ull;
	struct tally t = { 0 };
	struct progress *p =
		mmap(NULL, sizeof(*p), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED || (mkdir(all->writer.output, 0700) < 0 && errno != EEXIST))
		return 1;
	for (uint64_t i = 0; i < all->n; i++) {
		/* One in four dies at once, while it is still opening. */
		uint64_t delay_us = 1 + crash_draw(&random) % (i % 4 ? 40000 : 2500);
		struct crash_options o = all->writer;
		char directory[512];
		int64_t last;

		snprintf(directory, sizeof(directory), "%s/%llu", all->writer.output,
			 (unsigned long long)i);
		o.output = directory;
		o.threaded = i % 2;
		o.block_bytes = 16 << 10;
		o.segment_bytes = i % 3 ? 64 << 10 : 0;
		if (run_writer(&o, 0, UINT64_MAX, delay_us, p) != 1) {
			fail(&t, directory, "the writer failed", &(struct crash_found){ 0 }, p);
			continue;
		}
		t.killed++;
		last = judge(&t, directory, p);
		if (last >= 0 && i % 10 < 2)
			continue_capture(&o, &t, last, 1 + crash_draw(&random) % 20000, p);
	}
	printf("killed=%llu unborn=%llu unclean=%llu torn=%llu continued=%llu failed=%llu\n",
	       (unsigned long long)t.killed, (unsigned long long)t.unborn,
	       (unsigned long long)t.unclean, (unsigned long long)t.torn,
	       (unsigned long long)t.continued, (unsigned long long)t.failed);
	return t.failed != 0;
}

int main(int argc, char **argv)
{
	struct options o = { .n = 1000, .writer = { .seed = 1, .sync = REEL_SYNC_NONE } };
	struct reel_err err = { 0 };
	struct reel_args args;
	int status = 2;

	if (reel_options_parse(table, &o, argc, argv, &args, &err) < 0)
		fprintf(stderr, "crash_writer: %s\n", err.msg);
	else if (args.n == 1 && strcmp(args.v[0], "fill") == 0 && o.writer.output)
		status = fill(&o);
	else if (args.n == 2 && strcmp(args.v[0], "check") == 0)
		status = check(args.v[1]);
	else if (args.n == 1 && strcmp(args.v[0], "kill") == 0 && o.writer.output)
		status = kill_writers(&o);
	else
		fprintf(stderr, "usage: crash_writer fill -o DIR | check PATH | kill -o DIR\n");
	reel_options_done(table, &o);
	return status;
}
