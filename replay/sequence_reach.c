/* SPDX-License-Identifier: BSD-2-Clause */
/* A node is reached: tokens are copied from its parent's, put together, completed. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "replay/sequence_impl.h"

/* Evidence ------------------------------------------------------------------------------------- */

struct seen *sequence_seen(struct sequence *s)
{
	if (!s->seen)
		s->seen = seen_new(s->model, s->ev, s->eval->process, s->serial);
	return s->seen;
}

/* All that a correlation within rests on, as far as it is kept. */
static struct evidence *evidence_told(struct sequence *s, const struct evidence *told,
				      struct evidence *to, uint32_t node)
{
	struct seen *list[SEQUENCE_COLLECTED_MAX];
	uint32_t at = SEQUENCE_COLLECTED_MAX;
	bool any = to != NULL;

	for (const struct evidence *e = told; e && at; e = e->before)
		list[--at] = e->seen;
	for (; at < SEQUENCE_COLLECTED_MAX && (to || !any); at++, any = true)
		to = evidence_add(s->model, to, list[at], node);
	return to;
}

struct evidence *sequence_evidence(struct sequence *s, struct evidence *before, uint32_t node,
				   unsigned member)
{
	struct seen *seen = sequence_seen(s);
	struct evidence *e = evidence_ref(before);

	/* What was found within ends with this event. */
	return s->told[member] ? evidence_told(s, s->told[member], e, node) :
	       seen	       ? evidence_add(s->model, e, seen, node) :
				 NULL;
}

/*
 * What `..` has collected since the step before goes on to be evidence: FROM, those of OLD that
 * came later, and this event. *RET_N: how many of them are of the node.
 */
static struct evidence *evidence_collected(struct sequence *s, const struct turn *turn,
					   const struct origin *from, const struct evidence *old,
					   uint32_t *ret_n)
{
	struct seen *list[SEQUENCE_COLLECTED_MAX];
	struct evidence *e = evidence_ref(from->evidence);
	uint32_t n = 0, at = SEQUENCE_COLLECTED_MAX;

	for (; old && old->node == turn->node_at && old->seen->serial > from->since_serial && at;
	     old = old->before)
		list[--at] = old->seen;
	for (; e && at < SEQUENCE_COLLECTED_MAX; at++, n++)
		e = evidence_add(s->model, e, list[at], turn->node_at);
	if (e && n < SEQUENCE_COLLECTED_MAX && sequence_seen(s)) {
		e = evidence_add(s->model, e, s->seen, turn->node_at);
		n++;
	}
	*ret_n = n;
	return e;
}

/* Matches -------------------------------------------------------------------------------------- */

/* All that begins with the same event, or has counted the same ones. */
static void use_up(struct sequence *s, uint32_t rule, uint64_t key, uint64_t first_serial,
		   const struct count_set *used)
{
	s->first_is_used |= first_serial == s->serial;
	s->count_is_used |= count_set_has(used, s->serial);
	for (uint32_t n = 0; n < s->rules->list[rule].n_nodes; n++) {
		struct slot *slot = slot_find(s, rule, n, key);

		for (struct token *t = slot ? slot->tokens : NULL, *next; t; t = next) {
			next = t->next;
			if (t->kind == TOKEN_COUNTER) {
				counter_use_up(s, t, first_serial, used);
				if (!t->n_counted)
					token_kill(s, t);
			} else if (t->first_serial == first_serial ||
				   count_set_meets(t->used, used)) {
				token_kill(s, t);
			}
		}
	}
}

bool sequence_is_tuned(struct sequence *s, uint32_t rule)
{
	const struct rule_facts *f = &s->plan->rules[rule];

	for (uint32_t i = 0; i < f->n_tunes; i++)
		if (eval_expr(s->eval, s->rules->tunes[f->tunes[i]].expr, s->ev) == TRUTH_YES)
			return true;
	return false;
}

static int report(struct sequence *s, const struct match *m, struct reel_err *err)
{
	s->stats.matches++;
	if (explain_of(s, m->rule)) {
		s->o.explain->matches += !m->is_tuned;
		s->o.explain->suppressed += m->is_tuned;
	}
	return s->o.found(s->o.context, m, err);
}

int sequence_complete(struct sequence *s, struct token *t, struct reel_err *err)
{
	bool is_window = token_node(s, t)->kind == RULE_NODE_WINDOW;
	bool holds = !is_window || window_holds(s, t);
	struct match m = {
		.rule = t->slot->rule,
		.node = t->slot->node,
		.first_ns = t->first_ns,
		.last_ns = is_window && t->waits_at ? t->deadline_ns : t->last_ns,
		.key = t->slot->key,
		.is_despite = t->is_despite,
		.is_tuned = t->is_tuned,
	};
	int r = 0;

	if (is_window && holds && window_evidence(s, t) < 0)
		return reel_err_set(err, -ENOMEM, "no memory for evidence");
	m.evidence = t->evidence;
	if (holds && token_node(s, t)->feeds)
		r = sequence_feed(s, t) < 0 ? reel_err_set(err, -ENOMEM, "no memory for rules") : 0;
	else if (holds)
		r = report(s, &m, err);
	token_kill(s, t); /* it stays readable until the event is over */
	if (!is_window)
		use_up(s, m.rule, m.key, t->first_serial, t->used);
	return r;
}

