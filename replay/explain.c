/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay/explain.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static uint32_t count_leaves(const struct rules *rules, uint32_t at)
{
	const struct rule_expr *x = &rules->exprs[at];

	switch (x->op) {
	case RULE_EXPR_LEAF:
		return 1;
	case RULE_EXPR_NOT:
		return count_leaves(rules, x->a);
	case RULE_EXPR_AND:
	case RULE_EXPR_OR:
		return count_leaves(rules, x->a) + count_leaves(rules, x->b);
	default:
		return 0;
	}
}

static void list_leaves(const struct rules *rules, uint32_t at, bool is_negated,
			struct explain_step *to)
{
	const struct rule_expr *x = &rules->exprs[at];

	switch (x->op) {
	case RULE_EXPR_LEAF:
		to->leaves[to->n_leaves++] = (struct explain_leaf){ x->a, is_negated, 0, 0, 0 };
		break;
	case RULE_EXPR_NOT:
		list_leaves(rules, x->a, !is_negated, to);
		break;
	case RULE_EXPR_AND:
	case RULE_EXPR_OR:
		list_leaves(rules, x->a, is_negated, to);
		list_leaves(rules, x->b, is_negated, to);
		break;
	default:
		break;
	}
}

static int use_steps(struct explain *x, const uint32_t *steps, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct explain_step *to = &x->steps[steps[i]];
		uint32_t expr = x->rules->steps[steps[i]].expr;

		if (to->is_used)
			continue;
		to->is_used = true;
		to->leaves = calloc(count_leaves(x->rules, expr) + 1u, sizeof(*to->leaves));
		if (!to->leaves)
			return -ENOMEM;
		list_leaves(x->rules, expr, false, to);
	}
	return 0;
}

int explain_new(const struct rules *rules, uint32_t rule, struct explain **ret,
		struct reel_err *err)
{
	const struct rule *about = &rules->list[rule];
	struct explain *x = calloc(1, sizeof(*x));
	int r = x ? 0 : -ENOMEM;

	if (x) {
		x->rules = rules;
		x->rule = rule;
		x->steps = calloc(rules->n_steps + 1u, sizeof(*x->steps));
		x->nodes = calloc(about->n_nodes + 1u, sizeof(*x->nodes));
		r = x->steps && x->nodes ? use_steps(x, about->unlesses, about->n_unlesses) :
					   -ENOMEM;
	}
	for (uint32_t i = 0; r == 0 && i < about->n_nodes; i++) {
		const struct rule_node *n = &about->nodes[i];

		r = n->kind == RULE_NODE_ALL ? use_steps(x, n->members, n->n_members) :
					       use_steps(x, &n->step, 1);
		if (r == 0)
			r = use_steps(x, n->guards, n->n_guards);
		if (r == 0)
			r = use_steps(x, n->stops, n->n_stops);
		if (r == 0)
			r = use_steps(x, n->unlesses, n->n_unlesses);
	}
	if (r < 0) {
		explain_free(x);
		return reel_err_set(err, r, "no memory to explain a rule");
	}
	*ret = x;
	return 0;
}

static void drop(struct explain_event *e)
{
	/* Without a process there is nothing of a model in it. */
	seen_unref(NULL, e->seen);
	e->seen = NULL;
}

void explain_free(struct explain *x)
{
	if (!x)
		return;
	for (uint32_t i = 0; x->steps && i < x->rules->n_steps; i++) {
		drop(&x->steps[i].first);
		drop(&x->steps[i].last);
		free(x->steps[i].leaves);
	}
	for (uint32_t i = 0; x->nodes && i < x->rules->list[x->rule].n_nodes; i++) {
		drop(&x->nodes[i].first);
		drop(&x->nodes[i].last);
	}
	free(x->steps);
	free(x->nodes);
	free(x);
}

/* Events --------------------------------------------------------------------------------------- */

static void keep(const struct explain *x, struct explain_event *first, struct explain_event *last,
		 const struct reel_event *ev)
{
	struct explain_event *to = first->seen ? last : first;

	drop(to);
	to->seen = seen_new(NULL, ev, NULL, 0);
	to->boot = x->boot;
}

static void count_leaf(struct eval *e, struct explain_leaf *l, const struct reel_event *ev)
{
	enum truth answer = eval_leaf(e, l->leaf, ev);

	l->asked++;
	l->unknown += answer == TRUTH_UNKNOWN;
	l->no += answer == (l->is_negated ? TRUTH_YES : TRUTH_NO);
}

static bool is_bound(const struct explain *x, const struct explain_leaf *l)
{
	const struct rule_leaf *leaf = &x->rules->leaves[l->leaf];

	return leaf->has_right && leaf->right.scope == RULE_OF_STEP;
}

static void count_match(struct explain *x, struct explain_step *s, const struct reel_event *ev,
			uint64_t serial)
{
	if (s->serial == serial)
		return;
	s->serial = serial;
	s->matched++;
	keep(x, &s->first, &s->last, ev);
}

void explain_asked(struct explain *x, struct eval *e, uint32_t step, const struct reel_event *ev,
		   enum truth answer, uint64_t serial)
{
	const struct rule_step *about = &x->rules->steps[step];
	struct explain_step *s = &x->steps[step];
	uint32_t why = e->why;

	if (!s->is_used)
		return;
	s->events++;
	if (eval_outcome(e, (enum rule_outcome)about->outcome, ev) == TRUTH_NO) {
		s->outcome++;
		e->why = why;
		return;
	}
	for (uint32_t i = 0; i < s->n_leaves; i++)
		if (!is_bound(x, &s->leaves[i]))
			count_leaf(e, &s->leaves[i], ev);
	e->why = why;
	if (about->reads_bound)
		return;
	s->unknown += answer == TRUTH_UNKNOWN;
	if (answer == TRUTH_YES)
		count_match(x, s, ev, serial);
}

void explain_asked_bound(struct explain *x, struct eval *e, uint32_t step,
			 const struct reel_event *ev, enum truth answer, uint64_t serial)
{
	struct explain_step *s = &x->steps[step];
	uint32_t why = e->why;

	if (!s->is_used)
		return;
	for (uint32_t i = 0; i < s->n_leaves; i++)
		if (is_bound(x, &s->leaves[i]))
			count_leaf(e, &s->leaves[i], ev);
	e->why = why;
	s->unknown += answer == TRUTH_UNKNOWN;
	if (answer == TRUTH_YES)
		count_match(x, s, ev, serial);
}

void explain_reached(struct explain *x, uint32_t node, const struct reel_event *ev)
{
	struct explain_node *n = &x->nodes[node];

	n->reached++;
	keep(x, &n->first, &n->last, ev);
}

void explain_undecided(struct explain *x, uint32_t why)
{
	for (unsigned i = 0; i < BLIND_REASONS; i++) {
		if (why >> i & 1) {
			x->undecided[i]++;
			return;
		}
	}
	x->undecided[BLIND_PROCESS]++;
}
