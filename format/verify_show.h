/* SPDX-License-Identifier: BSD-2-Clause */
/* What reel verify says of seals and anchors. */
#ifndef REEL_FORMAT_VERIFY_SHOW_H
#define REEL_FORMAT_VERIFY_SHOW_H

#include "format/json.h"
#include "format/verify.h"

void reel_verified_seal_text(struct reel_out *o, const struct reel_verified *c);
void reel_verified_seal_json(struct reel_json *j, const struct reel_verified *c);

#endif
