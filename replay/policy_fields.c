/* SPDX-License-Identifier: BSD-2-Clause */
/* What a name of a field stands for, on some types of events. */
#include <string.h>

#include "format/options.h"
#include "replay/policy_check.h"

static enum policy_class class_of_kind(uint8_t kind)
{
	struct rule_ref ref = { .kind = kind & REEL_KIND_MASK };

	return policy_class_of(&ref);
}

static bool is_signed_kind(uint8_t kind)
{
	return kind == REEL_S32 || kind == REEL_S64 || kind == REEL_RESULT;
}

/* One kind that two can be compared as. */
static uint8_t common_kind(uint8_t a, uint8_t b)
{
	if (a == b)
		return a;
	if (a >= REEL_PATH)
		return REEL_TEXT;
	return is_signed_kind(a) || is_signed_kind(b) ? REEL_S64 : REEL_U64;
}

/* A field that several types have under one name. Where they do not agree what it is (addr of a
 * connection and of memory), *ret_is_mixed, and it is whatever the first of the richer class is. */
static bool find_own(const struct reel_type *const *types, uint32_t n_types, const char *name,
		     struct rule_ref *ret, bool *ret_is_mixed)
{
	bool found = false;

	for (uint32_t i = 0; i < n_types; i++) {
		const struct reel_field *f = rule_own_field(types[i], name);
		uint8_t kind = f ? f->kind & REEL_KIND_MASK : 0;

		if (!f)
			continue;
		if (kind == REEL_RESULT)
			kind = REEL_S64;
		if (found && (class_of_kind(kind) != policy_class_of(ret) ||
			      (kind == REEL_ARGS) != (ret->kind == REEL_ARGS))) {
			*ret_is_mixed = true;
			if (class_of_kind(kind) <= policy_class_of(ret))
				continue;
			found = false;
		}
		if (found) {
			ret->kind = common_kind(ret->kind, kind);
		} else {
			*ret = (struct rule_ref){ .scope = RULE_OF_EVENT,
						  .context = RULE_OWN_FIELD,
						  .kind = kind,
						  .index = RULES_NONE,
						  .slot = RULES_NONE,
						  .own = f->name,
						  .hint = f->hint };
			found = true;
		}
		ret->is_signed = is_signed_kind(ret->kind);
	}
	return found;
}

/* A path, or a file by which one can be found. */
static bool has_path(const struct reel_type *const *types, uint32_t n_types, bool also_passed)
{
	for (uint32_t i = 0; i < n_types; i++)
		if (rule_own_field(types[i], "path") || rule_own_field(types[i], "inode") ||
		    (also_passed && rule_own_field(types[i], "path_arg")))
			return true;
	return false;
}

static void ref_of_context(unsigned context, enum rule_scope scope, struct rule_ref *ret)
{
	*ret = (struct rule_ref){ .scope = (uint8_t)scope,
				  .context = (uint8_t)context,
				  .kind = rule_contexts[context].kind,
				  .is_signed = is_signed_kind(rule_contexts[context].kind),
				  .index = RULES_NONE,
				  .slot = RULES_NONE,
				  .hint = rule_contexts[context].hint };
}

static int find_context(const char *name, int from, int to)
{
	for (int i = from; i < to; i++)
		if (strcmp(rule_contexts[i].name, name) == 0)
			return i;
	return -1;
}

/* Fields of other processes than the event's. */
static const struct relation {
	char prefix[12];
	uint8_t scope;
} relations[] = { { "parent.", RULE_OF_PARENT }, { "ancestor.", RULE_OF_ANCESTOR } };

bool policy_find_field(const struct reel_type *const *types, uint32_t n_types, const char *name,
		       struct rule_ref *ret, bool *ret_is_mixed)
{
	int context;

