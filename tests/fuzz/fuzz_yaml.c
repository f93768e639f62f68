/* SPDX-License-Identifier: BSD-2-Clause */
/* A text as YAML. The tree is whole: places within the text, texts that end with a NUL, keys that
 * are scalars; and it is no larger than is promised. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "replay/yaml_tree.h"

#define MUST(cond)               \
	do {                     \
		if (!(cond))     \
			abort(); \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t walk(const struct yaml_value *v, unsigned depth)
{
	uint32_t nodes = 1;

	MUST(depth <= 2 * YAML_TREE_DEPTH_MAX && v->line && v->column);
	if (v->kind == YAML_SCALAR) {
		bool is_true;
		int64_t n;

		MUST(v->text && v->text[v->length] == '\0');
		MUST(yaml_is_null(v) + yaml_is_bool(v, &is_true) + yaml_is_integer(v, &n) <= 1);
		return nodes;
	}
	for (uint32_t i = 0; i < (v->kind == YAML_MAPPING ? 2 : 1) * v->n; i++) {
		MUST(v->kind != YAML_MAPPING || i % 2 || v->items[i]->kind == YAML_SCALAR);
		nodes += walk(v->items[i], depth + 1);
	}
	return nodes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reel_err err = { 0 };
	struct yaml_tree *t = NULL;
	uint32_t line = 0, column = 0, nodes = 0;
	int r = yaml_tree_parse((const char *)data, size, &t, &line, &column, &err);

	MUST(r == 0 || (r == -EINVAL && line && column && err.msg[0]));
	for (uint32_t i = 0; r == 0 && i < yaml_tree_n(t); i++)
		nodes += walk(yaml_tree_document(t, i), 0);
	MUST(nodes <= YAML_TREE_NODES_MAX);
	if (r == 0)
		yaml_tree_free(t);
	return 0;
}
