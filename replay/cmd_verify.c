/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reel verify: is every byte of a capture as it was written, and did a case come from it?
 *
 * What is verified of a capture is format's. The command is here since a case can only be proven by
 * making it again, which takes the whole of replay/, and rooms know each other one way only.
 */
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "format/json.h"
#include "format/key_option.h"
#include "format/outcome.h"
#include "format/verify.h"
#include "format/verify_show.h"
#include "replay/cmd_verify.h"

#define AT(field) offsetof(struct verify_options, field)

static const struct reel_option verify_table[] = {
	{ "case", 0, "CASE.db", REEL_OPT_STRING, AT(of_case),
	  "prove that this case came from these captures, or from those that it names",
	  .heading = "A case" },
	{ "rules", 'r', "PATH", REEL_OPT_LIST, AT(rules),
	  "and from these rules, rather than those that it names; may be repeated" },
	{ "threads", 'j', "N", REEL_OPT_U32, AT(threads),
	  "replay on N threads (default: one for each CPU)" },
	{ "key", 0, "FILE", REEL_OPT_LIST, AT(keys),
	  "the root of a host, to check seals with, or a secret key that opens it; "
	  "may be repeated",
	  .heading = "A seal" },
	{ "anchors", 0, "FILE", REEL_OPT_LIST, AT(anchors),
	  "lines of reel-anchor to compare with, as a log has them; may be repeated" },
	{ "format", 0, NULL, REEL_OPT_CHOICE, AT(format), "how to print it (default: text)",
	  .heading = "What to show", .choices = "text|json" },
	{ "json", 0, NULL, REEL_OPT_SET, AT(format), "same as --format json",
	  .value = VERIFY_JSON },
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
	return c->seal.is_whole ? "sealed" : "consistent";
}

static enum reel_status status_of(const struct reel_verification *v)
{
	enum reel_status status = REEL_STATUS_OK;
	bool any = false;

	for (unsigned i = 0; i < v->n; i++) {
		const struct reel_verified *c = &v->captures[i];

		if (c->n_damages)
			return REEL_STATUS_UNREADABLE;
		if (c->torn_bytes || c->unclean_segments || c->seal.anchors_are_ahead ||
		    (c->seal.is_expected && !c->seal.is_whole))
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
		{ c->head_is_unknown ? c->first_number : 0,
		  "begins with segment %llu: whether those before it were retired is encrypted" },
		{ is_part ? 0 : c->missing_events,
		  "%llu events are missing between those that are here" },
		{ c->accounted_events, "%llu events were told as lost" },
		{ c->seal.is_expected ? 0 : c->sealed_blocks,
		  "%llu blocks are sealed: their tags need the key" },
		{ c->encrypted_blocks - c->opened_blocks,
		  "%llu blocks are encrypted: their events were not checked" },
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
	reel_verified_seal_text(o, c);
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
	reel_verified_seal_json(&j, c);
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

/* A root that nothing opens would be as if it were not there. */
static int open_roots(const struct reel_keys *keys, struct reel_err *err)
{
	uint8_t host[REEL_KEY_ID_BYTES], root[REEL_KEY_BYTES];
	const char *name, *path;

	for (unsigned i = 0; reel_keys_root(keys, i, host, &name, &path); i++) {
		int r = reel_keys_host(keys, host, root);

		sodium_memzero(root, sizeof(root));
		if (r == -ENOKEY)
			return reel_err_set(err, r,
					    "%s: it is boxed to other keys than those that are "
					    "given with --key",
					    path);
		if (r < 0)
			return reel_err_set(err, r, "%s: what is in it does not open", path);
	}
	return 0;
}

static int load(const struct reel_command *self, const struct verify_options *o,
		struct reel_keys **keys, struct reel_anchors *anchors)
{
	enum reel_status status = reel_key_option_load(self, &o->keys, keys);
	struct reel_err err = { 0 };
	int r;

	if (status != REEL_STATUS_OK)
		return status;
	if (open_roots(*keys, &err) < 0)
		return reel_command_fail(self, REEL_STATUS_USAGE, &err);
	for (size_t i = 0; i < o->anchors.n; i++) {
		r = reel_anchors_read(anchors, o->anchors.v[i], &err);
		if (r < 0)
			return reel_command_fail(self,
						 r == -EBADMSG ? REEL_STATUS_USAGE : REEL_STATUS_IO,
						 &err);
	}
	return REEL_STATUS_OK;
}

static int verify_run(const struct reel_command *self, int argc, char **argv)
{
	struct verify_options o = { 0 };
	struct reel_verification *v = NULL;
	struct reel_anchors anchors = { 0 };
	struct reel_keys *keys = NULL;
	struct reel_err err = { 0 };
	struct reel_args args;
	int status, r;

	if (!reel_command_parse(self, argc, argv, &o, &args, &status))
		return status;
	if (!o.of_case && (args.n == 0 || o.rules.n || o.threads)) {
		status = reel_command_misuse(self, args.n ? "-r and -j go with --case" :
							    "which capture?");
		goto out;
	}
	status = load(self, &o, &keys, &anchors);
	if (status != REEL_STATUS_OK)
		goto out;
	if (o.of_case) {
		status = verify_case(self, &o, &args, keys);
		goto out;
	}
	reel_command_confine_to(self, &args);
	r = reel_verify(args.v, (unsigned)args.n,
			&(struct reel_verify_with){ keys, o.anchors.n ? &anchors : NULL }, &v,
			&err);
	if (r < 0) {
		status = reel_command_fail(self, reel_status_of(r), &err);
		goto out;
	}
	status = print_all(self, v, o.format == VERIFY_JSON);
	if (status == REEL_STATUS_OK)
		status = (int)status_of(v);
out:
	reel_verification_free(v);
	reel_anchors_done(&anchors);
	reel_keys_free(keys);
	reel_options_done(verify_table, &o);
	return status;
}

const struct reel_command reel_cmd_verify = {
	.name = "verify",
	.summary = "whether a capture is as it was written, and a case what came of it",
	.usage = "CAPTURE...|--case CASE.db [CAPTURE...]",
	.examples = { "reel verify --key web1.root --key ann.key web1.reel",
		      "reel verify --case incident.db -r policies/ web1.reel" },
	.options = verify_table,
	.run = verify_run,
};
