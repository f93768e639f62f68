/* SPDX-License-Identifier: BSD-2-Clause */
/* Items of a detection: fields and keywords, and what they shall be. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "replay/policy_check.h"
#include "replay/policy_lex.h"
#include "replay/sigma_impl.h"

/* Where a field is ----------------------------------------------------------------------------- */

static bool add_ref(struct sigma_compile *c, const char *name, bool is_process, uint8_t shown,
		    struct sigma_place *to)
{
	const struct reel_type *const types[] = { c->type };
	struct rule_ref *ref = &to->ref[to->n];
	bool is_mixed;

	if (to->n == SIGMA_REFS_MAX ||
	    !policy_find_field(types, is_process ? 0 : 1, name, ref, &is_mixed))
		return false;
	if (shown && ref->kind < REEL_PATH) {
		ref->shown = shown;
		ref->kind = REEL_TEXT;
		ref->is_signed = false;
	}
	to->n++;
	return true;
}

static void add_derived(const char *name, struct sigma_place *to)
{
	for (unsigned d = DERIVED_NONE + 1; d < DERIVED_END; d++) {
		bool is_of_process = d < DERIVED_EVENTS_FROM;

		if (strcmp(derive_name(d), name) != 0)
			continue;
		to->ref[to->n++] =
			(struct rule_ref){ .scope = is_of_process ? RULE_OF_PROCESS : RULE_OF_EVENT,
					   .context = RULE_DERIVED,
					   .derived = (uint8_t)d,
					   .kind = (uint8_t)derive_kind(d),
					   .index = RULES_NONE,
					   .slot = RULES_NONE,
					   .hint = "" };
		return;
	}
}

static bool is_argument(const struct sigma_field *f, const char *name, size_t length,
			int16_t *ret_index)
{
	size_t n = strlen(f->name);
	uint64_t index;

	if (f->way != SIGMA_ARGUMENT || length <= n || memcmp(name, f->name, n) != 0 ||
	    !isdigit((unsigned char)name[n]) || (name[n] == '0' && length > n + 1))
		return false;
	if (!policy_parse_integer(name + n, length - n, &index) || index > INT16_MAX)
		return false;
	*ret_index = (int16_t)index;
	return true;
}

static const struct sigma_field *find_field(const struct sigma_view *view, const char *name,
					    size_t length, int16_t *ret_index)
{
	*ret_index = RULES_NONE;
	for (const struct sigma_field *f = view->fields; f->name; f++) {
		if (is_argument(f, name, length, ret_index))
			return f;
		if (f->way != SIGMA_ARGUMENT && strlen(f->name) == length &&
		    memcmp(f->name, name, length) == 0)
			return f;
	}
	return NULL;
}

void sigma_place(struct sigma_compile *c, const char *name, size_t length, struct sigma_place *ret)
{
	int16_t index;
	const struct sigma_field *f = find_field(c->view, name, length, &index);

	*ret = (struct sigma_place){ 0 };
	if (!f)
		return;
	if (f->way == SIGMA_CONSTANT)
		ret->constant = f->text;
	else if (f->way == SIGMA_DERIVED)
		add_derived(f->text, ret);
	else if (f->way != SIGMA_ARGUMENT)
		(void)add_ref(c, f->text, f->way == SIGMA_PROCESS_OF, f->shown, ret);
	else if (add_ref(c, "argv", false, RULE_AS_IT_IS, ret))
		ret->ref[0].index = index;
}

/* A path that is of a descriptor, and was told when it was opened. */
static bool is_told_before(const struct reel_type *t, const struct reel_field *f)
{
	return strcmp(f->name, "path") == 0 && f->kind & REEL_OPTIONAL &&
	       rule_own_field(t, "inode");
}

