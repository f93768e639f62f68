/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reel replay --against: what another set of rules finds in the same captures. Both run over each
 * capture, each match by itself. A match is the same if its rule's name and its evidence are; of a
 * rule that both have also if its last event is, whatever led there.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/json.h"
#include "format/outcome.h"
#include "replay/replay.h"

enum { EXAMPLES_SHOWN = 3 };
enum side { OLD, NEW, SIDES };

/* A match, and whether the other side has it too. */
struct entry {
	const char *rule;
	const struct finding *f;
	uint32_t tally;
	bool is_same, is_changed;
};

/* What became of one name of a rule. */
struct tally {
	const char *rule;
	int64_t at[SIDES]; /* in the set of rules; -1: it is not there */
	uint64_t gained, lost, same, changed;
	uint64_t ns[SIDES], evaluations[SIDES];
	uint64_t dropped;
};

struct run {
	struct rules *rules;
	struct findings *findings;
	struct engine *engine;
	struct entry *entries;
	size_t n;
};

struct comparison {
	struct replay *r;
	struct run runs[SIDES];
	struct tally *tallies; /* by name */
	uint32_t n_tallies;
	struct reel_out words;
	bool shows_all, is_json;
	uint64_t gained, lost, same; /* of all captures */
};

/* Running -------------------------------------------------------------------------------------- */

static void say_health(const struct replay *r, const char *path)
{
	char line[REEL_HEALTH_LINE];

	for (unsigned i = 0; reel_health_line(&r->engine->health, i, line); i++)
		reel_command_note(r->self, &r->args.common, "%s: %s", path, line);
}

static void take_run(struct replay *r, struct run *run)
{
	run->findings = r->findings;
	run->engine = r->engine;
	r->findings = NULL;
	r->engine = NULL;
	r->rules = NULL;
}

static void run_done(struct run *run)
{
	engine_free(run->engine);
	findings_free(run->findings);
	free(run->entries);
	run->engine = NULL;
	run->findings = NULL;
	run->entries = NULL;
	run->n = 0;
}

static int run_side(struct comparison *c, enum side side, const char *path, struct reel_err *err)
{
	struct run *run = &c->runs[side];
	struct replay *r = c->r;
	int result;

	r->rules = run->rules;
	result = replay_make_engine(r, err);
	if (result == 0)
		result = engine_replay(r->engine, r->reader, err);
	if (result == 0 && replay_stop)
		result = reel_err_set(err, -EINTR, "interrupted");
	if (result == 0 && side == OLD)
		say_health(r, path);
	take_run(r, run);
	return result;
}

/* Comparing ------------------------------------------------------------------------------------ */

static int by_rule(const void *a, const void *b)
{
	return strcmp(((const struct tally *)a)->rule, ((const struct tally *)b)->rule);
}

static int list_rules(struct comparison *c, struct reel_err *err)
{
	uint32_t n = 0, kept = 0;

	c->tallies =
		calloc(c->runs[OLD].rules->n + c->runs[NEW].rules->n + 1u, sizeof(*c->tallies));
	if (!c->tallies)
		return reel_err_set(err, -ENOMEM, "no memory for rules");
	for (unsigned side = 0; side < SIDES; side++) {
		const struct rules *rules = c->runs[side].rules;

		for (uint32_t i = 0; i < rules->n; i++) {
			c->tallies[n] =
				(struct tally){ .rule = rules->list[i].id, .at = { -1, -1 } };
			c->tallies[n++].at[side] = i;
		}
	}
	qsort(c->tallies, n, sizeof(*c->tallies), by_rule);
	for (uint32_t i = 0; i < n; i++) {
		struct tally *last = kept ? &c->tallies[kept - 1] : NULL;

		if (!last || strcmp(last->rule, c->tallies[i].rule) != 0) {
			c->tallies[kept++] = c->tallies[i];
			continue;
		}
		for (unsigned side = 0; side < SIDES; side++)
			if (c->tallies[i].at[side] >= 0)
				last->at[side] = c->tallies[i].at[side];
	}
	c->n_tallies = kept;
	return 0;
}

static uint32_t tally_of(const struct comparison *c, const char *rule)
{
	const struct tally key = { .rule = rule };
	const struct tally *t =
		bsearch(&key, c->tallies, c->n_tallies, sizeof(*c->tallies), by_rule);

	return (uint32_t)(t - c->tallies);
}

