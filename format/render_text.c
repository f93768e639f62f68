/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A line for people:
 *
 *	TIME ID [HOST] PID/TID TYPE(CALL) name=value ... = RET ERRNO [flags]
 *
 * What is said besides, as name=value, stands before the type.
 *
 * Values have no blank outside of quotes, so that nobody can write a name that looks like the end
 * of a line. Only argv, env and the true length of a cut string look different:
 * argv=(sh -c 'echo hi'), path=/aaa ...(5000).
 */
#include <string.h>

#include "format/render_plan.h"

#define COLOR_DIM "\033[2m"
#define COLOR_TYPE "\033[1m"
#define COLOR_WRONG "\033[31m"
#define COLOR_FLAGS "\033[33m"
#define COLOR_NORMAL "\033[0m"

/* More names than this say less than the number. */
enum { MAX_CAPS_SHOWN = 8 };

static void put_color(const struct reel_renderer *r, struct reel_out *o, const char *color)
{
	if (r->options.color)
		out_str(o, color);
}

/* How a shell would have to see a word, to mean these bytes. */
enum quoting { QUOTE_NONE, QUOTE_SINGLE, QUOTE_DOLLAR };

static bool needs_no_quotes(uint32_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c < 0x80 && c && strchr("_@%+=:,./-", (int)c)) || c >= 0xa1;
}

static enum quoting quoting_of(const uint8_t *s, size_t len)
{
	enum quoting q = len ? QUOTE_NONE : QUOTE_SINGLE;
	size_t n, invalid_len;
	uint32_t c;

	for (; len > 0; s += n, len -= n) {
		n = out_utf8_next(s, len, &c, &invalid_len);
		if (n == 0 || out_is_hostile(c) || c == '\'')
			return QUOTE_DOLLAR;
		if (!needs_no_quotes(c))
			q = QUOTE_SINGLE;
	}
	return q;
}

static void put_word(struct reel_out *o, const uint8_t *s, size_t len)
{
	switch (quoting_of(s, len)) {
	case QUOTE_NONE:
		out_mem(o, s, len);
		break;
	case QUOTE_SINGLE:
		out_char(o, '\'');
		out_mem(o, s, len);
		out_char(o, '\'');
		break;
	case QUOTE_DOLLAR:
		out_char(o, '$');
		out_quoted(o, s, len, '\'');
		break;
	}
}

static void put_words(struct reel_out *o, const struct reel_string *s)
{
	const uint8_t *at = s->bytes, *end = s->bytes + s->length;

	out_char(o, '(');
	while (at < end) {
		const uint8_t *nul = memchr(at, '\0', (size_t)(end - at));
		size_t len = (size_t)((nul ? nul : end) - at);

		if (at > s->bytes)
			out_char(o, ' ');
		put_word(o, at, len);
		at += len + (nul != NULL);
	}
	out_char(o, ')');
}

static void put_name(struct reel_out *o, const struct render_field *f)
{
	out_char(o, ' ');
	out_str(o, f->field->name);
	out_char(o, '=');
}

static void put_cut(struct reel_out *o, const struct reel_string *s)
{
	if (!reel_string_is_cut(s))
		return;
	out_str(o, " ...(");
	if (s->true_length == EV_UNKNOWN_LENGTH)
		out_char(o, '?');
	else
		out_u64(o, s->true_length);
	out_char(o, ')');
}

static void put_string(struct reel_out *o, const struct render_field *f,
		       const struct reel_string *s)
{
	if (render_is_left_out(f, s))
		return;
	put_name(o, f);
	switch (f->form) {
	case FORM_ARGS:
		put_words(o, s);
		break;
	case FORM_HEX:
		out_hex_bytes(o, s->bytes, s->length);
		break;
	case FORM_LIST:
		render_json_list(o, s);
		break;
	default:
		out_text_string(o, s->bytes, s->length);
	}
	put_cut(o, s);
}
static void put_by_hint(struct reel_out *o, const struct reel_hint *hint, uint8_t kind,
			uint64_t value)
{
	switch (kind & REEL_KIND_MASK) {
	case REEL_S32:
	case REEL_S64:
	case REEL_RESULT:
		reel_hint_put_signed(o, hint, (int64_t)value);
		break;
	default:
		reel_hint_put(o, hint, value);
	}
}

/* Labels may have blanks. In the plan they are JSON, of which only the quotes are to go. */
static void put_label(struct reel_out *o, const struct render_plan *p, struct render_span s)
{
	out_text_string(o, p->text.buf + s.at + 1, s.len - 2);
}

static void put_number(struct reel_out *o, const struct render_plan *p,
		       const struct render_field *f, const struct reel_event *ev)
{
	uint64_t value = reel_event_number(ev, f->field);

	put_name(o, f);
	if (f->form == FORM_LABEL && value < f->n_labels)
		put_label(o, p, p->labels[f->first_label + value]);
	else if (f->form == FORM_ADDR)
		reel_addr_format(o, ev->fixed + f->field->offset);
	else if (f->is_proto && p->family)
		reel_proto_put(o, (unsigned int)reel_event_number(ev, p->family), value);
	else if (f->is_caps && __builtin_popcountll(value) > MAX_CAPS_SHOWN)
		out_hex(o, value);
	else
		put_by_hint(o, &f->hint, f->field->kind, value);
}

