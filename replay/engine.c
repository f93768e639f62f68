/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay/engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format/moment.h"
#include "replay/engine_impl.h"

/* Plans ---------------------------------------------------------------------------------------- */

static void want_types(struct engine *e)
{
	bool reads_io = false, reads_dns = false;

	for (uint32_t i = 0; i < e->rules->n; i++) {
		reads_io |= reads_type(&e->reads[i], EV_read) || reads_type(&e->reads[i], EV_write);
		reads_dns |= e->reads[i].state[EV_dns / 8] >> EV_dns % 8 & 1;
		reads_dns |= reads_dns_to_show(&e->rules->list[i]);
	}
	e->scan_plan->wants[EV_fold] = reads_io;
	e->scan_plan->wants[EV_dns] = reads_dns;
	e->scan_plan->is_slow = e->o.is_slow;
	e->scan_plan->is_late = e->sequence_plan->is_late;
	/* Shortcuts leave out what fails. */
	e->scan_plan->keeps_all = e->o.explain != NULL;
	e->scan_plan->is_slow |= e->o.explain != NULL;
	if (e->o.is_survey)
		scan_plan_forget(e->scan_plan);
}

int engine_make_plans(struct engine *e, struct rules *rules, uint64_t number, struct engine *ret,
		      struct reel_err *err)
{
	uint64_t *extents = calloc(rules->n + 1u, sizeof(*extents));
	int r = extents ? 0 : reel_err_set(err, -ENOMEM, "no memory for rules");

	ret->o = e->o;
	ret->rules = rules;
	if (r == 0)
		r = eval_plan_new(rules, number, &ret->eval_plan, err);
	if (r == 0)
		r = scan_plan_new(ret->eval_plan, &ret->scan_plan, err);
	if (r == 0)
		r = sequence_plan_new(ret->eval_plan, &ret->sequence_plan, err);
	for (uint32_t i = 0; r == 0 && i < rules->n; i++)
		extents[i] = ret->sequence_plan->rules[i].extent_ns;
	ret->reads = r == 0 ? reads_new(rules, extents) : NULL;
	free(extents);
	if (r == 0 && !ret->reads)
		r = reel_err_set(err, -ENOMEM, "no memory for rules");
	if (r == 0)
		want_types(ret);
	else
		engine_drop_plans(ret);
	return r;
}

void engine_drop_plans(struct engine *e)
{
	sequence_plan_free(e->sequence_plan);
	scan_plan_free(e->scan_plan);
	eval_plan_free(e->eval_plan);
	free(e->reads);
	e->sequence_plan = NULL;
	e->scan_plan = NULL;
	e->eval_plan = NULL;
	e->reads = NULL;
}

int engine_new(struct rules *rules, const struct engine_options *o, struct findings *findings,
	       struct engine **ret, struct reel_err *err)
{
	struct engine *e = calloc(1, sizeof(*e));
	int r;

	if (!e)
		return reel_err_set(err, -ENOMEM, "no memory for rules");
	e->o = *o;
	e->findings = findings;
	e->plan_number = 1;
	e->stats.evaluations = calloc(rules->n_steps + 1u, sizeof(uint64_t));
	e->stats.hits = calloc(rules->n_steps + 1u, sizeof(uint64_t));
	r = e->stats.evaluations && e->stats.hits ? 0 : reel_err_set(err, -ENOMEM, "no memory");
	if (r == 0)
		r = engine_make_plans(e, rules, e->plan_number, e, err);
	if (r == 0 && o->measures) {
		e->profile = profile_new(rules->n_steps, rules->n);
		r = e->profile ? 0 : reel_err_set(err, -ENOMEM, "no memory for a profile");
		e->scan_plan->profile = e->profile;
	}
	if (r == 0)
		r = findings_set_rules(findings, rules, NULL, 0, err);
	if (r < 0) {
		engine_free(e);
		return r;
	}
	*ret = e;
	return 0;
}

static void segments_free(struct engine *e)
{
	for (unsigned i = 0; i < e->n_segments; i++)
		free(e->segments[i]);
	free(e->segments);
}

static void boot_free(struct engine_boot *b, uint32_t n_rules)
{
	if (!b)
		return;
	for (uint32_t i = 0; b->blind && i < n_rules; i++)
		blind_done(&b->blind[i]);
	blind_done(&b->folded_reads);
	blind_done(&b->folded_writes);
	coverage_done(&b->coverage);
	free(b->blind);
	free(b->since_ns);
	free(b->gaps);
	free(b->missing);
	free(b);
}

