/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay/needs.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format/tape.h"

enum { NO_BOUND = UINT32_MAX };

struct place {
	struct needs *to;
	struct rules *rules;
	const struct rule *rule;
	uint32_t line;
	const struct rule_step *step;
	int result;
};

static void add_gap(struct place *p, int32_t leaf, const char *why)
{
	struct needs *n = p->to;

	for (uint32_t i = 0; i < n->n_gaps; i++)
		if (n->gaps[i].rule == p->rule && n->gaps[i].line == p->line &&
		    n->gaps[i].leaf == leaf)
			return;
	if (n->n_gaps == n->gaps_room) {
		uint32_t room = n->gaps_room ? 2 * n->gaps_room : 16;
		struct needs_gap *gaps = reallocarray(n->gaps, room, sizeof(*gaps));

		if (!gaps) {
			p->result = -ENOMEM;
			return;
		}
		n->gaps = gaps;
		n->gaps_room = room;
	}
	n->gaps[n->n_gaps++] = (struct needs_gap){ p->rule, p->line, leaf, why };
}

static int by_name(const char *a, const char *bytes, size_t length)
{
	int order = strncmp(a, bytes, length);

	return order ? order : a[length] != 0;
}

static void add_name(struct place *p, struct needs_names *to, const char *bytes, size_t length)
{
	const char **list, *name;
	uint32_t at = 0;

	while (at < to->n && by_name(to->v[at], bytes, length) < 0)
		at++;
	if (at < to->n && by_name(to->v[at], bytes, length) == 0)
		return;
	name = rules_text(p->rules, bytes, length);
	list = reallocarray(to->v, to->n + 1u, sizeof(*list));
	if (list)
		to->v = list;
	if (!name || !list) {
		p->result = -ENOMEM;
		return;
	}
	memmove(list + at + 1, list + at, (to->n - at) * sizeof(*list));
	list[at] = name;
	to->n++;
}

static bool is_word(const char *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (!isalnum((unsigned char)bytes[i]) && bytes[i] != '_')
			return false;
	return length > 0;
}

/* How far into a string a value looks ---------------------------------------------------------- */

static size_t skip_options(const char *p, size_t n)
{
	size_t at = 0;

	while (at + 3 < n && p[at] == '(' && p[at + 1] == '?' &&
	       islower((unsigned char)p[at + 2])) {
		const char *end = memchr(p + at, ')', n - at);

		if (!end || memchr(p + at, ':', (size_t)(end - p) - at))
			break;
		at = (size_t)(end - p) + 1;
	}
	return at;
}

/* A pattern that is tied to the beginning and repeats nothing is at least as long as what it
 * finds. */
static uint32_t regex_reach(const char *p, size_t n)
{
	size_t at = skip_options(p, n);
	unsigned depth = 0;

	if (at >= n || p[at] != '^')
		return NO_BOUND;
	while (n > at + 2 && p[n - 2] == '.' && (p[n - 1] == '*' || p[n - 1] == '+'))
		n -= 2;
	for (size_t i = at + 1; i < n; i++) {
		if (p[i] == '\\') {
			i++;
			if (i < n && isdigit((unsigned char)p[i]))
				return NO_BOUND;
			continue;
		}
		if (strchr("*+{", p[i]) || (p[i] == '|' && !depth))
			return NO_BOUND;
		depth += p[i] == '(';
		depth -= p[i] == ')' && depth;
	}
	return (uint32_t)(n - at);
}

static uint32_t glob_reach(const char *p, uint32_t n)
{
	const char *star = memchr(p, '*', n);

	if (!star)
		return n;
	for (const char *c = star; c < p + n; c++)
		if (*c != '*')
			return NO_BOUND;
	return (uint32_t)(star - p);
}

static uint32_t value_reach(const struct rule_leaf *l, const struct rule_value *v)
{
	switch (l->op) {
	case RULE_EQ:
	case RULE_NE:
	case RULE_STARTS:
		return v->length;
	case RULE_REGEX:
	case RULE_NOT_REGEX:
		return regex_reach(v->bytes, v->length);
	case RULE_GLOB:
		return glob_reach(v->bytes, v->length);
	default:
		return NO_BOUND;
	}
}

