/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Checks every rule of validity over every byte of a capture, and says where one is broken. It goes
 * by the bytes of the files alone, not by what a reader makes of them, and believes nothing that
 * they say before it has been checked.
 *
 * Memory: what one block takes, the table of one segment (4 MB at most), 24 bytes a CPU, and the
 * lists of findings, which are cut.
 */
#ifndef REEL_FORMAT_VERIFY_H
#define REEL_FORMAT_VERIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "format/err.h"
#include "format/files.h"
#include "format/tape.h"

enum { REEL_FINDINGS_MAX = 256, REEL_VERIFIED_MAX = 1024 };

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
	bool is_derived, is_being_written;
	bool head_is_missing;		/* something came before it, and no RETIRED says so */
	uint64_t n_damages;
	unsigned n_findings;		/* listed; damages go before notes when room is short */
	struct reel_finding *findings;
};

struct reel_verification {
	struct reel_files files;
	struct reel_verified *captures;
	unsigned n;
};

/* Fails only if the files cannot be opened at all, or for want of memory. */
int reel_verify(char *const *paths, unsigned n, struct reel_verification **ret,
		struct reel_err *err);
void reel_verification_free(struct reel_verification *v);

#endif
