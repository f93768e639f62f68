/* SPDX-License-Identifier: BSD-2-Clause */
/* reel replay: rules over captures. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "format/outcome.h"
#include "replay/replay.h"

static int parse_tz(const char *text, void *field, struct reel_err *err)
{
	return reel_tz_parse(text, field, err);
}

enum { FEW_RULES = 12 }; /* that are named in the end also where they are clean */

#define AT(field) offsetof(struct replay_options, field)

static const struct reel_option replay_table[] = {
	{ "rules", 'r', "PATH", REEL_OPT_LIST, AT(rules),
	  "a file of rules, or a directory of them; may be repeated (default: those installed)",
	  .heading = "Which rules, and when" },
	{ "rule", 0, "GLOB", REEL_OPT_LIST, AT(choice.names), "only those whose name fits",
	  .seldom = true },
	{ "tag", 0, "TAG", REEL_OPT_LIST, AT(choice.tags), "only those with this tag",
	  .seldom = true },
	{ "severity", 0, NULL, REEL_OPT_CHOICE, AT(choice.severity),
	  "only those of this severity or more",
	  .choices = "informational|low|medium|high|critical" },
	{ "from", 0, "TIME", REEL_OPT_STRING, AT(from),
	  "nothing before TIME: 2026-11-21T08:00:00Z, -15m before the end, or @NS since boot" },
	{ "to", 0, "TIME", REEL_OPT_STRING, AT(to), "nothing at or after TIME" },
	REEL_KEY_OPTION(AT(keys)),
	{ "output", 'o', "CASE.db", REEL_OPT_STRING, AT(output),
	  "write all that is known into this SQLite database, made or added to",
	  .heading = "A case" },
	{ "load-events", 0, NULL, REEL_OPT_FLAG, AT(load_events), "write each event into it too",
	  .seldom = true },
	{ "no-rules", 0, NULL, REEL_OPT_FLAG, AT(no_rules), "look for nothing, only write the case",
	  .seldom = true },
	{ "all", 0, NULL, REEL_OPT_FLAG, AT(all),
	  "show each match, and those that a tune suppresses", .heading = "What to show",
	  .seldom = true },
	{ "format", 0, NULL, REEL_OPT_CHOICE, AT(format), "how to print it (default: text)",
	  .choices = "text|json" },
	{ "json", 0, NULL, REEL_OPT_SET, AT(format), "same as --format json", .value = 1,
	  .seldom = true },
	{ "tz", 0, "ZONE", REEL_OPT_PARSE, AT(tz),
	  "times in this zone: UTC (the default), local, or +02:00", .parse = parse_tz,
	  .seldom = true },
	{ "require-clean", 0, NULL, REEL_OPT_FLAG, AT(require_clean),
	  "any verdict but clean ends with status 4", .seldom = true },
	{ "explain", 0, "RULE", REEL_OPT_STRING, AT(explain),
	  "why this rule matched, or how far it got", .seldom = true },
	{ "profile-rules", 0, NULL, REEL_OPT_FLAG, AT(profile),
	  "say at the end what each rule cost", .seldom = true },
	{ "against", 0, "PATH", REEL_OPT_LIST, AT(against),
	  "what these rules find that -r does not, and the other way round; may be repeated",
	  .seldom = true },
	{ "follow", 0, NULL, REEL_OPT_FLAG, AT(follow),
	  "go on while it is being written; rules that change are loaded again",
	  .heading = "A tape that is being written" },
	{ "keep", 0, "DIR", REEL_OPT_STRING, AT(keep),
	  "on a finding keep the tape around it in DIR", .seldom = true },
	{ "after", 0, "DURATION", REEL_OPT_DURATION, AT(after_ns),
	  "keep it up to this long behind the finding (default: 30s)", .seldom = true },
	{ "metrics-file", 0, "FILE", REEL_OPT_STRING, AT(metrics),
	  "write figures for a monitoring system there every second", .seldom = true },
	{ "warn-lag", 0, "DURATION", REEL_OPT_DURATION, AT(lag_ns),
	  "warn when events are looked at later than this (default: 5s)", .seldom = true },
	{ "warn-memory", 0, "SIZE", REEL_OPT_SIZE, AT(memory_bytes),
	  "warn when more memory than this is used (default: 1G)", .seldom = true },
	{ "threads", 'j', "N", REEL_OPT_U32, AT(threads),
	  "scan on N threads (default: one for each CPU); the output is the same",
	  .heading = "Work", .seldom = true },
	{ "max-state", 0, "N", REEL_OPT_U64, AT(max_state),
	  "half matches that are kept at most (default: 1000000)", .seldom = true },
	{ "no-shortcuts", 0, NULL, REEL_OPT_FLAG, AT(slow),
	  "ask every step of every event: slow, and the same answer", .seldom = true },
	{ 0 },
};

