/* SPDX-License-Identifier: BSD-2-Clause */
/* Items of Falco become rules, when all files are read. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "replay/falco_impl.h"
#include "replay/falco_lower.h"
#include "replay/falco_output.h"

static const struct {
	const char *priority, *shown;
	uint8_t severity;
} priorities[] = {
	{ "emergency", "Emergency", RULE_CRITICAL },
	{ "alert", "Alert", RULE_CRITICAL },
	{ "critical", "Critical", RULE_CRITICAL },
	{ "error", "Error", RULE_HIGH },
	{ "warning", "Warning", RULE_MEDIUM },
	{ "notice", "Notice", RULE_LOW },
	{ "informational", "Informational", RULE_INFORMATIONAL },
	{ "debug", "Debug", RULE_INFORMATIONAL },
};

/* Macros --------------------------------------------------------------------------------------- */

/* Its condition as a tree; what is wrong is said. 0 also then. */
static int parse_condition(struct rules *r, struct falco_item *i, struct arena *memory,
			   const char *condition)
{
	struct reel_err why = { 0 };
	const char *wrong, *text = falco_expand(r, memory, condition, &wrong);
	int status;

	if (!text)
		return wrong ? falco_item_reject(r, i, wrong) : -ENOMEM;
	status = falco_parse(memory, text, strlen(text), &i->node, &why);
	if (status == -ENOMEM)
		return status;
	return status < 0 ? falco_item_reject(r, i, why.msg) : 0;
}

static int prepare(struct rules *r, struct falco_item *i)
{
	int status = 0;

	if (i->is_wrong)
		return 0;
	if (i->kind == FALCO_LIST_ITEM) {
		status = falco_expand_list(r, i);
		if (status == -EINVAL)
			status = falco_item_reject(r, i, "with the lists in it it is too long");
	} else if (i->kind == FALCO_MACRO_ITEM) {
		status = parse_condition(r, i, &r->maker->scratch, i->condition);
	}
	return status;
}

/* A macro is seen by those that were defined, or added to, behind its first definition. */
static const struct falco_node *find_macro(void *user, const char *name, uint32_t *visibility)
{
	const struct falco_item *i = falco_item_find(user, FALCO_MACRO_ITEM, name, strlen(name));

	if (!i || i->is_wrong || i->index >= *visibility)
		return NULL;
	*visibility = i->visibility;
	return i->node;
}

/* The first that it names and does not see; NULL: it sees all. */
static const char *unseen_macro(struct falco *f, const struct falco_item *i,
				const struct falco_node *n)
{
	uint32_t visibility = i->visibility;
	const char *name = NULL;

	if (n->kind == FALCO_MACRO)
		return find_macro(f, n->name, &visibility) ? NULL : n->name;
	if (n->kind == FALCO_TEST)
		return NULL;
	for (uint32_t k = 0; k < n->n && !name; k++)
		name = unseen_macro(f, i, n->nodes[k]);
	return name;
}

static int check_macro(struct rules *r, struct falco_item *i)
{
	const char *name = i->is_wrong ? NULL : unseen_macro(r->maker->falco, i, i->node);
	char reason[FALCO_REASON_BYTES];

	if (!name)
		return 0;
	snprintf(reason, sizeof(reason), "there is no macro %.80s before this", name);
	return falco_item_reject(r, i, reason);
}

/* Rules ---------------------------------------------------------------------------------------- */

static int add(struct rules *r, struct falco_item *i, const struct falco_lowered *l,
	       const struct rule_output *output)
{
	struct rule_node nodes[FALCO_STEPS_MAX];
	struct rule rule = { .id = i->name,
			     .title = i->name,
			     .description = i->description,
			     .file = i->file,
			     .line = i->line,
			     .language = RULE_FALCO,
			     .key = RULE_BY_PROCESS,
			     .tags = { i->tags, i->n_tags },
			     .within_ns = RULES_FOREVER,
			     .nodes = nodes,
			     .n_nodes = l->n_steps,
			     .why_not = l->why_not,
			     .partly = l->partly,
			     .source = i->source ? i->source : "syscall",
			     .output = output };
	struct reel_err why = { 0 };
	int status;

	for (uint32_t k = 0; k < l->n_steps; k++)
		nodes[k] = (struct rule_node){ .kind = RULE_NODE_STEP,
					       .is_end = true,
					       .parent = RULES_NONE,
					       .within_ns = RULES_FOREVER,
					       .step = l->steps[k],
					       .line = i->line };
	for (size_t k = 0; k < sizeof(priorities) / sizeof(*priorities); k++) {
		if (strcmp(priorities[k].priority, i->priority) != 0)
			continue;
		rule.priority = priorities[k].shown;
		rule.severity = priorities[k].severity;
	}
	status = rules_add_rule(r, &rule, &why);
	return status == -EEXIST ? falco_item_reject(r, i, why.msg) : status;
}

