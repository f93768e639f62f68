/* SPDX-License-Identifier: BSD-2-Clause */
/* What each test of strings says, of whole and of cut ones, and what a matcher promises. */
#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "tests/unit/match_ask.h"

#define NO TRUTH_NO
#define YES TRUTH_YES
#define DUNNO TRUTH_UNKNOWN

struct example {
	enum match_op op;
	unsigned flags;
	const char *pattern, *bytes;
	int is_cut;
	enum truth answer;
};

static void check_texts(const struct example *e, size_t n)
{
	for (size_t i = 0; i < n; i++, e++) {
		struct question q = { MATCH_TEXT,	  e->op,    e->flags,	      e->pattern,
				      strlen(e->pattern), e->bytes, strlen(e->bytes), e->is_cut };
		enum truth answer = ask(&q);

		if (answer != e->answer)
			T_FAIL("example %zu, op %d, \"%s\" of \"%s\" (%d): %d, not %d", i, e->op,
			       e->pattern, e->bytes, e->is_cut, answer, e->answer);
	}
}

#define CHECK_TEXTS(examples) check_texts(examples, sizeof(examples) / sizeof((examples)[0]))

TEST(literals)
{
	static const struct example examples[] = {
		{ MATCH_EQUALS, 0, "/bin/sh", "/bin/sh", WHOLE, YES },
		{ MATCH_EQUALS, 0, "/bin/sh", "/bin/sH", WHOLE, NO },
		{ MATCH_EQUALS, 0, "/bin/sh", "/bin/s", WHOLE, NO },
		{ MATCH_EQUALS, 0, "/bin/sh", "/bin/sh ", WHOLE, NO },
		{ MATCH_EQUALS, 0, "aa", "aaa", WHOLE, NO },
		{ MATCH_EQUALS, 0, "", "", WHOLE, YES },
		{ MATCH_EQUALS, 0, "", "a", WHOLE, NO },
		{ MATCH_EQUALS, 0, "a", "", WHOLE, NO },
		{ MATCH_CONTAINS, 0, "in/", "/bin/sh", WHOLE, YES },
		{ MATCH_CONTAINS, 0, "in/", "/bi/n/sh", WHOLE, NO },
		{ MATCH_CONTAINS, 0, "", "", WHOLE, YES },
		{ MATCH_CONTAINS, 0, "", "a", WHOLE, YES },
		{ MATCH_CONTAINS, 0, "a", "", WHOLE, NO },
		{ MATCH_CONTAINS, 0, "a", "a", WHOLE, YES },
		{ MATCH_STARTS, 0, "/bin", "/bin/sh", WHOLE, YES },
		{ MATCH_STARTS, 0, "/bin", "/usr/bin", WHOLE, NO },
		{ MATCH_STARTS, 0, "/bin", "/bi", WHOLE, NO },
		{ MATCH_STARTS, 0, "", "", WHOLE, YES },
		{ MATCH_ENDS, 0, "/sh", "/bin/sh", WHOLE, YES },
		{ MATCH_ENDS, 0, "/sh", "/bin/sh/x", WHOLE, NO },
		{ MATCH_ENDS, 0, "/sh", "sh", WHOLE, NO },
		{ MATCH_ENDS, 0, "", "sh", WHOLE, YES },
	};

	CHECK_TEXTS(examples);
}

