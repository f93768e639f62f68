/* SPDX-License-Identifier: BSD-2-Clause */
/* Files whose hash is known, the least recently used of which makes way. */
#ifndef REEL_RECORD_HASH_CACHE_H
#define REEL_RECORD_HASH_CACHE_H

#include <stdint.h>

#include "format/err.h"

enum { HASH_BYTES = 32 };

struct hash_key {
	uint64_t dev, inode, size;
	int64_t ctime_ns;
};

struct hash_known {
	struct hash_key key;
	const char *reason;	/* why there is no hash; NULL: there is one. A constant. */
	uint8_t sha256[HASH_BYTES];
	uint32_t next;			/* in its bucket */
	uint32_t newer, older;
};

struct hash_cache {
	struct hash_known *files;	/* 1 ... n; 0 is none, and both ends of the order of use */
	uint32_t *buckets;
	uint32_t n, room, n_buckets;
};

int hash_cache_init(struct hash_cache *c, uint32_t room, struct reel_err *err);
void hash_cache_done(struct hash_cache *c);
/* NULL: not known. Valid until the next call. */
const struct hash_known *hash_cache_find(struct hash_cache *c, const struct hash_key *key);
/* What is not there yet. SHA256 or REASON. */
void hash_cache_add(struct hash_cache *c, const struct hash_key *key, const uint8_t *sha256,
		    const char *reason);

#endif
