/* SPDX-License-Identifier: BSD-2-Clause */
#include "format/index.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>
#include <zstd.h>

/* SCHEMA bodies that were met, so that segments with the same one share it. */
struct reel_schemas {
	struct reel_schemas *next;
	struct reel_schema *schema;
	size_t bytes;
	uint8_t body[];
};

void reel_schemas_free(struct reel_schemas *s)
{
	while (s) {
		struct reel_schemas *next = s->next;

		reel_schema_free(s->schema);
		free(s);
		s = next;
	}
}

void reel_index_done(struct reel_indexer *x)
{
	reel_plain_done(&x->plain);
}

static struct reel_segment *current(struct reel_indexer *x)
{
	return x->is_open ? &x->r->segments[x->r->n_segments - 1] : NULL;
}

static void damage(struct reel_indexer *x, uint64_t offset, const char *what)
{
	struct reel_segment *s = current(x);

	reel_health_add(x->health, x->path, offset, what);
	if (s)
		s->ending = REEL_DAMAGED;
}

static int grow(void **list, size_t n, size_t size, struct reel_err *err)
{
	/* Full at every power of two from 16 on. */
	if (n == 0 || (n >= 16 && (n & (n - 1)) == 0)) {
		void *larger = reallocarray(*list, n ? 2 * n : 16, size);

		if (!larger)
			return reel_err_set(err, -ENOMEM, "no memory for the list of blocks");
		*list = larger;
	}
	return 0;
}

static int open_segment(struct reel_indexer *x, const struct reel_block *b, uint64_t offset,
			struct reel_err *err)
{
	struct reel_segment *s;
	int r;

	if (x->r->n_segments == REEL_SEGMENTS_MAX)
		return reel_err_set(err, -E2BIG, "%s: more than %u segments", x->path,
				    REEL_SEGMENTS_MAX);
	r = grow((void **)&x->r->segments, x->r->n_segments, sizeof(*s), err);

	if (r < 0)
		return r;
	s = &x->r->segments[x->r->n_segments++];
	memset(s, 0, sizeof(*s));
	s->id = b->h.segment;
	s->path = x->path;
	s->path_offset = offset;
	s->base = b->at;
	s->first_block = x->r->n_blocks;
	s->first_sequence = s->last_sequence = b->h.sequence;
	s->ending = REEL_UNCLEAN;
	x->next_sequence = b->h.sequence;
	x->is_open = true;
	return 0;
}

void reel_index_close_segment(struct reel_indexer *x, uint64_t end)
{
	struct reel_segment *s = current(x);

	if (!s)
		return;
	s->bytes = end - s->path_offset;
	s->n_blocks = x->r->n_blocks - s->first_block;
	if (s->ending == REEL_UNCLEAN && (s->has_end || s->is_cut))
		s->ending = REEL_COMPLETE;
	if (s->ending == REEL_UNCLEAN)
		x->health->unclean_segments++;
	x->is_open = false;
}

/* Finds the key of the segment; without one it stays closed. */
static int unlock_segment(struct reel_indexer *x, const struct reel_block *b, uint64_t offset,
			  struct reel_err *err)
{
	struct reel_segment *s = current(x);
	struct reel_err why;
	int r = reel_crypt_open_meta(x->r->keys, b, &s->meta, &s->crypt, &why);

	if (r == -ENOMEM)
		return reel_err_set(err, r, "%s", why.msg);
	if (r == -EBADMSG)
		damage(x, offset, why.msg);
	s->is_closed = !s->crypt;
	if (s->is_closed && !x->health->closed_segments++)
		snprintf(x->health->closed_why, sizeof(x->health->closed_why), "%s", why.msg);
	return 0;
}

/* The box with the key has a mac of its own: what else of META is broken does it no harm. */
static int rescue_key(struct reel_indexer *x, const struct reel_block *b, struct reel_err *err)
{
	struct reel_meta *meta = malloc(sizeof(*meta));
	int r = -ENOMEM;

	if (meta && reel_meta_decode(b->body, b->h.stored_bytes, meta, NULL) == 0 &&
	    meta->is_encrypted)
		r = reel_crypt_open_meta(x->r->keys, b, meta, &current(x)->crypt, NULL);
	else if (meta)
		r = 0;
	free(meta);
	return r == -ENOMEM ? reel_err_set(err, r, "no memory for META") : 0;
}