/* Reaching a node ------------------------------------------------------------------------------ */

void origin_of(const struct sequence *s, const struct turn *turn, const struct token *parent,
	       struct origin *ret)
{
	*ret = (struct origin){ .first_ns = s->ev->ts, .first_serial = s->serial };
	if (!parent)
		return;
	ret->evidence = parent->evidence;
	ret->used = parent->used;
	ret->first_ns = parent->first_ns;
	ret->first_serial = parent->first_serial;
	ret->since_serial = parent->evidence ? parent->evidence->seen->serial : 0;
	ret->is_despite = parent->is_despite || (parent->kind == TOKEN_WHOLE &&
						 parent->guards_blind & turn->facts->guard_mask);
}

int origin_with(const struct sequence *s, const struct turn *turn, const struct token *parent,
		struct origin *ret)
{
	origin_of(s, turn, parent, ret);
	ret->used = is_used_whole(turn) ? count_set_add(ret->used, s->serial) :
					  count_set_ref(ret->used);
	return !ret->used && is_used_whole(turn) ? -ENOMEM : 0;
}

/* The parent's values, and those that the node itself binds (of `all`: its member). */
int sequence_bind(struct sequence *s, const struct turn *turn, unsigned member,
		  const struct token *from)
{
	const struct rule *rule = turn->rule;
	const struct rule_node *node = turn->node;
	struct kept_value *ret = s->kept;

	for (uint32_t i = 0; i < rule->n_slots; i++) {
		if (from)
			kept_value_ref(&ret[i], &from->bound[i]);
		else
			ret[i] = (struct kept_value){ .v.kind = VALUE_ABSENT };
	}
	for (uint32_t i = 0; i < node->n_bindings; i++) {
		const struct rule_binding *b = &node->bindings[i];
		struct kept_value *to = &ret[b->slot];
		struct reel_string string;
		struct value v;

		if (node->kind == RULE_NODE_ALL && node->binding_member[i] != member)
			continue;
		eval_value(s->eval, &b->ref, s->ev, &v);
		model_text_unref(s->model, to->text);
		*to = (struct kept_value){ .v = v };
		if (v.kind != VALUE_STRING)
			continue;
		string = (struct reel_string){ v.bytes, v.length, v.true_length };
		to->text = model_text(s->model, &string);
		if (!to->text)
			return -ENOMEM;
		to->v.bytes = to->text->bytes;
	}
	return 0;
}

void sequence_unbind(struct sequence *s, const struct rule *rule)
{
	for (uint32_t i = 0; i < rule->n_slots; i++)
		model_text_unref(s->model, s->kept[i].text);
}

struct token *slot_same_tuple(const struct slot *slot, enum token_kind kind, uint32_t mask,
			      const struct kept_value *bound, uint32_t n)
{
	for (struct token *t = slot->tokens; t; t = t->next)
		if (t->kind == kind && t->mask == mask && bound_equal(t->bound, bound, n))
			return t;
	return NULL;
}

/* One more tuple at a step than may be: the oldest goes. */
void slot_bound_tuples(struct sequence *s, struct slot *slot)
{
	struct token *last = slot->tokens;

	if (slot->n <= SEQUENCE_TUPLES_MAX)
		return;
	while (last->next)
		last = last->next;
	sequence_blind(s, slot->rule, BLIND_EVICTED, s->ev->ts,
		       node_facts(s, slot->rule, slot->node)->extent_ns);
	s->stats.evicted += 1 + last->n_counted;
	token_kill(s, last);
}

void token_fill(struct sequence *s, struct token *t, const struct origin *from,
		struct evidence *evidence)
{
	struct count_set *used = count_set_ref(from->used);

	evidence_unref(s->model, t->evidence);
	count_set_unref(t->used);
	t->evidence = evidence;
	t->used = used;
	t->first_ns = from->first_ns;
	t->first_serial = from->first_serial;
	t->last_ns = s->ev->ts;
	t->last_serial = s->serial;
	t->is_despite = from->is_despite;
	t->guards_seen = t->guards_blind = 0;
}

/* Each completed way waits by itself. */
static int wait_for_it(struct sequence *s, const struct turn *turn, struct token *t)
{
	uint64_t deadline;

	slot_bound_tuples(s, t->slot);
	if (t->is_dead)
		return 0;
	if (__builtin_add_overflow(s->ev->ts, turn->node->wait_ns, &deadline))
		deadline = UINT64_MAX;
	return token_wait(s, t, deadline);
}

