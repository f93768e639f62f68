/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When the tape cannot be written any more: an append that fails has not taken its record, one that
 * succeeds has, and each record that was offered is on tape or told as lost, once. The room ends at
 * many places; a limit on the size of files stands for the disk.
 */
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/capture.h"

enum { ROOM_FIRST = 6 << 10, ROOM_LAST = 70 << 10, ROOM_STEP = 700, OFFERED_MAX = 40000 };

/* What a caller knows. */
struct offer {
	struct tape t;
	struct reel_record rec;
	uint64_t taken, refused;	   /* events */
	uint64_t ring_taken, ring_refused; /* losses that the kernel tells, and how many in them */
	uint64_t ring_lost;
	uint64_t malformed;
	int failed;
};

/* What a reader is told. */
struct told {
	uint64_t events, disk, ring, malformed, tape_class;
};

static void limit_files(rlim_t bytes)
{
	struct rlimit now;

	CHECK_EQ(getrlimit(RLIMIT_FSIZE, &now), 0);
	now.rlim_cur = bytes < now.rlim_max ? bytes : now.rlim_max;
	CHECK_EQ(setrlimit(RLIMIT_FSIZE, &now), 0);
}

static int append(struct offer *o, size_t length)
{
	struct tape *t = &o->t;

	o->rec.header.ts = t->ts++;
	o->rec.header.cpu = 0;
	o->rec.header.seq = t->seq[0]++;
	o->rec.header.pid = o->rec.header.tid = 7;
	return reel_writer_append(t->w, &o->rec, length, &t->err);
}

static void offer_event(struct offer *o, uint8_t type)
{
	uint8_t bytes[48];
	int r;

	reel_record_begin(&o->rec, reel_type_by_id(type));
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)draw(&o->t);
	reel_record_string(&o->rec, bytes, sizeof(bytes));
	r = append(o, reel_record_end(&o->rec));
	o->taken += r == 0;
	o->refused += r < 0;
	o->failed = o->failed ? o->failed : r;
}

static void offer_loss(struct offer *o, uint64_t count)
{
	struct ev_lost *lost = reel_record_begin(&o->rec, reel_type_by_id(EV_lost));
	int r;

	lost->first = lost->last = o->t.ts;
	lost->count = count;
	lost->lost_class = EV_CLASS_file;
	r = append(o, reel_record_end(&o->rec));
	if (r == 0) {
		o->ring_taken++;
		o->ring_lost += count;
	} else {
		o->ring_refused++;
	}
	o->failed = o->failed ? o->failed : r;
}

/* As a recorder does it: rounds of events until something fails, and then what is left over. */
static void offer_all(struct offer *o, unsigned after)
{
	unsigned left = after;

	for (unsigned i = 0; i < OFFERED_MAX && left; i++) {
		offer_event(o, i % 5 ? EV_open : EV_cgroup);
		if (i % 50 == 49)
			offer_loss(o, 1 + i % 7);
		if (i % 90 == 89) {
			/* A record that is nothing is taken, and told. */
			CHECK_EQ(reel_writer_append(o->t.w, &o->rec, 3, &o->t.err), 0);
			o->malformed++;
		}
		if (i % 40 == 39) {
			int r;

			reel_writer_settle(o->t.w, o->t.ts);
			r = reel_writer_tick(o->t.w, o->t.ts, &o->t.err);
			/* What was heard once is heard again. */
			if (o->failed)
				CHECK_EQ(r, o->failed);
			o->failed = o->failed ? o->failed : r;
		}
		left -= o->failed != 0;
	}
	CHECK(o->failed < 0);
}

static void say_refused(struct offer *o)
{
	struct ev_lost *lost = reel_record_begin(&o->rec, reel_type_by_id(EV_lost));

	if (!o->refused)
		return;
	lost->count = o->refused;
	lost->cause = 4;
	lost->first = lost->last = o->t.ts;
	CHECK_EQ(reel_writer_last_word(o->t.w, &o->rec), 0);
}

static struct told read_back(const char *path)
{
	enum { RING = 0, MALFORMED = 2, DISK_FULL = 3, WRITE_ERROR = 4 };
	struct reel_reader *reader = opened(path);
	struct reel_walk *walk = walked(reader, NULL);
	struct told told = { 0 };
	struct reel_err err = { 0 };
	struct reel_event ev;

