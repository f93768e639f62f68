/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Conditions: `or` binds weakest, then `and`, `not`, `1 of` and `all of`. What they are made of are
 * the names under `detection`.
 */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "replay/sigma_impl.h"

struct condition {
	struct sigma_compile *c;
	const struct yaml_value *text;
	const char *at, *end;
	const char *word; /* the token that comes next; of length 0 at the end */
	size_t length;
	unsigned depth;
};

static bool is_name(char byte)
{
	return isalnum((unsigned char)byte) || (byte && strchr("_-*.", byte));
}

static void next(struct condition *p)
{
	while (p->at < p->end && isspace((unsigned char)*p->at))
		p->at++;
	p->word = p->at;
	if (p->at < p->end && is_name(*p->at)) {
		while (p->at < p->end && is_name(*p->at))
			p->at++;
	} else if (p->at < p->end) {
		p->at++;
	}
	p->length = (size_t)(p->at - p->word);
}

static bool is(const struct condition *p, const char *word)
{
	return strlen(word) == p->length && strncasecmp(p->word, word, p->length) == 0;
}

static bool take(struct condition *p, const char *word)
{
	if (!is(p, word))
		return false;
	next(p);
	return true;
}

static int64_t unexpected(struct condition *p)
{
	if (is(p, "|"))
		return sigma_wrong(p->c, p->text,
				   "the condition has an aggregation behind '|', which Sigma no "
				   "longer knows: it is said by a correlation now");
	if (!p->length)
		return sigma_wrong(p->c, p->text, "the condition ends too early");
	return sigma_wrong(p->c, p->text, "'%.*s' is not expected in the condition",
			   p->length < 60 ? (int)p->length : 60, p->word);
}

/* * stands for anything. */
static bool fits(const char *pattern, size_t n, const char *name)
{
	size_t at = 0, star = SIZE_MAX, from = 0, i = 0, length = strlen(name);

	while (at < length) {
		if (i < n && pattern[i] == '*') {
			star = i++;
			from = at;
		} else if (i < n && pattern[i] == name[at]) {
			i++;
			at++;
		} else if (star != SIZE_MAX) {
			i = star + 1;
			at = ++from;
		} else {
			return false;
		}
	}
	while (i < n && pattern[i] == '*')
		i++;
	return i == n;
}

/* Names that begin with _ are for who calls them by it. */
static bool is_meant(const struct condition *p, bool is_them, const char *name)
{
	if (strcmp(name, "condition") == 0 || strcmp(name, "timeframe") == 0)
		return false;
	if (*name == '_' && (is_them || *p->word != '_'))
		return false;
	return is_them || fits(p->word, p->length, name);
}

static int64_t of(struct condition *p, bool all)
{
	const struct yaml_value *map = p->c->detection;
	bool is_them = is(p, "them");
	int64_t *each = sigma_alloc(p->c, (map->n + 1u) * sizeof(*each));
	uint32_t n = 0;

	if (!each)
		return SIGMA_FAILED;
	if (!p->length || !is_name(*p->word))
		return unexpected(p);
	for (uint32_t i = 0; i < map->n; i++) {
		if (!is_meant(p, is_them, yaml_key(map, i)->text))
			continue;
		each[n] = sigma_detection(p->c, yaml_at(map, i));
		if (each[n++] == SIGMA_FAILED)
			return SIGMA_FAILED;
	}
	if (n == 0)
		return sigma_wrong(p->c, p->text, "the condition wants '%.*s', and there is none",
				   p->length < 60 ? (int)p->length : 60, p->word);
	next(p);
	return all ? sigma_all(p->c, each, n) : sigma_any(p->c, each, n);
}

static int64_t named(struct condition *p)
{
	const struct yaml_value *map = p->c->detection;

	for (uint32_t i = 0; i < map->n; i++) {
		const struct yaml_value *key = yaml_key(map, i);

		if (key->length != p->length || memcmp(key->text, p->word, p->length) != 0 ||
		    yaml_is(key, "condition"))
			continue;
		next(p);
		return sigma_detection(p->c, yaml_at(map, i));
	}
	return sigma_wrong(p->c, p->text, "the condition wants '%.*s', and there is none",
			   p->length < 60 ? (int)p->length : 60, p->word);
}

static int64_t parse_or(struct condition *p);

static int64_t parse_one(struct condition *p)
{
	const char *at = p->at;
	bool all = is(p, "all"), any = is(p, "any") || is(p, "1");
	int64_t expr;

	if (++p->depth > RULES_NESTING_MAX)
		return sigma_wrong(p->c, p->text, "the condition is nested too deeply");
	if (take(p, "(")) {
		expr = parse_or(p);
		if (expr == SIGMA_FAILED)
			return expr;
		if (!take(p, ")"))
			return unexpected(p);
	} else if (take(p, "not")) {
		expr = sigma_not(p->c, parse_one(p));
	} else if (!p->length || !is_name(*p->word) || is(p, "and") || is(p, "or")) {
		return unexpected(p);
	} else {
		const char *word = p->word;
		size_t length = p->length;

		next(p);
		if (is(p, "of") && (all || any)) {
			next(p);
			expr = of(p, all);
		} else if (is(p, "of") && length && isdigit((unsigned char)*word)) {
			return sigma_wrong(p->c, p->text,
					   "'%.*s of' is no part of Sigma: 1 of, any of, all of",
					   length < 20 ? (int)length : 20, word);
		} else {
			p->word = word;
			p->length = length;
			p->at = at;
			expr = named(p);
		}
	}
	p->depth--;
	return expr;
}

static int64_t parse_and(struct condition *p)
{
	int64_t expr = parse_one(p);

	while (expr != SIGMA_FAILED && take(p, "and"))
		expr = sigma_and(p->c, expr, parse_one(p));
	return expr;
}

static int64_t parse_or(struct condition *p)
{
	int64_t expr = parse_and(p);

	while (expr != SIGMA_FAILED && take(p, "or"))
		expr = sigma_or(p->c, expr, parse_and(p));
	return expr;
}

static int64_t one_condition(struct sigma_compile *c, const struct yaml_value *v)
{
	struct condition p = { .c = c, .text = v };
	int64_t expr;

	if (v->kind != YAML_SCALAR || !v->length)
		return sigma_wrong(c, v, "a condition is a text");
	if (v->length > SIGMA_CONDITION_MAX)
		return sigma_wrong(c, v, "a condition of more than 16 KiB");
	p.at = v->text;
	p.end = v->text + v->length;
	next(&p);
	expr = parse_or(&p);
	if (expr != SIGMA_FAILED && p.length)
		return unexpected(&p);
	return expr;
}

/* Of a list each is one for itself. */
int64_t sigma_condition(struct sigma_compile *c, const struct yaml_value *v)
{
	int64_t any = SIGMA_NEVER;

	if (v->kind == YAML_SCALAR)
		return one_condition(c, v);
	if (v->kind != YAML_SEQUENCE || !v->n)
		return sigma_wrong(c, v, "a condition is a text, or a list of texts");
	for (uint32_t i = 0; i < v->n && any != SIGMA_FAILED; i++)
		any = sigma_or(c, any, one_condition(c, v->items[i]));
	return any;
}
