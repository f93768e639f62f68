/* SPDX-License-Identifier: BSD-2-Clause */
#include "format/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "format/block.h"
#include "format/schema.h"

static size_t block_room(size_t raw_bytes)
{
	return TAPE_HEADER_MAX + ZSTD_compressBound(raw_bytes) + TAPE_MAC_BYTES + TAPE_TAG_BYTES +
	       8;
}

int reel_segment_init(struct reel_segment_writer *s, uint32_t block_bytes, struct reel_err *err)
{
	size_t raw_room = reel_pack_body_max(block_bytes);

	if (raw_room < REEL_SCHEMA_MAX)
		raw_room = REEL_SCHEMA_MAX;
	memset(s, 0, sizeof(*s));
	s->fd = -1;
	s->block_room = block_room(raw_room);
	s->raw = malloc(raw_room);
	s->block = malloc(s->block_room);
	s->zstd = ZSTD_createCCtx();
	if (!s->raw || !s->block || !s->zstd) {
		reel_segment_done(s);
		return reel_err_set(err, -ENOMEM, "no memory for a segment");
	}
	return 0;
}

void reel_segment_done(struct reel_segment_writer *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	free(s->rows);
	free(s->raw);
	free(s->block);
	ZSTD_freeCCtx(s->zstd);
	s->rows = NULL;
	s->raw = s->block = NULL;
	s->zstd = NULL;
}

static int cut_back(struct reel_segment_writer *s)
{
	return TEMP_FAILURE_RETRY(ftruncate(s->fd, (off_t)(s->file_start + s->offset)));
}

/* After a write that failed half way the file is cut back to where the block began, so that a live
 * reader sees a torn end only while the call is in progress. */
static int write_whole(struct reel_segment_writer *s, const uint8_t *from, size_t bytes,
		       struct reel_err *err)
{
	size_t done = 0;

	while (done < bytes) {
		ssize_t n = write(s->fd, from + done, bytes - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			int code = n < 0 ? -errno : -EIO;

			if (done && (s->is_stream || cut_back(s) < 0))
				s->is_torn = true;
			else if (!s->is_stream)
				lseek(s->fd, (off_t)(s->file_start + s->offset), SEEK_SET);
			return reel_err_set(err, code, "cannot write block %llu: %s",
					    (unsigned long long)s->sequence, strerror(-code));
		}
		done += (size_t)n;
	}
	return 0;
}

static int note_row(struct reel_segment_writer *s, const struct tape_header *h,
		    struct reel_err *err)
{
	struct tape_row *row;

	if (s->n_rows == s->rows_room) {
		uint32_t room = s->rows_room ? 2 * s->rows_room : 256;
		struct tape_row *rows = reallocarray(s->rows, room, sizeof(*rows));

		if (!rows)
			return reel_err_set(err, -ENOMEM, "no memory for the table of blocks");
		s->rows = rows;
		s->rows_room = room;
	}
	row = &s->rows[s->n_rows++];
	*row = (struct tape_row){
		.offset = s->offset,
		.ts_min = h->ts_min,
		.ts_max = h->ts_max,
		.settled = h->settled,
		.n_events = h->n_events,
		.stored_bytes = h->stored_bytes,
		.raw_bytes = h->raw_bytes,
		.header_bytes = h->header_bytes,
		.kind = h->kind,
		.flags = h->flags,
	};
	memcpy(row->types, h->types, sizeof(row->types));
	return 0;
}

/*
 * Makes the block in the buffer and writes it. h has kind, flags and what is said of the events; p,
 * if not NULL, gives the filter of its pids. What h says of types stays plain, for END.
 */
