/* SPDX-License-Identifier: BSD-2-Clause */
/* What a column says of an event. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format/columns.h"
#include "format/reader.h"
#include "format/render_plan.h"
#include "format/walk.h"

/* Room for what is short: names, flags, the labels of a field. Checked to be enough by their
 * tables: 64 bits of 40 letters. */
enum { SHORT_BYTES = 4096, CHUNK_BYTES = 128 << 10, NO_FIELD = 0xffff };

/* Text that was made for the values of a row. It must not move, so a full one is left as it is. */
struct chunk {
	struct chunk *older;
	struct reel_out out;
};

/* Where the type of a capture has what the columns show. */
struct binding {
	struct binding *next;
	const struct render_plan *plan;
	uint16_t path;	     /* in the plan's fields, or NO_FIELD */
	uint16_t field_of[]; /* the same of each column */
};

struct reel_row {
	const struct reel_columns *columns;
	struct reel_renderer renderer; /* has the plans */
	struct chunk *chunk;
	struct binding *bindings[EV_MAX_TYPES];
	struct reel_timefmt time;

	const struct reel_event *ev;
	int64_t realtime_ns;
	const struct reel_render_value *beside;
	unsigned n_beside;
	const struct binding *binding; /* of the event; NULL: not looked for yet */
};

static struct chunk *new_chunk(size_t bytes)
{
	struct chunk *c = calloc(1, sizeof(*c));

	if (c && out_init_mem(&c->out) == 0)
		out_make_room(&c->out, bytes);
	if (c && (!c->out.buf || out_error(&c->out) < 0)) {
		out_done(&c->out);
		free(c);
		return NULL;
	}
	return c;
}

int reel_row_new(const struct reel_columns *c, struct reel_row **ret, struct reel_err *err)
{
	const struct reel_render_options options = { .format = REEL_RENDER_JSON };
	struct reel_row *r = calloc(1, sizeof(*r));

	if (r)
		r->chunk = new_chunk(CHUNK_BYTES);
	if (!r || !r->chunk || reel_renderer_init(&r->renderer, &r->chunk->out, &options) < 0) {
		reel_row_free(r);
		return reel_err_set(err, -ENOMEM, "no memory for rows");
	}
	r->columns = c;
	reel_timefmt_init(&r->time, (struct reel_tz){ REEL_TZ_UTC, 0 });
	*ret = r;
	return 0;
}

static void free_chunks(struct chunk *c)
{
	while (c) {
		struct chunk *older = c->older;

		out_done(&c->out);
		free(c);
		c = older;
	}
}

void reel_row_free(struct reel_row *r)
{
	if (!r)
		return;
	for (unsigned i = 0; i < EV_MAX_TYPES; i++) {
		while (r->bindings[i]) {
			struct binding *b = r->bindings[i];

			r->bindings[i] = b->next;
			free(b);
		}
	}
	reel_renderer_done(&r->renderer);
	free_chunks(r->chunk);
	free(r);
}

void reel_row_begin(struct reel_row *r, const struct reel_event *ev, int64_t realtime_ns,
		    const struct reel_render_value *beside, unsigned n_beside)
{
	if (r->chunk->older) {
		free_chunks(r->chunk->older);
		r->chunk->older = NULL;
	}
	out_reset(&r->chunk->out);
	r->ev = ev;
	r->realtime_ns = realtime_ns;
	r->beside = beside;
	r->n_beside = beside ? n_beside : 0;
	r->binding = NULL;
}

/* A place for so many bytes; NULL: no memory. */
static struct reel_out *room_for(struct reel_row *r, size_t bytes)
{
	struct reel_out *o = &r->chunk->out;
	struct chunk *c;

	bytes += OUT_SMALL; /* what a writer may want to have before it */
	if (o->cap - o->len >= bytes)
		return o;
	/* Twice as large, so that soon all that a row needs is in one. */
	c = new_chunk(bytes > 2 * o->cap ? bytes : 2 * o->cap);
	if (!c)
		return NULL;
	c->older = r->chunk;
	r->chunk = c;
	return &c->out;
}

/* Bindings ----------------------------------------------------------------------------------- */

