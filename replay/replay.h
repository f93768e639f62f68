/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of `reel replay` share: its options, and what a run of it holds. */
#ifndef REEL_REPLAY_REPLAY_H
#define REEL_REPLAY_REPLAY_H

#include "format/command.h"
#include "format/key_option.h"
#include "format/moment.h"
#include "replay/report.h"
#include "replay/rules_choose.h"

struct replay_options {
	struct reel_strings rules, against, keys;
	struct rules_choice choice;
	const char *from, *to, *explain, *keep, *metrics, *output;
	int format;
	uint32_t threads;
	uint64_t max_state, after_ns, lag_ns, memory_bytes;
	struct reel_tz tz;
	bool all, require_clean, profile, slow, follow, load_events, no_rules;
};

struct replay {
	const struct reel_command *self;
	struct replay_options options;
	struct reel_args args;
	struct reel_keys *keys;
	struct rules *rules;
	struct reel_reader *reader;	/* NULL: a stream, or a tape that is followed */
	struct findings *findings;
	struct engine *engine;
	struct explain *explain;	/* NULL: nobody asks about a rule */
	struct reel_out out;
	struct report report;
	struct report_hashes hashes;
	bool talks_progress, shows_at_once;
	struct follow *follow;		/* NULL: of files that are all there */
	struct replay_case *output;	/* NULL: no case is written */
	int64_t shown_ns;		/* when progress was last shown */
};

extern volatile int replay_stop;

int replay_refuse(struct replay *r, const struct reel_err *err);
int replay_fail(struct replay *r, int result, const struct reel_err *err);

/* RULES: NULL before they are loaded; to be called again when they are. */
void replay_confine(struct replay *r, const struct rules *rules);

/* Loads, says what is wrong, leaves out what was not asked for. Returns an enum reel_status. */
int replay_load(struct replay *r, const struct reel_strings *paths, struct rules **ret);
/* As quietly as it goes: for a reload. 0 or -errno. */
int replay_load_again(struct replay *r, const struct reel_strings *paths, struct rules **ret,
		      struct reel_err *err);

/* Errors always, warnings with --verbose. */
void replay_say_notes(struct replay *r, const struct rules *rules);
void replay_end_progress(struct replay *r);
/* Whether it is time to show it again. */
bool replay_is_time_to_show(struct replay *r);
/* Where none are named: those that came with the program, if they did. */
void replay_default_rules(struct reel_strings *rules);

int replay_make_engine(struct replay *r, struct reel_err *err);
/* Verdicts and the last line. Returns an enum reel_status. */
int replay_conclude(struct replay *r);
/* What is wrong with the tape itself is said whatever the rules read. */
void replay_say_health(struct replay *r);

/* Whether the operand is a pipe, open as *ret_fd. */
bool replay_is_stream(const struct replay *r, int *ret_fd);
/* From there, or -1: of the operand, while it is being written. Returns an enum reel_status. */
int replay_follow(struct replay *r, int fd);
void replay_follow_found(struct follow *f, const struct finding *x);

/* What the rules cost, each with its part of what it shares with others; by falling cost. */
struct rule_cost {
	uint32_t rule;
	uint64_t ns, evaluations, turns;
};
int replay_costs(const struct engine *e, struct rule_cost **ret, struct reel_err *err);
void replay_profile(struct replay *r);
int replay_explain(struct replay *r);
int replay_compare(struct replay *r);

/*
 * The case that -o names. Begun before the rules are run, so that what is wrong with it is said at
 * once, and it is loaded then; ended when findings have been shown. Both return an enum
 * reel_status; the end that which was given to it, if nothing went wrong.
 */
int replay_case_begin(struct replay *r);
int replay_case_end(struct replay *r, int status);
void replay_case_free(struct replay_case *c);
/* All of it, without rules. */
int replay_case_alone(struct replay *r);

#endif
