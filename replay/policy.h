/* SPDX-License-Identifier: BSD-2-Clause */
/* Policies as text in memory; rules_load() of rules.h reads files. */
#ifndef REEL_REPLAY_POLICY_H
#define REEL_REPLAY_POLICY_H

#include "replay/rules.h"

/* The text of a file called NAME, which can name no other files. What is wrong becomes notes.
 * -ENOMEM only. */
int policy_load_text(struct rules *r, const char *name, const char *text, size_t length,
		     struct reel_err *err);

/* One file, by whatever name. */
int policy_load_file(struct rules *r, const char *path, struct reel_err *err);

/* The list of that name in the policies that were loaded. NULL: there is none. */
struct policy_values;
const struct policy_values *policy_find_list(const struct rules *r, const char *name,
					     bool *ret_is_twice);

/* A text of YAML, in the language that its top level shows. */
int rules_load_yaml(struct rules *r, const char *path, const char *text, size_t length,
		    struct reel_err *err);

#endif
