/* SPDX-License-Identifier: BSD-2-Clause */
/* Texts that occur again and again, once each, and with a number. */
#ifndef REEL_QUERY_REPORT_STRINGS_H
#define REEL_QUERY_REPORT_STRINGS_H

#include <stddef.h>
#include <stdint.h>

struct page_strings {
	char *bytes;		/* length as uint32_t, then the text, of one after the other */
	size_t n_bytes, cap_bytes, max_bytes;
	uint32_t *places;	/* hash table of numbers + 1 */
	size_t *starts;		/* by number */
	uint32_t n, cap;	/* the table has twice as many places */
};

#define PAGE_NO_STRING UINT32_MAX

/* Its number; PAGE_NO_STRING, and success, where there is no more room for another. */
int page_strings_add(struct page_strings *s, const void *bytes, size_t length, uint32_t *ret);
const void *page_strings_get(const struct page_strings *s, uint32_t number, size_t *ret_length);
void page_strings_done(struct page_strings *s);

#endif
