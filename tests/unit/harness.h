/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A unit test is one program: include this once, write TEST(name) { ... } as often as needed, and
 * main() comes along. The tests run in the order of the file, or only those named on the command
 * line, and each is a line "ok N - name" or "not ok N - name" on stdout.
 *
 *	TEST(sizes_have_units)
 *	{
 *		uint64_t n;
 *
 *		REQUIRE(reel_parse_size("4K", &n, NULL) == 0);
 *		CHECK_EQ(n, 4096);
 *	}
 *
 * A failed CHECK is noted and the test goes on; a failed REQUIRE ends the test, so it belongs into
 * the test itself and not into functions that it calls. SKIP(why) ends it as skipped.
 */
#ifndef REEL_TESTS_UNIT_HARNESS_H
#define REEL_TESTS_UNIT_HARNESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct t_test {
	const char *name;
	void (*run)(void);
	struct t_test *next;
};

static struct {
	struct t_test *first, **last;
	const char *skipped;
	bool failed;
} t_state;

static inline void t_add(struct t_test *t)
{
	if (!t_state.last)
		t_state.last = &t_state.first;
	*t_state.last = t;
	t_state.last = &t->next;
}

#define TEST(ident)                                                      \
	static void test_##ident(void);                                  \
	__attribute__((constructor)) static void t_add_##ident(void)     \
	{                                                                \
		static struct t_test t = { #ident, test_##ident, NULL }; \
		t_add(&t);                                               \
	}                                                                \
	static void test_##ident(void)

#define T_FAIL(...)                                      \
	do {                                             \
		t_state.failed = true;                   \
		printf("# %s:%d: ", __FILE__, __LINE__); \
		printf(__VA_ARGS__);                     \
		putchar('\n');                           \
	} while (0)

#define CHECK(cond)                          \
	do {                                 \
		if (!(cond))                 \
			T_FAIL("%s", #cond); \
	} while (0)

#define REQUIRE(cond)                        \
	do {                                 \
		if (!(cond)) {               \
			T_FAIL("%s", #cond); \
			return;              \
		}                            \
	} while (0)

/* Integers of any two types. */
#define CHECK_EQ(got, want)                                                                    \
	do {                                                                                   \
		long long t_got = (long long)(got), t_want = (long long)(want);                \
		if (t_got != t_want)                                                           \
			T_FAIL("%s is %lld (0x%llx), not %lld (0x%llx)", #got, t_got,          \
			       (unsigned long long)t_got, t_want, (unsigned long long)t_want); \
	} while (0)

/* Strings, either of which may be NULL. */
#define CHECK_STR(got, want)                                                               \
	do {                                                                               \
		const char *t_got = (got), *t_want = (want);                               \
		if (t_got != t_want && (!t_got || !t_want || strcmp(t_got, t_want) != 0))  \
			T_FAIL("%s is \"%s\", not \"%s\"", #got, t_got ? t_got : "(null)", \
			       t_want ? t_want : "(null)");                                \
	} while (0)

#define CHECK_MEM(got, want, n)                                                                   \
	do {                                                                                      \
		const unsigned char *t_got = (const void *)(got), *t_want = (const void *)(want); \
		size_t t_n = (n), t_i = 0;                                                        \
		while (t_i < t_n && t_got[t_i] == t_want[t_i])                                    \
			t_i++;                                                                    \
		if (t_i < t_n)                                                                    \
			T_FAIL("%s: byte %zu is %02x, not %02x", #got, t_i, t_got[t_i],           \
			       t_want[t_i]);                                                      \
	} while (0)

#define SKIP(why)                        \
	do {                             \
		t_state.skipped = (why); \
		return;                  \
	} while (0)

static bool t_wanted(const struct t_test *t, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], t->name) == 0)
			return true;
	return argc <= 1;
}

int main(int argc, char **argv)
{
	unsigned n = 0, n_failed = 0;

	setvbuf(stdout, NULL, _IOLBF, 0); /* a crash must not take the lines before it along */
	for (const struct t_test *t = t_state.first; t; t = t->next) {
		if (!t_wanted(t, argc, argv))
			continue;
		t_state.failed = false;
		t_state.skipped = NULL;
		t->run();
		n_failed += t_state.failed;
		printf("%s %u - %s", t_state.failed ? "not ok" : "ok", ++n, t->name);
		if (t_state.skipped && !t_state.failed)
			printf(" # SKIP %s", t_state.skipped);
		putchar('\n');
	}
	printf("1..%u\n", n);
	return n_failed > 0;
}

#endif
