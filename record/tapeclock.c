/* SPDX-License-Identifier: BSD-2-Clause */
#include "record/tapeclock.h"

#include <errno.h>
#include <sys/timerfd.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include "record/now.h"

static int64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	(void)clock_gettime(clock, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

int tapeclock_put(struct reel_record *record, enum clock_reason reason,
		  const struct record_sink *sink, struct reel_err *err)
{
	struct ev_clock *e = reel_record_begin(record, reel_type_by_id(EV_clock));
	struct timex x = { 0 };
	uint64_t before, after;

	/* Both readings as close together as they can be had: the shortest of a few. */
	for (int i = 0; i < 5; i++) {
		uint64_t from = now_boottime_ns();
		int64_t realtime = clock_ns(CLOCK_REALTIME);
		int64_t monotonic = clock_ns(CLOCK_MONOTONIC);
		uint64_t to = now_boottime_ns();

		if (i && to - from >= after - before)
			continue;
		before = from;
		after = to;
		record->header.ts = from + (to - from) / 2;
		e->realtime = realtime;
		e->monotonic = (uint64_t)monotonic;
	}
	e->reason = (uint8_t)reason;
	if (adjtimex(&x) >= 0) {
		e->tai_offset = x.tai;
		e->max_error = (uint64_t)x.maxerror * 1000;
		e->ntp_status = (uint32_t)x.status;
		e->synchronized = !(x.status & STA_UNSYNC);
	}
	return record_put(sink, record, err);
}

int tapeclock_watch(void)
{
	/* Never comes; but the timer is cancelled when the clock is set. */
	struct itimerspec never = { .it_value.tv_sec = 1ll << 40 };
	int fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);

	if (fd < 0)
		return -errno;
	if (timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL) < 0) {
		int r = -errno;

		close(fd);
		return r;
	}
	return fd;
}

bool tapeclock_stepped(int fd)
{
	struct itimerspec never = { .it_value.tv_sec = 1ll << 40 };
	uint64_t times;
	bool stepped = read(fd, &times, sizeof(times)) < 0 && errno == ECANCELED;

	if (stepped)
		(void)timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never,
				      NULL);
	return stepped;
}
