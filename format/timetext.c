/* SPDX-License-Identifier: BSD-2-Clause */
#include "format/timetext.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "format/err.h"
#include "format/options.h"

#define NS_PER_US 1000ULL
#define NS_PER_MS 1000000ULL
#define NS_PER_S 1000000000ULL
#define S_PER_DAY 86400LL

/*
 * Days since 1970-01-01 of the proleptic Gregorian calendar and back. Years are counted from March,
 * so that the leap day is the last of its year and months have a linear formula.
 */
static int64_t days_of_date(int64_t year, int month, int day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t century4 = (y >= 0 ? y : y - 399) / 400;
	int64_t year_of = y - century4 * 400;
	int64_t day_of = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

	return century4 * 146097 + year_of * 365 + year_of / 4 - year_of / 100 + day_of - 719468;
}

static void date_of_days(int64_t days, int *ret_year, int *ret_month, int *ret_day)
{
	int64_t z = days + 719468;
	int64_t century4 = (z >= 0 ? z : z - 146096) / 146097;
	int64_t day_of_400 = z - century4 * 146097;
	int64_t year_of =
		(day_of_400 - day_of_400 / 1460 + day_of_400 / 36524 - day_of_400 / 146096) / 365;
	int64_t day_of = day_of_400 - (365 * year_of + year_of / 4 - year_of / 100);
	int64_t month_of = (5 * day_of + 2) / 153;

	*ret_day = (int)(day_of - (153 * month_of + 2) / 5 + 1);
	*ret_month = (int)(month_of < 10 ? month_of + 3 : month_of - 9);
	*ret_year = (int)(year_of + century4 * 400 + (*ret_month <= 2));
}

static int days_in_month(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	if (month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0))
		return 29;
	return days[month - 1];
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Exactly N digits, of which the value fits an int. */
static bool take_digits(const char **text, int n, int *ret_value)
{
	int value = 0, i;

	for (i = 0; i < n; i++) {
		if (!is_digit((*text)[i]))
			return false;
		value = value * 10 + ((*text)[i] - '0');
	}
	*text += n;
	*ret_value = value;
	return true;
}

/* "+hh:mm", "+hhmm", "+hh". */
static bool take_offset(const char **text, int *ret_offset_s)
{
	const char *p = *text;
	int sign, hours, minutes = 0;

	if (*p != '+' && *p != '-')
		return false;
	sign = *p++ == '-' ? -1 : 1;
	if (!take_digits(&p, 2, &hours))
		return false;
	if (*p == ':') {
		p++;
		if (!take_digits(&p, 2, &minutes))
			return false;
	} else if (is_digit(*p)) {
		if (!take_digits(&p, 2, &minutes))
			return false;
	}
	if (hours > 23 || minutes > 59)
		return false;
	*ret_offset_s = sign * (hours * 3600 + minutes * 60);
	*text = p;
	return true;
}

int reel_tz_parse(const char *text, struct reel_tz *ret_tz, struct reel_err *err)
{
	const char *p = text;
	int offset_s;

	if (!strcasecmp(text, "utc") || !strcasecmp(text, "z")) {
		*ret_tz = (struct reel_tz){ .kind = REEL_TZ_UTC };
		return 0;
	}
	if (!strcasecmp(text, "local")) {
		tzset();
		*ret_tz = (struct reel_tz){ .kind = REEL_TZ_LOCAL };
		return 0;
	}
	if (take_offset(&p, &offset_s) && *p == '\0') {
		*ret_tz = (struct reel_tz){ .kind = REEL_TZ_FIXED, .offset_s = offset_s };
		return 0;
	}
	return reel_err_set(err, -EINVAL,
			    "'%.64s' is not a time zone: UTC, local, or an offset such as +02:00 "
			    "(for a named zone set TZ and use local)",
			    text);
}

void reel_timefmt_init(struct reel_timefmt *f, struct reel_tz tz)
{
	*f = (struct reel_timefmt){ .tz = tz };
}

