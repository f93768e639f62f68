/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An event against the tokens. For each rule in turn: first `unless`, then the conditions of
 * else-branches, then the nodes from the last to the first, so that one event moves a token by one
 * step.
 */
#include "replay/sequence.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "replay/sequence_impl.h"

int sequence_new(const struct sequence_plan *plan, const struct sequence_options *o,
		 struct model *m, struct reel_err *err, struct sequence **ret)
{
	const struct rules *rules = plan->eval->rules;
	struct sequence *s = calloc(1, sizeof(*s));
	uint32_t n_slots = 0;

	for (uint32_t i = 0; i < rules->n; i++)
		if (rules->list[i].n_slots > n_slots)
			n_slots = rules->list[i].n_slots;
	if (s) {
		s->plan = plan;
		s->rules = rules;
		s->o = *o;
		s->model = m;
		s->truth = calloc(rules->n_steps + 1u, 1);
		s->asked = calloc(rules->n_steps + 1u, sizeof(*s->asked));
		s->why = calloc(rules->n_steps + 1u, sizeof(*s->why));
		s->values = calloc(n_slots + 1u, sizeof(*s->values));
		s->kept = calloc(n_slots + 1u, sizeof(*s->kept));
		s->n_tokens = calloc(rules->n + 1u, sizeof(*s->n_tokens));
		s->stats.evaluations = calloc(rules->n_steps + 1u, sizeof(uint64_t));
		s->stats.hits = calloc(rules->n_steps + 1u, sizeof(uint64_t));
	}
	if (!s || !s->truth || !s->asked || !s->why || !s->values || !s->kept || !s->n_tokens ||
	    !s->stats.evaluations || !s->stats.hits) {
		sequence_free(s);
		return reel_err_set(err, -ENOMEM, "no memory for rules");
	}
	*ret = s;
	return 0;
}

void sequence_free(struct sequence *s)
{
	if (!s)
		return;
	store_done(s);
	free(s->truth);
	free(s->asked);
	free(s->why);
	free(s->values);
	free(s->kept);
	free(s->n_tokens);
	free(s->turns);
	free(s->fed);
	free(s->stats.evaluations);
	free(s->stats.hits);
	free(s);
}

void sequence_blind(struct sequence *s, uint32_t rule, enum blind_reason reason, uint64_t from_ns,
		    uint64_t extent_ns)
{
	uint64_t to;

	if (__builtin_add_overflow(from_ns, extent_ns, &to))
		to = UINT64_MAX;
	/* Without memory for one more interval all of the rest is blind: nothing is claimed. */
	if (blind_add(&s->o.blind[rule], reason, from_ns, to, 1) < 0)
		s->o.blind[rule].is_whole = true;
}

/* Why something was unknown, the first reason that there is. */
void sequence_undecided(struct sequence *s, uint32_t rule, uint32_t why, uint64_t extent_ns)
{
	unsigned reason = BLIND_PROCESS;

	for (unsigned i = 0; i < BLIND_REASONS; i++)
		if (why >> i & 1) {
			reason = i;
			break;
		}
	s->stats.undecided++;
	if (explain_of(s, rule))
		explain_undecided(s->o.explain, why);
	sequence_blind(s, rule, (enum blind_reason)reason, s->ev->ts, extent_ns);
}

/* Keys ----------------------------------------------------------------------------------------- */

static enum key_known key_of(struct sequence *s, enum rule_key by, uint64_t *ret)
{
	const struct model_process *p = s->eval->process;
	bool certain, whole;

	*ret = 0;
	if (by == RULE_BY_HOST)
		return KEY_CERTAIN;
	if (!p)
		return KEY_UNKNOWN;
	certain = model_is_certain(s->model, p);
	whole = certain && model_is_whole(s->model, p);
	switch (by) {
	case RULE_BY_FAMILY:
		*ret = p->family;
		return model_is_placed(s->model, p) ? KEY_CERTAIN : KEY_DOUBTFUL;
	case RULE_BY_PROCESS:
		*ret = p->serial;
		return certain || p->known_by == MODEL_GUESS || model_is_placed(s->model, p) ?
			       KEY_CERTAIN :
			       KEY_DOUBTFUL;
	case RULE_BY_CONTAINER:
		*ret = p->container ? p->container->serial : 0;
		return whole && p->has_container ? KEY_CERTAIN : KEY_DOUBTFUL;
	default:
		*ret = p->ids.uid;
		if (!p->has_ids)
			return KEY_UNKNOWN;
		return model_is_certain_of_ids(s->model, p) ? KEY_CERTAIN : KEY_DOUBTFUL;
	}
}

