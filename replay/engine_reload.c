/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Other rules while a tape is followed. Everything that can fail is made beside what is there; then
 * both change places.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "replay/engine_impl.h"

/* What of an engine is by rule, or by step. */
struct replacement {
	struct engine plans;
	int32_t *rule_of; /* by old rule */
	uint64_t *evaluations, *hits;
	struct blind **blind; /* by boot */
	uint64_t **since_ns;
	struct sequence *sequence;
	struct eval eval;
	struct scanner scanner;
};

static void replacement_done(struct replacement *x, unsigned n_boots)
{
	for (unsigned i = 0; i < n_boots; i++) {
		free(x->blind ? x->blind[i] : NULL);
		free(x->since_ns ? x->since_ns[i] : NULL);
	}
	free(x->blind);
	free(x->since_ns);
	free(x->rule_of);
	free(x->evaluations);
	free(x->hits);
	sequence_free(x->sequence);
	eval_done(&x->eval);
	scanner_done(&x->scanner);
	engine_drop_plans(&x->plans);
}

static int by_id(const void *a, const void *b, void *context)
{
	const struct rules *r = context;

	return strcmp(r->list[*(const uint32_t *)a].id, r->list[*(const uint32_t *)b].id);
}

/* The same id and the same compiled form make the same rule. */
static int match_rules(const struct rules *old, struct rules *now, int32_t *rule_of)
{
	uint32_t *order = calloc(now->n + 1u, sizeof(*order));

	if (!order)
		return -ENOMEM;
	for (uint32_t i = 0; i < now->n; i++)
		order[i] = i;
	qsort_r(order, now->n, sizeof(*order), by_id, now);
	for (uint32_t i = 0; i < old->n; i++) {
		uint32_t low = 0, high = now->n;

		rule_of[i] = RULES_NONE;
		while (low < high) {
			uint32_t middle = low + (high - low) / 2;
			const struct rule *rule = &now->list[order[middle]];
			int way = strcmp(old->list[i].id, rule->id);

			if (way == 0) {
				if (rule->hash == old->list[i].hash)
					rule_of[i] = (int32_t)order[middle];
				break;
			}
			if (way < 0)
				high = middle;
			else
				low = middle + 1;
		}
	}
	free(order);
	return 0;
}

static int make_arrays(const struct engine *e, const struct rules *rules, struct replacement *x)
{
	x->rule_of = calloc(e->rules->n + 1u, sizeof(*x->rule_of));
	x->evaluations = calloc(rules->n_steps + 1u, sizeof(*x->evaluations));
	x->hits = calloc(rules->n_steps + 1u, sizeof(*x->hits));
	x->blind = calloc(e->n_boots + 1u, sizeof(*x->blind));
	x->since_ns = calloc(e->n_boots + 1u, sizeof(*x->since_ns));
	if (!x->rule_of || !x->evaluations || !x->hits || !x->blind || !x->since_ns)
		return -ENOMEM;
	for (unsigned i = 0; i < e->n_boots; i++) {
		x->blind[i] = calloc(rules->n + 1u, sizeof(**x->blind));
		x->since_ns[i] = calloc(rules->n + 1u, sizeof(**x->since_ns));
		if (!x->blind[i] || !x->since_ns[i])
			return -ENOMEM;
	}
	return 0;
}

/* For the boot that is looked at. */
static int make_state(struct engine *e, struct replacement *x, struct reel_err *err)
{
	struct sequence_options o = engine_sequence_options(e, x->blind[e->n_boots - 1]);
	int r = sequence_new(x->plans.sequence_plan, &o, e->model, err, &x->sequence);

	if (r == 0) {
		r = eval_init(&x->eval, x->plans.eval_plan, err);
		x->eval.model = e->model;
		x->eval.is_slow = e->o.is_slow;
	}
	if (r == 0 && e->has_scanner)
		r = scanner_init(&x->scanner, x->plans.scan_plan, err);
	return r;
}

/* What a step cost is a rule's history, and goes with it. */
static void keep_step(struct replacement *x, const struct engine *e, uint32_t old, uint32_t now)
{
	x->evaluations[now] = e->stats.evaluations[old];
	x->hits[now] = e->stats.hits[old];
}

static void keep_steps(struct replacement *x, const struct engine *e, const uint32_t *old,
		       const uint32_t *now, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		keep_step(x, e, old[i], now[i]);
}

