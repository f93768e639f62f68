/* SPDX-License-Identifier: BSD-2-Clause */
/* reel dump: the events of a capture, as they are on tape. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "format/command.h"
#include "format/key_option.h"
#include "format/moment.h"
#include "format/outcome.h"
#include "format/render.h"
#include "format/walk.h"
#include "replay/context.h"
#include "replay/where.h"

struct dump_options {
	const char *from, *to, *at, *where;
	struct reel_strings types, pids, keys;
	int format;
	struct reel_tz tz;
	bool follow, stats, context;
};

static int parse_tz(const char *text, void *field, struct reel_err *err)
{
	return reel_tz_parse(text, field, err);
}

/* As --format names them. */
static const enum reel_render_format formats[] = {
	REEL_RENDER_TEXT, REEL_RENDER_JSON, REEL_RENDER_ARRAY, REEL_RENDER_PRETTY, REEL_RENDER_CSV,
};
enum { DUMP_JSON = 1 };

#define AT(field) offsetof(struct dump_options, field)

static const struct reel_option dump_table[] = {
	{ "from", 0, "TIME", REEL_OPT_STRING, AT(from),
	  "nothing before TIME: 2026-11-21T08:00:00Z, -15m before the end, or @NS since boot",
	  .heading = "Which events" },
	{ "to", 0, "TIME", REEL_OPT_STRING, AT(to), "nothing at or after TIME" },
	{ "type", 0, "NAME,...", REEL_OPT_LIST, AT(types),
	  "only of these types, or of those that these calls end in; may be repeated" },
	{ "pid", 0, "PID,...", REEL_OPT_LIST, AT(pids),
	  "only of these processes; may be repeated" },
	{ "where", 0, "PREDICATE", REEL_OPT_STRING, AT(where),
	  "only those of which this holds, as in a policy: 'exe endswith \"/sh\" and uid == 0'" },
	{ "at", 0, "TIME", REEL_OPT_STRING, AT(at),
	  "the records that tell the state at TIME: from the last keyframe before it on" },
	{ "follow", 0, NULL, REEL_OPT_FLAG, AT(follow), "go on while it is being written" },
	REEL_KEY_OPTION(AT(keys)),
	{ "format", 0, NULL, REEL_OPT_CHOICE, AT(format), "how to print them (default: text)",
	  .choices = "text|json|array|pretty|csv", .heading = "How to show them" },
	{ "json", 0, NULL, REEL_OPT_SET, AT(format), "same as --format json", .value = DUMP_JSON },
	{ "context", 0, NULL, REEL_OPT_FLAG, AT(context),
	  "say of each event's process its parent, comm, exe and uid, where they are known" },
	{ "tz", 0, "ZONE", REEL_OPT_PARSE, AT(tz),
	  "times in this zone: UTC (the default), local, or +02:00", .parse = parse_tz },
	{ "stats", 0, NULL, REEL_OPT_FLAG, AT(stats),
	  "say at the end how many blocks had to be decompressed" },
	{ 0 },
};

/* Where the state of a boot at the time of --at is told, in its ts. */
struct era {
	const struct reel_boot *boot;
	uint64_t from, to;
};

struct dump {
	const struct reel_command *self;
	struct dump_options options;
	struct reel_args args;
	struct reel_keys *keys;
	struct reel_filter filter;
	struct reel_filter walked; /* what is read: with --context more than is asked for */
	struct context *context;   /* NULL: not asked for */
	struct where *where;	   /* NULL: not asked for */
	uint64_t n_undecided;
	const struct reel_type *only_type;
	struct reel_reader *reader; /* NULL: the capture comes as a stream */
	struct era *eras;	    /* of each source, for --at */
	struct reel_walk *walk;
	struct reel_out out;
	struct reel_renderer renderer;
	struct reel_render_value values[CONTEXT_VALUES_MAX];
	uint64_t n_printed;
	int fd; /* of the stream */
};

/* A signal says that enough has been followed. */
static volatile int stop;

static void handle_stop(int signal_number)
{
	(void)signal_number;
	stop = 1;
}

static int refuse(struct dump *d, const struct reel_err *err)
{
	return reel_command_misuse(d->self, "%s", err->msg);
}

static int fail(struct dump *d, int r, const struct reel_err *err)
{
	return reel_command_fail(d->self, reel_status_of(r), err);
}

/* What was asked for ------------------------------------------------------------------------- */

static const char *misuse_of(const struct dump *d)
{
	const struct dump_options *o = &d->options;

	if (d->args.n == 0)
		return "which capture?";
	for (int i = 0; d->args.n > 1 && i < d->args.n; i++)
		if (strcmp(d->args.v[i], "-") == 0)
			return "standard input can only be read alone";
	if (o->at && (o->from || o->to || o->follow))
		return "--at goes without --from, --to and --follow";
	if (o->follow && d->args.n > 1)
		return "only one capture can be followed";
	if (o->context && formats[o->format] == REEL_RENDER_CSV)
		return "--context goes with text and JSON";
	return NULL;
}

