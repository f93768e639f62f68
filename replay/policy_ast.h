/* SPDX-License-Identifier: BSD-2-Clause */
/* A policy as it was written: what the parser makes, and the checker and unfolder read. */
#ifndef REEL_REPLAY_POLICY_AST_H
#define REEL_REPLAY_POLICY_AST_H

#include "replay/rules_impl.h"

enum {
	POLICY_NOTES_MAX = 1000,    /* errors of a file that are worth reading */
	POLICY_AST_MAX = 256 << 20, /* bytes that a file may become */
	POLICY_LIST_MAX = 1 << 20,  /* values */
	POLICY_TESTS_MAX = 1 << 16, /* of a rule, with its macros written out */
};

struct policy_at {
	uint32_t line, column;
};

/* Values --------------------------------------------------------------------------------------- */

enum policy_value_kind {
	POLICY_STRING,
	POLICY_INTEGER,
	POLICY_ADDRESS,
	POLICY_DURATION,
	POLICY_NAME, /* of a number, a list or a field; with [N] behind it a field only */
	POLICY_LINE, /* of a list's file: whatever the field wants */
};

struct policy_value {
	struct policy_value *next;
	struct policy_value *joined; /* what stands behind a | */
	const char *bytes;	     /* strings, names, and an integer as written */
	uint32_t length;
	uint8_t kind;
	bool is_negative;
	int16_t index;
	uint64_t number; /* integers: without their sign; durations: ns */
	struct rule_net net;
	struct policy_at at;
};

struct policy_values {
	struct policy_value *first, **end;
	uint32_t n;
};

/* Predicates ----------------------------------------------------------------------------------- */

enum policy_pred_kind { POLICY_TEST, POLICY_WORD, POLICY_NOT, POLICY_AND, POLICY_OR };

struct policy_pred {
	struct policy_pred *next;  /* in its parent's list */
	struct policy_pred *first; /* NOT, AND, OR */
	uint32_t n;
	uint8_t kind;
	uint8_t op;    /* TEST: enum rule_op */
	bool is_in;    /* `in`: RULE_EQ */
	bool has_list; /* its values stood in parentheses */
	int16_t index;
	const char *field; /* TEST; WORD: a field alone, or a macro */
	struct policy_values values;
	struct policy_at at;
	struct policy_at op_at;
};

/* Paths ---------------------------------------------------------------------------------------- */

struct policy_step {
	struct policy_at at;
	const struct reel_type **types; /* none: it said an unknown one */
	uint32_t n_types;
	uint8_t outcome;
	bool says_outcome;
	bool collects;
	bool has_within, has_count, has_distinct;
	bool may_create; /* the comment above it speaks of creating */
	int16_t distinct_index;
	uint32_t count;
	uint64_t within_ns, window_ns;
	struct policy_pred *pred; /* NULL: any */
	const char *name, *distinct;
	struct policy_at name_at, count_at, within_at, distinct_at, collects_at;
	struct policy_step *next_named; /* of its path */
	/* What it was compiled to, if it reads nothing that was bound. */
	bool is_compiled;
	uint32_t number;
};

enum policy_statement_kind {
	POLICY_STEP,
	POLICY_BLOCK,
	POLICY_CHOICE,
	POLICY_ANY,
	POLICY_ALL,
	POLICY_UNLESS,
};

struct policy_statement {
	struct policy_statement *next;
	uint8_t kind;
	bool has_within;
	uint64_t within_ns;
	struct policy_at at;
	struct policy_step *step;	/* STEP, CHOICE, UNLESS */
	struct policy_statement *first; /* BLOCK, ANY, ALL; CHOICE: its two ways */
	const char *name;		/* BLOCK */
};

struct policy_path {
	struct policy_at at;
	const char *name;
	const char *description, *author;
	bool has_severity, has_key, has_within;
	bool is_broken; /* some statement of it could not be read */
	uint8_t severity, key;
	uint64_t within_ns;
	struct policy_values tags, references, false_positives;
	struct policy_statement *first;
	struct policy_step *named;
};

/* Files ---------------------------------------------------------------------------------------- */

enum policy_item_kind {
	POLICY_PATH,
	POLICY_LIST,
	POLICY_MACRO,
	POLICY_INCLUDE,
	POLICY_TUNE,
};

struct policy_item {
	struct policy_item *next;
	uint8_t kind;
	struct policy_at at;
	const char *name; /* LIST, MACRO; TUNE: its glob; INCLUDE: the file */
	struct policy_path *path;
	struct policy_values values; /* LIST */
	const char *from;	     /* LIST: a file; NULL */
	struct policy_pred *pred;    /* MACRO, TUNE */
};

/* A list or macro that is known in a file. */
struct policy_symbol {
	struct policy_symbol *before;
	const char *name;
	const struct policy_item *item; /* the same one however it came here */
	const char *file;
};

enum policy_file_state { POLICY_READING, POLICY_LOADED, POLICY_REJECTED };

struct policy_file {
	struct policy_file *older; /* of all that were read */
	struct policy_file *included_by;
	struct rules *rules;
	const char *name;      /* as it is shown */
	const char *directory; /* NULL: text in memory, which names no files */
	uint64_t dev, inode;
	uint8_t state;
	uint32_t depth;
	uint32_t n_errors;
	uint32_t first_note; /* number of the first note that can be its */
	size_t ast_begin;    /* what scratch had given before it */
	bool is_out_of_memory;
	struct policy_item *items;
	struct policy_symbol *symbols;
};

/* Zeroed, from the file's part of scratch. NULL: no memory, or too much for a file; both are
 * remembered. */
void *policy_alloc(struct policy_file *f, size_t bytes);
char *policy_text(struct policy_file *f, const char *bytes, size_t length);

/* What is wrong, or (policy_warn) looks it. The same thing at the same place is said once. */
void policy_error(struct policy_file *f, struct policy_at at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void policy_warn(struct policy_file *f, struct policy_at at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

void policy_values_add(struct policy_values *list, struct policy_value *v);

#endif
