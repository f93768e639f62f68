/* SPDX-License-Identifier: BSD-2-Clause */
/* Correlations: rules that are counted, or put together, for each group of equal values. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "replay/policy_lex.h"
#include "replay/sigma_impl.h"

enum correlation_type {
	EVENT_COUNT,
	VALUE_COUNT,
	VALUE_SUM,
	VALUE_AVG,
	VALUE_PERCENTILE,
	TEMPORAL,
	TEMPORAL_ORDERED,
};

static const char *const type_names[] = {
	"event_count",	    "value_count", "value_sum",	       "value_avg",
	"value_percentile", "temporal",	   "temporal_ordered", NULL,
};

struct correlation {
	struct sigma_compile c;
	const struct yaml_value *map;
	enum correlation_type type;
	uint64_t span_ns;
	struct sigma_document *of[SIGMA_CORRELATED_MAX];
	uint32_t n_of;
	const struct yaml_value *group[SIGMA_GROUP_MAX];
	uint32_t n_group;
	uint32_t count; /* at least so many */
};

/* What it says --------------------------------------------------------------------------------- */

static bool wrong(struct correlation *k, const struct yaml_value *at, const char *what)
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
	return wrong(k, v ? v : k->map, "unknown type of correlation");
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
	return wrong(k, v ? v : k->map, "a timespan is a number with s, m, h or d behind it");
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
		return wrong(k, v, "a correlation of more than 64 rules");
	k->of[k->n_of++] = d;
	return true;
}

static bool read_rules(struct correlation *k)
{
	const struct yaml_value *v = yaml_get(k->map, "rules");

	if (!v || v->kind == YAML_MAPPING || (v->kind == YAML_SEQUENCE && !v->n))
		return wrong(k, v ? v : k->map, "a correlation of no rules");
	if (v->kind == YAML_SCALAR)
		return add_rule_name(k, v);
	for (uint32_t i = 0; i < v->n; i++)
		if (!add_rule_name(k, v->items[i]))
			return false;
	return true;
}

static bool read_group(struct correlation *k)
{
	const struct yaml_value *v = yaml_get(k->map, "group-by");
	uint32_t n = !v ? 0 : v->kind == YAML_SEQUENCE ? v->n : 1;

	if (v && v->kind == YAML_MAPPING)
		return wrong(k, v, "group-by is a list of fields");
	if (n > SIGMA_GROUP_MAX)
		return wrong(k, v, "more than 8 fields to group by");
	for (uint32_t i = 0; i < n; i++) {
		k->group[i] = v->kind == YAML_SEQUENCE ? v->items[i] : v;
		if (k->group[i]->kind != YAML_SCALAR)
			return wrong(k, k->group[i], "a field's name is wanted here");
	}
	k->n_group = n;
	return true;
}

/* At least how many, where that is all that is asked. */
static bool read_bounds(struct correlation *k, const struct yaml_value *condition,
			struct rule_window *w)
{
	static const char *const names[] = { "gt", "gte", "lt", "lte", "eq", "neq" };
	bool any = false;

	*w = (struct rule_window){ .least = -__builtin_inf(),
				   .most = __builtin_inf(),
				   .except = __builtin_nan("") };
	for (uint32_t i = 0; i < condition->n; i++) {
		const struct yaml_value *key = yaml_key(condition, i), *v = yaml_at(condition, i);
		unsigned op = 0;
		int64_t n = 0;
		double x;

		if (yaml_is(key, "field") || yaml_is(key, "percentile"))
			continue;
		while (op < 6 && !yaml_is(key, names[op]))
			op++;
		if (op == 6)
			return wrong(k, key, "a condition is gt, gte, lt, lte, eq or neq");
		if (!yaml_is_integer(v, &n))
			return wrong(k, v, "a whole number is wanted here");
		x = (double)n;
		any = true;
		if ((op <= 1 || op == 4) && x >= w->least) {
			w->is_more = op == 0 || (w->is_more && x == w->least);
			w->least = x;
		}
		if (op >= 2 && op <= 4 && x <= w->most) {
			w->is_less = op == 2 || (w->is_less && x == w->most);
			w->most = x;
		}
		if (op == 5)
			w->except = x;
	}
	return any || wrong(k, condition, "a condition says how many");
}

