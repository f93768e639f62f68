/* SPDX-License-Identifier: BSD-2-Clause */
/* Which records of a logsource matter to a rule, and what of it no record has. */
#include <stdio.h>
#include <string.h>

#include "replay/sigma_impl.h"

static bool has_word(const char *list, const char *word)
{
	size_t length = strlen(word);

	while (*list) {
		size_t n = strcspn(list, " ");

		if (n == length && memcmp(list, word, n) == 0)
			return true;
		list += n + (list[n] == ' ');
	}
	return false;
}

/* Things that happen and have some text, for keywords. */
static bool has_texts(const struct reel_type *t)
{
	if (t->class_id == EV_CLASS_state || t->class_id == EV_CLASS_tape)
		return false;
	for (unsigned i = 0; i < t->n_fields; i++)
		if ((t->fields[i].kind & REEL_KIND_MASK) >= REEL_PATH)
			return true;
	return false;
}

bool sigma_view_matters(const struct sigma_view *view, const struct reel_type *t, unsigned uses)
{
	if (view->use == SIGMA_USE_NO_NAMETYPE ? uses >> SIGMA_USE_NAMETYPE & 1 :
						 !(uses >> view->use & 1))
		return false;
	return view->types ? has_word(view->types, t->name) : has_texts(t);
}

/* What is asked for anywhere ------------------------------------------------------------------- */

static bool is_field(const struct yaml_value *key, const char *name)
{
	size_t n = strlen(name);

	return key->length >= n && memcmp(key->text, name, n) == 0 &&
	       (key->length == n || key->text[n] == '|');
}

static unsigned uses_of(const struct yaml_value *v, unsigned depth)
{
	unsigned uses = 0;

	if (v->kind == YAML_SCALAR || depth > YAML_TREE_DEPTH_MAX)
		return 0;
	for (uint32_t i = 0; i < v->n; i++) {
		if (v->kind == YAML_SEQUENCE) {
			uses |= uses_of(v->items[i], depth + 1);
			continue;
		}
		if (is_field(yaml_key(v, i), "nametype"))
			uses |= 1u << SIGMA_USE_NAMETYPE;
		if (is_field(yaml_key(v, i), "SYSCALL") || is_field(yaml_key(v, i), "syscall"))
			uses |= 1u << SIGMA_USE_CALL;
		if (is_field(yaml_key(v, i), "key"))
			uses |= 1u << SIGMA_USE_KEY;
		uses |= uses_of(yaml_at(v, i), depth + 1);
	}
	return uses;
}

unsigned sigma_uses(const struct yaml_value *detection)
{
	return 1u << SIGMA_USE_ALWAYS | uses_of(detection, 0);
}

/* What makes an event such a record ------------------------------------------------------------ */

static int64_t test_number(struct sigma_compile *c, const char *field, enum rule_op op,
			   uint64_t number)
{
	struct rule_value value = { .number = number };
	struct rule_leaf leaf = { .op = (uint8_t)op, .values = &value, .n_values = 1 };

	for (unsigned i = 0; i < c->type->n_fields; i++) {
		const struct reel_field *f = &c->type->fields[i];

		if (strcmp(f->name, field) != 0)
			continue;
		leaf.left = (struct rule_ref){ .scope = RULE_OF_EVENT,
					       .context = RULE_OWN_FIELD,
					       .kind = f->kind & REEL_KIND_MASK,
					       .index = RULES_NONE,
					       .slot = RULES_NONE,
					       .own = f->name,
					       .hint = f->hint };
		return sigma_leaf(c, NULL, &leaf);
	}
	return SIGMA_NEVER;
}

/* An open says whether it has made the file, or, if that is not known, that it may. */
static int64_t creates(struct sigma_compile *c)
{
	enum { CREATED_UNKNOWN, CREATED_NO, CREATED_YES, FLAG_CREATE = 0100 };
	int64_t maybe = test_number(c, "created", RULE_EQ, CREATED_UNKNOWN);

	/* creat() makes it, or empties it. */
	if (c->type->id == EV_open)
		maybe = sigma_and(c, maybe, test_number(c, "flags", RULE_BITS, FLAG_CREATE));
	return sigma_or(c, test_number(c, "created", RULE_EQ, CREATED_YES), maybe);
}

