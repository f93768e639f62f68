/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay/falco_parse.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

const char *const falco_op_words[FALCO_OPS] = {
	[FALCO_EQ] = "=",
	[FALCO_NE] = "!=",
	[FALCO_LT] = "<",
	[FALCO_LE] = "<=",
	[FALCO_GT] = ">",
	[FALCO_GE] = ">=",
	[FALCO_EXISTS] = "exists",
	[FALCO_CONTAINS] = "contains",
	[FALCO_ICONTAINS] = "icontains",
	[FALCO_BCONTAINS] = "bcontains",
	[FALCO_STARTSWITH] = "startswith",
	[FALCO_BSTARTSWITH] = "bstartswith",
	[FALCO_ENDSWITH] = "endswith",
	[FALCO_GLOB] = "glob",
	[FALCO_IGLOB] = "iglob",
	[FALCO_REGEX] = "regex",
	[FALCO_IN] = "in",
	[FALCO_INTERSECTS] = "intersects",
	[FALCO_PMATCH] = "pmatch",
};

static const char *const quantity_words[] = {
	[FALCO_ANYOF] = "anyof",
	[FALCO_ALLOF] = "allof",
	[FALCO_ONEOF] = "oneof",
};

/* Those of one field. */
static const char *const transform_words[] = { "tolower", "toupper", "b64", "basename", "len" };
/* And those of several values. */
static const char *const call_words[FALCO_CALLS] = {
	[FALCO_CONCAT] = "concat",
	[FALCO_JOIN] = "join",
	[FALCO_GETOPT] = "getopt",
};

struct parser {
	struct arena *memory;
	const char *text;
	size_t at, length;
	unsigned depth, calls;
	bool is_out_of_memory;
	struct reel_err *err;
};

static int failed(struct parser *p, const char *wanted)
{
	size_t left = p->length - p->at;
	int n = left < 24 ? (int)left : 24;

	if (p->is_out_of_memory)
		return reel_err_set(p->err, -ENOMEM, "no memory for the rules");
	if (!n)
		return reel_err_set(p->err, -EINVAL, "%s expected at the end of the condition",
				    wanted);
	return reel_err_set(p->err, -EINVAL, "%s expected at character %zu, '%.*s'", wanted,
			    p->at + 1, n, p->text + p->at);
}

static void *allocate(struct parser *p, size_t bytes)
{
	void *memory = arena_alloc(p->memory, bytes);

	if (memory)
		memset(memory, 0, bytes);
	else
		p->is_out_of_memory = true;
	return memory;
}

static char *keep(struct parser *p, size_t from, size_t to)
{
	char *text = arena_text(p->memory, p->text + from, to - from);

	p->is_out_of_memory |= !text;
	return text;
}

/* Characters ----------------------------------------------------------------------------------- */

static int at(const struct parser *p, size_t ahead)
{
	return p->at + ahead < p->length ? (unsigned char)p->text[p->at + ahead] : -1;
}

static bool is_blank(int c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\b' || c == '\v' ||
	       c == '\f';
}

static void skip_blanks(struct parser *p)
{
	while (is_blank(at(p, 0)))
		p->at++;
}

static bool take(struct parser *p, char c)
{
	if (at(p, 0) != c)
		return false;
	p->at++;
	return true;
}

static bool is_name(int c)
{
	return c >= 0 && (isalnum(c) || c == '_');
}

/* A word that goes on with nothing that could belong to it. */
static bool take_word(struct parser *p, const char *word)
{
	size_t n = strlen(word);

	if (p->length - p->at < n || memcmp(p->text + p->at, word, n) != 0 ||
	    (is_name(at(p, n)) || at(p, n) == '.'))
		return false;
	p->at += n;
	return true;
}

/* `and`, `or` and `not` need something that ends them. */
static bool take_connective(struct parser *p, const char *word)
{
	size_t n = strlen(word);

	skip_blanks(p);
	if (p->length - p->at < n || memcmp(p->text + p->at, word, n) != 0 ||
	    !(is_blank(at(p, n)) || at(p, n) == '('))
		return false;
	p->at += n;
	return true;
}

