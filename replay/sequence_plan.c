/* SPDX-License-Identifier: BSD-2-Clause */
/* What steps are to rules, and how long a token lives: worked out once for a set of rules. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "replay/sequence_impl.h"

struct use_list {
	struct use *list;
	uint32_t n, room;
};

static int add_use(struct use_list *l, struct use use)
{
	if (l->n == l->room) {
		uint32_t room = l->room ? 2 * l->room : 64;
		struct use *list = reallocarray(l->list, room, sizeof(*list));

		if (!list)
			return -ENOMEM;
		l->list = list;
		l->room = room;
	}
	l->list[l->n++] = use;
	return 0;
}

/* The guards of a node's children, each once; a child's are a set of them. */
struct guards {
	uint32_t step[64];
	uint32_t n;
};

static int guard_bit(struct guards *g, uint32_t step)
{
	for (uint32_t i = 0; i < g->n; i++)
		if (g->step[i] == step)
			return (int)i;
	if (g->n == 64)
		return -1;
	g->step[g->n] = step;
	return (int)g->n++;
}

static int add_guards(struct use_list *l, const struct rule *rule, uint32_t r, uint32_t node,
		      struct node_facts *facts)
{
	struct guards g = { .n = 0 };

	for (uint32_t c = node + 1; c < rule->n_nodes; c++) {
		const struct rule_node *child = &rule->nodes[c];

		if (child->parent != (int32_t)node)
			continue;
		for (uint32_t i = 0; i < child->n_guards + child->n_stops; i++) {
			int bit = guard_bit(&g, i < child->n_guards ?
							child->guards[i] :
							child->stops[i - child->n_guards]);

			if (bit < 0)
				return -E2BIG;
			facts[c].guard_mask |= 1ull << bit;
		}
	}
	for (uint32_t i = 0; i < g.n; i++) {
		int result = add_use(l, (struct use){ g.step[i], r, node, USE_GUARD, (uint8_t)i });

		if (result < 0)
			return result;
	}
	return 0;
}

static int add_node(struct use_list *l, const struct rule *rule, uint32_t r, uint32_t node)
{
	const struct rule_node *n = &rule->nodes[node];
	int result = 0;

	for (uint32_t i = 0; result == 0 && i < n->n_unlesses; i++)
		result = add_use(l, (struct use){ n->unlesses[i], r, node, USE_UNLESS, 0 });
	for (uint32_t i = 0; result == 0 && n->kind != RULE_NODE_STEP && i < n->n_stops; i++)
		result = add_use(l, (struct use){ n->stops[i], r, node, USE_STOP, 0 });
	if (n->kind != RULE_NODE_ALL && result == 0)
		result = add_use(l, (struct use){ n->step, r, node, USE_NODE, 0 });
	for (uint8_t i = 0; n->kind == RULE_NODE_ALL && result == 0 && i < n->n_members; i++)
		result = add_use(l, (struct use){ n->members[i], r, node, USE_NODE, i });
	return result;
}

static uint64_t sum(uint64_t a, uint64_t b)
{
	uint64_t s;

	return __builtin_add_overflow(a, b, &s) ? RULES_FOREVER : s;
}

