/* SPDX-License-Identifier: BSD-2-Clause */
/* reel rules --record-options: how to record so that rules can be decided. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replay/cmd_rules.h"
#include "replay/needs.h"
#include "replay/rule_text.h"

/* Options as words of a command line. */
struct words {
	char **v;
	unsigned n;
};

static void words_done(struct words *w)
{
	for (unsigned i = 0; i < w->n; i++)
		free(w->v[i]);
	free(w->v);
}

static int add_word(struct words *w, const char *text)
{
	char **v = reallocarray(w->v, w->n + 1u, sizeof(*v)), *copy;

	if (!v)
		return -ENOMEM;
	w->v = v;
	copy = strdup(text);
	if (!copy)
		return -ENOMEM;
	w->v[w->n++] = copy;
	return 0;
}

static int add_option(struct words *w, const char *option, const char *value)
{
	int r = add_word(w, option);

	return r == 0 && value ? add_word(w, value) : r;
}

static int add_number(struct words *w, const char *option, uint32_t value)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", value);
	return add_option(w, option, text);
}

/* Whatever the classes, what a model of the machine needs is recorded. */
static int add_classes(struct words *w, uint32_t classes)
{
	char text[256] = "";

	for (const struct reel_class *c = reel_classes; c->name; c++) {
		if (!(classes >> c->id & 1) || c->id == EV_CLASS_sys)
			continue;
		if (*text)
			strncat(text, ",", sizeof(text) - strlen(text) - 1);
		strncat(text, c->name, sizeof(text) - strlen(text) - 1);
	}
	return add_option(w, "-e", *text ? text : "process");
}

static int add_calls(struct words *w, const struct needs *n)
{
	char *list;
	size_t used = 0, room = 8;
	int r;

	if (n->all_calls || !n->calls.n)
		return n->all_calls ? add_option(w, "--syscalls", "all") : 0;
	for (uint32_t i = 0; i < n->calls.n; i++)
		room += strlen(n->calls.v[i]) + 1;
	list = calloc(room, 1);
	for (uint32_t i = 0; list && i < n->calls.n; i++)
		used += (size_t)snprintf(list + used, room - used, "%s%s", i ? "," : "",
					 n->calls.v[i]);
	r = list ? add_option(w, "--syscalls", list) : -ENOMEM;
	free(list);
	return r;
}

static int make_words(struct words *w, const struct needs *n)
{
	int r = add_classes(w, n->classes);

	if (r == 0)
		r = add_calls(w, n);
	if (r == 0 && n->reads_io)
		r = add_option(w, "--io", "all");
	if (r == 0 && n->content)
		r = add_number(w, "--content", n->content);
	if (r == 0 && n->max_arg)
		r = add_number(w, "--max-arg", n->max_arg);
	for (uint32_t i = 0; r == 0 && i < n->env.n; i++)
		r = add_option(w, "--env", n->env.v[i]);
	if (r == 0 && n->hash)
		r = add_word(w, "--hash");
	return r;
}

/* What no option covers ------------------------------------------------------------------------ */

static void put_gap_text(struct reel_out *o, const struct rules *rules, const struct needs_gap *g)
{
	out_str(o, "# ");
	rules_put_place(o, g->rule->file, g->line);
	out_str(o, ": ");
	if (g->leaf >= 0)
		rule_text_leaf(o, &rules->leaves[g->leaf]);
	else
		out_text_string(o, g->rule->id, strlen(g->rule->id));
	out_str(o, g->leaf >= 0 ? " " : ": ");
	out_str(o, g->why);
	out_char(o, '\n');
}

static int put_gap_json(struct reel_out *o, const struct rules *rules, const struct needs_gap *g)
{
	struct reel_json j = { .out = o };
	struct reel_out text;
	int r = 0;

	json_begin(&j, NULL, '{');
	json_str(&j, "file", g->rule->file);
	json_u64(&j, "line", g->line);
	json_str(&j, "rule", g->rule->id);
	if (g->leaf >= 0) {
		r = out_init_mem(&text);
		if (r < 0)
			return r;
		rule_text_leaf(&text, &rules->leaves[g->leaf]);
		r = out_error(&text);
		if (r == 0)
			json_bytes(&j, "test", text.buf, text.len);
		out_done(&text);
	}
	json_str(&j, "reason", g->why);
	json_end(&j, '}');
	out_char(o, '\n');
	return r;
}

static const char folds_why[] = "some rules need each read and write, others the totals that there "
				"are only without --io all";

static void put_text(struct reel_out *o, const struct rules *rules, const struct needs *n,
		     const struct words *w)
{
	for (unsigned i = 0; i < w->n; i++) {
		if (i)
			out_char(o, ' ');
		out_str(o, w->v[i]);
	}
	out_char(o, '\n');
	for (uint32_t i = 0; i < n->n_gaps; i++)
		put_gap_text(o, rules, &n->gaps[i]);
	if (n->folds && n->reads_io) {
		out_str(o, "# ");
		out_str(o, folds_why);
		out_char(o, '\n');
	}
	if (n->n_args) {
		out_str(o, "# command lines are looked at by ");
		out_u64(o, n->n_args);
		out_str(o, n->n_args == 1 ? " test" : " tests");
		out_str(o, ": what is longer than --max-arg, 16383 at most, is cut\n");
	}
}

static int put_json(struct reel_out *o, const struct rules *rules, const struct needs *n,
		    const struct words *w)
{
	struct reel_json j = { .out = o };
	int r = 0;

	json_begin(&j, NULL, '{');
	json_begin(&j, "options", '[');
	for (unsigned i = 0; i < w->n; i++)
		json_str(&j, NULL, w->v[i]);
	json_end(&j, ']');
	json_bool(&j, "totals_conflict", n->folds && n->reads_io);
	json_u64(&j, "command_line_tests", n->n_args);
	json_end(&j, '}');
	out_char(o, '\n');
	for (uint32_t i = 0; r == 0 && i < n->n_gaps; i++)
		r = put_gap_json(o, rules, &n->gaps[i]);
	return r;
}

int rules_put_record_options(struct reel_out *o, const struct rules_options *options,
			     struct rules *rules, struct reel_err *err)
{
	uint64_t *extents = calloc(rules->n + 1u, sizeof(*extents));
	struct reads *reads = extents ? reads_new(rules, extents) : NULL;
	struct needs needs = { 0 };
	struct words words = { .n = 0 };
	int r = reads ? 0 : -ENOMEM;

	for (uint32_t i = 0; r == 0 && i < rules->n; i++)
		r = needs_add(&needs, rules, reads, i);
	if (r == 0)
		r = make_words(&words, &needs);
	if (r == 0 && options->format == RULES_JSON)
		r = put_json(o, rules, &needs, &words);
	else if (r == 0)
		put_text(o, rules, &needs, &words);
	words_done(&words);
	needs_done(&needs);
	free(reads);
	free(extents);
	return r < 0 ? reel_err_set(err, r, "no memory for options") : 0;
}