/* Letters, then letters, digits and low lines; DOTS: several with dots between. 0: none. */
static size_t name_length(const struct parser *p, bool dots)
{
	size_t n = 0;

	for (;;) {
		int c = at(p, n);

		if (c < 0 || !isalpha(c))
			return 0;
		while (is_name(at(p, n)))
			n++;
		if (!dots || at(p, n) != '.')
			return n;
		n++;
	}
}

/* Values --------------------------------------------------------------------------------------- */

static int unescape(int c)
{
	static const char names[] = "bfnrt\\\"' ", means[] = "\b\f\n\r\t\\\"' ";
	const char *found = c > 0 ? strchr(names, c) : NULL;

	return found ? means[found - names] : -1;
}

static int parse_quoted(struct parser *p, struct falco_text *ret)
{
	char quote = p->text[p->at++];
	char *to = allocate(p, p->length - p->at + 1);
	uint32_t n = 0;

	for (; to && at(p, 0) >= 0; p->at++) {
		int c = at(p, 0);

		if (c == quote) {
			p->at++;
			*ret = (struct falco_text){ to, n };
			return 0;
		}
		if (c == '\\') {
			p->at++;
			c = unescape(at(p, 0));
			if (c < 0)
				return failed(p, "an escape that there is");
		}
		to[n++] = (char)c;
	}
	return failed(p, "the end of a quoted string");
}

static bool is_bare(int c)
{
	return c >= 0 && !is_blank(c) && !strchr("()\"'=,", c);
}

static int parse_string(struct parser *p, struct falco_text *ret)
{
	size_t from;

	skip_blanks(p);
	if (at(p, 0) == '"' || at(p, 0) == '\'')
		return parse_quoted(p, ret);
	for (from = p->at; is_bare(at(p, 0)); p->at++)
		;
	if (from == p->at)
		return failed(p, "a value");
	*ret = (struct falco_text){ keep(p, from, p->at), (uint32_t)(p->at - from) };
	return ret->bytes ? 0 : failed(p, "a value");
}

static int add_value(struct parser *p, struct falco_node *to, uint32_t *room)
{
	struct falco_text value;
	int r = parse_string(p, &value);

	if (r < 0)
		return r;
	if (to->n == *room) {
		uint32_t more = *room ? 2 * *room : 8;
		struct falco_text *larger = allocate(p, more * sizeof(*larger));

		if (!larger)
			return failed(p, "a value");
		if (to->n)
			memcpy(larger, to->values, to->n * sizeof(*larger));
		to->values = larger;
		*room = more;
	}
	to->values[to->n++] = value;
	return 0;
}

static int parse_list(struct parser *p, struct falco_node *to)
{
	uint32_t room = 0;
	int r;

	skip_blanks(p);
	if (!take(p, '('))
		return failed(p, "'(' and a list");
	skip_blanks(p);
	if (take(p, ')'))
		return 0;
	for (;;) {
		r = add_value(p, to, &room);
		if (r < 0)
			return r;
		skip_blanks(p);
		if (take(p, ')'))
			return 0;
		if (!take(p, ','))
			return failed(p, "',' or ')'");
	}
}

/* Fields --------------------------------------------------------------------------------------- */

static int parse_argument(struct parser *p, struct falco_operand *to)
{
	struct falco_text quoted;
	size_t from;
	int r;

	if (!take(p, '['))
		return 0;
	if (at(p, 0) == '"' || at(p, 0) == '\'') {
		r = parse_quoted(p, &quoted);
		if (r < 0)
			return r;
		to->argument = quoted.bytes;
	} else {
		for (from = p->at;
		     at(p, 0) >= 0 && !is_blank(at(p, 0)) && !strchr("[]\"'", at(p, 0)); p->at++)
			;
		if (from == p->at)
			return failed(p, "an argument of the field");
		to->argument = keep(p, from, p->at);
	}
	return take(p, ']') && to->argument ? 0 : failed(p, "']'");
}