static unsigned find_field(const struct render_plan *p, const char *name)
{
	for (unsigned i = 0; i < p->n_fields; i++)
		if (!strcmp(p->fields[i].field->name, name))
			return i;
	return NO_FIELD;
}

/* The capture may come from another version, where the field is something else. */
static bool is_alike(const struct reel_field *a, const struct reel_field *b)
{
	bool a_is_address = (a->kind & REEL_KIND_MASK) == REEL_ADDR;
	bool b_is_address = (b->kind & REEL_KIND_MASK) == REEL_ADDR;

	return reel_field_is_string(a) == reel_field_is_string(b) && a_is_address == b_is_address;
}

static const struct binding *bind(struct reel_row *r, const struct reel_type *type)
{
	const struct reel_columns *c = r->columns;
	struct binding **list = &r->bindings[type->id], *b;
	const struct reel_field *path = reel_type_path(type);

	for (b = *list; b; b = b->next)
		if (b->plan->type == type)
			return b;
	b = calloc(1, sizeof(*b) + c->n * sizeof(b->field_of[0]));
	if (!b)
		return NULL;
	r->renderer.out = &r->chunk->out;
	b->plan = render_plan_get(&r->renderer, type);
	if (!b->plan) {
		free(b);
		return NULL;
	}
	b->path = NO_FIELD;
	if (path)
		b->path = (uint16_t)find_field(b->plan, path->name);
	for (unsigned i = 0; i < c->n; i++) {
		const struct reel_field *f = c->list[i].field;
		unsigned at = f ? find_field(b->plan, f->name) : NO_FIELD;

		if (at != NO_FIELD && !is_alike(f, b->plan->fields[at].field))
			at = NO_FIELD;
		b->field_of[i] = (uint16_t)at;
	}
	b->next = *list;
	*list = b;
	return b;
}

/* Values ------------------------------------------------------------------------------------- */

static void set_integer(struct reel_value *v, int64_t n)
{
	v->kind = REEL_VALUE_INTEGER;
	v->integer = n;
}

static void set_bytes(struct reel_value *v, enum reel_value_kind kind, const void *bytes, size_t n)
{
	v->kind = kind;
	v->bytes = bytes;
	v->length = (uint32_t)n;
}

static void set_literal(struct reel_value *v, const char *text)
{
	if (text)
		set_bytes(v, REEL_VALUE_TEXT, text, strlen(text));
}

/* Eight at a time as long as it is ASCII; without a NUL. */
static bool is_text(const uint8_t *at, size_t n)
{
	const uint64_t ones = 0x0101010101010101, high = 0x8080808080808080;
	size_t i = 0;

	while (i < n) {
		uint32_t character;
		size_t length, invalid;
		uint64_t eight;

		if (n - i >= sizeof(eight)) {
			memcpy(&eight, at + i, sizeof(eight));
			if (!((eight | (eight - ones)) & high)) {
				i += sizeof(eight);
				continue;
			}
		}
		if (at[i] - 1u < 0x7f) {
			i++;
			continue;
		}
		length = out_utf8_next(at + i, n - i, &character, &invalid);
		if (!length || !character)
			return false;
		i += length;
	}
	return true;
}

static void set_string(struct reel_value *v, const struct reel_string *s)
{
	set_bytes(v, is_text(s->bytes, s->length) ? REEL_VALUE_TEXT : REEL_VALUE_BLOB, s->bytes,
		  s->length);
}

/* What was put at O since it was FROM long. */
static int set_made(struct reel_value *v, const struct reel_out *o, size_t from)
{
	set_bytes(v, REEL_VALUE_TEXT, o->buf + from, o->len - from);
	return out_error(o);
}

static int set_of_string(struct reel_row *r, const struct render_field *f, struct reel_value *ret)
{
	const struct reel_string s = reel_event_string(r->ev, f->field);
	struct reel_out *o;
	size_t from;

	if (render_is_left_out(f, &s))
		return 0;
	if (f->form == FORM_STRING) {
		set_string(ret, &s);
		return 0;
	}
	/* An escaped byte takes six; a number of four bytes ten, and a comma. */
	o = room_for(r, 6 * (size_t)s.length + 16);
	if (!o)
		return -ENOMEM;
	from = o->len;
	if (f->form == FORM_ARGS)
		(void)render_json_args(o, &s);
	else if (f->form == FORM_HEX)
		out_hex_bytes(o, s.bytes, s.length);
	else
		render_json_list(o, &s);
	return set_made(ret, o, from);
}

