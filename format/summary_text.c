/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "format/names.h"
#include "format/summary_show.h"
#include "format/timetext.h"

enum { LOSSES_SHOWN = 20, LABEL_WIDTH = 11 };

struct info {
	struct reel_out *out;
	const struct reel_reader *r;
	const struct reel_summary *s;
	bool verbose;
};

void reel_summary_verdict(const struct reel_summary *s, char text[REEL_VERDICT_TEXT])
{
	char lost[64] = "nothing was lost";

	if (s->closed_segments)
		snprintf(lost, sizeof(lost), "what was lost can be told only with a key");
	else if (s->lost)
		snprintf(lost, sizeof(lost), "%llu %s", (unsigned long long)s->lost,
			 s->lost == 1 ? "event was lost" : "events were lost");
	snprintf(text, REEL_VERDICT_TEXT, "%s%s, %s", reel_ending_name(s->ending),
		 s->is_being_written ? " so far, still being written" : "", lost);
}

const char *reel_summary_kind_name(unsigned kind)
{
	static const char *const names[TAPE_KINDS] = {
		[TAPE_STATE] = "state",
		[TAPE_EVENTS] = "events",
		[TAPE_GAP] = "gap",
		[TAPE_CLOCK] = "clock",
	};

	return kind < TAPE_KINDS ? names[kind] : NULL;
}

void reel_summary_put_field(struct reel_out *o, const struct reel_type *t, const char *field,
			    uint64_t value)
{
	const struct reel_field *f = reel_type_field(t, field);

	(void)reel_name_value(o, f ? f->hint : "", value);
}

static void put_label(struct info *x, const char *label)
{
	size_t n = strlen(label);

	out_str(x->out, label);
	do
		out_char(x->out, ' ');
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
	out_str(x->out, text);
	out_char(x->out, '\n');
}

