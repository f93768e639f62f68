/* SPDX-License-Identifier: BSD-2-Clause */
#include "format/timetext.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "format/err.h"
#include "harness.h"

#define S 1000000000ULL

static const char *format_in(struct reel_tz tz, uint64_t ns)
{
	static char text[REEL_TIME_TEXT];
	struct reel_timefmt f;

	reel_timefmt_init(&f, tz);
	CHECK_EQ(reel_time_format(&f, ns, text), strlen(text));
	return text;
}

static struct reel_tz zone(const char *text)
{
	struct reel_tz tz = { .kind = REEL_TZ_UTC };

	CHECK_EQ(reel_tz_parse(text, &tz, NULL), 0);
	return tz;
}

static uint64_t parse_ns(const char *text, enum reel_when_kind kind)
{
	struct reel_when when = { .ns = 0xdead };
	struct reel_err err = { 0 };

	if (reel_time_parse(text, 42, &when, &err) < 0)
		T_FAIL("'%s': %s", text, err.msg);
	CHECK_EQ(when.kind, kind);
	return when.ns;
}

/* The message has to name what is wrong, and the result must not be touched. */
static void check_bad(const char *text, int code, const char *part)
{
	struct reel_when when = { .kind = REEL_WHEN_BOOTTIME, .ns = 0xdead };
	struct reel_err err = { 0 };

	if (reel_time_parse(text, 42, &when, &err) != code || err.code != code ||
	    !strstr(err.msg, part))
		T_FAIL("'%s' gave %d '%s', not '%s'", text, err.code, err.msg, part);
	CHECK_EQ(when.ns, 0xdead);
	CHECK_EQ(when.kind, REEL_WHEN_BOOTTIME);
}

TEST(utc_has_nine_digits_and_z)
{
	struct reel_tz utc = zone("UTC");

	CHECK_STR(format_in(utc, 0), "1970-01-01T00:00:00.000000000Z");
	CHECK_STR(format_in(utc, 951782400 * S + 1), "2000-02-29T00:00:00.000000001Z");
	CHECK_STR(format_in(utc, 1795248000 * S + 123456789), "2026-11-21T08:00:00.123456789Z");
	CHECK_STR(format_in(utc, 4107542399 * S + 999999999), "2100-02-28T23:59:59.999999999Z");
	CHECK_STR(format_in(utc, 4107542400 * S), "2100-03-01T00:00:00.000000000Z");
	CHECK_STR(format_in(utc, INT64_MAX), "2262-04-11T23:47:16.854775807Z");
	CHECK_STR(format_in(utc, UINT64_MAX), "2554-07-21T23:34:33.709551615Z");
}

TEST(other_zones_name_the_same_moment)
{
	uint64_t t = 1795248000 * S;

	CHECK_STR(format_in(zone("+02:00"), t), "2026-11-21T10:00:00.000000000+02:00");
	CHECK_STR(format_in(zone("-0930"), t), "2026-11-20T22:30:00.000000000-09:30");
	CHECK_STR(format_in(zone("+14"), t), "2026-11-21T22:00:00.000000000+14:00");
	CHECK_STR(format_in(zone("+00:00"), t), "2026-11-21T08:00:00.000000000+00:00");
	CHECK_STR(format_in(zone("-01:00"), 0), "1969-12-31T23:00:00.000000000-01:00");
	CHECK_STR(format_in(zone("z"), t), "2026-11-21T08:00:00.000000000Z");

	setenv("TZ", "XYZ-05:45", 1);
	CHECK_STR(format_in(zone("local"), t), "2026-11-21T13:45:00.000000000+05:45");
	setenv("TZ", "LMT0:44:30", 1);
	CHECK_STR(format_in(zone("local"), t), "2026-11-21T07:16:00.000000000-00:44");
	setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
	CHECK_STR(format_in(zone("local"), t), "2026-11-21T09:00:00.000000000+01:00");
	CHECK_STR(format_in(zone("local"), t - 150 * 86400 * S),
		  "2026-06-24T10:00:00.000000000+02:00");
	unsetenv("TZ");
}

TEST(zones_that_are_none_are_refused)
{
	static const char *const bad[] = { "",	     "Europe/Berlin", "+",     "+2",
					   "+24:00", "+02:60",	      "02:00", "+02:00x",
					   "+02:",   "+020",	      "UTC+1" };
	struct reel_err err;
	struct reel_tz tz;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CHECK_EQ(reel_tz_parse(bad[i], &tz, &err), -EINVAL);
		CHECK(strstr(err.msg, "not a time zone"));
	}
}