/* Of this event: once for all steps, and only if one asks. */
static void find_keys(struct sequence *s)
{
	if (s->keys_of == s->serial)
		return;
	s->keys_of = s->serial;
	for (unsigned by = 0; by <= RULE_BY_HOST; by++)
		s->known[by] = key_of(s, (enum rule_key)by, &s->keys[by]);
}

/* The values of a node's fields, of one member of `all`. What lacks one belongs to no group. */
static enum key_known key_of_group(struct sequence *s, const struct use *u, uint64_t *ret)
{
	const struct rule_node *node = &s->rules->list[u->rule].nodes[u->node];
	const struct rule_ref *group =
		node->group + (node->kind == RULE_NODE_ALL ? u->bit * node->n_group : 0);
	enum key_known known = KEY_CERTAIN;

	*ret = 1u + node->chain;
	for (uint32_t i = 0; i < node->n_group && known != KEY_NONE; i++) {
		uint64_t mixed[2] = { *ret };
		struct value v;

		eval_value(s->eval, &group[i], s->ev, &v);
		if (v.kind == VALUE_ABSENT)
			known = KEY_NONE;
		else if (v.kind == VALUE_UNKNOWN)
			known = KEY_UNKNOWN;
		mixed[1] = value_hash(&v);
		*ret = XXH3_64bits(mixed, sizeof(mixed));
	}
	return known;
}

/* The steps of the event ----------------------------------------------------------------------- */

static enum truth ask_measured(struct sequence *s, uint32_t step)
{
	uint64_t begin_ns = profile_begin(s->o.profile);
	enum truth answer = eval_step(s->eval, step, s->ev);

	profile_end(s->o.profile, &s->o.profile->steps[step], begin_ns);
	return answer;
}

static int make_turns(struct sequence *s, size_t n)
{
	struct use *turns;

	if (n <= s->turns_room)
		return 0;
	turns = reallocarray(s->turns, 2 * n, sizeof(*turns));
	if (!turns)
		return -ENOMEM;
	s->turns = turns;
	s->turns_room = 2 * n;
	return 0;
}

/* Few, and nearly in order as they are: steps are numbered rule by rule. */
static void put_turns_in_order(struct use *turns, size_t n)
{
	enum { FEW = 64 };

	if (n > FEW) {
		qsort(turns, n, sizeof(*turns), use_by_turn);
		return;
	}
	for (size_t i = 1; i < n; i++) {
		struct use moving = turns[i];
		size_t at = i;

		for (; at > 0 && use_by_turn(&moving, &turns[at - 1]) < 0; at--)
			turns[at] = turns[at - 1];
		turns[at] = moving;
	}
}

/* Whether it could only move tokens, and there are none: whatever the step says nothing follows. */
static bool is_idle(struct sequence *s, const struct use *u)
{
	unsigned by = s->rules->list[u->rule].key;

	if (!u->is_late || s->n_tokens[u->rule] || by == RULE_BY_GROUP || s->o.explain ||
	    s->eval->is_slow)
		return false;
	find_keys(s);
	return s->known[by] == KEY_CERTAIN;
}

/* What the step may be to rules, behind the N turns that there are already: how many these are. */
static int64_t add_uses(struct sequence *s, uint32_t step, size_t n)
{
	const uint32_t *first = s->plan->first_use + step;
	size_t more = 0;

	if (make_turns(s, n + (first[1] - first[0])) < 0)
		return -ENOMEM;
	for (uint32_t i = first[0]; i < first[1]; i++)
		if (!is_idle(s, &s->plan->uses[i]))
			s->turns[n + more++] = s->plan->uses[i];
	return (int64_t)more;
}

/* Asks each step once; those that hold, or may, are given their turns. */
static int64_t find_turns(struct sequence *s, const uint32_t *steps, uint32_t n_steps,
			  struct reel_err *err)
{
	size_t n = 0;

