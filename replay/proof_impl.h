/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the files of the proof: one a step. */
#ifndef REEL_REPLAY_PROOF_IMPL_H
#define REEL_REPLAY_PROOF_IMPL_H

#include <sqlite3.h>

#include "format/case.h"
#include "format/options.h"
#include "format/reader.h"
#include "replay/case_writer.h"
#include "replay/proof.h"

/* A row of the table capture, and what lies here of it. */
struct proof_capture {
	int64_t id;
	uint8_t capture[TAPE_ID_BYTES];
	char hash[65];
	bool wants_events;
	int source;   /* of the reader; -1: it is not here */
	bool is_same; /* what is here is what the case was made of */
};

struct prover {
	const struct proof_options *o;
	struct proof *p;
	sqlite3 *db; /* the case, which is only read */
	enum proof_step_id step;
	bool has_tables; /* all of a case, as they must be */
	bool is_same_program;

	struct proof_capture *captures; /* in the order in which they were loaded */
	unsigned n_captures;
	struct reel_strings places; /* where they are; what is in it is the list's own */
	bool has_gone;		    /* segments that the case names */
	bool captures_as_stated;    /* they lie under the very names that the case says */
	struct reel_reader *reader; /* NULL: there is none */

	bool has_moved;		   /* a capture that was loaded a second time */
	struct case_writer *again; /* what is computed; NULL: nothing is */
	char *directory;	   /* that it is in */
	bool rules_as_stated;
	bool *is_again; /* by the ids in replay_ids: its rows were computed */
	int64_t *replay_ids;
	unsigned n_replays;
};

/* Where something is that is said. */
struct proof_place {
	const char *table, *row, *column;
};

/* Of the step that is being done. */
void proof_say(struct prover *x, enum proof_state state, const struct proof_place *at,
	       const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* Columns of rows that are being looked at; NULL: there is no such row. */
void proof_differs(struct prover *x, const struct proof_place *at, sqlite3_stmt *stored, int n,
		   sqlite3_stmt *computed, int m);

bool proof_stopped(const struct prover *x);
void proof_progress(const struct prover *x, const char *what, uint64_t done, uint64_t all);

/* A statement over the case; errors are said as alterations, since a sound case gives none.
 * -EBADMSG: it was said. */
int proof_prepare(struct prover *x, const char *sql, sqlite3_stmt **ret);
/* Of a statement that is done. */
int proof_finish(struct prover *x, sqlite3_stmt *s);
/* The number that is the answer; otherwise 0. */
int64_t proof_number(struct prover *x, const char *sql, int64_t bound);

/* The steps. Below 0: errors of this machine, not of the case. */
int proof_database(struct prover *x, struct reel_err *err);
int proof_hashes(struct prover *x, struct reel_err *err);
int proof_captures(struct prover *x, struct reel_err *err);
int proof_evidence(struct prover *x, struct reel_err *err);
int proof_again(struct prover *x, struct reel_err *err);

struct rules;
struct case_options;
/*
 * The rules of a replay, if they are those that it says; NULL: it was said why not.
 */
int proof_rules(struct prover *x, int64_t replay, const struct case_options *options,
		struct rules **ret, struct reel_strings *ret_paths, struct reel_err *err);

/* Rows of a table against those that were computed, both by their keys. WHERE may be NULL; BOUND is
 * its ?1. */
int proof_rows(struct prover *x, const struct case_table *t, const char *where, int64_t bound);
/* The events of a capture. */
int proof_event_rows(struct prover *x, int64_t capture);

/* PATH, or what lies so from where the case is, or beside it; to be freed. NULL: nothing. */
char *proof_find(const struct prover *x, const char *path);
void proof_free_strings(struct reel_strings *s);

#endif