static void put_2(char *p, int v)
{
	p[0] = (char)('0' + v / 10 % 10);
	p[1] = (char)('0' + v % 10);
}

static int offset_at(struct reel_tz tz, uint64_t second)
{
	time_t t = (time_t)second;
	struct tm tm;

	if (tz.kind == REEL_TZ_FIXED)
		return tz.offset_s;
	if (tz.kind == REEL_TZ_LOCAL && localtime_r(&t, &tm))
		/* Old local times had seconds in their offset. Text has no place for them, so
		 * they go from both, and the text still names the right moment. */
		return (int)(tm.tm_gmtoff - tm.tm_gmtoff % 60);
	return 0;
}

static void keep_second(struct reel_timefmt *f, uint64_t second)
{
	int offset_s = offset_at(f->tz, second);
	int64_t local = (int64_t)second + offset_s;
	int64_t days = (local >= 0 ? local : local - (S_PER_DAY - 1)) / S_PER_DAY;
	int of_day = (int)(local - days * S_PER_DAY);
	int year, month, day;
	char *p = f->text;

	date_of_days(days, &year, &month, &day);
	put_2(p, year / 100);
	put_2(p + 2, year);
	p[4] = '-';
	put_2(p + 5, month);
	p[7] = '-';
	put_2(p + 8, day);
	p[10] = 'T';
	put_2(p + 11, of_day / 3600);
	p[13] = ':';
	put_2(p + 14, of_day / 60 % 60);
	p[16] = ':';
	put_2(p + 17, of_day % 60);
	p[19] = '.';

	p += 29;
	if (f->tz.kind == REEL_TZ_UTC) {
		*p++ = 'Z';
	} else {
		*p++ = offset_s < 0 ? '-' : '+';
		if (offset_s < 0)
			offset_s = -offset_s;
		put_2(p, offset_s / 3600);
		p[2] = ':';
		put_2(p + 3, offset_s / 60 % 60);
		p += 5;
	}
	*p = '\0';
	f->len = (size_t)(p - f->text);
	f->second = second;
}

size_t reel_time_format(struct reel_timefmt *f, uint64_t realtime_ns, char ret_text[REEL_TIME_TEXT])
{
	uint64_t second = realtime_ns / NS_PER_S;
	uint32_t rest = (uint32_t)(realtime_ns - second * NS_PER_S);
	int i;

	if (second != f->second || f->len == 0)
		keep_second(f, second);
	for (i = 28; i >= 20; i--) {
		f->text[i] = (char)('0' + rest % 10);
		rest /= 10;
	}
	memcpy(ret_text, f->text, REEL_TIME_TEXT);
	return f->len;
}

/* Two units from a minute on, below that one, with a tenth while that says something. */
size_t reel_duration_format(uint64_t ns, char ret_text[REEL_DURATION_TEXT])
{
	static const struct {
		const char *name, *next_name;
		uint64_t ns, next_ns;
	} parts[] = {
		{ "d", "h", 86400 * NS_PER_S, 3600 * NS_PER_S },
		{ "h", "m", 3600 * NS_PER_S, 60 * NS_PER_S },
		{ "m", "s", 60 * NS_PER_S, NS_PER_S },
	};
	static const struct {
		const char *name;
		uint64_t ns;
	} units[] = { { "s", NS_PER_S }, { "ms", NS_PER_MS }, { "us", NS_PER_US }, { "ns", 1 } };
	unsigned int whole, tenth;
	size_t i;

	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (ns >= parts[i].ns)
			return (size_t)snprintf(ret_text, REEL_DURATION_TEXT, "%llu%s%02u%s",
						(unsigned long long)(ns / parts[i].ns),
						parts[i].name,
						(unsigned int)(ns % parts[i].ns / parts[i].next_ns),
						parts[i].next_name);
	}
	if (ns == 0)
		return (size_t)snprintf(ret_text, REEL_DURATION_TEXT, "0s");
	for (i = 0; ns < units[i].ns; i++)
		;
	whole = (unsigned int)(ns / units[i].ns);
	tenth = (unsigned int)(ns % units[i].ns * 10 / units[i].ns);
	if (whole < 100 && tenth > 0)
		return (size_t)snprintf(ret_text, REEL_DURATION_TEXT, "%u.%u%s", whole, tenth,
					units[i].name);
	return (size_t)snprintf(ret_text, REEL_DURATION_TEXT, "%u%s", whole, units[i].name);
}