	for (uint32_t i = 0; i < n_steps; i++) {
		int64_t more = add_uses(s, steps[i], n);

		if (more < 0)
			return reel_err_set(err, -ENOMEM, "no memory for rules");
		if (!more && s->plan->is_late[steps[i]])
			continue;
		s->eval->why = 0;
		s->truth[steps[i]] = (uint8_t)(s->o.profile ? ask_measured(s, steps[i]) :
							      eval_step(s->eval, steps[i], s->ev));
		s->asked[steps[i]] = s->serial;
		s->why[steps[i]] = s->eval->why;
		if (s->o.explain)
			explain_asked(s->o.explain, s->eval, steps[i], s->ev,
				      (enum truth)s->truth[steps[i]], s->serial);
		s->stats.evaluations[steps[i]]++;
		/* A step without uses is one of a rule that nobody wants. */
		if (s->truth[steps[i]] == TRUTH_NO || !more)
			continue;
		s->stats.hits[steps[i]] += s->truth[steps[i]] == TRUTH_YES;
		n += (size_t)more;
	}
	put_turns_in_order(s->turns, n);
	return (int64_t)n;
}

/* Tokens that what holds now kills, or holds back. */
static void kill_tokens(struct sequence *s, const struct use *u, uint64_t key)
{
	struct slot *slot = slot_find(s, u->rule, u->node, key);

	for (struct token *t = slot ? slot->tokens : NULL, *next; t; t = next) {
		enum truth answer;

		next = t->next;
		if (u->phase != USE_RULE_UNLESS &&
		    (u->phase == USE_UNLESS ? t->kind != TOKEN_WAITING :
		     u->phase == USE_STOP   ? t->kind == TOKEN_WHOLE || t->kind == TOKEN_WAITING :
					      t->kind != TOKEN_WHOLE))
			continue;
		answer = sequence_ask(s, u->step, t);
		if (u->phase == USE_GUARD && answer == TRUTH_YES)
			t->guards_seen |= 1ull << u->bit;
		else if (u->phase == USE_GUARD && answer == TRUTH_UNKNOWN)
			t->guards_blind |= 1ull << u->bit;
		else if (answer == TRUTH_YES) {
			if (explain_of(s, u->rule))
				s->o.explain->nodes[u->node].killed++;
			token_kill(s, t);
		} else if (answer == TRUTH_UNKNOWN)
			t->is_despite = true;
	}
}

static void kill_rule(struct sequence *s, const struct use *u, uint64_t key)
{
	struct use each = *u;

	for (each.node = 0; each.node < s->rules->list[u->rule].n_nodes; each.node++)
		kill_tokens(s, &each, key);
}

/* Whether there is something that the node could go on from. */
static bool is_reached(struct sequence *s, const struct turn *turn)
{
	const struct slot *slot;

	if (turn->node->parent < 0)
		return true;
	slot = slot_find(s, turn->rule_at, (uint32_t)turn->node->parent, turn->key);
	for (const struct token *t = slot ? slot->tokens : NULL; t; t = t->next)
		if (t->kind == TOKEN_WHOLE && token_is_alive(s, t, s->ev->ts))
			return true;
	slot = turn->node->kind == RULE_NODE_ALL ?
		       slot_find(s, turn->rule_at, turn->node_at, turn->key) :
		       NULL;
	for (const struct token *t = slot ? slot->tokens : NULL; t; t = t->next)
		if (t->kind == TOKEN_PARTIAL && token_is_alive(s, t, s->ev->ts))
			return true;
	return false;
}

/* A node's turn; u[0..n) are its members if it is an `all`. */
static int take_turn(struct sequence *s, const struct use *u, size_t n, uint64_t key,
		     enum key_known known, struct reel_err *err)
{
	const struct rule *rule = &s->rules->list[u->rule];
	const struct turn turn = {
		u->rule, u->node, rule, &rule->nodes[u->node], node_facts(s, u->rule, u->node), key
	};
	bool is_single = s->plan->rules[u->rule].is_single;
	uint32_t members = 0, unknown = 0;
	bool may = false;

