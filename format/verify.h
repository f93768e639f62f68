/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Checks every rule of validity over every byte of a capture, and says where one is broken. It goes
 * by the bytes of the files alone, not by what a reader makes of them, and believes nothing that
 * they say before it has been checked.
 *
 * Memory: what one block takes, the table of one segment (4 MB at most), 24 bytes a CPU, and the
 * lists of findings, which are cut; and 200 bytes for each run that is sealed.
 *
 * Time: for seals also a step of 0.4 us for each block of their runs that lies before those that
 * are here, and for each run of the host before; REEL_SEAL_STEPS_MAX in all.
 */
#ifndef REEL_FORMAT_VERIFY_H
#define REEL_FORMAT_VERIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "format/anchor.h"
#include "format/err.h"
#include "format/files.h"
#include "format/keys.h"
#include "format/tape.h"

enum { REEL_FINDINGS_MAX = 256, REEL_VERIFIED_MAX = 1024 };
#define REEL_SEAL_STEPS_MAX (1ull << 30)

enum reel_finding_kind {
	REEL_FINDING_NOTE,		/* not as it could be, but nothing is wrong */
	REEL_FINDING_DAMAGE,
};

struct reel_finding {
	enum reel_finding_kind kind;
	const char *path;
	uint64_t offset;		/* in the file */
	uint64_t sequence;		/* of the block */
	bool has_place, has_sequence;
	char what[200];
};

/* The first row of blocks, one behind the other, that are as they were sealed. */
struct reel_sealed_range {
	uint64_t first, last;		/* blocks */
	int64_t from_ns, to_ns;		/* wall time, as the host had it; 0: not known */
	uint8_t host[TAPE_ID_BYTES];	/* id of the host's key */
	uint64_t first_run, last_run;
};

/* What is known of the seal of a capture. */
struct reel_verified_seal {
	bool is_expected;		/* the root of a host was given */
	bool is_whole;			/* from its beginning to its end, without any doubt */
	bool has_range;
	struct reel_sealed_range range;
	uint64_t right;			/* blocks that are as they were sealed */
	uint64_t unchecked;		/* sealed, but the key is not there */
	uint64_t unsealed;
	uint64_t doubts;		/* notes that say why it is not whole */

	uint64_t anchors;		/* of it that were given */
	uint64_t anchors_here;		/* of them of blocks that are here, and are those blocks */
	uint64_t anchored_block;	/* the last of those */
	int64_t anchored_ns;		/* wall time of that block */
	bool anchors_are_ahead;		/* some are of blocks behind the last that is here */
};

/* Of one capture: all that carries its id. */
struct reel_verified {
	uint8_t capture[TAPE_ID_BYTES];
	char host[256];
	bool is_known;			/* false: what no readable META belongs to */
	uint64_t segments, blocks, events, bytes;
	uint64_t first_number, last_number;
	uint64_t first_sequence, last_sequence;
	uint8_t head[TAPE_TAG_BYTES];	/* tag of the last block */
	uint64_t missing_events;	/* holes in the sequence of the events */
	uint64_t accounted_events;	/* what LOST records say of such */
	uint64_t torn_bytes, unclean_segments, cut_segments;
	uint64_t sealed_blocks, encrypted_blocks;
	uint64_t opened_blocks;		/* of those that are encrypted */
	struct reel_verified_seal seal;
	bool is_derived, is_being_written;
	bool head_is_missing;		/* something came before it, and no RETIRED says so */
	bool head_is_unknown;		/* or one may, in a block that was not opened */
	uint64_t n_damages;
	unsigned n_findings;		/* listed; damages go before notes when room is short */
	struct reel_finding *findings;
};

struct reel_verification {
	struct reel_files files;
	struct reel_verified *captures;
	unsigned n;
};

/* What else there is to check with; any may be NULL. */
struct reel_verify_with {
	const struct reel_keys *keys;
	const struct reel_anchors *anchors;
};

/* Fails only if the files cannot be opened at all, or for want of memory. WITH may be NULL. */
int reel_verify(char *const *paths, unsigned n, const struct reel_verify_with *with,
		struct reel_verification **ret, struct reel_err *err);
void reel_verification_free(struct reel_verification *v);

#endif