static int parse_field(struct parser *p, struct falco_operand *to)
{
	size_t n = name_length(p, true);

	if (!n || !memchr(p->text + p->at, '.', n))
		return failed(p, "a field");
	to->field = keep(p, p->at, p->at + n);
	p->at += n;
	return to->field ? parse_argument(p, to) : failed(p, "a field");
}

static const char *take_call(struct parser *p, const char *const *words, size_t n_words)
{
	size_t before = p->at;

	for (size_t i = 0; i < n_words; i++) {
		if (!take_word(p, words[i]))
			continue;
		skip_blanks(p);
		if (take(p, '('))
			return words[i];
		p->at = before;
	}
	return NULL;
}

static int parse_operand(struct parser *p, struct falco_operand *to);
static bool is_operand(struct parser *p);
static int parse_parts(struct parser *p, bool in_list, struct falco_part **ret, uint32_t *ret_n);

static bool is_field(const struct parser *p)
{
	size_t n = name_length(p, true);

	return n && memchr(p->text + p->at, '.', n);
}

static int parse_part(struct parser *p, bool in_list, struct falco_part *ret)
{
	skip_blanks(p);
	if (!in_list && take(p, '(')) {
		ret->kind = FALCO_LIST;
		return parse_parts(p, true, &ret->items, &ret->n_items);
	}
	if (!is_field(p) && !is_operand(p)) {
		ret->kind = FALCO_LITERAL;
		return parse_string(p, &ret->literal);
	}
	ret->kind = FALCO_OPERAND;
	ret->operand = allocate(p, sizeof(*ret->operand));
	return ret->operand ? parse_operand(p, ret->operand) : failed(p, "a value");
}

/* Behind the bracket, with the one that closes it. */
static int parse_parts(struct parser *p, bool in_list, struct falco_part **ret, uint32_t *ret_n)
{
	struct falco_part *parts = allocate(p, FALCO_PARTS_MAX * sizeof(*parts));
	uint32_t n = 0;

	if (!parts)
		return failed(p, "a value");
	skip_blanks(p);
	while (n || !take(p, ')')) {
		int r;

		if (n == FALCO_PARTS_MAX)
			return failed(p, "no more than sixteen values");
		r = parse_part(p, in_list, &parts[n++]);
		if (r < 0)
			return r;
		skip_blanks(p);
		if (take(p, ')'))
			break;
		if (!take(p, ','))
			return failed(p, "',' or ')'");
	}
	*ret = parts;
	*ret_n = n;
	return 0;
}

/* Behind its bracket; FROM: where its name begins. */
static int parse_call(struct parser *p, enum falco_call_kind kind, size_t from,
		      struct falco_operand *to)
{
	struct falco_call *call = allocate(p, sizeof(*call));
	int r;

	if (!call)
		return failed(p, "a value");
	if (p->calls == FALCO_CALLS_DEEP)
		return failed(p, "no more than four calls in one another");
	p->calls++;
	r = parse_parts(p, false, &call->parts, &call->n);
	p->calls--;
	if (r == 0)
		r = parse_argument(p, to);
	if (r < 0)
		return r;
	if (memchr(p->text + from, 0, p->at - from))
		return failed(p, "no byte of value 0 before this");
	call->kind = (uint8_t)kind;
	call->text = keep(p, from, p->at);
	to->field = call_words[kind];
	to->call = call;
	return call->text ? 0 : failed(p, "a value");
}

static int parse_field_or_call(struct parser *p, struct falco_operand *to)
{
	size_t from = p->at;

	for (unsigned kind = 0; kind < FALCO_CALLS; kind++)
		if (take_call(p, &call_words[kind], 1))
			return parse_call(p, (enum falco_call_kind)kind, from, to);
	return parse_field(p, to);
}

