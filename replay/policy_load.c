/* SPDX-License-Identifier: BSD-2-Clause */
/* Files of policies: read, parsed, checked, and taken as a whole or not at all. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "replay/policy.h"
#include "replay/policy_check.h"
#include "replay/policy_files.h"
#include "replay/policy_parse.h"
#include "replay/policy_unfold.h"

static int no_memory(struct reel_err *err)
{
	return reel_err_set(err, -ENOMEM, "no memory for the rules");
}

static struct policy_file *new_file(struct rules *r, const char *name, const char *directory,
				    struct policy_file *included_by)
{
	struct rules_maker *m = r->maker;
	struct policy_file *f = arena_alloc(&m->scratch, sizeof(*f));

	if (!f)
		return NULL;
	f->name = rules_text(r, name, strlen(name));
	if (!f->name)
		return NULL;
	f->rules = r;
	f->directory = directory;
	f->included_by = included_by;
	f->depth = included_by ? included_by->depth + 1 : 0;
	f->first_note = r->n_notes;
	f->ast_begin = m->scratch.given_bytes;
	f->older = m->files;
	m->files = f;
	r->n_files++;
	return f;
}

/* Items ---------------------------------------------------------------------------------------- */

/* What a file will add to the set, if nothing is wrong in it. */
struct staged {
	struct rule *rules;
	uint32_t *by_id;   /* numbers of rules, from 1, where their id's hash says */
	uint32_t n_places; /* a power of two, at least twice as many as rules */
	struct rule_tune *tunes;
	uint32_t n_rules, n_tunes;
};

static int load_contents(struct policy_file *f, const char *text, size_t length,
			 struct reel_err *err);

static int include(struct policy_file *f, const struct policy_item *item, struct reel_err *err);

/* Where a rule of that id is, or is to be put. */
static uint32_t *place_of_id(const struct staged *s, const char *id)
{
	uint32_t at = (uint32_t)XXH3_64bits(id, strlen(id)) & (s->n_places - 1);

	while (s->by_id[at] && strcmp(s->rules[s->by_id[at] - 1].id, id) != 0)
		at = (at + 1) & (s->n_places - 1);
	return &s->by_id[at];
}

static void stage_path(struct policy_file *f, struct policy_path *path, struct staged *to)
{
	struct rule rule = { 0 };
	const struct rule *other = rules_find(f->rules, path->name);
	uint32_t *place = place_of_id(to, path->name);

	if (*place)
		other = &to->rules[*place - 1];
	if (other)
		policy_error(f, path->at, "path \"%.80s\" is in %s:%u already", path->name,
			     other->file, other->line);
	if (!policy_unfold(f, path, &rule) || !rule.n_nodes)
		return;
	to->rules[to->n_rules++] = rule;
	if (!*place)
		*place = to->n_rules;
}

static const struct reel_type **all_types(struct policy_file *f, uint32_t *ret_n)
{
	const struct reel_type **types = policy_alloc(f, EV_MAX_TYPES * sizeof(*types));

	*ret_n = 0;
	for (const struct reel_type *t = reel_types; types && t->name; t++)
		types[(*ret_n)++] = t;
	return types;
}

/* A predicate that is asked of events of any type. */
static int64_t check_for_all(struct policy_file *f, const struct policy_pred *pred)
{
	struct policy_check c = { .file = f };
	const struct reel_type **types = all_types(f, &c.n_types);

	c.types = (const struct reel_type *const *)types;
	return types ? policy_check_predicate(&c, pred) : -1;
}

static void stage_tune(struct policy_file *f, const struct policy_item *item, struct staged *to)
{
	int64_t expr;

	if (!item->pred || !item->pred->n)
		return;
	expr = check_for_all(f, item->pred);
	if (expr >= 0)
		to->tunes[to->n_tunes++] = (struct rule_tune){ .glob = item->name,
							       .expr = (uint32_t)expr,
							       .file = f->name,
							       .line = item->at.line };
}

