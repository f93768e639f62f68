/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay/verdict.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replay/needs.h"

const char *verdict_name(enum verdict_kind kind)
{
	static const char *const names[] = { "hit", "clean", "clean except", "not evaluable" };

	return names[kind];
}

bool verdict_is_touched(const struct verdict *v)
{
	const uint32_t not_recorded = 1u << BLIND_FILTERED | 1u << BLIND_FOLDED | 1u << BLIND_OLD |
				      1u << BLIND_CUT;

	return v->kind == VERDICT_EXCEPT && (v->reasons & ~not_recorded);
}

/* A boot's part of a verdict. What was not seen before the rule was loaded is no matter of it. */
struct part {
	struct verdict *v;
	struct blind *to;
	uint64_t since_ns;
};

static int add(struct part *p, enum blind_reason reason, uint64_t from_ns, uint64_t to_ns,
	       uint64_t extent_ns, uint64_t count)
{
	uint64_t end;

	if (__builtin_add_overflow(to_ns, extent_ns, &end))
		end = UINT64_MAX;
	if (p->since_ns && end <= p->since_ns)
		return 0;
	p->v->reasons |= 1u << reason;
	return blind_add(p->to, reason, from_ns > p->since_ns ? from_ns : p->since_ns, end, count);
}

static bool gap_concerns(const struct engine_gap *g, const struct reads *reads)
{
	static const uint8_t nothing[sizeof(reads->state)];

	if (g->reason == BLIND_END)
		return true;
	if (g->reason == BLIND_PROCESS)
		return memcmp(reads->state, nothing, sizeof(nothing)) != 0;
	if (!g->by_types)
		return reads_class(reads, g->class_id);
	for (unsigned i = 0; i < sizeof(g->types); i++)
		if (g->types[i] & (reads->types[i] | reads->state[i]))
			return true;
	return false;
}

static int add_gaps(struct part *p, const struct engine_boot *b, const struct reads *reads)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < b->n_gaps; i++)
		if (gap_concerns(&b->gaps[i], reads))
			r = add(p, (enum blind_reason)b->gaps[i].reason, b->gaps[i].from_ns,
				b->gaps[i].to_ns, reads->extent_ns, b->gaps[i].count);
	for (unsigned which = 0; which < 2; which++) {
		const struct blind *folded = which ? &b->folded_writes : &b->folded_reads;

		if (!reads_type(reads, which ? EV_write : EV_read))
			continue;
		for (uint32_t i = 0; r == 0 && i < folded->n; i++)
			r = add(p, BLIND_FOLDED, folded->list[i].from_ns, folded->list[i].to_ns,
				reads->extent_ns, folded->list[i].count);
	}
	return r;
}

/* Types from which the state comes while it changes; what a keyframe has, other ways tell too. */
static bool lacks_state(const struct reads *reads, const uint8_t missing[32])
{
	for (unsigned t = 0; t < EV_MAX_TYPES; t++) {
		const struct reel_type *type = reel_type_by_id(t);

		if (type && type->class_id != EV_CLASS_state &&
		    missing[t / 8] & reads->state[t / 8] & 1u << t % 8)
			return true;
	}
	return false;
}

static void say_why(struct verdict *v, const struct engine *e, const struct engine_boot *b,
		    const struct rule *rule, const uint8_t missing[32])
{
	for (uint32_t n = 0; n < rule->n_nodes; n++) {
		const struct rule_node *node = &rule->nodes[n];
		const struct rule_step *s =
			&e->rules->steps[node->kind == RULE_NODE_ALL ? node->members[0] :
								       node->step];

		for (unsigned t = 0; t < EV_MAX_TYPES; t++) {
			if (!(s->types[t / 8] & missing[t / 8] & 1u << t % 8) ||
			    !reel_type_by_id(t))
				continue;
			snprintf(v->why, sizeof(v->why), "needs %s: %s", reel_type_by_id(t)->name,
				 coverage_why(&b->coverage, t));
			return;
		}
	}
	/* Or its state does, without which no step of it can be. */
	if (missing[EV_dns / 8] >> EV_dns % 8 & 1)
		snprintf(v->why, sizeof(v->why), "needs dns: %s",
			 coverage_why(&b->coverage, EV_dns));
}

/* Returns whether the rule could have matched at some moment of the boot, or -errno. */
static int add_missing(struct part *p, const struct engine *e, const struct engine_boot *b,
		       uint32_t rule)
{
	const struct reads *reads = &e->reads[rule];
	bool possible = b->n_missing == 0 || b->missing[0].from_ns > b->first_ns;

	for (uint32_t i = 0; i < b->n_missing; i++) {
		const struct missing_types *m = &b->missing[i];
		uint64_t end = i + 1 < b->n_missing ? b->missing[i + 1].from_ns : UINT64_MAX;
		enum reads_possible left = reads_without(e->rules, &e->rules->list[rule], m->types);
		int r = 0;

		if (p->since_ns && end <= p->since_ns)
			continue;
		possible |= left != READS_NONE;
		if (left != READS_ALL || lacks_state(reads, m->types))
			r = add(p, BLIND_FILTERED, m->from_ns, end, 0, 0);
		if (r < 0)
			return r;
		if (left != READS_ALL)
			say_why(p->v, e, b, &e->rules->list[rule], m->types);
	}
	return possible;
}

