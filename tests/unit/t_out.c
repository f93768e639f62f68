/* SPDX-License-Identifier: BSD-2-Clause */
#include "format/out.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "harness.h"

/* What a writer to memory holds, as a string; the writer starts again. */
static const char *text_of(struct reel_out *o)
{
	static char text[4096];

	snprintf(text, sizeof(text), "%.*s", (int)o->len, o->buf);
	out_reset(o);
	return text;
}

static const char *json(struct reel_out *o, const char *bytes, size_t len, bool replaced)
{
	CHECK_EQ(out_json_string(o, bytes, len), replaced);
	return text_of(o);
}

static const char *shown(struct reel_out *o, const char *bytes, size_t len)
{
	out_text_string(o, bytes, len);
	return text_of(o);
}

static const char *csv(struct reel_out *o, const char *bytes, size_t len)
{
	out_csv_field(o, bytes, len);
	return text_of(o);
}

/* A literal with its length, so that it may hold a NUL. */
#define LIT(s) (s), sizeof(s) - 1

TEST(numbers_are_what_printf_makes_of_them)
{
	static const uint64_t edges[] = {
		0,   1,	  7,   8,   9,	 10,   15,    16,	  63,	     64,	99,
		100, 101, 511, 512, 999, 1000, 65535, UINT32_MAX, INT64_MAX, UINT64_MAX
	};
	struct reel_out o;
	char want[64];
	uint64_t v = 1;

	REQUIRE(out_init_mem(&o) == 0);
	for (unsigned i = 0; i < sizeof(edges) / sizeof(edges[0]) + 2000; i++) {
		v = v * 6364136223846793005ULL + 1442695040888963407ULL;
		uint64_t n = i < sizeof(edges) / sizeof(edges[0]) ? edges[i] : v >> i % 64;

		out_u64(&o, n);
		snprintf(want, sizeof(want), "%" PRIu64, n);
		CHECK_STR(text_of(&o), want);
		out_s64(&o, (int64_t)n);
		snprintf(want, sizeof(want), "%" PRId64, (int64_t)n);
		CHECK_STR(text_of(&o), want);
		out_hex(&o, n);
		snprintf(want, sizeof(want), "0x%" PRIx64, n);
		CHECK_STR(text_of(&o), want);
		out_oct(&o, n);
		snprintf(want, sizeof(want), "%#" PRIo64, n);
		CHECK_STR(text_of(&o), want);
	}
	out_s64(&o, INT64_MIN);
	CHECK_STR(text_of(&o), "-9223372036854775808");
	out_hex_pad(&o, 0xabcdef0123, 8);
	CHECK_STR(text_of(&o), "cdef0123");
	out_hex_pad(&o, UINT64_MAX, 16);
	CHECK_STR(text_of(&o), "ffffffffffffffff");
	out_hex_bytes(&o, "\x00\xff\x1a", 3);
	CHECK_STR(text_of(&o), "00ff1a");
	out_hex_bytes(&o, NULL, 0);
	CHECK_STR(text_of(&o), "");
	out_done(&o);
}

TEST(json_passes_plain_text_and_escapes_controls)
{
	struct reel_out o;
	char want[32];

	REQUIRE(out_init_mem(&o) == 0);
	CHECK_STR(json(&o, "", 0, false), "\"\"");
	CHECK_STR(json(&o, NULL, 0, false), "\"\"");
	CHECK_STR(json(&o, LIT("/usr/bin/python3.11"), false), "\"/usr/bin/python3.11\"");
	CHECK_STR(json(&o, LIT("a\"b\\c\nd\te\rf\bg\fh"), false),
		  "\"a\\\"b\\\\c\\nd\\te\\rf\\bg\\fh\"");
	CHECK_STR(json(&o, LIT("\xc2\x85\xc2\x9b\xc2\xa0"), false), "\"\\u0085\\u009b\xc2\xa0\"");
	CHECK_STR(json(&o, LIT("\xe2\x80\xa8\xe2\x80\xa9"), false), "\"\xe2\x80\xa8\xe2\x80\xa9\"");

	/* Each byte on each place of a word, so that all lanes of the fast path are seen. */
	for (unsigned c = 0; c < 0x80; c++) {
		for (size_t at = 0; at < 17; at++) {
			char bytes[17];
			bool plain = c >= 0x20 && c < 0x7f && c != '"' && c != '\\';

			memset(bytes, '~', sizeof(bytes));
			bytes[at] = (char)c;
			CHECK(!out_json_string(&o, bytes, sizeof(bytes)));
			CHECK_EQ(o.len > sizeof(bytes) + 2, !plain);
			if (plain)
				CHECK_MEM(o.buf + 1, bytes, sizeof(bytes));
			for (size_t i = 0; i < o.len; i++)
				CHECK(o.buf[i] >= 0x20 && o.buf[i] < 0x7f);
			out_reset(&o);
		}
		if ((c < 0x20 && !strchr("\b\t\n\f\r", (int)c)) || c == 0x7f || c == 0) {
			char byte = (char)c;

			snprintf(want, sizeof(want), "\"\\u%04x\"", c);
			CHECK_STR(json(&o, &byte, 1, false), want);
		}
	}
	out_done(&o);
}

