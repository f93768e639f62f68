/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the helper, broken into, could send to the recorder: packets, each behind two bytes of its
 * length. A record that gets through is written by a writer, whose segment is sound.
 */
#include "record/helper.c" /* what reads packets is its own */

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(cond)               \
	do {                     \
		if (!(cond))     \
			abort(); \
	} while (0)

static void look_at_record(struct reel_record *record)
{
	uint32_t bytes = reel_record_end(record);
	const struct reel_type *type = record->type;
	uint32_t sum = type->fixed_bytes;

	MUST(bytes >= sizeof(record->header) && record->header.type == type->id);
	MUST(bytes - sizeof(record->header) <= EV_MAX_PAYLOAD);
	for (unsigned i = 0; i < type->n_strings; i++) {
		uint16_t length;

		memcpy(&length, record->payload + type->string_offsets[i], sizeof(length));
		sum += length;
	}
	if (record->header.flags & EV_TRUNCATED)
		sum += 4u * type->n_strings;
	MUST(sum == bytes - sizeof(record->header));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct helper h;

	memset(&h.stats, 0, sizeof(h.stats));
	h.stats.asked = 1000;
	for (unsigned i = 0; i < EV_MAX_TYPES; i++)
		h.believed[i] = reel_type_by_id((uint8_t)i) != NULL;
	while (size >= 2) {
		size_t n = data[0] | (size_t)data[1] << 8;

		data += 2;
		size -= 2;
		if (n > size)
			n = size;
		if (n > sizeof(h.packet))
			n = sizeof(h.packet);
		memcpy(h.packet, data, n);
		if (read_packet(&h, n) > 0)
			look_at_record(&h.record);
		MUST(h.stats.answered <= h.stats.asked);
		data += n;
		size -= n;
	}
	return 0;
}