/* What a tune suppresses is not found. */
static int list_entries(struct comparison *c, enum side side, struct reel_err *err)
{
	struct run *run = &c->runs[side];

	(void)findings_sort(run->findings, err);
	run->entries = calloc(run->findings->n + 1, sizeof(*run->entries));
	if (!run->entries)
		return reel_err_set(err, -ENOMEM, "no memory for findings");
	for (size_t i = 0; i < run->findings->n; i++) {
		const struct finding *f = &run->findings->rows[i];
		const char *rule = run->rules->list[f->rule].id;

		if (!f->is_tuned)
			run->entries[run->n++] =
				(struct entry){ .rule = rule, .f = f, .tally = tally_of(c, rule) };
	}
	return 0;
}

static int by_id(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->tally != y->tally)
		return x->tally < y->tally ? -1 : 1;
	return memcmp(x->f->first.id, y->f->first.id, FINDING_ID_BYTES);
}

static int by_last_event(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->is_same != y->is_same)
		return x->is_same ? 1 : -1;
	if (x->tally != y->tally)
		return x->tally < y->tally ? -1 : 1;
	if (x->f->boot != y->f->boot)
		return x->f->boot < y->f->boot ? -1 : 1;
	if (x->f->first.ts != y->f->first.ts)
		return x->f->first.ts < y->f->first.ts ? -1 : 1;
	return x->f->pid < y->f->pid ? -1 : x->f->pid > y->f->pid;
}

static int by_order(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	/* Rows lie in the order of their times. */
	return x->f < y->f ? -1 : x->f > y->f;
}

static void sort_entries(struct run *run, int (*order)(const void *, const void *))
{
	if (run->n)
		qsort(run->entries, run->n, sizeof(*run->entries), order);
}

/* Marks what both have in this order. */
static void meet(struct comparison *c, int (*order)(const void *, const void *), bool is_changed)
{
	struct run *a = &c->runs[OLD], *b = &c->runs[NEW];
	size_t i = 0, k = 0;

	sort_entries(a, order);
	sort_entries(b, order);
	while (i < a->n && k < b->n &&
	       !(is_changed && (a->entries[i].is_same || b->entries[k].is_same))) {
		struct entry *x = &a->entries[i], *y = &b->entries[k];
		int which = order(x, y);

		if (which == 0) {
			x->is_same = y->is_same = true;
			x->is_changed = y->is_changed = is_changed;
		}
		i += which <= 0;
		k += which >= 0;
	}
}

static void count(struct comparison *c)
{
	for (size_t i = 0; i < c->runs[OLD].n; i++) {
		const struct entry *e = &c->runs[OLD].entries[i];
		struct tally *t = &c->tallies[e->tally];

		t->lost += !e->is_same;
		t->same += e->is_same;
		t->changed += e->is_changed;
	}
	for (size_t i = 0; i < c->runs[NEW].n; i++)
		c->tallies[c->runs[NEW].entries[i].tally].gained +=
			!c->runs[NEW].entries[i].is_same;
}

static int count_costs(struct comparison *c, enum side side, struct reel_err *err)
{
	const struct run *run = &c->runs[side];
	struct rule_cost *costs = NULL;
	int r = replay_costs(run->engine, &costs, err);

	for (uint32_t i = 0; r == 0 && i < run->rules->n; i++) {
		struct tally *t = &c->tallies[tally_of(c, run->rules->list[i].id)];

		t->ns[side] = costs[i].ns;
		t->evaluations[side] = costs[i].evaluations;
		t->dropped += run->findings->counts[i].dropped;
	}
	free(costs);
	return r;
}

static int compare(struct comparison *c, struct reel_err *err)
{
	int r = list_entries(c, OLD, err);

	if (r == 0)
		r = list_entries(c, NEW, err);
	if (r < 0)
		return r;
	meet(c, by_id, false);
	meet(c, by_last_event, true);
	sort_entries(&c->runs[OLD], by_order);
	sort_entries(&c->runs[NEW], by_order);
	for (uint32_t i = 0; i < c->n_tallies; i++) {
		struct tally *t = &c->tallies[i];

		t->gained = t->lost = t->same = t->changed = t->dropped = 0;
	}
	count(c);
	r = count_costs(c, OLD, err);
	return r < 0 ? r : count_costs(c, NEW, err);
}

/* Text ----------------------------------------------------------------------------------------- */

static const char *where(const struct tally *t)
{
	return t->at[OLD] < 0 ? "against" : t->at[NEW] < 0 ? "rules" : "both";
}

