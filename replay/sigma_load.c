/* SPDX-License-Identifier: BSD-2-Clause */
/* Documents of Sigma: collected, told apart, and made rules when all are there. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "replay/sigma_impl.h"

static const char *text_of(const struct yaml_value *root, const char *key)
{
	const struct yaml_value *v = yaml_get(root, key);

	return v && v->kind == YAML_SCALAR && v->length && !memchr(v->text, 0, v->length) ?
		       v->text :
		       NULL;
}

static int no_memory(struct reel_err *err)
{
	return rules_no_memory(err);
}

int sigma_reject(struct rules *r, struct sigma_document *d, const struct sigma_compile *c)
{
	const struct rule_rejected one = { .file = d->file,
					   .id = d->id,
					   .title = d->title,
					   .line = c->line,
					   .language = RULE_SIGMA,
					   .reason = c->reason };

	d->is_rejected = true;
	return rules_reject(r, &one);
}

/* With a reason that needs no compiling. */
__attribute__((format(printf, 4, 5))) static int
reject(struct rules *r, struct sigma_document *d, const struct yaml_value *at, const char *fmt, ...)
{
	struct sigma_compile c = { .rules = r, .doc = d, .line = at->line };
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(c.reason, sizeof(c.reason), fmt, args);
	va_end(args);
	return sigma_reject(r, d, &c);
}

static int leave_out(struct rules *r, struct sigma_document *d, const struct yaml_value *at,
		     enum rule_absence absence, const char *reason)
{
	const struct rule_rejected one = { .file = d->file,
					   .id = d->id,
					   .title = d->title,
					   .line = at->line,
					   .language = RULE_SIGMA,
					   .absence = (uint8_t)absence,
					   .reason = reason };

	d->is_rejected = true;
	return rules_reject(r, &one);
}

/* Collecting ----------------------------------------------------------------------------------- */

static int add_document(struct rules *r, const char *file, const struct yaml_value *root)
{
	struct sigma *s = r->maker->sigma;
	struct sigma_document *d = arena_alloc(&r->maker->scratch, sizeof(*d));
	const char *status = text_of(root, "status");

	if (!d)
		return -ENOMEM;
	d->file = file;
	d->root = root;
	d->id = text_of(root, "id");
	d->name = text_of(root, "name");
	d->title = text_of(root, "title");
	*s->end = d;
	s->end = &d->next;
	if (root->kind != YAML_MAPPING)
		return reject(r, d, root, "a document of Sigma is a mapping");
	d->kind = yaml_get(root, "correlation") ? SIGMA_CORRELATION :
		  yaml_get(root, "filter")	? SIGMA_FILTER :
						  SIGMA_RULE;
	if (status && strcasecmp(status, "unsupported") == 0)
		return leave_out(r, d, yaml_get(root, "status"), RULE_UNSUPPORTED,
				 "its status is unsupported: its author says that it does not "
				 "work");
	if (!d->title)
		return reject(r, d, root, "a rule needs a title");
	if (yaml_get(root, "taxonomy") && !yaml_is(yaml_get(root, "taxonomy"), "sigma"))
		return reject(r, d, yaml_get(root, "taxonomy"),
			      "its taxonomy is not Sigma's: its fields have other names");
	if (d->kind == SIGMA_RULE && !yaml_get(root, "detection"))
		return reject(r, d, root, "neither detection, correlation nor filter");
	return 0;
}

int sigma_add(struct rules *r, const char *file, struct yaml_tree *tree, struct reel_err *err)
{
	struct rules_maker *m = r->maker;
	struct sigma_tree *keep = calloc(1, sizeof(*keep));
	int status = 0;

	if (!m->sigma) {
		m->sigma = calloc(1, sizeof(*m->sigma));
		if (m->sigma)
			m->sigma->end = &m->sigma->first;
	}
	file = rules_text(r, file, strlen(file));
	if (!keep || !m->sigma || !file) {
		free(keep);
		yaml_tree_free(tree);
		return no_memory(err);
	}
	*keep = (struct sigma_tree){ m->sigma->trees, tree };
	m->sigma->trees = keep;
	for (uint32_t i = 0; i < yaml_tree_n(tree) && status == 0; i++) {
		const struct yaml_value *root = yaml_tree_document(tree, i);

		if (!yaml_is_null(root)) /* what stands behind a last --- */
			status = add_document(r, file, root);
	}
	return status < 0 ? no_memory(err) : 0;
}

void sigma_free(struct sigma *s)
{
	struct sigma_tree *next;

	for (struct sigma_tree *t = s ? s->trees : NULL; t; t = next) {
		next = t->next;
		yaml_tree_free(t->tree);
		free(t);
	}
	free(s);
}

struct sigma_document *sigma_find(struct rules *r, const char *reference)
{
	struct sigma *s = r->maker->sigma;

	for (struct sigma_document *d = s ? s->first : NULL; d; d = d->next)
		if ((d->id && strcmp(d->id, reference) == 0) ||
		    (d->name && strcmp(d->name, reference) == 0))
			return d;
	return NULL;
}

/* What a rule says of itself ------------------------------------------------------------------- */

