/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "format/render_plan.h"

/* Returns whether an argument is not what its bytes were. A last one may lack its NUL. */
bool render_json_args(struct reel_out *o, const struct reel_string *s)
{
	const uint8_t *at = s->bytes, *end = s->bytes + s->length;
	bool replaced = false;

	out_char(o, '[');
	while (at < end) {
		const uint8_t *nul = memchr(at, '\0', (size_t)(end - at));
		size_t len = (size_t)((nul ? nul : end) - at);

		if (at > s->bytes)
			out_char(o, ',');
		replaced |= out_json_string(o, at, len);
		at += len + (nul != NULL);
	}
	out_char(o, ']');
	return replaced;
}

void render_json_list(struct reel_out *o, const struct reel_string *s)
{
	uint32_t i, value;

	out_char(o, '[');
	for (i = 0; i + 4 <= s->length; i += 4) {
		memcpy(&value, s->bytes + i, 4);
		if (i)
			out_char(o, ',');
		out_u64(o, value);
	}
	out_char(o, ']');
}

static void put_hex(struct reel_out *o, const struct reel_string *s)
{
	out_char(o, '"');
	out_hex_bytes(o, s->bytes, s->length);
	out_char(o, '"');
}

static void put_true_length(struct reel_out *o, const struct reel_string *s)
{
	if (s->true_length == EV_UNKNOWN_LENGTH)
		out_str(o, "null");
	else
		out_u64(o, s->true_length);
}

/* ,"key and SUFFIX: the keys that follow a string's own. */
static void put_derived_key(struct reel_out *o, const struct render_plan *p,
			    const struct render_field *f, const char *suffix)
{
	out_mem(o, p->text.buf + f->json.at, f->json.len - 2);
	out_str(o, suffix);
}

static void put_string(struct reel_out *o, const struct render_plan *p,
		       const struct render_field *f, const struct reel_string *s)
{
	bool inexact = false;

	if (render_is_left_out(f, s))
		return;
	render_put_span(o, p, f->json);
	switch (f->form) {
	case FORM_ARGS:
		inexact = render_json_args(o, s);
		break;
	case FORM_HEX:
		put_hex(o, s);
		break;
	case FORM_LIST:
		render_json_list(o, s);
		inexact = s->length % 4;
		break;
	default:
		inexact = out_json_string(o, s->bytes, s->length);
	}
	if (inexact) {
		put_derived_key(o, p, f, "_hex\":");
		put_hex(o, s);
	}
	if (!reel_string_is_cut(s))
		return;
	put_derived_key(o, p, f, "_length\":");
	put_true_length(o, s);
}

static void put_number(struct reel_out *o, const struct render_plan *p,
		       const struct render_field *f, const struct reel_event *ev)
{
	uint64_t value = reel_event_number(ev, f->field);
	const char *class_name;

	render_put_span(o, p, f->json);
	switch (f->form) {
	case FORM_LABEL:
		if (value < f->n_labels)
			render_put_span(o, p, p->labels[f->first_label + value]);
		else
			render_put_raw(o, f->field, value);
		break;
	case FORM_CLASS:
		class_name = render_class_name(ev, value);
		if (class_name)
			out_json_string(o, class_name, strlen(class_name));
		else
			render_put_raw(o, f->field, value);
		break;
	case FORM_BOOL:
		out_str(o, value ? "true" : "false");
		break;
	case FORM_SIGNED:
		out_s64(o, (int64_t)value);
		break;
	case FORM_ADDR:
		out_char(o, '"');
		reel_addr_format(o, ev->fixed + f->field->offset);
		out_char(o, '"');
		break;
	case FORM_RESULT:
		if (render_has_result(ev))
			out_s64(o, ev->ret);
		else
			out_str(o, "null");
		break;
	default:
		out_u64(o, value);
	}
}

void render_json_fields(struct reel_out *o, const struct render_plan *p,
			const struct reel_event *ev)
{
	struct reel_string strings[EV_MAX_STRINGS];
	unsigned int i;

	render_strings(ev, strings);
	for (i = 0; i < p->n_fields; i++) {
		const struct render_field *f = &p->fields[i];

		if (render_is_number(f->form))
			put_number(o, p, f, ev);
		else
			put_string(o, p, f, &strings[f->string]);
	}
}

