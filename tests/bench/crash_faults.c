/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A writer whose calls fail, one after the other, for tests/crash/faults.sh. fault.so must be
 * preloaded.
 *
 *	crash_faults -o DIR [--part N] [--seed S]	each call, or one in N
 *
 * A try is a writer of which the n-th call of a kind fails, once or from there on. It must end
 * well or say why not; what it had written is there and sound; what it had taken and did not write
 * is on tape as lost, wherever a tape can be written; and the capture can be continued. A line of
 * JSON for each fault tells how many tries there were.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "format/options.h"
#include "tests/bench/lib_crash.h"
#include "tests/crash/fault.h"

enum {
	ROUNDS = 48,
	ROUNDS_BEFORE = 30, /* of a capture that is continued */
	ROUNDS_AFTER = 5,
	STORM_US = 150,
};

struct options {
	const char *output;
	uint64_t part, seed;
};

static const struct reel_option table[] = {
	{ "output", 'o', "DIR", REEL_OPT_STRING, offsetof(struct options, output), "where" },
	{ "part", 0, "N", REEL_OPT_U64, offsetof(struct options, part), "one try in N, by chance" },
	{ "seed", 0, "S", REEL_OPT_U64, offsetof(struct options, seed), "which" },
	{ 0 },
};

static const struct way {
	const char *name;
	bool threaded, drop_oldest, continues, storm;
	enum reel_sync sync;
	uint64_t keep_bytes;
} ways[] = {
	{ "each block synced", .sync = REEL_SYNC_BLOCK },
	{ "in a thread", .threaded = true, .sync = REEL_SYNC_BLOCK },
	{ "retention", .sync = REEL_SYNC_NONE, .keep_bytes = 64 << 10 },
	{ "oldest dropped", .threaded = true, .drop_oldest = true, .sync = REEL_SYNC_SECONDS },
	{ "continued", .continues = true, .sync = REEL_SYNC_BLOCK },
	{ "under signals", .threaded = true, .storm = true, .sync = REEL_SYNC_BLOCK },
};

#define BIT(kind) (1u << FAULT_##kind)
/* Random numbers come from no disk. */
#define ALL_KINDS (((1u << FAULT_KINDS) - 1) & ~BIT(RANDOM))
#define INTERRUPTIBLE                                                                    \
	(BIT(OPEN) | BIT(WRITE) | BIT(SYNC) | BIT(TRUNCATE) | BIT(UNLINK) | BIT(CLOSE) | \
	 BIT(MKDIR) | BIT(LOCK))