	for (size_t i = 0; i < n; i++) {
		if (s->truth[u[i].step] == TRUTH_UNKNOWN && !s->rules->steps[u[i].step].reads_bound)
			unknown |= s->why[u[i].step] | 1u << BLIND_REASONS;
		else
			may = true;
		members |= 1u << u[i].bit;
	}
	if (unknown && (known == KEY_UNKNOWN || is_reached(s, &turn)))
		sequence_undecided(s, u->rule, unknown, turn.facts->extent_ns);
	if (!may)
		return 0;
	/* Of a group it has to be known which one it is, whatever there is to count. */
	if (is_single && (rule->key != RULE_BY_GROUP || known == KEY_CERTAIN))
		return sequence_single(s, &turn, err);
	if (known != KEY_CERTAIN)
		sequence_undecided(s, u->rule, 1u << BLIND_PROCESS, turn.facts->extent_ns);
	return known == KEY_UNKNOWN ? 0 : sequence_reach(s, &turn, members, err);
}

/* Correlations within -------------------------------------------------------------------------- */

int sequence_feed(struct sequence *s, const struct token *t)
{
	const struct rule_node *node = token_node(s, t);

	if (s->n_fed == s->fed_room) {
		size_t room = s->fed_room ? 2 * s->fed_room : 4;
		struct fed *fed = reallocarray(s->fed, room, sizeof(*fed));

		if (!fed)
			return -ENOMEM;
		s->fed = fed;
		s->fed_room = room;
	}
	s->fed[s->n_fed++] = (struct fed){ .rule = t->slot->rule,
					   .node = node->feeds - 1,
					   .member = node->feeds_member,
					   .evidence = evidence_ref(t->evidence) };
	return 0;
}

/* What was found takes its turn as events do, behind those of its node: the nodes that hear of
 * anything lie before those that find it. */
static int queue_fed(struct sequence *s, size_t from, size_t *n, struct reel_err *err)
{
	for (; s->n_queued < s->n_fed; s->n_queued++) {
		const struct fed *fed = &s->fed[s->n_queued];
		const struct rule_node *node = &s->rules->list[fed->rule].nodes[fed->node];
		bool is_all = node->kind == RULE_NODE_ALL;
		const struct use told = { .step = is_all ? node->members[fed->member] : node->step,
					  .rule = fed->rule,
					  .node = fed->node,
					  .phase = USE_NODE,
					  .bit = fed->member,
					  .told = (uint32_t)s->n_queued + 1 };
		size_t at = *n;

		while (at > from && use_by_turn(&told, &s->turns[at - 1]) < 0)
			at--;
		/* A member that has come has come. */
		if (is_all && at > from && use_by_turn(&told, &s->turns[at - 1]) == 0)
			continue;
		if (make_turns(s, *n + 1) < 0)
			return reel_err_set(err, -ENOMEM, "no memory for rules");
		memmove(&s->turns[at + 1], &s->turns[at], (*n - at) * sizeof(*s->turns));
		s->turns[at] = told;
		++*n;
	}
	return 0;
}

static void drop_fed(struct sequence *s)
{
	for (size_t i = 0; i < s->n_fed; i++)
		evidence_unref(s->model, s->fed[i].evidence);
	s->n_fed = s->n_queued = 0;
}

/* To a node that hears of something it is this event, whatever else that is. */
static int take_told(struct sequence *s, const struct use *u, size_t n, uint64_t key,
		     enum key_known known, struct reel_err *err)
{
	uint8_t truth[RULES_ALL_MAX];
	int r;

	for (size_t i = 0; i < n; i++) {
		truth[i] = s->truth[u[i].step];
		if (!u[i].told)
			continue;
		s->truth[u[i].step] = TRUTH_YES;
		s->told[u[i].bit] = s->fed[u[i].told - 1].evidence;
	}
	r = take_turn(s, u, n, key, known, err);
	/* Members may be one step: the oldest answer has to come last. */
	for (size_t i = n; i-- > 0;) {
		s->truth[u[i].step] = truth[i];
		s->told[u[i].bit] = NULL;
	}
	return r;
}

static unsigned chain_of(const struct sequence *s, const struct use *u)
{
	return s->rules->list[u->rule].nodes[u->node].chain;
}

/* A turn that knows nothing of what the one before it has used. To a count all that was found is
 * one more. */
static bool is_anew(const struct sequence *s, const struct use *u)
{
	const struct rule_node *node = &s->rules->list[u->rule].nodes[u->node];

	return u == s->turns || u[-1].rule != u->rule || chain_of(s, &u[-1]) != node->chain ||
	       (u->told && node->kind != RULE_NODE_ALL && !node->whole_ns);
}

