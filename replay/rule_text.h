/* SPDX-License-Identifier: BSD-2-Clause */
/* Parts of rules in words, close to those of the policy language. */
#ifndef REEL_REPLAY_RULE_TEXT_H
#define REEL_REPLAY_RULE_TEXT_H

#include "format/out.h"
#include "replay/rules.h"

void rule_text_leaf(struct reel_out *o, const struct rule_leaf *l);
void rule_text_expr(struct reel_out *o, const struct rules *rules, uint32_t expr);
/* Types and outcome, without the predicates: "open|create failed". */
void rule_text_types(struct reel_out *o, const struct rule_step *s);

/* All of it: open { path == "/x" and flags & O_CREAT }. */
void rule_text_step(struct reel_out *o, const struct rules *rules, const struct rule_step *s);

#endif
