/* SPDX-License-Identifier: BSD-2-Clause */
/* reel info: what a capture holds, what it lost, and whether it is complete. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "format/command.h"
#include "format/json.h"
#include "format/names.h"
#include "format/outcome.h"
#include "format/summary.h"

enum { INFO_TEXT, INFO_JSON };
enum { LOSSES_SHOWN = 20, LABEL_WIDTH = 11 };

struct info_options {
	int format;
};

static const struct reel_option info_table[] = {
	{ "format", 0, NULL, REEL_OPT_CHOICE, offsetof(struct info_options, format),
	  "how to print it (default: text)", .choices = "text|json" },
	{ "json", 0, NULL, REEL_OPT_SET, offsetof(struct info_options, format),
	  "same as --format json", .value = INFO_JSON },
	{ 0 },
};

struct info {
	struct reel_out out;
	const struct reel_reader *r;
	const struct reel_health *health;
	const struct reel_summary *s;
	unsigned verbose;
};

static const char *const kind_names[TAPE_KINDS] = {
	[TAPE_STATE] = "state",
	[TAPE_EVENTS] = "events",
	[TAPE_GAP] = "gap",
	[TAPE_CLOCK] = "clock",
};

/* "complete, nothing was lost"; the sum of what the rest says. */
static void verdict(const struct info *x, char *text, size_t size)
{
	const struct reel_summary *s = x->s;
	char lost[64] = "nothing was lost";

	if (s->lost)
		snprintf(lost, sizeof(lost), "%llu %s", (unsigned long long)s->lost,
			 s->lost == 1 ? "event was lost" : "events were lost");
	snprintf(text, size, "%s%s, %s", reel_ending_name(s->ending),
		 s->is_being_written ? " so far, still being written" : "", lost);
}

static void put_label(struct info *x, const char *label)
{
	size_t n = strlen(label);

	out_str(&x->out, label);
	do
		out_char(&x->out, ' ');
	while (++n < LABEL_WIDTH);
}

