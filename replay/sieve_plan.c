/* SPDX-License-Identifier: BSD-2-Clause */
/* From expressions to sieves: terms in the order in which it pays to ask them, then tests. */
#include <stdlib.h>

#include "replay/arena.h"
#include "replay/eval_impl.h"
#include "replay/falco_args.h"
#include "replay/sieve_impl.h"

enum term_op { TERM_DROP, TERM_KEEP, TERM_TEST, TERM_AND, TERM_OR };

/* A part of an expression, its `not` worked into it. */
struct term {
	uint8_t op;
	bool is_negated;     /* TEST */
	bool needs_model;    /* TEST */
	uint32_t leaf;	     /* TEST */
	double cost, chance; /* of asking it, about in ns; that it may hold */
	struct term *parts;  /* AND, OR: those that pay best first */
	struct term *next;
};

struct maker {
	const struct eval_plan *plan;
	struct sieve *to;
	unsigned type;
	bool has_model;
	uint32_t left; /* tests that there is room for */
	uint32_t step_expr;
	const struct term *whole; /* of the step, if it is an `and` */
	struct arena memory;
	bool failed;
};

static const struct term nothing = { .op = TERM_DROP }, anything = { .op = TERM_KEEP };

static struct term *new_term(struct maker *m, const struct term *like)
{
	struct term *t = arena_alloc(&m->memory, sizeof(*t));

	if (!t) {
		m->failed = true;
		return NULL;
	}
	*t = *like;
	return t;
}

/* What a leaf is worth ------------------------------------------------------------------------- */

/* A guess at nanoseconds; only which is more matters. */
static double cost_of_value(const struct rule_ref *ref, const struct access *a)
{
	bool is_text = a->kind >= REEL_PATH;

	switch (a->way) {
	case ACCESS_COMMON:
	case ACCESS_NUMBER:
	case ACCESS_RESULT:
		return is_text ? 60 : 5;
	case ACCESS_INET:
		return 10;
	case ACCESS_STRING:
		return a->kind == REEL_ARGS && ref->index >= 0 ? 60 : 10;
	case ACCESS_PATHNAME:
		return 25;
	case ACCESS_PROCESS:
		if (ref->scope == RULE_OF_ANCESTOR)
			return 300;
		if (ref->scope == RULE_OF_PARENT || ref->scope == RULE_OF_LEVEL)
			return 40;
		return a->kind == REEL_ARGS && ref->index >= 0 ? 60 : 15;
	case ACCESS_DERIVED:
		return ref->scope == RULE_OF_ANCESTOR ? 2000 : 200;
	default:
		return 60;
	}
}

/* A name that nobody told makes the engine read all once more: it is asked for when all else holds.
 * A scanner asks the model for none. */
static const double cost_of_name = 1e6;

static double cost_of(const struct maker *m, const struct rule_leaf *l, const struct access *a)
{
	double cost = cost_of_value(&l->left, a) + 0.3 * l->n_values;

	if (l->left.call)
		cost *= 1 + l->left.call->n;
	if (m->has_model &&
	    (a->way == ACCESS_NAMED || derive_ref_needs_name(&l->left, reel_type_by_id(m->type))))
		cost += cost_of_name;

	if (l->left.transforms[0] || l->left.shown)
		cost += 100;
	return l->has_right ? 2 * cost + 50 : cost;
}

/* How many of a list's values a field has, nobody knows; few. */
static double chance_of(const struct rule_leaf *l)
{
	double any = 0.02 + 0.004 * l->n_values;

	switch (l->op) {
	case RULE_EQ:
		return any < 0.5 ? any : 0.5;
	case RULE_NE:
	case RULE_NOT_REGEX:
		return any < 0.5 ? 1 - any : 0.5;
	case RULE_EXISTS:
	case RULE_TRUE_FLAG:
		return 0.3;
	case RULE_LT:
	case RULE_LE:
	case RULE_GT:
	case RULE_GE:
	case RULE_BITS:
		return 0.5;
	default:
		return 0.1;
	}
}