static int parse_operand(struct parser *p, struct falco_operand *to)
{
	const char *outer[FALCO_TRANSFORMS_MAX], *word;
	unsigned n = 0;
	int r;

	skip_blanks(p);
	while ((word = take_call(p, transform_words,
				 sizeof(transform_words) / sizeof(*transform_words)))) {
		if (n == FALCO_TRANSFORMS_MAX)
			return failed(p, "no more than four transformers");
		outer[n++] = word;
		skip_blanks(p);
	}
	r = parse_field_or_call(p, to);
	for (unsigned i = 0; r == 0 && i < n; i++) {
		to->transforms[to->n_transforms++] = outer[n - 1 - i];
		skip_blanks(p);
		if (!take(p, ')'))
			r = failed(p, "')'");
	}
	return r;
}

/* Whether a transformer, or val(), begins here: a field is on the right, too. */
static bool is_operand(struct parser *p)
{
	size_t before = p->at;
	bool is;

	skip_blanks(p);
	is = take_call(p, transform_words, sizeof(transform_words) / sizeof(*transform_words)) ||
	     take_call(p, call_words, FALCO_CALLS);
	p->at = before;
	return is;
}

/* Tests ---------------------------------------------------------------------------------------- */

static bool take_operator(struct parser *p, uint8_t *ret)
{
	/* Those that begin like another come first. */
	static const uint8_t signs[] = {
		FALCO_NE, FALCO_LE, FALCO_GE, FALCO_LT, FALCO_GT, FALCO_EQ
	};

	skip_blanks(p);
	if (at(p, 0) == '=' && at(p, 1) == '=') {
		p->at += 2;
		*ret = FALCO_EQ;
		return true;
	}
	for (size_t i = 0; i < sizeof(signs); i++) {
		size_t n = strlen(falco_op_words[signs[i]]);

		if (p->length - p->at < n ||
		    memcmp(p->text + p->at, falco_op_words[signs[i]], n) != 0)
			continue;
		p->at += n;
		*ret = signs[i];
		return true;
	}
	for (unsigned op = FALCO_EXISTS; op < FALCO_OPS; op++) {
		if (take_word(p, falco_op_words[op])) {
			*ret = (uint8_t)op;
			return true;
		}
	}
	return false;
}

static uint8_t take_quantity(struct parser *p)
{
	skip_blanks(p);
	for (uint8_t q = FALCO_ANYOF; q <= FALCO_ONEOF; q++)
		if (take_word(p, quantity_words[q]))
			return q;
	return FALCO_ONE_VALUE;
}

static int parse_right(struct parser *p, struct falco_node *to)
{
	static const char *const val[] = { "val" };
	uint32_t room = 0;
	int r;

	if (to->op == FALCO_EXISTS)
		return 0;
	skip_blanks(p);
	to->has_right = true;
	if (take_call(p, val, 1)) {
		skip_blanks(p);
		r = parse_field(p, &to->right);
		skip_blanks(p);
		if (r == 0 && !take(p, ')'))
			r = failed(p, "')'");
		return r;
	}
	if (is_operand(p))
		return parse_operand(p, &to->right);
	to->has_right = false;
	if (to->op >= FALCO_IN)
		return parse_list(p, to);
	if (to->op == FALCO_EQ || to->op >= FALCO_CONTAINS)
		to->quantity = take_quantity(p);
	return to->quantity ? parse_list(p, to) : add_value(p, to, &room);
}

static struct falco_node *new_node(struct parser *p, enum falco_kind kind)
{
	struct falco_node *n = allocate(p, sizeof(*n));

	if (n)
		n->kind = (uint8_t)kind;
	return n;
}

static int parse_test(struct parser *p, struct falco_node **ret)
{
	struct falco_node *n = new_node(p, FALCO_TEST);
	int r = n ? parse_operand(p, &n->left) : failed(p, "a test");

	if (r == 0 && !take_operator(p, &n->op))
		r = failed(p, "an operator");
	if (r == 0)
		r = parse_right(p, n);
	*ret = n;
	return r;
}

