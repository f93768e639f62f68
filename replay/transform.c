/* SPDX-License-Identifier: BSD-2-Clause */
/* What is done to a value before it is compared. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "replay/eval_impl.h"

static int digit_of(int c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* In place. False: it is no base64. */
static bool decode(uint8_t *bytes, uint32_t *length)
{
	uint32_t bits = 0, n = *length, to = 0;
	unsigned have = 0;

	while (n && bytes[n - 1] == '=')
		n--;
	for (uint32_t i = 0; i < n; i++) {
		int digit = digit_of(bytes[i]);

		if (digit < 0)
			return false;
		bits = bits << 6 | (uint32_t)digit;
		have += 6;
		if (have >= 8) {
			have -= 8;
			bytes[to++] = (uint8_t)(bits >> have);
		}
	}
	*length = to;
	return n % 4 != 1;
}

static bool apply(unsigned transform, uint8_t *bytes, struct found *f)
{
	const uint8_t *slash;
	uint32_t from;

	switch (transform) {
	case RULE_TO_LOWER:
		for (uint32_t i = 0; i < f->v.length; i++)
			bytes[i] = (uint8_t)tolower(bytes[i]);
		return true;
	case RULE_TO_UPPER:
		for (uint32_t i = 0; i < f->v.length; i++)
			bytes[i] = (uint8_t)toupper(bytes[i]);
		return true;
	case RULE_FROM_BASE64:
		if (f->v.true_length != f->v.length)
			f->v.true_length = EV_UNKNOWN_LENGTH;
		if (!decode(bytes, &f->v.length))
			return false;
		if (f->v.true_length != EV_UNKNOWN_LENGTH)
			f->v.true_length = f->v.length;
		return true;
	case RULE_BASENAME:
		slash = memrchr(bytes, '/', f->v.length);
		from = slash ? (uint32_t)(slash - bytes) + 1 : 0;
		memmove(bytes, bytes + from, f->v.length - from);
		f->v.length -= from;
		if (f->v.true_length != EV_UNKNOWN_LENGTH)
			f->v.true_length -= from;
		return true;
	default:
		return true;
	}
}

bool transform_found(struct eval *e, const struct rule_ref *ref, bool is_right, struct found *f)
{
	uint8_t *bytes = e->changed[is_right];

	if (f->v.kind != VALUE_STRING)
		return true;
	if (ref->transforms[0] == RULE_LENGTH)
		return f->v.true_length == EV_UNKNOWN_LENGTH ?
			       give_unknown(e, f, BLIND_CUT) :
			       give_number(f, f->v.true_length, false);
	if (e->changed_room[is_right] < f->v.length + 1u) {
		bytes = realloc(bytes, f->v.length + 1u);
		if (!bytes)
			return give_unknown(e, f, BLIND_LIMIT);
		e->changed[is_right] = bytes;
		e->changed_room[is_right] = f->v.length + 1u;
	}
	if (f->v.length)
		memcpy(bytes, f->v.bytes, f->v.length);
	f->v.bytes = bytes;
	f->number = NO_NUMBER;
	f->text = NULL;
	f->derived = NULL;
	for (unsigned i = 0; i < RULE_TRANSFORMS_MAX && ref->transforms[i]; i++) {
		if (ref->transforms[i] == RULE_LENGTH)
			return f->v.true_length == EV_UNKNOWN_LENGTH ?
				       give_unknown(e, f, BLIND_CUT) :
				       give_number(f, f->v.true_length, false);
		if (!apply(ref->transforms[i], bytes, f))
			return false;
	}
	return true;
}
