/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A text as a policy, or, if its first byte is a newline, as a predicate alone. What comes of it
 * must be whole: every number names something, parents stand before their children, and a file
 * with an error has given nothing.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "replay/policy.h"

#define MUST(cond)               \
	do {                     \
		if (!(cond))     \
			abort(); \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_ref(const struct rule *rule, const struct rule_ref *ref)
{
	MUST(ref->context < RULE_CONTEXTS || ref->context == RULE_OWN_FIELD);
	MUST((ref->context == RULE_OWN_FIELD) == (ref->own != NULL));
	if (ref->scope == RULE_OF_STEP && rule)
		MUST(ref->slot >= 0 && (uint32_t)ref->slot < rule->n_slots);
}

static void check_leaf(const struct rules *r, const struct rule *rule, const struct rule_leaf *leaf)
{
	check_ref(rule, &leaf->left);
	MUST(leaf->left.scope != RULE_OF_STEP);
	if (leaf->has_right)
		check_ref(rule, &leaf->right);
	for (uint32_t i = 0; i < leaf->n_values; i++)
		if (leaf->left.kind >= REEL_PATH)
			MUST(leaf->values[i].test < matcher_n_tests(r->matchers[leaf->role]));
}

static void check_step(const struct rules *r, uint32_t step)
{
	static const uint8_t none[32];

	MUST(step < r->n_steps && r->steps[step].expr < r->n_exprs);
	MUST(memcmp(r->steps[step].types, none, sizeof(none)) != 0);
}

static void check_node(const struct rules *r, const struct rule *rule, uint32_t number)
{
	const struct rule_node *n = &rule->nodes[number];

	MUST(n->parent == RULES_NONE || (n->parent >= 0 && (uint32_t)n->parent < number));
	if (n->kind == RULE_NODE_ALL)
		MUST(n->n_members <= RULES_ALL_MAX);
	else
		check_step(r, n->step);
	for (uint32_t i = 0; i < n->n_members; i++)
		check_step(r, n->members[i]);
	for (uint32_t i = 0; i < n->n_guards; i++)
		check_step(r, n->guards[i]);
	for (uint32_t i = 0; i < n->n_unlesses; i++)
		check_step(r, n->unlesses[i]);
	for (uint32_t i = 0; i < n->n_bindings; i++) {
		check_ref(rule, &n->bindings[i].ref);
		MUST((uint32_t)n->bindings[i].slot < rule->n_slots);
	}
	for (uint32_t i = 0; i < n->n_blocks; i++)
		MUST(n->blocks[i]);
	MUST(n->kind != RULE_NODE_COUNT || (n->count >= 2 && n->count <= RULES_COUNT_MAX));
}

static void check_rules(const struct rules *r)
{
	MUST(r->n_errors == 0 || (r->n == 0 && r->n_tunes == 0));
	for (uint32_t i = 0; i < r->n_exprs; i++) {
		const struct rule_expr *e = &r->exprs[i];

		if (e->op == RULE_EXPR_LEAF)
			MUST(e->a < r->n_leaves);
		else if (e->op != RULE_EXPR_TRUE)
			MUST(e->a < i && (e->op == RULE_EXPR_NOT || e->b < i));
	}
	for (uint32_t i = 0; i < r->n_leaves; i++)
		check_leaf(r, NULL, &r->leaves[i]);
	for (uint32_t i = 0; i < r->n; i++) {
		MUST(r->list[i].n_nodes > 0 && r->list[i].n_nodes <= RULES_NODES_MAX);
		for (uint32_t k = 0; k < r->list[i].n_nodes; k++)
			check_node(r, &r->list[i], k);
	}
	for (uint32_t i = 0; i < r->n_tunes; i++)
		MUST(r->tunes[i].expr < r->n_exprs);
}

static void fuzz_predicate(struct rules *r, const uint8_t *data, size_t size)
{
	struct reel_err err = { 0 };
	char *text = malloc(size + 1);
	uint32_t expr;
	int status;

	MUST(text);
	memcpy(text, data, size);
	text[size] = '\0';
	status = rules_predicate(r, text, &expr, &err);
	MUST(status == 0 ? expr < r->n_exprs : err.msg[0] != '\0');
	MUST(r->n_notes == 0);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reel_err err = { 0 };
	struct rules *r;

	MUST(rules_new(&r, &err) == 0);
	if (size && data[0] == '\n') {
		fuzz_predicate(r, data + 1, size - 1);
	} else {
		char *text = malloc(size ? size : 1);

		/* A copy that ends where it ends. */
		MUST(text);
		memcpy(text, data, size);
		MUST(policy_load_text(r, "fuzz", text, size, &err) == 0);
		free(text);
	}
	/* A set that no matcher can hold is refused, which is no fault of the text. */
	if (rules_finish(r, &err) == 0)
		check_rules(r);
	rules_free(r);
	return 0;
}