/* All texts of the event, and data that was moved; of arguments the line. */
static void place_texts(struct sigma_compile *c, struct sigma_place *ret)
{
	for (unsigned i = 0; i < c->type->n_fields; i++) {
		const struct reel_field *f = &c->type->fields[i];
		bool is_line = (f->kind & REEL_KIND_MASK) == REEL_ARGS &&
			       strcmp(f->name, "argv") == 0;

		if ((f->kind & REEL_KIND_MASK) < REEL_PATH || is_told_before(c->type, f))
			continue;
		if (add_ref(c, is_line ? "argv_line" : f->name, false, RULE_AS_IT_IS, ret))
			ret->ref[ret->n - 1].as_kept = true;
	}
}

/* All texts of the record, and no numbers. */
static void place_keywords(struct sigma_compile *c, struct sigma_place *ret)
{
	*ret = (struct sigma_place){ 0 };
	if (!c->view->types)
		place_texts(c, ret);
	for (const struct sigma_field *f = c->view->fields; f->name; f++) {
		if (f->way == SIGMA_ARGUMENT)
			(void)add_ref(c, "argv_line", false, RULE_AS_IT_IS, ret);
		else if (f->way == SIGMA_DERIVED && strcmp(f->text, "utc") != 0)
			add_derived(f->text, ret);
		else if (f->way <= SIGMA_PROCESS_OF && f->shown == RULE_AS_IT_IS)
			(void)add_ref(c, f->text, f->way == SIGMA_PROCESS_OF, RULE_AS_IT_IS, ret);
	}
}

/* What it shall be ----------------------------------------------------------------------------- */

static int64_t leaf_of(struct sigma_compile *c, const struct yaml_value *at,
		       const struct rule_ref *ref, uint8_t op, unsigned flags,
		       struct rule_value *values, uint32_t n)
{
	struct rule_leaf leaf = { .left = *ref,
				  .op = op,
				  .role = (uint8_t)rule_ref_role(ref),
				  .match_flags = (uint8_t)flags,
				  .values = values,
				  .n_values = n };

	if (op == RULE_EXISTS)
		leaf.match_flags = 0;
	return sigma_leaf(c, at, &leaf);
}

/* A number among words: in no other number or word. */
static bool number_value(struct sigma_compile *c, const struct sigma_text *t,
			 struct rule_value *ret)
{
	static const char before[] = "(?<!\\w)", behind[] = "(?!\\w)";
	char *bytes = sigma_alloc(c, sizeof(before) + sizeof(behind) + t->n);
	uint32_t n = sizeof(before) - 1;

	if (!bytes)
		return false;
	memcpy(bytes, before, n);
	for (uint32_t i = 0; i < t->n; i++)
		bytes[n++] = (char)t->at[i];
	memcpy(bytes + n, behind, sizeof(behind));
	*ret = (struct rule_value){ .bytes = bytes, .length = n + (uint32_t)sizeof(behind) - 1 };
	return true;
}

/* Whether it is any of them: one leaf for each operator that this takes. */
static int64_t any_text(struct sigma_compile *c, const struct yaml_value *at,
			const struct sigma_modifiers *m, const struct rule_ref *ref, uint32_t from,
			uint32_t n, bool is_keyword)
{
	static const uint8_t ops[] = { RULE_EQ,	  RULE_STARTS, RULE_ENDS, RULE_CONTAINS,
				       RULE_GLOB, RULE_EXISTS, RULE_REGEX };
	struct rule_value *values = sigma_alloc(c, n * sizeof(*values));
	uint8_t *op_of = sigma_alloc(c, n);
	struct rule_value *some = sigma_alloc(c, n * sizeof(*some));
	int64_t any = SIGMA_NEVER;

	if (!values || !op_of || !some)
		return SIGMA_FAILED;
	for (uint32_t i = 0; i < n; i++) {
		struct sigma_text t = m->texts.v[from + i], wide;

		if (is_keyword && t.is_number) {
			op_of[i] = RULE_REGEX;
			if (!number_value(c, &t, &values[i]))
				return SIGMA_FAILED;
			continue;
		}
		if (is_keyword) { /* it may stand anywhere */
			wide = (struct sigma_text){ .at = sigma_alloc(c,
								      (t.n + 2u) * sizeof(*t.at)),
						    .n = t.n + 2 };
			if (!wide.at)
				return SIGMA_FAILED;
			wide.at[0] = wide.at[t.n + 1] = SIGMA_STAR;
			if (t.n)
				memcpy(wide.at + 1, t.at, t.n * sizeof(*t.at));
			t = wide;
		}
		if (!sigma_text_value(c, &t, &op_of[i], &values[i]))
			return SIGMA_FAILED;
	}
	for (size_t o = 0; o < sizeof(ops); o++) {
		uint32_t k = 0;

		for (uint32_t i = 0; i < n; i++)
			if (op_of[i] == ops[o])
				some[k++] = values[i];
		if (k)
			any = sigma_or(c, any,
				       leaf_of(c, at, ref, ops[o],
					       m->cased || ops[o] == RULE_REGEX ? 0 : MATCH_NOCASE,
					       some, ops[o] == RULE_EXISTS ? 0 : k));
	}
	return any;
}