/* Fields --------------------------------------------------------------------------------------- */

/* What the rule calls the field: an alias may say so. */
static const struct yaml_value *field_of(struct correlation *k, const struct yaml_value *field,
					 const struct sigma_document *d)
{
	const struct yaml_value *alias = yaml_get(yaml_get(k->map, "aliases"),
						  field->kind == YAML_SCALAR ? field->text : "");
	const struct yaml_value *own = NULL;

	if (d->name)
		own = yaml_get(alias, d->name);
	if (!own && d->id)
		own = yaml_get(alias, d->id);
	return own && own->kind == YAML_SCALAR ? own : field;
}

static bool same_ref(const struct rule_ref *a, const struct rule_ref *b)
{
	return a->scope == b->scope && a->context == b->context && a->index == b->index &&
	       (a->own == b->own || (a->own && b->own && strcmp(a->own, b->own) == 0));
}

/* A field that an event has of its own, and whose process has it, too. */
static bool of_process(struct rule_ref *ref)
{
	const char *name = ref->own ? ref->own : ref->context == RULE_argv_line ? "cmdline" : "";

	for (unsigned c = RULE_CONTEXT_PROCESS; c < RULE_CONTEXTS; c++)
		if (strcmp(rule_contexts[c].name, name) == 0) {
			*ref = (struct rule_ref){ .scope = RULE_OF_PROCESS,
						  .context = (uint8_t)c,
						  .kind = rule_contexts[c].kind,
						  .index = RULES_NONE,
						  .slot = RULES_NONE,
						  .hint = rule_contexts[c].hint };
			return true;
		}
	return false;
}

/* One reference for all events that the rule is found on. */
static bool place_field(struct correlation *k, const struct yaml_value *field,
			struct sigma_document *d, struct rule_ref *ret)
{
	struct sigma_compile c = { .rules = k->c.rules, .doc = d };
	unsigned uses = sigma_uses(yaml_get(d->root, "detection"));
	bool found = false;

	field = field_of(k, field, d);
	for (uint32_t f = 0; f < d->n_forms; f++) {
		for (const struct reel_type *t = reel_types; t->name; t++) {
			if (!(d->forms[f].types[t->id / 8] >> t->id % 8 & 1))
				continue;
			c.type = t;
			for (size_t i = 0; i < d->source->n_views; i++) {
				struct sigma_place p;

				if (!sigma_view_matters(&d->source->views[i], t, uses))
					continue;
				c.view = &d->source->views[i];
				sigma_place(&c, field->text, field->length, &p);
				if (!p.n)
					continue;
				(void)of_process(&p.ref[0]);
				if (found && !same_ref(ret, &p.ref[0])) {
					(void)sigma_wrong(&k->c, field,
							  "'%.60s' is not one and the same field "
							  "on all events of '%.60s'",
							  field->text, d->title);
					return false;
				}
				*ret = p.ref[0];
				found = true;
			}
		}
	}
	if (!found)
		(void)sigma_wrong(&k->c, field, "no event of '%.60s' has the field '%.60s'",
				  d->title, field->text);
	return found;
}

static bool place_group(struct correlation *k, struct sigma_document *d, struct rule_ref *ret)
{
	for (uint32_t i = 0; i < k->n_group; i++)
		if (!place_field(k, k->group[i], d, &ret[i]))
			return false;
	return true;
}

/* Steps ---------------------------------------------------------------------------------------- */

