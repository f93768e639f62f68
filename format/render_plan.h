/* SPDX-License-Identifier: BSD-2-Clause */
/* What render*.c and columns_value.c share, and nobody else includes. */
#ifndef REEL_FORMAT_RENDER_PLAN_H
#define REEL_FORMAT_RENDER_PLAN_H

#include "format/names.h"
#include "format/render.h"

/* What becomes of a field. */
enum render_form {
	FORM_NONE, /* of a kind that this build does not know */
	FORM_UNSIGNED,
	FORM_SIGNED,
	FORM_LABEL,
	FORM_CLASS,
	FORM_BOOL,
	FORM_ADDR,
	FORM_RESULT,
	FORM_STRING,
	FORM_ARGS,
	FORM_HEX,
	FORM_LIST,
};

struct render_span {
	uint32_t at; /* in the plan's text */
	uint32_t len;
};

struct render_field {
	const struct reel_field *field;
	enum render_form form;
	unsigned int string;	 /* which of the type's strings it is */
	struct render_span json; /* ,"key": */
	struct render_span key;
	unsigned int first_label; /* FORM_LABEL: in the plan's labels */
	unsigned int n_labels;
	struct reel_hint hint;
	bool optional;
	bool is_proto; /* shown as the family says */
	bool is_caps;
};

/* What is worth working out once for each type. */
struct render_plan {
	struct render_plan *next;
	const struct reel_type *type;
	const struct reel_field *family; /* or NULL */
	const struct reel_field *result; /* or NULL */
	struct reel_hint result_hint;
	struct reel_out text;	  /* where spans lie */
	struct render_span begin; /* {"type":"open","id":" */
	struct render_span *labels;
	unsigned int n_fields;
	struct render_field fields[];
};

bool render_has_field(const struct render_plan *p, const char *name);

/* NULL without memory; OUT then has the error. */
struct render_plan *render_plan_get(struct reel_renderer *r, const struct reel_type *type);

/* All strings of an event: one pass, where reel_event_string() needs one for each. */
/* As the capture's own SCHEMA has it; NULL: no such class. */
const char *render_class_name(const struct reel_event *ev, uint64_t id);

void render_strings(const struct reel_event *ev, struct reel_string ret_strings[EV_MAX_STRINGS]);

static inline void render_put_span(struct reel_out *o, const struct render_plan *p,
				   struct render_span s)
{
	out_mem(o, p->text.buf + s.at, s.len);
}

static inline bool render_is_number(enum render_form form)
{
	return form >= FORM_UNSIGNED && form <= FORM_RESULT;
}

/* A number as its kind has it. */
static inline void render_put_raw(struct reel_out *o, const struct reel_field *f, uint64_t value)
{
	unsigned int kind = f->kind & REEL_KIND_MASK;

	if (kind == REEL_S32 || kind == REEL_S64)
		out_s64(o, (int64_t)value);
	else
		out_u64(o, value);
}

/* An optional string that says nothing. */
static inline bool render_is_left_out(const struct render_field *f, const struct reel_string *s)
{
	return f->optional && s->length == 0 && !reel_string_is_cut(s);
}

/* A result exists only where the call was made and did not fail. */
static inline bool render_has_result(const struct reel_event *ev)
{
	return ev->ret >= 0 && !(ev->flags & EV_BLOCKED);
}

static inline bool render_has_errno(const struct reel_event *ev)
{
	return ev->call && ev->ret < 0 && ev->ret >= -4095 && !(ev->flags & EV_BLOCKED);
}

/* Names of a number that may be unknown: "openat", or "syscall_999". */
void render_put_syscall(struct reel_out *o, uint16_t call);
void render_put_errno(struct reel_out *o, int64_t ret);
/* NULL for the native one, which goes without saying. */
const char *render_abi(uint16_t call);

/* The flags of honesty; ends where name is NULL. */
struct render_flag {
	uint8_t flag;
	const char *name;
};
extern const struct render_flag render_flags[];

struct render_item {
	const struct reel_event *ev;
	const struct render_plan *plan;
	int64_t realtime_ns;
	const uint8_t *boot;
	const char *host; /* NULL: not shown */
};

void render_json(struct reel_renderer *r, struct reel_out *o, const struct render_item *item);
/* The own fields only, each with a comma before it. */
void render_json_fields(struct reel_out *o, const struct render_plan *p,
			const struct reel_event *ev);
/* Parts of it that CSV has in common. Returns whether a string is not what its bytes were. */
bool render_json_args(struct reel_out *o, const struct reel_string *s);
void render_json_list(struct reel_out *o, const struct reel_string *s);
void render_pretty(struct reel_out *o, const char *json, size_t len);

void render_text(struct reel_renderer *r, struct reel_out *o, const struct render_item *item);

void render_csv_head(struct reel_renderer *r, struct reel_out *o);
void render_csv(struct reel_renderer *r, struct reel_out *o, const struct render_item *item);

#endif
