/* SPDX-License-Identifier: BSD-2-Clause */
/* Which files the cache of hashes remembers. */
#include "record/hash_cache.h"
#include "tests/unit/harness.h"

TEST(the_cache_forgets_the_least_used)
{
	struct hash_cache c;
	struct hash_key k = { .dev = 1 };
	uint8_t sum[HASH_BYTES] = { 7 };
	unsigned known = 0;

	REQUIRE(hash_cache_init(&c, 100, NULL) == 0);
	for (k.inode = 1; k.inode <= 100; k.inode++)
		hash_cache_add(&c, &k, sum, NULL);
	k.inode = 1;
	CHECK(hash_cache_find(&c, &k) != NULL);
	/* Half of them are used again; the other half makes way. */
	for (k.inode = 2; k.inode <= 100; k.inode += 2)
		CHECK(hash_cache_find(&c, &k) != NULL);
	for (k.inode = 1000; k.inode < 1049; k.inode++)
		hash_cache_add(&c, &k, NULL, "too big");
	for (k.inode = 1; k.inode <= 100; k.inode++) {
		const struct hash_known *f = hash_cache_find(&c, &k);

		if (f && (k.inode % 2 == 0 || k.inode == 1) && f->sha256[0] == 7 && !f->reason)
			known++;
		else if (f)
			T_FAIL("%llu is still there", (unsigned long long)k.inode);
	}
	CHECK_EQ(known, 51);
	k.inode = 1000;
	REQUIRE(hash_cache_find(&c, &k) != NULL);
	CHECK_STR(hash_cache_find(&c, &k)->reason, "too big");
	/* A key is all of its parts. */
	k = (struct hash_key){ .dev = 1, .inode = 2 };
	CHECK(hash_cache_find(&c, &k) != NULL);
	k.size = 1;
	CHECK(hash_cache_find(&c, &k) == NULL);
	k = (struct hash_key){ .dev = 1, .inode = 2, .ctime_ns = 1 };
	CHECK(hash_cache_find(&c, &k) == NULL);
	k = (struct hash_key){ .dev = 2, .inode = 2 };
	CHECK(hash_cache_find(&c, &k) == NULL);
	hash_cache_done(&c);
}

TEST(a_small_cache_works)
{
	struct hash_cache c;
	struct hash_key k = { 0 };

	REQUIRE(hash_cache_init(&c, 1, NULL) == 0);
	for (k.inode = 1; k.inode < 50; k.inode++) {
		CHECK(hash_cache_find(&c, &k) == NULL);
		hash_cache_add(&c, &k, NULL, "x");
		CHECK(hash_cache_find(&c, &k) != NULL);
	}
	k.inode = 48;
	CHECK(hash_cache_find(&c, &k) == NULL);
	hash_cache_done(&c);
}
