/* SPDX-License-Identifier: BSD-2-Clause */
#include "format/record.h"

#include <string.h>

void *reel_record_begin(struct reel_record *r, const struct reel_type *type)
{
	memset(&r->header, 0, sizeof(r->header));
	memset(r->payload, 0, type->fixed_bytes);
	r->header.type = type->id;
	r->type = type;
	r->used = type->fixed_bytes;
	r->n_strings = 0;
	return r->payload;
}

void reel_record_cut_string(struct reel_record *r, const void *bytes, size_t length,
			    uint32_t true_length)
{
	/* Room for all true lengths is kept free, since a later string may be the one that is cut. */
	size_t room = EV_MAX_PAYLOAD - 4u * r->type->n_strings - r->used;
	uint16_t kept;

	if (r->n_strings == r->type->n_strings)
		return;
	if (length > room)
		length = room;
	kept = (uint16_t)length;
	memcpy(r->payload + r->type->string_offsets[r->n_strings], &kept, sizeof(kept));
	memcpy(r->payload + r->used, bytes, length);
	r->used += (uint32_t)length;
	r->true_lengths[r->n_strings++] = true_length;
	if (true_length != length)
		r->header.flags |= EV_TRUNCATED;
}

void reel_record_string(struct reel_record *r, const void *bytes, size_t length)
{
	uint32_t true_length = length < EV_UNKNOWN_LENGTH ? (uint32_t)length : EV_UNKNOWN_LENGTH;

	reel_record_cut_string(r, bytes, length, true_length);
}

size_t reel_record_end(struct reel_record *r)
{
	while (r->n_strings < r->type->n_strings)
		reel_record_string(r, "", 0);
	if (r->header.flags & EV_TRUNCATED) {
		memcpy(r->payload + r->used, r->true_lengths, 4u * r->n_strings);
		r->used += 4u * r->n_strings;
	}
	r->header.length = (uint16_t)r->used;
	return sizeof(r->header) + r->used;
}
