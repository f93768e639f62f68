/* SPDX-License-Identifier: BSD-2-Clause */
/* JSON as text, walked over in place: nothing is built. */
#ifndef REEL_QUERY_JSON_TEXT_H
#define REEL_QUERY_JSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "format/out.h"

enum { JSON_TEXT_DEPTH_MAX = 64 };

/* The length of the value at the head of TEXT, without what follows; 0: there is none. */
size_t json_text_value(const char *text, size_t len);

/* An array or object, and nothing behind it. */
bool json_text_is_nested(const char *text, size_t len);

/* What json_text_is_nested() has found to be one, on lines of its own, DEPTH steps in. */
void json_text_put_pretty(struct reel_out *o, const char *text, size_t len, unsigned depth);

/* Columns that hold JSON, by their names: argv, fields ... */
bool json_text_is_column(const char *name);

#endif
