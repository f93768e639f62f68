/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RFC 4180 with lines that end in LF. Columns have the names of JSON's keys, with two differences:
 * the flags of honesty are one column "flags", and bytes are NAME_hex. Paths and texts are their
 * exact bytes, arguments and lists are JSON arrays.
 */
#include <string.h>

#include "format/render_plan.h"

/* "flags" is a common column in CSV only. */
static bool is_flags(const struct render_plan *p, const struct render_field *f)
{
	return f->key.len == 5 && !memcmp(p->text.buf + f->key.at, "flags", 5);
}

static bool is_bytes(const struct render_field *f)
{
	return f->form == FORM_STRING && (f->field->kind & REEL_KIND_MASK) != REEL_PATH &&
	       (f->field->kind & REEL_KIND_MASK) != REEL_TEXT;
}

void render_csv_head(struct reel_renderer *r, struct reel_out *o)
{
	const struct reel_type *type = r->options.only_type;
	const struct render_plan *p = type ? render_plan_get(r, type) : NULL;
	unsigned int i;

	out_str(o, "type,id,");
	if (r->options.host)
		out_str(o, "host,");
	out_str(o, "ts,time,pid,tid,ret,errno,syscall,abi,flags");
	if (!type)
		out_str(o, ",detail");
	for (i = 0; p && i < p->n_fields; i++) {
		const struct render_field *f = &p->fields[i];

		out_char(o, ',');
		if (is_flags(p, f)) {
			out_str(o, type->name);
			out_char(o, '_');
		}
		render_put_span(o, p, f->key);
		if (is_bytes(f))
			out_str(o, "_hex");
	}
	out_char(o, '\n');
}

static void put_number(struct reel_out *o, const struct render_plan *p,
		       const struct render_field *f, const struct reel_event *ev)
{
	uint64_t value = reel_event_number(ev, f->field);
	const char *class_name;

	switch (f->form) {
	case FORM_LABEL:
		if (value < f->n_labels) {
			struct render_span s = p->labels[f->first_label + value];

			out_csv_field(o, p->text.buf + s.at + 1, s.len - 2);
			return;
		}
		break;
	case FORM_CLASS:
		class_name = render_class_name(ev, value);
		if (class_name) {
			out_str(o, class_name);
			return;
		}
		break;
	case FORM_BOOL:
		out_str(o, value ? "true" : "false");
		return;
	case FORM_ADDR:
		reel_addr_format(o, ev->fixed + f->field->offset);
		return;
	case FORM_RESULT:
		if (render_has_result(ev))
			out_s64(o, ev->ret);
		return;
	case FORM_SIGNED:
		out_s64(o, (int64_t)value);
		return;
	default:
		break;
	}
	render_put_raw(o, f->field, value);
}

/* SCRATCH as one field. */
static void put_scratch(struct reel_out *o, const struct reel_out *scratch)
{
	if (scratch->err && !o->err)
		o->err = scratch->err;
	out_csv_field(o, scratch->buf, scratch->len);
}

static void put_string(struct reel_renderer *r, struct reel_out *o, const struct render_field *f,
		       const struct reel_string *s)
{
	if (f->form == FORM_HEX || is_bytes(f)) {
		out_hex_bytes(o, s->bytes, s->length);
	} else if (f->form == FORM_STRING) {
		out_csv_field(o, s->bytes, s->length);
	} else if (!render_is_left_out(f, s)) {
		out_reset(&r->scratch);
		if (f->form == FORM_ARGS)
			(void)render_json_args(&r->scratch, s);
		else
			render_json_list(&r->scratch, s);
		put_scratch(o, &r->scratch);
	}
}

/* The field of P that goes by the same name as F of OTHER. */
static const struct render_field *find_field(const struct render_plan *p,
					     const struct render_plan *other,
					     const struct render_field *f)
{
	unsigned int i;

	if (p == other)
		return f;
	for (i = 0; i < p->n_fields; i++)
		if (!strcmp(p->fields[i].field->name, f->field->name))
			return &p->fields[i];
	return NULL;
}

static void put_columns(struct reel_renderer *r, struct reel_out *o, const struct render_plan *p,
			const struct reel_event *ev)
{
	const struct render_plan *columns = render_plan_get(r, r->options.only_type);
	bool same = !strcmp(p->type->name, r->options.only_type->name);
	struct reel_string strings[EV_MAX_STRINGS];
	unsigned int i;

	render_strings(ev, strings);
	for (i = 0; columns && i < columns->n_fields; i++) {
		const struct render_field *f = NULL;

		if (same)
			f = find_field(p, columns, &columns->fields[i]);
		out_char(o, ',');
		if (f && render_is_number(f->form))
			put_number(o, p, f, ev);
		else if (f)
			put_string(r, o, f, &strings[f->string]);
	}
}

static void put_detail(struct reel_renderer *r, struct reel_out *o, const struct render_plan *p,
		       const struct reel_event *ev)
{
	struct reel_out *s = &r->scratch;

	out_reset(s);
	render_json_fields(s, p, ev);
	if (s->len == 0)
		out_char(s, '{');
	s->buf[0] = '{';
	out_char(s, '}');
	out_char(o, ',');
	put_scratch(o, s);
}

static void put_call(struct reel_out *o, const struct reel_event *ev)
{
	const char *abi = render_abi(ev->call);

	if (render_has_errno(ev))
		render_put_errno(o, ev->ret);
	out_char(o, ',');
	if (ev->call)
		render_put_syscall(o, ev->call);
	out_char(o, ',');
	if (abi)
		out_str(o, abi);
	out_char(o, ',');
}

void render_csv(struct reel_renderer *r, struct reel_out *o, const struct render_item *item)
{
	const struct reel_event *ev = item->ev;
	const struct render_flag *f;
	bool first = true;

	out_str(o, item->plan->type->name);
	out_char(o, ',');
	o->len += reel_event_id(ev, item->boot, out_room(o, REEL_EVENT_ID_MAX));
	out_char(o, ',');
	if (r->options.host) {
		if (item->host)
			out_csv_field(o, item->host, strlen(item->host));
		out_char(o, ',');
	}
	out_u64(o, ev->ts);
	out_char(o, ',');
	if (item->realtime_ns >= 0)
		o->len += reel_time_format(&r->time, (uint64_t)item->realtime_ns,
					   out_room(o, REEL_TIME_TEXT));
	out_char(o, ',');
	out_u64(o, ev->pid);
	out_char(o, ',');
	out_u64(o, ev->tid);
	out_char(o, ',');
	out_s64(o, ev->ret);
	out_char(o, ',');
	put_call(o, ev);
	for (f = render_flags; f->name; f++) {
		if (!(ev->flags & f->flag))
			continue;
		if (!first)
			out_char(o, '|');
		first = false;
		out_str(o, f->name);
	}
	if (r->options.only_type)
		put_columns(r, o, item->plan, ev);
	else
		put_detail(r, o, item->plan, ev);
	out_char(o, '\n');
}
