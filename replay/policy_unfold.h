/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef REEL_REPLAY_POLICY_UNFOLD_H
#define REEL_REPLAY_POLICY_UNFOLD_H

#include "replay/policy_ast.h"

/* A path as the tree of its ways. *ret lives in the file's memory. False: it is wrong, and that is
 * said. */
bool policy_unfold(struct policy_file *f, struct policy_path *path, struct rule *ret);

#endif