/* System calls that an event of the type can be: if none fits nothing has to be asked. */
static bool may_be_call(const struct sigma_compile *c, const struct sigma_text *t, bool cased)
{
	const char *alias = c->type->aliases;

	if (c->type->id == EV_sys || sigma_text_fits(t, c->type->name, cased))
		return true;
	while (*alias) {
		size_t n = strcspn(alias, " ");
		char name[64];

		if (n < sizeof(name)) {
			memcpy(name, alias, n);
			name[n] = '\0';
			if (sigma_text_fits(t, name, cased))
				return true;
		}
		alias += n + (alias[n] == ' ');
	}
	return false;
}

static bool is_call(const struct sigma_place *p)
{
	return p->n == 1 && p->ref[0].context == RULE_syscall;
}

/* One or several texts, N from FROM on, on all places. */
static int64_t texts_at(struct sigma_compile *c, const struct yaml_value *at,
			const struct sigma_modifiers *m, const struct sigma_place *p, uint32_t from,
			uint32_t n, bool is_keyword)
{
	int64_t any = SIGMA_NEVER;
	bool may = !is_call(p);

	for (uint32_t i = from; i < from + n; i++) {
		if (p->constant && sigma_text_fits(&m->texts.v[i], p->constant, m->cased))
			return SIGMA_ALWAYS;
		if (!may)
			may = may_be_call(c, &m->texts.v[i], m->cased);
	}
	for (uint32_t i = 0; may && i < p->n; i++)
		any = sigma_or(c, any, any_text(c, at, m, &p->ref[i], from, n, is_keyword));
	return any;
}

static int64_t exists(struct sigma_compile *c, const struct yaml_value *at,
		      const struct sigma_place *p)
{
	int64_t any = p->constant ? SIGMA_ALWAYS : SIGMA_NEVER;

	for (uint32_t i = 0; i < p->n; i++)
		any = sigma_or(c, any, leaf_of(c, at, &p->ref[i], RULE_EXISTS, 0, NULL, 0));
	return any;
}

/* Values as they stand: patterns, networks, numbers ------------------------------------------- */

static int64_t regex_at(struct sigma_compile *c, const struct yaml_value *v,
			const struct sigma_modifiers *m, const struct sigma_place *p)
{
	static const char nocase[] = "(?i)";
	size_t before = m->ignores_case ? sizeof(nocase) - 1 : 0;
	struct rule_value value = { .length = (uint32_t)before + v->length };
	int64_t any = SIGMA_NEVER;

	value.bytes = sigma_alloc(c, value.length + 1u);
	if (!value.bytes)
		return SIGMA_FAILED;
	memcpy(value.bytes, nocase, before);
	memcpy(value.bytes + before, v->text, v->length);
	if (p->constant || p->n == 0) { /* it must be a pattern all the same */
		uint8_t flags = (uint8_t)m->regex_flags;
		uint32_t n = p->constant ? (uint32_t)strlen(p->constant) : 0, test;
		struct reel_err err = { 0 };
		int r = matcher_add(c->rules->matchers[RULE_ROLE_TEXT], MATCH_REGEX, flags,
				    value.bytes, value.length, &test, &err);

		if (r < 0)
			return sigma_wrong(c, v, "%.200s", err.msg);
		return p->constant && match_one(MATCH_REGEX, flags, value.bytes, value.length,
						p->constant, n, n) == TRUTH_YES ?
			       SIGMA_ALWAYS :
			       SIGMA_NEVER;
	}
	for (uint32_t i = 0; i < p->n; i++)
		any = sigma_or(c, any,
			       leaf_of(c, v, &p->ref[i], RULE_REGEX, m->regex_flags, &value, 1));
	return any;
}