void engine_free(struct engine *e)
{
	if (!e)
		return;
	engine_free_held(e);
	sequence_free(e->sequence);
	eval_done(&e->eval);
	if (e->has_scanner)
		scanner_done(&e->scanner);
	model_free(e->model);
	for (unsigned i = 0; i < e->n_boots; i++)
		boot_free(e->boots[i], e->rules->n);
	free(e->boots);
	segments_free(e);
	free(e->stats.evaluations);
	free(e->stats.hits);
	engine_drop_plans(e);
	profile_free(e->profile);
	free(e);
}

/* Boots ---------------------------------------------------------------------------------------- */

int64_t engine_realtime(struct engine_boot *b, uint64_t ts)
{
	return reel_clocks_realtime(&b->boot->clocks, ts, &b->clock);
}

/* What the options ask for, in the boottime of this boot. */
static void choose_time(struct engine *e, const struct reel_boot *boot)
{
	const struct reel_moment *from = &e->o.from, *to = &e->o.to;
	uint64_t first, last;

	e->from_ns = from->kind == REEL_BOOTTIME ? (uint64_t)from->ns : 0;
	e->to_ns = to->kind == REEL_BOOTTIME ? (uint64_t)to->ns : UINT64_MAX;
	if (e->is_live || (from->kind != REEL_REALTIME && to->kind != REEL_REALTIME))
		return;
	if (reel_moment_span(boot, from->kind == REEL_REALTIME ? from->ns : INT64_MIN,
			     to->kind == REEL_REALTIME ? to->ns : INT64_MAX, &first, &last)) {
		if (from->kind == REEL_REALTIME)
			e->from_ns = first;
		if (to->kind == REEL_REALTIME)
			e->to_ns = last == UINT64_MAX ? last : last + 1;
	} else {
		e->to_ns = 0; /* nothing of it */
	}
}

struct sequence_options engine_sequence_options(struct engine *e, struct blind *blind)
{
	return (struct sequence_options){ .max_state = e->o.max_state,
					  .found = engine_found,
					  .context = e,
					  .blind = blind,
					  .explain = e->o.explain,
					  .profile = e->profile };
}

int engine_begin_boot(struct engine *e, const struct reel_boot *boot,
		      const struct reel_segment *segment, struct reel_err *err)
{
	struct sequence_options o;
	struct engine_boot *b = calloc(1, sizeof(*b));
	struct engine_boot **boots = reallocarray(e->boots, e->n_boots + 1u, sizeof(*boots));
	int r;

	if (boots)
		e->boots = boots;
	if (b) {
		b->blind = calloc(e->rules->n + 1u, sizeof(*b->blind));
		b->since_ns = calloc(e->rules->n + 1u, sizeof(*b->since_ns));
	}
	if (!b || !boots || !b->blind || !b->since_ns) {
		boot_free(b, e->rules->n);
		return reel_err_set(err, -ENOMEM, "no memory for a boot");
	}
	b->boot = boot;
	memcpy(b->id, segment->meta.boot, sizeof(b->id));
	memcpy(b->host, segment->meta.host, strnlen(segment->meta.host, sizeof(b->host) - 1));
	b->first_ns = boot->ts_max ? boot->ts_min : segment->meta.start.boottime_ns;
	b->last_ns = boot->ts_max ? boot->ts_max : b->first_ns;
	e->boots[e->n_boots++] = e->boot = b;
	if (e->o.explain)
		e->o.explain->boot = e->n_boots - 1;
	e->gaps_passed = 0;
	e->now_ns = 0;
	findings_begin_boot(e->findings);
	choose_time(e, boot);
	o = engine_sequence_options(e, b->blind);
	r = model_new(b->host, &e->model, err);
	if (r == 0)
		r = sequence_new(e->sequence_plan, &o, e->model, err, &e->sequence);
	if (r == 0)
		r = eval_init(&e->eval, e->eval_plan, err);
	e->eval.model = e->model;
	e->eval.is_slow = e->o.is_slow;
	return r;
}

void engine_add_stats(struct engine *e)
{
	struct sequence_stats s;

	sequence_stats(e->sequence, &s);
	for (uint32_t i = 0; i < e->rules->n_steps; i++) {
		e->stats.evaluations[i] += s.evaluations[i];
		e->stats.hits[i] += s.hits[i];
	}
	e->stats.matches += s.matches;
	e->stats.undecided += s.undecided;
	e->stats.evicted_tokens += s.evicted;
	if (s.peak_tokens > e->stats.peak_tokens)
		e->stats.peak_tokens = s.peak_tokens;
}

