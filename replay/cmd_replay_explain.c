/* SPDX-License-Identifier: BSD-2-Clause */
/* reel replay --explain: how a rule came to its matches, or how far it got. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/json.h"
#include "format/outcome.h"
#include "replay/replay.h"
#include "replay/rule_text.h"

struct explainer {
	struct replay *r;
	struct explain *x;
	const struct rule *rule;
	struct reel_out words;
	struct reel_renderer renderer;
	bool is_json;
};

/* Running -------------------------------------------------------------------------------------- */

static int find_rule(struct replay *r)
{
	struct reel_nearest near = REEL_NEAREST(r->options.explain);

	for (uint32_t i = 0; i < r->rules->n; i++) {
		if (strcmp(r->rules->list[i].id, r->options.explain) == 0) {
			r->rules->list[0] = r->rules->list[i];
			rules_keep_first(r->rules, 1);
			return REEL_STATUS_OK;
		}
		reel_nearest_offer(&near, r->rules->list[i].id);
	}
	if (near.best)
		return reel_command_misuse(r->self, "there is no rule '%s', did you mean '%s'?",
					   r->options.explain, near.best);
	return reel_command_misuse(r->self, "there is no rule '%s'", r->options.explain);
}

/* Words ---------------------------------------------------------------------------------------- */

static void put_duration(struct reel_out *o, uint64_t ns)
{
	char text[40];

	if (ns == RULES_FOREVER)
		snprintf(text, sizeof(text), "forever");
	else if (ns % 1000000000 == 0)
		snprintf(text, sizeof(text), "%llus", (unsigned long long)(ns / 1000000000));
	else
		snprintf(text, sizeof(text), "%.9gs", (double)ns / 1e9);
	out_str(o, text);
}

static void put_event(struct explainer *e, const struct explain_event *ev)
{
	struct engine_boot *b = e->r->engine->boots[ev->boot];
	int64_t real = engine_realtime(b, ev->seen->event.ts);

	out_reset(&e->words);
	reel_render_event(&e->renderer, &ev->seen->event, real ? real : -1, b->id, b->host);
	if (e->words.len && e->words.buf[e->words.len - 1] == '\n')
		e->words.len--;
	out_mem(&e->r->out, e->words.buf, e->words.len);
}

/* What a node waits for. */
static const uint32_t *steps_of(const struct rule_node *n, uint32_t *ret_n)
{
	*ret_n = n->kind == RULE_NODE_ALL ? n->n_members : 1;
	return n->kind == RULE_NODE_ALL ? n->members : &n->step;
}

static const char *missing_why(const struct explainer *e, const struct rule_step *s)
{
	const struct engine *engine = e->r->engine;

	for (unsigned i = 0; i < engine->n_boots; i++) {
		const struct coverage *c = &engine->boots[i]->coverage;

		for (unsigned t = 0; t < EV_MAX_TYPES; t++)
			if (s->types[t / 8] & c->missing[t / 8] & 1u << t % 8)
				return coverage_why(c, t);
	}
	return NULL;
}

/* Text ----------------------------------------------------------------------------------------- */

static void put_count(struct reel_out *o, uint64_t n, const char *one, const char *many)
{
	out_u64(o, n);
	out_char(o, ' ');
	out_str(o, n == 1 ? one : many);
}

static void put_first_and_last(struct explainer *e, const struct explain_event *first,
			       const struct explain_event *last)
{
	struct reel_out *o = &e->r->out;

	if (first->seen) {
		out_str(o, "       first ");
		put_event(e, first);
		out_char(o, '\n');
	}
	if (last->seen) {
		out_str(o, "       last  ");
		put_event(e, last);
		out_char(o, '\n');
	}
}

/* Those that spoke against the step, most often first. */
static void put_leaves(struct explainer *e, const struct explain_step *s)
{
	uint64_t below = UINT64_MAX;
	struct reel_out *o = &e->r->out;

	for (uint32_t shown = 0; shown < s->n_leaves;) {
		uint64_t most = 0;

		for (uint32_t i = 0; i < s->n_leaves; i++)
			if (s->leaves[i].no < below && s->leaves[i].no > most)
				most = s->leaves[i].no;
		if (!most)
			break;
		for (uint32_t i = 0; i < s->n_leaves; i++) {
			const struct explain_leaf *l = &s->leaves[i];

			if (l->no != most)
				continue;
			out_str(o, "       ");
			rule_text_leaf(o, &e->x->rules->leaves[l->leaf]);
			out_str(o, l->is_negated ? " was true for " : " was false for ");
			out_u64(o, l->no);
			out_str(o, " of ");
			out_u64(o, l->asked);
			if (l->unknown) {
				out_str(o, ", not known for ");
				out_u64(o, l->unknown);
			}
			out_char(o, '\n');
			shown++;
		}
		below = most;
	}
}

