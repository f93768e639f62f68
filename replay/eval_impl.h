/* SPDX-License-Identifier: BSD-2-Clause */
/* What eval.c, eval_find.c and access.c share, and nobody else includes. */
#ifndef REEL_REPLAY_EVAL_IMPL_H
#define REEL_REPLAY_EVAL_IMPL_H

#include "replay/eval.h"

enum { NO_NUMBER = 0xffffffff };

/* A value of a field, and where it comes from, so that what is known of it can be found again. */
struct found {
	struct value v;
	uint32_t number;	 /* of the string in the event's block; NO_NUMBER */
	struct model_text *text; /* of the model; NULL */
};

/* Goes over the values of a field; most have one. Nothing is given for one that is absent. */
struct finder {
	struct eval *e;
	const struct rule_ref *ref;
	const struct access *access;
	const struct reel_event *ev;
	bool one_by_one; /* each argument for itself */
	unsigned turn;
	struct model_process *process; /* ACCESS_PROCESS: whose value comes next */
	struct found args;	       /* whose arguments are given one by one */
	uint32_t args_at;
	bool in_args;
};

void finder_begin(struct finder *f, struct eval *e, const struct rule_ref *ref,
		  const struct access *a, const struct reel_event *ev);
bool finder_next(struct finder *f, struct found *ret);

/* The first value of a field. */
void value_of(struct eval *e, const struct rule_ref *ref, const struct access *a,
	      const struct reel_event *ev, struct value *ret);

/* Arguments as one line: blanks between them; what ends with a NUL ends before it. False: no
 * memory. */
bool eval_join(struct eval *e, struct reel_string *s);

const struct match_row *found_row(struct eval *e, enum rule_role role, const struct found *f);

void access_resolve(const struct reel_type *t, const struct rule_ref *ref, struct access *ret);

#endif
