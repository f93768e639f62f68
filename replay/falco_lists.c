/* SPDX-License-Identifier: BSD-2-Clause */
/* Lists: put into conditions as text, where a word is the name of one. Exceptions, as text, too. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "replay/falco_impl.h"
#include "replay/policy.h"
#include "replay/policy_ast.h"

enum { LIST_ITEMS_MAX = 100000 };

void falco_put(struct falco_buffer *b, const char *text, size_t length)
{
	if (b->is_out_of_memory || b->is_too_long)
		return;
	if (b->length + length + 1 > FALCO_CONDITION_MAX) {
		b->is_too_long = true;
		return;
	}
	if (b->length + length + 1 > b->room) {
		size_t room = b->room ? b->room : 512;
		char *larger;

		while (room < b->length + length + 1)
			room *= 2;
		larger = arena_alloc(b->memory, room);
		if (!larger) {
			b->is_out_of_memory = true;
			return;
		}
		if (b->length)
			memcpy(larger, b->bytes, b->length);
		b->bytes = larger;
		b->room = room;
	}
	if (length)
		memcpy(b->bytes + b->length, text, length);
	b->length += length;
	b->bytes[b->length] = '\0';
}

static void put_text(struct falco_buffer *b, const char *text)
{
	falco_put(b, text, strlen(text));
}

const char *falco_quote(struct arena *memory, const char *item)
{
	struct falco_buffer b = { .memory = memory };

	if (!strchr(item, ' ') || *item == '"' || *item == '\'')
		return item;
	put_text(&b, "\"");
	put_text(&b, item);
	put_text(&b, "\"");
	return b.is_out_of_memory || b.is_too_long ? NULL : b.bytes;
}

/* Lists within lists --------------------------------------------------------------------------- */

static bool add_item(struct rules *r, const char ***items, uint32_t *n, uint32_t *room,
		     const char *item)
{
	if (*n == *room) {
		uint32_t more = *room ? 2 * *room : 16;
		const char **larger = arena_alloc(&r->maker->scratch, more * sizeof(*larger));

		if (!larger)
			return false;
		if (*n)
			memcpy(larger, *items, *n * sizeof(*larger));
		*items = larger;
		*room = more;
	}
	(*items)[(*n)++] = item;
	return true;
}

int falco_expand_list(struct rules *r, struct falco_item *list)
{
	const char **items = NULL;
	uint32_t n = 0, room = 0;

	list->is_expanded = true;
	for (uint32_t i = 0; i < list->n_items; i++) {
		const char *item = list->items[i];
		const struct falco_item *other =
			falco_item_find(r->maker->falco, FALCO_LIST_ITEM, item, strlen(item));
		bool is_list = other && other->index < list->visibility && other->is_expanded &&
			       other != list;

		if (n + (is_list ? other->n_items : 1) > LIST_ITEMS_MAX)
			return -EINVAL;
		if (!is_list && !add_item(r, &items, &n, &room, item))
			return -ENOMEM;
		for (uint32_t k = 0; is_list && k < other->n_items; k++)
			if (!add_item(r, &items, &n, &room, other->items[k]))
				return -ENOMEM;
	}
	list->items = items;
	list->n_items = n;
	return 0;
}

/* In conditions -------------------------------------------------------------------------------- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_delimiter(char c)
{
	return is_blank(c) || c == '(' || c == ')' || c == ',' || c == '=' || c == '\0';
}

static void put_expanded(struct rules *r, struct falco_buffer *b, const char *text, size_t length,
			 int64_t above, unsigned depth);

/* An empty list takes the comma before it with it, or else the one behind it. */
static const char *put_nothing(struct falco_buffer *b, const char *behind)
{
	size_t n = b->length;

	while (n && is_blank(b->bytes[n - 1]))
		n--;
	if (n && b->bytes[n - 1] == ',') {
		b->length = n - 1;
		return behind;
	}
	while (is_blank(*behind))
		behind++;
	return *behind == ',' ? behind + 1 : behind;
}

