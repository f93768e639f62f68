/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counting: the events that match are kept in a window, each with how far the way had come when it
 * did. A count is complete when N of them are there of which the first could begin it; the later
 * that first one is, the better.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "replay/sequence_impl.h"

/* More than N are kept, since the oldest of the newest N may be one that cannot begin. */
enum { SPARE_TIMES = 4, COUNTED_MIN = 64 };

/* What was counted ----------------------------------------------------------------------------- */

void count_set_unref(struct count_set *set)
{
	while (set && --set->refs == 0) {
		struct count_set *before = set->before;

		free(set);
		set = before;
	}
}

struct count_set *count_set_add(struct count_set *before, uint64_t serial)
{
	struct count_set *set = malloc(sizeof(*set) + sizeof(set->serial[0]));

	if (!set)
		return NULL;
	*set = (struct count_set){ 1, 1, count_set_ref(before) };
	set->serial[0] = serial;
	return set;
}

static bool one_has(const struct count_set *a, uint64_t serial)
{
	uint32_t low = 0, high = a->n;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (a->serial[middle] < serial)
			low = middle + 1;
		else
			high = middle;
	}
	return low < a->n && a->serial[low] == serial;
}

bool count_set_has(const struct count_set *a, uint64_t serial)
{
	for (; a; a = a->before)
		if (one_has(a, serial))
			return true;
	return false;
}

bool count_set_meets(const struct count_set *a, const struct count_set *b)
{
	if (!a)
		return false;
	for (; b; b = b->before)
		for (uint32_t i = 0; i < b->n; i++)
			if (count_set_has(a, b->serial[i]))
				return true;
	return false;
}

/* Counters ------------------------------------------------------------------------------------- */

static void forget(struct sequence *s, struct counted *c)
{
	evidence_unref(s->model, c->before);
	count_set_unref(c->used);
	seen_unref(s->model, c->seen);
}

static void remove_at(struct sequence *s, struct token *t, uint32_t i)
{
	forget(s, &t->counted[i]);
	t->n_counted--;
	s->n_state--;
	memmove(&t->counted[i], &t->counted[i + 1], (t->n_counted - i) * sizeof(*t->counted));
}

void counter_drop(struct sequence *s, struct token *t, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		forget(s, &t->counted[i]);
	t->n_counted -= n;
	s->n_state -= n;
	if (n)
		memmove(t->counted, t->counted + n, t->n_counted * sizeof(*t->counted));
}

void counter_use_up(struct sequence *s, struct token *t, uint64_t first_serial,
		    const struct count_set *used)
{
	bool at_head = token_node(s, t)->parent < 0;
	uint32_t kept = 0;

	for (uint32_t i = 0; i < t->n_counted; i++) {
		struct counted *c = &t->counted[i];
		bool is_gone =
			c->serial == first_serial || count_set_has(used, c->serial) ||
			(!at_head && c->begins &&
			 (c->first_serial == first_serial || count_set_meets(used, c->used)));

		if (is_gone)
			forget(s, c);
		else
			t->counted[kept++] = *c;
	}
	s->n_state -= t->n_counted - kept;
	t->n_counted = kept;
}

uint64_t value_hash(const struct value *v)
{
	uint64_t h = v->kind;

	if (v->kind == VALUE_STRING)
		return XXH3_64bits_withSeed(v->bytes, v->length,
					    h + 8 * (v->true_length != v->length));
	if (v->kind == VALUE_ADDR)
		return XXH3_64bits_withSeed(v->addr, sizeof(v->addr), h);
	return XXH3_64bits_withSeed(&v->number, sizeof(v->number), h);
}

static bool value_of(struct sequence *s, const struct rule_ref *ref, uint64_t *ret)
{
	struct value v;

	eval_value(s->eval, ref, s->ev, &v);
	*ret = value_hash(&v);
	return v.kind != VALUE_ABSENT && v.kind != VALUE_UNKNOWN;
}

bool value_distinct(struct sequence *s, const struct rule_node *node, uint64_t *ret)
{
	if (!value_of(s, &node->distinct, ret))
		return false;
	for (uint32_t i = 0; i < node->n_more_distinct; i++) {
		uint64_t mixed[2] = { *ret };

		if (!value_of(s, &node->more_distinct[i], &mixed[1]))
			return false;
		*ret = XXH3_64bits(mixed, sizeof(mixed));
	}
	return true;
}