/*
 * The state at a moment, of each source: in its last boot that had begun by then, from a keyframe
 * on. Everything is walked over that may hold it; what is of other boots is left out later.
 */
static int choose_eras(struct dump *d, const struct reel_moment *at, struct reel_err *err)
{
	const struct reel_reader *r = d->reader;
	uint64_t from = UINT64_MAX, to = 0;

	d->eras = calloc(r->n_sources + 1u, sizeof(*d->eras));
	if (!d->eras)
		return reel_err_set(err, -ENOMEM, "no memory");
	for (unsigned i = 0; i < r->n_sources; i++) {
		const struct reel_source *s = &r->sources[i];

		for (unsigned b = s->n_boots; b-- > 0 && !d->eras[i].boot;) {
			const struct reel_boot *boot = &r->boots[s->first_boot + b];
			uint64_t ts = (uint64_t)at->ns;

			if (at->kind == REEL_REALTIME && !reel_moment_ts(boot, at->ns, &ts))
				continue;
			if (!boot->ts_max || ts < boot->ts_min)
				continue;
			d->eras[i].boot = boot;
			d->eras[i].to = ts;
			(void)reel_keyframe_before(r, boot, ts, &d->eras[i].from);
			if (d->eras[i].from < from)
				from = d->eras[i].from;
			if (ts > to)
				to = ts;
		}
	}
	if (from == UINT64_MAX)
		return reel_err_set(err, -EINVAL, "--at is before everything that was recorded");
	d->filter.from = (struct reel_moment){ REEL_BOOTTIME, (int64_t)from };
	d->filter.to = (struct reel_moment){ REEL_BOOTTIME, (int64_t)to + 1 };
	d->filter.kinds = 1u << TAPE_STATE;
	d->filter.beyond_cut = true;
	return 0;
}

/*
 * Whose events are, is known by what came before, and by events of others. A cut has it around its
 * range.
 */
static int choose_context(struct dump *d, struct reel_err *err)
{
	struct reel_filter *f = &d->walked;

	if (!d->eras)
		f->from = d->reader ? context_from(d->reader, &d->filter.from) :
				      (struct reel_moment){ 0 };
	if (f->kinds)
		f->kinds |= 1u << TAPE_GAP;
	f->n_pids = 0;
	f->beyond_cut = true;
	if (f->some_types)
		context_types(f->types);
	return context_new(&d->context, err);
}

/* A predicate may ask for names, of which any event before may have told. */
static int choose_where(struct dump *d, struct reel_err *err)
{
	struct reel_filter *f = &d->walked;
	bool types[EV_MAX_TYPES] = { false }, names;
	int r = where_new(d->options.where, &d->where, err);

	if (r < 0)
		return r;
	names = where_types(d->where, types);
	for (unsigned t = 0; t < EV_MAX_TYPES; t++)
		f->types[t] = types[t] && (!f->some_types || f->types[t]);
	f->some_types = !names;
	r = choose_context(d, err);
	if (r == 0 && names)
		context_want_names(d->context);
	return r;
}

static int choose(struct dump *d)
{
	const struct dump_options *o = &d->options;
	struct reel_filter *f = &d->filter;
	struct reel_moment at;
	struct reel_err err = { 0 };
	int r = 0;

	if (o->from)
		r = reel_moment_parse(o->from, d->reader, &f->from, &err);
	if (r == 0 && o->to)
		r = reel_moment_parse(o->to, d->reader, &f->to, &err);
	if (r == 0 && o->from && o->to && f->from.kind == f->to.kind && f->from.ns > f->to.ns)
		r = reel_err_set(&err, -EINVAL, "--from is after --to");
	if (r == 0)
		r = reel_choose_types(&o->types, d->reader, f, &d->only_type, &err);
	if (r == 0)
		r = reel_choose_pids(&o->pids, f, &err);
	if (r == 0 && o->at && !d->reader)
		r = reel_err_set(&err, -EINVAL, "--at needs a file or directory, not a pipe");
	if (r == 0 && o->at)
		r = reel_moment_parse(o->at, d->reader, &at, &err);
	if (r == 0 && o->at)
		r = choose_eras(d, &at, &err);
	d->walked = d->filter;
	if (r == 0 && o->where)
		r = choose_where(d, &err);
	else if (r == 0 && o->context)
		r = choose_context(d, &err);
	if (r == -ENOMEM)
		return fail(d, r, &err);
	return r < 0 ? refuse(d, &err) : REEL_STATUS_OK;
}

