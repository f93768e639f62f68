/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay/rule_text.h"

#include "format/names.h"

enum { VALUES_SHOWN = 4, BYTES_SHOWN = 100, TYPES_SHOWN = 6 };

static const char *const transforms[] = {
	[RULE_TO_LOWER] = "tolower",  [RULE_TO_UPPER] = "toupper", [RULE_FROM_BASE64] = "b64",
	[RULE_BASENAME] = "basename", [RULE_LENGTH] = "len",
};

static void put_ref(struct reel_out *o, const struct rule_ref *ref)
{
	static const char *const scopes[] = {
		[RULE_OF_PARENT] = "parent.",
		[RULE_OF_ANCESTOR] = "ancestor.",
	};

	for (unsigned i = RULE_TRANSFORMS_MAX; i-- > 0;)
		if (ref->transforms[i]) {
			out_str(o, transforms[ref->transforms[i]]);
			out_char(o, '(');
		}
	if (ref->scope == RULE_OF_LEVEL) {
		out_str(o, "level");
		out_u64(o, ref->level);
		out_char(o, '.');
	}
	if (ref->scope < sizeof(scopes) / sizeof(*scopes) && scopes[ref->scope])
		out_str(o, scopes[ref->scope]);
	out_str(o, ref->context == RULE_OWN_FIELD || ref->call ? ref->own :
		   ref->context == RULE_DERIVED		       ? derive_name(ref->derived) :
								 rule_contexts[ref->context].name);
	if (ref->context == RULE_DERIVED && ref->own && !ref->call) {
		out_char(o, '.');
		out_str(o, ref->own);
	}
	if (ref->index >= 0) {
		out_char(o, '[');
		out_u64(o, (uint64_t)ref->index);
		out_char(o, ']');
	}
	for (unsigned i = 0; i < RULE_TRANSFORMS_MAX; i++)
		if (ref->transforms[i])
			out_char(o, ')');
	if (ref->scope == RULE_OF_STEP)
		out_str(o, " of an earlier step");
}

/* Bits are asked for, and no way of opening is one. */
static void put_bits(struct reel_out *o, const struct rule_ref *ref, uint64_t bits)
{
	static const char way[] = "O_RDONLY|";
	size_t before = o->len, n = sizeof(way) - 1;

	(void)reel_name_value(o, ref->hint ? ref->hint : "hex", bits);
	if (o->len > before + n && memcmp(o->buf + before, way, n) == 0) {
		memmove(o->buf + before, o->buf + before + n, o->len - before - n);
		o->len -= n;
	}
}

static void put_number(struct reel_out *o, const struct rule_ref *ref, uint64_t n)
{
	if (ref->hint && *ref->hint)
		(void)reel_name_value(o, ref->hint, n);
	else if (ref->is_signed)
		out_s64(o, (int64_t)n);
	else
		out_u64(o, n);
}

static void put_value(struct reel_out *o, const struct rule_leaf *l, const struct rule_value *v)
{
	if (l->left.kind >= REEL_PATH) {
		uint32_t n = v->length < BYTES_SHOWN ? v->length : BYTES_SHOWN;

		out_quoted(o, v->bytes, n, '"');
		if (n < v->length)
			out_str(o, "...");
	} else if (l->left.kind == REEL_ADDR) {
		/* Prefixes are those of IPv6 addresses; IPv4 lies in the last 32 bits of them. */
		static const uint8_t v4[12] = { [10] = 0xff, [11] = 0xff };
		unsigned before =
			memcmp(v->net.addr, v4, sizeof(v4)) == 0 && v->net.bits >= 96 ? 96 : 0;

		reel_addr_format(o, v->net.addr);
		if (v->net.bits < 128) {
			out_char(o, '/');
			out_u64(o, v->net.bits - before);
		}
	} else if (l->op == RULE_BITS) {
		put_bits(o, &l->left, v->number);
	} else {
		put_number(o, &l->left, v->number);
	}
}

static void put_values(struct reel_out *o, const struct rule_leaf *l)
{
	if (l->n_values != 1)
		out_char(o, '(');
	for (uint32_t i = 0; i < l->n_values && i < VALUES_SHOWN; i++) {
		if (i)
			out_str(o, ", ");
		put_value(o, l, &l->values[i]);
	}
	if (l->n_values > VALUES_SHOWN) {
		out_str(o, ", and ");
		out_u64(o, l->n_values - VALUES_SHOWN);
		out_str(o, " more");
	}
	if (l->n_values != 1)
		out_char(o, ')');
}

void rule_text_leaf(struct reel_out *o, const struct rule_leaf *l)
{
	put_ref(o, &l->left);
	if (l->op == RULE_TRUE_FLAG)
		return;
	out_char(o, ' ');
	out_str(o, l->any_other						? "has another than" :
		   l->op == RULE_EQ && !l->has_right && l->n_values > 1 ? "in" :
									  rule_op_words[l->op]);
	if (l->op == RULE_EXISTS)
		return;
	out_char(o, ' ');
	if (l->has_right)
		put_ref(o, &l->right);
	else
		put_values(o, l);
	if (l->match_flags & MATCH_NOCASE)
		out_str(o, " (whatever the case)");
}

void rule_text_types(struct reel_out *o, const struct rule_step *s)
{
	unsigned n = 0;

	for (const struct reel_type *t = reel_types; t->name; t++) {
		if (!(s->types[t->id / 8] >> t->id % 8 & 1))
			continue;
		if (n < TYPES_SHOWN) {
			if (n)
				out_char(o, '|');
			out_str(o, t->name);
		}
		n++;
	}
	if (n > TYPES_SHOWN) {
		out_str(o, "|and ");
		out_u64(o, n - TYPES_SHOWN);
		out_str(o, " more");
	}
	if (s->outcome == RULE_FAILED)
		out_str(o, " failed");
	else if (s->outcome == RULE_ATTEMPTED)
		out_str(o, " attempted");
}

/* Of three kinds of brackets only those that are needed. */
static void put_expr(struct reel_out *o, const struct rules *rules, uint32_t at, unsigned above)
{
	const struct rule_expr *x = &rules->exprs[at];
	bool brackets = (x->op == RULE_EXPR_AND || x->op == RULE_EXPR_OR) &&
			above != RULE_EXPR_TRUE && above != x->op;

	if (brackets)
		out_char(o, '(');
	switch (x->op) {
	case RULE_EXPR_LEAF:
		rule_text_leaf(o, &rules->leaves[x->a]);
		break;
	case RULE_EXPR_NOT:
		out_str(o, "not ");
		put_expr(o, rules, x->a, RULE_EXPR_NOT);
		break;
	case RULE_EXPR_AND:
	case RULE_EXPR_OR:
		put_expr(o, rules, x->a, x->op);
		out_str(o, x->op == RULE_EXPR_AND ? " and " : " or ");
		put_expr(o, rules, x->b, x->op);
		break;
	default:
		out_str(o, "true");
	}
	if (brackets)
		out_char(o, ')');
}

void rule_text_expr(struct reel_out *o, const struct rules *rules, uint32_t expr)
{
	put_expr(o, rules, expr, RULE_EXPR_TRUE);
}

void rule_text_step(struct reel_out *o, const struct rules *rules, const struct rule_step *s)
{
	rule_text_types(o, s);
	if (rules->exprs[s->expr].op == RULE_EXPR_TRUE)
		return;
	out_str(o, " { ");
	rule_text_expr(o, rules, s->expr);
	out_str(o, " }");
}