static void where_is(struct engine *e, struct finding_where *ret)
{
	*ret = (struct finding_where){ e->n_boots - 1, e->boot->id, e->boot->host,
				       &e->boot->boot->clocks, &e->eval };
}

static void free_boot_state(struct engine *e)
{
	sequence_free(e->sequence);
	eval_done(&e->eval);
	if (e->has_scanner)
		scanner_done(&e->scanner);
	e->has_scanner = false;
	model_free(e->model);
	e->sequence = NULL;
	e->model = NULL;
	e->boot = NULL;
}

void engine_drop_boot(struct engine *e)
{
	free_boot_state(e);
	boot_free(e->boots[--e->n_boots], e->rules->n);
}

int engine_settle_findings(struct engine *e, struct reel_err *err)
{
	struct finding_where where;

	where_is(e, &where);
	return findings_settle(e->findings, e->model, &where, err);
}

int engine_end_boot(struct engine *e, struct reel_err *err)
{
	struct model_stats m;
	int r;

	if (!e->boot)
		return 0;
	if (e->now_ns > e->boot->last_ns)
		e->boot->last_ns = e->now_ns;
	r = e->coverage_changed ? engine_covered(e, err) : 0;
	if (r == 0)
		r = sequence_end(e->sequence, e->boot->last_ns, err);
	if (r == 0)
		r = engine_settle_findings(e, err);
	else
		(void)engine_settle_findings(e, NULL);
	engine_add_stats(e);
	model_stats(e->model, &m);
	e->stats.evicted_processes += m.evicted;
	free_boot_state(e);
	return r;
}

int engine_found(void *context, const struct match *m, struct reel_err *err)
{
	struct engine *e = context;
	struct match found = *m;
	struct finding_where where;

	found.is_despite = engine_is_despite(e, m);
	where_is(e, &where);
	return findings_add(e->findings, &found, e->model, &where, err);
}

/* Events --------------------------------------------------------------------------------------- */

/* Outside of the time that was asked for events only tell the state; so they do around a cut. */
static bool is_asked_for(struct engine *e, const struct reel_event *ev)
{
	const struct reel_segment *s = ev->segment;
	int64_t real;

	/* How wall time goes on, a boot that is not all there cannot say in advance. */
	if (e->is_live && (e->o.from.kind == REEL_REALTIME || e->o.to.kind == REEL_REALTIME)) {
		real = engine_realtime(e->boot, ev->ts);
		if ((e->o.from.kind == REEL_REALTIME && real < e->o.from.ns) ||
		    (e->o.to.kind == REEL_REALTIME && real >= e->o.to.ns))
			return false;
	}
	if (ev->ts < e->from_ns || ev->ts >= e->to_ns)
		return false;
	if (!s || !s->is_cut)
		return true;
	real = engine_realtime(e->boot, ev->ts);
	return real >= s->cut_from_ns && real < s->cut_to_ns;
}

int engine_judge(struct engine *e, const struct reel_event *ev, bool is_state,
		 const uint32_t *steps, uint32_t n_steps, struct reel_err *err)
{
	struct model_change change = { 0 };
	struct engine_boot *b = e->boot;
	int r = 0;

	if (ev->ts > e->now_ns)
		e->now_ns = ev->ts;
	while (e->gaps_passed < b->n_gaps && b->gaps[e->gaps_passed].from_ns <= ev->ts) {
		engine_tell_gap(e, &b->gaps[e->gaps_passed++]);
	}
	if (is_state) {
		r = model_event(e->model, ev, &change, err);
		e->eval.process = change.process;
		if (ev->type->id == EV_coverage && r == 0) {
			r = coverage_note(&b->coverage, ev);
			e->coverage_changed = true;
			e->coverage_ns = ev->ts;
			if (r < 0)
				return reel_err_set(err, r, "no memory for coverage");
			return 0;
		}
	} else if (n_steps) {
		e->eval.process = model_find(e->model, ev->pid);
		if (!e->eval.process && ev->pid && ev->cpu != EV_NO_CPU) {
			/* Nobody told of him: he is told of now. */
			r = model_event(e->model, ev, &change, err);
			e->eval.process = change.process;
		}
	}
	if (r == 0 && e->coverage_changed)
		r = engine_covered(e, err);
	if (r == 0 && e->scan_plan->wants_names)
		r = model_names(e->model, ev, err);
	if (r == 0 && ev->type->id == EV_dns && e->scan_plan->wants[EV_dns])
		r = model_dns(e->model, ev, err);
	if (r == 0 && ev->type->id == EV_fold && e->scan_plan->wants[EV_fold])
		r = engine_folded(e, ev, err);
	if (r < 0)
		return r;
	if (n_steps && !is_asked_for(e, ev))
		n_steps = 0;
	if (!n_steps && !model_change_ends(&change))
		return sequence_time(e->sequence, ev->ts, err);
	r = sequence_event(e->sequence, &e->eval, ev, &change, steps, n_steps, err);
	while (r == 0 && model_more(e->model, &change))
		r = sequence_change(e->sequence, &change, err);
	return r;
}

