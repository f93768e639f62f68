/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads JSON that others wrote: strictly as RFC 8259 has it, with bounds, and without a copy of the
 * text, which must outlive the reading. Nodes lie in a flat array in the order of the text, so that
 * a value with all that is in it is a range.
 *
 *	r = json_read(text, length, &j, err);
 *	n = json_string(&j, json_member(&j, json_member(&j, 0, "Config"), "Image"), buf, size);
 *	json_done(&j);
 *
 * Looking up something in what is not there gives JSON_NONE again, and its string is empty.
 * Memory: 16 bytes a value, for no more than JSON_MAX_NODES.
 */
#ifndef REEL_RECORD_JSONREAD_H
#define REEL_RECORD_JSONREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "format/err.h"

enum { JSON_MAX_BYTES = 16 << 20, JSON_MAX_NODES = 1 << 18, JSON_MAX_DEPTH = 64 };
#define JSON_NONE UINT32_MAX

enum json_kind {
	JSON_OBJECT,	/* its children: a string, then a value, and so on */
	JSON_ARRAY,
	JSON_STRING,
	JSON_NUMBER,
	JSON_TRUE,
	JSON_FALSE,
	JSON_NULL,
};

struct json_node {
	uint32_t start, length;	/* in the text; of a string without its quotes */
	uint32_t after;		/* the node behind this one and all that is in it */
	enum json_kind kind;
};

struct json {
	const char *text;
	struct json_node *nodes;	/* the first is the whole */
	uint32_t n, room;
};

/* -EBADMSG: this is no JSON, and where; -E2BIG: a bound; -ENOMEM. */
int json_read(const char *text, size_t length, struct json *ret, struct reel_err *err);
void json_done(struct json *j);

bool json_is(const struct json *j, uint32_t node, enum json_kind kind);
/* The value of the last member of that name, which is the one that counts. */
uint32_t json_member(const struct json *j, uint32_t object, const char *name);

/* Children of an object or array: of an object its names, each followed by its value. */
uint32_t json_first(const struct json *j, uint32_t parent);
uint32_t json_next(const struct json *j, uint32_t parent, uint32_t child);

/* Decodes a string into BUF, cut to SIZE with a NUL at the end. Returns its whole length; 0 for
 * what is no string. */
size_t json_string(const struct json *j, uint32_t node, char *buf, size_t size);
bool json_equals(const struct json *j, uint32_t node, const char *string);

#endif