static int parse_macro(struct parser *p, struct falco_node **ret)
{
	size_t n = name_length(p, false);

	if (!n)
		return failed(p, "a field, a macro or '('");
	*ret = new_node(p, FALCO_MACRO);
	if (!*ret)
		return failed(p, "a macro");
	(*ret)->name = keep(p, p->at, p->at + n);
	p->at += n;
	return (*ret)->name ? 0 : failed(p, "a macro");
}

/* Expressions ---------------------------------------------------------------------------------- */

static int parse_or(struct parser *p, struct falco_node **ret);

static int parse_check(struct parser *p, struct falco_node **ret)
{
	int r;

	skip_blanks(p);
	if (take(p, '(')) {
		r = parse_or(p, ret);
		skip_blanks(p);
		return r == 0 && !take(p, ')') ? failed(p, "')'") : r;
	}
	if (is_field(p) || is_operand(p))
		return parse_test(p, ret);
	return parse_macro(p, ret);
}

static int parse_not(struct parser *p, struct falco_node **ret)
{
	struct falco_node *inner = NULL, *n;
	unsigned nots = 0;
	int r;

	while (take_connective(p, "not"))
		nots++;
	r = parse_check(p, &inner);
	*ret = inner;
	if (r < 0 || nots % 2 == 0)
		return r;
	n = new_node(p, FALCO_NOT);
	if (n)
		n->nodes = allocate(p, sizeof(struct falco_node *));
	if (!n || !n->nodes)
		return failed(p, "a test");
	n->n = 1;
	n->nodes[0] = inner;
	*ret = n;
	return 0;
}

static int parse_several(struct parser *p, enum falco_kind kind, struct falco_node **ret)
{
	const char *word = kind == FALCO_AND ? "and" : "or";
	struct falco_node *n = NULL, *one;
	uint32_t room = 0;
	int r;

	do {
		r = kind == FALCO_AND ? parse_not(p, &one) : parse_several(p, FALCO_AND, &one);
		if (r < 0)
			return r;
		if (!n) {
			n = new_node(p, kind);
			if (!n)
				return failed(p, "a test");
		}
		if (n->n == room) {
			uint32_t more = room ? 2 * room : 4;
			struct falco_node **larger =
				allocate(p, more * sizeof(struct falco_node *));

			if (!larger)
				return failed(p, "a test");
			if (n->n)
				memcpy(larger, n->nodes, n->n * sizeof(struct falco_node *));
			n->nodes = larger;
			room = more;
		}
		n->nodes[n->n++] = one;
	} while (take_connective(p, word));
	*ret = n->n == 1 ? n->nodes[0] : n;
	return 0;
}

static int parse_or(struct parser *p, struct falco_node **ret)
{
	int r;

	if (++p->depth > FALCO_DEPTH_MAX)
		return reel_err_set(p->err, -EINVAL, "brackets are nested deeper than %d",
				    FALCO_DEPTH_MAX);
	r = parse_several(p, FALCO_OR, ret);
	p->depth--;
	return r;
}

int falco_parse(struct arena *memory, const char *text, size_t length, struct falco_node **ret,
		struct reel_err *err)
{
	struct parser p = { .memory = memory, .text = text, .length = length, .err = err };
	int r = parse_or(&p, ret);

	skip_blanks(&p);
	if (r == 0 && p.at < p.length)
		r = failed(&p, "'and', 'or' or the end");
	return r;
}

int falco_parse_operand(struct arena *memory, const char *text, struct falco_operand *ret,
			size_t *ret_length, struct reel_err *err)
{
	struct parser p = { .memory = memory, .text = text, .length = strlen(text), .err = err };
	int r = 0;

	memset(ret, 0, sizeof(*ret));
	if (isalpha((unsigned char)*text) && is_operand(&p))
		r = parse_operand(&p, ret);
	*ret_length = p.at;
	return r;
}
