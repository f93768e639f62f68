/* SPDX-License-Identifier: BSD-2-Clause */
/* The segment that is being written: blocks are made, numbered, linked and put at its end. */
#ifndef REEL_FORMAT_SEGMENT_H
#define REEL_FORMAT_SEGMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "format/crypt.h"
#include "format/err.h"
#include "format/meta.h"
#include "format/pack.h"
#include "format/seal.h"
#include "format/tape.h"
#include "format/writer.h"

struct reel_segment_writer {
	int fd;				/* -1: no segment is open */
	bool is_stream;			/* a pipe: what is written cannot be taken back */
	bool is_torn;			/* something half written could not be taken back */
	uint64_t id;
	uint64_t sequence;		/* of the next block */
	uint8_t head[TAPE_TAG_BYTES];	/* tag of the last block */
	uint64_t offset;		/* of the next block, from META */
	uint64_t file_start;		/* where META lies in the file */
	uint64_t unsynced_bytes;
	struct tape_row *rows;		/* one for each block, for END */
	uint32_t n_rows, rows_room;
	struct tape_totals totals;
	uint64_t events_of[EV_MAX_TYPES];
	uint64_t ts_min, ts_max;	/* of its events; ts_max 0: none */
	uint64_t first_sequence;

	struct reel_crypt_writer *crypt; /* NULL: not encrypted; the owner's */
	struct reel_seal *seal;		 /* NULL: not sealed; the owner's */
	struct ZSTD_CCtx_s *zstd;
	uint8_t *raw;			/* a body before compression */
	uint8_t *block;			/* a whole block */
	size_t block_room;
};

int reel_segment_init(struct reel_segment_writer *s, uint32_t block_bytes, struct reel_err *err);
void reel_segment_done(struct reel_segment_writer *s);

/*
 * Begins a segment at the end of fd, which belongs to the segment from then on: META and SCHEMA.
 * meta has its number and the one before it; who can read it is said in it.
 */
int reel_segment_begin(struct reel_segment_writer *s, int fd, struct reel_meta *meta,
		       struct reel_err *err);

/* How a body is to be compressed at this level. */
void reel_segment_set_level(struct ZSTD_CCtx_s *zstd, int level);

/*
 * Each puts one block at the end, whole or not at all; -ENOSPC and others of write(). A block that
 * could not be written has used up no number.
 */
int reel_segment_put_pack(struct reel_segment_writer *s, const struct reel_pack *p,
			  uint64_t settled, int level, struct reel_err *err);
int reel_segment_put_end(struct reel_segment_writer *s, enum tape_end_reason reason,
			 struct reel_err *err);

/* Is the file still there, and as long as it was made? */
enum reel_segment_state reel_segment_look(const struct reel_segment_writer *s);
int reel_segment_sync(struct reel_segment_writer *s, struct reel_err *err);
/* Closes the file and keeps what the next segment must know. */
int reel_segment_close(struct reel_segment_writer *s, struct reel_err *err);

#endif