static void put_tally_text(const struct comparison *c, const struct tally *t)
{
	struct reel_out *o = &c->r->out;
	char figures[160];

	snprintf(figures, sizeof(figures), "  %7llu %7llu %7llu %12.3f %12.3f  ",
		 (unsigned long long)t->gained, (unsigned long long)t->lost,
		 (unsigned long long)t->same, (double)t->ns[OLD] / 1e6, (double)t->ns[NEW] / 1e6);
	out_str(o, figures);
	if (t->rule)
		out_text_string(o, t->rule, strlen(t->rule));
	else
		out_str(o, "in all");
	if (t->rule && t->at[OLD] < 0)
		out_str(o, " (only in --against)");
	if (t->rule && t->at[NEW] < 0)
		out_str(o, " (only in -r)");
	if (t->changed) {
		out_str(o, " (");
		out_u64(o, t->changed);
		out_str(o, " with other evidence)");
	}
	if (t->dropped)
		out_str(o, " (too many to compare all)");
	out_char(o, '\n');
}

/* The finding as a replay shows it. */
static void word(struct comparison *c, enum side side, const struct entry *e)
{
	struct report report = c->r->report;

	out_reset(&c->words);
	report.out = &c->words;
	report_finding(&report, c->runs[side].engine, e->f);
}

static void put_example_text(struct comparison *c, enum side side, const struct entry *e)
{
	struct reel_out *o = &c->r->out;
	const char *at, *end, *line;

	word(c, side, e);
	at = c->words.buf;
	end = at + c->words.len;
	while (at < end) {
		line = memchr(at, '\n', (size_t)(end - at));
		line = line ? line + 1 : end;
		out_str(o, side == NEW ? "  + " : "  - ");
		out_mem(o, at, (size_t)(line - at));
		at = line;
	}
}

static void put_example_json(struct comparison *c, enum side side, const struct entry *e,
			     const char *path)
{
	struct reel_json j = { .out = &c->r->out };

	word(c, side, e);
	json_begin(&j, NULL, '{');
	json_str(&j, "capture", path);
	json_str(&j, "change", side == NEW ? "gained" : "lost");
	json_key(&j, "finding");
	out_mem(j.out, c->words.buf, c->words.len ? c->words.len - 1 : 0);
	json_end(&j, '}');
	out_char(j.out, '\n');
}

static void put_examples(struct comparison *c, enum side side, uint32_t tally, const char *path)
{
	unsigned shown = 0;

	for (size_t i = 0; i < c->runs[side].n; i++) {
		const struct entry *e = &c->runs[side].entries[i];

		if (e->tally != tally || e->is_same)
			continue;
		if (shown++ == EXAMPLES_SHOWN && !c->shows_all)
			break;
		if (c->is_json)
			put_example_json(c, side, e, path);
		else
			put_example_text(c, side, e);
	}
	if (shown > EXAMPLES_SHOWN && !c->shows_all && !c->is_json)
		out_str(&c->r->out,
			side == NEW ? "  + and more (--all)\n" : "  - and more (--all)\n");
}

/* JSON ----------------------------------------------------------------------------------------- */

static void put_tally_json(const struct comparison *c, const struct tally *t, const char *path)
{
	struct reel_json j = { .out = &c->r->out };

	json_begin(&j, NULL, '{');
	json_str(&j, "capture", path);
	json_str(&j, "rule", t->rule);
	json_str(&j, "in", where(t));
	json_u64(&j, "gained", t->gained);
	json_u64(&j, "lost", t->lost);
	json_u64(&j, "same", t->same);
	json_u64(&j, "changed", t->changed);
	if (t->dropped)
		json_u64(&j, "not_compared", t->dropped);
	if (t->at[OLD] >= 0) {
		json_u64(&j, "rules_ns", t->ns[OLD]);
		json_u64(&j, "rules_evaluations", t->evaluations[OLD]);
	}
	if (t->at[NEW] >= 0) {
		json_u64(&j, "against_ns", t->ns[NEW]);
		json_u64(&j, "against_evaluations", t->evaluations[NEW]);
	}
	json_end(&j, '}');
	out_char(j.out, '\n');
}

static void put_totals_json(struct reel_out *o, const char *path, const struct tally *all)
{
	struct reel_json j = { .out = o };

	json_begin(&j, NULL, '{');
	if (path)
		json_str(&j, "capture", path);
	json_begin(&j, path ? "total" : "summary", '{');
	json_u64(&j, "gained", all->gained);
	json_u64(&j, "lost", all->lost);
	json_u64(&j, "same", all->same);
	if (path) {
		json_u64(&j, "rules_ns", all->ns[OLD]);
		json_u64(&j, "against_ns", all->ns[NEW]);
	}
	json_end(&j, '}');
	json_end(&j, '}');
	out_char(o, '\n');
}

