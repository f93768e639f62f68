/* SPDX-License-Identifier: BSD-2-Clause */
/* A node is reached: tokens are copied from its parent's, counted, put together, completed. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "replay/sequence_impl.h"

/* Evidence ------------------------------------------------------------------------------------- */

static struct seen *seen_now(struct sequence *s)
{
	if (!s->seen)
		s->seen = seen_new(s->model, s->ev, s->eval->process, s->serial);
	return s->seen;
}

/* BEFORE stays its owner's. */
static struct evidence *evidence_now(struct sequence *s, struct evidence *before, uint32_t node)
{
	struct seen *seen = seen_now(s);

	return seen ? evidence_add(s->model, evidence_ref(before), seen, node) : NULL;
}

/* Counters ------------------------------------------------------------------------------------- */

static void counter_drop(struct sequence *s, struct token *t, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		evidence_unref(s->model, t->counted[i].before);
		seen_unref(s->model, t->counted[i].seen);
	}
	t->n_counted -= n;
	s->n_state -= n;
	if (n)
		memmove(t->counted, t->counted + n, t->n_counted * sizeof(*t->counted));
}

static void counter_drop_if(struct sequence *s, struct token *t,
			    bool (*is_gone)(const struct counted *, uint64_t), uint64_t what)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < t->n_counted; i++) {
		if (!is_gone(&t->counted[i], what)) {
			t->counted[kept++] = t->counted[i];
			continue;
		}
		evidence_unref(s->model, t->counted[i].before);
		seen_unref(s->model, t->counted[i].seen);
	}
	s->n_state -= t->n_counted - kept;
	t->n_counted = kept;
}

static bool has_value(const struct counted *c, uint64_t value)
{
	return c->value == value;
}

static bool is_of_story(const struct counted *c, uint64_t first_serial)
{
	return c->first_serial == first_serial;
}

/* Matches -------------------------------------------------------------------------------------- */

/* Of these counts the events that were counted are used up. */
static void use_up_counts(struct sequence *s, uint32_t rule, int32_t node, uint64_t key,
			  uint64_t counted_serial)
{
	for (; node >= 0; node = s->rules->list[rule].nodes[node].parent) {
		struct slot *slot;

		if (s->rules->list[rule].nodes[node].kind != RULE_NODE_COUNT)
			continue;
		slot = slot_find(s, rule, (uint32_t)node, key);
		for (struct token *t = slot ? slot->tokens : NULL, *next; t; t = next) {
			uint32_t gone = 0;

			next = t->next;
			if (t->kind != TOKEN_COUNTER)
				continue;
			while (gone < t->n_counted && t->counted[gone].serial <= counted_serial)
				gone++;
			counter_drop(s, t, gone);
			if (!t->n_counted)
				token_kill(s, t);
		}
	}
}

/* All tokens of the rule and key that begin with the same event. */
static void remove_story(struct sequence *s, uint32_t rule, uint64_t key, uint64_t first_serial)
{
	for (uint32_t n = 0; n < s->rules->list[rule].n_nodes; n++) {
		struct slot *slot = slot_find(s, rule, n, key);

		for (struct token *t = slot ? slot->tokens : NULL, *next; t; t = next) {
			next = t->next;
			if (t->kind != TOKEN_COUNTER) {
				if (t->first_serial == first_serial)
					token_kill(s, t);
				continue;
			}
			if (s->rules->list[rule].nodes[n].parent < 0)
				continue;
			counter_drop_if(s, t, is_of_story, first_serial);
			if (!t->n_counted)
				token_kill(s, t);
		}
	}
}

static bool is_tuned(struct sequence *s, uint32_t rule)
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

/* A token has completed its way; it is used up. */
int sequence_complete(struct sequence *s, struct token *t, struct reel_err *err)
{
	struct match m = {
		.rule = t->slot->rule,
		.node = t->slot->node,
		.first_ns = t->first_ns,
		.last_ns = t->last_ns,
		.key = t->slot->key,
		.is_despite = t->is_despite,
		.is_tuned = t->is_tuned,
		.evidence = t->evidence,
	};
	int r = report(s, &m, err);

	if (t->counted_serial)
		use_up_counts(s, m.rule, (int32_t)m.node, m.key, t->counted_serial);
	token_kill(s, t);
	remove_story(s, m.rule, m.key, t->first_serial);
	return r;
}

/* Reaching a node ------------------------------------------------------------------------------ */

