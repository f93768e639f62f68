/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is made of several values. A part that is not there makes all of it be not there, whatever
 * is known of the others; behind one that was cut nothing is known any more.
 */
#include <stdlib.h>
#include <string.h>

#include "replay/derive_impl.h"

struct composer {
	struct finder *f;
	const struct rule_call *call;
	struct eval_composed *to;
	bool is_unknown; /* one of the parts */
	bool is_cut;	 /* what follows in the text is not known */
	bool is_open;	 /* which words follow is not known */
};

/* Bytes ---------------------------------------------------------------------------------------- */

static uint8_t *more(struct composer *c, uint32_t n)
{
	struct eval_composed *to = c->to;
	size_t room = to->room ? to->room : 256;
	uint8_t *larger;

	while (room < (size_t)to->length + n)
		room *= 2;
	if (room != to->room) {
		larger = realloc(to->bytes, room);
		if (!larger) {
			c->is_cut = c->is_open = true;
			return NULL;
		}
		to->bytes = larger;
		to->room = room;
	}
	to->length += n;
	return to->bytes + to->length - n;
}

static void put(struct composer *c, const uint8_t *bytes, uint32_t n, bool is_cut)
{
	uint32_t left = RULE_COMPOSED_MAX - c->to->length;
	uint8_t *at;

	if (c->is_cut)
		return;
	c->is_cut = is_cut || n > left;
	n = n < left ? n : left;
	at = n ? more(c, n) : NULL;
	if (at)
		memcpy(at, bytes, n);
}

/* What lies at the beginning. */
static void put_separator(struct composer *c, uint32_t n, bool is_cut)
{
	uint32_t from = c->to->length;

	if (c->is_cut || n > RULE_COMPOSED_MAX - from) {
		c->is_cut = true;
		return;
	}
	if (n && more(c, n))
		memcpy(c->to->bytes + from, c->to->bytes, n);
	c->is_cut |= is_cut;
}

static bool is_cut(const struct value *v)
{
	return v->true_length != v->length;
}

/* False: it is not there. */
static bool find_part(struct composer *c, const struct rule_part *p, char shown[EVAL_SHOWN_MAX],
		      struct found *ret)
{
	if (!p->ref)
		return give_bytes(ret, p->bytes, p->length, p->length);
	if (!eval_found(c->f->e, p->ref, c->f->ev, ret))
		return false;
	c->is_unknown |= ret->v.kind == VALUE_UNKNOWN;
	if (ret->v.kind == VALUE_NUMBER || ret->v.kind == VALUE_ADDR)
		eval_show(shown, p->shown, &ret->v);
	return true;
}

/* One text ------------------------------------------------------------------------------------- */

static bool make_text(struct composer *c, struct found *ret)
{
	bool is_join = c->call->kind == RULE_JOIN, separator_is_cut = false;
	char shown[EVAL_SHOWN_MAX];
	uint32_t from = 0;
	struct found v;

	for (uint32_t i = 0; i < c->call->n; i++) {
		if (!find_part(c, &c->call->parts[i], shown, &v))
			return false;
		if (c->is_unknown)
			continue;
		if (is_join && !i) {
			put(c, v.v.bytes, v.v.length, false);
			from = c->to->length;
			separator_is_cut = is_cut(&v.v);
			continue;
		}
		if (is_join && i > 1)
			put_separator(c, from, separator_is_cut);
		put(c, v.v.bytes, v.v.length, is_cut(&v.v));
	}
	give_bytes(ret, c->to->length > from ? c->to->bytes + from : (const uint8_t *)"",
		   c->to->length - from, c->is_cut ? EV_UNKNOWN_LENGTH : c->to->length - from);
	return true;
}

/* Words, each behind its length ---------------------------------------------------------------- */

struct word {
	uint32_t at, length; /* in the buffer, that may move; AT 0: none */
};

static void put_word(struct composer *c, const void *bytes, uint32_t n)
{
	uint8_t *at = c->is_open ? NULL : more(c, n + (uint32_t)sizeof(n));

	if (!at)
		return;
	memcpy(at, &n, sizeof(n));
	if (n)
		memcpy(at + sizeof(n), bytes, n);
}

static bool take_word(const struct composer *c, uint32_t *at, uint32_t end, struct word *ret)
{
	if (*at >= end)
		return false;
	memcpy(&ret->length, c->to->bytes + *at, sizeof(ret->length));
	ret->at = *at + (uint32_t)sizeof(ret->length);
	*at = ret->at + ret->length;
	return true;
}

/* Those behind the first, as far as they are whole. */
static bool put_arguments(struct composer *c)
{
	struct found args, one;
	bool is_first = true;
	uint32_t at = 0;

	if (!derive_arguments(c->f, c->f->e->process, &args))
		return false;
	c->is_unknown = args.v.kind == VALUE_UNKNOWN;
	if (c->is_unknown)
		return true;
	while (eval_cut_argument(&args.v, at, &one, &at) && !is_cut(&one.v)) {
		if (!is_first)
			put_word(c, one.v.bytes, one.v.length);
		is_first = false;
	}
	c->is_open |= is_cut(&args.v);
	return true;
}

