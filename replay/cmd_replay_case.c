/* SPDX-License-Identifier: BSD-2-Clause */
/* reel replay -o: a case of what was read and found. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "format/outcome.h"
#include "replay/case_events.h"
#include "replay/case_load.h"
#include "replay/case_options.h"
#include "replay/case_replay.h"
#include "replay/replay.h"

/* What takes long, as -v tells it. */
enum phase { LOADING, EVENTS, INDEXES, CLOSING, PHASES };

struct replay_case {
	struct case_writer *writer;
	struct case_captures captures;
	int64_t took_ns[PHASES];
	uint64_t rows;
};

void replay_case_free(struct replay_case *c)
{
	if (!c)
		return;
	case_captures_done(&c->captures);
	case_writer_free(c->writer);
	free(c);
}

static int fail(struct replay *r, const struct reel_err *err)
{
	const struct reel_err interrupted = { -EINTR, "interrupted" };

	replay_end_progress(r);
	return reel_command_fail(r->self, REEL_STATUS_IO, err->code == -EINTR ? &interrupted : err);
}

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void say_figures(struct replay *r)
{
	static const char *const names[] = { "loading", "events", "indexes", "checks" };
	const struct replay_case *c = r->output;
	char line[256];
	int n;

	if (!r->args.common.verbose)
		return;
	n = snprintf(line, sizeof(line), "%llu rows, %lld events", (unsigned long long)c->rows,
		     (long long)c->captures.n_events);
	for (int i = 0; i < PHASES; i++)
		n += snprintf(line + n, sizeof(line) - (size_t)n, ", %s %.3f s", names[i],
			      (double)c->took_ns[i] / 1e9);
	reel_command_note(r->self, &r->args.common, "%s", line);
}

static int commit(struct replay_case *c, struct reel_err *err)
{
	int64_t began_ns = now_ns();
	int result;

	c->rows = case_writer_rows(c->writer);
	result = case_writer_commit(c->writer, err);
	c->took_ns[CLOSING] = now_ns() - began_ns;
	return result;
}

static void show_progress(void *context, uint64_t done, uint64_t all)
{
	struct replay *r = context;

	if (!replay_is_time_to_show(r))
		return;
	fprintf(stderr, "\rreel replay: loading, %3.0f %% ",
		all ? 100.0 * (double)done / (double)all : 100.0);
	fflush(stderr);
}

static int load(struct replay *r, struct replay_case *c, struct reel_err *err)
{
	const struct case_load_options o = {
		.stop = &replay_stop,
		.progress = show_progress,
		.context = r,
	};
	struct case_loaded *loaded = calloc(r->reader->n_sources, sizeof(*loaded));
	int result;

	if (!loaded)
		return reel_err_set(err, -ENOMEM, "no memory to load captures");
	result = case_load(c->writer, r->reader, c->captures.to_load, &o, loaded, err);
	free(loaded);
	if (result == 0)
		result = case_captures_end(c->writer, r->reader, &c->captures, r->args.v,
					   (unsigned)r->args.n, err);
	return result;
}

int replay_case_begin(struct replay *r)
{
	struct replay_case *c = calloc(1, sizeof(*c));
	int64_t began_ns[PHASES];
	struct reel_err err = { 0 };
	int result;

	if (!c) {
		reel_err_set(&err, -ENOMEM, "no memory for a case");
		return fail(r, &err);
	}
	r->output = c;
	result = case_writer_open(r->options.output, &c->writer, &err);
	if (result == 0)
		case_writer_stop_on(c->writer, &replay_stop);
	began_ns[LOADING] = now_ns();
	if (result == 0)
		result = case_captures_begin(c->writer, r->reader, r->options.load_events,
					     &c->captures, &err);
	if (result == 0 && c->captures.n_to_load)
		result = load(r, c, &err);
	began_ns[EVENTS] = now_ns();
	if (result == 0)
		result = case_events_write(c->writer, r->reader, &c->captures, &err);
	began_ns[INDEXES] = now_ns();
	if (result == 0)
		result = case_events_index(c->writer, &c->captures, &err);
	if (result == 0)
		result = case_writer_index(c->writer, &err);
	began_ns[CLOSING] = now_ns();
	for (int i = LOADING; i < CLOSING; i++)
		c->took_ns[i] = began_ns[i + 1] - began_ns[i];
	return result < 0 ? fail(r, &err) : REEL_STATUS_OK;
}

int replay_case_end(struct replay *r, int status)
{
	struct replay_case *c = r->output;
	struct case_replay what = {
		.engine = r->engine,
		.reader = r->reader,
		.captures = &c->captures,
		.hashes = &r->hashes,
		.rules_paths = r->options.rules.v,
		.n_rules_paths = r->options.rules.n,
	};
	const struct case_options said = {
		.choice = r->options.choice,
		.from = r->options.from,
		.to = r->options.to,
		.all = r->options.all,
		.max_state = r->options.max_state,
	};
	struct reel_out options = { 0 };
	struct reel_err err = { 0 };
	int result;

	if (status != REEL_STATUS_OK && status != REEL_STATUS_FINDING &&
	    status != REEL_STATUS_INCOMPLETE)
		return status;
	result = out_init_mem(&options);
	if (result == 0)
		result = case_options_put(&options, &said);
	if (result < 0)
		reel_err_set(&err, result, "no memory for a case");
	what.options = options.buf;
	if (result == 0)
		result = case_replay_write(c->writer, &what, &err);
	if (result == 0)
		result = case_tie_findings(c->writer, &err);
	if (result == 0)
		result = commit(c, &err);
	out_done(&options);
	if (result < 0)
		return fail(r, &err);
	say_figures(r);
	return status;
}

/* Without rules: what is missing is what the captures say of themselves. */
int replay_case_alone(struct replay *r)
{
	const struct reel_filter everything = { 0 };
	struct reel_err err = { 0 };
	struct reel_health *h = malloc(sizeof(*h));
	char line[REEL_HEALTH_LINE];
	uint64_t damages = 0;
	int result, status = replay_case_begin(r);

	if (status == REEL_STATUS_OK && !h) {
		reel_err_set(&err, -ENOMEM, "no memory for a case");
		status = fail(r, &err);
	}
	if (status != REEL_STATUS_OK) {
		free(h);
		return status;
	}
	replay_end_progress(r);
	*h = r->reader->health;
	result = case_captures_missing(r->output->writer, &r->output->captures, &h->lost, &damages,
				       &err);
	if (result == 0)
		result = case_tie_findings(r->output->writer, &err);
	if (result == 0)
		result = commit(r->output, &err);
	if (result < 0) {
		status = fail(r, &err);
	} else {
		say_figures(r);
		for (unsigned i = 0; reel_health_line(h, i, line); i++)
			reel_command_note(r->self, &r->args.common, "%s", line);
		/* Opening looks at headers alone; what else is broken is found when it is read. */
		if (damages && !h->n_damages && !h->missing_blocks && !h->torn_bytes)
			reel_command_note(r->self, &r->args.common,
					  "damaged in %" PRIu64
					  " places, which the table gap names",
					  damages);
		if (damages || reel_health_touches(h, r->reader, &everything))
			status = REEL_STATUS_INCOMPLETE;
	}
	free(h);
	return status;
}