static int put_block(struct reel_segment_writer *s, struct tape_header *h,
		     const struct reel_pack *p, const uint8_t *raw, size_t raw_bytes,
		     uint8_t *block, size_t room, struct reel_err *err)
{
	bool is_secret = s->crypt && h->kind != TAPE_META;
	size_t secret_bytes = is_secret ? sizeof(struct tape_secret) : 0;
	size_t mac_bytes = is_secret ? TAPE_MAC_BYTES : 0, total;
	uint8_t *bloom = block + sizeof(*h) + secret_bytes, *body;
	int r;

	h->magic = TAPE_MAGIC;
	h->flags |= (is_secret ? TAPE_ENCRYPTED : 0) | (s->seal ? TAPE_SEALED : 0);
	h->bloom_bytes = p ? (uint16_t)reel_pack_bloom_bytes(p) : 0;
	h->header_bytes = (uint16_t)(TAPE_HEADER_MIN + secret_bytes + h->bloom_bytes);
	h->segment = s->id;
	h->sequence = s->sequence;
	h->raw_bytes = (uint32_t)raw_bytes;
	memcpy(h->link, s->head, sizeof(h->link));
	memset(bloom, 0, h->bloom_bytes);
	if (p)
		reel_pack_bloom(p, bloom, h->bloom_bytes);
	body = block + h->header_bytes;
	if (h->flags & TAPE_ZSTD) {
		size_t n = ZSTD_compress2(s->zstd, body,
					  room - h->header_bytes - mac_bytes - TAPE_TAG_BYTES - 8,
					  raw, raw_bytes);

		if (ZSTD_isError(n))
			return reel_err_set(err, -EIO, "zstd: %s", ZSTD_getErrorName(n));
		h->stored_bytes = (uint32_t)(n + mac_bytes);
	} else {
		memcpy(body, raw, raw_bytes);
		h->stored_bytes = (uint32_t)(h->raw_bytes + mac_bytes);
	}
	memcpy(block, h, sizeof(*h));
	if (is_secret)
		reel_crypt_block(s->crypt, block);
	total = reel_block_finish(block, s->seal ? reel_seal_key(s->seal) : NULL);
	if (h->kind == TAPE_END) {
		struct tape_trailer t;

		reel_trailer_make(h, s->offset, &t);
		memcpy(block + total, &t, sizeof(t));
		total += sizeof(t);
	}
	if (h->kind != TAPE_END) {
		r = note_row(s, h, err);
		if (r < 0)
			return r;
	}
	r = write_whole(s, block, total, err);
	if (r < 0) {
		s->n_rows -= h->kind != TAPE_END;
		return r;
	}
	if (s->crypt)
		reel_crypt_next(s->crypt);
	if (s->seal)
		reel_seal_next(s->seal);
	memcpy(s->head, body + h->stored_bytes, sizeof(s->head));
	s->offset += total;
	s->unsynced_bytes += total;
	s->sequence++;
	s->totals.raw_bytes += raw_bytes;
	s->totals.stored_bytes += total;
	return 0;
}

static size_t encode_meta(struct reel_segment_writer *s, const struct reel_meta *meta)
{
	return s->crypt ? reel_crypt_meta(s->crypt, meta, s->id, s->sequence, s->raw) :
			  reel_meta_encode(meta, s->raw);
}

/*
 * The fast levels look for matches of 7 bytes, in a table that stays in the nearest cache. Lanes
 * leave few short ones that are worth it: packing and unpacking take an eighth less so, for a
 * twentieth more of tape. The others keep what zstd gives them.
 */
void reel_segment_set_level(ZSTD_CCtx *zstd, int level)
{
	bool is_fast = level < 0;

	ZSTD_CCtx_setParameter(zstd, ZSTD_c_compressionLevel, level);
	ZSTD_CCtx_setParameter(zstd, ZSTD_c_minMatch, is_fast ? 7 : 0);
	ZSTD_CCtx_setParameter(zstd, ZSTD_c_hashLog, is_fast ? 12 : 0);
}

int reel_segment_begin(struct reel_segment_writer *s, int fd, struct reel_meta *meta,
		       struct reel_err *err)
{
	struct tape_header h = { .kind = TAPE_META };
	off_t start = lseek(fd, 0, SEEK_CUR);
	int r;

	s->fd = fd;
	s->is_stream = start < 0;
	s->is_torn = false;
	s->file_start = start < 0 ? 0 : (uint64_t)start;
	s->offset = 0;
	s->n_rows = 0;
	s->unsynced_bytes = 0;
	s->ts_min = s->ts_max = 0;
	s->first_sequence = s->sequence;
	memset(&s->totals, 0, sizeof(s->totals));
	memset(s->events_of, 0, sizeof(s->events_of));
	do {
		if (getrandom(&s->id, sizeof(s->id), 0) != sizeof(s->id))
			return reel_err_set(err, -EIO, "no random number for a segment: %s",
					    strerror(errno));
	} while (s->id == 0);

	r = s->crypt ? reel_crypt_begin(s->crypt, meta, err) : 0;
	if (r == 0)
		r = put_block(s, &h, NULL, s->raw, encode_meta(s, meta), s->block, s->block_room,
			      err);
	if (r < 0)
		return r;
	h = (struct tape_header){ .kind = TAPE_SCHEMA, .flags = TAPE_ZSTD };
	reel_segment_set_level(s->zstd, 1);
	return put_block(s, &h, NULL, s->raw, reel_schema_encode(s->raw), s->block, s->block_room,
			 err);
}