/* Without a model it is unknown, whatever the event. */
static bool needs_model(const struct maker *m, const struct rule_ref *ref, const struct access *a)
{
	const struct reel_type *type = reel_type_by_id(m->type);

	for (uint32_t i = 0; ref->call && i < ref->call->n; i++) {
		const struct rule_ref *part = ref->call->parts[i].ref;
		struct access of = { .way = ACCESS_UNSET };

		if (!part)
			continue;
		access_resolve(type, part, &of);
		if (needs_model(m, part, &of))
			return true;
	}
	if (a->way == ACCESS_PROCESS)
		return true;
	if (a->way == ACCESS_DERIVED)
		return ref->scope != RULE_OF_EVENT || ref->derived == DERIVED_login ||
		       ref->derived == DERIVED_euser || derive_needs_name(ref->derived, type);
	return a->way == ACCESS_NAMED && a->offset == ACCESS_NOWHERE;
}

/* A call of this type has no argument of that name. */
static bool lacks_argument(const struct maker *m, const struct rule_leaf *l)
{
	uint8_t types[32];

	if (l->left.context != RULE_DERIVED ||
	    (l->left.derived != DERIVED_argument && !l->left.call))
		return false;
	if (l->left.call)
		memcpy(types, l->left.call->types, sizeof(types));
	else
		(void)falco_arg_types(l->left.own, types);
	return !(types[m->type / 8] >> m->type % 8 & 1);
}

/* Whether it asks for no more than the name of the type. */
static bool asks_type(const struct rule_leaf *l, const struct access *a)
{
	return a->way == ACCESS_COMMON && a->context == RULE_type && !l->has_right &&
	       !l->left.transforms[0] && !l->match_flags && (l->op == RULE_EQ || l->op == RULE_NE);
}

static bool is_type(const struct maker *m, const struct rule_leaf *l)
{
	const char *name = reel_type_by_id(m->type)->name;
	bool any = false;

	for (uint32_t i = 0; i < l->n_values; i++)
		any |= l->values[i].length == strlen(name) &&
		       memcmp(l->values[i].bytes, name, strlen(name)) == 0;
	return any == (l->op == RULE_EQ);
}

static struct term *term_of_leaf(struct maker *m, uint32_t leaf, bool is_negated)
{
	const struct rule_leaf *l = &m->plan->rules->leaves[leaf];
	const struct access *a = &m->plan->left[m->type][leaf];
	struct term t = { .op = TERM_TEST, .is_negated = is_negated, .leaf = leaf };

	if (a->way == ACCESS_ABSENT || lacks_argument(m, l))
		return new_term(m, is_negated ? &anything : &nothing);
	if (asks_type(l, a))
		return new_term(m, is_type(m, l) != is_negated ? &anything : &nothing);
	t.needs_model = needs_model(m, &l->left, a);
	if ((!m->has_model && t.needs_model) || !m->left ||
	    (l->has_right && l->right.scope == RULE_OF_STEP))
		return new_term(m, &anything);
	m->left--;
	t.cost = cost_of(m, l, a);
	t.chance = is_negated ? 1 - chance_of(l) : chance_of(l);
	return new_term(m, &t);
}

/* Expressions ---------------------------------------------------------------------------------- */

/* What has to be asked until it is decided; the least comes first. */
static double price(const struct maker *m, const struct term *whole, const struct term *part)
{
	double decides = whole->op == TERM_AND ? 1 - part->chance : part->chance;

	/* A scanner has asked it, so that it holds. */
	if (m->has_model && whole == m->whole && part->op == TERM_TEST && !part->needs_model)
		decides = 0;
	return part->cost / (decides > 0.001 ? decides : 0.001);
}

static void add_part(const struct maker *m, struct term *whole, struct term *part)
{
	struct term **at = &whole->parts;

	while (*at && price(m, whole, *at) <= price(m, whole, part))
		at = &(*at)->next;
	part->next = *at;
	*at = part;
}

static struct term *term_of(struct maker *m, uint32_t expr, bool is_negated);

