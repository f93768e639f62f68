/* SPDX-License-Identifier: BSD-2-Clause */
/* What is inside of a matcher, and testing one string with it. */
#ifndef REEL_REPLAY_MATCH_SCAN_H
#define REEL_REPLAY_MATCH_SCAN_H

#include "replay/match_ac.h"
#include "replay/match_test.h"

/* What a literal that was found in a string says of its test. */
enum match_how {
	HOW_EQUALS, /* these two are looked for at the start only */
	HOW_STARTS,
	HOW_ENDS,
	HOW_CONTAINS,
	HOW_CANDIDATE,	 /* the test is to be run */
	HOW_EXACT,	 /* so is it on a string that is cut; on a whole one it holds */
	HOW_COMPARE = 8, /* only if it is there in its own case */
};

struct match_numbers {
	uint32_t *tests;
	uint32_t n;
};

struct matcher {
	enum match_shape shape;
	bool is_built, is_slow;
	bool has_regex;
	struct match_test *tests;
	uint32_t n_tests, room, n_words;
	uint32_t *by_content; /* numbers + 1 of tests, by the hash of what they are */
	uint32_t by_content_mask;
	struct ac *ac;		     /* NULL: there are no literals */
	struct match_numbers always; /* tests without a literal that they need */
	struct match_numbers if_cut; /* tests that are run on every string that is cut */
	uint64_t *unknown_if_cut;    /* unless they are found to hold */
	uint32_t longest;	     /* of the literals */
};

/* The answers about one string; between strings all bits are 0. */
struct match_answers {
	uint64_t *yes, *unknown;
	bool has_yes, has_unknown;
	uint64_t *is_candidate;
	uint32_t *candidates;
	uint32_t n_candidates;
};

int match_answers_init(struct match_answers *a, const struct matcher *m);
void match_answers_done(struct match_answers *a);
void match_answers_clear(struct match_answers *a, const struct matcher *m);

void match_scan(const struct matcher *m, struct match_tools *tools, const struct match_value *v,
		struct match_answers *a);

/* Several strings at once; of each, in any order, DONE hears, and clears its answers. */
enum { MATCH_LANES = 4 };
typedef void match_done(void *context, unsigned number, struct match_answers *a);
void match_scan_many(const struct matcher *m, struct match_tools *tools,
		     const struct match_value *values, unsigned n,
		     struct match_answers answers[MATCH_LANES], match_done *done, void *context);

#endif
