/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay/yaml_tree.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "replay/arena.h"

struct yaml_tree {
	struct arena memory;
	const struct yaml_value **documents;
	uint32_t n;
};

/* A collection that is not at its end yet; its items are on the stack from FIRST on. */
struct open_value {
	struct yaml_value *value;
	uint32_t first;
};

struct anchor {
	const char *name;
	const struct yaml_value *value; /* NULL: it is not at its end yet */
};

struct making {
	struct yaml_tree *tree;
	yaml_parser_t parser;
	struct open_value open[YAML_TREE_DEPTH_MAX];
	uint32_t depth;
	const struct yaml_value **stack, **sorted;
	uint32_t n_stack, stack_room, sorted_room, documents_room;
	struct anchor *anchors; /* of this document */
	uint32_t n_anchors;
	uint64_t n_expanded;
	uint32_t *ret_line, *ret_column;
	struct reel_err *err;
};

static int no_memory(struct making *m)
{
	return reel_err_set(m->err, -ENOMEM, "no memory for YAML");
}

static int wrong_at(struct making *m, const yaml_mark_t *at, const char *what)
{
	*m->ret_line = (uint32_t)at->line + 1;
	*m->ret_column = (uint32_t)at->column + 1;
	return reel_err_set(m->err, -EINVAL, "%u:%u: %s", *m->ret_line, *m->ret_column, what);
}

static int parser_failed(struct making *m)
{
	const yaml_parser_t *p = &m->parser;
	char what[256];

	if (p->error == YAML_MEMORY_ERROR)
		return no_memory(m);
	if (p->error == YAML_READER_ERROR) {
		(void)snprintf(what, sizeof(what), "%s, %zu bytes from its beginning",
			       p->problem ? p->problem : "unreadable", p->problem_offset);
		return wrong_at(m, &p->mark, what);
	}
	(void)snprintf(what, sizeof(what), "%s%s%s", p->context ? p->context : "",
		       p->context ? ": " : "", p->problem ? p->problem : "no YAML");
	return wrong_at(m, &p->problem_mark, what);
}

static bool reserve(const struct yaml_value ***list, uint32_t n, uint32_t *room)
{
	const struct yaml_value **larger;

	if (n < *room)
		return true;
	larger = reallocarray(*list, *room ? 2 * (size_t)*room : 64, sizeof(*larger));
	if (!larger)
		return false;
	*list = larger;
	*room = *room ? 2 * *room : 64;
	return true;
}

/* Anchors -------------------------------------------------------------------------------------- */

static int name_anchor(struct making *m, const yaml_event_t *e, const yaml_char_t *name,
		       const struct yaml_value *value)
{
	struct anchor *a;

	if (!name)
		return 0;
	if (m->n_anchors == YAML_TREE_ANCHORS_MAX)
		return wrong_at(m, &e->start_mark, "too many anchors");
	a = &m->anchors[m->n_anchors];
	a->name = arena_text(&m->tree->memory, (const char *)name, strlen((const char *)name));
	a->value = value;
	m->n_anchors++;
	return a->name ? 0 : no_memory(m);
}

static bool is_open(const struct making *m, const struct yaml_value *value)
{
	for (uint32_t i = 0; i < m->depth; i++)
		if (m->open[i].value == value)
			return true;
	return false;
}

/* The last one of that name counts. */
static int find_alias(struct making *m, const yaml_event_t *e, const struct yaml_value **ret)
{
	const char *name = (const char *)e->data.alias.anchor;

	for (uint32_t i = m->n_anchors; i-- > 0;) {
		if (strcmp(m->anchors[i].name, name) != 0)
			continue;
		if (is_open(m, m->anchors[i].value))
			return wrong_at(m, &e->start_mark, "an alias of what it stands in");
		*ret = m->anchors[i].value;
		return 0;
	}
	return wrong_at(m, &e->start_mark, "an alias of nothing");
}

/* Values --------------------------------------------------------------------------------------- */

/* One more value in what is open; or a document, if nothing is. */
static int put(struct making *m, const yaml_event_t *e, const struct yaml_value *v)
{
	const struct yaml_value *map;

	if (m->depth == 0) {
		if (!reserve(&m->tree->documents, m->tree->n, &m->documents_room))
			return no_memory(m);
		m->tree->documents[m->tree->n++] = v;
		return 0;
	}
	map = m->open[m->depth - 1].value;
	if (map->kind == YAML_MAPPING && (m->n_stack - m->open[m->depth - 1].first) % 2 == 0 &&
	    v->kind != YAML_SCALAR)
		return wrong_at(m, &e->start_mark, "a key must be a text");
	if (!reserve(&m->stack, m->n_stack, &m->stack_room))
		return no_memory(m);
	m->stack[m->n_stack++] = v;
	return 0;
}