static int begin_segment(struct reel_indexer *x, const struct reel_block *b, uint64_t offset,
			 struct reel_err *err)
{
	struct reel_err why;
	struct reel_segment *s;
	int r;

	reel_index_close_segment(x, offset);
	if (!x->cut_left)
		reel_index_end(x, offset);
	r = open_segment(x, b, offset, err);
	if (r < 0)
		return r;
	s = current(x);
	if (b->h.flags & TAPE_ZSTD || !reel_block_body_is_sound(b)) {
		damage(x, offset, "META does not match its checksum");
		return rescue_key(x, b, err);
	}
	r = reel_meta_decode(b->body, b->h.stored_bytes, &s->meta, &why);
	if (r < 0) {
		s->is_refused = r == -EPROTONOSUPPORT;
		damage(x, offset, why.msg);
		return 0;
	}
	if (s->meta.is_encrypted && !s->meta.is_cut) {
		r = unlock_segment(x, b, offset, err);
		if (r < 0)
			return r;
	}
	if (s->meta.is_cut) {
		x->cut = s->meta.cut;
		x->cut_left = x->cut.n_segments;
		x->cut_blocks = x->cut.n_blocks;
		x->r->n_segments--;
		x->is_open = false;
		return 0;
	}
	if (x->cut_left) {
		x->cut_left--;
		s->is_cut = true;
		s->cut_from_ns = x->cut.from_realtime_ns;
		s->cut_to_ns = x->cut.to_realtime_ns;
	}
	return 0;
}

static int take_schema(struct reel_indexer *x, const struct reel_block *b, uint64_t offset,
		       struct reel_err *err)
{
	struct reel_schemas *known;
	ZSTD_DCtx *zstd = ZSTD_createDCtx();
	struct reel_block plain = *b;
	struct reel_err why;
	int r = 0;

	known = malloc(sizeof(*known) + b->h.raw_bytes);
	if (!known || !zstd) {
		r = reel_err_set(err, -ENOMEM, "no memory for a schema");
		goto out;
	}
	known->bytes = b->h.raw_bytes;
	known->schema = NULL;
	if (reel_crypt_open(current(x)->crypt, &plain, &x->plain, &why) < 0 ||
	    reel_block_inflate(&plain, zstd, known->body, &why) < 0) {
		damage(x, offset, why.msg);
		goto out;
	}
	for (struct reel_schemas *s = x->r->schemas; s; s = s->next) {
		if (s->bytes == known->bytes && memcmp(s->body, known->body, s->bytes) == 0) {
			current(x)->schema = s->schema;
			goto out;
		}
	}
	r = reel_schema_decode(known->body, known->bytes, &known->schema, &why);
	if (r == -ENOMEM)
		goto out;
	if (r < 0) {
		damage(x, offset, why.msg);
		r = 0;
		goto out;
	}
	current(x)->schema = known->schema;
	known->next = x->r->schemas;
	x->r->schemas = known;
	known = NULL;
out:
	free(known);
	ZSTD_freeDCtx(zstd);
	return r;
}

static int add_entry(struct reel_indexer *x, const struct reel_entry *e, struct reel_err *err)
{
	int r = grow((void **)&x->r->blocks, x->r->n_blocks, sizeof(*e), err);

	if (r == 0)
		x->r->blocks[x->r->n_blocks++] = *e;
	return r;
}

static int add_block(struct reel_indexer *x, const struct reel_block *b, uint64_t offset,
		     struct reel_err *err)
{
	struct reel_entry e = {
		.at = b->at,
		.segment = x->r->n_segments - 1,
		.n_events = b->h.n_events,
		.stored_bytes = b->h.stored_bytes,
		.raw_bytes = b->h.raw_bytes,
		.header_bytes = b->h.header_bytes,
		.kind = b->h.kind,
		.flags = b->h.flags,
		.ts_min = b->h.ts_min,
		.ts_max = b->h.ts_max,
		.settled = b->h.settled,
	};

	const struct reel_segment *s = current(x);
	struct reel_block plain = *b;
	struct reel_err why;

