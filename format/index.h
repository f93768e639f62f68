/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The list of segments and blocks in the files of a capture: from the table in END where there is a
 * sound one, else by walking over the headers. Part of opening a reader.
 */
#ifndef REEL_FORMAT_INDEX_H
#define REEL_FORMAT_INDEX_H

#include "format/reader.h"

struct reel_indexer {
	struct reel_reader *r;
	struct reel_health *health;
	const char *path;
	bool is_open;			/* the last of r->segments goes on */
	struct tape_cut cut;		/* of a META that announced it */
	uint64_t cut_left;		/* segments for which it still holds */
	uint64_t cut_blocks;		/* blocks of them that are still to come */
	uint64_t next_sequence;
	struct reel_plain plain;	/* a block that was encrypted; freed by reel_index_done */
};

/* One more block, found at the offset. What does not follow from the one before it is noted. */
int reel_index_block(struct reel_indexer *x, const struct reel_block *b, uint64_t offset,
		     struct reel_err *err);
/* The file ends here, or something else follows: whatever was announced must have come. */
void reel_index_end(struct reel_indexer *x, uint64_t offset);
void reel_index_close_segment(struct reel_indexer *x, uint64_t end_offset);

/* Appends what is in the file to r->segments and r->blocks, and what is wrong to r->health. */
int reel_index_file(struct reel_reader *r, const struct reel_file *file, struct reel_err *err);

void reel_index_done(struct reel_indexer *x);
void reel_schemas_free(struct reel_schemas *s);

#endif
