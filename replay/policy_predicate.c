/* SPDX-License-Identifier: BSD-2-Clause */
/* Predicates: newline and , bind weakest, then or, and, not. */
#include <string.h>

#include "format/options.h"
#include "replay/policy_parse.h"

void policy_values_add(struct policy_values *list, struct policy_value *v)
{
	if (!list->end)
		list->end = &list->first;
	*list->end = v;
	list->end = &v->next;
	list->n++;
}

/* Values --------------------------------------------------------------------------------------- */

bool policy_parse_index(struct policy_parser *p, int16_t *ret)
{
	*ret = RULES_NONE;
	if (!policy_take(p, TOKEN_OPEN_BRACKET))
		return true;
	if (!policy_is(p, TOKEN_INTEGER) || p->token.number > INT16_MAX) {
		policy_unexpected(p, "the number of an argument");
		return false;
	}
	*ret = (int16_t)p->token.number;
	policy_next(p);
	return policy_expect(p, TOKEN_CLOSE_BRACKET, "']'");
}

static bool fill_value(struct policy_parser *p, struct policy_value *v)
{
	v->bytes = policy_text(p->file, p->token.bytes, p->token.length);
	v->length = p->token.length;
	v->number = p->token.number;
	v->net = p->token.net;
	v->index = RULES_NONE;
	if (!v->bytes)
		return false;
	switch (p->token.kind) {
	case TOKEN_STRING:
		v->kind = POLICY_STRING;
		break;
	case TOKEN_INTEGER:
		v->kind = POLICY_INTEGER;
		break;
	case TOKEN_ADDRESS:
		v->kind = POLICY_ADDRESS;
		break;
	case TOKEN_DURATION:
		v->kind = POLICY_DURATION;
		break;
	case TOKEN_NAME:
		v->kind = POLICY_NAME;
		policy_next(p);
		return policy_parse_index(p, &v->index);
	default:
		policy_unexpected(p, "a value");
		return false;
	}
	policy_next(p);
	return true;
}

/* Words that go on with the predicate: there a value is missing. */
static bool is_connective(const struct policy_parser *p)
{
	return policy_is_word(p, "and") || policy_is_word(p, "or") || policy_is_word(p, "not");
}

static struct policy_value *parse_one(struct policy_parser *p)
{
	struct policy_value *v = policy_alloc(p->file, sizeof(*v));

	if (!v)
		return NULL;
	v->at = p->token.at;
	if (policy_take(p, TOKEN_MINUS)) {
		v->is_negative = true;
		if (!policy_is(p, TOKEN_INTEGER) && !policy_is(p, TOKEN_NAME)) {
			policy_unexpected(p, "a number behind '-'");
			return NULL;
		}
	}
	if (is_connective(p)) {
		policy_unexpected(p, "a value");
		return NULL;
	}
	return fill_value(p, v) ? v : NULL;
}

static struct policy_value *parse_value(struct policy_parser *p)
{
	struct policy_value *v = parse_one(p), *last = v;

	while (last && policy_take(p, TOKEN_PIPE)) {
		last->joined = parse_one(p);
		if (!last->joined)
			return NULL;
		last = last->joined;
	}
	return v;
}

bool policy_parse_values(struct policy_parser *p, struct policy_values *ret)
{
	while (!policy_is(p, TOKEN_CLOSE)) {
		struct policy_value *v = parse_value(p);

		if (!v)
			return false;
		if (ret->n >= POLICY_LIST_MAX) {
			policy_error(p->file, v->at, "more than %d values", POLICY_LIST_MAX);
			return false;
		}
		policy_values_add(ret, v);
		if (!policy_is(p, TOKEN_CLOSE) &&
		    !policy_expect(p, TOKEN_COMMA, "',' or ')' behind a value"))
			return false;
	}
	if (!ret->n)
		policy_error(p->file, p->token.at, "a list without a value");
	policy_next(p);
	return ret->n > 0;
}

/* Tests ---------------------------------------------------------------------------------------- */

