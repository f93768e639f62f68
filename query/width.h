/* SPDX-License-Identifier: BSD-2-Clause */
/* How many columns of a terminal text takes, whatever the locale. */
#ifndef REEL_QUERY_WIDTH_H
#define REEL_QUERY_WIDTH_H

#include <stddef.h>
#include <stdint.h>

/* 0, 1 or 2. Controls count as 1: they are escaped before they are shown. */
unsigned width_of(uint32_t character);

size_t width_text(const char *text, size_t len);

/* How many bytes of TEXT fit into so many columns, whole characters with their marks; and how many
 * columns these take. */
size_t width_cut(const char *text, size_t len, size_t columns, size_t *ret_columns);

#endif
