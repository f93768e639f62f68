/* SPDX-License-Identifier: BSD-2-Clause */
/* Values of a tale: numbers, names, addresses, strings, lists. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/names.h"
#include "tests/bench/lib_tale.h"

int tale_error(const struct tale *t, const char *at, struct reel_err *err, const char *fmt, ...)
{
	char text[300];
	va_list list;

	va_start(list, fmt);
	vsnprintf(text, sizeof(text), fmt, list);
	va_end(list);
	return reel_err_set(err, -EINVAL, "%u:%u: %s", t->line->number,
			    t->line->column + (unsigned)(at - t->line->text), text);
}

/* Seconds behind TALE_BASE with at most nine digits of a fraction; @N is a time as it is. */
int tale_read_seconds(const char **p, const char *end, uint64_t *ret_ts)
{
	uint64_t seconds = 0, fraction = 0, unit = TALE_SECOND;
	const char *c = *p;
	bool is_negative = false, is_exact = c < end && *c == '@';
	unsigned digits = 0;

	if (c < end && (*c == '-' || *c == '@'))
		is_negative = *c++ == '-';
	for (; c < end && *c >= '0' && *c <= '9'; c++, digits++)
		seconds = seconds * 10 + (uint64_t)(*c - '0');
	if (c < end && *c == '.' && digits && !is_exact)
		for (c++; c < end && *c >= '0' && *c <= '9' && unit > 1; c++) {
			unit /= 10;
			fraction += (uint64_t)(*c - '0') * unit;
		}
	if (!digits || (!is_exact && seconds > UINT64_MAX / TALE_SECOND / 4))
		return -EINVAL;
	*p = c;
	if (is_exact) {
		*ret_ts = seconds;
		return 0;
	}
	seconds = seconds * TALE_SECOND + fraction;
	if (is_negative && seconds > TALE_BASE)
		return -EINVAL;
	*ret_ts = is_negative ? TALE_BASE - seconds : TALE_BASE + seconds;
	return 0;
}