static uint32_t leaf_reach(const struct rule_leaf *l)
{
	uint32_t most = 1;

	if (l->op == RULE_EXISTS)
		return most;
	if (l->has_right)
		return NO_BOUND;
	for (uint32_t i = 0; i < l->n_values; i++) {
		uint32_t one = value_reach(l, &l->values[i]);

		most = one > most ? one : most;
	}
	return most;
}

/* With something to spare, and a round number. */
static uint32_t rounded(uint32_t bytes, uint32_t unit, uint32_t most)
{
	uint32_t n = (bytes + 16 + unit - 1) / unit * unit;

	return n < most ? n : most;
}

/* Fields whose length is an option's ----------------------------------------------------------- */

static void look_content(struct place *p, uint32_t leaf)
{
	const struct rule_leaf *l = &p->rules->leaves[leaf];
	uint32_t reach = leaf_reach(l), need;

	p->to->reads_io = true;
	if (reach > NEEDS_CONTENT_MOST)
		add_gap(p, (int32_t)leaf,
			"looks at all of the data, of which 4096 bytes are kept at most");
	need = reach > NEEDS_CONTENT_MOST ? NEEDS_CONTENT_MOST :
					    rounded(reach, 64, NEEDS_CONTENT_MOST);
	if (need > p->to->content)
		p->to->content = need;
}

static void look_payload(struct place *p, uint32_t leaf)
{
	if (leaf_reach(&p->rules->leaves[leaf]) > 512)
		add_gap(p, (int32_t)leaf,
			"looks at all of the message, of which 512 bytes are kept");
}

static void look_args(struct place *p, uint32_t leaf)
{
	const struct rule_leaf *l = &p->rules->leaves[leaf];
	uint32_t need = NEEDS_ARG_USUAL;

	for (uint32_t i = 0; i < l->n_values; i++) {
		if (l->values[i].length > NEEDS_ARG_MOST)
			add_gap(p, (int32_t)leaf,
				"is longer than the 16383 bytes that are kept of a command line");
		if (l->values[i].length > need - 16)
			need = rounded(l->values[i].length, 1024, NEEDS_ARG_MOST);
	}
	p->to->n_args++;
	if (need > p->to->max_arg)
		p->to->max_arg = need;
}

/* Which variable a test of the environment asks for: NAME=... at its beginning. */
static size_t variable_of(const struct rule_leaf *l, const struct rule_value *v, const char **ret)
{
	bool is_regex = l->op == RULE_REGEX || l->op == RULE_NOT_REGEX;
	const char *p = v->bytes, *end;
	size_t n = v->length;

	if (is_regex && (!n || *p != '^'))
		return 0;
	if (is_regex)
		p++, n--;
	else if (l->op != RULE_EQ && l->op != RULE_NE && l->op != RULE_STARTS && l->op != RULE_GLOB)
		return 0;
	end = memchr(p, '=', n);
	if (!end || !is_word(p, (size_t)(end - p)))
		return 0;
	*ret = p;
	return (size_t)(end - p);
}

static void look_env(struct place *p, uint32_t leaf)
{
	const struct rule_leaf *l = &p->rules->leaves[leaf];
	bool all = l->n_values > 0;

	for (uint32_t i = 0; i < l->n_values; i++) {
		const char *name;
		size_t n = variable_of(l, &l->values[i], &name);

		if (n)
			add_name(p, &p->to->env, name, n);
		all &= n > 0;
	}
	if (!all)
		add_gap(p, (int32_t)leaf,
			"does not say which variable: only those that are named are recorded");
}

static void look_field(struct place *p, const struct rule_ref *ref, uint32_t leaf)
{
	bool is_own = ref->context == RULE_OWN_FIELD;

	for (uint32_t i = 0; ref->call && i < ref->call->n; i++)
		if (ref->call->parts[i].ref)
			look_field(p, ref->call->parts[i].ref, leaf);
	if (ref->scope == RULE_OF_STEP)
		return;
	if (!is_own) {
		if (ref->context == RULE_argv || ref->context == RULE_cmdline)
			look_args(p, leaf);
	} else if (strcmp(ref->own, "content") == 0) {
		look_content(p, leaf);
	} else if (strcmp(ref->own, "payload") == 0) {
		look_payload(p, leaf);
	} else if (strcmp(ref->own, "argv") == 0 || strcmp(ref->own, "argv_arg") == 0) {
		look_args(p, leaf);
	} else if (strcmp(ref->own, "env") == 0) {
		look_env(p, leaf);
	}
}