static void put_step(struct explainer *e, uint32_t step, const char *role)
{
	const struct rule_step *about = &e->x->rules->steps[step];
	const struct explain_step *s = &e->x->steps[step];
	struct reel_out *o = &e->r->out;
	const char *why;

	out_str(o, "     ");
	out_str(o, role);
	rule_text_step(o, e->x->rules, about);
	out_str(o, "\n       ");
	put_count(o, s->events, "event of its types", "events of its types");
	why = s->events ? NULL : missing_why(e, about);
	if (why) {
		out_str(o, ": ");
		out_str(o, why);
	}
	if (s->outcome) {
		out_str(o, ", ");
		out_u64(o, s->outcome);
		out_str(o,
			about->outcome == RULE_FAILED ? " of them succeeded" : " of them failed");
	}
	out_str(o, "; ");
	out_u64(o, s->matched);
	out_str(o, " matched");
	if (s->unknown) {
		out_str(o, ", ");
		put_count(o, s->unknown, "may have", "may have");
	}
	out_char(o, '\n');
	if (s->matched)
		put_first_and_last(e, &s->first, &s->last);
	else
		put_leaves(e, s);
}

static void put_fate(struct reel_out *o, uint64_t n, const char *text)
{
	if (!n)
		return;
	out_str(o, "     ");
	out_u64(o, n);
	out_str(o, n == 1 ? " time " : " times ");
	out_str(o, text);
	out_char(o, '\n');
}

static void put_fates(struct explainer *e, uint32_t node)
{
	const struct rule_node *about = &e->rule->nodes[node];
	const struct explain_node *n = &e->x->nodes[node];
	struct reel_out *o = &e->r->out;

	put_fate(o, n->early, "it matched, and nothing had come before it");
	put_fate(o, n->late, "it came too late after the step before");
	put_fate(o, n->late_path, "it came too late after the first step");
	put_fate(o, n->held, "an unless, or another way's condition, had come before");
	if (about->kind == RULE_NODE_COUNT)
		put_fate(o, n->counted, "an event was counted");
	if (about->kind == RULE_NODE_ALL)
		put_fate(o, n->counted, "a member came, with others still missing");
	out_str(o, "     reached ");
	put_count(o, n->reached, "time", "times");
	out_char(o, '\n');
	put_fate(o, n->killed, "it ended here by an unless");
	put_fate(o, n->ended, "it ended here with its process, family or container");
}

static void put_node(struct explainer *e, uint32_t node)
{
	const struct rule_node *about = &e->rule->nodes[node];
	struct reel_out *o = &e->r->out;
	const uint32_t *steps;
	uint32_t n;

	out_str(o, "step ");
	out_u64(o, node + 1);
	out_str(o, ", line ");
	out_u64(o, about->line);
	if (about->parent >= 0) {
		out_str(o, ", after step ");
		out_u64(o, (uint64_t)about->parent + 1);
		if (about->within_ns != RULES_FOREVER) {
			out_str(o, " within ");
			put_duration(o, about->within_ns);
		}
	}
	for (uint32_t i = 0; i < about->n_blocks; i++) {
		out_str(o, i ? " > " : ", in ");
		out_quoted(o, about->blocks[i], strlen(about->blocks[i]), '"');
	}
	if (about->kind == RULE_NODE_COUNT) {
		out_str(o, ", ");
		out_u64(o, about->count);
		out_str(o, " times within ");
		put_duration(o, about->window_ns);
	}
	out_char(o, '\n');
	steps = steps_of(about, &n);
	for (uint32_t i = 0; i < n; i++)
		put_step(e, steps[i], n > 1 ? "member: " : "");
	for (uint32_t i = 0; i < about->n_stops; i++)
		put_step(e, about->stops[i], "unless, before it: ");
	for (uint32_t i = 0; i < about->n_guards; i++)
		put_step(e, about->guards[i], "held back by: ");
	put_fates(e, node);
	for (uint32_t i = 0; i < about->n_unlesses; i++)
		put_step(e, about->unlesses[i], "then unless: ");
}

