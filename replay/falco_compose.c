/* SPDX-License-Identifier: BSD-2-Clause */
/* Transformers of several values: what they take, and what rules ask for then. */
#include <errno.h>
#include <string.h>

#include "replay/falco_lower.h"

_Static_assert((int)FALCO_PARTS_MAX == (int)RULE_CALL_PARTS_MAX &&
		       (int)FALCO_CALLS_DEEP == (int)RULE_CALLS_DEEP,
	       "a condition holds no more than a rule can");

/* How many values, and which of them is a list; 0: none. */
static const struct {
	uint8_t kind, fewest, most, list;
	const char *takes;
} calls[FALCO_CALLS] = {
	[FALCO_CONCAT] = { RULE_CONCAT, 2, FALCO_PARTS_MAX, 0, "it takes at least 2 values" },
	[FALCO_JOIN] = { RULE_JOIN, 2, 2, 2, "it takes 2 values: a separator and a list" },
	[FALCO_GETOPT] = { RULE_GETOPT, 2, 2, 1, "it takes 2 values: arguments and its options" },
};

/* What is said of the field that a call is, where all its parts can be asked for. */
static const struct falco_field composed = { .name = "", .way = FALCO_FIELD, .kind = REEL_TEXT };

struct maker {
	struct falco_lowering *l;
	const struct falco_operand *o;
	struct rule_call *to;
	const struct falco_field *never; /* a part that no event has, or that nobody can tell */
	struct rule_ref never_ref;
};

static int wrong(const struct maker *m, const char *what, const char *why)
{
	return reel_err_set(m->l->err, -EINVAL, "%s(): %s%s%s", m->o->field, what, *what ? " " : "",
			    why);
}

static bool is_arguments(const struct falco_part *p)
{
	return p->kind == FALCO_OPERAND && strcmp(p->operand->field, "proc.args") == 0 &&
	       !p->operand->n_transforms;
}

static int check(const struct maker *m)
{
	const struct falco_call *c = m->o->call;
	unsigned list = calls[c->kind].list;

	if (c->n < calls[c->kind].fewest || c->n > calls[c->kind].most)
		return wrong(m, "", calls[c->kind].takes);
	for (uint32_t i = 0; i < c->n; i++) {
		bool is_list = c->parts[i].kind == FALCO_LIST;

		if (is_list && i + 1 != list)
			return wrong(m, "",
				     c->kind == FALCO_JOIN   ? "its separator is no list" :
				     c->kind == FALCO_GETOPT ? "its options are no list" :
							       "it takes no list");
		if (is_list || i + 1 != list)
			continue;
		if (c->kind == FALCO_JOIN)
			return wrong(m, "", "its second value is a list: (A, B ...)");
		if (!is_arguments(&c->parts[i]))
			return wrong(m, "", "its first value is proc.args or a list: (A, B ...)");
	}
	if (c->kind != FALCO_GETOPT)
		return m->o->argument ? wrong(m, "", "it takes no argument in brackets") : 0;
	if (c->parts[1].kind != FALCO_LITERAL)
		return wrong(m, "", "its options stand there as they are: \"nt:\"");
	if (m->o->argument && (!m->o->argument[0] || m->o->argument[1]))
		return wrong(m, "", "what stands in brackets is one character: an option");
	return 0;
}

/* Parts are one value each. */
static bool has_several(const struct rule_ref *ref)
{
	return ref->scope == RULE_OF_ANCESTOR ||
	       (ref->context == RULE_DERIVED &&
		(ref->derived == DERIVED_fd_either || ref->derived == DERIVED_fd_either_port)) ||
	       (ref->call && ref->call->is_list);
}

static uint8_t shown_as(const struct falco_field *f, const struct rule_ref *ref)
{
	if (ref->kind == REEL_ADDR)
		return RULE_AS_ADDRESS;
	if (ref->kind >= REEL_PATH)
		return RULE_AS_IT_IS;
	return f->is_bool && !ref->transforms[0] ? RULE_AS_BOOL : RULE_AS_DECIMAL;
}

static int add_field(struct maker *m, const struct falco_operand *o)
{
	struct rule_ref *ref = arena_alloc(m->l->memory, sizeof(*ref));
	const struct falco_field *f;
	uint8_t types[32];
	int r;

	if (!ref)
		return falco_no_memory(m->l);
	r = falco_operand_ref(m->l, o, &f, ref);
	if (r < 0)
		return r;
	if (f->way == FALCO_ABSENT || f->way == FALCO_UNKNOWN) {
		if (!m->never || f->way == FALCO_ABSENT) {
			m->never = f;
			m->never_ref = *ref;
		}
		return 0;
	}
	if (f->way != FALCO_FIELD && f->way != FALCO_EVENT_TYPE)
		return wrong(m, o->field, "is no value that can be put together");
	if (has_several(ref))
		return wrong(m, o->field, "has several values");
	m->to->asks_result |= falco_asks_result(f, ref);
	falco_field_types(f, ref, types);
	for (unsigned i = 0; i < sizeof(types); i++)
		m->to->types[i] &= types[i];
	m->to->parts[m->to->n++] = (struct rule_part){ .ref = ref, .shown = shown_as(f, ref) };
	return 0;
}

static int add_part(struct maker *m, const struct falco_part *p)
{
	if (p->kind == FALCO_OPERAND)
		return add_field(m, p->operand);
	m->to->parts[m->to->n++] =
		(struct rule_part){ .bytes = p->literal.bytes, .length = p->literal.length };
	return 0;
}

static int add_parts(struct maker *m, const struct falco_part *parts, uint32_t n)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < n; i++)
		r = parts[i].kind == FALCO_LIST ? add_parts(m, parts[i].items, parts[i].n_items) :
						  add_part(m, &parts[i]);
	return r;
}

int falco_call_ref(struct falco_lowering *l, const struct falco_operand *o,
		   const struct falco_field **ret, struct rule_ref *ref)
{
	const struct falco_call *c = o->call;
	struct rule_call *to = arena_alloc(l->memory, sizeof(*to));
	struct maker m = { .l = l, .o = o, .to = to };
	int r;

	if (to)
		to->parts = arena_alloc(l->memory, (FALCO_PARTS_MAX + 1) * sizeof(*to->parts));
	if (!to || !to->parts)
		return falco_no_memory(l);
	r = check(&m);
	if (r < 0)
		return r;
	to->kind = calls[c->kind].kind;
	memset(to->types, 0xff, sizeof(to->types));
	if (c->kind == FALCO_GETOPT) {
		to->options = c->parts[1].literal.bytes;
		to->selector = o->argument ? o->argument[0] : 0;
		to->is_list = !o->argument;
		to->of_argv = c->parts[0].kind == FALCO_OPERAND;
	}
	r = add_parts(&m, c->parts, c->kind == FALCO_GETOPT ? 1 : c->n);
	*ret = m.never ? m.never : &composed;
	*ref = m.never ? m.never_ref :
			 (struct rule_ref){ .scope = RULE_OF_EVENT,
					    .context = RULE_DERIVED,
					    .derived = DERIVED_composed,
					    .kind = REEL_TEXT,
					    .index = RULES_NONE,
					    .slot = RULES_NONE,
					    .own = c->text,
					    .hint = "",
					    .call = to };
	return r;
}