/* What a token is copied from: a parent's token, or nothing at the head. */
struct origin {
	struct evidence *evidence;
	uint64_t first_ns, first_serial, last_serial, counted_serial;
	bool is_despite;
};

static void origin_of(const struct sequence *s, const struct turn *turn, const struct token *parent,
		      struct origin *ret)
{
	*ret = (struct origin){ .first_ns = s->ev->ts, .first_serial = s->serial };
	if (!parent)
		return;
	ret->evidence = parent->evidence;
	ret->first_ns = parent->first_ns;
	ret->first_serial = parent->first_serial;
	ret->last_serial = parent->last_serial;
	ret->counted_serial = parent->counted_serial;
	ret->is_despite = parent->is_despite || (parent->kind == TOKEN_WHOLE &&
						 parent->guards_blind & turn->facts->guard_mask);
}

/* The parent's values, and those that the node itself binds (of `all`: its member). */
static int bind_values(struct sequence *s, const struct rule *rule, const struct rule_node *node,
		       int member, const struct token *from, struct kept_value *ret)
{
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

		if (member >= 0 && node->binding_member && node->binding_member[i] != member)
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

static void unbind(struct sequence *s, const struct rule *rule, struct kept_value *values)
{
	for (uint32_t i = 0; i < rule->n_slots; i++)
		model_text_unref(s->model, values[i].text);
}

static struct token *same_tuple(const struct slot *slot, enum token_kind kind, uint32_t mask,
				const struct kept_value *bound, uint32_t n)
{
	for (struct token *t = slot->tokens; t; t = t->next)
		if (t->kind == kind && t->mask == mask && bound_equal(t->bound, bound, n))
			return t;
	return NULL;
}

/* One more tuple at a step than may be: the oldest goes. */
static void bound_tuples(struct sequence *s, struct slot *slot)
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

/*
 * A token at the node, made anew or over what stands there. Takes over the evidence.
 */
static int arrive(struct sequence *s, const struct turn *turn, const struct origin *from,
		  struct evidence *evidence, const struct kept_value *bound, struct reel_err *err)
{
	const struct rule *rule = turn->rule;
	const struct rule_node *node = turn->node;
	struct slot *slot = evidence ? slot_get(s, turn->rule_at, turn->node_at, turn->key) : NULL;
	struct token *t = slot ? same_tuple(slot, TOKEN_WHOLE, 0, bound, rule->n_slots) : NULL;
	bool is_same_story;

	if (t)
		token_touch(s, t);
	else if (slot)
		t = token_new(s, slot, TOKEN_WHOLE, bound);
	if (!t) {
		evidence_unref(s->model, evidence);
		return reel_err_set(err, -ENOMEM, "no memory for a token");
	}
	/* What `..` has collected stays as long as the token before is the same. */
	is_same_story = node->collects && t->evidence && t->first_serial == from->first_serial &&
			t->parent_serial == from->last_serial;
	if (is_same_story && t->collected < SEQUENCE_COLLECTED_MAX) {
		evidence_unref(s->model, evidence);
		evidence = evidence_now(s, t->evidence, turn->node_at);
		t->collected++;
	} else if (is_same_story) {
		evidence_unref(s->model, evidence);
		evidence = evidence_ref(t->evidence);
	} else {
		t->collected = 1;
	}
	if (explain_of(s, turn->rule_at))
		explain_reached(s->o.explain, turn->node_at, s->ev);
	evidence_unref(s->model, t->evidence);
	t->evidence = evidence;
	t->first_ns = from->first_ns;
	t->first_serial = from->first_serial;
	t->last_ns = s->ev->ts;
	t->last_serial = s->serial;
	t->parent_serial = from->last_serial;
	t->counted_serial = node->kind == RULE_NODE_COUNT ? s->serial : from->counted_serial;
	t->is_despite = from->is_despite;
	t->guards_seen = t->guards_blind = 0;
	if (t->waits_at)
		token_stop_waiting(s, t);
	if (!node->is_end) {
		bound_tuples(s, slot);
		return 0;
	}
	t->is_tuned = is_tuned(s, turn->rule_at);
	if (!node->wait_ns)
		return sequence_complete(s, t, err);
	bound_tuples(s, slot);
	if (t->is_dead)
		return 0;
	return token_wait(s, t,
			  s->ev->ts + node->wait_ns < s->ev->ts ? UINT64_MAX :
								  s->ev->ts + node->wait_ns);
}

/* Whether the event comes in time behind a parent's token, and nothing holds it back. */
static bool may_follow(const struct sequence *s, const struct turn *turn,
		       const struct token *parent)
{
	uint64_t now = s->ev->ts, within_ns = turn->rule->within_ns;
	const struct rule_node *node = turn->node;

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

/* With what the token has bound; where that leaves it open the rule is undecided. */
static bool holds(struct sequence *s, const struct turn *turn, uint32_t step, const struct token *t)
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

	origin_of(s, turn, parent, &from);
	r = bind_values(s, turn->rule, turn->node, -1, parent, s->kept);
	if (r == 0)
		r = arrive(s, turn, &from, evidence_now(s, from.evidence, turn->node_at), s->kept,
			   err);
	else
		reel_err_set(err, r, "no memory for a token");
	unbind(s, turn->rule, s->kept);
	return r;
}

/* A count ------------------------------------------------------------------------------------- */

static uint64_t hash_of(const struct value *v)
{
	uint64_t h = v->kind;

	if (v->kind == VALUE_STRING)
		return XXH3_64bits_withSeed(v->bytes, v->length,
					    h + 8 * (v->true_length != v->length));
	if (v->kind == VALUE_ADDR)
		return XXH3_64bits_withSeed(v->addr, sizeof(v->addr), h);
	return XXH3_64bits_withSeed(&v->number, sizeof(v->number), h);
}

static int counter_add(struct sequence *s, const struct turn *turn, struct token *t,
		       const struct origin *from)
{
	struct counted *c;
	struct seen *seen = seen_now(s);
	uint64_t value = 0;

	if (turn->node->has_distinct) {
		struct value v;

		eval_value(s->eval, &turn->node->distinct, s->ev, &v);
		if (v.kind == VALUE_ABSENT || v.kind == VALUE_UNKNOWN)
			return 0;
		value = hash_of(&v);
		counter_drop_if(s, t, has_value, value);
	}
	if (t->n_counted == turn->node->count)
		counter_drop(s, t, 1);
	if (t->n_counted == t->counted_room) {
		uint32_t room = t->counted_room ? 2 * t->counted_room : 4;

		c = reallocarray(t->counted, room, sizeof(*c));
		if (!c)
			return -ENOMEM;
		t->counted = c;
		t->counted_room = room;
	}
	if (!seen)
		return -ENOMEM;
	seen->refs++;
	t->counted[t->n_counted++] = (struct counted){
		.ts = s->ev->ts,
		.serial = s->serial,
		.first_ns = from->first_ns,
		.first_serial = from->first_serial,
		.value = value,
		.before = evidence_ref(from->evidence),
		.seen = seen,
		.is_despite = from->is_despite,
	};
	s->n_state++;
	t->last_ns = s->ev->ts;
	t->last_serial = s->serial;
	if (explain_of(s, turn->rule_at))
		s->o.explain->nodes[turn->node_at].counted++;
	return 1;
}

static int counter_complete(struct sequence *s, const struct turn *turn, struct token *t,
			    struct reel_err *err)
{
	const struct counted *first = &t->counted[0];
	struct origin from = { .first_ns = first->first_ns,
			       .first_serial = first->first_serial,
			       .last_serial = first->serial,
			       .is_despite = first->is_despite };
	uint32_t at =
		t->n_counted > SEQUENCE_COLLECTED_MAX ? t->n_counted - SEQUENCE_COLLECTED_MAX : 0;
	struct evidence *evidence = evidence_ref(first->before);

	if (turn->rule->within_ns != RULES_FOREVER &&
	    s->ev->ts - first->first_ns > turn->rule->within_ns) {
		evidence_unref(s->model, evidence);
		return 0;
	}
	for (; at < t->n_counted; at++) {
		evidence = evidence_add(s->model, evidence, t->counted[at].seen, turn->node_at);
		if (!evidence)
			return reel_err_set(err, -ENOMEM, "no memory for a token");
	}
	for (uint32_t i = 0; i < turn->rule->n_slots; i++)
		kept_value_ref(&s->kept[i], &t->bound[i]);
	at = (uint32_t)arrive(s, turn, &from, evidence, s->kept, err);
	unbind(s, turn->rule, s->kept);
	return (int)at;
}

static int reach_count(struct sequence *s, const struct turn *turn, const struct token *parent,
		       struct reel_err *err)
{
	struct slot *slot = slot_get(s, turn->rule_at, turn->node_at, turn->key);
	struct token *t = NULL;
	struct origin from;
	uint32_t old = 0;
	int r = 0;

	origin_of(s, turn, parent, &from);
	for (uint32_t i = 0; i < turn->rule->n_slots; i++)
		s->kept[i] = parent ? parent->bound[i] :
				      (struct kept_value){ .v.kind = VALUE_ABSENT };
	if (slot)
		t = same_tuple(slot, TOKEN_COUNTER, 0, s->kept, turn->rule->n_slots);
	if (t)
		token_touch(s, t);
	else if (slot)
		t = token_new(s, slot, TOKEN_COUNTER, s->kept);
	if (t)
		r = counter_add(s, turn, t, &from);
	if (!t || r < 0)
		return reel_err_set(err, -ENOMEM, "no memory for a count");
	while (old < t->n_counted && s->ev->ts > t->counted[old].ts &&
	       s->ev->ts - t->counted[old].ts > turn->node->window_ns)
		old++;
	counter_drop(s, t, old);
	bound_tuples(s, slot);
	if (r == 0 || t->is_dead || t->n_counted < turn->node->count)
		return 0;
	return counter_complete(s, turn, t, err);
}

/* All ------------------------------------------------------------------------------------------ */

/* One more member has come; TOGETHER: those that have then. */
static int reach_member(struct sequence *s, const struct turn *turn, const struct token *before,
			unsigned member, uint32_t together, struct reel_err *err)
{
	bool is_first = !before || before->kind == TOKEN_WHOLE;
	uint64_t anchor_ns = is_first ? (before ? before->last_ns : s->ev->ts) : before->anchor_ns;
	struct evidence *evidence;
	struct origin from;
	struct slot *slot;
	struct token *t;
	int r;

	origin_of(s, turn, before, &from);
	r = bind_values(s, turn->rule, turn->node, (int)member, before, s->kept);
	evidence = r == 0 ? evidence_now(s, from.evidence, turn->node_at) : NULL;
	if (evidence && together == (1u << turn->node->n_members) - 1) {
		r = arrive(s, turn, &from, evidence, s->kept, err);
		goto out;
	}
	slot = evidence ? slot_get(s, turn->rule_at, turn->node_at, turn->key) : NULL;
	t = slot ? same_tuple(slot, TOKEN_PARTIAL, together, s->kept, turn->rule->n_slots) : NULL;
	if (t)
		token_touch(s, t);
	else if (slot)
		t = token_new(s, slot, TOKEN_PARTIAL, s->kept);
	if (!t) {
		evidence_unref(s->model, evidence);
		r = reel_err_set(err, -ENOMEM, "no memory for a token");
		goto out;
	}
	if (explain_of(s, turn->rule_at))
		s->o.explain->nodes[turn->node_at].counted++;
	evidence_unref(s->model, t->evidence);
	t->evidence = evidence;
	t->mask = together;
	t->anchor_ns = anchor_ns;
	t->first_ns = from.first_ns;
	t->first_serial = from.first_serial;
	t->last_ns = s->ev->ts;
	t->last_serial = s->serial;
	t->counted_serial = from.counted_serial;
	t->is_despite = from.is_despite;
	bound_tuples(s, slot);
out:
	unbind(s, turn->rule, s->kept);
	return r;
}

/* MEMBERS: bits of those whose steps may hold. The sets with most members come first, so that this
 * event adds one to each. */
static int reach_all(struct sequence *s, const struct turn *turn, uint32_t members,
		     struct reel_err *err)
{
	struct slot *slot = slot_find(s, turn->rule_at, turn->node_at, turn->key);
	struct token **list = NULL;
	int64_t n = slot_tokens(s, slot, &list);
	int r = n < 0 ? reel_err_set(err, (int)n, "no memory for tokens") : 0;

	for (int size = turn->node->n_members - 1; r == 0 && size > 0; size--) {
		for (int64_t i = 0; r == 0 && i < n; i++) {
			struct token *t = list[i];

			if (t->is_dead || t->kind != TOKEN_PARTIAL ||
			    __builtin_popcount(t->mask) != size || !token_is_alive(s, t, s->ev->ts))
				continue;
			for (unsigned m = 0; r == 0 && m < turn->node->n_members && !t->is_dead;
			     m++)
				if (members >> m & 1 && !(t->mask >> m & 1) &&
				    holds(s, turn, turn->node->members[m], t))
					r = reach_member(s, turn, t, m, t->mask | 1u << m, err);
		}
	}
	return r;
}

/* Every node ----------------------------------------------------------------------------------- */

static int reach_from(struct sequence *s, const struct turn *turn, uint32_t members,
		      const struct token *parent, struct reel_err *err)
{
	int r = 0;

	if (turn->node->kind != RULE_NODE_ALL) {
		if (!holds(s, turn, turn->node->step, parent))
			return 0;
		return turn->node->kind == RULE_NODE_STEP ? reach_step(s, turn, parent, err) :
							    reach_count(s, turn, parent, err);
	}
	for (unsigned m = 0; r == 0 && m < turn->node->n_members; m++)
		if (members >> m & 1 && (!parent || !parent->is_dead) &&
		    holds(s, turn, turn->node->members[m], parent))
			r = reach_member(s, turn, parent, m, 1u << m, err);
	return r;
}

/* `..`: what comes before the next step is evidence, too, where no token can be copied any more. */
static int collect(struct sequence *s, const struct turn *turn, struct reel_err *err)
{
	struct slot *slot = slot_find(s, turn->rule_at, turn->node_at, turn->key);

	for (struct token *t = slot ? slot->tokens : NULL; t; t = t->next) {
		struct evidence *evidence;

		if (t->kind != TOKEN_WHOLE || t->last_serial == s->serial ||
		    t->collected >= SEQUENCE_COLLECTED_MAX ||
		    (t->evidence && t->evidence->seen->serial == s->serial) ||
		    !token_is_alive(s, t, s->ev->ts) ||
		    sequence_ask(s, turn->node->step, t) != TRUTH_YES)
			continue;
		evidence = evidence_now(s, t->evidence, turn->node_at);
		if (!evidence)
			return reel_err_set(err, -ENOMEM, "no memory for evidence");
		evidence_unref(s->model, t->evidence);
		t->evidence = evidence;
		t->collected++;
	}
	return 0;
}

/* Why nothing goes on from here, if nothing does. */
static void explain_refusal(struct sequence *s, const struct turn *turn, struct token **list,
			    int64_t n)
{
	struct explain_node *x = &s->o.explain->nodes[turn->node_at];
	const struct token *nearest = NULL;
	uint64_t now = s->ev->ts;

	for (int64_t i = 0; i < n; i++) {
		if (may_follow(s, turn, list[i]))
			return;
		if (!list[i]->is_dead && list[i]->kind == TOKEN_WHOLE &&
		    (!nearest || list[i]->last_ns > nearest->last_ns))
			nearest = list[i];
	}
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
	int r = turn->node->kind == RULE_NODE_ALL ? reach_all(s, turn, members, err) : 0;

	if (r < 0)
		return r;
	if (turn->node->parent < 0) {
		r = reach_from(s, turn, members, NULL, err);
	} else {
		slot = slot_find(s, turn->rule_at, (uint32_t)turn->node->parent, turn->key);
		n = slot_tokens(s, slot, &list);
		if (n < 0)
			return reel_err_set(err, (int)n, "no memory for tokens");
		if (explain_of(s, turn->rule_at))
			explain_refusal(s, turn, list, n);
		for (int64_t i = 0; r == 0 && i < n; i++)
			if (may_follow(s, turn, list[i]))
				r = reach_from(s, turn, members, list[i], err);
	}
	if (r == 0 && turn->node->collects && turn->node->kind == RULE_NODE_STEP)
		r = collect(s, turn, err);
	return r;
}

/* A rule of one step has no tokens: what holds is a match. */
int sequence_single(struct sequence *s, const struct turn *turn, struct reel_err *err)
{
	struct match m = { .rule = turn->rule_at,
			   .node = turn->node_at,
			   .first_ns = s->ev->ts,
			   .last_ns = s->ev->ts,
			   .key = turn->key };
	struct evidence *evidence = evidence_now(s, NULL, turn->node_at);
	int r;

	if (!evidence)
		return reel_err_set(err, -ENOMEM, "no memory for evidence");
	m.evidence = evidence;
	m.is_tuned = is_tuned(s, turn->rule_at);
	if (explain_of(s, turn->rule_at))
		explain_reached(s->o.explain, turn->node_at, s->ev);
	r = report(s, &m, err);
	evidence_unref(s->model, evidence);
	return r;
}