static const char *put_list(struct rules *r, struct falco_buffer *b, const struct falco_item *list,
			    const char *behind, unsigned depth)
{
	for (uint32_t i = 0; i < list->n_items; i++) {
		const char *item = falco_quote(b->memory, list->items[i]);

		if (!item) {
			b->is_out_of_memory = true;
			return behind;
		}
		if (i)
			put_text(b, ", ");
		put_expanded(r, b, item, strlen(item), list->index, depth + 1);
	}
	return list->n_items ? behind : put_nothing(b, behind);
}

/* Where a word stands among values, and no list of Falco's has that name, it may be a policy's.
 * NULL: it is a word like others. */
static const struct policy_values *find_policy_list(struct rules *r, struct falco_buffer *b,
						    const char *name, size_t length)
{
	const struct policy_values *values = NULL;
	const char *behind = name + length, *wrong;
	size_t n = b->length;
	char text[64];

	while (n && is_blank(b->bytes[n - 1]))
		n--;
	while (is_blank(*behind))
		behind++;
	if (!n || !strchr("(,", b->bytes[n - 1]) || (*behind != ')' && *behind != ',') ||
	    length >= sizeof(text))
		return NULL;
	memcpy(text, name, length);
	text[length] = '\0';
	wrong = policy_find_list(r, text, &values);
	if (wrong)
		b->wrong = wrong;
	return values;
}

static const char *put_policy_list(struct falco_buffer *b, const struct policy_values *values,
				   const char *behind)
{
	for (const struct policy_value *v = values->first; v; v = v->next) {
		put_text(b, v == values->first ? "\"" : ", \"");
		for (uint32_t i = 0; i < v->length; i++) {
			if (v->bytes[i] == '"' || v->bytes[i] == '\\')
				put_text(b, "\\");
			falco_put(b, &v->bytes[i], 1);
		}
		put_text(b, "\"");
	}
	return values->n ? behind : put_nothing(b, behind);
}

/* Lists that come behind another one in the files are put into what that one gave, too. */
static void put_expanded(struct rules *r, struct falco_buffer *b, const char *text, size_t length,
			 int64_t above, unsigned depth)
{
	const char *end = text + length;

	for (const char *at = text; at < end;) {
		const struct policy_values *values;
		const struct falco_item *list;
		size_t n = 0;

		while (at + n < end && !is_delimiter(at[n]))
			n++;
		if (!n) {
			falco_put(b, at, 1);
			at++;
			continue;
		}
		list = depth < 64 ? falco_item_find(r->maker->falco, FALCO_LIST_ITEM, at, n) : NULL;
		values = list ? NULL : find_policy_list(r, b, at, n);
		if (values) {
			at = put_policy_list(b, values, at + n);
			continue;
		}
		if (!list || list->is_wrong || (int64_t)list->index <= above) {
			falco_put(b, at, n);
			at += n;
			continue;
		}
		at = put_list(r, b, list, at + n, depth);
	}
}

const char *falco_expand(struct rules *r, struct arena *memory, const char *condition,
			 const char **ret_why)
{
	struct falco_buffer b = { .memory = memory };

	falco_put(&b, "", 0);
	put_expanded(r, &b, condition, strlen(condition), -1, 0);
	*ret_why = b.is_too_long ? "with its lists it is too long" : b.wrong;
	return b.is_out_of_memory || *ret_why ? NULL : b.bytes;
}

/* Exceptions ----------------------------------------------------------------------------------- */

static bool takes_list(const char *op)
{
	return strcmp(op, "in") == 0 || strcmp(op, "pmatch") == 0 ||
	       strcmp(op, "intersects") == 0 || strchr(op, ' '); /* startswith anyof */
}

static bool is_text(const struct yaml_value *v)
{
	return v && v->kind == YAML_SCALAR && strlen(v->text) == v->length;
}

