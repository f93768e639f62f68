/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Steps are joined by `path == f.path` and the like, and each is asked of every token that waits
 * for it. Where such a leaf must hold for its step to hold, its bytes are compared beforehand: most
 * tokens have bound others, and need not be asked.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "replay/sequence_impl.h"

/* A text of the event itself, as it is on tape. */
static bool is_join(const struct rule_leaf *l)
{
	const struct rule_ref *left = &l->left;

	return l->op == RULE_EQ && !l->any_other && !l->match_flags && l->has_right &&
	       l->right.scope == RULE_OF_STEP && !l->right.shown && left->scope == RULE_OF_EVENT &&
	       left->context == RULE_OWN_FIELD && !left->shown && !left->transforms[0];
}

/* From 1; 0: there is none without which the expression cannot hold. */
static uint32_t find_join(const struct rules *rules, uint32_t expr)
{
	const struct rule_expr *x = &rules->exprs[expr];
	uint32_t found;

	if (x->op == RULE_EXPR_LEAF)
		return is_join(&rules->leaves[x->a]) ? x->a + 1 : 0;
	if (x->op != RULE_EXPR_AND)
		return 0;
	found = find_join(rules, x->a);
	return found ? found : find_join(rules, x->b);
}

int sequence_find_joins(struct sequence_plan *p)
{
	const struct rules *rules = p->eval->rules;

	p->joins = calloc(rules->n_steps + 1u, sizeof(*p->joins));
	if (!p->joins)
		return -ENOMEM;
	for (uint32_t i = 0; i < rules->n_steps; i++)
		p->joins[i] = find_join(rules, rules->steps[i].expr);
	return 0;
}

/* Only where both are known as a whole: whatever else there is to say, the evaluator says it. */
bool sequence_is_of_another(const struct sequence *s, uint32_t step, const struct token *t)
{
	const struct reel_event *ev = s->ev;
	const struct access *left = s->plan->eval->left[ev->type->id];
	uint32_t join = s->plan->joins[step];
	const struct value *bound;
	struct reel_string own;

	if (!join || !left || s->eval->is_slow || explain_of(s, t->slot->rule))
		return false;
	left += join - 1;
	if (left->way != ACCESS_STRING || left->kind == REEL_ARGS ||
	    left->offset + 2u > ev->type->fixed_bytes)
		return false;
	bound = &t->bound[s->rules->leaves[join - 1].right.slot].v;
	own = reel_event_string_at(ev, left->offset);
	if (bound->kind != VALUE_STRING || bound->true_length != bound->length || !own.length ||
	    own.true_length != own.length)
		return false;
	return own.length != bound->length || memcmp(own.bytes, bound->bytes, own.length) != 0;
}
