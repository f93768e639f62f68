/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first look at events, block by block and on any thread: which of them may matter to a step.
 * Most are dropped by one look-up of one string: a step that cannot hold without a certain literal
 * is only asked where some test of that literal holds. What is left are the candidates, in order;
 * every event of the state stream is one.
 *
 * Nothing is dropped that could be unknown: a string that was cut, a field that could not be read.
 */
#ifndef REEL_REPLAY_SCAN_H
#define REEL_REPLAY_SCAN_H

#include "format/reader.h"
#include "replay/eval.h"
#include "replay/model_names.h"
#include "replay/profile.h"

/* A step that is false of an event where one of these tests holds on the string of its probe. */
struct scan_unless {
	uint32_t step;
	uint32_t first, n; /* of the probe's unless_tests */
};

/* A string of a type's events, and the steps that need one of these tests to hold on it. */
struct scan_probe {
	uint32_t number; /* of all of the plan */
	uint16_t offset;
	uint8_t role;
	bool empty_counts; /* an empty one is to be found out elsewhere, so it decides nothing */
	uint64_t *mask;	   /* tests that matter; n_words of the role */
	uint32_t n_words;
	uint32_t *first; /* by test: where its steps begin; one more than tests */
	uint32_t *steps;
	struct scan_unless *unless;
	uint32_t n_unless;
	uint32_t *unless_tests;
};

struct scan_bucket {
	struct scan_probe *probes;
	unsigned n_probes;
	uint32_t *always; /* steps whom no literal decides */
	uint32_t n_always;
	uint32_t *all; /* every step on this type */
	uint32_t n_all;
};

/* Shared by all threads. */
struct scan_plan {
	const struct eval_plan *eval;
	struct scan_bucket *buckets[EV_MAX_TYPES]; /* NULL: no step wants the type */
	uint32_t n_probes;
	bool wants[EV_MAX_TYPES]; /* candidates whatever the steps say: for whoever uses the plan */
	bool wants_names;	  /* files are asked for by device and inode: */
	struct model_asked *asked; /* only these; NULL: any */
	bool names[EV_MAX_TYPES];  /* these types matter, then */
	bool is_slow;		   /* every step is asked of every event, for tests */
	const bool *is_late; /* by step: only tokens ask for it, and they know; NULL: none is */
	bool keeps_all; /* what does not hold is asked again, in order, by who wants to see it */
	struct profile *profile; /* where scanners add what they measured; NULL: nothing is */
};

/* What tells the name of a file, or only of one that is asked for, is a candidate from now on.
 * ASKED becomes the plan's. */
void scan_plan_want_names(struct scan_plan *p, struct model_asked *asked);
int scan_plan_new(const struct eval_plan *eval, struct scan_plan **ret, struct reel_err *err);
void scan_plan_free(struct scan_plan *p);
/* From now on nothing is asked and nothing wanted but the state. */
void scan_plan_forget(struct scan_plan *p);
/* Whether a block with these types can hold anything that matters. */
bool scan_wants_block(const struct scan_plan *p, const struct reel_entry *e);

/* Of a type that this build does not know as it is nobody knows whether it names a file. */
static inline bool scan_type_names(const struct scan_plan *p, const struct reel_schema *schema,
				   unsigned type)
{
	return p->wants_names && (p->names[type] || !schema->as_built[type]);
}

struct scan_candidate {
	uint64_t ts, seq;
	const uint8_t *fixed;
	uint32_t index; /* in the block */
	uint32_t first_step, n_steps;
	uint16_t cpu;
};

struct scan_block {
	struct reel_unpacked u;
	struct eval_rows rows;
	const struct match_row **row_memory;
	size_t row_room;
	struct scan_candidate *candidates; /* by (ts, cpu, seq) */
	uint32_t n, room;
	uint32_t *steps;
	uint32_t n_steps, steps_room;
	uint8_t *fixed; /* of candidates */
	size_t fixed_used, fixed_room;
	uint32_t *marked; /* events that have a mark; then, in the same memory: */
	uint8_t *marks;	  /* of all rows, type by type */
	uint8_t *judged;  /* by number of a string, at the place that is looked at */
	uint16_t *values; /* of the lane that is looked at; of naming, of two */
	size_t marks_room;
};

/* The steps that a row leads to at a probe: rows are few, and met again and again. */
struct scan_lists {
	struct scan_list_index {
		uint32_t *at; /* by number of the row: where its list begins, + 1; 0: not made */
		uint32_t room;
	} * index;	  /* by number of the probe, for strings that are not there and that are */
	uint32_t *memory; /* of each list the number of steps, and these */
	uint32_t used, room;
	uint32_t *last; /* one that is not kept */
	bool *is_in;	/* by step, while one is made */
};

enum { SCAN_LINES_BYTES = 64 << 10 };

/* One a thread. */
struct scanner {
	const struct scan_plan *plan;
	struct eval eval;
	struct profile *profile; /* NULL: nothing is measured */
	uint32_t *stamp;	 /* by step: the event that it was last met at */
	uint32_t now;
	uint32_t *found;
	uint32_t n_found;
	struct scan_lists lists;
	uint8_t *lines;		      /* command lines that are asked about together */
	struct scan_candidate *spare; /* to put others in order */
	uint32_t spare_room;
};

int scan_lists_init(struct scan_lists *l, const struct scan_plan *plan);
void scan_lists_done(struct scan_lists *l, const struct scan_plan *plan);
/* How many, and which; until the next call. What is not there excludes nothing. */
const uint32_t *scan_list(struct scan_lists *l, const struct scan_plan *plan,
			  const struct scan_probe *p, const struct match_row *row, bool is_there);

int scanner_init(struct scanner *s, const struct scan_plan *plan, struct reel_err *err);
void scanner_done(struct scanner *s);

/* The block in b->u, as it was unpacked; is_state: its events all are candidates. */
int scan_block(struct scanner *s, struct scan_block *b, bool is_state, struct reel_err *err);
void scan_block_done(struct scan_block *b);
/* A candidate as an event; it lives as long as the block is not used for another. */
void scan_block_event(const struct scan_block *b, const struct scan_candidate *c,
		      struct reel_event *ret);

/* One event alone, where there is no block: the steps that may matter are in s->found. */
void scan_event(struct scanner *s, const struct reel_event *ev);

#endif
