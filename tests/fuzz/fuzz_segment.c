/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A file of blocks, opened, walked, followed, verified and read as a stream. Byte 0 says how: with
 * RAW what follows is the file itself, else a row of pieces, each one block:
 *
 *	struct piece, body before compression [body_bytes]
 *
 * Of these the file is made here, with all sums, numbers, links and tables as they should be except
 * where the piece wants something else, so that mutations get behind what protects a block.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zstd.h>

#include "format/block.h"
#include "format/meta.h"
#include "format/verify.h"
#include "format/walk.h"
#include "tests/fuzz/piece.h"
#include "tests/fuzz/touch.h"

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

static void note_row(struct making *m, const struct tape_header *h)
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
static bool put_body(struct making *m, const struct piece *p, struct tape_header *h,
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

static bool put_piece(struct making *m, const struct piece *p, const uint8_t *body)
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
	n = reel_block_finish(m->file + m->n);
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

static void make_file(struct making *m, const uint8_t *data, size_t size)
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

/* Everything a walk gives, to its end. */
static void walk_over(struct reel_walk *w, unsigned format)
{
	const struct reel_health *health = reel_walk_health(w);
	struct reel_walk_stats stats;
	struct reel_err err;
	struct reel_event ev;
	struct touch t;
	uint64_t n = 0;
	int r;

	touch_init(&t, format);
	while ((r = reel_walk_next(w, &ev, &err)) > 0) {
		touch_event(&t, &ev, reel_walk_realtime(w, &ev), reel_event_boot(&ev));
		n++;
	}
	MUST(r == 0 || r == -ENODATA);
	reel_walk_stats(w, &stats);
	MUST(stats.events == n);
	for (unsigned i = 0; i < health->n_damages && i < REEL_DAMAGES_MAX; i++)
		touch_sink += strlen(health->damages[i].what) + strlen(health->damages[i].path);
	touch_sink += strlen(reel_ending_name(health->ending));
	touch_done(&t);
	reel_walk_close(w);
}

static struct reel_filter filter_of(uint8_t choice)
{
	struct reel_filter f = { .beyond_cut = choice & 64 };

	if (choice & 1) {
		f.some_types = true;
		for (unsigned t = 0; t < EV_MAX_TYPES; t += 2)
			f.types[t] = true;
	}
	if (choice & 2) {
		f.n_pids = 1;
		f.pids[0] = 100;
	}
	if (choice & 4)
		f.from = (struct reel_moment){ REEL_BOOTTIME, 2000000 };
	if (choice & 8)
		f.to = (struct reel_moment){ REEL_REALTIME, 1700000000002000000 };
	if (choice & 16)
		f.kinds = 1u << TAPE_EVENTS;
	return f;
}

static void read_file(const char *path, const struct reel_filter *f, unsigned format)
{
	struct reel_reader *r;
	struct reel_walk *w;
	uint64_t ts;

	if (reel_reader_open(path, &r, NULL) < 0)
		return;
	for (unsigned i = 0; i < r->n_boots; i++)
		MUST(reel_keyframe_before(r, &r->boots[i], r->boots[i].ts_max, &ts) == 0);
	touch_sink += (uint64_t)reel_reader_end_ns(r);
	if (reel_walk_open(r, f, &w, NULL) == 0)
		walk_over(w, format);
	reel_reader_close(r);
}

static void verify(const char *path)
{
	char *paths[] = { (char *)(uintptr_t)path };
	struct reel_verification *v;

	if (reel_verify(paths, 1, &v, NULL) < 0)
		return;
	for (unsigned i = 0; i < v->n; i++)
		for (unsigned k = 0; k < v->captures[i].n_findings; k++)
			touch_sink += strlen(v->captures[i].findings[k].what);
	reel_verification_free(v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct making m;
	static int fd = -1;
	static char path[40];
	struct reel_filter f;
	struct reel_walk *w;
	const int stop = 0;

	if (size < 2 || size > ROOM)
		return 0;
	if (fd < 0) {
		fd = memfd_create("segment", 0);
		MUST(fd >= 0);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	}
	if (data[0] & SEGMENT_RAW)
		memcpy(m.file, data + 2, m.n = size - 2);
	else
		make_file(&m, data + 2, size - 2);
	MUST(ftruncate(fd, 0) == 0 && pwrite(fd, m.file, m.n, 0) == (ssize_t)m.n);

	f = filter_of(data[1]);
	read_file(path, &f, data[0] >> 4);
	MUST(lseek(fd, 0, SEEK_SET) == 0);
	if (reel_walk_stream(fd, &f, &w, NULL) == 0)
		walk_over(w, data[0] >> 4);
	if (data[0] & SEGMENT_FOLLOWED && reel_walk_follow(path, &f, &stop, &w, NULL) == 0)
		walk_over(w, data[0] >> 4);
	if (data[0] & SEGMENT_VERIFIED)
		verify(path);
	return 0;
}
