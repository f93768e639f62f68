/* SPDX-License-Identifier: BSD-2-Clause */
#include "format/event.h"

static uint32_t true_length_of(const struct reel_string_table *s, uint32_t number, uint32_t length)
{
	uint32_t low = 0, high = s->n_cuts;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (s->cuts[middle].number < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low < s->n_cuts && s->cuts[low].number == number ? s->cuts[low].true_length : length;
}

struct reel_string reel_event_string_at(const struct reel_event *ev, uint16_t offset)
{
	const struct reel_string_table *s = ev->strings;
	uint32_t number = reel_event_string_number(ev, offset), length;

	if (number == 0)
		return (struct reel_string){ s->bytes, 0, 0 };
	if (number > s->n)
		return (struct reel_string){ s->bytes, 0, EV_UNKNOWN_LENGTH };
	length = s->at[number] - s->at[number - 1];
	return (struct reel_string){ s->bytes + s->at[number - 1], length,
				     ev->flags & EV_TRUNCATED ? true_length_of(s, number, length) :
								length };
}

bool reel_event_is_sound(const struct reel_event *ev)
{
	for (unsigned i = 0; i < ev->type->n_strings; i++) {
		uint16_t number;

		memcpy(&number, ev->fixed + ev->type->string_offsets[i], sizeof(number));
		if (number > ev->strings->n)
			return false;
	}
	return true;
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
