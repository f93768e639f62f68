/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay/falco_lower.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int falco_no_memory(struct falco_lowering *l)
{
	if (l->n_conds >= FALCO_CONDS_MAX)
		return reel_err_set(l->err, -EINVAL, "with its macros it has more than %d tests",
				    FALCO_CONDS_MAX);
	return reel_err_set(l->err, -ENOMEM, "no memory for the rules");
}

struct falco_cond *falco_cond_new(struct falco_lowering *l, enum falco_cond_kind kind)
{
	struct falco_cond *c = l->n_conds++ < FALCO_CONDS_MAX ? arena_alloc(l->memory, sizeof(*c)) :
								NULL;

	if (c)
		c->kind = (uint8_t)kind;
	return c;
}

/* The tree ------------------------------------------------------------------------------------- */

static int lower_node(struct falco_lowering *l, const struct falco_node *n,
		      struct falco_cond **ret);

/* In halves, so that the tree stays low. */
static int lower_several(struct falco_lowering *l, const struct falco_node *n, uint32_t from,
			 uint32_t end, struct falco_cond **ret)
{
	uint32_t middle = from + (end - from + 1) / 2;
	int r;

	if (end - from == 1)
		return lower_node(l, n->nodes[from], ret);
	*ret = falco_cond_new(l, n->kind == FALCO_AND ? FALCO_IS_AND : FALCO_IS_OR);
	if (!*ret)
		return falco_no_memory(l);
	r = lower_several(l, n, from, middle, &(*ret)->a);
	return r < 0 ? r : lower_several(l, n, middle, end, &(*ret)->b);
}

static int lower_macro(struct falco_lowering *l, const struct falco_node *n,
		       struct falco_cond **ret)
{
	uint32_t before = l->visibility;
	const struct falco_node *macro = l->macro(l->user, n->name, &l->visibility);
	int r;

	if (!macro)
		return reel_err_set(l->err, -EINVAL, "there is no macro %s before this", n->name);
	r = lower_node(l, macro, ret);
	l->visibility = before;
	return r;
}

static int lower_node(struct falco_lowering *l, const struct falco_node *n, struct falco_cond **ret)
{
	int r;

	if (++l->depth > FALCO_DEPTH_MAX)
		return reel_err_set(l->err, -EINVAL, "with its macros it is nested deeper than %d",
				    FALCO_DEPTH_MAX);
	switch (n->kind) {
	case FALCO_AND:
	case FALCO_OR:
		r = lower_several(l, n, 0, n->n, ret);
		break;
	case FALCO_NOT:
		*ret = falco_cond_new(l, FALCO_IS_NOT);
		r = *ret ? lower_node(l, n->nodes[0], &(*ret)->a) : falco_no_memory(l);
		break;
	case FALCO_MACRO:
		r = lower_macro(l, n, ret);
		break;
	default:
		r = falco_lower_test(l, n, ret);
	}
	l->depth--;
	return r;
}

/* What is known of it -------------------------------------------------------------------------- */

struct outlook {
	bool can_be_true, can_be_false;
	bool is_result, names_types;
	const char *unknown, *absent;
};

static void look(const struct falco_cond *c, struct outlook *ret)
{
	struct outlook a = { 0 }, b = { 0 };

	if (c->a)
		look(c->a, &a);
	if (c->b)
		look(c->b, &b);
	*ret = (struct outlook){ .is_result = c->is_result || a.is_result || b.is_result,
				 .names_types = c->kind == FALCO_IS_TYPE || a.names_types ||
						b.names_types,
				 .unknown = a.unknown ? a.unknown : b.unknown,
				 .absent = a.absent ? a.absent : b.absent };
	switch (c->kind) {
	case FALCO_IS_AND:
		ret->can_be_true = a.can_be_true && b.can_be_true;
		ret->can_be_false = a.can_be_false || b.can_be_false;
		break;
	case FALCO_IS_OR:
		ret->can_be_true = a.can_be_true || b.can_be_true;
		ret->can_be_false = a.can_be_false && b.can_be_false;
		break;
	case FALCO_IS_NOT:
		ret->can_be_true = a.can_be_false;
		ret->can_be_false = a.can_be_true;
		break;
	default:
		ret->can_be_true = c->kind != FALCO_IS_FALSE && !c->unknown;
		ret->can_be_false = c->kind != FALCO_IS_TRUE && !c->unknown;
		ret->unknown = c->unknown;
		ret->absent = c->absent;
	}
}

