/* SPDX-License-Identifier: BSD-2-Clause */
/* reel info: what a capture holds, what it lost, and whether it is complete. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "format/command.h"
#include "format/key_option.h"
#include "format/out.h"
#include "format/outcome.h"
#include "format/summary_show.h"

enum { INFO_TEXT, INFO_JSON };

struct info_options {
	int format;
	struct reel_strings keys;
};

static const struct reel_option info_table[] = {
	{ "format", 0, NULL, REEL_OPT_CHOICE, offsetof(struct info_options, format),
	  "how to print it (default: text)", .choices = "text|json" },
	{ "json", 0, NULL, REEL_OPT_SET, offsetof(struct info_options, format),
	  "same as --format json", .value = INFO_JSON },
	REEL_KEY_OPTION(offsetof(struct info_options, keys)),
	{ 0 },
};

static int print_all(const struct reel_command *self, const struct reel_reader *reader,
		     const struct reel_summary *list, bool as_json, bool verbose)
{
	struct reel_out out = { 0 };
	struct reel_err err;
	int r = out_init(&out, STDOUT_FILENO);

	for (unsigned i = 0; r == 0 && i < reader->n_sources; i++) {
		if (as_json) {
			reel_summary_put_json(&out, reader, &list[i]);
			continue;
		}
		if (i)
			out_char(&out, '\n');
		reel_summary_put_text(&out, reader, &list[i], verbose);
	}
	if (r == 0)
		r = out_flush(&out);
	out_done(&out);
	if (r == 0)
		return REEL_STATUS_OK;
	reel_err_set(&err, r, "cannot write: %s", strerror(-r));
	return reel_command_fail(self, REEL_STATUS_IO, &err);
}

static enum reel_status judge(const struct reel_reader *r, const struct reel_summary *list,
			      const struct reel_health *health)
{
	uint64_t readable = 0;
	bool complete = true;

	for (unsigned i = 0; i < r->n_sources; i++) {
		complete &= list[i].ending == REEL_COMPLETE && !list[i].lost &&
			    !list[i].closed_segments;
		for (unsigned k = 0; k < list[i].source->n_segments; k++) {
			const struct reel_segment *s =
				&r->segments[list[i].source->first_segment + k];

			readable += s->schema != NULL || s->is_closed;
		}
	}
	if (!readable && health->n_damages)
		return REEL_STATUS_UNREADABLE;
	return complete ? REEL_STATUS_OK : REEL_STATUS_INCOMPLETE;
}

static int info_captures(const struct reel_command *self, const struct info_options *o,
			 const struct reel_args *args)
{
	struct reel_health *health = malloc(sizeof(*health));
	struct reel_summary *list = NULL;
	struct reel_reader *r = NULL;
	struct reel_keys *keys = NULL;
	char line[REEL_HEALTH_LINE];
	struct reel_err err = { 0 };
	int status = reel_key_option_load(self, &o->keys, &keys), result = -ENOMEM;

	if (status != REEL_STATUS_OK)
		goto out;
	reel_command_confine_to(self, args);
	if (health)
		result = reel_reader_open_closed(args->v, (unsigned)args->n, keys, &r, &err);
	else
		reel_err_set(&err, result, "no memory");
	if (result == 0) {
		*health = r->health;
		result = reel_summarize(r, &list, health, &err);
	}
	if (result < 0) {
		status = reel_command_fail(self, reel_status_of(result), &err);
		goto out;
	}
	/* The damages, and that there are more than are listed; the rest is part of the answer. */
	for (unsigned i = 0; i < health->n_damages && i <= REEL_DAMAGES_MAX; i++)
		if (reel_health_line(health, i, line))
			reel_command_note(self, &args->common, "%s", line);
	status = print_all(self, r, list, o->format == INFO_JSON, args->common.verbose > 0);
	if (status == REEL_STATUS_OK)
		status = (int)judge(r, list, health);
out:
	if (r)
		reel_summary_free(list, r);
	reel_reader_close(r);
	reel_keys_free(keys);
	free(health);
	return status;
}

static int info_run(const struct reel_command *self, int argc, char **argv)
{
	struct info_options o = { 0 };
	struct reel_args args;
	int status;

	if (!reel_command_parse(self, argc, argv, &o, &args, &status))
		return status;
	if (args.n == 0)
		status = reel_command_misuse(self, "which capture?");
	else
		status = info_captures(self, &o, &args);
	reel_options_done(info_table, &o);
	return status;
}

const struct reel_command reel_cmd_info = {
	.name = "info",
	.summary = "what a capture holds, what it lost, and whether it is complete",
	.usage = "CAPTURE...",
	.examples = { "reel info web1.reel", "reel info --json web1.reel | jq .verdict" },
	.options = info_table,
	.run = info_run,
};
