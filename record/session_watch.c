/* SPDX-License-Identifier: BSD-2-Clause */
/* What the session looks at once a second, and what it warns of. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "format/types.h"
#include "record/now.h"
#include "record/session_impl.h"
#include "record/tapeclock.h"

enum {
	RING_MARK_PERCENT = 75,
	DISK_MARK_BYTES = 256 << 20,
	MEMORY_MARK_BYTES = 128 << 20,
};

#define SECOND_NS 1000000000ull
/* So long no round takes, but of a recorder that does not run. */
#define STALL_NS (2 * SECOND_NS)

int session_warn(struct session *s, struct reel_err *err, const char *fmt, ...)
{
	char text[300];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (s->talk->warning)
		s->talk->warning(s->talk->arg, text);
	(void)reel_record_begin(&s->record, reel_type_by_id(EV_warning));
	s->record.header.ts = now_boottime_ns();
	reel_record_string(&s->record, text, strlen(text));
	return session_put_own(s, &s->record, err);
}

static uint64_t disk_left(const struct session *s)
{
	struct statvfs v;

	if (!s->path[0] || statvfs(s->path, &v) < 0)
		return UINT64_MAX;
	return (uint64_t)v.f_bavail * v.f_frsize;
}

static uint64_t memory_taken(const struct session *s)
{
	char text[64];
	ssize_t n = s->memory_fd >= 0 ? pread(s->memory_fd, text, sizeof(text) - 1, 0) : -1;
	unsigned long all, resident, shared;

	if (n <= 0)
		return 0;
	text[n] = 0;
	if (sscanf(text, "%lu %lu %lu", &all, &resident, &shared) != 3)
		return 0;
	/* Rings and files are mapped, not taken. */
	return (uint64_t)(resident - shared) * (uint64_t)sysconf(_SC_PAGESIZE);
}

void session_state_read(struct session *s, uint64_t now_ns)
{
	struct session_state before = s->state, *now = &s->state;
	struct rusage usage;
	double seconds;

	now->since_ns = s->since_ns;
	now->now_ns = now_ns;
	memcpy(now->path, s->path, sizeof(now->path));
	now->sum = sums_of_all(s->sums);
	reel_writer_stats(s->writer, &now->written);
	now->ring_high_percent = 0;
	for (unsigned i = 0; i <= programs_n_cpus(s->programs); i++)
		if (rings_high_percent(s->rings, i) > now->ring_high_percent)
			now->ring_high_percent = rings_high_percent(s->rings, i);
	if (getrusage(RUSAGE_SELF, &usage) == 0) {
		now->cpu_ns =
			((uint64_t)usage.ru_utime.tv_sec + (uint64_t)usage.ru_stime.tv_sec) *
				SECOND_NS +
			((uint64_t)usage.ru_utime.tv_usec + (uint64_t)usage.ru_stime.tv_usec) *
				1000;
	}
	now->memory_bytes = memory_taken(s);
	now->disk_left_bytes = disk_left(s);
	seconds = (double)(now_ns - (before.now_ns ? before.now_ns : s->since_ns)) / 1e9;
	if (seconds > 0) {
		now->events_per_s = (double)(now->sum.kept - before.sum.kept) / seconds;
		now->bytes_per_s =
			(double)(now->written.stored_bytes - before.written.stored_bytes) / seconds;
	}
}

static int warn(struct session *s, struct reel_err *err)
{
	const struct session_state *now = &s->state;
	struct helper_stats helper = { 0 };
	int r = 0;

	if (now->sum.lost > s->warned_lost) {
		/* At the beginning, and each time it is twice as much. */
		if (now->sum.lost >= 2 * s->warned_lost) {
			r = session_warn(s, err,
					 "%llu events lost so far: the rings are too small "
					 "or the disk too slow (--ring)",
					 (unsigned long long)now->sum.lost);
			s->warned_lost = now->sum.lost;
		}
	}
	if (r == 0 && now->ring_high_percent >= RING_MARK_PERCENT &&
	    now->ring_high_percent >= s->warned_ring + 10) {
		s->warned_ring = now->ring_high_percent;
		r = session_warn(s, err, "a ring was %u%% full", now->ring_high_percent);
	}
	if (r == 0 && now->disk_left_bytes < DISK_MARK_BYTES && !s->warned_disk) {
		s->warned_disk = true;
		r = session_warn(s, err, "%llu MiB are left on the disk",
				 (unsigned long long)(now->disk_left_bytes >> 20));
	}
	if (r == 0 && now->memory_bytes > MEMORY_MARK_BYTES && !s->warned_memory) {
		s->warned_memory = true;
		r = session_warn(s, err, "the recorder has taken %llu MiB of memory",
				 (unsigned long long)(now->memory_bytes >> 20));
	}
	if (s->helper && !s->warned_helper && r == 0) {
		helper_stats(s->helper, &helper);
		if (helper.gone) {
			s->warned_helper = true;
			if (s->talk->warning)
				s->talk->warning(s->talk->arg, helper.why);
		}
	}
	return r;
}

