/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Globs: * any bytes, ? one, [a-z] [!a-z] one of a set. A ] right behind the [ or the ! is a
 * member; a [ that is never closed is itself. There is no escape: [*] is a star.
 */
#include <string.h>

#include "replay/match_test.h"

/* Where the set that begins at AT (a '[') ends, behind its ']'; NULL: it does not. */
static const uint8_t *set_end(const uint8_t *at, const uint8_t *end)
{
	at++;
	if (at < end && *at == '!')
		at++;
	if (at < end && *at == ']')
		at++;
	at = memchr(at, ']', (size_t)(end - at));
	return at ? at + 1 : NULL;
}

static bool set_has(const uint8_t *at, const uint8_t *set_behind, uint8_t byte)
{
	const uint8_t *end = set_behind - 1;

	at++;
	if (*at == '!')
		at++;
	while (at < end) {
		uint8_t from = at[0], to = from;

		if (end - at >= 3 && at[1] == '-') {
			to = at[2];
			at += 2;
		}
		at++;
		if (byte >= from && byte <= to)
			return true;
	}
	return false;
}

static bool set_fits(const uint8_t *at, const uint8_t *set_behind, uint8_t byte, bool nocase)
{
	bool is_in = set_has(at, set_behind, byte);
	uint8_t low = match_fold(byte);

	if (nocase && low >= 'a' && low <= 'z')
		is_in = set_has(at, set_behind, low) || set_has(at, set_behind, low ^ 0x20);
	return is_in != (at[1] == '!');
}

/* What stands for one byte at AT: the place behind it if BYTE fits, else NULL. */
static const uint8_t *fits_one(const uint8_t *at, const uint8_t *end, uint8_t byte, bool nocase)
{
	const uint8_t *behind;

	if (*at == '?')
		return at + 1;
	if (*at == '[') {
		behind = set_end(at, end);
		if (behind)
			return set_fits(at, behind, byte, nocase) ? behind : NULL;
	}
	if (byte == *at || (nocase && match_fold(byte) == match_fold(*at)))
		return at + 1;
	return NULL;
}

static const uint8_t *skip_one(const uint8_t *at, const uint8_t *end)
{
	const uint8_t *behind = *at == '[' ? set_end(at, end) : NULL;

	return behind ? behind : at + 1;
}

/* The least number of bytes that fit; *ret_open: more do, too. */
static size_t shortest(const uint8_t *at, const uint8_t *end, bool *ret_open)
{
	size_t n = 0;

	*ret_open = false;
	while (at < end) {
		if (*at == '*') {
			*ret_open = true;
			at++;
		} else {
			at = skip_one(at, end);
			n++;
		}
	}
	return n;
}

/* Where what is at AT can begin at the earliest. */
static const uint8_t *skip_to(const uint8_t *at, const uint8_t *end, const uint8_t *s,
			      const uint8_t *s_end, bool nocase)
{
	const uint8_t *found;
	uint8_t low;

	if (at == end || s == s_end || *at == '*' || *at == '?' || *at == '[')
		return s;
	if (!nocase || match_fold(*at) < 'a' || match_fold(*at) > 'z') {
		found = memchr(s, *at, (size_t)(s_end - s));
		return found ? found : s_end;
	}
	low = match_fold(*at);
	while (s < s_end && match_fold(*s) != low)
		s++;
	return s;
}

enum fit { FITS, DIFFERS, ENDS_EARLY };

/*
 * Only the last star needs to be tried again: what the others before it took can stay. ENDS_EARLY:
 * all bytes are used up and more could fit.
 */
static enum fit fit(const uint8_t *at, const uint8_t *end, const uint8_t *s, const uint8_t *s_end,
		    bool nocase)
{
	const uint8_t *star = NULL, *star_s = NULL, *next;

	while (s < s_end) {
		if (at < end && *at == '*') {
			star = ++at;
			star_s = s;
			if (at == end)
				return FITS;
			continue;
		}
		next = at < end ? fits_one(at, end, *s, nocase) : NULL;
		if (next) {
			at = next;
			s++;
		} else if (star) {
			at = star;
			s = star_s = skip_to(star, end, star_s + 1, s_end, nocase);
		} else {
			return DIFFERS;
		}
	}
	while (at < end && *at == '*')
		at++;
	return at == end ? FITS : ENDS_EARLY;
}

enum truth match_glob(const struct match_test *t, const struct match_value *v)
{
	const uint8_t *end = t->bytes + t->length;
	enum fit found =
		fit(t->bytes, end, v->bytes, v->bytes + v->length, t->flags & MATCH_NOCASE);
	size_t least;
	bool is_open;

	if (!match_value_is_cut(v))
		return found == FITS ? TRUTH_YES : TRUTH_NO;
	if (found == DIFFERS)
		return TRUTH_NO;
	if (found == FITS && t->length && end[-1] == '*')
		return TRUTH_YES;
	least = shortest(t->bytes, end, &is_open);
	if (!is_open && v->length > least)
		return TRUTH_NO;
	if (v->true_length == EV_UNKNOWN_LENGTH)
		return TRUTH_UNKNOWN;
	return v->true_length < least || (!is_open && v->true_length > least) ? TRUTH_NO :
										TRUTH_UNKNOWN;
}

struct run {
	size_t at, length;
};

size_t match_glob_literal(const uint8_t *glob, size_t length, uint8_t *ret, enum match_op *ret_op)
{
	const uint8_t *at = glob, *end = glob + length;
	struct run best = { 0 }, run = { 0 };
	bool is_plain = true, star_first = false, star_last = false;
	size_t n = 0, n_runs = 0;

	while (at < end) {
		const uint8_t *behind = *at == '[' ? set_end(at, end) : NULL;

		if (*at != '*' && *at != '?' && (!behind || (behind - at == 3 && at[1] != '!'))) {
			n_runs += run.length == 0;
			ret[n++] = behind ? at[1] : *at;
			run.length++;
			star_last = false;
			if (run.length > best.length)
				best = run;
		} else {
			star_first |= *at == '*' && n_runs == 0;
			star_last = *at == '*';
			is_plain &= *at == '*';
			run = (struct run){ n, 0 };
		}
		at = behind ? behind : at + 1;
	}
	*ret_op = MATCH_GLOB;
	if (is_plain && n_runs <= 1) {
		*ret_op = star_first && star_last ? MATCH_CONTAINS :
			  star_first		  ? MATCH_ENDS :
			  star_last		  ? MATCH_STARTS :
						    MATCH_EQUALS;
	}
	memmove(ret, ret + best.at, best.length);
	return best.length;
}
