/* SPDX-License-Identifier: BSD-2-Clause */
/* Words of a policy. What cannot be a word is reported, and something likely stands in for it. */
#ifndef REEL_REPLAY_POLICY_LEX_H
#define REEL_REPLAY_POLICY_LEX_H

#include "replay/policy_ast.h"

enum policy_token_kind {
	TOKEN_END,
	TOKEN_NAME,
	TOKEN_STRING,
	TOKEN_INTEGER,
	TOKEN_ADDRESS,
	TOKEN_DURATION,
	/* Signs: */
	TOKEN_OPEN_BRACE,
	TOKEN_CLOSE_BRACE,
	TOKEN_OPEN,
	TOKEN_CLOSE,
	TOKEN_OPEN_BRACKET,
	TOKEN_CLOSE_BRACKET,
	TOKEN_COMMA,
	TOKEN_PIPE,
	TOKEN_AND_SIGN,
	TOKEN_QUESTION,
	TOKEN_COLON,
	TOKEN_MINUS,
	TOKEN_DOTS,	/* .. */
	TOKEN_ELLIPSIS, /* ... */
	TOKEN_EQ,
	TOKEN_NE,
	TOKEN_LT,
	TOKEN_LE,
	TOKEN_GT,
	TOKEN_GE,
	TOKEN_MATCH,
	TOKEN_NO_MATCH,
};

struct policy_token {
	uint8_t kind;
	bool on_new_line;    /* a newline or ; stands between it and the word before */
	bool after_creation; /* a comment on the lines above it speaks of creating */
	struct policy_at at;
	const char *bytes; /* names, integers: in the file; strings: with their escapes resolved */
	uint32_t length;
	uint64_t number;
	struct rule_net net;
};

struct policy_lexer {
	struct policy_file *file;
	const char *at, *end, *line_begin;
	uint32_t line;
};

void policy_lexer_init(struct policy_lexer *l, struct policy_file *f, const char *text,
		       size_t length);
void policy_lexer_next(struct policy_lexer *l, struct policy_token *ret);

/* What a token is called in a message. */
void policy_token_name(const struct policy_token *t, char *text, size_t size);

/* Text that is the whole of a value; false: it is none. A net's host bits are cleared. */
bool policy_parse_net(const char *text, size_t length, struct rule_net *ret);
bool policy_parse_integer(const char *text, size_t length, uint64_t *ret);

#endif
