/* SPDX-License-Identifier: BSD-2-Clause */
/* A whole keyframe: on tape, and of a machine with many processes. */
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include "record/now.h"
#include "record/proc_impl.h"
#include "tests/unit/capture.h"
#include "tests/unit/record_proc.h"

/* On tape ------------------------------------------------------------------------------------ */

static int to_tape(void *arg, struct reel_record *record, struct reel_err *err)
{
	struct tape *t = arg;

	t->ts = record->header.ts;
	return reel_writer_append_own(t->w, &record->header, reel_record_end(record), err);
}

static void be_plain(struct shared *s, int ready)
{
	(void)s;
	(void)ready;
}

TEST(a_snapshot_on_tape)
{
	struct shared *s = share();
	pid_t pid = start(be_plain, s);
	struct only who = { { pid } };
	struct proc_options o = { .wants = is_one_of, .wants_arg = &who };
	struct host_options host = { .wants = is_one_of, .wants_arg = &who };
	struct reel_writer_options w = options("snapshot.reel");
	struct tape t = { .ts = now_boottime_ns() };
	struct record_sink sink = { to_tape, &t };
	struct proc_totals totals;
	uint64_t n = 0, begun = 0, ended = 0, last = 0, found = 0, strays = 0;
	struct reel_reader *r;
	struct reel_walk *walk;
	struct reel_event ev;
	struct reel_err err;
	char scratch[4096];

	enter_scratch(scratch, sizeof(scratch));
	w.meta.start.boottime_ns = t.ts;
	begin(&t, &w);
	CHECK_EQ(proc_snapshot(&o, &host, &sink, &totals, &err), 0);
	end(&t);
	CHECK_EQ(damages(w.directory), 0);
	r = opened(w.directory);
	walk = walked(r, NULL);
	while (reel_walk_next(walk, &ev, &err) > 0) {
		struct ev_keyframe copy;
		const struct ev_keyframe *frame;

		strays += ev.ts < last || (ev.type->id != EV_keyframe && (!begun || ended));
		last = ev.ts;
		if (ev.type->id != EV_keyframe) {
			n++;
			continue;
		}
		frame = reel_event_as(&ev, &copy, sizeof(copy));
		CHECK_EQ(frame->source, 1);
		if (!frame->edge) {
			begun = ev.ts;
			continue;
		}
		ended = ev.ts;
		CHECK_EQ(frame->records, n);
		CHECK_EQ(frame->complete, totals.refused + totals.left_out == 0);
	}
	CHECK_EQ(strays, 0);
	CHECK(begun && ended && n == totals.records);
	CHECK_EQ(totals.by_type[EV_process], n ? count_events(w.directory, EV_process) : 0);
	CHECK(totals.by_type[EV_process] >= 2);
	CHECK(totals.by_type[EV_fd] >= 3);
	CHECK(totals.by_type[EV_mounted] >= 1);
	CHECK(totals.by_type[EV_account] >= 1);
	CHECK_EQ(reel_keyframe_before(r, &r->boots[0], ended + 1, &found), 0);
	CHECK_EQ(found, begun);
	reel_walk_close(walk);
	reel_reader_close(r);
	reap(pid);
	leave_scratch(scratch);
	munmap(s, sizeof(*s));
}

/* Many --------------------------------------------------------------------------------------- */

#ifdef __SANITIZE_ADDRESS__
enum { MANY = 300 };
#else
enum { MANY = 5000 };
#endif

enum { FDS = 10 };

static int only_end(void *arg, struct reel_record *record, struct reel_err *err)
{
	uint64_t *bytes = arg;

	(void)err;
	*bytes += reel_record_end(record);
	return 0;
}

static uint64_t cpu_ns(const struct rusage *u)
{
	return (uint64_t)(u->ru_utime.tv_sec + u->ru_stime.tv_sec) * SECOND +
	       (uint64_t)(u->ru_utime.tv_usec + u->ru_stime.tv_usec) * 1000;
}

/* The first process of a PID namespace, with all the others in it. */
static void look_at_many(struct shared *s)
{
	struct only none = { { 0 } };
	struct proc_options o = { 0 }, nobody = { .wants = is_one_of, .wants_arg = &none };
	struct host_options host = { 0 };
	uint64_t bytes = 0, began;
	struct record_sink sink = { only_end, &bytes };
	struct proc_totals totals;
	struct rusage before, after;

	must(s, mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	must(s, mount("proc", "/proc", "proc", 0, NULL));
	for (int fd = 3; fd < FDS; fd++)
		dup2(fd % 2 ? 0 : 1, fd);
	for (unsigned i = 1; i < MANY && !s->failed; i++) {
		pid_t pid = fork();

		if (pid == 0)
			sleep_forever();
		must(s, pid);
	}
	if (s->failed)
		return;
	/* What it takes at least, and code that was never run: the rest is for the processes. */
	must(s, proc_snapshot(&nobody, &host, &sink, &totals, NULL));
	bytes = 0;
	getrusage(RUSAGE_SELF, &before);
	began = now_boottime_ns();
	must(s, proc_snapshot(&o, &host, &sink, &totals, NULL));
	s->number[0] = now_boottime_ns() - began;
	getrusage(RUSAGE_SELF, &after);
	s->number[1] = (uint64_t)(after.ru_maxrss - before.ru_maxrss);
	s->number[2] = totals.by_type[EV_process];
	s->number[3] = totals.by_type[EV_fd];
	s->number[4] = totals.by_type[EV_map];
	s->number[5] = totals.by_type[EV_inflight];
	s->number[6] = bytes;
	s->number[7] = totals.refused + totals.left_out + totals.vanished;
	s->number[8] = cpu_ns(&after) - cpu_ns(&before);
}

TEST(many_processes)
{
	struct shared *s = share();
	bool made;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		must(s, unshare(CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET));
		if (s->failed)
			_exit(1);
		pid = fork();
		if (pid == 0) {
			look_at_many(s);
			/* With the first one all of them end. */
			_exit(0);
		}
		waitpid(pid, NULL, 0);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	made = s->failed == 0;
	if (made) {
		printf("# %u processes with %u descriptors each: %.2f s, %.2f s of CPU, %u KiB "
		       "more of memory, %u KiB of records\n",
		       MANY, FDS, (double)s->number[0] / 1e9, (double)s->number[8] / 1e9,
		       (unsigned)s->number[1], (unsigned)(s->number[6] >> 10));
		CHECK_EQ(s->number[2], MANY);
		CHECK(s->number[3] >= MANY * FDS);
		CHECK(s->number[4] >= MANY);
		/* All but the one that looks wait. */
		CHECK(s->number[5] >= MANY - 1);
		CHECK_EQ(s->number[7], 0);
		/* It never sleeps: on a machine that does nothing else it takes as long. */
		CHECK(s->number[8] < 5 * SECOND);
#ifndef __SANITIZE_ADDRESS__
		CHECK(s->number[1] <= 400);
		CHECK(sizeof(struct proc_look) <= 400 << 10);
#endif
	}
	munmap(s, sizeof(*s));
	if (!made)
		SKIP("no PID namespace can be made here");
}