static const struct operator_row {
	uint8_t token; /* TOKEN_NAME: a word */
	uint8_t op;
	bool is_in;
	const char *word;
} operators[] = {
	{ TOKEN_EQ, RULE_EQ },
	{ TOKEN_NE, RULE_NE },
	{ TOKEN_LT, RULE_LT },
	{ TOKEN_LE, RULE_LE },
	{ TOKEN_GT, RULE_GT },
	{ TOKEN_GE, RULE_GE },
	{ TOKEN_AND_SIGN, RULE_BITS },
	{ TOKEN_MATCH, RULE_REGEX },
	{ TOKEN_NO_MATCH, RULE_NOT_REGEX },
	{ TOKEN_NAME, RULE_EQ, true, "in" },
	{ TOKEN_NAME, RULE_CONTAINS, false, "contains" },
	{ TOKEN_NAME, RULE_STARTS, false, "startswith" },
	{ TOKEN_NAME, RULE_ENDS, false, "endswith" },
	{ TOKEN_NAME, RULE_GLOB, false, "glob" },
	{ TOKEN_NAME, RULE_CIDR, false, "cidr" },
	{ TOKEN_NAME, RULE_EXISTS, false, "exists" },
};

enum { N_OPERATORS = sizeof(operators) / sizeof(operators[0]) };

static const struct operator_row *operator_here(const struct policy_parser *p)
{
	for (int i = 0; i < N_OPERATORS; i++) {
		const struct operator_row *row = &operators[i];

		if (row->word ? policy_is_word(p, row->word) : policy_is(p, row->token))
			return row;
	}
	return NULL;
}

static bool ends_predicate(const struct policy_parser *p)
{
	return (p->token.on_new_line && !p->parens) || policy_is(p, TOKEN_COMMA) ||
	       policy_is(p, TOKEN_CLOSE_BRACE) || policy_is(p, TOKEN_CLOSE) ||
	       policy_is(p, TOKEN_END) || policy_is_word(p, "and") || policy_is_word(p, "or");
}

static void not_an_operator(struct policy_parser *p)
{
	char *word = NULL;

	if (policy_is(p, TOKEN_NAME))
		word = policy_text(p->file, p->token.bytes, p->token.length);
	if (word) {
		struct reel_nearest near = REEL_NEAREST(word);

		for (int i = 0; i < N_OPERATORS; i++)
			if (operators[i].word)
				reel_nearest_offer(&near, operators[i].word);
		if (near.best) {
			policy_error(p->file, p->token.at,
				     "unknown operator '%.40s', did you mean '%s'?", word,
				     near.best);
			return;
		}
	}
	policy_unexpected(p, "an operator");
}

static struct policy_pred *parse_test(struct policy_parser *p)
{
	struct policy_pred *test = policy_alloc(p->file, sizeof(*test));
	const struct operator_row *row;
	struct policy_value *v;

	if (!test)
		return NULL;
	test->at = test->op_at = p->token.at;
	if (!policy_is(p, TOKEN_NAME) || is_connective(p) || operator_here(p)) {
		policy_unexpected(p, "a field");
		return NULL;
	}
	test->kind = POLICY_WORD;
	test->field = policy_take_text(p);
	if (!test->field || !policy_parse_index(p, &test->index))
		return NULL;
	if (ends_predicate(p))
		return test;
	row = operator_here(p);
	if (!row) {
		not_an_operator(p);
		return NULL;
	}
	test->kind = POLICY_TEST;
	test->op = row->op;
	test->is_in = row->is_in;
	test->op_at = p->token.at;
	policy_next(p);
	if (row->op == RULE_EXISTS)
		return test;
	test->has_list = policy_is(p, TOKEN_OPEN);
	if (policy_take(p, TOKEN_OPEN))
		return policy_parse_values(p, &test->values) ? test : NULL;
	v = parse_value(p);
	if (!v)
		return NULL;
	policy_values_add(&test->values, v);
	return test;
}

/* Connectives ---------------------------------------------------------------------------------- */

static struct policy_pred *parse_or(struct policy_parser *p);

static struct policy_pred *parse_parens(struct policy_parser *p);

static struct policy_pred *parse_not(struct policy_parser *p)
{
	struct policy_at at = p->token.at;
	struct policy_pred * not, *inner;

