/* SPDX-License-Identifier: BSD-2-Clause */
#include "format/schema.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format/tape.h"

struct encoder {
	uint8_t *at;
};

static void put_u8(struct encoder *e, unsigned value)
{
	*e->at++ = (uint8_t)value;
}

static void put_u16(struct encoder *e, unsigned value)
{
	put_u8(e, value & 0xff);
	put_u8(e, value >> 8);
}

static void put_u32(struct encoder *e, uint32_t value)
{
	put_u16(e, value & 0xffff);
	put_u16(e, value >> 16);
}

static void put_name(struct encoder *e, const char *name)
{
	size_t n = strlen(name);

	put_u8(e, (unsigned)n);
	memcpy(e->at, name, n);
	e->at += n;
}

size_t reel_schema_encode_tables(const struct reel_class *classes, const struct reel_type *types,
				 uint8_t buffer[REEL_SCHEMA_MAX])
{
	struct encoder e = { buffer };
	uint32_t n_classes = 0, n_types = 0;

	for (const struct reel_class *c = classes; c->name; c++)
		n_classes++;
	for (const struct reel_type *t = types; t->name; t++)
		n_types++;
	put_u32(&e, n_classes);
	put_u32(&e, n_types);
	for (const struct reel_class *c = classes; c->name; c++) {
		put_u8(&e, c->id);
		put_name(&e, c->name);
	}
	for (const struct reel_type *t = types; t->name; t++) {
		put_u8(&e, t->id);
		put_u8(&e, t->class_id);
		put_u8(&e, t->stream);
		put_u8(&e, t->n_fields);
		put_u16(&e, t->fixed_bytes);
		put_name(&e, t->name);
		for (unsigned i = 0; i < t->n_fields; i++) {
			const struct reel_field *f = &t->fields[i];

			put_u8(&e, f->kind);
			put_u8(&e, 0);
			put_u16(&e, f->offset);
			put_name(&e, f->name);
			put_name(&e, f->hint);
		}
	}
	return (size_t)(e.at - buffer);
}

size_t reel_schema_encode(uint8_t buffer[REEL_SCHEMA_MAX])
{
	return reel_schema_encode_tables(reel_classes, reel_types, buffer);
}

/*
 * Decoding goes over the body twice: first to check it and to count, then into one allocation that
 * holds types, fields and names. Both passes are the same code, so they cannot disagree.
 */
struct decoder {
	const uint8_t *at, *end;
	bool failed;
	bool fill;
	struct reel_type *types;
	struct reel_field *fields;
	uint16_t *strings;
	char *text;
	size_t n_types, n_fields, n_strings, n_text;
};

static unsigned get(struct decoder *d, unsigned bytes)
{
	unsigned value = 0;

	if ((size_t)(d->end - d->at) < bytes) {
		d->failed = true;
		return 0;
	}
	for (unsigned i = 0; i < bytes; i++)
		value |= (unsigned)d->at[i] << 8 * i;
	d->at += bytes;
	return value;
}

/* Names are printed and become SQL columns, so only a safe alphabet is let in. */
static bool name_is_sound(const uint8_t *s, unsigned n, const char *also)
{
	for (unsigned i = 0; i < n; i++)
		if (!((s[i] >= 'a' && s[i] <= 'z') || (s[i] >= '0' && s[i] <= '9') || s[i] == '_' ||
		      (s[i] && strchr(also, s[i]))))
			return false;
	return true;
}

static const char *get_name(struct decoder *d, bool required, const char *also)
{
	unsigned n = get(d, 1);
	const uint8_t *s = d->at;
	char *copy;

	if ((size_t)(d->end - d->at) < n || (required && n == 0) || !name_is_sound(s, n, also)) {
		d->failed = true;
		return "";
	}
	d->at += n;
	d->n_text += n + 1;
	if (!d->fill)
		return "";
	copy = d->text + d->n_text - (n + 1);
	memcpy(copy, s, n);
	copy[n] = '\0';
	return copy;
}

static void get_field(struct decoder *d, unsigned fixed_bytes)
{
	struct reel_field f = { 0 };
	unsigned width;

	f.kind = (uint8_t)get(d, 1);
	get(d, 1);
	f.offset = (uint16_t)get(d, 2);
	f.name = get_name(d, true, "");
	f.hint = get_name(d, false, "|+- ABCDEFGHIJKLMNOPQRSTUVWXYZ");
	width = reel_kind_width(f.kind);
	if (f.offset + width > fixed_bytes)
		d->failed = true;
	if (d->failed)
		return;
	if (reel_field_is_string(&f)) {
		if (d->fill)
			d->strings[d->n_strings] = f.offset;
		d->n_strings++;
	}
	if (d->fill)
		d->fields[d->n_fields] = f;
	d->n_fields++;
}