TEST(case_counts_unless_told)
{
	static const struct example examples[] = {
		{ MATCH_EQUALS, MATCH_NOCASE, "/Bin/SH", "/biN/sh", WHOLE, YES },
		{ MATCH_CONTAINS, MATCH_NOCASE, "IN/", "/bin/sh", WHOLE, YES },
		{ MATCH_STARTS, MATCH_NOCASE, "/b", "/Bin/sh", WHOLE, YES },
		{ MATCH_ENDS, MATCH_NOCASE, "Sh", "/Bin/sH", WHOLE, YES },
		{ MATCH_GLOB, MATCH_NOCASE, "/B*[H-I]", "/biN/sh", WHOLE, YES },
		{ MATCH_GLOB, MATCH_NOCASE, "/B*[!H-I]", "/biN/sh", WHOLE, NO },
		{ MATCH_GLOB, MATCH_NOCASE, "*Bi?/*", "/biN/sh", WHOLE, YES },
		{ MATCH_GLOB, 0, "*Bi?/*", "/biN/sh", WHOLE, NO },
		/* Letters of ASCII, and no others: { is [ with the bit of lower case. */
		{ MATCH_EQUALS, MATCH_NOCASE, "a{", "A{", WHOLE, YES },
		{ MATCH_EQUALS, MATCH_NOCASE, "a{", "A[", WHOLE, NO },
		{ MATCH_EQUALS, MATCH_NOCASE, "\xc4", "\xe4", WHOLE, NO },
		{ MATCH_EQUALS, MATCH_NOCASE, "@", "`", WHOLE, NO },
		{ MATCH_REGEX, 0, "(?i)b(i|o)n", "/BIN", WHOLE, YES },
		{ MATCH_REGEX, 0, "(?i)bin", "/BIN", WHOLE, YES },
		{ MATCH_REGEX, 0, "bin", "/BIN", WHOLE, NO },
		{ MATCH_REGEX, 0, "(?i).*(abc|def).*", "xDEFx", WHOLE, YES },
		{ MATCH_REGEX, 0, ".*(abc|def).*", "xDEFx", WHOLE, NO },
		/* The flag is not for patterns. */
		{ MATCH_REGEX, MATCH_NOCASE, "bi[n]", "/BIN", WHOLE, NO },
	};

	CHECK_TEXTS(examples);
}

TEST(globs)
{
	static const struct example examples[] = {
		{ MATCH_GLOB, 0, "", "", WHOLE, YES },
		{ MATCH_GLOB, 0, "", "a", WHOLE, NO },
		{ MATCH_GLOB, 0, "*", "", WHOLE, YES },
		{ MATCH_GLOB, 0, "**", "abc", WHOLE, YES },
		{ MATCH_GLOB, 0, "?", "", WHOLE, NO },
		{ MATCH_GLOB, 0, "?", "\n", WHOLE, YES },
		{ MATCH_GLOB, 0, "/b*x", "/bin/x", WHOLE, YES },
		{ MATCH_GLOB, 0, "/b*x", "/bin/xy", WHOLE, NO },
		{ MATCH_GLOB, 0, "/home/*/.ssh/*", "/home/a/b/.ssh/id", WHOLE, YES },
		{ MATCH_GLOB, 0, "/home/*/.ssh/*", "/home/.ssh/id", WHOLE, NO },
		{ MATCH_GLOB, 0, "*ab*ab", "abab", WHOLE, YES },
		{ MATCH_GLOB, 0, "*ab*ab", "ab", WHOLE, NO },
		{ MATCH_GLOB, 0, "ab*ba", "aba", WHOLE, NO },
		{ MATCH_GLOB, 0, "*a?c", "abcaxc", WHOLE, YES },
		{ MATCH_GLOB, 0, "[a-c]x", "bx", WHOLE, YES },
		{ MATCH_GLOB, 0, "[a-c]x", "dx", WHOLE, NO },
		{ MATCH_GLOB, 0, "[!a-c]x", "dx", WHOLE, YES },
		{ MATCH_GLOB, 0, "[!a-c]x", "x", WHOLE, NO },
		{ MATCH_GLOB, 0, "[]]", "]", WHOLE, YES },
		{ MATCH_GLOB, 0, "[!]]", "]", WHOLE, NO },
		{ MATCH_GLOB, 0, "[!]]", "a", WHOLE, YES },
		{ MATCH_GLOB, 0, "[a-]", "-", WHOLE, YES },
		{ MATCH_GLOB, 0, "[-a]", "-", WHOLE, YES },
		{ MATCH_GLOB, 0, "[c-a]", "b", WHOLE, NO },
		{ MATCH_GLOB, 0, "a[b", "a[b", WHOLE, YES },
		{ MATCH_GLOB, 0, "[", "[", WHOLE, YES },
		{ MATCH_GLOB, 0, "[!]", "[!]", WHOLE, YES },
		{ MATCH_GLOB, 0, "[^a]", "a", WHOLE, YES },
		{ MATCH_GLOB, 0, "x[*]y", "x*y", WHOLE, YES },
		{ MATCH_GLOB, 0, "x[*]y", "xay", WHOLE, NO },
		{ MATCH_GLOB, 0, "x[*]y[?]*", "x*y?z", WHOLE, YES },
		{ MATCH_GLOB, 0, "a\\*", "a\\b", WHOLE, YES },
		{ MATCH_GLOB, 0, "foo*", "food", WHOLE, YES },
		{ MATCH_GLOB, 0, "*foo", "food", WHOLE, NO },
		{ MATCH_GLOB, 0, "*foo*", "a food", WHOLE, YES },
	};

	CHECK_TEXTS(examples);
}