/* That an event is of one of these types. */
static int64_t of_types(struct sigma_compile *c, const uint8_t types[32])
{
	struct rule_value *values = sigma_alloc(c, EV_MAX_TYPES * sizeof(*values));
	struct rule_leaf leaf = { .left = { .scope = RULE_OF_EVENT,
					    .context = RULE_type,
					    .kind = REEL_TEXT,
					    .index = RULES_NONE,
					    .slot = RULES_NONE,
					    .hint = "" },
				  .op = RULE_EQ,
				  .role = RULE_ROLE_TEXT,
				  .values = values };

	for (const struct reel_type *t = reel_types; values && t->name; t++)
		if (types[t->id / 8] >> t->id % 8 & 1)
			values[leaf.n_values++] =
				(struct rule_value){ .bytes = (char *)(uintptr_t)t->name,
						     .length = (uint32_t)strlen(t->name) };
	return values ? sigma_leaf(c, NULL, &leaf) : SIGMA_FAILED;
}

/* All forms of some rules as one step. */
static int64_t step_of(struct correlation *k, struct sigma_document *const *of, uint32_t n)
{
	struct rule_step step = { .outcome = RULE_SUCCEEDED };
	uint32_t n_forms = 0;
	int64_t any = SIGMA_NEVER;

	for (uint32_t i = 0; i < n; i++)
		n_forms += of[i]->n_forms;
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t f = 0; f < of[i]->n_forms; f++) {
			const struct sigma_form *form = &of[i]->forms[f];
			int64_t expr = form->expr;

			for (unsigned b = 0; b < sizeof(step.types); b++)
				step.types[b] |= form->types[b];
			if (n_forms > 1)
				expr = sigma_and(&k->c, of_types(&k->c, form->types), expr);
			any = sigma_or(&k->c, any, expr);
		}
	if (any == SIGMA_FAILED)
		return SIGMA_FAILED;
	step.expr = (uint32_t)any;
	any = rules_add_step(k->c.rules, &step);
	k->c.is_out_of_memory |= any < 0;
	return any;
}

static bool is_plain_rules(struct correlation *k)
{
	for (uint32_t i = 0; i < k->n_of; i++)
		if (k->of[i]->kind != SIGMA_RULE)
			return wrong(k, k->map,
				     "a correlation of correlations can only be "
				     "temporal_ordered, of a count and what follows it");
	return true;
}

/* Kinds ---------------------------------------------------------------------------------------- */

static struct rule_node *new_node(struct correlation *k, struct rule *rule)
{
	struct rule_node *node = &rule->nodes[rule->n_nodes];

	*node = (struct rule_node){ .kind = RULE_NODE_STEP,
				    .parent = (int32_t)rule->n_nodes - 1,
				    .within_ns = RULES_FOREVER,
				    .n_group = k->n_group,
				    .line = k->c.doc->root->line };
	node->group = sigma_alloc(&k->c, (k->n_group + 1u) * RULES_ALL_MAX * sizeof(*node->group));
	if (!node->group)
		return NULL;
	rule->n_nodes++;
	return node;
}

/* The fields of all rules must be one and the same. */
static bool same_field(struct correlation *k, const struct yaml_value *field, struct rule_ref *ret)
{
	for (uint32_t i = 0; i < k->n_of; i++) {
		struct rule_ref ref;

		if (!place_field(k, field, k->of[i], &ref))
			return false;
		if (i > 0 && !same_ref(ret, &ref)) {
			(void)sigma_wrong(&k->c, field,
					  "'%.60s' is not the same field in all rules that are "
					  "counted",
					  field->text);
			return false;
		}
		*ret = ref;
	}
	return true;
}