static int check_item(struct policy_file *f, struct policy_item *item, struct staged *to,
		      struct reel_err *err)
{
	switch (item->kind) {
	case POLICY_PATH:
		stage_path(f, item->path, to);
		break;
	case POLICY_LIST:
	case POLICY_MACRO:
		(void)policy_declare(f, item);
		break;
	case POLICY_TUNE:
		stage_tune(f, item, to);
		break;
	default:
		return include(f, item, err);
	}
	return 0;
}

static int take_staged(struct policy_file *f, const struct staged *from, struct reel_err *err)
{
	int r = 0;

	for (uint32_t i = 0; i < from->n_rules && r == 0; i++)
		r = rules_add_rule(f->rules, &from->rules[i], err);
	for (uint32_t i = 0; i < from->n_tunes && r == 0; i++) {
		r = rules_add_tune(f->rules, &from->tunes[i]);
		if (r < 0)
			r = no_memory(err);
	}
	return r;
}

static int compare_notes(const void *a, const void *b)
{
	const struct rule_note *n = a, *m = b;

	if (n->line != m->line)
		return n->line < m->line ? -1 : 1;
	if (n->column != m->column)
		return n->column < m->column ? -1 : 1;
	return (int)m->is_error - (int)n->is_error;
}

/* In the order of the file. Those of files that it includes stand where they were met. */
static void sort_notes(struct policy_file *f)
{
	struct rules *r = f->rules;
	uint32_t from = f->first_note;

	for (uint32_t i = from; i < r->n_notes; i++)
		if (r->notes[i].file != f->name)
			return;
	if (r->n_notes > from)
		qsort(r->notes + from, r->n_notes - from, sizeof(*r->notes), compare_notes);
}

static int check_items(struct policy_file *f, struct reel_err *err)
{
	struct staged to = { 0 };
	uint32_t n = 0;
	int r = 0;

	for (const struct policy_item *i = f->items; i; i = i->next)
		n++;
	to.rules = calloc(n + 1, sizeof(*to.rules));
	to.tunes = calloc(n + 1, sizeof(*to.tunes));
	for (to.n_places = 16; to.n_places < 2 * n; to.n_places *= 2)
		;
	to.by_id = calloc(to.n_places, sizeof(*to.by_id));
	if (!to.rules || !to.tunes || !to.by_id)
		r = no_memory(err);
	for (struct policy_item *i = f->items; i && r == 0 && !f->is_out_of_memory; i = i->next)
		r = check_item(f, i, &to, err);
	if (r == 0 && !f->is_out_of_memory && !f->n_errors)
		r = take_staged(f, &to, err);
	free(to.rules);
	free(to.tunes);
	free(to.by_id);
	return r;
}

static int load_contents(struct policy_file *f, const char *text, size_t length,
			 struct reel_err *err)
{
	int r;

	if (rules_hash_contents(f->rules, f->name, text, length) < 0)
		return no_memory(err);
	policy_parse_file(f, text, length);
	r = check_items(f, err);
	if (r < 0)
		return r;
	if (f->is_out_of_memory) {
		if (f->rules->maker->scratch.given_bytes - f->ast_begin < POLICY_AST_MAX / 2)
			return no_memory(err);
		policy_error(f, (struct policy_at){ 1, 1 }, "it says too much for one file");
	}
	sort_notes(f);
	f->state = f->n_errors ? POLICY_REJECTED : POLICY_LOADED;
	f->rules->n_rejected += f->n_errors > 0;
	return 0;
}

/* Files that are named ------------------------------------------------------------------------- */

static char *directory_of(struct rules *r, const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return arena_text(&r->maker->scratch, ".", 1);
	return arena_text(&r->maker->scratch, path, slash == path ? 1 : (size_t)(slash - path));
}

/* What was read before is not read again. *ret_why: it could not be read. */
static int load_once(struct rules *r, const char *path, struct policy_file *included_by,
		     struct policy_file **ret, int *ret_why, struct reel_err *err)
{
	struct policy_file *f;
	struct policy_contents c;
	char *directory;
	int status;