static int make_room(struct token *t)
{
	uint32_t room = t->counted_room ? 2 * t->counted_room : 4;
	struct counted *counted;

	if (t->n_counted < t->counted_room)
		return 0;
	counted = reallocarray(t->counted, room, sizeof(*counted));
	if (!counted)
		return -ENOMEM;
	t->counted = counted;
	t->counted_room = room;
	return 0;
}

/* Which of those that are kept can best be done without: one whose value has come again; one that
 * cannot begin, and is not among the newest; the oldest. */
static uint32_t least_useful(const struct turn *turn, const struct token *t, uint64_t value)
{
	for (uint32_t i = 0; turn->node->has_distinct && i < t->n_counted; i++) {
		if (t->counted[i].value == value)
			return i;
		for (uint32_t k = i + 1; k < t->n_counted; k++)
			if (t->counted[k].value == t->counted[i].value)
				return i;
	}
	for (uint32_t i = 0; i + turn->node->count <= t->n_counted; i++)
		if (!t->counted[i].begins)
			return i;
	return 0;
}

/* 1: it is counted. 0: it has nothing that could be counted. */
static int add(struct sequence *s, const struct turn *turn, struct token *t,
	       const struct origin *from, bool begins)
{
	uint32_t most = SPARE_TIMES * turn->node->count;
	struct seen *seen = sequence_seen(s);
	uint64_t value = 0;

	if (turn->node->has_distinct && !value_distinct(s, turn->node, &value))
		return 0;
	while (t->n_counted && s->ev->ts > t->counted[0].ts &&
	       s->ev->ts - t->counted[0].ts > turn->node->window_ns)
		remove_at(s, t, 0);
	if (t->n_counted >= (most > COUNTED_MIN ? most : COUNTED_MIN))
		remove_at(s, t, least_useful(turn, t, value));
	if (!seen || make_room(t) < 0)
		return -ENOMEM;
	seen->refs++;
	t->counted[t->n_counted++] = (struct counted){
		.ts = s->ev->ts,
		.serial = s->serial,
		.first_ns = from->first_ns,
		.first_serial = from->first_serial,
		.value = value,
		.before = evidence_ref(from->evidence),
		.used = count_set_ref(from->used),
		.seen = seen,
		.begins = begins,
		.is_despite = from->is_despite,
	};
	s->n_state++;
	t->last_ns = s->ev->ts;
	t->last_serial = s->serial;
	if (explain_of(s, turn->rule_at))
		s->o.explain->nodes[turn->node_at].counted++;
	return 1;
}

/* What was counted, from the last to the first, and its evidence. */
static int complete(struct sequence *s, const struct turn *turn, struct token *t,
		    const uint32_t *picked, struct reel_err *err)
{
	uint32_t n = turn->node->count;
	const struct counted *first = &t->counted[picked[n - 1]];
	uint32_t skipped = n > SEQUENCE_COLLECTED_MAX ? n - SEQUENCE_COLLECTED_MAX : 0;
	struct origin from = { .used = NULL,
			       .first_ns = first->first_ns,
			       .first_serial = first->first_serial,
			       .since_serial = first->serial,
			       .is_despite = first->is_despite };
	struct count_set *used = malloc(sizeof(*used) + n * sizeof(used->serial[0]));
	struct evidence *evidence = evidence_ref(first->before);
	int r = used ? 0 : -ENOMEM;

	if (used)
		*used = (struct count_set){ 1, n, count_set_ref(first->used) };
	for (uint32_t i = 0; r == 0 && i < n; i++) {
		const struct counted *c = &t->counted[picked[n - 1 - i]];

		used->serial[i] = c->serial;
		if (i < skipped)
			continue;
		evidence = evidence_add(s->model, evidence, c->seen, turn->node_at);
		r = evidence ? 0 : -ENOMEM;
	}
	if (r < 0) {
		count_set_unref(used);
		return reel_err_set(err, r, "no memory for a count");
	}
	from.used = used;
	for (uint32_t i = 0; i < turn->rule->n_slots; i++)
		kept_value_ref(&s->kept[i], &t->bound[i]);
	r = sequence_arrive(s, turn, &from, evidence, s->kept, err);
	for (uint32_t i = 0; i < turn->rule->n_slots; i++)
		model_text_unref(s->model, s->kept[i].text);
	count_set_unref(used);
	return r;
}

/* Values that have been met, from the newest event back. */
struct met {
	uint16_t at[2 * SPARE_TIMES * RULES_COUNT_MAX]; /* where in the counter, from 1 */
};