static int count(struct making *m, const yaml_event_t *e, uint64_t nodes)
{
	m->n_expanded += nodes;
	if (m->n_expanded > YAML_TREE_NODES_MAX)
		return wrong_at(m, &e->start_mark, "it has too many values");
	return 0;
}

static int new_value(struct making *m, const yaml_event_t *e, enum yaml_kind kind,
		     struct yaml_value **ret)
{
	int r = count(m, e, 1);

	if (r < 0)
		return r;
	*ret = arena_alloc(&m->tree->memory, sizeof(**ret));
	if (!*ret)
		return no_memory(m);
	(*ret)->kind = (uint8_t)kind;
	(*ret)->line = (uint32_t)e->start_mark.line + 1;
	(*ret)->column = (uint32_t)e->start_mark.column + 1;
	(*ret)->expanded = 1;
	return 0;
}

/* Tags of plain YAML say nothing new, but for that of strings. */
static int check_tag(struct making *m, const yaml_event_t *e, const yaml_char_t *tag,
		     enum yaml_kind kind, bool *ret_is_string)
{
	static const char *const known[][8] = {
		[YAML_SCALAR] = { "str", "int", "bool", "null", "float", "timestamp" },
		[YAML_SEQUENCE] = { "seq" },
		[YAML_MAPPING] = { "map" },
	};
	const size_t prefix = sizeof(YAML_STR_TAG) - sizeof("str");
	const char *name = (const char *)tag;

	if (!tag)
		return 0;
	*ret_is_string = strcmp(name, "!") == 0 || strcmp(name, YAML_STR_TAG) == 0;
	if (strcmp(name, "!") == 0)
		return 0;
	if (strncmp(name, YAML_STR_TAG, prefix) == 0)
		for (const char *const *k = known[kind]; *k; k++)
			if (strcmp(name + prefix, *k) == 0)
				return 0;
	return wrong_at(m, &e->start_mark, "an unknown tag");
}

static int add_scalar(struct making *m, const yaml_event_t *e)
{
	struct yaml_value *v;
	int r = new_value(m, e, YAML_SCALAR, &v);

	if (r == 0)
		r = check_tag(m, e, e->data.scalar.tag, YAML_SCALAR, &v->is_string);
	if (r < 0)
		return r;
	v->is_string |= e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	v->is_quoted = e->data.scalar.style == YAML_SINGLE_QUOTED_SCALAR_STYLE ||
		       e->data.scalar.style == YAML_DOUBLE_QUOTED_SCALAR_STYLE;
	v->length = (uint32_t)e->data.scalar.length;
	v->text = arena_text(&m->tree->memory, (const char *)e->data.scalar.value, v->length);
	if (!v->text)
		return no_memory(m);
	r = name_anchor(m, e, e->data.scalar.anchor, v);
	return r < 0 ? r : put(m, e, v);
}

static int add_alias(struct making *m, const yaml_event_t *e)
{
	const struct yaml_value *v = NULL;
	int r = find_alias(m, e, &v);

	if (r == 0)
		r = count(m, e, v->expanded);
	return r < 0 ? r : put(m, e, v);
}

static int begin(struct making *m, const yaml_event_t *e, enum yaml_kind kind,
		 const yaml_char_t *tag, const yaml_char_t *anchor)
{
	struct yaml_value *v;
	bool is_string;
	int r = new_value(m, e, kind, &v);

	if (r == 0)
		r = check_tag(m, e, tag, kind, &is_string);
	if (r == 0)
		r = name_anchor(m, e, anchor, v);
	if (r == 0)
		r = put(m, e, v);
	if (r < 0)
		return r;
	if (m->depth == YAML_TREE_DEPTH_MAX)
		return wrong_at(m, &e->start_mark, "nested too deeply");
	m->open[m->depth++] = (struct open_value){ v, m->n_stack };
	return 0;
}

static int compare_keys(const void *a, const void *b)
{
	const struct yaml_value *x = *(const struct yaml_value *const *)a;
	const struct yaml_value *y = *(const struct yaml_value *const *)b;
	uint32_t n = x->length < y->length ? x->length : y->length;
	int order = n ? memcmp(x->text, y->text, n) : 0;

	if (order)
		return order;
	if (x->length != y->length)
		return x->length < y->length ? -1 : 1;
	return x->line < y->line ? -1 : x->line > y->line;
}

