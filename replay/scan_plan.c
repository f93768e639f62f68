/* SPDX-License-Identifier: BSD-2-Clause */
/* Which literals each step cannot do without, and the tables by which they lead to it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "replay/scan.h"

/* Of these tests one must hold, or the expression does not; or it does not where one holds. */
struct witness {
	uint16_t offset;
	uint8_t role;
	bool is_against;
	bool empty_counts;
	uint32_t test;
	uint32_t step;
};

struct witnesses {
	struct witness *list;
	uint32_t n, room;
};

enum { NO_WITNESS = 0 }; /* how good a set is: the length of its shortest literal, else this */

static int add(struct witnesses *w, const struct witness *one)
{
	if (w->n == w->room) {
		uint32_t room = w->room ? 2 * w->room : 32;
		struct witness *list = reallocarray(w->list, room, sizeof(*list));

		if (!list)
			return -ENOMEM;
		w->list = list;
		w->room = room;
	}
	w->list[w->n++] = *one;
	return 0;
}

static bool is_positive(enum rule_op op)
{
	return op == RULE_EQ || op == RULE_REGEX || op == RULE_CONTAINS || op == RULE_STARTS ||
	       op == RULE_ENDS || op == RULE_GLOB;
}

/* Returns how good the set is, or -errno. */
static int leaf_witnesses(const struct eval_plan *p, unsigned type, uint32_t leaf, uint32_t step,
			  struct witnesses *to)
{
	const struct rule_leaf *l = &p->rules->leaves[leaf];
	const struct access *a = &p->left[type][leaf];
	uint32_t shortest = UINT32_MAX;
	bool is_arg = a->kind == REEL_ARGS && l->left.index >= 0;

	if (l->has_right || l->left.shown || l->left.transforms[0] || !is_positive(l->op) ||
	    (is_arg && (!l->has_any_tests || a->way != ACCESS_STRING)) || !l->n_values)
		return NO_WITNESS;
	if (a->way != ACCESS_STRING && a->way != ACCESS_LINE && a->way != ACCESS_PATHNAME &&
	    (a->way != ACCESS_NAMED || a->offset == ACCESS_NOWHERE))
		return NO_WITNESS;
	for (uint32_t i = 0; i < l->n_values; i++) {
		struct witness w = { .offset = a->offset,
				     .role = is_arg ? RULE_ROLE_ARGS : l->role,
				     .empty_counts = a->way == ACCESS_NAMED || a->is_data,
				     .test = is_arg ? l->values[i].any_test : l->values[i].test,
				     .step = step };
		uint32_t length = l->op == RULE_REGEX ? 4 : l->values[i].length;
		int r = add(to, &w);

		if (r == 0 && a->way == ACCESS_PATHNAME && a->second != ACCESS_NOWHERE) {
			w.offset = a->second;
			r = add(to, &w);
		}
		if (r < 0)
			return r;
		if (length < shortest)
			shortest = length;
	}
	return (int)(shortest < 1000 ? shortest + 1 : 1000);
}

static int expr_witnesses(const struct eval_plan *p, unsigned type, uint32_t at, uint32_t step,
			  struct witnesses *to)
{
	const struct rule_expr *x = &p->rules->exprs[at];
	uint32_t before = to->n, between;
	int a, b;

	if (x->op == RULE_EXPR_LEAF)
		return leaf_witnesses(p, type, x->a, step, to);
	if (x->op != RULE_EXPR_AND && x->op != RULE_EXPR_OR)
		return NO_WITNESS;
	a = expr_witnesses(p, type, x->a, step, to);
	between = to->n;
	if (a < 0 || (x->op == RULE_EXPR_OR && a == NO_WITNESS))
		return a;
	b = expr_witnesses(p, type, x->b, step, to);
	if (b < 0)
		return b;
	if (x->op == RULE_EXPR_OR)
		return a < b ? a : b;
	/* The better of the two is enough. */
	if (a >= b) {
		to->n = between;
		return a;
	}
	memmove(&to->list[before], &to->list[between], (to->n - between) * sizeof(*to->list));
	to->n -= between - before;
	return b;
}

/* Leaves of which each, where it holds, makes the whole false; the string that most ask of. */

