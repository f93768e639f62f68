/* SPDX-License-Identifier: BSD-2-Clause */
#include "format/block.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>
#include <xxhash.h>
#include <zstd.h>

static uint64_t seed_of(const struct tape_header *h)
{
	return h->segment + h->sequence;
}

static uint64_t header_sum(const uint8_t *at, const struct tape_header *h)
{
	return XXH3_64bits_withSeed(at, h->header_bytes - TAPE_SUM_BYTES, seed_of(h));
}

static uint64_t body_sum(const uint8_t *body, const struct tape_header *h)
{
	return XXH3_64bits_withSeed(body, h->stored_bytes, seed_of(h));
}

static void tag_of(const uint8_t *at, const struct tape_header *h, const uint8_t *key,
		   uint8_t tag[TAPE_TAG_BYTES])
{
	crypto_generichash_blake2b(tag, TAPE_TAG_BYTES, at,
				   (unsigned long long)h->header_bytes + h->stored_bytes, key,
				   key ? TAPE_KEY_BYTES : 0);
}

static bool within_limits(const struct tape_header *h)
{
	bool bloom_is_power = (h->bloom_bytes & (h->bloom_bytes - 1)) == 0;

	return h->header_bytes >= TAPE_HEADER_MIN + h->bloom_bytes && h->header_bytes % 8 == 0 &&
	       h->header_bytes <= TAPE_HEADER_MAX && bloom_is_power &&
	       (h->bloom_bytes == 0 || h->bloom_bytes >= 8) && h->bloom_bytes <= TAPE_BLOOM_MAX &&
	       h->raw_bytes <= TAPE_RAW_MAX && h->stored_bytes <= TAPE_STORED_MAX &&
	       h->n_events <= TAPE_EVENTS_MAX;
}

int reel_block_parse(const uint8_t *at, size_t available, struct reel_block *ret,
		     struct reel_err *err)
{
	struct reel_block b = { .at = at };
	uint64_t sum;

	if (available < TAPE_HEADER_MIN) {
		if (available >= 4 && memcmp(at, &(uint32_t){ TAPE_MAGIC }, 4) != 0)
			return reel_err_set(err, -EBADMSG, "no block begins here");
		return reel_err_set(err, -ENODATA, "the last block is cut");
	}
	memcpy(&b.h, at, sizeof(b.h));
	if (b.h.magic != TAPE_MAGIC)
		return reel_err_set(err, -EBADMSG, "no block begins here");
	if (!within_limits(&b.h))
		return reel_err_set(err, -EBADMSG, "block header is beyond the limits");
	if (available < b.h.header_bytes)
		return reel_err_set(err, -ENODATA, "the last block is cut");
	memcpy(&sum, at + b.h.header_bytes - TAPE_SUM_BYTES, sizeof(sum));
	if (sum != header_sum(at, &b.h))
		return reel_err_set(err, -EBADMSG, "block header does not match its checksum");
	b.total_bytes = reel_block_total_bytes(&b.h);
	if (available < b.total_bytes)
		return reel_err_set(err, -ENODATA, "the last block is cut");
	b.body = at + b.h.header_bytes;
	b.bloom = b.body - TAPE_SUM_BYTES - b.h.bloom_bytes;
	b.tag = b.body + b.h.stored_bytes;
	*ret = b;
	return 0;
}

bool reel_block_body_is_sound(const struct reel_block *b)
{
	return body_sum(b->body, &b->h) == b->h.body_sum;
}

bool reel_block_tag_is_right(const struct reel_block *b, const uint8_t *key)
{
	uint8_t tag[TAPE_TAG_BYTES];

	tag_of(b->at, &b->h, key, tag);
	return sodium_memcmp(tag, b->tag, sizeof(tag)) == 0;
}

bool reel_block_padding_is_zero(const struct reel_block *b)
{
	for (const uint8_t *p = b->tag + TAPE_TAG_BYTES; p < b->at + b->total_bytes; p++)
		if (*p)
			return false;
	return true;
}

size_t reel_block_finish(uint8_t *at, const uint8_t *key)
{
	struct tape_header h;
	uint8_t *body, *tag;
	size_t total;
	uint64_t sum;

	memcpy(&h, at, sizeof(h));
	body = at + h.header_bytes;
	tag = body + h.stored_bytes;
	total = reel_block_total_bytes(&h);
	h.body_sum = body_sum(body, &h);
	memcpy(at, &h, sizeof(h));
	sum = header_sum(at, &h);
	memcpy(body - TAPE_SUM_BYTES, &sum, sizeof(sum));
	tag_of(at, &h, key, tag);
	memset(tag + TAPE_TAG_BYTES, 0, (size_t)(at + total - tag) - TAPE_TAG_BYTES);
	return total;
}