TEST(patterns)
{
	static const struct example examples[] = {
		{ MATCH_REGEX, 0, "^/bin/.$", "/bin/x", WHOLE, YES },
		{ MATCH_REGEX, 0, "^/bin/.$", "/bin/xy", WHOLE, NO },
		{ MATCH_REGEX, 0, "", "", WHOLE, YES },
		{ MATCH_REGEX, 0, ".*", "", WHOLE, YES },
		{ MATCH_REGEX, 0, "a.b", "a\nb", WHOLE, YES },
		{ MATCH_REGEX, MATCH_NO_DOTALL, "a.b", "a\nb", WHOLE, NO },
		{ MATCH_REGEX, 0, "b$", "b\n", WHOLE, NO },
		{ MATCH_REGEX, 0, "^[b]", "a\nb", WHOLE, NO },
		{ MATCH_REGEX, MATCH_MULTILINE, "^b", "a\nb", WHOLE, YES },
		{ MATCH_REGEX, MATCH_MULTILINE, "^a$", "a\nb", WHOLE, YES },
		{ MATCH_REGEX, 0, "^a$", "a\nb", WHOLE, NO },
		{ MATCH_REGEX, MATCH_WHOLE, "bin", "bin", WHOLE, YES },
		{ MATCH_REGEX, MATCH_WHOLE, "bin", "bins", WHOLE, NO },
		{ MATCH_REGEX, MATCH_WHOLE, "a|ab", "ab", WHOLE, YES },
		{ MATCH_REGEX, MATCH_WHOLE, "a|ab", "xab", WHOLE, NO },
		{ MATCH_REGEX, MATCH_WHOLE, ".*a|b", "ba", WHOLE, YES },
		{ MATCH_REGEX, MATCH_WHOLE, ".*a|b", "ab", WHOLE, NO },
		{ MATCH_REGEX, MATCH_WHOLE, ".*[a].*", "b\nab", WHOLE, YES },
		{ MATCH_REGEX, MATCH_WHOLE | MATCH_NO_DOTALL, ".*[a].*", "b\nab", WHOLE, NO },
		{ MATCH_REGEX, MATCH_WHOLE, ".*[a]", "bab", WHOLE, NO },
		{ MATCH_REGEX, MATCH_WHOLE, "[a].*", "bab", WHOLE, NO },
		{ MATCH_REGEX, MATCH_WHOLE, "(?-s)a.*", "a\n", WHOLE, NO },
		{ MATCH_REGEX, 0, "a\\.*", "a..", WHOLE, YES },
		{ MATCH_REGEX, 0, "[a]\\.*$", "a.b", WHOLE, NO },
		{ MATCH_REGEX, 0, "\\\\.*", "a", WHOLE, NO },
		{ MATCH_REGEX, 0, "\\\\.*", "\\", WHOLE, YES },
		{ MATCH_REGEX, 0, "x.*+", "xy", WHOLE, YES },
		{ MATCH_REGEX, 0, ".*+x", "yx", WHOLE, NO },
		{ MATCH_REGEX, 0, ".*?x", "yx", WHOLE, YES },
		{ MATCH_REGEX, 0, "\\Qa.*\\E", "a.*", WHOLE, YES },
		{ MATCH_REGEX, 0, "\\Qa.*\\E", "ab", WHOLE, NO },
		{ MATCH_REGEX, 0, "foo\\x41bar", "fooAbar", WHOLE, YES },
		{ MATCH_REGEX, 0, "foo\\x{41}bar", "fooAbar", WHOLE, YES },
		{ MATCH_REGEX, 0, "foo\\101bar", "fooAbar", WHOLE, YES },
		{ MATCH_REGEX, 0, "foo\\tbar", "foo\tbar", WHOLE, YES },
		{ MATCH_REGEX, 0, "(abc)\\1", "abcabc", WHOLE, YES },
		{ MATCH_REGEX, 0, "(?x) a b c # and .*", "abc", WHOLE, YES },
		{ MATCH_REGEX, 0, "x(?!abc)", "xyz", WHOLE, YES },
		{ MATCH_REGEX, 0, "(?<!abc)x", "x", WHOLE, YES },
		{ MATCH_REGEX, 0, "(abc)?x", "x", WHOLE, YES },
		{ MATCH_REGEX, 0, "(?:abc){0,2}x", "x", WHOLE, YES },
		{ MATCH_REGEX, 0, "abcd{0}", "abc", WHOLE, YES },
		{ MATCH_REGEX, 0, "abcd*e", "abce", WHOLE, YES },
		{ MATCH_REGEX, 0, "abcd+e", "abcdde", WHOLE, YES },
		{ MATCH_REGEX, 0, "ab{x", "ab{x", WHOLE, YES },
		{ MATCH_REGEX, 0, "abc|", "", WHOLE, YES },
		{ MATCH_REGEX, 0, "[[:alpha:]]]abc", "x]abc", WHOLE, YES },
		{ MATCH_REGEX, 0, "[]abc]xyz", "]xyz", WHOLE, YES },
		{ MATCH_REGEX, 0, "[\\]abc]xyz", "bxyz", WHOLE, YES },
		{ MATCH_REGEX, 0, ".*(backdoor|payload|c2|beacon).*", "/tmp/c2", WHOLE, YES },
		{ MATCH_REGEX, 0, ".*(backdoor|payload|c2|beacon).*", "/tmp/c3", WHOLE, NO },
		{ MATCH_REGEX, 0, "(/usr)?/bin/(nc|ncat)$", "/bin/ncat", WHOLE, YES },
		{ MATCH_REGEX, 0, "(?>ab|a)c", "abc", WHOLE, YES },
	};

	CHECK_TEXTS(examples);
}

