/* SPDX-License-Identifier: BSD-2-Clause */
/* reel rules: do rules compile, and which are there. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "format/outcome.h"
#include "replay/cmd_rules.h"

static const struct reel_option rules_table[] = {
	{ "format", 0, NULL, REEL_OPT_CHOICE, offsetof(struct rules_options, format),
	  "how to print them (default: text)", .choices = "text|json" },
	{ "json", 0, NULL, REEL_OPT_SET, offsetof(struct rules_options, format),
	  "same as --format json", .value = RULES_JSON },
	{ "for", 0, "CAPTURE", REEL_OPT_LIST, offsetof(struct rules_options, captures),
	  "whether this capture can decide them; may be repeated" },
	{ "record-options", 0, NULL, REEL_OPT_FLAG, offsetof(struct rules_options, record_options),
	  "with which options of reel record they can be decided" },
	{ 0 },
};

static const char *const languages[] = {
	[RULE_POLICY] = "policy",
	[RULE_SIGMA] = "sigma",
	[RULE_FALCO] = "falco",
};

/* Text ----------------------------------------------------------------------------------------- */

void rules_put_column(struct reel_out *o, const char *text, size_t width)
{
	size_t before = o->len;

	out_text_string(o, text, strlen(text));
	/* A flush in between costs no more than a crooked column. */
	while (o->len > before && o->len - before < width)
		out_char(o, ' ');
	out_str(o, "  ");
}

void rules_put_place(struct reel_out *o, const char *file, uint32_t line)
{
	out_text_string(o, file, strlen(file));
	out_char(o, ':');
	out_u64(o, line);
}

static void put_counted(struct reel_out *o, uint64_t n, const char *what)
{
	out_u64(o, n);
	out_char(o, ' ');
	out_str(o, what);
	if (n != 1)
		out_char(o, 's');
}

/* Of its file, which gives no rules. */
static bool is_first_error(const struct rules *r, uint32_t number)
{
	if (!r->notes[number].is_error)
		return false;
	for (uint32_t i = 0; i < number; i++)
		if (r->notes[i].is_error && strcmp(r->notes[i].file, r->notes[number].file) == 0)
			return false;
	return true;
}

static void put_text(struct reel_out *o, const struct rules *r)
{
	size_t widest = 0;

	for (uint32_t i = 0; i < r->n; i++) {
		size_t n = strlen(r->list[i].title);

		widest = n > widest && n <= 48 ? n : widest;
	}
	for (uint32_t i = 0; i < r->n; i++) {
		const struct rule *rule = &r->list[i];

		rules_put_column(o, rule->why_not ? "unsupported" : "loaded", 8);
		rules_put_column(o, rule_severity_names[rule->severity], 13);
		rules_put_column(o, rule->title, widest);
		rules_put_place(o, rule->file, rule->line);
		if (rule->why_not) {
			out_str(o, "  ");
			out_text_string(o, rule->why_not, strlen(rule->why_not));
		}
		out_char(o, '\n');
	}
	for (uint32_t i = 0; i < r->n_notes; i++) {
		if (!is_first_error(r, i))
			continue;
		rules_put_column(o, "rejected", 8);
		out_text_string(o, r->notes[i].file, strlen(r->notes[i].file));
		out_char(o, '\n');
	}
	for (uint32_t i = 0; i < r->n_notes; i++) {
		const struct rule_note *n = &r->notes[i];

		rules_put_place(o, n->file, n->line);
		out_char(o, ':');
		out_u64(o, n->column);
		out_str(o, n->is_error ? ": error: " : ": warning: ");
		/* It quotes what stands in the file, which may be anything. */
		for (const char *c = n->text; *c; c++)
			out_char(o, (unsigned char)*c < ' ' || *c == 0x7f ? '?' : *c);
		out_char(o, '\n');
	}
	put_counted(o, r->n, "rule");
	if (r->n_tunes) {
		out_str(o, ", ");
		put_counted(o, r->n_tunes, "tune");
	}
	out_str(o, " from ");
	put_counted(o, r->n_files, "file");
	out_str(o, ", ");
	out_u64(o, r->n_rejected);
	out_str(o, " rejected; ");
	put_counted(o, r->n_errors, "error");
	out_str(o, ", ");
	put_counted(o, r->n_notes - (r->n_errors < r->n_notes ? r->n_errors : r->n_notes),
		    "warning");
	out_char(o, '\n');
}

/* JSON ----------------------------------------------------------------------------------------- */

