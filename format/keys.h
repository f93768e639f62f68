/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Keys. An examiner has a pair: to the public one (X25519) anybody can box something that only the
 * secret one opens. A host has a root R_0, from which all seals of its captures follow; it is made
 * once, boxed to examiners, and then forgotten by the host. FORMAT.md, section 22, has the rest.
 *
 *	NAME.pub	reel-public-key		to box something to its examiner
 *	NAME.key	reel-secret-key		0600
 *	HOST.root	reel-host-root		R_0 in boxes; of use only with a secret key
 */
#ifndef REEL_FORMAT_KEYS_H
#define REEL_FORMAT_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "format/err.h"

enum {
	REEL_KEY_BYTES = 32,
	REEL_KEY_ID_BYTES = 16,
	REEL_BOX_EXTRA = 48,	   /* bytes that a box has more than what is in it */
	REEL_RECIPIENTS_MAX = 8,   /* of one thing that is boxed */
	REEL_KEYS_MAX = 64,	   /* of each kind, at a time */
	REEL_KEY_NAME_MAX = 256,   /* with the NUL */
};

struct reel_public_key {
	uint8_t id[REEL_KEY_ID_BYTES]; /* BLAKE2b of the key, its first 16 bytes */
	uint8_t key[REEL_KEY_BYTES];
};

/* "reel-public-key", "reel-secret-key" or "reel-host-root"; -EBADMSG: it is something else. */
int reel_public_key_read(const char *path, struct reel_public_key *ret, struct reel_err *err);
/* BOX has room for n + REEL_BOX_EXTRA bytes. */
int reel_public_key_box(const struct reel_public_key *to, const void *what, size_t n, uint8_t *box);

/* Secret keys and roots that somebody has been given. NULL is none at all, everywhere. */
struct reel_keys;

int reel_keys_new(struct reel_keys **ret, struct reel_err *err);
void reel_keys_free(struct reel_keys *k);

/* A secret key or the root of a host, in any order. -EPERM: others may read the secret. */
int reel_keys_add(struct reel_keys *k, const char *path, struct reel_err *err);

unsigned reel_keys_n_secrets(const struct reel_keys *k);
bool reel_keys_has_secret(const struct reel_keys *k, const uint8_t id[REEL_KEY_ID_BYTES]);

/*
 * Opens what was boxed to the key with this id; n counts the box. -ENOKEY: there is no such key;
 * -EBADMSG: it does not open with it. ret has room for n - REEL_BOX_EXTRA bytes.
 */
int reel_keys_open_box(const struct reel_keys *k, const uint8_t id[REEL_KEY_ID_BYTES],
		       const uint8_t *box, size_t n, uint8_t *ret);

/*
 * R_0 of a host. -ENOENT: no root of it is there; -ENOKEY: one is, but boxed to other keys than
 * those that are here; -EBADMSG: its box does not open.
 */
int reel_keys_host(const struct reel_keys *k, const uint8_t host[REEL_KEY_ID_BYTES],
		   uint8_t ret_root[REEL_KEY_BYTES]);

/* The roots, from 0 on: false when there is none any more. Its name is text of somebody else's. */
bool reel_keys_root(const struct reel_keys *k, unsigned i, uint8_t ret_host[REEL_KEY_ID_BYTES],
		    const char **ret_name, const char **ret_path);

/* Making them: files that must not be there yet. */
int reel_keys_make_pair(const char *secret_path, const char *public_path,
			struct reel_public_key *ret, struct reel_err *err);
int reel_keys_write_root(const char *path, const uint8_t host[REEL_KEY_ID_BYTES], const char *name,
			 const char *made, const uint8_t root[REEL_KEY_BYTES],
			 const struct reel_public_key *to, unsigned n_to, struct reel_err *err);

#endif
