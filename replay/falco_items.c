/* SPDX-License-Identifier: BSD-2-Clause */
/* Items of Falco's files: defined, defined anew, added to, overridden. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <xxhash.h>

#include "replay/falco_impl.h"

/* The newest engine whose rules are understood. */
enum { ENGINE_MINOR = 63 };

struct reading {
	struct rules *rules;
	struct falco *falco;
	const char *file;
	const struct yaml_value *at;
	const char *name;
	bool is_out_of_memory;
};

static bool is_text(const struct yaml_value *v)
{
	return v && v->kind == YAML_SCALAR && strlen(v->text) == v->length;
}

static int no_memory(struct reading *p)
{
	p->is_out_of_memory = true;
	return -ENOMEM;
}

/* What is wrong with the item that is read; the others are read on. */
__attribute__((format(printf, 2, 3))) static int wrong(struct reading *p, const char *fmt, ...)
{
	char reason[FALCO_REASON_BYTES];
	struct rule_rejected one = { .file = p->file,
				     .id = p->name,
				     .title = p->name,
				     .line = p->at->line,
				     .language = RULE_FALCO,
				     .reason = reason };
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(reason, sizeof(reason), fmt, args);
	va_end(args);
	return rules_reject(p->rules, &one) < 0 ? no_memory(p) : -EINVAL;
}

static void warn(struct reading *p, const struct yaml_value *at, const char *text)
{
	(void)rules_note(p->rules, false, p->file, at->line, at->column, "%s", text);
}

int falco_item_reject(struct rules *r, struct falco_item *i, const char *reason)
{
	const struct rule_rejected one = { .file = i->file,
					   .id = i->name,
					   .title = i->name,
					   .line = i->line,
					   .language = RULE_FALCO,
					   .reason = reason };

	i->is_wrong = true;
	return rules_reject(r, &one);
}

/* Names ---------------------------------------------------------------------------------------- */

static struct falco_item **bucket(struct falco *f, enum falco_item_kind kind, const char *name,
				  size_t length)
{
	return &f->buckets[(XXH3_64bits(name, length) + kind) % FALCO_BUCKETS];
}

struct falco_item *falco_item_find(const struct falco *f, enum falco_item_kind kind,
				   const char *name, size_t length)
{
	struct falco_item *i = f->buckets[(XXH3_64bits(name, length) + kind) % FALCO_BUCKETS];

	while (i && (i->kind != kind || strncmp(i->name, name, length) != 0 || i->name[length]))
		i = i->in_bucket;
	return i;
}

/* The item of that name, new or old: it is defined at this place from now on. */
static struct falco_item *define(struct reading *p, enum falco_item_kind kind)
{
	struct falco_item *i = falco_item_find(p->falco, kind, p->name, strlen(p->name));
	struct falco_item **at;

	if (i) {
		struct falco_item old = *i;

		*i = (struct falco_item){ .kind = old.kind,
					  .name = old.name,
					  .index = old.index,
					  .next = old.next,
					  .in_bucket = old.in_bucket };
	} else {
		i = arena_alloc(&p->rules->maker->scratch, sizeof(*i));
		if (!i)
			return NULL;
		i->kind = (uint8_t)kind;
		i->name = p->name;
		i->index = p->falco->n_items;
		at = bucket(p->falco, kind, p->name, strlen(p->name));
		i->in_bucket = *at;
		*at = i;
		*p->falco->end = i;
		p->falco->end = &i->next;
	}
	i->visibility = p->falco->n_items++;
	i->file = p->file;
	i->line = p->at->line;
	return i;
}

/* How a key is meant --------------------------------------------------------------------------- */

enum meaning { DEFINES, APPENDS, REPLACES, WRONG };

/* What `override` says of a key; IS_APPEND: the old way of saying so of all. */
static enum meaning meaning_of(const struct yaml_value *item, const char *key)
{
	const struct yaml_value *override = yaml_get(item, "override");
	const struct yaml_value *how = yaml_get(override, key);

	if (yaml_is(how, "append"))
		return APPENDS;
	return yaml_is(how, "replace") ? REPLACES : how ? WRONG : DEFINES;
}

static bool says_append(const struct yaml_value *item)
{
	const struct yaml_value *v = yaml_get(item, "append");
	bool is = false;

	return v && yaml_is_bool(v, &is) && is;
}

static bool is_among(const char *key, const char *const *keys)
{
	for (; *keys; keys++)
		if (strcmp(*keys, key) == 0)
			return true;
	return false;
}