static bool put_parts(struct composer *c)
{
	char shown[EVAL_SHOWN_MAX];
	struct found v;

	for (uint32_t i = 0; i < c->call->n; i++) {
		if (!find_part(c, &c->call->parts[i], shown, &v))
			return false;
		if (c->is_unknown)
			continue;
		c->is_open |= is_cut(&v.v);
		put_word(c, v.v.bytes, v.v.length);
	}
	return true;
}

/* Options -------------------------------------------------------------------------------------- */

struct options {
	struct composer *c;
	uint32_t at, end;  /* words that are left */
	bool is_open;	   /* and others behind them */
	struct word value; /* of the selector */
};

/* VALUE: AT 0: none. */
static void tell(struct options *o, char letter, struct word self, struct word value)
{
	struct composer *c = o->c;
	uint32_t from;

	if (c->call->selector) {
		if (letter == c->call->selector)
			o->value = value.at ? value : self;
		return;
	}
	put_word(c, &letter, 1);
	if (!value.at)
		return;
	from = c->to->length;
	if (more(c, value.length + (uint32_t)sizeof(value.length))) {
		memcpy(c->to->bytes + from, &value.length, sizeof(value.length));
		memcpy(c->to->bytes + from + sizeof(value.length), c->to->bytes + value.at,
		       value.length);
	}
}

/* A word of letters, and what belongs to the last of them. False: that is not known. */
static bool read_letters(struct options *o, const struct word *w)
{
	for (uint32_t i = 1; i < w->length; i++) {
		char letter = (char)o->c->to->bytes[w->at + i];
		const char *option = letter && letter != ':' ? strchr(o->c->call->options, letter) :
							       NULL;
		struct word self = { w->at + i, 1 };
		struct word value = { w->at + i + 1, w->length - i - 1 };

		if (!option) {
			tell(o, '?', self, (struct word){ 0 });
			continue;
		}
		if (option[1] != ':') {
			tell(o, letter, self, (struct word){ 0 });
			continue;
		}
		if (value.length || option[2] == ':' || take_word(o->c, &o->at, o->end, &value) ||
		    !o->is_open) {
			tell(o, letter, self, value);
			return true;
		}
		tell(o, letter, self, (struct word){ 0 });
		return false;
	}
	return true;
}

static void read_options(struct options *o)
{
	struct word w;

	while (take_word(o->c, &o->at, o->end, &w)) {
		const uint8_t *bytes = o->c->to->bytes + w.at;

		if (w.length < 2 || bytes[0] != '-' || (w.length == 2 && bytes[1] == '-')) {
			o->is_open = false;
			return;
		}
		if (bytes[1] != '-' && !read_letters(o, &w))
			return;
	}
}

/* How a finder goes on: its turn. */
enum { BEFORE, CLOSED, OPEN, BEHIND };

static bool next_option(struct finder *f, struct composer *c, struct found *ret)
{
	struct word w;

	if (take_word(c, &f->args_at, c->to->length, &w))
		return give_bytes(ret, c->to->bytes + w.at, w.length, w.length);
	if (f->turn != OPEN)
		return false;
	f->turn = BEHIND;
	return give_unknown(f->e, ret, BLIND_CUT);
}

static bool make_options(struct finder *f, struct composer *c, struct found *ret)
{
	struct options o = { .c = c };

	if (!(c->call->of_argv ? put_arguments(c) : put_parts(c)))
		return false;
	if (c->is_unknown)
		return true;
	o.end = f->args_at = c->to->length;
	o.is_open = c->is_open;
	c->is_open = false;
	read_options(&o);
	f->turn = o.is_open || c->is_open ? OPEN : CLOSED;
	if (c->call->is_list)
		return next_option(f, c, ret);
	if (f->turn == OPEN)
		return give_unknown(f->e, ret, BLIND_CUT);
	return o.value.at &&
	       give_bytes(ret, c->to->bytes + o.value.at, o.value.length, o.value.length);
}

/* All ------------------------------------------------------------------------------------------ */

bool derive_composed(struct finder *f, struct found *ret)
{
	struct eval *e = f->e;
	unsigned deep = e->n_composing;
	struct composer c = { .f = f, .call = f->ref->call };
	uint32_t why = e->why;
	bool is_there;

	if (deep >= RULE_CALLS_DEEP)
		return f->turn++ == BEFORE && give_unknown(e, ret, BLIND_LIMIT);
	c.to = &e->composed[!deep && f->is_right ? RULE_CALLS_DEEP : deep];
	if (f->turn != BEFORE)
		return c.call->is_list && next_option(f, &c, ret);
	f->turn = CLOSED;
	c.to->length = 0;
	e->n_composing++;
	is_there = c.call->kind == RULE_GETOPT ? make_options(f, &c, ret) : make_text(&c, ret);
	e->n_composing--;
	if (!is_there) /* whatever is not known of others */
		e->why = why;
	else if (c.is_unknown)
		*ret = (struct found){ .v.kind = VALUE_UNKNOWN, .number = NO_NUMBER };
	return is_there;
}