#define FFFD "\xef\xbf\xbd"

TEST(json_replaces_each_invalid_part_once)
{
	static const struct {
		const char *bytes, *want;
	} cases[] = {
		{ "\x80", FFFD },
		{ "\xbf\xbf", FFFD FFFD },
		{ "\xc0\xaf", FFFD FFFD },		     /* overlong / */
		{ "\xc1\xbf", FFFD FFFD },		     /* overlong DEL */
		{ "\xe0\x80\xaf", FFFD FFFD FFFD },	     /* overlong */
		{ "\xe0\x9f\xbf", FFFD FFFD FFFD },	     /* overlong U+07FF */
		{ "\xf0\x80\x80\xaf", FFFD FFFD FFFD FFFD }, /* overlong */
		{ "\xf0\x8f\xbf\xbf", FFFD FFFD FFFD FFFD }, /* overlong U+FFFF */
		{ "\xed\xa0\x80", FFFD FFFD FFFD },	     /* U+D800 */
		{ "\xed\xbf\xbf", FFFD FFFD FFFD },	     /* U+DFFF */
		{ "\xf4\x90\x80\x80", FFFD FFFD FFFD FFFD }, /* U+110000 */
		{ "\xf5\x80\x80\x80", FFFD FFFD FFFD FFFD },
		{ "\xfe\xff", FFFD FFFD },
		{ "\xc2", FFFD },
		{ "\xe2\x82", FFFD }, /* cut by the end */
		{ "\xf0\x9f\x98", FFFD },
		{ "\xe2\x82x", FFFD "x" },
		{ "\xf0\x9f\x98\xe2\x82\xac", FFFD "\xe2\x82\xac" },
		{ "\xc3\x28", FFFD "(" },
		{ "ok\xff", "ok" FFFD },
	};
	static const char *const valid[] = {
		"\xc2\xa0",	    "\xdf\xbf",		"\xe0\xa0\x80",	      "\xed\x9f\xbf",
		"\xee\x80\x80",	    "\xef\xbf\xbd",	"\xef\xbf\xbf",	      "\xf0\x90\x80\x80",
		"\xf4\x8f\xbf\xbf", "\xf0\x9f\x98\x80", "gr\xc3\xbc\xc3\x9f",
	};
	struct reel_out o;
	char want[64];

	REQUIRE(out_init_mem(&o) == 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(want, sizeof(want), "\"%s\"", cases[i].want);
		CHECK_STR(json(&o, cases[i].bytes, strlen(cases[i].bytes), true), want);
	}
	for (size_t i = 0; i < sizeof(valid) / sizeof(valid[0]); i++) {
		snprintf(want, sizeof(want), "\"%s\"", valid[i]);
		CHECK_STR(json(&o, valid[i], strlen(valid[i]), false), want);
	}
	out_done(&o);
}

