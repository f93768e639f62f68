/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tokens: how far each rule has got for each key. Events come in order, with the steps that may
 * hold on them; a token that reaches the end of its way is a match.
 *
 * One a boot. Memory: max_state tokens (an event that is counted is one too); each keeps its
 * evidence, about 300 bytes an event, which tokens share. What is thrown away makes its rule blind.
 */
#ifndef REEL_REPLAY_SEQUENCE_H
#define REEL_REPLAY_SEQUENCE_H

#include "replay/blind.h"
#include "replay/eval.h"
#include "replay/explain.h"
#include "replay/profile.h"
#include "replay/seen.h"

enum {
	SEQUENCE_MAX_STATE = 1000000,
	SEQUENCE_TUPLES_MAX = 64,
	SEQUENCE_COLLECTED_MAX = 64,
};

/* What a step is to a rule, in the order in which an event is judged. */
enum use_phase { USE_RULE_UNLESS, USE_UNLESS, USE_STOP, USE_GUARD, USE_NODE };

struct use {
	uint32_t step, rule, node;
	uint8_t phase;
	uint8_t bit;   /* GUARD: of the node's guards; NODE: member of `all` */
	bool is_late;  /* to its rule the step matters only where there are tokens */
	uint32_t told; /* which of those that were found with this event, from 1; 0: the event */
};

/* The order of turns: rules apart, unless before guards before nodes, nodes from the last on. */
int use_by_turn(const void *a, const void *b);

/* What is worked out once for a set of rules; threads share it. */
struct sequence_plan {
	const struct eval_plan *eval;
	uint32_t *first_use; /* by step; one more than steps */
	struct use *uses;
	bool *is_late;	 /* by step: it is late to all of its rules */
	uint32_t *joins; /* by step, from 1: a leaf on bound text that must hold; 0: none */
	struct node_facts {
		uint64_t guard_mask; /* of the parent's guards: those that hold it back */
		uint64_t life_ns;    /* how long a token here is good for */
		uint64_t extent_ns;  /* from its event to the end of the longest way */
		bool has_children;
	} * facts;
	uint32_t *first_fact; /* by rule */
	struct rule_facts {
		uint64_t extent_ns;
		bool is_single;	 /* one step is all of every way: no tokens */
		uint32_t *tunes; /* those that fit */
		uint32_t n_tunes;
	} * rules;
};

int sequence_plan_new(const struct eval_plan *eval, struct sequence_plan **ret,
		      struct reel_err *err);
void sequence_plan_free(struct sequence_plan *p);

/* A path that was completed. */
struct match {
	uint32_t rule, node;
	uint64_t first_ns, last_ns;
	uint64_t key;
	bool is_despite; /* what could have prevented it was not seen, or not all of it */
	bool is_tuned;	 /* a tune suppresses it */
	const struct evidence *evidence; /* the last of it */
};

struct sequence_options {
	uint64_t max_state;
	int (*found)(void *context, const struct match *m, struct reel_err *err);
	void *context;
	struct blind *blind;	 /* by rule */
	struct explain *explain; /* NULL: nobody wants to know */
	struct profile *profile; /* NULL: nothing is measured */
};

struct sequence_stats {
	uint64_t tokens, peak_tokens, evicted, matches, undecided;
	uint64_t *evaluations, *hits; /* by step */
};

struct sequence;

int sequence_new(const struct sequence_plan *plan, const struct sequence_options *o,
		 struct model *m, struct reel_err *err, struct sequence **ret);
void sequence_free(struct sequence *s);

/* An event and the steps that may hold on it; e has its process and the model. */
int sequence_event(struct sequence *s, struct eval *e, const struct reel_event *ev,
		   const struct model_change *change, const uint32_t *steps, uint32_t n_steps,
		   struct reel_err *err);
/* What the same event has changed besides; behind it. */
int sequence_change(struct sequence *s, const struct model_change *change, struct reel_err *err);
/* Time has come to this; a match that waited for something not to come may be one now. */
int sequence_time(struct sequence *s, uint64_t now_ns, struct reel_err *err);
/* The boot ends here. */
int sequence_end(struct sequence *s, uint64_t end_ns, struct reel_err *err);

/* After a reload: tokens of rules that are the same go to the new ones; OLD is left empty.
 * RULE_OF[i]: which rule of the new set rule i is; RULES_NONE: none. */
void sequence_move(struct sequence *to, struct sequence *old, const int32_t *rule_of);

void sequence_stats(const struct sequence *s, struct sequence_stats *ret);

#endif
