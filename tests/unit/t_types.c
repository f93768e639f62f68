/* SPDX-License-Identifier: BSD-2-Clause */
#include "format/types.h"

#include <errno.h>
#include <stdlib.h>

#include "format/event.h"
#include "format/names.h"
#include "format/schema.h"
#include "format/tape.h"
#include "harness.h"

#define FOR_EACH_TYPE(t) for (const struct reel_type *t = reel_types; t->name; t++)
#define FOR_EACH_FIELD(t, f) \
	for (const struct reel_field *f = (t)->fields; f < (t)->fields + (t)->n_fields; f++)

static bool name_is_plain(const char *name)
{
	return *name && name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0';
}

TEST(types_are_in_order_and_told)
{
	unsigned before = 0;

	FOR_EACH_TYPE(t)
	{
		if (t->id <= before || !name_is_plain(t->name) || !t->doc[0] ||
		    !reel_class_by_id(t->class_id))
			T_FAIL("type %u %s", t->id, t->name);
		if (t->stream != TAPE_STATE && t->stream != TAPE_EVENTS && t->stream != TAPE_GAP &&
		    t->stream != TAPE_CLOCK)
			T_FAIL("%s is in stream %u", t->name, t->stream);
		CHECK(reel_type_by_id(t->id) == t);
		CHECK(reel_type_by_name(t->name, strlen(t->name)) == t);
		before = t->id;
	}
	CHECK(reel_type_by_id(0) == NULL);
	CHECK(reel_type_by_id(4711) == NULL);
	CHECK(reel_type_by_name("", 0) == NULL);
	CHECK(reel_type_by_name("nosuch", 6) == NULL);
	CHECK(reel_type_by_name("openat and more", 6) == reel_type_by_id(EV_open));
}

TEST(classes_are_in_order_and_told)
{
	unsigned before = 0;

	for (const struct reel_class *c = reel_classes; c->name; c++) {
		bool used = false;

		CHECK(c->id > before);
		CHECK(name_is_plain(c->name) && c->doc[0]);
		CHECK(reel_class_by_id(c->id) == c);
		FOR_EACH_TYPE(t)
		used |= t->class_id == c->id;
		if (!used)
			T_FAIL("class %s has no type", c->name);
		before = c->id;
	}
	CHECK(reel_class_by_id(0) == NULL);
}

TEST(fields_lie_where_they_should)
{
	FOR_EACH_TYPE(t)
	{
		unsigned strings = 0, used = 0, results = 0;

		CHECK_EQ(t->fixed_bytes % 8, 0);
		CHECK(t->n_fields <= EV_MAX_FIELDS && t->n_strings <= EV_MAX_STRINGS);
		FOR_EACH_FIELD(t, f)
		{
			unsigned kind = f->kind & REEL_KIND_MASK;
			unsigned width = reel_kind_width(f->kind);

			if (kind == REEL_RESULT) {
				results++;
				continue;
			}
			if (!width || f->offset % (width > 8 ? 8 : width) || f->offset < used)
				T_FAIL("%s.%s", t->name, f->name);
			used = f->offset + width;
			if (!reel_field_is_string(f)) {
				if (f->kind & REEL_OPTIONAL)
					T_FAIL("%s.%s: optional number", t->name, f->name);
				continue;
			}
			if (strings >= t->n_strings || t->string_offsets[strings] != f->offset)
				T_FAIL("%s.%s: not string %u", t->name, f->name, strings);
			strings++;
		}
		CHECK_EQ(strings, t->n_strings);
		CHECK(used <= t->fixed_bytes);
		CHECK(results <= 1);
	}
}

TEST(every_field_has_a_doc)
{
	FOR_EACH_TYPE(t)
	{
		FOR_EACH_FIELD(t, f)
		{
			const char *doc = reel_field_doc(f->name);

			if (!doc || !doc[0] || doc[strlen(doc) - 1] == '.')
				T_FAIL("%s.%s is not explained", t->name, f->name);
		}
	}
	CHECK(reel_field_doc("") == NULL);
	CHECK(reel_field_doc("a_field_of_tomorrow") == NULL);
	CHECK_STR(reel_field_doc("access"),
		  "what was asked for: R_OK, W_OK, X_OK, or only whether the file is there");
	CHECK_STR(reel_field_doc("zombie"),
		  "whether it has ended and its parent has not asked yet");
}

