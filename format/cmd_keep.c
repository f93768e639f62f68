/* SPDX-License-Identifier: BSD-2-Clause */
/* reel keep: whole segments put aside, out of the reach of retention. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format/command.h"
#include "format/keep.h"
#include "format/moment.h"
#include "format/outcome.h"
#include "format/tail.h"
#include "format/timetext.h"

struct keep_options {
	const char *output, *from, *to;
	uint64_t last;
};

#define AT(field) offsetof(struct keep_options, field)

static const struct reel_option keep_table[] = {
	{ "output", 'o', "DIR", REEL_OPT_STRING, AT(output),
	  "where to; a directory that is not there yet" },
	{ "last", 0, "DURATION", REEL_OPT_DURATION, AT(last),
	  "what touches the last 15m, 1h30m, 7d" },
	{ "from", 0, "TIME", REEL_OPT_STRING, AT(from),
	  "what touches TIME or later: 2026-11-21T08:00:00Z, -15m before the end, @NS" },
	{ "to", 0, "TIME", REEL_OPT_STRING, AT(to), "what begins before TIME" },
	{ 0 },
};

static const char *misuse_of(const struct keep_options *o, const struct reel_args *args)
{
	if (args->n != 1)
		return args->n ? "one capture at a time, please" : "which capture?";
	if (!o->output || !*o->output)
		return "where to? say -o DIR";
	if (o->last && (o->from || o->to))
		return "--last goes without --from and --to";
	return NULL;
}

static int choose(const struct reel_command *self, const struct keep_options *o,
		  const struct reel_reader *r, struct reel_filter *f)
{
	struct reel_err err = { 0 };
	int result = 0;

	if (o->from)
		result = reel_moment_parse(o->from, r, &f->from, &err);
	if (result == 0 && o->to)
		result = reel_moment_parse(o->to, r, &f->to, &err);
	if (result == 0 && o->last && o->last <= INT64_MAX)
		f->from = (struct reel_moment){ REEL_REALTIME,
						reel_reader_end_ns(r) - (int64_t)o->last };
	if (result == 0 && o->from && o->to && f->from.kind == f->to.kind && f->from.ns > f->to.ns)
		result = reel_err_set(&err, -EINVAL, "--from is after --to");
	return result < 0 ? reel_command_misuse(self, "%s", err.msg) : REEL_STATUS_OK;
}

/* A segment that is broken, or torn by the death of its recorder, is kept as it is, but said. */
static enum reel_status judge(const struct reel_reader *r, const bool *wanted)
{
	for (unsigned i = 0; i < r->n_segments; i++)
		if (wanted[i] && r->segments[i].ending != REEL_COMPLETE &&
		    !reel_tail_is_being_written(r, &r->segments[i]))
			return REEL_STATUS_INCOMPLETE;
	return REEL_STATUS_OK;
}

/* What is to be filled is there already, so that nothing but it can be written to. */
static void confine(const struct reel_command *self, const struct reel_args *args,
		    const struct reel_collection *made)
{
	struct confine_reader c = { .makes_files = true };

	confine_reader_begin(&c);
	confine_reader_may_read_capture(&c, args->v[0]);
	confine_reader_may_write_in(&c, made->path);
	confine_reader_may_remove(&c, made->path);
	reel_command_confine(self, &args->common, &c);
}

static int keep(const struct reel_command *self, const struct keep_options *o,
		const struct reel_args *args)
{
	struct reel_collection c = { .fd = -1 };
	struct reel_reader *r = NULL;
	struct reel_filter f = { 0 };
	struct reel_err err = { 0 };
	char size[REEL_SIZE_TEXT];
	bool *wanted = NULL, is_kept = false;
	int status, result = reel_collection_make(&c, o->output, &err);

	if (result == 0) {
		confine(self, args, &c);
		result = reel_reader_open_closed(args->v, 1, NULL, &r, &err);
	}
	status = result < 0 ? reel_command_fail(self, reel_status_of(result), &err) :
			      choose(self, o, r, &f);
	if (status != REEL_STATUS_OK)
		goto out;
	wanted = calloc(r->n_segments + 1u, sizeof(*wanted));
	result = wanted ? reel_keep(r, &f, o->output, &c, wanted, &err) :
			  reel_err_set(&err, -ENOMEM, "no memory");
	if (result < 0) {
		status = reel_command_fail(self, reel_status_of(result), &err);
		goto out;
	}
	is_kept = true;
	(void)reel_size_format(c.bytes, size);
	reel_command_note(self, &args->common,
			  "%llu of %u segments kept in %s, %s: %llu files linked, %llu copied",
			  (unsigned long long)c.segments, r->n_segments, o->output, size,
			  (unsigned long long)c.linked, (unsigned long long)c.copied);
	status = (int)judge(r, wanted);
	if (status != REEL_STATUS_OK)
		reel_command_note(
			self, &args->common,
			"some of them are damaged or have no proper end, and were kept so");
out:
	if (!is_kept)
		reel_collection_undo(&c);
	reel_collection_done(&c);
	reel_reader_close(r);
	free(wanted);
	return status;
}

static int keep_run(const struct reel_command *self, int argc, char **argv)
{
	struct keep_options o = { 0 };
	struct reel_args args;
	const char *misuse;
	int status;

	if (!reel_command_parse(self, argc, argv, &o, &args, &status))
		return status;
	misuse = misuse_of(&o, &args);
	status = misuse ? reel_command_misuse(self, "%s", misuse) : keep(self, &o, &args);
	reel_options_done(keep_table, &o);
	return status;
}

const struct reel_command reel_cmd_keep = {
	.name = "keep",
	.summary = "put whole segments of a capture aside",
	.usage = "CAPTURE",
	.examples = { "reel keep --last 1h -o incident.reel web1.reel",
		      "reel keep --from 2026-11-21T08:00:00Z -o morning.reel web1.reel" },
	.options = keep_table,
	.run = keep_run,
};