int64_t sigma_base(struct sigma_compile *c)
{
	enum { FAMILY_INET = 2, FAMILY_INET6 = 10 };
	int64_t ipv4;

	switch (c->view->base) {
	case SIGMA_CREATES:
		return creates(c);
	case SIGMA_NO_CREATION:
		return sigma_not(c, creates(c));
	case SIGMA_INET:
	case SIGMA_IPV4:
		ipv4 = test_number(c, "family", RULE_EQ, FAMILY_INET);
		return c->view->base == SIGMA_IPV4 ?
			       ipv4 :
			       sigma_or(c, ipv4, test_number(c, "family", RULE_EQ, FAMILY_INET6));
	default:
		return SIGMA_ALWAYS;
	}
}

/* What no record has --------------------------------------------------------------------------- */

struct lack {
	struct sigma_compile *c;
	char text[256];
};

/* Whether some record has the field, with any value, or with one of several. */
static bool has_field(const struct lack *l, const struct yaml_value *key, size_t length,
		      const struct yaml_value *v, bool *ret_is_other)
{
	const struct sigma_source *s = l->c->doc->source;
	bool found = false;

	for (size_t i = 0; i < s->n_views; i++) {
		for (const struct sigma_field *f = s->views[i].fields; f->name; f++) {
			size_t n = strlen(f->name);

			if (f->way == SIGMA_ARGUMENT ?
				    length <= n || key->text[n] < '0' || key->text[n] > '9' :
				    length != n)
				continue;
			if (memcmp(key->text, f->name, n) != 0)
				continue;
			if (f->way != SIGMA_CONSTANT)
				return true;
			found = true;
			if (key->length != length || v->kind != YAML_SCALAR ||
			    strcasecmp(v->text, f->text) == 0)
				return true;
		}
	}
	*ret_is_other = found;
	return false;
}

static void look_value(struct lack *l, const struct yaml_value *key, size_t length,
		       const struct yaml_value *v)
{
	bool is_other = false;
	char name[64];

	if (l->text[0] || has_field(l, key, length, v, &is_other))
		return;
	(void)snprintf(name, sizeof(name), "%.*s", length < 60 ? (int)length : 60, key->text);
	if (is_other)
		(void)snprintf(l->text, sizeof(l->text), "no event is a record with %s '%.60s'",
			       name, v->text);
	else if (sigma_source_lacks(name))
		(void)snprintf(l->text, sizeof(l->text), "%s: %s", name, sigma_source_lacks(name));
	else
		(void)snprintf(l->text, sizeof(l->text), "no event tells %s", name);
}

static void look(struct lack *l, const struct yaml_value *v, unsigned depth)
{
	if (v->kind == YAML_SCALAR || depth > YAML_TREE_DEPTH_MAX)
		return;
	for (uint32_t i = 0; i < v->n; i++) {
		const struct yaml_value *key, *value;
		const char *bar;
		size_t length;

		if (v->kind == YAML_SEQUENCE) {
			look(l, v->items[i], depth + 1);
			continue;
		}
		key = yaml_key(v, i);
		value = yaml_at(v, i);
		bar = memchr(key->text, '|', key->length);
		length = bar ? (size_t)(bar - key->text) : key->length;
		if (!length)
			continue;
		look_value(l, key, length,
			   value->kind == YAML_SEQUENCE && value->n ? value->items[0] : value);
		for (uint32_t k = 1; value->kind == YAML_SEQUENCE && k < value->n; k++)
			look_value(l, key, length, value->items[k]);
	}
}

const char *sigma_lacking(struct sigma_compile *c)
{
	struct lack l = { .c = c };

	for (uint32_t i = 0; i < c->detection->n; i++) {
		const struct yaml_value *key = yaml_key(c->detection, i);

		if (!yaml_is(key, "condition") && !yaml_is(key, "timeframe"))
			look(&l, yaml_at(c->detection, i), 0);
	}
	if (!l.text[0])
		return NULL;
	return arena_text(&c->rules->maker->scratch, l.text, strlen(l.text));
}

/* A rule whose records nobody makes must be right all the same. */
void sigma_check_only(struct sigma_compile *c)
{
	static const struct sigma_field none[] = { { 0 } };
	static const struct sigma_view view = { .types = "exec", .fields = none };

	c->view = &view;
	c->type = reel_type_by_id(EV_exec);
	(void)sigma_condition(c, yaml_get(c->detection, "condition"));
}