TEST(of_what_is_cut_the_rest_may_matter)
{
	static const struct example examples[] = {
		{ MATCH_CONTAINS, 0, "in", "bin", LOST, YES },
		{ MATCH_CONTAINS, 0, "in", "bi", LOST, DUNNO },
		{ MATCH_CONTAINS, 0, "in", "a long one", LOST, DUNNO },
		{ MATCH_CONTAINS, 0, "inlet", "b", 4, NO },
		{ MATCH_CONTAINS, 0, "inlet", "b", 5, DUNNO },
		{ MATCH_STARTS, 0, "bin", "bin", LOST, YES },
		{ MATCH_STARTS, 0, "bin", "bi", LOST, DUNNO },
		{ MATCH_STARTS, 0, "bin", "bi", 3, DUNNO },
		{ MATCH_STARTS, 0, "bind", "bi", 3, NO },
		{ MATCH_STARTS, 0, "bin", "ba", LOST, NO },
		{ MATCH_STARTS, 0, "bin", "bananas", LOST, NO },
		{ MATCH_STARTS, 0, "bin", "binder", LOST, YES },
		{ MATCH_STARTS, 0, "bin", "", LOST, DUNNO },
		{ MATCH_EQUALS, 0, "bin", "bi", LOST, DUNNO },
		{ MATCH_EQUALS, 0, "bin", "bi", 3, DUNNO },
		{ MATCH_EQUALS, 0, "bin", "bi", 4, NO },
		{ MATCH_EQUALS, 0, "bin", "ba", 3, NO },
		{ MATCH_EQUALS, 0, "bin", "bin", 4, NO },
		{ MATCH_EQUALS, 0, "bin", "bins", LOST, NO },
		{ MATCH_ENDS, 0, "in", "bin", LOST, DUNNO },
		{ MATCH_ENDS, 0, "in", "a long one", LOST, DUNNO },
		{ MATCH_ENDS, 0, "inlet", "b", 4, NO },
		{ MATCH_ENDS, 0, "", "b", 4, YES },
		{ MATCH_GLOB, 0, "a*b?", "xa", LOST, NO },
		{ MATCH_GLOB, 0, "a*b?", "a", LOST, DUNNO },
		{ MATCH_GLOB, 0, "a*b?", "abc", LOST, DUNNO },
		{ MATCH_GLOB, 0, "a*b?", "a", 2, NO },
		{ MATCH_GLOB, 0, "a?c", "ab", LOST, DUNNO },
		{ MATCH_GLOB, 0, "a?c", "abcd", LOST, NO },
		{ MATCH_GLOB, 0, "a?c", "ab", 5, NO },
		{ MATCH_GLOB, 0, "a?c*", "abc", LOST, YES },
		{ MATCH_GLOB, 0, "a?c*", "ab", LOST, DUNNO },
		{ MATCH_GLOB, 0, "*", "", LOST, YES },
		{ MATCH_GLOB, 0, "*foo*", "a foo", LOST, YES },
		{ MATCH_GLOB, 0, "foo*", "a foo", LOST, NO },
		{ MATCH_REGEX, 0, "a[b]c", "abc", LOST, YES },
		{ MATCH_REGEX, 0, "a[b]c", "ab", LOST, DUNNO },
		{ MATCH_REGEX, 0, "a[b]c", "x", LOST, DUNNO },
		{ MATCH_REGEX, 0, "^a[b]c", "x", LOST, NO },
		{ MATCH_REGEX, 0, "^a[b]c", "", LOST, DUNNO },
		{ MATCH_REGEX, 0, "^a[b]c", "ab", LOST, DUNNO },
		{ MATCH_REGEX, 0, "^a[b]c", "abcd", LOST, YES },
		{ MATCH_REGEX, 0, "[c]$", "abc", LOST, DUNNO },
		{ MATCH_REGEX, 0, "[c]\\b", "abc", LOST, DUNNO },
		{ MATCH_REGEX, 0, "[c]\\b", "abc ", LOST, YES },
		{ MATCH_REGEX, 0, "[c](?!d)", "abc", LOST, DUNNO },
		{ MATCH_REGEX, 0, ".*[c].*", "abc", LOST, YES },
		{ MATCH_REGEX, 0, ".*(evil|bad).*", "so evil", LOST, YES },
		{ MATCH_REGEX, MATCH_WHOLE, "a[b]c", "abc", LOST, DUNNO },
		{ MATCH_REGEX, MATCH_WHOLE, "a[b]c", "xbcd", LOST, NO },
		{ MATCH_REGEX, MATCH_WHOLE, "a[b]c", "abcd", LOST, DUNNO },
		{ MATCH_REGEX, MATCH_WHOLE, "a[b]c", "ab", LOST, DUNNO },
		{ MATCH_REGEX, MATCH_WHOLE, "a[b].*", "abcd", LOST, YES },
		{ MATCH_REGEX, MATCH_WHOLE, "a[b].*", "ac", LOST, NO },
		{ MATCH_REGEX, MATCH_WHOLE, ".*[b]", "ab", LOST, DUNNO },
		{ MATCH_REGEX, MATCH_WHOLE, ".*[b].*", "abc", LOST, YES },
		{ MATCH_REGEX, MATCH_WHOLE, "", "", LOST, DUNNO },
	};

	CHECK_TEXTS(examples);
}

