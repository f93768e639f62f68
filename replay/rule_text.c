/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay/rule_text.h"

#include "format/names.h"

enum { VALUES_SHOWN = 4, BYTES_SHOWN = 100, TYPES_SHOWN = 6 };

static void put_ref(struct reel_out *o, const struct rule_ref *ref)
{
	static const char *const scopes[] = {
		[RULE_OF_PARENT] = "parent.",
		[RULE_OF_ANCESTOR] = "ancestor.",
		[RULE_OF_STEP] = "of an earlier step: ",
	};

	if (ref->scope < sizeof(scopes) / sizeof(*scopes) && scopes[ref->scope])
		out_str(o, scopes[ref->scope]);
	out_str(o, ref->context == RULE_OWN_FIELD ? ref->own : rule_contexts[ref->context].name);
	if (ref->index >= 0) {
		out_char(o, '[');
		out_u64(o, (uint64_t)ref->index);
		out_char(o, ']');
	}
}

static void put_number(struct reel_out *o, const struct rule_ref *ref, uint64_t n)
{
	if (ref->hint && *ref->hint && reel_name_value(o, ref->hint, n) == 0)
		return;
	if (ref->is_signed)
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
	static const char *const words[] = {
		[RULE_EQ] = "==",
		[RULE_NE] = "!=",
		[RULE_LT] = "<",
		[RULE_LE] = "<=",
		[RULE_GT] = ">",
		[RULE_GE] = ">=",
		[RULE_BITS] = "&",
		[RULE_REGEX] = "=~",
		[RULE_NOT_REGEX] = "!~",
		[RULE_CONTAINS] = "contains",
		[RULE_STARTS] = "startswith",
		[RULE_ENDS] = "endswith",
		[RULE_GLOB] = "glob",
		[RULE_CIDR] = "in",
		[RULE_EXISTS] = "exists",
	};

	put_ref(o, &l->left);
	if (l->op == RULE_TRUE_FLAG)
		return;
	out_char(o, ' ');
	out_str(o, l->op == RULE_EQ && !l->has_right && l->n_values > 1 ? "in" : words[l->op]);
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
