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
};

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
	static uint8_t raw[PIECE_MAX + sizeof(m->rows) + 64];
	uint8_t *to = m->file + m->n + h->header_bytes;
	size_t room = ROOM - m->n - h->header_bytes, n = p->body_bytes;

	memcpy(raw, body, n);
	if (h->kind == TAPE_END && !(p->how & PIECE_OWN_ROWS)) {
		n &= ~(size_t)7;
		n = (size_t)(reel_item_put(raw + n, TAPE_END_ROWS, m->rows,
					   m->n_rows * sizeof(m->rows[0])) -
			     raw);
	}
	h->raw_bytes = (uint32_t)n;
	if (room < ZSTD_compressBound(n) + 256)
		return false;
	if (h->flags & TAPE_ZSTD) {
		h->stored_bytes = (uint32_t)ZSTD_compress(to, room - 128, raw, n, 1);
	} else {
		h->stored_bytes = h->raw_bytes;
		memcpy(to, raw, n);
	}
	return true;
}

static inline bool put_piece(struct making *m, const struct piece *p, const uint8_t *body)
{
	struct tape_header h = { .magic = TAPE_MAGIC, .kind = p->kind, .flags = p->flags };
	uint64_t high = p->how & PIECE_FAR ? 1ull << 40 : 0;
	uint16_t bloom_bytes = (uint16_t)(p->bloom ? 1u << p->bloom % 10 : 0);
	size_t n;

	if (p->kind == TAPE_META || p->how & PIECE_OTHER_SEGMENT) {
		m->segment = m->segment * 31 + 7;
		m->segment_at = m->n;
		m->n_rows = 0;
	}
	h.segment = m->segment;
	h.sequence = m->sequence += p->skip;
	h.bloom_bytes = bloom_bytes;
	h.header_bytes = (uint16_t)((TAPE_HEADER_MIN + bloom_bytes + 7) & ~7);
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