/* All of Unicode through the decoder, and all that it must refuse below four bytes. */
TEST(utf8_is_strict)
{
	uint32_t got, n_valid = 0;
	size_t invalid;
	uint8_t s[4];

	for (uint32_t c = 0; c <= 0x110fff; c++) {
		size_t len = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
		bool ok = c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);

		for (size_t i = len - 1, rest = c; i > 0; i--, rest >>= 6)
			s[i] = (uint8_t)(0x80 | (rest & 0x3f));
		s[0] = (uint8_t)(len == 1 ? c : (0xf00 >> len & 0xff) | c >> 6 * (len - 1));
		if (out_utf8_next(s, len, &got, &invalid) != (ok ? len : 0) || (ok && got != c))
			T_FAIL("U+%04X", c);
		if (ok && len > 1 && out_utf8_next(s, len - 1, &got, &invalid) != 0)
			T_FAIL("U+%04X cut", c);
	}
	for (uint32_t v = 0; v < 1 << 24; v++) {
		s[0] = (uint8_t)(v >> 16);
		s[1] = (uint8_t)(v >> 8);
		s[2] = (uint8_t)v;
		n_valid += out_utf8_next(s, 3, &got, &invalid) == 3;
	}
	CHECK_EQ(n_valid, 0x10000 - 0x800 - 0x800);
}

TEST(people_get_text_that_cannot_drive_a_terminal)
{
	struct reel_out o;
	char bytes[2] = "x";

	REQUIRE(out_init_mem(&o) == 0);
	CHECK_STR(shown(&o, LIT("/etc/passwd")), "/etc/passwd");
	CHECK_STR(shown(&o, LIT("gr\xc3\xbc\xc3\x9f")), "gr\xc3\xbc\xc3\x9f");
	CHECK_STR(shown(&o, "", 0), "\"\"");
	CHECK_STR(shown(&o, LIT("a b")), "\"a b\"");
	CHECK_STR(shown(&o, LIT("a'b")), "\"a'b\"");
	CHECK_STR(shown(&o, LIT("a\"b")), "\"a\\\"b\"");
	CHECK_STR(shown(&o, LIT("a\\nb")), "\"a\\\\nb\"");
	CHECK_STR(shown(&o, LIT("a\nb\tc\rd\0e\x1b[2J\x7f")),
		  "\"a\\nb\\tc\\x0dd\\x00e\\x1b[2J\\x7f\"");
	CHECK_STR(shown(&o, LIT("\xff\xc3(")), "\"\\xff\\xc3(\"");
	CHECK_STR(shown(&o, LIT("\xe2\x82")), "\"\\xe2\\x82\"");
	CHECK_STR(shown(&o, LIT("\xc2\x9b"
				"31m")),
		  "\"\\xc2\\x9b31m\"");
	CHECK_STR(shown(&o, LIT("\xc2\x80\xc2\x9f\xc2\xa1")), "\"\\xc2\\x80\\xc2\\x9f\xc2\xa1\"");
	CHECK_STR(shown(&o, LIT("exe\xe2\x80\xaegpj.")), "\"exe\\xe2\\x80\\xaegpj.\"");
	CHECK_STR(shown(&o, LIT("\xe2\x81\xa6\xe2\x81\xa9\xe2\x81\xaa")),
		  "\"\\xe2\\x81\\xa6\\xe2\\x81\\xa9\xe2\x81\xaa\"");
	for (unsigned c = 0; c < 256; c++) {
		bytes[0] = (char)c;
		out_text_string(&o, bytes, 1);
		for (size_t i = 0; i < o.len; i++)
			CHECK(o.buf[i] >= 0x20 && o.buf[i] < 0x7f);
		CHECK_EQ(o.len == 1, c > 0x20 && c < 0x7f && !strchr("\"'\\", (int)c));
		out_reset(&o);
	}
	out_done(&o);
}

TEST(csv_keeps_the_bytes)
{
	struct reel_out o;

	REQUIRE(out_init_mem(&o) == 0);
	CHECK_STR(csv(&o, NULL, 0), "");
	CHECK_STR(csv(&o, LIT("a b")), "a b");
	CHECK_STR(csv(&o, LIT("\xff\x1b")), "\xff\x1b");
	CHECK_STR(csv(&o, LIT("a,b")), "\"a,b\"");
	CHECK_STR(csv(&o, LIT("a\nb")), "\"a\nb\"");
	CHECK_STR(csv(&o, LIT("a\rb")), "\"a\rb\"");
	CHECK_STR(csv(&o, LIT("\"")), "\"\"\"\"");
	CHECK_STR(csv(&o, LIT("say \"hi\", x")), "\"say \"\"hi\"\", x\"");
	out_done(&o);
}

