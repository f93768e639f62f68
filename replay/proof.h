/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves that a case came from these captures and these rules, in steps that rest on each other:
 *
 *	database	it is a sound case by itself: tables, keys, hashes and counts fit
 *	captures	its captures are those that lie here, whole, and the events that it
 *			has copies of are in them, byte for byte
 *	rules		the rules of each replay are those that lie here
 *	replays		the same rules over the same captures find the same, row by row
 *	tables		loading the captures again makes the same tables, row by row
 *
 * What cannot be computed (when something was done, by which program, where files lay) is only what
 * somebody says: reel-verify(1) has a list. What an examiner added is his, and is counted.
 *
 * The case is only read. What is computed again goes to a case of its own below $TMPDIR, which is
 * as large as the one to be proven, and gone afterwards. Memory: as for making a case, and 32 bytes
 * a copy of an event.
 */
#ifndef REEL_REPLAY_PROOF_H
#define REEL_REPLAY_PROOF_H

#include <stdbool.h>
#include <stdint.h>

#include "format/err.h"
#include "format/keys.h"

enum { PROOF_REMARKS_MAX = 256, PROOF_VALUE = 120 };

enum proof_step_id {
	PROOF_DATABASE,
	PROOF_CAPTURES,
	PROOF_RULES,
	PROOF_REPLAYS,
	PROOF_TABLES,
	PROOF_STEPS,
};

/* The worse is the larger. */
enum proof_state {
	PROOF_PROVEN,
	PROOF_UNCHECKED, /* not wholly: something that it needs is not here */
	PROOF_ALTERED,
};

/* Something that is to be said of a step: a note, if it is proven all the same. */
struct proof_remark {
	enum proof_step_id step;
	enum proof_state state;
	char table[32], row[80], column[32]; /* empty: of more than that */
	bool has_values;
	char stored[PROOF_VALUE], computed[PROOF_VALUE];
	char what[400];
};

struct proof_step {
	enum proof_state state;
	uint64_t n_checked, n_altered, n_unchecked;
};

struct proof {
	struct proof_step steps[PROOF_STEPS];
	struct proof_remark *remarks; /* those of the worst first to be kept, when room is short */
	unsigned n_remarks;
	uint64_t n_left_out;
	/* What it is made of: */
	uint64_t n_captures, n_replays, n_findings, n_evidence, n_rows;
	uint64_t n_copies; /* of events that were found in the captures */
	uint64_t n_notes;  /* of the examiner */
};

struct proof_options {
	const char *path;	     /* of the case */
	const char *const *captures; /* none: where the case says, or beside it */
	unsigned n_captures;
	const char *const *rules; /* the same */
	unsigned n_rules;
	const struct reel_keys *keys; /* of captures that are encrypted; NULL: none */
	unsigned threads;
	const volatile int *stop; /* when it is set, the proof ends with -EINTR */
	void (*progress)(void *context, const char *what, uint64_t done, uint64_t all);
	void *context;
};

/* Beneath which directory. */
const char *proof_place(void);

/* Below 0 only if nothing can be said at all: -EPROTONOSUPPORT: a case of another version. */
int case_prove(const struct proof_options *o, struct proof **ret, struct reel_err *err);
void proof_free(struct proof *p);

enum proof_state proof_state_of(const struct proof *p);

#endif
