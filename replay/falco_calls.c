/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of calls: which types of events they end in. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "format/names.h"
#include "replay/falco_lower.h"

/* What Falco calls events that no call causes. */
static const struct {
	const char *name;
	uint8_t type;
} other_events[] = { { "procexit", EV_exit }, { "signaldeliver", EV_signal } };

static bool has(const uint8_t set[32], unsigned id)
{
	return set[id / 8] >> id % 8 & 1;
}

static void put(uint8_t set[32], unsigned id)
{
	set[id / 8] |= (uint8_t)(1u << id % 8);
}

void falco_call_types(uint8_t ret[32])
{
	static const uint8_t others[] = { EV_dns, EV_flow, EV_fold, EV_pass };

	memset(ret, 0, 32);
	for (const struct reel_type *t = reel_types; t->name; t++)
		if (t->class_id != EV_CLASS_state && t->class_id != EV_CLASS_tape &&
		    t->class_id != EV_CLASS_user && !memchr(others, t->id, sizeof(others)))
			put(ret, t->id);
}

static bool fits(const struct falco_node *test, const char *name, size_t length)
{
	static const uint8_t ops[FALCO_OPS] = {
		[FALCO_CONTAINS] = MATCH_CONTAINS, [FALCO_ICONTAINS] = MATCH_CONTAINS,
		[FALCO_STARTSWITH] = MATCH_STARTS, [FALCO_ENDSWITH] = MATCH_ENDS,
		[FALCO_GLOB] = MATCH_GLOB,	   [FALCO_IGLOB] = MATCH_GLOB,
		[FALCO_REGEX] = MATCH_REGEX,	   [FALCO_EQ] = MATCH_EQUALS,
		[FALCO_NE] = MATCH_EQUALS,	   [FALCO_IN] = MATCH_EQUALS,
		[FALCO_INTERSECTS] = MATCH_EQUALS, [FALCO_PMATCH] = MATCH_EQUALS,
	};
	unsigned flags = test->op == FALCO_REGEX				? MATCH_WHOLE :
			 test->op == FALCO_ICONTAINS || test->op == FALCO_IGLOB ? MATCH_NOCASE :
										  0;
	uint32_t n = 0;

	for (uint32_t i = 0; i < test->n; i++)
		n += match_one((enum match_op)ops[test->op], flags, test->values[i].bytes,
			       test->values[i].length, name, (uint32_t)length,
			       (uint32_t)length) == TRUTH_YES;
	if (test->op != FALCO_NE && test->quantity == FALCO_ALLOF)
		return n == test->n;
	if (test->op != FALCO_NE && test->quantity == FALCO_ONEOF)
		return n == 1;
	return n > 0;
}

static int add_call(struct falco_lowering *l, struct falco_cond *c, const char *name, size_t length)
{
	const char *text;

	for (uint32_t i = 0; i < c->n_calls; i++)
		if (strlen(c->calls[i]) == length && memcmp(c->calls[i], name, length) == 0)
			return 0;
	if (c->n_calls % 16 == 0) {
		const char **larger = arena_alloc(l->memory, (c->n_calls + 16) * sizeof(char *));

		if (!larger)
			return falco_no_memory(l);
		if (c->n_calls)
			memcpy(larger, c->calls, c->n_calls * sizeof(char *));
		c->calls = larger;
	}
	text = arena_text(l->memory, name, length);
	if (!text)
		return falco_no_memory(l);
	c->calls[c->n_calls++] = text;
	return 0;
}

/* The old ABI has calls of its own for wider ids: to Falco they are the same. */
static size_t without_width(const char *name, size_t length)
{
	if (length > 2 && memcmp(name + length - 2, "32", 2) == 0)
		return length - 2;
	return length;
}

static bool fits_call(const struct falco_node *test, const char *name, size_t length)
{
	size_t without = without_width(name, length);

	return fits(test, name, length) || (without < length && fits(test, name, without));
}