/* Where it comes from ------------------------------------------------------------------------ */

/* Returns whether the operand is a pipe, open as d->fd. */
static bool is_stream(struct dump *d)
{
	const char *path = d->args.v[0];
	struct stat st;

	d->fd = -1;
	if (strcmp(path, "-") == 0)
		d->fd = STDIN_FILENO;
	else if (d->args.n == 1 && stat(path, &st) == 0 && S_ISFIFO(st.st_mode))
		d->fd = open(path, O_RDONLY | O_CLOEXEC);
	return d->fd >= 0;
}

static int open_all(struct dump *d)
{
	struct confine_reader reader = { .makes_code = d->options.where != NULL };
	struct reel_err err = { 0 };
	int r;

	confine_reader_begin(&reader);
	for (int i = 0; i < d->args.n; i++)
		confine_reader_may_read_capture(&reader, d->args.v[i]);
	reel_command_confine(d->self, &d->args.common, &reader);
	if (is_stream(d)) {
		if (d->options.follow)
			return reel_command_misuse(d->self, "a pipe is followed anyway");
		return REEL_STATUS_OK;
	}
	/* What is followed is looked at first, since times may count from its end. */
	r = reel_reader_open_all(d->args.v, (unsigned)d->args.n, d->keys, &d->reader, &err);
	return r < 0 ? fail(d, r, &err) : REEL_STATUS_OK;
}

static int open_walk(struct dump *d)
{
	struct sigaction action = { .sa_handler = handle_stop };
	struct reel_err err = { 0 };
	int r;

	if (d->options.follow) {
		sigaction(SIGINT, &action, NULL);
		sigaction(SIGTERM, &action, NULL);
		r = reel_walk_follow(d->args.v[0], &d->walked, d->keys, &stop, &d->walk, &err);
	} else if (d->reader) {
		r = reel_walk_open(d->reader, &d->walked, &d->walk, &err);
	} else {
		r = reel_walk_stream(d->fd, &d->walked, d->keys, &d->walk, &err);
	}
	return r < 0 ? fail(d, r, &err) : REEL_STATUS_OK;
}

/* The events --------------------------------------------------------------------------------- */

static bool is_in_era(const struct dump *d, const struct reel_event *ev)
{
	const struct era *era;

	if (!d->eras)
		return true;
	era = &d->eras[ev->segment->source];
	return ev->segment->boot == era->boot && ev->ts >= era->from && ev->ts <= era->to;
}

static bool is_wanted_pid(const struct reel_filter *f, uint32_t pid)
{
	for (unsigned i = 0; i < f->n_pids; i++)
		if (f->pids[i] == pid)
			return true;
	return f->n_pids == 0;
}

/* What the walk would have left out, had it been asked for no more. */
static bool is_asked_for(const struct dump *d, const struct reel_event *ev, int64_t real)
{
	const struct reel_filter *f = &d->filter;
	const struct reel_segment *s = ev->segment;

	if (f->some_types && !f->types[ev->type->id])
		return false;
	if (!is_wanted_pid(f, ev->pid) || (f->kinds && !(f->kinds & 1u << ev->type->stream)))
		return false;
	if (s->is_cut && !f->beyond_cut && (real < s->cut_from_ns || real >= s->cut_to_ns))
		return false;
	if (f->from.kind == REEL_BOOTTIME)
		return ev->ts >= (uint64_t)f->from.ns;
	return f->from.kind != REEL_REALTIME || real >= f->from.ns;
}

/* What cannot be told is not shown, but counted. */
static bool holds(struct dump *d, const struct reel_event *ev)
{
	enum truth t =
		where_holds(d->where, ev, context_model(d->context), context_process(d->context));

	d->n_undecided += t == TRUTH_UNKNOWN;
	return t == TRUTH_YES;
}

/* Takes an event in; returns 1 if it is to be printed. */
static int take_context(struct dump *d, const struct reel_event *ev, int64_t real,
			struct reel_err *err)
{
	unsigned n;
	int r = context_event(d->context, ev, d->values, &n, err);

	if (r < 0)
		return r;
	if (d->options.context)
		reel_render_beside(&d->renderer, d->values, n);
	if (!is_asked_for(d, ev, real))
		return 0;
	return d->where ? holds(d, ev) : 1;
}

