/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a host keeps of its root: how many runs there were, and the key of the next, R_n. Each run
 * takes it and leaves R_{n+1}, from which R_n cannot be had.
 *
 *	reel-host-state 1
 *	host-key	16 bytes, random: which root this is
 *	run		n
 *	key		R_n
 *	check		16 bytes of BLAKE2b keyed R_n ("reel state", host-key, u64 n): it is whole
 */
#ifndef REEL_FORMAT_SEAL_STATE_H
#define REEL_FORMAT_SEAL_STATE_H

#include <stdint.h>

#include "format/err.h"
#include "format/tape.h"

#define REEL_SEAL_STATE "/var/lib/reel/seal.state"

struct reel_seal_state {
	uint8_t host[TAPE_ID_BYTES];
	uint64_t n;
	uint8_t root[TAPE_KEY_BYTES]; /* R_n */
	uint8_t check[16];
};

/* A new one, n = 0: it must not be there yet. */
int reel_seal_state_make(const char *path, const uint8_t host[TAPE_ID_BYTES],
			 const uint8_t root[TAPE_KEY_BYTES], struct reel_err *err);

/*
 * Takes the run that is next. When this returns, what is on disk is that of the one after it, and
 * the old content is overwritten as far as the file system lets it. Two at once get two numbers.
 * If it fails, the state is as it was, or its run is used up: never is a number given twice.
 */
int reel_seal_state_take(const char *path, struct reel_seal_state *ret, struct reel_err *err);

#endif
