/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay/policy_check.h"

#include <errno.h>
#include <string.h>

/* Which operators a class of fields has, and what these are called. */
#define OP(op) (1u << RULE_##op)
static const struct class_row {
	const char *what;
	unsigned ops;
} classes[] = {
	[POLICY_NUMBERS] = { "a number", OP(EQ) | OP(NE) | OP(LT) | OP(LE) | OP(GT) | OP(GE) |
						 OP(BITS) | OP(EXISTS) },
	[POLICY_ADDRESSES] = { "an address", OP(EQ) | OP(NE) | OP(CIDR) | OP(EXISTS) },
	[POLICY_STRINGS] = { "a string", OP(EQ) | OP(NE) | OP(REGEX) | OP(NOT_REGEX) |
						 OP(CONTAINS) | OP(STARTS) | OP(ENDS) | OP(GLOB) |
						 OP(EXISTS) },
};
enum {
	FIELD_OPS = OP(EQ) | OP(NE) | OP(LT) | OP(LE) | OP(GT) | OP(GE) | OP(CONTAINS) |
		    OP(STARTS) | OP(ENDS),
};

static int64_t out_of_memory(struct policy_check *c)
{
	c->file->is_out_of_memory = true;
	return -1;
}

int64_t policy_check_true(struct policy_check *c)
{
	int64_t expr = rules_add_expr(c->file->rules, RULE_EXPR_TRUE, 0, 0);

	return expr < 0 ? out_of_memory(c) : expr;
}

static int64_t add_leaf(struct policy_check *c, const struct rule_leaf *leaf, struct policy_at at)
{
	struct reel_err err = { 0 };
	int64_t number = rules_add_leaf(c->file->rules, leaf, &err);

	if (number == -EINVAL) {
		policy_error(c->file, at, "%s", err.msg);
		return -1;
	}
	if (number < 0)
		return out_of_memory(c);
	number = rules_add_expr(c->file->rules, RULE_EXPR_LEAF, (uint32_t)number, 0);
	return number < 0 ? out_of_memory(c) : number;
}

/* Compared with a field. */
static bool right_side(struct policy_check *c, const struct policy_pred *test,
		       struct rule_leaf *leaf)
{
	const struct policy_value *v = test->values.first;

	if (!policy_right_field(c, v, &leaf->right))
		return false;
	if (policy_class_of(&leaf->right) != policy_class_of(&leaf->left)) {
		policy_error(c->file, v->at, "'%.60s' is %s, '%.60s' is %s", test->field,
			     classes[policy_class_of(&leaf->left)].what, v->bytes,
			     classes[policy_class_of(&leaf->right)].what);
		return false;
	}
	if (!(FIELD_OPS >> leaf->op & 1)) {
		policy_error(c->file, test->op_at, "'%s' does not compare with a field",
			     rule_op_words[leaf->op]);
		return false;
	}
	leaf->has_right = true;
	return true;
}

static int64_t check_test(struct policy_check *c, const struct policy_pred *test)
{
	const struct policy_value *v = test->values.first;
	struct rule_leaf leaf = { .op = test->op };
	bool is_field;

	if (!policy_field(c, test->field, test->index, test->at, &leaf.left))
		return -1;
	if (test->is_in && policy_class_of(&leaf.left) == POLICY_ADDRESSES)
		leaf.op = RULE_CIDR;
	if (!(classes[policy_class_of(&leaf.left)].ops >> leaf.op & 1)) {
		policy_error(c->file, test->op_at, "'%.60s' is %s, which has no '%s'", test->field,
			     classes[policy_class_of(&leaf.left)].what, rule_op_words[leaf.op]);
		return -1;
	}
	if (policy_class_of(&leaf.left) == POLICY_STRINGS)
		leaf.role = (uint8_t)rule_ref_role(&leaf.left);
	if (leaf.op == RULE_EXISTS)
		return add_leaf(c, &leaf, test->at);
	is_field = test->values.n == 1 && v->kind == POLICY_NAME && !test->has_list &&
		   !test->is_in && !policy_is_value_name(c, &leaf.left, v);
	/* A name that nothing has is more likely a wrong value than a wrong field. */
	if (is_field && !strchr(v->bytes, '.')) {
		struct rule_ref ref;
		bool mixed;

		is_field = policy_find_field(c->types, c->n_types, v->bytes, &ref, &mixed);
	}
	if (!(is_field ? right_side(c, test, &leaf) : policy_leaf_values(c, test, &leaf)))
		return -1;
	return add_leaf(c, &leaf, v->at);
}

