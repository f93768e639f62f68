/* SPDX-License-Identifier: BSD-2-Clause */
/* reel query: which named queries there are, and what one is for. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "format/complete.h"
#include "format/json.h"
#include "query/cmd_query.h"

int query_find_beside(const char *const *candidates, char *ret, size_t size)
{
	char program[PATH_MAX], path[PATH_MAX * 2];
	ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 1);
	char *slash;

	if (n <= 0)
		return -ENOENT;
	program[n] = '\0';
	slash = strrchr(program, '/');
	if (!slash)
		return -ENOENT;
	*slash = '\0';
	for (; *candidates; candidates++) {
		char *real;

		snprintf(path, sizeof(path), "%s/%s", program, *candidates);
		real = realpath(path, NULL);
		if (!real)
			continue;
		if ((size_t)snprintf(ret, size, "%s", real) < size && access(ret, R_OK) == 0) {
			free(real);
			return 0;
		}
		free(real);
	}
	return -ENOENT;
}

static int add(struct query *q, struct reel_strings *list, const char *path)
{
	char *copy = strdup(path);
	int r = copy ? reel_strings_add(list, copy) : -ENOMEM;

	if (r < 0)
		free(copy);
	return r < 0 ? query_fail(q, r, &(struct reel_err){ r, "no memory" }) : REEL_STATUS_OK;
}

/* HOME may be that of somebody else, as under setpriv. */
static bool is_there(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode) && access(path, R_OK) == 0;
}

/* The user's own come before what is installed; in a tree that was built they lie in samples/. */
int query_find_directories(struct query *q, struct reel_strings *ret)
{
	static const char *const installed[] = { "../share/reel/queries", "../samples/queries",
						 NULL };
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	char path[PATH_MAX + 64] = "";
	int status = REEL_STATUS_OK;

	for (size_t i = 0; status == REEL_STATUS_OK && i < q->options.directories.n; i++)
		status = add(q, ret, q->options.directories.v[i]);
	if (config && *config == '/')
		snprintf(path, sizeof(path), "%s/reel/queries", config);
	else if (home && *home == '/')
		snprintf(path, sizeof(path), "%s/.config/reel/queries", home);
	if (status == REEL_STATUS_OK && *path && is_there(path))
		status = add(q, ret, path);
	if (status == REEL_STATUS_OK && query_find_beside(installed, path, sizeof(path)) == 0 &&
	    is_there(path))
		status = add(q, ret, path);
	return status;
}

void query_directories_done(struct reel_strings *list)
{
	for (size_t i = 0; i < list->n; i++)
		free((void *)(uintptr_t)list->v[i]);
	reel_strings_done(list);
}

int query_load_named(struct query *q)
{
	struct reel_strings list = { 0 };
	struct reel_err err = { 0 };
	int status = query_find_directories(q, &list);

	for (size_t i = 0; status == REEL_STATUS_OK && i < list.n; i++) {
		int r = named_add_directory(&q->named, list.v[i], &err);

		if (r < 0)
			status = query_fail(q, r, &err);
	}
	query_directories_done(&list);
	return status;
}

void query_complete(const char *word, struct reel_out *out)
{
	struct query q = { .self = &reel_cmd_query };

	if (query_load_named(&q) == REEL_STATUS_OK)
		for (size_t i = 0; i < q.named.n; i++) {
			char name[256];

			snprintf(name, sizeof(name), "@%s", q.named.v[i]->name);
			complete_offer(out, word, name, q.named.v[i]->title);
		}
	named_done(&q.named);
}

/* SQL may name captures, and a case does: so it reads what its user can, and writes nothing but
 * what does not fit into memory, and with --write the case. */
void query_confine(struct query *q)
{
	struct confine_reader c = { .reads_anywhere = true, .writes_database = true };

	confine_reader_begin(&c);
	confine_reader_may_spill(&c);
	if (q->options.write && q->source)
		confine_reader_may_write(&c, q->source);
	reel_command_confine(q->self, &q->args.common, &c);
}

