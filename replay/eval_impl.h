/* SPDX-License-Identifier: BSD-2-Clause */
/* What eval.c, eval_find.c and access.c share, and nobody else includes. */
#ifndef REEL_REPLAY_EVAL_IMPL_H
#define REEL_REPLAY_EVAL_IMPL_H

#include <string.h>

#include "format/reader.h"
#include "replay/eval.h"

enum { NO_NUMBER = 0xffffffff };

/* A value of a field, and where it comes from, so that what is known of it can be found again. */
struct found {
	struct value v;
	uint32_t number;	      /* of the string in the event's block; NO_NUMBER */
	struct model_text *text;      /* of the model; NULL */
	struct eval_derived *derived; /* it was worked out, and kept there; NULL */
};

static inline bool give_unknown(struct eval *e, struct found *ret, enum blind_reason why)
{
	*ret = (struct found){ .v.kind = VALUE_UNKNOWN, .number = NO_NUMBER };
	e->why |= 1u << why;
	return true;
}

static inline bool give_number(struct found *ret, uint64_t number, bool is_signed)
{
	*ret = (struct found){
		.v = { .kind = VALUE_NUMBER, .is_signed = is_signed, .number = number },
		.number = NO_NUMBER
	};
	return true;
}

static inline bool give_bytes(struct found *ret, const void *bytes, uint32_t length,
			      uint32_t true_length)
{
	*ret = (struct found){ .v = { .kind = VALUE_STRING,
				      .bytes = bytes,
				      .length = length,
				      .true_length = true_length },
			       .number = NO_NUMBER };
	return true;
}

static inline bool give_name(struct found *ret, const char *name)
{
	uint32_t n = (uint32_t)strlen(name);

	return give_bytes(ret, name, n, n);
}

static inline bool give_text(struct found *ret, struct model_text *t)
{
	give_bytes(ret, t->bytes, t->length, t->true_length);
	ret->text = t;
	return true;
}

/* Goes over the values of a field; most have one. Nothing is given for one that is absent. */
struct finder {
	struct eval *e;
	const struct rule_ref *ref;
	const struct access *access;
	const struct reel_event *ev;
	bool one_by_one; /* each argument for itself */
	bool is_right;	 /* a value that another is compared with, and lives as long */
	unsigned turn;
	struct model_process *process; /* ACCESS_PROCESS: whose value comes next */
	struct found args;	       /* whose arguments are given one by one */
	uint32_t args_at;
	bool in_args;
};

void finder_begin(struct finder *f, struct eval *e, const struct rule_ref *ref,
		  const struct access *a, const struct reel_event *ev);
bool finder_next(struct finder *f, struct found *ret);

/* The first value of a field of the event, or of its process where the type has none of that name.
 * REF lives as long as the evaluator. */
bool eval_found(struct eval *e, const struct rule_ref *ref, const struct reel_event *ev,
		struct found *ret);
/* False: he has none. */
bool eval_of_process(struct eval *e, struct model_process *p, unsigned context, struct found *ret);
/* The one so many above P; false: he is not known, or there is none: *RET_IS_NONE. */
bool eval_above(struct eval *e, struct model_process *p, unsigned level, struct model_process **ret,
		bool *ret_is_none);

/* Of those at and below LEVEL: what is derived for a process, and what for the event itself
 * (P then is its process). */
bool derive_find(struct finder *f, struct model_process *p, struct found *ret);
/* A number or an address becomes the text that it is written as, which lies in TEXT then. */
void eval_show(char text[EVAL_SHOWN_MAX], unsigned shown, struct value *ret);

/* The argument that begins at AT; false: there is none. *RET_NEXT: where the next one begins. */
bool eval_cut_argument(const struct value *args, uint32_t at, struct found *ret,
		       uint32_t *ret_next);

/* Applies what REF asks for. False: nothing comes of it. */
bool transform_found(struct eval *e, const struct rule_ref *ref, bool is_right, struct found *f);

/* The first value of a field. */
void value_of(struct eval *e, const struct rule_ref *ref, const struct access *a,
	      const struct reel_event *ev, struct value *ret);

/* Whether a string of one of those above him fits: the same that comes of all its values one by
 * one, sooner. False: it is not asked so. */
bool eval_ancestors(struct eval *e, const struct rule_leaf *l, const struct access *a,
		    const struct reel_event *ev, enum truth *ret);

/* eval_join() into the evaluator, until the next of that side. False: no memory. */
bool eval_join_here(struct eval *e, struct reel_string *s, bool is_right);

/* Whether one of these holds. */
static inline enum truth eval_fits_tests(const struct rule_tests *tests, uint32_t n,
					 const struct match_row *row)
{
	if (row->is_empty)
		return TRUTH_NO;
	for (uint32_t i = 0; i < n; i++)
		if (row->yes[tests[i].word] & tests[i].bits)
			return TRUTH_YES;
	for (uint32_t i = 0; i < n && row->has_unknown; i++)
		if (row->unknown[tests[i].word] & tests[i].bits)
			return TRUTH_UNKNOWN;
	return TRUTH_NO;
}

/* Whether one of the leaf's values fits. */
enum truth eval_fits_row(const struct rule_leaf *l, const struct match_row *row);
enum truth eval_fits_number(const struct rule_leaf *l, const struct value *v);
/* A text that he has, or NULL; false: it is not known. */
bool eval_process_text(struct eval *e, const struct model_process *p, unsigned context,
		       struct model_text **ret);
const struct match_row *eval_text_row(struct eval *e, enum rule_role role, struct model_text *t);
/* Whether the event's type has it as this build knows it; an older recorder's may not. */
static inline bool eval_has_bytes(const struct reel_event *ev, uint16_t offset, unsigned width)
{
	return (unsigned)offset + width <= ev->type->fixed_bytes &&
	       (!ev->segment || !ev->segment->schema ||
		ev->segment->schema->as_built[ev->type->id]);
}

const struct match_row *found_row(struct eval *e, enum rule_role role, const struct found *f);

void access_resolve(const struct reel_type *t, const struct rule_ref *ref, struct access *ret);

#endif