static int take_turns(struct sequence *s, size_t n, struct reel_err *err)
{
	uint64_t *keys = s->keys, other;
	int r = 0;

	find_keys(s);
	for (size_t i = 0, end; r == 0 && i < n; i = end) {
		const struct use *u = &s->turns[i];
		const uint32_t rule = u->rule;
		unsigned by = s->rules->list[rule].key;
		bool is_all = s->rules->list[rule].nodes[u->node].kind == RULE_NODE_ALL;
		uint64_t begin_ns = s->o.profile ? profile_begin(s->o.profile) : 0;

		if (is_anew(s, u))
			s->first_is_used = s->count_is_used = false;

		if (by == RULE_BY_GROUP)
			s->known[by] = key_of_group(s, u, &keys[by]);
		for (end = i + 1;
		     end < n && is_all && u->phase == USE_NODE && s->turns[end].rule == rule &&
		     s->turns[end].phase == USE_NODE && s->turns[end].node == u->node;
		     end++)
			if (by == RULE_BY_GROUP &&
			    (key_of_group(s, &s->turns[end], &other) != s->known[by] ||
			     other != keys[by]))
				break;
		if (s->known[by] == KEY_NONE)
			r = 0;
		else if (u->phase == USE_NODE)
			r = take_told(s, u, end - i, keys[by], s->known[by], err);
		else if (s->known[by] != KEY_UNKNOWN && u->phase == USE_RULE_UNLESS)
			kill_rule(s, u, keys[by]);
		else if (s->known[by] != KEY_UNKNOWN)
			kill_tokens(s, u, keys[by]);
		if (r == 0)
			r = queue_fed(s, end, &n, err);
		if (s->o.profile)
			profile_end(s->o.profile, &s->o.profile->rules[rule], begin_ns);
	}
	drop_fed(s);
	return r;
}

/* Keys that end, and families that are founded ------------------------------------------------- */

static void end_token(struct sequence *s, struct token *t)
{
	struct explain *x = explain_of(s, t->slot->rule);

	if (x && token_is_alive(s, t, s->ev->ts))
		x->nodes[t->slot->node].ended++;
	token_kill(s, t);
}

/* What waited for something not to come has waited long enough: it can come no more. */
static int end_key(struct sequence *s, enum rule_key by, uint64_t key, struct reel_err *err)
{
	struct owner *owner = key ? owner_find(s, by, key) : NULL;
	struct token **waiting;
	int64_t n;
	int r = 0;

	if (!owner)
		return 0;
	n = owner_waiting(s, owner, &waiting);
	if (n < 0)
		return reel_err_set(err, (int)n, "no memory for tokens");
	for (int64_t i = 0; i < n && r == 0; i++)
		if (!waiting[i]->is_dead)
			r = sequence_complete(s, waiting[i], err);
	for (struct slot *slot = owner->slots; r == 0 && slot; slot = slot->next_of_owner)
		while (slot->tokens)
			end_token(s, slot->tokens);
	return r;
}

static int end_keys(struct sequence *s, const struct model_change *change, struct reel_err *err)
{
	int r = end_key(s, RULE_BY_PROCESS, change->ended_process, err);

	if (r == 0)
		r = end_key(s, RULE_BY_FAMILY, change->ended_family, err);
	if (r == 0)
		r = end_key(s, RULE_BY_CONTAINER, change->ended_container, err);
	return r;
}

static int copy_token(struct sequence *s, const struct token *from, uint64_t key)
{
	struct slot *slot = slot_get(s, from->slot->rule, from->slot->node, key);
	struct token *t = slot ? token_new(s, slot, (enum token_kind)from->kind, from->bound) :
				 NULL;

	if (!t)
		return -ENOMEM;
	t->number = from->number;
	t->is_despite = from->is_despite;
	t->is_tuned = from->is_tuned;
	t->first_ns = from->first_ns;
	t->last_ns = from->last_ns;
	t->first_serial = from->first_serial;
	t->last_serial = from->last_serial;
	t->used = count_set_ref(from->used);
	t->anchor_ns = from->anchor_ns;
	t->guards_seen = from->guards_seen;
	t->guards_blind = from->guards_blind;
	t->mask = from->mask;
	t->collected = from->collected;
	t->evidence = evidence_ref(from->evidence);
	if (from->n_counted) {
		t->counted = calloc(from->n_counted, sizeof(*t->counted));
		if (!t->counted)
			return -ENOMEM;
		t->counted_room = from->n_counted;
	}
	for (; t->n_counted < from->n_counted; t->n_counted++, s->n_state++) {
		struct counted *c = &t->counted[t->n_counted];

		*c = from->counted[t->n_counted];
		evidence_ref(c->before);
		count_set_ref(c->used);
		c->seen->refs++;
	}
	return 0;
}

