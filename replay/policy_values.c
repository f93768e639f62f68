/* SPDX-License-Identifier: BSD-2-Clause */
/* Values on the right: of the field's type, or an error. */
#include <stdlib.h>
#include <string.h>

#include "format/names.h"
#include "format/options.h"
#include "replay/policy_check.h"
#include "replay/policy_lex.h"

const struct policy_symbol *policy_symbol(const struct policy_file *f, const char *name)
{
	for (const struct policy_symbol *s = f->symbols; s; s = s->before)
		if (strcmp(s->name, name) == 0)
			return s;
	return NULL;
}

static const struct policy_item *find_list(const struct policy_check *c,
					   const struct policy_value *v)
{
	const struct policy_symbol *s;

	if (v->kind != POLICY_NAME || v->joined || v->is_negative || v->index != RULES_NONE)
		return NULL;
	s = policy_symbol(c->file, v->bytes);
	return s && s->item->kind == POLICY_LIST ? s->item : NULL;
}

/* Numbers -------------------------------------------------------------------------------------- */

/* Types of one step may have different names for the numbers of a field. */
static bool look_up(const struct policy_check *c, const struct rule_ref *ref, const char *name,
		    size_t length, uint64_t *ret)
{
	if (ref->hint && reel_name_lookup(ref->hint, name, length, ret) == 0)
		return true;
	if (ref->context == RULE_OWN_FIELD && ref->scope == RULE_OF_EVENT) {
		for (uint32_t i = 0; i < c->n_types; i++) {
			const struct reel_field *f = rule_own_field(c->types[i], ref->own);

			if (f && reel_name_lookup(f->hint, name, length, ret) == 0)
				return true;
		}
	}
	return false;
}

static bool has_labels(const struct rule_ref *ref)
{
	return ref->hint && strchr(ref->hint, '|');
}

static unsigned kind_bits(uint8_t kind)
{
	return reel_kind_width(kind) * 8;
}

static void offer(void *user, const char *name)
{
	reel_nearest_offer(user, name);
}

static void unknown_number(struct policy_check *c, const struct rule_ref *ref,
			   const struct policy_value *v)
{
	struct reel_nearest near = REEL_NEAREST(v->bytes);
	const char *field = ref->own ? ref->own : rule_contexts[ref->context].name;
	const char *label = has_labels(ref) ? ref->hint : "";
	struct rule_ref other;
	bool mixed;

	while (*label) {
		size_t n = strcspn(label, "|");
		char *text = policy_text(c->file, label, n);

		if (!text)
			return;
		reel_nearest_offer(&near, text);
		label += n + (label[n] == '|');
	}
	for (const struct policy_symbol *s = c->file->symbols; s; s = s->before)
		if (s->item->kind == POLICY_LIST)
			reel_nearest_offer(&near, s->name);
	for (uint32_t i = 0; i < c->n_types; i++)
		for (unsigned k = 0; k < c->types[i]->n_fields; k++)
			reel_nearest_offer(&near, c->types[i]->fields[k].name);
	reel_name_each(ref->hint ? ref->hint : "", offer, &near);
	if (near.best)
		policy_error(c->file, v->at, "%s knows no '%.60s', did you mean '%s'?", field,
			     v->bytes, near.best);
	else if (policy_find_field(c->types, c->n_types, v->bytes, &other, &mixed))
		policy_error(c->file, v->at, "'%.60s' is no number", v->bytes);
	else
		policy_error(c->file, v->at, "%s knows no '%.60s'", field, v->bytes);
}

/* One of what may be joined by |. */
static bool one_number(struct policy_check *c, const struct rule_ref *ref,
		       const struct policy_value *v, uint64_t *ret, bool *ret_is_negative)
{
	const char *text = v->bytes;
	size_t length = v->length;

	*ret_is_negative = v->is_negative;
	switch (v->kind) {
	case POLICY_INTEGER:
		*ret = v->number;
		return true;
	case POLICY_DURATION:
		if (ref->hint && strcmp(ref->hint, "ns") == 0) {
			*ret = v->number;
			return true;
		}
		policy_error(c->file, v->at, "a duration, where a number is wanted");
		return false;
	case POLICY_LINE:
		*ret_is_negative = length && *text == '-';
		text += *ret_is_negative;
		length -= *ret_is_negative;
		if (policy_parse_integer(text, length, ret) || look_up(c, ref, text, length, ret))
			return true;
		break;
	case POLICY_NAME:
		/* What a call returns when it fails. */
		if (v->is_negative && ref->context == RULE_ret &&
		    reel_name_lookup("errno", text, length, ret) == 0)
			return true;
		if (!v->is_negative && v->index == RULES_NONE && look_up(c, ref, text, length, ret))
			return true;
		break;
	case POLICY_STRING:
		/* Labels that are no words: "cri-o". */
		if (has_labels(ref) && look_up(c, ref, text, length, ret))
			return true;
		policy_error(c->file, v->at,
			     "a string, where a number is wanted; a number never equals a string");
		return false;
	default:
		policy_error(c->file, v->at, "an address, where a number is wanted");
		return false;
	}
	unknown_number(c, ref, v);
	return false;
}