int reel_block_inflate(const struct reel_block *b, ZSTD_DCtx *zstd, uint8_t *to,
		       struct reel_err *err)
{
	unsigned long long announced;
	size_t got;

	if (b->h.flags & TAPE_ENCRYPTED)
		return reel_err_set(err, -EPROTONOSUPPORT, "block is encrypted");
	if (!b->is_opened && !reel_block_body_is_sound(b))
		return reel_err_set(err, -EBADMSG, "block body does not match its checksum");
	if (!(b->h.flags & TAPE_ZSTD)) {
		if (b->h.raw_bytes != b->h.stored_bytes)
			return reel_err_set(err, -EBADMSG, "block body has a wrong length");
		memcpy(to, b->body, b->h.raw_bytes);
		return 0;
	}
	announced = ZSTD_getFrameContentSize(b->body, b->h.stored_bytes);
	if (announced != b->h.raw_bytes)
		return reel_err_set(err, -EBADMSG, "block body has a wrong length");
	got = ZSTD_decompressDCtx(zstd, to, b->h.raw_bytes, b->body, b->h.stored_bytes);
	if (ZSTD_isError(got) || got != b->h.raw_bytes)
		return reel_err_set(err, -EBADMSG, "block body cannot be decompressed");
	return 0;
}

void reel_trailer_make(const struct tape_header *end, uint64_t end_offset, struct tape_trailer *ret)
{
	ret->end_offset = end_offset;
	ret->check = (uint32_t)XXH3_64bits_withSeed(&end_offset, sizeof(end_offset), seed_of(end));
	ret->magic = TAPE_TRAILER_MAGIC;
}

bool reel_trailer_is_right(const struct tape_header *end, const struct tape_trailer *t,
			   uint64_t end_offset)
{
	struct tape_trailer right;

	reel_trailer_make(end, end_offset, &right);
	return memcmp(&right, t, sizeof(right)) == 0;
}

/* Passes over what is no block, from s->at on, to the next that is. */
static int find_block(struct reel_scan *s, struct reel_block *ret)
{
	static const uint8_t magic[4] = { 'R', 'L', 'B', '1' };
	size_t from = s->at + 1;

	s->skipped_at = s->at;
	while (from < s->size) {
		const uint8_t *hit = memmem(s->base + from, s->size - from, magic, sizeof(magic));

		if (!hit)
			break;
		from = (size_t)(hit - s->base);
		if (reel_block_parse(hit, s->size - from, ret, NULL) == 0) {
			s->skipped_bytes = from - s->skipped_at;
			s->at = from;
			return 1;
		}
		from++;
	}
	s->skipped_bytes = s->size - s->at;
	s->at = s->size;
	return 0;
}

static size_t behind(const struct reel_scan *s, const struct reel_block *b)
{
	size_t at = (size_t)(b->at - s->base) + b->total_bytes;
	size_t segment_at = b->h.kind == TAPE_META ? (size_t)(b->at - s->base) : s->segment_at;
	struct tape_trailer t;

	if (b->h.kind != TAPE_END || s->size - at < sizeof(t))
		return at;
	memcpy(&t, s->base + at, sizeof(t));
	if (!reel_trailer_is_right(&b->h, &t, (uint64_t)(b->at - s->base) - segment_at))
		return at;
	return at + sizeof(t);
}

/*
 * A header may be whole while the rest of its block was never written: then what was put behind the
 * file, the next segment perhaps, would pass for its body. So a block that is not followed by
 * another, the last one too, is only believed if its body is sound.
 */
static bool is_believable(const struct reel_scan *s, const struct reel_block *b)
{
	size_t next = behind(s, b);
	struct reel_block ignored;

	return (next < s->size &&
		reel_block_parse(s->base + next, s->size - next, &ignored, NULL) == 0) ||
	       reel_block_body_is_sound(b);
}

int reel_scan_next(struct reel_scan *s, struct reel_block *ret)
{
	int found = 1;

	s->skipped_bytes = 0;
	if (s->at == s->size)
		return 0;
	if (reel_block_parse(s->base + s->at, s->size - s->at, ret, NULL) < 0 ||
	    !is_believable(s, ret))
		found = find_block(s, ret);
	if (!found)
		return 0;
	if (ret->h.kind == TAPE_META)
		s->segment_at = s->at;
	s->at = behind(s, ret);
	return 1;
}
