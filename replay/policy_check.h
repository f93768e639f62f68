/* SPDX-License-Identifier: BSD-2-Clause */
/* From predicates as written to expressions over leaves: names become fields, values get types. */
#ifndef REEL_REPLAY_POLICY_CHECK_H
#define REEL_REPLAY_POLICY_CHECK_H

#include "replay/policy_ast.h"

/* A step with a name that was passed on the way to here. */
struct policy_named {
	const struct policy_named *before;
	const struct policy_step *step;
	uint32_t node;
	uint8_t member; /* of an ALL */
};

struct policy_check {
	struct policy_file *file;
	const struct reel_type *const *types; /* what events can be asked */
	uint32_t n_types;
	const struct policy_path *path; /* NULL: no steps have names */
	const struct policy_named *names;
	/* Has a passed step keep a field's value; returns its slot, or -1. */
	int (*bind)(struct policy_check *c, const struct policy_named *from,
		    const struct rule_ref *ref);
	void *user;
	uint32_t n_tests, depth;
	/* What was found on the way: */
	bool tests_result;   /* ret or errno */
	bool tests_creation; /* flags or created */
	bool uses_names;
};

/* Returns the number of the expression; -1: it is wrong, and that is said. */
int64_t policy_check_predicate(struct policy_check *c, const struct policy_pred *pred);
/* One that is always true. */
int64_t policy_check_true(struct policy_check *c);

/* Fields (policy_fields.c) --------------------------------------------------------------------- */

enum policy_class { POLICY_NUMBERS, POLICY_ADDRESSES, POLICY_STRINGS };

static inline enum policy_class policy_class_of(const struct rule_ref *ref)
{
	if (ref->kind >= REEL_PATH)
		return POLICY_STRINGS;
	return ref->kind == REEL_ADDR ? POLICY_ADDRESSES : POLICY_NUMBERS;
}

/* Of an event of one of these types. False: there is none of that name; nothing is said. */
bool policy_find_field(const struct reel_type *const *types, uint32_t n_types, const char *name,
		       struct rule_ref *ret, bool *ret_is_mixed);
/* The same; what is wrong is said. */
bool policy_field(struct policy_check *c, const char *name, int16_t index, struct policy_at at,
		  struct rule_ref *ret);
/* A value that names a field: of this event, or of a step with a name. */
bool policy_right_field(struct policy_check *c, const struct policy_value *v, struct rule_ref *ret);

/* The symbol of that name in a file. */
const struct policy_symbol *policy_symbol(const struct policy_file *f, const char *name);

/* Values (policy_values.c) --------------------------------------------------------------------- */

/* All values of a test, of a leaf whose left side and operator are there. False: it is wrong. */
bool policy_leaf_values(struct policy_check *c, const struct policy_pred *test,
			struct rule_leaf *leaf);
/* Whether the name is that of a number that the field knows, or of a list. */
bool policy_is_value_name(struct policy_check *c, const struct rule_ref *ref,
			  const struct policy_value *v);

/* Warnings (policy_warn.c) --------------------------------------------------------------------- */

/* Strings that cannot do what they seem to. */
void policy_warn_string(struct policy_file *f, struct policy_at at, const struct rule_leaf *leaf,
			const char *bytes, uint32_t length);

#endif
