/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>
#include <sys/socket.h>

#include "format/names.h"
#include "replay/eval_impl.h"
#include "replay/sieve_impl.h"

/* What there is one value of: whether it fits. */
static inline enum truth with_op(const struct sieve_test *t, enum truth fits)
{
	return t->is_not ? truth_not(fits) : fits;
}

static inline enum truth ask_row(const struct sieve *s, const struct sieve_test *t,
				 const struct match_row *row)
{
	return row ? with_op(t, eval_fits_tests(s->parts + t->first, t->n, row)) : TRUTH_UNKNOWN;
}

static bool is_one(uint8_t op, uint64_t number, uint64_t value, bool is_signed)
{
	bool below = is_signed ? (int64_t)number < (int64_t)value : number < value;

	switch (op) {
	case RULE_EQ:
	case RULE_NE:
		return number == value;
	case RULE_LT:
		return below;
	case RULE_LE:
		return below || number == value;
	case RULE_GT:
		return !below && number != value;
	case RULE_GE:
		return !below;
	default:
		return (number & value) != 0;
	}
}

static enum truth ask_number(const struct sieve *s, const struct sieve_test *t, uint64_t number,
			     bool is_signed)
{
	const struct rule_tests *value = s->parts + t->first;

	for (uint32_t i = 0; i < t->n; i++)
		if (is_one(t->op, number, value[i].bits, is_signed))
			return !t->is_not;
	return t->is_not;
}

/* The argument of that number, of which many leaves ask: it is looked for once. */
static enum truth ask_argument(struct eval *e, const struct sieve *s, const struct sieve_test *t,
			       const struct reel_event *ev)
{
	struct eval_argument *arg = &e->arguments[(unsigned)t->index % EVAL_ARGUMENTS_MAX];
	struct finder finder;
	struct found f;

	if (arg->seq != ev->seq || arg->ts != ev->ts || arg->cpu != ev->cpu ||
	    arg->offset != t->offset || arg->index != t->index || arg->role != t->role) {
		*arg = (struct eval_argument){ .seq = ev->seq,
					       .ts = ev->ts,
					       .cpu = ev->cpu,
					       .offset = t->offset,
					       .index = t->index,
					       .role = t->role };
		finder_begin(&finder, e, &e->plan->rules->leaves[t->leaf].left,
			     &e->plan->left[ev->type->id][t->leaf], ev);
		arg->is_there = finder_next(&finder, &f);
		if (arg->is_there && f.v.kind == VALUE_STRING)
			arg->row = found_row(e, (enum rule_role)t->role, &f);
		if (arg->row && arg->row->is_fleeting)
			arg->cpu = EV_NO_CPU; /* whose events ask of no arguments */
	}
	return arg->is_there ? ask_row(s, t, arg->row) : TRUTH_NO;
}

/* Of the name of a call; there are few. */
static enum truth ask_call(struct eval *e, const struct sieve *s, const struct sieve_test *t,
			   const struct reel_event *ev)
{
	struct eval_call *call = &e->calls[ev->call % EVAL_CALLS_MAX];
	const struct match_row *row;
	const char *name;

	if (!ev->call)
		return TRUTH_NO;
	if (call->call == ev->call && call->role == t->role && call->row)
		return ask_row(s, t, call->row);
	name = reel_syscall_name(EV_CALL_ABI(ev->call), EV_CALL_NUMBER(ev->call));
	if (!name)
		return TRUTH_NO;
	row = match_string(e->memos[t->role], name, (uint32_t)strlen(name), (uint32_t)strlen(name));
	if (row && !row->is_fleeting)
		*call = (struct eval_call){ ev->call, t->role, row };
	return ask_row(s, t, row);
}

/* NULL: it has to be found out. An empty string is not always there. */
static inline const struct match_row *known_row(const struct eval *e, const struct sieve_test *t,
						const struct reel_event *ev)
{
	uint32_t string;

	if (!e->rows || !eval_has_bytes(ev, t->offset, t->width))
		return NULL;
	string = reel_event_string_number(ev, t->offset);
	return string && string <= e->rows->strings->n ? e->rows->row[t->role][string] : NULL;
}

