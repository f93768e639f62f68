/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay/dns.h"

#include <string.h>

enum {
	HEADER_BYTES = 12,
	FLAG_ANSWER = 0x8000,
	OPCODE_MASK = 0x7800,
	POINTER = 0xc0,
	JUMPS_MAX = 32,
	NAME_WIRE_MAX = 255,
};

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static void put_label(struct dns_name *n, const uint8_t *label, unsigned length)
{
	if (n->length)
		n->text[n->length++] = '.';
	for (unsigned i = 0; i < length; i++) {
		if (label[i] == '.' || label[i] == '\\')
			n->text[n->length++] = '\\';
		n->text[n->length++] = (char)label[i];
	}
}

/*
 * A name at AT, at most NAME_WIRE_MAX bytes of labels: each byte becomes two at most, so that the
 * text has room. Pointers only lead back, each further than the one before.
 */
static bool take_name(const struct dns_message *m, size_t *at, struct dns_name *ret)
{
	size_t i = *at, wire = 0, lowest = *at;
	bool has_jumped = false;

	ret->length = 0;
	for (unsigned jumps = 0; jumps < JUMPS_MAX;) {
		uint8_t n;

		if (i >= m->length)
			return false;
		n = m->bytes[i];
		if ((n & POINTER) == POINTER) {
			size_t to;

			if (i + 2 > m->length)
				return false;
			to = get16(m->bytes + i) & 0x3fff;
			if (!has_jumped)
				*at = i + 2;
			has_jumped = true;
			if (to >= lowest)
				return false;
			lowest = i = to;
			jumps++;
			continue;
		}
		if (n & POINTER)
			return false;
		wire += n + 1u;
		if (i + 1 + n > m->length || wire > NAME_WIRE_MAX)
			return false;
		if (!n) {
			if (!has_jumped)
				*at = i + 1;
			return true;
		}
		put_label(ret, m->bytes + i + 1, n);
		i += n + 1u;
	}
	return false;
}

bool dns_open(struct dns_message *m, const void *bytes, size_t length, bool is_stream)
{
	const uint8_t *p = bytes;
	uint16_t flags, questions;

	*m = (struct dns_message){ 0 };
	if (is_stream && length >= 2 + HEADER_BYTES && get16(p) >= HEADER_BYTES &&
	    get16(p) >= length - 2) {
		p += 2;
		length -= 2;
	}
	if (length < HEADER_BYTES)
		return false;
	m->bytes = p;
	m->length = length;
	m->at = HEADER_BYTES;
	flags = get16(p + 2);
	questions = get16(p + 4);
	m->answers = get16(p + 6);
	m->is_answer = flags & FLAG_ANSWER;
	m->status = flags & 0xf;
	/* Other operations than a query have other contents; so has what is no message at all. */
	if (flags & OPCODE_MASK || questions > 1)
		return false;
	if (!questions)
		return m->is_answer;
	if (!take_name(m, &m->at, &m->question) || m->length - m->at < 4)
		return false;
	m->has_question = true;
	m->question_type = get16(m->bytes + m->at);
	m->at += 4;
	return true;
}

static void put_hex(struct dns_record *r, const uint8_t *bytes, size_t n)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n && r->data_length + 2u <= sizeof(r->data); i++) {
		r->data[r->data_length++] = digits[bytes[i] >> 4];
		r->data[r->data_length++] = digits[bytes[i] & 15];
	}
}

/* Strings, each with its length before it, one behind the other. */
static void put_strings(struct dns_record *r, const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n;) {
		size_t length = bytes[i++];

		if (length > n - i)
			length = n - i;
		if (length > sizeof(r->data) - r->data_length)
			length = sizeof(r->data) - r->data_length;
		if (length)
			memcpy(r->data + r->data_length, bytes + i, length);
		r->data_length = (uint16_t)(r->data_length + length);
		i += length ? length : 1;
		if (r->data_length == sizeof(r->data))
			return;
	}
}

static bool put_name(const struct dns_message *m, struct dns_record *r, size_t at)
{
	struct dns_name name;

	if (!take_name(m, &at, &name))
		return false;
	memcpy(r->data, name.text, name.length);
	r->data_length = name.length;
	return true;
}

enum {
	DNS_NS = 2,
	DNS_SOA = 6,
	DNS_PTR = 12,
	DNS_MX = 15,
	DNS_TXT = 16,
	DNS_SRV = 33,
	DNS_DNAME = 39
};

static void take_data(const struct dns_message *m, struct dns_record *r, size_t at, size_t n)
{
	const uint8_t *bytes = m->bytes + at;
	bool done = false;

	switch (r->type) {
	case DNS_A:
		if (n != 4)
			break;
		r->has_addr = true;
		memset(r->addr, 0, 10);
		memset(r->addr + 10, 0xff, 2);
		memcpy(r->addr + 12, bytes, 4);
		return;
	case DNS_AAAA:
		if (n != 16)
			break;
		r->has_addr = true;
		memcpy(r->addr, bytes, 16);
		return;
	case DNS_NS:
	case DNS_CNAME:
	case DNS_SOA:
	case DNS_PTR:
	case DNS_DNAME:
		done = put_name(m, r, at);
		break;
	case DNS_MX:
		done = n > 2 && put_name(m, r, at + 2);
		break;
	case DNS_SRV:
		done = n > 6 && put_name(m, r, at + 6);
		break;
	case DNS_TXT:
		put_strings(r, bytes, n);
		done = true;
		break;
	}
	if (!done)
		put_hex(r, bytes, n);
}

bool dns_next(struct dns_message *m, struct dns_record *ret)
{
	size_t at = m->at, n;

	if (!m->answers)
		return false;
	m->answers--;
	ret->has_addr = false;
	ret->data_length = 0;
	if (!take_name(m, &at, &ret->name) || m->length - at < 10) {
		m->answers = 0;
		return false;
	}
	ret->type = get16(m->bytes + at);
	ret->ttl = get32(m->bytes + at + 4);
	n = get16(m->bytes + at + 8);
	at += 10;
	if (n > m->length - at) {
		m->answers = 0;
		return false;
	}
	take_data(m, ret, at, n);
	m->at = at + n;
	return true;
}

const char *dns_type_name(uint16_t type)
{
	static const struct {
		uint16_t type;
		const char *name;
	} names[] = { { 1, "A" },	{ 2, "NS" },	 { 5, "CNAME" },  { 6, "SOA" },
		      { 12, "PTR" },	{ 13, "HINFO" }, { 15, "MX" },	  { 16, "TXT" },
		      { 24, "SIG" },	{ 25, "KEY" },	 { 28, "AAAA" },  { 29, "LOC" },
		      { 33, "SRV" },	{ 35, "NAPTR" }, { 39, "DNAME" }, { 41, "OPT" },
		      { 43, "DS" },	{ 44, "SSHFP" }, { 46, "RRSIG" }, { 47, "NSEC" },
		      { 48, "DNSKEY" }, { 50, "NSEC3" }, { 52, "TLSA" },  { 64, "SVCB" },
		      { 65, "HTTPS" },	{ 99, "SPF" },	 { 251, "IXFR" }, { 252, "AXFR" },
		      { 255, "ANY" },	{ 257, "CAA" } };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].type == type)
			return names[i].name;
	return NULL;
}

const char *dns_status_name(uint8_t status)
{
	static const char *const names[] = { "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN",
					     "NOTIMP",	"REFUSED", "YXDOMAIN", "YXRRSET",
					     "NXRRSET", "NOTAUTH", "NOTZONE" };

	return status < sizeof(names) / sizeof(names[0]) ? names[status] : NULL;
}
