/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One test of a matcher, and what it says of one value: the plain way, which the fast one must
 * agree with, and which it falls back on.
 */
#ifndef REEL_REPLAY_MATCH_TEST_H
#define REEL_REPLAY_MATCH_TEST_H

#include <string.h>

#include "bpf/events.h"
#include "replay/match.h"

struct match_regex;
struct match_tools;

struct match_test {
	enum match_op op; /* after simplification: a glob or pattern that is a literal is one */
	unsigned flags;
	uint32_t length;
	uint8_t *bytes; /* with MATCH_NOCASE in lower case */
	struct match_regex *regex;
};

/* A value; CUT as in match.h. */
struct match_value {
	const uint8_t *bytes;
	uint32_t length, true_length;
};

enum { MATCH_PATTERN_MAX = 64 << 10 };

static inline bool match_value_is_cut(const struct match_value *v)
{
	return v->true_length != v->length;
}

static inline uint8_t match_fold(uint8_t byte)
{
	return byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte;
}

/* FOLDED is in lower case already, if NOCASE. */
static inline bool match_same(const uint8_t *bytes, const uint8_t *folded, size_t n, bool nocase)
{
	size_t i = 0;

	if (!nocase)
		return memcmp(bytes, folded, n) == 0;
	while (i < n && match_fold(bytes[i]) == folded[i])
		i++;
	return i == n;
}

/* Owns a copy of BYTES, and the compiled pattern. */
int match_test_init(struct match_test *t, enum match_op op, unsigned flags, const void *bytes,
		    size_t length, struct reel_err *err);
void match_test_done(struct match_test *t);

/* TOOLS is needed for MATCH_REGEX only. */
enum truth match_test_value(const struct match_test *t, struct match_tools *tools,
			    const struct match_value *v);
enum truth match_test_args(const struct match_test *t, struct match_tools *tools,
			   const struct match_value *args);

/* Globs --------------------------------------------------------------------------------------- */

enum truth match_glob(const struct match_test *t, const struct match_value *v);

/*
 * The longest run of bytes that every value which fits must have; sets of one byte count. It is
 * written to RET, which has room for the whole glob. *ret_op: what test of the run is the same as
 * the glob; MATCH_GLOB if there is none.
 */
size_t match_glob_literal(const uint8_t *glob, size_t length, uint8_t *ret, enum match_op *ret_op);

/* Regular expressions ------------------------------------------------------------------------- */

/* What a thread needs to run them; also counts what was given up. */
int match_tools_new(struct match_tools **ret);
void match_tools_free(struct match_tools *tools);
uint64_t match_tools_undecided(const struct match_tools *tools);

int match_regex_new(const uint8_t *pattern, size_t length, unsigned flags, struct match_regex **ret,
		    struct reel_err *err);
void match_regex_free(struct match_regex *re);
/* The first run compiles to machine code; threads may run the same one. */
enum truth match_regex_run(struct match_regex *re, struct match_tools *tools,
			   const struct match_value *v);

enum { MATCH_LITERALS_MAX = 64, MATCH_LITERALS_BYTES = 2048 };

/* Literals of which one must occur wherever a pattern matches; n = 0: nothing is known. */
struct match_literals {
	bool nocase;   /* they are in lower case */
	bool is_exact; /* the pattern matches wherever one occurs */
	unsigned n;
	unsigned n_bytes;
	uint16_t lengths[MATCH_LITERALS_MAX];
	uint8_t bytes[MATCH_LITERALS_BYTES]; /* one after the other */
};

void match_literals(const uint8_t *pattern, size_t length, struct match_literals *ret);

/*
 * A pattern that is nothing but a literal with or without ^ and $. Its bytes are written to RET,
 * which has room for the whole pattern. False: it is more than that.
 */
bool match_plain(const uint8_t *pattern, size_t length, unsigned flags, uint8_t *ret,
		 size_t *ret_length, enum match_op *ret_op, bool *ret_nocase);

#endif
