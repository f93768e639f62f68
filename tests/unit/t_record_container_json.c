/* SPDX-License-Identifier: BSD-2-Clause */
/* JSON that others wrote: what is read of it, what is refused, and what random bytes do. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "record/jsonread.h"
#include "tests/unit/harness.h"
#include "tests/unit/record_runtimes.h"

static int reads(const char *text, struct json *ret)
{
	struct reel_err err = { 0 };

	return json_read(text, strlen(text), ret, &err);
}

TEST(sound_texts_are_read)
{
	static const char *const texts[] = {
		"{}",
		"[]",
		" \t\r\n[ ] \n",
		"0",
		"-0",
		"12",
		"-1.5e+10",
		"1E-2",
		"0.0",
		"true",
		"false",
		"null",
		"\"\"",
		"\"\\u0041\\n\\/\\\\\\\"\\b\\f\\r\\t\"",
		"\"\\uD83D\\uDE00\"",
		"\"h\xc3\xb6st \xe2\x82\xac \xf0\x9f\x98\x80 \x7f\"",
		"[1,[2,[3,[]]],{\"a\":{\"a\":[{}]}}]",
		"{\"a\":1,\"a\":2}",
	};
	struct json j;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		int r = reads(texts[i], &j);

		if (r < 0)
			T_FAIL("%s: %d", texts[i], r);
		else
			json_done(&j);
	}
}

TEST(all_else_is_refused)
{
	static const char *const texts[] = {
		"",
		" ",
		"nul",
		"nulll",
		"True",
		"{",
		"}",
		"[",
		"]",
		"[1",
		"[1,",
		"[1,]",
		"[,1]",
		"[1 2]",
		"{\"a\"}",
		"{\"a\":}",
		"{\"a\":1,}",
		"{a:1}",
		"{1:1}",
		"{\"a\":1 \"b\":2}",
		"{\"a\" 1}",
		"[1}",
		"{\"a\":1]",
		"01",
		"-",
		"+1",
		".5",
		"1.",
		"1.e5",
		"1e",
		"1e+",
		"0x10",
		"NaN",
		"--1",
		"1 1",
		"[] x",
		"// note\n1",
		"'a'",
		"\"",
		"\"a",
		"\"\\",
		"\"\\\"",
		"\"\\x\"",
		"\"\\u\"",
		"\"\\u12\"",
		"\"\\u12G4\"",
		"\"\\uD800\"",
		"\"\\uDC00\"",
		"\"\\uD800\\u0041\"",
		"\"\\uD800\\uD800\"",
		"\"\\uD83D\\uDE0\"",
		"\"a\nb\"",
		"\"a\tb\"",
		"\"\x01\"",
		"\"\xff\"",
		"\"\x80\"",
		"\"\xc3\"",
		"\"\xc0\xaf\"",
		"\"\xe0\x80\xaf\"",
		"\"\xed\xa0\x80\"",
		"\"\xf0\x80\x80\x80\"",
		"\"\xf4\x90\x80\x80\"",
		"\"\xf5\x80\x80\x80\"",
		"\"\xe2\x82\"",
		"\xef\xbb\xbf{}",
	};
	struct json j = { 0 };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (reads(texts[i], &j) != -EBADMSG)
			T_FAIL("taken: %s", texts[i]);
	CHECK(j.nodes == NULL);
	/* A NUL is no end of a text. */
	CHECK_EQ(json_read("1\0", 2, &j, NULL), -EBADMSG);
	CHECK_EQ(json_read("\"a\0b\"", 5, &j, NULL), -EBADMSG);
	CHECK_EQ(json_read("\0", 1, &j, NULL), -EBADMSG);
}

static int read_nested(unsigned depth)
{
	static char text[4096];
	struct json j;
	int r;

	memset(text, '[', depth);
	memset(text + depth, ']', depth);
	r = json_read(text, 2 * depth, &j, NULL);
	if (r == 0)
		json_done(&j);
	return r;
}

static int read_values(unsigned n)
{
	char *text = malloc(2 * (size_t)n + 2);
	struct json j;
	int r;

	text[0] = '[';
	for (unsigned i = 0; i < n; i++)
		memcpy(text + 1 + 2 * i, "7,", 2);
	text[2 * n] = ']';
	r = json_read(text, 2 * (size_t)n + 1, &j, NULL);
	if (r == 0) {
		CHECK_EQ(j.n, n + 1);
		json_done(&j);
	}
	free(text);
	return r;
}

TEST(there_are_bounds)
{
	char *text = calloc(JSON_MAX_BYTES + 1, 1);
	struct json j;

	CHECK_EQ(read_nested(JSON_MAX_DEPTH), 0);
	CHECK_EQ(read_nested(JSON_MAX_DEPTH + 1), -E2BIG);
	CHECK_EQ(read_nested(2000), -E2BIG);
	CHECK_EQ(read_values(JSON_MAX_NODES - 1), 0);
	CHECK_EQ(read_values(JSON_MAX_NODES), -E2BIG);
	memset(text, ' ', JSON_MAX_BYTES + 1);
	text[0] = '1';
	CHECK_EQ(json_read(text, JSON_MAX_BYTES, &j, NULL), 0);
	json_done(&j);
	CHECK_EQ(json_read(text, JSON_MAX_BYTES + 1, &j, NULL), -E2BIG);
	free(text);
}