static bool is_met(struct met *met, const struct token *t, uint32_t i)
{
	const uint32_t mask = sizeof(met->at) / sizeof(met->at[0]) - 1;
	uint32_t at = (uint32_t)t->counted[i].value & mask;

	while (met->at[at]) {
		if (t->counted[met->at[at] - 1].value == t->counted[i].value)
			return true;
		at = (at + 1) & mask;
	}
	met->at[at] = (uint16_t)(i + 1);
	return false;
}

/* The newest N - 1 (with distinct values), and the newest before them that could begin. */
static int try_complete(struct sequence *s, const struct turn *turn, struct token *t,
			struct reel_err *err)
{
	uint64_t within_ns = turn->rule->within_ns;
	uint32_t picked[RULES_COUNT_MAX], n = 0;
	struct met met;

	if (t->n_counted < turn->node->count)
		return 0;
	if (turn->node->has_distinct)
		memset(&met, 0, sizeof(met));
	for (uint32_t i = t->n_counted; i-- > 0;) {
		const struct counted *c = &t->counted[i];

		if (turn->node->has_distinct && is_met(&met, t, i))
			continue;
		picked[n] = i;
		if (n + 1 < turn->node->count) {
			n++;
			continue;
		}
		if (!c->begins)
			continue;
		if (within_ns != RULES_FOREVER && s->ev->ts - c->first_ns > within_ns)
			continue;
		return complete(s, turn, t, picked, err);
	}
	return 0;
}

static int count_for(struct sequence *s, const struct turn *turn, struct slot *slot,
		     struct token *t, const struct token *parent, bool begins, struct reel_err *err)
{
	struct origin from;
	int r;

	origin_of(s, turn, parent, &from);
	r = add(s, turn, t, &from, begins);
	if (r < 0)
		return reel_err_set(err, r, "no memory for a count");
	slot_bound_tuples(s, slot);
	return r == 0 || t->is_dead ? 0 : try_complete(s, turn, t, err);
}

static struct token *counter_of(struct sequence *s, const struct turn *turn, struct slot *slot,
				const struct token *parent)
{
	struct token *t;

	for (uint32_t i = 0; i < turn->rule->n_slots; i++)
		s->kept[i] = parent ? parent->bound[i] :
				      (struct kept_value){ .v.kind = VALUE_ABSENT };
	t = slot_same_tuple(slot, TOKEN_COUNTER, 0, s->kept, turn->rule->n_slots);
	if (!t)
		return token_new(s, slot, TOKEN_COUNTER, s->kept);
	token_touch(s, t);
	return t;
}

static int count_from(struct sequence *s, const struct turn *turn, const struct token *parent,
		      struct reel_err *err)
{
	struct slot *slot;
	struct token *t;

	if (s->count_is_used || !sequence_holds(s, turn, turn->node->step, parent))
		return 0;
	slot = slot_get(s, turn->rule_at, turn->node_at, turn->key);
	t = slot ? counter_of(s, turn, slot, parent) : NULL;
	if (!t)
		return reel_err_set(err, -ENOMEM, "no memory for a count");
	return count_for(s, turn, slot, t, parent, true, err);
}

int count_event(struct sequence *s, const struct turn *turn, struct reel_err *err)
{
	struct token **list = NULL;
	struct slot *slot;
	int64_t n;
	int r = 0;

	if (turn->node->parent < 0) {
		r = sequence_may_follow(s, turn, NULL) ? count_from(s, turn, NULL, err) : 0;
	} else {
		slot = slot_find(s, turn->rule_at, (uint32_t)turn->node->parent, turn->key);
		n = slot_tokens(s, slot, &list);
		sequence_refused(s, turn, list, n);
		for (int64_t i = 0; r == 0 && i < n; i++)
			if (sequence_may_follow(s, turn, list[i]))
				r = count_from(s, turn, list[i], err);
		if (n < 0)
			r = reel_err_set(err, (int)n, "no memory for tokens");
	}
	/* What goes on although nothing could begin any more. */
	slot = r == 0 ? slot_find(s, turn->rule_at, turn->node_at, turn->key) : NULL;
	n = slot_tokens(s, slot, &list);
	for (int64_t i = 0; r == 0 && i < n; i++) {
		struct token *t = list[i];

		if (t->is_dead || t->kind != TOKEN_COUNTER || t->last_serial == s->serial ||
		    s->count_is_used || !sequence_holds(s, turn, turn->node->step, t))
			continue;
		r = count_for(s, turn, slot, t, NULL, false, err);
	}
	return r;
}