static int leaf_against(const struct eval_plan *p, unsigned type, uint32_t leaf, bool is_negated,
			uint32_t step, struct witnesses *to)
{
	const struct rule_leaf *l = &p->rules->leaves[leaf];
	const struct access *a = &p->left[type][leaf];
	bool is_no = l->op == RULE_NE || l->op == RULE_NOT_REGEX;
	int r = 0;

	if (l->has_right || l->left.shown || l->left.transforms[0] || l->any_other ||
	    (a->kind == REEL_ARGS && l->left.index >= 0) || a->way != ACCESS_STRING || a->is_data ||
	    !(is_negated ? is_positive(l->op) : is_no))
		return 0;
	for (uint32_t i = 0; i < l->n_values && r == 0; i++)
		r = add(to, &(struct witness){ .offset = a->offset,
					       .role = l->role,
					       .is_against = true,
					       .test = l->values[i].test,
					       .step = step });
	return r;
}

static int expr_against(const struct eval_plan *p, unsigned type, uint32_t at, bool is_negated,
			uint32_t step, struct witnesses *to)
{
	const struct rule_expr *x = &p->rules->exprs[at];
	int r;

	if (x->op == RULE_EXPR_LEAF)
		return leaf_against(p, type, x->a, is_negated, step, to);
	if (x->op == RULE_EXPR_NOT)
		return expr_against(p, type, x->a, !is_negated, step, to);
	if (x->op != (is_negated ? RULE_EXPR_OR : RULE_EXPR_AND))
		return 0;
	r = expr_against(p, type, x->a, is_negated, step, to);
	return r < 0 ? r : expr_against(p, type, x->b, is_negated, step, to);
}

static bool is_same_place(const struct witness *x, const struct witness *y)
{
	return x->offset == y->offset && x->role == y->role;
}

/* Of those from FROM on only the place with most of them is left. */
static void keep_one_place(struct witnesses *w, uint32_t from)
{
	uint32_t most = 0, best = from, kept = from;
	struct witness place;

	if (w->n == from)
		return;
	for (uint32_t i = from; i < w->n; i++) {
		uint32_t n = 0;

		for (uint32_t k = i; k < w->n; k++)
			n += is_same_place(&w->list[i], &w->list[k]);
		if (n > most) {
			most = n;
			best = i;
		}
	}
	place = w->list[best];
	for (uint32_t i = from; i < w->n; i++)
		if (is_same_place(&place, &w->list[i]))
			w->list[kept++] = w->list[i];
	w->n = kept;
}

static int by_place(const void *a, const void *b)
{
	const struct witness *x = a, *y = b;

	if (x->offset != y->offset)
		return x->offset < y->offset ? -1 : 1;
	if (x->role != y->role)
		return x->role < y->role ? -1 : 1;
	if (x->is_against != y->is_against)
		return x->is_against ? 1 : -1;
	if (x->is_against && x->step != y->step)
		return x->step < y->step ? -1 : 1;
	if (x->test != y->test)
		return x->test < y->test ? -1 : 1;
	return x->step < y->step ? -1 : x->step > y->step;
}

static int make_unless(struct scan_probe *to, const struct witness *w, uint32_t n)
{
	to->unless = calloc(n + 1u, sizeof(*to->unless));
	to->unless_tests = calloc(n + 1u, sizeof(*to->unless_tests));
	if (!to->unless || !to->unless_tests)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		if (!i || w[i].step != w[i - 1].step)
			to->unless[to->n_unless++] =
				(struct scan_unless){ .step = w[i].step, .first = i };
		to->unless_tests[i] = w[i].test;
		to->unless[to->n_unless - 1].n++;
	}
	return 0;
}

static int make_probe(const struct eval_plan *p, struct scan_probe *to, const struct witness *w,
		      uint32_t n)
{
	uint32_t n_tests = matcher_n_tests(p->rules->matchers[w->role]), at = 0;

	to->offset = w->offset;
	to->role = w->role;
	to->n_words = (n_tests + 63) / 64;
	to->mask = calloc(to->n_words + 1u, sizeof(*to->mask));
	to->first = calloc(n_tests + 2u, sizeof(*to->first));
	to->steps = calloc(n + 1u, sizeof(*to->steps));
	if (!to->mask || !to->first || !to->steps)
		return -ENOMEM;
	for (uint32_t t = 0; t <= n_tests; t++) {
		to->first[t] = at;
		while (at < n && !w[at].is_against && w[at].test == t) {
			to->empty_counts |= w[at].empty_counts;
			to->steps[at] = w[at].step;
			to->mask[t / 64] |= 1ull << t % 64;
			at++;
		}
	}
	to->first[n_tests + 1] = at;
	return make_unless(to, w + at, n - at);
}

