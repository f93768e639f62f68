/* SPDX-License-Identifier: BSD-2-Clause */
/* Collecting tests, and building the automaton of their literals. */
#include "replay/match.h"

#include <errno.h>
#include <stdlib.h>
#include <xxhash.h>

#include "replay/match_scan.h"

enum { TESTS_MAX = 1 << 24 };

int matcher_new(enum match_shape shape, struct matcher **ret, struct reel_err *err)
{
	struct matcher *m = calloc(1, sizeof(*m));

	if (!m)
		return reel_err_set(err, -ENOMEM, "no memory for a matcher");
	m->shape = shape;
	*ret = m;
	return 0;
}

void matcher_free(struct matcher *m)
{
	if (!m)
		return;
	for (uint32_t i = 0; i < m->n_tests; i++)
		match_test_done(&m->tests[i]);
	free(m->tests);
	free(m->by_content);
	ac_free(m->ac);
	free(m->always.tests);
	free(m->if_cut.tests);
	free(m->unknown_if_cut);
	free(m);
}

uint32_t matcher_n_tests(const struct matcher *m)
{
	return m->n_tests;
}

size_t matcher_bytes(const struct matcher *m)
{
	return m->ac ? ac_bytes(m->ac) : 0;
}

void matcher_be_slow(struct matcher *m)
{
	m->is_slow = true;
}

static uint64_t hash_of(const struct match_test *t)
{
	return XXH3_64bits_withSeed(t->bytes, t->length, t->op | t->flags << 8);
}

static bool is_same(const struct match_test *a, const struct match_test *b)
{
	return a->op == b->op && a->flags == b->flags && a->length == b->length &&
	       memcmp(a->bytes, b->bytes, a->length) == 0;
}

/* The place of the test, or the empty one where it belongs. */
static uint32_t *place_of(const struct matcher *m, const struct match_test *t)
{
	uint32_t at = (uint32_t)hash_of(t) & m->by_content_mask;

	while (m->by_content[at] && !is_same(&m->tests[m->by_content[at] - 1], t))
		at = (at + 1) & m->by_content_mask;
	return &m->by_content[at];
}

static int make_room(struct matcher *m, struct reel_err *err)
{
	uint32_t room = m->room ? 2 * m->room : 64;
	struct match_test *tests;
	uint32_t *by_content;

	if (m->n_tests < m->room)
		return 0;
	if (room > TESTS_MAX)
		return reel_err_set(err, -E2BIG, "too many tests of strings");
	tests = reallocarray(m->tests, room, sizeof(*tests));
	if (!tests)
		return reel_err_set(err, -ENOMEM, "no memory for a test");
	m->tests = tests;
	by_content = calloc(2 * (size_t)room, sizeof(*by_content));
	if (!by_content)
		return reel_err_set(err, -ENOMEM, "no memory for a test");
	free(m->by_content);
	m->by_content = by_content;
	m->by_content_mask = 2 * room - 1;
	m->room = room;
	for (uint32_t i = 0; i < m->n_tests; i++)
		*place_of(m, &m->tests[i]) = i + 1;
	return 0;
}

int matcher_add(struct matcher *m, enum match_op op, unsigned flags, const void *bytes,
		size_t length, uint32_t *ret_test, struct reel_err *err)
{
	struct match_test t;
	uint32_t *place;
	int ret;

	if (m->is_built)
		return reel_err_set(err, -EBUSY, "the matcher is built already");
	ret = make_room(m, err);
	if (ret < 0)
		return ret;
	ret = match_test_init(&t, op, flags, bytes, length, err);
	if (ret < 0)
		return ret;
	place = place_of(m, &t);
	if (*place) {
		match_test_done(&t);
	} else {
		m->has_regex |= t.op == MATCH_REGEX;
		m->tests[m->n_tests++] = t;
		*place = m->n_tests;
	}
	*ret_test = *place - 1;
	return 0;
}

/* Building ------------------------------------------------------------------------------------ */

/* The literals of which one must be there; none: the test must always be run. */
static int literals_of(const struct match_test *t, struct match_literals *ret)
{
	enum match_op op;
	uint8_t *room;

	ret->n = 0;
	ret->is_exact = false;
	ret->nocase = t->flags & MATCH_NOCASE;
	if (t->op == MATCH_REGEX) {
		match_literals(t->bytes, t->length, ret);
		return 0;
	}
	if (t->op != MATCH_GLOB)
		return 0;
	room = malloc(t->length + 1);
	if (!room)
		return -ENOMEM;
	ret->n_bytes = (unsigned)match_glob_literal(t->bytes, t->length, room, &op);
	if (ret->n_bytes > MATCH_LITERALS_BYTES)
		ret->n_bytes = MATCH_LITERALS_BYTES;
	for (unsigned i = 0; i < ret->n_bytes; i++)
		ret->bytes[i] = ret->nocase ? match_fold(room[i]) : room[i];
	free(room);
	ret->lengths[0] = (uint16_t)ret->n_bytes;
	ret->n = ret->n_bytes > 1;
	return 0;
}

static bool is_literal(const struct match_test *t)
{
	return t->op != MATCH_GLOB && t->op != MATCH_REGEX;
}

struct building {
	struct matcher *m;
	struct ac_builder *ac;
	bool fold;
	bool has_literals;
	struct match_literals literals;
	uint8_t *folded; /* room for the longest literal */
};

