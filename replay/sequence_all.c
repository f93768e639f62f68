/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `all`: for each set of members that have come, and each tuple, one token, the newest. What one
 * event makes is offered first and then taken, the largest sets first, since an event adds one
 * member to each; of two offers for the same set the one whose events are later, compared from the
 * first on.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "replay/sequence_impl.h"

struct offer {
	const struct token *before; /* a parent's, or a smaller set's; NULL at the head */
	uint32_t number;	    /* in the order in which they were made */
	uint32_t together;	    /* members that have come then */
	uint8_t member, n;
	uint64_t serials[RULES_ALL_MAX]; /* of the events before this one, rising */
};

struct offers {
	struct offer *list;
	size_t n, room;
};

static int make_offer(struct offers *o, const struct turn *turn, const struct token *before,
		      unsigned member)
{
	bool is_first = !before || before->kind == TOKEN_WHOLE;
	const struct evidence *e = is_first ? NULL : before->evidence;
	const struct count_set *used = is_first ? NULL : before->used;
	struct offer *to;

	if (o->n == o->room) {
		size_t room = o->room ? 2 * o->room : 16;
		struct offer *list = reallocarray(o->list, room, sizeof(*list));

		if (!list)
			return -ENOMEM;
		o->list = list;
		o->room = room;
	}
	to = &o->list[o->n];
	*to = (struct offer){ .before = before,
			      .number = (uint32_t)o->n++,
			      .together = (is_first ? 0 : before->mask) | 1u << member,
			      .member = (uint8_t)member };
	to->n = (uint8_t)__builtin_popcount(to->together) - 1;
	if (is_used_whole(turn)) {
		/* Of a correlation within the evidence is more than the event that it is. */
		for (unsigned i = to->n; i-- > 0 && used; used = used->before)
			to->serials[i] = used->serial[0];
		return 0;
	}
	for (unsigned i = to->n; i-- > 0 && e && e->node == turn->node_at; e = e->before)
		to->serials[i] = e->seen->serial;
	return 0;
}

/* What is made first stays. */
static int by_turn(const void *x, const void *y)
{
	const struct offer *a = x, *b = y;

	if (a->n != b->n)
		return a->n > b->n ? -1 : 1;
	for (unsigned i = 0; i < a->n; i++)
		if (a->serials[i] != b->serials[i])
			return a->serials[i] > b->serials[i] ? -1 : 1;
	return a->number < b->number ? -1 : a->number > b->number;
}

static int offer_from(struct sequence *s, const struct turn *turn, uint32_t members,
		      const struct token *before, struct offers *to)
{
	uint32_t have = before && before->kind == TOKEN_PARTIAL ? before->mask : 0;
	int r = 0;

	for (unsigned m = 0; r == 0 && m < turn->node->n_members; m++)
		if (members >> m & 1 && !(have >> m & 1) &&
		    sequence_holds(s, turn, turn->node->members[m], before))
			r = make_offer(to, turn, before, m);
	return r;
}

static int find_offers(struct sequence *s, const struct turn *turn, uint32_t members,
		       struct offers *to)
{
	struct token **list = NULL;
	struct slot *slot;
	int64_t n;
	int r = 0;

	if (turn->node->parent < 0) {
		if (sequence_may_follow(s, turn, NULL))
			r = offer_from(s, turn, members, NULL, to);
	} else {
		slot = slot_find(s, turn->rule_at, (uint32_t)turn->node->parent, turn->key);
		n = slot_tokens(s, slot, &list);
		for (int64_t i = 0; i < n && r == 0; i++)
			if (sequence_may_follow(s, turn, list[i]))
				r = offer_from(s, turn, members, list[i], to);
		r = n < 0 ? (int)n : r;
	}
	slot = slot_find(s, turn->rule_at, turn->node_at, turn->key);
	n = r < 0 ? 0 : slot_tokens(s, slot, &list);
	for (int64_t i = 0; i < n && r == 0; i++)
		if (list[i]->kind == TOKEN_PARTIAL && token_is_alive(s, list[i], s->ev->ts))
			r = offer_from(s, turn, members, list[i], to);
	return n < 0 ? (int)n : r;
}