static bool make_count(struct correlation *k, struct rule *rule)
{
	const struct yaml_value *condition = yaml_get(k->map, "condition");
	const struct yaml_value *field = yaml_get(condition, "field");
	struct rule_node *node;
	struct rule_window w;
	int64_t step;

	if (!condition || condition->kind != YAML_MAPPING)
		return wrong(k, k->map, "a count needs a condition");
	if (!read_bounds(k, condition, &w) || !is_plain_rules(k))
		return false;
	if (k->type != EVENT_COUNT && (!field || field->kind != YAML_SCALAR))
		return wrong(k, field ? field : condition,
			     "of which one field are values counted?");
	if (k->type == VALUE_PERCENTILE)
		return wrong(k, k->map, "value_percentile is not known to this program");
	step = step_of(k, k->of, k->n_of);
	node = step < 0 ? NULL : new_node(k, rule);
	if (!node)
		return false;
	node->step = (uint32_t)step;
	node->window_ns = k->span_ns;
	for (uint32_t i = 0; i < k->n_group; i++)
		if (!same_field(k, k->group[i], &node->group[i]))
			return false;
	node->has_distinct = k->type != EVENT_COUNT && !k->c.doc->why_not;
	if (node->has_distinct && !same_field(k, field, &node->distinct))
		return false;
	/* More can end what holds: then it is asked when the time is over. */
	w.closes = w.most < __builtin_inf() || w.except == w.except;
	w.measure = k->type == VALUE_SUM ? RULE_SUM :
		    k->type == VALUE_AVG ? RULE_MEAN :
					   RULE_NUMBER;
	if (w.closes || w.measure != RULE_NUMBER) {
		node->kind = RULE_NODE_WINDOW;
		node->window = w;
		return true;
	}
	w.least += w.is_more;
	if (w.least > RULES_COUNT_MAX)
		return wrong(k, condition, "a count is 1024 at most");
	node->count = w.least < 1 ? 1 : (uint32_t)w.least;
	node->kind = node->count > 1 ? RULE_NODE_COUNT : RULE_NODE_STEP;
	return true;
}

static bool make_all(struct correlation *k, struct rule *rule)
{
	struct rule_node *node;

	if (!is_plain_rules(k))
		return false;
	if (k->n_of > RULES_ALL_MAX)
		return wrong(k, k->map, "temporal of more than 8 rules");
	node = new_node(k, rule);
	if (!node)
		return false;
	node->kind = k->n_of > 1 ? RULE_NODE_ALL : RULE_NODE_STEP;
	node->within_ns = k->span_ns;
	for (uint32_t i = 0; i < k->n_of; i++) {
		int64_t step = step_of(k, &k->of[i], 1);

		if (step < 0 || !place_group(k, k->of[i], &node->group[i * k->n_group]))
			return false;
		node->members[i] = (uint32_t)step;
		node->step = (uint32_t)step;
	}
	node->n_members = k->n_of > 1 ? (uint8_t)k->n_of : 0;
	return true;
}

static bool make_inner(struct correlation *k, struct sigma_document *d, struct rule *rule);

static bool make_ordered(struct correlation *k, struct rule *rule)
{
	bool has_count = false;

	for (uint32_t i = 0; i < k->n_of; i++) {
		struct rule_node *node;
		int64_t step;

		if (k->of[i]->kind == SIGMA_CORRELATION) {
			if (i > 0 || k->n_of > 2)
				return wrong(k, k->map,
					     "a count can only be the first of two in an order");
			if (!make_inner(k, k->of[i], rule))
				return false;
			has_count = true;
			continue;
		}
		step = step_of(k, &k->of[i], 1);
		node = step < 0 ? NULL : new_node(k, rule);
		if (!node || !place_group(k, k->of[i], node->group))
			return false;
		node->step = (uint32_t)step;
		node->within_ns = i > 0 ? k->span_ns : RULES_FOREVER;
	}
	if (!has_count)
		rule->within_ns = k->span_ns;
	return true;
}

static bool read_correlation(struct correlation *k)
{
	k->map = yaml_get(k->c.doc->root, "correlation");
	if (k->map->kind != YAML_MAPPING)
		return wrong(k, k->map, "correlation is a mapping");
	return read_type(k) && read_span(k) && read_rules(k) && read_group(k);
}