static int found_family(struct sequence *s, uint64_t from, uint64_t to, struct reel_err *err)
{
	struct owner *owner = from != to ? owner_find(s, RULE_BY_FAMILY, from) : NULL;
	int r = 0;

	for (struct slot *slot = owner ? owner->slots : NULL; slot; slot = slot->next_of_owner) {
		struct token **list;
		int64_t n = slot_list(s, slot, &list);

		/* From the last on, so that they come to lie in the same order. */
		for (r = n < 0 ? (int)n : r; r == 0 && n-- > 0;)
			if (list[n]->kind != TOKEN_WAITING)
				r = copy_token(s, list[n], to);
	}
	return r < 0 ? reel_err_set(err, r, "no memory for tokens") : 0;
}

/* Time ----------------------------------------------------------------------------------------- */

int sequence_time(struct sequence *s, uint64_t now_ns, struct reel_err *err)
{
	int r = 0;

	while (r == 0 && s->n_waiting && s->waiting[1]->deadline_ns < now_ns)
		r = sequence_complete(s, s->waiting[1], err);
	return r;
}

int sequence_end(struct sequence *s, uint64_t end_ns, struct reel_err *err)
{
	int r = sequence_time(s, end_ns, err);

	while (s->n_waiting) {
		struct token *t = s->waiting[1];

		sequence_blind(s, t->slot->rule, BLIND_END, t->last_ns,
			       t->deadline_ns - t->last_ns);
		token_kill(s, t);
	}
	store_clean(s);
	return r;
}

int sequence_event(struct sequence *s, struct eval *e, const struct reel_event *ev,
		   const struct model_change *change, const uint32_t *steps, uint32_t n_steps,
		   struct reel_err *err)
{
	int64_t n;
	int r = sequence_time(s, ev->ts, err);

	s->serial++;
	s->eval = e;
	s->ev = ev;
	e->bound = NULL;
	if (r == 0 && change->family_from)
		r = found_family(s, change->family_from, change->family_to, err);
	if (r == 0 && n_steps) {
		n = find_turns(s, steps, n_steps, err);
		r = n > 0 ? take_turns(s, (size_t)n, err) : (int)n;
	}
	if (r == 0)
		r = end_keys(s, change, err);
	store_bound(s, ev->ts);
	store_clean(s);
	seen_unref(s->model, s->seen);
	s->seen = NULL;
	return r;
}

int sequence_change(struct sequence *s, const struct model_change *change, struct reel_err *err)
{
	int r = 0;

	if (change->family_from)
		r = found_family(s, change->family_from, change->family_to, err);
	if (r == 0)
		r = end_keys(s, change, err);
	store_clean(s);
	return r;
}

void sequence_move(struct sequence *to, struct sequence *old, const int32_t *rule_of)
{
	struct token *next;

	for (struct token *t = old->oldest; t; t = next) {
		uint32_t rule = t->slot->rule;
		struct slot *slot = NULL;

		next = t->newer;
		if (rule_of[rule] >= 0)
			slot = slot_get(to, (uint32_t)rule_of[rule], t->slot->node, t->slot->key);
		if (slot)
			store_move(to, old, t, slot);
		else if (rule_of[rule] >= 0) /* no memory: nothing is claimed of its way */
			sequence_blind(to, (uint32_t)rule_of[rule], BLIND_EVICTED, t->last_ns,
				       node_facts(old, rule, t->slot->node)->extent_ns);
	}
	to->serial = old->serial;
	to->n_made = old->n_made;
}

void sequence_stats(const struct sequence *s, struct sequence_stats *ret)
{
	*ret = s->stats;
	ret->tokens = s->n_state;
}