/* Events of other sources come from plugins. */
static int add_foreign(struct rules *r, struct falco_item *i)
{
	struct rule_step step = { .outcome = RULE_ATTEMPTED };
	struct falco_lowered l = { 0 };
	int64_t never = rules_add_expr(r, RULE_EXPR_TRUE, 0, 0), number;
	char why[160];

	if (never >= 0)
		never = rules_add_expr(r, RULE_EXPR_NOT, (uint32_t)never, 0);
	if (never < 0)
		return -ENOMEM;
	step.expr = (uint32_t)never;
	step.types[EV_exec / 8] |= 1u << EV_exec % 8;
	number = rules_add_step(r, &step);
	if (number < 0)
		return -ENOMEM;
	snprintf(why, sizeof(why), "events of source %.60s come from a plugin", i->source);
	l.steps[0] = (uint32_t)number;
	l.n_steps = 1;
	l.why_not = why;
	return add(r, i, &l, NULL);
}

static int leave_out(struct rules *r, struct falco_item *i, enum rule_absence absence,
		     const char *reason)
{
	const struct rule_rejected one = { .file = i->file,
					   .id = i->name,
					   .title = i->name,
					   .line = i->line,
					   .language = RULE_FALCO,
					   .absence = (uint8_t)absence,
					   .reason = reason };

	return rules_reject(r, &one);
}

/* -ENOENT: it names a field that there is not. */
static int say_why(struct rules *r, struct falco_item *i, int status, const struct reel_err *why)
{
	char reason[FALCO_REASON_BYTES];

	if (status == -ENOMEM)
		return status;
	if (status != -ENOENT || !i->skips_unknown)
		return falco_item_reject(r, i, why->msg);
	snprintf(reason, sizeof(reason), "as it says itself: %.300s", why->msg);
	return leave_out(r, i, RULE_SKIPPED, reason);
}

static int make_rule(struct rules *r, struct falco_item *i, struct arena *memory)
{
	struct reel_err why = { 0 };
	struct falco_lowering l = { .rules = r,
				    .memory = memory,
				    .err = &why,
				    .macro = find_macro,
				    .user = r->maker->falco,
				    .visibility = UINT32_MAX, /* a rule sees all */
				    .skips_unknown = i->skips_unknown };
	const struct rule_output *output = NULL;
	char reason[FALCO_REASON_BYTES];
	struct falco_lowered lowered;
	const char *condition = falco_with_exceptions(i, memory, reason);
	int status;

	if (!condition)
		return falco_item_reject(r, i, reason);
	status = parse_condition(r, i, memory, condition);
	if (status < 0 || i->is_wrong)
		return status;
	status = falco_lower(&l, i->node, &lowered);
	if (status == 0)
		status = falco_output_parse(r, i->output, &output, &why);
	if (status < 0)
		return say_why(r, i, status, &why);
	if (!lowered.has_types && !i->no_type_warning &&
	    rules_note(r, false, i->file, i->line, 1,
		       "rule '%.80s' does not say evt.type: it is asked of every event",
		       i->name) < 0)
		return -ENOMEM;
	return add(r, i, &lowered, output);
}

static int finish_rule(struct rules *r, struct falco_item *i)
{
	struct arena memory = { 0 };
	int status;

	if (i->is_wrong)
		return 0;
	if (i->is_disabled)
		return leave_out(r, i, RULE_DISABLED, "it is not enabled");
	if (i->source && strcmp(i->source, "syscall") != 0)
		return add_foreign(r, i);
	status = make_rule(r, i, &memory);
	arena_done(&memory);
	return status;
}

int falco_finish(struct rules *r, struct reel_err *err)
{
	struct falco *f = r->maker->falco;
	int status = 0;

	for (struct falco_item *i = f ? f->first : NULL; i && status == 0; i = i->next)
		if (i->kind == FALCO_LIST_ITEM)
			status = prepare(r, i);
	for (struct falco_item *i = f ? f->first : NULL; i && status == 0; i = i->next)
		if (i->kind == FALCO_MACRO_ITEM)
			status = prepare(r, i);
	/* In their order: one that names a wrong one is wrong, too. */
	for (struct falco_item *i = f ? f->first : NULL; i && status == 0; i = i->next)
		if (i->kind == FALCO_MACRO_ITEM)
			status = check_macro(r, i);
	for (struct falco_item *i = f ? f->first : NULL; i && status == 0; i = i->next)
		if (i->kind == FALCO_RULE_ITEM)
			status = finish_rule(r, i);
	return status < 0 ? rules_no_memory(err) : 0;
}