static const struct cause {
	const char *name;
	uint32_t kinds, times;
	int error;
	enum fault_mode mode;
	bool harmless; /* nothing may come of it */
} causes[] = {
	{ "write: EIO once", BIT(WRITE), 1, EIO },
	{ "write: EIO", BIT(WRITE), 0, EIO },
	{ "write: half of it, then EIO once", BIT(WRITE), 2, EIO, FAULT_HALF },
	{ "write: half of it, then EIO", BIT(WRITE), 0, EIO, FAULT_HALF },
	{ "write: ENOSPC once", BIT(WRITE), 1, ENOSPC },
	{ "write: ENOSPC", BIT(WRITE), 0, ENOSPC },
	{ "write: half of it, then ENOSPC", BIT(WRITE), 0, ENOSPC, FAULT_HALF },
	{ "write: EDQUOT once", BIT(WRITE), 1, EDQUOT },
	{ "write: EDQUOT", BIT(WRITE), 0, EDQUOT },
	{ "write: half of it", BIT(WRITE), 1, EIO, FAULT_SHORT, true },
	{ "write: half of each", BIT(WRITE), 0, EIO, FAULT_SHORT, true },
	{ "fsync: EIO once", BIT(SYNC), 1, EIO },
	{ "fsync: EIO", BIT(SYNC), 0, EIO },
	{ "fsync: ENOSPC once", BIT(SYNC), 1, ENOSPC },
	{ "open: EIO once", BIT(OPEN), 1, EIO },
	{ "open: EMFILE", BIT(OPEN), 0, EMFILE },
	{ "open: ENOSPC once", BIT(OPEN), 1, ENOSPC },
	{ "close: EIO once", BIT(CLOSE), 1, EIO },
	{ "close: EDQUOT", BIT(CLOSE), 0, EDQUOT },
	{ "unlink: EIO once", BIT(UNLINK), 1, EIO },
	{ "unlink: EACCES", BIT(UNLINK), 0, EACCES },
	{ "lseek, fstat, mmap, mkdir, flock: EIO once",
	  BIT(SEEK) | BIT(STAT) | BIT(MAP) | BIT(MKDIR) | BIT(LOCK), 1, EIO },
	{ "fstat, mmap, flock: ENOMEM", BIT(STAT) | BIT(MAP) | BIT(LOCK), 0, ENOMEM },
	{ "fallocate: ENOSPC", BIT(ALLOCATE), 0, ENOSPC, FAULT_FAIL, true },
	{ "getrandom: ENOSYS", BIT(RANDOM), 0, ENOSYS },
	{ "any call: EINTR once", INTERRUPTIBLE, 1, EINTR, FAULT_FAIL, true },
	{ "any call: EINTR five times", INTERRUPTIBLE, 5, EINTR, FAULT_FAIL, true },
	{ "all calls: EIO", ALL_KINDS, 0, EIO },
	{ "all calls: EIO, after half a write", ALL_KINDS, 0, EIO, FAULT_HALF },
	{ "all calls: ENOSPC", ALL_KINDS & ~(BIT(CLOSE) | BIT(UNLINK) | BIT(TRUNCATE)), 0, ENOSPC },
};

/* What the writer says of itself, in memory that is seen from outside. */
struct said {
	struct fault fault;
	uint64_t sure, number, clocks;
	int is_open, result;
	char error[512];
};

static void be_interrupted(int number)
{
	(void)number;
}

static void raise_storm(void)
{
	struct sigaction action = { .sa_handler = be_interrupted }; /* and no SA_RESTART */
	struct itimerval often = { { 0, STORM_US }, { 0, STORM_US } };

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
}

static void write_rounds(const struct crash_options *o, uint64_t number, unsigned rounds,
			 struct said *said)
{
	struct reel_err err = { 0 }, ignored;
	struct crash_run run;
	int r = crash_open(o, number, &run, &err);

	said->is_open = r == 0;
	said->sure = number;
	if (r == 0) {
		for (unsigned i = 0; r == 0 && i < rounds; i++) {
			r = crash_round(&run, true, &err);
			if (r == 0)
				said->sure = run.number;
		}
		if (r < 0) {
			crash_offer_more(&run);
			reel_writer_close(run.w, &ignored);
		} else {
			r = reel_writer_close(run.w, &err);
		}
		said->number = run.number;
		said->clocks = run.clocks;
	}
	said->result = r;
	snprintf(said->error, sizeof(said->error), "%s", r < 0 ? err.msg : "");
}

