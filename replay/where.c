/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay/where.h"

#include <errno.h>
#include <stdlib.h>

struct where {
	struct rules *rules;
	struct eval_plan *plan;
	struct eval eval;
	uint32_t expr;
};

int where_new(const char *text, struct where **ret, struct reel_err *err)
{
	struct where *w = calloc(1, sizeof(*w));
	int r = w ? rules_new(&w->rules, err) : reel_err_set(err, -ENOMEM, "no memory");

	if (r == 0)
		r = rules_predicate(w->rules, text, &w->expr, err);
	if (r == 0)
		r = rules_finish(w->rules, err);
	if (r == 0)
		r = eval_plan_new(w->rules, 1, &w->plan, err);
	if (r == 0)
		r = eval_plan_predicate(w->plan, w->expr, err);
	if (r == 0)
		r = eval_init(&w->eval, w->plan, err);
	if (r < 0) {
		where_free(w);
		return r;
	}
	*ret = w;
	return 0;
}

void where_free(struct where *w)
{
	if (!w)
		return;
	if (w->plan)
		eval_done(&w->eval);
	eval_plan_free(w->plan);
	rules_free(w->rules);
	free(w);
}

bool where_types(const struct where *w, bool types[EV_MAX_TYPES])
{
	bool asks = false;

	for (unsigned t = 0; t < EV_MAX_TYPES; t++) {
		/* Unknown to this build: what is asked may be that it has no such field. */
		if (!reel_type_by_id(t)) {
			types[t] = true;
		} else if (sieve_can_hold(w->plan, t, w->expr)) {
			types[t] = true;
			asks |= eval_asks_name(w->plan, t, w->expr);
		}
	}
	return asks;
}

enum truth where_holds(struct where *w, const struct reel_event *ev, struct model *model,
		       struct model_process *process)
{
	w->eval.model = model;
	w->eval.process = process;
	return eval_expr(&w->eval, w->expr, ev);
}
