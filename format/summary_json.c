/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <string.h>

#include "format/json.h"
#include "format/summary_show.h"

static void json_hint(struct reel_json *j, const char *key, const struct reel_type *t,
		      const char *field, uint64_t value)
{
	json_key(j, key);
	out_char(j->out, '"');
	reel_summary_put_field(j->out, t, field, value);
	out_char(j->out, '"');
}

static void json_ratio(struct reel_json *j, const char *key, uint64_t a, uint64_t b)
{
	char text[64];

	snprintf(text, sizeof(text), "%.4f", b ? (double)a / (double)b : 0.0);
	json_key(j, key);
	out_str(j->out, b ? text : "null");
}

static void json_recipients(struct reel_json *j, const struct reel_summary *s)
{
	json_begin(j, "encrypted_to", '[');
	for (unsigned i = 0; i < s->meta->n_recipients; i++)
		json_hex(j, NULL, s->meta->recipients[i].id, TAPE_ID_BYTES);
	json_end(j, ']');
	json_u64(j, "closed_segments", s->closed_segments);
}

static void json_seal(struct reel_json *j, const struct tape_seal *seal)
{
	json_begin(j, "sealed_by", '{');
	json_hex(j, "host_key", seal->host, sizeof(seal->host));
	json_u64(j, "run", seal->n);
	json_u64(j, "first_block", seal->first_sequence);
	json_end(j, '}');
}

static void json_origin(struct reel_json *j, const struct reel_summary *s)
{
	const struct reel_meta *m = s->meta;

	json_hex(j, "capture", m->capture, sizeof(m->capture));
	if (m->is_encrypted)
		json_recipients(j, s);
	if (m->is_sealed)
		json_seal(j, &m->seal);
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

static void json_parts(struct reel_json *j, const struct reel_reader *r,
		       const struct reel_summary *sum)
{
	const struct reel_source *source = sum->source;

	json_begin(j, "boots", '[');
	for (unsigned i = 0; i < source->n_boots; i++) {
		json_begin(j, NULL, '{');
		json_hex(j, "boot", r->boots[source->first_boot + i].id, TAPE_ID_BYTES);
		json_time(j, "from", sum->spans[i].from_ns);
		json_time(j, "to", sum->spans[i].to_ns);
		json_end(j, '}');
	}
	json_end(j, ']');
	json_begin(j, "segments", '[');
	for (unsigned i = 0; i < source->n_segments; i++) {
		const struct reel_segment *s = &r->segments[source->first_segment + i];

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
		if (reel_summary_kind_name(k))
			json_u64(j, reel_summary_kind_name(k), s->blocks_of[k]);
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
	if (s->n_counted) {
		json_begin(j, "counted", '{');
		json_u64(j, "seen", s->all_counted.seen);
		json_u64(j, "kept", s->all_counted.kept);
		json_u64(j, "folded", s->all_counted.folded);
		json_u64(j, "filtered", s->all_counted.filtered);
		json_u64(j, "lost", s->all_counted.lost);
		json_u64(j, "missed", s->all_counted.missed);
		json_end(j, '}');
	}
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

void reel_summary_put_json(struct reel_out *o, const struct reel_reader *r,
			   const struct reel_summary *s)
{
	struct reel_json j = { o, false };
	char text[REEL_VERDICT_TEXT];

	json_begin(&j, NULL, '{');
	json_origin(&j, s);
	json_time(&j, "from", s->from_ns);
	json_time(&j, "to", s->to_ns);
	json_parts(&j, r, s);
	json_amounts(&j, s);
	json_losses(&j, s);
	json_coverage(&j, s);
	json_absences(&j, s);
	json_str(&j, "ending", reel_ending_name(s->ending));
	json_bool(&j, "being_written", s->is_being_written);
	reel_summary_verdict(s, text);
	json_str(&j, "verdict", text);
	json_end(&j, '}');
	out_char(o, '\n');
}
