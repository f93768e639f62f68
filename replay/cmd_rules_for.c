/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reel rules --for: which rules a capture can decide, by what it says of its own recording. No rule
 * is asked: only blocks of state and of gaps are read.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "replay/cmd_rules.h"
#include "replay/needs.h"
#include "replay/verdict.h"

enum { STATUS_COLUMNS = 15 };

/* Reasons, one behind the other. */
struct reasons {
	struct reel_out text;
	unsigned n;
};

static void begin_reason(struct reasons *r)
{
	if (r->n++)
		out_str(&r->text, "; ");
}

static void add_reason(struct reasons *r, const char *text)
{
	begin_reason(r);
	out_str(&r->text, text);
}

static void add_option_reason(struct reasons *r, const char *had, const char *option,
			      const char *value)
{
	begin_reason(r);
	out_str(&r->text, had);
	out_str(&r->text, ", it needs ");
	out_str(&r->text, option);
	if (value) {
		out_char(&r->text, ' ');
		out_str(&r->text, value);
	}
}

/* A capture that does not say how much it kept of something is not blamed for it. */
static void compare_number(struct reasons *r, const struct coverage *c, const char *option,
			   const char *what, uint32_t need)
{
	char had[120], value[16];
	uint64_t kept;

	for (unsigned i = 0; i < c->n; i++) {
		if (!coverage_is_filter(&c->hooks[i], option) ||
		    reel_parse_u64(c->hooks[i].reason, &kept, NULL) < 0 || kept >= need)
			continue;
		snprintf(had, sizeof(had), "%llu bytes are kept of %s", (unsigned long long)kept,
			 what);
		snprintf(value, sizeof(value), "%u", need);
		add_option_reason(r, had, option, value);
		return;
	}
}

static void compare_options(struct reasons *r, const struct coverage *c, const struct needs *n)
{
	if (n->reads_io && (coverage_has(c, "--io", "first", false)))
		add_option_reason(r, "reads and writes after the first are in totals only", "--io",
				  "all");
	compare_number(r, c, "--content", "data", n->content);
	/* What is longer is rare; a test of more than is kept is not. */
	if (n->max_arg > NEEDS_ARG_USUAL)
		compare_number(r, c, "--max-arg", "command lines", n->max_arg);
	for (uint32_t i = 0; i < n->n_gaps; i++)
		if (n->gaps[i].leaf >= 0)
			add_reason(r, n->gaps[i].why);
}

static void list_reasons(struct reasons *r, const struct verdict *v)
{
	for (unsigned i = 0; i < BLIND_REASONS; i++) {
		if (!(v->reasons >> i & 1))
			continue;
		add_reason(r, i == BLIND_FILTERED && v->why[0] ?
				      v->why :
				      blind_reason_text((enum blind_reason)i));
	}
}

const char *const rules_decidable_names[] = {
	[RULES_DECIDABLE] = "decidable",
	[RULES_PARTLY] = "partly",
	[RULES_NOT_EVALUABLE] = "not evaluable",
};

/* enum rules_decidable, or -errno. */
static int judge(struct reasons *r, const struct engine *e, const struct needs *needs,
		 uint32_t rule, struct reel_err *err)
{
	const char *partly = e->rules->list[rule].partly;
	int status = RULES_DECIDABLE;
	struct verdict v;
	int result = verdict_of(e, rule, &v, err);

	if (result < 0)
		return result;
	if (v.kind == VERDICT_NOT_EVALUABLE) {
		status = RULES_NOT_EVALUABLE;
		add_reason(r, v.why[0] ? v.why : "what it reads is not recorded");
	} else {
		list_reasons(r, &v);
		for (unsigned i = 0; i < e->n_boots && (i == 0 || !r->n); i++)
			compare_options(r, &e->boots[i]->coverage, needs);
		if (partly)
			add_reason(r, partly);
		if (r->n)
			status = RULES_PARTLY;
	}
	verdict_done(&v);
	return status;
}