int sequence_arrive(struct sequence *s, const struct turn *turn, const struct origin *from,
		    struct evidence *evidence, const struct kept_value *bound, struct reel_err *err)
{
	const struct rule *rule = turn->rule;
	const struct rule_node *node = turn->node;
	bool waits = node->is_end && node->wait_ns;
	struct slot *slot = evidence ? slot_get(s, turn->rule_at, turn->node_at, turn->key) : NULL;
	struct token *t =
		slot && !waits ? slot_same_tuple(slot, TOKEN_WHOLE, 0, bound, rule->n_slots) : NULL;
	/* What time has ended is as if it had been swept away. */
	bool goes_on = t && t->evidence && token_is_alive(s, t, s->ev->ts);

	if (t)
		token_touch(s, t);
	else if (slot)
		t = token_new(s, slot, waits ? TOKEN_WAITING : TOKEN_WHOLE, bound);
	if (!t) {
		evidence_unref(s->model, evidence);
		return reel_err_set(err, -ENOMEM, "no memory for a token");
	}
	if (goes_on && node->collects && node->parent >= 0 && node->kind == RULE_NODE_STEP) {
		evidence_unref(s->model, evidence);
		evidence = evidence_collected(s, turn, from, t->evidence, &t->collected);
	} else {
		t->collected = 1;
	}
	if (explain_of(s, turn->rule_at))
		explain_reached(s->o.explain, turn->node_at, s->ev);
	token_fill(s, t, from, evidence);
	if (!node->is_end) {
		slot_bound_tuples(s, slot);
		return 0;
	}
	t->is_tuned = sequence_is_tuned(s, turn->rule_at);
	return waits ? wait_for_it(s, turn, t) : sequence_complete(s, t, err);
}

/* A condition that came with this very event holds back an else at the head of a path. */
static bool is_held_at_head(const struct sequence *s, const struct rule_node *node)
{
	for (uint32_t i = 0; i < node->n_guards; i++)
		if (s->asked[node->guards[i]] == s->serial &&
		    s->truth[node->guards[i]] == TRUTH_YES)
			return true;
	return false;
}

bool sequence_may_follow(const struct sequence *s, const struct turn *turn,
			 const struct token *parent)
{
	const struct rule_node *node = turn->node;
	uint64_t now = s->ev->ts;
	uint64_t within_ns = node->whole_ns ? node->whole_ns : turn->rule->within_ns;

	if (!parent)
		return !s->first_is_used && !is_held_at_head(s, node);
	if (parent->is_dead || parent->kind != TOKEN_WHOLE)
		return false;
	if (node->within_ns != RULES_FOREVER && now > parent->last_ns &&
	    now - parent->last_ns > node->within_ns)
		return false;
	if (within_ns != RULES_FOREVER && now > parent->first_ns &&
	    now - parent->first_ns > within_ns)
		return false;
	return !(parent->guards_seen & turn->facts->guard_mask);
}

/* The step once more, with the values that a token has bound. */
enum truth sequence_ask(struct sequence *s, uint32_t step, const struct token *t)
{
	enum truth answer = s->truth[step];

	if (!s->rules->steps[step].reads_bound || answer == TRUTH_NO)
		return answer;
	if (t && sequence_is_of_another(s, step, t))
		return TRUTH_NO;
	for (uint32_t i = 0; t && i < s->rules->list[t->slot->rule].n_slots; i++)
		s->values[i] = t->bound[i].v;
	s->eval->bound = t ? s->values : NULL;
	s->eval->why = 0;
	answer = eval_step(s->eval, step, s->ev);
	if (t && explain_of(s, t->slot->rule))
		explain_asked_bound(s->o.explain, s->eval, step, s->ev, answer, s->serial);
	s->eval->bound = NULL;
	return answer;
}

bool sequence_holds(struct sequence *s, const struct turn *turn, uint32_t step,
		    const struct token *t)
{
	enum truth answer = sequence_ask(s, step, t);

	if (answer == TRUTH_UNKNOWN && s->rules->steps[step].reads_bound)
		sequence_undecided(s, turn->rule_at, s->eval->why, turn->facts->extent_ns);
	return answer == TRUTH_YES;
}

/* A step: over what each of the parent's tokens has, or from nothing at the head. */
static int reach_step(struct sequence *s, const struct turn *turn, const struct token *parent,
		      struct reel_err *err)
{
	struct origin from;
	int r;

