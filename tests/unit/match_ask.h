/* SPDX-License-Identifier: BSD-2-Clause */
/* Matchers for tests: made without further ado, and asked. */
#ifndef REEL_TESTS_UNIT_MATCH_ASK_H
#define REEL_TESTS_UNIT_MATCH_ASK_H

#include <stdlib.h>

#include "bpf/events.h"
#include "replay/match.h"
#include "tests/unit/harness.h"

enum { WHOLE = -1, LOST = -2 }; /* true lengths */

static inline uint32_t true_length(size_t length, int is_cut)
{
	return is_cut == WHOLE ? (uint32_t)length :
	       is_cut == LOST  ? EV_UNKNOWN_LENGTH :
				 (uint32_t)is_cut;
}

static inline struct matcher *new_matcher(enum match_shape shape)
{
	struct matcher *m = NULL;

	if (matcher_new(shape, &m, NULL) < 0)
		abort();
	return m;
}

static inline uint32_t add(struct matcher *m, enum match_op op, unsigned flags, const void *pattern,
			   size_t length)
{
	struct reel_err err = { 0 };
	uint32_t test = 0;

	if (matcher_add(m, op, flags, pattern, length, &test, &err) < 0) {
		printf("# %.*s: %s\n", (int)length, (const char *)pattern, err.msg);
		abort();
	}
	return test;
}

static inline struct match_memo *built(struct matcher *m)
{
	struct match_memo *memo = NULL;

	if (matcher_build(m, NULL) < 0 || match_memo_new(m, &memo, NULL) < 0)
		abort();
	return memo;
}

static inline void done(struct matcher *m, struct match_memo *memo)
{
	match_memo_free(memo);
	matcher_free(m);
}

struct question {
	enum match_shape shape;
	enum match_op op;
	unsigned flags;
	const char *pattern;
	size_t pattern_length;
	const char *bytes;
	size_t length;
	int is_cut;
};

enum { ASK_SLOW = 1, ASK_FOLDED = 2 };

static inline enum truth ask_one_way(const struct question *q, unsigned how)
{
	uint32_t length = (uint32_t)q->length, full = true_length(q->length, q->is_cut);
	struct matcher *m = new_matcher(q->shape);
	const struct match_row *row;
	struct match_memo *memo;
	enum truth answer;
	uint32_t test;

	/* Another test, for which all literals are looked for in any case. */
	if (how & ASK_FOLDED)
		add(m, MATCH_CONTAINS, MATCH_NOCASE, "nowhere", 7);
	test = add(m, q->op, q->flags, q->pattern, q->pattern_length);
	if (how & ASK_SLOW)
		matcher_be_slow(m);
	memo = built(m);
	row = match_string(memo, q->bytes, length, full);
	answer = match_truth(row, test);
	/* The second time it is remembered. */
	if (match_string(memo, q->bytes, length, full) != row)
		T_FAIL("an equal result is another row");
	if (row->is_empty && answer != TRUTH_NO)
		T_FAIL("an empty row has a result");
	done(m, memo);
	return answer;
}

/* All ways, which must agree. */
static inline enum truth ask(const struct question *q)
{
	enum truth slow = ask_one_way(q, ASK_SLOW), fast = ask_one_way(q, 0);
	enum truth folded = ask_one_way(q, ASK_FOLDED), one = slow;

	if (q->shape == MATCH_TEXT)
		one = match_one(q->op, q->flags, q->pattern, q->pattern_length, q->bytes,
				(uint32_t)q->length, true_length(q->length, q->is_cut));
	if (slow != fast || slow != folded || slow != one)
		T_FAIL("op %d flags %u \"%.*s\" of \"%.*s\" (%d): slow %d, fast %d, folded %d, "
		       "alone %d",
		       q->op, q->flags, (int)q->pattern_length, q->pattern, (int)q->length,
		       q->bytes, q->is_cut, slow, fast, folded, one);
	return slow;
}

#endif
