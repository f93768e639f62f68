/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How one rule came to its matches, or how far it got: counts by step and by node, with the first
 * and the last event of each. It hangs on a sequence, which tells it what happens; NULL costs a
 * test here and there. Steps must be asked of every event of their types: scan_plan.keeps_all.
 */
#ifndef REEL_REPLAY_EXPLAIN_H
#define REEL_REPLAY_EXPLAIN_H

#include "replay/eval.h"
#include "replay/seen.h"

/* An event that outlives its block; its process is not kept. */
struct explain_event {
	struct seen *seen; /* NULL: none yet */
	unsigned boot;
};

/* A test, as it stands in a step. */
struct explain_leaf {
	uint32_t leaf;
	bool is_negated;	     /* under an odd number of `not` */
	uint64_t asked, no, unknown; /* no: it spoke against the step */
};

struct explain_step {
	bool is_used;
	uint64_t events;  /* of its types */
	uint64_t outcome; /* of these: calls that failed, or did not fail as they should */
	uint64_t matched, unknown;
	uint64_t serial;		  /* of the event that was last counted as matched */
	struct explain_event first, last; /* that matched */
	struct explain_leaf *leaves;
	uint32_t n_leaves;
};

struct explain_node {
	uint64_t reached;
	uint64_t counted;		  /* COUNT: events; ALL: members that came */
	uint64_t early;			  /* the step matched, and nothing had come before it */
	uint64_t late, late_path;	  /* a bound was exceeded: of the step, of the path */
	uint64_t held;			  /* an `unless`, or another way's condition, had come */
	uint64_t killed;		  /* by an `unless` of the path, or behind it */
	uint64_t ended;			  /* its process, family or container was gone */
	struct explain_event first, last; /* by which it was reached */
};

struct explain {
	const struct rules *rules;
	uint32_t rule;
	unsigned boot;		    /* that is looked at */
	struct explain_step *steps; /* by step of the rules */
	struct explain_node *nodes;
	uint64_t undecided[BLIND_REASONS];
	uint64_t matches, suppressed;
};

int explain_new(const struct rules *rules, uint32_t rule, struct explain **ret,
		struct reel_err *err);
void explain_free(struct explain *x);

/* What a sequence tells ------------------------------------------------------------------------ */

/* A step was asked of an event, without what other steps have bound. */
void explain_asked(struct explain *x, struct eval *e, uint32_t step, const struct reel_event *ev,
		   enum truth answer, uint64_t serial);
/* And with it. */
void explain_asked_bound(struct explain *x, struct eval *e, uint32_t step,
			 const struct reel_event *ev, enum truth answer, uint64_t serial);
void explain_reached(struct explain *x, uint32_t node, const struct reel_event *ev);
void explain_undecided(struct explain *x, uint32_t why);

#endif