/* Returns whether it ended by itself; what it says is in *said. */
static bool run_writer(const struct way *way, const char *directory, uint64_t number,
		       unsigned rounds, const struct fault *fault, struct said *said)
{
	struct crash_options o = {
		.output = directory,
		.segment_bytes = 30 << 10,
		.block_bytes = 16 << 10,
		.keep_bytes = way->keep_bytes,
		.drop_oldest = way->drop_oldest,
		.threaded = way->threaded,
		.sync = way->sync,
	};
	void (*arm)(struct fault *) =
		(void (*)(struct fault *))(uintptr_t)dlsym(RTLD_DEFAULT, "fault_arm");
	int status;
	pid_t pid;

	memset(said, 0, sizeof(*said));
	pid = fork();
	if (pid == 0) {
		if (way->storm)
			raise_storm();
		if (fault) {
			said->fault = *fault;
			arm(&said->fault);
		}
		/* Who hangs is ended by this, and that is a failure. */
		if (!way->storm)
			alarm(20);
		write_rounds(&o, number, rounds, said);
		_exit(0);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

static void remove_tree(const char *path)
{
	(void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

struct tally {
	uint64_t tries, refused, ended_early, untold, lost, broken;
};

struct
try {
	const struct way *way;
	const struct cause *cause;
	struct fault fault;
	const char *directory;
	struct said *said;
	struct tally *tally;
	uint64_t before; /* the last event of a capture that was there */
};

static bool complain(const struct try *t, const char *why, const struct crash_found *f)
{
	fprintf(stderr,
		"%s, %s, call %u: %s\n  sure %llu taken %llu, found %llu to %llu, %llu lost, %s, "
		"reason %llu, %llu damages; said %d \"%s\"\n",
		t->way->name, t->cause->name, t->fault.at, why, (unsigned long long)t->said->sure,
		(unsigned long long)t->said->number, (unsigned long long)f->first,
		(unsigned long long)f->last, (unsigned long long)f->lost_events,
		reel_ending_name(f->ending), (unsigned long long)(f->has_end ? f->end_reason : 99),
		(unsigned long long)f->damages, t->said->result, t->said->error);
	return false;
}

/* Nothing could be begun: what was there is as it was. */
static bool judge_refusal(const struct try *t, struct crash_found *f)
{
	struct reel_err err = { 0 };
	int r = crash_look_at(t->directory, f, &err);

	t->tally->refused++;
	if (t->cause->harmless || !t->said->error[0])
		return complain(t, "it could not be opened", f);
	if (r < 0)
		return t->before == 0 || complain(t, err.msg, f);
	if (f->last != t->before || f->damages || !f->in_order)
		return complain(t, "what was there has changed", f);
	return true;
}

static bool judge_success(const struct try *t, const struct crash_found *f)
{
	if (f->last != t->said->number || f->lost)
		return complain(t, "it ended well, but something is missing", f);
	if (!f->has_end || f->ending != REEL_COMPLETE || f->end_reason != TAPE_ENDED)
		return complain(t, "it ended well, but does not say so", f);
	if (!t->way->keep_bytes && !t->way->drop_oldest && !t->before &&
	    f->clocks != t->said->clocks)
		return complain(t, "clocks are missing", f);
	return true;
}

static bool judge_failure(const struct try *t, const struct crash_found *f)
{
	bool is_told = f->last + f->lost_events == t->said->number;

	t->tally->ended_early++;
	if (t->cause->harmless)
		return complain(t, "it did harm", f);
	if (!strstr(t->said->error, strerror(t->cause->error)))
		return complain(t, "it does not say why", f);
	if (f->last < t->said->sure)
		return complain(t, "events are gone that were sure", f);
	if (is_told) {
		t->tally->lost += f->lost_events;
		return true;
	}
	/* Where nothing can be written any more, nobody can say how much is missing. */
	if (t->cause->times)
		return complain(t, "what was lost is not told", f);
	if (f->has_end && f->end_reason != TAPE_ROTATED)
		return complain(t, "it claims to be whole", f);
	t->tally->untold++;
	return true;
}

static bool judge(const struct try *t, struct crash_found *f)
{
	struct reel_err err = { 0 };

	memset(f, 0, sizeof(*f));
	if (!t->said->is_open)
		return judge_refusal(t, f);
	if (crash_look_at(t->directory, f, &err) < 0)
		return complain(t, err.msg, f);
	if (f->damages || f->ending == REEL_DAMAGED)
		return complain(t, "it is damaged", f);
	if (!f->in_order ||
	    (f->events && f->first != 1 && !t->way->keep_bytes && !t->way->drop_oldest))
		return complain(t, "events are missing, or out of order", f);
	return t->said->result < 0 ? judge_failure(t, f) : judge_success(t, f);
}

/* Whatever happened, the next recorder goes on from there. */
static bool judge_continuation(const struct try *t, struct crash_found *f)
{
	uint64_t last = f->last;
	struct reel_err err = { 0 };

	if (!run_writer(t->way, t->directory, last, ROUNDS_AFTER, NULL, t->said) ||
	    t->said->result < 0)
		return complain(t, "it cannot be continued", f);
	if (crash_look_at(t->directory, f, &err) < 0)
		return complain(t, err.msg, f);
	if (f->damages || !f->in_order || f->last != last + ROUNDS_AFTER * CRASH_BATCH)
		return complain(t, "it is not whole after it was continued", f);
	return true;
}

/* Whether the fault struck at all. *ret_calls: how many there were that it might have struck. */
static bool try_once(const struct try *all, uint32_t at, uint32_t *ret_calls)
{
	struct try t = *all;
	struct crash_found f = { 0 };
	bool struck, good;

	remove_tree(t.directory);
	t.fault.at = at;
	if (t.way->continues) {
		run_writer(t.way, t.directory, 0, ROUNDS_BEFORE, NULL, t.said);
		t.before = t.said->number;
	}
	good = run_writer(t.way, t.directory, t.before, ROUNDS, &t.fault, t.said);
	struck = t.said->fault.hits;
	*ret_calls = t.said->fault.calls;
	if (!struck && at != UINT32_MAX)
		return false;
	t.tally->tries += struck;
	if (!good)
		complain(&t, "the writer did not end", &f);
	t.tally->broken += !(good && judge(&t, &f) && judge_continuation(&t, &f));
	return struck;
}

static void try_all(const struct try *t, const struct options *o, uint64_t *random)
{
	uint32_t calls, ignored;

	/* One of which nothing fails counts them, and must itself be without fault. */
	try_once(t, UINT32_MAX, &calls);
	if (o->part <= 1) {
		for (uint32_t at = 1; try_once(t, at, &ignored); at++)
			;
		return;
	}
	for (uint32_t at = 1; at <= calls; at++)
		if (crash_draw(random) % o->part == 0)
			try_once(t, at, &ignored);
}

static int run_faults(const struct options *o)
{
	uint64_t random = o->seed * 2654435761 + 88172645463325252ull;
	struct said *said = mmap(NULL, sizeof(*said), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint64_t broken = 0;

	if (said == MAP_FAILED || !dlsym(RTLD_DEFAULT, "fault_arm")) {
		fputs("crash_faults: fault.so is not preloaded\n", stderr);
		return 2;
	}
	for (size_t w = 0; w < sizeof(ways) / sizeof(*ways); w++) {
		for (size_t c = 0; c < sizeof(causes) / sizeof(*causes); c++) {
			const struct cause *cause = &causes[c];
			struct tally tally = { 0 };
			struct try t = {
				.way = &ways[w],
				.cause = cause,
				.fault = { .kinds = cause->kinds,
					   .times = cause->times,
					   .error = cause->error,
					   .mode = cause->mode },
				.directory = o->output,
				.said = said,
				.tally = &tally,
			};

			try_all(&t, o, &random);
			broken += tally.broken;
			printf("{\"fault\": \"%s\", \"where\": \"writer, %s\", \"promise\": "
			       "\"17\", \"tries\": %llu, \"broken\": %llu, \"lost\": %llu, "
			       "\"refused\": %llu, \"ended_early\": %llu, \"untold\": %llu}\n",
			       cause->name, ways[w].name, (unsigned long long)tally.tries,
			       (unsigned long long)tally.broken, (unsigned long long)tally.lost,
			       (unsigned long long)tally.refused,
			       (unsigned long long)tally.ended_early,
			       (unsigned long long)tally.untold);
			fflush(stdout);
		}
	}
	return broken != 0;
}

int main(int argc, char **argv)
{
	struct options o = { .part = 1, .seed = 1 };
	struct reel_err err = { 0 };
	struct reel_args args;
	int status = 2;

	if (reel_options_parse(table, &o, argc, argv, &args, &err) < 0)
		fprintf(stderr, "crash_faults: %s\n", err.msg);
	else if (args.n || !o.output)
		fprintf(stderr, "usage: crash_faults -o DIR [--part N] [--seed S]\n");
	else
		status = run_faults(&o);
	reel_options_done(table, &o);
	return status;
}