static int set_of_field(struct reel_row *r, const struct render_field *f, struct reel_value *ret)
{
	struct reel_out *o;
	size_t from;

	if (!render_is_number(f->form))
		return set_of_string(r, f, ret);
	if (f->form == FORM_RESULT) {
		if (render_has_result(r->ev))
			set_integer(ret, r->ev->ret);
		return 0;
	}
	if (f->form != FORM_ADDR) {
		uint64_t value = reel_event_number(r->ev, f->field);

		set_integer(ret, f->form == FORM_BOOL ? value != 0 : (int64_t)value);
		return 0;
	}
	o = room_for(r, SHORT_BYTES);
	if (!o)
		return -ENOMEM;
	from = o->len;
	reel_addr_format(o, r->ev->fixed + f->field->offset);
	return set_made(ret, o, from);
}

static int set_field_name(struct reel_row *r, const struct render_plan *p,
			  const struct render_field *f, struct reel_value *ret)
{
	uint64_t value = reel_event_number(r->ev, f->field);
	unsigned kind = f->field->kind & REEL_KIND_MASK;
	const char *class_name;
	struct reel_out *o;
	size_t from;

	if (!render_is_number(f->form) || (f->form == FORM_RESULT && !render_has_result(r->ev)))
		return 0;
	o = room_for(r, SHORT_BYTES);
	if (!o)
		return -ENOMEM;
	from = o->len;
	if (f->form == FORM_CLASS) {
		class_name = render_class_name(r->ev, value);
		if (class_name)
			out_str(o, class_name);
		else
			out_u64(o, value);
	} else if (f->is_proto && p->family) {
		reel_proto_put(o, (unsigned)reel_event_number(r->ev, p->family), value);
	} else if (kind == REEL_S32 || kind == REEL_S64 || f->form == FORM_RESULT) {
		reel_hint_put_signed(o, &f->hint, (int64_t)value);
	} else {
		reel_hint_put(o, &f->hint, value);
	}
	return set_made(ret, o, from);
}

/* The object that dump's is the end of. */
static int set_fields(struct reel_row *r, const struct render_plan *p, struct reel_value *ret)
{
	const struct reel_type *t = p->type;
	size_t bytes = 4 * p->text.len + (size_t)p->n_fields * 2048 + 16, from;
	struct reel_out *o;

	/* Each byte of a string is at most one of six, and two digits behind it. */
	for (unsigned i = 0; i < t->n_strings; i++)
		bytes += 8 * (size_t)reel_event_string_at(r->ev, t->string_offsets[i]).length;
	o = room_for(r, bytes);
	if (!o)
		return -ENOMEM;
	from = o->len;
	render_json_fields(o, p, r->ev);
	if (o->len == from)
		out_char(o, '{');
	else
		o->buf[from] = '{'; /* in place of the first comma */
	out_char(o, '}');
	return set_made(ret, o, from);
}

static void set_beside(const struct reel_row *r, const char *name, struct reel_value *ret)
{
	for (unsigned i = 0; i < r->n_beside; i++) {
		const struct reel_render_value *v = &r->beside[i];

		if (strcmp(v->name, name) != 0)
			continue;
		if (v->is_string)
			set_string(ret, &v->string);
		else
			set_integer(ret, (int64_t)v->number);
		return;
	}
}