static void put_line(struct info *x, const char *label, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static void put_line(struct info *x, const char *label, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	put_label(x, label);
	out_str(&x->out, text);
	out_char(&x->out, '\n');
}

/* A text that somebody else has written. */
static void put_foreign(struct info *x, const char *label, const char *value)
{
	if (!*value)
		return;
	put_label(x, label);
	out_text_string(&x->out, value, strlen(value));
	out_char(&x->out, '\n');
}

static void put_time(struct reel_out *o, int64_t realtime_ns)
{
	char text[REEL_TIME_TEXT] = "an unknown time";
	struct reel_timefmt f;

	reel_timefmt_init(&f, (struct reel_tz){ REEL_TZ_UTC, 0 });
	if (realtime_ns > 0)
		(void)reel_time_format(&f, (uint64_t)realtime_ns, text);
	out_str(o, text);
}

static void put_span(struct reel_out *o, int64_t from_ns, int64_t to_ns)
{
	char length[REEL_DURATION_TEXT];

	put_time(o, from_ns);
	out_str(o, " to ");
	put_time(o, to_ns);
	if (from_ns <= 0 || to_ns < from_ns)
		return;
	(void)reel_duration_format((uint64_t)(to_ns - from_ns), length);
	out_str(o, ", ");
	out_str(o, length);
}

static void put_hint(struct reel_out *o, const struct reel_type *t, const char *field, uint64_t value)
{
	const struct reel_field *f = reel_type_field(t, field);

	(void)reel_name_value(o, f ? f->hint : "", value);
}

/* Text --------------------------------------------------------------------------------------- */

static void text_origin(struct info *x)
{
	const struct reel_meta *m = x->s->meta;
	char id[2 * TAPE_ID_BYTES + 1];

	reel_id_format(m->capture, id);
	put_line(x, "capture", "%s", id);
	put_foreign(x, "host", m->host);
	reel_id_format(m->machine, id);
	put_line(x, "machine", "%s, %llu %s", id, (unsigned long long)m->cpus,
		 m->cpus == 1 ? "CPU" : "CPUs");
	put_foreign(x, "kernel", m->kernel);
	put_foreign(x, "arch", m->arch);
	put_foreign(x, "program", m->program);
	put_foreign(x, "note", m->note);
	if (x->s->is_derived) {
		reel_id_format(m->source.capture, id);
		put_line(x, "derived", "from capture %s", id);
		put_foreign(x, "chosen", m->chosen);
	}
}

static void text_period(struct info *x)
{
	const struct reel_summary *s = x->s;
	char id[2 * TAPE_ID_BYTES + 1];

	put_label(x, "period");
	put_span(&x->out, s->from_ns, s->to_ns);
	out_char(&x->out, '\n');
	for (unsigned i = 0; i < s->source->n_boots; i++) {
		reel_id_format(x->r->boots[s->source->first_boot + i].id, id);
		put_label(x, "boot");
		out_mem(&x->out, id, 8);
		if (s->source->n_boots > 1) {
			out_str(&x->out, ": ");
			put_span(&x->out, s->spans[i].from_ns, s->spans[i].to_ns);
		}
		out_char(&x->out, '\n');
	}
}

static void text_segments(struct info *x)
{
	const struct reel_source *source = x->s->source;
	const struct reel_segment *first = &x->r->segments[source->first_segment];
	const struct reel_segment *last = first + source->n_segments - 1;

	put_label(x, "segments");
	out_u64(&x->out, source->n_segments);
	if (source->n_segments == 1) {
		out_str(&x->out, ": number ");
		out_u64(&x->out, first->meta.number);
	} else {
		out_str(&x->out, ": numbers ");
		out_u64(&x->out, first->meta.number);
		out_str(&x->out, " to ");
		out_u64(&x->out, last->meta.number);
	}
	if (x->s->is_cut)
		out_str(&x->out, "; cut, so that blocks of other times are not in them");
	out_char(&x->out, '\n');
	for (const struct reel_segment *s = first; x->verbose && s <= last; s++) {
		char size[REEL_SIZE_TEXT];

		(void)reel_size_format(s->bytes, size);
		out_str(&x->out, "  ");
		out_u64(&x->out, s->meta.number);
		out_str(&x->out, ": ");
		out_str(&x->out, reel_ending_name(s->ending));
		out_str(&x->out, ", ");
		out_str(&x->out, size);
		out_str(&x->out, ", blocks ");
		out_u64(&x->out, s->first_sequence);
		out_str(&x->out, " to ");
		out_u64(&x->out, s->last_sequence);
		out_str(&x->out, ", ");
		out_text_string(&x->out, s->path, strlen(s->path));
		out_char(&x->out, '\n');
	}
}

static void text_amounts(struct info *x)
{
	const struct reel_summary *s = x->s;
	char raw[REEL_SIZE_TEXT], stored[REEL_SIZE_TEXT];
	bool first = true;

	put_label(x, "blocks");
	out_u64(&x->out, s->blocks);
	for (unsigned k = 0; k < TAPE_KINDS; k++) {
		if (!s->blocks_of[k])
			continue;
		out_str(&x->out, first ? ": " : ", ");
		out_u64(&x->out, s->blocks_of[k]);
		out_char(&x->out, ' ');
		out_str(&x->out, kind_names[k]);
		first = false;
	}
	out_char(&x->out, '\n');
	(void)reel_size_format(s->raw_bytes, raw);
	(void)reel_size_format(s->stored_bytes, stored);
	put_line(x, "size", "%s, %s before compression, ratio %.2f", stored, raw,
		 s->stored_bytes ? (double)s->raw_bytes / (double)s->stored_bytes : 0.0);
	put_line(x, "events", "%llu, %.2f bytes each", (unsigned long long)s->events,
		 s->events ? (double)s->stored_bytes / (double)s->events : 0.0);
	for (unsigned t = 0; t < EV_MAX_TYPES; t++)
		if (s->events_of[t])
			put_line(x, "", "%-18s %12llu", s->type_names[t] ? s->type_names[t] : "?",
				 (unsigned long long)s->events_of[t]);
}

static void text_loss(struct info *x, const struct reel_loss *l)
{
	put_label(x, "");
	put_span(&x->out, l->from_ns, l->to_ns);
	out_str(&x->out, ": ");
	out_u64(&x->out, l->count);
	if (l->class_name) {
		out_char(&x->out, ' ');
		out_str(&x->out, l->class_name);
	}
	if (l->cpu != EV_NO_CPU) {
		out_str(&x->out, ", CPU ");
		out_u64(&x->out, l->cpu);
	}
	out_str(&x->out, ", ");
	put_hint(&x->out, l->type, "cause", l->cause);
	out_char(&x->out, '\n');
}

static void text_losses(struct info *x)
{
	const struct reel_summary *s = x->s;
	uint32_t shown = x->verbose || s->n_losses <= LOSSES_SHOWN ? s->n_losses : LOSSES_SHOWN;

	if (!s->n_all_losses) {
		put_line(x, "lost", "nothing");
		return;
	}
	put_line(x, "lost", "%llu %s, told in %llu %s", (unsigned long long)s->lost,
		 s->lost == 1 ? "event" : "events", (unsigned long long)s->n_all_losses,
		 s->n_all_losses == 1 ? "record" : "records");
	for (uint32_t i = 0; i < shown; i++)
		text_loss(x, &s->losses[i]);
	if (shown < s->n_all_losses)
		put_line(x, "", "and %llu more", (unsigned long long)(s->n_all_losses - shown));
}

/* How many hooks are in each state; those that do not work by name, with -v all of them. */
static void text_coverage(struct info *x)
{
	const struct reel_summary *s = x->s;
	enum { LOADED = 0, NOT_WANTED = 1 };
	uint32_t n_loaded = 0;

	for (uint32_t i = 0; i < s->n_covers; i++)
		n_loaded += s->covers[i].status == LOADED;
	if (!s->n_covers) {
		put_line(x, "coverage", "the capture does not say");
		return;
	}
	put_line(x, "coverage", "%u of %u hooks and filters are loaded", n_loaded, s->n_covers);
	for (uint32_t i = 0; i < s->n_covers; i++) {
		const struct reel_cover *c = &s->covers[i];

		if (!x->verbose && (c->status == LOADED || c->status == NOT_WANTED))
			continue;
		put_label(x, "");
		out_text_string(&x->out, c->hook, strlen(c->hook));
		out_str(&x->out, ": ");
		put_hint(&x->out, c->type, "status", c->status);
		if (*c->types) {
			out_str(&x->out, ", for ");
			out_text_string(&x->out, c->types, strlen(c->types));
		}
		if (*c->reason) {
			out_str(&x->out, ", ");
			out_text_string(&x->out, c->reason, strlen(c->reason));
		}
		out_char(&x->out, '\n');
	}
}

static void text_absences(struct info *x)
{
	const struct reel_retirement *d = &x->s->retired;
	char size[REEL_SIZE_TEXT];

	if (d->segments) {
		(void)reel_size_format(d->bytes, size);
		put_line(x, "retired", "%llu %s, numbers %llu to %llu, %llu events, %s",
			 (unsigned long long)d->segments,
			 d->segments == 1 ? "segment" : "segments",
			 (unsigned long long)d->first_number, (unsigned long long)d->last_number,
			 (unsigned long long)d->events, size);
		put_label(x, "");
		put_span(&x->out, d->from_ns, d->to_ns);
		out_char(&x->out, '\n');
	}
	if (x->s->head_is_missing)
		put_line(x, "head", "missing: the segments before number %llu are not here, and "
				    "nothing says that they were retired",
			 (unsigned long long)x->s->meta->number);
}

static void print_text(struct info *x)
{
	char text[160];

	text_origin(x);
	text_period(x);
	text_segments(x);
	text_amounts(x);
	text_losses(x);
	text_coverage(x);
	text_absences(x);
	verdict(x, text, sizeof(text));
	put_line(x, "verdict", "%s", text);
}

/* JSON --------------------------------------------------------------------------------------- */

static void json_hint(struct reel_json *j, const char *key, const struct reel_type *t,
		      const char *field, uint64_t value)
{
	json_key(j, key);
	out_char(j->out, '"');
	put_hint(j->out, t, field, value);
	out_char(j->out, '"');
}

static void json_ratio(struct reel_json *j, const char *key, uint64_t a, uint64_t b)
{
	char text[64];

	snprintf(text, sizeof(text), "%.4f", b ? (double)a / (double)b : 0.0);
	json_key(j, key);
	out_str(j->out, b ? text : "null");
}

static void json_origin(struct reel_json *j, const struct reel_summary *s)
{
	const struct reel_meta *m = s->meta;

	json_hex(j, "capture", m->capture, sizeof(m->capture));
	json_str(j, "host", m->host);
	json_hex(j, "machine", m->machine, sizeof(m->machine));
	json_str(j, "kernel", m->kernel);
	json_str(j, "arch", m->arch);
	json_u64(j, "cpus", m->cpus);
	json_str(j, "program", m->program);
	json_str(j, "note", m->note);
	json_hex(j, "config", m->config, sizeof(m->config));
	if (!s->is_derived)
		return;
	json_begin(j, "derived_from", '{');
	json_hex(j, "capture", m->source.capture, sizeof(m->source.capture));
	json_hex(j, "head", m->source.head, sizeof(m->source.head));
	json_str(j, "chosen", m->chosen);
	json_end(j, '}');
}

static void json_parts(struct info *x, struct reel_json *j)
{
	const struct reel_source *source = x->s->source;

	json_begin(j, "boots", '[');
	for (unsigned i = 0; i < source->n_boots; i++) {
		json_begin(j, NULL, '{');
		json_hex(j, "boot", x->r->boots[source->first_boot + i].id, TAPE_ID_BYTES);
		json_time(j, "from", x->s->spans[i].from_ns);
		json_time(j, "to", x->s->spans[i].to_ns);
		json_end(j, '}');
	}
	json_end(j, ']');
	json_begin(j, "segments", '[');
	for (unsigned i = 0; i < source->n_segments; i++) {
		const struct reel_segment *s = &x->r->segments[source->first_segment + i];

		json_begin(j, NULL, '{');
		json_u64(j, "number", s->meta.number);
		json_str(j, "file", s->path);
		json_u64(j, "offset", s->path_offset);
		json_u64(j, "bytes", s->bytes);
		json_u64(j, "first_block", s->first_sequence);
		json_u64(j, "last_block", s->last_sequence);
		json_str(j, "ending", reel_ending_name(s->ending));
		json_bool(j, "cut", s->is_cut);
		json_end(j, '}');
	}
	json_end(j, ']');
}

static void json_amounts(struct reel_json *j, const struct reel_summary *s)
{
	json_u64(j, "blocks", s->blocks);
	json_begin(j, "blocks_of", '{');
	for (unsigned k = 0; k < TAPE_KINDS; k++)
		if (kind_names[k])
			json_u64(j, kind_names[k], s->blocks_of[k]);
	json_end(j, '}');
	json_u64(j, "events", s->events);
	json_begin(j, "types", '{');
	for (unsigned t = 0; t < EV_MAX_TYPES; t++)
		if (s->events_of[t])
			json_u64(j, s->type_names[t] ? s->type_names[t] : "unknown",
				 s->events_of[t]);
	json_end(j, '}');
	json_u64(j, "raw_bytes", s->raw_bytes);
	json_u64(j, "stored_bytes", s->stored_bytes);
	json_ratio(j, "ratio", s->raw_bytes, s->stored_bytes);
	json_ratio(j, "bytes_per_event", s->stored_bytes, s->events);
}

static void json_losses(struct reel_json *j, const struct reel_summary *s)
{
	json_u64(j, "lost", s->lost);
	json_u64(j, "loss_records", s->n_all_losses);
	json_begin(j, "losses", '[');
	for (uint32_t i = 0; i < s->n_losses; i++) {
		const struct reel_loss *l = &s->losses[i];

		json_begin(j, NULL, '{');
		json_time(j, "from", l->from_ns);
		json_time(j, "to", l->to_ns);
		json_u64(j, "count", l->count);
		json_key(j, "cpu");
		if (l->cpu == EV_NO_CPU)
			out_str(j->out, "null");
		else
			out_u64(j->out, l->cpu);
		json_key(j, "class");
		if (l->class_name)
			(void)out_json_string(j->out, l->class_name, strlen(l->class_name));
		else
			out_str(j->out, "null");
		json_hint(j, "cause", l->type, "cause", l->cause);
		json_end(j, '}');
	}
	json_end(j, ']');
}

static void json_coverage(struct reel_json *j, const struct reel_summary *s)
{
	json_begin(j, "coverage", '[');
	for (uint32_t i = 0; i < s->n_covers; i++) {
		const struct reel_cover *c = &s->covers[i];

		json_begin(j, NULL, '{');
		json_hex(j, "boot", c->boot->id, TAPE_ID_BYTES);
		json_str(j, "hook", c->hook);
		json_hint(j, "status", c->type, "status", c->status);
		json_str(j, "types", c->types);
		json_str(j, "reason", c->reason);
		json_end(j, '}');
	}
	json_end(j, ']');
}

static void json_absences(struct reel_json *j, const struct reel_summary *s)
{
	const struct reel_retirement *d = &s->retired;

	json_begin(j, "retired", '{');
	json_u64(j, "segments", d->segments);
	json_u64(j, "events", d->events);
	json_u64(j, "bytes", d->bytes);
	json_time(j, "from", d->from_ns);
	json_time(j, "to", d->to_ns);
	json_end(j, '}');
	json_bool(j, "head_missing", s->head_is_missing);
	json_bool(j, "cut", s->is_cut);
}

static void print_json(struct info *x)
{
	struct reel_json j = { &x->out, false };
	const struct reel_summary *s = x->s;
	char text[160];

	json_begin(&j, NULL, '{');
	json_origin(&j, s);
	json_time(&j, "from", s->from_ns);
	json_time(&j, "to", s->to_ns);
	json_parts(x, &j);
	json_amounts(&j, s);
	json_losses(&j, s);
	json_coverage(&j, s);
	json_absences(&j, s);
	json_str(&j, "ending", reel_ending_name(s->ending));
	json_bool(&j, "being_written", s->is_being_written);
	verdict(x, text, sizeof(text));
	json_str(&j, "verdict", text);
	json_end(&j, '}');
	out_char(&x->out, '\n');
}

/* The command -------------------------------------------------------------------------------- */

static int print_all(const struct reel_command *self, struct info *x, const struct reel_summary *list,
		     bool as_json)
{
	struct reel_err err;
	int r = out_init(&x->out, STDOUT_FILENO);

	for (unsigned i = 0; r == 0 && i < x->r->n_sources; i++) {
		x->s = &list[i];
		if (as_json) {
			print_json(x);
			continue;
		}
		if (i)
			out_char(&x->out, '\n');
		print_text(x);
	}
	if (r == 0)
		r = out_flush(&x->out);
	out_done(&x->out);
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
		complete &= list[i].ending == REEL_COMPLETE && !list[i].lost;
		for (unsigned k = 0; k < list[i].source->n_segments; k++)
			readable += r->segments[list[i].source->first_segment + k].schema != NULL;
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
	struct info x = { .verbose = args->common.verbose };
	char line[REEL_HEALTH_LINE];
	struct reel_err err = { 0 };
	int status, result = -ENOMEM;

	if (health)
		result = reel_reader_open_all(args->v, (unsigned)args->n, &r, &err);
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
	for (unsigned i = 0; health->n_damages && reel_health_line(health, i, line); i++)
		if (i < health->n_damages)
			reel_command_note(self, &args->common, "%s", line);
	x.r = r;
	x.health = health;
	status = print_all(self, &x, list, o->format == INFO_JSON);
	if (status == REEL_STATUS_OK)
		status = (int)judge(r, list, health);
out:
	if (r)
		reel_summary_free(list, r);
	reel_reader_close(r);
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
