/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random tests and strings of a few letters: the fast way, the slow way, and what is computed here
 * in the most simple-minded way must agree. Literals and globs are compared byte by byte, patterns
 * are given to PCRE2 as they are, and an answer about a cut string must hold for whatever follows.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "tests/unit/match_ask.h"

enum { PATTERN_ROOM = 64, TESTS = 24, STRINGS = 60, BATCHES = 3, TEXT_ROOM = 24 };

static uint64_t random_state;

static uint32_t below(uint32_t n)
{
	random_state = random_state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((random_state >> 32) * n >> 32);
}

struct pattern {
	enum match_op op;
	unsigned flags;
	uint32_t length, test;
	char bytes[PATTERN_ROOM];
	pcre2_code *code;
};

static pcre2_match_data *match_data;
static uint64_t decided, undecided;

static char low(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static bool same(const struct pattern *p, char a, char b)
{
	return a == b || (p->flags & MATCH_NOCASE && low(a) == low(b));
}

static bool same_at(const struct pattern *p, const char *s, uint32_t n, uint32_t at)
{
	for (uint32_t i = 0; i < p->length; i++)
		if (at + i >= n || !same(p, s[at + i], p->bytes[i]))
			return false;
	return true;
}

/* Only of sets that are closed: the generator makes no others. */
static bool glob_fits(const struct pattern *p, uint32_t at, const char *s, uint32_t n)
{
	bool is_in = false, is_not;

	if (at == p->length)
		return n == 0;
	if (p->bytes[at] == '*') {
		for (uint32_t skip = 0; skip <= n; skip++)
			if (glob_fits(p, at + 1, s + skip, n - skip))
				return true;
		return false;
	}
	if (n == 0)
		return false;
	if (p->bytes[at] == '?')
		return glob_fits(p, at + 1, s + 1, n - 1);
	if (p->bytes[at] != '[')
		return same(p, p->bytes[at], *s) && glob_fits(p, at + 1, s + 1, n - 1);
	is_not = p->bytes[++at] == '!';
	at += is_not;
	for (; p->bytes[at] != ']'; at++)
		is_in |= same(p, p->bytes[at], *s);
	return is_in != is_not && glob_fits(p, at + 1, s + 1, n - 1);
}

/* Of one whole value. */
static enum truth expected(const struct pattern *p, const char *s, uint32_t n)
{
	bool found = false;
	int ret;

	switch (p->op) {
	case MATCH_EQUALS:
		found = n == p->length && same_at(p, s, n, 0);
		break;
	case MATCH_STARTS:
		found = same_at(p, s, n, 0);
		break;
	case MATCH_ENDS:
		found = n >= p->length && same_at(p, s, n, n - p->length);
		break;
	case MATCH_CONTAINS:
		for (uint32_t at = 0; at <= n && !found; at++)
			found = same_at(p, s, n, at);
		break;
	case MATCH_GLOB:
		found = glob_fits(p, 0, s, n);
		break;
	case MATCH_REGEX:
		ret = pcre2_match(p->code, (PCRE2_SPTR)s, n, 0, 0, match_data, NULL);
		if (ret < 0 && ret != PCRE2_ERROR_NOMATCH)
			return TRUTH_UNKNOWN;
		found = ret >= 0;
		break;
	}
	return found ? TRUTH_YES : TRUTH_NO;
}

static enum truth expected_of_args(const struct pattern *p, const char *s, uint32_t n)
{
	enum truth answer = TRUTH_NO;
	uint32_t from = 0;

	while (from < n) {
		uint32_t to = from;

		while (to < n && s[to])
			to++;
		answer = truth_or(answer, expected(p, s + from, to - from));
		from = to + 1;
	}
	return answer;
}

/* Making them up ------------------------------------------------------------------------------ */

static const char letters[] = "abcA";

static void put(struct pattern *p, const char *text)
{
	for (; *text && p->length < PATTERN_ROOM - 12; text++)
		p->bytes[p->length++] = *text;
}

static void put_letters(struct pattern *p, uint32_t least, uint32_t most)
{
	uint32_t n = least + below(most - least + 1);

	while (n--)
		put(p, (char[]){ letters[below(4)], 0 });
}

static void put_glob(struct pattern *p)
{
	static const char *const parts[] = { "*", "?", "[ab]", "[!a]", "[c]", "[!bA]" };

	for (uint32_t n = below(5); n; n--) {
		if (below(2))
			put(p, parts[below(6)]);
		put_letters(p, 0, 3);
	}
	if (below(3) == 0)
		put(p, "*");
}

static void put_regex(struct pattern *p, unsigned depth)
{
	static const char *const parts[] = {
		".",	 "[ab]",  "[^a]", "\\w",    "^",    "$",      "\\b",	  "\\B", "(?=b)",
		"(?!a)", "\\x61", "\\.",  "(?<=a)", "[]a]", "[\\]c]", "(?>a|ab)", ".*",	 "\\A",
	};
	static const char *const often[] = { "*", "+", "?", "{2}", "{0,1}", "{1,}", "*?", "++" };

	for (uint32_t n = 1 + below(3); n; n--) {
		uint32_t kind = below(8);

		if (p->length > PATTERN_ROOM - 30)
			return;
		if (kind < 4) {
			put_letters(p, 1, 3);
		} else if (kind < 6 || depth > 2) {
			put(p, parts[below(18)]);
		} else {
			put(p, below(2) ? "(" : "(?:");
			put_regex(p, depth + 1);
			if (below(2)) {
				put(p, "|");
				put_regex(p, depth + 1);
			}
			p->bytes[p->length++] = ')';
		}
		if (below(4) == 0)
			put(p, often[below(8)]);
	}
	if (below(6) == 0) {
		put(p, "|");
		put_regex(p, depth + 1);
	}
}

static void compile(struct pattern *p)
{
	uint32_t options = PCRE2_DOLLAR_ENDONLY;
	size_t offset;
	int error;

	options |= p->flags & MATCH_NO_DOTALL ? 0 : PCRE2_DOTALL;
	options |= p->flags & MATCH_MULTILINE ? PCRE2_MULTILINE : 0;
	options |= p->flags & MATCH_WHOLE ? PCRE2_ANCHORED | PCRE2_ENDANCHORED : 0;
	p->code = pcre2_compile((PCRE2_SPTR)p->bytes, p->length, options, &error, &offset, NULL);
}

static void make_pattern(struct pattern *p, unsigned flags)
{
	memset(p, 0, sizeof(*p));
	p->op = (enum match_op)below(6);
	if (p->op == MATCH_REGEX) {
		while (!p->code) {
			p->length = 0;
			p->flags = 0;
			if (below(4) == 0)
				p->flags |= MATCH_WHOLE;
			if (below(6) == 0)
				p->flags |= MATCH_MULTILINE;
			if (below(6) == 0)
				p->flags |= MATCH_NO_DOTALL;
			if (flags && below(4) == 0)
				put(p, "(?i)");
			if (below(3) == 0)
				put(p, ".*");
			put_regex(p, 0);
			if (below(3) == 0)
				put(p, ".*");
			compile(p);
		}
		return;
	}
	p->flags = below(2) ? flags : 0;
	if (p->op == MATCH_GLOB)
		put_glob(p);
	else
		put_letters(p, 0, 6);
}

static uint32_t make_text(char *s, bool is_args)
{
	uint32_t n = below(TEXT_ROOM - 4);

	for (uint32_t i = 0; i < n; i++) {
		s[i] = letters[below(4)];
		if (below(10) == 0)
			s[i] = is_args ? 0 : "\n. ]"[below(4)];
	}
	return n;
}

/* Comparing ----------------------------------------------------------------------------------- */

static void complain(const struct pattern *p, const char *s, uint32_t n, uint32_t full,
		     enum truth got, enum truth want)
{
	T_FAIL("op %d flags %u \"%.*s\" of \"%.*s\" (%u of %u bytes): %d, not %d", p->op, p->flags,
	       (int)p->length, p->bytes, (int)n, s, n, full, got, want);
}

/* Whatever follows, up to three bytes, must not contradict. */
static void check_cut(const struct pattern *p, bool is_args, char *s, uint32_t n, uint32_t full,
		      enum truth got)
{
	static const char next[] = "abA\n";
	uint32_t least = full == EV_UNKNOWN_LENGTH ? 1 : full - n;
	uint32_t most = full == EV_UNKNOWN_LENGTH ? 3 : full - n;

	if (got == TRUTH_UNKNOWN)
		return;
	for (uint32_t more = least; more <= most; more++) {
		for (uint32_t set = 0; set < 1u << 2 * more; set++) {
			enum truth want;

			for (uint32_t i = 0; i < more; i++)
				s[n + i] = next[set >> 2 * i & 3];
			if (is_args && below(2))
				s[n + below(more)] = 0;
			want = is_args ? expected_of_args(p, s, n + more) :
					 expected(p, s, n + more);
			if (want != TRUTH_UNKNOWN && want != got)
				complain(p, s, n, full, got, want);
		}
	}
}

static void compare(const struct pattern *patterns, bool is_args, struct match_memo *fast,
		    struct match_memo *slow)
{
	char s[TEXT_ROOM];
	uint32_t n = make_text(s, is_args), full = n;
	const struct match_row *row, *slow_row;

	if (below(3) == 0)
		full = below(2) ? EV_UNKNOWN_LENGTH : n + 1 + below(3);
	row = match_string(fast, s, n, full);
	slow_row = match_string(slow, s, n, full);
	if (full != n || !slow_row->has_unknown)
		CHECK(row->is_empty == slow_row->is_empty &&
		      row->has_unknown == slow_row->has_unknown);
	for (unsigned i = 0; i < TESTS; i++) {
		const struct pattern *p = &patterns[i];
		enum truth got = match_truth(row, p->test);
		enum truth want = match_truth(slow_row, p->test);

		/* PCRE2 gave up; what is not there may have been seen before it was asked. */
		if (full == n && p->op == MATCH_REGEX && want == TRUTH_UNKNOWN && got == TRUTH_NO)
			want = got;
		if (got != want)
			complain(p, s, n, full, got, want);
		if (full == n) {
			want = is_args ? expected_of_args(p, s, n) : expected(p, s, n);
			if (got != want && got != TRUTH_UNKNOWN && want != TRUTH_UNKNOWN)
				complain(p, s, n, full, got, want);
			if (got == TRUTH_UNKNOWN && p->op != MATCH_REGEX)
				complain(p, s, n, full, got, want);
			undecided += got == TRUTH_UNKNOWN;
			decided++;
		} else {
			check_cut(p, is_args, s, n, full, got);
		}
	}
}

/* Strings that are asked about together are what each is alone; some of them are known already. */
static void compare_many(const struct pattern *patterns, bool is_args, struct match_memo *many,
			 struct match_memo *fast)
{
	struct match_ask asks[MATCH_MANY];
	char texts[MATCH_MANY][TEXT_ROOM];
	unsigned n = below(MATCH_MANY + 1);

	for (unsigned i = 0; i < n; i++) {
		asks[i] = (struct match_ask){ .bytes = texts[i] };
		asks[i].length = asks[i].true_length = make_text(texts[i], is_args);
		if (below(3) == 0)
			asks[i].true_length = below(2) ? EV_UNKNOWN_LENGTH :
							 asks[i].length + 1 + below(3);
		match_prepare(many, &asks[i]);
	}
	match_prepared(many, asks, n);
	for (unsigned i = 0; i < n; i++) {
		const struct match_row *row =
			match_string(fast, texts[i], asks[i].length, asks[i].true_length);

		CHECK(asks[i].row && asks[i].row->is_empty == row->is_empty &&
		      asks[i].row->has_unknown == row->has_unknown);
		CHECK(asks[i].row ==
		      match_string(many, texts[i], asks[i].length, asks[i].true_length));
		for (unsigned k = 0; k < TESTS && asks[i].row; k++) {
			enum truth got = match_truth(asks[i].row, patterns[k].test);
			enum truth want = match_truth(row, patterns[k].test);

			if (got != want)
				complain(&patterns[k], texts[i], asks[i].length,
					 asks[i].true_length, got, want);
		}
	}
}

static void round_of(uint64_t seed, enum match_shape shape)
{
	struct pattern *patterns = calloc(TESTS, sizeof(*patterns));
	struct matcher *m = new_matcher(shape), *slow_m = new_matcher(shape);
	struct match_memo *fast, *slow, *many = NULL;
	unsigned flags;

	random_state = seed * 0x9e3779b97f4a7c15u;
	flags = below(2) ? MATCH_NOCASE : 0;
	for (unsigned i = 0; i < TESTS && patterns; i++) {
		struct pattern *p = &patterns[i];

		make_pattern(p, flags);
		p->test = add(m, p->op, p->flags, p->bytes, p->length);
		if (add(slow_m, p->op, p->flags, p->bytes, p->length) != p->test)
			T_FAIL("another number");
	}
	matcher_be_slow(slow_m);
	fast = built(m);
	slow = built(slow_m);
	for (unsigned i = 0; i < STRINGS && patterns; i++)
		compare(patterns, shape == MATCH_ARGS, fast, slow);
	CHECK(match_memo_new(m, &many, NULL) == 0);
	for (unsigned i = 0; i < BATCHES && patterns && many; i++)
		compare_many(patterns, shape == MATCH_ARGS, many, fast);
	match_memo_free(many);
	done(m, fast);
	done(slow_m, slow);
	for (unsigned i = 0; i < TESTS && patterns; i++)
		pcre2_code_free(patterns[i].code);
	free(patterns);
}

static void rounds(enum match_shape shape)
{
	const char *asked = getenv("T_MATCH_ROUNDS");
	uint64_t n = asked ? strtoull(asked, NULL, 10) : 400;

	match_data = pcre2_match_data_create(1, NULL);
	for (uint64_t seed = 1; seed <= n && !t_state.failed; seed++) {
		round_of(seed, shape);
		if (t_state.failed)
			printf("# seed %llu\n", (unsigned long long)seed);
	}
	/* Few give up, so nearly all is compared. */
	CHECK(undecided < decided / 100);
	pcre2_match_data_free(match_data);
}

TEST(random_texts)
{
	rounds(MATCH_TEXT);
}

TEST(random_arguments)
{
	rounds(MATCH_ARGS);
}