static int64_t net_at(struct sigma_compile *c, const struct yaml_value *v,
		      const struct sigma_place *p)
{
	enum { V4_BITS = 96 };
	struct rule_value value = { 0 };
	struct rule_ref ref;
	int64_t inside;

	if (!sigma_parse_net(v->text, v->length, &value.net))
		return sigma_wrong(c, v, "'%.60s' is no network", v->text);
	if (p->n == 0)
		return SIGMA_NEVER;
	ref = p->ref[0];
	if (ref.shown != RULE_AS_ADDRESS)
		return sigma_wrong(c, v, "cidr is for addresses, and this field is none");
	ref.shown = RULE_AS_IT_IS;
	ref.kind = REEL_ADDR;
	inside = leaf_of(c, v, &ref, RULE_CIDR, 0, &value, 1);
	if (value.net.bits >= V4_BITS)
		return inside;
	/* Addresses of IPv4 are kept as such of IPv6, and are none. */
	(void)sigma_parse_net("0.0.0.0/0", sizeof("0.0.0.0/0") - 1, &value.net);
	return sigma_and(c, inside, sigma_not(c, leaf_of(c, v, &ref, RULE_CIDR, 0, &value, 1)));
}

/* A number that the date has. */
static int64_t part_at(struct sigma_compile *c, const struct yaml_value *v,
		       const struct sigma_modifiers *m, const struct rule_ref *date, int64_t number)
{
	struct rule_value value = { .number = (uint64_t)number };
	struct rule_ref ref = *date;

	if (ref.context != RULE_DERIVED || ref.derived != DERIVED_utc_time)
		return sigma_wrong(c, v, "'%s' is for dates, and this field is none",
				   m->part->name);
	ref.derived = m->part->derived;
	ref.kind = REEL_S64;
	ref.is_signed = true;
	return leaf_of(c, v, &ref, m->op, 0, &value, 1);
}

static int64_t number_at(struct sigma_compile *c, const struct yaml_value *v,
			 const struct sigma_modifiers *m, const struct sigma_place *p)
{
	struct rule_value value = { 0 };
	struct rule_ref ref;
	int64_t number;

	if (!yaml_is_integer(v, &number)) {
		struct yaml_value plain = *v;

		plain.is_string = false; /* in quotes it is one, too */
		if (!yaml_is_integer(&plain, &number))
			return sigma_wrong(c, v, "'%.60s' is no whole number", v->text);
	}
	if (m->part && (number < m->part->least || number > m->part->most))
		return sigma_wrong(c, v, "no %s is %lld", m->part->name, (long long)number);
	if (p->n == 0)
		return SIGMA_NEVER;
	ref = p->ref[0];
	if (m->part)
		return part_at(c, v, m, &ref, number);
	if (ref.shown == RULE_AS_ADDRESS)
		return SIGMA_NEVER;
	ref.shown = ref.shown ? RULE_AS_IT_IS : RULE_AS_NUMBER;
	ref.kind = REEL_S64;
	ref.is_signed = true;
	value.number = (uint64_t)number;
	return leaf_of(c, v, &ref, m->op, 0, &value, 1);
}

static int64_t exists_at(struct sigma_compile *c, const struct yaml_value *v,
			 const struct sigma_place *p)
{
	struct yaml_value plain = *v;
	bool wanted;

	plain.is_string = false;
	if (!yaml_is_bool(&plain, &wanted))
		return sigma_wrong(c, v, "exists is true or false");
	return wanted ? exists(c, v, p) : sigma_not(c, exists(c, v, p));
}