/* Files ---------------------------------------------------------------------------------------- */

struct order {
	uint64_t ts_min;
	uint32_t entry;
};

static int by_ts_min(const void *a, const void *b)
{
	const struct order *x = a, *y = b;

	if (x->ts_min != y->ts_min)
		return x->ts_min < y->ts_min ? -1 : 1;
	return x->entry < y->entry ? -1 : x->entry > y->entry;
}

/* Blocks of the boot that matter, in the order of their first event. */
static int list_blocks(struct engine *e, const struct reel_reader *r, uint32_t **ret_list,
		       uint32_t *ret_n, struct reel_err *err)
{
	const struct reel_boot *boot = e->boot->boot;
	const struct reel_source *source = &r->sources[boot->source];
	struct order *order;
	uint32_t n = 0, room = 0;

	for (unsigned i = 0; i < source->n_segments; i++)
		if (r->segments[source->first_segment + i].boot == boot)
			room += r->segments[source->first_segment + i].n_blocks;
	order = calloc(room + 1u, sizeof(*order));
	*ret_list = calloc(room + 1u, sizeof(**ret_list));
	if (!order || !*ret_list) {
		free(order);
		return reel_err_set(err, -ENOMEM, "no memory for the order of blocks");
	}
	for (unsigned i = 0; i < source->n_segments; i++) {
		const struct reel_segment *s = &r->segments[source->first_segment + i];

		for (uint32_t b = 0; s->boot == boot && b < s->n_blocks; b++) {
			const struct reel_entry *entry = &r->blocks[s->first_block + b];

			if (!scan_wants_block(e->scan_plan, entry))
				continue;
			/* Events of another time tell nothing; the state before it does. */
			if (entry->kind == TAPE_EVENTS && !e->scan_plan->wants_names &&
			    !e->scan_plan->wants[EV_dns] &&
			    (entry->ts_max < e->from_ns || entry->ts_min >= e->to_ns))
				continue;
			order[n++] = (struct order){ entry->ts_min, s->first_block + b };
		}
	}
	if (n)
		qsort(order, n, sizeof(*order), by_ts_min);
	for (uint32_t i = 0; i < n; i++)
		(*ret_list)[i] = order[i].entry;
	*ret_n = n;
	free(order);
	return 0;
}

/*
 * Names cost much and are rarely asked for: only then everything is looked at once more. Of which
 * files they will be asked for is mostly seen beforehand.
 */
static bool wants_other_names(struct engine *e)
{
	if (e->names == ENGINE_NO_NAMES && e->eval.wants_names)
		e->names = e->o.is_slow ? ENGINE_ALL_NAMES : ENGINE_ASKED_NAMES;
	else if (e->names == ENGINE_ASKED_NAMES && model_names_missed(e->model))
		e->names = ENGINE_ALL_NAMES;
	else
		return false;
	return true;
}

static int find_asked(struct engine *e, const struct reel_reader *r, const uint32_t *list,
		      uint32_t n, struct reel_err *err)
{
	struct model_asked *asked;
	int result;

	if (e->names != ENGINE_ASKED_NAMES)
		return 0;
	result = engine_find_asked(e, r, list, n, &asked, err);
	if (result < 0)
		return result;
	scan_plan_want_names(e->scan_plan, asked);
	model_names_few(e->model, asked);
	return 0;
}