/*
 * Whoever follows the tape waits for time to pass on it, also where nothing happens. After the last
 * event it goes on at 1, 2, 4 ... seconds, until it is the minute's turn.
 */
static bool is_quiet(struct session *s, uint64_t now_ns)
{
	if (s->state.sum.kept != s->quiet_kept || !s->quiet_mark_ns) {
		s->quiet_kept = s->state.sum.kept;
		s->quiet_since_ns = now_ns;
		s->quiet_mark_ns = SECOND_NS;
		return false;
	}
	if (now_ns - s->quiet_since_ns < s->quiet_mark_ns || s->quiet_mark_ns >= 60 * SECOND_NS)
		return false;
	s->quiet_mark_ns *= 2;
	return true;
}

/* Somebody stops us, or lets us starve. Sleep of the whole machine is not of this clock. */
static int watch_pace(struct session *s, struct reel_err *err)
{
	uint64_t now_ns = now_monotonic_ns(), ms = (now_ns - s->round_ns) / 1000000;
	bool is_late = s->round_ns && now_ns - s->round_ns >= STALL_NS;

	s->round_ns = now_ns;
	if (!is_late)
		return 0;
	return session_warn(s, err,
			    "the recorder did not run for %llu.%03llu s until now: it was stopped, "
			    "or had no CPU or disk",
			    (unsigned long long)ms / 1000, (unsigned long long)ms % 1000);
}

int session_watch_round(struct session *s, const struct round *round, struct reel_err *err)
{
	int r = watch_pace(s, err);

	if (r < 0 || !round->shifted || s->others_read)
		return r;
	s->others_read = true;
	return session_warn(s, err,
			    "somebody else has read from a ring: what is missing is counted "
			    "as lost at the end");
}

int session_balance(struct session *s, struct reel_err *err)
{
	uint64_t surplus = sums_balance(s->sums, s->others_read);

	return surplus ? session_warn(s, err,
				      "%llu records more came out of the rings than the kernel "
				      "programs have made: somebody else has put them there",
				      (unsigned long long)surplus) :
			 0;
}

static int watch_programs(struct session *s, struct reel_err *err)
{
	char what[200];
	int r = 0;

	while (r == 0 && guard_look(s->guard, s->programs, what, sizeof(what))) {
		r = session_warn(s, err, "%s", what);
		/* What it means for rules is in coverage. */
		if (r == 0)
			r = session_put_coverage(s, err);
	}
	return r;
}

/* On tape the writer itself has said it. */
void session_watch_segment(struct session *s)
{
	const struct reel_writer_stats *written = &s->state.written;

	if (written->replaced != s->warned_replaced && s->talk->warning)
		s->talk->warning(s->talk->arg, reel_segment_state_text(written->replaced_state));
	s->warned_replaced = written->replaced;
}

int session_look(struct session *s, uint64_t now_ns, struct reel_err *err)
{
	int r = 0;

	if (s->clock_fd >= 0 && tapeclock_stepped(s->clock_fd))
		r = tapeclock_put(&s->record, CLOCK_STEPPED, &s->sink, err);
	if (r < 0 || now_ns - s->looked_ns < SECOND_NS)
		return r;
	s->looked_ns = now_ns;
	session_state_read(s, now_ns);
	if (s->talk->state)
		s->talk->state(s->talk->arg, s, &s->state);
	if (s->anchors)
		anchors_look(s->anchors, &s->state.written, now_ns);
	session_watch_segment(s);
	r = warn(s, err);
	if (r == 0)
		r = watch_programs(s, err);
	if (r == 0 && (now_ns - s->minute_ns >= 60 * SECOND_NS || is_quiet(s, now_ns))) {
		s->minute_ns = now_ns;
		r = tapeclock_put(&s->record, CLOCK_EACH_MINUTE, &s->sink, err);
	}
	return r;
}
