/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an event must at least be for a step to hold: most fail, and this says so soon. The step's
 * expression for one type of events, without what that type decides by itself, with each `not` at
 * the leaves, and what costs little and fails often first. As "may hold" it has two values only, so
 * that it is a walk from test to test.
 *
 * It drops an event just where the expression is false; where it keeps one, the expression is asked
 * for true or unknown, and why. A scanner that has no model passes over what needs one.
 */
#ifndef REEL_REPLAY_SIEVE_H
#define REEL_REPLAY_SIEVE_H

#include <stdbool.h>
#include <stdint.h>

struct eval;
struct eval_plan;
struct reel_event;
struct rule_tests;

/* What comes behind a test: one of these, or a test. */
enum { SIEVE_DROP, SIEVE_KEEP, SIEVE_FIRST };
enum { SIEVE_TESTS_MAX = 128 }; /* of a step; what goes beyond is taken to hold */

/* All that the usual ones need lies here, side by side, as they are asked for most events. */
struct sieve_test {
	uint32_t leaf;
	uint32_t yes, no; /* where it may hold, and where it does not */
	uint32_t first;	  /* of the sieve's parts */
	uint16_t n;
	uint16_t offset;
	int16_t index;	/* ARGUMENT; PORT, ADDR: where the family of the socket lies */
	uint8_t way;	/* how it is asked: enum sieve_way of sieve.c */
	uint8_t role;	/* of strings */
	uint8_t width;	/* of what lies at the offset */
	uint8_t what;	/* NUMBER: its kind; PROCESS_TEXT: enum rule_context */
	uint8_t op;	/* of the leaf */
	uint8_t is_not; /* none of its values may fit */
	uint8_t fails;	/* enum truth: the answer with which it does not hold */
};

/* Of a type of events. */
struct sieve {
	struct sieve_test *tests; /* the first has the number SIEVE_FIRST */
	uint32_t n, room;
	struct rule_tests *parts; /* of strings as in the leaf; of numbers the bits are the value */
	uint32_t n_parts, parts_room;
	uint32_t *begin[2]; /* by step: without a model, and with one */
};

/* For the steps that want the type. NULL: no memory. */
struct sieve *sieve_new(const struct eval_plan *p, unsigned type);
void sieve_free(struct sieve *s);

/* False: the expression, whosever it is, is false for all events of the type. */
bool sieve_can_hold(const struct eval_plan *p, unsigned type, uint32_t expr);

/* False: the step's expression is false for the event. */
bool sieve_keeps(struct eval *e, uint32_t step, const struct reel_event *ev);

#endif
