/* SPDX-License-Identifier: BSD-2-Clause */
/* What a file holds, and what both halves of the parser need. */
#include "replay/policy_parse.h"

#include <string.h>

#include "format/options.h"

void policy_next(struct policy_parser *p)
{
	if (p->token.kind == TOKEN_OPEN_BRACE)
		p->braces++;
	else if (p->token.kind == TOKEN_CLOSE_BRACE && p->braces)
		p->braces--;
	p->end_of_last = p->token.at;
	policy_lexer_next(&p->lexer, &p->token);
}

void policy_parser_init(struct policy_parser *p, struct policy_file *f, const char *text,
			size_t length)
{
	*p = (struct policy_parser){ .file = f };
	policy_lexer_init(&p->lexer, f, text, length);
	policy_lexer_next(&p->lexer, &p->token);
}

bool policy_is(const struct policy_parser *p, enum policy_token_kind kind)
{
	return p->token.kind == kind;
}

bool policy_is_word(const struct policy_parser *p, const char *word)
{
	return p->token.kind == TOKEN_NAME && p->token.length == strlen(word) &&
	       memcmp(p->token.bytes, word, p->token.length) == 0;
}

bool policy_take(struct policy_parser *p, enum policy_token_kind kind)
{
	if (!policy_is(p, kind))
		return false;
	policy_next(p);
	return true;
}

bool policy_take_word(struct policy_parser *p, const char *word)
{
	if (!policy_is_word(p, word))
		return false;
	policy_next(p);
	return true;
}

void policy_unexpected(struct policy_parser *p, const char *what)
{
	char name[64];

	policy_token_name(&p->token, name, sizeof(name));
	policy_error(p->file, p->token.at, "expected %s, not %s", what, name);
}

bool policy_expect(struct policy_parser *p, enum policy_token_kind kind, const char *what)
{
	if (policy_take(p, kind))
		return true;
	policy_unexpected(p, what);
	return false;
}

bool policy_nest(struct policy_parser *p, struct policy_at at)
{
	if (p->nesting >= RULES_NESTING_MAX) {
		policy_error(p->file, at, "nested deeper than %d", RULES_NESTING_MAX);
		return false;
	}
	p->nesting++;
	return true;
}

char *policy_take_text(struct policy_parser *p)
{
	char *text = policy_text(p->file, p->token.bytes, p->token.length);

	policy_next(p);
	return text;
}

/* Items ---------------------------------------------------------------------------------------- */

static bool parse_list(struct policy_parser *p, struct policy_item *item)
{
	if (!policy_is(p, TOKEN_NAME)) {
		policy_unexpected(p, "the list's name");
		return false;
	}
	item->at = p->token.at;
	item->name = policy_take_text(p);
	if (policy_take_word(p, "from")) {
		if (!policy_is(p, TOKEN_STRING)) {
			policy_unexpected(p, "the name of a file in quotes");
			return false;
		}
		item->from = policy_take_text(p);
		return true;
	}
	if (!policy_expect(p, TOKEN_OPEN, "'(' or from"))
		return false;
	return policy_parse_values(p, &item->values);
}

static bool parse_macro(struct policy_parser *p, struct policy_item *item)
{
	if (!policy_is(p, TOKEN_NAME)) {
		policy_unexpected(p, "the macro's name");
		return false;
	}
	item->at = p->token.at;
	item->name = policy_take_text(p);
	if (!policy_expect(p, TOKEN_OPEN_BRACE, "'{'"))
		return false;
	item->pred = policy_parse_predicates(p, false);
	return policy_expect(p, TOKEN_CLOSE_BRACE, "'}'");
}

static bool parse_include(struct policy_parser *p, struct policy_item *item)
{
	if (!policy_is(p, TOKEN_STRING)) {
		policy_unexpected(p, "the name of a file in quotes");
		return false;
	}
	item->name = policy_take_text(p);
	return true;
}