volatile int replay_stop;

static void handle_stop(int signal_number)
{
	(void)signal_number;
	replay_stop = 1;
}

int replay_refuse(struct replay *r, const struct reel_err *err)
{
	return reel_command_misuse(r->self, "%s", err->msg);
}

int replay_fail(struct replay *r, int result, const struct reel_err *err)
{
	return reel_command_fail(r->self, reel_status_of(result), err);
}

/* Beginning ------------------------------------------------------------------------------------ */

static const char *misuse_of(const struct replay *r)
{
	const struct replay_options *o = &r->options;

	if (r->args.n == 0)
		return "which capture?";
	if (o->no_rules && (!o->output || o->against.n || o->explain || o->profile))
		return "--no-rules goes with -o alone";
	if (!o->rules.n && !o->no_rules)
		return "which rules? say -r FILE; none are installed beside this reel";
	if (o->load_events && !o->output)
		return "--load-events goes with -o";
	if (o->output && !*o->output)
		return "write which case? (-o)";
	if (o->output && (o->follow || o->against.n || o->explain))
		return "-o goes without --follow, --against and --explain";
	if (o->against.n && (o->explain || o->profile))
		return "--against goes without --explain and --profile-rules";
	if (o->explain && o->profile)
		return "--explain goes without --profile-rules";
	if ((o->explain || o->against.n) && strcmp(r->args.v[0], "-") == 0)
		return "--explain and --against go without standard input";
	for (int i = 0; r->args.n > 1 && i < r->args.n; i++)
		if (strcmp(r->args.v[i], "-") == 0)
			return "standard input can only be read alone";
	if ((o->keep || o->metrics) && !o->follow)
		return o->keep ? "--keep goes with --follow" : "--metrics-file goes with --follow";
	if (o->follow && (o->against.n || o->explain || o->profile))
		return "--follow goes without --against, --explain and --profile-rules";
	if (o->follow && r->args.n > 1)
		return "only one capture can be followed";
	if (o->keep && (!*o->keep || strcmp(r->args.v[0], "-") == 0))
		return *o->keep ? "--keep needs a capture that lies on disk" : "keep it where?";
	if (o->threads > PIPELINE_THREADS_MAX)
		return "that is too many threads";
	if (o->max_state == 0)
		return "--max-state must be at least 1";
	return NULL;
}

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

bool replay_is_time_to_show(struct replay *r)
{
	int64_t now = now_ns();

	if (!r->talks_progress || now - r->shown_ns < 200000000)
		return false;
	r->shown_ns = now;
	return true;
}

static void show_progress(void *context, uint64_t done, uint64_t all)
{
	struct replay *r = context;

	if (!replay_is_time_to_show(r))
		return;
	fprintf(stderr, "\rreel replay: %3.0f %%, %zu findings ",
		all ? 100.0 * (double)done / (double)all : 100.0, r->findings->n);
	fflush(stderr);
}

void replay_end_progress(struct replay *r)
{
	if (r->talks_progress && r->shown_ns)
		fprintf(stderr, "\r%60s\r", "");
	r->shown_ns = 0;
}

/* Shown while it goes on: whoever follows wants each finding when it comes. */
static int show_at_once(void *context, const struct finding *f, struct reel_err *err)
{
	struct replay *r = context;

	if (!r->shows_at_once)
		return 0;
	report_finding(&r->report, r->engine, f);
	if (out_flush(&r->out) < 0)
		return reel_err_set(err, out_error(&r->out), "cannot write: %s",
				    strerror(-out_error(&r->out)));
	replay_follow_found(r->follow, f);
	return 0;
}