struct arguments {
	enum match_op op;
	const char *pattern;
	size_t pattern_length;
	const char *bytes;
	size_t length;
	int is_cut;
	enum truth answer;
};

#define BYTES(s) s, sizeof(s) - 1

TEST(arguments_are_values_of_their_own)
{
	static const struct arguments examples[] = {
		{ MATCH_EQUALS, BYTES("-l"), BYTES("ls\0-l\0x\0"), WHOLE, YES },
		{ MATCH_EQUALS, BYTES("-l"), BYTES("ls\0-la\0x\0"), WHOLE, NO },
		{ MATCH_EQUALS, BYTES("ls"), BYTES("ls\0-la\0x\0"), WHOLE, YES },
		{ MATCH_EQUALS, BYTES("x"), BYTES("ls\0-la\0x"), WHOLE, YES },
		{ MATCH_EQUALS, BYTES(""), BYTES("ls\0\0x\0"), WHOLE, YES },
		{ MATCH_EQUALS, BYTES(""), BYTES("ls\0x\0"), WHOLE, NO },
		{ MATCH_EQUALS, BYTES(""), BYTES(""), WHOLE, NO },
		{ MATCH_EQUALS, BYTES(""), BYTES("\0"), WHOLE, YES },
		{ MATCH_CONTAINS, BYTES(""), BYTES(""), WHOLE, NO },
		{ MATCH_CONTAINS, BYTES(""), BYTES("\0"), WHOLE, YES },
		{ MATCH_GLOB, BYTES("*"), BYTES(""), WHOLE, NO },
		{ MATCH_REGEX, BYTES("x*"), BYTES(""), WHOLE, NO },
		{ MATCH_CONTAINS, BYTES("s\0-"), BYTES("ls\0-l\0"), WHOLE, NO },
		{ MATCH_CONTAINS, BYTES("-l"), BYTES("ls\0--la\0"), WHOLE, YES },
		{ MATCH_STARTS, BYTES("-l"), BYTES("ls\0-la\0"), WHOLE, YES },
		{ MATCH_STARTS, BYTES("-l"), BYTES("ls\0--la\0"), WHOLE, NO },
		{ MATCH_ENDS, BYTES("-l"), BYTES("ls\0--l\0x\0"), WHOLE, YES },
		{ MATCH_ENDS, BYTES("-l"), BYTES("ls\0--la\0"), WHOLE, NO },
		{ MATCH_GLOB, BYTES("*a?c*e"), BYTES("ab\0cde\0"), WHOLE, NO },
		{ MATCH_GLOB, BYTES("*a?c*e"), BYTES("ab\0abcde\0"), WHOLE, YES },
		{ MATCH_REGEX, BYTES("^b.*c$"), BYTES("a\0bc\0d\0"), WHOLE, YES },
		{ MATCH_REGEX, BYTES("a.b"), BYTES("a\0b\0"), WHOLE, NO },
		{ MATCH_REGEX, BYTES("ab|b\\x00c"), BYTES("b\0c\0"), WHOLE, NO },
		{ MATCH_REGEX, BYTES("(?<=a.)b"), BYTES("a\0b\0"), WHOLE, NO },
		{ MATCH_EQUALS, BYTES("-l"), BYTES("ls\0-l\0x"), LOST, YES },
		{ MATCH_EQUALS, BYTES("x"), BYTES("ls\0-l\0x"), LOST, DUNNO },
		{ MATCH_EQUALS, BYTES("y"), BYTES("ls\0-l\0x"), 100, DUNNO },
		{ MATCH_STARTS, BYTES("x"), BYTES("ls\0-l\0xy"), LOST, YES },
		{ MATCH_ENDS, BYTES("y"), BYTES("ls\0-l\0xy"), LOST, DUNNO },
		{ MATCH_ENDS, BYTES("s"), BYTES("ls\0-l\0xy"), LOST, YES },
		{ MATCH_CONTAINS, BYTES("x"), BYTES("ls\0-l\0xy"), LOST, YES },
		{ MATCH_CONTAINS, BYTES("z"), BYTES("ls\0-l\0xy"), LOST, DUNNO },
		{ MATCH_CONTAINS, BYTES("s\0-"), BYTES("ls\0-l\0xy"), LOST, DUNNO },
		{ MATCH_EQUALS, BYTES(""), BYTES("ls\0"), LOST, DUNNO },
		{ MATCH_CONTAINS, BYTES(""), BYTES(""), LOST, DUNNO },
		{ MATCH_GLOB, BYTES("l?"), BYTES("ls\0-"), LOST, YES },
		{ MATCH_GLOB, BYTES("?q*"), BYTES("ls\0-"), LOST, DUNNO },
		{ MATCH_REGEX, BYTES("^l[s]$"), BYTES("ls\0-"), LOST, YES },
		{ MATCH_REGEX, BYTES("^-[s]$"), BYTES("ls\0-s"), LOST, DUNNO },
	};

	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		const struct arguments *e = &examples[i];
		struct question q = { MATCH_ARGS,	 e->op,	   0,	      e->pattern,
				      e->pattern_length, e->bytes, e->length, e->is_cut };
		enum truth answer = ask(&q);

		if (answer != e->answer)
			T_FAIL("example %zu: %d, not %d", i, answer, e->answer);
	}
}

