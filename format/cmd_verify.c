/* SPDX-License-Identifier: BSD-2-Clause */
/* reel verify: is every byte of a capture as it was written? */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "format/command.h"
#include "format/json.h"
#include "format/outcome.h"
#include "format/verify.h"

enum { VERIFY_TEXT, VERIFY_JSON };

struct verify_options {
	int format;
};

static const struct reel_option verify_table[] = {
	{ "format", 0, NULL, REEL_OPT_CHOICE, offsetof(struct verify_options, format),
	  "how to print it (default: text)", .choices = "text|json" },
	{ "json", 0, NULL, REEL_OPT_SET, offsetof(struct verify_options, format),
	  "same as --format json", .value = VERIFY_JSON },
	{ 0 },
};

/* The worst that is true of a capture. */
static const char *result_of(const struct reel_verified *c)
{
	if (c->n_damages)
		return "damaged";
	if (c->torn_bytes || !c->is_known)
		return "torn";
	if (c->unclean_segments)
		return "unclean";
	return "consistent";
}

static enum reel_status status_of(const struct reel_verification *v)
{
	enum reel_status status = REEL_STATUS_OK;
	bool any = false;

	for (unsigned i = 0; i < v->n; i++) {
		const struct reel_verified *c = &v->captures[i];

		if (c->n_damages)
			return REEL_STATUS_UNREADABLE;
		if (c->torn_bytes || c->unclean_segments)
			status = REEL_STATUS_INCOMPLETE;
		any |= c->is_known;
	}
	return any ? status : REEL_STATUS_UNREADABLE;
}

/* What is to be known of a capture beside its findings, as sentences from 0 on. */
static bool remark(const struct reel_verified *c, unsigned i, char *text, size_t size)
{
	/* In which there are holes by design. */
	bool is_part = c->is_derived || c->cut_segments;
	const struct {
		uint64_t n;
		const char *fmt;
	} remarks[] = {
		{ c->torn_bytes, "torn: %llu bytes behind the last whole block" },
		{ c->unclean_segments,
		  "no END: %llu of the segments, whose recorder died or was cut off" },
		{ c->is_being_written, "no END yet: it is still being written" },
		{ c->cut_segments, "cut: %llu segments hold only the blocks of a chosen time" },
		{ c->is_derived, "derived: events were chosen from another capture" },
		{ c->head_is_missing ? c->first_number : 0,
		  "begins with segment %llu: those before it are not here, and were not retired" },
		{ is_part ? 0 : c->missing_events,
		  "%llu events are missing between those that are here" },
		{ c->accounted_events, "%llu events were told as lost" },
		{ c->sealed_blocks, "%llu blocks are sealed: their tags need the key" },
		{ c->encrypted_blocks, "%llu blocks are encrypted: their events were not checked" },
	};

	for (unsigned k = 0; k < sizeof(remarks) / sizeof(remarks[0]); k++) {
		if (!remarks[k].n || i--)
			continue;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(text, size, remarks[k].fmt, (unsigned long long)remarks[k].n);
#pragma GCC diagnostic pop
		return true;
	}
	return false;
}

static void put_finding(struct reel_out *o, const struct reel_finding *f)
{
	out_str(o, f->kind == REEL_FINDING_DAMAGE ? "  damaged: " : "  note: ");
	if (f->path && f->kind == REEL_FINDING_DAMAGE) {
		out_text_string(o, f->path, strlen(f->path));
		if (f->has_sequence) {
			out_str(o, ", block ");
			out_u64(o, f->sequence);
		}
		if (f->has_place) {
			out_str(o, ", byte ");
			out_u64(o, f->offset);
		}
		out_str(o, ": ");
	}
	out_str(o, f->what);
	out_char(o, '\n');
}

static void put_counts(struct reel_out *o, const struct reel_verified *c)
{
	char size[REEL_SIZE_TEXT];

	(void)reel_size_format(c->bytes, size);
	out_str(o, "  ");
	out_u64(o, c->segments);
	out_str(o, c->segments == 1 ? " segment, " : " segments, ");
	out_u64(o, c->blocks);
	out_str(o, c->blocks == 1 ? " block, " : " blocks, ");
	out_u64(o, c->events);
	out_str(o, c->events == 1 ? " event, " : " events, ");
	out_str(o, size);
	out_str(o, "\n");
	if (!c->segments)
		return;
	out_str(o, "  blocks ");
	out_u64(o, c->first_sequence);
	out_str(o, " to ");
	out_u64(o, c->last_sequence);
	out_str(o, ", head ");
	out_hex_bytes(o, c->head, sizeof(c->head));
	out_char(o, '\n');
}