static struct rule_words words_of(struct rules *r, const struct yaml_value *v)
{
	struct rule_words words = { 0 };

	if (!v || (v->kind == YAML_SEQUENCE && !v->n) || v->kind == YAML_MAPPING)
		return words;
	if (v->kind == YAML_SCALAR && !v->length)
		return words;
	words.v = arena_alloc(&r->maker->scratch,
			      (v->kind == YAML_SEQUENCE ? v->n : 1) * sizeof(*words.v));
	if (!words.v)
		return words;
	if (v->kind == YAML_SCALAR)
		words.v[words.n++] = v->text;
	for (uint32_t i = 0; v->kind == YAML_SEQUENCE && i < v->n; i++)
		if (v->items[i]->kind == YAML_SCALAR && v->items[i]->length)
			words.v[words.n++] = v->items[i]->text;
	return words;
}

void sigma_fill_rule(struct sigma_document *d, struct rule *ret, struct rules *r)
{
	const char *level = text_of(d->root, "level");

	*ret = (struct rule){ .id = d->id ? d->id : d->title,
			      .title = d->title,
			      .description = text_of(d->root, "description"),
			      .author = text_of(d->root, "author"),
			      .status = text_of(d->root, "status"),
			      .file = d->file,
			      .line = d->root->line,
			      .language = RULE_SIGMA,
			      .severity = RULE_MEDIUM,
			      .key = RULE_BY_PROCESS,
			      .within_ns = RULES_FOREVER,
			      .why_not = d->why_not,
			      .partly = d->partly };
	for (unsigned i = 0; level && rule_severity_names[i]; i++)
		if (strcasecmp(level, rule_severity_names[i]) == 0)
			ret->severity = (uint8_t)i;
	ret->tags = words_of(r, yaml_get(d->root, "tags"));
	ret->references = words_of(r, yaml_get(d->root, "references"));
	ret->false_positives = words_of(r, yaml_get(d->root, "falsepositives"));
}

/* Rules ---------------------------------------------------------------------------------------- */

static int find_source(struct sigma_document *d, struct sigma_compile *c)
{
	const struct yaml_value *at = yaml_get(d->root, "logsource");
	const char *category = text_of(at, "category"), *service = text_of(at, "service");
	const char *product = text_of(at, "product"), *why;
	char reason[256];

	if (!at || at->kind != YAML_MAPPING)
		return (int)sigma_wrong(c, d->root, "a rule needs a logsource");
	if (!category && !service && !product)
		return (int)sigma_wrong(c, at,
					"a logsource needs a category, a product or a service");
	d->source = sigma_source_find(category, product, service, reason, sizeof(reason), &why);
	if (!d->source)
		d->why_not = arena_text(&c->rules->maker->scratch, why, strlen(why));
	else if (d->source->partly)
		d->partly = d->source->partly;
	return 0;
}

/* A rule that is right, and that no event can fulfil. */
static int add_never(struct sigma_compile *c, struct sigma_form *ret)
{
	struct reel_err *err = c->err;
	int64_t expr = rules_add_expr(c->rules, RULE_EXPR_TRUE, 0, 0);

	if (expr >= 0)
		expr = rules_add_expr(c->rules, RULE_EXPR_NOT, (uint32_t)expr, 0);
	if (expr < 0)
		return no_memory(err);
	*ret = (struct sigma_form){ .expr = (uint32_t)expr };
	ret->types[EV_exec / 8] |= 1u << EV_exec % 8;
	return 0;
}

static int add_form(struct sigma_compile *c, unsigned type, int64_t expr)
{
	struct sigma_document *d = c->doc;

	if (expr == SIGMA_ALWAYS)
		expr = rules_add_expr(c->rules, RULE_EXPR_TRUE, 0, 0);
	if (expr < 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < d->n_forms; i++) {
		if (d->forms[i].expr != (uint32_t)expr)
			continue;
		d->forms[i].types[type / 8] |= (uint8_t)(1u << type % 8);
		return 0;
	}
	d->forms[d->n_forms] = (struct sigma_form){ .expr = (uint32_t)expr };
	d->forms[d->n_forms++].types[type / 8] |= (uint8_t)(1u << type % 8);
	return 0;
}

/* The expression for events of one type: of all records that are made of them. */
static int64_t on_type(struct sigma_compile *c, const struct reel_type *t, unsigned uses)
{
	const struct yaml_value *condition = yaml_get(c->detection, "condition");
	const struct sigma_source *s = c->doc->source;
	int64_t any = SIGMA_NEVER;

	for (size_t i = 0; i < s->n_views && any != SIGMA_FAILED; i++) {
		int64_t expr;

		if (!sigma_view_matters(&s->views[i], t, uses))
			continue;
		c->view = &s->views[i];
		c->type = t;
		expr = sigma_condition(c, condition);
		if (expr != SIGMA_FAILED && expr != SIGMA_NEVER)
			expr = sigma_and(c, sigma_base(c), expr);
		any = sigma_or(c, any, expr);
	}
	return any;
}

