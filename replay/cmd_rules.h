/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of `reel rules` share. */
#ifndef REEL_REPLAY_CMD_RULES_H
#define REEL_REPLAY_CMD_RULES_H

#include "format/command.h"
#include "format/json.h"
#include "format/out.h"
#include "replay/rules.h"

struct rules_options {
	int format;
	bool record_options;
	struct reel_strings captures;
};

enum { RULES_TEXT, RULES_JSON };

/* Padded with blanks to WIDTH, and two more. */
void rules_put_column(struct reel_out *o, const char *text, size_t width);
void rules_put_place(struct reel_out *o, const char *file, uint32_t line);

/* --record-options and --for; 0 or -errno. */
int rules_put_record_options(struct reel_out *o, const struct rules_options *options,
			     struct rules *rules, struct reel_err *err);
int rules_put_for(struct reel_out *o, const struct rules_options *options, struct rules *rules,
		  struct reel_err *err);

#endif