TEST(hints_are_known)
{
	struct reel_hint h;

	FOR_EACH_TYPE(t)
	{
		FOR_EACH_FIELD(t, f)
		{
			bool is_bytes = (f->kind & REEL_KIND_MASK) == REEL_BYTES;

			if (is_bytes && (!strcmp(f->hint, "hex") || !strcmp(f->hint, "u32")))
				continue;
			if (reel_hint_init(&h, f->hint) < 0 ||
			    (reel_field_is_string(f) && f->hint[0]))
				T_FAIL("%s.%s: hint \"%s\"", t->name, f->name, f->hint);
		}
	}
}

/* Keys that JSON derives from a string's name. */
TEST(no_field_looks_like_a_derived_one)
{
	FOR_EACH_TYPE(t)
	{
		FOR_EACH_FIELD(t, f)
		{
			FOR_EACH_FIELD(t, other)
			{
				size_t n = strlen(f->name);

				if (f != other && !strcmp(f->name, other->name))
					T_FAIL("%s.%s is there twice", t->name, f->name);
				if (!strncmp(other->name, f->name, n) &&
				    (!strcmp(other->name + n, "_hex") ||
				     !strcmp(other->name + n, "_length")))
					T_FAIL("%s.%s", t->name, other->name);
			}
		}
	}
}

static unsigned count_types_with(const char *word, size_t len)
{
	unsigned n = 0;

	FOR_EACH_TYPE(t)
	{
		const char *at = t->aliases;

		n += strlen(t->name) == len && !memcmp(t->name, word, len);
		while (*at) {
			size_t l = strcspn(at, " ");

			n += l == len && !memcmp(at, word, len);
			at += l + (at[l] == ' ');
		}
	}
	return n;
}

TEST(an_alias_is_a_call_of_one_type)
{
	FOR_EACH_TYPE(t)
	{
		const char *at = t->aliases;

		CHECK_EQ(count_types_with(t->name, strlen(t->name)), 1);
		while (*at) {
			size_t len = strcspn(at, " ");
			unsigned abi, number;

			if (count_types_with(at, len) != 1)
				T_FAIL("%.*s of %s is not the only one", (int)len, at, t->name);
			if (reel_type_by_name(at, len) != t)
				T_FAIL("%.*s does not lead to %s", (int)len, at, t->name);
			if (reel_syscall_find(at, len, &abi, &number) < 0)
				T_FAIL("%.*s of %s is no call", (int)len, at, t->name);
			CHECK(len > 0);
			at += len + (at[len] == ' ');
		}
	}
}

/* Schemas ------------------------------------------------------------------------------------ */

struct bytes {
	uint8_t buf[REEL_SCHEMA_MAX];
	size_t n;
};

static struct bytes *built_in(void)
{
	struct bytes *b = calloc(1, sizeof(*b));

	b->n = reel_schema_encode(b->buf);
	return b;
}

/* In memory of exactly its size, so that a sanitizer sees every step beyond it. */
static int decode(const void *body, size_t n, struct reel_schema **ret)
{
	void *copy = malloc(n + !n);
	int r;

	memcpy(copy, body, n);
	*ret = NULL;
	r = reel_schema_decode(copy, n, ret, NULL);
	free(copy);
	return r;
}

TEST(a_schema_comes_back_as_it_was)
{
	struct bytes *b = built_in();
	struct reel_schema *s;
	unsigned n = 0;

	REQUIRE(decode(b->buf, b->n, &s) == 0);
	free(b);
	FOR_EACH_TYPE(own)
	{
		const struct reel_type *t = s->types[own->id];

		REQUIRE(t);
		CHECK(s->as_built[own->id]);
		CHECK_STR(t->name, own->name);
		CHECK_STR(t->aliases, own->aliases);
		CHECK_STR(t->doc, own->doc);
		CHECK_EQ(t->id, own->id);
		CHECK_EQ(t->class_id, own->class_id);
		CHECK_EQ(t->stream, own->stream);
		CHECK_EQ(t->fixed_bytes, own->fixed_bytes);
		CHECK_EQ(s->fixed_bytes[own->id], own->fixed_bytes);
		CHECK_EQ(s->n_strings[own->id], own->n_strings);
		REQUIRE(t->n_fields == own->n_fields);
		REQUIRE(t->n_strings == own->n_strings);
		CHECK_MEM(t->string_offsets, own->string_offsets, 2u * own->n_strings);
		for (unsigned i = 0; i < own->n_fields; i++) {
			CHECK_STR(t->fields[i].name, own->fields[i].name);
			CHECK_STR(t->fields[i].hint, own->fields[i].hint);
			CHECK_EQ(t->fields[i].kind, own->fields[i].kind);
			CHECK_EQ(t->fields[i].offset, own->fields[i].offset);
			CHECK(reel_type_field(t, own->fields[i].name) == &t->fields[i]);
		}
		CHECK(reel_type_field(t, "nosuch") == NULL);
	}
	for (unsigned id = 0; id < EV_MAX_TYPES; id++) {
		n += s->types[id] != NULL;
		CHECK_EQ(s->fixed_bytes[id] == REEL_NO_TYPE, s->types[id] == NULL);
	}
	CHECK(n > 100);
	for (const struct reel_class *c = reel_classes; c->name; c++)
		CHECK_STR(s->classes[c->id], c->name);
	CHECK(s->classes[0] == NULL);
	reel_schema_free(s);
	reel_schema_free(NULL);

	REQUIRE(reel_schema_built_in(&s, NULL) == 0);
	CHECK(s->types[EV_open] && s->as_built[EV_open]);
	reel_schema_free(s);
}