static int print_events(struct dump *d, struct reel_err *err)
{
	struct reel_event ev;
	int r;

	while ((r = reel_walk_next(d->walk, &ev, err)) > 0) {
		int64_t real = reel_walk_realtime(d->walk, &ev);

		if (!is_in_era(d, &ev))
			continue;
		r = d->context ? take_context(d, &ev, real, err) : 1;
		if (r < 0)
			return r;
		if (r == 0)
			continue;
		d->n_printed++;
		reel_render_event(&d->renderer, &ev, real ? real : -1, reel_event_boot(&ev),
				  ev.segment->meta.host);
		/* Who follows wants each event when it comes; the next one may take long. */
		if (d->options.follow)
			(void)out_flush(&d->out);
		if (out_error(&d->out) < 0)
			return reel_err_set(err, out_error(&d->out), "cannot write: %s",
					    strerror(-out_error(&d->out)));
		if (stop)
			break;
	}
	return r < 0 ? r : 0;
}

static int print_all(struct dump *d)
{
	const struct reel_render_options how = {
		.format = formats[d->options.format],
		.tz = d->options.tz,
		.color = reel_common_color(&d->args.common, STDOUT_FILENO),
		.host = d->reader && d->reader->n_sources > 1,
		.only_type = d->only_type,
	};
	struct reel_err err = { 0 };
	int r = out_init(&d->out, STDOUT_FILENO);

	if (r == 0)
		r = reel_renderer_init(&d->renderer, &d->out, &how);
	if (r < 0) {
		reel_err_set(&err, r, "no memory to print with");
		return fail(d, r, &err);
	}
	reel_render_begin(&d->renderer);
	r = print_events(d, &err);
	reel_render_end(&d->renderer);
	if (out_flush(&d->out) < 0 && r == 0)
		r = reel_err_set(&err, out_error(&d->out), "cannot write: %s",
				 strerror(-out_error(&d->out)));
	return r < 0 ? fail(d, r, &err) : REEL_STATUS_OK;
}

static int conclude(struct dump *d)
{
	const struct reel_health *h = reel_walk_health(d->walk);
	struct reel_walk_stats stats;
	char line[REEL_HEALTH_LINE];
	bool touched;

	reel_walk_stats(d->walk, &stats);
	/* Who stops in the middle knows that it has no end yet. */
	if (stop && !h->n_damages && !h->lost && !h->disordered)
		touched = false;
	else
		touched = reel_health_touches(h, d->options.follow ? NULL : d->reader, &d->filter);
	for (unsigned i = 0; touched && reel_health_line(h, i, line); i++)
		reel_command_note(d->self, &d->args.common, "%s", line);
	if (d->n_undecided)
		reel_command_note(d->self, &d->args.common,
				  "of %" PRIu64
				  " events it cannot be told: what decides was not recorded",
				  d->n_undecided);
	if (d->options.stats)
		fprintf(stderr,
			"reel dump: %" PRIu64 " blocks, %" PRIu64 " decompressed, %" PRIu64
			" events\n",
			stats.blocks, stats.unpacked, d->context ? d->n_printed : stats.events);
	if (h->n_damages && stats.blocks && !stats.unpacked && !stats.events)
		return REEL_STATUS_UNREADABLE;
	return touched ? REEL_STATUS_INCOMPLETE : REEL_STATUS_OK;
}

static int dump_run(const struct reel_command *self, int argc, char **argv)
{
	struct dump *d = calloc(1, sizeof(*d));
	const struct reel_err no_memory = { -ENOMEM, "no memory" };
	const char *misuse;
	int status;

	if (!d)
		return reel_command_fail(self, REEL_STATUS_IO, &no_memory);
	d->self = self;
	d->fd = -1;
	if (!reel_command_parse(self, argc, argv, &d->options, &d->args, &status)) {
		free(d);
		return status;
	}
	misuse = misuse_of(d);
	status = misuse ? reel_command_misuse(self, "%s", misuse) :
			  (int)reel_key_option_load(self, &d->options.keys, &d->keys);
	if (status == REEL_STATUS_OK)
		status = open_all(d);
	if (status == REEL_STATUS_OK)
		status = choose(d);
	if (status == REEL_STATUS_OK)
		status = open_walk(d);
	if (status == REEL_STATUS_OK)
		status = print_all(d);
	if (status == REEL_STATUS_OK)
		status = conclude(d);
	reel_renderer_done(&d->renderer);
	out_done(&d->out);
	reel_walk_close(d->walk);
	reel_reader_close(d->reader);
	reel_keys_free(d->keys);
	reel_options_done(dump_table, &d->options);
	context_free(d->context);
	where_free(d->where);
	free(d->eras);
	if (d->fd > STDIN_FILENO)
		close(d->fd);
	free(d);
	return status;
}

const struct reel_command reel_cmd_dump = {
	.name = "dump",
	.summary = "the events of a capture, as lines, JSON or CSV",
	.usage = "CAPTURE...|-",
	.examples = { "reel dump --from -15m --type exec,connect web1.reel",
		      "reel dump --json web1.reel | jq -c 'select(.type == \"exec\") | .argv'" },
	.options = dump_table,
	.run = dump_run,
};