static uint64_t most(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* What is of correlations goes on as long as all of them together, at most. */
static void find_chain_lives(const struct rule *rule, struct node_facts *facts,
			     struct rule_facts *whole)
{
	uint64_t all = 0;
	bool is_chain = false;

	for (uint32_t i = 0; i < rule->n_nodes; i++) {
		const struct rule_node *n = &rule->nodes[i];

		is_chain |= n->feeds != 0;
		all = sum(all, n->kind == RULE_NODE_COUNT || n->kind == RULE_NODE_WINDOW ?
				       n->window_ns :
				       0);
		if (n->within_ns != RULES_FOREVER)
			all = sum(all, n->within_ns);
	}
	if (!is_chain)
		return;
	whole->is_single = false;
	whole->extent_ns = all;
	for (uint32_t i = 0; i < rule->n_nodes; i++)
		facts[i].extent_ns = all;
}

/* Parents stand before their children, so from the last to the first. */
static void find_lives(const struct rule *rule, struct node_facts *facts, struct rule_facts *whole)
{
	whole->is_single = true;
	for (uint32_t i = rule->n_nodes; i-- > 0;) {
		const struct rule_node *n = &rule->nodes[i];
		struct node_facts *f = &facts[i];
		bool counts = n->kind == RULE_NODE_COUNT || n->kind == RULE_NODE_WINDOW;
		uint64_t own = counts ? n->window_ns : 0;

		if (n->kind == RULE_NODE_ALL && n->parent < 0)
			own = n->within_ns;
		f->life_ns = most(f->life_ns, n->wait_ns);
		f->extent_ns = most(f->extent_ns, n->wait_ns);
		if (n->parent >= 0) {
			struct node_facts *p = &facts[n->parent];

			p->has_children = true;
			p->life_ns = most(p->life_ns, n->within_ns);
			p->extent_ns =
				most(p->extent_ns, sum(n->within_ns, sum(own, f->extent_ns)));
			whole->is_single = false;
		} else {
			whole->extent_ns = most(whole->extent_ns, sum(own, f->extent_ns));
		}
		if (n->kind != RULE_NODE_STEP || n->wait_ns || !n->is_end)
			whole->is_single = false;
		f->extent_ns = sum(own, f->extent_ns);
		if (rule->within_ns != RULES_FOREVER && f->extent_ns > rule->within_ns + n->wait_ns)
			f->extent_ns = rule->within_ns + n->wait_ns;
	}
	find_chain_lives(rule, facts, whole);
	if (rule->within_ns != RULES_FOREVER) {
		uint64_t wait = 0;

		for (uint32_t i = 0; i < rule->n_nodes; i++)
			wait = most(wait, rule->nodes[i].wait_ns);
		if (whole->extent_ns > sum(rule->within_ns, wait))
			whole->extent_ns = sum(rule->within_ns, wait);
	}
}

static bool is_called(const char *glob, const char *name)
{
	uint32_t n = (uint32_t)strlen(name);

	return match_one(MATCH_GLOB, 0, glob, strlen(glob), name, n, n) == TRUTH_YES;
}

static int find_tunes(const struct rules *rules, uint32_t r, struct rule_facts *f)
{
	f->tunes = calloc(rules->n_tunes + 1u, sizeof(*f->tunes));
	if (!f->tunes)
		return -ENOMEM;
	for (uint32_t i = 0; i < rules->n_tunes; i++) {
		const char *glob = rules->tunes[i].glob;

		if (is_called(glob, rules->list[r].id) || is_called(glob, rules->list[r].title))
			f->tunes[f->n_tunes++] = i;
	}
	return 0;
}

int use_by_turn(const void *x, const void *y)
{
	const struct use *a = x, *b = y;

	if (a->rule != b->rule)
		return a->rule < b->rule ? -1 : 1;
	if (a->phase != b->phase)
		return a->phase < b->phase ? -1 : 1;
	if (a->node != b->node)
		return a->node > b->node ? -1 : 1;
	return a->bit < b->bit ? -1 : a->bit > b->bit;
}

static int sort_uses(struct sequence_plan *p, const struct use_list *l)
{
	uint32_t n_steps = p->eval->rules->n_steps;

	p->first_use = calloc(n_steps + 2u, sizeof(*p->first_use));
	p->uses = calloc(l->n + 1u, sizeof(*p->uses));
	if (!p->first_use || !p->uses)
		return -ENOMEM;
	for (uint32_t i = 0; i < l->n; i++)
		p->first_use[l->list[i].step + 2]++;
	for (uint32_t s = 1; s <= n_steps; s++)
		p->first_use[s + 1] += p->first_use[s];
	for (uint32_t i = 0; i < l->n; i++)
		p->uses[p->first_use[l->list[i].step + 1]++] = l->list[i];
	for (uint32_t s = 0; s < n_steps; s++)
		qsort(p->uses + p->first_use[s], p->first_use[s + 1] - p->first_use[s],
		      sizeof(*p->uses), use_by_turn);
	return 0;
}

static bool is_of_head(const struct rule_node *node, uint32_t step)
{
	if (node->parent >= 0)
		return false;
	for (uint32_t i = 0; i < node->n_guards; i++)
		if (node->guards[i] == step)
			return true;
	for (uint32_t i = 0; node->kind == RULE_NODE_ALL && i < node->n_members; i++)
		if (node->members[i] == step)
			return true;
	return node->kind != RULE_NODE_ALL && node->step == step;
}

static bool begins(const struct rule *rule, uint32_t step)
{
	for (uint32_t i = 0; i < rule->n_nodes; i++)
		if (is_of_head(&rule->nodes[i], step))
			return true;
	return false;
}

/* A step that nobody uses is not late: it may be what holds back an else at the head. */
static int find_late(struct sequence_plan *p)
{
	const struct rules *rules = p->eval->rules;

	p->is_late = calloc(rules->n_steps + 1u, sizeof(*p->is_late));
	if (!p->is_late)
		return -ENOMEM;
	for (uint32_t s = 0; s < rules->n_steps; s++) {
		p->is_late[s] = p->first_use[s] < p->first_use[s + 1];
		for (uint32_t i = p->first_use[s]; i < p->first_use[s + 1]; i++) {
			p->uses[i].is_late = !begins(&rules->list[p->uses[i].rule], s);
			p->is_late[s] &= p->uses[i].is_late;
		}
	}
	return 0;
}

int sequence_plan_new(const struct eval_plan *eval, struct sequence_plan **ret,
		      struct reel_err *err)
{
	const struct rules *rules = eval->rules;
	struct sequence_plan *p = calloc(1, sizeof(*p));
	struct use_list l = { 0 };
	uint32_t n_nodes = 0;
	int r = p ? 0 : -ENOMEM;

	for (uint32_t i = 0; i < rules->n; i++)
		n_nodes += rules->list[i].n_nodes;
	if (p) {
		p->eval = eval;
		p->facts = calloc(n_nodes + 1u, sizeof(*p->facts));
		p->first_fact = calloc(rules->n + 1u, sizeof(*p->first_fact));
		p->rules = calloc(rules->n + 1u, sizeof(*p->rules));
		if (!p->facts || !p->first_fact || !p->rules)
			r = -ENOMEM;
	}
	n_nodes = 0;
	for (uint32_t i = 0; r == 0 && i < rules->n; i++) {
		const struct rule *rule = &rules->list[i];
		struct node_facts *facts = p->facts + n_nodes;

		p->first_fact[i] = n_nodes;
		n_nodes += rule->n_nodes;
		for (uint32_t k = 0; r == 0 && k < rule->n_unlesses; k++)
			r = add_use(&l,
				    (struct use){ rule->unlesses[k], i, 0, USE_RULE_UNLESS, 0 });
		for (uint32_t k = 0; r == 0 && k < rule->n_nodes; k++) {
			r = add_node(&l, rule, i, k);
			if (r == 0)
				r = add_guards(&l, rule, i, k, facts);
		}
		find_lives(rule, facts, &p->rules[i]);
		if (r == 0)
			r = find_tunes(rules, i, &p->rules[i]);
	}
	if (r == 0)
		r = sort_uses(p, &l);
	if (r == 0)
		r = find_late(p);
	if (r == 0)
		r = sequence_find_joins(p);
	free(l.list);
	if (r < 0) {
		sequence_plan_free(p);
		return reel_err_set(err, r,
				    r == -E2BIG ?
					    "a path has more than 64 conditions at one place" :
					    "no memory for rules");
	}
	*ret = p;
	return 0;
}

void sequence_plan_free(struct sequence_plan *p)
{
	if (!p)
		return;
	for (uint32_t i = 0; p->rules && i < p->eval->rules->n; i++)
		free(p->rules[i].tunes);
	free(p->rules);
	free(p->first_use);
	free(p->uses);
	free(p->is_late);
	free(p->joins);
	free(p->facts);
	free(p->first_fact);
	free(p);
}