/* Each key of `override` has to be one that can be, and to be there. */
static int check_override(struct reading *p, const char *const *appendable,
			  const char *const *replaceable)
{
	const struct yaml_value *override = yaml_get(p->at, "override");

	if (!override)
		return 0;
	if (override->kind != YAML_MAPPING)
		return wrong(p, "override must say append or replace of each key");
	if (says_append(p->at))
		return wrong(p, "append and override exclude each other");
	for (uint32_t i = 0; i < override->n; i++) {
		const struct yaml_value *key = yaml_key(override, i);
		enum meaning m = is_text(key) ? meaning_of(p->at, key->text) : WRONG;

		if (m == WRONG || !is_among(key->text, m == APPENDS ? appendable : replaceable))
			return wrong(p, "override: '%.60s' cannot be %s", key->text,
				     m == APPENDS  ? "appended to" :
				     m == REPLACES ? "replaced" :
						     "that");
		if (!yaml_get(p->at, key->text))
			return wrong(p, "override: there is no '%.60s'", key->text);
	}
	for (uint32_t i = 0; i < p->at->n; i++) {
		const struct yaml_value *key = yaml_key(p->at, i);

		if (!yaml_is(key, "rule") && !yaml_is(key, "macro") && !yaml_is(key, "list") &&
		    !yaml_is(key, "override") && meaning_of(p->at, key->text) == DEFINES)
			return wrong(p, "override does not say what becomes of '%.60s'", key->text);
	}
	return 0;
}

/* The item that is added to; NULL: it is said what is wrong. */
static struct falco_item *find_older(struct reading *p, enum falco_item_kind kind)
{
	struct falco_item *i = falco_item_find(p->falco, kind, p->name, strlen(p->name));

	if (!i)
		(void)wrong(p, "it is added to, and was not defined before");
	else
		i->visibility = p->falco->n_items++;
	return i;
}

/* Parts ---------------------------------------------------------------------------------------- */

static bool add_text(struct reading *p, const char ***list, uint32_t *n, uint32_t *room,
		     const char *text)
{
	if (*n == *room) {
		uint32_t more = *room ? 2 * *room : 8;
		const char **larger =
			arena_alloc(&p->rules->maker->scratch, more * sizeof(*larger));

		if (!larger)
			return false;
		if (*n)
			memcpy(larger, *list, *n * sizeof(*larger));
		*list = larger;
		*room = more;
	}
	(*list)[(*n)++] = text;
	return true;
}

static int add_texts(struct reading *p, const char *key, const char ***list, uint32_t *n,
		     uint32_t *room)
{
	const struct yaml_value *v = yaml_get(p->at, key);

	if (!v || (yaml_is_null(v) && strcmp(key, "tags") == 0))
		return 0;
	if (v->kind != YAML_SEQUENCE)
		return wrong(p, "%s must be a list", key);
	for (uint32_t i = 0; i < v->n; i++) {
		if (!is_text(v->items[i]))
			return wrong(p, "%s must be texts", key);
		if (!add_text(p, list, n, room, v->items[i]->text))
			return no_memory(p);
	}
	return 0;
}

/* With a blank between where it is added. */
static int put_text(struct reading *p, const char *key, enum meaning m, const char **to)
{
	const struct yaml_value *v = yaml_get(p->at, key);
	struct falco_buffer b = { .memory = &p->rules->maker->scratch };

	if (!v)
		return 0;
	if (!is_text(v))
		return wrong(p, "%s must be a text", key);
	if (m == APPENDS && *to) {
		falco_put(&b, *to, strlen(*to));
		falco_put(&b, " ", 1);
		falco_put(&b, v->text, v->length);
		if (b.is_too_long)
			return wrong(p, "%s is too long", key);
		if (b.is_out_of_memory)
			return no_memory(p);
		*to = b.bytes;
	} else {
		*to = v->text;
	}
	return 0;
}

static int put_bool(struct reading *p, const char *key, bool negated, bool *to)
{
	const struct yaml_value *v = yaml_get(p->at, key);
	bool is;

	if (!v)
		return 0;
	if (!yaml_is_bool(v, &is))
		return wrong(p, "%s must be true or false", key);
	*to = is != negated;
	return 0;
}

static struct falco_exception *find_exception(const struct falco_item *i, const char *name)
{
	struct falco_exception *x = i->exceptions;

