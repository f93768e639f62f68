/* SPDX-License-Identifier: BSD-2-Clause */
/* --encrypt-to: whose secret keys will open the capture. */
#ifndef REEL_RECORD_RECIPIENTS_H
#define REEL_RECORD_RECIPIENTS_H

#include "format/keys.h"
#include "format/options.h"

struct recipients {
	unsigned n;
	struct reel_public_key keys[REEL_RECIPIENTS_MAX];
};

/* -EINVAL: they are too many, or one is no public key. A key that is given twice counts once. */
int recipients_read(const struct reel_strings *files, struct recipients *ret, struct reel_err *err);

#endif