/* Adds what stands under it, through all that is of the same kind. */
static void add_parts(struct maker *m, struct term *whole, uint32_t expr, bool is_negated)
{
	const struct rule_expr *x = &m->plan->rules->exprs[expr];
	const unsigned deciding = whole->op == TERM_AND ? TERM_DROP : TERM_KEEP;
	struct term *part;

	while (x->op == RULE_EXPR_NOT) {
		x = &m->plan->rules->exprs[expr = x->a];
		is_negated = !is_negated;
	}
	if (whole->cost < 0 || m->failed)
		return;
	if ((x->op == RULE_EXPR_AND || x->op == RULE_EXPR_OR) &&
	    ((x->op == RULE_EXPR_AND) != is_negated) == (whole->op == TERM_AND)) {
		add_parts(m, whole, x->a, is_negated);
		add_parts(m, whole, x->b, is_negated);
		return;
	}
	part = term_of(m, expr, is_negated);
	if (!part)
		return;
	if (part->op == deciding)
		whole->cost = -1; /* it is decided */
	else if (part->op != TERM_DROP && part->op != TERM_KEEP)
		add_part(m, whole, part);
}

static struct term *term_of_parts(struct maker *m, uint32_t expr, bool is_and, bool is_negated)
{
	struct term *whole = new_term(m, &(struct term){ .op = is_and ? TERM_AND : TERM_OR });
	double goes_on = 1;

	if (!whole)
		return NULL;
	if (is_and && expr == m->step_expr)
		m->whole = whole;
	add_parts(m, whole, expr, is_negated);
	if (m->failed)
		return NULL;
	if (whole->cost < 0)
		return new_term(m, is_and ? &nothing : &anything);
	if (!whole->parts)
		return new_term(m, is_and ? &anything : &nothing);
	for (const struct term *t = whole->parts; t; t = t->next) {
		whole->cost += goes_on * t->cost;
		goes_on *= is_and ? t->chance : 1 - t->chance;
	}
	whole->chance = is_and ? goes_on : 1 - goes_on;
	return whole;
}

static struct term *term_of(struct maker *m, uint32_t expr, bool is_negated)
{
	const struct rule_expr *x = &m->plan->rules->exprs[expr];

	switch (x->op) {
	case RULE_EXPR_LEAF:
		return term_of_leaf(m, x->a, is_negated);
	case RULE_EXPR_NOT:
		return term_of(m, x->a, !is_negated);
	case RULE_EXPR_AND:
	case RULE_EXPR_OR:
		return term_of_parts(m, expr, (x->op == RULE_EXPR_AND) != is_negated, is_negated);
	default:
		return new_term(m, is_negated ? &nothing : &anything);
	}
}

/* Tests ---------------------------------------------------------------------------------------- */

static bool is_of_strings(const struct rule_leaf *l)
{
	return l->op == RULE_EQ || l->op == RULE_NE || (l->op >= RULE_REGEX && l->op <= RULE_GLOB);
}

static bool is_process_text(unsigned context)
{
	return context == RULE_exe || context == RULE_comm || context == RULE_cmdline ||
	       context == RULE_argv || context == RULE_cwd || context == RULE_root;
}

static uint8_t way_of(const struct eval_plan *p, unsigned type, uint32_t leaf)
{
	const struct rule_leaf *l = &p->rules->leaves[leaf];
	const struct access *a = &p->left[type][leaf];

	if (l->has_right || l->left.shown || l->left.transforms[0])
		return SIEVE_ANY;
	if (l->left.index >= 0)
		return a->way == ACCESS_STRING && is_of_strings(l) ? SIEVE_ARGUMENT : SIEVE_ANY;
	if (a->way == ACCESS_COMMON && a->context == RULE_ret && l->op <= RULE_BITS)
		return SIEVE_RET;
	if (a->way == ACCESS_COMMON && a->context == RULE_syscall && is_of_strings(l))
		return SIEVE_CALL;
	if (a->way == ACCESS_STRING && !a->is_data && is_of_strings(l))
		return SIEVE_STRING;
	if (a->way == ACCESS_NUMBER && a->kind != REEL_ADDR && l->op <= RULE_BITS)
		return SIEVE_NUMBER;
	if (a->way == ACCESS_INET && a->kind == REEL_ADDR && a->second <= INT16_MAX)
		return l->op == RULE_CIDR || l->op <= RULE_NE ? SIEVE_ADDR : SIEVE_ANY;
	if (a->way == ACCESS_INET && a->second <= INT16_MAX && l->op <= RULE_BITS)
		return SIEVE_PORT;
	if (a->way == ACCESS_PROCESS && is_process_text(a->context) && is_of_strings(l) &&
	    (l->left.scope == RULE_OF_PROCESS || l->left.scope == RULE_OF_EVENT))
		return SIEVE_PROCESS_TEXT;
	return SIEVE_ANY;
}