static int64_t check_macro(struct policy_check *c, const struct policy_symbol *symbol)
{
	if (!symbol->item->pred)
		return policy_check_true(c);
	return policy_check_predicate(c, symbol->item->pred);
}

/* A field alone, or a macro. */
static int64_t check_word(struct policy_check *c, const struct policy_pred *word)
{
	const struct policy_symbol *symbol = policy_symbol(c->file, word->field);
	struct rule_leaf leaf = { .op = RULE_TRUE_FLAG };

	if (symbol && word->index == RULES_NONE) {
		if (symbol->item->kind == POLICY_MACRO)
			return check_macro(c, symbol);
		policy_error(c->file, word->at, "'%.60s' is a list: FIELD in %.60s", word->field,
			     word->field);
		return -1;
	}
	if (!policy_field(c, word->field, word->index, word->at, &leaf.left))
		return -1;
	if (!leaf.left.hint || strcmp(leaf.left.hint, "bool") != 0) {
		policy_error(c->file, word->at, "'%.60s' is %s: say what it is compared with",
			     word->field, classes[policy_class_of(&leaf.left)].what);
		return -1;
	}
	return add_leaf(c, &leaf, word->at);
}

static int64_t join(struct policy_check *c, enum rule_expr_op op, int64_t a, int64_t b)
{
	int64_t expr;

	if (a < 0 || (b < 0 && op != RULE_EXPR_NOT))
		return -1;
	expr = rules_add_expr(c->file->rules, op, (uint32_t)a, b < 0 ? 0 : (uint32_t)b);
	return expr < 0 ? out_of_memory(c) : expr;
}

/* The next N of a chain as a tree that is not deep; *at moves behind them. */
static int64_t check_some(struct policy_check *c, enum rule_expr_op op,
			  const struct policy_pred **at, uint32_t n)
{
	int64_t a, b;

	if (n == 1) {
		a = policy_check_predicate(c, *at);
		*at = (*at)->next;
		return a;
	}
	a = check_some(c, op, at, n / 2);
	b = check_some(c, op, at, n - n / 2);
	return join(c, op, a, b);
}

int64_t policy_check_predicate(struct policy_check *c, const struct policy_pred *pred)
{
	const struct policy_pred *first = pred->first;
	int64_t expr;

	if (c->file->is_out_of_memory)
		return -1;
	/* Macros that use macros can say much in few lines. */
	if (++c->n_tests > POLICY_TESTS_MAX || c->depth >= 2 * RULES_NESTING_MAX) {
		policy_error(c->file, pred->at, "more than %d tests, with its macros written out",
			     POLICY_TESTS_MAX);
		return -1;
	}
	c->depth++;
	switch (pred->kind) {
	case POLICY_TEST:
		expr = check_test(c, pred);
		break;
	case POLICY_WORD:
		expr = check_word(c, pred);
		break;
	case POLICY_NOT:
		expr = join(c, RULE_EXPR_NOT, policy_check_predicate(c, first), -1);
		break;
	default:
		expr = check_some(c, pred->kind == POLICY_AND ? RULE_EXPR_AND : RULE_EXPR_OR,
				  &first, pred->n);
	}
	c->depth--;
	return expr;
}
