/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of verifying share: files and chains (verify.c), segments, what is in blocks. */
#ifndef REEL_FORMAT_VERIFY_IMPL_H
#define REEL_FORMAT_VERIFY_IMPL_H

#include "format/block.h"
#include "format/crypt.h"
#include "format/meta.h"
#include "format/schema.h"
#include "format/unpack.h"
#include "format/verify.h"

/* One run of a recorder that is sealed. */
struct verify_run {
	uint8_t capture[TAPE_ID_BYTES];
	uint64_t run;
	struct tape_seal seal;
	unsigned at;			/* index of its capture */
	const struct reel_file *file;	/* where it begins, as far as it is here */
	uint64_t offset;
	uint8_t boot[TAPE_ID_BYTES];
	struct tape_start start;
	uint64_t last_sequence;
	bool is_known;			/* the root of its host is there */
	bool is_right;			/* its first block here is as it was sealed */
	bool has_end;			/* its last block here is its END */
	bool goes_on;			/* it is one, but says that there is a next segment, */
	bool has_unread_end;		/* or cannot be read */
};

struct verify_secrets;

/* What is known of seals, over all captures. */
struct verify_seal {
	struct verify_secrets *secrets;	/* in locked memory; NULL: no root was given */
	struct verify_run *runs;
	unsigned n, room;
	int at;				/* the run of the segment at hand; -1: it is not sealed */
	uint64_t steps;
	bool is_right;			/* the block at hand is as it was sealed */
};

/* Where the blocks of a capture have come to. */
struct verify_chain {
	bool has_begun;
	uint64_t segment, sequence, number, run;
	uint8_t head[TAPE_TAG_BYTES];
	uint8_t boot[TAPE_ID_BYTES];
	bool goes_on;			/* its last segment ended because the next one goes on */
	bool was_cut;
	const char *open_path;		/* of its last segment, where that has no END */
	uint64_t open_torn_bytes;
	uint64_t settled;
	struct tape_previous before;	/* what the first segment names */
	bool has_before, before_was_retired;
	bool is_falling;		/* said once that what is settled falls */
	bool range_is_over;		/* of sealed blocks */
	bool was_sealed;		/* its last segment, */
	unsigned n_runs, last_run;	/* and the runs that are; which of all is the last */
	uint64_t wall_offset_ns;	/* wall time less boottime, mod 2^64, if it is known */
	int64_t wall_ns;		/* the latest of its events */
	const struct reel_file *last_file;
};

/* The segment at hand. */
struct verify_segment {
	bool is_open, is_cut, is_derived, has_end, lacks_schema, is_newer;
	uint64_t id;
	uint64_t offset;		/* of its META in the file */
	uint64_t n_blocks;
	uint64_t settled;
	struct reel_schema *schema;
	struct reel_crypt *crypt;	/* NULL: not encrypted, or no key opens it */
	struct tape_row *rows;		/* as END must have them, TAPE_ROWS_MAX at most */
	uint32_t n_rows, rows_room;
	struct tape_totals totals;
	uint64_t events_of[EV_MAX_TYPES];
	bool was_counted;		/* all of its events could be looked at */
	bool has_reason;		/* its END could be read, */
	uint64_t reason;		/* and gives this one */
};

/* What the sequence numbers of one CPU say, over one run of a recorder. */
struct verify_cpu {
	uint64_t min, max, n;
};

struct verifier {
	struct reel_verification *v;
	struct reel_verify_with with;
	struct verify_seal seal;
	struct verify_chain *chains;	/* of each of v->captures */
	unsigned at;			/* the capture at hand */
	const struct reel_file *file;
	struct reel_block b;		/* the block at hand */
	uint64_t offset;
	struct verify_segment segment;
	struct reel_unpacked u;
	struct reel_plain plain;	/* where a block lies that was encrypted */
	struct reel_meta meta;
	bool is_cut;			/* a cut has announced the segment at hand */

	struct verify_cpu *cpus;
	uint16_t *cpus_used;
	uint8_t *cpu_is_used;
	uint32_t n_cpus_used;
	uint64_t accounted;		/* by LOST records, in this run of the recorder */
	bool may_have_holes;		/* what is not here would fill them */
	bool no_memory;
};

static inline struct reel_verified *verify_capture(struct verifier *x)
{
	return &x->v->captures[x->at];
}

/* What is found at the block at hand, at an offset of the file, about the capture as a whole. */
void verify_damage(struct verifier *x, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void verify_damage_at(struct verifier *x, uint64_t offset, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void verify_note(struct verifier *x, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* verify.c: of what no META belongs to, if that is NULL. */
int verify_select_capture(struct verifier *x, const struct reel_meta *meta);

/* verify_segment.c: a block in its place in segment and capture. */
void verify_take_block(struct verifier *x);
void verify_close_segment(struct verifier *x);
void verify_finish_recording(struct verifier *x);

/* verify_block.c: what is in a block. */
void verify_frame(struct verifier *x);
void verify_schema(struct verifier *x);
void verify_events(struct verifier *x);
/* verify_crypt.c: the segment that META has begun, and the block at hand, become plain if a key is
 * there. */
void verify_crypt_segment(struct verifier *x);
void verify_crypt_block(struct verifier *x);
/* verify_seal.c: the tag of the block at hand, and where it stands among those that are sealed. */
int verify_seal_begin(struct verifier *x);
void verify_seal_end(struct verifier *x);
/* A segment has been opened, by the META at hand. */
void verify_seal_segment(struct verifier *x);
void verify_tag(struct verifier *x);
void verify_seal_block_done(struct verifier *x);
/* verify_runs.c: what only all runs together, and all blocks of a capture, can tell. */
int verify_runs_conclude(struct verifier *x);
void verify_seal_conclude(struct verifier *x);
/* verify_end.c */
void verify_end(struct verifier *x);
void verify_items(struct verifier *x, const uint8_t *at, const uint8_t *end);
void verify_note_row(struct verifier *x);

#endif