/* Whether it is one of a socket that has such: unknown where that could not be read. */
static enum truth is_of_inet(const struct sieve_test *t, const struct reel_event *ev)
{
	uint16_t family;

	if (!eval_has_bytes(ev, t->offset, t->width) ||
	    !eval_has_bytes(ev, (uint16_t)t->index, sizeof(family)))
		return TRUTH_UNKNOWN;
	memcpy(&family, ev->fixed + t->index, sizeof(family));
	if (!family && ev->flags & EV_FAULT)
		return TRUTH_UNKNOWN;
	return family == AF_INET || family == AF_INET6;
}

static enum truth ask_addr(const struct eval *e, const struct sieve_test *t,
			   const struct reel_event *ev)
{
	struct value v = { .kind = VALUE_ADDR };

	memcpy(v.addr, ev->fixed + t->offset, sizeof(v.addr));
	return with_op(t, eval_fits_number(&e->plan->rules->leaves[t->leaf], &v));
}

static enum truth ask(struct eval *e, const struct sieve *s, const struct sieve_test *t,
		      const struct reel_event *ev)
{
	const struct match_row *row;
	struct model_text *text;
	struct reel_field field;
	enum truth of_inet;
	uint64_t number;

	switch (t->way) {
	case SIEVE_STRING:
		row = known_row(e, t, ev);
		if (!row)
			break;
		return ask_row(s, t, row);
	case SIEVE_ARGUMENT:
		return ask_argument(e, s, t, ev);
	case SIEVE_RET:
		return ask_number(s, t, (uint64_t)ev->ret, true);
	case SIEVE_CALL:
		return ask_call(e, s, t, ev);
	case SIEVE_PORT:
		of_inet = is_of_inet(t, ev);
		if (of_inet == TRUTH_NO)
			return of_inet;
		if (of_inet == TRUTH_UNKNOWN)
			break;
		/* fall through */
	case SIEVE_NUMBER:
		field = (struct reel_field){ .offset = t->offset, .kind = t->what };
		if (!eval_has_bytes(ev, t->offset, t->width))
			break;
		number = reel_event_number(ev, &field);
		if (!number && ev->flags & EV_FAULT)
			break;
		return ask_number(s, t, number, t->what == REEL_S32 || t->what == REEL_S64);
	case SIEVE_ADDR:
		of_inet = is_of_inet(t, ev);
		if (of_inet == TRUTH_UNKNOWN || ev->flags & EV_FAULT)
			break;
		return of_inet == TRUTH_NO ? of_inet : ask_addr(e, t, ev);
	case SIEVE_PROCESS_TEXT:
		if (!eval_process_text(e, e->process, t->what, &text))
			return TRUTH_UNKNOWN;
		return text ? ask_row(s, t, eval_text_row(e, (enum rule_role)t->role, text)) :
			      TRUTH_NO;
	}
	return eval_leaf(e, t->leaf, ev);
}

bool sieve_keeps(struct eval *e, uint32_t step, const struct reel_event *ev)
{
	const struct sieve *s = e->plan->sieves[ev->type->id];
	uint32_t at = s ? s->begin[e->model != NULL][step] : SIEVE_KEEP, why = e->why;

	while (at >= SIEVE_FIRST) {
		const struct sieve_test *t = &s->tests[at - SIEVE_FIRST];
		const struct match_row *row;

		if (t->way == SIEVE_STRINGS) {
			row = known_row(e, t, ev);
			at = !row					? t->leaf :
			     ask_row(s, t, row) == (enum truth)t->fails ? t->no :
									  t->yes;
			continue;
		}
		at = ask(e, s, t, ev) == (enum truth)t->fails ? t->no : t->yes;
	}
	e->why = why;
	return at == SIEVE_KEEP;
}