	while (x && strcmp(x->name, name) != 0)
		x = x->next;
	return x;
}

static int add_values(struct reading *p, struct falco_exception *x, const struct yaml_value *v)
{
	const struct yaml_value **larger;

	if (!v || yaml_is_null(v))
		return 0;
	larger = arena_alloc(&p->rules->maker->scratch, (x->n_values + 1ul) * sizeof(*larger));
	if (!larger)
		return no_memory(p);
	if (x->n_values)
		memcpy(larger, x->values, x->n_values * sizeof(*larger));
	larger[x->n_values++] = v;
	x->values = larger;
	return 0;
}

static int add_exception(struct reading *p, struct falco_item *to, const struct yaml_value *v)
{
	const struct yaml_value *name = yaml_get(v, "name");
	struct falco_exception *x, **end = &to->exceptions;

	if (!is_text(name))
		return wrong(p, "an exception needs a name");
	x = find_exception(to, name->text);
	if (!x) {
		if (!yaml_get(v, "fields"))
			return wrong(p, "exception '%.80s' has no fields", name->text);
		x = arena_alloc(&p->rules->maker->scratch, sizeof(*x));
		if (!x)
			return no_memory(p);
		x->name = name->text;
		while (*end)
			end = &(*end)->next;
		*end = x;
	}
	if (yaml_get(v, "fields"))
		x->fields = yaml_get(v, "fields");
	if (yaml_get(v, "comps"))
		x->comps = yaml_get(v, "comps");
	return add_values(p, x, yaml_get(v, "values"));
}

static int add_exceptions(struct reading *p, struct falco_item *to)
{
	const struct yaml_value *v = yaml_get(p->at, "exceptions");
	int r = 0;

	if (!v || yaml_is_null(v))
		return 0;
	if (v->kind != YAML_SEQUENCE)
		return wrong(p, "exceptions must be a list");
	for (uint32_t i = 0; i < v->n && r == 0; i++)
		r = add_exception(p, to, v->items[i]);
	return r;
}

/* Items ---------------------------------------------------------------------------------------- */

static int read_list(struct reading *p)
{
	static const char *const keys[] = { "items", NULL };
	struct falco_item *i;
	enum meaning m;
	int r = check_override(p, keys, keys);

	if (r < 0)
		return r;
	if (!yaml_get(p->at, "items"))
		return wrong(p, "a list needs items");
	m = says_append(p->at) ? APPENDS : meaning_of(p->at, "items");
	i = m == DEFINES ? define(p, FALCO_LIST_ITEM) : find_older(p, FALCO_LIST_ITEM);
	if (!i)
		return m == DEFINES ? no_memory(p) : -EINVAL;
	if (m == REPLACES)
		i->n_items = 0;
	return add_texts(p, "items", &i->items, &i->n_items, &i->item_room);
}

static int read_macro(struct reading *p)
{
	static const char *const keys[] = { "condition", NULL };
	struct falco_item *i;
	enum meaning m;
	int r = check_override(p, keys, keys);

	if (r < 0)
		return r;
	if (!yaml_get(p->at, "condition"))
		return wrong(p, "a macro needs a condition");
	m = says_append(p->at) ? APPENDS : meaning_of(p->at, "condition");
	i = m == DEFINES ? define(p, FALCO_MACRO_ITEM) : find_older(p, FALCO_MACRO_ITEM);
	if (!i)
		return m == DEFINES ? no_memory(p) : -EINVAL;
	return put_text(p, "condition", m, &i->condition);
}

static const char *const priorities[] = { "emergency", "alert",	 "critical",	  "error",
					  "warning",   "notice", "informational", "debug" };

static int put_priority(struct reading *p, struct falco_item *i)
{
	const struct yaml_value *v = yaml_get(p->at, "priority");

	if (!v)
		return 0;
	if (!is_text(v))
		return wrong(p, "priority must be a text");
	for (size_t k = 0; k < sizeof(priorities) / sizeof(*priorities); k++) {
		if (strcasecmp(v->text, priorities[k]) != 0 &&
		    !(k == 6 && strcasecmp(v->text, "info") == 0))
			continue;
		i->priority = priorities[k];
		return 0;
	}
	return wrong(p, "there is no priority '%.60s'", v->text);
}