	if (s->is_closed)
		e.kind = REEL_CLOSED;
	else if (s->crypt && !(b->h.flags & TAPE_ENCRYPTED))
		damage(x, offset, "a plain block in an encrypted segment");
	else if (s->crypt && reel_crypt_open_header(s->crypt, &plain, NULL, &why) < 0)
		damage(x, offset, why.msg);
	if (!s->is_closed)
		memcpy(e.types, plain.h.types, sizeof(e.types));
	return add_entry(x, &e, err);
}

/* Body of END into memory that the caller frees. */
static int inflate_end(struct reel_indexer *x, const struct reel_crypt *crypt,
		       const struct reel_block *b, uint8_t **ret, struct reel_err *err)
{
	ZSTD_DCtx *zstd = ZSTD_createDCtx();
	uint8_t *raw = malloc(b->h.raw_bytes + 8u);
	struct reel_block plain = *b;
	int r = -ENOMEM;

	if (zstd && raw)
		r = reel_crypt_open(crypt, &plain, &x->plain, err);
	if (r == 0)
		r = reel_block_inflate(&plain, zstd, raw, err);
	ZSTD_freeDCtx(zstd);
	if (r < 0) {
		free(raw);
		return r;
	}
	*ret = raw;
	return 0;
}

static void take_end(struct reel_indexer *x, const struct reel_block *b, uint64_t offset)
{
	struct reel_segment *s = current(x);
	const uint8_t *at, *end;
	struct reel_item item;
	struct reel_err why = { 0 };
	uint8_t *raw;

	if (s->is_closed) {
		s->has_end = reel_block_body_is_sound(b);
		return;
	}
	if (inflate_end(x, s->crypt, b, &raw, &why) < 0) {
		damage(x, offset, why.code ? why.msg : "no memory for END");
		return;
	}
	s->has_end = true;
	at = raw;
	end = raw + b->h.raw_bytes;
	while (reel_item_next(&at, end, &item) > 0)
		if (item.tag == TAPE_END_REASON && item.bytes >= 8)
			memcpy(&s->end_reason, item.value, 8);
	free(raw);
}

int reel_index_block(struct reel_indexer *x, const struct reel_block *b, uint64_t offset,
		     struct reel_err *err)
{
	struct reel_segment *s = current(x);
	int r = 0;

	if (b->h.kind == TAPE_META)
		r = begin_segment(x, b, offset, err);
	else if ((!s || b->h.segment != s->id) && b->h.kind != TAPE_SCHEMA) {
		damage(x, offset, "a block of a segment whose beginning is missing");
		return 0;
	} else if (!s || b->h.segment != s->id) {
		reel_index_close_segment(x, offset);
		r = open_segment(x, b, offset, err);
		if (r == 0)
			damage(x, offset, "the beginning of the segment is missing");
	}
	s = current(x);
	if (r < 0 || !s || (s->is_refused && b->h.kind != TAPE_META))
		return r;
	if (b->h.sequence < x->next_sequence) {
		damage(x, offset, "a block that stands in the wrong place");
		return 0;
	}
	if (b->h.sequence > x->next_sequence && !s->is_cut) {
		damage(x, offset, "blocks are missing before this one");
		x->health->missing_blocks += b->h.sequence - x->next_sequence;
	}
	x->next_sequence = b->h.sequence + 1;
	s->last_sequence = b->h.sequence;
	if (s->crypt) {
		struct reel_err why;

		r = reel_crypt_reach(s->crypt, b->h.sequence, &why);
		if (r == -ENOMEM)
			return reel_err_set(err, r, "%s", why.msg);
		if (r < 0) {
			damage(x, offset, why.msg);
			return 0;
		}
	}
	x->cut_blocks -= s->is_cut && x->cut_blocks;
	switch (b->h.kind) {
	case TAPE_META:
		return 0;
	case TAPE_SCHEMA:
		return s->is_closed ? 0 : take_schema(x, b, offset, err);
	case TAPE_STATE:
	case TAPE_EVENTS:
	case TAPE_GAP:
	case TAPE_CLOCK:
		return add_block(x, b, offset, err);
	case TAPE_END:
		take_end(x, b, offset);
		return 0;
	default:
		if (b->h.flags & TAPE_REQUIRED)
			damage(x, offset, "a block of a kind that needs a newer reel");
		return 0;
	}
}

