/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What all those above a process run, at once: chains may be long, and each event of a type walks
 * them. It goes as the values one by one go, in eval_find.c, and says the same.
 */
#include "replay/eval_impl.h"

static bool is_plain_text(const struct rule_leaf *l, const struct access *a)
{
	return a->way == ACCESS_PROCESS && (a->context == RULE_exe || a->context == RULE_comm) &&
	       !l->has_right && !l->left.shown && !l->left.transforms[0] && !l->any_other &&
	       (l->op == RULE_EQ || l->op == RULE_NE ||
		(l->op >= RULE_REGEX && l->op <= RULE_GLOB));
}

/* What he runs, or his name. */
static struct model_text *text_of(const struct eval *e, const struct model_process *p, bool is_exe,
				  uint32_t *why)
{
	struct model_text *t = is_exe ? p->exe : p->comm;

	if (!(is_exe ? model_is_certain(e->model, p) : model_is_certain_of_ids(e->model, p))) {
		*why |= 1u << BLIND_PROCESS;
		return NULL;
	}
	return t && (t->length || t->true_length) ? t : NULL;
}

static enum truth fits_text(struct eval *e, const struct rule_leaf *l, struct model_text *t,
			    uint32_t *why)
{
	const struct match_row *row = t->row_of == e->plan->number ? t->row[l->role] : NULL;
	enum truth fits;

	if (!row)
		row = eval_text_row(e, (enum rule_role)l->role, t);
	if (row && row->is_empty && !row->has_unknown)
		return TRUTH_NO;
	fits = eval_fits_row(l, row);
	if (fits == TRUTH_UNKNOWN)
		*why |= 1u << (t->true_length != t->length ? BLIND_CUT : BLIND_LIMIT);
	return fits;
}

static enum truth walk(struct eval *e, const struct rule_leaf *l, bool is_exe, uint32_t *why)
{
	enum truth fits = TRUTH_NO, is_there = TRUTH_NO;
	const struct model_process *p = e->process, *below;
	const struct model_text *last = NULL;
	uint32_t unknown = 0, turn = 0;

	while (turn++ < MODEL_ANCESTORS_MAX && fits != TRUTH_YES) {
		struct model_text *t;

		below = p;
		p = below && model_is_whole(e->model, below) ? below->parent : NULL;
		if (!p) {
			if (!below || below->ppid || !model_is_whole(e->model, below))
				unknown |= 1u << BLIND_PROCESS;
			break;
		}
		t = text_of(e, p, is_exe, &unknown);
		if (!t || t == last)
			continue;
		last = t;
		fits = truth_or(fits, fits_text(e, l, t, why));
		is_there = TRUTH_YES;
	}
	/* Nobody looks further up. */
	if (fits != TRUTH_YES && p && turn > MODEL_ANCESTORS_MAX && p->ppid)
		unknown |= 1u << BLIND_LIMIT;
	*why |= unknown;
	if (unknown) {
		fits = truth_or(fits, TRUTH_UNKNOWN);
		is_there = truth_or(is_there, TRUTH_UNKNOWN);
	}
	return l->op == RULE_NE || l->op == RULE_NOT_REGEX ? truth_and(is_there, truth_not(fits)) :
							     fits;
}

bool eval_ancestors(struct eval *e, const struct rule_leaf *l, const struct access *a,
		    const struct reel_event *ev, enum truth *ret)
{
	struct eval_above *x = &e->above[(size_t)(l - e->plan->rules->leaves) % EVAL_ABOVE_MAX];

	if (!is_plain_text(l, a))
		return false;
	if (x->leaf != l || x->process != e->process || x->seq != ev->seq || x->ts != ev->ts ||
	    x->cpu != ev->cpu) {
		*x = (struct eval_above){ .seq = ev->seq,
					  .ts = ev->ts,
					  .leaf = l,
					  .process = e->process,
					  .cpu = ev->cpu };
		x->answer = (uint8_t)walk(e, l, a->context == RULE_exe, &x->why);
	}
	e->why |= x->why;
	*ret = (enum truth)x->answer;
	return true;
}
