/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the fields of all leaves lie, worked out once for each type that a step wants. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "replay/eval_impl.h"

static uint16_t offset_of(const struct reel_type *t, const char *name)
{
	const struct reel_field *f = rule_own_field(t, name);

	return f ? f->offset : ACCESS_NOWHERE;
}

static bool is_of_inet(const struct reel_type *t, const char *name)
{
	static const char *const names[] = { "addr", "laddr", "port", "lport" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(names[i], name) == 0)
			return rule_own_field(t, "family") != NULL;
	return false;
}

/* A path that the event may not carry, of a file that it identifies. */
static bool resolve_named(const struct reel_type *t, const struct reel_field *path,
			  struct access *ret)
{
	if (path && !(path->kind & REEL_OPTIONAL))
		return false;
	if (!rule_own_field(t, "inode"))
		return false;
	*ret = (struct access){ .way = ACCESS_NAMED,
				.kind = REEL_PATH,
				.offset = path ? path->offset : ACCESS_NOWHERE,
				.second = offset_of(t, "dev"),
				.inode = offset_of(t, "inode") };
	return true;
}

static void resolve_process(const char *name, struct access *ret)
{
	for (unsigned c = RULE_CONTEXT_PROCESS; c < RULE_CONTEXTS; c++)
		if (strcmp(rule_contexts[c].name, name) == 0)
			*ret = (struct access){ .way = ACCESS_PROCESS,
						.kind = rule_contexts[c].kind,
						.context = (uint8_t)c };
}

static unsigned kind_class(uint8_t kind)
{
	return kind >= REEL_PATH ? 2 : kind == REEL_ADDR;
}

/* A name may be something else in another type: an address of the net, or of memory. */
static void resolve_own(const struct reel_type *t, const struct rule_ref *ref, struct access *ret)
{
	const char *name = ref->own;
	const struct reel_field *f = rule_own_field(t, name);

	*ret = (struct access){ .way = ACCESS_ABSENT };
	if (f && !ref->shown && !ref->transforms[0] &&
	    kind_class(f->kind & REEL_KIND_MASK) != kind_class(ref->kind))
		return;
	if (strcmp(name, "path") == 0 && resolve_named(t, f, ret))
		return;
	if (!f) {
		resolve_process(name, ret);
		return;
	}
	ret->kind = f->kind & REEL_KIND_MASK;
	ret->is_optional = f->kind & REEL_OPTIONAL;
	ret->is_data = !ref->as_kept && strcmp(name, "content") == 0;
	ret->offset = f->offset;
	if (ret->kind == REEL_RESULT) {
		ret->way = ACCESS_RESULT;
	} else if (ret->kind == REEL_BYTES && strcmp(f->hint, "hex") == 0) {
		ret->way = ACCESS_DIGITS;
	} else if (ret->kind >= REEL_PATH) {
		ret->way = ACCESS_STRING;
	} else if (is_of_inet(t, name)) {
		ret->way = ACCESS_INET;
		ret->second = offset_of(t, "family");
	} else {
		ret->way = ACCESS_NUMBER;
	}
}

static void resolve_pathname(const struct reel_type *t, struct access *ret)
{
	const struct reel_field *path = rule_own_field(t, "path");

	*ret = (struct access){ .way = ACCESS_ABSENT };
	if (resolve_named(t, path, ret) || !path)
		return;
	*ret = (struct access){ .way = ACCESS_PATHNAME,
				.kind = REEL_PATH,
				.offset = path->offset,
				.second = offset_of(t, "path_arg") };
}

