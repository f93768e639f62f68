/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of encryption share: the cipher (crypt.c), a segment's keys (crypt_keys.c). */
#ifndef REEL_FORMAT_CRYPT_IMPL_H
#define REEL_FORMAT_CRYPT_IMPL_H

#include "format/crypt.h"

enum { CRYPT_STRIDE = 8 };

struct reel_crypt {
	uint64_t segment, first;	  /* sequence of its META */
	uint8_t (*steps)[TAPE_KEY_BYTES]; /* the key of every CRYPT_STRIDE-th block */
	uint32_t n_steps;
};

void crypt_next_key(uint8_t key[TAPE_KEY_BYTES]);
void crypt_block(uint8_t *at, const uint8_t key[TAPE_KEY_BYTES]);

/* In place; n bytes and what is beside them are covered by the mac. */
void crypt_seal(uint8_t *bytes, size_t n, uint8_t mac[TAPE_MAC_BYTES], const void *beside,
		size_t n_beside, const uint8_t nonce[TAPE_NONCE_BYTES],
		const uint8_t key[TAPE_KEY_BYTES]);
/* to may be from. False: it is not what was sealed with this key. */
bool crypt_unseal(uint8_t *to, const uint8_t *from, size_t n, const uint8_t mac[TAPE_MAC_BYTES],
		  const void *beside, size_t n_beside, const uint8_t nonce[TAPE_NONCE_BYTES],
		  const uint8_t key[TAPE_KEY_BYTES]);

#endif
