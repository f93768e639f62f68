/* SPDX-License-Identifier: BSD-2-Clause */
/* reel rules: do rules compile, and which are there. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "format/key_option.h"
#include "format/outcome.h"
#include "replay/cmd_rules.h"

static const struct reel_option rules_table[] = {
	{ "format", 0, NULL, REEL_OPT_CHOICE, offsetof(struct rules_options, format),
	  "how to print them (default: text)", .choices = "text|json|navigator" },
	{ "json", 0, NULL, REEL_OPT_SET, offsetof(struct rules_options, format),
	  "same as --format json", .value = RULES_JSON },
	{ "for", 0, "CAPTURE", REEL_OPT_LIST, offsetof(struct rules_options, captures),
	  "whether this capture can decide them; may be repeated" },
	REEL_KEY_OPTION(offsetof(struct rules_options, key_files)),
	{ "falco-fields", 0, NULL, REEL_OPT_FLAG, offsetof(struct rules_options, falco_fields),
	  "what the fields of Falco's rules are here; without a PATH" },
	{ "coverage", 0, NULL, REEL_OPT_FLAG, offsetof(struct rules_options, coverage),
	  "which techniques of ATT&CK they look for; with --for: and it can decide" },
	{ "record-options", 0, NULL, REEL_OPT_FLAG, offsetof(struct rules_options, record_options),
	  "with which options of reel record they can be decided" },
	{ 0 },
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

/* Words that need no quotes, whatever stands in them. */
static void put_words(struct reel_out *o, const char *words, size_t width)
{
	size_t n = strlen(words);

	out_str(o, words);
	for (; n < width; n++)
		out_char(o, ' ');
	out_str(o, "  ");
}

static void put_counted(struct reel_out *o, uint64_t n, const char *what)
{
	out_u64(o, n);
	out_char(o, ' ');
	out_str(o, what);
	if (n != 1)
		out_char(o, 's');
}

/* Of its file, which gives no rules: a policy's. */
static bool is_first_error(const struct rules *r, uint32_t number)
{
	const char *file = r->notes[number].file;

	if (!r->notes[number].is_error)
		return false;
	for (uint32_t i = 0; i < number; i++)
		if (r->notes[i].is_error && strcmp(r->notes[i].file, file) == 0)
			return false;
	for (uint32_t i = 0; i < r->n_rejected_rules; i++)
		if (strcmp(r->rejected[i].file, file) == 0)
			return false;
	return true;
}

static void put_reason(struct reel_out *o, const char *reason)
{
	out_str(o, "  ");
	/* It quotes what stands in the file, which may be anything. */
	for (const char *c = reason; *c; c++)
		out_char(o, (unsigned char)*c < ' ' || *c == 0x7f ? '?' : *c);
	out_char(o, '\n');
}

static const char *status_of(const struct rule *rule)
{
	return rule->why_not ? "not evaluable" : "loaded";
}

/* What a rule that is loaded cannot do, if anything. */
static const char *reason_of(const struct rule *rule)
{
	return rule->why_not ? rule->why_not : rule->partly;
}

static void put_rules_text(struct reel_out *o, const struct rules *r, size_t width)
{
	size_t widest = 0;

	for (uint32_t i = 0; i < r->n; i++) {
		size_t n = strlen(r->list[i].title);

		widest = n > widest && n <= 48 ? n : widest;
	}
	for (uint32_t i = 0; i < r->n; i++) {
		const struct rule *rule = &r->list[i];

		put_words(o, status_of(rule), width);
		rules_put_column(o, rule_severity_names[rule->severity], 13);
		rules_put_column(o, rule->title, widest);
		rules_put_place(o, rule->file, rule->line);
		if (reason_of(rule))
			put_reason(o, reason_of(rule));
		else
			out_char(o, '\n');
	}
	for (uint32_t i = 0; i < r->n_rejected_rules; i++) {
		const struct rule_rejected *one = &r->rejected[i];

		put_words(o, rule_absence_names[one->absence], width);
		put_words(o, "", 13);
		rules_put_column(o, one->title ? one->title : "", widest);
		rules_put_place(o, one->file, one->line);
		put_reason(o, one->reason);
	}
}

static void put_absent(struct reel_out *o, const uint32_t absent[RULE_ABSENCES],
		       enum rule_absence absence)
{
	if (!absent[absence])
		return;
	out_str(o, ", ");
	out_u64(o, absent[absence]);
	out_char(o, ' ');
	out_str(o, rule_absence_names[absence]);
}

