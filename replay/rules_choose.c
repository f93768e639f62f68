/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay/rules_choose.h"

#include <stdlib.h>
#include <string.h>

static bool has_tag(const struct rule *rule, const char *tag)
{
	for (uint32_t i = 0; i < rule->tags.n; i++)
		if (strcmp(rule->tags.v[i], tag) == 0)
			return true;
	return false;
}

static bool is_called(const char *glob, const char *name)
{
	uint32_t n = (uint32_t)strlen(name);

	return match_one(MATCH_GLOB, 0, glob, strlen(glob), name, n, n) == TRUTH_YES;
}

static bool is_wanted(const struct rules_choice *o, const struct rule *rule)
{
	bool fits = o->names.n == 0, tagged = o->tags.n == 0;

	for (size_t i = 0; i < o->names.n && !fits; i++)
		fits = is_called(o->names.v[i], rule->id) || is_called(o->names.v[i], rule->title);
	for (size_t i = 0; i < o->tags.n && !tagged; i++)
		tagged = has_tag(rule, o->tags.v[i]);
	return fits && tagged && rule->severity >= o->severity;
}

static void mark_steps(uint8_t *used, const uint32_t *steps, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		used[steps[i]] = 1;
}

static void mark_rule(uint8_t *used, const struct rule *rule)
{
	mark_steps(used, rule->unlesses, rule->n_unlesses);
	for (uint32_t i = 0; i < rule->n_nodes; i++) {
		const struct rule_node *n = &rule->nodes[i];

		if (n->kind == RULE_NODE_ALL)
			mark_steps(used, n->members, n->n_members);
		else
			mark_steps(used, &n->step, 1);
		mark_steps(used, n->guards, n->n_guards);
		mark_steps(used, n->stops, n->n_stops);
		mark_steps(used, n->unlesses, n->n_unlesses);
	}
}

/* Steps that are left over want no type any more. Without memory they are asked in vain. */
void rules_keep_first(struct rules *rules, uint32_t n)
{
	uint8_t *used = calloc(rules->n_steps + 1u, 1);

	rules->n = n;
	for (uint32_t i = 0; used && i < n; i++)
		mark_rule(used, &rules->list[i]);
	for (uint32_t i = 0; used && i < rules->n_steps; i++)
		if (!used[i])
			memset(rules->steps[i].types, 0, sizeof(rules->steps[i].types));
	free(used);
}

void rules_choose(struct rules *rules, const struct rules_choice *o)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < rules->n; i++)
		if (is_wanted(o, &rules->list[i]))
			rules->list[kept++] = rules->list[i];
	if (kept < rules->n)
		rules_keep_first(rules, kept);
}