static int compile_types(struct sigma_compile *c)
{
	struct sigma_document *d = c->doc;
	unsigned uses = sigma_uses(c->detection);

	d->forms = sigma_alloc(c, EV_MAX_TYPES * sizeof(*d->forms));
	for (const struct reel_type *t = reel_types; d->forms && t->name; t++) {
		int64_t expr = on_type(c, t, uses);

		if (expr != SIGMA_FAILED)
			expr = sigma_apply_filters(c, t, uses, expr);
		if (expr == SIGMA_FAILED)
			return 0;
		if (expr != SIGMA_NEVER && add_form(c, t->id, expr) < 0)
			c->is_out_of_memory = true;
	}
	return 0;
}

int sigma_compile_rule(struct rules *r, struct sigma_document *d, struct reel_err *err)
{
	struct sigma_compile c = { .rules = r, .doc = d, .err = err };
	const char *lacking = NULL;

	if (d->is_compiled || d->is_rejected)
		return 0;
	d->is_compiled = true;
	c.detection = yaml_get(d->root, "detection");
	if (c.detection->kind != YAML_MAPPING)
		(void)sigma_wrong(&c, c.detection, "detection is a mapping");
	else if (!yaml_get(c.detection, "condition"))
		(void)sigma_wrong(&c, c.detection, "detection needs a condition");
	else if (yaml_get(c.detection, "timeframe"))
		(void)sigma_wrong(&c, yaml_get(c.detection, "timeframe"),
				  "timeframe is said by a correlation now");
	if (!c.is_wrong)
		(void)find_source(d, &c);
	if (!c.is_wrong && !d->source)
		sigma_check_only(&c);
	if (!c.is_wrong && d->source) {
		(void)compile_types(&c);
		lacking = c.is_wrong ? NULL : sigma_lacking(&c);
	}
	if (c.is_out_of_memory)
		return no_memory(err);
	if (c.is_wrong)
		return sigma_reject(r, d, &c) < 0 ? no_memory(err) : 0;
	if (d->source && !d->n_forms)
		d->why_not = lacking ? lacking : "no event can be what it asks for";
	else if (lacking && !d->partly)
		d->partly = lacking;
	if (d->n_forms)
		return 0;
	d->forms = arena_alloc(&r->maker->scratch, sizeof(*d->forms));
	if (!d->forms)
		return no_memory(err);
	d->n_forms = 1;
	return add_never(&c, d->forms);
}

static int add_correlation(struct rules *r, struct sigma_document *d, struct reel_err *err)
{
	struct rule rule;
	int status;

	sigma_fill_rule(d, &rule, r);
	rule.key = RULE_BY_GROUP;
	rule.within_ns = d->within_ns;
	rule.nodes = d->nodes;
	rule.n_nodes = d->n_nodes;
	status = rules_add_rule(r, &rule, err);
	if (status == -EEXIST)
		status = reject(r, d, d->root, "%.200s", err->msg);
	return status;
}

/* A rule of its own: each form is a node that begins and ends it. */
static int add_rule(struct rules *r, struct sigma_document *d, struct reel_err *err)
{
	struct rule_node *nodes = arena_alloc(&r->maker->scratch, d->n_forms * sizeof(*nodes));
	struct rule rule;
	int status;

	if (!nodes)
		return no_memory(err);
	sigma_fill_rule(d, &rule, r);
	for (uint32_t i = 0; i < d->n_forms; i++) {
		struct rule_step step = { .outcome = RULE_SUCCEEDED, .expr = d->forms[i].expr };
		int64_t number;

		memcpy(step.types, d->forms[i].types, sizeof(step.types));
		number = rules_add_step(r, &step);
		if (number < 0)
			return no_memory(err);
		nodes[i] = (struct rule_node){ .kind = RULE_NODE_STEP,
					       .is_end = true,
					       .parent = RULES_NONE,
					       .within_ns = RULES_FOREVER,
					       .step = (uint32_t)number,
					       .line = d->root->line };
	}
	rule.nodes = nodes;
	rule.n_nodes = d->n_forms;
	status = rules_add_rule(r, &rule, err);
	if (status == -EEXIST)
		status = reject(r, d, d->root, "%.200s", err->msg);
	return status == -ENOMEM ? no_memory(err) : status;
}

int sigma_finish(struct rules *r, struct reel_err *err)
{
	struct sigma *s = r->maker->sigma;
	int status = 0;

	for (struct sigma_document *d = s ? s->first : NULL; d && status == 0; d = d->next)
		if (d->kind == SIGMA_RULE)
			status = sigma_compile_rule(r, d, err);
	for (struct sigma_document *d = s ? s->first : NULL; d && status == 0; d = d->next)
		if (d->kind == SIGMA_CORRELATION)
			status = sigma_compile_correlation(r, d, err);
	for (struct sigma_document *d = s ? s->first : NULL; d && status == 0; d = d->next) {
		if (d->is_rejected || d->kind == SIGMA_FILTER)
			continue;
		if (d->is_silent)
			status =
				leave_out(r, d, d->root, RULE_PART, "a correlation reports for it");
		else if (d->kind == SIGMA_CORRELATION)
			status = add_correlation(r, d, err);
		else
			status = add_rule(r, d, err);
	}
	return status;
}
