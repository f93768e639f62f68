/* SPDX-License-Identifier: BSD-2-Clause */
/* What make_golden.c is made of: records of any type, and captures of imagined other versions. */
#ifndef REEL_TESTS_LIB_GOLDEN_H
#define REEL_TESTS_LIB_GOLDEN_H

#include <stdio.h>
#include <stdlib.h>

#include "format/err.h"
#include "format/meta.h"
#include "format/record.h"
#include "format/types.h"

#define MUST(cond)                                                                       \
	do {                                                                             \
		if (!(cond)) {                                                           \
			fprintf(stderr, "make_golden_more: %s: %s\n", #cond, golden_err.msg); \
			exit(1);                                                         \
		}                                                                        \
	} while (0)

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

#define SECOND (1000ull * 1000 * 1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define WALL 1795248000000000000 /* 2026-11-21T08:00:00Z */

enum { CPUS = 4, GOLDEN_ODD = 15 };

extern struct reel_err golden_err;

/* A machine that never was; its boot id is this byte, again and again. */
void golden_machine(struct reel_meta *m, uint8_t boot);

/* CUT: some of its strings are, with a true length that is known or not. */
enum golden_shape { USUAL, EMPTY, EXTREME, CUT, SHAPES };

/* Fills in a record of any type, also of one that this build does not have. I varies it. */
void golden_fill(struct reel_record *rec, const struct reel_type *t, enum golden_shape shape,
		 unsigned i);

/* Strings that are hard to show. */
struct golden_odd {
	const char *bytes;
	size_t n;
};
extern const struct golden_odd golden_odd[GOLDEN_ODD];

/* Each makes a file of one segment. */
void golden_older_schema(const char *path);
void golden_newer_schema(const char *path);
/* Blocks that a reader of 1.0 must not go on as if they were not there, or cannot read. */
void golden_reserved(const char *path);
/* Only its META can be read: by its major version, or by what it says is incompatible. */
void golden_refused(const char *path, unsigned major, uint64_t incompatible);

#endif