/* 1: it has to be done again, with names. */
static int run_blocks(struct engine *e, const struct reel_reader *r, const uint32_t *list,
		      uint32_t n, uint64_t done_before, struct reel_err *err)
{
	struct pipeline *p = NULL;
	struct pipeline_stats stats;
	struct pipeline_item item;
	uint64_t shown = 0;
	bool again = false;
	int result = pipeline_new(r, e->scan_plan, e->o.threads, list, n, &p, err);

	if (result < 0)
		return result;
	while ((result = pipeline_next(p, &item, err)) > 0) {
		struct reel_event ev;

		if (e->o.stop && *e->o.stop)
			break;
		if (!item.block) {
			const struct reel_entry *entry = &r->blocks[item.entry];
			const struct reel_segment *s = &r->segments[entry->segment];

			reel_health_add(&e->health, s->path,
					s->path_offset + (uint64_t)(entry->at - s->base),
					item.err->msg);
			result = engine_broken(e, entry, err);
		} else {
			scan_block_event(item.block, item.candidate, &ev);
			e->eval.rows = &item.block->rows;
			result = engine_judge(e, &ev, item.is_state,
					      item.candidate->n_steps ?
						      item.block->steps +
							      item.candidate->first_step :
						      NULL,
					      item.candidate->n_steps, err);
			e->eval.rows = NULL;
		}
		again = wants_other_names(e);
		if (result < 0 || again)
			break;
		if (e->o.progress && ++shown % 1024 == 0) {
			pipeline_stats(p, &stats);
			e->o.progress(e->o.context, done_before + stats.bytes, r->bytes);
		}
	}
	pipeline_stats(p, &stats);
	pipeline_free(p);
	if (result < 0 || again)
		return result < 0 ? result : 1;
	e->stats.blocks += stats.blocks;
	e->stats.unpacked += stats.unpacked;
	e->stats.events += stats.events;
	e->stats.candidates += stats.candidates;
	e->stats.disordered += stats.disordered;
	e->health.disordered += stats.disordered;
	return 0;
}

static int run_boot(struct engine *e, const struct reel_reader *r, const struct reel_boot *boot,
		    const struct reel_segment *first, uint64_t *done, struct reel_err *err);

/* The boot once more, from nothing. */
static int run_again(struct engine *e, const struct reel_reader *r, const struct reel_boot *boot,
		     const struct reel_segment *first, uint64_t *done, struct reel_err *err)
{
	findings_forget_boot(e->findings, e->model, e->n_boots - 1);
	engine_drop_boot(e);
	return run_boot(e, r, boot, first, done, err);
}

static int run_boot(struct engine *e, const struct reel_reader *r, const struct reel_boot *boot,
		    const struct reel_segment *first, uint64_t *done, struct reel_err *err)
{
	struct reel_health health = e->health;
	uint32_t *list = NULL, n = 0;
	int result;

	if (e->names != ENGINE_NO_NAMES)
		scan_plan_want_names(e->scan_plan, NULL);
	result = engine_begin_boot(e, boot, first, err);
	if (result == 0)
		result = engine_find_gaps(e, r, err);
	if (result == 0)
		result = list_blocks(e, r, &list, &n, err);
	if (result == 0)
		result = find_asked(e, r, list, n, err);
	if (result == 0)
		result = engine_introduce(e, r, list, n, err);
	if (result == 0)
		result = run_blocks(e, r, list, n, *done, err);
	if (result > 0) {
		free(list);
		e->health = health;
		return run_again(e, r, boot, first, done, err);
	}
	for (uint32_t i = 0; i < n; i++)
		*done += r->blocks[list[i]].stored_bytes;
	free(list);
	if (result < 0) {
		(void)engine_end_boot(e, NULL);
		return result;
	}
	return engine_end_boot(e, err);
}

int engine_replay(struct engine *e, const struct reel_reader *r, struct reel_err *err)
{
	uint64_t done = 0;
	int result = 0;

	e->health = r->health;
	for (unsigned s = 0; result == 0 && s < r->n_sources; s++) {
		const struct reel_source *source = &r->sources[s];

		for (unsigned b = 0; result == 0 && b < source->n_boots; b++) {
			const struct reel_boot *boot = &r->boots[source->first_boot + b];
			const struct reel_segment *first = NULL;

			for (unsigned i = 0; i < source->n_segments && !first; i++)
				if (r->segments[source->first_segment + i].boot == boot)
					first = &r->segments[source->first_segment + i];
			if (first && !(e->o.stop && *e->o.stop))
				result = run_boot(e, r, boot, first, &done, err);
		}
	}
	return result;
}
