/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A text as a file of Sigma's rules. What comes of it must be whole: every number names something,
 * each rule has an end, and what is left out has a reason.
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

static void check_step(const struct rules *r, uint32_t step)
{
	static const uint8_t none[32];

	MUST(step < r->n_steps && r->steps[step].expr < r->n_exprs);
	MUST(memcmp(r->steps[step].types, none, sizeof(none)) != 0);
}

static void check_rule(const struct rules *r, const struct rule *rule)
{
	bool ends = false;

	MUST(rule->id && rule->title && rule->file && rule->line);
	MUST(rule->n_nodes > 0 && rule->n_nodes <= RULES_NODES_MAX);
	for (uint32_t i = 0; i < rule->n_nodes; i++) {
		const struct rule_node *n = &rule->nodes[i];

		MUST(n->parent == RULES_NONE || (n->parent >= 0 && (uint32_t)n->parent < i));
		MUST(n->n_members <= RULES_ALL_MAX);
		for (uint32_t k = 0; k < n->n_members; k++)
			check_step(r, n->members[k]);
		if (n->kind != RULE_NODE_ALL)
			check_step(r, n->step);
		if (n->kind == RULE_NODE_COUNT)
			MUST(n->count >= 2 && n->count <= RULES_COUNT_MAX);
		MUST(n->n_group == 0 || n->group);
		ends |= n->is_end;
	}
	MUST(ends);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reel_err err = { 0 };
	struct rules *r;

	MUST(rules_new(&r, &err) == 0);
	MUST(rules_load_yaml(r, "fuzz", (const char *)data, size, &err) == 0);
	/* A set that no matcher can hold is refused, which is no fault of the text. */
	if (rules_finish(r, &err) == 0) {
		for (uint32_t i = 0; i < r->n_exprs; i++) {
			const struct rule_expr *e = &r->exprs[i];

			if (e->op == RULE_EXPR_LEAF)
				MUST(e->a < r->n_leaves);
			else if (e->op != RULE_EXPR_TRUE)
				MUST(e->a < i && (e->op == RULE_EXPR_NOT || e->b < i));
		}
		for (uint32_t i = 0; i < r->n; i++)
			check_rule(r, &r->list[i]);
		for (uint32_t i = 0; i < r->n_rejected_rules; i++)
			MUST(r->rejected[i].reason && r->rejected[i].reason[0]);
	}
	rules_free(r);
	return 0;
}
