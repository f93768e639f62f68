/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a capture says of itself, by byte 0:
 *
 *	0  a SCHEMA body, as long as the next two bytes say, and a block body to be read with it
 *	1  a META body
 *	2  an END body
 */
#include <string.h>

#include "format/block.h"
#include "format/meta.h"
#include "tests/fuzz/touch.h"

enum { BODY_MAX = 64 << 10 };

static void touch_schema(const struct reel_schema *s)
{
	for (unsigned id = 0; id < EV_MAX_TYPES; id++) {
		const struct reel_type *t = s->types[id];

		MUST(!t == (s->fixed_bytes[id] == REEL_NO_TYPE));
		if (s->classes[id])
			touch_sink += strlen(s->classes[id]);
		if (!t)
			continue;
		MUST(t->id == id && t->fixed_bytes == s->fixed_bytes[id] && t->name[0]);
		MUST(t->n_strings == s->n_strings[id] && t->n_strings <= EV_MAX_STRINGS);
		for (unsigned i = 0; i < t->n_fields; i++)
			MUST(reel_type_field(t, t->fields[i].name));
		for (unsigned i = 0; i < t->n_strings; i++)
			MUST(t->string_offsets[i] + 2 <= t->fixed_bytes);
	}
}

static void read_block(const struct reel_schema *schema, const uint8_t *body, size_t n)
{
	struct tape_header h = { .magic = TAPE_MAGIC,
				 .kind = TAPE_EVENTS,
				 .header_bytes = TAPE_HEADER_MIN,
				 .stored_bytes = (uint32_t)n,
				 .raw_bytes = (uint32_t)n,
				 .segment = 1,
				 .ts_max = UINT64_MAX };
	uint8_t *block = malloc(TAPE_HEADER_MIN + n + TAPE_TAG_BYTES + 8);
	struct reel_block b;

	MUST(block);
	if (n >= 4)
		memcpy(&h.n_events, body, 4);
	memcpy(block, &h, sizeof(h));
	memcpy(block + TAPE_HEADER_MIN, body, n);
	if (reel_block_parse(block, reel_block_finish(block, NULL), &b, NULL) == 0)
		touch_block(&b, schema, body[n - 1]);
	free(block);
}

static void fuzz_schema(const uint8_t *data, size_t size)
{
	struct reel_schema *schema;
	struct reel_err err;
	uint16_t length;

	if (size < 2)
		return;
	memcpy(&length, data, 2);
	data += 2;
	size -= 2;
	if (length > size)
		length = (uint16_t)size;
	if (reel_schema_decode(data, length, &schema, &err) < 0)
		return;
	touch_schema(schema);
	if (size > length)
		read_block(schema, data + length, size - length);
	reel_schema_free(schema);
}

/* What was understood must survive being written and read again. */
static void fuzz_meta(const uint8_t *data, size_t size)
{
	static struct reel_meta meta, again;
	static uint8_t buffer[REEL_META_MAX], buffer2[REEL_META_MAX];
	struct reel_err err;
	size_t n;

	if (reel_meta_decode(data, size, &meta, &err) < 0)
		return;
	MUST(memchr(meta.host, 0, sizeof(meta.host)) &&
	     memchr(meta.kernel, 0, sizeof(meta.kernel)) &&
	     memchr(meta.arch, 0, sizeof(meta.arch)) && memchr(meta.note, 0, sizeof(meta.note)) &&
	     memchr(meta.program, 0, sizeof(meta.program)) &&
	     memchr(meta.chosen, 0, sizeof(meta.chosen)));
	n = reel_meta_encode(&meta, buffer);
	MUST(n <= sizeof(buffer));
	MUST(reel_meta_decode(buffer, n, &again, &err) == 0);
	MUST(reel_meta_encode(&again, buffer2) == n && memcmp(buffer, buffer2, n) == 0);
}

static void fuzz_end(const uint8_t *data, size_t size)
{
	const uint8_t *at = data, *end = data + size;
	struct reel_item item;

	while (reel_item_next(&at, end, &item) > 0)
		touch_bytes(item.value, item.bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy;

	if (size < 1 || size > BODY_MAX)
		return 0;
	copy = malloc(size);
	MUST(copy);
	memcpy(copy, data + 1, size - 1);
	switch (data[0]) {
	case 0:
		fuzz_schema(copy, size - 1);
		break;
	case 1:
		fuzz_meta(copy, size - 1);
		break;
	case 2:
		fuzz_end(copy, size - 1);
		break;
	}
	free(copy);
	return 0;
}
