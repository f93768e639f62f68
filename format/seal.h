/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sealing: tags of blocks that are keyed, with keys that only go forward. From the root of a host
 * (keys.h) a key follows for each run of a recorder, from that one for each block of the run, and
 * each is forgotten as soon as the next is made. Who takes the machine at block i has no key for
 * the blocks before it. FORMAT.md, section 22, has the rules; seal_state.h is where a host keeps
 * what it has of its root.
 */
#ifndef REEL_FORMAT_SEAL_H
#define REEL_FORMAT_SEAL_H

#include <stdint.h>

#include "format/err.h"
#include "format/tape.h"

enum {
	REEL_SEAL_RUNS_MAX = 1 << 20,	/* of a host; a verifier goes through them one by one */
};

/* The steps, each of which nobody can go back. */
void reel_seal_next_root(uint8_t root[TAPE_KEY_BYTES]);
void reel_seal_first_key(const uint8_t root[TAPE_KEY_BYTES], const uint8_t capture[TAPE_ID_BYTES],
			 uint64_t first_sequence, uint64_t run, uint8_t ret_key[TAPE_KEY_BYTES]);
void reel_seal_next_key(uint8_t key[TAPE_KEY_BYTES]);

/* The key of the next block of a run that is being written, in locked memory. */
struct reel_seal;

/*
 * Begins a run: takes its number from the state of the host, which has moved on, on disk, when this
 * returns. *ret_said is what META says of it.
 */
int reel_seal_begin(const char *state, const uint8_t capture[TAPE_ID_BYTES],
		    uint64_t first_sequence, uint64_t run, struct reel_seal **ret,
		    struct tape_seal *ret_said, struct reel_err *err);
void reel_seal_free(struct reel_seal *s);

const uint8_t *reel_seal_key(const struct reel_seal *s);
/* The block is written. */
void reel_seal_next(struct reel_seal *s);

/*
 * While a segment is begun its first blocks can still be taken back, and their numbers are used
 * again then: until it is known, the key of the first of them is kept.
 */
void reel_seal_hold(struct reel_seal *s);
void reel_seal_go_back(struct reel_seal *s);
void reel_seal_let_go(struct reel_seal *s);

#endif