/* Whether it fits the type's name, or one of its calls: most types have none. */
static bool may_fit(const struct falco_node *test, const struct reel_type *t)
{
	const char *at = t->aliases;
	bool may = fits_call(test, t->name, strlen(t->name));

	while (!may && *at) {
		size_t n = strcspn(at, " ");

		may = n && fits_call(test, at, n);
		at += n + (at[n] == ' ');
	}
	return may;
}

/* One of a type's calls. */
static int look_at_call(struct falco_lowering *l, const struct falco_node *test,
			struct falco_cond *c, const char *name, size_t length, bool *ret_all,
			bool *ret_any)
{
	unsigned number;
	bool native = reel_syscall_number(EV_ABI_NATIVE, name, length, &number) == 0;
	bool is;

	if (!native && reel_syscall_number(EV_ABI_COMPAT, name, length, &number) != 0)
		return 0; /* the name of the type */
	is = fits_call(test, name, length);
	*ret_any |= is;
	if (native)
		*ret_all &= is;
	return is ? add_call(l, c, name, length) : 0;
}

static int look_at_type(struct falco_lowering *l, const struct falco_node *test,
			struct falco_cond *c, const struct reel_type *t)
{
	bool all = true, any = false;
	const char *at = t->aliases;
	int r = look_at_call(l, test, c, t->name, strlen(t->name), &all, &any);

	while (r == 0 && *at) {
		size_t n = strcspn(at, " ");

		if (n)
			r = look_at_call(l, test, c, at, n, &all, &any);
		at += n + (at[n] == ' ');
	}
	if (any)
		put(c->types, t->id);
	if (any && all)
		put(c->whole, t->id);
	return r;
}

/* Calls that have no type of their own. */
static int look_at_others(struct falco_lowering *l, const struct falco_node *test,
			  struct falco_cond *c)
{
	bool any = false;

	for (unsigned i = 0; i < 1024; i++) {
		const char *name = reel_syscall_name(EV_ABI_NATIVE, i);
		bool is_known = false;
		int r;

		if (!name || !fits(test, name, strlen(name)))
			continue;
		for (uint32_t k = 0; k < c->n_calls && !is_known; k++)
			is_known = strcmp(c->calls[k], name) == 0;
		if (is_known)
			continue;
		r = add_call(l, c, name, strlen(name));
		if (r < 0)
			return r;
		any = true;
	}
	if (any)
		put(c->types, EV_sys);
	return 0;
}

int falco_lower_type(struct falco_lowering *l, const struct falco_node *test,
		     struct falco_cond **ret)
{
	struct falco_cond *c = falco_cond_new(l, FALCO_IS_TYPE), *negated;
	uint8_t calls[32];
	int r = 0;

	if (!c)
		return falco_no_memory(l);
	if (test->op == FALCO_EXISTS) {
		c->kind = FALCO_IS_TRUE;
		*ret = c;
		return 0;
	}
	if (test->has_right || (test->op >= FALCO_LT && test->op <= FALCO_GE))
		return reel_err_set(l->err, -EINVAL, "evt.type is compared with names only");
	falco_call_types(calls);
	for (const struct reel_type *t = reel_types; t->name && r == 0; t++)
		if (has(calls, t->id) && t->id != EV_sys && may_fit(test, t))
			r = look_at_type(l, test, c, t);
	if (r == 0)
		r = look_at_others(l, test, c);
	for (size_t i = 0; i < sizeof(other_events) / sizeof(*other_events); i++) {
		if (!fits(test, other_events[i].name, strlen(other_events[i].name)))
			continue;
		put(c->types, other_events[i].type);
		put(c->whole, other_events[i].type);
	}
	*ret = c;
	if (r < 0 || test->op != FALCO_NE)
		return r;
	negated = falco_cond_new(l, FALCO_IS_NOT);
	if (!negated)
		return falco_no_memory(l);
	negated->a = c;
	*ret = negated;
	return 0;
}
