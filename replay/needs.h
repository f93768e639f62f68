/* SPDX-License-Identifier: BSD-2-Clause */
/* With which options of `reel record` a rule can be decided, and what of it no option covers. */
#ifndef REEL_REPLAY_NEEDS_H
#define REEL_REPLAY_NEEDS_H

#include "replay/reads.h"

/* The most that reel-record takes, and what it keeps unless told otherwise. */
enum {
	NEEDS_CONTENT_MOST = 4096,
	NEEDS_CONTENT_USUAL = 64,
	NEEDS_ARG_MOST = 16383,
	NEEDS_ARG_USUAL = 4096,
};

struct needs_names {
	const char **v; /* sorted; their text is the rules' */
	uint32_t n;
};

/* A test that stays open for some events, however they are recorded. */
struct needs_gap {
	const struct rule *rule;
	uint32_t line;
	int32_t leaf; /* RULES_NONE: the step as a whole */
	const char *why;
};

struct needs {
	uint32_t classes; /* bits 1 << class, of types that are not recorded anyway */
	bool reads_io;	  /* each read and write, or what is received */
	bool folds;	  /* totals, which there are only if not each is recorded */
	bool hash;
	bool all_calls;
	uint32_t content, max_arg; /* 0: not looked at */
	uint32_t n_args;	   /* tests of command lines */
	struct needs_names env, calls;
	struct needs_gap *gaps;
	uint32_t n_gaps, gaps_room;
};

/* Adds what one rule needs; N begins as zeroes. -ENOMEM. */
int needs_add(struct needs *n, struct rules *rules, const struct reads *reads, uint32_t rule);
void needs_done(struct needs *n);

#endif
