/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SHA-256 of files that are executed: a task of the helper. Each file is hashed once, as long as
 * its device, inode, change time and size stay the same and it is not among those that have made
 * way in the cache; one that was changed just now is hashed each time. Each request that is no such
 * repetition is answered by a `hash` record, with a reason where there is no hash.
 *
 * The file is taken from /proc/PID/exe while the process lives, which is the executed file itself
 * whatever has become of its path; else from the path, if the same device and inode are found
 * there. It is opened when the request comes, and read when there is time.
 *
 * Memory: 96 bytes a file of the cache (HASH_CACHE: 400 KiB), 4.5 KiB and a descriptor for each of
 * HASH_QUEUE files that wait, and 64 KiB to read.
 */
#ifndef REEL_RECORD_HASH_H
#define REEL_RECORD_HASH_H

#include <stdint.h>

#include "record/helper.h"

enum { HASH_CACHE = 4096, HASH_QUEUE = 128 };
#define HASH_MAX_BYTES (512ull << 20)

struct hash_options {
	uint64_t max_bytes;	/* 0: HASH_MAX_BYTES; "too big" beyond */
	uint32_t cache_files;	/* 0: HASH_CACHE */
};

struct hasher;

int hasher_new(const struct hash_options *o, struct hasher **ret, struct reel_err *err);
void hasher_free(struct hasher *h);
struct helper_task hash_task(struct hasher *h);

/* The record of a request that the helper did not get: "helper busy", "helper gone". */
int hash_put_reason(const struct helper_request *q, const char *reason,
		    const struct record_sink *sink, struct reel_err *err);

#endif
