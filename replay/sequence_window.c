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
	if (node->window.measure == RULE_NUMBER || node->window.measure == RULE_SHARE)
		return value_distinct(s, node, ret);
	eval_value(s->eval, &node->distinct, s->ev, &v);
	if (v.kind != VALUE_NUMBER)
		return false;
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

static bool fits(const struct rule_window *w, double x)
{
	return x >= w->least && x <= w->most && x != w->except && !(w->is_more && x == w->least) &&
	       !(w->is_less && x == w->most);
}

static int by_number(const void *x, const void *y)
{
	const double *a = x, *b = y;

	return *a < *b ? -1 : *a > *b;
}

static int by_bits(const void *x, const void *y)
{
	const uint64_t *a = x, *b = y;

	return *a < *b ? -1 : *a > *b;
}

static double percentile_of(const struct token *t, unsigned percentile)
{
	uint32_t rank = (uint32_t)(((uint64_t)percentile * t->n_counted + 99) / 100);
	double values[WINDOW_VALUES_MAX];

	for (uint32_t i = 0; i < t->n_counted; i++)
		values[i] = number_of(t->counted[i].value);
	if (t->n_counted)
		qsort(values, t->n_counted, sizeof(values[0]), by_number);
	return t->n_counted ? values[rank ? rank - 1 : 0] : 0;
}

/* Whether some value has such a share of the events. */
static bool share_holds(const struct token *t, const struct rule_window *w)
{
	uint64_t values[WINDOW_VALUES_MAX];
	uint32_t n = t->n_counted, end;

	for (uint32_t i = 0; i < n; i++)
		values[i] = t->counted[i].value;
	if (n)
		qsort(values, n, sizeof(values[0]), by_bits);
	for (uint32_t i = 0; i < n; i = end) {
		for (end = i + 1; end < n && values[end] == values[i];)
			end++;
		if (fits(w, 100.0 * (end - i) / n))
			return true;
	}
	return false;
}

bool window_holds(const struct sequence *s, const struct token *t)
{
	const struct rule_node *node = token_node(s, t);
	const struct rule_window *w = &node->window;
	double total = 0;

	switch (w->measure) {
	case RULE_NUMBER:
		return fits(w, node->has_distinct ? distinct_values(t) : t->collected);
	case RULE_PERCENTILE:
		return fits(w, percentile_of(t, w->percentile));
	case RULE_SHARE:
		return share_holds(t, w);
	}
	for (uint32_t i = 0; i < t->n_counted; i++)
		total += number_of(t->counted[i].value);
	return fits(w, w->measure == RULE_MEAN && t->n_counted ? total / t->n_counted : total);
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
	t->last_ns = s->ev->ts;
	t->last_serial = s->serial;
	/* What is asked at its end is not of the last event more than of the others. */
	t->is_tuned = sequence_is_tuned(s, turn->rule_at) &&
		      (!turn->node->window.closes || t->collected == 0 || t->is_tuned);
	if (t->collected < UINT32_MAX)
		t->collected++;
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
