/* SPDX-License-Identifier: BSD-2-Clause */
#include "record/user_seen.h"

#include <stddef.h>

enum { WAYS = 8 };

static struct user_look key_of(uint32_t dev, uint64_t inode, const char *path)
{
	struct user_look key = { .inode = inode, .dev = dev, .path_hash = 2166136261u };

	for (; *path; path++)
		key.path_hash = (key.path_hash ^ (uint8_t)*path) * 16777619u;
	return key;
}

/* The n'th place where it may be. */
static struct user_look *place(struct user_seen *s, const struct user_look *key, size_t n)
{
	uint32_t hash = key->path_hash ^ (uint32_t)key->inode * 2654435761u ^ key->dev;

	return &s->look[(hash + n) % USER_SEEN];
}

struct user_look *user_seen_find(struct user_seen *s, uint32_t dev, uint64_t inode,
				 const char *path)
{
	struct user_look key = key_of(dev, inode, path);

	for (size_t i = 0; i < WAYS; i++) {
		struct user_look *l = place(s, &key, i);

		if (l->used && l->inode == inode && l->dev == dev && l->path_hash == key.path_hash)
			return l;
	}
	return NULL;
}

struct user_look *user_seen_add(struct user_seen *s, uint32_t dev, uint64_t inode, const char *path)
{
	struct user_look key = key_of(dev, inode, path), *oldest = place(s, &key, 0);

	for (size_t i = 1; i < WAYS; i++) {
		struct user_look *l = place(s, &key, i);

		if (oldest->used && (!l->used || s->looks - l->used > s->looks - oldest->used))
			oldest = l;
	}
	if (++s->looks == 0)
		s->looks = 1;
	key.used = s->looks;
	*oldest = key;
	return oldest;
}