	if (rules_note_source(r, path) < 0)
		return no_memory(err);
	*ret_why = policy_read_file(path, &c);
	if (*ret_why < 0)
		return *ret_why == -ENOMEM ? no_memory(err) : 0;
	for (f = r->maker->files; f; f = f->older)
		if (f->directory && f->dev == c.dev && f->inode == c.inode)
			break;
	if (f) {
		free(c.bytes);
		*ret = f;
		return 0;
	}
	directory = directory_of(r, path);
	f = directory ? new_file(r, path, directory, included_by) : NULL;
	if (!f) {
		free(c.bytes);
		return no_memory(err);
	}
	f->dev = c.dev;
	f->inode = c.inode;
	status = load_contents(f, c.bytes, c.length, err);
	free(c.bytes);
	*ret = f;
	return status;
}

static int include(struct policy_file *f, const struct policy_item *item, struct reel_err *err)
{
	struct policy_file *other = NULL;
	char *path = policy_resolve(f, item->name);
	int r, cause = 0;

	if (!path)
		return 0;
	if (!f->directory) {
		policy_error(f, item->at, "include can stand in a file only");
		return 0;
	}
	if (f->depth + 1 >= RULES_NESTING_MAX) {
		policy_error(f, item->at, "files include each other deeper than %d",
			     RULES_NESTING_MAX);
		return 0;
	}
	r = load_once(f->rules, path, f, &other, &cause, err);
	if (r < 0)
		return r;
	if (cause < 0) {
		policy_error(f, item->at, "cannot read '%.100s': %s", path, policy_why(cause));
		return 0;
	}
	if (other->state == POLICY_READING)
		policy_error(f, item->at, "'%.100s' includes itself", path);
	else if (other->state == POLICY_REJECTED)
		policy_error(f, item->at, "'%.100s' has errors", path);
	for (const struct policy_symbol *s = other->symbols; s; s = s->before) {
		const struct policy_symbol *mine = policy_symbol(f, s->name);

		if (mine && mine->item != s->item)
			policy_error(f, item->at, "'%.60s' is in %s:%u and in %s:%u", s->name,
				     mine->file, mine->item->at.line, s->file, s->item->at.line);
		else if (!mine && !policy_add_symbol(f, s->item, s->file))
			return 0;
	}
	return 0;
}

int policy_load_text(struct rules *r, const char *name, const char *text, size_t length,
		     struct reel_err *err)
{
	struct policy_file *f = new_file(r, name, NULL, NULL);

	return f ? load_contents(f, text, length, err) : no_memory(err);
}

static int cannot_read(int r, const char *path, struct reel_err *err)
{
	return reel_err_set(err, r, "cannot read '%s': %s", path, policy_why(r));
}

int policy_load_file(struct rules *r, const char *path, struct reel_err *err)
{
	struct policy_file *f;
	int status, cause;

	status = load_once(r, path, NULL, &f, &cause, err);
	if (status < 0)
		return status;
	return cause < 0 ? cannot_read(cause, path, err) : 0;
}

int rules_predicate(struct rules *r, const char *text, uint32_t *ret_expr, struct reel_err *err)
{
	uint32_t n_notes = r->n_notes, n_errors = r->n_errors, n_files = r->n_files;
	struct policy_file *f = new_file(r, "predicate", NULL, NULL);
	struct policy_pred *pred;
	struct policy_parser p;
	int64_t expr;
	int status = 0;

	if (!f)
		return no_memory(err);
	f->state = POLICY_LOADED;
	policy_parser_init(&p, f, text, strlen(text));
	pred = policy_parse_predicates(&p, false);
	if (!policy_is(&p, TOKEN_END))
		policy_unexpected(&p, "a field");
	else if (!pred && !f->n_errors)
		policy_unexpected(&p, "a field");
	expr = pred && !f->n_errors ? check_for_all(f, pred) : -1;
	if (f->is_out_of_memory) {
		status = no_memory(err);
	} else if (f->n_errors) {
		const struct rule_note *first = &r->notes[n_notes];

		while (!first->is_error)
			first++;
		status = reel_err_set(err, -EINVAL, "%u:%u: %s", first->line, first->column,
				      first->text);
	}
	/* It is said, and no part of the set's files. */
	r->n_notes = n_notes;
	r->n_errors = n_errors;
	r->n_files = n_files;
	if (status == 0)
		*ret_expr = (uint32_t)expr;
	return status;
}
