/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A file of blocks from the pieces of an input: with all sums, numbers, links and tables as they
 * should be except where a piece wants something else.
 */
#ifndef REEL_TESTS_FUZZ_MAKING_H
#define REEL_TESTS_FUZZ_MAKING_H

#include <stdbool.h>
#include <string.h>
#include <zstd.h>

#include "format/block.h"
#include "format/crypt_impl.h"
#include "format/meta.h"
#include "tests/fuzz/piece.h"

enum { ROOM = 1 << 20, ROWS = 256 };

struct making {
	uint8_t file[ROOM];
	size_t n;
	uint64_t segment, sequence;
	size_t segment_at;
	uint8_t head[TAPE_TAG_BYTES];
	struct tape_row rows[ROWS];
	unsigned n_rows;
	const struct reel_public_key *to; /* NULL: it is plain */
	uint8_t key[TAPE_KEY_BYTES];	  /* of the block with this sequence */
	uint64_t key_sequence;
};

/* META of an encrypted segment: the items of the piece in public and hidden, and between what makes
 * it one. Returns its bytes. */
static inline size_t make_secret_meta(struct making *m, uint8_t *raw, size_t n, uint64_t sequence)
{
	static uint8_t hidden[TAPE_NONCE_BYTES + PIECE_MAX + TAPE_MAC_BYTES];
	static uint8_t beside[2 * sizeof(uint64_t) + 2 * PIECE_MAX];
	struct tape_recipient to;
	uint64_t features = TAPE_FEATURE_ENCRYPTED;
	uint8_t *at = raw + n, *items = hidden + TAPE_NONCE_BYTES;
	size_t before;

	memset(m->key, (int)m->segment, sizeof(m->key));
	m->key_sequence = sequence;
	memcpy(to.id, m->to->id, sizeof(to.id));
	(void)reel_public_key_box(m->to, m->key, sizeof(m->key), to.box);
	memset(hidden, 7, TAPE_NONCE_BYTES);
	memcpy(items, raw, n);
	at = reel_item_put(at, TAPE_META_INCOMPATIBLE, &features, sizeof(features));
	at = reel_item_put(at, TAPE_META_RECIPIENTS, &to, sizeof(to));
	before = (size_t)(at - raw) + sizeof(struct tape_item);
	at = reel_item_put(at, TAPE_META_HIDDEN, hidden, TAPE_NONCE_BYTES + n + TAPE_MAC_BYTES);
	memcpy(beside, &m->segment, sizeof(uint64_t));
	memcpy(beside + sizeof(uint64_t), &sequence, sizeof(uint64_t));
	memcpy(beside + 2 * sizeof(uint64_t), raw, before);
	crypt_seal(items, n, items + n, beside, 2 * sizeof(uint64_t) + before, hidden, m->key);
	memcpy(raw + before, hidden, TAPE_NONCE_BYTES + n + TAPE_MAC_BYTES);
	return (size_t)(at - raw);
}

/* With the key that its number wants. */
static inline void encrypt_block(struct making *m, uint64_t sequence)
{
	for (; m->key_sequence < sequence; m->key_sequence++)
		crypt_next_key(m->key);
	crypt_block(m->file + m->n, m->key);
}

static inline void note_row(struct making *m, const struct tape_header *h)
{
	if (m->n_rows == ROWS)
		return;
	m->rows[m->n_rows++] = (struct tape_row){ .offset = m->n - m->segment_at,
						  .ts_min = h->ts_min,
						  .ts_max = h->ts_max,
						  .settled = h->settled,
						  .n_events = h->n_events,
						  .stored_bytes = h->stored_bytes,
						  .raw_bytes = h->raw_bytes,
						  .header_bytes = h->header_bytes,
						  .kind = h->kind,
						  .flags = h->flags };
	memcpy(m->rows[m->n_rows - 1].types, h->types, sizeof(h->types));
}