static void put_text(struct reel_out *o, const struct rule *rule, const char *status,
		     const struct reasons *r)
{
	out_str(o, status);
	for (size_t n = strlen(status); n < STATUS_COLUMNS; n++)
		out_char(o, ' ');
	rules_put_place(o, rule->file, rule->line);
	out_str(o, "  ");
	out_text_string(o, rule->id, strlen(rule->id));
	if (r->n) {
		out_str(o, ": ");
		out_mem(o, r->text.buf, r->text.len);
	}
	out_char(o, '\n');
}

static void put_json(struct reel_out *o, const struct rule *rule, const char *status,
		     const struct reasons *r)
{
	struct reel_json j = { .out = o };

	json_begin(&j, NULL, '{');
	json_str(&j, "rule", rule->id);
	json_str(&j, "file", rule->file);
	json_u64(&j, "line", rule->line);
	json_str(&j, "status", status);
	if (r->n)
		json_bytes(&j, "reason", r->text.buf, r->text.len);
	json_end(&j, '}');
	out_char(o, '\n');
}

static int put_rules(struct reel_out *o, const struct rules_options *options, struct engine *e,
		     struct rules *rules, uint8_t *ret_decidable, struct reel_err *err)
{
	struct reasons reasons = { .n = 0 };
	int r = out_init_mem(&reasons.text);

	if (r < 0)
		return reel_err_set(err, r, "no memory for reasons");
	for (uint32_t i = 0; r == 0 && i < rules->n; i++) {
		struct needs needs = { 0 };
		int status = -ENOMEM;

		out_reset(&reasons.text);
		reasons.n = 0;
		r = needs_add(&needs, rules, e->reads, i);
		if (r < 0)
			reel_err_set(err, r, "no memory for reasons");
		else
			status = judge(&reasons, e, &needs, i, err);
		if (r == 0 && status < 0)
			r = status;
		if (r == 0 && ret_decidable)
			ret_decidable[i] = (uint8_t)status;
		if (r == 0 && o && options->format == RULES_JSON)
			put_json(o, &rules->list[i], rules_decidable_names[status], &reasons);
		else if (r == 0 && o)
			put_text(o, &rules->list[i], rules_decidable_names[status], &reasons);
		needs_done(&needs);
	}
	out_done(&reasons.text);
	return r;
}

static void put_scope(struct reel_out *o, const struct engine *e)
{
	const char *scope = e->n_boots ? e->boots[0]->coverage.scope : "";

	if (!*scope)
		return;
	out_str(o, "of what happened in scope only: ");
	out_text_string(o, scope, strlen(scope));
	out_char(o, '\n');
}

int rules_put_for(struct reel_out *o, const struct rules_options *options, struct rules *rules,
		  uint8_t *ret_decidable, struct reel_err *err)
{
	const struct findings_options fo = { .is_json = false };
	const struct engine_options eo = { .threads = 1, .max_state = 1, .is_survey = true };
	char **paths = calloc(options->captures.n + 1, sizeof(*paths));
	struct reel_reader *reader = NULL;
	struct findings *findings = NULL;
	struct engine *e = NULL;
	int r = paths ? 0 : reel_err_set(err, -ENOMEM, "no memory for captures");

	for (size_t i = 0; r == 0 && i < options->captures.n; i++) {
		paths[i] = strdup(options->captures.v[i]);
		if (!paths[i])
			r = reel_err_set(err, -ENOMEM, "no memory for captures");
	}
	if (r == 0)
		r = reel_reader_open_all(paths, (unsigned)options->captures.n, options->keys,
					 &reader, err);
	if (r == 0)
		r = findings_new(&fo, &findings, err);
	if (r == 0)
		r = engine_new(rules, &eo, findings, &e, err);
	if (r == 0)
		r = engine_replay(e, reader, err);
	if (r == 0)
		r = put_rules(o, options, e, rules, ret_decidable, err);
	if (r == 0 && o && options->format == RULES_TEXT)
		put_scope(o, e);
	engine_free(e);
	findings_free(findings);
	reel_reader_close(reader);
	for (size_t i = 0; paths && i < options->captures.n; i++)
		free(paths[i]);
	free(paths);
	return r;
}