/* Keys that are put in as they are, or added to what is there. */
static int put_parts(struct reading *p, struct falco_item *i, bool appends)
{
	static const struct {
		const char *key;
		size_t offset;
	} texts[] = { { "condition", offsetof(struct falco_item, condition) },
		      { "output", offsetof(struct falco_item, output) },
		      { "desc", offsetof(struct falco_item, description) },
		      { "source", offsetof(struct falco_item, source) } };
	int r = 0;

	for (size_t k = 0; k < sizeof(texts) / sizeof(*texts) && r == 0; k++) {
		enum meaning m = appends ? APPENDS : meaning_of(p->at, texts[k].key);

		r = put_text(p, texts[k].key, m, (const char **)((char *)i + texts[k].offset));
	}
	if (r == 0)
		r = put_priority(p, i);
	if (meaning_of(p->at, "tags") == REPLACES)
		i->n_tags = 0;
	if (meaning_of(p->at, "exceptions") == REPLACES)
		i->exceptions = NULL;
	if (r == 0)
		r = add_texts(p, "tags", &i->tags, &i->n_tags, &i->tag_room);
	if (r == 0)
		r = add_exceptions(p, i);
	if (r == 0)
		r = put_bool(p, "enabled", true, &i->is_disabled);
	if (r == 0)
		r = put_bool(p, "warn_evttypes", true, &i->no_type_warning);
	return r == 0 ? put_bool(p, "skip-if-unknown-filter", false, &i->skips_unknown) : r;
}

static void warn_unknown_keys(struct reading *p, const char *const *keys)
{
	for (uint32_t i = 0; i < p->at->n; i++) {
		const struct yaml_value *key = yaml_key(p->at, i);
		char text[120];

		if (is_among(key->text, keys))
			continue;
		snprintf(text, sizeof(text), "'%.60s' is no key of this, and says nothing",
			 key->text);
		warn(p, key, text);
	}
}

static int read_rule(struct reading *p)
{
	static const char *const keys[] = {
		"rule",
		"condition",
		"output",
		"desc",
		"priority",
		"source",
		"enabled",
		"tags",
		"exceptions",
		"warn_evttypes",
		"skip-if-unknown-filter",
		"append",
		"override",
		"capture",
		"capture_duration",
		NULL,
	};
	static const char *const appendable[] = { "condition", "output",     "desc",
						  "tags",      "exceptions", NULL };
	static const char *const replaceable[] = {
		"condition",
		"output",
		"desc",
		"tags",
		"exceptions",
		"priority",
		"enabled",
		"capture",
		"capture_duration",
		"warn_evttypes",
		"skip-if-unknown-filter",
		NULL,
	};
	static const char *const needed[] = { "condition", "output", "desc", "priority" };
	struct falco_item *i;
	unsigned n = 0;
	int r = check_override(p, appendable, replaceable);

	if (r < 0)
		return r;
	warn_unknown_keys(p, keys);
	for (size_t k = 0; k < sizeof(needed) / sizeof(*needed); k++)
		n += yaml_get(p->at, needed[k]) != NULL;
	if (yaml_get(p->at, "override") || says_append(p->at) ||
	    (n == 0 && yaml_get(p->at, "enabled"))) {
		i = find_older(p, FALCO_RULE_ITEM);
		return i ? put_parts(p, i, says_append(p->at)) : -EINVAL;
	}
	for (size_t k = 0; k < sizeof(needed) / sizeof(*needed); k++)
		if (!yaml_get(p->at, needed[k]))
			return wrong(p, "a rule needs %s", needed[k]);
	i = define(p, FALCO_RULE_ITEM);
	if (!i)
		return no_memory(p);
	r = put_parts(p, i, false);
	i->is_wrong = r < 0;
	return r;
}

/* Versions ------------------------------------------------------------------------------------- */

/* A version, or the number of an old engine, which is the second part of one. */
static bool is_new_enough(const char *text, unsigned major, unsigned minor)
{
	unsigned a = 0, b = 0, c = 0;

	if (!strchr(text, '.'))
		return sscanf(text, "%u", &a) == 1 && a <= ENGINE_MINOR;
	if (sscanf(text, "%u.%u.%u", &a, &b, &c) < 2)
		return false;
	return a < major || (a == major && b <= minor);
}

/* -ESTALE: the rest of the file is not for us. */
static int read_engine(struct reading *p, const struct yaml_value *v)
{
	if (is_text(v) && is_new_enough(v->text, 0, ENGINE_MINOR))
		return 0;
	p->name = NULL;
	(void)wrong(p, "the file requires engine version %.40s; what is known here is 0.%d.0",
		    is_text(v) ? v->text : "?", ENGINE_MINOR);
	return p->is_out_of_memory ? -ENOMEM : -ESTALE;
}