static bool parse_tune(struct policy_parser *p, struct policy_item *item)
{
	struct policy_pred *any = policy_alloc(p->file, sizeof(*any));
	struct policy_pred **end;
	bool has_unless = false;

	if (!any)
		return false;
	if (!policy_is(p, TOKEN_STRING)) {
		policy_unexpected(p, "a rule's name, or a pattern of names, in quotes");
		return false;
	}
	item->name = policy_take_text(p);
	if (!policy_expect(p, TOKEN_OPEN_BRACE, "'{'"))
		return false;
	any->kind = POLICY_OR;
	any->at = item->at;
	end = &any->first;
	while (policy_take_word(p, "unless")) {
		struct policy_at at = p->token.at;

		has_unless = true;
		*end = policy_parse_predicates(p, true);
		if (!*end) {
			policy_error(p->file, at, "this would silence all of the rule");
			continue;
		}
		end = &(*end)->next;
		any->n++;
	}
	if (!has_unless)
		policy_unexpected(p, "unless");
	item->pred = any;
	return policy_expect(p, TOKEN_CLOSE_BRACE, "'}'");
}

static bool parse_path(struct policy_parser *p, struct policy_item *item)
{
	item->path = policy_parse_path(p, item->at);
	return item->path != NULL;
}

static const struct item_word {
	const char *word;
	bool (*parse)(struct policy_parser *p, struct policy_item *item);
} item_words[] = {
	[POLICY_PATH] = { "path", parse_path },	   [POLICY_LIST] = { "list", parse_list },
	[POLICY_MACRO] = { "macro", parse_macro }, [POLICY_INCLUDE] = { "include", parse_include },
	[POLICY_TUNE] = { "tune", parse_tune },
};

enum { N_ITEM_WORDS = sizeof(item_words) / sizeof(item_words[0]) };

static int item_kind(const struct policy_parser *p)
{
	for (int i = 0; i < N_ITEM_WORDS; i++)
		if (policy_is_word(p, item_words[i].word))
			return i;
	return -1;
}

/* To a word that begins an item, on a line of its own: what is skipped may have braces too many or
 * too few. */
static void skip_item(struct policy_parser *p)
{
	while (!policy_is(p, TOKEN_END) && (item_kind(p) < 0 || !p->token.on_new_line))
		policy_next(p);
	p->braces = p->parens = p->nesting = 0;
}

static void not_an_item(struct policy_parser *p)
{
	char name[64];
	char *word = NULL;

	if (policy_is(p, TOKEN_NAME))
		word = policy_text(p->file, p->token.bytes, p->token.length);
	if (word) {
		struct reel_nearest near = REEL_NEAREST(word);

		for (int i = 0; i < N_ITEM_WORDS; i++)
			reel_nearest_offer(&near, item_words[i].word);
		if (near.best) {
			policy_error(p->file, p->token.at,
				     "unknown word '%.40s', did you mean '%s'?", word, near.best);
			return;
		}
	}
	policy_token_name(&p->token, name, sizeof(name));
	policy_error(p->file, p->token.at, "expected path, list, macro, include or tune, not %s",
		     name);
}

void policy_parse_file(struct policy_file *f, const char *text, size_t length)
{
	struct policy_item **end = &f->items;
	struct policy_parser p;

	policy_parser_init(&p, f, text, length);
	while (!policy_is(&p, TOKEN_END) && !f->is_out_of_memory) {
		int kind = item_kind(&p);
		struct policy_item *item;

		if (kind < 0) {
			not_an_item(&p);
			policy_next(&p);
			skip_item(&p);
			continue;
		}
		item = policy_alloc(f, sizeof(*item));
		if (!item)
			return;
		item->kind = (uint8_t)kind;
		item->at = p.token.at;
		policy_next(&p);
		if (!item_words[kind].parse(&p, item)) {
			skip_item(&p);
			continue;
		}
		*end = item;
		end = &item->next;
	}
}
