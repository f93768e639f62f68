/* SPDX-License-Identifier: BSD-2-Clause */
/* The rules of a replay: loading them, leaving out what was not asked for, what each cost. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "format/outcome.h"
#include "replay/replay.h"

static bool has_tag(const struct rule *rule, const char *tag)
{
	for (uint32_t i = 0; i < rule->tags.n; i++)
		if (strcmp(rule->tags.v[i], tag) == 0)
			return true;
	return false;
}

static bool is_wanted(const struct replay_options *o, const struct rule *rule)
{
	uint32_t n = (uint32_t)strlen(rule->id);
	bool fits = o->only.n == 0, tagged = o->tags.n == 0;

	for (size_t i = 0; i < o->only.n && !fits; i++)
		fits = match_one(MATCH_GLOB, 0, o->only.v[i], strlen(o->only.v[i]), rule->id, n,
				 n) == TRUTH_YES;
	for (size_t i = 0; i < o->tags.n && !tagged; i++)
		tagged = has_tag(rule, o->tags.v[i]);
	return fits && tagged && rule->severity >= o->severity;
}

static void choose_rules(const struct replay_options *o, struct rules *rules)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < rules->n; i++)
		if (is_wanted(o, &rules->list[i]))
			rules->list[kept++] = rules->list[i];
	rules->n = kept;
}

int replay_load_again(struct replay *r, const struct reel_strings *paths, struct rules **ret,
		      struct reel_err *err)
{
	struct rules *rules = NULL;
	int result = rules_new(&rules, err);

	for (size_t i = 0; result == 0 && i < paths->n; i++)
		result = rules_load(rules, paths->v[i], err);
	if (result == 0)
		result = rules_finish(rules, err);
	if (result < 0) {
		rules_free(rules);
		return result;
	}
	choose_rules(&r->options, rules);
	*ret = rules;
	return 0;
}

void replay_say_notes(struct replay *r, const struct rules *rules)
{
	for (uint32_t i = 0; i < rules->n_notes; i++) {
		const struct rule_note *n = &rules->notes[i];

		if (n->is_error)
			fprintf(stderr, "%s:%u:%u: error: %s\n", n->file, n->line, n->column,
				n->text);
		else if (r->args.common.verbose)
			fprintf(stderr, "%s:%u:%u: warning: %s\n", n->file, n->line, n->column,
				n->text);
	}
}

int replay_load(struct replay *r, const struct reel_strings *paths, struct rules **ret)
{
	struct reel_err err = { 0 };
	int result = replay_load_again(r, paths, ret, &err);

	if (result < 0)
		return replay_fail(r, result, &err);
	replay_say_notes(r, *ret);
	if ((*ret)->n_errors) {
		reel_err_set(&err, -EINVAL, "%u of %u files of rules do not compile",
			     (*ret)->n_rejected, (*ret)->n_files);
		return reel_command_fail(r->self, REEL_STATUS_USAGE, &err);
	}
	if (!(*ret)->n) {
		reel_err_set(&err, -EINVAL, "there is no rule to look for");
		return reel_command_fail(r->self, REEL_STATUS_USAGE, &err);
	}
	return REEL_STATUS_OK;
}
