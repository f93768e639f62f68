/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay/policy_lex.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "format/options.h"

/* The longest word that can be a number, an address or a duration. */
enum { WORD_MAX = 64 };

static bool is_name_begin(char c)
{
	return isalpha((unsigned char)c) || c == '_';
}

static bool is_name_part(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

void policy_lexer_init(struct policy_lexer *l, struct policy_file *f, const char *text,
		       size_t length)
{
	*l = (struct policy_lexer){ .file = f,
				    .at = text,
				    .end = text + length,
				    .line_begin = text,
				    .line = 1 };
}

static char peek(const struct policy_lexer *l, size_t ahead)
{
	return (size_t)(l->end - l->at) > ahead ? l->at[ahead] : '\0';
}

static struct policy_at here(const struct policy_lexer *l)
{
	return (struct policy_at){ l->line, (uint32_t)(l->at - l->line_begin) + 1 };
}

/* Whether a word of a comment begins with "creat". */
static bool speaks_of_creating(const char *text, size_t length)
{
	for (size_t i = 0; i + 5 <= length; i++)
		if ((text[i] | 0x20) == 'c' && strncasecmp(text + i, "creat", 5) == 0 &&
		    (i == 0 || !is_name_part(text[i - 1])))
			return true;
	return false;
}

static void skip_blanks(struct policy_lexer *l, struct policy_token *t)
{
	bool is_line_begin = l->at == l->line_begin && l->line == 1;

	for (; l->at < l->end; l->at++) {
		char c = *l->at;

		if (c == '\n') {
			l->line++;
			l->line_begin = l->at + 1;
			t->on_new_line = is_line_begin = true;
		} else if (c == ';') {
			t->on_new_line = true;
		} else if (c == '#' || (c == '/' && peek(l, 1) == '/')) {
			const char *newline = memchr(l->at, '\n', (size_t)(l->end - l->at));
			const char *comment_end = newline ? newline : l->end;

			/* Behind other words it is about these. */
			if (is_line_begin)
				t->after_creation |=
					speaks_of_creating(l->at, (size_t)(comment_end - l->at));
			l->at = comment_end - 1;
		} else if (c != ' ' && c != '\t' && c != '\r' && c != '\f' && c != '\v') {
			return;
		}
	}
}

/* What other languages have as a comment is said once and passed over. */
static bool skip_foreign_comment(struct policy_lexer *l, struct policy_at at)
{
	const char *end;

	if (peek(l, 0) != '/' || peek(l, 1) != '*')
		return false;
	policy_error(l->file, at, "a comment begins with // or #");
	end = memmem(l->at + 2, (size_t)(l->end - l->at) - 2, "*/", 2);
	for (; l->at < (end ? end + 2 : l->end); l->at++) {
		if (*l->at == '\n') {
			l->line++;
			l->line_begin = l->at + 1;
		}
	}
	return true;
}

/* Strings -------------------------------------------------------------------------------------- */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One character or escape of a string: writes it and returns how many bytes it was. */
static size_t unescape(const char *from, const char *end, char **to)
{
	static const char letters[] = "\\\"ntr", stands_for[] = "\\\"\n\t\r";
	const char *found;

	if (*from != '\\' || end - from < 2) {
		*(*to)++ = *from;
		return 1;
	}
	found = from[1] ? strchr(letters, from[1]) : NULL;
	if (found) {
		*(*to)++ = stands_for[found - letters];
		return 2;
	}
	if (from[1] == 'x' && end - from >= 4 && hex_digit(from[2]) >= 0 &&
	    hex_digit(from[3]) >= 0) {
		*(*to)++ = (char)(hex_digit(from[2]) << 4 | hex_digit(from[3]));
		return 4;
	}
	*(*to)++ = from[0];
	*(*to)++ = from[1];
	return 2;
}

static void lex_string(struct policy_lexer *l, struct policy_token *t)
{
	const char *from = l->at + 1, *end = from;
	char *text, *to;

	while (end < l->end && *end != '"' && *end != '\n')
		end += *end == '\\' && l->end - end > 1 && end[1] != '\n' ? 2 : 1;
	if (end >= l->end || *end != '"')
		policy_error(l->file, t->at, "the string does not end on its line");
	if (end > l->end)
		end = l->end;
	t->kind = TOKEN_STRING;
	t->bytes = "";
	l->at = end + (end < l->end && *end == '"');
	text = policy_alloc(l->file, (size_t)(end - from) + 1);
	if (!text)
		return;
	to = text;
	while (from < end)
		from += unescape(from, end, &to);
	t->bytes = text;
	t->length = (uint32_t)(to - text);
}

/* Numbers -------------------------------------------------------------------------------------- */

static void clear_host_bits(struct rule_net *net)
{
	for (unsigned bit = net->bits; bit < 128; bit++)
		net->addr[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
}

bool policy_parse_net(const char *text, size_t length, struct rule_net *ret)
{
	const char *slash = memchr(text, '/', length);
	size_t n = slash ? (size_t)(slash - text) : length;
	char word[WORD_MAX];
	uint64_t bits;
	bool is_v4;

	if (n >= sizeof(word))
		return false;
	memcpy(word, text, n);
	word[n] = '\0';
	*ret = (struct rule_net){ .bits = 128 };
	is_v4 = inet_pton(AF_INET, word, ret->addr + 12) == 1;
	if (is_v4)
		ret->addr[10] = ret->addr[11] = 0xff;
	else if (inet_pton(AF_INET6, word, ret->addr) != 1)
		return false;
	if (!slash)
		return true;
	if (!policy_parse_integer(slash + 1, length - n - 1, &bits) || bits > (is_v4 ? 32 : 128))
		return false;
	ret->bits = (uint8_t)(is_v4 ? bits + 96 : bits);
	clear_host_bits(ret);
	return true;
}

bool policy_parse_integer(const char *text, size_t length, uint64_t *ret)
{
	unsigned base = 10;
	uint64_t value = 0;
	size_t i = 0;

	if (length > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
		base = 16;
		i = 2;
	} else if (length > 1 && text[0] == '0') {
		base = 8;
		i = 1;
	}
	if (i == length)
		return false;
	for (; i < length; i++) {
		int digit = hex_digit(text[i]);

		if (digit < 0 || (unsigned)digit >= base ||
		    __builtin_mul_overflow(value, (uint64_t)base, &value) ||
		    __builtin_add_overflow(value, (uint64_t)digit, &value))
			return false;
	}
	*ret = value;
	return true;
}

/* An address at the head of what is left, with its /BITS; 0: none. */
static size_t address_length(const struct policy_lexer *l)
{
	size_t n = 0, colons = 0, dots = 0;

	while (hex_digit(peek(l, n)) >= 0 || peek(l, n) == ':' || peek(l, n) == '.') {
		colons += l->at[n] == ':';
		dots += l->at[n] == '.';
		n++;
	}
	if (colons < 2 && dots != 3)
		return 0;
	if (is_name_part(peek(l, n)))
		return 0;
	if (peek(l, n) == '/' && isdigit((unsigned char)peek(l, n + 1)))
		for (n++; is_name_part(peek(l, n)); n++)
			;
	return n;
}

static bool lex_address(struct policy_lexer *l, struct policy_token *t)
{
	size_t n = address_length(l);

	if (!n)
		return false;
	if (!policy_parse_net(l->at, n, &t->net)) {
		if (!isdigit((unsigned char)*l->at))
			return false;
		policy_error(l->file, t->at, "'%.*s' is no address",
			     (int)(n < WORD_MAX ? n : WORD_MAX), l->at);
	}
	t->kind = TOKEN_ADDRESS;
	t->bytes = l->at;
	t->length = (uint32_t)n;
	l->at += n;
	return true;
}

static void lex_number(struct policy_lexer *l, struct policy_token *t)
{
	char word[WORD_MAX];
	size_t n = 0;

	while (is_name_part(peek(l, n)))
		n++;
	t->kind = TOKEN_INTEGER;
	t->bytes = l->at;
	t->length = (uint32_t)n;
	l->at += n;
	if (policy_parse_integer(t->bytes, n, &t->number))
		return;
	if (n < sizeof(word)) {
		memcpy(word, t->bytes, n);
		word[n] = '\0';
		if (isalpha((unsigned char)word[n - 1]) &&
		    reel_parse_duration(word, &t->number, NULL) == 0) {
			t->kind = TOKEN_DURATION;
			return;
		}
	}
	policy_error(l->file, t->at, "'%.*s' is no number%s", (int)(n < WORD_MAX ? n : WORD_MAX),
		     t->bytes, t->bytes[0] == '0' && n > 1 ? " (a leading 0 means octal)" : "");
}

/* Signs ---------------------------------------------------------------------------------------- */

static const struct sign {
	char text[4];
	uint8_t kind;
} signs[] = {
	/* Longer ones first. */
	{ "...", TOKEN_ELLIPSIS }, { "..", TOKEN_DOTS },	{ "==", TOKEN_EQ },
	{ "!=", TOKEN_NE },	   { "<=", TOKEN_LE },		{ ">=", TOKEN_GE },
	{ "=~", TOKEN_MATCH },	   { "!~", TOKEN_NO_MATCH },	{ "=", TOKEN_EQ },
	{ "<", TOKEN_LT },	   { ">", TOKEN_GT },		{ "&", TOKEN_AND_SIGN },
	{ "{", TOKEN_OPEN_BRACE }, { "}", TOKEN_CLOSE_BRACE },	{ "(", TOKEN_OPEN },
	{ ")", TOKEN_CLOSE },	   { "[", TOKEN_OPEN_BRACKET }, { "]", TOKEN_CLOSE_BRACKET },
	{ ",", TOKEN_COMMA },	   { "|", TOKEN_PIPE },		{ "?", TOKEN_QUESTION },
	{ ":", TOKEN_COLON },	   { "-", TOKEN_MINUS },
};

/* What other languages write. */
static const struct foreign {
	char text[4];
	char ours[4];
} foreigns[] = { { "&&", "and" }, { "||", "or" } };

static bool stands_here(const struct policy_lexer *l, const char *text)
{
	size_t n;

	if (*l->at != *text)
		return false;
	n = strlen(text);
	return (size_t)(l->end - l->at) >= n && memcmp(l->at, text, n) == 0;
}

static bool lex_foreign(struct policy_lexer *l, struct policy_token *t)
{
	const char *ours = NULL;
	size_t n = 1;

	for (size_t i = 0; i < sizeof(foreigns) / sizeof(foreigns[0]) && !ours; i++) {
		if (stands_here(l, foreigns[i].text)) {
			ours = foreigns[i].ours;
			n = strlen(foreigns[i].text);
		}
	}
	if (!ours && *l->at == '!')
		ours = "not";
	if (!ours)
		return false;
	policy_error(l->file, t->at, "'%.*s' is written '%s'", (int)n, l->at, ours);
	t->kind = TOKEN_NAME;
	t->bytes = ours;
	t->length = (uint32_t)strlen(ours);
	l->at += n;
	return true;
}

static bool lex_sign(struct policy_lexer *l, struct policy_token *t)
{
	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
		if (stands_here(l, signs[i].text)) {
			t->kind = signs[i].kind;
			t->bytes = l->at;
			t->length = (uint32_t)strlen(signs[i].text);
			l->at += t->length;
			return true;
		}
	}
	return false;
}

static void lex_name(struct policy_lexer *l, struct policy_token *t)
{
	size_t n = 0;

	while (is_name_part(peek(l, n)) || (peek(l, n) == '.' && is_name_begin(peek(l, n + 1))))
		n++;
	t->kind = TOKEN_NAME;
	t->bytes = l->at;
	t->length = (uint32_t)n;
	l->at += n;
}

static bool lex_any(struct policy_lexer *l, struct policy_token *t)
{
	char c = *l->at;

	if ((hex_digit(c) >= 0 || c == ':') && lex_address(l, t))
		return true;
	if (is_name_begin(c))
		lex_name(l, t);
	else if (isdigit((unsigned char)c))
		lex_number(l, t);
	else if (c == '"')
		lex_string(l, t);
	else if (stands_here(l, "!=") || stands_here(l, "!~"))
		return lex_sign(l, t);
	else
		return lex_foreign(l, t) || lex_sign(l, t);
	return true;
}

void policy_lexer_next(struct policy_lexer *l, struct policy_token *ret)
{
	struct policy_at wrong = { 0, 0 };

	*ret = (struct policy_token){ 0 };
	for (;;) {
		skip_blanks(l, ret);
		ret->at = here(l);
		if (l->at >= l->end)
			return;
		if (skip_foreign_comment(l, ret->at))
			continue;
		if (lex_any(l, ret))
			return;
		/* Of several in a row one word is enough. */
		if (wrong.line != ret->at.line || wrong.column + 1 != ret->at.column)
			policy_error(l->file, ret->at,
				     isgraph((unsigned char)*l->at) ?
					     "'%c' means nothing here" :
					     "byte 0x%02x means nothing here",
				     (unsigned char)*l->at);
		wrong = ret->at;
		l->at++;
	}
}

void policy_token_name(const struct policy_token *t, char *text, size_t size)
{
	int shown = (int)(t->length < 40 ? t->length : 40);

	if (t->kind == TOKEN_END)
		(void)snprintf(text, size, "the end of the file");
	else if (t->kind == TOKEN_STRING)
		(void)snprintf(text, size, "a string");
	else
		(void)snprintf(text, size, "'%.*s'", shown, t->bytes);
}
