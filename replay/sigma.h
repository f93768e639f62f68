/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rules in Sigma, specification 2.1.0. Documents are collected as files are read; they become rules
 * when all are there, since filters and correlations name rules of other files.
 */
#ifndef REEL_REPLAY_SIGMA_H
#define REEL_REPLAY_SIGMA_H

#include "replay/rules.h"
#include "replay/yaml_tree.h"

struct sigma;

/* Takes over the tree. What is wrong in a document is noted; -ENOMEM only. */
int sigma_add(struct rules *r, const char *file, struct yaml_tree *tree, struct reel_err *err);
/* All documents become rules. */
int sigma_finish(struct rules *r, struct reel_err *err);
void sigma_free(struct sigma *s);

#endif