static int keep_byte(struct tale *t, uint8_t byte)
{
	/* A line's strings are never longer than the line, and NULs behind arguments. */
	if (t->text_used == t->text_room)
		return -ENOSPC;
	t->text[t->text_used++] = byte;
	return 0;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static int read_quoted(struct tale *t, struct reel_err *err)
{
	const char *begin = t->p++;

	while (t->p < t->end && *t->p != '"') {
		char c = *t->p++;

		if (c == '\\' && t->p < t->end) {
			c = *t->p++;
			if (c == 'n') {
				c = '\n';
			} else if (c == 't') {
				c = '\t';
			} else if (c == 'x') {
				if (t->end - t->p < 2 || hex_digit(t->p[0]) < 0 ||
				    hex_digit(t->p[1]) < 0)
					return tale_error(t, t->p, err, "two hex digits expected");
				c = (char)(hex_digit(t->p[0]) << 4 | hex_digit(t->p[1]));
				t->p += 2;
			} else if (c != '\\' && c != '"') {
				return tale_error(t, t->p - 1, err, "no such escape: \\%c", c);
			}
		}
		if (keep_byte(t, (uint8_t)c) < 0)
			return tale_error(t, begin, err, "too long");
	}
	if (t->p == t->end)
		return tale_error(t, begin, err, "the string has no end");
	t->p++;
	return 0;
}

/* Where a bare word ends: at a blank, in a list also at a comma or its end. */
static const char *word_end(const struct tale *t, bool in_list)
{
	const char *c = t->p;

	while (c < t->end && !tale_is_blank(*c) && !(in_list && (*c == ',' || *c == ')')))
		c++;
	return c;
}

/* A mark ~N or ~? at the end of a bare word; NULL: none. */
static const char *cut_mark(const char *begin, const char *end)
{
	const char *c = end;

	if (c > begin && c[-1] == '?')
		c--;
	else
		while (c > begin && c[-1] >= '0' && c[-1] <= '9')
			c--;
	return c < end && c > begin && c[-1] == '~' ? c - 1 : NULL;
}

static int read_text(struct tale *t, bool in_list, struct reel_err *err)
{
	const char *end, *mark;

	if (t->p < t->end && *t->p == '"')
		return read_quoted(t, err);
	end = word_end(t, in_list);
	mark = in_list ? NULL : cut_mark(t->p, end);
	if (mark)
		end = mark;
	while (t->p < end)
		if (keep_byte(t, (uint8_t)*t->p++) < 0)
			return tale_error(t, t->p, err, "too long");
	return 0;
}

static int read_list(struct tale *t, struct reel_err *err)
{
	const char *begin = t->p++;
	int r;

	if (t->p < t->end && *t->p == ')') {
		t->p++;
		return 0;
	}
	for (;;) {
		r = read_text(t, true, err);
		if (r < 0)
			return r;
		if (keep_byte(t, 0) < 0 || t->p == t->end)
			return tale_error(t, begin, err, "the list has no end");
		if (*t->p == ')')
			break;
		if (*t->p != ',')
			return tale_error(t, t->p, err, "a comma or ) expected");
		t->p++;
	}
	t->p++;
	return 0;
}

static int read_hex_bytes(struct tale *t, struct reel_err *err)
{
	const char *end = word_end(t, false);

	for (; t->p < end && *t->p != '~'; t->p += 2) {
		if (end - t->p < 2 || hex_digit(t->p[0]) < 0 || hex_digit(t->p[1]) < 0)
			return tale_error(t, t->p, err, "hex digits expected");
		keep_byte(t, (uint8_t)(hex_digit(t->p[0]) << 4 | hex_digit(t->p[1])));
	}
	return 0;
}

static int read_numbers(struct tale *t, struct reel_err *err)
{
	do {
		char *end;
		unsigned long value;

		t->p++;
		if (t->p < t->end && *t->p == ')' && t->p[-1] == '(')
			break;
		value = strtoul(t->p, &end, 0);
		if (end == t->p || end >= t->end || (*end != ',' && *end != ')'))
			return tale_error(t, t->p, err, "a list of numbers expected");
		t->p = end;
		for (unsigned i = 0; i < 4; i++)
			if (keep_byte(t, (uint8_t)(value >> 8 * i)) < 0)
				return tale_error(t, t->p, err, "too long");
	} while (*t->p == ',');
	t->p++;
	return 0;
}

static int read_string(struct tale *t, const struct reel_field *f, struct tale_value *ret,
		       struct reel_err *err)
{
	size_t begin = t->text_used;
	bool is_list = t->p < t->end && *t->p == '(';
	int r;

	if (is_list && strcmp(f->hint, "u32") == 0)
		r = read_numbers(t, err);
	else if (is_list && (f->kind & REEL_KIND_MASK) == REEL_ARGS)
		r = read_list(t, err);
	else if ((f->kind & REEL_KIND_MASK) == REEL_BYTES && strcmp(f->hint, "hex") == 0)
		r = read_hex_bytes(t, err);
	else
		r = read_text(t, false, err);
	if (r < 0)
		return r;
	ret->bytes = t->text + begin;
	ret->length = ret->true_length = (uint32_t)(t->text_used - begin);
	if (t->p < t->end && *t->p == '~') {
		char *end;

		if (t->p + 1 == t->end || ((t->p[1] < '0' || t->p[1] > '9') && t->p[1] != '?'))
			return tale_error(t, t->p, err, "a length, or ?, expected");
		ret->true_length = (uint32_t)strtoul(t->p + 1, &end, 10);
		if (t->p[1] == '?') {
			ret->true_length = EV_UNKNOWN_LENGTH;
			end++;
		}
		/* Of arguments that are cut the last one is: it lacks its NUL. */
		if (is_list && (f->kind & REEL_KIND_MASK) == REEL_ARGS && ret->length)
			ret->length--;
		t->p = end;
	}
	return 0;
}

static int read_name(struct tale *t, const char *hint, const char *end, uint64_t *ret)
{
	uint64_t value = 0, one;

	if (strchr(hint, '|'))
		return reel_name_lookup(hint, t->p, (size_t)(end - t->p), ret);
	for (const char *c = t->p; c <= end; c++) {
		const char *bar = memchr(c, '|', (size_t)(end - c));
		const char *stop = bar ? bar : end;

		if (reel_name_lookup(hint, c, (size_t)(stop - c), &one) < 0) {
			char *after;

			one = strtoull(c, &after, 0);
			if (after != stop || after == c)
				return -ENOENT;
		}
		value |= one;
		c = stop;
	}
	*ret = value;
	return 0;
}

static int read_number(struct tale *t, const char *hint, uint64_t *ret, struct reel_err *err)
{
	const char *end = word_end(t, false), *begin = t->p;
	char text[32], *after = text;

	/* A label with blanks. */
	if (t->p < t->end && *t->p == '"') {
		end = memchr(t->p + 1, '"', (size_t)(t->end - t->p - 1));
		if (!end || reel_name_lookup(hint, t->p + 1, (size_t)(end - t->p - 1), ret) < 0)
			return tale_error(t, begin, err, "no name known here");
		t->p = end + 1;
		return 0;
	}
	if (strcmp(hint, "boottime") == 0) {
		if (tale_read_seconds(&t->p, t->end, ret) < 0)
			return tale_error(t, begin, err, "seconds expected");
		return 0;
	}
	if (end - t->p > 1 && *t->p == '-' && t->p[1] == 'E') {
		if (reel_name_lookup("errno", t->p + 1, (size_t)(end - t->p - 1), ret) < 0)
			return tale_error(t, begin, err, "no such error");
		*ret = -*ret;
	} else if (end - t->p == 4 && memcmp(t->p, "true", 4) == 0 && strcmp(hint, "bool") == 0) {
		*ret = 1;
	} else if (end - t->p == 5 && memcmp(t->p, "false", 5) == 0 && strcmp(hint, "bool") == 0) {
		*ret = 0;
	} else {
		if (end - t->p < (int)sizeof(text)) {
			memcpy(text, t->p, (size_t)(end - t->p));
			text[end - t->p] = 0;
			*ret = *text == '-' ? (uint64_t)strtoll(text, &after, 0) :
					      strtoull(text, &after, 0);
		}
		if ((after == text || *after) && read_name(t, hint, end, ret) < 0)
			return tale_error(t, begin, err, "neither a number nor a name known here");
	}
	t->p = end;
	return 0;
}

static int read_addr(struct tale *t, struct tale_value *ret, struct reel_err *err)
{
	const char *end = word_end(t, false);
	char text[INET6_ADDRSTRLEN] = "";

	if (end - t->p < (int)sizeof(text))
		memcpy(text, t->p, (size_t)(end - t->p));
	if (inet_pton(AF_INET, text, ret->addr + 12) == 1) {
		memset(ret->addr, 0, 10);
		memset(ret->addr + 10, 0xff, 2);
	} else if (inet_pton(AF_INET6, text, ret->addr) != 1) {
		return tale_error(t, t->p, err, "an address expected");
	}
	t->p = end;
	return 0;
}

int tale_read_value(struct tale *t, const struct reel_field *f, struct tale_value *ret,
		    struct reel_err *err)
{
	ret->given = true;
	if (reel_field_is_string(f))
		return read_string(t, f, ret, err);
	if ((f->kind & REEL_KIND_MASK) == REEL_ADDR)
		return read_addr(t, ret, err);
	return read_number(t, f->hint, &ret->number, err);
}
