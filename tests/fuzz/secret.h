/* SPDX-License-Identifier: BSD-2-Clause */
/* The pair of keys of all that is ENCRYPTED, of which all that is to be known is here. */
#ifndef REEL_TESTS_FUZZ_SECRET_H
#define REEL_TESTS_FUZZ_SECRET_H

#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "format/keys.h"
#include "tests/fuzz/touch.h"

enum { SECRET_PATH = 40 };

/* The file of the secret one is there until the end. */
static inline void make_secret(struct reel_public_key *ret, char ret_path[SECRET_PATH])
{
	const uint8_t secret[32] = { 1, 2, 3, 4 };
	uint8_t id[32];
	char hex[2][65];
	int fd = memfd_create("key", 0);

	MUST(sodium_init() >= 0 && fd >= 0 && fchmod(fd, 0600) == 0);
	MUST(crypto_scalarmult_base(ret->key, secret) == 0);
	crypto_generichash_blake2b(id, sizeof(id), ret->key, sizeof(ret->key), NULL, 0);
	memcpy(ret->id, id, sizeof(ret->id));
	sodium_bin2hex(hex[0], sizeof(hex[0]), ret->key, sizeof(ret->key));
	sodium_bin2hex(hex[1], sizeof(hex[1]), secret, sizeof(secret));
	MUST(dprintf(fd, "reel-secret-key 1\nid %.32s\nkey %s\nsecret %s\n",
		     sodium_bin2hex((char[65]){ 0 }, 65, id, sizeof(id)), hex[0], hex[1]) > 0);
	snprintf(ret_path, SECRET_PATH, "/proc/self/fd/%d", fd);
}

static inline struct reel_keys *make_keys(struct reel_public_key *ret)
{
	struct reel_keys *keys = NULL;
	char path[SECRET_PATH];

	make_secret(ret, path);
	MUST(reel_keys_new(&keys, NULL) == 0 && reel_keys_add(keys, path, NULL) == 0);
	return keys;
}

#endif
