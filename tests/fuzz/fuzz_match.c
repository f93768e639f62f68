/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of strings, and strings, from an input: the fast way and the slow one must agree.
 *
 *	shape and cut (1 byte), then pieces: what it is (1), its length (1), its bytes
 *
 * A piece is a test (its op in the lower four bits, its flags above) or, with the op OP_STRING, a
 * string; strings are asked in the end.
 */
#include <stdlib.h>
#include <string.h>

#include "bpf/events.h"
#include "replay/match.h"

enum { OP_STRING = 15, TESTS_MAX = 12, STRINGS_MAX = 12 };

#define MUST(cond)               \
	do {                     \
		if (!(cond))     \
			abort(); \
	} while (0)

struct string {
	const uint8_t *bytes;
	uint32_t length;
};

static void add(struct matcher *fast, struct matcher *slow, uint8_t what, const uint8_t *bytes,
		size_t n)
{
	enum match_op op = (enum match_op)(what & 15);
	uint32_t test, slow_test;
	struct reel_err err;
	int ret = matcher_add(fast, op, what >> 4, bytes, n, &test, &err);

	MUST(matcher_add(slow, op, what >> 4, bytes, n, &slow_test, &err) == ret);
	MUST(ret < 0 || test == slow_test);
}

static void ask(struct match_memo *fast, struct match_memo *slow, uint32_t n_tests,
		const struct string *s, uint32_t full)
{
	const struct match_row *row = match_string(fast, s->bytes, s->length, full);
	const struct match_row *slow_row = match_string(slow, s->bytes, s->length, full);

	MUST(row && slow_row);
	for (uint32_t t = 0; t < n_tests; t++) {
		enum truth answer = match_truth(row, t), want = match_truth(slow_row, t);

		/* PCRE2 gave up; that a literal is missing may have been seen before. */
		MUST(answer == want ||
		     (full == s->length && want == TRUTH_UNKNOWN && answer == TRUTH_NO));
	}
	MUST(match_string(fast, s->bytes, s->length, full) == row);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct string strings[STRINGS_MAX];
	struct matcher *fast, *slow;
	struct match_memo *fast_memo, *slow_memo;
	unsigned n_strings = 0, n_tests = 0;
	const uint8_t *end = data + size;
	uint8_t how;

	if (size < 1 || size > 4096)
		return 0;
	how = *data++;
	MUST(matcher_new(how & 1 ? MATCH_ARGS : MATCH_TEXT, &fast, NULL) == 0);
	MUST(matcher_new(how & 1 ? MATCH_ARGS : MATCH_TEXT, &slow, NULL) == 0);
	while (end - data >= 2) {
		uint8_t what = data[0];
		size_t n = data[1];

		data += 2;
		if (n > (size_t)(end - data))
			n = (size_t)(end - data);
		if ((what & 15) <= MATCH_REGEX && n_tests++ < TESTS_MAX)
			add(fast, slow, what, data, n);
		else if ((what & 15) == OP_STRING && n_strings < STRINGS_MAX)
			strings[n_strings++] = (struct string){ data, (uint32_t)n };
		data += n;
	}
	matcher_be_slow(slow);
	MUST(matcher_build(fast, NULL) == 0 && matcher_build(slow, NULL) == 0);
	MUST(match_memo_new(fast, &fast_memo, NULL) == 0);
	MUST(match_memo_new(slow, &slow_memo, NULL) == 0);
	for (unsigned i = 0; i < n_strings; i++) {
		uint32_t n = strings[i].length;

		ask(fast_memo, slow_memo, matcher_n_tests(fast), &strings[i], n);
		if (how & 2)
			ask(fast_memo, slow_memo, matcher_n_tests(fast), &strings[i], n + how / 4);
		if (how & 4)
			ask(fast_memo, slow_memo, matcher_n_tests(fast), &strings[i],
			    EV_UNKNOWN_LENGTH);
	}
	match_memo_free(fast_memo);
	match_memo_free(slow_memo);
	matcher_free(fast);
	matcher_free(slow);
	return 0;
}