	while (reel_walk_next(walk, &ev, &err) > 0) {
		const struct ev_lost *lost = (const void *)ev.fixed;

		told.events += ev.type->id == EV_open || ev.type->id == EV_cgroup;
		if (ev.type->id != EV_lost)
			continue;
		told.ring += lost->cause == RING ? lost->count : 0;
		told.malformed += lost->cause == MALFORMED ? lost->count : 0;
		if (lost->cause == DISK_FULL || lost->cause == WRITE_ERROR) {
			if (lost->lost_class == EV_CLASS_tape)
				told.tape_class += lost->count;
			else
				told.disk += lost->count;
		}
	}
	CHECK_EQ(reel_walk_health(walk)->ending, REEL_COMPLETE);
	reel_walk_close(walk);
	CHECK_EQ(reader->segments[reader->n_segments - 1].end_reason, TAPE_FAILED);
	reel_reader_close(reader);
	return told;
}

static void remove_capture(const char *path)
{
	char command[256];

	snprintf(command, sizeof(command), "rm -rf '%s'", path);
	CHECK_EQ(system(command), 0);
}

static void check_room(unsigned room_bytes, bool in_line, unsigned after)
{
	struct reel_writer_options w = options("full.reel");
	static struct offer o;
	struct reel_writer_stats stats;
	struct told told;

	memset(&o, 0, sizeof(o));
	w.in_line = in_line;
	w.block_bytes = 4 << 10;
	w.latency_ns = 1000;
	begin(&o.t, &w);
	limit_files(room_bytes);
	offer_all(&o, after);
	reel_writer_stats(o.t.w, &stats);
	CHECK_EQ(stats.malformed, o.malformed);
	say_refused(&o);
	limit_files(RLIM_INFINITY);
	CHECK_EQ(reel_writer_close(o.t.w, &o.t.err), o.failed);
	told = read_back(w.directory);
	if (told.events + told.disk != o.taken + o.refused || told.ring != o.ring_lost ||
	    told.malformed != o.malformed || told.tape_class)
		T_FAIL("%u bytes, %s, %u after it: %llu taken, %llu refused; %llu on tape, %llu "
		       "told as lost; %llu of %llu lost before, %llu of %llu malformed, %llu of "
		       "the tape's own",
		       room_bytes, in_line ? "in line" : "threaded", after,
		       (unsigned long long)o.taken, (unsigned long long)o.refused,
		       (unsigned long long)told.events, (unsigned long long)told.disk,
		       (unsigned long long)told.ring, (unsigned long long)o.ring_lost,
		       (unsigned long long)told.malformed, (unsigned long long)o.malformed,
		       (unsigned long long)told.tape_class);
	CHECK_EQ(damages(w.directory), 0);
	remove_capture(w.directory);
}

TEST(what_is_offered_is_on_tape_or_told_as_lost)
{
	signal(SIGXFSZ, SIG_IGN);
	for (unsigned room = ROOM_FIRST; room < ROOM_LAST; room += ROOM_STEP)
		check_room(room, true, 1 + room % 300);
}

TEST(and_so_it_is_with_a_thread)
{
	signal(SIGXFSZ, SIG_IGN);
	for (unsigned room = ROOM_FIRST; room < ROOM_LAST; room += ROOM_STEP)
		check_room(room, false, 1 + room % 300);
}

/* A segment that cannot be retired, since a directory has its name: the disk has room, but no more
 * is written, and what is refused from then on is told all the same. */
TEST(what_fails_beside_the_tape_is_an_end_too)
{
	struct reel_writer_options w = options("gone.reel");
	static struct offer o;
	struct told told;
	uint64_t gone;
	const char *oldest = "gone.reel/host-000001-20231114T221320Z.rls";

	w.block_bytes = 4 << 10;
	w.segment_bytes = 16 << 10;
	w.keep_bytes = 64 << 10;
	begin(&o.t, &w);
	while (reel_writer_segment_number(o.t.w) < 2) {
		offer_event(&o, EV_open);
		CHECK_EQ(reel_writer_tick(o.t.w, o.t.ts, &o.t.err), 0);
	}
	gone = o.taken;
	CHECK_EQ(unlink(oldest), 0);
	CHECK_EQ(mkdir(oldest, 0700), 0);
	offer_all(&o, 200);
	CHECK(o.refused > 0);
	CHECK_EQ(rmdir(oldest), 0);
	say_refused(&o);
	CHECK_EQ(reel_writer_close(o.t.w, &o.t.err), o.failed);
	told = read_back(w.directory);
	CHECK(told.disk >= o.refused && gone > 0);
	CHECK_EQ(told.malformed, o.malformed);
	CHECK_EQ(told.ring, o.ring_lost);
	CHECK_EQ(gone + told.events + told.disk, o.taken + o.refused);
	remove_capture(w.directory);
}
