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
	bool record_options, coverage, falco_fields;
	struct reel_strings captures, key_files;
	struct reel_keys *keys; /* those in key_files */
};

enum { RULES_TEXT, RULES_JSON, RULES_NAVIGATOR };

/* Padded with blanks to WIDTH, and two more. */
void rules_put_column(struct reel_out *o, const char *text, size_t width);
void rules_put_place(struct reel_out *o, const char *file, uint32_t line);

/* --record-options and --for; 0 or -errno. */
int rules_put_record_options(struct reel_out *o, const struct rules_options *options,
			     struct rules *rules, struct reel_err *err);
/* --falco-fields: a row of a table each, as FOREIGN.md has it. */
void rules_put_fields(struct reel_out *o);
/* --coverage */
int rules_put_coverage(struct reel_out *o, const struct rules_options *options, struct rules *rules,
		       struct reel_err *err);
/* What captures can decide, by rule. */
enum rules_decidable { RULES_DECIDABLE, RULES_PARTLY, RULES_NOT_EVALUABLE };
extern const char *const rules_decidable_names[];
/* O: NULL, if only *RET_DECIDABLE is wanted: one for each rule; it may be NULL itself. */
int rules_put_for(struct reel_out *o, const struct rules_options *options, struct rules *rules,
		  uint8_t *ret_decidable, struct reel_err *err);

#endif
