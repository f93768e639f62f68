/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "replay/sequence_impl.h"

enum { BUCKETS_MIN = 256, SWEEP_MIN = 4096 };

static uint64_t mix(uint64_t h)
{
	h = (h ^ h >> 30) * 0xbf58476d1ce4e5b9;
	h = (h ^ h >> 27) * 0x94d049bb133111eb;
	return h ^ h >> 31;
}

static uint64_t slot_hash(uint32_t rule, uint32_t node, uint64_t key)
{
	return mix(mix(key + 0x9e3779b97f4a7c15) ^ ((uint64_t)rule << 32 | node));
}

static uint64_t owner_hash(unsigned kind, uint64_t key)
{
	return mix(key * 8 + kind);
}

/* Tables --------------------------------------------------------------------------------------- */

static struct slot **slot_link(struct slot *x)
{
	return &x->next;
}

static struct owner **owner_link(struct owner *x)
{
	return &x->next;
}

static int grow_slots(struct table *t)
{
	size_t n = t->n_buckets ? 2 * t->n_buckets : BUCKETS_MIN;
	void **buckets = calloc(n, sizeof(*buckets));

	if (!buckets)
		return -ENOMEM;
	for (size_t i = 0; i < t->n_buckets; i++) {
		for (struct slot *x = t->buckets[i], *next; x; x = next) {
			size_t to = slot_hash(x->rule, x->node, x->key) & (n - 1);

			next = *slot_link(x);
			*slot_link(x) = buckets[to];
			buckets[to] = x;
		}
	}
	free(t->buckets);
	t->buckets = buckets;
	t->n_buckets = n;
	return 0;
}

static int grow_owners(struct table *t)
{
	size_t n = t->n_buckets ? 2 * t->n_buckets : BUCKETS_MIN;
	void **buckets = calloc(n, sizeof(*buckets));

	if (!buckets)
		return -ENOMEM;
	for (size_t i = 0; i < t->n_buckets; i++) {
		for (struct owner *x = t->buckets[i], *next; x; x = next) {
			size_t to = owner_hash(x->kind, x->key) & (n - 1);

			next = *owner_link(x);
			*owner_link(x) = buckets[to];
			buckets[to] = x;
		}
	}
	free(t->buckets);
	t->buckets = buckets;
	t->n_buckets = n;
	return 0;
}

struct slot *slot_find(const struct sequence *s, uint32_t rule, uint32_t node, uint64_t key)
{
	struct slot *x;

	if (!s->slots.n)
		return NULL;
	x = s->slots.buckets[slot_hash(rule, node, key) & (s->slots.n_buckets - 1)];
	while (x && (x->key != key || x->node != node || x->rule != rule))
		x = x->next;
	return x;
}

struct owner *owner_find(const struct sequence *s, unsigned kind, uint64_t key)
{
	struct owner *x;

	if (!s->owners.n)
		return NULL;
	x = s->owners.buckets[owner_hash(kind, key) & (s->owners.n_buckets - 1)];
	while (x && (x->key != key || x->kind != kind))
		x = x->next;
	return x;
}

static struct owner *owner_get(struct sequence *s, unsigned kind, uint64_t key)
{
	struct owner *x = owner_find(s, kind, key);
	size_t at;

	if (x)
		return x;
	if (s->owners.n >= s->owners.n_buckets && grow_owners(&s->owners) < 0)
		return NULL;
	x = calloc(1, sizeof(*x));
	if (!x)
		return NULL;
	at = owner_hash(kind, key) & (s->owners.n_buckets - 1);
	*x = (struct owner){ key, (uint8_t)kind, s->owners.buckets[at], NULL };
	s->owners.buckets[at] = x;
	s->owners.n++;
	return x;
}

struct slot *slot_get(struct sequence *s, uint32_t rule, uint32_t node, uint64_t key)
{
	struct slot *x = slot_find(s, rule, node, key);
	struct owner *owner;
	size_t at;

	if (x)
		return x;
	if (s->slots.n >= s->slots.n_buckets && grow_slots(&s->slots) < 0)
		return NULL;
	owner = owner_get(s, s->rules->list[rule].key, key);
	x = owner ? calloc(1, sizeof(*x)) : NULL;
	if (!x)
		return NULL;
	at = slot_hash(rule, node, key) & (s->slots.n_buckets - 1);
	x->rule = rule;
	x->node = node;
	x->key = key;
	x->owner = owner;
	x->next = s->slots.buckets[at];
	s->slots.buckets[at] = x;
	s->slots.n++;
	x->next_of_owner = owner->slots;
	x->prev_of_owner = &owner->slots;
	if (x->next_of_owner)
		x->next_of_owner->prev_of_owner = &x->next_of_owner;
	owner->slots = x;
	return x;
}