static void check_range(struct policy_check *c, const struct rule_leaf *leaf,
			const struct policy_value *v, uint64_t *number, bool is_negative)
{
	const struct rule_ref *ref = &leaf->left;
	unsigned bits = kind_bits(ref->kind);
	uint64_t max = bits == 64 ? UINT64_MAX : (1ull << bits) - 1;
	bool is_equality = leaf->op == RULE_EQ || leaf->op == RULE_NE;
	bool is_out;

	if (ref->is_signed)
		is_out = *number > (max >> 1) + is_negative;
	else
		is_out = *number > (is_negative ? (max >> 1) + 1 : max);
	if (is_negative)
		*number = ref->is_signed ? -*number : -*number & max;
	if (leaf->op == RULE_BITS && !(*number & max))
		policy_warn(c->file, v->at,
			    "'%.40s' is 0 here: no bit of it can be set, so this is never true",
			    v->bytes);
	else if (ref->context == RULE_errno_ && is_negative)
		policy_warn(c->file, v->at, "errno is a positive number");
	else if (is_out && is_equality)
		policy_warn(c->file, v->at, "this is outside of what the field can hold");
}

static bool to_number(struct policy_check *c, const struct rule_leaf *leaf,
		      const struct policy_value *v, struct rule_value *ret)
{
	bool is_negative;

	if (!one_number(c, &leaf->left, v, &ret->number, &is_negative))
		return false;
	for (const struct policy_value *j = v->joined; j; j = j->joined) {
		uint64_t more;
		bool more_is_negative;

		if (!one_number(c, &leaf->left, j, &more, &more_is_negative))
			return false;
		if (is_negative || more_is_negative) {
			policy_error(c->file, j->at, "bits are not negative");
			return false;
		}
		ret->number |= more;
	}
	check_range(c, leaf, v, &ret->number, is_negative);
	return true;
}

/* Strings and addresses ------------------------------------------------------------------------ */

static bool to_string(struct policy_check *c, const struct rule_leaf *leaf,
		      const struct policy_value *v, struct rule_value *ret)
{
	if (v->joined || v->is_negative) {
		policy_error(c->file, v->at, "a number, where a string is wanted");
		return false;
	}
	switch (v->kind) {
	case POLICY_STRING:
	case POLICY_LINE:
		break;
	case POLICY_NAME:
		policy_error(c->file, v->at,
			     "'%.60s' is no field, no list, and as a string it needs quotes",
			     v->bytes);
		return false;
	default:
		policy_error(
			c->file, v->at,
			"a string is wanted here, and in quotes; a number never equals a string");
		return false;
	}
	ret->bytes = (char *)(uintptr_t)v->bytes;
	ret->length = v->length;
	policy_warn_string(c->file, v->at, leaf, v->bytes, v->length);
	return true;
}

static bool to_address(struct policy_check *c, const struct rule_leaf *leaf,
		       const struct policy_value *v, struct rule_value *ret)
{
	bool is_text = v->kind == POLICY_STRING || v->kind == POLICY_LINE;

	if (v->joined || v->is_negative ||
	    (v->kind != POLICY_ADDRESS &&
	     !(is_text && policy_parse_net(v->bytes, v->length, &ret->net)))) {
		policy_error(c->file, v->at, "'%.60s' is no address", v->bytes);
		return false;
	}
	if (v->kind == POLICY_ADDRESS)
		ret->net = v->net;
	if (leaf->op != RULE_CIDR && ret->net.bits != 128) {
		policy_error(c->file, v->at,
			     "a network holds many addresses: say in, or not ... in");
		return false;
	}
	return true;
}

