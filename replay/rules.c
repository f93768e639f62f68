/* SPDX-License-Identifier: BSD-2-Clause */
/* A set of rules while it is made: its memory, its rules, and what is said of them. */
#include "replay/rules_impl.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replay/falco.h"
#include "replay/sigma.h"

enum { NOTES_MAX = 10000 };

int rules_new(struct rules **ret, struct reel_err *err)
{
	struct rules *r = calloc(1, sizeof(*r));
	int status = 0;

	if (!r)
		return rules_no_memory(err);
	r->maker = calloc(1, sizeof(*r->maker));
	if (!r->maker) {
		free(r);
		return rules_no_memory(err);
	}
	(void)crypto_generichash_init(&r->maker->contents, NULL, 0, sizeof(r->hash));
	for (int role = 0; role < RULE_ROLES && status == 0; role++)
		status = matcher_new(role == RULE_ROLE_ARGS ? MATCH_ARGS : MATCH_TEXT,
				     &r->matchers[role], err);
	if (status < 0) {
		rules_free(r);
		return status;
	}
	*ret = r;
	return 0;
}

static void free_making(struct rules_maker *m)
{
	free(m->leaves.slots);
	free(m->exprs.slots);
	free(m->steps.slots);
	free(m->leaf_hashes);
	free(m->expr_hashes);
	free(m->step_hashes);
	free(m->leaf_traits);
	free(m->expr_traits);
	m->leaves = m->exprs = m->steps = (struct rules_index){ 0 };
	m->leaf_hashes = m->expr_hashes = m->step_hashes = NULL;
	m->leaf_traits = m->expr_traits = NULL;
	m->files = NULL;
	sigma_free(m->sigma);
	falco_free(m->falco);
	m->sigma = NULL;
	m->falco = NULL;
	arena_done(&m->scratch);
}

void rules_free(struct rules *r)
{
	if (!r)
		return;
	free_making(r->maker);
	free(r->maker->ids.slots);
	arena_done(&r->maker->memory);
	free(r->maker);
	for (int role = 0; role < RULE_ROLES; role++)
		matcher_free(r->matchers[role]);
	free(r->list);
	free(r->tunes);
	free(r->contents);
	free(r->steps);
	free(r->exprs);
	free(r->leaves);
	free(r->notes);
	free(r->sources);
	free(r->rejected);
	free(r);
}

void *rules_alloc(struct rules *r, size_t bytes)
{
	return arena_alloc(&r->maker->memory, bytes);
}

const char *rules_text(struct rules *r, const char *bytes, size_t length)
{
	return arena_text(&r->maker->memory, bytes, length);
}

int rules_note(struct rules *r, bool is_error, const char *file, uint32_t line, uint32_t column,
	       const char *fmt, ...)
{
	struct rule_note *note;
	va_list args;

	r->n_errors += is_error;
	if (r->n_notes >= NOTES_MAX)
		return 0;
	if (!RULES_RESERVE(r->notes, r->n_notes, &r->maker->note_room))
		return -ENOMEM;
	note = &r->notes[r->n_notes++];
	*note = (struct rule_note){ .file = file,
				    .line = line,
				    .column = column,
				    .is_error = is_error };
	va_start(args, fmt);
	(void)vsnprintf(note->text, sizeof(note->text), fmt, args);
	va_end(args);
	return 0;
}

int rules_reject(struct rules *r, const struct rule_rejected *given)
{
	enum { LOOKED_BACK = 64 };
	struct rules_maker *m = r->maker;
	struct rule_rejected one = *given;
	bool is_known = false;

	if (!RULES_RESERVE(r->rejected, r->n_rejected_rules, &m->rejected_room))
		return -ENOMEM;
	one.file = rules_text(r, given->file, strlen(given->file));
	one.reason = rules_text(r, given->reason, strlen(given->reason));
	one.id = given->id ? rules_text(r, given->id, strlen(given->id)) : NULL;
	one.title = given->title ? rules_text(r, given->title, strlen(given->title)) : NULL;
	if (!one.file || !one.reason)
		return -ENOMEM;
	/* Those of a file come one after the other, or nearly so. */
	for (uint32_t i = r->n_rejected_rules; i-- > 0 && i + LOOKED_BACK >= r->n_rejected_rules;)
		is_known |= r->rejected[i].absence == RULE_WRONG &&
			    strcmp(r->rejected[i].file, one.file) == 0;
	r->rejected[r->n_rejected_rules++] = one;
	if (one.absence != RULE_WRONG)
		return 0;
	r->n_rejected += !is_known;
	r->n_skipped++;
	return rules_note(r, true, one.file, one.line, 1, "%s", one.reason);
}

/* Rules ---------------------------------------------------------------------------------------- */

static uint64_t hash_id(const char *id)
{
	return rules_mix_text(4, id);
}

const struct rule *rules_find(const struct rules *r, const char *id)
{
	int64_t number;

	RULES_INDEX_EACH(&r->maker->ids, hash_id(id), number)
	if (strcmp(r->list[number].id, id) == 0)
		return &r->list[number];
	return NULL;
}

static void *copy(struct rules *r, const void *from, size_t n, size_t size, bool *ret_failed)
{
	void *to;

	if (!n || !from)
		return NULL;
	to = rules_alloc(r, n * size);
	if (to)
		memcpy(to, from, n * size);
	else
		*ret_failed = true;
	return to;
}

