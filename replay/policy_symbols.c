/* SPDX-License-Identifier: BSD-2-Clause */
/* Lists and macros: what a file knows by a name of its own. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "replay/policy.h"
#include "replay/policy_check.h"
#include "replay/policy_files.h"

const struct policy_symbol *policy_symbol(const struct policy_file *f, const char *name)
{
	for (const struct policy_symbol *s = f->symbols; s; s = s->before)
		if (strcmp(s->name, name) == 0)
			return s;
	return NULL;
}

bool policy_add_symbol(struct policy_file *f, const struct policy_item *item, const char *file)
{
	struct policy_symbol *s = policy_alloc(f, sizeof(*s));

	if (!s)
		return false;
	*s = (struct policy_symbol){ f->symbols, item->name, item, file };
	f->symbols = s;
	return true;
}

const char *policy_find_list(const struct rules *r, const char *name,
			     const struct policy_values **ret)
{
	const struct policy_item *list = NULL;

	*ret = NULL;
	for (const struct policy_file *f = r->maker->files; f; f = f->older) {
		const struct policy_symbol *s = policy_symbol(f, name);

		if (!s || s->item->kind != POLICY_LIST)
			continue;
		/* Who includes a file has its lists too. */
		if (list && list != s->item)
			return "several policies have a list of that name";
		list = s->item;
	}
	if (!list)
		return NULL;
	for (const struct policy_value *v = list->values.first; v; v = v->next)
		if (v->joined || v->is_negative || v->index != RULES_NONE)
			return "a value of that list is no text";
	*ret = &list->values;
	return NULL;
}

static bool declare(struct policy_file *f, const struct policy_item *item)
{
	const struct policy_symbol *other = policy_symbol(f, item->name);
	struct rule_ref ref;
	bool mixed;

	if (other) {
		policy_error(f, item->at, "'%.60s' is in %s:%u already", item->name, other->file,
			     other->item->at.line);
		return true;
	}
	if (policy_find_field(NULL, 0, item->name, &ref, &mixed))
		policy_error(f, item->at, "'%.60s' is the name of a field", item->name);
	return policy_add_symbol(f, item, f->name);
}

/* Lists that a list names are part of it, as they are by then. */
static bool flatten_list(struct policy_file *f, struct policy_item *item)
{
	struct policy_values flat = { 0 };

	for (struct policy_value *v = item->values.first, *next; v; v = next) {
		const struct policy_symbol *s = NULL;

		next = v->next;
		if (v->kind == POLICY_NAME && !v->joined && !v->is_negative)
			s = policy_symbol(f, v->bytes);
		if (!s || s->item->kind != POLICY_LIST) {
			v->next = NULL;
			policy_values_add(&flat, v);
			continue;
		}
		if (flat.n + s->item->values.n > POLICY_LIST_MAX) {
			policy_error(f, v->at, "more than %d values", POLICY_LIST_MAX);
			return true;
		}
		for (const struct policy_value *from = s->item->values.first; from;
		     from = from->next) {
			struct policy_value *copy = policy_alloc(f, sizeof(*copy));

			if (!copy)
				return false;
			*copy = *from;
			copy->next = NULL;
			policy_values_add(&flat, copy);
		}
	}
	item->values = flat;
	return true;
}

/* A value a line, without the blanks around it. */
static bool split_lines(struct policy_file *f, struct policy_item *item,
			const struct policy_contents *c)
{
	const char *at = c->bytes, *end = c->bytes + c->length;

	while (at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		const char *from = at, *to = newline ? newline : end;
		struct policy_value *v;

		at = newline ? newline + 1 : end;
		while (from < to && strchr(" \t\r", *from) && *from)
			from++;
		while (to > from && strchr(" \t\r", to[-1]) && to[-1])
			to--;
		if (from == to || *from == '#')
			continue;
		if (item->values.n >= POLICY_LIST_MAX) {
			policy_error(f, item->at, "more than %d values", POLICY_LIST_MAX);
			return true;
		}
		v = policy_alloc(f, sizeof(*v));
		if (!v)
			return false;
		v->kind = POLICY_LINE;
		v->index = RULES_NONE;
		v->at = item->at;
		v->length = (uint32_t)(to - from);
		v->bytes = policy_text(f, from, v->length);
		if (!v->bytes)
			return false;
		policy_values_add(&item->values, v);
	}
	return true;
}

static bool read_list(struct policy_file *f, struct policy_item *item)
{
	char *path = policy_resolve(f, item->from);
	struct policy_contents c;
	bool ok;
	int r;

	if (!path)
		return false;
	if (!f->directory) {
		policy_error(f, item->at, "a list's file can be named in a file only");
		return true;
	}
	if (rules_note_source(f->rules, path) < 0)
		return false;
	r = policy_read_file(path, &c);
	if (r < 0) {
		policy_error(f, item->at, "cannot read '%.100s': %s", path, policy_why(r));
		return r != -ENOMEM;
	}
	ok = rules_hash_contents(f->rules, path, c.bytes, c.length) == 0 &&
	     split_lines(f, item, &c);
	free(c.bytes);
	if (ok && !item->values.n)
		policy_warn(f, item->at, "the list is empty: '%.100s' has no values", path);
	return ok;
}

bool policy_declare(struct policy_file *f, struct policy_item *item)
{
	if (item->kind == POLICY_LIST && !(item->from ? read_list(f, item) : flatten_list(f, item)))
		return false;
	return declare(f, item);
}
