/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Points in time, durations and sizes as text, and back. Nothing here allocates or keeps state of
 * its own; a reel_timefmt belongs to one thread.
 */
#ifndef REEL_FORMAT_TIMETEXT_H
#define REEL_FORMAT_TIMETEXT_H

#include <stddef.h>
#include <stdint.h>

struct reel_err;

enum {
	REEL_TIME_TEXT = 36, /* 2026-11-21T08:00:00.123456789+01:00 and a NUL */
	REEL_DURATION_TEXT = 24,
	REEL_SIZE_TEXT = 16,
};

enum reel_tz_kind { REEL_TZ_UTC, REEL_TZ_FIXED, REEL_TZ_LOCAL };

struct reel_tz {
	enum reel_tz_kind kind;
	int offset_s; /* REEL_TZ_FIXED: east of Greenwich, whole minutes */
};

/* "UTC", "Z", "local", "+02:00". "local" is what the C library makes of the machine's settings and
 * TZ, read once: a call before threads start. -EINVAL for anything else. */
int reel_tz_parse(const char *text, struct reel_tz *ret_tz, struct reel_err *err);

/* A zone, and the second that was written last, which in a capture mostly is the next one too. */
struct reel_timefmt {
	struct reel_tz tz;
	uint64_t second;
	size_t len; /* 0: nothing kept yet */
	char text[REEL_TIME_TEXT];
};

void reel_timefmt_init(struct reel_timefmt *f, struct reel_tz tz);

/* ISO 8601 with nine digits and a zone, Z for UTC. Returns the length without the NUL. */
size_t reel_time_format(struct reel_timefmt *f, uint64_t realtime_ns,
			char ret_text[REEL_TIME_TEXT]);

enum reel_when_kind {
	REEL_WHEN_REALTIME, /* ns since 1970 */
	REEL_WHEN_RELATIVE, /* ns before the end of the capture */
	REEL_WHEN_BOOTTIME, /* CLOCK_BOOTTIME, the ts of an event */
};

struct reel_when {
	enum reel_when_kind kind;
	uint64_t ns;
};

/*
 * "2026-11-21T08:00:00Z", with +01:00 for Z, with a fraction, without seconds; "-2h30m" before the
 * end of the capture; "@123" for a ts; "now". Returns -EINVAL for what is none of them, -ERANGE for
 * what does not fit: 1970 to 2262.
 */
int reel_time_parse(const char *text, uint64_t now_realtime_ns, struct reel_when *ret_when,
		    struct reel_err *err);

/* 3d04h, 1h02m, 2m05s, 3.2s, 450ms; cut, not rounded. Returns the length. */
size_t reel_duration_format(uint64_t ns, char ret_text[REEL_DURATION_TEXT]);

/* 12.3 MiB; cut, not rounded. Returns the length. */
size_t reel_size_format(uint64_t size_bytes, char ret_text[REEL_SIZE_TEXT]);

#endif
