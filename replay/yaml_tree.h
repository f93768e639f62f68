/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * YAML as a tree, with the place in the text of everything. Memory is bounded by the limits below,
 * whatever the text says. Keys of a mapping are scalars and each stands once.
 */
#ifndef REEL_REPLAY_YAML_TREE_H
#define REEL_REPLAY_YAML_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "format/err.h"

enum {
	YAML_TREE_DEPTH_MAX = 64,
	YAML_TREE_NODES_MAX = 500000, /* of a text, every use of an alias counted as a copy */
	YAML_TREE_ANCHORS_MAX = 200,
};

enum yaml_kind { YAML_SCALAR, YAML_SEQUENCE, YAML_MAPPING };

/* What an alias stands for is shared: the same node in several places. */
struct yaml_value {
	uint8_t kind;	/* enum yaml_kind */
	bool is_string; /* a scalar that is quoted, a block, or tagged as a string */
	bool is_quoted; /* its text was in quotes */
	uint32_t line, column;
	uint32_t n;	   /* items of a sequence, pairs of a mapping */
	uint32_t length;   /* of a scalar's text, which also ends with a NUL */
	uint32_t expanded; /* nodes of it, aliases copied */
	const char *text;
	const struct yaml_value **items; /* of a mapping: key, value, key, value ... */
};

struct yaml_tree;

/* -EINVAL: the message begins with LINE:COLUMN, which are also in *ret_line and *ret_column. */
int yaml_tree_parse(const char *text, size_t length, struct yaml_tree **ret, uint32_t *ret_line,
		    uint32_t *ret_column, struct reel_err *err);
void yaml_tree_free(struct yaml_tree *t);

uint32_t yaml_tree_n(const struct yaml_tree *t);
const struct yaml_value *yaml_tree_document(const struct yaml_tree *t, uint32_t number);

/* A mapping's value; NULL: it is no mapping, or has no such key. */
const struct yaml_value *yaml_get(const struct yaml_value *map, const char *key);

static inline const struct yaml_value *yaml_key(const struct yaml_value *map, uint32_t pair)
{
	return map->items[2 * pair];
}

static inline const struct yaml_value *yaml_at(const struct yaml_value *map, uint32_t pair)
{
	return map->items[2 * pair + 1];
}

/* Whether a scalar has this text. */
bool yaml_is(const struct yaml_value *v, const char *text);

/* What a plain scalar means, as YAML 1.1 has it; one that is a string means nothing else. */
bool yaml_is_null(const struct yaml_value *v);
bool yaml_is_bool(const struct yaml_value *v, bool *ret);
bool yaml_is_integer(const struct yaml_value *v, int64_t *ret);
bool yaml_is_number(const struct yaml_value *v, double *ret);

#endif