/* Whatever was decoded can be used without a look at it. */
static bool is_safe(const struct reel_schema *s)
{
	for (unsigned id = 0; id < EV_MAX_TYPES; id++) {
		const struct reel_type *t = s->types[id];
		unsigned strings = 0;

		if (s->classes[id] && !name_is_plain(s->classes[id]))
			return false;
		if (!t)
			continue;
		if (t->id != id || !name_is_plain(t->name) || t->n_strings > EV_MAX_STRINGS ||
		    t->fixed_bytes % 8 || s->fixed_bytes[id] != t->fixed_bytes)
			return false;
		FOR_EACH_FIELD(t, f)
		{
			bool is_string = reel_field_is_string(f);
			unsigned width = is_string ? 2 : reel_kind_width(f->kind);

			if (!name_is_plain(f->name) || f->offset + width > t->fixed_bytes)
				return false;
			if (is_string && t->string_offsets[strings] != f->offset)
				return false;
			strings += is_string;
		}
		if (strings != t->n_strings)
			return false;
	}
	return true;
}

TEST(malformed_schemas_do_no_harm)
{
	static const uint8_t masks[] = { 0xff, 0x10 };
	struct bytes *b = built_in();
	struct reel_schema *s;

	for (size_t n = 0; n < b->n; n++) {
		if (decode(b->buf, n, &s) != -EBADMSG)
			T_FAIL("cut to %zu bytes", n);
		reel_schema_free(s);
	}
	for (size_t i = 0; i < b->n; i++) {
		for (size_t m = 0; m < sizeof(masks); m++) {
			int r;

			b->buf[i] ^= masks[m];
			r = decode(b->buf, b->n, &s);
			if (r == 0 ? !is_safe(s) : r != -EBADMSG)
				T_FAIL("byte %zu ^ 0x%x: %d", i, masks[m], r);
			reel_schema_free(s);
			b->buf[i] ^= masks[m];
		}
	}
	CHECK_EQ(decode(b->buf, b->n, &s), 0);
	reel_schema_free(s);
	b->buf[b->n] = 0;
	CHECK_EQ(decode(b->buf, b->n + 1, &s), -EBADMSG);
	free(b);
}

static void put(struct bytes *b, unsigned value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		b->buf[b->n++] = (uint8_t)(value >> 8 * i);
}

static void put_name(struct bytes *b, const char *name)
{
	size_t n = strlen(name);

	put(b, (unsigned)n, 1);
	memcpy(b->buf + b->n, name, n);
	b->n += n;
}

static void put_field(struct bytes *b, unsigned kind, unsigned offset, const char *name)
{
	put(b, kind, 1);
	put(b, 0, 1);
	put(b, offset, 2);
	put_name(b, name);
	put_name(b, "");
}

/* The rmdir of another build, with its first N_FIELDS fields, and EXTRA that came later. */
static void put_rmdir(struct bytes *b, unsigned n_fields, unsigned extra)
{
	const struct reel_type *own = reel_type_by_id(EV_rmdir);

	put(b, own->id, 1);
	put(b, own->class_id, 1);
	put(b, own->stream, 1);
	put(b, n_fields + extra, 1);
	put(b, own->fixed_bytes + 8 * extra, 2);
	put_name(b, own->name);
	for (unsigned i = 0; i < n_fields; i++)
		put_field(b, own->fields[i].kind, own->fields[i].offset, own->fields[i].name);
	for (unsigned i = 0; i < extra; i++)
		put_field(b, i ? REEL_TEXT : REEL_U64, own->fixed_bytes + 8 * i,
			  i ? "newer" : "new");
}

