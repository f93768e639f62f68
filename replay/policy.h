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

/* What the list of that name in the policies that were loaded has, each as a text; *RET NULL: there
 * is none. Returns why it cannot be taken, or NULL. */
struct policy_values;
const char *policy_find_list(const struct rules *r, const char *name,
			     const struct policy_values **ret);

/* A text of YAML, in the language that its top level shows. */
int rules_load_yaml(struct rules *r, const char *path, const char *text, size_t length,
		    struct reel_err *err);

#endif