static bool same_text(const struct yaml_value *x, const struct yaml_value *y)
{
	return x->length == y->length && memcmp(x->text, y->text, x->length) == 0;
}

static int check_keys(struct making *m, const struct yaml_value *map)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < map->n; i++) {
		if (!reserve(&m->sorted, n, &m->sorted_room))
			return no_memory(m);
		m->sorted[n++] = yaml_key(map, i);
	}
	if (n > 1)
		qsort(m->sorted, n, sizeof(*m->sorted), compare_keys);
	for (uint32_t i = 0; i < n; i++) {
		const struct yaml_value *key = m->sorted[i];
		const yaml_mark_t at = { .line = key->line - 1u, .column = key->column - 1u };

		if (i > 0 && same_text(m->sorted[i - 1], key))
			return wrong_at(m, &at, "a key that was there before");
		if (!key->is_string && yaml_is(key, "<<"))
			return wrong_at(m, &at, "merging of mappings is no part of YAML 1.2");
	}
	return 0;
}

static int end(struct making *m)
{
	const struct open_value *open = &m->open[--m->depth];
	struct yaml_value *v = open->value;
	uint32_t n = m->n_stack - open->first;

	v->items = arena_alloc(&m->tree->memory, (n ? n : 1) * sizeof(*v->items));
	if (!v->items)
		return no_memory(m);
	for (uint32_t i = 0; i < n; i++) {
		v->items[i] = m->stack[open->first + i];
		v->expanded += v->items[i]->expanded;
	}
	m->n_stack = open->first;
	v->n = v->kind == YAML_MAPPING ? n / 2 : n;
	return v->kind == YAML_MAPPING ? check_keys(m, v) : 0;
}

static int take_event(struct making *m, const yaml_event_t *e)
{
	switch (e->type) {
	case YAML_DOCUMENT_START_EVENT:
		m->n_anchors = 0;
		return 0;
	case YAML_SCALAR_EVENT:
		return add_scalar(m, e);
	case YAML_ALIAS_EVENT:
		return add_alias(m, e);
	case YAML_SEQUENCE_START_EVENT:
		return begin(m, e, YAML_SEQUENCE, e->data.sequence_start.tag,
			     e->data.sequence_start.anchor);
	case YAML_MAPPING_START_EVENT:
		return begin(m, e, YAML_MAPPING, e->data.mapping_start.tag,
			     e->data.mapping_start.anchor);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		return end(m);
	default:
		return 0;
	}
}

static int parse(struct making *m)
{
	bool is_at_end = false;
	int r = 0;

	while (r == 0 && !is_at_end) {
		yaml_event_t e;

		if (!yaml_parser_parse(&m->parser, &e))
			return parser_failed(m);
		is_at_end = e.type == YAML_STREAM_END_EVENT;
		r = take_event(m, &e);
		yaml_event_delete(&e);
	}
	return r;
}

int yaml_tree_parse(const char *text, size_t length, struct yaml_tree **ret, uint32_t *ret_line,
		    uint32_t *ret_column, struct reel_err *err)
{
	struct making m = { .ret_line = ret_line, .ret_column = ret_column, .err = err };
	int r;

	*ret_line = *ret_column = 1;
	m.tree = calloc(1, sizeof(*m.tree));
	m.anchors = calloc(YAML_TREE_ANCHORS_MAX, sizeof(*m.anchors));
	if (!m.tree || !m.anchors || !yaml_parser_initialize(&m.parser)) {
		free(m.tree);
		free(m.anchors);
		return no_memory(&m);
	}
	yaml_parser_set_input_string(&m.parser, (const unsigned char *)text, length);
	r = parse(&m);
	yaml_parser_delete(&m.parser);
	free(m.stack);
	free(m.sorted);
	free(m.anchors);
	if (r < 0)
		yaml_tree_free(m.tree);
	else
		*ret = m.tree;
	return r;
}

void yaml_tree_free(struct yaml_tree *t)
{
	if (!t)
		return;
	arena_done(&t->memory);
	free(t->documents);
	free(t);
}

uint32_t yaml_tree_n(const struct yaml_tree *t)
{
	return t->n;
}

const struct yaml_value *yaml_tree_document(const struct yaml_tree *t, uint32_t number)
{
	return t->documents[number];
}