static struct bytes *begin(unsigned n_types)
{
	struct bytes *b = calloc(1, sizeof(*b));

	put(b, 1, 4);
	put(b, n_types, 4);
	put(b, 2, 1);
	put_name(b, "file");
	return b;
}

TEST(an_older_type_has_less)
{
	struct bytes *b = begin(1);
	struct reel_schema *s;

	put_rmdir(b, 2, 0);
	REQUIRE(decode(b->buf, b->n, &s) == 0);
	CHECK(s->as_built[EV_rmdir]);
	CHECK_STR(s->types[EV_rmdir]->doc, reel_type_by_id(EV_rmdir)->doc);
	CHECK_EQ(s->types[EV_rmdir]->n_fields, 2);
	CHECK(reel_type_field(s->types[EV_rmdir], "path_from") == NULL);
	CHECK(!s->as_built[EV_open] && !s->types[EV_open]);
	CHECK_STR(s->classes[2], "file");
	reel_schema_free(s);
	free(b);
}

TEST(a_newer_type_has_more)
{
	unsigned own = reel_type_by_id(EV_rmdir)->n_fields;
	struct bytes *b = begin(1);
	struct reel_schema *s;

	put_rmdir(b, own, 2);
	REQUIRE(decode(b->buf, b->n, &s) == 0);
	CHECK(s->as_built[EV_rmdir]);
	CHECK_EQ(s->types[EV_rmdir]->n_fields, own + 2);
	CHECK_EQ(s->types[EV_rmdir]->n_strings, 3);
	CHECK_EQ(s->n_strings[EV_rmdir], 3);
	REQUIRE(reel_type_field(s->types[EV_rmdir], "newer"));
	reel_schema_free(s);
	free(b);
}

TEST(a_type_that_went_another_way)
{
	struct bytes *b = begin(2);
	struct reel_schema *s;

	put_rmdir(b, 0, 1);
	put(b, 250, 1);
	put(b, 99, 1);
	put(b, TAPE_EVENTS, 1);
	put(b, 1, 1);
	put(b, 8, 2);
	put_name(b, "tomorrow");
	put_field(b, 15, 0, "unknown_kind");
	REQUIRE(decode(b->buf, b->n, &s) == 0);
	CHECK(!s->as_built[EV_rmdir]);
	CHECK_STR(s->types[EV_rmdir]->aliases, "");
	CHECK_STR(s->types[EV_rmdir]->doc, "");
	CHECK(!s->as_built[250]);
	CHECK_STR(s->types[250]->name, "tomorrow");
	CHECK_EQ(s->types[250]->class_id, 99);
	reel_schema_free(s);
	free(b);
}

TEST(schemas_that_are_refused)
{
	struct reel_schema *s;
	struct bytes *b = begin(2);

	put_rmdir(b, 2, 0);
	put_rmdir(b, 2, 0);
	CHECK_EQ(decode(b->buf, b->n, &s), -EBADMSG);
	free(b);

	b = begin(1); /* a string whose length lies outside, of a kind nobody knows */
	put(b, 250, 1);
	put(b, 2, 1);
	put(b, TAPE_EVENTS, 1);
	put(b, 1, 1);
	put(b, 8, 2);
	put_name(b, "odd");
	put_field(b, 77, 8, "outside");
	CHECK_EQ(decode(b->buf, b->n, &s), -EBADMSG);
	reel_schema_free(s);
	free(b);

	b = begin(EV_MAX_TYPES + 1);
	CHECK_EQ(decode(b->buf, b->n, &s), -EBADMSG);
	free(b);
	CHECK_EQ(decode("", 0, &s), -EBADMSG);
}

/* An older record, used as this build's struct: what it lacks is zero. */
TEST(an_older_record_is_filled_up)
{
	static const struct reel_type old = { .fixed_bytes = 8 };
	static const uint64_t fixed[4] = { 7, 9, 9, 9 };
	struct reel_event ev = { .type = &old, .fixed = (const uint8_t *)fixed };
	struct ev_fork scratch;
	const struct ev_fork *f = reel_event_as(&ev, &scratch, sizeof(scratch));

	CHECK(f == &scratch);
	CHECK_EQ(f->child_start, 7);
	CHECK_EQ(f->clone_flags, 0);
	CHECK_EQ(f->pid_ns, 0);
	ev.type = reel_type_by_id(EV_fork);
	CHECK(reel_event_as(&ev, &scratch, sizeof(scratch)) == (const void *)fixed);
}
