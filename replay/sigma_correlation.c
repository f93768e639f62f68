/* SPDX-License-Identifier: BSD-2-Clause */
/* Correlations: rules that are counted, or put together, for each group of equal values. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "replay/sigma_correlation.h"

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

/* What the field is on all events that the rule is found on; *FOUND: RET is what it must be. */
static bool place_in_rule(struct correlation *k, const struct yaml_value *field,
			  struct sigma_document *d, bool *found, struct rule_ref *ret)
{
	struct sigma_compile c = { .rules = k->c.rules, .doc = d };
	unsigned uses = sigma_uses(yaml_get(d->root, "detection"));
	bool has = false;

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
				if (*found && !same_ref(ret, &p.ref[0])) {
					(void)sigma_wrong(&k->c, field,
							  "'%.60s' is not one and the same field "
							  "on all events of '%.60s'",
							  field->text, k->c.doc->title);
					return false;
				}
				*ret = p.ref[0];
				*found = has = true;
			}
		}
	}
	if (!has)
		(void)sigma_wrong(&k->c, field, "no event of '%.60s' has the field '%.60s'",
				  d->title, field->text);
	return has;
}

/* Of a correlation: on the event that ends it, which any of its rules can be, or in an order the
 * last. */
static bool place_field(struct correlation *k, const struct yaml_value *field,
			struct sigma_document *d, bool *found, struct rule_ref *ret)
{
	struct correlation inner = { .c = { .rules = k->c.rules, .doc = d, .err = k->c.err } };

	field = field_of(k, field, d);
	if (d->kind == SIGMA_RULE)
		return place_in_rule(k, field, d, found, ret);
	if (!correlation_read(&inner)) /* it was right before */
		return correlation_wrong(k, field, inner.c.reason);
	for (uint32_t i = inner.type == TEMPORAL_ORDERED ? inner.n_of - 1 : 0; i < inner.n_of; i++)
		if (!inner.of[i]->why_not && !place_field(k, field, inner.of[i], found, ret))
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

/* What only correlations within can be: no event is. */
static int64_t step_of_none(struct correlation *k)
{
	int64_t expr = rules_add_expr(k->c.rules, RULE_EXPR_TRUE, 0, 0), step = -1;

	if (expr >= 0)
		step = rules_add_step(k->c.rules, &(struct rule_step){ .outcome = RULE_SUCCEEDED,
								       .expr = (uint32_t)expr });
	k->c.is_out_of_memory |= step < 0;
	return step;
}

static int64_t step_of_one(struct correlation *k, struct sigma_document *const *of)
{
	return of[0]->kind == SIGMA_CORRELATION ? step_of_none(k) : step_of(k, of, 1);
}

/* Of all that are no correlations. */
static int64_t step_of_all(struct correlation *k)
{
	struct sigma_document *plain[SIGMA_CORRELATED_MAX];
	uint32_t n = 0;

	for (uint32_t i = 0; i < k->n_of; i++)
		if (k->of[i]->kind == SIGMA_RULE)
			plain[n++] = k->of[i];
	return n ? step_of(k, plain, n) : step_of_none(k);
}

/* Kinds ---------------------------------------------------------------------------------------- */

/* A node of K, behind PARENT; RULES_NONE: it begins a way. */
static struct rule_node *new_node(struct correlation *k, int32_t parent)
{
	struct rule_node *node = &k->rule->nodes[k->rule->n_nodes];

