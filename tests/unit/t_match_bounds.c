/* SPDX-License-Identifier: BSD-2-Clause */
/* A matcher is bounded in time and memory, and threads share it. */
#include <pthread.h>
#include <time.h>

#include "tests/unit/match_ask.h"

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

TEST(patterns_that_explode_are_given_up)
{
	static const char *const evil[] = { "(a+)+$",		"(a|aa)+$",
					    "(a*)*[bc]\\1x",	"(x+x+)+y|(a+)+\\z",
					    "(?:a?){30}a{30}c", "((a|b)+)*c$",
					    "(*NO_JIT)(a+)+$" };
	struct matcher *m = new_matcher(MATCH_TEXT);
	struct match_memo *memo;
	struct match_stats stats;
	char *text = malloc(100000);
	double start = now_s();

	REQUIRE(text);
	memset(text, 'a', 100000);
	text[99999] = 'b';
	for (size_t i = 0; i < sizeof(evil) / sizeof(evil[0]); i++)
		add(m, MATCH_REGEX, 0, evil[i], strlen(evil[i]));
	memo = built(m);
	for (uint32_t n = 20; n < 99999; n *= 8) {
		const struct match_row *row = match_string(memo, text + 99999 - n, n + 1, n + 1);

		for (uint32_t t = 0; t < matcher_n_tests(m); t++)
			CHECK(match_truth(row, t) != TRUTH_YES);
	}
	CHECK(now_s() - start < 20);
	match_memo_stats(memo, &stats);
	CHECK(stats.undecided > 0);
	CHECK(match_truth(match_string(memo, text, 1000, 1000), 0) == TRUTH_YES);
	done(m, memo);
	free(text);
}

/* More rows than are kept: the results stay right, and the rows given out before stay. */
TEST(rows_are_bounded)
{
	struct matcher *m = new_matcher(MATCH_TEXT);
	const struct match_row *first;
	struct match_memo *memo;
	struct match_stats stats;
	char text[17];

	for (unsigned i = 0; i < 17; i++) {
		text[i] = (char)('a' + i);
		add(m, MATCH_CONTAINS, 0, &text[i], 1);
	}
	memo = built(m);
	first = match_string(memo, "a", 1, 1);
	for (uint32_t set = 0; set < 1 << 17; set++) {
		struct match_row *row;
		uint32_t n = 0;

		for (unsigned i = 0; i < 17; i++)
			if (set >> i & 1)
				text[n++] = (char)('a' + i);
		row = match_string(memo, text, n, n);
		REQUIRE(row && row->yes[0] == set && row->is_empty == !set);
		if (n > 1)
			REQUIRE(!row->user);
		row->user = row;
	}
	CHECK(match_string(memo, "a", 1, 1) == first && first->yes[0] == 1 && first->user == first);
	match_memo_stats(memo, &stats);
	CHECK_EQ(stats.rows, MATCH_ROWS_MAX + 1);
	done(m, memo);
}

TEST(what_is_remembered_is_bounded)
{
	struct matcher *m = new_matcher(MATCH_TEXT);
	struct match_memo *memo;
	struct match_stats stats;
	char *text = calloc(1, 2 << 20);
	size_t most = 0;

	REQUIRE(text);
	add(m, MATCH_ENDS, 0, "7", 1);
	memo = built(m);
	for (uint32_t i = 0; i < 40000; i++) {
		const struct match_row *row;
		uint32_t n = (uint32_t)sprintf(text, "%u", i);

		text[n] = '_';
		memset(text + n, '_', 2000);
		text[2000] = (char)('0' + i % 10);
		row = match_string(memo, text, 2001, 2001);
		CHECK_EQ(match_truth(row, 0), i % 10 == 7);
		match_memo_stats(memo, &stats);
		most = stats.bytes > most ? stats.bytes : most;
	}
	CHECK(most <= MATCH_MEMO_BYTES);
	/* However long. */
	for (unsigned i = 0; i < 2; i++)
		CHECK(match_string(memo, text, 2 << 20, 2 << 20)->is_empty);
	match_memo_stats(memo, &stats);
	CHECK_EQ(stats.tested, 40001);
	CHECK_EQ(stats.strings, 40002);
	/* Short ones. */
	for (uint32_t i = 0; i < 2000000; i++) {
		const struct match_row *row = match_string(memo, &i, 4, 4);

		if (match_truth(row, 0) != (enum truth)(i >> 24 == '7'))
			T_FAIL("%u", i);
	}
	match_memo_stats(memo, &stats);
	CHECK(stats.bytes > 16 << 20 && stats.bytes <= MATCH_MEMO_BYTES);
	done(m, memo);
	free(text);
}

/* More literals than fit in the table: the states far from the root are of the other kind. */
TEST(many_long_literals)
{
	enum { N = 40000, LENGTH = 60 };
	struct matcher *m = new_matcher(MATCH_TEXT);
	struct match_memo *memo;
	char text[LENGTH + 1];
	uint64_t random = 1;
	char *all = malloc((size_t)N * LENGTH);

	REQUIRE(all);
	for (size_t i = 0; i < (size_t)N * LENGTH; i++) {
		random = random * 6364136223846793005u + 1442695040888963407u;
		all[i] = "ab"[random >> 63];
	}
	for (size_t i = 0; i < N; i++)
		add(m, i % 2 ? MATCH_ENDS : MATCH_CONTAINS, 0, all + i * LENGTH, LENGTH);
	memo = built(m);
	for (size_t i = 0; i < N; i += 7) {
		const struct match_row *row;

		memcpy(text, all + i * LENGTH, LENGTH);
		text[LENGTH] = 'a';
		row = match_string(memo, text, LENGTH, LENGTH);
		CHECK_EQ(match_truth(row, (uint32_t)i), TRUTH_YES);
		row = match_string(memo, text, LENGTH + 1, LENGTH + 1);
		CHECK_EQ(match_truth(row, (uint32_t)i), i % 2 == 0);
		text[LENGTH - 1] ^= 'a' ^ 'b';
		row = match_string(memo, text, LENGTH, LENGTH);
		CHECK_EQ(match_truth(row, (uint32_t)i), TRUTH_NO);
	}
	done(m, memo);
	free(all);
}

static void *run_in_thread(void *arg)
{
	struct match_memo *memo;
	char text[16];

	if (match_memo_new(arg, &memo, NULL) < 0)
		return NULL;
	for (unsigned i = 0; i < 3000; i++) {
		uint32_t n = (uint32_t)sprintf(text, "ab%u", i % 1000);

		if (match_truth(match_string(memo, text, n, n), i % 40) != TRUTH_YES) {
			match_memo_free(memo);
			return NULL;
		}
	}
	match_memo_free(memo);
	return arg;
}

TEST(threads_share_a_matcher)
{
	struct matcher *m = new_matcher(MATCH_TEXT);
	pthread_t threads[4];

	for (unsigned i = 0; i < 40; i++) {
		char pattern[32];

		sprintf(pattern, "a[b]\\d*%u$|ab\\d+(?!x)", i);
		add(m, MATCH_REGEX, 0, pattern, strlen(pattern));
	}
	REQUIRE(matcher_build(m, NULL) == 0);
	for (unsigned i = 0; i < 4; i++)
		REQUIRE(pthread_create(&threads[i], NULL, run_in_thread, m) == 0);
	for (unsigned i = 0; i < 4; i++) {
		void *ret;

		pthread_join(threads[i], &ret);
		CHECK(ret == m);
	}
	matcher_free(m);
}
