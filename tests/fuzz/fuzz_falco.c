/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A text as a condition of Falco: it is parsed, or it is said what is wrong with it; and as a rule
 * with all that follows: leaves, expressions and steps, which have to be within the set.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "replay/falco_parse.h"
#include "replay/policy.h"
#include "replay/rules.h"

#define MUST(cond)               \
	do {                     \
		if (!(cond))     \
			abort(); \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(const struct falco_node *n, unsigned depth)
{
	MUST(n && depth <= 5 * FALCO_DEPTH_MAX);
	for (uint32_t i = 0; n->kind <= FALCO_NOT && i < n->n; i++)
		walk(n->nodes[i], depth + 1);
	for (uint32_t i = 0; n->kind == FALCO_TEST && i < n->n; i++)
		MUST(n->values[i].bytes[n->values[i].length] == '\0');
	MUST(n->kind != FALCO_MACRO || *n->name);
	MUST(n->kind != FALCO_TEST || *n->left.field);
}

static void parse(const char *text, size_t size)
{
	struct arena memory = { 0 };
	struct reel_err err = { 0 };
	struct falco_node *node = NULL;
	int r = falco_parse(&memory, text, size, &node, &err);

	MUST(r == 0 || (r == -EINVAL && err.msg[0]));
	if (r == 0)
		walk(node, 0);
	arena_done(&memory);
}

static void check_ref(const struct rule_ref *ref, unsigned depth)
{
	MUST(!ref->call == (ref->derived != DERIVED_composed) && depth <= RULE_CALLS_DEEP);
	for (uint32_t i = 0; ref->call && i < ref->call->n; i++) {
		const struct rule_part *p = &ref->call->parts[i];

		MUST(i <= RULE_CALL_PARTS_MAX && *ref->own);
		if (p->ref)
			check_ref(p->ref, depth + 1);
		else
			MUST(p->bytes[p->length] == '\0');
	}
}

static void check(const struct rules *r)
{
	for (uint32_t i = 0; i < r->n_leaves; i++) {
		check_ref(&r->leaves[i].left, 0);
		if (r->leaves[i].has_right)
			check_ref(&r->leaves[i].right, 0);
	}
	for (uint32_t i = 0; i < r->n_exprs; i++) {
		const struct rule_expr *x = &r->exprs[i];

		MUST(x->op != RULE_EXPR_LEAF || x->a < r->n_leaves);
		MUST((x->op != RULE_EXPR_AND && x->op != RULE_EXPR_OR) || (x->a < i && x->b < i));
	}
	for (uint32_t i = 0; i < r->n; i++)
		for (uint32_t k = 0; k < r->list[i].n_nodes; k++)
			MUST(r->list[i].nodes[k].step < r->n_steps);
	MUST(r->n + r->n_rejected_rules + r->n_notes > 0);
}

/* As the block of a file, so that any text can be in it. */
static void load(const char *text, size_t size)
{
	static const char head[] = "- list: l\n  items: [a, b c]\n- macro: m\n"
				   "  condition: evt.type = open and proc.name in (l)\n"
				   "- rule: r\n  desc: d\n  output: o %fd.name\n"
				   "  priority: info\n  condition: |1\n ";
	char *all = malloc(sizeof(head) + 2 * size + 2);
	struct reel_err err = { 0 };
	struct rules *r;
	size_t n = sizeof(head) - 1;

	MUST(all && rules_new(&r, &err) == 0);
	memcpy(all, head, n);
	for (size_t i = 0; i < size; i++) {
		all[n++] = text[i];
		if (text[i] == '\n')
			all[n++] = ' ';
	}
	MUST(rules_load_yaml(r, "fuzz.yaml", all, n, &err) == 0);
	MUST(rules_finish(r, &err) == 0);
	check(r);
	rules_free(r);
	free(all);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	MUST(text);
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	parse(text, size);
	if (size < 4096)
		load(text, size);
	free(text);
	return 0;
}