/* Types of events for which it may be true. */
static void find_types(const struct falco_cond *c, bool negated, uint8_t ret[32])
{
	uint8_t a[32], b[32];
	bool is_and = (c->kind == FALCO_IS_AND) != negated;

	falco_call_types(ret);
	switch (c->kind) {
	case FALCO_IS_AND:
	case FALCO_IS_OR:
		find_types(c->a, negated, a);
		find_types(c->b, negated, b);
		for (unsigned i = 0; i < 32; i++)
			ret[i] = is_and ? a[i] & b[i] : a[i] | b[i];
		return;
	case FALCO_IS_NOT:
		find_types(c->a, !negated, ret);
		return;
	case FALCO_IS_TRUE:
	case FALCO_IS_FALSE:
		if ((c->kind == FALCO_IS_FALSE) != negated)
			memset(ret, 0, 32);
		return;
	case FALCO_IS_TYPE:
		for (unsigned i = 0; i < 32; i++)
			ret[i] = negated ? ret[i] & (uint8_t)~c->whole[i] : c->types[i];
		return;
	default:
		for (unsigned i = 0; i < 32; i++)
			ret[i] = negated ? ret[i] : ret[i] & c->types[i];
	}
}

/* Expressions ---------------------------------------------------------------------------------- */

struct emitted {
	bool is_const, value;
	uint32_t expr;
};

struct emitter {
	struct falco_lowering *l;
	uint8_t types[32];
	int error;
};

static struct emitted constant(bool value)
{
	return (struct emitted){ .is_const = true, .value = value };
}

static struct emitted add_expr(struct emitter *e, enum rule_expr_op op, uint32_t a, uint32_t b)
{
	int64_t expr = rules_add_expr(e->l->rules, op, a, b);

	if (expr < 0)
		e->error = falco_no_memory(e->l);
	return (struct emitted){ .expr = expr < 0 ? 0 : (uint32_t)expr };
}

static struct emitted add_leaf(struct emitter *e, const struct rule_leaf *leaf)
{
	int64_t number = rules_add_leaf(e->l->rules, leaf, e->l->err);

	if (number < 0) {
		e->error = (int)number;
		return constant(false);
	}
	return add_expr(e, RULE_EXPR_LEAF, (uint32_t)number, 0);
}

static struct emitted add_not(struct emitter *e, struct emitted a)
{
	if (a.is_const)
		return constant(!a.value);
	return add_expr(e, RULE_EXPR_NOT, a.expr, 0);
}

static struct emitted add_both(struct emitter *e, enum rule_expr_op op, struct emitted a,
			       struct emitted b)
{
	bool decides = op == RULE_EXPR_OR;

	if (a.is_const)
		return a.value == decides ? a : b;
	if (b.is_const)
		return b.value == decides ? b : a;
	return add_expr(e, op, a.expr, b.expr);
}

/* The event's type, or its call, is one of these. */
static struct emitted add_names(struct emitter *e, enum rule_context context,
				const char *const *names, uint32_t n)
{
	struct rule_leaf leaf = {
		.left = { .scope = RULE_OF_EVENT,
			  .context = (uint8_t)context,
			  .kind = REEL_TEXT,
			  .index = RULES_NONE,
			  .slot = RULES_NONE,
			  .hint = "" },
		.op = RULE_EQ,
		.role = RULE_ROLE_TEXT,
		.n_values = n,
	};

	if (!n)
		return constant(false);
	leaf.values = arena_alloc(e->l->memory, n * sizeof(*leaf.values));
	if (!leaf.values) {
		e->error = falco_no_memory(e->l);
		return constant(false);
	}
	for (uint32_t i = 0; i < n; i++) {
		leaf.values[i].length = (uint32_t)strlen(names[i]);
		leaf.values[i].bytes = arena_text(e->l->memory, names[i], leaf.values[i].length);
		if (!leaf.values[i].bytes) {
			e->error = falco_no_memory(e->l);
			return constant(false);
		}
	}
	return add_leaf(e, &leaf);
}

static struct emitted add_types(struct emitter *e, const uint8_t types[32])
{
	const char *names[EV_MAX_TYPES];
	uint32_t n = 0;

	for (const struct reel_type *t = reel_types; t->name; t++)
		if (types[t->id / 8] >> t->id % 8 & 1)
			names[n++] = t->name;
	return add_names(e, RULE_type, names, n);
}

static bool is_empty(const uint8_t set[32])
{
	for (unsigned i = 0; i < 32; i++)
		if (set[i])
			return false;
	return true;
}

static struct emitted emit_type(struct emitter *e, const struct falco_cond *c)
{
	uint8_t whole[32], partly[32], others[32];
	struct emitted a = constant(false), b = constant(false);

	for (unsigned i = 0; i < 32; i++) {
		whole[i] = c->whole[i] & e->types[i];
		partly[i] = c->types[i] & e->types[i] & (uint8_t)~c->whole[i];
		others[i] = e->types[i] & (uint8_t)~c->types[i];
	}
	if (is_empty(partly) && is_empty(others))
		return constant(true);
	if (!is_empty(whole))
		a = add_types(e, whole);
	if (!is_empty(partly)) {
		b = add_names(e, RULE_syscall, c->calls, c->n_calls);
		if (!is_empty(others) || !is_empty(whole))
			b = add_both(e, RULE_EXPR_AND, add_types(e, partly), b);
	}
	return add_both(e, RULE_EXPR_OR, a, b);
}

static struct emitted emit(struct emitter *e, const struct falco_cond *c);