static uint32_t furthest(const struct explainer *e)
{
	uint32_t best = 0, depth_of_best = 0;

	for (uint32_t i = 0; i < e->rule->n_nodes; i++) {
		uint32_t depth = 1;

		if (!e->x->nodes[i].reached)
			continue;
		for (int32_t at = e->rule->nodes[i].parent; at >= 0; at = e->rule->nodes[at].parent)
			depth++;
		if (depth > depth_of_best) {
			depth_of_best = depth;
			best = i + 1;
		}
	}
	return best;
}

static void put_text(struct explainer *e)
{
	struct reel_out *o = &e->r->out;
	uint32_t far = furthest(e);

	out_text_string(o, e->rule->id, strlen(e->rule->id));
	out_str(o, ", ");
	out_text_string(o, e->rule->file, strlen(e->rule->file));
	out_char(o, ':');
	out_u64(o, e->rule->line);
	out_str(o, ", by ");
	out_str(o, rule_key_name(e->rule->key));
	if (e->rule->within_ns != RULES_FOREVER) {
		out_str(o, ", within ");
		put_duration(o, e->rule->within_ns);
	}
	out_char(o, '\n');
	for (uint32_t i = 0; i < e->rule->n_unlesses; i++)
		put_step(e, e->rule->unlesses[i], "unless, from its first step on: ");
	for (uint32_t i = 0; i < e->rule->n_nodes; i++)
		put_node(e, i);
	for (unsigned i = 0; i < BLIND_REASONS; i++) {
		if (!e->x->undecided[i])
			continue;
		put_count(o, e->x->undecided[i], "event was", "events were");
		out_str(o, " undecided: ");
		out_str(o, blind_reason_text((enum blind_reason)i));
		out_char(o, '\n');
	}
	put_count(o, e->x->matches, "match", "matches");
	if (e->x->suppressed) {
		out_str(o, ", ");
		out_u64(o, e->x->suppressed);
		out_str(o, " more suppressed by a tune");
	}
	if (!e->x->matches && !e->x->suppressed && far) {
		out_str(o, "; it got as far as step ");
		out_u64(o, far);
	} else if (!e->x->matches && !e->x->suppressed) {
		out_str(o, "; it never began");
	}
	out_char(o, '\n');
}

/* JSON ----------------------------------------------------------------------------------------- */

static void put_words_json(struct explainer *e, struct reel_json *j, const char *key)
{
	json_bytes(j, key, e->words.buf, e->words.len);
}

static void put_event_json(struct explainer *e, struct reel_json *j, const char *key,
			   const struct explain_event *ev)
{
	if (!ev->seen)
		return;
	json_key(j, key);
	put_event(e, ev);
}

static void put_step_json(struct explainer *e, struct reel_json *j, uint32_t step, const char *role)
{
	const struct explain_step *s = &e->x->steps[step];

	json_begin(j, NULL, '{');
	json_str(j, "role", role);
	out_reset(&e->words);
	rule_text_step(&e->words, e->x->rules, &e->x->rules->steps[step]);
	put_words_json(e, j, "step");
	json_u64(j, "events", s->events);
	json_u64(j, "outcome", s->outcome);
	json_u64(j, "matched", s->matched);
	json_u64(j, "unknown", s->unknown);
	put_event_json(e, j, "first", &s->first);
	put_event_json(e, j, "last", &s->last);
	json_begin(j, "tests", '[');
	for (uint32_t i = 0; i < s->n_leaves; i++) {
		const struct explain_leaf *l = &s->leaves[i];

		json_begin(j, NULL, '{');
		out_reset(&e->words);
		rule_text_leaf(&e->words, &e->x->rules->leaves[l->leaf]);
		put_words_json(e, j, "test");
		json_bool(j, "negated", l->is_negated);
		json_u64(j, "asked", l->asked);
		json_u64(j, "against", l->no);
		json_u64(j, "unknown", l->unknown);
		json_end(j, '}');
	}
	json_end(j, ']');
	json_end(j, '}');
}

static void put_steps_json(struct explainer *e, struct reel_json *j, const uint32_t *steps,
			   uint32_t n, const char *role)
{
	for (uint32_t i = 0; i < n; i++)
		put_step_json(e, j, steps[i], role);
}