/* Those that are put together from their parts. */
static int set_short(struct reel_row *r, enum reel_column_id id, struct reel_value *ret)
{
	const struct reel_event *ev = r->ev;
	struct reel_out *o = room_for(r, SHORT_BYTES);
	size_t from;

	if (!o)
		return -ENOMEM;
	from = o->len;
	if (id == REEL_COLUMN_ID) {
		o->len += reel_event_id(ev, reel_event_boot(ev), out_room(o, REEL_EVENT_ID_MAX));
	} else if (id == REEL_COLUMN_TIME) {
		o->len += reel_time_format(&r->time, (uint64_t)r->realtime_ns,
					   out_room(o, REEL_TIME_TEXT));
	} else if (id == REEL_COLUMN_ERRNO) {
		render_put_errno(o, ev->ret);
	} else if (id == REEL_COLUMN_SYSCALL) {
		render_put_syscall(o, ev->call);
	} else {
		for (const struct render_flag *f = render_flags; f->name; f++) {
			if (!(ev->flags & f->flag))
				continue;
			if (o->len > from)
				out_char(o, ' ');
			out_str(o, f->name);
		}
	}
	return set_made(ret, o, from);
}

static int set_of_type(struct reel_row *r, unsigned column, struct reel_value *ret)
{
	enum reel_column_id id = r->columns->list[column].id;
	const struct render_plan *p;
	unsigned at;

	if (!r->binding)
		r->binding = bind(r, r->ev->type);
	if (!r->binding)
		return -ENOMEM;
	p = r->binding->plan;
	if (id == REEL_COLUMN_FIELDS)
		return set_fields(r, p, ret);
	at = id == REEL_COLUMN_PATH ? r->binding->path : r->binding->field_of[column];
	if (at == NO_FIELD)
		return 0;
	if (id == REEL_COLUMN_FIELD_NAME)
		return set_field_name(r, p, &p->fields[at], ret);
	return set_of_field(r, &p->fields[at], ret);
}

static void set_host(const struct reel_row *r, struct reel_value *ret)
{
	const char *host = r->ev->segment->meta.host;
	const uint32_t length = (uint32_t)strlen(host);
	const struct reel_string s = { (const uint8_t *)host, length, length };

	set_string(ret, &s);
}

int reel_row_value(struct reel_row *r, unsigned column, struct reel_value *ret)
{
	const struct reel_column *c = &r->columns->list[column];
	const struct reel_event *ev = r->ev;

	*ret = (struct reel_value){ .kind = REEL_VALUE_NULL };
	switch (c->id) {
	case REEL_COLUMN_TS:
		set_integer(ret, (int64_t)ev->ts);
		return 0;
	case REEL_COLUMN_TIME_NS:
		if (r->realtime_ns)
			set_integer(ret, r->realtime_ns);
		return 0;
	case REEL_COLUMN_TIME:
		/* What is before 1970 has no text. */
		return r->realtime_ns > 0 ? set_short(r, c->id, ret) : 0;
	case REEL_COLUMN_HOST:
		set_host(r, ret);
		return 0;
	case REEL_COLUMN_TYPE:
		set_literal(ret, ev->type->name);
		return 0;
	case REEL_COLUMN_CLASS:
		set_literal(ret, render_class_name(ev, ev->type->class_id));
		return 0;
	case REEL_COLUMN_CPU:
		if (ev->cpu != EV_NO_CPU)
			set_integer(ret, ev->cpu);
		return 0;
	case REEL_COLUMN_SEQ:
		set_integer(ret, (int64_t)ev->seq);
		return 0;
	case REEL_COLUMN_PID:
		set_integer(ret, ev->pid);
		return 0;
	case REEL_COLUMN_TID:
		set_integer(ret, ev->tid);
		return 0;
	case REEL_COLUMN_RET:
		set_integer(ret, ev->ret);
		return 0;
	case REEL_COLUMN_ABI:
		set_literal(ret, ev->call ? render_abi(ev->call) : NULL);
		return 0;
	case REEL_COLUMN_PPID:
	case REEL_COLUMN_COMM:
	case REEL_COLUMN_EXE:
	case REEL_COLUMN_UID:
		set_beside(r, c->name, ret);
		return 0;
	case REEL_COLUMN_ERRNO:
		return render_has_errno(ev) ? set_short(r, c->id, ret) : 0;
	case REEL_COLUMN_SYSCALL:
		return ev->call ? set_short(r, c->id, ret) : 0;
	case REEL_COLUMN_FLAGS:
		return ev->flags ? set_short(r, c->id, ret) : 0;
	case REEL_COLUMN_ID:
		return set_short(r, c->id, ret);
	default:
		return set_of_type(r, column, ret);
	}
}
