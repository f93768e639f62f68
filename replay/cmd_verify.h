/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of `reel verify` share. */
#ifndef REEL_REPLAY_CMD_VERIFY_H
#define REEL_REPLAY_CMD_VERIFY_H

#include "format/command.h"
#include "format/keys.h"

enum { VERIFY_TEXT, VERIFY_JSON };

struct verify_options {
	int format;
	const char *of_case; /* NULL: captures alone */
	struct reel_strings rules, keys, anchors;
	uint32_t threads;
};

/* --case: says what is proven of it. Returns an enum reel_status. */
int verify_case(const struct reel_command *self, const struct verify_options *o,
		const struct reel_args *args, const struct reel_keys *keys);

#endif
