/* SPDX-License-Identifier: BSD-2-Clause */
#include "format/render.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format/reader.h"
#include "format/render_plan.h"

const struct render_flag render_flags[] = {
	{ EV_FAULT, "fault" },
	{ EV_TRUNCATED, "truncated" },
	{ EV_RACED, "raced" },
	{ EV_BLOCKED, "blocked" },
	{ EV_RESTARTED, "restarted" },
	{ EV_KEYFRAME, "keyframe" },
	{ EV_PARTIAL, "partial" },
	{ 0, NULL },
};

bool reel_render_is_common(const char *name)
{
	static const char *const keys[] = { "type", "id",  "host",  "ts",      "time", "pid",
					    "tid",  "ret", "errno", "syscall", "abi" };
	const struct render_flag *f;
	size_t i;

	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (!strcmp(keys[i], name))
			return true;
	for (f = render_flags; f->name; f++)
		if (!strcmp(f->name, name))
			return true;
	return false;
}

const char *render_class_name(const struct reel_event *ev, uint64_t id)
{
	const struct reel_class *own;

	if (id >= EV_MAX_TYPES)
		return NULL;
	if (ev->segment && ev->segment->schema)
		return ev->segment->schema->classes[id];
	own = reel_class_by_id((unsigned)id);
	return own ? own->name : NULL;
}

void render_strings(const struct reel_event *ev, struct reel_string ret_strings[EV_MAX_STRINGS])
{
	const struct reel_type *t = ev->type;

	for (unsigned int i = 0; i < t->n_strings && i < EV_MAX_STRINGS; i++)
		ret_strings[i] = reel_event_string_at(ev, t->string_offsets[i]);
}

void render_put_syscall(struct reel_out *o, uint16_t call)
{
	unsigned int number = EV_CALL_NUMBER(call);
	const char *name = reel_syscall_name(EV_CALL_ABI(call), number);

	if (name) {
		out_str(o, name);
		return;
	}
	out_str(o, "syscall_");
	out_u64(o, number);
}

void render_put_errno(struct reel_out *o, int64_t ret)
{
	const char *name = reel_errno_name((unsigned int)-ret);

	if (name) {
		out_str(o, name);
		return;
	}
	out_str(o, "errno_");
	out_u64(o, (uint64_t)-ret);
}

const char *render_abi(uint16_t call)
{
	switch (EV_CALL_ABI(call)) {
	case EV_ABI_COMPAT:
		return "i386";
	case EV_ABI_X32:
		return "x32";
	}
	return NULL;
}

/* Plans -------------------------------------------------------------------------------------- */

static bool span_is(const struct render_plan *p, struct render_span s, const char *text, size_t len)
{
	return s.len == len && !memcmp(p->text.buf + s.at, text, len);
}

/* KEY is FIELD's key with SUFFIX behind it. */
static bool is_derived(const struct render_plan *p, struct render_span key,
		       struct render_span field, const char *suffix)
{
	size_t n = strlen(suffix);

	return key.len == field.len + n && span_is(p, field, p->text.buf + key.at, field.len) &&
	       !memcmp(p->text.buf + key.at + field.len, suffix, n);
}

static bool clash(const struct render_plan *p, struct render_span key, struct render_span other)
{
	return span_is(p, key, p->text.buf + other.at, other.len) ||
	       is_derived(p, key, other, "_hex") || is_derived(p, key, other, "_length") ||
	       is_derived(p, other, key, "_hex") || is_derived(p, other, key, "_length");
}

/* Not ours, since our own tables are checked: a schema may have any field, even twice. */
static bool is_taken(const struct render_plan *p, struct render_span key)
{
	char name[64];
	unsigned int i;

	if (key.len < sizeof(name)) {
		memcpy(name, p->text.buf + key.at, key.len);
		name[key.len] = '\0';
		if (reel_render_is_common(name))
			return true;
	}
	for (i = 0; i < p->n_fields; i++)
		if (clash(p, key, p->fields[i].key))
			return true;
	return false;
}

/* One more prefix for each attempt, so that it ends after as many as there are fields. */
static struct render_span add_key(struct render_plan *p, const char *name)
{
	struct render_span key;
	unsigned int prefixes = 0, i;

