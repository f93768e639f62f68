/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes a capture. The caller appends records as the kernel delivers them and says at the end of
 * each round until when the rings are drained; the writer sorts the records into blocks of their
 * streams, compresses and writes them, begins new segments and removes old ones.
 *
 * It reads no clock: all times are the caller's CLOCK_BOOTTIME, so that a generated capture of an
 * hour takes a second to write. Appending allocates nothing, compresses nothing and makes no system
 * call: a thread of the writer's own does what is slow, and appending waits only when all of its
 * buffers are full. One thread appends, settles, ticks and closes.
 *
 * Memory: REEL_WRITER_BUFFERS packs, each 9 block_bytes at most and about 2.5 as a rule, and 80
 * bytes a block of the open segment.
 */
#ifndef REEL_FORMAT_WRITER_H
#define REEL_FORMAT_WRITER_H

#include "bpf/events.h"
#include "format/err.h"
#include "format/keys.h"
#include "format/meta.h"

struct reel_writer;

enum reel_sync {
	REEL_SYNC_SECONDS,	/* fdatasync every 5 s or 16 MiB */
	REEL_SYNC_BLOCK,	/* after each block */
	REEL_SYNC_NONE,
};

struct reel_writer_options {
	const char *directory;	/* the capture; made if it is not there, else continued */
	int fd;		/* instead of a directory: one segment to here, e.g. standard output */
	struct reel_meta meta;	/* machine, host, note ...; ids of an existing capture win */

	const struct reel_public_key *recipients; /* who alone can read it */
	const char *seal; /* the state of the host's key to seal with; NULL: not sealed */
	unsigned n_recipients; /* TAPE_RECIPIENTS_MAX at most; 0: it is not encrypted */

	uint32_t block_bytes;	/* 0 in any of these: the default */
	uint64_t latency_ns;	/* a block is written at this age */
	uint64_t segment_bytes;
	uint64_t segment_ns;
	uint64_t keep_bytes;	/* 0: everything is kept */
	uint64_t keep_ns;
	bool drop_oldest;	/* on a full disk remove the oldest segment and go on */
	bool in_line;		/* no thread: for tools whose input waits anyway */
	int level;		/* zstd's, 0: the default; lower ones are taken under load */
	enum reel_sync sync;
};

enum {
	REEL_BLOCK_BYTES = 512 << 10,
	REEL_SEGMENT_BYTES = 256 << 20,
	REEL_WRITER_BUFFERS = 8,
	REEL_LEVEL = -1,
};
#define REEL_LATENCY_NS (500ull * 1000 * 1000)
#define REEL_SEGMENT_NS (3600ull * 1000 * 1000 * 1000)

/* Others may have been at it. */
enum reel_segment_state { REEL_SEGMENT_WHOLE, REEL_SEGMENT_REMOVED, REEL_SEGMENT_ALTERED };
/* What is said of it, at the beginning of the next one. */
const char *reel_segment_state_text(enum reel_segment_state state);

struct reel_writer_stats {
	uint64_t events;
	uint64_t malformed;		/* records refused; each is in a lost record */
	uint64_t blocks;
	uint64_t raw_bytes;
	uint64_t stored_bytes;		/* on disk, headers and tags included */
	uint64_t segments;
	uint64_t retired;
	uint64_t waits;			/* appending had to wait for a buffer */
	uint64_t lower_level;		/* blocks compressed faster because of load */

	/* The last block that is on disk, as far as syncing is wanted; a tag of zeros: none yet. */
	uint64_t head_sequence;
	uint8_t head[TAPE_TAG_BYTES];
	uint8_t capture[TAPE_ID_BYTES];
	/* Segments that others removed or altered while they were written, so that another was
	 * begun, and what the last of them had become. */
	uint64_t replaced;
	enum reel_segment_state replaced_state;
};

int reel_writer_open(const struct reel_writer_options *o, struct reel_writer **ret,
		     struct reel_err *err);

/*
 * A record, header and payload, as it lies in the ring. One whose lengths do not add up is counted
 * and put on tape as lost.
 *
 * 0: the record is taken. It will be on tape, or be counted in the writer's last words. An error:
 * it is not taken, and what becomes of it is the caller's to tell; the tape cannot be written any
 * more. So a failure to write what was taken is not this record's: it is remembered, and returned
 * by each tick, flush and rotate from then on, by close, and by an append that needs a new buffer.
 */
int reel_writer_append(struct reel_writer *w, const void *record, size_t length,
		       struct reel_err *err);

/* A record of the recorder itself: the writer gives it cpu and seq. */
int reel_writer_append_own(struct reel_writer *w, struct ev_header *record, size_t length,
			   struct reel_err *err);

/* End of a round: every event before ts has been appended. */
void reel_writer_settle(struct reel_writer *w, uint64_t ts);

/*
 * Once a round: closes blocks by age and segments by age and size. Fails if anything has failed so
 * far. After a new segment has begun
 * (its number has risen) the caller appends a clock record, then a keyframe.
 */
int reel_writer_tick(struct reel_writer *w, uint64_t now_ns, struct reel_err *err);
int reel_writer_rotate(struct reel_writer *w, struct reel_err *err);
uint64_t reel_writer_segment_number(const struct reel_writer *w);

/* Writes what is pending, so that a follower sees it. */
int reel_writer_flush(struct reel_writer *w, struct reel_err *err);

void reel_writer_stats(struct reel_writer *w, struct reel_writer_stats *ret);

/* Writes what is pending and END; frees the writer in any case. */
int reel_writer_close(struct reel_writer *w, struct reel_err *err);
/* The same; *ret is how it was in the end. */
int reel_writer_end(struct reel_writer *w, struct reel_writer_stats *ret, struct reel_err *err);

/*
 * After a failure: a record of GAP, such as the counters, that goes on tape with the last words, if
 * there is room for any. 256 KiB of them at most: -ENOSPC.
 */
struct reel_record;
int reel_writer_last_word(struct reel_writer *w, struct reel_record *record);

/* Ends without a word, as a killed recorder would: for tests, and after an error. */
void reel_writer_abandon(struct reel_writer *w);

#endif
