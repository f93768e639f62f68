/* SPDX-License-Identifier: BSD-2-Clause */
#include "format/event.h"

uint64_t reel_event_number(const struct reel_event *ev, const struct reel_field *f)
{
	const uint8_t *at = ev->fixed + f->offset;
	union {
		uint8_t u8;
		uint16_t u16;
		uint32_t u32;
		uint64_t u64;
		int32_t s32;
	} v;

	switch (f->kind & REEL_KIND_MASK) {
	case REEL_U8:
		return *at;
	case REEL_U16:
		memcpy(&v.u16, at, 2);
		return v.u16;
	case REEL_U32:
		memcpy(&v.u32, at, 4);
		return v.u32;
	case REEL_S32:
		memcpy(&v.s32, at, 4);
		return (uint64_t)(int64_t)v.s32;
	case REEL_U64:
	case REEL_S64:
	case REEL_ADDR:
		memcpy(&v.u64, at, 8);
		return v.u64;
	case REEL_RESULT:
		return (uint64_t)ev->ret;
	default:
		return 0;
	}
}

static uint32_t kept_length(const struct reel_event *ev, unsigned string)
{
	uint16_t n;

	memcpy(&n, ev->fixed + ev->type->string_offsets[string], sizeof(n));
	return n;
}

struct reel_string reel_event_string(const struct reel_event *ev, const struct reel_field *f)
{
	const struct reel_type *t = ev->type;
	struct reel_string s = { ev->strings, 0, EV_UNKNOWN_LENGTH };
	uint32_t before = 0, all = 0, length = 0;
	unsigned index = 0;

	for (unsigned i = 0; i < t->n_strings; i++) {
		uint32_t n = kept_length(ev, i);

		if (t->string_offsets[i] == f->offset) {
			index = i;
			before = all;
			length = n;
		}
		all += n;
	}
	if (ev->flags & EV_TRUNCATED) {
		if (all + 4 * t->n_strings > ev->string_bytes)
			return s;
		memcpy(&s.true_length, ev->strings + all + 4 * index, 4);
	} else {
		if (all > ev->string_bytes)
			return s;
		s.true_length = length;
	}
	s.bytes = ev->strings + before;
	s.length = length;
	return s;
}

bool reel_event_is_sound(const struct reel_event *ev)
{
	uint32_t all = ev->flags & EV_TRUNCATED ? 4u * ev->type->n_strings : 0;

	for (unsigned i = 0; i < ev->type->n_strings; i++)
		all += kept_length(ev, i);
	return all == ev->string_bytes;
}

static char *put_decimal(char *at, uint64_t value)
{
	char digits[20];
	unsigned n = 0;

	do {
		digits[n++] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	while (n)
		*at++ = digits[--n];
	return at;
}

size_t reel_event_id(const struct reel_event *ev, const uint8_t boot[16],
		     char text[REEL_EVENT_ID_MAX])
{
	static const char hex[] = "0123456789abcdef";
	char *at = text;

	for (unsigned i = 0; i < 4; i++) {
		*at++ = hex[boot[i] >> 4];
		*at++ = hex[boot[i] & 15];
	}
	*at++ = '-';
	if (ev->cpu == EV_NO_CPU)
		*at++ = 'r';
	else
		at = put_decimal(at, ev->cpu);
	*at++ = '-';
	at = put_decimal(at, ev->seq);
	*at = '\0';
	return (size_t)(at - text);
}
