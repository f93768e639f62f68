/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Types of events and their fields, as data. This build's own are made from the rows of
 * bpf/events.h; those of a capture are read from its SCHEMA and look the same, so that nobody who
 * works with events needs to know which they have.
 */
#ifndef REEL_FORMAT_TYPES_H
#define REEL_FORMAT_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Values are on tape. */
enum reel_kind {
	REEL_U8 = 1,
	REEL_U16,
	REEL_U32,
	REEL_U64,
	REEL_S32,
	REEL_S64,
	REEL_ADDR,
	REEL_RESULT,		/* no bytes: the result of the call, under a name of its own */
	REEL_PATH = 16,		/* from here on: strings */
	REEL_TEXT,
	REEL_BYTES,
	REEL_ARGS,
	REEL_KIND_MASK = 0x7f,
	REEL_OPTIONAL = 0x80,	/* an empty string says "nothing to add" */
};

struct reel_field {
	const char *name;
	const char *hint;
	uint16_t offset;	/* in the fixed part */
	uint8_t kind;		/* enum reel_kind, perhaps with REEL_OPTIONAL */
};

struct reel_type {
	const char *name;
	const char *aliases;	/* other names, blank between; "" in a type read from a SCHEMA */
	const char *doc;
	const struct reel_field *fields;
	const uint16_t *string_offsets;	/* where in the fixed part each string has its length */
	uint16_t fixed_bytes;
	uint8_t id;
	uint8_t class_id;
	uint8_t stream;		/* the kind of block it goes to, enum tape_kind */
	uint8_t n_fields;
	uint8_t n_strings;
};

struct reel_class {
	const char *name;
	const char *doc;
	uint8_t id;
	bool on;		/* recorded unless -e says otherwise */
};

static inline bool reel_field_is_string(const struct reel_field *f)
{
	return (f->kind & REEL_KIND_MASK) >= REEL_PATH;
}

/* Bytes that a field takes in the fixed part; 0 for a result, and for a kind that is not known. */
unsigned reel_kind_width(uint8_t kind);

/* This build's own. Tables end with an entry whose name is NULL, in order of their ids. */
extern const struct reel_type reel_types[];
extern const struct reel_class reel_classes[];

const struct reel_type *reel_type_by_id(unsigned id);
const struct reel_class *reel_class_by_id(unsigned id);

/* By its name or an alias; NULL if no type has it. A call may be an alias of one type only. */
const struct reel_type *reel_type_by_name(const char *name, size_t length);

/* What a field of that name means, for people; NULL if nobody has said. */
const char *reel_field_doc(const char *name);

#endif