	*node = (struct rule_node){ .kind = RULE_NODE_STEP,
				    .parent = parent,
				    .within_ns = RULES_FOREVER,
				    .chain = k->chain,
				    .n_group = k->n_group,
				    .line = k->c.doc->root->line };
	node->group = sigma_alloc(&k->c, (k->n_group + 1u) * RULES_ALL_MAX * sizeof(*node->group));
	if (!node->group)
		return NULL;
	k->rule->n_nodes++;
	return node;
}

/* What K is of, if it is a correlation itself, feeds the node. */
static bool embed(struct correlation *k, struct sigma_document *d, uint32_t node, uint8_t member);

static bool embed_all(struct correlation *k, uint32_t node)
{
	for (uint32_t i = 0; i < k->n_of; i++)
		if (k->of[i]->kind == SIGMA_CORRELATION && !embed(k, k->of[i], node, 0))
			return false;
	return true;
}

/* The fields of all rules must be one and the same. */
static bool same_field(struct correlation *k, const struct yaml_value *field, struct rule_ref *ret)
{
	bool found = false;

	for (uint32_t i = 0; i < k->n_of; i++)
		if (!place_field(k, field, k->of[i], &found, ret))
			return false;
	return true;
}

static bool place_distinct(struct correlation *k, struct rule_node *node)
{
	node->has_distinct = k->n_field && k->type != EVENT_COUNT && !k->c.doc->why_not;
	if (!node->has_distinct)
		return true;
	if (!same_field(k, k->field[0], &node->distinct))
		return false;
	node->more_distinct = sigma_alloc(&k->c, k->n_field * sizeof(*node->more_distinct));
	if (!node->more_distinct)
		return false;
	for (uint32_t i = 1; i < k->n_field; i++)
		if (!same_field(k, k->field[i], &node->more_distinct[node->n_more_distinct++]))
			return false;
	return true;
}

static bool make_count(struct correlation *k)
{
	uint32_t at = k->rule->n_nodes;
	struct rule_node *node;
	struct rule_window w;
	int64_t step;

	if (!correlation_bounds(k, &w))
		return false;
	step = step_of_all(k);
	node = step < 0 ? NULL : new_node(k, RULES_NONE);
	if (!node)
		return false;
	node->step = (uint32_t)step;
	node->window_ns = k->span_ns;
	for (uint32_t i = 0; i < k->n_group; i++)
		if (!same_field(k, k->group[i], &node->group[i]))
			return false;
	if (!place_distinct(k, node))
		return false;
	k->c.doc->closes = w.closes;
	if (w.closes || w.measure != RULE_NUMBER) {
		node->kind = RULE_NODE_WINDOW;
		node->window = w;
		return embed_all(k, at);
	}
	w.least += w.is_more;
	if (w.least > RULES_COUNT_MAX)
		return correlation_wrong(k, yaml_get(k->map, "condition"),
					 "a count is 1024 at most");
	node->count = w.least < 1 ? 1 : (uint32_t)w.least;
	/* A value has to be there, even if one is enough. */
	node->kind = node->count > 1 || node->has_distinct ? RULE_NODE_COUNT : RULE_NODE_STEP;
	return embed_all(k, at);
}

static bool place_group(struct correlation *k, struct sigma_document *d, struct rule_ref *ret)
{
	for (uint32_t i = 0; i < k->n_group; i++) {
		bool found = false;

		if (!place_field(k, k->group[i], d, &found, &ret[i]))
			return false;
	}
	return true;
}

static bool make_all(struct correlation *k)
{
	uint32_t at = k->rule->n_nodes;
	struct rule_node *node;

	if (!correlation_is_of_all(k))
		return false;
	if (k->n_of > RULES_ALL_MAX)
		return correlation_wrong(k, k->map, "temporal of more than 8 rules");
	node = new_node(k, RULES_NONE);
	if (!node)
		return false;
	node->kind = k->n_of > 1 ? RULE_NODE_ALL : RULE_NODE_STEP;
	node->within_ns = k->span_ns;
	for (uint32_t i = 0; i < k->n_of; i++) {
		int64_t step = step_of_one(k, &k->of[i]);

		if (step < 0 || !place_group(k, k->of[i], &node->group[i * k->n_group]))
			return false;
		node->members[i] = (uint32_t)step;
		node->step = (uint32_t)step;
	}
	node->n_members = k->n_of > 1 ? (uint8_t)k->n_of : 0;
	for (uint32_t i = 0; i < k->n_of; i++)
		if (k->of[i]->kind == SIGMA_CORRELATION && !embed(k, k->of[i], at, (uint8_t)i))
			return false;
	return true;
}

static bool make_ordered(struct correlation *k)
{
	uint32_t at = k->rule->n_nodes;

	if (!correlation_is_of_all(k))
		return false;
	for (uint32_t i = 0; i < k->n_of; i++) {
		int64_t step = step_of_one(k, &k->of[i]);
		struct rule_node *node =
			step < 0 ? NULL : new_node(k, i ? (int32_t)(at + i) - 1 : RULES_NONE);

		if (!node || !place_group(k, k->of[i], node->group))
			return false;
		node->step = (uint32_t)step;
		node->within_ns = i > 0 ? k->span_ns : RULES_FOREVER;
		node->whole_ns = k->span_ns;
	}
	for (uint32_t i = 0; i < k->n_of; i++)
		if (k->of[i]->kind == SIGMA_CORRELATION && !embed(k, k->of[i], at + i, 0))
			return false;
	return true;
}

/* What they are of ----------------------------------------------------------------------------- */

static void compile_of(struct correlation *k, struct sigma_document *d)
{
	int status = 0;

	if (d->is_being_compiled)
		(void)correlation_wrong(k, k->map, "a correlation of itself");
	else if (d->kind == SIGMA_RULE)
		status = sigma_compile_rule(k->c.rules, d, k->c.err);
	else
		status = sigma_compile_correlation(k->c.rules, d, k->c.err);
	k->c.is_out_of_memory |= status < 0;
	if (d->is_rejected && !k->c.is_wrong)
		(void)sigma_wrong(&k->c, k->map, "'%.80s' is rejected", d->title ? d->title : "");
	else if (d->closes && !k->c.is_wrong)
		(void)sigma_wrong(&k->c, k->map,
				  "'%.80s' is asked when its time is over only: no other "
				  "correlation can go on from it",
				  d->title);
}

static bool compile_rules(struct correlation *k)
{
	struct sigma_document *can[SIGMA_CORRELATED_MAX];
	const char *why_not = NULL;
	uint32_t n = 0;

	for (uint32_t i = 0; i < k->n_of; i++) {
		struct sigma_document *d = k->of[i];

		compile_of(k, d);
		if (d->depth >= k->c.doc->depth)
			k->c.doc->depth = d->depth + 1;
		if (d->partly && !k->c.doc->partly)
			k->c.doc->partly = d->partly;
		if (d->why_not)
			why_not = d->why_not;
		else
			can[n++] = d;
	}
	if (k->c.doc->depth > SIGMA_CHAIN_MAX && !k->c.is_wrong)
		(void)correlation_wrong(k, k->map,
					"correlations of correlations are 8 deep at most");
	/* What is counted can be one of them as well; what comes together is all of them. */
	if (why_not && (n == 0 || k->type >= TEMPORAL))
		k->c.doc->why_not = why_not;
	else
		memcpy(k->of, can, (k->n_of = n) * sizeof(can[0]));
	if (why_not && !k->c.doc->partly)
		k->c.doc->partly = why_not;
	return !k->c.is_wrong && !k->c.is_out_of_memory;
}

static bool make_nodes(struct correlation *k)
{
	/* Where nothing can be found there are no fields to be found either. */
	if (k->c.doc->why_not)
		k->n_group = 0;
	switch (k->type) {
	case TEMPORAL:
		return make_all(k);
	case TEMPORAL_ORDERED:
		return make_ordered(k);
	default:
		return make_count(k);
	}
}

/* How many nodes those have that it is of, each as often as it is named. */
static uint32_t nodes_within(const struct correlation *k)
{
	uint32_t n = k->n_of + 1;

	for (uint32_t i = 0; i < k->n_of; i++)
		if (k->of[i]->kind == SIGMA_CORRELATION)
			n += k->of[i]->n_nodes;
	return n;
}

/* The one that ends it. */
static uint32_t last_own_node(const struct correlation *k, uint32_t first)
{
	return k->type == TEMPORAL_ORDERED ? first + k->n_of - 1 : first;
}

static bool embed(struct correlation *k, struct sigma_document *d, uint32_t node, uint8_t member)
{
	struct correlation inner = { .c = { .rules = k->c.rules, .doc = d, .err = k->c.err },
				     .rule = k->rule,
				     .chain = (uint8_t)(k->rule->n_chains += 1) };
	uint32_t first = k->rule->n_nodes;
	struct rule_node *end;
	bool ok = correlation_read(&inner) && compile_rules(&inner) && make_nodes(&inner);

	k->c.is_out_of_memory |= inner.c.is_out_of_memory;
	if (!ok && inner.c.is_wrong && !k->c.is_wrong)
		(void)sigma_wrong(&k->c, k->map, "%.200s", inner.c.reason);
	if (!ok)
		return false;
	end = &k->rule->nodes[last_own_node(&inner, first)];
	end->is_end = true;
	end->feeds = node + 1;
	end->feeds_member = member;
	return true;
}

static bool make_rule(struct correlation *k)
{
	uint32_t n;

	if (!correlation_read(k) || !compile_rules(k))
		return false;
	n = nodes_within(k);
	if (n > SIGMA_CHAIN_NODES_MAX)
		return correlation_wrong(k, k->map, "it is of more than 200 rules in all");
	k->rule->nodes = sigma_alloc(&k->c, n * sizeof(*k->rule->nodes));
	if (!k->rule->nodes || !make_nodes(k))
		return false;
	k->rule->nodes[last_own_node(k, 0)].is_end = true;
	/* A way of one correlation alone ends with its time. */
	if (k->type == TEMPORAL_ORDERED && k->rule->n_chains == 0)
		k->rule->within_ns = k->span_ns;
	return true;
}

int sigma_compile_correlation(struct rules *r, struct sigma_document *d, struct reel_err *err)
{
	struct correlation_nodes rule = { .within_ns = RULES_FOREVER };
	struct correlation k = { .c = { .rules = r, .doc = d, .err = err }, .rule = &rule };

	if (d->is_rejected || d->is_compiled)
		return 0;
	d->is_being_compiled = true;
	d->is_compiled = make_rule(&k);
	d->is_being_compiled = false;
	if (k.c.is_out_of_memory || (!d->is_compiled && !k.c.is_wrong))
		return rules_no_memory(err);
	if (k.c.is_wrong)
		return sigma_reject(r, d, &k.c) < 0 ? rules_no_memory(err) : 0;
	d->nodes = rule.nodes;
	d->n_nodes = rule.n_nodes;
	d->within_ns = rule.within_ns;
	for (uint32_t i = 0; i < k.n_of && !k.generates; i++)
		k.of[i]->is_silent = true;
	return 0;
}
