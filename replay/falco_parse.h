/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Conditions of Falco rules as they are written: a tree of tests. Lists have been put in as text by
 * then, macros are still names.
 */
#ifndef REEL_REPLAY_FALCO_PARSE_H
#define REEL_REPLAY_FALCO_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "format/err.h"
#include "replay/arena.h"

enum {
	FALCO_DEPTH_MAX = 1000,
	FALCO_TRANSFORMS_MAX = 4,
	FALCO_PARTS_MAX = 16, /* of a call, and of a list in it */
	FALCO_CALLS_DEEP = 4,
	FALCO_CONDITION_MAX = 1 << 20, /* bytes, with all lists in it */
};

enum falco_op {
	FALCO_EQ,
	FALCO_NE,
	FALCO_LT,
	FALCO_LE,
	FALCO_GT,
	FALCO_GE,
	FALCO_EXISTS,
	FALCO_CONTAINS,
	FALCO_ICONTAINS,
	FALCO_BCONTAINS,
	FALCO_STARTSWITH,
	FALCO_BSTARTSWITH,
	FALCO_ENDSWITH,
	FALCO_GLOB,
	FALCO_IGLOB,
	FALCO_REGEX,
	FALCO_IN,
	FALCO_INTERSECTS,
	FALCO_PMATCH,
	FALCO_OPS,
};
extern const char *const falco_op_words[FALCO_OPS];

/* Of how many values of a list it has to hold: `startswith anyof (...)`. */
enum falco_quantity { FALCO_ONE_VALUE, FALCO_ANYOF, FALCO_ALLOF, FALCO_ONEOF };

struct falco_text {
	const char *bytes; /* and a NUL */
	uint32_t length;
};

/* Transformers that make one value of several, or a list. */
enum falco_call_kind { FALCO_CONCAT, FALCO_JOIN, FALCO_GETOPT, FALCO_CALLS };

struct falco_call;

/* A field or a call, with the transformers around it; the innermost comes first. */
struct falco_operand {
	const char *field;    /* of a call its name */
	const char *argument; /* in brackets; NULL */
	const char *transforms[FALCO_TRANSFORMS_MAX];
	unsigned n_transforms;
	const struct falco_call *call; /* NULL: a field */
};

enum falco_part_kind { FALCO_LITERAL, FALCO_OPERAND, FALCO_LIST };
struct falco_part {
	uint8_t kind;
	struct falco_text literal;
	struct falco_operand *operand;
	struct falco_part *items; /* LIST */
	uint32_t n_items;
};

struct falco_call {
	uint8_t kind;	  /* enum falco_call_kind */
	const char *text; /* as it is written, with what stands in brackets */
	struct falco_part *parts;
	uint32_t n;
};

enum falco_kind { FALCO_AND, FALCO_OR, FALCO_NOT, FALCO_MACRO, FALCO_TEST };

struct falco_node {
	uint8_t kind;
	uint8_t op;
	uint8_t quantity;
	bool has_right;
	uint32_t n; /* AND, OR: nodes; NOT: 1; TEST: values */
	struct falco_node **nodes;
	const char *name; /* MACRO */
	struct falco_operand left, right;
	struct falco_text *values;
};

/* -EINVAL: the message says what is wrong and at which character. -ENOMEM. */
int falco_parse(struct arena *memory, const char *text, size_t length, struct falco_node **ret,
		struct reel_err *err);

/* A transformer or a call at the beginning of a text, as outputs have them. *RET_LENGTH 0: there is
 * none. */
int falco_parse_operand(struct arena *memory, const char *text, struct falco_operand *ret,
			size_t *ret_length, struct reel_err *err);

#endif
