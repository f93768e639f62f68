/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What decides beside rules and captures what a replay finds: as a case says it, in JSON, so that
 * the same replay can be run again. What is as it is by default is not said.
 */
#ifndef REEL_REPLAY_CASE_OPTIONS_H
#define REEL_REPLAY_CASE_OPTIONS_H

#include <sqlite3.h>

#include "format/out.h"
#include "replay/rules_choose.h"

struct case_options {
	struct rules_choice choice;
	const char *from, *to; /* NULL: not limited */
	bool all;
	uint64_t max_state;
};

/* With a NUL behind it. 0 or -ENOMEM. */
int case_options_put(struct reel_out *o, const struct case_options *of);

/*
 * DB is any, for its JSON. -EPROTONOSUPPORT: there is something in it that this reel does not know.
 * To be freed by case_options_done(), also after an error.
 */
int case_options_parse(sqlite3 *db, const char *json, struct case_options *ret,
		       struct reel_err *err);
void case_options_done(struct case_options *o);

#endif