static void get_type(struct decoder *d, struct reel_schema *s)
{
	struct reel_type t = { .aliases = "", .doc = "" };
	size_t first_string = d->n_strings;

	t.id = (uint8_t)get(d, 1);
	t.class_id = (uint8_t)get(d, 1);
	t.stream = (uint8_t)get(d, 1);
	t.n_fields = (uint8_t)get(d, 1);
	t.fixed_bytes = (uint16_t)get(d, 2);
	t.name = get_name(d, true, "");
	if (d->fill) {
		t.fields = d->fields + d->n_fields;
		t.string_offsets = d->strings + d->n_strings;
	}
	if (t.stream < TAPE_STATE || t.stream > TAPE_CLOCK || t.fixed_bytes % 8 ||
	    t.fixed_bytes > TAPE_FIXED_MAX || t.n_fields > EV_MAX_FIELDS)
		d->failed = true;
	for (unsigned i = 0; i < t.n_fields && !d->failed; i++)
		get_field(d, t.fixed_bytes);
	if (d->n_strings - first_string > EV_MAX_STRINGS || s->types[t.id])
		d->failed = true;
	if (d->failed)
		return;
	t.n_strings = (uint8_t)(d->n_strings - first_string);
	if (d->fill) {
		d->types[d->n_types] = t;
		s->types[t.id] = &d->types[d->n_types];
		s->fixed_bytes[t.id] = t.fixed_bytes;
		s->n_strings[t.id] = t.n_strings;
	}
	d->n_types++;
}

static void get_all(struct decoder *d, struct reel_schema *s)
{
	unsigned n_classes = get(d, 4), n_types = get(d, 4);

	if (n_classes > EV_MAX_TYPES || n_types > EV_MAX_TYPES)
		d->failed = true;
	for (unsigned i = 0; i < n_classes && !d->failed; i++) {
		unsigned id = get(d, 1);

		if (s->classes[id] && !d->fill)
			d->failed = true;
		s->classes[id] = get_name(d, true, "");
	}
	for (unsigned i = 0; i < n_types && !d->failed; i++)
		get_type(d, s);
	if (d->at != d->end)
		d->failed = true;
}

/* Fields are only ever appended, so two versions of a type agree as far as the shorter one goes. */
static bool begins_alike(const struct reel_type *a, const struct reel_type *b)
{
	unsigned n = a->n_fields < b->n_fields ? a->n_fields : b->n_fields;

	if (strcmp(a->name, b->name) != 0 || a->stream != b->stream)
		return false;
	for (unsigned i = 0; i < n; i++)
		if (strcmp(a->fields[i].name, b->fields[i].name) != 0 ||
		    a->fields[i].offset != b->fields[i].offset ||
		    a->fields[i].kind != b->fields[i].kind)
			return false;
	return true;
}

const struct reel_field *reel_type_field(const struct reel_type *t, const char *name)
{
	for (unsigned i = 0; i < t->n_fields; i++)
		if (strcmp(t->fields[i].name, name) == 0)
			return &t->fields[i];
	return NULL;
}

static void compare_with_own(struct reel_schema *s)
{
	for (const struct reel_type *own = reel_types; own->name; own++) {
		struct reel_type *t = (struct reel_type *)(uintptr_t)s->types[own->id];

		if (!t || !begins_alike(t, own))
			continue;
		s->as_built[own->id] = true;
		t->aliases = own->aliases;
		t->doc = own->doc;
	}
}

int reel_schema_decode(const void *body, size_t length, struct reel_schema **ret,
		       struct reel_err *err)
{
	const uint8_t *start = body;
	struct decoder count = { .at = start, .end = start + length };
	struct decoder fill = { .at = start, .end = start + length, .fill = true };
	struct reel_schema *s = calloc(1, sizeof(*s));
	char *memory;

	if (!s)
		return reel_err_set(err, -ENOMEM, "no memory for a schema");
	memset(s->fixed_bytes, 0xff, sizeof(s->fixed_bytes));
	get_all(&count, s);
	if (count.failed) {
		reel_schema_free(s);
		return reel_err_set(err, -EBADMSG, "schema is malformed at byte %zu",
				    (size_t)(count.at - start));
	}
	memory = malloc(count.n_types * sizeof(struct reel_type) +
			count.n_fields * sizeof(struct reel_field) +
			count.n_strings * sizeof(uint16_t) + count.n_text + 1);
	if (!memory) {
		reel_schema_free(s);
		return reel_err_set(err, -ENOMEM, "no memory for a schema");
	}
	s->memory = memory;
	fill.types = (struct reel_type *)memory;
	fill.fields = (struct reel_field *)(fill.types + count.n_types);
	fill.strings = (uint16_t *)(fill.fields + count.n_fields);
	fill.text = (char *)(fill.strings + count.n_strings);
	get_all(&fill, s);
	if (fill.failed) { /* only the second pass knows that an id stands there twice */
		reel_schema_free(s);
		return reel_err_set(err, -EBADMSG, "schema names a class or type twice");
	}
	compare_with_own(s);
	*ret = s;
	return 0;
}

int reel_schema_built_in(struct reel_schema **ret, struct reel_err *err)
{
	uint8_t *buffer = malloc(REEL_SCHEMA_MAX);
	int r;

	if (!buffer)
		return reel_err_set(err, -ENOMEM, "no memory for a schema");
	r = reel_schema_decode(buffer, reel_schema_encode(buffer), ret, err);
	free(buffer);
	return r;
}

void reel_schema_free(struct reel_schema *s)
{
	if (!s)
		return;
	free(s->memory);
	free(s);
}