static void look_leaves(struct place *p, uint32_t at)
{
	const struct rule_expr *x = &p->rules->exprs[at];
	const struct rule_leaf *l;

	switch (x->op) {
	case RULE_EXPR_AND:
	case RULE_EXPR_OR:
		look_leaves(p, x->a);
		look_leaves(p, x->b);
		break;
	case RULE_EXPR_NOT:
		look_leaves(p, x->a);
		break;
	case RULE_EXPR_LEAF:
		l = &p->rules->leaves[x->a];
		look_field(p, &l->left, x->a);
		if (l->has_right)
			look_field(p, &l->right, x->a);
		break;
	default:
		break;
	}
}

/* Calls by their names ------------------------------------------------------------------------- */

/* Whether the expression holds for the calls only that it names. */
static bool look_calls(struct place *p, uint32_t at)
{
	const struct rule_expr *x = &p->rules->exprs[at];
	const struct rule_leaf *l = &p->rules->leaves[x->a];
	bool a;

	switch (x->op) {
	case RULE_EXPR_AND:
		return look_calls(p, x->a) || look_calls(p, x->b);
	case RULE_EXPR_OR:
		a = look_calls(p, x->a);
		return look_calls(p, x->b) && a;
	case RULE_EXPR_LEAF:
		if (l->left.scope != RULE_OF_EVENT || l->left.context != RULE_syscall ||
		    l->op != RULE_EQ || l->has_right)
			return false;
		for (uint32_t i = 0; i < l->n_values; i++)
			if (is_word(l->values[i].bytes, l->values[i].length))
				add_name(p, &p->to->calls, l->values[i].bytes, l->values[i].length);
		return true;
	default:
		return false;
	}
}

/* Steps ---------------------------------------------------------------------------------------- */

static bool has_type(const uint8_t types[32], unsigned type)
{
	return types[type / 8] >> type % 8 & 1;
}

static void look_step(struct place *p, uint32_t step)
{
	const uint8_t *types = p->rules->steps[step].types;

	p->step = &p->rules->steps[step];
	p->to->reads_io |= has_type(types, EV_read) || has_type(types, EV_write);
	p->to->folds |= has_type(types, EV_fold);
	p->to->hash |= has_type(types, EV_hash);
	if (has_type(types, EV_sys) && !look_calls(p, p->step->expr))
		p->to->all_calls = true;
	look_leaves(p, p->step->expr);
}

static void look_steps(struct place *p, const uint32_t *steps, uint32_t n, uint32_t line)
{
	p->line = line;
	for (uint32_t i = 0; i < n; i++)
		look_step(p, steps[i]);
}

int needs_add(struct needs *n, struct rules *rules, const struct reads *reads, uint32_t rule)
{
	struct place p = { .to = n, .rules = rules, .rule = &rules->list[rule] };

	for (const struct reel_type *t = reel_types; t->name; t++)
		if ((has_type(reads[rule].types, t->id) || has_type(reads[rule].state, t->id)) &&
		    t->stream == TAPE_EVENTS && t->id != EV_sys)
			n->classes |= 1u << t->class_id;
	p.line = p.rule->line;
	if (p.rule->why_not)
		add_gap(&p, RULES_NONE, p.rule->why_not);
	look_steps(&p, p.rule->unlesses, p.rule->n_unlesses, p.rule->line);
	for (uint32_t i = 0; i < p.rule->n_nodes; i++) {
		const struct rule_node *node = &p.rule->nodes[i];

		if (node->kind == RULE_NODE_ALL)
			look_steps(&p, node->members, node->n_members, node->line);
		else
			look_steps(&p, &node->step, 1, node->line);
		look_steps(&p, node->guards, node->n_guards, node->line);
		look_steps(&p, node->stops, node->n_stops, node->line);
		look_steps(&p, node->unlesses, node->n_unlesses, node->line);
	}
	return p.result;
}

void needs_done(struct needs *n)
{
	free(n->env.v);
	free(n->calls.v);
	free(n->gaps);
	memset(n, 0, sizeof(*n));
}