/* Whether this event has made the same already: then that was the better one. */
static bool is_made(const struct sequence *s, const struct slot *slot, uint32_t mask,
		    uint32_t n_slots)
{
	for (const struct token *t = slot->tokens; t; t = t->next)
		if (t->last_serial == s->serial && t->mask == mask &&
		    bound_equal(t->bound, s->kept, n_slots))
			return true;
	/* Those that were complete are used up. */
	for (const struct token *t = mask ? NULL : s->dead; t; t = t->next)
		if (t->slot == slot && t->kind == TOKEN_WHOLE && t->last_serial == s->serial &&
		    bound_equal(t->bound, s->kept, n_slots))
			return true;
	return false;
}

static int make_token(struct sequence *s, const struct turn *turn, const struct offer *o,
		      const struct origin *from, struct slot *slot, struct reel_err *err)
{
	bool is_first = !o->before || o->before->kind == TOKEN_WHOLE;
	bool is_whole = o->n + 1 == turn->node->n_members;
	uint32_t n_slots = turn->rule->n_slots, mask = is_whole ? 0 : o->together;
	struct evidence *evidence;
	struct token *t;

	if (is_made(s, slot, mask, n_slots))
		return 0;
	evidence = sequence_evidence(s, from->evidence, turn->node_at, o->member);
	if (!evidence)
		return reel_err_set(err, -ENOMEM, "no memory for a token");
	if (is_whole)
		return sequence_arrive(s, turn, from, evidence, s->kept, err);
	t = slot_same_tuple(slot, TOKEN_PARTIAL, mask, s->kept, n_slots);
	if (t)
		token_touch(s, t);
	else
		t = token_new(s, slot, TOKEN_PARTIAL, s->kept);
	if (!t) {
		evidence_unref(s->model, evidence);
		return reel_err_set(err, -ENOMEM, "no memory for a token");
	}
	if (is_first)
		t->anchor_ns = o->before ? o->before->last_ns : s->ev->ts;
	else
		t->anchor_ns = o->before->anchor_ns;
	if (explain_of(s, turn->rule_at))
		s->o.explain->nodes[turn->node_at].counted++;
	token_fill(s, t, from, evidence);
	t->mask = mask;
	slot_bound_tuples(s, slot);
	return 0;
}

/* In a group what was found is used up, all of it; a path is used up with its first event. */
static int take_offer(struct sequence *s, const struct turn *turn, const struct offer *o,
		      struct slot *slot, struct reel_err *err)
{
	struct origin from;
	int r = origin_with(s, turn, o->before, &from);

	if (r == 0)
		r = make_token(s, turn, o, &from, slot, err);
	else
		reel_err_set(err, r, "no memory for a token");
	count_set_unref(from.used);
	return r;
}

/* MEMBERS: bits of those whose steps may hold. */
int all_event(struct sequence *s, const struct turn *turn, uint32_t members, struct reel_err *err)
{
	struct offers offers = { 0 };
	struct slot *slot = NULL;
	int r = find_offers(s, turn, members, &offers);

	if (r == 0 && offers.n) {
		qsort(offers.list, offers.n, sizeof(*offers.list), by_turn);
		slot = slot_get(s, turn->rule_at, turn->node_at, turn->key);
		r = slot ? 0 : -ENOMEM;
	}
	if (r < 0)
		reel_err_set(err, r, "no memory for tokens");
	for (size_t i = 0; r == 0 && i < offers.n; i++) {
		const struct offer *o = &offers.list[i];

		if (o->before ? o->before->is_dead : s->first_is_used)
			continue;
		if (is_used_whole(turn) && s->count_is_used)
			continue;
		r = sequence_bind(s, turn, o->member, o->before);
		if (r == 0)
			r = take_offer(s, turn, o, slot, err);
		else
			reel_err_set(err, r, "no memory for a token");
		sequence_unbind(s, turn->rule);
	}
	free(offers.list);
	return r;
}
