/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mappings that have been looked at, by file and path, so that a library that every process maps
 * costs one look. Bounded: USER_SEEN of them, 24 bytes each; an old one makes way and is looked at
 * again. A file is never probed twice for that: what has probes is known otherwise.
 */
#ifndef REEL_RECORD_USER_SEEN_H
#define REEL_RECORD_USER_SEEN_H

#include <stdbool.h>
#include <stdint.h>

enum { USER_SEEN = 4096 };

struct user_look {
	uint64_t inode;
	uint32_t dev;
	uint32_t path_hash;
	uint32_t used; /* 0: free; else when, counted in looks */
	bool again;    /* to be looked at again, but not told again */
};

struct user_seen {
	uint32_t looks;
	struct user_look look[USER_SEEN];
};

struct user_look *user_seen_find(struct user_seen *s, uint32_t dev, uint64_t inode,
				 const char *path);
struct user_look *user_seen_add(struct user_seen *s, uint32_t dev, uint64_t inode,
				const char *path);

#endif
