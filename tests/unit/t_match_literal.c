/* SPDX-License-Identifier: BSD-2-Clause */
/* Which literals are found in patterns and globs; that they are needed is for the random tests. */
#include "replay/match_test.h"
#include "tests/unit/harness.h"

/* "a|b", with = in front if they are all that is asked for, and i if case does not count. */
static const char *literals(const char *pattern)
{
	static char text[4096];
	struct match_literals l;
	const uint8_t *bytes = l.bytes;
	size_t n = 0;

	match_literals((const uint8_t *)pattern, strlen(pattern), &l);
	if (!l.n)
		return "";
	if (l.is_exact)
		text[n++] = '=';
	if (l.nocase)
		text[n++] = 'i';
	for (unsigned i = 0; i < l.n; bytes += l.lengths[i++])
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%.*s", i ? "|" : "",
				      l.lengths[i], (const char *)bytes);
	return text;
}

TEST(literals_of_patterns)
{
	static const struct {
		const char *pattern, *found;
	} examples[] = {
		{ "", "" },
		{ "a", "" },
		{ "abc", "=abc" },
		{ "(?i)aBc", "=iabc" },
		{ "(?im)aBc", "=iabc" },
		{ "(?x)abc", "" },
		{ "ab(?i)cd", "" },
		{ "abc|de", "=abc|de" },
		{ "abc|d", "" },
		{ "abc|[de]", "" },
		{ ".*(backdoor|payload|c2|beacon).*", "backdoor|payload|c2|beacon" },
		{ "ab(c|de)f", "=abcf|abdef" },
		{ "https?://", "=https://|http://" },
		{ "/(nc|ncat)$", "/nc|/ncat" },
		{ "(^|/)ncat$", "ncat" },
		{ "ab.cdef[gh]ij", "cdef" },
		{ "abc*de", "ab" },
		{ "abc+de", "abc" },
		{ "abc+defg", "cdefg" },
		{ "(ab|cd)+ef", "abef|cdef" },
		{ "(abc)?de", "=abcde|de" },
		{ "(abc)*de", "de" },
		{ "(abc){2,}d", "abcd" },
		{ "a{0}bc", "bc" },
		{ "foo\\.bar", "=foo.bar" },
		{ "foo\\x2fbar", "=foo/bar" },
		{ "foo\\tbar", "=foo\tbar" },
		{ "foo\\d+bars", "bars" },
		{ "foo\\101bar", "" },
		{ "(foo)\\1", "" },
		{ "\\Qfoo\\E", "" },
		{ "(?=foo)bar", "bar" },
		{ "(?!foo)bar", "bar" },
		{ "(?<!foo)", "" },
		{ "(?>foo|fo)x", "foo|fo" },
		{ "fo?+obar", "obar" },
		{ "(?:foo|ba)r", "=foor|bar" },
		{ "(?P<name>foo)", "" },
		{ "[[:alpha:]]foo", "foo" },
		{ "[]x]foo", "foo" },
		{ "[^]x]foo", "foo" },
		{ "[[.x.]]foo", "" },
		{ "(*COMMIT)foo", "" },
		{ "foo(", "" },
		{ "foo)", "" },
		{ "fo{2,x}", "" },
		{ "foo{x}", "=foo{x}" },
		{ "^foo$", "foo" },
	};

	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		const char *found = literals(examples[i].pattern);

		if (strcmp(found, examples[i].found) != 0)
			T_FAIL("%s: \"%s\", not \"%s\"", examples[i].pattern, found,
			       examples[i].found);
	}
}

/* Never more than there is room for, and nothing half. */
TEST(literals_are_bounded)
{
	static char pattern[64 << 10];
	struct match_literals l;
	size_t n = 0;

	for (unsigned i = 0; i < 40; i++)
		n += (size_t)sprintf(pattern + n, "(ab|cd|ef|gh)");
	match_literals((const uint8_t *)pattern, n, &l);
	CHECK(l.n && l.n <= MATCH_LITERALS_MAX && !l.is_exact);
	for (n = 0; n < 400;)
		n += (size_t)sprintf(pattern + n, "a%zu|", n + 10);
	match_literals((const uint8_t *)pattern, n - 1, &l);
	CHECK_EQ(l.n, 0);
	memset(pattern, 'a', sizeof(pattern));
	match_literals((const uint8_t *)pattern, sizeof(pattern), &l);
	CHECK(l.n == 1 && !l.is_exact && l.lengths[0] == MATCH_LITERALS_BYTES);
	memset(pattern, '(', 1000);
	memset(pattern + 1000, ')', 1000);
	match_literals((const uint8_t *)pattern, 2000, &l);
	CHECK_EQ(l.n, 0);
}

TEST(literals_of_globs)
{
	static const struct {
		const char *glob, *found;
		enum match_op op;
	} examples[] = {
		{ "", "", MATCH_EQUALS },
		{ "*", "", MATCH_CONTAINS },
		{ "abc", "abc", MATCH_EQUALS },
		{ "abc*", "abc", MATCH_STARTS },
		{ "**abc", "abc", MATCH_ENDS },
		{ "*abc**", "abc", MATCH_CONTAINS },
		{ "*a[*]c", "a*c", MATCH_ENDS },
		{ "a*b", "a", MATCH_GLOB },
		{ "a*bcd?ef", "bcd", MATCH_GLOB },
		{ "?abc", "abc", MATCH_GLOB },
		{ "abc[de]", "abc", MATCH_GLOB },
		{ "ab[!]", "ab[!]", MATCH_EQUALS },
		{ "a[!b]cd[e]f", "cdef", MATCH_GLOB },
	};

	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		const char *glob = examples[i].glob;
		uint8_t found[64];
		enum match_op op;
		size_t n = match_glob_literal((const uint8_t *)glob, strlen(glob), found, &op);

		if (n != strlen(examples[i].found) || memcmp(found, examples[i].found, n) != 0 ||
		    op != examples[i].op)
			T_FAIL("%s: \"%.*s\" (%d), not \"%s\"", glob, (int)n, (const char *)found,
			       op, examples[i].found);
	}
}