	do {
		key.at = (uint32_t)p->text.len;
		for (i = 0; i < prefixes; i++) {
			out_str(&p->text, p->type->name);
			out_char(&p->text, '_');
		}
		out_str(&p->text, name);
		key.len = (uint32_t)p->text.len - key.at;
	} while (is_taken(p, key) && ++prefixes <= EV_MAX_FIELDS && !out_error(&p->text));
	return key;
}

static struct render_span add_json_key(struct render_plan *p, struct render_span key)
{
	struct render_span s = { (uint32_t)p->text.len, 0 };
	char name[512];

	if (key.len > sizeof(name))
		key.len = sizeof(name);
	memcpy(name, p->text.buf + key.at, key.len);
	out_char(&p->text, ',');
	out_json_string(&p->text, name, key.len);
	out_char(&p->text, ':');
	s.len = (uint32_t)p->text.len - s.at;
	return s;
}

static enum render_form number_form(const struct reel_field *f, bool is_signed)
{
	if (strchr(f->hint, '|'))
		return FORM_LABEL;
	if (!strcmp(f->hint, "class"))
		return FORM_CLASS;
	if (!strcmp(f->hint, "bool"))
		return FORM_BOOL;
	return is_signed ? FORM_SIGNED : FORM_UNSIGNED;
}

static enum render_form form_of(const struct reel_field *f)
{
	switch (f->kind & REEL_KIND_MASK) {
	case REEL_U8:
	case REEL_U16:
	case REEL_U32:
	case REEL_U64:
		return number_form(f, false);
	case REEL_S32:
	case REEL_S64:
		return number_form(f, true);
	case REEL_ADDR:
		return FORM_ADDR;
	case REEL_RESULT:
		return FORM_RESULT;
	case REEL_ARGS:
		return FORM_ARGS;
	case REEL_PATH:
	case REEL_TEXT:
		return FORM_STRING;
	}
	if (!reel_field_is_string(f))
		return FORM_NONE;
	if (!strcmp(f->hint, "hex"))
		return FORM_HEX;
	if (!strcmp(f->hint, "u32"))
		return FORM_LIST;
	return FORM_STRING;
}

static void add_labels(struct render_plan *p, struct render_field *f, unsigned int *used)
{
	const char *label = f->field->hint;

	f->first_label = *used;
	for (;;) {
		size_t len = strcspn(label, "|");
		struct render_span s = { (uint32_t)p->text.len, 0 };

		out_json_string(&p->text, label, len);
		s.len = (uint32_t)p->text.len - s.at;
		p->labels[(*used)++] = s;
		f->n_labels++;
		if (!label[len])
			return;
		label += len + 1;
	}
}

static unsigned int count_labels(const struct reel_type *t)
{
	unsigned int n = 0, i;

	for (i = 0; i < t->n_fields; i++) {
		const char *hint = t->fields[i].hint;

		for (n++; *hint; hint++)
			n += *hint == '|';
	}
	return n;
}

static void plan_free(struct render_plan *p)
{
	out_done(&p->text);
	free(p->labels);
	free(p);
}

static void add_field(struct render_plan *p, const struct reel_field *field, unsigned int string,
		      unsigned int *labels_used)
{
	struct render_field *f = &p->fields[p->n_fields];

	f->field = field;
	f->string = string;
	f->form = form_of(field);
	f->optional = field->kind & REEL_OPTIONAL;
	if (reel_field_is_string(field) && string >= EV_MAX_STRINGS)
		f->form = FORM_NONE;
	if (f->form == FORM_NONE)
		return;
	/* A hint that is not known is decimal, which is what is wanted. */
	(void)reel_hint_init(&f->hint, field->hint);
	f->is_proto = !strcmp(field->hint, "proto");
	f->is_caps = !strcmp(field->hint, "caps");
	f->key = add_key(p, field->name);
	f->json = add_json_key(p, f->key);
	if (f->form == FORM_LABEL)
		add_labels(p, f, labels_used);
	if (f->form == FORM_RESULT) {
		p->result = field;
		p->result_hint = f->hint;
	}
	if (!strcmp(field->name, "family") && render_is_number(f->form))
		p->family = field;
	p->n_fields++;
}

