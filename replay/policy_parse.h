/* SPDX-License-Identifier: BSD-2-Clause */
/* From words to what they say. Errors become notes; the parser goes on at the next statement. */
#ifndef REEL_REPLAY_POLICY_PARSE_H
#define REEL_REPLAY_POLICY_PARSE_H

#include "replay/policy_lex.h"

struct policy_parser {
	struct policy_lexer lexer;
	struct policy_file *file;
	struct policy_token token;    /* the one that comes next */
	struct policy_at end_of_last; /* where the word before it began */
	unsigned braces;	      /* open ones */
	unsigned parens;
	unsigned nesting; /* of all that can be nested */
};

void policy_parser_init(struct policy_parser *p, struct policy_file *f, const char *text,
			size_t length);

/* Helpers of both halves (policy_parse.c). */
void policy_next(struct policy_parser *p);
bool policy_is(const struct policy_parser *p, enum policy_token_kind kind);
bool policy_is_word(const struct policy_parser *p, const char *word);
bool policy_take(struct policy_parser *p, enum policy_token_kind kind);
bool policy_take_word(struct policy_parser *p, const char *word);
/* Takes it, or says that WHAT is missing. */
bool policy_expect(struct policy_parser *p, enum policy_token_kind kind, const char *what);
/* "expected WHAT, not ..." */
void policy_unexpected(struct policy_parser *p, const char *what);
bool policy_nest(struct policy_parser *p, struct policy_at at);
char *policy_take_text(struct policy_parser *p);

/* The second half: policy_predicate.c. Up to a closing brace, the end, or (of tune) `unless`. NULL:
 * there is none, which is true. */
struct policy_pred *policy_parse_predicates(struct policy_parser *p, bool ends_at_unless);
/* Values between parentheses, whose first is taken already. */
bool policy_parse_values(struct policy_parser *p, struct policy_values *ret);
/* [N], if it stands there. */
bool policy_parse_index(struct policy_parser *p, int16_t *ret);

/* A whole file. */
void policy_parse_file(struct policy_file *f, const char *text, size_t length);
/* One statement of a path (policy_path.c). */
struct policy_path *policy_parse_path(struct policy_parser *p, struct policy_at at);

#endif