void reel_index_end(struct reel_indexer *x, uint64_t offset)
{
	unsigned n = x->r->n_segments;

	if (x->cut_blocks) {
		reel_health_add(x->health, x->path, offset, "the end of this cut is missing");
		if (n && x->r->segments[n - 1].is_cut)
			x->r->segments[n - 1].ending = REEL_TORN;
	}
	x->cut_blocks = 0;
}

static int walk_headers(struct reel_indexer *x, const struct reel_file *f, struct reel_err *err)
{
	struct reel_scan scan = { .base = f->bytes, .size = f->size };
	struct reel_block b;
	int r = 0;

	while (r == 0 && reel_scan_next(&scan, &b) > 0) {
		if (scan.skipped_bytes) {
			/* Before a META it is the torn end of the segment before it. */
			if (b.h.kind == TAPE_META && current(x) && !current(x)->has_end) {
				current(x)->ending = REEL_TORN;
				current(x)->torn_bytes = scan.skipped_bytes;
				x->health->torn_bytes += scan.skipped_bytes;
			} else {
				damage(x, scan.skipped_at, "bytes that are no block");
			}
		}
		r = reel_index_block(x, &b, (uint64_t)(b.at - f->bytes), err);
	}
	if (r == 0 && scan.skipped_bytes) {
		struct reel_segment *s = current(x);

		if (s && s->ending == REEL_UNCLEAN)
			s->ending = REEL_TORN;
		if (s)
			s->torn_bytes = scan.skipped_bytes;
		x->health->torn_bytes += scan.skipped_bytes;
	}
	reel_index_close_segment(x, f->size - scan.skipped_bytes);
	reel_index_end(x, f->size);
	return r;
}

/* Whether the table accounts for every byte before END, so that nothing can lie between the
 * blocks. */
static bool check_rows(uint64_t end_offset, const struct tape_row *rows, size_t n)
{
	uint64_t at = 0;

	for (size_t i = 0; i < n; i++) {
		struct tape_header h = { .header_bytes = rows[i].header_bytes,
					 .stored_bytes = rows[i].stored_bytes };

		if ((i > 1 && (rows[i].kind == TAPE_META || rows[i].kind == TAPE_SCHEMA)) ||
		    rows[i].offset != at || rows[i].header_bytes < TAPE_HEADER_MIN ||
		    rows[i].stored_bytes > TAPE_STORED_MAX || rows[i].raw_bytes > TAPE_RAW_MAX ||
		    rows[i].n_events > TAPE_EVENTS_MAX)
			return false;
		at += reel_block_total_bytes(&h);
		if (at > end_offset)
			return false;
	}
	return n >= 2 && at == end_offset && rows[0].kind == TAPE_META &&
	       rows[1].kind == TAPE_SCHEMA;
}

static int take_rows(struct reel_indexer *x, const struct reel_file *f,
		     const struct reel_block *end, uint64_t end_offset, const struct tape_row *rows,
		     size_t n, struct reel_err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		struct reel_block b;
		struct reel_entry e;

		if (rows[i].kind == TAPE_META || rows[i].kind == TAPE_SCHEMA) {
			r = reel_block_parse(f->bytes + rows[i].offset, end_offset - rows[i].offset,
					     &b, err);
			if (r == 0)
				r = reel_index_block(x, &b, (uint64_t)(b.at - f->bytes), err);
			if (!x->is_open)
				break;
			continue;
		}
		if (rows[i].kind < TAPE_STATE || rows[i].kind > TAPE_CLOCK) {
			if (rows[i].flags & TAPE_REQUIRED)
				damage(x, rows[i].offset,
				       "a block of a kind that needs a newer reel");
			continue;
		}
		e = (struct reel_entry){
			.at = f->bytes + rows[i].offset,
			.segment = x->r->n_segments - 1,
			.n_events = rows[i].n_events,
			.stored_bytes = rows[i].stored_bytes,
			.raw_bytes = rows[i].raw_bytes,
			.header_bytes = rows[i].header_bytes,
			.kind = rows[i].kind,
			.flags = rows[i].flags,
			.ts_min = rows[i].ts_min,
			.ts_max = rows[i].ts_max,
			.settled = rows[i].settled,
		};
		memcpy(e.types, rows[i].types, sizeof(e.types));
		r = add_entry(x, &e, err);
	}
	if (r == 0) {
		x->next_sequence = end->h.sequence;
		r = reel_index_block(x, end, end_offset, err);
		reel_index_close_segment(x, f->size);
	}
	return r;
}