	r = origin_with(s, turn, parent, &from);
	if (r == 0) {
		r = sequence_bind(s, turn, 0, parent);
		if (r == 0)
			r = sequence_arrive(s, turn, &from,
					    sequence_evidence(s, from.evidence, turn->node_at, 0),
					    s->kept, err);
		sequence_unbind(s, turn->rule);
	}
	count_set_unref(from.used);
	if (r == -ENOMEM)
		reel_err_set(err, r, "no memory for a token");
	return r;
}

/* Every node ----------------------------------------------------------------------------------- */

static int reach_from(struct sequence *s, const struct turn *turn, const struct token *parent,
		      struct reel_err *err)
{
	if (!sequence_may_follow(s, turn, parent) || (is_used_whole(turn) && s->count_is_used))
		return 0;
	return sequence_holds(s, turn, turn->node->step, parent) ?
		       reach_step(s, turn, parent, err) :
		       0;
}

/* `..`: what comes before the next step is evidence, too, where no token can be copied any more. */
static int collect(struct sequence *s, const struct turn *turn, struct reel_err *err)
{
	struct slot *slot = slot_find(s, turn->rule_at, turn->node_at, turn->key);

	for (struct token *t = slot ? slot->tokens : NULL; t; t = t->next) {
		struct evidence *evidence;

		if (t->kind != TOKEN_WHOLE || t->last_serial == s->serial ||
		    t->collected >= SEQUENCE_COLLECTED_MAX || !token_is_alive(s, t, s->ev->ts) ||
		    sequence_ask(s, turn->node->step, t) != TRUTH_YES)
			continue;
		evidence = sequence_evidence(s, t->evidence, turn->node_at, 0);
		if (!evidence)
			return reel_err_set(err, -ENOMEM, "no memory for evidence");
		evidence_unref(s->model, t->evidence);
		t->evidence = evidence;
		t->collected++;
	}
	return 0;
}

void sequence_refused(struct sequence *s, const struct turn *turn, struct token **list, int64_t n)
{
	struct explain *about = explain_of(s, turn->rule_at);
	struct explain_node *x = about ? &about->nodes[turn->node_at] : NULL;
	const struct token *nearest = NULL;
	uint64_t now = s->ev->ts;

	for (int64_t i = 0; x && i < n; i++) {
		if (sequence_may_follow(s, turn, list[i]))
			return;
		if (!list[i]->is_dead && list[i]->kind == TOKEN_WHOLE &&
		    (!nearest || list[i]->last_ns > nearest->last_ns))
			nearest = list[i];
	}
	if (!x)
		return;
	if (!nearest)
		x->early++;
	else if (nearest->guards_seen & turn->facts->guard_mask)
		x->held++;
	else if (turn->rule->within_ns != RULES_FOREVER && now > nearest->first_ns &&
		 now - nearest->first_ns > turn->rule->within_ns)
		x->late_path++;
	else
		x->late++;
}

int sequence_reach(struct sequence *s, const struct turn *turn, uint32_t members,
		   struct reel_err *err)
{
	struct token **list = NULL;
	struct slot *slot;
	int64_t n;
	int r = 0;

	if (turn->node->kind == RULE_NODE_COUNT)
		return count_event(s, turn, err);
	if (turn->node->kind == RULE_NODE_WINDOW)
		return window_event(s, turn, err);
	if (turn->node->kind == RULE_NODE_ALL)
		return all_event(s, turn, members, err);
	if (turn->node->parent < 0) {
		r = reach_from(s, turn, NULL, err);
	} else {
		slot = slot_find(s, turn->rule_at, (uint32_t)turn->node->parent, turn->key);
		n = slot_tokens(s, slot, &list);
		if (n < 0)
			return reel_err_set(err, (int)n, "no memory for tokens");
		sequence_refused(s, turn, list, n);
		for (int64_t i = 0; r == 0 && i < n; i++)
			r = reach_from(s, turn, list[i], err);
	}
	if (r == 0 && turn->node->collects && turn->node->kind == RULE_NODE_STEP)
		r = collect(s, turn, err);
	return r;
}

int sequence_single(struct sequence *s, const struct turn *turn, struct reel_err *err)
{
	struct match m = { .rule = turn->rule_at,
			   .node = turn->node_at,
			   .first_ns = s->ev->ts,
			   .last_ns = s->ev->ts,
			   .key = turn->key };
	struct evidence *evidence;
	int r;

	if (!sequence_may_follow(s, turn, NULL))
		return 0;
	evidence = sequence_evidence(s, NULL, turn->node_at, 0);
	if (!evidence)
		return reel_err_set(err, -ENOMEM, "no memory for evidence");
	m.evidence = evidence;
	m.is_tuned = sequence_is_tuned(s, turn->rule_at);
	if (explain_of(s, turn->rule_at))
		explain_reached(s->o.explain, turn->node_at, s->ev);
	s->first_is_used = true;
	r = report(s, &m, err);
	evidence_unref(s->model, evidence);
	return r;
}
