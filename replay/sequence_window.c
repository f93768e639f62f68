/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Windows: what comes within a time, measured. One that closes begins with its first event and is
 * measured at its end, since more could have come until then; others end with each event. What was
 * found is used up.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "replay/sequence_impl.h"

/* Of a window so many values are kept, and where only their number counts, so many events. */
enum { WINDOW_VALUES_MAX = 4096, WINDOW_EVENTS_MAX = 64 };

static uint64_t bits_of(double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	return bits;
}

static double number_of(uint64_t bits)
{
	double value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

/* What is measured of the event. False: it has none of it. */
static bool value_of_event(struct sequence *s, const struct rule_node *node, uint64_t *ret)
{
	struct value v;

	*ret = 0;
	if (!node->has_distinct)
		return true;
	eval_value(s->eval, &node->distinct, s->ev, &v);
	if (v.kind == VALUE_ABSENT || v.kind == VALUE_UNKNOWN)
		return false;
	if (node->window.measure == RULE_NUMBER)
		*ret = value_hash(&v);
	else if (v.kind != VALUE_NUMBER)
		return false;
	else
		*ret = bits_of(v.is_signed ? (double)(int64_t)v.number : (double)v.number);
	return true;
}

static uint32_t distinct_values(const struct token *t)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < t->n_counted; i++) {
		uint32_t k = 0;

		while (k < i && t->counted[k].value != t->counted[i].value)
			k++;
		n += k == i;
	}
	return n;
}

bool window_holds(const struct sequence *s, const struct token *t)
{
	const struct rule_node *node = token_node(s, t);
	const struct rule_window *w = &node->window;
	double total = 0;

	for (uint32_t i = 0; w->measure != RULE_NUMBER && i < t->n_counted; i++)
		total += number_of(t->counted[i].value);
	if (w->measure == RULE_MEAN && t->n_counted)
		total /= t->n_counted;
	if (w->measure == RULE_NUMBER)
		total = node->has_distinct ? distinct_values(t) : t->collected;
	return total >= w->least && total <= w->most && total != w->except &&
	       !(w->is_more && total == w->least) && !(w->is_less && total == w->most);
}

int window_evidence(struct sequence *s, struct token *t)
{
	uint32_t from = t->n_counted > WINDOW_EVENTS_MAX ? t->n_counted - WINDOW_EVENTS_MAX : 0;

	for (uint32_t i = from; i < t->n_counted; i++) {
		t->evidence =
			evidence_add(s->model, t->evidence, t->counted[i].seen, t->slot->node);
		if (!t->evidence)
			return -ENOMEM;
	}
	return 0;
}

static int add(struct sequence *s, const struct turn *turn, struct token *t, uint64_t value)
{
	uint32_t most = turn->node->has_distinct ? WINDOW_VALUES_MAX : WINDOW_EVENTS_MAX;
	struct seen *seen = sequence_seen(s);

	if (!seen)
		return -ENOMEM;
	if (t->n_counted >= most) {
		if (turn->node->has_distinct)
			sequence_blind(s, turn->rule_at, BLIND_EVICTED, s->ev->ts,
				       turn->facts->extent_ns);
		counter_drop(s, t, 1);
	}
	if (t->n_counted == t->counted_room) {
		uint32_t room = t->counted_room ? 2 * t->counted_room : 4;
		struct counted *counted = reallocarray(t->counted, room, sizeof(*counted));

		if (!counted)
			return -ENOMEM;
		t->counted = counted;
		t->counted_room = room;
	}
	seen->refs++;
	t->counted[t->n_counted++] = (struct counted){ .ts = s->ev->ts,
						       .serial = s->serial,
						       .value = value,
						       .seen = seen };
	s->n_state++;
	if (t->collected < UINT32_MAX)
		t->collected++;
	t->last_ns = s->ev->ts;
	t->last_serial = s->serial;
	t->is_tuned = sequence_is_tuned(s, turn->rule_at);
	return 0;
}

static struct token *begin(struct sequence *s, const struct turn *turn, struct slot *slot)
{
	bool closes = turn->node->window.closes;
	struct token *t = token_new(s, slot, closes ? TOKEN_WAITING : TOKEN_COUNTER, NULL);
	uint64_t deadline_ns;

	if (!t)
		return NULL;
	t->first_ns = s->ev->ts;
	t->first_serial = s->serial;
	if (__builtin_add_overflow(s->ev->ts, turn->node->window_ns, &deadline_ns))
		deadline_ns = UINT64_MAX;
	if (closes && token_wait(s, t, deadline_ns) < 0) {
		token_kill(s, t);
		return NULL;
	}
	return t;
}

int window_event(struct sequence *s, const struct turn *turn, struct reel_err *err)
{
	bool closes = turn->node->window.closes;
	struct slot *slot;
	struct token *t;
	uint64_t value;

	if (!sequence_holds(s, turn, turn->node->step, NULL) ||
	    !value_of_event(s, turn->node, &value))
		return 0;
	slot = slot_get(s, turn->rule_at, turn->node_at, turn->key);
	t = slot ? slot->tokens : NULL;
	if (t)
		token_touch(s, t);
	else if (slot)
		t = begin(s, turn, slot);
	if (!t || add(s, turn, t, value) < 0)
		return reel_err_set(err, -ENOMEM, "no memory for a window");
	if (explain_of(s, turn->rule_at))
		s->o.explain->nodes[turn->node_at].counted++;
	if (closes)
		return 0;
	while (s->ev->ts - t->counted[0].ts > turn->node->window_ns)
		counter_drop(s, t, 1);
	t->first_ns = t->counted[0].ts;
	t->first_serial = t->counted[0].serial;
	return window_holds(s, t) ? sequence_complete(s, t, err) : 0;
}