static bool is_not(const struct rule_leaf *l)
{
	return l->op == RULE_NE || l->op == RULE_NOT_REGEX;
}

static bool is_number(uint8_t way)
{
	return way == SIEVE_NUMBER || way == SIEVE_PORT || way == SIEVE_RET;
}

/* What the test compares with; what is asked of the leaf itself has none. */
static bool add_parts_of(struct maker *m, struct sieve_test *t)
{
	const struct rule_leaf *l = &m->plan->rules->leaves[t->leaf];
	struct sieve *s = m->to;
	bool has_own = t->way == SIEVE_ANY || t->way == SIEVE_ADDR;
	uint32_t n = is_number(t->way) ? l->n_values : has_own ? 0 : l->n_tests;

	if (n > UINT16_MAX) {
		t->way = SIEVE_ANY;
		n = 0;
	}
	t->first = s->n_parts;
	t->n = (uint16_t)n;
	while (s->parts_room - s->n_parts < n) {
		uint32_t room = s->parts_room ? 2 * s->parts_room : 64;
		struct rule_tests *parts = reallocarray(s->parts, room, sizeof(*parts));

		if (!parts)
			return false;
		s->parts = parts;
		s->parts_room = room;
	}
	for (uint32_t i = 0; i < n; i++)
		s->parts[s->n_parts++] =
			is_number(t->way) ? (struct rule_tests){ .bits = l->values[i].number } :
					    l->tests[i];
	return true;
}

static uint32_t add_test(struct maker *m, const struct term *term, uint32_t yes, uint32_t no)
{
	const struct rule_leaf *l = &m->plan->rules->leaves[term->leaf];
	const struct access *a = &m->plan->left[m->type][term->leaf];
	struct sieve *s = m->to;
	struct sieve_test t = { .leaf = term->leaf,
				.yes = yes,
				.no = no,
				.offset = a->offset,
				.index = a->way == ACCESS_INET ? (int16_t)a->second : l->left.index,
				.way = way_of(m->plan, m->type, term->leaf),
				.role = l->role,
				.width = (uint8_t)reel_kind_width(a->kind),
				.what = a->way == ACCESS_PROCESS ? a->context : a->kind,
				.op = l->op,
				.is_not = is_not(l),
				.fails = term->is_negated ? TRUTH_YES : TRUTH_NO };

	if (s->n == s->room) {
		uint32_t room = s->room ? 2 * s->room : 16;
		struct sieve_test *tests = reallocarray(s->tests, room, sizeof(*tests));

		if (!tests) {
			m->failed = true;
			return SIEVE_KEEP;
		}
		s->tests = tests;
		s->room = room;
	}
	if (!add_parts_of(m, &t)) {
		m->failed = true;
		return SIEVE_KEEP;
	}
	s->tests[s->n] = t;
	return SIEVE_FIRST + s->n++;
}

static uint32_t lay_out(struct maker *m, const struct term *t, uint32_t yes, uint32_t no);

/* Whether both ask of one string, and what decides is that any value of either fits, or none. */
static bool is_alike(const struct maker *m, const struct term *x, const struct term *y, bool is_and)
{
	const struct rule_leaf *l, *k;

	if (x->op != TERM_TEST || y->op != TERM_TEST || x->is_negated != y->is_negated ||
	    way_of(m->plan, m->type, x->leaf) != SIEVE_STRING ||
	    way_of(m->plan, m->type, y->leaf) != SIEVE_STRING)
		return false;
	l = &m->plan->rules->leaves[x->leaf];
	k = &m->plan->rules->leaves[y->leaf];
	return l->role == k->role && is_not(l) == is_not(k) &&
	       (x->is_negated != is_not(l)) == is_and &&
	       m->plan->left[m->type][x->leaf].offset == m->plan->left[m->type][y->leaf].offset;
}