/* END can be read only with the key that META, which is taken again later, has in its boxes. */
static int open_end(struct reel_indexer *x, const struct reel_block *meta,
		    const struct reel_block *end, uint8_t **ret)
{
	struct reel_meta *m = NULL;
	struct reel_crypt *crypt = NULL;
	int r = 0;

	if (end->h.flags & TAPE_ENCRYPTED) {
		m = malloc(sizeof(*m));
		if (!m || !reel_block_body_is_sound(meta) ||
		    reel_meta_decode(meta->body, meta->h.stored_bytes, m, NULL) < 0 ||
		    reel_crypt_open_meta(x->r->keys, meta, m, &crypt, NULL) < 0 ||
		    reel_crypt_reach(crypt, end->h.sequence, NULL) < 0)
			r = -ENOKEY;
	}
	if (r == 0)
		r = inflate_end(x, crypt, end, ret, NULL);
	reel_crypt_free(crypt);
	free(m);
	return r;
}

/*
 * The table in END, if the file is one whole segment. Each block is checked again when it is read.
 * Returns 1 if the segment was taken from it, 0 if the headers must be walked.
 */
static int use_table(struct reel_indexer *x, const struct reel_file *f, struct reel_err *err)
{
	struct tape_trailer t;
	struct reel_block end, meta, schema;
	struct reel_item item = { 0 };
	const uint8_t *at, *stop;
	uint8_t *raw;
	int r = 0;

	if (f->size < sizeof(t))
		return 0;
	memcpy(&t, f->bytes + f->size - sizeof(t), sizeof(t));
	if (t.magic != TAPE_TRAILER_MAGIC || t.end_offset >= f->size - sizeof(t) ||
	    reel_block_parse(f->bytes + t.end_offset, f->size - t.end_offset, &end, NULL) < 0 ||
	    end.h.kind != TAPE_END || t.end_offset + end.total_bytes + sizeof(t) != f->size ||
	    !reel_trailer_is_right(&end.h, &t, t.end_offset) ||
	    reel_block_parse(f->bytes, f->size, &meta, NULL) < 0 || meta.h.kind != TAPE_META ||
	    meta.h.segment != end.h.segment || open_end(x, &meta, &end, &raw) < 0)
		return 0;
	at = raw;
	stop = raw + end.h.raw_bytes;
	while (reel_item_next(&at, stop, &item) > 0 && item.tag != TAPE_END_ROWS)
		;
	if (item.tag == TAPE_END_ROWS && item.bytes % sizeof(struct tape_row) == 0) {
		const struct tape_row *rows = (const struct tape_row *)(const void *)item.value;
		size_t n = item.bytes / sizeof(*rows);

		/* Where one of the two that are read now is broken, the walk says so and goes
		 * on. */
		if (end.h.sequence - meta.h.sequence == n && check_rows(t.end_offset, rows, n) &&
		    reel_block_parse(f->bytes + rows[1].offset, t.end_offset - rows[1].offset,
				     &schema, NULL) == 0 &&
		    schema.h.kind == TAPE_SCHEMA && schema.h.segment == meta.h.segment) {
			r = take_rows(x, f, &end, t.end_offset, rows, n, err);
			if (r == 0)
				r = 1;
		}
	}
	free(raw);
	return r;
}

int reel_index_file(struct reel_reader *r, const struct reel_file *file, struct reel_err *err)
{
	struct reel_indexer x = { .r = r, .health = &r->health, .path = file->path };
	int used = use_table(&x, file, err);
	int result = used ? (used < 0 ? used : 0) : walk_headers(&x, file, err);

	reel_index_done(&x);
	return result;
}
