/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay/eval.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "replay/eval_impl.h"

int eval_init(struct eval *e, const struct eval_plan *plan, struct reel_err *err)
{
	memset(e, 0, sizeof(*e));
	e->plan = plan;
	e->exprs = calloc(plan->rules->n_exprs + 1u, sizeof(*e->exprs));
	if (!e->exprs)
		return reel_err_set(err, -ENOMEM, "no memory for rules");
	for (unsigned i = 0; i < RULE_ROLES; i++) {
		int r = match_memo_new(plan->rules->matchers[i], &e->memos[i], err);

		if (r < 0) {
			eval_done(e);
			return r;
		}
	}
	return 0;
}

void eval_done(struct eval *e)
{
	for (unsigned i = 0; i < RULE_ROLES; i++)
		match_memo_free(e->memos[i]);
	for (unsigned i = 0; i < 2; i++) {
		free(e->line[i]);
		free(e->changed[i]);
	}
	for (uint32_t i = 0; i < e->n_derived; i++)
		free(e->derived[i].bytes);
	for (unsigned i = 0; i <= RULE_CALLS_DEEP; i++)
		free(e->composed[i].bytes);
	for (uint32_t i = 0; e->names && i < EVAL_NAMES_MAX; i++)
		free(e->names[i].text.bytes);
	free(e->names);
	free(e->derived);
	free(e->view);
	free(e->exprs);
	memset(e, 0, sizeof(*e));
}

const struct match_row *eval_row(struct eval *e, enum rule_role role, uint32_t number,
				 const struct reel_string *s)
{
	const struct match_row **known = NULL, *row;
	struct reel_string line = *s;

	if (e->rows && number <= e->rows->strings->n)
		known = &e->rows->row[role][number];
	if (known && *known)
		return *known;
	if (role == RULE_ROLE_LINE) { /* strings of events that are lines are arguments */
		if (!eval_join_here(e, &line, false))
			return NULL;
		s = &line;
	}
	row = match_string(e->memos[role], s->bytes, s->length, s->true_length);
	if (known && row && !row->is_fleeting)
		*known = row;
	return row;
}

/* Comparing ------------------------------------------------------------------------------------ */

static int compare_numbers(const struct value *a, const struct value *b)
{
	bool a_below = a->is_signed && (int64_t)a->number < 0;
	bool b_below = b->is_signed && (int64_t)b->number < 0;

	if (a_below != b_below)
		return a_below ? -1 : 1;
	return a->number < b->number ? -1 : a->number > b->number;
}

static bool net_has(const struct rule_net *net, const uint8_t addr[16])
{
	unsigned whole = net->bits / 8, rest = net->bits % 8;

	if (memcmp(net->addr, addr, whole) != 0)
		return false;
	return !rest || (net->addr[whole] ^ addr[whole]) >> (8 - rest) == 0;
}

static enum truth of_order(enum rule_op op, int order)
{
	switch (op) {
	case RULE_EQ:
	case RULE_NE:
		return order == 0;
	case RULE_LT:
		return order < 0;
	case RULE_LE:
		return order <= 0;
	case RULE_GT:
		return order > 0;
	default:
		return order >= 0;
	}
}

/* A leaf's own values against a number or an address: any that fits. */
enum truth eval_fits_number(const struct rule_leaf *l, const struct value *v)
{
	for (uint32_t i = 0; i < l->n_values; i++) {
		const struct rule_value *x = &l->values[i];
		struct value right = { .is_signed = v->is_signed, .number = x->number };

		if (v->kind == VALUE_ADDR ? net_has(&x->net, v->addr) :
		    l->op == RULE_BITS	  ? (v->number & x->number) != 0 :
					    of_order(l->op, compare_numbers(v, &right)))
			return TRUTH_YES;
	}
	return TRUTH_NO;
}

enum truth eval_fits_row(const struct rule_leaf *l, const struct match_row *row)
{
	return row ? eval_fits_tests(l->tests, l->n_tests, row) : TRUTH_UNKNOWN;
}

