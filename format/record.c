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
	/* Room for all true lengths is kept free, since a later string may be the one that is
	 * cut. */
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

size_t reel_record_of_event(struct reel_record *r, const struct reel_event *ev)
{
	memcpy(reel_record_begin(r, ev->type), ev->fixed, ev->type->fixed_bytes);
	r->header.ts = ev->ts;
	r->header.seq = ev->seq;
	r->header.ret = ev->ret;
	r->header.pid = ev->pid;
	r->header.tid = ev->tid;
	r->header.cpu = ev->cpu;
	r->header.call = ev->call;
	r->header.flags = ev->flags & (uint8_t)~EV_TRUNCATED;
	for (unsigned i = 0; i < ev->type->n_fields; i++) {
		struct reel_string s;

		if (!reel_field_is_string(&ev->type->fields[i]))
			continue;
		s = reel_event_string(ev, &ev->type->fields[i]);
		reel_record_cut_string(r, s.bytes, s.length, s.true_length);
	}
	return reel_record_end(r);
}

void reel_record_view(struct reel_record *r, struct reel_record_strings *strings,
		      struct reel_event *ret)
{
	uint32_t at = 0, n_cuts = 0;

	for (unsigned i = 0; i < r->n_strings; i++) {
		uint8_t *slot = r->payload + r->type->string_offsets[i];
		uint16_t length, number = (uint16_t)(i + 1);

		memcpy(&length, slot, sizeof(length));
		memcpy(slot, &number, sizeof(number));
		strings->at[i] = at;
		at += length;
		if (r->true_lengths[i] != length)
			strings->cuts[n_cuts++] =
				(struct tape_cut_string){ number, r->true_lengths[i] };
	}
	strings->at[r->n_strings] = at;
	strings->table = (struct reel_string_table){ r->n_strings, n_cuts, strings->at,
						     r->payload + r->type->fixed_bytes,
						     strings->cuts };
	*ret = (struct reel_event){
		.ts = r->header.ts,
		.seq = r->header.seq,
		.ret = r->header.ret,
		.pid = r->header.pid,
		.tid = r->header.tid,
		.cpu = r->header.cpu,
		.call = r->header.call,
		.flags = r->header.flags,
		.type = r->type,
		.fixed = r->payload,
		.strings = &strings->table,
	};
}
