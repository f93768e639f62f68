/* SPDX-License-Identifier: BSD-2-Clause */
/* The inputs of fuzz_segment: see there. make_corpus.c makes such of real captures. */
#ifndef REEL_TESTS_FUZZ_PIECE_H
#define REEL_TESTS_FUZZ_PIECE_H

#include <stdint.h>

/* In byte 0. ENCRYPTED: all blocks are but META and those whose piece has the flag. */
enum { SEGMENT_RAW = 1, SEGMENT_FOLLOWED = 2, SEGMENT_VERIFIED = 4, SEGMENT_ENCRYPTED = 8 };

enum {
	PIECE_OTHER_SEGMENT = 1,
	PIECE_FLIPPED = 2,
	PIECE_CUT = 4,
	PIECE_OWN_ROWS = 8, /* END: the table is in the body, if anywhere */
	PIECE_NO_TRAILER = 16,
	PIECE_FAR = 32, /* its times are 2^40 later */
	PIECE_MAX = 0xffff,
};

struct piece {
	uint8_t kind, flags, how, skip; /* skip: blocks that are missing before it */
	uint8_t bloom, types;		/* every byte of the filter, and of the set of types */
	uint16_t body_bytes;
	uint32_t n_events, ts_min, ts_max, settled;
};

#endif
