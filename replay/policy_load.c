/* SPDX-License-Identifier: BSD-2-Clause */
/* Files of policies: read, parsed, checked, and taken as a whole or not at all. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "format/options.h"
#include "replay/policy.h"
#include "replay/policy_check.h"
#include "replay/policy_parse.h"
#include "replay/policy_unfold.h"

static const char policy_suffix[] = ".policy";

static int no_memory(struct reel_err *err)
{
	return reel_err_set(err, -ENOMEM, "no memory for the rules");
}

/* Files ---------------------------------------------------------------------------------------- */

struct contents {
	char *bytes;
	size_t length;
	uint64_t dev, inode;
};

static int read_all(int fd, struct contents *ret)
{
	size_t room = 0;

	for (;;) {
		ssize_t n;

		if (ret->length == room) {
			char *larger;

			room = room ? room * 2 : 16 << 10;
			larger = realloc(ret->bytes, room);
			if (!larger)
				return -ENOMEM;
			ret->bytes = larger;
		}
		n = read(fd, ret->bytes + ret->length, room - ret->length);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return 0;
		ret->length += (size_t)n;
		if (ret->length > RULES_FILE_MAX)
			return -EFBIG;
	}
}

/* -EFBIG: over the limit. Whatever is no plain file is refused before anybody waits for it. */
static int read_file(const char *path, struct contents *ret)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	int r = 0;

	*ret = (struct contents){ 0 };
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		r = -errno;
	else if (S_ISDIR(st.st_mode))
		r = -EISDIR;
	else if (!S_ISREG(st.st_mode))
		r = -EINVAL;
	else
		r = read_all(fd, ret);
	(void)close(fd);
	if (r < 0) {
		free(ret->bytes);
		*ret = (struct contents){ 0 };
		return r;
	}
	ret->dev = st.st_dev;
	ret->inode = st.st_ino;
	return 0;
}

static const char *why(int r)
{
	return r == -EFBIG ? "larger than 16 MiB" : strerror(-r);
}

/* A name that stands in a file, from where that file is. */
static char *resolve(struct policy_file *f, const char *name)
{
	size_t n = f->directory ? strlen(f->directory) : 0, length = strlen(name);
	char *path;

	if (*name == '/' || !n)
		return policy_text(f, name, length);
	path = policy_alloc(f, n + 1 + length + 1);
	if (!path)
		return NULL;
	memcpy(path, f->directory, n);
	path[n] = '/';
	memcpy(path + n + 1, name, length);
	return path;
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

/* Symbols -------------------------------------------------------------------------------------- */

static bool add_symbol(struct policy_file *f, const struct policy_item *item, const char *file)
{
	struct policy_symbol *s = policy_alloc(f, sizeof(*s));

	if (!s)
		return false;
	*s = (struct policy_symbol){ f->symbols, item->name, item, file };
	f->symbols = s;
	return true;
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
	return add_symbol(f, item, f->name);
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
static bool split_lines(struct policy_file *f, struct policy_item *item, const struct contents *c)
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
	char *path = resolve(f, item->from);
	struct contents c;
	bool ok;
	int r;

	if (!path)
		return false;
	if (!f->directory) {
		policy_error(f, item->at, "a list's file can be named in a file only");
		return true;
	}
	r = read_file(path, &c);
	if (r < 0) {
		policy_error(f, item->at, "cannot read '%.100s': %s", path, why(r));
		return r != -ENOMEM;
	}
	rules_hash_contents(f->rules, c.bytes, c.length);
	ok = split_lines(f, item, &c);
	free(c.bytes);
	if (ok && !item->values.n)
		policy_warn(f, item->at, "the list is empty: '%.100s' has no values", path);
	return ok;
}

/* Items ---------------------------------------------------------------------------------------- */

/* What a file will add to the set, if nothing is wrong in it. */
struct staged {
	struct rule *rules;
	struct rule_tune *tunes;
	uint32_t n_rules, n_tunes;
};

static int load_contents(struct policy_file *f, const char *text, size_t length,
			 struct reel_err *err);

static int include(struct policy_file *f, const struct policy_item *item, struct reel_err *err);

static void stage_path(struct policy_file *f, struct policy_path *path, struct staged *to)
{
	struct rule rule = { 0 };
	const struct rule *other = rules_find(f->rules, path->name);

	for (uint32_t i = 0; i < to->n_rules && !other; i++)
		if (strcmp(to->rules[i].id, path->name) == 0)
			other = &to->rules[i];
	if (other)
		policy_error(f, path->at, "path \"%.80s\" is in %s:%u already", path->name,
			     other->file, other->line);
	if (policy_unfold(f, path, &rule) && rule.n_nodes)
		to->rules[to->n_rules++] = rule;
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
		if ((item->from ? read_list(f, item) : flatten_list(f, item)))
			(void)declare(f, item);
		break;
	case POLICY_MACRO:
		(void)declare(f, item);
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
	if (!to.rules || !to.tunes)
		r = no_memory(err);
	for (struct policy_item *i = f->items; i && r == 0 && !f->is_out_of_memory; i = i->next)
		r = check_item(f, i, &to, err);
	if (r == 0 && !f->is_out_of_memory && !f->n_errors)
		r = take_staged(f, &to, err);
	free(to.rules);
	free(to.tunes);
	return r;
}

static int load_contents(struct policy_file *f, const char *text, size_t length,
			 struct reel_err *err)
{
	int r;

	rules_hash_contents(f->rules, text, length);
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
	struct contents c;
	char *directory;
	int status;

	*ret_why = read_file(path, &c);
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
	char *path = resolve(f, item->name);
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
		policy_error(f, item->at, "cannot read '%.100s': %s", path, why(cause));
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
		else if (!mine && !add_symbol(f, s->item, s->file))
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
	return reel_err_set(err, r, "cannot read '%s': %s", path, why(r));
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

static bool is_policy(const char *name)
{
	size_t n = strlen(name), suffix = sizeof(policy_suffix) - 1;

	return n > suffix && strcmp(name + n - suffix, policy_suffix) == 0;
}

static int is_wanted(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static int compare_names(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int load_directory(struct rules *r, const char *path, unsigned depth, struct reel_err *err)
{
	struct dirent **names;
	int n, status = 0;

	if (depth >= RULES_NESTING_MAX)
		return reel_err_set(err, -ELOOP, "'%s' is too deep", path);
	n = scandir(path, &names, is_wanted, compare_names);
	if (n < 0)
		return cannot_read(-errno, path, err);
	for (int i = 0; i < n; i++) {
		char *inner = NULL;
		struct stat st;

		if (status == 0 &&
		    asprintf(&inner, "%s%s%s", path, path[strlen(path) - 1] == '/' ? "" : "/",
			     names[i]->d_name) < 0) {
			inner = NULL;
			status = no_memory(err);
		}
		/* Links to directories could lead back. */
		if (status == 0 && fstatat(AT_FDCWD, inner, &st, AT_SYMLINK_NOFOLLOW) == 0) {
			if (S_ISDIR(st.st_mode))
				status = load_directory(r, inner, depth + 1, err);
			else if (is_policy(names[i]->d_name))
				status = policy_load_file(r, inner, err);
		}
		free(inner);
		free(names[i]);
	}
	free(names);
	return status;
}

int rules_load(struct rules *r, const char *path, struct reel_err *err)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return cannot_read(-errno, path, err);
	return S_ISDIR(st.st_mode) ? load_directory(r, path, 0, err) :
				     policy_load_file(r, path, err);
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