TEST(a_text_may_have_any_bytes)
{
	static const char text[] = "ab\0cd";
	struct question q = { MATCH_TEXT, MATCH_CONTAINS, 0, "b\0c", 3, text, 5, WHOLE };

	CHECK_EQ(ask(&q), YES);
	q.pattern = "a\0\xff";
	CHECK_EQ(ask(&q), NO);
	q.op = MATCH_REGEX;
	q.pattern = "b\0[";
	q.pattern_length = 2;
	CHECK_EQ(ask(&q), YES);
}

TEST(every_byte_is_itself)
{
	struct matcher *m = new_matcher(MATCH_TEXT);
	struct match_memo *memo;
	uint8_t all[256];

	for (unsigned i = 0; i < 256; i++) {
		all[i] = (uint8_t)i;
		CHECK_EQ(add(m, MATCH_CONTAINS, 0, &all[i], 1), i);
	}
	memo = built(m);
	for (unsigned i = 0; i < 256; i++) {
		const struct match_row *row = match_string(memo, &all[i], 1, 1);

		for (unsigned k = 0; k < 256; k++)
			CHECK_EQ(match_truth(row, k), i == k);
	}
	done(m, memo);
}

TEST(the_same_test_is_one)
{
	struct matcher *m = new_matcher(MATCH_TEXT);

	CHECK_EQ(add(m, MATCH_CONTAINS, 0, "abc", 3), 0);
	CHECK_EQ(add(m, MATCH_STARTS, 0, "abc", 3), 1);
	CHECK_EQ(add(m, MATCH_CONTAINS, 0, "abc", 3), 0);
	CHECK_EQ(add(m, MATCH_CONTAINS, MATCH_NOCASE, "ABC", 3), 2);
	CHECK_EQ(add(m, MATCH_CONTAINS, MATCH_NOCASE, "abc", 3), 2);
	CHECK_EQ(add(m, MATCH_CONTAINS, MATCH_NOCASE, "12", 2), 3);
	CHECK_EQ(add(m, MATCH_CONTAINS, 0, "12", 2), 3);
	CHECK_EQ(add(m, MATCH_GLOB, 0, "*abc*", 5), 0);
	CHECK_EQ(add(m, MATCH_REGEX, 0, "^abc", 4), 1);
	CHECK_EQ(add(m, MATCH_REGEX, MATCH_MULTILINE, "^abc", 4), 4);
	CHECK_EQ(matcher_n_tests(m), 5);
	for (unsigned i = 0; i < 1000; i++)
		CHECK_EQ(add(m, MATCH_EQUALS, 0, &i, sizeof(i)), 5 + i);
	for (unsigned i = 0; i < 1000; i++)
		CHECK_EQ(add(m, MATCH_EQUALS, 0, &i, sizeof(i)), 5 + i);
	matcher_free(m);
}