/* An end of a connection: the one who connects, or the other. */
static void resolve_end(const struct reel_type *t, const struct rule_ref *ref, struct access *ret)
{
	bool is_to = ref->context == RULE_to_addr || ref->context == RULE_to_port;
	bool is_port = ref->context == RULE_to_port || ref->context == RULE_from_port;
	bool is_peer = is_to != (t->id == EV_accept);
	const char *own = is_port ? "lport" : "laddr";
	const struct reel_field *f = rule_own_field(t, is_peer ? own + 1 : own);

	*ret = (struct access){ .way = ACCESS_ABSENT };
	if (f && (t->id == EV_connect || t->id == EV_accept))
		*ret = (struct access){ .way = ACCESS_INET,
					.kind = f->kind & REEL_KIND_MASK,
					.offset = f->offset,
					.second = offset_of(t, "family") };
}

void access_resolve(const struct reel_type *t, const struct rule_ref *ref, struct access *ret)
{
	if (ret->way != ACCESS_UNSET)
		return;
	if (ref->context == RULE_DERIVED)
		*ret = (struct access){ .way = ACCESS_DERIVED, .kind = ref->kind };
	else if (ref->scope == RULE_OF_STEP)
		*ret = (struct access){ .way = ACCESS_ABSENT }; /* never asked of the event */
	else if (ref->scope != RULE_OF_EVENT)
		*ret = (struct access){ .way = ACCESS_PROCESS,
					.kind = ref->kind,
					.context = ref->context };
	else if (ref->context == RULE_OWN_FIELD)
		resolve_own(t, ref, ret);
	else if (ref->context == RULE_pathname || ref->context == RULE_filename)
		resolve_pathname(t, ret);
	else if (ref->context >= RULE_from_addr && ref->context <= RULE_to_port)
		resolve_end(t, ref, ret);
	else if (ref->context == RULE_argv_line)
		*ret = (struct access){ .way = offset_of(t, "argv") == ACCESS_NOWHERE ?
						       ACCESS_ABSENT :
						       ACCESS_LINE,
					.kind = REEL_TEXT,
					.offset = offset_of(t, "argv") };
	else
		*ret = (struct access){ .way = ACCESS_COMMON,
					.kind = rule_contexts[ref->context].kind,
					.context = ref->context };
}

struct walk {
	struct eval_plan *p;
	const struct reel_type *type;
	unsigned id;
};

static void resolve_expr(const struct walk *w, uint32_t at)
{
	for (;;) {
		const struct rule_expr *x = &w->p->rules->exprs[at];
		const struct rule_leaf *l;

		switch (x->op) {
		case RULE_EXPR_AND:
		case RULE_EXPR_OR:
			resolve_expr(w, x->b);
			at = x->a;
			continue;
		case RULE_EXPR_NOT:
			at = x->a;
			continue;
		case RULE_EXPR_LEAF:
			l = &w->p->rules->leaves[x->a];
			access_resolve(w->type, &l->left, &w->p->left[w->id][x->a]);
			if (l->has_right)
				access_resolve(w->type, &l->right, &w->p->right[w->id][x->a]);
			return;
		default:
			return;
		}
	}
}

static int add_type(struct eval_plan *p, unsigned type)
{
	if (p->left[type])
		return 0;
	p->left[type] = calloc(p->rules->n_leaves + 1u, sizeof(struct access));
	p->right[type] = calloc(p->rules->n_leaves + 1u, sizeof(struct access));
	return p->left[type] && p->right[type] ? 0 : -ENOMEM;
}

static bool reads_bound(const struct rules *rules, uint32_t at, uint8_t *known)
{
	const struct rule_expr *x = &rules->exprs[at];
	const struct rule_leaf *l;
	bool is = false;

	if (known[at])
		return known[at] > 1;
	switch (x->op) {
	case RULE_EXPR_AND:
	case RULE_EXPR_OR:
		is = reads_bound(rules, x->b, known);
		is |= reads_bound(rules, x->a, known);
		break;
	case RULE_EXPR_NOT:
		is = reads_bound(rules, x->a, known);
		break;
	case RULE_EXPR_LEAF:
		l = &rules->leaves[x->a];
		is = l->has_right && l->right.scope == RULE_OF_STEP;
		break;
	default:
		break;
	}
	known[at] = 1 + is;
	return is;
}