/* A text that somebody else has written. */
static void put_foreign(struct info *x, const char *label, const char *value)
{
	if (!*value)
		return;
	put_label(x, label);
	out_text_string(x->out, value, strlen(value));
	out_char(x->out, '\n');
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

static void text_recipients(struct info *x)
{
	const struct reel_summary *s = x->s;
	char ids[REEL_RECIPIENTS_TEXT];

	if (!s->meta->is_encrypted)
		return;
	reel_recipients_format(s->meta, ids);
	put_line(x, "encrypted", "to %s", ids);
	if (s->closed_segments)
		put_line(x, "",
			 "%llu of %u segments cannot be read: no key that opens them was given",
			 (unsigned long long)s->closed_segments, s->source->n_segments);
}

/* Whether that is true only verify can say, and only with the key. */
static void text_seal(struct info *x)
{
	const struct reel_meta *m = x->s->meta;
	char id[2 * TAPE_ID_BYTES + 1];

	if (!m->is_sealed)
		return;
	reel_id_format(m->seal.host, id);
	put_line(x, "sealed", "by host key %s, run %llu; 'reel verify --key' checks it", id,
		 (unsigned long long)m->seal.n);
}

static void text_origin(struct info *x)
{
	const struct reel_meta *m = x->s->meta;
	char id[2 * TAPE_ID_BYTES + 1];

	reel_id_format(m->capture, id);
	put_line(x, "capture", "%s", id);
	text_recipients(x);
	text_seal(x);
	put_foreign(x, "host", m->host);
	reel_id_format(m->machine, id);
	if (m->cpus || !m->is_encrypted)
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
	put_span(x->out, s->from_ns, s->to_ns);
	out_char(x->out, '\n');
	for (unsigned i = 0; i < s->source->n_boots; i++) {
		reel_id_format(x->r->boots[s->source->first_boot + i].id, id);
		put_label(x, "boot");
		out_mem(x->out, id, 8);
		if (s->source->n_boots > 1) {
			out_str(x->out, ": ");
			put_span(x->out, s->spans[i].from_ns, s->spans[i].to_ns);
		}
		out_char(x->out, '\n');
	}
}

static void text_segments(struct info *x)
{
	const struct reel_source *source = x->s->source;
	const struct reel_segment *first = &x->r->segments[source->first_segment];
	const struct reel_segment *last = first + source->n_segments - 1;

	put_label(x, "segments");
	out_u64(x->out, source->n_segments);
	if (source->n_segments == 1) {
		out_str(x->out, ": number ");
		out_u64(x->out, first->meta.number);
	} else {
		out_str(x->out, ": numbers ");
		out_u64(x->out, first->meta.number);
		out_str(x->out, " to ");
		out_u64(x->out, last->meta.number);
	}
	if (x->s->is_cut)
		out_str(x->out, "; cut, so that blocks of other times are not in them");
	out_char(x->out, '\n');
	for (const struct reel_segment *s = first; x->verbose && s <= last; s++) {
		char size[REEL_SIZE_TEXT];

		(void)reel_size_format(s->bytes, size);
		out_str(x->out, "  ");
		out_u64(x->out, s->meta.number);
		out_str(x->out, ": ");
		out_str(x->out, reel_ending_name(s->ending));
		out_str(x->out, ", ");
		out_str(x->out, size);
		out_str(x->out, ", blocks ");
		out_u64(x->out, s->first_sequence);
		out_str(x->out, " to ");
		out_u64(x->out, s->last_sequence);
		out_str(x->out, ", ");
		out_text_string(x->out, s->path, strlen(s->path));
		out_char(x->out, '\n');
	}
}

static void text_amounts(struct info *x)
{
	const struct reel_summary *s = x->s;
	char raw[REEL_SIZE_TEXT], stored[REEL_SIZE_TEXT];
	bool first = true;

	put_label(x, "blocks");
	out_u64(x->out, s->blocks);
	for (unsigned k = 0; k < TAPE_KINDS; k++) {
		if (!s->blocks_of[k])
			continue;
		out_str(x->out, first ? ": " : ", ");
		out_u64(x->out, s->blocks_of[k]);
		out_char(x->out, ' ');
		out_str(x->out, reel_summary_kind_name(k));
		first = false;
	}
	out_char(x->out, '\n');
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
	put_span(x->out, l->from_ns, l->to_ns);
	out_str(x->out, ": ");
	out_u64(x->out, l->count);
	if (l->class_name) {
		out_char(x->out, ' ');
		out_str(x->out, l->class_name);
	}
	if (l->cpu != EV_NO_CPU) {
		out_str(x->out, ", CPU ");
		out_u64(x->out, l->cpu);
	}
	out_str(x->out, ", ");
	reel_summary_put_field(x->out, l->type, "cause", l->cause);
	out_char(x->out, '\n');
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

static void text_counted(struct info *x)
{
	const struct reel_counted *c = &x->s->all_counted;

	if (!x->s->n_counted)
		return;
	put_line(x, "counted", "%llu seen = %llu kept + %llu folded + %llu filtered + %llu lost",
		 (unsigned long long)c->seen, (unsigned long long)c->kept,
		 (unsigned long long)c->folded, (unsigned long long)c->filtered,
		 (unsigned long long)c->lost);
	if (c->seen != c->kept + c->folded + c->filtered + c->lost)
		put_line(x, "", "and these do not add up");
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
		out_text_string(x->out, c->hook, strlen(c->hook));
		out_str(x->out, ": ");
		reel_summary_put_field(x->out, c->type, "status", c->status);
		if (*c->types) {
			out_str(x->out, ", for ");
			out_text_string(x->out, c->types, strlen(c->types));
		}
		if (*c->reason) {
			out_str(x->out, ", ");
			out_text_string(x->out, c->reason, strlen(c->reason));
		}
		out_char(x->out, '\n');
	}
}

static void text_absences(struct info *x)
{
	const struct reel_retirement *d = &x->s->retired;
	char size[REEL_SIZE_TEXT];

	if (d->segments) {
		(void)reel_size_format(d->bytes, size);
		put_line(x, "retired", "%llu %s, numbers %llu to %llu, %llu events, %s",
			 (unsigned long long)d->segments, d->segments == 1 ? "segment" : "segments",
			 (unsigned long long)d->first_number, (unsigned long long)d->last_number,
			 (unsigned long long)d->events, size);
		put_label(x, "");
		put_span(x->out, d->from_ns, d->to_ns);
		out_char(x->out, '\n');
	}
	if (x->s->head_is_missing)
		put_line(x, "head",
			 "missing: the segments before number %llu are not here, and "
			 "nothing says that they were retired",
			 (unsigned long long)x->s->meta->number);
}

void reel_summary_put_text(struct reel_out *o, const struct reel_reader *r,
			   const struct reel_summary *s, bool verbose)
{
	struct info info = { o, r, s, verbose }, *x = &info;
	char text[REEL_VERDICT_TEXT];

	text_origin(x);
	text_period(x);
	text_segments(x);
	text_amounts(x);
	/* What nothing of can be read has none of these to tell. */
	if (s->closed_segments < s->source->n_segments) {
		text_counted(x);
		text_losses(x);
		text_coverage(x);
	}
	text_absences(x);
	reel_summary_verdict(s, text);
	put_line(x, "verdict", "%s", text);
}
