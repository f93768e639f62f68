/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The capture that is being written, as far as its files go: packs become blocks of the open
 * segment, segments are closed and begun, old ones retired, and when the disk is full it is decided
 * what becomes of it. Belongs to one thread, but for the clocks, which others set.
 */
#ifndef REEL_FORMAT_ARCHIVE_H
#define REEL_FORMAT_ARCHIVE_H

#include <stdatomic.h>

#include "format/directory.h"
#include "format/pack.h"
#include "format/segment.h"
#include "format/writer.h"

/* Small records that go with the last words, when the disk was full. */
struct reel_words {
	uint8_t *bytes;
	size_t used, room;
};

struct reel_archive {
	bool has_directory, drop_oldest;
	int level;
	enum reel_sync sync;
	uint64_t keep_bytes, keep_ns;

	_Atomic uint64_t now_ns, own_seq;
	_Atomic int64_t realtime_offset; /* CLOCK_REALTIME - CLOCK_BOOTTIME */

	struct reel_meta meta; /* of the open segment */
	struct reel_crypt_writer *crypt; /* NULL: not encrypted */
	struct reel_seal *seal;		 /* NULL: not sealed */
	struct reel_segment_writer segment;
	struct reel_directory directory;
	char name[REEL_SEGMENT_NAME_MAX];
	struct reel_pack own; /* for what it has to say itself */
	uint64_t settled;
	bool is_begun; /* the segment has META and no END */
	bool is_over;  /* something has failed: only the last words are written */
	int no_room;   /* the error for which the reserve was given up, or 0 */
	struct {
		uint64_t count, first_ns, last_ns;
	} lost[EV_MAX_TYPES]; /* by class, after is_over */
	/* GAP packs that came too late. What they tell belongs to the last words. */
	const struct reel_pack *held[REEL_WRITER_BUFFERS];
	unsigned n_held;
	struct reel_writer_stats stats;
};

/* Values of lost.cause, in the order of its labels. */
enum reel_lost_cause {
	REEL_LOST_RING,
	REEL_LOST_MISSED,
	REEL_LOST_MALFORMED,
	REEL_LOST_DISK_FULL,
	REEL_LOST_WRITE_ERROR,
	REEL_LOST_STOPPED,
};

int reel_archive_open(struct reel_archive *a, const struct reel_writer_options *o,
		      uint32_t block_bytes, struct reel_err *err);

/*
 * The first failure ends it: what comes later is counted as lost, until the archive is closed. Then
 * a pack must stay as it is until the end, since what it tells of losses is said there.
 */
int reel_archive_put(struct reel_archive *a, const struct reel_pack *p, uint64_t settled, int level,
		     struct reel_err *err);
int reel_archive_rotate(struct reel_archive *a, struct reel_err *err);
int reel_archive_sync(struct reel_archive *a, struct reel_err *err);

/* Writes END, before it what was lost since FAILED, which is 0 or what put or rotate returned. */
int reel_archive_end(struct reel_archive *a, int failed, const struct reel_words *words,
		     struct reel_err *err);
/* Closes the files as they are. */
void reel_archive_done(struct reel_archive *a);

uint64_t reel_archive_own_seq(struct reel_archive *a);

#endif