TEST(what_does_not_compile_is_refused)
{
	static const char *const bad[] = { "(",	   "a{2,1}", "[a",	"(?<n>a)\\k<m>",
					   "*a",   "\\",     "(*UTF)a", "{2}",
					   "a**{", ".*(.*",  "(?i)(.*" };
	struct matcher *m = new_matcher(MATCH_TEXT);
	struct reel_err err = { 0 };
	uint32_t test;
	char *room = calloc(1, 1 << 20);

	REQUIRE(room);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]) - 3; i++) {
		if (matcher_add(m, MATCH_REGEX, 0, bad[i], strlen(bad[i]), &test, &err) != -EINVAL)
			T_FAIL("%s is not refused", bad[i]);
	}
	CHECK_EQ(matcher_add(m, MATCH_REGEX, 0, ".*(.*", 5, &test, &err), -EINVAL);
	CHECK(strstr(err.msg, "offset 5"));
	CHECK_EQ(matcher_add(m, MATCH_EQUALS, 0, room, 1 << 20, &test, &err), -EINVAL);
	CHECK_EQ(matcher_n_tests(m), 0);
	REQUIRE(matcher_build(m, &err) == 0);
	CHECK_EQ(matcher_add(m, MATCH_EQUALS, 0, "a", 1, &test, &err), -EBUSY);
	CHECK_EQ(matcher_build(m, &err), -EBUSY);
	matcher_free(m);
	free(room);
}