static void keep_costs(struct replacement *x, const struct engine *e, const struct rule *old,
		       const struct rule *now)
{
	keep_steps(x, e, old->unlesses, now->unlesses, old->n_unlesses);
	for (uint32_t i = 0; i < old->n_nodes; i++) {
		const struct rule_node *a = &old->nodes[i], *b = &now->nodes[i];

		if (a->kind == RULE_NODE_ALL)
			keep_steps(x, e, a->members, b->members, a->n_members);
		else
			keep_step(x, e, a->step, b->step);
		keep_steps(x, e, a->guards, b->guards, a->n_guards);
		keep_steps(x, e, a->stops, b->stops, a->n_stops);
		keep_steps(x, e, a->unlesses, b->unlesses, a->n_unlesses);
	}
}

/* From here on nothing fails. */
static void keep_rules(struct engine *e, const struct rules *rules, struct replacement *x)
{
	uint64_t now_ns = e->now_ns > e->settled_ns ? e->now_ns : e->settled_ns;

	for (unsigned b = 0; b < e->n_boots; b++)
		for (uint32_t i = 0; i < rules->n; i++)
			x->since_ns[b][i] = e->boots[b] == e->boot ? now_ns : UINT64_MAX;
	for (uint32_t i = 0; i < e->rules->n; i++) {
		int32_t to = x->rule_of[i];

		for (unsigned b = 0; b < e->n_boots; b++) {
			struct engine_boot *boot = e->boots[b];

			if (to < 0) {
				blind_done(&boot->blind[i]);
				continue;
			}
			x->blind[b][to] = boot->blind[i];
			boot->blind[i] = (struct blind){ 0 };
			x->since_ns[b][to] = boot->since_ns[i];
		}
		if (to >= 0)
			keep_costs(x, e, &e->rules->list[i], &rules->list[to]);
	}
	for (unsigned b = 0; b < e->n_boots; b++) {
		struct engine_boot *boot = e->boots[b];
		struct blind *blind = boot->blind;
		uint64_t *since_ns = boot->since_ns;

		boot->blind = x->blind[b];
		boot->since_ns = x->since_ns[b];
		x->blind[b] = blind;
		x->since_ns[b] = since_ns;
	}
}

#define SWAP(a, b)                    \
	do {                          \
		typeof(a) kept = (a); \
		(a) = (b);            \
		(b) = kept;           \
	} while (0)

static void change_places(struct engine *e, struct rules *rules, struct replacement *x)
{
	if (e->boot) {
		sequence_move(x->sequence, e->sequence, x->rule_of);
		SWAP(e->sequence, x->sequence);
		SWAP(e->eval, x->eval);
		if (e->has_scanner)
			SWAP(e->scanner, x->scanner);
	}
	SWAP(e->eval_plan, x->plans.eval_plan);
	SWAP(e->scan_plan, x->plans.scan_plan);
	SWAP(e->sequence_plan, x->plans.sequence_plan);
	SWAP(e->reads, x->plans.reads);
	SWAP(e->stats.evaluations, x->evaluations);
	SWAP(e->stats.hits, x->hits);
	e->rules = rules;
}

int engine_reload(struct engine *e, struct rules *rules, struct reel_err *err)
{
	struct replacement x = { 0 };
	uint64_t number = e->plan_number + 1;
	int r = make_arrays(e, rules, &x);

	if (r == 0)
		r = match_rules(e->rules, rules, x.rule_of);
	if (r < 0)
		reel_err_set(err, r, "no memory for rules");
	if (r == 0)
		r = engine_make_plans(e, rules, number, &x.plans, err);
	if (r == 0 && e->is_live)
		engine_want_names(&x.plans);
	/* What was answered until now nobody has listened to. */
	if (r == 0 && e->boot && x.plans.scan_plan->wants[EV_dns] && !e->scan_plan->wants[EV_dns])
		model_dns_lost(e->model, e->now_ns);
	if (r == 0 && e->boot)
		r = make_state(e, &x, err);
	if (r == 0 && e->boot)
		r = engine_settle_findings(e, err);
	if (r == 0)
		r = findings_set_rules(e->findings, rules, x.rule_of, e->rules->n, err);
	if (r == 0) {
		e->plan_number = number;
		if (e->boot)
			engine_add_stats(e);
		keep_rules(e, rules, &x);
		change_places(e, rules, &x);
	}
	replacement_done(&x, e->n_boots);
	return r;
}