int replay_make_engine(struct replay *r, struct reel_err *err)
{
	const struct replay_options *o = &r->options;
	const struct findings_options fo = {
		.is_json = o->format == 1,
		.for_case = o->output != NULL,
		.all = o->all,
		.tz = o->tz,
		.color = reel_common_color(&r->args.common, STDOUT_FILENO) && o->format == 0,
		.wide = r->args.common.verbose > 0,
		.appeared = show_at_once,
		.context = r,
	};
	struct engine_options eo = {
		.threads = o->threads,
		.max_state = o->max_state,
		.is_slow = o->slow,
		.measures = o->profile,
		.explain = r->explain,
		.stop = &replay_stop,
		.progress = show_progress,
		.context = r,
	};
	int result = 0;

	if (o->from)
		result = reel_moment_parse(o->from, r->reader, &eo.from, err);
	if (result == 0 && o->to)
		result = reel_moment_parse(o->to, r->reader, &eo.to, err);
	if (result == 0)
		result = findings_new(&fo, &r->findings, err);
	if (result == 0)
		result = engine_new(r->rules, &eo, r->findings, &r->engine, err);
	r->report = (struct report){
		.out = &r->out,
		.tz = o->tz,
		.is_json = o->format == 1,
		.color = fo.color,
		.names_clean = r->args.common.verbose > 0 || r->rules->n <= FEW_RULES,
		.by_hosts = r->reader && r->reader->n_sources > 1,
	};
	return result;
}

/* The end -------------------------------------------------------------------------------------- */

static int status_of(const struct replay *r, bool is_touched, bool is_unclean)
{
	for (uint32_t i = 0; i < r->rules->n; i++)
		if (r->findings->counts[i].matches)
			return REEL_STATUS_FINDING;
	return is_touched || (r->options.require_clean && is_unclean) ? REEL_STATUS_INCOMPLETE :
									REEL_STATUS_OK;
}

static void show_findings(struct replay *r)
{
	(void)findings_sort(r->findings, NULL);
	for (size_t i = 0; i < r->findings->n; i++) {
		report_finding(&r->report, r->engine, &r->findings->rows[i]);
		if (out_error(&r->out) < 0)
			break;
	}
	if (r->findings->n && r->options.format == 0)
		out_char(&r->out, '\n');
}

int replay_conclude(struct replay *r)
{
	bool is_touched = false, is_unclean = false;
	struct reel_err err = { 0 };
	int result = 0;

	replay_end_progress(r);
	if (!r->shows_at_once)
		show_findings(r);
	for (uint32_t i = 0; result == 0 && i < r->rules->n; i++) {
		struct verdict v;

		result = verdict_of(r->engine, i, &v, &err);
		if (result < 0)
			break;
		is_touched |= verdict_is_touched(&v);
		is_unclean |= v.kind != VERDICT_CLEAN;
		report_verdict(&r->report, r->engine, i, &v);
		verdict_done(&v);
	}
	if (result == 0)
		result = report_hash_all(&r->hashes, r->rules, r->reader, &err);
	if (result == 0 && r->options.profile && r->options.format == 1)
		replay_profile(r);
	if (result == 0)
		report_end(&r->report, r->engine, &r->hashes);
	if (result == 0 && out_flush(&r->out) < 0)
		result = reel_err_set(&err, out_error(&r->out), "cannot write: %s",
				      strerror(-out_error(&r->out)));
	if (result < 0)
		return replay_fail(r, result, &err);
	if (r->options.profile && r->options.format == 0)
		replay_profile(r);
	return status_of(r, is_touched, is_unclean);
}

void replay_say_health(struct replay *r)
{
	char line[REEL_HEALTH_LINE];

	for (unsigned i = 0; reel_health_line(&r->engine->health, i, line); i++)
		reel_command_note(r->self, &r->args.common, "%s", line);
}

