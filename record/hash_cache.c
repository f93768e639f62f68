/* SPDX-License-Identifier: BSD-2-Clause */
#include "record/hash_cache.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

int hash_cache_init(struct hash_cache *c, uint32_t room, struct reel_err *err)
{
	uint32_t n_buckets = 16;

	while (n_buckets < room)
		n_buckets *= 2;
	*c = (struct hash_cache){ .room = room, .n_buckets = n_buckets };
	c->files = calloc((size_t)room + 1, sizeof(*c->files));
	c->buckets = calloc(n_buckets, sizeof(*c->buckets));
	if (!c->files || !c->buckets) {
		hash_cache_done(c);
		return reel_err_set(err, -ENOMEM, "no memory for hashes");
	}
	return 0;
}

void hash_cache_done(struct hash_cache *c)
{
	free(c->files);
	free(c->buckets);
	memset(c, 0, sizeof(*c));
}

static bool is_same(const struct hash_key *a, const struct hash_key *b)
{
	return a->dev == b->dev && a->inode == b->inode && a->size == b->size &&
	       a->ctime_ns == b->ctime_ns;
}

static uint32_t *bucket_of(struct hash_cache *c, const struct hash_key *k)
{
	uint64_t x = k->inode * 0x9e3779b97f4a7c15ull ^ k->dev ^ k->size << 20 ^
		     (uint64_t)k->ctime_ns;

	x = (x ^ x >> 29) * 0xbf58476d1ce4e5b9ull;
	return &c->buckets[(x >> 32) & (c->n_buckets - 1)];
}

static void unlink_file(struct hash_cache *c, uint32_t i)
{
	struct hash_known *f = &c->files[i];

	c->files[f->newer].older = f->older;
	c->files[f->older].newer = f->newer;
}

static void make_newest(struct hash_cache *c, uint32_t i)
{
	struct hash_known *f = &c->files[i], *ends = &c->files[0];

	f->newer = 0;
	f->older = ends->older;
	c->files[ends->older].newer = i;
	ends->older = i;
}

const struct hash_known *hash_cache_find(struct hash_cache *c, const struct hash_key *key)
{
	for (uint32_t i = *bucket_of(c, key); i; i = c->files[i].next) {
		if (!is_same(&c->files[i].key, key))
			continue;
		unlink_file(c, i);
		make_newest(c, i);
		return &c->files[i];
	}
	return NULL;
}

/* The place of the oldest, taken out of its bucket. */
static uint32_t make_way(struct hash_cache *c)
{
	uint32_t i = c->files[0].newer;
	uint32_t *at = bucket_of(c, &c->files[i].key);

	while (*at != i)
		at = &c->files[*at].next;
	*at = c->files[i].next;
	unlink_file(c, i);
	return i;
}

void hash_cache_add(struct hash_cache *c, const struct hash_key *key, const uint8_t *sha256,
		    const char *reason)
{
	uint32_t i = c->n < c->room ? ++c->n : make_way(c);
	uint32_t *bucket = bucket_of(c, key);
	struct hash_known *f = &c->files[i];

	*f = (struct hash_known){ .key = *key, .reason = reason, .next = *bucket };
	if (sha256)
		memcpy(f->sha256, sha256, sizeof(f->sha256));
	*bucket = i;
	make_newest(c, i);
}
