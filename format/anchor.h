/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Anchors: the tag of a block, told to somebody outside while the capture was being written. A line
 * of text, at the end of which the host may have what it likes:
 *
 *	reel-anchor 1 CAPTURE SEQUENCE TAG BOOT TS HOST
 *
 * with hexadecimal digits for ids and the tag, and TS the boottime in ns when it was told.
 */
#ifndef REEL_FORMAT_ANCHOR_H
#define REEL_FORMAT_ANCHOR_H

#include <stddef.h>
#include <stdint.h>

#include "format/err.h"
#include "format/tape.h"

enum {
	REEL_ANCHORS_MAX = 1 << 20,	/* lines in the files given */
	REEL_ANCHOR_LINE = 512,		/* bytes that one may have, with its newline and a NUL */
};

struct reel_anchor {
	uint8_t capture[TAPE_ID_BYTES];
	uint64_t sequence;
	uint8_t tag[TAPE_TAG_BYTES];
	uint8_t boot[TAPE_ID_BYTES];
	uint64_t ts;
};

/* With a newline. Returns its bytes. */
size_t reel_anchor_format(const struct reel_anchor *a, const char *host,
			  char line[REEL_ANCHOR_LINE]);

/* By capture and sequence. */
struct reel_anchors {
	struct reel_anchor *list;
	size_t n, room;
};

/*
 * Adds those of a file. What stands before the word reel-anchor in a line, as a log has it, is
 * passed over, and so are lines without it in their first 8 KiB. -EBADMSG: one is not well formed,
 * or there is none.
 */
int reel_anchors_read(struct reel_anchors *all, const char *path, struct reel_err *err);
void reel_anchors_done(struct reel_anchors *all);

/* The first of this capture with that sequence or a higher one; all->n: none. */
size_t reel_anchors_find(const struct reel_anchors *all, const uint8_t capture[TAPE_ID_BYTES],
			 uint64_t sequence);

#endif