/*
 * What no event shows to be missing: variables that were not kept, calls that were not recorded.
 * Of a recording that does not say what it kept nothing is held against it.
 */
static int add_left_out(struct part *p, const struct engine *e, const struct engine_boot *b,
			uint32_t rule)
{
	const struct coverage *c = &b->coverage;
	struct needs needs = { 0 };
	const char *option = NULL, *value = NULL;
	int r = needs_add(&needs, e->rules, e->reads, rule);

	for (uint32_t i = 0; i < needs.env.n && !option && coverage_says(c, "--env"); i++) {
		if (coverage_has(c, "--env", needs.env.v[i], false))
			continue;
		option = "the variable is not kept, it needs --env";
		value = needs.env.v[i];
	}
	for (uint32_t i = 0; i < needs.calls.n && !option && coverage_says(c, "--syscalls"); i++) {
		if (coverage_has(c, "--syscalls", needs.calls.v[i], true))
			continue;
		option = "the call is not recorded, it needs --syscalls";
		value = needs.calls.v[i];
	}
	if (!option && needs.all_calls && coverage_says(c, "--syscalls") &&
	    !coverage_has(c, "--syscalls", "all", true)) {
		option = "some calls only are recorded, it needs --syscalls";
		value = "all";
	}
	if (r == 0 && option) {
		r = add(p, BLIND_FILTERED, b->first_ns, UINT64_MAX, 0, 0);
		snprintf(p->v->why, sizeof(p->v->why), "%s %s", option, value);
	}
	needs_done(&needs);
	return r;
}

static int add_boot(struct verdict *v, const struct engine *e, const struct engine_boot *b,
		    uint32_t rule, struct blind *to, bool *possible)
{
	const struct blind *own = &b->blind[rule];
	struct part p = { v, to, b->since_ns[rule] };
	uint64_t from = b->since_ns[rule] > b->first_ns ? b->since_ns[rule] : b->first_ns;
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < own->n; i++)
		r = add(&p, (enum blind_reason)own->list[i].reason, own->list[i].from_ns,
			own->list[i].to_ns, 0, own->list[i].count);
	to->is_whole |= own->is_whole;
	if (r == 0)
		r = add_gaps(&p, b, &e->reads[rule]);
	if (r == 0)
		r = add_missing(&p, e, b, rule);
	if (r < 0)
		return r;
	*possible |= r > 0;
	r = add_left_out(&p, e, b, rule);
	if (r < 0)
		return r;
	if (b->last_ns > from) {
		v->total_ns += b->last_ns - from;
		v->clear_ns += blind_clear_ns(to, from, b->last_ns);
	}
	return 0;
}

int verdict_of(const struct engine *e, uint32_t rule, struct verdict *ret, struct reel_err *err)
{
	const struct finding_counts *counts = &e->findings->counts[rule];
	const struct rule *r = &e->rules->list[rule];
	bool possible = false, blind = false;

	memset(ret, 0, sizeof(*ret));
	ret->blind = calloc(e->n_boots + 1u, sizeof(*ret->blind));
	if (!ret->blind)
		return reel_err_set(err, -ENOMEM, "no memory for a verdict");
	ret->n_boots = e->n_boots;
	for (unsigned i = 0; i < e->n_boots; i++) {
		int result = add_boot(ret, e, e->boots[i], rule, &ret->blind[i], &possible);

		if (result < 0) {
			verdict_done(ret);
			return reel_err_set(err, result, "no memory for a verdict");
		}
		blind |= ret->blind[i].n || ret->blind[i].is_whole;
	}
	if (counts->matches)
		ret->kind = VERDICT_HIT;
	else if (r->why_not || (!possible && e->n_boots))
		ret->kind = VERDICT_NOT_EVALUABLE;
	else
		ret->kind = blind ? VERDICT_EXCEPT : VERDICT_CLEAN;
	ret->is_despite = counts->matches && counts->despite == counts->matches;
	if (r->why_not)
		snprintf(ret->why, sizeof(ret->why), "%s", r->why_not);
	return 0;
}

void verdict_done(struct verdict *v)
{
	for (unsigned i = 0; v->blind && i < v->n_boots; i++)
		blind_done(&v->blind[i]);
	free(v->blind);
	memset(v, 0, sizeof(*v));
}