/* The bytes between stars. */
static bool add_piece(struct sigma_compile *c, struct sigma_texts *to, const char *bytes, size_t n,
		      const struct sigma_modifiers *stars)
{
	struct sigma_text *t = &to->v[to->n++];

	*t = (struct sigma_text){ .at = sigma_alloc(c, (n + 2) * sizeof(*t->at)) };
	if (!t->at)
		return false;
	if (stars && (stars->contains || stars->ends))
		t->at[t->n++] = SIGMA_STAR;
	for (size_t i = 0; i < n; i++)
		t->at[t->n++] = (unsigned char)bytes[i];
	if (stars && (stars->contains || stars->starts))
		t->at[t->n++] = SIGMA_STAR;
	return true;
}

/* What may stand in the field if the text has it, begins or ends with it: pieces of the text. */
static bool add_pieces(struct sigma_compile *c, struct sigma_texts *to, const char *text,
		       const struct sigma_modifiers *m)
{
	size_t n = strlen(text);

	for (size_t from = 0; from <= n; from++)
		for (size_t end = from; end <= n; end++)
			if (m->contains || (m->starts && from == 0) || (m->ends && end == n))
				if (!add_piece(c, to, text + from, end - from, NULL))
					return false;
	return true;
}

/* One of the two is the same on all such records. */
static int64_t constant_at(struct sigma_compile *c, const struct yaml_value *v,
			   const struct sigma_modifiers *m, const struct sigma_place *left,
			   const struct sigma_place *right)
{
	const char *text = right->constant ? right->constant : left->constant;
	size_t n = strlen(text);
	bool is_plain = !m->contains && !m->starts && !m->ends;
	struct sigma_modifiers same = { .cased = m->cased };

	same.texts.v = sigma_alloc(c, (n + 1) * (n + 2) / 2 * sizeof(*same.texts.v));
	if (!same.texts.v)
		return SIGMA_FAILED;
	if (right->constant || is_plain ? !add_piece(c, &same.texts, text, n, m) :
					  !add_pieces(c, &same.texts, text, m))
		return SIGMA_FAILED;
	return texts_at(c, v, &same, right->constant ? left : right, 0, same.texts.n, false);
}

static int64_t field_at(struct sigma_compile *c, const struct yaml_value *v,
			const struct sigma_modifiers *m, const struct sigma_place *p)
{
	struct rule_leaf leaf = { .has_right = true, .match_flags = m->cased ? 0 : MATCH_NOCASE };
	struct sigma_place right;

	if (v->kind != YAML_SCALAR || strpbrk(v->text, "*?"))
		return sigma_wrong(c, v, "fieldref names a field");
	sigma_place(c, v->text, v->length, &right);
	if ((!p->n && !p->constant) || (!right.n && !right.constant))
		return SIGMA_NEVER;
	if (p->constant || right.constant)
		return constant_at(c, v, m, p, &right);
	leaf.left = p->ref[0];
	leaf.right = right.ref[0];
	leaf.role = (uint8_t)rule_ref_role(&leaf.left);
	leaf.op = m->contains ? RULE_CONTAINS :
		  m->starts   ? RULE_STARTS :
		  m->ends     ? RULE_ENDS :
				RULE_EQ;
	return sigma_leaf(c, v, &leaf);
}

static int64_t value_at(struct sigma_compile *c, const struct yaml_value *v,
			const struct sigma_modifiers *m, const struct sigma_place *p)
{
	if (yaml_is_null(v))
		return sigma_wrong(c, v, "null has no such modifier");
	switch (m->compare) {
	case SIGMA_REGEX:
		return regex_at(c, v, m, p);
	case SIGMA_CIDR:
		return net_at(c, v, p);
	case SIGMA_NUMBER:
		return number_at(c, v, m, p);
	case SIGMA_EXISTS:
		return exists_at(c, v, p);
	default:
		return field_at(c, v, m, p);
	}
}

/* Items ---------------------------------------------------------------------------------------- */