TEST(memory_grows)
{
	struct reel_out o;
	volatile size_t too_much = SIZE_MAX / 2; /* volatile: the compiler knows better, too */
	char *big = malloc(1 << 20);

	REQUIRE(big);
	memset(big, 'x', 1 << 20);
	REQUIRE(out_init_mem(&o) == 0);
	for (int i = 0; i < 3; i++) {
		out_mem(&o, big, 1 << 20);
		out_char(&o, '\n');
	}
	CHECK_EQ(o.len, 3 * ((1 << 20) + 1));
	CHECK_EQ(o.buf[(1 << 20)], '\n');
	CHECK_EQ(out_flush(&o), 0);
	CHECK_EQ(o.len, 3 * ((1 << 20) + 1));

	/* More than memory can hold is an error that stays, and writing goes on harmlessly. */
	out_mem(&o, big, too_much);
	CHECK_EQ(out_error(&o), -ENOMEM);
	for (int i = 0; i < 10000000; i++)
		out_u64(&o, UINT64_MAX);
	CHECK_EQ(out_flush(&o), -ENOMEM);
	out_reset(&o);
	out_str(&o, "again");
	CHECK_EQ(out_error(&o), 0);
	CHECK_STR(text_of(&o), "again");
	out_done(&o);
	out_done(&o);
	free(big);
}

TEST(a_file_gets_every_byte_in_order)
{
	FILE *f = tmpfile();
	char *big = malloc(300000), *back = malloc(4000000);
	struct reel_out o;
	size_t n = 0;

	REQUIRE(f && big && back);
	REQUIRE(out_init(&o, fileno(f)) == 0);
	memset(big, 'b', 300000);
	for (uint64_t i = 0; i < 200000; i++) {
		out_u64(&o, i);
		out_char(&o, '\n');
		if (i % 50000 == 0)
			out_mem(&o, big, 300000);
	}
	CHECK_EQ(out_flush(&o), 0);
	CHECK_EQ(o.flushed, lseek(fileno(f), 0, SEEK_END));
	CHECK_EQ(pread(fileno(f), back, 4000000, 0), (long long)o.flushed);
	for (uint64_t i = 0; i < 200000; i++) {
		char want[24];
		int len = snprintf(want, sizeof(want), "%" PRIu64 "\n", i);

		if (memcmp(back + n, want, (size_t)len) != 0) {
			T_FAIL("line %" PRIu64, i);
			break;
		}
		n += (size_t)len;
		if (i % 50000 == 0) {
			CHECK(memcmp(back + n, big, 300000) == 0);
			n += 300000;
		}
	}
	CHECK_EQ(n, o.flushed);
	out_done(&o);
	free(big);
	free(back);
	fclose(f);
}

TEST(errors_stay_and_a_closed_pipe_is_told_apart)
{
	struct reel_out o;
	int fds[2], full;

	signal(SIGPIPE, SIG_IGN);
	REQUIRE(pipe(fds) == 0);
	close(fds[0]);
	REQUIRE(out_init(&o, fds[1]) == 0);
	out_str(&o, "x");
	CHECK_EQ(out_error(&o), 0);
	CHECK_EQ(out_flush(&o), -EPIPE);
	for (int i = 0; i < 200000; i++)
		out_str(&o, "more");
	CHECK_EQ(out_flush(&o), -EPIPE);
	CHECK_EQ(o.flushed, 0);
	out_done(&o);
	close(fds[1]);

	full = open("/dev/full", O_WRONLY);
	REQUIRE(full >= 0);
	REQUIRE(out_init(&o, full) == 0);
	out_str(&o, "x");
	CHECK_EQ(out_flush(&o), -ENOSPC);
	out_done(&o);
	close(full);
}

TEST(a_non_blocking_pipe_is_waited_for)
{
	struct reel_out o;
	char *big = calloc(1, 1 << 20);
	size_t n = 0;
	int fds[2];
	pid_t child;

	REQUIRE(big && pipe2(fds, O_NONBLOCK) == 0);
	child = fork();
	REQUIRE(child >= 0);
	if (child == 0) {
		close(fds[0]);
		if (out_init(&o, fds[1]) < 0)
			_exit(1);
		out_mem(&o, big, 1 << 20);
		_exit(out_flush(&o) < 0);
	}
	close(fds[1]);
	fcntl(fds[0], F_SETFL, 0);
	for (;;) {
		ssize_t r = read(fds[0], big, 1 << 20);

		if (r <= 0)
			break;
		n += (size_t)r;
	}
	CHECK_EQ(n, 1 << 20);
	close(fds[0]);
	free(big);
}