void eval_show(char text[EVAL_SHOWN_MAX], unsigned shown, struct value *ret)
{
	static const uint8_t v4_mapped[12] = { [10] = 0xff, 0xff };
	const struct value v = *ret;
	bool is_v4 = v.kind == VALUE_ADDR && memcmp(v.addr, v4_mapped, sizeof(v4_mapped)) == 0;
	bool is_negative = v.is_signed && (int64_t)v.number < 0;
	uint64_t size = is_negative ? 0 - v.number : v.number;

	if (v.kind == VALUE_ADDR)
		(void)inet_ntop(is_v4 ? AF_INET : AF_INET6, v.addr + (is_v4 ? 12 : 0), text,
				EVAL_SHOWN_MAX);
	else if (shown == RULE_AS_BOOL)
		(void)snprintf(text, EVAL_SHOWN_MAX, "%s", v.number ? "true" : "false");
	else if (shown == RULE_AS_HEX)
		(void)snprintf(text, EVAL_SHOWN_MAX, "%" PRIx64, v.number);
	else
		(void)snprintf(text, EVAL_SHOWN_MAX, "%s%" PRIu64, is_negative ? "-" : "", size);
	*ret = (struct value){ .kind = VALUE_STRING, .bytes = (const uint8_t *)text };
	ret->length = ret->true_length = (uint32_t)strlen(text);
}

/* False: it is none. */
static bool become_number(struct found *f)
{
	uint32_t i = f->v.kind == VALUE_STRING && f->v.length && f->v.bytes[0] == '-';
	const uint8_t *bytes = f->v.bytes;
	bool is_negative = i;
	uint64_t number = 0;

	if (f->v.kind != VALUE_STRING)
		return f->v.kind == VALUE_UNKNOWN || f->v.kind == VALUE_NUMBER;
	if (f->v.true_length != f->v.length) { /* its last digits are missing */
		f->v.kind = VALUE_UNKNOWN;
		return true;
	}
	if (i == f->v.length)
		return false;
	for (; i < f->v.length; i++)
		if (bytes[i] < '0' || bytes[i] > '9' ||
		    __builtin_mul_overflow(number, 10, &number) ||
		    __builtin_add_overflow(number, bytes[i] - '0', &number))
			return false;
	if (number > INT64_MAX)
		return false;
	*f = (struct found){ .v = { .kind = VALUE_NUMBER,
				    .is_signed = true,
				    .number = is_negative ? 0 - number : number },
			     .number = NO_NUMBER };
	return true;
}

static enum match_op match_op_of(enum rule_op op)
{
	switch (op) {
	case RULE_CONTAINS:
		return MATCH_CONTAINS;
	case RULE_STARTS:
		return MATCH_STARTS;
	case RULE_ENDS:
		return MATCH_ENDS;
	default:
		return MATCH_EQUALS;
	}
}

/* Of what B was before it was cut only a difference in what is left of it can be known. */
static enum truth compare_with_cut(enum rule_op op, const struct value *a, const struct value *b)
{
	uint32_t n = a->length < b->length ? a->length : b->length;
	bool is_whole = a->true_length == a->length, differs = memcmp(a->bytes, b->bytes, n) != 0;

	switch (op) {
	case RULE_EQ:
	case RULE_NE:
		if (is_whole && (a->length < b->length || (b->true_length != EV_UNKNOWN_LENGTH &&
							   b->true_length != a->length)))
			differs = true;
		return differs ? TRUTH_NO : TRUTH_UNKNOWN;
	case RULE_STARTS:
		return differs ? TRUTH_NO : TRUTH_UNKNOWN;
	case RULE_CONTAINS:
		if (is_whole && !memmem(a->bytes, a->length, b->bytes, b->length))
			return TRUTH_NO;
		return TRUTH_UNKNOWN;
	default:
		return TRUTH_UNKNOWN;
	}
}

static enum truth compare_strings(enum rule_op op, unsigned flags, const struct value *a,
				  const struct value *b)
{
	uint32_t n = a->length < b->length ? a->length : b->length;
	int order;

	if (b->true_length != b->length)
		return compare_with_cut(op, a, b);
	if (op < RULE_LT || op > RULE_GE)
		return match_one(match_op_of(op), flags, b->bytes, b->length, a->bytes, a->length,
				 a->true_length);
	order = n ? memcmp(a->bytes, b->bytes, n) : 0;
	if (order == 0 && a->true_length != a->length)
		return TRUTH_UNKNOWN;
	if (order == 0)
		order = a->length < b->length ? -1 : a->length > b->length;
	return of_order(op, order);
}

/* What is on the left against a field's value on the right. */
static enum truth fits_value(const struct rule_leaf *l, const struct value *a,
			     const struct value *b)
{
	enum rule_op op = (enum rule_op)l->op;

	if (b->kind == VALUE_ABSENT)
		return TRUTH_NO;
	if (a->kind == VALUE_UNKNOWN || b->kind == VALUE_UNKNOWN)
		return TRUTH_UNKNOWN;
	if (a->kind != b->kind)
		return TRUTH_NO;
	if (a->kind == VALUE_STRING)
		return compare_strings(op, l->match_flags, a, b);
	if (a->kind == VALUE_ADDR)
		return memcmp(a->addr, b->addr, sizeof(a->addr)) == 0;
	return of_order(op, compare_numbers(a, b));
}