static void put_node_json(struct explainer *e, uint32_t node)
{
	const struct rule_node *about = &e->rule->nodes[node];
	const struct explain_node *n = &e->x->nodes[node];
	struct reel_json j = { .out = &e->r->out };
	uint32_t n_steps;
	const uint32_t *steps = steps_of(about, &n_steps);

	json_begin(&j, NULL, '{');
	json_str(&j, "explain", e->rule->id);
	json_u64(&j, "step", node + 1);
	if (about->parent >= 0)
		json_u64(&j, "after", (uint64_t)about->parent + 1);
	json_u64(&j, "line", about->line);
	json_bool(&j, "end", about->is_end);
	json_u64(&j, "reached", n->reached);
	json_u64(&j, "counted", n->counted);
	json_u64(&j, "early", n->early);
	json_u64(&j, "late", n->late);
	json_u64(&j, "late_path", n->late_path);
	json_u64(&j, "held", n->held);
	json_u64(&j, "killed", n->killed);
	json_u64(&j, "ended", n->ended);
	put_event_json(e, &j, "first", &n->first);
	put_event_json(e, &j, "last", &n->last);
	json_begin(&j, "steps", '[');
	put_steps_json(e, &j, steps, n_steps, about->kind == RULE_NODE_ALL ? "member" : "step");
	put_steps_json(e, &j, about->stops, about->n_stops, "stop");
	put_steps_json(e, &j, about->guards, about->n_guards, "guard");
	put_steps_json(e, &j, about->unlesses, about->n_unlesses, "unless");
	if (node == 0)
		put_steps_json(e, &j, e->rule->unlesses, e->rule->n_unlesses, "unless of the path");
	json_end(&j, ']');
	json_end(&j, '}');
	out_char(j.out, '\n');
}

static void put_json(struct explainer *e)
{
	struct reel_json j = { .out = &e->r->out };

	for (uint32_t i = 0; i < e->rule->n_nodes; i++)
		put_node_json(e, i);
	json_begin(&j, NULL, '{');
	json_str(&j, "explained", e->rule->id);
	json_u64(&j, "matches", e->x->matches);
	json_u64(&j, "suppressed", e->x->suppressed);
	json_u64(&j, "furthest", furthest(e));
	json_begin(&j, "undecided", '{');
	for (unsigned i = 0; i < BLIND_REASONS; i++)
		if (e->x->undecided[i])
			json_u64(&j, blind_reason_name((enum blind_reason)i), e->x->undecided[i]);
	json_end(&j, '}');
	json_end(&j, '}');
	out_char(j.out, '\n');
}

/* The command ---------------------------------------------------------------------------------- */

static int put_all(struct replay *r, int *ret_status, struct reel_err *err)
{
	struct explainer e = { .r = r,
			       .x = r->explain,
			       .rule = &r->rules->list[0],
			       .is_json = r->options.format == 1 };
	const struct reel_render_options ro = {
		.format = e.is_json ? REEL_RENDER_JSON : REEL_RENDER_TEXT,
		.tz = r->options.tz,
		.color = r->report.color,
		.host = r->report.by_hosts,
	};
	struct verdict v = { 0 };
	int result = out_init_mem(&e.words);

	if (result == 0)
		result = reel_renderer_init(&e.renderer, &e.words, &ro);
	if (result < 0) {
		out_done(&e.words);
		return reel_err_set(err, result, "no memory to explain a rule");
	}
	if (e.is_json)
		put_json(&e);
	else
		put_text(&e);
	result = verdict_of(r->engine, 0, &v, err);
	if (result == 0)
		report_verdict(&r->report, r->engine, 0, &v);
	if (r->findings->counts[0].matches)
		*ret_status = REEL_STATUS_FINDING;
	else if (verdict_is_touched(&v) || (r->options.require_clean && v.kind != VERDICT_CLEAN))
		*ret_status = REEL_STATUS_INCOMPLETE;
	verdict_done(&v);
	if (result == 0 && out_flush(&r->out) < 0)
		result = reel_err_set(err, out_error(&r->out), "cannot write: %s",
				      strerror(-out_error(&r->out)));
	reel_renderer_done(&e.renderer);
	out_done(&e.words);
	return result;
}

int replay_explain(struct replay *r)
{
	struct reel_err err = { 0 };
	int result, status = find_rule(r);

	if (status != REEL_STATUS_OK)
		return status;
	result = explain_new(r->rules, 0, &r->explain, &err);
	if (result == 0)
		result = replay_make_engine(r, &err);
	if (result == -EINVAL || result == -ERANGE)
		return replay_refuse(r, &err);
	if (result == 0)
		result = engine_replay(r->engine, r->reader, &err);
	replay_end_progress(r);
	if (result == 0 && replay_stop)
		result = reel_err_set(&err, -EINTR, "interrupted");
	if (result == 0)
		replay_say_health(r);
	if (result == 0)
		result = put_all(r, &status, &err);
	return result < 0 ? replay_fail(r, result, &err) : status;
}