/* Where there are languages beside policies. */
static void put_totals(struct reel_out *o, const struct rules *r)
{
	for (unsigned language = 0; language <= RULE_FALCO; language++) {
		uint32_t loaded = 0, partly = 0, not_evaluable = 0;
		uint32_t absent[RULE_ABSENCES] = { 0 }, rejected;

		for (uint32_t i = 0; i < r->n; i++) {
			const struct rule *rule = &r->list[i];

			if (rule->language != language)
				continue;
			loaded += !rule->why_not;
			partly += !rule->why_not && rule->partly;
			not_evaluable += rule->why_not != NULL;
		}
		for (uint32_t i = 0; i < r->n_rejected_rules; i++)
			absent[r->rejected[i].absence] += r->rejected[i].language == language;
		loaded += absent[RULE_PART];
		rejected = absent[RULE_WRONG] + absent[RULE_UNSUPPORTED];
		if (language == RULE_POLICY || loaded + not_evaluable + rejected +
							       absent[RULE_DISABLED] +
							       absent[RULE_SKIPPED] ==
						       0)
			continue;
		out_str(o, rule_language_names[language]);
		out_str(o, ": ");
		out_u64(o, loaded);
		out_str(o, " loaded (");
		out_u64(o, partly);
		out_str(o, " of them in part), ");
		out_u64(o, not_evaluable);
		out_str(o, " not evaluable, ");
		out_u64(o, rejected);
		out_str(o, " rejected");
		put_absent(o, absent, RULE_DISABLED);
		put_absent(o, absent, RULE_SKIPPED);
		out_char(o, '\n');
	}
}

static void put_text(struct reel_out *o, const struct rules *r)
{
	size_t width = sizeof("loaded") - 1;

	for (uint32_t i = 0; i < r->n; i++)
		if (r->list[i].why_not)
			width = sizeof("not evaluable") - 1;
	if (width < sizeof("rejected") - 1 && (r->n_rejected_rules || r->n_errors))
		width = sizeof("rejected") - 1;
	put_rules_text(o, r, width > 8 ? width : 8);
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
	put_totals(o, r);
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
	json_str(&j, "language", rule_language_names[rule->language]);
	json_str(&j, "severity", rule_severity_names[rule->severity]);
	json_begin(&j, "tags", '[');
	for (uint32_t i = 0; i < rule->tags.n; i++)
		json_str(&j, NULL, rule->tags.v[i]);
	json_end(&j, ']');
	json_str(&j, "status", status_of(rule));
	if (reason_of(rule))
		json_str(&j, "reason", reason_of(rule));
	json_end(&j, '}');
	out_char(o, '\n');
}

static void put_rejected_json(struct reel_out *o, const struct rule_rejected *one)
{
	struct reel_json j = { .out = o };

	json_begin(&j, NULL, '{');
	json_str(&j, "file", one->file);
	json_u64(&j, "line", one->line);
	if (one->id)
		json_str(&j, "id", one->id);
	if (one->title)
		json_str(&j, "title", one->title);
	json_str(&j, "language", rule_language_names[one->language]);
	json_str(&j, "status", rule_absence_names[one->absence]);
	json_str(&j, "reason", one->reason);
	json_bool(&j, "is_error", one->absence == RULE_WRONG);
	json_end(&j, '}');
	out_char(o, '\n');
}

/* Whether it was said of a rule already. */
static bool is_said(const struct rules *r, const struct rule_note *n)
{
	if (!n->is_error)
		return false;
	for (uint32_t i = 0; i < r->n_rejected_rules; i++)
		if (r->rejected[i].line == n->line && strcmp(r->rejected[i].file, n->file) == 0)
			return true;
	return false;
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
	for (uint32_t i = 0; i < r->n_rejected_rules; i++)
		put_rejected_json(o, &r->rejected[i]);
	for (uint32_t i = 0; i < r->n_notes; i++)
		if (!is_said(r, &r->notes[i]))
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

	if (r->n_errors > r->n_skipped && (o->record_options || o->captures.n || o->coverage))
		return say_errors(self, r);

	if (out_init(&out, STDOUT_FILENO) < 0) {
		(void)reel_err_set(&err, -ENOMEM, "no memory for the output");
		return reel_command_fail(self, REEL_STATUS_IO, &err);
	}
	if (o->falco_fields)
		rules_put_fields(&out);
	else if (o->record_options)
		result = rules_put_record_options(&out, o, r, &err);
	else if (o->coverage)
		result = rules_put_coverage(&out, o, r, &err);
	else if (o->captures.n)
		result = rules_put_for(&out, o, r, NULL, &err);
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
	struct confine_reader reader = { .reads_anywhere = true };
	struct rules_options o = { 0 };
	struct reel_err err = { 0 };
	struct rules *r = NULL;
	struct reel_args args;
	int status;

	if (!reel_command_parse(self, argc, argv, &o, &args, &status))
		return status;
	if ((args.n == 0 && !o.falco_fields) || (o.record_options && o.captures.n)) {
		status = reel_command_misuse(self, args.n ? "--for goes without --record-options" :
							    "which rules?");
		goto out;
	}
	if (o.format == RULES_NAVIGATOR && !o.coverage) {
		status = reel_command_misuse(self, "--format navigator is for --coverage");
		goto out;
	}
	/* A policy may name other files. */
	confine_reader_begin(&reader);
	reel_command_confine(self, &args.common, &reader);
	if (load(&r, &args, &err) < 0) {
		status = reel_command_fail(self, REEL_STATUS_IO, &err);
		goto out;
	}
	status = (int)reel_key_option_load(self, &o.key_files, &o.keys);
	if (status == REEL_STATUS_OK)
		status = show(self, &o, r);
out:
	reel_keys_free(o.keys);
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