/* Leaves --------------------------------------------------------------------------------------- */

/*
 * What has been found out about the values of a field: whether one fits, and whether there is one.
 * A negative operator asks for both: there must be one, and none may fit.
 */
struct verdict {
	enum truth fits, is_there;
};

static enum truth fits_one(struct eval *e, const struct rule_leaf *l, const struct found *f,
			   const struct value *right)
{
	if (f->v.kind == VALUE_UNKNOWN)
		return TRUTH_UNKNOWN;
	if (l->op == RULE_EXISTS)
		return TRUTH_YES;
	if (l->op == RULE_TRUE_FLAG)
		return f->v.number != 0;
	if (right)
		return fits_value(l, &f->v, right);
	if (f->v.kind != VALUE_STRING)
		return eval_fits_number(l, &f->v);
	return eval_fits_row(l, found_row(e, l->role, f));
}

static enum truth judge(struct eval *e, const struct rule_leaf *l, const struct access *a,
			const struct reel_event *ev, const struct value *right)
{
	struct verdict all = { TRUTH_NO, TRUTH_NO };
	struct finder finder;
	enum truth soon;
	struct found f;

	if (l->left.scope == RULE_OF_ANCESTOR && eval_ancestors(e, l, a, ev, &soon))
		return soon;
	finder_begin(&finder, e, &l->left, a, ev);
	/* A row of the matcher has looked at all arguments at once; a field is compared with
	 * each. */
	finder.one_by_one = right != NULL || l->left.shown == RULE_AS_NUMBER;
	while (finder_next(&finder, &f)) {
		enum truth fits;

		if (l->left.shown == RULE_AS_NUMBER && !become_number(&f))
			continue;
		if (l->left.shown && l->left.shown != RULE_AS_NUMBER &&
		    (f.v.kind == VALUE_NUMBER || f.v.kind == VALUE_ADDR))
			eval_show(e->shown[0], l->left.shown, &f.v);
		fits = fits_one(e, l, &f, right);

		if (l->any_other && f.v.kind != VALUE_UNKNOWN)
			fits = truth_not(fits);

		if (fits == TRUTH_UNKNOWN && f.v.kind != VALUE_UNKNOWN)
			e->why |= 1u << (f.v.kind == VALUE_STRING && f.v.true_length != f.v.length ?
						 BLIND_CUT :
						 BLIND_LIMIT);
		all.fits = truth_or(all.fits, fits);
		all.is_there = truth_or(all.is_there,
					f.v.kind == VALUE_UNKNOWN ? TRUTH_UNKNOWN : TRUTH_YES);
		if (all.fits == TRUTH_YES)
			break;
	}
	if ((l->op == RULE_NE && !l->any_other) || l->op == RULE_NOT_REGEX)
		return truth_and(all.is_there, truth_not(all.fits));
	return all.fits;
}

enum truth eval_leaf(struct eval *e, uint32_t leaf, const struct reel_event *ev)
{
	const struct rule_leaf *l = &e->plan->rules->leaves[leaf];
	const struct access *left = e->plan->left[ev->type->id];
	struct value right;
	enum truth fits;

	if (!left)
		return TRUTH_NO;
	if (!l->has_right)
		return judge(e, l, &left[leaf], ev, NULL);
	if (l->right.scope == RULE_OF_STEP) {
		if (!e->bound)
			return TRUTH_UNKNOWN;
		return judge(e, l, &left[leaf], ev, &e->bound[l->right.slot]);
	}
	value_of(e, &l->right, &e->plan->right[ev->type->id][leaf], ev, &right);
	if (l->right.shown && (right.kind == VALUE_NUMBER || right.kind == VALUE_ADDR))
		eval_show(e->shown[1], l->right.shown, &right);
	fits = judge(e, l, &left[leaf], ev, &right);
	e->right = NULL;
	return fits;
}

static enum truth ask_once(struct eval *e, uint32_t expr, const struct reel_event *ev);

static enum truth ask(struct eval *e, uint32_t expr, const struct reel_event *ev)
{
	const struct rule_expr *x = &e->plan->rules->exprs[expr];
	enum truth a;