static void put_rule_json(struct reel_out *o, const struct rule *rule)
{
	struct reel_json j = { .out = o };

	json_begin(&j, NULL, '{');
	json_str(&j, "file", rule->file);
	json_u64(&j, "line", rule->line);
	json_str(&j, "id", rule->id);
	json_str(&j, "title", rule->title);
	json_str(&j, "language", languages[rule->language]);
	json_str(&j, "severity", rule_severity_names[rule->severity]);
	json_begin(&j, "tags", '[');
	for (uint32_t i = 0; i < rule->tags.n; i++)
		json_str(&j, NULL, rule->tags.v[i]);
	json_end(&j, ']');
	json_str(&j, "status", rule->why_not ? "unsupported" : "loaded");
	if (rule->why_not)
		json_str(&j, "reason", rule->why_not);
	json_end(&j, '}');
	out_char(o, '\n');
}

/* What is said of files has no id. */
static void put_note_json(struct reel_out *o, const struct rule_note *n)
{
	struct reel_json j = { .out = o };

	json_begin(&j, NULL, '{');
	json_str(&j, "file", n->file);
	json_u64(&j, "line", n->line);
	json_u64(&j, "column", n->column);
	json_str(&j, "status", n->is_error ? "rejected" : "warning");
	json_str(&j, "reason", n->text);
	json_end(&j, '}');
	out_char(o, '\n');
}

static void put_json(struct reel_out *o, const struct rules *r)
{
	for (uint32_t i = 0; i < r->n; i++)
		put_rule_json(o, &r->list[i]);
	for (uint32_t i = 0; i < r->n_notes; i++)
		put_note_json(o, &r->notes[i]);
}

/* The command ---------------------------------------------------------------------------------- */

static int load(struct rules **ret, const struct reel_args *args, struct reel_err *err)
{
	int r = rules_new(ret, err);

	for (int i = 0; i < args->n && r == 0; i++)
		r = rules_load(*ret, args->v[i], err);
	return r < 0 ? r : rules_finish(*ret, err);
}

/* Rules that do not compile leave nothing to be said about captures. */
static int say_errors(const struct reel_command *self, const struct rules *r)
{
	struct reel_err err = { 0 };

	for (uint32_t i = 0; i < r->n_notes; i++)
		if (r->notes[i].is_error)
			fprintf(stderr, "%s:%u:%u: error: %s\n", r->notes[i].file, r->notes[i].line,
				r->notes[i].column, r->notes[i].text);
	reel_err_set(&err, -EINVAL, "%u of %u files of rules do not compile", r->n_rejected,
		     r->n_files);
	return reel_command_fail(self, REEL_STATUS_USAGE, &err);
}

static int show(const struct reel_command *self, const struct rules_options *o, struct rules *r)
{
	struct reel_err err = { 0 };
	struct reel_out out;
	int status = r->n_rejected ? REEL_STATUS_USAGE : REEL_STATUS_OK, result = 0;

	if (r->n_rejected && (o->record_options || o->captures.n))
		return say_errors(self, r);

	if (out_init(&out, STDOUT_FILENO) < 0) {
		(void)reel_err_set(&err, -ENOMEM, "no memory for the output");
		return reel_command_fail(self, REEL_STATUS_IO, &err);
	}
	if (o->record_options)
		result = rules_put_record_options(&out, o, r, &err);
	else if (o->captures.n)
		result = rules_put_for(&out, o, r, &err);
	else if (o->format == RULES_JSON)
		put_json(&out, r);
	else
		put_text(&out, r);
	if (result < 0)
		status = reel_command_fail(self, reel_status_of(result), &err);
	else if (out_flush(&out) < 0) {
		(void)reel_err_set(&err, out_error(&out), "cannot write to standard output: %s",
				   strerror(-out_error(&out)));
		status = reel_command_fail(self, REEL_STATUS_IO, &err);
	}
	out_done(&out);
	return status;
}

static int rules_run(const struct reel_command *self, int argc, char **argv)
{
	struct rules_options o = { 0 };
	struct reel_err err = { 0 };
	struct rules *r = NULL;
	struct reel_args args;
	int status;

	if (!reel_command_parse(self, argc, argv, &o, &args, &status))
		return status;
	if (args.n == 0 || (o.record_options && o.captures.n)) {
		status = reel_command_misuse(self, args.n ? "--for goes without --record-options" :
							    "which rules?");
		goto out;
	}
	if (load(&r, &args, &err) < 0) {
		status = reel_command_fail(self, REEL_STATUS_IO, &err);
		goto out;
	}
	status = show(self, &o, r);
out:
	rules_free(r);
	reel_options_done(rules_table, &o);
	return status;
}

const struct reel_command reel_cmd_rules = {
	.name = "rules",
	.summary = "whether rules compile, and what they are",
	.usage = "PATH...",
	.examples = { "reel rules dropper.policy", "reel rules --json /etc/reel/policies" },
	.options = rules_table,
	.run = rules_run,
};