TEST(values_are_found)
{
	static const char text[] =
		"{\"a\":{\"b\":[10,\"two\",{\"c\":\"deep\"}],\"\":\"empty\"},\"e\":[],\"o\":{},"
		"\"\\u0061bc\":\"escaped\",\"twice\":1,\"twice\":\"the last\",\"t\":true}";
	struct json j;
	uint32_t a, b, i;
	char buf[16];

	REQUIRE(reads(text, &j) == 0);
	a = json_member(&j, 0, "a");
	b = json_member(&j, a, "b");
	CHECK(json_is(&j, a, JSON_OBJECT) && json_is(&j, b, JSON_ARRAY));
	i = json_first(&j, b);
	CHECK(json_is(&j, i, JSON_NUMBER));
	CHECK_EQ(json_string(&j, i, buf, sizeof(buf)), 0);
	i = json_next(&j, b, i);
	CHECK(json_equals(&j, i, "two") && !json_equals(&j, i, "tw") &&
	      !json_equals(&j, i, "twoo"));
	i = json_next(&j, b, i);
	CHECK(json_equals(&j, json_member(&j, i, "c"), "deep"));
	CHECK_EQ(json_next(&j, b, i), JSON_NONE);
	CHECK(json_equals(&j, json_member(&j, a, ""), "empty"));
	CHECK(json_equals(&j, json_member(&j, 0, "abc"), "escaped"));
	CHECK(json_equals(&j, json_member(&j, 0, "twice"), "the last"));
	CHECK(json_is(&j, json_member(&j, 0, "t"), JSON_TRUE));
	CHECK_EQ(json_first(&j, json_member(&j, 0, "e")), JSON_NONE);
	CHECK_EQ(json_first(&j, json_member(&j, 0, "o")), JSON_NONE);
	CHECK_EQ(json_member(&j, 0, "nothing"), JSON_NONE);
	CHECK_EQ(json_member(&j, b, "a"), JSON_NONE);
	CHECK_EQ(json_member(&j, JSON_NONE, "a"), JSON_NONE);
	CHECK_EQ(json_first(&j, JSON_NONE), JSON_NONE);
	CHECK_EQ(json_string(&j, JSON_NONE, buf, sizeof(buf)), 0);
	CHECK_STR(buf, "");
	json_done(&j);
}

TEST(strings_are_decoded)
{
	static const char text[] = "\"a\\u00e9\\u20ac\\ud83d\\ude00\\u0000z\\n\"";
	static const char want[] = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\0z\n";
	struct json j;
	char buf[32];

	REQUIRE(reads(text, &j) == 0);
	CHECK_EQ(json_string(&j, 0, buf, sizeof(buf)), sizeof(want) - 1);
	CHECK_MEM(buf, want, sizeof(want));
	/* Cut, but counted. */
	memset(buf, 'x', sizeof(buf));
	CHECK_EQ(json_string(&j, 0, buf, 3), sizeof(want) - 1);
	CHECK_MEM(buf, "a\xc3\0x", 4);
	CHECK_EQ(json_string(&j, 0, buf, 1), sizeof(want) - 1);
	CHECK_EQ(buf[0], 0);
	CHECK_EQ(json_string(&j, 0, NULL, 0), sizeof(want) - 1);
	json_done(&j);
}

/* Whatever is taken is consistent: each value is JSON of its own, and lies within its parent. */
static void check_nodes(const struct json *j, size_t length)
{
	char buf[64];

	for (uint32_t i = 0; i < j->n; i++) {
		const struct json_node *n = &j->nodes[i];
		unsigned children = 0;

		CHECK(n->start <= length && n->length <= length - n->start);
		CHECK(n->after > i && n->after <= j->n);
		(void)json_string(j, i, buf, sizeof(buf));
		for (uint32_t c = json_first(j, i); c != JSON_NONE; c = json_next(j, i, c)) {
			CHECK(j->nodes[c].start >= n->start);
			CHECK(j->nodes[c].start + j->nodes[c].length <= n->start + n->length);
			children++;
		}
		if (n->kind == JSON_OBJECT)
			CHECK_EQ(children % 2, 0);
	}
	CHECK_EQ(j->nodes[0].after, j->n);
}

static uint64_t draw_from(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

TEST(random_bytes_do_no_harm)
{
	static const char *const seeds[] = { docker_config, docker_host,     podman_list,
					     podman_spec,   containerd_spec, crio_spec };
	static const char signs[] = "{}[]\",:\\u0123e.-tfn \n\xc3\xff";
	uint64_t state = 88172645463325252ull;
	unsigned taken = 0, refused = 0;

	for (unsigned round = 0; round < 60000 && !t_state.failed; round++) {
		const char *seed = seeds[draw_from(&state) % 6];
		size_t length = strlen(seed), changes = 1 + draw_from(&state) % 3;
		/* Exactly as long as the text, so that a step beyond it is seen. */
		char *text;
		struct json j;

		if (round % 8 == 0)
			length = draw_from(&state) % 40;
		text = malloc(length ? length : 1);
		memcpy(text, seed, length);
		for (size_t i = 0; i < changes && length; i++)
			text[draw_from(&state) % length] =
				round % 2 ? signs[draw_from(&state) % (sizeof(signs) - 1)] :
					    (char)draw_from(&state);
		if (round % 8 == 0)
			for (size_t i = 0; i < length; i++)
				text[i] = signs[draw_from(&state) % (sizeof(signs) - 1)];
		if (json_read(text, length, &j, NULL) == 0) {
			check_nodes(&j, length);
			json_done(&j);
			taken++;
		} else {
			refused++;
		}
		free(text);
	}
	CHECK(taken > 1000 && refused > 1000);
	printf("# %u taken, %u refused\n", taken, refused);
}
