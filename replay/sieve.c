/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay/eval_impl.h"
#include "replay/sieve_impl.h"

/* Most leaves ask whether one string or number is one of a few: those are asked here, and what is
 * not as simple as that where all leaves are. */
enum sieve_way { SIEVE_ANY, SIEVE_STRING, SIEVE_NUMBER, SIEVE_PROCESS_TEXT };

static bool is_of_strings(const struct rule_leaf *l)
{
	return l->op == RULE_EQ || l->op == RULE_NE || (l->op >= RULE_REGEX && l->op <= RULE_GLOB);
}

static bool is_process_text(unsigned context)
{
	return context == RULE_exe || context == RULE_comm || context == RULE_cmdline ||
	       context == RULE_argv || context == RULE_cwd || context == RULE_root;
}

uint8_t sieve_way(const struct eval_plan *p, unsigned type, uint32_t leaf)
{
	const struct rule_leaf *l = &p->rules->leaves[leaf];
	const struct access *a = &p->left[type][leaf];

	if (l->has_right || l->left.shown || l->left.transforms[0] || l->left.index >= 0)
		return SIEVE_ANY;
	if (a->way == ACCESS_STRING && !a->is_data && is_of_strings(l))
		return SIEVE_STRING;
	if (a->way == ACCESS_NUMBER && a->kind != REEL_ADDR && l->op <= RULE_BITS)
		return SIEVE_NUMBER;
	if (a->way == ACCESS_PROCESS && is_process_text(a->context) && is_of_strings(l) &&
	    (l->left.scope == RULE_OF_PROCESS || l->left.scope == RULE_OF_EVENT))
		return SIEVE_PROCESS_TEXT;
	return SIEVE_ANY;
}

/* What there is one value of: whether it fits. */
static enum truth with_op(const struct rule_leaf *l, enum truth fits)
{
	return l->op == RULE_NE || l->op == RULE_NOT_REGEX ? truth_not(fits) : fits;
}

static enum truth ask(struct eval *e, const struct sieve_test *t, const struct reel_event *ev)
{
	const struct rule_leaf *l = &e->plan->rules->leaves[t->leaf];
	const struct access *a = &e->plan->left[ev->type->id][t->leaf];
	const struct match_row *row;
	struct value value = { .kind = VALUE_NUMBER };
	struct reel_field field;
	struct model_text *text;
	uint16_t number;

	switch (t->way) {
	case SIEVE_STRING:
		if (!e->rows || !eval_has_bytes(ev, a->offset, 2))
			break;
		number = reel_event_string_number(ev, a->offset);
		/* An empty one is not always there. */
		if (!number || number > e->rows->strings->n)
			break;
		row = e->rows->row[l->role][number];
		if (!row)
			break;
		return with_op(l, eval_fits_row(l, row));
	case SIEVE_NUMBER:
		field = (struct reel_field){ .offset = a->offset, .kind = a->kind };
		if (!eval_has_bytes(ev, a->offset, reel_kind_width(a->kind)))
			break;
		value.number = reel_event_number(ev, &field);
		if (!value.number && ev->flags & EV_FAULT)
			break;
		value.is_signed = a->kind == REEL_S32 || a->kind == REEL_S64;
		return with_op(l, eval_fits_number(l, &value));
	case SIEVE_PROCESS_TEXT:
		if (!eval_process_text(e, e->process, a->context, &text))
			return TRUTH_UNKNOWN;
		if (!text)
			return TRUTH_NO;
		return with_op(l,
			       eval_fits_row(l, eval_text_row(e, (enum rule_role)l->role, text)));
	}
	return eval_leaf(e, t->leaf, ev);
}

bool sieve_keeps(struct eval *e, uint32_t step, const struct reel_event *ev)
{
	const struct sieve *s = e->plan->sieves[ev->type->id];
	uint32_t at = s ? s->begin[e->model != NULL][step] : SIEVE_KEEP, why = e->why;

	while (at >= SIEVE_FIRST) {
		const struct sieve_test *t = &s->tests[at - SIEVE_FIRST];
		enum truth fails = t->is_negated ? TRUTH_YES : TRUTH_NO;

		at = ask(e, t, ev) == fails ? t->no : t->yes;
	}
	e->why = why;
	return at == SIEVE_KEEP;
}
