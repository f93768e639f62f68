/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Falco's fields: what each is here. One row a field; FOREIGN.md and `reel rules --falco-fields`
 * show the same rows.
 */
#ifndef REEL_REPLAY_FALCO_FIELDS_H
#define REEL_REPLAY_FALCO_FIELDS_H

#include "replay/rules.h"

enum falco_field_way {
	FALCO_FIELD,	  /* a reference to what rules can ask for */
	FALCO_EVENT_TYPE, /* evt.type: which events it is about */
	FALCO_DIRECTION,  /* evt.dir: there are exits only */
	FALCO_COUNTER,	  /* evt.num: from 1 */
	FALCO_TIME,	  /* in outputs only */
	FALCO_ABSENT,	  /* no event of a capture ever has it: it is not there */
	FALCO_UNKNOWN,	  /* nobody recorded it: nothing can be said */
};

enum falco_field_argument {
	FALCO_NO_ARGUMENT,
	FALCO_LEVEL,	    /* [N]: of the N-th ancestor; without one any */
	FALCO_MAYBE_NAME,   /* [NAME] or none */
	FALCO_ANY_ARGUMENT, /* whatever stands there */
};

struct falco_field {
	const char *name;
	uint8_t way;	  /* enum falco_field_way */
	uint8_t argument; /* enum falco_field_argument */
	uint8_t scope;	  /* enum rule_scope */
	uint8_t context;  /* enum rule_context, RULE_OWN_FIELD or RULE_DERIVED */
	uint8_t derived;  /* enum derived; FALCO_TIME: enum rule_output_clock */
	uint8_t kind;	  /* enum reel_kind */
	bool is_bool, is_net;
	const char *own;
	const char *says; /* what it is; FALCO_UNKNOWN: why it cannot be told */
};
extern const struct falco_field falco_fields[]; /* the last has no name */

/* NULL: Falco has no such field. */
const struct falco_field *falco_field_find(const char *name);

/* A field and its argument as rules ask for it. -EINVAL: the argument is wrong. */
int falco_field_ref(const struct falco_field *f, const char *name, const char *argument,
		    struct rule_ref *ret, struct reel_err *err);

/* Which types of events can have it at all. */
void falco_field_types(const struct falco_field *f, const struct rule_ref *ref, uint8_t ret[32]);

#endif