TEST(a_matcher_may_be_empty)
{
	struct matcher *m = new_matcher(MATCH_TEXT);
	struct match_memo *memo = built(m);
	const struct match_row *row = match_string(memo, "abc", 3, 3);

	CHECK(row->is_empty && !row->has_unknown);
	CHECK(match_string(memo, NULL, 0, 0) == row);
	CHECK(match_string(memo, "a", 1, EV_UNKNOWN_LENGTH) == row);
	done(m, memo);
}

/* Time and memory ----------------------------------------------------------------------------- */

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
	CHECK(most > 20 << 20 && most <= MATCH_MEMO_BYTES);
	/* Too long to be remembered. */
	for (unsigned i = 0; i < 2; i++)
		CHECK(match_string(memo, text, 2 << 20, 2 << 20)->is_empty);
	match_memo_stats(memo, &stats);
	CHECK_EQ(stats.tested, 40002);
	CHECK_EQ(stats.strings, 40002);
	/* Short ones. */
	for (uint32_t i = 0; i < 2000000; i++) {
		const struct match_row *row = match_string(memo, &i, 4, 4);

		if (match_truth(row, 0) != (enum truth)(i >> 24 == '7'))
			T_FAIL("%u", i);
	}
	match_memo_stats(memo, &stats);
	CHECK(stats.bytes <= MATCH_MEMO_BYTES);
	done(m, memo);
	free(text);
}

TEST(a_cut_string_is_another)
{
	struct matcher *m = new_matcher(MATCH_TEXT);
	uint32_t test = add(m, MATCH_ENDS, 0, "bc", 2);
	struct match_memo *memo = built(m);

	for (unsigned i = 0; i < 2; i++) {
		CHECK_EQ(match_truth(match_string(memo, "abc", 3, 3), test), YES);
		CHECK_EQ(match_truth(match_string(memo, "abc", 3, 4), test), DUNNO);
		CHECK_EQ(match_truth(match_string(memo, "abc", 3, EV_UNKNOWN_LENGTH), test), DUNNO);
		CHECK_EQ(match_truth(match_string(memo, "abd", 3, 3), test), NO);
	}
	done(m, memo);
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
		CHECK_EQ(match_truth(row, (uint32_t)i), YES);
		row = match_string(memo, text, LENGTH + 1, LENGTH + 1);
		CHECK_EQ(match_truth(row, (uint32_t)i), i % 2 == 0);
		text[LENGTH - 1] ^= 'a' ^ 'b';
		row = match_string(memo, text, LENGTH, LENGTH);
		CHECK_EQ(match_truth(row, (uint32_t)i), NO);
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