static int make_probes(const struct eval_plan *p, struct scan_bucket *b, struct witnesses *w,
		       uint32_t *n_probes)
{
	uint32_t from = 0;

	if (!w->n)
		return 0;
	qsort(w->list, w->n, sizeof(*w->list), by_place);
	b->probes = calloc(w->n, sizeof(*b->probes));
	if (!b->probes)
		return -ENOMEM;
	while (from < w->n) {
		uint32_t to = from;
		int r;

		while (to < w->n && is_same_place(&w->list[from], &w->list[to]))
			to++;
		b->probes[b->n_probes].number = (*n_probes)++;
		r = make_probe(p, &b->probes[b->n_probes++], &w->list[from], to - from);
		if (r < 0)
			return r;
		from = to;
	}
	return 0;
}

static int make_bucket(const struct eval_plan *p, unsigned type, struct scan_bucket *b,
		       uint32_t *n_probes)
{
	const struct rules *rules = p->rules;
	struct witnesses w = { 0 };
	int r = 0;

	b->always = calloc(rules->n_steps + 1u, sizeof(*b->always));
	b->all = calloc(rules->n_steps + 1u, sizeof(*b->all));
	if (!b->always || !b->all)
		r = -ENOMEM;
	for (uint32_t s = 0; r >= 0 && s < rules->n_steps; s++) {
		uint32_t before = w.n;

		if (!(rules->steps[s].types[type / 8] >> type % 8 & 1))
			continue;
		b->all[b->n_all++] = s;
		r = expr_witnesses(p, type, rules->steps[s].expr, s, &w);
		if (r != NO_WITNESS)
			continue;
		w.n = before;
		r = expr_against(p, type, rules->steps[s].expr, false, s, &w);
		keep_one_place(&w, before);
		if (w.n == before)
			b->always[b->n_always++] = s;
	}
	if (r >= 0)
		r = make_probes(p, b, &w, n_probes);
	free(w.list);
	return r < 0 ? r : 0;
}

int scan_plan_new(const struct eval_plan *eval, struct scan_plan **ret, struct reel_err *err)
{
	struct scan_plan *p = calloc(1, sizeof(*p));
	uint8_t types[32] = { 0 };
	int r = p ? 0 : -ENOMEM;

	if (p)
		p->eval = eval;
	for (uint32_t s = 0; p && s < eval->rules->n_steps; s++) {
		for (unsigned i = 0; i < sizeof(types); i++)
			types[i] |= eval->rules->steps[s].types[i];
	}
	for (unsigned t = 0; r == 0 && t < EV_MAX_TYPES; t++) {
		if (!(types[t / 8] >> t % 8 & 1) || !reel_type_by_id(t))
			continue;
		p->buckets[t] = calloc(1, sizeof(*p->buckets[t]));
		r = p->buckets[t] ? make_bucket(eval, t, p->buckets[t], &p->n_probes) : -ENOMEM;
	}
	if (r < 0) {
		scan_plan_free(p);
		return reel_err_set(err, r, "no memory for rules");
	}
	*ret = p;
	return 0;
}

void scan_plan_want_names(struct scan_plan *p, struct model_asked *asked)
{
	free(p->asked);
	p->asked = asked;
	p->wants_names = true;
	for (unsigned t = 0; t < EV_MAX_TYPES; t++)
		p->names[t] = !reel_type_by_id(t) || model_type_names(reel_type_by_id(t));
}

void scan_plan_forget(struct scan_plan *p)
{
	for (unsigned t = 0; t < EV_MAX_TYPES; t++) {
		struct scan_bucket *b = p->buckets[t];

		if (!b)
			continue;
		for (unsigned i = 0; i < b->n_probes; i++) {
			free(b->probes[i].mask);
			free(b->probes[i].first);
			free(b->probes[i].steps);
			free(b->probes[i].unless);
			free(b->probes[i].unless_tests);
		}
		free(b->probes);
		free(b->always);
		free(b->all);
		free(b);
	}
	memset(p->buckets, 0, sizeof(p->buckets));
	memset(p->wants, 0, sizeof(p->wants));
	p->wants_names = false;
}

void scan_plan_free(struct scan_plan *p)
{
	if (!p)
		return;
	scan_plan_forget(p);
	free(p->asked);
	free(p);
}

bool scan_wants_block(const struct scan_plan *p, const struct reel_entry *e)
{
	if (e->kind == TAPE_STATE)
		return true;
	if (e->kind != TAPE_EVENTS)
		return false;
	for (unsigned t = 0; t < EV_MAX_TYPES; t++)
		if (e->types[t / 8] >> t % 8 & 1 && (p->buckets[t] || p->wants[t] || p->names[t]))
			return true;
	return false;
}
