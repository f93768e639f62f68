/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What each process of a boot ran, at any of its times: found out beforehand from the stream of
 * state alone, so that a scanner, which has no model, can drop what others do.
 *
 * A step that no literal decides may still need something of the process: `comm == "tar"`. Of each
 * life is kept which of these tests held, or may have, at some time of it, and which did not, or
 * may not have. So nothing is dropped that the model would keep, as long as the model that comes
 * later is told the same: where something was lost, broken, out of order or evicted there is no
 * such table, and a boot for which that comes out too late is looked at again.
 */
#ifndef REEL_REPLAY_WHO_H
#define REEL_REPLAY_WHO_H

#include "replay/eval.h"

enum { WHO_TESTS_MAX = 64, WHO_NO_BIT = 255, WHO_LIVES_MAX = 1 << 20 };

/* Which tests are kept; of a set of rules. */
struct who_plan {
	uint8_t *bit_of; /* by leaf; WHO_NO_BIT: it is taken to hold, and not to */
	uint32_t leaves[WHO_TESTS_MAX];
	uint32_t n_tests;
	/* Bits of those that ask for what it runs, and for its name, by what it is taken for. */
	uint64_t exe[RULE_ROLES], comm[RULE_ROLES];
};

/* What they say of a string, or may. */
struct who_answers {
	uint64_t may, may_not;
};

/* What begins or ends at the time of an event itself is not told apart: it is kept. */
struct who_life {
	uint64_t from_ns, until_ns;
	struct who_answers said; /* by bit of a test */
	uint64_t serial;
	uint32_t pid;
};

struct who {
	struct who_life *lives; /* by pid, then by time */
	uint32_t n_lives;
	struct who_slot {
		uint32_t pid, first, n; /* n 0: empty */
	} * slots;
	uint32_t slot_mask;
	uint64_t seed;
};

int who_plan_init(struct who_plan *p, const struct rules *rules);
void who_plan_done(struct who_plan *p);
/* Takes up the tests of a step. */
void who_plan_add(struct who_plan *p, const struct eval_plan *eval, unsigned type, uint32_t step);

/* Puts lives in order, to be found. They become its own, whatever comes of it. */
int who_new(struct who_life *lives, uint32_t n, struct who **ret);
void who_free(struct who *w);
/* Whose life an event at that time is in; NULL: nobody knows. */
const struct who_life *who_at(const struct who *w, uint32_t pid, uint64_t ts);
/* False: the step's expression is false of all that he did. */
bool who_may(const struct who_plan *p, const struct sieve *s, uint32_t step,
	     const struct who_life *life);

/* With what the tests are asked; and what is known of strings, by the number of their row. */
struct who_look {
	const struct who_plan *plan;
	struct eval eval;
	struct who_answers *of_row[RULE_ROLES];
	uint32_t room[RULE_ROLES];
};

/* Adds what the tests say of a process as it is now. -ENOMEM only. */
int who_look(struct who_look *w, const struct model_process *process, struct who_life *life);
/* But for its evaluator. */
void who_look_done(struct who_look *w);

#endif