static struct emitted emit_leaf(struct emitter *e, const struct falco_cond *c)
{
	const struct falco_cond *direct;
	bool any = false;

	for (unsigned i = 0; i < 32; i++)
		any |= (c->types[i] & e->types[i]) != 0;
	if (!any)
		return constant(false);
	direct = c->is_direct ? NULL : falco_direct(e->l, c->leaf, e->types);
	return direct ? emit(e, direct) : add_leaf(e, c->leaf);
}

static struct emitted emit(struct emitter *e, const struct falco_cond *c)
{
	struct emitted a;

	if (e->error)
		return constant(false);
	switch (c->kind) {
	case FALCO_IS_AND:
	case FALCO_IS_OR:
		a = emit(e, c->a);
		return add_both(e, c->kind == FALCO_IS_AND ? RULE_EXPR_AND : RULE_EXPR_OR, a,
				emit(e, c->b));
	case FALCO_IS_NOT:
		return add_not(e, emit(e, c->a));
	case FALCO_IS_TRUE:
	case FALCO_IS_FALSE:
		return constant(c->kind == FALCO_IS_TRUE);
	case FALCO_IS_TYPE:
		return emit_type(e, c);
	default:
		return emit_leaf(e, c);
	}
}

static const char *reason(struct falco_lowering *l, const struct outlook *o)
{
	char text[200];

	if (!o->unknown && !o->absent)
		return "its own text never holds (evt.num=0, or a contradiction)";
	snprintf(text, sizeof(text), "%s", o->unknown ? o->unknown : o->absent);
	return arena_text(l->memory, text, strlen(text));
}

/* ONLY: the event has to be one of these, or must not; false: there is none left. */
static bool restrict_types(const uint8_t types[32], const uint8_t *only, unsigned n, bool negated,
			   uint8_t ret[32])
{
	memset(ret, 0, 32);
	for (unsigned t = 0; t < EV_MAX_TYPES; t++)
		if (types[t / 8] >> t % 8 & 1 && (memchr(only, (int)t, n) != NULL) != negated)
			ret[t / 8] |= (uint8_t)(1u << t % 8);
	return !is_empty(ret);
}

static int add_step(struct emitter *e, const struct falco_cond *c, bool is_exec, bool asks_result,
		    struct falco_lowered *ret)
{
	struct rule_step step = { .outcome = RULE_ATTEMPTED };
	struct emitted x = emit(e, c);
	int64_t number;

	/* Where it can never be, there is nothing to look for. */
	if (x.is_const && !x.value && !ret->why_not)
		return e->error;
	if (x.is_const) {
		bool value = x.value;

		x = add_expr(e, RULE_EXPR_TRUE, 0, 0);
		if (!value)
			x = add_expr(e, RULE_EXPR_NOT, x.expr, 0);
	}
	if (e->error)
		return e->error;
	/* A program that could not be executed is none that runs. */
	if (is_exec && !asks_result)
		step.outcome = RULE_SUCCEEDED;
	memcpy(step.types, e->types, sizeof(step.types));
	step.expr = x.expr;
	number = rules_add_step(e->l->rules, &step);
	if (number < 0)
		return falco_no_memory(e->l);
	ret->steps[ret->n_steps++] = (uint32_t)number;
	return 0;
}

static int add_steps(struct emitter *e, const struct falco_cond *c, const struct outlook *o,
		     struct falco_lowered *ret)
{
	static const uint8_t opens[] = { EV_open, EV_create }, execs[] = { EV_exec },
			     both[] = { EV_open, EV_create, EV_exec };
	uint8_t all[32];
	int r = 0;

	memcpy(all, e->types, sizeof(all));
	if (restrict_types(all, opens, sizeof(opens), false, e->types))
		r = add_step(e, c, false, o->is_result, ret);
	if (r == 0 && restrict_types(all, execs, sizeof(execs), false, e->types))
		r = add_step(e, c, true, o->is_result, ret);
	if (r == 0 && restrict_types(all, both, sizeof(both), true, e->types))
		r = add_step(e, c, false, o->is_result, ret);
	return r;
}

int falco_lower(struct falco_lowering *l, const struct falco_node *condition,
		struct falco_lowered *ret)
{
	struct emitter e = { .l = l };
	struct falco_cond *c;
	struct outlook o;
	int r = lower_node(l, condition, &c);

	if (r < 0)
		return r;
	look(c, &o);
	find_types(c, false, e.types);
	*ret = (struct falco_lowered){ .has_types = o.names_types };
	if (!o.can_be_true || is_empty(e.types))
		ret->why_not = reason(l, &o);
	/* There has to be something that it would look at. */
	if (is_empty(e.types))
		e.types[EV_exec / 8] |= 1u << EV_exec % 8;
	r = add_steps(&e, c, &o, ret);
	if (r == 0 && !ret->n_steps) {
		ret->why_not = reason(l, &o);
		find_types(c, false, e.types);
		r = add_steps(&e, c, &o, ret);
	}
	if (!ret->why_not && o.unknown)
		ret->partly = reason(l, &o);
	return r;
}