/* A value, or a list of them in brackets. False: it is neither. */
static bool put_value(struct falco_buffer *b, const struct yaml_value *v, bool brackets)
{
	const char *text;

	if (v->kind == YAML_MAPPING)
		return false;
	if (v->kind == YAML_SEQUENCE) {
		put_text(b, "(");
		for (uint32_t i = 0; i < v->n; i++) {
			if (i)
				put_text(b, ", ");
			if (!is_text(v->items[i]) || !put_value(b, v->items[i], false))
				return false;
		}
		put_text(b, ")");
		return true;
	}
	if (!is_text(v))
		return false;
	text = falco_quote(b->memory, v->text);
	if (!text) {
		b->is_out_of_memory = true;
		return true;
	}
	brackets &= *text != '(';
	put_text(b, brackets ? "(" : "");
	put_text(b, *text ? text : "\"\"");
	put_text(b, brackets ? ")" : "");
	return true;
}

static const char *put_row(struct falco_buffer *b, const struct falco_exception *x,
			   const struct yaml_value *row)
{
	if (row->kind != YAML_SEQUENCE || row->n != x->fields->n)
		return "as many values as fields are expected in each row";
	put_text(b, "(");
	for (uint32_t i = 0; i < row->n; i++) {
		const char *op = x->comps ? x->comps->items[i]->text : "=";

		put_text(b, i ? " and " : "");
		put_text(b, x->fields->items[i]->text);
		put_text(b, " ");
		put_text(b, op);
		put_text(b, " ");
		if (!put_value(b, row->items[i], takes_list(op)))
			return "a value must be a text or a list of texts";
	}
	put_text(b, ")");
	return NULL;
}

static const char *check_exception(const struct falco_exception *x)
{
	const struct yaml_value *f = x->fields, *c = x->comps;

	if (!f || f->kind == YAML_MAPPING || (f->kind == YAML_SEQUENCE && !f->n))
		return "no fields";
	if (f->kind == YAML_SCALAR)
		return c && (!is_text(c) || !takes_list(c->text)) ?
			       "of one field comps has to be in, pmatch or intersects" :
			       NULL;
	if (c && (c->kind != YAML_SEQUENCE || c->n != f->n))
		return "fields and comps differ in number";
	for (uint32_t i = 0; i < f->n; i++)
		if (!is_text(f->items[i]) || (c && !is_text(c->items[i])))
			return "fields and comps must be texts";
	return NULL;
}

static const char *put_exception(struct falco_buffer *b, const struct falco_exception *x)
{
	const char *wrong = check_exception(x);
	bool is_first = true;

	for (uint32_t i = 0; i < x->n_values && !wrong; i++) {
		const struct yaml_value *values = x->values[i];

		if (values->kind != YAML_SEQUENCE)
			return "values must be a list";
		for (uint32_t k = 0; k < values->n && !wrong; k++) {
			put_text(b, is_first			   ? " and not (" :
				    x->fields->kind == YAML_SCALAR ? ", " :
								     " or ");
			if (is_first && x->fields->kind == YAML_SCALAR) {
				put_text(b, x->fields->text);
				put_text(b, " ");
				put_text(b, x->comps ? x->comps->text : "in");
				put_text(b, " (");
			}
			is_first = false;
			if (x->fields->kind == YAML_SEQUENCE)
				wrong = put_row(b, x, values->items[k]);
			else if (values->items[k]->kind != YAML_SCALAR ||
				 !put_value(b, values->items[k], false))
				wrong = "a value must be a text";
		}
	}
	if (!is_first)
		put_text(b, x->fields->kind == YAML_SCALAR ? "))" : ")");
	return wrong;
}

const char *falco_with_exceptions(const struct falco_item *rule, struct arena *memory,
				  char reason[FALCO_REASON_BYTES])
{
	struct falco_buffer b = { .memory = memory };

	put_text(&b, rule->exceptions ? "(" : "");
	put_text(&b, rule->condition);
	put_text(&b, rule->exceptions ? ")" : "");
	for (const struct falco_exception *x = rule->exceptions; x; x = x->next) {
		const char *wrong = put_exception(&b, x);

		if (!wrong)
			continue;
		snprintf(reason, FALCO_REASON_BYTES, "exception '%.80s': %s", x->name, wrong);
		return NULL;
	}
	if (b.is_out_of_memory || b.is_too_long)
		snprintf(reason, FALCO_REASON_BYTES, "its condition is longer than %d bytes",
			 FALCO_CONDITION_MAX);
	return b.is_out_of_memory || b.is_too_long ? NULL : b.bytes;
}
