/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory that is given back all at once. What it gives is zero. */
#ifndef REEL_REPLAY_ARENA_H
#define REEL_REPLAY_ARENA_H

#include <stddef.h>

struct arena_chunk;

/* Zeroed: empty. */
struct arena {
	struct arena_chunk *chunks; /* the newest first */
	size_t used, room;	    /* of the newest */
	size_t given_bytes;
};

/* Aligned to 8. NULL: no memory. */
void *arena_alloc(struct arena *a, size_t bytes);
/* With a NUL behind it. */
char *arena_text(struct arena *a, const char *bytes, size_t length);
void arena_done(struct arena *a);

#endif