static bool compile_rules(struct correlation *k, struct reel_err *err)
{
	struct sigma_document *can[SIGMA_CORRELATED_MAX];
	const char *why_not = NULL;
	uint32_t n = 0;

	for (uint32_t i = 0; i < k->n_of; i++) {
		struct sigma_document *d = k->of[i];

		if (d->kind == SIGMA_RULE && sigma_compile_rule(k->c.rules, d, err) < 0)
			k->c.is_out_of_memory = true;
		if (d->is_rejected && !k->c.is_wrong)
			(void)sigma_wrong(&k->c, k->map, "'%.80s' is rejected",
					  d->title ? d->title : "");
		if (d->partly && !k->c.doc->partly)
			k->c.doc->partly = d->partly;
		if (d->why_not)
			why_not = d->why_not;
		else
			can[n++] = d;
	}
	/* What is counted can be one of them as well; what comes together is all of them. */
	if (why_not && (n == 0 || k->type >= TEMPORAL))
		k->c.doc->why_not = why_not;
	else
		memcpy(k->of, can, (k->n_of = n) * sizeof(can[0]));
	if (why_not && !k->c.doc->partly)
		k->c.doc->partly = why_not;
	return !k->c.is_wrong && !k->c.is_out_of_memory;
}

static bool make_nodes(struct correlation *k, struct rule *rule, struct reel_err *err)
{
	if (!compile_rules(k, err))
		return false;
	/* Where nothing can be found there are no fields to be found either. */
	if (k->c.doc->why_not)
		k->n_group = 0;
	switch (k->type) {
	case TEMPORAL:
		return make_all(k, rule);
	case TEMPORAL_ORDERED:
		return make_ordered(k, rule);
	default:
		return make_count(k, rule);
	}
}

/* A count that another correlation goes on from, in the same groups. */
static bool make_inner(struct correlation *k, struct sigma_document *d, struct rule *rule)
{
	struct correlation inner = { .c = { .rules = k->c.rules, .doc = d, .err = k->c.err } };
	bool ok = read_correlation(&inner);

	if (ok && (inner.type > VALUE_COUNT || inner.n_group != k->n_group))
		ok = wrong(k, k->map,
			   "only a count by as many fields can be the first in an order");
	if (ok)
		ok = compile_rules(&inner, k->c.err) && make_count(&inner, rule);
	if (!ok && inner.c.is_wrong && !k->c.is_wrong)
		(void)sigma_wrong(&k->c, k->map, "%.200s", inner.c.reason);
	k->c.is_out_of_memory |= inner.c.is_out_of_memory;
	if (ok && !inner.c.doc->is_silent && rule->nodes[0].kind == RULE_NODE_WINDOW)
		ok = wrong(k, k->map,
			   "only a count of at least so many can be the first in an order");
	return ok;
}

/* Whether its rules report by themselves, too. */
static bool generates(const struct correlation *k)
{
	const struct yaml_value *v = yaml_get(k->map, "generate");
	bool wanted = false;

	if (!v)
		v = yaml_get(k->c.doc->root, "generate");
	return v && yaml_is_bool(v, &wanted) && wanted;
}

int sigma_compile_correlation(struct rules *r, struct sigma_document *d, struct reel_err *err)
{
	struct correlation k = { .c = { .rules = r, .doc = d, .err = err } };
	struct rule rule = { 0 };
	int status = 0;

	if (d->is_rejected)
		return 0;
	if (read_correlation(&k)) {
		rule.nodes = sigma_alloc(&k.c, (k.n_of + 1u) * sizeof(*rule.nodes));
		rule.within_ns = RULES_FOREVER;
		if (rule.nodes && make_nodes(&k, &rule, err))
			d->is_compiled = true;
	}
	if (k.c.is_out_of_memory || (!d->is_compiled && !k.c.is_wrong))
		return rules_no_memory(err);
	if (k.c.is_wrong)
		return sigma_reject(r, d, &k.c) < 0 ? rules_no_memory(err) : 0;
	d->nodes = rule.nodes;
	d->n_nodes = rule.n_nodes;
	d->nodes[d->n_nodes - 1].is_end = true;
	d->within_ns = rule.within_ns;
	for (uint32_t i = 0; i < k.n_of && !generates(&k); i++)
		k.of[i]->is_silent = true;
	return status;
}
