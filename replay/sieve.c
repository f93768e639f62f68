/* SPDX-License-Identifier: BSD-2-Clause */
#include "format/names.h"
#include "replay/eval_impl.h"
#include "replay/sieve_impl.h"

/* Most leaves ask whether one string or number is one of a few: those are asked here, and what is
 * not as simple as that where all leaves are. */
enum sieve_way {
	SIEVE_ANY,
	SIEVE_STRING,
	SIEVE_ARGUMENT,
	SIEVE_NUMBER,
	SIEVE_RET,
	SIEVE_CALL,
	SIEVE_PROCESS_TEXT
};

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

/* The argument of that number, of which many leaves ask: it is looked for once. */
static enum truth ask_argument(struct eval *e, const struct rule_leaf *l, const struct access *a,
			       const struct reel_event *ev)
{
	struct eval_argument *arg = &e->arguments[l->left.index % EVAL_ARGUMENTS_MAX];
	struct finder finder;
	struct found f;

	if (arg->seq != ev->seq || arg->ts != ev->ts || arg->cpu != ev->cpu ||
	    arg->offset != a->offset || arg->index != l->left.index || arg->role != l->role) {
		*arg = (struct eval_argument){ .seq = ev->seq,
					       .ts = ev->ts,
					       .cpu = ev->cpu,
					       .offset = a->offset,
					       .index = l->left.index,
					       .role = l->role };
		finder_begin(&finder, e, &l->left, a, ev);
		arg->is_there = finder_next(&finder, &f);
		if (arg->is_there && f.v.kind == VALUE_STRING)
			arg->row = found_row(e, (enum rule_role)l->role, &f);
		if (arg->row && arg->row->is_fleeting)
			arg->cpu = EV_NO_CPU; /* whose events ask of no arguments */
	}
	if (!arg->is_there)
		return TRUTH_NO;
	return with_op(l, eval_fits_row(l, arg->row));
}

/* Of the name of a call; there are few. */
static enum truth ask_call(struct eval *e, const struct rule_leaf *l, const struct reel_event *ev)
{
	struct eval_call *call = &e->calls[ev->call % EVAL_CALLS_MAX];
	const struct match_row *row;
	const char *name;

	if (!ev->call)
		return TRUTH_NO;
	if (call->call == ev->call && call->role == l->role && call->row)
		return with_op(l, eval_fits_row(l, call->row));
	name = reel_syscall_name(EV_CALL_ABI(ev->call), EV_CALL_NUMBER(ev->call));
	if (!name)
		return TRUTH_NO;
	row = match_string(e->memos[l->role], name, (uint32_t)strlen(name), (uint32_t)strlen(name));
	if (row && !row->is_fleeting)
		*call = (struct eval_call){ ev->call, l->role, row };
	return with_op(l, eval_fits_row(l, row));
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
	case SIEVE_ARGUMENT:
		return ask_argument(e, l, a, ev);
	case SIEVE_RET:
		value.number = (uint64_t)ev->ret;
		value.is_signed = true;
		return with_op(l, eval_fits_number(l, &value));
	case SIEVE_CALL:
		return ask_call(e, l, ev);
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
