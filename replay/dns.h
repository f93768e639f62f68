/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DNS messages, as they went over the wire. Nothing is believed: what does not fit is the end of
 * the message, and a name that points to itself is no name. Allocates nothing.
 */
#ifndef REEL_REPLAY_DNS_H
#define REEL_REPLAY_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	DNS_NAME_MAX = 1024, /* as text, where a dot inside of a label is \. */
	DNS_DATA_MAX = 2048,
	DNS_A = 1,
	DNS_CNAME = 5,
	DNS_AAAA = 28,
};

struct dns_name {
	uint16_t length;
	char text[DNS_NAME_MAX];
};

struct dns_message {
	const uint8_t *bytes;
	size_t length, at;
	uint16_t answers; /* that are still to come */
	uint16_t question_type;
	uint8_t status;
	bool is_answer, has_question;
	struct dns_name question;
};

struct dns_record {
	struct dns_name name;
	uint16_t type;
	uint32_t ttl;
	bool has_addr;
	uint8_t addr[16]; /* IPv4 as v4-mapped */
	/* Of an address nothing; a name or text as it is; else hexadecimal digits. */
	uint16_t data_length;
	char data[DNS_DATA_MAX];
};

/* false: it is none. With IS_STREAM its own length may stand before it. */
bool dns_open(struct dns_message *m, const void *bytes, size_t length, bool is_stream);
/* The answers, one by one; false: there are no more, or they were cut. */
bool dns_next(struct dns_message *m, struct dns_record *ret);

/* NULL where there is none. */
const char *dns_type_name(uint16_t type);
const char *dns_status_name(uint8_t status);

#endif