/* What several steps, or several expressions, have in common is worked out once for an event. */
static int find_shared(struct eval_plan *p)
{
	const struct rules *rules = p->rules;
	uint8_t *known = calloc(rules->n_exprs + 1u, 1);
	uint8_t *uses = calloc(rules->n_exprs + 1u, 1);

	p->is_shared = calloc(rules->n_exprs + 1u, 1);
	for (uint32_t i = 0; uses && i < rules->n_exprs; i++) {
		const struct rule_expr *x = &rules->exprs[i];

		if (x->op == RULE_EXPR_AND || x->op == RULE_EXPR_OR)
			uses[x->b] += uses[x->b] < 2;
		if (x->op == RULE_EXPR_AND || x->op == RULE_EXPR_OR || x->op == RULE_EXPR_NOT)
			uses[x->a] += uses[x->a] < 2;
	}
	for (uint32_t i = 0; uses && i < rules->n_steps; i++)
		uses[rules->steps[i].expr] += uses[rules->steps[i].expr] < 2;
	for (uint32_t i = 0; known && uses && p->is_shared && i < rules->n_exprs; i++)
		p->is_shared[i] = uses[i] > 1 && rules->exprs[i].op != RULE_EXPR_TRUE &&
				  !reads_bound(rules, i, known);
	free(uses);
	free(known);
	return uses && known && p->is_shared ? 0 : -ENOMEM;
}

int eval_plan_new(const struct rules *rules, uint64_t number, struct eval_plan **ret,
		  struct reel_err *err)
{
	struct eval_plan *p = calloc(1, sizeof(*p));
	int r = p ? 0 : -ENOMEM;

	if (p) {
		p->rules = rules;
		p->number = number;
		r = find_shared(p);
	}
	for (uint32_t s = 0; r == 0 && s < rules->n_steps; s++) {
		const struct rule_step *step = &rules->steps[s];

		for (unsigned t = 0; r == 0 && t < EV_MAX_TYPES; t++) {
			struct walk w = { p, reel_type_by_id(t), t };

			if (!(step->types[t / 8] >> t % 8 & 1) || !w.type)
				continue;
			r = add_type(p, t);
			if (r == 0)
				resolve_expr(&w, step->expr);
		}
	}
	/* Predicates that are no step's are asked of events of any type. */
	for (unsigned t = 0; r == 0 && rules->n_tunes && t < EV_MAX_TYPES; t++) {
		struct walk w = { p, reel_type_by_id(t), t };

		if (!w.type || (r = add_type(p, t)) < 0)
			continue;
		for (uint32_t i = 0; i < rules->n_tunes; i++)
			resolve_expr(&w, rules->tunes[i].expr);
	}
	for (unsigned t = 0; r == 0 && t < EV_MAX_TYPES; t++) {
		if (!p->left[t])
			continue;
		p->sieves[t] = sieve_new(p, t);
		r = p->sieves[t] ? 0 : -ENOMEM;
	}
	if (r < 0) {
		eval_plan_free(p);
		return reel_err_set(err, r, "no memory for rules");
	}
	*ret = p;
	return 0;
}

void eval_plan_free(struct eval_plan *p)
{
	if (!p)
		return;
	for (unsigned t = 0; t < EV_MAX_TYPES; t++) {
		free(p->left[t]);
		free(p->right[t]);
		sieve_free(p->sieves[t]);
	}
	free(p->is_shared);
	free(p);
}

int eval_plan_predicate(struct eval_plan *p, uint32_t expr, struct reel_err *err)
{
	for (unsigned t = 0; t < EV_MAX_TYPES; t++) {
		struct walk w = { p, reel_type_by_id(t), t };

		if (!w.type)
			continue;
		if (add_type(p, t) < 0)
			return reel_err_set(err, -ENOMEM, "no memory for a predicate");
		resolve_expr(&w, expr);
	}
	return 0;
}