static int add_literal(struct building *b, uint32_t test, enum match_how how, const uint8_t *bytes,
		       uint32_t length)
{
	bool at_start = (how & ~HOW_COMPARE) == HOW_EQUALS || (how & ~HOW_COMPARE) == HOW_STARTS;
	struct ac_output output = { test, length, (uint8_t)how };

	/* No argument has a NUL. */
	if (b->m->shape == MATCH_ARGS && memchr(bytes, 0, length))
		return 0;
	for (uint32_t i = 0; b->fold && i < length; i++)
		b->folded[i] = match_fold(bytes[i]);
	b->has_literals = true;
	return ac_builder_add(b->ac, b->fold ? b->folded : bytes, length, at_start, &output);
}

static int add_needed(struct building *b, uint32_t test)
{
	const struct match_literals *l = &b->literals;
	const uint8_t *bytes = l->bytes;
	/* An automaton that folds finds them in any case. */
	bool is_found = l->is_exact && !(b->m->tests[test].flags & MATCH_WHOLE) &&
			(!b->fold || l->nocase);
	enum match_how how = is_found ? HOW_EXACT : HOW_CANDIDATE;
	int ret = 0;

	for (unsigned i = 0; i < l->n && ret == 0; i++) {
		ret = add_literal(b, test, how, bytes, l->lengths[i]);
		bytes += l->lengths[i];
	}
	return ret;
}

static int add_test(struct building *b, uint32_t test)
{
	static const uint8_t hows[] = {
		[MATCH_EQUALS] = HOW_EQUALS,
		[MATCH_CONTAINS] = HOW_CONTAINS,
		[MATCH_STARTS] = HOW_STARTS,
		[MATCH_ENDS] = HOW_ENDS,
	};
	struct matcher *m = b->m;
	const struct match_test *t = &m->tests[test];
	bool is_unknown_if_cut = m->shape == MATCH_ARGS;
	int ret;

	if (is_literal(t) && t->length) {
		enum match_how how = hows[t->op];

		if (b->fold && !(t->flags & MATCH_NOCASE))
			how |= HOW_COMPARE;
		if (is_unknown_if_cut || t->op == MATCH_CONTAINS || t->op == MATCH_ENDS)
			m->unknown_if_cut[test / 64] |= 1ull << test % 64;
		return add_literal(b, test, how, t->bytes, t->length);
	}
	m->if_cut.tests[m->if_cut.n++] = test;
	ret = literals_of(t, &b->literals);
	if (ret < 0)
		return ret;
	if (b->literals.n)
		return add_needed(b, test);
	m->always.tests[m->always.n++] = test;
	return 0;
}

static int build(struct building *b)
{
	struct matcher *m = b->m;
	int ret = ac_builder_new(&b->ac);

	for (uint32_t i = 0; ret == 0 && i < m->n_tests; i++) {
		if (m->tests[i].op == MATCH_REGEX)
			ret = literals_of(&m->tests[i], &b->literals);
		else
			b->literals.nocase = m->tests[i].flags & MATCH_NOCASE;
		b->fold |= b->literals.nocase;
		if (is_literal(&m->tests[i]) && m->tests[i].length > m->longest)
			m->longest = m->tests[i].length;
	}
	b->folded = malloc((size_t)m->longest + MATCH_LITERALS_BYTES);
	m->n_words = (m->n_tests + 63) / 64;
	m->unknown_if_cut = calloc((size_t)m->n_words + 1, sizeof(*m->unknown_if_cut));
	m->always.tests = calloc((size_t)m->n_tests + 1, sizeof(*m->always.tests));
	m->if_cut.tests = calloc((size_t)m->n_tests + 1, sizeof(*m->if_cut.tests));
	if (!b->folded || !m->unknown_if_cut || !m->always.tests || !m->if_cut.tests)
		return -ENOMEM;
	for (uint32_t i = 0; ret == 0 && i < m->n_tests; i++)
		ret = add_test(b, i);
	if (ret == 0 && b->has_literals)
		ret = ac_build(b->ac, b->fold, m->shape == MATCH_ARGS, &m->ac);
	return ret;
}

int matcher_build(struct matcher *m, struct reel_err *err)
{
	struct building *b;
	int ret;

	if (m->is_built)
		return reel_err_set(err, -EBUSY, "the matcher is built already");
	b = calloc(1, sizeof(*b));
	if (!b)
		return reel_err_set(err, -ENOMEM, "no memory to build a matcher");
	m->is_built = true;
	b->m = m;
	ret = build(b);
	ac_builder_free(b->ac);
	free(b->folded);
	free(b);
	if (ret == -E2BIG)
		return reel_err_set(err, ret,
				    "the literals of the rules are too long all together");
	return ret < 0 ? reel_err_set(err, ret, "no memory to build a matcher") : 0;
}

enum truth match_one(enum match_op op, unsigned flags, const void *pattern, size_t pattern_length,
		     const void *bytes, uint32_t length, uint32_t true_length)
{
	struct match_value v = { bytes, length, true_length };
	struct match_tools *tools = NULL;
	struct match_test t = { .op = op, .bytes = (uint8_t *)(uintptr_t)pattern };
	enum truth answer = TRUTH_UNKNOWN;

	if (pattern_length > MATCH_PATTERN_MAX)
		return TRUTH_UNKNOWN;
	/* Joins of steps ask this of every token: bytes that are taken as they are need no copy. */
	t.length = (uint32_t)pattern_length;
	if (op <= MATCH_ENDS && !(flags & MATCH_NOCASE))
		return match_test_value(&t, NULL, &v);
	if (match_test_init(&t, op, flags, pattern, pattern_length, NULL) < 0)
		return TRUTH_UNKNOWN;
	if (t.op != MATCH_REGEX || match_tools_new(&tools) == 0)
		answer = match_test_value(&t, tools, &v);
	match_tools_free(tools);
	match_test_done(&t);
	return answer;
}
