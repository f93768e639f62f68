/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What rules found and say of captures, as rows of a case: replay, replayed, rule, verdict, blind,
 * finding and evidence. The same rules of the same program over the same captures are the same
 * replay: its rows are made anew, under the same id, and nothing else is touched.
 */
#ifndef REEL_REPLAY_CASE_REPLAY_H
#define REEL_REPLAY_CASE_REPLAY_H

#include "replay/case_captures.h"
#include "replay/report.h"

struct case_replay {
	const struct engine *engine; /* whose findings are sorted, and were made for a case */
	const struct reel_reader *reader;
	const struct case_captures *captures;
	const struct report_hashes *hashes;
	const char *options; /* JSON */
	const char *const *rules_paths;
	size_t n_rules_paths;
};

int case_replay_write(struct case_writer *w, const struct case_replay *r, struct reel_err *err);

#endif
