/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay/rule_output.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "format/names.h"
#include "replay/eval_impl.h"

static const char nothing[] = "<NA>";

static void put_clock(struct reel_out *o, unsigned clock, int64_t wall_ns)
{
	const bool has_date = clock >= RULE_CLOCK_ISO;
	time_t seconds = (time_t)(wall_ns / 1000000000);
	char text[40], fraction[16];
	struct tm tm;

	if (wall_ns <= 0) {
		out_str(o, nothing);
		return;
	}
	if (clock == RULE_CLOCK_RAW) {
		out_s64(o, wall_ns);
		return;
	}
	if (!gmtime_r(&seconds, &tm))
		return;
	if (has_date && strftime(text, sizeof(text), "%Y-%m-%d", &tm)) {
		out_str(o, text);
		out_char(o, clock == RULE_CLOCK_ISO ? 'T' : ' ');
	}
	if (strftime(text, sizeof(text), "%H:%M:%S", &tm))
		out_str(o, text);
	if (clock == RULE_CLOCK_TIME || clock == RULE_CLOCK_ISO || clock == RULE_CLOCK_DATE) {
		snprintf(fraction, sizeof(fraction), ".%09u", (unsigned)(wall_ns % 1000000000));
		out_str(o, fraction);
	}
	if (clock == RULE_CLOCK_ISO)
		out_str(o, "+0000");
}

static void put_value(struct reel_out *o, const struct rule_ref *ref, const struct value *v)
{
	switch (v->kind) {
	case VALUE_STRING:
		out_mem(o, v->bytes, v->length);
		break;
	case VALUE_ADDR:
		reel_addr_format(o, v->addr);
		break;
	case VALUE_NUMBER:
		if (ref->hint && strcmp(ref->hint, "bool") == 0)
			out_str(o, v->number ? "true" : "false");
		else if (v->is_signed)
			out_s64(o, (int64_t)v->number);
		else
			out_u64(o, v->number);
		break;
	default:
		out_str(o, nothing);
	}
}

void rule_output_fill(struct reel_out *o, const struct rule_output *output, struct eval *e,
		      const struct reel_event *ev, int64_t wall_ns)
{
	for (uint32_t i = 0; i < output->n; i++) {
		const struct rule_output_part *part = &output->parts[i];
		struct value v;

		if (part->text) {
			out_mem(o, part->text, part->length);
		} else if (part->clock) {
			put_clock(o, part->clock, wall_ns);
		} else if (!part->ref.kind) {
			out_str(o, nothing);
		} else {
			eval_value(e, &part->ref, ev, &v);
			put_value(o, &part->ref, &v);
		}
	}
}
