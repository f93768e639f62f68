/* SPDX-License-Identifier: BSD-2-Clause */
/* Output strings of Falco rules: text with %fields. */
#ifndef REEL_REPLAY_FALCO_OUTPUT_H
#define REEL_REPLAY_FALCO_OUTPUT_H

#include "replay/rules.h"

/* What it gives lives as long as the set. -EINVAL: the message says what is wrong; -ENOENT: there
 * is no such field. */
int falco_output_parse(struct rules *r, const char *text, const struct rule_output **ret,
		       struct reel_err *err);

#endif