TEST(the_cache_never_shows_another_second)
{
	static const int64_t steps[] = { 0, 1, 999999999, 1, -1, 60000000000, -3600000000000, 5 };
	struct reel_timefmt f;
	char text[REEL_TIME_TEXT];
	uint64_t t = 0;

	reel_timefmt_init(&f, zone("+05:30"));
	for (size_t i = 0; i < 40; i++) {
		t = (i == 8 ? 1795248000 * S : t) + (uint64_t)steps[i % 8];
		if ((int64_t)t < 0)
			t = 0;
		reel_time_format(&f, t, text);
		CHECK_STR(text, format_in(zone("+05:30"), t));
	}
}

/* Every day from 1970 to 2262, against the C library and back through the parser. */
TEST(every_day_agrees_with_libc)
{
	struct reel_timefmt f;
	char text[REEL_TIME_TEXT], want[REEL_TIME_TEXT];

	reel_timefmt_init(&f, zone("UTC"));
	for (uint64_t day = 0; day <= 106751; day++) {
		uint64_t second = day * 86400 + day * 7919 % 84000;
		time_t t = (time_t)second;
		struct tm tm;

		gmtime_r(&t, &tm);
		strftime(want, sizeof(want), "%Y-%m-%dT%H:%M:%S.000000000Z", &tm);
		reel_time_format(&f, second * S, text);
		if (strcmp(text, want) != 0 || parse_ns(text, REEL_WHEN_REALTIME) != second * S) {
			T_FAIL("%s is not %s", text, want);
			break;
		}
	}
}

TEST(iso_times_are_read)
{
	uint64_t t = 1795248000 * S;

	CHECK_EQ(parse_ns("2026-11-21T08:00:00Z", REEL_WHEN_REALTIME), t);
	CHECK_EQ(parse_ns("2026-11-21t08:00:00z", REEL_WHEN_REALTIME), t);
	CHECK_EQ(parse_ns("2026-11-21 08:00Z", REEL_WHEN_REALTIME), t);
	CHECK_EQ(parse_ns("2026-11-21T08:00Z", REEL_WHEN_REALTIME), t);
	CHECK_EQ(parse_ns("2026-11-21T09:00:00+01:00", REEL_WHEN_REALTIME), t);
	CHECK_EQ(parse_ns("2026-11-21T02:30-0530", REEL_WHEN_REALTIME), t);
	CHECK_EQ(parse_ns("2026-11-20T22:00-10", REEL_WHEN_REALTIME), t);
	CHECK_EQ(parse_ns("2026-11-21T08:00:00.5Z", REEL_WHEN_REALTIME), t + S / 2);
	CHECK_EQ(parse_ns("2026-11-21T08:00:00,000000001Z", REEL_WHEN_REALTIME), t + 1);
	CHECK_EQ(parse_ns("2024-02-29T00:00Z", REEL_WHEN_REALTIME), 1709164800 * S);
	CHECK_EQ(parse_ns("2000-02-29T00:00Z", REEL_WHEN_REALTIME), 951782400 * S);
	CHECK_EQ(parse_ns("1970-01-01T00:00Z", REEL_WHEN_REALTIME), 0);
	CHECK_EQ(parse_ns("1970-01-01T01:00+01:00", REEL_WHEN_REALTIME), 0);
	CHECK_EQ(parse_ns("2262-04-11T23:47:16.854775807Z", REEL_WHEN_REALTIME), INT64_MAX);
	CHECK_EQ(parse_ns("now", REEL_WHEN_REALTIME), 42);
}