/* The body as it is stored, behind the header. False: there is no room. */
static inline bool put_body(struct making *m, const struct piece *p, struct tape_header *h,
			    const uint8_t *body)
{
	static uint8_t raw[2 * PIECE_MAX + sizeof(m->rows) + 512];
	uint8_t *to = m->file + m->n + h->header_bytes;
	size_t room = ROOM - m->n - h->header_bytes, n = p->body_bytes;
	size_t mac_bytes = h->flags & TAPE_ENCRYPTED && m->to ? TAPE_MAC_BYTES : 0;

	memcpy(raw, body, n);
	if (h->kind == TAPE_END && !(p->how & PIECE_OWN_ROWS)) {
		n &= ~(size_t)7;
		n = (size_t)(reel_item_put(raw + n, TAPE_END_ROWS, m->rows,
					   m->n_rows * sizeof(m->rows[0])) -
			     raw);
	}
	if (h->kind == TAPE_META && m->to)
		n = make_secret_meta(m, raw, n, h->sequence);
	h->raw_bytes = (uint32_t)n;
	if (room < ZSTD_compressBound(n) + 256)
		return false;
	if (h->flags & TAPE_ZSTD) {
		h->stored_bytes = (uint32_t)ZSTD_compress(to, room - 128, raw, n, 1);
	} else {
		h->stored_bytes = h->raw_bytes;
		memcpy(to, raw, n);
	}
	h->stored_bytes += (uint32_t)mac_bytes;
	return true;
}

static inline bool put_piece(struct making *m, const struct piece *p, const uint8_t *body)
{
	struct tape_header h = { .magic = TAPE_MAGIC, .kind = p->kind, .flags = p->flags };
	uint64_t high = p->how & PIECE_FAR ? 1ull << 40 : 0;
	uint16_t bloom_bytes = (uint16_t)(p->bloom ? 1u << p->bloom % 10 : 0);
	bool is_secret = m->to && p->kind != TAPE_META && !(p->flags & TAPE_ENCRYPTED);
	size_t n, secret_bytes = is_secret ? sizeof(struct tape_secret) : 0;

	if (p->kind == TAPE_META || p->how & PIECE_OTHER_SEGMENT) {
		m->segment = m->segment * 31 + 7;
		m->segment_at = m->n;
		m->n_rows = 0;
	}
	if (m->to)
		h.flags ^= p->kind != TAPE_META ? TAPE_ENCRYPTED : 0;
	h.segment = m->segment;
	h.sequence = m->sequence += p->skip;
	h.bloom_bytes = bloom_bytes;
	h.header_bytes =
		(uint16_t)((TAPE_HEADER_MIN + secret_bytes + bloom_bytes + 7) & ~(size_t)7);
	h.ts_min = p->ts_min + high;
	h.ts_max = p->how & PIECE_FAR && p->ts_max == UINT32_MAX ? UINT64_MAX : p->ts_max + high;
	h.settled = p->settled + high;
	h.n_events = p->n_events;
	memset(h.types, p->types, sizeof(h.types));
	memcpy(h.link, m->head, sizeof(h.link));
	if (ROOM - m->n < h.header_bytes + 256u)
		return false;
	memset(m->file + m->n + sizeof(h), 0, h.header_bytes - sizeof(h));
	memset(m->file + m->n + h.header_bytes - TAPE_SUM_BYTES - bloom_bytes, p->bloom,
	       bloom_bytes);
	if (!put_body(m, p, &h, body))
		return false;
	memcpy(m->file + m->n, &h, sizeof(h));
	if (is_secret)
		encrypt_block(m, h.sequence);
	n = reel_block_finish(m->file + m->n, NULL);
	memcpy(m->head, m->file + m->n + h.header_bytes + h.stored_bytes, sizeof(m->head));
	note_row(m, &h);
	if (p->how & PIECE_FLIPPED)
		m->file[m->n + p->ts_min % n] ^= 1;
	m->n += p->how & PIECE_CUT ? p->ts_max % n : n;
	m->sequence++;
	if (h.kind == TAPE_END && !(p->how & PIECE_NO_TRAILER)) {
		struct tape_trailer t;

		reel_trailer_make(&h, m->n - n - m->segment_at, &t);
		memcpy(m->file + m->n, &t, sizeof(t));
		m->n += sizeof(t);
	}
	return true;
}

static inline void make_file(struct making *m, const uint8_t *data, size_t size)
{
	m->n = m->n_rows = 0;
	m->segment = 1;
	m->sequence = 0;
	m->segment_at = 0;
	memset(m->head, 0, sizeof(m->head));
	while (size >= sizeof(struct piece)) {
		struct piece p;

		memcpy(&p, data, sizeof(p));
		data += sizeof(p);
		size -= sizeof(p);
		if (p.body_bytes > size)
			p.body_bytes = (uint16_t)size;
		if (!put_piece(m, &p, data))
			return;
		data += p.body_bytes;
		size -= p.body_bytes;
	}
	if (size && ROOM - m->n > size) {
		memcpy(m->file + m->n, data, size);
		m->n += size;
	}
}

#endif