size_t reel_size_format(uint64_t size_bytes, char ret_text[REEL_SIZE_TEXT])
{
	static const char *const names[] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	unsigned int shift = 10;
	uint64_t rest;

	if (size_bytes < 1024)
		return (size_t)snprintf(ret_text, REEL_SIZE_TEXT, "%u B", (unsigned int)size_bytes);
	while (shift < 60 && size_bytes >> shift >= 1024)
		shift += 10;
	/* ten times what is below an EiB still fits 64 bits */
	rest = size_bytes & (((uint64_t)1 << shift) - 1);
	return (size_t)snprintf(ret_text, REEL_SIZE_TEXT, "%u.%u %s",
				(unsigned int)(size_bytes >> shift),
				(unsigned int)(rest * 10 >> shift), names[shift / 10 - 1]);
}

static int parse_fraction(const char *text, const char **p, uint32_t *ret_ns, struct reel_err *err)
{
	uint32_t ns = 0;
	int digits;

	for (digits = 0; is_digit(**p); digits++, (*p)++) {
		if (digits == 9)
			return reel_err_set(err, -EINVAL,
					    "'%.64s': more than nine digits after the second",
					    text);
		ns = ns * 10 + (uint32_t)(**p - '0');
	}
	if (digits == 0)
		return reel_err_set(err, -EINVAL, "'%.64s': digits are missing after the second",
				    text);
	for (; digits < 9; digits++)
		ns *= 10;
	*ret_ns = ns;
	return 0;
}

static int parse_zone(const char *text, const char **p, int *ret_offset_s, struct reel_err *err)
{
	if (**p == '\0')
		return reel_err_set(err, -EINVAL,
				    "'%.64s' has no zone: add Z for UTC, or an offset such as "
				    "+01:00",
				    text);
	if (**p == 'Z' || **p == 'z') {
		*ret_offset_s = 0;
		(*p)++;
	} else if (!take_offset(p, ret_offset_s)) {
		return reel_err_set(err, -EINVAL,
				    "'%.64s': '%.32s' is not a zone: Z for UTC, or an offset such "
				    "as +01:00",
				    text, *p);
	}
	if (**p != '\0')
		return reel_err_set(err, -EINVAL, "'%.64s': '%.32s' follows the zone", text, *p);
	return 0;
}