	switch (x->op) {
	case RULE_EXPR_LEAF:
		return eval_leaf(e, x->a, ev);
	case RULE_EXPR_NOT:
		return truth_not(ask_once(e, x->a, ev));
	case RULE_EXPR_AND:
		a = ask_once(e, x->a, ev);
		return a == TRUTH_NO ? a : truth_and(a, ask_once(e, x->b, ev));
	case RULE_EXPR_OR:
		a = ask_once(e, x->a, ev);
		return a == TRUTH_YES ? a : truth_or(a, ask_once(e, x->b, ev));
	default:
		return TRUTH_YES;
	}
}

static void meet_event(struct eval *e, const struct reel_event *ev)
{
	if (e->event && e->seq == ev->seq && e->ts == ev->ts && e->cpu == ev->cpu)
		return;
	e->seq = ev->seq;
	e->ts = ev->ts;
	e->cpu = ev->cpu;
	if (++e->event == 0) { /* what was known 4 billion events ago would count again */
		memset(e->exprs, 0, e->plan->rules->n_exprs * sizeof(*e->exprs));
		e->event = 1;
	}
}

static enum truth ask_once(struct eval *e, uint32_t expr, const struct reel_event *ev)
{
	struct eval_known_expr *known;
	uint32_t why;

	if (!e->plan->is_shared[expr])
		return ask(e, expr, ev);
	known = &e->exprs[expr];
	if (known->event == e->event) {
		e->why |= known->why;
		return known->answer;
	}
	why = e->why;
	e->why = 0;
	known->answer = (uint8_t)ask(e, expr, ev);
	known->why = e->why;
	known->event = e->event;
	e->why |= why;
	return known->answer;
}

enum truth eval_expr(struct eval *e, uint32_t expr, const struct reel_event *ev)
{
	meet_event(e, ev);
	return ask_once(e, expr, ev);
}

/* What connect() says when it goes on without the caller. */
static bool is_under_way(const struct reel_event *ev)
{
	return ev->type->id == EV_connect && ev->ret == -EINPROGRESS;
}

enum truth eval_outcome(struct eval *e, enum rule_outcome wanted, const struct reel_event *ev)
{
	bool succeeded = (ev->ret >= 0 || is_under_way(ev)) && !(ev->flags & EV_BLOCKED);

	if (wanted == RULE_ATTEMPTED)
		return TRUTH_YES;
	/* A request to an io_uring that was told when it was submitted. */
	if (ev->flags & EV_PARTIAL && ev->call && EV_CALL_ABI(ev->call) == EV_ABI_NONE) {
		e->why |= 1u << BLIND_RESULT;
		return TRUTH_UNKNOWN;
	}
	return succeeded == (wanted == RULE_SUCCEEDED);
}

enum truth eval_step(struct eval *e, uint32_t step, const struct reel_event *ev)
{
	const struct rule_step *s = &e->plan->rules->steps[step];
	enum truth a = eval_outcome(e, s->outcome, ev);

	if (a == TRUTH_NO || (!e->is_slow && !sieve_keeps(e, step, ev)))
		return TRUTH_NO;
	return truth_and(a, eval_expr(e, s->expr, ev));
}

bool eval_may_hold(struct eval *e, uint32_t step, const struct reel_event *ev)
{
	const struct rule_step *s = &e->plan->rules->steps[step];

	if (e->is_slow)
		return eval_step(e, step, ev) != TRUTH_NO;
	return (s->outcome == RULE_ATTEMPTED || eval_outcome(e, s->outcome, ev) != TRUTH_NO) &&
	       sieve_keeps(e, step, ev);
}

static const struct access *known_access(struct eval *e, const struct rule_ref *ref,
					 const struct reel_event *ev)
{
	uint64_t at = ((uintptr_t)ref / sizeof(void *) * 31 + ev->type->id) % 64;
	struct eval_known *k = &e->known[at];

	if (k->ref != ref || k->type != ev->type) {
		*k = (struct eval_known){ ref, ev->type, { .way = ACCESS_UNSET } };
		access_resolve(ev->type, ref, &k->access);
	}
	return &k->access;
}

void eval_value(struct eval *e, const struct rule_ref *ref, const struct reel_event *ev,
		struct value *ret)
{
	value_of(e, ref, known_access(e, ref, ev), ev, ret);
	e->right = NULL;
}

bool eval_found(struct eval *e, const struct rule_ref *ref, const struct reel_event *ev,
		struct found *ret)
{
	struct finder f;

	finder_begin(&f, e, ref, known_access(e, ref, ev), ev);
	return finder_next(&f, ret);
}
