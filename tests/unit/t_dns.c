/* SPDX-License-Identifier: BSD-2-Clause */
/* DNS messages: what they say, and what is no message. */
#include "replay/dns.h"
#include "tests/unit/harness.h"

static struct dns_message m;
static struct dns_record a;

/* A header with so many questions and answers; FLAGS 0x8180 is an answer without an error. */
#define HEADER(flags, questions, answers) \
	0x12, 0x34, (flags) >> 8, (flags)&0xff, 0, questions, 0, answers, 0, 0, 0, 0
#define EXAMPLE 7, 'e', 'x', 'a', 'm', 'p', 'l', 'e', 3, 'c', 'o', 'm', 0

static bool is(const char *text, const char *bytes, size_t length)
{
	return strlen(text) == length && memcmp(text, bytes, length) == 0;
}

TEST(a_question)
{
	static const uint8_t bytes[] = { HEADER(0x0100, 1, 0), EXAMPLE, 0, 28, 0, 1 };

	CHECK(dns_open(&m, bytes, sizeof(bytes), false));
	CHECK(!m.is_answer && m.has_question);
	CHECK(is("example.com", m.question.text, m.question.length));
	CHECK_EQ(m.question_type, DNS_AAAA);
	CHECK(!dns_next(&m, &a));
}

TEST(answers_with_pointers)
{
	static const uint8_t bytes[] = {
		HEADER(0x8180, 1, 3), EXAMPLE, 0, 1, 0, 1,
		/* example.com CNAME www.example.com, which is 93.184.216.34; and a text */
		0xc0, 12, 0, 5, 0, 1, 0, 0, 1, 0, 0, 6, 3, 'w', 'w', 'w', 0xc0, 12, 0xc0, 41, 0, 1,
		0, 1, 0, 0, 0, 60, 0, 4, 93, 184, 216, 34, 0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 9, 0, 7,
		3, 'a', 'b', 'c', 2, 'd', 'e'
	};

	CHECK(dns_open(&m, bytes, sizeof(bytes), false));
	CHECK(m.is_answer);
	CHECK(dns_next(&m, &a));
	CHECK(is("example.com", a.name.text, a.name.length));
	CHECK_EQ(a.type, DNS_CNAME);
	CHECK_EQ(a.ttl, 256);
	CHECK(is("www.example.com", a.data, a.data_length));
	CHECK(dns_next(&m, &a));
	CHECK(is("www.example.com", a.name.text, a.name.length));
	CHECK(a.has_addr);
	CHECK_EQ(a.addr[10], 0xff);
	CHECK_EQ(a.addr[12], 93);
	CHECK(dns_next(&m, &a));
	CHECK(is("abcde", a.data, a.data_length));
	CHECK(!a.has_addr);
	CHECK(!dns_next(&m, &a));
	CHECK_STR(dns_type_name(a.type), "TXT");
	/* Cut anywhere, it has fewer answers and nothing else. */
	for (size_t n = 0; n < sizeof(bytes); n++) {
		unsigned answers = 0;

		if (dns_open(&m, bytes, n, false))
			while (dns_next(&m, &a))
				answers++;
		CHECK(answers < 3);
	}
}

TEST(over_a_stream_its_length_comes_first)
{
	static const uint8_t bytes[] = { 0, 29, HEADER(0x0100, 1, 0), EXAMPLE, 0, 1, 0, 1 };

	CHECK(dns_open(&m, bytes, sizeof(bytes), true));
	CHECK(is("example.com", m.question.text, m.question.length));
	CHECK(!dns_open(&m, bytes, sizeof(bytes), false));
}

TEST(names_that_point_to_themselves)
{
	static const uint8_t self[] = { HEADER(0x0100, 1, 0), 0xc0, 12, 0, 1, 0, 1 };
	static const uint8_t ahead[] = { HEADER(0x0100, 1, 0), 0xc0, 14, EXAMPLE, 0, 1, 0, 1 };
	static const uint8_t circle[] = {
		HEADER(0x8180, 0, 1), 1, 'a', 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 0
	};
	static const uint8_t beyond[] = { HEADER(0x0100, 1, 0), 63, 'a', 0, 0, 1, 0, 1 };
	static const uint8_t reserved[] = { HEADER(0x0100, 1, 0), 0x80, 'a', 0, 0, 1, 0, 1 };

	CHECK(!dns_open(&m, self, sizeof(self), false));
	CHECK(!dns_open(&m, ahead, sizeof(ahead), false));
	CHECK(dns_open(&m, circle, sizeof(circle), false) && !dns_next(&m, &a));
	CHECK(!dns_open(&m, beyond, sizeof(beyond), false));
	CHECK(!dns_open(&m, reserved, sizeof(reserved), false));
	CHECK(!dns_open(&m, self, 0, false));
}

TEST(the_longest_name_fits)
{
	uint8_t bytes[12 + 300] = { HEADER(0x0100, 1, 0) };
	size_t at = 12;

	/* 255 bytes on the wire, of dots, each of which becomes two. */
	for (unsigned i = 0; i < 4; i++) {
		unsigned n = i < 3 ? 63 : 61;

		bytes[at++] = (uint8_t)n;
		memset(bytes + at, '.', n);
		at += n;
	}
	at += 1 + 4;
	CHECK(dns_open(&m, bytes, at, false));
	CHECK_EQ(m.question.length, 2 * 250 + 3);
	bytes[12 + 3 * 64] = 62;
	CHECK(!dns_open(&m, bytes, at + 1, false));
}

TEST(data_that_is_not_what_its_type_says)
{
	static const uint8_t bytes[] = {
		HEADER(0x8183, 0, 1), EXAMPLE, 0, 1, 0, 1, 0, 0, 0, 1, 0, 3, 1, 2, 0xab
	};

	CHECK(dns_open(&m, bytes, sizeof(bytes), false));
	CHECK(dns_next(&m, &a));
	CHECK(!a.has_addr);
	CHECK(is("0102ab", a.data, a.data_length));
	CHECK_STR(dns_status_name(m.status), "NXDOMAIN");
	CHECK(!dns_type_name(9999) && !dns_status_name(15));
}

TEST(anything_is_no_message_or_ends)
{
	uint64_t random = 88172645463325252ull;
	uint8_t bytes[600];

	for (unsigned round = 0; round < 100000; round++) {
		size_t n = round % sizeof(bytes);

		for (size_t i = 0; i < n; i++) {
			random ^= random << 13;
			random ^= random >> 7;
			random ^= random << 17;
			bytes[i] = i < 4 ? 0x80 : random & 0x100 ? 0xc0 : (uint8_t)(random & 0x1f);
		}
		if (dns_open(&m, bytes, n, round & 1))
			while (dns_next(&m, &a))
				CHECK(a.data_length <= DNS_DATA_MAX);
	}
}