/* One for several, in front of them. */
static uint32_t add_several(struct maker *m, const struct term *const *parts, unsigned n,
			    uint32_t yes, uint32_t no, uint32_t each)
{
	uint32_t at = add_test(m, parts[0], yes, no);
	struct sieve_test *t;

	for (unsigned i = 1; i < n && !m->failed; i++) {
		struct sieve_test more = { .leaf = parts[i]->leaf, .way = SIEVE_STRING };

		m->failed = !add_parts_of(m, &more);
		t = &m->to->tests[at - SIEVE_FIRST];
		if (more.n > UINT16_MAX - t->n)
			return each;
		t->n = (uint16_t)(t->n + more.n);
	}
	if (m->failed)
		return each;
	t = &m->to->tests[at - SIEVE_FIRST];
	t->way = SIEVE_STRINGS;
	t->leaf = each;
	return at;
}

/* From the last on: each leads to the one behind it. */
static uint32_t lay_out_parts(struct maker *m, const struct term *t, bool is_and, uint32_t yes,
			      uint32_t no)
{
	const struct term *parts[SIEVE_TESTS_MAX];
	uint32_t at = is_and ? yes : no, behind = at;
	unsigned n = 0, alike = 0;

	for (; t && n < SIEVE_TESTS_MAX; t = t->next)
		parts[n++] = t;
	for (unsigned i = n; i-- > 0;) {
		if (i + 1 == n || !is_alike(m, parts[i], parts[i + 1], is_and)) {
			behind = at;
			alike = 0;
		}
		alike++;
		at = lay_out(m, parts[i], is_and ? at : yes, is_and ? no : at);
		if (alike > 1 && (i == 0 || !is_alike(m, parts[i - 1], parts[i], is_and)))
			at = add_several(m, parts + i, alike, is_and ? behind : yes,
					 is_and ? no : behind, at);
	}
	return at;
}

static uint32_t lay_out(struct maker *m, const struct term *t, uint32_t yes, uint32_t no)
{
	switch (t->op) {
	case TERM_DROP:
		return no;
	case TERM_KEEP:
		return yes;
	case TERM_TEST:
		return add_test(m, t, yes, no);
	default:
		return lay_out_parts(m, t->parts, t->op == TERM_AND, yes, no);
	}
}

static void make_step(struct maker *m, uint32_t step)
{
	const struct term *t;

	m->left = SIEVE_TESTS_MAX;
	m->step_expr = m->plan->rules->steps[step].expr;
	m->whole = NULL;
	t = term_of(m, m->plan->rules->steps[step].expr, false);
	if (t)
		m->to->begin[m->has_model][step] = lay_out(m, t, SIEVE_KEEP, SIEVE_DROP);
}

bool sieve_can_hold(const struct eval_plan *p, unsigned type, uint32_t expr)
{
	struct maker m = { .plan = p, .type = type, .has_model = true, .left = SIEVE_TESTS_MAX };
	const struct term *t = term_of(&m, expr, false);
	bool can = !t || t->op != TERM_DROP;

	arena_done(&m.memory);
	return can;
}

struct sieve *sieve_new(const struct eval_plan *p, unsigned type)
{
	struct sieve *s = calloc(1, sizeof(*s));
	struct maker m = { .plan = p, .to = s, .type = type };

	m.failed = !s;
	for (unsigned has = 0; has < 2 && !m.failed; has++) {
		m.has_model = has;
		s->begin[has] = calloc(p->rules->n_steps + 1u, sizeof(*s->begin[has]));
		m.failed = !s->begin[has];
		for (uint32_t i = 0; i < p->rules->n_steps && !m.failed; i++)
			if (p->rules->steps[i].types[type / 8] >> type % 8 & 1)
				make_step(&m, i);
	}
	arena_done(&m.memory);
	if (m.failed) {
		sieve_free(s);
		return NULL;
	}
	return s;
}

void sieve_free(struct sieve *s)
{
	if (!s)
		return;
	free(s->tests);
	free(s->parts);
	free(s->begin[0]);
	free(s->begin[1]);
	free(s);
}