	if (policy_is(p, TOKEN_OPEN))
		return parse_parens(p);
	if (!policy_take_word(p, "not"))
		return parse_test(p);
	if (!policy_nest(p, at))
		return NULL;
	inner = parse_not(p);
	not = policy_alloc(p->file, sizeof(*not ));
	p->nesting--;
	if (!inner || !not )
		return NULL;
	*not = (struct policy_pred){ .kind = POLICY_NOT, .first = inner, .n = 1, .at = at };
	return not ;
}

/* One, or several with WORD between them. */
static struct policy_pred *parse_chain(struct policy_parser *p, const char *word, uint8_t kind,
				       struct policy_pred *(*parse)(struct policy_parser *p))
{
	struct policy_pred *first = parse(p), *last = first, *chain;

	if (!first || !policy_is_word(p, word))
		return first;
	chain = policy_alloc(p->file, sizeof(*chain));
	if (!chain)
		return NULL;
	*chain = (struct policy_pred){ .kind = kind, .first = first, .n = 1, .at = first->at };
	while (policy_take_word(p, word)) {
		last->next = parse(p);
		last = last->next;
		if (!last)
			return NULL;
		chain->n++;
	}
	return chain;
}

static struct policy_pred *parse_and(struct policy_parser *p)
{
	return parse_chain(p, "and", POLICY_AND, parse_not);
}

static struct policy_pred *parse_or(struct policy_parser *p)
{
	return parse_chain(p, "or", POLICY_OR, parse_and);
}

/* Several, each of which must hold; what is wrong in one does not hide what is wrong in the next. */
static struct policy_pred *parse_all(struct policy_parser *p, bool ends_at_unless)
{
	struct policy_pred *all = policy_alloc(p->file, sizeof(*all)), **end;
	unsigned braces = p->braces, parens = p->parens, nesting = p->nesting;

	if (!all)
		return NULL;
	*all = (struct policy_pred){ .kind = POLICY_AND, .at = p->token.at };
	end = &all->first;
	while (!policy_is(p, TOKEN_END) && !policy_is(p, TOKEN_CLOSE_BRACE) &&
	       !policy_is(p, TOKEN_CLOSE) && !(ends_at_unless && policy_is_word(p, "unless"))) {
		struct policy_at at = p->token.at;
		bool is_wrong;

		*end = parse_or(p);
		is_wrong = !*end;
		if (*end) {
			end = &(*end)->next;
			all->n++;
		}
		p->parens = parens;
		if (!is_wrong && !ends_predicate(p) &&
		    !(ends_at_unless && policy_is_word(p, "unless"))) {
			policy_unexpected(p, "',', and, or, or a new line");
			is_wrong = true;
		}
		p->nesting = nesting;
		if (is_wrong && p->token.at.line == at.line && p->token.at.column == at.column)
			policy_next(p);
		while (is_wrong && !policy_is(p, TOKEN_END) &&
		       !(p->braces <= braces &&
			 (p->token.on_new_line || policy_is(p, TOKEN_CLOSE_BRACE) ||
			  (policy_is(p, TOKEN_COMMA) && !parens))))
			policy_next(p);
		if (is_wrong && parens)
			return NULL;
		(void)policy_take(p, TOKEN_COMMA);
	}
	if (!all->n)
		return NULL;
	return all->n == 1 ? all->first : all;
}

static struct policy_pred *parse_parens(struct policy_parser *p)
{
	struct policy_at at = p->token.at;
	struct policy_pred *inner;

	if (!policy_nest(p, at))
		return NULL;
	policy_next(p);
	p->parens++;
	inner = parse_all(p, false);
	if (!inner) {
		if (policy_is(p, TOKEN_CLOSE))
			policy_error(p->file, at, "nothing stands in these parentheses");
		return NULL;
	}
	p->nesting--;
	p->parens--;
	return policy_expect(p, TOKEN_CLOSE, "')'") ? inner : NULL;
}

struct policy_pred *policy_parse_predicates(struct policy_parser *p, bool ends_at_unless)
{
	struct policy_pred *pred;

	for (;;) {
		pred = parse_all(p, ends_at_unless);
		if (!policy_is(p, TOKEN_CLOSE))
			return pred;
		policy_unexpected(p, "a field");
		policy_next(p);
	}
}