static void print_text(struct reel_out *o, const struct reel_verified *c)
{
	char text[160];

	if (c->is_known) {
		out_str(o, "capture ");
		out_hex_bytes(o, c->capture, sizeof(c->capture));
		if (*c->host) {
			out_str(o, " of ");
			out_text_string(o, c->host, strlen(c->host));
		}
	} else {
		out_str(o, "no capture");
	}
	out_str(o, ": ");
	out_str(o, result_of(c));
	out_char(o, '\n');
	put_counts(o, c);
	for (unsigned i = 0; i < c->n_findings; i++)
		put_finding(o, &c->findings[i]);
	if (c->n_damages > REEL_FINDINGS_MAX) {
		out_str(o, "  and ");
		out_u64(o, c->n_damages - REEL_FINDINGS_MAX);
		out_str(o, " more\n");
	}
	for (unsigned i = 0; remark(c, i, text, sizeof(text)); i++) {
		out_str(o, "  note: ");
		out_str(o, text);
		out_char(o, '\n');
	}
}

static void json_findings(struct reel_json *j, const struct reel_verified *c)
{
	char text[160];

	json_u64(j, "damages", c->n_damages);
	json_begin(j, "findings", '[');
	for (unsigned i = 0; i < c->n_findings; i++) {
		const struct reel_finding *f = &c->findings[i];

		json_begin(j, NULL, '{');
		json_str(j, "kind", f->kind == REEL_FINDING_DAMAGE ? "damage" : "note");
		if (f->path)
			json_str(j, "file", f->path);
		if (f->has_sequence)
			json_u64(j, "block", f->sequence);
		if (f->has_place)
			json_u64(j, "offset", f->offset);
		json_str(j, "what", f->what);
		json_end(j, '}');
	}
	json_end(j, ']');
	json_begin(j, "notes", '[');
	for (unsigned i = 0; remark(c, i, text, sizeof(text)); i++)
		json_str(j, NULL, text);
	json_end(j, ']');
}

static void print_json(struct reel_out *o, const struct reel_verified *c)
{
	struct reel_json j = { o, false };

	json_begin(&j, NULL, '{');
	json_key(&j, "capture");
	if (c->is_known) {
		out_char(o, '"');
		out_hex_bytes(o, c->capture, sizeof(c->capture));
		out_char(o, '"');
	} else {
		out_str(o, "null");
	}
	json_str(&j, "host", c->host);
	json_str(&j, "result", result_of(c));
	json_u64(&j, "segments", c->segments);
	json_u64(&j, "first_segment", c->first_number);
	json_u64(&j, "last_segment", c->last_number);
	json_u64(&j, "blocks", c->blocks);
	json_u64(&j, "events", c->events);
	json_u64(&j, "bytes", c->bytes);
	json_u64(&j, "first_block", c->first_sequence);
	json_u64(&j, "last_block", c->last_sequence);
	json_hex(&j, "head", c->head, sizeof(c->head));
	json_u64(&j, "torn_bytes", c->torn_bytes);
	json_u64(&j, "unclean_segments", c->unclean_segments);
	json_u64(&j, "missing_events", c->missing_events);
	json_u64(&j, "accounted_events", c->accounted_events);
	json_bool(&j, "being_written", c->is_being_written);
	json_bool(&j, "head_missing", c->head_is_missing);
	json_bool(&j, "cut", c->cut_segments != 0);
	json_bool(&j, "derived", c->is_derived);
	json_findings(&j, c);
	json_end(&j, '}');
	out_char(o, '\n');
}

static int print_all(const struct reel_command *self, const struct reel_verification *v,
		     bool as_json)
{
	struct reel_out out = { 0 };
	struct reel_err err;
	int r = out_init(&out, STDOUT_FILENO);

	for (unsigned i = 0; r == 0 && i < v->n; i++) {
		if (as_json)
			print_json(&out, &v->captures[i]);
		else
			print_text(&out, &v->captures[i]);
	}
	if (r == 0)
		r = out_flush(&out);
	out_done(&out);
	if (r == 0)
		return REEL_STATUS_OK;
	reel_err_set(&err, r, "cannot write: %s", strerror(-r));
	return reel_command_fail(self, REEL_STATUS_IO, &err);
}

static int verify_run(const struct reel_command *self, int argc, char **argv)
{
	struct verify_options o = { 0 };
	struct reel_verification *v = NULL;
	struct reel_err err = { 0 };
	struct reel_args args;
	int status, r;

	if (!reel_command_parse(self, argc, argv, &o, &args, &status))
		return status;
	if (args.n == 0) {
		status = reel_command_misuse(self, "which capture?");
		goto out;
	}
	reel_command_confine_to(self, &args);
	r = reel_verify(args.v, (unsigned)args.n, &v, &err);
	if (r < 0) {
		status = reel_command_fail(self, reel_status_of(r), &err);
		goto out;
	}
	status = print_all(self, v, o.format == VERIFY_JSON);
	if (status == REEL_STATUS_OK)
		status = (int)status_of(v);
out:
	reel_verification_free(v);
	reel_options_done(verify_table, &o);
	return status;
}

const struct reel_command reel_cmd_verify = {
	.name = "verify",
	.summary = "whether every byte of a capture is as it was written",
	.usage = "CAPTURE...",
	.examples = { "reel verify web1.reel", "reel verify --json web1.reel | jq .result" },
	.options = verify_table,
	.run = verify_run,
};