static void put_flags(struct reel_out *o, uint8_t flags)
{
	const struct render_flag *f;

	for (f = render_flags; f->name; f++) {
		if (!(flags & f->flag))
			continue;
		out_str(o, ",\"");
		out_str(o, f->name);
		out_str(o, "\":true");
	}
}

static void put_call(struct reel_out *o, const struct reel_event *ev)
{
	const char *abi = render_abi(ev->call);

	if (render_has_errno(ev)) {
		out_str(o, ",\"errno\":\"");
		render_put_errno(o, ev->ret);
		out_char(o, '"');
	}
	out_str(o, ",\"syscall\":\"");
	render_put_syscall(o, ev->call);
	out_char(o, '"');
	if (abi) {
		out_str(o, ",\"abi\":\"");
		out_str(o, abi);
		out_char(o, '"');
	}
}

static void put_beside(struct reel_out *o, const struct reel_render_value *v)
{
	const struct reel_string *s = &v->string;

	out_str(o, ",\"");
	out_str(o, v->name);
	out_str(o, "\":");
	if (!v->is_string) {
		out_u64(o, v->number);
		return;
	}
	if (out_json_string(o, s->bytes, s->length)) {
		out_str(o, ",\"");
		out_str(o, v->name);
		out_str(o, "_hex\":");
		put_hex(o, s);
	}
	if (!reel_string_is_cut(s))
		return;
	out_str(o, ",\"");
	out_str(o, v->name);
	out_str(o, "_length\":");
	put_true_length(o, s);
}

void render_json(struct reel_renderer *r, struct reel_out *o, const struct render_item *item)
{
	const struct reel_event *ev = item->ev;

	render_put_span(o, item->plan, item->plan->begin);
	o->len += reel_event_id(ev, item->boot, out_room(o, REEL_EVENT_ID_MAX));
	if (item->host) {
		out_str(o, "\",\"host\":");
		out_json_string(o, item->host, strlen(item->host));
		out_str(o, ",\"ts\":");
	} else {
		out_str(o, "\",\"ts\":");
	}
	out_u64(o, ev->ts);
	if (item->realtime_ns >= 0) {
		out_str(o, ",\"time\":\"");
		o->len += reel_time_format(&r->time, (uint64_t)item->realtime_ns,
					   out_room(o, REEL_TIME_TEXT));
		out_str(o, "\",\"pid\":");
	} else {
		out_str(o, ",\"time\":null,\"pid\":");
	}
	out_u64(o, ev->pid);
	out_str(o, ",\"tid\":");
	out_u64(o, ev->tid);
	for (unsigned i = 0; i < r->n_beside; i++)
		if (!render_has_field(item->plan, r->beside[i].name))
			put_beside(o, &r->beside[i]);
	out_str(o, ",\"ret\":");
	out_s64(o, ev->ret);
	if (ev->call)
		put_call(o, ev);
	if (ev->flags)
		put_flags(o, ev->flags);
	render_json_fields(o, item->plan, ev);
	out_char(o, '}');
}

/* A key a line, lists as they are. JSON has to be what render_json() makes. */
void render_pretty(struct reel_out *o, const char *json, size_t len)
{
	unsigned int lists = 0;
	bool in_string = false;
	size_t i;

	for (i = 0; i < len; i++) {
		char c = json[i];

		if (in_string) {
			out_char(o, c);
			if (c == '\\')
				out_char(o, json[++i]);
			in_string = c != '"';
			continue;
		}
		in_string = c == '"';
		lists += c == '[';
		lists -= c == ']';
		if (c == '}')
			out_char(o, '\n');
		out_char(o, c);
		if (c == '{' || (c == ',' && !lists))
			out_str(o, "\n  ");
		else if (c == ':' || c == ',')
			out_char(o, ' ');
	}
	out_char(o, '\n');
}
