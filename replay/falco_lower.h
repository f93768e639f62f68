/* SPDX-License-Identifier: BSD-2-Clause */
/* Conditions of Falco rules as expressions over leaves, on types of events that can meet them. */
#ifndef REEL_REPLAY_FALCO_LOWER_H
#define REEL_REPLAY_FALCO_LOWER_H

#include "replay/falco_fields.h"
#include "replay/falco_parse.h"

enum { FALCO_CONDS_MAX = 100000 }; /* tests of a rule, with those of its macros */

/* What a test became. */
enum falco_cond_kind {
	FALCO_IS_AND,
	FALCO_IS_OR,
	FALCO_IS_NOT,
	FALCO_IS_TRUE,
	FALCO_IS_FALSE,
	FALCO_IS_LEAF,
	FALCO_IS_TYPE, /* the event is one of these calls */
};

struct falco_cond {
	uint8_t kind;
	struct falco_cond *a, *b; /* AND, OR; NOT: a */
	uint8_t types[32];	  /* LEAF: that have it; TYPE: some of whose calls it is */
	uint8_t whole[32];	  /* TYPE: all of whose calls it is */
	const char **calls;	  /* TYPE: all names */
	uint32_t n_calls;
	struct rule_leaf *leaf;
	const char *unknown; /* LEAF: why nobody can tell; NULL */
	const char *absent;  /* FALSE: why it is never there; NULL */
	bool is_direct;	     /* LEAF: it stays as it is */
	bool is_result;	     /* it asks how the call ended */
};

struct falco_lowering {
	struct rules *rules;
	struct arena *memory;
	struct reel_err *err;
	/* The tree of a macro that can be seen from there, and what can be seen from that; NULL:
	 * there is none of that name. */
	const struct falco_node *(*macro)(void *user, const char *name, uint32_t *visibility);
	void *user;
	uint32_t visibility;
	bool skips_unknown; /* an unknown field: -ENOENT instead of an error */
	unsigned depth, n_conds;
};

/* Files that are opened, programs that are executed, and all else are steps of their own, each of
 * which is enough: of its own events each can ask at once. */
enum { FALCO_STEPS_MAX = 3 };
struct falco_lowered {
	uint32_t steps[FALCO_STEPS_MAX];
	uint32_t n_steps;
	const char *why_not; /* it can never be true, or never be told to be: why; NULL */
	const char *partly;  /* what of it can never be told; NULL */
	bool has_types;	     /* it says which events it is about */
};

/* -EINVAL: the message says what is wrong. */
int falco_lower(struct falco_lowering *l, const struct falco_node *condition,
		struct falco_lowered *ret);

/* A test alone (falco_leaf.c). */
int falco_lower_test(struct falco_lowering *l, const struct falco_node *test,
		     struct falco_cond **ret);

/* What rules ask for, and the field that it is; REF is nothing where that is in no event. */
int falco_operand_ref(struct falco_lowering *l, const struct falco_operand *o,
		      const struct falco_field **ret, struct rule_ref *ref);
/* The same of a call, without the transformers around it (falco_compose.c). Of several fields it is
 * one that is never there, or that cannot be told, if there is such a one. */
int falco_call_ref(struct falco_lowering *l, const struct falco_operand *o,
		   const struct falco_field **ret, struct rule_ref *ref);
bool falco_asks_result(const struct falco_field *f, const struct rule_ref *ref);

struct falco_cond *falco_cond_new(struct falco_lowering *l, enum falco_cond_kind kind);
int falco_no_memory(struct falco_lowering *l);
/* The types that are calls. */
void falco_call_types(uint8_t ret[32]);

/* A leaf as it can be asked of such events themselves; NULL: as it is (falco_direct.c). */
struct falco_cond *falco_direct(struct falco_lowering *l, const struct rule_leaf *leaf,
				const uint8_t types[32]);

/* evt.type (falco_calls.c) */
int falco_lower_type(struct falco_lowering *l, const struct falco_node *test,
		     struct falco_cond **ret);

#endif
