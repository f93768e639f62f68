/* SPDX-License-Identifier: BSD-2-Clause */
#include "query/report_strings.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { FIRST_CAP = 1024 };

const void *page_strings_get(const struct page_strings *s, uint32_t number, size_t *ret_length)
{
	const char *at = s->bytes + s->starts[number];
	uint32_t length;

	memcpy(&length, at, sizeof(length));
	*ret_length = length;
	return at + sizeof(length);
}

/* Where it is, or where it would be. */
static uint32_t *find(const struct page_strings *s, const void *bytes, size_t length)
{
	size_t mask = (size_t)s->cap * 2 - 1;

	for (size_t at = XXH3_64bits(bytes, length) & mask;; at = (at + 1) & mask) {
		const void *there;
		size_t n;

		if (!s->places[at])
			return &s->places[at];
		there = page_strings_get(s, s->places[at] - 1, &n);
		if (n == length && memcmp(there, bytes, n) == 0)
			return &s->places[at];
	}
}

static int grow_table(struct page_strings *s)
{
	uint32_t cap = s->cap ? s->cap * 2 : FIRST_CAP;
	uint32_t *places = calloc((size_t)cap * 2, sizeof(*places));
	size_t *starts = realloc(s->starts, cap * sizeof(*starts));

	if (starts)
		s->starts = starts;
	if (!places || !starts) {
		free(places);
		return -ENOMEM;
	}
	free(s->places);
	s->places = places;
	s->cap = cap;
	for (uint32_t i = 0; i < s->n; i++) {
		size_t n;
		const void *bytes = page_strings_get(s, i, &n);

		*find(s, bytes, n) = i + 1;
	}
	return 0;
}

static int grow_bytes(struct page_strings *s, size_t more)
{
	size_t cap = s->cap_bytes ? s->cap_bytes : 1 << 16;
	char *bytes;

	while (cap - s->n_bytes < more)
		cap *= 2;
	if (cap == s->cap_bytes)
		return 0;
	bytes = realloc(s->bytes, cap);
	if (!bytes)
		return -ENOMEM;
	s->bytes = bytes;
	s->cap_bytes = cap;
	return 0;
}

int page_strings_add(struct page_strings *s, const void *bytes, size_t length, uint32_t *ret)
{
	uint32_t n = (uint32_t)length, *place;
	int r = s->n == s->cap ? grow_table(s) : 0;

	if (r < 0)
		return r;
	place = find(s, bytes, length);
	*ret = *place ? *place - 1 : PAGE_NO_STRING;
	if (*place || s->n_bytes + sizeof(n) + length > s->max_bytes)
		return 0;
	r = grow_bytes(s, sizeof(n) + length);
	if (r < 0)
		return r;
	s->starts[s->n] = s->n_bytes;
	memcpy(s->bytes + s->n_bytes, &n, sizeof(n));
	memcpy(s->bytes + s->n_bytes + sizeof(n), bytes, length);
	s->n_bytes += sizeof(n) + length;
	*ret = s->n++;
	*place = s->n;
	return 0;
}

void page_strings_done(struct page_strings *s)
{
	free(s->bytes);
	free(s->places);
	free(s->starts);
	memset(s, 0, sizeof(*s));
}
