/* SPDX-License-Identifier: BSD-2-Clause */
/* Which literals each step cannot do without, and the tables by which they lead to it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "replay/scan.h"

/* Of these tests one must hold, or the expression does not. */
struct witness {
	uint16_t offset;
	uint8_t role;
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
	    is_arg || !l->n_values)
		return NO_WITNESS;
	if (a->way != ACCESS_STRING && a->way != ACCESS_LINE && a->way != ACCESS_PATHNAME &&
	    (a->way != ACCESS_NAMED || a->offset == ACCESS_NOWHERE))
		return NO_WITNESS;
	for (uint32_t i = 0; i < l->n_values; i++) {
		struct witness w = { a->offset, l->role, a->way == ACCESS_NAMED || a->is_data,
				     l->values[i].test, step };
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

static int by_place(const void *a, const void *b)
{
	const struct witness *x = a, *y = b;

	if (x->offset != y->offset)
		return x->offset < y->offset ? -1 : 1;
	if (x->role != y->role)
		return x->role < y->role ? -1 : 1;
	if (x->test != y->test)
		return x->test < y->test ? -1 : 1;
	return x->step < y->step ? -1 : x->step > y->step;
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
		while (at < n && w[at].test == t) {
			to->empty_counts |= w[at].empty_counts;
			to->steps[at] = w[at].step;
			to->mask[t / 64] |= 1ull << t % 64;
			at++;
		}
	}
	to->first[n_tests + 1] = at;
	return 0;
}

static int make_probes(const struct eval_plan *p, struct scan_bucket *b, struct witnesses *w)
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

		while (to < w->n && w->list[to].offset == w->list[from].offset &&
		       w->list[to].role == w->list[from].role)
			to++;
		r = make_probe(p, &b->probes[b->n_probes++], &w->list[from], to - from);
		if (r < 0)
			return r;
		from = to;
	}
	return 0;
}

static int make_bucket(const struct eval_plan *p, unsigned type, struct scan_bucket *b)
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
		if (r == NO_WITNESS) {
			w.n = before;
			b->always[b->n_always++] = s;
		}
	}
	if (r >= 0)
		r = make_probes(p, b, &w);
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
		r = p->buckets[t] ? make_bucket(eval, t, p->buckets[t]) : -ENOMEM;
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
