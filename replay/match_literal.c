/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which literals a regular expression cannot do without. Only what is surely understood counts: a
 * part that is not (a class, a reference) gives no literal and ends the run of bytes before it, and
 * syntax that changes the meaning of what follows gives up on the whole pattern.
 */
#include <string.h>

#include "replay/match_test.h"

enum {
	DEPTH_MAX = 40,
	LITERAL_MIN = 2, /* shorter ones are everywhere */
	LITERAL_MAX = 256,
};

struct parse {
	const uint8_t *at, *end;
	bool gave_up;
	unsigned depth;
};

/* A set of literals; those of struct match_literals without its size. */
struct set {
	bool is_exact; /* no more than one of these is asked for */
	unsigned n, n_bytes, shortest;
	uint16_t lengths[MATCH_LITERALS_MAX];
	uint8_t bytes[MATCH_LITERALS_BYTES];
};

/* Bytes that follow each other. */
struct run {
	unsigned n;
	uint8_t bytes[LITERAL_MAX];
};

enum { ONCE_AT_LEAST = 1, ONCE_AT_MOST = 2 };

static void set_empty(struct set *s)
{
	s->is_exact = false;
	s->n = 0;
	s->n_bytes = 0;
	s->shortest = 0;
}

static bool set_add(struct set *s, const uint8_t *bytes, unsigned n)
{
	if (n < LITERAL_MIN || s->n == MATCH_LITERALS_MAX || n > MATCH_LITERALS_BYTES - s->n_bytes)
		return false;
	memcpy(s->bytes + s->n_bytes, bytes, n);
	s->lengths[s->n++] = (uint16_t)n;
	s->n_bytes += n;
	if (s->n == 1 || n < s->shortest)
		s->shortest = n;
	return true;
}

/* A long literal is rare; beyond some bytes fewer literals count more. */
static bool is_better(const struct set *a, const struct set *b)
{
	unsigned long_a = a->shortest < 8 ? a->shortest : 8;
	unsigned long_b = b->shortest < 8 ? b->shortest : 8;

	if (!a->n || !b->n)
		return a->n > 0;
	return long_a > long_b || (long_a == long_b && a->n < b->n);
}

static void end_run(struct run *run, struct set *best)
{
	struct set alone;

	set_empty(&alone);
	if (set_add(&alone, run->bytes, run->n) && is_better(&alone, best))
		*best = alone;
	run->n = 0;
}

/* Bytes that are cut off leave a literal that is needed as well. */
static bool run_add(struct run *run, uint8_t byte)
{
	if (run->n == LITERAL_MAX)
		return false;
	run->bytes[run->n++] = byte;
	return true;
}

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static bool is_alnum(uint8_t c)
{
	return is_digit(c) || (match_fold(c) >= 'a' && match_fold(c) <= 'z');
}