static void owner_free(struct sequence *s, struct owner *o)
{
	void **bucket = &s->owners.buckets[owner_hash(o->kind, o->key) & (s->owners.n_buckets - 1)];
	struct owner *before = *bucket;

	if (before == o) {
		*bucket = o->next;
	} else {
		while (before->next != o)
			before = before->next;
		before->next = o->next;
	}
	s->owners.n--;
	free(o);
}

static void slot_free(struct sequence *s, struct slot *x)
{
	void **bucket =
		&s->slots.buckets[slot_hash(x->rule, x->node, x->key) & (s->slots.n_buckets - 1)];
	struct slot *before = *bucket;

	if (before == x) {
		*bucket = x->next;
	} else {
		while (before->next != x)
			before = before->next;
		before->next = x->next;
	}
	s->slots.n--;
	*x->prev_of_owner = x->next_of_owner;
	if (x->next_of_owner)
		x->next_of_owner->prev_of_owner = x->prev_of_owner;
	if (!x->owner->slots)
		owner_free(s, x->owner);
	free(x);
}

/* Bound values --------------------------------------------------------------------------------- */

void kept_value_ref(struct kept_value *to, const struct kept_value *from)
{
	*to = *from;
	if (to->text)
		to->text->refs++;
}

bool bound_equal(const struct kept_value *a, const struct kept_value *b, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		const struct value *x = &a[i].v, *y = &b[i].v;

		/* Equal texts of the model are one object. */
		if (x->kind != y->kind || x->number != y->number || a[i].text != b[i].text ||
		    memcmp(x->addr, y->addr, sizeof(x->addr)) != 0)
			return false;
	}
	return true;
}

/* Tokens --------------------------------------------------------------------------------------- */

static void list_remove(struct sequence *s, struct token *t)
{
	*(t->older ? &t->older->newer : &s->oldest) = t->newer;
	*(t->newer ? &t->newer->older : &s->newest) = t->older;
	t->older = t->newer = NULL;
}

static void list_append(struct sequence *s, struct token *t)
{
	t->older = s->newest;
	t->newer = NULL;
	*(s->newest ? &s->newest->newer : &s->oldest) = t;
	s->newest = t;
}

struct token *token_new(struct sequence *s, struct slot *slot, enum token_kind kind,
			const struct kept_value *bound)
{
	uint32_t n = s->rules->list[slot->rule].n_slots;
	struct token *t = calloc(1, sizeof(*t) + n * sizeof(*t->bound));

	if (!t)
		return NULL;
	t->slot = slot;
	t->kind = (uint8_t)kind;
	t->number = s->n_made++;
	for (uint32_t i = 0; i < n; i++)
		kept_value_ref(&t->bound[i], &bound[i]);
	t->next = slot->tokens;
	slot->tokens = t;
	slot->n++;
	list_append(s, t);
	s->n_state++;
	s->n_tokens[slot->rule]++;
	return t;
}

void token_touch(struct sequence *s, struct token *t)
{
	struct token **at = &t->slot->tokens;

	list_remove(s, t);
	list_append(s, t);
	if (*at == t)
		return;
	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
	t->next = t->slot->tokens;
	t->slot->tokens = t;
}

void token_kill(struct sequence *s, struct token *t)
{
	struct token **at = &t->slot->tokens;

	if (t->is_dead)
		return;
	if (t->waits_at)
		token_stop_waiting(s, t);
	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
	t->slot->n--;
	t->slot->n_dead++;
	list_remove(s, t);
	s->n_state--;
	s->n_tokens[t->slot->rule]--;
	counter_drop(s, t, t->n_counted);
	t->is_dead = true;
	t->next = s->dead;
	s->dead = t;
}

static void token_free(struct sequence *s, struct token *t)
{
	uint32_t n = s->rules->list[t->slot->rule].n_slots;

	for (uint32_t i = 0; i < n; i++)
		model_text_unref(s->model, t->bound[i].text);
	evidence_unref(s->model, t->evidence);
	count_set_unref(t->used);
	free(t->counted);
	free(t);
}

