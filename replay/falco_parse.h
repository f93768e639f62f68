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

/* A field, with the transformers around it; the innermost comes first. */
struct falco_operand {
	const char *field;
	const char *argument; /* in brackets; NULL */
	const char *transforms[FALCO_TRANSFORMS_MAX];
	unsigned n_transforms;
	const char *unsupported; /* a transformer that takes more than one field; NULL */
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

#endif