	*ret_is_mixed = false;
	for (size_t i = 0; i < sizeof(relations) / sizeof(relations[0]); i++) {
		size_t n = strlen(relations[i].prefix);

		if (strncmp(name, relations[i].prefix, n) != 0)
			continue;
		context = find_context(name + n, RULE_CONTEXT_PROCESS, RULE_CONTEXTS);
		if (context >= 0)
			ref_of_context((unsigned)context, relations[i].scope, ret);
		return context >= 0;
	}
	if (find_own(types, n_types, name, ret, ret_is_mixed))
		return true;
	if (strcmp(name, "path") == 0 && has_path(types, n_types, false)) {
		*ret = (struct rule_ref){ .scope = RULE_OF_EVENT,
					  .context = RULE_OWN_FIELD,
					  .kind = REEL_PATH,
					  .index = RULES_NONE,
					  .slot = RULES_NONE,
					  .own = "path",
					  .hint = "" };
		return true;
	}
	context = find_context(name, 0, RULE_CONTEXT_PROCESS);
	if (context == RULE_pathname || context == RULE_filename)
		context = has_path(types, n_types, true) ? context : -1;
	if (context >= 0) {
		ref_of_context((unsigned)context, RULE_OF_EVENT, ret);
		return true;
	}
	context = find_context(name, RULE_CONTEXT_PROCESS, RULE_CONTEXTS);
	if (context >= 0)
		ref_of_context((unsigned)context, RULE_OF_PROCESS, ret);
	return context >= 0;
}

/* What is said --------------------------------------------------------------------------------- */

static const char *prefixed(struct policy_file *f, const char *prefix, const char *name)
{
	size_t n = strlen(prefix);
	char *text = policy_alloc(f, n + strlen(name) + 1);

	if (!text)
		return name;
	memcpy(text, prefix, n);
	memcpy(text + n, name, strlen(name));
	return text;
}

static void unknown_field(struct policy_check *c, const struct reel_type *const *types,
			  uint32_t n_types, const char *prefix, const char *name,
			  struct policy_at at)
{
	const char *shown = *prefix ? prefixed(c->file, prefix, name) : name;
	const char *of = n_types == 1 && !*prefix ? types[0]->name : NULL;
	struct reel_nearest near = REEL_NEAREST(shown);
	struct rule_ref ref;
	bool mixed;

	for (uint32_t i = 0; i < n_types; i++)
		for (unsigned k = 0; k < types[i]->n_fields; k++)
			reel_nearest_offer(&near,
					   prefixed(c->file, prefix, types[i]->fields[k].name));
	for (int i = 0; i < RULE_CONTEXTS; i++)
		if (policy_find_field(types, n_types, rule_contexts[i].name, &ref, &mixed))
			reel_nearest_offer(&near, prefixed(c->file, prefix, rule_contexts[i].name));
	if (!*prefix) {
		for (int i = RULE_CONTEXT_PROCESS; i < RULE_CONTEXTS; i++)
			for (size_t k = 0; k < sizeof(relations) / sizeof(relations[0]); k++)
				reel_nearest_offer(&near, prefixed(c->file, relations[k].prefix,
								   rule_contexts[i].name));
		for (const struct policy_symbol *s = c->file->symbols; s; s = s->before)
			reel_nearest_offer(&near, s->name);
	}
	if (near.best)
		policy_error(c->file, at, "unknown field '%.60s'%s%s, did you mean '%s'?", shown,
			     of ? " of " : "", of ? of : "", near.best);
	else
		policy_error(c->file, at, "unknown field '%.60s'%s%s", shown, of ? " of " : "",
			     of ? of : "");
}

static bool set_index(struct policy_check *c, struct rule_ref *ref, int16_t index, const char *name,
		      struct policy_at at)
{
	if (index == RULES_NONE)
		return true;
	if (ref->kind != REEL_ARGS) {
		policy_error(c->file, at, "'%.60s' is no list of arguments", name);
		return false;
	}
	ref->index = index;
	return true;
}

/* On the fields of TYPES, said with what stands before the name. */
static bool field_on(struct policy_check *c, const struct reel_type *const *types, uint32_t n_types,
		     const char *prefix, const char *name, int16_t index, struct policy_at at,
		     struct rule_ref *ret)
{
	bool mixed;

	if (!policy_find_field(types, n_types, name, ret, &mixed)) {
		unknown_field(c, types, n_types, prefix, name, at);
		return false;
	}
	/* Where any type will do it is the one that people ask for. */
	if (mixed && c->path) {
		policy_error(c->file, at, "'%.60s' is not the same thing in all types of the step",
			     name);
		return false;
	}
	return set_index(c, ret, index, name, at);
}

