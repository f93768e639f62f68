/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_BYTES = 32 << 10 };

struct arena_chunk {
	struct arena_chunk *older;
	uint8_t bytes[] __attribute__((aligned(8)));
};

void *arena_alloc(struct arena *a, size_t bytes)
{
	size_t padded;
	void *piece;

	if (bytes > SIZE_MAX / 2)
		return NULL;
	padded = (bytes + 7) & ~(size_t)7;
	if (!a->chunks || a->room - a->used < padded) {
		size_t room = padded > CHUNK_BYTES ? padded : CHUNK_BYTES;
		struct arena_chunk *chunk = calloc(1, sizeof(*chunk) + room);

		if (!chunk)
			return NULL;
		chunk->older = a->chunks;
		a->chunks = chunk;
		a->used = 0;
		a->room = room;
	}
	piece = a->chunks->bytes + a->used;
	a->used += padded;
	a->given_bytes += padded;
	return piece;
}

char *arena_text(struct arena *a, const char *bytes, size_t length)
{
	char *text = length < SIZE_MAX ? arena_alloc(a, length + 1) : NULL;

	if (text && length)
		memcpy(text, bytes, length);
	return text;
}

void arena_done(struct arena *a)
{
	while (a->chunks) {
		struct arena_chunk *older = a->chunks->older;

		free(a->chunks);
		a->chunks = older;
	}
	*a = (struct arena){ 0 };
}
