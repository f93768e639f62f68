/* SPDX-License-Identifier: BSD-2-Clause */
/* Expressions with constants, and what is said when something is wrong. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "replay/sigma_impl.h"

void *sigma_alloc(struct sigma_compile *c, size_t bytes)
{
	void *piece = arena_alloc(&c->rules->maker->scratch, bytes);

	c->is_out_of_memory |= !piece;
	return piece;
}

int64_t sigma_wrong(struct sigma_compile *c, const struct yaml_value *at, const char *fmt, ...)
{
	va_list args;

	if (c->is_wrong)
		return SIGMA_FAILED;
	c->is_wrong = true;
	c->line = at ? at->line : c->doc->root->line;
	va_start(args, fmt);
	(void)vsnprintf(c->reason, sizeof(c->reason), fmt, args);
	va_end(args);
	return SIGMA_FAILED;
}

/* A number, or the failure that it stands for. */
static int64_t made(struct sigma_compile *c, int64_t number)
{
	c->is_out_of_memory |= number < 0;
	return number < 0 ? SIGMA_FAILED : number;
}

int64_t sigma_not(struct sigma_compile *c, int64_t a)
{
	if (a == SIGMA_FAILED)
		return a;
	if (a == SIGMA_NEVER || a == SIGMA_ALWAYS)
		return a == SIGMA_NEVER ? SIGMA_ALWAYS : SIGMA_NEVER;
	return made(c, rules_add_expr(c->rules, RULE_EXPR_NOT, (uint32_t)a, 0));
}

int64_t sigma_and(struct sigma_compile *c, int64_t a, int64_t b)
{
	if (a == SIGMA_FAILED || b == SIGMA_FAILED)
		return SIGMA_FAILED;
	if (a == SIGMA_NEVER || b == SIGMA_NEVER)
		return SIGMA_NEVER;
	if (a == SIGMA_ALWAYS || b == SIGMA_ALWAYS)
		return a == SIGMA_ALWAYS ? b : a;
	return made(c, rules_add_expr(c->rules, RULE_EXPR_AND, (uint32_t)a, (uint32_t)b));
}

int64_t sigma_or(struct sigma_compile *c, int64_t a, int64_t b)
{
	if (a == SIGMA_FAILED || b == SIGMA_FAILED)
		return SIGMA_FAILED;
	if (a == SIGMA_ALWAYS || b == SIGMA_ALWAYS)
		return SIGMA_ALWAYS;
	if (a == SIGMA_NEVER || b == SIGMA_NEVER)
		return a == SIGMA_NEVER ? b : a;
	return made(c, rules_add_expr(c->rules, RULE_EXPR_OR, (uint32_t)a, (uint32_t)b));
}

int64_t sigma_all(struct sigma_compile *c, const int64_t *list, uint32_t n)
{
	if (n == 0)
		return SIGMA_ALWAYS;
	if (n == 1)
		return list[0];
	return sigma_and(c, sigma_all(c, list, n / 2), sigma_all(c, list + n / 2, n - n / 2));
}

int64_t sigma_any(struct sigma_compile *c, const int64_t *list, uint32_t n)
{
	if (n == 0)
		return SIGMA_NEVER;
	if (n == 1)
		return list[0];
	return sigma_or(c, sigma_any(c, list, n / 2), sigma_any(c, list + n / 2, n - n / 2));
}

int64_t sigma_leaf(struct sigma_compile *c, const struct yaml_value *at,
		   const struct rule_leaf *leaf)
{
	struct reel_err err = { 0 };
	int64_t number = rules_add_leaf(c->rules, leaf, &err);

	if (number == -EINVAL)
		return sigma_wrong(c, at, "%.200s", err.msg);
	if (number >= 0)
		number = rules_add_expr(c->rules, RULE_EXPR_LEAF, (uint32_t)number, 0);
	return made(c, number);
}