static const struct policy_named *find_named(const struct policy_check *c, const char *name,
					     size_t length)
{
	for (const struct policy_named *n = c->names; n; n = n->before)
		if (strlen(n->step->name) == length && memcmp(n->step->name, name, length) == 0)
			return n;
	return NULL;
}

static bool is_named_somewhere(const struct policy_check *c, const char *name, size_t length)
{
	for (const struct policy_step *s = c->path ? c->path->named : NULL; s; s = s->next_named)
		if (strlen(s->name) == length && memcmp(s->name, name, length) == 0)
			return true;
	return false;
}

bool policy_field(struct policy_check *c, const char *name, int16_t index, struct policy_at at,
		  struct rule_ref *ret)
{
	size_t n = strcspn(name, ".");

	if (!c->n_types)
		return false; /* that the type is wrong was said */
	if (name[n] && is_named_somewhere(c, name, n)) {
		policy_error(c->file, at, "a field of another step stands on the right side only");
		return false;
	}
	if (!field_on(c, c->types, c->n_types, "", name, index, at, ret))
		return false;
	c->tests_result |= ret->context == RULE_ret || ret->context == RULE_errno_;
	c->tests_creation |= strcmp(name, "flags") == 0 || strcmp(name, "created") == 0;
	return true;
}

static bool is_one_value(struct policy_check *c, const struct policy_value *v,
			 const struct rule_ref *ref)
{
	if (ref->context != RULE_pathname && ref->context != RULE_filename &&
	    ref->scope != RULE_OF_ANCESTOR && (ref->kind != REEL_ARGS || ref->index != RULES_NONE))
		return true;
	policy_error(c->file, v->at,
		     "'%.60s' can be several values, and only one can be compared with", v->bytes);
	return false;
}

static bool named_field(struct policy_check *c, const struct policy_named *from, const char *name,
			const struct policy_value *v, struct rule_ref *ret)
{
	const struct policy_step *step = from->step;
	char *prefix;
	int slot;

	c->uses_names = true;
	if (!step->n_types)
		return false;
	prefix = policy_text(c->file, v->bytes, (size_t)(name - v->bytes));
	if (!prefix || !field_on(c, (const struct reel_type *const *)step->types, step->n_types,
				 prefix, name, v->index, v->at, ret))
		return false;
	if (!is_one_value(c, v, ret))
		return false;
	slot = c->bind(c, from, ret);
	if (slot < 0)
		return false;
	ret->scope = RULE_OF_STEP;
	ret->slot = (int16_t)slot;
	return true;
}

bool policy_right_field(struct policy_check *c, const struct policy_value *v, struct rule_ref *ret)
{
	size_t n = strcspn(v->bytes, ".");
	const struct policy_named *from = v->bytes[n] ? find_named(c, v->bytes, n) : NULL;
	struct reel_nearest near = { 0 };
	char *word;

	if (from)
		return named_field(c, from, v->bytes + n + 1, v, ret);
	if (v->bytes[n] && is_named_somewhere(c, v->bytes, n)) {
		policy_error(c->file, v->at, "step '%.*s' is not passed on every way to here",
			     (int)n, v->bytes);
		return false;
	}
	if (v->bytes[n] && strncmp(v->bytes, "parent.", n + 1) != 0 &&
	    strncmp(v->bytes, "ancestor.", n + 1) != 0 &&
	    strncmp(v->bytes, "container.", n + 1) != 0) {
		word = policy_text(c->file, v->bytes, n);
		if (!word)
			return false;
		near = REEL_NEAREST(word);
		for (const struct policy_named *s = c->names; s; s = s->before)
			reel_nearest_offer(&near, s->step->name);
		policy_error(c->file, v->at, "no step before is named '%.60s'%s%s%s", word,
			     near.best ? ", did you mean '" : "", near.best ? near.best : "",
			     near.best ? "'?" : "");
		return false;
	}
	if (!field_on(c, c->types, c->n_types, "", v->bytes, v->index, v->at, ret))
		return false;
	if (!is_one_value(c, v, ret))
		return false;
	c->tests_result |= ret->context == RULE_ret || ret->context == RULE_errno_;
	return true;
}
