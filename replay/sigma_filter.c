/* SPDX-License-Identifier: BSD-2-Clause */
/* Filters: what they describe is taken out of the rules that they name, or of all. */
#include <string.h>

#include "replay/sigma_impl.h"

static bool names(const struct yaml_value *rules, const struct sigma_document *d)
{
	if (!rules || (rules->kind == YAML_SCALAR && yaml_is(rules, "any")))
		return true;
	if (rules->kind == YAML_SCALAR)
		return (d->id && yaml_is(rules, d->id)) || (d->name && yaml_is(rules, d->name));
	for (uint32_t i = 0; rules->kind == YAML_SEQUENCE && i < rules->n; i++)
		if ((d->id && yaml_is(rules->items[i], d->id)) ||
		    (d->name && yaml_is(rules->items[i], d->name)))
			return true;
	return false;
}

/* What the filter's logsource says the rule's says, too. */
static bool same_source(const struct yaml_value *filter, const struct yaml_value *rule)
{
	static const char *const keys[] = { "category", "product", "service" };

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const struct yaml_value *want = yaml_get(filter, keys[i]);
		const struct yaml_value *has = yaml_get(rule, keys[i]);

		if (want && !(has && has->kind == YAML_SCALAR && yaml_is(want, has->text)))
			return false;
	}
	return true;
}

/* A filter that is wrong is said to be so, and the rule is as it would be without it. */
static int64_t expr_of(struct sigma_compile *c, struct sigma_document *f, const struct reel_type *t,
		       unsigned uses)
{
	struct sigma_compile own = *c;
	const struct sigma_source *s = c->doc->source;
	int64_t any = SIGMA_NEVER;

	own.doc = f;
	own.detection = yaml_get(f->root, "filter");
	own.type = t;
	for (size_t i = 0; i < s->n_views && any != SIGMA_FAILED; i++) {
		if (!sigma_view_matters(&s->views[i], t, uses))
			continue;
		own.view = &s->views[i];
		any = sigma_or(&own, any,
			       sigma_condition(&own, yaml_get(own.detection, "condition")));
	}
	c->n_work = own.n_work;
	c->is_out_of_memory |= own.is_out_of_memory;
	if (any == SIGMA_FAILED && own.is_wrong && !f->is_rejected &&
	    sigma_reject(c->rules, f, &own) < 0)
		c->is_out_of_memory = true;
	return any == SIGMA_FAILED ? SIGMA_NEVER : any;
}

static bool is_right(struct sigma_compile *c, struct sigma_document *f)
{
	const struct yaml_value *filter = yaml_get(f->root, "filter");
	struct sigma_compile own = { .rules = c->rules, .doc = f };

	if (f->is_compiled)
		return !f->is_rejected;
	f->is_compiled = true;
	if (f->is_rejected)
		return false;
	if (filter->kind != YAML_MAPPING || !yaml_get(filter, "condition"))
		(void)sigma_wrong(&own, filter, "filter is a mapping with a condition");
	if (own.is_wrong && sigma_reject(c->rules, f, &own) < 0)
		c->is_out_of_memory = true;
	return !own.is_wrong;
}

int64_t sigma_apply_filters(struct sigma_compile *c, const struct reel_type *t, unsigned uses,
			    int64_t expr)
{
	struct sigma *s = c->rules->maker->sigma;

	for (struct sigma_document *f = s->first; f; f = f->next) {
		if (f->kind != SIGMA_FILTER || expr == SIGMA_NEVER || !is_right(c, f) ||
		    !names(yaml_get(yaml_get(f->root, "filter"), "rules"), c->doc) ||
		    !same_source(yaml_get(f->root, "logsource"),
				 yaml_get(c->doc->root, "logsource")))
			continue;
		expr = sigma_and(c, expr, sigma_not(c, expr_of(c, f, t, uses)));
	}
	return expr;
}