static int hex(uint8_t c)
{
	c = match_fold(c);
	return is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* {2} {2,} {2,4}; what else looks like it differs between versions. */
static unsigned braces(struct parse *p)
{
	const uint8_t *at = p->at + 1;
	unsigned least = 0, how = 0;
	bool is_one;

	if (at == p->end || !(is_digit(*at) || *at == ',' || *at == ' '))
		return ONCE_AT_LEAST | ONCE_AT_MOST; /* itself */
	while (at < p->end && is_digit(*at) && least < 100000)
		least = least * 10 + (*at++ - '0');
	is_one = at < p->end && *at == '}' && least == 1;
	if (at < p->end && *at == ',')
		at++;
	while (at < p->end && is_digit(*at))
		at++;
	if (at == p->end || *at != '}' || !is_digit(p->at[1])) {
		p->gave_up = true;
		return 0;
	}
	p->at = at + 1;
	if (least)
		how |= ONCE_AT_LEAST;
	if (is_one)
		how |= ONCE_AT_MOST;
	return how;
}

/* How often what was just read occurs. */
static unsigned quantifier(struct parse *p)
{
	const uint8_t *before = p->at;
	unsigned how = ONCE_AT_LEAST | ONCE_AT_MOST;

	if (p->at == p->end)
		return how;
	switch (*p->at) {
	case '*':
		how = 0;
		p->at++;
		break;
	case '+':
		how = ONCE_AT_LEAST;
		p->at++;
		break;
	case '?':
		how = ONCE_AT_MOST;
		p->at++;
		break;
	case '{':
		how = braces(p);
		break;
	}
	if (p->at > before && p->at < p->end && (*p->at == '?' || *p->at == '+'))
		p->at++;
	/* A quantifier of a quantifier. */
	if (p->at > before && p->at < p->end && strchr("*+?{", *p->at) && *p->at)
		p->gave_up = true;
	return how;
}

/* These return how many bytes it has, 0 if it is not understood. */
static size_t escape_in_class(const uint8_t *at, const uint8_t *end)
{
	return end - at < 2 || at[1] == 'Q' || at[1] == 'E' || at[1] == 'c' ? 0 : 2;
}

/* [:alpha:], or a '[' that is a member. */
static size_t name_in_class(const uint8_t *at, const uint8_t *end)
{
	const uint8_t *to = at + 2;

	if (end - at < 2 || (at[1] != ':' && at[1] != '.' && at[1] != '='))
		return 1;
	while (to < end && match_fold(*to) >= 'a' && match_fold(*to) <= 'z')
		to++;
	return at[1] == ':' && end - to >= 2 && to[0] == ':' && to[1] == ']' ?
		       (size_t)(to - at) + 2 :
		       0;
}

static void skip_class(struct parse *p)
{
	const uint8_t *at = p->at + 1;

	if (at < p->end && *at == '^')
		at++;
	if (at < p->end && *at == ']')
		at++;
	while (at < p->end && *at != ']') {
		size_t n = *at == '\\' ? escape_in_class(at, p->end) :
			   *at == '['  ? name_in_class(at, p->end) :
					 1;

		if (!n) {
			p->gave_up = true;
			return;
		}
		at += n;
	}
	if (at == p->end)
		p->gave_up = true;
	else
		p->at = at + 1;
}

/* Behind a backslash. True: it is one byte. */
static bool escape(struct parse *p, uint8_t *ret_byte)
{
	static const char is_a_class[] = "dDwWsShHvVNRXbBAzZ";
	static const char named[] = "nrtfae", bytes[] = "\n\r\t\f\a\x1b";
	uint8_t c;

	if (p->at == p->end) {
		p->gave_up = true;
		return false;
	}
	c = *p->at++;
	*ret_byte = c;
	if (!is_alnum(c))
		return true;
	if (c == 'x' && p->end - p->at >= 2 && hex(p->at[0]) >= 0 && hex(p->at[1]) >= 0) {
		*ret_byte = (uint8_t)(hex(p->at[0]) << 4 | hex(p->at[1]));
		p->at += 2;
		return true;
	}
	if (strchr(named, c)) {
		*ret_byte = (uint8_t)bytes[strchr(named, c) - named];
		return true;
	}
	/* \N{...} is a byte by its number. */
	if (!strchr(is_a_class, c) || (c == 'N' && p->at < p->end && *p->at == '{'))
		p->gave_up = true;
	return false;
}

static void alternatives(struct parse *p, struct set *ret);

/* At a '('. Leaves what it must have; nothing if it looks around. */
static void group(struct parse *p, struct set *ret)
{
	bool looks_around = false;

	p->at++;
	if (p->at < p->end && *p->at == '*')
		p->gave_up = true;
	if (p->at < p->end && *p->at == '?') {
		p->at++;
		if (p->end - p->at >= 2 && p->at[0] == '<' && (p->at[1] == '=' || p->at[1] == '!'))
			p->at++;
		if (p->at == p->end || !strchr(":=!>", *p->at) || !*p->at)
			p->gave_up = true;
		else
			looks_around = *p->at == '=' || *p->at == '!';
		p->at += p->at < p->end;
	}
	set_empty(ret);
	if (p->gave_up || ++p->depth > DEPTH_MAX) {
		p->gave_up = true;
		return;
	}
	alternatives(p, ret);
	p->depth--;
	if (p->at == p->end) {
		p->gave_up = true;
		return;
	}
	p->at++;
	ret->is_exact = ret->is_exact && !looks_around;
	if (looks_around)
		ret->n = 0;
}

/* One byte of the pattern, or what stands for one. True: it is *ret_byte. */
static bool piece(struct parse *p, uint8_t *ret_byte)
{
	switch (*p->at) {
	case '\\':
		p->at++;
		return escape(p, ret_byte);
	case '[':
		skip_class(p);
		return false;
	case '.':
	case '^':
	case '$':
		p->at++;
		return false;
	case '*':
	case '+':
	case '?':
		p->gave_up = true;
		return false;
	default:
		*ret_byte = *p->at++;
		return true;
	}
}

static void sequence(struct parse *p, struct set *ret)
{
	bool only_bytes = true, only_group = true;
	struct run run = { 0 };
	unsigned n_pieces = 0;
	struct set inner;

	set_empty(ret);
	while (!p->gave_up && p->at < p->end && *p->at != '|' && *p->at != ')') {
		uint8_t byte = 0;
		bool is_byte;
		unsigned how;

		n_pieces++;
		if (*p->at == '(') {
			group(p, &inner);
			how = quantifier(p);
			end_run(&run, ret);
			only_bytes = false;
			only_group &= n_pieces == 1 && how == (ONCE_AT_LEAST | ONCE_AT_MOST) &&
				      inner.is_exact;
			if (how & ONCE_AT_LEAST && is_better(&inner, ret))
				*ret = inner;
			continue;
		}
		only_group = false;
		is_byte = piece(p, &byte);
		how = quantifier(p);
		if (is_byte && how == (ONCE_AT_LEAST | ONCE_AT_MOST)) {
			if (!run_add(&run, byte)) {
				only_bytes = false;
				end_run(&run, ret);
			}
			continue;
		}
		only_bytes = false;
		if (is_byte && how & ONCE_AT_LEAST)
			run_add(&run, byte);
		end_run(&run, ret);
		if (is_byte && how & ONCE_AT_LEAST)
			run_add(&run, byte);
	}
	end_run(&run, ret);
	ret->is_exact = ret->n && n_pieces && (only_bytes || (only_group && n_pieces == 1));
}

static void alternatives(struct parse *p, struct set *ret)
{
	bool is_known = true, is_exact = true;
	struct set one;

	set_empty(ret);
	for (;;) {
		const uint8_t *bytes = one.bytes;

		sequence(p, &one);
		is_known &= one.n > 0;
		is_exact &= one.is_exact;
		for (unsigned i = 0; i < one.n && is_known; bytes += one.lengths[i++])
			is_known = set_add(ret, bytes, one.lengths[i]);
		if (p->gave_up || p->at == p->end || *p->at != '|')
			break;
		p->at++;
	}
	if (!is_known || p->gave_up)
		set_empty(ret);
	ret->is_exact = is_known && is_exact && !p->gave_up;
}

/* Options of the whole pattern in front of it: (?i), (?s), (?m). True: case does not count. */
static bool leading_options(struct parse *p)
{
	const uint8_t *at = p->at;
	bool nocase = false;

	if (p->end - at < 4 || at[0] != '(' || at[1] != '?')
		return false;
	for (at += 2; at < p->end && (*at == 'i' || *at == 's' || *at == 'm'); at++)
		nocase |= *at == 'i';
	if (at == p->end || *at != ')')
		return false;
	p->at = at + 1;
	return nocase;
}

void match_literals(const uint8_t *pattern, size_t length, struct match_literals *ret)
{
	struct parse p = { .at = pattern, .end = pattern + length };
	struct set set;

	ret->nocase = leading_options(&p);
	alternatives(&p, &set);
	if (p.gave_up || p.at < p.end)
		set_empty(&set);
	ret->is_exact = set.is_exact;
	ret->n = set.n;
	ret->n_bytes = set.n_bytes;
	memcpy(ret->lengths, set.lengths, set.n * sizeof(set.lengths[0]));
	memcpy(ret->bytes, set.bytes, set.n_bytes);
	for (unsigned i = 0; i < ret->n_bytes && ret->nocase; i++)
		ret->bytes[i] = match_fold(ret->bytes[i]);
}

bool match_plain(const uint8_t *pattern, size_t length, unsigned flags, uint8_t *ret,
		 size_t *ret_length, enum match_op *ret_op, bool *ret_nocase)
{
	struct parse p = { .at = pattern, .end = pattern + length };
	bool from_start = flags & MATCH_WHOLE, to_end = flags & MATCH_WHOLE;
	size_t n = 0;

	*ret_nocase = false;
	if (p.end - p.at >= 4 && memcmp(p.at, "(?i)", 4) == 0) {
		*ret_nocase = true;
		p.at += 4;
	}
	if (p.at < p.end && *p.at == '^' && !(flags & MATCH_MULTILINE)) {
		from_start = true;
		p.at++;
	}
	while (p.at < p.end) {
		uint8_t byte = 0;

		if (*p.at == '$' && p.end - p.at == 1 && !(flags & MATCH_MULTILINE)) {
			to_end = true;
			break;
		}
		if (strchr("()|{", *p.at) && *p.at)
			return false;
		if (!piece(&p, &byte) || p.gave_up)
			return false;
		if (p.at < p.end && strchr("*+?", *p.at) && *p.at)
			return false;
		ret[n++] = byte;
	}
	*ret_length = n;
	*ret_op = from_start && to_end ? MATCH_EQUALS :
		  from_start	       ? MATCH_STARTS :
		  to_end	       ? MATCH_ENDS :
					 MATCH_CONTAINS;
	return true;
}
