/* SPDX-License-Identifier: BSD-2-Clause */
/* What a document says of a correlation. */
#include <string.h>

#include "replay/policy_lex.h"
#include "replay/sigma_correlation.h"

static const char *const type_names[] = {
	"event_count",	    "value_count", "value_sum",	       "value_avg",
	"value_percentile", "temporal",	   "temporal_ordered", NULL,
};

bool correlation_wrong(struct correlation *k, const struct yaml_value *at, const char *what)
{
	(void)sigma_wrong(&k->c, at, "%s", what);
	return false;
}

static bool read_type(struct correlation *k)
{
	const struct yaml_value *v = yaml_get(k->map, "type");

	for (int i = 0; v && type_names[i]; i++) {
		if (!yaml_is(v, type_names[i]))
			continue;
		k->type = (enum correlation_type)i;
		return true;
	}
	return correlation_wrong(k, v ? v : k->map, "unknown type of correlation");
}

static bool read_span(struct correlation *k)
{
	static const struct {
		char unit;
		uint32_t seconds;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
	const struct yaml_value *v = yaml_get(k->map, "timespan");
	uint64_t n = 0;

	if (!v)
		v = yaml_get(k->map, "timeframe");
	for (size_t i = 0; v && v->kind == YAML_SCALAR && v->length > 1 && i < 4; i++)
		if (v->text[v->length - 1] == units[i].unit &&
		    policy_parse_integer(v->text, v->length - 1, &n) && n > 0 && n < 1u << 30) {
			k->span_ns = n * units[i].seconds * 1000000000ull;
			return true;
		}
	return correlation_wrong(k, v ? v : k->map,
				 "a timespan is a number with s, m, h or d behind it");
}

static bool add_rule_name(struct correlation *k, const struct yaml_value *v)
{
	struct sigma_document *d = v->kind == YAML_SCALAR ? sigma_find(k->c.rules, v->text) : NULL;

	if (!d || d->kind == SIGMA_FILTER) {
		(void)sigma_wrong(&k->c, v, "no rule has the name or id '%.80s'",
				  v->kind == YAML_SCALAR ? v->text : "");
		return false;
	}
	if (k->n_of == SIGMA_CORRELATED_MAX)
		return correlation_wrong(k, v, "a correlation of more than 64 rules");
	k->of[k->n_of++] = d;
	return true;
}

static bool read_rules(struct correlation *k)
{
	const struct yaml_value *v = yaml_get(k->map, "rules");

	if (!v || v->kind == YAML_MAPPING || (v->kind == YAML_SEQUENCE && !v->n))
		return correlation_wrong(k, v ? v : k->map, "a correlation of no rules");
	if (v->kind == YAML_SCALAR)
		return add_rule_name(k, v);
	for (uint32_t i = 0; i < v->n; i++)
		if (!add_rule_name(k, v->items[i]))
			return false;
	return true;
}

/* One field, or a list of them. */
static bool read_fields(struct correlation *k, const struct yaml_value *v, const char *key,
			const struct yaml_value *ret[SIGMA_GROUP_MAX], uint32_t *ret_n)
{
	uint32_t n = !v ? 0 : v->kind == YAML_SEQUENCE ? v->n : 1;

	if (n > SIGMA_GROUP_MAX) {
		(void)sigma_wrong(&k->c, v, "more than 8 fields in %s", key);
		return false;
	}
	for (uint32_t i = 0; i < n; i++) {
		ret[i] = v->kind == YAML_SEQUENCE ? v->items[i] : v;
		if (ret[i]->kind != YAML_SCALAR || !ret[i]->length)
			return correlation_wrong(k, ret[i], "a field's name is wanted here");
	}
	*ret_n = n;
	return true;
}

static bool generates(const struct correlation *k)
{
	const struct yaml_value *v = yaml_get(k->map, "generate");
	bool wanted = false;

	if (!v)
		v = yaml_get(k->c.doc->root, "generate");
	return v && yaml_is_bool(v, &wanted) && wanted;
}

bool correlation_read(struct correlation *k)
{
	k->map = yaml_get(k->c.doc->root, "correlation");
	if (k->map->kind != YAML_MAPPING)
		return correlation_wrong(k, k->map, "correlation is a mapping");
	k->generates = generates(k);
	return read_type(k) && read_span(k) && read_rules(k) &&
	       read_fields(k, yaml_get(k->map, "group-by"), "group-by", k->group, &k->n_group);
}

/* Bounds -------------------------------------------------------------------------------------- */

enum bound { GT, GTE, LT, LTE, EQ, NEQ, BOUNDS };
static const char *const bound_names[BOUNDS] = { "gt", "gte", "lt", "lte", "eq", "neq" };

static void set_bound(struct rule_window *w, enum bound op, double x)
{
	if ((op == GT || op == GTE || op == EQ) && x >= w->least) {
		w->is_more = op == GT || (w->is_more && x == w->least);
		w->least = x;
	}
	if ((op == LT || op == LTE || op == EQ) && x <= w->most) {
		w->is_less = op == LT || (w->is_less && x == w->most);
		w->most = x;
	}
	if (op == NEQ)
		w->except = x;
}

/* What is counted is whole; what is measured need not be. */
static bool read_bound(struct correlation *k, const struct yaml_value *key,
		       const struct yaml_value *v, struct rule_window *w)
{
	bool is_whole = k->type == EVENT_COUNT || k->type == VALUE_COUNT;
	unsigned op = 0;
	int64_t n;
	double x;

	while (op < BOUNDS && !yaml_is(key, bound_names[op]))
		op++;
	if (op == BOUNDS)
		return correlation_wrong(k, key, "a condition is gt, gte, lt, lte, eq or neq");
	if (is_whole && !yaml_is_integer(v, &n))
		return correlation_wrong(k, v, "a whole number is wanted here");
	if (!yaml_is_number(v, &x))
		return correlation_wrong(k, v, "a number is wanted here");
	set_bound(w, (enum bound)op, x);
	return true;
}

/* Of which percentile, or of which share if nothing is said. */
static bool read_percentile(struct correlation *k, const struct yaml_value *v,
			    struct rule_window *w)
{
	int64_t n = 0;

	if (v && k->type != VALUE_PERCENTILE)
		return correlation_wrong(k, v, "percentile is for value_percentile");
	if (v && (!yaml_is_integer(v, &n) || n < 0 || n > 100))
		return correlation_wrong(k, v, "a percentile is between 0 and 100");
	w->percentile = (uint8_t)n;
	w->measure = k->type == VALUE_SUM	 ? RULE_SUM :
		     k->type == VALUE_AVG	 ? RULE_MEAN :
		     k->type != VALUE_PERCENTILE ? RULE_NUMBER :
		     v				 ? RULE_PERCENTILE :
						   RULE_SHARE;
	return true;
}

bool correlation_bounds(struct correlation *k, struct rule_window *ret)
{
	const struct yaml_value *condition = yaml_get(k->map, "condition");
	const struct yaml_value *field = yaml_get(condition, "field");
	bool any = false;

	*ret = (struct rule_window){ .least = -__builtin_inf(),
				     .most = __builtin_inf(),
				     .except = __builtin_nan("") };
	if (!condition || condition->kind != YAML_MAPPING)
		return correlation_wrong(k, k->map, "a count needs a condition");
	for (uint32_t i = 0; i < condition->n; i++) {
		const struct yaml_value *key = yaml_key(condition, i);

		if (yaml_is(key, "field") || yaml_is(key, "percentile"))
			continue;
		if (!read_bound(k, key, yaml_at(condition, i), ret))
			return false;
		any = true;
	}
	if (!any)
		return correlation_wrong(k, condition, "a condition says how many");
	if (!read_percentile(k, yaml_get(condition, "percentile"), ret) ||
	    !read_fields(k, field, "field", k->field, &k->n_field))
		return false;
	if (k->type != EVENT_COUNT && !k->n_field)
		return correlation_wrong(k, condition, "of which field are values counted?");
	if (k->n_field > 1 && ret->measure != RULE_NUMBER && ret->measure != RULE_SHARE)
		return correlation_wrong(k, field, "it is of one field");
	/* More can end what holds: then it is asked when the time is over. */
	ret->closes = ret->most < __builtin_inf() || ret->except == ret->except ||
		      k->type == VALUE_PERCENTILE;
	return true;
}

/* What comes together is all of it: a condition can say no more. */
bool correlation_is_of_all(struct correlation *k)
{
	const struct yaml_value *condition = yaml_get(k->map, "condition");
	int64_t n = 0;

	if (!condition)
		return true;
	if (condition->kind != YAML_MAPPING || condition->n != 1 ||
	    !(yaml_is(yaml_key(condition, 0), "gte") || yaml_is(yaml_key(condition, 0), "eq")) ||
	    !yaml_is_integer(yaml_at(condition, 0), &n) || n != k->n_of)
		return correlation_wrong(k, condition,
					 "temporal is of all of its rules: no other condition can "
					 "be asked");
	return true;
}