TEST(what_is_wrong_with_a_time_is_said)
{
	check_bad("", -EINVAL, "missing");
	check_bad("yesterday", -EINVAL, "not a time");
	check_bad("21.11.2026", -EINVAL, "not a time");
	check_bad("2026-11-21", -EINVAL, "a zone are needed");
	check_bad("2026-11-21T08:00:00", -EINVAL, "no zone");
	check_bad("2026-11-21T08:00", -EINVAL, "no zone");
	check_bad("2026-11-21T08:00:00 CET", -EINVAL, "is not a zone");
	check_bad("2026-11-21T08:00:00+1", -EINVAL, "is not a zone");
	check_bad("2026-11-21T08:00:00+01:75", -EINVAL, "is not a zone");
	check_bad("2026-11-21T08:00:00Zulu", -EINVAL, "follows the zone");
	check_bad("2026-11-21T08:00:00+01:00Z", -EINVAL, "follows the zone");
	check_bad("2026-11-21x08:00Z", -EINVAL, "T and a time of day");
	check_bad("2026-11-21T8:00Z", -EINVAL, "HH:MM");
	check_bad("2026-11-21TZ", -EINVAL, "HH:MM");
	check_bad("2026-11-21T08:00:0Z", -EINVAL, "two digits");
	check_bad("2026-11-21T24:00:00Z", -EINVAL, "no time of day 24:00");
	check_bad("2026-11-21T23:60:00Z", -EINVAL, "no time of day 23:60");
	check_bad("2016-12-31T23:59:60Z", -EINVAL, "leap second");
	check_bad("2026-11-21T08:00:61Z", -EINVAL, "no second 61");
	check_bad("2026-11-21T08:00:00.Z", -EINVAL, "digits are missing");
	check_bad("2026-11-21T08:00:00.0000000001Z", -EINVAL, "more than nine");
	check_bad("2026-00-21T08:00Z", -EINVAL, "no month 00");
	check_bad("2026-13-21T08:00Z", -EINVAL, "no month 13");
	check_bad("2026-11-00T08:00Z", -EINVAL, "no day 00");
	check_bad("2026-11-31T08:00Z", -EINVAL, "no day 31");
	check_bad("2026-02-29T08:00Z", -EINVAL, "no day 29");
	check_bad("2100-02-29T08:00Z", -EINVAL, "no day 29");
	check_bad("1969-12-31T23:59Z", -ERANGE, "1970");
	check_bad("1970-01-01T00:00+01:00", -ERANGE, "before 1970");
	check_bad("2262-04-11T23:47:16.854775808Z", -ERANGE, "2262");
	check_bad("2262-12-31T00:00Z", -ERANGE, "2262");
	check_bad("9999-01-01T00:00Z", -ERANGE, "year");
	check_bad("@", -EINVAL, "must follow @");
	check_bad("@-1", -EINVAL, "must follow @");
	check_bad("@12x", -EINVAL, "'x' follows");
	check_bad("@18446744073709551616", -ERANGE, "64 bits");
	check_bad("-", -EINVAL, "'");
	check_bad("-15", -EINVAL, "unit");
	check_bad("-15q", -EINVAL, "unit");
	check_bad("-1.5h", -EINVAL, "'");
	check_bad("--5m", -EINVAL, "'");
	check_bad("-99999999999d", -ERANGE, "'");
}

TEST(times_before_the_end_and_timestamps)
{
	CHECK_EQ(parse_ns("-15m", REEL_WHEN_RELATIVE), 900 * S);
	CHECK_EQ(parse_ns("-2h30m", REEL_WHEN_RELATIVE), 9000 * S);
	CHECK_EQ(parse_ns("-7d", REEL_WHEN_RELATIVE), 7 * 86400 * S);
	CHECK_EQ(parse_ns("-0s", REEL_WHEN_RELATIVE), 0);
	CHECK_EQ(parse_ns("-250ms", REEL_WHEN_RELATIVE), S / 4);
	CHECK_EQ(parse_ns("@0", REEL_WHEN_BOOTTIME), 0);
	CHECK(parse_ns("@18446744073709551615", REEL_WHEN_BOOTTIME) == UINT64_MAX);
}

static void check_duration(uint64_t ns, const char *want)
{
	char text[REEL_DURATION_TEXT];

	CHECK_EQ(reel_duration_format(ns, text), strlen(want));
	CHECK_STR(text, want);
}

TEST(durations_are_short_and_never_rounded_up)
{
	check_duration(0, "0s");
	check_duration(1, "1ns");
	check_duration(999, "999ns");
	check_duration(1000, "1us");
	check_duration(1500, "1.5us");
	check_duration(99999, "99.9us");
	check_duration(100999, "100us");
	check_duration(450000000, "450ms");
	check_duration(999999999, "999ms");
	check_duration(S, "1s");
	check_duration(3200000000, "3.2s");
	check_duration(60 * S - 1, "59.9s");
	check_duration(60 * S, "1m00s");
	check_duration(125 * S, "2m05s");
	check_duration(3600 * S - 1, "59m59s");
	check_duration(3720 * S, "1h02m");
	check_duration(86400 * S - 1, "23h59m");
	check_duration((3 * 86400 + 4 * 3600) * S, "3d04h");
	check_duration(UINT64_MAX, "213503d23h");
}

static void check_size(uint64_t size, const char *want)
{
	char text[REEL_SIZE_TEXT];

	CHECK_EQ(reel_size_format(size, text), strlen(want));
	CHECK_STR(text, want);
}

TEST(sizes_are_short_and_never_rounded_up)
{
	check_size(0, "0 B");
	check_size(1023, "1023 B");
	check_size(1024, "1.0 KiB");
	check_size(1536, "1.5 KiB");
	check_size((1 << 20) - 1, "1023.9 KiB");
	check_size(12897485, "12.3 MiB");
	check_size(1ULL << 30, "1.0 GiB");
	check_size(UINT64_MAX, "15.9 EiB");
}
