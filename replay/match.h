/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Many tests of one string at once: the literals of all rules are looked for in a single pass
 * (Aho-Corasick over bytes), PCRE2 with JIT does the rest, and what was found out about a string is
 * remembered, so that it is tested once.
 *
 * A matcher is built once and does not change; threads share it. Each thread has a memo of its own,
 * which owns the rows that it gives out; they live as long as the memo. Equal results are one row,
 * so there are few of them, and row->is_empty decides most strings.
 *
 * Memory: the automaton, about 1 KiB a distinct byte of all literals at most; a memo
 * MATCH_MEMO_BYTES at most, beyond which old strings are forgotten and tested again, and
 * MATCH_ROWS_MAX rows.
 */
#ifndef REEL_REPLAY_MATCH_H
#define REEL_REPLAY_MATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "format/err.h"
#include "replay/truth.h"

enum match_op {
	MATCH_EQUALS,
	MATCH_CONTAINS,
	MATCH_STARTS,
	MATCH_ENDS,
	MATCH_GLOB,	/* the whole value; * any bytes, ? one, [a-z] [!a-z] one of a set */
	MATCH_REGEX,	/* PCRE2, searched over bytes: DOTALL, DOLLAR_ENDONLY, no UTF */
};

enum match_flags {
	MATCH_NOCASE = 1,	/* ASCII letters only; for all but MATCH_REGEX, which has (?i) */
	MATCH_MULTILINE = 2,	/* regex: for Sigma's |re|m; without it as above */
	MATCH_NO_DOTALL = 4,	/* regex */
	MATCH_WHOLE = 8,	/* regex: must fit from the first byte to the last */
};

/* What a string is. */
enum match_shape {
	MATCH_TEXT,	/* one value */
	MATCH_ARGS,	/* values that each end with a NUL; a test holds if it does for any */
};

enum {
	MATCH_MEMO_BYTES = 32 << 20,
	MATCH_ROWS_MAX = 1 << 16,
};

struct match_row {
	bool is_empty;		/* every test is false */
	bool has_unknown;
	bool is_fleeting;	/* one too many: it holds until the next match_string() only */
	const uint64_t *yes;	/* bit t: test t holds */
	const uint64_t *unknown; /* bit t: it cannot be told; only if has_unknown */
	uint32_t number; /* of the memo's rows; 0: the empty one; none of a fleeting one */
	void *user;		/* the caller's to change, NULL in a new row */
};

static inline enum truth match_truth(const struct match_row *row, uint32_t test)
{
	if (row->yes[test / 64] >> test % 64 & 1)
		return TRUTH_YES;
	if (row->has_unknown && row->unknown[test / 64] >> test % 64 & 1)
		return TRUTH_UNKNOWN;
	return TRUTH_NO;
}

struct matcher;
struct match_memo;

/* An empty matcher for strings of one shape. */
int matcher_new(enum match_shape shape, struct matcher **ret, struct reel_err *err);
/*
 * One more test; the same test twice is one. *ret_test counts from 0. -EINVAL: the pattern does not
 * compile, the message says where (offset) and why. Only before matcher_build().
 */
int matcher_add(struct matcher *m, enum match_op op, unsigned flags, const void *bytes,
		size_t length, uint32_t *ret_test, struct reel_err *err);
int matcher_build(struct matcher *m, struct reel_err *err);
uint32_t matcher_n_tests(const struct matcher *m);
/* Of its automaton. */
size_t matcher_bytes(const struct matcher *m);
void matcher_free(struct matcher *m);

/* For tests and for measuring: without the automaton and the memo, one test after the other. */
void matcher_be_slow(struct matcher *m);

int match_memo_new(const struct matcher *m, struct match_memo **ret, struct reel_err *err);
void match_memo_free(struct match_memo *memo);

/*
 * What the tests say of a string. IS_CUT: it was longer before it was recorded; TRUE_LENGTH is its
 * length then, or EV_UNKNOWN_LENGTH. Of a string that is cut:
 *   literals	no, if the true length is below the literal's; else:
 *   contains	found: yes; else unknown
 *   starts	decided as soon as enough is there or a byte differs
 *   equals	no if a byte differs or the true length does; else unknown
 *   ends	unknown
 *   glob	no if what is kept cannot begin a match, or nothing of the true length can fit; yes
 *		if what follows cannot matter (it ends with * and has matched by then); else unknown
 *   regex	with PCRE2_PARTIAL_HARD: a match that did not look at the end is yes; an anchored
 *		pattern that cannot match is no; else unknown
 * Of arguments that are cut each whole one is decided; the last is cut, and others may follow: what
 * is not yes is unknown.
 * When PCRE2 gives up at a limit the test is unknown, never no; unless a literal that it needs is
 * missing, which the fast way sees first.
 *
 * A pattern or glob that is nothing but a literal is the test of that literal.
 *
 * Only row->user is for the caller to change. Beyond MATCH_ROWS_MAX rows a new result is in a row
 * that the next call overwrites, its user included. NULL: no memory.
 */
struct match_row *match_string(struct match_memo *memo, const void *bytes, uint32_t length,
			       uint32_t true_length);

/* One of many strings that are asked about together. */
struct match_ask {
	const void *bytes;
	uint32_t length, true_length;
	uint64_t print;		     /* for the memo */
	const struct match_row *row; /* NULL: no memory, or it would be fleeting */
};

/* The same for up to MATCH_MANY strings, in two steps, so that many look-ups wait for memory
 * together; those that are new are tested side by side. */
enum { MATCH_MANY = 32 };
void match_prepare(const struct match_memo *memo, struct match_ask *ask);
void match_prepared(struct match_memo *memo, struct match_ask *asks, unsigned n);

/* One test alone, without a matcher's other tests; for bound values, and for the tests. */
enum truth match_one(enum match_op op, unsigned flags, const void *pattern, size_t pattern_length,
		     const void *bytes, uint32_t length, uint32_t true_length);

struct match_stats {
	uint64_t strings;	/* asked for */
	uint64_t tested;	/* that were not remembered */
	uint64_t undecided;	/* a limit of PCRE2 was hit */
	uint64_t rows;
	size_t bytes;
};
void match_memo_stats(const struct match_memo *memo, struct match_stats *ret);

#endif
