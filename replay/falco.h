/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rule files of Falco. Lists, macros and rules of all files share one namespace, in the order in
 * which they are loaded; they become rules when all are there, since later files add to earlier
 * ones.
 */
#ifndef REEL_REPLAY_FALCO_H
#define REEL_REPLAY_FALCO_H

#include "replay/rules.h"
#include "replay/yaml_tree.h"

struct falco;

/* Whether a document is one of Falco's. */
bool falco_is(const struct yaml_value *root);
/* Takes over the tree. What is wrong in an item is noted; -ENOMEM only. */
int falco_add(struct rules *r, const char *file, struct yaml_tree *tree, struct reel_err *err);
/* All items become rules. */
int falco_finish(struct rules *r, struct reel_err *err);
void falco_free(struct falco *f);

#endif
