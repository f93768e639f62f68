/* SPDX-License-Identifier: BSD-2-Clause */
/* One block among the bytes of a segment: its header, its checks, and the walk from one to the
 * next. */
#ifndef REEL_FORMAT_BLOCK_H
#define REEL_FORMAT_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "format/err.h"
#include "format/tape.h"

struct reel_block {
	struct tape_header h;
	const uint8_t *at;		/* its first byte */
	const uint8_t *bloom;		/* h.bloom_bytes */
	const uint8_t *body;		/* h.stored_bytes */
	const uint8_t *tag;
	size_t total_bytes;		/* padding included; of an END without its trailer */
	bool is_opened;			/* its body was encrypted, and right */
};

/*
 * Takes the block that begins at AT apart, by rules 1 to 3 of FORMAT.md: it lies wholly in what is
 * there, its header is sound, and no limit is passed. -ENODATA: more bytes would be needed,
 * -EBADMSG: this is no block. The body has not been looked at then.
 */
int reel_block_parse(const uint8_t *at, size_t available, struct reel_block *ret,
		     struct reel_err *err);

/* Rule 4: the stored body is what was written. */
bool reel_block_body_is_sound(const struct reel_block *b);
/* Padding and the tag, with the key of a sealed block, or NULL. */
bool reel_block_padding_is_zero(const struct reel_block *b);
bool reel_block_tag_is_right(const struct reel_block *b, const uint8_t *key);

/*
 * Completes a block that is being made in place: a header with all fields but the sums, the bloom,
 * the room for the header's sum, and the body as stored. Fills in the sums, writes the tag and the
 * padding behind the body. Returns the bytes of the whole block. KEY seals it; NULL: not.
 */
size_t reel_block_finish(uint8_t *at, const uint8_t *key);

static inline size_t reel_block_total_bytes(const struct tape_header *h)
{
	return ((size_t)h->header_bytes + h->stored_bytes + TAPE_TAG_BYTES + 7) & ~(size_t)7;
}

/* The body as it was before compression, into at most h.raw_bytes at TO. */
struct ZSTD_DCtx_s;
int reel_block_inflate(const struct reel_block *b, struct ZSTD_DCtx_s *zstd, uint8_t *to,
		       struct reel_err *err);

/* The trailer behind an END. */
void reel_trailer_make(const struct tape_header *end, uint64_t end_offset,
		       struct tape_trailer *ret);
bool reel_trailer_is_right(const struct tape_header *end, const struct tape_trailer *t,
			   uint64_t end_offset);

/*
 * The walk over bytes that hold blocks one after the other. What is no block is passed over up to
 * the next one that is, and counted.
 */
struct reel_scan {
	const uint8_t *base;
	size_t size;
	size_t at;			/* where the next block is expected */
	size_t skipped_at;	/* of the last step: bytes that are no block, and how many */
	size_t skipped_bytes;
	size_t segment_at;		/* where the segment of the last block begins */
};

/* 1: a block. 0: no further one; skipped_bytes then counts what lies behind the last. */
int reel_scan_next(struct reel_scan *s, struct reel_block *ret);

#endif
