/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One block: parsed, decompressed, unpacked with this build's schema, put in order, rendered.
 *
 *	byte 0		how it is made, see below, and in its upper half how it is rendered
 *	byte 1		kind
 *	then		the body before compression; with RAW the block itself, as on disk
 *
 * The header, its sums and the tag are made here, so that mutations get behind them.
 */
#include <string.h>
#include <zstd.h>

#include "format/block.h"
#include "tests/fuzz/touch.h"

enum { COMPRESSED = 1, SHORT_TIME = 2, WRONG_COUNT = 4, RAW = 8, BODY_MAX = 64 << 10 };

/* A header that fits what the body says of itself. */
static struct tape_header header_for(unsigned how, uint8_t kind, const uint8_t *body, size_t n)
{
	struct tape_header h = { .magic = TAPE_MAGIC,
				 .kind = kind,
				 .header_bytes = TAPE_HEADER_MIN };

	h.segment = 1;
	h.raw_bytes = (uint32_t)n;
	h.ts_max = how & SHORT_TIME ? 1ull << 40 : UINT64_MAX;
	if (n >= 4)
		memcpy(&h.n_events, body, 4);
	if (how & WRONG_COUNT)
		h.n_events++;
	return h;
}

static void parse_and_touch(const uint8_t *at, size_t n, const struct reel_schema *schema,
			    unsigned format)
{
	/* Exactly as long as it is, so that the sanitizer sees a step beyond it. */
	uint8_t *copy = malloc(n ? n : 1);
	struct reel_block b;

	MUST(copy);
	memcpy(copy, at, n);
	if (reel_block_parse(copy, n, &b, NULL) == 0) {
		touch_bytes(b.bloom, b.h.bloom_bytes);
		touch_sink += reel_block_tag_is_right(&b, NULL) + reel_block_padding_is_zero(&b);
		touch_block(&b, schema, format);
	}
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct reel_schema *schema;
	static uint8_t block[TAPE_HEADER_MIN + BODY_MAX + 4096];
	struct tape_header h;
	unsigned how;

	if (!schema)
		MUST(reel_schema_built_in(&schema, NULL) == 0);
	if (size < 2 || size - 2 > BODY_MAX)
		return 0;
	how = data[0];
	if (how & RAW) {
		parse_and_touch(data + 2, size - 2, schema, how >> 4);
		return 0;
	}
	h = header_for(how, data[1], data + 2, size - 2);
	if (how & COMPRESSED) {
		h.flags = TAPE_ZSTD;
		h.stored_bytes = (uint32_t)ZSTD_compress(block + TAPE_HEADER_MIN, BODY_MAX + 2048,
							 data + 2, size - 2, 1);
	} else {
		h.stored_bytes = h.raw_bytes;
		memcpy(block + TAPE_HEADER_MIN, data + 2, size - 2);
	}
	memcpy(block, &h, sizeof(h));
	parse_and_touch(block, reel_block_finish(block, NULL), schema, how >> 4);
	return 0;
}
