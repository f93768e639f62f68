/* SPDX-License-Identifier: BSD-2-Clause */
#include "format/types.h"

#include <string.h>

#include "bpf/events.h"
#include "format/tape.h"

/* Kinds as the rows of bpf/events.h spell them. */
enum {
	KIND_u8 = REEL_U8,
	KIND_u16 = REEL_U16,
	KIND_u32 = REEL_U32,
	KIND_u64 = REEL_U64,
	KIND_s32 = REEL_S32,
	KIND_s64 = REEL_S64,
	KIND_addr = REEL_ADDR,
	KIND_result = REEL_RESULT,
	KIND_path = REEL_PATH,
	KIND_text = REEL_TEXT,
	KIND_bytes = REEL_BYTES,
	KIND_args = REEL_ARGS,
	KIND_path_opt = REEL_PATH | REEL_OPTIONAL,
	KIND_text_opt = REEL_TEXT | REEL_OPTIONAL,
	KIND_bytes_opt = REEL_BYTES | REEL_OPTIONAL,
	KIND_args_opt = REEL_ARGS | REEL_OPTIONAL,
};

/* No struct has a hole, so the bytes that the programs fill in are all that there are. */
#define WIDTH_u8 1
#define WIDTH_u16 2
#define WIDTH_u32 4
#define WIDTH_u64 8
#define WIDTH_s32 4
#define WIDTH_s64 8
#define WIDTH_addr 16
#define WIDTH_result 0
#define WIDTH_path 2
#define WIDTH_text 2
#define WIDTH_bytes 2
#define WIDTH_args 2
#define WIDTH_path_opt 2
#define WIDTH_text_opt 2
#define WIDTH_bytes_opt 2
#define WIDTH_args_opt 2

#define ADD_WIDTH(type, kind, name, hint) +WIDTH_##kind
#define T(id, type, class, stream, aliases, doc)                                          \
	_Static_assert(sizeof(struct ev_##type) - (0 FIELDS_##type(ADD_WIDTH, type)) < 8, \
		       "hole in struct ev_" #type);
EV_TYPES(T)
#undef T

#define OFFSET_result(type, name) 0
#define OFFSET_any(type, name) offsetof(struct ev_##type, name)
#define OFFSET_u8 OFFSET_any
#define OFFSET_u16 OFFSET_any
#define OFFSET_u32 OFFSET_any
#define OFFSET_u64 OFFSET_any
#define OFFSET_s32 OFFSET_any
#define OFFSET_s64 OFFSET_any
#define OFFSET_addr OFFSET_any
#define OFFSET_path OFFSET_any
#define OFFSET_text OFFSET_any
#define OFFSET_bytes OFFSET_any
#define OFFSET_args OFFSET_any
#define OFFSET_path_opt OFFSET_any
#define OFFSET_text_opt OFFSET_any
#define OFFSET_bytes_opt OFFSET_any
#define OFFSET_args_opt OFFSET_any

#define FIELD_ROW(type, kind, name, hint) { #name, hint, OFFSET_##kind(type, name), KIND_##kind },

/* String fields only: nothing for the other kinds. */
#define STRING_u8(type, name)
#define STRING_u16(type, name)
#define STRING_u32(type, name)
#define STRING_u64(type, name)
#define STRING_s32(type, name)
#define STRING_s64(type, name)
#define STRING_addr(type, name)
#define STRING_result(type, name)
#define STRING_any(type, name) offsetof(struct ev_##type, name),
#define STRING_path STRING_any
#define STRING_text STRING_any
#define STRING_bytes STRING_any
#define STRING_args STRING_any
#define STRING_path_opt STRING_any
#define STRING_text_opt STRING_any
#define STRING_bytes_opt STRING_any
#define STRING_args_opt STRING_any

#define STRING_ROW(type, kind, name, hint) STRING_##kind(type, name)

/* A last row ends each table, also where it would be empty. */
#define T(id, type, class, stream, aliases, doc)                                                  \
	static const struct reel_field fields_##type[] = { FIELDS_##type(FIELD_ROW, type){ 0 } }; \
	static const uint16_t strings_##type[] = { FIELDS_##type(STRING_ROW, type) 0xffff };
EV_TYPES(T)
#undef T

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

const struct reel_type reel_types[] = {
#define T(type_id, type, class, block_kind, other_names, what) \
	{                                                      \
		.name = #type,                                 \
		.aliases = other_names,                        \
		.doc = what,                                   \
		.fields = fields_##type,                       \
		.string_offsets = strings_##type,              \
		.fixed_bytes = sizeof(struct ev_##type),       \
		.id = type_id,                                 \
		.class_id = EV_CLASS_##class,                  \
		.stream = TAPE_##block_kind,                   \
		.n_fields = COUNT(fields_##type) - 1,          \
		.n_strings = COUNT(strings_##type) - 1,        \
	},
	EV_TYPES(T)
#undef T
	{ 0 },
};

const struct reel_class reel_classes[] = {
#define C(class_id, class, is_on, what) { #class, what, class_id, is_on },
	EV_CLASSES(C)
#undef C
	{ 0 },
};

unsigned reel_kind_width(uint8_t kind)
{
	static const uint8_t widths[] = {
		[REEL_U8] = 1,	[REEL_U16] = 2, [REEL_U32] = 4,	  [REEL_U64] = 8,
		[REEL_S32] = 4, [REEL_S64] = 8, [REEL_ADDR] = 16,
	};

	kind &= REEL_KIND_MASK;
	if (kind >= REEL_PATH)
		return 2; /* a string has its length there, whatever is in it */
	return kind < COUNT(widths) ? widths[kind] : 0;
}

/* Where in the table above each one stands. */
enum {
#define T(id, type, class, stream, other_names, what) AT_##type,
	EV_TYPES(T)
#undef T
};

const struct reel_type *reel_type_by_id(unsigned id)
{
	/* From 1; 0: there is none. */
	static const uint8_t places[EV_MAX_TYPES] = {
#define T(type_id, type, class, stream, other_names, what) [type_id] = AT_##type + 1,
		EV_TYPES(T)
#undef T
	};

	return id < EV_MAX_TYPES && places[id] ? &reel_types[places[id] - 1] : NULL;
}

const struct reel_class *reel_class_by_id(unsigned id)
{
	for (const struct reel_class *c = reel_classes; c->name; c++)
		if (c->id == id)
			return c;
	return NULL;
}

static bool is_word_of(const char *words, const char *name, size_t length)
{
	while (*words) {
		size_t n = strcspn(words, " ");

		if (n == length && memcmp(words, name, n) == 0)
			return true;
		words += n;
		words += *words == ' ';
	}
	return false;
}

const struct reel_type *reel_type_by_name(const char *name, size_t length)
{
	for (const struct reel_type *t = reel_types; t->name; t++)
		if (strlen(t->name) == length && memcmp(t->name, name, length) == 0)
			return t;
	for (const struct reel_type *t = reel_types; t->name; t++)
		if (is_word_of(t->aliases, name, length))
			return t;
	return NULL;
}