void store_clean(struct sequence *s)
{
	while (s->dead) {
		struct token *t = s->dead;
		struct slot *slot = t->slot;

		s->dead = t->next;
		token_free(s, t);
		if (--slot->n_dead == 0 && !slot->tokens)
			slot_free(s, slot);
	}
}

bool token_is_alive(const struct sequence *s, const struct token *t, uint64_t now_ns)
{
	const struct rule *rule = &s->rules->list[t->slot->rule];
	uint64_t life = node_facts(s, t->slot->rule, t->slot->node)->life_ns;

	if (t->is_dead)
		return false;
	if (t->kind == TOKEN_COUNTER)
		return t->n_counted &&
		       now_ns - t->counted[t->n_counted - 1].ts <= token_node(s, t)->window_ns;
	if (t->waits_at)
		return true;
	if (rule->within_ns != RULES_FOREVER && now_ns - t->first_ns > rule->within_ns &&
	    now_ns > t->first_ns)
		return false;
	if (t->kind == TOKEN_PARTIAL) {
		uint64_t within = token_node(s, t)->within_ns;

		return within == RULES_FOREVER || now_ns <= t->anchor_ns ||
		       now_ns - t->anchor_ns <= within;
	}
	return life == RULES_FOREVER || now_ns <= t->last_ns || now_ns - t->last_ns <= life;
}

/* Whether its events are newer, from the last on. */
static bool is_newer(const struct token *t, const struct token *than)
{
	const struct evidence *x = t->evidence, *y = than->evidence;

	while (x && y && x != y && x->seen->serial == y->seen->serial) {
		x = x->before;
		y = y->before;
	}
	return x && x != y && (!y || x->seen->serial > y->seen->serial);
}

/* Of those that one event placed, the one whose events are newer goes first; and of those that
 * have counted it, the one that counted first, which lies behind the others. */
static void order_tokens(struct token **list, int64_t n)
{
	for (int64_t from = 0, to; from < n; from = to) {
		for (to = from + 1; to < n && list[to]->last_serial == list[from]->last_serial;)
			to++;
		for (int64_t i = from, k = to - 1; i < k; i++, k--) {
			struct token *t = list[i];

			list[i] = list[k];
			list[k] = t;
		}
		for (int64_t i = from + 1; i < to; i++) {
			struct token *t = list[i];
			int64_t k = i;

			for (; k > from && is_newer(t, list[k - 1]); k--)
				list[k] = list[k - 1];
			list[k] = t;
		}
	}
}

static int make_look_room(struct sequence *s, size_t n)
{
	struct token **list;

	if (s->looked_room >= n)
		return 0;
	list = reallocarray(s->looked_at, 2 * n, sizeof(*list));
	if (!list)
		return -ENOMEM;
	s->looked_at = list;
	s->looked_room = 2 * n;
	return 0;
}

int64_t slot_list(struct sequence *s, const struct slot *slot, struct token ***ret)
{
	int64_t n = 0;

	if (!slot)
		return 0;
	if (make_look_room(s, slot->n) < 0)
		return -ENOMEM;
	for (struct token *t = slot->tokens; t; t = t->next)
		s->looked_at[n++] = t;
	*ret = s->looked_at;
	return n;
}

int64_t slot_tokens(struct sequence *s, const struct slot *slot, struct token ***ret)
{
	int64_t n = slot_list(s, slot, ret);

	order_tokens(*ret, n);
	return n;
}

/* Those that wait ------------------------------------------------------------------------------ */

static bool is_sooner(const struct token *a, const struct token *b)
{
	if (a->deadline_ns != b->deadline_ns)
		return a->deadline_ns < b->deadline_ns;
	if (a->last_serial != b->last_serial)
		return a->last_serial < b->last_serial;
	return a->number < b->number;
}

static int by_deadline(const void *a, const void *b)
{
	const struct token *const *x = a, *const *y = b;

	return is_sooner(*x, *y) ? -1 : is_sooner(*y, *x);
}

int64_t owner_waiting(struct sequence *s, const struct owner *owner, struct token ***ret)
{
	size_t n = 0;

	for (const struct slot *slot = owner->slots; slot; slot = slot->next_of_owner)
		n += slot->n;
	if (make_look_room(s, n) < 0)
		return -ENOMEM;
	n = 0;
	for (const struct slot *slot = owner->slots; slot; slot = slot->next_of_owner)
		for (struct token *t = slot->tokens; t; t = t->next)
			if (t->waits_at)
				s->looked_at[n++] = t;
	if (n)
		qsort(s->looked_at, n, sizeof(struct token *), by_deadline);
	*ret = s->looked_at;
	return (int64_t)n;
}