/* What names things comes first, contents come last; the schema goes by width. */
static void put_fields(struct reel_out *o, const struct render_plan *p, const struct reel_event *ev)
{
	struct reel_string strings[EV_MAX_STRINGS];
	unsigned int i, pass;

	render_strings(ev, strings);
	for (pass = 0; pass < 3; pass++) {
		for (i = 0; i < p->n_fields; i++) {
			const struct render_field *f = &p->fields[i];
			bool is_number = render_is_number(f->form);
			bool is_content = (f->field->kind & REEL_KIND_MASK) == REEL_BYTES;
			unsigned int wanted = is_number ? 1 : is_content ? 2 : 0;

			if (pass != wanted || f->form == FORM_RESULT)
				continue;
			if (is_number)
				put_number(o, p, f, ev);
			else
				put_string(o, f, &strings[f->string]);
		}
	}
}

/* "open", "open(openat)", "open(open,i386)" */
static void put_type(const struct reel_renderer *r, struct reel_out *o, const struct render_plan *p,
		     const struct reel_event *ev)
{
	const char *abi = render_abi(ev->call);
	const char *call = NULL;

	if (ev->call)
		call = reel_syscall_name(EV_CALL_ABI(ev->call), EV_CALL_NUMBER(ev->call));
	put_color(r, o, COLOR_TYPE);
	out_str(o, p->type->name);
	put_color(r, o, COLOR_NORMAL);
	if (!ev->call || (call && !abi && !strcmp(call, p->type->name)))
		return;
	out_char(o, '(');
	render_put_syscall(o, ev->call);
	if (abi) {
		out_char(o, ',');
		out_str(o, abi);
	}
	out_char(o, ')');
}

static void put_result(const struct reel_renderer *r, struct reel_out *o,
		       const struct render_plan *p, const struct reel_event *ev)
{
	out_str(o, " = ");
	if (ev->flags & EV_BLOCKED) {
		out_char(o, '?');
	} else if (render_has_errno(ev)) {
		put_color(r, o, COLOR_WRONG);
		out_s64(o, ev->ret);
		out_char(o, ' ');
		render_put_errno(o, ev->ret);
		put_color(r, o, COLOR_NORMAL);
	} else if (p->result) {
		put_by_hint(o, &p->result_hint, p->result->kind, (uint64_t)ev->ret);
	} else {
		out_s64(o, ev->ret);
	}
}

static void put_flags(const struct reel_renderer *r, struct reel_out *o, uint8_t flags)
{
	const struct render_flag *f;
	const char *before = " [";

	put_color(r, o, COLOR_FLAGS);
	for (f = render_flags; f->name; f++) {
		if (!(flags & f->flag))
			continue;
		out_str(o, before);
		out_str(o, f->name);
		before = ",";
	}
	out_char(o, ']');
	put_color(r, o, COLOR_NORMAL);
}

static void put_beside(struct reel_out *o, const struct reel_render_value *v)
{
	out_str(o, v->name);
	out_char(o, '=');
	if (v->is_string) {
		out_text_string(o, v->string.bytes, v->string.length);
		put_cut(o, &v->string);
	} else {
		out_u64(o, v->number);
	}
	out_char(o, ' ');
}

static void put_when_and_who(struct reel_renderer *r, struct reel_out *o,
			     const struct render_item *item)
{
	const struct reel_event *ev = item->ev;

	put_color(r, o, COLOR_DIM);
	if (item->realtime_ns >= 0) {
		o->len += reel_time_format(&r->time, (uint64_t)item->realtime_ns,
					   out_room(o, REEL_TIME_TEXT));
	} else {
		out_char(o, '@');
		out_u64(o, ev->ts);
	}
	out_char(o, ' ');
	o->len += reel_event_id(ev, item->boot, out_room(o, REEL_EVENT_ID_MAX));
	put_color(r, o, COLOR_NORMAL);
	out_char(o, ' ');
	if (item->host) {
		out_text_string(o, item->host, strlen(item->host));
		out_char(o, ' ');
	}
	out_u64(o, ev->pid);
	if (ev->tid != ev->pid) {
		out_char(o, '/');
		out_u64(o, ev->tid);
	}
	out_char(o, ' ');
	for (unsigned i = 0; i < r->n_beside; i++)
		if (!render_has_field(item->plan, r->beside[i].name))
			put_beside(o, &r->beside[i]);
}

void render_text(struct reel_renderer *r, struct reel_out *o, const struct render_item *item)
{
	const struct reel_event *ev = item->ev;

	put_when_and_who(r, o, item);
	put_type(r, o, item->plan, ev);
	put_fields(o, item->plan, ev);
	if (ev->call)
		put_result(r, o, item->plan, ev);
	if (ev->flags & ~EV_WIDE_RET)
		put_flags(r, o, ev->flags);
	out_char(o, '\n');
}