/* A capture ------------------------------------------------------------------------------------ */

static void put_capture(struct comparison *c, const char *path)
{
	struct reel_out *o = &c->r->out;
	struct tally all = { .rule = NULL };

	if (!c->is_json) {
		out_text_string(o, path, strlen(path));
		out_str(o, "\n   gained    lost    same      ms of -r   --against  rule\n");
	}
	for (uint32_t i = 0; i < c->n_tallies; i++) {
		const struct tally *t = &c->tallies[i];

		all.gained += t->gained;
		all.lost += t->lost;
		all.same += t->same;
		for (unsigned side = 0; side < SIDES; side++)
			all.ns[side] += t->ns[side];
		if (c->is_json)
			put_tally_json(c, t, path);
		else if (t->gained || t->lost || t->same || strcmp(where(t), "both") != 0 ||
			 c->r->args.common.verbose)
			put_tally_text(c, t);
	}
	if (c->is_json)
		put_totals_json(o, path, &all);
	else
		put_tally_text(c, &all);
	for (uint32_t i = 0; i < c->n_tallies; i++) {
		put_examples(c, NEW, i, path);
		put_examples(c, OLD, i, path);
	}
	c->gained += all.gained;
	c->lost += all.lost;
	c->same += all.same;
}

static int compare_capture(struct comparison *c, char *path, struct reel_err *err)
{
	struct replay *r = c->r;
	int result = reel_reader_open_all(&path, 1, r->keys, &r->reader, err);

	if (result == 0)
		result = run_side(c, OLD, path, err);
	if (result == 0)
		result = run_side(c, NEW, path, err);
	if (result == 0)
		result = compare(c, err);
	if (result == 0)
		put_capture(c, path);
	if (result == 0 && out_flush(&r->out) < 0)
		result = reel_err_set(err, out_error(&r->out), "cannot write: %s",
				      strerror(-out_error(&r->out)));
	run_done(&c->runs[OLD]);
	run_done(&c->runs[NEW]);
	reel_reader_close(r->reader);
	r->reader = NULL;
	return result;
}

static int put_summary(struct comparison *c, struct reel_err *err)
{
	const struct tally all = { .gained = c->gained, .lost = c->lost, .same = c->same };
	struct reel_out *o = &c->r->out;

	if (c->is_json) {
		put_totals_json(o, NULL, &all);
	} else {
		out_u64(o, c->gained);
		out_str(o, " gained, ");
		out_u64(o, c->lost);
		out_str(o, " lost, ");
		out_u64(o, c->same);
		out_str(o, " the same\n");
	}
	return out_flush(o) < 0 ? reel_err_set(err, out_error(o), "cannot write: %s",
					       strerror(-out_error(o))) :
				  0;
}

int replay_compare(struct replay *r)
{
	struct comparison c = { .r = r,
				.shows_all = r->options.all,
				.is_json = r->options.format == 1 };
	struct reel_err err = { 0 };
	int result, status;

	/* Folded into rows, the first of many could hide the rest. */
	r->options.all = true;
	r->options.profile = true;
	r->talks_progress = false;
	c.runs[OLD].rules = r->rules;
	r->rules = NULL;
	status = replay_load(r, &r->options.against, &c.runs[NEW].rules);
	if (status != REEL_STATUS_OK) {
		rules_free(c.runs[OLD].rules);
		rules_free(c.runs[NEW].rules);
		return status;
	}
	result = out_init_mem(&c.words);
	if (result < 0)
		reel_err_set(&err, result, "no memory for findings");
	if (result == 0)
		result = list_rules(&c, &err);
	for (int i = 0; result == 0 && i < r->args.n; i++)
		result = compare_capture(&c, r->args.v[i], &err);
	if (result == 0)
		result = put_summary(&c, &err);
	if (result == -EINVAL || result == -ERANGE)
		status = replay_refuse(r, &err);
	else if (result < 0)
		status = replay_fail(r, result, &err);
	else
		status = c.gained || c.lost ? REEL_STATUS_FINDING : REEL_STATUS_OK;
	out_done(&c.words);
	free(c.tallies);
	rules_free(c.runs[OLD].rules);
	rules_free(c.runs[NEW].rules);
	return status;
}