int reel_segment_put_pack(struct reel_segment_writer *s, const struct reel_pack *p,
			  uint64_t settled, int level, struct reel_err *err)
{
	struct tape_header h = {
		.kind = p->kind,
		.flags = (uint8_t)(TAPE_ZSTD | (p->keyframe ? TAPE_KEYFRAME : 0)),
		.ts_min = p->ts_min,
		.ts_max = p->ts_max,
		.settled = settled,
		.n_events = p->n_events,
	};
	int r;

	reel_pack_types(p, h.types);
	reel_segment_set_level(s->zstd, level);
	r = put_block(s, &h, p, s->raw, reel_pack_body(p, s->raw, s->block), s->block,
		      s->block_room, err);
	if (r < 0)
		return r;
	for (unsigned t = 0; t < EV_MAX_TYPES; t++)
		s->events_of[t] += p->groups[t].n;
	s->totals.events += p->n_events;
	if (!s->ts_max || p->ts_min < s->ts_min)
		s->ts_min = p->ts_min;
	if (p->ts_max > s->ts_max)
		s->ts_max = p->ts_max;
	return 0;
}

int reel_segment_put_end(struct reel_segment_writer *s, enum tape_end_reason reason,
			 struct reel_err *err)
{
	struct tape_header h = { .kind = TAPE_END, .flags = TAPE_ZSTD };
	size_t rows_bytes = s->n_rows * sizeof(struct tape_row);
	size_t room = rows_bytes + sizeof(s->events_of) + 1024;
	uint64_t why = reason;
	uint8_t *raw = malloc(room),
		*block = malloc(block_room(room) + sizeof(struct tape_trailer));
	uint8_t *at = raw;
	int r;

	if (!raw || !block) {
		r = reel_err_set(err, -ENOMEM, "no memory for the table of blocks");
		goto out;
	}
	at = reel_item_put(at, TAPE_END_REASON, &why, sizeof(why));
	at = reel_item_put(at, TAPE_END_TOTALS, &s->totals, sizeof(s->totals));
	at = reel_item_put(at, TAPE_END_TYPES, s->events_of, sizeof(s->events_of));
	at = reel_item_put(at, TAPE_END_ROWS, s->rows, rows_bytes);
	reel_segment_set_level(s->zstd, 1);
	r = put_block(s, &h, NULL, raw, (size_t)(at - raw), block, block_room(room), err);
out:
	free(raw);
	free(block);
	return r;
}

enum reel_segment_state reel_segment_look(const struct reel_segment_writer *s)
{
	struct stat st;

	if (s->is_stream || fstat(s->fd, &st) < 0 || !S_ISREG(st.st_mode))
		return REEL_SEGMENT_WHOLE;
	if (!st.st_nlink)
		return REEL_SEGMENT_REMOVED;
	return (uint64_t)st.st_size == s->file_start + s->offset ? REEL_SEGMENT_WHOLE :
								   REEL_SEGMENT_ALTERED;
}

const char *reel_segment_state_text(enum reel_segment_state state)
{
	static const char *const texts[] = {
		[REEL_SEGMENT_WHOLE] = "a segment is as it was written",
		[REEL_SEGMENT_REMOVED] = "a segment was removed by somebody else while it was "
					 "written: another one was begun",
		[REEL_SEGMENT_ALTERED] = "a segment was cut or written to by somebody else while "
					 "it was written: another one was begun",
	};

	return texts[state];
}

int reel_segment_sync(struct reel_segment_writer *s, struct reel_err *err)
{
	if (s->fd < 0 || s->is_stream || !s->unsynced_bytes)
		return 0;
	if (TEMP_FAILURE_RETRY(fdatasync(s->fd)) < 0)
		return reel_err_set(err, -errno, "cannot sync the segment: %s", strerror(errno));
	/* What is safe on disk need not fill the memory of the machine that is watched. */
	(void)posix_fadvise(s->fd, 0, 0, POSIX_FADV_DONTNEED);
	s->unsynced_bytes = 0;
	return 0;
}

int reel_segment_close(struct reel_segment_writer *s, struct reel_err *err)
{
	int fd = s->fd;

	s->fd = -1;
	/* Interrupted or not, it is closed. */
	if (fd >= 0 && close(fd) < 0 && errno != EINTR)
		return reel_err_set(err, -errno, "cannot close the segment: %s", strerror(errno));
	return 0;
}