static struct render_plan *plan_new(const struct reel_type *t)
{
	struct render_plan *p = calloc(1, sizeof(*p) + t->n_fields * sizeof(p->fields[0]));
	unsigned int n_strings = 0, n_labels = 0, i;

	if (!p)
		return NULL;
	p->type = t;
	p->labels = calloc(count_labels(t) + 1, sizeof(p->labels[0]));
	if (!p->labels || out_init_mem(&p->text) < 0)
		goto fail;
	out_str(&p->text, "{\"type\":");
	out_json_string(&p->text, t->name, strlen(t->name));
	out_str(&p->text, ",\"id\":\"");
	p->begin.len = (uint32_t)p->text.len;
	for (i = 0; i < t->n_fields; i++) {
		add_field(p, &t->fields[i], n_strings, &n_labels);
		n_strings += reel_field_is_string(&t->fields[i]);
	}
	if (out_error(&p->text))
		goto fail;
	return p;
fail:
	plan_free(p);
	return NULL;
}

struct render_plan *render_plan_get(struct reel_renderer *r, const struct reel_type *type)
{
	struct render_plan **list = &r->plans[type->id], *p;

	for (p = *list; p; p = p->next)
		if (p->type == type)
			return p;
	p = plan_new(type);
	if (!p) {
		if (!r->out->err)
			r->out->err = -ENOMEM;
		return NULL;
	}
	p->next = *list;
	*list = p;
	return p;
}

/* The renderer ------------------------------------------------------------------------------- */

int reel_renderer_init(struct reel_renderer *r, struct reel_out *out,
		       const struct reel_render_options *options)
{
	*r = (struct reel_renderer){ .out = out, .options = *options };
	reel_timefmt_init(&r->time, options->tz);
	return out_init_mem(&r->scratch);
}

void reel_renderer_done(struct reel_renderer *r)
{
	unsigned int i;

	for (i = 0; i < EV_MAX_TYPES; i++) {
		while (r->plans[i]) {
			struct render_plan *p = r->plans[i];

			r->plans[i] = p->next;
			plan_free(p);
		}
	}
	out_done(&r->scratch);
}

void reel_render_begin(struct reel_renderer *r)
{
	if (r->options.format == REEL_RENDER_ARRAY)
		out_char(r->out, '[');
	else if (r->options.format == REEL_RENDER_CSV)
		render_csv_head(r, r->out);
}

void reel_render_end(struct reel_renderer *r)
{
	if (r->options.format == REEL_RENDER_ARRAY)
		out_str(r->out, r->n_events ? "\n]\n" : "]\n");
}

void reel_render_beside(struct reel_renderer *r, const struct reel_render_value *values, unsigned n)
{
	r->beside = values;
	r->n_beside = n;
}

bool render_has_field(const struct render_plan *p, const char *name)
{
	for (unsigned i = 0; i < p->n_fields; i++)
		if (!strcmp(p->fields[i].field->name, name))
			return true;
	return false;
}

void reel_render_event(struct reel_renderer *r, const struct reel_event *ev, int64_t realtime_ns,
		       const uint8_t boot[16], const char *host)
{
	struct render_item item = { ev, render_plan_get(r, ev->type), realtime_ns, boot,
				    r->options.host ? host : NULL };
	struct reel_out *o = r->out;

	if (!item.plan)
		return;
	switch (r->options.format) {
	case REEL_RENDER_JSON:
		render_json(r, o, &item);
		out_char(o, '\n');
		break;
	case REEL_RENDER_ARRAY:
		out_str(o, r->n_events ? ",\n" : "\n");
		render_json(r, o, &item);
		break;
	case REEL_RENDER_PRETTY:
		out_reset(&r->scratch);
		render_json(r, &r->scratch, &item);
		if (r->scratch.err && !o->err)
			o->err = r->scratch.err;
		else
			render_pretty(o, r->scratch.buf, r->scratch.len);
		break;
	case REEL_RENDER_TEXT:
		render_text(r, o, &item);
		break;
	case REEL_RENDER_CSV:
		render_csv(r, o, &item);
		break;
	}
	r->n_events++;
	r->n_beside = 0;
}
