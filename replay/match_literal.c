/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which literals a regular expression cannot do without. Only what is surely understood counts: a
 * part that is not (a class, a reference) gives no literal and ends the run of bytes before it, and
 * syntax that changes the meaning of what follows gives up on the whole pattern.
 */
#include <string.h>

#include "replay/match_test.h"

enum {
	DEPTH_MAX = 20,
	LITERAL_MIN = 2, /* shorter ones are everywhere */
};

struct parse {
	const uint8_t *at, *end;
	bool gave_up;
	unsigned depth;
};

/*
 * Of a part of a pattern. If it is exact, these are all that the part matches, of any length. Else
 * one of these must occur, none is shorter than LITERAL_MIN, and if there is none nothing is known.
 */
struct set {
	bool is_exact;
	unsigned n, n_bytes, shortest;
	uint16_t lengths[MATCH_LITERALS_MAX];
	uint8_t bytes[MATCH_LITERALS_BYTES]; /* one after the other */
};

/* How often a part occurs. */
enum { ONCE_AT_LEAST = 1, ONCE_AT_MOST = 2, ONCE = 3, POSSESSIVE = 4 };

static void set_empty(struct set *s, bool is_exact)
{
	s->is_exact = is_exact;
	s->n = 0;
	s->n_bytes = 0;
	s->shortest = 0;
}

/* Literals one byte after the other: START, then NEXT. False: there is no room. */
static bool set_add(struct set *s, const uint8_t *start, unsigned n_start, const uint8_t *next,
		    unsigned n_next)
{
	unsigned n = n_start + n_next;

	if (s->n == MATCH_LITERALS_MAX || n > MATCH_LITERALS_BYTES - s->n_bytes)
		return false;
	memcpy(s->bytes + s->n_bytes, start, n_start);
	memcpy(s->bytes + s->n_bytes + n_start, next, n_next);
	s->lengths[s->n] = (uint16_t)n;
	s->n_bytes += n;
	if (s->n++ == 0 || n < s->shortest)
		s->shortest = n;
	return true;
}

static bool set_add_all(struct set *s, const struct set *other)
{
	const uint8_t *bytes = other->bytes;

	for (unsigned i = 0; i < other->n; bytes += other->lengths[i++])
		if (!set_add(s, bytes, other->lengths[i], bytes, 0))
			return false;
	return true;
}

/* Each of S with each of NEXT behind it. False, and S is as it was: they are too many. */
static bool set_append(struct set *s, const struct set *next)
{
	const uint8_t *a = s->bytes, *b;
	struct set all;

	set_empty(&all, true);
	for (unsigned i = 0; i < s->n; a += s->lengths[i++]) {
		b = next->bytes;
		for (unsigned k = 0; k < next->n; b += next->lengths[k++])
			if (!set_add(&all, a, s->lengths[i], b, next->lengths[k]))
				return false;
	}
	*s = all;
	return true;
}

/* Beyond some bytes, which are rare enough, fewer literals count more. */
static bool is_better(const struct set *a, const struct set *b)
{
	unsigned long_a = a->shortest < 8 ? a->shortest : 8;
	unsigned long_b = b->shortest < 8 ? b->shortest : 8;

	if (!a->n || a->shortest < LITERAL_MIN || !b->n)
		return a->n && a->shortest >= LITERAL_MIN;
	return long_a > long_b || (long_a == long_b && a->n < b->n);
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
		return ONCE; /* itself */
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
	unsigned how = ONCE;

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
		how |= *p->at++ == '+' ? POSSESSIVE : 0;
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
	bool looks_around = false, is_atomic = false;

	p->at++;
	if (p->at < p->end && *p->at == '*')
		p->gave_up = true;
	if (p->at < p->end && *p->at == '?') {
		p->at++;
		if (p->end - p->at >= 2 && p->at[0] == '<' && (p->at[1] == '=' || p->at[1] == '!'))
			p->at++;
		if (p->at == p->end || !strchr(":=!>", *p->at) || !*p->at) {
			p->gave_up = true;
		} else {
			looks_around = *p->at == '=' || *p->at == '!';
			is_atomic = *p->at == '>';
			p->at++;
		}
	}
	set_empty(ret, false);
	if (p->gave_up || p->depth == DEPTH_MAX) {
		p->gave_up = true;
		return;
	}
	p->depth++;
	alternatives(p, ret);
	p->depth--;
	if (p->at == p->end) {
		p->gave_up = true;
		return;
	}
	p->at++;
	/* What an atomic group does not try again is not matched. */
	if (looks_around || (is_atomic && ret->shortest < LITERAL_MIN))
		set_empty(ret, false);
	if (is_atomic)
		ret->is_exact = false;
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

/* A piece of a sequence: what it matches, and how often it occurs. */
static unsigned next_piece(struct parse *p, struct set *ret)
{
	uint8_t byte = 0;

	set_empty(ret, false);
	if (*p->at == '(') {
		group(p, ret);
	} else if (piece(p, &byte)) {
		ret->is_exact = true;
		set_add(ret, &byte, 1, &byte, 0);
	}
	return quantifier(p);
}

/* What lies next to each other so far; a new one begins with what is in FIRST, if anything. */
static void begin(struct set *current, struct set *best, const struct set *first)
{
	if (is_better(current, best))
		*best = *current;
	if (first) {
		*current = *first;
		return;
	}
	set_empty(current, true);
	set_add(current, current->bytes, 0, current->bytes, 0);
}

static void sequence(struct parse *p, struct set *ret)
{
	struct set current, next;
	bool is_exact = true;

	set_empty(ret, false);
	set_empty(&current, true);
	begin(&current, ret, NULL);
	while (!p->gave_up && p->at < p->end && *p->at != '|' && *p->at != ')') {
		unsigned how = next_piece(p, &next);

		/* More literals are not better ones, so that this may be the best. */
		if (next.n > 1 && is_better(&current, ret))
			*ret = current;
		if (how == ONCE_AT_MOST && next.is_exact &&
		    set_add(&next, next.bytes, 0, next.bytes, 0))
			how = ONCE;
		if (how == ONCE && next.is_exact && set_append(&current, &next))
			continue;
		is_exact = false;
		if (!(how & ONCE_AT_LEAST)) {
			begin(&current, ret, NULL);
		} else if (next.is_exact && !(how & POSSESSIVE)) {
			/* The first is next to what was before, the last to what follows. */
			set_append(&current, &next);
			begin(&current, ret, &next);
		} else {
			begin(&current, ret, NULL);
			if (is_better(&next, ret))
				*ret = next;
		}
	}
	if (is_exact)
		*ret = current;
	else
		begin(&current, ret, NULL);
	ret->is_exact = is_exact;
}

static void alternatives(struct parse *p, struct set *ret)
{
	bool is_known = true, is_exact = true;
	struct set one;

	set_empty(ret, false);
	for (;;) {
		sequence(p, &one);
		is_exact &= one.is_exact;
		is_known = is_known && one.n && set_add_all(ret, &one);
		if (p->gave_up || p->at == p->end || *p->at != '|')
			break;
		p->at++;
	}
	if (!is_known || p->gave_up || (!is_exact && ret->shortest < LITERAL_MIN))
		set_empty(ret, false);
	else
		ret->is_exact = is_exact;
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
	if (p.gave_up || p.at < p.end || set.shortest < LITERAL_MIN)
		set_empty(&set, false);
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
