/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The filter in a block's header that says which pids are certainly not in it. Four bits a pid, in
 * a table of 12 to 24 bits a pid: it is wrong about a pid that is not there in 0.1 to 0.7 % of
 * cases.
 */
#ifndef REEL_FORMAT_BLOOM_H
#define REEL_FORMAT_BLOOM_H

#include <stdbool.h>
#include <stdint.h>

enum { BLOOM_HASHES = 4, BLOOM_BITS_PER_PID = 12 };

static inline uint64_t bloom_hash(uint32_t pid)
{
	uint64_t h = pid + 0x9e3779b97f4a7c15ull;

	h = (h ^ h >> 30) * 0xbf58476d1ce4e5b9ull;
	h = (h ^ h >> 27) * 0x94d049bb133111ebull;
	return h ^ h >> 31;
}

/* n_bits is a power of two. */
static inline uint32_t bloom_bit(uint64_t hash, unsigned i, uint32_t n_bits)
{
	return ((uint32_t)hash + i * ((uint32_t)(hash >> 32) | 1)) & (n_bits - 1);
}

static inline void bloom_add(uint8_t *bloom, uint32_t bytes, uint32_t pid)
{
	uint64_t hash = bloom_hash(pid);

	for (unsigned i = 0; i < BLOOM_HASHES; i++) {
		uint32_t bit = bloom_bit(hash, i, bytes * 8);

		bloom[bit / 8] |= (uint8_t)(1u << bit % 8);
	}
}

/* False: no event of that pid is in the block. A filter of no bytes does not know. */
static inline bool bloom_may_have(const uint8_t *bloom, uint32_t bytes, uint32_t pid)
{
	uint64_t hash = bloom_hash(pid);

	for (unsigned i = 0; bytes && i < BLOOM_HASHES; i++) {
		uint32_t bit = bloom_bit(hash, i, bytes * 8);

		if (!(bloom[bit / 8] & 1u << bit % 8))
			return false;
	}
	return true;
}

#endif