static void put_param_json(struct reel_json *j, const struct named_param *p)
{
	json_begin(j, NULL, '{');
	json_str(j, "name", p->name);
	json_str(j, "type", param_type_name(p->type));
	json_bool(j, "required", !p->has_default);
	json_str(j, "what", p->what);
	if (p->has_default)
		json_str(j, "default", p->value_text);
	json_end(j, '}');
}

static void put_json(struct reel_out *o, const struct named_query *n)
{
	struct reel_json j = { .out = o };

	json_begin(&j, NULL, '{');
	json_str(&j, "name", n->name);
	json_str(&j, "title", n->title);
	if (n->shape)
		json_str(&j, "shape", n->shape);
	json_begin(&j, "params", '[');
	for (unsigned i = 0; i < n->n_params; i++)
		put_param_json(&j, &n->params[i]);
	json_end(&j, ']');
	json_str(&j, "text", n->text);
	json_str(&j, "file", n->file);
	json_str(&j, "sql", n->sql);
	json_end(&j, '}');
	out_char(o, '\n');
}

static void put_name(const struct named_query *n, char *text, size_t size)
{
	size_t used = (size_t)snprintf(text, size, "@%s", n->name);

	for (unsigned i = 0; i < n->n_params && used < size; i++)
		used += (size_t)snprintf(text + used, size - used,
					 n->params[i].has_default ? " [%s=]" : " %s=",
					 n->params[i].name);
}

int query_list(struct query *q)
{
	bool json = q->options.format == SHOW_JSON + 1;
	char name[512];
	int width = 0, r;

	if (q->args.n)
		return reel_command_misuse(q->self, "--list goes alone; 'reel query @NAME' tells "
						    "more about one");
	if (q->options.format && !json)
		return reel_command_misuse(q->self, "--list is text, or JSON by --json");
	r = out_init(&q->out, STDOUT_FILENO);
	if (r < 0)
		return query_fail(q, r, &(struct reel_err){ r, "no memory" });
	for (size_t i = 0; i < q->named.n; i++) {
		put_name(q->named.v[i], name, sizeof(name));
		if (strlen(name) < 40 && (int)strlen(name) > width)
			width = (int)strlen(name);
	}
	for (size_t i = 0; i < q->named.n; i++) {
		const struct named_query *n = q->named.v[i];

		if (json) {
			put_json(&q->out, n);
			continue;
		}
		put_name(n, name, sizeof(name));
		out_str(&q->out, name);
		for (int k = (int)strlen(name); k < width; k++)
			out_char(&q->out, ' ');
		out_str(&q->out, "  ");
		out_str(&q->out, n->title);
		out_char(&q->out, '\n');
	}
	for (size_t i = 0; i < q->named.n_errors; i++)
		reel_command_note(q->self, &q->args.common, "%s", q->named.errors[i].msg);
	if (!q->named.n)
		reel_command_note(q->self, &q->args.common,
				  "there are no named queries; --queries names a directory");
	r = out_flush(&q->out);
	return r < 0 ? query_fail(q, r, &(struct reel_err){ r, "cannot write" }) : REEL_STATUS_OK;
}

/* Without a case or capture there is nothing to ask; but what would be asked can be told. */
int query_explain(struct query *q, const struct named_query *n)
{
	if (q->options.format == SHOW_JSON + 1) {
		if (out_init(&q->out, STDOUT_FILENO) == 0)
			put_json(&q->out, n);
		return out_flush(&q->out) < 0 ? REEL_STATUS_IO : REEL_STATUS_OK;
	}
	printf("@%s: %s\n", n->name, n->title);
	if (*n->text)
		printf("\n%s\n", n->text);
	if (n->n_params)
		printf("\nParameters:\n");
	for (unsigned i = 0; i < n->n_params; i++) {
		const struct named_param *p = &n->params[i];

		printf("  %s=%s", p->name,
		       p->type == PARAM_ANY ? "VALUE" : param_type_name(p->type));
		if (p->has_default)
			printf(" (default: %s)", p->value_text);
		printf("  %s\n", p->what);
	}
	printf("\n%s (line %u):\n\n%s", n->file, n->sql_line, n->sql);
	return REEL_STATUS_OK;
}