static void heap_put(struct sequence *s, size_t at, struct token *t)
{
	s->waiting[at] = t;
	t->waits_at = at;
}

static void heap_sift(struct sequence *s, size_t at)
{
	struct token *t = s->waiting[at];

	while (at > 1 && is_sooner(t, s->waiting[at / 2])) {
		heap_put(s, at, s->waiting[at / 2]);
		at /= 2;
	}
	while (2 * at <= s->n_waiting) {
		size_t child = 2 * at;

		if (child < s->n_waiting && is_sooner(s->waiting[child + 1], s->waiting[child]))
			child++;
		if (!is_sooner(s->waiting[child], t))
			break;
		heap_put(s, at, s->waiting[child]);
		at = child;
	}
	heap_put(s, at, t);
}

int token_wait(struct sequence *s, struct token *t, uint64_t deadline_ns)
{
	if (s->n_waiting + 2 > s->waiting_room) {
		size_t room = s->waiting_room ? 2 * s->waiting_room : 64;
		struct token **waiting = reallocarray(s->waiting, room, sizeof(*waiting));

		if (!waiting)
			return -ENOMEM;
		s->waiting = waiting;
		s->waiting_room = room;
	}
	t->deadline_ns = deadline_ns;
	heap_put(s, ++s->n_waiting, t);
	heap_sift(s, s->n_waiting);
	return 0;
}

void token_stop_waiting(struct sequence *s, struct token *t)
{
	size_t at = t->waits_at;
	struct token *last = s->waiting[s->n_waiting--];

	t->waits_at = 0;
	if (last == t)
		return;
	heap_put(s, at, last);
	heap_sift(s, at);
}

/* Bounds --------------------------------------------------------------------------------------- */

/* Expired ones go when there are twice as many as were left the last time, so that the work is a
 * constant for each token that is made. */
static void sweep(struct sequence *s, uint64_t now_ns)
{
	for (struct token *t = s->oldest, *next; t; t = next) {
		next = t->newer;
		if (!token_is_alive(s, t, now_ns))
			token_kill(s, t);
	}
	s->swept = s->n_state;
}

void store_bound(struct sequence *s, uint64_t now_ns)
{
	if (s->n_state > s->stats.peak_tokens)
		s->stats.peak_tokens = s->n_state;
	/* Who explains wants to see what comes too late for what. And looking at all of them for
	 * each that is too many would never end. */
	if ((s->n_state > 2 * s->swept + SWEEP_MIN && !s->o.explain) ||
	    (s->n_state > s->o.max_state && s->until_sweep == 0)) {
		sweep(s, now_ns);
		s->until_sweep = s->o.max_state / 8 + 1;
	}
	while (s->n_state > s->o.max_state && s->oldest) {
		struct token *t = s->oldest;

		if (token_is_alive(s, t, now_ns)) {
			sequence_blind(s, t->slot->rule, BLIND_EVICTED, now_ns,
				       node_facts(s, t->slot->rule, t->slot->node)->extent_ns);
			s->stats.evicted += 1 + t->n_counted;
		}
		token_kill(s, t);
		s->until_sweep -= s->until_sweep > 0;
	}
}

void store_move(struct sequence *to, struct sequence *from, struct token *t, struct slot *slot)
{
	struct token **at = &t->slot->tokens;
	bool waits = t->waits_at != 0;

	if (waits)
		token_stop_waiting(from, t);
	from->n_tokens[t->slot->rule]--;
	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
	if (--t->slot->n == 0 && !t->slot->n_dead)
		slot_free(from, t->slot);
	list_remove(from, t);
	from->n_state -= 1 + t->n_counted;
	t->slot = slot;
	t->next = slot->tokens;
	slot->tokens = t;
	slot->n++;
	list_append(to, t);
	to->n_state += 1 + t->n_counted;
	to->n_tokens[slot->rule]++;
	/* One that cannot wait for want of memory is no match. */
	if (waits && token_wait(to, t, t->deadline_ns) < 0)
		token_kill(to, t);
}

void store_done(struct sequence *s)
{
	while (s->oldest)
		token_kill(s, s->oldest);
	store_clean(s);
	free(s->slots.buckets);
	free(s->owners.buckets);
	free(s->waiting);
	free(s->looked_at);
}
