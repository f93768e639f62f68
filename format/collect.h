/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A new directory that segments of captures are put into as they are: as hard links to their files
 * where that is possible, else as copies. The source is only ever read.
 */
#ifndef REEL_FORMAT_COLLECT_H
#define REEL_FORMAT_COLLECT_H

#include "format/reader.h"

struct reel_collection {
	char *path;
	int fd;
	char **names;			/* of what is in it, to be able to take it back */
	unsigned n_names, room;
	uint64_t segments, linked, copied, bytes;
};

/* The directory must not be there yet; it is made with mode 0700. */
int reel_collection_make(struct reel_collection *c, const char *path, struct reel_err *err);

/*
 * Puts in the segments i of the reader for which wanted[i] is set. A file that somebody still
 * writes to is copied up to its last sound block; what was cut into one file stays together.
 */
int reel_collection_put(struct reel_collection *c, const struct reel_reader *r, const bool *wanted,
			struct reel_err *err);

/* Makes it durable. */
int reel_collection_finish(struct reel_collection *c, struct reel_err *err);
/* Removes the directory and all that was put in. */
void reel_collection_undo(struct reel_collection *c);
/* Frees the struct only. */
void reel_collection_done(struct reel_collection *c);

/* All of it, or -errno. */
int reel_write_whole(int fd, const void *bytes, size_t n);

#endif