static int parse_iso(const char *text, uint64_t *ret_ns, struct reel_err *err)
{
	const char *p = text;
	int year, month, day, hour, minute, second = 0, offset_s, r;
	uint32_t fraction = 0;
	int64_t s;

	if (!take_digits(&p, 4, &year) || *p++ != '-' || !take_digits(&p, 2, &month) ||
	    *p++ != '-' || !take_digits(&p, 2, &day))
		return reel_err_set(err, -EINVAL,
				    "'%.64s' is not a time: 2026-11-21T08:00:00Z, or -15m for "
				    "before the end, or @NS for a timestamp is wanted",
				    text);
	if (year < 1970 || year > 2262)
		return reel_err_set(err, -ERANGE, "'%.64s': the year is not in 1970 to 2262", text);
	if (month < 1 || month > 12)
		return reel_err_set(err, -EINVAL, "'%.64s': there is no month %02d", text, month);
	if (day < 1 || day > days_in_month(year, month))
		return reel_err_set(err, -EINVAL, "'%.64s': there is no day %02d in %04d-%02d",
				    text, day, year, month);
	if (*p == '\0')
		return reel_err_set(err, -EINVAL,
				    "'%.64s' is a date only: a time of day and a zone are needed, "
				    "as in %.10sT08:00Z",
				    text, text);
	if (*p != 'T' && *p != 't' && *p != ' ')
		return reel_err_set(err, -EINVAL, "'%.64s': T and a time of day must follow %.10s",
				    text, text);
	p++;
	if (!take_digits(&p, 2, &hour) || *p++ != ':' || !take_digits(&p, 2, &minute))
		return reel_err_set(err, -EINVAL,
				    "'%.64s': the time of day is not HH:MM or HH:MM:SS", text);
	if (*p == ':') {
		p++;
		if (!take_digits(&p, 2, &second))
			return reel_err_set(err, -EINVAL, "'%.64s': a second has two digits", text);
		if (*p == '.' || *p == ',') {
			p++;
			r = parse_fraction(text, &p, &fraction, err);
			if (r < 0)
				return r;
		}
	}
	if (hour > 23 || minute > 59)
		return reel_err_set(err, -EINVAL, "'%.64s': there is no time of day %02d:%02d",
				    text, hour, minute);
	if (second == 60)
		return reel_err_set(err, -EINVAL,
				    "'%.64s': the clocks of Linux have no leap seconds", text);
	if (second > 59)
		return reel_err_set(err, -EINVAL, "'%.64s': there is no second %02d", text, second);
	r = parse_zone(text, &p, &offset_s, err);
	if (r < 0)
		return r;

	s = days_of_date(year, month, day) * S_PER_DAY + hour * 3600 + minute * 60 + second -
	    offset_s;
	if (s < 0)
		return reel_err_set(err, -ERANGE, "'%.64s' is before 1970", text);
	if ((uint64_t)s > (INT64_MAX - fraction) / NS_PER_S)
		return reel_err_set(err, -ERANGE,
				    "'%.64s' is after 2262-04-11, where nanoseconds end", text);
	*ret_ns = (uint64_t)s * NS_PER_S + fraction;
	return 0;
}

/* "@ns": all of 64 bits. */
static int parse_boottime(const char *text, uint64_t *ret_ns, struct reel_err *err)
{
	const char *p = text + 1;
	uint64_t ns = 0;

	if (!is_digit(*p))
		return reel_err_set(err, -EINVAL, "'%.64s': nanoseconds must follow @", text);
	for (; is_digit(*p); p++) {
		if (__builtin_mul_overflow(ns, 10, &ns) ||
		    __builtin_add_overflow(ns, (uint64_t)(*p - '0'), &ns))
			return reel_err_set(err, -ERANGE, "'%.64s' does not fit 64 bits", text);
	}
	if (*p != '\0')
		return reel_err_set(err, -EINVAL, "'%.64s': '%.32s' follows the nanoseconds", text,
				    p);
	*ret_ns = ns;
	return 0;
}

int reel_time_parse(const char *text, uint64_t now_realtime_ns, struct reel_when *ret_when,
		    struct reel_err *err)
{
	struct reel_when when = { .kind = REEL_WHEN_REALTIME };
	int r = 0;

	if (text[0] == '\0')
		return reel_err_set(err, -EINVAL, "a time is missing");
	if (text[0] == '-') {
		when.kind = REEL_WHEN_RELATIVE;
		r = reel_parse_duration(text + 1, &when.ns, err);
	} else if (text[0] == '@') {
		when.kind = REEL_WHEN_BOOTTIME;
		r = parse_boottime(text, &when.ns, err);
	} else if (!strcmp(text, "now")) {
		when.ns = now_realtime_ns;
	} else {
		r = parse_iso(text, &when.ns, err);
	}
	if (r < 0)
		return r;
	*ret_when = when;
	return 0;
}