static bool to_value(struct policy_check *c, const struct rule_leaf *leaf,
		     const struct policy_value *v, struct rule_value *ret)
{
	*ret = (struct rule_value){ 0 };
	switch (policy_class_of(&leaf->left)) {
	case POLICY_NUMBERS:
		return to_number(c, leaf, v, ret);
	case POLICY_ADDRESSES:
		return to_address(c, leaf, v, ret);
	default:
		return to_string(c, leaf, v, ret);
	}
}

bool policy_is_value_name(struct policy_check *c, const struct rule_ref *ref,
			  const struct policy_value *v)
{
	uint64_t number;

	if (v->joined || v->is_negative || find_list(c, v))
		return true;
	return policy_class_of(ref) == POLICY_NUMBERS && v->index == RULES_NONE &&
	       look_up(c, ref, v->bytes, v->length, &number);
}

/* All of them ---------------------------------------------------------------------------------- */

/* Each thing once and in one order, so that the same test is one leaf however it was written. */
static int compare_values(const void *a, const void *b)
{
	const struct rule_value *v = a, *w = b;
	uint32_t shorter = v->length < w->length ? v->length : w->length;
	int order = shorter ? memcmp(v->bytes, w->bytes, shorter) : 0;

	if (order == 0)
		order = (v->length > w->length) - (v->length < w->length);
	if (order == 0)
		order = (v->number > w->number) - (v->number < w->number);
	return order ? order : memcmp(&v->net, &w->net, sizeof(v->net));
}

static void sort_values(struct rule_leaf *leaf)
{
	uint32_t kept = 0;

	qsort(leaf->values, leaf->n_values, sizeof(*leaf->values), compare_values);
	for (uint32_t i = 0; i < leaf->n_values; i++)
		if (kept == 0 || compare_values(&leaf->values[kept - 1], &leaf->values[i]) != 0)
			leaf->values[kept++] = leaf->values[i];
	leaf->n_values = kept;
}

static bool is_unknown_list(const struct policy_pred *test)
{
	return test->values.first->kind == POLICY_NAME && !test->values.first->joined;
}

static void not_a_list(struct policy_check *c, const struct policy_value *v)
{
	struct reel_nearest near = REEL_NEAREST(v->bytes);

	if (v->kind != POLICY_NAME) {
		policy_error(c->file, v->at, "in wants a list in parentheses, or a list's name");
		return;
	}
	for (const struct policy_symbol *s = c->file->symbols; s; s = s->before)
		if (s->item->kind == POLICY_LIST)
			reel_nearest_offer(&near, s->name);
	policy_error(c->file, v->at, "no list is named '%.60s'%s%s%s", v->bytes,
		     near.best ? ", did you mean '" : "", near.best ? near.best : "",
		     near.best ? "'?" : "");
}

bool policy_leaf_values(struct policy_check *c, const struct policy_pred *test,
			struct rule_leaf *leaf)
{
	bool ok = true, is_list = test->has_list;
	uint64_t room = 0;

	for (const struct policy_value *v = test->values.first; v; v = v->next) {
		const struct policy_item *list = find_list(c, v);

		is_list |= list != NULL;
		room += list ? list->values.n : 1;
	}
	if (room > POLICY_LIST_MAX) {
		policy_error(c->file, test->at, "more than %d values", POLICY_LIST_MAX);
		return false;
	}
	if (is_list && leaf->op == RULE_BITS) {
		policy_error(c->file, test->op_at, "& takes no list: join the bits with |");
		return false;
	}
	if (test->is_in && !is_list && (leaf->op != RULE_CIDR || is_unknown_list(test))) {
		not_a_list(c, test->values.first);
		return false;
	}
	leaf->values = policy_alloc(c->file, room * sizeof(*leaf->values));
	if (!leaf->values)
		return false;
	for (const struct policy_value *v = test->values.first; v; v = v->next) {
		const struct policy_item *list = find_list(c, v);
		const struct policy_value *from = list ? list->values.first : v;

		for (; from; from = list ? from->next : NULL) {
			struct policy_value one = *from;

			/* What a list has to do with the field is said where it is used. */
			if (list)
				one.at = v->at;
			if (to_value(c, leaf, &one, &leaf->values[leaf->n_values]))
				leaf->n_values++;
			else
				ok = false;
		}
	}
	sort_values(leaf);
	return ok;
}
