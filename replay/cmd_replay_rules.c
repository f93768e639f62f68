/* SPDX-License-Identifier: BSD-2-Clause */
/* The rules of a replay: loading them, leaving out what was not asked for, what each cost. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "format/json.h"
#include "format/outcome.h"
#include "replay/replay.h"

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
	rules_choose(rules, &r->options.choice);
	*ret = rules;
	return 0;
}

void replay_default_rules(struct reel_strings *rules)
{
	static char path[4096 + 64];
	ssize_t n = rules->n ? 0 : readlink("/proc/self/exe", path, 4096);
	char *slash;

	if (n <= 0)
		return;
	path[n] = '\0';
	slash = strrchr(path, '/');
	if (!slash)
		return;
	snprintf(slash, sizeof(path) - (size_t)(slash - path), "/../share/reel/policies");
	if (access(path, R_OK | X_OK) == 0)
		(void)reel_strings_add(rules, path);
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
	/* Of rules of others the rest is good without those that are not. */
	if ((*ret)->n_errors > (*ret)->n_skipped) {
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

/* What they cost ------------------------------------------------------------------------------- */

static int by_cost(const void *a, const void *b)
{
	const struct rule_cost *x = a, *y = b;

	if (x->ns != y->ns)
		return x->ns > y->ns ? -1 : 1;
	return x->rule < y->rule ? -1 : x->rule > y->rule;
}

static void add_step(const struct engine *e, uint32_t step, const struct profile_count *all,
		     struct rule_cost *to)
{
	const struct sequence_plan *plan = e->sequence_plan;
	const struct profile_count *c = &e->profile->steps[step];
	uint32_t from = plan->first_use[step], end = plan->first_use[step + 1], n = 0;

	/* A step's uses lie by rule. */
	for (uint32_t i = from; i < end; i++)
		n += i == from || plan->uses[i].rule != plan->uses[i - 1].rule;
	for (uint32_t i = from; i < end; i++) {
		struct rule_cost *one = &to[plan->uses[i].rule];

		if (i > from && plan->uses[i].rule == plan->uses[i - 1].rule)
			continue;
		one->ns += profile_estimate_ns(c, all) / n;
		one->evaluations += c->times;
	}
}

int replay_costs(const struct engine *e, struct rule_cost **ret, struct reel_err *err)
{
	struct rule_cost *list = calloc(e->rules->n + 1u, sizeof(*list));
	struct profile_count steps, turns;

	if (!list)
		return reel_err_set(err, -ENOMEM, "no memory for a profile");
	profile_sum(e->profile->steps, e->profile->n_steps, &steps);
	profile_sum(e->profile->rules, e->profile->n_rules, &turns);
	for (uint32_t i = 0; i < e->rules->n; i++) {
		list[i].rule = i;
		list[i].turns = e->profile->rules[i].times;
		list[i].ns = profile_estimate_ns(&e->profile->rules[i], &turns);
	}
	for (uint32_t s = 0; s < e->rules->n_steps; s++)
		add_step(e, s, &steps, list);
	*ret = list;
	return 0;
}

static void put_cost_json(struct reel_out *o, const struct engine *e, const struct rule_cost *c)
{
	const struct rule *rule = &e->rules->list[c->rule];
	struct reel_json j = { .out = o };

	json_begin(&j, NULL, '{');
	json_str(&j, "profile", rule->id);
	json_str(&j, "file", rule->file);
	json_u64(&j, "line", rule->line);
	json_u64(&j, "ns", c->ns);
	json_u64(&j, "evaluations", c->evaluations);
	json_u64(&j, "turns", c->turns);
	json_u64(&j, "matches", e->findings->counts[c->rule].matches);
	json_end(&j, '}');
	out_char(o, '\n');
}

static void put_cost_text(struct reel_out *o, const struct engine *e, const struct rule_cost *c)
{
	const struct rule *rule = &e->rules->list[c->rule];
	char figures[120];

	snprintf(figures, sizeof(figures), "%12.3f ms %12llu %10llu %8llu  ", (double)c->ns / 1e6,
		 (unsigned long long)c->evaluations, (unsigned long long)c->turns,
		 (unsigned long long)e->findings->counts[c->rule].matches);
	out_str(o, figures);
	out_text_string(o, rule->id, strlen(rule->id));
	out_char(o, '\n');
}

static int put_costs(struct replay *r, struct reel_out *o, struct reel_err *err)
{
	struct rule_cost *list = NULL;
	int result = replay_costs(r->engine, &list, err);

	if (result < 0)
		return result;
	qsort(list, r->engine->rules->n, sizeof(*list), by_cost);
	if (r->options.format == 0)
		out_str(o, "           time  evaluations      turns  matches  rule\n");
	for (uint32_t i = 0; i < r->engine->rules->n; i++) {
		if (r->options.format == 0)
			put_cost_text(o, r->engine, &list[i]);
		else
			put_cost_json(o, r->engine, &list[i]);
	}
	free(list);
	return 0;
}

/* JSON goes with the rest of what is said, text to whoever watches. */
void replay_profile(struct replay *r)
{
	struct reel_err err = { 0 };
	struct reel_out talk;
	int result = 0;

	if (r->options.format == 1) {
		result = put_costs(r, &r->out, &err);
	} else if (out_init(&talk, STDERR_FILENO) == 0) {
		result = put_costs(r, &talk, &err);
		(void)out_flush(&talk);
		out_done(&talk);
	}
	if (result < 0)
		(void)replay_fail(r, result, &err);
}
