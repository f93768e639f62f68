/* SPDX-License-Identifier: BSD-2-Clause */
/* Blocks one after the other from a pipe, or from files that somebody is still writing. */
#ifndef REEL_FORMAT_FEED_H
#define REEL_FORMAT_FEED_H

#include <stdbool.h>

#include "format/block.h"

struct reel_feed {
	int fd;
	bool follows;		/* waits for more at the end of the file */
	const volatile int *stop;
	int (*idle)(void *context, struct reel_err *err); /* while it waits; may be NULL */
	void *context;
	char *directory;	/* follows: where the segments lie; NULL for one file */
	char *path;		/* of the file that is read; NULL: standard input */
	char **old_paths;	/* of those before it: what was found in them refers to theirs */
	size_t n_old_paths;
	uint8_t *buffer;
	size_t start, end, room;
	uint64_t position;	/* of the buffer's start in the file */
	uint64_t segment_at;	/* of the last META */
	bool is_at_end;		/* nothing more comes into the buffer */
	bool is_behind_end;	/* the last block was this END: */
	struct tape_header last_end;
	uint64_t end_at;
};

struct reel_feed_block {
	struct reel_block block;		/* valid until the next call */
	uint64_t offset;
	uint64_t skipped_at, skipped_bytes;	/* before it, or at the end, that were no block */
};

void reel_feed_open_fd(struct reel_feed *f, int fd);
int reel_feed_open_path(struct reel_feed *f, const char *path, const volatile int *stop,
			struct reel_err *err);
void reel_feed_close(struct reel_feed *f);

/* 1: a block whose body is sound. 0: the end, or *stop. */
int reel_feed_next(struct reel_feed *f, struct reel_feed_block *ret, struct reel_err *err);

const char *reel_feed_path(const struct reel_feed *f);
/* The paths of earlier files that nobody uses any more. */
void reel_feed_forget(struct reel_feed *f, bool (*is_used)(const void *context, const char *path),
		      const void *context);

#endif