/* All or any of the values. */
static int64_t together(struct sigma_compile *c, const struct yaml_value *at,
			const struct sigma_modifiers *m, const struct sigma_place *p,
			bool is_keyword)
{
	bool is_list = m->list->kind == YAML_SEQUENCE;
	uint32_t n = m->compare != SIGMA_TEXTS ? (is_list ? m->list->n : 1) : m->texts.n;
	uint32_t n_each = 0;
	int64_t *each;

	if (m->has_null) {
		if (m->compare != SIGMA_TEXTS)
			return sigma_wrong(c, at, "null has no such modifier");
		return sigma_not(c, exists(c, at, p));
	}
	if (m->compare == SIGMA_TEXTS && !m->all)
		return texts_at(c, at, m, p, 0, n, is_keyword);
	each = sigma_alloc(c, n * sizeof(*each));
	if (!each)
		return SIGMA_FAILED;
	for (uint32_t i = 0, end; i < n; i = end) {
		end = i + 1;
		/* What a modifier has made of one value are ways to write it. */
		while (m->compare == SIGMA_TEXTS && end < n &&
		       m->texts.v[end].of == m->texts.v[i].of)
			end++;
		if (m->compare == SIGMA_TEXTS)
			each[n_each] = texts_at(c, at, m, p, i, end - i, is_keyword);
		else
			each[n_each] = value_at(c, is_list ? m->list->items[i] : m->list, m, p);
		if (each[n_each++] == SIGMA_FAILED)
			return SIGMA_FAILED;
	}
	return m->all ? sigma_all(c, each, n_each) : sigma_any(c, each, n_each);
}

/* KEY is NULL, or begins with |, for keywords. */
int64_t sigma_item(struct sigma_compile *c, const struct yaml_value *key,
		   const struct yaml_value *v)
{
	struct sigma_modifiers m;
	struct sigma_place place;
	uint32_t length;
	int64_t expr;

	if (!sigma_read_modifiers(c, key, v, &m, &length))
		return SIGMA_FAILED;
	if (length)
		sigma_place(c, key->text, length, &place);
	else
		place_keywords(c, &place);
	if (!length && (m.has_null || (m.compare != SIGMA_TEXTS && m.compare != SIGMA_REGEX)))
		return sigma_wrong(c, v, "a keyword is a text");
	expr = together(c, key ? key : v, &m, &place, !length);
	return m.negated ? sigma_not(c, expr) : expr;
}

static int64_t fields(struct sigma_compile *c, const struct yaml_value *map)
{
	int64_t *each = sigma_alloc(c, (map->n + 1u) * sizeof(*each));

	if (!each)
		return SIGMA_FAILED;
	if (map->n == 0)
		return sigma_wrong(c, map, "nothing is looked for here");
	for (uint32_t i = 0; i < map->n; i++) {
		each[i] = sigma_item(c, yaml_key(map, i), yaml_at(map, i));
		if (each[i] == SIGMA_FAILED)
			return SIGMA_FAILED;
	}
	return sigma_all(c, each, map->n);
}

int64_t sigma_detection(struct sigma_compile *c, const struct yaml_value *v)
{
	bool has_maps = false;
	int64_t *each;

	if (v->kind == YAML_MAPPING)
		return fields(c, v);
	for (uint32_t i = 0; v->kind == YAML_SEQUENCE && i < v->n; i++)
		has_maps |= v->items[i]->kind != YAML_SCALAR;
	if (!has_maps)
		return sigma_item(c, NULL, v);
	each = sigma_alloc(c, v->n * sizeof(*each));
	if (!each)
		return SIGMA_FAILED;
	if (++c->depth > RULES_NESTING_MAX)
		return sigma_wrong(c, v, "nested too deeply");
	for (uint32_t i = 0; i < v->n; i++) {
		each[i] = sigma_detection(c, v->items[i]);
		if (each[i] == SIGMA_FAILED)
			return SIGMA_FAILED;
	}
	c->depth--;
	return sigma_any(c, each, v->n);
}