static const char *copy_text(struct rules *r, const char *from, bool *ret_failed)
{
	return copy(r, from, from ? strlen(from) + 1 : 0, 1, ret_failed);
}

static const char **copy_texts(struct rules *r, const char **from, uint32_t n, bool *ret_failed)
{
	const char **to = copy(r, from, n, sizeof(*from), ret_failed);

	for (uint32_t i = 0; to && i < n; i++)
		to[i] = copy_text(r, from[i], ret_failed);
	return to;
}

#define COPY(field, n) ((field) = copy(r, (field), (n), sizeof(*(field)), &failed))

static bool copy_node(struct rules *r, struct rule_node *node)
{
	uint32_t members = node->n_members ? node->n_members : 1;
	bool failed = false;

	COPY(node->guards, node->n_guards);
	COPY(node->stops, node->n_stops);
	COPY(node->unlesses, node->n_unlesses);
	COPY(node->binding_member, node->n_bindings);
	COPY(node->bindings, node->n_bindings);
	COPY(node->group, node->n_group * members);
	for (uint32_t i = 0; node->group && i < node->n_group * members; i++)
		failed |= rules_copy_ref(r, &node->group[i]) < 0;
	node->blocks = copy_texts(r, node->blocks, node->n_blocks, &failed);
	for (uint32_t i = 0; node->bindings && i < node->n_bindings; i++)
		failed |= rules_copy_ref(r, &node->bindings[i].ref) < 0;
	COPY(node->more_distinct, node->n_more_distinct);
	for (uint32_t i = 0; node->more_distinct && i < node->n_more_distinct; i++)
		failed |= rules_copy_ref(r, &node->more_distinct[i]) < 0;
	return !failed && (!node->has_distinct || rules_copy_ref(r, &node->distinct) == 0);
}

int rules_add_rule(struct rules *r, const struct rule *given, struct reel_err *err)
{
	struct rules_maker *m = r->maker;
	const struct rule *other = rules_find(r, given->id);
	struct rule rule = *given;
	bool failed = false;

	if (other)
		return reel_err_set(err, -EEXIST, "'%s' is in %s:%u, too", given->id, other->file,
				    other->line);
	if (!RULES_RESERVE(r->list, r->n, &m->list_room))
		return rules_no_memory(err);
	rule.hash = rules_hash_rule(r, given);
	rule.id = copy_text(r, given->id, &failed);
	rule.title = copy_text(r, given->title, &failed);
	rule.description = copy_text(r, given->description, &failed);
	rule.author = copy_text(r, given->author, &failed);
	rule.file = copy_text(r, given->file, &failed);
	rule.why_not = copy_text(r, given->why_not, &failed);
	rule.priority = copy_text(r, given->priority, &failed);
	rule.source = copy_text(r, given->source, &failed);
	rule.partly = copy_text(r, given->partly, &failed);
	rule.status = copy_text(r, given->status, &failed);
	rule.tags.v = copy_texts(r, given->tags.v, given->tags.n, &failed);
	rule.references.v = copy_texts(r, given->references.v, given->references.n, &failed);
	rule.false_positives.v =
		copy_texts(r, given->false_positives.v, given->false_positives.n, &failed);
	COPY(rule.unlesses, rule.n_unlesses);
	COPY(rule.nodes, rule.n_nodes);
	for (uint32_t i = 0; rule.nodes && i < rule.n_nodes; i++)
		failed |= !copy_node(r, &rule.nodes[i]);
	if (failed || !rules_index_add(&m->ids, hash_id(rule.id), r->n))
		return rules_no_memory(err);
	r->list[r->n++] = rule;
	return 0;
}

int rules_add_tune(struct rules *r, const struct rule_tune *given)
{
	struct rule_tune tune = *given;
	bool failed = false;

	tune.glob = copy_text(r, given->glob, &failed);
	tune.file = copy_text(r, given->file, &failed);
	tune.hash = r->maker->expr_hashes[given->expr];
	if (failed || !RULES_RESERVE(r->tunes, r->n_tunes, &r->maker->tune_room))
		return -ENOMEM;
	r->tunes[r->n_tunes++] = tune;
	return 0;
}

int rules_hash_contents(struct rules *r, const char *path, const void *bytes, size_t length)
{
	struct rules_contents one = { .path = rules_text(r, path, strlen(path)), .bytes = length };

	if (!one.path || !RULES_RESERVE(r->contents, r->n_contents, &r->maker->contents_room))
		return -ENOMEM;
	(void)crypto_generichash(one.hash, sizeof(one.hash), bytes, length, NULL, 0);
	r->contents[r->n_contents++] = one;

	/* Of hashes, so that who has these alone can compute it again. */
	(void)crypto_generichash_update(&r->maker->contents, one.hash, sizeof(one.hash));
	return 0;
}

int rules_finish(struct rules *r, struct reel_err *err)
{
	int status;

	if (r->maker->is_finished)
		return 0;
	status = sigma_finish(r, err);
	if (status == 0)
		status = falco_finish(r, err);
	for (int role = 0; status == 0 && role < RULE_ROLES; role++) {
		status = matcher_build(r->matchers[role], err);
	}
	if (status < 0)
		return status;
	(void)crypto_generichash_final(&r->maker->contents, r->hash, sizeof(r->hash));
	free_making(r->maker);
	r->maker->is_finished = true;
	return 0;
}