/* What the plugin tells of containers, a capture tells itself. */
static bool has_plugin(const struct yaml_value *v)
{
	const struct yaml_value *others = yaml_get(v, "alternatives");

	if (yaml_is(yaml_get(v, "name"), "container"))
		return true;
	for (uint32_t i = 0; others && others->kind == YAML_SEQUENCE && i < others->n; i++)
		if (yaml_is(yaml_get(others->items[i], "name"), "container"))
			return true;
	return false;
}

static int read_plugins(struct reading *p, const struct yaml_value *v)
{
	if (v->kind != YAML_SEQUENCE)
		return wrong(p, "required_plugin_versions must be a list");
	for (uint32_t i = 0; i < v->n; i++) {
		const struct yaml_value *name = yaml_get(v->items[i], "name");

		if (!is_text(name) || !is_text(yaml_get(v->items[i], "version")))
			return wrong(p, "a required plugin needs name and version");
		if (!has_plugin(v->items[i]))
			warn(p, v->items[i],
			     "the file requires a plugin, and there are none here: rules of its "
			     "source cannot be decided");
	}
	return 0;
}

/* Files ---------------------------------------------------------------------------------------- */

static int read_item(struct reading *p)
{
	static const struct {
		const char *key;
		int (*read)(struct reading *p);
	} kinds[] = { { "list", read_list }, { "macro", read_macro }, { "rule", read_rule } };
	const struct yaml_value *v;

	p->name = NULL;
	if (p->at->kind != YAML_MAPPING)
		return wrong(p, "an item of a Falco file is a mapping");
	v = yaml_get(p->at, "required_engine_version");
	if (v)
		return read_engine(p, v);
	v = yaml_get(p->at, "required_plugin_versions");
	if (v)
		return read_plugins(p, v);
	for (size_t k = 0; k < sizeof(kinds) / sizeof(*kinds); k++) {
		v = yaml_get(p->at, kinds[k].key);
		if (!v)
			continue;
		if (!is_text(v) || !v->length)
			return wrong(p, "a %s needs a name", kinds[k].key);
		p->name = v->text;
		return kinds[k].read(p);
	}
	warn(p, p->at, "neither rule, macro nor list");
	return 0;
}

bool falco_is(const struct yaml_value *root)
{
	static const char *const keys[] = { "rule", "macro", "list", "required_engine_version",
					    "required_plugin_versions" };

	for (uint32_t i = 0; root->kind == YAML_SEQUENCE && i < root->n; i++)
		for (size_t k = 0; k < sizeof(keys) / sizeof(*keys); k++)
			if (yaml_get(root->items[i], keys[k]))
				return true;
	return false;
}

static struct falco *the_set(struct rules *r)
{
	struct falco *f = r->maker->falco;

	if (f)
		return f;
	f = calloc(1, sizeof(*f));
	if (f)
		f->end = &f->first;
	r->maker->falco = f;
	return f;
}

int falco_add(struct rules *r, const char *file, struct yaml_tree *tree, struct reel_err *err)
{
	struct reading p = { .rules = r, .falco = the_set(r) };
	struct falco_tree *keep = calloc(1, sizeof(*keep));
	int status = 0;

	p.file = rules_text(r, file, strlen(file));
	if (!p.falco || !keep || !p.file) {
		free(keep);
		yaml_tree_free(tree);
		return rules_no_memory(err);
	}
	*keep = (struct falco_tree){ p.falco->trees, tree };
	p.falco->trees = keep;
	for (uint32_t d = 0; d < yaml_tree_n(tree) && status != -ESTALE; d++) {
		const struct yaml_value *root = yaml_tree_document(tree, d);

		for (uint32_t i = 0; root->kind == YAML_SEQUENCE && i < root->n &&
				     status != -ESTALE && !p.is_out_of_memory;
		     i++) {
			p.at = root->items[i];
			status = read_item(&p);
		}
	}
	return p.is_out_of_memory ? rules_no_memory(err) : 0;
}

void falco_free(struct falco *f)
{
	struct falco_tree *next;

	for (struct falco_tree *t = f ? f->trees : NULL; t; t = next) {
		next = t->next;
		yaml_tree_free(t->tree);
		free(t);
	}
	free(f);
}