static int run_files(struct replay *r)
{
	const struct reel_health *h = &r->engine->health;
	struct reel_err err = { 0 };
	int result, status = r->options.output ? replay_case_begin(r) : REEL_STATUS_OK;

	if (status != REEL_STATUS_OK)
		return status;
	result = engine_replay(r->engine, r->reader, &err);
	if (result < 0) {
		replay_end_progress(r);
		return replay_fail(r, result, &err);
	}
	replay_end_progress(r);
	if (replay_stop) {
		reel_err_set(&err, -EINTR, "interrupted");
		return reel_command_fail(r->self, REEL_STATUS_IO, &err);
	}
	replay_say_health(r);
	if (h->n_damages && r->engine->stats.blocks && !r->engine->stats.unpacked) {
		reel_err_set(&err, -EBADMSG, "no block of it can be read");
		return reel_command_fail(r->self, REEL_STATUS_UNREADABLE, &err);
	}
	status = replay_conclude(r);
	return r->output ? replay_case_end(r, status) : status;
}

static int open_and_run(struct replay *r)
{
	struct reel_err err = { 0 };
	int fd, result, status = REEL_STATUS_OK;

	replay_confine(r, NULL);
	if (!r->options.no_rules)
		status = replay_load(r, &r->options.rules, &r->rules);
	if (status != REEL_STATUS_OK)
		return status;
	result = out_init(&r->out, STDOUT_FILENO);
	if (result < 0) {
		reel_err_set(&err, result, "no memory to print with");
		return replay_fail(r, result, &err);
	}
	if (r->options.against.n)
		return replay_compare(r);
	if (r->rules)
		replay_confine(r, r->rules);
	if (!r->options.explain && (replay_is_stream(r, &fd) || r->options.follow)) {
		if (r->options.output)
			return reel_command_misuse(r->self, "-o needs captures that lie on disk");
		return replay_follow(r, fd);
	}
	result = reel_reader_open_all(r->args.v, (unsigned)r->args.n, r->keys, &r->reader, &err);
	if (result < 0)
		return replay_fail(r, result, &err);
	if (r->options.explain)
		return replay_explain(r);
	if (r->options.no_rules)
		return replay_case_alone(r);
	result = replay_make_engine(r, &err);
	if (result == -EINVAL || result == -ERANGE)
		return replay_refuse(r, &err);
	if (result < 0)
		return replay_fail(r, result, &err);
	return run_files(r);
}

static int replay_run(const struct reel_command *self, int argc, char **argv)
{
	struct sigaction action = { .sa_handler = handle_stop };
	struct replay r = {
		.self = self,
		.options = { .max_state = SEQUENCE_MAX_STATE,
			     .after_ns = 30000000000,
			     .lag_ns = 5000000000,
			     .memory_bytes = 1ull << 30 },
	};
	const char *misuse;
	int status;

	if (!reel_command_parse(self, argc, argv, &r.options, &r.args, &status))
		return status;
	if (!r.options.threads) {
		long n = sysconf(_SC_NPROCESSORS_ONLN);

		r.options.threads = n < 1 ? 1 : n > 64 ? 64 : (uint32_t)n;
	}
	r.talks_progress = isatty(STDERR_FILENO) && !r.args.common.quiet;
	replay_default_rules(&r.options.rules);
	misuse = misuse_of(&r);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	status = misuse ? reel_command_misuse(self, "%s", misuse) :
			  (int)reel_key_option_load(self, &r.options.keys, &r.keys);
	if (status == REEL_STATUS_OK)
		status = open_and_run(&r);
	replay_case_free(r.output);
	engine_free(r.engine);
	explain_free(r.explain);
	findings_free(r.findings);
	rules_free(r.rules);
	reel_reader_close(r.reader);
	reel_keys_free(r.keys);
	out_done(&r.out);
	reel_options_done(replay_table, &r.options);
	return status;
}

const struct reel_command reel_cmd_replay = {
	.name = "replay",
	.summary = "rules over a capture: what they find, and how sure that is",
	.usage = "-r RULES CAPTURE...|-",
	.examples = { "reel replay -r policies/ web1.reel",
		      "reel replay -r dropper.policy --json web1.reel | jq .rule" },
	.options = replay_table,
	.run = replay_run,
};
