/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A capture directory while it is written to: one writer holds its lock, new segments get names
 * that nobody had before, and the oldest finished ones can be removed.
 *
 *	HOST-000017-20261121T084201Z.rls	a segment, its number and its start in UTC
 *						(reel instead of HOST where it is encrypted)
 *	.lock					held by the writer
 *	.reserve				room for the last words when the disk is full
 */
#ifndef REEL_FORMAT_DIRECTORY_H
#define REEL_FORMAT_DIRECTORY_H

#include <stdint.h>

#include "format/err.h"
#include "format/meta.h"

enum { REEL_SEGMENT_NAME_MAX = 256, REEL_RESERVE_BYTES = 1 << 20 };

/* A segment that is not being written any more. */
struct reel_finished {
	char name[REEL_SEGMENT_NAME_MAX];
	uint64_t number;
	uint64_t size;
	int64_t ended_realtime_ns;
};

struct reel_directory {
	char *path;
	int fd;
	int lock_fd;
	struct reel_finished *finished;	/* by rising number */
	unsigned n_finished, room;
	uint64_t finished_bytes;
	uint64_t last_settled;		/* the greatest of the last segment that was found */
};

/*
 * Opens or makes the directory and takes its lock. -EBUSY: another writer has it; -ENOTDIR,
 * -EEXIST: it is no capture. For a capture that exists, *ret_meta is that of its last segment, and
 * *ret_last names its last sound block; for a new one *ret_is_new is set.
 */
int reel_directory_open(struct reel_directory *d, const char *path, bool *ret_is_new,
			struct reel_meta *ret_meta, struct tape_previous *ret_last,
			struct reel_err *err);
void reel_directory_close(struct reel_directory *d);

/* A new file for the segment that meta describes; its name goes to NAME. */
int reel_directory_create(struct reel_directory *d, const struct reel_meta *meta,
			  char name[REEL_SEGMENT_NAME_MAX], int *ret_fd, struct reel_err *err);
/* Takes it back: nothing could be written to it. */
void reel_directory_discard(struct reel_directory *d, const char *name);
int reel_directory_note_finished(struct reel_directory *d, const char *name, uint64_t number,
				 uint64_t size, int64_t ended_realtime_ns, struct reel_err *err);

/* What a RETIRED record says of a segment, read from the file itself. */
struct reel_retired {
	uint64_t segment, first_block, last_block, first_ns, last_ns, events;
	uint8_t head[TAPE_TAG_BYTES];
};
int reel_directory_describe(struct reel_directory *d, const struct reel_finished *f,
			    struct reel_retired *ret, struct reel_err *err);
/* Removes the oldest finished segment from disk and from the list. */
int reel_directory_remove_oldest(struct reel_directory *d, struct reel_err *err);

/* Room is kept in advance and given back when it is needed; failing to keep it is no error. */
void reel_directory_keep_reserve(struct reel_directory *d);
void reel_directory_free_reserve(struct reel_directory *d);

#endif
